"""Fit once, gate, cache by content: a scenario never fits, it loads."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache as remembered
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.errors import EvidenceError
from pmbudget.evidence import models
from pmbudget.inputs.files import project_folder
from pmbudget.inputs.parameters import Parameter, ParameterSet
from pmbudget.vocabulary import POSTERIOR_DRAWS

LARGEST_R_HAT = 1.01
SMALLEST_ESS = 400


@dataclass(frozen=True)
class Posterior:
    """What the data say of the learnt parameters.

    ``draws`` has one variable per parameter over ``draw``, chains one after the other; ``fitted`` the whole posterior group (chain, draw);
    ``diagnostics`` r_hat and effective sample sizes by parameter; ``key`` the content hash that a manifest states.
    """

    draws: xr.Dataset
    fitted: xr.Dataset
    diagnostics: pd.DataFrame
    key: str


def learnt(parameters: ParameterSet) -> list[Parameter]:
    """The parameters that come from a posterior."""
    return [parameter for parameter in parameters.values() if parameter.is_learnt]


def evidence_key(
    parameters: ParameterSet, *, draws: int = POSTERIOR_DRAWS[0], chains: int = POSTERIOR_DRAWS[1], seed: int = 1
) -> str:
    """Content hash of data, model and settings: what the cached posterior is filed under."""
    data = {
        parameter.name: [(study.model_dump(mode="json"), weight) for study, weight in models.pooled_studies(parameter)]
        for parameter in learnt(parameters)
    }
    content = json.dumps([data, draws, chains, seed, version("pymc")], sort_keys=True)
    source = Path(models.__file__).read_text("utf-8")
    return hashlib.sha256((content + source).encode()).hexdigest()[:16]


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

    A cached posterior is used when its file is whole (its SHA-256 is the one in its manifest) and its key is that of the data, the model
    and the settings; otherwise it is fitted anew, in PyMC with nutpie where that is installed.

    Raises
    ------
    EvidenceError
        A parameter's r_hat is above 1.01 or its effective sample size below 400, or there were divergences; all are named.
    """
    key = evidence_key(parameters, draws=draws, chains=chains, seed=seed)
    folder = project_folder(cache)
    found = _load(folder, key)
    if found is not None or not learnt(parameters):
        return found or Posterior(xr.Dataset(), xr.Dataset(), pd.DataFrame(), key)
    fitted, divergences = _sample(learnt(parameters), draws, chains, seed, progress)
    _gate(fitted, divergences)
    _store(folder, key, fitted)
    return _posterior(fitted, key)


def _sample(parameters: list[Parameter], draws: int, chains: int, seed: int, progress: bool) -> tuple[xr.Dataset, int]:
    import pymc as pm

    with models.proportion_model(parameters):
        tree = pm.sample(
            draws,
            tune=1500,
            chains=chains,
            random_seed=seed,
            target_accept=0.995,
            progressbar=progress,
            quiet=not progress,
        )
    return tree["posterior"].to_dataset(), int(tree["sample_stats"]["diverging"].sum())


def _diagnostics(fitted: xr.Dataset) -> pd.DataFrame:
    import arviz as az

    used = fitted[["predicted"]]
    columns = {
        "r_hat": az.rhat(used)["predicted"],
        "ess_bulk": az.ess(used, method="bulk")["predicted"],
        "ess_tail": az.ess(used, method="tail")["predicted"],
    }
    return pd.DataFrame(
        {name: np.asarray(values) for name, values in columns.items()},
        index=pd.Index(fitted["parameter"].to_numpy().astype(str), name="parameter"),
    )


def _gate(fitted: xr.Dataset, divergences: int) -> None:
    found = _diagnostics(fitted)
    bad = found[
        (found["r_hat"] > LARGEST_R_HAT)
        | (found[["ess_bulk", "ess_tail"]].min(axis=1) < SMALLEST_ESS)
        | found.isna().any(axis=1)
    ]
    problems = [
        f"{name}: r_hat {row.r_hat:.3f}, bulk ESS {row.ess_bulk:.0f}, tail ESS {row.ess_tail:.0f}"
        for name, row in bad.iterrows()
    ]
    if divergences:
        problems.append(f"{divergences} divergences in {', '.join(found.index)}")
    if problems:
        raise EvidenceError(
            f"the fit is not to be trusted (r_hat above {LARGEST_R_HAT}, ESS below {SMALLEST_ESS}, or divergences):\n  "
            + "\n  ".join(problems)
            + "\nRemedy: fit with more draws, or look at the studies of these parameters"
        )


def _posterior(fitted: xr.Dataset, key: str) -> Posterior:
    flat = fitted["predicted"].stack(row=("chain", "draw"))
    names = [str(name) for name in fitted["parameter"].to_numpy()]
    draws = xr.Dataset({name: ("draw", flat.sel(parameter=name).to_numpy()) for name in names})
    return Posterior(draws, fitted, _diagnostics(fitted), key)


def _files(folder: Path, key: str) -> tuple[Path, Path]:
    return folder / f"{key}.nc", folder / f"{key}.json"


def _store(folder: Path, key: str, fitted: xr.Dataset) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data, manifest = _files(folder, key)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        whole = Path(scratch) / data.name
        fitted.assign_attrs(key=key).to_netcdf(whole, engine="h5netcdf")
        stated = {
            "key": key,
            "sha256": hashlib.sha256(whole.read_bytes()).hexdigest(),
            "parameters": [str(name) for name in fitted["parameter"].to_numpy()],
            "versions": {name: version(name) for name in ("pymc", "arviz", "numpy")},
        }
        (Path(scratch) / manifest.name).write_text(json.dumps(stated, indent=2), "utf-8")
        os.replace(whole, data)
        os.replace(Path(scratch) / manifest.name, manifest)


def _load(folder: Path, key: str) -> Posterior | None:
    """The cached posterior if it is whole and ours, else None."""
    data, manifest = _files(folder, key)
    try:
        stated: Mapping[str, Any] = json.loads(manifest.read_text("utf-8"))
        whole = stated["key"] == key and hashlib.sha256(data.read_bytes()).hexdigest() == stated["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not whole:
        return None
    return _opened(data, key, stated["sha256"])


@remembered
def _opened(data: Path, key: str, sha256: str) -> Posterior:
    with xr.open_dataset(data, engine="h5netcdf") as stored:
        return _posterior(stored.load(), key)
