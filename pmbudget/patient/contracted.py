"""Those whom a manufacturer's contract is about: who begins what a finding leads to, what it costs, and how long they respond.

A patient responds while in the first of the case's states: free from progression, or from the event that treatment is to prevent.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.items import CareItem
from pmbudget.patient.costing import Draws, full, item_use
from pmbudget.patient.course import occupancy
from pmbudget.patient.curves import baseline
from pmbudget.patient.outcomes import DAYS_IN_YEAR
from pmbudget.patient.tree import class_shares
from pmbudget.vocabulary import FOLLOWED


def contracted(case: Case) -> list[str]:
    """The managements that a finding leads to at once, rightly or wrongly, or that a strategy is, and that use a drug from the start.

    None in some cases.
    """
    found = [*(one.matched for one in case.classes.values()), case.mismatched]
    first = dict.fromkeys([*found, *(one.management for one in case.strategies.values())])
    return [name for name in first if name and _drugs(case, name)]


def _drugs(case: Case, management: str) -> list[CareItem]:
    """The drugs that are used from the start, or all the while in a state."""
    items = (*case.managements[management].items, *case.items_for_all)
    drugs = [item for item in items if case.resources[item.resource].kind == "drug"]
    return [item for item in drugs if item.when == "start" or (item.runs and not any(item.span[1:]))]


@dataclass(frozen=True)
class DrugPrice:
    """What a management's drugs cost, SEK: ``start`` (draw,) once, and by state but death (state, draw) for a year in it."""

    start: np.ndarray
    yearly: np.ndarray


def drug_price(draws: Draws, case: Case, management: str, *, listed: bool = False) -> DrugPrice:
    """What the drugs of a management cost, net of rebates or as ``listed``."""
    states = list(case.states)[:-1]
    start, yearly = np.zeros(draws.sizes["draw"]), np.zeros((len(states), draws.sizes["draw"]))
    for item in _drugs(case, management):
        _, cost = item_use(draws, case, item.model_copy(update={"less": ()}) if listed else item)
        if item.every_days is None:
            start = start + cost.to_numpy()
        else:
            yearly[states.index(item.when)] += cost.to_numpy() * DAYS_IN_YEAR / item.every_days
    return DrugPrice(start, yearly)


@dataclass(frozen=True)
class Curves:
    """The course under a management: the share who respond and who live (point, draw), from the start on, so many ``points`` a year.

    ``after`` (state, draw) is how those who live and no longer respond spend their time in the other states; it sums to 1, or to 0 where
    there are none.
    """

    responding: np.ndarray
    alive: np.ndarray
    points: int
    after: np.ndarray

    def yearly(self, which: np.ndarray) -> np.ndarray:
        """Years lived under a curve (point, draw) by year, by the trapezoid rule (year, draw)."""
        middle = (which[1:] + which[:-1]) / 2 / self.points
        return np.asarray(middle.reshape(-1, self.points, middle.shape[-1]).sum(axis=1))

    def use(self, price: DrugPrice) -> np.ndarray:
        """What a patient is expected to use in each year (year, draw), SEK."""
        free, alive = self.yearly(self.responding), self.yearly(self.alive)
        found = free * price.yearly[0] + (alive - free) * (self.after * price.yearly[1:]).sum(axis=0)
        found[0] += price.start
        return found


def curves(draws: Draws, case: Case, managements: list[str], years: int = FOLLOWED) -> dict[str, Curves]:
    """The course of each management, from the case's own survival curves or moves.

    Where classes differ under one of them, which is where an answer was wrong, they are weighed as among patients in general.
    """
    shares = class_shares(draws, case)
    shared = baseline(draws, case, shares, years)
    weights = full(shares, true_class=len(case.classes), draw=draws.sizes["draw"])
    found = {}
    for name in managements:
        by_class = occupancy(draws, case, name, shared, years)
        each = [np.ones_like(weights[0])] if len(by_class) == 1 else list(weights)
        mixed = sum((one * part for one, part in zip(by_class, each, strict=True)), start=np.zeros_like(by_class[0]))
        others = mixed[1:-1].sum(axis=1)
        whole = others.sum(axis=0)
        after = np.divide(others, whole, out=np.zeros_like(others), where=whole > 0)
        found[name] = Curves(mixed[0], 1 - mixed[-1], case.cycles_per_year, after)
    return found


def responding(draws: Draws, case: Case, treated: xr.DataArray) -> np.ndarray:
    """The share of those contracted for who still respond at the beginning of each of their years (draw, year 0 … ``FOLLOWED``).

    Managements are weighed by who comes to them (``treated``: management, draw) times what a year of their drugs costs, so that it is the
    share of money as much as of patients. 1 where a case has no drug to contract for.
    """
    names = contracted(case)
    total, weight = np.zeros((draws.sizes["draw"], FOLLOWED + 1)), np.zeros(draws.sizes["draw"])
    for name, course in curves(draws, case, names).items():
        price = drug_price(draws, case, name)
        own = treated.sel(management=name).to_numpy() * (price.start + price.yearly[0])
        total += own[:, np.newaxis] * course.responding[:: course.points].T
        weight += own
    whole = weight[:, np.newaxis]
    return np.divide(total, whole, out=np.ones_like(total), where=whole > 0)
