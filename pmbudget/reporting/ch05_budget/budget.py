"""Chapter 05: what it costs, whom and when, and what the agreement moves.

The page answers: what introduction costs and buys (headline, worth), for whom (payers, regions), how sure (intervals, simulation error,
risk), resting on what (share of assumptions, inputs), and what next (what moves the budget most).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.ranking import simulation_error
from pmbudget.appraisal.worth import Added
from pmbudget.inputs.clauses import dated_amounts
from pmbudget.inputs.files import references as references_of
from pmbudget.inputs.scenarios import Scenario
from pmbudget.programme.reach import share_reached
from pmbudget.questions.effect import added
from pmbudget.reporting.ch05_budget.drug_prices import prices_sentence
from pmbudget.reporting.figures import COLOURS, INNER, PAYER_ORDER, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.frames import interval_frame, region_frame, with_groups
from pmbudget.reporting.markup import (
    PAYER_COLUMNS,
    PAYER_ROWS,
    TOTALS,
    Html,
    broad_means,
    lead,
    named_by_use,
    note,
    prices_note,
    rolls_out,
    table,
)
from pmbudget.reporting.value import signed, value_sentences
from pmbudget.reporting.words import Words
from pmbudget.road import Results
from pmbudget.vocabulary import TAILS


def budget_headline(
    scenario: Scenario,
    results: Results,
    without: xr.DataArray,
    moved: xr.DataArray,
    worths: Added,
    shares: Mapping[str, float],
    words: Words,
) -> Html:
    """What introduction costs in cash, at which prices of drugs, what of it is the agreement's, who pays, what it buys and how sure."""
    period, years = next(iter(scenario.periods.items()))
    today = _over(_national(results, "today"), years)
    freed = results.spending.freed.sel(mix="new", year=years).sum(["year", "resource"])
    sentences = [signed("headline_budget", today.loc["all"], words, period=period), rolls_out(scenario, words)]
    sentences.append(prices_sentence(scenario, results, moved, words))
    if scenario.agreement:
        more, unmoved = (_over(each, years).loc["all"] for each in (added(results), without))
        said = signed("headline_unmoved", unmoved, words, parts=_unmoved_parts(scenario, results, unmoved, words))
        sentences.append(signed("headline_agreement", more, words, unmoved=said))
    else:
        sentences.append(words("headline_no_agreement"))
    sentences.append(_who_pays(scenario, today, words))
    if float(freed.mean()) < -5e4:
        sentences.append(words("headline_freed", freed=words.span_msek(interval_frame(-freed).iloc[0])))
    sentences += value_sentences(scenario, worths, words)
    sentences.append(assumptions_sentence(scenario, shares, words))
    sentences.append(_simulation_error(scenario, results, worths, words))
    return lead(*sentences)


def _unmoved_parts(scenario: Scenario, results: Results, unmoved: pd.Series, words: Words) -> str:
    """What an agreement that moves nobody costs money for: what it runs for its years alone, where that is all of it to the digit shown."""
    case, allocated = scenario.case, scenario.definition.allocated
    running = (item for item in case.transition if item.when == "agreement_years")
    names = list(dict.fromkeys(item.resource for item in running if allocated or item.allocation is None))
    spent = results.spending.by_resource.sel(mix="new", resource=names, year=scenario.first_years)
    if names and words.msek(float(spent.sum(["resource", "year"]).mean())) == words.msek(unmoved["mean"]):
        labels = words("and").join(words.inside(case.resources[name].label) for name in names)
        return words("headline_agreement_parts.only", names=labels)
    return words("headline_agreement_parts." + ("same" if case.in_use == case.new else "over"))


def _who_pays(scenario: Scenario, today: pd.DataFrame, words: Words) -> str:
    inhabitants = float(scenario.regions["population"].sum())
    payers = {
        payer: signed("headline_pays", today.loc[payer], words) for payer in ("state", "regions_together", "others")
    }
    each = words.span(today.loc["regions_together"], per=inhabitants, digits=1)
    none = words.msek(today.loc["others", "mean"]) == words.msek(0.0)
    return words(f"headline_payers.{'two' if none else 'all'}", per_inhabitant=each, **payers)


