"""Study tables: what a row of each kind must say, and how a parameter declares that it is learnt from them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from pmbudget.inputs.distributions import Distribution, Pool, distribution
from pmbudget.inputs.families import SURVIVAL_FAMILIES
from pmbudget.inputs.files import Evidence, Strict

Model = Literal["proportion", "accuracy", "ratio", "rate", "cost", "survival", "uptake", "shares", "expert"]
COUNTED = ("pool", "borrow")
"""The uses that enter the likelihood; the others are shown."""


class Study(Strict):
    """What every row of a study table says, whatever it counts.

    ``use`` is ``pool`` (counts fully), ``borrow`` (foreign or otherwise distant, discounted by the parameter's
    ``borrow``), ``sensitivity`` or ``no`` (shown, not pooled). Rows with the same ``overlap`` share persons: at most
    one of them counts.
    """

    quantity: str
    study: str
    year: str = ""
    country: str = ""
    population: str = ""
    method: str = ""
    use: Literal["pool", "borrow", "sensitivity", "no"]
    overlap: str = ""
    evidence: Evidence
    source: str
    address: str = ""
    note: str = ""


class CountStudy(Study):
    """``numerator`` of ``denominator``, and the quality of the follow-up that counted them.

    ``false_negative`` is the share of events recorded as none, ``false_positive`` the share of non-events recorded as
    events, ``missing`` the share of those enrolled whose outcome is not known: they are not in ``denominator``.
    """

    numerator: int = Field(ge=0)
    denominator: int = Field(gt=0)
    false_negative: float = Field(default=0, ge=0, lt=1)
    false_positive: float = Field(default=0, ge=0, lt=1)
    missing: float = Field(default=0, ge=0, lt=1)

    @model_validator(mode="after")
    def _part_of_whole(self) -> Self:
        if self.numerator > self.denominator:
            raise ValueError("the numerator is larger than the denominator; correct the row")
        if self.false_negative + self.false_positive >= 1:
            raise ValueError("false_negative and false_positive together say nothing of the truth; correct the row")
        return self


class AccuracyStudy(Study):
    """A two-by-two table of an index test against its reference."""

    tp: int = Field(ge=0)
    fp: int = Field(ge=0)
    fn: int = Field(ge=0)
    tn: int = Field(ge=0)

    @model_validator(mode="after")
    def _tells_something(self) -> Self:
        if self.use in COUNTED and self.tp + self.fp + self.fn + self.tn == 0:
            raise ValueError("an empty two-by-two table cannot be pooled; fill it in, or set use to no")
        return self


class RatioStudy(Study):
    """A positive estimate (hazard ratio, risk ratio, median) with its 95 % interval, or the standard error of its
    logarithm.
    """

    estimate: float = Field(gt=0)
    low: float | None = Field(default=None, gt=0)
    high: float | None = Field(default=None, gt=0)
    se: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _uncertain(self) -> Self:
        if self.low is not None and self.high is not None:
            if not self.low < self.estimate < self.high:
                raise ValueError("the interval does not hold the estimate; correct the row")
        elif self.use in COUNTED and self.se is None:
            raise ValueError("an estimate without low and high, or se, cannot be pooled; add them, or set use to no")
        return self


class RateStudy(Study):
    """Events over person-time."""

    events: int = Field(ge=0)
    exposure: float = Field(gt=0)


class CostStudy(Study):
    """A mean cost with the standard deviation between ``n`` patients, in the parameter's unit and price year."""

    mean: float = Field(gt=0)
    sd: float = Field(gt=0)
    n: int = Field(gt=1)


