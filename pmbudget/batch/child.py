"""What a job's own process does: one scenario walked, or one notebook executed and exported; heavy libraries load where they are used."""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def execute(order: Path) -> None:
    """The child's part: execute the notebook over IPC, strip what is private, export the page."""
    job = json.loads(order.read_text("utf-8"))
    if "chapter" not in job:
        _walk(job["key"], job["parameters"], order)
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


def _walk(key: str, given: dict[str, Any], order: Path) -> None:
    from pmbudget.inputs import load_scenario
    from pmbudget.road import evaluated

    try:
        scenario = load_scenario(given["scenario"], overrides=given["overrides"], case=given["case"])
        found = evaluated(scenario, draws=given["draws"], seed=given["seed"])
        if Path(found.kept_in).name != key:
            raise ValueError("an input was edited after the batch was planned; run again")
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
        illustration=job["illustration"],
        tests=job["tests"],
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
