"""A Gaussian process on a set of parameters: slow beside the spline, for interactions that pairs do not catch.

No chapter calls it: it is what the spline is held against, by ``method="gp"``.
"""

import warnings
from typing import Any

import numpy as np

from pmbudget.appraisal.smoothing import Conditional, enough_draws, normal_scores

INDUCING = 300
"""Draws that span the Gaussian process, and that its length scales are fitted to."""


def gaussian_process(parameters: np.ndarray, y: np.ndarray) -> Conditional:
    """A Gaussian process with a length scale for each parameter, for each column of ``y`` (draw, output) by itself.

    Length scales and noise are fitted by marginal likelihood to at most 300 draws, which then span the process over all of them
    (subset of regressors).
    """
    n, number = parameters.shape
    enough_draws(n, number)
    scores = np.column_stack([normal_scores(parameters[:, place]) for place in range(number)])
    some = np.random.default_rng(0).permutation(n)[:INDUCING]
    parts = [_process(scores, some, y[:, [output]]) for output in range(y.shape[1])]
    edges = np.cumsum([0, *(part.design.shape[1] for part in parts)])
    coefficients = np.zeros((edges[-1], len(parts)))
    covariance = np.zeros((len(parts), edges[-1], edges[-1]))
    for output, part in enumerate(parts):
        own = slice(edges[output], edges[output + 1])
        coefficients[own, output] = part.coefficients[:, 0]
        covariance[output, own, own] = part.covariance[0]
    mean, noise, degrees = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("mean", "noise", "degrees")
    )
    return Conditional(np.hstack([part.design for part in parts]), coefficients, mean, covariance, noise, degrees)


def _process(scores: np.ndarray, some: np.ndarray, y: np.ndarray) -> Conditional:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    size = float(y.std()) or 1.0
    scaled = (y[some, 0] - y.mean()) / size
    number = scores.shape[1]
    shape: Any = ConstantKernel(1.0, (1e-4, 1e3)) * RBF(np.full(number, 2.0), (0.3, 1e3))
    regressor = GaussianProcessRegressor(shape + WhiteKernel(0.5, (1e-6, 1e1)))
    with warnings.catch_warnings():
        # A parameter that does not matter has a length scale at its upper bound, and should.
        warnings.simplefilter("ignore", ConvergenceWarning)
        regressor.fit(scores[some], scaled)
    known, noise = regressor.kernel_.k1, regressor.kernel_.k2.noise_level
    own = known(scores[some])
    size_of, direction = np.linalg.eigh(own)
    kept = size_of > 1e-8 * size_of[-1]
    columns = known(scores, scores[some]) @ (direction[:, kept] / np.sqrt(size_of[kept]))
    columns = columns - columns.mean(axis=0)
    inverse = np.linalg.inv(columns.T @ columns + noise * np.eye(columns.shape[1]))
    mean = y.mean(axis=0)
    coefficients = inverse @ (columns.T @ (y - mean))
    degrees = np.array([columns.shape[1] - noise * np.trace(inverse)])
    left = ((y - mean - columns @ coefficients) ** 2).sum(axis=0) / np.maximum(len(y) - 1 - degrees, 1.0)
    return Conditional(columns, coefficients, mean, (inverse * left)[None], left, degrees)
