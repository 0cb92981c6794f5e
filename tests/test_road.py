from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
import xarray as xr
from scipy.special import logit
from small_books import made

from pmbudget.appraisal import net_monetary_benefit
from pmbudget.inputs import clauses as kinds
from pmbudget.inputs import load_scenario
from pmbudget.patient import simulate
from pmbudget.road import evaluate, evaluate_draws, pulled, recipe

WTP = 1_000_000


@pytest.fixture(scope="module")
def short(table):
    return table.isel(draw=slice(50))


@pytest.fixture(scope="module")
def alone(unplanned, crude_draws):
    return evaluate_draws(unplanned, crude_draws(unplanned, 50))


def arrays(results):
    """All arrays of the records by name, those with draws and those that are means over them."""
    rooms = [room for field in fields(results) if is_dataclass(room := getattr(results, field.name))]
    every = {field.name: getattr(room, field.name) for room in rooms for field in fields(room)}
    found = {name: values for name, values in every.items() if isinstance(values, xr.DataArray | xr.Dataset)}
    with_draws = {name: values for name, values in found.items() if "draw" in values.dims}
    means = {name: values for name, values in found.items() if name not in with_draws}
    assert set(means) == {"ledger", "resource_cost", "outcomes"}
    assert {"cost", "patients", "by_resource", "budget", "facts", "totals"} <= set(with_draws)
    return with_draws, means


def assert_same(one, other):
    (with_draws, means), (also_with_draws, also_means) = arrays(one), arrays(other)
    assert set(with_draws) == set(also_with_draws)
    for name, values in with_draws.items():
        xr.testing.assert_identical(values, also_with_draws[name])
    for name, values in means.items():
        xr.testing.assert_allclose(values, also_means[name], rtol=1e-12)
    assert one.settlement.checks == pytest.approx(other.settlement.checks, rel=1e-9)


@pytest.fixture(scope="module")
def thousand(scenario, crude_draws):
    return crude_draws(scenario, 1000)


@pytest.fixture(scope="module")
def in_two_blocks(scenario, thousand):
    return evaluate_draws(scenario, thousand, block=500)


def test_the_block_does_not_move_a_result(scenario, thousand, in_two_blocks):
    in_one = evaluate_draws(scenario, thousand, block=1000)
    (with_draws, means), (also_with_draws, also_means) = arrays(in_one), arrays(in_two_blocks)
    assert set(with_draws) == set(also_with_draws)
    for name, values in with_draws.items():
        # Differences of costs: a millionth of a krona is their rounding.
        within = 1e-6 if name in ("freed", "facts") else 0.0
        xr.testing.assert_allclose(values, also_with_draws[name], rtol=1e-12, atol=within)
    xr.testing.assert_equal(in_one.reach.patients, in_two_blocks.reach.patients)
    for name, values in means.items():
        xr.testing.assert_allclose(values, also_means[name], rtol=1e-9)


def test_fewer_draws_are_the_start_of_more(results, in_two_blocks):
    first = in_two_blocks.settlement.budget.isel(draw=slice(500))
    xr.testing.assert_allclose(first, results.settlement.budget, rtol=1e-12)


def test_the_same_seed_gives_the_same_results(scenario, short):
    assert_same(evaluate_draws(scenario, short, seed=3), evaluate_draws(scenario, short, seed=3))


def test_another_seed_gives_others(scenario, short):
    one, other = (evaluate_draws(scenario, short, seed=seed) for seed in (3, 4))
    assert not np.array_equal(one.reach.patients, other.reach.patients)
    xr.testing.assert_identical(one.per_patient.cost, other.per_patient.cost)


def test_the_second_block_has_its_own_patients(scenario, thousand):
    twice = thousand.isel(draw=[*range(500), *range(500)])
    patients = evaluate_draws(scenario, twice).reach.patients.to_numpy()
    assert not np.array_equal(patients[:500], patients[500:])


@pytest.mark.parametrize("block", [0, 300, -500])
def test_a_block_that_would_move_the_random_numbers_is_refused(scenario, short, block):
    with pytest.raises(ValueError, match=f"block = {block} must be a multiple of 500"):
        evaluate_draws(scenario, short, block=block)


