"""Activity-based cost: quantity times price, staff by the minute.

An hour of staff costs wage x 12 x (1 + employer add-on) / productive hours a year.

Inside this room quantities are ``xr.Variable``: named dims without labels, so that a block of draws costs arithmetic and not alignment.
"""

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, Protocol

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case, Item


class Draws(Protocol):
    """A table of parameters over ``draw``: a Dataset, or one that remembers what was read."""

    @property
    def sizes(self) -> Mapping[Any, int]:
        """Dims of the table."""

    def __getitem__(self, name: str, /) -> Any:
        """One parameter, a DataArray."""


def product(draws: Draws, names: Iterable[str]) -> xr.Variable:
    """The product of the named parameters; 1 where none is named."""
    return prod((draws[name].variable for name in names), start=xr.Variable((), 1.0))


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


def item_use(draws: Draws, case: Case, item: Item) -> tuple[xr.Variable, xr.Variable]:
    """How much of its resource an item uses each time (in the resource's measure), and what that costs in SEK."""
    quantity = product(draws, item.quantity)
    wage = case.resources[item.resource].wage
    price = minute_price(draws, case, wage) if wage else product(draws, item.price)
    for share in item.less:
        price = price * (1 - draws[share].variable)
    return quantity, quantity * price
