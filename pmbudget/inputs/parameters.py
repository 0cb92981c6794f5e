"""Parameters with provenance: unit, price year, source and grade, or they do not load."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationInfo, model_validator

from pmbudget.errors import NOTHING, Fault, InputError
from pmbudget.inputs.dated import FIRST_YEAR, Dated
from pmbudget.inputs.distributions import Distribution, Pool, distribution
from pmbudget.inputs.files import (
    Document,
    Evidence,
    Source,
    Strict,
    find_folder,
    near,
    read_yaml,
    shown,
    validated,
)
from pmbudget.inputs.overrides import Override
from pmbudget.inputs.prices import Index, Prices, Rate, Trend, currency_of, load_prices
from pmbudget.inputs.studies import BY_REGION_ONLY, ROWS, SHARED, Finding, FromStudies, Reviewed, Study
from pmbudget.inputs.tables import read_rows

CHOSEN = "chosen by a scenario"
"""Validation context of what a scenario fixes: a choice, not a finding, so that it needs no interval."""
LARGEST = 1e15
"""No amount, count or rate here comes near it; what is larger is a slip of the keyboard, and overflows in the calculation."""
EXCHANGE_RATES = "prices/exchange_rates.csv"
PRICE_YEAR = 2024
"""The price year of the interface where none is asked for; a scenario states its own."""
SHARES = ("probability", "share", "proportion", "utility")
SIGNED = ("difference of", "logit per", "per year")
"""Units, by how they begin, of what may be below 0; everything else may not."""
ABOVE_ZERO = ("hazard ratio", "Weibull shape", "months", "days", "hours", "SD of")
"""Units, by how they begin, of what the model divides by or takes the logarithm of."""


class Text(Strict):
    """A label in both languages."""

    sv: str
    en: str


class Reported(Strict):
    """A quantity as its source reports it."""

    family: str | None = None
    value: float | None = None
    mean: float | None = None
    sd: float | None = None
    median: float | None = None
    interval: tuple[float, float] | None = None
    counts: tuple[float, float] | None = None
    quantiles: dict[float, float] | None = None
    low: float | None = None
    high: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _are_figures(cls, data: Any) -> Any:
        for name, given in data.items() if isinstance(data, Mapping) else ():
            parts = (
                given.values() if isinstance(given, Mapping) else given if isinstance(given, list | tuple) else [given]
            )
            if any(isinstance(part, bool) for part in parts):
                raise ValueError(f"{name} is true or false and no figure; write the number")
            if any(isinstance(part, int | float) and LARGEST < abs(part) < float("inf") for part in parts):
                raise ValueError(f"{name} is beyond {LARGEST:g}, larger than any figure here; correct it")
        return data

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        self.distribution()
        return self

    def distribution(self) -> Distribution:
        """The distribution that the figures make."""
        return distribution(self.family or "fixed", **self.model_dump(exclude={"family"}, exclude_none=True))


class Shares(Strict):
    """Shares that sum to 1, counted together: all parameters that ``counts`` names state the same counts, and ``of`` is one's own name.

    Dirichlet(count + 1/2 of each), the posterior of Jeffreys' prior; one share by itself is Beta(count + 1/2, the rest), of all counts.
    """

    family: Literal["dirichlet"]
    counts: dict[str, Annotated[float, Field(ge=0, le=LARGEST)]] = Field(min_length=2)
    of: str

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if self.of not in self.counts:
            raise ValueError(f"{self.of} is not among the counts; name each of the parameters that sum to 1")
        if not sum(self.counts.values()):
            raise ValueError("nothing was counted; give counts above 0")
        return self

    @property
    def name(self) -> str:
        """What the shares are called together: the name under which they are drawn."""
        return f"shares {', '.join(self.counts)}"

    @property
    def concentrations(self) -> list[float]:
        """Of each share, in the order of the counts."""
        return [count + 0.5 for count in self.counts.values()]

    def distribution(self) -> Distribution:
        """The distribution of this share by itself."""
        own = self.counts[self.of] + 0.5
        return distribution("beta", alpha=own, beta=sum(self.concentrations) - own)


def _way(given: Any) -> str:
    """Whether a distribution is learnt from studies, one of shares that sum to 1, a value by date, or stated by itself."""
    keys = given if isinstance(given, Mapping) else getattr(given, "model_fields_set", ())
    family = given.get("family") if isinstance(given, Mapping) else getattr(given, "family", None)
    if {"studies", "quantity", "borrow"} & set(keys):
        return "studies"
    if "dated" in keys:
        return "dated"
    return "shares" if family == "dirichlet" else "reported"


Stated = Annotated[
    Annotated[Reported, Tag("reported")]
    | Annotated[FromStudies, Tag("studies")]
    | Annotated[Shares, Tag("shares")]
    | Annotated[Dated[float], Tag("dated")],
    Discriminator(_way),
]


class Record(Strict):
    """What a parameter file holds for one parameter.

    Money has a ``price_year`` and an ``index``, which says what moves its price from there to the model's price year: consumer prices
    (``cpi``), ``wages``, ``none`` where the nominal price stands, or ``{trend: parameter}``, consumer prices and a real change a year. It
    may be left out where the years are one. A ``context`` parameter is learnt and shown, so that a reader can judge the case, and is not
    read by the calculation.
    Of a fee or a rule that changes, the distribution is ``dated`` (see :class:`Dated`): in the prices of ``price_year`` whichever value
    holds, as the years shown have no price level of their own.
    """

    label: Text
    unit: str = Field(min_length=1)
    price_year: int | None = None
    price_year_evidence: Literal["assumption"] | None = None
    index: Index | None = None
    distribution: Stated
    by: Literal["region"] | None = None
    evidence: Evidence
    interval_evidence: Literal["assumption"] | None = None
    context: bool = False
    source: Source
    note: str = ""

    @property
    def in_force_since(self) -> date | None:
        """The day from which a dated figure holds; None of any other."""
        return self.distribution.in_force_since if isinstance(self.distribution, Dated) else None

    @property
    def figure_source(self) -> Source:
        """Where the figure was read: of a dated one, the value that is used."""
        return self.distribution.in_force.source if isinstance(self.distribution, Dated) else self.source

    @model_validator(mode="after")
    def _sound(self, info: ValidationInfo) -> Self:
        money = currency_of(self.unit) is not None
        if money and self.price_year is None:
            raise ValueError(
                "money without price_year; add it, and price_year_evidence: assumption where the source states none"
            )
        for key in ("price_year", "index") if not money else ():
            if getattr(self, key) is not None:
                raise ValueError(f"{key} goes with money, and the unit is {self.unit!r}; remove it or correct the unit")
        if isinstance(self.distribution, FromStudies):
            if (self.distribution.part in BY_REGION_ONLY) != (self.by == "region") and (
                self.distribution.part in BY_REGION_ONLY or self.distribution.model in ("survival", "uptake", "shares")
            ):
                raise ValueError(
                    "by: region goes with deviations of uptake, not with survival or shares; add or remove by"
                )
            return self
        known = self.distribution.distribution()
        if isinstance(self.distribution, Shares) and (self.by or self.unit.split("/")[0] not in SHARES):
            raise ValueError(
                "shares that sum to 1 are shares or probabilities and one for the country; correct unit or by"
            )
        if known.is_fixed and self.by == "region":
            raise ValueError(
                "is one per region and cannot be fixed at one number; give a distribution that each region draws from"
            )
        assumed = "assumption" in (self.evidence, self.price_year_evidence)
        if known.is_fixed and assumed and not (info.context or {}).get(CHOSEN):
            raise ValueError("an assumption has no interval; give a family with mean and interval")
        if self.unit.split("/")[0] in SHARES:
            low, high = known.interval
            if not (0 <= known.mean <= 1 and (known.family in ("beta", "fixed") or (low >= 0 and high <= 1))):
                raise ValueError(f"a {self.unit} lies between 0 and 1; correct the figures, or use family beta")
        low = known.interval[0]
        if not self.unit.startswith(SIGNED) and (low < 0 or (low == 0 and self.unit.startswith(ABOVE_ZERO))):
            least = "above 0" if self.unit.startswith(ABOVE_ZERO) else "0 or more"
            raise ValueError(f"{low:g} {self.unit} is impossible; give figures that are {least}")
        return self


@dataclass(frozen=True)
class Parameter:
    """One parameter as the model uses it.

    ``distribution`` is as reported; the model's value is that times ``factor`` (multiples of the unit and the price index) times
    the drawn exchange rate named ``rate`` times (1 + the drawn ``trend``)^``trend_years``. ``studies`` holds the rows of one that is
    learnt from data. ``was`` is the record of the parameter file where a scenario or a run has put another in its place.
    """

    name: str
    record: Record
    file: str
    line: int
    distribution: Distribution | Pool | None
    studies: tuple[Study, ...] = ()
    factor: float = 1.0
    rate: str | None = None
    trend: str | None = None
    trend_years: int = 0
    was: Record | None = None

    @property
    def is_learnt(self) -> bool:
        """Whether the parameter comes from a posterior."""
        return self.distribution is None

    @property
    def learning(self) -> FromStudies:
        """How the parameter is learnt.

        Raises
        ------
        ValueError
            It is not learnt from studies.
        """
        if not isinstance(self.record.distribution, FromStudies):
            raise ValueError(f"{self.name} is not learnt from studies")
        return self.record.distribution

    @property
    def drawn_with(self) -> tuple[str, ...]:
        """The parameters whose draws convert its amount, so that it varies with them: an exchange rate, a trend."""
        return tuple(name for name in (self.rate, self.trend) if name)

    @property
    def is_assumed(self) -> bool:
        """Whether the figure or the year of its price was assumed."""
        return "assumption" in (self.record.evidence, self.record.price_year_evidence)

    @property
    def spread_is_assumed(self) -> bool:
        """Whether how surely it is known was assumed, even if the figure itself was read."""
        return self.is_assumed or self.record.interval_evidence == "assumption"

    @property
    def is_index(self) -> bool:
        """Whether the value is a place in a list, such as the family of a curve, so that nothing lies between two of them."""
        return self.record.unit == "index"

    @property
    def unit(self) -> str:
        """The unit that the model's value has: money is in SEK."""
        currency = currency_of(self.record.unit)
        if currency is None:
            return self.record.unit
        return "SEK" + self.record.unit.split(currency, 1)[1]


