"""A therapy that is given once and without a test: who is counted, what is paid, and that the designs only move money."""

import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from pmbudget.financing.agreement import transfers
from pmbudget.financing.books import Books, Terms
from pmbudget.inputs import load_scenario
from pmbudget.inputs.agreements import load_agreements
from pmbudget.inputs.contracts import load_contracts
from pmbudget.patient import simulate
from pmbudget.patient.outcomes import occupancy_by_strategy
from pmbudget.programme.reach import national_aim, share_reached
from pmbudget.questions import one_off as asked
from pmbudget.questions.one_off import AT_ONCE, counted, fund, one_off, region_risk, reserve, where_it_fails
from pmbudget.questions.payments import contracts_compared, payment_risk
from pmbudget.reporting.ch03_worth.worth_starts import starts_table
from pmbudget.reporting.ch06_agreement import one_off as pages
from pmbudget.reporting.ch06_agreement import payments
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate_draws

CASE = "gene_therapy"
INSTALMENTS, REFUND, POOL, FUND = (f"one_off_{name}" for name in ("instalments", "refund", "pool", "state_fund"))
DESIGNS = (INSTALMENTS, REFUND, POOL, FUND)


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("agreement_fast", case=CASE)


@pytest.fixture(scope="module")
def draws(scenario, crude_draws):
    return crude_draws(scenario, 500)


@pytest.fixture(scope="module")
def results(scenario, draws):
    return evaluate_draws(scenario, draws)


@pytest.fixture(scope="module")
def found(scenario, results, draws):
    return one_off(scenario, results, draws, seed=1)


# The engine without a test


def test_a_strategy_without_tests_is_its_management(scenario, draws):
    outcomes = simulate(draws, scenario.case, horizon=3)
    for name, management in (("gene_therapy", "gene_therapy"), ("supportive_care", "supportive_care")):
        treated = outcomes["treated"].sel(strategy=name)
        assert float(treated.sel(management=management).min()) == float(treated.sum("management").max()) == 1
    assert not np.any(outcomes["found"] > 0)
    assert set(outcomes["unit"].to_numpy()) == {"clinic"}


def test_the_course_is_the_hand_worked_one(scenario, draws):
    """Alive without the therapy after a year: exp(-rate of death, of the disease and of the population)."""
    living = 1 - occupancy_by_strategy(draws, scenario.case, horizon=1).sel(state="dead", strategy="supportive_care")
    rate, growth = draws["rate_population_mortality"], draws["growth_population_mortality"]
    expected = np.exp(-draws["rate_death_progressing"] - rate * np.exp(growth / 2))
    np.testing.assert_allclose(living.isel(cycle=1), expected, rtol=1e-12)


def test_who_responds_for_life_costs_no_supportive_care(scenario, draws):
    sure = draws.assign({name: draws[name] * 0 for name in ("rate_no_response", "rate_response_lost")})
    outcomes = simulate(sure, scenario.case, horizon=20).sel(strategy="gene_therapy")
    assert float(outcomes["cost"].sel(resource="supportive_care").max()) == 0
    assert float(outcomes["cost_once"].sel(resource="one_off_therapy").mean()) == pytest.approx(
        float(draws["price_one_off"].mean())
    )


# Chance


def test_a_regions_cost_has_the_variance_of_poisson():
    """Var(price x N) = price^2 x rate, and no patient at all with probability exp(-rate)."""
    rate, price = np.full((40_000, 1), 0.3), 25.0
    numbers = counted(rate, seed=3)
    error = price**2 * 0.3 * np.sqrt((2 + 1 / 0.3) / len(rate))
    assert (price * numbers).var() == pytest.approx(price**2 * 0.3, abs=4 * error)
    assert (numbers == 0).mean() == pytest.approx(asked.without_patient(rate).mean(), abs=0.01)


def test_fewer_draws_are_the_beginning_of_more():
    rate = np.full((1200, 2, 3), 0.7)
    assert np.array_equal(counted(rate, seed=1)[:200], counted(rate[:200], seed=1))


def test_in_a_small_region_the_spread_is_chance_and_in_a_pool_it_is_everybodys(found):
    risk, (small, large) = region_risk(found), found.smallest_and_largest
    rate = found.rate.sel(region=small)
    known, by_chance = found.price * rate / found.people[small], found.price**2 * rate / found.people[small] ** 2
    row = risk.loc[(AT_ONCE, small)]
    # In closed form: no patient drawn, of whom the smallest region would have too few.
    assert row["mean"] == pytest.approx(float(known.mean()))
    assert (row["cv"] * row["mean"]) ** 2 == pytest.approx(float(known.var()) + float(by_chance.mean()))
    assert risk.loc[(FUND, small), "mean"] == pytest.approx(row["mean"] / 10)
    assert risk.loc[(AT_ONCE, small), "chance"] > 0.9 > risk.loc[(POOL, small), "chance"]
    assert risk.loc[(POOL, small), "cv"] == pytest.approx(risk.loc[(POOL, large), "cv"])
    assert risk.loc[(POOL, small), "cv"] < risk.loc[(AT_ONCE, large), "cv"] < risk.loc[(AT_ONCE, small), "cv"]
    # A share of what the region pays moves its size, and not its spread over the mean.
    assert risk.loc[(FUND, small), "cv"] == pytest.approx(risk.loc[(AT_ONCE, small), "cv"])


