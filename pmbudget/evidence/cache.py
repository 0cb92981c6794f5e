"""Posteriors filed by the content that made them, a file for each block: one that is damaged or another's is never trusted.

A folder holds files ``<key>.nc.gz`` (netCDF 3, draws as 32-bit numbers) and manifests that say what they are. The folder that travels
with the project has one manifest; the cache has one for each file, so that two runs can write to it at once.
"""

import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.evidence.blocks import LINKS, PRIORS, Block
from pmbudget.evidence.models import KINDS
from pmbudget.inputs.studies import Study

MANIFEST = "manifest.json"
MADE_WITH = ("pymc", "nutpie", "arviz", "numpy")
TOLD = frozenset(Study.model_fields) - {"study"}
"""Columns of a study table that no model reads: where a figure was found, and what is said of it."""


@dataclass(frozen=True)
class Component:
    """The posterior of one block: its own variables over chain and draw, and the worst r_hat and effective sample sizes of them."""

    name: str
    fitted: xr.Dataset
    diagnostics: Mapping[str, Any]


def component_key(block: Block, **settings: Any) -> str:
    """What the posterior of a block is filed under: a hash of its data, its priors, the version of its model and the settings.

    No library has a part in it, nor how the code is laid out, so that it is the same on every machine.
    """
    how = block.how.model_dump(mode="json", include={"model", "family", "families", "weights", "spectrum", "curve"})
    studies = [
        [study.model_dump(mode="json", exclude=set(TOLD), exclude_defaults=True), weight]
        for study, weight in block.counted
    ]
    stated = {part or "": prior.model_dump(exclude_none=True) for part, prior in block.stated_priors.items()}
    priors = (
        [PRIORS[block.model], {part: prior for part, prior in stated.items() if prior}] if block.model in LINKS else []
    )
    return content_hash([block.name, KINDS[block.model].version, how, studies, priors, settings])


def content_hash(content: Any) -> str:
    """The first 16 digits of the SHA-256 of plain data; numbers are told as Python tells them, to the last bit."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def manifest(folder: Path, name: str = MANIFEST) -> dict[str, Any]:
    """What a folder says that it holds, by key; nothing where it has no manifest or one that cannot be read."""
    try:
        stated = json.loads((folder / name).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stated if isinstance(stated, dict) else {}


def load(folder: Path, key: str, stated: Mapping[str, Any]) -> Component | None:
    """The posterior that a manifest states under a key; None if it has none, or not that file."""
    try:
        packed, entry = _file(folder, key).read_bytes(), stated[key]
        if hashlib.sha256(packed).hexdigest() != entry["sha256"]:
            return None
        fitted = unpacked(packed)
        return Component(entry["component"], fitted, entry["diagnostics"]) if fitted.attrs["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def store(folder: Path, components: Mapping[str, Component], name: str) -> None:
    """Write posteriors and then the manifest that states them, each file whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {_file(folder, key): packed(one.fitted.assign_attrs(key=key)) for key, one in components.items()}
    stated = {
        key: {
            "component": one.name,
            "sha256": hashlib.sha256(files[_file(folder, key)]).hexdigest(),
            "diagnostics": one.diagnostics,
            "made_with": {"python": platform.python_version(), **{name: version(name) for name in MADE_WITH}},
        }
        for key, one in components.items()
    }
    files[folder / name] = (json.dumps(stated, indent=2, ensure_ascii=False) + "\n").encode()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for path, content in files.items():
            (Path(scratch) / path.name).write_bytes(content)
            os.replace(Path(scratch) / path.name, path)


def replace_folder(folder: Path, components: Mapping[str, Component]) -> None:
    """Make a folder hold these posteriors and no others; until all are written, it stays as it was."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        store(new, components, MANIFEST)
        if folder.exists():
            shutil.move(folder, old)
        try:
            shutil.move(new, folder)
        except BaseException:
            if old.exists():
                shutil.move(old, folder)
            raise


def packed(fitted: xr.Dataset) -> bytes:
    """A posterior as the bytes of its file: draws rounded to 32 bits, the same bytes from the same numbers."""
    rounded = {name: one.astype(np.float32) for name, one in fitted.data_vars.items() if "draw" in one.dims}
    return gzip.compress(bytes(fitted.assign(rounded).to_netcdf(engine="scipy")), mtime=0)


def as_kept(fitted: xr.Dataset) -> xr.Dataset:
    """A posterior as it is read from its file, so that who fitted it has the numbers of who loads it."""
    return unpacked(packed(fitted))


def unpacked(content: bytes) -> xr.Dataset:
    """A posterior from the bytes of its file, in 64 bits, so that all that follows calculates in them."""
    with xr.open_dataset(io.BytesIO(gzip.decompress(content)), engine="scipy") as stored:
        fitted = stored.load()
    return fitted.assign({name: one.astype(float) for name, one in fitted.data_vars.items()})


def _file(folder: Path, key: str) -> Path:
    return folder / f"{key}.nc.gz"
