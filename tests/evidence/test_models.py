"""What the blocks learn: published analyses on their own data, simulated truths recovered, and what must hold by construction."""

import numpy as np
import pytest
from scipy import special, stats
from study_builders import MANY_MU, MANY_TAU, counts, parameter, together

from pmbudget.evidence import accuracy, checks, sensitivity, survival
from pmbudget.evidence.blocks import blocks_of, flat, learnt, off_link


def interval(values):
    return np.quantile(values, [0.025, 0.975])


def of(posterior, quantity, variable):
    return flat(posterior.fitted[f"{quantity}.csv:{quantity}.{variable}"])


@pytest.fixture(scope="module")
def blocks(parameters):
    return {block.parameters[0].name: block for block in blocks_of(learnt(parameters))}


# Published analyses


@pytest.mark.parametrize(
    ("name", "pooled", "published_interval", "variance"),
    [("standard", 0.029, (0.018, 0.048), 0.81), ("coated", 0.008, (0.004, 0.016), 0.83)],
)
def test_pooled_proportions_agree_with_a_published_binomial_normal_meta_analysis(
    posterior, name, pooled, published_interval, variance
):
    """Stijnen, Hamza and Ozdemir, Statistics in Medicine 2010;29:3046, Table II, binomial-normal model."""
    found = special.expit(of(posterior, name, "mean"))
    assert np.median(found) == pytest.approx(pooled, abs=0.002)
    assert interval(found) == pytest.approx(published_interval, abs=0.006)
    assert np.median(of(posterior, name, "spread") ** 2) == pytest.approx(variance, rel=0.35)


def test_pooled_rates_agree_with_a_published_poisson_normal_meta_analysis(posterior):
    """The same paper, Table VII, standard catheters: 4.06 per 1,000 days (2.58 to 6.38)."""
    found = np.exp(of(posterior, "infections", "mean"))
    assert np.median(found) == pytest.approx(4.06, rel=0.06)
    assert interval(found) == pytest.approx((2.58, 6.38), rel=0.15)


def test_accuracy_agrees_with_a_published_bivariate_meta_analysis(posterior):
    """AUDIT-C (Kriston et al 2008) by the bivariate model of Reitsma in R's mada, maximum likelihood: logit sensitivity 2.076, logit false
    positive rate -1.262, variance of the first 1.22, positive covariance (0.58) of sensitivity and false positives.

    mada takes logits as normal and adds a half to every cell, which draws down the two studies that missed nobody (0 of 68, 0 of 752); our
    likelihood is exact, and its sensitivity therefore a little higher.
    """
    mu, tau = of(posterior, "audit", "mean"), of(posterior, "audit", "spread")
    for number, published in enumerate((2.076, 1.262)):
        low, high = interval(mu[:, number])
        assert low < published < high
    assert special.expit(mu).mean(axis=0) == pytest.approx([special.expit(2.076), special.expit(1.262)], abs=0.03)
    assert np.quantile(tau[:, 0] ** 2, 0.025) < 1.22 < np.quantile(tau[:, 0] ** 2, 0.975)
    assert of(posterior, "audit", "correlation").mean() < -0.3


# Simulated truths


def test_the_pooled_share_and_the_spread_are_recovered_from_twelve_simulated_studies(posterior):
    low, high = interval(special.expit(of(posterior, "many", "mean")))
    assert low < special.expit(MANY_MU) < high
    assert high - low < 0.1
    low, high = interval(of(posterior, "many", "spread"))
    assert low < MANY_TAU < high


def test_cost_survival_and_uptake_recover_what_they_were_simulated_with(posterior, spread):
    draws = {name: one.draws[name] for one in (posterior, spread) for name in one.draws}
    truths = {"cost": 5000, "median": 14.0, "shape": 1.5, "slope": 0.4, "at_two_years": 0.5 ** ((24 / 14) ** 1.5)}
    missed = {name: interval(draws[name]) for name, truth in truths.items() if not _holds(draws[name], truth)}
    assert missed == {}
    assert 0.3 < draws["level"].mean() < 0.7


def _holds(values, truth):
    low, high = np.quantile(values, [0.005, 0.995])
    return low < truth < high


