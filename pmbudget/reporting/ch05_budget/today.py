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
    shown = [*(known.sel(value=value) for value in known["value"].to_numpy()), stated]
    rows = [
        [heading, *(_cell(each, figure, scenario, words) for each in shown)]
        for heading, figure in _rows(scenario, words)
    ]
    header = [words("today_rows.use"), *map(words.percent, known["value"].to_numpy()), _as_assumed(scenario, words)]
    few, draws = (words.number(one.sizes["draw"]) for one in (known, stated))
    caption = words("today_caption", draws=words("today_few", few=few, draws=draws) if few != draws else "")
    made = table(f"{caption}. {words('interval_note')}", header, rows)
    return Html(note(_follows(scenario, known, words)) + made + note(_errors(scenario, known, words)))


def _rows(scenario: Scenario, words: Words) -> list[tuple[str, tuple[str, str]]]:
    """Of each row its heading, and the figure and period that it shows."""
    first, whole = scenario.periods
    wtp, last = words.number(leading_threshold(scenario)), scenario.years[-1]
    order = [("net", first), ("state", first), ("regions", first)]
    order += [("added", first)] if scenario.agreement else []
    order += [("net", whole), ("reached", whole), ("qaly", whole), ("inmb", whole)]
    return [(words(f"today_rows.{name}", period=at, year=last, wtp=wtp), (name, at)) for name, at in order]


def _cell(found: xr.Dataset, figure: tuple[str, str], scenario: Scenario, words: Words) -> str:
    name, period = figure
    values = found[name].sel(period=period, drop=True)
    if name == "inmb":
        values = values.sel(wtp=leading_threshold(scenario), drop=True)
    row = interval_frame(values).iloc[0]
    if name == "reached":
        return words.span(row, per=0.01, digits=0)
    return words.span(row, digits=1) if name == "qaly" else words.span_msek(row)


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
    }
    nets = [float(end.mean()) for end in ends]
    if not (surely_above(*ends) or surely_above(*ends[::-1])):
        return words("today_unsure", net_least=words.msek(nets[0]), net_most=words.msek(nets[1]), **told)
    reach = abs(nets[0] - nets[1])
    at_least, at_most = (
        words(f"today_net.{'more' if net >= 0 else 'less'}", amount=words.msek(abs(net))) for net in nets
    )
    widths = interval_frame(net).eval("upper - lower")
    key = "wider" if reach > widths.mean() else "narrower"
    return words(
        "today_follows",
        **told,
        at_least=at_least,
        at_most=at_most,
        reach=words.msek(reach),
        compared=words(f"today_span.{key}"),
        width=words.msek(widths.mean()),
    )


def _errors(scenario: Scenario, known: xr.Dataset, words: Words) -> str:
    """Two simulation errors at a value, and of the difference between two, which have their draws in common; the largest."""
    net = known["net"].sel(period=next(iter(scenario.periods)), drop=True).transpose("value", "draw").to_numpy()
    alone, between = (max(map(simulation_error, rows)) * ERRORS / 1e6 for rows in (net, np.diff(net, axis=0)))
    return words("today_errors", alone=words.number(alone, 1), between=words.number(between, 1))
