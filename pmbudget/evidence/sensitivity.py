"""What a pooled quantity hangs on: each study left out, other priors, other weights of borrowed studies.

For one mean and one spread the posterior can be summed on a grid instead of sampled, each study's random effect
summed out. That takes a moment, where sampling takes seconds, and shares nothing with the sampler, so that it also
checks the fit.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.evidence.accuracy import PARTS, spectrum
from pmbudget.evidence.blocks import LINKS, Block, by_row, off_link, onto_link
from pmbudget.evidence.random_effects import DATA, NumPy, recorded_share
from pmbudget.vocabulary import TAILS

MEANS, SPREADS, EFFECTS, NODES = 161, 20, 901, 21
"""Points of the grid over the mean, the spread and a study's own effect; nodes over the effect of a new setting."""
BORROWED = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Weights of borrowed studies that are tried."""
PRIORS_TRIED: Mapping[str, tuple[float, float]] = {
    "usual": (1.0, 1.0),
    "half the spread": (1.0, 0.5),
    "twice the spread": (1.0, 2.0),
    "twice as vague a mean": (2.0, 1.0),
}
"""Factors on the prior SD of the mean and on the prior scale of the spread."""


def log_likelihood(block: Block, theta: np.ndarray) -> np.ndarray:
    """The log likelihood of each counted study at each value of its own theta: (study, …), up to a constant."""
    data = {name: column[(..., *(None,) * (theta.ndim - 1))] for name, column in DATA[block.model](block).items()}
    if block.model == "proportion":
        share = np.clip(recorded_share(theta, 0.0, data, NumPy), 1e-300, 1 - 1e-16)
        events, total = data["numerator"], data["denominator"]
        return events * np.log(share) + (total - events) * np.log1p(-share)
    if block.model == "rate":
        return data["events"] * theta - data["exposure"] * np.exp(theta)
    if block.model == "ratio":
        return -0.5 * ((data["log_estimate"] - theta) / data["se"]) ** 2
    gamma = -data["shape"] * (theta + data["mean"] * np.exp(-theta))
    return np.where(data["lognormal"] > 0, -0.5 * ((np.log(data["mean"]) - theta) / data["log_sd"]) ** 2, gamma)


def on_grid(block: Block, prior: tuple[float, float, float] | None = None) -> dict[str, float]:
    """Mean and 95 % interval of what is expected in a new setting, and of the mean of the settings, off the link scale.

    Returns
    -------
    dict
        ``mean``, ``lower``, ``upper`` of a new setting; ``pooled``, ``pooled_lower``, ``pooled_upper`` of exp or
        logit⁻¹ of mu; ``spread`` the posterior mean of tau.

    Notes
    -----
    Follow-up with missing outcomes is taken as missing at random here.
    """
    centre, sd, spread = prior or block.prior()
    observed = onto_link(LINKS[block.model], _crude(block))
    mu = np.linspace(max(observed.min() - 2.5, centre - 5 * sd), min(observed.max() + 2.5, centre + 5 * sd), MEANS)
    tau = np.geomspace(spread / 20, 4 * spread, SPREADS)
    theta = np.linspace(observed.min() - 4, observed.max() + 4, EFFECTS)
    log_l = np.array([weight for _, weight in block.counted])[:, None] * log_likelihood(block, theta[None, :])
    likelihood = np.exp(log_l - log_l.max(axis=1, keepdims=True))
    # log tau: the grid is geometric in the spread.
    total = -0.5 * ((mu[:, None] - centre) / sd) ** 2 - 0.5 * (tau / spread) ** 2 + np.log(tau)
    for place, one in enumerate(tau):
        kernel = np.exp(-0.5 * ((theta[:, None] - mu) / one) ** 2)
        # Each column sums to 1 also where the spread is finer than the grid.
        integral = likelihood @ (kernel / np.maximum(kernel.sum(axis=0), 1e-300))
        total[:, place] += np.log(np.maximum(integral, 1e-300)).sum(axis=0)
    mass = np.exp(total - total.max())
    mass /= mass.sum()
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    new = (mu[:, None, None] + tau[None, :, None] * nodes).ravel()
    new_mass = (mass[..., None] * weights / weights.sum()).ravel()
    found = dict(zip(("mean", "lower", "upper"), _summary(block, new, new_mass), strict=True))
    pooled = _summary(block, mu, mass.sum(axis=1))
    found |= dict(zip(("pooled", "pooled_lower", "pooled_upper"), pooled, strict=True))
    return found | {"spread": float((mass.sum(axis=0) * tau).sum())}


def _crude(block: Block) -> np.ndarray:
    data = DATA[block.model](block)
    if block.model == "proportion":
        return (data["numerator"] + 0.5) / (data["denominator"] + 1)
    if block.model == "rate":
        return (data["events"] + 0.5) / data["exposure"]
    return np.exp(data["log_estimate"]) if block.model == "ratio" else data["mean"]


def _summary(block: Block, values: np.ndarray, mass: np.ndarray) -> tuple[float, float, float]:
    order = np.argsort(values)
    shown = off_link(LINKS[block.model], values[order])
    below = np.cumsum(mass[order])
    lower, upper = (float(shown[min(int(np.searchsorted(below, p)), len(shown) - 1)]) for p in TAILS)
    return float((shown * mass[order]).sum()), lower, upper


def left_out(block: Block) -> pd.DataFrame:
    """What is expected in a new setting with all studies and with each counted one left out: one row each,
    ``left_out`` naming it.
    """
    rows = [{"left_out": "", **on_grid(block)}]
    if len(block.counted) > 1:
        for number, (study, _) in enumerate(block.counted):
            kept = [one for place, one in enumerate(block.counted) if place != number]
            rest = replace(block, studies=tuple(s for s, _ in kept), weights=tuple(w for _, w in kept))
            rows.append({"left_out": study.study, **on_grid(rest)})
    return pd.DataFrame(rows)


def by_prior(block: Block) -> pd.DataFrame:
    """What is expected in a new setting under other priors."""
    mean, sd, spread = block.prior()
    return pd.DataFrame(
        [{"prior": name, **on_grid(block, (mean, sd * a, spread * b))} for name, (a, b) in PRIORS_TRIED.items()]
    )


def by_borrowing(block: Block) -> pd.DataFrame:
    """What is expected in a new setting with borrowed studies at other weights; empty where there are none to borrow."""
    if not any(study.use == "borrow" for study in block.studies):
        return pd.DataFrame()
    rows = []
    for weight in BORROWED:
        weights = tuple({"pool": 1.0, "borrow": weight}.get(study.use, 0.0) for study in block.studies)
        if any(weights):
            rows.append({"borrow": weight, **on_grid(replace(block, weights=weights))})
    return pd.DataFrame(rows)


def accuracy_left_out(block: Block, fitted: xr.Dataset) -> pd.DataFrame:
    """The pooled sensitivity and specificity with each counted study left out, without fitting again.

    The posterior is reweighted by one over the study's likelihood, its own random effects summed out (with its logits
    taken as normal), so that the weights stay even.

    Returns
    -------
    DataFrame
        ``left_out`` (empty: none), mean, lower and upper of both parts, and ``effective``, the number of draws that
        the weights leave.
    """
    mu, tau, rho = (by_row(block, fitted, name) for name in ("mean", "spread", "correlation"))
    slope = 0 * mu if block.how.spectrum is None else by_row(block, fitted, "spectrum")
    rows = [{"left_out": "", **_weighted(mu, np.ones(len(mu)))}]
    hits = np.stack([block.column("tp"), block.column("tn")], axis=1) + 0.5
    misses = np.stack([block.column("fn"), block.column("fp")], axis=1) + 0.5
    seen, error, far = np.log(hits / misses), 1 / hits + 1 / misses, spectrum(block)
    covariance = rho * tau[:, 0] * tau[:, 1]
    for number, (study, weight) in enumerate(block.counted if len(block.counted) > 1 else []):
        off = seen[number] - mu - slope * far[number]
        variance = tau**2 + error[number] / weight
        determinant = variance[:, 0] * variance[:, 1] - covariance**2
        distance = (
            off[:, 0] ** 2 * variance[:, 1] + off[:, 1] ** 2 * variance[:, 0] - 2 * covariance * off[:, 0] * off[:, 1]
        ) / determinant
        log_marginal = -0.5 * (np.log(determinant) + distance)
        rows.append({"left_out": study.study, **_weighted(mu, np.exp(log_marginal.min() - log_marginal))})
    return pd.DataFrame(rows)


def _weighted(mu: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    weight = weight / weight.sum()
    found = {"effective": float(1 / (weight**2).sum())}
    for number, part in enumerate(PARTS):
        values = off_link("logit", mu[:, number])
        order = np.argsort(values)
        below = np.cumsum(weight[order])
        ends = [float(values[order][min(int(np.searchsorted(below, p)), len(order) - 1)]) for p in TAILS]
        found |= {part: float((weight * values).sum()), f"{part}_lower": ends[0], f"{part}_upper": ends[1]}
    return found
