"""Who is eligible, in which region and year."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.inputs.programmes import Eligible, Prevalent
from pmbudget.patient.costing import Draws, product
from pmbudget.vocabulary import matched


def expected_eligible(
    draws: Draws, funnel: Eligible, regions: pd.DataFrame, years: list[int], first: int | None = None
) -> xr.DataArray:
    """Expected persons who come to the decision (draw, region, year): the newly eligible, and those of the prevalent pool who come up.

    The national number of ``incident_year`` grows by ``growth`` a year, is narrowed by each share and spread over the regions by
    :func:`region_weights`. The pool opens in the year ``first``; without one there is none.
    """
    time = _since(funnel.incident_year, years)
    national = xr.DataArray(product(draws, [funnel.incident, *funnel.shares])) * (1 + draws[funnel.growth]) ** time
    incident = national * region_weights(draws, funnel, regions, years)
    if funnel.prevalent is None or first is None:
        return incident.transpose(..., "region", "year")
    pool = incident.sel(year=first, drop=True) * xr.DataArray(
        product(draws, [funnel.prevalent.years, *funnel.prevalent.shares])
    )
    return (incident + pool * coming_up(draws, funnel.prevalent, years, first)).transpose(..., "region", "year")


def _since(year: int, years: list[int]) -> xr.DataArray:
    return xr.DataArray(np.array(years) - year, dims="year", coords={"year": years})


def region_weights(draws: Draws, funnel: Eligible, regions: pd.DataFrame, years: list[int]) -> xr.DataArray:
    """Each region's share of the nation's eligible (…, region, year), which sums to 1.

    w_r(t) is in proportion to ``spread_by`` x (1 + ageing x (share 65+ of r less the nation's))^(t - incident_year): old regions have
    less left to age than young ones, so that where ageing is below 0 the young ones catch up.
    """
    codes = {"region": regions.index.to_numpy()}
    weight = xr.DataArray(regions[funnel.spread_by].to_numpy(float), dims="region", coords=codes)
    if funnel.ageing is not None:
        national = (regions["share_65plus"] * regions["population"]).sum() / regions["population"].sum()
        older = xr.DataArray((regions["share_65plus"] - national).to_numpy(), dims="region", coords=codes)
        weight = weight * (1 + draws[funnel.ageing] * older) ** _since(funnel.incident_year, years)
    else:
        weight = weight * xr.ones_like(_since(funnel.incident_year, years))
    return weight / weight.sum("region")


def coming_up(draws: Draws, prevalent: Prevalent, years: list[int], first: int) -> xr.DataArray:
    """Share of the pool that comes to a new decision each year (…, year): reach x ((1 - reach)(1 - exit))^(t - first), from ``first``."""
    elapsed = _since(first, years)
    left = ((1 - draws[prevalent.reach]) * (1 - draws[prevalent.exit])) ** elapsed.clip(min=0)
    return draws[prevalent.reach] * left * (elapsed >= 0)


def funnel_steps(draws: Draws, funnel: Eligible, regions: pd.DataFrame, year: int, first: int) -> xr.DataArray:
    """The funnel of one year, step by step (draw, step, region), persons.

    Steps are the parameters' names: the incident number, then after each share, and ``prevalent`` for those of the pool who come up
    that year, in a case that has one.
    """
    grown = (1 + draws[funnel.growth]) ** (year - funnel.incident_year)
    weights = region_weights(draws, funnel, regions, [year]).isel(year=0, drop=True)
    names = [funnel.incident, *funnel.shares]
    parts = [xr.DataArray(product(draws, names[: place + 1])) * grown * weights for place in range(len(names))]
    if funnel.prevalent is not None:
        everyone = expected_eligible(draws, funnel, regions, [first, year], first).isel(year=-1, drop=True)
        parts.append(everyone - parts[-1])
        names.append("prevalent")
    return xr.concat(parts, dim="step").assign_coords(step=names).transpose(..., "step", "region")


def counted(expected: xr.DataArray, rng: np.random.Generator) -> xr.DataArray:
    """Whole persons around the expected number: Poisson, because ten patients a year are seldom ten."""
    return expected.copy(data=rng.poisson(expected.to_numpy()).astype(float))


Broad = Mapping[str, xr.DataArray | float]
"""By broad strategy, the share of the broadly tested who get it; shares sum to 1."""


def mean_of(broad: Broad, of: Mapping[str, xr.DataArray]) -> xr.DataArray:
    """What one of the broadly tested comes to, by what each broad strategy does (over the dims of both)."""
    first, *others = (of[name] * share for name, share in broad.items())
    return sum(others, start=first)


def starts(eligible: xr.DataArray, coverage_by_mix: xr.DataArray, *, comparator: str, broad: Broad) -> xr.DataArray:
    """Patients who start, by strategy.

    Parameters
    ----------
    eligible : DataArray
        (draw, region, year), persons.
    coverage_by_mix : DataArray
        (draw, mix, region, year): share of the eligible who are broadly tested.
    comparator : str
        The strategy of the others.
    broad : mapping of str to DataArray or float
        Which of the broad strategies they get, over any of (draw, mix, region, year).

    Returns
    -------
    DataArray
        (draw, mix, strategy, region, year); the strategies add up to the eligible in every mix.

    Raises
    ------
    ValueError
        A coverage outside 0-1, or a region or year that one has and the other lacks.
    """
    eligible, coverage_by_mix = matched(eligible=eligible, coverage_by_mix=coverage_by_mix)
    low, high = float(coverage_by_mix.min()), float(coverage_by_mix.max())
    if low < 0 or high > 1:
        raise ValueError(f"coverage runs from {low:.3g} to {high:.3g}; it is a share between 0 and 1")
    tested = eligible * coverage_by_mix
    parts: list[Any] = [eligible * (1 - coverage_by_mix), *(tested * share for share in broad.values())]
    stacked = xr.concat(parts, dim="strategy").assign_coords(strategy=[comparator, *broad])
    return stacked.transpose("draw", "mix", "strategy", "region", "year")
