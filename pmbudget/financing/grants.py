"""Clauses by which somebody pays an amount: grants, milestones, pots, corridors, prices per unit, shared gains.

Each function returns what every region receives (draw, region, year), SEK of the price year.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from pmbudget.evidence.learning import value_of_rows
from pmbudget.financing.books import MILLION, Books
from pmbudget.inputs.clauses import Corridor, GainShare, Grant, Granted, Milestone, PerformancePot, PerUnit


def _grant(clause: Grant, books: Books) -> np.ndarray:
    """A_t w_r."""
    amount = books.terms.real(clause.amount, begins=clause.begins, indexed=clause.indexed)
    return amount * books.terms.weight(clause.by)


def _milestone(clause: Milestone, books: Books) -> np.ndarray:
    """A w_r (theta_0 in the first year + sum of theta_m 1{coverage reached by t_m} in t_m)."""
    terms, coverage = books.terms, books.terms.measure("coverage")
    paid: Any = clause.upfront * (terms.turn == clause.begins)
    for step in clause.steps:
        due = terms.turn == step.year
        if due.any():
            level = coverage[..., due]
            reached = (
                special.expit((level - step.coverage) / step.width) if step.width else (level >= step.coverage) * 1.0
            )
            paid = paid + step.share * reached * due
    index = 1.0 if clause.indexed else terms.index
    return clause.amount * MILLION / index * terms.weight(clause.by) * paid


def _performance_pot(clause: PerformancePot, books: Books) -> np.ndarray:
    """P w_r s_r / sum of w s, s the larger of improvement on the year before and level; nothing where nobody has either."""
    level, today = books.terms.measure("coverage"), books.terms.measure("coverage_today")
    before = np.concatenate([np.broadcast_to(today, level.shape)[..., :1], level[..., :-1]], axis=-1)
    score = books.terms.weight(clause.by) * np.maximum(level - before, level)
    total = score.sum(axis=1, keepdims=True)
    share = np.divide(score, total, out=np.zeros_like(score), where=total > 0)
    return books.terms.real(clause.amount, begins=clause.begins, indexed=clause.indexed) * share


def corridor(cost: Any, agreed: Any, *, tolerance: float, above: float, below: float) -> Any:
    """What a payer owes beyond the agreed sum: above x max(0, C - (1 + t) A) - below x max(0, (1 - t) A - C).

    >>> round(corridor(36_000, 33_485, tolerance=0.03, above=0.5, below=0.5), 1)
    755.2
    >>> corridor(34_000, 33_485, tolerance=0.03, above=0.5, below=0.5)
    0.0
    """
    over = np.maximum(0.0, cost - (1 + tolerance) * agreed)
    under = np.maximum(0.0, (1 - tolerance) * agreed - cost)
    owed = above * over - below * under
    return float(owed) if np.ndim(owed) == 0 else owed


def expected_corridor(mean: Any, agreed: Any, sd: Any, *, tolerance: float, above: float, below: float) -> Any:
    """The expectation of :func:`corridor` for a normal cost: E max(0, X - k) = (m - k) Phi(z) + s phi(z), z = (m - k) / s."""
    over, under = mean - (1 + tolerance) * agreed, (1 - tolerance) * agreed - mean
    return above * _hinge(over, sd) - below * _hinge(under, sd)


def _hinge(distance: Any, sd: Any) -> Any:
    # Beyond forty standard deviations nothing is left of the tail.
    z = np.clip(distance / np.maximum(sd, 1e-6), -40, 40)
    return distance * special.ndtr(z) + sd * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)


def corridor_marginal_share(clause: Corridor) -> float:
    """The payer's share of one krona more when the outturn is as agreed on average: share x P(outside the band).

    Without a ``spread`` it depends on the case's own cost, and is read off the settlement (``marginal_share``).
    """
    if clause.spread is None:
        raise ValueError(f"{clause.name} has no spread; use marginal_share for a corridor on the case's own cost")
    outside = float(special.ndtr(-clause.tolerance / clause.spread)) if clause.spread else 0.0
    return (clause.above + clause.below) * outside


def _corridor(clause: Corridor, books: Books) -> np.ndarray:
    terms = books.terms
    agreed = terms.real(clause.agreed, begins=clause.begins, indexed=clause.indexed)
    cost = books.cost(clause.covers).sum(axis=1, keepdims=True)
    shares = {"tolerance": clause.tolerance, "above": clause.above, "below": clause.below}
    if clause.spread is None:
        owed = corridor(cost, agreed, **shares)
    else:
        # The rest of the appropriation is the same in every mix; the case is charged with what it moves.
        more = (cost - books.cost(clause.covers, today=True).sum(axis=1, keepdims=True)) * (terms.turn >= clause.begins)
        earlier = np.concatenate([np.zeros_like(more[..., :1]), more[..., :-1]], axis=-1)
        rebased, sd = clause.rebase * earlier, clause.spread * agreed
        moved = expected_corridor(agreed + more, agreed + rebased, sd, **shares)
        owed = rebased + moved - expected_corridor(agreed, agreed, sd, **shares)
        owed = np.where(agreed > 0, owed, 0.0)
    return owed * terms.weight(clause.by)


def units(unit: str, books: Books) -> np.ndarray:
    """How many there are of a clause's unit (draw, region, year)."""
    return books.terms.measure(unit)


