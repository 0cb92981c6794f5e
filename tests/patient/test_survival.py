import numpy as np
import pytest
import xarray as xr
from scipy import stats

from pmbudget.patient import survival_curve
from pmbudget.patient.survival import (
    bounded_by_population,
    reference_curve,
    through_point,
    with_cure,
    with_hazard_ratios,
)

MEDIAN, LN2 = 9.0, np.log(2)
TIMES = np.linspace(0, 60, 31)


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("exponential", {"rate": LN2 / MEDIAN}),
        ("weibull", {"shape": 1.3, "scale": MEDIAN / LN2 ** (1 / 1.3)}),
        ("gompertz", {"shape": 0.05, "rate": LN2 * 0.05 / np.expm1(0.05 * MEDIAN)}),
        ("gompertz", {"shape": -0.02, "rate": LN2 * -0.02 / np.expm1(-0.02 * MEDIAN)}),
        ("lognormal", {"meanlog": np.log(MEDIAN), "sdlog": 0.8}),
        ("loglogistic", {"shape": 1.7, "scale": MEDIAN}),
        ("gamma", {"shape": 2.0, "rate": stats.gamma.median(2.0) / MEDIAN}),
    ],
)
def test_half_are_alive_at_the_median_and_all_at_the_start(family, parameters):
    assert survival_curve(family, [0, MEDIAN], **parameters).to_numpy() == pytest.approx([1, 0.5], rel=1e-12)


@pytest.mark.parametrize(
    ("family", "parameters", "known"),
    [
        ("exponential", {"rate": 0.1}, stats.expon(scale=10)),
        ("weibull", {"shape": 1.3, "scale": 12.0}, stats.weibull_min(1.3, scale=12)),
        ("gompertz", {"shape": 0.05, "rate": 0.02}, stats.gompertz(0.4, scale=20)),
        ("lognormal", {"meanlog": 2.0, "sdlog": 0.8}, stats.lognorm(0.8, scale=np.exp(2))),
        ("loglogistic", {"shape": 1.7, "scale": 9.0}, stats.fisk(1.7, scale=9)),
        ("gamma", {"shape": 2.0, "rate": 0.2}, stats.gamma(2, scale=5)),
    ],
)
def test_the_whole_curve_is_that_of_the_family(family, parameters, known):
    assert survival_curve(family, TIMES, **parameters).to_numpy() == pytest.approx(known.sf(TIMES), rel=1e-9)


def test_a_hazard_ratio_moves_the_scale_of_a_weibull():
    ratio, shape, scale = 0.6, 1.4, 11.0
    curve = survival_curve("weibull", TIMES, shape=shape, scale=scale) ** ratio
    moved = survival_curve("weibull", TIMES, shape=shape, scale=scale * ratio ** (-1 / shape))
    assert curve.to_numpy() == pytest.approx(moved.to_numpy(), rel=1e-12)


@pytest.mark.parametrize("shape", [0.0, 1e-13, 1e-9, -1e-9])
def test_a_gompertz_without_bend_is_exponential(shape):
    curve = survival_curve("gompertz", TIMES, shape=shape, rate=0.08)
    assert curve.to_numpy() == pytest.approx(np.exp(-0.08 * TIMES), rel=1e-6)


def test_parameters_over_draws_give_curves_over_draws():
    rates = xr.DataArray([0.1, 0.2], dims="draw")
    curve = survival_curve("exponential", [0, 5, 10], rate=rates)
    assert curve.dims == ("draw", "cycle")
    assert curve.to_numpy() == pytest.approx(np.exp(-np.outer([0.1, 0.2], [0, 5, 10])))


@pytest.mark.parametrize(("alive", "time"), [(0.5, 12.0), (0.6, 60.0)])
@pytest.mark.parametrize(
    ("family", "shape"),
    [
        ("exponential", None),
        ("weibull", 0.9),
        ("gompertz", 0.04),
        ("gompertz", 0.0),
        ("lognormal", 0.8),
        ("loglogistic", 1.7),
        ("gamma", 2.0),
    ],
)
def test_a_curve_goes_through_its_point(family, shape, alive, time):
    found = survival_curve(family, [0, time], **through_point(family, alive, time, shape))
    assert found.to_numpy() == pytest.approx([1, alive], rel=1e-12)


@pytest.mark.parametrize(
    ("family", "times", "parameters", "said"),
    [
        ("weibul", [0, 1], {"shape": 1, "scale": 1}, "unknown family 'weibul'"),
        ("weibull", [0, 1], {"shape": 1, "rate": 1}, "weibull takes shape, scale"),
        ("exponential", [-1, 1], {"rate": 1}, "at least 0"),
        ("exponential", [[0, 1]], {"rate": 1}, "one-dimensional"),
        ("exponential", [0, np.nan], {"rate": 1}, "at least 0"),
    ],
)
def test_what_is_no_curve_is_refused(family, times, parameters, said):
    with pytest.raises(ValueError, match=said):
        survival_curve(family, times, **parameters)


