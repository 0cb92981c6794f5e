"""Chapter 06: agreements side by side on the same draws, and which of them serves which aim.

The page answers five questions.

* What? The net cost of the state and of the regions under the scenario's agreement, and which designs do better by an aim: the headline.
* For whom? The state, each of the 21 regions, the units inside them, and others who pay: the tables by design, region and unit.
* How sure? 95 % intervals, the probability that all regions take part, and the simulation error of the headline; a design is named best
  and a region named worst only where paired draws bear it.
* Resting on what? The clauses' sources and grades, the limit that a region is assumed to put up with, and one pace for all designs.
* What next? The least outlay for a target that does not come by itself, the bargain, and which money may pay for which phase.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pmbudget.appraisal.negotiation import programme_of, scaled_to
from pmbudget.appraisal.ranking import ERRORS, simulation_error
from pmbudget.appraisal.scoring import GRANT_BEHAVIOUR, PARTICIPATION, by_draw, leaders, pareto, score_agreement
from pmbudget.appraisal.settled import Outcome, Programme, outcome
from pmbudget.appraisal.worth import added_worth
from pmbudget.inputs.agreements import Agreement, load_agreements
from pmbudget.inputs.clauses import Clause
from pmbudget.inputs.norms import TAX_BASE
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.figures import COLOURS, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.markup import Html, lead, note, table
from pmbudget.reporting.value import value_sentences
from pmbudget.reporting.words import Words
from pmbudget.road import Results

AIMS = (
    ("participation", "p_all", True),
    ("worst", "worst", False),
    ("equality", "inequality", False),
    ("incentive", "marginal", True),
    ("after", "year_after", False),
)
"""Aim, the column of the scores that measures it, and whether more is better."""
NOTHING = Html("")
"""What stands where there is no agreement: the headline has said so."""
FEW = 3
"""As many designs as a sentence can name."""
LITTLE = 0.05e6
"""SEK over the agreement's years that one decimal of a million does not show."""


@dataclass(frozen=True)
class Negotiation:
    """The designs laid on the table: clauses, where they come from, by how much they were scaled, and their scores.

    ``own`` is the scenario's; a design that only precedents' sums could pay for is scaled to the same expected outlay as it.
    ``tolerance`` is what a region is assumed to put up with, SEK per inhabitant and year.
    """

    own: str
    programme: Programme
    agreements: Mapping[str, Agreement]
    designs: Mapping[str, Sequence[Clause]]
    factors: Mapping[str, float]
    scores: pd.DataFrame
    tolerance: float

    @property
    def years(self) -> list[int]:
        """The agreement's years, which the parties count."""
        return [int(year) for year in self.programme.terms.years[self.programme.shown]]

    @property
    def period(self) -> str:
        """The agreement's years in words."""
        return f"{self.years[0]}–{self.years[-1]}"

    @property
    def epsilon(self) -> float:
        """What a region puts up with over the agreement's years, SEK per inhabitant."""
        return self.tolerance * len(self.years)

    def limit(self, words: Words) -> str:
        """What a region puts up with, SEK per inhabitant and year, in figures."""
        return words.number(self.tolerance, 0 if self.tolerance == round(self.tolerance) else 1)

    @cached_property
    def outcomes(self) -> Mapping[str, Outcome]:
        """Every design settled, once for all tables and pictures."""
        return {name: outcome(self.programme, clauses) for name, clauses in self.designs.items()}

    @property
    def sharing(self) -> pd.Series:
        """Which designs share what this introduction costs between state and regions: nobody else pays, nothing moves for today's use."""
        return (self.scores["others"].abs() <= LITTLE) & (self.scores["of_today"].abs() <= LITTLE)

    @cached_property
    def front(self) -> pd.Series:
        """Which of these designs are Pareto-efficient: as printed, no other costs the state less without a region being worse off."""
        pool = self.scores.loc[self.sharing, ["state", "worst"]]
        printed = pd.DataFrame(
            {"state": (pool["state"] / 1e6).round(1), "worst": self.per_year(pool["worst"]).round(1)}
        )
        return pareto(printed, least=("state", "worst")).reindex(self.scores.index, fill_value=False)

    def per_year(self, values: pd.Series) -> pd.Series:
        """What is of all the agreement's years, a year."""
        return values / len(self.years)


def negotiation(scenario: Scenario, results: Results) -> Negotiation | None:
    """Every agreement of the folder settled on the scenario's programme; None without an agreement."""
    if scenario.agreement is None or scenario.definition.agreement is None:
        return None
    programme = programme_at(scenario, results)
    agreements = load_agreements(scenario.folder)
    own = scenario.definition.agreement
    empty = float(outcome(programme, ()).by_state.mean())
    outlay = float(outcome(programme, scenario.agreement.clauses).by_state.mean()) - empty
    designs: dict[str, Sequence[Clause]] = {}
    factors = {}
    for name in (own, *(other for other in agreements if other != own)):
        designs[name] = agreements[name].clauses
        if agreements[name].precedent_sums and outlay > 0:
            designs[name], factors[name] = scaled_to(programme, designs[name], outlay)
    tolerance, fungibility, persistence, displacement = (
        scenario.parameters[name].distribution.mean  # type: ignore[union-attr]
        for name in (PARTICIPATION, *GRANT_BEHAVIOUR)
    )
    scores = score_agreement(
        programme,
        designs,
        epsilon=tolerance * (programme.shown.stop - programme.shown.start),
        fungibility=fungibility,
        persistence=persistence,
        displacement=displacement,
        wtp=scenario.parameters.fixed("wtp_very_high"),
    )
    return Negotiation(own, programme, agreements, designs, factors, scores, tolerance)


