"""Chapter 06, what it would take: agreements solved for over paces, and where there is none."""

from pmbudget.appraisal.negotiation import Solution, least_state_outlay, nash_agreement, participation_map
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.agreements import Negotiation, Paces, share_of_what_is_new
from pmbudget.reporting.ch06_agreement.agreement import NOTHING, limit_words
from pmbudget.reporting.markup import Html, note, table
from pmbudget.reporting.words import Words

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def solutions(
    scenario: Scenario, found: Negotiation | None, paces: Paces | None, words: Words, *, target: float, kappa: float
) -> Html:
    """The least that the state must pay, and the bargain that is best for all, in sentences; infeasible is an answer.

    The least outlay is refused where laboratories use another strategy today: no agreement reaches the target with that one, an
    agreement with the one rolled out.
    """
    if found is None or paces is None:
        return NOTHING
    case = scenario.case
    if case.in_use == case.new:
        solution = least_state_outlay(paces.programmes, share_of_what_is_new, target=target, epsilon=found.epsilon)
        least = _told("least", solution, found, paces, words, target=words.percent(target))
    else:
        labels = {name: words.inside(case.strategies[getattr(case, name)].label) for name in ("new", "in_use")}
        least = words("least_refused", **labels)
    nash = nash_agreement(paces.programmes, share_of_what_is_new, kappa=kappa)
    return note(least, _told("nash", nash, found, paces, words, kappa=words.number(kappa, 1)))


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
        tolerance=limit_words(found, words),
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
    return table(words("map_caption", tolerance=limit_words(found, words)), header, rows)
