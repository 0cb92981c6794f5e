"""The same printed digits on other machines, as far as one can imitate them here, and the headline that CHANGELOG holds."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pmbudget.batch.plan import chosen_scenarios
from pmbudget.reporting.headline import headline_table
from pmbudget.road import evaluate, evaluated

ROOT = Path(__file__).resolve().parents[1]
MACHINES = {
    "this one": {},
    "without wide vectors": {
        "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX2 FMA3",
        "OPENBLAS_CORETYPE": "Nehalem",
    },
    "another kernel, two threads": {
        "OPENBLAS_CORETYPE": "Sandybridge",
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
    },
}


def printed(folder, environment):
    """What the headline of a case is on a machine that has nothing kept."""
    shutil.copytree(ROOT / "parameters", folder / "parameters")
    command = [sys.executable, "-W", "ignore", "-m", "pmbudget", "headline", "nsclc_panel", "--draws", "200"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout


@pytest.mark.whole
def test_other_machines_print_the_same_digits(tmp_path):
    said = {}
    for number, (name, environment) in enumerate(MACHINES.items()):
        (tmp_path / str(number)).mkdir()
        said[name] = printed(tmp_path / str(number), environment)
    assert said["this one"].count("\n") > 6
    assert len(set(said.values())) == 1, said


@pytest.mark.whole
def test_blocks_of_another_size_print_the_same_digits():
    scenarios = chosen_scenarios(["agreement_even"], [])
    said = [headline_table((one, evaluate(one, draws=1200, block=block)) for one in scenarios) for block in (500, 1000)]
    assert said[0] == said[1]


@pytest.mark.whole
@pytest.mark.parametrize("case", ["nsclc_panel", "rare_disease_wgs", "fh_cascade"])
def test_changelog_holds_the_headline_to_every_digit(case):
    """Else numbers have moved: print them with pmbudget headline, and say in CHANGELOG why."""
    held = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text("utf-8"), flags=re.M)[1]
    table = headline_table((one, evaluated(one)) for one in chosen_scenarios([], [case]))
    missing = [row for row in table.splitlines() if row not in held]
    assert not missing
