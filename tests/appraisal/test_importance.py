import numpy as np
import pytest
import xarray as xr

from pmbudget.appraisal import variance_share


def table(**columns):
    return xr.Dataset({name: ("draw", values) for name, values in columns.items()}).to_dataarray("parameter")


def linear(n, seed):
    """y = 2 a + b + e with unit variances: shares 4/6, 1/6, and nothing for c."""
    rng = np.random.default_rng(seed)
    a, b, c, e = rng.normal(size=(4, n))
    return xr.DataArray(2 * a + b + e, dims="draw"), table(a=a, b=b, c=c)


def test_shares_of_a_sum_are_those_of_its_terms():
    found = variance_share(*linear(100_000, 1))
    assert found.index.tolist() == ["a", "b", "c"]
    # Twenty classes keep about a per cent less than all of a straight line's variance.
    assert found["share"].to_numpy() == pytest.approx([4 / 6, 1 / 6, 0], abs=0.012)


def test_a_relation_that_first_falls_and_then_rises_counts():
    x = np.random.default_rng(2).uniform(-1, 1, 20_000)
    found = variance_share(xr.DataArray(x**2, dims="draw"), table(x=x))
    assert found.loc["x", "share"] > 0.98


def test_what_two_do_together_alone_is_nobody_s_share():
    x, y = np.random.default_rng(3).normal(size=(2, 20_000))
    found = variance_share(xr.DataArray(x * y, dims="draw"), table(x=x, y=y))
    assert (found["share"].abs() < 3 * found["se"]).all()


def test_an_irrelevant_parameter_has_a_share_around_nothing_with_the_error_that_is_told():
    found = [variance_share(*linear(400, seed)).loc["c"] for seed in range(200)]
    shares, errors = (np.array([row[key] for row in found]) for key in ("share", "se"))
    assert abs(shares.mean()) < 3 * shares.std() / np.sqrt(200)
    assert shares.std() == pytest.approx(errors.mean(), rel=0.2)


def test_the_error_that_is_told_is_the_spread_over_repetitions():
    found = [variance_share(*linear(1000, seed)).loc["b"] for seed in range(200)]
    shares, errors = (np.array([row[key] for row in found]) for key in ("share", "se"))
    assert shares.std() == pytest.approx(errors.mean(), rel=0.25)


def test_a_discrete_parameter_is_found():
    rng = np.random.default_rng(5)
    family = rng.integers(0, 3, 6000)
    y = np.array([0.0, 3.0, 1.0])[family] + rng.normal(size=6000)
    between = np.var([0, 3, 1])
    found = variance_share(xr.DataArray(y, dims="draw"), table(family=family.astype(float)))
    assert found.loc["family", "share"] == pytest.approx(between / (between + 1), abs=0.03)


def test_where_nothing_varies_there_is_no_share():
    assert variance_share(xr.DataArray(np.ones(100), dims="draw"), table(x=np.arange(100.0)))["share"].isna().all()


def test_too_few_draws_are_refused():
    with pytest.raises(ValueError, match="20 or more"):
        variance_share(xr.DataArray(np.ones(10), dims="draw"), table(x=np.arange(10.0)))
