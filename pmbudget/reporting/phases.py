"""Chapter 06, money by phase: what eligible funders cover, what is missing, and who carries national infrastructure."""

import numpy as np
import xarray as xr

from pmbudget.financing.phases import covered_by_phase, lost_to_administration
from pmbudget.financing.pooling import shapley_shares
from pmbudget.inputs.funding import Funding, load_funding
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.agreement import Negotiation, missing
from pmbudget.reporting.markup import Html, note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results

PHASES = ("research", "proof_of_concept", "care_development", "routine")
CARE_FIRST = ("care_development", "research", "proof_of_concept", "routine")
"""Where project money goes first when a care provider may receive it."""


def _costs(scenario: Scenario, results: Results, funding: Funding, share: float) -> xr.DataArray:
    """Cost by phase (phase, year), MSEK; those of the evaluation against today's use."""
    years = scenario.years[:5]
    cost = results.resource_cost.sel(year=years).sum("region")
    change = cost.sel(mix="new", drop=True) - cost.sel(mix="today", drop=True)
    transition = (change["kind"] == "transition").to_numpy()
    by_phase = [
        *(np.resize(list(amounts), len(years)) * share for amounts in (funding.research, funding.proof_of_concept)),
        change.isel(resource=transition).sum("resource").to_numpy() / 1e6,
        np.maximum(0.0, change.isel(resource=~transition).sum("resource").to_numpy() / 1e6),
    ]
    return xr.DataArray(np.array(by_phase), dims=("phase", "year"), coords={"phase": list(PHASES), "year": years}).clip(
        min=0
    )


def _funds(cost: xr.DataArray, funding: Funding, share: float) -> xr.DataArray:
    """What there is of each fund (fund, year), MSEK, administration taken off; the regions' own money last, as much as routine costs."""
    years, rows = cost["year"].to_numpy(), []
    for fund in funding.funds.values():
        lost = funding.administration_project if fund.project else funding.administration_grant
        amounts = np.zeros(len(years))
        amounts[: len(fund.amounts)] = fund.amounts[: len(years)]
        rows.append(amounts * share * (1 - lost))
    rows.append(cost.sel(phase="routine").to_numpy())
    return xr.DataArray(
        np.array(rows), dims=("fund", "year"), coords={"fund": [*funding.funds, "region"], "year": years}
    )


def _eligible(funding: Funding, *, provider_may_receive: bool) -> dict[str, list[str]]:
    allowed: dict[str, list[str]] = {
        name: [
            phase for phase in fund.phases if provider_may_receive or not (fund.project and phase == "care_development")
        ]
        for name, fund in funding.funds.items()
    }
    return {**allowed, "region": ["routine"]}


def phases_table(scenario: Scenario, results: Results, words: Words, *, provider_may_receive: bool = False) -> Html:
    """Cost by phase over the first five years, what eligible funders cover, what is missing; the switch and administration beside it."""
    funding = load_funding(scenario.folder)
    common = (
        scenario.parameters["share_of_platform"].distribution if "share_of_platform" in scenario.parameters else None
    )
    share = common.mean if common else 1.0
    cost = _costs(scenario, results, funding, share)
    funds = _funds(cost, funding, share)
    gaps = {
        allowed: covered_by_phase(
            cost, funds, _eligible(funding, provider_may_receive=allowed), priority=CARE_FIRST if allowed else PHASES
        )["gap"]
        for allowed in (False, True)
    }
    eligible, gap = _eligible(funding, provider_may_receive=provider_may_receive), gaps[provider_may_receive]
    labels = {
        **{name: words.label(fund.label) for name, fund in funding.funds.items()},
        "region": words("payers.regions_together"),
    }
    years = [int(year) for year in cost["year"].to_numpy()]
    rows = [
        [
            words(f"phases.{phase}"),
            ", ".join(labels[name] for name, phases in eligible.items() if phase in phases),
            words.number(float(cost.sel(phase=phase).sum()), 1),
            *(words.number(float(gap.sel(phase=phase, year=year)), 1) for year in years),
            words.number(float(gap.sel(phase=phase).sum()), 1),
        ]
        for phase in PHASES
    ]
    header = [words(f"phases_columns.{key}") for key in ("phase", "funders", "cost")]
    header += [words("phases_columns.gap_year", year=year) for year in years] + [words("phases_columns.gap")]
    money = sum(sum(fund.amounts) for fund in funding.funds.values() if fund.project) * share
    project, grant, saved = lost_to_administration(
        money, project=funding.administration_project, grant=funding.administration_grant
    )
    without, with_ = (float(gaps[allowed].sel(phase="care_development").sum()) for allowed in (False, True))
    early = float((gaps[True] - gaps[False]).sel(phase=list(PHASES[:2])).sum())
    told = note(
        words(
            "phases_switch",
            without=words.number(without, 1),
            with_=words.number(with_, 1),
            early=words.number(early, 1),
        ),
        words(
            "phases_admin",
            project=words.number(project, 1),
            grant=words.number(grant, 1),
            sum=words.number(money, 1),
            saved=words.number(saved, 1),
        ),
    )
    caption = words("phases_caption", period=f"{years[0]}–{years[-1]}", share=words.percent(share))
    return Html(table(caption, header, rows, text_columns=2) + told)


def infrastructure_table(scenario: Scenario, found: Negotiation | None, words: Words) -> Html:
    """How a common cost divides between the regions: per inhabitant, by volume, and by Shapley value with economies of scale."""
    if found is None:
        return missing(words)
    volume = found.programme.terms.measure("tested")[:, found.programme.places].mean(axis=0).sum(axis=-1)
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
