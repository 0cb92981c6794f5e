from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from pmbudget.patient import simulate
from pmbudget.patient.survival import survival_curve
from pmbudget.patient.tree import walk_pathway
from pmbudget.questions.classes import ATTRIBUTIONS, breakdown
from pmbudget.road import evaluate_draws, pulled
from pmbudget.vocabulary import PERSPECTIVES


def test_the_parts_add_up_to_the_whole_walk(parts, results):
    cost, qaly = parts.value()
    np.testing.assert_allclose(cost, results.per_patient.cost, rtol=1e-12)
    np.testing.assert_allclose(qaly, results.per_patient.qaly, rtol=1e-12)


def test_what_the_classes_add_sums_to_the_benefit(parts, results, scenario):
    adds = (parts.benefit(scenario.case, 1e6) * parts.share).sum("subgroup")
    benefit = 1e6 * results.per_patient.qaly - results.per_patient.cost
    np.testing.assert_allclose(
        adds, benefit.sel(strategy=scenario.case.new) - benefit.sel(strategy="sequential"), atol=1e-6
    )


def test_a_patient_of_a_class_is_treated_as_the_pathway_of_that_class_says(scenario, table):
    case, few = scenario.case, table.isel(draw=slice(10))
    treated = simulate(few, case, horizon=1, by_class=True)["treated"]
    for strategy in case.strategies:
        path = walk_pathway(few, case, strategy).managements.set_dims(
            {"draw": 10, "management": len(case.managements), "true_class": 9}
        )
        found = treated.sel(strategy=strategy).transpose("draw", "management", "subgroup")
        np.testing.assert_allclose(found, path, atol=1e-15)


def test_shares_of_carriers_are_missing_where_there_is_nothing_to_find(scenario, table):
    found = simulate(table.isel(draw=slice(10)), scenario.case, horizon=1, by_class=True)["found"]
    nothing = [name for name, one in scenario.case.classes.items() if not one.is_sought]
    assert found.sel(subgroup=nothing).isnull().all()
    assert found.drop_sel(subgroup=nothing).notnull().all()


def test_shares_of_the_classes_sum_to_all_patients(parts):
    np.testing.assert_allclose(parts.share.sum("subgroup"), 1, rtol=1e-12)


def test_what_a_rule_moves_between_the_payers_of_a_perspective_cancels(parts):
    np.testing.assert_allclose(parts.moved.sum("payer"), 0, atol=1e-6)
    np.testing.assert_allclose(parts.value("health_care")[0], parts.value("societal")[0], rtol=1e-12)
    assert parts.without_cost() == ["societal"]
    assert parts.perspectives() == ["region", "region_and_state", "health_care"]


def test_a_region_forgoes_the_state_s_part_of_rebates_as_in_the_budget(parts, table, scenario):
    case = scenario.case
    drugs = [name for name, one in case.resources.items() if one.channel == "benefit"]
    spent = (parts.cost.sel(resource=drugs).sum("resource") * parts.share).sum("subgroup")
    [rebate] = {case.resources[name].rebate for name in drugs}
    share = table[rebate]
    forgone = 0.4 * spent * share / (1 - share)
    np.testing.assert_allclose(parts.moved.sel(payer="state"), -forgone, rtol=1e-9)
    fees = parts.moved.sel(payer="patient")
    narrow, wide = parts.value("region")[0], parts.value("societal")[0]
    np.testing.assert_allclose(narrow - wide, forgone - fees, rtol=1e-6)
    both = parts.value("region_and_state")[0]
    np.testing.assert_allclose(narrow - both, -parts.moved.sel(payer="state"), rtol=1e-6)
    new, old = ({"strategy": name} for name in (case.new, case.comparator))
    assert float((narrow.sel(new) - narrow.sel(old)).mean()) > float((wide.sel(new) - wide.sel(old)).mean())


def test_without_rules_and_other_payers_all_perspectives_are_one(parts):
    alone = replace(parts, moved=0 * parts.moved)
    assert alone.without_cost() == ["region_and_state", "health_care", "societal"]
    assert alone.perspectives() == ["region"]
    for name in PERSPECTIVES:
        np.testing.assert_array_equal(alone.value(name)[0], alone.value("region")[0])


@pytest.fixture
def with_production_loss(parts):
    """Care after progression as if it were production lost, which falls on employers."""
    unit = np.where(parts.cost["resource"] == "post_progression_care", "employer", parts.cost["unit"])
    return replace(parts, cost=parts.cost.assign_coords(unit=("resource", unit)))


