"""The whole way walked once, in blocks of draws: the only place that knows the order of the rooms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.evidence.draws import ReadDraws, draw_parameters, generator
from pmbudget.evidence.fit import fit_evidence
from pmbudget.financing.agreement import largest_imbalance
from pmbudget.financing.ledger import net_budget_impact, settle
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.costing import Draws
from pmbudget.patient.outcomes import simulate
from pmbudget.programme.budget import budget_impact
from pmbudget.programme.pace import Agreed, Held, OwnCourse, Pace, coverage
from pmbudget.programme.population import counted, expected_eligible, starts
from pmbudget.programme.transition import programme_cost
from pmbudget.vocabulary import BLOCK


@dataclass(frozen=True)
class Results:
    """What one scenario comes to; money in SEK of the model's price year, undiscounted where it is by calendar year.

    With draws: ``cost`` and ``qaly`` (draw, strategy) per patient, discounted over the horizon; ``coverage`` (draw, mix, region, year);
    ``patients`` (draw, mix, strategy, region, year); ``budget`` (draw, mix, region, year, payer), all ledger entries together;
    ``resource_total`` (draw, mix, year). Means over draws: ``ledger`` (mix, region, year, payer, entry); ``resource_cost``
    (mix, region, year, resource); ``outcomes`` per patient (strategy, …). ``checks`` holds the largest errors of the invariants.
    """

    cost: xr.DataArray
    qaly: xr.DataArray
    coverage: xr.DataArray
    patients: xr.DataArray
    budget: xr.DataArray
    resource_total: xr.DataArray
    ledger: xr.DataArray
    resource_cost: xr.DataArray
    outcomes: xr.Dataset
    checks: Mapping[str, float]

    def net_budget(self, reference: str) -> xr.DataArray:
        """New less ``reference`` (draw, region, year, payer), SEK."""
        return net_budget_impact(self.budget, reference=reference)  # type: ignore[arg-type]


WITH_DRAWS = ("cost", "qaly", "coverage", "patients", "budget", "resource_total")
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
    if draws < 2:
        raise ValueError(f"draws = {draws} must be 2 or more")
    posterior = fit_evidence(scenario.parameters)
    table = draw_parameters(scenario.parameters, posterior, n=draws, seed=seed)
    return evaluate_draws(scenario, table, seed=seed, block=block, progress=progress)


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
    parts = []
    for begin in range(0, n, block):
        part = table.isel(draw=slice(begin, begin + block))
        parts.append(walk(scenario, part, rngs=_rngs(seed, begin, part.sizes["draw"])))
        if progress:
            progress(min(begin + block, n), n)
    return _joined(parts)


def _rngs(seed: int, begin: int, size: int) -> list[tuple[np.random.Generator, int]]:
    """One generator per seeding block, with how many draws of it are wanted."""
    return [
        (generator(seed, "eligible persons", (begin + done) // BLOCK), min(BLOCK, size - done))
        for done in range(0, size, BLOCK)
    ]


def walk(scenario: Scenario, draws: Draws, *, rngs: list[tuple[np.random.Generator, int]] | None) -> Results:
    """One block: draws → outcomes → starts → resource cost → ledger → budget, cost-effectiveness.

    Without generators the expected numbers of persons are walked instead of counted ones.
    """
    case, regions = scenario.case, scenario.regions
    outcomes = simulate(draws, case, horizon=case.horizon_years)
    today = scenario.years[0] - 1
    all_years = list(range(today - case.horizon_years, scenario.years[-1] + 1))
    expected = _per_draw(expected_eligible(draws, case.eligible, regions, all_years), outcomes)
    eligible = expected if rngs is None else _counted(expected, rngs)
    paces = _paces(scenario, today)
    by_mix = [coverage(pace, regions, all_years, draws) for pace in paces.values()]
    covered = xr.concat(by_mix, dim="mix").assign_coords(mix=list(paces))
    covered = _per_draw(covered, outcomes).transpose("draw", "mix", "region", "year")
    begun = starts(eligible, covered, comparator=case.comparator, new=case.new)
    transition = programme_cost(
        draws,
        case,
        regions,
        scenario.years,
        coverage_by_mix=covered,
        eligible=eligible,
        test_cost=_test_cost(scenario, outcomes),
        agreement_years=_agreement_years(scenario),
    )
    resource_cost = budget_impact(outcomes, begun, transition)
    clauses = scenario.agreement.clauses if scenario.agreement else ()
    pace = scenario.definition.pace
    ledger = settle(resource_cost, clauses, regions=regions, start=pace.start if pace else scenario.years[0])
    budget = ledger.sum("entry", skipna=False)
    total = resource_cost.sum(["region", "resource"], skipna=False)
    if not np.isfinite(total.to_numpy()).all() or not np.isfinite(outcomes["qaly"].to_numpy()).all():
        raise ValueError(
            f"{scenario.name} comes to no number in some draw; look for a parameter that is 0 and divided by"
        )
    off = np.abs(budget.sum(["region", "payer"]) - total) / np.abs(total).clip(min=1.0)
    shown = {"year": scenario.years}
    cost, qaly = present_values(outcomes, draws)
    return Results(
        cost=cost,
        qaly=qaly,
        coverage=covered.sel(shown),
        patients=begun.sel(shown),
        budget=budget,
        resource_total=total,
        ledger=ledger.mean("draw", skipna=False),
        resource_cost=resource_cost.mean("draw", skipna=False),
        outcomes=outcomes.mean("draw"),
        checks={
            "transfers": largest_imbalance(ledger),
            "budget": float(off.max()),
            "crossings": float(outcomes.attrs["crossings"]),
        },
    )


def _paces(scenario: Scenario, today: int) -> dict[str, Pace]:
    uptake, pace = scenario.case.uptake, scenario.definition.pace
    own = OwnCourse(uptake, today)
    return {
        "today": Held(uptake),
        "unplanned": own,
        "new": Agreed(uptake, today, pace.start, pace.ramp, pace.region_starts) if pace else own,
    }


def _agreement_years(scenario: Scenario) -> range:
    pace = scenario.definition.pace
    return range(pace.start, pace.start + pace.programme_years) if pace else range(0)


def _per_draw(array: xr.DataArray, outcomes: xr.Dataset) -> xr.DataArray:
    """With a draw dim, also where every parameter read was known exactly."""
    return array if "draw" in array.dims else array.expand_dims(draw=outcomes.sizes["draw"])


def _counted(expected: xr.DataArray, rngs: list[tuple[np.random.Generator, int]]) -> xr.DataArray:
    parts, done = [], 0
    for rng, size in rngs:
        parts.append(counted(expected.isel(draw=slice(done, done + size)), rng))
        done += size
    return xr.concat(parts, dim="draw")


def _test_cost(scenario: Scenario, outcomes: xr.Dataset) -> xr.DataArray:
    once = outcomes["cost_once"].sel(strategy=scenario.case.comparator, drop=True)
    return once.isel(resource=((outcomes["unit"] == "diagnostic_unit") & outcomes["in_budget"]).to_numpy()).sum(
        "resource"
    )


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
    names = parts[0].checks
    whole["checks"] = {name: max(part.checks[name] for part in parts) for name in names}
    assert set(whole) == {field.name for field in fields(Results)}
    return Results(**whole)
