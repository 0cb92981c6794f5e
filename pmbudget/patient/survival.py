"""Survival curves."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy import special

from pmbudget.inputs.families import SURVIVAL_FAMILIES
from pmbudget.vocabulary import matched


def _gompertz(time: Any, shape: Any, rate: Any) -> Any:
    bent = np.abs(shape) > 1e-12
    safe = np.where(bent, shape, 1.0)
    return np.exp(-rate * np.where(bent, np.expm1(safe * time) / safe, time))


CURVES: Mapping[str, Callable] = {
    "exponential": lambda time, rate: np.exp(-rate * time),
    "weibull": lambda time, shape, scale: np.exp(-((time / scale) ** shape)),
    "gompertz": _gompertz,
    "lognormal": lambda time, meanlog, sdlog: special.ndtr((meanlog - np.log(np.maximum(time, 1e-300))) / sdlog),
    "loglogistic": lambda time, shape, scale: 1 / (1 + (time / scale) ** shape),
    "gamma": lambda time, shape, rate: special.gammaincc(shape, rate * time),
}
"""The share alive at a time, from each family's own parameters in their order."""


def share_alive(family: str, time: np.ndarray, **parameters: Any) -> np.ndarray:
    """The share alive at each time; all are arrays that broadcast."""
    return CURVES[family](time, **parameters)


def survival_curve(family: str, times: Any, **parameters: Any) -> xr.DataArray:
    """The share alive (or free of the event) at each time.

    Parameters
    ----------
    family : str
        exponential (rate), weibull (shape, scale), gompertz (shape, rate), lognormal (meanlog, sdlog), loglogistic (shape, scale) or
        gamma (shape, rate).
    times : array
        One-dimensional, from 0 up, in the unit of the parameters.
    **parameters
        Numbers, or DataArrays over any dims but ``cycle``.

    Returns
    -------
    DataArray
        (…, cycle), 1 at time 0.

    Raises
    ------
    ValueError
        Unknown family, other parameters than the family's, or times that are not one-dimensional and at least 0.

    Examples
    --------
    >>> survival_curve("weibull", [0, 10], shape=1.0, scale=10.0).round(4).values.tolist()
    [1.0, 0.3679]
    """
    if family not in SURVIVAL_FAMILIES:
        raise ValueError(f"unknown family {family!r}; use one of {', '.join(SURVIVAL_FAMILIES)}")
    names, curve = SURVIVAL_FAMILIES[family], CURVES[family]
    if set(parameters) != set(names):
        raise ValueError(f"{family} takes {', '.join(names)}, not {', '.join(sorted(parameters))}")
    grid = np.asarray(times, float)
    if grid.ndim != 1 or not np.all(grid >= 0):
        raise ValueError("times must be one-dimensional and at least 0")
    time = xr.DataArray(grid, dims="cycle")
    own = {name: xr.DataArray(value) if np.ndim(value) == 0 else value for name, value in parameters.items()}
    arrays = xr.broadcast(*matched(**own), time)
    broad = dict(zip(own, arrays[:-1], strict=True))
    values = xr.apply_ufunc(curve, arrays[-1], *(broad[name] for name in names))
    return values.transpose(..., "cycle")


def bounded_by_population(curve: Any, population: Any) -> xr.DataArray:
    """A survival curve whose hazard is never below the general population's.

    In each cycle the share of the living who survive it is the smaller of the two curves'. Curves fitted to short trials otherwise let
    patients outlive those without the disease.

    Parameters
    ----------
    curve, population : DataArray
        (…, cycle), both 1 at cycle 0.

    Returns
    -------
    DataArray
        (…, cycle).

    Examples
    --------
    >>> sick, well = (xr.DataArray(values, dims="cycle") for values in ([1, 0.5, 0.5], [1, 0.9, 0.72]))
    >>> bounded_by_population(sick, well).values.round(3).tolist()
    [1.0, 0.5, 0.4]
    """
    own, floor = matched(curve=_by_cycle(hazards, curve), population=_by_cycle(hazards, population))
    return _by_cycle(survivors, np.maximum(own, floor))


