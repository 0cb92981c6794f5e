"""A decision tree as data: expected cost and effect of each strategy, over draws at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

TOLERANCE = 1e-9
KEYS = {"cost", "effect", "branches"}


def decision_tree(tree: Mapping[str, Any], parameters: Any = None) -> xr.Dataset:
    """Expected cost and effect of each strategy.

    Parameters
    ----------
    tree : mapping
        ``{strategy: node}``; a node is ``{"cost": x, "effect": y, "branches": {label: (probability, node), …}}``, each part optional.
        What is met along a path adds up. A figure is a number, an array over draws, or a name looked up in ``parameters``; the
        probability that remains is ``"else"``.
    parameters : Dataset or mapping, optional
        Where names are looked up.

    Returns
    -------
    Dataset
        ``cost`` and ``effect`` (strategy[, draw]).

    Raises
    ------
    ValueError
        A name that ``parameters`` does not have, a key that a node does not have, a probability outside 0-1, or branches that do not sum
        to 1: strategy, node and draw are named.

    Examples
    --------
    >>> found = decision_tree({
    ...     "no test": {"cost": 0, "effect": 10},
    ...     "test": {"cost": "fee", "branches": {"positive": (0.2, {"cost": 500, "effect": 11}), "negative": ("else", {"effect": 10})}},
    ... }, {"fee": 50})
    >>> found.sel(strategy="test").cost.item(), found.sel(strategy="test").effect.item()
    (150.0, 10.2)
    """
    expected = {strategy: _expected(node, strategy, (), parameters or {}) for strategy, node in tree.items()}
    columns = {}
    for place, name in enumerate(("cost", "effect")):
        values = xr.broadcast(*(pair[place] for pair in expected.values()))
        columns[name] = xr.concat(values, dim="strategy").transpose("strategy", ...)
    return xr.Dataset(columns).assign_coords(strategy=list(tree))


def branch_probabilities(
    branches: Mapping[str, Any], parameters: Any, strategy: str, path: tuple[str, ...]
) -> dict[str, xr.DataArray]:
    """The probability of each branch of a node, the complement worked out; checked."""
    where = f"strategy {strategy!r}, node {' > '.join(path) or 'root'}"
    stated = {label: _figure(p, parameters, where) for label, (p, _) in branches.items() if not _is_else(p)}
    rest = [label for label, (p, _) in branches.items() if _is_else(p)]
    if len(rest) > 1:
        raise ValueError(f"{where}: {', '.join(rest)} are all else; state the probability of all but one")
    total = sum(stated.values(), start=xr.DataArray(0.0))
    for label, p in stated.items():
        _refuse(~((p >= -TOLERANCE) & (p <= 1 + TOLERANCE)), p, f"{where}: the probability of {label!r} is outside 0-1")
    if rest:
        _refuse(total > 1 + TOLERANCE, total, f"{where}: the stated branches sum to more than 1")
        stated[rest[0]] = 1 - total
    else:
        _refuse(
            ~(abs(total - 1) <= TOLERANCE),
            total,
            f"{where}: the branches do not sum to 1 (write else for the complement)",
        )
    return {label: stated[label] for label in branches}


def _expected(
    node: Mapping[str, Any], strategy: str, path: tuple[str, ...], parameters: Any
) -> tuple[xr.DataArray, xr.DataArray]:
    where = f"strategy {strategy!r}, node {' > '.join(path) or 'root'}"
    if unknown := set(node) - KEYS:
        raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}; a node has cost, effect and branches")
    cost, effect = (_figure(node.get(name, 0.0), parameters, where) for name in ("cost", "effect"))
    branches = node.get("branches") or {}
    if not branches:
        return cost, effect
    for label, probability in branch_probabilities(branches, parameters, strategy, path).items():
        below_cost, below_effect = _expected(branches[label][1], strategy, (*path, label), parameters)
        cost, effect = cost + probability * below_cost, effect + probability * below_effect
    return cost, effect


def _is_else(probability: Any) -> bool:
    return isinstance(probability, str) and probability == "else"


def _figure(value: Any, parameters: Any, where: str) -> xr.DataArray:
    if isinstance(value, str):
        if value not in parameters:
            raise ValueError(f"{where}: no parameter {value!r}; give it in parameters, or correct the name")
        value = parameters[value]
    if isinstance(value, xr.DataArray):
        return value
    array = np.asarray(value, float)
    return xr.DataArray(array, dims=("draw",) if array.ndim == 1 else ())


def _refuse(wrong: xr.DataArray, values: xr.DataArray, problem: str) -> None:
    if bool(wrong.any()):
        if wrong.ndim == 0:
            raise ValueError(f"{problem}: {float(values):g}")
        place = tuple(np.argwhere(wrong.to_numpy())[0])
        named = ", ".join(f"{dim} {at}" for dim, at in zip(wrong.dims, place, strict=True))
        raise ValueError(f"{problem} in {named}: {float(values.to_numpy()[place]):g}")
