import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from pmbudget.financing.phases import covered_by_phase, lost_to_administration

PHASES, FUNDS, YEARS = ["research", "care", "routine"], ["project", "grant"], [2026, 2027]
ELIGIBLE = {"project": ["research"], "grant": ["care", "routine"]}


def money(values, dim, names):
    return xr.DataArray(np.asarray(values, float), dims=(dim, "year"), coords={dim: names, "year": YEARS})


def found(cost, funds, eligible=ELIGIBLE, **chosen):
    return covered_by_phase(money(cost, "phase", PHASES), money(funds, "fund", FUNDS), eligible, **chosen)


def test_what_nobody_may_pay_for_is_missing():
    gap = found([[10, 10], [10, 10], [0, 0]], [[30, 0], [4, 4]])["gap"]
    assert gap.sel(phase="research").to_numpy() == pytest.approx([0, 10])
    assert gap.sel(phase="care").to_numpy() == pytest.approx([6, 6])


def test_money_that_may_be_used_for_more_covers_more():
    free = {**ELIGIBLE, "project": ["research", "care"]}
    gap = found([[10, 10], [10, 10], [0, 0]], [[30, 0], [4, 4]], free)["gap"]
    assert gap.sel(phase="care").to_numpy() == pytest.approx([0, 6])


def test_what_is_scarce_goes_by_priority():
    both = {"project": PHASES, "grant": []}
    for priority, missing in ((None, [0, 10, 5]), (["routine", "care", "research"], [10, 5, 0])):
        gap = found([[10, 10], [10, 10], [5, 5]], [[10, 10], [99, 99]], both, priority=priority)["gap"]
        assert gap.sel(year=2026).to_numpy() == pytest.approx(missing)


def test_unused_money_does_not_wait_for_another_year():
    result = found([[0, 10], [0, 0], [0, 0]], [[10, 0], [0, 0]])
    assert float(result["unused"].sel(fund="project", year=2026)) == 10
    assert float(result["gap"].sel(phase="research", year=2027)) == 10


def test_a_phase_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="eligible names the phase cure"):
        found([[1, 1]] * 3, [[1, 1]] * 2, {"project": ["cure"]})


sums = some.floats(0, 100)


@settings(max_examples=30, deadline=None)
@given(cost=arrays(float, (3, 2), elements=sums), funds=arrays(float, (2, 2), elements=sums))
def test_nothing_is_covered_twice_or_out_of_place(cost, funds):
    result = found(cost, funds)
    assert float(result["gap"].min()) >= -1e-6
    assert float(result["unused"].min()) >= -1e-6
    assert float(result["covered"].sel(phase="care", fund="project").max()) == 0
    assert float(result["covered"].sum() + result["gap"].sum()) == pytest.approx(cost.sum())


def test_administration_of_project_money_against_a_grant():
    assert lost_to_administration(49.5, project=0.15, grant=0.5 / 49.5) == pytest.approx((7.425, 0.5, 6.925))
