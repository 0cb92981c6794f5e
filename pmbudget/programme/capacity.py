"""Limits of supply, month by month: who is served, who waits, who leaves the queue, and what one more unit would be worth."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import xarray as xr

MONTHS = 12
NOTHING_BINDS = -1
"""In ``bound``: the month in which everyone who wanted the test was served."""


def staff(
    initial: Any, *, attrition: Any, ordered: xr.DataArray, lag: Any = 0.0, ordered_before: Any = 0.0
) -> xr.DataArray:
    """Supply at the start of each month: K(t + 1) = (1 - attrition) K(t) + hired(t - lag).

    Parameters
    ----------
    initial : float or DataArray
        Supply in the first month, in any unit.
    attrition : float or DataArray
        Share that leaves in a year; (1 - a)^(1/12) stays each month.
    ordered : DataArray
        (…, month): decided on in each month (a post advertised, a trainee begun), in the unit of ``initial``.
    lag : float or DataArray
        Months from decision to work, rounded to whole ones; 0 works from the month after.
    ordered_before : float or DataArray
        Decided on in each month before the first, still on its way.

    Returns
    -------
    DataArray
        (…, month), as many months as ``ordered`` has.

    Raises
    ------
    ValueError
        An attrition outside 0-1 or a lag below 0.

    Examples
    --------
    >>> ordered = xr.DataArray([12.0, 0.0, 0.0, 0.0], dims="month")
    >>> staff(100.0, attrition=0.0, ordered=ordered, lag=1).to_numpy().tolist()
    [100.0, 100.0, 112.0, 112.0]
    """
    parts = [xr.DataArray(each) for each in (initial, attrition, lag, ordered_before)]
    for name, part, high in (("attrition", parts[1], 1.0), ("lag", parts[2], np.inf)):
        if float(part.min()) < 0 or float(part.max()) > high:
            raise ValueError(f"{name} = {float(part.min()):.3g} to {float(part.max()):.3g} must lie in 0 to {high:g}")
    *parts, ordered = xr.broadcast(*parts, ordered)
    first, leaving, wait, before = (part.isel(month=0, drop=True) for part in parts)
    decided = ordered.transpose(..., "month").to_numpy()
    month = np.arange(decided.shape[-1])
    source = month - np.rint(wait.to_numpy())[..., None].astype(int)
    taken = np.take_along_axis(decided, np.clip(source, 0, None), axis=-1)
    hired = np.where(source >= 0, taken, before.to_numpy()[..., None])
    stays = (1 - leaving.to_numpy()) ** (1 / MONTHS)
    supply = np.empty_like(hired)
    now = first.to_numpy() + 0.0
    for t in month:
        supply[..., t] = now
        now = stays * now + hired[..., t]
    return ordered.transpose(..., "month").copy(data=supply)


def queue(
    demand: xr.DataArray,
    limits: Mapping[str, xr.DataArray],
    *,
    hazard: Any,
    share_lost: Any = 0.0,
    laboratory: xr.DataArray | None = None,
    shared: Collection[str] = (),
) -> xr.Dataset:
    """Serve what the tightest limit lets through; the rest waits, and leaves at a constant hazard.

    x(t) = min(D(t) + B(t), K_1(t), K_2(t), …); delta = 1 - exp(-h); B(t + 1) = (1 - delta)(B(t) + D(t) - x(t)). Of those who leave a
    share is lost (no treatment), the rest is treated without the test's answer. A limit that regions share is rationed in proportion to
    what each would use of it.

    Parameters
    ----------
    demand : DataArray
        (…, region, month): persons who newly want the test.
    limits : mapping of str to DataArray
        By name, persons a month whom each could serve (any of the dims of ``demand``, or more); infinite where it does not bind.
    hazard : float or DataArray
        Of leaving the queue, per month.
    share_lost : float or DataArray
        Of those who leave, the share who are lost and not treated otherwise.
    laboratory : DataArray, optional
        (region,): which laboratory serves each region; needed where a limit is shared.
    shared : collection of str
        The limits that belong to the laboratory and are added up over its regions.

    Returns
    -------
    Dataset
        (…, region, month): ``started``, ``lost``, ``moved`` (left, treated by the comparator), ``waiting`` (at the month's end), persons;
        started + lost + moved + waiting = demand + waiting of the month before. ``bound``: which limit held back, as its place in
        ``limits``, or -1.

    Raises
    ------
    ValueError
        A negative limit or hazard, a shared limit without a laboratory, or one that is not among the limits.
    """
    if unknown := sorted(set(shared) - set(limits)):
        raise ValueError(f"shared limits {unknown} are not among {sorted(limits)}; correct the names")
    if shared and laboratory is None:
        raise ValueError(f"{', '.join(shared)} are shared and no laboratory is given; give one for each region")
    if float(xr.DataArray(hazard).min()) < 0:
        raise ValueError(f"hazard = {float(xr.DataArray(hazard).min()):.3g} must be 0 or more")
    low = {name: float(limit.min(skipna=False)) for name, limit in limits.items()}
    if below := [f"{name} = {value:.3g}" for name, value in low.items() if not value >= 0]:
        raise ValueError(f"limits must be 0 or more, and {', '.join(below)}")
    regions = demand["region"].to_numpy()
    given = (demand, *limits.values(), xr.DataArray(hazard), xr.DataArray(share_lost))
    alike = [part.reindex(region=regions) if "region" in part.dims else part for part in given]
    # Months and regions first, so that each step works on draws that lie together.
    parts = [part.transpose("month", "region", ...) for part in xr.broadcast(*alike)]
    wanted, *ceilings, leaving, lost_of_left = (part.to_numpy().reshape(*part.shape[:2], -1) for part in parts)
    delta = -np.expm1(-leaving[0])
    names = list(limits)
    # Local limits first: what a region cannot use of a shared one is left to the others.
    order = sorted(range(len(names)), key=lambda place: names[place] in shared)
    pooled = [name in shared for name in names]
    hosts = regions if laboratory is None else laboratory.sel(region=regions).to_numpy()
    host = np.unique(hosts, return_inverse=True)[1]
    rooms = [
        _added_up(ceiling, host, axis=1) if together else ceiling
        for ceiling, together in zip(ceilings, pooled, strict=True)
    ]
    started, left, waiting = (np.empty(wanted.shape) for _ in range(3))
    bound = np.full(wanted.shape, NOTHING_BINDS, np.int8)
    backlog = np.zeros(wanted.shape[1:])
    for t in range(len(wanted)):
        want = backlog + wanted[t]
        served = want
        for place in order:
            room = rooms[place][t]
            if pooled[place]:
                total = _added_up(served, host, axis=0)
                over = total > room
                tight = over[host] & (served > 0)
                served = served * np.where(over, room / np.where(over, total, 1.0), 1.0)[host]
            else:
                tight = served > room
                served = np.minimum(served, room)
            bound[t][tight] = place
        gone = delta * (want - served)
        backlog = want - served - gone
        started[t], left[t], waiting[t] = served, gone, backlog
    lost = left * lost_of_left
    variables = {"started": started, "lost": lost, "moved": left - lost, "waiting": waiting, "bound": bound}
    found = {name: parts[0].copy(deep=False, data=value.reshape(parts[0].shape)) for name, value in variables.items()}
    return xr.Dataset(found).transpose(..., "region", "month")


def _added_up(values: np.ndarray, host: np.ndarray, axis: int) -> np.ndarray:
    """Sums over the regions of each laboratory, in the same order whatever the number of draws."""
    groups = [np.flatnonzero(host == number) for number in range(host.max() + 1)]
    return np.stack([values.take(rows, axis).sum(axis) for rows in groups], axis)


def by_year(monthly: xr.Dataset, years: list[int], names: Collection[str]) -> xr.Dataset:
    """A queue by calendar year.

    Parameters
    ----------
    monthly : Dataset
        Of :func:`queue`, twelve months for each of ``years``.
    years : list of int
    names : collection of str
        Of the limits, in the order given to :func:`queue`.

    Returns
    -------
    Dataset
        (…, region, year): ``started``, ``lost``, ``moved`` over the year, ``waiting`` at its end, persons; ``months_waited``,
        person-months (those who leave within a month counted half of it); ``bound`` (limit, …, region, year): share of the months in
        which each limit held back.
    """
    if monthly.sizes["month"] != MONTHS * len(years):
        raise ValueError(f"{monthly.sizes['month']} months are not {len(years)} years of {MONTHS}")

    def folded(values: xr.DataArray) -> xr.DataArray:
        rows = values.transpose("month", ...)
        coords = {name: coord for name, coord in rows.coords.items() if "month" not in coord.dims}
        data = rows.to_numpy().reshape(len(years), MONTHS, *rows.shape[1:])
        return xr.DataArray(data, dims=("year", "month", *rows.dims[1:]), coords={**coords, "year": years})

    yearly = {name: folded(monthly[name]).sum("month") for name in ("started", "lost", "moved")}
    waiting = folded(monthly["waiting"])
    yearly["waiting"] = waiting.isel(month=-1)
    yearly["months_waited"] = waiting.sum("month") + (yearly["lost"] + yearly["moved"]) / 2
    binding = folded(monthly["bound"])
    shares = [(binding == place).mean("month").astype(np.float32) for place in range(len(names))]
    yearly["bound"] = xr.concat(shares, dim="limit").assign_coords(limit=list(names))
    yearly = {
        name: values.transpose("limit", ..., "region", "year", missing_dims="ignore") for name, values in yearly.items()
    }
    return xr.Dataset(yearly)


def shadow_prices(
    demand: xr.DataArray,
    limits: Mapping[str, xr.DataArray],
    one_more: Mapping[str, xr.DataArray],
    *,
    value: Any = 1.0,
    **terms: Any,
) -> xr.DataArray:
    """What one more unit of each limit brings, with the others as they are.

    Parameters
    ----------
    demand, limits
        As :func:`queue`.
    one_more : mapping of str to DataArray
        By limit, the persons a month (…, region, month) that one more unit of it could serve; infinite to lift the limit.
    value : float or DataArray
        What a person served is worth more than one who is not, such as the incremental net monetary benefit (SEK); 1 counts persons.
    **terms
        ``hazard``, ``share_lost``, ``laboratory``, ``shared`` of :func:`queue`.

    Returns
    -------
    DataArray
        (limit, …) in units of ``value`` over all regions and months; 0 or more where ``value`` is.
    """
    now = queue(demand, limits, **terms)["started"]
    prices = []
    for name, more in one_more.items():
        then = queue(demand, {**limits, name: limits[name] + more}, **terms)["started"]
        prices.append(((then - now) * value).sum(["region", "month"]))
    return xr.concat(prices, dim="limit").assign_coords(limit=list(one_more))
