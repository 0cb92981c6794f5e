"""Currency and price year: how a reported amount becomes SEK of the model's price year.

An amount in another currency is moved to SEK at the rate of its own price year, and from there by the index that its record states: a
price moves with what it is the price of. That is its way to the model's price year; how prices go on from there is another thing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, model_validator

from pmbudget.errors import Fault
from pmbudget.inputs.distributions import Distribution, distribution
from pmbudget.inputs.files import Evidence, Ref, Strict
from pmbudget.inputs.tables import read_rows

MONEY = re.compile(r"^(?P<multiple>[kMG]?)(?P<currency>SEK|EUR|USD|GBP|DKK|NOK|CAD|AUD|CHF)(?![A-Za-z])")
MULTIPLES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
TABLES = {"cpi": "kpi.csv", "wages": "wages.csv"}
"""The indices that are tables, and the file of each in ``prices/``."""


class Trend(Strict):
    """Consumer prices and a real change a year on top of them, which a parameter states: of sequencing, for one."""

    trend: Ref


def _one_index(given: Any) -> Any:
    if (
        given in (*TABLES, "none")
        or isinstance(given, Trend)
        or (isinstance(given, Mapping) and set(given) == {"trend"})
    ):
        return given
    raise ValueError("is no index; write cpi, wages, none, or {trend: a parameter per year}")


Index = Annotated[Literal["cpi", "wages", "none"] | Trend, BeforeValidator(_one_index)]
"""What moves a price from its own year to the model's; ``none`` where the nominal price stands, as list prices and norms do."""


class IndexYear(Strict):
    """One year of a price or wage index (annual mean; any year may be 100)."""

    year: int
    index: float
    evidence: Evidence
    source: str
    address: str = ""
    note: str = ""


class Rate(Strict):
    """SEK for one unit of a currency, annual mean; an assumed rate has an interval."""

    year: int
    currency: str
    sek_per_unit: float
    low: float | None = None
    high: float | None = None
    evidence: Evidence
    source: str
    address: str = ""

    @model_validator(mode="after")
    def _assumed_has_interval(self) -> Self:
        if self.evidence == "assumption" and (self.low is None or self.high is None):
            raise ValueError("an assumed rate has no interval; add low and high")
        self.distribution()
        return self

    def distribution(self) -> Distribution:
        """The rate as it is known."""
        if self.low is None or self.high is None:
            return distribution("fixed", value=self.sek_per_unit)
        return distribution("lognormal", mean=self.sek_per_unit, interval=(self.low, self.high))


@dataclass(frozen=True)
class Prices:
    """Each index by name and year, and the exchange rates by currency and year."""

    index: Mapping[str, Mapping[int, IndexYear]]
    rates: Mapping[tuple[str, int], Rate]

    def problem(self, unit: str, year: int, price_year: int, index: Index | None) -> tuple[str, str] | None:
        """What keeps an amount in ``unit`` of ``year`` from being moved by ``index``, and the remedy; None if nothing does."""
        currency, table = currency_of(unit), table_between(year, price_year, index)
        for needed in (year, price_year) if table else ():
            if needed not in self.index[table]:
                remedy = f"add {needed} to prices/{TABLES[table]} with its source"
                return f"no {'price' if table == 'cpi' else 'wage'} index for {needed}", remedy
        if currency != "SEK" and (currency, year) not in self.rates:
            remedy = (
                f"add {currency} {year} to prices/exchange_rates.csv; graded assumption with low and high if not read"
            )
            return f"no exchange rate for {currency} in {year}", remedy
        return None

    def factor(self, unit: str, year: int, price_year: int, index: Index | None) -> float:
        """What an amount in ``unit`` of ``year`` is multiplied by, its exchange rate and its trend apart: both are drawn."""
        match = MONEY.match(unit)
        multiple = MULTIPLES[match["multiple"]] if match else 1.0
        table = table_between(year, price_year, index)
        return multiple * self.index[table][price_year].index / self.index[table][year].index if table else multiple


def table_between(year: int, price_year: int, index: Index | None) -> str:
    """The table that moves a price between two years; nothing within one, and of a nominal price. A trend stands on consumer prices."""
    if year == price_year or index is None or index == "none":
        return ""
    return "cpi" if isinstance(index, Trend) else index


def currency_of(unit: str) -> str | None:
    """The currency of a unit such as ``SEK/sample`` or ``MSEK/region``; None if it is no money."""
    match = MONEY.match(unit)
    return match["currency"] if match else None


def load_prices(folder: Path, faults: list[Fault]) -> Prices:
    """The indices and ``exchange_rates.csv`` of the folder's ``prices/``; wages may have no table."""
    prices = folder / "prices"
    index = {
        name: {row.year: row for row in read_rows(prices / file, IndexYear, faults)}
        if name == "cpi" or (prices / file).is_file()
        else {}
        for name, file in TABLES.items()
    }
    rates = read_rows(prices / "exchange_rates.csv", Rate, faults)
    return Prices(index, {(row.currency, row.year): row for row in rates})
