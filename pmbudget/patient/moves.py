"""The course of the disease as moves between states, cycle by cycle; arrays have draws last."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from pmbudget.inputs.cases import Case
from pmbudget.inputs.courses import Move
from pmbudget.patient.costing import Draws, by_draw
from pmbudget.patient.exposure import MONTHS, Cohort

STRETCH = 12
"""Cycles whose probabilities are computed at a time: few enough for memory, enough for long arrays."""

Pair = tuple[str, str]


def along_moves(draws: Draws, case: Case, management: str, years: int) -> Iterator[Cohort]:
    """Those under a management along its moves: each true class in turn, or all patients alike if no move tells classes apart."""
    moves = _moves(case, management)
    for name in case.classes if any(move.classes for move in moves) else [None]:
        own = [move for move in moves if name is None or not move.classes or name in move.classes]
        yield _walk(draws, case, management, own, years)


def _moves(case: Case, management: str) -> tuple[Move, ...]:
    return case.managements[management].moves or case.managements[case.reference].moves


def _walk(draws: Draws, case: Case, management: str, moves: list[Move], years: int) -> Cohort:
    """Occupancy and moves of one cohort: who stays grows a cycle older in the state, who enters begins anew."""
    *living, dead = case.states
    cycles, drawn, places = years * case.cycles_per_year, draws.sizes["draw"], _places_in_state(case)
    occupied = {state: np.zeros((cycles + 1, drawn)) for state in living}
    stayed = {stay: np.zeros((cycles + 1, drawn)) for stay in case.stays}
    moved: dict[Pair, np.ndarray] = defaultdict(lambda: np.zeros((cycles, drawn)))
    now = {state: np.zeros((places, drawn)) for state in living}
    now[case.managements[management].starts_in or living[0]][0] = 1
    for cycle in range(cycles + 1):
        for state, by_age in now.items():
            occupied[state][cycle] = by_age.sum(axis=0)
        for state, months in stayed:
            stayed[state, months][cycle] = now[state][months * case.cycles_per_year // MONTHS :].sum(axis=0)
        if cycle == cycles:
            break
        step = cycle % STRETCH
        if step == 0:
            numbers = np.arange(cycle, min(cycle + STRETCH, cycles))
            leave, stay = _probabilities(draws, case, management, moves, numbers, places)
        before, now = now, {state: np.zeros((places, drawn)) for state in living}
        for state, by_age in before.items():
            kept = by_age * stay[state][step]
            now[state][1:] = kept[:-1]
            now[state][-1] += kept[-1]
        for (origin, to), chance in leave.items():
            flow = (before[origin] * chance[step]).sum(axis=0)
            moved[origin, to][cycle] = flow
            if to != dead:
                now[to][0] += flow
    entered = {f"on_{state}": np.zeros((cycles, drawn)) for state in case.states}
    for (_, to), flow in moved.items():
        entered[f"on_{to}"] += flow
    return Cohort(occupied, entered, {state: moved[state, dead] for state in living}, stayed, crossings=0.0)


def _places_in_state(case: Case) -> int:
    """How many cycles in a state are told apart: as many as the longest tunnel or the items need."""
    moves = [move for one in case.managements.values() for move in one.moves if move.is_tunnel]
    years = [end for move in moves for end in (move.in_state_from_year, move.in_state_until_year or 0.0)]
    years += [months / MONTHS for _, months in case.stays]
    return 1 + round(max(years, default=0.0) * case.cycles_per_year)


def _probabilities(
    draws: Draws, case: Case, management: str, moves: list[Move], numbers: np.ndarray, places: int
) -> tuple[dict[Pair, np.ndarray], dict[str, np.ndarray]]:
    """The probability of each move, and that of staying in each state, in the cycles of these numbers (cycle, cycles in the state, draw).

    Rates of competing moves: p(leave) = 1 - exp(-sum of rates x cycle), shared out in proportion to the rates.
    """
    *living, dead = case.states
    cycles = case.cycles_per_year
    ratio = by_draw(draws, case.managements[management].hazard_ratios)
    rates: dict[Pair, np.ndarray] = defaultdict(lambda: np.zeros((len(numbers), 1, 1)))
    for move in moves:
        rate = ratio * by_draw(draws, move.rate) * _holds(draws, move, numbers, cycles, places)
        rates[move.origin, move.to] = rates[move.origin, move.to] + rate
    middle = ((numbers + 0.5) / cycles)[:, np.newaxis, np.newaxis]
    death = by_draw(draws, [case.mortality.rate]) * np.exp(by_draw(draws, [case.mortality.growth]) * middle)
    for state in living:
        rates[state, dead] = rates[state, dead] + death * by_draw(draws, case.states[state].mortality_ratios)
    leave: dict[Pair, np.ndarray] = {}
    stay: dict[str, np.ndarray] = {}
    for state in living:
        own = {pair: rate for pair, rate in rates.items() if pair[0] == state}
        total = sum(own.values())
        leaving = -np.expm1(-total / cycles)
        share = leaving / np.where(total > 0, total, 1.0)
        leave |= {pair: rate * share for pair, rate in own.items()}
        stay[state] = 1 - leaving
    return leave, stay


def _holds(draws: Draws, move: Move, numbers: np.ndarray, cycles: int, places: int) -> np.ndarray:
    """Where a move's rate holds, and how it has grown (cycle, cycles in the state or 1, draw or 1)."""
    begins = (numbers / cycles)[:, np.newaxis, np.newaxis]
    holds = ((begins >= move.from_year) & (begins < (move.until_year or np.inf))).astype(float)
    if move.growth:
        holds = holds * np.exp(by_draw(draws, [move.growth]) * (begins + 0.5 / cycles))
    if move.is_tunnel:
        entered = np.arange(places)[:, np.newaxis] / cycles
        holds = holds * ((entered >= move.in_state_from_year) & (entered < (move.in_state_until_year or np.inf)))
    return holds