def test_a_pool_s_spread_is_that_of_all_patients_drawn_one_by_one(found):
    """Var of the nation's whole patients by their share: what the signed noise stands for where payments are of many."""
    (small, _), years = found.smallest_and_largest, list(found.years)
    whole = found.whole.sel(design=POOL, payer="region", region=small, year=years) / found.people[small]
    row = region_risk(found).loc[(POOL, small)]
    assert row["cv"] * row["mean"] == pytest.approx(float(whole.std()), rel=0.1)


def test_the_patients_are_the_budget_s_own(results, found):
    """To the krona, in each region and year: the section and chapter 05 pay one sum."""
    accounts = results.settlement.accounts.sel(mix="new")
    budget = (
        accounts.isel(account=(accounts["part"] == "procured").to_numpy())
        .sum("account")
        .sel(region=found.paid["region"])
    )
    paid = found.paid.sel(design=AT_ONCE, year=list(found.years)).sum("payer")
    np.testing.assert_allclose(paid, budget.transpose(*paid.dims), atol=1)
    np.testing.assert_allclose(found.paid.sel(design=FUND, payer="state").sum(), 0.9 * budget.sum())


# Who pays


def test_the_manufacturer_gets_what_the_payers_pay_whatever_is_agreed(found):
    received = found.paid.sum("payer")
    for design in (POOL, FUND):
        for over in ("region",):
            np.testing.assert_allclose(received.sel(design=design).sum(over), received.sel(design=AT_ONCE).sum(over))
    for design in (INSTALMENTS, REFUND):
        assert float(received.sel(design=design).sum()) < float(received.sel(design=AT_ONCE).sum())
    assert not np.any(found.paid.sel(payer="region") < -1e-6)


@pytest.mark.parametrize("design", DESIGNS)
def test_transfers_of_every_design_sum_to_zero(shipped, design):
    cost = np.random.default_rng(1).gamma(0.2, 25e6, (4, 3, 6))
    regions = xr.DataArray(np.array([3.0, 2.0, 1.0]), {"code": ["01", "03", "04"]}).to_dataframe("population")
    terms = Terms(2027, np.arange(2026, 2032), ("01", "03", "04"), regions)
    accounts = {("clinic", "procured"): cost, ("clinic", "care"): cost / 7}
    share = np.linspace(1.0, 0.2, 11)[None, None, :]
    terms = replace(terms, measures={"response": share[..., 1:2], "responding": share})
    moved = transfers(load_agreements(shipped)[design].clauses, Books(accounts, accounts, terms))
    for columns in moved.values():
        total = sum(np.broadcast_to(column, cost.shape).sum(axis=1) for column in columns.values())
        np.testing.assert_allclose(total, 0, atol=1e-6)


def test_instalments_are_a_fifth_a_year_of_those_left(found):
    """The last instalments fall due four years after the last year shown, a fifth for each of those who still respond."""
    bought = found.paid.sel(design=AT_ONCE, payer="region").sum("region")
    paid = found.paid.sel(design=INSTALMENTS, payer="region").sum("region")
    first, last = found.years[0], found.years[-1]
    np.testing.assert_allclose(paid.sel(year=first), bought.sel(year=first) / 5)
    left = found.responding.isel(year=slice(5)).to_numpy()
    np.testing.assert_allclose(paid.sel(year=last + 4), bought.sel(year=last) * left[:, 4] / 5)
    np.testing.assert_allclose(paid.sum("year"), bought.sum("year") * left.sum(axis=1) / 5)


def test_what_designs_go_by_is_the_case_s_own_course(results, found):
    """Who responds at one year is exp(-rate of no response) of those who live: what clauses read is what the page tells."""
    facts = results.settlement.facts
    np.testing.assert_allclose(facts["responding"], found.responding.isel(year=slice(facts.sizes["since"])), rtol=1e-9)
    np.testing.assert_array_equal(facts["response"], facts["responding"].isel(since=1))


def test_where_it_fails_only_payment_by_outcome_lets_the_payers_off(found):
    frame, price = where_it_fails(found), float(found.price.mean())
    assert frame["manufacturer"].round(9).to_dict() == {
        AT_ONCE: 0.0,
        INSTALMENTS: 0.8,
        REFUND: 0.8,
        POOL: 0.0,
        FUND: 0.0,
    }
    np.testing.assert_allclose(frame["region_works"] + frame["state_works"], price)
    assert frame.loc[FUND, "state_fails"] == pytest.approx(0.9 * price)


