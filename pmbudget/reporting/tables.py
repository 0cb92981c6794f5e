"""Tables and sentences of the reports: formatted once, in the language asked for."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.evidence.fit import Posterior, learnt
from pmbudget.evidence.models import pooled_studies
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.frames import (
    incremental_table,
    increments,
    interval_frame,
    judged,
    periods,
    region_frame,
    staff_share_of,
    thresholds,
    with_groups,
)
from pmbudget.reporting.words import Words
from pmbudget.road import Results
from pmbudget.vocabulary import REFERENCES

PAYER_ROWS = ("state", "region", "clinic", "diagnostic_unit", "regions_together", "all")
TOTALS = ("regions_together", "all")


class Html(str):
    """A piece of HTML, shown by Jupyter as such."""

    def _repr_html_(self) -> str:
        return str(self)


def table(
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    strong: Sequence[int] = (),
    text_columns: int = 1,
) -> Html:
    """An HTML table: caption, scoped headers, figures to the right; ``strong`` rows are sums."""
    escape = html.escape
    head = "".join(
        f'<th scope="col"{"" if number < text_columns else " class=num"}>{escape(name)}</th>'
        for number, name in enumerate(header)
    )
    body = []
    for place, row in enumerate(rows):
        cells = [f'<th scope="row">{escape(row[0])}</th>']
        for number, cell in enumerate(row[1:], start=1):
            cells.append(f"<td{'' if number < text_columns else ' class=num'}>{escape(cell)}</td>")
        body.append(f"<tr{' class=sum' if place in strong else ''}>{''.join(cells)}</tr>")
    return Html(
        f'<div class="scroll"><table><caption><span>{escape(caption)}</span></caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def lead(*sentences: str) -> Html:
    """The answer, first on the page."""
    first, *rest = (html.escape(sentence) for sentence in sentences if sentence)
    return Html(f'<div class="answer"><p class="first">{first}</p>{"".join(f"<p>{part}</p>" for part in rest)}</div>')


def _payers(values: xr.DataArray) -> list[str]:
    return [payer for payer in PAYER_ROWS if payer in values["payer"].to_numpy()]


def budget_headline(
    scenario: Scenario, results: Results, without: Results, shares: Mapping[str, float], words: Words
) -> Html:
    """What introduction costs, what of it is the agreement's and what would cost as much without moving the pace, who pays."""
    period, years = next(iter(periods(scenario.years).items()))
    today = _over(results, "today", years)
    agreement = words("headline_no_agreement")
    if scenario.agreement:
        agreement = words(
            "headline_agreement",
            unplanned=words.span_msek(_over(results, "unplanned", years).loc["all"]),
            without=words.span_msek(_over(without, "unplanned", years).loc["all"]),
        )
    inhabitants = float(scenario.regions["population"].sum())
    return lead(
        words("headline_budget", period=period, today=words.span_msek(today.loc["all"])),
        agreement,
        words(
            "headline_payers",
            state=words.span_msek(today.loc["state"]),
            regions=words.span_msek(today.loc["regions_together"]),
            per_inhabitant=words.span(today.loc["regions_together"], per=inhabitants, digits=1),
        ),
        words(
            "headline_assumptions", cost=words.percent(shares["cost"]), variance=words.percent(shares["variance_today"])
        ),
    )


def _over(results: Results, reference: str, years: list[int]) -> pd.DataFrame:
    """National net budget of a period by payer and group of payers: mean, lower, upper; SEK."""
    net = with_groups(results.net_budget(reference)).sum("region", skipna=False)
    return interval_frame(net.sel(year=years).sum("year", skipna=False)).set_index("payer")


def _references(scenario: Scenario) -> tuple[str, ...]:
    """What a scenario can be compared with: one without an agreement is the unplanned course itself."""
    return REFERENCES if scenario.agreement else REFERENCES[:1]


def budget_tables(scenario: Scenario, results: Results, words: Words) -> Html:
    """Net budget by payer over five and ten years against each reference, MSEK and SEK per inhabitant, 95 % intervals."""
    inhabitants = float(scenario.regions["population"].sum())
    parts = []
    for reference in _references(scenario):
        columns = {period: _over(results, reference, years) for period, years in periods(scenario.years).items()}
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


def note(*sentences: str) -> Html:
    """What a reader needs beside the figures."""
    return Html(f'<div class="note">{"".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)}</div>')


