"""Pieces of HTML that every chapter is made of: tables, the answer first on the page, notes."""

import html
from collections.abc import Sequence

from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.words import Words
from pmbudget.vocabulary import REGION_PAYERS

PAYER_ROWS = (
    *("state", "region", "clinic", "diagnostic_unit", "regions_together"),
    *("university", "manufacturer", "research_funder", "municipality", "social_insurance", "employer", "patient"),
    "all",
)

PAYER_COLUMNS = ("all", "state", *REGION_PAYERS, "regions_together", "others")
"""Payers across a page, all together first, where a narrow one shows it: those of the regions one by one, others together."""

TOTALS = ("regions_together", "all")


class Html(str):
    """A piece of HTML, shown by Jupyter as such."""

    def _repr_html_(self) -> str:
        return str(self)


class English(str):
    """Text that stands in English whatever the page's language: a note or a source as the files hold it."""


def as_stored(text: str, words: Words) -> str:
    """A note or a source of the files in the page's language, or marked as English where it has no other words."""
    said = words.data(text)
    return English(text) if said == text and text and words.language != "en" else said


def _cell(text: str) -> str:
    escaped = html.escape(text)
    return f'<span lang="en">{escaped}</span>' if isinstance(text, English) else escaped


def table(
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    strong: Sequence[int] = (),
    text_columns: int = 1,
    words_from: int = 1000,
) -> Html:
    """An HTML table: caption, scoped headers, figures to the right; ``strong`` rows are sums.

    The first ``text_columns`` columns hold words, and those from ``words_from`` on.
    """
    escape = html.escape
    texts = {*range(text_columns), *range(words_from, len(header))}
    head = "".join(
        f'<th scope="col"{"" if number in texts else " class=num"}>{escape(name)}</th>'
        for number, name in enumerate(header)
    )
    body = []
    for place, row in enumerate(rows):
        cells = [f'<th scope="row">{escape(row[0])}</th>']
        for number, cell in enumerate(row[1:], start=1):
            cells.append(f"<td{'' if number in texts else ' class=num'}>{_cell(cell)}</td>")
        body.append(f"<tr{' class=sum' if place in strong else ''}>{''.join(cells)}</tr>")
    return Html(
        f'<div class="scroll"><table><caption><span>{escape(caption)}</span></caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def collapsed(summary: str, *pieces: str) -> Html:
    """What few readers want, behind a line to open; open in print."""
    return Html(f"<details><summary>{html.escape(summary)}</summary>{''.join(pieces)}</details>")


def lead(*sentences: str) -> Html:
    """The answer, first on the page."""
    first, *rest = (html.escape(sentence) for sentence in sentences if sentence)
    return Html(f'<div class="answer"><p class="first">{first}</p>{"".join(f"<p>{part}</p>" for part in rest)}</div>')


def note(*sentences: str) -> Html:
    """What a reader needs beside the figures."""
    return Html(f'<div class="note">{"".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)}</div>')


def heading(text: str, level: int = 2) -> Html:
    """The heading of a section that only some cases have."""
    return Html(f"<h{level}>{html.escape(text)}</h{level}>")


def prose(*sentences: str) -> Html:
    """Paragraphs of running text that depend on the case."""
    return Html("".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences))


def prices_note(scenario: Scenario, words: Words) -> str:
    """Which year's prices, and that nothing is discounted."""
    return words("prices_note", year=scenario.parameters.price_year)


def broadly_tested(scenario: Scenario, words: Words) -> str:
    """What those who are broadly tested get, inside a sentence: the strategy rolled out, and the one in use where that is another."""
    strategies = scenario.case.strategies
    return words("or").join(words.inside(strategies[name].label) for name in reversed(scenario.case.broad))


def named_by_use(key: str, scenario: Scenario, words: Words) -> str:
    """What the eligible get: the new diagnostic, or broad testing of any kind where laboratories use another strategy today."""
    return words(f"{key}.{'new' if scenario.case.in_use == scenario.case.new else 'any'}")


def broad_means(scenario: Scenario, words: Words) -> str:
    """What a share reached counts where two strategies are broad testing; nothing where there is one."""
    several = len(scenario.case.broad) > 1
    return words("broad_means", broad=broadly_tested(scenario, words)) if several else ""


def rolls_out(scenario: Scenario, words: Words) -> str:
    """What a scenario rolls out and what is in use today, in a sentence; nothing where an agreement changes neither."""
    case = scenario.case
    if scenario.agreement is None or case.in_use == case.new:
        return ""
    return words(
        "rolls_out", **{name: words.inside(case.strategies[getattr(case, name)].label) for name in ("new", "in_use")}
    )


def rate(scenario: Scenario, name: str, words: Words) -> str:
    """A rate of the norms as per cent."""
    return words.percent(scenario.parameters.fixed(name))
