"""What a scenario or a run sets has a source and a grade of its own, and what it replaced stands beside."""

import json

import pytest

from pmbudget.errors import InputError
from pmbudget.inputs import expand, load_scenario
from pmbudget.inputs.prices import load_prices
from pmbudget.reporting.ch01_evidence.evidence import set_by_scenario_table
from pmbudget.reporting.words import Words

HEAD = (
    'label: {sv: "Prov", en: "Trial"}\nbase: agreement_even\nevidence: registry\n'
    'source: {title: "The scenario\'s own"}\n'
)
BARE = 'label: {sv: "Prov", en: "Trial"}\nbase: middle\n'
OWN = "  cost_panel: {distribution: {family: gamma, mean: 700, interval: [500, 950]}, evidence: published, source: {title: Own}}\n"


@pytest.fixture
def write(folder):
    def writing(text, name="trial"):
        (folder / "scenarios" / f"{name}.yaml").write_text(text, "utf-8")
        return folder

    return writing


def provenance(parameter):
    return parameter.record.evidence, parameter.record.source.title


# An override carries its own source and grade


def test_an_override_by_number_has_the_scenario_s_source_and_grade_and_keeps_the_former(write, shipped):
    before = load_scenario("agreement_even", shipped).parameters["cost_panel"]
    after = load_scenario("trial", write(HEAD + "overrides: {cost_panel: 700}\n")).parameters["cost_panel"]
    assert provenance(after) == ("registry", "The scenario's own")
    assert after.was == before.record
    assert before.was is None


def test_an_override_with_a_source_of_its_own_keeps_it(write):
    after = load_scenario("trial", write(HEAD + "overrides:\n" + OWN)).parameters["cost_panel"]
    assert provenance(after) == ("published", "Own")


def test_an_override_given_in_the_call_is_an_assumption_set_in_this_run(write):
    folder = write(HEAD + "overrides: {cost_panel: 700}\n")
    after = load_scenario("trial", folder, {"cost_panel": 800}).parameters["cost_panel"]
    assert provenance(after) == ("assumption", "Set in this run")
    assert after.is_assumed


def test_remarks_on_the_former_figure_do_not_stay_with_the_new(write, shipped):
    uncertain = [
        (name, one)
        for name, one in load_scenario("unplanned", shipped).parameters.items()
        if one.record.interval_evidence and one.record.note and not one.record.by
    ]
    name, one = uncertain[0]
    after = load_scenario("trial", write(HEAD), {name: one.distribution.mean}).parameters[name].record
    assert (after.interval_evidence, after.note) == (None, "")


def test_another_label_leaves_source_and_grade_where_they_are(shipped):
    text = {"sv": "Panel", "en": "Panel"}
    before = load_scenario("unplanned", shipped).parameters["cost_panel"]
    after = load_scenario("unplanned", shipped, {"cost_panel": {"label": text}}).parameters["cost_panel"]
    assert provenance(after) == provenance(before)


def test_an_override_without_a_price_year_keeps_what_moves_the_price(shipped):
    record = {"distribution": {"family": "gamma", "mean": 700, "interval": [500, 950]}}
    before, after = (
        load_scenario("unplanned", shipped, given).parameters["cost_panel"] for given in ({}, {"cost_panel": record})
    )
    assert (after.record.index, after.trend, after.factor) == (before.record.index, before.trend, before.factor)
    assert before.trend


def test_an_override_with_a_price_year_of_its_own_says_what_moves_it(write):
    stated = "{unit: SEK/test, price_year: 2020, %sdistribution: {family: gamma, mean: 7000, interval: [5000, 9500]}}"
    with pytest.raises(InputError, match=r"trial.yaml:6: overrides.cost_panel.index: nothing says .* 2020") as told:
        load_scenario("trial", write(HEAD + "overrides:\n  cost_panel: " + stated % "" + "\n"))
    assert len(told.value.faults) == 1
    whole = HEAD + "overrides:\n  cost_panel: " + stated % "index: none, " + "\n"
    after = load_scenario("trial", write(whole)).parameters["cost_panel"]
    assert (after.factor, after.drawn_with) == (1, ())


def test_who_changes_the_index_answers_for_the_price(shipped):
    after = load_scenario("unplanned", shipped, {"cost_panel": {"index": "cpi"}}).parameters["cost_panel"]
    assert provenance(after) == ("assumption", "Set in this run")
    assert (after.record.price_year, after.trend) == (2015, None)


def test_an_override_from_the_base_keeps_the_base_s_source(write):
    write(HEAD + "overrides: {cost_panel: 700}\n", "middle")
    text = BARE + "evidence: expert\nsource: {title: Above}\noverrides: {cost_single_gene: 900}\n"
    parameters = load_scenario("trial", write(text)).parameters
    assert provenance(parameters["cost_panel"]) == ("registry", "The scenario's own")
    assert provenance(parameters["cost_single_gene"]) == ("expert", "Above")


@pytest.mark.parametrize("own", ["overrides: {cost_panel: 700}\n", "sweep: {cost_panel: [700, 800]}\n"])
@pytest.mark.parametrize("stated", ["", "evidence: expert\n", "source: {title: Above}\n"])
def test_a_scenario_that_sets_something_cannot_borrow_its_base_s_source(write, own, stated):
    write(HEAD, "middle")
    missing = "source" if "source" not in stated else "evidence"
    with pytest.raises(InputError, match=rf"trial.yaml:\d+: {missing}: the key is missing"):
        load_scenario("trial", write(BARE + stated + own))


def test_a_scenario_that_sets_nothing_has_its_base_s_source(write):
    write(HEAD, "middle")
    assert load_scenario("trial", write(BARE)).definition.source.title == "The scenario's own"


