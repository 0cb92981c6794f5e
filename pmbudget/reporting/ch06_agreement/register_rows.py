"""Chapter 06, evidence paid by its worth: what a complete register row may cost by year, and whether its price is more."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.agreements import Negotiation
from pmbudget.questions.register_rows import normal_loss, row_prices
from pmbudget.reporting.ch06_agreement.agreement import NOTHING
from pmbudget.reporting.markup import Html, lead, note, table
from pmbudget.reporting.verdict import leading_threshold
from pmbudget.reporting.words import Words
from pmbudget.vocabulary import TAILS


def row_table(scenario: Scenario, found: Negotiation | None, words: Words) -> Html:
    """By year: rows expected, the price stated, what a row is worth on average and the last one, and what is paid with the ceiling."""
    rows_found = None if found is None else row_prices(found)
    if rows_found is None or found is None:
        return NOTHING
    if scenario.case.follow_up is None:
        return note(words("rows_not_followed"))
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
                words.percent(float((one["stated"] > one["average"]).mean())),
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
    if leading_threshold(scenario) != threshold:
        said.append(words("rows_threshold", leading=words.number(leading_threshold(scenario))))
    return Html(lead(said[0]) + table(words("rows_caption"), header, rows) + note(*said[1:]))


def _rows_answer(found: xr.Dataset, words: Words) -> str:
    """Whether the price that is stated is more than what a row is worth, in which years, and how sure that is."""
    average, stated = (found[name].mean("draw").to_pandas() for name in ("average", "stated"))
    dear: pd.Series = stated[stated > average]
    key = "rows_below" if dear.empty else "rows_above" if len(dear) == len(stated) else "rows_some"
    first, last = int(average.index[0]), int(average.index[-1])
    return words(
        key,
        years=", ".join(str(int(year)) for year in dear.index),
        first=first,
        last=last,
        start=words.number(float(average.iloc[0])),
        end=words.number(float(average.iloc[-1])),
        stated=words.number(float(stated.iloc[0])),
    )