def test_ratios_agree_with_inverse_variance_weighting_where_settings_hardly_differ(posterior):
    estimate, se = np.log([0.6, 0.75, 0.5, 0.66]), np.array([0.15, 0.2, 0.25, 0.1])
    fixed = (estimate / se**2).sum() / (1 / se**2).sum()
    assert of(posterior, "hazard", "mean").mean() == pytest.approx(fixed, abs=0.05)


# What must hold


def test_a_new_setting_varies_by_the_spread_between_settings(posterior):
    mu, tau = of(posterior, "many", "mean"), of(posterior, "many", "spread")
    found = np.var(special.logit(posterior.draws["many"].to_numpy()))
    assert found == pytest.approx(np.var(mu) + np.mean(tau**2), rel=0.2)


def test_regions_share_the_mean_and_differ_by_the_spread(posterior):
    values = special.logit(posterior.draws["by_region"].transpose("draw", "region").to_numpy())
    tau = of(posterior, "by_region", "spread")
    assert values.shape[1] == 21
    assert np.median(values.std(axis=1) / tau) == pytest.approx(1, abs=0.1)


def test_a_borrowed_study_at_a_tenth_is_less_certain_than_a_whole_one(posterior):
    spread = [of(posterior, name, "mean").std() for name in ("discounted", "whole")]
    assert spread[0] > 1.3 * spread[1]


def test_the_correlation_of_sensitivity_and_specificity_survives_into_the_draws(posterior):
    drawn = [special.logit(posterior.draws[name]) for name in ("se", "sp")]
    assert np.corrcoef(drawn)[0, 1] < -0.3


def test_flawless_follow_up_is_the_plain_likelihood_and_poorer_follow_up_learns_less(posterior):
    mean, spread = (
        {name: f(of(posterior, name, "mean")) for name in ("plain", "flawless", "misclassified", "lost")}
        for f in (np.mean, np.std)
    )
    assert mean["flawless"] == pytest.approx(mean["plain"], abs=0.03)
    assert spread["flawless"] == pytest.approx(spread["plain"], rel=0.1)
    assert spread["misclassified"] > 1.2 * spread["plain"]
    assert spread["lost"] > 1.02 * spread["plain"]


def test_misclassification_of_zero_is_exactly_the_binomial_likelihood():
    theta = np.linspace(-4, 2, 7)
    plain, poor = (
        blocks_of(learnt(together(parameter("x", counts((30, 100), **how)))))[0]
        for how in ({}, {"false_negative": 0.2, "false_positive": 0.2})
    )
    whole = sensitivity.log_likelihood(plain, theta[None, :])[0]
    exact = stats.binom(100, special.expit(theta)).logpmf(30)
    assert whole - whole[0] == pytest.approx(exact - exact[0])
    curved = np.gradient(np.gradient(sensitivity.log_likelihood(poor, theta[None, :])[0]))
    assert abs(curved[3]) < abs(np.gradient(np.gradient(whole))[3])


def test_regions_with_series_keep_their_own_level(spread):
    values = spread.draws["deviation"]
    assert float(values.sel(region="01").std()) < 0.7 * float(values.sel(region="25").std())


# Two ways to one answer


@pytest.mark.parametrize("name", ["many", "discounted", "standard", "infections", "hazard", "cost"])
def test_the_sampler_and_the_grid_agree(posterior, blocks, name):
    grid = sensitivity.on_grid(blocks[name])
    drawn = posterior.draws[name].to_numpy()
    assert np.mean(np.log(drawn)) == pytest.approx(
        np.log(grid["mean"]), abs=0.15 + np.log(grid["mean"] / np.median(drawn))
    )
    for end, value in zip(("lower", "upper"), interval(drawn), strict=True):
        assert np.log(value) == pytest.approx(np.log(grid[end]), abs=0.15)


def test_leaving_a_study_out_on_the_grid_is_fitting_without_it():
    whole = blocks_of(learnt(together(parameter("x", counts((30, 100), (60, 100), (28, 100))))))[0]
    rest = blocks_of(learnt(together(parameter("x", counts((30, 100), (28, 100))))))[0]
    frame = sensitivity.left_out(whole).set_index("left_out")
    assert frame.loc["S1", "mean"] == pytest.approx(sensitivity.on_grid(rest)["mean"])
    assert frame.loc["S1", "mean"] < frame.loc["", "mean"]


