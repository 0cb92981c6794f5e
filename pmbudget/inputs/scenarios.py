"""Scenarios: a base, what is changed, an agreement, a pace; resolved once, so that nothing later reads the base."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from pmbudget.errors import Fault, InputError
from pmbudget.inputs.agreements import STANDING, Agreement, read_agreement
from pmbudget.inputs.capacity import Organisation
from pmbudget.inputs.cases import Case, read_case
from pmbudget.inputs.files import (
    Document,
    Evidence,
    Ref,
    Strict,
    find_folder,
    near,
    read_yaml,
    references,
    validated,
)
from pmbudget.inputs.parameters import PRICE_YEAR, ParameterSet, Source, Text, read_parameters
from pmbudget.inputs.regions import CODES, RegionCode, read_regions
from pmbudget.vocabulary import LANGUAGES


class Gate(Strict):
    """Later waves wait until the follow-up of those before them shows that the new strategy is worth it.

    A wave starts in its planned year or the first year after it in which P(incremental net benefit > 0 | outcomes known ``lag`` years
    before) at the threshold ``wtp`` is at least ``probability``.
    """

    probability: float = Field(gt=0, lt=1)
    wtp: Ref
    lag: int = Field(ge=1, le=20)


class AgreedPace(Strict):
    """The pace an agreement sets: from ``start`` by a ``curve`` to the ceiling over ``ramp`` years (0: at once).

    A straight line is at the ceiling when the ramp is over, the other curves have gone 95 per cent of the way. Its project offices and
    platform run for ``programme_years``. Regions in ``region_starts`` begin another year than the rest; the regions of the first of
    ``waves`` begin ``wave_years`` after those in none, the second as long after the first. A ``gate`` may hold waves back. ``relief`` is
    the share of the cost of one test more that the agreement lifts off the ordering unit in those years; it must be what its clauses do.
    """

    start: int
    region_starts: dict[RegionCode, int] = Field(default_factory=dict)
    ramp: int = Field(ge=0, le=50)
    curve: Literal["step", "linear", "logistic", "gompertz", "bass"] = "linear"
    waves: tuple[tuple[RegionCode, ...], ...] = ()
    wave_years: int = Field(default=1, ge=1, le=20)
    gate: Gate | None = None
    programme_years: int = Field(ge=0, le=50)
    relief: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _one_start_each(self) -> Self:
        named = [*self.region_starts, *(code for wave in self.waves for code in wave)]
        if twice := sorted({code for code in named if named.count(code) > 1}):
            raise ValueError(f"{', '.join(twice)} would start twice; keep each region in one wave or in region_starts")
        if self.gate and not self.waves:
            raise ValueError("gate holds waves back and there are none; add waves or remove gate")
        return self

    def wave_of(self, region: str) -> int:
        """0 for a region in no wave, else the number of its wave."""
        return next((number for number, wave in enumerate(self.waves, start=1) if region in wave), 0)

    @property
    def years(self) -> range:
        """The years in which the agreement's programme runs."""
        return range(self.start, self.start + self.programme_years)

    def start_of(self, region: str) -> int:
        """The year in which a region is planned to begin."""
        return self.region_starts.get(region, self.start + self.wave_years * self.wave_of(region))


class Years(Strict):
    """First and last calendar year shown."""

    first: int
    last: int

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.first <= self.last <= self.first + 50:
            raise ValueError(f"{self.first} to {self.last} is no period; last must be first or up to 50 years later")
        return self


