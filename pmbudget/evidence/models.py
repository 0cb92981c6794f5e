"""One PyMC model per case, so that everything that is learnt shares one posterior, and what it predicts for the
parameters.

The model holds what data can inform; what a parameter gets is drawn forward from it: the random effect of a new
setting, not the mean of those studied (the setting of the decision is one more), the family of a curve, a region
without data.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.evidence import accuracy, multinomial, random_effects, survival, uptake
from pmbudget.evidence.blocks import Block, of_model
from pmbudget.inputs.parameters import Parameter
from pmbudget.inputs.regions import CODES


def case_model(blocks: Sequence[Block]) -> Any:
    """The ``pm.Model`` of all blocks."""
    import pymc as pm

    with pm.Model() as model:
        for kind in random_effects.DATA:
            if mine := of_model(blocks, kind):
                random_effects.add_random_effects(mine, kind)
        if mine := of_model(blocks, "accuracy"):
            accuracy.add_accuracy(mine)
        for block in of_model(blocks, "survival"):
            survival.add_survival(block)
        for block in of_model(blocks, "uptake"):
            uptake.add_uptake(block)
        for block in of_model(blocks, "shares"):
            multinomial.add_multinomial(block)
    return model


def variables(block: Block, fitted: xr.Dataset) -> dict[str, xr.DataArray]:
    """The variables of the posterior that a block's parameters are drawn from, by name: what must have converged."""
    if block.model in ("survival", "uptake", "shares"):
        own = {str(name) for name in fitted.data_vars if str(name).startswith(f"{block.name}.")}
        return {
            name.removeprefix(f"{block.name}."): fitted[name]
            for name in sorted(own)
            if not name.endswith((".free", ".weight"))
        }
    held = {"mu": "mean", "tau": "spread", "rho": "correlation", "slope": "spectrum"}
    return {
        word: fitted[f"{block.model}_{name}"].sel({f"{block.model}_block": block.name})
        for name, word in held.items()
        if f"{block.model}_{name}" in fitted
    }


def predicted(
    blocks: Sequence[Block], fitted: xr.Dataset, generator: Callable[[str], np.random.Generator]
) -> xr.Dataset:
    """The draws of every learnt parameter: (draw) or (draw, region), chains one after the other.

    ``generator`` gives each block its own random numbers by name, so that a block's draws do not hang on the others.
    """
    draws: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for block in blocks:
        rng = generator(block.name)
        found = _parts(block, fitted, rng)
        for parameter in block.parameters:
            values = found[part_of(parameter)]
            if parameter.record.by is None and values.ndim == 2:
                values = values[:, 0]
            draws[parameter.name] = (("draw", "region")[: values.ndim], values)
    return xr.Dataset(draws, coords={"region": list(CODES)})


def _parts(block: Block, fitted: xr.Dataset, rng: np.random.Generator) -> dict[str, np.ndarray]:
    if block.model == "survival":
        return survival.parts(block, fitted, rng)
    if block.model == "uptake":
        return uptake.parts(block, fitted, rng)
    if block.model == "shares":
        return multinomial.new_setting(block, fitted, rng)
    if block.model == "accuracy":
        return accuracy.new_settings(block, fitted, rng, len(CODES))
    return {"": random_effects.new_setting(block, fitted, rng, len(CODES))}


def part_of(parameter: Parameter) -> str:
    """Which of its block's parts a parameter is; empty where the model has one."""
    how = parameter.learning
    if how.part == "alive":
        return f"alive at {how.at_month:g}"
    return f"level at {how.at_year:g}" if how.part == "level" else how.part or ""


def with_family_weights(blocks: Sequence[Block], fitted: xr.Dataset) -> xr.Dataset:
    """The posterior with the weight of each family of survival beside it, so that leave-one-out is computed once."""
    for block in of_model(blocks, "survival"):
        weights = survival.family_weights(block, fitted)
        fitted = fitted.assign({f"{block.name}.weight": (f"{block.name}.family", [weights[one] for one in weights])})
    return fitted
