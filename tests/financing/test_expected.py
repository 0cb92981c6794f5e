"""What clauses expect is expected once, before the blocks: no clause averages over the draws at hand."""

from dataclasses import fields, replace
from typing import get_args

import numpy as np
import pytest
import xarray as xr
from small_books import LABEL, small_books

from pmbudget.financing.agreement import transfers
from pmbudget.financing.books import expected_of
from pmbudget.inputs import clauses as kinds
from pmbudget.inputs.agreements import Agreement
from pmbudget.questions.agreements import programme_at
from pmbudget.road import evaluate_draws

GIVEN = {
    kinds.Grant: {"amount": 10, "by": "patients"},
    kinds.Milestone: {
        "amount": 20,
        "upfront": 0.2,
        "by": "eligible",
        "steps": [{"share": 0.5, "coverage": 0.5, "year": 3}],
    },
    kinds.PerformancePot: {"amount": 10, "by": "patients"},
    kinds.Corridor: {"covers": "all", "agreed": 10, "tolerance": 0.1, "above": 0.5, "below": 0.5, "by": "eligible"},
    kinds.PerUnit: {"unit": "tested", "price": 1000, "at_most": "worth"},
    kinds.GainShare: {"covers": "patient", "share": 0.3},
    kinds.SolidarityPool: {"covers": "all", "by": "patients"},
    kinds.NationalSplit: {"by": "shapley"},
    kinds.Match: {"covers": "all", "share": 0.1, "additional": True, "to": "region", "needs": {"known": 0.4}},
    kinds.Taper: {"covers": "transition", "share": 0.2, "years": 4},
    kinds.Adaptive: {"covers": "transition", "share": 0.3},
    kinds.BenefitProportional: {"covers": "transition", "of_health": 0.5},
    kinds.StopLoss: {"covers": "transition", "layers": [{"above": 0.5, "share": 0.5}]},
    kinds.VolumeCap: {"covers": "tests", "unit": "tested", "volume": 500},
    kinds.MoneyBack: {"covers": "benefit_drugs", "refund": 0.5},
    kinds.Instalments: {"covers": "benefit_drugs", "years": 3},
    kinds.AdaptivePrice: {"covers": "tests"},
    kinds.PatientFee: {"covers": "benefit_drugs", "ceiling": 2000},
    kinds.RebateSplit: {"covers": "benefit_drugs", "share": -0.1},
}
"""One clause of every kind, with whatever weight or condition it can expect."""


def clause_of(kind):
    tag = kind.model_fields["clause"].annotation.__args__[0]
    return kind(clause=tag, name=f"{tag}_tried", label=LABEL, **GIVEN[kind])


@pytest.fixture(scope="module")
def of_every_kind(scenario):
    assert set(GIVEN) == set(get_args(get_args(kinds.Clause)[0])), "a kind of clause is not tried here"
    agreement = Agreement(
        label=LABEL,
        clauses=[clause_of(kind) for kind in GIVEN],
        evidence="assumption",
        source={"title": "Trial"},
    )
    return replace(scenario, agreement=agreement)


@pytest.fixture(scope="module")
def of_two_blocks(of_every_kind, crude_draws):
    return evaluate_draws(of_every_kind, crude_draws(of_every_kind, 502), block=500)


@pytest.mark.parametrize("draws", [502, pytest.param(1000, marks=pytest.mark.whole)])
def test_the_block_moves_no_clause(of_every_kind, of_two_blocks, crude_draws, draws):
    table = crude_draws(of_every_kind, draws)
    small = of_two_blocks if draws == 502 else evaluate_draws(of_every_kind, table, block=500)
    large = evaluate_draws(of_every_kind, table, block=1000)
    for entry in small.settlement.ledger["entry"].to_numpy():
        one, other = (results.settlement.ledger.sel(entry=entry) for results in (small, large))
        xr.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-3)
    xr.testing.assert_allclose(small.settlement.budget, large.settlement.budget, rtol=1e-9, atol=1e-3)


def test_chapter_six_settles_on_the_same_forecast_as_the_road(of_every_kind, of_two_blocks):
    results = of_two_blocks
    programme = programme_at(of_every_kind, results)
    for name, moved in transfers(of_every_kind.agreement.clauses, programme.books).items():
        ledger = results.settlement.ledger.sel(mix="new", entry=name, payer="state").sum("region")
        paid = np.broadcast_to(moved.get("state", np.zeros((1, 1, 1))), programme.books.shape).sum(axis=1).mean(axis=0)
        until = ledger.sel(year=programme.terms.years)
        assert paid == pytest.approx(until.to_numpy(), rel=1e-9, abs=1e-3), name


def test_the_forecast_is_of_the_first_draws_alone():
    books = small_books()
    many = replace(
        books,
        accounts={account: np.concatenate([cost[:1]] * 500 + [100 * cost]) for account, cost in books.accounts.items()},
        today={account: np.concatenate([cost[:1]] * 500 + [100 * cost]) for account, cost in books.today.items()},
        terms=replace(books.terms, measures={name: column[:1] for name, column in books.terms.measures.items()}),
    )
    assert expected_of(many)["saved"] == pytest.approx(expected_of(books)["saved"])


def test_a_share_of_benefit_is_of_the_whole_forecast_however_few_years_are_settled():
    """It is fixed when the agreement is made, on a forecast: later years settled or not do not move it."""
    clause = clause_of(kinds.BenefitProportional)
    books = small_books()
    few = replace(
        books,
        accounts={account: cost[..., :3] for account, cost in books.accounts.items()},
        today={account: cost[..., :3] for account, cost in books.today.items()},
        terms=replace(
            books.terms,
            expected=expected_of(books),
            years=books.terms.years[:3],
            measures={name: column[..., :3] for name, column in books.terms.measures.items()},
        ),
    )
    whole, part = (transfers([clause], one)[clause.name]["state"] for one in (books, few))
    assert np.broadcast_to(part, few.shape) == pytest.approx(np.broadcast_to(whole, books.shape)[..., :3])


def test_other_books_do_not_keep_old_sums():
    books = small_books()
    before = books.cost("all")
    doubled = replace(books, accounts={account: 2 * cost for account, cost in books.accounts.items()})
    assert doubled.cost("all") == pytest.approx(2 * before)
    assert books.after({"state": np.ones((1, 1, 1))}).cost("all") == pytest.approx(before)
    assert "_sums" not in {field.name for field in fields(books) if field.init}
