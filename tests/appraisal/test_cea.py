import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as some

from pmbudget.appraisal import (
    credible_ellipse,
    efficiency_frontier,
    icer_table,
    net_health_benefit,
    net_monetary_benefit,
    price_threshold,
    ratio,
    surely_dominated,
)


def table_of(**strategies):
    costs, qalys = zip(*strategies.values(), strict=True)
    return icer_table(*(xr.DataArray(list(values), {"strategy": list(strategies)}) for values in (costs, qalys)))


def frontier(table):
    return table[table["status"].isin(["reference", "undominated"])]


def test_the_six_strategies_of_the_va_health_economics_resource_center():
    # The centre's worked example on incremental cost-effectiveness ratios.
    table = table_of(E=(55_000, 5), D=(35_000, 4), C=(25_000, 3), B=(10_000, 2), A=(12_000, 1.5), UC=(5000, 1))
    assert table.index.tolist() == ["UC", "B", "A", "C", "D", "E"]
    assert table["status"].to_dict() == {
        "UC": "reference",
        "B": "undominated",
        "A": "dominated",
        "C": "extendedly dominated",
        "D": "undominated",
        "E": "undominated",
    }
    assert frontier(table)["icer"].to_numpy() == pytest.approx([np.nan, 5000, 12_500, 20_000], nan_ok=True, rel=1e-12)
    assert frontier(table)["incremental_cost"].to_numpy() == pytest.approx([np.nan, 5000, 25_000, 20_000], nan_ok=True)


def test_hiv_screening_in_a_population_at_high_risk():
    # Paltiel et al. 2006, table 4: quality-adjusted life-months over 12.
    table = table_of(**{
        "status quo": (26_000, 277.25 / 12),
        "one time": (27_000, 277.57 / 12),
        "5yr": (28_020, 277.78 / 12),
        "3yr": (28_440, 277.83 / 12),
        "annual": (29_440, 277.76 / 12),
    })  # fmt: skip
    assert table.loc["annual", "status"] == "dominated"
    icers = table["icer"].drop(["status quo", "annual"]).to_dict()
    assert icers == pytest.approx({"one time": 37_500, "5yr": 1020 / 0.0175, "3yr": 100_800}, rel=1e-8)


def test_dominated_rows_have_no_ratio():
    table = table_of(a=(0, 1), b=(10, 3), c=(12, 2))
    assert table.loc["c", ["incremental_cost", "incremental_qaly", "icer"]].isna().all()


def test_equal_effect_at_a_higher_cost_is_dominated():
    table = table_of(a=(0, 1), b=(10, 1))
    assert table["status"].to_dict() == {"a": "reference", "b": "dominated"}


def test_equal_cost_keeps_the_better():
    table = table_of(a=(5, 1), b=(5, 2))
    assert table["status"].to_dict() == {"b": "reference", "a": "dominated"}


def test_twins_are_not_divided_by_zero():
    table = table_of(a=(5, 1), b=(5, 1), c=(7, 2))
    assert sorted(table["status"]) == ["dominated", "reference", "undominated"]
    assert table.loc["c", "icer"] == 2


def test_two_are_extendedly_dominated_at_once():
    # From b the ratio is 10 a unit to e straight away, against 15 and 12 by way of c and d.
    table = table_of(a=(0, 0), b=(5, 1), c=(20, 2), d=(32, 3), e=(35, 4))
    assert table["status"].tolist() == ["reference", "undominated", *["extendedly dominated"] * 2, "undominated"]
    assert table.loc[["b", "e"], "icer"].tolist() == [5, 10]
    assert table.loc[["c", "d"], ["incremental_cost", "incremental_qaly", "icer"]].isna().all(axis=None)


def test_one_that_falls_by_another_s_fall_is_found():
    # c is undominated beside b alone, and only when d has pushed out c is b seen to be too dear.
    table = table_of(a=(0, 0), b=(10, 1), c=(21, 2), d=(24, 4))
    assert table["status"].tolist() == ["reference", "extendedly dominated", "extendedly dominated", "undominated"]
    assert table.loc["d", "icer"] == 6


def test_savings_have_ratios_too():
    table = table_of(today=(0, 0), saves=(-100, 0.1), saves_more=(-150, -0.2), dear=(-120, -0.3))
    assert table.index.tolist() == ["saves_more", "dear", "saves", "today"]
    assert table["status"].tolist() == ["reference", "dominated", "undominated", "dominated"]
    assert table.loc["saves", "icer"] == pytest.approx(50 / 0.3)


def test_all_of_equal_effect_leave_the_cheapest():
    table = table_of(a=(3, 1), b=(1, 1), c=(2, 1))
    assert table["status"].to_dict() == {"b": "reference", "c": "dominated", "a": "dominated"}