@dataclass(frozen=True)
class ParameterSet(Mapping[str, Parameter]):
    """All parameters of a case, by name, the year their prices are in, what in its evidence a reader would not expect, which values were
    held against what could be read, and the folder beside its files in which the posterior of those that are learnt is shipped.
    """

    parameters: Mapping[str, Parameter]
    price_year: int
    raw: Mapping[str, Any]
    prices: Prices
    findings: tuple[Finding, ...] = ()
    reviewed: tuple[Reviewed, ...] = ()
    posterior: Path | None = None

    def __getitem__(self, name: str) -> Parameter:
        if name not in self.parameters:
            raise KeyError(f"no parameter {name!r}; {near(name, self.parameters)}")
        return self.parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def fixed(self, name: str) -> float:
        """The value of a parameter that is taken as known exactly, in the model's unit."""
        parameter = self[name]
        if parameter.distribution is None or not parameter.distribution.is_fixed or parameter.drawn_with:
            raise ValueError(f"{name} is uncertain; it has no single value to be used as a setting")
        return parameter.distribution.mean * parameter.factor


def parameter_files(folder: Path, case: str | None) -> list[Path]:
    """The files that hold parameters: the folder's own and the case's."""
    files = sorted(folder.glob("*.yaml"))
    if case is not None:
        files += sorted(path for path in (folder / "cases" / case).glob("*.yaml") if path.name != "case.yaml")
    return files


