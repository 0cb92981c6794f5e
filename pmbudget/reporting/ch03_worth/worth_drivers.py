"""Chapter 03, what decides: price, true class, whose costs are counted, and the parameters."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.ranking import simulation_error
from pmbudget.inputs.norms import thresholds
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import increment, increments
from pmbudget.questions.classes import ATTRIBUTIONS, Breakdown
from pmbudget.reporting.ch03_worth.worth import WIDTH, strategy_labels
from pmbudget.reporting.ch03_worth.worth_headline import classes_sentence, sign, stands_out
from pmbudget.reporting.figures import COLOURS, Picture, headed, numbered, picture, plot, wrapped
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, note, table
from pmbudget.reporting.verdict import known, known_digits, known_span, verdict_words
from pmbudget.reporting.words import Words
from pmbudget.road import Results

LOW = "#8fb8d0"
LONG = 1e6
"""Figures from which on only a few ticks have room beside each other."""


def subgroup_frame(scenario: Scenario, parts: Breakdown, wtp: float) -> pd.DataFrame:
    """By true class, in order of what it adds: share, p of being worth it, and what it adds with its interval."""
    benefit = parts.benefit(scenario.case, wtp)
    adds = interval_frame(benefit * parts.share).set_index("subgroup").add_prefix("adds_")
    share, p = parts.share.mean("draw").to_series(), (benefit > 0).mean("draw").to_series()
    return pd.DataFrame({"share": share, "p": p}).join(adds).sort_values("adds_mean", ascending=False)


def subgroup_table(scenario: Scenario, parts: Breakdown, words: Words, *, wtp: float) -> Html:
    """What the new strategy does for a patient of each true class, and what the class adds to the whole; nothing where all are of one."""
    if len(scenario.case.classes) == 1:
        return Html("")
    cost, qaly = increment(parts.cost, scenario.case).sum("resource"), increment(parts.qaly, scenario.case)
    benefit = parts.benefit(scenario.case, wtp)
    decimals = min(known_digits(simulation_error(qaly.sel(subgroup=name)), 3) for name in scenario.case.classes)
    rows = []
    for name, row in subgroup_frame(scenario, parts, wtp).iterrows():
        own = {key: values.sel(subgroup=name) for key, values in (("cost", cost), ("qaly", qaly), ("net", benefit))}
        rows.append(
            [
                words.label(scenario.case.classes[str(name)].label),
                words.percent(row["share"], 1),
                known(own["cost"], words, -2),
                words.number(float(own["qaly"].mean()), decimals),
                verdict_words(own["cost"], own["qaly"], words),
                known(own["net"], words, -2),
                words.probability(row["p"]),
                words.span(row.rename(lambda key: key.removeprefix("adds_")), digits=-2),
            ]
        )
    whole = interval_frame((benefit * parts.share).sum("subgroup")).iloc[0]
    rows.append([words("total"), words.percent(1.0), "", "", "", "", "", words.span(whole, digits=-2)])
    keys = ("class", "share", "cost", "qaly", "icer", "benefit", "p", "adds")
    header = [words(f"subgroup_columns.{key}") for key in keys]
    caption = words("subgroup_caption", wtp=words.number(wtp))
    return table(caption, header, rows, strong=[len(rows) - 1])


def subgroup_chart(scenario: Scenario, parts: Breakdown, words: Words, *, wtp: float) -> Picture | Html:
    """What each true class adds to the net monetary benefit of an average patient; nothing where all are of one."""
    if len(scenario.case.classes) == 1:
        return Html("")
    plt, _ = plot()
    frame = subgroup_frame(scenario, parts, wtp).iloc[::-1]
    figure, axis = plt.subplots(figsize=(WIDTH, 0.46 * len(frame) + 1.5), layout="constrained")
    means, places = frame["adds_mean"] / 1e3, np.arange(len(frame))
    colours = [COLOURS["new"] if value > 0 else COLOURS["unplanned"] for value in means]
    axis.barh(places, means, color=colours, height=0.62)
    axis.hlines(places, frame["adds_lower"] / 1e3, frame["adds_upper"] / 1e3, color="black", linewidth=1.3)
    axis.axvline(0, color="black", linewidth=0.9)
    labels = [
        f"{words.label(scenario.case.classes[str(name)].label)} ({words.percent(share, 1)})"
        for name, share in frame["share"].items()
    ]
    axis.set_yticks(places, labels)
    axis.set_xlabel(wrapped(words("subgroup_x", wtp=words.number(wtp)), 46))
    numbered(axis.xaxis, words)
    headed(figure, classes_sentence(scenario, parts, words, wtp=wtp))
    return picture(figure, words("subgroup_alt"))


def _views_table(
    scenario: Scenario,
    views: Mapping[str, tuple[xr.DataArray, xr.DataArray]],
    words: Words,
    *,
    caption: str,
    first: str,
) -> Html:
    limits = thresholds(scenario)
    rows = []
    for label, value in views.items():
        cost, qaly = (increment(values, scenario.case) for values in value)
        rows.append(
            [
                label,
                known_span(cost, words, -2),
                known_span(qaly, words, 3),
                verdict_words(cost, qaly, words),
                *(words.probability(float((wtp * qaly - cost > 0).mean())) for wtp in limits.values()),
            ]
        )
    header = [first, *(words(f"cea_columns.{key}") for key in ("incremental_cost", "incremental_qaly", "icer"))]
    header += [words("cea_columns.probability", wtp=words.number(wtp)) for wtp in limits.values()]
    return table(caption, header, rows)


def perspectives_table(scenario: Scenario, parts: Breakdown, words: Words) -> Html:
    """The result from the side of each set of payers."""
    views = {words(f"perspectives.{name}"): parts.value(name) for name in parts.perspectives()}
    return _views_table(scenario, views, words, caption=words("perspective_caption"), first=words("perspective_first"))


def perspectives_note(scenario: Scenario, parts: Breakdown, words: Words) -> Html:
    """Which perspectives add nothing, what the state gains by the standing rules, what patients' fees add, and what a wider perspective
    would need.
    """
    same = [words(f"perspectives.{name}").lower() for name in parts.without_cost()]
    units = sorted(set(parts.cost["unit"].to_numpy()))
    sentences = [words("perspective_units", units=", ".join(words(f"payers.{unit}").lower() for unit in units))]
    if same:
        sentences.append(words("perspective_same", names=", ".join(same)))
    gain = -increment(parts.moved, scenario.case).sel(payer="state")
    if sign(gain) > 0:
        sentences.append(words("perspective_state_gains", gain=known(gain, words, -2)))
    fees = increment(parts.moved, scenario.case).sel(payer="patient")
    side = sign(fees)
    if side and (told := known(side * fees, words, -2)) != words.number(0):
        sentences.append(words(f"perspective_fees.{'more' if side > 0 else 'less'}", fees=told))
    if not {"employer", "social_insurance"} & set(units):
        sentences.append(words("perspective_no_production"))
    return note(*sentences)


def attribution_table(scenario: Scenario, parts: Breakdown, words: Words) -> Html:
    """The result with all of the tests' cost, with their cash alone, and without them; nothing where there are none."""
    if not scenario.case.has_tests:
        return Html("")
    views = {words(f"attributions.{name}"): parts.value(attribution=name) for name in ATTRIBUTIONS}
    return _views_table(scenario, views, words, caption=words("attribution_caption"), first=words("attribution_first"))