class ScenarioFile(Strict):
    """What a scenario's file holds once its base is merged in.

    ``limits`` of supply hold where the room for this test was ``read`` somewhere, or all ``stated`` ones, those that rest on a guess too.
    ``allocated`` lays what exists already on the test, by the case's allocation keys.
    """

    label: Text
    base: str | None = None
    case: str
    price_year: int
    years: Years
    agreement: str | None = None
    pace: AgreedPace | None = None
    levers: tuple[str, ...] = ()
    laboratories: Organisation | None = None
    limits: Literal["read", "stated"] = "read"
    allocated: bool = False
    on_request: bool = False
    overrides: dict[str, Any] = Field(default_factory=dict)
    sweep: dict[str, list[Any]] = Field(default_factory=dict)
    evidence: Evidence
    source: Source
    note: str = ""

    @model_validator(mode="after")
    def _pace_needs_years(self) -> Self:
        if (self.pace is None) != (self.agreement is None):
            raise ValueError("agreement and pace go together; give both, or neither for the unplanned world")
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
    def limits(self) -> list[str]:
        """The limits of supply that hold: the case's, without those whose room for this test was assumed unless all stated ones do."""
        limits = self.case.capacity.limits if self.case.capacity else {}
        stated = self.definition.limits == "stated"
        return [name for name, limit in limits.items() if stated or not self.parameters[limit.spare].is_assumed]

    def with_stated_limits(self) -> "Scenario":
        """The same with every limit of supply that the case states, those that rest on a guess too."""
        return replace(self, definition=self.definition.model_copy(update={"limits": "stated"}))

    def with_levers(self, *names: str) -> "Scenario":
        """The same with these levers of the case on, and no others."""
        return replace(self, definition=self.definition.model_copy(update={"levers": names}))

    def at_pace(self, other: "Scenario") -> "Scenario":
        """The same case, parameters, overrides, levers and laboratories at the pace, and under the agreement, of another scenario.

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
            "levers": list(self.definition.levers),
            "parameters": {
                name: {
                    **parameter.record.model_dump(mode="json", exclude_none=True),
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
        Parameter to a number (fixes it) or to keys of its record; on top of the scenario's own.
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
    path = Path(name_or_path)
    if path.suffix != ".yaml":
        path = root / "scenarios" / f"{name_or_path}.yaml"
    document, merged = _merged(path, faults)
    if document is None:
        return None
    definition = validated(ScenarioFile, document, merged, faults)
    chosen, own = case or merged.get("case"), {**(merged.get("overrides") or {}), **overrides}
    if definition is None:
        # The parameters are read all the same, so that their faults are told in the same breath.
        price_year = merged.get("price_year")
        read_parameters(root, chosen, price_year if isinstance(price_year, int) else PRICE_YEAR, own, faults)
        return None
    definition = definition.model_copy(update={"overrides": own, "case": chosen})
    parameters = read_parameters(root, definition.case, definition.price_year, own, faults)
    for name in own:
        if name not in parameters.raw:
            place = next((key for key in ("overrides", "sweep") if name in (merged.get(key) or {})), "overrides")
            line, remedy = document.line([place, name]), near(name, parameters.raw)
            faults.append(Fault(document.file, f"{place}.{name}", "no such parameter", remedy, line=line))
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
    agreement = None
    if definition.agreement is not None:
        agreement = read_agreement(root, definition.agreement, document, faults)
    standing = read_agreement(root, STANDING, None, faults)
    if the_case is None or standing is None or faults:
        return None
    name = path.stem
    if swept := {key: value for key, value in overrides.items() if key in definition.sweep}:
        name = "-".join([name, *(f"{key}={value}" for key, value in swept.items())])
        remaining = {key: values for key, values in definition.sweep.items() if key not in swept}
        label = _swept_label(definition.label, parameters, swept)
        definition = definition.model_copy(update={"sweep": remaining, "label": label})
    return Scenario(
        name, definition, parameters, the_case, regions, agreement, standing, root, str(name_or_path), dict(overrides)
    )


def _merged(path: Path, faults: list[Fault], below: tuple[Path, ...] = ()) -> tuple[Document | None, dict[str, Any]]:
    document = read_yaml(path, faults)
    if document is None:
        return None, {}
    base = document.data.get("base")
    if base is None:
        return document, dict(document.data)
    # A case's own scenarios stand in a folder below the general ones and may build on them.
    beside, above_it = path.parent / f"{base}.yaml", path.parent.parent / f"{base}.yaml"
    parent = above_it if above_it.is_file() and (beside == path or not beside.is_file()) else beside
    line = document.line(["base"])
    if parent in (path, *below):
        chain = " -> ".join([*(step.stem for step in below), path.stem, str(base)])
        remedy = "let one of them stand without base"
        faults.append(Fault(document.file, "base", f"circular: {chain}", remedy, base, line))
        return None, {}
    if not parent.is_file():
        remedy = near(base, (p.stem for p in path.parent.glob("*.yaml") if p != path))
        faults.append(Fault(document.file, "base", "no such scenario", remedy, base, line))
        return None, {}
    above, inherited = _merged(parent, faults, (*below, path))
    if above is None:
        return None, {}
    merged = {**inherited, **document.data}
    merged["overrides"] = {**(inherited.get("overrides") or {}), **(document.data.get("overrides") or {})}
    return document, merged


def expand(scenario: Scenario) -> list[Scenario]:
    """One scenario for each combination of the values in ``sweep``; the scenario itself where there is none.

    Raises
    ------
    InputError
        A swept parameter that does not exist, or a value that it cannot have.
    """
    sweep = scenario.definition.sweep
    if not sweep:
        return [scenario]
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
    records = [(parameters[name].record, value) for name, value in swept.items()]
    set_to = {
        language: "; ".join(f"{getattr(record.label, language)} {value} {record.unit}" for record, value in records)
        for language in LANGUAGES
    }
    return Text(sv=f"{label.sv}: {set_to['sv']}", en=f"{label.en}: {set_to['en']}")
