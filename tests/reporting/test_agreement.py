"""Chapter 06: sentences, tables and figures from one negotiation, in both languages."""

import re

import pytest

from pmbudget.appraisal.settled import Programme
from pmbudget.reporting import agreement, bargain, phases, settlement
from pmbudget.reporting.figures import Picture
from pmbudget.reporting.words import Words


@pytest.fixture(scope="module")
def found(scenario, results):
    return agreement.negotiation(scenario, results, tolerance=5.0)


def parts(scenario, results, found, words):
    programmes = {scenario.name: found.programme}
    return [
        agreement.agreement_headline(scenario, found, words),
        agreement.money_table(found, words),
        agreement.property_table(scenario, found, words),
        agreement.front_chart(found, words),
        agreement.losers_chart(scenario, found, words),
        settlement.silo_table(scenario, results, words),
        settlement.region_money(scenario, results, found, words),
        settlement.incentive_table(found, results, scenario, words),
        settlement.state_by_year(found, words),
        bargain.solutions(found, programmes, scenario, words, target=0.3, kappa=1.0),
        bargain.map_table(found, programmes, scenario, words),
        phases.phases_table(scenario, results, words),
        phases.infrastructure_table(scenario, found, words),
    ]


@pytest.mark.parametrize("language", ["sv", "en"])
def test_the_chapter_is_written_in_both_languages(scenario, results, found, language):
    for part in parts(scenario, results, found, Words(language)):
        text = part.alt if isinstance(part, Picture) else str(part)
        assert text
        assert not re.search(r"\bnan\b", text)
        assert "{" not in text


def test_designs_of_whole_fields_are_laid_down_at_the_same_outlay(found):
    scaled = [name for name, one in found.agreements.items() if one.precedent_sums]
    assert set(found.factors) == set(scaled)
    assert found.scores.loc[scaled, "state"].to_numpy() == pytest.approx(found.scores.loc[found.own, "state"])


def test_the_best_design_for_an_aim_is_the_best_of_those_that_cost_no_more(found):
    best = agreement.best_for(found)
    pool = found.scores[
        (found.scores["state"] <= found.scores["state"][found.own] + 1) & (found.scores["others"].abs() <= 1)
    ]
    assert found.scores.loc[best["participation"], "p_all"] == pool["p_all"].max()
    assert found.scores.loc[best["worst"], "worst"] == pool["worst"].min()


def test_the_headline_holds_the_scored_figures(scenario, found):
    text = str(agreement.agreement_headline(scenario, found, Words("en")))
    assert Words("en").msek(found.scores.loc[found.own, "state"]) in text
    assert "Tapered state share" in text


def test_without_an_agreement_there_is_nothing_to_negotiate(unplanned, results):
    assert agreement.negotiation(unplanned, results, tolerance=5.0) is None
    text = str(agreement.agreement_headline(unplanned, None, Words("en")))
    assert "no agreement" in text


def test_other_paces_are_evaluated_with_the_same_case(monkeypatch, scenario, results, crude_draws):
    from pmbudget.road import evaluate_draws

    monkeypatch.setattr(bargain, "evaluate", lambda one, draws, seed: evaluate_draws(one, crude_draws(one, 20)))
    programmes = bargain.programmes_at(scenario, results, ["agreement_slow", scenario.name], draws=20, seed=1)
    assert list(programmes) == [scenario.name, "agreement_slow"]
    assert all(isinstance(one, Programme) for one in programmes.values())
    assert programmes["agreement_slow"].coverage < programmes[scenario.name].coverage


def test_the_phases_tell_what_the_switch_moves(scenario, results):
    kept, moved = (
        str(phases.phases_table(scenario, results, Words("en"), provider_may_receive=allowed))
        for allowed in (False, True)
    )
    assert "Project money from Vinnova" in moved
    assert kept != moved