def test_a_difference_of_rounding_is_no_ground_for_a_ratio():
    table = table_of(a=(0, 0.3), b=(10, 0.1 + 0.2))
    assert table["status"].to_dict() == {"a": "reference", "b": "dominated"}


def test_one_on_the_line_between_two_is_never_preferred_alone():
    assert table_of(a=(0, 0), b=(1, 1), c=(2, 2))["status"].tolist()[1] == "extendedly dominated"


def test_plain_arrays_and_another_order_of_strategies_are_understood():
    assert icer_table([[0, 10], [0, 30]], [[0, 1], [0, 4]]).loc[1, "icer"] == pytest.approx(8)
    cost = xr.DataArray([0.0, 10.0], {"strategy": ["a", "b"]})
    qaly = xr.DataArray([5.0, 1.0], {"strategy": ["b", "a"]})
    assert icer_table(cost, qaly).loc["b", "icer"] == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("cost", "qaly", "said"),
    [
        ([0, np.nan], [0, 1], "cost is no number at .*1"),
        ([0, 1], [0, np.inf], "qaly is no number"),
        ([0, 1], [0, 1, 2], "same"),
        ([[0, 1]] * 3, [[0, 1]] * 2, "same draws"),
        ([], [], "holds nothing"),
        ([[[0, 1]]], [0, 1], "3 axes"),
        (xr.DataArray([0.0], dims="arm"), [0], "dims"),
        (xr.DataArray([0.0, 1.0], {"strategy": ["a", "a"]}), [0, 1], "twice"),
    ],
)
def test_what_cannot_be_compared_is_refused(cost, qaly, said):
    with pytest.raises(ValueError, match=said):
        icer_table(cost, qaly)


def test_the_frontier_is_what_some_threshold_prefers():
    rows = {"E": (55_000, 5), "D": (35_000, 4), "C": (25_000, 3), "B": (10_000, 2), "A": (12_000, 1.5), "UC": (5000, 1)}
    costs, qalys = (xr.DataArray(list(each), {"strategy": list(rows)}) for each in zip(*rows.values(), strict=True))
    assert efficiency_frontier(costs, qalys).index.tolist() == ["UC", "B", "D", "E"]


def test_one_strategy_is_its_own_reference():
    table = table_of(a=(5, 1))
    assert table["status"].tolist() == ["reference"]
    assert np.isnan(table.loc["a", "icer"])


def test_a_ratio_is_of_means_and_not_a_mean_of_ratios():
    cost = xr.DataArray([[0.0, 10.0], [0.0, 30.0]], dims=("draw", "strategy"), coords={"strategy": ["a", "b"]})
    qaly = xr.DataArray([[0.0, 1.0], [0.0, 4.0]], dims=("draw", "strategy"), coords={"strategy": ["a", "b"]})
    assert icer_table(cost, qaly).loc["b", "icer"] == pytest.approx(20 / 2.5)


