"""Survival curves."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy import special


def _gompertz(time: Any, shape: Any, rate: Any) -> Any:
    bent = np.abs(shape) > 1e-12
    safe = xr.where(bent, shape, 1.0)
    return np.exp(-rate * xr.where(bent, np.expm1(safe * time) / safe, time))


FAMILIES: Mapping[str, tuple[tuple[str, ...], Callable]] = {
    "exponential": (("rate",), lambda time, rate: np.exp(-rate * time)),
    "weibull": (("shape", "scale"), lambda time, shape, scale: np.exp(-((time / scale) ** shape))),
    "gompertz": (("shape", "rate"), _gompertz),
    "lognormal": (
        ("meanlog", "sdlog"),
        lambda time, meanlog, sdlog: special.ndtr((meanlog - np.log(np.maximum(time, 1e-300))) / sdlog),
    ),
    "loglogistic": (("shape", "scale"), lambda time, shape, scale: 1 / (1 + (time / scale) ** shape)),
    "gamma": (("shape", "rate"), lambda time, shape, rate: special.gammaincc(shape, rate * time)),
}


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
    if family not in FAMILIES:
        raise ValueError(f"unknown family {family!r}; use one of {', '.join(FAMILIES)}")
    names, curve = FAMILIES[family]
    if set(parameters) != set(names):
        raise ValueError(f"{family} takes {', '.join(names)}, not {', '.join(sorted(parameters))}")
    grid = np.asarray(times, float)
    if grid.ndim != 1 or not np.all(grid >= 0):
        raise ValueError("times must be one-dimensional and at least 0")
    time = xr.DataArray(grid, dims="cycle")
    own = {name: xr.DataArray(value) if np.ndim(value) == 0 else value for name, value in parameters.items()}
    arrays = xr.broadcast(*own.values(), time)
    broad = dict(zip(own, arrays[:-1], strict=True))
    values = xr.apply_ufunc(lambda t, *p: curve(t, *p), arrays[-1], *(broad[name] for name in names))
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
    own, floor = xr.broadcast(_kept(curve), _kept(population))
    lived = own.where(own < floor, floor).cumprod("cycle")
    return xr.concat([xr.ones_like(lived.isel(cycle=[0])), lived], dim="cycle").transpose(..., "cycle")


def _kept(curve: xr.DataArray) -> xr.DataArray:
    """The share of those alive at the start of each cycle who are alive at its end; 0 where none are left."""
    before = curve.isel(cycle=slice(None, -1))
    return (curve.isel(cycle=slice(1, None)) / before.where(before > 0, 1.0)).where(before > 0, 0.0)


def weibull_scale(alive: Any, time: Any, shape: Any) -> Any:
    """The scale at which a Weibull curve of that shape has a share ``alive`` at ``time``: time / (-ln alive)^(1/shape).

    Examples
    --------
    >>> round(float(weibull_scale(0.5, 12.0, 1.0)), 3)
    17.312
    """
    return time / (-np.log(alive)) ** (1 / shape)
