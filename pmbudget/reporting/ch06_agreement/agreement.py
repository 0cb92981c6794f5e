"""Chapter 06: agreements side by side on the same draws, and which of them serves which aim.

The page answers five questions.

* What? The net cost of the state and of the regions under the scenario's agreement, and which designs do better by an aim: the headline.
* For whom? The state, each of the 21 regions, the units inside them, and others who pay: the tables by design, region and unit.
* How sure? 95 % intervals, the probability that all regions take part, and the simulation error of the headline; a design is named best
  and a region named worst only where paired draws bear it.
* Resting on what? The clauses' sources and grades, the limit that a region is assumed to put up with, and one pace for all designs.
* What next? The least outlay for a target that does not come by itself, the bargain, and which money may pay for which phase.
"""

import numpy as np
import pandas as pd

from pmbudget.appraisal.ranking import ERRORS, simulation_error
from pmbudget.appraisal.worth import added_worth
from pmbudget.inputs.clauses import Instalments
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.agreements import (
    LITTLE,
    Negotiation,
    best_designs,
    comparable_designs,
    dearer_in_most_draws,
)
from pmbudget.reporting.figures import COLOURS, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.markup import Html, lead, note, table
from pmbudget.reporting.value import signed, value_sentences
from pmbudget.reporting.words import Words
from pmbudget.road import Results

NOTHING = Html("")
"""What stands where there is no agreement: the headline has said so."""
FEW = 3
"""As many designs as a sentence can name."""


def limit_words(found: Negotiation, words: Words) -> str:
    """What a region puts up with, SEK per inhabitant and year, in figures."""
    return words.number(found.tolerance, 0 if found.tolerance == round(found.tolerance) else 1)


def design_label(found: Negotiation, name: str, words: Words) -> str:
    """A design's name as people read it."""
    return words.label(found.agreements[name].label)


def agreement_headline(scenario: Scenario, found: Negotiation | None, words: Words) -> Html:
    """What the scenario's own agreement leaves to the regions and whether they would sign it; which design serves which aim."""
    if found is None:
        return lead(words("headline_no_agreement"))
    own = found.scores.loc[found.own]
    settled = found.outcomes[found.own]
    errors = {
        who: ERRORS * simulation_error(values)
        for who, values in (("state", settled.by_state), ("regions", settled.by_region.sum(axis=1)))
    }
    return lead(
        words(
            "agreement_headline",
            design=design_label(found, found.own, words),
            period=found.period,
            **{who: _pays(own, who, words) for who in ("state", "regions")},
            head=words.number(abs(own["per_inhabitant"]), 1),
            oere=words.number(abs(own["tax_oere"]), 2),
            p_all=words.probability(own["p_all"]),
            tolerance=limit_words(found, words),
        ),
        *_most_draws(found, words),
        _worst(scenario, found, words),
        _aims(found, words),
        words(
            "agreement_simulation_error",
            draws=words.number(len(settled.by_state)),
            **{who: words.number(error / 1e6, 1) for who, error in errors.items()},
        ),
    )


def _pays(own: pd.Series, who: str, words: Words) -> str:
    """What a party pays more or less than with no agreement."""
    return signed(
        "headline_pays", {"mean": own[who], "lower": own[f"{who}_lower"], "upper": own[f"{who}_upper"]}, words
    )


def _most_draws(found: Negotiation, words: Words) -> list[str]:
    """That regions which pay less on average pay more in most draws, where it is so."""
    many = dearer_in_most_draws(found)
    return (
        [words("agreement_most_draws", count=words.number(many), all=words.number(len(found.programme.regions)))]
        if many
        else []
    )


def _worst(scenario: Scenario, found: Negotiation, words: Words) -> str:
    """Which region bears most per inhabitant, where the draws name one, and how much of it the model puts in every region alike."""
    own = found.scores.loc[found.own]
    if not own["worst_sure"]:
        return words("agreement_no_worst")
    place = list(scenario.regions.index).index(own["worst_region"])
    share = found.programme.of_transition(place)
    said = words(
        "agreement_worst",
        region=str(scenario.regions.loc[own["worst_region"], "region"]),
        head=words.number(own["worst"] / len(found.years), 1),
        mean=words.number(own["per_inhabitant"], 1),
    )
    return (
        said if share <= 0.5 else f"{said} {words('agreement_by_construction', share=words.percent(min(share, 1.0)))}"
    )


