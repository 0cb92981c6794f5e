"""What a programme costs where the work is done, by calendar year and resource."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.costing import Draws
from pmbudget.patient.per_patient import laboratory_cost
from pmbudget.programme.budget import add, budget_impact, cost_by_start, full_time_posts
from pmbudget.programme.drug_prices import drug_prices
from pmbudget.programme.misuse import persons_beyond
from pmbudget.programme.offsets import cashable_share, set_free
from pmbudget.programme.population import mean_of
from pmbudget.programme.prices import price_factor
from pmbudget.programme.reach import Flow, per_draw, together
from pmbudget.programme.testing import extra_posts, staff_minutes, testing_cost
from pmbudget.programme.transition import transition_cost


@dataclass(frozen=True)
class Spending:
    """Cost in cash where the work is done, SEK of the price year, undiscounted by calendar year.

    ``by_resource`` (draw, mix, year, resource), the nation's; ``resource_cost`` (mix, region, year, resource), its mean over draws by
    region. ``freed`` (draw, mix, year, resource), 0 or less: capacity set free that cannot be saved in money. ``start_cost`` (draw, mix,
    fate, year): a course at the prices that who starts in a year meets, discounted to the start; ``strategy_cost`` (draw, strategy, year):
    the same of every strategy of the case, at the prices of the mix ``new``. ``drug_prices`` (draw, year, resource): as from
    :func:`pmbudget.programme.drug_prices.drug_prices`, of the drugs that have a path; ``test_prices`` (draw, year, resource): those of
    what tests use up and learn from volume, in the mix ``new``. ``test_cost`` (draw, fate, year): cash in the laboratory for a person
    tested in that mix, at the year's prices. ``beside_cost`` (draw, mix, year):
    transition, tests of others than the eligible, other organisation, of which ``transition`` (draw, mix, year). ``residual`` (draw, mix,
    year): what equipment bought so far is worth at the year's end. ``posts`` (draw, mix, year, resource): full-time posts by profession.
    """

    by_resource: xr.DataArray
    resource_cost: xr.DataArray
    freed: xr.DataArray
    start_cost: xr.DataArray
    strategy_cost: xr.DataArray
    drug_prices: xr.Dataset
    test_prices: xr.DataArray
    test_cost: xr.DataArray
    beside_cost: xr.DataArray
    transition: xr.DataArray
    residual: xr.DataArray
    posts: xr.DataArray


def spend(
    scenario: Scenario, draws: Draws, courses: xr.Dataset, strategies: xr.Dataset, flow: Flow
) -> tuple[Spending, xr.DataArray]:
    """What the patients of a flow cost, and what falls beside them.

    Parameters
    ----------
    courses, strategies : Dataset
        As from :func:`pmbudget.patient.per_patient.follow`.

    Returns
    -------
    Spending
    DataArray
        Cost in cash, with draws (draw, mix, region, year, resource), SEK; region "00" is what is national.

    Raises
    ------
    ValueError
        The cost is no number in some draw.
    """
    case, years, price_year = scenario.case, scenario.years, scenario.parameters.price_year
    beyond = persons_beyond(flow.begun, flow.reflexed, flow.outside)
    # Who starts in the last year meets the prices of all years that follow, which a dated path tells.
    followed = list(range(years[0], years[-1] + case.horizon_years + 1)) if scenario.price_paths else years
    drugs = drug_prices(draws, case, scenario.price_paths, years=followed, shown=years[-1], price_year=price_year)
    whole = price_factor(
        draws,
        case.prices,
        together(flow.begun + beyond, case.broad).sum("region"),
        outcomes=courses,
        years=years,
        price_year=price_year,
        drugs=drugs["net"],
    )
    factor = whole.sel(year=years)
    transition, residual = _transition(scenario, draws, courses, flow)
    laboratory = laboratory_cost(courses) * factor
    tests, elsewhere = _testing(scenario, draws, flow, beyond, laboratory)
    further = [transition, tests, *([] if flow.organisation is None else [flow.organisation])]
    begun = flow.begun.rename(fate="strategy")
    cost = budget_impact(courses, begun, further, price_factor=factor, room_for=elsewhere)
    freed = set_free(cost, cashable_share(draws, case, cost))
    # What is paid: the budget's own array, which is large, is moved to it in place.
    add(cost, -freed)
    if elsewhere is not None:
        add(cost, elsewhere)
    by_resource = cost.sum("region", skipna=False)
    if not np.isfinite(by_resource.to_numpy()).all() or not np.isfinite(courses["qaly"].to_numpy()).all():
        raise ValueError(
            f"{scenario.name} comes to no number in some draw; look for a parameter that is 0 and divided by"
        )
    minutes = staff_minutes(courses, begun, beyond.rename(fate="strategy"), years)
    rate = draws["discount_rate_cost"]
    record = Spending(
        by_resource=by_resource,
        resource_cost=cost.mean("draw", skipna=False),
        freed=freed.sum("region", skipna=False),
        start_cost=cost_by_start(courses, whole, rate, years=years).rename(strategy="fate"),
        strategy_cost=cost_by_start(strategies, whole.sel(mix=["new"]), rate, years=years).sel(mix="new", drop=True),
        drug_prices=drugs.sel(year=years),
        test_prices=factor.sel(mix="new", resource=list(case.prices.resources if case.prices else ()), drop=True),
        test_cost=_each_test(case, laboratory),
        beside_cost=_national(further),
        transition=_national([transition]),
        residual=per_draw(residual, courses.sizes["draw"]),
        posts=full_time_posts(minutes, draws[case.productive_hours]),
    )
    return record, cost


def _transition(scenario: Scenario, draws: Draws, courses: xr.Dataset, flow: Flow) -> tuple[xr.DataArray, xr.DataArray]:
    case = scenario.case
    # Who moves brings the tests ordered at diagnosis for those who prove not fit.
    tests = 1 + flow.reflexed.sel(year=scenario.years)
    return transition_cost(
        draws,
        case,
        scenario.regions,
        scenario.years,
        reached=flow.reached,
        eligible=flow.eligible,
        test_cost=tests * laboratory_cost(courses).sel(strategy=case.comparator, drop=True).sum("resource"),
        agreement_years=scenario.agreement_years,
        posts=tests * mean_of(flow.broad, {name: extra_posts(courses, draws, case, name) for name in case.broad}),
        allocated=scenario.definition.allocated,
    )


def _testing(
    scenario: Scenario, draws: Draws, flow: Flow, beyond: xr.DataArray, laboratory: xr.DataArray
) -> tuple[xr.DataArray, xr.DataArray | None]:
    """Tests of others than the eligible, and what others bear of the tests that are ordered as for the eligible."""
    case, shown = scenario.case, {"year": scenario.years}
    tested = ((1 + flow.reflexed) * flow.begun.sel(fate=list(case.broad))).sel(shown)
    tested = tested.transpose("draw", "mix", "fate", "region", "year").rename(fate="strategy")
    return testing_cost(
        draws,
        case,
        scenario.regions,
        laboratory=laboratory,
        tested=tested,
        held=tested.sel(mix="today", drop=True).sum("strategy", skipna=False),
        beyond=beyond.sel(shown).rename(fate="strategy"),
    )


def _each_test(case: Case, laboratory: xr.DataArray) -> xr.DataArray:
    each = laboratory.sel(mix="new", strategy=list(case.broad), drop=True).sum("resource", skipna=False)
    return each.rename(strategy="fate").transpose("draw", "fate", "year")


def _national(parts: list[xr.DataArray]) -> xr.DataArray:
    """The nation's sum of costs (draw, mix, region, year, resource), by draw, mix and year."""
    sums = [part.sum(["region", "resource"], skipna=False).transpose("draw", "mix", "year") for part in parts]
    return sum(sums[1:], start=sums[0])


def cost_met(strategy_cost: xr.DataArray, patients: xr.DataArray, *, rate: float) -> xr.DataArray:
    """What one patient costs (draw, strategy) at the prices that those who start in the years given meet, SEK.

    The mean over the years of the start, weighted by ``patients`` expected (year,) and present value at ``rate``, so that a value per
    patient times discounted patients is the value of all who start. Where nobody is expected the years count by present value alone.
    """
    years = strategy_cost["year"]
    weights = patients.clip(min=1e-9) * (1 + rate) ** -(years - years[0]).astype(float)
    return (strategy_cost * (weights / weights.sum())).sum("year").transpose("draw", "strategy")
