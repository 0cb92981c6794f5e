"""An agreement settled: clause by clause, each a transfer that sums to zero over region and payer in every draw and year.

Clauses take the cost as it fell, so that their order is of no matter, but for the national split: it divides what is left by then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from pmbudget.financing.books import MILLION, Books, lots, with_forecast
from pmbudget.financing.grants import AMOUNTS
from pmbudget.financing.pooling import MOVES
from pmbudget.financing.sharing import RATES
from pmbudget.inputs.clauses import Clause, Granted, Instalments, Needs, Paid, Shared

Transfer = dict[str, np.ndarray]
"""Columns by payer that broadcast to (draw, region, year), SEK of the price year; positive is paid, negative received."""


def transfers(clauses: Sequence[Clause], books: Books) -> dict[str, Transfer]:
    """The transfers of an agreement by clause, in the order in which they settle.

    They are settled on the forecast of the books' terms; books that stand alone are their own forecast.

    Raises
    ------
    ValueError
        Two clauses of one name, or a measure that a clause needs and the programme lacks.
    """
    return dict(_settled(clauses, with_forecast(books)))


def with_standing(clauses: Sequence[Clause], books: Books) -> tuple[dict[str, Transfer], Books]:
    """The transfers of the standing rules, which hold from the first year on, and the books after them."""
    terms = books.terms
    found = transfers(clauses, replace(books, terms=replace(terms, start=int(terms.years[0]))))
    for moved in found.values():
        books = books.after(moved)
    return found, books


def _settled(clauses: Sequence[Clause], books: Books) -> Iterator[tuple[str, Transfer]]:
    names = [clause.name for clause in clauses]
    if len(set(names)) < len(names):
        raise ValueError(f"clause names {names} must differ; rename one")
    for clause in clauses:
        moved = transfer(clause, books)
        books = books.after(moved)
        yield clause.name, moved


def transfer(clause: Clause, books: Books) -> Transfer:
    """The transfer of one clause on books that hold those before it."""
    books = with_forecast(books)
    if isinstance(clause, Granted):
        amount = AMOUNTS[type(clause)](clause, books) * _paid(clause, books)
        amount = _capped(clause, amount, books)
        return {clause.payer: amount, clause.to: -amount} if clause.payer != clause.to else {}
    if type(clause) in MOVES:
        moved = MOVES[type(clause)](clause, books)
        # Instalments go on falling due when the clause buys nothing more.
        held = books.terms.held(clause.begins, clause.ends)
        return moved if held.all() or isinstance(clause, Instalments) else {p: c * held for p, c in moved.items()}
    assert isinstance(clause, Shared)
    return _shared(clause, books)


def _shared(clause: Shared, books: Books) -> Transfer:
    cost = books.cost(clause.covers)
    rate = RATES[type(clause)](clause, books) * _paid(clause, books)
    if clause.cap is not None:
        rate = rate * _within(clause, (rate * cost).sum(axis=1, keepdims=True), books)
    whole = rate * cost
    moved: Transfer = {clause.payer: whole}
    relieved = books.borne(clause.covers) if clause.to == "bearer" else {clause.to: cost}
    for payer, column in relieved.items():
        relief = rate * column if len(relieved) > 1 else whole
        moved[payer] = moved[payer] - relief if payer in moved else -relief
    return moved


def _paid(clause: Paid, books: Books) -> np.ndarray:
    """1 where a clause pays, 0 where its years, its condition or parliament stop it; broadcasts to (draw, region, year)."""
    factor = books.terms.held(clause.begins, clause.ends)
    if clause.renewal < 1:
        later = (books.terms.turn - clause.begins).clip(0)
        lot = books.terms.measures.get("lot", lots(books.shape[0]))
        factor = factor * (lot < clause.renewal**later)
    return factor if clause.needs is None else factor * _met(clause.needs, books)


def _met(needs: Needs, books: Books) -> np.ndarray:
    met: np.ndarray = np.ones((1, 1, 1))
    if needs.coverage is not None:
        if needs.of == "region":
            reached = books.terms.measure("coverage")
        else:
            tested, eligible = (books.terms.measure(name).sum(axis=1, keepdims=True) for name in ("tested", "eligible"))
            reached = np.divide(tested, eligible, out=np.zeros_like(tested), where=eligible > 0)
        met = met * (reached >= needs.coverage)
    if needs.known is not None:
        met = met * (books.terms.measure("known") >= needs.known)
    return met


def _capped(clause: Paid, amount: np.ndarray, books: Books) -> np.ndarray:
    return amount if clause.cap is None else amount * _within(clause, amount.sum(axis=1, keepdims=True), books)


def _within(clause: Paid, total: np.ndarray, books: Books) -> np.ndarray:
    """By how much a clause is scaled down so that no more than its cap is paid in a year."""
    assert clause.cap is not None
    cap = clause.cap * MILLION / (1.0 if clause.indexed else books.terms.index)
    return np.where(np.abs(total) > cap, cap / np.maximum(np.abs(total), 1e-9), 1.0)
