"""Chapter 02: one patient's pathway drawn, the course of the disease, cost by year and unit, staff by profession."""

from typing import Any

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.outcomes import occupancy_by_strategy
from pmbudget.reporting.figures import COLOURS, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.frames import interval_frame, staff_share_of
from pmbudget.reporting.markup import Html, lead, table
from pmbudget.reporting.words import Words
from pmbudget.vocabulary import TAILS

STATE_COLOURS = {"progression_free": "#00659b", "progressed": "#d08700", "dead": "#c9ced4"}
SHOWN_MONTHS = 60


def pathway_headline(scenario: Scenario, outcomes: xr.Dataset, words: Words) -> Html:
    """How many are found and treated by each strategy, and what share of diagnostics is staff."""
    case = scenario.case
    matched = _matched(case)
    found, treated, staff = {}, {}, {}
    for name in (case.comparator, case.new):
        found[name] = outcomes["found"].sel(strategy=name)
        treated[name] = outcomes["treated"].sel(strategy=name, management=matched).sum("management")
        staff[name] = staff_share_of(case, outcomes["cost_once"].sel(strategy=name))
    gained = treated[case.new] - treated[case.comparator]
    label = {name: words.label(case.strategies[name].label) for name in found}
    return lead(
        words(
            "headline_pathway",
            new=label[case.new],
            comparator=label[case.comparator].lower(),
            found_new=_percent(found[case.new], words),
            found_old=_percent(found[case.comparator], words),
            gained=words.span(interval_frame(gained).iloc[0], per=0.01, digits=1),
        ),
        words(
            "headline_staff",
            new=label[case.new].lower(),
            comparator=label[case.comparator].lower(),
            staff_new=_percent(staff[case.new], words),
            staff_old=_percent(staff[case.comparator], words),
        ),
    )


def _matched(case: Case) -> list[str]:
    return [one.matched for one in case.classes.values() if one.matched]


def _percent(values: xr.DataArray, words: Words) -> str:
    row = interval_frame(values).iloc[0]
    return f"{words.span(row, per=0.01, digits=0)} %"


def _tenths(share: float, words: Words) -> str:
    return f"{words.number(100 * share, 1)} %"


def tree_chart(scenario: Scenario, outcomes: xr.Dataset, words: Words) -> Picture:
    """The pathway of each strategy as a tree with mean probabilities, shares of all patients at the ends."""
    plt, _ = plot()
    case = scenario.case
    names = [case.comparator, case.new]
    figure, axes = plt.subplots(2, 1, figsize=(11, 7.6))
    for axis, name in zip(axes, names, strict=True):
        _draw_tree(axis, words.label(case.strategies[name].label), _branches(case, outcomes.sel(strategy=name)), words)
    gain = [
        float(outcomes["treated"].sel(strategy=n, management=_matched(case)).sum("management").mean()) for n in names
    ]
    title = words("tree_title", old=words.percent(gain[0]), new=words.percent(gain[1]))
    figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("tree_alt"))


def _branches(case: Case, outcomes: xr.Dataset) -> list[tuple[str, float, list[tuple[str, float]]]]:
    """Those with and without something to find, and where each group ends: text key, share of all, (text key, share of the group)."""
    carriers = float(outcomes["carriers"].mean())
    treated = outcomes["treated"].mean("draw")
    matched = float(treated.sel(management=_matched(case)).sum())
    mismatched_carriers = float(outcomes["mismatched_carriers"].mean())
    mismatched = float(treated.sel(management=case.mismatched)) - mismatched_carriers
    found = float((outcomes["found"] * outcomes["carriers"]).mean())
    rest = 1 - carriers
    return [
        (
            "tree_with",
            carriers,
            [
                ("tree_matched", matched / carriers),
                ("tree_found_late", (found - matched) / carriers),
                ("tree_missed", (carriers - found - mismatched_carriers) / carriers),
                ("tree_mismatched", mismatched_carriers / carriers),
            ],
        ),
        ("tree_without", rest, [("tree_standard", 1 - mismatched / rest), ("tree_mismatched", mismatched / rest)]),
    ]


def _draw_tree(axis: Any, title: str, branches: list[tuple[str, float, list[tuple[str, float]]]], words: Words) -> None:
    leaves = sum(len(ends) for _, _, ends in branches)
    height, middles = leaves - 1.0, []
    box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": COLOURS["new"]}
    for key, share, ends in branches:
        places = [height - number for number in range(len(ends))]
        height -= len(ends)
        middle = float(np.mean(places))
        middles.append((middle, share))
        axis.text(0.36, middle, words(key), ha="center", va="center", fontsize=10, bbox=box)
        for place, (end, part) in zip(places, ends, strict=True):
            axis.plot(
                [0.36, 0.66],
                [middle, place],
                color="#9aa5b1",
                linewidth=0.8 + 5 * part,
                zorder=0,
                solid_capstyle="round",
            )
            axis.text(
                0.55,
                middle + (place - middle) * 19 / 30,
                f"{words.number(100 * part, 1)} %",
                ha="center",
                va="center",
                fontsize=9,
                backgroundcolor="white",
            )
            axis.text(
                0.67,
                place,
                f"{words(end)}: {words.number(100 * part * share, 1)} %",
                ha="left",
                va="center",
                fontsize=10,
            )
    root = float(np.mean([middle for middle, _ in middles]))
    axis.text(0.07, root, title, ha="center", va="center", fontsize=11, fontweight="bold", bbox=box)
    for middle, share in middles:
        axis.plot(
            [0.07, 0.36], [root, middle], color="#9aa5b1", linewidth=0.8 + 5 * share, zorder=0, solid_capstyle="round"
        )
        axis.text(
            0.215,
            (root + middle) / 2,
            f"{words.number(100 * share, 1)} %",
            ha="center",
            va="center",
            fontsize=9,
            backgroundcolor="white",
        )
    axis.set_xlim(0, 1)
    axis.set_ylim(-0.6, leaves - 0.4)
    axis.axis("off")


