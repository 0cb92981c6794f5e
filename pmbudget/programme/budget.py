"""From patients who start to resource cost by calendar year: the same cost curve that cost-effectiveness sums, convolved with starts."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from pmbudget.vocabulary import NATIONAL, matched

TOGETHER = 50
"""Draws convolved in one go."""


def budget_impact(
    outcomes: xr.Dataset,
    starts: xr.DataArray,
    transition_cost: xr.DataArray | Sequence[xr.DataArray] | None = None,
    *,
    mid_year: float | None = None,
    price_factor: xr.DataArray | None = None,
    room_for: xr.DataArray | None = None,
) -> xr.DataArray:
    """Resource cost of each mix, undiscounted, by calendar year.

    level(t) = sum over a, s of starts(t - a, s) x cost(s, a) + transition(t).

    Parameters
    ----------
    outcomes : Dataset
        ``cost`` (draw, strategy, year_since_start, resource) and ``cost_once`` (draw, strategy, resource; none if left out), SEK per
        patient; and ``position`` (as ``cost``), where in its year since start a flow falls on average, as from
        :func:`pmbudget.patient.simulate` or :func:`pmbudget.patient.yearly`.
    starts : DataArray
        (draw, mix, strategy, region, year), persons; may begin before the first year shown, for those under treatment already.
    transition_cost : DataArray or sequence of them, optional
        (draw, mix, region, year, resource), SEK at its own prices; the years of the first are the years shown. Without one all years of
        ``starts`` are shown. What is of the same region and resource, among them or in ``outcomes``, is added up.
    mid_year : float, optional
        Share of the flow of year-since-start a that falls in calendar year t + a + 1 for those who start in t. Left out, it is the
        ``position`` of each flow (0.5 without one): who starts at u of a year, evenly between 0 and 1, has a flow at position x in the
        next calendar year where u + x is 1 or more, which is the share x. 0 where all start on the first day. ``cost_once`` falls
        wholly in the year of the start.
    price_factor : DataArray, optional
        Over any of (draw, mix, year, resource): prices of the calendar year relative to those in ``outcomes``.
    room_for : DataArray, optional
        What will be added later (see :func:`add`): its resources have a column too, 0 so far.

    Returns
    -------
    DataArray
        (draw, mix, region, year, resource), SEK; ``unit`` and ``kind`` are coordinates on resource, region includes "00" when
        ``transition_cost`` does. Resources with ``in_budget`` false are left out.

    Raises
    ------
    ValueError
        ``mid_year`` outside 0-1; a strategy, draw, mix, year or resource that one has and another lacks; a region of
        ``transition_cost`` that is neither one of ``starts`` nor "00". What is in another order is aligned.
    """
    if mid_year is not None and not 0 <= mid_year <= 1:
        raise ValueError(f"mid_year = {mid_year} must lie between 0 and 1")
    outcomes, starts = matched(outcomes=outcomes, starts=starts)
    if "in_budget" in outcomes.coords:
        outcomes = outcomes.isel(resource=outcomes["in_budget"].to_numpy())
    beside = [transition_cost] if isinstance(transition_cost, xr.DataArray) else list(transition_cost or ())
    years = (beside[0] if beside else starts)["year"].to_numpy()
    level = _labels(outcomes, starts, years)
    beside = [_beside(level, part) for part in beside]
    also = [*([] if room_for is None else [room_for]), *beside]
    # Room for everything is made at once: what is large is written once and added to in place.
    regions, resources = (_union(dim, [*also, level]) for dim in ("region", "resource"))
    prices = None if price_factor is None else _prices(level, price_factor, resources)
    whole = _convolved(outcomes, starts, years, mid_year, regions, resources, prices)
    coords = {dim: level[dim] for dim in ("draw", "mix", "year") if dim in level.coords}
    described = _described([*also, level], resources)
    found = xr.DataArray(whole, {**coords, "region": regions, "resource": resources, **described}, level.dims)
    for part in beside:
        add(found, part)
    return found


def add(cost: xr.DataArray, part: xr.DataArray) -> None:
    """Add in place what falls on some of the regions and resources of ``cost``; both (draw, mix, region, year, resource)."""
    rows = _places(list(cost["region"].to_numpy()), part["region"].to_numpy())
    columns = _places(list(cost["resource"].to_numpy()), part["resource"].to_numpy())
    whole, values = cost.to_numpy(), part.transpose(*cost.dims).to_numpy()
    if isinstance(rows, slice):
        whole[:, :, rows][..., columns] += values
    else:
        for row, region in enumerate(rows):
            whole[:, :, region][..., columns] += values[:, :, row]


def _labels(outcomes: xr.Dataset, starts: xr.DataArray, years: np.ndarray) -> xr.DataArray:
    """The budget's labels, without numbers."""
    coords = {name: coord for name, coord in outcomes["cost"].coords.items() if coord.dims == ("resource",)}
    coords |= {"mix": starts["mix"], "region": starts["region"], "year": years}
    sizes = (*(starts.sizes[dim] for dim in ("draw", "mix", "region")), len(years), outcomes.sizes["resource"])
    return xr.DataArray(np.broadcast_to(0.0, sizes), coords, ("draw", "mix", "region", "year", "resource"))


