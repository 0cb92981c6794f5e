"""Shares that sum to 1 in several settings: the Dirichlet-multinomial model.

Study s counts n_s1 … n_sK among N_s persons: n_s ~ DirichletMultinomial(N_s, kappa pi). pi ~ Dirichlet(1/2, …, 1/2) are the shares of
the mean of the settings (Jeffreys' prior) and kappa, log-normal, says how alike settings are: around share p they have SD
sqrt(p (1 - p) / (kappa + 1)). A new setting has shares of its own, Dirichlet(kappa pi) (Mosimann, Biometrika 1962;49:65).
"""

import numpy as np
import xarray as xr

from pmbudget.evidence.blocks import Block, by_row
from pmbudget.inputs.studies import SharesStudy

VERSION = 1
"""Raised by whoever changes what the model says of the same data."""
ALIKE_PRIOR = (4.0, 1.5)
"""Mean and SD of log kappa: a share of one half has an SD between settings of 1.5 to 25 percentage points (95 %)."""


def counted(block: Block) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The categories, the counts (study, category) and the weight of each study."""
    rows = [(row, weight) for row, weight in block.counted if isinstance(row, SharesStudy)]
    categories, studies = (
        list(dict.fromkeys(names)) for names in zip(*((r.category, r.study) for r, _ in rows), strict=True)
    )
    counts, weights = np.zeros((len(studies), len(categories)), int), np.zeros(len(studies))
    for row, weight in rows:
        place = studies.index(row.study)
        counts[place, categories.index(row.category)] += row.count
        weights[place] = weight
    return categories, counts, weights


def add_multinomial(block: Block) -> None:
    """Add the block to the model on the context; data are ``pm.Data``."""
    import pymc as pm

    categories, counts, weights = counted(block)
    pm.modelcontext(None).add_coords({"category": categories})
    seen = pm.Data("data.counts", counts)
    weight = pm.Data("data.weight", weights)
    shares = pm.Dirichlet("shares", np.full(len(categories), 0.5), dims="category")
    alike = pm.LogNormal("alike", *ALIKE_PRIOR)
    likelihood = pm.logp(pm.DirichletMultinomial.dist(n=seen.sum(axis=1), a=alike * shares), seen)
    pm.Potential("likelihood", (weight * likelihood).sum())


def new_setting(block: Block, fitted: xr.Dataset, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The shares to be expected in a new setting, by category (row); they sum to 1 in each row."""
    shares, alike = by_row(block, fitted, "shares"), by_row(block, fitted, "alike")
    # A Dirichlet is gammas over their sum; a gamma of next to no shape may come out as nothing, but not all of them.
    drawn = rng.gamma(np.maximum(alike[:, None] * shares, 1e-6)) + 1e-300
    drawn /= drawn.sum(axis=1, keepdims=True)
    return dict(zip(counted(block)[0], drawn.T, strict=True))
