"""One PyMC model per block of evidence, and what the posteriors predict for the parameters.

A model holds what data can inform; what a parameter gets is drawn forward from it: the random effect of a new
setting, not the mean of those studied (the setting of the decision is one more), the family of a curve, a region
without data.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.evidence import accuracy, multinomial, random_effects, survival, uptake
from pmbudget.evidence.blocks import LINKS, Block
from pmbudget.inputs.parameters import Parameter
from pmbudget.inputs.regions import CODES


@dataclass(frozen=True)
class Kind:
    """A kind of model: what adds a block to the model on the context, and the version that its code states."""

    add: Callable[[Block], None]
    version: int


RANDOM_EFFECTS = Kind(random_effects.add_random_effects, random_effects.VERSION)
KINDS: Mapping[str, Kind] = {
    **{name: RANDOM_EFFECTS for name in random_effects.DATA},
    "accuracy": Kind(accuracy.add_accuracy, accuracy.VERSION),
    "survival": Kind(survival.add_survival, survival.VERSION),
    "uptake": Kind(uptake.add_uptake, uptake.VERSION),
    "shares": Kind(multinomial.add_multinomial, multinomial.VERSION),
}


def block_model(block: Block) -> Any:
    """The ``pm.Model`` of one block. A variable that only helps the sampler ends in ``.free``."""
    import pymc as pm

    with pm.Model() as model:
        KINDS[block.model].add(block)
    return model


class Compiled:
    """Models as nutpie samples them. Compiling costs seconds and sampling a moment, so that blocks which differ only in data share one."""

    def __init__(self) -> None:
        self.known: dict[Any, tuple[Any, Any]] = {}

    def __call__(self, block: Block) -> Any:
        """The compiled model of a block, with the block's data."""
        import nutpie

        model = block_model(block)
        data = {one.name: one.get_value() for one in model.data_vars}
        sizes = tuple((name, values.shape, values.dtype.str) for name, values in data.items())
        alike = block.model, tuple(one.name for one in model.free_RVs), sizes
        if block.model not in LINKS or alike not in self.known:
            self.known[alike] = model, nutpie.compile_pymc_model(model)
        first, compiled = self.known[alike]
        for name, values in data.items():
            # Where the chains begin is read from the model itself.
            first[name].set_value(values)
        return compiled.with_data(**{one.name: data[one.name] for one in compiled.shared_var_keys})


def variables(fitted: xr.Dataset) -> xr.Dataset:
    """What of a block's sample its parameters are drawn from: what must have converged, and what is kept."""
    return fitted[sorted(str(name) for name in fitted.data_vars if not str(name).endswith((".free", "__")))]


def under_name(block: Block, fitted: xr.Dataset) -> xr.Dataset:
    """The posterior of a block as it stands among those of others: each variable and dim under the block's name."""
    own = [str(name) for name in {*fitted.variables, *fitted.dims} - {"chain", "draw"}]
    return fitted.rename({name: f"{block.name}.{name}" for name in own})


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


def with_family_weights(block: Block, fitted: xr.Dataset) -> xr.Dataset:
    """The posterior of a block with the weight of each family of survival beside it, so that leave-one-out is computed once."""
    if block.model != "survival":
        return fitted
    weights = survival.family_weights(block, under_name(block, fitted))
    return fitted.assign(weight=("family", [weights[one] for one in block.how.families]))
