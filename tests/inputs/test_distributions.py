import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats

from pmbudget.inputs import distribution

Z = stats.norm.ppf(0.975)


def width(known):
    low, high = known.interval
    return high - low


def test_gamma_meets_the_mean_and_the_width_of_the_interval():
    shape, scale = distribution("gamma", mean=5200, interval=(3400, 7600)).parameters
    low, high = stats.gamma.ppf([0.025, 0.975], shape, scale=scale)
    assert shape * scale == pytest.approx(5200, rel=1e-12)
    assert high - low == pytest.approx(4200, rel=1e-8)


def test_beta_meets_the_mean_and_the_width_of_the_interval():
    alpha, beta = distribution("beta", mean=0.4, interval=(0.2, 0.65)).parameters
    low, high = stats.beta.ppf([0.025, 0.975], alpha, beta)
    assert alpha / (alpha + beta) == pytest.approx(0.4, rel=1e-12)
    assert high - low == pytest.approx(0.45, rel=1e-8)


def test_counts_give_the_posterior_of_jeffreys():
    assert distribution("beta", counts=(7, 469)).parameters == (7.5, 462.5)


def test_no_events_of_some_is_no_certainty():
    assert 0 < distribution("beta", counts=(0, 20)).mean < 0.05


def test_lognormal_holds_two_quantiles_exactly():
    mu, sigma = distribution("lognormal", quantiles={0.025: 1, 0.975: 4}).parameters
    assert (mu, sigma) == pytest.approx((np.log(2), np.log(2) / Z), rel=1e-12)


def test_lognormal_from_a_symmetric_ratio_holds_the_median():
    known = distribution("lognormal", median=0.7, interval=(0.35, 1.4))
    assert known.quantile(0.5) == pytest.approx(0.7, rel=1e-12)
    assert known.interval == pytest.approx((0.35, 1.4), rel=1e-12)


def test_normal_takes_its_sd_from_the_width():
    known = distribution("normal", mean=10, interval=(8, 13))
    assert (known.mean, known.sd) == pytest.approx((10, 5 / (2 * Z)), rel=1e-9)


def test_uniform_between_its_ends():
    known = distribution("uniform", low=2, high=8)
    assert (known.mean, known.sd, known.quantile(0.25)) == pytest.approx((5, 6 / np.sqrt(12), 3.5))


@pytest.mark.parametrize("family", ["gamma", "beta", "normal"])
def test_quantiles_of_a_member_give_the_member_back(family):
    member = distribution(family, mean=0.3, sd=0.08)
    found = distribution(family, quantiles={p: member.quantile(p) for p in (0.1, 0.5, 0.9)})
    assert found.parameters == pytest.approx(member.parameters, rel=1e-4)


@pytest.mark.parametrize("family", ["gamma", "beta", "normal", "lognormal", "uniform"])
def test_draws_have_the_stated_mean_and_sd(family):
    known = distribution(family, mean=0.3, sd=0.08)
    drawn = known.draw(100_000, np.random.default_rng(1))
    assert known.mean == pytest.approx(0.3, rel=1e-12)
    assert drawn.mean() == pytest.approx(0.3, abs=5 * 0.08 / np.sqrt(100_000))
    assert drawn.std() == pytest.approx(0.08, rel=0.02)


def test_what_is_fixed_never_varies():
    known = distribution(value=0.03)
    assert (known.mean, known.sd, known.interval) == (0.03, 0.0, (0.03, 0.03))
    assert np.unique(known.draw(10, np.random.default_rng(1))).tolist() == [0.03]


