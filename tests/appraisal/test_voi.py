"""Perfect information held against closed forms, and the regression behind partial information."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.stats import norm

from pmbudget.appraisal import evpi, evppi, evppi_by_group, evppi_by_parameter, fit_check, parameter_table
from pmbudget.appraisal.smoothing import draws_needed

SEEDS = range(20)


def worth(mean, sd):
    """Value of learning an increment that is Normal(mean, sd) before the study."""
    return mean * norm.cdf(mean / sd) + sd * norm.pdf(mean / sd) - max(0.0, mean)


def toy(seed, n=4000):
    """Two parameters, p1 ~ N(1, 1) a gain and p2 ~ N(0, 2) a cost, of the second of two strategies."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(1, 1, n), rng.normal(0, 2, n)
    nothing = np.zeros(n)
    table = xr.DataArray(
        np.column_stack([first, second, rng.normal(size=n)]),
        dims=("draw", "parameter"),
        coords={"parameter": ["p1", "p2", "irrelevant"]},
    )
    return np.column_stack([nothing, second]), np.column_stack([nothing, first]), table


def agrees(found, exact, errors):
    """Twenty estimates of one value: their mean within three of its standard errors, and each error of the right size."""
    found, errors = np.array(found), np.array(errors)
    assert abs(found.mean() - exact) < 3 * found.std(ddof=1) / np.sqrt(len(found))
    assert 0.55 < errors.mean() / found.std(ddof=1) < 1.9
    assert (np.abs(found - exact) < 2 * errors).mean() >= 0.75


# Closed forms of a two-parameter normal example; the voi package for R prints 0.4759885 with its own 10,000 draws.
EXACT = {
    1: (0.4798107063483925, 0.0833154705876864, 0.39559311480261217),
    2: (0.3992824567484914, 0.1666309411753728, 0.1666309411753728),
    3: (0.4094634159938346, 0.24994641176305876, 0.05861358752520962),
}


def test_the_closed_form_is_that_of_the_published_example():
    for wtp, values in EXACT.items():
        spreads = (np.hypot(wtp, 2), wtp, 2)
        assert [worth(wtp, spread) for spread in spreads] == pytest.approx(list(values), rel=1e-12)


def test_normal_net_benefit_has_the_closed_form_of_the_unit_normal_loss():
    # INB ~ N(300, 900): 900 phi(1/3) - 300 Phi(-1/3).
    assert worth(300, 900) == pytest.approx(228.81, abs=0.005)


def test_perfect_information_on_a_normal_example_over_twenty_seeds():
    found = np.array([evpi(*toy(seed)[:2], [1, 2, 3]) for seed in SEEDS])
    exact = [values[0] for values in EXACT.values()]
    error = found.std(axis=0, ddof=1) / np.sqrt(len(SEEDS))
    assert (np.abs(found.mean(axis=0) - exact) < 3 * error).all()


@pytest.mark.parametrize(("name", "place"), [("p1", 1), ("p2", 2)])
@pytest.mark.parametrize("wtp", [1, 2, 3])
def test_partial_information_on_a_normal_example_over_twenty_seeds(name, place, wtp):
    rows = []
    for seed in SEEDS:
        cost, qaly, table = toy(seed)
        rows.append(evppi(cost, qaly, table.sel(parameter=name), wtp=wtp).iloc[0])
    agrees([row["evppi"] for row in rows], EXACT[wtp][place], [row["se"] for row in rows])


def test_all_parameters_together_are_perfect_information():
    cost, qaly, table = toy(1)
    row = evppi(cost, qaly, table.sel(parameter=["p1", "p2"]), wtp=1).iloc[0]
    assert row["evppi"] == pytest.approx(evpi(cost, qaly, 1), abs=row["se"])


def test_correlated_parameters_tell_of_each_other():
    # p1 ~ N(1, 1), p2 | p1 ~ N(p1, 2), INB = p1 + p2: E[INB | p1] = 2 p1.
    found, errors = [], []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        first = rng.normal(1, 1, 4000)
        gain = first + rng.normal(first, 2)
        row = evppi(np.zeros((4000, 2)), np.column_stack([0 * gain, gain]), first, wtp=1).iloc[0]
        found.append(row["evppi"])
        errors.append(row["se"])
    agrees(found, worth(2, 2), errors)


@pytest.mark.parametrize("mean", [0.0, 0.02, 0.5])
def test_an_irrelevant_parameter_is_worth_nothing(mean):
    inside, estimates = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        gain, other = rng.normal(mean, 1, 2000), rng.normal(size=2000)
        row = evppi(np.zeros((2000, 2)), np.column_stack([0 * gain, gain]), other, wtp=1).iloc[0]
        inside.append(row["evppi"] <= 2 * row["se"])
        estimates.append(row["evppi"])
    assert np.mean(inside) > 0.95
    # An unpenalised spline of eleven columns would find about 0.4 x sqrt(11 / 2000) = 0.03 here.
    assert np.mean(estimates) < 0.008


