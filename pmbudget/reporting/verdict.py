"""What an increment may be called, with how many digits, and at which threshold it is told: no more than draws and norms allow."""

from typing import Any

import numpy as np
import xarray as xr

from pmbudget.appraisal.cea import ratio
from pmbudget.appraisal.increment import Increment
from pmbudget.appraisal.ranking import ERRORS, simulation_error
from pmbudget.inputs.norms import thresholds
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.words import Words

LEVELS = {"moderate": "wtp_moderate", "very_high": "wtp_very_high"}
"""The norms' threshold for each level of severity; for a high one they state none."""


def known_digits(error: float, most: int) -> int:
    """Decimals of a figure, negative for tens and more: at most ``most``, and none finer than the place of two simulation errors.

    Examples
    --------
    >>> known_digits(237.0, -2), known_digits(640.0, -2), known_digits(0.0004, 3), known_digits(0.0, 1)
    (-2, -3, 3, 1)
    """
    return most if error <= 0 else min(most, int(-np.floor(np.log10(ERRORS * error))))


def error_words(values: Any, words: Words) -> str:
    """The simulation error of a mean over draws, with two digits."""
    return two_digits(simulation_error(values), words)


def two_digits(error: float, words: Words) -> str:
    """An error with two digits that matter."""
    return words.number(error, int(1 - np.floor(np.log10(error))) if error > 0 else 0)


def known(values: Any, words: Words, most: int) -> str:
    """The mean of draws with the digits that its simulation error allows."""
    draws = np.asarray(values, float)
    return words.number(float(draws.mean()), known_digits(simulation_error(draws), most))


def known_span(values: xr.DataArray, words: Words, most: int) -> str:
    """Mean and 95 % interval of draws with the digits that the simulation error of the mean allows."""
    return words.span(interval_frame(values).iloc[0], digits=known_digits(simulation_error(values), most))


def ratio_words(value: float, words: Words, error: float = 0.0) -> str:
    """A ratio with three digits that matter, or as many as two simulation errors allow."""
    if not np.isfinite(value) or value == 0:
        return words.number(value)
    return words.number(value, known_digits(error, int(2 - np.floor(np.log10(abs(value))))))


def verdict_key(found: Increment) -> str:
    """The text of a verdict: a ratio only where there is one, dominance as such only where both signs are sure."""
    if found.kind in ("icer", "southwest"):
        return found.kind if found.ratio_is_known else "unknown"
    if found.kind == "equal":
        return "equal"
    same_health = ratio(1.0, float(found.qaly.mean()))[0] == "dominated"
    kind = "cheaper" if found.kind == "dominant" and same_health else found.kind
    return kind if found.is_sure else f"{kind}_unsure"


def verdict_words(cost: Any, qaly: Any, words: Words) -> str:
    """What an increment (draws) amounts to, for a cell: a ratio of means, or a word; never a negative ratio, nor one to next to nothing."""
    found = Increment.of(cost, qaly)
    if found.kind in ("dominant", "dominated", "equal"):
        return words(found.kind)
    if not found.ratio_is_known:
        return words("ratio_unknown")
    ratio = ratio_words(found.ratio, words, found.ratio_error)
    return ratio if found.kind == "icer" else words("saves", icer=ratio)


def leading_thresholds(scenario: Scenario) -> dict[str, float]:
    """The thresholds that a headline leads with, SEK per QALY: that of the severity as it was assessed, or all of the norms'."""
    severity, limits = scenario.case.severity, thresholds(scenario)
    level = LEVELS.get(severity.level) if severity else None
    return {level: limits[level]} if level else limits


def leading_threshold(scenario: Scenario) -> float:
    """The one threshold where a figure needs one, SEK per QALY: the highest of those that lead."""
    return max(leading_thresholds(scenario).values())
