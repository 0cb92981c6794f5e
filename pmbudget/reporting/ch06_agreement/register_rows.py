"""Chapter 06, evidence paid by its worth: what a complete register row may cost by year, and whether its price is more."""

import numpy as np
import xarray as xr

from pmbudget.appraisal.ranking import ERRORS, simulation_error
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.agreements import Negotiation
from pmbudget.questions.register_rows import normal_loss, row_prices
from pmbudget.reporting.ch06_agreement.agreement import NOTHING
from pmbudget.reporting.markup import Html, lead, note, table
from pmbudget.reporting.verdict import leading_threshold
from pmbudget.reporting.words import Words
from pmbudget.vocabulary import TAILS

LIKE = 0.8
"""How near the normal distribution must come to the draws before nothing is said of it."""


def row_table(scenario: Scenario, found: Negotiation | None, words: Words) -> Html:
    """By year: rows expected, the price stated, what a row is worth on average and the last one, and what is paid with the ceiling."""
    if found is None or not scenario.case.has_tests:
        return NOTHING
    if scenario.case.follow_up is None:
        return note(words("rows_not_followed"))
    rows_found = row_prices(found)
    if rows_found is None:
        return NOTHING
    rows = []
    for year in rows_found["year"].to_numpy():
        one = rows_found.sel(year=year)
        lower, upper = np.quantile(one["average"], TAILS)
        average = {"mean": float(one["average"].mean()), "lower": lower, "upper": upper}
        rows.append(
            [
                str(int(year)),
                words.number(float(one["rows"])),
                words.number(float(one["stated"].mean())),
                words.span(average, digits=0),
                words.number(float(one["last"].mean())),
                words.number(float(one["price"].mean())),
                words.probability(float((one["stated"] > one["average"]).mean())),
            ]
        )
    header = [words(f"rows_columns.{key}") for key in ("year", "rows", "stated", "average", "last", "price", "exceeds")]
    normal, drawn = normal_loss(found.programme)
    threshold = scenario.parameters.fixed("wtp_very_high")
    said = [
        _rows_answer(rows_found, words),
        words("rows_price"),
        words("rows_small"),
        words(
            "rows_agrees",
            threshold=words.number(threshold),
            normal=words.number(normal),
            drawn=words.number(drawn),
        ),
    ]
    if not LIKE <= normal / max(drawn, 1e-9) <= 1 / LIKE:
        said.append(words("rows_too_high" if normal > drawn else "rows_too_low"))
    if leading_threshold(scenario) != threshold:
        said.append(words("rows_threshold", leading=words.number(leading_threshold(scenario))))
    return Html(lead(said[0]) + table(words("rows_caption"), header, rows) + note(*said[1:]))


def _rows_answer(found: xr.Dataset, words: Words) -> str:
    """In which years the stated price is more than a row is expected to be worth, in which less, and where simulations do not tell."""
    years: dict[str, list[str]] = {"above": [], "below": [], "even": []}
    for year in found["year"].to_numpy():
        one = found.sel(year=year)
        dearer = (one["stated"] - one["average"]).to_numpy()
        error = ERRORS * simulation_error(dearer)
        years["above" if dearer.mean() > error else "below" if dearer.mean() < -error else "even"].append(
            str(int(year))
        )
    average, first = found["average"].mean("draw").to_numpy(), found["year"].to_numpy()[[0, -1]]
    told = {key: _joined(own, len(found["year"]), words) for key, own in years.items() if own}
    judged = ", ".join(words(f"rows_{key}", years=own) for key, own in told.items())
    said = words(
        "rows_answer",
        stated=words.number(float(found["stated"][:, 0].mean())),
        judged=judged,
        first=int(first[0]),
        last=int(first[1]),
        start=words.number(float(average[0])),
        end=words.number(float(average[-1])),
    )
    return f"{said} {words('rows_dear', years=told['above'])}" if "above" in told else said


def _joined(years: list[str], count: int, words: Words) -> str:
    """Years inside a sentence, or that they are all there are."""
    if len(years) == count:
        return words("rows_all_years")
    return words("and").join([", ".join(years[:-1]), years[-1]][-len(years) :])
