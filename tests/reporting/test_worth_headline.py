"""Chapter 03's sentences follow its numbers: quadrants, signs, certainty, thresholds, in both languages, on small made-up results."""

import html
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pmbudget.appraisal.increment import Increment
from pmbudget.inputs import load_scenario
from pmbudget.patient.per_patient import increment, increments
from pmbudget.questions.structures import Structures
from pmbudget.reporting import value, verdict
from pmbudget.reporting.ch03_worth import worth, worth_certainty, worth_drivers, worth_headline
from pmbudget.reporting.words import Words

LANGUAGES = pytest.mark.parametrize("language", ["sv", "en"])
WTP = 1e6
UNTRIED = Structures(Increment.of([0.0, 0.0], [0.0, 0.0]), {})


def draws(mean, spread, n=400):
    """Draws of exactly this mean and about this spread."""
    shape = np.linspace(-1.7, 1.7, n)
    return mean + spread * shape


def added(cost, qaly, spread_cost=1.0, spread_qaly=1e-5):
    return Increment.of(draws(cost, spread_cost), draws(qaly, spread_qaly)[::-1])


@LANGUAGES
@pytest.mark.parametrize(
    ("cost", "qaly", "sv", "en"),
    [
        (
            1000,
            0.01,
            ["kostar panel 1\u00a0000 kronor mer", "fler", "100\u00a0000 kronor per vunnet"],
            ["more per patient"],
        ),
        (-1000, 0.01, ["sparar panel 1\u00a0000 kronor", "fler", "(dominant)"], ["saves SEK 1,000", "(dominant)"]),
        (1000, -0.01, ["kronor mer", "färre", "(dominerad)"], ["more per patient", "fewer", "(dominated)"]),
        (-1000, -0.01, ["sparar", "färre", "per förlorat QALY"], ["saves", "fewer", "per QALY lost"]),
        (1000, 0.0, ["kronor mer", "lika många", "(dominerad)"], ["as many", "(dominated)"]),
        (-1000, 0.0, ["sparar", "lika många", "lika bra"], ["saves", "as good"]),
        (0, 0.0, ["lika mycket", "lika många", "ingen skillnad"], ["the same", "no difference"]),
    ],
)
def test_the_verdict_walks_the_quadrants(language, cost, qaly, sv, en):
    found = added(cost, qaly, 1.0 if cost else 0.0, 1e-5 if qaly else 0.0)
    told = worth_headline.verdict_sentence(found, "panel", "one by one", Words(language))
    assert all(part in told for part in {"sv": sv, "en": en}[language])
    assert "\u2212" not in told
    assert not any(character in told for character in "{}")


@LANGUAGES
@pytest.mark.parametrize(("cost", "qaly"), [(-600, 0.008), (600, -0.008), (-600, 0.0)])
def test_b15_dominance_is_told_as_such_only_where_it_is_sure(language, cost, qaly):
    sure = added(cost, qaly, 1.0, 1e-5 if qaly else 0.0)
    unsure = added(cost, qaly, 10_000.0, 1e-5 if qaly else 0.0)
    words = Words(language)
    told = [worth_headline.verdict_sentence(one, "panel", "one", words) for one in (sure, unsure)]
    assert ["(domin" in one for one in told] == [True, False]
    assert {"sv": "ordningen är osäker", "en": "order is uncertain"}[language] in told[1]
    risk = worth_headline.risk_sentence(unsure, "panel", words)
    assert words.probability(float((unsure.cost > 0).mean())) in risk


def test_a19_a_saving_has_the_words_of_both_its_ends():
    found = added(-600, 0.008, 10_000.0)
    told = worth_headline.verdict_sentence(found, "panel", "one", Words("sv"))
    assert "lägre till" in told
    assert "högre kostnad" in told
    assert "mindre" not in told