def load_parameters(
    folder: str | Path = "parameters", case: str | None = None, price_year: int = PRICE_YEAR
) -> ParameterSet:
    """Every parameter of the folder and of one case, converted to SEK of ``price_year``.

    Raises
    ------
    InputError
        All faults at once, each with file, line, key, value and remedy.
    """
    root, faults = find_folder(folder), list[Fault]()
    found = read_parameters(root, case, price_year, {}, faults)
    if faults:
        raise InputError(faults)
    return found


def read_parameters(
    root: Path,
    case: str | None,
    price_year: int,
    overrides: Mapping[str, Override],
    faults: list[Fault],
    *,
    first_year: int | None = None,
) -> ParameterSet:
    """The set of :func:`load_parameters` after ``overrides``, with the dated values that hold when ``first_year`` begins."""
    known = len(faults)
    prices = load_prices(root, faults)
    reader = _Reader(prices, price_year, overrides, first_year, faults, prices_hold=len(faults) == known)
    raw: dict[str, Any] = {}
    parameters: dict[str, Parameter] = {}
    for path in parameter_files(root, case):
        document = read_yaml(path, faults)
        if document is None:
            continue
        for name, data in document.data.items():
            if name in raw:
                problem = f"also stands in {parameters[name].file if name in parameters else 'another file'}"
                faults.append(document.fault([name], problem, "keep one of them"))
                continue
            raw[name] = data
            if parameter := reader.parameter(name, document, path):
                parameters[name] = parameter
    faults += _disagreements(parameters) + _torn_apart(parameters) + _no_trends(parameters, raw)
    used = {parameter.rate for parameter in parameters.values() if parameter.rate}
    for (currency, year), rate in prices.rates.items():
        if (name := rate_name(currency, year)) in used:
            raw[name] = _rate_record(currency, year, rate)
            if parameter := reader.parameter(name, Document(EXCHANGE_RATES, {name: raw[name]}), root / EXCHANGE_RATES):
                parameters[name] = parameter
    posterior = root / "posterior" / case if case is not None else None
    evidence = root / "cases" / str(case) / "evidence"
    # Exchange rates are parameters only where the price tables hold.
    names = raw if reader.prices_hold else None
    findings = _told(evidence / "findings.csv", Finding, "about", names, faults)
    reviewed = _told(evidence / "reviewed.csv", Reviewed, "parameter", names, faults)
    return ParameterSet(parameters, price_year, raw, prices, findings, reviewed, posterior)


