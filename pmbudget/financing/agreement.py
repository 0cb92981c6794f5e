"""Sharing clauses: each takes the cost and the balance so far and returns transfers that sum to zero."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.inputs.agreements import NationalSplit, Taper
from pmbudget.vocabulary import NATIONAL


@dataclass(frozen=True)
class Terms:
    """What clauses may refer to: when the agreement starts, and the regions."""

    start: int
    regions: pd.DataFrame


def _taper(clause: Taper, cost: xr.DataArray, balance: xr.DataArray, terms: Terms) -> xr.DataArray:
    """alpha_t x covered cost moves to the payer, alpha_t = share x max(0, 1 - (t - start) / years), from start on."""
    since = cost["year"] - terms.start
    share = (clause.share * (1 - since / clause.years).clip(min=0)).where(since >= 0, 0.0)
    covered = cost.sel(kind=[kind for kind in cost["kind"].to_numpy() if clause.covers in ("all", kind)]).sum(
        "kind", skipna=False
    )
    relief = -share * covered
    paid = -relief.sum("payer") * (relief["payer"] == clause.payer)
    return relief + paid


def _national_split(clause: NationalSplit, cost: xr.DataArray, balance: xr.DataArray, terms: Terms) -> xr.DataArray:
    """What stands in region "00" with others than the state moves to each region's purchaser by its weight."""
    open_balance = balance.sel(region=NATIONAL, drop=True) * (balance["payer"] != "state")
    column = terms.regions[clause.by]
    weight = xr.DataArray(column / column.sum(), dims="region", coords={"region": terms.regions.index.to_numpy()})
    weight = weight.reindex(region=balance["region"].to_numpy(), fill_value=0.0)
    received = open_balance.sum("payer") * weight * (balance["payer"] == "region")
    return received - open_balance * (balance["region"] == NATIONAL)


TRANSFERS: Mapping[type, Callable[..., xr.DataArray]] = {Taper: _taper, NationalSplit: _national_split}


def transfer(clause: Taper | NationalSplit, cost: xr.DataArray, balance: xr.DataArray, terms: Terms) -> xr.DataArray:
    """The transfers of one clause.

    Parameters
    ----------
    cost : DataArray
        (draw, region, year, payer, kind): resource cost as it fell, ``kind`` transition or patient.
    balance : DataArray
        (draw, region, year, payer): after the clauses before this one.

    Returns
    -------
    DataArray
        (draw, region, year, payer), SEK; positive is paid. Sums to 0 over region and payer in every draw and year.
    """
    return TRANSFERS[type(clause)](clause, cost, balance, terms).transpose(*balance.dims)


def largest_imbalance(ledger: xr.DataArray) -> float:
    """The largest sum of a transfer over region and payer, relative to the resource cost of its own draw, mix and year."""
    total = ledger.sum(["region", "payer"], skipna=False)
    scale = np.abs(total.sel(entry="resource_cost", drop=True)).clip(min=1.0)
    transfers = np.abs(total.drop_sel(entry="resource_cost")) / scale
    return float(transfers.max()) if transfers.size else 0.0
