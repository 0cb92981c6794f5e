"""Chapter 04, second half: where the test is made, who is over- and under-served, and how unequal that is."""

from typing import get_args

import numpy as np
import xarray as xr

from pmbudget.appraisal.equity import distributional_nmb, gini, health_lost_to_waiting, theil
from pmbudget.appraisal.worth import care_benefit, cost_beside
from pmbudget.inputs.capacity import Organisation
from pmbudget.inputs.norms import discount_rates
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import increments
from pmbudget.programme.hubs import break_even_volume, laboratories
from pmbudget.programme.reach import persons_never_served, share_reached, shares_of
from pmbudget.programme.supply import service
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, named_by_use, note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results
from pmbudget.vocabulary import BLOCK


def laboratories_table(
    scenario: Scenario, results: Results, draws: xr.Dataset, outcomes: xr.Dataset, words: Words
) -> Html:
    """Three organisations in the scenario's last year: laboratories, cost and days per sample, cost for the country; break-even volume.

    Nothing in a case that states no limits: chapter 04 has said so where it asks for them.
    """
    if scenario.case.capacity is None:
        return Html("")
    plan, case, last = scenario.case.capacity.laboratories, scenario.case, scenario.years[-1]
    few = min(BLOCK, results.per_patient.cost.sizes["draw"])
    rows_of = {"draw": slice(few)}
    draws, outcomes = draws.isel(rows_of), outcomes.isel(rows_of)
    served = results.reach.patients.sel(mix="new", fate=list(case.broad), year=[last]) * (1 + results.reach.reflexed)
    served = served.isel(rows_of).reset_coords(drop=True).rename(fate="strategy")
    found = {which: service(draws, case, scenario.regions, outcomes, served, which) for which in get_args(Organisation)}
    today = found[plan.today]["cost"].sum(["region", "year"])
    people = served.sum("strategy", skipna=False)
    weight = people / people.sum(["region", "year"]).clip(min=1.0)
    rows = []
    for which, one in found.items():
        per_sample, days = ((one[name] * weight).sum(["region", "year"]) for name in ("cost_per_sample", "days"))
        slowest = one["days"].isel(year=0).max("region")
        rows.append(
            [
                words(f"organisations.{which}"),
                words.number(len(set(laboratories(which, scenario.regions).to_numpy()))),
                words.span(interval_frame(per_sample).iloc[0], digits=0),
                words.span(interval_frame(days).iloc[0], digits=1),
                words.span(interval_frame(slowest).iloc[0], digits=1),
                words.span_msek(interval_frame(one["cost"].sum(["region", "year"]) - today).iloc[0]),
            ]
        )
    header = [
        words(f"laboratories_columns.{key}") for key in ("organisation", "number", "cost", "days", "slowest", "total")
    ]
    caption = words("laboratories_caption", year=last, today=words(f"organisations.{plan.today}").lower())
    return Html(
        table(f"{caption}. {words('interval_note')}", header, rows) + _break_even(scenario, draws, found, words)
    )


def _break_even(scenario: Scenario, draws: xr.Dataset, found: dict[str, xr.Dataset], words: Words) -> Html:
    """From how many samples a year a laboratory of one's own pays, against sending to the healthcare region's."""
    assert scenario.case.capacity is not None
    plan = scenario.case.capacity.laboratories
    place = laboratories("healthcare_region", scenario.regions)
    guests = place["region"].to_numpy()[place.to_numpy() != place["region"].to_numpy()]
    away = found["healthcare_region"]["cost_per_sample"].sel(region=guests).mean(["region", "year"])
    volume = break_even_volume(
        hub_cost_per_sample=away,
        fixed_cost=draws[plan.fixed_cost],
        cost_run=draws[plan.cost_run],
        batch=draws[plan.batch],
        longest_wait=draws[plan.longest_wait],
    )
    never = float(np.isinf(volume).mean())
    others = (
        float(draws[plan.other_samples].mean()) * scenario.regions["population"] / scenario.regions["population"].sum()
    )
    enough = int((others >= float(volume.quantile(0.5))).sum())
    return note(
        words(
            "break_even",
            volume=words.number(float(volume.quantile(0.5)), -2),
            never=words.probability(never),
            enough=words.number(enough),
        )
    )