def _per_unit(clause: PerUnit, books: Books) -> np.ndarray:
    """Price x units that qualify."""
    return row_price(clause, books) * clause.complete * units(clause.unit, books)


def row_price(clause: PerUnit, books: Books) -> np.ndarray:
    """What is paid for a unit that qualifies, in SEK of the price year; broadcasts to (draw, 1, year)."""
    index = 1.0 if clause.indexed else books.terms.index
    if clause.at_most == "worth":
        return np.minimum(clause.price / index, row_worth(clause, books)[0])
    return np.asarray((clause.price if clause.at_most is None else min(clause.price, clause.at_most)) / index)


def row_worth(clause: PerUnit, books: Books) -> tuple[np.ndarray, np.ndarray]:
    """What a row that a clause pays in a year is worth, SEK of that year's money: on average, and the last one (draw, 1, year).

    N EVSI(n) / n, where n are the rows that were forecast for the year, and N the patients forecast for the years after it, when the rows
    are known, each year discounted. The belief is of the data before the year: nothing that comes later moves the price. Of rows that
    may not be used yet only those count that may.
    """
    terms = books.terms
    rows = clause.complete * terms.forecast[clause.unit].sum(axis=0)
    eligible = terms.forecast["eligible"].sum(axis=0)
    now = np.isin(terms.forecast.years, terms.years)
    affected = _after(eligible, float(np.mean(terms.measure("discount_rate"))))[now]
    rows = rows[now]
    usable = terms.measure("usable")
    belief = (terms.measure("learnt_mean"), terms.measure("learnt_sd"))
    total, last = value_of_rows(*belief, rows * usable, terms.measure("row_sd"))
    each = np.divide(total * affected, rows, out=np.zeros_like(total), where=np.broadcast_to(rows > 0, total.shape))
    return each, last * affected * usable


def _after(persons: np.ndarray, rate: float) -> np.ndarray:
    """Of the persons of each year (year,) those of the years after it, discounted to it.

    >>> _after(np.array([10.0, 10.0, 10.0]), 0.0).tolist()
    [20.0, 10.0, 0.0]
    """
    left = np.zeros(len(persons) + 1)
    for place in reversed(range(len(persons))):
        left[place] = (persons[place + 1] if place + 1 < len(persons) else 0.0) + left[place + 1]
        left[place] /= 1 + rate
    return left[:-1]


def _gain_share(clause: GainShare, books: Books) -> np.ndarray:
    """Share x max(0, what is saved against today's use - threshold)."""
    saved = books.cost(clause.covers, today=True) - books.cost(clause.covers)
    index = 1.0 if clause.indexed else books.terms.index
    return clause.share * np.maximum(0.0, saved - clause.threshold / index * books.terms.inhabitants())


AMOUNTS: Mapping[type[Granted], Callable[[Any, Books], np.ndarray]] = {
    Grant: _grant,
    Milestone: _milestone,
    PerformancePot: _performance_pot,
    Corridor: _corridor,
    PerUnit: _per_unit,
    GainShare: _gain_share,
}
