"""Chapter 04: who gets the new strategy where and when, what holds it back, and what becomes of those who wait."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.equity import access, gini
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.figures import COLOURS, Picture, picture, plot, wrapped
from pmbudget.reporting.frames import interval_frame, periods
from pmbudget.reporting.markup import Html, lead, note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results

COURSES = ("unplanned", "new")
"""The mixes that supply can hold back."""


def eligible(results: Results) -> xr.DataArray:
    """All patients (draw, region, year); nobody waits at today's use, so that its patients are all there are."""
    return results.patients.sel(mix="today", drop=True).sum("strategy")


def reached(scenario: Scenario, results: Results, over: tuple[str, ...] = ()) -> xr.DataArray:
    """Share of patients who get the new strategy (draw, mix, region, year), less the dims summed ``over``."""
    served = results.patients.sel(strategy=scenario.case.new, drop=True)
    return access(served.sum(over), eligible(results).sum(over))


def aimed(results: Results) -> xr.DataArray:
    """Share of the nation's patients who would get the new strategy were nothing short (draw, mix, year)."""
    people = eligible(results)
    return access((results.coverage * people).sum("region"), people.sum("region"))


def courses(scenario: Scenario) -> tuple[str, ...]:
    """The mixes worth a row: without an agreement the scenario is the unplanned course itself."""
    return COURSES if scenario.agreement else COURSES[1:]


def implementation_headline(scenario: Scenario, results: Results, words: Words) -> Html:
    """What is aimed at and reached, who does not get through, what holds back, and how far apart the regions are."""
    period, years = next(iter(periods(scenario.years).items()))
    last = years[-1]
    new = words.label(scenario.case.strategies[scenario.case.new].label).lower()
    national = reached(scenario, results, ("region",)).sel(mix="new", year=last)
    if results.supply is None:
        sentences = [
            words("headline_unlimited", year=last, new=new, reached=_percent(national, words)),
            words("no_limits"),
        ]
    else:
        goal = aimed(results).sel(mix="new", year=last)
        sentences = [
            words(
                "headline_reached",
                year=last,
                new=new,
                aimed=words.percent(float(goal.mean())),
                reached=_percent(national, words),
            )
        ]
        supply = results.supply.sel(mix="new", year=years)
        gone = supply[["moved", "lost"]].sum(["region", "year"])
        sentences.append(
            words(
                "headline_gone",
                period=period,
                moved=_count(gone["moved"], words),
                lost=_count(gone["lost"], words),
            )
        )
        held = supply["bound"].mean(["draw", "region", "year"])
        first = str(held["limit"].to_numpy()[int(np.argmax(held.to_numpy()))])
        load = results.supply.sel(mix="new", year=last, limit=first)
        sentences.append(
            words(
                "headline_limit",
                limit=_limit(scenario, first, words).lower(),
                share=words.percent(float(held.max())),
                period=period,
                needed=words.span(interval_frame(load["needed"]).iloc[0], digits=2),
                open=words.span(interval_frame(load["open"]).iloc[0], digits=2),
                supply=words.number(float(load["supply"].mean())),
            )
        )
    by_region = reached(scenario, results, ("year",)).mean("draw").sel(mix="new")
    uneven = gini(reached(scenario, results, ("year",)), eligible(results).sum("year"))
    names = scenario.regions["region"]
    low, high = (str(by_region["region"].to_numpy()[int(end(by_region.to_numpy()))]) for end in (np.argmin, np.argmax))
    sentences.append(
        words(
            "headline_regions",
            period=f"{scenario.years[0]}–{scenario.years[-1]}",
            low=names[low],
            low_share=words.percent(float(by_region.min())),
            high=names[high],
            high_share=words.percent(float(by_region.max())),
            today=words.number(float(uneven.sel(mix="today").mean()), 2),
            new=words.number(float(uneven.sel(mix="new").mean()), 2),
        )
    )
    return lead(*sentences)


