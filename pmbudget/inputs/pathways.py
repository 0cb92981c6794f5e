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
    """One test: what it looks for, how well, how often it fails, what else it may show, and what it uses each time.

    One that is not ``repeated`` is not made again on a new sample when it fails.
    """

    label: Text
    targets: dict[str, Ref]
    specificity: Ref
    failure: Ref
    repeated: bool = True
    uncertain: Uncertain | None = None
    incidental: Incidental | None = None
    items: tuple[Item, ...]


class AmongRest(Strict):
    """The share among those outside a group, where the share of all was read and includes the group.

    share = (``overall`` - ``group`` x ``inside``) / (1 - ``group``), within 0 and 1; ``group``, a product, is the group's part of all, and
    ``inside`` the share within it (the law of total probability, solved for the rest).
    """

    overall: Ref
    group: tuple[Ref, ...] = Field(min_length=1)
    inside: Ref


class TestOffered(Strict):
    """A test's place in a strategy: the share who are offered it, and when its answer comes.

    It is for those still without an answer. As a reflex that ``confirms`` an earlier test it is for those whom that test found positive:
    a positive that is not confirmed is none, and the search goes on. As a safety net ``instead_of`` an earlier test it is for those in
    whom that test has failed, or is not answered ``after`` so many days. Its answer comes as many days after the order as the parameters
    of ``turnaround`` sum to; those of the strategy if left out.
    """

    test: str
    offered: Ref | AmongRest = Field(union_mode="left_to_right")
    confirms: str | None = None
    instead_of: str | None = None
    after: Ref | None = None
    turnaround: tuple[Ref, ...] = ()

    @model_validator(mode="after")
    def _one_role(self) -> Self:
        if (self.instead_of is None) != (self.after is None):
            raise ValueError(
                "instead_of and after go together; say how long the other test is waited for, or remove both"
            )
        if self.confirms is not None and self.instead_of is not None:
            raise ValueError(f"{self.test} confirms a test or stands in for one; remove confirms or instead_of")
        return self


class Strategy(Strict):
    """Tests in order, until one is positive; tissue runs out by ``exhaustion`` for each test made. Without tests all have the
    ``management`` named, the reference if none is: whom a therapy is for is then known. Answers of the classes in ``not_acted_on`` change
    no treatment.
    """

    label: Text
    tests: tuple[TestOffered, ...] = ()
    management: str | None = None
    turnaround: Ref | None = None
    exhaustion: Ref | None = None
    not_acted_on: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _tests_or_a_management(self) -> Self:
        if self.tests and self.management is not None:
            raise ValueError("what tests find decides the management; remove management, or the tests")
        return self

    @model_validator(mode="after")
    def _follows_an_earlier_test(self) -> Self:
        for place, step in enumerate(self.tests):
            earlier = [other.test for other in self.tests[:place] if other.confirms is None]
            for role, other in (("confirms", step.confirms), ("stands in for", step.instead_of)):
                if other is not None and other not in earlier:
                    raise ValueError(f"{step.test} {role} {other!r}, which no earlier step makes; reorder the tests")
        return self


class TrueClass(Strict):
    """A true class of patient: how common, what follows when it is found, what it means for prognosis when it is not.

    A prevalence ``of_rest`` is of those in none of the classes before. What is found leads to the management ``matched``, and where it is
    found or acted on only later in the disease to ``later``. For a class with ``later`` alone no answer is too late.
    """

    label: Text
    prevalence: Literal["else"] | Ref = Field(union_mode="left_to_right")
    of_rest: bool = False
    matched: str | None = None
    later: str | None = None
    prognosis_progression_free: tuple[Ref, ...] = ()
    prognosis_overall: tuple[Ref, ...] = ()

    @property
    def is_sought(self) -> bool:
        """Whether a right answer leads to anything."""
        return self.matched is not None or self.later is not None


class Repeat(Strict):
    """A failed test made again on a new sample: the share who have one, how often that fails too, what taking it uses."""

    offered: Ref
    failure: Ref
    items: tuple[Item, ...] = ()


class Timing(Strict):
    """When an answer is late: how long treatment can wait for it (``window``, days), the ``spread`` of turnaround between patients and
    between laboratories (SD of its logarithm), and the share of later answers that are waited for all the same.
    """

    window: Ref
    spread: Ref
    laboratory: Ref | None = None
    waited_for: Ref


class Retest(Strict):
    """A test made when the disease progresses, in those in whom nothing was found before: the share ``offered`` it, the share of carriers
    in whom it is answered and right (the product of ``found``), and what it uses.
    """

    offered: Ref
    found: tuple[Ref, ...] = Field(min_length=1)
    items: tuple[Item, ...] = ()


class Late(Strict):
    """What becomes of carriers who began another treatment before their answer came, or were not found.

    The share ``switched`` of those with a late answer change to the matched management when it comes, having used ``switched_items``. Of
    the others, and of all whose class has a later management alone, the share ``reach`` come to a later line of treatment, and so to the
    class's ``later`` management; those who do not are ``unreached`` (the reference if left out, which as a mean over all has its own later
    lines). Who was not found and reaches a later line may have a ``retest``, when the disease progresses.
    """

    switched: Ref
    switched_items: tuple[Item, ...] = ()
    reach: Ref
    unreached: str | None = None
    retest: Retest | None = None


class Pathway(Strict):
    """What happens between the order and the treatment, in the same way for every strategy.

    ``after_result`` holds what must come true, one after the other, for a positive answer to be acted on: discussed, followed, available,
    accepted.
    """

    repeat: Repeat | None = None
    timing: Timing | None = None
    late: Late | None = None
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
