"""Errors that say where the fault is and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NOTHING: Any = object()


@dataclass(frozen=True)
class Fault:
    """One thing wrong in one input: where it stands, what it is and what would mend it."""

    file: str
    key: str
    problem: str
    remedy: str
    value: Any = NOTHING
    line: int | None = None

    def __str__(self) -> str:
        """One line that a person can act on."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        shown = "" if self.value is NOTHING else f" = {_short(self.value)}"
        return f"{place}: {self.key}{shown}: {self.problem}. Remedy: {self.remedy}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


class InputError(ValueError):
    """Bad input, every fault of it at once."""

    def __init__(self, faults: Sequence[Fault]):
        self.faults = tuple(faults)
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        super().__init__("\n".join([count, *(f"  {fault}" for fault in self.faults)]))


class EvidenceError(ValueError):
    """A posterior that cannot be used: not converged, too short, or missing a parameter."""
