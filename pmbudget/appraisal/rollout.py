"""Stepped roll-out: the regions that wait are controls of those that have begun, and what they teach depends on order and pace."""

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import pandas as pd

from pmbudget.appraisal.evsi import expected_after
from pmbudget.appraisal.voi import evppi

RATIOS = (0.0, 0.001, 0.01, 0.1, 1.0)
"""Variances of region and of region and period that the mixed model tries, as multiples of one patient's."""


@dataclass(frozen=True)
class Variation:
    """How the outcome observed varies beside the effect: standard deviations in the outcome's unit.

    ``patient`` between patients; ``region`` between regions, for good; ``period`` from period to period, in all regions alike (a random
    walk: the secular trend); ``region_period`` from period to period in each region by itself.
    """

    patient: float
    region: float
    period: float
    region_period: float


@dataclass(frozen=True)
class Rollout:
    """A programme as an experiment: the share on the new strategy and the patients, each (region, period)."""

    exposure: np.ndarray
    patients: np.ndarray

    def __post_init__(self) -> None:
        if self.exposure.shape != self.patients.shape or self.exposure.ndim != 2:
            raise ValueError(
                f"exposure is {self.exposure.shape} and patients {self.patients.shape}; give both by region and period"
            )
        if self.exposure.min() < 0 or self.exposure.max() > 1:
            raise ValueError(
                f"exposure runs from {self.exposure.min():.3g} to {self.exposure.max():.3g}; it is a share"
            )

    def until(self, period: int) -> "Rollout":
        """The first periods alone."""
        return Rollout(self.exposure[:, :period], self.patients[:, :period])

    def simulate(self, effect: np.ndarray, variation: Variation, rng: np.random.Generator) -> np.ndarray:
        """Mean outcome by region and period (draw, region, period) if each draw's ``effect`` of the new strategy were the truth."""
        draws, (regions, periods) = len(effect), self.exposure.shape
        region = rng.normal(0, variation.region, (draws, regions, 1))
        trend = rng.normal(0, variation.period, (draws, 1, periods)).cumsum(axis=2)
        spread = np.sqrt(variation.region_period**2 + variation.patient**2 / np.maximum(self.patients, 1e-9))
        own = rng.normal(0, 1, (draws, regions, periods)) * spread
        return effect[:, None, None] * self.exposure + region + trend + own

    def analyse(self, data: np.ndarray) -> np.ndarray | None:
        """The effect estimated from each data set (draw), or None where the design cannot tell it from the trend.

        A linear mixed model: each period's own level, random regions, random region-periods, patients; generalised least squares at the
        variances of highest restricted likelihood, data set by data set.
        """
        regions, periods = self.exposure.shape
        fixed = np.concatenate(
            [np.broadcast_to(np.eye(periods), (regions, periods, periods)), self.exposure[..., None]], 2
        )
        best = np.full(len(data), -np.inf)
        found = np.zeros(len(data))
        by_region = np.ascontiguousarray(data.transpose(1, 2, 0))
        for region, own in product(RATIOS, RATIOS):
            spread = own + 1 / np.maximum(self.patients, 1e-9)
            covariance = spread[:, :, None] * np.eye(periods) + region
            root = np.linalg.cholesky(covariance)
            white = np.linalg.solve(root, fixed).reshape(-1, periods + 1)
            levels, exposure = white[:, :-1], white[:, -1]
            away = exposure - levels @ np.linalg.solve(levels.T @ levels, levels.T @ exposure)
            information = float(away @ away)
            if information < 1e-8 * float(exposure @ exposure) or information == 0:
                return None
            seen = (np.linalg.inv(root) @ by_region).reshape(-1, len(data))
            cross, projected = white.T @ white, white.T @ seen
            estimate = np.linalg.solve(cross, projected)
            left = np.einsum("od,od->d", seen, seen) - np.einsum("pd,pd->d", estimate, projected)
            logged = 2 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum() + np.linalg.slogdet(cross)[1]
            likelihood = -0.5 * (logged + (white.shape[0] - white.shape[1]) * np.log(np.maximum(left, 1e-300)))
            found = np.where(likelihood > best, estimate[-1], found)
            best = np.maximum(best, likelihood)
        return found


