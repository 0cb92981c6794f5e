"""A case's programme as data: who is eligible, how use spreads, what the change itself costs."""

from typing import Literal

from pmbudget.inputs.files import Ref, Strict


class Eligible(Strict):
    """The funnel: a yearly national number times shares, spread over regions by a column of ``regions.csv``."""

    incident: Ref
    incident_year: int
    shares: tuple[Ref, ...]
    spread_by: Literal["population", "population_65plus", "births"]
    growth: Ref


class Uptake(Strict):
    """How the new strategy spreads by itself: today's level, who is ahead, slope and ceiling."""

    today: Ref
    university_gap: Ref
    deviation: Ref
    slope: Ref
    slope_deviation: Ref
    ceiling: Ref
    agreement_effect: Ref


class TransitionItem(Strict):
    """A cost of change: who bears it, where it falls and when.

    ``journey`` falls once, spread by the share of the way from nothing to the ceiling that a region goes in the year; ``switched``
    is per patient moved to the new strategy that year, as years of the comparator's test cost; ``agreement_years`` falls each year
    of the agreement's programme.
    """

    resource: str
    where: Literal["every_region", "university_hospital", "no_university_hospital", "national"]
    when: Literal["journey", "switched", "agreement_years"]
    price: tuple[Ref, ...]
