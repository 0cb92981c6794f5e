from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from pmbudget.inputs import load_scenario
from pmbudget.patient import simulate
from pmbudget.programme.hubs import laboratories
from pmbudget.programme.supply import (
    extra_use,
    extra_use_of_unfit,
    monthly,
    output,
    persons_a_month,
    persons_with,
    share_of_region,
    staffing,
)
from pmbudget.road import evaluate_draws

MORE = 50
"""Few draws of a walk: what is tested holds in each."""


@pytest.fixture(scope="module")
def few(table):
    return table.isel(draw=slice(MORE))


@pytest.fixture(scope="module")
def limits(limited):
    return limited.case.capacity.limits


@pytest.fixture(scope="module")
def as_shipped(limited, few):
    return evaluate_draws(limited, few)


def held_back(results):
    return (results.reach.supply["moved"] + results.reach.supply["lost"]).sel(mix="new").sum(["region", "year"])


def test_infinite_capacity_is_no_capacity_exactly(limited, unlimited, few, limits):
    plenty = few.assign({limit.supply: few[limit.supply] * 1e12 for limit in limits.values()})
    free, none = evaluate_draws(limited, plenty), evaluate_draws(unlimited, plenty)
    treated = none.reach.patients["fate"].to_numpy()
    assert set(treated) == {limited.case.comparator, *limited.case.broad}
    xr.testing.assert_equal(free.reach.patients.sel(fate=treated), none.reach.patients)
    assert float(abs(free.reach.patients.drop_sel(fate=treated)).max()) == 0
    xr.testing.assert_allclose(free.settlement.budget, none.settlement.budget, rtol=1e-12)
    assert not free.reach.supply[["lost", "moved", "waiting", "months_waited", "bound"]].to_dataarray().any()


def test_started_lost_and_waiting_are_those_who_came_in_every_draw_mix_region_and_year(
    as_shipped, unlimited, few, limited
):
    came = evaluate_draws(unlimited, few).reach.patients.sum("fate")
    waiting = as_shipped.reach.supply["waiting"]
    before = waiting.shift(year=1, fill_value=0.0)
    served = as_shipped.reach.patients.drop_sel(fate="waiting").sum("fate")
    xr.testing.assert_allclose(served + waiting, came + before, rtol=1e-12)
    [reason] = limited.case.losses
    xr.testing.assert_allclose(as_shipped.reach.patients.sel(fate=reason, drop=True), as_shipped.reach.supply["lost"])


def test_today_is_held_and_by_that_staffed(as_shipped, unlimited, few):
    none = evaluate_draws(unlimited, few)
    fates = none.reach.patients["fate"]
    xr.testing.assert_equal(
        as_shipped.reach.patients.sel(mix="today", fate=fates), none.reach.patients.sel(mix="today")
    )
    assert not as_shipped.reach.supply.drop_vars(["needed", "open", "supply"]).sel(mix="today").to_dataarray().any()


def test_who_is_moved_is_treated_by_the_comparator(as_shipped, unlimited, few, limited):
    treated = {"fate": limited.case.comparator}
    moved = as_shipped.reach.patients.sel(treated, drop=True) - evaluate_draws(unlimited, few).reach.patients.sel(
        treated, drop=True
    )
    xr.testing.assert_allclose(moved, as_shipped.reach.supply["moved"], atol=1e-9)
    assert float(moved.sum()) > 0


@pytest.mark.parametrize("name", ["sequencing", "bioinformatics", "interpretation", "pathology", "conference"])
def test_each_limit_moves_patients_when_it_tightens_and_is_named(limited, few, limits, as_shipped, name):
    limit = limits[name]
    tight = few.assign(
        {
            limit.supply: few[limit.supply] / 20,
            # Without release every limit is one that the new strategy needs more of.
            **({limit.released: few[limit.released] * 0} if limit.released else {}),
        }
    )
    loose = tight.assign({limit.supply: few[limit.supply] * 1e6})
    bound, free = evaluate_draws(limited, tight), evaluate_draws(limited, loose)
    assert bool((held_back(bound) >= held_back(free) - 1e-9).all())
    assert float((held_back(bound) - held_back(free)).mean()) > 0
    assert float(bound.reach.supply["bound"].sel(limit=name, mix="new").mean()) > 0
    assert float(free.reach.supply["bound"].sel(limit=name).max()) == 0


