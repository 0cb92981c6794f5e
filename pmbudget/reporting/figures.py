"""Figures: a title that says the finding, units on the axes, intervals, alternative text."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.evidence.fit import Posterior
from pmbudget.evidence.models import pooled_studies
from pmbudget.inputs.distributions import distribution
from pmbudget.inputs.parameters import Parameter
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.frames import coverage_frame, increments, interval_frame, thresholds, with_groups
from pmbudget.reporting.store import RunSummary
from pmbudget.reporting.words import Words
from pmbudget.road import Results
from pmbudget.vocabulary import TAILS

INNER = (0.25, 0.75)
COLOURS = {"today": "#7f7f7f", "unplanned": "#d08700", "new": "#00659b"}
PAYER_ORDER = ("all", "state", "regions_together", "region", "clinic", "diagnostic_unit")


@dataclass(frozen=True)
class Picture:
    """A figure as PNG with its alternative text, shown by Jupyter."""

    png: bytes
    alt: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        return {"image/png": base64.b64encode(self.png).decode(), "text/plain": self.alt}, {
            "image/png": {"alt": self.alt}
        }


def plot() -> Any:
    """Matplotlib and seaborn, loaded where a figure is made."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(style="whitegrid", context="notebook", rc={"axes.spines.top": False, "axes.spines.right": False})
    return plt, sns


def picture(figure: Any, alt: str) -> Picture:
    """A figure as PNG, closed."""
    plt, _ = plot()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    return Picture(buffer.getvalue(), alt)