def assumptions_sentence(scenario: Scenario, shares: Mapping[str, float], words: Words) -> str:
    """How much rests on assumptions: of the expected cost and of its variance, for the budget and for the patient's worth."""
    names = [words(f"assumed_group_names.{name}") for name in assumed_groups(scenario)]
    listed = words("and").join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
    groups = words("assumed_groups", groups=listed) if names else ""
    return words("headline_assumptions", groups=groups, **{name: words.percent(one) for name, one in shares.items()})


def assumed_groups(scenario: Scenario) -> list[str]:
    """What decides how many are concerned and rests on an assumption: the eligible, today's use, the pace, capacity where it limits."""
    case, parameters = scenario.case, scenario.parameters
    pace = [case.uptake.slope, *([case.uptake.agreement_effect] if scenario.agreement else [])]
    capacity = [case.capacity.limits[name].spare for name in scenario.limits] if case.capacity else []
    groups = {
        "eligible": [name for _, name in references_of(case.eligible)],
        "today": [case.uptake.today],
        "pace": pace,
        "capacity": capacity,
    }
    return [group for group, names in groups.items() if any(parameters[name].is_assumed for name in names)]


def _simulation_error(scenario: Scenario, results: Results, worths: Added, words: Words) -> str:
    """Two Monte Carlo standard errors of the headline figures."""
    period, years = next(iter(scenario.periods.items()))
    net = results.settlement.net_budget("today").sel(year=years).sum(["region", "year", "payer"])
    long = scenario.whole_period
    inmb = worths["today", long]["inmb"].isel(wtp=-1)
    parts = [
        words("simulation_error_budget", error=words.number(2 * simulation_error(net) / 1e6, 1), period=period),
        words("simulation_error_inmb", error=words.number(2 * simulation_error(inmb) / 1e6, 1), period=long),
    ]
    return words("simulation_error", draws=words.number(net.size), parts=words("and").join(parts))


def _national(results: Results, reference: str) -> xr.DataArray:
    return results.settlement.net_budget(reference).sum("region", skipna=False)


def _over(net: xr.DataArray, years: list[int]) -> pd.DataFrame:
    """National net budget (draw, year, payer) of a period by payer and group of payers: mean, lower, upper; SEK."""
    return interval_frame(with_groups(net.sel(year=years).sum("year", skipna=False))).set_index("payer")


def budget_tables(scenario: Scenario, results: Results, words: Words) -> Html:
    """Net budget by payer over five and ten years against each reference, MSEK and SEK per inhabitant, 95 % intervals."""
    inhabitants = float(scenario.regions["population"].sum())
    parts = []
    for reference in scenario.references:
        columns = {period: _over(_national(results, reference), years) for period, years in scenario.periods.items()}
        payers = [payer for payer in PAYER_ROWS if payer in next(iter(columns.values())).index]
        rows = []
        for payer in payers:
            row = [words(f"payers.{payer}")]
            for frame in columns.values():
                row += [words.span_msek(frame.loc[payer]), words.span(frame.loc[payer], per=inhabitants, digits=1)]
            rows.append(row)
        header = [words("payer")]
        for period in columns:
            header += [f"{period}, {words('msek')}", f"{period}, {words('sek_per_inhabitant')}"]
        caption = f"{words(f'reference_titles.{reference}')}. {words('interval_note')} {prices_note(scenario, words)}"
        parts.append(table(caption, header, rows, strong=[payers.index(payer) for payer in TOTALS]))
    return Html("".join(parts))


def yearly_table(scenario: Scenario, results: Results, words: Words, *, reference: str) -> Html:
    """Net budget by year and payer, MSEK, 95 % intervals; a word where there is nothing to compare with."""
    if reference not in scenario.references:
        return note(words("headline_no_agreement"))
    net = with_groups(results.settlement.net_budget(reference)).sum("region", skipna=False)
    frame = interval_frame(net).set_index(["payer", "year"])
    payers = _columns(net)
    rows = [[str(year), *(words.span_msek(frame.loc[payer, year]) for payer in payers)] for year in scenario.years]
    caption = f"{words('yearly_caption')}: {words(f'reference_titles.{reference}')}. {prices_note(scenario, words)}"
    return table(caption, [words("year"), *(words(f"payers.{payer}") for payer in payers)], rows)


