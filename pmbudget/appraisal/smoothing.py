"""Conditional expectations by penalised regression: E[y | parameters] at every draw, and how surely it is known.

What is to be learnt about a parameter is worth what E[net benefit | parameter] varies across decisions, so everything in the value of
information rests on this one estimate. Every group of columns is shrunk by its own penalty, and the penalties maximise the marginal
likelihood: a parameter that does not matter comes out as one that does not matter.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

DRAWS_PER_PARAMETER = 20
ITERATIONS = 30
WEAKEST, STRONGEST = 1e-6, 1e9
CELLS = 20
"""Groups of draws between which residuals are compared."""
CROSSED = 6
"""Parameters of a set, at most, whose pairs are looked at for interactions left out."""


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


def enough_draws(n: int, number: int) -> None:
    """Refuse a set of parameters that there are too few draws for."""
    if n < draws_needed(number):
        raise ValueError(
            f"{n} draws are too few to regress on a set of {number} parameters: give {draws_needed(number)} or more, "
            "or a smaller set"
        )


def normal_scores(values: np.ndarray) -> np.ndarray:
    """The standard normal quantile of each value's rank; equal values share theirs."""
    from scipy.stats import rankdata

    return special.ndtri((rankdata(values) - 0.5) / len(values))


def lack_of_fit(parameters: np.ndarray, residuals: np.ndarray) -> tuple[float, float]:
    """What a fit left in its residuals: the share of their variance, and the probability of as much if the fit were right.

    The residuals' means over twenty equal groups of each parameter (and of the sums and differences of each pair of scores, where an
    interaction left out would show) are compared with their spread within groups (F test). Of the most uneven of these the share of
    variance between groups beyond chance, and the probability times the number of tests.
    """
    scores = [normal_scores(parameters[:, place]) for place in range(parameters.shape[1])]
    looked = list(scores)
    if len(scores) <= CROSSED:
        for place, first in enumerate(scores):
            for second in scores[place + 1 :]:
                looked += [first + second, first - second]
    groups = max(2, min(CELLS, len(residuals) // DRAWS_PER_PARAMETER))
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
    return max(0.0, (between - free * noise) / total), float(special.fdtrc(free, left, between / free / noise))


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
