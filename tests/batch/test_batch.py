"""A batch on a notebook of a few lines: shared work, resumption, errors that are kept, nothing half-written."""

import json
import os
import sys
from dataclasses import replace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from pmbudget.batch.child import execute_notebook
from pmbudget.batch.manifest import is_done
from pmbudget.batch.notebooks import CHAPTERS, COMPARISON, notebook_faults
from pmbudget.batch.plan import Job, Settings, plan_batch
from pmbudget.batch.run import SCRATCH, Children, run_job, sweep
from pmbudget.errors import InputError
from pmbudget.inputs.files import find_folder, unsafe

BODY = """
import os
assert number == 3
if output_dir:
    with open(os.path.join(output_dir, 'table.txt'), 'w') as file:
        file.write('made')
number
"""


@pytest.fixture
def job(tmp_path):
    cells = [
        new_code_cell("number: int = 1\noutput_dir: str = ''", metadata={"tags": ["parameters"]}),
        new_code_cell(BODY),
    ]
    source = tmp_path / "small.ipynb"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), source)
    return Job(CHAPTERS[0], "k1", str(source), {"number": 3}, ("one", "two"), "Small", None, Settings())


def test_a_job_lands_whole_in_every_folder_that_shares_it(job, tmp_path):
    batch = tmp_path / "batch"
    assert run_job(job, batch, Children(), threads=1).error is None
    for name in job.folders:
        assert (batch / name / "table.txt").read_text() == "made"
        manifest = json.loads((batch / name / "01_evidence.manifest.json").read_text())
        assert manifest["status"] == "completed"
        assert set(manifest["files"]) == {"01_evidence.html", "01_evidence.ipynb", "table.txt"}
    assert job.is_done(batch)
    assert not list(batch.glob(f"{SCRATCH}*"))
    assert str(tmp_path) not in (batch / "one" / "01_evidence.ipynb").read_text("utf-8").replace("\\\\", "\\")


def test_a_failing_notebook_is_told_and_kept_and_not_done(job, tmp_path):
    batch = tmp_path / "batch"
    outcome = run_job(replace(job, parameters={"number": 4}), batch, Children(), threads=1)
    assert "AssertionError" in outcome.error
    assert not job.is_done(batch)
    assert [path.name for path in (batch / "failed").iterdir()] == ["one-01_evidence.ipynb"]
    assert not (batch / "one").exists()


def test_another_key_or_a_missing_file_is_not_done(job, tmp_path):
    batch = tmp_path / "batch"
    run_job(job, batch, Children(), threads=1)
    assert is_done(batch / "one", "01_evidence", "k1")
    assert not is_done(batch / "one", "01_evidence", "k2")
    (batch / "one" / "table.txt").unlink()
    assert not is_done(batch / "one", "01_evidence", "k1")
    assert not job.is_done(batch)


def test_after_a_stop_nothing_starts(job, tmp_path):
    children = Children()
    children.stop()
    outcome = run_job(job, tmp_path / "batch", children, threads=1)
    assert outcome.error == "interrupted"
    assert list((tmp_path / "batch").iterdir()) == []


def test_a_sweep_takes_what_the_dead_left_and_spares_the_living(tmp_path):
    (tmp_path / f"{SCRATCH}999999999-x").mkdir()
    (tmp_path / f"{SCRATCH}{os.getpid()}-x").mkdir()
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{SCRATCH}{os.getpid()}-x"]


@pytest.mark.skipif(os.name == "nt", reason="IPC sockets are for Unix")
def test_the_kernel_talks_over_a_socket_of_its_own(tmp_path):
    source = tmp_path / "transport.ipynb"
    cell = "import ipykernel.kernelapp as k\napp = k.IPKernelApp.instance()\nprint(app.transport, app.ip)"
    nbformat.write(
        new_notebook(
            cells=[new_code_cell(cell)],
            metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
        ),
        source,
    )
    texts = [
        execute_notebook(source, tmp_path / f"out{n}.ipynb", {}).cells[0].outputs[0]["text"].split() for n in range(2)
    ]
    assert texts[0][0] == texts[1][0] == "ipc"
    assert texts[0][1] != texts[1][1]
    assert all(len(text[1]) < 100 and os.path.isabs(text[1]) for text in texts)


