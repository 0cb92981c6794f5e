"""Utility by time before death: who is near death, when, and in which state."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.patient.costing import Draws
from pmbudget.patient.curves import Baseline, between_curves
from pmbudget.patient.exposure import MONTHS, in_years, middle
from pmbudget.patient.moves import traces


def years_beyond(case: Case) -> int:
    """Years after the horizon whose deaths must be known: those within the longest time before death."""
    return -(-max((one.within_months for one in case.before_death), default=0) // MONTHS)


def last_months(
    draws: Draws, case: Case, management: str, longer: Baseline | None, horizon: int
) -> Iterator[tuple[tuple[str, ...], dict[str, xr.Variable]]]:
    """For each time before death its utility's parameters, and the years lived in it by state (…[, true_class], year_since_start).

    Who is within w of death at t are those who die between t and t + w; of several times the shortest that holds. Those who die stand
    in the state that they die from: with moves it is known; between curves it is progressed disease as far as there are so many in it.

    Parameters
    ----------
    draws : Dataset
        Parameters over ``draw``.
    case : Case
        With ``before_death``.
    management : str
    longer : Baseline, optional
        As from :func:`baseline`, :func:`years_beyond` years longer than the horizon; none for a case of moves.
    horizon : int
        Years followed.
    """
    cycles, states = case.cycles_per_year, list(case.states)[:-1]
    lived, died = _lived_and_died(draws, case, management, longer, horizon + years_beyond(case))
    alive = lived.isel(cycle=slice(0, horizon * cycles + 1))
    before = np.zeros(alive.shape)
    for window in case.before_death:
        near = _placed(
            _dying_within(died, window.within_months * cycles / MONTHS, alive.sizes["cycle"]), alive.to_numpy()
        )
        ring = alive.copy(data=near - before)
        before = near
        years = {
            name: in_years(middle(ring.isel(state=place)) / cycles, cycles)[0] for place, name in enumerate(states)
        }
        yield window.utility, years


def _dying_within(died: xr.Variable, ahead: float, points: int) -> np.ndarray:
    """Deaths between each point and ``ahead`` cycles after it (…, cycle, state), even within a cycle."""
    values, whole = died.to_numpy(), int(ahead)
    begin = np.arange(points)
    last = values.shape[-2] - 1
    low, high = (values[..., np.minimum(begin + whole + step, last), :] for step in (0, 1))
    return low + (ahead - whole) * (high - low) - values[..., :points, :]


def _placed(near: np.ndarray, alive: np.ndarray) -> np.ndarray:
    """Those near death by state, never more than live in it: who finds no room stands in the other states."""
    kept = np.minimum(near, alive)
    room = alive - kept
    left, free = (near - kept).sum(axis=-1, keepdims=True), room.sum(axis=-1, keepdims=True)
    return kept + room * np.minimum(left / np.where(free > 0, free, 1.0), 1.0)


def _lived_and_died(
    draws: Draws, case: Case, management: str, longer: Baseline | None, years: int
) -> tuple[xr.Variable, xr.Variable]:
    """Share in each living state, and who has died from it so far (…, cycle, state), at cycles 0 … years x cycles a year."""
    if longer is not None:
        states = between_curves(draws, case, management, longer).variable.transpose(..., "cycle", "state")
        lived, dead = states.isel(state=slice(0, -1)), states.isel(state=-1).to_numpy()
        return lived, lived.copy(data=np.stack([np.zeros(dead.shape), dead], axis=-1))
    lives, deaths = [], []
    for first, trace, moves in traces(draws, case, management, years):
        before = trace.isel(cycle=slice(None, -1)).rename(state="from")
        living = slice(0, len(case.states) - 1)
        leaving = xr.dot(before.isel({"from": living}), moves.isel({"from": living, "to": -1}), dim="time_in_state")
        deaths.append(leaving.rename({"from": "state"}).variable)
        occupied = trace.sum("time_in_state").isel(state=living, cycle=slice(int(first > 0), None))
        lives.append(occupied.variable)
    lived = xr.Variable.concat(lives, dim="cycle").transpose(..., "cycle", "state")
    dims = {dim: lived.sizes[dim] for dim in lived.dims if dim != "cycle"}
    flow = xr.Variable.concat(deaths, dim="cycle")
    flow = flow.set_dims({**dims, "cycle": flow.sizes["cycle"]}).transpose(*lived.dims)
    return lived, flow.cumsum("cycle").pad(cycle=(1, 0), constant_values=0.0)
