"""Chapter 06 on payment to manufacturers: both languages, sums that add up, and the same patients for every contract."""

import re

import numpy as np
import pytest

from pmbudget.inputs import load_scenario
from pmbudget.inputs.contracts import load_contracts
from pmbudget.programme import reach
from pmbudget.questions import agreements
from pmbudget.questions.cohorts import cohort
from pmbudget.questions.payments import alike, best_contracts, contracts_compared, paid_per_diagnosis, payment_risk
from pmbudget.questions.register_rows import normal_loss, row_prices
from pmbudget.reporting.ch06_agreement import payments, register_rows
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate_draws

SV, EN = Words("sv"), Words("en")


@pytest.fixture(scope="module")
def terms(shipped):
    return load_contracts(shipped)


@pytest.fixture(scope="module")
def small(table):
    return table.isel(draw=slice(0, 120))


@pytest.fixture(scope="module")
def found(scenario, small, results, terms):
    return contracts_compared(scenario, small, results, terms, seed=1)


@pytest.fixture(scope="module")
def negotiated(scenario, results):
    return agreements.negotiation(scenario, results)


def pieces(scenario, results, found, negotiated, terms, words):
    return [
        payments.contracts_answer(scenario, found, terms, words),
        payments.risk_table(scenario, found, terms, words),
        payments.cash_table(scenario, found, terms, words),
        payments.wrong_table(scenario, found, terms, words),
        payments.diagnosis_table(scenario, results, words),
        register_rows.row_table(scenario, negotiated, words),
    ]


@pytest.mark.parametrize("words", [SV, EN])
def test_the_section_is_written_in_both_languages(scenario, results, found, negotiated, terms, words):
    for part in pieces(scenario, results, found, negotiated, terms, words):
        assert part
        assert not re.search(r"\bnan\b|\{", str(part))


def test_every_contract_is_expected_to_cost_the_present_net_price(found):
    paid = found["paid"].sel(contract=alike(found)).mean("draw")
    assert paid.to_numpy() == pytest.approx(float(paid.sel(contract="rebate")))
    assert found["by_year"].sum("year").to_numpy() == pytest.approx(found["paid"].mean("draw").to_numpy())


def test_patients_drawn_one_by_one_use_what_their_courses_expect(scenario, small, results, terms, found):
    who = cohort(scenario, small, results)
    listed = who.present * (who.starts.sum(axis=(1, 2)) * who.use.sum(axis=2)).sum(axis=1)
    drawn = found["paid"].sel(contract="rebate").to_numpy()
    assert drawn.mean() == pytest.approx(listed.mean(), rel=0.01)
    assert np.corrcoef(drawn, listed)[0, 1] > 0.95
    assert float(found["patients"].mean()) == pytest.approx(who.starts.sum(axis=(1, 2, 3)).mean(), rel=0.02)


def test_a_region_with_few_patients_carries_more_chance_and_a_cap_less_variation(found):
    risk = payment_risk(found)
    assert (risk["chance_small"] > risk["chance"]).all()
    assert (risk["payer"] + risk["manufacturer"]).to_numpy() == pytest.approx(1)
    assert risk.loc["rebate", "payer"] == pytest.approx(1)
    assert risk.loc["expenditure_cap", "payer"] < risk.loc["rebate", "payer"]
    assert best_contracts(found)["steady"][0] == "expenditure_cap"


def test_who_is_missing_costs_the_one_whom_the_contract_names(found):
    wrong = (found["too_much"] - found["too_little"]).mean("draw")
    for name in ("money_back", "instalments"):
        assert float(wrong.sel(contract=name, rule="missing_fails")) < float(
            wrong.sel(contract=name, rule="missing_responds")
        )
    others = [name for name in alike(found) if name not in ("money_back", "instalments")]
    assert float(np.abs(found["too_much"].sel(contract=others)).max()) == 0


def test_the_rows_of_the_cash_table_add_up(scenario, found, terms):
    lines = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", str(payments.cash_table(scenario, found, terms, EN)))
    assert len(lines) == len(terms.contracts)
    for line in lines:
        *parts, total = (
            float(cell.replace(",", "").replace("\u2212", "-")) for cell in re.findall(r"<td[^>]*>(.*?)</td>", line)
        )
        assert sum(parts) == pytest.approx(total, abs=1e-6)


def test_paid_by_result_costs_the_same_and_moves_risk(scenario, results):
    frame = paid_per_diagnosis(scenario, results)
    new, years = scenario.case.new, list(scenario.agreement_years)
    made = reach.tests_made(results.reach, scenario.case.broad).sel(fate=new, mix="new", year=years).sum("region")
    tests = (results.spending.test_cost.sel(fate=new, year=years) * made).sum("year")
    assert frame.loc["nation", "mean"] == pytest.approx(float(tests.mean()))
    assert frame.loc["small", "chance"] > frame.loc["nation", "chance"]
    assert 0 < frame.loc["nation", "manufacturer"] < 1


def test_a_row_is_never_paid_more_than_stated_or_than_it_is_worth(negotiated):
    rows = row_prices(negotiated)
    assert (rows["price"] <= rows["average"] + 1e-9).all()
    assert (rows["price"] <= rows["stated"] + 1e-9).all()
    assert float(rows["last"].min()) >= 0
    normal, drawn = normal_loss(negotiated.programme)
    assert normal == pytest.approx(drawn, rel=0.5)


@pytest.mark.parametrize("case", ["fh_cascade", "rare_disease_wgs"])
def test_a_case_without_drugs_or_without_follow_up_says_so(shipped, crude_draws, terms, case):
    scenario = load_scenario("agreement_even", shipped, case=case)
    draws = crude_draws(scenario, 20)
    results = evaluate_draws(scenario, draws)
    negotiated = agreements.negotiation(scenario, results)
    found = contracts_compared(scenario, draws, results, terms, seed=1)
    said = [str(part) for part in pieces(scenario, results, found, negotiated, terms, SV)]
    assert (SV("contracts_no_drug") in said[0]) == (case == "rare_disease_wgs")
    assert (SV("rows_not_followed") in said[-1]) == (case == "fh_cascade")
    if found is not None:
        assert "adaptive_price" not in found["contract"]
        assert terms.contracts["adaptive_price"].label.sv not in "".join(said)
    assert (found is None) == (case == "rare_disease_wgs")


def test_who_has_waited_is_counted_once_and_nobody_less_than_once(limited, crude_draws, terms):
    draws = crude_draws(limited, 6)
    who = cohort(limited, draws, evaluate_draws(limited, draws))
    assert (who.starts >= 0).all()
    assert (who.starts.sum(axis=(1, 2, 3)) > 0).all()


def test_without_an_agreement_the_section_is_empty(unplanned, small, results, terms):
    assert contracts_compared(unplanned, small, results, terms, seed=1) is None
    assert not any(pieces(unplanned, results, None, None, terms, EN))
