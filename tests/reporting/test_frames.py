import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pmbudget.appraisal.worth import added_worth
from pmbudget.patient.per_patient import staff_share
from pmbudget.reporting import frames, store, summary
from pmbudget.vocabulary import REGION_PAYERS

SHARES = {"cost": 0.9, "cost_patient": 0.5, "variance_today": 0.8, "variance_unplanned": 0.7, "variance_inmb": 0.6}


@pytest.fixture(scope="module")
def worths(scenario, results):
    return added_worth(scenario, results.worth)


@pytest.fixture(scope="module")
def figures(scenario, results, worths):
    return summary.key_figures(scenario, results, worths, SHARES)


def test_an_interval_is_mean_and_the_outer_forty_to_one():
    frame = frames.interval_frame(xr.DataArray(np.arange(1001.0), dims="draw"))
    assert frame.iloc[0].tolist() == pytest.approx([500.0, 25.0, 975.0])


def test_budget_rows_are_the_mixes_and_both_differences(results):
    frame = frames.budget_frame(results).set_index(["mix", "region", "year", "payer"])["mean"]
    at = ("12", 2030, "clinic")
    assert frame["new_minus_today"][at] == pytest.approx(frame["new"][at] - frame["today"][at])
    assert frame["new_minus_unplanned"][at] == pytest.approx(frame["new"][at] - frame["unplanned"][at])


def test_regions_together_and_all_payers_add_up(results):
    grouped = frames.with_groups(results.settlement.budget)
    own = grouped.sel(payer=list(REGION_PAYERS)).sum("payer")
    np.testing.assert_allclose(grouped.sel(payer="regions_together"), own)
    others = grouped.sel(payer=["university", "patient", "manufacturer"]).sum("payer")
    np.testing.assert_allclose(grouped.sel(payer="others"), others, atol=1e-3)
    np.testing.assert_allclose(grouped.sel(payer="all"), own + grouped.sel(payer="state") + others)


def test_five_years_and_per_inhabitant_follow_from_the_yearly_budget(scenario, results, figures):
    rows = figures.set_index(["measure", "reference", "period", "payer"])["mean"]
    net = (
        results.settlement.net_budget("today")
        .sel(year=scenario.years[:5])
        .sum(["region", "year", "payer"])
        .mean("draw")
    )
    assert rows["net_budget", "today", "2027–2031", "all"] == pytest.approx(float(net))
    per_head = rows["net_budget_per_inhabitant", "today", "2027–2031", "all"]
    assert per_head == pytest.approx(float(net) / scenario.regions["population"].sum())


def test_staff_share_is_computed_from_the_cost_of_diagnostics(scenario, results):
    once = results.per_patient.outcomes["cost_once"].sel(strategy="panel_safety_net")
    laboratory = once.sel(
        resource=[
            name
            for name in once["resource"].to_numpy()
            if name.startswith(("laboratory", "sequencing", "staff", "rebiopsy"))
        ]
    )
    staff = once.sel(resource=[name for name in once["resource"].to_numpy() if name.startswith("staff")])
    assert float(staff_share(once, scenario.case)) == pytest.approx(float(staff.sum() / laboratory.sum()))


def test_a_run_is_stored_and_read_again(tmp_path, scenario, results, worths, figures):
    run = tmp_path / "even-1"
    run.mkdir()
    store.store_budget(str(run), scenario, results, worths, SHARES, None)
    (found,) = store.load_runs(tmp_path)
    pd.testing.assert_frame_equal(found.figures, figures)
    assert (found.folder, found.case_name, found.price_year) == ("even-1", "nsclc_panel", 2024)
    assert found.scenario == scenario.definition.label
    net = results.settlement.net_budget("today").sel(year=scenario.years[:5]).sum(["region", "year", "payer"])
    np.testing.assert_allclose(found.paired("net_budget", "today", "2027–2031"), net)
    text = (run / "summary.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbf")
    assert ";" in text.decode("utf-8-sig").splitlines()[0]


def test_nothing_is_stored_without_a_folder(scenario, results, worths, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store.store_budget("", scenario, results, worths, SHARES, None)
    assert list(tmp_path.iterdir()) == []
