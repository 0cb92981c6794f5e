"""Uptake over time in several units (regions, or technologies that came before): hierarchical logistic or Bass curves.

Logistic: users_ut ~ Bin(eligible_ut, M logit⁻¹(a_u + b_u (t - t0))), a_u ~ N(alpha, sigma_a²), log b_u ~ N(beta,
sigma_b²), one ceiling M. Bass: the cumulative share is M F(t), F(t) = (1 - e^{-(p+q)t}) / (1 + (q/p) e^{-(p+q)t}),
log p_u and log q_u normal over units (Bass, Management Science 1969;15:215).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.evidence.blocks import Block, by_row, flat
from pmbudget.evidence.random_effects import how_centred, partly_centred
from pmbudget.inputs.regions import CODES

VERSION = 1
"""Raised by whoever changes what the model says of the same data."""
LEVEL_PRIOR, LEVEL_SPREAD = (0.0, 2.0), 1.0
"""Logit of the level at the middle year: next to free; its spread between units, half-normal: 95 % below 2 (0.59 seen
between Swedish regions).
"""
SLOPE_PRIOR, SLOPE_SPREAD = (-1.8, 0.7), 0.5
"""Log of the slope: 95 % between 0.04 and 0.67 logits a year; its spread between units, half-normal."""
MIDDLE_CEILING = 0.9
CEILING_PRIOR = (9.0, 1.0)
"""Beta prior of the ceiling: 95 % between 66 % and 99.7 %."""
BASS_PRIORS = {"innovation": (-4.0, 1.0), "imitation": (-1.0, 0.7)}
"""Log of p (95 % between 0.3 and 13 % a year) and of q (0.09 to 1.5 a year)."""


def units(block: Block) -> list[str]:
    """The units, in the order in which they first stand in the table."""
    return list(dict.fromkeys(block.column("unit").astype(str)))


def middle(block: Block) -> float:
    """The time from which the logistic curve counts."""
    return float(np.mean(block.column("when").astype(float)))


def add_uptake(block: Block) -> None:
    """Add the block to the model on the context; data are ``pm.Data``."""
    import pymc as pm

    names = units(block)
    pm.modelcontext(None).add_coords({"unit": names})
    which = np.array([names.index(str(unit)) for unit in block.column("unit")])
    when, users, eligible = (
        pm.Data(f"data.{column}", block.column(column).astype(kind))
        for column, kind in (("when", float), ("numerator", int), ("denominator", int))
    )
    weight = pm.Data("data.weight", np.array([weight for _, weight in block.counted]))
    ceiling = pm.Beta("ceiling", *CEILING_PRIOR)

    levels, slopes = (how_centred(*crude, LEVEL_SPREAD) for crude in crude_curves(block, which, len(names)))
    # A higher ceiling takes lower levels to the same uptake: moving both at once spares the sampler a narrow ridge.
    reached = np.minimum(0.9, _share(block, which, len(names)) / MIDDLE_CEILING)
    shift = (np.log(MIDDLE_CEILING) - pm.math.log(ceiling)) / (1 - reached)

    def by_unit(part: str, prior: tuple[float, float], spread: float) -> Any:
        mean = pm.Normal(f"{part}.mean", *prior)
        sd = pm.HalfNormal(f"{part}.sd", spread)
        at, centred = (shift, levels) if part == "level" else (0.0, slopes)
        own = partly_centred(f"{part}.free", mean, sd, centred, shift=at)
        return pm.Deterministic(part, own, dims="unit")

    if block.how.curve == "bass":
        p = pm.math.exp(by_unit("innovation", BASS_PRIORS["innovation"], SLOPE_SPREAD))[which]
        q = pm.math.exp(by_unit("imitation", BASS_PRIORS["imitation"], SLOPE_SPREAD))[which]
        fallen = pm.math.exp(-(p + q) * when)
        share = ceiling * (1 - fallen) / (1 + q / p * fallen)
    else:
        level = by_unit("level", LEVEL_PRIOR, LEVEL_SPREAD)
        slope = by_unit("slope", SLOPE_PRIOR, SLOPE_SPREAD)
        share = ceiling * pm.math.sigmoid(level[which] + pm.math.exp(slope[which]) * (when - middle(block)))
    pm.Potential("likelihood", (weight * pm.logp(pm.Binomial.dist(n=eligible, p=share), users)).sum())


def _share(block: Block, which: np.ndarray, units: int) -> np.ndarray:
    users, eligible = (np.bincount(which, block.column(name), units) for name in ("numerator", "denominator"))
    return (users + 0.5) / (eligible + 1)


def crude_curves(
    block: Block, which: np.ndarray, units: int
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Level and log slope of each unit by least squares on the logit, with their variances: how the sampler should
    move, not what it finds.
    """
    total = block.column("denominator")
    share = np.minimum((block.column("numerator") + 0.5) / (total + 1) / MIDDLE_CEILING, 0.99)
    time, told = block.column("when") - middle(block), total * share * (1 - share)
    logit = np.log(share / (1 - share))
    weight = np.bincount(which, told, units)
    mean_time, level = (np.bincount(which, told * values, units) / weight for values in (time, logit))
    apart = time - mean_time[which]
    spread = np.bincount(which, told * apart**2, units) + 1e-9
    slope = np.maximum(np.bincount(which, told * apart * logit, units) / spread, 0.02)
    return (level, 1 / weight), (np.log(slope), 1 / (spread * slope**2))


