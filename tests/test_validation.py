"""The model held against what was read: each quantity is the same figure as elsewhere, or one that can be worked out by hand."""

import html
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML

from pmbudget.errors import InputError
from pmbudget.inputs import load_scenario
from pmbudget.inputs.studies import FromStudies
from pmbudget.inputs.validation import Check, Quantity
from pmbudget.patient import simulate
from pmbudget.patient.per_patient import present_values
from pmbudget.patient.tree import walk_pathway
from pmbudget.programme.population import funnel_steps
from pmbudget.questions.validation import FIGURES, compared
from pmbudget.reporting.ch01_evidence.evidence import reviewed_table
from pmbudget.reporting.ch02_pathway import validation as section
from pmbudget.reporting.ch02_pathway.pathway import health_table
from pmbudget.reporting.verdict import known_span
from pmbudget.reporting.words import Words
from pmbudget.road import kept

TRIAL = ("ros1", "ret", "braf_v600e", "met_ex14", "ntrk", "kras_g12c", "negative")
CASES = ("nsclc_panel", "fh_cascade", "rare_disease_wgs")


@pytest.fixture(scope="module")
def few(table):
    return table.isel(draw=slice(0, 40))


@pytest.fixture(scope="module")
def outcomes(few, scenario):
    return simulate(few, scenario.case, horizon=scenario.case.horizon_years)


@pytest.fixture(scope="module")
def computed(scenario, few, outcomes):
    def found(quantity, draws=few, given=outcomes, **about):
        what = TypeAdapter(Quantity).validate_python({"quantity": quantity, **about})
        return FIGURES[type(what)](what, scenario, draws, given)

    return found


def with_values(draws, **values):
    return draws.assign({name: xr.full_like(draws[name], value) for name, value in values.items()})


def test_everyday_survival_at_ratio_1_has_the_median_that_the_trial_reported(computed, few):
    alike = with_values(few, hr_real_world=1.0, rate_population_mortality=1e-6)
    median = computed("median_survival", alike, management="standard", classes=TRIAL)
    np.testing.assert_allclose(median, alike["os_standard"], rtol=0.005)


@pytest.mark.parametrize(("ratios", "expected"), [((), 24.0), (("hr_mismatched",), 12.0)])
def test_an_exponential_survival_has_its_own_median_over_the_hazard_ratio_on_top(computed, few, ratios, expected):
    known = with_values(few, os_untreated=24.0, hr_mismatched=2.0, rate_population_mortality=1e-6)
    median = computed("median_survival", known, management="palliative", hazard_ratios=ratios)
    np.testing.assert_allclose(median, expected, rtol=0.005)


def test_a_median_that_is_not_reached_is_missing(computed, few):
    healthy = with_values(few, os_untreated=1e6, rate_population_mortality=1e-6)
    assert np.isnan(computed("median_survival", healthy, management="palliative")).all()


@pytest.mark.parametrize(("management", "true_class"), [("alectinib", "alk"), ("osimertinib", "egfr")])
def test_survival_on_drugs_with_a_register_of_their_own_is_the_registers_whatever_everyday_care_is_elsewhere(
    shipped, crude_draws, management, true_class
):
    medians = []
    for ratio in (0.9, 1.4):
        scenario = load_scenario("agreement_even", shipped, overrides={"hr_real_world": ratio})
        draws = crude_draws(scenario, 20)
        what = TypeAdapter(Quantity).validate_python(
            {"quantity": "median_survival", "management": management, "classes": (true_class,)}
        )
        medians.append(FIGURES[type(what)](what, scenario, draws, None))
    np.testing.assert_allclose(medians[0], medians[1], rtol=1e-9)


def test_life_years_are_those_of_the_health_table(computed, few, outcomes, scenario):
    words = Words("sv")
    years = computed("life_years", strategy=scenario.case.comparator)
    assert known_span(years, words, 3) in str(health_table(scenario, outcomes, few, words))


