"""A stated frame of money as data: so much a year for so many years, and models for dividing it between the regions."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from pmbudget.errors import Fault, InputError
from pmbudget.inputs.agreements import has_object
from pmbudget.inputs.cases import Case
from pmbudget.inputs.clauses import Clause, Grant, Milestone, Paid, PerformancePot
from pmbudget.inputs.files import Evidence, Source, Strict, find_folder, near, read_yaml, shown, unsafe, validated
from pmbudget.inputs.parameters import Text
from pmbudget.vocabulary import TERM

Administration = Literal["administration_by_key", "administration_verified", "administration_applied"]
"""The parameter that says what share of a model's money goes to administration, by how the money is paid out."""
ALL = 1 + 1e-9
"""All of a yearly frame, but for rounding."""


class DistributionModel(Strict):
    """A model for dividing a frame: clauses whose amounts and caps are in yearly frames, 1 being all there is in a year.

    Coverage that a milestone asks for is a share of the national coverage that the programme is expected to reach in its year. Prices are
    in SEK. Whatever happens, the clauses pay no more than a yearly frame in a year, and only the state pays.
    """

    label: Text
    administration: Administration
    clauses: tuple[Clause, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _within_the_frame(self) -> Self:
        most = 0.0
        for clause in self.clauses:
            if not isinstance(clause, Paid) or getattr(clause, "payer", "") != "state" or clause.indexed:
                raise ValueError(
                    f"{clause.name} is not nominal money from the state; a frame is divided by such clauses"
                )
            most += yearly_ceiling(clause)
        if most > ALL:
            raise ValueError(
                f"the clauses may pay {most:.3g} yearly frames in a year; state amounts or caps of 1 together"
            )
        return self


class Frame(Strict):
    """A frame: MSEK a year in kronor of each year, for ``years`` years, shared equally by so many introductions of the field."""

    label: Text
    amount: float = Field(gt=0)
    years: int = Field(ge=1, le=TERM)
    introductions: int = Field(ge=1)
    models: dict[str, DistributionModel] = Field(min_length=2)
    evidence: Evidence
    source: Source
    note: str = ""

    @model_validator(mode="after")
    def _milestones_in_its_years(self) -> Self:
        for model in self.models.values():
            for clause in model.clauses:
                if isinstance(clause, Milestone) and (last := max(step.year for step in clause.steps)) > self.years:
                    raise ValueError(f"{clause.name} has a milestone in year {last} of {self.years}; move it")
        return self

    def for_case(self, case: Case) -> Self:
        """The frame with those models whose clauses are about something that a case has."""
        kept = {
            name: model
            for name, model in self.models.items()
            if all(has_object(clause, case) for clause in model.clauses)
        }
        return self.model_copy(update={"models": kept})

    @property
    def share(self) -> float:
        """The share of the frame that one introduction has."""
        return 1 / self.introductions


def yearly_ceiling(clause: Paid) -> float:
    """The most that a clause may pay in any one year, in the unit of its amounts; infinite where nothing limits it.

    Examples
    --------
    >>> label = {"sv": "Prov", "en": "Trial"}
    >>> steps = [{"share": 0.3, "coverage": 0.5, "year": 2}, {"share": 0.1, "coverage": 0.7, "year": 2}]
    >>> half = Milestone(clause="milestone", name="m", label=label, amount=2, upfront=0.2, steps=steps)
    >>> yearly_ceiling(half), yearly_ceiling(half.model_copy(update={"cap": 0.5}))
    (0.8, 0.5)
    """
    cap = float("inf") if clause.cap is None else clause.cap
    if isinstance(clause, Milestone):
        due = {clause.begins: clause.upfront}
        for step in clause.steps:
            due[step.year] = due.get(step.year, 0.0) + step.share
        return min(cap, clause.amount * max(due.values()))
    if isinstance(clause, Grant | PerformancePot):
        return min(cap, max(clause.amount) if isinstance(clause.amount, tuple) else clause.amount)
    return cap


def load_frame(name: str, folder: str | Path = "parameters") -> Frame:
    """The frame of ``frames/<name>.yaml``.

    Raises
    ------
    InputError
        There is none of that name, or all that is wrong with it at once.
    """
    root, faults = find_folder(folder), list[Fault]()
    path = root / "frames" / f"{name}.yaml"
    if unsafe(name) or not path.is_file():
        remedy = near(name, (each.stem for each in (root / "frames").glob("*.yaml")))
        raise InputError([Fault(shown(root / "frames"), "frame", "no such frame", remedy, name)])
    found = read_frame(path, faults)
    if faults or found is None:
        raise InputError(faults)
    return found


def read_frame(path: Path, faults: list[Fault]) -> Frame | None:
    """A frame's file; faults are added to ``faults``."""
    document = read_yaml(path, faults)
    return validated(Frame, document, document.data, faults) if document else None
