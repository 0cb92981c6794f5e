"""Results that are kept: read whole, made anew where they are damaged or foreign, and no more than the folder may take."""

import json
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pmbudget.inputs import load_scenario
from pmbudget.questions.agreements import negotiation, programmes_at
from pmbudget.questions.limits import stated_limits
from pmbudget.road import evaluate_draws, kept, result_key, shelf
from pmbudget.road.results import Results


def arrays_of(record):
    """Every labelled array of a record by its path."""
    found = {}
    for each in fields(record):
        part = getattr(record, each.name)
        if isinstance(part, xr.Dataset):
            found |= {f"{each.name}.{name}": part[name] for name in part.data_vars}
        elif isinstance(part, xr.DataArray):
            found[each.name] = part
        elif is_dataclass(part):
            found |= {f"{each.name}.{name}": array for name, array in arrays_of(part).items()}
    return found


@pytest.fixture
def made(limited, crude_draws):
    """Results with limits of supply, and how often they have been asked for."""
    found = evaluate_draws(limited, crude_draws(limited, 20))
    asked = []

    def make():
        asked.append(1)
        return found

    return found, make, asked


@pytest.fixture
def large(monkeypatch):
    """Nearly all arrays are large enough to be packed."""
    monkeypatch.setattr(shelf, "LARGE", 100)


def test_what_is_read_is_what_was_made(made, tmp_path, large):
    found, make, asked = made
    first = shelf.kept("a", make, Results, folder=tmp_path)
    again = shelf.kept("a", make, Results, folder=tmp_path)
    assert len(asked) == 1
    whole, one, other = arrays_of(found), arrays_of(first), arrays_of(again)
    assert whole.keys() == one.keys() == other.keys()
    for name, array in whole.items():
        xr.testing.assert_identical(one[name].reset_coords(drop=True), other[name].reset_coords(drop=True))
        assert one[name].dims == array.dims
        assert one[name].dtype in (array.dtype, float)
        assert set(one[name].coords) == set(array.coords)
        size = float(np.abs(array.to_numpy().astype(float)).max(initial=0.0)) or 1.0
        np.testing.assert_allclose(one[name].to_numpy(), array.to_numpy(), rtol=1e-6, atol=1e-7 * size)
    assert again.settlement.checks == found.settlement.checks
    assert again.per_patient.crossings == found.per_patient.crossings
    assert again.reach.known is None
    for name, column in found.settlement.expected.columns.items():
        np.testing.assert_array_equal(again.settlement.expected[name], column)


def test_small_arrays_keep_every_digit(made, tmp_path):
    found, make, _ = made
    read = shelf.kept("a", make, Results, folder=tmp_path)
    np.testing.assert_array_equal(read.settlement.ledger.to_numpy(), found.settlement.ledger.to_numpy())


def test_only_what_is_touched_is_read(made, tmp_path, large, monkeypatch):
    _, make, _ = made
    shelf.kept("a", make, Results, folder=tmp_path)
    read, get = [], shelf.OnDisk.__getitem__
    monkeypatch.setattr(shelf.OnDisk, "__getitem__", lambda self, key: read.append(self.shape) or get(self, key))
    found = shelf.kept("a", make, Results, folder=tmp_path)
    assert not read
    found.settlement.budget.sel(payer="state").load()
    assert read == [found.settlement.budget.shape]


@pytest.mark.parametrize("harm", ["byte", "missing", "manifest", "foreign", "half"])
def test_what_is_damaged_or_foreign_is_made_anew(made, tmp_path, harm):
    _, make, asked = made
    shelf.kept("a", make, Results, folder=tmp_path)
    array, manifest = tmp_path / "a" / "settlement.budget.npy", tmp_path / "a" / "manifest.json"
    if harm == "byte":
        content = bytearray(array.read_bytes())
        content[-1] ^= 1
        array.write_bytes(content)
    elif harm == "missing":
        array.unlink()
    elif harm == "manifest":
        manifest.write_text(manifest.read_text("utf-8")[:100], "utf-8")
    elif harm == "foreign":
        manifest.write_text(json.dumps({**json.loads(manifest.read_text("utf-8")), "key": "b"}), "utf-8")
    else:
        manifest.unlink()
    shelf.kept("a", make, Results, folder=tmp_path)
    assert len(asked) == 2
    shelf.kept("a", make, Results, folder=tmp_path)
    assert len(asked) == 2


