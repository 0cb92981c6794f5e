"""Sample information: closed forms, the limit of perfect information, three methods against each other."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import betabinom, norm

from pmbudget.appraisal import (
    BinomialStudy,
    JointStudy,
    NormalStudy,
    RegisterStudy,
    SurvivalStudy,
    TwoArmBinomialStudy,
    evppi,
    evsi,
)

METHODS = ("regression", "importance", "moment_matching")


def worth(mean, sd):
    return mean * norm.cdf(mean / sd) + sd * norm.pdf(mean / sd) - max(0.0, mean)


def named(**columns):
    return xr.DataArray(
        np.column_stack(list(columns.values())), dims=("draw", "parameter"), coords={"parameter": list(columns)}
    )


def toy(seed, n=4000):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(1, 1, n), rng.normal(0, 2, n)
    nothing = np.zeros(n)
    return np.column_stack([nothing, second]), np.column_stack([nothing, first]), named(p1=first, p2=second), rng


# INB = p1 - p2, one observation has a standard deviation of 1: preposterior sd² = v0² / (v0 + 1/n).
EXACT = {
    "p1": {1: 0.0251272708300061, 10: 0.07232512026086235, 100: 0.08211760559711401},
    "p2": {1: 0.32234182941981393, 10: 0.38696655036323335, 100: 0.39471473552951086},
}


def test_the_closed_form_is_that_of_the_published_example():
    for name, variance in (("p1", 1), ("p2", 4)):
        for n, value in EXACT[name].items():
            assert worth(1, np.sqrt(variance**2 / (variance + 1 / n))) == pytest.approx(value, rel=1e-12)
    # INB ~ N(300, 900), observed with sd 5,000 by 50.
    assert worth(300, 900**2 / np.sqrt(900**2 + 5000**2 / 50)) == pytest.approx(157.33, abs=0.005)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["p1", "p2"])
def test_a_normal_study_over_twenty_seeds(method, name):
    sizes = list(EXACT[name])
    found, errors = [], []
    for seed in range(20):
        cost, qaly, table, rng = toy(seed)
        one = evsi(cost, qaly, table, NormalStudy(name, 1.0), wtp=1, n=sizes, method=method, rng=rng)
        assert one.dims == ("n",)
        found.append(one.to_numpy())
        errors.append(one["se"].to_numpy())
    found, errors, exact = np.array(found), np.array(errors), np.array(list(EXACT[name].values()))
    spread = found.std(axis=0, ddof=1)
    assert (np.abs(found.mean(axis=0) - exact) < 3 * spread / np.sqrt(20) + 0.002).all()
    assert (errors.mean(axis=0) > 0.6 * spread).all()
    assert (errors.mean(axis=0) < 3 * spread).all()


def clinical(n=4000, seed=1):
    """A treatment that lowers an event's probability, what that is worth, and how long patients live."""
    rng = np.random.default_rng(seed)
    control, treated = rng.beta(20, 80, n), rng.beta(16, 84, n)
    median = rng.lognormal(np.log(12), 0.3, n)
    cost = np.column_stack([np.zeros(n), np.full(n, 4000.0)])
    by_event = np.column_stack([np.zeros(n), 0.1 * (control - treated)])
    by_survival = np.column_stack([np.full(n, 0.96), 0.08 * median])
    table = named(
        control=control, treated=treated, median=median, missed=rng.beta(8, 32, n), unfounded=rng.beta(3, 57, n)
    )
    return cost, by_event, by_survival, table


