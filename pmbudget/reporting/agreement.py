"""Chapter 06: agreements side by side on the same draws, and which of them serves which aim."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from pmbudget.appraisal.negotiation import (
    programme_of,
    scaled_to,
)
from pmbudget.appraisal.scoring import GRANT_BEHAVIOUR, pareto, score_agreement
from pmbudget.appraisal.settled import Programme, outcome
from pmbudget.inputs.agreements import Agreement, load_agreements
from pmbudget.inputs.clauses import Clause
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.figures import COLOURS, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.frames import TAX_BASE
from pmbudget.reporting.markup import Html, lead, note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results, agreement_start

AIMS = (
    ("participation", "p_all", False),
    ("worst", "worst", True),
    ("equality", "inequality", True),
    ("incentive", "marginal", False),
    ("after", "year_after", True),
)
"""Aim, the column of the scores that measures it, and whether less is better."""


@dataclass(frozen=True)
class Negotiation:
    """The designs laid on the table: clauses, where they come from, by how much they were scaled, and their scores.

    ``own`` is the scenario's; a design that only precedents' sums could pay for is scaled to the same expected outlay as it.
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


def negotiation(scenario: Scenario, results: Results, *, tolerance: float) -> Negotiation | None:
    """Every agreement of the folder settled on the scenario's programme; None without an agreement.

    ``tolerance`` is what a region puts up with, SEK per inhabitant over the agreement's years.
    """
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
    fungibility, persistence, displacement = (scenario.parameters[name].distribution.mean for name in GRANT_BEHAVIOUR)  # type: ignore[union-attr]
    scores = score_agreement(
        programme,
        designs,
        epsilon=tolerance,
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
        results,
        regions=scenario.regions.assign(tax_base=scenario.regions["tax_capacity"] * base.mean),
        start=agreement_start(scenario),
        new=scenario.case.new,
        standing=scenario.standing.clauses,
    )


def missing(words: Words) -> Html:
    """What stands where there is no agreement to show."""
    return note(words("headline_no_agreement"))


def design_label(found: Negotiation, name: str, words: Words) -> str:
    """A design's name as people read it."""
    return words.label(found.agreements[name].label)


def best_for(found: Negotiation) -> dict[str, str]:
    """The design that serves each aim best, of those that cost the state no more than the scenario's own and nobody else anything."""
    scores = found.scores
    pool = scores[(scores["state"] <= scores["state"][found.own] + 1.0) & (scores["others"].abs() <= 1.0)]
    return {aim: str(pool[column].idxmin() if less else pool[column].idxmax()) for aim, column, less in AIMS}


def agreement_headline(scenario: Scenario, found: Negotiation | None, words: Words) -> Html:
    """What the scenario's own agreement leaves to the regions and whether they would sign it; which design serves which aim."""
    if found is None:
        return lead(words("headline_no_agreement"))
    own, best = found.scores.loc[found.own], best_for(found)
    period = f"{found.years[0]}–{found.years[-1]}"
    region = str(scenario.regions.loc[own["binding"], "region"])
    return lead(
        words(
            "agreement_headline",
            design=design_label(found, found.own, words),
            period=period,
            state=words.span_msek({"mean": own["state"], "lower": own["state_lower"], "upper": own["state_upper"]}),
            regions=words.span_msek(
                {"mean": own["regions"], "lower": own["regions_lower"], "upper": own["regions_upper"]}
            ),
            oere=words.number(own["tax_oere"], 2),
            p_all=words.probability(own["p_all"]),
            tolerance=words.number(found.tolerance, 0),
        ),
        words("agreement_binding", region=region, p=words.probability(own["p_least"])),
        words("agreement_aims", aims=_aims(found, best, words)),
    )


def _aims(found: Negotiation, best: Mapping[str, str], words: Words) -> str:
    """Which design serves which aims, each design once."""
    served: dict[str, list[str]] = {}
    for aim, name in best.items():
        served.setdefault(name, []).append(words(f"aims.{aim}"))
    parts = []
    for name, does in served.items():
        joined = words("and").join([", ".join(does[:-1]), does[-1]]) if len(does) > 1 else does[0]
        parts.append(words("aim", design=words("quoted", text=design_label(found, name, words)), does=joined))
    return "; ".join(parts)


