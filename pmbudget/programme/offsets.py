"""What is used less: how much of it becomes money, and how much is only capacity set free."""

import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.patient.costing import Draws
from pmbudget.vocabulary import matched


def cashable_share(draws: Draws, case: Case, by_resource: xr.DataArray) -> xr.DataArray:
    """Share of what is used less of each resource of ``by_resource`` that can be saved in money ([draw,] resource)."""
    names = [str(name) for name in by_resource["resource"].to_numpy()]
    named = [case.resources[name].cashable for name in names]
    shares = [xr.DataArray(draws[one] if one else 1.0) for one in named]
    return xr.concat(xr.broadcast(*shares), dim="resource").assign_coords(resource=names).transpose(..., "resource")


def offsets(change: xr.DataArray, cashable: xr.DataArray) -> xr.Dataset:
    """A change in resource cost split into what is spent, what can be saved in money and what is only capacity set free.

    Parameters
    ----------
    change : DataArray
        (…, resource), SEK; below 0 is less.
    cashable : DataArray
        (…, resource): share of what is used less that can be saved.

    Returns
    -------
    Dataset
        ``spent`` (0 or more), ``saved`` (0 or less), ``freed`` (0 or less); they sum to ``change``.
    """
    change, cashable = matched(change=change, cashable=cashable)
    less = change.clip(max=0)
    return xr.Dataset({"spent": change.clip(min=0), "saved": less * cashable, "freed": less * (1 - cashable)})
