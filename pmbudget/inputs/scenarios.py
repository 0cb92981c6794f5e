"""Scenarios: a base, what is changed, an agreement, a pace; resolved once, so that nothing later reads the base."""

import hashlib
import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from pmbudget.errors import Fault, InputError
from pmbudget.inputs.agreements import STANDING, Agreement, read_agreement
from pmbudget.inputs.capacity import WAITING, Organisation
from pmbudget.inputs.cases import Case, read_case
from pmbudget.inputs.distributions import distribution
from pmbudget.inputs.files import (
    LONGEST_NAME,
    Document,
    Evidence,
    Source,
    Strict,
    find_folder,
    near,
    plain,
    read_yaml,
    references,
    shown,
    unsafe,
    validated,
)
from pmbudget.inputs.needs import unmet_needs
from pmbudget.inputs.overrides import Override
from pmbudget.inputs.paces import AgreedPace
from pmbudget.inputs.parameters import PRICE_YEAR, Parameter, ParameterSet, Record, Text, read_parameters
from pmbudget.inputs.price_paths import PricePath
from pmbudget.inputs.regions import CODES, read_regions
from pmbudget.vocabulary import LANGUAGES, REFERENCES, TERM

LARGEST_SWEEP = 100
"""A run is seven notebooks: a hundred take a night."""
OF_ONE_FILE = ("overrides", "sweep", "on_request")
"""What a scenario does not have from its base as it stands: overrides are merged one by one, and who builds on a sweep or on a scenario
that runs on request alone says so anew.
"""
Plain = Annotated[Any, AfterValidator(plain)]
"""A value as JSON has it, without what a YAML reader remembers of where it stood."""


class Years(Strict):
    """First and last calendar year shown."""

    first: int
    last: int

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.first <= self.last <= self.first + 50:
            raise ValueError(f"{self.first} to {self.last} is no period; last must be first or up to 50 years later")
        return self


def _some(values: list[Any]) -> list[Any]:
    if not values:
        raise ValueError("no values to sweep over; list one or more, or remove it")
    return values


class ScenarioFile(Strict):
    """What a scenario's file holds once its base is merged in.

    ``strategy`` of the case is what the pace rolls out, in place of the case's new one: it follows the agreement, and is of one case alone.
    ``limits`` of supply hold where the room for this test was ``read`` somewhere, or all ``stated`` ones, those that rest on a guess too.
    ``allocated`` lays what exists already on the test, by the case's allocation keys. ``prices`` of drugs are ``dated``, along the case's
    paths, or ``static``: as in the price year, for good.
    """

    label: Text
    base: str | None = None
    case: str
    price_year: int
    years: Years
    agreement: str | None = None
    pace: AgreedPace | None = None
    strategy: str | None = None
    levers: tuple[str, ...] = ()
    laboratories: Organisation | None = None
    limits: Literal["read", "stated"] = "read"
    allocated: bool = False
    prices: Literal["dated", "static"] = "dated"
    on_request: bool = False
    overrides: dict[str, Plain] = Field(default_factory=dict)
    sweep: dict[str, Annotated[list[Plain], AfterValidator(_some)]] = Field(default_factory=dict)
    evidence: Evidence
    source: Source
    note: str = ""

    @field_validator("pace", mode="before")
    @classmethod
    def _starts_in_the_first_year(cls, pace: Any, info: ValidationInfo) -> Any:
        years = info.data.get("years")
        if not isinstance(pace, Mapping) or "start" in pace:
            return pace
        # Without sound years the scenario does not load, and that is told where they stand.
        return {**pace, "start": years.first if years else 0}

    @model_validator(mode="after")
    def _pace_needs_years(self) -> Self:
        if (self.pace is None) != (self.agreement is None):
            raise ValueError("agreement and pace go together; give both, or neither for the unplanned world")
        if self.strategy is not None and self.pace is None:
            raise ValueError(
                f"strategy {self.strategy} is rolled out at no pace; give agreement and pace, or remove it"
            )
        starts = [self.pace.start_of(code) for code in CODES] if self.pace else []
        if outside := [start for start in starts if not self.years.first <= start <= self.years.last]:
            raise ValueError(f"pace starts {outside[0]}, outside the years shown; move start or years")
        return self


