"""What would a study be worth: expected value of sample information, in three ways that can be held against each other.

Chapters use the regression alone: the other two ways are what it is held against.
"""

from typing import Any, Literal

import numpy as np
import xarray as xr

from pmbudget.appraisal.cea import Threshold
from pmbudget.appraisal.splines import spline_columns
from pmbudget.appraisal.voi import conditionals, set_of, strategy_rows, worth_of
from pmbudget.evidence.studies import Study

Method = Literal["regression", "importance", "moment_matching"]
DATA_SETS = 1000
"""Simulated data sets of importance sampling."""
NESTED = 50
"""Data sets over which moment matching averages the variance that is left."""
FEWEST_EFFECTIVE = 20
"""Draws that a posterior must effectively rest on, in the middle data set."""


def evsi(
    cost: Any,
    qaly: Any,
    parameters: xr.DataArray,
    study: Study,
    *,
    wtp: Threshold,
    n: int | list[int],
    method: Method = "regression",
    rng: np.random.Generator,
) -> xr.DataArray:
    """Expected value of sample information per decision, E max_s E[NB_s | data] - max_s E NB_s.

    Parameters
    ----------
    cost, qaly : DataArray or array_like
        (draw, strategy), SEK and QALY.
    parameters : DataArray
        (draw, parameter) with the names that the study uses.
    study : Study
        From :mod:`pmbudget.evidence.studies`.
    wtp : float or 1-D array
        SEK per QALY.
    n : int or list of int
        Participants, in each arm where there are two.
    method : {"regression", "importance", "moment_matching"}
        Net benefit regressed on the data's summary (Strong et al. 2015, Medical Decision Making 35:570); draws weighted by the likelihood
        of simulated data (Menzies 2016, 36:308); the conditional expectation shrunk by the variance that data leave (Heath, Manolopoulou
        and Baio 2018, 38:163). The last two go by the regression on the study's parameters.
    rng : numpy.random.Generator

    Returns
    -------
    DataArray
        (n[, wtp]), SEK per decision; the coordinate ``se`` holds standard errors.

    Raises
    ------
    ValueError
        Unknown parameters, too few draws, or for the last two methods data so sharp that too few draws agree with them.
    """
    costs, effects, labelled = strategy_rows(cost, qaly)
    values = study_values(parameters, study, labelled)
    sizes = [int(size) for size in np.atleast_1d(n)]
    if min(sizes) < 1:
        raise ValueError(f"n = {min(sizes)} must be 1 or more")
    if method not in ("regression", "importance", "moment_matching"):
        raise ValueError(f"method = {method!r} is unknown; use 'regression', 'importance' or 'moment_matching'")
    thresholds = np.atleast_1d(np.asarray(wtp, float))
    found = np.empty((len(sizes), len(thresholds), 2))
    known = set_of(np.column_stack(list(values.values())), labelled)
    for place, size in enumerate(sizes):
        data = study.simulate(values, size, rng)
        if method == "regression":
            summary = varied(study.summary(data, size))
            if not summary.shape[1]:
                found[place] = 0.0
                continue
            parts = [worth_of(*block) for block in conditionals(costs, effects, summary, wtp, "spline")]
            found[place] = np.hstack(parts).T
            continue
        for column, threshold in enumerate(thresholds):
            ((increments, fit),) = conditionals(costs, effects, known, threshold, "spline")
            gains, error = fit.fitted.T, float(worth_of(increments, fit)[1][0])
            if method == "importance":
                worth, own = _by_importance(study, values, size, data[rng.permutation(len(data))], gains)
            else:
                worth, own = _by_moments(study, values, size, data, gains)
            found[place, column] = worth, np.hypot(own, error)
    array = xr.DataArray(
        found[..., 0],
        dims=("n", "wtp"),
        coords={"n": sizes, "wtp": thresholds, "se": (("n", "wtp"), found[..., 1])},
    )
    return array.isel(wtp=0, drop=True) if np.ndim(wtp) == 0 else array


