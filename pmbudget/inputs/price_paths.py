"""How a drug's price moves over the product's life, as data: by the dated rules of the benefit, or tender by tender."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pmbudget.inputs.files import Ref, Strict


class BenefitPath(Strict):
    """The price of a drug in the pharmaceutical benefit.

    It follows ``trend`` in real terms. When ``exclusivity_ends`` (a calendar year with a fraction) it falls by ``fall`` of the list price
    over ``years``. Where pharmacies exchange, ``exchanged`` is the share dispensed at the cheapest price, and the rest follows the price
    ceiling; left out, they do not (biological drugs), and all follows the fall. From fifteen years after ``approved`` the list price is
    cut unless others compete by then.
    """

    rule: Literal["benefit"]
    trend: Ref
    approved: Ref
    exclusivity_ends: Ref
    fall: Ref
    years: Ref
    exchanged: Ref | None = None


class TenderPath(Strict):
    """The price of a procured drug.

    It follows ``trend`` in real terms. After ``exclusivity_ends`` others bid in the first tender, when the ``contract_left`` of a
    contract of ``contract`` years has run out: the list price falls by the share ``first_tender`` of ``fall``, and by the rest in the
    tender after it.
    """

    rule: Literal["tender"]
    trend: Ref
    exclusivity_ends: Ref
    fall: Ref
    contract: Ref
    contract_left: Ref
    first_tender: Ref


UNITS = {
    "trend": "per year",
    "approved": "year",
    "exclusivity_ends": "year",
    "fall": "share",
    "years": "years",
    "exchanged": "share",
    "contract": "years",
    "contract_left": "share",
    "first_tender": "share",
}
"""What the parameters that a path names are counted in, by its keys: one of another unit would be a price that means nothing."""

PricePath = Annotated[BenefitPath | TenderPath, Field(discriminator="rule")]


class PriceChange(Strict):
    """How prices move in real terms from the price year on.

    ``resources`` follow a ``trend`` per year in all mixes, and fall with Swedish cumulative volume X as (X / X0)^-learning, X0 being
    ``years_before`` of today's volume. Staff follow ``wage_growth``. Drugs in ``paths`` each follow their own; other drugs stand still.
    """

    resources: tuple[str, ...] = ()
    trend: Ref | None = None
    learning: Ref | None = None
    years_before: Ref | None = None
    wage_growth: Ref | None = None
    paths: dict[str, PricePath] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _resources_have_what_moves_them(self) -> Self:
        stated = [name for name in ("trend", "learning", "years_before") if getattr(self, name) is not None]
        if len(stated) != (3 if self.resources else 0):
            raise ValueError("trend, learning and years_before go with resources; give all of them or none")
        if both := sorted(set(self.resources) & set(self.paths)):
            raise ValueError(f"{', '.join(both)} stands among resources and has a path; keep one of the two")
        return self