@dataclass(frozen=True)
class Scenario:
    """One thing to evaluate, everything resolved; ``file`` and ``given`` (overrides on top of the file's) would load it again."""

    name: str
    definition: ScenarioFile
    parameters: ParameterSet
    case: Case
    regions: pd.DataFrame
    agreement: Agreement | None
    standing: Agreement
    folder: Path
    file: str
    given: Mapping[str, Any]

    @property
    def years(self) -> list[int]:
        """The calendar years shown."""
        return list(range(self.definition.years.first, self.definition.years.last + 1))

    @property
    def first_years(self) -> list[int]:
        """As many of the years shown as the parties to an agreement count."""
        return self.years[:TERM]

    @property
    def periods(self) -> dict[str, list[int]]:
        """The periods over which sums are shown: the first years and all of them."""
        return {f"{chosen[0]}–{chosen[-1]}": chosen for chosen in (self.first_years, self.years)}

    @property
    def whole_period(self) -> str:
        """The period that leads: all years shown."""
        return list(self.periods)[-1]

    @property
    def references(self) -> tuple[str, ...]:
        """The mixes with which the new one can be compared: without an agreement it is the unplanned course itself."""
        return REFERENCES if self.agreement else REFERENCES[:1]

    @property
    def moving_mixes(self) -> tuple[str, ...]:
        """The mixes that move and differ: without an agreement the new one is the unplanned course itself."""
        return ("unplanned", "new") if self.agreement else ("new",)

    @property
    def limits(self) -> list[str]:
        """The limits of supply that hold: the case's, without those whose room for this test was assumed unless all stated ones do."""
        limits = self.case.capacity.limits if self.case.capacity else {}
        stated = self.definition.limits == "stated"
        return [name for name, limit in limits.items() if stated or not self.parameters[limit.spare].is_assumed]

    @property
    def price_paths(self) -> Mapping[str, PricePath]:
        """The paths of drug prices that are followed; none where prices are static or the case states none."""
        prices = self.case.prices
        return prices.paths if prices and self.definition.prices == "dated" else {}

    @property
    def fates(self) -> list[str]:
        """What may become of who is eligible: a strategy, and where limits of supply hold a reason of loss, or waiting at the end."""
        strategies = [self.case.comparator, *self.case.broad]
        return [*strategies, *self.case.losses, WAITING] if self.limits else strategies

    @property
    def agreement_start(self) -> int:
        """The agreement's first year; without one, the first year shown."""
        return self.definition.pace.start if self.definition.pace else self.years[0]

    @property
    def agreement_years(self) -> range:
        """The years in which the agreement's programme runs; none without an agreement."""
        return self.definition.pace.years if self.definition.pace else range(0)

    @property
    def idle_allocation(self) -> str | None:
        """The case's first allocation key, where the scenario lays nothing that exists already on the test; None else."""
        keys = [item.allocation for item in self.case.transition if item.allocation]
        return keys[0] if keys and not self.definition.allocated else None

    def with_allocation(self) -> "Scenario":
        """The same with what exists already laid on the test by the case's allocation keys."""
        return replace(self, definition=self.definition.model_copy(update={"allocated": True}))

    def with_prices(self, prices: Literal["dated", "static"]) -> "Scenario":
        """The same with the drugs' prices along the case's paths, or standing still."""
        return replace(self, definition=self.definition.model_copy(update={"prices": prices}))

    def with_stated_limits(self) -> "Scenario":
        """The same with every limit of supply that the case states, those that rest on a guess too."""
        return replace(self, definition=self.definition.model_copy(update={"limits": "stated"}))

    def with_value(self, name: str, value: float) -> "Scenario":
        """The same with a parameter known to be a number, in the model's unit."""
        parameter = replace(
            self.parameters[name], distribution=distribution("fixed", value=value), factor=1.0, rate=None, trend=None
        )
        parameters = replace(self.parameters, parameters={**self.parameters.parameters, name: parameter})
        return replace(self, parameters=parameters)

    def with_levers(self, *names: str) -> "Scenario":
        """The same with these levers of the case on, and no others."""
        return replace(self, definition=self.definition.model_copy(update={"levers": names}))

    def at_pace(self, other: "Scenario") -> "Scenario":
        """The same case, strategy, parameters, overrides, levers and laboratories at the pace and under the agreement of another scenario.

        Raises
        ------
        ValueError
            The pace starts outside the years shown.
        """
        starts = [other.definition.pace.start_of(code) for code in CODES] if other.definition.pace else []
        if outside := [start for start in starts if start not in self.years]:
            raise ValueError(
                f"the pace of {other.name} starts in {outside[0]}, outside the years of {self.name}; move one"
            )
        taken = {name: getattr(other.definition, name) for name in ("label", "pace", "agreement")}
        definition = self.definition.model_copy(update=taken)
        return replace(self, name=other.name, definition=definition, agreement=other.agreement)

    def resolved(self) -> dict[str, Any]:
        """Everything that decides the result, as plain data: what is hashed and kept beside a run."""
        return {
            "name": self.name,
            "scenario": self.definition.model_dump(mode="json", exclude={"base"}),
            "agreement": self.agreement.model_dump(mode="json") if self.agreement else None,
            "standing": self.standing.model_dump(mode="json"),
            "case": self.case.model_dump(mode="json"),
            "price_year": self.parameters.price_year,
            "findings": [finding.model_dump(mode="json") for finding in self.parameters.findings],
            "reviewed": [one.model_dump(mode="json") for one in self.parameters.reviewed],
            "levers": list(self.definition.levers),
            "parameters": {
                name: {
                    **parameter.record.model_dump(mode="json", exclude_none=True),
                    **({"was": _former(parameter.was)} if parameter.was else {}),
                    "factor": parameter.factor,
                    "studies_rows": [row.model_dump(mode="json") for row in parameter.studies],
                }
                for name, parameter in self.parameters.items()
            },
            "regions": self.regions.reset_index().to_dict("records"),
        }


