"""What one patient comes to: cost and health by strategy and by fate, and the courses behind them."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.costing import Draws
from pmbudget.patient.outcomes import simulate


@dataclass(frozen=True)
class PerPatient:
    """One patient's cost (SEK of the price year) and QALYs over the horizon, discounted to the start.

    ``cost`` and ``qaly`` (draw, strategy); ``fate_cost`` and ``fate_qaly`` (draw, fate), where a fate is a strategy, a reason of loss or
    ``waiting``; ``test_cost`` (draw, strategy), cash per patient in the laboratory, and ``test_fixed``, what is no cash there: the
    equipment's annuity at its planned load, and overhead. ``outcomes`` (strategy, …) are means over draws, as from
    :func:`pmbudget.patient.simulate`, undiscounted. ``crossings`` is the share of curve points where progression-free survival was
    lowered to overall survival.
    """

    cost: xr.DataArray
    qaly: xr.DataArray
    fate_cost: xr.DataArray
    fate_qaly: xr.DataArray
    test_cost: xr.DataArray
    test_fixed: xr.DataArray
    outcomes: xr.Dataset
    crossings: float


def follow(scenario: Scenario, draws: Draws) -> tuple[PerPatient, xr.Dataset, xr.Dataset]:
    """One patient of each fate followed over the case's horizon.

    Returns
    -------
    PerPatient
    Dataset
        The courses, with draws: as from :func:`pmbudget.patient.simulate`, with fates for strategies.
    Dataset
        The same of the case's strategies.
    """
    case = scenario.case
    beside = case.losses if scenario.limits else {}
    found = simulate(draws, case, horizon=case.horizon_years, beside=beside)
    known = found["strategy"].to_numpy()
    # Who still waits at the end has the comparator's course.
    leads_to = {"strategy": [fate if fate in known else case.comparator for fate in scenario.fates]}
    fates = {"strategy": scenario.fates}
    courses = found.sel(leads_to).assign_coords(fates)
    cost, qaly = present_values(found, draws)
    strategies = {"strategy": list(case.strategies)}
    outcomes = found.sel(strategies)
    record = PerPatient(
        cost=cost.sel(strategies),
        qaly=qaly.sel(strategies),
        fate_cost=cost.sel(leads_to).assign_coords(fates).rename(strategy="fate"),
        fate_qaly=qaly.sel(leads_to).assign_coords(fates).rename(strategy="fate"),
        test_cost=laboratory_cost(outcomes).sum("resource"),
        test_fixed=laboratory_cost(outcomes, cash=False).sum("resource"),
        outcomes=outcomes.mean("draw"),
        crossings=float(found.attrs["crossings"]),
    )
    return record, courses, outcomes


def increment[Values: (xr.DataArray, xr.Dataset)](by_strategy: Values, case: Case) -> Values:
    """What the new strategy adds to the comparator: the same dims but ``strategy``."""
    return by_strategy.sel(strategy=case.new, drop=True) - by_strategy.sel(strategy=case.comparator, drop=True)


def increments(per_patient: PerPatient, case: Case) -> tuple[xr.DataArray, xr.DataArray]:
    """Incremental cost (SEK) and QALYs of the new strategy against the comparator (draw,)."""
    return increment(per_patient.cost, case), increment(per_patient.qaly, case)


def laboratory_cost(outcomes: xr.Dataset, *, cash: bool = True) -> xr.DataArray:
    """Cash that the diagnostic unit spends on a patient's tests (draw, strategy, resource), SEK; or what of their cost is no cash."""
    own = (outcomes["unit"] == "diagnostic_unit") & (outcomes["in_budget"] == cash)
    return outcomes["cost_once"].isel(resource=own.to_numpy())


def staff_share(cost_once: xr.DataArray, case: Case) -> xr.DataArray:
    """Share of the cost of diagnostics that is staff (the dims of ``cost_once`` but resource): computed, never assumed."""
    diagnostic = {item.resource for item in case.diagnostic_items()}
    chosen = cost_once.isel(resource=np.isin(cost_once["resource"].to_numpy(), list(diagnostic)))
    staff = chosen.isel(resource=chosen["kind"].to_numpy() == "staff")
    return staff.sum("resource") / chosen.sum("resource")


def present_values(outcomes: xr.Dataset, draws: Draws) -> tuple[xr.DataArray, xr.DataArray]:
    """Discounted cost (SEK) and QALYs per patient (draw, strategy)."""
    running = discounted(outcomes["cost"].sum("resource"), draws["discount_rate_cost"])
    return running + outcomes["cost_once"].sum("resource"), discounted(outcomes["qaly"], draws["discount_rate_qaly"])


def discounted(flow: xr.DataArray, rate: xr.DataArray) -> xr.DataArray:
    """Present value at the start (draw, strategy, …), the flow of a year standing at its middle."""
    present = (flow * (1 + rate) ** -(flow["year_since_start"] + 0.5)).sum("year_since_start")
    return present.transpose("draw", "strategy", ...)
