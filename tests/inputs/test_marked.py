"""YAML is read the same by libyaml, where it is plain, and by ruamel."""

from datetime import date

import pytest
from ruamel.yaml import YAML

from pmbudget.inputs.files import read_yaml
from pmbudget.inputs.marked import Items, Keys, marked, plain_yaml

PLAIN = """\
# Figures as YAML 1.2 has them.
share: &known {mean: 0.25, interval: [0.12, .4], note: "a: b # c"}
again: *known
figures: [010, 0o17, 0x1F, 1_000, 1e-5, -3, +1, .inf]
words: [yes, no, on, 12:30, ~, null, true]
days:
  - from: 2026-01-02
    note: >-
      folded
      text

  - from: 2027-01-02
"""


def lines(node, place=()):
    """The line of every key below ``node``, by its place."""
    if not isinstance(node, Keys | Items):
        return {}
    own = {(*place, key): line for key, line in node.lines.items()}
    parts = node.items() if isinstance(node, Keys) else enumerate(node)
    return own | {at: line for key, part in parts for at, line in lines(part, (*place, key)).items()}


def test_plain_yaml_is_read_as_ruamel_reads_it():
    ours, theirs = plain_yaml(PLAIN), marked(YAML().load(PLAIN))
    assert ours == theirs
    assert lines(ours) == lines(theirs)
    assert ours["figures"][:4] == [10, 15, 31, 1000]
    assert ours["words"] == ["yes", "no", "on", "12:30", None, None, True]
    assert ours["days"][1]["from"] == date(2027, 1, 2)
    assert lines(ours)["days", 1, "from"] == 12


def test_shipped_files_are_plain_and_read_alike(shipped):
    files = sorted(shipped.rglob("*.yaml"))
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        ours, theirs = plain_yaml(text), marked(YAML().load(text))
        assert ours is not None, file
        assert (ours, lines(ours)) == (theirs, lines(theirs)), file


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2\n",
        "a: &a {b: 1}\nc: {<<: *a}\n",
        "a: !!str 5\n",
        "a: [!x 5]\n",
        "a:\t5\n",
        "a: 'b\u2028c'\n",
        "%YAML 1.1\n---\na: yes\n",
        "a: {b: 1\n",
        "a: 2026-13-01\n",
        "- a\n",
        "? [a]\n: 1\n",
    ],
)
def test_what_is_not_plain_is_left_to_ruamel(text):
    assert plain_yaml(text) is None


def test_what_is_left_to_ruamel_keeps_its_lines(tmp_path):
    file, faults = tmp_path / "merged.yaml", []
    file.write_text("a: &a {b: 1}\nc:\n  <<: *a\n  d: 2\nc: 3\n", encoding="utf-8")
    document = read_yaml(file, faults)
    assert document.data["c"] == {"b": 1, "d": 2}
    assert document.line(["c", "d"]) == 4
    assert [(fault.problem, fault.line) for fault in faults] == [("the key stands twice", 5)]


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000])
def test_nesting_without_end_is_a_fault(text, tmp_path):
    file, faults = tmp_path / "nested.yaml", []
    file.write_text(text, encoding="utf-8")
    assert read_yaml(file, faults) is None
    assert "no YAML" in faults[0].problem