def load_scenario(
    name_or_path: str | Path,
    folder: str | Path = "parameters",
    overrides: Mapping[str, Any] | None = None,
    *,
    case: str | None = None,
) -> Scenario:
    """A scenario with its base merged in and its parameters, case, agreement and regions loaded.

    Parameters
    ----------
    name_or_path : str or Path
        A file in ``<folder>/scenarios`` without its ending (``<case>/<name>`` for a scenario of one case alone), or a path.
    folder : str or Path
        Looked for in the working directory, then beside the package.
    overrides : mapping
        Parameter to a number (fixes it) or to keys of its record; on top of the scenario's own. One that states no source of its own is
        an assumption, set in this run.
    case : str
        Another case than the scenario's.

    Raises
    ------
    InputError
        All faults at once.
    """
    faults: list[Fault] = []
    found = read_scenario(name_or_path, find_folder(folder), overrides or {}, case, faults)
    if faults or found is None:
        raise InputError(faults)
    return found


def read_scenario(
    name_or_path: str | Path, root: Path, overrides: Mapping[str, Any], case: str | None, faults: list[Fault]
) -> Scenario | None:
    """As :func:`load_scenario`; faults are added to ``faults``."""
    path = _file(name_or_path, root)
    if hindrance := unsafe(path.stem):
        faults.append(Fault(shown(path), "file", f"{path.stem!r} {hindrance}", "rename the file"))
        return None
    document, merged, stated = _merged(path, faults)
    if document is None:
        return None
    definition = validated(ScenarioFile, document, merged, faults)
    if definition is None:
        # The parameters are read all the same, so that their faults are told in the same breath.
        price_year, chosen = merged.get("price_year"), case or merged.get("case")
        year = price_year if isinstance(price_year, int) else PRICE_YEAR
        known = read_parameters(root, chosen if isinstance(chosen, str) else None, year, {}, faults)
        faults += unmet_needs(root, known, {}, faults)
        return None
    own = {**stated, **{name: _given(name, to, definition, document) for name, to in overrides.items()}}
    values = {name: one.to for name, one in own.items()}
    definition = definition.model_copy(update={"overrides": values, "case": case or definition.case})
    first_year = definition.years.first
    parameters = read_parameters(root, definition.case, definition.price_year, own, faults, first_year=first_year)
    faults += unmet_needs(root, parameters, own, faults)
    for name, one in own.items():
        if name not in parameters.raw:
            remedy = near(name, parameters.raw)
            faults.append(Fault(one.file, f"{one.place}.{name}", "no such parameter", remedy, line=one.line))
    for loc, name in references(definition):
        if name not in parameters.raw:
            key, remedy = ".".join(map(str, loc)), near(name, parameters.raw)
            faults.append(Fault(document.file, key, "names no parameter", remedy, name, document.line(loc)))
    regions = read_regions(root, faults)
    the_case = read_case(root, definition.case, parameters, faults)
    known_levers = the_case.levers if the_case else definition.levers
    for name in definition.levers:
        if name not in known_levers:
            remedy, line = near(name, known_levers), document.line(["levers"])
            faults.append(
                Fault(document.file, "levers", f"the case {definition.case} has no such lever", remedy, name, line)
            )
    if the_case and definition.strategy is not None:
        the_case = _rolling_out(the_case, definition.strategy, document, faults)
    agreement = None
    if definition.agreement is not None:
        agreement = read_agreement(root, definition.agreement, document, faults, first_year=first_year)
    standing = read_agreement(root, STANDING, None, faults, first_year=first_year)
    if the_case is None or standing is None or faults:
        return None
    name = path.stem
    if swept := {key: value for key, value in overrides.items() if key in definition.sweep}:
        name = _swept_name(name, swept)
        remaining = {key: values for key, values in definition.sweep.items() if key not in swept}
        label = _swept_label(definition.label, parameters, swept)
        definition = definition.model_copy(update={"sweep": remaining, "label": label})
    return Scenario(
        name, definition, parameters, the_case, regions, agreement, standing, root, str(name_or_path), dict(overrides)
    )


