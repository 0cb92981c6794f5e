"""What the change itself costs, once or while it lasts, by region; what is national stands in region "00"."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.programmes import TransitionItem
from pmbudget.patient.costing import Draws, product
from pmbudget.patient.outcomes import resource_coordinates
from pmbudget.vocabulary import NATIONAL


def transition_cost(
    draws: Draws,
    case: Case,
    regions: pd.DataFrame,
    years: list[int],
    *,
    reached: xr.DataArray,
    eligible: xr.DataArray,
    test_cost: xr.DataArray,
    agreement_years: range,
    posts: xr.DataArray | float = 0.0,
    allocated: bool = False,
) -> tuple[xr.DataArray, xr.DataArray]:
    """Transition cost of the patients who are moved, and what is left of the equipment bought.

    Parameters
    ----------
    reached, eligible : DataArray
        (draw, mix, region, year), share of the eligible who get the new strategy, and (draw, region, year), persons; both hold the year
        before the first of ``years``. A region that falls back and comes again pays once: its way is that of the highest share so far.
    test_cost : DataArray
        (draw[, region, year]): what the comparator's tests cost for each patient, for double running.
    posts : DataArray
        (draw[, region, year]): full-time posts in diagnostics that each patient needs more than under the comparator, below 0 where fewer.
    agreement_years : range
        The years in which the agreement's programme runs; empty without an agreement. They concern the mix ``new`` alone.
    allocated : bool
        Whether what exists already is counted by its allocation key.

    Returns
    -------
    DataArray
        (draw, mix, region, year, resource), SEK, cash.
    DataArray
        (draw, mix, year), SEK: what everything bought so far is still worth at the year's end, falling evenly over its life.
    """
    furthest = reached.copy(data=np.maximum.accumulate(reached.to_numpy(), axis=reached.get_axis_num("year")))
    gained = furthest.diff("year").sel(year=years)
    journey = gained / draws[case.uptake.ceiling]
    persons = gained * eligible.sel(year=years)
    running = xr.DataArray(np.isin(years, list(agreement_years)), coords={"year": years}) * (reached["mix"] == "new")
    extent = {
        "journey": journey,
        "switched": persons * test_cost,
        "posts": persons * np.maximum(posts, 0.0),
        "agreement_years": running * xr.ones_like(journey),
    }
    names = list(dict.fromkeys(item.resource for item in case.transition))
    draw, mix, _, year = journey.transpose("draw", "mix", "region", "year").sizes.values()
    # Region "00" first: what is national stands there.
    cost = np.zeros((draw, mix, 1 + len(regions), year, len(names)))
    left = xr.zeros_like(journey.isel(region=0, drop=True))
    for item in case.transition:
        if item.allocation is not None and not allocated:
            continue
        size = extent[item.when]
        part = size.isel(region=0, drop=True) if item.where == "national" else size * _concerned(item, regions)
        price = product(draws, [*item.price, *([item.allocation] if item.allocation else [])])
        spent = (xr.DataArray(price) * part).transpose("draw", "mix", ..., "year")
        rows = 0 if item.where == "national" else slice(1, None)
        cost[:, :, rows, :, names.index(item.resource)] += spent.to_numpy()
        if item.life is not None:
            left = left + residual(spent.sum("region") if "region" in spent.dims else spent, draws[item.life])
    found = xr.DataArray(
        cost,
        {
            "mix": journey["mix"],
            "region": [NATIONAL, *regions.index],
            "year": years,
            **resource_coordinates(case, names),
        },
        ("draw", "mix", "region", "year", "resource"),
    )
    return found, left.transpose("draw", "mix", "year")


def residual(bought: xr.DataArray, life: xr.DataArray) -> xr.DataArray:
    """What purchases (…, year) are still worth at the end of each year, SEK: the share 1 - age / life of each, 0 when it is worn out.

    What is bought during a year is on average half a year old when it ends.

    Examples
    --------
    >>> bought = xr.DataArray([100.0, 0.0, 0.0], dims="year", coords={"year": [2027, 2028, 2029]})
    >>> residual(bought, xr.DataArray(2.0)).to_numpy().tolist()
    [75.0, 25.0, 0.0]
    """
    years = bought["year"]
    ends = years.rename(year="end").drop_vars("end").assign_coords(end=years.to_numpy())
    age = ends - years + 0.5
    share = ((1 - age / life).clip(min=0)).where(age > 0, 0.0)
    return (bought * share).sum("year").rename(end="year")


def _concerned(item: TransitionItem, regions: pd.DataFrame) -> xr.DataArray:
    university = regions["university_hospital"].to_numpy() != ""
    where = {
        "every_region": np.ones(len(regions), bool),
        "university_hospital": university,
        "no_university_hospital": ~university,
    }[item.where]
    return xr.DataArray(where, dims="region", coords={"region": regions.index.to_numpy()})
