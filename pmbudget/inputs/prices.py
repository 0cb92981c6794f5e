"""Currency and price year: how a reported amount becomes SEK of the model's price year.

An amount in another currency is moved to SEK at the rate of its own price year and from there by the consumer price index.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import model_validator

from pmbudget.errors import Fault
from pmbudget.inputs.distributions import Distribution, distribution
from pmbudget.inputs.files import Evidence, Strict
from pmbudget.inputs.tables import read_rows

MONEY = re.compile(r"^(?P<multiple>[kMG]?)(?P<currency>SEK|EUR|USD|GBP|DKK|NOK|CAD|AUD|CHF)(?![A-Za-z])")
MULTIPLES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}


class IndexYear(Strict):
    """One year of the consumer price index (annual mean, 1980 = 100)."""

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
    """The price index by year and the exchange rates by currency and year."""

    index: Mapping[int, IndexYear]
    rates: Mapping[tuple[str, int], Rate]

    def problem(self, unit: str, year: int, price_year: int) -> tuple[str, str] | None:
        """What keeps an amount in ``unit`` of ``year`` from being converted, and the remedy; None if nothing does."""
        currency = currency_of(unit)
        for needed in (year, price_year):
            if needed not in self.index:
                return f"no price index for {needed}", f"add {needed} to prices/kpi.csv with its source"
        if currency != "SEK" and (currency, year) not in self.rates:
            remedy = (
                f"add {currency} {year} to prices/exchange_rates.csv; graded assumption with low and high if not read"
            )
            return f"no exchange rate for {currency} in {year}", remedy
        return None

    def factor(self, unit: str, year: int, price_year: int) -> float:
        """What an amount in ``unit`` of ``year`` is multiplied by, its exchange rate apart."""
        match = MONEY.match(unit)
        multiple = MULTIPLES[match["multiple"]] if match else 1.0
        return multiple * self.index[price_year].index / self.index[year].index


def currency_of(unit: str) -> str | None:
    """The currency of a unit such as ``SEK/sample`` or ``MSEK/region``; None if it is no money."""
    match = MONEY.match(unit)
    return match["currency"] if match else None


def load_prices(folder: Path, faults: list[Fault]) -> Prices:
    """``kpi.csv`` and ``exchange_rates.csv`` of the folder's ``prices/``."""
    index = read_rows(folder / "prices" / "kpi.csv", IndexYear, faults)
    rates = read_rows(folder / "prices" / "exchange_rates.csv", Rate, faults)
    return Prices({row.year: row for row in index}, {(row.currency, row.year): row for row in rates})
