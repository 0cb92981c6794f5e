"""Levers: root causes and means that a scenario switches on, each through parameters that it names."""

from collections.abc import Mapping, Sequence

import xarray as xr
from scipy import special

from pmbudget.inputs.programmes import Lever, LeverEffect
from pmbudget.patient.costing import Draws

PULLED = "levers"
"""Attribute of a table of draws: the levers that have been pulled on it."""


def pull[Table: Draws](draws: Table, levers: Mapping[str, Lever], on: Sequence[str]) -> Table:
    """The draws with the effects of the levers that are on, in the order of ``on``; whoever makes draws pulls them.

    An effect on a parameter x is x times its size, x plus its size, or logit^-1(logit x + size). A size of 1, 0 and 0 is no effect.
    Draws remember which levers have been pulled, so that the same are never pulled twice.

    Raises
    ------
    ValueError
        Other levers have been pulled already.
    """
    before = draws.attrs.get(PULLED, [])
    if before == list(on):
        return draws
    if before:
        raise ValueError(
            f"levers {', '.join(before)} are pulled already and {', '.join(on) or 'none'} wanted; draw the parameters anew"
        )
    table = draws.assign({})
    for name in on:
        for effect in levers[name].effects:
            table = table.assign({effect.parameter: _moved(table, effect)})
    table.attrs[PULLED] = list(on)
    return table


def require(draws: Draws, on: Sequence[str]) -> None:
    """See that just these levers have been pulled on the draws.

    Raises
    ------
    ValueError
        Others have, or some of them have not.
    """
    before = draws.attrs.get(PULLED, [])
    if before != list(on):
        raise ValueError(
            f"levers pulled on these draws: {', '.join(before) or 'none'}; the scenario has {', '.join(on) or 'none'}: "
            "draw with scenario_draws(scenario)"
        )


def _moved(draws: Draws, effect: LeverEffect) -> xr.DataArray:
    value, size = draws[effect.parameter], draws[effect.size]
    if effect.how == "factor":
        return value * size
    if effect.how == "add":
        return value + size
    return xr.apply_ufunc(special.expit, xr.apply_ufunc(special.logit, value) + size)
