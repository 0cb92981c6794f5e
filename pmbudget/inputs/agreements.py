"""Agreements between state and regions as data: clauses in the order in which they settle, with where they come from."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from pmbudget.errors import Fault, InputError
from pmbudget.inputs.cases import Case
from pmbudget.inputs.clauses import Clause
from pmbudget.inputs.dated import FIRST_YEAR
from pmbudget.inputs.files import Document, Evidence, Source, Strict, find_folder, near, read_yaml, unsafe, validated
from pmbudget.inputs.parameters import Text

STANDING = "standing_rules"
"""The agreement that holds whatever is agreed for the test: who pays for drugs in Sweden. It settles in all mixes."""


class Agreement(Strict):
    """Clauses in the order in which they settle, with where they come from.

    With ``precedent_sums`` the amounts are those of a whole field, as they were paid; laid beside other designs for one test they are
    scaled to the same expected outlay. One that is ``only_for`` cases named makes no sense beside the designs of the others.
    """

    label: Text
    precedent_sums: bool = False
    only_for: tuple[str, ...] = ()
    clauses: tuple[Clause, ...] = Field(min_length=1)
    evidence: Evidence
    source: Source
    note: str = ""

    @property
    def counts_tests(self) -> bool:
        """Whether a clause pays for tests, tested persons or their answers."""
        return any(
            getattr(clause, "covers", None) == "tests" or getattr(clause, "unit", None) in ("tested", "acted_on")
            for clause in self.clauses
        )

    def is_for(self, name: str, case: Case) -> bool:
        """Whether the agreement is a design for a case, ``name`` being the case's.

        In a case without tests it is none if it counts tests or drugs of the benefit that the case has not, nor if its sums are those of a
        whole field, which were paid for testing.
        """
        if self.only_for:
            return name in self.only_for
        benefit = any(one.channel == "benefit" for one in case.resources.values())
        elsewhere = not benefit and any(getattr(clause, "covers", None) == "benefit_drugs" for clause in self.clauses)
        return case.has_tests or not (self.counts_tests or self.precedent_sums or elsewhere)

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [clause.name for clause in self.clauses]
        if len(set(names)) < len(names) or "resource_cost" in names:
            raise ValueError(f"clause names {names} must differ, and none be resource_cost; rename")
        return self


def read_agreement(
    root: Path, name: str, document: Document | None, faults: list[Fault], *, first_year: int | None = None
) -> Agreement | None:
    """The agreement of that name, on behalf of the scenario in ``document`` where one asks for it.

    Its dated amounts are those that hold when ``first_year`` begins, or the last ones.
    """
    path = root / "agreements" / f"{name}.yaml"
    if unsafe(name) or not path.is_file():
        remedy = near(name, (p.stem for p in path.parent.glob("*.yaml")))
        file, line = (document.file, document.line(["agreement"])) if document else ("parameters/agreements", None)
        faults.append(Fault(file, "agreement", "no such agreement", remedy, name, line))
        return None
    own = read_yaml(path, faults)
    return validated(Agreement, own, own.data, faults, context={FIRST_YEAR: first_year}) if own else None


def load_agreements(folder: str | Path = "parameters") -> dict[str, Agreement]:
    """Every agreement of the folder but the standing rules, by name.

    Raises
    ------
    InputError
        All faults at once.
    """
    root, faults = find_folder(folder), list[Fault]()
    names = sorted(path.stem for path in (root / "agreements").glob("*.yaml"))
    found = {name: read_agreement(root, name, None, faults) for name in names if name != STANDING}
    if faults:
        raise InputError(faults)
    return {name: agreement for name, agreement in found.items() if agreement is not None}