def test_nobody_dies_more_slowly_than_the_population_and_the_ill_as_before():
    months = np.arange(241)
    population = survival_curve("gompertz", months / 12, shape=0.1, rate=0.015)
    grim = survival_curve("exponential", months, rate=0.05)
    np.testing.assert_allclose(bounded_by_population(grim, population), grim, rtol=1e-12)
    bright = survival_curve("exponential", months, rate=1e-5)
    np.testing.assert_allclose(bounded_by_population(bright, population), population, rtol=1e-12)
    early = survival_curve("weibull", months, shape=0.5, scale=100.0)
    held = bounded_by_population(early, population)
    assert float((held - np.minimum(early, 1)).max()) <= 1e-12
    assert float(held[-1]) < float(early[-1])


def test_a_curve_that_has_reached_nothing_stays_there():
    curve, population = (xr.DataArray(values, dims="cycle") for values in ([1.0, 0.0, 0.0], [1.0, 0.9, 0.8]))
    assert bounded_by_population(curve, population).to_numpy() == pytest.approx([1, 0, 0], abs=1e-300)


def test_piecewise_hazards_by_hand():
    months = np.arange(25)
    curve = survival_curve("exponential", months, rate=0.05)
    ratios = xr.DataArray(np.where(np.arange(24) < 10, 0.5, 2.0), dims="cycle")
    cumulative = 0.05 * np.where(months <= 10, 0.5 * months, 5 + 2 * (months - 10))
    np.testing.assert_allclose(with_hazard_ratios(curve, ratios), np.exp(-cumulative), rtol=1e-12)


def test_one_ratio_in_every_cycle_is_one_ratio_throughout():
    curve = survival_curve("lognormal", TIMES, meanlog=2.5, sdlog=0.9)
    ratios = xr.DataArray(np.full(len(TIMES) - 1, 0.7), dims="cycle")
    np.testing.assert_allclose(with_hazard_ratios(curve, ratios), with_hazard_ratios(curve, 0.7), rtol=1e-12)
    with pytest.raises(ValueError, match="5 ratios for 30 cycles"):
        with_hazard_ratios(curve, ratios.isel(cycle=slice(5)))


def test_the_cured_die_as_the_population_does():
    population = survival_curve("gompertz", TIMES, shape=0.01, rate=0.001)
    curve = survival_curve("exponential", TIMES, rate=1.0)
    late = with_cure(curve, 0.3, population).isel(cycle=-1)
    assert float(late) == pytest.approx(0.3 * float(population[-1]), rel=1e-9)
    xr.testing.assert_allclose(with_cure(curve, 0.0, population), curve)


@pytest.mark.parametrize("ratios", [[1.0, 1.0, 1.0], [1.0, 0.4, 2.5], [1.0, 8.0, 0.05]])
def test_the_mixture_of_the_classes_is_the_curve_that_was_seen(ratios):
    """Prognosis apart from prediction: the reference curve, put together again, gives back the population's."""
    months = np.arange(241)
    scale = xr.DataArray([9.0, 22.0, 60.0], dims="draw")
    seen = survival_curve("weibull", months, shape=xr.DataArray(0.9), scale=scale)
    shares = xr.DataArray([[0.2, 0.5, 0.98], [0.3, 0.3, 0.01], [0.5, 0.2, 0.01]], dims=("true_class", "draw"))
    hazards = xr.DataArray(ratios, dims="true_class")
    reference = reference_curve(seen, shares, hazards)
    np.testing.assert_allclose((shares * reference**hazards).sum("true_class").transpose(*seen.dims), seen, rtol=1e-10)
    assert float(reference.diff("cycle").max()) <= 0


def test_a_curve_at_nothing_has_a_reference_at_nothing():
    seen = xr.DataArray([1.0, 0.2, 0.0], dims="cycle")
    halves, ratios = (xr.DataArray(values, dims="true_class") for values in ([0.5, 0.5], [1.0, 3.0]))
    assert reference_curve(seen, halves, ratios).to_numpy()[[0, 2]].tolist() == [1.0, 0.0]


def test_a_ratio_of_0_stops_dying_also_where_none_is_left():
    gone = xr.DataArray([1.0, 0.5, 0.0, 0.0], dims="cycle")
    stopped = with_hazard_ratios(gone, xr.DataArray([1.0, 0.0, 0.0], dims="cycle"))
    assert stopped.to_numpy() == pytest.approx([1.0, 0.5, 0.5, 0.5])
    assert with_hazard_ratios(gone, xr.DataArray([1.0, 1.0, 1.0], dims="cycle")).to_numpy() == pytest.approx(gone)
