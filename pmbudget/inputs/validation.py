"""What of a case can be held against what was read elsewhere: which figure of the model, what was read, and why the two differ."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pmbudget.inputs.files import Evidence, Ref, Source, Strict
from pmbudget.inputs.parameters import Text

type Named = Iterator[tuple[str, str]]
"""What a quantity names of the case: the case's key, and the name there."""


class MedianSurvival(Strict):
    """Months until half are dead under a ``management`` in everyday care, of the mixture of ``classes`` (all if none is named).

    ``hazard_ratios`` come on top, for a survival seen under other conditions than the management's own.
    """

    quantity: Literal["median_survival"]
    management: str
    classes: tuple[str, ...] = ()
    hazard_ratios: tuple[Ref, ...] = ()

    def named(self) -> Named:
        """The management and the classes."""
        yield "managements", self.management
        yield from (("classes", one) for one in self.classes)


class LifeYears(Strict):
    """Years lived per patient of a ``strategy`` over the case's horizon, undiscounted."""

    quantity: Literal["life_years"]
    strategy: str

    def named(self) -> Named:
        """The strategy."""
        yield "strategies", self.strategy


class Cost(Strict):
    """SEK per patient of a ``strategy``, or of those who begin under a ``management`` without any test, in the first ``years``.

    Without ``years`` it is the case's horizon. ``discounted`` to the start, or not.
    """

    quantity: Literal["cost"]
    strategy: str | None = None
    management: str | None = None
    years: int | None = Field(default=None, gt=0)
    discounted: bool = False

    def named(self) -> Named:
        """The strategy or the management."""
        yield from [("strategies", self.strategy)] if self.strategy else []
        yield from [("managements", self.management)] if self.management else []

    @model_validator(mode="after")
    def _of_one(self) -> Self:
        if (self.strategy is None) == (self.management is None):
            raise ValueError("a cost is of a strategy or of a management; give one of the two")
        return self


class CostBeforeDeath(Strict):
    """SEK in the last ``months`` of life, per patient who dies within the horizon under a ``management``: what runs, and what death costs.

    What falls once on the way, as a further line of treatment, is not in it.
    """

    quantity: Literal["cost_before_death"]
    management: str
    months: int = Field(gt=0)

    def named(self) -> Named:
        """The management."""
        yield "managements", self.management


class Persons(Strict):
    """Persons a year in the nation who come newly, without those already ill: the incident number after ``shares`` of the funnel."""

    quantity: Literal["persons"]
    shares: tuple[Ref, ...]
    year: int

    def named(self) -> Named:
        """The shares of the funnel."""
        yield from (("eligible", one) for one in self.shares)


class Users(Strict):
    """Persons a year who begin under some ``managements``: the newly eligible times the share treated, with today's use."""

    quantity: Literal["users"]
    managements: tuple[str, ...] = Field(min_length=1)
    year: int

    def named(self) -> Named:
        """The managements."""
        yield from (("managements", one) for one in self.managements)


class Performed(Strict):
    """How often some ``tests`` are made a year: the newly eligible times the number per patient, with today's use.

    Those who are tested with the diagnosis and prove not fit for treatment (``eligible.reflex``) are counted too.
    """

    quantity: Literal["tests"]
    tests: tuple[str, ...] = Field(min_length=1)
    year: int

    def named(self) -> Named:
        """The tests."""
        yield from (("tests", one) for one in self.tests)


class ActedOn(Strict):
    """Of those of a ``true_class`` found by a ``strategy``, the share who get at once what a right answer leads to."""

    quantity: Literal["acted_on"]
    strategy: str
    true_class: str

    def named(self) -> Named:
        """The strategy and the class."""
        yield "strategies", self.strategy
        yield "classes", self.true_class


class Answered(Strict):
    """What a ``strategy`` answers, per patient: shares ``treated`` (as a right answer leads to, at once or later) and ``mismatched``;
    relatives tested and found.
    """

    quantity: Literal["answered"]
    strategy: str
    answer: Literal["treated", "mismatched", "relatives_tested", "relatives_found"]

    def named(self) -> Named:
        """The strategy."""
        yield "strategies", self.strategy


Quantity = Annotated[
    MedianSurvival | LifeYears | Cost | CostBeforeDeath | Persons | Users | Performed | ActedOn | Answered,
    Field(discriminator="quantity"),
]


class Check(Strict):
    """A figure of the model held against one that was read, in the same ``unit``; ``explained`` says why they differ.

    ``when`` is the time that was read of. What is not ``alike`` is shown beside the model's figure and not compared with it.
    """

    label: Text
    model: Quantity
    value: float
    lower: float | None = None
    upper: float | None = None
    unit: str
    when: str = ""
    alike: bool = True
    evidence: Evidence
    source: Source
    explained: Text

    @model_validator(mode="after")
    def _holds_its_value(self) -> Self:
        if (self.lower is None) != (self.upper is None):
            raise ValueError("what was read has one end of an interval; give lower and upper, or neither")
        if self.lower is not None and self.upper is not None and not self.lower <= self.value <= self.upper:
            raise ValueError("the interval does not hold the value that was read; correct one of them")
        return self