def test_progress_is_told_by_block(scenario, thousand):
    told = []
    evaluate_draws(scenario, thousand.isel(draw=slice(600)), progress=lambda done, of: told.append((done, of)))
    assert told == [(500, 600), (600, 600)]


def test_evaluate_is_drawing_and_walking(scenario, table, results, without_pymc):
    assert_same(evaluate(scenario, draws=500), results)


def test_transfers_and_budgets_balance(results):
    assert results.settlement.checks["transfers"] < 1e-9
    assert results.settlement.checks["budget"] < 1e-9
    assert 0 < results.per_patient.crossings < 1


@pytest.mark.parametrize("reference", ["today", "unplanned"])
def test_net_budgets_sum_to_the_difference_in_resource_cost(results, reference):
    net = results.settlement.net_budget(reference).sum(["region", "payer"])
    total = results.spending.by_resource.sum("resource")
    difference = total.sel(mix="new", drop=True) - total.sel(mix=reference, drop=True)
    assert float(abs(net - difference).max()) < 1e-9 * float(total.max())


def test_the_ledger_is_the_mean_of_the_budget(results):
    xr.testing.assert_allclose(
        results.settlement.ledger.sum("entry"), results.settlement.budget.mean("draw"), rtol=1e-9, atol=1e-3
    )


def test_resource_cost_is_the_first_entry_of_the_ledger(results):
    entry = results.settlement.ledger.sel(entry="resource_cost").sum("payer")
    xr.testing.assert_allclose(entry.drop_vars("entry"), results.spending.resource_cost.sum("resource"), rtol=1e-9)


def test_nothing_is_missing(results):
    with_draws, means = arrays(results)
    found = xr.merge([results.settlement.facts, results.worth.totals])
    found = {**with_draws, **means, **found.data_vars}
    missing = [name for name, values in found.items() if isinstance(values, xr.DataArray) and values.isnull().any()]
    assert missing == []


def test_all_mixes_treat_the_same_patients_but_those_who_wait_or_are_lost(results):
    by_mix = results.reach.patients.sum("fate")
    assert float(abs(by_mix - by_mix.sel(mix="today")).max()) < 1e-9
    assert float(results.reach.patients.min()) >= -1e-9


def test_coverage_is_the_share_of_patients_where_nothing_limits_it(unlimited, short):
    results = evaluate_draws(unlimited, short)
    assert results.reach.supply is None
    share = results.reach.patients.sel(fate=unlimited.case.new, drop=True) / results.reach.patients.sum("fate")
    treated = results.reach.patients.sum("fate") > 0
    for found in (results.reach.reached, results.reach.aimed):
        assert float(abs(share.where(treated) - found.where(treated)).max()) < 1e-12


def test_results_are_shown_for_the_scenario_s_years(results, scenario):
    reach = results.reach
    shown = [
        reach.aimed,
        reach.reached,
        reach.eligible,
        reach.patients,
        results.settlement.budget,
        results.spending.by_resource,
    ]
    for values in shown:
        assert values["year"].to_numpy().tolist() == scenario.years


def test_no_national_cost_stays_with_others_than_the_state(results):
    national = results.settlement.budget.sel(mix="new", region="00").drop_sel(payer="state")
    assert float(abs(national).max()) < 1e-6
    assert float(results.settlement.budget.sel(mix="new", region="00", payer="state").min()) >= -1e-6


def test_new_is_unplanned_where_there_is_no_agreement(alone, unplanned):
    # To rounding: the same sums may be taken in another order for each mix.
    assert float(abs(alone.settlement.net_budget("unplanned")).max()) < 1e-6
    assert float(abs(alone.settlement.net_budget("today")).max()) > 0
    xr.testing.assert_identical(
        alone.reach.reached.sel(mix="new", drop=True), alone.reach.reached.sel(mix="unplanned", drop=True)
    )
    standing = [clause.name for clause in unplanned.standing.clauses]
    assert alone.settlement.ledger["entry"].to_numpy().tolist() == ["resource_cost", *standing]


