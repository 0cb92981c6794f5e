"""Survival curves of several families from patients' times, reported medians and landmark shares.

Every family has a median and a shape. A patient who died at t adds log h(t) + log S(t), one alive at t log S(t). A
reported median is normal on the log scale and a reported share alive on the logit scale, with standard errors from
their 95 % intervals. Each family is fitted by itself; which one is right is drawn per draw by weight: stacking of
leave-one-out predictive densities where there are patients' times (Yao et al, Bayesian Analysis 2018;13:917), weights
as stated where there are none. Averaging curves within a draw would hide that uncertainty.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.evidence.blocks import Block, by_row
from pmbudget.evidence.effects import WIDTH

VERSION = 1
"""Raised by whoever changes what the model says of the same data."""
MEDIAN_PRIOR = (2.5, 1.2)
"""Mean and SD of the log median in months: 95 % between 1.2 and 128 months."""
SHAPE_PRIOR = 0.4
"""SD of the log shape around that of the exponential (a log-normal: around 1): 95 % within a factor 2.2."""
BEND_PRIOR = 0.03
"""SD of the Gompertz shape, per month: a hazard that changes at most twofold in a year (95 %)."""


def _exponential(t: Any, median: Any, shape: Any, xp: Any) -> tuple[Any, Any]:
    rate = np.log(2) / median
    return xp.log(rate) + 0 * t, -rate * t


def _weibull(t: Any, median: Any, shape: Any, xp: Any) -> tuple[Any, Any]:
    cumulative = np.log(2) * (t / median) ** shape
    return xp.log(shape * cumulative / t), -cumulative


def _gompertz(t: Any, median: Any, shape: Any, xp: Any) -> tuple[Any, Any]:
    rate = np.log(2) * shape / xp.expm1(shape * median)
    return xp.log(rate) + shape * t, -rate * xp.expm1(shape * t) / shape


def _lognormal(t: Any, median: Any, shape: Any, xp: Any) -> tuple[Any, Any]:
    z = (xp.log(t) - xp.log(median)) / shape
    log_survival = xp.log(0.5 * xp.erfc(z / np.sqrt(2)))
    return -0.5 * z**2 - 0.5 * np.log(2 * np.pi) - xp.log(shape * t) - log_survival, log_survival


def _loglogistic(t: Any, median: Any, shape: Any, xp: Any) -> tuple[Any, Any]:
    odds = (t / median) ** shape
    return xp.log(shape / t) + xp.log(odds) - xp.log1p(odds), -xp.log1p(odds)


def _gamma(t: Any, median: Any, shape: Any, xp: Any) -> tuple[Any, Any]:
    rate = gamma_rate(median, shape)
    log_survival = xp.log(xp.gammaincc(shape, rate * t))
    log_density = shape * xp.log(rate) + (shape - 1) * xp.log(t) - rate * t - xp.gammaln(shape)
    return log_density - log_survival, log_survival


def gamma_rate(median: Any, shape: Any) -> Any:
    """The rate at which a gamma of that shape has that median, by the Wilson-Hilferty approximation (within 2 % for
    shapes above 0.5).
    """
    return shape * (1 - 1 / (9 * shape)) ** 3 / median


FAMILIES: Mapping[str, Callable[[Any, Any, Any, Any], tuple[Any, Any]]] = {
    "exponential": _exponential,
    "weibull": _weibull,
    "gompertz": _gompertz,
    "lognormal": _lognormal,
    "loglogistic": _loglogistic,
    "gamma": _gamma,
}
"""Log hazard and log survival at t of each family from its median and shape; ``xp`` is the array library."""

OWN: Mapping[str, Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]] = {
    "exponential": lambda median, shape: {"rate": np.log(2) / median},
    "weibull": lambda median, shape: {"shape": shape, "scale": median / np.log(2) ** (1 / shape)},
    "gompertz": lambda median, shape: {"shape": shape, "rate": np.log(2) * shape / np.expm1(shape * median)},
    "lognormal": lambda median, shape: {"meanlog": np.log(median), "sdlog": shape},
    "loglogistic": lambda median, shape: {"shape": shape, "scale": median},
    "gamma": lambda median, shape: {"shape": shape, "rate": gamma_rate(median, shape)},
}
"""Each family's own parameters, time in months, as ``patient.survival_curve`` takes them."""


class NumPy:
    """The functions of the families on NumPy arrays."""

    log, log1p, expm1 = staticmethod(np.log), staticmethod(np.log1p), staticmethod(np.expm1)

    @staticmethod
    def erfc(x: Any) -> Any:
        """Complementary error function."""
        from scipy import special

        return special.erfc(x)

    @staticmethod
    def gammaincc(shape: Any, x: Any) -> Any:
        """Upper regularised incomplete gamma function."""
        from scipy import special

        return special.gammaincc(shape, x)

    @staticmethod
    def gammaln(x: Any) -> Any:
        """Logarithm of the gamma function."""
        from scipy import special

        return special.gammaln(x)


COLUMNS: Mapping[str, tuple[str, ...]] = {
    "patient": ("month", "event", "count"),
    "median": ("value", "low", "high"),
    "alive": ("value", "low", "high", "at_month"),
}
"""What the likelihood reads of each kind of row."""


