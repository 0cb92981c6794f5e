import numpy as np
import pytest
import xarray as xr

from pmbudget.patient.costing import product
from pmbudget.programme.transition import transition_cost

YEARS = [2026, 2027, 2028, 2029]


@pytest.fixture(scope="module")
def draws(table):
    return table.isel(draw=slice(5))


@pytest.fixture(scope="module")
def cost(draws, scenario):
    """The mix new goes from nothing to the ceiling, by 0, 1/4, 3/4 and 1 of the way; today stays at nothing."""

    def at(
        journey=(0, 0.25, 0.75, 1.0, 1.0),
        persons=10.0,
        test_cost=1000.0,
        agreement_years=range(2026, 2028),
        posts=0.0,
        allocated=False,
    ):
        regions = scenario.regions
        places = {"region": list(regions.index), "year": [2025, *YEARS]}
        way = xr.DataArray(list(journey), dims="year", coords={"year": places["year"]})
        new = (
            draws[scenario.case.uptake.ceiling]
            * way
            * xr.ones_like(xr.DataArray(regions["population"].to_numpy(), dims="region"))
        )
        new = new.assign_coords(region=places["region"])
        covered = xr.concat([0 * new, new], dim="mix").assign_coords(mix=["today", "new"])
        eligible = xr.full_like(new, persons)
        found, left = transition_cost(
            draws, scenario.case, regions, YEARS,
            reached=covered, eligible=eligible, test_cost=xr.DataArray(np.full(5, test_cost), dims="draw"),
            agreement_years=agreement_years, posts=xr.DataArray(np.full(5, posts), dims="draw"), allocated=allocated,
        )  # fmt: skip
        found.attrs["left"] = left
        return found

    return at


def items(scenario, when):
    return [item for item in scenario.case.transition if item.when == when]


def counted(scenario, when):
    """Those that are no share of what exists already."""
    return [item for item in items(scenario, when) if item.allocation is None]


def concerned(scenario, item):
    university = (scenario.regions["university_hospital"] != "").sum()
    number = {"every_region": 21, "university_hospital": university, "no_university_hospital": 21 - university}
    return number.get(item.where, 1)


def test_the_whole_journey_costs_its_price_once_in_each_region_concerned(cost, draws, scenario):
    found = cost().sel(mix="new").sum(["region", "year"])
    for item in items(scenario, "journey"):
        price = product(draws, item.price).to_numpy()
        assert found.sel(resource=item.resource).to_numpy() == pytest.approx(price * concerned(scenario, item))


def test_a_year_costs_the_part_of_the_way_gone_in_it(cost, scenario):
    found = cost().sel(mix="new", resource=items(scenario, "journey")[0].resource).sum("region")
    assert (found / found.sum("year")).to_numpy() == pytest.approx(np.tile([0.25, 0.5, 0.25, 0.0], (5, 1)))


def test_double_running_is_by_patients_moved_that_year(cost, draws, scenario):
    [item] = items(scenario, "switched")
    found = cost().sel(mix="new", resource=item.resource, region="01")
    moved = 10 * draws[scenario.case.uptake.ceiling].to_numpy()[:, None] * np.array([0.25, 0.5, 0.25, 0.0])
    assert found.to_numpy() == pytest.approx(moved * 1000 * product(draws, item.price).to_numpy()[:, None])


def test_a_step_back_costs_nothing(cost, scenario):
    back = cost((1.0, 0.5, 0.25, 0.0, 0.0), agreement_years=range(0))
    assert float(abs(back).max()) == 0


def test_without_change_or_agreement_nothing_is_spent(cost):
    assert float(abs(cost((0.5,) * 5, agreement_years=range(0))).max()) == 0


def test_agreement_years_concern_the_new_mix_in_those_years_alone(cost, draws, scenario):
    found = cost()
    for item in counted(scenario, "agreement_years"):
        by_resource = found.sel(resource=item.resource)
        assert float(abs(by_resource.sel(mix="today")).max()) == 0
        assert float(by_resource.sel(mix="new", year=[2026, 2027]).sum("region").min()) > 0
        assert float(abs(by_resource.sel(year=[2028, 2029])).max()) == 0


def test_what_exists_already_is_nobodys_increment_unless_a_scenario_lays_it_on_the_test(cost, draws, scenario):
    [item] = [item for item in scenario.case.transition if item.where == "national"]
    assert float(abs(cost().sel(region="00")).max()) == 0
    found = cost(allocated=True).sel(mix="new", resource=item.resource)
    assert float(abs(found.drop_sel(region="00")).max()) == 0
    whole = product(draws, [*item.price, item.allocation]).to_numpy()
    assert found.sel(region="00", year=2026).to_numpy() == pytest.approx(whole)
    assert float(abs(found.sel(region="00", year=2029)).max()) == 0


def test_a_region_that_falls_back_and_comes_again_pays_once(cost, scenario):
    resource = items(scenario, "journey")[0].resource
    straight, hesitant = (
        cost(way, agreement_years=range(0)).sel(mix="new", resource=resource).sum("year")
        for way in ((0, 0.25, 0.5, 0.75, 1.0), (0, 0.5, 0.25, 0.75, 1.0))
    )
    assert hesitant.to_numpy() == pytest.approx(straight.to_numpy())


def test_what_is_bought_keeps_a_value_that_falls_over_its_life(cost, draws, scenario):
    [item] = [item for item in scenario.case.transition if item.life]
    found = cost((0, 1.0, 1.0, 1.0, 1.0))
    bought = found.sel(mix="new", resource=item.resource, year=2026).sum("region")
    left, life = found.attrs["left"].sel(mix="new"), draws[item.life]
    for year in YEARS:
        share = (1 - (year - 2026 + 0.5) / life).clip(min=0)
        assert left.sel(year=year).to_numpy() == pytest.approx((bought * share).to_numpy())
    assert float(abs(found.attrs["left"].sel(mix="today")).max()) == 0


def test_each_region_has_the_office_of_its_kind(cost, draws, scenario):
    found = cost().sel(mix="new", year=2026, resource="project_office")
    for item in items(scenario, "agreement_years"):
        if item.where != "national":
            has_hospital = scenario.regions["university_hospital"] != ""
            chosen = has_hospital if item.where == "university_hospital" else ~has_hospital
            price = product(draws, item.price).to_numpy()
            assert found.sel(region=scenario.regions.index[chosen].to_numpy()).to_numpy() == pytest.approx(
                np.tile(price[:, None], int(chosen.sum()))
            )


def test_every_resource_states_its_unit_and_kind(cost):
    found = cost()
    assert set(found["kind"].to_numpy()) == {"transition"}
    assert found.dims == ("draw", "mix", "region", "year", "resource")


def test_recruitment_is_by_post_that_moved_patients_need_more(cost, draws, scenario):
    [item] = items(scenario, "posts")
    found = cost(posts=0.002).sel(mix="new", resource=item.resource, region="01")
    moved = 10 * draws[scenario.case.uptake.ceiling].to_numpy()[:, None] * np.array([0.25, 0.5, 0.25, 0.0])
    assert found.to_numpy() == pytest.approx(moved * 0.002 * product(draws, item.price).to_numpy()[:, None])


def test_nobody_is_recruited_where_fewer_are_needed(cost, scenario):
    [item] = items(scenario, "posts")
    assert float(abs(cost(posts=-0.002).sel(resource=item.resource)).max()) == 0
