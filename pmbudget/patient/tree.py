"""The test-treat pathway: from true class to management, along what is ordered, fails, is found in time and acted on."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.pathways import TrueClass
from pmbudget.patient.cohort import PRINTED
from pmbudget.patient.costing import Draws, product, stacked
from pmbudget.patient.search import EVERYBODY, NOBODY, Answers, chance, search

PATHS = ("first_line", "switched", "later_line", "retested", "never")
"""What becomes of a carrier: the answer came before treatment, or after it and treatment was changed; the answer, or that of a retest at
progression, was acted on in a later line; or none of these."""


@dataclass(frozen=True)
class Pathway:
    """What the pathway of one strategy leads to, per patient, by true class.

    ``managements`` (…, management, true_class): probability. ``paths``, by name of :data:`PATHS`: share of each true class
    (…, true_class); they sum to 1 in the classes with something to find and are 0 in the others. Numbers per patient (…, true_class):
    ``performed``, ``uncertain`` and ``incidental`` by test; ``repeats``, samples taken again; ``retests``, tests at progression, and
    ``found_again``, carriers whom they find;
    ``positives`` and ``found``, positive answers and those of them that are right; ``in_time``, right answers that come in time;
    ``mismatched``, wrong answers acted on; ``relatives_tested``, and of the carriers among relatives who were not known before
    ``relatives_found``, ``relatives_acted_on`` and ``relatives_left`` as they were.
    """

    managements: xr.Variable
    paths: dict[str, xr.Variable]
    performed: dict[str, xr.Variable]
    uncertain: dict[str, xr.Variable]
    incidental: dict[str, xr.Variable]
    repeats: xr.Variable
    retests: xr.Variable
    found_again: xr.Variable
    positives: xr.Variable
    found: xr.Variable
    in_time: xr.Variable
    mismatched: xr.Variable
    relatives_tested: xr.Variable
    relatives_found: xr.Variable
    relatives_acted_on: xr.Variable
    relatives_left: xr.Variable


IMPOSSIBLE = 0.01
"""Share of draws in which the classes may add up to more than all patients before the prevalences are refused."""


def class_shares(draws: Draws, case: Case) -> xr.Variable:
    """Share of each true class (true_class, …); the complement goes to the class with ``else``.

    A prevalence ``of_rest`` is of those whom the classes before leave: share = prevalence x (1 - sum of the shares before).

    Classes exclude each other, but their shares are learnt one by one, so that far out in the tails they can add up to more than all
    patients. In such a rare draw they are scaled to all patients and none is left over.

    Raises
    ------
    ValueError
        The shares sum to more than 1 in more than one draw in a hundred; the first is named.
    """
    stated: dict[str, xr.Variable] = {}
    total = NOBODY
    for name, one in case.classes.items():
        if one.prevalence != "else":
            prevalence = product(draws, [one.prevalence])
            stated[name] = prevalence * (1 - total) if one.of_rest else prevalence
            total = total + stated[name]
    sums = np.atleast_1d(total.to_numpy())
    over = sums > 1 + PRINTED
    if over.mean() > IMPOSSIBLE:
        draw = int(np.flatnonzero(over)[0])
        raise ValueError(
            f"the shares of {', '.join(stated)} sum to more than 1 in draw {draw}: {sums[draw]:.10g}; correct the prevalences"
        )
    scale = 1 / total.clip(min=1.0)
    shares = {name: share * scale for name, share in stated.items()}
    return stacked([shares.get(name, (1 - total * scale).clip(min=0)) for name in case.classes], "true_class")


def walk_pathway(draws: Draws, case: Case, strategy: str) -> Pathway:
    """The pathway of one strategy: its tests (:func:`pmbudget.patient.search.search`), what becomes of a carrier (:func:`_paths`), and the
    management that each leads to. A wrong answer is acted on as a right one is: in time, or by a change of treatment when it comes late.
    A strategy that names its management has no tests.

    Raises
    ------
    ValueError
        A probability outside 0-1: strategy, node and draw are named.
    """
    if management := case.strategies[strategy].management:
        return untested(draws, case, management)
    tested = search(draws, case, strategy)
    answers = tested.answers
    followed = prod(
        (chance(draws, [name], strategy, node) for node, name in case.pathway.after_result.items()), start=EVERYBODY
    )
    ignored = xr.Variable(
        "true_class", [float(name in case.strategies[strategy].not_acted_on) for name in case.classes]
    )
    retests, found_again = _retested(draws, case, strategy, answers)
    paths, left_over = _paths(draws, case, strategy, answers, found_again, followed * (1 - ignored))
    late_wrong = (answers.wrong - answers.wrong_in_time) * _switched(draws, case, strategy)
    mismatched = (answers.wrong_in_time + late_wrong) * followed
    return Pathway(
        managements=_managements(case, paths, left_over, mismatched),
        paths=paths,
        performed=tested.performed,
        uncertain=tested.uncertain,
        incidental=tested.incidental,
        repeats=tested.repeats,
        retests=retests,
        found_again=found_again,
        positives=answers.positives,
        found=answers.right,
        in_time=_never_late(case, answers),
        mismatched=mismatched,
        **_relatives(draws, case, strategy, answers.right),
    )


def _classes(case: Case, holds: Callable[[TrueClass], bool]) -> xr.Variable:
    """1 in the true classes of which something holds, 0 in the others (true_class)."""
    return xr.Variable("true_class", [float(holds(one)) for one in case.classes.values()])


def _never_late(case: Case, answers: Answers) -> xr.Variable:
    """Right answers that come in time (…, true_class); what leads to something later in the disease alone is never late."""
    later_alone = _classes(case, lambda one: one.matched is None)
    return answers.right_in_time + (answers.right - answers.right_in_time) * later_alone


def _retested(draws: Draws, case: Case, strategy: str, answers: Answers) -> tuple[xr.Variable, xr.Variable]:
    """Tests at progression per patient, and carriers whom they find, among those in whom nothing was found (…, true_class)."""
    late = case.pathway.late
    if late is None or late.retest is None:
        return 0.0 * answers.right, 0.0 * answers.right
    reach = chance(draws, [late.reach], strategy, "reaches a later line")
    made = (1 - answers.positives) * reach * chance(draws, [late.retest.offered], strategy, "retest offered")
    seen = chance(draws, late.retest.found, strategy, "found by the retest")
    return made, made * seen * _classes(case, lambda one: one.later is not None)


def _switched(draws: Draws, case: Case, strategy: str) -> xr.Variable:
    """Share of those with a late answer whose treatment is changed when it comes."""
    late = case.pathway.late
    return chance(draws, [late.switched], strategy, "late, treatment changed") if late else NOBODY


def _paths(
    draws: Draws, case: Case, strategy: str, answers: Answers, found_again: xr.Variable, acted_on: xr.Variable
) -> tuple[dict[str, xr.Variable], xr.Variable]:
    """The share of each true class on each of :data:`PATHS`, and of those who would have had the later line but do not reach one.

    With F found, T of them in time, A acted on, and of late answers s switched, of the rest r reaching a later line:
    first line T A, switched (F - T) A s, later line (F - T) A (1 - s) r, or F A r in a class with a later management alone. For each who
    reaches a later line (1 - r) / r do not. All (…, true_class).
    """
    late, at_once = case.pathway.late, _classes(case, lambda one: one.matched is not None)
    later = _classes(case, lambda one: one.later is not None)
    sought = _classes(case, lambda one: one.is_sought)
    in_time, too_late = answers.right_in_time * at_once, answers.right - answers.right_in_time * at_once
    switched = _switched(draws, case, strategy) * at_once
    reach = chance(draws, [late.reach], strategy, "reaches a later line") if late else NOBODY
    found = {
        "first_line": in_time * acted_on,
        "switched": too_late * acted_on * switched,
        "later_line": too_late * acted_on * (1 - switched) * reach * later,
        "retested": found_again * acted_on,
    }
    left_over = (found["later_line"] + found["retested"]) * (1 - reach) / reach.where(reach > 0, 1.0)
    return {**found, "never": sought - sum(found.values(), start=NOBODY)}, left_over


def untested(draws: Draws, case: Case, management: str) -> Pathway:
    """The pathway of those who reach a management without any test; relatives stay as they were."""
    nobody = xr.Variable("true_class", np.zeros(len(case.classes)))
    return Pathway(
        managements=stacked([nobody + float(name == management) for name in case.managements], "management"),
        performed={},
        uncertain={},
        incidental={},
        paths=dict.fromkeys(PATHS, nobody),
        **dict.fromkeys(("repeats", "retests", "found_again", "positives", "found", "in_time", "mismatched"), nobody),
        **_relatives(draws, case, management, nobody),
    )


def _managements(
    case: Case, paths: dict[str, xr.Variable], left_over: xr.Variable, mismatched: xr.Variable
) -> xr.Variable:
    """Share of each true class under each management (…, management, true_class)."""
    at_once, later = paths["first_line"] + paths["switched"], paths["later_line"] + paths["retested"]
    unreached = case.pathway.late.unreached if case.pathway.late else None
    parts: dict[str, xr.Variable] = {}
    for name in case.managements:
        own = _classes(case, lambda one, name=name: one.matched == name)  # type: ignore[misc]
        then = _classes(case, lambda one, name=name: one.later == name)  # type: ignore[misc]
        parts[name] = at_once * own + later * then
    parts[case.mismatched] = parts[case.mismatched] + mismatched
    if unreached is not None:
        parts[unreached] = parts[unreached] + left_over
    parts[case.reference] = parts[case.reference] + 1 - sum(parts.values(), start=NOBODY)
    return stacked(list(parts.values()), "management")


RELATIVES = ("relatives_tested", "relatives_found", "relatives_acted_on", "relatives_left")


def _relatives(draws: Draws, case: Case, strategy: str, found: xr.Variable) -> dict[str, xr.Variable]:
    """The numbers of relatives in a :class:`Pathway`: from each carrier found in a generation, known before or not, the next is reached.

    tested = found before x relatives x contacted x accepts, found = tested x carriers.
    """
    nobody = 0.0 * found
    cascade = case.relatives
    if cascade is None:
        return dict.fromkeys(RELATIVES, nobody)
    concerned = xr.Variable("true_class", [float(name in cascade.of) for name in case.classes])
    origin, existing = found * concerned, concerned
    tested, carriers, all_carriers = nobody, nobody, nobody
    for place, generation in enumerate(cascade.generations, start=1):
        node = f"relatives, generation {place}"
        reached = chance(draws, [generation.contacted], strategy, f"{node} contacted")
        reached = reached * chance(draws, [generation.accepts], strategy, f"{node} accept")
        carry = chance(draws, [generation.carriers], strategy, f"{node} carry")
        number = product(draws, [generation.relatives])
        made = origin * number * reached
        origin, existing = made * carry, existing * number * carry
        tested, carriers, all_carriers = tested + made, carriers + origin, all_carriers + existing
    known = (
        chance(draws, [cascade.already_known], strategy, "relatives known before") if cascade.already_known else NOBODY
    )
    carriers, all_carriers = carriers * (1 - known), all_carriers * (1 - known)
    acted_on = chance(draws, [cascade.acted_on] if cascade.acted_on else [], strategy, "relatives found, acted on")
    numbers = (tested, carriers, carriers * acted_on, all_carriers - carriers * acted_on)
    return dict(zip(RELATIVES, numbers, strict=True))
