"""Who comes, what the pace aims at, and who is reached, in each region and year."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from pmbudget.evidence.learning import Belief
from pmbudget.inputs.cases import Case
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.costing import Draws
from pmbudget.patient.per_patient import PerPatient, follow, increment
from pmbudget.programme.gate import belief_of, paces_by_mix
from pmbudget.programme.misuse import reflexed, starts_outside
from pmbudget.programme.pace import coverage, has_begun
from pmbudget.programme.population import Broad, counted, expected_eligible, funnel_steps, starts
from pmbudget.programme.supply import supplied
from pmbudget.vocabulary import BLOCK, matched

Rngs = Callable[[str], list[tuple[np.random.Generator, int]]]
"""By the name of what is random: one generator per seeding block, with how many draws of it are wanted."""


@dataclass(frozen=True)
class Reach:
    """Who is eligible, aimed at and reached in the years shown; persons and shares of persons.

    ``funnel`` (draw, step, region): expected persons of the first year. ``eligible`` (draw, region, year): newly eligible. ``aimed`` and
    ``reached`` (draw, mix, region, year): the share of them who would be broadly tested by the pace, and who are, whichever broad strategy
    they get (:attr:`pmbudget.inputs.cases.Case.broad`). ``patients`` (draw, mix, fate, region, year): fates are the comparator and the
    broad strategies, and where limits of supply hold the case's reasons of loss, and ``waiting`` for those who still wait when the last
    year ends. ``outside`` (draw, mix, region, year): tested outside the eligible, and ``reflexed`` (draw, region, year): tested at
    diagnosis and not fit for treatment, for each of the eligible. ``supply``: what limits of supply held back, see
    :func:`pmbudget.programme.supply.supplied`; None where the case states none. ``known`` (draw, year): P(worth it | known by then) where
    evidence decides the pace, else None. ``volume_error`` (draw,): realised over projected volume in the reference class, 1 without one.
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


def persons_served(reach: Reach, broad: Sequence[str]) -> xr.DataArray:
    """Persons of the eligible who get one of these strategies, those of the broadly tested in all (draw, mix, region, year)."""
    return together(reach.patients, broad)


def together(patients: xr.DataArray, fates: Sequence[str]) -> xr.DataArray:
    """Persons (…, fate, …) of these fates together."""
    return patients.sel(fate=list(fates)).sum("fate", skipna=False)


def shares_of(reach: Reach, broad: Sequence[str]) -> xr.DataArray:
    """Which of the broad strategies those served get (draw, mix, fate, region, year): shares that sum to 1; the last where nobody is."""
    served = persons_served(reach, broad)
    share = reach.patients.sel(fate=list(broad)) / served.where(served > 0, 1.0)
    return xr.where(served > 0, share, (share["fate"] == broad[-1]).astype(float)).transpose(*reach.patients.dims)


def persons_reflexed(reach: Reach, broad: Sequence[str]) -> xr.DataArray:
    """Persons broadly tested at diagnosis who prove not fit for treatment (draw, mix, region, year)."""
    return persons_served(reach, broad) * reach.reflexed


def tests_made(reach: Reach, broad: Sequence[str]) -> xr.DataArray:
    """Persons broadly tested, eligible or not, by strategy (draw, mix, fate, region, year)."""
    served = reach.patients.sel(fate=list(broad))
    return served + served * reach.reflexed + shares_of(reach, broad) * reach.outside


def persons_never_served(reach: Reach, broad: Sequence[str]) -> xr.DataArray:
    """Persons who became eligible in the years shown and were never broadly tested (draw, mix, region)."""
    return reach.eligible.sum("year") - persons_served(reach, broad).sum("year")


def share_reached(reach: Reach, broad: Sequence[str], over: Sequence[str]) -> xr.DataArray:
    """Share of the eligible who are broadly tested (draw, mix, region, year), less the dims summed ``over``.

    Where nobody is eligible, as in many years of a rare disease, nobody is missed: what is aimed at stands there, on average.
    """
    eligible = reach.eligible.sum(over)
    share = access(persons_served(reach, broad).sum(over), eligible)
    return share.where(eligible > 0, reach.reached.mean(over))


