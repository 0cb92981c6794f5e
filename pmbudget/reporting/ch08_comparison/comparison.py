"""Chapter 08 and the index: runs side by side.

The pages answer: what introduction costs and buys in each scenario (headline, worth), for whom (payers), how sure (intervals, simulation
error, ranks only where paired draws bear them), resting on what (share of assumptions), and what next (each scenario's chapters).
"""

import html
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pmbudget.appraisal.ranking import ERRORS, simulation_error, surely_best
from pmbudget.inputs.norms import THRESHOLDS
from pmbudget.reporting.figures import PAYER_ORDER, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.markup import PAYER_COLUMNS, Html, lead, table
from pmbudget.reporting.store import RunSummary
from pmbudget.reporting.summary import KNOWN_USE
from pmbudget.reporting.value import turned
from pmbudget.reporting.verdict import ratio_words
from pmbudget.reporting.words import Words
from pmbudget.vocabulary import REFERENCES


def by_case(runs: Sequence[RunSummary]) -> list[list[RunSummary]]:
    """The runs of each case together, in the order in which cases come."""
    names = dict.fromkeys(run.case_name for run in runs)
    return [[run for run in runs if run.case_name == name] for name in names]


def each_case(runs: Sequence[RunSummary], piece: Callable[..., Html], words: Words) -> Html:
    """A piece of a page for each case, under the case's name where there are several."""
    groups = by_case(runs)
    titles = [f"<h3>{html.escape(words.label(own[0].case))}</h3>" if len(groups) > 1 else "" for own in groups]
    return Html("".join(title + piece(own, words_of(own[0], words)) for title, own in zip(titles, groups, strict=True)))


def words_of(run: RunSummary, words: Words) -> Words:
    """The words in which a run's case is told: one without tests in words that speak of none."""
    return replace(words, tests=run.has_tests)


def run_label(run: RunSummary, runs: Sequence[RunSummary], words: Words) -> str:
    """A run's name, with its case where there are several."""
    several = len({one.case_name for one in runs}) > 1
    return f"{words.label(run.scenario)}, {words.label(run.case)}" if several else words.label(run.scenario)


def comparison_headline(runs: Sequence[RunSummary], words: Words) -> Html:
    """What introduction costs at the least and the most, what it buys, whether it is worth it, and each run in a sentence."""
    period = _indexed(runs[0], "net_budget").index.get_level_values("period")[0]
    budgets = [_indexed(run, "net_budget").loc["today", period] for run in runs]
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
    ranks = [*_ranks(runs, "net_budget", period, words), *_ranks(runs, "programme_inmb", _longest(runs), words)]
    worth, rests = _worth_sentences(runs, words), _rests_sentence(runs, words)
    return lead(
        _first_words(runs, period, words),
        *each,
        *strategies_sentences(runs, words),
        *ranks,
        *worth,
        rests,
        _simulation_error(runs, period, words),
    )


def _first_words(runs: Sequence[RunSummary], period: str, words: Words) -> str:
    """What introduction costs all payers at the least and the most; of one run alone with its interval."""
    everyone = [_indexed(run, "net_budget").loc["today", period, "all"] for run in runs]
    if len(runs) == 1:
        return words("index_answer_one", period=period, amount=words.span_msek(everyone[0]))
    least, most = (end(row["mean"] for row in everyone) for end in (min, max))
    key = "index_answer" if least >= 0 else "index_answer_signs"
    return words(key, period=period, least=words.msek(least), most=words.msek(most))


def strategies_sentences(runs: Sequence[RunSummary], words: Words) -> list[str]:
    """What the runs roll out that is not in use today, in a sentence for each strategy with the runs that do."""
    pairs: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        if run.has_agreement and run.new != run.in_use:
            pair = (words.inside(run.new), words.inside(run.in_use))
            pairs.setdefault(pair, []).append(words("quoted", text=words.label(run.scenario)))
    return [
        words("index_rolls_out", new=new, in_use=in_use, scenarios=", ".join(names))
        for (new, in_use), names in pairs.items()
    ]


def _simulation_error(runs: Sequence[RunSummary], period: str, words: Words) -> str:
    """Two Monte Carlo standard errors of the figures that the page leads with, the largest among the runs."""
    errors = {
        key: max(ERRORS * simulation_error(run.paired(measure, "today", which)) for run in runs) / 1e6
        for key, measure, which in (
            ("simulation_error_budget", "net_budget", period),
            ("simulation_error_inmb", "programme_inmb", _longest(runs)),
        )
    }
    said = {"simulation_error_budget": period, "simulation_error_inmb": _longest(runs)}
    parts = [words(key, error=words.number(error, 1), period=said[key]) for key, error in errors.items()]
    draws = min(len(run.paired("net_budget", "today", period)) for run in runs)
    key = "simulation_error_most" if len(runs) > 1 else "simulation_error"
    return words(key, draws=words.number(draws), parts=words("and").join(parts))