class SurvivalStudy(Study):
    """One patient (``month``, ``event`` 1 or 0, ``count`` alike), a reported ``median``, or the share ``alive`` at
    ``at_month``.
    """

    kind: Literal["patient", "median", "alive"]
    month: float | None = Field(default=None, gt=0)
    event: int | None = Field(default=None, ge=0, le=1)
    count: int = Field(default=1, gt=0)
    value: float | None = Field(default=None, gt=0)
    low: float | None = Field(default=None, gt=0)
    high: float | None = Field(default=None, gt=0)
    at_month: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {
            "patient": ("month", "event"),
            "median": ("value", "low", "high"),
            "alive": ("value", "low", "high", "at_month"),
        }[self.kind]
        lacking = [name for name in needed if getattr(self, name) is None]
        if lacking and (self.use in COUNTED or self.kind == "patient" or self.value is None):
            raise ValueError(f"a row of kind {self.kind} lacks {', '.join(lacking)}; add them, or set use to no")
        if self.value is not None and self.low is not None and self.high is not None:
            if not self.low < self.value < self.high:
                raise ValueError("the interval does not hold the value; correct the row")
            if self.kind == "alive" and self.high >= 1:
                raise ValueError("a share alive lies between 0 and 1; correct the row")
        return self


class UptakeStudy(Study):
    """Users (``numerator``) of those eligible (``denominator``) in one ``unit`` at a time: a year, or years since
    launch for Bass.
    """

    unit: str
    when: float
    numerator: int = Field(ge=0)
    denominator: int = Field(gt=0)

    @model_validator(mode="after")
    def _part_of_whole(self) -> Self:
        if self.numerator > self.denominator:
            raise ValueError("the numerator is larger than the denominator; correct the row")
        return self


class SharesStudy(Study):
    """One category of a study that sorts persons into several: ``count`` persons in ``category``, a row for each."""

    category: str
    count: int = Field(ge=0)


class ExpertStudy(Study):
    """One expert's quantiles of the quantity itself, two or more, and the expert's weight in the pool."""

    weight: float = Field(default=1, gt=0)
    q05: float | None = None
    q25: float | None = None
    q50: float | None = None
    q75: float | None = None
    q95: float | None = None

    @property
    def quantiles(self) -> dict[float, float]:
        """Probability to value."""
        stated = {0.05: self.q05, 0.25: self.q25, 0.5: self.q50, 0.75: self.q75, 0.95: self.q95}
        return {p: value for p, value in stated.items() if value is not None}

    @model_validator(mode="after")
    def _two_or_more(self) -> Self:
        values = list(self.quantiles.values())
        if len(values) < 2 or any(low >= high for low, high in pairwise(values)):
            raise ValueError(
                "an expert states two or more rising quantiles of q05, q25, q50, q75, q95; correct the row"
            )
        return self


ROWS: Mapping[str, type[Study]] = {
    "proportion": CountStudy,
    "accuracy": AccuracyStudy,
    "ratio": RatioStudy,
    "rate": RateStudy,
    "cost": CostStudy,
    "survival": SurvivalStudy,
    "uptake": UptakeStudy,
    "shares": SharesStudy,
    "expert": ExpertStudy,
}
PARTS: Mapping[str, tuple[str, ...]] = {
    "accuracy": ("sensitivity", "specificity"),
    "survival": ("median", "alive", "family"),
    "uptake": ("level", "slope", "ceiling", "deviation", "slope_deviation", "innovation", "imitation"),
}
"""The parts of the models that have several; a model that is not here has one."""
BY_REGION_ONLY = ("deviation", "slope_deviation")
OPTIONS: Mapping[str, frozenset[str]] = {
    "proportion": frozenset({"borrow", "prior"}),
    "accuracy": frozenset({"borrow", "prior", "spectrum"}),
    "ratio": frozenset({"borrow", "prior", "over"}),
    "rate": frozenset({"borrow", "prior"}),
    "cost": frozenset({"borrow", "prior", "family"}),
    "survival": frozenset({"borrow", "families", "weights", "at_month"}),
    "uptake": frozenset({"borrow", "curve", "at_year"}),
    "shares": frozenset({"borrow"}),
    "expert": frozenset({"family"}),
}
SHARED = ("borrow", "family", "families", "weights", "spectrum", "curve")
"""What parameters of one block must say alike, because the block is fitted once."""


