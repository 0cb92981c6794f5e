"""The test-treat pathway: from true class to management, along what is ordered, fails, is found in time and acted on."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

import numpy as np
import xarray as xr
from scipy import special

from pmbudget.inputs.cases import Case
from pmbudget.inputs.pathways import Test, TestOffered
from pmbudget.patient.cohort import PRINTED
from pmbudget.patient.costing import Draws, product, stacked

NOBODY, EVERYBODY = xr.Variable((), 0.0), xr.Variable((), 1.0)


@dataclass(frozen=True)
class Pathway:
    """What the pathway of one strategy leads to, per patient, by true class.

    ``managements`` (…, management, true_class): probability. Numbers per patient (…, true_class): ``performed``, ``uncertain`` and
    ``incidental`` by test; ``repeats``, samples taken again; ``positives`` and ``found``, positive answers and those of them that are
    right; ``in_time``, right answers that come in time; ``mismatched``, wrong answers acted on; ``relatives_tested``, and of the carriers
    among relatives who were not known before ``relatives_found``, ``relatives_acted_on`` and ``relatives_left`` as they were.
    """

    managements: xr.Variable
    performed: dict[str, xr.Variable]
    uncertain: dict[str, xr.Variable]
    incidental: dict[str, xr.Variable]
    repeats: xr.Variable
    positives: xr.Variable
    found: xr.Variable
    in_time: xr.Variable
    mismatched: xr.Variable
    relatives_tested: xr.Variable
    relatives_found: xr.Variable
    relatives_acted_on: xr.Variable
    relatives_left: xr.Variable


@dataclass(frozen=True)
class _Answers:
    """Positive answers of one step: right and wrong ones, and those of each that come in time."""

    right: xr.Variable
    wrong: xr.Variable
    right_in_time: xr.Variable
    wrong_in_time: xr.Variable

    def __add__(self, other: "_Answers") -> "_Answers":
        return _Answers(
            right=self.right + other.right,
            wrong=self.wrong + other.wrong,
            right_in_time=self.right_in_time + other.right_in_time,
            wrong_in_time=self.wrong_in_time + other.wrong_in_time,
        )

    @property
    def positives(self) -> xr.Variable:
        """All positive answers."""
        return self.right + self.wrong

    def confirmed(self, made: xr.Variable, refused: xr.Variable, in_time: xr.Variable) -> "_Answers":
        """What is left when the share ``made`` is tested again and ``refused`` taken away: only those tested wait for that answer."""
        alike, waited = 1 - made, (made - refused) * in_time
        return _Answers(
            right=self.right * (1 - refused),
            wrong=self.wrong * (1 - refused),
            right_in_time=self.right_in_time * alike + self.right * waited,
            wrong_in_time=self.wrong_in_time * alike + self.wrong * waited,
        )


@dataclass(frozen=True)
class _Tested:
    """What the tests of a strategy come to per patient: answers, and the numbers of :class:`Pathway`."""

    answers: _Answers
    performed: dict[str, xr.Variable]
    uncertain: dict[str, xr.Variable]
    incidental: dict[str, xr.Variable]
    repeats: xr.Variable


@dataclass(frozen=True)
class _Test:
    """How the test of one step performs: the share offered; of tests made those answered in the end and those made again; of answers those
    positive, by true class, those in time, and of negative ones those uncertain and the share of these acted on.
    """

    offered: xr.Variable
    answered: xr.Variable
    again: xr.Variable
    positive: xr.Variable
    in_time: xr.Variable
    uncertain: xr.Variable
    acted_on: xr.Variable


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


def chance(draws: Draws, names: Iterable[str], strategy: str, node: str) -> xr.Variable:
    """The probability of going on at a node, the product of the named parameters; the rest takes the node's other branch.

    Raises
    ------
    ValueError
        Outside 0-1 in some draw, so that the node's branches would not be probabilities that sum to 1: strategy, node and draw are named.
    """
    names = list(names)
    found = product(draws, names)
    values = np.atleast_1d(found.to_numpy())
    wrong = ~((values >= -PRINTED) & (values <= 1 + PRINTED))
    if wrong.any():
        draw = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"strategy {strategy!r}, node {node!r}: probability {values[draw]:.10g} in draw {draw}; "
            f"correct {' x '.join(names)}, which must lie between 0 and 1"
        )
    return found.clip(0, 1)


def walk_pathway(draws: Draws, case: Case, strategy: str) -> Pathway:
    """The pathway of one strategy.

    Tests follow each other until one is positive; a reflex test is made on the positives of an earlier one and takes away those that it
    does not confirm. A test fails with probability f; a share rho of the failures is sampled again and fails with f2, so
    f* = f (1 - rho) + f rho f2. An answer is in time when a log-normal turnaround is shorter than the time treatment can wait; a late one
    still leads to matched treatment in a stated share. A variant of unknown significance is no answer unless it is acted on. Tissue runs
    out only in those whom a test was made on: a reflex test uses up that of the positives it was made on.

    Raises
    ------
    ValueError
        A probability outside 0-1: strategy, node and draw are named.
    """
    tested = _tested(draws, case, strategy)
    answers = tested.answers
    waits = xr.Variable("true_class", [float(one.waits) for one in case.classes.values()])
    in_time = answers.right_in_time + (answers.right - answers.right_in_time) * waits
    followed = prod(
        (chance(draws, [name], strategy, node) for node, name in case.pathway.after_result.items()), start=EVERYBODY
    )
    mismatched = answers.wrong_in_time * followed
    return Pathway(
        managements=_managements(case, in_time * followed, mismatched),
        performed=tested.performed,
        uncertain=tested.uncertain,
        incidental=tested.incidental,
        repeats=tested.repeats,
        positives=answers.positives,
        found=answers.right,
        in_time=in_time,
        mismatched=mismatched,
        **_relatives(draws, case, strategy, answers.right),
    )


def _tested(draws: Draws, case: Case, strategy: str) -> _Tested:
    """The tests of a strategy one after the other."""
    plan = case.strategies[strategy]
    nobody = xr.Variable("true_class", np.zeros(len(case.classes)))
    searching, tissue, repeats = nobody + 1.0, EVERYBODY, nobody
    answers: dict[int, _Answers] = {}
    performed, uncertain, incidental = ({step.test: nobody for step in plan.tests} for _ in range(3))
    for place, step in enumerate(plan.tests):
        test = _performance(draws, case, strategy, step)
        reached = test.offered * tissue
        if step.confirms is None:
            made = searching * reached
            answers[place], unclear = _searched(test, made, _is_target(case, case.tests[step.test]))
            uncertain[step.test] = uncertain[step.test] + unclear
            searching = searching - answers[place].positives
            tested_of_searching = test.offered
        else:
            earlier = max(n for n in answers if plan.tests[n].test == step.confirms)
            first, refused = answers[earlier], reached * test.answered * (1 - test.positive)
            made, back = first.positives * reached, first.positives * refused
            answers[earlier] = first.confirmed(reached, refused, test.in_time)
            searching = searching + back
            tested_of_searching = back / searching.where(searching > 0, 1.0)
        performed[step.test] = performed[step.test] + made * (1 + test.again)
        repeats = repeats + made * test.again
        if beside := case.tests[step.test].incidental:
            share = chance(draws, [beside.share], strategy, f"{step.test} incidental")
            incidental[step.test] = incidental[step.test] + made * test.answered * share
        if plan.exhaustion is not None:
            lost = chance(draws, [plan.exhaustion], strategy, "tissue exhausted")
            tissue = tissue * (1 - lost * tested_of_searching)
    total = sum(answers.values(), start=_Answers(nobody, nobody, nobody, nobody))
    return _Tested(total, performed, uncertain, incidental, repeats)


def _searched(test: _Test, made: xr.Variable, target: xr.Variable) -> tuple[_Answers, xr.Variable]:
    """The positive answers of tests ``made`` on those in whom nothing is found yet, and the number of uncertain ones."""
    seen = made * test.answered * test.positive
    unclear = (made * test.answered - seen) * test.uncertain
    right = seen * target
    wrong = seen - right + unclear * test.acted_on
    return _Answers(right, wrong, right * test.in_time, wrong * test.in_time), unclear


def untested(draws: Draws, case: Case, management: str) -> Pathway:
    """The pathway of those who reach a management without any test; relatives stay as they were."""
    nobody = xr.Variable("true_class", np.zeros(len(case.classes)))
    return Pathway(
        managements=stacked([nobody + float(name == management) for name in case.managements], "management"),
        performed={},
        uncertain={},
        incidental={},
        **dict.fromkeys(("repeats", "positives", "found", "in_time", "mismatched"), nobody),
        **_relatives(draws, case, management, nobody),
    )


def _performance(draws: Draws, case: Case, strategy: str, step: TestOffered) -> _Test:
    test = case.tests[step.test]
    answered, again = _answered(draws, case, test, strategy, step.test)
    unclear, node = test.uncertain, f"{step.test} uncertain"
    return _Test(
        offered=chance(draws, [step.offered], strategy, f"{step.test} offered"),
        answered=answered,
        again=again,
        positive=_positive(draws, case, test, strategy, step.test),
        in_time=_in_time(draws, case, strategy, step),
        uncertain=chance(draws, [unclear.share], strategy, node) if unclear else NOBODY,
        acted_on=chance(draws, [unclear.acted_on], strategy, f"{node}, acted on") if unclear else NOBODY,
    )


def _answered(draws: Draws, case: Case, test: Test, strategy: str, name: str) -> tuple[xr.Variable, xr.Variable]:
    """Share of tests made that are answered in the end, and share made again."""
    failure = chance(draws, [test.failure], strategy, f"{name} fails")
    repeat = case.pathway.repeat
    if repeat is None:
        return 1 - failure, NOBODY
    offered = chance(draws, [repeat.offered], strategy, f"{name} sampled again")
    second = chance(draws, [repeat.failure], strategy, f"{name} fails again")
    return 1 - failure * (1 - offered) - failure * offered * second, failure * offered


def _is_target(case: Case, test: Test) -> xr.Variable:
    return xr.Variable("true_class", [float(name in test.targets) for name in case.classes])


def _positive(draws: Draws, case: Case, test: Test, strategy: str, name: str) -> xr.Variable:
    """Share positive of those answered, by true class: sensitivity in the targets, 1 - specificity in the others."""
    alarm = 1 - chance(draws, [test.specificity], strategy, f"{name} negative without target")
    sensitivity = {
        target: chance(draws, [ref], strategy, f"{name} positive with {target}") for target, ref in test.targets.items()
    }
    return stacked([sensitivity.get(one, alarm) for one in case.classes], "true_class")


def _in_time(draws: Draws, case: Case, strategy: str, step: TestOffered) -> xr.Variable:
    """Share of a step's answers that come in time to be acted on, the late ones that still are included."""
    plan, timing = case.strategies[strategy], case.pathway.timing
    if plan.turnaround is None or timing is None:
        return EVERYBODY
    days = product(draws, [plan.turnaround, step.turnaround_share] if step.turnaround_share else [plan.turnaround])
    wait = np.log(product(draws, [timing.window])) - np.log(days)
    in_time = xr.apply_ufunc(special.ndtr, wait / product(draws, [timing.spread]))
    late = chance(draws, [timing.late_but_matched], strategy, f"{step.test} late, acted on all the same")
    return in_time + (1 - in_time) * late


def _managements(case: Case, matched: xr.Variable, mismatched: xr.Variable) -> xr.Variable:
    parts: dict[str, xr.Variable] = {}
    for name in case.managements:
        own = xr.Variable("true_class", [float(one.matched == name) for one in case.classes.values()])
        parts[name] = matched * own + (mismatched if name == case.mismatched else 0.0)
    unmatched = xr.Variable("true_class", [float(one.matched is None) for one in case.classes.values()])
    parts[case.reference] = parts[case.reference] + matched * unmatched
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