def starts_in_waves(order: np.ndarray, *, waves: int, every: int = 1) -> np.ndarray:
    """The period in which each region begins: regions in their ``order`` (region numbers), in waves of about equal number.

    Examples
    --------
    >>> starts_in_waves(np.array([2, 0, 1, 3]), waves=2).tolist()
    [0, 1, 0, 1]
    """
    if not 1 <= waves <= len(order):
        raise ValueError(f"waves = {waves} must be 1 to {len(order)}, the number of regions")
    starts = np.empty(len(order), int)
    edges = np.linspace(0, len(order), waves + 1).round().astype(int)
    for wave, (begin, end) in enumerate(pairwise(edges)):
        starts[order[begin:end]] = wave * every
    return starts


def exposure_of(starts: np.ndarray, before: np.ndarray, ceiling: float, *, periods: int, ramp: int) -> np.ndarray:
    """Share on the new strategy (region, period): ``before`` (region) until a region starts, then in a straight line to the ceiling."""
    elapsed = np.arange(periods) - starts[:, None] + 1
    done = np.clip(elapsed / max(ramp, 1), 0, 1)
    return before[:, None] + np.maximum(ceiling - before, 0)[:, None] * done


def rollout_value(
    design: Rollout,
    benefit: np.ndarray,
    effect: np.ndarray,
    variation: Variation,
    *,
    analyses: list[int],
    discount_rate: float,
    reversal_cost: float = 0.0,
    study_cost: float = 0.0,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """What a programme is worth that is judged by its own data: go on, or withdraw the new strategy everywhere.

    Parameters
    ----------
    design : Rollout
        Over all periods of the horizon.
    benefit : ndarray
        Incremental net benefit per patient of the new strategy (draw,), SEK.
    effect : ndarray
        The same draws' effect on the outcome that is observed (draw,).
    variation : Variation
        Of that outcome.
    analyses : list of int
        Numbers of periods observed before the decision, each tried; 1 or more and less than all.
    discount_rate : float
        Per period.
    reversal_cost : float
        Of withdrawing, SEK.
    study_cost : float
        Of collecting and analysing the data, SEK per period observed.
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        One row per analysis: ``periods`` observed; ``error`` the standard error with which the effect is estimated (missing where it
        cannot be told from the trend); ``meanwhile`` expected net benefit of use until then; ``afterwards`` that of the better of going on
        and withdrawing on present knowledge; ``evsi`` what the data add to that decision, and its standard error ``se``; ``follow_up``
        what the data cost, negative; ``value`` the sum of meanwhile, afterwards, evsi and follow_up, against no use at all; ``withdrawn``
        the probability of withdrawal. SEK present value.
    """
    periods = design.exposure.shape[1]
    if not all(1 <= analysis < periods for analysis in analyses):
        raise ValueError(f"analyses = {analyses} must lie between 1 and {periods - 1}, the periods before the last")
    present = (1 + discount_rate) ** -np.arange(periods, dtype=float)
    used = (design.exposure * design.patients).sum(axis=0) * present
    data = design.simulate(effect, variation, rng)
    rows = []
    for analysis in analyses:
        until = design.until(analysis)
        estimate = until.analyse(data[:, :, :analysis])
        later, stop = float(used[analysis:].sum()), -reversal_cost * present[analysis]
        going_on = benefit * later
        known, told, error = np.full(1, going_on.mean()), 0.0, 0.0
        if estimate is not None:
            known = expected_after(going_on, estimate[:, None])
            # Going on or withdrawing are two strategies, and the estimate is what is known of them.
            costs = np.column_stack([np.full_like(going_on, -stop), -going_on])
            told, error = evppi(costs, np.zeros_like(costs), estimate, wtp=0.0).loc[0, ["evppi", "se"]]
        meanwhile = float(used[:analysis].sum()) * float(benefit.mean())
        afterwards = max(float(going_on.mean()), stop)
        follow_up = -study_cost * float(present[:analysis].sum())
        rows.append(
            {
                "periods": analysis,
                "error": float((estimate - effect).std()) if estimate is not None else np.nan,
                "meanwhile": meanwhile,
                "afterwards": afterwards,
                "evsi": float(told),
                "se": float(error),
                "follow_up": follow_up,
                "value": meanwhile + afterwards + float(told) + follow_up,
                "withdrawn": float((known < stop).mean()),
            }
        )
    return pd.DataFrame(rows)
