"""Test accuracy: the bivariate random-effects model with exact binomial likelihoods.

tp_i ~ Bin(tp_i + fn_i, Se_i), tn_i ~ Bin(tn_i + fp_i, Sp_i), (logit Se_i, logit Sp_i) ~ N2(mu, Sigma) with half-
normal spreads and a uniform correlation (Reitsma et al, Journal of Clinical Epidemiology 2005;58:982; Chu and Cole,
ibid. 2006;59:1331).

With ``spectrum`` each mean has an effect of the study's logit prevalence against the stated one: over 6,909 studies
sensitivity rose and specificity fell with prevalence (CMAJ 2023;195:E925). The prior of the effects is N(0, 0.3²) per
logit and holds those findings.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from pmbudget.evidence.blocks import Block, flat, off_link
from pmbudget.evidence.effects import CELLS, own_effects
from pmbudget.evidence.random_effects import how_centred, partly_centred

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


def add_accuracy(blocks: Sequence[Block]) -> None:
    """Add all accuracy blocks to the model on the context, vectorised over blocks; data as ``pm.Data``."""
    import pymc as pm

    which = np.repeat(np.arange(len(blocks)), [len(block.counted) for block in blocks])
    priors = np.array([[block.prior(part) for part in PARTS] for block in blocks])
    model = pm.modelcontext(None)
    model.add_coords(
        {
            "accuracy_block": [block.name for block in blocks],
            "accuracy_study": [f"{block.name}: {n}" for block in blocks for n in range(len(block.counted))],
            "accuracy_part": list(PARTS),
        }
    )
    cells = {
        name: pm.Data(
            f"accuracy_{name}", np.concatenate([block.column(name) for block in blocks]), dims="accuracy_study"
        )
        for name in ("tp", "fp", "fn", "tn")
    }
    weights = np.concatenate([[weight for _, weight in block.counted] for block in blocks])
    weight = pm.Data("accuracy_weight", weights, dims="accuracy_study")
    shape = ("accuracy_block", "accuracy_part")
    mu = pm.Normal("accuracy_mu", priors[..., 0], priors[..., 1], dims=shape)
    tau = pm.HalfNormal("accuracy_tau", priors[..., 2], dims=shape)
    rho = pm.Uniform("accuracy_rho", -1, 1, dims="accuracy_block")
    centring = np.concatenate([centred_as(block, prior) for block, prior in zip(blocks, priors, strict=True)])
    centred = pm.Data("accuracy_centred", centring, dims=("accuracy_study", "accuracy_part"))
    mean, sd = mu[which], tau[which]
    first = partly_centred("accuracy_sensitive", mean[:, 0], sd[:, 0], centred[:, 0], dims="accuracy_study")
    # What the specificity is expected to be where the sensitivity is what it is.
    given = mean[:, 1] + rho[which] * sd[:, 1] * (first - mean[:, 0]) / sd[:, 0]
    left = sd[:, 1] * pm.math.sqrt(1 - rho[which] ** 2)
    second = partly_centred("accuracy_specific", given, left, centred[:, 1], dims="accuracy_study")
    theta = pm.math.stack([first, second], axis=1)
    if any(block.how.spectrum is not None for block in blocks):
        distance = pm.Data("accuracy_distance", np.concatenate([spectrum(b) for b in blocks]), dims="accuracy_study")
        slope = pm.Normal("accuracy_slope", 0, SPECTRUM_SPREAD, dims=shape)
        theta = theta + slope[which] * distance[:, None]
    theta = pm.Deterministic("accuracy_theta", theta, dims=("accuracy_study", "accuracy_part"))
    found = pm.logp(pm.Binomial.dist(n=cells["tp"] + cells["fn"], logit_p=theta[:, 0]), cells["tp"])
    cleared = pm.logp(pm.Binomial.dist(n=cells["tn"] + cells["fp"], logit_p=theta[:, 1]), cells["tn"])
    pm.Potential("accuracy_likelihood", (weight * (found + cleared)).sum())


def new_settings(block: Block, fitted: xr.Dataset, rng: np.random.Generator, settings: int) -> dict[str, np.ndarray]:
    """Sensitivity and specificity to be expected together in ``settings`` new settings: (row, setting) each."""
    mine = fitted.sel(accuracy_block=block.name)
    mu, tau, rho = (flat(mine[f"accuracy_{name}"]) for name in ("mu", "tau", "rho"))
    z = rng.standard_normal((2, len(rho), settings))
    second = rho[:, None] * z[0] + np.sqrt(1 - rho[:, None] ** 2) * z[1]
    return {
        part: off_link("logit", mu[:, [number]] + tau[:, [number]] * effect)
        for number, (part, effect) in enumerate(zip(PARTS, (z[0], second), strict=True))
    }


def summary(block: Block, fitted: xr.Dataset) -> np.ndarray:
    """Logit sensitivity and specificity of the mean of the settings, by row of the posterior: (row, part)."""
    return flat(fitted["accuracy_mu"].sel(accuracy_block=block.name))