def prices_note(scenario: Scenario, words: Words) -> str:
    """Which year's prices, and that nothing is discounted."""
    return words("prices_note", year=scenario.parameters.price_year)


def yearly_table(scenario: Scenario, results: Results, words: Words, *, reference: str) -> Html:
    """Net budget by year and payer, MSEK, 95 % intervals; a word where there is nothing to compare with."""
    if reference not in _references(scenario):
        return note(words("headline_no_agreement"))
    net = with_groups(results.net_budget(reference)).sum("region", skipna=False)
    frame = interval_frame(net).set_index(["payer", "year"])
    payers = _payers(net)
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
    """By payer, against today's use: cost where the work is done, each clause's transfers, what is left; first five years, MSEK."""
    if not scenario.agreement:
        return note(words("headline_no_agreement"))
    period, years = next(iter(periods(scenario.years).items()))
    ledger = results.ledger.sum("region").sel(year=years).sum("year")
    change = ledger.sel(mix="new") - ledger.sel(mix="today")
    entries = [str(entry) for entry in change["entry"].to_numpy()]
    named = (
        {clause.name: words.label(clause.label) for clause in scenario.agreement.clauses} if scenario.agreement else {}
    )
    named["resource_cost"] = words("transfers_columns.resource_cost")
    payers = [payer for payer in PAYER_ROWS if payer in change["payer"].to_numpy()]
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
    return table(words("transfers_caption", period=period), header, rows, strong=[len(rows) - 1])


def component_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """Change in expected resource cost against both references by resource and performing unit, first five years, MSEK."""
    period, years = next(iter(periods(scenario.years).items()))
    cost = results.resource_cost.sum("region").sel(year=years).sum("year")
    change = {reference: cost.sel(mix="new") - cost.sel(mix=reference) for reference in REFERENCES}
    resources = scenario.case.resources
    rows = [
        [
            words.label(resources[name].label),
            words(f"payers.{resources[name].unit}"),
            *(words.msek(float(change[r].sel(resource=name))) for r in REFERENCES),
        ]
        for name in map(
            str, cost["resource"].to_numpy()[np.argsort(-np.abs(change["today"].to_numpy()), kind="stable")]
        )
    ]
    rows.append([words("total"), "", *(words.msek(float(change[reference].sum())) for reference in REFERENCES)])
    header = [words("resource"), words("unit"), *(words(f"reference_short.{reference}") for reference in REFERENCES)]
    return table(words("component_caption", period=period), header, rows, strong=[len(rows) - 1], text_columns=2)


def no_effect_table(scenario: Scenario, results: Results, without: Results, words: Words) -> Html:
    """What the agreement adds with its assumed effect on pace beside no effect, by payer, first five years, MSEK."""
    if not scenario.agreement:
        return note(words("headline_no_agreement"))
    period, years = next(iter(periods(scenario.years).items()))
    effect = scenario.parameters[scenario.case.uptake.agreement_effect].distribution
    stated = words("no_effect_rows.stated", effect=words.percent(effect.mean) if effect else "")
    rows, payers = [], []
    for label, each in ((stated, results), (words("no_effect_rows.none"), without)):
        frame = _over(each, "unplanned", years)
        payers = [payer for payer in PAYER_ROWS if payer in frame.index]
        rows.append([label, *(words.span_msek(frame.loc[payer]) for payer in payers)])
    caption = f"{words('no_effect_caption', period=period)}. {words('reference_titles.unplanned')}."
    return table(caption, [words("scenario"), *(words(f"payers.{payer}") for payer in payers)], rows)


def worth_headline(scenario: Scenario, results: Results, words: Words) -> Html:
    """Incremental cost and QALY with intervals, the verdict, the probability at the norms' thresholds."""
    cost, qaly = increments(scenario, results)
    money, health = (interval_frame(values).iloc[0] for values in (cost, qaly))
    verdict, ratio = judged(money["mean"], health["mean"])
    case, wtp = scenario.case, thresholds(scenario)
    probability = incremental_table(scenario, results).loc[case.new]
    label = {name: words.label(case.strategies[name].label) for name in (case.new, case.comparator)}
    return lead(
        words(
            "headline_cea",
            new=label[case.new],
            comparator=label[case.comparator].lower(),
            cost=words.number(money["mean"], -2),
            cost_low=words.number(money["lower"], -2),
            cost_high=words.number(money["upper"], -2),
            qaly=words.number(health["mean"], 3),
            qaly_low=words.number(health["lower"], 3),
            qaly_high=words.number(health["upper"], 3),
            verdict=words(f"verdict_{verdict}", icer=words.number(ratio, -4)),
        ),
        words(
            "headline_probability",
            new=label[case.new].lower(),
            p_moderate=words.probability(probability["wtp_moderate"]),
            wtp_moderate=words.number(wtp["wtp_moderate"]),
            p_very_high=words.probability(probability["wtp_very_high"]),
            wtp_very_high=words.number(wtp["wtp_very_high"]),
        ),
    )