def money_table(found: Negotiation | None, words: Words) -> Html:
    """Every design: what the state, the regions and others pay net over the agreement's years, with intervals; per inhabitant and tax."""
    if found is None:
        return missing(words)
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
                words.number(row["per_inhabitant"], 2),
                words.number(row["tax_oere"], 3),
            ]
        )
    header = [
        words(f"money_columns.{key}")
        for key in ("design", "evidence", "factor", "state", "regions", "others", "head", "oere")
    ]
    caption = words("money_caption", period=f"{found.years[0]}–{found.years[-1]}")
    return table(caption, header, rows, text_columns=2, strong=[_place(found, words, rows)])


def _place(found: Negotiation, words: Words, rows: list[list[str]]) -> int:
    return next(place for place, row in enumerate(rows) if row[0] == design_label(found, found.own, words))


def property_table(scenario: Scenario, found: Negotiation | None, words: Words) -> Html:
    """Every design: who takes part, who loses most, spread, incentive, early movers, the end of the money, whether it is on the front."""
    if found is None:
        return missing(words)
    front = pareto(found.scores, least=("state", "worst", "inequality"), most=("p_all",))
    rows = []
    for name, row in found.scores.sort_values("state").iterrows():
        rows.append(
            [
                design_label(found, str(name), words),
                words.probability(row["p_all"]),
                f"{scenario.regions.loc[row['worst_region'], 'region']}: {words.number(row['worst'], 1)}",
                words.number(row["inequality"], 1),
                words.percent(row["marginal"]),
                words.number(row["early_movers"], 1),
                words.msek(row["cliff"]),
                words.msek(row["year_after"]),
                words("on_front") if front[name] else words("not_applicable"),
            ]
        )
    keys = ("design", "p_all", "worst", "inequality", "marginal", "early", "cliff", "after", "front")
    header = [words(f"property_columns.{key}") for key in keys]
    caption = words("property_caption", tolerance=words.number(found.tolerance, 0))
    return table(caption, header, rows, strong=[_place(found, words, rows)])


def front_chart(found: Negotiation | None, words: Words) -> Picture | Html:
    """State outlay against the worst-placed region, one point a design; the Pareto front joined."""
    if found is None:
        return missing(words)
    plt, _ = plot()
    scores = found.scores.assign(outlay=found.scores["state"] / 1e6)
    front = pareto(found.scores, least=("state", "worst"))
    order = scores.sort_values("outlay")
    figure, axis = plt.subplots(figsize=(11, 7))
    edge = order[front[order.index]]
    axis.plot(edge["outlay"], edge["worst"], color="#7f7f7f", linewidth=1, drawstyle="steps-post", zorder=1)
    here: dict[tuple[int, int], list[str]] = {}
    span = order[["outlay", "worst"]].max() - order[["outlay", "worst"]].min() + 1e-9
    for number, (name, row) in enumerate(order.iterrows(), start=1):
        colour = COLOURS["unplanned"] if name == found.own else COLOURS["new"] if front[name] else "#9db7c8"
        axis.scatter(row["outlay"], row["worst"], color=colour, s=55, zorder=2)
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
    title = words("front_title", count=int(front.sum()), all=len(front))
    figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("front_alt"))


def losers_chart(scenario: Scenario, found: Negotiation | None, words: Words) -> Picture | Html:
    """The probability that each region pays more than it puts up with, by design."""
    if found is None:
        return missing(words)
    plt, sns = plot()
    order = found.scores.sort_values("state").index
    loses = {}
    for name in order:
        per_head = outcome(found.programme, found.designs[str(name)]).by_region / found.programme.people
        loses[design_label(found, str(name), words)] = (per_head > found.tolerance).mean(axis=0)
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
    title = words("losers_title", tolerance=words.number(found.tolerance, 0))
    figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("losers_alt"))
