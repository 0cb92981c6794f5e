"""Tests outside the eligible population, ordered at diagnosis or over-use; under-use inside it; and what either loses."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.inputs.programmes import Eligible, Uptake
from pmbudget.patient.costing import Draws
from pmbudget.programme.population import expected_eligible


def reflexed(
    draws: Draws, funnel: Eligible, regions: pd.DataFrame, years: list[int], first: int | None = None
) -> xr.DataArray:
    """Persons tested at diagnosis who prove not fit for treatment, for each of the eligible (…, region, year).

    (1 - fit) / fit x tested for each of the newly eligible. Those of the prevalent pool, which opens in the year ``first`` if one is given,
    bring none: they have proved fit already. 0 where nobody is eligible, and for a funnel without ``reflex``.
    """
    everyone = expected_eligible(draws, funnel, regions, years, first)
    if funnel.reflex is None:
        return xr.zeros_like(everyone)
    fit, tested = draws[funnel.reflex.fit], draws[funnel.reflex.tested]
    newly = expected_eligible(draws, funnel, regions, years) / everyone
    return (newly * (1 - fit) / fit * tested).where(everyone > 0, 0.0)


def persons_beyond(begun: xr.DataArray, reflexed: xr.DataArray, outside: xr.DataArray) -> xr.DataArray:
    """Persons tested who are not eligible, by the strategy that they are tested with (draw, mix, fate, region, year).

    With the diagnosis they are tested as the eligible of their region and mix are; over-use is of the broad strategies.

    Parameters
    ----------
    begun : DataArray
        (draw, mix, fate, region, year): the eligible.
    reflexed : DataArray
        (draw, region, year): of :func:`reflexed`.
    outside : DataArray
        (draw, mix, fate, region, year): of :func:`starts_outside`, of the broad strategies.
    """
    over = outside.reindex(fate=begun["fate"].to_numpy(), fill_value=0.0)
    return (begun * reflexed + over).transpose(*begun.dims)


def starts_outside(draws: Draws, uptake: Uptake, regions: pd.DataFrame, tested: xr.DataArray) -> xr.DataArray:
    """Tests outside the eligible population (over the dims of ``tested``), persons: cost, and no health.

    ``outside`` for each test inside it, times exp(``outside_deviation``) in each region: where a test is in use it also spreads beyond
    those it is meant for.

    Parameters
    ----------
    tested : DataArray
        (draw, mix, …, region, year): those of the eligible who are broadly tested.
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
