"""Agreements solved for: the least that the state must pay, the bargain that is best for all parties, and where there is none.

Designs come from a family, a function from the state's share (0-1) to clauses; paces from programmes evaluated at each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from pmbudget.appraisal.scoring import score_agreement
from pmbudget.appraisal.settled import Programme, outcome, programme_of
from pmbudget.inputs.clauses import Clause, Corridor, Layer

__all__ = [
    "Solution",
    "least_state_outlay",
    "nash_agreement",
    "participation_map",
    "programme_of",
    "scaled",
    "score_agreement",
]

SUMS = ("amount", "price", "at_most", "cap", "cap_per_inhabitant", "agreed", "threshold", "layers")
"""Fields of clauses that hold money, or parts that do."""
Family = Callable[[float], Sequence[Clause]]
ENOUGH = 0.9
"""The probability with which all regions must be within what they put up with."""


def scaled(clauses: Sequence[Clause], factor: float) -> list[Clause]:
    """The clauses with every sum of money multiplied, and nothing else.

    Sums are amounts, prices, caps (in all and per inhabitant), the agreed sum of a corridor on the case's own cost, thresholds and where
    layers begin. Shares, conditions and volumes stay, and so does the sum of a corridor with a ``spread``, which is a whole
    appropriation's. Where a sum limits what is paid from below (a threshold, a layer, a corridor), a larger factor may pay less.
    """

    def times(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(times(one) for one in value)
        return value.model_copy(update={"above": factor * value.above}) if isinstance(value, Layer) else factor * value

    found = []
    for clause in clauses:
        whole = isinstance(clause, Corridor) and clause.spread is not None
        held = {name: getattr(clause, name, None) for name in SUMS if not (whole and name == "agreed")}
        # A ceiling at what something is worth is no sum, and nothing scales it.
        names = [name for name, value in held.items() if value is not None and value != "worth"]
        found.append(clause.model_copy(update={name: times(getattr(clause, name)) for name in names}))
    return found


def scaled_to(programme: Programme, clauses: Sequence[Clause], outlay: float) -> tuple[list[Clause], float]:
    """The clauses scaled so that what the state is expected to pay by them over the agreement's years is ``outlay``, and the factor.

    Raises
    ------
    ValueError
        The state pays nothing by these clauses, or not in proportion to their sums, so that no factor makes it pay this.
    """
    before = float(outcome(programme, ()).by_state.mean())
    whole = float(outcome(programme, clauses).by_state.mean()) - before
    if whole <= 0:
        raise ValueError("the state pays nothing by these clauses; scale another design")
    factor = outlay / whole
    found = scaled(clauses, factor)
    paid = float(outcome(programme, found).by_state.mean()) - before
    if abs(paid - outlay) > 1e-6 * abs(outlay) + 1.0:
        raise ValueError(f"scaled by {factor:.3g} the state pays {paid:.0f} and not {outlay:.0f}; set the sums by hand")
    return found, factor


@dataclass(frozen=True)
class Solution:
    """An agreement found, or why there is none.

    ``pace`` and ``share`` say which; ``state`` is the state's expected net cost over the agreement's years (SEK), ``p_all`` the
    probability that all regions are within what they put up with, ``coverage`` what is reached, ``binding`` the party that is the hardest
    to bring along and ``p_binding`` its own probability. Where nothing is ``feasible`` they describe the nearest miss, and ``reason``
    says whether coverage or a party stands in the way. With the reason ``unplanned`` the target comes without any agreement: nothing is
    paid and there is no pace.
    """

    feasible: bool
    reason: str
    pace: str
    share: float
    state: float
    p_all: float
    coverage: float
    binding: str
    p_binding: float

    def to_series(self) -> pd.Series:
        """As a row of a table."""
        return pd.Series({field.name: getattr(self, field.name) for field in fields(self)})


def _at(programme: Programme, pace: str, family: Family, share: float, epsilon: float) -> Solution:
    found = outcome(programme, family(share))
    per_head = found.by_region / programme.people
    within = per_head <= epsilon
    each = within.mean(axis=0)
    binding = int(each.argmin())
    return Solution(
        feasible=True,
        reason="",
        pace=pace,
        share=share,
        state=float(found.by_state.mean()),
        p_all=float(within.all(axis=1).mean()),
        coverage=programme.coverage,
        binding=str(programme.regions.index[binding]),
        p_binding=float(each[binding]),
    )


def least_state_outlay(
    programmes: Mapping[str, Programme],
    family: Family,
    *,
    target: float,
    epsilon: float = 0.0,
    probability: float = ENOUGH,
    tolerance: float = 0.005,
) -> Solution:
    """The share at which the state pays least, over paces, such that all regions take part and coverage reaches its target.

    Parameters
    ----------
    programmes : mapping
        Pace to programme.
    family : callable
        The state's share, 0-1, to clauses; more share must not make any region worse off.
    target : float
        National coverage reached in the agreement's last year, expected.
    epsilon : float
        SEK per inhabitant over the agreement's years that a region puts up with.
    probability : float
        With which all 21 must be within it, together.
    tolerance : float
        Of the share, by bisection.

    Returns
    -------
    Solution
        Where the unplanned course reaches the target, the least outlay is nothing (``reason`` is ``unplanned``). Infeasible is an
        answer: ``reason`` is ``coverage`` where no pace reaches the target, ``region`` where even the whole share
        leaves some region outside, which ``binding`` names.
    """
    if not programmes:
        raise ValueError("programmes is empty; evaluate at least one pace")
    by_itself = max(one.coverage_unplanned for one in programmes.values())
    if by_itself >= target:
        return Solution(True, "unplanned", "", 0.0, 0.0, 1.0, by_itself, "", 1.0)
    enough = {pace: one for pace, one in programmes.items() if one.coverage >= target}
    if not enough:
        pace, nearest = max(programmes.items(), key=lambda item: item[1].coverage)
        return _refused(_at(nearest, pace, family, 1.0, epsilon), "coverage")
    solved, misses = [], []
    for pace, programme in enough.items():
        low, high = 0.0, 1.0
        best = _at(programme, pace, family, high, epsilon)
        if best.p_all < probability:
            misses.append(best)
            continue
        least = _at(programme, pace, family, low, epsilon)
        if least.p_all >= probability:
            best, high = least, low
        while high - low > tolerance:
            middle = _at(programme, pace, family, (low + high) / 2, epsilon)
            if middle.p_all >= probability:
                best, high = middle, middle.share
            else:
                low = middle.share
        solved.append(best)
    if solved:
        return min(solved, key=lambda one: one.state)
    return _refused(max(misses, key=lambda one: one.p_all), "region")


def _refused(miss: Solution, reason: str) -> Solution:
    return Solution(
        **{**{field.name: getattr(miss, field.name) for field in fields(miss)}, "feasible": False, "reason": reason}
    )


def nash_agreement(
    programmes: Mapping[str, Programme],
    family: Family,
    *,
    kappa: float,
    shares: Sequence[float] = tuple(np.linspace(0, 1, 41)),
    state_weight: float = 0.5,
) -> Solution:
    """The pace and share that maximise the Nash product against no agreement.

    A region's payoff is -E[net budget] + kappa x value of the health gained in it; the state's is -E[net budget] + kappa x the nation's.
    The bargaining weight is ``state_weight`` for the state, and the rest is divided equally between the regions.

    Returns
    -------
    Solution
        With ``p_all`` the probability that all regions' budgets are within 0. Where no design leaves every party better off it is not
        feasible, with the party whose best payoff is lowest in ``binding`` (``state`` for the state).
    """
    best: tuple[float, Solution] | None = None
    nearest: tuple[float, Solution] | None = None
    for pace, programme in programmes.items():
        for share in map(float, shares):
            found = outcome(programme, family(share))
            regions = -found.by_region.mean(axis=0) + kappa * programme.health
            state = -float(found.by_state.mean()) + kappa * float(programme.health.sum())
            per_head = np.append(regions / programme.people, state / programme.people.sum())
            least = int(per_head.argmin())
            party = "state" if least == len(regions) else str(programme.regions.index[least])
            if per_head[least] > 0:
                gain = state_weight * np.log(state) + (1 - state_weight) * float(np.log(regions).mean())
                if best is None or gain > best[0]:
                    best = (gain, _named(_at(programme, pace, family, share, 0.0), party))
            elif nearest is None or per_head[least] > nearest[0]:
                nearest = (per_head[least], _named(_at(programme, pace, family, share, 0.0), party))
    if best is not None:
        return best[1]
    if nearest is None:
        raise ValueError("programmes or shares is empty; give at least one of each")
    return _refused(nearest[1], "state" if nearest[1].binding == "state" else "region")


def _named(solution: Solution, binding: str) -> Solution:
    return Solution(**{**{field.name: getattr(solution, field.name) for field in fields(solution)}, "binding": binding})


def participation_map(
    programmes: Mapping[str, Programme], family: Family, *, shares: Sequence[float], epsilon: float = 0.0
) -> pd.DataFrame:
    """The probability that all regions take part, by pace (index) and state share (columns)."""
    rows = {
        pace: [_at(programme, pace, family, share, epsilon).p_all for share in shares]
        for pace, programme in programmes.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(shares)).rename_axis("pace")