@pytest.mark.parametrize(
    ("study", "outcome"),
    [
        (BinomialStudy("treated"), "event"),
        (TwoArmBinomialStudy("control", "treated"), "event"),
        (RegisterStudy("treated", missing=0.2, false_negative=0.1, false_positive=0.02), "event"),
        (JointStudy((BinomialStudy("treated"), BinomialStudy("control"))), "event"),
        (SurvivalStudy("median", follow_up=12, accrual=6, shape=1.3), "survival"),
        (NormalStudy("median", sd=0.8, log=True), "survival"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_three_methods_agree_and_rise_to_perfect_information(study, outcome):
    cost, by_event, by_survival, table = clinical()
    qaly, wtp = (by_event, 1e6) if outcome == "event" else (by_survival, 1e5)
    rng = np.random.default_rng(1)
    sizes = [20, 100, 400]
    found = {method: evsi(cost, qaly, table, study, wtp=wtp, n=sizes, method=method, rng=rng) for method in METHODS}
    limit = evppi(cost, qaly, table.sel(parameter=list(study.parameters)), wtp=wtp).iloc[0]
    for one in found.values():
        for other in found.values():
            assert (np.abs(one - other) <= 2.5 * np.hypot(one["se"], other["se"])).all()
        assert (one.diff("n") > -2 * one["se"].isel(n=slice(1, None))).all()
        assert (one <= limit["evppi"] + 2 * np.hypot(one["se"], limit["se"])).all()
        assert float(one.isel(n=-1)) > 0.7 * limit["evppi"]
    large = evsi(cost, qaly, table, study, wtp=wtp, n=[20_000], rng=rng)
    assert float(large[0]) == pytest.approx(limit["evppi"], rel=0.05)


def test_a_register_reaches_perfect_information_only_when_its_errors_are_known():
    cost, qaly, _, table = clinical()
    rng = np.random.default_rng(1)
    limit = evppi(cost, qaly, table.sel(parameter="treated"), wtp=1e6).iloc[0]["evppi"]
    known = RegisterStudy("treated", missing=0.3, false_negative=0.2, false_positive=0.05)
    unsure = RegisterStudy("treated", missing=0.3, false_negative="missed", false_positive="unfounded")
    huge = [float(evsi(cost, qaly, table, one, wtp=1e6, n=[200_000], rng=rng)[0]) for one in (known, unsure)]
    assert huge[0] == pytest.approx(limit, rel=0.03)
    assert huge[1] < 0.9 * limit


def test_the_methods_agree_on_a_register_of_uncertain_quality():
    cost, qaly, _, table = clinical()
    study = RegisterStudy("treated", missing=0.1, false_negative="missed", false_positive="unfounded")
    rng = np.random.default_rng(1)
    found = [evsi(cost, qaly, table, study, wtp=1e6, n=[300], method=method, rng=rng) for method in METHODS]
    for one in found:
        assert abs(float(one[0] - found[0][0])) <= 2.5 * np.hypot(float(one["se"][0]), float(found[0]["se"][0]))


def test_a_study_in_which_nothing_can_happen_is_worth_nothing():
    cost, qaly, _, _ = clinical()
    never = named(rare=np.full(4000, 1e-12))
    found = evsi(cost, qaly, never, BinomialStudy("rare"), wtp=1e6, n=[5], rng=np.random.default_rng(1))
    assert (float(found[0]), float(found["se"][0])) == (0, 0)


@pytest.mark.parametrize("n", [1, 3, 8])
def test_a_few_patients_tell_in_order(n):
    # Beta-binomial: E[p | k of n] is known, and so is the worth of acting on it.
    rng, cut = np.random.default_rng(1), 0.2
    p = rng.beta(4, 16, 20_000)
    qaly = np.column_stack([np.full(20_000, cut), p])
    found = evsi(0 * qaly, qaly, named(p=p), BinomialStudy("p"), wtp=1, n=[n], rng=rng)
    after = (4 + np.arange(n + 1)) / (20 + n)
    exact = (betabinom(n, 4, 16).pmf(np.arange(n + 1)) * np.maximum(after - cut, 0)).sum()
    assert float(found[0]) == pytest.approx(exact, abs=2.5 * float(found["se"][0]))
    assert float(found["se"][0]) < 0.15 * exact


def test_poorer_data_are_worth_less():
    cost, qaly, _, table = clinical()
    studies = [
        RegisterStudy("treated"),
        RegisterStudy("treated", missing=0.5),
        RegisterStudy("treated", missing=0.5, false_negative=0.3, false_positive=0.1),
    ]
    clean, missing, wrong = (
        float(evsi(cost, qaly, table, one, wtp=1e6, n=[200], rng=np.random.default_rng(2))[0]) for one in studies
    )
    assert clean > missing > wrong > 0


def test_a_register_without_errors_is_a_binomial_study():
    cost, qaly, _, table = clinical()
    both = [
        evsi(cost, qaly, table, one, wtp=1e6, n=[100], rng=np.random.default_rng(3))
        for one in (RegisterStudy("treated"), BinomialStudy("treated"))
    ]
    assert float(both[0][0]) == pytest.approx(float(both[1][0]), abs=2 * float(both[0]["se"][0]))


def test_an_uncertain_shape_is_learnt_too():
    cost, _, by_survival, table = clinical()
    shape = xr.DataArray(np.random.default_rng(1).lognormal(0.2, 0.15, (4000, 1)), dims=("draw", "parameter"))
    table = xr.concat([table, shape.assign_coords(parameter=["shape"])], dim="parameter").transpose("draw", "parameter")
    study = SurvivalStudy("median", follow_up=12, shape="shape")
    rng = np.random.default_rng(1)
    assert float(evsi(cost, by_survival, table, study, wtp=1e5, n=[100], rng=rng)[0]) > 0
    with pytest.raises(ValueError, match="'shape' is uncertain; use method='regression'"):
        evsi(cost, by_survival, table, study, wtp=1e5, n=[100], method="importance", rng=rng)


def test_events_and_time_at_risk_are_those_of_an_exponential():
    study = SurvivalStudy("rate", follow_up=2.0, kind="rate")
    data = study.simulate({"rate": np.full(400, 0.5)}, 200, np.random.default_rng(1))
    assert data[:, 0].mean() == pytest.approx(200 * (1 - np.exp(-1)), rel=0.01)
    assert data[:, 1].mean() == pytest.approx(200 * (1 - np.exp(-1)) / 0.5, rel=0.01)
    assert np.exp(study.summary(data, 200)).mean() == pytest.approx(0.5, rel=0.02)


def test_thresholds_give_a_dim():
    cost, qaly, _, table = clinical()
    study = BinomialStudy("treated")
    found = evsi(cost, qaly, table, study, wtp=[5e5, 1e6], n=[50, 100], rng=np.random.default_rng(1))
    assert found.dims == ("n", "wtp")
    assert found["se"].dims == ("n", "wtp")


@pytest.mark.parametrize("method", ["importance", "moment_matching"])
def test_data_that_too_few_draws_agree_with_are_refused(method):
    cost, qaly, table, rng = toy(1)
    with pytest.raises(ValueError, match="n = 1000000: the data are so sharp"):
        evsi(cost, qaly, table, NormalStudy("p2", 1.0), wtp=1, n=1_000_000, method=method, rng=rng)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"study": BinomialStudy("p1")}, "p1 runs from .* a probability"),
        ({"study": NormalStudy("p9", 1.0)}, "tells of p9"),
        ({"n": 0}, "n = 0 must be 1 or more"),
        ({"method": "nested"}, "method = 'nested' is unknown"),
    ],
)
def test_what_cannot_be_answered_is_named(change, said):
    cost, qaly, table, rng = toy(1)
    asked = {"study": NormalStudy("p1", 1.0), "n": 10, "method": "regression"} | change
    with pytest.raises(ValueError, match=said):
        evsi(cost, qaly, table, asked.pop("study"), wtp=1, rng=rng, **asked)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: NormalStudy("p", 0.0), "sd = 0 must be above 0"),
        (lambda: NormalStudy("p", 1.0, clusters=8, of=7), "clusters = 8 must be from 1 to the 7"),
        (lambda: NormalStudy("p", 1.0, period_sd=-1.0), "period_sd = -1 must be 0 or more"),
        (lambda: SurvivalStudy("p", follow_up=0), "follow_up = 0 must be above 0"),
        (lambda: SurvivalStudy("p", follow_up=1, accrual=-1), "accrual = -1"),
        (lambda: SurvivalStudy("p", follow_up=1, kind="mean"), "kind = 'mean'"),
        (lambda: RegisterStudy("p", missing=1.0), "missing = 1 must be"),
    ],
)
def test_an_impossible_design_is_refused(build, said):
    with pytest.raises(ValueError, match=said):
        build()