@pytest.mark.parametrize("method", ["spline", "gp"])
def test_a_bent_effect_is_found_by_both_methods(method):
    # E[INB | p] = p² - 1, p standard normal: E max(0, p² - 1) = 2 phi(1).
    rng = np.random.default_rng(3)
    p = rng.normal(size=3000)
    gain = p**2 - 1 + rng.normal(0, 0.5, 3000)
    row = evppi(np.zeros((3000, 2)), np.column_stack([0 * p, gain]), p, wtp=1, method=method).iloc[0]
    assert row["evppi"] == pytest.approx(2 * norm.pdf(1), abs=3 * row["se"])
    assert row["se"] < 0.05


def product_of_two(seed):
    rng = np.random.default_rng(seed)
    p = rng.normal(size=(2000, 2))
    gain = p.prod(axis=1) + rng.normal(0, 0.3, 2000)
    return np.column_stack([0 * gain, gain]), p


@pytest.mark.parametrize("method", ["spline", "gp"])
def test_a_pure_interaction_is_found_by_both_methods(method):
    # E max(0, p1 p2) = E|p1| E|p2| / 2 = 1 / pi.
    qaly, p = product_of_two(4)
    together = evppi(0 * qaly, qaly, p, wtp=1, method=method).iloc[0]
    assert together["evppi"] == pytest.approx(1 / np.pi, abs=3 * together["se"])
    assert together["se"] < 0.02


def test_one_of_a_pure_interaction_is_worth_nothing_alone_though_noise_grows_with_it():
    rows = [evppi(0 * qaly, qaly, p[:, 0], wtp=1).iloc[0] for qaly, p in map(product_of_two, SEEDS)]
    assert np.mean([row["evppi"] <= 2 * row["se"] for row in rows]) >= 0.8


def test_a_structure_is_a_parameter_of_classes():
    # Three survival families by their index, without an order: INB is 1, -2, 0.5 in them.
    rng = np.random.default_rng(5)
    family = rng.integers(0, 3, 4000)
    gain = np.array([1.0, -2.0, 0.5])[family] + rng.normal(0, 1, 4000)
    qaly = np.column_stack([0 * gain, gain])
    row = evppi(0 * qaly, qaly, family, wtp=1).iloc[0]
    by_hand = sum(max(0, gain[family == k].mean()) * (family == k).mean() for k in range(3)) - max(0, gain.mean())
    assert row["evppi"] == pytest.approx(by_hand, rel=0.01)


def test_a_value_does_not_depend_on_the_scale_of_the_parameter():
    cost, qaly, table = toy(2)
    p = table.sel(parameter="p2").to_numpy()
    plain, bent = (evppi(cost, qaly, values, wtp=1)["evppi"][0] for values in (p, np.exp(p)))
    assert plain == pytest.approx(bent, rel=1e-9)


def three(seed, n=3000):
    rng = np.random.default_rng(seed)
    p = rng.normal(size=(n, 4))
    qaly = np.column_stack([np.ones(n), 1.02 + 0.2 * p[:, 0] + 0.05 * p[:, 1] * p[:, 2], 1.03 + 0.1 * p[:, 1] ** 2])
    cost = np.column_stack([np.zeros(n), 1000 + 900 * p[:, 2], 2500 + 2000 * p[:, 3]])
    return cost, qaly, p


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_more_parameters_are_worth_more_and_never_more_than_everything(seed):
    cost, qaly, p = three(seed)
    rows = [evppi(cost, qaly, p[:, :number], wtp=20_000).iloc[0] for number in (1, 2, 3, 4)]
    values, errors = (np.array([row[name] for row in rows]) for name in ("evppi", "se"))
    assert (np.diff(values) > -2 * errors[1:]).all()
    assert (values <= evpi(cost, qaly, 20_000) + 2 * errors).all()


def test_many_thresholds_are_one_threshold_many_times():
    cost, qaly, p = three(1)
    thresholds = [0.0, 5000.0, 20_000.0, 80_000.0]
    together = evppi(cost, qaly, p[:, :2], wtp=thresholds)
    assert together["wtp"].tolist() == thresholds
    for threshold, row in zip(thresholds, together.itertuples(), strict=True):
        alone = evppi(cost, qaly, p[:, :2], wtp=threshold).iloc[0]
        assert (row.evppi, row.se) == pytest.approx((alone["evppi"], alone["se"]), rel=2e-3)


@settings(max_examples=100, deadline=None)
@given(
    lines=some.lists(
        some.lists(some.tuples(some.integers(-50, 50), some.integers(-5, 5)), min_size=3, max_size=3),
        min_size=2,
        max_size=6,
    ),
    wtp=some.lists(some.integers(0, 40), min_size=1, max_size=5),
)
def test_perfect_information_by_the_envelope_is_that_by_brute_force(lines, wtp):
    table = np.array(lines, float)
    cost, qaly = table[..., 0], table[..., 1]
    expected = [(k * qaly - cost).max(axis=1).mean() - (k * qaly - cost).mean(axis=0).max() for k in wtp]
    assert evpi(cost, qaly, wtp).to_numpy() == pytest.approx(expected, abs=1e-9)
    assert isinstance(evpi(cost, qaly, float(wtp[0])), float)


