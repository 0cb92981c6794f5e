"""Who comes, what the pace aims at, and who is reached, in each region and year."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from pmbudget.evidence.learning import Belief
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.costing import Draws
from pmbudget.patient.per_patient import PerPatient, follow, increment
from pmbudget.programme.gate import belief_of, paces_by_mix
from pmbudget.programme.misuse import reflexed, starts_outside
from pmbudget.programme.pace import coverage
from pmbudget.programme.population import counted, expected_eligible, funnel_steps, starts
from pmbudget.programme.supply import supplied
from pmbudget.vocabulary import BLOCK, matched

Rngs = Callable[[str], list[tuple[np.random.Generator, int]]]
"""By the name of what is random: one generator per seeding block, with how many draws of it are wanted."""


@dataclass(frozen=True)
class Reach:
    """Who is eligible, aimed at and reached in the years shown; persons and shares of persons.

    ``funnel`` (draw, step, region): expected persons of the first year. ``eligible`` (draw, region, year): newly eligible. ``aimed`` and
    ``reached`` (draw, mix, region, year): the share of them who would get the new strategy by the pace, and who get it. ``patients``
    (draw, mix, fate, region, year): fates are the strategies, and where limits of supply hold the case's reasons of loss, and ``waiting``
    for those who still wait when the last year ends. ``outside`` (draw, mix, region, year): tested outside the eligible, and ``reflexed``
    (draw, region, year): tested at diagnosis and not fit for treatment, for each of the eligible. ``supply``: what
    limits of supply held back, see :func:`pmbudget.programme.supply.supplied`; None where the case states none. ``known`` (draw, year):
    P(worth it | known by then) where evidence decides the pace, else None. ``volume_error`` (draw,): realised over projected volume in
    the reference class, 1 without one.
    """

    funnel: xr.DataArray
    eligible: xr.DataArray
    aimed: xr.DataArray
    reached: xr.DataArray
    patients: xr.DataArray
    outside: xr.DataArray
    reflexed: xr.DataArray
    supply: xr.Dataset | None
    known: xr.DataArray | None
    volume_error: xr.DataArray


def persons_served(reach: Reach, new: str) -> xr.DataArray:
    """Persons of the eligible who get the new strategy (draw, mix, region, year)."""
    return reach.patients.sel(fate=new, drop=True)


def persons_reflexed(reach: Reach, new: str) -> xr.DataArray:
    """Persons tested at diagnosis with the new strategy who prove not fit for treatment (draw, mix, region, year)."""
    return persons_served(reach, new) * reach.reflexed


def persons_tested(reach: Reach, new: str) -> xr.DataArray:
    """Persons tested with the new strategy, eligible or not (draw, mix, region, year)."""
    return persons_served(reach, new) + persons_reflexed(reach, new) + reach.outside


def persons_never_served(reach: Reach, new: str) -> xr.DataArray:
    """Persons who became eligible in the years shown and never got the new strategy (draw, mix, region)."""
    return reach.eligible.sum("year") - persons_served(reach, new).sum("year")


def share_reached(reach: Reach, new: str, over: Sequence[str]) -> xr.DataArray:
    """Share of the eligible who get the new strategy (draw, mix, region, year), less the dims summed ``over``."""
    return access(persons_served(reach, new).sum(over), reach.eligible.sum(over))


def national_aim(reach: Reach) -> xr.DataArray:
    """Share of the nation's eligible who would get the new strategy were nothing short (draw, mix, year)."""
    return access((reach.aimed * reach.eligible).sum("region"), reach.eligible.sum("region"))


def access(persons: xr.DataArray, eligible: xr.DataArray) -> xr.DataArray:
    """Share of the eligible, 0 where nobody is eligible; both in persons, by the same labels."""
    persons, eligible = matched(persons=persons, eligible=eligible)
    return (persons / eligible.where(eligible > 0, 1.0)).where(eligible > 0, 0.0)


@dataclass(frozen=True)
class Flow:
    """Patients from those under treatment already to the last year shown, and what another organisation of laboratories costs.

    ``eligible`` (draw, region, year), ``begun`` (draw, mix, fate, region, year), ``outside`` (draw, mix, region, year): persons.
    ``reflexed`` (draw, region, year): persons for each of the eligible. ``reached`` (draw, mix, region, year): share of the eligible.
    ``organisation`` (draw, mix, region, year, resource): SEK, or None.
    """

    eligible: xr.DataArray
    begun: xr.DataArray
    reached: xr.DataArray
    outside: xr.DataArray
    reflexed: xr.DataArray
    organisation: xr.DataArray | None