def region_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """By region: coverage, net budget per inhabitant against both references, probability of paying more."""
    frame = region_frame(scenario, results)

    def span(row: Any, reference: str) -> str:
        return words.span({end: row[f"{reference}_{end}"] for end in ("mean", "lower", "upper")}, digits=1)

    rows = [
        [
            row["region"],
            words.percent(row["coverage_today"]),
            words.percent(row["coverage_new"]),
            span(row, "today"),
            span(row, "unplanned") if scenario.agreement else words("not_applicable"),
            words.probability(row["p_loses_unplanned"]) if scenario.agreement else words("not_applicable"),
        ]
        for _, row in frame.iterrows()
    ]
    header = [words("region")] + [
        words(f"region_columns.{key}", year=scenario.years[-1])
        for key in ("coverage_today", "coverage_new", "net", "added", "loses")
    ]
    caption = f"{words('region_caption')}, {scenario.years[0]}–{scenario.years[-1]}. {words('interval_note')}"
    return table(caption, header, rows)


def transfers_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """By payer, against today's use: cost where the work is done, each clause's transfers, what is left; first five years, MSEK.

    Below it, since when the dated rules hold and what they are.
    """
    if not scenario.agreement:
        return note(words("headline_no_agreement"))
    period, years = next(iter(scenario.periods.items()))
    ledger = results.settlement.ledger.sum("region").sel(year=years).sum("year")
    change = ledger.sel(mix="new") - ledger.sel(mix="today")
    entries = [str(entry) for entry in change["entry"].to_numpy()]
    named = {
        clause.name: words.label(clause.label) for clause in (*scenario.standing.clauses, *scenario.agreement.clauses)
    }
    named["resource_cost"] = words("transfers_columns.resource_cost")
    payers = _payers(change)
    rows = [
        [words(f"payers.{payer}")]
        + [words.msek(float(change.sel(payer=payer, entry=entry))) for entry in entries]
        + [words.msek(float(change.sel(payer=payer).sum()))]
        for payer in payers
    ]
    rows.append(
        [
            words("total"),
            *(words.msek(float(change.sel(entry=entry).sum())) for entry in entries),
            words.msek(float(change.sum())),
        ]
    )
    header = [words("payer"), *(named[entry] for entry in entries), words("transfers_columns.after")]
    moved = table(words("transfers_caption", period=period), header, rows, strong=[len(rows) - 1])
    rules = "; ".join(_rules(scenario, words))
    return Html(moved + note(words("rules_note", rules=rules))) if rules else moved


def _rules(scenario: Scenario, words: Words) -> list[str]:
    """What the dated amounts of the clauses are, and since when."""
    clauses = (*scenario.standing.clauses, *(scenario.agreement.clauses if scenario.agreement else ()))
    said = []
    for clause, key, amount in dated_amounts(clauses):
        held = amount.in_force.value
        value = words.percent(held) if key == "share" else words("rule_amount", value=words.number(held))
        said.append(words("rule", label=words.inside(clause.label), value=value, since=amount.in_force_since))
    return said


def component_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """Change in resource cost against each reference by resource and performing unit, first five years, MSEK, 95 % intervals."""
    period, years = next(iter(scenario.periods.items()))
    cost = results.spending.by_resource.sel(year=years).sum("year", skipna=False)
    change = {reference: cost.sel(mix="new") - cost.sel(mix=reference) for reference in scenario.references}
    frames = {reference: interval_frame(one).set_index("resource") for reference, one in change.items()}
    resources = scenario.case.resources
    rows = [
        [
            words.label(resources[name].label),
            words(f"payers.{resources[name].unit}"),
            *(words.span_msek(frame.loc[name]) for frame in frames.values()),
        ]
        for name in frames["today"]["mean"].abs().sort_values(ascending=False, kind="stable").index
    ]
    totals = [interval_frame(one.sum("resource")).iloc[0] for one in change.values()]
    rows.append([words("total"), "", *map(words.span_msek, totals)])
    header = [words("resource"), words("unit"), *(words(f"reference_short.{reference}") for reference in change)]
    caption = f"{words('component_caption', period=period)}. {words('interval_note')}"
    return table(caption, header, rows, strong=[len(rows) - 1], text_columns=2)