CLUSTERED = NormalStudy("p1", 1.0, cluster_sd=0.8, clusters=2, of=7, period_sd=0.3)


@pytest.mark.parametrize(
    ("n", "error2"),
    [
        (1, 1 + 0.64 * (1 - 1 / 7) + 0.09),
        (2, 1 / 2 + 0.64 * (1 / 2 - 1 / 7) + 0.09),
        (100, 1 / 100 + 0.64 * (1 / 2 - 1 / 7) + 0.09),
        (np.inf, 0.64 * (1 / 2 - 1 / 7) + 0.09),
    ],
)
def test_the_error_of_a_clustered_mean_by_hand(n, error2):
    assert CLUSTERED.error(n) ** 2 == pytest.approx(error2, rel=1e-12)


def test_charts_at_all_laboratories_have_no_error_of_laboratories():
    assert NormalStudy("p1", 1.0, cluster_sd=0.8, clusters=7, of=7).error(70) == pytest.approx(1 / np.sqrt(70))


@pytest.mark.parametrize("clusters", [1, 3, 7])
def test_the_error_is_that_of_charts_read_in_laboratories_of_one_year(clusters):
    # 7 laboratories whose mean is the parameter, some of them drawn, 5 charts at each, all of one year.
    rng, runs, charts = np.random.default_rng(1), 40_000, 5
    study = NormalStudy("p1", 1.0, cluster_sd=0.8, clusters=clusters, of=7, period_sd=0.3)
    effects = rng.normal(0, 0.8, (runs, 7))
    effects -= effects.mean(axis=1, keepdims=True)
    drawn = rng.permuted(effects, axis=1)[:, :clusters]
    read = drawn[:, :, None] + rng.normal(0, 0.3, (runs, 1, 1)) + rng.normal(0, 1, (runs, clusters, charts))
    assert read.mean(axis=(1, 2)).std() == pytest.approx(study.error(clusters * charts), rel=0.02)