def reach(
    scenario: Scenario,
    draws: Draws,
    per_patient: PerPatient,
    courses: xr.Dataset,
    *,
    rngs: Rngs | None,
    belief: Belief | None,
) -> tuple[Reach, Flow]:
    """Everybody who becomes eligible, and what becomes of them.

    Without ``rngs`` the expected numbers of persons are walked instead of counted ones, and follow-up shows what is expected of it.
    ``belief`` is what a gate knows of the new strategy's worth before any follow-up; without one, what these draws say.
    """
    case, regions, first = scenario.case, scenario.regions, scenario.years[0]
    size = courses.sizes["draw"]
    years = list(range(first - 1 - case.horizon_years, scenario.years[-1] + 1))
    people = per_draw(expected_eligible(draws, case.eligible, regions, years, first), size)
    eligible = people if rngs is None else _counted(people, rngs("eligible persons"))
    gain = gain_at_gate(scenario, per_patient)
    noise = _noise(scenario.years, size, rngs)
    aimed, known = _aimed(scenario, draws, years, people, gain=gain, belief=belief, noise=noise)
    begun, supply, organisation = _served(scenario, draws, courses, eligible, aimed)
    tested = begun.sel(fate=case.new, drop=True)
    # Where nobody is eligible nobody is missed either.
    reached = (tested / eligible).where(eligible > 0, aimed).transpose(*aimed.dims)
    outside = per_draw(starts_outside(draws, case.uptake, regions, tested), size).transpose(*tested.dims)
    unfit = per_draw(reflexed(draws, case.eligible, regions, years, first), size).transpose("draw", "region", "year")
    volume = draws[case.eligible.volume_error] if case.eligible.volume_error else xr.DataArray(1.0)
    shown = {"year": scenario.years}
    record = Reach(
        funnel=per_draw(funnel_steps(draws, case.eligible, regions, first, first), size).transpose("draw", ...),
        eligible=eligible.sel(shown).transpose("draw", "region", "year"),
        aimed=aimed.sel(shown),
        reached=reached.sel(shown),
        patients=begun.sel(shown),
        outside=outside.sel(shown),
        reflexed=unfit.sel(shown),
        supply=supply,
        known=known,
        volume_error=volume * xr.DataArray(np.ones(size), dims="draw"),
    )
    return record, Flow(eligible, begun, reached, outside, unfit, organisation)


def _aimed(
    scenario: Scenario,
    draws: Draws,
    years: list[int],
    people: xr.DataArray,
    *,
    gain: xr.DataArray | None,
    belief: Belief | None,
    noise: np.ndarray,
) -> tuple[xr.DataArray, xr.DataArray | None]:
    """The share that each mix's pace aims at (draw, mix, region, year), and what is known by then where a gate decides."""
    case, regions, plan = scenario.case, scenario.regions, scenario.definition.pace
    paces, known = paces_by_mix(
        plan, case, regions, scenario.years, draws, eligible=people, worth=gain, belief=belief, noise=noise
    )
    relief = _relief(scenario, years)
    found = [coverage(pace, regions, years, draws, relief if mix == "new" else None) for mix, pace in paces.items()]
    aimed = xr.concat(found, dim="mix").assign_coords(mix=list(paces))
    return per_draw(aimed, people.sizes["draw"]).transpose("draw", "mix", "region", "year"), known


def _served(
    scenario: Scenario, draws: Draws, courses: xr.Dataset, eligible: xr.DataArray, aimed: xr.DataArray
) -> tuple[xr.DataArray, xr.Dataset | None, xr.DataArray | None]:
    """What becomes of everybody (draw, mix, fate, region, year), what limits hold back, and what another organisation costs."""
    case = scenario.case
    wanted = starts(eligible, aimed, comparator=case.comparator, new=case.new)
    if not case.capacity:
        return wanted.rename(strategy="fate"), None, None
    return supplied(
        draws,
        case,
        scenario.regions,
        scenario.years,
        outcomes=courses,
        starts=wanted,
        organisation=scenario.definition.laboratories,
        agreement_years=scenario.agreement_years,
        limits=scenario.limits,
    )


def belief_before(scenario: Scenario, draws: Draws) -> Belief | None:
    """What draws say of the new strategy's worth before any follow-up; None without a gate."""
    plan = scenario.definition.pace
    if plan is None or plan.gate is None:
        return None
    return belief_of(gain_at_gate(scenario, follow(scenario, draws)[0]))


def gain_at_gate(scenario: Scenario, per_patient: PerPatient) -> xr.DataArray | None:
    """Net health benefit per patient at the gate's threshold (draw,), QALY; None without a gate."""
    case, plan = scenario.case, scenario.definition.pace
    if plan is None or plan.gate is None:
        return None
    benefit = per_patient.qaly - per_patient.cost / scenario.parameters.fixed(plan.gate.wtp)
    return increment(benefit, case)


def _relief(scenario: Scenario, years: list[int]) -> xr.DataArray | None:
    """The share of a test's cost that the agreement lifts off the ordering unit each year (year)."""
    plan = scenario.definition.pace
    if plan is None or scenario.case.uptake.incentive_response is None:
        return None
    return plan.relief * xr.DataArray(np.isin(years, list(plan.years)).astype(float), coords={"year": years})


def _noise(years: list[int], size: int, rngs: Rngs | None) -> np.ndarray:
    """What chance adds to each year's follow-up (draw, year), standard normal; nothing where what is expected is walked."""
    if rngs is None:
        return np.zeros((size, len(years)))
    return np.concatenate([rng.standard_normal((BLOCK, len(years)))[:part] for rng, part in rngs("follow-up")])


def _counted(expected: xr.DataArray, rngs: list[tuple[np.random.Generator, int]]) -> xr.DataArray:
    parts, done = [], 0
    for rng, size in rngs:
        parts.append(counted(expected.isel(draw=slice(done, done + size)), rng))
        done += size
    return xr.concat(parts, dim="draw")


def per_draw(array: xr.DataArray, size: int) -> xr.DataArray:
    """With a draw dim, also where every parameter read was known exactly."""
    return array if "draw" in array.dims else array.expand_dims(draw=size)
