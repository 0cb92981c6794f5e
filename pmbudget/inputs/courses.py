"""The course of the disease under each management as data: survival curves, or moves between states."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from pmbudget.inputs.families import Family
from pmbudget.inputs.files import Ref, Strict
from pmbudget.inputs.items import CareItem
from pmbudget.inputs.parameters import Text


class LastMonths(Strict):
    """Utility of the last months of life, in place of that of the state: the product of ``utility`` within so many months of death."""

    within_months: int = Field(gt=0)
    utility: tuple[Ref, ...] = Field(min_length=1)


class Window(Strict):
    """Hazard ratios that hold from a month on (until the next window)."""

    from_month: float = Field(gt=0)
    hazard_ratios: tuple[Ref, ...]


class Curve(Strict):
    """A survival curve through one reported point: a median, or the share alive at a landmark.

    ``families`` names the family and the parameter that shapes it (none for an exponential). Several families need ``choice``, a
    parameter that holds in each draw the place of the family that is true in it. ``hazard_ratios`` hold throughout, those in ``later``
    from their month on. A share ``cured`` dies as the general population does. A ``net`` curve is of deaths from the disease alone, and
    the population's come on top. One seen in ``everyday`` care is not moved by the case's ratio of everyday care to trial. ``describes``
    names the true classes whose mixture the curve was seen in: the reference curve, of hazard ratio 1, is then solved for; without it
    the curve is the reference itself.
    """

    median: Ref | None = None
    alive: Ref | None = None
    at_month: float | None = Field(default=None, gt=0)
    families: dict[Family, Ref | None]
    choice: Ref | None = None
    hazard_ratios: tuple[Ref, ...] = ()
    later: tuple[Window, ...] = ()
    cured: Ref | None = None
    net: bool = False
    everyday: bool = False
    describes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.median is None) == (self.alive is None) or (self.alive is None) != (self.at_month is None):
            raise ValueError("give median, or alive with at_month; write one of the two")
        if not self.families or (len(self.families) > 1) != (self.choice is not None):
            raise ValueError("one family stands alone and several with choice; add or remove choice")
        unshaped = [family for family, shape in self.families.items() if (shape is None) != (family == "exponential")]
        if unshaped:
            raise ValueError(f"{', '.join(unshaped)}: all families but the exponential have a shape; add or remove it")
        months = [window.from_month for window in self.later]
        if months != sorted(set(months)):
            raise ValueError(f"windows from month {months}; put them in order, each once")
        return self


class Move(Strict):
    """A move between states of a Markov cohort, at the product of ``rate`` a year.

    It holds for the true classes named (all if none), between two years since the start, and between two years since the state was entered
    (a tunnel). ``growth`` is the yearly growth of the rate since the start (Gompertz).
    """

    origin: str = Field(alias="from")
    to: str
    rate: tuple[Ref, ...] = Field(min_length=1)
    growth: Ref | None = None
    classes: tuple[str, ...] = ()
    from_year: float = Field(default=0, ge=0)
    until_year: float | None = Field(default=None, gt=0)
    in_state_from_year: float = Field(default=0, ge=0)
    in_state_until_year: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _moves_on(self) -> Self:
        if self.origin == self.to:
            raise ValueError(f"a move from {self.origin} to itself; remove it")
        if self.until_year is not None and self.until_year <= self.from_year:
            raise ValueError("until_year is not after from_year; correct the years")
        if self.in_state_until_year is not None and self.in_state_until_year <= self.in_state_from_year:
            raise ValueError("in_state_until_year is not after in_state_from_year; correct the years")
        return self

    @property
    def is_tunnel(self) -> bool:
        """Whether the move depends on time in the state."""
        return self.in_state_from_year > 0 or self.in_state_until_year is not None


class Management(Strict):
    """What follows an answer: the course of the disease, and care by item.

    The course is two survival curves, or moves between states; without its own a management has that of the reference, times the hazard
    ratios (on the curves, or on every move's rate). Those under it start in the state ``starts_in``, the first if none is named; between
    curves that may be ``progressed``, so that nobody is free from progression. ``qaly_gain`` and ``qaly_loss`` are products of
    parameters, once, in the first year.
    """

    label: Text
    progression_free: Curve | None = None
    overall: Curve | None = None
    moves: tuple[Move, ...] = ()
    starts_in: str | None = None
    hazard_ratios: tuple[Ref, ...] = ()
    items: tuple[CareItem, ...] = ()
    qaly_gain: tuple[tuple[Ref, ...], ...] = ()
    qaly_loss: tuple[tuple[Ref, ...], ...] = ()


def _state_name(name: str) -> str:
    if name == "start" or name.startswith("on_"):
        raise ValueError(f"{name!r} would read as a time at which items fall; give the state another name")
    return name


StateName = Annotated[str, AfterValidator(_state_name)]


class State(Strict):
    """A state of health; the product of ``utility`` is what a year in it is worth. One without utility is death."""

    label: Text
    utility: tuple[Ref, ...] | None = None
    mortality_ratios: tuple[Ref, ...] = ()


class Mortality(Strict):
    """Death in the general population at the patients' age: a yearly rate and its yearly growth (Gompertz)."""

    rate: Ref
    growth: Ref
