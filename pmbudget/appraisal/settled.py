"""One evaluated programme on which any agreement settles: who carries what before it, and after.

The programme is evaluated once and uptake is held; any number of designs settle on the same draws. A region's purchaser and its
providers are one party here, so that cost is gathered over them before the first design and a design costs a few columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.financing.agreement import Transfer, transfers, with_standing
from pmbudget.financing.books import Books, Terms
from pmbudget.financing.incentive import Margin, margin_of
from pmbudget.financing.ledger import books_of, terms_of
from pmbudget.financing.measures import measures_of
from pmbudget.financing.settlement import Settlement
from pmbudget.inputs.clauses import Clause, Instalments, Shared
from pmbudget.programme.reach import Reach, persons_served, share_reached
from pmbudget.vocabulary import REGION_PAYERS, TERM


@dataclass(frozen=True)
class Programme:
    """One evaluated programme, ready for any agreement; arrays are SEK of the price year.

    ``books`` hold the mix ``new`` with each region as one payer, and the standing rules settled, up to the year after the agreement's
    last. Before any agreement, ``added`` (draw, place, year) is what each region, and what is national, costs more than in the unplanned
    world, ``mean_added`` its mean, ``mean_transition`` what of it is transition, and ``added_state`` (draw, year) what the state pays
    more. ``places`` and ``shown`` are where the regions and the agreement's years stand on their axes. ``health`` (region,) is the
    expected value of the health gained in those years against the unplanned world, ``use_today`` (region,) the expected coverage today,
    ``coverage`` what is reached in the nation in the agreement's last year, ``coverage_unplanned`` what is reached then without it, and
    ``more_after`` how many more than in the unplanned world are tested in the year after it.
    """

    books: Books
    margin: Margin
    added: np.ndarray
    added_state: np.ndarray
    people: np.ndarray
    places: slice
    shown: slice
    mean_added: np.ndarray
    mean_transition: np.ndarray
    health: np.ndarray
    use_today: np.ndarray
    coverage: float
    coverage_unplanned: float
    more_after: float

    def of_transition(self, place: int) -> float:
        """How much of a region's cost above the nation's, per inhabitant and before any agreement, is transition; 0 where it is not above.

        Transition is laid on regions by the same rules everywhere, so that a difference in it is made by the model and not by data.
        """
        per_head = self.mean_added[self.places, self.shown].sum(axis=-1) / self.people
        own = self.mean_transition[self.places, self.shown].sum(axis=-1) / self.people
        weight = self.people / self.people.sum()
        above, by_rule = (float(one[place] - weight @ one) for one in (per_head, own))
        return by_rule / above if above > 0 else 0.0

    @property
    def regions(self) -> pd.DataFrame:
        """The regions, as given."""
        return self.books.terms.regions

    @property
    def terms(self) -> Terms:
        """What clauses refer to."""
        return self.books.terms


def programme_of(
    reach: Reach,
    settlement: Settlement,
    *,
    regions: pd.DataFrame,
    start: int,
    broad: Sequence[str],
    standing: Sequence[Clause] = (),
    years: int = TERM,
    margin_draws: int = 10,
) -> Programme:
    """An evaluated scenario as something to negotiate on.

    Parameters
    ----------
    reach, settlement
        Of one evaluation, as from :func:`pmbudget.road.evaluate`.
    regions : DataFrame
        With population and tax_base.
    start : int
        The agreement's first year.
    broad : sequence of str
        The strategies of the broadly tested.
    standing : sequence of clauses
        What holds whatever is agreed.
    years : int
        How many years the parties count.
    margin_draws : int
        Draws behind the marginal share of a test, which every design that is scored pays for; a grant at a threshold needs hundreds.
    """
    # Beside the forecast a settlement never looks ahead, so that years beyond the one after the agreement are of no matter to it.
    until = {"year": slice(None, start + years)}
    accounts, facts, patients = settlement.accounts.sel(until), settlement.facts.sel(until), reach.patients.sel(until)
    places = [str(place) for place in accounts["region"].to_numpy()]
    reached, eligible = reach.reached.sel(until), reach.eligible.sel(until)
    measures = measures_of(reached, eligible, patients, facts, broad=broad, places=places)
    index = facts["index"].transpose("draw", "year").to_numpy()[:, None, :]
    terms = terms_of(
        accounts, regions=regions, start=start, index=index, measures=measures, expected=settlement.expected
    )
    mixes = {mix: with_standing(standing, _gathered(books_of(accounts, mix, terms)))[1] for mix in ("new", "unplanned")}
    own = slice(places.index(regions.index[0]), places.index(regions.index[-1]) + 1)
    if places[own] != list(regions.index):
        raise ValueError("the regions of the accounts stand in another order than regions; sort both by code")
    region = {mix: _carried(books, REGION_PAYERS) for mix, books in mixes.items()}
    state = {mix: _carried(books, ("state",)).sum(axis=1) for mix, books in mixes.items()}
    turn = terms.turn
    counted = np.flatnonzero((turn >= 1) & (turn <= years))
    if not len(counted):
        raise ValueError(f"start = {start} leaves no year of {accounts['year'].to_numpy().tolist()} to count; move it")
    shown = slice(int(counted[0]), int(counted[-1]) + 1)
    own_regions = {"region": list(regions.index)}
    begun = persons_served(reach, broad).sel(until).sel(own_regions)
    by = patients.sel(fate=list(broad)).sel(own_regions).rename(fate="strategy").isel(year=shown)
    more = by.sel(mix="new", drop=True) - by.sel(mix="unplanned", drop=True)
    health = (more * facts["health_value"]).sum("strategy").sum("year").mean("draw").to_numpy()
    national = share_reached(reach, broad, ("region",)).sel(year=int(terms.years[shown.stop - 1])).mean("draw")
    people = regions["population"].to_numpy(float)
    added = region["new"] - region["unplanned"]
    return Programme(
        mixes["new"],
        margin_of(mixes["new"], draws=margin_draws),
        added,
        state["new"] - state["unplanned"],
        people,
        own,
        shown,
        mean(added),
        mean(mixes["new"].cost("transition") - mixes["unplanned"].cost("transition")),
        health,
        measures["coverage_today"][:, own, 0].mean(axis=0),
        float(national.sel(mix="new")),
        float(national.sel(mix="unplanned")),
        _more_after(begun, shown.stop),
    )


def _more_after(begun: xr.DataArray, place: int) -> float:
    if place >= begun.sizes["year"]:
        return 0.0
    after = begun.isel(year=place).sum("region").mean("draw")
    return float(after.sel(mix="new") - after.sel(mix="unplanned"))


def mean(values: np.ndarray) -> np.ndarray:
    """The mean over draws, as a matrix product."""
    return np.einsum("d,dry->ry", np.full(len(values), 1 / len(values)), values)


def _gathered(books: Books) -> Books:
    """Each region's purchaser and providers as one payer."""

    def together(accounts: Any) -> dict[tuple[str, str], np.ndarray]:
        found: dict[tuple[str, str], np.ndarray] = {}
        for (payer, part), cost in accounts.items():
            key = ("region" if payer in REGION_PAYERS else payer, part)
            found[key] = found[key] + cost if key in found else cost
        return found

    return Books(together(books.accounts), together(books.today), books.terms)


