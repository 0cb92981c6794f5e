"""A programme that loses health, or saves money, is told so, in 05 and 06 and on the index."""

import re
from types import SimpleNamespace

import pandas as pd
import pytest
import xarray as xr

from pmbudget.appraisal.worth import added_worth
from pmbudget.reporting import store, summary, value
from pmbudget.reporting.ch05_budget import budget
from pmbudget.reporting.ch08_comparison import comparison
from pmbudget.reporting.words import Words

EN = Words("en")
SHARES = {"cost": 0.5, "cost_patient": 0.4, "variance_today": 0.6, "variance_unplanned": 0.7, "variance_inmb": 0.3}


def turned(scenario, results, qaly, cost):
    """The programme's worth with these means, QALY and SEK, the same at every threshold."""
    made = {}
    for place, worth in added_worth(scenario, results.worth).items():
        spread = xr.zeros_like(worth["qaly"]) + (worth["draw"] % 2 - 0.5)
        inmb = worth["inmb"]["wtp"] * (qaly + spread) - (cost + 1e6 * spread)
        made[place] = worth.assign(qaly=qaly + spread, cost=cost + 1e6 * spread, inmb=inmb)
    return made


@pytest.mark.parametrize(
    ("qaly", "cost", "told", "verdict"),
    [
        (18.0, 9e6, "gains 18 (18 to 18) QALYs at an added cost of MSEK 9.0", "It is worth its cost"),
        (18.0, -9e6, "gains 18 (18 to 18) QALYs and saves MSEK 9.0", "It is worth its cost"),
        (-18.0, -63e6, "loses 18 (18 to 18) QALYs and saves MSEK 63.0", "What is saved is worth more than the health"),
        (-18.0, -9e6, "loses 18 (18 to 18) QALYs and saves MSEK 9.0", "What is saved is worth less than the health"),
        (-18.0, 9e6, "loses 18 (18 to 18) QALYs at an added cost of MSEK 9.0", "It is not worth its cost"),
    ],
)
def test_health_lost_and_money_saved_are_told_by_their_sign(scenario, results, qaly, cost, told, verdict):
    for said in value.value_sentences(scenario, turned(scenario, results, qaly, cost), EN)[:2]:
        assert told.replace("18 (18 to 18)", "18") in re.sub(r"(\d) \([^)]*\)", r"\1", said)
        assert verdict in said


def test_what_is_saved_per_qaly_lost_has_a_row_where_health_is_lost(scenario, results):
    row = EN("value_rows.saved_per_qaly")
    assert row not in value.value_table(scenario, results, turned(scenario, results, 18.0, 9e6), EN)
    made = value.value_table(scenario, results, turned(scenario, results, -20.0, -60e6), EN)
    line = re.search(rf">{row}</th>(.*?)</tr>", made)[1]
    assert re.findall(r">([^<]+)</td>", line) == ["3,000,000"] * 4


@pytest.fixture
def runs(scenario, results, tmp_path):
    worths = added_worth(scenario, results.worth)
    for name in ("a-1", "b-2"):
        (tmp_path / name).mkdir()
        store.store_budget(str(tmp_path / name), scenario, results, worths, SHARES, None)
    return store.load_runs(tmp_path)


def test_the_index_says_that_the_best_loses_health(scenario, results, runs):
    def run_of(qaly, cost):
        worths = turned(scenario, results, qaly, cost)
        figures = summary.key_figures(scenario, results, worths, SHARES)
        draws = summary.paired_draws(scenario, results, worths)
        return store.RunSummary(**{**vars(runs[0]), "figures": figures, "draws": draws})

    poor, loses, gains = run_of(1.0, 9e6), run_of(-18.0, -63e6), run_of(70.0, 9e6)
    period = scenario.whole_period
    _, said = comparison._ranks([poor, loses], "programme_inmb", period, EN)
    assert "loses 18" in said
    assert "saves MSEK 63.0" in said
    assert len(comparison._ranks([loses, gains], "programme_inmb", period, EN)) == 1
    assert len(comparison._ranks([poor, loses], "net_budget", period, EN)) == 1


def test_the_index_names_the_comparator_and_leads_with_what_all_pay_and_what_it_is_worth(scenario, runs):
    comparator = EN.inside(scenario.case.strategies[scenario.case.comparator].label)
    assert f"against {comparator}" in comparison.worth_comparison(runs, EN)
    assert f"Cost-effectiveness against {comparator}" in comparison.comparison_headline(runs, EN)
    [first] = re.findall(r"<th[^>]*>([^<]+)</th>", comparison.comparison_tables(runs, EN))[1:2]
    assert first == EN("payers.all")
    heads = re.findall(r"<th[^>]*>([^<]+)</th>", comparison.value_comparison(runs, EN))
    place = {key: heads.index(EN(f"index_value_columns.{key}")) for key in ("better", "tests", "lost")}
    assert place["better"] == 2 < place["tests"] < place["lost"]


def test_the_least_that_a_scenario_costs_is_not_a_minus_that_is_more():
    def run_of(mean):
        rows = {"measure": "net_budget", "reference": "today", "period": "2027", "payer": "all", "mean": mean}
        return SimpleNamespace(figures=pd.DataFrame([rows]))

    assert comparison._first_words([run_of(-1e6), run_of(2e6)], "2027", EN).startswith("Over 2027 what introduction")
    assert comparison._first_words([run_of(1e6), run_of(2e6)], "2027", EN).startswith("Over 2027 introduction costs")


@pytest.mark.parametrize("others", [-3.5e6, 0.6e6, 0.0])
def test_the_headline_names_all_who_pay_where_others_than_the_state_and_the_regions_do(scenario, others):
    means = {"state": 9.5e6, "regions_together": 49.4e6, "others": others}
    today = pd.DataFrame({end: means for end in ("mean", "lower", "upper")})
    told = re.sub(r" \([^)]*\)", "", budget._who_pays(scenario, today, EN))
    assert "MSEK" in told
    named = re.search(r"and others ([\d.]+) MSEK (more|less);", told)
    assert (named and named.groups()) == ({-3.5e6: ("3.5", "less"), 0.6e6: ("0.6", "more"), 0.0: None}[others])
