"""Levers: root causes and means that a scenario switches on, each through parameters that it names."""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr
from scipy import special

from pmbudget.inputs.programmes import Lever, LeverEffect
from pmbudget.patient.costing import Draws


class Moved:
    """A table of draws in which some parameters have been moved; the others are those of the table."""

    def __init__(self, draws: Draws, moved: Mapping[str, xr.DataArray]):
        self.draws, self.moved = draws, dict(moved)

    def __getitem__(self, name: str, /) -> xr.DataArray:
        """One parameter, moved or not."""
        return self.moved[name] if name in self.moved else self.draws[name]

    @property
    def sizes(self) -> Mapping[Any, int]:
        """Dims of the table."""
        return self.draws.sizes


def levered(draws: Draws, levers: Mapping[str, Lever], on: Sequence[str]) -> Draws:
    """The draws with the effects of the levers that are on, in the order of ``on``.

    An effect on a parameter x is x times its size, x plus its size, or logit^-1(logit x + size). A size of 1, 0 and 0 is no effect.
    """
    table = draws
    for name in on:
        for effect in levers[name].effects:
            table = Moved(table, {effect.parameter: _moved(table, effect)})
    return table


def _moved(draws: Draws, effect: LeverEffect) -> xr.DataArray:
    value, size = draws[effect.parameter], draws[effect.size]
    if effect.how == "factor":
        return value * size
    if effect.how == "add":
        return value + size
    return xr.apply_ufunc(special.expit, xr.apply_ufunc(special.logit, value) + size)
