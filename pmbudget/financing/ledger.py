"""Double entry: cost falls on the unit that performs the work, transfers move it and sum to zero."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.financing.agreement import Transfer, transfers, with_standing
from pmbudget.financing.books import Accounts, Books, Expected, Terms, expected_of
from pmbudget.inputs.clauses import Clause
from pmbudget.vocabulary import NATIONAL, PAYERS

Moved = Mapping[str, Mapping[str, Transfer]]
"""By mix, the transfers of each clause."""


def settle(
    resource_cost: xr.DataArray,
    agreement: Sequence[Clause],
    *,
    regions: pd.DataFrame,
    start: int,
    standing: Sequence[Clause] = (),
    index: Any = 1.0,
    measures: Mapping[str, np.ndarray] | None = None,
    delegated: float | np.ndarray = 0.0,
) -> xr.DataArray:
    """The ledger of a programme under an agreement.

    Parameters
    ----------
    resource_cost : DataArray
        (draw, mix, region, year, resource), SEK, with coordinates ``unit`` (who performs) and ``kind`` on resource, and ``channel``
        (benefit or procured) where there are drugs.
    agreement : sequence of clauses
        In the order in which they settle; they concern the mix ``new`` alone. All are of the resource cost as it fell, but for a national
        split, which is of what is left by then.
    regions : DataFrame
        As from ``load_regions``.
    start : int
        The agreement's first year.
    standing : sequence of clauses
        What holds whatever is agreed; they settle first, in every mix.
    index : float or array
        Price level (…, year) relative to the price year: nominal amounts are deflated by it.
    measures : mapping
        What clauses refer to beside cost, see :class:`pmbudget.financing.books.Terms`; columns that broadcast to (draw, region, year).
    delegated : float or array
        Share of the cost of benefit drugs that regions have delegated to their clinics; one, or one for each draw.

    Returns
    -------
    DataArray
        (draw, mix, region, year, payer, entry), SEK, positive is a cost to the payer. Entries ``resource_cost`` and one per clause, which
        sums to 0 over region and payer in every draw, mix and year.

    Raises
    ------
    ValueError
        Two clauses of one name, a unit that is no payer, or a measure that a clause needs and is not there.

    Examples
    --------
    Two regions with three and one inhabitants share a platform of 100; the state takes half in the first year, a quarter in the next.

    >>> from pmbudget.inputs.clauses import NationalSplit, Taper
    >>> from pmbudget.inputs.parameters import Text
    >>> label = Text(sv="Prov", en="Trial")
    >>> cost = xr.DataArray(
    ...     np.array([100.0, 0, 0])[None, None, :, None, None] * np.ones((1, 1, 1, 2, 1)),
    ...     dims=("draw", "mix", "region", "year", "resource"),
    ...     coords={"mix": ["new"], "region": ["00", "01", "03"], "year": [2026, 2027], "resource": ["platform"],
    ...             "unit": ("resource", ["diagnostic_unit"]), "kind": ("resource", ["transition"])},
    ... )
    >>> half = Taper(clause="taper", name="half", label=label, covers="transition", share=0.5, years=2)
    >>> rest = NationalSplit(clause="national_split", name="rest", label=label, by="population")
    >>> regions = pd.DataFrame({"population": [3, 1]}, index=["01", "03"])
    >>> ledger = settle(cost, [half, rest], regions=regions, start=2026)
    >>> paid = ledger.isel(draw=0, mix=0).sum("entry")
    >>> paid.sel(year=2026, payer="state").sum().item(), paid.sel(payer="region").sel(region=["01", "03"]).values.tolist()
    (50.0, [[37.5, 56.25], [12.5, 18.75]])
    """
    accounts = post(resource_cost, delegated=delegated)
    terms = terms_of(accounts, regions=regions, start=start, index=index, measures=measures)
    return ledger_of(accounts, settled(accounts, agreement, terms, standing=standing))


def post(resource_cost: xr.DataArray, *, delegated: float | np.ndarray = 0.0) -> xr.DataArray:
    """Resource cost by account (account, draw, mix, region, year), SEK; coordinates ``payer`` and ``part`` on account.

    An account is a payer's cost of one part: transition, benefit, procured, production, tests or care. A unit carries what it performs;
    of the region's drugs in the pharmaceutical benefit the clinic carries the share ``delegated`` (one, or one for each draw).
    """
    units, parts = resource_cost["unit"].to_numpy(), _parts(resource_cost)
    if unknown := sorted(set(units) - set(PAYERS)):
        raise ValueError(f"{', '.join(unknown)} is no payer; use one of {', '.join(PAYERS)}")
    held = list(zip(map(str, units), parts, strict=True))
    order = sorted(set(held), key=lambda account: (PAYERS.index(account[0]), account[1]))
    membership = np.array([[account == one for one in held] for account in order], float)
    dims = ("draw", "mix", "region", "year", "resource")
    cost = resource_cost.transpose(*dims)
    # Posted before anything is copied: one matrix product, and a column that lies together for each account.
    posted = (membership @ cost.to_numpy().reshape(-1, len(units)).T).reshape(len(order), *cost.shape[:-1])
    if np.any(delegated) and ("region", "benefit") in order:
        own = order.index(("region", "benefit"))
        moved = posted[own] * np.reshape(delegated, (-1, 1, 1, 1))
        posted[own] -= moved
        posted, order = np.concatenate([posted, moved[None]]), [*order, ("clinic", "benefit")]
    coords = {
        **{name: cost[name].to_numpy() for name in ("mix", "region", "year")},
        "payer": ("account", [payer for payer, _ in order]),
        "part": ("account", [part for _, part in order]),
    }
    return xr.DataArray(posted, dims=("account", *dims[:-1]), coords=coords)


def _parts(resource_cost: xr.DataArray) -> list[str]:
    kinds = resource_cost["kind"].to_numpy()
    channels = resource_cost["channel"].to_numpy() if "channel" in resource_cost.coords else [""] * len(kinds)
    found = []
    for kind, channel, unit in zip(kinds, channels, resource_cost["unit"].to_numpy(), strict=True):
        if kind == "drug":
            found.append(str(channel) or ("benefit" if unit == "region" else "procured"))
        elif kind in ("transition", "production"):
            found.append(str(kind))
        else:
            found.append("tests" if unit == "diagnostic_unit" else "care")
    return found


def terms_of(
    accounts: xr.DataArray,
    *,
    regions: pd.DataFrame,
    start: int,
    index: Any = 1.0,
    measures: Mapping[str, np.ndarray] | None = None,
    expected: Expected | None = None,
) -> Terms:
    """What clauses may refer to, for accounts as from :func:`post`; without ``expected`` they are their own forecast.

    The accounts' regions must be those of the table, and "00".
    """
    places = tuple(str(place) for place in accounts["region"].to_numpy())
    named = [str(label) for label in regions.index]
    if astray := sorted({*places, NATIONAL} ^ {*named, NATIONAL}):
        raise ValueError(
            f"region {', '.join(astray)} is in the cost alone or in the table alone; the table has {', '.join(named)}: give the same"
        )
    terms = Terms(start, accounts["year"].to_numpy(), places, regions, index, measures or {}, expected)
    return terms if expected else replace(terms, expected=expected_of(books_of(accounts, "new", terms)))


def books_of(accounts: xr.DataArray, mix: str, terms: Terms) -> Books:
    """The books of one mix before any transfer, with those of today's use beside them (its own where there are none)."""
    mixes = [str(name) for name in accounts["mix"].to_numpy()]
    beside = "today" if "today" in mixes else mix
    return Books(_columns(accounts, mixes.index(mix)), _columns(accounts, mixes.index(beside)), terms)


