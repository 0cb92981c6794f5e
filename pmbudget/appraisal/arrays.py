"""What every function of the room is given: cost and QALYs by draw and strategy, thresholds in SEK per QALY."""

from typing import Any

import numpy as np
import xarray as xr

from pmbudget.vocabulary import matched

Threshold = float | np.ndarray | list[float]


def by_strategy(cost: Any, qaly: Any) -> tuple[xr.DataArray, xr.DataArray]:
    """Cost and QALYs as arrays with the same strategies in the same order.

    Parameters
    ----------
    cost, qaly : DataArray or array
        (draw, strategy) or (strategy); a plain array has its axes in this order, and its strategies are numbered.

    Raises
    ------
    ValueError
        A dim is missing or too many, the two differ in strategies or draws, or a value is no number.
    """
    first, second = _labelled("cost", cost), _labelled("qaly", qaly)
    if first.dims != second.dims:
        raise ValueError(
            f"cost has the dims {first.dims} and qaly {second.dims}; give both the same draws and strategies"
        )
    first, second = matched(cost=first, qaly=second)
    return first, second


def _labelled(name: str, values: Any) -> xr.DataArray:
    if not isinstance(values, xr.DataArray):
        plain = np.asarray(values, float)
        if plain.ndim not in (1, 2):
            raise ValueError(f"{name} has {plain.ndim} axes; give (draw, strategy) or (strategy)")
        values = xr.DataArray(plain, dims=("draw", "strategy")[-plain.ndim :])
    if "strategy" not in values.dims or set(values.dims) - {"draw", "strategy"}:
        raise ValueError(f"{name} has the dims {values.dims}; give (draw, strategy) or (strategy)")
    if not values.size:
        raise ValueError(f"{name} holds nothing: {dict(values.sizes)}; give at least one strategy and draw")
    if "strategy" not in values.coords:
        values = values.assign_coords(strategy=np.arange(values.sizes["strategy"]))
    names = values["strategy"].to_numpy()
    if len(set(names)) < len(names):
        raise ValueError(f"{name} holds a strategy twice: {list(names)}; name each once")
    bad = ~np.isfinite(values)
    if bad.any():
        where = {
            dim: values[dim].to_numpy()[place[0]].item()
            for dim, place in zip(values.dims, np.nonzero(bad.to_numpy()), strict=True)
        }
        raise ValueError(f"{name} is no number at {where}; look for what it is computed from")
    return values.transpose(..., "strategy")


def thresholds(wtp: Threshold) -> np.ndarray:
    """The thresholds as a 1-D array, SEK per QALY.

    Raises
    ------
    ValueError
        One is negative or no number, or they are not in one row.
    """
    values = np.atleast_1d(np.asarray(wtp, float))
    if values.ndim > 1 or not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(f"wtp = {wtp} must be a number or a row of numbers, each 0 or more")
    return values


def over_thresholds(wtp: Threshold, values: np.ndarray, strategy: xr.DataArray | None = None) -> xr.DataArray:
    """Results ([strategy,] threshold) with their labels; a single threshold has no dim."""
    found = xr.DataArray(
        values,
        dims=("wtp",) if strategy is None else ("strategy", "wtp"),
        coords={"wtp": thresholds(wtp)} if strategy is None else {"strategy": strategy, "wtp": thresholds(wtp)},
    )
    return found.isel(wtp=0, drop=True) if np.ndim(wtp) == 0 else found
