"""Cases without tests as data, and illustrations that run only where they are named."""

import re
import shutil

import pytest
from pydantic import ValidationError

from pmbudget.batch.plan import plan_batch
from pmbudget.errors import InputError
from pmbudget.inputs import load_scenario
from pmbudget.inputs.cases import known_cases, ordinary_cases
from pmbudget.inputs.pathways import Strategy

CASE = "gene_therapy"
LABEL = {"sv": "x", "en": "x"}


def changed(shipped, tmp_path, old, new):
    folder = shutil.copytree(shipped, tmp_path / "parameters")
    path = folder / "cases" / CASE / "case.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    return folder


def test_an_illustration_is_known_and_runs_only_where_it_is_named(shipped):
    assert set(known_cases(shipped)) - set(ordinary_cases(shipped)) == {CASE}
    assert CASE not in {run.case for run in plan_batch([], cases=["all"]).runs}
    named = plan_batch(["agreement_even"], cases=[CASE])
    assert {run.case for run in named.runs} == {CASE}
    assert all(job.illustration and not job.tests for job in (*named.chapters, named.comparison))
    other = plan_batch(["agreement_even"], cases=["fh_cascade"])
    assert not any(job.illustration or not job.tests for job in (*other.chapters, other.comparison))


def test_a_case_without_tests_has_one_class_and_nothing_to_find(shipped):
    case = load_scenario("unplanned", shipped, case=CASE).case
    assert not case.has_tests
    assert list(case.classes) == ["everybody"]
    assert case.mismatched == case.reference
    with pytest.raises(ValueError, match="without tests"):
        case.sought  # noqa: B018


def test_tests_go_with_classes_and_a_pathway(shipped, tmp_path):
    folder = shutil.copytree(shipped, tmp_path / "parameters")
    path = folder / "cases" / "fh_cascade" / "case.yaml"
    text = path.read_text("utf-8")
    without = re.sub(r"\npathway:.*?(?=\n\w)", "", text, count=1, flags=re.DOTALL)
    assert without != text
    path.write_text(without, "utf-8")
    with pytest.raises(InputError, match="tests go with pathway"):
        load_scenario("unplanned", folder, case="fh_cascade")


def test_tests_and_a_management_exclude_each_other():
    with pytest.raises(ValidationError, match="remove management, or the tests"):
        Strategy(label=LABEL, tests=[{"test": "panel", "offered": "share"}], management="treated")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    management: gene_therapy\n", "    management: gene_terapy\n", "did you mean"),
        ("action: {", 'finding: {sv: "x", en: "x"}\naction: {', "finding is what the tests look for"),
    ],
)
def test_what_a_case_without_tests_may_not_say_is_told(shipped, tmp_path, old, new, said):
    with pytest.raises(InputError) as told:
        load_scenario("unplanned", changed(shipped, tmp_path, old, new), case=CASE)
    assert said in str(told.value).lower()
