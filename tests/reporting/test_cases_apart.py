"""No page of a case holds a word of another's: neither the standing texts of the chapters nor what is made for a case."""

import json
import re

import pytest

from pmbudget import questions
from pmbudget.batch.notebooks import CHAPTERS, notebook_path
from pmbudget.inputs import load_scenario
from pmbudget.patient import simulate
from pmbudget.questions.classes import breakdown
from pmbudget.reporting.ch01_evidence import evidence
from pmbudget.reporting.ch02_pathway import pathway
from pmbudget.reporting.ch03_worth import worth
from pmbudget.reporting.ch07_information import information as pages
from pmbudget.reporting.words import Words, _phrases
from pmbudget.road import evaluate_draws

OF_CASE = {
    "nsclc_panel": "lungcancer|lung cancer|målinriktad|riktad behandling|matched treatment|kemoimmun|sotorasib|KRAS|EGFR"
    "|ersätta vävnad|replace tissue|biopsi|delad överlevnad|partitioned survival|rabatt|rebates",
    "rare_disease_wgs": "helgenom|genome first|exom|array|utvecklingsavvikelse|neurodevelopmental|föräldrar|parents",
    "fh_cascade": "kaskad|cascade|kolesterol|cholesterol|familjär|familial|kranskärl|coronary|infarkt|infarction",
}
OURS = ("01", "02", "03", "07")
FILES = ("common", "evidence", "pathway", "worth", "information")
PICKED = {"checklist_drugs", "checklist_course", "families", "drug_prices_rebates"}
"""Texts that the code chooses among by what a case has."""


def foreign(case):
    return re.compile("|".join(words for name, words in OF_CASE.items() if name != case), re.IGNORECASE)


def flat(node):
    return [text for inner in node.values() for text in flat(inner)] if isinstance(node, dict) else [str(node)]


@pytest.mark.parametrize("language", ["sv", "en"])
def test_a14_no_standing_text_speaks_of_one_case(language):
    any_case = foreign("")
    texts = [
        text for key, node in _phrases(language).items() if key not in {*PICKED, "data_words"} for text in flat(node)
    ]
    assert [text for text in texts if any_case.search(text)] == []


@pytest.mark.parametrize("chapter", [one for one in CHAPTERS if one.name[:2] in OURS], ids=lambda one: one.name)
def test_a14_no_notebook_speaks_of_one_case(chapter):
    cells = json.loads(notebook_path(chapter).read_text("utf-8"))["cells"]
    prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    assert [text for text in prose if foreign("").search(text)] == []


@pytest.mark.parametrize("case", list(OF_CASE))
def test_a14_the_pages_of_a_case_hold_no_word_of_another(shipped, crude_draws, case):
    words, chosen = Words("sv"), load_scenario("agreement_even", shipped, case=case)
    table = crude_draws(chosen, n=200)
    results = evaluate_draws(chosen, table)
    outcomes = simulate(table, chosen.case, horizon=chosen.case.horizon_years)
    ranked = questions.rank_parameters(chosen, table, results, wtp=1e6)
    losses = questions.yearly_loss(chosen, results, wtp=1e6)
    made = [
        evidence.evidence_headline(chosen, words),
        evidence.grades_table(chosen, words),
        pathway.pathway_headline(chosen, outcomes, words),
        pathway.answers_table(chosen, outcomes, words),
        pathway.staff_table(chosen, table, outcomes, words),
        worth.severity_note(chosen, breakdown(chosen, table), words),
        worth.pathway_table(chosen, results, words),
        worth.resources_table(chosen, results, words),
        worth.checklist_table(chosen, results, words),
        pages.ranking_table(chosen, losses, ranked.assign(se=0.0), words),
        pages.rollouts_intro(chosen, words),
        *(words.label(one.record.label) for one in evidence.counted_parameters(chosen)),
    ]
    assert [text for text in made if foreign(case).search(text)] == []


@pytest.mark.parametrize(
    ("case", "course", "drugs"),
    [("nsclc_panel", "curves", "rebates"), ("rare_disease_wgs", "population", "none"), ("fh_cascade", "moves", "list")],
)
def test_a14_the_checklist_tells_the_course_and_the_drugs_of_the_case(shipped, scenario, results, case, course, drugs):
    chosen, words = load_scenario("agreement_even", shipped, case=case), Words("sv")
    shown = worth.checklist_table(chosen, results, words)
    assert words(f"checklist_course.{course}") in shown
    assert words(f"checklist_drugs.{drugs}") in shown


