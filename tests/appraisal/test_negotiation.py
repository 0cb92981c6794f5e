"""Agreements scored and solved for on the shipped case, with crude draws."""

import numpy as np
import pandas as pd
import pytest

from pmbudget.appraisal import negotiation
from pmbudget.appraisal.negotiation import (
    least_state_outlay,
    nash_agreement,
    participation_map,
    programme_of,
    scaled_to,
    score_agreement,
)
from pmbudget.appraisal.scoring import cvar, pareto
from pmbudget.appraisal.settled import outcome
from pmbudget.inputs import load_scenario
from pmbudget.inputs.clauses import Grant, Match, NationalSplit, Taper
from pmbudget.inputs.parameters import Text
from pmbudget.road import agreement_start, evaluate_draws

LABEL = Text(sv="Prov", en="Trial")
SPLIT = NationalSplit(clause="national_split", name="split", label=LABEL, by="population")


def made_of(scenario, results, **chosen):
    return programme_of(
        results,
        regions=scenario.regions.assign(tax_base=250_000 * scenario.regions["tax_capacity"]),
        start=agreement_start(scenario),
        new=scenario.case.new,
        standing=scenario.standing.clauses,
        **chosen,
    )


@pytest.fixture(scope="module")
def programme(scenario, results):
    return made_of(scenario, results)


@pytest.fixture(scope="module")
def slower(shipped, crude_draws):
    scenario = load_scenario("agreement_slow", shipped)
    return made_of(scenario, evaluate_draws(scenario, crude_draws(scenario, 100)))


def new_cost(share):
    """The state takes a share of all that is above today's use."""
    return [
        Match(clause="match", name="share", label=LABEL, covers="all", share=share, additional=True, to="region"),
        SPLIT,
    ]


def grant(amount):
    return [Grant(clause="grant", name="grant", label=LABEL, amount=amount, ends=5), SPLIT]


def test_a_score_is_the_settled_ledger_of_the_road(scenario, results, programme):
    score = score_agreement(programme, {"own": scenario.agreement.clauses}).loc["own"]
    net = results.net_budget("unplanned").sel(year=scenario.years[:5]).sum("year")
    state = net.sel(payer="state").sum("region")
    regions = net.sel(payer=["region", "clinic", "diagnostic_unit"], region=list(scenario.regions.index)).sum("payer")
    per_head = regions / scenario.regions["population"].to_xarray().rename(code="region")
    assert score["state"] == pytest.approx(float(state.mean()))
    assert score["regions"] == pytest.approx(float(regions.sum("region").mean()))
    assert [score["state_lower"], score["state_upper"]] == pytest.approx(np.quantile(state, [0.025, 0.975]))
    assert score["p_all"] == pytest.approx(float((per_head <= 0).all("region").mean()))
    assert score["worst"] == pytest.approx(float(per_head.mean("draw").max()))
    assert score["worst_region"] == per_head.mean("draw").to_series().idxmax()


def test_money_moves_and_is_never_lost(programme):
    designs = {"none": [SPLIT], "grant": grant(10), "share": new_cost(0.5)}
    scores = score_agreement(programme, designs)
    together = scores[["state", "regions", "others"]].sum(axis=1)
    assert together.to_numpy() == pytest.approx(np.full(3, together["none"]))
    assert scores.loc["grant", "state"] > scores.loc["none", "state"]


def test_a_grant_per_inhabitant_moves_no_incentive_and_ends_in_a_cliff(programme):
    score = score_agreement(programme, {"grant": grant(10)}).loc["grant"]
    assert score["marginal"] == pytest.approx(0, abs=1e-9)
    assert score["cliff"] == pytest.approx(10e6, rel=0.15), "nominal, so somewhat less at the price level of the year"
    assert score["early_movers"] == 0


def test_what_is_new_rewards_those_who_have_not_begun(programme):
    score = score_agreement(programme, {"share": new_cost(0.7)}).loc["share"]
    assert score["marginal"] > 0.3
    assert score["early_movers"] < 0


