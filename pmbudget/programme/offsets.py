"""What is used less: how much of it becomes money, and how much is only capacity set free."""

import numpy as np
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


def set_free(cost: xr.DataArray, cashable: xr.DataArray) -> xr.DataArray:
    """The capacity that is set free without a saving in money; cost less it is what is paid.

    freed = (1 - cashable) x min(0, cost - cost at today's use), by region, year and resource.

    Parameters
    ----------
    cost : DataArray
        (draw, mix, region, year, resource), SEK; the mix ``today`` is what the others are held against.
    cashable : DataArray
        ([draw,] resource): share of what is used less that can be saved in money.

    Returns
    -------
    DataArray
        (draw, mix, region, year, resource), SEK, 0 or less, of resources that are not wholly cashable.
    """
    cost, cashable = matched(cost=cost, cashable=cashable)
    cost = cost.transpose("draw", "mix", "region", "year", "resource")
    kept = (cashable.min("draw") if "draw" in cashable.dims else cashable) < 1
    chosen = np.flatnonzero(kept.to_numpy())
    part = cost.isel(resource=chosen)
    values = part.to_numpy().copy()
    values -= values[:, [list(cost["mix"].to_numpy()).index("today")]]
    np.minimum(values, 0.0, out=values)
    share = 1 - np.atleast_2d(cashable.transpose(..., "resource").to_numpy())[:, chosen]
    values *= share[:, None, None, None]
    return part.copy(data=values).reset_coords(drop=True)


def offsets(change: xr.DataArray, freed: xr.DataArray) -> xr.Dataset:
    """A change in cash cost split into what is spent more and what is saved, with the capacity set free beside it.

    Parameters
    ----------
    change : DataArray
        (…, resource), SEK of cash; below 0 is less.
    freed : DataArray
        (…, resource), SEK, 0 or less, for some of the resources.

    Returns
    -------
    Dataset
        ``spent`` (0 or more) and ``saved`` (0 or less), which sum to ``change``, and ``freed`` (0 or less), which is no money.

    Raises
    ------
    ValueError
        Something is set free of a resource that ``change`` does not have.
    """
    if astray := sorted(set(map(str, freed["resource"].to_numpy())) - set(map(str, change["resource"].to_numpy()))):
        raise ValueError(
            f"freed has resource {', '.join(astray)}, which change lacks; give the change of every resource"
        )
    beside = freed.reindex(resource=change["resource"].to_numpy(), fill_value=0.0)
    return xr.Dataset({"spent": change.clip(min=0), "saved": change.clip(max=0), "freed": beside})
