"""The whole way walked once, in blocks of draws: the only place that knows the order of the rooms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.evidence.draws import ReadDraws, draw_parameters, generator
from pmbudget.evidence.fit import fit_evidence
from pmbudget.evidence.learning import Belief
from pmbudget.financing.books import Expected
from pmbudget.financing.ledger import (
    budget_of,
    largest_imbalance,
    mean_ledger,
    net_budget_impact,
    post,
    settled,
    terms_of,
)
from pmbudget.financing.measures import facts_of, measures_of
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.costing import Draws
from pmbudget.patient.outcomes import simulate
from pmbudget.programme.budget import budget_impact, cost_by_start, full_time_posts, together
from pmbudget.programme.gate import belief_of, paces_by_mix
from pmbudget.programme.levers import levered
from pmbudget.programme.misuse import starts_outside
from pmbudget.programme.offsets import cashable_share, in_cash
from pmbudget.programme.pace import coverage
from pmbudget.programme.population import counted, expected_eligible, funnel_steps, starts
from pmbudget.programme.prices import price_factor
from pmbudget.programme.supply import supplied
from pmbudget.programme.testing import extra_posts, laboratory_cost, staff_minutes, testing_cost
from pmbudget.programme.transition import transition_cost
from pmbudget.vocabulary import BLOCK


@dataclass(frozen=True)
class Results:
    """What one scenario comes to; money in SEK of the model's price year, undiscounted where it is by calendar year.

    With draws: ``cost`` and ``qaly`` (draw, strategy) per patient, discounted over the horizon. ``aimed`` and ``reached`` (draw, mix,
    region, year): the share of the newly ``eligible`` (draw, region, year; persons) who would get the new strategy by the pace, and who
    get it. ``funnel`` (draw, step, region), expected persons of the first year. ``patients`` (draw, mix, fate, region, year), persons:
    fates are the strategies, and where limits of supply hold the case's reasons of loss, and ``waiting`` for those who still wait when
    the last year ends; ``fate_cost`` and ``fate_qaly`` (draw, fate) are what each fate comes to per person, discounted to its start, as
    ``cost`` and ``qaly`` are. ``start_cost`` (draw, mix, fate, year): the same cost at the prices that who starts in a year meets;
    ``beside_cost`` (draw, mix, year): transition, tests outside the eligible and other organisation, of which ``transition`` (draw,
    mix, year); ``residual`` (draw, mix, year): what equipment bought so far is worth at the year's end. ``outside`` (draw, mix, region,
    year), persons; ``supply``, what limits of supply held back (see ``supplied``), where the case states any.

    ``budget`` (draw, mix, region, year, payer), all ledger entries together; ``accounts`` (account, draw, mix, region, year), cost as
    it fell, and ``facts`` (draw[, year]): on them any other agreement can be settled; ``by_resource`` (draw, mix, year, resource) and
    ``resource_total`` (draw, mix, year), the nation's. All these are cash: what is used less than today and cannot be saved in money
    stands in ``freed`` (draw, mix, year, resource), 0 or less. ``test_cost`` (draw, strategy), cash per patient in the laboratory;
    ``posts`` (draw, mix, year, resource), full-time posts by profession; ``volume_error`` (draw,), realised over projected volume in
    the reference class, 1 without one; ``known`` (draw, year), P(worth it | known by then) where evidence decides the pace.

    Means over draws: ``ledger`` (mix, region, year, payer, entry); ``resource_cost`` (mix, region, year, resource), cash; ``outcomes``
    per patient (strategy, …). ``checks`` holds the largest errors of the invariants, and ``crossings``: the share of curve points where
    progression-free survival was lowered to overall survival. ``expected`` is the forecast that clauses are settled on.
    """

    cost: xr.DataArray
    qaly: xr.DataArray
    aimed: xr.DataArray
    reached: xr.DataArray
    eligible: xr.DataArray
    funnel: xr.DataArray
    patients: xr.DataArray
    fate_cost: xr.DataArray
    fate_qaly: xr.DataArray
    start_cost: xr.DataArray
    beside_cost: xr.DataArray
    transition: xr.DataArray
    residual: xr.DataArray
    outside: xr.DataArray
    supply: xr.Dataset | None
    budget: xr.DataArray
    accounts: xr.DataArray
    facts: xr.Dataset
    expected: Expected
    by_resource: xr.DataArray
    resource_total: xr.DataArray
    test_cost: xr.DataArray
    posts: xr.DataArray
    freed: xr.DataArray
    volume_error: xr.DataArray
    known: xr.DataArray | None
    ledger: xr.DataArray
    resource_cost: xr.DataArray
    outcomes: xr.Dataset
    checks: Mapping[str, float]

    def net_budget(self, reference: str) -> xr.DataArray:
        """New less ``reference`` (draw, region, year, payer), SEK."""
        return net_budget_impact(self.budget, reference=reference)  # type: ignore[arg-type]


WITH_DRAWS = (
    *("cost", "qaly", "aimed", "reached", "eligible", "funnel", "patients", "fate_cost", "fate_qaly", "start_cost"),
    *("beside_cost", "transition", "residual", "outside", "budget", "accounts", "facts", "by_resource"),
    *("resource_total", "test_cost", "posts", "freed", "volume_error"),
)
MEANS = ("ledger", "resource_cost", "outcomes")


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

    Whoever simulates a scenario begins here; draws that were made elsewhere have their levers pulled by :func:`evaluate_draws`,
    :func:`pmbudget.breakdown.broken_down_draws` and all of :mod:`pmbudget.sensitivity`.
    """
    if draws < 2:
        raise ValueError(f"draws = {draws} must be 2 or more")
    table = draw_parameters(scenario.parameters, fit_evidence(scenario.parameters), n=draws, seed=seed)
    return levered(table, scenario.case.levers, scenario.definition.levers)


