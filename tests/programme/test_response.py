"""How regions answer to money: closed forms, and what moves nothing."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from pmbudget.programme.response import answer_to_money, not_carried_out, share_paid

SHARES = st.floats(0.01, 0.99)


def over(*values):
    return xr.DataArray(np.array(values)[:, None, None], dims=("draw", "region", "year"))


def draws(uptake, **given):
    found = {
        "fungibility": 0.5,
        "paid_change_response": 0.2,
        uptake.incentive_response: 1.0,
        uptake.ceiling: 0.9,
        **given,
    }
    return {name: xr.DataArray([value] * 2, dims="draw") for name, value in found.items()}


@pytest.fixture(scope="module")
def uptake(scenario):
    return scenario.case.uptake


def test_the_plan_is_what_was_carried_out_and_what_was_not():
    own, plan, effect = over(0.2, 0.4), over(0.8, 0.5), xr.DataArray([0.25, 0.6], dims="draw")
    agreed = own + effect * (plan - own)
    assert (agreed + not_carried_out(agreed, own, effect)).values == pytest.approx(plan.values)


def test_a_plan_of_which_nothing_was_carried_out_tells_nothing():
    assert float(not_carried_out(over(0.4), over(0.4), xr.DataArray([0.0], dims="draw")).max()) == 0.0


def test_a_region_that_is_ahead_of_the_plan_leaves_nothing():
    assert float(not_carried_out(over(0.4), over(0.5), xr.DataArray([0.5], dims="draw")).max()) == 0.0


def test_a_change_that_is_paid_lifts_by_the_part_of_the_plan_that_the_money_reaches(uptake):
    found = answer_to_money(
        draws(uptake), uptake, over(0.5, 0.5), over(0.3, 0.3), paid=over(1.0, 0.4), not_borne=over(0.0, 0.0)
    )
    assert found.values.ravel() == pytest.approx([0.2 * 0.5 * 0.3, 0.2 * 0.5 * 0.4 * 0.3])


def test_a_next_test_that_is_not_borne_moves_the_logit_of_the_share_of_the_ceiling(uptake):
    found = answer_to_money(
        draws(uptake), uptake, over(0.5, 0.5), over(0.0, 0.0), paid=over(1.0, 1.0), not_borne=over(1.0, 0.0)
    )
    assert found.values.ravel() == pytest.approx([0.9 * expit(logit(0.5 / 0.9) + 0.5) - 0.5, 0.0])


@given(aimed=SHARES, left=SHARES, paid=SHARES, borne=SHARES)
def test_fungible_money_and_no_response_move_nothing(uptake, aimed, left, paid, borne):
    asked = {"paid": over(paid, paid), "not_borne": over(borne, borne)}
    for still in ({"fungibility": 1.0}, {"paid_change_response": 0.0, uptake.incentive_response: 0.0}):
        found = answer_to_money(draws(uptake, **still), uptake, over(aimed, aimed), over(left, left), **asked)
        assert float(np.abs(found).max()) == 0.0


def test_a_case_without_a_response_answers_to_a_paid_change_alone(uptake):
    bare = uptake.model_copy(update={"incentive_response": None})
    asked = {"paid": over(1.0, 1.0), "not_borne": over(1.0, 1.0)}
    found = answer_to_money(draws(uptake), bare, over(0.5, 0.5), over(0.3, 0.3), **asked)
    assert found.values.ravel() == pytest.approx([0.03, 0.03])


def test_money_counts_when_it_is_there_and_never_for_more_than_was_spent():
    money, cost = np.array([[5.0, 5.0, 50.0]]), np.array([[10.0, 30.0, 10.0]])
    assert share_paid(money, cost).ravel().tolist() == [0.5, 0.25, 1.0]
    assert share_paid(money, 0 * cost).tolist() == [[0.0, 0.0, 0.0]]
