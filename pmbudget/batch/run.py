"""One notebook by papermill, in a process of its own: executed, exported, and put in place whole or not at all."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pmbudget.batch.manifest import edited, is_of_package, write_manifest
from pmbudget.batch.plan import Job, Walk, is_current
from pmbudget.road import is_alive

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
        if not (owner.isdigit() and is_alive(int(owner))):
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
        code, said = children.call([sys.executable, "-m", "pmbudget.batch.run", str(order)], env)
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
    if not changed or not (is_of_package(changed) or not is_current(job)):
        return ""
    return ", ".join(changed)


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


def execute(order: Path) -> None:
    """The child's part: execute the notebook over IPC, strip what is private, export the page."""
    job = json.loads(order.read_text("utf-8"))
    if "chapter" not in job:
        _walk(job["parameters"], order)
        return
    made = order.parent / "made"
    made.mkdir()
    name = job["chapter"]["name"]
    try:
        notebook = execute_notebook(
            Path(job["notebook"]), made / f"{name}.ipynb", {**job["parameters"], "output_dir": str(made)}
        )
    except Exception as error:
        (order.parent / "error.txt").write_text(explained(error), "utf-8")
        return
    _export(job, notebook, made / name)


def _walk(given: dict[str, Any], order: Path) -> None:
    from pmbudget.inputs import load_scenario
    from pmbudget.road import evaluated

    try:
        scenario = load_scenario(given["scenario"], overrides=given["overrides"], case=given["case"])
        evaluated(scenario, draws=given["draws"], seed=given["seed"])
    except Exception as error:
        (order.parent / "error.txt").write_text(explained(error), "utf-8")


def execute_notebook(source: Path, target: Path, parameters: dict[str, Any]) -> Any:
    """Papermill with a kernel of this very Python, whatever kernel the notebook remembers from the machine it was saved on.

    Over IPC on a socket of its own (TCP ports are now and then taken); on Windows over TCP.
    """
    import papermill
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from traitlets import default

    class OwnPython(KernelSpecManager):
        """Knows one kernel: ipykernel in the Python that runs the batch."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(**get_kernel_dict())

    with tempfile.TemporaryDirectory(prefix="pmb") as folder:

        class OwnKernel(AsyncKernelManager):
            """A kernel manager on a short, unique socket path."""

            @default("kernel_spec_manager")
            def _kernel_spec_manager(self) -> KernelSpecManager:
                return OwnPython(parent=self)

            @default("transport")
            def _transport(self) -> str:
                return "tcp" if os.name == "nt" else "ipc"

            @default("ip")
            def _ip(self) -> str:
                return "127.0.0.1" if os.name == "nt" else f"{folder}/k"

        return papermill.execute_notebook(
            source,
            target,
            parameters,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            kernel_manager_class=OwnKernel,
            shutdown_kernel="immediate",
        )


def explained(error: Exception) -> str:
    """An exception as a user reads it: the notebook's own error without papermill's frame."""
    name, value = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", str(error))
    cell = getattr(error, "exec_count", None)
    return f"{name}{f' in cell {cell}' if cell else ''}: {value}"


def _export(job: dict[str, Any], notebook: Any, stem: Path) -> None:
    from pmbudget import __version__
    from pmbudget.reporting.page import notebook_html
    from pmbudget.reporting.words import Words

    settings = job["settings"]
    words = Words(settings["language"])
    title = f"{words('reports.' + job['chapter']['name'])}: {job['title']}"
    made = made_note(words, __version__, settings["draws"], settings["seed"])
    index = "index.html" if job["folders"] == ["."] else "../index.html"
    page = notebook_html(
        notebook,
        language=settings["language"],
        title=title,
        about=job["title"],
        index=index,
        made=made,
        quick=settings["quick"],
    )
    stem.with_suffix(".html").write_text(page, "utf-8")
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
    notebook.metadata.pop("papermill", None)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    private = str(stem.parent)
    text = json.dumps(notebook, ensure_ascii=False, indent=1).replace(private, ".")
    stem.with_suffix(".ipynb").write_text(text, "utf-8")


def made_note(words: Callable[..., str], version: str, draws: int, seed: int) -> str:
    """When and with what a page was made."""
    from datetime import datetime

    time = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    return words("index_made", time=time, version=version, draws=draws, seed=seed)


if __name__ == "__main__":
    execute(Path(sys.argv[1]))
