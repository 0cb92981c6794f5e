"""Chapter 06: sentences, tables and figures from one negotiation, in both languages."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pmbudget.appraisal.negotiation import Solution
from pmbudget.inputs import load_scenario
from pmbudget.questions import agreements
from pmbudget.questions.agreements import LITTLE
from pmbudget.reporting.ch06_agreement import agreement, bargain, phases, settlement
from pmbudget.reporting.ch06_agreement.agreement import limit_words
from pmbudget.reporting.figures import Picture
from pmbudget.reporting.page import without_empty_sections
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate_draws

EN = Words("en")


@pytest.fixture(scope="module")
def found(scenario, results):
    return agreements.negotiation(scenario, results)


@pytest.fixture(scope="module")
def paces(scenario, found):
    return agreements.Paces({scenario.name: found.programme}, {scenario.name: scenario.definition.label})


def parts(scenario, results, found, paces, words):
    return [
        agreement.agreement_headline(scenario, found, words),
        agreement.money_table(found, words),
        agreement.value(scenario, results, found, words),
        agreement.property_table(scenario, found, words),
        agreement.front_chart(found, words),
        agreement.losers_chart(scenario, found, words),
        settlement.region_money(scenario, results, found, words),
        settlement.silo_table(scenario, results, found, words),
        settlement.transfers(scenario, results, found, words),
        settlement.incentive_table(found, results, scenario, words),
        settlement.state_by_year(found, words),
        settlement.by_year(scenario, results, found, words),
        bargain.solutions(scenario, found, paces, words, target=0.75, kappa=1.0),
        bargain.map_table(found, paces, words),
        phases.phases_table(scenario, results, found, words),
        phases.infrastructure_table(scenario, found, words),
    ]


def cells(html, row):
    """The figures of a table's row, by its first cell."""
    [line] = re.findall(rf'<tr[^>]*><th scope="row">{re.escape(row)}</th>(.*?)</tr>', html)
    return re.findall(r"<td[^>]*>(.*?)</td>", line)


def number(text):
    return float(text.replace("\u2212", "-").replace(",", ""))


@pytest.mark.parametrize("language", ["sv", "en"])
def test_the_chapter_is_written_in_both_languages(scenario, results, found, paces, language):
    for part in parts(scenario, results, found, paces, Words(language)):
        text = part.alt if isinstance(part, Picture) else str(part)
        assert text
        assert not re.search(r"\bnan\b", text)
        assert "{" not in text


def test_without_an_agreement_the_page_says_so_once(unplanned, results):
    found = agreements.negotiation(unplanned, results)
    assert found is None
    paces = agreements.programmes_at(unplanned, found, ["agreement_slow"], draws=20, seed=1)
    shown = [str(part) for part in parts(unplanned, results, found, paces, EN)]
    assert "no agreement" in shown[0]
    assert set(shown[1:]) == {""}


def test_sections_that_show_nothing_are_left_out():
    def call(html):
        return {"cell_type": "code", "source": "x", "outputs": [{"data": {"text/html": html}}]}

    def heading(text):
        return {"cell_type": "markdown", "source": f"## {text}"}

    prose = {"cell_type": "markdown", "source": "How it is done."}
    kept = [call("first"), heading("sv"), heading("en"), prose, call("<p>table</p>"), heading("only words"), prose]
    empty = [heading("tom"), heading("empty"), prose, call("")]
    assert without_empty_sections([*kept[:5], *empty, *kept[5:]]) == kept


def test_designs_of_whole_fields_are_laid_down_at_the_same_outlay(found):
    scaled = [name for name, one in found.agreements.items() if one.precedent_sums]
    assert set(found.factors) == set(scaled)
    assert found.scores.loc[scaled, "state"].to_numpy() == pytest.approx(found.scores.loc[found.own, "state"])


def test_the_best_designs_for_an_aim_are_comparable_and_hold_the_best(found):
    pool = found.scores.loc[agreements.comparable_designs(found)]
    assert found.own in pool.index
    assert pool["state"].max() <= found.scores["state"][found.own] + LITTLE
    assert pool.drop(found.own)["others"].abs().max() <= LITTLE
    assert pool.drop(found.own)["of_today"].abs().max() <= LITTLE
    best = agreements.best_designs(found)
    assert pool.loc[best["participation"][0], "p_all"] == pool["p_all"].max()
    assert pool.loc[best["worst"][0], "worst"] == pool["worst"].min()
    assert pool.loc[best["equality"][0], "inequality"] == pytest.approx(pool["inequality"].min())
    assert pool.loc[best["after"][0], "year_after"] == pytest.approx(pool["year_after"].min())


