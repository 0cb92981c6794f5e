"""What a unit is paid against what its work costs: tariffs, prices per test, and what no level of them can close."""

from dataclasses import dataclass
from typing import Any

import numpy as np


def margin(price: Any, volume: Any, *, variable: Any, fixed: Any) -> Any:
    """What is left to a unit: (price - variable cost of one) x volume - fixed cost; SEK, any shapes that broadcast.

    Examples
    --------
    A laboratory plans 100 tests at 60 kronor each, on equipment of 4,000 a year.

    >>> full = full_cost_price(60.0, 4_000.0, planned=100)
    >>> full, margin(full, 100, variable=60, fixed=4_000), margin(full, 80, variable=60, fixed=4_000)
    (100.0, 0.0, -800.0)
    >>> margin(60, 80, variable=60, fixed=4_000)
    -4000
    """
    return (price - variable) * volume - fixed


def full_cost_price(variable: Any, fixed: Any, *, planned: Any) -> Any:
    """The price that leaves nothing over and nothing lacking at the planned volume: variable cost of one + fixed cost / volume."""
    return variable + fixed / planned


def unused(fixed: Any, volume: Any, *, planned: Any) -> Any:
    """What idle capacity costs: the fixed cost of the tests that were planned for and not made; below 0 where more were.

    >>> unused(4_000.0, 80, planned=100)
    800.0
    """
    return fixed * (planned - volume) / planned


def closing_level(gap: np.ndarray, units: np.ndarray) -> float:
    """The one level per unit, SEK, that closes a gap in the nation over all years: E[gap] / E[units]; missing where there are none.

    Parameters
    ----------
    gap : array
        (draw, region, year): what a unit's work costs more than it is paid for, SEK.
    units : array
        As that: what is paid for.

    Examples
    --------
    >>> closing_level(np.array([[[60.0, 40.0]]]), np.array([[[1.0, 3.0]]]))
    25.0
    """
    counted = float(units.mean(axis=0).sum())
    return float(gap.mean(axis=0).sum()) / counted if counted > 1e-9 else float("nan")


@dataclass(frozen=True)
class Shortfall:
    """What a way of paying leaves too little of, SEK, expected: over regions and years, ``all``; between the nation's ``years`` where
    its regions share, and between ``regions`` where each may use a good year for a bad one.

    Where one level closes a gap in the nation as much is too much elsewhere: no other level closes it, only one by region or year.
    """

    all: float
    years: float
    regions: float


def shortfall(left: np.ndarray) -> Shortfall:
    """The sum of max(0, -E[margin]) of margins (draw, region, year).

    Examples
    --------
    One year is 30 too dear in the first region, and the other region gets 20 too much in another.

    >>> shortfall(np.array([[[-30.0, 0.0], [0.0, 20.0]]]))
    Shortfall(all=30.0, years=30.0, regions=30.0)
    >>> shortfall(np.array([[[-30.0, 30.0], [0.0, 0.0]]]))
    Shortfall(all=30.0, years=30.0, regions=0.0)
    """
    expected = left.mean(axis=0)
    sums = (expected, expected.sum(axis=0), expected.sum(axis=1))
    return Shortfall(*(float(-np.minimum(0.0, one).sum() + 0.0) for one in sums))


def shortfall_by_draw(left: np.ndarray) -> np.ndarray:
    """The sum of max(0, -margin) over regions and years in each draw (draw,): what two ways of paying are compared by."""
    return np.asarray(-np.minimum(0.0, left).sum(axis=(1, 2)))


def both_whole(needed: float, saved: float) -> tuple[float, float] | None:
    """The internal prices of one test that leave both units whole, SEK: from what it costs who makes it to what it saves who orders it.

    None where it saves less than it costs: whatever the price, one of the two pays.

    >>> both_whole(10_000, 14_000), both_whole(10_000, 4_000)
    ((10000, 14000), None)
    """
    return (needed, saved) if saved >= needed else None
