"""What would it be worth to know: everything (EVPI), or one set of parameters (EVPPI)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.arrays import Threshold, by_strategy
from pmbudget.appraisal.gaussian import gaussian_process
from pmbudget.appraisal.smoothing import Conditional, draws_needed, lack_of_fit
from pmbudget.appraisal.splines import spline_columns
from pmbudget.vocabulary import matched

Method = Literal["spline", "gp"]
ERROR_CELLS = 100_000
"""Draws x increments that standard errors are counted over: all draws of one threshold, every few where thresholds are many."""
AT_ONCE = 64
"""Thresholds worked on together, so that draw x strategy x threshold never stands in memory."""


def evpi(cost: Any, qaly: Any, wtp: Threshold) -> float | xr.DataArray:
    """Expected value of perfect information per decision, E max_s NB_s - max_s E NB_s.

    Parameters
    ----------
    cost, qaly : DataArray or array_like
        (draw, strategy), SEK and QALY.
    wtp : float or 1-D array
        SEK per QALY.

    Returns
    -------
    float or DataArray
        SEK; over ``wtp`` where that is an array. In each draw a strategy is best over one interval of thresholds (the upper envelope of
        its lines), so that no threshold is walked over the draws.

    Examples
    --------
    >>> evpi([[0, 10], [0, 30]], [[0, 1], [0, 1]], 25)
    2.5
    """
    costs, effects, _ = strategy_rows(cost, qaly)
    thresholds = np.atleast_1d(np.asarray(wtp, float))
    order = np.argsort(thresholds)
    rising = thresholds[order]
    costs, effects = costs - costs[0], effects - effects[0]
    best = np.zeros(len(rising))
    for strategy in range(len(costs)):
        begin, end = (np.searchsorted(rising, edge) for edge in _reign(costs, effects, strategy))
        for values, sign in ((effects[strategy], rising), (costs[strategy], -1.0)):
            steps = np.bincount(begin, values, len(rising) + 1) - np.bincount(end, values, len(rising) + 1)
            best += sign * np.cumsum(steps)[:-1]
    now = (rising[:, None] * effects.mean(axis=1) - costs.mean(axis=1)).max(axis=1)
    found = np.empty(len(rising))
    found[order] = np.maximum(best / costs.shape[1] - now, 0.0)
    return _over(wtp, found)


def _reign(costs: np.ndarray, effects: np.ndarray, strategy: int) -> tuple[np.ndarray, np.ndarray]:
    """From and to which threshold a strategy is best in each draw; nowhere where the end is not above the beginning."""
    low, high = np.full(costs.shape[1], -np.inf), np.full(costs.shape[1], np.inf)
    for other in range(len(costs)):
        if other == strategy:
            continue
        dearer, better = costs[strategy] - costs[other], effects[strategy] - effects[other]
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = dearer / better
        low = np.where(better > 0, np.maximum(low, crossing), low)
        high = np.where(better < 0, np.minimum(high, crossing), high)
        beaten = (better == 0) & ((dearer > 0) | ((dearer == 0) & (other < strategy)))
        high = np.where(beaten, -np.inf, high)
    return low, np.maximum(low, high)


def evppi(cost: Any, qaly: Any, parameters: Any, *, wtp: Threshold, method: Method = "spline") -> pd.DataFrame:
    """Expected value of perfect information on one set of parameters, E max_s E[NB_s | set] - max_s E NB_s.

    The inner expectation by regression of net benefit on the set (Strong, Oakley and Brennan 2014, Medical Decision Making 34:311), each
    strategy against the one that is best on average.

    Parameters
    ----------
    cost, qaly : DataArray or array_like
        (draw, strategy), SEK and QALY.
    parameters : DataArray, Dataset or array_like
        (draw, parameter), or (draw) for one; of a Dataset what :func:`parameter_table` finds. A parameter of few values is taken as
        classes.
    wtp : float or 1-D array
        SEK per QALY.
    method : {"spline", "gp"}
        Penalised splines with interactions in pairs, or a Gaussian process (slow, for few thresholds).

    Returns
    -------
    DataFrame
        One row per threshold: wtp, evppi, se; SEK per decision. The standard error holds the uncertainty of the regression and of the
        draws; with several strategies their regressions' errors are added as if they moved together.

    Raises
    ------
    ValueError
        Too few draws for the set (the message says how many), or a parameter that is the same in every draw.
    """
    costs, effects, labelled = strategy_rows(cost, qaly)
    values = set_of(parameters, labelled)
    blocks = [
        (increments.thresholds, *worth_of(increments, fit))
        for increments, fit in conditionals(costs, effects, values, wtp, method)
    ]
    columns = (np.concatenate(part) for part in zip(*blocks, strict=True))
    return pd.DataFrame(dict(zip(("wtp", "evppi", "se"), columns, strict=True)))


def evppi_by_parameter(cost: Any, qaly: Any, parameters: Any, *, wtp: float, method: Method = "spline") -> pd.DataFrame:
    """:func:`evppi` of every parameter by itself, most valuable first.

    Parameters
    ----------
    parameters : DataArray or Dataset
        (draw, parameter); of a Dataset what :func:`parameter_table` finds.

    Returns
    -------
    DataFrame
        Index parameter; columns evppi and se, SEK per decision at the one threshold.
    """
    table = parameter_table(parameters) if isinstance(parameters, xr.Dataset) else parameters
    return evppi_by_group(
        cost, qaly, table, {str(name): [str(name)] for name in table["parameter"].to_numpy()}, wtp=wtp, method=method
    ).rename_axis("parameter")


def evppi_by_group(
    cost: Any,
    qaly: Any,
    parameters: xr.DataArray,
    groups: Mapping[str, Sequence[str]],
    *,
    wtp: float,
    method: Method = "spline",
) -> pd.DataFrame:
    """:func:`evppi` of named sets of parameters, most valuable first: index group; columns evppi and se, SEK per decision."""
    known = [str(name) for name in parameters["parameter"].to_numpy()]
    costs, effects, labelled = strategy_rows(cost, qaly)
    whole = set_of(parameters, labelled)
    rows = {}
    for group, names in groups.items():
        if missing := [name for name in names if name not in known]:
            raise ValueError(f"group {group!r} names {', '.join(missing)}, which the table of parameters does not have")
        chosen = whole[:, [known.index(name) for name in names]]
        ((increments, fit),) = conditionals(costs, effects, chosen, float(wtp), method)
        rows[group] = [float(part[0]) for part in worth_of(increments, fit)]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["evppi", "se"])
    return frame.rename_axis("group").sort_values("evppi", ascending=False)


def fit_check(cost: Any, qaly: Any, parameters: Any, *, wtp: float, method: Method = "spline") -> pd.DataFrame:
    """Whether the regression behind an :func:`evppi` holds.

    Returns
    -------
    DataFrame
        Index: number of the strategy that is compared with the best on average. ``explained`` the share of variance that the set explains;
        ``degrees`` the effective number of columns; ``left`` the share of the residuals' variance that the set could still explain and
        ``p_lack_of_fit`` the probability of as much if the fit were right. Much left at a probability near 0: the set's value is
        understated, and ``method="gp"`` or a smaller set is to be tried.
    """
    costs, effects, labelled = strategy_rows(cost, qaly)
    values = set_of(parameters, labelled)
    ((increments, fit),) = conditionals(costs, effects, values, float(wtp), method)
    rows = {}
    for output, strategy in enumerate(increments.compared[0]):
        gain = increments.measures @ increments.mixture[:, output]
        residuals = gain - fit.fitted[output]
        left, probability = lack_of_fit(values, residuals)
        rows[strategy] = {
            "explained": float(1 - residuals.var() / gain.var()) if gain.var() else float("nan"),
            "degrees": float(fit.degrees[output]),
            "left": left,
            "p_lack_of_fit": probability,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("strategy")


def parameter_table(draws: xr.Dataset, leave_out: Sequence[str] = ()) -> xr.DataArray:
    """The parameters that a decision for the average patient can learn about, as (draw, parameter).

    One value per draw and not the same in all: what is drawn region by region differs between patients and has no single value to learn.
    """
    names = [
        str(name)
        for name, values in draws.data_vars.items()
        if values.dims == ("draw",) and name not in leave_out and np.ptp(values.to_numpy()) > 0
    ]
    return xr.DataArray(
        np.column_stack([draws[name].to_numpy() for name in names]) if names else np.empty((draws.sizes["draw"], 0)),
        dims=("draw", "parameter"),
        coords={"parameter": names, **{dim: draws[dim] for dim in ("draw",) if dim in draws.coords}},
    )


@dataclass(frozen=True)
class Increments:
    """Net benefit of each strategy against the one that is best on average, at some thresholds.

    ``measures`` (draw, 2 x strategy) holds QALYs and then costs; ``mixture`` (2 x strategy, threshold x compared strategy) makes the
    increments from them; ``best`` (threshold) and ``compared`` (threshold, strategy - 1) say which strategies these are.
    """

    thresholds: np.ndarray
    measures: np.ndarray
    mixture: np.ndarray
    best: np.ndarray
    compared: np.ndarray


def increments_of(costs: np.ndarray, effects: np.ndarray, thresholds: np.ndarray) -> Increments:
    """The increments at each threshold; ``costs`` and ``effects`` (strategy, draw)."""
    number = len(costs)
    best = (thresholds[:, None] * effects.mean(axis=1) - costs.mean(axis=1)).argmax(axis=1)
    compared = np.array([[strategy for strategy in range(number) if strategy != base] for base in best])
    unit = np.eye(number)
    contrast = unit[compared.ravel()] - unit[np.repeat(best, number - 1)]
    mixture = np.hstack([contrast * np.repeat(thresholds, number - 1)[:, None], -contrast]).T
    return Increments(thresholds, np.vstack([effects, costs]).T, mixture, best, compared)


def conditionals(
    costs: np.ndarray, effects: np.ndarray, values: np.ndarray, wtp: Threshold, method: Method
) -> Iterator[tuple[Increments, Conditional]]:
    """Block by block of thresholds, the increments and their expectation given ``values`` (draw, parameter)."""
    if method not in ("spline", "gp"):
        raise ValueError(f"method = {method!r} is unknown; use 'spline' or 'gp'")
    thresholds = np.atleast_1d(np.asarray(wtp, float))
    if method == "gp":
        for threshold in thresholds:
            increments = increments_of(costs, effects, np.array([threshold]))
            yield increments, gaussian_process(values, increments.measures @ increments.mixture)
        return
    whole = increments_of(costs, effects, thresholds)
    middle = increments_of(costs, effects, thresholds[[len(thresholds) // 2]])
    projected = spline_columns(values, middle.measures @ middle.mixture).project(whole.measures)
    columns = projected.columns.design.shape[1]
    at_once = AT_ONCE if projected.gram is None else max(1, AT_ONCE * 100 // columns)
    for begin in range(0, len(thresholds), at_once):
        increments = increments_of(costs, effects, thresholds[begin : begin + at_once])
        yield increments, projected(increments.mixture)


def worth_of(increments: Increments, fit: Conditional) -> tuple[np.ndarray, np.ndarray]:
    """E max of the conditional increments and 0 (the best on average, whose expectation is the benchmark), and its standard error.

    The error is by the delta method: how the estimate moves with the coefficients, through the draws in which each strategy wins, and how
    it varies from draw to draw.
    """
    gains = fit.fitted
    n = gains.shape[1]
    some = slice(None, None, max(1, min(n // 1000, gains.size // ERROR_CELLS)))
    residuals = increments.mixture.T @ increments.measures[some].T - gains[:, some]
    gains = gains.reshape(len(increments.thresholds), -1, n)
    best = np.maximum(gains.max(axis=1), 0.0) if gains.shape[1] > 1 else np.maximum(gains[:, 0], 0.0)
    wins = (gains[:, :, some] >= best[:, None, some]) & (gains[:, :, some] > 0)
    errors = fit.spread(wins.reshape(residuals.shape).astype(float), some, residuals)
    together = errors.reshape(gains.shape[:2]).sum(axis=1)
    return best.mean(axis=1), np.hypot(together, best[:, some].std(axis=1) / np.sqrt(n))


def strategy_rows(cost: Any, qaly: Any) -> tuple[np.ndarray, np.ndarray, xr.DataArray]:
    """Cost and QALY as (strategy, draw) arrays in one order of strategies and draws, and the first as it was labelled."""
    costs, effects = by_strategy(cost, qaly)
    if min(costs.sizes.get(dim, 0) for dim in ("draw", "strategy")) < 2:
        raise ValueError(f"cost has {dict(costs.sizes)}; give two or more draws of two or more strategies")
    first, second = (np.ascontiguousarray(each.transpose("strategy", "draw"), float) for each in (costs, effects))
    return first, second, costs


def set_of(parameters: Any, of: xr.DataArray) -> np.ndarray:
    """A set of parameters as (draw, parameter), finite and in the draws of the cost ``of`` which it is."""
    draws = of.sizes["draw"]
    if isinstance(parameters, xr.Dataset):
        parameters = parameter_table(parameters)
    if isinstance(parameters, xr.DataArray):
        if unknown := set(parameters.dims) - {"draw", "parameter"}:
            raise ValueError(f"parameters has the dims {', '.join(map(str, unknown))}; give it over draw and parameter")
        if parameters.sizes.get("draw", draws) == draws:
            _, parameters = matched(cost=of, parameters=parameters)
        parameters = parameters.transpose("draw", ...).to_numpy()
    values = np.asarray(parameters, float)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(f"parameters has the shape {values.shape}; give (draw, parameter) with one parameter or more")
    if len(values) != draws:
        raise ValueError(f"parameters has {len(values)} draws and cost {draws}; give the same draws of both")
    if not np.isfinite(values).all():
        raise ValueError("a parameter is missing or infinite in some draw; mend it or leave it out")
    return values


def _over(wtp: Threshold, found: np.ndarray) -> Any:
    if np.ndim(wtp) == 0:
        return float(found[0])
    values = np.asarray(wtp, float)
    return xr.DataArray(found, dims="wtp", coords={"wtp": values})


__all__ = ["draws_needed", "evpi", "evppi", "evppi_by_group", "evppi_by_parameter", "fit_check", "parameter_table"]
