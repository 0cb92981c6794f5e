import numpy as np
import pytest

from pmbudget.patient import cycle_weights, discount_factors, partitioned_survival


@pytest.mark.parametrize("counting", ["start", "end", "trapezoid", "simpson"])
@pytest.mark.parametrize("n", [2, 10, 76])
def test_weights_sum_to_the_number_of_cycles(counting, n):
    weights = cycle_weights(n, counting)
    assert len(weights) == n + 1
    assert weights.sum() == pytest.approx(n, rel=1e-12)


def test_one_cycle_has_its_half_at_each_end():
    assert cycle_weights(1, "trapezoid").tolist() == [0.5, 0.5]


def test_start_and_end_leave_out_one_end_each():
    assert cycle_weights(3, "start").tolist() == [1, 1, 1, 0]
    assert cycle_weights(3, "end").tolist() == [0, 1, 1, 1]


def test_the_trapezoid_is_exact_for_a_straight_line():
    time = np.arange(6)
    assert cycle_weights(5, "trapezoid") @ (7 - 1.5 * time) == pytest.approx(7 * 5 - 0.75 * 25)


def test_simpson_is_exact_for_a_cubic():
    time = np.arange(7)
    assert cycle_weights(6, "simpson") @ (time**3 - 2 * time) == pytest.approx(6**4 / 4 - 36)


def test_simpson_refuses_an_odd_number_of_cycles():
    with pytest.raises(ValueError, match="75 is odd"):
        cycle_weights(75, "simpson")


def test_simpson_as_published_keeps_the_published_sum():
    weights = cycle_weights(75, "simpson_as_published")
    assert weights.sum() == pytest.approx(2 / 3 + 37 * 2 / 3 + 37 * 4 / 3)
    assert weights.sum() == pytest.approx(74.666667, abs=1e-6)
    assert weights[1:3].tolist() == pytest.approx([2 / 3, 4 / 3])


@pytest.mark.parametrize(
    ("n", "counting", "said"), [(0, "start", "n_cycles = 0"), (4, "middle", "'middle' is unknown")]
)
def test_unknown_countings_are_refused(n, counting, said):
    with pytest.raises(ValueError, match=said):
        cycle_weights(n, counting)


def test_discount_factors_are_a_geometric_series():
    factors = discount_factors(40, 0.03)
    assert factors[0] == 1
    assert factors.sum() == pytest.approx((1 - 1.03**-41) / (1 - 1 / 1.03), rel=1e-12)


def test_twelve_months_are_discounted_as_one_year():
    assert discount_factors(24, 0.05, cycles_per_year=12)[[12, 24]] == pytest.approx([1 / 1.05, 1 / 1.05**2])


def test_no_rate_does_not_discount():
    assert discount_factors(5, 0.0).tolist() == [1.0] * 6


def test_a_rate_of_minus_one_is_refused():
    with pytest.raises(ValueError, match="rate = -1"):
        discount_factors(5, -1.0)


FREE, ALIVE = [1, 0.6, 0.5, 0.1], [1, 0.8, 0.4, 0.2]


def test_the_states_are_what_lies_between_the_curves():
    states = partitioned_survival(FREE, ALIVE)
    assert states.sel(state="progression_free").to_numpy() == pytest.approx([1, 0.6, 0.4, 0.1])
    assert states.sel(state="progressed").to_numpy() == pytest.approx([0, 0.2, 0, 0.1])
    assert states.sel(state="dead").to_numpy() == pytest.approx([0, 0.2, 0.6, 0.8])


def test_the_states_sum_to_one_and_none_is_negative():
    rng = np.random.default_rng(1)
    free, alive = (np.sort(rng.random((50, 20)))[:, ::-1] for _ in range(2))
    states = partitioned_survival(free, alive)
    assert states.sum("state").to_numpy() == pytest.approx(1)
    assert float(states.min()) >= 0
    assert states.attrs["crossings"] == (free > alive).sum()


def test_a_crossing_is_counted():
    assert partitioned_survival(FREE, ALIVE).attrs["crossings"] == 1
    assert partitioned_survival(ALIVE, ALIVE).attrs["crossings"] == 0
