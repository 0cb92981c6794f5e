"""The ordering unit's incentive: how much of one test more somebody else pays for.

Chapters take :func:`share_not_borne` of a margin made once: ``marginal_share`` is the same in one step, for analyses of one's own.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from pmbudget.financing.agreement import transfers
from pmbudget.financing.books import Books, covered, lots
from pmbudget.inputs.clauses import AdaptivePrice, Clause, Granted, Milestone, NationalSplit, PerformancePot
from pmbudget.vocabulary import REGION_PAYERS

COUNTED = ("coverage", "tested", "acted_on")
"""What grows with the number of tests."""


def moved_by_tests(clause: Clause) -> bool:
    """Whether one test more may change what a clause moves to or from a region: False only where it surely moves nothing.

    A clause that shares transition, drugs or a fixed sum does not, and neither does a price inside the region.
    """
    if isinstance(clause, NationalSplit):
        return False
    if isinstance(clause, Granted) and {clause.payer, clause.to} <= set(REGION_PAYERS):
        return False
    needs = getattr(clause, "needs", None)
    return (
        isinstance(clause, Milestone | PerformancePot | AdaptivePrice)
        or (needs is not None and needs.coverage is not None)
        or getattr(clause, "unit", None) in COUNTED
        or ("covers" in type(clause).model_fields and covered(clause.covers, "tests"))  # type: ignore[union-attr]
    )


@dataclass(frozen=True)
class Margin:
    """Books of a programme as it is and, region by region, with a few per cent more tests in that region alone.

    The draw axis holds ``draws`` draws as they are and then as many for each region in turn; ``added`` (region, year) is what the tests
    cost more, SEK.
    """

    books: Books
    draws: int
    added: np.ndarray


def margin_of(books: Books, *, draws: int = 20, step: float = 0.02) -> Margin:
    """The margin of a programme, on evenly spaced draws of it.

    Parameters
    ----------
    books : Books
        Of the mix ``new``.
    draws : int
    step : float
        By which share tests grow.
    """
    chosen = np.unique(np.linspace(0, books.shape[0] - 1, min(draws, books.shape[0])).astype(int))
    count, places = len(chosen), len(books.terms.places)
    own = np.repeat(np.eye(places + 1, places, k=-1), count, axis=0)[:, :, None]
    more = 1 + step * np.where(books.national, 0.0, own)

    def stacked(column: np.ndarray) -> np.ndarray:
        full = np.broadcast_to(column, (books.shape[0], *column.shape[1:]))[chosen]
        return np.tile(full, (places + 1, 1, 1))

    measures = {name: stacked(np.asarray(column)) for name, column in books.terms.measures.items()}
    measures |= {name: measures[name] * more for name in COUNTED if name in measures}
    measures["lot"] = stacked(lots(books.shape[0]))
    index = books.terms.index
    terms = replace(books.terms, measures=measures, index=stacked(index) if np.ndim(index) == 3 else index)
    accounts = {
        (payer, part): stacked(cost) * (more if part == "tests" else 1.0)
        for (payer, part), cost in books.accounts.items()
    }
    today = {account: stacked(cost) for account, cost in books.today.items()}
    tests = sum(stacked(cost)[:count] for (_, part), cost in books.accounts.items() if part == "tests")
    added = step * np.mean(tests, axis=0) if np.ndim(tests) else np.zeros((places, len(books.terms.years)))
    return Margin(Books(accounts, today, terms), count, added)


def share_not_borne(margin: Margin, clauses: Sequence[Clause], payers: Collection[str]) -> np.ndarray:
    """The share of a test's cost in its region that the payers do not bear (region, year); missing where there are no tests."""
    books = margin.books
    column = sum(
        cost for (payer, part), cost in books.accounts.items() if payer in payers and part == "tests"
    ) + np.zeros(books.shape)
    # What is national is not moved by a test in a region, and to divide it again would move nothing.
    for moved in transfers([one for one in clauses if not isinstance(one, NationalSplit)], books).values():
        for payer, amount in moved.items():
            if payer in payers:
                column = column + amount
    by_region = column.reshape(-1, margin.draws, *books.shape[1:]).mean(axis=1)
    places = np.arange(books.shape[1])
    borne = by_region[1 + places, places] - by_region[0, places]
    return 1 - np.divide(borne, margin.added, out=np.full(borne.shape, np.nan), where=margin.added > 0)


def marginal_share(
    agreement: Sequence[Clause],
    books: Books,
    *,
    payers: Collection[str] = REGION_PAYERS,
    draws: int = 20,
) -> xr.DataArray:
    """The share of the cost of one test more that ``payers`` do not bear under an agreement (region, year).

    By settling the programme twice: as it is, and with 2 % more tests in one region at a time. So caps, targets and pots count as they
    stand, not only rates; a pot that rewards tests can make the share exceed 1.

    Parameters
    ----------
    agreement : sequence of clauses
    books : Books
        Of the mix ``new``, see :func:`pmbudget.financing.ledger.books_of`.
    payers : collection of str
        The ordering unit; by default the region and its providers together. The clinic alone shows what its internal price tells it.
    """
    share = share_not_borne(margin_of(books, draws=draws), agreement, payers)
    coords = {"region": list(books.terms.places), "year": books.terms.years}
    return xr.DataArray(share, dims=("region", "year"), coords=coords).isel(region=~books.national[0, :, 0])