def test_swept_values_are_on_the_word_of_the_file_they_stand_in(write):
    values = (
        "sweep:\n  cost_panel:\n    - 700\n    - {distribution: {family: gamma, quantiles: {0.1: 500, 0.9: 900}}}\n"
    )
    folder = write(HEAD + values)
    for one in expand(load_scenario("trial", folder)):
        # A notebook is given its overrides as JSON.
        again = load_scenario(one.file, folder, json.loads(json.dumps(one.given)))
        assert provenance(again.parameters["cost_panel"]) == ("registry", "The scenario's own")


def test_what_was_replaced_is_in_the_resolved_scenario(write, shipped):
    folder = write(HEAD + "overrides: {prevalence_egfr: 0.1}\n")
    found = load_scenario("trial", folder).resolved()["parameters"]["prevalence_egfr"]
    former = load_scenario("agreement_even", shipped).parameters["prevalence_egfr"].record
    assert (found["evidence"], found["source"]["title"]) == ("registry", "The scenario's own")
    assert found["was"]["source"] == former.source.title
    assert found["was"]["distribution"]["quantity"] == former.distribution.quantity
    assert "was" not in load_scenario("agreement_even", shipped).resolved()["parameters"]["prevalence_egfr"]


def test_the_shipped_effect_from_cohorts_is_the_cohort_s_and_not_the_trials(shipped):
    found = load_scenario("fh_cascade/cohort_effect", shipped).parameters["ratio_untreated"]
    assert "Versmissen" in found.record.source.title
    assert "Cholesterol Treatment Trialists" in found.was.source.title


def test_chapter_01_says_what_the_scenario_set_and_what_it_replaced(shipped):
    words = Words("en")
    told = set_by_scenario_table(load_scenario("fh_cascade/cohort_effect", shipped), words)
    for said in ("Versmissen", "Cholesterol Treatment Trialists", "1.86", "4.29"):
        assert said in told
    learnt = set_by_scenario_table(load_scenario("unplanned", shipped, {"prevalence_egfr": 0.1}), Words("sv"))
    assert "skattas ur studier" in learnt
    assert "Satt i denna körning" in learnt
    assert "replaces no parameter" in set_by_scenario_table(load_scenario("unplanned", shipped), words)


# What can be no override


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (True, "neither a number nor keys"),
        ("700", "neither a number nor keys"),
        (None, "neither a number nor keys"),
        ([700, 800], "neither a number nor keys"),
        (1e308, "larger than any figure"),
        ({"distribution": {"value": True}}, "true or false"),
        ({"distribution": 7}, "overrides.cost_panel.distribution"),
        ({"distribution": {"value": 7}, "source": {"title": "x"}}, "one of source and evidence"),
        ({"distribution": {"value": 7}, "evidence": "published"}, "one of source and evidence"),
        ({"costs": 7}, "overrides.cost_panel.costs.*unknown key"),
    ],
)
def test_what_is_no_figure_is_refused_as_the_override_that_it_is(shipped, given, said):
    with pytest.raises(InputError, match=said) as caught:
        load_scenario("unplanned", shipped, {"cost_panel": given})
    assert "this run: overrides.cost_panel" in str(caught.value)


def test_a_fault_in_an_override_stands_where_the_override_does(write):
    with pytest.raises(InputError, match=r"trial.yaml:6: overrides.cost_panel.*impossible"):
        load_scenario("trial", write(HEAD + "overrides:\n  cost_panel: -5\n"))


@pytest.mark.parametrize("name", ["coverage_deviation", "slope_deviation"])
def test_one_number_for_what_is_one_per_region_is_a_fault(shipped, name):
    with pytest.raises(InputError, match=f"overrides.{name}.*one per region"):
        load_scenario("unplanned", shipped, {name: 0.1})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("overrides: [1, 2]\n", "overrides = .*dictionary"),
        ("overrides: 3\n", "overrides = 3.*dictionary"),
        ("case: [nsclc_panel]\n", "case = .*string"),
        ("case: 7\n", "case = 7.*string"),
        ("sweep: {cost_panel: []}\n", "sweep.cost_panel.*no values to sweep over"),
        ("sweep: {cost_panel: 700}\n", "sweep.cost_panel.*list"),
        ("overrides: {cost_panel: " + "9" * 6000 + "}\n", "no YAML"),
        ("note: 2026-13-01\n", "no YAML"),
    ],
)
def test_a_wrong_type_in_a_scenario_is_a_fault_and_no_traceback(write, text, said):
    with pytest.raises(InputError, match=said):
        load_scenario("trial", write(HEAD + text))


# Exchange rates


def test_an_exchange_rate_can_be_overridden_with_a_source_of_its_own(shipped):
    own = {"distribution": {"value": 9.36}, "evidence": "published", "source": {"title": "The Riksbank"}}
    found = load_scenario("unplanned", shipped, {"rate_eur_2015": own}).parameters["rate_eur_2015"]
    assert provenance(found) == ("published", "The Riksbank")
    assert found.distribution.is_fixed
    assert (found.was.evidence, found.was.source.title) == (
        "derived",
        load_prices(shipped, []).rates["EUR", 2015].source,
    )
    assert load_scenario("unplanned", shipped, {"rate_eur_2015": 10}).parameters.fixed("rate_eur_2015") == 10


# What is of one file


@pytest.mark.parametrize("own", ["on_request: true\n", "sweep: {cost_panel: [700, 800]}\n"])
def test_a_sweep_and_what_runs_on_request_alone_are_not_inherited(write, own):
    write(HEAD + own, "middle")
    found = load_scenario("trial", write(BARE)).definition
    assert (found.on_request, found.sweep) == (False, {})
