"""The figures of chapter 01: forest plots, summary receiver operating characteristics, survival and uptake against
the data.
"""

from typing import Any

import numpy as np

from pmbudget.evidence import accuracy, survival, uptake
from pmbudget.evidence.blocks import LINKS, Block, by_row, off_link
from pmbudget.evidence.fit import Posterior
from pmbudget.evidence.generators import generator
from pmbudget.evidence.random_effects import crude, new_setting
from pmbudget.inputs.scenarios import Scenario
from pmbudget.inputs.studies import AccuracyStudy, RatioStudy, SurvivalStudy, UptakeStudy
from pmbudget.reporting.ch01_evidence.evidence import case_blocks, label_of, three
from pmbudget.reporting.figures import COLOURS, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.markup import Html, heading, prose
from pmbudget.reporting.words import Words
from pmbudget.vocabulary import TAILS

UNUSED = "#a8a8a8"
WITHIN = 5.991464547107979
"""The 95 % point of chi-squared with two degrees of freedom: the edge of a region that holds 95 % of a bivariate
normal.
"""
LINES = ("#00659b", "#d08700", "#4d8f3a", "#8a4f9e", "#b5493a", "#555555")


def forest_plots(scenario: Scenario, posterior: Posterior, words: Words, *, context: bool = False) -> list[Picture]:
    """For each pooled quantity its studies with 95 % intervals, the pooled value and the one expected in a new
    setting.
    """
    return [
        _forest(block, posterior, words)
        for block in case_blocks(scenario)
        if block.model in LINKS and block.model != "accuracy" and block.parameters[0].record.context == context
    ]


def _forest(block: Block, posterior: Posterior, words: Words) -> Picture:
    plt, _ = plot()
    shown = [(study, weight) for study, weight in zip(block.studies, block.weights, strict=True) if _shown(study)]
    whole = Block(block.parameters, tuple(study for study, _ in shown), (1.0,) * len(shown))
    per = 100 if block.model == "proportion" else 1
    values = per * crude(whole)
    mu = by_row(block, posterior.fitted, "mean")
    drawn = new_setting(block, posterior.fitted, generator(1, f"new setting of {block.name}", 0), 1)[:, 0]
    summary = [
        (words("forest_pooled"), three(per * off_link(LINKS[block.model], mu))),
        (words("forest_predicted"), three(per * drawn)),
    ]
    figure, axis = plt.subplots(figsize=(9, 0.34 * (len(shown) + 2) + 1.2))
    for place, ((_, weight), (mean, low, high)) in enumerate(zip(reversed(shown), values[::-1], strict=True), start=2):
        colour = COLOURS["new"] if weight else UNUSED
        axis.plot([low, high], [place, place], color=colour, linewidth=1.5)
        axis.plot(mean, place, "s", color=colour, markersize=4 + 4 * weight)
    for place, (_, (mean, low, high)) in enumerate(reversed(summary)):
        axis.plot([low, high], [place, place], color="black", linewidth=2.5)
        axis.plot(mean, place, "D", color="black", markersize=7)
    names = [", ".join(part for part in (f"{one.study} {one.year}".strip(), one.country) if part) for one, _ in shown]
    names = [wrapped(name, 44) for name in names]
    axis.set_yticks(range(len(shown) + 2), [*(name for name, _ in reversed(summary)), *reversed(names)], fontsize=9)
    axis.set_ylim(-0.7, len(shown) + 1.7)
    axis.set_xlabel(_axis_label(block, words))
    if block.model == "ratio":
        axis.set_xscale("log")
        axis.axvline(1, color="black", linewidth=0.8, linestyle=":")
        from matplotlib.ticker import FixedLocator, NullLocator

        ends = axis.get_xlim()
        axis.xaxis.set_major_locator(
            FixedLocator([tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10) if ends[0] < tick < ends[1]])
        )
        axis.xaxis.set_minor_locator(NullLocator())
        numbered(axis.xaxis, words)
    else:
        axis.set_xlim(left=0)
        numbered(axis.xaxis, words)
    mean, low, high = summary[1][1]
    digits = 2 if block.model == "ratio" else 1 if high < 10 else 0
    unit = "" if block.model != "proportion" else words("percent_sign")
    shown_values = [f"{words.number(value, digits)}{unit}" for value in (mean, low, high)]
    title = words(
        "forest_title",
        label=label_of(block, words),
        predicted=shown_values[0],
        low=shown_values[1],
        high=shown_values[2],
    )
    figure.suptitle(wrapped(title, 95), x=0.01, ha="left", fontsize=10.5, fontweight="bold")
    figure.tight_layout()
    return picture(figure, f"{title}. {words('forest_alt')}")


def _shown(study: Any) -> bool:
    """A ratio without any interval cannot be drawn; it stands in the table."""
    return not isinstance(study, RatioStudy) or study.se is not None or None not in (study.low, study.high)


