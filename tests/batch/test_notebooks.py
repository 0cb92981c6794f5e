import json
from pathlib import Path

import pytest

from pmbudget.batch.notebooks import CHAPTERS, COMPARISON, check_parameters, notebook_faults, notebook_path
from pmbudget.errors import InputError

DECLARED = {"scenario": str, "draws": int, "overrides": dict}
GIVEN = {
    "__annotations__": DECLARED,
    "scenario": "a",
    "draws": 10,
    "overrides": {},
    "In": [],
    "_": 1,
    "check": check_parameters,
}


def test_declared_parameters_pass():
    check_parameters(GIVEN)


def test_a_misspelt_parameter_stops_with_the_valid_ones():
    with pytest.raises(InputError, match=r"scenaro.*did you mean scenario\? Valid: scenario, draws, overrides"):
        check_parameters({**GIVEN, "scenaro": "b"})


@pytest.mark.parametrize(("name", "value"), [("draws", "many"), ("draws", True), ("draws", 1.5), ("overrides", [])])
def test_a_parameter_of_another_type_stops(name, value):
    with pytest.raises(InputError, match=name):
        check_parameters({**GIVEN, name: value})


@pytest.mark.parametrize("chapter", [*CHAPTERS, COMPARISON], ids=lambda chapter: chapter.name)
def test_the_shipped_notebooks_are_fit_to_store(chapter):
    assert notebook_faults(notebook_path(chapter)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda cells: cells[2].update(outputs=[{"output_type": "stream"}]), "stored with outputs"),
        (lambda cells: cells[2]["metadata"].update(tags=[]), "not tagged parameters"),
        (lambda cells: cells[3].update(source="pass"), "not checked"),
        (lambda cells: cells[4].update(source="def f():\n    pass"), "def in a notebook"),
        (lambda cells: cells[4].update(source="import pymc"), "only 01 may import pymc"),
    ],
)
def test_a_notebook_that_breaks_the_habits_is_told(tmp_path, change, said):
    notebook = json.loads(notebook_path(CHAPTERS[-1]).read_text("utf-8"))
    change(notebook["cells"])
    copy = Path(tmp_path / "05_copy.ipynb")
    copy.write_text(json.dumps(notebook), "utf-8")
    assert said in "\n".join(map(str, notebook_faults(copy)))