def numbered(axis: Any, words: Words, digits: int = 0) -> None:
    """Tick labels in the language's number format."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: words.number(value, digits)))


def wrapped(text: str, width: int) -> str:
    """Text in lines of at most ``width`` characters."""
    import textwrap

    return "\n".join(textwrap.wrap(text, width))


def fan_chart(scenario: Scenario, results: Results, words: Words, *, reference: str = "today") -> Picture:
    """Yearly net budget by payer against a reference: mean, 50 % and 95 % intervals, MSEK."""
    plt, _ = plot()
    net = with_groups(results.net_budget(reference)).sum("region", skipna=False) / 1e6
    payers = [payer for payer in PAYER_ORDER if payer in net["payer"].to_numpy()]
    figure, axes = plt.subplots(2, -(-len(payers) // 2), figsize=(11, 6.4), sharex=True, sharey=True, squeeze=False)
    years = net["year"].to_numpy()
    for axis, payer in zip(axes.flat, payers, strict=False):
        values = net.sel(payer=payer)
        for low, high, shade in ((*TAILS, 0.18), (*INNER, 0.35)):
            lower, upper = values.quantile([low, high], dim="draw", skipna=False).to_numpy()
            axis.fill_between(years, lower, upper, color=COLOURS["new"], alpha=shade, linewidth=0)
        axis.plot(years, values.mean("draw"), color=COLOURS["new"], linewidth=2)
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set_title(words(f"payers.{payer}"), fontsize=12)
        numbered(axis.yaxis, words)
        axis.set_xticks(years[::3])
    for axis in axes[:, 0]:
        axis.set_ylabel(words("fan_y"))
    for axis in list(axes.flat)[len(payers) :]:
        axis.set_visible(False)
    figure.suptitle(wrapped(_fan_title(net, words, reference), 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("fan_alt", payers=", ".join(words(f"payers.{payer}") for payer in payers)))


def _fan_title(net: xr.DataArray, words: Words, reference: str) -> str:
    means = net.mean("draw").sel(payer="regions_together")
    place = int(np.abs(means.to_numpy()).argmax())
    peak, year = float(means[place]), int(means["year"][place])
    key = "fan_title" if peak >= 0 else "fan_title_saves"
    payer = words("payers.regions_together")
    return words(key, payer=payer, peak=words.msek(abs(peak) * 1e6), reference=words(f"mixes.{reference}"), year=year)


def coverage_chart(scenario: Scenario, results: Results, words: Words) -> Picture:
    """National coverage by year in the three worlds with 95 % intervals, and by region in the fifth year."""
    plt, sns = plot()
    year = scenario.years[min(4, len(scenario.years) - 1)]
    national = coverage_frame(results)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 6), gridspec_kw={"width_ratios": [1.1, 1]})
    for mix, colour in COLOURS.items():
        part = national[national["mix"] == mix]
        left.fill_between(part["year"], 100 * part["lower"], 100 * part["upper"], color=colour, alpha=0.15, linewidth=0)
        left.plot(part["year"], 100 * part["mean"], color=colour, linewidth=2, label=words(f"mixes.{mix}"))
    left.set_ylim(0, 100)
    left.set_ylabel(words("coverage_y"))
    left.set_xticks(scenario.years[::3])
    left.legend(loc="lower right")
    by_region = results.coverage.sel(year=year).mean("draw").rename("coverage").to_series().mul(100).reset_index()
    by_region["name"] = by_region["region"].map(scenario.regions["region"].str.replace(r"^Region ", "", regex=True))
    order = by_region[by_region["mix"] == "new"].sort_values("coverage", ascending=False)["name"]
    sns.pointplot(
        by_region,
        x="coverage",
        y="name",
        hue="mix",
        order=list(order),
        palette=COLOURS,
        linestyle="none",
        markersize=5,
        ax=right,
        legend=False,
    )
    spread = results.coverage.sel(year=year, mix="new").quantile(TAILS, dim="draw", skipna=False) * 100
    named = dict(zip(spread["region"].to_numpy(), spread.transpose("region", "quantile").to_numpy(), strict=True))
    codes = by_region[by_region["mix"] == "new"].sort_values("coverage", ascending=False)["region"]
    for place, code in enumerate(codes):
        right.plot(named[code], [place, place], color=COLOURS["new"], alpha=0.25, linewidth=3, zorder=0)
    right.set_xlim(0, 100)
    right.set_xlabel(words("coverage_y"))
    right.set_ylabel("")
    right.tick_params(axis="y", labelsize=9)
    right.set_title(words("coverage_right", year=year), fontsize=12)
    reached = national[national["year"] == year].set_index("mix")["mean"]
    title = words("coverage_title", year=year, **{mix: words.percent(reached[mix]) for mix in COLOURS})
    figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("coverage_alt", year=year))


def worth_chart(scenario: Scenario, results: Results, words: Words) -> Picture:
    """Cost-effectiveness plane and acceptability curves."""
    from pmbudget.appraisal.cea import ceac

    plt, sns = plot()
    cost, qaly = increments(scenario, results)
    figure, (plane, curve) = plt.subplots(1, 2, figsize=(11, 5.2))
    sns.scatterplot(
        x=qaly.to_numpy(), y=cost.to_numpy() / 1e3, s=9, alpha=0.25, color=COLOURS["new"], linewidth=0, ax=plane
    )
    plane.plot(float(qaly.mean()), float(cost.mean()) / 1e3, "o", color="black")
    reach = np.array([min(0.0, float(qaly.min())), float(qaly.max())])
    low, high = plane.get_ylim()
    for wtp in thresholds(scenario).values():
        plane.plot(reach, reach * wtp / 1e3, color="black", linewidth=0.9, linestyle="--")
        at = min(reach[1], 0.92 * high * 1e3 / wtp)
        plane.annotate(
            words("plane_threshold", wtp=words.number(wtp)),
            (at, at * wtp / 1e3),
            fontsize=9,
            ha="right",
            va="center",
            backgroundcolor="white",
        )
    plane.set_ylim(low, high)
    plane.axhline(0, color="black", linewidth=0.8)
    plane.axvline(0, color="black", linewidth=0.8)
    plane.set_xlabel(words("plane_x"))
    plane.set_ylabel(words("plane_y"))
    numbered(plane.yaxis, words)
    numbered(plane.xaxis, words, 2)
    new = words.label(scenario.case.strategies[scenario.case.new].label)
    title = words(
        "plane_title", new=new, qaly=words.figure(float(qaly.mean())), cost=words.number(float(cost.mean()), -2)
    )
    plane.set_title(wrapped(title, 48), loc="left", fontweight="bold", fontsize=12)
    grid = np.linspace(0, 2 * max(thresholds(scenario).values()), 101)
    probability = ceac(results.cost, results.qaly, grid)
    for name, colour in ((scenario.case.new, COLOURS["new"]), (scenario.case.comparator, COLOURS["today"])):
        label = words.label(scenario.case.strategies[name].label)
        curve.plot(grid / 1e3, 100 * probability.sel(strategy=name), color=colour, linewidth=2, label=label)
    curve.set_ylim(0, 100)
    curve.set_xlabel(words("ceac_x"))
    curve.set_ylabel(words("ceac_y"))
    curve.set_xticks(np.linspace(0, grid[-1] / 1e3, 5))
    numbered(curve.xaxis, words)
    curve.legend()
    above = grid[probability.sel(strategy=scenario.case.new).to_numpy() >= 0.5]
    found = words("ceac_title_never") if not above.size else words("ceac_title", wtp=words.number(above[0], -4))
    found = words("ceac_title_always") if above.size == grid.size else found
    curve.set_title(wrapped(found, 48), loc="left", fontweight="bold", fontsize=12)
    figure.tight_layout()
    alt = f"{words('plane_alt', draws=words.number(cost.size))} {words('ceac_alt')}"
    return picture(figure, alt)


def tornado_chart(
    scenario: Scenario, results: Results, frame: pd.DataFrame, words: Words, *, wtp: float, most: int = 15
) -> Picture:
    """One-way sensitivity of the net monetary benefit around the means, widest first; assumptions and the expected benefit are marked."""
    plt, _ = plot()
    shown = frame.head(most).iloc[::-1]
    figure, axis = plt.subplots(figsize=(11, 0.42 * len(shown) + 1.8))
    labels = []
    for place, (name, row) in enumerate(shown.iterrows()):
        base = row["base"] / 1e3
        for end, colour in (("low", "#8fb8d0"), ("high", COLOURS["new"])):
            axis.barh(place, row[end] / 1e3 - base, left=base, color=colour, height=0.7)
        label = words.label(scenario.parameters[str(name)].record.label)
        labels.append(f"{label} *" if row["is_assumed"] else label)
    axis.axvline(shown["base"].iloc[0] / 1e3, color="black", linewidth=0.9)
    axis.axvline(0, color="#b00020", linewidth=1.2, linestyle="--")
    cost, qaly = increments(scenario, results)
    axis.axvline(float((wtp * qaly - cost).mean()) / 1e3, color="black", linewidth=1.2, linestyle=":")
    axis.set_yticks(range(len(shown)), [wrapped(label, 52) for label in labels], fontsize=10)
    axis.set_xlabel(words("tornado_x", wtp=words.number(wtp)) + f"   (* {words('tornado_assumption')})")
    numbered(axis.xaxis, words)
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in ("#8fb8d0", COLOURS["new"])]
    axis.legend(handles, [words("tornado_low"), words("tornado_high")], loc="lower right")
    first = words.label(scenario.parameters[str(frame.index[0])].record.label)
    axis.set_title(words("tornado_title", first=first), loc="left", fontweight="bold", fontsize=12)
    figure.tight_layout()
    return picture(figure, words("tornado_alt"))


def forest_plots(parameters: Sequence[Parameter], posterior: Posterior, words: Words) -> list[Picture]:
    """For each learnt parameter its studies with 95 % intervals, the pooled share and the one expected in a new setting."""
    return [_forest(parameter, posterior, words) for parameter in parameters]


def _forest(parameter: Parameter, posterior: Posterior, words: Words) -> Picture:
    plt, _ = plot()
    used = {study.study: weight for study, weight in pooled_studies(parameter)}
    rows = []
    for study in parameter.studies:
        share = distribution("beta", counts=(study.numerator, study.denominator))
        weight = used.get(study.study, 0.0)
        whence = ", ".join(part for part in (f"{study.study} {study.year}".strip(), study.country) if part)
        label = f"{whence} ({words.number(study.numerator)}/{words.number(study.denominator)})"
        rows.append((label, study.numerator / study.denominator, *share.interval, weight))
    fitted = posterior.fitted.sel(parameter=parameter.name).stack(row=("chain", "draw"))
    summary = [
        (words("forest_pooled"), *_three(fitted["pooled"].to_numpy())),
        (words("forest_predicted"), *_three(fitted["predicted"].to_numpy())),
    ]
    figure, axis = plt.subplots(figsize=(10, 0.36 * (len(rows) + 2) + 1.4))
    for place, (_, mean, low, high, weight) in enumerate(reversed(rows), start=2):
        colour = COLOURS["new"] if weight else "#b0b0b0"
        axis.plot([100 * low, 100 * high], [place, place], color=colour, linewidth=1.5)
        axis.plot(100 * mean, place, "s", color=colour, markersize=4 + 4 * weight)
    for place, (_, mean, low, high) in enumerate(reversed(summary)):
        axis.plot([100 * low, 100 * high], [place, place], color="black", linewidth=2.5)
        axis.plot(100 * mean, place, "D", color="black", markersize=7)
    axis.set_yticks(
        range(len(rows) + 2), [*(row[0] for row in reversed(summary)), *(row[0] for row in reversed(rows))], fontsize=9
    )
    axis.set_xlabel(words("forest_x"))
    axis.set_xlim(left=0)
    axis.set_ylim(-0.7, len(rows) + 1.7)
    numbered(axis.xaxis, words, 1 if summary[1][3] < 0.05 else 0)
    _, mean, low, high = summary[1]
    label = words.label(parameter.record.label)
    digits = 1 if high < 0.1 else 0
    title = [f"{words.number(100 * value, digits)} %" for value in (mean, low, high)]
    axis.set_title(
        words("forest_title", label=label, predicted=title[0], low=title[1], high=title[2]),
        loc="left",
        fontsize=11,
        fontweight="bold",
    )
    figure.tight_layout()
    return picture(figure, f"{label}. {words('forest_alt')}")


def _three(values: np.ndarray) -> tuple[float, float, float]:
    row = interval_frame(xr.DataArray(values, dims="draw")).iloc[0]
    return float(row["mean"]), float(row["lower"]), float(row["upper"])


def comparison_chart(runs: Sequence[RunSummary], words: Words) -> Picture:
    """Net budget against today's use by payer and run over the longest period, MSEK with 95 % intervals."""
    plt, sns = plot()
    budgets = [run.figures.query("measure == 'net_budget' and reference == 'today'") for run in runs]
    period = budgets[0]["period"].iloc[-1]
    budgets = [budget[budget["period"] == period].set_index("payer") for budget in budgets]
    payers = [payer for payer in PAYER_ORDER if payer in budgets[0].index]
    labels = [words.label(run.scenario) for run in runs]
    figure, axis = plt.subplots(figsize=(11, 1 + 0.9 * len(payers)))
    for number, (label, colour) in enumerate(zip(labels, sns.color_palette("colorblind", len(runs)), strict=True)):
        part = budgets[number].loc[payers]
        place = np.arange(len(payers)) + (number - (len(labels) - 1) / 2) * min(0.17, 0.8 / len(labels))
        axis.hlines(place, part["lower"] / 1e6, part["upper"] / 1e6, color=colour, linewidth=2)
        axis.plot(part["mean"] / 1e6, place, "o", color=colour, label=label)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yticks(range(len(payers)), [words(f"payers.{payer}") for payer in payers])
    axis.invert_yaxis()
    axis.set_xlabel(words("compare_x", period=period))
    numbered(axis.xaxis, words)
    axis.legend(loc="upper center", bbox_to_anchor=(0.4, -0.14), ncols=2, fontsize=10, frameon=False)
    totals = [budget.loc["all", "mean"] for budget in budgets]
    least, most = int(np.argmin(totals)), int(np.argmax(totals))
    title = words(
        "compare_title",
        period=period,
        least=words.msek(totals[least]),
        least_scenario=labels[least],
        most=words.msek(totals[most]),
        most_scenario=labels[most],
    )
    axis.set_title(wrapped(title, 95), loc="left", fontweight="bold", fontsize=12)
    figure.tight_layout()
    return picture(figure, words("compare_alt"))
