"""The posteriors that travel with the project: they are those of the shipped evidence, small, and loaded without PyMC."""

import hashlib
import json
import subprocess
import sys
import tokenize
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from pmbudget.cli import app
from pmbudget.evidence import (
    accuracy,
    blocks,
    effects,
    fit,
    fit_evidence,
    multinomial,
    random_effects,
    survival,
    uptake,
)
from pmbudget.evidence.shipped import known_cases, parted, refresh, shipped_blocks
from pmbudget.inputs import load_parameters, load_scenario

CASE = "nsclc_panel"
LARGEST = 3.5e6


@pytest.fixture
def never(monkeypatch):
    def sample(*arguments):
        raise AssertionError("sampled although the posterior is shipped")

    monkeypatch.setattr(fit, "_sample", sample)


@pytest.fixture
def sampled(monkeypatch):
    """Stands in for the sampler, and counts."""
    names = []

    def sample(compiled, block, settings):
        names.append(block.name)
        values = np.random.default_rng(1).standard_normal((4, settings.draws))
        return xr.Dataset({name: (("chain", "draw"), values) for name in ("mean", "spread")}), 0

    monkeypatch.setattr(fit, "_sample", sample)
    return names


def edited(folder):
    """The folder with one more patient in the study of a case."""
    path = folder / "cases" / "fh_cascade" / "evidence" / "index_carriers.csv"
    text = path.read_text("utf-8")
    assert "1471,6396" in text
    path.write_text(text.replace("1471,6396", "1471,6397"), "utf-8")


# What is shipped


@pytest.mark.parametrize("case", known_cases())
def test_what_is_shipped_is_the_posterior_of_what_every_shipped_scenario_says(shipped, case):
    """Fails on whoever edits evidence. Remedy: pmbudget fit --refresh CASE."""
    assert parted(shipped, [case]) == []


@pytest.mark.parametrize("case", known_cases())
def test_what_is_shipped_converged_and_is_small(shipped, case):
    folder = shipped / "posterior" / case
    stated = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert {path.name for path in folder.iterdir()} == {"manifest.json", *(f"{key}.nc.gz" for key in stated)}
    assert sum(path.stat().st_size for path in folder.iterdir()) <= LARGEST
    for entry in stated.values():
        assert entry["diagnostics"]["unsound"] == ""
        assert {"python", "pymc", "nutpie"} <= set(entry["made_with"])