def _rolling_out(case: Case, strategy: str, document: Document, faults: list[Fault]) -> Case:
    """The case with another strategy as the new one; what is in use today stays."""
    line = document.line(["strategy"])
    if strategy not in case.strategies:
        remedy = near(strategy, [name for name in case.strategies if name != case.comparator])
        faults.append(Fault(document.file, "strategy", "the case has no such strategy", remedy, strategy, line))
    elif strategy == case.comparator:
        remedy = "name one that is to replace it"
        faults.append(Fault(document.file, "strategy", "is the case's comparator", remedy, strategy, line))
    return case.model_copy(update={"new": strategy})


def case_alone(name: str, root: Path) -> str | None:
    """The case whose strategy a scenario in ``<root>/scenarios`` rolls out, being of that case alone; None for one of any case."""
    _, merged, _ = _merged(_file(name, root), [])
    return merged.get("case") if merged.get("strategy") else None


def _file(name_or_path: str | Path, root: Path) -> Path:
    """The file of a scenario: a path to one, or its name in the folder of scenarios, with or without its ending."""
    path = Path(name_or_path)
    if path.suffix == ".yaml" and (path.is_absolute() or path.is_file()):
        return path
    return root / "scenarios" / f"{str(name_or_path).removesuffix('.yaml')}.yaml"


def _swept_name(name: str, swept: Mapping[str, Any]) -> str:
    """A run's name with what the sweep set: figures as they are, anything else and what is too long by a hash."""
    parts = [
        f"{key}={value}" if isinstance(value, int | float) else f"{key}={_hash(value)}" for key, value in swept.items()
    ]
    whole = "-".join([name, *parts])
    return whole if len(whole) <= LONGEST_NAME else f"{whole[: LONGEST_NAME - 9]}-{_hash(whole)}"


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:8]


def _given(name: str, to: Any, definition: ScenarioFile, document: Document) -> Override:
    """An override given on top of the file's: one of the file's own sweep, and so on the file's word, or of this run alone."""
    swept = definition.sweep.get(name, [])
    # What has been through a notebook's parameters has text for the keys of quantiles.
    if to not in swept and json.dumps(to, default=str) not in [json.dumps(value, default=str) for value in swept]:
        return Override(to)
    source, line = definition.source.model_dump(mode="json"), document.line(["sweep", name])
    return Override(to, definition.evidence, source, document.file, "sweep", line)


def _former(record: Record) -> dict[str, Any]:
    """What stood in a parameter's place before an override: figures, grade and where they were read."""
    figures = record.distribution.model_dump(mode="json", exclude_none=True)
    return {"distribution": figures, "evidence": record.evidence, "source": record.figure_source.title}


