"""Chapter 02: the model held against what was read, each difference explained; nothing for a case without checks."""

import pandas as pd
import xarray as xr

from pmbudget.inputs.scenarios import Scenario
from pmbudget.inputs.validation import Check
from pmbudget.questions.validation import Compared, compared
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, as_stored, note, table
from pmbudget.reporting.words import Words, decimals_stated

THOUSANDS = 1e5
"""Figures from here on are told to the thousand."""


def validation_section(scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset, words: Words) -> Html:
    """The case's checks: how many of the figures read lie inside the model's intervals, which do not, all figures, and why they differ."""
    found = compared(scenario, draws, outcomes)
    if not found:
        return Html("")
    return Html(note(*verdict(found, words)) + checks_table(found, words) + explained_table(found, words))


def verdict(found: list[Compared], words: Words) -> list[str]:
    """How many of the figures that can be compared lie inside the model's 95 % interval, and which lie outside."""
    alike = [one for one in found if one.check.alike]
    outside = [one for one in alike if not _holds(_row(one), one.check.value)]
    said = [words("validation.inside", inside=len(alike) - len(outside), number=len(alike))]
    if outside:
        names = "; ".join(words.inside(one.check.label) for one in outside)
        said.append(words("validation.outside", labels=names))
    return said


def _row(one: Compared) -> pd.Series:
    return interval_frame(one.model).iloc[0]


def _holds(row: pd.Series, value: float) -> bool:
    return bool(row["lower"] <= value <= row["upper"])


def checks_table(found: list[Compared], words: Words) -> Html:
    """The model's figure with its interval, what was read, and the first over the second."""
    body = [
        [
            _name(one.check, words),
            figure(_row(one), one.check, words),
            figure(_read(one.check), one.check, words),
            words.number(_row(one)["mean"] / one.check.value, 2) if one.check.alike else words("not_applicable"),
            ", ".join(part for part in (one.check.when, words(f"evidence.{one.check.evidence}")) if part),
        ]
        for one in found
    ]
    header = [words(f"validation.columns.{key}") for key in ("label", "model", "read", "ratio", "when")]
    return table(f"{words('validation.caption')}. {words('interval_note')}", header, body, words_from=4)


def explained_table(found: list[Compared], words: Words) -> Html:
    """Why the model's figure and the one read differ, and where the latter stands."""
    body = [
        [
            words.label(one.check.label),
            words.label(one.check.explained),
            as_stored(". ".join(part for part in (one.check.source.title, one.check.source.where) if part), words),
        ]
        for one in found
    ]
    header = [words(f"validation.columns.{key}") for key in ("what", "explained", "source")]
    return table(words("validation.caption_explained"), header, body, text_columns=3)


def _name(check: Check, words: Words) -> str:
    return f"{words.label(check.label)} ({words.data(check.unit)})"


def _read(check: Check) -> pd.Series:
    ends = (check.value, check.value) if check.lower is None else (check.lower, check.upper)
    return pd.Series({"mean": check.value, "lower": ends[0], "upper": ends[1]})


def figure(row: pd.Series, check: Check, words: Words) -> str:
    """A figure with its interval, shares in per cent, with the decimals of what was read; alone where both ends are the figure."""
    per, sign = (0.01, words("percent_sign")) if check.unit == "share" else (1.0, "")
    digits = decimals_stated(*_read(check) / per)
    if check.value >= THOUSANDS:
        row = row.round(-3)
    if row["lower"] == row["upper"] == row["mean"]:
        return words.number(row["mean"] / per, digits) + sign
    return words.span(row, per=per, digits=digits) + sign
