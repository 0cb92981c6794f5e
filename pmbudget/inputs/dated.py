"""Fees and payer rules: values with the date from which each holds, so that no one outlives its day unseen."""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Any, Self

from pydantic import Field, Tag, ValidationInfo, model_validator

from pmbudget.inputs.distributions import Distribution, distribution
from pmbudget.inputs.files import Source, Strict

FIRST_YEAR = "first year of the scenario"
"""Validation context: the year on whose first day a dated value must hold."""
BY_DATE = Tag("by_date")
CONSTANT = Tag("constant")


class DatedValue[Figure: float](Strict):
    """A value, the day from which it holds and where that was read."""

    since: date = Field(alias="from")
    value: Figure
    source: Source


class Dated[Figure: float](Strict):
    """Values in the order of their dates; the one that holds on the first day of the scenario's first year is used, in all its years.

    Later ones are not used, even if they begin within the scenario's years; ``pmbudget check`` warns of them. Where no scenario is read
    the last one is used. ``first_year`` is put there by the reader.
    """

    dated: tuple[DatedValue[Figure], ...] = Field(min_length=1)
    first_year: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _told_the_year(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, Mapping):
            return data
        if "first_year" in data:
            raise ValueError("first_year is the scenario's; remove it")
        return {**data, "first_year": (info.context or {}).get(FIRST_YEAR)}

    @model_validator(mode="after")
    def _one_holds(self) -> Self:
        for one, other in pairwise(self.dated):
            if other.since <= one.since:
                raise ValueError(f"{other.since} stands after {one.since}; list the dates from the first to the last")
        if self.first_year and self.dated[0].since > date(self.first_year, 1, 1):
            raise ValueError(
                f"nothing holds on {self.first_year}-01-01, the scenario's first day; add the value that held then"
            )
        return self

    @property
    def in_force(self) -> DatedValue[Figure]:
        """The value that is used."""
        return [one for one in self.dated if not self.first_year or one.since <= date(self.first_year, 1, 1)][-1]

    @property
    def in_force_since(self) -> date:
        """The day from which the value that is used holds."""
        return self.in_force.since

    def not_used(self, last_year: int) -> list[DatedValue[Figure]]:
        """The values that begin after the one that is used and no later than in ``last_year``."""
        return [one for one in self.dated if one.since > self.in_force_since and one.since.year <= last_year]

    def distribution(self) -> Distribution:
        """The value that is used, as known exactly."""
        return distribution("fixed", value=self.in_force.value)


def way(given: Any) -> str:
    """Whether an amount changes by date or is one number: the tags of a union of both."""
    return BY_DATE.tag if isinstance(given, Mapping | Dated) else CONSTANT.tag


def value_in_force(amount: "float | Dated[Any]") -> float:
    """The number that an amount is, dated or not, in all years of the scenario.

    >>> value_in_force(0.4)
    0.4
    """
    return amount.in_force.value if isinstance(amount, Dated) else amount
