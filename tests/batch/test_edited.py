"""A file that is edited while a batch runs: what it would have changed is not filed."""

import shutil
from pathlib import Path

import pytest

from pmbudget.batch import run as running
from pmbudget.batch.plan import Settings, plan_batch
from pmbudget.batch.run import Children, run_job

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of the user's own."""
    for folder in ("parameters", "notebooks"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def job(project):
    """Chapter 05 of a plan, and the state of the files that it was planned on."""
    plan = plan_batch(["agreement_even"], settings=Settings(draws=20))
    return next(one for one in plan.chapters if one.chapter.name == "05_budget_impact"), plan


def run(job, monkeypatch, edit):
    """What becomes of the chapter where ``edit`` is made while its notebook runs."""

    class Hands(Children):
        def call(self, command, env):
            made = Path(command[-1]).parent / "made"
            made.mkdir()
            (made / f"{one.chapter.name}.html").write_text("page", "utf-8")
            edit()
            return 0, ""

    one, plan = job
    outcome = run_job(one, plan.folder, Hands(), threads=1, files=plan.files)
    return outcome, one.is_done(plan.folder)


def appended(path, text):
    return lambda: path.write_text(path.read_text("utf-8") + text, "utf-8")


@pytest.mark.parametrize("place", ["parameters/norms.yaml", "notebooks/05_budget_impact.ipynb"])
def test_a_file_that_the_chapter_reads(project, job, monkeypatch, place):
    path = project / place
    text = path.read_text("utf-8")
    changed = text.replace("value: 0.03", "value: 0.04") if place.endswith("yaml") else text.replace("cap_msek", "cap")
    assert changed != text
    outcome, done = run(job, monkeypatch, lambda: path.write_text(changed, "utf-8"))
    assert f"{path.name} was edited while this ran" in outcome.error
    assert not done


def test_the_package_itself(project, job, monkeypatch):
    monkeypatch.setattr(running, "edited", lambda before: [ROOT / "pmbudget" / "road" / "recipe.py"])
    outcome, done = run(job, monkeypatch, lambda: None)
    assert "recipe.py was edited while this ran" in outcome.error
    assert not done


@pytest.mark.parametrize("place", ["parameters/norms.yaml", "parameters/scenarios/agreement_fast.yaml"])
def test_a_comment_or_another_scenario_is_of_no_matter(project, job, monkeypatch, place):
    outcome, done = run(job, monkeypatch, appended(project / place, "# a comment\n"))
    assert outcome.error is None
    assert done
