"""Agreements between state and regions as data: clauses in the order in which they settle."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pmbudget.errors import Fault
from pmbudget.inputs.files import Document, Evidence, Strict, near, read_yaml, validated
from pmbudget.inputs.items import Payer
from pmbudget.inputs.parameters import Source, Text


class Taper(Strict):
    """The state pays ``share`` of the covered cost in the agreement's first year, falling in a straight line to 0 after ``years``."""

    clause: Literal["taper"]
    name: str
    label: Text
    payer: Payer = "state"
    covers: Literal["transition", "all"]
    share: float = Field(ge=0, le=1)
    years: int = Field(gt=0)


class NationalSplit(Strict):
    """What is national and not yet paid is divided between the regions by a column of ``regions.csv``."""

    clause: Literal["national_split"]
    name: str
    label: Text
    by: Literal["population", "population_65plus"]


Clause = Annotated[Taper | NationalSplit, Field(discriminator="clause")]


class Agreement(Strict):
    """Clauses in the order in which they settle, with where they come from."""

    label: Text
    clauses: tuple[Clause, ...]
    evidence: Evidence
    source: Source
    note: str = ""

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [clause.name for clause in self.clauses]
        if len(set(names)) < len(names) or "resource_cost" in names:
            raise ValueError(f"clause names {names} must differ, and none be resource_cost; rename")
        return self


def read_agreement(root: Path, name: str, document: Document, faults: list[Fault]) -> Agreement | None:
    """The agreement of that name, on behalf of the scenario in ``document``."""
    path = root / "agreements" / f"{name}.yaml"
    if not path.is_file():
        remedy = near(name, (p.stem for p in path.parent.glob("*.yaml")))
        line = document.line(["agreement"])
        faults.append(Fault(document.file, "agreement", "no such agreement", remedy, name, line))
        return None
    own = read_yaml(path, faults)
    return validated(Agreement, own, own.data, faults) if own else None
