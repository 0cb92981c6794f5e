"""Fit once, gate, keep by content: a scenario never fits, it loads.

Each block of evidence is fitted alone, seeded by its name, so that its draws depend on its own data, priors, model and settings and on
nothing else. The posteriors of the shipped cases travel with the project.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.errors import EvidenceError
from pmbudget.evidence import cache as kept
from pmbudget.evidence import models
from pmbudget.evidence.blocks import Block, blocks_of
from pmbudget.evidence.cache import Component
from pmbudget.evidence.generators import generator
from pmbudget.inputs.files import project_folder, shown
from pmbudget.inputs.parameters import ParameterSet
from pmbudget.vocabulary import POSTERIOR_DRAWS

LARGEST_R_HAT = 1.01
SMALLEST_ESS = 400
SAMPLER: dict[str, Any] = {"tune": 1000, "target_accept": 0.99}
THINNING = 2
"""Of how many draws one is kept: sampling costs seconds, and the draws kept are closer to independent."""
CACHE = "outputs/evidence"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """How a posterior is sampled: draws kept of each chain, chains, seed."""

    draws: int = POSTERIOR_DRAWS[0]
    chains: int = POSTERIOR_DRAWS[1]
    seed: int = 1

    def key(self, block: Block) -> str:
        """What the posterior of a block is filed under with these settings."""
        return kept.component_key(block, **vars(self), sampler=[SAMPLER, THINNING])


@dataclass(frozen=True)
class Posterior:
    """What the data say of the learnt parameters.

    ``draws`` has one variable per parameter over ``draw`` (and ``region``), chains one after the other; ``fitted``
    the posteriors that they are drawn from (chain, draw) on the link scales, each variable under its block's name; ``diagnostics`` the
    worst r_hat and effective sample sizes by parameter; ``key`` the content hash that a manifest states.
    """

    draws: xr.Dataset
    fitted: xr.Dataset
    diagnostics: pd.DataFrame
    key: str


def evidence_key(
    parameters: ParameterSet, *, draws: int = POSTERIOR_DRAWS[0], chains: int = POSTERIOR_DRAWS[1], seed: int = 1
) -> str:
    """Content hash of data, models and settings, and of which parameters are drawn from them."""
    settings = Settings(draws, chains, seed)
    return kept.content_hash(
        [
            [settings.key(block), [[one.name, one.record.by, models.part_of(one)] for one in block.parameters]]
            for block in blocks_of(parameters.values())
        ]
    )


def fit_evidence(
    parameters: ParameterSet,
    *,
    cache: str | Path = CACHE,
    draws: int = POSTERIOR_DRAWS[0],
    chains: int = POSTERIOR_DRAWS[1],
    seed: int = 1,
    progress: bool = True,
) -> Posterior:
    """The posterior of every parameter that has studies, loaded or fitted block by block.

    A posterior is taken from the folder that is shipped beside the parameters, else from ``cache``, if its file is whole (its SHA-256 is
    the one in the manifest) and its key is that of the block's data, priors, model version and settings. Otherwise the block is fitted in
    PyMC with nutpie and filed in ``cache``; with ``progress`` a line says which block and why.

    Raises
    ------
    EvidenceError
        A parameter's r_hat is above 1.01 or its effective sample size below 400, or there were divergences; all are
        named. What converged is filed.
    """
    settings, folder = Settings(draws, chains, seed), project_folder(cache)
    blocks = {settings.key(block): block for block in blocks_of(parameters.values())}
    kept_or_why = {one: _kept(one, parameters.posterior, folder) for one in blocks}
    found = {one: held for one, held in kept_or_why.items() if isinstance(held, Component)}
    missing = [(block, str(kept_or_why[one])) for one, block in blocks.items() if one not in found]
    found |= fit_blocks(missing, settings, folder, progress=progress)
    fitted, rows = xr.Dataset(), dict[str, Mapping[str, Any]]()
    for one, block in blocks.items():
        fitted.update(models.under_name(block, found[one].fitted))
        rows |= {parameter.name: found[one].diagnostics for parameter in block.parameters}
    drawn = models.predicted(list(blocks.values()), fitted, lambda name: generator(seed, f"new setting of {name}", 0))
    diagnostics = pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")
    key = evidence_key(parameters, draws=draws, chains=chains, seed=seed)
    return Posterior(drawn if blocks else xr.Dataset(), fitted, diagnostics, key)


def _kept(key: str, shipped: Path | None, cache: Path) -> Component | str:
    """The posterior under a key as it was shipped or cached, or why there is none to take."""
    why = "no posterior is kept of these data, priors, model and settings"
    for folder, name in [*([(shipped, kept.MANIFEST)] if shipped else []), (cache, f"{key}.json")]:
        stated = kept.manifest(folder, name)
        if one := kept.load(folder, key, stated):
            return one
        if key in stated:
            why = f"the file {key} in {shown(folder)} is damaged"
    return why


def fit_blocks(
    blocks: Iterable[tuple[Block, str]], settings: Settings, cache: Path, *, progress: bool = True
) -> dict[str, Component]:
    """By key, the posteriors of blocks, each fitted for the reason stated; those that converged are filed in ``cache``.

    They are as they are read from there: rounded to 32 bits.

    Raises
    ------
    EvidenceError
        As :func:`fit_evidence`.
    """
    compiled, problems, found = models.Compiled(), list[str](), dict[str, Component]()
    for block, why in blocks:
        if progress:
            log.warning("%s (%s) is fitted: %s", block.name, ", ".join(one.name for one in block.parameters), why)
        sampled, divergences = _sample(compiled, block, settings)
        diagnostics = diagnosed(sampled)
        if faults := _faults(block, diagnostics, divergences):
            problems += faults
            continue
        key, whole = settings.key(block), models.with_family_weights(block, sampled)
        found[key] = Component(block.name, kept.as_kept(whole), diagnostics)
        kept.store(cache, {key: found[key]}, f"{key}.json")
    _gate(problems)
    return found


def _sample(compiled: models.Compiled, block: Block, settings: Settings) -> tuple[xr.Dataset, int]:
    """The sample of what a block's parameters are drawn from, and how many divergences there were."""
    import nutpie

    tree = nutpie.sample(
        compiled(block),
        draws=settings.draws * THINNING,
        chains=settings.chains,
        seed=int(generator(settings.seed, f"chains of {block.name}", 0).integers(2**32)),
        progress_bar=False,
        **SAMPLER,
    )
    sampled = models.variables(tree["posterior"].to_dataset()).drop_vars(["chain", "draw"]).drop_attrs()
    return sampled.isel(draw=slice(None, None, THINNING)), int(tree["sample_stats"]["diverging"].sum())


