"""A clinical application as data: who is eligible, what is tested and how, what follows, what it costs and whom.

No case's name stands in the package: a case is a folder under ``parameters/cases/`` with ``case.yaml`` and parameter files.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from pmbudget.errors import Fault
from pmbudget.inputs.capacity import WAITING, Capacity
from pmbudget.inputs.courses import LastMonths, Management, Mortality, State, StateName
from pmbudget.inputs.files import (
    Document,
    Evidence,
    Ref,
    Source,
    Strict,
    near,
    read_yaml,
    references,
    unsafe,
    validated,
)
from pmbudget.inputs.items import CareItem, Item, Resource
from pmbudget.inputs.parameters import ParameterSet, Text
from pmbudget.inputs.pathways import Cascade, Pathway, Strategy, Test, TrueClass
from pmbudget.inputs.price_paths import UNITS, PriceChange
from pmbudget.inputs.programmes import (
    BorneElsewhere,
    Eligible,
    FollowUp,
    Lever,
    TransitionItem,
    Uptake,
)
from pmbudget.inputs.research import Research
from pmbudget.inputs.structures import Breadth, Severity, Structure
from pmbudget.inputs.validation import Check

EVERYBODY = {"everybody": TrueClass(label=Text(sv="Alla", en="Everybody"), prevalence="else")}
"""The classes of a case without tests, in which nothing is looked for."""
CURVE_STATES = ("progression_free", "progressed", "dead")
"""The states between two survival curves."""


class Case(Strict):
    """A clinical application; ``evidence`` and ``source`` are of the figures that stand in it: regimens in days, landmarks in months.

    ``finding`` is what the tests look for and ``action`` what it leads to, in words that stand in a sentence. A case may be without
    ``tests``: whom its therapy is for is known, all are alike and each strategy names its management; what is looked for is then nothing,
    and ``action`` the therapy. An ``illustration`` is called so on every page and runs only where it is named. Without ``severity`` no
    assessment of it was read. ``new`` is the strategy that is rolled out; ``in_use`` is the one which those whom today's use counts as
    broadly tested get today (the new one if left out), and the others get the ``comparator``. ``structures`` are alternatives to what the
    case says, each tried by itself beside the strategies; ``validation`` is what of it can be held against what was read elsewhere; no
    result depends on either.
    """

    label: Text
    question: Text
    illustration: bool = False
    finding: Text | None = None
    action: Text
    evidence: Evidence
    source: Source
    note: str = ""
    severity: Severity | None = None
    comparator: str
    new: str
    in_use: str
    horizon_years: int = Field(gt=0, le=100)
    eligible: Eligible
    uptake: Uptake
    classes: dict[str, TrueClass] = Field(default_factory=lambda: dict(EVERYBODY))
    tests: dict[str, Test] = Field(default_factory=dict)
    strategies: dict[str, Strategy]
    pathway: Pathway = Field(default_factory=lambda: Pathway(after_result={}))
    relatives: Cascade | None = None
    states: dict[StateName, State]
    before_death: tuple[LastMonths, ...] = ()
    mortality: Mortality
    utility_population: Ref | None = None
    cycles_per_year: int = Field(default=12, ge=1, le=12)
    reference: str
    mismatched: str
    real_world: Ref | None = None
    employer_add_on: Ref
    productive_hours: Ref
    managements: dict[str, Management]
    items_for_all: tuple[CareItem, ...] = ()
    resources: dict[str, Resource]
    transition: tuple[TransitionItem, ...]
    prices: PriceChange | None = None
    borne_elsewhere: tuple[BorneElsewhere, ...] = ()
    follow_up: FollowUp | None = None
    levers: dict[str, Lever] = Field(default_factory=dict)
    capacity: Capacity | None = None
    research: Research | None = None
    structures: dict[str, Structure] = Field(default_factory=dict)
    breadth: Breadth | None = None
    validation: tuple[Check, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _in_use_is_the_new_one(cls, data: Any) -> Any:
        return {"in_use": data["new"], **data} if isinstance(data, Mapping) and "new" in data else data

    @model_validator(mode="before")
    @classmethod
    def _no_test_misleads(cls, data: Any) -> Any:
        without = isinstance(data, Mapping) and "reference" in data and not data.get("tests")
        return {"mismatched": data["reference"], **data} if without else data

    @model_validator(mode="after")
    def _tests_look_for_something(self) -> Self:
        if self.has_tests != (self.finding is not None):
            raise ValueError("finding is what the tests look for; add or remove finding, or the tests")
        if self.has_tests and (lacking := {"classes", "pathway"} - self.model_fields_set):
            raise ValueError(f"tests go with {' and '.join(sorted(lacking))}; add what is missing, or remove the tests")
        return self

    @property
    def has_tests(self) -> bool:
        """Whether anything is tested for; without tests those who are eligible are known, and a strategy is a management."""
        return bool(self.tests)

    @property
    def sought(self) -> Text:
        """What the tests look for.

        Raises
        ------
        ValueError
            There are none.
        """
        if self.finding is None:
            raise ValueError("nothing is looked for in a case without tests; ask has_tests first")
        return self.finding

    @property
    def broad(self) -> tuple[str, ...]:
        """The strategies of those who are broadly tested, each once: what laboratories use today, and what is rolled out."""
        return tuple(dict.fromkeys((self.in_use, self.new)))

    @property
    def tried(self) -> dict[str, Structure]:
        """Every row beside the main analysis: each strategy that it does not compare against its comparator, then ``structures``.

        One of those that is the main analysis itself, or follows nobody anew and has a strategy's row already, is left out: that depends
        on which strategy a scenario rolls out.
        """
        others = {
            name: Structure(label=one.label, group="strategy", strategy=name)
            for name, one in self.strategies.items()
            if name not in (self.new, self.comparator)
        }
        return others | {name: one for name, one in self.structures.items() if self._adds_a_row(one)}

    def _adds_a_row(self, structure: Structure) -> bool:
        """Whether two strategies are compared otherwise than in the main analysis and in the rows of strategies."""
        comparator = structure.comparator or self.comparator
        return (structure.strategy or self.new) != comparator and (structure.is_walked or comparator != self.comparator)

    @property
    def has_curves(self) -> bool:
        """Whether the course is survival curves; else it is moves between states."""
        return self.managements[self.reference].overall is not None

    @property
    def losses(self) -> dict[str, str]:
        """The reasons why some who wait are lost, and the management that each leads to."""
        return {name: loss.management for name, loss in self.capacity.losses.items()} if self.capacity else {}

    @property
    def matched(self) -> list[str]:
        """The managements that a right answer leads to, at once or later, each once: several classes may lead to the same."""
        leads = [name for one in self.classes.values() for name in (one.matched, one.later)]
        return list(dict.fromkeys(name for name in leads if name))

    @property
    def stays(self) -> list[tuple[str, int]]:
        """The states, with the months since they were entered, at which an item begins or ends."""
        spans = [item.span for item in self.care_items() if item.runs]
        bounds = [(one.state, month) for one in spans for month in (one.in_state_from_month, one.in_state_until_month)]
        return list(dict.fromkeys((state, month) for state, month in bounds if month))

    @property
    def months_before_death(self) -> list[int]:
        """The times before death at which a utility holds, or an item begins or ends."""
        items = [month for item in self.care_items() for month in (item.last_months, item.until_last_months)]
        return list(
            dict.fromkeys(month for month in (*(one.within_months for one in self.before_death), *items) if month)
        )

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        wrong = [
            f"{where}: {name!r} ({near(name, known)})" for where, name, known in self._named() if name not in known
        ]
        if wrong:
            raise ValueError(f"names that the case does not define: {'; '.join(wrong)}")
        if self.in_use == self.comparator:
            raise ValueError(
                f"in_use is {self.in_use}, which is the comparator; name what those broadly tested get today"
            )
        if taken := sorted(set(self.losses) & {*self.strategies, WAITING}):
            raise ValueError(f"losses {', '.join(taken)} are called as a strategy or {WAITING!r} is; rename them")
        if [one.prevalence for one in self.classes.values()].count("else") != 1:
            raise ValueError("exactly one class has prevalence: else; correct classes")
        if [name for name, one in self.states.items() if one.utility is None] != [list(self.states)[-1]]:
            raise ValueError("the last state, and no other, is death, without utility; reorder or correct states")
        return self

    @model_validator(mode="after")
    def _later_lines(self) -> Self:
        later = [name for name, one in self.classes.items() if one.later]
        if bool(later) != (self.pathway.late is not None):
            raise ValueError("classes with later go with pathway.late; add or remove one of them")
        if self.pathway.late and not self.pathway.timing:
            raise ValueError("pathway.late is of answers that come late; add pathway.timing")
        if self.pathway.late and self.pathway.late.retest and not self.has_curves:
            raise ValueError("a retest falls on progression, between survival curves; remove pathway.late.retest")
        return self

    @model_validator(mode="after")
    def _structures_compare_two(self) -> Self:
        for name, one in self.structures.items():
            if (one.strategy or self.new) == (one.comparator or self.comparator):
                raise ValueError(
                    f"structure {name} compares a strategy with itself; give another strategy or comparator"
                )
            if name in self.strategies:
                raise ValueError(f"structure {name} is called as a strategy, which has a row of its own; rename it")
        return self

    @model_validator(mode="after")
    def _breadth_is_like_what_is_treated(self) -> Self:
        for name in self.breadth.like if self.breadth else ():
            if self.classes[name].matched is None:
                raise ValueError(f"breadth is like {name}, for which nothing is done; name classes that are treated")
        return self

    @model_validator(mode="after")
    def _nearer_death_first(self) -> Self:
        months = [one.within_months for one in self.before_death]
        if months != sorted(set(months)):
            raise ValueError(f"before_death is within {months} months; put the shortest time first, each once")
        return self

    @model_validator(mode="after")
    def _one_kind_of_course(self) -> Self:
        for name, one in self.managements.items():
            from_progression = one.starts_in == CURVE_STATES[1]
            if (one.progression_free is None and not from_progression) != (one.overall is None):
                raise ValueError(f"management {name} has one curve of two; give progression_free and overall")
            if one.moves and self.has_curves:
                raise ValueError(f"management {name} has moves and the reference has curves; use one kind in a case")
            if one.starts_in not in (None, CURVE_STATES[1]) and self.has_curves:
                raise ValueError(
                    f"management {name} starts in {one.starts_in}; between curves it may be {CURVE_STATES[1]}"
                )
            if one.overall and not self.has_curves:
                raise ValueError(f"management {name} has curves and the reference has none; use one kind in a case")
        if self.has_curves and (tuple(self.states) != CURVE_STATES or self.cycles_per_year != 12):
            raise ValueError(f"curves go by month between {', '.join(CURVE_STATES)}; name the states so")
        if not self.has_curves and self.real_world:
            raise ValueError("real_world is of survival curves; put it among a management's hazard_ratios")
        entered = ["on_progression", "on_death"] if self.has_curves else [f"on_{state}" for state in self.states]
        allowed = ["start", *list(self.states)[:-1], *entered]
        if odd := sorted({item.when for item in self.care_items() if item.when not in allowed}):
            raise ValueError(f"items fall when {', '.join(odd)}; use one of {', '.join(allowed)}")
        return self

    @model_validator(mode="after")
    def _stays_are_whole_cycles(self) -> Self:
        if odd := [f"{month} in {state}" for state, month in self.stays if month * self.cycles_per_year % 12]:
            cycle = f"a cycle of {12 / self.cycles_per_year:g} months"
            raise ValueError(f"months in a state {', '.join(odd)} do not end with {cycle}; use a multiple of it")
        return self

    @model_validator(mode="after")
    def _rebates_are_taken_off(self) -> Self:
        for item in (*self.diagnostic_items(), *self.care_items()):
            rebate = self.resources[item.resource].rebate if item.resource in self.resources else None
            if rebate and rebate not in item.less:
                raise ValueError(
                    f"{item.resource} has the rebate {rebate}, and an item of it is not less by it; add it to less"
                )
        return self

    def care_items(self) -> Iterator[CareItem]:
        """Every item under a management, those for all included."""
        yield from self.items_for_all
        for management in self.managements.values():
            yield from management.items

    def diagnostic_items(self) -> Iterator[Item]:
        """Every item of tests and of what their answers lead to before a management."""
        for test in self.tests.values():
            yield from test.items
            yield from test.uncertain.items if test.uncertain else ()
            yield from test.incidental.items if test.incidental else ()
        yield from self.pathway.repeat.items if self.pathway.repeat else ()
        yield from self.pathway.positive_items
        yield from self.relatives.test_items if self.relatives else ()

    def _named(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Where the case names something of its own, the name, and what there is."""
        yield "comparator", self.comparator, self.strategies
        yield "new", self.new, self.strategies
        yield from [("in_use", self.in_use, self.strategies)] if self.in_use != self.new else []
        yield "reference", self.reference, self.managements
        yield "mismatched", self.mismatched, self.managements
        for name, one in self.classes.items():
            leads = {"matched": one.matched, "later": one.later}
            yield from [(f"classes.{name}.{key}", to, self.managements) for key, to in leads.items() if to]
        for name, test in self.tests.items():
            yield from [(f"tests.{name}.targets", target, self.classes) for target in test.targets]
        for name, strategy in self.strategies.items():
            yield from [(f"strategies.{name}.tests", step.test, self.tests) for step in strategy.tests]
            yield from [(f"strategies.{name}.not_acted_on", one, self.classes) for one in strategy.not_acted_on]
            if strategy.management:
                yield f"strategies.{name}.management", strategy.management, self.managements
        for name, management in self.managements.items():
            if management.starts_in:
                yield f"managements.{name}.starts_in", management.starts_in, dict(list(self.states.items())[:-1])
            curves = [curve for curve in (management.progression_free, management.overall) if curve]
            yield from [(f"managements.{name}.describes", one, self.classes) for c in curves for one in c.describes]
            for move in management.moves:
                where = f"managements.{name}.moves"
                yield from [(where, move.origin, self.states), (where, move.to, self.states)]
                yield from [(f"{where}.classes", one, self.classes) for one in move.classes]
        for name, structure in self.structures.items():
            compared = (("strategy", structure.strategy), ("comparator", structure.comparator))
            yield from [(f"structures.{name}.{key}", one, self.strategies) for key, one in compared if one]
        yield from [("breadth.like", name, self.classes) for name in (self.breadth.like if self.breadth else ())]
        yield from self._checked()
        if self.relatives:
            yield from [("relatives.of", name, self.classes) for name in self.relatives.of]
            if self.relatives.found and self.relatives.unfound:
                yield "relatives.found", self.relatives.found, self.managements
                yield "relatives.unfound", self.relatives.unfound, self.managements
        late = self.pathway.late
        beside = (*late.switched_items, *(late.retest.items if late.retest else ())) if late else ()
        if late and late.unreached:
            yield "pathway.late.unreached", late.unreached, self.managements
        for item in (*self.diagnostic_items(), *beside, *self.care_items()):
            yield "items", item.resource, self.resources
        yield from [("transition", item.resource, self.resources) for item in self.transition]
        yield from [("borne_elsewhere", part.resource, self.resources) for part in self.borne_elsewhere]
        yield from self._priced()
        if self.capacity:
            yield from [(key, name, self.resources) for key, name in self.capacity.resources()]
            losses = self.capacity.losses.items()
            yield from [
                (f"capacity.losses.{name}.management", one.management, self.managements) for name, one in losses
            ]

    def _priced(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """The resources whose prices move, as from :meth:`_named`; a path is of a drug bought the way its rule says."""
        if self.prices is None:
            return
        yield from [("prices", name, self.resources) for name in self.prices.resources]
        for name, path in self.prices.paths.items():
            channel = "procured" if path.rule == "tender" else "benefit"
            drugs = {drug: one for drug, one in self.resources.items() if one.channel == channel}
            yield f"prices.paths ({path.rule})", name, drugs

    def _checked(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """What the checks of the case name, as from :meth:`_named`."""
        funnel = dict.fromkeys(self.eligible.shares)
        for place, check in enumerate(self.validation):
            for key, name in check.model.named():
                yield f"validation.{place}.model.{key}", name, funnel if key == "eligible" else getattr(self, key)


def _path_faults(case: Case, parameters: ParameterSet, document: Document) -> Iterator[Fault]:
    """Parameters of price paths that are counted in something else than what their key means."""
    for drug, path in (case.prices.paths if case.prices else {}).items():
        for key, unit in UNITS.items():
            name = getattr(path, key, None)
            found = parameters[name].unit if name is not None and name in parameters else unit
            if found != unit:
                loc = ("prices", "paths", drug, key)
                problem, remedy = f"is counted in {found}", f"name a parameter with the unit {unit}"
                yield Fault(document.file, ".".join(loc), problem, remedy, name, document.line(list(loc)))


def known_cases(root: Path) -> list[str]:
    """The names of all cases of a folder of parameters."""
    return sorted(path.parent.name for path in (root / "cases").glob("*/case.yaml"))


def ordinary_cases(root: Path) -> list[str]:
    """The cases that run where none is named: all but illustrations."""
    documents = {name: read_yaml(root / "cases" / name / "case.yaml", []) for name in known_cases(root)}
    return [name for name, one in documents.items() if one is None or not one.data.get("illustration")]


def read_case(root: Path, case: str, parameters: ParameterSet, faults: list[Fault]) -> Case | None:
    """The case of that name, each parameter it names being in ``parameters``."""
    known = known_cases(root)
    if case not in known:
        faults.append(Fault("parameters/cases", "case", "no such case", near(case, known), case))
        return None
    if hindrance := unsafe(case):
        faults.append(Fault("parameters/cases", "case", hindrance, "rename its folder", case))
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
    if found is not None:
        faults += _path_faults(found, parameters, document)
    return found
