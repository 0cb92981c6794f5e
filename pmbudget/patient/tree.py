"""The test-treat pathway: from true class to management, along what is ordered, fails, is found in time and acted on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import xarray as xr
from scipy import special

from pmbudget.inputs.cases import Case
from pmbudget.inputs.pathways import AmongRest, Test, TestOffered, TrueClass
from pmbudget.patient.cohort import PRINTED
from pmbudget.patient.costing import Draws, product, stacked

NOBODY, EVERYBODY = xr.Variable((), 0.0), xr.Variable((), 1.0)
PATHS = ("first_line", "switched", "later_line", "retested", "never")
"""What becomes of a carrier: the answer came before treatment, or after it and treatment was changed; the answer, or that of a retest at
progression, was acted on in a later line; or none of these."""


@dataclass(frozen=True)
class Pathway:
    """What the pathway of one strategy leads to, per patient, by true class.

    ``managements`` (…, management, true_class): probability. ``paths``, by name of :data:`PATHS`: share of each true class
    (…, true_class); they sum to 1 in the classes with something to find and are 0 in the others. Numbers per patient (…, true_class):
    ``performed``, ``uncertain`` and ``incidental`` by test; ``repeats``, samples taken again; ``retests``, tests at progression;
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

    def sooner(self, share: xr.Variable) -> "_Answers":
        """With the ``share`` of right answers that were late known in time by another test."""
        return replace(self, right_in_time=self.right_in_time + (self.right - self.right_in_time) * share)


@dataclass(frozen=True)
class _Step:
    """What one step of the search came to: who it was made on, who of them has no answer, who was searched for after it, its answers."""

    test: str
    made: xr.Variable
    failed: xr.Variable
    searching: xr.Variable
    answers: _Answers


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
    positive, by true class, those ``in_time``, those that come ``before_treatment`` without its being held back for them, and of negative
    ones those uncertain and the share of these acted on.
    """

    offered: xr.Variable
    answered: xr.Variable
    again: xr.Variable
    positive: xr.Variable
    in_time: xr.Variable
    before_treatment: xr.Variable
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
    f* = f (1 - rho) + f rho f2. An answer is in time when a log-normal turnaround is shorter than the time treatment can wait, or where it
    is waited for all the same. A variant of unknown significance is no answer unless it is acted on. Tissue runs
    out only in those whom a test was made on: a reflex test uses up that of the positives it was made on. A safety net is made on those in
    whom the test it stands in for has failed or is not answered after so many days; what it finds before that test's late answer comes
    counts as in time. See :func:`_paths` for what becomes of a carrier.

    Raises
    ------
    ValueError
        A probability outside 0-1: strategy, node and draw are named.
    """
    tested = _tested(draws, case, strategy)
    answers = tested.answers
    followed = prod(
        (chance(draws, [name], strategy, node) for node, name in case.pathway.after_result.items()), start=EVERYBODY
    )
    ignored = xr.Variable(
        "true_class", [float(name in case.strategies[strategy].not_acted_on) for name in case.classes]
    )
    retests, seen_again = _retested(draws, case, strategy, answers)
    paths = _paths(draws, case, strategy, answers, seen_again, followed * (1 - ignored))
    mismatched = answers.wrong_in_time * followed
    return Pathway(
        managements=_managements(case, paths, mismatched),
        paths=paths,
        performed=tested.performed,
        uncertain=tested.uncertain,
        incidental=tested.incidental,
        repeats=tested.repeats,
        retests=retests,
        positives=answers.positives,
        found=answers.right,
        in_time=_never_late(case, answers),
        mismatched=mismatched,
        **_relatives(draws, case, strategy, answers.right),
    )


def _classes(case: Case, holds: Callable[[TrueClass], bool]) -> xr.Variable:
    """1 in the true classes of which something holds, 0 in the others (true_class)."""
    return xr.Variable("true_class", [float(holds(one)) for one in case.classes.values()])


def _never_late(case: Case, answers: _Answers) -> xr.Variable:
    """Right answers that come in time (…, true_class); what leads to something later in the disease alone is never late."""
    later_alone = _classes(case, lambda one: one.matched is None)
    return answers.right_in_time + (answers.right - answers.right_in_time) * later_alone


def _retested(draws: Draws, case: Case, strategy: str, answers: _Answers) -> tuple[xr.Variable, xr.Variable]:
    """Tests at progression per patient, and carriers whom they find, among those in whom nothing was found (…, true_class)."""
    late = case.pathway.late
    if late is None or late.retest is None:
        return 0.0 * answers.right, 0.0 * answers.right
    reach = chance(draws, [late.reach], strategy, "reaches a later line")
    made = (1 - answers.positives) * reach * chance(draws, [late.retest.offered], strategy, "retest offered")
    seen = chance(draws, late.retest.found, strategy, "found by the retest")
    return made, made * seen * _classes(case, lambda one: one.later is not None)


