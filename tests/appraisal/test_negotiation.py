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
    scaled,
    scaled_to,
    score_agreement,
)
from pmbudget.appraisal.scoring import by_draw, cvar, leaders, pareto
from pmbudget.appraisal.settled import moved_by_today, outcome
from pmbudget.inputs import load_scenario
from pmbudget.inputs.clauses import (
    Corridor,
    GainShare,
    Grant,
    Match,
    MoneyBack,
    NationalSplit,
    PerUnit,
    StopLoss,
    Taper,
)
from pmbudget.inputs.parameters import Text
from pmbudget.road import evaluate_draws

LABEL = Text(sv="Prov", en="Trial")
SPLIT = NationalSplit(clause="national_split", name="split", label=LABEL, by="population")


def made_of(scenario, results, **chosen):
    return programme_of(
        results.reach,
        results.settlement,
        regions=scenario.regions.assign(tax_base=250_000 * scenario.regions["tax_capacity"]),
        start=scenario.agreement_start,
        broad=scenario.case.broad,
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
    net = results.settlement.net_budget("unplanned").sel(year=scenario.years[:5]).sum("year")
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


def test_scaling_takes_every_sum_of_money_and_nothing_else():
    common = {"name": "one", "label": LABEL}
    band = {"clause": "corridor", "covers": "all", "agreed": 10.0, "tolerance": 0.1, "above": 0.5, "below": 0.5}
    given = [
        Grant(clause="grant", amount=(10.0, 20.0), cap=5.0, **common),
        PerUnit(clause="per_unit", unit="tested", price=3.0, at_most=2.0, complete=0.5, **common),
        Corridor(**band, **common),
        Corridor(**band, spread=0.03, **common),
        GainShare(clause="gain_share", covers="all", share=0.5, threshold=4.0, **common),
        StopLoss(clause="stop_loss", covers="all", layers=({"above": 1.0, "share": 0.5},), **common),
        Match(clause="match", covers="all", share=0.5, cap_per_inhabitant=6.0, **common),
    ]
    grant, unit, own, whole, gain, loss, match = scaled(given, 2.0)
    assert (grant.amount, grant.cap) == ((20.0, 40.0), 10.0)
    assert (unit.price, unit.at_most, unit.complete) == (6.0, 4.0, 0.5)
    assert (own.agreed, own.tolerance, own.above) == (20.0, 0.1, 0.5)
    assert whole.agreed == 10.0, "the sum of a whole appropriation is not the case's to scale"
    assert (gain.threshold, gain.share) == (8.0, 0.5)
    assert (loss.layers[0].above, loss.layers[0].share) == (2.0, 0.5)
    assert match.cap_per_inhabitant == 12.0
    (worth,) = scaled([given[1].model_copy(update={"at_most": "worth"})], 2.0)
    assert (worth.price, worth.at_most) == (6.0, "worth"), "what a row is worth is no sum to scale"


def test_what_is_not_paid_in_proportion_cannot_be_scaled(programme):
    peaks = StopLoss(
        clause="stop_loss", name="p", label=LABEL, covers="transition", layers=({"above": 0.5, "share": 0.5},)
    )
    with pytest.raises(ValueError, match="set the sums by hand"):
        scaled_to(programme, [peaks, SPLIT], 5e6)


def test_the_draws_that_designs_are_compared_by_have_the_scores_as_means(programme):
    designs = {"none": [SPLIT], "grant": grant(10), "share": new_cost(0.5)}
    scores = score_agreement(programme, designs, epsilon=5.0)
    for name, clauses in designs.items():
        for measure, values in by_draw(programme, clauses, 5.0).items():
            assert float(values.mean()) == pytest.approx(scores.loc[name, measure]), (name, measure)


def test_leaders_are_the_best_and_those_that_cannot_be_told_from_it():
    rng = np.random.default_rng(1)
    base = rng.normal(size=400)
    values = {"low": base, "lowest": base - 1, "like": base - 1 + 1e-3 * rng.normal(size=400), "other": base[::-1]}
    assert set(leaders(values, largest=False)) == {"lowest", "like"}
    assert leaders({"a": base, "b": base - 1}, largest=True) == ["a"]
    printed = {"a": 0.0 * base + 10.04, "b": 0.0 * base + 9.96, "c": 0.0 * base + 9.94}
    assert leaders(printed, largest=True, step=0.1) == ["a", "b"]
    noise = np.random.default_rng(1).normal(size=base.shape)
    unsure = {"best": 0.0 * base + 10.2, "tied": 10.04 + noise, "looks_like_tied": 0.0 * base + 10.02}
    assert set(leaders(unsure, largest=True, step=0.1)) == set(unsure)
    assert set(leaders(unsure, largest=True)) == {"best", "tied"}
    sure, unsure = np.r_[np.ones(60), np.zeros(40)], np.r_[np.ones(20), np.zeros(80)]
    assert leaders({"sure": sure, "unsure": unsure}, largest=True, order=False) == ["sure"]


@pytest.mark.parametrize(("additional", "moves"), [(False, True), (True, False)])
def test_a_refund_of_all_drugs_moves_money_for_use_today(programme, additional, moves):
    refund = MoneyBack(
        clause="money_back",
        name="back",
        label=LABEL,
        covers="benefit_drugs",
        refund=0.5,
        response=0.6,
        additional=additional,
    )
    moved = moved_by_today(programme, [refund, SPLIT])
    assert (moved < -1e6) == moves
    assert moves or moved == pytest.approx(0)
    before, after = (float(outcome(programme, one).by_region.sum(axis=1).mean()) for one in ([SPLIT], [refund, SPLIT]))
    assert after < before


def test_a_target_that_comes_by_itself_needs_no_outlay(programme):
    found = least_state_outlay({"even": programme}, new_cost, target=programme.coverage_unplanned)
    assert (found.feasible, found.reason, found.state, found.pace) == (True, "unplanned", 0.0, "")
    above = least_state_outlay({"even": programme}, new_cost, target=programme.coverage_unplanned + 1e-6, epsilon=20.0)
    assert (above.reason, above.pace) == ("", "even")


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


def beyond(programme):
    """A target of coverage that does not come by itself."""
    return programme.coverage_unplanned + 1e-6


def test_the_least_outlay_brings_all_regions_along(programme, slower):
    found = least_state_outlay({"even": programme, "slow": slower}, new_cost, target=beyond(programme), epsilon=4.0)
    assert found.feasible
    assert found.p_all >= 0.9
    below = outcome({"even": programme, "slow": slower}[found.pace], new_cost(found.share - 0.02))
    per_head = below.by_region / programme.people
    assert float((per_head <= 4.0).all(axis=1).mean()) < 0.9, "a smaller share would not do"


def test_more_patience_costs_the_state_less(programme):
    patient, eager = (
        least_state_outlay({"even": programme}, new_cost, target=beyond(programme), epsilon=e) for e in (8.0, 3.0)
    )
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
        target=beyond(programme),
        epsilon=1.0,
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
        programme_of(results.reach, results.settlement, regions=scenario.regions, start=2080, broad=scenario.case.broad)


def test_everything_promised_is_exported():
    assert set(negotiation.__all__) >= {"score_agreement", "least_state_outlay", "nash_agreement"}
