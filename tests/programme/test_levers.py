from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import special

from pmbudget.inputs import load_scenario
from pmbudget.programme.levers import pull, require
from pmbudget.questions import lever_effects
from pmbudget.road import evaluate_draws, parameter_draws, pulled

LABEL = {"sv": "spak", "en": "lever"}
SOURCE = {"title": "none"}


@pytest.fixture
def lever(scenario):
    kind = type(next(iter(scenario.case.levers.values())))

    def of(*effects):
        named = [dict(zip(("parameter", "how", "size"), effect, strict=True)) for effect in effects]
        return kind(label=LABEL, effects=named, evidence="assumption", source=SOURCE)

    return of


DRAWS = xr.Dataset({"x": ("draw", [0.2, 0.5]), "half": 0.5, "one": 1.0, "none": 0.0, "more": ("draw", [0.3, -0.3])})


@pytest.mark.parametrize(
    ("how", "size", "expected"),
    [
        ("factor", "half", [0.1, 0.25]),
        ("add", "more", [0.5, 0.2]),
        ("logit", "more", special.expit(special.logit([0.2, 0.5]) + np.array([0.3, -0.3]))),
        ("factor", "one", [0.2, 0.5]),
        ("add", "none", [0.2, 0.5]),
        ("logit", "none", [0.2, 0.5]),
    ],
)
def test_an_effect_is_what_it_says(lever, how, size, expected):
    moved = pull(DRAWS, {"a": lever(("x", how, size))}, ["a"])
    assert moved["x"].to_numpy() == pytest.approx(np.asarray(expected))
    assert float(moved["half"]) == 0.5
    assert moved.sizes["draw"] == 2


def test_levers_act_one_on_the_other_and_only_when_on(lever):
    levers = {"a": lever(("x", "factor", "half")), "b": lever(("x", "add", "half"))}
    assert pull(DRAWS, levers, ["a", "b"])["x"].to_numpy() == pytest.approx([0.6, 0.75])
    assert pull(DRAWS, levers, ["b"])["x"].to_numpy() == pytest.approx([0.7, 1.0])
    assert pull(DRAWS, levers, []) is DRAWS


def test_draws_remember_their_levers_and_have_them_pulled_once(lever):
    levers = {"a": lever(("x", "factor", "half")), "b": lever(("x", "add", "half"))}
    once = pull(DRAWS, levers, ["a"])
    require(once, ["a"])
    assert pull(once, levers, ["a"]) is once
    for others in (["b"], ["a", "b"], []):
        with pytest.raises(ValueError, match=f"levers a are pulled already and {', '.join(others) or 'none'} wanted"):
            pull(once, levers, others)


@pytest.mark.parametrize(("on", "wanted"), [(["a"], []), (["a"], ["b"]), ([], ["b"]), (["a", "b"], ["b", "a"])])
def test_draws_with_other_levers_are_refused(lever, on, wanted):
    levers = {"a": lever(("x", "factor", "half")), "b": lever(("x", "add", "half"))}
    said = f"on these draws: {', '.join(on) or 'none'}; the scenario has {', '.join(wanted) or 'none'}"
    with pytest.raises(ValueError, match=said):
        require(pull(DRAWS, levers, on), wanted)


def test_every_lever_s_prior_includes_no_effect(scenario):
    nothing = {"factor": 1.0, "add": 0.0, "logit": 0.0}
    for lever in scenario.case.levers.values():
        for effect in lever.effects:
            low, high = scenario.parameters[effect.size].distribution.interval
            assert low <= nothing[effect.how] + 0.01
            assert high >= nothing[effect.how]


@pytest.fixture(scope="module")
def moved(shipped, results, crude_fits):
    with crude_fits():
        even, gated = (load_scenario(name, shipped) for name in ("agreement_even", "agreement_gated"))
        waited_for = {name: gated.case.levers[name] for name in ("consent", "early_secondary_use")}
        gated = replace(gated, case=gated.case.model_copy(update={"levers": waited_for}))
        return {
            "agreement_even": lever_effects(even, results, draws=20)["mean"],
            "agreement_gated": lever_effects(gated, results, draws=100)["mean"],
        }


@pytest.mark.parametrize(
    ("lever", "figure", "sign"),
    [
        ("outcome_based_pay", "outside", -1),
        ("outcome_based_pay", "net", -1),
        ("shared_it", "qaly", 1),
        ("academia_care_bridge", "tested", 1),
        ("common_steering", "spread", -1),
        ("digital_pathology", "posts", -1),
        ("industry_cofunding", "net_regions", -1),
    ],
)
def test_each_lever_moves_its_figure_in_its_direction(moved, lever, figure, sign):
    assert sign * moved["agreement_even"].loc[lever, figure] > 1e-6


@pytest.mark.parametrize("lever", ["consent", "early_secondary_use"])
def test_better_follow_up_makes_the_decision_on_waves_right_more_often(moved, lever):
    assert moved["agreement_gated"].loc[lever, "right"] > 1e-3


def test_what_a_lever_costs_is_of_the_scenario_as_its_tests_are(shipped, results, crude_fits):
    """A lever that moves today's use too: the cost moves with the patients of the same world."""
    even = load_scenario("agreement_even", shipped)
    with crude_fits():
        moved = lever_effects(even, results, draws=20)["mean"]
        table = parameter_draws(even, draws=20)
        on, off = (
            evaluate_draws(one, pulled(one, table)) for one in (even.with_levers("shared_it"), even.with_levers())
        )
    cost = [one.settlement.budget.sel(mix="new").sum(["region", "year", "payer"]).mean("draw") for one in (on, off)]
    assert moved.loc["shared_it", "net"] == pytest.approx(float(cost[0] - cost[1]))


def test_co_funding_moves_money_and_saves_none(moved):
    assert abs(moved["agreement_even"].loc["industry_cofunding", "net"]) < 1


def test_better_follow_up_moves_nothing_where_nothing_waits_for_it(moved):
    assert moved["agreement_even"].loc["consent"].abs().max() == 0
