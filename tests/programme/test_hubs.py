import numpy as np
import pytest
import xarray as xr

from pmbudget.inputs import load_regions
from pmbudget.programme.hubs import DAYS, break_even_volume, laboratories, laboratory_service

REGIONS = ["01", "09", "14"]


@pytest.fixture(scope="module")
def regions(shipped):
    return load_regions(shipped)


def yearly(*samples):
    return xr.DataArray(
        [[each] for each in samples], dims=("region", "year"), coords={"region": REGIONS, "year": [2026]}
    )


def other(*samples):
    return xr.DataArray(list(samples), dims="region", coords={"region": REGIONS})


def hosts(*codes):
    return xr.DataArray(list(codes), dims="region", coords={"region": REGIONS})


TERMS = {
    "fixed_cost": 1e6,
    "cost_run": 40_000.0,
    "batch": 20.0,
    "longest_wait": 7.0,
    "transport_cost": 150.0,
    "transport_days": 1.5,
}


def test_own_laboratories_are_in_every_region(regions):
    assert (laboratories("own", regions) == laboratories("own", regions)["region"]).all()


def test_six_healthcare_regions_have_a_laboratory_at_a_university_hospital(regions):
    found = laboratories("healthcare_region", regions).to_series()
    assert found.nunique() == 6
    assert (regions.loc[found.unique(), "university_hospital"] != "").all()
    assert (regions.loc[found, "healthcare_region"].to_numpy() == regions["healthcare_region"].to_numpy()).all()
    assert found["09"] == "01"


def test_one_laboratory_serves_all(regions):
    assert laboratories("national", regions).to_series().unique().tolist() == ["01"]


def test_another_organisation_is_refused(regions):
    with pytest.raises(ValueError, match=r"organisation = 'county' is unknown; use own"):
        laboratories("county", regions)


def test_full_runs_by_hand():
    found = laboratory_service(
        yearly(2000, 40, 2000), hosts("01", "01", "14"), other_samples=other(1960, 0, 0), **TERMS
    )
    cost, days = (found[name].squeeze().to_series() for name in ("cost_per_sample", "days"))
    # 4,000 samples a year fill runs of twenty: 1e6 / 4,000 + 40,000 / 20.
    assert cost["01"] == pytest.approx(250 + 2000)
    assert cost["09"] == pytest.approx(250 + 2000 + 150)
    assert cost["14"] == pytest.approx(500 + 2000)
    assert days["01"] == pytest.approx(19 / 4000 * DAYS / 2)
    assert days["09"] == pytest.approx(days["01"] + 1.5)
    assert found["cost"].squeeze().to_series()["09"] == pytest.approx(40 * 2400)


def test_a_small_unit_pays_for_runs_that_it_does_not_fill():
    found = laboratory_service(yearly(1, DAYS / 7 * 4, 10_000), hosts(*REGIONS), other_samples=other(0, 0, 0), **TERMS)
    cost, days = (found[name].squeeze().to_series() for name in ("cost_per_sample", "days"))
    assert cost["01"] == pytest.approx(1e6 + 40_000)
    assert days["01"] == 0
    assert cost["09"] == pytest.approx(1e6 / (DAYS / 7 * 4) + 10_000)
    assert 0 < days["09"] <= 3.5


def test_cost_falls_with_volume_and_no_days_exceed_the_longest_wait():
    volumes = xr.DataArray(np.geomspace(1, 1e5, 60), dims="draw")
    found = laboratory_service(yearly(0, 0, 0) + volumes, hosts(*REGIONS), other_samples=other(0, 0, 0), **TERMS)
    assert (found["cost_per_sample"].diff("draw") <= 1e-9).all()
    assert float(found["days"].max()) <= 3.5


def test_from_the_break_even_volume_a_unit_of_one_s_own_costs_no_more():
    terms = {name: TERMS[name] for name in ("fixed_cost", "cost_run", "batch", "longest_wait")}
    # With full runs: V = fixed cost / (hub's cost - cost of a full run per sample).
    volume = break_even_volume(hub_cost_per_sample=2400.0, **terms)
    assert float(volume) == pytest.approx(1e6 / 400, rel=0.01)
    assert float(break_even_volume(hub_cost_per_sample=1999.0, **terms)) == np.inf
    by_draw = break_even_volume(hub_cost_per_sample=xr.DataArray([2400.0, 4000.0], dims="draw"), **terms)
    assert by_draw.to_numpy()[0] > by_draw.to_numpy()[1]