def no_effect_table(scenario: Scenario, results: Results, without: xr.DataArray, words: Words) -> Html:
    """What the agreement adds with its assumed effect on pace beside no effect, by payer, first five years, MSEK."""
    if not scenario.agreement:
        return note(words("headline_no_agreement"))
    period, years = next(iter(scenario.periods.items()))
    effect = scenario.parameters[scenario.case.uptake.agreement_effect].distribution
    stated = words("no_effect_rows.stated", effect=words.percent(effect.mean) if effect else "")
    rows, payers = [], _columns(with_groups(results.settlement.budget))
    for label, each in ((stated, added(results)), (words("no_effect_rows.none"), without)):
        frame = _over(each, years)
        rows.append([label, *(words.span_msek(frame.loc[payer]) for payer in payers)])
    caption = f"{words('no_effect_caption', period=period)}. {words('reference_titles.unplanned')}."
    return table(caption, [words("scenario"), *(words(f"payers.{payer}") for payer in payers)], rows)


def pace_line(scenario: Scenario, results: Results, words: Words) -> Html:
    """What the agreement sets, in a sentence; and who goes over where it rolls out another strategy than the one in use."""
    pace = scenario.definition.pace
    if pace is None:
        return note(words("headline_no_agreement"))
    effect = scenario.parameters[scenario.case.uptake.agreement_effect].distribution
    curve = words(f"curve_names.{'step' if pace.ramp == 0 else pace.curve}")
    waves = words("wave_line", waves=len(pace.waves) + 1, years=pace.wave_years) if pace.waves else ""
    return note(
        words("pace_line", start=pace.start, ramp=max(pace.ramp, 1), curve=curve, programme=len(pace.years)),
        *([waves] if waves else []),
        words("pace_effect", effect=words.percent(effect.mean) if effect else ""),
        *_change_of_strategy(scenario, results, words),
    )


def _change_of_strategy(scenario: Scenario, results: Results, words: Words) -> list[str]:
    """How many of today's users go over in the year in which their region is planned to begin, and what a share reached counts."""
    case, pace = scenario.case, scenario.definition.pace
    if pace is None or case.in_use == case.new:
        return []
    today = results.reach.patients.sel(mix="today", fate=case.in_use)
    starts = [pace.start_of(str(code)) for code in today["region"].to_numpy()]
    over = today.where(today["year"] == xr.DataArray(starts, dims="region"), 0.0).sum(["region", "year"])
    labels = {name: words.inside(case.strategies[getattr(case, name)].label) for name in ("new", "in_use")}
    persons = words.span(interval_frame(over).iloc[0], digits=0)
    return [words("pace_change", persons=persons, **labels), broad_means(scenario, words)]


def _payers(values: xr.DataArray) -> list[str]:
    return [payer for payer in PAYER_ROWS if payer in values["payer"].to_numpy()]


def _columns(values: xr.DataArray) -> list[str]:
    return [payer for payer in PAYER_COLUMNS if payer in values["payer"].to_numpy()]