def test_the_unplanned_world_has_no_added_hires(limited, few):
    capacity = limited.case.capacity
    eager = few.assign({capacity.added_hires: few[capacity.added_hires] * 0 + 5})
    more, none = (evaluate_draws(limited, each).reach.supply["supply"] for each in (eager, few))
    xr.testing.assert_equal(more.sel(mix="unplanned"), none.sel(mix="unplanned"))
    late = more.sel(mix="new", limit="pathology") - none.sel(mix="new", limit="pathology")
    # A specialist takes five and a half years to train: nothing before the sixth year of the agreement.
    assert float(late.sel(year=slice(2027, 2031)).max()) == 0
    assert float(late.sel(year=2034).min()) > 0


def test_a_patient_who_needs_no_more_than_the_comparator_sets_free_meets_no_limit(limited, few, limits):
    limit = limits["pathology"]
    freed = few.assign({limit.released: few[limit.released] * 0 + 1})
    outcomes = simulate(freed, limited.case, horizon=1)
    needs_no_more = {}
    for name in ("panel", limited.case.new):
        extra = extra_use(freed, limited.case, outcomes, limit, name)
        served = persons_a_month(freed, limited.case, limited.regions, limit, 1.0, extra)
        xr.testing.assert_equal(np.isinf(served), (extra <= 0).broadcast_like(served))
        needs_no_more[name] = float((extra <= 0).mean())
    # A pathologist reads fewer sections for a panel alone than for one gene at a time; the quick tests of a safety net add some again.
    assert needs_no_more["panel"] > 0.5
    assert 0 < needs_no_more[limited.case.new] < needs_no_more["panel"]


def test_regions_share_what_there_is(limited, few, limits):
    for limit in limits.values():
        shares = share_of_region(few, limit, limited.regions)
        assert shares.sum("region").to_numpy() == pytest.approx(1.0)
    log = np.log(
        share_of_region(few, limits["pathology"], limited.regions)
        / limited.regions["population"].to_xarray().rename(code="region")
    )
    assert float(log.std("region").mean()) == pytest.approx(0.46, abs=0.06)


def test_instruments_do_not_come_and_go(limits, few):
    added = xr.DataArray(np.zeros(24), dims="month")
    assert (staffing(few, limits["sequencing"], added) == 1).all()


def test_a_year_spreads_evenly_over_its_months():
    spread = monthly(xr.DataArray([12.0, 24.0], dims="year", coords={"year": [2026, 2027]}))
    assert spread.to_numpy().tolist() == [1.0] * 12 + [2.0] * 12


@pytest.mark.parametrize("organisation", ["own", "national"])
def test_another_organisation_is_posted_as_its_own_resource_in_the_new_mix(limited, few, as_shipped, organisation):
    definition = limited.definition.model_copy(update={"laboratories": organisation})
    found = evaluate_draws(replace(limited, definition=definition), few)
    name = limited.case.capacity.laboratories.resource
    assert name not in as_shipped.spending.resource_cost["resource"]
    cost = found.spending.resource_cost.sel(resource=name).sum(["region", "year"])
    assert cost.sel(mix=["today", "unplanned"]).to_numpy().tolist() == [0.0, 0.0]
    # Twenty-one small units cost more than six, one costs less.
    assert np.sign(cost.sel(mix="new").item()) == (1 if organisation == "own" else -1)
    xr.testing.assert_equal(found.reach.patients.sel(mix="unplanned"), as_shipped.reach.patients.sel(mix="unplanned"))
    assert found.settlement.checks["budget"] < 1e-9


def test_a_scenario_can_say_where_the_test_is_made(shipped):
    assert load_scenario("agreement_one_laboratory", shipped).definition.laboratories == "national"


# Tests ordered with the diagnosis: the laboratory's work for those who prove not fit


def units_of(case, limit):
    return {case.resources[name].unit for name in limit.resources}


def test_the_unfit_use_the_laboratory_as_the_eligible_do_and_no_conference(limited, few, limits):
    outcomes = simulate(few, limited.case, horizon=1)
    for limit in limits.values():
        one, unfit = (
            use(few, limited.case, outcomes, limit, limited.case.new) for use in (extra_use, extra_use_of_unfit)
        )
        xr.testing.assert_identical(unfit, one if units_of(limited.case, limit) == {"diagnostic_unit"} else 0 * one)
    # Both occur, or nothing is tested.
    assert {"diagnostic_unit"} in [units_of(limited.case, limit) for limit in limits.values()]
    assert {"clinic"} in [units_of(limited.case, limit) for limit in limits.values()]


