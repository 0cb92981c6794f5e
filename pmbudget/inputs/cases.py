"""A clinical application as data: who is eligible, what is tested and how, what follows, what it costs and whom.

No case's name stands in the package: a case is a folder under ``parameters/cases/`` with ``case.yaml`` and parameter files.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pmbudget.errors import Fault
from pmbudget.inputs.capacity import Capacity
from pmbudget.inputs.files import Evidence, Ref, Strict, near, read_yaml, references, validated
from pmbudget.inputs.parameters import ParameterSet, Source, Text
from pmbudget.inputs.programmes import Eligible, TransitionItem, Uptake
from pmbudget.vocabulary import PAYERS


def _payer(value: str) -> str:
    if value not in PAYERS:
        raise ValueError(f"{value!r} is no payer; use one of {', '.join(PAYERS)}")
    return value


Payer = Annotated[str, AfterValidator(_payer)]


class Resource(Strict):
    """Something that is used up: which unit performs it, of what kind it is, how it is counted.

    Staff have a ``wage`` and are counted in minutes. What is ``in_budget: false`` (an annuity, overhead already funded) is part of
    cost per patient but no cash of the budget.
    """

    label: Text
    unit: Payer
    kind: Literal["staff", "consumables", "drug", "care", "equipment", "overhead", "transition"]
    measure: str
    wage: Ref | None = None
    in_budget: bool = True

    @model_validator(mode="after")
    def _staff_have_wage(self) -> Self:
        if (self.kind == "staff") != (self.wage is not None):
            raise ValueError("wage goes with kind: staff, and staff with a wage; add or remove wage")
        return self


class Item(Strict):
    """An amount of a resource: the product of ``quantity``, at the product of ``price`` less the shares in ``less``."""

    resource: str
    quantity: tuple[Ref, ...] = ()
    price: tuple[Ref, ...] = ()
    less: tuple[Ref, ...] = ()


class CareItem(Item):
    """An item under a management: when it falls, and how often while it does.

    ``on_progression`` falls on those who leave progression-free survival, ``on_death`` on those who die; ``every_days`` is the
    regimen's interval for what runs on; ``until_month`` ends it.
    """

    when: Literal["start", "progression_free", "progressed", "on_progression", "on_death"]
    every_days: float | None = Field(default=None, gt=0)
    until_month: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _running_or_once(self) -> Self:
        runs = self.when in ("progression_free", "progressed")
        if runs != (self.every_days is not None):
            raise ValueError(f"every_days goes with what runs on, and this falls {self.when}; add or remove every_days")
        return self


class Test(Strict):
    """One test: what it looks for, how well, how often it fails, and what it uses each time."""

    label: Text
    targets: dict[str, Ref]
    specificity: Ref
    failure: Ref
    items: tuple[Item, ...]


class TestOffered(Strict):
    """A test's place in a strategy: the share of those still without an answer who are offered it, and when its answer comes.

    ``turnaround_share`` is the part of the strategy's turnaround after which this test is answered; all of it if left out.
    """

    test: str
    offered: Ref
    turnaround_share: Ref | None = None


class Strategy(Strict):
    """Tests in order, until one is positive; tissue runs out by ``exhaustion`` for each test made."""

    label: Text
    tests: tuple[TestOffered, ...] = Field(min_length=1)
    turnaround: Ref
    exhaustion: Ref | None = None


class Curve(Strict):
    """A survival curve from a median, or from the share alive at a landmark, and a Weibull shape."""

    family: Literal["weibull"] = "weibull"
    median: Ref | None = None
    alive: Ref | None = None
    at_month: float | None = Field(default=None, gt=0)
    shape: Ref
    hazard_ratios: tuple[Ref, ...] = ()

    @model_validator(mode="after")
    def _one_point(self) -> Self:
        if (self.median is None) == (self.alive is None) or (self.alive is None) != (self.at_month is None):
            raise ValueError("give median, or alive with at_month; write one of the two")
        return self


class Management(Strict):
    """What follows an answer: progression-free and overall survival, and care by item.

    Without curves of its own it has the reference curves of the case, times the hazard ratios.
    """

    label: Text
    progression_free: Curve | None = None
    overall: Curve | None = None
    hazard_ratios: tuple[Ref, ...] = ()
    items: tuple[CareItem, ...]
    qaly_loss: tuple[tuple[Ref, ...], ...] = ()


class TrueClass(Strict):
    """A true class of patient: how common, what follows when it is found, what it means for prognosis when it is not.

    What a class that ``waits`` leads to comes later in the disease, so that no answer is too late for it.
    """

    label: Text
    prevalence: Literal["else"] | Ref = Field(union_mode="left_to_right")
    matched: str | None = None
    waits: bool = False
    prognosis_progression_free: tuple[Ref, ...] = ()
    prognosis_overall: tuple[Ref, ...] = ()


class Pathway(Strict):
    """What happens between the order and the treatment, in the same way for every strategy."""

    rebiopsy: Ref
    rebiopsy_failure: Ref
    rebiopsy_items: tuple[Item, ...] = ()
    window: Ref
    turnaround_spread: Ref
    late_but_matched: Ref
    after_result: tuple[Ref, ...]
    positive_items: tuple[Item, ...] = ()


class Case(Strict):
    """A clinical application; ``evidence`` and ``source`` are of the figures that stand in it: regimens in days, landmarks in months."""

    label: Text
    question: Text
    evidence: Evidence
    source: Source
    note: str = ""
    comparator: str
    new: str
    horizon_years: int = Field(gt=0, le=100)
    eligible: Eligible
    uptake: Uptake
    classes: dict[str, TrueClass]
    tests: dict[str, Test]
    strategies: dict[str, Strategy]
    pathway: Pathway
    reference: str
    real_world: Ref
    population_mortality: Ref
    population_mortality_growth: Ref
    utility_progression_free: Ref
    utility_progressed: Ref
    employer_add_on: Ref
    productive_hours: Ref
    managements: dict[str, Management]
    mismatched: str
    items_for_all: tuple[CareItem, ...] = ()
    resources: dict[str, Resource]
    transition: tuple[TransitionItem, ...]
    capacity: Capacity | None = None

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        used: list[tuple[str, str, Mapping[str, Any]]] = [
            ("comparator", self.comparator, self.strategies),
            ("new", self.new, self.strategies),
            ("reference", self.reference, self.managements),
            ("mismatched", self.mismatched, self.managements),
        ]
        for name, one in self.classes.items():
            used += [(f"classes.{name}.matched", one.matched, self.managements)] if one.matched else []
        for name, test in self.tests.items():
            used += [(f"tests.{name}.targets", target, self.classes) for target in test.targets]
        for name, strategy in self.strategies.items():
            used += [(f"strategies.{name}.tests", step.test, self.tests) for step in strategy.tests]
        used += [("items", item.resource, self.resources) for item in self._items()]
        used += [("transition", item.resource, self.resources) for item in self.transition]
        used += [(key, name, self.resources) for key, name in (self.capacity.resources() if self.capacity else ())]
        wrong = [f"{where}: {name!r} ({near(name, known)})" for where, name, known in used if name not in known]
        if wrong:
            raise ValueError(f"names that the case does not define: {'; '.join(wrong)}")
        if [one.prevalence for one in self.classes.values()].count("else") != 1:
            raise ValueError("exactly one class has prevalence: else; correct classes")
        reference = self.managements[self.reference]
        if reference.progression_free is None or reference.overall is None:
            raise ValueError(f"the reference management {self.reference!r} has no curves of its own; add both")
        return self

    def _items(self) -> list[Item]:
        groups: list[tuple[Item, ...]] = [
            self.pathway.rebiopsy_items,
            self.pathway.positive_items,
            self.items_for_all,
        ]
        groups += [test.items for test in self.tests.values()]
        groups += [management.items for management in self.managements.values()]
        return [item for group in groups for item in group]


def read_case(root: Path, case: str, parameters: ParameterSet, faults: list[Fault]) -> Case | None:
    """The case of that name, each parameter it names being in ``parameters``."""
    known = sorted(path.parent.name for path in (root / "cases").glob("*/case.yaml"))
    if case not in known:
        faults.append(Fault("parameters/cases", "case", "no such case", near(case, known), case))
        return None
    document = read_yaml(root / "cases" / case / "case.yaml", faults)
    if document is None:
        return None
    found = validated(Case, document, document.data, faults)
    for loc, name in references(found):
        if name not in parameters.raw:
            key = ".".join(map(str, loc))
            problem, remedy = "names no parameter", near(name, parameters.raw)
            faults.append(Fault(document.file, key, problem, remedy, name, document.line(loc)))
    return found