def fan_chart(scenario: Scenario, results: Results, words: Words, *, reference: str = "today") -> Picture:
    """Yearly net budget by payer against a reference: mean, 50 % and 95 % intervals, MSEK."""
    plt, _ = plot()
    net = with_groups(results.settlement.net_budget(reference)).sum("region", skipna=False) / 1e6
    payers = [payer for payer in PAYER_ORDER if payer in net["payer"].to_numpy()]
    figure, axes = plt.subplots(2, -(-len(payers) // 2), figsize=(11, 6.4), sharex=True, sharey=True, squeeze=False)
    years = net["year"].to_numpy()
    for axis, payer in zip(axes.flat, payers, strict=False):
        values = net.sel(payer=payer)
        for low, high, shade in ((*TAILS, 0.18), (*INNER, 0.35)):
            lower, upper = values.quantile([low, high], dim="draw", skipna=False).to_numpy()
            axis.fill_between(years, lower, upper, color=COLOURS["new"], alpha=shade, linewidth=0)
        axis.plot(years, values.mean("draw"), color=COLOURS["new"], linewidth=2)
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set_title(words(f"payers.{payer}"), fontsize=12)
        numbered(axis.yaxis, words)
        axis.set_xticks(years[::3])
    for axis in axes[:, 0]:
        axis.set_ylabel(words("fan_y"))
    for axis in list(axes.flat)[len(payers) :]:
        axis.set_visible(False)
    figure.suptitle(wrapped(_fan_title(net, words, reference), 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("fan_alt", payers=", ".join(words(f"payers.{payer}") for payer in payers)))


def _fan_title(net: xr.DataArray, words: Words, reference: str) -> str:
    means = net.mean("draw").sel(payer="regions_together")
    place = int(np.abs(means.to_numpy()).argmax())
    peak, year = float(means[place]), int(means["year"][place])
    key = "fan_title" if peak >= 0 else "fan_title_saves"
    payer = words("payers.regions_together")
    return words(key, payer=payer, peak=words.msek(abs(peak) * 1e6), reference=words(f"mixes.{reference}"), year=year)


def coverage_chart(scenario: Scenario, results: Results, words: Words) -> Picture:
    """National coverage by year in the three worlds with 95 % intervals, and by region in the fifth year."""
    plt, sns = plot()
    year = scenario.years[min(4, len(scenario.years) - 1)]
    national = interval_frame(share_reached(results.reach, scenario.case.broad, ("region",)))
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 6), gridspec_kw={"width_ratios": [1.1, 1]})
    for mix, colour in COLOURS.items():
        part = national[national["mix"] == mix]
        left.fill_between(part["year"], 100 * part["lower"], 100 * part["upper"], color=colour, alpha=0.15, linewidth=0)
        left.plot(part["year"], 100 * part["mean"], color=colour, linewidth=2, label=words(f"mixes.{mix}"))
    left.set_ylim(0, 100)
    left.set_ylabel(words("coverage_y"))
    left.set_xticks(scenario.years[::3])
    left.legend(loc="lower right")
    by_region = results.reach.reached.sel(year=year).mean("draw").rename("coverage").to_series().mul(100).reset_index()
    by_region["name"] = by_region["region"].map(scenario.regions["region"].str.replace(r"^Region ", "", regex=True))
    order = by_region[by_region["mix"] == "new"].sort_values("coverage", ascending=False)["name"]
    sns.pointplot(
        by_region,
        x="coverage",
        y="name",
        hue="mix",
        order=list(order),
        palette=COLOURS,
        linestyle="none",
        markersize=5,
        ax=right,
        legend=False,
    )
    spread = results.reach.reached.sel(year=year, mix="new").quantile(TAILS, dim="draw", skipna=False) * 100
    named = dict(zip(spread["region"].to_numpy(), spread.transpose("region", "quantile").to_numpy(), strict=True))
    codes = by_region[by_region["mix"] == "new"].sort_values("coverage", ascending=False)["region"]
    for place, code in enumerate(codes):
        right.plot(named[code], [place, place], color=COLOURS["new"], alpha=0.25, linewidth=3, zorder=0)
    right.set_xlim(0, 100)
    right.set_xlabel(words("coverage_y"))
    right.set_ylabel("")
    right.tick_params(axis="y", labelsize=9)
    right.set_title(words("coverage_right", year=year), fontsize=12)
    share = national[national["year"] == year].set_index("mix")["mean"]
    told = {"test": named_by_use("diagnostic", scenario, words), **{mix: words.percent(share[mix]) for mix in COLOURS}}
    title = words("coverage_title", year=year, **told)
    figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("coverage_alt", year=year))
