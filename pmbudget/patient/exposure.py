"""What happens to a cohort cycle by cycle, and what that comes to by year."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

MONTHS = 12


@dataclass(frozen=True)
class Cohort:
    """Patients of one true class, or all alike, under one management, as shares of those who start.

    ``occupied``, in each state but death at points 0 … n (point, draw). In each cycle (cycle, draw): ``entered``, to whom something happens
    (``on_death``, ``on_progression``, ``on_`` and a state), and ``died``, by the state that they die from. ``stayed``, for each state and
    months that the case tells apart (:attr:`Case.stays`), are those in it who entered it at least so long before (point, draw).
    ``crossings`` is the share of curve points where progression-free survival was lowered.
    """

    occupied: dict[str, np.ndarray]
    entered: dict[str, np.ndarray]
    died: dict[str, np.ndarray]
    stayed: dict[tuple[str, int], np.ndarray]
    crossings: float


def middle(trace: np.ndarray) -> np.ndarray:
    """The mean of the ends of each cycle (cycle, …)."""
    found = trace[1:] + trace[:-1]
    found /= 2
    return found


def in_years(by_cycle: np.ndarray, cycles_per_year: int, until_month: int | None = None) -> np.ndarray:
    """Of what falls in each cycle (cycle, draw) the sum by year, and the sum times the position within the year (2, year, draw).

    Cycles after ``until_month`` are left out. What falls in a cycle falls evenly over the part of it that is counted.
    """
    numbers = np.arange(len(by_cycle))
    kept = np.ones(len(numbers))
    if until_month is not None:
        kept = (until_month * cycles_per_year / MONTHS - numbers).clip(0, 1)
    position = (numbers % cycles_per_year + kept / 2) / cycles_per_year
    weights = np.stack([kept, kept * position]).reshape(2, -1, cycles_per_year).swapaxes(0, 1)
    yearly = by_cycle.reshape(-1, cycles_per_year, by_cycle.shape[-1])
    return (weights @ yearly).swapaxes(0, 1)


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
    found = xr.Dataset({"cost": cost, "position": cost.copy(data=position(cost.to_numpy(), late.to_numpy()))})
    return found.assign_coords(year_since_start=np.arange(cost.sizes["year_since_start"]))


def position(cost: np.ndarray, late: np.ndarray) -> np.ndarray:
    """The mean position of a flow within its year; the middle where nothing flows."""
    return np.divide(late, cost, out=np.full_like(cost, 0.5), where=cost != 0)
