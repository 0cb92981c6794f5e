"""Univariate random-effects models: proportions, ratios, rates and costs pooled over settings.

On the link scale (logit for proportions, log for the rest) setting i has theta_i = mu + tau z_i, z_i ~ N(0, 1) (mu is
``mean`` in the posterior and tau ``spread``), and its own likelihood:

* proportion  y_i ~ Bin(n_i, p_i); with follow-up of stated quality the share recorded is p (1 - false negative) + (1
  - p) false positive, and where outcomes are missing events may be missing more or less often than non-events (log
  odds of missing ~ N(0, 0.5²) between them)
* ratio       log estimate_i ~ N(theta_i, se_i²), se_i from the 95 % interval
* rate        y_i ~ Poisson(exposure_i exp theta_i)
* cost        mean_i ~ Gamma with mean exp theta_i and the reported spread over n_i patients, or log-normal

A borrowed study counts with its likelihood to the power ``borrow`` (power prior; Ibrahim and Chen, Statistical
Science 2000;15:46).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.evidence.blocks import LINKS, Block, by_row, off_link
from pmbudget.evidence.effects import DATA, WIDTH, crude_effects
from pmbudget.vocabulary import TAILS

VERSION = 1
"""Raised by whoever changes what the model says of the same data, so that no posterior of the old one is taken."""
PRIOR = ("mean", "sd", "spread")
MISSING_SPREAD = 0.5
"""SD of the difference, in log odds of being missing, between those with the event and those without: 95 % within a
factor 2.7.
"""


def how_centred(seen: np.ndarray, variances: np.ndarray, spread: float) -> np.ndarray:
    """How far to centre each study's effect, 0 to 1: all the way only where its data say far more of it than the spread does.

    ``seen`` are the studies' own estimates on the link scale and ``variances`` those of sampling; the spread is what the estimates show
    beyond sampling, at most that of the prior.
    """
    shown = max(float(np.var(seen, ddof=1) - np.mean(variances)), 0.0) if len(seen) > 1 else 0.0
    between = min(shown, spread**2)
    return np.asarray((between / (between + variances)) ** 12)


def partly_centred(name: str, mean: Any, sd: Any, centred: Any, shift: Any = 0.0) -> Any:
    """Effects N(mean, sd²), partly centred (Papaspiliopoulos et al, Statistical Science 2007;22:59).

    A study of 17,000 persons moves badly in the non-centred form and one of 100 in the centred; the model is the same. So it is with a
    ``shift`` that moves the effects along with something else.
    """
    import pymc as pm

    free = pm.Normal(name, centred * mean + shift, sd**centred)
    return mean + sd ** (1 - centred) * (free - shift - centred * mean)


def add_random_effects(block: Block) -> None:
    """Add the block to the model on the context: mean, spread and the studies' own effects on the link scale, the weighted likelihood.

    All that the block says is ``pm.Data``, so that a compiled model can be given another block of the same size.
    """
    import pymc as pm

    columns, weights = DATA[block.model](block), np.array([weight for _, weight in block.counted])
    prior = block.prior()
    data = {name: pm.Data(f"data.{name}", column) for name, column in columns.items()}
    weight = pm.Data("data.weight", weights)
    centring = how_centred(*crude_effects(block.model, columns, weights), prior[2])
    centred = pm.Data("data.centred", centring)
    centre, width, scale = (pm.Data(f"prior.{name}", value) for name, value in zip(PRIOR, prior, strict=True))
    mean, spread = pm.Normal("mean", centre, width), pm.HalfNormal("spread", scale)
    theta = partly_centred("setting.free", mean, spread, centred)
    pm.Potential("likelihood", (weight * LIKELIHOODS[block.model](theta, data)).sum())


def _proportion(theta: Any, data: Mapping[str, Any]) -> Any:
    import pymc as pm

    count, total = data["numerator"], data["denominator"]
    quality = [data[name].get_value() for name in ("false_negative", "false_positive", "missing")]
    if not np.any(quality):
        return pm.logp(pm.Binomial.dist(n=total, logit_p=theta), count)
    selective = pm.Normal("selective.free", 0, MISSING_SPREAD, shape=len(quality[0]))
    share = recorded_share(theta, selective, data, pm.math)
    return pm.logp(pm.Binomial.dist(n=total, p=share), count)


def recorded_share(theta: Any, selective: Any, data: Mapping[str, Any], math: Any) -> Any:
    """The share recorded as events, among those followed up, when the true log odds are ``theta``.

    ``selective`` is the log odds ratio of being missing between those with the event and those without; with nothing
    missing it has no effect. ``math`` has log and sigmoid.
    """
    known = math.log(1 - data["missing"]) - math.log(data["missing"] + 1e-300)
    followed = math.log(math.sigmoid(known - selective / 2)) - math.log(math.sigmoid(known + selective / 2))
    seen = math.sigmoid(theta + followed)
    return seen * (1 - data["false_negative"]) + (1 - seen) * data["false_positive"]


class NumPy:
    """The functions of :func:`recorded_share` on NumPy arrays."""

    log = staticmethod(np.log)

    @staticmethod
    def sigmoid(x: np.ndarray) -> np.ndarray:
        """Inverse logit."""
        return np.asarray(1 / (1 + np.exp(-x)))


def _ratio(theta: Any, data: Mapping[str, Any]) -> Any:
    import pymc as pm

    return pm.logp(pm.Normal.dist(theta, data["se"]), data["log_estimate"])


def _rate(theta: Any, data: Mapping[str, Any]) -> Any:
    import pymc as pm

    return pm.logp(pm.Poisson.dist(data["exposure"] * pm.math.exp(theta)), data["events"])


def _cost(theta: Any, data: Mapping[str, Any]) -> Any:
    import pymc as pm

    gamma = pm.logp(pm.Gamma.dist(alpha=data["shape"], beta=data["shape"] * pm.math.exp(-theta)), data["mean"])
    lognormal = pm.logp(pm.Normal.dist(theta, data["log_sd"]), pm.math.log(data["mean"]))
    return pm.math.switch(data["lognormal"] > 0, lognormal, gamma)


LIKELIHOODS: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "proportion": _proportion,
    "ratio": _ratio,
    "rate": _rate,
    "cost": _cost,
}


def new_setting(block: Block, fitted: xr.Dataset, rng: np.random.Generator, settings: int) -> np.ndarray:
    """What is to be expected in ``settings`` new settings (row, setting), off the link scale: mu + tau z, z drawn
    anew.
    """
    mu, tau = by_row(block, fitted, "mean"), by_row(block, fitted, "spread")
    z = rng.standard_normal((len(mu), settings))
    return off_link(LINKS[block.model], mu[:, None] + tau[:, None] * z)


def crude(block: Block) -> np.ndarray:
    """The share, ratio, rate or cost of each counted study by itself, off the link scale, with its 95 % interval:
    (study, 3).
    """
    data = DATA[block.model](block)
    if block.model == "proportion":
        from scipy import stats

        events, total = data["numerator"], data["denominator"]
        known = stats.beta(events + 0.5, total - events + 0.5)
        return np.stack([events / total, known.ppf(TAILS[0]), known.ppf(TAILS[1])], axis=1)
    if block.model == "rate":
        from scipy import stats

        events, exposure = data["events"], data["exposure"]
        known = stats.gamma(events + 0.5, scale=1 / exposure)
        return np.stack([events / exposure, known.ppf(TAILS[0]), known.ppf(TAILS[1])], axis=1)
    centre = data["log_estimate"] if block.model == "ratio" else np.log(data["mean"])
    se = data["se"] if block.model == "ratio" else data["log_sd"]
    return np.exp(np.stack([centre, centre - WIDTH / 2 * se, centre + WIDTH / 2 * se], axis=1))
