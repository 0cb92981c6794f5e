"""Today's use known: the scenario at each value, the table that leads 05, and the same figures on the index."""

import html
import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from ruamel.yaml import YAML

from pmbudget.appraisal.worth import added_worth
from pmbudget.inputs import load_scenario
from pmbudget.inputs.programmes import Uptake
from pmbudget.programme import coverage
from pmbudget.programme.pace import Held
from pmbudget.questions import at_known_use
from pmbudget.questions.today import figures_of
from pmbudget.reporting import page, store
from pmbudget.reporting.ch05_budget import budget, today
from pmbudget.reporting.ch08_comparison import comparison
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate
from pmbudget.vocabulary import REGION_PAYERS

DRAWS = 40
SHARES = {"cost": 0.5, "cost_patient": 0.4, "variance_today": 0.6, "variance_unplanned": 0.7, "variance_inmb": 0.3}
WORDS = Words("sv")
CASES = ("nsclc_panel", "fh_cascade", "rare_disease_wgs")


@pytest.fixture(scope="module")
def walked(scenario, crude_fits):
    with crude_fits():
        results = evaluate(scenario, draws=DRAWS)
        return results, at_known_use(scenario, results, draws=DRAWS, seed=1)


def rows(piece):
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr[^>]*>(.*?)</tr>", str(piece))]
    return [[html.unescape(cell) for cell in row] for row in found]


def test_a_value_is_the_scenario_with_the_value_in_its_place(scenario, walked, without_pymc):
    _, known = walked
    for value in known["value"].to_numpy():
        other = load_scenario("agreement_even", overrides={scenario.case.uptake.today: float(value)})
        expected = figures_of(other, evaluate(other, draws=DRAWS))
        xr.testing.assert_allclose(known.sel(value=value, drop=True), expected)


def test_the_figures_are_those_of_the_headline(scenario, walked):
    results, _ = walked
    found = figures_of(scenario, results)
    assert list(found["period"].to_numpy()) == list(scenario.periods)
    for period, years in scenario.periods.items():
        net, more = (results.settlement.net_budget(mix).sel(year=years).sum("year") for mix in ("today", "unplanned"))
        at = found.sel(period=period)
        np.testing.assert_allclose(at["net"], net.sum(["region", "payer"]))
        np.testing.assert_allclose(at["added"], more.sum(["region", "payer"]))
        rest = [payer for payer in net["payer"].to_numpy() if payer not in ("state", *REGION_PAYERS)]
        others = net.sel(payer=rest).sum(["region", "payer"])
        np.testing.assert_allclose(at["state"] + at["regions"] + others, at["net"], atol=1.0)
        worth = added_worth(scenario, results.worth)["today", period]
        np.testing.assert_allclose(at["qaly"], worth["qaly"])
        np.testing.assert_allclose(at["inmb"], worth["inmb"])


def test_the_more_get_it_already_the_less_is_left_to_introduce(walked):
    _, known = walked
    reached, added = (known[name].isel(period=-1).transpose("value", "draw").to_numpy() for name in ("reached", "qaly"))
    assert (np.diff(reached, axis=0) > 0).all()
    assert abs(added[-1]).mean() < abs(added[0]).mean()
    assert (known["net"].isel(period=0).mean("draw").diff("value") < 0).all()


@pytest.mark.parametrize("case", CASES)
def test_no_value_shown_lies_so_high_that_the_agreement_lowers_use(case, without_pymc):
    scenario = load_scenario("agreement_even", case=case)
    shown = scenario.case.uptake.shown_today
    low, high = scenario.parameters[scenario.case.uptake.today].distribution.interval
    assert all(low - 0.05 < value < high + 0.05 for value in shown)
    highest = scenario.with_value(scenario.case.uptake.today, shown[-1])
    reach = evaluate(highest, draws=4).reach
    assert float((reach.aimed.sel(mix="unplanned") - reach.aimed.sel(mix="today")).min()) >= -1e-12
    # The incentive, whose prior holds a response below 0, is the agreement's own; without it the agreement adds or does nothing.
    still = highest.case.uptake.model_copy(update={"incentive_response": None})
    moved = evaluate(replace(highest, case=highest.case.model_copy(update={"uptake": still})), draws=4).reach.aimed
    assert float((moved.sel(mix="new") - moved.sel(mix="unplanned")).min()) >= -1e-12


def test_today_s_use_is_what_it_is_stated_to_be_where_regions_are_alike(scenario, table):
    uptake, draws = scenario.case.uptake, table.isel(draw=slice(3))
    alike = {name: 0 * draws[name] for name in (uptake.deviation, uptake.university_gap)}
    held = coverage(
        Held(uptake), scenario.regions, [2026], draws.assign({**alike, uptake.today: 0 * draws[uptake.today] + 0.97})
    )
    np.testing.assert_allclose(held, 0.97)


@pytest.mark.parametrize(
    ("shown", "wrong"), [([0.4, 0.2], "least first"), ([0.2, 0.2], "each once"), ([0.0, 0.5], "between 0 and 1")]
)
def test_values_shown_are_shares_in_order(scenario, shown, wrong):
    stated = scenario.case.uptake.model_dump(exclude_none=True)
    with pytest.raises(ValueError, match=wrong):
        Uptake(**{**stated, "shown_today": shown})