def test_the_ranking_puts_what_matters_first():
    cost, qaly, table = toy(1)
    frame = evppi_by_parameter(cost, qaly, table, wtp=1)
    assert frame.index.tolist() == ["p2", "p1", "irrelevant"]
    for name, row in frame.iterrows():
        alone = evppi(cost, qaly, table.sel(parameter=name), wtp=1).iloc[0]
        assert row.to_list() == [alone["evppi"], alone["se"]]


def test_groups_are_sets_by_name():
    cost, qaly, table = toy(1)
    frame = evppi_by_group(cost, qaly, table, {"both": ["p1", "p2"], "first": ["p1"]}, wtp=1)
    assert frame.index.tolist() == ["both", "first"]
    with pytest.raises(ValueError, match=r"'third' names p3"):
        evppi_by_group(cost, qaly, table, {"third": ["p3"]}, wtp=1)


def test_the_table_of_parameters_leaves_out_what_has_no_single_value_to_learn():
    draws = xr.Dataset(
        {
            "p": ("draw", [1.0, 2.0]),
            "same": ("draw", [1.0, 1.0]),
            "known": 3.0,
            "by_region": (("draw", "region"), [[1.0, 2.0], [3.0, 4.0]]),
            "price": ("draw", [5.0, 6.0]),
        }
    )
    assert parameter_table(draws, ["price"])["parameter"].to_numpy().tolist() == ["p"]


def test_a_dataset_is_its_table():
    cost, qaly, table = toy(1)
    draws = table.sel(parameter=["p1", "p2"]).to_dataset(dim="parameter")
    assert evppi(cost, qaly, draws, wtp=1)["evppi"][0] == evppi(cost, qaly, parameter_table(draws), wtp=1)["evppi"][0]


def test_too_few_draws_for_a_set_are_refused_with_the_number_that_would_do():
    rng = np.random.default_rng(1)
    p, gain = rng.normal(size=(100, 6)), rng.normal(size=(100, 2))
    with pytest.raises(ValueError, match=f"100 draws are too few.*6 parameters: give {draws_needed(6)}"):
        evppi(0 * gain, gain, p, wtp=1)


def test_few_draws_give_a_wide_error():
    errors = [evppi(*toy(1, n)[:2], toy(1, n)[2].sel(parameter="p1"), wtp=1)["se"][0] for n in (60, 4000)]
    assert errors[0] > 4 * errors[1]


def test_the_check_of_fit_sees_a_fit_that_holds_and_one_that_does_not():
    cost, qaly, p = three(1)
    good = fit_check(cost, qaly, p[:, :3], wtp=20_000)
    assert (good["p_lack_of_fit"] > 0.001).all()
    rng = np.random.default_rng(1)
    x = rng.normal(size=4000)
    gain = np.sign(np.sin(30 * x)) + rng.normal(0, 0.1, 4000)
    bad = fit_check(np.zeros((4000, 2)), np.column_stack([0 * x, gain]), x, wtp=1).iloc[0]
    assert bad["p_lack_of_fit"] < 0.01
    assert bad["left"] > 0.02


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parameters": np.ones(4000)}, "1 in every draw"),
        ({"parameters": np.ones(3)}, "parameters has 3 draws and cost 4000"),
        ({"parameters": np.full(4000, np.nan)}, "missing or infinite"),
        ({"cost": np.zeros((4000, 3))}, "qaly lacks strategy 2; cost has 0, 1, 2"),
        ({"qaly": np.full((4000, 2), np.inf)}, "qaly is no number"),
        ({"qaly": np.zeros(4000)}, "give both the same draws"),
        ({"method": "gam"}, "method = 'gam' is unknown"),
    ],
)
def test_what_cannot_be_answered_is_named(change, said):
    cost, qaly, table = toy(1)
    given_ = {"cost": cost, "qaly": qaly, "parameters": table.sel(parameter="p1"), "method": "spline"} | change
    with pytest.raises(ValueError, match=said):
        evppi(given_.pop("cost"), given_.pop("qaly"), given_.pop("parameters"), wtp=1, **given_)


def test_labelled_arrays_go_by_name():
    cost, qaly, _ = toy(1)
    labelled = [xr.DataArray(a.T, dims=("strategy", "draw")) for a in (cost, qaly)]
    assert evpi(*labelled, 1) == evpi(cost, qaly, 1)
    with pytest.raises(ValueError, match=r"give \(draw, strategy\)"):
        evpi(labelled[0].rename(draw="row"), labelled[1], 1)