def test_a_laboratory_serves_fewer_by_those_tested_beside_them(limited, few, limits):
    case, regions = limited.case, limited.regions
    outcomes, unfit = simulate(few, case, horizon=1), xr.DataArray([0.0, 0.25], dims="month")
    for limit in limits.values():
        extra = extra_use(few, case, outcomes, limit, case.new)
        own = units_of(case, limit) == {"diagnostic_unit"}
        rooms = persons_with(few, case, regions, outcomes, limit, 3.0, {case.new: 1.0}, unfit=unfit)
        alone = persons_a_month(few, case, regions, limit, 3.0, extra)
        xr.testing.assert_allclose(rooms, (alone / (1 + own * unfit)).transpose(*rooms.dims), rtol=1e-12)


def without_reflex(scenario):
    funnel = scenario.case.eligible.model_copy(update={"reflex": None})
    return replace(scenario, case=scenario.case.model_copy(update={"eligible": funnel}))


def test_what_is_needed_is_each_test_more_times_its_use(limited, few, as_shipped, limits):
    outcomes, case = simulate(few, limited.case, horizon=1), limited.case
    wanted = (as_shipped.reach.aimed * as_shipped.reach.eligible).sel(mix=["today", "new"])
    more = wanted.sel(mix="new") - wanted.sel(mix="today")
    for name, limit in limits.items():
        own = units_of(case, limit) == {"diagnostic_unit"}
        tests = (more * (1 + own * as_shipped.reach.reflexed)).sum("region")
        expected = tests * extra_use(few, case, outcomes, limit, case.new) / output(few, case, limit)
        found = as_shipped.reach.supply["needed"].sel(mix="new", limit=name, drop=True)
        xr.testing.assert_allclose(found, expected.transpose(*found.dims), rtol=1e-9)


def test_nobody_unfit_tested_is_the_case_without_reflex_and_some_hold_back_more(limited, few, as_shipped):
    never = limited.case.eligible.reflex.tested
    none = evaluate_draws(limited, few.assign({never: 0 * few[never]}))
    silent = evaluate_draws(without_reflex(limited), few)
    xr.testing.assert_equal(none.reach.patients, silent.reach.patients)
    xr.testing.assert_equal(none.reach.supply, silent.reach.supply)
    assert float((held_back(as_shipped) - held_back(silent)).mean()) > 0


def test_samples_of_another_organisation_are_all_that_are_tested(limited, few):
    """With one laboratory that has no other work, and runs that are always full, cost is per sample: samples x difference."""
    plan = limited.case.capacity.laboratories
    still = {plan.fixed_cost: 0.0, plan.longest_wait: 0.0, plan.cost_run: 0.0, plan.transport_days: 0.0}
    draws = few.assign({name: 0 * few[name] + value for name, value in still.items()})
    one = replace(limited, definition=limited.definition.model_copy(update={"laboratories": "national"}))
    cost = {}
    for which, scenario in (("all", one), ("eligible", without_reflex(one))):
        found = evaluate_draws(scenario, draws)
        by_region = found.spending.resource_cost.sel(mix="new", resource=plan.resource)
        cost[which] = by_region.sel(region=list(limited.regions.index))
        wanted = (found.reach.aimed * found.reach.eligible).sel(mix="new")
        tests = wanted * (1 + found.reach.reflexed) if which == "all" else wanted
        samples = simulate(draws, scenario.case, horizon=1)["activity_once"].sel(
            strategy=scenario.case.new, resource=plan.samples, drop=True
        )
        paid = samples * tests * draws[plan.transport_cost]
        guests = [laboratories(place, limited.regions) for place in ("national", plan.today)]
        sent = [(host != host["region"]).astype(float) for host in guests]
        expected = (paid * (sent[0] - sent[1])).mean("draw")
        xr.testing.assert_allclose(
            cost[which].reset_coords(drop=True), expected.transpose("region", "year").reset_coords(drop=True)
        )
    assert float(cost["all"].sum()) > float(cost["eligible"].sum())
