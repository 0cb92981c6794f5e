"""Chapter 08 and the index: runs side by side."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pmbudget.reporting.figures import PAYER_ORDER, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.frames import THRESHOLDS
from pmbudget.reporting.markup import PAYER_COLUMNS, TOTALS, Html, lead, table
from pmbudget.reporting.store import RunSummary
from pmbudget.reporting.words import Words
from pmbudget.vocabulary import REFERENCES


def comparison_headline(runs: Sequence[RunSummary], words: Words) -> Html:
    """What introduction costs at the least and the most, whether it is worth it, and each run in a sentence."""
    period = _indexed(runs[0], "net_budget").index.get_level_values("period")[0]
    budgets = [_indexed(run, "net_budget").loc["today", period] for run in runs]
    order = sorted(range(len(runs)), key=lambda place: budgets[place].loc["all", "mean"])
    least, most = order[0], order[-1]
    first = words(
        "index_answer",
        period=period,
        least=words.msek(budgets[least].loc["all", "mean"]),
        least_scenario=words("quoted", text=words.label(runs[least].scenario)),
        most=words.msek(budgets[most].loc["all", "mean"]),
        most_scenario=words("quoted", text=words.label(runs[most].scenario)),
    )
    if len(runs) == 1:
        first = words("headline_budget", period=period, today=words.span_msek(budgets[0].loc["all"]))
    each = [
        words(
            "index_each",
            scenario=words.label(run.scenario),
            all=words.span_msek(budget.loc["all"]),
            state=words.span_msek(budget.loc["state"]),
            regions=words.span_msek(budget.loc["regions_together"]),
        )
        for run, budget in zip(runs, budgets, strict=True)
    ]
    return lead(first, *each, *_worth_sentences(runs, words), _rests_sentence(runs, words))


def _worth_sentences(runs: Sequence[RunSummary], words: Words) -> list[str]:
    """Value for money: once where all runs agree, as when they differ in pace alone, else for each run."""
    said = [_worth_sentence(run, words) for run in runs]
    if len(set(said)) == 1:
        return [words("index_worth_same", worth=said[0])]
    return [
        words("index_worth_each", scenario=words.label(run.scenario), worth=one)
        for run, one in zip(runs, said, strict=True)
    ]


def _worth_sentence(run: RunSummary, words: Words) -> str:
    icer = run.figures.query("measure == 'icer'").iloc[0]
    verdict = words(f"verdict_{icer['reference']}", icer=words.number(icer["mean"], -4))
    chance = run.figures.query("measure == 'p_cost_effective'").set_index("reference")["mean"]
    wtp = run.figures.query("measure == 'threshold'").set_index("reference")["mean"]
    chances = [
        words("index_chance", chance=words.probability(chance[name]), wtp=words.number(wtp[name]))
        for name in chance.index
    ]
    return words("index_worth_sentence", verdict=verdict, chances=words("and").join(chances))


def _rests_sentence(runs: Sequence[RunSummary], words: Words) -> str:
    shares = (
        pd.concat([run.figures.query("measure == 'assumption_share'") for run in runs])
        .groupby("reference")["mean"]
        .max()
    )
    return words("index_rests", cost=words.percent(shares["cost"]), variance=words.percent(shares["variance_today"]))


def comparison_tables(runs: Sequence[RunSummary], words: Words) -> Html:
    """For each reference: net budget by payer for each run, five and ten years, MSEK; then SEK per inhabitant."""
    tables = []
    for reference in REFERENCES:
        compared = [run for run in runs if run.has_agreement or reference == "today"]
        if compared:
            tables += _reference_tables(compared, reference, words)
    return Html("".join(tables))


def _reference_tables(runs: Sequence[RunSummary], reference: str, words: Words) -> list[Html]:
    budgets = [_indexed(run, "net_budget") for run in runs]
    per_inhabitant = [_indexed(run, "net_budget_per_inhabitant") for run in runs]
    periods = list(dict.fromkeys(budgets[0].index.get_level_values("period")))
    payers = [payer for payer in PAYER_COLUMNS if payer in budgets[0].index.get_level_values("payer")]
    title, tables = words(f"reference_titles.{reference}"), []
    for period in periods:
        rows = [
            [words.label(run.scenario), *(words.span_msek(budget.loc[reference, period, payer]) for payer in payers)]
            for run, budget in zip(runs, budgets, strict=True)
        ]
        caption = f"{title}, {period}, {words('msek')}. {words('interval_note')}"
        tables.append(table(caption, [words("scenario"), *(words(f"payers.{payer}") for payer in payers)], rows))
    columns = [(payer, period) for payer in ("state", *TOTALS) for period in periods]
    rows = [
        [
            words.label(run.scenario),
            *(words.span(each.loc[reference, period, payer], digits=1) for payer, period in columns),
        ]
        for run, each in zip(runs, per_inhabitant, strict=True)
    ]
    header = [words("scenario"), *(f"{words(f'payers.{payer}')}, {period}" for payer, period in columns)]
    tables.append(table(f"{title}, {words('sek_per_inhabitant')}. {words('interval_note')}", header, rows))
    return tables


def _indexed(run: RunSummary, measure: str) -> pd.DataFrame:
    return run.figures[run.figures["measure"] == measure].set_index(["reference", "period", "payer"])


def worth_comparison(runs: Sequence[RunSummary], words: Words) -> Html:
    """Incremental cost and QALY, ICER or dominance, probability at the norms' thresholds, for each run."""
    rows, limits = [], THRESHOLDS
    wtp = {
        limit: float(runs[0].figures.query("measure == 'threshold' and reference == @limit")["mean"].iloc[0])
        for limit in limits
    }
    for run in runs:
        figures = run.figures.set_index("measure")
        cost, qaly, icer = (figures.loc[name] for name in ("incremental_cost", "incremental_qaly", "icer"))
        verdict = {
            "icer": words.number(icer["mean"], -4),
            "southwest": words("saves", icer=words.number(icer["mean"], -4)),
        }.get(icer["reference"]) or words(icer["reference"])
        probability = run.figures.query("measure == 'p_cost_effective'").set_index("reference")["mean"]
        rows.append(
            [
                words.label(run.scenario),
                words.span(cost, digits=-2),
                words.span(qaly, digits=3),
                verdict,
                *(words.probability(probability[limit]) for limit in limits),
            ]
        )
    header = [
        words("scenario"),
        *(words(f"index_worth_columns.{key}") for key in ("incremental_cost", "incremental_qaly", "icer")),
    ]
    header += [words("index_worth_columns.probability", wtp=words.number(wtp[limit])) for limit in limits]
    return table(f"{words('index_worth_caption')}. {words('interval_note')}", header, rows)


