"""Clauses by which somebody takes a rate of the covered cost from those who bear it.

Each function returns the rate, broadcast to (draw, region, year); a rate above 1 or below 0 is possible where cost is negative or money
goes the other way.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pmbudget.financing.books import Books
from pmbudget.financing.grants import units
from pmbudget.inputs.clauses import (
    Adaptive,
    AdaptivePrice,
    BenefitProportional,
    Match,
    MoneyBack,
    PatientFee,
    RebateSplit,
    Shared,
    StopLoss,
    Taper,
    VolumeCap,
)
from pmbudget.inputs.dated import value_in_force


def _per_cost(amount: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """An amount as a rate of cost; 0 where there is no cost to take."""
    full = np.broadcast_shapes(np.shape(amount), cost.shape)
    return np.divide(amount, cost, out=np.zeros(full), where=np.broadcast_to(cost > 1e-6, full))


def _new_share(clause: Match | MoneyBack | RebateSplit, books: Books) -> np.ndarray:
    """What of the covered cost a clause of what is ``additional`` counts: max(0, C - C today) / C, else all of it."""
    if not clause.additional:
        return np.ones((1, 1, 1))
    cost = books.cost(clause.covers)
    return _per_cost(np.maximum(0.0, cost - books.cost(clause.covers, today=True)), cost)


def _match(clause: Match, books: Books) -> np.ndarray:
    """min(alpha C, cap per inhabitant); with ``additional``, alpha max(0, C - C today)."""
    if not clause.additional and clause.cap_per_inhabitant is None:
        return np.full((1, 1, 1), clause.share)
    cost = books.cost(clause.covers)
    rate: Any = clause.share * _new_share(clause, books)
    if clause.cap_per_inhabitant is not None:
        index = 1.0 if clause.indexed else books.terms.index
        most = clause.cap_per_inhabitant / index * books.terms.inhabitants()
        # What is national has no inhabitants; there the cap does not bind.
        rate = np.where(books.national, rate, np.minimum(rate, _per_cost(most * np.ones(books.shape), cost)))
    return np.asarray(rate)


def taper(turn: np.ndarray, share: float, years: int, ratio: float | None = None) -> np.ndarray:
    """alpha_0 max(0, 1 - (t - 1) / T), or alpha_0 rho^(t - 1) for T years; 0 before year 1.

    >>> taper(np.arange(0, 5), 0.6, 3).round(1).tolist()
    [0.0, 0.6, 0.4, 0.2, 0.0]
    """
    since = turn - 1
    falling = (
        np.clip(1 - since / years, 0, None) if ratio is None else np.where(since < years, ratio ** since.clip(0), 0.0)
    )
    return np.where(since >= 0, share * falling, 0.0)


def _taper(clause: Taper, books: Books) -> np.ndarray:
    return taper(books.terms.turn - clause.begins + 1, clause.share, clause.years, clause.ratio)[None, None, :]


def _adaptive(clause: Adaptive, books: Books) -> np.ndarray:
    """Share x (1 - P(net benefit > 0 | data before t))."""
    return clause.share * (1 - books.terms.measure("known"))


def _benefit_proportional(clause: BenefitProportional, books: Books) -> np.ndarray:
    """E[benefit to the payer] / E[benefit] over the clause's years: one share for all regions and years.

    It is fixed when the agreement is made, on the forecast of all its years; nothing that happens later moves it.
    """
    health, saved = (
        float(books.terms.forecast_over(name, clause.begins, clause.ends).sum()) for name in ("health_value", "saved")
    )
    health = max(0.0, health)
    whole = health + max(0.0, saved)
    return np.full((1, 1, 1), clause.of_health * health / whole if whole > 0 else 0.0)


def layered(per_inhabitant: np.ndarray, layers: list[tuple[Any, float]]) -> np.ndarray:
    """The sum over layers of share x the part of the cost that lies between the layer's start and the next one's."""
    taken: Any = 0.0
    ends = [start for start, _ in layers[1:]] + [np.inf]
    for (start, share), end in zip(layers, ends, strict=True):
        taken = taken + share * np.clip(per_inhabitant - start, 0, end - start)
    return np.asarray(taken)


def _stop_loss(clause: StopLoss, books: Books) -> np.ndarray:
    people, cost = books.terms.inhabitants(), books.cost(clause.covers)
    index = 1.0 if clause.indexed else books.terms.index
    layers = sorted(clause.layers, key=lambda layer: layer.above)
    per_head = np.divide(cost, people, out=np.zeros_like(cost), where=np.broadcast_to(people > 0, cost.shape))
    return _per_cost(layered(per_head, [(layer.above / index, layer.share) for layer in layers]), per_head)


def _volume_cap(clause: VolumeCap, books: Books) -> np.ndarray:
    """1 - cap / units, where there are more units than the cap."""
    volume = units(clause.unit, books).sum(axis=1, keepdims=True)
    return 1 - clause.volume / np.maximum(volume, max(clause.volume, 1e-12))


def _money_back(clause: MoneyBack, books: Books) -> np.ndarray:
    """Refund x (1 - Y): what is left of the price is P (1 - phi (1 - Y))."""
    response = books.terms.measure("response") if clause.response is None else clause.response
    return np.asarray(clause.refund * (1 - response) * _new_share(clause, books))


def _adaptive_price(clause: AdaptivePrice, books: Books) -> np.ndarray:
    """max(0, -E[net benefit | data before t]) per patient tested, no more than the covered cost."""
    fall = np.maximum(0.0, -books.terms.measure("expected_benefit")) * books.terms.measure("tested")
    return np.clip(_per_cost(fall, books.cost(clause.covers)), 0, 1)


def _patient_fee(clause: PatientFee, books: Books) -> np.ndarray:
    """Ceiling x years of treatment per krona, at most 1: nobody pays more than the drug, and beyond the ceiling the region pays."""
    ceiling = value_in_force(clause.ceiling) / (1.0 if clause.indexed else books.terms.index)
    return np.minimum(1.0, ceiling * books.terms.measure("years_per_krona"))


def _rebate_split(clause: RebateSplit, books: Books) -> np.ndarray:
    """-s x r / (1 - r) of net cost: the state's part of the rebate leaves those who bought at the net price."""
    return -value_in_force(clause.share) * books.terms.measure("rebate_ratio") * _new_share(clause, books)


RATES: Mapping[type[Shared], Callable[[Any, Books], np.ndarray]] = {
    Match: _match,
    Taper: _taper,
    Adaptive: _adaptive,
    BenefitProportional: _benefit_proportional,
    StopLoss: _stop_loss,
    VolumeCap: _volume_cap,
    MoneyBack: _money_back,
    AdaptivePrice: _adaptive_price,
    PatientFee: _patient_fee,
    RebateSplit: _rebate_split,
}