def _carried(books: Books, payers: Sequence[str]) -> np.ndarray:
    """What the payers carry together (draw, region, year)."""
    total = np.zeros(books.shape)
    for (payer, _), cost in books.accounts.items():
        if payer in payers:
            total += cost
    for moved in books.moved:
        for payer, column in moved.items():
            if payer in payers:
                total += column
    return total


@dataclass(frozen=True)
class Outcome:
    """What a design comes to on a programme, against the unplanned world; SEK of the price year.

    ``regions`` (draw, region, year), ``state`` and ``others`` (draw, year): net cost after all clauses; what is national and stays with
    no region is with the others. ``paid`` (year,) is what comes from outside by the clauses, on average. ``by_region`` (draw, region) and
    ``by_state`` (draw,) are of the agreement's years together.
    """

    regions: np.ndarray
    state: np.ndarray
    others: np.ndarray
    paid: np.ndarray
    by_region: np.ndarray
    by_state: np.ndarray


def outcome(programme: Programme, clauses: Sequence[Clause]) -> Outcome:
    """A design settled on a programme."""
    return _summed(programme, transfers(clauses, programme.books))


def moved_by_today(programme: Programme, clauses: Sequence[Clause]) -> float:
    """What a design adds to the regions' cost over the agreement's years because of today's use alone (SEK, expected).

    The clauses that take a part of cost are settled once more on the cost of today's use in the place of the scenario's. Below 0 the
    regions get money for what they do already; a clause of what is additional moves nothing here.
    """
    taking = [clause for clause in clauses if isinstance(clause, Shared | Instalments)]
    books = programme.books
    total = 0.0
    for columns in transfers(taking, replace(books, accounts=books.today, moved=())).values():
        for payer, column in columns.items():
            if payer in REGION_PAYERS:
                own = np.broadcast_to(column, books.shape)[:, programme.places, programme.shown]
                total += float(own.sum(axis=(1, 2)).mean())
    return total


def _summed(programme: Programme, moved: Mapping[str, Transfer]) -> Outcome:
    shape = programme.books.shape[1:]
    regions, state = programme.added.copy(), programme.added_state.copy()
    others = np.zeros_like(state)
    # Sums over short axes as matrix products, which are several times faster: over regions, and over the agreement's years.
    over_regions = np.tile(np.eye(shape[1]), (shape[0], 1))
    counted = np.zeros(shape[1])
    counted[programme.shown] = 1.0
    for columns in moved.values():
        for payer, column in columns.items():
            if payer in REGION_PAYERS:
                regions += column
            else:
                total = np.broadcast_to(column, (len(column), *shape)).reshape(len(column), -1) @ over_regions
                if payer == "state":
                    state += total
                else:
                    others += total
    paid = (state - programme.added_state + others).mean(axis=0)
    for place in np.flatnonzero(programme.books.national):
        others += regions[:, place]
    own = programme.places
    return Outcome(regions[:, own], state, others, paid, (regions @ counted)[:, own], state @ counted)
