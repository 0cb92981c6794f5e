import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as some

from pmbudget.appraisal import ceac, icer_table, net_monetary_benefit


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


@pytest.fixture
def draws():
    rng = np.random.default_rng(1)
    names = {"strategy": ["a", "b", "c"]}
    cost = xr.DataArray(rng.normal([100, 200, 300], 50, (1000, 3)), dims=("draw", "strategy"), coords=names)
    qaly = xr.DataArray(rng.normal([1.0, 1.2, 1.3], 0.2, (1000, 3)), dims=("draw", "strategy"), coords=names)
    return cost, qaly


def test_net_monetary_benefit_by_hand():
    cost, qaly = (xr.DataArray([[value]], dims=("draw", "strategy")) for value in (300.0, 1.5))
    assert net_monetary_benefit(cost, qaly, 1000).to_numpy().tolist() == [[1200]]
    over = net_monetary_benefit(cost, qaly, [0, 1000, 2000])
    assert over.squeeze().to_numpy().tolist() == [-300, 1200, 2700]
    assert over["wtp"].to_numpy().tolist() == [0, 1000, 2000]


def test_acceptability_sums_to_one_at_every_threshold(draws):
    found = ceac(*draws, np.linspace(0, 5000, 11))
    assert found.dims == ("strategy", "wtp")
    assert found.sum("strategy").to_numpy() == pytest.approx(1)
    assert float(found.min()) >= 0


def test_acceptability_at_one_threshold_has_no_threshold_dim(draws):
    one = ceac(*draws, 1000.0)
    assert one.dims == ("strategy",)
    assert one.to_numpy() == pytest.approx(ceac(*draws, [500, 1000]).sel(wtp=1000).to_numpy())


def test_acceptability_counts_the_draws_in_which_a_strategy_is_best():
    names = {"strategy": ["a", "b"]}
    cost = xr.DataArray([[0.0, 10.0]] * 4, dims=("draw", "strategy"), coords=names)
    qaly = xr.DataArray([[0.0, 1.0], [0.0, 2.0], [0.0, 0.5], [0.0, 0.0]], dims=("draw", "strategy"), coords=names)
    assert ceac(cost, qaly, 8).sel(strategy="b") == 0.25
    assert ceac(cost, qaly, 12).sel(strategy="b") == 0.5


def test_a_tie_is_shared_between_the_best():
    names = {"strategy": ["a", "b", "c"]}
    cost = xr.DataArray([[1.0, 1.0, 5.0]], dims=("draw", "strategy"), coords=names)
    assert ceac(cost, 0 * cost, 100).to_numpy().tolist() == [0.5, 0.5, 0]
