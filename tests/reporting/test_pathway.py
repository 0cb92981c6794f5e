import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pmbudget.inputs import load_scenario
from pmbudget.patient import simulate
from pmbudget.patient.outcomes import occupancy_by_strategy
from pmbudget.patient.per_patient import staff_share
from pmbudget.patient.tree import PATHS
from pmbudget.reporting.ch02_pathway import pathway
from pmbudget.reporting.words import Words


@pytest.fixture(scope="module")
def few(table):
    return table.isel(draw=slice(0, 20))


@pytest.fixture(scope="module")
def outcomes(few, scenario):
    return simulate(few, scenario.case, horizon=5)


def ends(tree, share=1.0):
    for label, (probability, below) in tree.items():
        yield from ends(below, share * probability) if below else [(label, share * probability)]


@pytest.mark.parametrize("strategy", ["sequential", "panel"])
def test_the_drawn_tree_shares_out_all_patients_and_ends_where_the_model_does(few, outcomes, scenario, strategy):
    words = Words("sv")
    tree = pathway.pathway_tree(scenario.case, few, outcomes.sel(strategy=strategy), words)
    leaves = list(ends(tree))
    assert sum(share for _, share in leaves) == pytest.approx(1)
    assert all(0 <= share <= 1 for _, share in leaves)
    drawn = dict(leaves)
    on_path = outcomes["on_path"].sel(strategy=strategy).mean("draw")
    for path in ("first_line", "switched", "later_line", "retested"):
        assert drawn[words(f"paths.{path}")] == pytest.approx(float(on_path.sel(path=path)))


def test_costs_by_resource_and_year_add_up_to_the_difference(outcomes, scenario):
    sv = Words("sv")
    shown = str(pathway.resource_table(scenario, outcomes, sv))
    total = (outcomes["cost"].sum(["resource", "year_since_start"]) + outcomes["cost_once"].sum("resource")).mean(
        "draw"
    )
    expected = total.sel(strategy=scenario.case.new) - total.sel(strategy=scenario.case.comparator)
    assert sv.number(float(expected)) in shown.rsplit("<tr", 1)[1]


def test_months_in_the_drawn_states_are_the_life_years_of_the_model(few, outcomes, scenario):
    occupancy = occupancy_by_strategy(few, scenario.case, horizon=5)
    np.testing.assert_allclose(occupancy.sum("state"), 1, atol=1e-12)
    alive = 1 - occupancy.sel(state="dead")
    years = (alive.isel(cycle=slice(1, None)).to_numpy() + alive.isel(cycle=slice(None, -1)).to_numpy()).sum(
        axis=-1
    ) / 24
    np.testing.assert_allclose(years, outcomes["life_years"].sum("year_since_start"), rtol=1e-12)


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_part_of_the_chapter_can_be_made(few, outcomes, scenario, language):
    words = Words(language)
    texts = [
        pathway.pathway_headline(scenario, outcomes, words),
        pathway.answers_table(scenario, outcomes, words),
        pathway.paths_table(scenario, outcomes, words),
        pathway.class_paths_table(scenario, few, words),
        pathway.health_table(scenario, outcomes, few, words),
        pathway.staff_table(scenario, few, outcomes, words),
        pathway.pathway_frame(scenario, outcomes, few, words),
    ]
    assert not [text for text in texts if "nan" in text.split()]
    pictures = [
        pathway.tree_chart(scenario, few, outcomes, words),
        pathway.course_chart(scenario, few, words),
        pathway.cost_chart(scenario, outcomes, words),
    ]
    assert all(one.png.startswith(b"\x89PNG") and one.alt for one in pictures)


@pytest.fixture(scope="module")
def cascade(shipped):
    return load_scenario("agreement_even", shipped, case="fh_cascade")


@pytest.fixture(scope="module")
def cascade_draws(cascade, crude_draws):
    return crude_draws(cascade, n=20)


@pytest.mark.parametrize("language", ["sv", "en"])
def test_a_comparator_without_tests_is_told_as_such(cascade, cascade_draws, language):
    words, case = Words(language), cascade.case
    outcomes = simulate(cascade_draws, case, horizon=5)
    tree = pathway.pathway_tree(case, cascade_draws, outcomes.sel(strategy=case.comparator), words)
    carriers = float(outcomes["carriers"].mean())
    usual = {words("tree_steps.missed"): carriers, words("tree_steps.usual"): 1 - carriers}
    assert dict(ends(tree)) == pytest.approx(usual)
    headline = str(pathway.pathway_headline(cascade, outcomes, words))
    assert words.label(case.strategies[case.comparator].label).lower() in headline
    assert "nan" not in headline
    assert words("not_applicable") not in headline
    tested = 100 * float(outcomes["relatives_tested"].sel(strategy=case.new).mean())
    assert f" {words.number(tested)} (" in headline


