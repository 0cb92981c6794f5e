"""HTML that opens offline and can be mailed: a report from an executed notebook, and the page that compares runs."""

from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pmbudget.reporting.ch08_comparison.comparison import (
    assumption_comparison,
    by_case,
    comparison_headline,
    comparison_tables,
    known_use_comparison,
    run_label,
    value_comparison,
    words_of,
    worth_comparison,
)
from pmbudget.reporting.store import RunSummary
from pmbudget.reporting.words import Words
from pmbudget.vocabulary import LANGUAGES


def without_empty_sections(cells: Sequence[Any]) -> list[Any]:
    """The cells without the sections (a heading and what follows to the next) whose calls show nothing."""
    sections: list[list[Any]] = [[]]
    for cell in cells:
        heads = _is_heading(cell) and not (sections[-1] and _is_heading(sections[-1][-1]))
        sections = [*sections, [cell]] if heads else [*sections[:-1], [*sections[-1], cell]]
    kept = [section for section in sections if not _is_heading(section[0]) or _shows(section)] if cells else []
    return [cell for section in kept for cell in section]


def _is_heading(cell: Any) -> bool:
    return cell["cell_type"] == "markdown" and "".join(cell["source"]).startswith("## ")


def _shows(section: Sequence[Any]) -> bool:
    """Whether a call of the section shows anything, or there is none."""
    outputs = [cell["outputs"] for cell in section if cell["cell_type"] == "code"]
    shown = [output for found in outputs for output in found if "".join(output.get("data", {}).get("text/html", "-"))]
    return bool(shown) or not outputs


@cache
def _css() -> str:
    return (files("pmbudget.reporting") / "template" / "page.css").read_text("utf-8")


def notebook_html(
    notebook: Any,
    *,
    language: str,
    title: str,
    about: str,
    index: str,
    made: str,
    quick: bool = False,
    illustration: bool = False,
    tests: bool = True,
) -> str:
    """An executed notebook as one HTML file: prose in one language, outputs, no code, no script, no link to the outside.

    ``about`` says above the heading what the page is about; ``index`` is the way to the page that compares. Cells tagged ``with-tests`` are
    for cases with ``tests`` alone, those tagged ``without-tests`` for the others.
    """
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    words = Words(language)
    notebook = deepcopy(notebook)
    notebook["cells"] = without_empty_sections(notebook["cells"])
    folder = Path(str(files("pmbudget.reporting"))) / "template"
    config = Config()
    config.TagRemovePreprocessor.enabled = True
    other_languages = {f"lang-{other}" for other in LANGUAGES if other != language}
    config.TagRemovePreprocessor.remove_cell_tags = other_languages | {"without-tests" if tests else "with-tests"}
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
        "illustration": words("illustration_warning") if illustration else "",
    }
    body, _ = exporter.from_notebook_node(notebook, resources=resources)
    return body


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
    cases = []
    for own in by_case(runs):
        said = words_of(own[0], words)
        cases.append(
            {
                "label": words.label(own[0].case),
                "answer": _safe(comparison_headline(own, said)),
                "today": _safe(known_use_comparison(own, said)),
                "value": _safe(value_comparison(own, said)),
                "budget": _safe(comparison_tables(own, said)),
                "worth": _safe(worth_comparison(own, said)),
                "assumptions": _safe(assumption_comparison(own, said)),
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
        illustration=any(run.illustration for run in runs),
        intro=intro,
        cases=cases,
        runs=[
            {
                "label": run_label(run, runs, words),
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
