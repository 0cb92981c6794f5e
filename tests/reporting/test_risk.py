"""Figures of chapter 05 that can be checked by hand."""

import html
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pmbudget.appraisal.scoring import cvar
from pmbudget.inputs.norms import TAX_BASE
from pmbudget.reporting.ch05_budget import budget, drug_prices, programme, risk
from pmbudget.reporting.words import Words

EN = Words("en")


def cells(text):
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", text)[1:]
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def test_the_worst_are_the_dearest_twentieth():
    assert cvar(np.arange(100.0)) == 97
    assert cvar(np.array([3.0, 1.0])) == 3


def test_an_ore_is_a_ten_thousandth_of_the_region_s_tax_base(scenario, results):
    frame = risk.region_money(scenario, results).set_index(["region", "year"])
    row, region = frame.loc["09", 2028], scenario.regions.loc["09"]
    base = scenario.parameters[TAX_BASE].distribution.mean * region["tax_capacity"]
    assert row["tax_ore"] == pytest.approx(row["per_inhabitant"] / (base / 10_000))
    assert row["mean"] == pytest.approx(row["per_inhabitant"] * region["population"])


def test_regions_and_years_sum_to_the_regions_own_net_budget(scenario, results):
    net = results.settlement.net_budget("today").sel(payer=["region", "clinic", "diagnostic_unit"])
    national = float(net.drop_sel(region="00").sum(["region", "year", "payer"]).mean())
    assert risk.region_money(scenario, results)["mean"].sum() == pytest.approx(national)


def test_at_the_neutral_price_the_net_budget_is_nothing(scenario, results):
    # A test that cost that much less would take away exactly the net budget, test by test.
    years = slice(2027, 2031)
    net = float(results.settlement.net_budget("today").sel(year=years).sum(["region", "year", "payer"]).mean())
    tests = results.reach.patients.sel(fate=scenario.case.new) * (1 + results.reach.reflexed) + results.reach.outside
    more = (tests.sel(mix="new") - tests.sel(mix="today")).sel(year=years).sum(["region", "year"]).mean()
    price = float(results.per_patient.test_cost.sel(strategy=scenario.case.new).mean())
    short = net / float(more) - price
    assert f"SEK {EN.number(short, -2)} per test" in risk.neutral_note(scenario, results, EN)
    assert EN.number(float(more)) in risk.neutral_note(scenario, results, EN)


def test_the_posts_of_the_last_year_less_those_of_today_s_use_in_it_are_the_change(scenario, results):
    last = results.spending.posts.sel(year=scenario.years[-1]).mean("draw")
    table = programme.posts_table(scenario, results, EN)
    assert f"With today&#x27;s use, {scenario.years[-1]}" in table
    for row, name in zip(cells(table), last["resource"].to_numpy(), strict=True):
        new, today, change = (float(cell.split(" ")[0].replace("\u2212", "-")) for cell in row[-3:])
        assert new - today == pytest.approx(change, abs=0.11)
        assert today == pytest.approx(float(last.sel(mix="today", resource=name)), abs=0.051)


def test_the_bar_of_an_allocation_key_that_is_not_used_is_told_to_be_of_another_kind(scenario, results):
    key = scenario.idle_allocation
    frame = pd.DataFrame({"base": [1e6, 1e6]}, index=["other", key])
    label = html.escape(EN.label(scenario.parameters[key].record.label))
    assert label in risk.tornado_note(scenario, results, frame, EN)
    assert label not in risk.tornado_note(scenario, results, frame.drop(key), EN)
    assert label not in risk.tornado_note(scenario.with_allocation(), results, frame, EN)


def test_that_drugs_keep_their_price_is_said_where_there_are_any(scenario):
    static = scenario.with_prices("static")
    assert "exclusivity" in " ".join(drug_prices._notes(static, EN))
    assert EN("prices_drugs") in programme.prices_moves(scenario, EN)
    dry = {name: one for name, one in scenario.case.resources.items() if one.kind != "drug"}
    without = replace(static, case=scenario.case.model_copy(update={"resources": dry}))
    assert "exclusivity" not in " ".join(drug_prices._notes(without, EN))


def test_an_agreement_that_moves_nobody_costs_its_coordination_alone(scenario, results):
    running = results.spending.by_resource.sel(mix="new", resource="project_office", year=scenario.first_years)
    row = pd.Series({"mean": float(running.sum("year").mean())})
    label = EN.inside(scenario.case.resources["project_office"].label)
    assert budget._unmoved_parts(scenario, results, row, EN) == f"{label} alone"
    assert budget._unmoved_parts(scenario, results, row + 1e6, EN) == "coordination and transition"


def test_a_cap_above_every_draw_is_hardly_broken_and_one_below_all_surely(scenario, results):
    high, low = (cells(risk.risk_table(scenario, results, EN, cap_msek=cap))[-1][3] for cap in (1e6, -1e6))
    assert (high, low) == ("&lt;\u00a01%", "&gt;\u00a099%")


def test_a_forecast_without_error_is_the_model_s(scenario, results):
    reach = replace(results.reach, volume_error=0 * results.reach.volume_error + 1)
    exact = replace(results, reach=reach)
    for row in cells(risk.forecast_table(scenario, exact, EN)):
        assert row[1] == row[2]
    assert any(row[1] != row[2] for row in cells(risk.forecast_table(scenario, results, EN)))


def test_current_prices_exceed_constant_ones_by_the_index(scenario, results):
    first = cells(risk.nominal_table(scenario, results, EN))[0]
    nominal, real = (float(re.match(r"[\u2212\d.]+", cell)[0]) for cell in first[3:5])
    assert nominal == pytest.approx(real * 1.02**3, abs=0.06)


def test_a_lever_that_moves_nothing_says_so(scenario):
    names = list(scenario.case.levers)
    rows = [(name, "net", 0.0, 0.0, 0.0) for name in names[1:]] + [(names[0], "net", -2e6, -3e6, 1e6)]
    effects = pd.DataFrame(rows, columns=["lever", "figure", "mean", "lower", "upper"]).set_index(["lever", "figure"])
    found = cells(programme.lever_table(scenario, effects, EN))
    assert found[0][2:] == ["Cost, MSEK", "\u22122.00 (\u22123.00 to 1.00)"]
    assert {row[2] for row in found[1:]} == {EN("lever_figures.nothing")}


def test_without_a_gate_there_is_nothing_to_say_of_it(scenario, results):
    assert programme.known_note(scenario, results, EN) == ""
