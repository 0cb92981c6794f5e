"""Chapter 04: who gets the new strategy, where and when: the answer, the regions, the pace."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.equity import gini
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.figures import COLOURS, Picture, picture, plot, wrapped
from pmbudget.reporting.frames import interval_frame, periods
from pmbudget.reporting.markup import Html, lead
from pmbudget.reporting.reach import aimed, courses, eligible, reached
from pmbudget.reporting.supply import count, limit_name
from pmbudget.reporting.words import Words
from pmbudget.road import Results


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
                moved=count(gone["moved"], words),
                lost=count(gone["lost"], words),
            )
        )
        held = supply["bound"].mean(["draw", "region", "year"])
        first = str(held["limit"].to_numpy()[int(np.argmax(held.to_numpy()))])
        load = results.supply.sel(mix="new", year=last, limit=first)
        hindrance = words(
            "headline_limit",
            limit=limit_name(scenario, first, words).lower(),
            share=words.percent(float(held.max())),
            period=period,
            needed=words.span(interval_frame(load["needed"]).iloc[0], digits=2),
            open=words.span(interval_frame(load["open"]).iloc[0], digits=2),
            supply=words.number(float(load["supply"].mean())),
        )
        sentences.append(hindrance if float(held.max()) > 0 else words("headline_nothing_binds"))
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


def _percent(values: xr.DataArray, words: Words) -> str:
    return f"{words.span(interval_frame(values).iloc[0], per=0.01, digits=0)} %"


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
        "reach_map_title",
        year=scenario.years[-1],
        low=words.number(float(last.min())),
        high=words.number(float(last.max())),
    )
    figure.suptitle(wrapped(title, 100), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("reach_map_alt"))


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
