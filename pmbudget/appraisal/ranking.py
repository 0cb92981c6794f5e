"""When one option may be said to stand above another: paired draws, simulation error and the probability of the order."""

from typing import Any

import numpy as np

P_ORDER = 0.7
"""The least probability of an order that is put into words."""
ERRORS = 2.0
"""How many simulation errors a mean difference must exceed before it is put into words."""


def simulation_error(draws: Any) -> float:
    """The Monte Carlo standard error of a mean over independent draws: standard deviation / sqrt(n); 0 for a single draw."""
    values = np.asarray(draws, float).ravel()
    return float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else 0.0


def surely_above(first: Any, second: Any) -> bool:
    """Whether ``first`` may be ranked above ``second``.

    The draws are paired: both results come from the same draw of all parameters. The mean difference must exceed two simulation
    errors, and ``first`` must be the larger in at least 70 draws of 100.

    Parameters
    ----------
    first, second : array
        (draw,), in the same order of draws.

    Examples
    --------
    >>> surely_above([3.0, 4.0, 5.0], [1.0, 2.0, 2.5]), surely_above([1.0, 2.0], [2.0, 1.0])
    (True, False)
    """
    difference = np.asarray(first, float).ravel() - np.asarray(second, float).ravel()
    return bool(
        difference.mean() > 0
        and difference.mean() > ERRORS * simulation_error(difference)
        and (difference > 0).mean() >= P_ORDER
    )


def surely_best(draws: Any, *, largest: bool = True) -> int | None:
    """The place of the option that may be ranked above every other, or None where no option may.

    Parameters
    ----------
    draws : array
        (option, draw), paired over draws.
    largest : bool
        Whether the largest value is the best.
    """
    values = np.asarray(draws, float) * (1 if largest else -1)
    top = int(values.mean(axis=1).argmax())
    others = (place for place in range(len(values)) if place != top)
    return top if all(surely_above(values[top], values[place]) for place in others) else None