def test_costs_of_a_strategy_are_those_of_cost_effectiveness(computed, few, outcomes, scenario):
    for name in scenario.case.strategies:
        discounted = computed("cost", strategy=name, discounted=True)
        np.testing.assert_allclose(discounted, present_values(outcomes, few)[0].sel(strategy=name))
        whole = computed("cost", strategy=name)
        first, others = (computed("cost", strategy=name, years=years) for years in (1, scenario.case.horizon_years))
        np.testing.assert_allclose(whole, others)
        assert (first < whole).all()
        assert (whole > discounted).all()


def test_the_cost_of_a_management_is_what_its_patients_meet_without_any_test(computed, few, scenario):
    """A month before death costs one price, and without tests there is nothing else under palliative care of the short-lived."""
    one_year = computed("cost", few, management="palliative", years=1)
    untested = simulate(few, scenario.case, horizon=1, beside={"x": "palliative"}).sel(strategy="x")
    np.testing.assert_allclose(one_year, untested["cost"].sum(["resource", "year_since_start"]))
    assert float(untested["cost_once"].max()) == 0


def test_the_last_months_of_a_short_life_cost_the_months_lived_at_the_price_of_one(computed, few):
    """E[min(T, 6)] = m (1 - exp(-6/m)) months for an exponential of mean m, those who die sooner having fewer."""
    draws = with_values(few, os_untreated=6.0, cost_end_of_life_month=50_000.0, rate_population_mortality=1e-6)
    mean = 6.0 / np.log(2)
    expected = 50_000 * mean * (1 - np.exp(-6 / mean))
    np.testing.assert_allclose(
        computed("cost_before_death", draws, management="palliative", months=6), expected, rtol=0.02
    )


@pytest.mark.parametrize("until", [6, 12])
def test_what_ends_before_the_last_months_costs_what_is_left_of_those_looked_at(few, scenario, until):
    """E[min(T, 12)] - E[min(T, until)] months for an exponential: nothing where it ends as those looked at begin."""
    draws = with_values(few, os_untreated=24.0, cost_end_of_life_month=50_000.0, rate_population_mortality=1e-6)
    case, mean = scenario.case, 24.0 / np.log(2)
    [item] = [one for one in case.items_for_all if one.last_months and one.when == "progressed"]
    ends = item.model_copy(update={"last_months": None, "until_last_months": until})
    items = tuple(ends.model_copy(update={"when": state}) for state in list(case.states)[:-1])
    plan = case.managements["palliative"].model_copy(update={"items": ()})
    changed = {"items_for_all": items, "managements": {**case.managements, "palliative": plan}}
    what = TypeAdapter(Quantity).validate_python(
        {"quantity": "cost_before_death", "management": "palliative", "months": 12}
    )
    alone = replace(scenario, case=case.model_copy(update=changed))
    expected = 50_000 * mean * (np.exp(-until / mean) - np.exp(-12 / mean))
    np.testing.assert_allclose(FIGURES[type(what)](what, alone, draws, None), expected, rtol=0.03)


def test_what_is_looked_at_for_longer_before_death_costs_more(computed):
    six, twelve = (computed("cost_before_death", management="standard", months=months) for months in (6, 12))
    assert (twelve > six).all()


def test_persons_are_those_of_the_funnel(computed, few, scenario):
    year = scenario.years[0]
    funnel = scenario.case.eligible
    steps = funnel_steps(few, funnel, scenario.regions, year, year).sum("region")
    for number in range(len(funnel.shares) + 1):
        name = [funnel.incident, *funnel.shares][number]
        found = computed("persons", shares=funnel.shares[:number], year=year)
        np.testing.assert_allclose(found, steps.sel(step=name))


def test_everybody_begins_under_some_management(computed, scenario):
    everybody = computed("users", managements=tuple(scenario.case.managements), year=2020)
    np.testing.assert_allclose(everybody, computed("persons", shares=scenario.case.eligible.shares, year=2020))


