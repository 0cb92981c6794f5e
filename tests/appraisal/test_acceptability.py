import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from pmbudget.appraisal import ceac, ceaf, expected_loss, icer_table, net_monetary_benefit


@pytest.fixture
def draws():
    rng = np.random.default_rng(1)
    names = {"strategy": ["a", "b", "c"]}
    cost = xr.DataArray(rng.normal([100, 200, 300], 50, (1000, 3)), dims=("draw", "strategy"), coords=names)
    qaly = xr.DataArray(rng.normal([1.0, 1.2, 1.3], 0.2, (1000, 3)), dims=("draw", "strategy"), coords=names)
    return cost, qaly


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


def one_threshold_at_a_time(cost, qaly, wtp):
    """Acceptability and expected loss as they are defined."""
    shares, losses = [], []
    for threshold in wtp:
        benefit = threshold * qaly - cost
        best = benefit.max(axis=1, keepdims=True)
        wins = benefit == best
        shares.append((wins / wins.sum(axis=1, keepdims=True)).mean(axis=0))
        losses.append((best - benefit).mean(axis=0))
    return np.transpose(shares), np.transpose(losses)


@settings(max_examples=120, deadline=None)
@given(data=some.data(), draws=some.integers(1, 12), strategies=some.integers(1, 5))
def test_intervals_give_what_the_definition_gives_with_ties_and_twins(data, draws, strategies):
    # Small whole numbers: thresholds fall on the ends of intervals, strategies coincide.
    cost, qaly = (
        data.draw(arrays(float, (draws, strategies), elements=some.integers(low, high).map(float)))
        for low, high in ((-6, 6), (-2, 2))
    )
    wtp = np.array(data.draw(some.lists(some.integers(0, 8), min_size=1, max_size=6)), float)
    shares, losses = one_threshold_at_a_time(cost, qaly, wtp)
    np.testing.assert_allclose(ceac(cost, qaly, wtp), shares, atol=1e-12)
    np.testing.assert_allclose(expected_loss(cost, qaly, wtp), losses, atol=1e-9)


def test_intervals_give_what_the_definition_gives_on_many_draws():
    rng = np.random.default_rng(4)
    cost, qaly = rng.normal([0, 1, 1.5, 2], 1, (3000, 4)), rng.normal([0, 0.8, 0.9, 1], 0.5, (3000, 4))
    wtp = np.linspace(0, 5, 101)
    shares, losses = one_threshold_at_a_time(cost, qaly, wtp)
    np.testing.assert_allclose(ceac(cost, qaly, wtp), shares, atol=1e-12)
    np.testing.assert_allclose(expected_loss(cost, qaly, wtp), losses, atol=1e-12)


def test_thresholds_need_not_be_in_order(draws):
    wtp = [3000.0, 0.0, 1000.0, 3000.0]
    found = ceac(*draws, wtp)
    assert found["wtp"].to_numpy().tolist() == wtp
    np.testing.assert_array_equal(found.isel(wtp=0), found.isel(wtp=3))
    np.testing.assert_allclose(found.isel(wtp=2), ceac(*draws, 1000.0))


def test_the_frontier_follows_the_mean_and_not_the_majority():
    # b is better by 10 in one draw of three and worse by 1 in two: best on average, best in a third.
    names = {"strategy": ["a", "b"]}
    cost = xr.DataArray([[0.0, -10.0], [0.0, 1.0], [0.0, 1.0]], dims=("draw", "strategy"), coords=names)
    found = ceaf(cost, 0 * cost, 100)
    assert found["optimal"].item() == "b"
    assert float(found["probability"]) == pytest.approx(1 / 3)
    assert ceac(cost, 0 * cost, 100).idxmax("strategy").item() == "a"


def test_of_two_equally_good_on_average_the_less_costly_is_chosen():
    assert ceaf([[10, 5]], [[1, 0.5]], 10)["optimal"].item() == 1
    assert ceaf([[5, 10]], [[0.5, 1]], 10)["optimal"].item() == 0


def test_the_frontier_changes_strategy_at_the_ratios_of_the_table(draws):
    ratios = icer_table(*draws)["icer"].dropna()
    for name, ratio in ratios.items():
        around = ceaf(*draws, [ratio * (1 - 1e-6), ratio * (1 + 1e-6)])["optimal"].to_numpy()
        assert around[1] == name != around[0]


def test_the_frontier_s_probability_is_the_curve_of_its_strategy(draws):
    wtp = np.linspace(0, 4000, 41)
    found, curves = ceaf(*draws, wtp), ceac(*draws, wtp)
    for place, name in enumerate(found["optimal"].to_numpy()):
        assert float(found["probability"][place]) == float(curves.sel(strategy=name).isel(wtp=place))


def test_expected_loss_is_the_loss_to_the_best_of_each_draw(draws):
    benefit = net_monetary_benefit(*draws, 1500.0)
    expected = (benefit.max("strategy") - benefit).mean("draw")
    np.testing.assert_allclose(expected_loss(*draws, 1500.0), expected, rtol=1e-9)


def test_the_strategy_of_the_frontier_loses_least(draws):
    wtp = np.linspace(0, 4000, 41)
    loss, best = expected_loss(*draws, wtp), ceaf(*draws, wtp)["optimal"]
    np.testing.assert_allclose(loss.sel(strategy=best), loss.min("strategy"), atol=1e-9)


def test_what_is_certain_loses_nothing():
    assert expected_loss([[1, 2], [1, 2]], [[0, 0], [0, 0]], [0, 5]).to_numpy().tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize("function", [ceac, ceaf, expected_loss])
def test_means_alone_have_no_probability(function):
    with pytest.raises(ValueError, match="no dim draw"):
        function([1.0, 2.0], [1.0, 2.0], 100)
