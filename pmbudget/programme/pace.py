"""The pace: what share of the eligible gets the new strategy, in each region and year."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from pmbudget.inputs.programmes import Uptake
from pmbudget.patient.costing import Draws
from pmbudget.vocabulary import matched

REACHED = 0.95
"""Share of the way that a plan by a curve without an end has gone when its ramp is over."""
IMITATION_RATIO = 12.0
"""Imitation over innovation of a plan by Bass's curve: a convention that bends the plan into an S without a slow start of many years."""


class Pace(Protocol):
    """A rule of coverage: what is planned or what happens by itself."""

    @property
    def uptake(self) -> Uptake:
        """The parameters that it reads."""

    def __call__(self, draws: Draws, years: xr.DataArray, regions: pd.DataFrame) -> xr.DataArray:
        """Coverage (…, region, year)."""


def _logit(share: xr.DataArray) -> xr.DataArray:
    return xr.apply_ufunc(special.logit, share)


def _expit(value: xr.DataArray) -> xr.DataArray:
    return xr.apply_ufunc(special.expit, value)


def _bass(
    elapsed: xr.DataArray, innovation: xr.DataArray, imitation: xr.DataArray, begin: xr.DataArray
) -> xr.DataArray:
    """Bass 1969, from ``begin`` at 0: F(t) = (1 - A e) / (1 + (q/p) A e), e = exp(-(p + q) t), A = (1 - F0) / (1 + (q/p) F0)."""
    ratio = imitation / innovation
    left = (1 - begin) / (1 + ratio * begin) * np.exp(-(innovation + imitation) * elapsed)
    return (1 - left) / (1 + ratio * left)


COURSES: Mapping[str, Callable[..., xr.DataArray]] = {
    "logistic": lambda begin, slope, elapsed, innovation: _expit(_logit(begin) + slope * elapsed),
    "gompertz": lambda begin, slope, elapsed, innovation: np.exp(np.log(begin) * np.exp(-slope * elapsed)),
    "bass": lambda begin, slope, elapsed, innovation: _bass(elapsed, innovation, slope, begin),
}
"""Share of the ceiling ``elapsed`` years after it was ``begin``."""


def _planned_bass(elapsed: xr.DataArray, ramp: int) -> xr.DataArray:
    whole = np.log((1 + IMITATION_RATIO * REACHED) / (1 - REACHED)) / ramp
    innovation = whole / (1 + IMITATION_RATIO)
    nothing = xr.zeros_like(elapsed)
    return _bass(elapsed, innovation + nothing, innovation * IMITATION_RATIO + nothing, nothing)


PLANS: Mapping[str, Callable[[xr.DataArray, int], xr.DataArray]] = {
    "step": lambda elapsed, ramp: xr.ones_like(elapsed),
    "linear": lambda elapsed, ramp: (elapsed / ramp).clip(max=1),
    "logistic": lambda elapsed, ramp: _expit(2 * special.logit(REACHED) * (elapsed / ramp - 0.5)),
    "gompertz": lambda elapsed, ramp: np.exp(
        np.log(1 - REACHED) * (np.log(REACHED) / np.log(1 - REACHED)) ** (elapsed / ramp)
    ),
    "bass": _planned_bass,
}
"""Share of the way to the ceiling that a plan has gone ``elapsed`` years after its start, all of it or REACHED of it at ``ramp``."""


def progress(curve: str, elapsed: xr.DataArray, ramp: int) -> xr.DataArray:
    """Share (0-1) of the way to the ceiling that a plan has gone; nothing before it starts, all of it at once where ``ramp`` is 0.

    ``logistic`` is half-way at half the ramp, ``gompertz`` starts from 1 - 0.95; both, and ``bass``, are 0.95 at ``ramp``.
    """
    gone = PLANS["step" if ramp == 0 else curve](elapsed.clip(min=0), max(ramp, 1))
    return gone.where(elapsed > 0, 0.0)


@dataclass(frozen=True)
class Held:
    """Today's use held as it is: the national level, regions with a university hospital ahead of the others by ``university_gap`` on the
    logit scale (weighted so that the gap leaves the national level where it is), each at its own deviation.
    """

    uptake: Uptake

    def __call__(self, draws: Draws, years: xr.DataArray, regions: pd.DataFrame) -> xr.DataArray:
        """Coverage (…, region, year), the same in all years."""
        university = (regions["university_hospital"] != "").astype(float)
        ahead = university - (university * regions["population"]).sum() / regions["population"].sum()
        gap = draws[self.uptake.university_gap] * xr.DataArray(
            ahead, dims="region", coords={"region": regions.index.to_numpy()}
        )
        deviation = draws[self.uptake.deviation].sel(region=list(regions.index))
        return _expit(_logit(draws[self.uptake.today]) + gap + deviation) * xr.ones_like(years)


def top(ceiling: xr.DataArray, held: xr.DataArray) -> xr.DataArray:
    """The level that a region goes towards: the ceiling, or its own use where that is above it already, so that it never falls."""
    return xr.apply_ufunc(np.maximum, ceiling, held)