def _beside(level: xr.DataArray, part: xr.DataArray) -> xr.DataArray:
    """What falls beside the patients, in the budget's order of draws, mixes and years; regions and resources may be others."""
    known = [*level["region"].to_numpy(), NATIONAL]
    if strange := [str(label) for label in part["region"].to_numpy() if label not in known]:
        raise ValueError(
            f"transition_cost has region {', '.join(strange)}, which starts lacks; give one of {', '.join(map(str, known))}"
        )
    _, aligned = matched(**{"the budget": level.isel(region=0, resource=0, drop=True), "transition_cost": part})
    return aligned.transpose(*level.dims)


def _prices(level: xr.DataArray, factor: xr.DataArray, resources: list[str]) -> np.ndarray:
    """Relative prices (draw, mix, 1, year, resource) of all resources, 1 of those without patients."""
    _, factor = matched(**{"the budget": level, "price_factor": factor})
    whole = np.ones((*(level.sizes[dim] for dim in ("draw", "mix")), 1, level.sizes["year"], len(resources)))
    order = [dim for dim in level.dims if dim in factor.dims]
    spread = factor.transpose(*order).broadcast_like(level.isel(region=0, drop=True)).transpose(..., "resource")
    whole[:, :, 0][..., _places(resources, level["resource"].to_numpy())] = spread.to_numpy()
    return whole


def _union(dim: str, parts: Sequence[xr.DataArray]) -> list[str]:
    return list(dict.fromkeys(label for part in parts for label in part[dim].to_numpy()))


def _places(names: list[str], wanted: np.ndarray) -> slice | list[int]:
    """Where ``wanted`` stands in ``names``: a slice if it stands there together and in order."""
    places = [names.index(label) for label in wanted]
    together = slice(places[0], places[0] + len(places)) if places else slice(0)
    return together if places == list(range(len(names)))[together] else places


def _described(parts: list[xr.DataArray], resources: list[str]) -> dict[str, tuple[str, list]]:
    """The coordinates on ``resource`` that all parts have."""
    shared = [name for name, one in parts[0].coords.items() if one.dims == ("resource",) and name != "resource"]
    described = {}
    for name in (name for name in shared if all(name in part.coords for part in parts)):
        known = {label: value for part in parts for label, value in part[name].to_series().items()}
        described[str(name)] = ("resource", [known[label] for label in resources])
    return described


