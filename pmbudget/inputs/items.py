"""What is used up: resources, who performs them, and how much of them each step uses."""

from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, model_validator

from pmbudget.inputs.files import Ref, Strict
from pmbudget.inputs.parameters import Text
from pmbudget.vocabulary import PAYERS


def _payer(value: str) -> str:
    if value not in PAYERS:
        raise ValueError(f"{value!r} is no payer; use one of {', '.join(PAYERS)}")
    return value


Payer = Annotated[str, AfterValidator(_payer)]


class Resource(Strict):
    """Something that is used up: which unit performs it, of what kind it is, how it is counted.

    Staff have a ``wage`` and are counted in minutes. What is ``in_budget: false`` (an annuity, overhead already funded) is part of
    cost per patient but no cash of the budget. A drug is in the pharmaceutical benefit (its unit is the region) or procured; it may state
    the ``rebate`` behind its net price, and one in the benefit how many of its measure make a year (``per_year``). Of what is used
    less a share ``cashable`` can be saved, all of it if left out; the rest is capacity set free.
    """

    label: Text
    unit: Payer
    kind: Literal["staff", "consumables", "drug", "care", "equipment", "overhead", "transition", "production"]
    measure: str
    wage: Ref | None = None
    in_budget: bool = True
    channel: Literal["benefit", "procured"] | None = None
    rebate: Ref | None = None
    per_year: float | None = Field(default=None, gt=0)
    cashable: Ref | None = None

    @model_validator(mode="after")
    def _staff_have_wage(self) -> Self:
        if (self.kind == "staff") != (self.wage is not None):
            raise ValueError("wage goes with kind: staff, and staff with a wage; add or remove wage")
        return self

    @model_validator(mode="after")
    def _drugs_have_channel(self) -> Self:
        if (self.kind == "drug") != (self.channel is not None):
            raise ValueError(
                "channel goes with kind: drug, and drugs with one; write benefit or procured, or remove it"
            )
        if self.kind != "drug" and self.rebate is not None:
            raise ValueError("rebate goes with kind: drug; remove it")
        if self.channel != "benefit" and self.per_year is not None:
            raise ValueError("per_year goes with channel: benefit; remove it")
        return self


class Annuity(Strict):
    """What is bought for several years: ``years`` of life, and the product of ``maintenance`` a year on top, SEK."""

    years: Ref
    maintenance: tuple[Ref, ...] = ()


class Item(Strict):
    """An amount of a resource, the product of ``quantity`` over that of ``per``, at the product of ``price`` less the shares in ``less``.

    With ``annuity`` the price is that of a purchase, and what a year of it costs is charged: its annuity at the discount rate of cost,
    and maintenance.
    """

    resource: str
    quantity: tuple[Ref, ...] = ()
    per: tuple[Ref, ...] = ()
    price: tuple[Ref, ...] = ()
    less: tuple[Ref, ...] = ()
    annuity: Annuity | None = None

    @model_validator(mode="after")
    def _annuity_of_a_price(self) -> Self:
        if self.annuity is not None and not self.price:
            raise ValueError("an annuity of no price; add price, or remove annuity")
        return self


class Span(NamedTuple):
    """The time in a state during which something runs: all of it, or what its months say, as in :class:`CareItem`."""

    state: str
    until_month: int | None = None
    in_state_from_month: int = 0
    in_state_until_month: int | None = None
    last_months: int | None = None
    until_last_months: int | None = None


class CareItem(Item):
    """An item under a management: when it falls, and how often while it does.

    ``when`` is ``start``, a state (while in it, every ``every_days``, until ``until_month`` after the start), or ``on_`` and a state (each
    time it is entered). In a case of survival curves ``on_progression`` falls on those who leave progression-free survival and
    ``on_death`` on those who die.

    What runs may be counted from and until a month since the state was entered (``in_state_from_month``, ``in_state_until_month``), and
    in the ``last_months`` of life only, or until these begin (``until_last_months``).
    """

    when: str
    every_days: float | None = Field(default=None, gt=0)
    until_month: int | None = Field(default=None, gt=0)
    in_state_from_month: int = Field(default=0, ge=0)
    in_state_until_month: int | None = Field(default=None, gt=0)
    last_months: int | None = Field(default=None, gt=0)
    until_last_months: int | None = Field(default=None, gt=0)

    @property
    def runs(self) -> bool:
        """Whether the item runs on while in a state."""
        return self.when != "start" and not self.when.startswith("on_")

    @property
    def span(self) -> Span:
        """When an item runs that does."""
        return Span(self.when, **{name: getattr(self, name) for name in Span._fields[1:]})

    @model_validator(mode="after")
    def _running_or_once(self) -> Self:
        if self.runs != (self.every_days is not None):
            raise ValueError(f"every_days goes with what runs on, and this falls {self.when}; add or remove every_days")
        if not self.runs and (bounds := [name for name in Span._fields[1:] if getattr(self, name)]):
            named = ", ".join(bounds)
            raise ValueError(f"{named} goes with what runs on, and this falls {self.when}; remove {named}")
        return self

    @model_validator(mode="after")
    def _some_time_is_left(self) -> Self:
        if self.in_state_until_month is not None and self.in_state_until_month <= self.in_state_from_month:
            raise ValueError("in_state_until_month is not after in_state_from_month; correct the months")
        if self.last_months and self.until_last_months:
            raise ValueError("last_months and until_last_months leave no time; remove one of them")
        return self