@LANGUAGES
def test_a13_no_ratio_to_a_difference_that_is_none_or_noise(language):
    words = Words(language)
    # What a class without anything to find has: rounding in place of a difference.
    assert verdict.verdict_words(draws(5300, 10), draws(3e-17, 0), words) == words("dominated")
    assert verdict.verdict_words(draws(-5300, 10), draws(3e-17, 0), words) == words("dominant")
    noise = added(1000, 1e-4, 1.0, 0.05)
    assert verdict.verdict_words(noise.cost, noise.qaly, words) == words("ratio_unknown")
    assert words("verdict_unknown") in worth_headline.verdict_sentence(noise, "panel", "one", words)


def test_no_figure_is_printed_finer_than_two_simulation_errors():
    words = Words("en")
    wide = xr.DataArray(draws(14_218, 13_000), dims="draw")
    assert verdict.known(wide, words, -2) == "14,000"
    assert verdict.known(xr.DataArray(draws(14_218, 500), dims="draw"), words, -2) == "14,200"
    ratio = Increment.of(draws(14_200, 14_000), draws(0.012, 0.0))
    assert verdict.ratio_words(ratio.ratio, words) == "1,180,000"
    assert verdict.ratio_words(ratio.ratio, words, ratio.ratio_error) == "1,200,000"


@LANGUAGES
@pytest.mark.parametrize(
    ("best", "key"),
    [
        ([0, 0, 0, 0], "never"),
        ([1, 1, 1, 1], "always"),
        ([0, 0, 1, 1], "from"),
        ([1, 1, 0, 0], "until"),
        ([0, 1, 1, 0], "between"),
    ],
)
def test_the_frontier_is_told_by_where_the_new_strategy_is_best(language, best, key):
    words, grid = Words(language), np.array([0.0, 5e5, 1e6, 1.5e6])
    told = worth_certainty.frontier_title(grid, np.array(best, bool), "Panel", words)
    assert told.startswith(words(f"ceac_title.{key}", new="Panel", wtp="|", low="|", high="|").split("|")[0])


def told_thresholds(scenario, results, language, **severity):
    case = scenario.case
    update = {"severity": case.severity.model_copy(update=severity) if severity else None}
    changed = replace(scenario, case=case.model_copy(update=update))
    return worth_headline.threshold_sentence(changed, results, Words(language))


@LANGUAGES
def test_b9_the_threshold_that_leads_is_that_of_the_severity_assessed(scenario, results, language):
    words = Words(language)
    very_high, moderate, high, unread = (
        told_thresholds(scenario, results, language, **({"level": level} if level else {}))
        for level in ("very_high", "moderate", "high", None)
    )
    low, top = words.number(500_000), words.number(1_000_000)
    assert (low in very_high, top in very_high) == (False, True)
    assert (low in moderate, top in moderate) == (True, False)
    assert all(low in one and top in one for one in (high, unread))
    assert words("severity_unread") in unread
    assert words("severity_no_threshold") in high
    assert low in worth.worth_table(scenario, results, words)


def test_b9_the_page_says_whose_disease_was_judged(scenario, parts):
    words = Words("sv")
    assert words.label(scenario.case.severity.of) in worth.severity_note(scenario, parts, words)


def test_b9_the_shipped_cases_say_what_was_read(shipped):
    level = {
        name: (
            case.severity.level if (case := load_scenario("agreement_even", shipped, case=name).case).severity else None
        )
        for name in ("nsclc_panel", "rare_disease_wgs", "fh_cascade")
    }
    assert level == {"nsclc_panel": "very_high", "rare_disease_wgs": None, "fh_cascade": None}


def with_strategy(results, **gain):
    """Results in which one strategy adds a planted net benefit to the comparator, sure or not, and the others are far worse."""
    cost = results.per_patient.cost.copy(data=np.zeros(results.per_patient.cost.shape))
    qaly = results.per_patient.qaly.copy(data=np.full(results.per_patient.qaly.shape, -10.0))
    qaly.loc[{"strategy": "sequential"}] = 0.0
    n = cost.sizes["draw"]
    cost.loc[{"strategy": "panel_safety_net"}] = draws(gain["cost"], gain["spread"], n)
    qaly.loc[{"strategy": "panel_safety_net"}] = gain["qaly"]
    return replace(results, per_patient=replace(results.per_patient, cost=cost, qaly=qaly))