def evaluate_draws(
    scenario: Scenario,
    table: xr.Dataset | ReadDraws,
    *,
    seed: int = 1,
    block: int = BLOCK,
    progress: Callable[[int, int], None] | None = None,
) -> Results:
    """As :func:`evaluate`, on draws that are there already."""
    if block % BLOCK or block <= 0:
        raise ValueError(f"block = {block} must be a multiple of {BLOCK}, so that it does not move the random numbers")
    n = table.sizes["draw"]
    belief = believed(scenario, table)
    parts: list[Results] = []
    for begin in range(0, n, block):
        part = table.isel(draw=slice(begin, begin + block))
        rngs, expected = _rngs(seed, begin, part.sizes["draw"]), parts[0].expected if parts else None
        parts.append(walk(scenario, part, rngs=rngs, belief=belief, expected=expected))
        if progress:
            progress(min(begin + block, n), n)
    return _joined(parts)


Rngs = Callable[[str], list[tuple[np.random.Generator, int]]]
"""By the name of what is random: one generator per seeding block, with how many draws of it are wanted."""


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
    expected: Expected | None = None,
) -> Results:
    """One block: draws → outcomes → starts → resource cost → ledger → budget, cost-effectiveness.

    Without ``rngs`` the expected numbers of persons are walked instead of counted ones, and follow-up shows what is expected of it.
    ``belief`` is what a gate knows of the new strategy's worth before any follow-up; without one, what these draws say. ``expected`` is
    the forecast that clauses are settled on; without one, that of these draws.
    """
    case, regions = scenario.case, scenario.regions
    draws = levered(draws, case.levers, scenario.definition.levers)
    followed = simulate(draws, case, horizon=case.horizon_years, beside=case.losses if scenario.limits else {})
    outcomes = followed.sel(strategy=list(case.strategies))
    cost, qaly = present_values(outcomes, draws)
    first = scenario.years[0]
    all_years = list(range(first - 1 - case.horizon_years, scenario.years[-1] + 1))
    shown = {"year": scenario.years}
    people = _per_draw(expected_eligible(draws, case.eligible, regions, all_years, first), outcomes)
    eligible = people if rngs is None else _counted(people, rngs("eligible persons"))
    paces, known = paces_by_mix(
        scenario.definition.pace,
        case,
        regions,
        scenario.years,
        draws,
        eligible=people,
        worth=_gain(scenario, cost, qaly),
        belief=belief,
        noise=_noise(scenario.years, outcomes.sizes["draw"], rngs),
    )
    relief = _relief(scenario, all_years)
    by_mix = [
        coverage(pace, regions, all_years, draws, relief if mix == "new" else None) for mix, pace in paces.items()
    ]
    aimed = xr.concat(by_mix, dim="mix").assign_coords(mix=list(paces))
    aimed = _per_draw(aimed, outcomes).transpose("draw", "mix", "region", "year")
    begun, supply, organisation_cost = starts(eligible, aimed, comparator=case.comparator, new=case.new), None, None
    if case.capacity:
        begun, supply, organisation_cost = supplied(
            draws,
            case,
            regions,
            scenario.years,
            outcomes=outcomes,
            starts=begun,
            organisation=scenario.definition.laboratories,
            agreement_years=agreement_years(scenario),
            limits=scenario.limits,
        )
    else:
        begun = begun.rename(strategy="fate")
    tested = begun.sel(fate=case.new, drop=True)
    # Where nobody is eligible nobody is missed either.
    reached = (tested / eligible).where(eligible > 0, aimed).transpose(*aimed.dims)
    outside = _per_draw(starts_outside(draws, case.uptake, regions, tested), outcomes).transpose(*tested.dims)
    transition, residual = transition_cost(
        draws,
        case,
        regions,
        scenario.years,
        reached=reached,
        eligible=eligible,
        test_cost=laboratory_cost(outcomes).sel(strategy=case.comparator, drop=True).sum("resource"),
        agreement_years=agreement_years(scenario),
        posts=extra_posts(outcomes, draws, case),
        allocated=scenario.definition.allocated,
    )
    national = (tested + outside).sum("region")
    factor = price_factor(
        draws, case.prices, national, outcomes=outcomes, years=scenario.years, price_year=scenario.parameters.price_year
    )
    beyond, elsewhere = testing_cost(
        draws,
        case,
        regions,
        laboratory=laboratory_cost(outcomes).sel(strategy=case.new, drop=True) * factor,
        tested=tested.sel(shown),
        held=tested.sel(mix="today", drop=True).sel(shown),
        outside=outside.sel(shown),
    )
    further = [transition, beyond, *([] if organisation_cost is None else [organisation_cost])]
    by_fate = _by_fate(followed, begun, case.comparator)
    used = budget_impact(by_fate, begun.rename(fate="strategy"), further, price_factor=factor)
    resource_cost, freed = in_cash(used, cashable_share(draws, case, used))
    if elsewhere is not None:
        resource_cost = together(resource_cost, [elsewhere])
    facts = facts_of(draws, case, outcomes, cost, qaly, years=scenario.years, price_year=scenario.parameters.price_year)
    if known is not None:
        facts["known"] = known.variable
    accounts = post(resource_cost, delegated=draws["share_drug_cost_delegated"].to_numpy())
    places = [str(place) for place in accounts["region"].to_numpy()]
    terms = terms_of(
        accounts,
        regions=regions,
        start=agreement_start(scenario),
        index=facts["index"].to_numpy()[:, None, :],
        measures=measures_of(
            reached.sel(shown), eligible.sel(shown), begun.sel(shown), facts, new=case.new, places=places
        ),
        expected=expected,
    )
    clauses = scenario.agreement.clauses if scenario.agreement else ()
    moved = settled(accounts, clauses, terms, standing=scenario.standing.clauses)
    budget = budget_of(accounts, moved)
    by_resource = resource_cost.sum("region", skipna=False)
    total = by_resource.sum("resource", skipna=False)
    if not np.isfinite(total.to_numpy()).all() or not np.isfinite(by_fate["qaly"].to_numpy()).all():
        raise ValueError(
            f"{scenario.name} comes to no number in some draw; look for a parameter that is 0 and divided by"
        )
    off = np.abs(budget.sum(["region", "payer"]) - total) / np.abs(total).clip(min=1.0)
    fate_cost, fate_qaly = (values.rename(strategy="fate") for values in present_values(by_fate, draws))
    return Results(
        cost=cost,
        qaly=qaly,
        aimed=aimed.sel(shown),
        reached=reached.sel(shown),
        eligible=eligible.sel(shown).transpose("draw", "region", "year"),
        funnel=_per_draw(funnel_steps(draws, case.eligible, regions, first, first), outcomes).transpose("draw", ...),
        patients=begun.sel(shown),
        fate_cost=fate_cost,
        fate_qaly=fate_qaly,
        start_cost=cost_by_start(by_fate, factor, draws["discount_rate_cost"]).rename(strategy="fate"),
        beside_cost=_national(further),
        transition=_national([transition]),
        residual=_per_draw(residual, outcomes),
        outside=outside.sel(shown),
        supply=supply,
        budget=budget,
        accounts=accounts,
        facts=facts,
        expected=terms.forecast,
        resource_total=total,
        by_resource=by_resource,
        test_cost=laboratory_cost(outcomes).sum("resource"),
        posts=full_time_posts(
            staff_minutes(by_fate, begun.rename(fate="strategy"), outside, case, scenario.years),
            draws[case.productive_hours],
        ),
        freed=freed,
        volume_error=_by_draw(draws[case.eligible.volume_error] if case.eligible.volume_error else 1.0, outcomes),
        known=known,
        ledger=mean_ledger(accounts, moved),
        resource_cost=resource_cost.mean("draw", skipna=False),
        outcomes=outcomes.mean("draw"),
        checks={
            "transfers": largest_imbalance(accounts, moved),
            "budget": float(off.max()),
            "crossings": float(outcomes.attrs["crossings"]),
        },
    )


