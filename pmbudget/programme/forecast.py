"""Forecasts held against what happened.

No chapter calls it: it is for whoever follows an introduction up.
"""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.vocabulary import TAILS


def score_forecast(forecast: xr.DataArray, actual: xr.DataArray) -> pd.DataFrame:
    """How well forecast volumes met the actual ones.

    Parameters
    ----------
    forecast : DataArray
        (draw, …), persons or any amount above 0 in nearly every draw.
    actual : DataArray
        (…): what happened, above 0; over some or all of the other dims of ``forecast``.

    Returns
    -------
    DataFrame
        A row for each actual figure: its dims, ``forecast`` (mean), ``lower`` and ``upper`` (95 %), ``actual``, ``ratio`` (actual over the
        forecast's mean), ``covered`` (whether the interval holds it) and ``log_score``: the log density of the actual figure under the
        log-normal with the mean and spread of the draws' logarithms. Higher is better; compare it between forecasts of the same figures.

    Raises
    ------
    ValueError
        An actual figure that is not above 0, or dims or labels that the forecast does not have.
    """
    if not bool((actual > 0).all()):
        raise ValueError(f"actual volume {float(actual.min()):g} must be above 0; leave out what is not known yet")
    if unknown := set(actual.dims) - set(forecast.dims):
        raise ValueError(f"the forecast has no {', '.join(map(str, unknown))}; give actual over {forecast.dims[1:]}")
    missing = {dim: set(actual[dim].to_numpy()) - set(forecast[dim].to_numpy()) for dim in actual.dims}
    if absent := {dim: labels for dim, labels in missing.items() if labels}:
        raise ValueError(f"the forecast does not reach {absent}; give actual figures for what was forecast")
    others = [dim for dim in forecast.dims if dim not in ("draw", *actual.dims)]
    predicted = forecast.sum(others).sel({dim: actual[dim] for dim in actual.dims})
    logs: xr.DataArray = xr.apply_ufunc(np.log, predicted.where(predicted > 0))
    centre, spread = logs.mean("draw"), logs.std(dim="draw", ddof=1)
    standard = (np.log(actual) - centre) / spread
    lower, upper = predicted.quantile(TAILS, dim="draw")
    scores = {
        "forecast": predicted.mean("draw"),
        "lower": lower.drop_vars("quantile"),
        "upper": upper.drop_vars("quantile"),
        "actual": actual,
        "ratio": actual / predicted.mean("draw"),
        "covered": (lower.drop_vars("quantile") <= actual) & (actual <= upper.drop_vars("quantile")),
        "log_score": -0.5 * standard**2 - np.log(spread * np.sqrt(2 * np.pi)) - np.log(actual),
    }
    return xr.Dataset(scores).to_dataframe().reset_index()
