"""Chapter 03: how sure it is, and what testing may cost."""

from itertools import cycle

import numpy as np
import xarray as xr

from pmbudget.appraisal import ceac, ceaf, credible_ellipse, net_monetary_benefit, price_threshold
from pmbudget.appraisal.increment import Increment
from pmbudget.inputs.norms import thresholds
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import increment, increments
from pmbudget.questions.classes import Breakdown
from pmbudget.reporting.ch03_worth.worth import WIDTH, strategy_labels
from pmbudget.reporting.ch03_worth.worth_headline import best_sentence
from pmbudget.reporting.figures import COLOURS, LINES, Picture, headed, numbered, picture, plot, wrapped
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, table
from pmbudget.reporting.verdict import known, known_span, leading_threshold, ratio_words
from pmbudget.reporting.words import Words
from pmbudget.road import Results
from pmbudget.vocabulary import CREDIBLE_INTERVAL

CERTAINTY = (0.5, 0.9)
"""How probable it should be that the price is worth paying."""


def plane_chart(scenario: Scenario, results: Results, words: Words) -> Picture:
    """The cost-effectiveness plane: draws, their mean, the ellipse that holds 95 per cent, the thresholds' lines."""
    plt, _ = plot()
    cost, qaly = increments(results.per_patient, scenario.case)
    figure, axis = plt.subplots(figsize=(WIDTH, 5.8), layout="constrained")
    axis.plot(qaly, cost / 1e3, "o", markersize=2.5, alpha=0.22, color=COLOURS["new"], markeredgewidth=0)
    around = credible_ellipse(cost, qaly)
    axis.plot(around[0], around[1] / 1e3, color=COLOURS["unplanned"], linewidth=2)
    axis.plot(float(qaly.mean()), float(cost.mean()) / 1e3, "o", color="black", markersize=7)
    # Far draws are told in the note and not shown, so that the middle can be read.
    for limits, values in ((axis.set_xlim, around[0]), (axis.set_ylim, around[1] / 1e3)):
        middle, half = (values.max() + values.min()) / 2, max((values.max() - values.min()) / 2, 1e-6)
        limits(min(middle - 1.45 * half, -0.1 * half), max(middle + 1.45 * half, 0.1 * half))
    (left, right), (low, high) = axis.get_xlim(), axis.get_ylim()
    for wtp, style in zip(thresholds(scenario).values(), (":", "--"), strict=True):
        ends, label = np.array([left, right]), words("plane_threshold", wtp=words.number(wtp))
        axis.plot(ends, ends * wtp / 1e3, style, color="black", linewidth=1.3, label=label)
    figure.legend(loc="outside lower center", ncol=2, frameon=False)
    axis.set(xlim=(left, right), ylim=(low, high))
    axis.axhline(0, color="black", linewidth=0.8)
    axis.axvline(0, color="black", linewidth=0.8)
    for better, x, side in ((True, 0.985, "right"), (False, 0.015, "left")):
        for dearer, y, vertical in ((True, 0.985, "top"), (False, 0.015, "bottom")):
            share = float((((qaly > 0) == better) & ((cost > 0) == dearer)).mean())
            text = words(f"quadrant.{'better' if better else 'worse'}_{'dearer' if dearer else 'cheaper'}")
            told = f"{text}: {words.probability(share)}"
            axis.text(x, y, told, transform=axis.transAxes, ha=side, va=vertical, fontsize=9, backgroundcolor="white")
    new, comparator = (scenario.case.strategies[name].label for name in (scenario.case.new, scenario.case.comparator))
    axis.set_xlabel(wrapped(words("plane_x", new=words.inside(new), comparator=words.inside(comparator)), 60))
    axis.set_ylabel(words("plane_y"))
    numbered(axis.yaxis, words)
    axis.locator_params(axis="x", nbins=6)
    numbered(axis.xaxis, words)
    headed(figure, plane_title(Increment.of(cost, qaly), words.label(new), words))
    inside = ((qaly >= left) & (qaly <= right) & (cost / 1e3 >= low) & (cost / 1e3 <= high)).mean()
    gaps = {"draws": words.number(cost.size), "level": words.percent(CREDIBLE_INTERVAL)}
    alt = words("plane_alt", **gaps, outside=words.percent(1 - float(inside), 1))
    return picture(figure, alt)


def plane_title(found: Increment, new: str, words: Words) -> str:
    """What the new strategy gives and costs on average, by quadrant."""
    return words(
        f"plane_title.{found.kind}",
        new=new,
        cost=known(abs(found.cost.mean()) + found.cost - found.cost.mean(), words, -2),
        qaly=known(abs(found.qaly.mean()) + found.qaly - found.qaly.mean(), words, 3),
    )