def _merged(
    path: Path, faults: list[Fault], below: tuple[Path, ...] = ()
) -> tuple[Document | None, dict[str, Any], dict[str, Override]]:
    """A scenario's file, its keys with those of its base below them, and its overrides, each on the word of the file it stands in."""
    document = read_yaml(path, faults)
    if document is None:
        return None, {}, {}
    own, base = dict(document.data), document.data.get("base")
    if base is None:
        return document, own, _overrides(document)
    parent = _base(path, base, document, faults, below)
    above, inherited, before = _merged(parent, faults, (*below, path)) if parent else (None, {}, {})
    if above is None:
        return None, {}, {}
    if own.get("overrides") or own.get("sweep"):
        for key in ("evidence", "source"):
            if key not in own:
                remedy = f"add {key}: that of the base is not where this scenario's own overrides come from"
                faults.append(
                    Fault(document.file, key, "the key is missing", remedy, line=document.line(["overrides"]))
                )
    passed_on = {key: value for key, value in inherited.items() if key not in OF_ONE_FILE}
    overrides = {**before, **_overrides(document)}
    return document, {**passed_on, **own}, overrides


def _base(path: Path, base: Any, document: Document, faults: list[Fault], below: tuple[Path, ...]) -> Path | None:
    """The file that a scenario builds on; None, and a fault, where there is none or it builds on this one."""
    # A case's own scenarios stand in a folder below the general ones and may build on them.
    beside, above_it = path.parent / f"{base}.yaml", path.parent.parent / f"{base}.yaml"
    parent = above_it if above_it.is_file() and (beside == path or not beside.is_file()) else beside
    line = document.line(["base"])
    if hindrance := next((found for part in str(base).split("/") if (found := unsafe(part))), None):
        remedy = "name a scenario beside this one or, for a case's own, one of those above"
        faults.append(Fault(document.file, "base", hindrance, remedy, base, line))
        return None
    if parent in (path, *below):
        chain = " -> ".join([*(step.stem for step in below), path.stem, str(base)])
        remedy = "let one of them stand without base"
        faults.append(Fault(document.file, "base", f"circular: {chain}", remedy, base, line))
        return None
    if not parent.is_file():
        remedy = near(base, (p.stem for p in path.parent.glob("*.yaml") if p != path))
        faults.append(Fault(document.file, "base", "no such scenario", remedy, base, line))
        return None
    return parent


def _overrides(document: Document) -> dict[str, Override]:
    """What a scenario's file puts in place of parameters; nothing where its overrides are no mapping, which is told elsewhere."""
    given, data = document.data.get("overrides"), document.data
    if not isinstance(given, Mapping):
        return {}
    source, evidence = plain(data.get("source")), data.get("evidence")
    return {
        str(name): Override(plain(to), evidence, source, document.file, line=document.line(["overrides", name]))
        for name, to in given.items()
    }


def expand(scenario: Scenario) -> list[Scenario]:
    """One scenario for each combination of the values in ``sweep``; the scenario itself where there is none.

    Raises
    ------
    InputError
        More runs than a sweep may make, a swept parameter that does not exist, or a value that it cannot have.
    """
    sweep = scenario.definition.sweep
    if not sweep:
        return [scenario]
    if (runs := math.prod(len(values) for values in sweep.values())) > LARGEST_SWEEP:
        remedy = f"sweep over fewer values; a sweep makes {LARGEST_SWEEP} runs at most"
        raise InputError([Fault(scenario.file, "sweep", f"makes {runs:,} runs of the scenario", remedy)])
    faults: list[Fault] = []
    expanded = []
    for values in itertools.product(*sweep.values()):
        given = {**scenario.given, **dict(zip(sweep, values, strict=True))}
        found = read_scenario(scenario.file, scenario.folder, given, scenario.definition.case, faults)
        if found is not None:
            expanded.append(found)
    if faults:
        raise InputError(list({str(fault): fault for fault in faults}.values()))
    return expanded


def _swept_label(label: Text, parameters: ParameterSet, swept: Mapping[str, Any]) -> Text:
    """A scenario's label with what the sweep set, so that its runs can be told apart."""
    set_to = {
        language: "; ".join(
            f"{getattr(parameters[name].record.label, language)} {_figures(parameters[name], value)}"
            for name, value in swept.items()
        )
        for language in LANGUAGES
    }
    return Text(sv=f"{label.sv}: {set_to['sv']}", en=f"{label.en}: {set_to['en']}")


def _figures(parameter: Parameter, value: Any) -> str:
    """What a parameter is swept to: the number, or the mean and interval of the distribution, or the source where it is learnt."""
    known, record = parameter.distribution, parameter.record
    if isinstance(value, int | float):
        return f"{value:g} {record.unit}"
    if known is None:
        return f"({record.figure_source.title})"
    return f"{known.mean:.4g} ({known.interval[0]:.4g}–{known.interval[1]:.4g}) {record.unit}"
