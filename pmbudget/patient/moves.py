"""The course of the disease as moves between states, cycle by cycle."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.courses import Move
from pmbudget.patient.costing import Draws, product
from pmbudget.patient.exposure import Course, course_of, in_years, middle
from pmbudget.patient.markov import markov_trace


def course_of_moves(draws: Draws, case: Case, management: str, horizon: int, ends: set[int | None]) -> Course:
    """The course along the moves of a management; ``ends`` are the months until which something is counted."""
    living, cycles = list(case.states)[:-1], case.cycles_per_year
    parts: dict[Any, list[tuple[xr.Variable, xr.Variable]]] = defaultdict(list)
    for first, trace, moves in traces(draws, case, management, horizon):
        within = middle(trace.sum("time_in_state").variable) / cycles
        before = trace.isel(cycle=slice(None, -1)).rename(state="from")
        for place, name in enumerate(case.states):
            others = [other for other in range(len(case.states)) if other != place]
            entered = xr.dot(
                before.isel({"from": others}), moves.isel({"from": others, "to": place}), dim=["from", "time_in_state"]
            )
            parts[f"on_{name}"].append(in_years(entered.variable, cycles))
            if name in living:
                for end in {None, *ends}:
                    parts[name, end].append(in_years(within.isel(state=place), cycles, end, first))
    whole: dict[Any, tuple[xr.Variable, xr.Variable]] = {
        key: (
            xr.Variable.concat([amount for amount, _ in stretches], dim="year_since_start"),
            xr.Variable.concat([late for _, late in stretches], dim="year_since_start"),
        )
        for key, stretches in parts.items()
    }
    return course_of(whole, 0.0)


STRETCH = 12
"""Cycles followed at a time, or those of a year if it has more: few enough for memory, enough for long arrays."""


def traces(draws: Draws, case: Case, management: str, horizon: int) -> Iterator[tuple[int, xr.DataArray, xr.DataArray]]:
    """Some years at a time: the number of the first cycle, the trace (…, time_in_state, cycle, state) and the moves that made it."""
    states = list(case.states)
    places = _places_in_state(case)
    start = np.zeros((places, len(states)))
    start[0, states.index(case.managements[management].starts_in or states[0])] = 1
    now = xr.DataArray(start, dims=("time_in_state", "state"))
    cycles = case.cycles_per_year
    years = max(1, STRETCH // cycles)
    for year in range(0, horizon, years):
        numbers = np.arange(year * cycles, min(year + years, horizon) * cycles)
        moves = _moves(draws, case, management, numbers, places)
        trace = markov_trace(now, moves, len(numbers)).drop_vars(["cycle", "state"])
        yield year * cycles, trace, moves
        now = trace.isel(cycle=-1)


def _places_in_state(case: Case) -> int:
    """How many cycles in a state are told apart: as many as the longest tunnel needs."""
    moves = [move for one in case.managements.values() for move in one.moves if move.is_tunnel]
    years = [end for move in moves for end in (move.in_state_from_year, move.in_state_until_year or 0.0)]
    return 1 + round(max(years, default=0.0) * case.cycles_per_year)


def _moves(draws: Draws, case: Case, management: str, numbers: np.ndarray, places: int) -> xr.DataArray:
    """Transition probabilities (…[, true_class], cycle, time_in_state, from, to) of the cycles of these numbers.

    Rates of competing moves: p(leave) = 1 - exp(-sum of rates x cycle), shared out in proportion to the rates.
    """
    plan = case.managements[management]
    states, cycles = list(case.states), case.cycles_per_year
    ratio = product(draws, plan.hazard_ratios)
    rates: dict[tuple[str, str], xr.Variable] = {}
    for move in plan.moves or case.managements[case.reference].moves:
        rate = ratio * product(draws, move.rate) * _holds(draws, case, move, numbers, places)
        pair = (move.origin, move.to)
        rates[pair] = rates[pair] + rate if pair in rates else rate
    middle = xr.Variable("cycle", (numbers + 0.5) / cycles)
    death = product(draws, [case.mortality.rate]) * np.exp(product(draws, [case.mortality.growth]) * middle)
    for name in states[:-1]:
        pair = (name, states[-1])
        own = death * product(draws, case.states[name].mortality_ratios)
        rates[pair] = rates[pair] + own if pair in rates else own
    sizes: dict = {}
    for rate in rates.values():
        sizes |= rate.sizes
    sizes |= {"cycle": len(numbers), "time_in_state": places}
    values = np.zeros((*sizes.values(), len(states), len(states)))
    for (origin, to), rate in rates.items():
        values[..., states.index(origin), states.index(to)] = rate.set_dims(sizes).to_numpy()
    total = values.sum(axis=-1, keepdims=True)
    leaving = -np.expm1(-total / cycles)
    values *= leaving / np.where(total > 0, total, 1.0)
    values[..., range(len(states)), range(len(states))] = 1 - leaving[..., 0]
    return xr.DataArray(values, dims=(*sizes, "from", "to"))


def _holds(draws: Draws, case: Case, move: Move, numbers: np.ndarray, places: int) -> xr.Variable:
    """Where a move's rate holds, and how it has grown (…, true_class, cycle, time_in_state)."""
    cycles = case.cycles_per_year
    begins = numbers / cycles
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