def test_a_clustered_study_rises_to_a_floor_below_perfect_information():
    cost, qaly, table, rng = toy(1, n=20_000)
    sizes = [1, 2, 10, 10_000]
    found = evsi(cost, qaly, table, CLUSTERED, wtp=1, n=sizes, rng=rng)
    exact = [worth(1, 1 / np.sqrt(1 + CLUSTERED.error(n) ** 2)) for n in sizes]
    np.testing.assert_allclose(found, exact, atol=3 * float(found["se"].max()))
    assert np.all(np.diff(exact) > 0)
    floor, perfect = worth(1, 1 / np.sqrt(1 + CLUSTERED.error(np.inf) ** 2)), worth(1, 1)
    assert exact[-1] == pytest.approx(floor, rel=1e-3)
    assert floor < 0.8 * perfect
    # All laboratories: what is left is the year.
    everywhere = NormalStudy("p1", 1.0, cluster_sd=0.8, clusters=7, of=7, period_sd=0.3)
    assert floor < worth(1, 1 / np.sqrt(1 + everywhere.error(np.inf) ** 2)) < perfect


@pytest.mark.parametrize("method", METHODS)
def test_the_methods_agree_on_a_clustered_study(method):
    cost, qaly, table, rng = toy(2)
    found = evsi(cost, qaly, table, CLUSTERED, wtp=1, n=[10], method=method, rng=rng)
    exact = worth(1, 1 / np.sqrt(1 + CLUSTERED.error(10) ** 2))
    assert float(found[0]) == pytest.approx(exact, abs=3 * float(found["se"][0]) + 0.002)
