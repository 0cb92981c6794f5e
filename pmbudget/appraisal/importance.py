"""How much of the spread of a result each parameter accounts for by itself."""

import numpy as np
import pandas as pd
import xarray as xr

CLASSES = 20
"""Classes of draws by the size of a parameter: twenty keep all but a per cent of what a straight line explains."""
LEAST = 10
"""Draws in a class."""


def variance_share(result: xr.DataArray, parameters: xr.DataArray) -> pd.DataFrame:
    """The first-order share of variance Var(E[result | parameter]) / Var(result) of each parameter.

    The draws are sorted into classes of equal size by the parameter; the variance between the classes' means, less what chance alone
    puts there, over the whole (the correlation ratio, adjusted as epsilon squared). Neither a line nor a monotone relation is assumed.
    Shares of independent parameters sum to at most 1, and the rest is what they do together; dependent ones share what they have in
    common, so that theirs may sum to more.

    Parameters
    ----------
    result : DataArray
        (draw).
    parameters : DataArray
        (draw, parameter).

    Returns
    -------
    DataFrame
        Index parameter, largest first; columns share (an irrelevant parameter's scatters around 0, to both sides; missing where the
        result does not vary) and se, its standard error by large-sample theory.

    Raises
    ------
    ValueError
        Fewer than 20 draws, or not the same draws in both.
    """
    y = result.transpose("draw").to_numpy().astype(float)
    x = parameters.transpose("draw", "parameter").to_numpy()
    n = y.size
    if n < 2 * LEAST or len(x) != n:
        raise ValueError(f"{n} draws of the result and {len(x)} of the parameters; give {2 * LEAST} or more of both")
    classes = min(CLASSES, n // LEAST)
    place = np.arange(n) * classes // n
    sizes = np.bincount(place)
    centred = y - y.mean()
    whole = float(centred @ centred)
    order = np.argsort(x, axis=0, kind="stable")
    means = np.add.reduceat(centred[order], np.flatnonzero(np.diff(place, prepend=-1)), axis=0) / sizes[:, None]
    between = (sizes[:, None] * means**2).sum(axis=0)
    by_chance = (classes - 1) * (whole - between) / (n - classes)
    share = (between - by_chance) / whole if whole > 0 else np.full(between.shape, np.nan)
    kept = share.clip(0, 1)
    se = (1 - kept) * np.sqrt(4 * kept / n + 2 * (classes - 1) / n**2)
    index = pd.Index(parameters["parameter"].to_numpy(), name="parameter")
    return pd.DataFrame({"share": share, "se": se}, index=index).sort_values("share", ascending=False, kind="stable")