def test_a_funds_reserve_is_the_quantile_of_poisson_in_one_year():
    rate, price = 2.4, 25.0
    outlay = price * np.random.default_rng(7).poisson(rate, (40_000, 1))
    expected = price * (stats.poisson.ppf(0.95, rate) - rate)
    assert reserve(outlay, np.array([price * rate])) == pytest.approx(expected)


def test_a_fund_needs_more_where_more_is_unknown_and_nothing_where_all_is_known(found):
    held = fund(found, FUND)
    assert held["reserve"] > held["reserve_chance"] > 0
    assert held["yearly"] < held["high_year"]
    sure = np.full((10, 3), 4.0)
    assert reserve(sure, sure[0]) == 0
    assert found.funds == [FUND]


# Which designs stand where


def test_its_designs_stand_beside_no_other_case_and_those_of_tests_not_here(shipped, scenario):
    designs, other = load_agreements(shipped), load_scenario("agreement_even", case="nsclc_panel")
    here = {name for name, one in designs.items() if one.is_for(CASE, scenario.case)}
    there = {name for name, one in designs.items() if one.is_for("nsclc_panel", other.case)}
    assert set(DESIGNS) <= here
    assert not set(DESIGNS) & there
    assert there == set(designs) - set(DESIGNS)
    assert not here & {"internal_prices", "paid_per_result", "paid_per_register_row", "money_back_drugs"}


def test_nothing_is_shown_where_there_is_no_such_therapy_or_nothing_is_agreed(scenario, results, draws, crude_draws):
    other, unplanned = load_scenario("agreement_even", case="fh_cascade"), load_scenario("unplanned", case=CASE)
    assert one_off(other, results, crude_draws(other, 2), seed=1) is None
    assert one_off(unplanned, results, draws, seed=1) is None
    shown = (pages.one_off_answer, pages.cash_table, pages.risk_table, pages.fund_table, pages.failure_table)
    assert not any(piece(None, Words("sv")) for piece in shown)


@pytest.mark.parametrize("language", ["sv", "en"])
def test_the_pages_say_it_and_their_columns_add_up(found, language):
    words = Words(language, tests=False)
    for piece in (pages.one_off_answer, pages.cash_table, pages.risk_table, pages.fund_table, pages.failure_table):
        text = piece(found, words)
        assert text
        assert not re.search(r"\bnan\b", text)
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", pages.cash_table(found, words), flags=re.S)[1:]
    for row in rows:
        cells = [re.sub(r"[\s\u00a0\u202f,]", "", cell) for cell in re.findall(r"<td class=num>(.*?)</td>", row)]
        figures = [round(10 * float(cell)) if "." in cell else int(cell) for cell in cells]
        assert sum(figures[:-1]) == figures[-1]


# Years in which nobody comes


def test_where_nobody_is_eligible_nobody_is_missed(scenario, results):
    """The share reached is told of those who came; where none did it is what was aimed at, and never 0 for want of patients."""
    nobody = results.reach.eligible.sum("region") == 0
    assert bool(nobody.any())
    reached = share_reached(results.reach, scenario.case.broad, ("region",))
    for share, aim in ((reached, results.reach.reached), (national_aim(results.reach), results.reach.aimed)):
        expected = aim.mean("region").where(nobody)
        np.testing.assert_allclose(share.where(nobody), expected.transpose(*share.dims))
        assert float(share.sel(mix="new").min()) > 0


# Pages of a case without a test and with few patients


def test_where_no_price_moves_worth_by_start_is_a_sentence(scenario, results):
    words = Words("sv", tests=False)
    text = str(starts_table(scenario, results, words))
    assert words("starts_same") in text
    assert "<table" not in text
    assert "test" not in text.lower()


@pytest.mark.parametrize("language", ["sv", "en"])
def test_of_a_region_with_few_patients_no_spread_is_simulated(scenario, results, draws, shipped, language):
    words, terms = Words(language, tests=False), load_contracts(shipped)
    found = contracts_compared(scenario, draws.isel(draw=slice(0, 60)), results, terms, seed=1)
    risk = payment_risk(found)
    assert risk[["chance_small", "variation_small"]].isna().all(axis=None)
    assert risk["chance"].notna().all()
    said = str(payments.contracts_answer(scenario, found, terms, words))
    assert not re.search(r"\b0[.,]0 (patient|väntas)", said)
    assert words("contracts_dear") not in said
    assert re.sub(r"\s", "", words("contract_note_few", small="Region Gotland")) in re.sub(
        r"\s", "", str(payments.risk_table(scenario, found, terms, words))
    )


def test_a_contract_costs_only_in_the_years_in_which_it_pays(scenario, results, draws, shipped):
    found = contracts_compared(scenario, draws.isel(draw=slice(0, 60)), results, load_contracts(shipped), seed=1)
    years = (found["by_year"] != 0).sum("year")
    yearly = found["transaction"].sel(contract="rebate").mean() / draws["cost_contract_year"][:60].mean()
    assert float(yearly) == pytest.approx(float(years.sel(contract="rebate")))
    assert years.sel(contract="rebate") < found.sizes["year"]
