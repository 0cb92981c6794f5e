"""Clauses of an agreement as data: what is paid, by whom, to whom, in which years and on what condition.

Money is in MSEK, nominal unless ``indexed``; years are counted from the agreement's first, which is 1.
"""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, model_validator

from pmbudget.inputs.dated import BY_DATE, CONSTANT, Dated, way
from pmbudget.inputs.files import Strict
from pmbudget.inputs.items import Payer
from pmbudget.inputs.parameters import Text
from pmbudget.vocabulary import FOLLOWED

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(ge=0)]
Amounts = Positive | tuple[Positive, ...]
"""MSEK a year: the same each year, or one for each year from the clause's first and nothing after."""
Signed = Annotated[float, Field(ge=-1, le=1)]
Fee = Annotated[Annotated[Positive, CONSTANT] | Annotated[Dated[Positive], BY_DATE], Discriminator(way)]
SignedShare = Annotated[Annotated[Signed, CONSTANT] | Annotated[Dated[Signed], BY_DATE], Discriminator(way)]
"""Fees and shares set by law or a yearly agreement: a number, or values by date of which the scenario's first day picks one."""
Weight = Literal["population", "population_65plus", "births", "equal", "eligible", "patients", "national"]
"""How a sum is divided: by a column of the regions, equally, by expected patients, or not at all (``national`` stays in region "00")."""
Covers = Literal["all", "transition", "patient", "tests", "drugs", "benefit_drugs", "procured_drugs", "production"]
"""``patient`` is all that is not transition; ``tests`` what the diagnostic unit does; ``production`` lost output."""
Bearer = Payer | Literal["bearer"]


class Needs(Strict):
    """A condition: coverage reached by the region itself or by the country, or how sure it is by then that the test is worth it.

    ``known`` reads the probability of a positive net benefit given the data before the year, never later ones.
    """

    coverage: Share | None = None
    of: Literal["region", "nation"] = "region"
    known: Share | None = None


class Timed(Strict):
    """What every clause has: a name of its own, and the years of the agreement from ``begins`` to ``ends`` in which it holds."""

    name: str
    label: Text
    begins: int = Field(default=1, ge=1)
    ends: int | None = Field(default=None, ge=1)


class Paid(Timed):
    """A clause by which money comes from a payer: on what condition, up to what, and how likely it is to be voted again.

    ``cap`` is MSEK a year over all regions, reached by paying all less in proportion. ``renewal`` is the probability, each year after
    the clause's first, that the appropriation is renewed; once it is not, nothing more is paid.
    """

    needs: Needs | None = None
    cap: Positive | None = None
    renewal: Share = 1.0
    indexed: bool = False


class Granted(Paid):
    """A clause by which ``payer`` pays an amount to ``to`` in each region."""

    payer: Payer = "state"
    to: Payer = "region"


class Grant(Granted):
    """An amount divided by a weight: per inhabitant, by need, or equally."""

    clause: Literal["grant"]
    amount: Amounts
    by: Weight = "population"


class Step(Strict):
    """Part of a milestone grant: ``share`` of it, paid in ``year`` if the region's coverage has reached ``coverage`` by then.

    With a ``width`` the payment rises smoothly through the target, by a logistic curve of that scale.
    """

    share: Share
    coverage: Share
    year: int = Field(ge=1)
    width: Share = 0.0


class Milestone(Granted):
    """A sum for the whole agreement: ``upfront`` in the clause's first year, the steps when they are reached in time, else nothing."""

    clause: Literal["milestone"]
    amount: Positive
    by: Weight = "population"
    upfront: Share
    steps: tuple[Step, ...] = Field(min_length=1)


class PerformancePot(Granted):
    """A fixed sum a year divided by weight x score; the score is the larger of the year's improvement and the level of coverage."""

    clause: Literal["performance_pot"]
    amount: Amounts
    by: Weight = "population"


class Corridor(Granted):
    """Beyond ``tolerance`` around an agreed national sum the payer takes ``above`` of the excess, and is repaid ``below`` of what is left.

    With a ``spread`` the agreed sum is that of a whole appropriation in which the case is a small part: the appropriation's outturn is
    normal around it with that relative standard deviation, and what is settled is the case's own expected part, its cost being what is
    above today's use. ``rebase`` is the share of a year's excess that enters the next year's sum, where the payer pays all of it.
    Without a ``spread`` the agreed sum is of the case's own cost.
    """

    clause: Literal["corridor"]
    covers: Covers
    agreed: Amounts
    tolerance: Share
    above: Share
    below: Share
    spread: Positive | None = None
    rebase: Share = 0.0
    by: Weight = "population"


class PerUnit(Granted):
    """A price per unit: a tariff or bundle per patient, an internal price per test, a price per result acted on or per register row.

    ``price`` is in SEK; ``complete`` the share of units that qualify; ``at_most`` a ceiling on the price in SEK, or ``worth``: what a
    register row of the year is worth on average as information, given the data before the year.
    """

    clause: Literal["per_unit"]
    unit: Literal["eligible", "tested", "acted_on"]
    price: Positive
    complete: Share = 1.0
    at_most: Positive | Literal["worth"] | None = None

    @property
    def counts_rows(self) -> bool:
        """Whether the units are register rows: those that follow-up completes, or that are paid by their worth."""
        return self.complete < 1.0 or self.at_most == "worth"


