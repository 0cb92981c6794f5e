"""Posteriors kept by the content that made them: a file that is damaged or someone else's is never trusted."""

import ast
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache as remembered
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from pmbudget.evidence import accuracy, blocks, effects, models, multinomial, random_effects, survival, uptake
from pmbudget.evidence.blocks import Block

SOURCES = (accuracy, blocks, effects, models, multinomial, random_effects, survival, uptake)
"""The modules whose code decides what a posterior is."""


def content_key(of: Sequence[Block], **settings: Any) -> str:
    """Content hash of data, model and settings: what the posterior is filed under."""
    data = [
        {
            "how": block.how.model_dump(mode="json", exclude={"part", "prior", "at_month", "at_year", "over"}),
            "parts": [[one.name, one.record.by, one.learning.model_dump(mode="json")] for one in block.parameters],
            "studies": [[study.model_dump(mode="json"), weight] for study, weight in block.counted],
        }
        for block in of
    ]
    content = json.dumps([data, settings, version("pymc")], sort_keys=True)
    # The code and not how it is laid out or commented.
    source = "".join(ast.dump(ast.parse(Path(str(module.__file__)).read_text("utf-8"))) for module in SOURCES)
    return hashlib.sha256((content + source).encode()).hexdigest()[:16]


def _files(folder: Path, key: str) -> tuple[Path, Path]:
    return folder / f"{key}.nc", folder / f"{key}.json"


def store(folder: Path, key: str, fitted: xr.Dataset, diagnostics: pd.DataFrame) -> None:
    """Write a posterior and its manifest with the diagnostics, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    data, manifest = _files(folder, key)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        whole = Path(scratch) / data.name
        fitted.assign_attrs(key=key).to_netcdf(whole, engine="h5netcdf")
        stated = {
            "key": key,
            "sha256": hashlib.sha256(whole.read_bytes()).hexdigest(),
            "diagnostics": diagnostics.to_dict("index"),
            "versions": {name: version(name) for name in ("pymc", "arviz", "numpy")},
        }
        (Path(scratch) / manifest.name).write_text(json.dumps(stated, indent=2), "utf-8")
        os.replace(whole, data)
        os.replace(Path(scratch) / manifest.name, manifest)


def load(folder: Path, key: str) -> tuple[xr.Dataset, pd.DataFrame] | None:
    """The cached posterior and its diagnostics if it is whole and ours, else None."""
    data, manifest = _files(folder, key)
    try:
        stated: Mapping[str, Any] = json.loads(manifest.read_text("utf-8"))
        whole = stated["key"] == key and hashlib.sha256(data.read_bytes()).hexdigest() == stated["sha256"]
        diagnostics = pd.DataFrame.from_dict(stated["diagnostics"], orient="index").rename_axis("parameter")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return (_opened(data, stated["sha256"]), diagnostics) if whole else None


@remembered
def _opened(data: Path, sha256: str) -> xr.Dataset:
    with xr.open_dataset(data, engine="h5netcdf") as stored:
        return stored.load()
