"""The course of the disease under a management, by survival curves or by moves, whichever the case has."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.items import Span
from pmbudget.patient.costing import Draws
from pmbudget.patient.curves import Baseline, between_curves
from pmbudget.patient.exposure import MONTHS, Cohort, in_years, middle
from pmbudget.patient.last_months import last_months, near_death, years_beyond
from pmbudget.patient.moves import along_moves


@dataclass(frozen=True)
class Course:
    """What happens under one management, by year since start.

    ``values``, for each true class (event, measure, year_since_start, draw): how much, and that times its mean position within the year
    (0 at its beginning, 1 at its end); one stands for all classes where they do not differ. An event in ``events`` is the
    :class:`Span` during which years in a state are counted, a state with a time before death, or what happens (``on_death``,
    ``on_progression``, ``on_`` and a state). ``crossings`` is the share of curve points where progression-free survival was lowered.
    """

    events: list[Any]
    values: list[np.ndarray]
    crossings: float

    def __getitem__(self, event: Any) -> xr.Variable:
        """How much of an event there is (true_class, year_since_start, draw)."""
        dims = ("true_class", "year_since_start", "draw")
        return xr.Variable(dims, [each[self.events.index(event), 0] for each in self.values])


def alike(case: Case, management: str) -> str:
    """The first management with the same course, which may be itself."""

    def course_as_written(name: str) -> list[Any]:
        plan, reference = case.managements[name], case.managements[case.reference]
        own = [None, None, ()] if plan is reference else [plan.progression_free, plan.overall, plan.moves]
        return [*own, plan.starts_in, plan.hazard_ratios]

    return next(name for name in case.managements if course_as_written(name) == course_as_written(management))


def course(draws: Draws, case: Case, management: str, shared: Baseline | None, horizon: int) -> Course:
    """The course under a management.

    Parameters
    ----------
    draws : Dataset
        Parameters over ``draw``.
    case : Case
    management : str
    shared : Baseline, optional
        As from :func:`baseline`, :func:`years_beyond` years longer than the horizon; none for a case of moves.
    horizon : int
        Years counted; in each cycle what accrues evenly is counted by the trapezoid rule.
    """
    spans = list(dict.fromkeys(item.span for item in case.care_items() if item.runs))
    found, crossings = [], []
    for cohort in _cohorts(draws, case, management, shared, horizon + years_beyond(case)):
        by_event = _by_event(case, cohort, horizon, spans)
        found.append(np.stack(list(by_event.values())))
        crossings.append(cohort.crossings)
    return Course(list(by_event), found, float(np.mean(crossings)))


def occupancy(draws: Draws, case: Case, management: str, shared: Baseline | None, horizon: int) -> list[np.ndarray]:
    """Share of each true class, or of all alike, in each state (state, point, draw) at points 0 … horizon x cycles a year."""
    found = []
    for cohort in _cohorts(draws, case, management, shared, horizon):
        dead = np.zeros_like(next(iter(cohort.occupied.values())))
        np.cumsum(sum(cohort.died.values()), axis=0, out=dead[1:])
        found.append(np.stack([*cohort.occupied.values(), dead]))
    return found


def _cohorts(draws: Draws, case: Case, management: str, shared: Baseline | None, years: int) -> Iterator[Cohort]:
    if shared is not None:
        return between_curves(draws, case, management, shared)
    return along_moves(draws, case, management, years)


def _by_event(case: Case, cohort: Cohort, horizon: int, spans: list[Span]) -> dict[Any, np.ndarray]:
    """What happens to a cohort by year (measure, year, draw)."""
    cycles = case.cycles_per_year
    near = near_death(case, cohort, horizon)
    found: dict[Any, np.ndarray] = {}
    for place, (state, trace) in enumerate(cohort.occupied.items()):
        years = middle(trace[: horizon * cycles + 1])
        years /= cycles
        dying = {months: _ratio(middle(within[place]) / cycles, years) for months, within in near.items()}
        first = {
            months: _first_months(years, stayed, months * cycles // MONTHS, cycles)
            for (stayed_in, months), stayed in cohort.stayed.items()
            if stayed_in == state
        }
        for span in dict.fromkeys([Span(state), *(one for one in spans if one.state == state)]):
            found[span] = in_years(_counted(span, years, first, dying), cycles, span.until_month)
    for name, entered in cohort.entered.items():
        found[name] = in_years(entered[: horizon * cycles], cycles)
    for state, window, lived in last_months(case, near):
        found[state, window] = lived
    return found


def _counted(span: Span, years: np.ndarray, first: dict[int, np.ndarray], dying: dict[int, np.ndarray]) -> np.ndarray:
    """Of the years in a state, by cycle (cycle, draw), those within the span; a month since the start is left to the caller.

    ``first`` are those in the first months since the state was entered, by months. ``dying`` is the share within each time before death
    of those in the state, taken to be the same however long ago they entered it.
    """
    counted = first[span.in_state_until_month] if span.in_state_until_month else years
    if span.in_state_from_month:
        counted = counted - first[span.in_state_from_month]
    if span.last_months:
        counted = counted * dying[span.last_months]
    if span.until_last_months:
        counted = counted * (1 - dying[span.until_last_months])
    return counted


def _first_months(years: np.ndarray, stayed: np.ndarray, cycles_before: int, cycles: int) -> np.ndarray:
    """Of the years in a state those of its first months (cycle, draw), ``stayed`` being who is in it for longer; at first, all."""
    longer = middle(stayed[: len(years) + 1]) / cycles
    longer[:cycles_before] = 0
    return np.maximum(years - longer, 0.0)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The share that a part is of the whole, none of nothing."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