def national_aim(reach: Reach) -> xr.DataArray:
    """Share of the nation's eligible who would be broadly tested were nothing short (draw, mix, year)."""
    eligible = reach.eligible.sum("region")
    aimed = access((reach.aimed * reach.eligible).sum("region"), eligible)
    return aimed.where(eligible > 0, reach.aimed.mean("region"))


def access(persons: xr.DataArray, eligible: xr.DataArray) -> xr.DataArray:
    """Share of the eligible, 0 where nobody is eligible; both in persons, by the same labels."""
    persons, eligible = matched(persons=persons, eligible=eligible)
    return (persons / eligible.where(eligible > 0, 1.0)).where(eligible > 0, 0.0)


@dataclass(frozen=True)
class Flow:
    """Patients from those under treatment already to the last year shown, and what another organisation of laboratories costs.

    ``eligible`` (draw, region, year), ``begun`` (draw, mix, fate, region, year), ``outside`` (as ``begun``, of the broad fates): persons.
    ``reflexed`` (draw, region, year): persons for each of the eligible. ``reached`` (draw, mix, region, year): share of the eligible.
    ``broad``: by broad strategy, the share of the broadly tested who get it.
    ``organisation`` (draw, mix, region, year, resource): SEK, or None.
    """

    eligible: xr.DataArray
    begun: xr.DataArray
    reached: xr.DataArray
    outside: xr.DataArray
    reflexed: xr.DataArray
    broad: Broad
    organisation: xr.DataArray | None


def reach(
    scenario: Scenario,
    draws: Draws,
    per_patient: PerPatient,
    courses: xr.Dataset,
    *,
    rngs: Rngs | None,
    belief: Belief | None,
    relief: xr.DataArray | None,
) -> tuple[Reach, Flow]:
    """Everybody who becomes eligible, and what becomes of them.

    Without ``rngs`` the expected numbers of persons are walked instead of counted ones, and follow-up shows what is expected of it.
    ``belief`` is what a gate knows of the new strategy's worth before any follow-up; without one, what these draws say. ``relief``
    (region, year) is the share of one test more that the agreement lifts off the ordering unit; None where it lifts nothing.
    """
    case, regions, first = scenario.case, scenario.regions, scenario.years[0]
    size = courses.sizes["draw"]
    years = list(range(first - 1 - case.horizon_years, scenario.years[-1] + 1))
    people = per_draw(expected_eligible(draws, case.eligible, regions, years, first), size)
    eligible = people if rngs is None else _counted(people, rngs("eligible persons"))
    gain = gain_at_gate(scenario, per_patient)
    noise = follow_up_noise(scenario.years, size, rngs)
    aimed, broad, known = _aimed(scenario, draws, years, people, gain=gain, belief=belief, relief=relief, noise=noise)
    unfit = per_draw(reflexed(draws, case.eligible, regions, years, first), size).transpose("draw", "region", "year")
    begun, supply, organisation = _served(scenario, draws, courses, eligible, aimed, unfit, broad)
    tested = together(begun, case.broad)
    # Where nobody is eligible nobody is missed either.
    reached = (tested / eligible).where(eligible > 0, aimed).transpose(*aimed.dims)
    outside = starts_outside(draws, case.uptake, regions, begun.sel(fate=list(case.broad)))
    outside = per_draw(outside, size).transpose(*begun.dims)
    volume = draws[case.eligible.volume_error] if case.eligible.volume_error else xr.DataArray(1.0)
    shown = {"year": scenario.years}
    record = Reach(
        funnel=per_draw(funnel_steps(draws, case.eligible, regions, first, first), size).transpose("draw", ...),
        eligible=eligible.sel(shown).transpose("draw", "region", "year"),
        aimed=aimed.sel(shown),
        reached=reached.sel(shown),
        patients=begun.sel(shown),
        outside=together(outside.sel(shown), case.broad),
        reflexed=unfit.sel(shown),
        supply=supply,
        known=known,
        volume_error=volume * xr.DataArray(np.ones(size), dims="draw"),
    )
    return record, Flow(eligible, begun, reached, outside, unfit, broad, organisation)


