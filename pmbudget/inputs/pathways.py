"""The pathway from true class to management as data: tests in order, what their answers lead to, relatives."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pmbudget.inputs.files import Ref, Strict
from pmbudget.inputs.items import Item
from pmbudget.inputs.parameters import Text


class Uncertain(Strict):
    """Variants of unknown significance: the ``share`` of a test's answers without a finding that are one, the share of those that are
    ``acted_on`` as if they were a finding, and what working one up uses.
    """

    share: Ref
    acted_on: Ref
    items: tuple[Item, ...] = ()


class Incidental(Strict):
    """Findings outside the question: the ``share`` of answered tests with one, what it leads to, and the QALYs it gains or costs."""

    share: Ref
    items: tuple[Item, ...] = ()
    qaly: tuple[tuple[Ref, ...], ...] = ()


class Test(Strict):
    """One test: what it looks for, how well, how often it fails, what else it may show, and what it uses each time."""

    label: Text
    targets: dict[str, Ref]
    specificity: Ref
    failure: Ref
    uncertain: Uncertain | None = None
    incidental: Incidental | None = None
    items: tuple[Item, ...]


class TestOffered(Strict):
    """A test's place in a strategy: the share who are offered it, and when its answer comes.

    It is for those still without an answer, or, as a reflex that ``confirms`` an earlier test, for those whom that test found positive:
    a positive that is not confirmed is none, and the search goes on. ``turnaround_share`` is the part of the strategy's turnaround after
    which this test is answered; all of it if left out.
    """

    test: str
    offered: Ref
    confirms: str | None = None
    turnaround_share: Ref | None = None


class Strategy(Strict):
    """Tests in order, until one is positive; tissue runs out by ``exhaustion`` for each test made. Without tests all have the reference
    management.
    """

    label: Text
    tests: tuple[TestOffered, ...] = ()
    turnaround: Ref | None = None
    exhaustion: Ref | None = None

    @model_validator(mode="after")
    def _confirms_an_earlier_test(self) -> Self:
        for place, step in enumerate(self.tests):
            earlier = [other.test for other in self.tests[:place] if other.confirms is None]
            if step.confirms is not None and step.confirms not in earlier:
                raise ValueError(
                    f"{step.test} confirms {step.confirms!r}, which no earlier step makes; reorder the tests"
                )
        return self


class TrueClass(Strict):
    """A true class of patient: how common, what follows when it is found, what it means for prognosis when it is not.

    A prevalence ``of_rest`` is of those in none of the classes before. What a class that ``waits`` leads to comes later in the disease,
    so that no answer is too late for it.
    """

    label: Text
    prevalence: Literal["else"] | Ref = Field(union_mode="left_to_right")
    of_rest: bool = False
    matched: str | None = None
    waits: bool = False
    prognosis_progression_free: tuple[Ref, ...] = ()
    prognosis_overall: tuple[Ref, ...] = ()


class Repeat(Strict):
    """A failed test made again on a new sample: the share who have one, how often that fails too, what taking it uses."""

    offered: Ref
    failure: Ref
    items: tuple[Item, ...] = ()


class Timing(Strict):
    """How long treatment can wait for an answer (``window``, days), the spread of turnaround (SD of its logarithm), and the share of late
    answers that are acted on all the same.
    """

    window: Ref
    spread: Ref
    late_but_matched: Ref


class Pathway(Strict):
    """What happens between the order and the treatment, in the same way for every strategy.

    ``after_result`` holds what must come true, one after the other, for a positive answer to be acted on: discussed, followed, available,
    accepted.
    """

    repeat: Repeat | None = None
    timing: Timing | None = None
    after_result: dict[Literal["discussed", "followed", "available", "accepted"], Ref]
    positive_items: tuple[Item, ...] = ()


class Generation(Strict):
    """One generation of relatives of each carrier found in the one before: how many there are, the shares that are reached and accept a
    test, and the share of carriers among them.
    """

    relatives: Ref
    contacted: Ref
    accepts: Ref
    carriers: Ref


class Cascade(Strict):
    """Relatives of those in whom a class ``of`` these is found: tested generation by generation from each carrier found.

    Carriers who are found have the management ``found``, those who are not ``unfound``; without the two only the tests count. The share
    ``already_known`` of carriers had been found before: their test counts and leads on to their relatives, but for themselves nothing
    changes, and they are followed under no strategy. Of the others found, the share ``acted_on`` come to the management ``found``.
    """

    of: tuple[str, ...] = Field(min_length=1)
    generations: tuple[Generation, ...] = Field(min_length=1)
    test_items: tuple[Item, ...]
    already_known: Ref | None = None
    found: str | None = None
    unfound: str | None = None
    acted_on: Ref | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.found is None) != (self.unfound is None):
            raise ValueError("found and unfound go together; give both or neither")
        if self.acted_on is not None and self.found is None:
            raise ValueError("acted_on leads to the management found; name found and unfound, or remove acted_on")
        return self