@LANGUAGES
@pytest.mark.parametrize(
    ("cost", "qaly", "spread", "key", "best"),
    [
        (100, 1.0, 1, "headline_same_best", "panel_safety_net"),
        (100, -1.0, 1, "headline_same_best", "sequential"),
        (750_000, 1.0, 1, "headline_other_best", "sequential"),
    ],
)
def test_what_is_best_is_said_where_the_draws_tell(scenario, results, language, cost, qaly, spread, key, best):
    words = Words(language)
    unread = replace(scenario, case=scenario.case.model_copy(update={"severity": None}))
    told = worth_headline.best_sentence(unread, with_strategy(results, cost=cost, qaly=qaly, spread=spread), words)
    label = words.inside(scenario.case.strategies[best].label)
    assert told == words(
        key, best=label, first=label, second=words.inside(scenario.case.strategies["panel_safety_net"].label)
    )


@LANGUAGES
def test_strategies_that_the_draws_do_not_tell_apart_as_the_best_are_named_at_their_threshold(
    scenario, results, language
):
    words = Words(language)
    unread = replace(scenario, case=scenario.case.model_copy(update={"severity": None}))
    near = with_strategy(results, cost=1_000_000, qaly=1.0, spread=1e6)
    told = worth_headline.best_sentence(unread, near, words)
    old, new = (words.inside(scenario.case.strategies[name].label) for name in ("sequential", "panel_safety_net"))
    # 1,000,000 SEK for a QALY, give or take as much: worse at 500,000, and as good at 1,000,000.
    assert words("headline_best", best=old, wtp=words.number(500_000)) in told
    unsure = [
        words("headline_best_unsure", best=words("and").join(pair), wtp=words.number(1e6))
        for pair in ((old, new), (new, old))
    ]
    assert any(sentence in told for sentence in unsure)


def planted(parts, scenario, **qaly_by_class):
    """A breakdown in which classes gain planted QALYs under the new strategy, at no cost of care."""
    cost = parts.cost * 0.0
    qaly = parts.qaly * 0.0
    share = parts.share.copy(data=np.full(parts.share.shape, 1 / parts.share.sizes["subgroup"]))
    for name, gain in qaly_by_class.items():
        qaly.loc[{"strategy": scenario.case.new, "subgroup": name}] = gain
    return replace(parts, cost=cost, qaly=qaly, share=share)


@LANGUAGES
def test_a7_a_sign_that_the_draws_do_not_tell_is_told_as_such(scenario, parts, language):
    words, turned = Words(language), planted(parts, scenario, kras_g12c=-0.09, ret=0.003)
    noise = draws(0.0, 0.05, turned.qaly.sizes["draw"])
    turned.qaly.loc[{"strategy": scenario.case.new, "subgroup": "negative"}] = noise
    told = worth_headline.turning_sentence(scenario, turned, words, wtp=WTP)
    assert "KRAS G12C" in told
    assert {"sv": "inte skiljer från noll", "en": "do not tell from none"}[language] in told


@LANGUAGES
def test_a7_a_class_whose_treatment_turns_the_sign_is_named_with_both_figures(scenario, parts, language):
    words = Words(language)
    turned = planted(parts, scenario, kras_g12c=-0.09, ret=0.045)
    told = worth_headline.turning_sentence(scenario, turned, words, wtp=WTP)
    assert "KRAS G12C" in told
    assert words.number(0.045 / 9 * 1e6) in told
    assert words.number(-0.045 / 9 * 1e6) in told
    assert "RET" not in told
    for same in (planted(parts, scenario, ret=0.045, met_ex14=0.045), planted(parts, scenario)):
        assert worth_headline.turning_sentence(scenario, same, words, wtp=WTP) == ""


