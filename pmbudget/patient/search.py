"""The search: the tests of a strategy made one after the other, who is found by them, rightly or wrongly, and whether in time."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from scipy import special

from pmbudget.inputs.cases import Case
from pmbudget.inputs.pathways import AmongRest, Test, TestOffered
from pmbudget.patient.cohort import PRINTED
from pmbudget.patient.costing import Draws, product, stacked

NOBODY, EVERYBODY = xr.Variable((), 0.0), xr.Variable((), 1.0)


@dataclass(frozen=True)
class Answers:
    """Positive answers (…, true_class): right and wrong ones, and those of each that come in time."""

    right: xr.Variable
    wrong: xr.Variable
    right_in_time: xr.Variable
    wrong_in_time: xr.Variable

    def __add__(self, other: "Answers") -> "Answers":
        return Answers(
            right=self.right + other.right,
            wrong=self.wrong + other.wrong,
            right_in_time=self.right_in_time + other.right_in_time,
            wrong_in_time=self.wrong_in_time + other.wrong_in_time,
        )

    @property
    def positives(self) -> xr.Variable:
        """All positive answers."""
        return self.right + self.wrong

    def confirmed(self, made: xr.Variable, refused: xr.Variable, in_time: xr.Variable) -> "Answers":
        """What is left when the share ``made`` is tested again and ``refused`` taken away: only those tested wait for that answer."""
        alike, waited = 1 - made, (made - refused) * in_time
        return Answers(
            right=self.right * (1 - refused),
            wrong=self.wrong * (1 - refused),
            right_in_time=self.right_in_time * alike + self.right * waited,
            wrong_in_time=self.wrong_in_time * alike + self.wrong * waited,
        )

    def sooner(self, share: xr.Variable) -> "Answers":
        """With the ``share`` of right answers that were late known in time by another test."""
        return replace(self, right_in_time=self.right_in_time + (self.right - self.right_in_time) * share)

    def forestalled(self, share: xr.Variable) -> "Answers":
        """Without the ``share`` of right answers that were late and came to those already treated on a wrong one."""
        return replace(self, right=self.right - (self.right - self.right_in_time) * share)


@dataclass(frozen=True)
class _Step:
    """What one step of the search came to: who it was made on, who of them has no answer, the share of answers in time, who was searched
    for after it, its answers, and those of them that are ``beside`` the search, of people who wait for another answer.
    """

    offer: TestOffered
    made: xr.Variable
    failed: xr.Variable
    in_time: xr.Variable
    searching: xr.Variable
    answers: Answers
    beside: xr.Variable


@dataclass(frozen=True)
class Tested:
    """What the tests of a strategy come to per patient (…, true_class): ``answers``; by test ``performed``, ``uncertain`` and
    ``incidental``; ``repeats``, samples taken again.
    """

    answers: Answers
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
        after = self.steps[self._latest(step.confirms)].offer.after if step.confirms else step.after
        test = _performance(self.draws, self.case, self.strategy, step, after)
        made, beside, of_searching = self._confirmed(step, test) if step.confirms else self._looked_for(step, test)
        name = step.test
        # Who is tested because another answer is overdue has that answer to wait for, and gives no new sample.
        self.performed[name] = self.performed[name] + made * (1 + test.again) + beside
        self.repeats = self.repeats + made * test.again
        if finding := self.case.tests[name].incidental:
            share = chance(self.draws, [finding.share], self.strategy, f"{name} incidental")
            self.incidental[name] = self.incidental[name] + (made + beside) * test.answered * share
        if self.plan.exhaustion is not None:
            lost = chance(self.draws, [self.plan.exhaustion], self.strategy, "tissue exhausted")
            self.tissue = self.tissue * (1 - lost * of_searching)

    def _confirmed(self, step: TestOffered, test: _Test) -> tuple[xr.Variable, xr.Variable, xr.Variable]:
        """A reflex on the positives of an earlier test: how many are made, and as a share of those searched for."""
        place, reached = self._latest(step.confirms), test.offered * self.tissue
        first, refused = self.steps[place].answers, reached * test.answered * (1 - test.positive)
        made, back = first.positives * reached, (first.positives - self.steps[place].beside) * refused
        self._now_known(place, first.confirmed(reached, refused, test.in_time))
        self.searching = self.searching + back
        return made, NOBODY, back / self.searching.where(self.searching > 0, 1.0)

    def _looked_for(self, step: TestOffered, test: _Test) -> tuple[xr.Variable, xr.Variable, xr.Variable]:
        """A test of those in whom nothing is found, or of those of them whom it is a safety net for; and how many have it beside."""
        reached, target = test.offered * self.tissue, _is_target(self.case, self.case.tests[step.test])
        meant, overdue, wrong = self.searching, NOBODY, NOBODY
        if step.instead_of is not None:
            place = self._latest(step.instead_of)
            earlier = self.steps[place]
            # Failures are taken to be as common among those in whom another test has found something since.
            meant = earlier.failed * self.searching / earlier.searching.where(earlier.searching > 0, 1.0)
            overdue = (earlier.made - earlier.failed) * self._overdue(step) * reached
            seen = reached * test.answered * test.positive * test.before_treatment
            sooner = earlier.answers.sooner(seen * target).forestalled(seen * (1 - target))
            self._now_known(place, sooner)
            wrong = (earlier.made - earlier.failed) * (1 - earlier.in_time) * seen * (1 - target)
        made = meant * reached
        answers, unclear = _searched(test, made, target)
        self.uncertain[step.test] = self.uncertain[step.test] + unclear
        of_searching = test.offered * meant / self.searching.where(self.searching > 0, 1.0)
        self.searching = self.searching - answers.positives
        answers = replace(answers, wrong=answers.wrong + wrong, wrong_in_time=answers.wrong_in_time + wrong)
        self.steps.append(_Step(step, made, made * (1 - test.answered), test.in_time, self.searching, answers, wrong))
        return made, overdue, of_searching

    def _latest(self, test: str | None) -> int:
        """The place of the last step that made a test."""
        return max(place for place, one in enumerate(self.steps) if one.offer.test == test)

    def _now_known(self, place: int, answers: Answers) -> None:
        self.steps[place] = replace(self.steps[place], answers=answers)

    def _overdue(self, step: TestOffered) -> xr.Variable:
        """Share of the answers of the test stood in for that have not come when the safety net is ordered."""
        earlier, waited = self.steps[self._latest(step.instead_of)].offer, product(self.draws, [str(step.after)])
        return 1 - _answered_within(self.draws, self.case, self.strategy, earlier, waited)


def search(draws: Draws, case: Case, strategy: str) -> Tested:
    """What the tests of a strategy come to, made one after the other.

    Tests follow each other until one is positive; a reflex test is made on the positives of an earlier one and takes away those that it
    does not confirm. A test fails with probability f; where a failed one is made again on a new sample, a share rho of the failures is and
    fails with f2, so f* = f (1 - rho) + f rho f2. An answer is in time when a log-normal turnaround is shorter than the time treatment can
    wait, or where it is waited for all the same. A variant of unknown significance is no answer unless it is acted on. Tissue runs out only
    in those whom a test was made on: a reflex test uses up that of the positives it was made on.

    A safety net is made on those in whom the test it stands in for has failed, and on those whose answer has not come after so many days.
    What it finds in the latter before treatment begins counts as in time; a wrong answer of it is acted on where the other comes too late.
    What it would find that the other misses is not counted.

    Raises
    ------
    ValueError
        A probability outside 0-1: strategy, node and draw are named.
    """
    made = _Search(draws, case, strategy)
    for step in made.plan.tests:
        made.make(step)
    nobody = 0.0 * made.searching
    total = sum((one.answers for one in made.steps), start=Answers(nobody, nobody, nobody, nobody))
    return Tested(total, made.performed, made.uncertain, made.incidental, made.repeats)


def _searched(test: _Test, made: xr.Variable, target: xr.Variable) -> tuple[Answers, xr.Variable]:
    """The positive answers of tests ``made`` on those in whom nothing is found yet, and the number of uncertain ones."""
    seen = made * test.answered * test.positive
    unclear = (made * test.answered - seen) * test.uncertain
    right = seen * target
    wrong = seen - right + unclear * test.acted_on
    return Answers(right, wrong, right * test.in_time, wrong * test.in_time), unclear


def _performance(draws: Draws, case: Case, strategy: str, step: TestOffered, after: str | None) -> _Test:
    test = case.tests[step.test]
    answered, again = _answered(draws, case, test, strategy, step.test)
    unclear, node = test.uncertain, f"{step.test} uncertain"
    early, in_time = _in_time(draws, case, strategy, step, after)
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
    if repeat is None or not test.repeated:
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


def _in_time(
    draws: Draws, case: Case, strategy: str, step: TestOffered, after: str | None
) -> tuple[xr.Variable, xr.Variable]:
    """Share of a step's answers that come before treatment would begin, and with those that treatment is held back for.

    It is ordered ``after`` so many days.
    """
    timing = case.pathway.timing
    if timing is None or (case.strategies[strategy].turnaround is None and not step.turnaround):
        return EVERYBODY, EVERYBODY
    early = _before_treatment(draws, case, strategy, step, after)
    held_back = chance(draws, [timing.waited_for], strategy, f"{step.test} late, waited for")
    return early, early + (1 - early) * held_back


def _before_treatment(draws: Draws, case: Case, strategy: str, step: TestOffered, after: str | None) -> xr.Variable:
    """Share of a step's answers that come before treatment would begin, where it is ordered ``after`` so many days."""
    assert case.pathway.timing is not None
    window = product(draws, [case.pathway.timing.window])
    if after is not None:
        window = (window - product(draws, [after])).clip(min=0)
    return _answered_within(draws, case, strategy, step, window)


