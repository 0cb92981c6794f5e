"""Is it worth it, by draws: how probable, and what a wrong choice costs, at any number of thresholds.

Net benefit is linear in the threshold, so in each draw a strategy is best over one interval of thresholds. The ends of the intervals
are sorted once and summed up, which takes neither a loop over thresholds nor an array of draw x strategy x threshold.
"""

from typing import Any

import numpy as np
import xarray as xr

from pmbudget.appraisal.arrays import Threshold, by_strategy, over_thresholds, thresholds


def ceac(cost: Any, qaly: Any, wtp: Threshold) -> xr.DataArray:
    """The share of draws in which each strategy has the highest net monetary benefit (strategy[, wtp]).

    A draw in which several are best is shared between them.

    Parameters
    ----------
    cost, qaly : DataArray or array
        (draw, strategy), SEK and QALYs per patient.
    wtp : number or array
        SEK per QALY.
    """
    cost, qaly = by_strategy(cost, qaly)
    share, _, _ = _best(cost, qaly, thresholds(wtp))
    return over_thresholds(wtp, share, cost["strategy"])


def ceaf(cost: Any, qaly: Any, wtp: Threshold) -> xr.Dataset:
    """The strategy with the highest expected net benefit, and the probability that it is the best one, over ``wtp``.

    The frontier is not the highest of the curves of :func:`ceac`: the strategy that is best on average need not be the one that is
    best most often. Of several with equal expectation the least costly is chosen.

    Parameters
    ----------
    cost, qaly : DataArray or array
        (draw, strategy), SEK and QALYs per patient.
    wtp : number or array
        SEK per QALY.

    Returns
    -------
    Dataset
        ``optimal`` (the strategy's label) and ``probability``, each ([wtp]).
    """
    cost, qaly = by_strategy(cost, qaly)
    at = thresholds(wtp)
    share, _, _ = _best(cost, qaly, at)
    expected = _expected(cost, qaly, at)
    order = np.argsort(_mean(cost), kind="stable")
    best = order[expected[order].argmax(axis=0)]
    return xr.Dataset(
        {
            "optimal": over_thresholds(wtp, cost["strategy"].to_numpy()[best]),
            "probability": over_thresholds(wtp, share[best, np.arange(at.size)]),
        }
    )


def expected_loss(cost: Any, qaly: Any, wtp: Threshold) -> xr.DataArray:
    """What choosing a strategy now costs on average, E[max NB] - E[NB] (strategy[, wtp]), SEK per patient.

    The least of them over strategies is the expected value of perfect information.

    Parameters
    ----------
    cost, qaly : DataArray or array
        (draw, strategy), SEK and QALYs per patient.
    wtp : number or array
        SEK per QALY.

    Examples
    --------
    >>> expected_loss([[0, 1], [0, 1]], [[0, 0], [0, 4]], wtp=1).to_numpy().tolist()
    [1.5, 0.5]
    """
    cost, qaly = by_strategy(cost, qaly)
    at = thresholds(wtp)
    _, qaly_of_best, cost_of_best = _best(cost, qaly, at)
    loss = (at * qaly_of_best.sum(axis=0) - cost_of_best.sum(axis=0)) - _expected(cost, qaly, at)
    return over_thresholds(wtp, loss.clip(min=0), cost["strategy"])


def _mean(values: xr.DataArray) -> np.ndarray:
    return values.transpose("strategy", "draw").to_numpy().mean(axis=1)


def _expected(cost: xr.DataArray, qaly: xr.DataArray, at: np.ndarray) -> np.ndarray:
    return _mean(qaly)[:, None] * at - _mean(cost)[:, None]


def _best(cost: xr.DataArray, qaly: xr.DataArray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means over draws of 1, QALYs and cost where each strategy is best (strategy, threshold)."""
    if "draw" not in cost.dims:
        raise ValueError("cost and qaly have no dim draw; a probability needs draws of both")
    c, q = (np.ascontiguousarray(values.transpose("strategy", "draw"), float) for values in (cost, qaly))
    grid, where = np.unique(at, return_inverse=True)
    lower, upper, twins = _intervals(c, q)
    first, last = np.searchsorted(grid, lower, "right"), np.searchsorted(grid, upper, "left")
    sums = np.zeros((3, len(c), grid.size))
    for s in range(len(c)):
        inside = last[s] > first[s]
        for total, value in zip(sums, (1.0, q[s], c[s]), strict=True):
            credit = (value / twins[s])[inside]
            begun, ended = (np.bincount(place[s][inside], credit, grid.size + 1) for place in (first, last))
            total[s] = (begun - ended).cumsum()[:-1]
    _share_ties(sums, c, q, grid, lower, upper)
    shares, qalys, costs = sums[:, :, where] / c.shape[1]
    return shares, qalys, costs


def _intervals(c: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thresholds between which each strategy is best in each draw (strategy, draw), and how many strategies equal it in all."""
    lower, upper, twins = np.full(c.shape, -np.inf), np.full(c.shape, np.inf), np.ones(c.shape)
    for i in range(len(c)):
        for j in range(i):
            more, dearer = q[i] - q[j], c[i] - c[j]
            meet = np.divide(dearer, more, out=np.zeros_like(more), where=more != 0)
            for one, sign in ((i, 1), (j, -1)):
                np.maximum(lower[one], meet, out=lower[one], where=sign * more > 0)
                np.minimum(upper[one], meet, out=upper[one], where=sign * more < 0)
                lower[one][(more == 0) & (sign * dearer > 0)] = np.inf
                twins[one] += (more == 0) & (dearer == 0)
    return lower, upper, twins


def _share_ties(
    sums: np.ndarray, c: np.ndarray, q: np.ndarray, grid: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> None:
    """Where a threshold is exactly the end of an interval several strategies are best, and the draw is shared between them."""
    ends = np.stack([lower, upper])
    place = np.searchsorted(grid, ends, "left").clip(max=grid.size - 1)
    _, _, draws = on_grid = np.nonzero((lower <= upper) & (grid[place] == ends))
    draws, places = np.unique(np.stack([draws, place[on_grid]]), axis=1)
    best = (lower[:, draws] <= grid[places]) & (grid[places] <= upper[:, draws])
    credit = best / best.sum(axis=0)
    for total, value in zip(sums, (1.0, q[:, draws], c[:, draws]), strict=True):
        for s, part in enumerate(credit * value):
            total[s] += np.bincount(places, part, grid.size)
