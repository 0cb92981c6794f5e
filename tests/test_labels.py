"""Labels are joined exactly at every public edge: a permuted order is aligned, a missing or misspelt label is a fault."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pmbudget import appraisal, patient
from pmbudget.appraisal.equity import distributional_nmb
from pmbudget.evidence.studies import NormalStudy
from pmbudget.financing import settle
from pmbudget.patient import survival
from pmbudget.programme import budget_impact, starts
from pmbudget.programme.offsets import offsets
from pmbudget.programme.reach import access
from pmbudget.vocabulary import matched

RNG = np.random.default_rng(5)
STRATEGIES = ["a", "b", "c"]
WTP = 20_000.0


@pytest.fixture(scope="module")
def toy():
    """Cost and QALYs of three strategies and what they depend on, 2,000 draws."""
    first, second = RNG.normal(size=2000), RNG.normal(size=2000)
    cost = xr.DataArray(
        np.column_stack([0 * first, 1000 + 300 * second, 2500 + 100 * first]),
        {"draw": np.arange(2000), "strategy": STRATEGIES},
        ("draw", "strategy"),
    )
    qaly = cost.copy(data=np.column_stack([0 * first, 0.05 + 0.05 * first, 0.12 + 0.1 * second]))
    parameters = xr.DataArray(
        np.column_stack([first, second]), {"draw": np.arange(2000), "parameter": ["p", "q"]}, ("draw", "parameter")
    )
    return cost, qaly, parameters


ANSWERS = {
    "net_monetary_benefit": lambda c, q, p: appraisal.net_monetary_benefit(c, q, WTP),
    "net_health_benefit": lambda c, q, p: appraisal.net_health_benefit(c, q, WTP),
    "icer_table": lambda c, q, p: appraisal.icer_table(c, q).drop(columns="status").sort_index(),
    "ceac": lambda c, q, p: appraisal.ceac(c, q, WTP),
    "ceaf": lambda c, q, p: appraisal.ceaf(c, q, WTP)["probability"],
    "expected_loss": lambda c, q, p: appraisal.expected_loss(c, q, WTP),
    "evpi": lambda c, q, p: appraisal.evpi(c, q, WTP),
    "evppi": lambda c, q, p: appraisal.evppi(c, q, p.sel(parameter=["p"]), wtp=WTP)["evppi"],
    "evppi_by_parameter": lambda c, q, p: appraisal.evppi_by_parameter(c, q, p, wtp=WTP),
    "evsi": lambda c, q, p: appraisal.evsi(c, q, p, NormalStudy("p", 1.0), wtp=WTP, n=20, rng=np.random.default_rng(1)),
    "value_of_implementation": lambda c, q, p: appraisal.value_of_implementation(
        c, q, WTP, {"a": 0.5, "b": 0.3, "c": 0.2}
    )["evpim"],
}


@pytest.mark.parametrize("name", ANSWERS)
def test_strategies_and_draws_in_another_order_give_the_same_answer(toy, name):
    cost, qaly, parameters = toy
    expected = ANSWERS[name](cost, qaly, parameters)
    turned = ANSWERS[name](cost, qaly.sel(strategy=["c", "a", "b"], draw=qaly["draw"][::-1]), parameters)
    np.testing.assert_allclose(np.asarray(turned, float), np.asarray(expected, float), rtol=1e-9)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_strategy_by_another_name_is_a_fault_that_says_which(toy, name):
    cost, qaly, parameters = toy
    with pytest.raises(ValueError, match="lacks strategy c.*has strategy see.*a, b, c"):
        ANSWERS[name](cost, qaly.assign_coords(strategy=["a", "b", "see"]), parameters)


@pytest.mark.parametrize("name", ANSWERS)
def test_draws_labelled_otherwise_are_a_fault(toy, name):
    cost, qaly, parameters = toy
    with pytest.raises(ValueError, match="lacks draw"):
        ANSWERS[name](cost, qaly.assign_coords(draw=np.arange(1, 2001)), parameters)


@pytest.mark.parametrize("name", ["evppi", "evppi_by_parameter", "evsi"])
def test_parameters_go_by_the_draws_they_are_of(toy, name):
    cost, qaly, parameters = toy
    expected = ANSWERS[name](cost, qaly, parameters)
    turned = ANSWERS[name](cost, qaly, parameters.isel(draw=slice(None, None, -1)))
    np.testing.assert_allclose(np.asarray(turned, float), np.asarray(expected, float), rtol=1e-9)
    with pytest.raises(ValueError, match="parameters lacks draw 0"):
        ANSWERS[name](cost, qaly, parameters.assign_coords(draw=np.arange(1, 2001)))


def test_use_by_strategy_and_prices_and_persons_are_matched_too(toy):
    cost, qaly, parameters = toy
    use = xr.DataArray([0.5, 0.3, 0.2], {"strategy": ["a", "b", "see"]}, ("strategy",))
    with pytest.raises(ValueError, match="current_use lacks strategy c"):
        appraisal.value_of_implementation(cost, qaly, WTP, use)
    benefit = qaly.sel(strategy="c", drop=True)
    with pytest.raises(ValueError, match="quantity lacks draw 0"):
        appraisal.price_threshold(benefit, 1.0, xr.ones_like(benefit).assign_coords(draw=np.arange(1, 2001)), 0.5)
    with pytest.raises(ValueError, match="parameters lacks draw 0"):
        appraisal.variance_share(benefit, parameters.assign_coords(draw=np.arange(1, 2001)))
    with pytest.raises(ValueError, match="qaly lacks draw 0"):
        appraisal.credible_ellipse(benefit, benefit.assign_coords(draw=np.arange(1, 2001)))
    worth = xr.DataArray([1.0, 2.0], {"n": [10, 20]}, ("n",))
    with pytest.raises(ValueError, match="population lacks n 20"):
        appraisal.enbs(worth, population=worth.assign_coords(n=[10, 30]), fixed_cost=0, cost_per_participant=0)


REGIONS = xr.DataArray([0.2, 0.5, 0.9], {"region": ["01", "03", "04"]}, ("region",))
SIZES = xr.DataArray([3.0, 1.0, 2.0], {"region": ["01", "03", "04"]}, ("region",))


@pytest.mark.parametrize(
    "answer",
    [
        appraisal.gini,
        appraisal.theil,
        access,
        lambda x, w: distributional_nmb(x, REGIONS, w, aversion=1.0),
        lambda x, w: distributional_nmb(x, w, aversion=1.0),
    ],
)
def test_regions_are_matched_between_what_they_get_and_how_many_they_are(answer):
    expected = answer(REGIONS, SIZES)
    turned = answer(REGIONS, SIZES[::-1])
    np.testing.assert_allclose(turned.sortby("region") if turned.ndim else turned, expected)
    with pytest.raises(ValueError, match="lacks region 04"):
        answer(REGIONS, SIZES[:2])
    with pytest.raises(ValueError, match="has region 99"):
        answer(REGIONS, SIZES.assign_coords(region=["01", "03", "99"]))


STATES = ["well", "ill", "dead"]
MOVES = xr.DataArray([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0, 0, 1]], {"from": STATES, "to": STATES}, ("from", "to"))
EARNED = xr.DataArray(np.arange(9.0).reshape(3, 3), {"from": STATES, "to": STATES}, ("from", "to"))


def test_states_of_a_transition_in_another_order_are_aligned():
    expected = patient.markov_trace([1, 0, 0], MOVES, 5)
    turned = patient.markov_trace([1, 0, 0], MOVES.sel(to=STATES[::-1]), 5)
    np.testing.assert_allclose(turned.sel(state=STATES), expected)
    total = patient.cohort_total(expected, [1, 1, 0], discount_rate=0.03, transition_values=EARNED, transition=MOVES)
    both = {"from": ["dead", "well", "ill"], "to": ["ill", "dead", "well"]}
    again = patient.cohort_total(
        expected, [1, 1, 0], discount_rate=0.03, transition_values=EARNED.sel(both), transition=MOVES.sel(both)
    )
    assert float(again) == pytest.approx(float(total))


def test_a_state_that_the_transition_does_not_have_is_a_fault():
    begin = xr.DataArray([1.0, 0, 0], {"state": ["well", "ill", "deceased"]}, ("state",))
    with pytest.raises(ValueError, match="lacks state dead"):
        patient.markov_trace(begin, MOVES, 5)
    trace = patient.markov_trace([1, 0, 0], MOVES, 5)
    wrong = EARNED.assign_coords(to=["well", "ill", "deceased"])
    with pytest.raises(ValueError, match="lacks state dead"):
        patient.cohort_total(trace, [1, 1, 0], discount_rate=0, transition_values=wrong, transition=MOVES)
    with pytest.raises(ValueError, match="lacks state dead"):
        patient.cohort_total(trace, begin, discount_rate=0)


def test_draws_of_start_and_transition_are_matched():
    moves = MOVES.expand_dims(draw=[1, 2]) * xr.DataArray([1.0, 1.0], {"draw": [1, 2]}, ("draw",))
    begin = xr.DataArray([[1.0, 0, 0], [0, 1, 0]], {"draw": [1, 2]}, ("draw", "state"))
    expected = patient.markov_trace(begin, moves, 3)
    np.testing.assert_allclose(patient.markov_trace(begin[::-1], moves, 3), expected)
    with pytest.raises(ValueError, match="start lacks draw 2"):
        patient.markov_trace(begin.assign_coords(draw=[1, 3]), moves, 3)


def test_survival_curves_of_unequal_length_are_a_fault():
    free, alive = xr.DataArray([1, 0.5], dims="cycle"), xr.DataArray([1, 0.8, 0.6], dims="cycle")
    for pfs, os in ((free, alive), (free.assign_coords(cycle=[0, 1]), alive.assign_coords(cycle=[0, 1, 2]))):
        with pytest.raises(ValueError, match="cycle"):
            patient.partitioned_survival(pfs, os)
    with pytest.raises(ValueError, match="cycle"):
        survival.with_cure(free, 0.1, alive)
    with pytest.raises(ValueError, match="cycle"):
        survival.bounded_by_population(free, alive)


def test_a_curve_with_numbered_cycles_is_the_curve_without():
    alive = xr.DataArray([1, 0.8, 0.6], dims="cycle")
    numbered, ratios = alive.assign_coords(cycle=[0, 1, 2]), xr.DataArray([1.0, 2.0], {"cycle": [0, 1]}, ("cycle",))
    expected = survival.with_hazard_ratios(alive, ratios.drop_vars("cycle"))
    np.testing.assert_allclose(survival.with_hazard_ratios(numbered, ratios), expected)


def test_figures_of_a_tree_go_by_their_draws():
    draws = {"draw": [1, 2]}
    p, fee = xr.DataArray([0.2, 0.5], draws, ("draw",)), xr.DataArray([10.0, 20.0], draws, ("draw",))
    tree = {"test": {"cost": "fee", "branches": {"x": ("p", {"cost": "fee"}), "y": ("else", {})}}}
    found = patient.decision_tree(tree, {"p": p[::-1], "fee": fee})["cost"]
    np.testing.assert_allclose(found.sel(draw=[1, 2]).squeeze(), [12.0, 30.0])
    with pytest.raises(ValueError, match="lacks draw"):
        patient.decision_tree(tree, {"p": p.assign_coords(draw=[1, 3]), "fee": fee})


YEARS = [2027, 2028, 2029, 2030, 2031]


@pytest.fixture
def per_patient():
    flows = np.array([[100.0, 60, 30, 10, 5], [50, 40, 30, 20, 10]])[None, :, :, None] * np.array([1.0, 2.0])
    return xr.Dataset(
        {
            "cost": (("draw", "strategy", "year_since_start", "resource"), flows),
            "cost_once": (("draw", "strategy", "resource"), np.ones((1, 2, 2))),
        },
        coords={
            "strategy": ["old", "new"],
            "year_since_start": np.arange(5),
            "resource": ["drug", "care"],
            "unit": ("resource", ["region", "clinic"]),
            "kind": ("resource", ["care", "care"]),
        },
    )


@pytest.fixture
def begun():
    persons = np.arange(1.0, 41).reshape(1, 2, 2, 2, 5)
    return xr.DataArray(
        persons,
        {"mix": ["today", "new"], "strategy": ["old", "new"], "region": ["01", "03"], "year": YEARS},
        ("draw", "mix", "strategy", "region", "year"),
    )


def test_a_price_path_over_the_starts_by_hand():
    flows = np.array([100.0, 60, 30, 10, 5])[None, None, :, None]
    outcomes = xr.Dataset(
        {
            "cost": (("draw", "strategy", "year_since_start", "resource"), flows),
            "cost_once": (("draw", "strategy", "resource"), np.zeros((1, 1, 1))),
        },
        coords={"strategy": ["only"], "year_since_start": np.arange(5), "resource": ["drug"]},
    )
    persons = xr.DataArray(
        np.array([10.0, 20, 30, 40, 50])[None, None, None, None],
        {"mix": ["new"], "strategy": ["only"], "region": ["01"], "year": YEARS},
        ("draw", "mix", "strategy", "region", "year"),
    )
    path = xr.DataArray(1.025 ** np.arange(5) * [1, 1, 1, 0.5, 0.5], {"year": YEARS}, ("year",)).expand_dims(
        resource=["drug"]
    )
    expected = [1000, 2665, 4727.81, 3499.89, 4718.80]
    for given in (path, path.isel(year=[3, 0, 4, 1, 2])):
        found = budget_impact(outcomes, persons, mid_year=0, price_factor=given)
        assert found.squeeze().to_numpy() == pytest.approx(expected, abs=0.006)
    with pytest.raises(ValueError, match="price_factor lacks year 2030, 2031"):
        budget_impact(outcomes, persons, mid_year=0, price_factor=path.sel(year=YEARS[:3]))
    with pytest.raises(ValueError, match="price_factor lacks resource drug; price_factor has resource drugg"):
        budget_impact(outcomes, persons, mid_year=0, price_factor=path.assign_coords(resource=["drugg"]))


def test_what_falls_beside_the_patients_is_matched(per_patient, begun):
    beside = xr.DataArray(
        np.arange(1.0, 21).reshape(1, 2, 1, 5, 2),
        {"mix": ["today", "new"], "region": ["00"], "year": YEARS, "resource": ["drug", "care"]}
        | {name: ("resource", per_patient[name].to_numpy()) for name in ("unit", "kind")},
        ("draw", "mix", "region", "year", "resource"),
    )
    expected = budget_impact(per_patient, begun, beside)
    turned = budget_impact(per_patient, begun.sel(mix=["new", "today"], strategy=["new", "old"]), beside)
    xr.testing.assert_allclose(turned.sel(mix=["today", "new"]), expected)
    other = budget_impact(per_patient, begun, [beside, beside.sel(mix=["new", "today"], year=YEARS[::-1])])
    xr.testing.assert_allclose(other, budget_impact(per_patient, begun, [beside, beside]))
    for wrong, said in (
        (beside.assign_coords(mix=["today", "knew"]), "lacks mix new"),
        (beside.assign_coords(region=["O1"]), "region O1"),
    ):
        with pytest.raises(ValueError, match=said):
            budget_impact(per_patient, begun, wrong)
    with pytest.raises(ValueError, match="lacks year 2031"):
        budget_impact(per_patient, begun, [beside, beside.sel(year=YEARS[:4])])


def test_starts_and_offsets_are_matched():
    eligible = xr.DataArray(
        [[[10.0, 20.0], [30.0, 40.0]]], {"region": ["01", "03"], "year": [2027, 2028]}, ("draw", "region", "year")
    )
    covered = xr.DataArray(
        [[[[0.1, 0.2], [0.3, 0.4]]]],
        {"mix": ["new"], "region": ["01", "03"], "year": [2027, 2028]},
        ("draw", "mix", "region", "year"),
    )
    expected = starts(eligible, covered, comparator="old", broad={"new": 1.0})
    xr.testing.assert_allclose(starts(eligible, covered[:, :, ::-1], comparator="old", broad={"new": 1.0}), expected)
    with pytest.raises(ValueError, match="coverage_by_mix lacks year 2028"):
        starts(eligible, covered.sel(year=[2027]), comparator="old", broad={"new": 1.0})
    change = xr.DataArray([-1.0, 2.0], {"resource": ["drug", "care"]}, ("resource",))
    astray = xr.DataArray([-1.0], {"resource": ["cure"]}, ("resource",))
    with pytest.raises(ValueError, match="freed has resource cure"):
        offsets(change, astray)


def test_regions_of_a_ledger_are_those_of_the_table():
    cost = xr.DataArray(
        np.ones((1, 1, 2, 1, 1)),
        {
            "mix": ["new"],
            "region": ["01", "3"],
            "year": [2027],
            "resource": ["care"],
            "unit": ("resource", ["clinic"]),
            "kind": ("resource", ["care"]),
        },
        ("draw", "mix", "region", "year", "resource"),
    )
    regions = pd.DataFrame({"population": [3, 1]}, index=["01", "03"])
    with pytest.raises(ValueError, match=r"region 03, 3 .*01, 03"):
        settle(cost, [], regions=regions, start=2027)


def test_a_label_given_twice_is_a_fault():
    twice = xr.DataArray([1.0, 2.0], {"region": ["01", "01"]}, ("region",))
    with pytest.raises(ValueError, match="x has region 01 more than once"):
        matched(x=twice, y=twice)


def test_what_has_no_labels_passes_and_must_be_as_long():
    plain, labelled = xr.DataArray([1.0, 2.0], dims="draw"), xr.DataArray([1.0, 2.0], {"draw": [5, 6]}, ("draw",))
    number, first, second = matched(number=3.0, x=plain, y=labelled)
    assert number == 3.0
    assert first is plain
    assert second is labelled
    with pytest.raises(ValueError, match="y has 1 draws and x 2"):
        matched(x=plain, y=labelled[:1])
