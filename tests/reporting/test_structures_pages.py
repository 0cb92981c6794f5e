"""The scenario table, what 03 and the index say of it, severity with its extension, and breadth: words follow numbers in both languages."""

import html
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pmbudget.appraisal.increment import Increment
from pmbudget.questions import further_alterations, tried_structures
from pmbudget.questions.structures import Structures
from pmbudget.reporting import store, summary
from pmbudget.reporting.ch03_worth import worth, worth_breadth, worth_headline, worth_structures
from pmbudget.reporting.ch08_comparison import comparison
from pmbudget.reporting.words import Words

LANGUAGES = pytest.mark.parametrize("language", ["sv", "en"])
WTP = 1e6
SPREAD = np.linspace(-1, 1, 400)


def planted(scenario, base, strategies=None, **means):
    """A scenario with alternatives of its two strategies and with ``strategies`` beside, and results in which net benefit has these means
    and hardly any spread.
    """
    case, beside = scenario.case, strategies or {}
    names = list(case.structures)[: len(means)]
    kept = {name: case.strategies[name] for name in (case.comparator, case.new, *beside)}
    case = case.model_copy(update={"strategies": kept, "structures": {one: case.structures[one] for one in names}})
    added = [Increment.of(-mean + SPREAD, 0 * SPREAD) for mean in (base, *means.values())]
    others = {name: Increment.of(-mean + SPREAD, 0 * SPREAD) for name, mean in beside.items()}
    return replace(scenario, case=case), Structures(added[0], dict(zip(names, added[1:], strict=True)), others)


@LANGUAGES
@pytest.mark.parametrize(
    ("base", "means", "key"),
    [
        (500, (400, 600), "holds"),
        (500, (0, 600), "open"),
        (500, (-400, 600), "turned"),
        (-500, (400, 0), "turned_open"),
        (0, (400, -600), "undecided"),
    ],
)
def test_the_decision_survives_the_table_or_is_said_not_to(scenario, language, base, means, key):
    words = Words(language)
    chosen, tried = planted(scenario, base, **dict(zip("ab", means, strict=True)))
    told = worth_structures.decision_sentence(chosen, tried, words, wtp=WTP)
    assert not re.search(r"[{}]", told)
    pieces = re.split(r"\{\w+\}", words(f"structure_decision.{key}"))
    assert all(piece in told for piece in pieces)
    labels = [words.label(one.label) for one in chosen.case.structures.values()]
    side = np.sign(base)
    named = [side != 0 and np.sign(mean) != side for mean in means]
    assert [label in told for label in labels] == named
    best = chosen.case.strategies[chosen.case.new if base > 0 else chosen.case.comparator]
    assert not base or words.inside(best.label) in told


@LANGUAGES
def test_the_text_leads_with_the_range_then_the_interval_inside_the_main_analysis(scenario, results, parts, language):
    words = Words(language)
    chosen, tried = planted(scenario, -2300, a=-20_700, b=5100)
    frame = pd.DataFrame({"share": [0.0], "se": [1.0], "is_assumed": [True]}, index=[next(iter(scenario.parameters))])
    told = worth_headline.worth_headline(chosen, results, parts, frame, tried, words)
    first = re.search('class="first">(.*?)</p>', told).group(1)
    numbers = [words.number(value) for value in (-20_700, 5100, -2300)]
    places = [first.index(number) for number in numbers]
    assert places == sorted(places)


@LANGUAGES
def test_the_range_holds_the_main_analysis_too(scenario, language):
    words = Words(language)
    chosen, tried = planted(scenario, 900, a=100, b=200)
    assert f"{words.number(900)} ({words('quoted', text=words('structure_base'))})" in worth_structures.range_sentence(
        chosen, tried, words
    )