class Finding(Strict):
    """Something in the evidence of a case that a reader would not expect; ``about`` names the parameter that it bears
    on.
    """

    about: str
    finding_sv: str
    finding_en: str
    evidence: Evidence
    source: str
    address: str = ""


class Reviewed(Strict):
    """A value that was held against what could be read: ``old`` and ``new`` with their 95 % intervals in the parameter's unit, and why.

    Without ``old`` or ``new`` it is not one figure but learnt from studies. What is ``kept`` has no ``new``.
    """

    parameter: str
    old: float | None = None
    old_lower: float | None = None
    old_upper: float | None = None
    new: float | None = None
    new_lower: float | None = None
    new_upper: float | None = None
    decision: Literal["replaced", "partly", "kept"]
    why_sv: str
    why_en: str
    read_how: Literal["abstract", "excerpt", "full_text", "table", "press_release", "nothing"]
    source: str
    address: str = ""

    @model_validator(mode="after")
    def _kept_as_it_was(self) -> Self:
        if self.decision == "kept" and self.new is not None:
            raise ValueError("what is kept has no new value; remove new, or say replaced or partly")
        return self


class Prior(Strict):
    """What is believed before the data, on the link scale: mean and SD of the mean, scale of the half-normal spread."""

    mean: float | None = None
    sd: float | None = Field(default=None, gt=0)
    spread: float | None = Field(default=None, gt=0)


