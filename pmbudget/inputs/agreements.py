"""Agreements between state and regions as data: clauses in the order in which they settle, with where they come from."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from pmbudget.errors import Fault, InputError
from pmbudget.inputs.cases import Case
from pmbudget.inputs.clauses import Adaptive, AdaptivePrice, Clause, PerUnit
from pmbudget.inputs.dated import FIRST_YEAR
from pmbudget.inputs.files import Document, Evidence, Source, Strict, find_folder, near, read_yaml, unsafe, validated
from pmbudget.inputs.parameters import Text

STANDING = "standing_rules"
"""The agreement that holds whatever is agreed for the test: who pays for drugs in Sweden. It settles in all mixes."""

DRUGS = {"drugs": ("benefit", "procured"), "benefit_drugs": ("benefit",), "procured_drugs": ("procured",)}
"""By what a clause on drugs covers, the channels by which they are bought."""


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

        It is none if the case lacks what a clause is about; in a case without tests nor if it counts tests or its sums are those of a whole
        field, which were paid for testing.
        """
        if self.only_for:
            return name in self.only_for
        there = all(has_object(clause, case) for clause in self.clauses)
        return there and (case.has_tests or not (self.counts_tests or self.precedent_sums))

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [clause.name for clause in self.clauses]
        if len(set(names)) < len(names) or "resource_cost" in names:
            raise ValueError(f"clause names {names} must differ, and none be resource_cost; rename")
        return self


def has_object(clause: Clause, case: Case) -> bool:
    """Whether a case has what a clause is about: the drugs that it covers, and follow-up where it pays for rows or by what is known."""
    covers, needs = getattr(clause, "covers", ""), getattr(clause, "needs", None)
    by_knowledge = isinstance(clause, Adaptive | AdaptivePrice) or (needs is not None and needs.known is not None)
    rows = isinstance(clause, PerUnit) and clause.counts_rows
    if covers in DRUGS and not any(one.channel in DRUGS[covers] for one in case.resources.values()):
        return False
    return case.follow_up is not None or not (by_knowledge or rows)


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