def test_the_agreement_does_not_move_the_other_mixes(results, unplanned, crude_draws):
    without = evaluate_draws(unplanned, crude_draws(unplanned, 500))
    mixes = ["today", "unplanned"]
    shared = [
        payer for payer in without.settlement.budget["payer"].to_numpy() if payer in results.settlement.budget["payer"]
    ]
    xr.testing.assert_allclose(
        results.settlement.budget.sel(mix=mixes, payer=shared),
        without.settlement.budget.sel(mix=mixes, payer=shared),
        rtol=1e-12,
    )


def test_an_agreement_without_effect_leaves_coverage_and_adds_its_own_cost_only(shipped, crude_draws):
    idle = load_scenario("agreement_even", shipped, {"effect_agreement": 0, "added_hires": 0})
    results = evaluate_draws(idle, crude_draws(idle, 20))
    new, unplanned = (results.reach.reached.sel(mix=mix, drop=True) for mix in ("new", "unplanned"))
    xr.testing.assert_allclose(new, unplanned, rtol=1e-12)
    added = results.spending.resource_cost.sel(mix="new") - results.spending.resource_cost.sel(mix="unplanned")
    by_resource = added.sum(["region", "year"]).to_series()
    yearly = {item.resource for item in idle.case.transition if item.when == "agreement_years" and not item.allocation}
    assert set(by_resource.index[by_resource.abs() > 1]) == yearly
    assert float(by_resource[list(yearly)].min()) > 0


def test_a_faster_agreement_gives_more_the_new_strategy(shipped, crude_draws):
    fast, slow = (load_scenario(f"agreement_{pace}", shipped) for pace in ("fast", "slow"))
    quick, late = (evaluate_draws(one, crude_draws(one, 20)).reach.aimed.sel(mix="new") for one in (fast, slow))
    assert float((quick - late).min()) >= -1e-12
    assert float((quick - late).sel(year=2028).mean()) > 0


def test_the_programme_is_paid_for_its_own_years(results, scenario):
    pace = scenario.definition.pace
    [office] = {
        item.resource for item in scenario.case.transition if item.when == "agreement_years" and not item.allocation
    }
    cost = results.spending.resource_cost.sel(mix="new", resource=office).sum("region")
    assert cost["year"].to_numpy()[cost.to_numpy() > 0].tolist() == list(pace.years)


def test_cost_per_patient_is_discounted_from_the_middle_of_each_year(scenario, short):
    found = evaluate_draws(scenario, short)
    outcomes = simulate(short, scenario.case, horizon=scenario.case.horizon_years)
    year = outcomes["year_since_start"] + 0.5
    rate = scenario.parameters.fixed("discount_rate_cost")
    cost = (outcomes["cost"].sum("resource") / (1 + rate) ** year).sum("year_since_start")
    xr.testing.assert_allclose(found.per_patient.cost, cost + outcomes["cost_once"].sum("resource"), rtol=1e-12)
    rate = scenario.parameters.fixed("discount_rate_qaly")
    qaly = (outcomes["qaly"] / (1 + rate) ** year).sum("year_since_start")
    xr.testing.assert_allclose(found.per_patient.qaly, qaly.transpose(*found.per_patient.qaly.dims), rtol=1e-12)


def test_without_discounting_more_is_counted(shipped, crude_draws, short, scenario):
    flat = load_scenario("agreement_even", shipped, {"discount_rate_cost": 0, "discount_rate_qaly": 0})
    undiscounted = evaluate_draws(flat, crude_draws(flat, 50))
    discounted = evaluate_draws(scenario, short)
    assert bool((undiscounted.per_patient.cost > discounted.per_patient.cost).all())
    assert bool((undiscounted.per_patient.qaly > discounted.per_patient.qaly).all())
    xr.testing.assert_identical(undiscounted.settlement.budget, discounted.settlement.budget)


