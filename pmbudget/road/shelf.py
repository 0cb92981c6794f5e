"""A shelf of records, each under its key: stored whole or not at all, and what is damaged or foreign is made anew.

A record is a folder named by its key: a NumPy file for each array, large ones float32 on disk and float64 when read, and
``manifest.json``, which has the labels and the SHA-256 of every file. The folder is put in place by one rename.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import psutil
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from pmbudget.inputs.files import content_hash, project_folder

FOLDER = "outputs/results"
LARGEST_FOLDER = 8 * 1024**3
"""Bytes that kept records may take; the longest unused go first."""
LARGE = 100_000
"""Values from which an array is float32 on disk."""
NEEDED, SCRATCH, MANIFEST = ".needed-", ".part-", "manifest.json"


def place_of(key: str, folder: str | Path | None = None) -> Path:
    """Where the record of a key is kept."""
    return project_folder(folder or FOLDER) / key


def kept[Record](key: str, make: Callable[[], Record], kind: type[Record], *, folder: str | Path | None) -> Record:
    """A record from the folder, or made, stored whole or not at all, and read back."""
    place = place_of(key, folder)
    found = _read(place, kind)
    if found is None:
        _store(place, make())
        found = _read(place, kind)
        _make_room(place.parent)
    if found is None:
        raise OSError(f"{place} cannot be read back; see that there is room on the disk and that the folder is yours")
    return found


def is_kept(key: str, *, folder: str | Path | None = None) -> bool:
    """Whether a record of that key is in the folder with all its files; that each is whole is seen when it is read."""
    return _stated(place_of(key, folder), whole=False) is not None


def _store(place: Path, record: Any) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f"{SCRATCH}{os.getpid()}-") as scratch:
        made = Path(scratch) / place.name
        made.mkdir()
        parts = _written(record, made, "")
        files = {file.name: [file.stat().st_size, _digest(file)] for file in made.iterdir()}
        stated = {"key": place.name, "files": files, "parts": parts, "parts_hash": content_hash(parts)}
        (made / MANIFEST).write_text(json.dumps(stated), "utf-8")
        if _stated(place, whole=True) is None:
            # What is damaged goes; what somebody else has put in place meanwhile stays.
            with suppress(OSError):
                os.rename(place, Path(scratch) / "damaged")
            with suppress(OSError):
                os.rename(made, place)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _written(part: Any, folder: Path, name: str) -> Any:
    """What a part of a record is, as plain data; its arrays go to files of their own."""
    if is_dataclass(part):
        return {each.name: _written(getattr(part, each.name), folder, f"{name}{each.name}.") for each in fields(part)}
    if isinstance(part, xr.Dataset):
        return {
            "variables": {str(one): _written(part[one].variable, folder, f"{name}{one}.") for one in part.data_vars},
            "coords": _plain_coords(part),
        }
    if isinstance(part, xr.DataArray):
        return {"values": _written(part.variable, folder, name), "coords": _plain_coords(part)}
    if isinstance(part, xr.Variable | np.ndarray):
        values = np.asarray(part)
        values = values.astype(str) if values.dtype == object else values
        large = isinstance(part, xr.Variable) and values.dtype == float and values.size >= LARGE
        np.save(folder / f"{name}npy", values.astype(np.float32) if large else values, allow_pickle=False)
        return {"file": f"{name}npy", "dims": list(getattr(part, "dims", ()))}
    if isinstance(part, Mapping):
        return {one: _written(value, folder, f"{name}{one}.") for one, value in part.items()}
    return part


def _plain_coords(part: xr.Dataset | xr.DataArray) -> dict[str, Any]:
    return {str(name): [list(one.dims), one.to_numpy().tolist(), one.dtype.kind] for name, one in part.coords.items()}


def _read(place: Path, kind: type[Any]) -> Any:
    """The record that a folder holds, if the folder is whole and its own; else None."""
    stated = _stated(place, whole=True)
    if stated is None:
        return None
    # Whose folder it is may not be ours to touch.
    with suppress(OSError):
        os.utime(place / MANIFEST)
    try:
        return _rebuilt(stated["parts"], kind, place)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _stated(place: Path, *, whole: bool) -> Mapping[str, Any] | None:
    """What a folder's manifest says, if it is the folder's own and all files are there, ``whole`` to the last byte; else None."""
    try:
        stated = json.loads((place / MANIFEST).read_text("utf-8"))
        sound = stated["key"] == place.name and stated["parts_hash"] == content_hash(stated["parts"])
        for name, (size, digest) in stated["files"].items():
            file = place / name
            sound = sound and file.stat().st_size == size and (not whole or _digest(file) == digest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return stated if sound else None


def _rebuilt(part: Any, kind: Any, folder: Path) -> Any:
    """A part of a record from plain data; ``kind`` is what its record says that it is."""
    if is_dataclass(kind):
        kinds = get_type_hints(kind)
        return kind(**{name: _rebuilt(part[name], kinds[name], folder) for name in kinds})  # type: ignore[operator]
    if not isinstance(part, Mapping):
        return part
    if "variables" in part:
        return xr.Dataset(
            {name: _variable(one, folder) for name, one in part["variables"].items()}, _coords(part["coords"])
        )
    if "values" in part:
        return xr.DataArray(_variable(part["values"], folder), _coords(part["coords"]))
    if "file" in part:
        return np.load(folder / part["file"], allow_pickle=False)
    return {name: _rebuilt(one, Any, folder) for name, one in part.items()}


def _coords(stated: Mapping[str, Any]) -> dict[str, xr.Variable]:
    kinds = {"O": str, "U": str, "T": str}
    return {
        name: xr.Variable(dims, np.array(values, kinds.get(kind, kind)))
        for name, (dims, values, kind) in stated.items()
    }


def _variable(stated: Mapping[str, Any], folder: Path) -> xr.Variable:
    values = np.load(folder / stated["file"], mmap_mode="r", allow_pickle=False)
    if values.size < LARGE:
        return xr.Variable(stated["dims"], np.array(values))
    return xr.Variable(stated["dims"], indexing.LazilyIndexedArray(OnDisk(values)))


class OnDisk(BackendArray):
    """An array in a file, read as float64 where and when it is touched."""

    def __init__(self, values: np.ndarray):
        self.values, self.shape = values, values.shape
        self.dtype = np.dtype(float) if values.dtype == np.float32 else values.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        """The part asked for."""
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, lambda where: self.values[where].astype(self.dtype)
        )


@contextmanager
def needed(keys: Collection[str], *, folder: str | Path | None = None) -> Iterator[None]:
    """While it is open, no process evicts results of these keys."""
    place = project_folder(folder or FOLDER)
    place.mkdir(parents=True, exist_ok=True)
    lease = place / f"{NEEDED}{os.getpid()}"
    lease.write_text("\n".join(keys), "utf-8")
    try:
        yield
    finally:
        lease.unlink(missing_ok=True)


def _make_room(folder: Path) -> None:
    """Remove what ended processes left half done, and the longest unused results beyond what the folder may take.

    What a running batch needs stays.
    """
    held = set[str]()
    for lease in folder.glob(f"{NEEDED}*"):
        if psutil.pid_exists(int(lease.name.removeprefix(NEEDED))):
            with suppress(FileNotFoundError):
                held |= set(lease.read_text("utf-8").splitlines())
        else:
            lease.unlink(missing_ok=True)
    for scratch in folder.glob(f"{SCRATCH}*"):
        if not psutil.pid_exists(int(scratch.name.removeprefix(SCRATCH).split("-")[0])):
            shutil.rmtree(scratch, ignore_errors=True)
    total = 0
    for place, (_, size, found) in enumerate(sorted(_used(folder), reverse=True)):
        total += size
        if place and total > LARGEST_FOLDER and found.name not in held:
            shutil.rmtree(found, ignore_errors=True)


def _used(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """When each kept record was last read, its bytes, and where it is; one that another process removes meanwhile is left out."""
    for manifest in folder.glob(f"*/{MANIFEST}"):
        with suppress(FileNotFoundError):
            size = sum(file.stat().st_size for file in manifest.parent.iterdir())
            yield manifest.stat().st_mtime, size, manifest.parent
