import shutil
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pmbudget.batch.check import begun, check
from pmbudget.batch.notebooks import CHAPTERS
from pmbudget.cli import app
from pmbudget.errors import InputError


def called(*words):
    return CliRunner().invoke(app, list(words))


READ_BY = ("unplanned", "agreement_even", "agreement_fast", "agreement_waves", "agreement_gated")
READ_BY += tuple(f"agreement_{name}" for name in ("even_limited", "even_allocated", "one_laboratory"))


@pytest.fixture
def folder(folder):
    """As the shipped files, with one case and just those scenarios that together read all its parameters."""
    for path in [*folder.glob("cases/*"), *folder.glob("scenarios/*/")]:
        if path.name != "nsclc_panel":
            shutil.rmtree(path)
    for path in folder.glob("scenarios/*.yaml"):
        if path.stem not in READ_BY:
            path.unlink()
    for path in folder.glob("agreements/one_off_*.yaml"):
        path.unlink()
    return folder


@pytest.mark.whole
def test_the_shipped_files_have_no_fault(shipped):
    assert check(shipped) == []


def test_a_first_year_that_has_begun_is_a_warning_that_names_the_file(shipped):
    assert begun(shipped, today=date(2026, 12, 31)) == []
    [late] = begun(shipped, today=date(2027, 1, 1))
    assert "scenarios/unplanned.yaml:7: years.first = 2027: the first year has begun" in str(late)


def test_check_warns_of_it_and_passes(folder, monkeypatch):
    path = folder / "scenarios" / "unplanned.yaml"
    path.write_text(
        path.read_text("utf-8").replace("first: 2027", "first: 2020").replace("last: 2036", "last: 2029"), "utf-8"
    )
    monkeypatch.setattr("pmbudget.batch.check.check", lambda folder: [])
    result = called("check", "--folder", str(folder))
    assert result.exit_code == 0
    assert "warning: " in result.output
    assert "unplanned.yaml:7: years.first = 2020" in result.output


def test_check_names_a_parameter_that_nobody_reads(folder):
    record = (folder / "norms.yaml").read_text("utf-8").split("wtp_moderate:")[1].split("\nwtp_")[0]
    (folder / "idle.yaml").write_text(f"idle_norm:{record}", "utf-8")
    result = called("check", "--folder", str(folder))
    assert result.exit_code == 1
    assert "idle.yaml:1: idle_norm: no evaluation reads it" in result.output
    assert "1 fault" in result.output


def test_check_names_a_design_for_a_case_that_is_not_there(folder):
    path = folder / "agreements" / "stop_loss.yaml"
    path.write_text(f"{path.read_text('utf-8')}only_for: [nsclc_pannel]\n", "utf-8")
    result = called("check", "--folder", str(folder))
    assert result.exit_code == 1
    assert "stop_loss.yaml" in result.output
    assert "only_for = 'nsclc_pannel': no such case" in result.output


def test_check_tells_faults_of_several_files_at_once(folder):
    for name, old, new in (
        ("wages.yaml", "unit:", "units:"),
        ("scenarios/agreement_fast.yaml", "ramp: 2", "ramp: two"),
        ("agreements/state_share_tapered.yaml", "share: 0.5", "share: 5"),
    ):
        path = folder / name
        path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    result = called("check", "--folder", str(folder))
    assert result.exit_code == 1
    for said in ("units", "ramp", "share = 5"):
        assert said in result.output


def test_a_dry_run_says_what_would_run_and_makes_nothing(tmp_path, folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = called("run", "agreement_fast", "--dry-run", "--name", "nothing")
    assert result.exit_code == 0, result.output
    # The walk that chapters read, the chapters, the comparison.
    assert result.output.count("to run") == 1 + len(CHAPTERS) + 1
    assert not (tmp_path / "outputs").exists()


def test_an_unknown_scenario_is_an_error_with_the_nearest_name():
    with pytest.raises(InputError, match="did you mean agreement_fast"):
        CliRunner().invoke(app, ["run", "agrement_fast", "--dry-run"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("cases/nsclc_panel/case.yaml", "comparator: sequential", "comparator: sequentiel", "sequentiel"),
        ("wages.yaml", "interval: [32000, 42000]", "interval: [42000, 32000]", "does not hold the mean"),
        (
            "scenarios/agreement_fast.yaml",
            "base: unplanned",
            "base: unplanned\noverrides: {effect_agreement: 40}",
            "between 0 and 1",
        ),
        (
            "scenarios/agreement_fast.yaml",
            "base: unplanned",
            "base: unplanned\noverrides: {cost_ihc: -5}",
            "impossible",
        ),
        (
            "scenarios/agreement_fast.yaml",
            "base: unplanned",
            "base: unplanned\nsweep: {cost_pannel: [1, 2]}",
            "sweep.cost_pannel",
        ),
    ],
)
def test_check_tells_each_of_these_once(folder, file, old, new, said):
    path = folder / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    faults = [str(fault) for fault in check(folder)]
    assert len([fault for fault in faults if said in fault]) == 1, faults


def test_faults_of_a_broken_file_do_not_hide_those_of_others(folder):
    (folder / "scenarios" / "unplanned.yaml").write_text("a:\n\tb: 1\n", "utf-8")
    for name, old, new in (("scenarios/agreement_fast.yaml", "ramp:", "rampp:"), ("wages.yaml", "unit:", "uniit:")):
        path = folder / name
        path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    told = "\n".join(map(str, check(folder)))
    assert "tabs" in told
    assert "uniit" in told


@pytest.mark.parametrize(("name", "year"), [("kpi", 2024), ("exchange_rates", 2015), ("wages", 2023)])
def test_a_broken_price_table_is_told_once_and_not_for_each_amount(folder, name, year):
    path = folder / "prices" / f"{name}.csv"
    path.write_text(path.read_text("utf-8").replace(f"{year},", f"{year}x,", 1), "utf-8")
    [fault] = check(folder)
    assert Path(fault.file).name == path.name


@pytest.mark.parametrize(
    "given",
    [
        ("--draws", "5000"),
        ("--draws", "1"),
        ("--name", "../elsewhere"),
        ("--name", ".."),
        ("--name", "."),
        ("--name", ""),
        ("--name", "a:b"),
        ("--language", "no"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_runs(given):
    result = called("run", "--dry-run", *given)
    assert result.exit_code == 2
    assert given[0] in result.output
