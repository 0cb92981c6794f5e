"""From the way evidence is reported to a distribution that can be drawn from.

A paper gives a mean and a 95 % interval, a count out of a total, or quantiles; it seldom gives shape and scale. A reported mean is
kept exactly and the spread is chosen so that the 95 % interval is as wide as the reported one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy import special
from scipy.optimize import brentq, least_squares, minimize

from pmbudget.vocabulary import TAILS

Interval = tuple[float, float]
LARGEST_MISS = 0.05
"""How far from a quantile that was asked for the family's own may lie, as a share of the distance between the outermost."""


@dataclass(frozen=True)
class Family:
    """How one two-parameter family is drawn, inverted and found from its mean and standard deviation."""

    names: tuple[str, str]
    support: Interval
    draw: Callable
    quantile: Callable
    moments: Callable
    from_moments: Callable
    largest_sd: Callable = lambda mean: np.inf


def _beta_from_moments(mean: float, sd: float) -> Interval:
    size = mean * (1 - mean) / sd**2 - 1
    return mean * size, (1 - mean) * size


def _lognormal_from_moments(mean: float, sd: float) -> Interval:
    variance = np.log1p((sd / mean) ** 2)
    return np.log(mean) - variance / 2, np.sqrt(variance)


FAMILIES: Mapping[str, Family] = {
    "normal": Family(
        ("mean", "sd"),
        (-np.inf, np.inf),
        draw=lambda rng, n, mean, sd: rng.normal(mean, sd, n),
        quantile=lambda p, mean, sd: mean + sd * special.ndtri(p),
        moments=lambda mean, sd: (mean, sd),
        from_moments=lambda mean, sd: (mean, sd),
    ),
    "lognormal": Family(
        ("mu", "sigma"),
        (0, np.inf),
        draw=lambda rng, n, mu, sigma: rng.lognormal(mu, sigma, n),
        quantile=lambda p, mu, sigma: np.exp(mu + sigma * special.ndtri(p)),
        moments=lambda mu, sigma: (
            np.exp(mu + sigma**2 / 2),
            np.exp(mu + sigma**2 / 2) * np.sqrt(np.expm1(sigma**2)),
        ),
        from_moments=_lognormal_from_moments,
    ),
    "gamma": Family(
        ("shape", "scale"),
        (0, np.inf),
        draw=lambda rng, n, shape, scale: rng.gamma(shape, scale, n),
        quantile=lambda p, shape, scale: scale * special.gammaincinv(shape, p),
        moments=lambda shape, scale: (shape * scale, np.sqrt(shape) * scale),
        from_moments=lambda mean, sd: ((mean / sd) ** 2, sd**2 / mean),
    ),
    "beta": Family(
        ("alpha", "beta"),
        (0, 1),
        draw=lambda rng, n, alpha, beta: rng.beta(alpha, beta, n),
        quantile=lambda p, alpha, beta: special.betaincinv(alpha, beta, p),
        moments=lambda a, b: (a / (a + b), np.sqrt(a * b / (a + b + 1)) / (a + b)),
        from_moments=_beta_from_moments,
        largest_sd=lambda mean: np.sqrt(mean * (1 - mean)),
    ),
    "uniform": Family(
        ("low", "high"),
        (-np.inf, np.inf),
        draw=lambda rng, n, low, high: rng.uniform(low, high, n),
        quantile=lambda p, low, high: low + p * (high - low),
        moments=lambda low, high: ((low + high) / 2, (high - low) / np.sqrt(12)),
        from_moments=lambda mean, sd: (mean - sd * np.sqrt(3), mean + sd * np.sqrt(3)),
    ),
}


