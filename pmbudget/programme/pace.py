"""The pace: what share of the eligible gets the new strategy, in each region and year."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from pmbudget.inputs.programmes import Uptake
from pmbudget.patient.costing import Draws

Pace = Callable[[Draws, xr.DataArray, pd.DataFrame], xr.DataArray]


def _logit(share: xr.DataArray) -> xr.DataArray:
    return xr.apply_ufunc(special.logit, share)


def _expit(value: xr.DataArray) -> xr.DataArray:
    return xr.apply_ufunc(special.expit, value)


@dataclass(frozen=True)
class Held:
    """Today's use held as it is, below the ceiling: the national level, regions with a university hospital ahead of the others by
    ``university_gap`` on the logit scale (weighted so that the gap leaves the national level where it is), each at its own deviation.
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
        today = _expit(_logit(draws[self.uptake.today]) + gap + deviation)
        return np.minimum(today, 0.99 * draws[self.uptake.ceiling]) * xr.ones_like(years)


@dataclass(frozen=True)
class OwnCourse:
    """Each region by itself: a logistic curve towards the ceiling from today's level, from the year after ``today``."""

    uptake: Uptake
    today: int

    def __call__(self, draws: Draws, years: xr.DataArray, regions: pd.DataFrame) -> xr.DataArray:
        """Coverage (…, region, year): ceiling x logit⁻¹(logit(today / ceiling) + slope_r x years since today)."""
        ceiling = draws[self.uptake.ceiling]
        held = Held(self.uptake)(draws, years, regions)
        slope = draws[self.uptake.slope] * np.exp(draws[self.uptake.slope_deviation].sel(region=list(regions.index)))
        return ceiling * _expit(_logit(held / ceiling) + slope * (years - self.today).clip(min=0))


@dataclass(frozen=True)
class Agreed:
    """An agreement's plan, a straight line to the ceiling over ``ramp`` years from each region's start, as far as it is carried out.

    Of the acceleration that the plan means over a region's own course a share (``agreement_effect``) is realised. A region ahead of
    the plan keeps its own course.
    """

    uptake: Uptake
    today: int
    start: int
    ramp: int
    region_starts: Mapping[str, int] = field(default_factory=dict)

    def __call__(self, draws: Draws, years: xr.DataArray, regions: pd.DataFrame) -> xr.DataArray:
        """Coverage (…, region, year); the plan reaches the ceiling in the ramp's last year (ramp 0: in the first)."""
        held = Held(self.uptake)(draws, years, regions)
        own = OwnCourse(self.uptake, self.today)(draws, years, regions)
        begin = [self.region_starts.get(code, self.start) for code in regions.index]
        elapsed = years - xr.DataArray(begin, dims="region", coords={"region": regions.index.to_numpy()}) + 1
        done = (elapsed / max(self.ramp, 1)).clip(0, 1)
        planned = held + (draws[self.uptake.ceiling] - held) * done
        return own + draws[self.uptake.agreement_effect] * (planned - own).clip(min=0)


def coverage(pace: Pace, regions: pd.DataFrame, years: list[int], draws: Draws) -> xr.DataArray:
    """Share of the eligible who get the new strategy (draw, region, year) at a pace."""
    when = xr.DataArray(years, dims="year", coords={"year": years})
    found = pace(draws, when, regions)
    return found.transpose(..., "region", "year")
