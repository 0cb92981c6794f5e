"""Chapter 06, purchaser and provider and internal billing: figures that agree with those of other pages, and words in both languages."""

import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from pmbudget.inputs import load_scenario
from pmbudget.patient.per_patient import staff_share
from pmbudget.questions import agreements, billing, phases, providers
from pmbudget.questions.providers import BY_LEVEL, FRAME, HOSPITAL, PROVIDERS
from pmbudget.questions.start_years import benefit_by_start
from pmbudget.reporting.ch06_agreement import billing as billing_page
from pmbudget.reporting.ch06_agreement import providers as providers_page
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate_draws

SV, EN = Words("sv"), Words("en")


@pytest.fixture(scope="module")
def found(scenario, results):
    return agreements.negotiation(scenario, results)


@pytest.fixture(scope="module")
def paid(scenario, results, found):
    return providers.providers(scenario, results, found)


@pytest.fixture(scope="module")
def bill(scenario, results, found, paid):
    return billing.billing(results, scenario, found, paid)


@pytest.fixture(scope="module")
def answer(scenario, results, found, bill, crude_fits):
    with crude_fits():
        return billing.response(scenario, results, found, bill, seed=1)


@pytest.fixture(scope="module")
def cascade(shipped, crude_draws):
    case = load_scenario("agreement_even", shipped, case="fh_cascade")
    return case, evaluate_draws(case, crude_draws(case, 50))


def test_every_way_of_paying_moves_money_inside_the_regions_alone(paid, results):
    net = results.settlement.net_budget("today").sel(year=paid.years, payer=[*PROVIDERS, "region"]).sum("payer")
    for system in paid.systems:
        whole = paid.margins.sel(system=system, unit=[*PROVIDERS, "region"]).sum("unit")
        xr.testing.assert_allclose(whole.drop_vars("system"), -net.transpose(*whole.dims), atol=1e-3)


def test_without_payment_each_unit_is_left_with_what_chapter_05_says_that_it_carries(paid, results):
    net = results.settlement.net_budget("today").sel(year=paid.years)
    for unit in (*PROVIDERS, "region"):
        left = paid.margins.sel(system=FRAME, unit=unit).mean("draw").sum()
        assert float(left) == pytest.approx(-float(net.sel(payer=unit).mean("draw").sum()))


def test_the_levels_leave_nothing_to_either_unit_in_the_nation(paid):
    for system in BY_LEVEL:
        nation = paid.margins.sel(system=system, unit=[*PROVIDERS, HOSPITAL]).sum(["region", "year"]).mean("draw")
        assert nation.to_numpy() == pytest.approx(np.zeros(3), abs=1.0)


def test_transition_is_what_chapter_06_says_less_what_the_agreement_pays_of_it(paid, results):
    change = phases.change_by_payer(results, paid.years)["transition"].sum("region")
    ledger = results.settlement.ledger.sel(mix="new", year=paid.years, entry="state_share").sum(["region", "year"])
    for unit in PROVIDERS:
        left = float(paid.transition.sel(unit=unit).sum(["region", "year"]).mean())
        national = results.settlement.ledger.sel(mix="new", year=paid.years, entry="national_split", payer=unit)
        expected = float(change.sel(payer=unit) + ledger.sel(payer=unit) + national.sum())
        assert left == pytest.approx(expected, rel=1e-6, abs=1.0)


def test_paid_by_itself_transition_leaves_less_for_levels(paid):
    for level, needed in paid.levels.items():
        assert paid.apart.levels[level] < needed
    assert paid.apart.apart.levels == pytest.approx(paid.apart.levels)


def test_where_all_cost_follows_the_pathway_its_price_closes_every_gap_and_a_weight_does_not(paid):
    more = paid.units.sel(driver="bundle", drop=True)
    units = paid.units.copy()
    units.loc[{"driver": "tests"}] = more
    cost = xr.concat([400.0 * more, 900.0 * more, 0.0 * more], dim="unit").assign_coords(
        unit=list(paid.gap["unit"].to_numpy())
    )
    proportional = replace(
        paid, gap=cost.transpose(*paid.gap.dims), drugs=0.0 * paid.drugs, transition=0.0 * paid.gap, units=units
    )
    assert proportional.levels["diagnostic_unit"] == pytest.approx(900.0)
    assert proportional.levels["bundle"] == pytest.approx(1300.0)
    assert proportional.shortfall("bundle")[HOSPITAL].all == pytest.approx(0.0, abs=1e-3)
    assert proportional.shortfall("production")[HOSPITAL].all > 1.0
    assert proportional.least()[0] == "bundle"


def test_rules_of_pricing_say_who_carries_idle_capacity(bill):
    by_rule, idle = bill.by_rule(), bill.idle().sum("year")
    left = {rule: one["laboratory"] for rule, one in by_rule.items()}
    xr.testing.assert_allclose(left["full"], -idle)
    xr.testing.assert_allclose(left["marginal"], -bill.kept * len(bill.years))
    for rule in ("yearly", "subscription"):
        assert left[rule].to_numpy() == pytest.approx(np.zeros(left[rule].size), abs=1.0)
    more = by_rule["yearly"]["clinic"] - by_rule["full"]["clinic"]
    xr.testing.assert_allclose(more, idle)