def _longest(runs: Sequence[RunSummary]) -> str:
    return str(_indexed(runs[0], "net_budget").index.get_level_values("period").unique()[-1])


def _ranks(runs: Sequence[RunSummary], measure: str, period: str, words: Words) -> list[str]:
    """Which run stands lowest and which highest, each only where paired draws tell it from every other; nothing for one run alone."""
    if len(runs) < 2:
        return []
    draws = [run.paired(measure, "today", period) for run in runs]
    if len({len(one) for one in draws}) > 1:
        return [words("index_unpaired")]
    low, high = (surely_best(np.array(draws), largest=largest) for largest in (False, True))
    said = {
        name: words("quoted", text=words.label(runs[place].scenario))
        for name, place in (("low", low), ("high", high))
        if place is not None
    }
    key = f"index_rank_{measure}_" + ("both" if len(said) == 2 else next(iter(said), "none"))
    loses = (
        [] if high is None or measure != "programme_inmb" else _loses_health(runs[high], said["high"], period, words)
    )
    return [words(key, period=period, **said), *loses]


def _loses_health(run: RunSummary, name: str, period: str, words: Words) -> list[str]:
    """That the run that is best loses health and saves money, where it does."""
    own = run.figures.query("reference == 'today' and period == @period").set_index("measure")
    qaly, cost = own.loc["programme_qaly"], own.loc["programme_cost"]
    if round(qaly["mean"]) >= 0 or cost["mean"] >= 0:
        return []
    told = {"qaly": words.span(turned(qaly), digits=0), "cost": words.span_msek(turned(cost))}
    return [words("index_rank_loses", high=name, **told)]


def known_use_comparison(runs: Sequence[RunSummary], words: Words) -> Html:
    """What introduction costs all payers in each run were today's use known, value by value, and as counted; a table for each period.

    A dash where a run does not show a value that another shows; nothing for a case that shows none.
    """
    known = [run.figures[run.figures["measure"] == KNOWN_USE].set_index(["period", "reference"]) for run in runs]
    periods, values = (pd.concat(known).index.unique(level) for level in ("period", "reference"))
    values = sorted(values, key=float)
    if not values:
        return Html("")
    known = [one.reindex(pd.MultiIndex.from_product([periods, values])) for one in known]
    stated = [_indexed(run, "net_budget") for run in runs]
    header = [
        words("scenario"),
        *(words.percent(float(value)) for value in values),
        words("index_today_stated"),
    ]
    tables = []
    for period in periods:
        rows = [
            [
                words.label(run.scenario),
                *(words.span_msek(at.loc[period, value]) for value in values),
                words.span_msek(budget.loc["today", period, "all"]),
            ]
            for run, at, budget in zip(runs, known, stated, strict=True)
        ]
        caption = words("index_today_caption", period=period)
        tables.append(table(f"{caption}. {words('interval_note')}", header, rows))
    return Html("".join(tables))


def value_comparison(runs: Sequence[RunSummary], words: Words) -> Html:
    """What each run's programme is worth and buys against today's use, the longest period first: net benefit, QALYs, cost, tests."""
    periods = list(dict.fromkeys(runs[0].figures.query("measure == 'tests'")["period"]))[::-1]
    leading = runs[0].figures.query("measure == 'leading_threshold'").iloc[-1]
    limit, wtp = leading["reference"], float(leading["mean"])
    tables = []
    for period in periods:
        rows = []
        for run in runs:
            own = run.figures.query("reference == 'today' and period == @period").set_index("measure")
            reached = run.figures.query("measure == 'coverage' and reference == 'new' and period == @period").iloc[0]
            at = own[own["threshold"] == limit]
            rows.append(
                [
                    words.label(run.scenario),
                    words.span_msek(at.loc["programme_inmb"]),
                    words.probability(at.loc["p_programme_better", "mean"]),
                    words.span(own.loc["programme_qaly"], digits=1),
                    words.span_msek(own.loc["programme_cost"]),
                    words.span(own.loc["tests"], digits=0),
                    words.span(reached, per=0.01, digits=0),
                    words.span(own.loc["lost"], digits=1),
                    words.number(own.loc["cost_per_extra_test", "mean"], -3),
                ]
            )
        keys = ("inmb", "better", "qaly", "cost", "tests", "reached", "lost", "per_test")
        header = [words("scenario"), *(words(f"index_value_columns.{key}", wtp=words.number(wtp)) for key in keys)]
        caption = words("index_value_caption", period=period)
        tables.append(table(f"{caption}. {words('interval_note')}", header, rows))
    return Html("".join(tables))


