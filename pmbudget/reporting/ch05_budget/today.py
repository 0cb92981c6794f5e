"""Chapter 05, what leads: what introduction costs by how many get the test already, as long as that is assumed."""

import numpy as np
import xarray as xr

from pmbudget.appraisal.ranking import ERRORS, simulation_error, surely_above
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.today import figures_of
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, note, table
from pmbudget.reporting.verdict import leading_threshold
from pmbudget.reporting.words import Words
from pmbudget.road import Results


def today_table(scenario: Scenario, results: Results, known: xr.Dataset | None, words: Words) -> Html:
    """What introduction costs and gives at each known value of today's use, and as today's use is assumed, from all draws.

    Before it a sentence on what follows from it, after it the simulation error. Nothing for a case that shows no values.
    """
    if known is None:
        return Html("")
    stated = figures_of(scenario, results)
    columns = _columns(scenario, words)
    rows = [
        [words.percent(value), *_row(known.sel(value=value), scenario, columns, words)]
        for value in known["value"].to_numpy()
    ]
    rows.append([_as_assumed(scenario, words), *_row(stated, scenario, columns, words)])
    caption = words("today_caption", few=words.number(known.sizes["draw"]), draws=words.number(stated.sizes["draw"]))
    header = [words("today_columns.use"), *columns]
    shown = table(f"{caption}. {words('interval_note')}", header, rows, strong=[len(rows) - 1])
    return Html(note(_follows(scenario, known, words)) + shown + note(_errors(scenario, known, words)))


def _columns(scenario: Scenario, words: Words) -> dict[str, tuple[str, str]]:
    """Of each column, by its heading: the figure and the period."""
    first, whole = scenario.periods
    wtp = words.number(leading_threshold(scenario))
    order = [("net", first), ("net", whole), ("state", first), ("regions", first)]
    order += [("added", first)] if scenario.agreement else []
    order += [("reached", whole), ("qaly", whole), ("inmb", whole)]
    last = scenario.years[-1]
    return {words(f"today_columns.{name}", period=period, year=last, wtp=wtp): (name, period) for name, period in order}


def _row(found: xr.Dataset, scenario: Scenario, columns: dict[str, tuple[str, str]], words: Words) -> list[str]:
    at = {"wtp": leading_threshold(scenario)}
    cells = []
    for name, period in columns.values():
        values = found[name].sel(period=period, drop=True)
        row = interval_frame(values.sel(at, drop=True) if name == "inmb" else values).iloc[0]
        if name == "reached":
            cells.append(words.span(row, per=0.01, digits=0))
        else:
            cells.append(words.span(row, digits=1) if name == "qaly" else words.span_msek(row))
    return cells


def _as_assumed(scenario: Scenario, words: Words) -> str:
    """Today's use as the parameter has it, with its grade."""
    parameter = scenario.parameters[scenario.case.uptake.today]
    figure = words("learnt")
    if (known := parameter.distribution) is not None:
        low, high = known.interval
        figure = words.span({"mean": known.mean, "lower": low, "upper": high}, per=0.01, digits=0)
    return words("today_as_stated", figure=figure, grade=words(f"evidence.{parameter.record.evidence}"))


def _follows(scenario: Scenario, known: xr.Dataset, words: Words) -> str:
    """What the table says of the first years: how far today's use moves the net cost, beside what is uncertain at one and the same value.

    An order only where paired draws bear it.
    """
    period = next(iter(scenario.periods))
    net = known["net"].sel(period=period, drop=True)
    ends = [net.isel(value=place, drop=True).to_numpy() for place in (0, -1)]
    told = {
        "period": period,
        "figure": _as_assumed(scenario, words),
        "least": words.percent(float(known["value"][0])),
        "most": words.percent(float(known["value"][-1])),
        "at_least": words.msek(ends[0].mean()),
        "at_most": words.msek(ends[1].mean()),
    }
    if not (surely_above(*ends) or surely_above(*ends[::-1])):
        return words("today_unsure", **told)
    reach = abs(ends[0].mean() - ends[1].mean())
    widths = interval_frame(net).eval("upper - lower")
    key = "wider" if reach > widths.mean() else "narrower"
    return words(
        "today_follows",
        **told,
        reach=words.msek(reach),
        compared=words(f"today_span.{key}"),
        width=words.msek(widths.mean()),
    )


def _errors(scenario: Scenario, known: xr.Dataset, words: Words) -> str:
    """Two simulation errors of a row, and of the difference between two rows, which have their draws in common; the largest."""
    net = known["net"].sel(period=next(iter(scenario.periods)), drop=True).transpose("value", "draw").to_numpy()
    alone, between = (max(map(simulation_error, rows)) * ERRORS / 1e6 for rows in (net, np.diff(net, axis=0)))
    return words("today_errors", alone=words.number(alone, 1), between=words.number(between, 1))