def parts(block: Block, fitted: xr.Dataset, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Every part of the block by row, deviations by (row, region).

    Where the units are regions, a region with data keeps its own posterior and the level and slope are the national
    means; a region without, or a technology to come, is one more unit drawn around the mean.
    """
    found = {"ceiling": by_row(block, fitted, "ceiling")}
    regional = all(unit in CODES for unit in units(block))

    def mean_and_sd(part: str) -> tuple[np.ndarray, np.ndarray]:
        return by_row(block, fitted, f"{part}.mean"), by_row(block, fitted, f"{part}.sd")

    def of_a_new_one(part: str) -> np.ndarray:
        mean, sd = mean_and_sd(part)
        return mean if regional else mean + sd * rng.standard_normal(len(mean))

    if block.how.curve == "bass":
        return found | {part: np.exp(of_a_new_one(part)) for part in BASS_PRIORS}
    found["slope"] = np.exp(of_a_new_one("slope"))
    at_middle = of_a_new_one("level")
    for year in {one.learning.at_year for one in block.parameters if one.learning.at_year is not None}:
        logit = at_middle + found["slope"] * (year - middle(block))
        found[f"level at {year:g}"] = found["ceiling"] / (1 + np.exp(-logit))
    for deviation, part in (("deviation", "level"), ("slope_deviation", "slope")):
        mean, sd = mean_and_sd(part)
        own = sd[:, None] * rng.standard_normal((len(sd), len(CODES)))
        if regional:
            estimated = by_row(block, fitted, part) - mean[:, None]
            own[:, [CODES.index(unit) for unit in units(block)]] = estimated
        found[deviation] = own
    return found


def curve_at(block: Block, fitted: xr.Dataset, unit: str, when: Sequence[float] | np.ndarray) -> np.ndarray:
    """The fitted share of users in one unit at each time: (row, time)."""
    mine = {f"{block.name}.unit": unit}
    time, ceiling = np.asarray(when, float), by_row(block, fitted, "ceiling")[:, None]
    if block.how.curve == "bass":
        p, q = (np.exp(flat(fitted[f"{block.name}.{part}"].sel(mine)))[:, None] for part in BASS_PRIORS)
        fallen = np.exp(-(p + q) * time)
        return ceiling * (1 - fallen) / (1 + q / p * fallen)
    level, slope = (flat(fitted[f"{block.name}.{part}"].sel(mine))[:, None] for part in ("level", "slope"))
    return ceiling / (1 + np.exp(-(level + np.exp(slope) * (time - middle(block)))))