def test_a_case_that_shows_none_has_no_table(scenario, walked):
    results, _ = walked
    uptake = scenario.case.uptake.model_copy(update={"shown_today": ()})
    silent = replace(scenario, case=scenario.case.model_copy(update={"uptake": uptake}))
    assert at_known_use(silent, results, draws=DRAWS, seed=1) is None
    assert today.today_table(silent, results, None, WORDS) == ""


@pytest.mark.parametrize("language", ["sv", "en"])
def test_the_table_ends_with_the_headline_and_says_what_follows(scenario, walked, language):
    results, known = walked
    words = Words(language)
    made = today.today_table(scenario, results, known, words)
    assert not re.search(r"\bnan\b", made)
    found = rows(made)
    assert found[0][1:-1] == [words.percent(value) for value in scenario.case.uptake.shown_today]
    headline = rows(budget.budget_tables(scenario, results, words))
    assert found[1][-1] == headline[found_at(headline, words("payers.all"))][1]
    assert found[2][-1] == headline[found_at(headline, words("payers.state"))][1]
    assert words.msek(float(known["net"].isel(value=0, period=0).mean())) in made.split("<table>")[0]


def found_at(table, first):
    return next(place for place, row in enumerate(table) if row[0] == first)


def test_an_order_is_told_only_where_the_draws_bear_it(scenario, walked):
    results, known = walked
    middle = known.isel(value=[1, 1]).assign_coords(value=[0.4, 0.41])
    said = today.today_table(scenario, results, middle, WORDS)
    assert "skiljer sig inte säkert" in said
    assert "skiljer sig inte säkert" not in today.today_table(scenario, results, known, WORDS)


def test_a_saving_is_told_as_a_saving_and_draws_only_where_they_differ(scenario, walked):
    results, known = walked
    saves = known.assign(net=known["net"] - 1e9 * (known["value"] == known["value"][-1]))
    said = today.today_table(scenario, results, saves, WORDS)
    least = WORDS.msek(float(known["net"].isel(value=0, period=0).mean()))
    assert f"kosta {least} mnkr mer än dagens användning" in said
    assert re.search(r"och spara [\d,\u00a0]+ mnkr mot den om", said)
    assert "i genomsnitt" in said
    assert "de första" not in said
    few = known.isel(draw=slice(0, DRAWS // 2))
    assert "de första" in today.today_table(scenario, results, few, WORDS)


def test_the_index_has_the_figures_of_05(scenario, walked, tmp_path):
    results, known = walked
    worths = added_worth(scenario, results.worth)
    for name, each in (("a-1", known), ("b-2", known)):
        (tmp_path / name).mkdir()
        store.store_budget(str(tmp_path / name), scenario, results, worths, SHARES, each)
    runs = store.load_runs(tmp_path)
    in_05 = rows(today.today_table(scenario, results, known, WORDS))
    compared = rows(comparison.known_use_comparison(runs, WORDS))
    assert compared[1][1:] == in_05[1][1:]
    assert compared[4][1:] == in_05[5][1:]
    text = page.overview_html(runs, ["05_budget_impact"], "08_compare_scenarios", WORDS, made="now", quick=False)
    assert text.index(WORDS("index_today")) < text.index(WORDS("index_value"))


def test_runs_that_show_other_values_of_today_s_use_are_compared_with_dashes(scenario, walked, tmp_path):
    results, known = walked
    worths = added_worth(scenario, results.worth)
    later = known.isel(value=slice(1, None)).assign_coords(value=[0.99, *known["value"].to_numpy()[2:]])
    for name, each in (("a-1", later), ("b-2", known), ("c-3", None)):
        (tmp_path / name).mkdir()
        store.store_budget(str(tmp_path / name), scenario, results, worths, SHARES, each)
    head, *compared = rows(comparison.known_use_comparison(store.load_runs(tmp_path), WORDS))
    values = sorted({*later["value"].to_numpy(), *known["value"].to_numpy()})
    assert head[1:-1] == [WORDS.percent(value) for value in values]
    shown = [[cell != WORDS("not_applicable") for cell in row[1:-1]] for row in compared[:3]]
    assert shown == [[value in each for value in values] for each in (later["value"], known["value"], [])]


def test_a_batch_that_an_earlier_version_made_is_read(scenario, walked, tmp_path):
    results, known = walked
    (tmp_path / "a-1").mkdir()
    store.store_budget(str(tmp_path / "a-1"), scenario, results, added_worth(scenario, results.worth), SHARES, known)
    yaml, file = YAML(typ="safe"), tmp_path / "a-1" / "scenario.resolved.yaml"
    resolved = yaml.load(file.read_text("utf-8"))
    del resolved["case"]["in_use"]
    yaml.dump(resolved, file)
    [run] = store.load_runs(tmp_path)
    assert run.in_use == run.new == scenario.case.strategies[scenario.case.new].label


def test_the_index_has_no_such_table_where_no_run_shows_it(scenario, walked, tmp_path):
    results, _ = walked
    (tmp_path / "a-1").mkdir()
    store.store_budget(str(tmp_path / "a-1"), scenario, results, added_worth(scenario, results.worth), SHARES, None)
    runs = store.load_runs(tmp_path)
    assert comparison.known_use_comparison(runs, WORDS) == ""
    text = page.overview_html(runs, ["05_budget_impact"], "08_compare_scenarios", WORDS, made="now", quick=False)
    assert WORDS("index_today") not in text