def _answered_within(draws: Draws, case: Case, strategy: str, step: TestOffered, days: xr.Variable) -> xr.Variable:
    """Share of a step's answers that come within so many days of the order: log-normal between patients and laboratories."""
    timing, median = case.pathway.timing, _days(draws, case, strategy, step)
    assert timing is not None
    variance = product(draws, [timing.spread, timing.spread])
    if timing.laboratory is not None:
        variance = variance + product(draws, [timing.laboratory, timing.laboratory])
    with np.errstate(divide="ignore"):
        return xr.apply_ufunc(special.ndtr, (np.log(days) - np.log(median)) / np.sqrt(variance))


def _days(draws: Draws, case: Case, strategy: str, step: TestOffered) -> xr.Variable:
    """Median days from the order of a step to its answer."""
    plan = case.strategies[strategy]
    sums = step.turnaround or ((plan.turnaround,) if plan.turnaround else ())
    return sum((product(draws, [name]) for name in sums), start=NOBODY)


def answer_times(draws: Draws, case: Case, strategy: str) -> xr.Dataset:
    """When each test of a strategy is ordered and answered, at its first place there; no tests in a case that states no timing.

    Returns
    -------
    Dataset
        (test, draw): ``ordered``, days from the start to the order, more than 0 for a safety net and what confirms it; ``days`` from the
        order to the answer, at the median; ``fails``, the share of first attempts without an answer; ``before_treatment``, the share of
        answers that come before treatment would begin if it did not wait for them.
    """
    steps = case.strategies[strategy].tests if case.pathway.timing else ()
    found: dict[str, dict[str, xr.Variable]] = {}
    for place, step in enumerate(steps):
        first = next((one for one in reversed(steps[:place]) if one.test == step.confirms), step)
        if step.test not in found:
            found[step.test] = {
                "ordered": product(draws, [first.after]) if first.after else NOBODY,
                "days": _days(draws, case, strategy, step),
                "fails": product(draws, [case.tests[step.test].failure]),
                "before_treatment": _before_treatment(draws, case, strategy, step, first.after),
            }
    size = {"draw": draws.sizes["draw"]}
    return xr.Dataset(
        {
            name: stacked([one[name].set_dims(size) for one in found.values()], "test")
            for name in ("ordered", "days", "fails", "before_treatment")
            if found
        },
        coords={"test": list(found)},
    )
