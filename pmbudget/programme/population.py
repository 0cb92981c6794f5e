"""Who is eligible, in which region and year."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.inputs.programmes import Eligible
from pmbudget.patient.costing import Draws, product


def expected_eligible(draws: Draws, funnel: Eligible, regions: pd.DataFrame, years: list[int]) -> xr.DataArray:
    """Expected newly eligible persons (draw, region, year).

    The national number of ``incident_year`` grows by ``growth`` a year, is narrowed by each share and spread over the regions in
    proportion to ``spread_by``.
    """
    column = regions[funnel.spread_by]
    spread = xr.DataArray(column / column.sum(), dims="region", coords={"region": regions.index.to_numpy()})
    time = xr.DataArray(np.array(years) - funnel.incident_year, dims="year", coords={"year": years})
    national = xr.DataArray(product(draws, [funnel.incident, *funnel.shares])) * (1 + draws[funnel.growth]) ** time
    return (national * spread).transpose(..., "region", "year")


def counted(expected: xr.DataArray, rng: np.random.Generator) -> xr.DataArray:
    """Whole persons around the expected number: Poisson, because ten patients a year are seldom ten."""
    return expected.copy(data=rng.poisson(expected.to_numpy()).astype(float))


def starts(eligible: xr.DataArray, coverage_by_mix: xr.DataArray, *, comparator: str, new: str) -> xr.DataArray:
    """Patients who start, by strategy.

    Parameters
    ----------
    eligible : DataArray
        (draw, region, year), persons.
    coverage_by_mix : DataArray
        (draw, mix, region, year): share of the eligible who get the new strategy.
    comparator, new : str
        Names of the strategies.

    Returns
    -------
    DataArray
        (draw, mix, strategy, region, year); the strategies add up to the eligible in every mix.

    Raises
    ------
    ValueError
        A coverage outside 0-1.
    """
    low, high = float(coverage_by_mix.min()), float(coverage_by_mix.max())
    if low < 0 or high > 1:
        raise ValueError(f"coverage runs from {low:.3g} to {high:.3g}; it is a share between 0 and 1")
    parts: list[Any] = [eligible * (1 - coverage_by_mix), eligible * coverage_by_mix]
    stacked = xr.concat(parts, dim="strategy").assign_coords(strategy=[comparator, new])
    return stacked.transpose("draw", "mix", "strategy", "region", "year")
