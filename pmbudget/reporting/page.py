"""HTML that opens offline and can be mailed: a report from an executed notebook, and the page that compares runs."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from pmbudget.reporting.store import RunSummary
from pmbudget.reporting.tables import PAYER_ROWS, TOTALS, Html, lead, table
from pmbudget.reporting.words import Words
from pmbudget.vocabulary import LANGUAGES, REFERENCES


@cache
def _css() -> str:
    return (files("pmbudget.reporting") / "template" / "page.css").read_text("utf-8")


def notebook_html(notebook: Any, *, language: str, title: str, made: str, quick: bool = False) -> str:
    """An executed notebook as one HTML file: prose in one language, outputs, no code, no script, no link to the outside."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    words = Words(language)
    folder = files("pmbudget.reporting") / "template"
    config = Config()
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_cell_tags = {f"lang-{other}" for other in LANGUAGES if other != language}
    config.TagRemovePreprocessor.remove_all_outputs_tags = {"parameters", "injected-parameters"}
    config.HTMLExporter.preprocessors = ["nbconvert.preprocessors.TagRemovePreprocessor"]
    exporter = HTMLExporter(
        config=config, template_name=folder.name, extra_template_basedirs=[str(folder.parent)], embed_images=False  # type: ignore[attr-defined]
    )
    resources = {
        "language": language,
        "page_title": title,
        "css": _css(),
        "skip": words("skip"),
        "made": made,
        "warning": words("quick_warning") if quick else "",
    }
    body, _ = exporter.from_notebook_node(notebook, resources=resources)
    return body


def comparison_tables(runs: Sequence[RunSummary], words: Words) -> Html:
    """Net budget by payer for each run, five and ten years, against each reference, MSEK and SEK per inhabitant."""
    tables = []
    periods = list(dict.fromkeys(runs[0].figures.query("measure == 'net_budget'")["period"]))
    for reference in REFERENCES:
        for period in periods:
            rows = []
            payers: list[str] = []
            for run in runs:
                found = {
                    measure: run.figures.query(
                        "measure == @measure and reference == @reference and period == @period"
                    ).set_index("payer")
                    for measure in ("net_budget", "net_budget_per_inhabitant")
                }
                payers = [payer for payer in PAYER_ROWS if payer in found["net_budget"].index]
                row = [words.label(run.scenario)]
                for payer in payers:
                    one = found["net_budget"].loc[payer]
                    row.append(words.span(words.msek(one["mean"]), words.msek(one["lower"]), words.msek(one["upper"])))
                    if payer in TOTALS:
                        each = found["net_budget_per_inhabitant"].loc[payer]
                        row.append(words.span(*(words.figure(each[end]) for end in ("mean", "lower", "upper"))))
                rows.append(row)
            header = [words("scenario")]
            for payer in payers:
                header.append(f"{words(f'payers.{payer}')}, {words('msek')}")
                if payer in TOTALS:
                    header.append(f"{words(f'payers.{payer}')}, {words('sek_per_inhabitant')}")
            caption = f"{words(f'reference_titles.{reference}')}, {period}. {words('interval_note')}"
            tables.append(table(caption, header, rows))
    return Html("".join(tables))


def worth_comparison(runs: Sequence[RunSummary], words: Words) -> Html:
    """Incremental cost and QALY, ICER or dominance, probability at the norms' thresholds, for each run."""
    rows, limits = [], ("wtp_moderate", "wtp_very_high")
    wtp = {limit: float(runs[0].figures.query("measure == 'threshold' and reference == @limit")["mean"].iloc[0]) for limit in limits}
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
                words.span(*(words.number(cost[end], -2) for end in ("mean", "lower", "upper"))),
                words.span(*(words.figure(qaly[end]) for end in ("mean", "lower", "upper"))),
                verdict,
                *(words.percent(probability[limit]) for limit in limits),
            ]
        )
    header = [words("scenario"), *(words(f"index_worth_columns.{key}") for key in ("incremental_cost", "incremental_qaly", "icer"))]
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
    """Each run in a sentence: what it costs the state and the regions over the first period, and how far the runs lie apart."""
    sentences, totals = [], []
    for run in runs:
        budget = run.figures.query("measure == 'net_budget' and reference == 'today'")
        period = budget["period"].iloc[0]
        by_payer = budget[budget["period"] == period].set_index("payer")["mean"]
        totals.append(by_payer["all"])
        sentences.append(
            words(
                "index_lead",
                scenario=words.label(run.scenario),
                state=words.msek(by_payer["state"]),
                regions=words.msek(by_payer["regions_together"]),
                period=period,
            )
        )
    apart = words("index_difference", difference=words.msek(max(totals) - min(totals))) if len(runs) > 1 else ""
    return lead(*sentences, apart)


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
        count=words.number(len({words.label(run.scenario) for run in runs})),
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
