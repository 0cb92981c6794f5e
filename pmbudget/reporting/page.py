"""HTML that opens offline and can be mailed: a report from an executed notebook, and the page that compares runs."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from pmbudget.reporting.store import RunSummary
from pmbudget.reporting.tables import PAYER_ROWS, TOTALS, Html, lead, table
from pmbudget.reporting.words import Words
from pmbudget.vocabulary import LANGUAGES, REFERENCES


@cache
def _css() -> str:
    return (files("pmbudget.reporting") / "template" / "page.css").read_text("utf-8")


def notebook_html(
    notebook: Any, *, language: str, title: str, about: str, index: str, made: str, quick: bool = False
) -> str:
    """An executed notebook as one HTML file: prose in one language, outputs, no code, no script, no link to the outside.

    ``about`` says above the heading what the page is about; ``index`` is the way to the page that compares.
    """
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    words = Words(language)
    folder = Path(str(files("pmbudget.reporting"))) / "template"
    config = Config()
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_cell_tags = {f"lang-{other}" for other in LANGUAGES if other != language}
    config.TagRemovePreprocessor.remove_all_outputs_tags = {"parameters", "injected-parameters"}
    config.HTMLExporter.preprocessors = ["nbconvert.preprocessors.TagRemovePreprocessor"]
    exporter = HTMLExporter(
        config=config,
        template_name=folder.name,
        extra_template_basedirs=[str(folder.parent)],
        embed_images=False,
    )
    resources = {
        "language": language,
        "page_title": title,
        "css": _css(),
        "skip": words("skip"),
        "made": made,
        "about": about,
        "index": index,
        "index_title": words("to_index"),
        "warning": words("quick_warning") if quick else "",
    }
    body, _ = exporter.from_notebook_node(notebook, resources=resources)
    return body


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
    payers = [payer for payer in PAYER_ROWS if payer in budgets[0].index.get_level_values("payer")]
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
    rows, limits = [], ("wtp_moderate", "wtp_very_high")
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


def _rests_sentence(runs: Sequence[RunSummary], words: Words) -> str:
    shares = (
        pd.concat([run.figures.query("measure == 'assumption_share'") for run in runs])
        .groupby("reference")["mean"]
        .max()
    )
    return words("index_rests", cost=words.percent(shares["cost"]), variance=words.percent(shares["variance_today"]))


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


def overview_html(
    runs: Sequence[RunSummary],
    chapters: Sequence[str],
    comparison: str,
    words: Words,
    *,
    made: str,
    quick: bool,
) -> str:
    """The page that compares the runs of a batch, by case, with relative links to the chapters of each and to the comparison."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("pmbudget.reporting", "template"), autoescape=True, trim_blocks=True)
    names = list(dict.fromkeys(run.case_name for run in runs))
    cases = []
    for name in names:
        own = [run for run in runs if run.case_name == name]
        cases.append(
            {
                "label": words.label(own[0].case),
                "answer": _safe(comparison_headline(own, words)),
                "budget": _safe(comparison_tables(own, words)),
                "worth": _safe(worth_comparison(own, words)),
                "assumptions": _safe(assumption_comparison(own, words)),
            }
        )
    intro = words(
        "index_intro",
        case=", ".join(case["label"] for case in cases),
        count=words.number(len(runs)),
        year=runs[0].price_year,
    )
    return environment.get_template("overview.html.j2").render(
        words=words,
        css=_safe(_css()),
        quick=quick,
        intro=intro,
        cases=cases,
        runs=[
            {
                "label": words.label(run.scenario),
                "reports": [(words(f"reports.{name}"), f"{run.folder}/{name}.html") for name in chapters],
            }
            for run in runs
        ],
        comparison=(words(f"reports.{comparison}"), f"{comparison}.html"),
        made=made,
    )


def _safe(text: str) -> Any:
    from markupsafe import Markup

    return Markup(str(text))
