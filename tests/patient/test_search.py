"""When tests are ordered and answered, against the same sums by hand."""

from statistics import NormalDist

import numpy as np
import pytest

from pmbudget.patient.search import answer_times


@pytest.fixture
def timed(few, scenario, setting):
    """Draws in which treatment can wait 14 days, a panel takes 10, a quick test 3 and a safety net is ordered after 7."""
    case, values = scenario.case, few
    for names, value in (
        ([case.pathway.timing.window], 14.0),
        ([case.pathway.timing.spread], 0.3),
        ([case.pathway.timing.laboratory], 0.4),
        (["turnaround_panel"], 10.0),
        (["turnaround_ihc", "turnaround_egfr"], 3.0),
        (["days_before_net"], 7.0),
        (["fail_single"], 0.05),
    ):
        values = setting(values, names, value)
    return values


def test_each_test_has_its_order_its_days_and_its_failures(timed, scenario):
    times = answer_times(timed, scenario.case, "panel_safety_net").isel(draw=0)
    steps = [step.test for step in scenario.case.strategies["panel_safety_net"].tests]
    assert times["test"].to_numpy().tolist() == steps
    by = times.to_dataframe()
    assert by.loc["dna_panel", ["ordered", "days"]].tolist() == [0, 10]
    assert by.loc["alk_ihc", ["ordered", "days", "fails"]].tolist() == [7, 3, 0.05]
    # What confirms a safety net waits for it.
    assert by.loc["ros1_fish", ["ordered", "days"]].tolist() == [7, 6]


def test_answers_before_treatment_spread_between_patients_and_laboratories(timed, scenario):
    share = answer_times(timed, scenario.case, "panel_safety_net")["before_treatment"]
    for test, left, days in (("dna_panel", 14, 10), ("alk_ihc", 7, 3), ("ros1_fish", 7, 6)):
        expected = NormalDist().cdf(np.log(left / days) / 0.5)
        np.testing.assert_allclose(share.sel(test=test), expected)


def test_a_case_without_timing_has_no_times(few, scenario):
    pathway = scenario.case.pathway.model_copy(update={"timing": None})
    untimed = scenario.case.model_copy(update={"pathway": pathway})
    assert answer_times(few, untimed, "sequential").sizes["test"] == 0
