"""Chapter 06, money by phase: who pays for what the test adds, where project money ends, and who carries national infrastructure."""

from dataclasses import replace

import numpy as np
import xarray as xr

from pmbudget.financing.agreement import transfers
from pmbudget.financing.books import Accounts
from pmbudget.financing.phases import covered_by_phase, lost_to_administration
from pmbudget.financing.pooling import shapley_shares
from pmbudget.inputs.funding import Funding, load_funding
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.agreement import NOTHING, Negotiation
from pmbudget.reporting.markup import Html, note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results
from pmbudget.vocabulary import REGION_PAYERS

WHO = ("state", "others", "regions")


def _by_payer(results: Results, found: Negotiation) -> dict[str, dict[str, np.ndarray]]:
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
    alone = replace(books, accounts=_transition(books.accounts), today=_transition(books.today), moved=())
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


def _transition(accounts: Accounts) -> Accounts:
    return {key: cost * (key[1] == "transition") for key, cost in accounts.items()}


def _early(left: np.ndarray, funding: Funding, years: list[int], *, provider_may_receive: bool) -> xr.Dataset:
    """What project money covers of the field's early phases, and of what the regions are left with in care development."""
    rows = []
    for fund in funding.funds.values():
        lost = funding.administration_project if fund.project else funding.administration_grant
        amounts = np.zeros(len(years))
        amounts[: len(fund.amounts)] = fund.amounts[: len(years)]
        rows.append(amounts * (1 - lost))
    funds = xr.DataArray(np.array(rows), dims=("fund", "year"), coords={"fund": list(funding.funds), "year": years})
    early = np.resize(list(funding.early), len(years))
    cost = xr.DataArray(
        np.array([early, left.clip(min=0)]),
        dims=("phase", "year"),
        coords={"phase": ["early", "care_development"], "year": years},
    )
    allowed = {
        name: [one for one in fund.phases if provider_may_receive or not (fund.project and one == "care_development")]
        for name, fund in funding.funds.items()
    }
    first = ("care_development", "early") if provider_may_receive else ("early", "care_development")
    return covered_by_phase(cost, funds, allowed, priority=first)


def phases_table(
    scenario: Scenario,
    results: Results,
    found: Negotiation | None,
    words: Words,
    *,
    provider_may_receive: bool = False,
) -> Html:
    """Cost by phase over the agreement's years and who pays it; the switch of project money and administration beside it."""
    if found is None:
        return NOTHING
    funding, years = load_funding(scenario.folder), found.years
    by_payer = _by_payer(results, found)
    own = by_payer["care_development"]["regions"]
    cases = {allowed: _early(own, funding, years, provider_may_receive=allowed) for allowed in (False, True)}
    chosen = cases[provider_may_receive]
    project = chosen["covered"].sum(["fund", "year"])
    none = words("not_applicable")
    early = [float(np.resize(list(funding.early), len(years)).sum()), float(project.sel(phase="early"))]
    missing = float(chosen["gap"].sel(phase="early").sum())
    rows = [
        [words("phases.early"), *(words.number(one, 1) for one in early), none, none, none, words.number(missing, 1)]
    ]
    for phase, paid in by_payer.items():
        received = float(project.sel(phase=phase)) if phase == "care_development" else 0.0
        sums = {who: amount.sum() - (received if who == "regions" else 0.0) for who, amount in paid.items()}
        shown = [sum(sums.values()) + received, received, *(sums[who] for who in WHO), 0.0]
        rows.append([words(f"phases.{phase}"), *(words.number(one, 1) for one in shown)])
    keys = ("phase", "cost", "project", "state", "others", "regions", "gap")
    header = [words(f"phases_columns.{key}") for key in keys]
    caption = words("phases_caption", period=found.period)
    return Html(table(caption, header, rows) + note(*_told(cases, own, funding, years, words)))


def _told(
    cases: dict[bool, xr.Dataset], own: np.ndarray, funding: Funding, years: list[int], words: Words
) -> list[str]:
    """When project money ends, what it would do for care if it could be received there, and what administration takes."""
    said, missing = [], cases[False]["gap"].sel(phase="early").to_numpy()
    project_years = max(len(fund.amounts) for fund in funding.funds.values())
    if project_years < len(years) and missing[project_years:].min() > 0:
        said.append(
            words("phases_end", year=years[project_years - 1], gap=words.number(missing[project_years:].mean(), 1))
        )
    relieved = float(cases[True]["covered"].sel(phase="care_development").sum())
    if relieved >= 0.05:
        early = float((cases[True]["gap"] - cases[False]["gap"]).sel(phase="early").sum())
        values = {"without": own.sum(), "with_": own.sum() - relieved, "early": early}
        said.append(words("phases_switch", **{name: words.number(value, 1) for name, value in values.items()}))
    money = sum(sum(fund.amounts) for fund in funding.funds.values() if fund.project)
    project, grant, saved = lost_to_administration(
        money, project=funding.administration_project, grant=funding.administration_grant
    )
    amounts = {"project": project, "grant": grant, "sum": money, "saved": saved}
    said.append(words("phases_admin", **{name: words.number(amount, 1) for name, amount in amounts.items()}))
    return said


def infrastructure_table(scenario: Scenario, found: Negotiation | None, words: Words) -> Html:
    """How a common cost divides between the regions: per inhabitant, by volume, and by Shapley value with economies of scale."""
    if found is None:
        return NOTHING
    volume = found.programme.terms.forecast_over("tested", 1, len(found.years))[found.programme.places]
    shares = {
        "population": found.programme.people / found.programme.people.sum(),
        "volume": volume / volume.sum(),
        "shapley": shapley_shares(volume, 0.7),
        "fixed": shapley_shares(volume, 0.0),
    }
    rows = [
        [str(region), *(words.percent(one[place], 1) for one in shares.values())]
        for place, region in enumerate(scenario.regions["region"])
    ]
    header = [words("region"), *(words(f"infrastructure_columns.{key}") for key in shares)]
    return table(words("infrastructure_caption"), header, rows)
