"""The pace an agreement sets, as data: when regions begin, how fast they go, and what may hold them back."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pmbudget.inputs.files import Ref, Strict
from pmbudget.inputs.regions import CODES, RegionCode


class Gate(Strict):
    """Later waves wait until the follow-up of those before them shows that the new strategy is worth it.

    A wave starts in its planned year or the first year after it in which P(incremental net benefit > 0 | outcomes known ``lag`` years
    before) at the threshold ``wtp`` is at least ``probability``.
    """

    probability: float = Field(gt=0, lt=1)
    wtp: Ref
    lag: int = Field(ge=1, le=20)


class AgreedPace(Strict):
    """The pace an agreement sets: from ``start`` by a ``curve`` to the ceiling over ``ramp`` years (0: at once).

    A scenario that leaves ``start`` out starts in its first year. A straight line is at the ceiling when the ramp is over, the other
    curves have gone 95 per cent of the way. Its project offices and platform run for ``programme_years``; where that is left out, until
    the ramp of the last region to begin is over. Regions in ``region_starts`` begin another year than the rest; the regions of the first
    of ``waves`` begin ``wave_years`` after those in none, the second as long after the first. A ``gate`` may hold waves back.
    """

    start: int
    region_starts: dict[RegionCode, int] = Field(default_factory=dict)
    ramp: int = Field(ge=0, le=50)
    curve: Literal["step", "linear", "logistic", "gompertz", "bass"] = "linear"
    waves: tuple[tuple[RegionCode, ...], ...] = ()
    wave_years: int = Field(default=1, ge=1, le=20)
    gate: Gate | None = None
    programme_years: int | None = Field(default=None, ge=0, le=50)

    @model_validator(mode="after")
    def _one_start_each(self) -> Self:
        named = [*self.region_starts, *(code for wave in self.waves for code in wave)]
        if twice := sorted({code for code in named if named.count(code) > 1}):
            raise ValueError(f"{', '.join(twice)} would start twice; keep each region in one wave or in region_starts")
        if self.gate and not self.waves:
            raise ValueError("gate holds waves back and there are none; add waves or remove gate")
        return self

    def wave_of(self, region: str) -> int:
        """0 for a region in no wave, else the number of its wave."""
        return next((number for number, wave in enumerate(self.waves, start=1) if region in wave), 0)

    @property
    def years(self) -> range:
        """The years in which the agreement's programme runs; what is done at once takes a year."""
        if self.programme_years is not None:
            return range(self.start, self.start + self.programme_years)
        last = max(self.start_of(code) for code in CODES)
        return range(self.start, last + max(self.ramp, 1))

    def start_of(self, region: str) -> int:
        """The year in which a region is planned to begin."""
        return self.region_starts.get(region, self.start + self.wave_years * self.wave_of(region))
