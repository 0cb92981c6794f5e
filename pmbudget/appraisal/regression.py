"""Conditional expectations by penalised regression: E[y | parameters] at every draw, and how surely it is known.

What is to be learnt about a parameter is worth what E[net benefit | parameter] varies across decisions, so everything in the value of
information rests on this one estimate. Parameters enter by their normal scores (rank to quantile of the standard normal): a value of
information does not depend on the scale that a parameter is written on, and no tail pulls the fit. Every group of columns (slope and
bends of one parameter, each pair's interaction) is shrunk by its own penalty, the slope too, and the penalties maximise the marginal
likelihood: a parameter that does not matter comes out as one that does not matter.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import special, stats
from scipy.interpolate import BSpline

BENDS = 10
"""Columns of one parameter's spline beside its slope."""
FEW_VALUES = 12
"""A parameter with no more values than this (an index of a structure, a small count) is taken as classes, without an order."""
INTERACTING = 6
"""At most so many parameters of a set, those with the largest effects of their own, are given interactions in pairs."""
PAIRED = 3
"""Functions of each parameter (slope and smoothest bends) whose products are a pair's interaction."""
DRAWS_PER_COLUMN = 5
DRAWS_PER_PARAMETER = 20
ITERATIONS = 30
WEAKEST, STRONGEST = 1e-6, 1e9
INDUCING = 300
"""Draws that span the Gaussian process, and that its length scales are fitted to."""


@dataclass(frozen=True)
class Conditional:
    """E[y | parameters] at each draw: a linear model in centred columns.

    ``design`` (draw, column); ``coefficients`` (column, output); ``mean`` (output); ``covariance`` of an output's coefficients (output,
    column, column), or its diagonal (output, column) where columns are orthogonal; ``noise`` (output) the residual variance;
    ``degrees`` (output) the effective number of columns.
    """

    design: np.ndarray
    coefficients: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    noise: np.ndarray
    degrees: np.ndarray

    @property
    def fitted(self) -> np.ndarray:
        """The conditional expectation (output, draw)."""
        found: np.ndarray = self.coefficients.T @ self.design.T
        found += self.mean[:, None]
        return found

    def spread(self, chosen: np.ndarray, rows: slice, residuals: np.ndarray) -> np.ndarray:
        """Standard error (output) of the mean over ``rows`` of the conditional expectation where ``chosen`` (output, row), else 0.

        The larger of the posterior's, which allows for what the penalty may have flattened, and the sandwich's, which allows for
        ``residuals`` (output, row) that are larger where the parameters are.
        """
        n, design, share = len(self.design), self.design[rows], chosen.mean(axis=1)
        direction = chosen @ design / len(design)
        dims = "op,op->op" if self.covariance.ndim == 2 else "opq,oq->op"
        lever = np.einsum(dims, self.covariance, direction)
        smooth = (lever * direction).sum(axis=1)
        pull = (lever / np.maximum(self.noise, 1e-300)[:, None]) @ design.T
        sandwich = n * np.square(pull * residuals).mean(axis=1)
        return np.sqrt(np.maximum(smooth, sandwich) + self.noise * share**2 / n)


@dataclass(frozen=True)
class Columns:
    """Columns of a regression with the penalty of each and the group that shares a penalty's strength."""

    design: np.ndarray
    weight: np.ndarray
    group: np.ndarray
    orthogonal: bool

    def project(self, y: np.ndarray) -> "Projected":
        """What a fit of any mixture of the columns of ``y`` (draw, measure) needs."""
        mean = y.mean(axis=0)
        centred = y - mean
        gram = None if self.orthogonal else self.design.T @ self.design
        return Projected(self, gram, self.design.T @ centred, centred.T @ centred, mean)


