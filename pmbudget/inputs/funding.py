"""Money by phase as data: what research, proof of concept, care development and routine care may be paid from."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from pmbudget.errors import Fault, InputError
from pmbudget.inputs.files import Evidence, Source, Strict, find_folder, read_yaml, validated
from pmbudget.inputs.items import Payer
from pmbudget.inputs.parameters import Text

Phase = Literal["early", "care_development"]
"""Research and proof of concept; what a test's introduction costs beside care."""


class Fund(Strict):
    """Money of one payer: MSEK in each year of the programme, the phases it may be used for, and its administration as a share of it.

    ``project`` money is applied for and reported on; a care provider may not receive it for care development unless the rules say so.
    """

    label: Text
    payer: Payer
    amounts: tuple[float, ...]
    phases: tuple[Phase, ...] = Field(min_length=1)
    project: bool
    evidence: Evidence
    source: Source
    note: str = ""


class Funding(Strict):
    """The funds, what research and proof of concept cost a year, and what project money and a long-term grant lose to administration.

    ``early`` is MSEK a year of the whole field; the cost of care development and of routine care is that of one test, from the evaluation.
    """

    funds: dict[str, Fund]
    early: tuple[float, ...]
    administration_project: float = Field(ge=0, lt=1)
    administration_grant: float = Field(ge=0, lt=1)
    evidence: Evidence
    source: Source
    note: str = ""


def load_funding(folder: str | Path = "parameters") -> Funding:
    """The funds of ``funding/phases.yaml``.

    Raises
    ------
    InputError
        All faults at once.
    """
    root, faults = find_folder(folder), list[Fault]()
    found = read_funding(root, faults)
    if faults or found is None:
        raise InputError(faults)
    return found


def read_funding(root: Path, faults: list[Fault]) -> Funding | None:
    """As :func:`load_funding`; faults are added to ``faults``."""
    document = read_yaml(root / "funding" / "phases.yaml", faults)
    return validated(Funding, document, document.data, faults) if document else None