def _axis_label(block: Block, words: Words) -> str:
    known = {"proportion": "forest_x", "ratio": "forest_ratio"}
    return words(known[block.model]) if block.model in known else words.data(block.parameters[0].unit)


def sections(scenario: Scenario, posterior: Posterior, words: Words) -> list[Html | Picture]:
    """Survival, spread and context, each with its heading where the case has any."""
    context = [*accuracy_plots(scenario, posterior, words), *forest_plots(scenario, posterior, words, context=True)]
    parts = {
        "survival": survival_plots(scenario, posterior, words),
        "spread": uptake_plots(scenario, posterior, words),
        "context": context,
    }
    shown: list[Html | Picture] = []
    for name, plots in parts.items():
        if plots:
            shown += [heading(words(f"evidence_{name}.title")), prose(words(f"evidence_{name}.text")), *plots]
    return shown


def accuracy_plots(scenario: Scenario, posterior: Posterior, words: Words) -> list[Picture]:
    """For each test with two or more studies the summary point with its 95 % confidence and prediction regions."""
    blocks = [block for block in case_blocks(scenario) if block.model == "accuracy" and len(block.counted) > 1]
    return [_accuracy(block, posterior, words) for block in blocks]


def _accuracy(block: Block, posterior: Posterior, words: Words) -> Picture:
    plt, _ = plot()
    figure, axis = plt.subplots(figsize=(7, 6.2))
    biggest = max(
        study.tp + study.fn + study.fp + study.tn for study in block.studies if isinstance(study, AccuracyStudy)
    )
    for study, weight in zip(block.studies, block.weights, strict=True):
        if not isinstance(study, AccuracyStudy) or not study.tp + study.fn or not study.tn + study.fp:
            continue
        size = 30 + 350 * (study.tp + study.fn + study.fp + study.tn) / biggest
        x, y = 100 * study.fp / (study.tn + study.fp), 100 * study.tp / (study.tp + study.fn)
        axis.scatter(x, y, s=size, facecolors="none", edgecolors=COLOURS["new"] if weight else UNUSED, linewidths=1.4)
    mu = accuracy.summary(block, posterior.fitted)
    both = accuracy.new_settings(block, posterior.fitted, generator(1, f"new setting of {block.name}", 0), 1)
    new = np.column_stack([np.log(both[part][:, 0] / (1 - both[part][:, 0])) for part in accuracy.PARTS])
    for values, style, word in ((mu, "-", "confidence"), (new, "--", "prediction")):
        edge = off_link("logit", _region(values))
        axis.plot(
            100 * (1 - edge[:, 1]), 100 * edge[:, 0], style, color="black", linewidth=1.5, label=words(f"sroc_{word}")
        )
    slope, level = _sroc(mu, posterior, block)
    specificity = np.linspace(0.02, 0.999, 200)
    sensitivity = off_link("logit", level + slope * np.log(specificity / (1 - specificity)))
    axis.plot(
        100 * (1 - specificity), 100 * sensitivity, color=COLOURS["new"], linewidth=1.2, label=words("sroc_curve")
    )
    middle = off_link("logit", mu).mean(axis=0)
    axis.plot(100 * (1 - middle[1]), 100 * middle[0], "D", color="black", markersize=8, label=words("sroc_summary"))
    axis.set(xlim=(-1, 101), ylim=(-1, 101), xlabel=words("sroc_x"), ylabel=words("sroc_y"))
    axis.set_aspect("equal")
    axis.legend(loc="lower right", fontsize=9)
    for each in (axis.xaxis, axis.yaxis):
        numbered(each, words)
    found = [
        words.span(
            dict(zip(("mean", "lower", "upper"), three(100 * off_link("logit", mu[:, n])), strict=True)), digits=0
        )
        for n in (0, 1)
    ]
    title = words("sroc_title", label=label_of(block, words), sensitivity=found[0], specificity=found[1])
    axis.set_title(title, loc="left", fontsize=10.5, fontweight="bold")
    figure.tight_layout()
    return picture(figure, f"{title.replace(chr(10), ' ')}. {words('sroc_alt')}")


def _region(values: np.ndarray) -> np.ndarray:
    """The edge of the 95 % region of draws that are about bivariate normal: an ellipse on the logit scale, (point,
    part).
    """
    angle = np.linspace(0, 2 * np.pi, 200)
    root = np.linalg.cholesky(np.cov(values.T))
    return values.mean(axis=0) + np.sqrt(WITHIN) * np.column_stack([np.cos(angle), np.sin(angle)]) @ root.T


def _sroc(mu: np.ndarray, posterior: Posterior, block: Block) -> tuple[float, float]:
    """Slope and level of logit sensitivity on logit specificity over settings: the regression line of the bivariate
    normal.
    """
    tau, rho = (by_row(block, posterior.fitted, name) for name in ("spread", "correlation"))
    spread, correlation = tau.mean(axis=0), float(rho.mean())
    slope = correlation * spread[0] / spread[1]
    return slope, float(mu[:, 0].mean() - slope * mu[:, 1].mean())