def test_a7_tests_are_still_paid_for_where_nobody_is_treated(scenario, parts):
    whole = (parts.benefit(scenario.case, WTP) * parts.share).sum("subgroup")
    free = planted(parts, scenario)
    test = next(iter(scenario.case.diagnostic_items())).resource
    free.cost.loc[{"strategy": scenario.case.new, "resource": test}] = 900.0
    without = free.benefit_untreated(scenario.case, WTP)
    np.testing.assert_allclose(without.transpose("draw", ...), -900.0)
    assert parts.benefit_untreated(scenario.case, WTP).sizes["draw"] == whole.size


@LANGUAGES
@pytest.mark.parametrize(
    ("gains", "most", "least"),
    [
        ({"ret": 0.05, "kras_g12c": -0.05}, "sure", "sure"),
        ({"ret": 0.05}, "sure", "none"),
        ({"kras_g12c": -0.05}, "none", "sure"),
        ({}, "none", "none"),
        ({"ret": 0.05, "met_ex14": 0.05}, "unsure", "none"),
    ],
)
def test_classes_gain_and_lose_by_sign_and_are_ranked_only_where_sure(scenario, parts, language, gains, most, least):
    words = Words(language)
    told = worth_headline.classes_sentence(scenario, planted(parts, scenario, **gains), words, wtp=WTP)
    for end, key in (("most", most), ("least", least)):
        gaps = {"wtp": words.number(WTP), "label": "|", "amount": "|", "why": ""}
        pieces = [piece for piece in words(f"headline_{end}.{key}", **gaps).split("|") if piece]
        assert all(piece in told for piece in pieces)


@LANGUAGES
def test_the_parameter_that_the_uncertainty_hangs_on_is_named_only_where_told_apart(scenario, language):
    words, names = Words(language), list(scenario.parameters)[:3]
    quoted = [words("quoted", text=words.label(scenario.parameters[name].record.label)) for name in names]
    frame = pd.DataFrame({"share": [0.30, 0.29, 0.10], "se": 0.01, "is_assumed": True}, index=names)
    told = worth_headline.influence_sentence(scenario, frame, words)
    assert [label in told for label in quoted] == [True, True, False]
    alone = worth_headline.influence_sentence(scenario, frame.assign(share=[0.5, 0.1, 0.05]), words)
    assert [label in alone for label in quoted] == [True, False, False]
    assert worth_headline.influence_sentence(scenario, frame.assign(se=1.0), words) == words("headline_no_parameter")


@LANGUAGES
def test_b15_this_chapter_and_the_value_of_information_refer_to_each_other(scenario, results, parts, language):
    words = Words(language)
    frame = pd.DataFrame({"share": [0.0], "se": [1.0], "is_assumed": [True]}, index=[next(iter(scenario.parameters))])
    told = worth_headline.worth_headline(scenario, results, parts, frame, UNTRIED, words)
    assert words("headline_without_change") in told
    assert words("reports.03_cost_effectiveness").lower().replace("-", " ") in words("info_patient").lower().replace(
        "-", " "
    )
    assert words("reports.07_value_of_information").lower() in words("headline_without_change").lower()


@LANGUAGES
@pytest.mark.parametrize(("count", "key"), [(0, "none"), (1, "one"), (2, "many")])
def test_the_number_of_parameters_that_stand_out_agrees_with_its_word(scenario, language, count, key, monkeypatch):
    seen = []
    monkeypatch.setattr(worth_drivers, "headed", lambda figure, text: seen.append(text))
    names = list(scenario.parameters)[:3]
    share = [0.3 if place < count else 0.0 for place in range(3)]
    frame = pd.DataFrame({"share": share, "se": 0.01, "is_assumed": True}, index=names)
    worth_drivers.importance_chart(scenario, frame, Words(language), wtp=WTP)
    assert seen == [Words(language)(f"importance_title.{key}", share=Words(language).percent(sum(share)), count=count)]


