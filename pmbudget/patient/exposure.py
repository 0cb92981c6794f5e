"""What a course of the disease comes to by year: time in each state and entries into it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

MONTHS = 12


@dataclass(frozen=True)
class Course:
    """What happens under one management, by year since start (…[, true_class], year_since_start).

    ``years`` in each state, by (state, month until which it is counted or None); ``entries`` by the name of what happens (``on_death``,
    ``on_progression``, ``on_`` and a state); ``late``, by the keys of both, each times its mean position within the year (0 at its
    beginning, 1 at its end); ``crossings``, the share of curve points where progression-free survival was lowered.
    """

    years: dict[tuple[str, int | None], xr.Variable]
    entries: dict[str, xr.Variable]
    late: dict[tuple[str, int | None] | str, xr.Variable]
    crossings: float


def course_of(found: dict[Any, tuple[xr.Variable, xr.Variable]], crossings: float) -> Course:
    """A course from what :func:`in_years` says of each time in a state and each entry."""
    return Course(
        {key: amount for key, (amount, _) in found.items() if isinstance(key, tuple)},
        {key: amount for key, (amount, _) in found.items() if isinstance(key, str)},
        {key: late for key, (_, late) in found.items()},
        crossings,
    )


def middle(trace: xr.Variable) -> xr.Variable:
    """The mean of the ends of each cycle."""
    return (trace.isel(cycle=slice(1, None)) + trace.isel(cycle=slice(None, -1))) / 2


def in_years(
    by_cycle: xr.Variable, cycles_per_year: int, until_month: int | None = None, first: int = 0
) -> tuple[xr.Variable, xr.Variable]:
    """Summed by year, and summed times the position within the year; cycles after ``until_month`` are left out.

    What falls in a cycle falls evenly over the part of it that is counted. ``first`` is the number of the first cycle.
    """
    values = by_cycle.transpose(..., "cycle").to_numpy()
    numbers = first + np.arange(values.shape[-1])
    kept = np.ones(len(numbers))
    if until_month is not None:
        kept = (until_month * cycles_per_year / MONTHS - numbers).clip(0, 1)
    position = (numbers % cycles_per_year + kept / 2) / cycles_per_year
    yearly = values.reshape(*values.shape[:-1], -1, cycles_per_year)
    dims = (*(dim for dim in by_cycle.dims if dim != "cycle"), "year_since_start")
    amount, late = (
        xr.Variable(dims, np.einsum("...yc,yc->...y", yearly, weight.reshape(-1, cycles_per_year)))
        for weight in (kept, kept * position)
    )
    return amount, late


def yearly(flows: xr.DataArray, *, cycles_per_year: int, within: float = 0.0) -> xr.Dataset:
    """Cost by year since start, and where in its year it falls, from cost on a finer grid: what a budget needs of a weekly model.

    Parameters
    ----------
    flows : DataArray
        (…, cycle): cost per patient in each cycle from the start, SEK. The last year may be short.
    cycles_per_year : int
        52 for weeks, 12 for months.
    within : float
        Where in its cycle a flow falls: 0 at its beginning, as a dose does; 0.5 evenly over it.

    Returns
    -------
    Dataset
        ``cost`` and ``position`` (…, year_since_start). The position is the cost-weighted mean, 0 at the beginning of the year and 1 at
        its end: of patients who start evenly over a calendar year it is the share of the flow that falls in the next calendar year.

    Raises
    ------
    ValueError
        No dim ``cycle``, or ``within`` outside 0-1.

    Examples
    --------
    >>> half = yearly(xr.DataArray([10.0, 30.0], dims="cycle"), cycles_per_year=2)
    >>> half["cost"].values.tolist(), half["position"].values.tolist()
    ([40.0], [0.375])
    """
    if "cycle" not in flows.dims:
        raise ValueError(f"flows has the dims {flows.dims}; name one of them cycle")
    if not 0 <= within <= 1:
        raise ValueError(f"within = {within} must lie between 0 and 1")
    short = -flows.sizes["cycle"] % cycles_per_year
    whole = flows.drop_vars("cycle", errors="ignore").pad(cycle=(0, short), constant_values=0.0)
    by_year = whole.coarsen(cycle=cycles_per_year).construct(cycle=("year_since_start", "within_year"))
    place = xr.DataArray((np.arange(cycles_per_year) + within) / cycles_per_year, dims="within_year")
    cost, late = by_year.sum("within_year"), (by_year * place).sum("within_year")
    found = xr.Dataset({"cost": cost, "position": position(cost, late)})
    return found.assign_coords(year_since_start=np.arange(cost.sizes["year_since_start"]))


def position[Values: (xr.Variable, xr.DataArray)](cost: Values, late: Values) -> Values:
    """The mean position of a flow within its year; the middle where nothing flows."""
    return (late / cost.where(cost != 0, 1.0)).where(cost != 0, 0.5)