class FromStudies(Strict):
    """That a parameter is learnt: from which rows of which table, by which model, and which part of it the parameter
    is.

    Parameters with the same ``model``, ``studies`` and ``quantity`` are one block with one posterior.
    """

    studies: str
    quantity: str
    model: Model = "proportion"
    part: str | None = None
    borrow: float | None = Field(default=None, ge=0, le=1)
    prior: Prior = Prior()
    over: str | None = None
    family: str | None = None
    families: tuple[str, ...] = ("weibull",)
    weights: Literal["stacking"] | dict[str, float] | None = None
    at_month: float | None = Field(default=None, gt=0)
    at_year: float | None = None
    spectrum: float | None = Field(default=None, gt=0, lt=1)
    curve: Literal["logistic", "bass"] = "logistic"

    @model_validator(mode="after")
    def _fits_model(self) -> Self:
        foreign = self.model_fields_set - {"studies", "quantity", "model", "part"} - OPTIONS[self.model]
        if foreign:
            options = ", ".join(sorted(OPTIONS[self.model]))
            raise ValueError(f"{', '.join(sorted(foreign))} does not go with model {self.model}; it takes {options}")
        parts = self._parts()
        if self.model == "shares":
            if self.part is None:
                raise ValueError("model shares needs to know which part; give the category of the table")
            return self
        if not parts and self.part is not None:
            raise ValueError(f"model {self.model} has one part; remove part")
        if parts and self.part not in parts:
            raise ValueError(f"model {self.model} needs to know which part; use one of {', '.join(parts)}")
        if self.model == "survival":
            self._sound_survival()
        if (self.part == "level") != (self.at_year is not None):
            raise ValueError("at_year goes with part: level; add or remove it")
        if self.model in ("cost", "expert"):
            known = ("gamma", "lognormal") if self.model == "cost" else ("beta", "gamma", "lognormal", "normal")
            if self.family not in (*known, *([None] if self.model == "cost" else [])):
                raise ValueError(f"model {self.model} has no family {self.family}; use one of {', '.join(known)}")
        return self

    def _parts(self) -> tuple[str, ...]:
        if self.model == "uptake":
            bass = ("innovation", "imitation")
            return (*bass, "ceiling") if self.curve == "bass" else tuple(p for p in PARTS["uptake"] if p not in bass)
        if self.model != "survival":
            return PARTS.get(self.model, ())
        return (
            *PARTS["survival"],
            *(f"{one}.{own}" for one in self.families for own in SURVIVAL_FAMILIES.get(one, ())),
        )

    def _sound_survival(self) -> None:
        unknown = [one for one in self.families if one not in SURVIVAL_FAMILIES]
        if unknown or not self.families:
            raise ValueError(f"families {list(self.families)}; use some of {', '.join(SURVIVAL_FAMILIES)}")
        if (self.part == "alive") != (self.at_month is not None):
            raise ValueError("at_month goes with part: alive; add or remove it")
        if isinstance(self.weights, dict) and set(self.weights) != set(self.families):
            raise ValueError(f"weights name {sorted(self.weights)}; name each of {', '.join(self.families)} once")
        if isinstance(self.weights, dict) and (
            min(self.weights.values()) < 0 or abs(sum(self.weights.values()) - 1) > 1e-9
        ):
            raise ValueError("weights of families must be 0 or more and sum to 1; correct them")
        if len(self.families) > 1 and self.weights is None:
            raise ValueError("several families need weights; write stacking, or a weight for each")

    @property
    def block(self) -> tuple[str, str, str]:
        """What tells one block from another."""
        return self.model, self.studies, self.quantity

    def weight(self, study: Study) -> float:
        """How much a row's likelihood counts: 1, the discount of a borrowed one, or 0."""
        return {"pool": 1.0, "borrow": 1.0 if self.borrow is None else self.borrow}.get(study.use, 0.0)

    def problem(self, rows: Sequence[Study]) -> tuple[str, str] | None:
        """What keeps the rows of the quantity from being learnt from, and the remedy."""
        if not any(row.use in COUNTED for row in rows):
            return f"{self.studies} has no study to pool for this quantity", "set use to pool in a row"
        groups: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            # The categories of one study are one study.
            if (
                row.overlap
                and row.use in COUNTED
                and not (isinstance(row, SharesStudy) and row.study in groups[row.overlap])
            ):
                groups[row.overlap].append(row.study)
        for name, studies in groups.items():
            if len(studies) > 1:
                shared = f"{', '.join(studies)} share persons (overlap {name}) and are all counted"
                return shared, "keep one of them and set the others to sensitivity"
        if self.weights == "stacking" and not any(
            isinstance(row, SurvivalStudy) and row.kind == "patient" and row.use in COUNTED for row in rows
        ):
            return "stacking needs rows of kind patient", "add them, or state a weight for each family"
        return self._unsorted(rows) if self.model == "shares" else None

    def _unsorted(self, rows: Sequence[Study]) -> tuple[str, str] | None:
        """What keeps counts by category from being shares that sum to 1, and the remedy."""
        counted = [row for row in rows if isinstance(row, SharesStudy) and row.use in COUNTED]
        categories = list(dict.fromkeys(row.category for row in counted))
        if self.part not in categories:
            return f"no study counts {self.part}", f"use one of {', '.join(categories)}"
        for study in dict.fromkeys(row.study for row in counted):
            own = [row for row in counted if row.study == study]
            if sorted(row.category for row in own) != sorted(categories) or len({row.use for row in own}) > 1:
                wanted = f"give it one row for each of {', '.join(categories)}, 0 where none, with the same use"
                return f"{study} does not count each category once", wanted
            if not sum(row.count for row in own):
                return f"{study} counts nobody", "correct its rows, or set use to no"
        return None

    def pool(self, rows: Sequence[Study]) -> Distribution | Pool:
        """The linear pool of the experts' distributions, one for each expert.

        Raises
        ------
        ValueError
            An expert's quantiles are none of the family's.
        """
        experts = [row for row in rows if isinstance(row, ExpertStudy) and row.use == "pool"]
        members = []
        for expert in experts:
            try:
                members.append(distribution(str(self.family), quantiles=expert.quantiles))
            except ValueError as error:
                raise ValueError(f"{expert.study}: {error}") from None
        total = sum(expert.weight for expert in experts)
        return Pool(tuple(members), tuple(expert.weight / total for expert in experts))
