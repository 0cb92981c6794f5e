"""The course of the disease under a management: time in each state and entries into it, from survival curves or from moves."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.courses import Curve, Move
from pmbudget.patient.cohort import partitioned_survival
from pmbudget.patient.costing import Draws, product, stacked
from pmbudget.patient.markov import markov_trace
from pmbudget.patient.survival import (
    bounded_by_population,
    reference_curve,
    survival_curve,
    through_point,
    with_cure,
    with_hazard_ratios,
)

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


@dataclass(frozen=True)
class Baseline:
    """What the survival curves of all managements share, by month (…, cycle): the general population's survival and the reference's curves,
    those of hazard ratio 1.
    """

    population: xr.DataArray
    progression_free: xr.DataArray
    overall: xr.DataArray


def baseline(draws: Draws, case: Case, shares: xr.Variable, horizon: int) -> Baseline | None:
    """The baseline of a case of survival curves, None for moves; ``shares`` (true_class, …) are those of patients in general."""
    if not case.has_curves:
        return None
    years = np.arange(horizon * MONTHS + 1) / MONTHS
    rate, growth = (xr.DataArray(product(draws, [name])) for name in (case.mortality.rate, case.mortality.growth))
    population = survival_curve("gompertz", years, shape=growth, rate=rate)
    reference = {}
    for which in ("progression_free", "overall"):
        curve: Curve = getattr(case.managements[case.reference], which)
        seen = _seen(draws, curve, population)
        if curve.describes:
            places = [list(case.classes).index(name) for name in curve.describes]
            described = shares.isel(true_class=places)
            prognoses = [product(draws, getattr(case.classes[name], f"prognosis_{which}")) for name in curve.describes]
            seen = reference_curve(
                seen,
                xr.DataArray(described / described.sum("true_class")),
                xr.DataArray(stacked(prognoses, "true_class")),
            )
        reference[which] = seen
    return Baseline(population, **reference)


def course(draws: Draws, case: Case, management: str, shared: Baseline | None, horizon: int) -> Course:
    """The course under a management.

    Parameters
    ----------
    draws : Dataset
        Parameters over ``draw``.
    case : Case
    management : str
    shared : Baseline, optional
        As from :func:`baseline`; none for a case of moves.
    horizon : int
        Years followed; in each cycle what accrues evenly is counted by the trapezoid rule.
    """
    ends = {item.until_month for item in (*case.managements[management].items, *case.items_for_all) if item.runs}
    if shared is not None:
        return _course_of_curves(draws, case, management, shared, ends)
    return _course_of_moves(draws, case, management, horizon, ends)


def occupancy(draws: Draws, case: Case, management: str, shared: Baseline | None, horizon: int) -> xr.Variable:
    """Share of patients in each state (…[, true_class], cycle, state) at cycles 0 … horizon x cycles a year."""
    if shared is not None:
        return _between_curves(draws, case, management, shared).variable
    traces = [
        trace.sum("time_in_state").isel(cycle=slice(int(year > 0), None))
        for year, (trace, _) in enumerate(_traces(draws, case, management, horizon))
    ]
    return xr.concat(traces, dim="cycle").variable


# Curves


def _between_curves(draws: Draws, case: Case, management: str, shared: Baseline) -> xr.DataArray:
    curves = (_curve(draws, case, management, which, shared) for which in ("progression_free", "overall"))
    return partitioned_survival(*curves)


def _course_of_curves(draws: Draws, case: Case, management: str, shared: Baseline, ends: set[int | None]) -> Course:
    states = _between_curves(draws, case, management, shared)
    crossings = states.attrs["crossings"] / (states.size / states.sizes["state"])
    by_name = {str(name): states.sel(state=name).variable for name in states["state"].to_numpy()}
    years = {
        (name, end): _in_years(_middle(by_name[name]) / MONTHS, MONTHS, end)
        for name in list(case.states)[:-1]
        for end in {None, *ends}
    }
    free, _, dead = by_name.values()
    entries = {
        "on_progression": _in_years(free.isel(cycle=slice(None, -1)) - free.isel(cycle=slice(1, None)), MONTHS),
        "on_death": _in_years(dead.isel(cycle=slice(1, None)) - dead.isel(cycle=slice(None, -1)), MONTHS),
    }
    return Course(years, entries, crossings)


def _middle(trace: xr.Variable) -> xr.Variable:
    """The mean of the ends of each cycle."""
    return (trace.isel(cycle=slice(1, None)) + trace.isel(cycle=slice(None, -1))) / 2


def _in_years(
    by_cycle: xr.Variable, cycles_per_year: int, until_month: int | None = None, first: int = 0
) -> xr.Variable:
    """Summed by year, cycles after ``until_month`` left out; ``first`` is the number of the first cycle."""
    values = by_cycle.transpose(..., "cycle").to_numpy()
    if until_month is not None:
        ending = until_month * cycles_per_year / MONTHS - (first + np.arange(values.shape[-1]))
        values = values * ending.clip(0, 1)
    yearly = values.reshape(*values.shape[:-1], -1, cycles_per_year).sum(axis=-1)
    return xr.Variable((*(dim for dim in by_cycle.dims if dim != "cycle"), "year_since_start"), yearly)


def _curve(draws: Draws, case: Case, management: str, which: str, shared: Baseline) -> xr.DataArray:
    """A management's curve (…[, true_class], cycle): the reference curve carries each true class's prognosis, one of its own none.

    Nobody dies more slowly than the general population; progression-free survival is held below overall survival elsewhere.
    """
    plan, is_reference = case.managements[management], management == case.reference
    own: Curve | None = None if is_reference else getattr(plan, which)
    curve: Curve = own or getattr(case.managements[case.reference], which)
    ratio = product(draws, [*curve.hazard_ratios, *plan.hazard_ratios, *([case.real_world] if case.real_world else [])])
    if own is None:
        prognoses = [product(draws, getattr(one, f"prognosis_{which}")) for one in case.classes.values()]
        ratio = stacked([ratio * prognosis for prognosis in prognoses], "true_class")
    seen = getattr(shared, which) if own is None else _seen(draws, own, shared.population)
    found = with_hazard_ratios(seen, _by_cycle(draws, curve, xr.DataArray(ratio), seen.sizes["cycle"] - 1))
    return found if which == "progression_free" else bounded_by_population(found, shared.population)


def _seen(draws: Draws, curve: Curve, population: xr.DataArray) -> xr.DataArray:
    """The curve as it was seen, before any hazard ratio."""
    seen = _through_its_point(draws, curve, np.arange(population.sizes["cycle"]))
    if curve.net:
        seen = seen * population
    return with_cure(seen, xr.DataArray(product(draws, [curve.cured])), population) if curve.cured else seen


def _through_its_point(draws: Draws, curve: Curve, months: np.ndarray) -> xr.DataArray:
    """The curve of the family that is true in each draw, through the reported point."""
    alive = xr.DataArray(product(draws, [curve.alive])) if curve.alive else 0.5
    time = curve.at_month or xr.DataArray(product(draws, [str(curve.median)]))
    drawn = [
        survival_curve(
            family,
            months,
            **{
                name: xr.DataArray(value)
                for name, value in through_point(
                    family, alive, time, xr.DataArray(product(draws, [shape])) if shape else None
                ).items()
            },
        )
        for family, shape in curve.families.items()
    ]
    if curve.choice is None:
        return drawn[0]
    place = xr.DataArray(product(draws, [curve.choice]))
    if not bool(place.isin(range(len(drawn))).all()):
        raise ValueError(f"{curve.choice} must be a place from 0 to {len(drawn) - 1} among {', '.join(curve.families)}")
    return sum((one.where(place == number, 0.0) for number, one in enumerate(drawn)), start=xr.DataArray(0.0))


def _by_cycle(draws: Draws, curve: Curve, ratio: xr.DataArray, cycles: int) -> xr.DataArray:
    """The hazard ratio, by cycle where it changes on the way."""
    if not curve.later:
        return ratio
    starts = [0, *(window.from_month for window in curve.later)]
    ratios = [EVERY, *(xr.DataArray(product(draws, window.hazard_ratios)) for window in curve.later)]
    holds = np.searchsorted(starts, np.arange(cycles), side="right") - 1
    return ratio * xr.concat(xr.broadcast(*ratios), dim="cycle").isel(cycle=holds)


EVERY = xr.DataArray(1.0)


# Moves


def _course_of_moves(draws: Draws, case: Case, management: str, horizon: int, ends: set[int | None]) -> Course:
    living, cycles = list(case.states)[:-1], case.cycles_per_year
    years: dict[tuple[str, int | None], list[xr.Variable]] = {
        (name, end): [] for name in living for end in {None, *ends}
    }
    entries: dict[str, list[xr.Variable]] = {f"on_{name}": [] for name in case.states}
    for year, (trace, moves) in enumerate(_traces(draws, case, management, horizon)):
        within = _middle(trace.sum("time_in_state").variable) / cycles
        before = trace.isel(cycle=slice(None, -1)).rename(state="from")
        for place, name in enumerate(case.states):
            others = [other for other in range(len(case.states)) if other != place]
            entered = xr.dot(
                before.isel({"from": others}), moves.isel({"from": others, "to": place}), dim=["from", "time_in_state"]
            )
            entries[f"on_{name}"].append(_in_years(entered.variable, cycles))
            if name in living:
                for end in {None, *ends}:
                    years[name, end].append(_in_years(within.isel(state=place), cycles, end, first=year * cycles))
    return Course(
        {key: xr.Variable.concat(parts, dim="year_since_start") for key, parts in years.items()},
        {key: xr.Variable.concat(parts, dim="year_since_start") for key, parts in entries.items()},
        0.0,
    )


def _traces(draws: Draws, case: Case, management: str, horizon: int) -> Iterator[tuple[xr.DataArray, xr.DataArray]]:
    """Year by year, so that memory stays small: the trace (…, time_in_state, cycle, state) and the moves that made it."""
    states = list(case.states)
    places = _places_in_state(case)
    first = states.index(case.managements[management].starts_in or states[0])
    start = np.zeros((places, len(states)))
    start[0, first] = 1
    now = xr.DataArray(start, dims=("time_in_state", "state"))
    for year in range(horizon):
        moves = _moves(draws, case, management, year, places)
        trace = markov_trace(now, moves, case.cycles_per_year).drop_vars(["cycle", "state"])
        yield trace, moves
        now = trace.isel(cycle=-1)


def _places_in_state(case: Case) -> int:
    """How many cycles in a state are told apart: as many as the longest tunnel needs."""
    moves = [move for one in case.managements.values() for move in one.moves if move.is_tunnel]
    years = [end for move in moves for end in (move.in_state_from_year, move.in_state_until_year or 0.0)]
    return 1 + round(max(years, default=0.0) * case.cycles_per_year)


def _moves(draws: Draws, case: Case, management: str, year: int, places: int) -> xr.DataArray:
    """Transition probabilities (…[, true_class], cycle, time_in_state, from, to) of one year.

    Rates of competing moves: p(leave) = 1 - exp(-sum of rates x cycle), shared out in proportion to the rates.
    """
    plan = case.managements[management]
    states, cycles = list(case.states), case.cycles_per_year
    ratio = product(draws, plan.hazard_ratios)
    rates: dict[tuple[str, str], xr.Variable] = {}
    for move in plan.moves or case.managements[case.reference].moves:
        rate = ratio * product(draws, move.rate) * _holds(draws, case, move, year, places)
        pair = (move.origin, move.to)
        rates[pair] = rates[pair] + rate if pair in rates else rate
    middle = xr.Variable("cycle", year + (np.arange(cycles) + 0.5) / cycles)
    death = product(draws, [case.mortality.rate]) * np.exp(product(draws, [case.mortality.growth]) * middle)
    for name in states[:-1]:
        pair = (name, states[-1])
        own = death * product(draws, case.states[name].mortality_ratios)
        rates[pair] = rates[pair] + own if pair in rates else own
    sizes: dict = {}
    for rate in rates.values():
        sizes |= rate.sizes
    sizes |= {"cycle": cycles, "time_in_state": places}
    values = np.zeros((*sizes.values(), len(states), len(states)))
    for (origin, to), rate in rates.items():
        values[..., states.index(origin), states.index(to)] = rate.set_dims(sizes).to_numpy()
    total = values.sum(axis=-1, keepdims=True)
    leaving = -np.expm1(-total / cycles)
    values *= leaving / np.where(total > 0, total, 1.0)
    values[..., range(len(states)), range(len(states))] = 1 - leaving[..., 0]
    return xr.DataArray(values, dims=(*sizes, "from", "to"))


def _holds(draws: Draws, case: Case, move: Move, year: int, places: int) -> xr.Variable:
    """Where a move's rate holds, and how it has grown (…, true_class, cycle, time_in_state)."""
    cycles = case.cycles_per_year
    begins = year + np.arange(cycles) / cycles
    holds = xr.Variable("cycle", ((begins >= move.from_year) & (begins < (move.until_year or np.inf))).astype(float))
    if move.growth:
        holds = holds * np.exp(product(draws, [move.growth]) * xr.Variable("cycle", begins + 0.5 / cycles))
    if move.is_tunnel:
        entered = np.arange(places) / cycles
        inside = (entered >= move.in_state_from_year) & (entered < (move.in_state_until_year or np.inf))
        holds = holds * xr.Variable("time_in_state", inside.astype(float))
    if move.classes:
        holds = holds * xr.Variable("true_class", [float(name in move.classes) for name in case.classes])
    return holds
