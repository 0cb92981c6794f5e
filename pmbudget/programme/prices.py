"""Prices over the years, in real terms: a world trend, Swedish learning, wages."""

import numpy as np
import xarray as xr

from pmbudget.inputs.programmes import PriceChange
from pmbudget.patient.costing import Draws


def price_factor(
    draws: Draws,
    prices: PriceChange | None,
    tested: xr.DataArray,
    *,
    outcomes: xr.Dataset,
    years: list[int],
    price_year: int,
) -> xr.DataArray:
    """Prices relative to those of the price year (draw, mix, year, resource).

    Resources in ``prices.resources``: (1 + trend)^(t - price year) x (X_t / X0)^-learning, where X0 is ``years_before`` times the tests
    of the year before the first shown and X_t is X0 and all tests of the mix from then until the year before t, so that no price
    depends on what comes after it. A learning of b lowers the price by 1 - 2^-b for each doubling. Staff: (1 + wage growth)^(t - price
    year). All else, and all where
    there are no ``prices``: 1.

    Parameters
    ----------
    tested : DataArray
        (draw, mix, year): the nation's tests of the new strategy; holds the year before the first of ``years``.
    outcomes : Dataset
        Its coordinates on ``resource`` say what each is; those outside the budget are left out.

    Raises
    ------
    ValueError
        A year that ``tested`` lacks, or a resource of ``prices`` that no outcome is of.
    """
    kinds = outcomes["kind"].isel(resource=outcomes["in_budget"].to_numpy())
    if prices is None:
        ones = np.ones((tested.sizes["draw"], tested.sizes["mix"], len(years), kinds.size))
        coords = {"mix": tested["mix"], "year": years, "resource": kinds["resource"].to_numpy()}
        return xr.DataArray(ones, dims=("draw", "mix", "year", "resource"), coords=coords)
    if lacking := sorted({years[0] - 1, *years} - set(tested["year"].to_numpy().tolist())):
        raise ValueError(f"tested lacks year {', '.join(map(str, lacking))}; give every year shown and the one before")
    named = [str(name) for name in outcomes["resource"].to_numpy()]
    if strange := [name for name in prices.resources if name not in named]:
        raise ValueError(
            f"prices has resource {', '.join(strange)}, which outcomes lacks; use some of {', '.join(named)}"
        )
    time = xr.DataArray(np.array(years) - price_year, dims="year", coords={"year": years}).clip(min=0)
    today = tested.sel(year=years[0] - 1, drop=True)
    before = draws[prices.years_before] * today
    made = tested.sel(year=years).cumsum("year") - tested.sel(year=years)
    # Where nobody is tested today there is no volume to learn from: the ratio is 1.
    volume = xr.where(before > 0, (before + made) / before.where(before > 0, 1.0), 1.0)
    laboratory = (1 + draws[prices.trend]) ** time * volume ** -draws[prices.learning]
    wages = (1 + draws[prices.wage_growth]) ** time
    learns = xr.DataArray(
        np.isin(kinds["resource"].to_numpy(), prices.resources), coords={"resource": kinds["resource"]}
    )
    staff = kinds == "staff"
    factor = xr.where(learns, laboratory, xr.where(staff, wages, 1.0))
    return factor.transpose("draw", "mix", "year", "resource")