def _columns(accounts: xr.DataArray, mix: int) -> Accounts:
    values = accounts.transpose("account", "draw", "mix", "region", "year").to_numpy()
    names = zip(accounts["payer"].to_numpy(), accounts["part"].to_numpy(), strict=True)
    return {(str(payer), str(part)): values[place][:, mix] for place, (payer, part) in enumerate(names)}


def settled(
    accounts: xr.DataArray, agreement: Sequence[Clause], terms: Terms, *, standing: Sequence[Clause] = ()
) -> dict[str, dict[str, Transfer]]:
    """The transfers of the standing rules in every mix, and of the agreement in ``new``."""
    names = [clause.name for clause in (*standing, *agreement)]
    if len(set(names)) < len(names) or "resource_cost" in names:
        raise ValueError(f"clause names {names} must differ, and none be resource_cost; rename one")
    found = {}
    for mix in map(str, accounts["mix"].to_numpy()):
        moved, books = with_standing(standing, books_of(accounts, mix, terms))
        found[mix] = moved | (transfers(agreement, books) if mix == "new" else {})
    return found


def _payers(accounts: xr.DataArray, moved: Moved) -> list[str]:
    concerned = {str(payer) for payer in accounts["payer"].to_numpy()} | {"state", "region"}
    concerned |= {payer for by_clause in moved.values() for columns in by_clause.values() for payer in columns}
    return [payer for payer in PAYERS if payer in concerned]


