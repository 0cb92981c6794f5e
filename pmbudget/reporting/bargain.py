"""Chapter 06, what it would take: agreements solved for over paces, and where there is none."""

from collections.abc import Mapping, Sequence
from typing import Any

from pmbudget.appraisal.negotiation import Solution, least_state_outlay, nash_agreement, participation_map
from pmbudget.appraisal.settled import Programme
from pmbudget.inputs.clauses import Clause, Match, NationalSplit
from pmbudget.inputs.parameters import Text
from pmbudget.inputs.scenarios import Scenario, load_scenario
from pmbudget.reporting.agreement import Negotiation, missing, programme_at
from pmbudget.reporting.markup import Html, note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results, evaluate

FEW = 500
"""Draws at other paces than the scenario's own: enough for a probability of taking part."""
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def programmes_at(
    scenario: Scenario, results: Results, paces: Sequence[str], *, draws: int, seed: int
) -> dict[str, Programme]:
    """The same case and overrides at the paces of other scenarios, by their names; the scenario's own among them."""
    found = {scenario.name: programme_at(scenario, results)}
    for name in paces:
        if name != scenario.name:
            other = load_scenario(name, scenario.folder, scenario.given, case=scenario.definition.case)
            found[name] = programme_at(other, evaluate(other, draws=min(draws, FEW), seed=seed))
    return found


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


def solutions(
    found: Negotiation | None,
    programmes: Mapping[str, Programme],
    scenario: Scenario,
    words: Words,
    *,
    target: float,
    kappa: float,
) -> Html:
    """The least that the state must pay, and the bargain that is best for all, in sentences; infeasible is an answer."""
    if found is None:
        return missing(words)
    least = least_state_outlay(programmes, share_of_what_is_new, target=target, epsilon=found.tolerance)
    nash = nash_agreement(programmes, share_of_what_is_new, kappa=kappa)
    return note(
        _told(
            "least",
            least,
            programmes,
            scenario,
            words,
            target=words.percent(target),
            tolerance=words.number(found.tolerance, 0),
        ),
        _told("nash", nash, programmes, scenario, words, target=words.percent(target), kappa=words.number(kappa, 1)),
    )


def _told(
    key: str, solution: Solution, programmes: Mapping[str, Programme], scenario: Scenario, words: Words, **given: Any
) -> str:
    """A solution as a sentence."""
    binding = (
        words("payers.state") if solution.binding == "state" else str(scenario.regions.loc[solution.binding, "region"])
    )
    outcome_key = f"{key}_found" if solution.feasible else f"{key}_{solution.reason}"
    return words(
        outcome_key,
        pace=_pace(solution.pace, scenario, words),
        share=words.percent(solution.share),
        state=words.msek(solution.state),
        p_all=words.probability(solution.p_all),
        coverage=words.percent(solution.coverage),
        binding=binding,
        p_binding=words.probability(solution.p_binding),
        **given,
    )


def _pace(name: str, scenario: Scenario, words: Words) -> str:
    other = scenario if name == scenario.name else load_scenario(name, scenario.folder, case=scenario.definition.case)
    return words("quoted", text=words.label(other.definition.label))


def map_table(found: Negotiation | None, programmes: Mapping[str, Programme], scenario: Scenario, words: Words) -> Html:
    """The probability that all regions take part, by pace and state share."""
    if found is None:
        return missing(words)
    frame = participation_map(programmes, share_of_what_is_new, shares=SHARES, epsilon=found.tolerance)
    rows = [
        [
            _pace(str(pace), scenario, words),
            words.percent(programmes[str(pace)].coverage),
            *(words.probability(p) for p in row),
        ]
        for pace, row in zip(frame.index, frame.to_numpy(), strict=True)
    ]
    header = [
        words("map_columns.pace"),
        words("map_columns.coverage", year=found.years[-1]),
        *(words.percent(share) for share in SHARES),
    ]
    return table(words("map_caption", tolerance=words.number(found.tolerance, 0)), header, rows)