def course_chart(scenario: Scenario, draws: xr.Dataset, words: Words) -> Picture:
    """Share of patients in each state over the first five years by strategy; mean, with the 95 % interval of survival."""
    plt, _ = plot()
    case = scenario.case
    occupancy = (
        occupancy_by_strategy(draws, case, horizon=case.horizon_years).isel(cycle=slice(0, SHOWN_MONTHS + 1)) * 100
    )
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), sharey=True)
    months = np.arange(SHOWN_MONTHS + 1)
    alive = {}
    for axis, name in zip(axes, (case.comparator, case.new), strict=True):
        mean = occupancy.sel(strategy=name).mean("draw")
        axis.stackplot(
            months,
            *(mean.sel(state=state) for state in STATE_COLOURS),
            labels=[words(f"states.{state}") for state in STATE_COLOURS],
            colors=list(STATE_COLOURS.values()),
        )
        living = 100 - occupancy.sel(strategy=name, state="dead")
        lower, upper = living.quantile(TAILS, dim="draw", skipna=False).to_numpy()
        axis.plot(months, lower, color="black", linewidth=0.8, linestyle=":")
        axis.plot(months, upper, color="black", linewidth=0.8, linestyle=":")
        alive[name] = float(living.sel(cycle=24).mean()) / 100
        axis.set_title(words.label(case.strategies[name].label), fontsize=12)
        axis.set_xlabel(words("course_x"))
        axis.set_xticks(np.arange(0, SHOWN_MONTHS + 1, 12))
        axis.set_ylim(0, 100)
    axes[0].set_ylabel(words("course_y"))
    axes[1].legend(loc="upper right", fontsize=10)
    title = words("course_title", new=_tenths(alive[case.new], words), old=_tenths(alive[case.comparator], words))
    figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("course_alt"))


def cost_chart(scenario: Scenario, outcomes: xr.Dataset, words: Words) -> Picture:
    """Difference in mean cost per patient by year since start and performing unit, thousand SEK."""
    plt, sns = plot()
    case = scenario.case
    difference = {
        name: outcomes[name].sel(strategy=case.new) - outcomes[name].sel(strategy=case.comparator)
        for name in ("cost", "cost_once")
    }
    flows = difference["cost"].mean("draw").groupby("unit").sum()
    once = difference["cost_once"].mean("draw").groupby("unit").sum()
    by_unit = flows.isel(year_since_start=slice(0, 8)).transpose("unit", "year_since_start") / 1e3
    by_unit = by_unit + (once / 1e3) * (by_unit["year_since_start"] == 0)
    figure, axis = plt.subplots(figsize=(11, 4.4))
    units = [str(unit) for unit in by_unit["unit"].to_numpy()]
    years = by_unit["year_since_start"].to_numpy()
    for number, (unit, colour) in enumerate(zip(units, sns.color_palette("colorblind", len(units)), strict=True)):
        place = years + (number - (len(units) - 1) / 2) * 0.25
        axis.bar(place, by_unit.sel(unit=unit), width=0.25, color=colour, label=words(f"payers.{unit}"))
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set_xticks(years, [str(year + 1) for year in years])
    axis.set_xlabel(words("cost_chart_x"))
    axis.set_ylabel(words("cost_chart_y"))
    numbered(axis.yaxis, words)
    axis.legend()
    total = by_unit.sum("year_since_start")
    dearest = str(total["unit"].to_numpy()[int(np.argmax(total.to_numpy()))])
    title = words("cost_chart_title", unit=words(f"payers.{dearest}"), cost=words.number(float(total.max()) * 1e3, -2))
    axis.set_title(title, loc="left", fontweight="bold", fontsize=12)
    figure.tight_layout()
    return picture(figure, words("cost_chart_alt"))


def staff_table(scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset, words: Words) -> Html:
    """Minutes per patient and full-time posts per 1,000 patients by profession and strategy, with 95 % intervals."""
    case = scenario.case
    names = [case.comparator, case.new]
    posts_per_minute = 1000 / (draws[case.productive_hours] * 60)
    rows = []
    for name in map(str, outcomes["resource"].to_numpy()[outcomes["kind"].to_numpy() == "staff"]):
        minutes = outcomes["activity_once"].sel(resource=name)
        row = [words.label(case.resources[name].label), words(f"payers.{case.resources[name].unit}")]
        row += [words.span(interval_frame(minutes.sel(strategy=s)).iloc[0], digits=0) for s in names]
        row += [words.span(interval_frame(minutes.sel(strategy=s) * posts_per_minute).iloc[0], digits=2) for s in names]
        rows.append(row)
    share = [words("staff_row"), ""]
    share += [_percent(staff_share_of(case, outcomes["cost_once"].sel(strategy=s)), words) for s in names]
    rows.append([*share, "", ""])
    label = [words.label(case.strategies[s].label) for s in names]
    header = [words("staff_columns.profession"), words("unit")]
    header += [f"{words('staff_columns.minutes')}: {each}" for each in label]
    header += [f"{words('staff_columns.posts')}: {each}" for each in label]
    return table(
        f"{words('staff_caption')}. {words('interval_note')}", header, rows, strong=[len(rows) - 1], text_columns=2
    )
