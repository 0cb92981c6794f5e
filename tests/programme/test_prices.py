import numpy as np
import pytest
import xarray as xr

from pmbudget.inputs.price_paths import PriceChange
from pmbudget.patient import simulate
from pmbudget.programme import budget_impact, starts
from pmbudget.programme.prices import price_factor

YEARS = [2026, 2027, 2028]
PRICES = PriceChange(resources=("kits",), trend="trend", learning="b", years_before="before", wage_growth="wages")


def known(**values):
    return xr.Dataset({name: ("draw", np.full(2, value)) for name, value in values.items()})


def resources():
    coords = {
        "resource": ["kits", "hands", "beds"],
        "kind": ("resource", ["consumables", "staff", "care"]),
        "in_budget": ("resource", [True] * 3),
    }
    return xr.Dataset(coords=coords)


def volume(*by_year, mixes=("new",)):
    values = np.array(by_year, float) * np.ones((2, len(mixes), 1))
    return xr.DataArray(values, dims=("draw", "mix", "year"), coords={"mix": list(mixes), "year": [2025, *YEARS]})


def factor(persons, price_year=2024, prices=PRICES, **values):
    draws = known(**{"trend": 0.0, "b": 0.0, "before": 1.0, "wages": 0.0, **values})
    return price_factor(draws, prices, persons, outcomes=resources(), years=YEARS, price_year=price_year)


def test_without_change_every_factor_is_1():
    assert float(abs(factor(volume(10, 20, 30, 40)) - 1).max()) == 0
    assert float(abs(factor(volume(10, 20, 30, 40), prices=None) - 1).max()) == 0


def test_trend_and_wages_grow_from_the_price_year():
    found = factor(volume(10, 10, 10, 10), trend=-0.1, wages=0.02).isel(draw=0, mix=0)
    assert found.sel(resource="kits").to_numpy() == pytest.approx(0.9 ** np.array([2, 3, 4]))
    assert found.sel(resource="hands").to_numpy() == pytest.approx(1.02 ** np.array([2, 3, 4]))
    assert found.sel(resource="beds").to_numpy().tolist() == [1, 1, 1]


def test_a_doubling_of_volume_lowers_the_price_by_the_learning_rate():
    # X0 = 1 x 10; the first year's 10 double it for the second, and 20 more double it again for the third.
    found = factor(volume(10, 10, 20, 999), b=0.3).isel(draw=0, mix=0).sel(resource="kits")
    assert found.to_numpy() == pytest.approx([1, 2**-0.3, 4**-0.3])
    assert 1 - float(found[1]) == pytest.approx(1 - 2**-0.3)


def test_no_price_depends_on_the_volume_of_its_own_year_or_later():
    one, other = factor(volume(10, 10, 20, 30), b=0.3), factor(volume(10, 10, 500, 900), b=0.3)
    xr.testing.assert_identical(one.sel(year=[2026, 2027]), other.sel(year=[2026, 2027]))
    assert float(other.sel(year=2028, resource="kits").max()) < float(one.sel(year=2028, resource="kits").min())


def test_where_nobody_is_tested_today_there_is_nothing_to_learn_from():
    assert float(abs(factor(volume(0, 10, 20, 30), b=0.3) - 1).max()) == 0


def test_mixes_learn_from_their_own_volume():
    persons = volume(10, 10, 20, 30, mixes=("today", "new"))
    persons.loc[{"mix": "today", "year": YEARS}] = 0.0
    found = factor(persons, b=0.3).sel(resource="kits", year=2028)
    assert float(found.sel(mix="new").max()) < 1 == float(found.sel(mix="today").min())


def test_factors_of_1_give_the_plain_convolution(scenario, table):
    draws = table.isel(draw=slice(20))
    outcomes = simulate(draws, scenario.case, horizon=scenario.case.horizon_years)
    rng = np.random.default_rng(1)
    eligible = xr.DataArray(
        rng.random((20, 2, 5)) * 50,
        dims=("draw", "region", "year"),
        coords={"region": ["01", "03"], "year": range(2026, 2031)},
    )
    covered = (eligible * 0 + 0.4).expand_dims(mix=["today", "new"]).transpose("draw", "mix", "region", "year")
    begun = starts(eligible, covered, comparator=scenario.case.comparator, broad={scenario.case.new: 1.0})
    outcomes = outcomes.sel(strategy=begun["strategy"].to_numpy())
    plain = budget_impact(outcomes, begun)
    ones = xr.ones_like(plain.isel(region=0, drop=True).reset_coords(drop=True))
    xr.testing.assert_allclose(budget_impact(outcomes, begun, price_factor=ones), plain)
    assert float(abs(plain.sel(mix="new") - plain.sel(mix="today")).max()) == 0