def diagnosed(sampled: xr.Dataset) -> dict[str, Any]:
    """The worst r_hat, bulk and tail effective sample sizes of a block's variables, and which of them are not to be trusted."""
    found = pd.DataFrame.from_dict({name: _worst(values) for name, values in sampled.items()}, orient="index")
    # A chain that never moved has no r_hat: not a number counts as the worst.
    return {
        "r_hat": float(np.max(found["r_hat"].to_numpy())),
        "ess_bulk": float(np.min(found["ess_bulk"].to_numpy())),
        "ess_tail": float(np.min(found["ess_tail"].to_numpy())),
        "unsound": ", ".join(str(name) for name in found.index[_unsound(found)]),
    }


def _worst(values: xr.DataArray) -> dict[str, float]:
    import arviz as az

    bare = values.drop_vars(list(values.coords))
    return {
        "r_hat": float(np.max(az.rhat(bare).to_numpy())),
        "ess_bulk": float(np.min(az.ess(bare, method="bulk").to_numpy())),
        "ess_tail": float(np.min(az.ess(bare, method="tail").to_numpy())),
    }


def _unsound(found: pd.DataFrame) -> pd.Series:
    smallest = found[["ess_bulk", "ess_tail"]].min(axis=1)
    return (found["r_hat"] > LARGEST_R_HAT) | (smallest < SMALLEST_ESS) | found.isna().any(axis=1)


def _faults(block: Block, row: Mapping[str, Any], divergences: int) -> list[str]:
    """What is wrong with the fit of a block."""
    names, problems = ", ".join(one.name for one in block.parameters), []
    if row["unsound"]:
        size = f"bulk ESS {row['ess_bulk']:.0f}, tail ESS {row['ess_tail']:.0f}"
        problems.append(f"{names} ({row['unsound']}): r_hat {row['r_hat']:.3f}, {size}")
    return [*problems, *([f"{divergences} divergences in {names}"] if divergences else [])]


def _gate(problems: Sequence[str]) -> None:
    if problems:
        raise EvidenceError(
            f"the fit is not to be trusted (r_hat above {LARGEST_R_HAT}, ESS below {SMALLEST_ESS}, or divergences):\n  "
            + "\n  ".join(problems)
            + "\nRemedy: fit with more draws, or look at the studies of these parameters"
        )
