"""Who pays for which phase of an introduction, and how a common cost divides between regions."""

from dataclasses import replace

import numpy as np
import xarray as xr

from pmbudget.financing.agreement import transfers
from pmbudget.financing.books import Accounts, Books
from pmbudget.financing.pooling import shapley_shares
from pmbudget.questions.agreements import Negotiation
from pmbudget.road import Results
from pmbudget.vocabulary import REGION_PAYERS

WHO = ("state", "others", "regions")


def paid_by_phase(results: Results, found: Negotiation) -> dict[str, dict[str, np.ndarray]]:
    """Who pays what a phase costs more than today's use (year,), MSEK, expected: phase, then payer; together they are chapter 05's budget.

    In care development (transition) the state and others pay what the agreement gives on that cost alone, grants that are tied to no
    phase among it, and no more than it costs; the regions carry the rest. Routine care is all else, as the ledger has it.
    """
    years = found.years
    ledger = results.settlement.ledger.sel(year=years).sum(["region", "entry"])
    net = (ledger.sel(mix="new", drop=True) - ledger.sel(mix="today", drop=True)) / 1e6
    payers = {"state": ["state"], "regions": [p for p in map(str, net["payer"].to_numpy()) if p in REGION_PAYERS]}
    payers["others"] = [p for p in map(str, net["payer"].to_numpy()) if p not in {"state", *REGION_PAYERS}]
    whole = {who: net.sel(payer=names).sum("payer").to_numpy() for who, names in payers.items()}
    books = found.programme.books
    alone = transition_alone(books)
    cost = (alone.cost("all") - alone.cost("all", today=True)).sum(axis=1).mean(axis=0)[found.programme.shown] / 1e6
    care = {who: np.zeros(len(years)) for who in WHO}
    for columns in transfers(found.designs[found.own], alone).values():
        for payer, column in columns.items():
            if payer not in REGION_PAYERS:
                by_year = np.broadcast_to(column, books.shape).sum(axis=1).mean(axis=0)[found.programme.shown]
                care["state" if payer == "state" else "others"] += by_year / 1e6
    given = care["state"] + care["others"]
    within = np.divide(cost, given, out=np.ones_like(cost), where=given > cost)
    care = {who: amount * within for who, amount in care.items()}
    care["regions"] = cost - care["state"] - care["others"]
    return {"care_development": care, "routine": {who: whole[who] - care[who] for who in WHO}}


def transition_alone(books: Books) -> Books:
    """Books with nothing in them but what the change itself costs, before any transfer."""

    def alone(accounts: Accounts) -> Accounts:
        return {key: cost * (key[1] == "transition") for key, cost in accounts.items()}

    return replace(books, accounts=alone(books.accounts), today=alone(books.today), moved=())


def change_by_payer(results: Results, years: list[int]) -> xr.Dataset:
    """What a payer carries more than today before any transfer (payer, region), SEK, expected: ``care``, and ``transition`` beside it."""
    cost = results.settlement.accounts.sel(year=years).sum("year").mean("draw")
    change = cost.sel(mix="new", drop=True) - cost.sel(mix="today", drop=True)
    chosen = (change["part"] == "transition").to_numpy()
    payers = [str(payer) for payer in dict.fromkeys(change["payer"].to_numpy())]

    def by_payer(accounts: np.ndarray) -> xr.DataArray:
        carried = change.isel(account=np.flatnonzero(accounts)).groupby("payer").sum()
        return carried.reindex(payer=payers, fill_value=0.0)

    return xr.Dataset({"care": by_payer(~chosen), "transition": by_payer(chosen)})


def infrastructure_shares(found: Negotiation) -> dict[str, np.ndarray]:
    """How a common cost divides between the regions (region,).

    By inhabitants, by volume, and by Shapley value where cost grows with volume to the power 0.7 or not at all.
    """
    volume = found.programme.terms.forecast_over("tested", 1, len(found.years))[found.programme.places]
    return {
        "population": found.programme.people / found.programme.people.sum(),
        "volume": volume / volume.sum(),
        "shapley": shapley_shares(volume, 0.7),
        "fixed": shapley_shares(volume, 0.0),
    }
