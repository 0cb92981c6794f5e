"""From draws to what a scenario is worth, in blocks of draws."""

from collections.abc import Callable, Iterator

import xarray as xr

from pmbudget.appraisal.worth import worth
from pmbudget.evidence.draws import ReadDraws, draw_parameters, generator
from pmbudget.evidence.fit import fit_evidence
from pmbudget.evidence.learning import Belief
from pmbudget.financing.books import Expected
from pmbudget.financing.incentive import moved_by_tests
from pmbudget.financing.settlement import RELIEF_DRAWS, Settlement, nothing_lifted, relief_of, settlement
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.costing import Draws
from pmbudget.patient.per_patient import PerPatient, follow
from pmbudget.programme.levers import pull, require
from pmbudget.programme.reach import Reach, Rngs, belief_before, follow_up_noise, reach
from pmbudget.programme.spending import Spending, spend
from pmbudget.road.results import Gathering, Results
from pmbudget.vocabulary import BLOCK


def evaluate(
    scenario: Scenario,
    *,
    draws: int = 4000,
    seed: int = 1,
    block: int = BLOCK,
    progress: Callable[[int, int], None] | None = None,
) -> Results:
    """Walk a scenario from draws to budget and cost-effectiveness.

    Parameters
    ----------
    scenario : Scenario
    draws : int
        Joint draws of all parameters; more than the posterior holds is an error that names the remedy.
    seed : int
    block : int
        Draws worked on at a time, a multiple of 500; it bounds memory and does not move a result.
    progress : callable, optional
        Called with draws done and draws in all.
    """
    table = scenario_draws(scenario, draws=draws, seed=seed)
    return evaluate_draws(scenario, table, seed=seed, block=block, progress=progress)


def scenario_draws(scenario: Scenario, *, draws: int = 4000, seed: int = 1) -> xr.Dataset:
    """A scenario's parameters (draw): its evidence fitted, all parameters drawn and its levers pulled.

    Whoever simulates a scenario begins here.
    """
    return pulled(scenario, parameter_draws(scenario, draws=draws, seed=seed))


def parameter_draws(scenario: Scenario, *, draws: int = 4000, seed: int = 1) -> xr.Dataset:
    """A scenario's parameters (draw) before its levers are pulled: what a question moves goes in between."""
    if draws < 2:
        raise ValueError(f"draws = {draws} must be 2 or more")
    return draw_parameters(scenario.parameters, fit_evidence(scenario.parameters), n=draws, seed=seed)


def pulled[Table: Draws](scenario: Scenario, table: Table) -> Table:
    """Draws with the scenario's levers pulled on them."""
    return pull(table, scenario.case.levers, scenario.definition.levers)


def evaluate_draws(
    scenario: Scenario,
    table: xr.Dataset | ReadDraws,
    *,
    seed: int = 1,
    block: int = BLOCK,
    progress: Callable[[int, int], None] | None = None,
) -> Results:
    """As :func:`evaluate`, on draws that are there already, the scenario's levers pulled on them."""
    gathered = Gathering(table.sizes["draw"])
    for part in walk_blocks(scenario, table, seed=seed, block=block):
        gathered.add(part, part.per_patient.cost.sizes["draw"])
        if progress:
            progress(gathered.begin, gathered.draws)
    whole: Results = gathered.whole
    return whole


def walk_blocks(
    scenario: Scenario, table: xr.Dataset | ReadDraws, *, seed: int = 1, block: int = BLOCK
) -> Iterator[Results]:
    """The results of one block of draws after the other, for who needs a small part of them all; see :func:`evaluate_draws`."""
    if block % BLOCK or block <= 0:
        raise ValueError(f"block = {block} must be a multiple of {BLOCK}, so that it does not move the random numbers")
    require(table, scenario.definition.levers)
    # The same for every block, whatever its size.
    (belief, relief), expected = before(scenario, table, seed=seed), None
    for begin in range(0, table.sizes["draw"], block):
        part = table.isel(draw=slice(begin, begin + block))
        rngs = _rngs(seed, begin, part.sizes["draw"])
        found = walk(scenario, part, rngs=rngs, belief=belief, relief=relief, expected=expected)
        expected = found.settlement.expected
        yield found


def before(
    scenario: Scenario, table: xr.Dataset | ReadDraws, *, seed: int = 1
) -> tuple[Belief | None, xr.DataArray | None]:
    """What is known and promised before anything happens, from the first draws of a table: the same for any size of blocks.

    Returns
    -------
    Belief
        What a gate knows of the new strategy's worth; None without one.
    DataArray
        (region, year): the share of one test more that the agreement's clauses lift off the ordering unit at the pace without any
        response to it, see :func:`pmbudget.financing.settlement.relief_of`. One pass: the response is not settled anew. Nothing is walked
        for it where no clause can lift anything; None where the case states no response.
    """
    first = table.isel(draw=slice(0, BLOCK))
    belief = belief_before(scenario, first)
    clauses = scenario.agreement.clauses if scenario.agreement else ()
    if scenario.case.uptake.incentive_response is None:
        return belief, None
    if not any(map(moved_by_tests, clauses)):
        return belief, nothing_lifted(scenario)
    few = first.isel(draw=slice(0, RELIEF_DRAWS))
    _, reached, _, settled = _settled(scenario, few, rngs=_rngs(seed, 0, few.sizes["draw"]), belief=belief)
    return belief, relief_of(scenario, reached, settled)


def _rngs(seed: int, begin: int, size: int) -> Rngs:
    return lambda name: [
        (generator(seed, name, (begin + done) // BLOCK), min(BLOCK, size - done)) for done in range(0, size, BLOCK)
    ]


def walk(
    scenario: Scenario,
    draws: Draws,
    *,
    rngs: Rngs | None = None,
    belief: Belief | None = None,
    relief: xr.DataArray | None = None,
    expected: Expected | None = None,
) -> Results:
    """One block of draws through the rooms: one patient, 21 regions, cost, who pays, what it is worth.

    Without ``rngs`` the expected numbers of persons are walked instead of counted ones, and follow-up shows what is expected of it.
    ``belief`` is what a gate knows of the new strategy's worth before any follow-up; without one, what these draws say. ``relief`` is what
    the agreement lifts off the ordering unit, nothing without it; see :func:`before`. ``expected`` is the forecast that clauses are
    settled on; without one, that of these draws.
    """
    per_patient, reached, spending, settled = _settled(
        scenario, draws, rngs=rngs, belief=belief, relief=relief, expected=expected
    )
    return Results(per_patient, reached, spending, settled, worth(scenario, per_patient, reached, spending))


def _settled(
    scenario: Scenario,
    draws: Draws,
    *,
    rngs: Rngs | None,
    belief: Belief | None,
    relief: xr.DataArray | None = None,
    expected: Expected | None = None,
) -> tuple[PerPatient, Reach, Spending, Settlement]:
    """The way as far as who pays."""
    per_patient, courses, strategies = follow(scenario, draws)
    reached, flow = reach(scenario, draws, per_patient, courses, rngs=rngs, belief=belief, relief=relief)
    spending, cost = spend(scenario, draws, courses, strategies, flow)
    noise = follow_up_noise(scenario.years, reached.reached.sizes["draw"], rngs)
    settled = settlement(scenario, draws, per_patient, courses, reached, cost, spending, expected=expected, noise=noise)
    return per_patient, reached, spending, settled
