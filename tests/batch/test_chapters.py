"""Every cell of every notebook is run at few draws: for each case, and with levers, a gate and another organisation of laboratories."""

import ast
import json
import re
import shutil
import warnings
from pathlib import Path

import IPython.display
import pytest
from IPython.core.formatters import DisplayFormatter

from pmbudget.batch.notebooks import CHAPTERS, COMPARISON, notebook_path
from pmbudget.inputs.cases import ordinary_cases

DRAWS = 100
"""Regressions on what a study tells of four parameters need so many."""
ALL_AT_ONCE = """
label: {sv: "Allt på en gång", en: "All at once"}
base: agreement_gated
levers: [shared_it, outcome_based_pay, industry_cofunding]
laboratories: national
evidence: assumption
source: {title: "Invented"}
"""
CASES = sorted(path.parent.name for path in Path(__file__).parents[2].glob("parameters/cases/*/case.yaml"))
WITH_TESTS = ordinary_cases(Path(__file__).parents[2] / "parameters")
EVIDENCE, *REST = CHAPTERS


RUNS = [
    *((case, "agreement_even") for case in CASES),
    ("nsclc_panel", "all_at_once"),
    pytest.param("nsclc_panel", "agreement_gated", marks=pytest.mark.whole),
    pytest.param("nsclc_panel", "agreement_one_laboratory", marks=pytest.mark.whole),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory, shipped):
    """A folder to work in, with the shipped files and a scenario that has levers, a gate and one laboratory."""
    place = tmp_path_factory.mktemp("project")
    shutil.copytree(shipped, place / "parameters")
    (place / "parameters" / "scenarios" / "all_at_once.yaml").write_text(ALL_AT_ONCE, "utf-8")
    return place


@pytest.fixture
def run(project, monkeypatch):
    """Runs a notebook's code cells as papermill would, and gives what each of them shows."""
    shown = []
    formatted = DisplayFormatter().format

    def show(*values):
        shown.extend(formatted(value)[0] for value in values if value is not None)

    def executed(chapter, **parameters):
        cells = json.loads(notebook_path(chapter).read_text("utf-8"))["cells"]
        first, *others = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        names = {"__name__": "__main__"}
        exec(first, names)
        names |= parameters
        for source in others:
            *body, last = ast.parse(source).body
            if not isinstance(last, ast.Expr):
                body, last = [*body, last], ast.Expr(ast.Constant(None))
            exec(compile(ast.Module(body, []), chapter.name, "exec"), names)
            show(eval(compile(ast.Expression(last.value), chapter.name, "eval"), names))
        return shown

    monkeypatch.chdir(project)
    monkeypatch.setattr(IPython.display, "display", show)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield executed


OF_TESTS = re.compile(r"\b(test|tests|tested|testing|untested|laborator\w*|diagnostic\w*)\b", re.IGNORECASE)
"""Words that a case without tests has no use for."""
SAID_OF_NONE = {"there is no test here", "no tests; the strategy decides the treatment"}


def speaks_of_tests(page):
    """What a page's tables and sentences say of tests, but that there are none."""
    shown = [re.sub(r"<[^>]+>", " ", str(data.get("text/html", ""))).lower() for data in page]
    for none in SAID_OF_NONE:
        shown = [text.replace(none, "") for text in shown]
    return [text[max(0, found.start() - 80) : found.end() + 40] for text in shown for found in OF_TESTS.finditer(text)]


def has_content(page):
    return all({"text/html", "image/png"} & set(data) for data in page) and len(page) > 5


@pytest.mark.parametrize("chapter", REST, ids=lambda chapter: chapter.name)
@pytest.mark.parametrize(("case", "scenario"), RUNS)
def test_every_cell_of_a_chapter_runs(run, without_pymc, tmp_path, case, scenario, chapter):
    page = run(chapter, case=case, scenario=scenario, draws=DRAWS, language="en", output_dir=str(tmp_path))
    assert has_content(page)
    if case not in WITH_TESTS:
        assert speaks_of_tests(page) == []


@pytest.mark.parametrize("case", CASES)
def test_every_cell_of_the_evidence_runs(run, case):
    assert has_content(run(EVIDENCE, case=case, draws=DRAWS, language="en"))


def test_every_cell_of_the_comparison_runs(run, without_pymc, tmp_path):
    budget = next(chapter for chapter in CHAPTERS if chapter.name == "05_budget_impact")
    for scenario in ("unplanned", "agreement_even"):
        (tmp_path / scenario).mkdir()
        run(budget, scenario=scenario, draws=DRAWS, language="en", output_dir=str(tmp_path / scenario))
    page = run(COMPARISON, batch=str(tmp_path), language="en")
    assert has_content(page)
