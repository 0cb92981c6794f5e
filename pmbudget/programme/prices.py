"""Prices over the years, in real terms: a world trend, Swedish learning, wages, and the paths of drugs."""

import numpy as np
import xarray as xr

from pmbudget.inputs.price_paths import PriceChange
from pmbudget.patient.costing import Draws


def price_factor(
    draws: Draws,
    prices: PriceChange | None,
    tested: xr.DataArray,
    *,
    outcomes: xr.Dataset,
    years: list[int],
    price_year: int,
    drugs: xr.DataArray | None = None,
) -> xr.DataArray:
    """Prices relative to those of the price year (draw, mix, year, resource).

    Resources in ``prices.resources``: (1 + trend)^(t - price year) x (X_t / X0)^-learning, where X0 is ``years_before`` times the tests
    of the year before the first shown and X_t is X0 and all tests of the mix from then until the year before t, so that no price
    depends on what comes after it. A learning of b lowers the price by 1 - 2^-b for each doubling. Staff: (1 + wage growth)^(t - price
    year). Drugs as given. All else, and all where there are no ``prices``: 1.

    Parameters
    ----------
    tested : DataArray
        (draw, mix, year): the nation's tests of the new strategy; holds the year before the first of ``years``.
    outcomes : Dataset
        Its coordinates on ``resource`` say what each is; those outside the budget are left out.
    years : list of int
        The years shown.
    drugs : DataArray, optional
        (draw, year, resource): relative prices of drugs, as from :func:`pmbudget.programme.drug_prices.drug_prices`. Its years are those
        shown and any number after them, in which the factor is told too: all but drugs stand still then.

    Raises
    ------
    ValueError
        A year that ``tested`` lacks, or a resource of ``prices`` that no outcome is of.
    """
    kinds = outcomes["kind"].isel(resource=outcomes["in_budget"].to_numpy())
    names = list(map(str, kinds["resource"].to_numpy()))
    if prices and (lacking := sorted({years[0] - 1, *years} - set(tested["year"].to_numpy().tolist()))):
        raise ValueError(f"tested lacks year {', '.join(map(str, lacking))}; give every year shown and the one before")
    known = [str(name) for name in outcomes["resource"].to_numpy()]
    if strange := [name for name in (prices.resources if prices else ()) if name not in known]:
        raise ValueError(
            f"prices has resource {', '.join(strange)}, which outcomes lacks; use some of {', '.join(known)}"
        )
    told = years if drugs is None else drugs["year"].to_numpy().tolist()
    whole = np.ones((tested.sizes["draw"], tested.sizes["mix"], len(told), len(names)))
    coords = {"mix": tested["mix"], "year": told, "resource": names}
    factor = xr.DataArray(whole, dims=("draw", "mix", "year", "resource"), coords=coords)
    held = np.minimum(np.arange(len(told)), len(years) - 1)
    if prices:
        staff = [name for name, kind in zip(names, kinds.to_numpy(), strict=True) if kind == "staff"]
        learning = [name for name in prices.resources if name in names]
        if prices.wage_growth and staff:
            growth = 1 + draws[prices.wage_growth]
            _set(factor, staff, growth ** _elapsed(years, price_year), held)
        if prices.resources and learning:
            _set(factor, learning, _laboratory(draws, prices, tested, years, price_year), held)
    if drugs is not None:
        paths = drugs.transpose("draw", "year", "resource").to_numpy()
        for place, name in enumerate(drugs["resource"].to_numpy()):
            whole[..., names.index(str(name))] = paths[:, None, :, place]
    return factor


def _set(factor: xr.DataArray, resources: list[str], path: xr.DataArray, held: np.ndarray) -> None:
    """Give resources a path over the years shown, its last value in the years after them."""
    later = path.isel(year=held).assign_coords(year=factor["year"])
    for name in resources:
        factor.loc[{"resource": name}] = later.broadcast_like(factor.isel(resource=0, drop=True))


def _elapsed(years: list[int], price_year: int) -> xr.DataArray:
    return xr.DataArray(np.array(years) - price_year, dims="year", coords={"year": years}).clip(min=0)


def _laboratory(
    draws: Draws, prices: PriceChange, tested: xr.DataArray, years: list[int], price_year: int
) -> xr.DataArray:
    """Trend and learning (draw, mix, year)."""
    today = tested.sel(year=years[0] - 1, drop=True)
    before = draws[str(prices.years_before)] * today
    made = tested.sel(year=years).cumsum("year") - tested.sel(year=years)
    # Where nobody is tested today there is no volume to learn from: the ratio is 1.
    volume = xr.where(before > 0, (before + made) / before.where(before > 0, 1.0), 1.0)
    trend = (1 + draws[str(prices.trend)]) ** _elapsed(years, price_year)
    return trend * volume ** -draws[str(prices.learning)]
