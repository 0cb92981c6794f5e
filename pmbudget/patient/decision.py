"""A decision tree as data: expected cost and effect of each strategy, over draws at once.

No chapter calls it: it is for published trees that the package is held against, and for small models of one's own.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.patient.cohort import PRINTED
from pmbudget.vocabulary import matched

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
        A name that ``parameters`` does not have, a key that a node does not have, a probability outside 0-1, branches that do not sum
        to 1 or figures with other labels: strategy, node and draw are named.

    Examples
    --------
    >>> found = decision_tree({
    ...     "no test": {"cost": 0, "effect": 10},
    ...     "test": {"cost": "fee", "branches": {"positive": (0.2, {"cost": 500, "effect": 11}), "negative": ("else", {"effect": 10})}},
    ... }, {"fee": 50})
    >>> found.sel(strategy="test").cost.item(), found.sel(strategy="test").effect.item()
    (150.0, 10.2)
    """
    figure = _Figures(parameters or {})
    expected = {strategy: _expected(node, strategy, (), figure) for strategy, node in tree.items()}
    columns = {}
    for place, name in enumerate(("cost", "effect")):
        values = xr.broadcast(*(pair[place] for pair in expected.values()))
        columns[name] = xr.concat(values, dim="strategy").transpose("strategy", ...)
    return xr.Dataset(columns).assign_coords(strategy=list(tree))


def branch_probabilities(
    branches: Mapping[str, Any], figure: "_Figures", strategy: str, path: tuple[str, ...]
) -> dict[str, xr.DataArray]:
    """The probability of each branch of a node, the complement worked out; checked, and made to sum to 1 within print precision."""
    where = f"strategy {strategy!r}, node {' > '.join(path) or 'root'}"
    stated = {label: figure(p, where) for label, (p, _) in branches.items() if not _is_else(p)}
    rest = [label for label, (p, _) in branches.items() if _is_else(p)]
    if len(rest) > 1:
        raise ValueError(f"{where}: {', '.join(rest)} are all else; state the probability of all but one")
    total = sum(stated.values(), start=xr.DataArray(0.0))
    for label, p in stated.items():
        _refuse(~((p >= -PRINTED) & (p <= 1 + PRINTED)), p, f"{where}: the probability of {label!r} is outside 0-1")
    if rest:
        _refuse(total > 1 + PRINTED, total, f"{where}: the stated branches sum to more than 1")
        stated[rest[0]] = (1 - total).clip(min=0)
        total = total.clip(min=1)
    else:
        _refuse(
            ~(abs(total - 1) <= PRINTED),
            total,
            f"{where}: the branches do not sum to 1 (write else for the complement)",
        )
    return {label: stated[label].clip(min=0) / total for label in branches}


def _expected(
    node: Mapping[str, Any], strategy: str, path: tuple[str, ...], figure: "_Figures"
) -> tuple[xr.DataArray, xr.DataArray]:
    where = f"strategy {strategy!r}, node {' > '.join(path) or 'root'}"
    if unknown := set(node) - KEYS:
        raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}; a node has cost, effect and branches")
    cost, effect = (figure(node.get(name, 0.0), where) for name in ("cost", "effect"))
    branches = node.get("branches") or {}
    if not branches:
        return cost, effect
    for label, probability in branch_probabilities(branches, figure, strategy, path).items():
        below_cost, below_effect = _expected(branches[label][1], strategy, (*path, label), figure)
        cost, effect = cost + probability * below_cost, effect + probability * below_effect
    return cost, effect


def _is_else(probability: Any) -> bool:
    return isinstance(probability, str) and probability == "else"


class _Figures:
    """A tree's figures looked up, all with the labels of the first that has them."""

    def __init__(self, parameters: Any):
        self.parameters = parameters
        self.labels: dict[str, xr.DataArray] = {}

    def __call__(self, value: Any, where: str) -> xr.DataArray:
        """A number, an array over draws or a name, as an array."""
        if isinstance(value, str):
            if value not in self.parameters:
                raise ValueError(f"{where}: no parameter {value!r}; give it in parameters, or correct the name")
            value = self.parameters[value]
        if not isinstance(value, xr.DataArray):
            plain = np.asarray(value, float)
            value = xr.DataArray(plain, dims=("draw",) if plain.ndim == 1 else ())
        *_, found = matched(**self.labels, **{where: value})
        for dim in found.dims:
            if dim in found.coords:
                self.labels.setdefault(f"an earlier figure, over {dim},", found[dim])
        return found


def _refuse(wrong: xr.DataArray, values: xr.DataArray, problem: str) -> None:
    if bool(wrong.any()):
        if wrong.ndim == 0:
            raise ValueError(f"{problem}: {float(values):.10g}")
        place = tuple(np.argwhere(wrong.to_numpy())[0])
        named = ", ".join(f"{dim} {at}" for dim, at in zip(wrong.dims, place, strict=True))
        raise ValueError(f"{problem} in {named}: {float(values.to_numpy()[place]):.10g}")