def test_one_design_is_named_best_only_where_no_other_is_as_good(found):
    """The same design under two names cannot be told apart, and both are named."""
    twin = replace(
        found,
        agreements={**found.agreements, "twin": found.agreements[found.own]},
        designs={**found.designs, "twin": found.designs[found.own]},
        scores=found.scores.loc[[found.own, found.own]].set_axis([found.own, "twin"]),
    )
    assert all(set(names) == {found.own, "twin"} for names in agreements.best_designs(twin).values())
    assert "cannot be told apart" in agreement._aims(twin, EN)
    alone = replace(found, scores=found.scores.loc[[found.own]])
    assert agreement._aims(alone, EN) == EN("agreement_alone")


def test_both_conditions_of_the_comparison_are_said(scenario, found):
    text = str(agreement.agreement_headline(scenario, found, EN))
    assert "no more than the scenario" in text
    assert "let nobody but the state and the regions pay" in text
    assert f"{len(agreements.comparable_designs(found))} are compared by aim" in text


def test_a_design_that_moves_today_s_money_is_not_among_those_compared_also_where_it_is_the_scenario_s(found):
    other = next(str(name) for name in found.scores.index if not found.sharing[name])
    assert found.own in agreements.comparable_designs(found)
    theirs = replace(found, own=other)
    assert other not in agreements.comparable_designs(theirs)
    assert all(other not in names for names in agreements.best_designs(theirs).values())
    assert "own is not in that comparison" in agreement._aims(theirs, EN)
    assert "own is not in that comparison" not in agreement._aims(found, EN)
    assert agreement._standing(theirs, other) == "front_not_compared"


def test_grants_end_only_where_a_design_ends(scenario, found):
    """A dash where a design goes on, whatever it grows by; and where nothing is scaled no word is said of it."""
    ends = {name: agreement._ends(found, name) for name in found.designs}
    assert ends["state_share_tapered"]
    assert ends["hepatitis_c_solidarity"]
    name, figures = "hepatitis_c_solidarity", {"paid_last": 10e6, "cliff": -2e6}
    on = replace(
        found,
        designs={name: [one.model_copy(update={"ends": None}) for one in found.designs[name]]},
        scores=found.scores.loc[[name]].assign(**figures),
    )
    assert not agreement._ends(on, name)
    assert "are scaled so that" in agreement.money_table(found, EN)
    assert "are scaled so that" not in agreement.money_table(replace(found, factors={}), EN)


def test_regions_that_pay_less_on_average_and_more_in_most_draws_are_counted(found):
    settled = found.outcomes[found.own]
    by_region = np.ones_like(settled.by_region)
    by_region[0, :3] = -1e9
    other = replace(found)
    other.__dict__["outcomes"] = {found.own: replace(settled, by_region=by_region)}
    assert agreements.dearer_in_most_draws(other) == 3


def test_the_headline_holds_the_scored_figures_and_one_simulation_error(scenario, found):
    text = str(agreement.agreement_headline(scenario, found, EN))
    assert EN.msek(found.scores.loc[found.own, "state"]) in text
    assert "Tapered state share" in text
    assert text.count("simulation error") == 1


def test_a_region_is_named_only_where_the_draws_tell_it_from_all_others(scenario, found):
    own = found.scores.loc[found.own]
    name = scenario.regions.loc[own["worst_region"], "region"]
    for sure in (0.0, 1.0):
        scores = found.scores.copy()
        scores.loc[found.own, "worst_sure"] = sure
        told = replace(found, scores=scores)
        assert (name in agreement._worst(scenario, told, EN)) == bool(sure)
        assert (name in cells(str(agreement.property_table(scenario, told, EN)), "Tapered state share")[1]) == bool(
            sure
        )


def test_what_the_model_lays_on_every_region_alike_is_said_to_follow_from_it(scenario, found):
    scores = found.scores.copy()
    scores.loc[found.own, "worst_sure"] = 1.0
    sure = replace(found, scores=scores)
    place = list(scenario.regions.index).index(scores.loc[found.own, "worst_region"])
    assert found.programme.of_transition(place) > 0.5
    assert "by the same rules" in agreement._worst(scenario, sure, EN)
    programme = replace(found.programme, mean_transition=0 * found.programme.mean_transition)
    assert "by the same rules" not in agreement._worst(scenario, replace(sure, programme=programme), EN)


def test_the_picture_and_the_table_have_one_front(scenario, found):
    table = str(agreement.property_table(scenario, found, EN))
    assert table.count(f">{EN('on_front')}<") == int(found.front.sum())
    assert not found.front[~found.sharing].any()
    title = EN("front_title", count=int(found.front.sum()), all=int(found.sharing.sum()))
    assert title.startswith(f"{int(found.front.sum())} of")