@pytest.mark.parametrize(
    ("family", "figures", "said"),
    [
        ("gamma", {"mean": 1, "interval": (2, 3)}, "does not hold the mean"),
        ("gamma", {"mean": 2, "interval": (3, 1)}, "does not hold the mean"),
        ("gama", {"mean": 2, "interval": (1, 3)}, "unknown family 'gama'"),
        ("beta", {"mean": 1.2, "sd": 0.1}, "1.2 is outside 0 to 1"),
        ("beta", {"mean": 0.5, "interval": (0.2, 1.4)}, "1.4 is outside 0 to 1"),
        ("gamma", {"mean": 2, "interval": (-1, 5)}, "-1 is outside"),
        ("gamma", {"mean": 0, "sd": 1}, "no gamma has mean 0"),
        ("gamma", {"mean": np.nan, "interval": (1, 3)}, "mean = nan is not a finite number"),
        ("normal", {"mean": 1, "interval": (0, np.inf)}, "not a finite number"),
        ("lognormal", {"quantiles": {0.1: 1, 0.9: np.nan}}, "not a finite number"),
        ("beta", {"mean": 0.5, "sd": 0.6}, "standard deviation 0.6"),
        ("normal", {"mean": 0, "sd": 0}, "standard deviation 0"),
        ("beta", {"mean": 0.002, "interval": (0, 0.9)}, "as wide as"),
        ("beta", {"counts": (5, 3)}, "0 <= events <= total"),
        ("beta", {"counts": (0, 0)}, "total above 0"),
        ("gamma", {"counts": (1, 3)}, "cannot be made from"),
        ("lognormal", {"quantiles": {0.1: 3, 0.9: 2}}, "rising"),
        ("lognormal", {"quantiles": {0.5: 2}}, "two or more"),
        ("gamma", {"mean": 2, "interval": (1, 2, 3)}, "two numbers"),
        ("gamma", {"mean": 2}, "cannot be made from"),
        ("gamma", {"shape": -1, "scale": 2}, "shape = -1"),
        ("uniform", {"low": 2, "high": 1}, "low = 2"),
        ("fixed", {"mean": 2}, "takes value alone"),
        ("fixed", {"value": np.nan}, "not a finite number"),
    ],
)
def test_figures_that_no_member_has_are_refused(family, figures, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        distribution(family, **figures)


@pytest.mark.parametrize(
    ("family", "figures", "said"),
    [
        ("gamma", {"median": 1, "interval": (0.9, 100)}, "no gamma comes near quantiles of 0.9 (has "),
        ("beta", {"median": 0.5, "interval": (0.01, 0.6)}, "no beta comes near quantiles of 0.01 (has "),
        ("lognormal", {"median": 10, "interval": (1, 12)}, "12 (has 14.7); use another family"),
        ("normal", {"quantiles": {0.1: 1, 0.5: 2, 0.9: 8}}, "no normal comes near"),
        ("uniform", {"quantiles": {0.1: 1, 0.5: 2, 0.9: 8}}, "no uniform comes near"),
    ],
)
def test_quantiles_that_the_family_misses_are_refused_with_what_it_has(family, figures, said):
    with pytest.raises(ValueError) as caught:
        distribution(family, **figures)
    assert said in str(caught.value)


@pytest.mark.parametrize(("median", "low", "high"), [(9.0, 8.1, 10.4), (38.6, 34.5, 41.8), (19.0, 12.2, 36.6)])
def test_a_reported_median_that_is_a_little_off_is_met_within_a_twentieth_of_the_interval(median, low, high):
    known = distribution("lognormal", median=median, interval=(low, high))
    for at, value in ((0.025, low), (0.5, median), (0.975, high)):
        assert abs(known.quantile(at) - value) <= 0.05 * (high - low)


@settings(max_examples=60, deadline=None)
@given(shape=some.floats(0.4, 300), scale=some.floats(0.01, 1e6))
def test_three_quantiles_of_any_gamma_are_met(shape, scale):
    asked = {p: float(stats.gamma.ppf(p, shape, scale=scale)) for p in (0.05, 0.5, 0.95)}
    known = distribution("gamma", quantiles=asked)
    assert known.mean == pytest.approx(shape * scale, rel=1e-3)


@settings(max_examples=60, deadline=None)
@given(alpha=some.floats(0.4, 300), beta=some.floats(0.4, 300))
def test_the_interval_of_any_beta_gives_its_mean_and_width(alpha, beta):
    mean, (low, high) = alpha / (alpha + beta), stats.beta.ppf([0.025, 0.975], alpha, beta)
    known = distribution("beta", mean=mean, interval=(low, high))
    assert known.mean == pytest.approx(mean, rel=1e-9)
    assert width(known) == pytest.approx(high - low, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(shape=some.floats(0.4, 300), scale=some.floats(0.01, 1e6))
def test_the_interval_of_any_gamma_gives_its_mean_and_width(shape, scale):
    mean, (low, high) = shape * scale, stats.gamma.ppf([0.025, 0.975], shape, scale=scale)
    known = distribution("gamma", mean=mean, interval=(low, high))
    assert known.mean == pytest.approx(mean, rel=1e-9)
    assert width(known) == pytest.approx(high - low, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(mean=some.floats(0.05, 0.95), below=some.floats(0.1, 0.6), above=some.floats(0.1, 0.6))
def test_the_mean_is_kept_when_the_interval_is_lopsided(mean, below, above):
    low, high = mean * (1 - below), mean + (1 - mean) * above
    known = distribution("beta", mean=mean, interval=(low, high))
    assert known.mean == pytest.approx(mean, rel=1e-9)
    assert width(known) == pytest.approx(high - low, rel=1e-6)
