"""Studies that could be made: what data each would yield if a draw of the parameters were the truth, and how likely data are in any draw.

A study is a frozen dataclass. ``parameters`` names what its data tell of. ``simulate`` gives one data set for each draw, as sufficient
statistics (draw, statistic); ``summary`` what an estimate would report of them; ``log_likelihood`` how likely each data set is in each
draw (data set, draw), up to a constant of the data set. ``n`` is the number of participants, in each arm where there are two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from scipy import special

Values = Mapping[str, np.ndarray]
"""Drawn values by parameter, each (draw)."""


class Study(Protocol):
    """What value of sample information asks of a study."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that the data tell of."""

    def simulate(self, values: Values, n: int, rng: np.random.Generator) -> np.ndarray:
        """One data set for each draw (draw, statistic)."""

    @property
    def statistics(self) -> int:
        """Columns of its data."""

    def summary(self, data: np.ndarray, n: int) -> np.ndarray:
        """What the data are regressed on (draw, statistic)."""

    def log_likelihood(self, data: np.ndarray, values: Values, n: int) -> np.ndarray:
        """Log likelihood of each data set in each draw (data set, draw)."""


@dataclass(frozen=True)
class NormalStudy:
    """The mean of ``n`` observations of a parameter, or of its logarithm, with known standard deviation ``sd``.

    A trial of a hazard ratio is one on the log scale: with two arms of equal size and one event for each of ``n``, ``sd`` is 2. ``times``
    names a parameter that what is observed is the product with.

    Observations may come evenly from ``clusters`` of the ``of`` that there are in the country (laboratories, hospitals), drawn without
    replacement, whose own means differ by ``cluster_sd``, and from one period (a year) that differs from others by ``period_sd``. The
    parameter is the mean of all clusters over periods, so that the variance of the mean observed is
    sd²/n + cluster_sd² (1/k - 1/of) + period_sd² with k the lesser of ``clusters`` and ``n``: more observations do not buy what another
    cluster or year would tell. In a joint study each parameter has clusters and a year of its own; in truth a slow laboratory is slow in
    all, so that what is told of a difference between parameters is understated.
    """

    parameter: str
    sd: float
    log: bool = False
    times: str | None = None
    cluster_sd: float = 0.0
    clusters: int = 1
    of: int = 1
    period_sd: float = 0.0

    def __post_init__(self) -> None:
        _positive("sd", self.sd)
        if not 1 <= self.clusters <= self.of:
            raise ValueError(f"clusters = {self.clusters} must be from 1 to the {self.of} that there are")
        if min(self.cluster_sd, self.period_sd) < 0:
            raise ValueError(f"cluster_sd = {self.cluster_sd:g} and period_sd = {self.period_sd:g} must be 0 or more")

    statistics: ClassVar[int] = 1

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameter observed, and what it is multiplied by."""
        return (self.parameter,) if self.times is None else (self.parameter, self.times)

    def _mean(self, values: Values) -> np.ndarray:
        mean = values[self.parameter] if self.times is None else values[self.parameter] * values[self.times]
        return np.log(mean) if self.log else mean

    def error(self, n: float) -> float:
        """Standard deviation of the mean of ``n`` observations; with ``n`` infinite, what no number of observations takes away."""
        between = self.cluster_sd**2 * (1 / min(self.clusters, n) - 1 / self.of)
        return float(np.sqrt(self.sd**2 / n + between + self.period_sd**2))

    def simulate(self, values: Values, n: int, rng: np.random.Generator) -> np.ndarray:
        """The mean observed."""
        return rng.normal(self._mean(values), self.error(n))[:, None]

    def summary(self, data: np.ndarray, n: int) -> np.ndarray:
        """The mean observed."""
        return data

    def log_likelihood(self, data: np.ndarray, values: Values, n: int) -> np.ndarray:
        """Normal, of the mean."""
        return -1 / (2 * self.error(n) ** 2) * (data - self._mean(values)) ** 2


@dataclass(frozen=True)
class BinomialStudy:
    """How many of ``n`` have what a probability is the probability of."""

    parameter: str

    statistics: ClassVar[int] = 1

    @property
    def parameters(self) -> tuple[str, ...]:
        """The probability observed."""
        return (self.parameter,)

    def simulate(self, values: Values, n: int, rng: np.random.Generator) -> np.ndarray:
        """The count."""
        return rng.binomial(n, _share(values, self.parameter))[:, None].astype(float)

    def summary(self, data: np.ndarray, n: int) -> np.ndarray:
        """The proportion."""
        return data / n

    def log_likelihood(self, data: np.ndarray, values: Values, n: int) -> np.ndarray:
        """Binomial."""
        return _binomial(data[:, :1], n, _share(values, self.parameter))


@dataclass(frozen=True)
class TwoArmBinomialStudy:
    """How many of ``n`` in each of two arms have the outcome; ``control`` and ``treatment`` name its probability in each."""

    control: str
    treatment: str

    statistics: ClassVar[int] = 2

    @property
    def parameters(self) -> tuple[str, ...]:
        """The probabilities of both arms."""
        return (self.control, self.treatment)

    def simulate(self, values: Values, n: int, rng: np.random.Generator) -> np.ndarray:
        """The counts of both arms."""
        return np.column_stack([rng.binomial(n, _share(values, name)) for name in self.parameters]).astype(float)

    def summary(self, data: np.ndarray, n: int) -> np.ndarray:
        """The proportions of both arms."""
        return data / n

    def log_likelihood(self, data: np.ndarray, values: Values, n: int) -> np.ndarray:
        """Two binomials."""
        control, treatment = (
            _binomial(data[:, [arm]], n, _share(values, name)) for arm, name in enumerate(self.parameters)
        )
        return control + treatment


@dataclass(frozen=True)
class SurvivalStudy:
    """``n`` patients followed to the event or to the analysis.

    Attributes
    ----------
    parameter : str
        The median time, or with ``kind="rate"`` the rate, at ``shape`` 1 that of an exponential.
    follow_up : float
        From the last patient's entry to the analysis, in the time unit of the parameter.
    accrual : float
        Patients enter evenly over so long before that.
    shape : float or str
        Weibull shape, known or a parameter; an uncertain one is for ``method="regression"``.
    """

    parameter: str
    follow_up: float
    accrual: float = 0.0
    shape: float | str = 1.0
    kind: str = "median"

    def __post_init__(self) -> None:
        _positive("follow_up", self.follow_up)
        if self.accrual < 0:
            raise ValueError(f"accrual = {self.accrual:g} must be 0 or more")
        if not isinstance(self.shape, str):
            _positive("shape", self.shape)
        if self.kind not in ("median", "rate"):
            raise ValueError(f"kind = {self.kind!r} is unknown; use 'median' or 'rate'")

    statistics: ClassVar[int] = 3

    @property
    def parameters(self) -> tuple[str, ...]:
        """The median or rate, and the shape where that is uncertain."""
        return (self.parameter, self.shape) if isinstance(self.shape, str) else (self.parameter,)

    def _shape(self, values: Values) -> np.ndarray:
        return values[self.shape] if isinstance(self.shape, str) else np.asarray(float(self.shape))

    def _hazard(self, values: Values) -> np.ndarray:
        """The factor of time to the power of the shape in the cumulative hazard."""
        level, shape = values[self.parameter], self._shape(values)
        return np.log(2) / level**shape if self.kind == "median" else level**shape

    def simulate(self, values: Values, n: int, rng: np.random.Generator) -> np.ndarray:
        """Events, the sum of times to the power of the (mean) shape, and the sum of the logarithms of event times."""
        hazard, shape = self._hazard(values), np.broadcast_to(self._shape(values), values[self.parameter].shape)
        parts = []
        at_once = max(1, 2_000_000 // n)
        for begin in range(0, len(hazard), at_once):
            some = slice(begin, begin + at_once)
            size = (len(hazard[some]), n)
            until = self.follow_up + self.accrual * rng.random(size)
            time = (rng.exponential(size=size) / hazard[some, None]) ** (1 / shape[some, None])
            event = time <= until
            seen = np.minimum(time, until)
            logged = np.where(event, np.log(np.maximum(seen, 1e-12)), 0.0)
            parts.append(np.column_stack([event.sum(1), (seen ** shape.mean()).sum(1), logged.sum(1)]))
        return np.vstack(parts)

    def summary(self, data: np.ndarray, n: int) -> np.ndarray:
        """The logarithm of the hazard's estimate, and where the shape is uncertain the mean logarithm of event times."""
        level = np.log((data[:, 0] + 0.5) / data[:, 1])
        if isinstance(self.shape, str):
            return np.column_stack([level, data[:, 2] / (data[:, 0] + 0.5)])
        return level[:, None]

    def log_likelihood(self, data: np.ndarray, values: Values, n: int) -> np.ndarray:
        """Weibull with censoring and known shape: events x log hazard - hazard x sum of powers of times."""
        if isinstance(self.shape, str):
            raise ValueError(f"shape = {self.shape!r} is uncertain; use method='regression', or state a known shape")
        hazard = self._hazard(values)
        return data[:, :1] * np.log(hazard) - data[:, 1:2] * hazard


