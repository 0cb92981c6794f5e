import pytest
from typer.testing import CliRunner

from pmbudget.batch.check import check
from pmbudget.cli import app
from pmbudget.errors import InputError


def called(*words):
    return CliRunner().invoke(app, list(words))


def test_the_shipped_files_have_no_fault(shipped):
    assert check(shipped) == []


def test_check_names_a_parameter_that_nobody_reads(folder):
    record = (folder / "norms.yaml").read_text("utf-8").split("wtp_moderate:")[1].split("\nwtp_")[0]
    (folder / "idle.yaml").write_text(f"idle_norm:{record}", "utf-8")
    result = called("check", "--folder", str(folder))
    assert result.exit_code == 1
    assert "idle.yaml:1: idle_norm: no evaluation reads it" in result.output
    assert "1 fault" in result.output


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
    assert result.output.count("to run") == 4
    assert not (tmp_path / "outputs").exists()


def test_an_unknown_scenario_is_an_error_with_the_nearest_name():
    with pytest.raises(InputError, match="did you mean agreement_fast"):
        CliRunner().invoke(app, ["run", "agrement_fast", "--dry-run"], catch_exceptions=False)
