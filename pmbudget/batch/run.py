"""One notebook by papermill, in a process of its own: executed, exported, and put in place whole or not at all."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from pmbudget.batch.manifest import edited, is_of_package, write_manifest
from pmbudget.batch.plan import Job, Walk, is_current
from pmbudget.errors import EvidenceError, InputError
from pmbudget.inputs.files import shown

TIME_LIMIT = 3600
"""Seconds of wall clock that one notebook may take."""
SCRATCH = ".work-"
MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "1000000000"}
"""Large arrays come and go by the thousand: glibc keeps their memory instead of asking for it anew, which took a third of a walk."""


@dataclass(frozen=True)
class Outcome:
    """What became of a job: ``error`` is None when it is in place."""

    job: Job | Walk
    error: str | None = None


class Children:
    """The processes under way, so that an interrupt can end all of them."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self.stopped = False

    def call(self, command: list[str], env: dict[str, str]) -> tuple[int, str]:
        """Run a command in a session of its own to its end or the time limit; exit code and what it said on stderr."""
        with self._lock:
            if self.stopped:
                return 130, "interrupted"
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env, start_new_session=True
            )
            self._running.add(process)
        try:
            _, said = process.communicate(timeout=TIME_LIMIT)
            return process.returncode, said
        except subprocess.TimeoutExpired:
            return 124, f"stopped after {TIME_LIMIT} s"
        finally:
            _end(process)
            with self._lock:
                self._running.discard(process)

    def stop(self) -> None:
        """End all that is under way, and start nothing more."""
        with self._lock:
            self.stopped = True
            for process in self._running:
                _end(process)


def _end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()


def sweep(batch: Path) -> None:
    """Remove what interrupted runs left half done, those that are still at work apart."""
    for folder in batch.glob(f"{SCRATCH}*"):
        owner = folder.name.removeprefix(SCRATCH).split("-")[0]
        if not (owner.isdigit() and psutil.pid_exists(int(owner))):
            shutil.rmtree(folder, ignore_errors=True)


def run_job(
    job: Job | Walk, batch: Path, children: Children, *, threads: int, files: Mapping[str, Any] | None = None
) -> Outcome:
    """Execute a job; a model error is returned, never raised, and nothing half-written counts as done.

    With ``files``, the state of all files when the job was planned, what was edited in between is not filed.
    """
    batch.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-{job.name}-", dir=batch))
    try:
        order = scratch / "job.json"
        order.write_text(json.dumps(asdict(job)), "utf-8")
        env = {**MEMORY, **os.environ, **{name: str(threads) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")}}
        code, said = children.call([sys.executable, "-m", "pmbudget.batch.child", str(order)], env)
        if children.stopped:
            return Outcome(job, "interrupted")
        failure = scratch / "error.txt"
        if code or failure.exists():
            told = failure.read_text("utf-8") if failure.exists() else said.strip() or f"exit code {code}"
            return Outcome(job, told if isinstance(job, Walk) else _as_far(job, scratch, batch, told))
        if isinstance(job, Job):
            if changed := _edited(job, files):
                return Outcome(job, f"{changed} was edited while this ran, so that it is not filed; run again")
            _place(job, scratch / "made", batch)
        return Outcome(job)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _edited(job: Job, files: Mapping[str, Any] | None) -> str:
    """What was edited since the job was planned and would give another result; nothing where it would give the same."""
    changed = edited(files) if files is not None else []
    if not changed or not (is_of_package(changed) or Path(job.notebook) in changed or not _is_current(job)):
        return ""
    return ", ".join(map(shown, changed))


def _is_current(job: Job) -> bool:
    """Whether the files still say what the job was planned on; files that cannot be read do not."""
    try:
        return is_current(job)
    except (InputError, EvidenceError, OSError, ValueError):
        return False


def _as_far(job: Job, scratch: Path, batch: Path, told: str) -> str:
    """What went wrong; the notebook as far as it came is kept under ``failed/``."""
    partial = scratch / "made" / f"{job.chapter.name}.ipynb"
    if partial.exists():
        kept = batch / "failed" / f"{job.folders[0].strip('.') or 'batch'}-{job.chapter.name}.ipynb"
        kept.parent.mkdir(exist_ok=True)
        os.replace(partial, kept)
        told = f"{told}\nas far as it came: {kept}"
    return told


def _place(job: Job, made: Path, batch: Path) -> None:
    files = [path.name for path in made.iterdir()]
    for name in job.folders:
        folder = batch / name
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            part = folder / f".{file}.part"
            shutil.copyfile(made / file, part)
            os.replace(part, folder / file)
        stated: dict[str, Any] = {"key": job.key, "parameters": dict(job.parameters), "posterior": job.posterior}
        write_manifest(folder, job.chapter.name, stated, files)
