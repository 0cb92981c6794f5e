"""Pages as a reader gets them: self-contained, labelled, in one language."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from pmbudget.appraisal.worth import added_worth
from pmbudget.questions.effect import added
from pmbudget.reporting import markup, page, store, value
from pmbudget.reporting.ch01_evidence import evidence
from pmbudget.reporting.ch05_budget import budget, programme, risk
from pmbudget.reporting.ch08_comparison import comparison
from pmbudget.reporting.words import Words

SHARES = {
    "cost": 0.9,
    "cost_patient": 0.5,
    "variance_today": 0.8,
    "variance_unplanned": float("nan"),
    "variance_inmb": 0.6,
}


@pytest.fixture(scope="module")
def worths(scenario, results):
    return added_worth(scenario, results.worth)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, scenario, results, worths):
    batch = tmp_path_factory.mktemp("batch")
    for name in ("a-1", "b-2"):
        (batch / name).mkdir()
        store.store_budget(str(batch / name), scenario, results, worths, SHARES, None)
    return store.load_runs(batch)


def outside(text):
    return re.findall(r"<script|<link|(?:src|href)=[\"'](?!#|data:|[\w./-]+\.html)[^\"']*", text)


@pytest.mark.parametrize("language", ["sv", "en"])
def test_the_comparison_stands_alone_and_links_its_reports(runs, language):
    text = page.overview_html(
        runs, ["05_budget_impact"], "08_compare_scenarios", Words(language), made="now", quick=True
    )
    assert f'<html lang="{language}"' in text
    assert outside(text) == []
    assert 'href="a-1/05_budget_impact.html"' in text
    assert 'href="08_compare_scenarios.html"' in text
    assert Words(language)("quick_warning") in text
    assert text.count("<caption>") == text.count("<table>") > 7
    assert not re.search(r"\bnan\b", text)


def test_a_report_shows_one_language_and_no_code():
    output = new_output("display_data", data={"image/png": "aGk="}, metadata={"image/png": {"alt": "a fan"}})
    cells = [
        new_markdown_cell("# Svenska", metadata={"tags": ["lang-sv"]}),
        new_markdown_cell("# English", metadata={"tags": ["lang-en"]}),
        new_code_cell("secret = 1", outputs=[output]),
    ]
    text = page.notebook_html(
        new_notebook(cells=cells), language="sv", title="T <1>", about="Case", index="../index.html", made="now"
    )
    assert "Svenska" in text
    assert "English" not in text
    assert "secret" not in text
    assert 'alt="a fan"' in text.replace("alt=a fan", 'alt="a fan"')
    assert "T &lt;1&gt;" in text
    assert outside(text) == []


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_table_and_figure_of_the_reports_can_be_made(scenario, results, worths, table, runs, language):
    words = Words(language)
    made = [
        budget.budget_headline(scenario, results, *(added(results),) * 2, worths, SHARES, words),
        budget.budget_tables(scenario, results, words),
        budget.yearly_table(scenario, results, words, reference="today"),
        budget.region_table(scenario, results, words),
        budget.transfers_table(scenario, results, words),
        budget.component_table(scenario, results, words),
        budget.no_effect_table(scenario, results, added(results), words),
        programme.funnel_table(scenario, results, words),
        programme.mix_table(scenario, results, words),
        programme.uptake_table(scenario, results, words),
        programme.unit_cost_table(scenario, results, words),
        programme.inputs_table(scenario, words),
        programme.posts_table(scenario, results, words),
        programme.offset_table(scenario, results, words),
        programme.misuse_table(scenario, results, words),
        risk.risk_table(scenario, results, words, cap_msek=100.0),
        risk.neutral_note(scenario, results, words),
        risk.forecast_table(scenario, results, words),
        risk.nominal_table(scenario, results, words),
        risk.region_money_tables(scenario, results, words),
        evidence.evidence_headline(scenario, words),
        evidence.studies_table(scenario, words),
        evidence.parameters_table(scenario, table, words),
        value.value_table(scenario, results, worths, words),
        comparison.comparison_tables(runs, words),
        comparison.value_comparison(runs, words),
    ]
    assert not [text for text in made if re.search(r"\bnan\b", text)]
    pictures = [
        budget.fan_chart(scenario, results, words),
        budget.coverage_chart(scenario, results, words),
        comparison.comparison_chart(runs, words),
    ]
    assert all(picture.png.startswith(b"\x89PNG") and picture.alt for picture in pictures)


def test_a_table_marks_its_headers_and_escapes_what_it_holds():
    text = markup.table("A & B", ["x", "y"], [["<1>", "2"]], strong=[0])
    assert "A &amp; B" in text
    assert '<th scope="col">x</th><th scope="col" class=num>y</th>' in text
    assert '<th scope="row">&lt;1&gt;</th><td class=num>2</td>' in text


def test_the_transfers_of_each_clause_sum_to_zero_in_print(scenario, results):
    text = budget.transfers_table(scenario, results, Words("sv"))
    total = re.findall(r"<tr class=sum>(.*?)</tr>", text)[-1]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", total)
    clauses = (*scenario.standing.clauses, *scenario.agreement.clauses)
    assert cells[1:-1] == ["0,0"] * len(clauses)
    assert cells[0] == cells[-1]


def test_nbformat_is_the_version_that_is_stored():
    assert nbformat.current_nbformat == 4
