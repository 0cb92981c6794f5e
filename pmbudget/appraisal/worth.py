"""What a programme is worth: everybody who becomes eligible in a period, followed over the case's horizon, in one mix against another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from pmbudget.appraisal.cea import ratio
from pmbudget.inputs.capacity import WAITING
from pmbudget.inputs.norms import discount_rates, thresholds
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import PerPatient
from pmbudget.programme.reach import Reach, together
from pmbudget.programme.spending import Spending


@dataclass(frozen=True)
class Worth:
    """What each mix comes to for all who become eligible in a period.

    ``totals`` (draw, mix, period): as from :func:`programme_totals`, at the norms' discount rates, by the periods of the scenario.
    """

    totals: xr.Dataset


def worth(scenario: Scenario, per_patient: PerPatient, reach: Reach, spending: Spending) -> Worth:
    """What the programme comes to in each of the scenario's periods."""
    rates = discount_rates(scenario)
    broad, comparator = scenario.case.broad, scenario.case.comparator
    parts = [
        programme_totals(per_patient, reach, spending, broad=broad, comparator=comparator, years=years, **rates)
        for years in scenario.periods.values()
    ]
    return Worth(xr.concat(parts, dim="period").assign_coords(period=list(scenario.periods)))


def by_entry(reach: Reach, comparator: str) -> xr.DataArray:
    """Persons by fate in the year in which they became eligible (draw, mix, fate, region, year); over fates they are the eligible.

    Who waits over a new year is known by fate only when the wait ends: those carried over stand with the comparator until then, and are
    taken from it in the year after.
    """
    if reach.supply is None:
        return reach.patients
    waits = reach.supply["waiting"]
    carried = waits * (waits["year"] != waits["year"][-1])
    moved = carried - carried.shift(year=1, fill_value=0.0)
    return reach.patients + moved * (reach.patients["fate"] == comparator)


def programme_totals(
    per_patient: PerPatient,
    reach: Reach,
    spending: Spending,
    *,
    broad: Sequence[str],
    comparator: str,
    years: Sequence[int],
    rate_cost: float,
    rate_qaly: float,
) -> xr.Dataset:
    """What each mix comes to for all who become eligible in ``years``.

    Cost = sum over t of (sum over fates of persons(t) x cost(t) + what falls beside them(t)) x (1 + i)^-(t - first), less the residual
    value of equipment when the last year ends; QALYs likewise. Persons are counted in the year in which they became eligible, so that a
    wait is no saving and no loss by discounting, and each is followed over the case's horizon. Who still waits when the period ends has
    the comparator's course, as in every mix. A course costs what cost-effectiveness counts, so that capacity set free
    and equipment used count at their value; what is bought for the change counts at its price less what is left of it.

    Parameters
    ----------
    per_patient, reach, spending
        Of one evaluation.
    broad : sequence of str
        The strategies of the broadly tested.
    comparator : str
        The strategy of the others.
    years : sequence of int
        The period.
    rate_cost, rate_qaly : float
        Discount rates a year.

    Returns
    -------
    Dataset
        (draw, mix): ``tests``, persons who are broadly tested; ``lost``, persons who leave the queue for a reason of loss, and
        ``waiting``, who wait when the period ends; ``cost``, SEK, of which ``beside`` falls beside the patients' courses and ``residual``
        is what was taken off; ``qaly``; ``spared``, SEK: what the lost cost less than with the comparator, which is no saving but in
        ``cost``. Present values in the period's first year.
    """
    period = {"year": list(years)}
    since = xr.DataArray(np.array(years) - years[0], dims="year", coords=period)
    of_cost, of_qaly = (1 + rate_cost) ** -since, (1 + rate_qaly) ** -since
    national = by_entry(reach, comparator).sel(period).sum("region")
    waits = xr.zeros_like(national.isel(fate=0, year=0, drop=True))
    if reach.supply is not None:
        waits = reach.supply["waiting"].sel(year=years[-1], drop=True).sum("region")
    course, qaly = spending.start_cost.sel(period), per_patient.fate_qaly
    beside = (spending.beside_cost.sel(period) * of_cost).sum("year")
    left = spending.residual.sel(year=years[-1], drop=True) * (1 + rate_cost) ** -len(years)
    known = [*map(str, per_patient.cost["strategy"].to_numpy()), WAITING]
    reasons = [fate for fate in map(str, national["fate"].to_numpy()) if fate not in known]
    spared = national.sel(fate=reasons) * (course.sel(fate=comparator, drop=True) - course.sel(fate=reasons)) * of_cost
    return xr.Dataset(
        {
            "tests": together(national, broad).sum("year"),
            "lost": national.sel(fate=reasons).sum(["fate", "year"]),
            "waiting": waits,
            "cost": (national * course * of_cost).sum(["fate", "year"]) + beside - left,
            "beside": beside,
            "residual": left,
            "spared": spared.sum(["fate", "year"]),
            "qaly": (national * qaly * of_qaly).sum(["fate", "year"]),
        }
    )