def test_a15_the_number_of_parameters_is_one(scenario, results):
    words = Words("sv")
    counted = evidence.counted_parameters(scenario)
    number, grades = str(len(counted)), evidence.grade_counts(scenario)
    assert grades.total() == len(counted)
    assert number in evidence.evidence_headline(scenario, words)
    assert f"{number} parametrar (" in worth.checklist_table(scenario, results, words)
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th><td class=num>(\d+)<", evidence.grades_table(scenario, words))
    assert {label: int(shown) for label, shown in rows} == {words(f"evidence.{key}"): n for key, n in grades.items()}
    learnt = [one for one in counted if one.is_learnt]
    told = evidence.evidence_headline(scenario, words)
    assert f"är {sum(not one.is_assumed for one in learnt)} skattade" in told
    assert f"är {sum(one.is_assumed for one in learnt)} skattade" in told


def test_a15_what_is_divided_before_it_is_used_has_a_label_of_its_own(scenario, table):
    words = Words("sv")
    over = [one for one in scenario.parameters.values() if one.is_learnt and one.learning.over]
    shown = evidence.parameters_table(scenario, table, words)
    assert over
    for one in over:
        label = words.label(one.record.label)
        assert f"{label} (delad med" in shown
        assert f">{label}<" not in shown


@pytest.mark.parametrize(
    ("language", "trend", "stands", "consumer", "wages"),
    [
        ("sv", "KPI och trend (Världsmarknadens", "inget (nominellt)", "KPI", "löner"),
        ("en", "CPI and trend (World trend", "none (nominal)", "CPI", "wages"),
    ],
)
def test_the_table_of_parameters_says_what_moves_each_price(scenario, table, language, trend, stands, consumer, wages):
    words = Words(language)
    shown = evidence.parameters_table(scenario, table, words)
    rows = dict(re.findall(r"<tr><th scope=\"row\">(.*?)</th>(.*?)</tr>", shown, re.S))

    def row(name):
        return rows[words.label(scenario.parameters[name].record.label)]

    assert "<td>2015</td>" in row("cost_panel")
    assert trend in row("cost_panel")
    assert "(1 + trend)⁹" in row("cost_panel")
    assert words.label(scenario.parameters["rate_eur_2015"].record.label) in row("cost_panel")
    assert f"<td>{stands}</td>" in row("cost_sotorasib_month")
    assert f"<td>{consumer}</td>" in row("cost_ct")
    assert f"<td>{wages}</td>" in row("tax_base_per_inhabitant")


def test_a19_an_index_has_no_interval_and_a_year_no_thousands(scenario, table):
    words = Words("sv")
    for name, one in scenario.parameters.items():
        said = evidence.value_words(one, table[name], words)
        if one.is_index:
            assert "till" not in said
            assert "%" in said
        if one.unit == "year":
            assert re.fullmatch(r"20\d\d( \(20\d\d till 20\d\d\))?", said)


@pytest.mark.parametrize("language", ["sv", "en"])
def test_the_evidence_is_told_by_the_number_of_studies(scenario, shipped, language, monkeypatch):
    words = Words(language)
    many = evidence.evidence_headline(scenario, words)
    one = evidence.evidence_headline(load_scenario("agreement_even", shipped, case="fh_cascade"), words)
    monkeypatch.setattr(evidence, "case_blocks", lambda scenario: [])
    none = evidence.evidence_headline(scenario, words)
    said = {
        "sv": ["4 av dem vilar", "1 skattning vilar", "Ingen parameter"],
        "en": ["4 of them rest", "1 estimate rests", "No parameter"],
    }
    assert [text in page for text, page in zip(said[language], (many, one, none), strict=True)] == [True] * 3


def test_english_notes_on_a_swedish_page_are_marked(scenario):
    shown = evidence.studies_table(scenario, Words("sv"))
    assert '<span lang="en">' in shown
    assert "lang=" not in evidence.studies_table(scenario, Words("en"))


def test_a15_the_same_figure_stands_in_both_chapters(scenario, results, table):
    words, case = Words("sv"), scenario.case
    outcomes = simulate(table, case, horizon=case.horizon_years)
    shown = pathway.answers_table(scenario, outcomes, words)
    there = worth.pathway_table(scenario, results, words)
    for first_line in (False, True):
        share = pathway.treated_share(outcomes, first_line=first_line).mean("draw").sel(strategy=case.new)
        assert f">{words.number(100 * float(share), 1)} (" in shown
        assert f">{words.percent(float(share), 1)}<" in there
    health = pathway.health_table(scenario, outcomes, table, words)
    levels = re.findall(r"<td class=num>([\d,]+) \(", health.rsplit("<tr>", 1)[1])
    tables = worth.worth_table(scenario, results, words) + worth.strategies_table(scenario, results, words)
    worths = re.findall(r"<td class=num>([\d,]+)</td>", tables)
    assert len(levels) == 3
    assert set(levels) <= set(worths)
    staff = pathway.staff_share_row(case, outcomes["cost_once"].sel(strategy=case.new))["mean"]
    assert f">{words.percent(staff)}<" in there
    assert f">{words.number(100 * staff)} (" in pathway.staff_table(scenario, table, outcomes, words)
