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
class Terms:
    """What clauses may refer to, apart from cost.

    ``places`` are the labels of the region axis, "00" among them where something is national; ``index`` is the price level by year
    relative to the price year. ``measures`` are columns: ``coverage`` and ``coverage_today`` (shares), ``eligible``, ``tested`` and
    ``acted_on`` (persons), ``known`` (probability that the test is worth it given the data before the year), ``expected_benefit`` (SEK
    per patient, on the same data), ``health_value`` (SEK a year), ``rebate_ratio`` (SEK of rebate per SEK of net cost of benefit
    drugs), ``years_per_krona`` (years of treatment per SEK of them).
    """

    start: int
    years: np.ndarray
    places: tuple[str, ...]
    regions: pd.DataFrame
    index: Any = 1.0
    measures: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def turn(self) -> np.ndarray:
        """The agreement's year, its first being 1 (year,)."""
        return self.years - self.start + 1

    def held(self, begins: int, ends: int | None) -> np.ndarray:
        """1 in the years of the agreement from ``begins`` to ``ends``, else 0 (1, 1, year)."""
        return ((self.turn >= begins) & (self.turn <= (ends or np.inf))).astype(float)[None, None, :]

    def measure(self, name: str) -> np.ndarray:
        """A measure's column.

        Raises
        ------
        ValueError
            The programme was handed over without it.
        """
        if name not in self.measures:
            known = ", ".join(sorted(self.measures)) or "none"
            raise ValueError(
                f"a clause needs the measure {name}, and there are {known}; hand it over with the programme"
            )
        return self.measures[name]

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
            raw = self.measure("eligible" if by == "eligible" else "tested").mean(axis=0, keepdims=True)
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
    """Cost as it fell under a mix and under today's use, and the transfers so far."""

    accounts: Accounts
    today: Accounts
    terms: Terms
    moved: tuple[Mapping[str, np.ndarray], ...] = ()
    _sums: dict[Any, Any] = field(default_factory=dict)

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
        return replace(self, moved=(*self.moved, transfer))


def lots(draws: int) -> np.ndarray:
    """An even lot between 0 and 1 for each draw (draw, 1, 1), the same for every agreement: does parliament vote the money again?

    A golden-ratio sequence within each block of draws: even without a generator, and unmoved by the size of the blocks worked on.
    """
    return ((np.arange(draws) % BLOCK + 1) * GOLDEN % 1.0)[:, None, None]
