"""Chapter 04 on supply: what holds back, where and when, who waits, which posts are short, what each limit costs."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.ranking import surely_best
from pmbudget.appraisal.worth import added_worth
from pmbudget.inputs.scenarios import Scenario
from pmbudget.programme.reach import share_reached
from pmbudget.questions.limits import Limited
from pmbudget.reporting.figures import COLOURS, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, note, table
from pmbudget.reporting.verdict import leading_threshold
from pmbudget.reporting.words import Words
from pmbudget.road import Results


def limits_table(scenario: Scenario, results: Results, limited: Limited | None, words: Words) -> Html:
    """The scenario as it is and with all stated limits: reached, lost and moved, QALYs, cost and net benefit against today's use."""
    if limited is None:
        return note(words("no_limits"))
    wtp = leading_threshold(scenario)
    pairs = {"as_is": (scenario, results), "stated": (limited.scenario, limited.results)}
    rows = []
    for key, (one, found) in pairs.items():
        if key == "as_is" and found is limited.results:
            continue
        worth = added_worth(one, found.worth)["today", one.whole_period]
        share = share_reached(found.reach, one.case.broad, ("region",)).sel(mix="new", year=one.years[-1])
        moved = found.reach.supply["moved"].sel(mix="new").sum(["region", "year"])  # type: ignore[index]
        row = [words(f"limits_rows.{key}"), words.span(interval_frame(share).iloc[0], per=0.01, digits=0)]
        row += [
            count(moved, words),
            *(words.span(interval_frame(worth[k]).iloc[0], digits=1) for k in ("lost", "qaly")),
        ]
        inmb = worth["inmb"].sel(wtp=wtp, drop=True)
        row += [words.span_msek(interval_frame(values).iloc[0]) for values in (worth["cost"], inmb)]
        rows.append(row)
    keys = ("what", "reached", "moved", "lost", "qaly", "cost", "inmb")
    header = [words(f"limits_columns.{key}", year=scenario.years[-1], wtp=words.number(wtp)) for key in keys]
    key = "limits_caption" if len(rows) > 1 else "limits_caption_hold"
    caption = words(key, period=scenario.whole_period)
    return Html(table(f"{caption}. {words('interval_note')}", header, rows) + note(words("limits_method")))


def limit_name(scenario: Scenario, name: str, words: Words, *, inside: bool = False) -> str:
    """What a limit is called, by itself or inside a sentence."""
    assert scenario.case.capacity is not None
    label = scenario.case.capacity.limits[name].label
    return words.inside(label) if inside else words.label(label)


def count(values: xr.DataArray, words: Words) -> str:
    """Whole persons with their interval."""
    return words.span(interval_frame(values).iloc[0], digits=0)


def limits_chart(limited: Limited | None, words: Words) -> Picture | Html:
    """Where and when each stated limit holds back: share of months and draws by year, and by region over all years; nothing without any."""
    if limited is None:
        return Html("")
    scenario, results = limited.scenario, limited.results
    assert results.reach.supply is not None
    from matplotlib.ticker import MaxNLocator

    plt, sns = plot()
    held = 100 * results.reach.supply["bound"].sel(mix="new").mean("draw")
    labels = [limit_name(scenario, str(name), words) for name in held["limit"].to_numpy()]
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 6.4), width_ratios=[1, 1.1])
    by_year = held.mean("region")
    for name, label, colour in zip(
        by_year["limit"].to_numpy(), labels, sns.color_palette("colorblind", len(labels)), strict=True
    ):
        left.plot(scenario.years, by_year.sel(limit=name), marker="o", markersize=4, color=colour, label=label)
    left.set_xticks(scenario.years)
    left.tick_params(axis="x", rotation=90)
    left.set_ylabel(words("limits_y"))
    left.set_ylim(0, max(5.0, 1.35 * float(by_year.max())))
    left.yaxis.set_major_locator(MaxNLocator(integer=True))
    left.legend(fontsize=9, loc="upper left")
    regions = held.mean("year").transpose("region", "limit")
    names = scenario.regions["region"].loc[list(regions["region"].to_numpy())]
    frame = pd.DataFrame(regions.to_numpy(), index=names, columns=labels)
    sns.heatmap(frame, ax=right, cmap="rocket_r", vmin=0, annot=True, fmt=".0f", annot_kws={"size": 8}, cbar=False)
    right.set_ylabel("")
    right.tick_params(axis="y", labelsize=9)
    right.set_xticklabels([wrapped(label, 24) for label in labels], rotation=25, ha="right", fontsize=9)
    right.set_title(words("limits_right"), fontsize=11, loc="left")
    by_draw = results.reach.supply["bound"].sel(mix="new").mean(["region", "year"]).transpose("limit", "draw")
    best = surely_best(by_draw.to_numpy())
    title = words("limits_title_alike") if best is None else words("limits_title", limit=labels[best])
    figure.suptitle(wrapped(title, 100), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("limits_alt"))


