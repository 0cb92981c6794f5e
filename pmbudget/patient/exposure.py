"""What a course of the disease comes to by year: time in each state and entries into it."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

MONTHS = 12


@dataclass(frozen=True)
class Course:
    """What happens under one management, by year since start (…[, true_class], year_since_start).

    ``years`` in each state, by (state, month until which it is counted or None); ``entries`` by the name of what happens (``on_death``,
    ``on_progression``, ``on_`` and a state); ``crossings``, the share of curve points where progression-free survival was lowered.
    """

    years: dict[tuple[str, int | None], xr.Variable]
    entries: dict[str, xr.Variable]
    crossings: float


def middle(trace: xr.Variable) -> xr.Variable:
    """The mean of the ends of each cycle."""
    return (trace.isel(cycle=slice(1, None)) + trace.isel(cycle=slice(None, -1))) / 2


def in_years(
    by_cycle: xr.Variable, cycles_per_year: int, until_month: int | None = None, first: int = 0
) -> xr.Variable:
    """Summed by year, cycles after ``until_month`` left out; ``first`` is the number of the first cycle."""
    values = by_cycle.transpose(..., "cycle").to_numpy()
    if until_month is not None:
        ending = until_month * cycles_per_year / MONTHS - (first + np.arange(values.shape[-1]))
        values = values * ending.clip(0, 1)
    yearly = values.reshape(*values.shape[:-1], -1, cycles_per_year).sum(axis=-1)
    return xr.Variable((*(dim for dim in by_cycle.dims if dim != "cycle"), "year_since_start"), yearly)
