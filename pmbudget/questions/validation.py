"""What of the model can be held against what was read: each check of a case computed on the scenario's draws."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.inputs import validation as asked
from pmbudget.inputs.cases import Case
from pmbudget.inputs.items import CareItem
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.costing import full
from pmbudget.patient.course import occupancy
from pmbudget.patient.curves import baseline
from pmbudget.patient.exposure import MONTHS
from pmbudget.patient.outcomes import simulate
from pmbudget.patient.per_patient import present_values
from pmbudget.patient.tree import class_shares, walk_pathway
from pmbudget.programme.misuse import reflexed
from pmbudget.programme.population import expected_eligible

BESIDE = "beside the strategies"


@dataclass(frozen=True)
class Compared:
    """A check and the model's figure (draw,), in the check's unit."""

    check: asked.Check
    model: xr.DataArray


def compared(scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset) -> list[Compared]:
    """Each check of the case with the model's figure.

    Parameters
    ----------
    draws : Dataset
        The scenario's draws.
    outcomes : Dataset
        As from :func:`pmbudget.patient.simulate` with these draws over the case's horizon.
    """
    return [
        Compared(check, FIGURES[type(check.model)](check.model, scenario, draws, outcomes))
        for check in scenario.case.validation
    ]


def median_survival(
    what: asked.MedianSurvival, scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset
) -> xr.DataArray:
    """Months until half are dead (draw,); missing in a draw in which more than half outlive the horizon."""
    case = scenario.case
    plan = case.managements[what.management]
    moved = plan.model_copy(update={"hazard_ratios": (*plan.hazard_ratios, *what.hazard_ratios)})
    changed = case.model_copy(update={"managements": {**case.managements, what.management: moved}})
    alive = _alive(changed, what.management, draws, what.classes)
    months = np.array([_crossing(curve) for curve in alive.T]) * MONTHS / case.cycles_per_year
    return xr.DataArray(months, dims="draw")


def _alive(case: Case, management: str, draws: xr.Dataset, classes: tuple[str, ...] = ()) -> np.ndarray:
    """Share alive under a management at each point of the horizon (point, draw), of the mixture of ``classes`` or of all."""
    shares = class_shares(draws, case)
    shared = baseline(draws, case, shares, case.horizon_years)
    alive = [1 - states[-1] for states in occupancy(draws, case, management, shared, case.horizon_years)]
    if len(alive) == 1:
        return alive[0]
    return sum(one * share for one, share in zip(alive, _among(case, shares, draws, classes), strict=True))


def _among(case: Case, shares: xr.Variable, draws: xr.Dataset, classes: tuple[str, ...] = ()) -> np.ndarray:
    """Share of each true class among those of ``classes``, or of all (true_class, draw)."""
    found = full(shares, true_class=len(case.classes), draw=draws.sizes["draw"]).copy()
    found[[place for place, name in enumerate(case.classes) if classes and name not in classes]] = 0.0
    return found / found.sum(axis=0)


def _crossing(alive: np.ndarray) -> float:
    """Cycles until a falling curve (point,) comes to 0.5, along the straight line between the points beside; missing where it does not."""
    after = int(np.argmax(alive <= 0.5))
    if alive[after] > 0.5:
        return np.nan
    if after == 0:
        return 0.0
    high, low = alive[after - 1], alive[after]
    return float(after - 1 + (high - 0.5) / (high - low))


def life_years(what: asked.LifeYears, scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset) -> xr.DataArray:
    """Years lived per patient (draw,)."""
    return outcomes["life_years"].sel(strategy=what.strategy, drop=True).sum("year_since_start")


def cost(what: asked.Cost, scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset) -> xr.DataArray:
    """SEK per patient (draw,)."""
    found, name = outcomes, str(what.strategy)
    if what.management:
        years = what.years or scenario.case.horizon_years
        found, name = simulate(draws, scenario.case, horizon=years, beside={BESIDE: what.management}), BESIDE
    found = found.sel(strategy=[name]).isel(year_since_start=slice(what.years))
    total = present_values(found, draws)[0] if what.discounted else undiscounted_cost(found)
    return total.isel(strategy=0, drop=True)


def undiscounted_cost(outcomes: xr.Dataset) -> xr.DataArray:
    """SEK per patient (draw, strategy), the years summed as they are."""
    return outcomes["cost"].sum(["resource", "year_since_start"]) + outcomes["cost_once"].sum("resource")


def cost_before_death(
    what: asked.CostBeforeDeath, scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset
) -> xr.DataArray:
    """SEK in the last months of life per death within the horizon (draw,): the cost of the items as far as they fall there, over deaths."""
    case = scenario.case

    def spent(only: Callable[[tuple[CareItem, ...]], tuple[CareItem, ...]]) -> xr.DataArray:
        plan = case.managements[what.management]
        managements = {**case.managements, what.management: plan.model_copy(update={"items": only(plan.items)})}
        changed = case.model_copy(update={"managements": managements, "items_for_all": only(case.items_for_all)})
        found = simulate(draws, changed, horizon=case.horizon_years, beside={BESIDE: what.management})
        return undiscounted_cost(found.sel(strategy=BESIDE, drop=True))

    cost = spent(lambda items: _near_death(case, items, what.months))
    if any(_ended(items, what.months) for items in (case.managements[what.management].items, case.items_for_all)):
        cost = cost - spent(lambda items: _ended(items, what.months))
    return cost / xr.DataArray(1 - _alive(case, what.management, draws)[-1], dims="draw")


def _near_death(case: Case, items: tuple[CareItem, ...], months: int) -> tuple[CareItem, ...]:
    """The items that death costs, and those that run in the last months of life, to the end also where they end before it."""
    death = "on_death" if case.has_curves else f"on_{list(case.states)[-1]}"
    running = [one for one in items if one.runs and (one.until_last_months or 0) < months]
    within = [_in_last(one, min(one.last_months or months, months)) for one in running]
    return (*within, *(one for one in items if one.when == death))


def _ended(items: tuple[CareItem, ...], months: int) -> tuple[CareItem, ...]:
    """What those of the items that end during the last months of life would have been from then on."""
    return tuple(_in_last(one, one.until_last_months) for one in items if 0 < (one.until_last_months or 0) < months)


def _in_last(item: CareItem, months: int | None) -> CareItem:
    return item.model_copy(update={"last_months": months, "until_last_months": None})


def persons(what: asked.Persons, scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset) -> xr.DataArray:
    """Persons in the year (draw,), after the shares that are named."""
    funnel = scenario.case.eligible.model_copy(update={"shares": what.shares})
    return _newly(scenario, draws, what.year, funnel)


def _newly(scenario: Scenario, draws: xr.Dataset, year: int, funnel: Any = None) -> xr.DataArray:
    """Persons of the nation who come newly in a year (draw,)."""
    found = expected_eligible(draws, funnel or scenario.case.eligible, scenario.regions, [year])
    return found.sum("region").isel(year=0, drop=True)


def todays_mix(case: Case, draws: xr.Dataset) -> xr.DataArray:
    """Share of the nation's eligible who get each strategy today (draw, strategy): what is in use, and the comparator for the others."""
    strategies = xr.DataArray(list(case.strategies), dims="strategy", coords={"strategy": list(case.strategies)})
    broad = draws[case.uptake.today]
    mix = broad * (strategies == case.in_use) + (1 - broad) * (strategies == case.comparator)
    return mix.transpose("draw", "strategy")


