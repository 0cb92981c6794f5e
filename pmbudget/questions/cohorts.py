"""Patients whom a manufacturer's contract is about, drawn one by one from the case's own curves: who starts, where, and how it goes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import xarray as xr

from pmbudget.evidence.draws import generator
from pmbudget.financing.payments import Followed
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.contracted import Curves, DrugPrice, contracted, curves, drug_price
from pmbudget.patient.costing import by_draw
from pmbudget.patient.per_patient import follow
from pmbudget.programme.population import expected_eligible
from pmbudget.programme.reach import shares_of
from pmbudget.road import Results
from pmbudget.vocabulary import FOLLOWED


@dataclass(frozen=True)
class Cohort:
    """Those contracted for, on the first block of draws; SEK.

    ``starts`` (draw, place, year, management): expected patients, place 0 being the smallest region and 1 the others. ``prices`` are list
    prices. ``use`` (draw, management, own year): what a patient is expected to use at list price, ``net`` (draw, management) of all years
    at the net price. ``added`` is what a patient tested is expected to use more than with the comparator, at list price.
    """

    names: list[str]
    curves: Mapping[str, Curves]
    prices: Mapping[str, DrugPrice]
    starts: np.ndarray
    use: np.ndarray
    net: np.ndarray
    added: float

    @cached_property
    def course(self) -> np.ndarray:
        """What a patient under each management was expected to use when the contract was made (management,)."""
        return np.asarray(self.use.sum(axis=2).mean(axis=0))

    @cached_property
    def present(self) -> float:
        """The present net price as a share of the list price."""
        count = self.starts.sum(axis=(1, 2))
        return float((count * self.net).sum() / (count * self.use.sum(axis=2)).sum())

    @cached_property
    def used_by_year(self) -> np.ndarray:
        """What all are expected to use in each of the contract's years (year,)."""
        starting = self.starts.sum(axis=1)
        years = starting.shape[1]
        found = np.zeros(years + FOLLOWED - 1)
        for since in range(FOLLOWED):
            found[since : since + years] += (starting * self.use[:, None, :, since]).sum(axis=2).mean(axis=0)
        return found


def contract_years(scenario: Scenario) -> list[int]:
    """The agreement's years that the scenario shows: those in which patients start."""
    return [year for year in scenario.agreement_years if year in scenario.years]


def smallest_region(scenario: Scenario) -> str:
    """The region of fewest inhabitants."""
    return str(scenario.regions["population"].idxmin())


def cohort(scenario: Scenario, draws: xr.Dataset, results: Results) -> Cohort:
    """Who starts, and what their courses are, by the scenario's own model."""
    case, names = scenario.case, contracted(scenario.case)
    courses = follow(scenario, draws)[1]
    known = curves(draws, case, names)
    prices = {name: drug_price(draws, case, name, listed=True) for name in names}
    use = np.stack([known[name].use(prices[name]).T for name in names], axis=1)
    net = np.stack([known[name].use(drug_price(draws, case, name)).sum(axis=0) for name in names], axis=1)
    to = _to_each(scenario, draws, courses)
    starts = _starting(scenario, draws, results, to)
    more = to[case.new] - to[case.comparator]
    return Cohort(names, known, prices, starts, use, net, float((more * use.sum(axis=2)).sum(axis=1).mean()))


def _to_each(scenario: Scenario, draws: xr.Dataset, courses: xr.Dataset) -> dict[str, np.ndarray]:
    """By strategy, how many of those contracted for follow from one patient (draw, management), relatives who are found among them."""
    case, names = scenario.case, contracted(scenario.case)
    found = {}
    for strategy in dict.fromkeys((case.comparator, *case.broad)):
        own = courses.sel(strategy=strategy)
        treated = np.array(own["treated"].sel(management=names).transpose("draw", "management").to_numpy())
        if case.relatives is not None and case.relatives.found in names:
            acted = by_draw(draws, [case.relatives.acted_on] if case.relatives.acted_on else [])
            treated[:, names.index(case.relatives.found)] += own["relatives_found"].to_numpy() * acted
        found[strategy] = treated
    return found