def test_it_is_loaded_without_pymc_and_without_a_cache(tmp_path, shipped):
    code = (
        "import sys; from pmbudget.evidence import fit_evidence; from pmbudget.inputs import load_parameters; "
        f"posterior = fit_evidence(load_parameters({str(shipped)!r}, {CASE!r}), cache={str(tmp_path / 'none')!r}); "
        "assert posterior.draws.sizes['draw'] == 4000; "
        "assert not {'pymc', 'arviz', 'nutpie', 'pytensor', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=shipped.parent)
    assert not (tmp_path / "none").exists()


def test_a_parameter_that_a_scenario_sets_leaves_the_rest_to_what_is_shipped(shipped, tmp_path, never):
    whole = fit_evidence(load_parameters(shipped, CASE), cache=tmp_path)
    set_by_run = load_scenario("unplanned", shipped, {"se_dna_panel": 0.9}, case=CASE)
    part = fit_evidence(set_by_run.parameters, cache=tmp_path)
    assert set(whole.draws) - set(part.draws) == {"se_dna_panel"}
    assert all(np.array_equal(part.draws[name], whole.draws[name]) for name in part.draws)


# Evidence that was edited


def test_edited_evidence_refits_its_block_alone_and_is_told(folder, tmp_path, sampled):
    edited(folder)
    fit_evidence(load_parameters(folder, "fh_cascade"), cache=tmp_path / "cache")
    fit_evidence(load_parameters(folder, CASE), cache=tmp_path / "cache")
    assert sampled == ["evidence/index_carriers.csv:index_carriers"]
    told = [str(fault) for fault in parted(folder)]
    assert len(told) == 2
    assert "posterior/fh_cascade: evidence/index_carriers.csv:index_carriers (share_index_carriers): " in told[0]
    assert "no posterior of these data, priors and model is shipped" in told[0]
    assert "no scenario asks for" in told[1]
    assert all(one.endswith("Remedy: pmbudget fit --refresh fh_cascade") for one in told)


def test_a_shipped_file_that_is_damaged_is_told_and_not_taken(folder, tmp_path, sampled):
    [path] = (folder / "posterior" / "fh_cascade").glob("*.nc.gz")
    path.write_bytes(path.read_bytes()[:-1])
    [fault] = parted(folder, ["fh_cascade"])
    assert fault.problem == "its file is damaged"
    fit_evidence(load_parameters(folder, "fh_cascade"), cache=tmp_path / "cache")
    assert len(sampled) == 1


def test_check_warns_where_they_part_and_passes(folder, monkeypatch):
    edited(folder)
    monkeypatch.setattr("pmbudget.batch.check.check", lambda folder: [])
    result = CliRunner().invoke(app, ["check", "--folder", str(folder)])
    assert result.exit_code == 0
    assert "Remedy: pmbudget fit --refresh fh_cascade" in result.output


def test_a_refresh_ships_what_is_asked_for_now_and_nothing_else(folder, tmp_path, sampled, monkeypatch):
    monkeypatch.setattr("pmbudget.evidence.shipped.CACHE", tmp_path / "cache")
    edited(folder)
    refresh("fh_cascade", folder)
    assert len(sampled) == 1
    assert parted(folder, ["fh_cascade"]) == []
    assert len(list((folder / "posterior" / "fh_cascade").iterdir())) == 2
    assert sorted(path.name for path in (folder / "posterior").iterdir()) == known_cases(folder)


def test_a_scenario_with_evidence_of_its_own_has_its_posterior_shipped_too(folder):
    path = folder / "scenarios" / "fh_cascade" / "cohort_effect.yaml"
    text = path.read_text("utf-8")
    learnt = "studies: evidence/index_carriers.csv, quantity: index_carriers, prior: {spread: 0.1}"
    added = f"\noverrides:\n  share_index_carriers: {{distribution: {{{learnt}}}}}"
    path.write_text(text.replace("\noverrides:", added, 1), "utf-8")
    assert len(shipped_blocks("fh_cascade", folder)) == 2
    [fault] = parted(folder, ["fh_cascade"])
    assert "share_index_carriers" in fault.key


# The code of the models

READ = {
    random_effects: (random_effects, effects, blocks),
    accuracy: (accuracy, effects, blocks),
    survival: (survival,),
    uptake: (uptake,),
    multinomial: (multinomial,),
}
"""The modules that decide what the posterior of a kind is."""
SKIPPED = (
    tokenize.ENCODING, tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER
)  # fmt: skip
DIGESTS = {
    "random_effects": (1, "dcc63cc47c274caa"),
    "accuracy": (1, "26c574b6546e126b"),
    "survival": (1, "7c36c54d8d10f5a8"),
    "uptake": (1, "84eb736778868190"),
    "multinomial": (1, "bb84017e88424611"),
}


def digest(modules):
    """The code of modules, but for layout, comments and docstrings; the same on every Python."""
    words = []
    for module in modules:
        before = tokenize.NEWLINE
        with tokenize.open(Path(module.__file__)) as file:
            for token in tokenize.generate_tokens(file.readline):
                opens = before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
                if token.type not in SKIPPED and not (token.type == tokenize.STRING and opens):
                    words.append(token.string)
                if token.type not in (tokenize.COMMENT, tokenize.NL):
                    before = token.type
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


@pytest.mark.parametrize("module", READ, ids=lambda module: module.__name__.split(".")[-1])
def test_who_changes_the_code_of_a_model_raises_its_version(module):
    name, found = module.__name__.split(".")[-1], (module.VERSION, digest(READ[module]))
    assert found == DIGESTS[name], (
        f"the code of {name} has changed. If its posteriors are others now: raise VERSION in evidence/{name}.py and run "
        f"pmbudget fit --refresh. Then, or if they are the same: DIGESTS['{name}'] = {found}"
    )


def test_layout_comments_and_docstrings_are_no_change_of_a_model(tmp_path):
    texts = (
        '"""One."""\nX = 1  # a\n\n\ndef f(a):\n    """Two."""\n    return (a, "b")\n',
        '"""Other."""\nX = 1\ndef f(a):\n  # more\n  return (a,\n     "b")\n',
        "X = 2\ndef f(a):\n    return (a, 'b')\n",
    )
    found = []
    for number, text in enumerate(texts):
        path = tmp_path / f"m{number}.py"
        path.write_text(text)
        found.append(digest([type("Module", (), {"__file__": str(path)})]))
    assert found[0] == found[1] != found[2]
