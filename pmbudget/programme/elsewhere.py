"""What others than the region's own laboratory bear of testing: universities with research money, manufacturers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.inputs.programmes import BorneElsewhere
from pmbudget.patient.costing import Draws


def borne_elsewhere(
    draws: Draws,
    parts: Sequence[BorneElsewhere],
    regions: pd.DataFrame,
    *,
    laboratory: xr.DataArray,
    tested: xr.DataArray,
    held: xr.DataArray,
) -> xr.DataArray:
    """Cost moved from the laboratory to others (draw, mix, region, year, resource), SEK: negative on its resources, positive on theirs.

    Sums to 0 over ``resource`` in every draw, mix, region and year: cost is borne by another, not saved. In the mix ``today`` payers are
    held as they are; in the others a part ends where it states a year.

    Parameters
    ----------
    laboratory : DataArray
        (draw, mix, year, resource): SEK per test of the new strategy that the laboratory bears, at the year's prices.
    tested, held : DataArray
        (draw, mix, region, year) and (draw, region, year): persons tested, and those who would be at today's use.
    """
    laboratory = laboratory.reset_coords(drop=True)
    years, mixes = tested["year"], tested["mix"]
    university = xr.DataArray(
        (regions["university_hospital"] != "").to_numpy(), coords={"region": regions.index.to_numpy()}
    )
    moved, received = xr.zeros_like(tested), dict[str, xr.DataArray]()
    for part in parts:
        share = draws[part.share]
        if part.until is not None:
            share = share * ((years < draws[part.until]) | (mixes == "today"))
        if part.where == "university_hospital":
            share = share * university
        persons = np.minimum(held, tested) if part.of == "today" else tested
        amount = persons * share
        moved = moved + amount
        received[part.resource] = received.get(part.resource, 0.0) + amount * laboratory.sum("resource")  # type: ignore[assignment]
    if float((moved - tested).max()) > 1e-9 * float(tested.max()):
        raise ValueError(
            "more of the tests is borne elsewhere than there are tests; lower the shares of borne_elsewhere"
        )
    gained = xr.concat([*received.values()], dim="resource").assign_coords(resource=[*received])
    lost = -(moved * laboratory)
    order = ("draw", "mix", "region", "year", "resource")
    return xr.concat([lost.transpose(*order), gained.transpose(*order)], dim="resource")
