"""Chapter 07's sentences follow its tables: every option, sign and tie, in both languages, on small made-up results."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pmbudget.appraisal import adoption
from pmbudget.reporting.ch07_information import information as pages
from pmbudget.reporting.ch07_information import information_headline as answers
from pmbudget.reporting.words import Words

LANGUAGES = pytest.mark.parametrize("language", ["sv", "en"])
NAMES = {"old": "one by one", "panel": "panel", "third": "third", "new": "panel", "comparator": "one by one"}
NAMES |= {"in_use": "panel", "used": "panel"}


def options(**values):
    """Options by value, each sure of its place, with what a study first leads to."""
    ends = {"approve": (1, 0, 0), "reject": (0, 1, 0), "withdraw": (0, 0, 1)}
    names = ("approve", "approve_with_research", "only_in_research", "reject", "withdraw")
    frame = pd.DataFrame(
        [ends.get(name, (0, 0.4, 0.6)) for name in names], names, ["extend", "keep", "withdraw"], float
    )
    frame["value"] = [values.get(name, -50e6) for name in names]
    frame.loc["reject", "value"] = 0.0
    return frame.assign(error=0.1e6, best=frame["value"] == frame["value"].max())


@LANGUAGES
def test_a11_a_study_that_never_leads_to_introduction_is_said_to_pay_by_withdrawing(language):
    words = Words(language)
    told = answers.decision_sentence(options(only_in_research=10.5e6), NAMES, "review", words)
    assert {"sv": "leder inte till införande", "en": "does not lead to introduction"}[language] in told
    assert {"sv": "kommer av att panel avvecklas i 60\u00a0% av utfallen", "en": "withdrawing panel in 60%"}[
        language
    ] in told
    assert {"sv": "vänta med införandet", "en": "wait with introduction"}[language] not in told


def test_a11_the_sentence_is_that_of_the_row_which_the_table_holds_best():
    # One certain loss on average, transition dear: the study only ever ends in withdrawal.
    frame = adoption(
        np.array([-3.0, -1.0, 0.5, -2.0]),
        starts_per_year=[100.0] * 5,
        use_per_year=[0.8] * 5,
        today_per_year=0.4,
        discount_rate=0.0,
        delay=1.0,
        research_cost=1.0,
        investment=1000.0,
        reversal_cost=1.0,
    )
    frame["value"] -= frame.loc["reject", "value"]
    frame = frame.assign(error=0.0)
    assert frame.loc["only_in_research", "extend"] == 0
    told = answers.decision_sentence(
        frame.drop(index="withdraw").assign(best=lambda f: f["value"] == f["value"].max()),
        NAMES,
        "review",
        Words("en"),
    )
    assert "does not lead to introduction" in told


@LANGUAGES
@pytest.mark.parametrize(
    ("best", "sv", "en"),
    [
        ("approve", "införa nu, utan att vänta", "introduce now without waiting"),
        (
            "approve_with_research",
            "införa nu och göra studien review samtidigt",
            "introduce now and make the study review",
        ),
        ("only_in_research", "göra studien review först", "make the study review first"),
        ("reject", "stanna vid dagens användning", "stay at today's use"),
        ("withdraw", "avveckla dagens användning", "end today's use"),
    ],
)
def test_each_decision_has_its_own_sentence(language, best, sv, en):
    told = answers.decision_sentence(options(**{best: 9e6}), NAMES, "review", Words(language))
    assert {"sv": sv, "en": en}[language] in told
    assert ("9,0" in told or "9.0" in told) == (best != "reject")


@LANGUAGES
def test_a_study_first_that_can_lead_to_introduction_says_how_often(language):
    frame = options(only_in_research=9e6)
    frame.loc["only_in_research", ["extend", "keep", "withdraw"]] = [0.3, 0.5, 0.2]
    told = answers.decision_sentence(frame, NAMES, "review", Words(language))
    assert all(Words(language).percent(share) in told for share in (0.3, 0.5, 0.2))
    frame.loc["only_in_research", ["extend", "keep", "withdraw"]] = [0.0, 1.0, 0.0]
    told = answers.decision_sentence(frame, NAMES, "review", Words(language))
    assert {"sv": "sällan ändrar något", "en": "seldom changes"}[language] in told


@LANGUAGES
def test_options_within_two_simulation_errors_are_not_ranked(language):
    words, frame = Words(language), options(only_in_research=0.15e6)
    told = answers.decision_sentence(frame, NAMES, "review", words)
    assert words("info_option_said.only_in_research") in told
    assert words("info_option_said.reject") in told
    assert words("info_option_said.approve") not in told


@LANGUAGES
@pytest.mark.parametrize(
    ("best", "sv", "en"),
    [
        (["panel"], "är panel bäst", "panel is best"),
        (["old", "panel"], "inte avgöra vilken som är bäst i genomsnitt", "cannot decide"),
        (["third", "panel"], "bäst i genomsnitt vid den tröskeln av third och panel", "of third and panel is best"),
        (
            ["third"],
            "är third i genomsnitt bättre vid den tröskeln än både panel och one by one",
            "third is better on average",
        ),
    ],
)
def test_a_choice_of_which_neither_is_best_is_told_as_such(language, best, sv, en):
    told = answers.patient_sentence(NAMES, best, Words(language))
    assert {"sv": sv, "en": en}[language] in told


def losses(information, implementation):
    return pd.DataFrame(
        {"patients": [1000.0], "information": [information], "implementation": [implementation], "error": [0.1e6]}
    )


@LANGUAGES
@pytest.mark.parametrize(
    ("best", "sv", "en"),
    [
        ("old", "panel används trots att one by one i genomsnitt är bättre", "panel is used although one by one"),
        ("panel", "inte alla får panel", "not everyone gets panel"),
        ("third", "inte alla får third", "not everyone gets third"),
        ("unsure", "det står mellan one by one och panel", "it is one of one by one and panel"),
    ],
)
def test_a11_use_is_named_by_the_sign_of_the_expected_net_benefit(language, best, sv, en):
    near = ["old", "panel"] if best == "unsure" else [best]
    told = answers.loss_sentence(losses(5e6, 1.9e6), NAMES, near, Words(language), wtp=1e6)
    assert {"sv": sv, "en": en}[language] in told
    states = pd.Series({"evpi": 43.8e6, "evpim": 16.8e6, "error": 1e6})
    told = answers.states_sentence(states, NAMES, near, Words(language))
    said = {"old": ("sluta använda", "an end to the use"), "panel": ("alla får panel", "everyone gets panel")}
    said |= {"third": ("alla får third", "everyone gets third")}
    said |= {"unsure": ("inte skiljer one by one och panel åt", "do not tell one by one and panel apart")}
    assert said[best][language == "en"] in told
    assert "genomförande" not in told.lower()


@LANGUAGES
def test_uncertainty_that_costs_nothing_and_use_that_loses_nothing_are_told_so(language):
    words = Words(language)
    told = answers.loss_sentence(losses(0.0, 0.0), NAMES, ["old"], words, wtp=1e6)
    assert told == words("info_headline_certain", wtp=words.number(1e6))
    assert words("info_states.neither") == answers.states_sentence(
        pd.Series({"evpi": 0.0, "evpim": 0.0, "error": 0.0}), NAMES, ["old"], words
    )


@LANGUAGES
@pytest.mark.parametrize(
    ("evpi", "evpim", "sv", "en"),
    [
        (44e6, 17e6, "underlag är värt mer än", "evidence is worth more"),
        (17e6, 44e6, "är värd mer än bättre underlag", "worth more than better evidence"),
        (17e6, 18e6, "inte att skilja åt", "cannot be told apart"),
    ],
)
def test_information_and_use_are_ranked_only_beyond_the_error(language, evpi, evpim, sv, en):
    row = pd.Series({"evpi": evpi, "evpim": evpim, "error": 1e6})
    assert {"sv": sv, "en": en}[language] in answers.states_sentence(row, NAMES, ["old"], Words(language))


@LANGUAGES
def test_b8_parameters_that_cannot_be_told_apart_are_not_ranked(scenario, language):
    words, names = Words(language), list(scenario.parameters)[:5]
    label = [words.label(scenario.parameters[name].record.label) for name in names]
    ranked = pd.DataFrame({"evppi": [931, 885, 810, 100, 1], "se": [120, 106, 98, 40, 10]}, index=names)
    told = answers.knowledge_sentence(scenario, ranked, words)
    assert all(one in told for one in label[:3])
    assert label[3] not in told
    assert {"sv": "inte skilja", "en": "cannot tell"}[language] in told
    alone = answers.knowledge_sentence(scenario, ranked.assign(se=1.0), words)
    assert label[1] not in alone
    assert words("info_headline_no_parameter") == answers.knowledge_sentence(scenario, ranked.assign(se=900.0), words)


@LANGUAGES
def test_that_no_study_is_of_what_is_worth_most_to_know_is_said_where_none_is(scenario, language):
    words = Words(language)
    studied = next(iter(scenario.case.research.studies.values())).measures[0].parameter
    other = next(name for name in scenario.parameters if name.startswith("hr_"))
    for names, near, said in (
        ([other, studied], [900, 100], True),
        ([other, studied], [900, 890], False),
        ([studied, other], [900, 100], False),
        ([other, studied], [1, 1], False),
    ):
        ranked = pd.DataFrame({"evppi": near, "se": 20.0}, index=names)
        told = answers.unstudied_sentence(scenario, ranked, words)
        assert told == (words("info_headline_unstudied") if said else "")


@LANGUAGES
def test_a_study_is_nearest_to_pay_only_where_it_is_told_from_the_others(scenario, language):
    words, names = Words(language), list(scenario.case.research.studies)[:2]
    frame = pd.DataFrame(
        {"study": names, "n": 10, "participants": 10, "years": 1.0, "evsi": 100.0, "se": [100.0, 100.0]}
        | {"reached": 10_000.0, "cost": 1e6, "enbs": [0.5e6, -0.5e6], "best": [True, False]}
    )
    near, told = (answers.study_sentence(scenario, one, words) for one in (frame, frame.assign(enbs=[0.5e6, -9e6])))
    quoted = words("quoted", text=words.label(scenario.case.research.studies[names[0]].label))
    assert near == words("info_headline_unsure_study")
    assert told.endswith(words("info_headline_nearest_study", study=quoted))


@LANGUAGES
@pytest.mark.parametrize(
    ("enbs", "se", "sv", "en"),
    [
        (5e6, 1.0, "högst förväntad nettonytta", "highest expected net benefit"),
        (0.5e6, 100.0, "inte avgöra", "cannot decide"),
        (-0.5e6, 100.0, "inte avgöra", "cannot decide"),
        (-1e6, 1.0, "Ingen av de föreslagna", "None of the proposed"),
    ],
)
def test_a_study_pays_only_beyond_the_error(scenario, language, enbs, se, sv, en):
    name = next(iter(scenario.case.research.studies))
    frame = pd.DataFrame(
        {"study": [name], "n": [10], "participants": [10], "years": [1.0], "evsi": [100.0], "se": [se]}
        | {"reached": [10_000.0], "cost": [1e6], "enbs": [enbs], "best": [enbs > 0]}
    )
    assert {"sv": sv, "en": en}[language] in answers.study_sentence(scenario, frame, Words(language))
    shown = Words(language)(f"info_verdict.{answers.verdict(answers.best_sizes(frame).iloc[0])}")
    assert shown in pages.studies_table(scenario, frame, Words(language))


def rollouts(own=-12.8e6, withdrawn=1.0):
    parts = {"meanwhile": [-2.4e6, -1.6e6], "afterwards": [-10e6, own + 3.1e6], "evsi": [8e6, 0.0]}
    frame = pd.DataFrame(parts | {"follow_up": [-1.5e6, -1.5e6], "se": [1e6, 0.0], "error": [0.05, 0.2]})
    frame["value"] = frame[["meanwhile", "afterwards", "evsi", "follow_up"]].sum(axis=1)
    return frame.assign(order=["largest", "own"], waves=[3, 0], periods=1, withdrawn=withdrawn)


@LANGUAGES
@pytest.mark.parametrize(
    ("own", "sv", "en"),
    [
        (-12.8e6, "upp till", "up to"),
        (-6e6, "går inte att skilja", "cannot be told"),
        (5e6, "egen takt ger mest", "own pace gives most"),
    ],
)
def test_an_order_is_best_only_beyond_the_error(language, own, sv, en):
    told = pages.rollouts_note(rollouts(own), Words(language))
    assert {"sv": sv, "en": en}[language] in told
    assert Words(language)("info_rollout_note.withdrawn") in told
    kept = pages.rollouts_note(rollouts(own, withdrawn=0.2), Words(language))
    assert Words(language)("info_rollout_note.withdrawn") not in kept


@LANGUAGES
def test_a_chapter_without_anything_worth_knowing_says_so(scenario, results, language):
    words = Words(language)
    names = list(scenario.parameters)[:3]
    ranked = pd.DataFrame({"evppi": [2.0, 1.0, 0.0], "se": [5.0, 5.0, 0.0]}, index=names)
    assert words("info_headline_no_parameter") in pages.ranking_chart(scenario, ranked, words)
    shown = pages.ranking_table(scenario, losses(0.0, 0.0), ranked, words)
    assert "<table>" not in shown
    assert words("info_ranking_left", number="3") in shown


@LANGUAGES
def test_the_thresholds_of_this_chapter_follow_the_severity(scenario, results, language):
    words = Words(language)
    assert words.number(500_000) not in pages.information_frame(scenario, results, words, wtp=1e6)
    unread = replace(scenario, case=scenario.case.model_copy(update={"severity": None}))
    assert words.number(500_000) in pages.information_frame(unread, results, words, wtp=1e6)


@LANGUAGES
def test_what_is_ended_is_named_by_what_is_in_use(language):
    """Another strategy is rolled out than the one in use: today's use is of that one, and the scenario uses both."""
    words = Words(language)
    names = {**NAMES, "new": "third", "in_use": "panel", "used": "third or panel"}
    for ends in (options(withdraw=9e6), options(only_in_research=9e6)):
        told = answers.decision_sentence(ends, names, "review", words)
        assert "panel" in told
        assert "third" not in told
    assert "third or panel" in answers.loss_sentence(losses(5e6, 1.9e6), names, ["old"], words, wtp=1e6)
    assert "third or panel" in answers.better_use(names, ["old"], words)


