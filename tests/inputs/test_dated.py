"""Fees and payer rules are dated records: which value holds, and who is told when another will."""

from datetime import date

import pytest
from typer.testing import CliRunner

from pmbudget.batch.check import outdated
from pmbudget.cli import app
from pmbudget.errors import InputError
from pmbudget.inputs import load_parameters, load_scenario
from pmbudget.inputs.agreements import load_agreements
from pmbudget.reporting.ch01_evidence import evidence
from pmbudget.reporting.ch05_budget import budget
from pmbudget.reporting.words import Words

FEE = """\
visit_fee:
  label: {sv: "Avgift per besök", en: "Fee per visit"}
  unit: SEK/visit
  price_year: 2024
  distribution:
    dated:
      - {from: 2020-01-01, value: 200, source: {title: "The former rule"}}
      - {from: 2027-01-01, value: 300, source: {title: "The new rule"}}
      - {from: 2030-07-01, value: 400, source: {title: "A rule to come"}}
  evidence: published
  context: true
  source: {title: "The law"}
"""


def rewrite(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def starting(folder, first):
    rewrite(folder / "scenarios" / "unplanned.yaml", "first: 2027", f"first: {first}")
    return load_scenario("unplanned", folder)


def rules(scenario):
    fee, rebate = scenario.standing.clauses
    return fee.ceiling.in_force.value, fee.ceiling.in_force_since, rebate.share.in_force.value


@pytest.mark.parametrize(
    ("first", "ceiling", "since", "share"),
    [
        (2023, 2600, date(2023, 1, 1), 0.3),
        (2024, 2850, date(2024, 1, 1), 0.4),
        (2025, 2900, date(2025, 1, 1), 0.4),
        (2026, 3800, date(2025, 7, 1), 0.4),
        (2027, 3800, date(2025, 7, 1), 0.4),
    ],
)
def test_f_the_standing_rules_are_those_of_the_scenario_s_first_day(folder, first, ceiling, since, share):
    assert rules(starting(folder, first)) == (ceiling, since, share)


def test_f_nothing_that_holds_on_the_first_day_is_a_fault(folder):
    with pytest.raises(InputError, match=r"standing_rules\.yaml:\d+: clauses\.0\.ceiling.*nothing holds on 2018-01-01"):
        starting(folder, 2018)


def test_f_dates_out_of_order_are_a_fault(folder):
    rewrite(folder / "agreements" / "standing_rules.yaml", "from: 2020-01-01", "from: 2022-01-01")
    with pytest.raises(InputError, match=r"2022-01-01 stands after 2022-01-01.*Remedy: list the dates from the first"):
        load_scenario("unplanned", folder)


def test_f_a_dated_share_keeps_its_bounds_and_a_plain_one_needs_no_date(folder):
    path = folder / "agreements" / "rebate_split.yaml"
    rewrite(path, "share: -0.1", "share: {dated: [{from: 2020-01-01, value: -1.1, source: {title: x}}]}")
    with pytest.raises(InputError, match=r"rebate_split\.yaml:\d+: clauses\.0\.share\.dated\.0\.value = -1\.1"):
        load_agreements(folder)
    rewrite(path, "share: {dated: [{from: 2020-01-01, value: -1.1, source: {title: x}}]}", "share: -0.1")
    assert load_agreements(folder)["rebate_split"].clauses[0].share == -0.1


@pytest.mark.parametrize(("first", "value", "source"), [(2026, 200, "The former rule"), (2027, 300, "The new rule")])
def test_f_a_parameter_has_the_value_source_and_date_of_the_first_day(folder, first, value, source):
    (folder / "fees.yaml").write_text(FEE, "utf-8")
    fee = starting(folder, first).parameters["visit_fee"]
    assert fee.distribution.mean == value
    assert fee.distribution.is_fixed
    assert fee.record.figure_source.title == source
    assert fee.record.in_force_since == date(2027 if value == 300 else 2020, 1, 1)


def test_f_without_a_scenario_the_last_value_is_used_and_a_run_may_fix_another(folder):
    (folder / "fees.yaml").write_text(FEE, "utf-8")
    assert load_parameters(folder).fixed("visit_fee") == 400
    fixed = load_scenario("unplanned", folder, {"visit_fee": 250}).parameters["visit_fee"]
    assert fixed.distribution.mean == 250
    assert fixed.record.in_force_since is None
    assert fixed.was.in_force_since == date(2027, 1, 1)


def test_f_the_shipped_rules_give_no_warning(shipped):
    assert outdated(shipped) == []


def test_f_check_warns_of_what_begins_within_the_years_and_of_what_has_no_date(folder, monkeypatch):
    (folder / "fees.yaml").write_text(FEE, "utf-8")
    path = folder / "agreements" / "standing_rules.yaml"
    rewrite(path, "from: 2025-07-01", "from: 2027-01-02")
    text = path.read_text("utf-8")
    path.write_text(
        text[: text.index("    # Settled since")] + "    share: 0.4\n" + text[text.index("evidence:") :], "utf-8"
    )
    monkeypatch.setattr("pmbudget.batch.check.check", lambda folder: [])
    told = " ".join(CliRunner().invoke(app, ["check", "--folder", str(folder)]).output.split())
    assert (
        "patient_fee.ceiling = 3800.0: another value holds from 2027-01-02; unplanned uses that of 2025-01-01" in told
    )
    assert "rebate_to_state: has no date from which it holds" in told
    assert "fees.yaml:1: visit_fee = 400.0: another value holds from 2030-07-01" in told


def test_f_what_begins_on_the_last_year_s_last_day_is_told_and_the_day_after_is_not(folder):
    (folder / "fees.yaml").write_text(FEE.replace("2030-07-01", "2036-12-31"), "utf-8")
    assert any("2036-12-31" in str(late) for late in outdated(folder))
    (folder / "fees.yaml").write_text(FEE.replace("2030-07-01", "2037-01-01"), "utf-8")
    assert outdated(folder) == []


def test_f_print_says_since_when_the_rules_hold(scenario, results):
    said = budget.transfers_table(scenario, results, Words("sv"))
    assert "egenavgift till högkostnadstaket 3\u00a0800 kronor (gäller från 2025-07-01)" in said
    assert "statens del av återbäringen 40\u00a0% (gäller från 2024-01-01)" in said
    assert "hålls oförändrade i alla dess år" in said
    assert "SEK 3,800 (in force since 2025-07-01)" in budget.transfers_table(scenario, results, Words("en"))


def test_f_the_table_of_parameters_says_since_when_a_fee_holds(folder, crude_draws):
    path = folder / "cases" / load_scenario("unplanned", folder).definition.case / "fees.yaml"
    path.write_text(FEE, "utf-8")
    scenario = load_scenario("unplanned", folder)
    said = evidence.parameters_table(scenario, crude_draws(scenario, n=2), Words("sv"))
    assert "Avgift per besök (gäller från 2027-01-01, oförändrat därefter)" in said
    assert "The new rule" in said
