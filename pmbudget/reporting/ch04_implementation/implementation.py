"""Chapter 04: who gets the new strategy, where and when: the answer, the regions, the pace.

The page answers: what is reached and aimed at (headline, pace), for whom (regions, equity), how sure (intervals, what the stated limits
would change), resting on what (limits that are assumed, shown apart), and what next (levers, what one more post is worth).
"""

import pandas as pd
import xarray as xr

from pmbudget.appraisal.equity import gini
from pmbudget.appraisal.ranking import ERRORS, simulation_error, surely_above, surely_best
from pmbudget.inputs.scenarios import Scenario
from pmbudget.programme.reach import national_aim, share_reached
from pmbudget.questions.limits import Limited
from pmbudget.reporting.ch04_implementation.supply import count, limit_name
from pmbudget.reporting.figures import COLOURS, Picture, picture, plot, wrapped
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, broad_means, broadly_tested, lead, named_by_use, rolls_out
from pmbudget.reporting.words import Words
from pmbudget.road import Results


def implementation_headline(scenario: Scenario, results: Results, limited: Limited | None, words: Words) -> Html:
    """What is aimed at and reached, what the stated limits of supply would do, and how far apart the regions are."""
    last = scenario.first_years[-1]
    new = broadly_tested(scenario, words)
    national = share_reached(results.reach, scenario.case.broad, ("region",)).sel(mix="new", year=last)
    if scenario.limits:
        goal = national_aim(results.reach).sel(mix="new", year=last)
        told = {"aimed": words.percent(float(goal.mean())), "reached": _percent(national, words)}
        sentences = [words("headline_reached", year=last, new=new, **told), *_held_back(scenario, results, words)]
    else:
        sentences = [words("headline_unlimited", year=last, new=new, reached=_percent(national, words))]
        sentences += _would_hold_back(scenario, limited, last, words)
    error = 100 * ERRORS * simulation_error(national)
    draws = words.number(national.sizes["draw"])
    uncertain = words("simulation_error_share", draws=draws, error=words.number(error, 1), year=last)
    strategies = rolls_out(scenario, words), broad_means(scenario, words)
    return lead(*sentences, *strategies, _between_regions(scenario, results, words), uncertain)


def _held_back(scenario: Scenario, results: Results, words: Words) -> list[str]:
    """Who does not get through over the first five years, and which limit holds back most often."""
    assert results.reach.supply is not None
    period, years = next(iter(scenario.periods.items()))
    supply = results.reach.supply.sel(mix="new", year=years)
    held = supply["bound"].mean(["region", "year"])
    if float(held.max()) == 0:
        return [words("headline_nothing_binds")]
    lost = [
        words(
            "gone_reason",
            number=count(results.reach.patients.sel(mix="new", fate=name, year=years).sum(["region", "year"]), words),
            reason=words.label(loss.label),
        )
        for name, loss in scenario.case.capacity.losses.items()  # type: ignore[union-attr]
    ]
    moved = count(supply["moved"].sum(["region", "year"]), words)
    said = [words("headline_gone", period=period, moved=moved, lost=words("and").join(lost))]
    best = surely_best(held.transpose("limit", "draw").to_numpy())
    if best is None:
        return [*said, words("headline_limits_alike", period=period)]
    first = str(held["limit"].to_numpy()[best])
    load = results.reach.supply.sel(mix="new", year=years[-1], limit=first)
    return [
        *said,
        words(
            "headline_limit",
            limit=limit_name(scenario, first, words, inside=True),
            share=words.percent(float(held.sel(limit=first).mean())),
            period=period,
            needed=words.span(interval_frame(load["needed"]).iloc[0], digits=2),
            open=words.span(interval_frame(load["open"]).iloc[0], digits=2),
            supply=words.number(float(load["supply"].mean())),
        ),
    ]


def _would_hold_back(scenario: Scenario, limited: Limited | None, year: int, words: Words) -> list[str]:
    """Why no limit holds, and what the stated ones would do."""
    if limited is None:
        return [words("no_limits")]
    share = share_reached(limited.results.reach, limited.scenario.case.broad, ("region",)).sel(mix="new", year=year)
    return [words("headline_limits_off", year=year, reached=_percent(share, words))]


def _between_regions(scenario: Scenario, results: Results, words: Words) -> str:
    """How far apart regions are: those with a university hospital and the others, which is all that the model can tell apart."""
    share = share_reached(results.reach, scenario.case.broad, ("year",)).sel(mix="new")
    uneven = gini(share_reached(results.reach, scenario.case.broad, ("year",)), results.reach.eligible.sum("year"))
    university = (scenario.regions["university_hospital"] != "").to_numpy()
    here, there = (share.isel(region=chosen).mean("region") for chosen in (university, ~university))
    told = {
        "period": f"{scenario.years[0]}–{scenario.years[-1]}",
        "university": words.percent(float(here.mean())),
        "others": words.percent(float(there.mean())),
        "today": words.number(float(uneven.sel(mix="today").mean()), 2),
        "new": words.number(float(uneven.sel(mix="new").mean()), 2),
    }
    apart = surely_above(here, there) or surely_above(there, here)
    return words("headline_regions" if apart else "headline_regions_alike", **told)


def _percent(values: xr.DataArray, words: Words) -> str:
    return f"{words.span(interval_frame(values).iloc[0], per=0.01, digits=0)} %"


def coverage_map(scenario: Scenario, results: Results, words: Words) -> Picture:
    """Share of patients reached by region and year in the three worlds; mean, per cent."""
    plt, sns = plot()
    share = 100 * results.reach.reached.mean("draw")
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
    test = named_by_use("diagnostic", scenario, words)
    title = words(
        "reach_map_title",
        test=test,
        year=scenario.years[-1],
        low=words.number(float(last.min())),
        high=words.number(float(last.max())),
    )
    figure.suptitle(wrapped(title, 100), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("reach_map_alt", test=test))


def pace_chart(scenario: Scenario, results: Results, words: Words) -> Picture:
    """National share of patients by year: what is aimed at (dashed) and what is reached, with 95 % intervals."""
    plt, _ = plot()
    figure, axis = plt.subplots(figsize=(10, 4.4))
    got, plan = (
        100 * share_reached(results.reach, scenario.case.broad, ("region",)),
        100 * national_aim(results.reach).mean("draw"),
    )
    frame = interval_frame(got).set_index("mix")
    years = scenario.years
    for mix in ("today", *scenario.moving_mixes):
        rows = frame.loc[mix]
        axis.plot(rows["year"], rows["mean"], color=COLOURS[mix], label=words(f"mixes.{mix}").capitalize())
        axis.fill_between(rows["year"], rows["lower"], rows["upper"], color=COLOURS[mix], alpha=0.15, linewidth=0)
        axis.plot(years, plan.sel(mix=mix), color=COLOURS[mix], linestyle="--", linewidth=1)
    axis.set_ylim(0, 100)
    axis.set_xticks(years)
    axis.set_ylabel(words("pace_y"))
    axis.legend(title=words("pace_legend"))
    short = float((plan - got.mean("draw")).sel(mix="new", year=years[-1]))
    share = words.number(float(got.sel(mix="new", year=years[-1]).mean()))
    title = words(
        "pace_title" if short >= 1 else "pace_title_met", year=years[-1], short=words.number(short), share=share
    )
    axis.set_title(wrapped(title, 90), loc="left", fontweight="bold", fontsize=12)
    figure.tight_layout()
    return picture(figure, words("pace_alt"))
