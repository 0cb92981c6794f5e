from dataclasses import replace

import numpy as np
import pytest

from pmbudget.appraisal import net_monetary_benefit
from pmbudget.evidence.draws import draw_parameters
from pmbudget.inputs import load_scenario
from pmbudget.inputs.prices import currency_of
from pmbudget.programme.reach import belief_before
from pmbudget.questions import (
    assumption_shares,
    budget_tornado,
    drivers,
    importance,
    patient_parameters,
    threshold_map,
    tornado,
)
from pmbudget.questions.parameters import learnable_parameters
from pmbudget.road import evaluate_draws, pulled, recipe, walk

WTP = 1_000_000


def graded(scenario, grade_of):
    parameters = {
        name: replace(
            one,
            record=one.record.model_copy(
                update={"evidence": grade_of(one), "price_year_evidence": None, "interval_evidence": None}
            ),
        )
        for name, one in scenario.parameters.items()
    }
    return replace(scenario, parameters=replace(scenario.parameters, parameters=parameters))


@pytest.fixture(scope="module")
def walked(scenario, table):
    return evaluate_draws(scenario, table.isel(draw=slice(200)))


def test_assumption_shares_lie_between_0_and_1(scenario, walked, without_pymc):
    shares = assumption_shares(scenario, walked, wtp=WTP)
    assert set(shares) == {"variance_today", "variance_unplanned", "variance_inmb", "cost", "cost_patient"}
    assert all(0 <= share <= 1 for share in shares.values())
    assert 0 < shares["cost"] < 1


def test_where_all_is_assumed_all_rests_on_assumptions(scenario, walked, without_pymc):
    shares = assumption_shares(graded(scenario, lambda one: "assumption"), walked, wtp=WTP)
    assert (shares["cost"], shares["variance_inmb"]) == pytest.approx((1, 1), rel=1e-9)


def test_where_every_price_is_assumed_all_cost_rests_on_assumptions(scenario, walked, without_pymc):
    def grade_of(one):
        return "assumption" if currency_of(one.unit) else "published"

    shares = assumption_shares(graded(scenario, grade_of), walked, wtp=WTP)
    assert shares["cost"] == pytest.approx(1, rel=1e-9)
    assert shares["variance_inmb"] < 0.9


def test_an_assumed_interval_counts_in_variance_and_not_in_cost(scenario, walked, without_pymc):
    published = graded(scenario, lambda one: "published")
    parameters = {
        name: replace(one, record=one.record.model_copy(update={"interval_evidence": "assumption"}))
        for name, one in published.parameters.items()
    }
    spread = replace(published, parameters=replace(published.parameters, parameters=parameters))
    shares = assumption_shares(spread, walked, wtp=WTP)
    assert (shares["cost"], shares["variance_inmb"]) == pytest.approx((0, 1), rel=1e-9)


def test_where_nothing_is_assumed_nothing_rests_on_assumptions(scenario, walked, without_pymc):
    shares = assumption_shares(graded(scenario, lambda one: "published"), walked, wtp=WTP)
    assert shares["cost"] == 0
    assert shares["variance_inmb"] < 0.3


@pytest.fixture(scope="module")
def bars(scenario, results, crude_fits):
    with crude_fits():
        return tornado(scenario, results, wtp=WTP)


def gain(results):
    benefit = net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, WTP)
    return (benefit.sel(strategy="panel_safety_net") - benefit.sel(strategy="sequential")).to_numpy()


def test_the_tornado_is_widest_first(bars):
    assert (bars["high"] - bars["low"]).abs().is_monotonic_decreasing


def test_the_tornado_stands_on_the_result_at_the_means(bars, scenario, crude_draws):
    at_means = crude_draws(scenario, 4000).mean("draw").expand_dims(draw=1)
    assert bars["base"].to_numpy() == pytest.approx(gain(evaluate_draws(scenario, at_means))[0], rel=1e-9)


def test_a_bar_is_the_result_at_the_ends_of_its_interval(bars, scenario, crude_draws):
    draws = crude_draws(scenario, 4000)
    means = draws.mean("draw").expand_dims(draw=2)
    name = bars.index[0]
    ends = draws[name].quantile([0.025, 0.975]).to_numpy()
    found = gain(evaluate_draws(scenario, means.copy().assign({name: ("draw", ends)})))
    assert bars.loc[name, ["low", "high"]].to_numpy(float) == pytest.approx(found, rel=1e-9)


def test_the_tornado_holds_the_patient_s_parameters_alone(bars, scenario):
    assert not {scenario.case.uptake.today, scenario.case.eligible.incident} & set(bars.index)
    assert "cost_panel" in bars.index


def test_importance_holds_the_patient_s_parameters_alone(scenario, results, without_pymc):
    shares = importance(scenario, results, wtp=WTP)
    assert not {scenario.case.uptake.today, scenario.case.eligible.incident} & set(shares.index)
    assert {"cost_panel", "turnaround_panel"} <= set(shares.index)
    assert shares["share"].is_monotonic_decreasing


def test_importance_finds_what_the_tornado_finds(scenario, results, bars, without_pymc):
    assert set(importance(scenario, results, wtp=WTP).index[:2]) & set(bars.index[:3])


NAMES = ("turnaround_panel", "cost_panel")


@pytest.fixture
def surface(scenario, results, without_pymc):
    return threshold_map(scenario, results, NAMES, wtp=WTP, steps=3, few=10)


def test_the_map_stands_on_the_whole_expectation(scenario, results, surface, table):
    # The same few draws with the two parameters held; the difference to all draws is added everywhere.
    few = table.isel(draw=slice(10))
    held = few.assign({name: few[name] * 0 + surface[name].to_numpy()[1] for name in NAMES})
    benefit = gain(results)
    expected = gain(evaluate_draws(scenario, held)).mean() + benefit.mean() - benefit[:10].mean()
    assert float(surface[1, 1]) == pytest.approx(expected, rel=1e-9)


