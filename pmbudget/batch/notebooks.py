"""The notebooks: which there are, what they read, and the check that stops a misspelt parameter."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pmbudget.errors import Fault, InputError
from pmbudget.inputs.files import find_folder, near, shown

PATIENT = ("parameters", "case", "price_year", "levers")
EVERYTHING = (*PATIENT, "name", "scenario", "agreement", "standing", "regions")


@dataclass(frozen=True)
class Chapter:
    """A notebook of a run: its name, which parts of a resolved scenario it reads, and which files besides."""

    name: str
    reads: tuple[str, ...]
    files: tuple[str, ...] = ()


CHAPTERS = (
    Chapter("01_evidence", (*PATIENT, "findings", "reviewed")),
    Chapter("02_patient_pathway", PATIENT),
    Chapter("03_cost_effectiveness", PATIENT),
    Chapter("04_implementation", EVERYTHING),
    Chapter("05_budget_impact", EVERYTHING),
    Chapter(
        "06_agreement",
        EVERYTHING,
        ("agreements/*.yaml", "contracts/*.yaml", "frames/*.yaml", "scenarios/*.yaml", "funding/*.yaml"),
    ),
    Chapter("07_value_of_information", EVERYTHING),
)
COMPARISON = Chapter("08_compare_scenarios", ())
"""The notebook of a batch, once its runs are there."""


def notebook_path(chapter: Chapter) -> Path:
    """Where a chapter's notebook lies."""
    return find_folder("notebooks") / f"{chapter.name}.ipynb"


def check_parameters(names: Mapping[str, Any]) -> None:
    """Stop a notebook that was given a parameter it does not have, or one of another type.

    Parameters
    ----------
    names : mapping
        ``globals()`` of the notebook, in the cell after its parameters.

    Raises
    ------
    InputError
        Naming each wrong parameter and all that are valid.
    """
    declared: Mapping[str, Any] = names.get("__annotations__") or {}
    faults = []
    for name, value in names.items():
        if (
            name.startswith("_")
            or name in ("In", "Out")
            or not isinstance(value, str | int | float | list | dict | None)
        ):
            continue
        if name not in declared:
            remedy = f"{near(name, declared)} Valid: {', '.join(declared)}"
            faults.append(Fault("notebook", name, "the notebook has no such parameter", remedy, value))
        else:
            expected = get_origin(declared[name]) or declared[name]
            kinds = get_args(declared[name]) if not isinstance(expected, type) else (expected,)
            if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                wanted = " or ".join(kind.__name__ for kind in kinds)
                faults.append(Fault("notebook", name, f"is not of type {wanted}", f"give {wanted}", value))
    if faults:
        raise InputError(faults)


def notebook_faults(path: Path) -> list[Fault]:
    """What keeps a notebook from being a good one to store and run."""
    file = shown(path)
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
    except (ValueError, KeyError) as error:
        return [Fault(file, "file", f"no notebook: {error}", "restore it")]
    faults = []
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    tags = [cell.get("metadata", {}).get("tags", []) for cell in code]
    sources = ["".join(cell["source"]) for cell in code]
    if any(cell.get("outputs") or cell.get("execution_count") for cell in code):
        faults.append(Fault(file, "outputs", "stored with outputs", "clear all outputs and save"))
    if not tags or "parameters" not in tags[0]:
        faults.append(Fault(file, "cell 1", "the first code cell is not tagged parameters", "tag it parameters"))
    if len(sources) < 2 or "check_parameters(globals())" not in sources[1]:
        faults.append(Fault(file, "cell 2", "parameters are not checked", "call check_parameters(globals()) in it"))
    for number, source in enumerate(sources, start=1):
        for line in source.splitlines():
            if line.lstrip().startswith(("def ", "for ", "while ", "class ")):
                faults.append(
                    Fault(file, f"cell {number}", f"{line.split()[0]} in a notebook", "move it to the package", line)
                )
            if "import pymc" in line and not path.name.startswith("01_"):
                faults.append(
                    Fault(file, f"cell {number}", "only 01 may import pymc", "use the cached posterior", line)
                )
    return faults