def implementation_frame(scenario: Scenario, results: Results) -> pd.DataFrame:
    """Long form: measure, mix, region, year, mean, lower, upper. ``reached`` is a share; ``moved``, ``lost``, ``waiting`` are persons."""
    parts = {"reached": reached(scenario, results)}
    if results.supply is not None:
        parts |= {name: results.supply[name] for name in ("moved", "lost", "waiting", "months_waited")}
    frames = [interval_frame(values).assign(measure=name) for name, values in parts.items()]
    return pd.concat(frames)[["measure", "mix", "region", "year", "mean", "lower", "upper"]].reset_index(drop=True)


def _percent(values: xr.DataArray, words: Words) -> str:
    return f"{words.span(interval_frame(values).iloc[0], per=0.01, digits=0)} %"


def _count(values: xr.DataArray, words: Words) -> str:
    return words.span(interval_frame(values).iloc[0], digits=0)


def _limit(scenario: Scenario, name: str, words: Words) -> str:
    assert scenario.case.capacity is not None
    return words.label(scenario.case.capacity.limits[name].label)


def coverage_map(scenario: Scenario, results: Results, words: Words) -> Picture:
    """Share of patients reached by region and year in the three worlds; mean, per cent."""
    plt, sns = plot()
    share = 100 * reached(scenario, results).mean("draw")
    names = scenario.regions["region"].loc[list(share["region"].to_numpy())]
    figure, axes = plt.subplots(1, 3, figsize=(12, 7.4), sharey=True)
    for axis, mix in zip(axes, share["mix"].to_numpy(), strict=True):
        frame = pd.DataFrame(share.sel(mix=mix).to_numpy(), index=names, columns=scenario.years)
        sns.heatmap(
            frame,
            ax=axis,
            vmin=0,
            vmax=100,
            cmap="viridis",
            annot=True,
            fmt=".0f",
            annot_kws={"size": 8},
            cbar=False,
            linewidths=0.4,
        )
        axis.set_title(words(f"mixes.{mix}").capitalize(), fontsize=12)
        axis.set_xlabel("")
        axis.set_ylabel("")
        axis.tick_params(axis="y", rotation=0, labelsize=9)
        axis.tick_params(axis="x", rotation=90, labelsize=9)
    last = share.sel(mix="new", year=scenario.years[-1])
    title = words(
        "map_title",
        year=scenario.years[-1],
        low=words.number(float(last.min())),
        high=words.number(float(last.max())),
    )
    figure.suptitle(wrapped(title, 100), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("map_alt"))


def pace_chart(scenario: Scenario, results: Results, words: Words) -> Picture:
    """National share of patients by year: what is aimed at (dashed) and what is reached, with 95 % intervals."""
    plt, _ = plot()
    figure, axis = plt.subplots(figsize=(10, 4.4))
    got, plan = 100 * reached(scenario, results, ("region",)), 100 * aimed(results).mean("draw")
    frame = interval_frame(got).set_index("mix")
    years = scenario.years
    for mix in ("today", *courses(scenario)):
        rows = frame.loc[mix]
        axis.plot(rows["year"], rows["mean"], color=COLOURS[mix], label=words(f"mixes.{mix}").capitalize())
        axis.fill_between(rows["year"], rows["lower"], rows["upper"], color=COLOURS[mix], alpha=0.15, linewidth=0)
        axis.plot(years, plan.sel(mix=mix), color=COLOURS[mix], linestyle="--", linewidth=1)
    axis.set_ylim(0, 100)
    axis.set_xticks(years)
    axis.set_ylabel(words("pace_y"))
    axis.legend(title=words("pace_legend"))
    short = float((plan - got.mean("draw")).sel(mix="new", year=years[-1]))
    title = words("pace_title", year=years[-1], short=words.number(short))
    axis.set_title(wrapped(title, 90), loc="left", fontweight="bold", fontsize=12)
    figure.tight_layout()
    return picture(figure, words("pace_alt"))