def _aims(found: Negotiation, words: Words) -> str:
    """Which designs serve which aims, and among which: both conditions are said."""
    pool, best = comparable_designs(found), best_designs(found)
    own = _own_apart(found, words)
    if not set(pool) - {found.own}:
        return f"{words('agreement_alone')} {own}".strip()
    parts = []
    for aim, names in best.items():
        labels = [words("quoted", text=design_label(found, name, words)) for name in names[:FEW]]
        if len(names) > FEW:
            who = words("aim_many", count=words.number(len(names)))
        elif len(names) > 1:
            who = words("aim_tied", designs=words("and").join([", ".join(labels[:-1]), labels[-1]]))
        else:
            who = labels[0]
        parts.append(words("aim", does=words(f"aims.{aim}"), who=who))
    said = words(
        "agreement_aims", count=words.number(len(pool)), all=words.number(len(found.scores)), aims="; ".join(parts)
    )
    return f"{said} {own}".strip()


def _own_apart(found: Negotiation, words: Words) -> str:
    """That the scenario's own design is not among those compared, and why; nothing where it is."""
    if found.sharing[found.own]:
        return ""
    row = found.scores.loc[found.own]
    why = "others" if abs(row["others"]) > LITTLE else "of_today"
    return words(f"agreement_own_apart.{why}", amount=words.msek(abs(row[why])))


