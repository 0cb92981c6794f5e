"""Structural alternatives and further alterations: closed forms, and the same as a scenario that says so in its own file."""

from dataclasses import replace

import numpy as np
import pytest

from pmbudget.appraisal.increment import Increment
from pmbudget.appraisal.ranking import simulation_error
from pmbudget.inputs import load_scenario
from pmbudget.inputs.parameters import Text
from pmbudget.inputs.structures import Breadth, Structure
from pmbudget.patient.per_patient import increments
from pmbudget.questions import further_alterations, structures, tried_structures
from pmbudget.questions.breadth import break_even
from pmbudget.questions.structures import BASE, Structures
from pmbudget.road import evaluate, result_key

WTP = 1e6


@pytest.fixture(scope="module")
def tried(scenario, results, crude_fits):
    chosen = ("rebate_60", "horizon_5", "weibull", "panel_slow")
    kept = {name: scenario.case.structures[name] for name in chosen}
    case = scenario.case.model_copy(update={"structures": kept})
    with crude_fits():
        return tried_structures(replace(scenario, case=case), results)


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("rebate_60", {"rebate_benefit": 0.6, "rebate_procured": 0.6}),
        ("weibull", {"family_overall": 0}),
        ("panel_slow", {"turnaround_panel": 21}),
    ],
)
def test_an_alternative_is_what_a_scenario_with_its_overrides_is(tried, shipped, without_pymc, name, overrides):
    walked = evaluate(load_scenario("agreement_even", shipped, overrides), draws=500)
    cost, qaly = increments(walked.per_patient, load_scenario("agreement_even", shipped).case)
    np.testing.assert_allclose(tried.alternatives[name].cost, cost, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(tried.alternatives[name].qaly, qaly, rtol=1e-9, atol=1e-12)


def test_a_distribution_of_an_alternative_is_drawn_as_in_a_scenarios_file(shipped, without_pymc):
    chosen = load_scenario("agreement_even", shipped, case="fh_cascade")
    case = chosen.case.model_copy(update={"structures": {"cohort_effect": chosen.case.structures["cohort_effect"]}})
    found = tried_structures(replace(chosen, case=case), evaluate(chosen, draws=200))
    beside = load_scenario("fh_cascade/cohort_effect", shipped)
    cost, _ = increments(evaluate(beside, draws=200).per_patient, beside.case)
    np.testing.assert_allclose(found.alternatives["cohort_effect"].cost, cost, rtol=1e-9)


def test_another_strategy_is_that_of_the_main_analysis_and_walks_nobody(scenario, results, monkeypatch):
    monkeypatch.setattr(structures, "simulate", None)
    case, cost = scenario.case, results.per_patient.cost
    found = tried_structures(replace(scenario, case=case.model_copy(update={"structures": {}})), results)
    assert list(found.strategies) == [name for name in case.strategies if name not in (case.new, case.comparator)]
    added = cost.sel(strategy="rapid_first") - cost.sel(strategy=case.comparator)
    np.testing.assert_array_equal(found.strategies["rapid_first"].cost, added)


def test_the_strategy_in_use_has_a_row_where_another_is_rolled_out_and_that_one_has_none(scenario, results):
    case = scenario.case.model_copy(update={"new": "panel_without_kras", "structures": {}})
    found = tried_structures(replace(scenario, case=case), results)
    assert {*found.strategies} == {*case.strategies} - {"panel_without_kras", "sequential"}
    qaly = results.per_patient.qaly
    added = qaly.sel(strategy="panel_safety_net") - qaly.sel(strategy="sequential")
    np.testing.assert_array_equal(found.strategies["panel_safety_net"].qaly, added)


def test_another_comparator_is_an_alternative_and_walks_nobody(scenario, results, monkeypatch):
    monkeypatch.setattr(structures, "simulate", None)
    one = {"other": Structure(label=Text(sv="a", en="a"), group="comparator", comparator="panel")}
    found = tried_structures(replace(scenario, case=scenario.case.model_copy(update={"structures": one})), results)
    cost = results.per_patient.cost
    added = cost.sel(strategy=scenario.case.new) - cost.sel(strategy="panel")
    np.testing.assert_array_equal(found.alternatives["other"].cost, added)


def test_an_alternative_that_changes_nothing_pairs_with_the_main_analysis(scenario, results, without_pymc):
    same = {"same": scenario.case.structures["horizon_5"].model_copy(update={"horizon_years": 20})}
    found = tried_structures(replace(scenario, case=scenario.case.model_copy(update={"structures": same})), results)
    np.testing.assert_allclose(found.alternatives["same"].cost, found.base.cost, rtol=1e-9, atol=1e-6)
    assert found.is_same("same", WTP)


def test_only_the_two_strategies_compared_are_followed(scenario, results, without_pymc, monkeypatch):
    seen, simulate = [], structures.simulate

    def watched(draws, case, **asked):
        seen.append(list(case.strategies))
        return simulate(draws, case, **asked)

    monkeypatch.setattr(structures, "simulate", watched)
    one = {
        "panel_5": scenario.case.structures["horizon_5"].model_copy(update={"group": "strategy", "strategy": "panel"})
    }
    found = tried_structures(replace(scenario, case=scenario.case.model_copy(update={"structures": one})), results)
    assert seen == [["sequential", "panel"]]
    assert found.alternatives == {}
    assert list(found.strategies)[-1] == "panel_5"


def two_alone(scenario):
    """The scenario with the two strategies compared and nothing else to try."""
    case = scenario.case
    strategies = {name: case.strategies[name] for name in (case.comparator, case.new)}
    return replace(scenario, case=case.model_copy(update={"strategies": strategies, "structures": {}}))


def small(rng, few, shift=0.0, noise=0.0):
    """A main analysis of 4,000 draws and one alternative on the first ``few``: net benefit at 0 SEK per QALY is minus the cost."""
    base = rng.normal(0, 1000, 4000)
    other = base[:few] + shift + rng.normal(0, noise, few)
    return Structures(Increment.of(base, 0 * base), {"other": Increment.of(other, 0 * other)})


def test_the_mean_of_an_alternative_is_the_main_analysis_plus_the_paired_difference():
    found = small(np.random.default_rng(1), 1000, shift=50.0, noise=5.0)
    expected = found.base.cost.mean() + (found.alternatives["other"].cost - found.base.cost[:1000]).mean()
    assert found.moved("other").cost.mean() == pytest.approx(expected)
    assert found.difference("other", 0.0).mean() == pytest.approx(-50, abs=1)


def test_the_error_is_that_of_the_mean_over_repetitions():
    rng = np.random.default_rng(2)
    sets = [small(rng, 400, shift=100.0, noise=300.0) for _ in range(400)]
    means = [one.moved("other").benefit(0.0).mean() for one in sets]
    assert np.mean([one.error("other", 0.0) for one in sets]) == pytest.approx(np.std(means), rel=0.1)
    # By hand: the noise on 400 draws and the main analysis on 4,000.
    assert sets[0].error("other", 0.0) == pytest.approx(np.sqrt(300**2 / 400 + 1000**2 / 4000), rel=0.1)


def test_on_all_draws_the_error_is_that_of_the_alternative_itself():
    found = small(np.random.default_rng(3), 4000, noise=200.0)
    assert found.error("other", 0.0) == pytest.approx(simulation_error(found.alternatives["other"].cost), rel=1e-9)


@pytest.mark.parametrize(("shift", "decision", "same"), [(0.0, 0, True), (-200.0, 1, False), (200.0, -1, False)])
def test_a_decision_is_told_only_beyond_two_errors(shift, decision, same):
    found = small(np.random.default_rng(4), 1000, shift=shift, noise=20.0)
    frame = found.frame(0.0)
    assert (frame.loc["other", "decision"], found.is_same("other", 0.0)) == (decision, same)
    assert list(frame.index) == [BASE, "other"]


def test_other_strategies_are_held_beside_and_not_among_what_the_decision_must_survive():
    found = small(np.random.default_rng(5), 1000, shift=-200.0)
    beside = Increment.of(found.base.cost + 9000, 0 * found.base.cost)
    whole = replace(found, strategies={"third": beside})
    assert whole.frame(0.0).equals(found.frame(0.0))
    assert list(whole.whole_frame(0.0).index) == [BASE, "third", "other"]
    assert whole.difference("third", 0.0) == pytest.approx(-9000)
    assert whole.whole_frame(0.0).loc["third", "mean"] == pytest.approx(found.frame(0.0).loc[BASE, "mean"] - 9000)


def test_a_case_without_alternatives_tries_none(scenario, results):
    found = tried_structures(two_alone(scenario), results)
    assert found.rows == {}
    assert list(found.frame(WTP).index) == [BASE]


def test_a_result_is_kept_whatever_its_alternatives_are(scenario, without_pymc):
    case = scenario.case.model_copy(update={"structures": {}, "breadth": None})
    keys = {result_key(one, draws=500, seed=1) for one in (scenario, replace(scenario, case=case))}
    assert len(keys) == 1


def test_break_even_by_hand():
    # 2,000 SEK short, 2 per cent have it, half of them are treated: 200,000 each. At 1 per cent twice as much.
    found = break_even(np.array([-1000.0, -3000.0]), np.array([0.01, 0.02]), 0.5)
    assert found["mean"].tolist() == pytest.approx([400_000, 200_000])
    assert break_even(np.array([10.0, 20.0]), np.array([0.02]), 0.5)["mean"].iloc[0] < 0


def test_one_more_alteration_at_its_break_even_brings_the_net_benefit_to_0(scenario, parts):
    found = further_alterations(scenario, parts, wtp=WTP)
    gain = float((parts.benefit(scenario.case, WTP) * parts.share).sum("subgroup").mean())
    for prevalence, row in found.needed.iterrows():
        assert gain + prevalence * found.reach * row["mean"] == pytest.approx(0, abs=1e-6)
        assert WTP * row["qaly"] - found.cost == pytest.approx(row["mean"])
    if found.enough == found.enough:
        assert gain + found.enough * found.reach * found.benefit == pytest.approx(0, abs=1e-6)


def test_reach_and_gain_of_one_class_are_its_own(scenario, parts):
    one = scenario.case.model_copy(update={"breadth": Breadth(prevalences=(0.01,), like=("ret",))})
    found = further_alterations(replace(scenario, case=one), parts, wtp=WTP)
    share, of_ret = parts.share.sel(subgroup="ret"), {"subgroup": "ret", "strategy": scenario.case.new}
    treated = float((parts.treated.sel(of_ret) * share).mean())
    assert found.reach == pytest.approx(treated / float(share.mean()))
    more = treated - float((parts.treated.sel(subgroup="ret", strategy="sequential") * share).mean())
    gained = parts.qaly.sel(of_ret) - parts.qaly.sel(subgroup="ret", strategy="sequential")
    assert found.qaly * more == pytest.approx(float((gained * share).mean()))
    assert found.benefit == pytest.approx(WTP * found.qaly - found.cost)


def test_a_case_that_does_not_ask_gets_no_breadth(scenario, parts):
    assert (
        further_alterations(replace(scenario, case=scenario.case.model_copy(update={"breadth": None})), parts, wtp=WTP)
        is None
    )