def worth_frame(scenario: Scenario, words: Words) -> Html:
    """For whom, over how long, from whose side and in which prices the value is counted."""
    case, parameters = scenario.case, scenario.parameters
    funnel = [case.eligible.incident, *case.eligible.shares]
    return note(
        words.label(case.question),
        words(
            "worth_frame",
            horizon=case.horizon_years,
            year=parameters.price_year,
            cost=_rate(scenario, "discount_rate_cost", words),
            qaly=_rate(scenario, "discount_rate_qaly", words),
        ),
        words("worth_population", funnel="; ".join(words.label(parameters[name].record.label) for name in funnel)),
    )


def pace_line(scenario: Scenario, words: Words) -> Html:
    """What the agreement sets, in a sentence."""
    pace = scenario.definition.pace
    if pace is None:
        return note(words("headline_no_agreement"))
    effect = scenario.parameters[scenario.case.uptake.agreement_effect].distribution
    return note(
        words("pace_line", start=pace.start, ramp=max(pace.ramp, 1), programme=pace.programme_years),
        words("pace_effect", effect=words.percent(effect.mean) if effect else ""),
    )


def worth_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """The incremental analysis with probabilities of being cost-effective."""
    frame, limits = incremental_table(scenario, results), thresholds(scenario)
    rows = [
        [
            words.label(scenario.case.strategies[str(name)].label),
            words.number(row["cost"], -2),
            words.number(row["qaly"], 3),
            words.number(row["incremental_cost"], -2),
            words.number(row["incremental_qaly"], 3),
            words.number(row["icer"], -4),
            words(f"status.{row['status']}"),
            *(words.probability(row[limit]) for limit in limits),
        ]
        for name, row in frame.iterrows()
    ]
    columns = ("cost", "qaly", "incremental_cost", "incremental_qaly", "icer", "status")
    header = [words("strategy"), *(words(f"cea_columns.{key}") for key in columns)]
    header += [words("cea_columns.probability", wtp=words.number(wtp)) for wtp in limits.values()]
    caption = words(
        "cea_caption",
        cost=_rate(scenario, "discount_rate_cost", words),
        qaly=_rate(scenario, "discount_rate_qaly", words),
    )
    return table(caption, header, rows)


def _rate(scenario: Scenario, name: str, words: Words) -> str:
    return words.percent(scenario.parameters.fixed(name))


def pathway_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """What testing leads to by strategy, with staff's share of the cost of diagnostics."""
    case, outcomes = scenario.case, results.outcomes
    treated = outcomes["treated"]
    matched = [one.matched for one in case.classes.values() if one.matched]
    staff = staff_share_of(case, outcomes["cost_once"])
    names = [str(name) for name in outcomes["strategy"].to_numpy()]
    rows = [
        [words("found_row"), *(words.percent(float(outcomes["found"].sel(strategy=name))) for name in names)],
        [
            words("matched_row"),
            *(words.percent(float(treated.sel(strategy=name, management=matched).sum())) for name in names),
        ],
        [
            words("mismatched_row"),
            *(
                f"{words.number(100 * float(treated.sel(strategy=name, management=case.mismatched)), 1)} %"
                for name in names
            ),
        ],
        [words("staff_row"), *(words.percent(float(staff.sel(strategy=name))) for name in names)],
    ]
    return table(
        words("pathway_caption"),
        [words("strategy"), *(words.label(case.strategies[name].label) for name in names)],
        rows,
    )


