"""Agreements scored side by side on one programme: who pays what, who takes part, what happens when the money ends."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pmbudget.appraisal.ranking import ERRORS, simulation_error, surely_above, surely_best
from pmbudget.appraisal.settled import Programme, mean, moved_by_today, outcome
from pmbudget.financing.incentive import share_not_borne
from pmbudget.inputs.clauses import Clause
from pmbudget.vocabulary import REGION_PAYERS, TAILS

WORST = 0.05
"""The tail whose mean is the conditional value at risk."""
GRANT_BEHAVIOUR = ("fungibility", "persistence", "displacement")
"""What is assumed of how regions answer to a grant, in financing.yaml."""
PARTICIPATION = "participation_limit"
"""What a region puts up with, SEK per inhabitant and year, in financing.yaml."""


def score_agreement(
    programme: Programme,
    designs: Mapping[str, Sequence[Clause]],
    *,
    epsilon: float = 0.0,
    fungibility: float = 0.0,
    persistence: float = 1.0,
    displacement: float = 0.0,
    wtp: float = 1_000_000.0,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Designs side by side on the same draws, against the unplanned world.

    Parameters
    ----------
    programme : Programme
        From :func:`programme_of`.
    designs : mapping
        Name to clauses, in the order in which they settle.
    epsilon : float
        SEK per inhabitant over the agreement's years that a region puts up with.
    fungibility : float
        Share of a grant that replaces own money: what is left of the marginal share as an incentive is 1 - fungibility.
    persistence : float
        Share of the tests that the agreement brought about that stays when its money ends.
    displacement : float
        Share of what the regions pay that is taken from other care.
    wtp : float
        SEK per QALY, for what is displaced.

    Returns
    -------
    DataFrame
        Index design. Over the agreement's years, SEK unless said: ``state``, ``regions`` and ``others`` (mean), ``state_lower``,
        ``state_upper``, ``regions_lower``, ``regions_upper`` (95 % interval), ``state_cvar`` and ``regions_cvar`` (mean of the worst
        twentieth), ``of_today`` (regions, because of today's use alone, see :func:`moved_by_today`), ``per_inhabitant`` and ``tax_oere``
        (regions, a year, in hundredths of a krona of tax per 100 kronor of taxable income), ``p_all`` (probability that no region pays
        more than ``epsilon`` per inhabitant), ``p_least`` and ``binding`` (the region with the lowest such probability), ``worst``
        (highest mean per inhabitant), ``worst_region`` and ``worst_sure`` (1 where no other region may be as badly off, by
        :func:`surely_best`), ``inequality`` (population-weighted standard deviation of the regions' means per inhabitant), ``marginal``
        (share of one test more that its region does not bear), ``early_movers`` (correlation of what a region receives per inhabitant
        with its use today), ``cliff`` (fall in what comes from outside the regions, from the last year, ``paid_last``, to the next),
        ``year_after`` (regions, net), ``steering`` (what fungibility leaves of the marginal share), ``tests_lost`` (in the year after,
        where what was paid is not) and ``displaced_qaly``.
    """
    rows = {}
    for done, (name, clauses) in enumerate(designs.items(), start=1):
        rows[name] = row = _score(programme, clauses, epsilon)
        row["steering"] = (1 - fungibility) * row["marginal"]
        ended = min(1.0, max(0.0, row["cliff"] / row["paid_last"])) if row["paid_last"] > 0 else 0.0
        row["tests_lost"] = (1 - persistence) * ended * max(0.0, programme.more_after)
        row["displaced_qaly"] = displacement * row["regions"] / wtp
        if progress:
            progress(done, len(designs))
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("design")


def _score(programme: Programme, clauses: Sequence[Clause], epsilon: float) -> dict[str, Any]:
    found, shown, people = outcome(programme, clauses), programme.shown, programme.people
    by_region, state = found.by_region, found.by_state
    regions = by_region.sum(axis=1)
    per_head = by_region / people
    takes_part = per_head <= epsilon
    means = per_head.mean(axis=0)
    weight = people / people.sum()
    least, worst = int(takes_part.mean(axis=0).argmin()), int(means.argmax())
    tax_base = float((programme.regions["tax_base"] * people).sum())
    after, length = shown.stop, shown.stop - shown.start
    kept = mean(found.regions)
    received = programme.mean_added[programme.places] - kept
    marginal = share_not_borne(programme.margin, clauses, REGION_PAYERS)[programme.places][:, shown]
    row = {
        "state": state.mean(),
        "regions": regions.mean(),
        "others": found.others[:, shown].sum(axis=-1).mean(),
        "of_today": moved_by_today(programme, clauses),
        **dict(zip(("state_lower", "state_upper"), np.quantile(state, TAILS), strict=True)),
        **dict(zip(("regions_lower", "regions_upper"), np.quantile(regions, TAILS), strict=True)),
        "state_cvar": cvar(state),
        "regions_cvar": cvar(regions),
        "per_inhabitant": regions.mean() / people.sum() / length,
        "tax_oere": 1e4 * regions.mean() / length / tax_base,
        "p_all": takes_part.all(axis=1).mean(),
        "p_least": takes_part.mean(axis=0)[least],
        "binding": programme.regions.index[least],
        "worst": means[worst],
        "worst_region": programme.regions.index[worst],
        "worst_sure": surely_best(per_head.T) is not None,
        "inequality": np.sqrt((weight * (means - (weight * means).sum()) ** 2).sum()),
        "marginal": _mean_share(marginal, weight),
        "early_movers": _early_movers(programme, received[:, shown].sum(axis=-1) / people),
        "paid_last": found.paid[after - 1],
        "cliff": found.paid[after - 1] - found.paid[after] if after < len(found.paid) else np.nan,
        "year_after": kept.sum(axis=0)[after] if after < len(found.paid) else np.nan,
    }
    return {name: value if isinstance(value, str) else float(value) for name, value in row.items()}


