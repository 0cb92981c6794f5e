"""Fit once, gate, cache by content: a scenario never fits, it loads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.errors import EvidenceError
from pmbudget.evidence import cache as kept
from pmbudget.evidence import models
from pmbudget.evidence.blocks import Block, blocks_of, learnt
from pmbudget.evidence.generators import generator
from pmbudget.inputs.files import project_folder
from pmbudget.inputs.parameters import ParameterSet
from pmbudget.vocabulary import POSTERIOR_DRAWS

LARGEST_R_HAT = 1.01
SMALLEST_ESS = 400
SAMPLER: dict[str, Any] = {"tune": 1000, "target_accept": 0.99}
THINNING = 2
"""Of how many draws one is kept: sampling costs seconds, and the draws kept are closer to independent."""


@dataclass(frozen=True)
class Posterior:
    """What the data say of the learnt parameters.

    ``draws`` has one variable per parameter over ``draw`` (and ``region``), chains one after the other; ``fitted``
    the whole posterior group (chain, draw) on the link scales; ``diagnostics`` the worst r_hat and effective sample
    sizes by parameter; ``key`` the content hash that a manifest states.
    """

    draws: xr.Dataset
    fitted: xr.Dataset
    diagnostics: pd.DataFrame
    key: str


def evidence_key(
    parameters: ParameterSet, *, draws: int = POSTERIOR_DRAWS[0], chains: int = POSTERIOR_DRAWS[1], seed: int = 1
) -> str:
    """Content hash of data, model and settings: what the cached posterior is filed under."""
    return kept.content_key(
        blocks_of(learnt(parameters)), draws=draws, chains=chains, seed=seed, sampler=[SAMPLER, THINNING]
    )


def fit_evidence(
    parameters: ParameterSet,
    *,
    cache: str | Path = "outputs/evidence",
    draws: int = POSTERIOR_DRAWS[0],
    chains: int = POSTERIOR_DRAWS[1],
    seed: int = 1,
    progress: bool = True,
) -> Posterior:
    """The posterior of every parameter that has studies, fitted or loaded.

    A cached posterior is used when its file is whole (its SHA-256 is the one in its manifest) and its key is that of
    the data, the model and the settings; otherwise it is fitted anew, in PyMC with nutpie where that is installed.

    Raises
    ------
    EvidenceError
        A parameter's r_hat is above 1.01 or its effective sample size below 400, or there were divergences; all are
        named.
    """
    key = evidence_key(parameters, draws=draws, chains=chains, seed=seed)
    blocks = blocks_of(learnt(parameters))
    if not blocks:
        return Posterior(xr.Dataset(), xr.Dataset(), pd.DataFrame(), key)
    folder = project_folder(cache)
    found = kept.load(folder, key)
    if found is None:
        fitted, divergences = _sample(blocks, draws, chains, seed, progress)
        diagnostics = diagnosed(blocks, fitted)
        _gate(diagnostics, divergences)
        found = models.with_family_weights(blocks, fitted), diagnostics
        kept.store(folder, key, *found)
    fitted, diagnostics = found
    drawn = models.predicted(blocks, fitted, lambda name: generator(seed, f"new setting of {name}", 0))
    return Posterior(drawn, fitted, diagnostics, key)


def _sample(blocks: Sequence[Block], draws: int, chains: int, seed: int, progress: bool) -> tuple[xr.Dataset, int]:
    import pymc as pm

    with models.case_model(blocks):
        tree = pm.sample(
            draws * THINNING,
            chains=chains,
            random_seed=seed,
            progressbar=progress,
            quiet=not progress,
            compute_convergence_checks=False,
            **SAMPLER,
        )
    fitted = tree["posterior"].to_dataset().isel(draw=slice(None, None, THINNING))
    return fitted.assign_coords(draw=range(draws)), int(tree["sample_stats"]["diverging"].sum())


def diagnosed(blocks: Sequence[Block], fitted: xr.Dataset) -> pd.DataFrame:
    """The worst r_hat, bulk and tail effective sample sizes of what each parameter is drawn from, and which variable
    has them.
    """
    rows: dict[str, dict[str, Any]] = {}
    for block in blocks:
        held = models.variables(block, fitted)
        found = pd.DataFrame.from_dict({name: _worst(values) for name, values in held.items()}, orient="index")
        # A chain that never moved has no r_hat: not a number counts as the worst.
        row = {
            "r_hat": np.max(found["r_hat"].to_numpy()),
            "ess_bulk": np.min(found["ess_bulk"].to_numpy()),
            "ess_tail": np.min(found["ess_tail"].to_numpy()),
            "unsound": ", ".join(str(name) for name in found.index[_unsound(found)]),
        }
        rows |= {parameter.name: row for parameter in block.parameters}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")


def _worst(values: xr.DataArray) -> dict[str, float]:
    import arviz as az

    bare = values.drop_vars([name for name in values.coords if name not in ("chain", "draw")])
    return {
        "r_hat": float(np.max(az.rhat(bare).to_numpy())),
        "ess_bulk": float(np.min(az.ess(bare, method="bulk").to_numpy())),
        "ess_tail": float(np.min(az.ess(bare, method="tail").to_numpy())),
    }


def _unsound(found: pd.DataFrame) -> pd.Series:
    smallest = found[["ess_bulk", "ess_tail"]].min(axis=1)
    return (found["r_hat"] > LARGEST_R_HAT) | (smallest < SMALLEST_ESS) | found.isna().any(axis=1)


def _gate(found: pd.DataFrame, divergences: int) -> None:
    problems = [
        f"{name} ({row.unsound}): r_hat {row.r_hat:.3f}, bulk ESS {row.ess_bulk:.0f}, tail ESS {row.ess_tail:.0f}"
        for name, row in found[found["unsound"] != ""].iterrows()
    ]
    if divergences:
        problems.append(f"{divergences} divergences in {', '.join(found.index)}")
    if problems:
        raise EvidenceError(
            f"the fit is not to be trusted (r_hat above {LARGEST_R_HAT}, ESS below {SMALLEST_ESS}, or divergences):\n  "
            + "\n  ".join(problems)
            + "\nRemedy: fit with more draws, or look at the studies of these parameters"
        )