class GainShare(Granted):
    """The region hands over ``share`` of what it saves against today's use beyond ``threshold`` SEK per inhabitant."""

    clause: Literal["gain_share"]
    covers: Covers
    share: Share
    threshold: Positive = 0.0
    payer: Payer = "region"
    to: Payer = "state"


class SolidarityPool(Timed):
    """Regions put ``share`` of the covered cost in a pool and carry it by weight, not as it fell: between regions, nobody else pays.

    With ``additional``, only what is more or less than with today's use is pooled.
    """

    clause: Literal["solidarity_pool"]
    covers: Covers
    share: Share = 1.0
    by: Weight = "population"
    additional: bool = False


class NationalSplit(Timed):
    """What is national and still with the health service's own units, after the clauses before this one, is divided between the regions.

    By a weight; or by the Shapley value of a common cost that grows as volume to the power ``scale``.
    """

    clause: Literal["national_split"]
    by: Weight | Literal["shapley"]
    scale: Share = 0.7


class Shared(Paid):
    """A clause by which ``payer`` takes a share of the covered cost from those who bear it, or pays it to one of them."""

    covers: Covers
    payer: Payer = "state"
    to: Bearer = "bearer"


class Match(Shared):
    """A share of the covered cost; up to ``cap_per_inhabitant`` SEK in each region, or only of what is ``additional`` to today's use."""

    clause: Literal["match"]
    share: Share
    cap_per_inhabitant: Positive | None = None
    additional: bool = False


class Taper(Shared):
    """The payer's ``share`` in the first year falls in a straight line to 0 after ``years``, or each year by ``ratio``."""

    clause: Literal["taper"]
    share: Share
    years: int = Field(gt=0)
    ratio: Share | None = None


class Adaptive(Shared):
    """The payer carries ``share`` x (1 - the probability, given the data before the year, that the test is worth it)."""

    clause: Literal["adaptive"]
    share: Share


class BenefitProportional(Shared):
    """The payer's share of cost is its share of expected benefit: ``of_health`` of the value of health gained, against all of it and the
    savings in care.
    """

    clause: Literal["benefit_proportional"]
    of_health: Share


class Layer(Strict):
    """From ``above`` SEK per inhabitant and year up to the next layer, ``share`` is taken."""

    above: Positive
    share: Share


class StopLoss(Shared):
    """The payer takes a share of each layer of a region's covered cost per inhabitant."""

    clause: Literal["stop_loss"]
    layers: tuple[Layer, ...] = Field(min_length=1)


class VolumeCap(Shared):
    """Units beyond ``volume`` a year in the whole country are paid for by ``payer``."""

    clause: Literal["volume_cap"]
    unit: Literal["eligible", "tested", "acted_on"]
    volume: Positive
    payer: Payer = "manufacturer"


class MoneyBack(Shared):
    """``refund`` of the covered cost of those who do not respond comes back; only of what is ``additional`` to today's use, if so.

    Without ``response`` it is the share of what is paid that goes to patients who respond a year after they start, of each draw.
    """

    clause: Literal["money_back"]
    refund: Share
    response: Share | None = None
    additional: bool = False
    payer: Payer = "manufacturer"


class Instalments(Shared):
    """The covered cost of a year is paid in equal parts over several years, by those alive and responding when a part falls due.

    ``alive`` states their share in each of the years; with ``years`` alone it comes from the course of the disease, of each draw.
    """

    clause: Literal["instalments"]
    alive: tuple[Share, ...] | None = Field(default=None, min_length=1)
    years: int | None = Field(default=None, ge=1, le=FOLLOWED)
    payer: Payer = "manufacturer"

    @model_validator(mode="after")
    def _stated_or_computed(self) -> Self:
        if (self.alive is None) == (self.years is None):
            raise ValueError("give alive, or years where it is to be computed; write one of the two")
        return self

    @property
    def parts(self) -> int:
        """In how many yearly parts a year's cost is paid."""
        return len(self.alive) if self.alive is not None else int(self.years or 0)


class AdaptivePrice(Shared):
    """The price falls to where the expected net benefit per patient, given the data before the year, is not negative."""

    clause: Literal["adaptive_price"]
    payer: Payer = "manufacturer"


class PatientFee(Shared):
    """Patients pay up to ``ceiling`` SEK per person and year of treatment, the same in nominal money in all years unless ``indexed``."""

    clause: Literal["patient_fee"]
    ceiling: Fee
    payer: Payer = "patient"


class RebateSplit(Shared):
    """Of the rebate behind net prices the payer gets ``share``, the same in all years; the rest stays with who buys.

    In an agreement, it is added to what the standing rules say: below 0, the regions keep more; only of what is ``additional`` to
    today's use, if so.
    """

    clause: Literal["rebate_split"]
    additional: bool = False
    share: SignedShare


Clause = Annotated[
    Grant
    | Milestone
    | PerformancePot
    | Corridor
    | PerUnit
    | GainShare
    | SolidarityPool
    | NationalSplit
    | Match
    | Taper
    | Adaptive
    | BenefitProportional
    | StopLoss
    | VolumeCap
    | MoneyBack
    | Instalments
    | AdaptivePrice
    | PatientFee
    | RebateSplit,
    Field(discriminator="clause"),
]


def dated_amounts(clauses: Iterable[Clause]) -> list[tuple[Clause, str, Dated[float]]]:
    """Of each amount that is dated: its clause, its key there and its values by date."""
    return [(clause, key, amount) for clause in clauses for key, amount in clause if isinstance(amount, Dated)]