def _by_fate(followed: xr.Dataset, begun: xr.DataArray, comparator: str) -> xr.Dataset:
    """Outcomes per person of each fate, on the dim ``strategy``: who still waits at the end has the comparator's."""
    fates = list(map(str, begun["fate"].to_numpy()))
    known = followed["strategy"].to_numpy()
    named = followed.sel(strategy=[fate if fate in known else comparator for fate in fates])
    return named.assign_coords(strategy=fates)


def _national(parts: list[xr.DataArray]) -> xr.DataArray:
    """The nation's sum of costs (draw, mix, region, year, resource), by draw, mix and year."""
    sums = [part.sum(["region", "resource"], skipna=False).transpose("draw", "mix", "year") for part in parts]
    return sum(sums[1:], start=sums[0])


def agreement_start(scenario: Scenario) -> int:
    """The agreement's first year; without one, the first year shown."""
    pace = scenario.definition.pace
    return pace.start if pace else scenario.years[0]


def _noise(years: list[int], size: int, rngs: Rngs | None) -> np.ndarray:
    """What chance adds to each year's follow-up (draw, year), standard normal; nothing where what is expected is walked."""
    if rngs is None:
        return np.zeros((size, len(years)))
    return np.concatenate([rng.standard_normal((BLOCK, len(years)))[:part] for rng, part in rngs("follow-up")])


