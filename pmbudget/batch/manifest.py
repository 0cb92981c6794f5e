"""What was run on what: written last, so that a manifest means a finished run."""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from stat import S_ISREG
from typing import Any

import pmbudget
from pmbudget.inputs.files import content_hash, find_folder

NUMERIC = ("numpy", "scipy", "xarray", "pandas", "pymc", "arviz")


def _package_files() -> list[Path]:
    root = Path(pmbudget.__file__).parent
    return sorted(path for path in root.rglob("*") if path.suffix in (".py", ".yaml", ".css", ".j2", ".json"))


@cache
def package_key() -> str:
    """SHA-256 of the package's own files, as they were when it was first asked for."""
    root = Path(pmbudget.__file__).parent
    return content_hash([(path.relative_to(root).as_posix(), path.read_text("utf-8")) for path in _package_files()])


def state_of_files() -> dict[str, tuple[int, int]]:
    """Size and time of change of every file that a run reads: the package's, the parameters', the notebooks'."""
    read = [path for folder in ("parameters", "notebooks") for path in find_folder(folder).rglob("*")]
    state = {}
    for path in (*_package_files(), *(path for path in read if not path.name.startswith("."))):
        # What an editor makes and removes in the meantime is no file of the project.
        with suppress(FileNotFoundError):
            stat = path.stat()
            if S_ISREG(stat.st_mode):
                state[str(path)] = stat.st_size, stat.st_mtime_ns
    return state


def edited(before: Mapping[str, Any]) -> list[Path]:
    """The files that are not as they were."""
    now = state_of_files()
    return [Path(name) for name in sorted({*before, *now}) if before.get(name) != now.get(name)]


def is_of_package(paths: Iterable[Path]) -> bool:
    """Whether one of the files is, or was, of the package itself."""
    return any(path.is_relative_to(Path(pmbudget.__file__).parent) for path in paths)


@cache
def versions() -> Mapping[str, str]:
    """Versions of Python, the package and the numeric libraries."""
    return {"python": platform.python_version(), "pmbudget": pmbudget.__version__, **{n: version(n) for n in NUMERIC}}


@cache
def commit() -> Mapping[str, Any]:
    """The commit of the checkout and whether it was changed since; empty outside a checkout."""
    try:
        root = Path(pmbudget.__file__).parents[1]
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
        changed = subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"commit": head.stdout.strip(), "dirty": bool(changed.stdout.strip())}


def write_manifest(folder: Path, chapter: str, stated: Mapping[str, Any], files: list[str]) -> None:
    """A chapter's manifest beside its files, whole or not at all."""
    content = {
        **stated,
        "chapter": chapter,
        "files": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(files)},
        "versions": dict(versions()),
        **commit(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": "completed",
    }
    part = folder / f".{chapter}.manifest.part"
    part.write_text(json.dumps(content, indent=2, ensure_ascii=False), "utf-8")
    os.replace(part, folder / f"{chapter}.manifest.json")


def is_done(folder: Path, chapter: str, key: str) -> bool:
    """Whether a folder holds this chapter, run on just this, with all its files."""
    try:
        stated = json.loads((folder / f"{chapter}.manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return stated.get("key") == key and all((folder / name).is_file() for name in stated.get("files", {}))
