"""Structural alternatives as data: names are validated where the case is read, figures where an alternative is made."""

import pytest

from pmbudget.batch.check import check
from pmbudget.errors import InputError
from pmbudget.inputs import load_scenario
from pmbudget.inputs.scenarios import alternatives

CASE = "cases/nsclc_panel/case.yaml"
ROW = "\n  added:\n    label: {{sv: a, en: a}}\n    group: course\n    {keys}\n"


def with_row(folder, keys):
    """The shipped case with one more alternative."""
    path = folder / CASE
    text = path.read_text("utf-8")
    path.write_text(text.replace("\nstructures:", "\nstructures:" + ROW.format(keys=keys), 1), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            "overrides: {rebate_benefitt: 0}",
            "structures.added.overrides.rebate_benefitt.*names no parameter.*rebate_benefit",
        ),
        ("strategy: panell", "structures.added.strategy: 'panell'.*did you mean panel"),
        ("comparator: sequentiall", "structures.added.comparator: 'sequentiall'.*did you mean sequential"),
        ("strategy: sequential", "structure added compares a strategy with itself"),
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
