"""Penalised splines of a set of parameters, with interactions in pairs.

Parameters enter by their normal scores (rank to quantile of the standard normal): a value of information does not depend on the scale
that a parameter is written on, and no tail pulls the fit. The slope and the bends of each parameter and each pair's interaction are
groups with penalties of their own; the slope is shrunk too.
"""

from functools import lru_cache

import numpy as np
from scipy import special
from scipy.interpolate import BSpline

from pmbudget.appraisal.smoothing import Columns, enough_draws, normal_scores

BENDS = 10
"""Columns of one parameter's spline beside its slope."""
FEW_VALUES = 12
"""A parameter with no more values than this (an index of a structure, a small count) is taken as classes."""
INTERACTING = 6
"""At most so many parameters of a set, those with the largest effects of their own, are given interactions in pairs."""
PAIRED = 3
"""Functions of each parameter (slope and smoothest bends) whose products are a pair's interaction."""
DRAWS_PER_COLUMN = 5


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
    enough_draws(n, number)
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
    """Orthonormal contrasts of classes: first the slope over their order, which a count has, then the rest, which an index has too."""
    root = np.sqrt(count / count.sum())
    middle = special.ndtri((np.cumsum(count) - count / 2) / count.sum())
    slope = root * (middle - (root**2 * middle).sum())
    slope /= np.linalg.norm(slope)
    number = len(count) - 1
    # Columns weighted by the root of their share: what is left of all contrasts once mean and slope are taken out.
    rest = np.linalg.svd(np.eye(len(count)) - np.outer(root, root) - np.outer(slope, slope))[0][:, : number - 1]
    values = np.column_stack([slope, rest]) / (root[:, None] * np.sqrt(count.sum()))
    group = np.minimum(np.arange(number), 1)
    return Columns(values[cell], np.ones(number), group, orthogonal=True)


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