def _paths(
    draws: Draws, case: Case, strategy: str, answers: _Answers, seen_again: xr.Variable, acted_on: xr.Variable
) -> dict[str, xr.Variable]:
    """The share of each true class on each of :data:`PATHS` (…, true_class).

    With F found, T of them in time, A acted on, and of late answers s switched, of the rest r reaching a later line:
    first line T A, switched (F - T) A s, later line (F - T) A (1 - s) r, or F A r in a class with a later management alone.
    """
    late, at_once = case.pathway.late, _classes(case, lambda one: one.matched is not None)
    later = _classes(case, lambda one: one.later is not None)
    sought = _classes(case, lambda one: one.is_sought)
    in_time, too_late = answers.right_in_time * at_once, answers.right - answers.right_in_time * at_once
    switched = chance(draws, [late.switched], strategy, "late, treatment changed") * at_once if late else NOBODY
    reach = chance(draws, [late.reach], strategy, "reaches a later line") * later if late else NOBODY
    found = {
        "first_line": in_time * acted_on,
        "switched": too_late * acted_on * switched,
        "later_line": too_late * acted_on * (1 - switched) * reach,
        "retested": seen_again * acted_on,
    }
    return {**found, "never": sought - sum(found.values(), start=NOBODY)}


class _Search:
    """The tests of a strategy made one after the other: who is still searched for, and what the tests came to (…, true_class)."""

    def __init__(self, draws: Draws, case: Case, strategy: str):
        self.draws, self.case, self.strategy, self.plan = draws, case, strategy, case.strategies[strategy]
        nobody = xr.Variable("true_class", np.zeros(len(case.classes)))
        self.searching, self.tissue, self.repeats = nobody + 1.0, EVERYBODY, nobody
        self.steps: list[_Step] = []
        self.performed, self.uncertain, self.incidental = (
            {step.test: nobody for step in self.plan.tests} for _ in range(3)
        )

    def make(self, step: TestOffered) -> None:
        """Make one test on those whom it is for."""
        test = _performance(self.draws, self.case, self.strategy, step)
        made, of_searching = self._confirmed(step, test) if step.confirms else self._looked_for(step, test)
        name = step.test
        self.performed[name] = self.performed[name] + made * (1 + test.again)
        self.repeats = self.repeats + made * test.again
        if beside := self.case.tests[name].incidental:
            share = chance(self.draws, [beside.share], self.strategy, f"{name} incidental")
            self.incidental[name] = self.incidental[name] + made * test.answered * share
        if self.plan.exhaustion is not None:
            lost = chance(self.draws, [self.plan.exhaustion], self.strategy, "tissue exhausted")
            self.tissue = self.tissue * (1 - lost * of_searching)

    def _confirmed(self, step: TestOffered, test: _Test) -> tuple[xr.Variable, xr.Variable]:
        """A reflex on the positives of an earlier test: how many are made, and as a share of those searched for."""
        place, reached = self._latest(step.confirms), test.offered * self.tissue
        first, refused = self.steps[place].answers, reached * test.answered * (1 - test.positive)
        made, back = first.positives * reached, first.positives * refused
        self._now_known(place, first.confirmed(reached, refused, test.in_time))
        self.searching = self.searching + back
        return made, back / self.searching.where(self.searching > 0, 1.0)

    def _looked_for(self, step: TestOffered, test: _Test) -> tuple[xr.Variable, xr.Variable]:
        """A test of those in whom nothing is found, or of those of them whom it is a safety net for."""
        reached, target = test.offered * self.tissue, _is_target(self.case, self.case.tests[step.test])
        meant, overdue = self.searching, NOBODY
        if step.instead_of is not None:
            place = self._latest(step.instead_of)
            earlier = self.steps[place]
            # Failures are taken to be as common among those in whom another test has found something since.
            meant = earlier.failed * self.searching / earlier.searching.where(earlier.searching > 0, 1.0)
            overdue = (earlier.made - earlier.failed) * self._overdue(step)
            sooner = reached * test.answered * test.positive * test.before_treatment * target
            self._now_known(place, earlier.answers.sooner(sooner))
        made = meant * reached
        answers, unclear = _searched(test, made, target)
        self.uncertain[step.test] = self.uncertain[step.test] + unclear
        of_searching = test.offered * meant / self.searching.where(self.searching > 0, 1.0)
        self.searching = self.searching - answers.positives
        self.steps.append(_Step(step.test, made, made * (1 - test.answered), self.searching, answers))
        return made + overdue * reached, of_searching

    def _latest(self, test: str | None) -> int:
        """The place of the last step that made a test."""
        return max(place for place, one in enumerate(self.steps) if one.test == test)

    def _now_known(self, place: int, answers: _Answers) -> None:
        self.steps[place] = replace(self.steps[place], answers=answers)

    def _overdue(self, step: TestOffered) -> xr.Variable:
        """Share of the answers of the test stood in for that have not come when the safety net is ordered."""
        earlier = next(one for one in self.plan.tests if one.test == step.instead_of)
        waited = product(self.draws, [str(step.after)])
        return 1 - _answered_within(self.draws, self.case, self.strategy, earlier, waited)