def expected_after(benefit: np.ndarray, summary: np.ndarray) -> np.ndarray:
    """Expected net benefit of one strategy over another (draw) once data with that summary are there, by regression.

    Parameters
    ----------
    benefit : ndarray
        Incremental net benefit (draw,).
    summary : ndarray
        (draw, statistic): what would be reported if each draw were the truth.
    """
    y, summary = benefit[:, None], varied(summary)
    if not summary.shape[1]:
        return np.full_like(benefit, benefit.mean())
    expected: np.ndarray = spline_columns(summary, y).project(y)(np.eye(1)).fitted[0]
    return expected


def varied(summary: np.ndarray) -> np.ndarray:
    """The statistics that are not the same whatever is true; a study in which nothing can happen has none."""
    return summary[:, np.ptp(summary, axis=0) > 0]


def study_values(parameters: xr.DataArray, study: Study, of: xr.DataArray) -> dict[str, np.ndarray]:
    """The drawn values of the parameters that a study tells of, in the draws of the cost ``of`` which they are."""
    if not isinstance(parameters, xr.DataArray) or "parameter" not in parameters.coords:
        raise ValueError("parameters has no names; give a DataArray (draw, parameter) with the coordinate parameter")
    names = [str(name) for name in parameters["parameter"].to_numpy()]
    if missing := [name for name in study.parameters if name not in names]:
        raise ValueError(
            f"the study tells of {', '.join(missing)}, which is not among the {len(names)} parameters given; "
            "add its draws, or name another"
        )
    values = set_of(parameters, of)
    return {name: values[:, names.index(name)] for name in study.parameters}


def _weights(study: Study, values: dict[str, np.ndarray], n: int, data: np.ndarray) -> np.ndarray:
    """Posterior weight of each draw given each data set (data set, draw)."""
    logged = study.log_likelihood(data, values, n)
    weights = np.exp(logged - logged.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    effective = float(np.median(1 / (weights**2).sum(axis=1)))
    if effective < FEWEST_EFFECTIVE:
        raise ValueError(
            f"n = {n}: the data are so sharp that a posterior rests on {effective:.0f} of {weights.shape[1]} draws; "
            "give more draws, a smaller n, or method='regression'"
        )
    return weights


def _by_importance(
    study: Study, values: dict[str, np.ndarray], n: int, data: np.ndarray, gains: np.ndarray
) -> tuple[float, float]:
    some = np.array_split(data[:DATA_SETS], 10)
    expected = np.vstack([_weights(study, values, n, part) @ gains for part in some])
    # Posterior means average to the prior mean; what the sampled data sets miss of that is taken out.
    expected += gains.mean(axis=0) - expected.mean(axis=0)
    best = np.maximum(expected.max(axis=1), 0.0)
    return float(best.mean()), float(best.std() / np.sqrt(len(best)))


def _by_moments(
    study: Study, values: dict[str, np.ndarray], n: int, data: np.ndarray, gains: np.ndarray
) -> tuple[float, float]:
    # Data sets spread evenly over what the parameters do to net benefit.
    spread = np.argsort(gains[:, 0])[((np.arange(NESTED) + 0.5) / NESTED * len(gains)).astype(int)]
    weights = _weights(study, values, n, data[spread])
    means = weights @ gains
    left = np.einsum("qd,di,dj->qij", weights, gains, gains) - means[:, :, None] * means[:, None, :]
    prior = np.atleast_2d(np.cov(gains.T))
    error = left.std(axis=0) / np.sqrt(NESTED)
    worth = _rescaled(gains, prior, prior - left.mean(axis=0))
    return worth, abs(_rescaled(gains, prior, prior - left.mean(axis=0) + error) - worth)


def _rescaled(gains: np.ndarray, prior: np.ndarray, learnt: np.ndarray) -> float:
    """E max of conditional expectations with the variance that is learnt instead of all there is to learn, and 0."""
    scaled = (gains - gains.mean(axis=0)) @ _root(prior, -0.5) @ _root(learnt, 0.5) + gains.mean(axis=0)
    return float(np.maximum(scaled.max(axis=1), 0.0).mean())


def _root(matrix: np.ndarray, power: float) -> np.ndarray:
    sizes, directions = np.linalg.eigh((matrix + matrix.T) / 2)
    kept = sizes > 1e-12 * max(float(sizes[-1]), 1e-300)
    scaled = np.where(kept, np.where(kept, sizes, 1.0) ** power, 0.0)
    found: np.ndarray = (directions * scaled) @ directions.T
    return found