@dataclass(frozen=True)
class _Reader:
    """Makes records into parameters, each by the same prices and overrides; what is wrong is added to ``faults``."""

    prices: Prices
    price_year: int
    overrides: Mapping[str, Override]
    first_year: int | None
    faults: list[Fault]
    prices_hold: bool

    def parameter(self, name: str, document: Document, path: Path) -> Parameter | None:
        """The parameter of that name in a document, which was read from ``path``; None where it cannot be used."""
        record, was = self._records(name, document)
        if record is None:
            return None
        stated, studies = record.distribution, tuple[Study, ...]()
        known: Distribution | Pool | None = None
        if not isinstance(stated, FromStudies):
            known = stated.distribution()
        elif not (studies := self._studies(stated, document, name, path)):
            return None
        elif stated.model == "expert":
            try:
                known = stated.pool(studies)
            except ValueError as error:
                at = [name, "distribution", "family"]
                problem, remedy = str(error).rsplit("; ", 1)
                self.faults.append(document.fault(at, problem, remedy, stated.family))
                return None
        base = Parameter(name, record, document.file, document.line([name]), known, studies, was=was)
        return self._in_kronor(base, document)

    def _in_kronor(self, base: Parameter, document: Document) -> Parameter | None:
        """A parameter with the factor and the rate that make money SEK of the price year."""
        unit, year, index = base.record.unit, base.record.price_year, base.record.index
        currency = currency_of(unit)
        if currency is None or year is None:
            return base
        if index is None and year != self.price_year:
            problem = f"nothing says what moves this price from {year} to {self.price_year}, the model's price year"
            remedy = "state cpi, wages, none where the nominal price stands, or {trend: a parameter per year}"
            self.faults.append(self._fault_of_money(base, document, "index", problem, remedy))
            return None
        if hindrance := self.prices.problem(unit, year, self.price_year, index):
            # What a broken price table breaks in turn is not worth a line each.
            if self.prices_hold:
                self.faults.append(self._fault_of_money(base, document, "price_year", *hindrance, year))
            return None
        factor = self.prices.factor(unit, year, self.price_year, index)
        converted = replace(base, factor=factor, rate=None if currency == "SEK" else rate_name(currency, year))
        if not isinstance(index, Trend) or year == self.price_year:
            return converted
        return replace(converted, trend=index.trend, trend_years=self.price_year - year)

    def _fault_of_money(
        self, base: Parameter, document: Document, key: str, problem: str, remedy: str, value: Any = NOTHING
    ) -> Fault:
        """What is wrong with a price, told where its price year was stated: in the parameter's file, or by an override."""
        override = self.overrides.get(base.name)
        if override and isinstance(override.to, Mapping) and {"price_year", "unit"} & set(override.to):
            return Fault(override.file, f"{override.place}.{base.name}.{key}", problem, remedy, value, override.line)
        return document.fault([base.name, key], problem, remedy, value)

    def _records(self, name: str, document: Document) -> tuple[Record | None, Record | None]:
        """A parameter's record, and the one that it had where an override has taken its place."""
        data, override, told = document.data[name], self.overrides.get(name), {FIRST_YEAR: self.first_year}
        stated = validated(Record, document, _named(name, data), self.faults, at=[name], context=told)
        if override is None or stated is None:
            return stated, None
        key = f"{override.place}.{name}"
        if hindrance := override.problem():
            self.faults.append(Fault(override.file, key, *hindrance, override.to, override.line))
            return None, None
        found: list[Fault] = []
        changed = _named(name, override.on(data))
        stands = Document(override.file, {name: changed})
        record = validated(Record, stands, changed, found, [name], context={**told, CHOSEN: override.is_choice})
        # The fault is the override's, wherever the parameter itself stands.
        self.faults.extend(replace(one, key=f"{override.place}.{one.key}", line=override.line) for one in found)
        return record, stated if record != stated else None

    def _studies(self, stated: FromStudies, document: Document, name: str, path: Path) -> tuple[Study, ...]:
        """The rows that a parameter is learnt from; none, and a fault, where they cannot be learnt from."""
        new: list[Fault] = []
        rows = read_rows(path.parent / stated.studies, ROWS[stated.model], new)
        if new:
            # Several parameters read the same table; its faults are told once.
            self.faults.extend(fault for fault in new if fault not in self.faults)
            return ()
        mine = tuple(row for row in rows if row.quantity == stated.quantity)
        hindrance = stated.problem(mine)
        if hindrance and not mine:
            hindrance = hindrance[0], near(stated.quantity, {row.quantity for row in rows})
        if hindrance:
            self.faults.append(document.fault([name, "distribution", "quantity"], *hindrance, stated.quantity))
            return ()
        return mine


