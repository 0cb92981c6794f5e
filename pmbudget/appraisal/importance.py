"""How much of the spread of a result each parameter accounts for by itself."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.vocabulary import matched

CLASSES = 20
"""Classes of draws by the size of a parameter: twenty keep all but a per cent of what a straight line explains."""
LEAST = 10
"""Draws in a class."""


def variance_share(result: xr.DataArray, parameters: xr.DataArray) -> pd.DataFrame:
    """The first-order share of variance Var(E[result | parameter]) / Var(result) of each parameter.

    The draws are sorted into classes of equal size by the parameter, or by its value where it has few; the variance between the
    classes' means, less what chance alone puts there, over the whole (the correlation ratio, adjusted as epsilon squared). Neither a
    line nor a monotone relation is assumed.
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
    result, parameters = matched(result=result, parameters=parameters)
    y = result.transpose("draw").to_numpy().astype(float)
    x = parameters.transpose("draw", "parameter").to_numpy()
    n = y.size
    if n < 2 * LEAST:
        raise ValueError(f"{n} draws of the result and of the parameters; give {2 * LEAST} or more of both")
    centred = y - y.mean()
    whole = float(centred @ centred)
    found = [_share(column, centred, whole) if whole > 0 else (np.nan, np.nan) for column in x.T]
    index = pd.Index(parameters["parameter"].to_numpy(), name="parameter")
    frame = pd.DataFrame(found, index=index, columns=["share", "se"])
    return frame.sort_values("share", ascending=False, kind="stable")


def _share(column: np.ndarray, centred: np.ndarray, whole: float) -> tuple[float, float]:
    """One parameter's share of the sum of squares ``whole`` of ``centred``, and its standard error."""
    n = centred.size
    wanted = min(CLASSES, n // LEAST)
    values, place = np.unique(column, return_inverse=True)
    if values.size > wanted:
        place = np.empty(n, int)
        place[np.argsort(column, kind="stable")] = np.arange(n) * wanted // n
    sums, sizes = np.bincount(place, centred), np.bincount(place)
    between = float((sums**2 / sizes).sum())
    by_chance = (sizes.size - 1) * (whole - between) / (n - sizes.size)
    share = (between - by_chance) / whole
    kept = min(max(share, 0.0), 1.0)
    return share, (1 - kept) * float(np.sqrt(4 * kept / n + 2 * (sizes.size - 1) / n**2))