def users(what: asked.Users, scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset) -> xr.DataArray:
    """Persons who begin under the managements in the year (draw,)."""
    treated = outcomes["treated"].sel(management=list(what.managements)).sum("management")
    return _newly(scenario, draws, what.year) * (treated * todays_mix(scenario.case, draws)).sum("strategy")


def tests(what: asked.Performed, scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset) -> xr.DataArray:
    """Tests of these kinds made on the newly eligible of the year, and with the diagnosis on those who prove not fit (draw,)."""
    case = scenario.case
    shares = _among(case, class_shares(draws, case), draws)
    sizes = {"true_class": len(case.classes), "draw": draws.sizes["draw"]}
    mix, each = todays_mix(case, draws), np.zeros(draws.sizes["draw"])
    for name in case.strategies:
        made = walk_pathway(draws, case, name).performed
        number = sum(
            ((full(made[test], **sizes) * shares).sum(axis=0) for test in what.tests if test in made), start=0.0
        )
        each = each + number * mix.sel(strategy=name).to_numpy()
    newly = expected_eligible(draws, case.eligible, scenario.regions, [what.year])
    tested = newly * (1 + reflexed(draws, case.eligible, scenario.regions, [what.year]))
    return tested.sum("region").isel(year=0, drop=True) * each


def acted_on(what: asked.ActedOn, scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset) -> xr.DataArray:
    """Of those found of a class, the share who get what a right answer leads to (draw,)."""
    case = scenario.case
    apart = simulate(draws, case, horizon=1, by_class=True).sel(strategy=what.strategy, subgroup=what.true_class)
    treated = apart["treated"].sel(management=case.classes[what.true_class].matched)
    return (treated / apart["found"]).drop_vars(["strategy", "subgroup", "management"])


def answered(what: asked.Answered, scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset) -> xr.DataArray:
    """What the strategy answers per patient (draw,)."""
    own = outcomes.sel(strategy=what.strategy, drop=True)
    return (
        own["treated"].sel(management=scenario.case.matched).sum("management")
        if what.answer == "treated"
        else own[what.answer]
    )


FIGURES: Mapping[type, Callable[[Any, Scenario, xr.Dataset, xr.Dataset], xr.DataArray]] = {
    asked.MedianSurvival: median_survival,
    asked.LifeYears: life_years,
    asked.Cost: cost,
    asked.CostBeforeDeath: cost_before_death,
    asked.Persons: persons,
    asked.Users: users,
    asked.Performed: tests,
    asked.ActedOn: acted_on,
    asked.Answered: answered,
}
"""How each quantity that a case may ask for is computed: (quantity, scenario, draws, outcomes) to its figure by draw."""
