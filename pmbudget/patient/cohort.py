"""A cohort over time: occupancy of states, weights within a cycle, discounting."""

from typing import Any

import numpy as np
import xarray as xr

from pmbudget.vocabulary import matched

PRINTED = 1e-6
"""How far probabilities may sum from 1: what single precision, or a table printed to eight digits, leaves. They are then made to."""

STATES = ("progression_free", "progressed", "dead")


def partitioned_survival(pfs: Any, os: Any) -> xr.DataArray:
    """Occupancy of the states between two survival curves.

    progression_free = min(pfs, os), progressed = os - progression_free, dead = 1 - os.

    Parameters
    ----------
    pfs, os : array
        (…, cycle): share free of progression and share alive. A plain array has cycles on its last axis.

    Returns
    -------
    DataArray
        (…, cycle, state); ``attrs["crossings"]`` counts the points where pfs had to be lowered to os.

    Raises
    ------
    ValueError
        Curves of unequal length, or with other labels.

    Examples
    --------
    >>> partitioned_survival([1, 0.5], [1, 0.8]).sel(state="progressed").values.round(2).tolist()
    [0.0, 0.3]
    """
    free, alive = xr.broadcast(*matched(pfs=_curve(pfs), os=_curve(os)))
    crossings = int((free > alive).sum())
    free = free.where(free < alive, alive)
    states = xr.concat([free, alive - free, 1 - alive], dim="state").assign_coords(state=list(STATES))
    return states.transpose(..., "cycle", "state").assign_attrs(crossings=crossings)


def _curve(values: Any) -> xr.DataArray:
    if isinstance(values, xr.DataArray):
        return values
    array = np.asarray(values, float)
    leading = [f"axis_{number}" for number in range(array.ndim - 1)]
    return xr.DataArray(array, dims=[*leading, "cycle"])


def cycle_weights(n_cycles: int, counting: str) -> np.ndarray:
    """The weight of each point 0 … n of a trace when a reward that accrues evenly is added up.

    Parameters
    ----------
    n_cycles : int
    counting : {"start", "end", "trapezoid", "simpson", "simpson_as_published"}
        ``trapezoid`` is the half-cycle correction; ``simpson`` needs an even number of cycles. ``simpson_as_published`` swaps the 4/3 and
        2/3, as a published R function does: it takes any n, does not sum to n, and serves only to reproduce papers that used it.

    Returns
    -------
    ndarray
        n + 1 weights that sum to n (but for the last kind).

    Examples
    --------
    >>> cycle_weights(2, "trapezoid").tolist()
    [0.5, 1.0, 0.5]
    """
    if n_cycles < 1:
        raise ValueError(f"n_cycles = {n_cycles} must be 1 or more")
    weights = np.ones(n_cycles + 1)
    if counting == "start":
        weights[-1] = 0
    elif counting == "end":
        weights[0] = 0
    elif counting == "trapezoid":
        weights[[0, -1]] = 0.5
    elif counting in ("simpson", "simpson_as_published"):
        first, second = (4 / 3, 2 / 3) if counting == "simpson" else (2 / 3, 4 / 3)
        if counting == "simpson" and n_cycles % 2:
            raise ValueError(f"n_cycles = {n_cycles} is odd, and Simpson's rule needs an even number; use trapezoid")
        weights[1::2], weights[2::2] = first, second
        weights[[0, -1]] = 1 / 3
    else:
        known = "start, end, trapezoid, simpson, simpson_as_published"
        raise ValueError(f"counting = {counting!r} is unknown; use one of {known}")
    return weights


def discount_factors(n_cycles: int, rate: float, *, cycles_per_year: float = 1) -> np.ndarray:
    """(1 + rate)^(-cycle / cycles_per_year) for cycles 0 … n, ``rate`` being per year.

    Examples
    --------
    >>> discount_factors(2, 0.25).tolist()
    [1.0, 0.8, 0.64]
    """
    if rate <= -1:
        raise ValueError(f"rate = {rate} must be above -1")
    return (1 + rate) ** (-np.arange(n_cycles + 1) / cycles_per_year)
