"""Double entry: cost falls on the unit that performs the work, transfers move it and sum to zero."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.financing.agreement import Terms, transfer
from pmbudget.inputs.agreements import NationalSplit, Taper
from pmbudget.vocabulary import PAYERS


def settle(
    resource_cost: xr.DataArray,
    agreement: Sequence[Taper | NationalSplit],
    *,
    regions: pd.DataFrame,
    start: int,
) -> xr.DataArray:
    """The ledger of a programme under an agreement.

    Parameters
    ----------
    resource_cost : DataArray
        (draw, mix, region, year, resource), SEK, with coordinates ``unit`` (who performs) and ``kind`` on resource.
    agreement : sequence of clauses
        In the order in which they settle; they concern the mix ``new`` alone. A taper is of the resource cost as it fell, a national
        split of what is left by then.
    regions : DataFrame
        As from ``load_regions``.
    start : int
        The agreement's first year.

    Returns
    -------
    DataArray
        (draw, mix, region, year, payer, entry), SEK, positive is a cost to the payer. Entries ``resource_cost`` and one per clause, which
        sums to 0 over region and payer in every draw, mix and year.

    Raises
    ------
    ValueError
        Two clauses of one name, or a unit that is no payer.
    """
    names = [clause.name for clause in agreement]
    if len(set(names)) < len(names):
        raise ValueError(f"clause names {names} must differ; rename one")
    posted = _posted(resource_cost, {clause.payer for clause in agreement if isinstance(clause, Taper)})
    entries = [posted.sum("kind", skipna=False)]
    terms = Terms(start, regions)
    balance = entries[0].sel(mix="new", drop=True)
    for clause in agreement:
        moved = transfer(clause, posted.sel(mix="new", drop=True), balance, terms)
        balance = balance + moved
        concerned = xr.DataArray(entries[0]["mix"] == "new", coords={"mix": entries[0]["mix"]})
        entries.append((moved * concerned).transpose(*entries[0].dims))
    return (
        xr.concat(entries, dim="entry").assign_coords(entry=["resource_cost", *names]).transpose(..., "payer", "entry")
    )


def _posted(resource_cost: xr.DataArray, further: set[str]) -> xr.DataArray:
    """Resource cost by payer and kind (transition or patient), for the payers that take part."""
    units, kinds = resource_cost["unit"].to_numpy(), resource_cost["kind"].to_numpy()
    if unknown := sorted(set(units) - set(PAYERS)):
        raise ValueError(f"{', '.join(unknown)} is no payer; use one of {', '.join(PAYERS)}")
    taking_part = [payer for payer in PAYERS if payer in {*units, *further, "state", "region"}]
    changes = kinds == "transition"
    belongs = [[(units == payer) & (changes == change) for change in (False, True)] for payer in taking_part]
    membership = xr.DataArray(
        np.array(belongs, float),
        dims=("payer", "kind", "resource"),
        coords={"payer": taking_part, "kind": ["patient", "transition"]},
    )
    bare = resource_cost.drop_vars(
        [name for name, coord in resource_cost.coords.items() if coord.dims == ("resource",)]
    )
    return xr.dot(bare, membership, dim="resource")


def net_budget_impact(ledger: xr.DataArray, *, reference: Literal["unplanned", "today"] = "unplanned") -> xr.DataArray:
    """New less the reference mix (draw, region, year, payer), all entries together, SEK, undiscounted.

    Against ``today`` it is what introduction costs, against ``unplanned`` what the agreement adds.
    """
    budget = ledger.sum("entry", skipna=False) if "entry" in ledger.dims else ledger
    return budget.sel(mix="new", drop=True) - budget.sel(mix=reference, drop=True)
