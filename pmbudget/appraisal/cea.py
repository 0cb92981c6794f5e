"""Is it worth it, by means: incremental analysis, net benefit, the highest price.

``net_health_benefit`` and ``efficiency_frontier`` are for analyses of one's own: no chapter calls them.
"""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.arrays import Threshold, by_strategy, thresholds
from pmbudget.appraisal.ranking import ERRORS, simulation_error
from pmbudget.vocabulary import CREDIBLE_INTERVAL, matched

SAME = 1e-12
"""Costs or effects that differ by less than this, relative to their size, are equal: the rest is rounding and no ground for a ratio."""
SIZE = (1e6, 1.0)
"""Of which size a patient's cost (SEK) and QALYs are, so that a millionth of a krona or of a millionth of a QALY is rounding."""


def ratio(cost: float, effect: float, *, size: tuple[float, float] = SIZE) -> tuple[str, float]:
    """What an incremental cost and effect amount to, and their ratio where it means something: never a negative one.

    Parameters
    ----------
    cost, effect : float
        Means of the new strategy less the comparator: SEK, and QALYs, tests or whatever is bought.
    size : tuple
        The size of the costs and effects of which these are differences; a difference below 1e-12 of it is rounding.

    Returns
    -------
    tuple
        The verdict and cost / effect, NaN where no ratio is meant. ``icer``: more effect at a higher cost. ``dominant``: more effect at
        no higher cost, or the same at a lower. ``dominated``: less effect at no lower cost, or the same at a higher. ``southwest``: less
        effect at a lower cost, the ratio being what is saved for each unit lost. ``equal``: the same in both.

    Raises
    ------
    ValueError
        Either is no number.

    Examples
    --------
    >>> ratio(100, 2), ratio(-100, 0), ratio(-100, -2)
    (('icer', 50.0), ('dominant', nan), ('southwest', 50.0))
    """
    if not (np.isfinite(cost) and np.isfinite(effect)):
        raise ValueError(
            f"cost = {cost:g} and effect = {effect:g} must be numbers; look for what they are computed from"
        )
    signs = tuple(int(np.sign(x)) if abs(x) > SAME * of else 0 for x, of in zip((cost, effect), size, strict=True))
    if signs in ((1, 1), (-1, -1)):
        return ("icer" if signs == (1, 1) else "southwest"), cost / effect
    if signs == (0, 0):
        return "equal", np.nan
    return ("dominant" if signs[0] <= 0 <= signs[1] else "dominated"), np.nan


def _threshold(wtp: Threshold) -> Any:
    values = thresholds(wtp)
    return float(values[0]) if np.ndim(wtp) == 0 else xr.DataArray(values, dims="wtp", coords={"wtp": values})


def net_monetary_benefit(cost: xr.DataArray, qaly: xr.DataArray, wtp: Threshold) -> xr.DataArray:
    """Wtp x QALY - cost, over the dims of both and ``wtp`` when that is an array. SEK.

    Raises
    ------
    ValueError
        A label that one has and the other lacks, or a negative threshold.
    """
    cost, qaly = matched(cost=cost, qaly=qaly)
    return qaly * _threshold(wtp) - cost


def net_health_benefit(cost: xr.DataArray, qaly: xr.DataArray, wtp: Threshold) -> xr.DataArray:
    """QALY - cost / wtp, over the dims of both and ``wtp`` when that is an array: health gained less health displaced. QALY.

    Raises
    ------
    ValueError
        A threshold is 0, at which no health is displaced, or a label that one has and the other lacks.
    """
    cost, qaly = matched(cost=cost, qaly=qaly)
    if not (thresholds(wtp) > 0).all():
        raise ValueError(f"wtp = {wtp} must be above 0 for a net health benefit; use net_monetary_benefit")
    return qaly - cost / _threshold(wtp)