def believed(scenario: Scenario, table: xr.Dataset | ReadDraws) -> Belief | None:
    """What the first block of draws says of the new strategy's worth: the same for every block, whatever its size."""
    case, plan = scenario.case, scenario.definition.pace
    if plan is None or plan.gate is None:
        return None
    draws = levered(table.isel(draw=slice(0, BLOCK)), case.levers, scenario.definition.levers)
    outcomes = simulate(draws, case, horizon=case.horizon_years)
    return belief_of(_gain(scenario, *present_values(outcomes, draws)))


def _gain(scenario: Scenario, cost: xr.DataArray, qaly: xr.DataArray) -> xr.DataArray | None:
    """Net health benefit per patient at the gate's threshold (draw,), QALY; none without a gate."""
    case, plan = scenario.case, scenario.definition.pace
    if plan is None or plan.gate is None:
        return None
    benefit = qaly - cost / scenario.parameters.fixed(plan.gate.wtp)
    return benefit.sel(strategy=case.new, drop=True) - benefit.sel(strategy=case.comparator, drop=True)


def _relief(scenario: Scenario, years: list[int]) -> xr.DataArray | None:
    """The share of a test's cost that the agreement lifts off the ordering unit each year (year)."""
    plan = scenario.definition.pace
    if plan is None or scenario.case.uptake.incentive_response is None:
        return None
    return plan.relief * xr.DataArray(np.isin(years, list(plan.years)).astype(float), coords={"year": years})