@pytest.mark.parametrize(
    "remembered",
    [
        {"name": "another-machine", "display_name": "Somebody's R", "language": "R"},
        {"name": "python3", "display_name": "Python 3", "language": "python"},
        None,
    ],
)
def test_the_batch_uses_its_own_python_whatever_kernel_a_notebook_remembers(tmp_path, monkeypatch, job, remembered):
    # A kernel of the user's own called python3 goes before the environment's, and may be another Python.
    own = tmp_path / "jupyter" / "kernels" / "python3"
    own.mkdir(parents=True)
    spec = {"argv": ["/nowhere/python", "-m", "ipykernel_launcher"], "display_name": "Another", "language": "python"}
    (own / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    source = tmp_path / "remembers.ipynb"
    cells = [
        new_code_cell("output_dir: str = ''", metadata={"tags": ["parameters"]}),
        new_code_cell("import sys\nprint(sys.executable)"),
    ]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": remembered} if remembered else {}), source)
    outcome = run_job(replace(job, notebook=str(source), parameters={}), tmp_path / "batch", Children(), threads=1)
    assert outcome.error is None
    made = nbformat.read(tmp_path / "batch" / "one" / "01_evidence.ipynb", as_version=4)
    assert made.cells[-1].outputs[0]["text"].strip() == sys.executable
    assert made.metadata["kernelspec"]["name"] == "python3"


def test_check_passes_a_notebook_that_remembers_another_kernel(tmp_path):
    source = tmp_path / "01_evidence.ipynb"
    cells = [
        new_code_cell("draws: int = 1", metadata={"tags": ["parameters"]}),
        new_code_cell("check_parameters(globals())"),
    ]
    nbformat.write(
        new_notebook(cells=cells, metadata={"kernelspec": {"name": "elsewhere", "display_name": "x"}}), source
    )
    assert notebook_faults(source) == []


def test_scenarios_share_what_they_do_not_change():
    plan = plan_batch(["agreement_even", "agreement_fast"], name="shared")
    by_chapter = {}
    for job in plan.chapters:
        by_chapter.setdefault(job.chapter.name, []).append(job)
    assert [len(by_chapter[name]) for name in ("01_evidence", "03_cost_effectiveness", "05_budget_impact")] == [1, 1, 2]
    assert len(by_chapter["01_evidence"][0].folders) == 2
    assert plan.comparison.chapter == COMPARISON
    assert len(plan.walks) == len({walk.key for walk in plan.walks})


UNSAFE = ["..", ".", "", "a/b", "../a", "a\\b", 'a"b', "a<b", "a:b", "a\nb", "[/a]", "a.", "a ", " a", "a" * 81]


@pytest.mark.parametrize("name", UNSAFE)
def test_a_batch_that_no_folder_can_be_called_is_refused(name):
    with pytest.raises(InputError, match="name.*is no name of"):
        plan_batch(["unplanned"], name=name)


def test_folders_of_a_sweep_are_names_that_any_machine_takes(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    head = 'label: {sv: "Prov", en: "Trial"}\nbase: agreement_even\nevidence: assumption\nsource: {title: "Invented"}\nsweep:\n'
    slash = "  cost_panel: [{note: 'a/../../b <\"'}, {distribution: {family: gamma, mean: 700, interval: [500, 950]}}, 700]\n"
    many = "".join(
        f"  {name}: [0.1]\n"
        for name in ("discount_rate_cost", "discount_rate_qaly", "effect_agreement", "prevalence_egfr")
    )
    for name, text in (("slash", slash), ("many", many)):
        (folder / "scenarios" / f"{name}.yaml").write_text(head + text, "utf-8")
        folders = [run.folder for run in plan_batch([name]).runs]
        assert len(set(folders)) == len(folders) == (3 if name == "slash" else 1)
        assert [each for each in folders if unsafe(each.rsplit("-nsclc_panel-", 1)[0])] == []


@pytest.mark.parametrize("other", [Settings(seed=2), Settings(draws=200), Settings(language="en")])
def test_another_setting_is_another_run(other):
    first, second = (plan_batch(["unplanned"], settings=settings).runs[0].folder for settings in (Settings(), other))
    assert first != second


def test_an_override_of_the_evidence_runs_everything_anew():
    first, second = (plan_batch(["unplanned"], overrides=given) for given in (None, {"utility_progressed": 0.5}))
    keys = [{job.key for turn in plan.turns for job in turn} for plan in (first, second)]
    assert not keys[0] & keys[1]


def test_without_names_the_world_without_agreement_comes_first_and_then_the_slowest():
    runs = plan_batch([]).runs
    ramps = [run.scenario.definition.pace.ramp if run.scenario.definition.pace else None for run in runs]
    assert ramps == [None, 8, 5, 5, 5, 2]
    assert [run.scenario.name for run in runs if run.scenario.limits] == ["agreement_even_limited"]


def test_stated_limits_are_not_run_for_a_case_that_states_none():
    names = [run.scenario.name for run in plan_batch([], cases=["fh_cascade"]).runs]
    assert "agreement_even_limited" not in names
    assert "agreement_even" in names


@pytest.mark.parametrize("case", ["nsclc_panel", "rare_disease_wgs"])
def test_a_cases_own_scenarios_run_where_the_case_does(case):
    scenarios = find_folder() / "scenarios"
    own = {path.stem for path in (scenarios / case).glob("*.yaml")}
    assert own
    by_itself = plan_batch([]).runs
    general = {run.scenario.name for run in by_itself} & {path.stem for path in scenarios.glob("*.yaml")}
    assert {run.scenario.name for run in by_itself} - general == {
        path.stem for path in (scenarios / by_itself[0].case).glob("*.yaml")
    }
    asked = plan_batch([], cases=[case]).runs
    assert {run.case for run in asked} == {case}
    assert {run.scenario.name for run in asked} == general | own
    every = [run.case for run in plan_batch([], cases=["all"]).runs]
    assert every.count(case) == len(asked)