def limits_chart(scenario: Scenario, results: Results, words: Words) -> Picture | Html:
    """Where and when each limit holds back in the scenario: share of months and draws by year, and by region over all years."""
    if results.supply is None:
        return note(words("no_limits"))
    from matplotlib.ticker import MaxNLocator

    plt, sns = plot()
    held = 100 * results.supply["bound"].sel(mix="new").mean("draw")
    labels = [_limit(scenario, str(name), words) for name in held["limit"].to_numpy()]
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
    worst = str(regions["region"].to_numpy()[int(np.argmax(regions.sum("limit").to_numpy()))])
    first = labels[int(np.argmax(by_year.mean("year").to_numpy()))]
    title = words("limits_title", limit=first, region=scenario.regions["region"][worst])
    figure.suptitle(wrapped(title, 100), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("limits_alt"))


def waiting_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """The nation by year: months waited, treated without the answer, lost, still waiting; 95 % intervals."""
    if results.supply is None:
        return note(words("no_limits"))
    columns = ("months_waited", "moved", "lost", "waiting")
    national = results.supply[list(columns)].sum("region")
    rows = []
    for year in scenario.years:
        row = [str(year)]
        for mix in courses(scenario):
            row += [
                words.span(interval_frame(national[name].sel(mix=mix, year=year)).iloc[0], digits=0)
                for name in columns[:3]
            ]
        rows.append(row)
    total = national.sum("year")
    row = [words("total")]
    for mix in courses(scenario):
        row += [_count(total[name].sel(mix=mix), words) for name in columns[:3]]
    header = [words("year")]
    header += [
        f"{words(f'waiting_columns.{c}')}: {words(f'mixes.{m}')}" for m in courses(scenario) for c in columns[:3]
    ]
    return table(f"{words('waiting_caption')}. {words('interval_note')}", header, [*rows, row], strong=[len(rows)])


def posts_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """By profession or instrument: how many there are, are open to the test, are needed beyond today's use; risk that it falls short."""
    if results.supply is None:
        return note(words("no_limits"))
    years = sorted({shown[-1] for shown in periods(scenario.years).values()})
    supply = results.supply
    rows = []
    for name in map(str, supply["limit"].to_numpy()):
        one = supply.sel(limit=name)
        row = [_limit(scenario, name, words)]
        row.append(words.span(interval_frame(one["supply"].sel(mix="new", year=scenario.years[0])).iloc[0], digits=0))
        row.append(words.span(interval_frame(one["open"].sel(mix="new", year=scenario.years[0])).iloc[0], digits=2))
        row += [words.span(interval_frame(one["needed"].sel(mix="new", year=y)).iloc[0], digits=2) for y in years]
        short = (one["needed"] > one["open"]).sel(year=years[-1]).mean("draw")
        rows.append([*row, words.probability(float(short.sel(mix="new")))])
    header = [words("posts_columns.limit"), words("posts_columns.supply"), words("posts_columns.open")]
    header += [words("posts_columns.needed", year=year) for year in years]
    header.append(words("posts_columns.short", year=years[-1]))
    caption = words("posts_caption", year=scenario.years[0])
    return table(f"{caption}. {words('interval_note')}", header, rows)


def limit_values_table(scenario: Scenario, values: xr.Dataset | None, words: Words, *, wtp: float) -> Html:
    """What each limit costs over all years: persons more were it lifted alone, and for a tenth of a post more, and what that is worth."""
    if values is None:
        return note(words("no_limits"))
    rows = []
    for name in map(str, values["limit"].to_numpy()):
        one = values.sel(limit=name)
        rows.append(
            [
                _limit(scenario, name, words),
                _count(one["lifted"], words),
                _count(one["per_tenth"], words),
                words.span_msek(interval_frame(one["value"]).iloc[0]),
            ]
        )
    header = [words("posts_columns.limit"), *(words(f"values_columns.{key}") for key in ("lifted", "tenth", "value"))]
    period = f"{scenario.years[0]}–{scenario.years[-1]}"
    caption = words("values_caption", period=period, wtp=words.number(wtp))
    return table(f"{caption}. {words('interval_note')}", header, rows)
