"""Test accuracy: the bivariate random-effects model with exact binomial likelihoods.

tp_i ~ Bin(tp_i + fn_i, Se_i), tn_i ~ Bin(tn_i + fp_i, Sp_i), (logit Se_i, logit Sp_i) ~ N2(mu, Sigma) with half-
normal spreads and a uniform correlation (Reitsma et al, Journal of Clinical Epidemiology 2005;58:982; Chu and Cole,
ibid. 2006;59:1331).

With ``spectrum`` each mean has an effect of the study's logit prevalence against the stated one: over 6,909 studies
sensitivity rose and specificity fell with prevalence (CMAJ 2023;195:E925). The prior of the effects is N(0, 0.3²) per
logit and holds those findings.
"""

import numpy as np
import xarray as xr

from pmbudget.evidence.blocks import Block, by_row, off_link
from pmbudget.evidence.effects import CELLS, own_effects
from pmbudget.evidence.random_effects import PRIOR, how_centred, partly_centred

VERSION = 1
"""Raised by whoever changes what the model says of the same data."""
PARTS = tuple(CELLS)
SPECTRUM_SPREAD = 0.3
"""SD of the prior of the change in logit sensitivity and logit specificity per logit of prevalence."""


def spectrum(block: Block) -> np.ndarray:
    """Each study's logit prevalence less that of the setting predicted for; 0 where no spectrum effect is asked for."""
    if block.how.spectrum is None:
        return np.zeros(len(block.counted))
    sick, well = block.column("tp") + block.column("fn"), block.column("fp") + block.column("tn")
    # Half a person keeps a study finite that has none with the condition, or none without.
    return np.log((sick + 0.5) / (well + 0.5)) - np.log(block.how.spectrum / (1 - block.how.spectrum))


def centred_as(block: Block, prior: np.ndarray) -> np.ndarray:
    """How far to centre each study's logit sensitivity and logit specificity: (study, part)."""
    found = [how_centred(*own_effects(block, part), prior[number, 2]) for number, part in enumerate(PARTS)]
    return np.stack(found, axis=1)


def add_accuracy(block: Block) -> None:
    """Add the block to the model on the context; all that it says is ``pm.Data``, as in the univariate models."""
    import pymc as pm

    pm.modelcontext(None).add_coords({"part": list(PARTS)})
    priors = np.array([block.prior(part) for part in PARTS])
    cells = {name: pm.Data(f"data.{name}", block.column(name)) for name in ("tp", "fp", "fn", "tn")}
    weight = pm.Data("data.weight", np.array([weight for _, weight in block.counted]))
    centred = pm.Data("data.centred", centred_as(block, priors))
    centre, width, scale = (pm.Data(f"prior.{name}", priors[:, place]) for place, name in enumerate(PRIOR))
    mean = pm.Normal("mean", centre, width, dims="part")
    sd = pm.HalfNormal("spread", scale, dims="part")
    rho = pm.Uniform("correlation", -1, 1)
    first = partly_centred("sensitive.free", mean[0], sd[0], centred[:, 0])
    # What the specificity is expected to be where the sensitivity is what it is.
    given = mean[1] + rho * sd[1] * (first - mean[0]) / sd[0]
    second = partly_centred("specific.free", given, sd[1] * pm.math.sqrt(1 - rho**2), centred[:, 1])
    if block.how.spectrum is not None:
        distance = pm.Data("data.distance", spectrum(block))
        slope = pm.Normal("spectrum", 0, SPECTRUM_SPREAD, dims="part")
        first, second = first + slope[0] * distance, second + slope[1] * distance
    found = pm.logp(pm.Binomial.dist(n=cells["tp"] + cells["fn"], logit_p=first), cells["tp"])
    cleared = pm.logp(pm.Binomial.dist(n=cells["tn"] + cells["fp"], logit_p=second), cells["tn"])
    pm.Potential("likelihood", (weight * (found + cleared)).sum())


def new_settings(block: Block, fitted: xr.Dataset, rng: np.random.Generator, settings: int) -> dict[str, np.ndarray]:
    """Sensitivity and specificity to be expected together in ``settings`` new settings: (row, setting) each."""
    mu, tau, rho = (by_row(block, fitted, name) for name in ("mean", "spread", "correlation"))
    z = rng.standard_normal((2, len(rho), settings))
    second = rho[:, None] * z[0] + np.sqrt(1 - rho[:, None] ** 2) * z[1]
    return {
        part: off_link("logit", mu[:, [number]] + tau[:, [number]] * effect)
        for number, (part, effect) in enumerate(zip(PARTS, (z[0], second), strict=True))
    }


def summary(block: Block, fitted: xr.Dataset) -> np.ndarray:
    """Logit sensitivity and specificity of the mean of the settings, by row of the posterior: (row, part)."""
    return by_row(block, fitted, "mean")