def programme_at(scenario: Scenario, results: Results) -> Programme:
    """A scenario's programme as something to negotiate on."""
    base = scenario.parameters[TAX_BASE].distribution
    assert base is not None
    return programme_of(
        results.reach,
        results.settlement,
        regions=scenario.regions.assign(tax_base=scenario.regions["tax_capacity"] * base.mean),
        start=scenario.agreement_start,
        new=scenario.case.new,
        standing=scenario.standing.clauses,
    )


def design_label(found: Negotiation, name: str, words: Words) -> str:
    """A design's name as people read it."""
    return words.label(found.agreements[name].label)


def comparable(found: Negotiation) -> list[str]:
    """The designs compared by aims, the scenario's own among them: they cost the state no more than it and only share what is new."""
    dearer = found.scores["state"] > found.scores["state"][found.own] + LITTLE
    return [str(name) for name in found.scores.index[(found.sharing & ~dearer) | (found.scores.index == found.own)]]


def best_for(found: Negotiation) -> dict[str, list[str]]:
    """By aim, the comparable design that serves it best and those that cannot be told apart from it; nothing where it is not known."""
    pool = comparable(found)
    draws = {name: by_draw(found.programme, found.designs[name], found.epsilon) for name in pool}
    served = {}
    for aim, column, largest in AIMS:
        if column == "marginal":
            values = {name: np.array([round(found.scores.loc[name, column], 2)]) for name in pool}
        else:
            values = {name: draws[name][column] for name in pool}
        if not any(np.isnan(value).any() for value in values.values()):
            served[aim] = leaders(values, largest=largest, order=column != "p_all")
    return served


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
            state=words.span_msek({"mean": own["state"], "lower": own["state_lower"], "upper": own["state_upper"]}),
            regions=words.span_msek(
                {"mean": own["regions"], "lower": own["regions_lower"], "upper": own["regions_upper"]}
            ),
            head=words.number(own["per_inhabitant"], 1),
            oere=words.number(own["tax_oere"], 2),
            p_all=words.probability(own["p_all"]),
            tolerance=found.limit(words),
        ),
        _worst(scenario, found, words),
        _aims(found, words),
        words(
            "agreement_simulation_error",
            draws=words.number(len(settled.by_state)),
            **{who: words.number(error / 1e6, 1) for who, error in errors.items()},
        ),
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
    pool, best = comparable(found), best_for(found)
    if len(pool) < 2:
        return words("agreement_alone")
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
    return words("agreement_aims", count=words.number(len(pool)), aims="; ".join(parts))


def value(scenario: Scenario, results: Results, found: Negotiation | None, words: Words) -> Html:
    """What the programme itself is worth, in the sentences of chapter 05: no design of an agreement moves it at a given pace."""
    return note(*value_sentences(scenario, added_worth(scenario, results.worth), words)) if found else NOTHING


def money_table(found: Negotiation | None, words: Words) -> Html:
    """Every design: what the state, the regions and others pay net over the agreement's years, with intervals; per inhabitant and tax."""
    if found is None:
        return NOTHING
    rows = []
    for name, row in found.scores.sort_values("state").iterrows():
        agreement = found.agreements[str(name)]
        span = {
            who: {"mean": row[who], "lower": row[f"{who}_lower"], "upper": row[f"{who}_upper"]}
            for who in ("state", "regions")
        }
        rows.append(
            [
                words.label(agreement.label),
                words(f"evidence.{agreement.evidence}"),
                words.percent(found.factors[str(name)], 1) if name in found.factors else words("not_applicable"),
                words.span_msek(span["state"]),
                words.span_msek(span["regions"]),
                words.msek(row["others"]),
                words.msek(row["of_today"]),
                words.number(row["per_inhabitant"], 1),
                words.number(row["tax_oere"], 2),
            ]
        )
    header = [
        words(f"money_columns.{key}")
        for key in ("design", "evidence", "factor", "state", "regions", "others", "of_today", "head", "oere")
    ]
    caption = words("money_caption", period=found.period)
    shown = table(caption, header, rows, text_columns=2, strong=[_place(found, words, rows)])
    moving = found.scores.index[found.scores["of_today"].abs() > LITTLE]
    return Html(shown + note(words("money_of_today"))) if len(moving) else shown


def _place(found: Negotiation, words: Words, rows: list[list[str]]) -> int:
    return next(place for place, row in enumerate(rows) if row[0] == design_label(found, found.own, words))


def property_table(scenario: Scenario, found: Negotiation | None, words: Words) -> Html:
    """Every design: who takes part, who loses most, spread, incentive, early movers, the end of the money, whether it is on the front."""
    if found is None:
        return NOTHING
    rows = []
    for name, row in found.scores.sort_values("state").iterrows():
        rows.append(
            [
                design_label(found, str(name), words),
                words.probability(row["p_all"]),
                _highest(scenario, found, row, words),
                words.number(row["inequality"] / len(found.years), 1),
                words.percent(row["marginal"]),
                words.number(row["early_movers"], 1),
                words.msek(row["cliff"]),
                words.msek(row["year_after"]),
                words("on_front") if found.front[name] else words("not_applicable"),
            ]
        )
    keys = ("design", "p_all", "worst", "inequality", "marginal", "early", "cliff", "after", "front")
    header = [words(f"property_columns.{key}") for key in keys]
    caption = words("property_caption", tolerance=found.limit(words))
    return Html(table(caption, header, rows, strong=[_place(found, words, rows)]) + note(words("property_note")))


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
    order = scores.sort_values("outlay")
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
    order = found.scores.sort_values("state").index
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
    title = words("losers_title", tolerance=found.limit(words))
    figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("losers_alt"))
