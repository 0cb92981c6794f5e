"""Clauses that move cost between regions, or between years: they sum to zero on their own.

Each function returns a transfer: columns by payer (draw, region, year), SEK of the price year, positive is paid.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pmbudget.financing.books import Books
from pmbudget.inputs.clauses import Instalments, NationalSplit, SolidarityPool
from pmbudget.vocabulary import REGION_PAYERS

ORDERS = 100
"""Random orders of arrival behind a Shapley value, each taken in all its rotations, forwards and backwards."""


def _solidarity_pool(clause: SolidarityPool, books: Books) -> dict[str, np.ndarray]:
    """w_r x sum of C - C_r, over the regions; what is national stays out."""
    cost = books.cost(clause.covers)
    if clause.additional:
        cost = cost - books.cost(clause.covers, today=True)
    cost = np.where(books.national, 0.0, cost)
    carried = books.terms.weight(clause.by) * cost.sum(axis=1, keepdims=True)
    return {"region": clause.share * (carried - cost)}


def shapley_shares(volume: np.ndarray, scale: float) -> np.ndarray:
    """Each party's Shapley share of a common cost that grows as total volume to the power ``scale``.

    The average, over orders of arrival, of what a party adds to the cost when it arrives. With ``scale`` 1 it is the share of volume,
    with ``scale`` 0 equal among those with any volume. By seeded random orders, rotated so that everyone arrives first equally often.

    >>> shapley_shares(np.array([3.0, 1.0]), 1.0).tolist()
    [0.75, 0.25]
    >>> shapley_shares(np.array([3.0, 1.0]), 0.0).tolist()
    [0.5, 0.5]
    """
    present = np.flatnonzero(volume > 0)
    shares = np.zeros(len(volume))
    if len(present):
        orders = np.argsort(np.random.default_rng(1).random((ORDERS, len(present))), axis=1)
        orders = np.concatenate([np.roll(orders, turn, axis=1) for turn in range(len(present))])
        orders = np.concatenate([orders, orders[:, ::-1]])
        arrived = np.cumsum(volume[present][orders], axis=1)
        cost = arrived**scale
        added = np.diff(cost, axis=1, prepend=0.0)
        np.add.at(shares, present[orders], added)
    return shares / shares.sum() if shares.sum() else shares


def _national_split(clause: NationalSplit, books: Books) -> dict[str, np.ndarray]:
    """What the health service's own units still carry in region "00" moves to each region's purchaser by its weight.

    A Shapley split is fixed when the agreement is made, on the volumes forecast for all its years.
    """
    if not books.national.any():
        return {}
    if clause.by == "shapley":
        volume = books.terms.forecast_over("tested", clause.begins, clause.ends)
        weight = shapley_shares(volume, clause.scale)[None, :, None]
    else:
        weight = books.terms.weight(clause.by)
    weight = weight * np.ones((1, len(books.terms.places), len(books.terms.years)))
    # Where a year has no weight at all, as before the first patient, the cost stays national.
    open_years = weight.sum(axis=1, keepdims=True) > 0
    left = {payer: books.national_balance(payer) * open_years for payer in books.payers if payer in REGION_PAYERS}
    place = int(books.national.argmax())
    moved = {"region": np.broadcast_to(sum(left.values()), (books.shape[0], 1, books.shape[2])) * weight}
    for payer, row in left.items():
        if payer not in moved:
            moved[payer] = np.zeros(books.shape)
        moved[payer][:, place : place + 1] -= row
    return moved


def instalments(cost: np.ndarray, alive: Sequence[Any]) -> np.ndarray:
    """What is paid each year (…, year): a year's cost in equal parts, each by those alive and responding when it falls due.

    ``alive`` holds, for each part, their share: a number, or an array that broadcasts to the cost.

    >>> instalments(np.array([100.0, 0, 0, 0]), (1.0, 0.8, 0.6, 0.6)).tolist()
    [25.0, 20.0, 15.0, 15.0]
    """
    paid, years = np.zeros_like(cost), cost.shape[-1]
    for due, share in enumerate(alive[:years]):
        paid[..., due:] += cost[..., : years - due] * share / len(alive)
    return paid


def _instalments(clause: Instalments, books: Books) -> dict[str, np.ndarray]:
    """The seller carries the cost until the instalments come, and for good what they do not cover."""
    bought = books.terms.held(clause.begins, clause.ends)
    alive: Sequence[Any]
    if clause.alive is not None:
        alive = clause.alive
    else:
        responding = books.terms.measure("responding")
        alive = [responding[..., due : due + 1] for due in range(clause.parts)]
    moved = {
        payer: instalments(cost * bought, alive) - cost * bought for payer, cost in books.borne(clause.covers).items()
    }
    if not moved:
        return {}
    relief = sum(moved.values())
    moved[clause.payer] = moved.get(clause.payer, 0.0) - relief
    return moved


MOVES: Mapping[type, Callable[[Any, Books], dict[str, np.ndarray]]] = {
    SolidarityPool: _solidarity_pool,
    NationalSplit: _national_split,
    Instalments: _instalments,
}