@dataclass(frozen=True)
class Distribution:
    """A quantity and how surely it is known.

    ``family`` is ``fixed`` or one of :data:`FAMILIES`; ``parameters`` are the family's own, in its order.
    """

    family: str
    parameters: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Expected value."""
        return float(self.parameters[0] if self.is_fixed else FAMILIES[self.family].moments(*self.parameters)[0])

    @property
    def sd(self) -> float:
        """Standard deviation; 0 for what is fixed."""
        return 0.0 if self.is_fixed else float(FAMILIES[self.family].moments(*self.parameters)[1])

    @property
    def is_fixed(self) -> bool:
        """Whether the quantity is taken as known exactly."""
        return self.family == "fixed"

    @property
    def interval(self) -> Interval:
        """The central 95 % interval."""
        return self.quantile(TAILS[0]), self.quantile(TAILS[1])

    def quantile(self, p: float) -> float:
        """The value below which a share ``p`` of the distribution lies."""
        return self.mean if self.is_fixed else float(FAMILIES[self.family].quantile(p, *self.parameters))

    def draw(self, n: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """``n`` independent draws from ``rng``."""
        return np.full(n, self.mean) if self.is_fixed else FAMILIES[self.family].draw(rng, n, *self.parameters)


@dataclass(frozen=True)
class Pool:
    """Several distributions of one quantity, one for each expert, as their weighted mixture (linear opinion pool).

    Each draw is one expert's, chosen by weight: where experts disagree the pool has several tops, and averaging them away would hide it.
    """

    members: tuple[Distribution, ...]
    weights: tuple[float, ...]

    is_fixed = False
    family = "pool"

    @property
    def mean(self) -> float:
        """Expected value."""
        return sum(weight * one.mean for one, weight in zip(self.members, self.weights, strict=True))

    @property
    def sd(self) -> float:
        """Standard deviation, within experts and between them."""
        second = sum(w * (one.sd**2 + one.mean**2) for one, w in zip(self.members, self.weights, strict=True))
        return float(np.sqrt(second - self.mean**2))

    @property
    def interval(self) -> Interval:
        """The central 95 % interval."""
        return self.quantile(TAILS[0]), self.quantile(TAILS[1])

    def cdf(self, x: float) -> float:
        """The share of the pool below ``x``."""
        below = (
            brentq(lambda p, one=one: one.quantile(p) - x, 1e-12, 1 - 1e-12)
            if one.quantile(1e-12) < x < one.quantile(1 - 1e-12)
            else float(x >= one.mean)
            for one in self.members
        )
        return sum(weight * share for weight, share in zip(self.weights, below, strict=True))

    def quantile(self, p: float) -> float:
        """The value below which a share ``p`` of the pool lies."""
        ends = [one.quantile(p) for one in self.members]
        if max(ends) - min(ends) < 1e-12:
            return ends[0]
        return float(brentq(lambda x: self.cdf(x) - p, min(ends), max(ends)))

    def draw(self, n: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """``n`` independent draws from ``rng``, each from the expert that weight chose."""
        who = rng.choice(len(self.members), size=n, p=self.weights)
        drawn = np.stack([one.draw(n, rng) for one in self.members])
        return np.take_along_axis(drawn, who[None, ...], axis=0)[0]


def distribution(family: str = "fixed", **figures: Any) -> Distribution:
    """A distribution from the figures that a source reports.

    Parameters
    ----------
    family : {"fixed", "normal", "lognormal", "gamma", "beta", "uniform"}
    **figures
        Those that make one; what is None is not given.
    value : float
        For ``fixed``.
    mean, sd, median, interval
        ``mean`` with ``sd``; ``mean`` with a 95 % ``interval`` (the mean is met exactly, the interval in its width); ``median``
        with ``interval`` (three quantiles).
    counts : (events, total)
        For ``beta``: Jeffreys' posterior, Beta(events + 1/2, total - events + 1/2).
    quantiles : mapping of probability to value
        Two are met exactly; more by least squares, or, where that misses one by more than 5 % of the distance between the outermost,
        so that the largest miss is as small as it can be.
    shape, scale and so on
        The family's own two parameters.

    Raises
    ------
    ValueError
        Unknown family, figures outside its support, an interval that does not hold the mean, a spread that no member has, or
        quantiles that the family misses by more than 5 % of the distance between the outermost (a gamma or a lognormal also by a
        factor of 2).

    Examples
    --------
    >>> cost = distribution("gamma", mean=5200, interval=(3400, 7600))
    >>> round(cost.mean), round(cost.interval[1] - cost.interval[0])
    (5200, 4200)
    >>> round(distribution("beta", counts=(7, 469)).mean, 4)
    0.016
    """
    given = {name: figure for name, figure in figures.items() if figure is not None}
    for name, figure in given.items():
        flat = list(figure.values()) if isinstance(figure, Mapping) else np.asarray(figure, float)
        if not np.all(np.isfinite(flat)):
            raise ValueError(f"{name} = {figure} is not a finite number; write the figure or leave the key out")
    if family == "fixed":
        if set(given) != {"value"}:
            raise ValueError(f"a fixed quantity takes value alone, not {sorted(given)}; name a family, or give value")
        return Distribution("fixed", (float(given["value"]),))
    if family not in FAMILIES:
        raise ValueError(f"unknown family {family!r}; use one of fixed, {', '.join(FAMILIES)}")
    own = FAMILIES[family].names
    if (make := WAYS.get(frozenset(given))) and (make is not _from_counts or family == "beta"):
        return make(family, **given)
    if set(given) == set(own):
        return _checked(family, *(float(given[name]) for name in own))
    raise ValueError(
        f"{family} cannot be made from {sorted(given)}; give mean with interval or sd, median with interval, quantiles, "
        f"{'counts, ' if family == 'beta' else ''}or {' with '.join(own)}"
    )


def _pair(figures: Sequence[float], name: str) -> Interval:
    if len(figures) != 2:
        raise ValueError(f"{name} = {figures} must be two numbers")
    return float(figures[0]), float(figures[1])


def _in_support(family: str, *figures: float) -> None:
    low, high = FAMILIES[family].support
    for figure in figures:
        if not low <= figure <= high:
            raise ValueError(f"{figure:g} is outside {low:g} to {high:g}, where a {family} lives; use another family")


def _checked(family: str, first: float, second: float) -> Distribution:
    positive = {"normal": second > 0, "lognormal": second > 0, "uniform": second > first}
    if not positive.get(family, first > 0 and second > 0):
        names = FAMILIES[family].names
        raise ValueError(f"no {family} has {names[0]} = {first:g} and {names[1]} = {second:g}; correct the figures")
    return Distribution(family, (float(first), float(second)))


def _from_mean_sd(family: str, mean: float, sd: float) -> Distribution:
    _in_support(family, mean)
    if not 0 < sd < FAMILIES[family].largest_sd(mean) or (FAMILIES[family].support[0] == 0 and mean <= 0):
        raise ValueError(f"no {family} has mean {mean:g} and standard deviation {sd:g}; correct the figures")
    return _checked(family, *FAMILIES[family].from_moments(mean, sd))


def _from_counts(family: str, counts: Sequence[float]) -> Distribution:
    events, total = _pair(counts, "counts")
    if not 0 <= events <= total or total == 0:
        raise ValueError(f"counts = {counts}: need 0 <= events <= total and a total above 0")
    return Distribution(family, (events + 0.5, total - events + 0.5))


def _from_mean_interval(family: str, mean: float, interval: Sequence[float]) -> Distribution:
    return _with_mean(family, mean, *_pair(interval, "interval"))


def _from_median_interval(family: str, median: float, interval: Sequence[float]) -> Distribution:
    low, high = _pair(interval, "interval")
    return _from_quantiles(family, {TAILS[0]: low, 0.5: median, TAILS[1]: high})


def _from_quantiles(family: str, quantiles: Mapping[float, float]) -> Distribution:
    return _through(family, tuple({float(p): float(x) for p, x in quantiles.items()}.items()))


WAYS: Mapping[frozenset[str], Callable[..., Distribution]] = {
    frozenset({"mean", "sd"}): _from_mean_sd,
    frozenset({"mean", "interval"}): _from_mean_interval,
    frozenset({"median", "interval"}): _from_median_interval,
    frozenset({"quantiles"}): _from_quantiles,
    frozenset({"counts"}): _from_counts,
}
"""What makes a distribution of which figures; each family is also made from its own two parameters."""


@cache
def _with_mean(family: str, mean: float, low: float, high: float) -> Distribution:
    """The member with this mean whose 95 % interval is as wide as from ``low`` to ``high``."""
    if not low < mean < high:
        raise ValueError(f"the interval {low:g} to {high:g} does not hold the mean {mean:g}; correct one of them")
    _in_support(family, mean, low, high)
    kind = FAMILIES[family]

    def excess(sd: Any) -> Any:
        parameters = kind.from_moments(mean, sd)
        return kind.quantile(TAILS[1], *parameters) - kind.quantile(TAILS[0], *parameters) - (high - low)

    # The width need not rise all the way with the spread (a beta near 0 or 1 turns back), so take the first crossing.
    largest = min((high - low) * 2, float(kind.largest_sd(mean)) * 0.999)
    spreads = np.geomspace((high - low) / 50, largest, 60)
    wide_enough = excess(spreads) >= 0
    if wide_enough[0] or not wide_enough.any():
        raise ValueError(
            f"no {family} with mean {mean:g} has a 95 % interval as wide as {low:g} to {high:g}; use another family"
        )
    first = wide_enough.argmax()
    return _from_mean_sd(family, mean, brentq(excess, spreads[first - 1], spreads[first], rtol=1e-12))


@cache
def _through(family: str, quantiles: tuple[Interval, ...]) -> Distribution:
    """The member that comes nearest to these pairs of probability and value."""
    p, x = np.array(sorted(quantiles)).T
    if len(p) < 2 or p[0] <= 0 or p[-1] >= 1 or np.any(np.diff(x) <= 0):
        raise ValueError(f"quantiles {dict(quantiles)} must be two or more, rising, at probabilities between 0 and 1")
    _in_support(family, *x)
    kind, width = FAMILIES[family], x[-1] - x[0]

    def misfit(free: np.ndarray) -> np.ndarray:
        return (kind.quantile(p, *member(free)) - x) / width

    if family == "lognormal":
        slope, intercept = np.polyfit(special.ndtri(p), np.log(x), 1)
        free = np.array([intercept, np.log(slope)])

        def member(free: np.ndarray) -> Interval:
            return float(free[0]), float(np.exp(free[1]))

    else:
        centre = float(np.clip(np.interp(0.5, p, x), x[0] + 1e-6 * width, x[-1] - 1e-6 * width))

        def member(free: np.ndarray) -> Interval:
            mean = centre + width * np.tanh(free[0])
            mean = mean if kind.support[0] < 0 else min(abs(mean) + 1e-12, kind.support[1] - 1e-9)
            return kind.from_moments(mean, min(width * np.exp(free[1]), float(kind.largest_sd(mean)) * 0.999))

        spread = width / (special.ndtri(p[-1]) - special.ndtri(p[0]))
        free = least_squares(misfit, [0.0, np.log(spread / width)]).x
    if np.abs(misfit(free)).max() > LARGEST_MISS:
        free = minimize(lambda free: np.abs(misfit(free)).max(), free, method="Nelder-Mead").x
    found = _checked(family, *member(free))
    off = kind.quantile(p, *found.parameters) / x
    # On a scale of ratios an end can be next to nothing instead of what was asked and lie close by in kronor.
    astray = kind.support == (0, np.inf) and not np.all((off > 0.5) & (off < 2))
    if astray or np.abs(misfit(free)).max() > LARGEST_MISS:
        asked = ", ".join(f"{value:g} (has {found.quantile(at):.3g})" for at, value in zip(p, x, strict=True))
        raise ValueError(f"no {family} comes near quantiles of {asked}; use another family")
    return found
