import numpy as np
import pytest

from pmbudget.appraisal.ranking import simulation_error, surely_above, surely_best


def test_a_difference_within_two_simulation_errors_is_no_order():
    rng = np.random.default_rng(1)
    common = rng.normal(0, 100, 400)
    noise = rng.normal(0, 1, 400)
    assert not surely_above(common + noise - noise.mean() + 0.05, common)
    assert surely_above(common + 0.5 * noise + 1, common)


def test_a_mean_that_a_few_draws_carry_is_no_order():
    gain = np.where(np.arange(1000) % 10 == 0, 100.0, -1.0)
    assert gain.mean() > 2 * simulation_error(gain)
    assert not surely_above(gain, np.zeros(1000))


def test_equal_options_are_not_ranked():
    assert not surely_above(np.ones(10), np.ones(10))
    assert surely_best(np.ones((3, 10))) is None


@pytest.mark.parametrize("largest", [True, False])
def test_the_best_is_above_every_other(largest):
    sign = 1 if largest else -1
    draws = sign * np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0], [0.0, 0.5, 1.0]])
    assert surely_best(draws, largest=largest) == 1