def assumption_comparison(runs: Sequence[RunSummary], words: Words) -> Html:
    """Share of expected cost and of variance that rests on assumptions, for each run."""
    kinds = ("cost", "variance_today", "variance_unplanned", "variance_inmb")
    rows = []
    for run in runs:
        share = run.figures.query("measure == 'assumption_share'").set_index("reference")["mean"]
        rows.append([words.label(run.scenario), *(words.percent(share[kind]) for kind in kinds)])
    header = [words("scenario"), *(words(f"index_assumption_columns.{kind}") for kind in kinds)]
    return table(words("index_assumption_caption"), header, rows)


def comparison_chart(runs: Sequence[RunSummary], words: Words) -> Picture:
    """Net budget against today's use by payer and run over the longest period, MSEK with 95 % intervals."""
    plt, sns = plot()
    budgets = [run.figures.query("measure == 'net_budget' and reference == 'today'") for run in runs]
    period = budgets[0]["period"].iloc[-1]
    budgets = [budget[budget["period"] == period].set_index("payer") for budget in budgets]
    payers = [payer for payer in PAYER_ORDER if payer in budgets[0].index]
    labels = [words.label(run.scenario) for run in runs]
    figure, axis = plt.subplots(figsize=(11, 1 + 0.9 * len(payers)))
    for number, (label, colour) in enumerate(zip(labels, sns.color_palette("colorblind", len(runs)), strict=True)):
        part = budgets[number].loc[payers]
        place = np.arange(len(payers)) + (number - (len(labels) - 1) / 2) * min(0.17, 0.8 / len(labels))
        axis.hlines(place, part["lower"] / 1e6, part["upper"] / 1e6, color=colour, linewidth=2)
        axis.plot(part["mean"] / 1e6, place, "o", color=colour, label=label)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yticks(range(len(payers)), [words(f"payers.{payer}") for payer in payers])
    axis.invert_yaxis()
    axis.set_xlabel(words("compare_x", period=period))
    numbered(axis.xaxis, words)
    axis.legend(loc="upper center", bbox_to_anchor=(0.4, -0.14), ncols=2, fontsize=10, frameon=False)
    totals = [budget.loc["all", "mean"] for budget in budgets]
    least, most = int(np.argmin(totals)), int(np.argmax(totals))
    title = words(
        "compare_title",
        period=period,
        least=words.msek(totals[least]),
        least_scenario=labels[least],
        most=words.msek(totals[most]),
        most_scenario=labels[most],
    )
    axis.set_title(wrapped(title, 95), loc="left", fontweight="bold", fontsize=12)
    figure.tight_layout()
    return picture(figure, words("compare_alt"))