def acceptability_chart(scenario: Scenario, results: Results, words: Words) -> Picture:
    """Acceptability curves, one a strategy, and the frontier of the strategy that is best on average."""
    plt, _ = plot()
    norms = thresholds(scenario)
    grid = np.linspace(0, 2 * max(norms.values()), 501)
    probability, frontier = (
        ceac(results.per_patient.cost, results.per_patient.qaly, grid),
        ceaf(results.per_patient.cost, results.per_patient.qaly, grid),
    )
    labels = strategy_labels(scenario, words)
    names = [scenario.case.new, *(name for name in labels if name != scenario.case.new)]
    figure, axis = plt.subplots(figsize=(WIDTH, 4.6 + 0.25 * len(names)), layout="constrained")
    band = {"solid_capstyle": "butt", "zorder": 1}
    axis.plot(grid / 1e3, 100 * frontier["probability"], color="#8a6d00", linewidth=10, **band)
    axis.plot(grid / 1e3, 100 * frontier["probability"], color="#f2c14e", linewidth=8, label=words("ceaf"), **band)
    for name, (colour, style) in zip(names, cycle(LINES), strict=False):
        curve = 100 * probability.sel(strategy=name)
        axis.plot(grid / 1e3, curve, color=colour, linestyle=style, linewidth=2.2, label=wrapped(labels[name], 60))
    for wtp in norms.values():
        axis.axvline(wtp / 1e3, color="black", linewidth=0.9, linestyle="--")
    axis.set_ylim(0, 100)
    axis.set_xlim(0, grid[-1] / 1e3)
    axis.set_xlabel(words("ceac_x"))
    axis.set_ylabel(words("ceac_y"))
    numbered(axis.xaxis, words)
    figure.legend(loc="outside lower left", frameon=False, fontsize=10, handlelength=4)
    if len(names) == 2:
        best = frontier["optimal"].to_numpy() == scenario.case.new
        headed(figure, frontier_title(grid, best, labels[scenario.case.new], words))
    else:
        headed(figure, best_sentence(scenario, results, words))
    return picture(figure, words("ceac_alt"))


def frontier_title(grid: np.ndarray, best: np.ndarray, new: str, words: Words) -> str:
    """At which thresholds of a rising grid the new strategy is best on average: (threshold,) of truth values."""
    ends = grid[best][[0, -1]] if best.any() else None
    if ends is None:
        return words("ceac_title.never", new=new, wtp=words.number(grid[-1]))
    from_start, to_end = bool(best[0]), bool(best[-1])
    key = {(True, True): "always", (False, True): "from", (True, False): "until", (False, False): "between"}
    low, high = (ratio_words(float(end), words) for end in ends)
    return words(f"ceac_title.{key[from_start, to_end]}", new=new, low=low, high=high)


def _prices(scenario: Scenario, parts: Breakdown, wtp: np.ndarray | list[float]) -> tuple[xr.DataArray, xr.DataArray]:
    """What is priced costs per patient with the new strategy (draw), and the most it may (probability, wtp), SEK: all testing, or without
    tests the drug.
    """
    cost, qaly = (increment(values, scenario.case) for values in parts.value())
    now = parts.priced(scenario.case)
    return now, price_threshold(net_monetary_benefit(cost, qaly, wtp), now, 1.0, list(CERTAINTY))


def _affordable(value: float, words: Words) -> str:
    return words.number(value, -2) if value > 0 else words("not_even_free")


def price_table(scenario: Scenario, parts: Breakdown, words: Words) -> Html:
    """What testing costs per patient, and the most it may cost at the norms' thresholds."""
    limits = thresholds(scenario)
    now, most = _prices(scenario, parts, list(limits.values()))
    paid = known_span(now, words, -2)
    rows = [
        [
            words.label(scenario.parameters[name].record.label),
            words.number(wtp),
            paid,
            *(_affordable(float(most.sel(wtp=wtp, probability=sure)), words) for sure in CERTAINTY),
        ]
        for name, wtp in limits.items()
    ]
    header = [words(f"price_columns.{key}") for key in ("norm", "wtp", "now")]
    header += [words("price_columns.most", share=words.percent(sure)) for sure in CERTAINTY]
    comparator = words.inside(scenario.case.strategies[scenario.case.comparator].label)
    return table(words("price_caption", comparator=comparator), header, rows)


def price_chart(scenario: Scenario, parts: Breakdown, words: Words) -> Picture:
    """The most that testing may cost per patient over the threshold, beside what it costs."""
    plt, _ = plot()
    limits = thresholds(scenario)
    grid = np.linspace(0, 2 * max(limits.values()), 101)
    now, most = _prices(scenario, parts, grid)
    figure, axis = plt.subplots(figsize=(WIDTH, 4.8), layout="constrained")
    paid = interval_frame(now).iloc[0] / 1e3
    axis.axhspan(paid["lower"], paid["upper"], color=COLOURS["today"], alpha=0.2, linewidth=0)
    axis.axhline(paid["mean"], color=COLOURS["today"], linewidth=2, label=words("price_now"))
    for sure, style in zip(CERTAINTY, ("-", "--"), strict=True):
        line = most.sel(probability=sure) / 1e3
        label = words("price_line" if (line > 0).any() else "price_line_never", share=words.percent(sure))
        axis.plot(grid / 1e3, line.where(line > 0), style, color=COLOURS["new"], linewidth=2.2, label=label)
    axis.set_ylim(0, max(1.15 * paid["upper"], float(most.sel(probability=CERTAINTY[0]).max()) / 1e3))
    axis.set_xlim(0, grid[-1] / 1e3)
    for wtp in limits.values():
        axis.axvline(wtp / 1e3, color="black", linewidth=0.9, linestyle=":")
    axis.set_xlabel(words("ceac_x"))
    axis.set_ylabel(words("price_y"))
    numbered(axis.xaxis, words)
    numbered(axis.yaxis, words)
    axis.legend(loc="upper left")
    wtp = leading_threshold(scenario)
    enough = float(price_at(scenario, parts, wtp))
    new = strategy_labels(scenario, words)[scenario.case.new]
    key = "price_title_never" if enough <= 0 else "price_title"
    title = words(key, new=new, wtp=words.number(wtp), price=words.number(enough, -2))
    headed(figure, title)
    return picture(figure, words("price_alt"))


def price_at(scenario: Scenario, parts: Breakdown, wtp: float) -> xr.DataArray:
    """The most that testing may cost to be cost-effective as probably as not, SEK per patient."""
    return _prices(scenario, parts, [wtp])[1].sel(probability=CERTAINTY[0], wtp=wtp)