def test_the_map_spans_the_intervals_of_its_parameters(surface, table):
    for name in NAMES:
        ends = table[name].quantile([0.025, 0.975]).to_numpy()
        assert surface[name].to_numpy()[[0, -1]] == pytest.approx(ends)


def test_the_map_is_a_straight_line_in_a_price(surface):
    steps = np.diff(surface.to_numpy(), axis=1)
    assert steps[:, 0] == pytest.approx(steps[:, 1], rel=1e-9)
    assert (steps < 0).all()


@pytest.mark.parametrize("name", ["no_such", "discount_rate_cost", "coverage_deviation"])
def test_a_map_needs_parameters_that_are_one_uncertain_number(scenario, results, name, without_pymc):
    with pytest.raises(ValueError, match=name):
        threshold_map(scenario, results, ("cost_panel", name), wtp=WTP)


# The budget's tornado


@pytest.fixture(scope="module")
def budget_bars(scenario, results, crude_fits):
    with crude_fits():
        return budget_tornado(scenario, results, reference="today", years=scenario.years)


def spent(results):
    return results.settlement.net_budget("today").sum(["region", "year", "payer"]).to_numpy()


def test_the_budget_s_tornado_stands_on_expected_persons_at_the_means(budget_bars, scenario, crude_draws):
    at_means = crude_draws(scenario, 4000).mean("draw").expand_dims(draw=1)
    assert budget_bars["base"].to_numpy() == pytest.approx(spent(walk(scenario, at_means, rngs=None))[0], rel=1e-9)


def test_the_budget_s_tornado_holds_the_programme_s_parameters_too(budget_bars, scenario):
    uptake = scenario.case.uptake
    assert {uptake.today, uptake.agreement_effect, scenario.case.eligible.incident} <= set(budget_bars.index)


def test_more_of_today_s_use_leaves_less_to_introduce(budget_bars, scenario):
    bar = budget_bars.loc[scenario.case.uptake.today]
    assert bar["high"] < bar["base"] < bar["low"]


def test_an_index_is_never_between_two_places(scenario, results, without_pymc, monkeypatch):
    [index] = [name for name, one in scenario.parameters.items() if one.is_index]

    def drawn(*given, **more):
        table = draw_parameters(*given, **more)
        return table.assign({index: ("draw", np.arange(table.sizes["draw"]) % 2 * 2.0)})

    monkeypatch.setattr(recipe, "draw_parameters", drawn)
    names, rows = drivers._one_way(scenario, 1)
    assert index in names
    assert set(np.unique(rows[index])) == {0.0, 2.0}
    other = next(name for name in names if name != index)
    surface = threshold_map(scenario, results, (index, other), wtp=WTP, steps=3, few=4)
    assert surface.sizes == {index: 2, other: 3}
    assert not bool(surface.isnull().any())


@pytest.fixture(scope="module")
def shared(scenario):
    """The scenario with a lever on that moves the patient's pathway."""
    return scenario.with_levers("shared_it")


@pytest.fixture(scope="module")
def shared_results(shared, table):
    return evaluate_draws(shared, pulled(shared, table.isel(draw=slice(200))))


def test_importance_is_of_the_model_with_its_levers_on(shared, shared_results, without_pymc):
    sizes = {effect.size for effect in shared.case.levers["shared_it"].effects}
    assert sizes & set(importance(shared, shared_results, wtp=WTP).index)
    assert not sizes & set(importance(shared.with_levers(), shared_results, wtp=WTP).index)


def test_the_map_is_of_the_model_with_its_levers_on(shared, shared_results, without_pymc, table):
    axes = ("cost_panel", "prevalence_egfr")
    surface = threshold_map(shared, shared_results, axes, wtp=WTP, steps=2, few=5)
    held = {name: ("draw", np.full(5, float(surface[name][0]))) for name in axes}
    here = gain(evaluate_draws(shared, pulled(shared, table.isel(draw=slice(5)).assign(held))))
    there = gain(shared_results)
    assert float(surface[0, 0]) == pytest.approx(here.mean() + there.mean() - there[:5].mean())


def test_a_gate_believes_the_same_in_a_tornado_as_in_the_scenario(
    shipped, results, crude_draws, without_pymc, monkeypatch
):
    gated, told = load_scenario("agreement_gated", shipped), []
    monkeypatch.setattr(
        drivers, "walk", lambda one, rows, belief, relief: told.append(belief) or walk(one, rows, belief=belief)
    )
    budget_tornado(gated, results, reference="today", years=gated.years)
    assert set(told) == {belief_before(gated, crude_draws(gated, 500))}


def test_parameters_that_the_patient_s_model_does_not_read_are_nothing_to_learn(scenario, table):
    read = patient_parameters(scenario, table)
    assert "cost_panel" in read
    assert not {scenario.case.uptake.today, *(one.fixed_cost for one in scenario.case.research.studies.values())} & set(
        read
    )
    varying = [name for name in read if np.ptp(table[name].to_numpy()) > 0]
    # Of those who start later, tests and staff have other prices too; where drugs' prices are dated, when they fall is worth knowing.
    prices = scenario.case.prices
    moving = {prices.trend, prices.learning, prices.years_before, prices.wage_growth}
    static = set(learnable_parameters(scenario.with_prices("static"), table)["parameter"].to_numpy())
    assert static == {*varying, *moving}
    dates = {path.exclusivity_ends for path in scenario.price_paths.values()}
    learnable = set(learnable_parameters(scenario, table)["parameter"].to_numpy())
    assert dates <= learnable - static
    assert static <= learnable
