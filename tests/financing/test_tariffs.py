"""What a unit is paid against what its work costs: closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmbudget.financing.tariffs import (
    both_whole,
    closing_level,
    full_cost_price,
    margin,
    shortfall,
    shortfall_by_draw,
    unused,
)

amounts = st.floats(1, 1e6)


@given(amounts, amounts, amounts)
def test_full_cost_at_the_planned_volume_leaves_nothing_there_and_idle_capacity_elsewhere(variable, fixed, planned):
    price = full_cost_price(variable, fixed, planned=planned)
    scale = price * planned
    assert abs(margin(price, planned, variable=variable, fixed=fixed)) < 1e-9 * scale
    for volume in (0.5 * planned, 1.3 * planned):
        left = margin(price, volume, variable=variable, fixed=fixed)
        assert left == pytest.approx(-unused(fixed, volume, planned=planned), abs=1e-9 * scale)


@given(amounts, amounts, amounts)
def test_a_price_of_what_one_more_costs_contributes_nothing_and_loses_the_fixed_cost(variable, fixed, volume):
    assert margin(variable, volume, variable=variable, fixed=0.0) == 0.0
    assert margin(variable, volume, variable=variable, fixed=fixed) == -fixed


def test_one_level_closes_everywhere_where_cost_follows_the_units():
    units = np.random.default_rng(1).poisson(20, (50, 4, 3)).astype(float)
    gap = 7.0 * units
    level = closing_level(gap, units)
    assert level == pytest.approx(7.0)
    assert shortfall(level * units - gap).all == pytest.approx(0.0, abs=1e-9)
    assert shortfall_by_draw(level * units - gap) == pytest.approx(np.zeros(50), abs=1e-9)


def test_a_level_leaves_as_much_too_little_as_too_much_where_cost_falls_before_the_units():
    units, gap = np.array([[[1.0, 3.0]]]), np.array([[[60.0, 40.0]]])
    left = closing_level(gap, units) * units - gap
    assert left.tolist() == [[[-35.0, 35.0]]]
    found = shortfall(left)
    assert (found.all, found.years, found.regions) == (35.0, 35.0, 0.0)


def test_there_is_no_level_for_what_is_never_done():
    assert np.isnan(closing_level(np.ones((1, 1, 1)), np.zeros((1, 1, 1))))


@given(amounts, amounts)
def test_a_price_between_cost_and_saving_leaves_both_whole_and_there_is_none_where_the_cost_is_larger(needed, saved):
    prices = both_whole(needed, saved)
    if prices is None:
        assert saved < needed
    else:
        for price in (*prices, sum(prices) / 2):
            assert margin(price, 1, variable=needed, fixed=0) >= 0 <= margin(saved, 1, variable=price, fixed=0)
