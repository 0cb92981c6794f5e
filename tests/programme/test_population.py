import numpy as np
import pytest
import xarray as xr

from pmbudget.programme import starts
from pmbudget.programme.population import (
    coming_up,
    counted,
    expected_eligible,
    funnel_steps,
    region_weights,
)
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
    begun = starts(PERSONS, shares(0.75, 0.25), comparator="old", broad={"broad": 1.0})
    assert begun.dims == ("draw", "mix", "strategy", "region", "year")
    assert begun.squeeze().to_pandas().to_dict("index") == {
        "new": {"old": 10.0, "broad": 30.0},
        "unplanned": {"old": 30.0, "broad": 10.0},
    }


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.5), (0.5, 1.2)])
def test_a_coverage_outside_0_1_is_refused(low, high):
    with pytest.raises(ValueError, match="between 0 and 1"):
        starts(PERSONS, shares(low, high), comparator="old", broad={"broad": 1.0})


def test_twice_the_patients_cost_twice_as_much(unlimited, few, funnel, monkeypatch):
    monkeypatch.setattr("pmbudget.programme.reach.counted", lambda expected, rng: expected)
    more = few.assign({funnel.incident: 2 * few[funnel.incident]})
    once, twice = (
        results.spending.resource_cost.isel(
            resource=(results.spending.resource_cost["kind"] != "transition").to_numpy()
        )
        for results in (evaluate_draws(unlimited, draws) for draws in (few, more))
    )
    assert float(once.sum()) > 0
    xr.testing.assert_allclose(twice, 2 * once, rtol=1e-12)


# Ageing, the prevalent pool, the funnel as a table


def test_ageing_leaves_the_nation_and_lets_young_regions_catch_up(few, funnel, scenario):
    regions = scenario.regions
    ageing = few.assign({funnel.ageing: ("draw", np.full(30, -0.1))})
    weights = region_weights(ageing, funnel, regions, YEARS)
    assert weights.sum("region").to_numpy() == pytest.approx(np.ones((30, 3)), rel=1e-12)
    young, old = regions["share_65plus"].idxmin(), regions["share_65plus"].idxmax()
    ratio = (weights.sel(region=young) / weights.sel(region=old)).isel(draw=0)
    gap = regions.loc[old, "share_65plus"] - regions.loc[young, "share_65plus"]
    assert float(ratio.sel(year=2030) / ratio.sel(year=2015)) > 1 + 0.1 * gap * 15 * 0.9


def test_ageing_of_nothing_is_none(few, funnel, scenario):
    none = few.assign({funnel.ageing: ("draw", np.zeros(30))})
    plain = funnel.model_copy(update={"ageing": None})
    found, without = (expected_eligible(none, each, scenario.regions, YEARS) for each in (funnel, plain))
    xr.testing.assert_allclose(found, without, rtol=1e-12)


def test_the_pool_comes_up_by_its_rule_until_all_have_been_reached_or_have_left(few, funnel):
    years = list(range(2024, 2026 + 60))
    reach, left = (few[name] for name in (funnel.prevalent.reach, funnel.prevalent.exit))
    share = coming_up(few, funnel.prevalent, years, 2026)
    assert float(abs(share.sel(year=[2024, 2025])).max()) == 0
    xr.testing.assert_allclose(share.sel(year=2026, drop=True), reach)
    xr.testing.assert_allclose(share.sel(year=2027, drop=True), reach * (1 - reach) * (1 - left))
    # Reached, or left without being reached: sum of a geometric series.
    assert share.sum("year").to_numpy() == pytest.approx((reach / (1 - (1 - reach) * (1 - left))).to_numpy(), rel=1e-9)


def test_the_pool_is_so_many_years_of_new_patients_times_its_shares(few, funnel, scenario):
    years = [2025, 2026, 2027]
    with_pool = expected_eligible(few, funnel, scenario.regions, years, 2026)
    new = expected_eligible(few, funnel, scenario.regions, years)
    pool = new.sel(year=2026) * few[funnel.prevalent.years] * few[funnel.prevalent.shares[0]]
    xr.testing.assert_allclose(with_pool.sel(year=2025), new.sel(year=2025))
    xr.testing.assert_allclose(with_pool.sel(year=2026) - new.sel(year=2026), pool * few[funnel.prevalent.reach])


def test_the_pool_loads_the_first_years_of_every_mix_alike(results):
    persons = results.reach.patients.sum(["fate", "region"]).mean("draw")
    assert float(persons.sel(mix="new", year=2027)) > 1.1 * float(persons.sel(mix="new", year=2031))
    # But for the few whom limits of supply hold back in the scenario.
    assert persons.sel(mix="today").to_numpy() == pytest.approx(persons.sel(mix="new").to_numpy(), rel=0.01)


def test_the_funnel_ends_in_those_who_come_to_the_decision(few, funnel, scenario):
    steps = funnel_steps(few, funnel, scenario.regions, 2028, 2026)
    assert steps["step"].to_numpy().tolist() == [funnel.incident, *funnel.shares, "prevalent"]
    found = steps.sel(step=[funnel.shares[-1], "prevalent"]).sum("step")
    whole = expected_eligible(few, funnel, scenario.regions, [2026, 2028], 2026).sel(year=2028, drop=True)
    xr.testing.assert_allclose(found, whole)
    assert float((steps.sel(step=funnel.shares[-1]) - steps.sel(step=funnel.shares[-2])).max()) < 0