def test_a_cost_that_falls_on_employers_counts_for_society_alone(parts, with_production_loss):
    assert with_production_loss.without_cost() == []
    lost = (parts.cost.sel(resource="post_progression_care", drop=True) * parts.share).sum("subgroup")
    narrow, wide = (with_production_loss.value(name)[0] for name in ("health_care", "societal"))
    np.testing.assert_allclose(wide - narrow, lost, rtol=1e-9)


def test_each_attribution_leaves_out_its_part_of_the_tests(parts):
    full, marginal, none = (parts.value(attribution=name)[0] for name in ATTRIBUTIONS)
    no_cash = parts.tests.isel(resource=~parts.cost["in_budget"].to_numpy()).sum("resource")
    assert (no_cash > 0).all()
    np.testing.assert_allclose(full - marginal, no_cash, rtol=1e-6)
    np.testing.assert_allclose(full - none, parts.tests.sum("resource"), rtol=1e-6)


def test_tests_cost_no_more_than_diagnostics_and_take_the_laboratory_whole(parts, table, scenario):
    once = simulate(table.isel(draw=slice(10)), scenario.case, horizon=1)["cost_once"]
    tests = parts.tests.isel(draw=slice(10))
    assert (tests <= once + 1e-9).all()
    laboratory = ["laboratory_consumables", "laboratory_equipment", "laboratory_overhead"]
    np.testing.assert_allclose(tests.sel(resource=laboratory), once.sel(resource=laboratory), rtol=1e-12)


@pytest.mark.parametrize(
    ("keys", "said"), [({"perspective": "state"}, "perspective"), ({"attribution": "half"}, "full")]
)
def test_an_unknown_view_is_refused_with_those_that_are_known(parts, keys, said):
    with pytest.raises(ValueError, match=said):
        parts.value(**keys)


def test_shortfall_is_what_the_population_has_and_patients_have_not(parts, scenario, table):
    case = scenario.case
    lost = parts.shortfall(case.comparator)
    assert (lost["absolute"] > 0).all()
    assert ((lost["proportional"] > 0) & (lost["proportional"] < 1)).all()
    one = table.isel(draw=3)
    years = np.arange(0, 60, 0.001)
    alive = survival_curve(
        "gompertz",
        years,
        shape=float(one[case.mortality.growth]),
        rate=float(one[case.mortality.rate]),
    )
    expected = float(alive.mean()) * 60 * float(one[case.utility_population])
    assert float(parts.population_health[3]) == pytest.approx(expected, rel=1e-3)


def test_without_a_utility_of_the_population_there_is_no_shortfall(scenario, table):
    case = scenario.case.model_copy(update={"utility_population": None})
    found = breakdown(replace(scenario, case=case), table.isel(draw=slice(2)))
    assert found.shortfall(case.comparator)["absolute"].isnull().all()


def test_blocks_do_not_move_the_parts(parts, scenario, table):
    more = xr.concat([table, table.isel(draw=slice(20))], dim="draw", data_vars="minimal")
    found = breakdown(scenario, more)
    np.testing.assert_allclose(found.qaly.isel(draw=slice(500)), parts.qaly, rtol=1e-12)
    np.testing.assert_allclose(found.qaly.isel(draw=slice(500, None)), parts.qaly.isel(draw=slice(20)), rtol=1e-12)


@pytest.fixture(scope="module")
def shared(scenario):
    return scenario.with_levers("shared_it")


def test_with_a_lever_on_the_parts_still_add_up_to_the_whole_walk(shared, table, parts):
    moved = pulled(shared, table)
    whole, pieces = evaluate_draws(shared, moved), breakdown(shared, moved)
    cost, qaly = pieces.value()
    np.testing.assert_allclose(cost, whole.per_patient.cost, rtol=1e-12)
    np.testing.assert_allclose(qaly, whole.per_patient.qaly, rtol=1e-12)
    assert float(abs(qaly - parts.value()[1]).max()) > 1e-6


def test_a_breakdown_of_draws_with_other_levers_is_refused(shared, table):
    few = table.isel(draw=slice(2))
    with pytest.raises(ValueError, match="levers pulled on these draws: none; the scenario has shared_it"):
        breakdown(shared, few)
    with pytest.raises(ValueError, match="levers pulled on these draws: shared_it; the scenario has consent"):
        breakdown(shared.with_levers("consent"), pulled(shared, few))