def hazards(alive: np.ndarray) -> np.ndarray:
    """The hazard in each cycle (cycle, …) of a curve at points 0 … n (point, …): -log of the share that survives it.

    Where none is left it is 708, that of a share of 2e-308, and not infinite: a ratio of 0 takes it away.
    """
    before, after = alive[:-1], alive[1:]
    kept = np.divide(after, before, out=np.zeros_like(after), where=before > 0)
    np.maximum(kept, np.finfo(float).tiny, out=kept)
    return -np.log(kept, out=kept)


def survivors(hazard: np.ndarray) -> np.ndarray:
    """The curve (point, …) of which ``hazard`` (cycle, …) is the hazard in each cycle."""
    total = np.zeros((len(hazard) + 1, *hazard.shape[1:]))
    # Row by row: np.cumsum over the first axis takes several times as long.
    for cycle, more in enumerate(hazard):
        np.add(total[cycle], more, out=total[cycle + 1, ...])
    return np.exp(np.negative(total, out=total), out=total)


def _by_cycle(function: Callable[[np.ndarray], np.ndarray], curve: xr.DataArray) -> xr.DataArray:
    """A function of arrays with cycles on the first axis, on a labelled array; what lies along cycles loses its labels."""
    along = [name for name, labels in curve.coords.items() if "cycle" in labels.dims]
    bare = curve.drop_vars(along).transpose("cycle", ...)
    return xr.DataArray(function(bare.to_numpy()), bare.coords, bare.dims).transpose(..., "cycle")


def through_point(family: str, alive: Any, time: Any, shape: Any = None) -> dict[str, Any]:
    """The parameters at which a family of that shape has a share ``alive`` at ``time``.

    Parameters
    ----------
    family : str
        As in :func:`survival_curve`.
    alive : number or array
        Share alive, above 0 and below 1.
    time : number or array
        When, in the curve's unit of time.
    shape : number or array, optional
        The family's shape (sdlog of the log-normal); none for the exponential.

    Returns
    -------
    dict
        What :func:`survival_curve` takes.

    Examples
    --------
    >>> round(float(through_point("weibull", 0.5, 12.0, 1.0)["scale"]), 3)
    17.312
    """
    cumulative = -np.log(alive)
    if family == "exponential":
        return {"rate": cumulative / time}
    if family == "weibull":
        return {"shape": shape, "scale": time / cumulative ** (1 / shape)}
    if family == "gompertz":
        bent = np.abs(shape) > 1e-12
        safe = np.where(bent, shape, 1.0)
        return {"shape": shape, "rate": cumulative / np.where(bent, np.expm1(safe * time) / safe, time)}
    if family == "lognormal":
        return {"meanlog": np.log(time) + shape * special.ndtri(alive), "sdlog": shape}
    if family == "loglogistic":
        return {"shape": shape, "scale": time / (1 / alive - 1) ** (1 / shape)}
    if family == "gamma":
        return {"shape": shape, "rate": special.gammainccinv(shape, alive) / time}
    raise ValueError(f"unknown family {family!r}; use one of {', '.join(SURVIVAL_FAMILIES)}")