def _named(name: str, data: Any) -> Any:
    """A record's keys, in which one of shares that sum to 1 knows which it is."""
    stated = data.get("distribution") if isinstance(data, Mapping) else None
    if not isinstance(stated, Mapping) or stated.get("family") != "dirichlet":
        return data
    return {**data, "distribution": {**stated, "of": name}}


def _rate_record(currency: str, year: int, rate: Rate) -> dict[str, Any]:
    """An exchange rate as a parameter file would hold it."""
    known = {"family": "lognormal", "mean": rate.sek_per_unit, "interval": [rate.low, rate.high]}
    return {
        "label": {"sv": f"Växelkurs {currency} {year}", "en": f"Exchange rate {currency} {year}"},
        "unit": f"Swedish kronor per {currency}",
        "distribution": {"value": rate.sek_per_unit} if None in (rate.low, rate.high) else known,
        "evidence": rate.evidence,
        "source": {"title": rate.source, "address": rate.address},
    }


def _told[Told: (Finding, Reviewed)](
    path: Path, model: type[Told], key: str, names: Collection[str] | None, faults: list[Fault]
) -> tuple[Told, ...]:
    """The rows of a table of the case's, each about one of these ``names`` if they are known; none where there is no such file."""
    if not path.is_file():
        return ()
    found = read_rows(path, model, faults)
    for one in found:
        if names is not None and (name := getattr(one, key)) not in names:
            faults.append(Fault(shown(path), key, "names no parameter", near(name, names), name))
    return tuple(found)


