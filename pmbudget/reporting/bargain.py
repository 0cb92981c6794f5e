"""Chapter 06, what it would take: agreements solved for over paces, and where there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pmbudget.appraisal.negotiation import Solution, least_state_outlay, nash_agreement, participation_map
from pmbudget.appraisal.settled import Programme
from pmbudget.inputs.clauses import Clause, Match, NationalSplit
from pmbudget.inputs.parameters import Text
from pmbudget.inputs.scenarios import Scenario, load_scenario
from pmbudget.reporting.agreement import NOTHING, Negotiation, programme_at
from pmbudget.reporting.markup import Html, note, table
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Paces:
    """The scenario at several paces on the same draws: programmes and what the paces are called, by the scenarios' names."""

    programmes: Mapping[str, Programme]
    labels: Mapping[str, Text]


def programmes_at(
    scenario: Scenario, found: Negotiation | None, paces: Sequence[str], *, draws: int, seed: int
) -> Paces | None:
    """The scenario, with all that was set in it, at its own pace and at those of other scenarios; None without an agreement."""
    if found is None:
        return None
    programmes, labels = {scenario.name: found.programme}, {scenario.name: scenario.definition.label}
    for name in paces:
        if name != scenario.name:
            other = scenario.at_pace(load_scenario(name, scenario.folder, case=scenario.definition.case))
            programmes[name] = programme_at(other, evaluate(other, draws=draws, seed=seed))
            labels[name] = other.definition.label
    return Paces(programmes, labels)


def share_of_what_is_new(share: float) -> list[Clause]:
    """The family in which agreements are solved for: the state takes a share of all cost above today's use, for five years."""
    label = Text(sv="Statens andel av det nya", en="The state's share of what is new")
    return [
        Match(
            clause="match",
            name="state_share",
            label=label,
            covers="all",
            share=share,
            additional=True,
            to="region",
            ends=5,
        ),
        NationalSplit(clause="national_split", name="national_split", label=label, by="population"),
    ]


def solutions(found: Negotiation | None, paces: Paces | None, words: Words, *, target: float, kappa: float) -> Html:
    """The least that the state must pay, and the bargain that is best for all, in sentences; infeasible is an answer."""
    if found is None or paces is None:
        return NOTHING
    least = least_state_outlay(paces.programmes, share_of_what_is_new, target=target, epsilon=found.epsilon)
    nash = nash_agreement(paces.programmes, share_of_what_is_new, kappa=kappa)
    return note(
        _told("least", least, found, paces, words, target=words.percent(target)),
        _told("nash", nash, found, paces, words, kappa=words.number(kappa, 1)),
    )


def _told(key: str, solution: Solution, found: Negotiation, paces: Paces, words: Words, **given: str) -> str:
    """A solution as a sentence; a region is named only where another region would be another answer."""
    found_key = "least_free" if key == "least" and solution.share < 0.005 else f"{key}_found"
    outcome_key = f"{key}_{solution.reason}" if solution.reason else found_key
    label = paces.labels.get(solution.pace)
    return words(
        outcome_key,
        pace=words("quoted", text=words.label(label)) if label else "",
        share=words.percent(solution.share),
        state=words.msek(solution.state),
        p_all=words.probability(solution.p_all),
        coverage=words.percent(solution.coverage),
        unplanned=words.percent(found.programme.coverage_unplanned),
        tolerance=found.limit(words),
        year=str(found.years[-1]),
        **given,
    )


def map_table(found: Negotiation | None, paces: Paces | None, words: Words) -> Html:
    """The probability that all regions take part, by pace and state share; what each pace reaches, and the unplanned course."""
    if found is None or paces is None:
        return NOTHING
    frame = participation_map(paces.programmes, share_of_what_is_new, shares=SHARES, epsilon=found.epsilon)
    rows = [
        [
            words.label(paces.labels[str(pace)]),
            words.percent(paces.programmes[str(pace)].coverage),
            *(words.probability(p) for p in row),
        ]
        for pace, row in zip(frame.index, frame.to_numpy(), strict=True)
    ]
    rows.append(
        [
            words("map_unplanned"),
            words.percent(found.programme.coverage_unplanned),
            *[words("not_applicable")] * len(SHARES),
        ]
    )
    header = [
        words("map_columns.pace"),
        words("map_columns.coverage", year=found.years[-1]),
        *(words.percent(share) for share in SHARES),
    ]
    return table(words("map_caption", tolerance=found.limit(words)), header, rows)