def by_draw(programme: Programme, clauses: Sequence[Clause], epsilon: float) -> dict[str, np.ndarray]:
    """Measures of a design draw by draw (draw,), whose means are its scores: what two designs are compared by.

    ``p_all`` is 1 where all regions take part; ``worst`` the cost per inhabitant of the region with the highest mean; ``inequality`` the
    regions' deviations along those of their means (the spread of the means, to first order); ``year_after`` the regions' net cost then.
    """
    found, people = outcome(programme, clauses), programme.people
    per_head, weight = found.by_region / people, people / people.sum()
    means = per_head.mean(axis=0)
    away = means - (weight * means).sum()
    spread = np.sqrt((weight * away**2).sum())
    after = programme.shown.stop
    return {
        "p_all": (per_head <= epsilon).all(axis=1).astype(float),
        "worst": per_head[:, means.argmax()],
        "inequality": per_head @ (weight * away / spread) if spread > 0 else np.zeros(len(per_head)),
        "year_after": found.regions[..., after].sum(axis=1)
        if after < found.regions.shape[-1]
        else np.full(len(per_head), np.nan),
    }


def leaders(values: Mapping[str, np.ndarray], *, largest: bool, order: bool = True, step: float = 0.0) -> list[str]:
    """The best option and all that cannot be told apart from it, the best first.

    Parameters
    ----------
    values : mapping
        Option to (draw,), paired over draws.
    largest : bool
        Whether the largest is the best.
    order : bool
        Whether the order must hold in 70 draws of 100 too, as in :func:`surely_above`. It says nothing of a probability, whose draws are 0
        and 1; there the mean difference must exceed two simulation errors.
    step : float
        In which means are printed: who looks like one of those named is named too, however surely the draws tell them apart.
    """
    signed = {name: (1 if largest else -1) * np.asarray(column, float) for name, column in values.items()}
    ranked = sorted(signed, key=lambda name: signed[name].mean(), reverse=True)
    best = signed[ranked[0]]

    def below(column: np.ndarray) -> bool:
        apart = best - column
        return surely_above(best, column) if order else bool(apart.mean() > ERRORS * simulation_error(apart))

    tied = [ranked[0], *(name for name in ranked[1:] if not below(signed[name]))]
    if not step:
        return tied
    printed = {name: round(signed[name].mean() / step) for name in ranked}
    return [name for name in ranked if printed[name] in {printed[one] for one in tied}]


def cvar(values: np.ndarray) -> float:
    """The mean of the worst twentieth of the draws: conditional value at risk at 95 %."""
    count = max(1, round(WORST * len(values)))
    return float(np.partition(values, -count)[-count:].mean())


def _mean_share(marginal: np.ndarray, weight: np.ndarray) -> float:
    """The mean share (region, year) over years and, by weight, regions; missing where nothing is tested for in any of them."""
    return float(np.nansum(np.nanmean(marginal, axis=1) * weight)) if not np.isnan(marginal).all() else float("nan")


def _early_movers(programme: Programme, per_head: np.ndarray) -> float:
    """Correlation over regions of what is received per inhabitant with coverage today; 0 where nothing differs."""
    if np.ptp(per_head) < 1e-9 or np.ptp(programme.use_today) < 1e-12:
        return 0.0
    return float(np.corrcoef(programme.use_today, per_head)[0, 1])


def pareto(scores: pd.DataFrame, least: Sequence[str], most: Sequence[str] = ()) -> pd.Series:
    """Whether each design is on the Pareto front: no other is as good in all the columns and better in one.

    ``least`` are better when small, ``most`` when large.
    """
    values = np.column_stack([*(scores[name] for name in least), *(-scores[name] for name in most)])
    beaten = [bool(((values <= row).all(axis=1) & (values < row).any(axis=1)).any()) for row in values]
    return ~pd.Series(beaten, index=scores.index, name="pareto")