@LANGUAGES
def test_the_table_says_the_same_as_the_sentence(scenario, language):
    words = Words(language)
    chosen, tried = planted(scenario, 500, a=-400, b=500, c=0)
    rows = re.findall(r"<tr>(.*?)</tr>", worth_structures.structure_table(chosen, tried, words))[1:]
    cells = [[re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][^>]*>.*?</t[hd]>", row)] for row in rows]
    new, comparator = (words.label(chosen.case.strategies[one].label) for one in ("panel_safety_net", "sequential"))
    turned = words("structure_turned", best=comparator)
    assert [row[1] for row in cells] == [new, turned, new, words("structure_open")]
    assert cells[2][-1] == words("structure_same")
    assert cells[1][-1] == words.number(-900)


@LANGUAGES
def test_another_strategy_stands_in_the_table_and_is_no_test_of_the_decision(scenario, language):
    words = Words(language)
    bare, without = planted(scenario, -500, a=-400, b=-300)
    chosen, tried = planted(scenario, -500, {"panel": 9000, "plasma_first": -8000}, a=-400, b=-300)
    said, before = (
        (
            *worth_structures.structure_sentences(one, found, words),
            worth_structures._title(one, found, words, wtp=WTP),
            summary.structure_figures(one, found).to_json(),
        )
        for one, found in ((chosen, tried), (bare, without))
    )
    assert said == before
    assert any(words("structure_decision.holds").split("{")[0] in one for one in said[:-1])
    table = worth_structures.structure_table(chosen, tried, words)
    rows = [re.sub("<[^>]+>", "|", row) for row in re.findall(r"<tr>(.*?)</tr>", table)][2:4]
    panel, plasma, comparator = (
        chosen.case.strategies[name].label for name in ("panel", "plasma_first", chosen.case.comparator)
    )
    assert words("structure_strategy", label=words.inside(panel)) in rows[0]
    assert words("structure_strategy", label=words.inside(plasma)) in rows[1]
    # Best is the row's own strategy, or the comparator; neither is a decision turned.
    assert f"|{words.label(panel)}|" in rows[0]
    assert f"|{words.label(comparator)}|" in rows[1]
    notes = html.unescape(worth_structures.structure_notes(chosen, tried, words))
    assert words("structure_strategies") in notes
    assert words("structure_change.strategy", label=words.inside(panel)) in notes
    # Places in a list and shares are told as such, not as so many of their unit.
    assert not re.search(rf"\d (?:{words.data('index')}|{words.data('share')})\b", notes)
    assert words("structure_strategies") not in html.unescape(worth_structures.structure_notes(bare, without, words))


@LANGUAGES
def test_where_strategies_alone_are_tried_nothing_is_said_of_the_decision(scenario, language):
    words = Words(language)
    chosen, tried = planted(scenario, -500, {"panel": 9000})
    assert worth_structures.structure_sentences(chosen, tried, words) == []
    assert summary.structure_figures(chosen, tried).empty
    assert words.label(chosen.case.strategies["panel"].label) in worth_structures.structure_table(chosen, tried, words)
    assert worth_structures.structure_chart(chosen, tried, words).png.startswith(b"\x89PNG")


def test_no_negative_ratio_and_none_to_noise_in_the_table(scenario):
    chosen, _ = planted(scenario, 500, a=400, b=300)
    names = list(chosen.case.structures)
    worse = Increment.of(1000 + SPREAD, -0.01 + 0 * SPREAD)
    noise = Increment.of(1000 + SPREAD, 1e-5 + 0.05 * SPREAD)
    table = worth_structures.structure_table(
        chosen, Structures(worse, dict(zip(names, (worse, noise), strict=True))), Words("en")
    )
    assert table.count(Words("en")("dominated")) == 2
    assert Words("en")("ratio_unknown") in table


@LANGUAGES
def test_every_part_can_be_made_of_the_shipped_alternatives(scenario, results, parts, crude_fits, language):
    words = Words(language)
    few = dict(list(scenario.case.structures.items())[:3]) | {
        name: scenario.case.structures[name] for name in ("rebate_0", "horizon_5")
    }
    chosen = replace(scenario, case=scenario.case.model_copy(update={"structures": few}))
    with crude_fits():
        tried = tried_structures(chosen, results)
    made = [
        worth_structures.structure_table(chosen, tried, words),
        worth_structures.structure_notes(chosen, tried, words),
        worth_breadth.breadth_section(chosen, further_alterations(chosen, parts, wtp=WTP), words, wtp=WTP),
        *worth_structures.structure_sentences(chosen, tried, words),
    ]
    assert not [text for text in made if re.search(r"\bnan\b|[{}]", text)]
    assert worth_structures.structure_chart(chosen, tried, words).png.startswith(b"\x89PNG")
    assert few["rebate_0"].label.sv in worth_structures.structure_notes(chosen, tried, Words("sv"))


def test_a_case_without_alternatives_shows_nothing_of_them(scenario, results):
    bare, _ = planted(scenario, 0)
    tried, words = tried_structures(bare, results), Words("sv")
    made = [
        worth_structures.structure_table(bare, tried, words),
        worth_structures.structure_chart(bare, tried, words),
        worth_structures.structure_notes(bare, tried, words),
        worth_breadth.breadth_section(bare, None, words, wtp=WTP),
    ]
    assert made == [""] * 4
    assert worth_structures.structure_sentences(bare, tried, words) == []
    assert summary.structure_figures(bare, tried).empty


@pytest.fixture
def run_with(scenario, results, tmp_path, monkeypatch):
    """A run's summary as the index reads it, with what chapter 03 stored of the structures tried."""

    def made(chosen, tried):
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        store.store_outcomes(str(folder), chosen, results, tried)
        figures = summary.worth_figures(chosen, results)
        figures.to_parquet(folder / "summary.parquet")
        pd.DataFrame().to_parquet(folder / "draws.parquet")
        resolved = {
            "scenario": {"label": {"sv": "s", "en": "s"}, "case": "c"},
            "case": {
                "label": {"sv": "c", "en": "c"},
                "new": "n",
                "in_use": "n",
                "comparator": "n",
                "strategies": {"n": {"label": {"sv": "n", "en": "n"}}},
            },
            "price_year": 2024,
            "agreement": None,
        }
        (folder / "scenario.resolved.yaml").write_text(str(resolved).replace("None", "null"), "utf-8")
        (found,) = store.load_runs(tmp_path)
        return found

    return made


@LANGUAGES
@pytest.mark.parametrize(("base", "key"), [(-500, "index_structures"), (0, "index_structures_undecided")])
def test_the_index_says_of_the_decision_what_03_says(scenario, run_with, language, base, key):
    words = Words(language)
    chosen, tried = planted(scenario, base, a=-20_700, b=5100)
    [told] = comparison._worth_sentences([run_with(chosen, tried)], words)
    gaps = {
        "count": "2",
        "kept": "1",
        "wtp": words.number(WTP),
        "low": words.number(-20_700),
        "high": words.number(5100),
    }
    assert words(key, **gaps) in told


def test_the_index_of_a_run_without_alternatives_says_nothing_of_them(scenario, results, run_with):
    bare = replace(scenario, case=scenario.case.model_copy(update={"structures": {}}))
    [told] = comparison._worth_sentences([run_with(bare, tried_structures(bare, results))], Words("sv"))
    assert "alternativ" not in told


@LANGUAGES
def test_severity_is_led_with_and_its_extension_is_graded_by_itself(scenario, results, parts, language):
    words, severity = Words(language), scenario.case.severity
    assert (severity.evidence, severity.held_for.evidence) == ("published", "assumption")
    shown = html.unescape(worth.severity_note(scenario, parts, words))
    assert words.label(severity.held_for.patients) in shown
    assert words("evidence.published") in shown
    assert (
        words("severity_held", patients=words.label(severity.held_for.patients), grade=words("evidence.assumption"))
        in shown
    )
    led = worth_headline.threshold_sentence(scenario, results, words)
    assert words.label(severity.held_for.patients) in led
    alone = severity.model_copy(update={"held_for": None})
    judged = replace(scenario, case=scenario.case.model_copy(update={"severity": alone}))
    assert words.label(severity.held_for.patients) not in worth_headline.threshold_sentence(judged, results, words)


def test_the_threshold_that_leads_stands_first_and_the_others_beside(scenario, results):
    table = worth.thresholds_table(scenario, results, Words("en"))
    first = re.findall(r'<th scope="row">(.*?)</th>', table)
    assert first[0] == scenario.parameters["wtp_very_high"].record.label.en
    assert len(first) == 5


@LANGUAGES
def test_both_shortfalls_are_shown_with_intervals_and_grades(scenario, parts, language):
    words = Words(language)
    shown = worth.severity_note(scenario, parts, words)
    lost = parts.shortfall(scenario.case.comparator)
    for values, per in ((lost["absolute"], 1), (parts.population_health, 1)):
        lower, upper = (words.number(float(values.quantile(tail)) / per, 1) for tail in (0.025, 0.975))
        assert lower in shown
        assert upper in shown
    assert all(words.percent(float(lost["proportional"].quantile(tail))) in shown for tail in (0.025, 0.975))
    grade = scenario.parameters[scenario.case.mortality.rate].record.evidence
    assert words("evidence." + grade) in shown


@LANGUAGES
def test_breadth_that_is_not_needed_is_said_to_be_none(scenario, parts, language):
    words = Words(language)
    cheaper = replace(parts, cost=parts.cost - 1e6 * (parts.cost["strategy"] == "panel_safety_net"))
    shown = worth_breadth.breadth_section(scenario, further_alterations(scenario, cheaper, wtp=WTP), words, wtp=WTP)
    assert words("breadth_not_needed") in shown
    assert "<table" not in shown