@dataclass(frozen=True)
class OwnCourse:
    """Each region by itself: a curve of the uptake's family towards the ceiling from today's level, from the year after ``today``.

    A region above the ceiling stays where it is.
    """

    uptake: Uptake
    today: int

    def __call__(self, draws: Draws, years: xr.DataArray, regions: pd.DataFrame) -> xr.DataArray:
        """Coverage (…, region, year): ceiling x the curve that starts from today / ceiling, slope_r = slope x exp(deviation_r)."""
        held = Held(self.uptake)(draws, years, regions)
        ceiling = top(draws[self.uptake.ceiling], held)
        slope = draws[self.uptake.slope] * np.exp(draws[self.uptake.slope_deviation].sel(region=list(regions.index)))
        innovation = draws[self.uptake.innovation] if self.uptake.innovation else None
        elapsed = (years - self.today).clip(min=0)
        return ceiling * COURSES[self.uptake.family](held / ceiling, slope, elapsed, innovation)


@dataclass(frozen=True)
class Agreed:
    """An agreement's plan, a curve to the ceiling over ``ramp`` years from each region's start, as far as it is carried out.

    Of the acceleration that the plan means over a region's own course a share (``agreement_effect``) is realised. A region ahead of
    the plan, or above the ceiling, keeps its own course. ``starts`` is (region) or, where evidence decides, (draw, region); infinite
    where a region never starts.
    """

    uptake: Uptake
    today: int
    starts: xr.DataArray
    ramp: int
    curve: str = "linear"

    def __call__(self, draws: Draws, years: xr.DataArray, regions: pd.DataFrame) -> xr.DataArray:
        """Coverage (…, region, year); a straight plan reaches the ceiling in the ramp's last year (ramp 0: in the first)."""
        held = Held(self.uptake)(draws, years, regions)
        own = OwnCourse(self.uptake, self.today)(draws, years, regions)
        done = progress(self.curve, years - self.starts.sel(region=list(regions.index)) + 1.0, self.ramp)
        planned = held + (top(draws[self.uptake.ceiling], held) - held) * done
        return own + draws[self.uptake.agreement_effect] * (planned - own).clip(min=0)


def shifted(coverage: xr.DataArray, ceiling: xr.DataArray, shift: xr.DataArray) -> xr.DataArray:
    """Coverage whose share of the ceiling has moved by ``shift`` on the logit scale; where that is 0 nothing moves, not even by rounding.

    Examples
    --------
    >>> half, whole = xr.DataArray([0.4, 0.4]), xr.DataArray(0.8)
    >>> shifted(half, whole, xr.DataArray([0.0, np.log(3)])).to_numpy().round(6).tolist()
    [0.4, 0.6]
    """
    return xr.where(shift == 0, coverage, ceiling * _expit(_logit(coverage / ceiling) + shift))


def has_begun(pace: Pace, regions: pd.DataFrame, years: list[int]) -> xr.DataArray:
    """1 where an agreement's plan has begun, from each region's start, else 0 (…, region, year); a pace without a plan never begins."""
    when = xr.DataArray(years, dims="year", coords={"year": years})
    nowhere = xr.DataArray(np.full(len(regions), np.inf), dims="region", coords={"region": regions.index.to_numpy()})
    starts = pace.starts.sel(region=list(regions.index)) if isinstance(pace, Agreed) else nowhere
    return (when >= starts).astype(float).transpose(..., "region", "year")


def coverage(
    pace: Pace,
    regions: pd.DataFrame,
    years: list[int],
    draws: Draws,
    incentive: xr.DataArray | float | None = None,
) -> xr.DataArray:
    """Share of the eligible who get the new strategy (draw, region, year) at a pace.

    Parameters
    ----------
    pace : Held, OwnCourse or Agreed
    regions : DataFrame
        As from ``load_regions``.
    years : list of int
    draws : Dataset
        The parameters that the pace's uptake names.
    incentive : DataArray or float, optional
        Share (0-1) of the marginal cost that the ordering unit does not bear, over any of draw, region and year. Coverage's share of the
        ceiling moves by ``incentive_response`` x incentive on the logit scale.

    Raises
    ------
    ValueError
        An incentive outside 0-1, or one for an uptake that states no response.
    """
    when = xr.DataArray(years, dims="year", coords={"year": years})
    found = pace(draws, when, regions)
    if incentive is not None:
        found, share = matched(coverage=found, incentive=xr.DataArray(incentive))
        if float(share.min()) < 0 or float(share.max()) > 1:
            raise ValueError(f"incentive {float(share.min()):.3g} to {float(share.max()):.3g}; it is a share, 0 to 1")
        if pace.uptake.incentive_response is None:
            raise ValueError("incentive given, and uptake states no incentive_response; add it to the case")
        ceiling, response = top(draws[pace.uptake.ceiling], found), draws[pace.uptake.incentive_response]
        found = shifted(found, ceiling, response * share)
    return found.transpose(..., "region", "year")