def programme_worth(totals: xr.Dataset, *, reference: str, wtp: Sequence[float]) -> xr.Dataset:
    """What the programme adds to a reference, on paired draws.

    Parameters
    ----------
    totals : Dataset
        Of :func:`programme_totals`.
    reference : str
        A mix: ``today`` for what introduction is worth, ``unplanned`` for what the agreement adds.
    wtp : sequence of float
        Thresholds, SEK per QALY.

    Returns
    -------
    Dataset
        (draw,): the differences in all of the totals; (draw, wtp) ``inmb``, SEK: the incremental net monetary benefit
        wtp x QALYs - cost.
    """
    added = totals.sel(mix="new", drop=True) - totals.sel(mix=reference, drop=True)
    thresholds = xr.DataArray(np.array(wtp, float), dims="wtp", coords={"wtp": list(wtp)})
    added["inmb"] = (thresholds * added["qaly"] - added["cost"]).transpose("draw", "wtp")
    return added


Added = Mapping[tuple[str, str], xr.Dataset]
"""What the programme adds, by reference and period."""


def added_worth(scenario: Scenario, worth: Worth) -> Added:
    """What the programme adds by reference and period, at the norms' thresholds; see :func:`programme_worth`."""
    wtp = list(thresholds(scenario).values())
    return {
        (reference, period): programme_worth(worth.totals.sel(period=period, drop=True), reference=reference, wtp=wtp)
        for period in scenario.periods
        for reference in scenario.references
    }


def cost_beside(scenario: Scenario, worth: Worth, mix: str) -> xr.DataArray:
    """What falls beside the patients' courses in a mix over all years shown, less the residual value (draw,), SEK present value."""
    totals = worth.totals.sel(period=scenario.whole_period, mix=mix, drop=True)
    return totals["beside"] - totals["residual"]


def cost_per(cost: xr.DataArray, gain: xr.DataArray) -> float:
    """Mean cost over a mean gain, by the sign rules of the ICER: missing unless both are more."""
    verdict, value = ratio(float(cost.mean()), float(gain.mean()), size=(1e8, 1e2))
    return value if verdict == "icer" else np.nan


def care_benefit(
    per_patient: PerPatient,
    reach: Reach,
    spending: Spending,
    *,
    comparator: str,
    wtp: float,
    years: Sequence[int],
    rate_cost: float,
    rate_qaly: float,
) -> xr.DataArray:
    """Net monetary benefit of everybody's course by region (draw, mix, region), SEK: what :func:`programme_totals` sums, by region.

    wtp x QALYs - cost, discounted to the first of ``years``, before what falls beside the courses (transition, tests outside); ``years``
    are all that are shown, so that those who wait at their end are among the fates.
    """
    period = {"year": list(years)}
    since = xr.DataArray(np.array(years) - years[0], dims="year", coords=period)
    worth = wtp * per_patient.fate_qaly * (1 + rate_qaly) ** -since
    worth = worth - spending.start_cost.sel(period) * (1 + rate_cost) ** -since
    patients = by_entry(reach, comparator).sel(period)
    return (patients * worth).sum(["fate", "year"]).transpose("draw", "mix", "region")
