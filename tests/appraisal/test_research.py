"""Net benefit of sampling, population, implementation, adoption and burden, all by hand."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as some

from pmbudget.appraisal import (
    adoption,
    best_size,
    enbs,
    evpi,
    population_affected,
    uncertainty_burden,
    value_of_implementation,
)


def test_patients_before_the_result_are_dropped_and_the_rest_discounted():
    assert population_affected([100, 100, 100], discount_rate=0.0) == 300
    assert population_affected([100, 110, 121], discount_rate=0.1) == pytest.approx(300)
    assert population_affected([100, 110, 121], discount_rate=0.1, delay=1) == pytest.approx(200)
    assert population_affected([100, 100], discount_rate=0.1, delay=1.25) == pytest.approx(0.75 * 100 / 1.1)
    assert population_affected([100, 100], discount_rate=0.1, delay=7) == 0


def test_patients_keep_their_other_dims():
    starts = xr.DataArray([[1.0, 2.0], [3.0, 4.0]], dims=("year", "region"), coords={"region": ["01", "03"]})
    found = population_affected(starts, discount_rate=0.0)
    assert found.to_series().to_dict() == {"01": 4.0, "03": 6.0}


@given(delays=some.lists(some.floats(0, 6), min_size=2, max_size=2))
def test_waiting_longer_never_reaches_more(delays):
    reached = [population_affected([50, 60, 70, 80], discount_rate=0.03, delay=delay) for delay in sorted(delays)]
    assert reached[0] >= reached[1]


@pytest.mark.parametrize(
    ("change", "said"), [({"delay": -1}, "delay = -1"), ({"starts_per_year": [1, -1]}, "holds -1; persons")]
)
def test_an_impossible_population_is_named(change, said):
    with pytest.raises(ValueError, match=said):
        population_affected(**({"starts_per_year": [1], "discount_rate": 0.0} | change))


@pytest.fixture
def sampled():
    return xr.DataArray([2.0, 5.0, 6.0], dims="n", coords={"n": [10, 100, 1000], "se": ("n", [1.0, 1.0, 1.0])})


def test_net_benefit_of_sampling_and_its_optimum(sampled):
    found = enbs(sampled, population=1000, fixed_cost=500, cost_per_participant=3, arms=2, loss_per_participant=1)
    assert found.to_numpy().tolist() == [2000 - 500 - 80, 5000 - 500 - 800, 6000 - 500 - 8000]
    best = best_size(found)
    assert (int(best["n"]), float(best["enbs"])) == (100, 3700)


def test_a_study_that_does_not_pay_is_not_made(sampled):
    best = best_size(enbs(sampled, population=10, fixed_cost=500, cost_per_participant=3))
    assert (int(best["n"]), float(best["enbs"])) == (0, 0)


def test_a_larger_study_may_reach_fewer(sampled):
    population = xr.DataArray([1000.0, 900.0, 100.0], dims="n", coords={"n": [10, 100, 1000]})
    found = enbs(sampled, population=population, fixed_cost=0, cost_per_participant=0)
    assert found.to_numpy().tolist() == [2000, 4500, 600]


def test_a_negative_price_is_refused(sampled):
    with pytest.raises(ValueError, match="fixed_cost = -1"):
        enbs(sampled, population=1, fixed_cost=-1, cost_per_participant=0)


@pytest.fixture
def two():
    names = {"strategy": ["old", "new"]}
    cost = xr.DataArray([[0.0, 10.0], [0.0, 10.0]], dims=("draw", "strategy"), coords=names)
    qaly = xr.DataArray([[0.0, 3.0], [0.0, 0.5]], dims=("draw", "strategy"), coords=names)
    return cost, qaly


def test_four_states_of_information_and_implementation(two):
    # At 10: new is worth 20 and -5 in the two draws, 7.5 on average; a quarter use it.
    found = value_of_implementation(*two, 10.0, {"old": 0.75, "new": 0.25})
    values = {name: float(found[name]) for name in found}
    assert values == {
        "current": 1.875,
        "implementation": 7.5,
        "information": 1.875,
        "perfect": 10.0,
        "evpim": 5.625,
        "evpi": 2.5,
    }
    assert values["evpi"] == evpi(*two, 10.0)


@pytest.mark.parametrize("wtp", [0.0, 3.0, 10.0, 40.0])
def test_information_and_implementation_add_up(two, wtp):
    found = value_of_implementation(*two, wtp, {"old": 0.6, "new": 0.4})
    assert float(found["evpi"] + found["evpim"]) == pytest.approx(float(found["perfect"] - found["current"]))
    assert float(found["evpim"]) >= 0


def test_use_may_have_years_and_thresholds_a_dim(two):
    use = xr.DataArray(
        [[0.9, 0.5], [0.1, 0.5]], dims=("strategy", "year"), coords={"strategy": ["old", "new"], "year": [1, 2]}
    )
    found = value_of_implementation(*two, [5.0, 10.0], use)
    assert found["evpim"].sizes == {"wtp": 2, "year": 2}
    assert float(found["evpim"].sel(wtp=10.0, year=1)) == pytest.approx(0.9 * 7.5)


@pytest.mark.parametrize(
    ("use", "said"), [({"old": 0.5, "new": 0.6}, "sums to 1.1"), ({"old": 1.0}, "names old; give each of old, new")]
)
def test_use_that_is_no_share_is_named(two, use, said):
    with pytest.raises(ValueError, match=said):
        value_of_implementation(*two, 10.0, use)


def choices(**change):
    asked = {
        "starts_per_year": [100.0] * 4,
        "use_per_year": [0.5, 1.0, 1.0, 1.0],
        "discount_rate": 0.0,
        "delay": 1.0,
        "research_cost": 0.0,
    }
    return adoption(np.array([30.0, -10.0]), **(asked | change))


def test_the_four_options_by_hand():
    found = choices(research_cost=100, investment=40, reversal_cost=20, treated_in_research=5)
    # 350 patients reached, 300 of them after the result; if use begins then, 50 + 100 + 100.
    assert found["value"].to_dict() == {
        "approve": 350 * 10 - 40,
        "approve_with_research": 50 * 10 + (30 * 300 - 20) / 2 - 40 - 100,
        "only_in_research": 5 * 10 + (30 * 250 - 40) / 2 - 100,
        "reject": 0,
    }
    assert found.loc["approve_with_research", ["extend", "keep", "withdraw"]].tolist() == [0.5, 0.5, 0]
    assert found["extend"].to_dict() == {
        "approve": 1,
        "approve_with_research": 0.5,
        "only_in_research": 0.5,
        "reject": 0,
    }
    assert found.index[found["best"]].tolist() == ["approve_with_research"]


def test_what_a_programme_adds_falls_on_those_whom_it_moves_and_leaves_the_worth_of_ending_today_alone():
    plain, more = (choices(today_per_year=0.4, reversal_cost=20, added_per_patient=added) for added in (0.0, 7.0))
    gap = {name: plain.loc[name, "value"] - plain.loc["reject", "value"] for name in plain.index}
    # 100 a year at the pace of 0.5, 1, 1, 1 against 0.4: 10 + 60 + 60 + 60 more than today.
    moved = more.loc["approve", "value"] - more.loc["reject", "value"] - gap["approve"]
    assert moved == pytest.approx(7.0 * 190)
    assert more.loc["withdraw", "value"] - more.loc["reject", "value"] == pytest.approx(gap["withdraw"])
    assert more.loc["reject", "value"] == plain.loc["reject", "value"]


def test_a_reversal_that_costs_too_much_makes_waiting_better():
    best = [choices(reversal_cost=cost).query("best").index[0] for cost in (0, 2900)]
    assert best == ["approve_with_research", "only_in_research"]


def test_a_result_can_also_end_the_use_of_today():
    found = choices(today_per_year=0.4, reversal_cost=20)
    # Today 40 of 100 are treated; the good result extends that from then on (50, 100, 100), the bad one ends it for 120 patients.
    assert found["value"].to_dict() == {
        "approve": 3500,
        "approve_with_research": 50 * 10 + (30 * 300 - 20) / 2,
        "only_in_research": 40 * 10 + (30 * 250 - 20) / 2,
        "reject": 160 * 10,
        "withdraw": -20,
    }
    assert found.loc["only_in_research", ["extend", "keep", "withdraw"]].tolist() == [0.5, 0, 0.5]


def test_another_strategy_in_use_is_worth_its_own_and_can_be_ended():
    found = choices(other_per_year=0.4, expected_other=np.array([5.0, -15.0]), reversal_cost=20)
    # 40 of 100 have another strategy, worth -5 on average; the new one is worth 10 more than what its patients would have had.
    assert found["value"].to_dict() == {
        "approve": 350 * 10 - 160 * 5,
        "approve_with_research": 50 * 10 - 40 * 5 + (30 * 300 + 5 * 120 - 20) / 2,
        "only_in_research": -40 * 5 + (30 * 250 + 5 * 120 - 20) / 2,
        "reject": -160 * 5,
        "withdraw": -20,
    }
    assert found.loc["only_in_research", ["extend", "keep", "withdraw"]].tolist() == [0.5, 0, 0.5]


def test_an_answer_after_the_horizon_is_worth_nothing():
    found = choices(delay=9.0, research_cost=1.0)
    assert found.loc["approve_with_research", "value"] == found.loc["approve", "value"] - 1


def test_discounting_counts_each_year_once():
    found = choices(discount_rate=0.1)
    assert found.loc["approve", "value"] == pytest.approx(10 * (50 + sum(100 / 1.1**year for year in (1, 2, 3))))


def test_a_pace_of_other_length_than_the_patients_is_refused():
    with pytest.raises(ValueError, match="give both by year"):
        choices(use_per_year=[1.0])


def test_burden_is_each_payers_own():
    benefit = xr.DataArray(
        [[[0.0, 0.0], [4.0, -2.0]], [[0.0, 0.0], [-1.0, 3.0]]],
        dims=("draw", "strategy", "payer"),
        coords={"strategy": ["old", "new"], "payer": ["state", "region"]},
    )
    found = uncertainty_burden(benefit, 10, strategy="new")
    assert found.to_series().to_dict() == {"state": 5.0, "region": 10.0}
    with pytest.raises(ValueError, match="'newer' is not one of old, new"):
        uncertainty_burden(benefit, 10, strategy="newer")