def posts_chart(scenario: Scenario, results: Results, words: Words) -> Picture | Html:
    """By profession or instrument and year: what is needed beyond today's use against what is open to it, with 95 % intervals.

    Nothing in a case that states no limits.
    """
    if results.reach.supply is None:
        return Html("")
    plt, _ = plot()
    names = [str(name) for name in results.reach.supply["limit"].to_numpy()]
    figure, axes = plt.subplots(1, len(names), figsize=(2.6 * len(names), 3.6), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        one = results.reach.supply.sel(limit=name)
        lines = [("open", "new", "#5d6d3f", words("posts_lines.open"))]
        lines += [
            ("needed", mix, COLOURS[mix], words("posts_lines.needed", mix=words(f"mixes.{mix}")))
            for mix in scenario.moving_mixes
        ]
        for kind, mix, colour, label in lines:
            rows = interval_frame(one[kind].sel(mix=mix, drop=True))
            axis.plot(rows["year"], rows["mean"], color=colour, label=label)
            axis.fill_between(rows["year"], rows["lower"], rows["upper"], color=colour, alpha=0.15, linewidth=0)
        axis.axhline(0, color="black", linewidth=0.6)
        axis.set_title(wrapped(limit_name(scenario, name, words), 24), fontsize=10)
        axis.set_xticks(scenario.years[:: max(1, len(scenario.years) // 3)])
        axis.tick_params(labelsize=8)
        numbered(axis.yaxis, words)
    axes[0][0].set_ylabel(words("posts_y"), fontsize=9)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=len(labels), fontsize=9, frameon=False)
    short = (
        (results.reach.supply["needed"] > results.reach.supply["open"])
        .sel(mix="new", year=scenario.years[-1])
        .mean("draw")
    )
    assert scenario.case.capacity is not None
    title = words(
        "posts_title" if float(short.max()) >= 0.05 else "posts_title_enough",
        limit=limit_name(scenario, names[int(np.argmax(short.to_numpy()))], words, inside=True),
        year=scenario.years[-1],
        risk=words.probability(float(short.max())),
    )
    figure.suptitle(wrapped(title, 100), x=0.01, ha="left", fontweight="bold", fontsize=12)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    return picture(figure, words("posts_alt"))


def posts_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """By profession or instrument: how many there are, are open to the test, are needed beyond today's use; risk that it falls short.

    Nothing in a case that states no limits.
    """
    if results.reach.supply is None:
        return Html("")
    years = sorted({shown[-1] for shown in scenario.periods.values()})
    supply = results.reach.supply
    rows = []
    for name in map(str, supply["limit"].to_numpy()):
        one = supply.sel(limit=name)
        row = [limit_name(scenario, name, words)]
        row.append(words.span(interval_frame(one["supply"].sel(mix="new", year=scenario.years[0])).iloc[0], digits=0))
        row.append(words.span(interval_frame(one["open"].sel(mix="new", year=scenario.years[0])).iloc[0], digits=2))
        row += [words.span(interval_frame(one["needed"].sel(mix="new", year=y)).iloc[0], digits=2) for y in years]
        short = (one["needed"] > one["open"]).sel(year=years[-1]).mean("draw")
        rows.append([*row, words.probability(float(short.sel(mix="new")))])
    header = [words("posts_columns.limit"), words("posts_columns.supply"), words("posts_columns.open")]
    header += [words("posts_columns.needed", year=year) for year in years]
    header.append(words("posts_columns.short", year=years[-1]))
    caption = words("supply_posts_caption", year=scenario.years[0])
    return table(f"{caption}. {words('interval_note')}", header, rows)


def waiting_table(limited: Limited | None, words: Words) -> Html:
    """The nation by year under all stated limits: months waited, those given the comparator, the lost; nothing without any."""
    if limited is None:
        return Html("")
    scenario, results = limited.scenario, limited.results
    assert results.reach.supply is not None
    columns = ("months_waited", "moved", "lost", "waiting")
    national = results.reach.supply[list(columns)].sum("region")
    rows = []
    for year in scenario.years:
        row = [str(year)]
        for mix in scenario.moving_mixes:
            row += [
                words.span(interval_frame(national[name].sel(mix=mix, year=year)).iloc[0], digits=0)
                for name in columns[:3]
            ]
        rows.append(row)
    total = national.sum("year")
    row = [words("total")]
    for mix in scenario.moving_mixes:
        row += [count(total[name].sel(mix=mix), words) for name in columns[:3]]
    header = [words("year")]
    header += [
        f"{words(f'waiting_columns.{c}')}: {words(f'mixes.{m}')}" for m in scenario.moving_mixes for c in columns[:3]
    ]
    listed = table(f"{words('waiting_caption')}. {words('interval_note')}", header, [*rows, row], strong=[len(rows)])
    gone = results.reach.patients.sel(mix="new", fate=list(scenario.case.losses), drop=True).sum("region")
    spent = results.spending.start_cost.sel(mix="new", drop=True)
    spared, health = (
        (gone * (values.sel(fate=scenario.case.comparator, drop=True) - values.sel(fate=gone["fate"]))).sum(
            ["fate", "year"]
        )
        for values in (spent, results.per_patient.fate_qaly)
    )
    losses = scenario.case.capacity.losses.values()  # type: ignore[union-attr]
    told = words(
        "waiting_note",
        reasons=", ".join(words.label(loss.label) for loss in losses),
        spared=words.span_msek(interval_frame(spared).iloc[0]),
        qaly=words.span(interval_frame(health).iloc[0], digits=1),
    )
    return Html(listed + note(told))


def limit_values_table(scenario: Scenario, values: xr.Dataset | None, words: Words, *, wtp: float) -> Html:
    """What each limit costs over all years: persons more were it lifted alone, and for a tenth of a post more, and what that is worth.

    Nothing in a case that states no limits.
    """
    if values is None:
        return Html("")
    rows = []
    for name in map(str, values["limit"].to_numpy()):
        one = values.sel(limit=name)
        rows.append(
            [
                limit_name(scenario, name, words),
                count(one["lifted"], words),
                count(one["per_tenth"], words),
                words.span_msek(interval_frame(one["value"]).iloc[0]),
            ]
        )
    header = [words("posts_columns.limit"), *(words(f"values_columns.{key}") for key in ("lifted", "tenth", "value"))]
    period = f"{scenario.years[0]}–{scenario.years[-1]}"
    caption = words("values_caption", period=period, wtp=words.number(wtp))
    return table(f"{caption}. {words('interval_note')}", header, rows)