def misuse_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """By region over all years: eligible, those among them without the new strategy in three worlds, and the QALYs that costs."""
    people, left_out = results.reach.eligible.sum("year"), persons_never_served(results.reach, scenario.case.broad)
    _, gain = increments(results.per_patient, scenario.case)
    lost = left_out.sel(mix="new", drop=True) * gain
    rows = []
    for code, name in scenario.regions["region"].items():
        row = [name, words.number(float(people.sel(region=code).mean()))]
        row += [
            words.number(float(left_out.sel(mix=mix, region=code).mean())) for mix in ("today", *scenario.moving_mixes)
        ]
        row.append(words.span(interval_frame(lost.sel(region=code)).iloc[0], digits=1))
        rows.append(row)
    row = [words("total"), words.number(float(people.sum("region").mean()))]
    row += [
        words.number(float(left_out.sel(mix=mix).sum("region").mean())) for mix in ("today", *scenario.moving_mixes)
    ]
    row.append(words.span(interval_frame(lost.sum("region")).iloc[0], digits=1))
    header = [words("region"), words("access_misuse_columns.eligible")]
    header += [
        words("access_misuse_columns.without", mix=words(f"mixes.{mix}")) for mix in ("today", *scenario.moving_mixes)
    ]
    header.append(words("access_misuse_columns.qaly"))
    told = {"period": f"{scenario.years[0]}–{scenario.years[-1]}", "test": named_by_use("diagnostic", scenario, words)}
    caption = words("access_misuse_caption", **told)
    return table(f"{caption}. {words('interval_note')}", header, [*rows, row], strong=[len(rows)])


def equity_table(scenario: Scenario, results: Results, words: Words, *, wtp: float, aversion: float) -> Html:
    """Inequality of access between regions in three worlds, health lost to waiting, and what the programme is worth, to whom.

    Care less what falls beside it is the programme's net benefit, the figure of chapters 05 and 06.
    """
    people = results.reach.eligible.sum("year")
    share = share_reached(results.reach, scenario.case.broad, ("year",))
    level = share.sel(mix="today", drop=True).mean("draw").clip(min=1e-3)
    benefit = care_benefit(
        results.per_patient,
        results.reach,
        results.spending,
        comparator=scenario.case.comparator,
        wtp=wtp,
        years=scenario.years,
        **discount_rates(scenario),
    )
    care = benefit - benefit.sel(mix="today", drop=True)
    rows = []
    for mix in ("today", *scenario.moving_mixes):
        one = share.sel(mix=mix)
        by_region = one.mean("draw")
        row = [words(f"mixes.{mix}").capitalize()]
        row += [words.percent(float(by_region.min())), words.percent(float(by_region.max()))]
        row += [words.span(interval_frame(measure(one, people)).iloc[0], digits=3) for measure in (gini, theil)]
        row.append(words.span(interval_frame(_lost_to_waiting(scenario, results, mix)).iloc[0], digits=1))
        of_care = care.sel(mix=mix, drop=True)
        beside = cost_beside(scenario, results.worth, mix) - cost_beside(scenario, results.worth, "today")
        weighted = distributional_nmb(of_care, level, people.mean("draw"), aversion=aversion)
        whole = of_care.sum("region")
        row += [words.span_msek(interval_frame(each).iloc[0]) for each in (whole, -beside, whole - beside, weighted)]
        rows.append(row)
    keys = ("mix", "lowest", "highest", "gini", "theil", "lost", "care", "beside", "nmb", "weighted")
    header = [words(f"equity_columns.{key}", aversion=words.number(aversion, 1)) for key in keys]
    caption = words("equity_caption", period=f"{scenario.years[0]}–{scenario.years[-1]}", wtp=words.number(wtp))
    return Html(table(f"{caption}. {words('interval_note')}", header, rows) + note(words("equity_note")))


def _lost_to_waiting(scenario: Scenario, results: Results, mix: str) -> xr.DataArray:
    """QALYs that waiting takes in a mix (draw,), undiscounted over the years."""
    if results.reach.supply is None:
        return xr.zeros_like(results.per_patient.fate_qaly.isel(fate=0, drop=True))
    case = scenario.case
    reasons = [fate for fate in case.losses if fate in results.reach.patients["fate"].to_numpy()]
    moved = results.reach.supply["moved"].sel(mix=mix, drop=True).expand_dims(fate=[case.comparator])
    lost = results.reach.patients.sel(mix=mix, fate=reasons, drop=True)
    gone = xr.concat([moved, lost], dim="fate")
    # Who is moved would have had what others in the region got that year.
    shares = shares_of(results.reach, case.broad).sel(mix=mix, drop=True)
    parts = [
        health_lost_to_waiting(
            (gone * shares.sel(fate=name, drop=True)).sum(["region", "year"]), results.per_patient.fate_qaly, new=name
        )
        for name in case.broad
    ]
    return sum(parts[1:], start=parts[0])