def agreement_years(scenario: Scenario) -> range:
    """The years in which the agreement's programme runs; none without an agreement."""
    plan = scenario.definition.pace
    return plan.years if plan else range(0)


def _by_draw(value: xr.DataArray | float, outcomes: xr.Dataset) -> xr.DataArray:
    return value * xr.DataArray(np.ones(outcomes.sizes["draw"]), dims="draw")


def _per_draw(array: xr.DataArray, outcomes: xr.Dataset) -> xr.DataArray:
    """With a draw dim, also where every parameter read was known exactly."""
    return array if "draw" in array.dims else array.expand_dims(draw=outcomes.sizes["draw"])


def _counted(expected: xr.DataArray, rngs: list[tuple[np.random.Generator, int]]) -> xr.DataArray:
    parts, done = [], 0
    for rng, size in rngs:
        parts.append(counted(expected.isel(draw=slice(done, done + size)), rng))
        done += size
    return xr.concat(parts, dim="draw")


def present_values(outcomes: xr.Dataset, draws: Draws) -> tuple[xr.DataArray, xr.DataArray]:
    """Discounted cost (SEK) and QALYs per patient (draw, strategy)."""
    running = discounted(outcomes["cost"].sum("resource"), draws["discount_rate_cost"])
    return running + outcomes["cost_once"].sum("resource"), discounted(outcomes["qaly"], draws["discount_rate_qaly"])


def discounted(flow: xr.DataArray, rate: xr.DataArray) -> xr.DataArray:
    """Present value at the start (draw, strategy, …), the flow of a year standing at its middle."""
    present = (flow * (1 + rate) ** -(flow["year_since_start"] + 0.5)).sum("year_since_start")
    return present.transpose("draw", "strategy", ...)


def _joined(parts: list[Results]) -> Results:
    sizes = [part.cost.sizes["draw"] for part in parts]
    whole: dict[str, Any] = {name: xr.concat([getattr(p, name) for p in parts], dim="draw") for name in WITH_DRAWS}
    for name in MEANS:
        weighted = [getattr(part, name) * size for part, size in zip(parts, sizes, strict=True)]
        whole[name] = sum(weighted[1:], start=weighted[0]) / sum(sizes)
    for name in ("known", "supply"):
        found = [getattr(part, name) for part in parts if getattr(part, name) is not None]
        whole[name] = xr.concat(found, dim="draw") if found else None
    names = parts[0].checks
    whole["checks"] = {name: max(part.checks[name] for part in parts) for name in names}
    # A share of all curve points, and no error: its mean over the draws, whatever the blocks.
    whole["checks"]["crossings"] = float(np.average([part.checks["crossings"] for part in parts], weights=sizes))
    whole["expected"] = parts[0].expected
    assert set(whole) == {field.name for field in fields(Results)}
    return Results(**whole)