def _tested(draws: Draws, case: Case, strategy: str) -> _Tested:
    """The tests of a strategy one after the other."""
    search = _Search(draws, case, strategy)
    for step in search.plan.tests:
        search.make(step)
    nobody = 0.0 * search.searching
    total = sum((one.answers for one in search.steps), start=_Answers(nobody, nobody, nobody, nobody))
    return _Tested(total, search.performed, search.uncertain, search.incidental, search.repeats)


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
        paths=dict.fromkeys(PATHS, nobody),
        **dict.fromkeys(("repeats", "retests", "positives", "found", "in_time", "mismatched"), nobody),
        **_relatives(draws, case, management, nobody),
    )


def _performance(draws: Draws, case: Case, strategy: str, step: TestOffered) -> _Test:
    test = case.tests[step.test]
    answered, again = _answered(draws, case, test, strategy, step.test)
    unclear, node = test.uncertain, f"{step.test} uncertain"
    early, in_time = _in_time(draws, case, strategy, step)
    return _Test(
        offered=_offered(draws, strategy, step),
        answered=answered,
        again=again,
        positive=_positive(draws, case, test, strategy, step.test),
        in_time=in_time,
        before_treatment=early,
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


def _offered(draws: Draws, strategy: str, step: TestOffered) -> xr.Variable:
    """Share of those whom a step is for who are offered it."""
    if not isinstance(step.offered, AmongRest):
        return chance(draws, [step.offered], strategy, f"{step.test} offered")
    names = (*step.offered.group, step.offered.inside, step.offered.overall)
    for name in names:
        chance(draws, [name], strategy, f"{step.test} offered")
    group, inside = product(draws, step.offered.group), product(draws, [step.offered.inside])
    rest = 1 - group
    share = (product(draws, [step.offered.overall]) - group * inside) / rest.where(rest > 0, 1.0)
    return share.clip(0, 1)


def _in_time(draws: Draws, case: Case, strategy: str, step: TestOffered) -> tuple[xr.Variable, xr.Variable]:
    """Share of a step's answers that come before treatment would begin, and with those that treatment is held back for."""
    timing = case.pathway.timing
    if timing is None or (case.strategies[strategy].turnaround is None and not step.turnaround):
        return EVERYBODY, EVERYBODY
    window = product(draws, [timing.window])
    if step.after is not None:
        window = (window - product(draws, [step.after])).clip(min=0)
    early = _answered_within(draws, case, strategy, step, window)
    held_back = chance(draws, [timing.waited_for], strategy, f"{step.test} late, waited for")
    return early, early + (1 - early) * held_back


def _answered_within(draws: Draws, case: Case, strategy: str, step: TestOffered, days: xr.Variable) -> xr.Variable:
    """Share of a step's answers that come within so many days of the order: log-normal between patients and laboratories."""
    timing, plan = case.pathway.timing, case.strategies[strategy]
    assert timing is not None
    sums = step.turnaround or ((plan.turnaround,) if plan.turnaround else ())
    median = sum((product(draws, [name]) for name in sums), start=NOBODY)
    variance = product(draws, [timing.spread, timing.spread])
    if timing.laboratory is not None:
        variance = variance + product(draws, [timing.laboratory, timing.laboratory])
    with np.errstate(divide="ignore"):
        return xr.apply_ufunc(special.ndtr, (np.log(days) - np.log(median)) / np.sqrt(variance))


def _managements(case: Case, paths: dict[str, xr.Variable], mismatched: xr.Variable) -> xr.Variable:
    """Share of each true class under each management (…, management, true_class)."""
    at_once, later = paths["first_line"] + paths["switched"], paths["later_line"] + paths["retested"]
    parts: dict[str, xr.Variable] = {}
    for name in case.managements:
        own = xr.Variable("true_class", [float(one.matched == name) for one in case.classes.values()])
        then = xr.Variable("true_class", [float(one.later == name) for one in case.classes.values()])
        parts[name] = at_once * own + later * then + (mismatched if name == case.mismatched else 0.0)
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
