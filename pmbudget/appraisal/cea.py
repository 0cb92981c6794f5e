"""Is it worth it: incremental analysis from means, probabilities from draws."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

Threshold = float | np.ndarray | list[float]


def _threshold(wtp: Threshold) -> Any:
    values = np.asarray(wtp, float)
    return float(values) if values.ndim == 0 else xr.DataArray(values, dims="wtp", coords={"wtp": values})


def net_monetary_benefit(cost: xr.DataArray, qaly: xr.DataArray, wtp: Threshold) -> xr.DataArray:
    """Wtp x QALY - cost, over the dims of both and ``wtp`` when that is an array. SEK."""
    return qaly * _threshold(wtp) - cost


def ceac(cost: xr.DataArray, qaly: xr.DataArray, wtp: Threshold) -> xr.DataArray:
    """The share of draws in which each strategy has the highest net monetary benefit (strategy[, wtp]).

    A draw in which several are best is shared between them.
    """
    thresholds = np.atleast_1d(np.asarray(wtp, float))
    shares = []
    for threshold in thresholds:
        benefit = net_monetary_benefit(cost, qaly, float(threshold))
        best = benefit == benefit.max("strategy")
        shares.append((best / best.sum("strategy")).mean("draw"))
    found = xr.concat(shares, dim="wtp").assign_coords(wtp=thresholds).transpose("strategy", "wtp")
    return found.isel(wtp=0, drop=True) if np.ndim(wtp) == 0 else found


def icer_table(cost: Any, qaly: Any) -> pd.DataFrame:
    """Incremental cost-effectiveness of strategies, each against the next less costly one that is not dominated.

    Parameters
    ----------
    cost, qaly : DataArray
        (draw, strategy) or (strategy); means over ``draw`` are compared, so that an ICER is a ratio of means.

    Returns
    -------
    DataFrame
        Index ``strategy`` in order of cost; columns cost, qaly, incremental_cost, incremental_qaly, icer and status ("reference",
        "undominated", "dominated", "extendedly dominated"). The incremental columns are NaN for the reference and for dominated rows.

    Examples
    --------
    >>> names = {"strategy": ["a", "b", "c"]}
    >>> table = icer_table(xr.DataArray([0.0, 10.0, 12.0], names), xr.DataArray([1.0, 3.0, 2.0], names))
    >>> table["status"].tolist(), float(table.loc["b", "icer"])
    (['reference', 'undominated', 'dominated'], 5.0)
    """
    means = {
        name: values.mean("draw") if "draw" in values.dims else values
        for name, values in (("cost", cost), ("qaly", qaly))
    }
    frame = pd.DataFrame({name: values.to_series() for name, values in means.items()})
    frame.index.name = "strategy"
    frame = frame.sort_values(["cost", "qaly"], ascending=[True, False], kind="stable")
    frontier: list[str] = []
    status = dict.fromkeys(frame.index, "dominated")
    for name in frame.index:
        if frontier and frame.qaly[name] <= frame.qaly[frontier[-1]]:
            continue
        while len(frontier) > 1 and _icer(frame, frontier[-2], frontier[-1]) >= _icer(frame, frontier[-1], name):
            status[frontier.pop()] = "extendedly dominated"
        frontier.append(name)
    for name in frontier:
        status[name] = "undominated"
    status[frontier[0]] = "reference"
    increments = frame.loc[frontier, ["cost", "qaly"]].diff()
    frame["incremental_cost"], frame["incremental_qaly"] = increments["cost"], increments["qaly"]
    frame["icer"] = frame["incremental_cost"] / frame["incremental_qaly"]
    frame["status"] = pd.Series(status)
    return frame


def _icer(frame: pd.DataFrame, first: str, second: str) -> float:
    return (frame.cost[second] - frame.cost[first]) / (frame.qaly[second] - frame.qaly[first])
