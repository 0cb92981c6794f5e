"""Who gets it: inequality of access between groups, health lost to waiting, and worth that counts who gains."""

from typing import Any

import numpy as np
import xarray as xr

from pmbudget.vocabulary import matched


def _values_and_weights(x: Any, weights: Any, dim: str) -> tuple[xr.DataArray, xr.DataArray]:
    labelled = isinstance(x, xr.DataArray)
    values = x if labelled else xr.DataArray(np.asarray(x, float), dims=(*map(str, range(np.ndim(x) - 1)), dim))
    if weights is None:
        weights = xr.ones_like(values[dim] if dim in values.coords else values, dtype=float)
    sizes = weights if isinstance(weights, xr.DataArray) else xr.DataArray(np.asarray(weights, float), dims=dim)
    if dim not in values.dims or dim not in sizes.dims:
        raise ValueError(f"x has dims {values.dims} and weights {sizes.dims}; both need {dim!r}")
    for name, part in (("x", values), ("weights", sizes)):
        if not float(part.min(skipna=False)) >= 0:
            raise ValueError(
                f"{name} holds {float(part.min(skipna=False)):.3g}; it must be 0 or more and never missing"
            )
    if not float(sizes.sum(dim).min()) > 0:
        raise ValueError("weights sum to 0; give a size above 0 to at least one group")
    values, sizes = xr.broadcast(*matched(x=values, weights=sizes))
    return values, sizes / sizes.sum(dim)


def gini(x: Any, weights: Any = None, *, dim: str = "region") -> xr.DataArray:
    """The Gini coefficient of ``x`` between groups of different size: half the mean absolute difference over the mean.

    G = sum_ij w_i w_j |x_i - x_j| / (2 mean); 0 where all are equal or all are 0.

    Parameters
    ----------
    x : DataArray or array
        (…, region): access per person in each group, 0 or more; plain arrays have the groups last.
    weights : DataArray or array, optional
        (…, region) or (region,): size of each group, such as the eligible; equal if left out.
    dim : str
        The dimension of the groups.

    Returns
    -------
    DataArray
        (…), 0 to 1.

    Raises
    ------
    ValueError
        A negative or missing value or weight, weights that sum to 0, or a group that one has and the other lacks.

    Examples
    --------
    >>> round(float(gini([0.0, 1.0], [1, 1])), 4), round(float(gini([1.0, 2.0, 3.0], [1, 1, 1])), 4)
    (0.5, 0.2222)
    """
    values, share = (part.transpose(..., dim) for part in _values_and_weights(x, weights, dim))
    order = np.argsort(values.to_numpy(), axis=-1)
    level, size = (np.take_along_axis(part.to_numpy(), order, axis=-1) for part in (values, share))
    # Over groups in rising order the double sum is one sum: each stands above those before it and below those after.
    place = 2 * np.cumsum(size, axis=-1) - size - 1
    mean = (level * size).sum(-1)
    found = (size * level * place).sum(-1) / np.where(mean > 0, mean, 1.0)
    return values.isel({dim: 0}, drop=True).copy(data=found)


def theil(x: Any, weights: Any = None, *, dim: str = "region") -> xr.DataArray:
    """Theil's T of ``x`` between groups: sum_i w_i (x_i / mean) ln(x_i / mean), with 0 ln 0 = 0.

    Parameters and errors as :func:`gini`; 0 where all are equal, at most ln(1 / smallest share).

    Examples
    --------
    >>> round(float(theil([0.0, 2.0], [1, 1])), 4)
    0.6931
    """
    values, share = _values_and_weights(x, weights, dim)
    mean = (values * share).sum(dim)
    ratio = values / mean.where(mean > 0, 1.0)
    return (share * ratio * np.log(ratio.where(ratio > 0, 1.0))).sum(dim)


def atkinson_weights(x: Any, weights: Any = None, *, aversion: Any, dim: str = "region") -> xr.DataArray:
    """How much a gain counts to each group, by how badly off it is: (x / mean)^(-aversion), with mean 1 over persons.

    The derivative of Atkinson's social welfare function, scaled so that a gain spread evenly over everyone is worth what it is without
    weights (Asaria, Griffin & Cookson, Medical Decision Making 2016;36:8). ``aversion`` 0 weighs all alike.

    Raises
    ------
    ValueError
        As :func:`gini`; a group at 0 with an aversion above 0; a negative aversion.
    """
    values, share = _values_and_weights(x, weights, dim)
    averse = xr.DataArray(aversion)
    if float(averse.min()) < 0:
        raise ValueError(f"aversion = {float(averse.min()):.3g} must be 0 or more")
    if float(values.min()) == 0 and float(averse.max()) > 0:
        raise ValueError("a group stands at 0 and would weigh infinitely much; give a level above 0 to every group")
    values, share, averse = matched(x=values, weights=share, aversion=averse)
    relative = (values / (values * share).sum(dim)) ** -averse
    return relative / (relative * share).sum(dim)


def distributional_nmb(
    nmb: xr.DataArray, level: Any, weights: Any = None, *, aversion: Any, dim: str = "region"
) -> xr.DataArray:
    """Net monetary benefit summed over groups, each group's gain weighted by :func:`atkinson_weights` at its level.

    Parameters
    ----------
    nmb : DataArray
        (…, region), SEK: what each group gains in all.
    level : DataArray or array
        (…, region) or (region,): how well off each group is, per person (such as access before), above 0.
    weights : DataArray or array, optional
        Persons in each group.
    aversion : float or DataArray
        Atkinson's inequality aversion; 0 gives the plain sum.
    """
    if not isinstance(level, xr.DataArray):
        level = xr.DataArray(np.asarray(level, float), {dim: nmb[dim]} if dim in nmb.coords else None, (dim,))
    nmb, level = matched(nmb=nmb, level=level)
    return (nmb * atkinson_weights(level, weights, aversion=aversion, dim=dim)).sum(dim)


def health_lost_to_waiting(gone: xr.DataArray, qaly: xr.DataArray, *, new: str) -> xr.DataArray:
    """QALYs that waiting takes: sum over fates of persons x (QALYs with the new strategy - QALYs of the fate).

    Parameters
    ----------
    gone : DataArray
        (…, fate): persons who left the queue, by what became of them: the comparator, or a reason of loss.
    qaly : DataArray
        (…, fate): QALYs per person of each fate, the new strategy among them.
    new : str
        The new strategy's label.

    Returns
    -------
    DataArray
        QALYs with the dims of ``gone`` less fate; below 0 where the new strategy is the worse.
    """
    fates = gone["fate"].to_numpy()
    return (gone * (qaly.sel(fate=new, drop=True) - qaly.sel(fate=fates))).sum("fate")
