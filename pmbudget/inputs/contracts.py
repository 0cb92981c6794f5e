"""Contracts with manufacturers as data: the terms on which a drug or a test is paid for."""

from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, field_validator

from pmbudget.errors import Fault, InputError
from pmbudget.inputs.cases import Case
from pmbudget.inputs.files import Evidence, Source, Strict, find_folder, read_yaml, validated
from pmbudget.inputs.parameters import Text
from pmbudget.vocabulary import FOLLOWED

ContractName = Literal[
    "rebate", "volume_cap", "expenditure_cap", "money_back", "instalments", "per_diagnosis", "adaptive_price"
]
Share = Annotated[float, Field(gt=0, le=1)]


class Named(Strict):
    """What a contract is called."""

    label: Text


class ContractTerms(Strict):
    """The terms of the contracts that are laid side by side, and what each is called.

    ``refund`` is the share of a patient's first year that comes back where the patient does not respond at its end; ``patients`` and
    ``expenditure`` are caps as multiples of what is expected in each year; ``instalments`` is a number of yearly parts; ``quantile`` is
    where in the belief the price that follows what is known is set: 0.5 at the expectation, less by which the payer is the surer.
    """

    refund: Share
    patients: float = Field(gt=0)
    expenditure: float = Field(gt=0)
    instalments: int = Field(ge=2, le=FOLLOWED)
    quantile: float = Field(gt=0, lt=1)
    contracts: dict[ContractName, Named]
    evidence: Evidence
    source: Source
    note: str = ""

    @field_validator("contracts")
    @classmethod
    def _all_of_them(cls, contracts: dict[ContractName, Named]) -> dict[ContractName, Named]:
        if lacking := [name for name in get_args(ContractName) if name not in contracts]:
            raise ValueError(f"{', '.join(lacking)} has no name; add label for each contract")
        return contracts

    def for_case(self, case: Case) -> Self:
        """The terms without a price that follows what is known where a case follows nobody to learn from."""
        kept = {name: one for name, one in self.contracts.items() if name != "adaptive_price" or case.follow_up}
        return self.model_copy(update={"contracts": kept})


def load_contracts(folder: str | Path = "parameters") -> ContractTerms:
    """The terms of ``contracts/manufacturer.yaml``.

    Raises
    ------
    InputError
        All faults at once.
    """
    root, faults = find_folder(folder), list[Fault]()
    found = read_contracts(root, faults)
    if faults or found is None:
        raise InputError(faults)
    return found


def read_contracts(root: Path, faults: list[Fault]) -> ContractTerms | None:
    """As :func:`load_contracts`; faults are added to ``faults``."""
    document = read_yaml(root / "contracts" / "manufacturer.yaml", faults)
    return validated(ContractTerms, document, document.data, faults) if document else None