def survival_plots(scenario: Scenario, posterior: Posterior, words: Words, *, years: float = 10) -> list[Picture]:
    """For each learnt survival curve its families with 95 % bands against the reported points or the patients' times."""
    blocks = [block for block in case_blocks(scenario) if block.model == "survival"]
    return [_survival(block, posterior, words, years) for block in blocks]


def _survival(block: Block, posterior: Posterior, words: Words, years: float) -> Picture:
    plt, _ = plot()
    figure, axis = plt.subplots(figsize=(9, 4.8))
    month = np.linspace(0.01, 12 * years, 200)
    weights = posterior.fitted[f"{block.name}.weight"].to_numpy()
    for number, (family, (median, shape)) in enumerate(survival.curves(block, posterior.fitted).items()):
        alive = 100 * np.exp(survival.FAMILIES[family](month, median[:, None], shape[:, None], survival.NumPy)[1])
        lower, upper = np.quantile(alive, TAILS, axis=0)
        name = f"{words(f'families.{family}')} ({words.percent(float(weights[number]))})"
        axis.plot(month, alive.mean(axis=0), color=LINES[number], label=name)
        axis.fill_between(month, lower, upper, color=LINES[number], alpha=0.12)
    for study, weight in zip(block.studies, block.weights, strict=True):
        if not isinstance(study, SurvivalStudy) or study.kind == "patient" or study.value is None:
            continue
        colour = "black" if weight else UNUSED
        ends = (study.low or study.value, study.high or study.value)
        if study.kind == "median":
            axis.plot(ends, (50, 50), color=colour, linewidth=2)
            axis.plot(study.value, 50, "s", color=colour)
        else:
            axis.plot((study.at_month, study.at_month), (100 * ends[0], 100 * ends[1]), color=colour, linewidth=2)
            axis.plot(study.at_month, 100 * study.value, "s", color=colour)
    _kaplan_meier(block, axis)
    axis.set(xlabel=words("months"), ylabel=words("alive_percent"), ylim=(0, 101), xlim=(0, 12 * years))
    axis.legend(fontsize=9)
    for each in (axis.xaxis, axis.yaxis):
        numbered(each, words)
    title = words("survival_title", label=label_of(block, words))
    axis.set_title(title, loc="left", fontsize=10.5, fontweight="bold")
    figure.tight_layout()
    return picture(figure, f"{title}. {words('survival_alt')}")


def _kaplan_meier(block: Block, axis: Any) -> None:
    rows = survival.evidence_rows(block).get("patient")
    if rows is None:
        return
    order = np.argsort(rows["month"])
    time, event, count = (rows[name][order] for name in ("month", "event", "count"))
    at_risk = count[::-1].cumsum()[::-1]
    axis.step(np.r_[0, time], 100 * np.r_[1, np.cumprod(1 - event * count / at_risk)], where="post", color="black")


def uptake_plots(scenario: Scenario, posterior: Posterior, words: Words) -> list[Picture]:
    """For each learnt spread the series with the curves fitted to them."""
    return [_uptake(block, posterior, words) for block in case_blocks(scenario) if block.model == "uptake"]


def _uptake(block: Block, posterior: Posterior, words: Words) -> Picture:
    plt, _ = plot()
    figure, axis = plt.subplots(figsize=(9, 4.4))
    series = [
        (one, weight) for one, weight in zip(block.studies, block.weights, strict=True) if isinstance(one, UptakeStudy)
    ]
    when = np.array([one.when for one, _ in series])
    grid = np.linspace(when.min() - 1, when.max() + 3, 100)
    for number, unit in enumerate(dict.fromkeys(one.unit for one, _ in series)):
        mine = [(one, weight) for one, weight in series if one.unit == unit]
        colour = LINES[number % len(LINES)] if mine[0][1] else UNUSED
        share = [100 * one.numerator / one.denominator for one, _ in mine]
        axis.plot([one.when for one, _ in mine], share, "o", color=colour, label=unit)
        if mine[0][1]:
            curve = 100 * uptake.curve_at(block, posterior.fitted, unit, grid)
            lower, upper = np.quantile(curve, TAILS, axis=0)
            axis.plot(grid, curve.mean(axis=0), color=colour)
            axis.fill_between(grid, lower, upper, color=colour, alpha=0.12)
    axis.set(ylim=(0, 101), xlabel=words("year"), ylabel=words("uptake_y"))
    axis.legend(fontsize=9)
    numbered(axis.yaxis, words)
    from matplotlib.ticker import MaxNLocator

    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    title = words("uptake_title", label=label_of(block, words))
    axis.set_title(title, loc="left", fontsize=10.5, fontweight="bold")
    figure.tight_layout()
    return picture(figure, f"{title}. {words('uptake_alt')}")
