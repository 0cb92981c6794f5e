"""How regions answer to money: what coverage becomes when somebody else pays for the change, or for the next test.

For each region and year, c being the coverage that a programme aims at, e the share of the planned acceleration that is carried out and
o the region's own course, so that c = o + e (plan - o) where the plan is ahead:

    u   = (c - o) (1 - e) / e           the acceleration that is planned and not carried out
    s   = min(1, money so far / cost of the change so far)
    c'  = c + lambda (1 - phi) s u      a change that is paid
    c'' = C expit(logit(c' / C) + gamma (1 - phi) m),  C = max(ceiling, c')      a next test that is not borne

phi is the share of money that replaces the region's own (fungibility) and moves nothing; lambda is ``paid_change_response``; gamma is the
uptake's ``incentive_response`` to m, the share of one test more that the region does not bear. A lump sum has m = 0 and works by s alone;
with lambda = 0 and gamma = 0, or phi = 1, nothing moves. All are assumptions whose priors hold no effect.
"""

import numpy as np
import xarray as xr

from pmbudget.inputs.programmes import Uptake
from pmbudget.patient.costing import Draws
from pmbudget.programme.pace import shifted, top

LEAST = 1e-6
"""Share of a plan below which nothing can be told of the plan from what was carried out."""


def not_carried_out(agreed: xr.DataArray, own: xr.DataArray, effect: xr.DataArray) -> xr.DataArray:
    """The acceleration that is planned and not carried out, in coverage: (agreed - own) (1 - effect) / effect, 0 or more.

    Parameters
    ----------
    agreed, own : DataArray
        (draw, region, year): what the programme aims at, and each region's own course.
    effect : DataArray
        (draw,): the share of the planned acceleration that is carried out.

    Examples
    --------
    >>> float(not_carried_out(xr.DataArray(0.5), xr.DataArray(0.4), xr.DataArray(0.25)).round(6))
    0.3
    """
    return (agreed - own).clip(min=0) * (1 - effect) / np.maximum(effect, LEAST) * (effect > LEAST)


def share_paid(money: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """The share of what has been spent so far that has been paid for, 0 to 1, year by year (…, year); 0 where there is nothing to pay.

    Examples
    --------
    >>> share_paid(np.array([10.0, 10.0, 10.0]), np.array([40.0, 0.0, -20.0])).tolist()
    [0.25, 0.5, 1.0]
    """
    paid, spent = np.cumsum(money, axis=-1), np.cumsum(cost, axis=-1)
    paid, spent = np.broadcast_arrays(paid, spent)
    share = np.divide(paid, spent, out=np.zeros(spent.shape), where=spent > LEAST)
    return np.clip(share, 0.0, 1.0)


def answer_to_money(
    draws: Draws,
    uptake: Uptake,
    aimed: xr.DataArray,
    left: xr.DataArray,
    *,
    paid: xr.DataArray,
    not_borne: xr.DataArray,
) -> xr.DataArray:
    """How much further coverage reaches by a grant (draw, region, year), in shares of the eligible; see the module.

    Parameters
    ----------
    draws : Dataset
        With ``fungibility``, ``paid_change_response`` and what the uptake names.
    uptake : Uptake
        One that states no response to not bearing a test's cost has none.
    aimed, left : DataArray
        (draw, region, year): what the programme aims at without the grant, and what :func:`not_carried_out` leaves of its plan.
    paid, not_borne : DataArray
        (draw, region, year) or fewer: the shares s and m, 0 to 1.
    """
    reaches = 1 - draws["fungibility"]
    carried = aimed + draws["paid_change_response"] * reaches * paid * left
    if uptake.incentive_response is None:
        return carried - aimed
    shift = draws[uptake.incentive_response] * reaches * not_borne
    return shifted(carried, top(draws[uptake.ceiling], carried), shift) - aimed
