"""Each learnt parameter at a crude value without any uncertainty: to check files in a moment, never to report."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.evidence import multinomial, random_effects, survival, uptake
from pmbudget.evidence.blocks import LINKS, Block, blocks_of, off_link, onto_link
from pmbudget.evidence.fit import Posterior
from pmbudget.evidence.models import part_of
from pmbudget.inputs.parameters import ParameterSet
from pmbudget.inputs.regions import CODES


def crude_posterior(parameters: ParameterSet, rows: int = 4000) -> Posterior:
    """The weighted share, mean or median of the counted studies of every learnt parameter, ``rows`` times."""
    draws = {}
    for block in blocks_of(parameters.values()):
        found = CRUDE[block.model](block) if block.model in CRUDE else {"": _central(block)}
        for one in block.parameters:
            value = found[part_of(one)]
            if one.record.by == "region":
                draws[one.name] = (("draw", "region"), np.full((rows, len(CODES)), value))
            else:
                draws[one.name] = (("draw",), np.full(rows, value))  # type: ignore[assignment]
    return Posterior(xr.Dataset(draws, coords={"region": list(CODES)}), xr.Dataset(), pd.DataFrame(), "crude")


def _share(block: Block, events: str, total: str) -> float:
    weights = np.array([weight for _, weight in block.counted])
    return float((weights * block.column(events)).sum() / (weights * block.column(total)).sum())


def _central(block: Block) -> float:
    if block.model == "proportion":
        return _share(block, "numerator", "denominator")
    weights, link = [weight for _, weight in block.counted], LINKS[block.model]
    return float(off_link(link, np.average(onto_link(link, random_effects.crude(block)[:, 0]), weights=weights)))


def _accuracy(block: Block) -> dict[str, float]:
    tp, fp, fn, tn = (
        sum(weight * getattr(study, cell) for study, weight in block.counted) for cell in ("tp", "fp", "fn", "tn")
    )
    return {"sensitivity": (tp + 0.5) / (tp + fn + 1), "specificity": (tn + 0.5) / (tn + fp + 1)}


def _survival(block: Block) -> dict[str, float]:
    rows = survival.evidence_rows(block)
    if "median" in rows:
        median = float(np.exp(np.log(rows["median"]["value"]).mean()))
    elif "alive" in rows:
        median = float((rows["alive"]["at_month"] * np.log(0.5) / np.log(rows["alive"]["value"])).mean())
    else:
        median = float(np.median(rows["patient"]["month"]))
    found: dict[str, float] = {"family": 0.0, "median": median}
    for month in {one.learning.at_month for one in block.parameters} - {None}:
        found[f"alive at {month:g}"] = 0.5 ** (float(month) / median)  # type: ignore[arg-type]
    for family in block.how.families:
        shape = 0.01 if family == "gompertz" else 1.0
        own = survival.OWN[family](np.array(median), np.array(shape))
        found |= {f"{family}.{name}": float(value) for name, value in own.items()}
    return found


def _uptake(block: Block) -> dict[str, float]:
    share = _share(block, "numerator", "denominator")
    found: dict[str, float] = {"ceiling": max(0.9, share), "deviation": 0.0, "slope_deviation": 0.0}
    found["slope"] = float(np.exp(uptake.SLOPE_PRIOR[0]))
    found |= {part: float(np.exp(mean)) for part, (mean, _) in uptake.BASS_PRIORS.items()}
    return found | {f"level at {one.learning.at_year:g}": share for one in block.parameters if one.learning.at_year}


def _shares(block: Block) -> dict[str, float]:
    categories, counts, weights = multinomial.counted(block)
    total = weights @ counts
    return dict(zip(categories, (total / total.sum()).tolist(), strict=True))


CRUDE: Mapping[str, Callable[[Block], dict[str, float]]] = {
    "accuracy": _accuracy,
    "survival": _survival,
    "uptake": _uptake,
    "shares": _shares,
}
