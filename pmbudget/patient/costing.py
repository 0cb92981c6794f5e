"""Activity-based cost: quantity times price, staff by the minute.

An hour of staff costs wage x 12 x (1 + employer add-on) / productive hours a year.

Inside this room quantities are ``xr.Variable``: named dims without labels, so that a block of draws costs arithmetic and not alignment.
What is followed cycle by cycle is a bare array with draws last (cycle, draw), so that each step is one long row.
"""

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, Protocol, Self

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.items import Item


class Draws(Protocol):
    """A table of parameters over ``draw``: a Dataset, or one that remembers what was read."""

    @property
    def attrs(self) -> dict[Any, Any]:
        """What is said of the whole table."""

    def assign(self, moved: Any, /) -> Self:
        """The table with other values of some parameters."""

    @property
    def sizes(self) -> Mapping[Any, int]:
        """Dims of the table."""

    def __getitem__(self, name: str, /) -> Any:
        """One parameter, a DataArray."""


class Read:
    """A table of draws in which each parameter is looked up once: in a large Dataset that takes longer than arithmetic on what is found."""

    def __init__(self, draws: Draws):
        self.attrs, self.sizes = draws.attrs, draws.sizes
        self._draws, self._found = draws, dict[str, Any]()

    def assign(self, moved: Any, /) -> "Read":
        """The table with other values of some parameters."""
        return Read(self._draws.assign(moved))

    def __getitem__(self, name: str, /) -> Any:
        if name not in self._found:
            self._found[name] = self._draws[name]
        return self._found[name]


def product(draws: Draws, names: Iterable[str]) -> xr.Variable:
    """The product of the named parameters; 1 where none is named."""
    return prod((draws[name].variable for name in names), start=xr.Variable((), 1.0))


def by_draw(draws: Draws, names: Iterable[str]) -> np.ndarray:
    """The product of the named parameters, one value for each draw (draw,)."""
    return np.broadcast_to(product(draws, names).to_numpy(), draws.sizes["draw"])


def full(quantity: xr.Variable, **sizes: int) -> np.ndarray:
    """A quantity as an array with all of these dims, in this order."""
    return quantity.set_dims(sizes).transpose(*sizes).to_numpy()


def stacked(parts: list[xr.Variable], dim: str) -> xr.Variable:
    """Quantities side by side on a new first dimension."""
    sizes: dict[Any, int] = {}
    for part in parts:
        sizes |= part.sizes
    return xr.Variable((dim, *sizes), np.stack([part.set_dims(sizes).transpose(*sizes).to_numpy() for part in parts]))


def minute_price(draws: Draws, case: Case, wage: str) -> xr.Variable:
    """SEK for a productive minute of staff with that monthly wage."""
    add_on, hours = (draws[name].variable for name in (case.employer_add_on, case.productive_hours))
    return draws[wage].variable * 12 * (1 + add_on) / (hours * 60)


def annuity_factor(years: Any, rate: Any) -> Any:
    """What a year of a purchase of 1 costs, paid at the end of each year of its life: rate / (1 - (1 + rate)^-years); 1 / years at rate 0.

    Examples
    --------
    >>> round(float(annuity_factor(5, 0.03)), 5)
    0.21835
    """
    free = rate == 0
    safe = np.where(free, 1.0, rate)
    return np.where(free, 1 / years, safe / (1 - (1 + safe) ** -np.asarray(years, float)))


def item_use(draws: Draws, case: Case, item: Item) -> tuple[xr.Variable, xr.Variable]:
    """How much of its resource an item uses each time (in the resource's measure), and what that costs in SEK."""
    quantity = product(draws, item.quantity) / product(draws, item.per)
    wage = case.resources[item.resource].wage
    price = minute_price(draws, case, wage) if wage else product(draws, item.price)
    if item.annuity:
        years, rate = product(draws, [item.annuity.years]), product(draws, ["discount_rate_cost"])
        price = price * xr.apply_ufunc(annuity_factor, years, rate)
        price = price + (product(draws, item.annuity.maintenance) if item.annuity.maintenance else 0.0)
    for share in item.less:
        price = price * (1 - draws[share].variable)
    return quantity, quantity * price