@LANGUAGES
def test_tests_of_the_unfit_are_in_the_net_benefit_that_is_told_beside(scenario, results, language):
    words, case = Words(language), scenario.case
    reach = replace(results.reach, reflexed=0 * results.reach.reflexed + 0.5)
    cost, qaly = increments(results.per_patient, case)
    more = 0.5 * increment(results.per_patient.test_cost, case)
    told = value.reflex_sentence(scenario, replace(results, reach=reach), words)
    assert verdict.known_span(WTP * qaly - cost - more, words, -2) in told
    assert words.number(WTP) in told


@LANGUAGES
@pytest.mark.parametrize(
    ("base", "dearer", "told"),
    [
        (300.0, 1000.0, "comparator"),
        (-300.0, -1000.0, "new"),
        (0.0, 1000.0, "comparator"),
        (300.0, 100.0, None),
        (300.0, 600.0, None),
    ],
)
def test_that_the_tests_of_the_unfit_turn_the_decision_is_said_only_where_they_do(
    scenario, results, language, base, dearer, told
):
    words, case, patient = Words(language), scenario.case, results.per_patient
    nothing = 0 * patient.cost
    spread = xr.DataArray(draws(0.0, 1.0, nothing.sizes["draw"]), dims="draw")
    is_new = (nothing["strategy"] == case.new).astype(float)
    per_patient = replace(
        patient,
        cost=nothing + is_new * (spread - base),
        qaly=0 * patient.qaly,
        test_cost=nothing + is_new * dearer,
    )
    reach = replace(results.reach, reflexed=0 * results.reach.reflexed + 0.5)
    said = value.reflex_sentence(scenario, replace(results, per_patient=per_patient, reach=reach), words)
    turned = {
        side: words("reflex_turned", best=words.inside(case.strategies[name].label))
        for side, name in (("new", case.new), ("comparator", case.comparator))
    }
    assert [side for side, one in turned.items() if one in said] == ([told] if told else [])


@pytest.fixture(scope="module")
def withheld(shipped):
    """A scenario whose strategy gives one class no drug, and the comparator does."""
    return load_scenario("nsclc_panel/without_kras", shipped)


@LANGUAGES
def test_what_a_class_adds_because_its_drug_is_not_given_is_said_to_be_that(withheld, scenario, parts, language):
    words, saved = Words(language), planted(parts, withheld)
    saved.cost.loc[{"strategy": withheld.case.comparator, "subgroup": "kras_g12c"}] = 30_000.0
    for gained, key in ((0.0, "same"), (0.01, "changed")):
        saved.qaly.loc[{"strategy": withheld.case.new, "subgroup": "kras_g12c"}] = gained
        told = worth_headline.classes_sentence(withheld, saved, words, wtp=WTP)
        assert words(f"headline_withheld.{key}", qaly=words.number(gained, 3)) in told
    assert words("headline_withheld.same") not in worth_headline.classes_sentence(scenario, saved, words, wtp=WTP)


@LANGUAGES
def test_a_class_that_loses_because_its_drug_is_not_given_is_said_to_too(withheld, parts, language):
    words = Words(language)
    told = worth_headline.classes_sentence(
        withheld, planted(parts, withheld, ret=0.01, kras_g12c=-0.05), words, wtp=WTP
    )
    assert words("headline_withheld.changed", qaly=words.number(-0.05, 3)) in told


