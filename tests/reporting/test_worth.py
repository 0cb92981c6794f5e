"""Chapter 03: every part in both languages, and nothing in print that means nothing."""

import re
from dataclasses import replace

import numpy as np
import pytest

from pmbudget.appraisal.increment import Increment
from pmbudget.patient.per_patient import increment
from pmbudget.questions import drivers
from pmbudget.questions.structures import Structures
from pmbudget.reporting import verdict
from pmbudget.reporting.ch03_worth import worth, worth_certainty, worth_drivers, worth_headline
from pmbudget.reporting.figures import _decimals
from pmbudget.reporting.words import Words

WTP = 1e6
UNTRIED = Structures(Increment.of([0.0, 0.0], [0.0, 0.0]), {})


@pytest.fixture(scope="module")
def decided(scenario, results, crude_fits):
    with crude_fits():
        influence = drivers.importance(scenario, results, wtp=WTP)
        bars = drivers.tornado(scenario, results, wtp=WTP)
        names = tuple(influence.index[:2])
        surface = drivers.threshold_map(scenario, results, names, wtp=WTP, steps=3, few=4)
    return influence, bars, surface


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_part_of_the_chapter_can_be_made(scenario, results, parts, decided, language):
    words, (influence, bars, surface) = Words(language), decided
    made = [
        worth_headline.worth_headline(scenario, results, parts, influence, UNTRIED, words),
        worth_headline.simulation_note(scenario, results, words),
        worth_headline.method_note(scenario, results, words),
        worth.worth_frame(scenario, words),
        worth.worth_table(scenario, results, words),
        worth.thresholds_table(scenario, results, words),
        worth.severity_note(scenario, parts, words),
        worth.pathway_table(scenario, results, words),
        worth.resources_table(scenario, results, words),
        worth.checklist_table(scenario, results, words),
        worth_certainty.price_table(scenario, parts, words),
        worth_drivers.subgroup_table(scenario, parts, words, wtp=WTP),
        worth_drivers.perspectives_table(scenario, parts, words),
        worth_drivers.perspectives_note(scenario, parts, words),
        worth_drivers.attribution_table(scenario, parts, words),
    ]
    assert not [text for text in made if re.search(r"\bnan\b|[{}]", text)]
    pictures = [
        worth_certainty.plane_chart(scenario, results, words),
        worth_certainty.acceptability_chart(scenario, results, words),
        worth_certainty.price_chart(scenario, parts, words),
        worth_drivers.subgroup_chart(scenario, parts, words, wtp=WTP),
        worth_drivers.importance_chart(scenario, influence, words, wtp=WTP),
        worth_drivers.tornado_chart(scenario, results, bars, words, wtp=WTP),
        worth_drivers.map_chart(scenario, surface, words, wtp=WTP),
    ]
    assert all(picture.png.startswith(b"\x89PNG") and picture.alt and picture.width for picture in pictures)


@pytest.mark.parametrize(("cost", "qaly"), [(1, 1), (-1, 1), (1, -1), (-1, -1), (0, 0)])
def test_a_verdict_is_told_without_negative_ratios(scenario, results, parts, decided, cost, qaly):
    base = results.per_patient.cost.sel(strategy="sequential"), results.per_patient.qaly.sel(strategy="sequential")
    step = (results.per_patient.cost["strategy"] == scenario.case.new).astype(float)
    per_patient = replace(results.per_patient, cost=base[0] + 1000 * cost * step, qaly=base[1] + 0.002 * qaly * step)
    turned = replace(results, per_patient=per_patient)
    told = worth_headline.worth_headline(scenario, turned, parts, decided[0], UNTRIED, Words("en"))
    first = re.search('class="first">(.*?)</p>', told).group(1)
    assert "\u2212" not in first
    assert ("SEK 500,000" in first) == (cost == qaly != 0)
    table = worth.worth_table(scenario, turned, Words("en"))
    assert not re.search(r"\u2212[\d,]{6,}", table)
    assert worth_certainty.plane_chart(scenario, turned, Words("en")).png


def test_a_ratio_has_three_digits_that_matter():
    words = Words("en")
    written = [verdict.ratio_words(value, words) for value in (1_156_432.0, 98_765.4, 123.4, 0.01234, 0.0)]
    assert written == ["1,160,000", "98,800", "123", "0.0123", "0"]


def test_the_class_contributions_in_print_sum_to_the_last_row(scenario, parts):
    frame = worth_drivers.subgroup_frame(scenario, parts, WTP)
    whole = float((parts.benefit(scenario.case, WTP) * parts.share).sum("subgroup").mean())
    assert frame["adds_mean"].sum() == pytest.approx(whole)
    assert frame["share"].sum() == pytest.approx(1)


def test_a_price_that_is_never_worth_paying_is_told_so(scenario, parts):
    dearer = parts.cost + 1e6 * (parts.cost["strategy"] == scenario.case.new)
    table = worth_certainty.price_table(scenario, replace(parts, cost=dearer), Words("en"))
    assert table.count("not even free") == 4
    assert worth_certainty.price_chart(scenario, replace(parts, cost=dearer), Words("en")).png


def test_at_the_even_price_the_new_strategy_is_worth_it_in_half_of_the_draws(scenario, parts):
    price = float(worth_certainty.price_at(scenario, parts, WTP))
    cost, qaly = (increment(values, scenario.case) for values in parts.value())
    now = parts.tests.sum("resource").sel(strategy=scenario.case.new)
    share = float((WTP * qaly - (cost - now + price) >= 0).mean())
    assert share == pytest.approx(0.5, abs=1e-9)


def test_a_case_that_says_nothing_of_the_population_says_so_in_print(scenario, parts):
    case = scenario.case.model_copy(update={"utility_population": None})
    assert "cannot be computed" in worth.severity_note(replace(scenario, case=case), parts, Words("en"))


def test_few_draws_single_out_no_parameter(scenario, results, parts, decided):
    noise = decided[0].assign(share=0.01, se=0.05)
    told = worth_headline.worth_headline(scenario, results, parts, noise, UNTRIED, Words("en"))
    assert Words("en")("headline_no_parameter") in told
    assert worth_drivers.importance_chart(scenario, noise, Words("en"), wtp=WTP).png


def test_a19_no_chart_sets_the_decimals_of_its_ticks_by_hand():
    import inspect

    from pmbudget.reporting.figures import numbered

    assert list(inspect.signature(numbered).parameters) == ["axis", "words"]


@pytest.mark.parametrize(
    ("ticks", "decimals"),
    [
        ([0, 2.5, 5], 1),
        ([-2.5, 0.0, 7.5, 17.5], 1),
        ([-0.025, 0, 0.025], 3),
        ([0, 500, 1000], 0),
        ([0.1 + 0.2, 0.6], 1),
        ([], 0),
    ],
)
def test_ticks_have_the_decimals_that_tell_them_apart(ticks, decimals):
    assert _decimals(np.array(ticks)) == decimals