def icer_table(cost: Any, qaly: Any) -> pd.DataFrame:
    """Incremental cost-effectiveness of strategies, each against the next less costly one that is not dominated.

    A strategy is dominated where another costs no more and gives no less, and extendedly dominated where some mixture of two others
    does; one on the straight line between two others is counted there, since no threshold prefers it alone. Of two that are equal in
    both, one stands for both and the other is dominated.

    Parameters
    ----------
    cost, qaly : DataArray or array
        (draw, strategy) or (strategy); means over ``draw`` are compared, so that an ICER is a ratio of means.

    Returns
    -------
    DataFrame
        Index ``strategy`` in order of cost; columns cost, qaly, incremental_cost, incremental_qaly, icer and status ("reference",
        "undominated", "dominated", "extendedly dominated"). The incremental columns are NaN for the reference and for dominated rows.

    Examples
    --------
    >>> names = {"strategy": ["a", "b", "c"]}
    >>> table = icer_table(xr.DataArray([0.0, 10.0, 12.0], names), xr.DataArray([1.0, 3.0, 2.0], names))
    >>> table["status"].tolist(), float(table.loc["b", "icer"])
    (['reference', 'undominated', 'dominated'], 5.0)
    """
    means = {
        name: values.mean("draw") if "draw" in values.dims else values
        for name, values in zip(("cost", "qaly"), by_strategy(cost, qaly), strict=True)
    }
    frame = pd.DataFrame({name: values.to_series() for name, values in means.items()})
    frame.index.name = "strategy"
    frame = frame.sort_values(["cost", "qaly"], ascending=[True, False], kind="stable")
    size = float(frame.cost.abs().max()), float(frame.qaly.abs().max())

    def step(first: Any, second: Any) -> tuple[str, float]:
        return ratio(*(frame.loc[second] - frame.loc[first])[["cost", "qaly"]], size=size)

    frontier: list[Any] = []
    status = dict.fromkeys(frame.index, "dominated")
    for name in frame.index:
        # Of two whose costs differ by rounding alone the second may be the better.
        while frontier and step(frontier[-1], name)[0] == "dominant":
            frontier.pop()
        if frontier and step(frontier[-1], name)[0] != "icer":
            continue
        while len(frontier) > 1 and step(frontier[-2], frontier[-1])[1] >= step(frontier[-1], name)[1]:
            status[frontier.pop()] = "extendedly dominated"
        frontier.append(name)
    for name in frontier:
        status[name] = "undominated"
    status[frontier[0]] = "reference"
    increments = frame.loc[frontier, ["cost", "qaly"]].diff()
    frame["incremental_cost"], frame["incremental_qaly"] = increments["cost"], increments["qaly"]
    frame["icer"] = frame["incremental_cost"] / frame["incremental_qaly"]
    frame["status"] = pd.Series(status)
    return frame


def surely_dominated(cost: xr.DataArray, qaly: xr.DataArray) -> dict[str, bool]:
    """Of each strategy that :func:`icer_table` holds dominated, extendedly or not, whether the draws tell so.

    Dominated: some other strategy costs no more and gives no less, with what differs beyond two simulation errors of the paired
    difference. Extendedly dominated: it costs more than the mixture of its neighbours on the frontier that gives as much, beyond two
    errors of cost - ratio x QALYs against that mixture.

    Parameters
    ----------
    cost, qaly : DataArray
        (draw, strategy), SEK and QALYs per patient.
    """
    frame = icer_table(cost, qaly)
    of = {str(name): (cost.sel(strategy=name).to_numpy(), qaly.sel(strategy=name).to_numpy()) for name in frame.index}
    line = frame[frame["status"].isin(["reference", "undominated"])]
    found = {}
    for name, (c, q) in of.items():
        if frame.loc[name, "status"] == "dominated":
            others = [(c - c2, q2 - q) for other, (c2, q2) in of.items() if other != name]
            found[name] = any(_no_less(worse) and _no_less(better) for worse, better in others)
        elif frame.loc[name, "status"] == "extendedly dominated":
            high = line.index[line["qaly"] > frame.loc[name, "qaly"]][0]
            low = line.index[line["qaly"] <= frame.loc[name, "qaly"]][-1]
            part = (frame.loc[name, "qaly"] - line.loc[low, "qaly"]) / line.loc[high, "incremental_qaly"]
            mixed = [(1 - part) * first + part * second for first, second in zip(of[low], of[high], strict=True)]
            beyond = c - mixed[0] - line.loc[high, "icer"] * (q - mixed[1])
            found[name] = bool(beyond.mean() > ERRORS * simulation_error(beyond))
    return found