@LANGUAGES
def test_net_benefit_is_told_without_what_a_drug_withheld_adds(withheld, scenario, results, parts, language):
    words, wtp = Words(language), WTP
    adds = parts.benefit(withheld.case, wtp) * parts.share
    left = adds.sum("subgroup") - adds.sel(subgroup="kras_g12c")
    told = worth_headline.withheld_sentence(withheld, parts, words, wtp=wtp)
    assert "KRAS G12C" in told
    assert verdict.known_span(left, words, -2) in told
    assert words.probability(float((left > 0).mean())) in told
    assert worth_headline.withheld_sentence(scenario, parts, words, wtp=wtp) == ""
    frame = pd.DataFrame({"share": [0.0], "se": [1.0], "is_assumed": [True]}, index=[next(iter(scenario.parameters))])
    assert told in worth_headline.worth_headline(withheld, results, parts, frame, UNTRIED, words)


@LANGUAGES
def test_a_class_that_is_not_treated_does_not_turn_the_sign_by_not_being_treated(withheld, parts, language):
    words, turned = Words(language), planted(parts, withheld, kras_g12c=0.09, ret=-0.045)
    told = worth_headline.turning_sentence(withheld, turned, words, wtp=WTP)
    assert "KRAS G12C" not in told


@LANGUAGES
def test_patients_left_over_are_called_by_what_they_lack(scenario, parts, language):
    words = Words(language)
    told = worth_headline.classes_sentence(scenario, planted(parts, scenario, negative=-0.05), words, wtp=WTP)
    assert words("class_without", finding=words.label(scenario.case.finding)) in told
    assert words.inside(scenario.case.classes["negative"].label) not in told


@LANGUAGES
def test_a_label_keeps_its_capitals_inside_a_sentence(withheld, results, language):
    words = Words(language)
    shown = worth.thresholds_table(withheld, results, words)
    assert "KRAS" in shown
    assert "kras" not in shown


@LANGUAGES
def test_the_frame_says_that_todays_care_is_a_mixture(withheld, language):
    words, case = Words(language), withheld.case
    told = html.unescape(worth.worth_frame(withheld, words))
    use = withheld.parameters[case.uptake.today].distribution.mean
    label = {name: words.inside(case.strategies[getattr(case, name)].label) for name in ("comparator", "in_use")}
    assert case.in_use != case.new
    assert words("worth_today", share=words.percent(use), **label) in told


@LANGUAGES
def test_the_method_says_that_drug_prices_stand_still_where_there_are_drugs(scenario, results, language):
    words = Words(language)
    assert words("method_drug_prices") in worth_headline.method_note(scenario, results, words)
    without = {name: one for name, one in scenario.case.resources.items() if one.kind != "drug"}
    bare = replace(scenario, case=scenario.case.model_copy(update={"resources": without}))
    assert words("method_drug_prices") not in worth_headline.method_note(bare, results, words)


@LANGUAGES
def test_what_the_state_gains_by_rebates_is_said_where_it_does(scenario, parts, language):
    words, moved = Words(language), parts.moved * 0.0
    said = words("perspective_state_gains", gain="|").split("|")
    assert said[0] not in worth_drivers.perspectives_note(scenario, replace(parts, moved=moved), words)
    moved.loc[{"payer": "state", "strategy": scenario.case.new}] = -4000.0
    told = html.unescape(worth_drivers.perspectives_note(scenario, replace(parts, moved=moved), words))
    assert f"{said[0]}{words.number(4000)}{said[1]}" in told


@LANGUAGES
@pytest.mark.parametrize(
    ("fee", "key", "amount"), [(1200.0, "more", 1200), (-300.0, "less", 300), (20.0, None, 0), (0.0, None, 0)]
)
def test_what_patients_pay_is_said_where_the_widest_view_of_care_differs_by_it(
    scenario, parts, language, fee, key, amount
):
    words, moved = Words(language), parts.moved * 0.0
    moved.loc[{"payer": "patient", "strategy": scenario.case.new}] = fee
    told = html.unescape(worth_drivers.perspectives_note(scenario, replace(parts, moved=moved), words))
    said = {side: words(f"perspective_fees.{side}", fees=words.number(amount)) in told for side in ("more", "less")}
    assert said == {side: side == key for side in ("more", "less")}
