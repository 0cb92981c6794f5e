"""The house: which room may import which, and what no room may know."""

import ast
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import house
import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "pmbudget"
CASES = Path(__file__).resolve().parents[1] / "parameters" / "cases"

WORDS = ("vocabulary", "errors")
ROOMS = (*house.ROOMS, "cli", "__main__")
MAY_IMPORT = {"vocabulary": set(), "errors": set()} | {
    room: {*WORDS, *ROOMS[:place]} for place, room in enumerate(ROOMS)
}

ARRAYS_ONLY = ("patient", "programme", "financing", "appraisal")
NOT_IN_ARRAYS = {"yaml", "ruamel", "pymc", "papermill", "matplotlib", "seaborn", "json"}


def modules_of(package):
    """Every module of a package folder by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(name, path, known):
    """What a module imports, wherever in it; a module of the package by its own name, not by its room's."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            room = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
            above = room[: len(room) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{source}.{alias.name}" if f"{source}.{alias.name}" in known else source for alias in node.names}
    return found


def room_of(module):
    return module.split(".")[1] if "." in module else ""


def breaches(package):
    """Every import in a package folder that the table does not allow, in words."""
    known = modules_of(package)
    imports = {name: imports_of(name, path, known) for name, path in known.items()}
    found = [f"{package.name} imports {one}, and it imports nothing" for one in sorted(imports.pop(package.name))]
    for name, wanted in imports.items():
        room = room_of(name)
        if room not in MAY_IMPORT:
            found.append(f"{name} stands in no room of the table")
            continue
        for one in sorted(wanted):
            if one.split(".")[0] == package.name:
                if room_of(one) not in {"", room, *MAY_IMPORT[room]}:
                    found.append(f"{name} imports {one}, and {room} may not import {room_of(one)}")
            elif room in ARRAYS_ONLY and one.split(".")[0] in NOT_IN_ARRAYS:
                found.append(f"{name} imports {one}, and {room} knows arrays only")
    return found + [f"cycle: {' -> '.join(cycle)}" for cycle in cycles({n: w & set(known) for n, w in imports.items()})]


def cycles(imports):
    """One closed path of imports for each module that a walk comes back to."""
    found, done = [], set()

    def visit(name, path):
        if name in path:
            found.append([*path[path.index(name) :], name])
        elif name not in done:
            for one in sorted(imports.get(name, ())):
                visit(one, [*path, name])
            done.add(name)

    for name in sorted(imports):
        visit(name, [])
    return found


def names_of_cases(package, cases):
    """Files of the package in which a case's name occurs."""
    names = [path.parent.name for path in cases.glob("*/case.yaml")]
    files = [path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    texts = {path: path.read_bytes().decode("utf-8", errors="replace").lower() for path in files}
    return [f"{path.name}: {name}" for path, text in texts.items() for name in names if name.lower() in text]


def test_every_import_goes_up_the_table():
    assert breaches(PACKAGE) == []


def test_no_case_is_named_in_the_package():
    assert names_of_cases(PACKAGE, CASES) == []


def test_there_are_cases_whose_names_are_looked_for():
    assert list(CASES.glob("*/case.yaml"))


@pytest.fixture
def copied(tmp_path):
    return Path(shutil.copytree(PACKAGE, tmp_path / "pmbudget", ignore=shutil.ignore_patterns("__pycache__")))


def plant(package, file, line):
    path = package / file
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text("utf-8") if path.exists() else "") + f"\n{line}\n", "utf-8")


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("patient/survival.py", "from pmbudget.financing import settle", "patient may not import financing"),
        ("patient/survival.py", "from ..financing.ledger import settle", "patient may not import financing"),
        ("patient/survival.py", "def late():\n    import pmbudget.road", "patient may not import road"),
        ("inputs/regions.py", "from pmbudget.evidence import models", "inputs may not import evidence"),
        ("errors.py", "from pmbudget.inputs import files", "errors may not import inputs"),
        ("road/more.py", "from pmbudget.reporting import anything", "road may not import reporting"),
        ("reporting/more.py", "from pmbudget.batch import plan", "reporting may not import batch"),
        ("appraisal/cea.py", "import json", "appraisal knows arrays only"),
        ("programme/pace.py", "from ruamel.yaml import YAML", "programme knows arrays only"),
        ("financing/ledger.py", "import matplotlib.pyplot as plt", "financing knows arrays only"),
        ("__init__.py", "import numpy", "imports nothing"),
        ("attic/old.py", "x = 1", "stands in no room"),
        ("patient/survival.py", "from pmbudget.patient import outcomes", "cycle"),
        ("patient/survival.py", "from . import simulate", "cycle"),
    ],
)
def test_a_planted_import_is_found(copied, file, line, said):
    before = breaches(copied)
    plant(copied, file, line)
    assert any(said in breach for breach in breaches(copied) if breach not in before)


def test_a_planted_cycle_is_found_whole(copied):
    before = breaches(copied)
    plant(copied, "programme/population.py", "from pmbudget.programme.second import b")
    plant(copied, "programme/second.py", "from pmbudget.programme.population import a")
    first, second = "pmbudget.programme.population", "pmbudget.programme.second"
    assert [breach for breach in breaches(copied) if breach not in before] == [f"cycle: {first} -> {second} -> {first}"]


def test_a_planted_case_name_is_found(copied):
    name = next(CASES.glob("*/case.yaml")).parent.name
    plant(copied, "breakdown.py", f"# {name}")
    assert names_of_cases(copied, CASES) == [f"breakdown.py: {name}"]


@pytest.mark.parametrize("module", ["pmbudget", "pmbudget.inputs", "pmbudget.evidence", "pmbudget.road"])
def test_importing_does_not_load_pymc(module):
    code = f"import {module}, sys; assert 'pymc' not in sys.modules and 'arviz' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent)


@pytest.mark.parametrize("path", sorted((PACKAGE.parent / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_every_benchmark_finds_what_it_measures(path):
    spec = importlib.util.spec_from_file_location(f"benchmark_{path.stem}", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_the_list_of_modules_is_what_the_modules_say():
    """Else: make house."""
    assert house.DOCUMENT.read_text("utf-8") == house.document()
