"""Time before death: who is near death, when, and in which state."""

from collections.abc import Iterator

import numpy as np

from pmbudget.inputs.cases import Case
from pmbudget.inputs.courses import LastMonths
from pmbudget.patient.exposure import MONTHS, Cohort, in_years, middle


def years_beyond(case: Case) -> int:
    """Years after the horizon whose deaths must be known: those within the longest time before death."""
    return -(-max(case.months_before_death, default=0) // MONTHS)


def near_death(case: Case, cohort: Cohort, horizon: int) -> dict[int, np.ndarray]:
    """For each time before death that matters, in months, those alive who are within it (state, point, draw).

    Who is within w of death at t are those who die between t and t + w. They stand in the state that they die from: with moves it is
    known; between curves it is progressed disease as far as there are so many in it.

    Parameters
    ----------
    case : Case
    cohort : Cohort
        Followed :func:`years_beyond` years longer than the horizon.
    horizon : int
        Years counted.
    """
    if not case.months_before_death:
        return {}
    cycles, states = case.cycles_per_year, list(case.states)[:-1]
    alive = np.stack([cohort.occupied[state][: horizon * cycles + 1] for state in states])
    found = {months: np.zeros_like(alive) for months in case.months_before_death}
    for state, flow in cohort.died.items():
        died = np.pad(flow.cumsum(axis=0), ((1, 0), (0, 0)))
        for months, near in found.items():
            near[states.index(state)] = _dying_within(died, months * cycles / MONTHS, alive.shape[1])
    return {months: _placed(near, alive) for months, near in found.items()}


def last_months(case: Case, near: dict[int, np.ndarray]) -> Iterator[tuple[str, LastMonths, np.ndarray]]:
    """The years lived in each state within each time before death of its own utility, as from :func:`in_years`.

    ``near`` is as from :func:`near_death`; of several times the shortest that holds.
    """
    before = np.zeros(1)
    for window in case.before_death:
        for state, lived in zip(case.states, near[window.within_months] - before, strict=False):
            yield state, window, in_years(middle(lived) / case.cycles_per_year, case.cycles_per_year)
        before = near[window.within_months]


def _dying_within(died: np.ndarray, ahead: float, points: int) -> np.ndarray:
    """Deaths between each point and ``ahead`` cycles after it (point, draw), even within a cycle."""
    whole, begin, last = int(ahead), np.arange(points), len(died) - 1
    low, high = (died[np.minimum(begin + whole + step, last)] for step in (0, 1))
    return low + (ahead - whole) * (high - low) - died[:points]


def _placed(near: np.ndarray, alive: np.ndarray) -> np.ndarray:
    """Those near death by state, never more than live in it: who finds no room stands in the other states."""
    kept = np.minimum(near, alive)
    room = alive - kept
    left, free = (near - kept).sum(axis=0), room.sum(axis=0)
    return kept + room * np.minimum(left / np.where(free > 0, free, 1.0), 1.0)