def test_carriers_among_relatives_are_said_to_be_counted(cascade, cascade_draws):
    words, outcomes = Words("sv"), simulate(cascade_draws, cascade.case, horizon=5)
    health = pathway.health_table(cascade, outcomes, cascade_draws, words)
    assert words("relatives_note") in str(health)
    assert words("not_applicable") in str(pathway.staff_table(cascade, cascade_draws, outcomes, words))


def made(case, gain, first=None):
    """Outcomes of two strategies with a planted difference in the share who are treated, all of it or a part in the first line."""
    on_path = np.full((40, 2, len(PATHS)), 0.1)
    on_path[:, 1, PATHS.index("first_line")] += gain if first is None else first
    on_path[:, 1, PATHS.index("later_line")] += 0 if first is None else gain - first
    coords = {"strategy": [case.comparator, case.new], "path": list(PATHS)}
    return xr.Dataset({"on_path": (("draw", "strategy", "path"), on_path)}, coords=coords)


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize(
    ("gain", "sv", "en"),
    [(0.05, "ökar med 5", "rises by 5"), (-0.05, "minskar med 5", "falls by 5"), (0.0, "oförändrad", "unchanged")],
)
def test_a_share_rises_falls_or_stays(scenario, language, gain, sv, en):
    told = pathway.gained_sentence(scenario.case, made(scenario.case, gain), Words(language))
    assert {"sv": sv, "en": en}[language] in told
    assert "ändras" not in told


@pytest.mark.parametrize("language", ["sv", "en"])
def test_a_share_whose_change_may_have_either_sign_is_said_to_change(scenario, language):
    words, outcomes = Words(language), made(scenario.case, 0.05)
    outcomes["on_path"][:, 1, 0] += np.linspace(-0.2, 0.2, 40)
    told = pathway.gained_sentence(scenario.case, outcomes, words)
    assert {"sv": "ändras i genomsnitt med", "en": "changes by"}[language] in told
    assert not any(way in told for way in ("ökar", "minskar", "rises", "falls"))


@pytest.mark.parametrize("language", ["sv", "en"])
def test_fewer_treated_later_are_told_as_such(scenario, language):
    words = Words(language)
    told = pathway.gained_sentence(scenario.case, made(scenario.case, 0.01, first=0.03), words)
    assert f"{words.number(-2.0, 1)} " in told
    assert {"sv": "alltså färre", "en": "so that fewer"}[language] in told
    assert words("headline_gained.first_line", gained="|").split("|")[1] not in told


@pytest.mark.parametrize("language", ["sv", "en"])
def test_each_test_stands_with_its_time_and_failures_once_per_strategy(few, scenario, cascade, cascade_draws, language):
    words, case = Words(language), scenario.case
    shown = pathway.times_table(scenario, few, words)
    plans = [case.strategies[name] for name in (case.comparator, case.new)]
    assert shown.count("<tr>") == 1 + sum(len({step.test for step in plan.tests}) for plan in plans)
    assert words("times_note", window="|").split("|")[0] in shown
    assert pathway.times_table(cascade, cascade_draws, words) == ""


@pytest.mark.parametrize("language", ["sv", "en"])
def test_a8_what_comes_later_in_the_disease_is_told_apart(scenario, cascade, language):
    words, outcomes = Words(language), made(scenario.case, 0.051, first=0.02)
    told = pathway.gained_sentence(scenario.case, outcomes, words)
    assert words.number(5.1, 1) in told
    assert f"{words.number(2.0, 1)} " in told.split(words("headline_gained.first_line", gained="|").split("|")[0])[1]
    assert words("tree_first", old="|", new="|").split("|")[0] in pathway.tree_title(scenario.case, outcomes, words)
    assert not pathway.has_later_lines(cascade.case)


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize(
    ("cost", "sv", "en"),
    [(900, "största ökningen", "largest rise"), (-900, "minsta minskningen", "smallest fall"), (1, "ökar", "rises")],
)
def test_the_cost_by_unit_is_told_by_its_sign(language, cost, sv, en):
    total = pd.Series({"clinic": cost, "region": -5000.0})
    told = pathway.cost_title(total, 8, Words(language))
    assert {"sv": sv, "en": en}[language] in told
    assert "\u2212" not in told


def test_a15_staff_have_one_share_of_diagnostics_in_both_chapters(outcomes, scenario):
    case = scenario.case
    means = outcomes.mean("draw")
    for name in (case.comparator, case.new):
        row = pathway.staff_share_row(case, outcomes["cost_once"].sel(strategy=name))
        assert row["mean"] == pytest.approx(float(staff_share(means["cost_once"].sel(strategy=name), case)))
