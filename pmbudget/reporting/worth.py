"""Chapter 03: is it worth it, for whom it is counted, and how sure that is."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal import ceac, ceaf, expected_loss, net_monetary_benefit
from pmbudget.breakdown import Breakdown
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.frames import (
    NORMS,
    incremental_table,
    increments,
    interval_frame,
    judged,
    staff_share_of,
    thresholds,
)
from pmbudget.reporting.markup import Html, lead, note, rate, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results

WIDTH = 5.8
"""Inches: one panel that can be read on a telephone too."""


def ratio_words(value: float, words: Words) -> str:
    """A ratio with three digits that matter, since more would pretend to know."""
    if not np.isfinite(value) or value == 0:
        return words.number(value)
    return words.number(value, int(2 - np.floor(np.log10(abs(value)))))


def verdict_words(cost: float, qaly: float, words: Words) -> str:
    """What an incremental cost and QALY gain amount to, for a cell: a ratio of means, or a word; never a negative ratio."""
    verdict, ratio = judged(cost, qaly)
    return {
        "icer": lambda: ratio_words(ratio, words),
        "dominant": lambda: words("dominant"),
        "dominated": lambda: words("dominated"),
        "equal": lambda: words("equal"),
        "southwest": lambda: words("saves", icer=ratio_words(ratio, words)),
    }[verdict]()


def stands_out(influence: pd.DataFrame) -> pd.Series:
    """Which shares of variance chance does not explain: more than three standard errors, since there are many to choose from."""
    return influence["share"] > 3 * influence["se"]


def strategy_labels(scenario: Scenario, words: Words) -> dict[str, str]:
    """The label of each strategy."""
    return {name: words.label(one.label) for name, one in scenario.case.strategies.items()}


def difference(scenario: Scenario, values: xr.DataArray) -> xr.DataArray:
    """The new strategy less the comparator."""
    case = scenario.case
    return values.sel(strategy=case.new, drop=True) - values.sel(strategy=case.comparator, drop=True)


def worth_headline(
    scenario: Scenario, results: Results, parts: Breakdown, influence: pd.DataFrame, words: Words
) -> Html:
    """The verdict, its probability at the norms' thresholds, and what decides it."""
    cost, qaly = increments(scenario, results)
    labels, wtp = strategy_labels(scenario, words), thresholds(scenario)
    case = scenario.case
    new, comparator = labels[case.new], labels[case.comparator]
    probability = incremental_table(scenario, results).loc[case.new]
    first = ceaf(results.cost, results.qaly, list(wtp.values()))["optimal"].to_numpy()
    return lead(
        _verdict_sentence(cost, qaly, new, comparator, words),
        words(
            "headline_probability",
            new=new.lower(),
            p_moderate=words.probability(probability["wtp_moderate"]),
            wtp_moderate=words.number(wtp["wtp_moderate"]),
            p_very_high=words.probability(probability["wtp_very_high"]),
            wtp_very_high=words.number(wtp["wtp_very_high"]),
        )
        + " "
        + (
            words("headline_same_best", best=labels[first[0]].lower())
            if first[0] == first[1]
            else words("headline_other_best", first=labels[first[0]].lower(), second=labels[first[1]].lower())
        ),
        _deciding_sentence(scenario, parts, influence, words),
    )


def _verdict_sentence(cost: xr.DataArray, qaly: xr.DataArray, new: str, comparator: str, words: Words) -> str:
    """Every amount is told as what it is, more or less, so that none is negative in print."""
    told = {}
    for name, values, digits in (("cost", cost, -2), ("qaly", qaly, 3)):
        row = interval_frame(values).iloc[0]
        way = "more" if row["mean"] >= 0 else "less"
        low, high = (row["lower"], row["upper"]) if way == "more" else (-row["upper"], -row["lower"])
        numbers = {"mean": abs(row["mean"]), "low": low, "high": high}
        told[name] = words(
            f"headline_{name}_{way}", **{key: words.number(value, digits) for key, value in numbers.items()}
        )
    verdict, ratio = judged(float(cost.mean()), float(qaly.mean()))
    return words(
        "headline_cea",
        new=new,
        comparator=comparator.lower(),
        cost=told["cost"],
        qaly=told["qaly"],
        verdict=words(f"verdict_{verdict}", icer=ratio_words(ratio, words)),
    )


def _deciding_sentence(scenario: Scenario, parts: Breakdown, influence: pd.DataFrame, words: Words) -> str:
    """The classes that gain and lose most, and the parameter that the uncertainty hangs most on."""
    wtp = thresholds(scenario)["wtp_very_high"]
    gains = (parts.benefit(scenario.case, wtp) * parts.share).mean("draw").to_series().sort_values()
    label = {name: words.label(one.label) for name, one in scenario.case.classes.items()}
    told = words(
        "headline_classes",
        most=label[gains.index[-1]],
        least=label[gains.index[0]],
        gain=words.number(gains.iloc[-1], -2),
        loss=words.number(gains.iloc[0], -2),
        wtp=words.number(wtp),
    )
    if not stands_out(influence).any():
        return f"{told} {words('headline_no_parameter')}"
    name = str(influence.index[0])
    return f"{told} " + words(
        "headline_parameter",
        parameter=words("quoted", text=words.label(scenario.parameters[name].record.label)),
        share=words.percent(float(influence["share"].iloc[0])),
        grade=words(f"evidence.{scenario.parameters[name].record.evidence}"),
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
            cost=rate(scenario, "discount_rate_cost", words),
            qaly=rate(scenario, "discount_rate_qaly", words),
        ),
        words("worth_population", funnel="; ".join(words.label(parameters[name].record.label) for name in funnel)),
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
            ratio_words(row["icer"], words),
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
        cost=rate(scenario, "discount_rate_cost", words),
        qaly=rate(scenario, "discount_rate_qaly", words),
    )
    return table(caption, header, rows)