def with_hazard_ratios(curve: Any, ratios: Any) -> xr.DataArray:
    """A curve whose hazard is multiplied, by one ratio throughout or by another in each cycle.

    S'(t + 1) = S'(t) (S(t + 1) / S(t))^ratio(t).

    Parameters
    ----------
    curve : DataArray
        (…, cycle), 1 at cycle 0.
    ratios : number or DataArray
        Without a dim ``cycle``, or with one place for each cycle 0 … n - 1 (piecewise hazards).

    Returns
    -------
    DataArray
        (…, cycle).

    Examples
    --------
    >>> halves = xr.DataArray([1, 0.5, 0.25], dims="cycle")
    >>> with_hazard_ratios(halves, xr.DataArray([1, 2], dims="cycle")).values.round(6).tolist()
    [1.0, 0.5, 0.125]
    """
    if "cycle" not in getattr(ratios, "dims", ()):
        curve, ratios = matched(curve=curve, ratios=ratios)
        return (curve**ratios).transpose(..., "cycle")
    if ratios.sizes["cycle"] != curve.sizes["cycle"] - 1:
        raise ValueError(
            f"{ratios.sizes['cycle']} ratios for {curve.sizes['cycle'] - 1} cycles; give one for each cycle 0 … n - 1"
        )
    hazard, ratios = matched(curve=_by_cycle(hazards, curve), ratios=ratios.drop_vars("cycle", errors="ignore"))
    return _by_cycle(survivors, hazard * ratios)


def with_cure(curve: Any, cured: Any, population: Any) -> xr.DataArray:
    """A mixture: a share ``cured`` dies as the general population does, the rest along ``curve``; all (…, cycle)."""
    curve, cured, population = matched(curve=curve, cured=cured, population=population)
    return (cured * population + (1 - cured) * curve).transpose(..., "cycle")


def reference_curve(mixture: Any, shares: Any, ratios: Any) -> xr.DataArray:
    """The curve of hazard ratio 1 whose mixture over classes is the curve that was seen.

    Solves sum over c of shares(c) S0(t)^ratios(c) = mixture(t) for S0, in each draw and cycle, by Newton's method from below.

    Parameters
    ----------
    mixture : DataArray
        (…, cycle): the curve of a population in which the classes are mixed.
    shares : DataArray
        (true_class, …): share of each class in it, summing to 1.
    ratios : DataArray
        (true_class, …): hazard ratio of each class to the reference, above 0.

    Returns
    -------
    DataArray
        (…, cycle).

    Examples
    --------
    >>> seen = xr.DataArray([1, 0.375], dims="cycle")
    >>> halves, ratios = (xr.DataArray(values, dims="true_class") for values in ([0.5, 0.5], [1, 2]))
    >>> reference_curve(seen, halves, ratios).values.round(6).tolist()
    [1.0, 0.5]
    """
    mixture, shares, ratios = matched(mixture=mixture, shares=shares, ratios=ratios)
    seen = mixture.transpose("cycle", ...)
    _, *classes = xr.broadcast(seen.isel(cycle=0, drop=True), shares, ratios)
    share, ratio = (one.transpose("true_class", *seen.dims[1:]).to_numpy() for one in classes)
    return seen.copy(data=unmixed(seen.to_numpy(), share, ratio)).transpose(..., "cycle")


POINTS = 8
"""Points of a curve solved for at a time: few enough for the processor's cache."""


def unmixed(seen: np.ndarray, share: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """The curve of :func:`reference_curve` where ``seen`` is (point, …); ``share`` and ``ratio`` (true_class, …) hold at all points."""
    parts = [_solved(seen[begin : begin + POINTS], share, ratio) for begin in range(0, len(seen), POINTS)]
    return np.concatenate(parts)


def _solved(seen: np.ndarray, share: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    target = -np.log(np.maximum(seen, 1e-300))
    # The mean ratio gives too little cumulative hazard (Jensen). The logarithm of the mixture is convex and nearly straight, so that
    # Newton's steps from there never overshoot and are few.
    cumulative = target / (share * ratio).sum(axis=0)
    for _ in range(100):
        mixed, slope = np.zeros_like(cumulative), np.zeros_like(cumulative)
        for one, times in zip(share, ratio, strict=True):
            part = one * np.exp(-times * cumulative)
            mixed += part
            slope += times * part
        step = (target + np.log(mixed)) * mixed / slope
        cumulative += step
        # The next step would be of the order of this one squared.
        if (np.abs(step) < 1e-8 * (1 + cumulative)).all():
            break
    return np.where(seen > 0, np.exp(-cumulative), 0.0)