def test_users_and_tests_follow_todays_mix(computed, few, scenario):
    case = scenario.case
    persons = computed("persons", shares=case.eligible.shares, year=2020)
    unfit = (1 - few[case.eligible.reflex.fit]) / few[case.eligible.reflex.fit] * few[case.eligible.reflex.tested]
    tested = persons * (1 + unfit)
    for use, strategy in ((0.0, case.comparator), (1.0, case.in_use)):
        draws = with_values(few, **{case.uptake.today: use})
        own = simulate(draws, case, horizon=1)
        treated = own["treated"].sel(strategy=strategy, management="alectinib")
        np.testing.assert_allclose(
            computed("users", draws, own, managements=("alectinib",), year=2020), persons * treated
        )
        panels = computed("tests", draws, own, tests=("dna_panel",), year=2020)
        made = walk_pathway(draws, case, strategy).performed
        assert ("dna_panel" in made) == bool((panels > 0).all())
        if use == 1.0:
            # Each panel that fails may be made once more.
            assert (panels >= tested * draws["offered_panel"] - 1e-9).all()
            assert (panels <= tested * draws["offered_panel"] * (1 + draws["fail_dna_panel"])).all()


def test_what_is_rolled_out_does_not_change_who_begins_what_today(shipped, crude_draws):
    found = []
    for name in ("agreement_even", "nsclc_panel/without_kras"):
        scenario = load_scenario(name, shipped, case="nsclc_panel")
        draws = crude_draws(scenario, 20)
        what = TypeAdapter(Quantity).validate_python({"quantity": "users", "managements": ("alectinib",), "year": 2020})
        found.append(FIGURES[type(what)](what, scenario, draws, simulate(draws, scenario.case, horizon=1)))
    np.testing.assert_allclose(*found)


def test_an_answer_in_time_is_acted_on_as_often_as_the_steps_after_it_let(computed, few, scenario):
    quick = with_values(few, turnaround_panel=0.01)
    steps = [few[name] for name in scenario.case.pathway.after_result.values()]
    found = computed("acted_on", quick, strategy="panel", true_class="alk")
    np.testing.assert_allclose(found, np.prod(steps, axis=0), rtol=1e-6)


def test_what_a_strategy_answers_is_the_share_of_all_patients(computed, outcomes, scenario):
    treated = outcomes["treated"].sel(strategy="panel", management=scenario.case.matched).sum("management")
    np.testing.assert_allclose(computed("answered", strategy="panel", answer="treated"), treated)
    np.testing.assert_allclose(
        computed("answered", strategy="panel", answer="mismatched"), outcomes["mismatched"].sel(strategy="panel")
    )


@pytest.mark.parametrize("case", CASES)
def test_every_check_of_a_case_has_a_figure_in_each_draw_and_words_in_both_languages(shipped, crude_draws, case):
    scenario = load_scenario("agreement_even", shipped, case=case)
    draws = crude_draws(scenario, 20)
    outcomes = simulate(draws, scenario.case, horizon=scenario.case.horizon_years)
    found = compared(scenario, draws, outcomes)
    assert len(found) == len(scenario.case.validation) > 0
    assert all(one.model.dims == ("draw",) and np.isfinite(one.model).all() for one in found)
    for language in ("sv", "en"):
        page = html.unescape(section.validation_section(scenario, draws, outcomes, Words(language)))
        assert not re.search(r"\bnan\b", page)
        assert all(Words(language).label(one.check.explained)[:20] in page for one in found)


def test_the_table_has_the_models_mean_over_what_was_read(few, outcomes, scenario):
    words, found = Words("sv"), compared(scenario, few, outcomes)
    shown = str(section.checks_table(found, words))
    alike = [one for one in found if one.check.alike]
    assert len(alike) < len(found)
    for one in alike:
        assert words.number(float(one.model.mean()) / one.check.value, 2) in shown
    inside = sum(bool(one.model.quantile(0.025) <= one.check.value <= one.model.quantile(0.975)) for one in alike)
    assert words("validation.inside", inside=inside, number=len(alike)) == section.verdict(found, words)[0]


def test_a_case_without_checks_has_no_section(few, outcomes, scenario):
    bare = replace(scenario, case=scenario.case.model_copy(update={"validation": ()}))
    assert section.validation_section(bare, few, outcomes, Words("sv")) == ""