def thresholds_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """At each threshold: which strategy is best on average, how probably the new one is, what it gains, what each choice may lose."""
    case, labels = scenario.case, strategy_labels(scenario, words)
    norms = sorted(
        ((name, scenario.parameters.fixed(name)) for name in NORMS if name in scenario.parameters), key=lambda x: x[1]
    )
    cost, qaly = increments(scenario, results)
    rows = []
    for name, wtp in norms:
        frontier = ceaf(results.cost, results.qaly, wtp)
        loss = expected_loss(results.cost, results.qaly, wtp)
        gain = interval_frame(net_monetary_benefit(cost, qaly, wtp)).iloc[0]
        record = scenario.parameters[name].record
        rows.append(
            [
                words.label(record.label),
                words(f"evidence.{record.evidence}"),
                words.number(wtp),
                labels[str(frontier["optimal"].item())],
                words.probability(float(ceac(results.cost, results.qaly, wtp).sel(strategy=case.new))),
                words.span(gain, per=1e3, digits=1),
                *(words.number(float(loss.sel(strategy=one)), -2) for one in (case.new, case.comparator)),
            ]
        )
    header = [words(f"norm_columns.{key}") for key in ("norm", "grade", "wtp", "best")]
    new, comparator = labels[case.new].lower(), labels[case.comparator].lower()
    header += [words("norm_columns.probability", new=new), words("norm_columns.gain")]
    header += [words("norm_columns.loss", strategy=one) for one in (new, comparator)]
    return table(words("norm_caption"), header, rows, text_columns=2)


def severity_note(scenario: Scenario, parts: Breakdown, words: Words) -> Html:
    """How severe the disease is under today's care, as the shortfall of QALYs, and what that can be used for."""
    sources = words("severity_thresholds")
    if scenario.case.utility_population is None:
        return note(words("severity_unknown"), sources)
    lost = parts.shortfall(scenario.case.comparator)
    absolute, share = (interval_frame(lost[name]).iloc[0] for name in ("absolute", "proportional"))
    return note(
        words(
            "severity",
            absolute=words.span(absolute, digits=1),
            expected=words.number(float(parts.population_health.mean()), 1),
            share=words.percent(share["mean"]),
            low=words.percent(share["lower"]),
            high=words.percent(share["upper"]),
        ),
        sources,
    )


def pathway_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """What testing leads to by strategy, with staff's share of the cost of diagnostics."""
    case, outcomes = scenario.case, results.outcomes
    treated = outcomes["treated"]
    staff = staff_share_of(case, outcomes["cost_once"])
    names = [str(name) for name in outcomes["strategy"].to_numpy()]
    rows = [
        [words("found_row"), *(words.percent(float(outcomes["found"].sel(strategy=name))) for name in names)],
        [
            words("matched_row"),
            *(words.percent(float(treated.sel(strategy=name, management=case.matched).sum())) for name in names),
        ],
        [
            words("mismatched_row"),
            *(f"{words.number(100 * float(outcomes['mismatched'].sel(strategy=name)), 1)} %" for name in names),
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


def checklist_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """What CHEERS 2022 and the Swedish guidelines ask for that a reader needs to judge the analysis."""
    case, parameters = scenario.case, scenario.parameters
    labels = strategy_labels(scenario, words)
    grades = pd.Series([one.record.evidence for one in parameters.values()]).value_counts()
    funnel = [case.eligible.incident, *case.eligible.shares]
    filled: dict[str, dict[str, Any]] = {
        "population": {"funnel": "; ".join(words.label(parameters[name].record.label) for name in funnel)},
        "setting": {},
        "comparators": {
            "comparator": labels[case.comparator],
            "new": "; ".join(label for name, label in labels.items() if name != case.comparator),
        },
        "perspective": {},
        "horizon": {"years": case.horizon_years},
        "discount": {
            "cost": rate(scenario, "discount_rate_cost", words),
            "qaly": rate(scenario, "discount_rate_qaly", words),
        },
        "outcomes": {},
        "costs": {},
        "prices": {"year": parameters.price_year},
        "model": {},
        "subgroups": {"number": len(case.classes)},
        "equity": {},
        "uncertainty": {"draws": words.number(results.cost.sizes["draw"])},
        "engagement": {},
        "parameters": {
            "number": len(parameters),
            "grades": ", ".join(f"{number} {words(f'evidence.{grade}')}" for grade, number in grades.items()),
        },
        "funding": {},
    }
    rows = [
        [words(f"checklist.{key}.item"), words(f"checklist.{key}.number"), words(f"checklist.{key}.text", **gaps)]
        for key, gaps in filled.items()
    ]
    header = [words(f"checklist_columns.{key}") for key in ("item", "number", "text")]
    return table(words("checklist_caption"), header, rows, text_columns=3)
