"""The books of one mix: cost as it fell, by payer and part, and what clauses may refer to.

Columns are plain arrays over (draw, region, year), or shapes that broadcast to it, in SEK of the price year: a settlement touches few
payers, and labels would cost more than the arithmetic. Nominal money is brought to the price year by :meth:`Terms.real`; as every
clause grows in step with all its amounts, that is settling in nominal kronor and deflating afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from pmbudget.inputs.clauses import Amounts, Covers, Weight
from pmbudget.vocabulary import BLOCK, NATIONAL

Accounts = Mapping[tuple[str, str], np.ndarray]
"""Cost by (payer, part); part is transition, benefit, procured, production, tests or care."""
MILLION = 1e6
GOLDEN = 0.6180339887498949
LEARNT = ("known", "expected_benefit")
"""What follow-up may move from year to year."""


def covered(covers: Covers, part: str) -> bool:
    """Whether a part of cost is of what a clause covers."""
    wanted = {
        "all": True,
        "patient": part != "transition",
        "transition": part == "transition",
        "tests": part == "tests",
        "drugs": part in ("benefit", "procured"),
        "benefit_drugs": part == "benefit",
        "procured_drugs": part == "procured",
        "production": part == "production",
    }
    return wanted[covers]


@dataclass(frozen=True)
class Expected:
    """The forecast on which an agreement is settled, made once before the blocks: no clause averages over the draws at hand.

    ``columns`` (region or 1, year or 1) are means over the first 500 draws of the mix ``new``: ``eligible``, ``tested`` and ``acted_on``
    (persons), ``health_value`` (SEK a year), ``saved`` (SEK a year that care, tests included, costs less than with today's use), ``known``
    (probability that the test is worth it), ``expected_benefit`` and ``benefit_sd`` (SEK per patient; a standard deviation).
    ``years`` are all that were evaluated, so that the forecast is the same however few of them are settled.
    """

    years: np.ndarray
    columns: Mapping[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        """A column.

        Raises
        ------
        ValueError
            The programme was handed over without what it is made from.
        """
        if name not in self.columns:
            raise ValueError(_lacking(name, self.columns))
        return self.columns[name]

    def over(self, name: str, turn: np.ndarray, begins: int, ends: int | None) -> np.ndarray:
        """The sum of a column over the agreement's years from ``begins`` to ``ends`` (region or 1,), ``turn`` being theirs (year,)."""
        return np.asarray((self[name] * _held(turn, begins, ends)).sum(axis=-1))


def _held(turn: np.ndarray, begins: int, ends: int | None) -> np.ndarray:
    return ((turn >= begins) & (turn <= (ends or np.inf))).astype(float)


def _lacking(name: str, there: Mapping[str, Any]) -> str:
    known = ", ".join(sorted(there)) or "none"
    return f"a clause needs the measure {name}, and there are {known}; hand it over with the programme"


@dataclass(frozen=True)
class Terms:
    """What clauses may refer to, apart from cost.

    ``places`` are the labels of the region axis, "00" among them where something is national; ``index`` is the price level by year
    relative to the price year. ``measures`` are columns: ``coverage`` and ``coverage_today`` (shares of the eligible reached),
    ``eligible``, ``tested`` and ``acted_on`` (persons), ``benefit`` (SEK of net benefit per patient), ``health_value`` (SEK a year),
    ``rebate_ratio`` (SEK of rebate per SEK of net cost of benefit drugs), ``years_per_krona`` (years of treatment per SEK of them),
    ``response`` and ``responding`` (shares of those contracted for who respond a year after they start, and at the beginning of each of
    their own years, which stand on the axis of years); ``learnt_mean``, ``learnt_sd``, ``row_sd``, ``usable`` and ``discount_rate``, see
    :func:`pmbudget.financing.measures.learning_facts`; where follow-up is read,
    ``known`` (probability that the test is worth it given the data before the year) and ``expected_benefit`` (SEK per
    patient, on the same data). ``expected`` is the forecast made before the agreement began.
    """

    start: int
    years: np.ndarray
    places: tuple[str, ...]
    regions: pd.DataFrame
    index: Any = 1.0
    measures: Mapping[str, np.ndarray] = field(default_factory=dict)
    expected: Expected | None = None

    @property
    def forecast(self) -> Expected:
        """The forecast made before the agreement began.

        Raises
        ------
        ValueError
            There is none.
        """
        if self.expected is None:
            raise ValueError("a clause needs a forecast and there is none; give expected, see expected_of")
        return self.expected

    def forecast_over(self, name: str, begins: int, ends: int | None) -> np.ndarray:
        """What the forecast holds of ``name`` in the agreement's years from ``begins`` to ``ends`` together (region or 1,)."""
        return self.forecast.over(name, self.forecast.years - self.start + 1, begins, ends)

    @property
    def turn(self) -> np.ndarray:
        """The agreement's year, its first being 1 (year,)."""
        return self.years - self.start + 1

    def held(self, begins: int, ends: int | None) -> np.ndarray:
        """1 in the years of the agreement from ``begins`` to ``ends``, else 0 (1, 1, year)."""
        return _held(self.turn, begins, ends)[None, None, :]

    def measure(self, name: str) -> np.ndarray:
        """A measure's column; of what is learnt where nothing is learnt, what was expected before.

        Raises
        ------
        ValueError
            The programme was handed over without it.
        """
        if name in self.measures:
            return self.measures[name]
        if name in LEARNT and self.expected and name in self.expected.columns:
            return self.expected[name][None]
        raise ValueError(_lacking(name, self.measures))

    def real(self, amounts: Amounts, *, begins: int = 1, indexed: bool = False) -> np.ndarray:
        """MSEK a year as SEK of the price year (…, year), from year ``begins`` of the agreement."""
        place = self.turn - begins
        if isinstance(amounts, tuple):
            inside = (place >= 0) & (place < len(amounts))
            nominal = np.where(inside, np.array(amounts)[np.clip(place, 0, len(amounts) - 1)], 0.0)
        else:
            nominal = np.where(place >= 0, amounts, 0.0)
        return nominal * MILLION if indexed else nominal * MILLION / self.index

    def weight(self, by: Weight) -> np.ndarray:
        """Weights that sum to 1 over regions (1, region, year or 1); only ``national`` gives anything to region "00".

        Those by patients are of the expected number in each year: an agreement is settled on a forecast.
        """
        if by in ("eligible", "patients"):
            now = np.isin(self.forecast.years, self.years)
            raw = self.forecast["eligible" if by == "eligible" else "tested"][None, :, now]
            total = raw.sum(axis=1, keepdims=True)
            return np.divide(raw, total, out=np.zeros_like(raw), where=total > 0)
        if by == "national":
            place = np.array([one == NATIONAL for one in self.places], float)
            if not place.any():
                raise ValueError(
                    f'a clause pays what is national, and there is no region "{NATIONAL}"; use another weight'
                )
            return place[None, :, None]
        column = pd.Series(1.0, self.regions.index) if by == "equal" else self.regions[by]
        share = (column / column.sum()).reindex(list(self.places), fill_value=0.0)
        return share.to_numpy()[None, :, None]

    def inhabitants(self) -> np.ndarray:
        """Inhabitants of each region (1, region, 1); 0 for what is national."""
        return self.weight("population") * float(self.regions["population"].sum())


@dataclass(frozen=True)
class Books:
    """Cost as it fell under a mix and under today's use, and the transfers so far; sums of cost are kept once made."""

    accounts: Accounts
    today: Accounts
    terms: Terms
    moved: tuple[Mapping[str, np.ndarray], ...] = ()
    _sums: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def borne(self, covers: Covers, *, today: bool = False) -> dict[str, np.ndarray]:
        """The covered cost by payer, as it fell."""
        key = (covers, today)
        if key not in self._sums:
            found: dict[str, np.ndarray] = {}
            for (payer, part), cost in (self.today if today else self.accounts).items():
                if covered(covers, part):
                    found[payer] = found[payer] + cost if payer in found else cost
            self._sums[key] = found
        return self._sums[key]

    def cost(self, covers: Covers, *, today: bool = False) -> np.ndarray:
        """The covered cost of all payers (draw, region, year)."""
        key = (covers, today, "all payers")
        if key not in self._sums:
            columns = list(self.borne(covers, today=today).values())
            self._sums[key] = sum(columns[1:], start=columns[0]) if columns else np.zeros(self.shape)
        return self._sums[key]

    def national_balance(self, payer: str) -> np.ndarray:
        """What a payer carries in region "00" after the clauses so far (draw, 1, year); 0 where nothing is national."""
        if not self.national.any():
            return np.zeros((1, 1, 1))
        row = int(self.national.argmax())
        columns = [cost for (who, _), cost in self.accounts.items() if who == payer]
        columns += [transfer[payer] for transfer in self.moved if payer in transfer]
        rows = [np.broadcast_to(column, self.shape)[:, row : row + 1] for column in columns]
        return sum(rows[1:], start=rows[0]) if rows else np.zeros((1, 1, 1))

    @property
    def payers(self) -> list[str]:
        """All who carry cost or have moved money so far."""
        moved = (payer for transfer in self.moved for payer in transfer)
        return list(dict.fromkeys([*(payer for payer, _ in self.accounts), *moved]))

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of draw, region and year."""
        return next(iter(self.accounts.values())).shape

    @property
    def national(self) -> np.ndarray:
        """Where the region axis is national (1, region, 1)."""
        return np.array([place == NATIONAL for place in self.terms.places])[None, :, None]

    def after(self, transfer: Mapping[str, np.ndarray]) -> "Books":
        """The books with one transfer more."""
        later = replace(self, moved=(*self.moved, transfer))
        later._sums.update(self._sums)
        return later


def expected_of(books: Books) -> Expected:
    """The forecast: means over the first 500 draws of the books of the mix ``new``, whatever the size of the blocks worked on."""
    measures = books.terms.measures
    columns = {name: measures[name] for name in ("eligible", "tested", "acted_on", "health_value") if name in measures}
    columns["saved"] = (books.cost("patient", today=True) - books.cost("patient")).sum(axis=1, keepdims=True)
    if "benefit" in measures:
        columns |= {"known": measures["benefit"] > 0, "expected_benefit": measures["benefit"]}
    means = {name: column[:BLOCK].mean(axis=0) for name, column in columns.items()}
    if "benefit" in measures:
        means["benefit_sd"] = np.maximum(measures["benefit"][:BLOCK].std(axis=0), 1e-6)
    return Expected(books.terms.years, means)


def with_forecast(books: Books) -> Books:
    """The books, as their own forecast where their terms hold none."""
    if books.terms.expected is not None:
        return books
    return replace(books, terms=replace(books.terms, expected=expected_of(books)))


def lots(draws: int) -> np.ndarray:
    """An even lot between 0 and 1 for each draw (draw, 1, 1), the same for every agreement: does parliament vote the money again?

    A golden-ratio sequence within each block of draws: even without a generator, and unmoved by the size of the blocks worked on.
    """
    return ((np.arange(draws) % BLOCK + 1) * GOLDEN % 1.0)[:, None, None]