def _disagreements(parameters: Mapping[str, Parameter]) -> list[Fault]:
    """Parameters of one block that want it fitted differently, and ratios over a parameter that is not there."""
    first: dict[tuple[str, str, str], Parameter] = {}
    faults = []
    for parameter in parameters.values():
        if not isinstance(parameter.record.distribution, FromStudies):
            continue
        own = parameter.learning
        other = first.setdefault(own.block, parameter)
        for key in SHARED:
            if getattr(own, key) != getattr(other.learning, key):
                problem = f"not as in {other.name}, which is learnt from the same studies"
                place = f"{parameter.name}.distribution.{key}"
                faults.append(Fault(parameter.file, place, problem, "say the same in both", line=parameter.line))
        if own.over is not None and own.over not in parameters:
            place = f"{parameter.name}.distribution.over"
            remedy = near(own.over, parameters)
            faults.append(Fault(parameter.file, place, "names no parameter", remedy, own.over, parameter.line))
    return faults


def _torn_apart(parameters: Mapping[str, Parameter]) -> list[Fault]:
    """Shares that should sum to 1 and are not all there, or do not all state the same counts."""
    faults = []
    for parameter in parameters.values():
        stated = parameter.record.distribution
        if not isinstance(stated, Shares):
            continue
        others = {name: parameters[name].record.distribution if name in parameters else None for name in stated.counts}
        if lost := [name for name, one in others.items() if not isinstance(one, Shares) or one.counts != stated.counts]:
            problem = f"sums to 1 with {', '.join(lost)}, which have other counts, another distribution or no record"
            place, remedy = (
                f"{parameter.name}.distribution.counts",
                "state the same counts in each (a YAML anchor does)",
            )
            faults.append(Fault(parameter.file, place, problem, remedy, line=parameter.line))
    return faults


def _no_trends(parameters: Mapping[str, Parameter], raw: Mapping[str, Any]) -> list[Fault]:
    """Prices that should follow a trend which is no parameter, or none that says a change per year for the country."""
    faults = []
    for parameter in parameters.values():
        if not isinstance(parameter.record.index, Trend):
            continue
        name = parameter.record.index.trend
        place, trend = f"{parameter.name}.index.trend", parameters.get(name)
        if name not in raw:
            problem, remedy = "names no parameter", near(name, raw)
        elif trend and (trend.unit != "per year" or trend.record.by):
            problem, remedy = "is no change of price", "name a parameter with the unit per year, one for the country"
        else:
            continue
        faults.append(Fault(parameter.file, place, problem, remedy, name, parameter.line))
    return faults


def rate_name(currency: str, year: int) -> str:
    """The name under which an exchange rate is drawn."""
    return f"rate_{currency.lower()}_{year}"