def _parameter_labels(scenario: Scenario, frame: pd.DataFrame, words: Words) -> list[str]:
    labels = []
    for name, assumed in frame["is_assumed"].items():
        label = words.label(scenario.parameters[str(name)].record.label)
        labels.append(wrapped(f"{label}\u00a0*" if assumed else label, 30))
    return labels


def tornado_chart(
    scenario: Scenario, results: Results, frame: pd.DataFrame, words: Words, *, wtp: float, most: int = 12
) -> Picture:
    """One-way sensitivity of the net monetary benefit around the means, widest first; assumptions and the expected benefit are marked."""
    plt, _ = plot()
    shown = frame.head(most).iloc[::-1]
    figure, axis = plt.subplots(figsize=(WIDTH, 0.5 * len(shown) + 1.8), layout="constrained")
    for place, (_, row) in enumerate(shown.iterrows()):
        base = row["base"] / 1e3
        for end, colour in (("low", LOW), ("high", COLOURS["new"])):
            axis.barh(place, row[end] / 1e3 - base, left=base, color=colour, height=0.7)
    axis.axvline(shown["base"].iloc[0] / 1e3, color="black", linewidth=0.9)
    axis.axvline(0, color="#b00020", linewidth=1.2, linestyle="--")
    cost, qaly = increments(results.per_patient, scenario.case)
    axis.axvline(float((wtp * qaly - cost).mean()) / 1e3, color="black", linewidth=1.2, linestyle=":")
    axis.set_yticks(range(len(shown)), _parameter_labels(scenario, shown, words), fontsize=9.5)
    axis.set_xlabel(wrapped(words("tornado_x", wtp=words.number(wtp)), 40) + f"\n(* {words('tornado_assumption')})")
    numbered(axis.xaxis, words)
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in (LOW, COLOURS["new"])]
    labels = [words("tornado_low"), words("tornado_high")]
    figure.legend(handles, labels, loc="outside lower center", ncol=2, frameon=False)
    first = words.label(scenario.parameters[str(frame.index[0])].record.label)
    headed(figure, words("tornado_title", first=first))
    return picture(figure, words("tornado_alt"))