def _no_less(difference: np.ndarray) -> bool:
    """Whether a difference is surely above 0, or 0 in every draw."""
    return bool(difference.mean() > ERRORS * simulation_error(difference)) or not difference.any()


def efficiency_frontier(cost: Any, qaly: Any) -> pd.DataFrame:
    """The rows of :func:`icer_table` that some threshold prefers, in order of cost: their ratios rise."""
    table = icer_table(cost, qaly)
    return table[table["status"].isin(["reference", "undominated"])]


def credible_ellipse(
    cost: xr.DataArray, qaly: xr.DataArray, *, level: float = CREDIBLE_INTERVAL, points: int = 181
) -> np.ndarray:
    """Ellipse around the mean, in the shape of the draws' covariance, that holds ``level`` of the draws.

    Parameters
    ----------
    cost, qaly : DataArray
        Incremental cost and QALYs (draw).

    Returns
    -------
    array
        (2, point): QALYs, cost; a closed line. Its radius is a quantile of the draws' Mahalanobis distances, whose square tends to
        -2 ln(1 - level) where the draws are normal. Draws on a line, or all equal, give a line or a point.
    """
    cost, qaly = matched(cost=cost, qaly=qaly)
    both = np.stack([np.asarray(qaly, float), np.asarray(cost, float)])
    middle, spread = both.mean(axis=1, keepdims=True), both.std(axis=1, keepdims=True)
    scale = np.where(spread > 0, spread, 1.0)
    values, axes = np.linalg.eigh(np.cov((both - middle) / scale, bias=True))
    half = np.sqrt(np.where(values > SAME, values, 0.0))[:, None]
    standard = axes.T @ ((both - middle) / scale)
    radius = np.quantile(np.hypot(*np.divide(standard, half, out=np.zeros_like(standard), where=half > 0)), level)
    angle = np.linspace(0, 2 * np.pi, points)
    circle = radius * np.stack([np.cos(angle), np.sin(angle)])
    return middle + scale * (axes @ (half * circle))


def price_threshold(benefit: xr.DataArray, price: Any, quantity: Any, probability: float | list[float]) -> xr.DataArray:
    """The highest price at which the new strategy is cost-effective with each probability.

    Net benefit is linear in a price: INMB(p) = benefit - quantity x (p - price). So each draw has its own break-even price,
    price + benefit / quantity, and the answer is a quantile of those, without simulating anew.

    Parameters
    ----------
    benefit : DataArray
        Incremental net monetary benefit at ``price`` (draw[, wtp]), SEK.
    price : number or DataArray
        What is paid now ([draw]), SEK.
    quantity : number or DataArray
        How much more of it the new strategy uses ([draw]), above 0.
    probability : number or list
        Between 0 and 1.

    Returns
    -------
    DataArray
        SEK ([probability][, wtp]); below 0 where it would not be cost-effective even for free.

    Raises
    ------
    ValueError
        A probability is not above 0 and below 1, the new strategy uses no more of what is priced in some draw, or labels that differ.
    """
    benefit, price, quantity = matched(benefit=benefit, price=price, quantity=quantity)
    wanted = np.atleast_1d(np.asarray(probability, float))
    if not ((wanted > 0) & (wanted < 1)).all():
        raise ValueError(f"probability = {probability} must lie between 0 and 1")
    if not (np.asarray(quantity, float) > 0).all():
        raise ValueError("quantity is not above 0 in every draw: the price does not lower the benefit there")
    even = np.sort((price + benefit / quantity).transpose("draw", ...), axis=0)
    draws = even.shape[0]
    # The last of the sorted prices that still leaves the wanted share of draws at or above it.
    places = np.clip(np.floor(draws - draws * wanted + 1e-9).astype(int), 0, draws - 1)
    others = {dim: benefit.coords[dim] for dim in benefit.dims if dim != "draw"}
    found = xr.DataArray(even[places], dims=("probability", *others), coords={"probability": wanted, **others})
    return found.isel(probability=0, drop=True) if np.ndim(probability) == 0 else found