@dataclass(frozen=True)
class Projected:
    """Measures projected on columns: fits of their mixtures need no draws any more, so that many thresholds cost little."""

    columns: Columns
    gram: np.ndarray | None
    cross: np.ndarray
    moments: np.ndarray
    mean: np.ndarray

    def __call__(self, mixture: np.ndarray) -> Conditional:
        """The fit of each mixture (measure, output), with penalties of its own."""
        cross = self.cross @ mixture
        total = np.einsum("mo,mk,ko->o", mixture, self.moments, mixture)
        columns = self.columns
        found = _shrunk(self.gram, cross, np.maximum(total, 0), columns.weight, columns.group, len(columns.design))
        return Conditional(columns.design, found[0], self.mean @ mixture, *found[1:])


def draws_needed(parameters: int) -> int:
    """The fewest draws with which a set of so many parameters is regressed on."""
    return DRAWS_PER_PARAMETER * (parameters + 1)


def spline_columns(parameters: np.ndarray, y: np.ndarray) -> Columns:
    """Penalised splines of each parameter and, between those that matter most for ``y``, interactions in pairs.

    Parameters
    ----------
    parameters : ndarray
        (draw, parameter).
    y : ndarray
        (draw, output); decides which parameters are given interactions, where there are too many for all pairs.

    Raises
    ------
    ValueError
        Too few draws for so many parameters.
    """
    n, number = parameters.shape
    _enough(n, number)
    bends = int(np.clip(n // (2 * DRAWS_PER_COLUMN * number) - 1, 1, BENDS))
    bases = [_basis(parameters[:, place], bends) for place in range(number)]
    mains = _joined(bases)
    pairs = _pairs_within(n - DRAWS_PER_COLUMN * mains.design.shape[1])
    if number == 1 or pairs < 2:
        return mains
    chosen = list(range(number))
    if number > pairs:
        effects = mains.project(y)(np.eye(y.shape[1]))
        owner = np.repeat(np.arange(number), [basis.design.shape[1] for basis in bases])
        scaled = (effects.coefficients**2 / np.maximum(y.var(axis=0), 1e-300)).sum(axis=1)
        chosen = sorted(np.argsort(-np.bincount(owner, scaled, number))[:pairs])
    products = [
        _product(bases[first], bases[second]) for place, first in enumerate(chosen) for second in chosen[place + 1 :]
    ]
    return _joined([*bases, *products])


def gaussian_process(parameters: np.ndarray, y: np.ndarray) -> Conditional:
    """A Gaussian process with a length scale for each parameter, for each column of ``y`` (draw, output) by itself.

    Length scales and noise are fitted by marginal likelihood to at most 300 draws, which then span the process over all of them
    (subset of regressors). Slow beside the spline; for sets whose interactions pairs do not catch.
    """
    n, number = parameters.shape
    _enough(n, number)
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


def normal_scores(values: np.ndarray) -> np.ndarray:
    """The standard normal quantile of each value's rank; equal values share theirs."""
    return special.ndtri((stats.rankdata(values) - 0.5) / len(values))


def lack_of_fit(parameters: np.ndarray, residuals: np.ndarray, *, cells: int = 20) -> tuple[float, float]:
    """What a fit left in its residuals: the share of their variance, and the probability of as much if the fit were right.

    The residuals' means over twenty equal groups of each parameter (and of the sums and differences of each pair of scores, where an
    interaction left out would show) are compared with their spread within groups (F test). Of the most uneven of these the share of
    variance between groups beyond chance, and the probability times the number of tests.
    """
    scores = [normal_scores(parameters[:, place]) for place in range(parameters.shape[1])]
    looked = list(scores)
    if len(scores) <= INTERACTING:
        for place, first in enumerate(scores):
            for second in scores[place + 1 :]:
                looked += [first + second, first - second]
    groups = max(2, min(cells, len(residuals) // DRAWS_PER_PARAMETER))
    share, probability = min((_uneven(one, residuals, groups) for one in looked), key=lambda found: found[1])
    return share, min(1.0, probability * len(looked))


def _uneven(scores: np.ndarray, residuals: np.ndarray, groups: int) -> tuple[float, float]:
    edges = np.quantile(scores, np.linspace(0, 1, groups + 1)[1:-1])
    cell = np.searchsorted(np.unique(edges), scores, side="left")
    count = np.bincount(cell)
    filled = count > 0
    means = np.bincount(cell, residuals)[filled] / count[filled]
    between = float((count[filled] * (means - residuals.mean()) ** 2).sum())
    total = float(((residuals - residuals.mean()) ** 2).sum())
    free = int(filled.sum()) - 1
    left = len(residuals) - free - 1
    if free < 1 or between >= total or left < 1:
        return 0.0, 1.0
    noise = (total - between) / left
    return max(0.0, (between - free * noise) / total), float(stats.f.sf(between / free / noise, free, left))


def _enough(n: int, number: int) -> None:
    if n < draws_needed(number):
        raise ValueError(
            f"{n} draws are too few to regress on a set of {number} parameters: give {draws_needed(number)} or more, "
            "or a smaller set"
        )


def _pairs_within(left: int) -> int:
    """How many parameters may interact so that the columns of their pairs do not exceed what the draws allow."""
    columns = left // DRAWS_PER_COLUMN
    most = INTERACTING
    while most > 1 and most * (most - 1) // 2 * PAIRED**2 > columns:
        most -= 1
    return most


def _joined(parts: list[Columns]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    begin = np.cumsum([0, *(part.group.max() + 1 for part in parts[:-1])])
    return Columns(
        np.hstack([part.design for part in parts]),
        np.concatenate([part.weight for part in parts]),
        np.concatenate([part.group + first for part, first in zip(parts, begin, strict=True)]),
        orthogonal=False,
    )


def _product(first: Columns, second: Columns) -> Columns:
    one, other = (part.design[:, :PAIRED] for part in (first, second))
    columns = (one[:, :, None] * other[:, None, :]).reshape(len(one), -1)
    columns = columns - columns.mean(axis=0)
    columns /= np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    return Columns(columns, np.ones(columns.shape[1]), np.zeros(columns.shape[1], int), orthogonal=False)


def _basis(values: np.ndarray, bends: int) -> Columns:
    """Orthonormal centred columns of one parameter: its slope and its bends, smoothest first, or its classes."""
    classes, cell, count = np.unique(values, return_inverse=True, return_counts=True)
    if len(classes) == 1:
        raise ValueError(f"a parameter is {classes[0]:g} in every draw; leave out what is known exactly")
    if len(classes) <= FEW_VALUES:
        return _classes(cell, count)
    if len(classes) < len(values):
        return _bent(normal_scores(values), bends)
    # Without ties every parameter has the same columns, in its own order.
    drawn = _untied(len(values), bends)
    return Columns(drawn.design[cell], drawn.weight, drawn.group, orthogonal=True)


@lru_cache(maxsize=8)
def _untied(n: int, bends: int) -> Columns:
    return _bent(normal_scores(np.arange(n)), bends)


def _classes(cell: np.ndarray, count: np.ndarray) -> Columns:
    share = count / count.sum()
    # Indicators weighted by the root of their share span all contrasts once the direction of the mean is taken out.
    root = np.sqrt(share)[:, None]
    contrasts = np.linalg.svd(np.eye(len(count)) - root @ root.T)[0][:, :-1]
    values = contrasts / (root * np.sqrt(count.sum()))
    number = len(count) - 1
    return Columns(values[cell], np.ones(number), np.zeros(number, int), orthogonal=True)


def _bent(scores: np.ndarray, bends: int) -> Columns:
    """Cubic spline with knots at equal shares of draws, in the basis where columns are orthonormal and so are their second derivatives."""
    inner = special.ndtri(np.arange(1, bends) / bends)
    ends = (scores.min() - 1e-9, scores.max() + 1e-9)
    inner = inner[(inner > ends[0]) & (inner < ends[1])]
    knots = np.concatenate([[ends[0]] * 4, inner, [ends[1]] * 4])
    columns = BSpline.design_matrix(scores, knots, 3).toarray()
    columns -= columns.mean(axis=0)
    size, direction = np.linalg.eigh(columns.T @ columns)
    kept = size > 1e-9 * size[-1]
    whitened = direction[:, kept] / np.sqrt(size[kept])
    penalty = whitened.T @ _roughness(knots) @ whitened
    rough, turned = np.linalg.eigh(penalty)
    rough, turned = rough[: bends + 1], turned[:, : bends + 1]
    weight = np.concatenate([[1.0], np.maximum(rough[1:] / rough[1], 1.0)])
    group = np.concatenate([[0], np.ones(len(weight) - 1, int)])
    return Columns(columns @ (whitened @ turned), weight, group, orthogonal=True)


def _roughness(knots: np.ndarray) -> np.ndarray:
    """Integrals of products of second derivatives; these are linear between knots, so Simpson's rule is exact."""
    number = len(knots) - 4
    second = BSpline(knots, np.eye(number), 3).derivative(2)
    left, right = np.unique(knots)[:-1], np.unique(knots)[1:]
    total = np.zeros((number, number))
    inside = 1e-9 * (right - left)
    for place, share in ((left + inside, 1 / 6), ((left + right) / 2, 4 / 6), (right - inside, 1 / 6)):
        values = second(place)
        total += np.einsum("k,ki,kj->ij", share * (right - left), values, values)
    return total


def _shrunk(
    gram: np.ndarray | None, cross: np.ndarray, total: np.ndarray, weight: np.ndarray, group: np.ndarray, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients, their covariance, residual variance and effective columns at the penalties of highest marginal likelihood.

    Generalised Fellner-Schall steps (Wood and Fasiolo 2017, Biometrics 73:1071) for penalties strength[group] x weight, all outputs at
    once: a group's new strength is residual variance x its effective columns / its penalised sum of squares.
    """
    outputs = cross.shape[1]
    member = np.equal.outer(group, np.arange(group.max() + 1)).astype(float)
    strength = np.full((outputs, member.shape[1]), 0.1)
    floor = 1e-12 * np.maximum(total, 1e-300)
    for _ in range(ITERATIONS):
        penalty = strength[:, group] * weight
        coefficients, spread, variance_of = _solved(gram, cross, penalty)
        free = 1 - penalty * variance_of
        degrees = free.sum(axis=1)
        missed = total - (coefficients * cross.T).sum(axis=1) - (penalty * coefficients**2).sum(axis=1)
        noise = np.maximum(missed, floor) / np.maximum(n - 1 - degrees, 1.0)
        sizes = (weight * coefficients**2) @ member
        step = noise[:, None] * np.maximum(free @ member, 1e-12) / np.maximum(sizes, 1e-300)
        step = np.clip(step, WEAKEST, STRONGEST)
        settled = np.abs(np.log(step / strength)).max() < 0.02
        strength = step
        if settled:
            break
    scale = noise[:, None] if spread.ndim == 2 else noise[:, None, None]
    return coefficients.T, spread * scale, noise, degrees


def _solved(
    gram: np.ndarray | None, cross: np.ndarray, penalty: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients (output, column), the inverse of the penalised cross products (or its diagonal) and that diagonal."""
    if gram is None:
        inverse = 1 / (1 + penalty)
        return cross.T * inverse, inverse, inverse
    inverse = np.linalg.inv(gram + penalty[:, :, None] * np.eye(gram.shape[0]))
    return np.einsum("opq,qo->op", inverse, cross), inverse, np.einsum("opp->op", inverse)


def _process(scores: np.ndarray, some: np.ndarray, y: np.ndarray) -> Conditional:
    import warnings

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
