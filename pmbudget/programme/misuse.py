"""Over-use outside the eligible population, under-use inside it, and what either loses."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.inputs.programmes import Uptake
from pmbudget.patient.costing import Draws


def starts_outside(draws: Draws, uptake: Uptake, regions: pd.DataFrame, tested: xr.DataArray) -> xr.DataArray:
    """Tests outside the eligible population (draw, mix, region, year), persons: cost, and no health.

    ``outside`` for each test inside it, times exp(``outside_deviation``) in each region: where a test is in use it also spreads beyond
    those it is meant for.

    Parameters
    ----------
    tested : DataArray
        (draw, mix, region, year): those of the eligible who get the new strategy.
    """
    if uptake.outside is None:
        return xr.zeros_like(tested)
    per_test = draws[uptake.outside]
    if uptake.outside_deviation is not None:
        per_test = per_test * np.exp(draws[uptake.outside_deviation].sel(region=list(regions.index)))
    return (tested * per_test).transpose(*tested.dims)


def loss(
    untested: xr.DataArray,
    outside: xr.DataArray,
    *,
    test_cost: xr.DataArray,
    qaly_gain: xr.DataArray,
    gain: xr.DataArray,
) -> xr.Dataset:
    """What over-use and under-use lose, over the dims of ``untested``.

    Parameters
    ----------
    untested : DataArray
        (draw, …) eligible persons without the new strategy.
    outside : DataArray
        (draw, …) persons tested outside the eligible population.
    test_cost, qaly_gain, gain : DataArray
        (draw,): SEK per test; QALYs and net monetary benefit (SEK) of the new strategy per eligible patient. Where the new strategy
        is not worth it on average, leaving it out loses nothing: the sign is kept.

    Returns
    -------
    Dataset
        ``over_use`` (SEK), ``under_use_qaly`` (QALY) and ``under_use`` (SEK of net benefit forgone).
    """
    return xr.Dataset(
        {
            "over_use": outside * test_cost,
            "under_use_qaly": untested * qaly_gain,
            "under_use": untested * gain,
        }
    )