def test_a_share_is_told_in_per_cent_and_large_sums_to_the_thousand(scenario):
    words = Words("sv")
    share, money = (
        next(one for one in scenario.case.validation if one.unit == unit) for unit in ("share", "SEK/patient")
    )
    row = {"mean": 0.712, "lower": 0.4, "upper": 0.9}
    assert section.figure(pd.Series(row), share, words) == "71 (40 till 90) %"
    row = pd.Series({"mean": 247_463.0, "lower": 159_158.0, "upper": 354_768.0})
    assert section.figure(row, money, words).replace("\u00a0", " ") == "247 000 (159 000 till 355 000)"


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"quantity": "median_survival", "management": "standrad"}, "validation.0.model.managements: 'standrad'"),
        ({"quantity": "persons", "shares": ["coverage_today"], "year": 2020}, "validation.0.model.eligible"),
        ({"quantity": "tests", "tests": ["dna_pannel"], "year": 2020}, "did you mean dna_panel"),
        ({"quantity": "cost"}, "a cost is of a strategy or of a management. Remedy: give one of the two"),
        ({"quantity": "survival"}, "median_survival"),
    ],
)
def test_a_check_that_names_nothing_of_the_case_is_one_clear_fault(folder, about, said):
    path = folder / "cases" / "nsclc_panel" / "case.yaml"
    yaml = YAML()
    data = yaml.load(path.read_text("utf-8"))
    data["validation"][0]["model"] = about
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(data, file)
    with pytest.raises(InputError, match=said):
        load_scenario("agreement_even", folder)


def test_what_was_read_lies_in_its_own_interval():
    given = {
        "label": {"sv": "x", "en": "x"},
        "model": {"quantity": "life_years", "strategy": "panel"},
        "unit": "years",
        "evidence": "registry",
        "source": {"title": "x"},
        "explained": {"sv": "x", "en": "x"},
    }
    with pytest.raises(ValidationError, match="does not hold the value"):
        Check(**given, value=3, lower=1, upper=2)
    with pytest.raises(ValidationError, match="lower and upper, or neither"):
        Check(**given, value=3, lower=1)


def test_no_result_depends_on_what_the_model_is_held_against(scenario, monkeypatch):
    monkeypatch.setattr(kept, "posterior_hash", lambda _: "x")
    bare = replace(scenario, case=scenario.case.model_copy(update={"validation": ()}))
    assert kept.result_key(scenario, draws=2, seed=1) == kept.result_key(bare, draws=2, seed=1)


@pytest.mark.parametrize("case", CASES)
def test_the_values_said_to_have_been_reviewed_are_those_of_the_files(shipped, case):
    parameters = load_scenario("agreement_even", shipped, case=case).parameters
    assert parameters.reviewed
    assert len({one.parameter for one in parameters.reviewed}) == len(parameters.reviewed)
    for one in parameters.reviewed:
        stated = parameters[one.parameter].record.distribution
        if isinstance(stated, FromStudies):
            continue
        when = "old" if one.decision == "kept" else "new"
        now = tuple(getattr(one, f"{when}{end}") for end in ("", "_lower", "_upper"))
        centre = next(figure for figure in (stated.median, stated.mean, stated.value) if figure is not None)
        assert (centre, *(stated.interval or (None, None))) == pytest.approx(now), one.parameter


def test_what_was_reviewed_is_shown_before_and_after_behind_a_line(scenario):
    page = str(reviewed_table(scenario, Words("sv")))
    assert page.startswith("<details>")
    assert "1,4 (1,0 till 1,9)" in page
    assert "1,05 (0,85 till 1,40)" in page


def test_a_reviewed_parameter_that_is_not_there_is_a_fault(folder):
    path = folder / "cases" / "nsclc_panel" / "evidence" / "reviewed.csv"
    path.write_text(path.read_text("utf-8").replace("hr_real_world,", "hr_real_wrold,"), "utf-8")
    with pytest.raises(
        InputError, match="parameter = 'hr_real_wrold': names no parameter. Remedy: did you mean hr_real_world"
    ):
        load_scenario("agreement_even", folder)


def test_a_case_that_reviewed_nothing_shows_nothing(folder):
    (folder / "cases" / "nsclc_panel" / "evidence" / "reviewed.csv").unlink()
    assert reviewed_table(load_scenario("agreement_even", folder), Words("sv")) == ""
