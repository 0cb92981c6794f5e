"""What a programme is worth, against closed forms."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from pmbudget.appraisal.worth import programme_totals, programme_worth
from pmbudget.programme.budget import cost_by_start

YEARS = [2027, 2028, 2029]


@pytest.fixture
def made():
    """100 eligible a year; nobody, or from the second year half, get the new strategy: 1,000 SEK and a tenth of a QALY more."""
    years = {"year": YEARS}
    mixes, fates = {"mix": ["today", "unplanned", "new"]}, {"fate": ["old", "new"]}
    moved = xr.DataArray([[0, 0, 0], [0, 0, 0], [0, 50.0, 50.0]], coords={**mixes, **years}, dims=("mix", "year"))
    patients = xr.concat([100 - moved, moved], dim="fate").assign_coords(fates).expand_dims(draw=2, region=["01"])
    spent = xr.DataArray([[0, 0, 0], [0, 0, 0], [300.0, 0, 0]], coords={**mixes, **years}, dims=("mix", "year"))
    per_patient = SimpleNamespace(
        cost=xr.DataArray(np.zeros((2, 2)), dims=("draw", "strategy"), coords={"strategy": ["old", "new"]}),
        fate_qaly=xr.DataArray([[1.0, 1.1]] * 2, dims=("draw", "fate"), coords=fates),
    )
    reach = SimpleNamespace(patients=patients.transpose("draw", "mix", "fate", "region", "year"), supply=None)
    spending = SimpleNamespace(
        start_cost=xr.DataArray([500.0, 1500.0], coords=fates, dims="fate").expand_dims(
            draw=2, mix=mixes["mix"], year=YEARS
        ),
        beside_cost=spent.expand_dims(draw=2),
        residual=(spent * 0 + 30.0 * (spent["mix"] == "new")).expand_dims(draw=2),
    )
    return per_patient, reach, spending


def totals(made, years=YEARS, rate=0.03):
    return programme_totals(*made, broad=["new"], comparator="old", years=years, rate_cost=rate, rate_qaly=rate)


def test_c_a_programme_is_the_present_value_of_what_it_adds(made):
    worth = programme_worth(totals(made), reference="today", wtp=[20000.0])
    persons = 50 / 1.03 + 50 / 1.03**2
    assert float(worth["tests"][0]) == 100
    assert float(worth["qaly"][0]) == pytest.approx(0.1 * persons)
    assert float(worth["cost"][0]) == pytest.approx(1000 * persons + 300 - 30 / 1.03**3)
    assert float(worth["inmb"][0, 0]) == pytest.approx(20000 * 0.1 * persons - 1000 * persons - 300 + 30 / 1.03**3)


def test_c_years_after_the_period_are_of_no_matter(made):
    worth = programme_worth(totals(made, YEARS[:2]), reference="today", wtp=[1.0])
    assert float(worth["tests"][0]) == 50
    assert float(worth["cost"][0]) == pytest.approx(1000 * 50 / 1.03 + 300 - 30 / 1.03**2)


def test_c_who_waits_when_the_period_ends_has_the_comparators_course_in_every_mix(made):
    _, reach, _ = made
    waits = 0 * reach.patients.sel(fate="new", drop=True)
    waits.loc[{"mix": "new", "year": 2028}] = 20.0
    later = reach.patients.copy()
    later.loc[{"mix": "new", "fate": "new", "year": 2028}] -= 20.0
    later.loc[{"mix": "new", "fate": "new", "year": 2029}] += 20.0
    reach.patients, reach.supply = later, xr.Dataset({"waiting": waits})
    found = programme_worth(totals(made, YEARS[:2]), reference="today", wtp=[1.0])
    assert float(found["waiting"][0]) == 20
    assert float(found["qaly"][0]) == pytest.approx(0.1 * 30 / 1.03)
    everybody = reach.patients.sel(year=YEARS[:2]).sum(["fate", "year"]) + waits.sel(year=2028)
    assert (everybody == 200).all()


def test_c_a_cohort_meets_the_prices_of_its_own_years():
    coords = {"resource": ["kit", "care"]}
    outcomes = xr.Dataset(
        {
            "cost": xr.DataArray(
                [[[[0.0, 10.0], [0.0, 10.0]]]], dims=("draw", "strategy", "year_since_start", "resource"), coords=coords
            ),
            "cost_once": xr.DataArray([[[100.0, 0.0]]], dims=("draw", "strategy", "resource"), coords=coords),
        },
        coords={"strategy": ["new"], "year_since_start": [0, 1]},
    )
    factor = xr.DataArray(
        [[[[1.0, 1.0], [0.5, 1.0]]]],
        dims=("draw", "mix", "year", "resource"),
        coords={"mix": ["new"], "year": [2027, 2028], **coords},
    )
    found = cost_by_start(outcomes, factor, xr.DataArray(0.0)).squeeze()
    assert found.to_numpy().tolist() == [120.0, 70.0]


def test_c_flows_straddle_two_years_of_prices_and_prices_stay_after_the_last():
    coords = {"resource": ["care"]}
    outcomes = xr.Dataset(
        {
            "cost": xr.DataArray(
                [[[[10.0], [10.0]]]], dims=("draw", "strategy", "year_since_start", "resource"), coords=coords
            ),
            "cost_once": xr.DataArray([[[0.0]]], dims=("draw", "strategy", "resource"), coords=coords),
        },
        coords={"strategy": ["new"], "year_since_start": [0, 1]},
    )
    factor = xr.DataArray(
        [[[[1.0], [2.0]]]],
        dims=("draw", "mix", "year", "resource"),
        coords={"mix": ["new"], "year": [2027, 2028], **coords},
    )
    found = cost_by_start(outcomes, factor, xr.DataArray(0.0)).squeeze()
    assert found.to_numpy().tolist() == [10 * 1.5 + 10 * 2.0, 10 * 2.0 + 10 * 2.0]