points = some.lists(some.tuples(some.integers(0, 1000), some.integers(0, 50)), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(points=points)
def test_ratios_on_the_frontier_are_positive_and_rise(points):
    table = table_of(**{f"s{place}": point for place, point in enumerate(points)})
    icers = frontier(table)["icer"].to_numpy()[1:]
    assert np.isfinite(icers).all()
    assert (icers > 0).all()
    assert (np.diff(icers) > 0).all()
    assert table["icer"].notna().sum() == len(icers)


@settings(max_examples=200, deadline=None)
@given(points=points, wtp=some.floats(0, 2000))
def test_the_best_at_any_threshold_is_on_the_frontier(points, wtp):
    table = table_of(**{f"s{place}": point for place, point in enumerate(points)})
    benefit = wtp * table["qaly"] - table["cost"]
    assert benefit[frontier(table).index].max() == pytest.approx(benefit.max(), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(points=points)
def test_a_strategy_takes_over_at_its_own_ratio(points):
    table = frontier(table_of(**{f"s{place}": point for place, point in enumerate(points)}))
    for name, icer in table["icer"].dropna().items():
        benefit = icer * (1 + 1e-9) * table["qaly"] - table["cost"]
        assert benefit[name] == pytest.approx(benefit.max(), rel=1e-6, abs=1e-6)


def test_net_monetary_benefit_by_hand():
    cost, qaly = (xr.DataArray([[value]], dims=("draw", "strategy")) for value in (300.0, 1.5))
    assert net_monetary_benefit(cost, qaly, 1000).to_numpy().tolist() == [[1200]]
    over = net_monetary_benefit(cost, qaly, [0, 1000, 2000])
    assert over.squeeze().to_numpy().tolist() == [-300, 1200, 2700]
    assert over["wtp"].to_numpy().tolist() == [0, 1000, 2000]


@pytest.mark.parametrize("wtp", [-1, np.nan, [[1]], [100, -5]])
def test_a_threshold_that_is_none_is_refused(wtp):
    one = xr.DataArray([1.0], dims="strategy")
    with pytest.raises(ValueError, match="wtp"):
        net_monetary_benefit(one, one, wtp)


def test_health_benefit_is_money_benefit_over_the_threshold():
    cost, qaly = xr.DataArray([300.0, 500.0], dims="draw"), xr.DataArray([1.5, 0.2], dims="draw")
    health = net_health_benefit(cost, qaly, [100, 1000])
    np.testing.assert_allclose(health * health["wtp"], net_monetary_benefit(cost, qaly, [100, 1000]))
    with pytest.raises(ValueError, match="above 0"):
        net_health_benefit(cost, qaly, 0)


def incremental(n=4000, seed=1):
    rng = np.random.default_rng(seed)
    qaly = rng.normal(0.1, 0.05, n)
    cost = 20_000 + 200_000 * (qaly - 0.1) + rng.normal(0, 8000, n)
    return xr.DataArray(cost, dims="draw"), xr.DataArray(qaly, dims="draw")


def test_the_ellipse_of_normal_draws_is_that_of_the_normal_distribution():
    cost, qaly = incremental(100_000)
    around = credible_ellipse(cost, qaly)
    both = np.stack([qaly, cost])
    offset = around - both.mean(axis=1, keepdims=True)
    distance = np.einsum("ip,ij,jp->p", offset, np.linalg.inv(np.cov(both)), offset)
    np.testing.assert_allclose(distance, -2 * np.log(0.05), rtol=0.03)
    np.testing.assert_allclose(around[:, 0], around[:, -1])


def test_the_ellipse_holds_its_share_of_draws_that_are_not_normal():
    rng = np.random.default_rng(2)
    qaly = xr.DataArray(rng.lognormal(0, 1, 2000), dims="draw")
    cost = 3 * qaly + rng.exponential(1, 2000)
    around = credible_ellipse(cost, qaly, points=2001)
    both, middle = np.stack([qaly, cost]), np.array([[float(qaly.mean())], [float(cost.mean())]])
    inverse = np.linalg.inv(np.cov(both))
    inside, edge = (np.einsum("ip,ij,jp->p", x - middle, inverse, x - middle) for x in (both, around))
    assert (inside <= edge.mean()).mean() == pytest.approx(0.95, abs=0.002)


def test_draws_on_a_line_have_a_line_for_an_ellipse():
    qaly = xr.DataArray(np.linspace(0, 1, 50), dims="draw")
    around = credible_ellipse(2 * qaly, qaly)
    np.testing.assert_allclose(around[1], 2 * around[0], atol=1e-9)
    assert np.ptp(credible_ellipse(0 * qaly, qaly)[1]) == 0


def test_the_even_price_by_hand():
    # INMB at a price of 10 is -30, 0, 20 and 50 with 2 units: even prices are -5, 10, 20 and 35.
    benefit = xr.DataArray([50.0, -30.0, 0.0, 20.0], dims="draw")
    found = price_threshold(benefit, 10, 2, [0.25, 0.5, 0.75, 0.9])
    assert found.to_numpy().tolist() == [35, 20, 10, -5]
    assert float(price_threshold(benefit, 10, 2, 0.5)) == 20


@settings(max_examples=100, deadline=None)
@given(
    benefit=some.lists(some.floats(-1e5, 1e5), min_size=1, max_size=60),
    probability=some.floats(0.01, 0.99),
    quantity=some.floats(0.1, 10),
)
def test_at_the_even_price_it_is_worth_it_as_often_as_asked_and_just_above_it_is_not(benefit, probability, quantity):
    benefit = np.array(benefit)
    price = float(price_threshold(xr.DataArray(benefit, dims="draw"), 100.0, quantity, probability))
    even = 100 + benefit / quantity
    assert (even >= price).mean() >= probability - 1e-9
    assert (even > price).mean() < probability + 1e-9


def test_prices_and_quantities_may_differ_from_draw_to_draw_and_thresholds_stand_side_by_side():
    cost, qaly = incremental(200)
    rng = np.random.default_rng(3)
    price, quantity = (xr.DataArray(rng.uniform(low, 2 * low, 200), dims="draw") for low in (1000, 1))
    found = price_threshold(net_monetary_benefit(cost, qaly, [1e5, 5e5]), price, quantity, [0.5, 0.9])
    assert found.dims == ("probability", "wtp")
    one = price_threshold(net_monetary_benefit(cost, qaly, 5e5), price, quantity, 0.9)
    assert float(found.sel(probability=0.9, wtp=5e5)) == float(one)


@pytest.mark.parametrize(("keys", "said"), [({"probability": 1}, "probability"), ({"quantity": 0}, "quantity")])
def test_a_price_without_an_answer_is_refused(keys, said):
    with pytest.raises(ValueError, match=said):
        price_threshold(xr.DataArray([1.0], dims="draw"), **{"price": 1, "quantity": 1, "probability": 0.5} | keys)


@pytest.mark.parametrize(
    ("cost", "effect", "verdict"),
    [
        (100, 2, "icer"),
        (-100, -2, "southwest"),
        (-100, 2, "dominant"),
        (0, 2, "dominant"),
        (-100, 0, "dominant"),
        (100, -2, "dominated"),
        (0, -2, "dominated"),
        (100, 0, "dominated"),
        (0, 0, "equal"),
        (5250, 3e-17, "dominated"),
        (-5250, 3e-17, "dominant"),
        (5250, -3e-17, "dominated"),
        (1e-10, 0.1, "dominant"),
        (-1e-10, 2e-17, "equal"),
    ],
)
def test_a_ratio_is_never_negative_and_never_over_a_rounding_error(cost, effect, verdict):
    said, value = ratio(cost, effect)
    assert said == verdict
    assert value == pytest.approx(abs(cost / effect)) if said in ("icer", "southwest") else np.isnan(value)


def test_what_counts_as_rounding_follows_the_size_of_what_is_compared():
    assert ratio(1.0, 1e-9)[0] == "icer"
    assert ratio(1.0, 1e-9, size=(1e6, 1e4))[0] == "dominated"


@pytest.mark.parametrize(("cost", "effect"), [(np.nan, 1), (1, np.inf)])
def test_a_ratio_of_what_is_no_number_is_refused(cost, effect):
    with pytest.raises(ValueError, match="must be numbers"):
        ratio(cost, effect)


def test_the_table_and_the_ratio_judge_two_strategies_alike():
    rng = np.random.default_rng(3)
    told = {"icer": "undominated", "dominated": "dominated", "equal": "dominated"}
    for _ in range(200):
        cost, qaly = rng.integers(-1, 2, 2) * [1000.0, 0.1] + rng.choice([0.0, 3e-17], 2)
        table = icer_table([1e5, 1e5 + cost], [10.0, 10.0 + qaly])
        verdict, value = ratio(cost, qaly)
        if verdict in told:
            assert table.loc[1, "status"] == told[verdict]
            assert verdict != "icer" or table.loc[1, "icer"] == pytest.approx(value)
        elif verdict == "dominant":
            assert table["status"].to_dict() == {0: "dominated", 1: "reference"}
        else:
            assert table.loc[0, "icer"] == pytest.approx(value)


def test_of_two_whose_costs_differ_by_rounding_the_better_is_kept():
    table = icer_table([100.0, 100.0 * (1 + 1e-15)], [1.0, 2.0])
    assert table["status"].tolist() == ["dominated", "reference"]


def around(mean, spread, seed):
    noise = np.random.default_rng(seed).normal(0, spread, 400)
    return mean + noise - noise.mean()


@pytest.mark.parametrize(("spread", "sure"), [(0.1, True), (100.0, False)])
def test_dominance_is_sure_only_beyond_the_error_of_the_paired_difference(spread, sure):
    names = {"strategy": ["a", "b", "c", "d"]}
    # b is dominated by a, and c lies 5 above the line from a to d.
    cost = xr.DataArray(
        np.column_stack([around(mean, spread, place) for place, mean in enumerate((10.0, 13.0, 25.0, 30.0))]),
        names,
        dims=("draw", "strategy"),
    )
    qaly = xr.DataArray(np.tile([1.0, 1.0, 2.0, 3.0], (400, 1)), names, dims=("draw", "strategy"))
    status = icer_table(cost, qaly)["status"]
    assert (status["b"], status["c"]) == ("dominated", "extendedly dominated")
    assert surely_dominated(cost, qaly) == {"b": sure, "c": sure}


def test_what_all_draws_share_is_no_error_of_dominance():
    names = {"strategy": ["a", "b", "c"]}
    shared = around(0.0, 1000.0, 1)[:, None]
    cost = xr.DataArray(shared + np.array([10.0, 13.0, 30.0]), names, dims=("draw", "strategy"))
    qaly = xr.DataArray(np.tile([1.0, 1.0, 3.0], (400, 1)), names, dims=("draw", "strategy"))
    assert surely_dominated(cost, qaly) == {"b": True}