def test_precedents_are_scaled_to_the_same_outlay(programme):
    base = score_agreement(programme, {"none": [SPLIT]}).loc["none", "state"]
    clauses, factor = scaled_to(programme, grant(100), 20e6)
    assert score_agreement(programme, {"scaled": clauses}).loc["scaled", "state"] - base == pytest.approx(20e6)
    assert factor < 0.1
    with pytest.raises(ValueError, match="the state pays nothing"):
        scaled_to(programme, [SPLIT], 1e6)


def test_cvar_is_the_mean_of_the_worst_twentieth():
    assert cvar(np.arange(100.0)) == pytest.approx(97)


def test_the_pareto_front_holds_what_nothing_beats():
    scores = pd.DataFrame(
        {"state": [1, 2, 3, 3], "worst": [5, 3, 4, 3], "p_all": [0.1, 0.5, 0.5, 0.5]}, index=list("abcd")
    )
    assert pareto(scores, least=("state", "worst"), most=("p_all",)).to_dict() == {
        "a": True,
        "b": True,
        "c": False,
        "d": False,
    }


def test_the_least_outlay_brings_all_regions_along(programme, slower):
    found = least_state_outlay({"even": programme, "slow": slower}, new_cost, target=0.3, epsilon=8.0)
    assert found.feasible
    assert found.p_all >= 0.9
    below = outcome({"even": programme, "slow": slower}[found.pace], new_cost(found.share - 0.02))
    per_head = below.by_region / programme.people
    assert float((per_head <= 8.0).all(axis=1).mean()) < 0.9, "a smaller share would not do"


def test_more_patience_costs_the_state_less(programme):
    patient, eager = (least_state_outlay({"even": programme}, new_cost, target=0.3, epsilon=e) for e in (12.0, 5.0))
    assert patient.state < eager.state


def test_a_coverage_beyond_every_pace_is_infeasible(programme, slower):
    found = least_state_outlay({"even": programme, "slow": slower}, new_cost, target=0.99)
    assert (found.feasible, found.reason) == (False, "coverage")
    assert found.coverage == max(programme.coverage, slower.coverage)


def test_regions_that_no_share_brings_along_are_infeasible_and_named(programme):
    found = least_state_outlay(
        {"even": programme},
        lambda share: [
            Taper(clause="taper", name="t", label=LABEL, covers="transition", share=0.1 * share, years=5),
            SPLIT,
        ],
        target=0.3,
    )
    assert (found.feasible, found.reason) == (False, "region")
    assert found.binding in programme.regions.index
    assert found.p_binding < 0.9
    assert found.share == 1.0


def test_a_nash_agreement_is_better_for_all_or_says_who_stands_in_the_way(programme):
    rich = nash_agreement({"even": programme}, new_cost, kappa=1e4, shares=np.linspace(0, 1, 11))
    poor = nash_agreement({"even": programme}, new_cost, kappa=0.0, shares=np.linspace(0, 1, 11))
    assert not poor.feasible, "money alone is a sum below zero"
    if float(programme.health.min()) > 0:
        assert rich.feasible
    assert poor.binding == "state" or poor.binding in programme.regions.index


def test_the_map_rises_with_the_state_s_share(programme, slower):
    found = participation_map({"even": programme, "slow": slower}, new_cost, shares=(0.0, 0.5, 1.0), epsilon=5.0)
    assert found.shape == (2, 3)
    assert bool((np.diff(found.to_numpy(), axis=1) >= 0).all())


def test_years_outside_the_evaluation_are_refused(scenario, results):
    with pytest.raises(ValueError, match="leaves no year"):
        programme_of(results, regions=scenario.regions, start=2080, new=scenario.case.new)


def test_everything_promised_is_exported():
    assert set(negotiation.__all__) >= {"score_agreement", "least_state_outlay", "nash_agreement"}