def test_borrowing_more_moves_towards_the_borrowed():
    rows = counts((30, 100)) + counts((80, 100), use="borrow")
    frame = sensitivity.by_borrowing(blocks_of(learnt(together(parameter("x", rows, borrow=0.5))))[0])
    assert list(frame["borrow"]) == [0, 0.25, 0.5, 0.75, 1]
    assert frame["mean"].is_monotonic_increasing


def test_a_wider_prior_of_the_spread_widens_what_is_expected():
    frame = sensitivity.by_prior(blocks_of(learnt(together(parameter("x", counts((30, 100), (45, 100))))))[0])
    width = (frame["upper"] - frame["lower"]).set_axis(frame["prior"])
    assert width["half the spread"] < width["usual"] < width["twice the spread"]


def test_leaving_out_a_study_of_accuracy_moves_away_from_it(posterior, blocks):
    frame = sensitivity.accuracy_left_out(blocks["se"], posterior.fitted).set_index("left_out")
    assert len(frame) == 15
    # The third study finds 19 of 29, the eighth all of 752.
    assert frame.loc["S2", "sensitivity"] > frame.loc["", "sensitivity"] > frame.loc["S7", "sensitivity"]


def test_most_studies_look_as_the_model_expects(posterior, blocks):
    frame = checks.predictive_check(list(blocks.values()), posterior.fitted, np.random.default_rng(1))
    assert frame["inside"].mean() > 0.9
    assert set(frame.loc[frame["block"] == blocks["se"].name, "part"]) == set(accuracy.PARTS)


def test_a_study_from_another_world_is_found(posterior, blocks):
    from dataclasses import replace

    block = blocks["many"]
    odd = block.studies[0].model_copy(update={"numerator": 550})
    strange = replace(block, studies=(odd, *block.studies[1:]))
    frame = checks.predictive_check([strange], posterior.fitted, np.random.default_rng(1))
    assert list(frame.loc[~frame["inside"], "study"]) == ["S0"]


# Survival families by closed forms


@pytest.mark.parametrize("family", survival.FAMILIES)
def test_every_family_is_half_at_its_median_and_its_hazard_is_the_slope_of_its_survival(family):
    shape = 0.02 if family == "gompertz" else 1.3
    tolerance = 0.01 if family == "gamma" else 1e-9
    time = np.linspace(1, 60, 4000)
    log_hazard, log_survival = survival.FAMILIES[family](time, 14.0, shape, survival.NumPy)
    half = survival.FAMILIES[family](np.array(14.0), 14.0, shape, survival.NumPy)[1]
    assert np.exp(half) == pytest.approx(0.5, abs=tolerance)
    assert np.exp(log_hazard[1:-1]) == pytest.approx(-np.gradient(log_survival, time)[1:-1], rel=1e-3)


@pytest.mark.parametrize("family", survival.FAMILIES)
def test_every_family_is_the_one_that_the_patient_room_draws(family):
    from pmbudget.patient import survival_curve

    shape = np.array(0.02 if family == "gompertz" else 1.3)
    own = {name: float(value) for name, value in survival.OWN[family](np.array(14.0), shape).items()}
    time = np.array([1.0, 10.0, 40.0])
    ours = np.exp(survival.FAMILIES[family](time, 14.0, shape, survival.NumPy)[1])
    assert survival_curve(family, time, **own).to_numpy() == pytest.approx(ours, rel=1e-6)


def test_stacking_prefers_the_family_that_the_times_came_from(posterior):
    weights = dict(zip(("weibull", "exponential"), posterior.fitted["times.csv:times.weight"].to_numpy(), strict=True))
    assert weights["weibull"] > 0.8
    assert sum(weights.values()) == pytest.approx(1)
    assert np.mean(posterior.draws["family"] == 0) == pytest.approx(weights["weibull"], abs=0.03)


def test_off_link_undoes_the_links():
    assert off_link("logit", np.array([0.0]))[0] == 0.5
    assert off_link("log", np.array([0.0]))[0] == 1
