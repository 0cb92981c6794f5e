"""Chapter 03: is it worth it, how sure is that, and what decides."""

import numpy as np
import pandas as pd

from pmbudget.appraisal import ceac
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.figures import COLOURS, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.frames import (
    incremental_table,
    increments,
    interval_frame,
    judged,
    staff_share_of,
    thresholds,
)
from pmbudget.reporting.markup import Html, lead, note, rate, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results


def worth_headline(scenario: Scenario, results: Results, words: Words) -> Html:
    """Incremental cost and QALY with intervals, the verdict, the probability at the norms' thresholds."""
    cost, qaly = increments(scenario, results)
    money, health = (interval_frame(values).iloc[0] for values in (cost, qaly))
    verdict, ratio = judged(money["mean"], health["mean"])
    case, wtp = scenario.case, thresholds(scenario)
    probability = incremental_table(scenario, results).loc[case.new]
    label = {name: words.label(case.strategies[name].label) for name in (case.new, case.comparator)}
    return lead(
        words(
            "headline_cea",
            new=label[case.new],
            comparator=label[case.comparator].lower(),
            cost=words.number(money["mean"], -2),
            cost_low=words.number(money["lower"], -2),
            cost_high=words.number(money["upper"], -2),
            qaly=words.number(health["mean"], 3),
            qaly_low=words.number(health["lower"], 3),
            qaly_high=words.number(health["upper"], 3),
            verdict=words(f"verdict_{verdict}", icer=words.number(ratio, -4)),
        ),
        words(
            "headline_probability",
            new=label[case.new].lower(),
            p_moderate=words.probability(probability["wtp_moderate"]),
            wtp_moderate=words.number(wtp["wtp_moderate"]),
            p_very_high=words.probability(probability["wtp_very_high"]),
            wtp_very_high=words.number(wtp["wtp_very_high"]),
        ),
    )


def worth_frame(scenario: Scenario, words: Words) -> Html:
    """For whom, over how long, from whose side and in which prices the value is counted."""
    case, parameters = scenario.case, scenario.parameters
    funnel = [case.eligible.incident, *case.eligible.shares]
    return note(
        words.label(case.question),
        words(
            "worth_frame",
            horizon=case.horizon_years,
            year=parameters.price_year,
            cost=rate(scenario, "discount_rate_cost", words),
            qaly=rate(scenario, "discount_rate_qaly", words),
        ),
        words("worth_population", funnel="; ".join(words.label(parameters[name].record.label) for name in funnel)),
    )


def worth_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """The incremental analysis with probabilities of being cost-effective."""
    frame, limits = incremental_table(scenario, results), thresholds(scenario)
    rows = [
        [
            words.label(scenario.case.strategies[str(name)].label),
            words.number(row["cost"], -2),
            words.number(row["qaly"], 3),
            words.number(row["incremental_cost"], -2),
            words.number(row["incremental_qaly"], 3),
            words.number(row["icer"], -4),
            words(f"status.{row['status']}"),
            *(words.probability(row[limit]) for limit in limits),
        ]
        for name, row in frame.iterrows()
    ]
    columns = ("cost", "qaly", "incremental_cost", "incremental_qaly", "icer", "status")
    header = [words("strategy"), *(words(f"cea_columns.{key}") for key in columns)]
    header += [words("cea_columns.probability", wtp=words.number(wtp)) for wtp in limits.values()]
    caption = words(
        "cea_caption",
        cost=rate(scenario, "discount_rate_cost", words),
        qaly=rate(scenario, "discount_rate_qaly", words),
    )
    return table(caption, header, rows)


def pathway_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """What testing leads to by strategy, with staff's share of the cost of diagnostics."""
    case, outcomes = scenario.case, results.outcomes
    treated = outcomes["treated"]
    matched = [one.matched for one in case.classes.values() if one.matched]
    staff = staff_share_of(case, outcomes["cost_once"])
    names = [str(name) for name in outcomes["strategy"].to_numpy()]
    rows = [
        [words("found_row"), *(words.percent(float(outcomes["found"].sel(strategy=name))) for name in names)],
        [
            words("matched_row"),
            *(words.percent(float(treated.sel(strategy=name, management=matched).sum())) for name in names),
        ],
        [
            words("mismatched_row"),
            *(
                f"{words.number(100 * float(treated.sel(strategy=name, management=case.mismatched)), 1)} %"
                for name in names
            ),
        ],
        [words("staff_row"), *(words.percent(float(staff.sel(strategy=name))) for name in names)],
    ]
    return table(
        words("pathway_caption"),
        [words("strategy"), *(words.label(case.strategies[name].label) for name in names)],
        rows,
    )


def resources_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """Mean cost per patient by resource and strategy, SEK, undiscounted over the horizon."""
    case, outcomes = scenario.case, results.outcomes
    cost = (outcomes["cost"].sum("year_since_start") + outcomes["cost_once"]).to_pandas()
    names = [case.comparator, case.new]
    parts = [
        (
            words.label(case.resources[str(name)].label),
            words(f"payers.{case.resources[str(name)].unit}"),
            *(cost.loc[s, name] for s in names),
        )
        for name in cost.columns
    ]
    parts.append((words("total"), "", *(cost.loc[s].sum() for s in names)))
    rows = [
        [label, unit, words.number(old), words.number(new), words.number(new - old)] for label, unit, old, new in parts
    ]
    header = [
        words("resource"),
        words("unit"),
        *(words.label(case.strategies[s].label) for s in names),
        words("resources_difference"),
    ]
    return table(words("resources_caption"), header, rows, strong=[len(rows) - 1], text_columns=2)


def worth_chart(scenario: Scenario, results: Results, words: Words) -> Picture:
    """Cost-effectiveness plane and acceptability curves."""
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