@LANGUAGES
def test_orders_that_teach_nothing_are_not_ranked(language):
    words, none = Words(language), rollouts().assign(evsi=[1e6, 0.0], se=[1e6, 0.0])
    assert pages.rollouts_table(none, words) == pages.note(words("info_rollout_none"))
    assert pages.rollouts_note(none, words) == ""
    assert "<table" in pages.rollouts_table(rollouts(), words)


@LANGUAGES
@pytest.mark.parametrize(("error", "shown"), [(400.0, None), (40.0, "120"), (4.0, "123")])
def test_what_clean_data_are_worth_is_told_no_finer_than_its_error(scenario, language, error, shown):
    words, name = Words(language), next(iter(scenario.case.research.studies))
    worth = {"as_is": 23.0, "known": 60.0, "complete": 90.0, "clean": 123.0, "worth": 1.234e6}
    frame = pd.DataFrame({"n": 50, **worth, "error": error, "worth_error": 1e4 * error}, index=[name])
    told = pages.quality_table(scenario, frame, words)
    assert (told == pages.note(words("info_quality_nothing"))) == (shown is None)
    assert shown is None or f">{shown}<" in told


@LANGUAGES
@pytest.mark.parametrize(("state", "regions"), [(30.0, 80.0), (10.0, 70.0)])
def test_losses_that_come_to_more_when_shared_are_explained(language, state, regions):
    words = Words(language)
    burden = (
        pd.DataFrame({"shared": [state, regions], "alone": [0.0, 100.0]}, index=["state", "regions_together"]) * 1e6
    )
    told = pages.burden_table(burden, words)
    assert (pages.note(words("info_burden_apart")) in told) == (state + regions > 100)