def test_money_for_use_today_is_told_apart(found):
    """A rebate to the regions on all benefit drugs is mostly for patients who are treated today anyway."""
    scores = found.scores
    assert scores.loc["rebate_split", "of_today"] < -LITTLE
    assert not found.sharing["rebate_split"]
    for name in ("money_back_drugs", "state_share_tapered", "hepatitis_c_solidarity", "orphan_solidarity_pool"):
        assert abs(scores.loc[name, "of_today"]) <= LITTLE, name


def test_the_silo_table_sums_to_the_table_after_it(scenario, results, found):
    silo = str(settlement.silo_table(scenario, results, found, EN))
    after = str(settlement.transfers(scenario, results, found, EN))
    for payer in ("The region as purchaser", "The clinic", "The diagnostic unit"):
        if payer in silo:
            assert cells(silo, payer)[-1] == cells(after, payer)[0]
    assert cells(silo, EN("total"))[-1] == cells(after, EN("total"))[0]
    care, transition, whole = (number(cells(silo, EN("total"))[place]) for place in (0, 3, 4))
    assert care + transition == pytest.approx(whole, abs=0.11)


def test_transition_is_no_silo(scenario, results, found):
    silo = str(settlement.silo_table(scenario, results, found, EN))
    accounts = results.settlement.accounts
    accounts = accounts.where(accounts["part"] != "transition", 1e9)
    dearer = replace(results, settlement=replace(results.settlement, accounts=accounts))
    more = str(settlement.silo_table(scenario, dearer, found, EN))
    assert cells(silo, EN("total"))[:2] == cells(more, EN("total"))[:2]


def test_the_phases_add_up_to_the_budget_and_the_state_pays_what_it_agreed(scenario, results, found):
    html = str(phases.phases_table(scenario, results, found, EN))
    rows = [cells(html, EN(f"phases.{phase}")) for phase in ("care_development", "routine")]
    net = results.settlement.ledger.sel(year=found.years).sum(["region", "entry", "year"])
    change = (net.sel(mix="new") - net.sel(mix="today")) / 1e6
    assert sum(number(row[2]) for row in rows) == pytest.approx(float(change.sel(payer="state")), abs=0.11)
    assert sum(number(row[0]) for row in rows) == pytest.approx(float(change.sum()), abs=0.11)
    taper = results.settlement.ledger.sel(mix="new", payer="state", entry="state_share", year=found.years).sum() / 1e6
    assert number(rows[0][2]) == pytest.approx(float(taper), abs=0.06)
    assert all(number(row[-1]) == 0 for row in rows), "somebody pays"


def test_the_phases_tell_what_the_switch_moves(scenario, results, found):
    kept, moved = (
        str(phases.phases_table(scenario, results, found, EN, provider_may_receive=allowed))
        for allowed in (False, True)
    )
    care = EN("phases.care_development")
    assert number(cells(kept, care)[1]) == 0
    assert number(cells(moved, care)[1]) > 0
    assert number(cells(moved, care)[4]) < number(cells(kept, care)[4])


CHANGED = [
    ("fh_cascade/cohort_effect", "fh_cascade", {"ratio_untreated": 4.29}),
    ("rare_disease_wgs/against_exome", "rare_disease_wgs", {"offered_exome": 1.0}),
    ("agreement_one_laboratory", "nsclc_panel", {}),
]


@pytest.mark.parametrize(("name", "case", "fixed"), CHANGED)
def test_at_other_paces_everything_else_of_the_scenario_is_kept(shipped, name, case, fixed):
    scenario = load_scenario(name, shipped, case=case)
    scenario = scenario.with_levers(*list(scenario.case.levers)[:1])
    other = scenario.at_pace(load_scenario("agreement_slow", shipped, case=case))
    assert other.definition.pace == load_scenario("agreement_slow", shipped).definition.pace
    means = {key: other.parameters[key].distribution.mean for key in fixed}
    assert means == pytest.approx(fixed, rel=0.01)
    assert other.parameters is scenario.parameters
    for kept in ("levers", "laboratories", "limits", "allocated", "overrides", "years"):
        assert getattr(other.definition, kept) == getattr(scenario.definition, kept), kept


