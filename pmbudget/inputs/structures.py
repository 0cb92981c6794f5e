"""What could have been built otherwise, as data: structural alternatives, severity, and further alterations that a test may find."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pmbudget.inputs.files import Evidence, Ref, Source, Strict, plain
from pmbudget.inputs.parameters import Text

Group = Literal[
    "strategy", "comparator", "drugs", "course", "use", "prices", "cost", "health", "curves", "horizon", "discounting"
]
"""What an alternative is about."""
Share = Annotated[float, Field(gt=0, lt=1)]


class Structure(Strict):
    """One thing built otherwise than in the main analysis: parameters, the strategies compared or the years followed.

    ``overrides`` are as a scenario's; figures in them have the case's own grade and source unless they state theirs. ``strategy``, in rows
    of that group and no others, is compared with ``comparator``; what is left out is as in the case.
    """

    label: Text
    group: Group
    overrides: dict[Ref, Annotated[Any, AfterValidator(plain)]] = Field(default_factory=dict)
    strategy: str | None = None
    comparator: str | None = None
    horizon_years: int | None = Field(default=None, gt=0, le=100)
    note: str = ""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not (self.overrides or self.strategy or self.comparator or self.horizon_years):
            raise ValueError("changes nothing; give overrides, strategy, comparator or horizon_years")
        if (self.group == "strategy") != (self.strategy is not None):
            raise ValueError("group strategy is of rows that give a strategy, and of no others; correct group")
        return self

    @property
    def is_walked(self) -> bool:
        """Whether a patient must be followed anew; comparing other strategies of the case takes no more than what is there."""
        return bool(self.overrides or self.horizon_years)


class HeldFor(Strict):
    """Of which further patients a judgement is taken to hold, and on whose word."""

    patients: Text
    evidence: Evidence
    source: Source


class Severity(Strict):
    """How severe the authority that prices drugs has judged the disease to be, ``of`` which patients, and where that was read.

    That it is ``held_for`` others than those is graded by itself.
    """

    level: Literal["moderate", "high", "very_high"]
    of: Text
    evidence: Evidence
    source: Source
    held_for: HeldFor | None = None


class Breadth(Strict):
    """Further alterations that only the new strategy finds: how common they may be, and the classes whose course they would have."""

    prevalences: tuple[Share, ...] = Field(min_length=1)
    like: tuple[str, ...] = Field(min_length=1)