def cost_by_start(
    outcomes: xr.Dataset,
    price_factor: xr.DataArray,
    rate: xr.DataArray,
    *,
    years: Sequence[int] | None = None,
    mid_year: float = 0.5,
) -> xr.DataArray:
    """Present value of a course at the prices that who starts in a year meets (draw, mix, strategy, year), SEK per patient.

    sum over a, q of cost(a, q) x [(1 - m) price(t + a, q) + m price(t + a + 1, q)] x (1 + rate)^-(a + 0.5), and what falls at the start at
    the price of t; after the last year of the prices they stay.

    Parameters
    ----------
    outcomes : Dataset
        ``cost`` (draw, strategy, year_since_start, resource) and ``cost_once`` (draw, strategy, resource; none if left out), SEK per
        patient.
    price_factor : DataArray
        Over any of (draw, mix, year, resource), years one after the other: prices relative to those in ``outcomes``; what it leaves out
        keeps its price.
    rate : DataArray
        Discount rate a year.
    years : sequence of int, optional
        The years of the start; all of ``price_factor`` if left out.
    mid_year : float
        m, as in :func:`budget_impact`: starts evenly over the year meet two years' prices half and half, at 0 those of one.

    Raises
    ------
    ValueError
        A year of the start that ``price_factor`` lacks, or a gap between its years; a resource of its own.
    """
    told = price_factor["year"].to_numpy()
    begun = np.asarray(told if years is None else list(years))
    if (np.diff(told) != 1).any() or not set(begun.tolist()) <= set(told.tolist()):
        raise ValueError(f"price_factor has year {', '.join(map(str, told))}; give each year of the start and after it")
    order = ("draw", "strategy", "year_since_start", "resource")
    resources = outcomes["resource"].to_numpy()
    if strange := [str(name) for name in price_factor["resource"].to_numpy() if name not in resources]:
        raise ValueError(f"price_factor has resource {', '.join(strange)}, which outcomes lacks")
    factor = price_factor.reindex(resource=resources, fill_value=1.0)
    factor = factor.expand_dims([dim for dim in ("draw", "mix") if dim not in factor.dims])
    factor = factor.transpose("draw", "mix", "year", "resource")
    present = (1 + rate) ** -(outcomes["year_since_start"] + 0.5)
    flows = (outcomes["cost"] * present).transpose(*order).to_numpy()
    once = np.zeros((*flows.shape[:2], flows.shape[3]))
    if "cost_once" in outcomes:
        once = outcomes["cost_once"].transpose("draw", "strategy", "resource").to_numpy()
    prices = factor.to_numpy()
    moves = (prices != 1).any(axis=(0, 1, 2))
    still = flows[..., ~moves].sum(axis=(2, 3)) + once[..., ~moves].sum(axis=2)
    first = np.searchsorted(told, begun)
    total = still[:, None, :, None] + once[:, None][..., moves] @ prices[:, :, first][..., moves].swapaxes(2, 3)
    runs = moves & (flows != 0).any(axis=(0, 1, 2))
    if runs.any():
        places = first[:, None] + np.arange(flows.shape[2])
        met = sum(
            weight * prices[..., runs][:, :, np.minimum(places + step, len(told) - 1)]
            for step, weight in ((0, 1 - mid_year), (1, mid_year))
            if weight
        )
        courses = flows[..., runs].reshape(*flows.shape[:2], -1)
        total = total + courses[:, None] @ np.reshape(met, (*np.shape(met)[:3], -1)).swapaxes(2, 3)
    coords = {"strategy": outcomes["strategy"], "year": begun}
    coords |= {dim: coord[dim] for coord in (factor, outcomes) for dim in ("draw", "mix") if dim in coord.coords}
    return xr.DataArray(total, coords, ("draw", "mix", "strategy", "year"))


def full_time_posts(minutes: xr.DataArray, productive_hours: xr.DataArray) -> xr.DataArray:
    """Full-time posts that ``minutes`` a year fill: minutes / (60 x productive hours a year)."""
    minutes, productive_hours = matched(minutes=minutes, productive_hours=productive_hours)
    return minutes / (60 * productive_hours)


def _convolved(
    outcomes: xr.Dataset,
    starts: xr.DataArray,
    years: np.ndarray,
    mid_year: float | None,
    regions: list[str],
    resources: list[str],
    prices: np.ndarray | None,
) -> np.ndarray:
    """The patients' cost (draw, mix, region, year, resource), 0 where a region or resource has no patients."""
    order = ("draw", "strategy", "year_since_start", "resource")
    flows = outcomes["cost"].transpose(*order).to_numpy()
    late: np.ndarray | float = 0.5 if mid_year is None else mid_year
    if mid_year is None and "position" in outcomes:
        late = outcomes["position"].transpose(*order).to_numpy()
    own = _places(resources, outcomes["resource"].to_numpy())
    # By calendar years since the year of the start; the last, empty place is where years outside the curve point.
    curve = np.zeros((*flows.shape[:2], flows.shape[2] + 2, len(resources)))
    curve[:, :, :-2, own] += (1 - late) * flows
    curve[:, :, 1:-1, own] += late * flows
    if "cost_once" in outcomes:
        curve[:, :, 0, own] += outcomes["cost_once"].transpose("draw", "strategy", "resource").to_numpy()
    begun = starts.transpose("draw", "mix", "region", "strategy", "year")
    elapsed = years[None, :] - begun["year"].to_numpy()[:, None]
    place = np.where((elapsed >= 0) & (elapsed < curve.shape[2] - 1), elapsed, curve.shape[2] - 1)
    draws, mixes, _, strategies, cohorts = begun.shape
    persons = np.zeros((draws, mixes, len(regions), strategies * cohorts))
    rows = _places(regions, begun["region"].to_numpy())
    persons[:, :, rows] = begun.to_numpy().reshape(draws, mixes, -1, strategies * cohorts)
    level = np.empty((draws, mixes, len(regions), len(years), len(resources)))
    # A few draws at a time: the curves laid out by cohort and year are larger than the budget itself.
    for first in range(0, draws, TOGETHER):
        some = slice(first, first + TOGETHER)
        here = len(level[some])
        kernel = curve[some][:, :, place].reshape(here, strategies * cohorts, len(years) * len(resources))
        cost = persons[some].reshape(here, -1, strategies * cohorts) @ kernel
        level[some] = cost.reshape(here, *level.shape[1:])
        if prices is not None:
            level[some] *= prices[some]
    return level