def test_a_price_of_the_year_s_true_cost_leaves_nothing_on_average(bill):
    left = bill.left(bill.true_cost()).mean("draw")
    assert left.to_numpy() == pytest.approx(np.zeros(left.size), abs=1.0)


def test_a_test_costs_what_chapters_02_and_05_say(scenario, results, bill):
    shown = billing_page.activity_table(scenario, results, bill, EN)
    once = results.per_patient.outcomes["cost_once"].sel(strategy=scenario.case.new)
    laboratory = float(once.isel(resource=(once["unit"] == "diagnostic_unit").to_numpy()).sum())
    cash = results.per_patient.test_cost.sel(strategy=scenario.case.new)
    assert float((cash + bill.fixed).mean()) == pytest.approx(laboratory)
    staff = staff_share(results.per_patient.outcomes["cost_once"], scenario.case).sel(strategy=scenario.case.new)
    assert EN.percent(float(staff)) in shown


def test_without_moving_prices_a_test_costs_the_same_in_every_year(cascade):
    case, found = cascade
    each = found.per_patient.test_cost.sel(strategy=case.case.new, drop=True)
    by_year = found.spending.test_cost.sel(fate=case.case.new, drop=True)
    xr.testing.assert_allclose(by_year, each.broadcast_like(by_year))


def test_who_bears_all_of_the_next_test_orders_as_in_the_scenario(answer):
    at_cost = answer.benefit.isel(price=billing.PRICES.index(1.0))
    assert at_cost.to_numpy() == pytest.approx(np.zeros(at_cost.size), abs=1e-3)
    assert float(abs(answer.benefit.isel(price=0)).max()) > 0


def test_what_the_own_agreement_lifts_is_in_the_scenario_already(answer, found):
    assert float(abs(answer.coverage.sel(design=found.own)).max()) < 1e-9
    assert float(answer.coverage.sel(design="national_earmarked").mean()) > 0


def test_a_design_does_to_use_what_a_walk_with_its_clauses_does(scenario, results, answer, found, crude_draws):
    clauses = tuple(found.designs["hepatitis_c_solidarity"])
    other = replace(scenario, agreement=scenario.agreement.model_copy(update={"clauses": clauses}))
    walked = evaluate_draws(other, crude_draws(scenario, results.reach.aimed.sizes["draw"]))
    eligible = results.reach.eligible.sel(year=answer.year)
    more = (walked.reach.aimed - results.reach.aimed).sel(mix="new", year=answer.year) * eligible
    expected = float((more.sum("region") / eligible.sum("region")).mean())
    told = float(answer.coverage.sel(design="hepatitis_c_solidarity").mean())
    # What is lifted is read from other draws here and there.
    assert told == pytest.approx(expected, rel=0.1)


def test_an_internal_price_is_valued_at_the_prices_of_its_year(scenario, results, answer):
    """At no price more are tested, and what each adds is what one who starts that year adds, as chapter 03 has it."""
    each = float(benefit_by_start(scenario, results, wtp=answer.wtp).sel(year=answer.year).mean())
    assert np.sign(answer.benefit.isel(price=0).mean()) == np.sign(each)


def test_prices_that_nobody_answers_to_cannot_be_told_apart(scenario, results, found, bill, crude_fits):
    still = load_scenario("agreement_even", scenario.folder, {"incentive_response": 0.0})
    with crude_fits():
        none = billing.response(still, results, found, bill, seed=1)
    assert len(none.best) == len(billing.PRICES)
    assert "cannot be said" in billing_page.billing_headline(scenario, results, bill, None, none, EN)


def parts(scenario, results, found, paid, bill, answer, words):
    both = billing.whole(results, bill, paid)
    return [
        providers_page.providers_headline(scenario, paid, words),
        providers_page.margins_table(scenario, paid, words),
        providers_page.levels_table(scenario, paid, words),
        providers_page.left_table(paid, words),
        providers_page.providers_by_year(paid, words),
        providers_page.providers_by_region(scenario, paid, words),
        billing_page.billing_headline(scenario, results, bill, both, answer, words),
        billing_page.activity_table(scenario, results, bill, words),
        billing_page.billing_by_year(scenario, results, bill, words),
        billing_page.rules_table(bill, words),
        billing_page.use_table(results, found, answer, words),
        billing_page.prices_table(answer, words),
    ]


@pytest.mark.parametrize("words", [SV, EN], ids=["sv", "en"])
def test_every_part_is_told_in_both_languages(scenario, results, found, paid, bill, answer, words):
    for part in parts(scenario, results, found, paid, bill, answer, words):
        assert part
        assert "{" not in part
        assert not re.search(r"\bnan\b", part)


def test_a_case_without_a_response_is_told_without_one(cascade):
    case, results = cascade
    found = agreements.negotiation(case, results)
    paid = providers.providers(case, results, found)
    bill = billing.billing(results, case, found, paid)
    answer = billing.response(case, results, found, bill, seed=1)
    assert answer is None
    *shown, use, prices = parts(case, results, found, paid, bill, answer, SV)
    assert all(shown)
    assert not use
    assert not prices


def test_without_an_agreement_nothing_is_told(unplanned, results):
    assert not any(parts(unplanned, results, None, None, None, None, SV))
