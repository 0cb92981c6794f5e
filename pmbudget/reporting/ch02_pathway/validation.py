"""Chapter 02: the model held against what was read, each difference explained; nothing for a case without checks."""

import pandas as pd
import xarray as xr

from pmbudget.inputs.scenarios import Scenario
from pmbudget.inputs.validation import Check
from pmbudget.questions.validation import Compared, compared
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, as_stored, note, table
from pmbudget.reporting.words import Words


def validation_section(scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset, words: Words) -> Html:
    """The case's checks: how many of the figures read lie inside the model's intervals, which do not, and the table of all."""
    found = compared(scenario, draws, outcomes)
    if not found:
        return Html("")
    return Html(note(*verdict(found, words)) + checks_table(found, words))


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
    """Model and what was read, in the same unit, their ratio, and why they differ."""
    body = []
    for one in found:
        check, row = one.check, _row(one)
        body.append(
            [
                f"{words.label(check.label)} ({words.data(check.unit)})",
                figure(row, check, words),
                figure(_read(check), check, words),
                words.number(row["mean"] / check.value, 2) if check.alike else words("not_applicable"),
                ", ".join(part for part in (check.when, words(f"evidence.{check.evidence}")) if part),
                words.label(check.explained),
                as_stored(". ".join(part for part in (check.source.title, check.source.where) if part), words),
            ]
        )
    keys = ("label", "model", "read", "ratio", "when", "explained", "source")
    header = [words(f"validation.columns.{key}") for key in keys]
    return table(f"{words('validation.caption')}. {words('interval_note')}", header, body, words_from=4)


def _read(check: Check) -> pd.Series:
    ends = (check.value, check.value) if check.lower is None else (check.lower, check.upper)
    return pd.Series({"mean": check.value, "lower": ends[0], "upper": ends[1]})


def figure(row: pd.Series, check: Check, words: Words) -> str:
    """A figure with its interval as its unit is read, shares in per cent; without one where both ends are the figure."""
    per, sign = (0.01, words("percent_sign")) if check.unit == "share" else (1.0, "")
    if row["lower"] == row["upper"] == row["mean"]:
        return words.figure(row["mean"] / per) + sign
    return words.span(row, per=per) + sign
