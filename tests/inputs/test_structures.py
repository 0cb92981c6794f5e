"""Structural alternatives as data: names are validated where the case is read, figures where an alternative is made."""

import pytest

from pmbudget.batch.check import check
from pmbudget.errors import InputError
from pmbudget.inputs import load_scenario
from pmbudget.inputs.alternatives import alternatives
from pmbudget.inputs.structures import Structure

CASE = "cases/nsclc_panel/case.yaml"
ROW = "\n  added:\n    label: {{sv: a, en: a}}\n    {keys}\n"


def with_row(folder, keys):
    """The shipped case with one more alternative."""
    path = folder / CASE
    text, keys = path.read_text("utf-8"), keys if "group:" in keys else f"group: course\n    {keys}"
    path.write_text(text.replace("\nstructures:", "\nstructures:" + ROW.format(keys=keys), 1), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            "overrides: {rebate_benefitt: 0}",
            "structures.added.overrides.rebate_benefitt.*names no parameter.*rebate_benefit",
        ),
        ("group: strategy\n    strategy: panell", "structures.added.strategy: 'panell'.*did you mean panel"),
        ("comparator: sequentiall", "structures.added.comparator: 'sequentiall'.*did you mean sequential"),
        ("group: strategy\n    strategy: sequential", "structure added compares a strategy with itself"),
        ("strategy: panel", "group strategy is of rows that give a strategy"),
        ("group: strategy\n    horizon_years: 5", "group strategy is of rows that give a strategy"),
        ("note: nothing", "changes nothing"),
        ("horizon_years: 0", "structures.added.horizon_years"),
        ("horizont: 5", "unknown key"),
    ],
)
def test_a_name_or_key_that_is_wrong_is_told_where_it_stands(folder, keys, said):
    with pytest.raises(InputError, match=said):
        load_scenario("agreement_even", with_row(folder, keys))


def test_a_group_without_words_is_refused(folder):
    text = with_row(folder, "horizon_years: 5")
    path = text / CASE
    path.write_text(
        path.read_text("utf-8").replace("group: course\n    horizon_years: 5", "group: weather\n    horizon_years: 5"),
        "utf-8",
    )
    with pytest.raises(InputError, match="structures.added.group"):
        load_scenario("agreement_even", folder)


@pytest.mark.parametrize("to", ["2", "{distribution: {value: 2}}"])
def test_a_figure_that_a_parameter_cannot_have_is_told_with_file_and_line_and_by_check(folder, to):
    with_row(folder, f"overrides: {{rebate_benefit: {to}}}")
    chosen = load_scenario("agreement_even", folder)
    said = r"case\.yaml:\d+: structures\.added\.overrides\.rebate_benefit.*lies between 0 and 1"
    with pytest.raises(InputError, match=said):
        alternatives(chosen)
    assert [str(fault) for fault in check(folder) if "structures.added" in str(fault)]


def test_an_alternative_holds_what_it_changes_and_nothing_else(scenario):
    made = alternatives(scenario)
    assert list(made) == list(scenario.case.structures)
    listed = made["rebate_0"]
    assert listed.parameters.fixed("rebate_benefit") == listed.parameters.fixed("rebate_procured") == 0
    changed = [name for name, one in scenario.parameters.items() if listed.parameters[name].record != one.record]
    assert changed == ["rebate_benefit", "rebate_procured"]
    assert made["horizon_5"].case.horizon_years == 5
    assert made["horizon_5"].parameters is scenario.parameters
    assert list(listed.case.strategies) == [scenario.case.comparator, scenario.case.new]


def test_what_the_scenario_was_set_to_in_a_program_stays_set(scenario):
    made = alternatives(scenario.with_value("cost_panel", 7000.0).with_value("rebate_benefit", 0.5))["rebate_0"]
    assert made.parameters.fixed("cost_panel") == 7000
    assert made.parameters.fixed("rebate_benefit") == 0


def test_a_rate_of_exchange_that_an_override_needs_comes_with_it(folder, scenario):
    currency = next(
        one for one in ("USD", "GBP", "NOK", "DKK", "EUR") if f"rate_{one.lower()}_2024" not in scenario.parameters
    )
    known = "distribution: {family: fixed, value: 900}"
    with_row(folder, f"overrides: {{cost_panel: {{unit: {currency}, price_year: 2024, {known}}}}}")
    made = alternatives(load_scenario("agreement_even", folder))["added"].parameters
    assert set(made) - set(scenario.parameters) == {f"rate_{currency.lower()}_2024"}


def test_every_other_strategy_has_a_row_whichever_is_rolled_out(scenario, shipped):
    other = load_scenario("nsclc_panel/without_kras", shipped)
    for chosen in (scenario, other):
        case = chosen.case
        rows = {name: one.strategy for name, one in case.tried.items() if one.group == "strategy"}
        assert rows == {name: name for name in case.strategies if name not in (case.new, case.comparator)}
        assert list(case.tried) == [*rows, *case.structures]
        assert all(case.tried[name].label == case.strategies[name].label for name in rows)
    assert "panel_safety_net" in other.case.tried


def test_a_row_that_says_what_another_says_is_left_out(scenario):
    rows = {
        "own": {"group": "strategy", "strategy": scenario.case.new},
        "twice": {"group": "strategy", "strategy": "panel"},
        "also_own": {"group": "comparator", "comparator": scenario.case.comparator},
        "itself": {"group": "comparator", "comparator": scenario.case.new},
        "kept": {"group": "comparator", "comparator": "panel"},
        "followed": {"group": "strategy", "strategy": "panel", "horizon_years": 5},
    }
    made = {name: Structure(label={"sv": "a", "en": "a"}, **row) for name, row in rows.items()}
    case = scenario.case.model_copy(update={"structures": made})
    assert [name for name in case.tried if name in rows] == ["kept", "followed"]


def test_a_structure_called_as_a_strategy_is_refused(folder):
    path = with_row(folder, "horizon_years: 5") / CASE
    path.write_text(path.read_text("utf-8").replace("\n  added:", "\n  panel:", 1), "utf-8")
    with pytest.raises(InputError, match="structure panel is called as a strategy"):
        load_scenario("agreement_even", folder)


def test_what_the_scenario_itself_sets_stays_set(shipped):
    chosen = load_scenario("agreement_even", shipped, {"cost_panel": 7000})
    set_to = alternatives(chosen)["rebate_0"].parameters["cost_panel"]
    assert set_to.distribution == chosen.parameters["cost_panel"].distribution
    assert set_to.distribution.is_fixed


def test_breadth_is_like_a_class_that_is_treated(folder):
    path = folder / CASE
    text = path.read_text("utf-8")
    path.write_text(text.replace("like: [ros1,", "like: [negative, ros1,"), "utf-8")
    with pytest.raises(InputError, match="like negative, for which nothing is done"):
        load_scenario("agreement_even", folder)
    path.write_text(text.replace("like: [ros1,", "like: [ros2,"), "utf-8")
    with pytest.raises(InputError, match="breadth.like: 'ros2'"):
        load_scenario("agreement_even", folder)