def _aimed(
    scenario: Scenario,
    draws: Draws,
    years: list[int],
    people: xr.DataArray,
    *,
    gain: xr.DataArray | None,
    belief: Belief | None,
    relief: xr.DataArray | None,
    noise: np.ndarray,
) -> tuple[xr.DataArray, Broad, xr.DataArray | None]:
    """The share that each mix's pace aims at (draw, mix, region, year), what the broadly tested get, and what a gate knows by then."""
    case, regions, plan = scenario.case, scenario.regions, scenario.definition.pace
    paces, known = paces_by_mix(
        plan, case, regions, scenario.years, draws, eligible=people, worth=gain, belief=belief, noise=noise
    )
    # What replaces a region's own money steers nothing.
    lifted = None if relief is None else relief.reindex(year=years, fill_value=0.0) * (1 - draws["fungibility"])
    found = [coverage(pace, regions, years, draws, lifted if mix == "new" else None) for mix, pace in paces.items()]
    aimed = xr.concat(found, dim="mix").assign_coords(mix=list(paces))
    broad = _rolled_out(case, {mix: has_begun(pace, regions, years) for mix, pace in paces.items()})
    return per_draw(aimed, people.sizes["draw"]).transpose("draw", "mix", "region", "year"), broad, known


def _rolled_out(case: Case, begun: Mapping[str, xr.DataArray]) -> Broad:
    """What the broadly tested get: what is in use until a mix's plan begins in their region, then all of them what it rolls out."""
    if case.in_use == case.new:
        return {case.new: 1.0}
    over = xr.concat(xr.broadcast(*begun.values()), dim="mix").assign_coords(mix=list(begun))
    return {case.in_use: 1 - over, case.new: over}


def _served(
    scenario: Scenario,
    draws: Draws,
    courses: xr.Dataset,
    eligible: xr.DataArray,
    aimed: xr.DataArray,
    unfit: xr.DataArray,
    broad: Broad,
) -> tuple[xr.DataArray, xr.Dataset | None, xr.DataArray | None]:
    """What becomes of everybody (draw, mix, fate, region, year), what limits hold back, and what another organisation costs."""
    case = scenario.case
    wanted = starts(eligible, aimed, comparator=case.comparator, broad=broad)
    if not case.capacity:
        return wanted.rename(strategy="fate"), None, None
    return supplied(
        draws,
        case,
        scenario.regions,
        scenario.years,
        outcomes=courses,
        starts=wanted,
        unfit=unfit,
        broad=broad,
        organisation=scenario.definition.laboratories,
        agreement_years=scenario.agreement_years,
        limits=scenario.limits,
    )


def belief_before(scenario: Scenario, draws: Draws) -> Belief | None:
    """What draws say of the new strategy's worth before any follow-up; None without a gate."""
    plan = scenario.definition.pace
    if plan is None or plan.gate is None:
        return None
    gain = gain_at_gate(scenario, follow(scenario, draws)[0])
    return None if gain is None else belief_of(gain)


def gain_at_gate(scenario: Scenario, per_patient: PerPatient) -> xr.DataArray | None:
    """Net health benefit per patient at the gate's threshold (draw,), QALY; None without a gate."""
    case, plan = scenario.case, scenario.definition.pace
    if plan is None or plan.gate is None:
        return None
    benefit = per_patient.qaly - per_patient.cost / scenario.parameters.fixed(plan.gate.wtp)
    return increment(benefit, case)


def follow_up_noise(years: list[int], size: int, rngs: Rngs | None) -> np.ndarray:
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
