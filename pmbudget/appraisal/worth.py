"""What a programme is worth: everybody who becomes eligible in a period, followed over the case's horizon, in one mix against another."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import xarray as xr

from pmbudget.inputs.capacity import WAITING


class Evaluated(Protocol):
    """What is read of an evaluation, as in :class:`pmbudget.road.Results`."""

    @property
    def cost(self) -> xr.DataArray:
        """(draw, strategy), SEK per patient."""

    @property
    def patients(self) -> xr.DataArray:
        """(draw, mix, fate, region, year), persons."""

    @property
    def supply(self) -> xr.Dataset | None:
        """``waiting`` (draw, mix, region, year), persons at the year's end."""

    @property
    def fate_qaly(self) -> xr.DataArray:
        """(draw, fate), QALYs discounted to the start."""

    @property
    def start_cost(self) -> xr.DataArray:
        """(draw, mix, fate, year), SEK discounted to the start."""

    @property
    def beside_cost(self) -> xr.DataArray:
        """(draw, mix, year), SEK beside the patients' courses."""

    @property
    def residual(self) -> xr.DataArray:
        """(draw, mix, year), SEK that equipment bought is worth at the year's end."""


def by_entry(results: Evaluated, comparator: str) -> xr.DataArray:
    """Persons by fate in the year in which they became eligible (draw, mix, fate, region, year); over fates they are the eligible.

    Who waits over a new year is known by fate only when the wait ends: those carried over stand with the comparator until then, and are
    taken from it in the year after.
    """
    if results.supply is None:
        return results.patients
    waits = results.supply["waiting"]
    carried = waits * (waits["year"] != waits["year"][-1])
    moved = carried - carried.shift(year=1, fill_value=0.0)
    return results.patients + moved * (results.patients["fate"] == comparator)


def programme_totals(
    results: Evaluated, *, new: str, comparator: str, years: Sequence[int], rate_cost: float, rate_qaly: float
) -> xr.Dataset:
    """What each mix comes to for all who become eligible in ``years``.

    Cost = sum over t of (sum over fates of persons(t) x cost(t) + what falls beside them(t)) x (1 + i)^-(t - first), less the residual
    value of equipment when the last year ends; QALYs likewise. Persons are counted in the year in which they became eligible, so that a
    wait is no saving and no loss by discounting, and each is followed over the case's horizon. Who still waits when the period ends has
    the comparator's course, as in every mix. A course costs what cost-effectiveness counts, so that capacity set free
    and equipment used count at their value; what is bought for the change counts at its price less what is left of it.

    Parameters
    ----------
    results : Results
    new, comparator : str
        Names of the strategies.
    years : sequence of int
        The period.
    rate_cost, rate_qaly : float
        Discount rates a year.

    Returns
    -------
    Dataset
        (draw, mix): ``tests``, persons who get the new strategy; ``lost``, persons who leave the queue for a reason of loss, and
        ``waiting``, who wait when the period ends; ``cost``, SEK, of which ``beside`` falls beside the patients' courses and ``residual``
        is what was taken off; ``qaly``; ``spared``, SEK: what the lost cost less than with the comparator, which is no saving but in
        ``cost``. Present values in the period's first year.
    """
    period = {"year": list(years)}
    since = xr.DataArray(np.array(years) - years[0], dims="year", coords=period)
    of_cost, of_qaly = (1 + rate_cost) ** -since, (1 + rate_qaly) ** -since
    national = by_entry(results, comparator).sel(period).sum("region")
    waits = xr.zeros_like(national.isel(fate=0, year=0, drop=True))
    if results.supply is not None:
        waits = results.supply["waiting"].sel(year=years[-1], drop=True).sum("region")
    course, qaly = results.start_cost.sel(period), results.fate_qaly
    beside = (results.beside_cost.sel(period) * of_cost).sum("year")
    left = results.residual.sel(year=years[-1], drop=True) * (1 + rate_cost) ** -len(years)
    known = [*map(str, results.cost["strategy"].to_numpy()), WAITING]
    reasons = [fate for fate in map(str, national["fate"].to_numpy()) if fate not in known]
    spared = national.sel(fate=reasons) * (course.sel(fate=comparator, drop=True) - course.sel(fate=reasons)) * of_cost
    return xr.Dataset(
        {
            "tests": national.sel(fate=new, drop=True).sum("year"),
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


def care_benefit(
    results: Evaluated, *, comparator: str, wtp: float, years: Sequence[int], rate_cost: float, rate_qaly: float
) -> xr.DataArray:
    """Net monetary benefit of everybody's course by region (draw, mix, region), SEK: what :func:`programme_totals` sums, by region.

    wtp x QALYs - cost, discounted to the first of ``years``, before what falls beside the courses (transition, tests outside); ``years``
    are all that are shown, so that those who wait at their end are among the fates.
    """
    period = {"year": list(years)}
    since = xr.DataArray(np.array(years) - years[0], dims="year", coords=period)
    worth = wtp * results.fate_qaly * (1 + rate_qaly) ** -since
    worth = worth - results.start_cost.sel(period) * (1 + rate_cost) ** -since
    patients = by_entry(results, comparator).sel(period)
    return (patients * worth).sum(["fate", "year"]).transpose("draw", "mix", "region")