def test_a_dearer_panel_lowers_the_benefit_of_the_panel_alone(scenario, short):
    # Nobody is tested again at progression, which is by panel whatever came first.
    short = short.assign(share_retested=0 * short["share_retested"])
    dearer = short.assign(cost_panel=2 * short["cost_panel"])
    before, after = (
        net_monetary_benefit(found.per_patient.cost, found.per_patient.qaly, WTP)
        for found in (evaluate_draws(scenario, short), evaluate_draws(scenario, dearer))
    )
    assert bool((after.sel(strategy="panel") < before.sel(strategy="panel")).all())
    xr.testing.assert_identical(after.sel(strategy="sequential"), before.sel(strategy="sequential"))


def test_what_the_clauses_lift_off_a_test_moves_use_by_the_response_to_it(scenario, short):
    half = made(kinds.Match, covers="tests", share=0.5, ends=5)
    relieved = replace(scenario, agreement=scenario.agreement.model_copy(update={"clauses": (half,)}))
    response, ceiling = scenario.case.uptake.incentive_response, short[scenario.case.uptake.ceiling]
    none, some = (short.assign({response: 0 * short[response] + size}) for size in (0.0, 0.4))
    plain, without, moved = (
        evaluate_draws(*each).reach.aimed for each in ((scenario, some), (relieved, none), (relieved, some))
    )
    xr.testing.assert_allclose(without, plain)
    before, after = (
        xr.apply_ufunc(logit, one.sel(mix="new", year=slice(2027, 2031)) / ceiling) for one in (plain, moved)
    )
    steered = 0.4 * 0.5 * (1 - short["fungibility"])
    xr.testing.assert_allclose((after - before).transpose(*before.dims), 0 * before + steered)
    assert float(abs((moved - plain).sel(mix="new", year=slice(2032, None))).max()) < 1e-12
    assert float(abs((moved - plain).drop_sel(mix="new")).max()) < 1e-12


def test_an_agreement_that_pays_for_no_test_lifts_nothing_and_is_not_walked_twice(scenario, short, monkeypatch):
    monkeypatch.setattr(recipe, "_settled", None)
    assert not recipe.before(scenario, short)[1].any()


def test_what_is_lifted_stands_on_the_first_draws_alone(scenario, crude_draws):
    paid = made(kinds.PerUnit, unit="acted_on", price=20_000)
    paying = replace(scenario, agreement=scenario.agreement.model_copy(update={"clauses": (paid,)}))
    few, many = (recipe.before(paying, crude_draws(paying, size))[1] for size in (200, 700))
    xr.testing.assert_identical(few, many)
    assert 0 < float(few.mean()) < 1


def test_over_use_levers_and_money_borne_elsewhere_keep_the_books_balanced(scenario, short):
    everything = scenario.with_levers(*scenario.case.levers)
    found = evaluate_draws(everything, pulled(everything, short))
    assert found.settlement.checks["transfers"] < 1e-9
    assert found.settlement.checks["budget"] < 1e-9
    everywhere = found.settlement.budget.mean("draw").sum(["region", "payer"])
    xr.testing.assert_allclose(found.spending.resource_cost.sum(["region", "resource"]), everywhere)


@pytest.mark.parametrize(
    ("pulled_on", "wanted"), [("none", "shared_it"), ("shared_it", "none"), ("shared_it", "consent")]
)
def test_draws_on_which_other_levers_were_pulled_are_refused(scenario, short, pulled_on, wanted):
    one, other = (scenario.with_levers(*([] if name == "none" else [name])) for name in (pulled_on, wanted))
    with pytest.raises(ValueError, match=f"pulled on these draws: {pulled_on}; the scenario has {wanted}"):
        evaluate_draws(other, pulled(one, short))


def test_crossings_are_a_share_of_all_draws_whatever_the_blocks(scenario, crude_draws):
    draws = crude_draws(scenario, 1000).isel(draw=slice(600))
    found = [evaluate_draws(scenario, draws, block=block).per_patient.crossings for block in (500, 1000)]
    assert found[0] == pytest.approx(found[1], rel=1e-9)
    assert found[0] > 0
