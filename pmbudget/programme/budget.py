"""From patients who start to resource cost by calendar year: the same cost curve that cost-effectiveness sums, convolved with starts."""

import numpy as np
import xarray as xr


def budget_impact(
    outcomes: xr.Dataset,
    starts: xr.DataArray,
    programme_cost: xr.DataArray | None = None,
    *,
    mid_year: float = 0.5,
    price_factor: xr.DataArray | None = None,
) -> xr.DataArray:
    """Resource cost of each mix, undiscounted, by calendar year.

    level(t) = sum over a, s of starts(t - a, s) x cost(s, a) + programme(t).

    Parameters
    ----------
    outcomes : Dataset
        ``cost`` (draw, strategy, year_since_start, resource) and ``cost_once`` (draw, strategy, resource), SEK per patient.
    starts : DataArray
        (draw, mix, strategy, region, year), persons; may begin before the first year shown, for those under treatment already.
    programme_cost : DataArray, optional
        (draw, mix, region, year, resource), SEK at its own prices; its years are the years shown. Without it all years of ``starts`` are
        shown. A resource that ``outcomes`` has too is added to what patients cost.
    mid_year : float
        Share of the flow of year-since-start a that falls in calendar year t + a + 1 for those who start in t; 0.5 when starts are even
        over the year. ``cost_once`` falls wholly in the year of the start.
    price_factor : DataArray, optional
        Over any of (draw, mix, year, resource): prices of the calendar year relative to those in ``outcomes``.

    Returns
    -------
    DataArray
        (draw, mix, region, year, resource), SEK; ``unit`` and ``kind`` are coordinates on resource, region includes "00" when
        ``programme_cost`` does. Resources with ``in_budget`` false are left out.

    Raises
    ------
    ValueError
        ``mid_year`` outside 0-1, or strategies that differ between outcomes and starts.
    """
    if not 0 <= mid_year <= 1:
        raise ValueError(f"mid_year = {mid_year} must lie between 0 and 1")
    if set(outcomes["strategy"].to_numpy()) != set(starts["strategy"].to_numpy()):
        raise ValueError(f"outcomes know {outcomes['strategy'].to_numpy()} and starts {starts['strategy'].to_numpy()}")
    if "in_budget" in outcomes.coords:
        outcomes = outcomes.isel(resource=outcomes["in_budget"].to_numpy())
    years = (starts if programme_cost is None else programme_cost)["year"].to_numpy()
    level = _convolved(outcomes, starts, years, mid_year)
    if price_factor is not None:
        level = level * price_factor
    if programme_cost is None:
        return level
    level = level.reindex(region=programme_cost["region"].to_numpy(), fill_value=0.0)
    also = np.isin(programme_cost["resource"].to_numpy(), level["resource"].to_numpy())
    if also.any():
        beside = programme_cost.isel(resource=also)
        place = {"resource": beside["resource"].to_numpy()}
        level.loc[place] += beside.transpose(*level.dims).to_numpy()
    return xr.concat([level, programme_cost.isel(resource=~also)], dim="resource")


def full_time_posts(minutes: xr.DataArray, productive_hours: xr.DataArray) -> xr.DataArray:
    """Full-time posts that ``minutes`` a year fill: minutes / (60 x productive hours a year)."""
    return minutes / (60 * productive_hours)


def _convolved(outcomes: xr.Dataset, starts: xr.DataArray, years: np.ndarray, mid_year: float) -> xr.DataArray:
    flows = outcomes["cost"].transpose("draw", "strategy", "year_since_start", "resource").to_numpy()
    once = outcomes["cost_once"].transpose("draw", "strategy", "resource").to_numpy()
    # By calendar years since the year of the start; the last, empty place is where years outside the curve point.
    curve = np.zeros((*flows.shape[:2], flows.shape[2] + 2, flows.shape[3]))
    curve[:, :, :-2] += (1 - mid_year) * flows
    curve[:, :, 1:-1] += mid_year * flows
    curve[:, :, 0] += once
    begun = starts.sel(strategy=outcomes["strategy"].to_numpy()).transpose("draw", "mix", "region", "strategy", "year")
    elapsed = years[None, :] - begun["year"].to_numpy()[:, None]
    place = np.where((elapsed >= 0) & (elapsed < curve.shape[2] - 1), elapsed, curve.shape[2] - 1)
    draws, mixes, regions, strategies, cohorts = begun.shape
    kernel = curve[:, :, place, :].reshape(draws, strategies * cohorts, -1)
    level = begun.to_numpy().reshape(draws, mixes * regions, strategies * cohorts) @ kernel
    resources = {name: coord for name, coord in outcomes["cost"].coords.items() if coord.dims == ("resource",)}
    return xr.DataArray(
        level.reshape(draws, mixes, regions, len(years), -1),
        dims=("draw", "mix", "region", "year", "resource"),
        coords={"mix": begun["mix"], "region": begun["region"], "year": years, **resources},
    )