def budget_of(accounts: xr.DataArray, moved: Moved) -> xr.DataArray:
    """What each payer carries in the end (draw, mix, region, year, payer), SEK."""
    payers, mixes = _payers(accounts, moved), [str(mix) for mix in accounts["mix"].to_numpy()]
    values = accounts.transpose("account", "draw", "mix", "region", "year").to_numpy()
    carried: list[Any] = [None] * len(payers)
    for place, payer in enumerate(accounts["payer"].to_numpy()):
        row = payers.index(str(payer))
        carried[row] = values[place] if carried[row] is None else carried[row] + values[place]
    total = np.empty((len(payers), *values.shape[1:]))
    for row, column in enumerate(carried):
        total[row] = 0.0 if column is None else column
    for mix, by_clause in moved.items():
        for columns in by_clause.values():
            for payer, column in columns.items():
                total[payers.index(payer), :, mixes.index(mix)] += column
    coords = {**{name: accounts[name].to_numpy() for name in ("mix", "region", "year")}, "payer": payers}
    found = xr.DataArray(total, dims=("payer", "draw", "mix", "region", "year"), coords=coords)
    return found.transpose("draw", "mix", "region", "year", "payer")


def mean_ledger(accounts: xr.DataArray, moved: Moved) -> xr.DataArray:
    """The mean of each entry over draws (mix, region, year, payer, entry), SEK."""
    return _entries(accounts.mean("draw").expand_dims(draw=1), _means(moved), accounts).isel(draw=0)


def _means(moved: Moved) -> Moved:
    return {
        mix: {
            name: {payer: column.mean(axis=0, keepdims=True) for payer, column in columns.items()}
            for name, columns in by_clause.items()
        }
        for mix, by_clause in moved.items()
    }


def ledger_of(accounts: xr.DataArray, moved: Moved) -> xr.DataArray:
    """Every entry in every draw (draw, mix, region, year, payer, entry), SEK: large, and for users; the road keeps means."""
    return _entries(accounts, moved, accounts)


def _entries(accounts: xr.DataArray, moved: Moved, shape_of: xr.DataArray) -> xr.DataArray:
    payers, mixes = _payers(accounts, moved), [str(mix) for mix in accounts["mix"].to_numpy()]
    names = list(dict.fromkeys(name for by_clause in moved.values() for name in by_clause))
    values = accounts.transpose("account", "draw", "mix", "region", "year").to_numpy()
    entries = np.zeros((1 + len(names), len(payers), *values.shape[1:]))
    for place, payer in enumerate(accounts["payer"].to_numpy()):
        entries[0, payers.index(str(payer))] += values[place]
    for mix, by_clause in moved.items():
        for name, columns in by_clause.items():
            for payer, column in columns.items():
                entries[1 + names.index(name), payers.index(payer), :, mixes.index(mix)] += column
    coords = {
        **{name: shape_of[name].to_numpy() for name in ("mix", "region", "year")},
        "payer": payers,
        "entry": ["resource_cost", *names],
    }
    found = xr.DataArray(entries, dims=("entry", "payer", "draw", "mix", "region", "year"), coords=coords)
    return found.transpose("draw", "mix", "region", "year", "payer", "entry")


def largest_imbalance(accounts: xr.DataArray, moved: Moved) -> float:
    """The largest sum of a transfer over region and payer, relative to the resource cost of its own draw, mix and year."""
    worst, (regions, years) = 0.0, (accounts.sizes["region"], accounts.sizes["year"])
    total = abs(accounts.sum(["account", "region"], skipna=False)).clip(min=1.0)
    for mix, by_clause in moved.items():
        scale = total.sel(mix=mix).transpose("draw", "year").to_numpy()
        for columns in by_clause.values():
            shaped = (np.broadcast_to(column, (len(column), regions, years)) for column in columns.values())
            off: Any = sum(column.sum(axis=1) for column in shaped)
            worst = max(worst, float((np.abs(off) / scale).max()))
    return worst


def net_budget_impact(ledger: xr.DataArray, *, reference: Literal["unplanned", "today"] = "unplanned") -> xr.DataArray:
    """New less the reference mix (draw, region, year, payer), all entries together, SEK, undiscounted.

    Against ``today`` it is what introduction costs, against ``unplanned`` what the agreement adds.
    """
    budget = ledger.sum("entry", skipna=False) if "entry" in ledger.dims else ledger
    return budget.sel(mix="new", drop=True) - budget.sel(mix=reference, drop=True)


def silo_gap(change: xr.DataArray) -> xr.Dataset:
    """Who loses and who gains before any transfer.

    Parameters
    ----------
    change : DataArray
        (region, payer): expected change in resource cost where the work is done, SEK.

    Returns
    -------
    Dataset
        ``compensation`` (region, payer): what would leave each unit no worse off, max(0, change); ``losers`` and ``gainers`` (region):
        L = sum of max(0, change), W = sum of max(0, -change) over payers. With L > 0 and W > 0 a region as a whole is L - W worse off and
        still has somebody to persuade.
    """
    losses, gains = change.clip(min=0), (-change).clip(min=0)
    return xr.Dataset({"compensation": losses, "losers": losses.sum("payer"), "gainers": gains.sum("payer")})
