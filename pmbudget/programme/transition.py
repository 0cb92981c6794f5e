"""What the change itself costs, once or while it lasts, by region; what is national stands in region "00"."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.programmes import TransitionItem
from pmbudget.patient.costing import Draws, product
from pmbudget.patient.outcomes import resource_coordinates
from pmbudget.vocabulary import NATIONAL


def programme_cost(
    draws: Draws,
    case: Case,
    regions: pd.DataFrame,
    years: list[int],
    *,
    coverage_by_mix: xr.DataArray,
    eligible: xr.DataArray,
    test_cost: xr.DataArray,
    agreement_years: range,
    posts: xr.DataArray | float = 0.0,
) -> xr.DataArray:
    """Transition cost (draw, mix, region, year, resource), SEK, cash.

    Parameters
    ----------
    coverage_by_mix, eligible : DataArray
        (draw, mix, region, year) and (draw, region, year); both hold the year before the first of ``years``.
    test_cost : DataArray
        (draw,): what the comparator's tests cost a patient, for double running.
    posts : DataArray
        (draw,): full-time posts in diagnostics that a patient needs more than under the comparator, below 0 where fewer.
    agreement_years : range
        The years in which the agreement's programme runs; empty without an agreement. They concern the mix ``new`` alone.
    """
    gained = coverage_by_mix.diff("year").sel(year=years).clip(min=0)
    journey = gained / draws[case.uptake.ceiling]
    persons = gained * eligible.sel(year=years)
    mixes = coverage_by_mix["mix"]
    running = xr.DataArray(np.isin(years, list(agreement_years)), coords={"year": years}) * (mixes == "new")
    extent = {
        "journey": journey,
        "switched": persons * test_cost,
        "posts": persons * np.maximum(posts, 0.0),
        "agreement_years": running * xr.ones_like(journey),
    }
    names = list(dict.fromkeys(item.resource for item in case.transition))
    everywhere = [NATIONAL, *regions.index]
    cost = {name: xr.zeros_like(journey).reindex(region=everywhere, fill_value=0.0) for name in names}
    for item in case.transition:
        size = extent[item.when]
        national = size.isel(region=[0]).assign_coords(region=[NATIONAL])
        part = national if item.where == "national" else size * _concerned(item, regions)
        cost[item.resource] = cost[item.resource] + (xr.DataArray(product(draws, item.price)) * part).reindex(
            region=everywhere, fill_value=0.0
        )
    stacked = xr.concat([cost[name] for name in names], dim="resource").assign_coords(resource_coordinates(case, names))
    return stacked.transpose("draw", "mix", "region", "year", "resource")


def _concerned(item: TransitionItem, regions: pd.DataFrame) -> xr.DataArray:
    university = regions["university_hospital"].to_numpy() != ""
    where = {
        "every_region": np.ones(len(regions), bool),
        "university_hospital": university,
        "no_university_hospital": ~university,
    }[item.where]
    return xr.DataArray(where, dims="region", coords={"region": regions.index.to_numpy()})