def test_other_paces_are_evaluated_with_all_that_was_set_and_on_as_many_draws(monkeypatch, shipped, crude_draws):
    scenario = load_scenario("fh_cascade/cohort_effect", shipped)
    found = agreements.negotiation(scenario, evaluate_draws(scenario, crude_draws(scenario, 20)))
    seen = []

    def evaluated(one, draws, seed):
        seen.append((one.parameters["ratio_untreated"].distribution, draws))
        return evaluate_draws(one, crude_draws(one, draws))

    monkeypatch.setattr(agreements, "evaluated", evaluated)
    paces = agreements.programmes_at(scenario, found, ["agreement_slow", scenario.name], draws=20, seed=1)
    assert seen == [(scenario.parameters["ratio_untreated"].distribution, 20)]
    assert list(paces.programmes) == [scenario.name, "agreement_slow"]
    assert paces.programmes["agreement_slow"].coverage < paces.programmes[scenario.name].coverage


def test_a_target_that_comes_by_itself_costs_nothing_and_is_said_to(scenario, found, paces):
    unplanned = found.programme.coverage_unplanned
    text = str(bargain.solutions(scenario, found, paces, EN, target=unplanned - 0.01, kappa=1.0))
    assert "needs no agreement" in text
    assert EN.percent(unplanned) in text
    beyond = str(bargain.solutions(scenario, found, paces, EN, target=unplanned + 0.05, kappa=1.0))
    assert "needs no agreement" not in beyond
    assert EN.percent(unplanned) in beyond, "what comes without an agreement stands beside"


def test_no_least_outlay_is_told_where_the_target_is_reached_with_another_strategy(scenario, found, paces):
    told = EN("least_refused", new="", in_use="")[:40]
    assert told not in bargain.solutions(scenario, found, paces, EN, target=0.9, kappa=1.0)
    over = replace(scenario, case=scenario.case.model_copy(update={"in_use": scenario.case.comparator}))
    said = bargain.solutions(over, found, paces, EN, target=0.9, kappa=1.0)
    assert told in said
    assert "target of" not in said.replace("a target of coverage", "")


def test_what_a_party_pays_less_is_not_told_as_more_with_a_minus(scenario, found):
    scores = found.scores.copy()
    scores.loc[found.own, ["regions", "regions_lower", "regions_upper"]] = [-3e6, -5e6, 1e6]
    said = agreement.agreement_headline(scenario, replace(found, scores=scores), EN)
    assert "The regions pay 3.0 (\u22121.0 to 5.0) MSEK less" in said


ANSWERS = [
    ("least", True, "", 0.4),
    ("least", True, "", 0.0),
    ("least", True, "unplanned", 0.0),
    ("least", False, "coverage", 1.0),
    ("least", False, "region", 1.0),
    ("nash", True, "", 0.4),
    ("nash", True, "", 0.0),
    ("nash", False, "region", 0.4),
    ("nash", False, "state", 0.4),
]


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize(("key", "feasible", "reason", "share"), ANSWERS)
def test_every_answer_of_the_solver_has_its_sentence(found, paces, language, key, feasible, reason, share):
    pace = "" if reason == "unplanned" else next(iter(paces.programmes))
    solution = Solution(feasible, reason, pace, share, 1e6, 0.5, 0.7, "01", 0.4)
    text = bargain._told(key, solution, found, paces, Words(language), target="75 %", kappa="1")
    assert "{" not in text
    free = key == "least" and reason == "" and share == 0
    assert (text == Words(language)("least_free", **_filled(solution, found, paces, Words(language)))) == free


def _filled(solution, found, paces, words):
    label = paces.labels.get(solution.pace)
    return {
        "pace": words("quoted", text=words.label(label)) if label else "",
        "state": words.msek(solution.state),
        "p_all": words.probability(solution.p_all),
        "coverage": words.percent(solution.coverage),
        "unplanned": words.percent(found.programme.coverage_unplanned),
        "tolerance": limit_words(found, words),
        "year": str(found.years[-1]),
        "target": "75 %",
    }


def test_the_limit_is_of_one_year_and_comes_from_the_parameters(scenario, found):
    assert found.tolerance == pytest.approx(scenario.parameters["participation_limit"].distribution.mean)
    assert found.epsilon == pytest.approx(found.tolerance * len(found.years))
    per_head = found.outcomes[found.own].by_region / found.programme.people / len(found.years)
    assert found.scores.loc[found.own, "p_all"] == pytest.approx(np.mean((per_head <= found.tolerance).all(axis=1)))


def test_designs_alike_stand_in_the_order_of_their_names_whatever_rounding_does():
    scores = pd.DataFrame({"state": [5e6, 3e6 + 1e-7, 3e6]}, index=pd.Index(["c", "a", "b"], name="design"))
    assert agreement._in_order(scores, "state").index.tolist() == ["a", "b", "c"]