def resources_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """Mean cost per patient by resource and strategy, SEK, undiscounted over the horizon."""
    case, outcomes = scenario.case, results.outcomes
    cost = (outcomes["cost"].sum("year_since_start") + outcomes["cost_once"]).to_pandas()
    names = [case.comparator, case.new]
    parts = [
        (
            words.label(case.resources[str(name)].label),
            words(f"payers.{case.resources[str(name)].unit}"),
            *(cost.loc[s, name] for s in names),
        )
        for name in cost.columns
    ]
    parts.append((words("total"), "", *(cost.loc[s].sum() for s in names)))
    rows = [
        [label, unit, words.number(old), words.number(new), words.number(new - old)] for label, unit, old, new in parts
    ]
    header = [
        words("resource"),
        words("unit"),
        *(words.label(case.strategies[s].label) for s in names),
        words("resources_difference"),
    ]
    return table(words("resources_caption"), header, rows, strong=[len(rows) - 1], text_columns=2)


def evidence_headline(scenario: Scenario, words: Words) -> Html:
    """How many parameters are learnt, read and assumed."""
    parameters = scenario.parameters
    assumed = sum(p.is_assumed for p in parameters.values())
    fitted = len(learnt(parameters))
    return lead(
        words("headline_evidence", learnt=fitted, published=len(parameters) - assumed - fitted, assumed=assumed)
    )


def studies_table(scenario: Scenario, words: Words) -> Html:
    """Every study behind the learnt shares, used or not."""
    rows = []
    for parameter in learnt(scenario.parameters):
        weights = {study: weight for study, weight in pooled_studies(parameter)}
        for study in parameter.studies:
            weight = weights.get(study, 0.0)
            rows.append(
                [
                    words.label(parameter.record.label),
                    f"{study.study} {study.year}".strip(),
                    study.country,
                    words("use.part", weight=words.percent(weight))
                    if 0 < weight < 1
                    else words("use.all" if weight else "use.none"),
                    words(f"evidence.{study.evidence}"),
                    study.source,
                    f"{words.number(study.numerator)}/{words.number(study.denominator)}",
                    f"{words.number(100 * study.numerator / study.denominator, 1)} %",
                ]
            )
    keys = ("study", "country", "use", "evidence", "source", "count", "share")
    header = [words("evidence_columns.label"), *(words(f"studies_columns.{key}") for key in keys)]
    return table(words("studies_caption"), header, rows, text_columns=6)


def diagnostics_table(scenario: Scenario, posterior: Posterior, words: Words) -> Html:
    """r-hat and effective sample sizes of what was fitted."""
    rows = [
        [
            words.label(scenario.parameters[str(name)].record.label),
            words.number(row["r_hat"], 3),
            words.number(row["ess_bulk"]),
            words.number(row["ess_tail"]),
        ]
        for name, row in posterior.diagnostics.iterrows()
    ]
    header = [
        words("evidence_columns.label"),
        *(words(f"diagnostics_columns.{key}") for key in ("r_hat", "ess_bulk", "ess_tail")),
    ]
    return table(words("diagnostics_caption"), header, rows)


def parameters_table(scenario: Scenario, draws: xr.Dataset, words: Words) -> Html:
    """All parameters: mean and 95 % interval in the model's unit, conversion of money, grade and source."""
    rows = []
    for name, parameter in scenario.parameters.items():
        record, values = parameter.record, draws[name]
        if "draw" in values.dims:
            one = interval_frame(xr.DataArray(values.to_numpy().ravel(), dims="draw")).iloc[0]
            shown = words.span(one)
        else:
            shown = words.figure(float(values))
        conversion = words("not_applicable")
        if record.price_year is not None:
            rate = words.label(scenario.parameters[parameter.rate].record.label) if parameter.rate else ""
            conversion = words.figure(parameter.factor) + (f" × {rate}" if rate else "")
        grade = words(f"evidence.{record.evidence}")
        if record.interval_evidence:
            grade = f"{grade} ({words('evidence_columns.interval')}: {words('evidence.assumption')})"
        if record.price_year_evidence and record.evidence != "assumption":
            grade = f"{grade} ({words('evidence_columns.price_year').lower()}: {words('evidence.assumption')})"
        rows.append(
            [
                words.label(record.label),
                words.data(parameter.unit),
                grade,
                " ".join(words.data(part) for part in (record.source.title, record.source.where) if part),
                str(record.price_year or words("not_applicable")),
                conversion,
                shown,
            ]
        )
    keys = ("label", "unit", "grade", "source", "price_year", "factor", "value")
    note = words("conversion_note", rates=words("conversion_rates"), year=scenario.parameters.price_year)
    return table(
        f"{words('evidence_caption')}. {note}", [words(f"evidence_columns.{key}") for key in keys], rows, text_columns=4
    )
