"""Chapter 06, money by phase: who pays for what the test adds, where project money ends, and who carries national infrastructure."""

import numpy as np
import xarray as xr

from pmbudget.financing.phases import lost_to_administration, project_cover
from pmbudget.inputs.funding import Funding, load_funding
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.agreements import Negotiation
from pmbudget.questions.phases import WHO, infrastructure_shares, paid_by_phase
from pmbudget.reporting.ch06_agreement.agreement import NOTHING
from pmbudget.reporting.markup import Html, note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results


def phases_table(
    scenario: Scenario,
    results: Results,
    found: Negotiation | None,
    words: Words,
    *,
    provider_may_receive: bool = False,
) -> Html:
    """Cost by phase over the agreement's years and who pays it; the switch of project money and administration beside it.

    Nothing in a case without tests: the research and the project money are those of testing.
    """
    if found is None or not scenario.case.has_tests:
        return NOTHING
    funding, years = load_funding(scenario.folder), found.years
    by_payer = paid_by_phase(results, found)
    own = by_payer["care_development"]["regions"]
    cases = {allowed: project_cover(own, funding, years, provider_may_receive=allowed) for allowed in (False, True)}
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
    shares = infrastructure_shares(found)
    rows = [
        [str(region), *(words.percent(one[place], 1) for one in shares.values())]
        for place, region in enumerate(scenario.regions["region"])
    ]
    header = [words("region"), *(words(f"infrastructure_columns.{key}") for key in shares)]
    return table(words("infrastructure_caption"), header, rows)
