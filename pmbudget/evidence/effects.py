"""What each study says by itself, on the scale on which settings differ, and whether the studies of a block contradict each other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import special

from pmbudget.inputs.studies import FromStudies, Study


class CountedRows(Protocol):
    """What is read here of a block: its model, how it learns, and the rows that count."""

    @property
    def model(self) -> str: ...  # noqa: D102

    @property
    def how(self) -> FromStudies: ...  # noqa: D102

    @property
    def counted(self) -> list[tuple[Study, float]]: ...  # noqa: D102

    def column(self, name: str) -> np.ndarray: ...  # noqa: D102


WIDTH = 2 * 1.959963984540054
HALF_NORMAL_END = 1.959963984540054
"""95 % of a half-normal lies below this many times its scale."""


def log_se(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Standard error of a logarithm from the ends of a 95 % interval."""
    return (np.log(high) - np.log(low)) / WIDTH


def standard_error(block: CountedRows) -> np.ndarray:
    """The standard error of each log estimate, stated or from its interval."""
    stated = block.column("se")
    return np.where(np.isnan(stated), log_se(block.column("low"), block.column("high")), stated)


DATA: Mapping[str, Callable[[CountedRows], dict[str, np.ndarray]]] = {
    "proportion": lambda block: {
        **{name: block.column(name) for name in ("numerator", "denominator")},
        **{name: block.column(name).astype(float) for name in ("false_negative", "false_positive", "missing")},
    },
    "ratio": lambda block: {"log_estimate": np.log(block.column("estimate")), "se": standard_error(block)},
    "rate": lambda block: {"events": block.column("events"), "exposure": block.column("exposure")},
    "cost": lambda block: {
        "mean": block.column("mean"),
        "shape": block.column("n") * (block.column("mean") / block.column("sd")) ** 2,
        "lognormal": np.full(len(block.counted), float(block.how.family == "lognormal")),
        "log_sd": np.sqrt(np.log1p((block.column("sd") / block.column("mean")) ** 2) / block.column("n")),
    },
}
"""What the likelihood of each model reads of its rows, one array per column."""


def crude_effects(
    kind: str, data: Mapping[str, np.ndarray], weights: np.ndarray | float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Each study's own estimate on the link scale and the variance of its sampling, roughly: how the sampler should move."""
    if kind == "proportion":
        hits, misses = data["numerator"] + 0.5, data["denominator"] - data["numerator"] + 0.5
        return np.log(hits / misses), (1 / hits + 1 / misses) / weights
    if kind == "rate":
        return np.log((data["events"] + 0.5) / data["exposure"]), 1 / (data["events"] + 0.5) / weights
    if kind == "ratio":
        return data["log_estimate"], data["se"] ** 2 / weights
    return np.log(data["mean"]), data["log_sd"] ** 2 / weights


CELLS: Mapping[str, tuple[str, str]] = {"sensitivity": ("tp", "fn"), "specificity": ("tn", "fp")}
"""The cells of a two-by-two table that each part of accuracy counts right and wrong."""


def own_effects(block: CountedRows, part: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Each counted study's estimate on the link scale and its variance of sampling, by itself; a part of accuracy has its own."""
    weights = np.array([weight for _, weight in block.counted])
    if block.model != "accuracy":
        return crude_effects(block.model, DATA[block.model](block), weights)
    hits, misses = (block.column(name) + 0.5 for name in CELLS[str(part)])
    return np.log(hits / misses), (1 / hits + 1 / misses) / weights


@dataclass(frozen=True)
class Heterogeneity:
    """How far the studies of a block lie apart: Cochran's Q, the share of their variation beyond chance (I², Higgins and Thompson,
    Statistics in Medicine 2002;21:1539) and the SD between settings that it comes to (DerSimonian and Laird, Controlled Clinical Trials
    1986;7:177).

    ``p_value`` is that of Q where settings do not differ at all; ``p_expected`` where they differ as much as the prior of the spread
    has it at its upper 95 % end.
    """

    studies: int
    q: float
    p_value: float
    p_expected: float
    i_squared: float
    between: float

    @property
    def contradicts(self) -> bool:
        """Whether the studies lie further apart than chance and the usual spread between settings allow (5 %)."""
        return self.p_expected < 0.05


def heterogeneity(block: CountedRows, part: str | None, spread: float) -> Heterogeneity:
    """How far the studies of a block lie apart, where the prior of the spread is half-normal with scale ``spread``.

    Q = sum w_i (theta_i - mean)², w_i = 1 / v_i, mean weighted by w; chi-squared with one degree of freedom less than studies.
    """
    effects, variances = own_effects(block, part)
    q = _q(effects, variances)
    free, weights = len(effects) - 1, 1 / variances
    if free == 0:
        return Heterogeneity(1, 0.0, 1.0, 1.0, 0.0, 0.0)
    scale = weights.sum() - (weights**2).sum() / weights.sum()
    expected = _q(effects, variances + (HALF_NORMAL_END * spread) ** 2)
    return Heterogeneity(
        len(effects),
        q,
        float(special.chdtrc(free, q)),
        float(special.chdtrc(free, expected)),
        max(0.0, 1 - free / q) if q else 0.0,
        float(np.sqrt(max(0.0, (q - free) / scale))),
    )


def _q(effects: np.ndarray, variances: np.ndarray) -> float:
    weights = 1 / variances
    mean = (weights * effects).sum() / weights.sum()
    return float((weights * (effects - mean) ** 2).sum())