@dataclass(frozen=True)
class RegisterStudy:
    """``n`` patients of a register whose rows may be missing or wrong.

    Each rate is known (a number) or itself uncertain (the name of a parameter): what the register cannot tell about its own errors it
    cannot tell about the outcome either, however large it is.

    Attributes
    ----------
    parameter : str
        The probability of the outcome.
    missing : float or str
        Share of rows that are missing, whatever the outcome.
    false_negative : float or str
        Share of true outcomes recorded as none.
    false_positive : float or str
        Share of patients without the outcome recorded as having it.
    """

    parameter: str
    missing: float | str = 0.0
    false_negative: float | str = 0.0
    false_positive: float | str = 0.0

    def __post_init__(self) -> None:
        for name in ("missing", "false_negative", "false_positive"):
            rate = getattr(self, name)
            if not isinstance(rate, str) and not 0 <= rate < 1:
                raise ValueError(f"{name} = {rate:g} must be 0 or more and below 1")

    statistics: ClassVar[int] = 2

    @property
    def parameters(self) -> tuple[str, ...]:
        """The outcome's probability, and the rates of error that are uncertain."""
        uncertain = [rate for rate in (self.missing, self.false_negative, self.false_positive) if isinstance(rate, str)]
        return (self.parameter, *uncertain)

    def _rate(self, values: Values, rate: float | str) -> np.ndarray:
        return _share(values, rate) if isinstance(rate, str) else np.full_like(values[self.parameter], rate)

    def _recorded(self, values: Values) -> np.ndarray:
        """The probability that a row says yes."""
        true, missed = _share(values, self.parameter), self._rate(values, self.false_negative)
        return true * (1 - missed) + (1 - true) * self._rate(values, self.false_positive)

    def simulate(self, values: Values, n: int, rng: np.random.Generator) -> np.ndarray:
        """Rows that say yes, and rows that there are."""
        rows = rng.binomial(n, 1 - self._rate(values, self.missing))
        return np.column_stack([rng.binomial(rows, self._recorded(values)), rows]).astype(float)

    def summary(self, data: np.ndarray, n: int) -> np.ndarray:
        """The share that say yes of the rows that there are."""
        return ((data[:, 0] + 0.5) / (data[:, 1] + 1))[:, None]

    def log_likelihood(self, data: np.ndarray, values: Values, n: int) -> np.ndarray:
        """Binomial of the rows that there are; that a row is missing says nothing of the outcome."""
        found = _binomial(data[:, :1], data[:, 1:], self._recorded(values))
        if isinstance(self.missing, str):
            found = found + _binomial(n - data[:, 1:], n, self._rate(values, self.missing))
        return found


