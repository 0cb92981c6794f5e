import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pmbudget.appraisal import gini, theil
from pmbudget.appraisal.equity import atkinson_weights, distributional_nmb, health_lost_to_waiting
from pmbudget.programme.reach import access

levels = arrays(float, 6, elements=st.floats(0.01, 1e3))
sizes = arrays(float, 6, elements=st.floats(0.1, 100))


@pytest.mark.parametrize("measure", [gini, theil])
def test_equal_access_is_no_inequality(measure):
    assert float(measure([0.3, 0.3, 0.3], [1, 20, 5])) == pytest.approx(0, abs=1e-12)
    assert float(measure([0.0, 0.0], [1, 2])) == 0


def test_known_ginis():
    assert float(gini([1, 2, 3, 4, 5])) == pytest.approx(4 / 15)
    assert float(gini([0, 0, 0, 1])) == pytest.approx(3 / 4)
    # A share p has all of it: G = 1 - p.
    assert float(gini([0, 1], [0.9, 0.1])) == pytest.approx(0.9)


def test_known_theils():
    assert float(theil([0, 0, 0, 1])) == pytest.approx(np.log(4))
    assert float(theil([1, 3])) == pytest.approx(0.25 * np.log(0.5) + 0.75 * np.log(1.5))
    assert float(theil([0, 1], [0.9, 0.1])) == pytest.approx(np.log(10))


@settings(deadline=None)
@given(levels, sizes)
def test_gini_is_the_mean_difference_over_twice_the_mean(x, w):
    share = w / w.sum()
    apart = (share[:, None] * share[None, :] * np.abs(x[:, None] - x[None, :])).sum()
    assert float(gini(x, w)) == pytest.approx(apart / (2 * (share * x).sum()), abs=1e-9)


@settings(deadline=None)
@given(levels, sizes, st.floats(0.1, 10))
def test_only_relative_access_and_relative_size_count(x, w, factor):
    for measure in (gini, theil):
        assert float(measure(x * factor, w)) == pytest.approx(float(measure(x, w)), abs=1e-9)
        assert float(measure(x, w * factor)) == pytest.approx(float(measure(x, w)), abs=1e-9)
        twice = float(measure(np.tile(x, 2), np.tile(w, 2)))
        assert twice == pytest.approx(float(measure(x, w)), abs=1e-9)
        assert float(measure(x, w)) >= -1e-12


@settings(deadline=None)
@given(levels)
def test_a_transfer_from_the_best_to_the_worst_off_lowers_inequality(x):
    best, worst = int(x.argmax()), int(x.argmin())
    closer = x.copy()
    step = (x[best] - x[worst]) / 4
    closer[best], closer[worst] = x[best] - step, x[worst] + step
    assert float(gini(closer)) <= float(gini(x)) + 1e-9
    assert float(theil(closer)) <= float(theil(x)) + 1e-9


def test_measures_work_per_draw():
    x = xr.DataArray([[0.0, 1.0], [1.0, 1.0]], dims=("draw", "region"), coords={"region": ["01", "09"]})
    w = xr.DataArray([3.0, 1.0], dims="region", coords={"region": ["01", "09"]})
    assert gini(x, w).to_numpy() == pytest.approx([0.75, 0.0])
    assert theil(x, w).to_numpy() == pytest.approx([np.log(4), 0.0])


@pytest.mark.parametrize(
    ("x", "w", "said"),
    [([-1, 1], [1, 1], "x holds -1"), ([1, np.nan], [1, 1], "x holds nan"), ([1, 1], [0, 0], "weights sum to 0")],
)
def test_what_has_no_inequality_is_refused(x, w, said):
    with pytest.raises(ValueError, match=said):
        gini(x, w)
    with pytest.raises(ValueError, match=said):
        theil(x, w)


def test_atkinson_weights_average_one_and_favour_the_worse_off():
    level, size = [0.2, 0.4, 0.8], [10.0, 20.0, 5.0]
    weights = atkinson_weights(level, size, aversion=2.0)
    assert float((weights * np.array(size)).sum()) == pytest.approx(sum(size))
    assert weights.to_numpy()[0] / weights.to_numpy()[1] == pytest.approx(4.0)
    assert atkinson_weights(level, size, aversion=0.0).to_numpy() == pytest.approx(1.0)


def test_without_aversion_benefit_adds_up_and_with_it_the_worse_off_count_more():
    nmb = xr.DataArray([5.0, 1.0], dims="region")
    assert float(distributional_nmb(nmb, [0.2, 0.4], aversion=0.0)) == pytest.approx(6.0)
    assert float(distributional_nmb(nmb, [0.2, 0.4], aversion=1.0)) > 6.0
    assert float(distributional_nmb(nmb, [0.4, 0.2], aversion=1.0)) < 6.0


@pytest.mark.parametrize(
    ("level", "aversion", "said"), [([0.0, 1.0], 1.0, "stands at 0"), ([1.0, 1.0], -1.0, "aversion = -1")]
)
def test_impossible_aversion_is_refused(level, aversion, said):
    with pytest.raises(ValueError, match=said):
        atkinson_weights(level, aversion=aversion)


def test_access_where_nobody_is_eligible_is_nought():
    served, eligible = (xr.DataArray(values, dims="region") for values in ([2.0, 0.0], [4.0, 0.0]))
    assert access(served, eligible).to_numpy().tolist() == [0.5, 0.0]


def test_the_moved_lose_the_gain_and_the_lost_what_their_own_course_lacks():
    qaly = xr.DataArray([1.0, 1.2, 0.2], dims="fate", coords={"fate": ["old", "new", "too_ill"]})
    gone = xr.DataArray([[10.0, 0.0], [0.0, 2.0]], dims=("fate", "region"), coords={"fate": ["old", "too_ill"]})
    found = health_lost_to_waiting(gone, qaly, new="new")
    assert found.to_numpy() == pytest.approx([2.0, 2.0])