def _starting(scenario: Scenario, draws: xr.Dataset, results: Results, to: Mapping[str, np.ndarray]) -> np.ndarray:
    """Expected patients who start in the agreement's years (draw, place, year, management)."""
    case, years, size = scenario.case, contract_years(scenario), draws.sizes["draw"]
    eligible = expected_eligible(draws, case.eligible, scenario.regions, years, scenario.years[0])
    chosen = {"draw": slice(0, size), "year": [scenario.years.index(year) for year in years]}
    reach = replace(results.reach, patients=results.reach.patients.isel(chosen))
    reached = results.reach.reached.isel(chosen).sel(mix="new", drop=True).transpose("draw", "region", "year")
    shares = shares_of(reach, case.broad).sel(mix="new", drop=True).transpose("fate", "draw", "region", "year")
    persons = eligible.sel(region=reached["region"]).transpose("draw", "region", "year", missing_dims="ignore")
    people = np.broadcast_to(persons.to_numpy(), reached.shape)
    served = reached.to_numpy()
    each = {name: served * shares.sel(fate=name).to_numpy() for name in case.broad}
    # Who waited since the year before may make more than all of a year's.
    each[case.comparator] = each.get(case.comparator, 0.0) + (1 - served).clip(min=0)
    started = sum((people * share)[..., None] * to[name][:, None, None, :] for name, share in each.items()) + np.zeros(
        (*people.shape, len(contracted(case)))
    )
    small = list(map(str, reached["region"].to_numpy())).index(smallest_region(scenario))
    whole = started.sum(axis=1)
    return np.stack([started[:, small], whole - started[:, small]], axis=1)


def simulated(found: Cohort, *, seed: int, which: str) -> Iterator[tuple[Followed, np.ndarray]]:
    """For each draw its patients, drawn from their own curves, and which of them live in the smallest region.

    A patient's two times, until response is lost and until death, are read off the two curves at one and the same chance: who loses
    response early dies early.
    """
    rng = generator(seed, f"contracted patients, {which}", 0)
    points = np.arange(FOLLOWED + 1)
    # Every draw has a stream of its own, so that fewer draws are the start of more.
    for draw, own in enumerate(rng.spawn(len(found.starts))):
        counts = own.poisson(found.starts[draw])
        place, entered, managed = (np.repeat(axis.ravel(), counts.ravel()) for axis in np.indices(counts.shape))
        chance = own.random(len(managed))
        lost, died = np.zeros(len(managed)), np.zeros(len(managed))
        yearly, later, start = np.zeros(len(managed)), np.zeros(len(managed)), np.zeros(len(managed))
        for number, name in enumerate(found.names):
            mine, course, price = managed == number, found.curves[name], found.prices[name]
            lost[mine] = _time(course.responding[:, draw], chance[mine], course.points)
            died[mine] = _time(course.alive[:, draw], chance[mine], course.points)
            yearly[mine], start[mine] = price.yearly[0, draw], price.start[draw]
            later[mine] = (course.after[:, draw] * price.yearly[1:, draw]).sum()
        free, alive = (np.clip(time[:, None] - points[:-1], 0, 1) for time in (lost, died))
        use = free * yearly[:, None] + (alive - free) * later[:, None]
        use[:, 0] += start
        responding, living = ((time[:, None] > points).astype(float) for time in (lost, died))
        yield Followed(entered, responding, living, use, found.course[managed]), place == 0


def _time(curve: np.ndarray, chance: np.ndarray, points: int) -> np.ndarray:
    """Years until a curve (point,) has fallen to each chance; infinite where it never does within what is followed."""
    falling = np.minimum.accumulate(curve)
    found = np.interp(chance, falling[::-1], np.arange(len(curve))[::-1] / points)
    return np.where(chance < falling[-1], np.inf, found)