@dataclass(frozen=True)
class JointStudy:
    """Several things observed in the same participants, independently given the parameters."""

    parts: tuple[Study, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """All that the parts tell of, each once."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.parameters))

    def simulate(self, values: Values, n: int, rng: np.random.Generator) -> np.ndarray:
        """The parts' statistics side by side."""
        return np.hstack([part.simulate(values, n, rng) for part in self.parts])

    def _split(self, data: np.ndarray) -> list[np.ndarray]:
        return np.split(data, np.cumsum([part.statistics for part in self.parts])[:-1], axis=1)

    @property
    def statistics(self) -> int:
        """Columns of the data."""
        return sum(part.statistics for part in self.parts)

    def summary(self, data: np.ndarray, n: int) -> np.ndarray:
        """The parts' summaries side by side."""
        return np.hstack([part.summary(own, n) for part, own in zip(self.parts, self._split(data), strict=True)])

    def log_likelihood(self, data: np.ndarray, values: Values, n: int) -> np.ndarray:
        """The sum of the parts'."""
        parts = zip(self.parts, self._split(data), strict=True)
        return np.sum([part.log_likelihood(own, values, n) for part, own in parts], axis=0)


def _share(values: Values, name: str) -> np.ndarray:
    share = values[name]
    if share.min() < 0 or share.max() > 1:
        raise ValueError(f"{name} runs from {share.min():.3g} to {share.max():.3g}; a probability lies between 0 and 1")
    return share


def _binomial(count: np.ndarray, n: np.ndarray | int, share: np.ndarray) -> np.ndarray:
    found: np.ndarray = special.xlogy(count, share) + special.xlog1py(n - count, -share)
    return found


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} = {value:g} must be above 0")
