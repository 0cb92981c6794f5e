"""A case's programme as data: who is eligible, how use spreads, what it costs to change, which levers there are."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from pmbudget.inputs.files import Evidence, Ref, Source, Strict
from pmbudget.inputs.parameters import Text


class Prevalent(Strict):
    """Those already ill when the first year begins, as ``years`` of the yearly eligible times ``shares`` of their own.

    Each year ``reach`` of those who remain come to a new decision and are tested as the newly eligible are; of the rest ``exit``
    leave, by death or because the disease has gone past the test.
    """

    years: Ref
    shares: tuple[Ref, ...] = ()
    reach: Ref
    exit: Ref


class Reflex(Strict):
    """Tests ordered with the diagnosis, before it is known who can be treated.

    ``fit`` is the funnel's share who can be; of the others ``tested`` are tested all the same, as the eligible of their region are.
    """

    fit: Ref
    tested: Ref


class Eligible(Strict):
    """The funnel: a yearly national number times shares, spread over regions by a column of ``regions.csv``.

    ``ageing`` is what a region's yearly growth differs from the nation's for each unit of its share aged 65 or more above the nation's.
    ``volume_error`` is realised over projected volume in a reference class of forecasts; it is shown beside the result. ``reflex`` is
    stated where the tests are ordered for more than the eligible.
    """

    incident: Ref
    incident_year: int
    shares: tuple[Ref, ...]
    spread_by: Literal["population", "population_65plus", "births"]
    growth: Ref
    ageing: Ref | None = None
    prevalent: Prevalent | None = None
    reflex: Reflex | None = None
    volume_error: Ref | None = None

    @model_validator(mode="after")
    def _fit_is_a_step(self) -> Self:
        if self.reflex and self.reflex.fit not in self.shares:
            raise ValueError(f"reflex.fit is {self.reflex.fit}, and the funnel has no such step; name one of shares")
        return self


class Uptake(Strict):
    """How the new strategy spreads by itself: today's level, who is ahead, family of curve, slope and ceiling; and outside the eligible.

    ``shown_today`` are values of today's use at which results are shown beside the assumed one, until it is known. ``slope`` is per
    year on the scale of ``family``: of the logit, of the log of what is left to the ceiling on the log scale
    (gompertz), or the imitation of a Bass curve, which needs ``innovation`` too. ``outside`` is tests outside the eligible population
    for each test inside it, varied between regions by ``outside_deviation``.
    """

    family: Literal["logistic", "gompertz", "bass"] = "logistic"
    today: Ref
    shown_today: tuple[float, ...] = ()
    university_gap: Ref
    deviation: Ref
    slope: Ref
    slope_deviation: Ref
    innovation: Ref | None = None
    ceiling: Ref
    agreement_effect: Ref
    incentive_response: Ref | None = None
    outside: Ref | None = None
    outside_deviation: Ref | None = None

    @field_validator("shown_today")
    @classmethod
    def _shares_from_the_least(cls, shown: tuple[float, ...]) -> tuple[float, ...]:
        if list(shown) != sorted(set(shown)) or not all(0 < value < 1 for value in shown):
            raise ValueError(f"{list(shown)} must be shares between 0 and 1, each once, the least first")
        return shown

    @model_validator(mode="after")
    def _bass_needs_innovation(self) -> Self:
        if (self.family == "bass") != (self.innovation is not None):
            raise ValueError("innovation goes with family: bass; add or remove it")
        if self.outside is None and self.outside_deviation is not None:
            raise ValueError("outside_deviation goes with outside; add outside or remove it")
        return self


class BorneElsewhere(Strict):
    """The part of the new strategy's test cost that another than the region's laboratory bears, as a ``resource`` of its own unit.

    ``share`` is of tests at today's use (``of: today``) or of all tests (``of: all``), in all regions or those with a university
    hospital. From the year ``until`` on the laboratory bears it itself, but in the mix ``today``, where payers are held too.
    """

    resource: str
    share: Ref
    of: Literal["today", "all"]
    where: Literal["every_region", "university_hospital"] = "every_region"
    until: Ref | None = None


class TransitionItem(Strict):
    """A cost of change: who bears it, where it falls and when.

    ``journey`` falls once, spread by the share of the way from nothing to the ceiling that a region goes in the year; ``switched``
    is per patient moved to the new strategy that year, as years of the comparator's test cost; ``posts`` is per full-time post that the
    patients moved that year need more than before; ``agreement_years`` falls each year of the agreement's programme.

    What is bought lasts for ``life`` years, and what is left of it when a period ends is its residual value. What is there already, and
    is nobody's increment, may be laid on the test by an ``allocation`` key: it is counted only where a scenario asks for it.
    """

    resource: str
    where: Literal["every_region", "university_hospital", "no_university_hospital", "national"]
    when: Literal["journey", "switched", "posts", "agreement_years"]
    price: tuple[Ref, ...]
    life: Ref | None = None
    allocation: Ref | None = None

    @model_validator(mode="after")
    def _posts_are_somewhere(self) -> Self:
        if self.where == "national" and self.when in ("switched", "posts"):
            raise ValueError("what goes by patient falls in regions; write where: every_region")
        return self


class FollowUp(Strict):
    """What patients in live regions teach: the spread of one patient's net health benefit (QALY), and the share whose outcome can be used.

    Before the year ``lawful`` in which secondary use of health data becomes lawful, ``before_lawful`` of that share.
    """

    patient_sd: Ref
    followed: Ref
    lawful: Ref
    before_lawful: Ref


class LeverEffect(Strict):
    """One parameter that a lever moves: times ``size``, plus ``size``, or plus ``size`` on the logit scale."""

    parameter: Ref
    how: Literal["factor", "add", "logit"]
    size: Ref


class Lever(Strict):
    """A root cause or a means that a scenario switches on; every effect's prior includes none."""

    label: Text
    effects: tuple[LeverEffect, ...] = Field(min_length=1)
    evidence: Evidence
    source: Source
    note: str = ""