def importance_chart(scenario: Scenario, frame: pd.DataFrame, words: Words, *, wtp: float, most: int = 12) -> Picture:
    """The share of the variance of the net monetary benefit that each parameter accounts for by itself, largest first."""
    plt, _ = plot()
    shown = frame.head(most).iloc[::-1]
    figure, axis = plt.subplots(figsize=(WIDTH, 0.5 * len(shown) + 1.6), layout="constrained")
    places, shares = np.arange(len(shown)), 100 * shown["share"].clip(lower=0)
    axis.barh(places, shares, color=COLOURS["new"], height=0.66)
    axis.errorbar(shares, places, xerr=196 * shown["se"], fmt="none", ecolor="black", elinewidth=1.1)
    axis.set_xlim(left=0)
    axis.set_yticks(places, _parameter_labels(scenario, shown, words), fontsize=9.5)
    axis.set_xlabel(wrapped(words("importance_x", wtp=words.number(wtp)), 40) + f"\n(* {words('tornado_assumption')})")
    numbered(axis.xaxis, words)
    clear = frame.loc[stands_out(frame), "share"]
    share = words.percent(min(1.0, float(clear.sum())))
    key = {0: "none", 1: "one"}.get(len(clear), "many")
    title = words(f"importance_title.{key}", share=share, count=len(clear))
    headed(figure, title)
    return picture(figure, words("importance_alt"))


def map_chart(scenario: Scenario, surface: xr.DataArray, words: Words, *, wtp: float) -> Picture:
    """Where in the plane of two parameters the new strategy is worth its price."""
    from matplotlib.ticker import MaxNLocator

    plt, _ = plot()
    across, up = (str(dim) for dim in surface.dims)
    thousands = surface.transpose(up, across) / 1e3
    bound = max(1e-9, float(np.abs(thousands).max()))
    figure, axis = plt.subplots(figsize=(WIDTH, 5.4), layout="constrained")
    levels = MaxNLocator(14, symmetric=True).tick_values(-bound, bound)
    filled = axis.contourf(surface[across], surface[up], thousands, levels=levels, cmap="RdBu")
    if float(thousands.min()) < 0 < float(thousands.max()):
        axis.contour(surface[across], surface[up], thousands, levels=[0], colors="black", linewidths=2.2)
    bar = figure.colorbar(filled, ax=axis)
    bar.set_label(wrapped(words("map_colour", wtp=words.number(wtp)), 40))
    numbered(bar.ax.yaxis, words)
    for name, set_label, ticks in ((across, axis.set_xlabel, axis.xaxis), (up, axis.set_ylabel, axis.yaxis)):
        parameter = scenario.parameters[name]
        set_label(wrapped(f"{words.label(parameter.record.label)} ({words.data(parameter.unit)})", 40))
        if float(surface[name].max()) >= LONG:
            ticks.set_major_locator(MaxNLocator(3))
        numbered(ticks, words)
    new = strategy_labels(scenario, words)[scenario.case.new]
    share = float((thousands > 0).mean())
    key = "map_title" if 0 < share < 1 else "map_title_always" if share else "map_title_never"
    headed(figure, words(key, new=new, wtp=words.number(wtp)))
    return picture(figure, words("map_alt"))
