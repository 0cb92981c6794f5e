"""What the code knows by name stands in every folder of parameters, or loading says what is missing."""

import ast
from pathlib import Path

import pytest

import pmbudget
from pmbudget.errors import InputError
from pmbudget.inputs import load_scenario
from pmbudget.inputs.files import read_yaml
from pmbudget.inputs.needs import NEEDS

PACKAGE = Path(pmbudget.__file__).parent
NEEDED = [need for need in NEEDS if not need.shown]


def without(path, name):
    """A file of parameters without one record: from its name to the next that stands at the margin."""
    kept, inside = [], False
    for line in path.read_text("utf-8").splitlines(keepends=True):
        inside = line.startswith(f"{name}:") or (inside and not line[:1].strip())
        kept += [] if inside else [line]
    path.write_text("".join(kept), "utf-8")


@pytest.mark.parametrize("need", NEEDED, ids=lambda need: need.name)
def test_a_folder_without_it_is_one_fault(need, folder):
    without(folder / need.file, need.name)
    with pytest.raises(InputError) as told:
        load_scenario("agreement_even", folder)
    (fault,) = [fault for fault in told.value.faults if fault.key == need.name]
    assert fault.file.endswith(need.file)
    assert (need.reader in fault.problem, need.unit in fault.remedy) == (True, True)


def test_a_file_that_cannot_be_read_is_told_once(folder):
    (folder / "norms.yaml").write_text("discount_rate_cost: {", "utf-8")
    with pytest.raises(InputError) as told:
        load_scenario("agreement_even", folder)
    assert [fault.key for fault in told.value.faults if fault.file.endswith("norms.yaml")] == ["file"]


@pytest.mark.parametrize("need", [need for need in NEEDS if need.shown], ids=lambda need: need.name)
def test_a_folder_need_not_have_what_is_only_shown(need, folder):
    without(folder / need.file, need.name)
    assert need.name not in load_scenario("agreement_even", folder).parameters


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ({"unit": "per month"}, "has the unit per month, and patient reads it in per year"),
        ({"distribution": {"family": "beta", "mean": 0.03, "interval": [0.01, 0.06]}}, "is uncertain"),
    ],
)
def test_an_override_that_makes_it_something_else_is_a_fault_of_the_override(to, said):
    with pytest.raises(InputError, match=rf"this run: overrides.discount_rate_cost: {said}"):
        load_scenario("agreement_even", overrides={"discount_rate_cost": to})


def quoted(package):
    """Every text in the package's code."""
    trees = (ast.parse(path.read_text("utf-8")) for path in package.rglob("*.py") if path.name != "needs.py")
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_the_code_knows_no_other_shared_parameter_by_name(shipped):
    shared = {name for path in sorted(shipped.glob("*.yaml")) for name in read_yaml(path, []).data}
    assert shared & quoted(PACKAGE) == {need.name for need in NEEDS}