def _worth_sentences(runs: Sequence[RunSummary], words: Words) -> list[str]:
    """Value for money: once where all runs agree, as when they differ in pace alone, else for each run."""
    said = [_worth_sentence(run, words) for run in runs]
    comparator = words.inside(runs[0].comparator)
    if len(set(said)) == 1:
        return [words("index_worth_same", comparator=comparator, worth=said[0])]
    return [
        words("index_worth_each", comparator=comparator, scenario=words.label(run.scenario), worth=one)
        for run, one in zip(runs, said, strict=True)
    ]


def _worth_sentence(run: RunSummary, words: Words) -> str:
    key = run.figures.query("measure == 'verdict'").iloc[0]["reference"]
    verdict = words(f"verdict_{key}", icer=_ratio(run, words))
    verdict = verdict[:1].upper() + verdict[1:]
    chance = run.figures.query("measure == 'p_cost_effective'").set_index("reference")["mean"]
    wtp = run.figures.query("measure == 'leading_threshold'").set_index("reference")["mean"]
    chances = [
        words("index_chance", chance=words.probability(chance[name]), wtp=words.number(wtp[name])) for name in wtp.index
    ]
    worth = words("index_worth_sentence", verdict=verdict, chances=words("and").join(chances))
    return " ".join([worth, *(_structure_sentence(run, name, words) for name in wtp.index)]).strip()


def _structure_sentence(run: RunSummary, limit: str, words: Words) -> str:
    """Whether the decision of the main analysis at a threshold survives other structures; nothing of a run that tried none."""
    found = run.figures[run.figures["measure"].str.startswith("structures")]
    if found.empty:
        return ""
    own = found[found["threshold"] == limit].set_index("measure")
    kept, ends = own.loc["structures_kept", "mean"], own.loc["structures_inmb"]
    wtp = run.figures.query("measure == 'threshold'").set_index("reference").loc[limit, "mean"]
    gaps = {"count": words.number(own.loc["structures", "mean"]), "wtp": words.number(wtp)}
    gaps |= {"low": words.number(ends["lower"]), "high": words.number(ends["upper"])}
    if pd.isna(kept):
        return words("index_structures_undecided", **gaps)
    return words("index_structures", kept=words.number(kept), **gaps)


def _ratio(run: RunSummary, words: Words) -> str:
    """A run's ratio of cost to health, with the digits that its simulation error allows."""
    mean, error = (float(run.figures.query("measure == @name").iloc[0]["mean"]) for name in ("icer", "icer_error"))
    return ratio_words(mean, words, error)


def _rests_sentence(runs: Sequence[RunSummary], words: Words) -> str:
    shares = (
        pd.concat([run.figures.query("measure == 'assumption_share'") for run in runs])
        .groupby("reference")["mean"]
        .max()
    )
    return words("index_rests", **{name: words.percent(share) for name, share in shares.items()})


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
    columns = [(payer, period) for payer in ("all", "state", "regions_together") for period in periods]
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
        cost, qaly = (figures.loc[name] for name in ("incremental_cost", "incremental_qaly"))
        key = run.figures.query("measure == 'verdict'").iloc[0]["reference"]
        verdict = {"icer": _ratio(run, words), "southwest": words("saves", icer=_ratio(run, words))}.get(key)
        probability = run.figures.query("measure == 'p_cost_effective'").set_index("reference")["mean"]
        rows.append(
            [
                words.label(run.scenario),
                words.span(cost, digits=-2),
                words.span(qaly, digits=3),
                verdict or words(f"index_verdict.{key}"),
                *(words.probability(probability[limit]) for limit in limits),
            ]
        )
    header = [
        words("scenario"),
        *(words(f"index_worth_columns.{key}") for key in ("incremental_cost", "incremental_qaly", "icer")),
    ]
    header += [words("index_worth_columns.probability", wtp=words.number(wtp[limit])) for limit in limits]
    if len({tuple(row[1:]) for row in rows}) == 1 and len(rows) > 1:
        rows = [[words("index_all_alike"), *rows[0][1:]]]
    caption = words("index_worth_caption", comparator=words.inside(runs[0].comparator))
    return table(f"{caption}. {words('interval_note')}", header, rows)


def assumption_comparison(runs: Sequence[RunSummary], words: Words) -> Html:
    """Share of expected cost and of variance that rests on assumptions, for each run."""
    kinds = ("cost", "variance_today", "variance_unplanned", "cost_patient", "variance_inmb")
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
    labels = [run_label(run, runs, words) for run in runs]
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
    several = len(by_case(runs)) > 1
    told = {} if several else {"least": words.msek(min(totals)), "most": words.msek(max(totals))}
    title = words("compare_title_cases" if several else "compare_title", period=period, **told)
    axis.set_title(wrapped(title, 95), loc="left", fontweight="bold", fontsize=12)
    figure.tight_layout()
    return picture(figure, words("compare_alt"))