def evidence_rows(block: Block) -> dict[str, dict[str, np.ndarray]]:
    """The counted rows by kind, each with its columns and weights."""
    kinds, weights = block.column("kind"), np.array([weight for _, weight in block.counted])
    return {
        kind: {name: block.column(name)[kinds == kind].astype(float) for name in columns}
        | {"weight": weights[kinds == kind]}
        for kind, columns in COLUMNS.items()
        if (kinds == kind).any()
    }


def add_survival(block: Block) -> None:
    """Add one block to the model on the context: median and shape of each family, and each family's likelihood."""
    import pymc as pm
    import pytensor.tensor as pt

    found = {
        kind: {name: pm.Data(f"data.{kind}.{name}", values) for name, values in columns.items()}
        for kind, columns in evidence_rows(block).items()
    }
    for family in block.how.families:
        median = pm.LogNormal(f"{family}.median", *MEDIAN_PRIOR)
        if family == "gompertz":
            shape = pm.Normal(f"{family}.shape", 0, BEND_PRIOR)
        elif family == "exponential":
            shape = None
        else:
            shape = pm.LogNormal(f"{family}.shape", 0, SHAPE_PRIOR)
        pm.Potential(f"{family}.likelihood", sum(_likelihoods(family, median, shape, found, pt)))


def _likelihoods(family: str, median: Any, shape: Any, rows: Mapping[str, Any], xp: Any) -> list[Any]:
    """The weighted log likelihood of each kind of row."""
    import pymc as pm

    found = []
    if one := rows.get("patient"):
        found.append((one["weight"] * patients(family, median, shape, one, xp)).sum())
    if one := rows.get("median"):
        se = (xp.log(one["high"]) - xp.log(one["low"])) / WIDTH
        found.append((one["weight"] * pm.logp(pm.Normal.dist(xp.log(median), se), xp.log(one["value"]))).sum())
    if one := rows.get("alive"):
        _, log_survival = FAMILIES[family](one["at_month"], median, shape, xp)
        alive = log_survival - xp.log(-xp.expm1(log_survival))
        logits = [xp.log(one[name]) - xp.log1p(-one[name]) for name in ("value", "low", "high")]
        found.append((one["weight"] * pm.logp(pm.Normal.dist(alive, (logits[2] - logits[1]) / WIDTH), logits[0])).sum())
    return found


def patients(family: str, median: Any, shape: Any, rows: Mapping[str, Any], xp: Any) -> Any:
    """The log likelihood of each row of patients."""
    log_hazard, log_survival = FAMILIES[family](rows["month"], median, shape, xp)
    return rows["count"] * (rows["event"] * log_hazard + log_survival)


def curves(block: Block, fitted: xr.Dataset) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Median and shape of each family by row of the posterior."""
    found = {}
    for family in block.how.families:
        median = by_row(block, fitted, f"{family}.median")
        shape = np.ones_like(median) if family == "exponential" else by_row(block, fitted, f"{family}.shape")
        found[family] = (median, shape)
    return found


def family_weights(block: Block, fitted: xr.Dataset) -> dict[str, float]:
    """How probable each family is: as stated, or by stacking of leave-one-out predictive densities of the patients."""
    stated = block.how.weights
    if isinstance(stated, dict):
        return stated
    if stated is None:
        return {block.how.families[0]: 1.0}
    import arviz as az

    seen = evidence_rows(block)["patient"]
    # One row of the table can stand for several patients alike; each is a unit that is left out.
    each = {name: np.repeat(values, seen["count"].astype(int)) for name, values in seen.items()} | {"count": 1.0}
    shape = tuple(fitted.sizes[dim] for dim in ("chain", "draw"))
    scored = {}
    for family, (median, bend) in curves(block, fitted).items():
        pointwise = patients(family, median[:, None], bend[:, None], each, NumPy)
        tree = az.from_dict(
            {
                "posterior": {"median": median.reshape(shape)},
                "log_likelihood": {"time": pointwise.reshape(*shape, -1)},
            }
        )
        scored[family] = az.loo(tree, pointwise=True)
    table = az.compare(scored, method="stacking")
    return {family: float(table.loc[family, "weight"]) for family in block.how.families}


def parts(block: Block, fitted: xr.Dataset, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Every part of the block by row: the family drawn, its median, the share alive at each month asked for, each
    family's own parameters.
    """
    weights = fitted[f"{block.name}.weight"].to_numpy()
    by_family = curves(block, fitted)
    size = len(next(iter(by_family.values()))[0])
    families = list(block.how.families)
    family = rng.choice(len(families), size=size, p=weights)
    found = {"family": family.astype(float)}
    found["median"] = np.choose(family, [by_family[one][0] for one in families])
    for month in {one.learning.at_month for one in block.parameters if one.learning.at_month is not None}:
        alive = [np.exp(FAMILIES[one](np.array(month), *by_family[one], NumPy)[1]) for one in families]
        found[f"alive at {month:g}"] = np.choose(family, alive)
    for one in families:
        found |= {f"{one}.{name}": values for name, values in OWN[one](*by_family[one]).items()}
    return found