def _in_order(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Designs by what they cost, to the krona; those alike by name, so that no rounding decides."""
    rounded = frame[column].round(0 if column == "state" else 6)
    return frame.loc[rounded.reset_index().sort_values([column, frame.index.name])[frame.index.name]]


def value(scenario: Scenario, results: Results, found: Negotiation | None, words: Words) -> Html:
    """What the programme itself is worth, in the sentences of chapter 05: no design of an agreement moves it at a given pace."""
    return note(*value_sentences(scenario, added_worth(scenario, results.worth), words)) if found else NOTHING


def money_table(found: Negotiation | None, words: Words) -> Html:
    """Every design: what the state, the regions and others pay net over the agreement's years, with intervals; per inhabitant and tax."""
    if found is None:
        return NOTHING
    rows = []
    for name, row in _in_order(found.scores, "state").iterrows():
        agreement = found.agreements[str(name)]
        span = {
            who: {"mean": row[who], "lower": row[f"{who}_lower"], "upper": row[f"{who}_upper"]}
            for who in ("state", "regions")
        }
        rows.append(
            [
                words.label(agreement.label),
                words(f"evidence.{agreement.evidence}"),
                *([words.percent(found.factors.get(str(name), np.nan), 1)] if found.factors else []),
                words.span_msek(span["state"]),
                words.span_msek(span["regions"]),
                words.msek(row["others"]),
                words.msek(row["of_today"]),
                words.number(row["per_inhabitant"], 1),
                words.number(row["tax_oere"], 2),
            ]
        )
    scaled = ("factor",) if found.factors else ()
    header = [
        words(f"money_columns.{key}")
        for key in ("design", "evidence", *scaled, "state", "regions", "others", "of_today", "head", "oere")
    ]
    caption = words("money_caption", period=found.period)
    shown = table(caption, header, rows, text_columns=2, strong=[_place(found, words, rows)])
    said = {
        "money_scaled": bool(found.factors),
        "money_of_today": bool((found.scores["of_today"].abs() > LITTLE).any()),
        "money_instalments": any(isinstance(one, Instalments) for each in found.designs.values() for one in each),
    }
    told = [words(key, last=found.years[-1]) for key, holds in said.items() if holds]
    if found.idle:
        idle = [words("quoted", text=design_label(found, name, words)) for name in found.idle]
        told.append(words("money_idle", designs=words("and").join([", ".join(idle[:-1]), idle[-1]][-len(idle) :])))
    return Html(shown + note(*told)) if told else shown


def _place(found: Negotiation, words: Words, rows: list[list[str]]) -> int:
    return next(place for place, row in enumerate(rows) if row[0] == design_label(found, found.own, words))


def property_table(scenario: Scenario, found: Negotiation | None, words: Words) -> Html:
    """Every design: who takes part, who loses most, spread, incentive, early movers, the end of the money, whether it is on the front.

    Without tests no share of the next test is anybody's.
    """
    if found is None:
        return NOTHING
    tests = scenario.case.has_tests
    rows = []
    for name, row in _in_order(found.scores, "state").iterrows():
        rows.append(
            [
                design_label(found, str(name), words),
                words.probability(row["p_all"]),
                _highest(scenario, found, row, words),
                words.number(row["inequality"] / len(found.years), 1),
                *([words.percent(row["marginal"])] if tests else []),
                words.number(row["early_movers"], 1),
                words.msek(row["cliff"] if _ends(found, str(name)) else np.nan),
                words.msek(row["year_after"]),
                words(_standing(found, str(name))),
            ]
        )
    incentive = ("marginal",) if tests else ()
    keys = ("design", "p_all", "worst", "inequality", *incentive, "early", "cliff", "after", "front")
    header = [words(f"property_columns.{key}") for key in keys]
    caption = words("property_caption", tolerance=limit_words(found, words))
    return Html(table(caption, header, rows, strong=[_place(found, words, rows)]) + note(words("property_note")))


def _ends(found: Negotiation, name: str) -> bool:
    """Whether a design ends with the agreement's years: a clause of it, or all that comes from outside the regions, if anything."""
    row = found.scores.loc[name]
    stops = row["paid_last"] - row["cliff"] <= LITTLE
    return stops or any(one.ends is not None and one.ends <= len(found.years) for one in found.designs[name])


def _standing(found: Negotiation, name: str) -> str:
    """The word for whether a design is Pareto-efficient, or not compared, since it moves more than the cost of introduction."""
    if not found.sharing[name]:
        return "front_not_compared"
    return "on_front" if found.front[name] else "not_applicable"


def _highest(scenario: Scenario, found: Negotiation, row: pd.Series, words: Words) -> str:
    """The highest mean cost per inhabitant and year, and whose it is where the draws name one region."""
    figure = words.number(row["worst"] / len(found.years), 1)
    return f"{figure} ({scenario.regions.loc[row['worst_region'], 'region']})" if row["worst_sure"] else figure


def front_chart(found: Negotiation | None, words: Words) -> Picture | Html:
    """State outlay against the worst-placed region, one point a design; the Pareto front joined."""
    if found is None:
        return NOTHING
    plt, _ = plot()
    scores = found.scores.assign(outlay=found.scores["state"] / 1e6, worst=found.per_year(found.scores["worst"]))
    front, sharing = found.front, found.sharing
    order = _in_order(scores, "outlay")
    figure, axis = plt.subplots(figsize=(11, 7))
    edge = order[front[order.index]]
    axis.plot(edge["outlay"], edge["worst"], color="#7f7f7f", linewidth=1, drawstyle="steps-post", zorder=1)
    here: dict[tuple[int, int], list[str]] = {}
    span = order[["outlay", "worst"]].max() - order[["outlay", "worst"]].min() + 1e-9
    for number, (name, row) in enumerate(order.iterrows(), start=1):
        colour = COLOURS["unplanned"] if name == found.own else COLOURS["new"] if front[name] else "#9db7c8"
        filled = {"color": colour} if sharing[name] else {"facecolor": "white", "edgecolor": colour}
        axis.scatter(row["outlay"], row["worst"], s=55, zorder=2, **filled)
        here.setdefault(
            (round(40 * row["outlay"] / span["outlay"]), round(25 * row["worst"] / span["worst"])), []
        ).append(str(number))
    for (across, up), numbers in here.items():
        place = (across * span["outlay"] / 40, up * span["worst"] / 25)
        axis.annotate(", ".join(numbers), place, xytext=(9, 3), textcoords="offset points", fontsize=9)
    key = "\n".join(
        f"{number}  {design_label(found, str(name), words)}" for number, name in enumerate(order.index, start=1)
    )
    axis.text(1.02, 1.0, key, transform=axis.transAxes, va="top", fontsize=8.5, linespacing=1.5)
    numbered(axis.xaxis, words)
    numbered(axis.yaxis, words)
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set_xlabel(words("front_x"))
    axis.set_ylabel(words("front_y"))
    title = words("front_title", count=int(front.sum()), all=int(sharing.sum()))
    figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("front_alt"))


def losers_chart(scenario: Scenario, found: Negotiation | None, words: Words) -> Picture | Html:
    """The probability that each region pays more than it puts up with, by design."""
    if found is None:
        return NOTHING
    plt, sns = plot()
    order = _in_order(found.scores, "state").index
    loses = {}
    for name in order:
        per_head = found.outcomes[str(name)].by_region / found.programme.people
        loses[design_label(found, str(name), words)] = (per_head > found.epsilon).mean(axis=0)
    names = scenario.regions["region"].str.replace(
        r"^Region |^Västra ", lambda m: "V:a " if "Västra" in m[0] else "", regex=True
    )
    frame = pd.DataFrame(loses, index=names).T
    figure, axis = plt.subplots(figsize=(11, 8))
    sns.heatmap(
        100 * frame, vmin=0, vmax=100, cmap="RdYlBu_r", ax=axis, linewidths=0.4, cbar_kws={"label": words("losers_bar")}
    )
    axis.tick_params(axis="both", labelsize=9)
    axis.set_xlabel("")
    title = words("losers_title", tolerance=limit_words(found, words))
    figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("losers_alt"))