def test_an_error_leaves_nothing_behind(tmp_path):
    def fail():
        raise ValueError("no number")

    with pytest.raises(ValueError, match="no number"):
        shelf.kept("a", fail, Results, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_longest_unused_goes_and_what_a_batch_needs_stays(made, tmp_path, monkeypatch):
    _, make, _ = made
    for name in ("needed", "old", "used"):
        shelf.kept(name, make, Results, folder=tmp_path)
    size = sum(file.stat().st_size for file in (tmp_path / "old").iterdir())
    monkeypatch.setattr(shelf, "LARGEST_FOLDER", 2.5 * size)
    with shelf.needed(["needed"], folder=tmp_path):
        shelf.kept("used", make, Results, folder=tmp_path)
        shelf.kept("new", make, Results, folder=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["needed", "new", "used"]


def test_what_ended_processes_left_is_swept(made, tmp_path):
    _, make, _ = made
    (tmp_path / ".part-999999999-x").mkdir()
    (tmp_path / ".needed-999999999").write_text("b", "utf-8")
    shelf.kept("a", make, Results, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_key_is_of_what_a_number_depends_on(scenario, shipped):
    def key(one, **given):
        return result_key(one, **{"draws": 100, "seed": 1, **given})

    own = key(scenario)
    assert key(load_scenario("agreement_even", shipped)) == own
    label = {"label": scenario.definition.label.model_copy(update={"en": "Other words"}), "note": "Other words."}
    assert key(replace(scenario, name="other", definition=scenario.definition.model_copy(update=label))) == own
    dearer = load_scenario("agreement_even", shipped, {"cost_panel": 9000})
    others = [
        key(scenario, draws=200),
        key(scenario, seed=2),
        key(dearer),
        key(scenario.with_levers("consent")),
        key(scenario.with_stated_limits()),
        key(scenario.with_allocation()),
        key(load_scenario("agreement_slow", shipped)),
    ]
    assert len({own, *others}) == 8


def test_another_pace_is_the_other_scenario_where_all_else_is_the_same(scenario, shipped):
    slow = load_scenario("agreement_slow", shipped)
    assert result_key(scenario.at_pace(slow), draws=100, seed=1) == result_key(slow, draws=100, seed=1)


def test_an_answer_is_made_once_and_only_where_the_results_are_kept(scenario, table, tmp_path):
    asked = []

    def frame():
        asked.append(1)
        index = pd.MultiIndex.from_tuples([("b", "x"), ("a", "y")], names=["lever", "figure"])
        return pd.DataFrame({"mean": [1.5, np.nan], "sure": [True, False], "grade": ["one", "two"]}, index=index)

    walked = evaluate_draws(scenario, table.isel(draw=slice(4)))
    held = replace(walked, kept_in=str(tmp_path / "a"))
    for _ in range(2):
        pd.testing.assert_frame_equal(kept.answered(held, "what", frame, wtp=1), frame(), check_dtype=False)
    assert len(asked) == 3
    kept.answered(held, "what", frame, wtp=2)
    kept.answered(held, "how", frame, wtp=1)
    kept.answered(walked, "what", frame, wtp=1)
    assert len(asked) == 6
    shares = kept.answered(held, "shares", lambda: xr.Dataset({"cost": 0.1 + 0.2}))
    assert float(shares["cost"]) == 0.1 + 0.2


def test_four_scenarios_with_all_that_chapters_ask_are_walked_once_each(shipped, tmp_path, monkeypatch):
    """Chapters 03 to 07 of four scenarios need eight walks: four own, and four with all stated limits; other paces are among them."""
    walked, evaluate = [], kept.evaluate
    monkeypatch.setattr(shelf, "FOLDER", str(tmp_path))
    monkeypatch.setattr(kept, "evaluate", lambda one, **given: walked.append(one.name) or evaluate(one, **given))
    names = ("unplanned", "agreement_slow", "agreement_even", "agreement_fast")
    scenarios = [load_scenario(name, shipped) for name in names]
    for scenario in scenarios:
        kept.evaluated(scenario, draws=2)
    assert sorted(walked) == sorted(names)
    for scenario in scenarios:
        results = kept.evaluated(scenario, draws=2)
        stated_limits(scenario, results, draws=2, seed=1)
        programmes_at(scenario, negotiation(scenario, results), names[1:], draws=2, seed=1)
    assert len(walked) == 8


def test_the_key_is_of_what_experts_said_too(shipped):
    """Their answers are pooled as they stand in the table: no posterior holds them."""
    scenario = load_scenario("agreement_even", shipped, case="rare_disease_wgs")
    asked = [one for one in scenario.parameters.values() if one.studies and not one.is_learnt]
    assert asked
    first = asked[0]
    told = first.studies[0]
    column = next(name for name, value in told.model_dump().items() if isinstance(value, float))
    others = (told.model_copy(update={column: getattr(told, column) * 1.1}), *first.studies[1:])
    parameters = {**scenario.parameters.parameters, first.name: replace(first, studies=others)}
    moved = replace(scenario, parameters=replace(scenario.parameters, parameters=parameters))
    assert result_key(moved, draws=100, seed=1) != result_key(scenario, draws=100, seed=1)
