"""What was believed before the data, and whether the data look as the fitted model says they should."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.evidence import accuracy, survival, uptake
from pmbudget.evidence.blocks import LINKS, Block, by_row, off_link
from pmbudget.evidence.effects import DATA, heterogeneity
from pmbudget.evidence.random_effects import NumPy, crude, recorded_share
from pmbudget.vocabulary import TAILS

ROWS = 4000


def before_data(block: Block, part: str | None, rng: np.random.Generator) -> np.ndarray | None:
    """Draws of what a new setting was expected to be like before the data; None where a part has no prior of its own
    to show.
    """
    if block.model in LINKS:
        mean, sd, spread = block.prior(part)
        tau = np.abs(rng.normal(0, spread, ROWS))
        return off_link(LINKS[block.model], rng.normal(mean, sd, ROWS) + tau * rng.standard_normal(ROWS))
    if block.model == "survival":
        families = block.how.families
        if part == "median":
            return rng.lognormal(*survival.MEDIAN_PRIOR, ROWS)
        if part == "family":
            weights = block.how.weights
            stated = [weights[one] for one in families] if isinstance(weights, dict) else None
            return rng.choice(len(families), size=ROWS, p=stated).astype(float)
        if part is not None and part.endswith((".shape", ".sdlog")) and not part.startswith("gompertz"):
            return rng.lognormal(0, survival.SHAPE_PRIOR, ROWS)
        return None
    if part == "ceiling":
        return rng.beta(*uptake.CEILING_PRIOR, ROWS)
    if part == "slope":
        apart = np.abs(rng.normal(0, uptake.SLOPE_SPREAD, ROWS)) * rng.standard_normal(ROWS)
        return np.exp(rng.normal(*uptake.SLOPE_PRIOR, ROWS) + apart)
    return None


def contradictions(blocks: Sequence[Block]) -> pd.DataFrame:
    """How far the counted studies of each block lie apart, and whether they contradict each other.

    Returns
    -------
    DataFrame
        ``block``, ``part``, ``studies``, ``q`` (Cochran), ``p_value``, ``i_squared``, ``spread`` (scale of the half-normal prior that
        the fit has, on the link scale) and ``contradicting``: further apart than chance and the prior's own upper end allow. One row for
        each part of blocks of two studies or more with random effects.
    """
    rows = []
    for block in blocks:
        parts: tuple[str | None, ...] = accuracy.PARTS if block.model == "accuracy" else (None,)
        for part in parts if block.model in LINKS and len(block.counted) > 1 else ():
            found = heterogeneity(block, part, block.stated_spread(part))
            rows.append(
                {
                    "block": block.name,
                    "part": part or "",
                    "studies": found.studies,
                    "q": found.q,
                    "p_value": found.p_value,
                    "i_squared": found.i_squared,
                    "spread": block.prior(part)[2],
                    "contradicting": found.contradicts,
                }
            )
    columns = ("block", "part", "studies", "q", "p_value", "i_squared", "spread", "contradicting")
    return pd.DataFrame(rows, columns=columns).astype({"contradicting": bool})


def replicated(block: Block, fitted: xr.Dataset, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What each counted study would report if it were a new setting: ``observed`` part to draws (row, study), on the
    reported scale.

    The study's random effect is drawn anew, so that a study which the model did not expect shows.
    """
    studies = len(block.counted)
    if block.model == "accuracy":
        both = accuracy.new_settings(block, fitted, rng, studies)
        totals = {
            "sensitivity": block.column("tp") + block.column("fn"),
            "specificity": block.column("tn") + block.column("fp"),
        }
        return {part: rng.binomial(n.astype(int), both[part]) / np.maximum(n, 1) for part, n in totals.items()}
    mu, tau = by_row(block, fitted, "mean"), by_row(block, fitted, "spread")
    theta = mu[:, None] + tau[:, None] * rng.standard_normal((len(mu), studies))
    data = DATA[block.model](block)
    if block.model == "proportion":
        share = recorded_share(theta, 0.0, data, NumPy)
        return {"": rng.binomial(data["denominator"].astype(int), share) / data["denominator"]}
    if block.model == "rate":
        return {"": rng.poisson(data["exposure"] * np.exp(theta)) / data["exposure"]}
    error = data["se"] if block.model == "ratio" else data["log_sd"]
    return {"": np.exp(theta + error * rng.standard_normal(theta.shape))}


def observed(block: Block) -> dict[str, np.ndarray]:
    """What each counted study reported, by part as :func:`replicated` has them."""
    if block.model == "accuracy":
        tp, fp, fn, tn = (block.column(name) for name in ("tp", "fp", "fn", "tn"))
        return {"sensitivity": tp / np.maximum(tp + fn, 1), "specificity": tn / np.maximum(tn + fp, 1)}
    return {"": crude(block)[:, 0]}


def predictive_check(blocks: Sequence[Block], fitted: xr.Dataset, rng: np.random.Generator) -> pd.DataFrame:
    """Each counted study beside what the model says such a study would report.

    Returns
    -------
    DataFrame
        ``block``, ``part``, ``study``, ``observed``, ``mean``, ``lower``, ``upper`` (95 %) and ``inside``.
    """
    rows = []
    for block in blocks:
        if block.model not in LINKS:
            continue
        seen = observed(block)
        for part, drawn in replicated(block, fitted, rng).items():
            lower, upper = np.quantile(drawn, TAILS, axis=0)
            for number, (study, _) in enumerate(block.counted):
                value = seen[part][number]
                rows.append(
                    {
                        "block": block.name,
                        "part": part,
                        "study": study.study,
                        "observed": value,
                        "mean": drawn[:, number].mean(),
                        "lower": lower[number],
                        "upper": upper[number],
                        "inside": bool(lower[number] - 1e-12 <= value <= upper[number] + 1e-12),
                    }
                )
    return pd.DataFrame(rows)
