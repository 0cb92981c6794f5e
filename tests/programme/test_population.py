import numpy as np
import pytest
import xarray as xr

from pmbudget import road
from pmbudget.programme import starts
from pmbudget.programme.population import counted, expected_eligible
from pmbudget.road import evaluate_draws

YEARS = [2015, 2026, 2030]


@pytest.fixture(scope="module")
def funnel(scenario):
    return scenario.case.eligible


@pytest.fixture(scope="module")
def few(table):
    return table.isel(draw=slice(30))


@pytest.fixture(scope="module")
def expected(few, funnel, scenario):
    return expected_eligible(few, funnel, scenario.regions, YEARS)


def test_the_regions_sum_to_the_national_number(expected, few, funnel):
    national = few[funnel.incident] * few[funnel.shares[0]] * few[funnel.shares[1]] * few[funnel.shares[2]]
    for year in YEARS:
        grown = national * (1 + few[funnel.growth]) ** (year - funnel.incident_year)
        assert expected.sel(year=year).sum("region").to_numpy() == pytest.approx(grown.to_numpy(), rel=1e-12)


def test_regions_share_by_the_stated_column(expected, funnel, scenario):
    column = scenario.regions[funnel.spread_by]
    spread = (expected / expected.sum("region")).isel(draw=0, year=0)
    assert spread.to_series().to_dict() == pytest.approx((column / column.sum()).to_dict(), rel=1e-12)


def test_doubling_every_region_s_population_leaves_the_spread(expected, few, funnel, scenario):
    doubled = scenario.regions.assign(**{funnel.spread_by: 2 * scenario.regions[funnel.spread_by]})
    xr.testing.assert_allclose(expected_eligible(few, funnel, doubled, YEARS), expected, rtol=1e-12)


def test_doubling_the_incidence_doubles_the_eligible(expected, few, funnel, scenario):
    more = few.assign({funnel.incident: 2 * few[funnel.incident]})
    xr.testing.assert_allclose(expected_eligible(more, funnel, scenario.regions, YEARS), 2 * expected, rtol=1e-12)


def test_counts_are_whole_persons_around_the_expected():
    expected = xr.DataArray(np.full((200, 21, 10), 12.5), dims=("draw", "region", "year"))
    found = counted(expected, np.random.default_rng(1))
    assert bool((found == found.round()).all())
    assert float(found.mean()) == pytest.approx(12.5, abs=5 * np.sqrt(12.5 / found.size))
    assert float(found.var()) == pytest.approx(12.5, rel=0.05)


def shares(*values):
    return xr.DataArray(
        np.array(values, float)[None, :, None, None],
        dims=("draw", "mix", "region", "year"),
        coords={"mix": ["new", "unplanned"], "region": ["01"], "year": [2026]},
    )


PERSONS = xr.DataArray([[[40.0]]], dims=("draw", "region", "year"), coords={"region": ["01"], "year": [2026]})


def test_strategies_add_up_to_the_eligible():
    begun = starts(PERSONS, shares(0.75, 0.25), comparator="old", new="broad")
    assert begun.dims == ("draw", "mix", "strategy", "region", "year")
    assert begun.squeeze().to_pandas().to_dict("index") == {
        "new": {"old": 10.0, "broad": 30.0},
        "unplanned": {"old": 30.0, "broad": 10.0},
    }


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.5), (0.5, 1.2)])
def test_a_coverage_outside_0_1_is_refused(low, high):
    with pytest.raises(ValueError, match="between 0 and 1"):
        starts(PERSONS, shares(low, high), comparator="old", new="broad")


def test_twice_the_patients_cost_twice_as_much(unlimited, few, funnel, monkeypatch):
    monkeypatch.setattr(road, "counted", lambda expected, rng: expected)
    more = few.assign({funnel.incident: 2 * few[funnel.incident]})
    once, twice = (
        results.resource_cost.isel(resource=(results.resource_cost["kind"] != "transition").to_numpy())
        for results in (evaluate_draws(unlimited, draws) for draws in (few, more))
    )
    assert float(once.sum()) > 0
    xr.testing.assert_allclose(twice, 2 * once, rtol=1e-12)
