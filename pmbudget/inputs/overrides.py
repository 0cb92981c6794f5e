"""What a scenario or a run puts in place of a parameter's figures, and on whose word."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pmbudget.inputs.files import Evidence

SET_IN_RUN = "Set in this run"
"""The source of an override that stands in no file: an assumption of whoever started the run."""
FIGURES = frozenset({"distribution", "unit", "price_year", "index", "by"})
"""The keys of a record that are its figures: who changes one answers for it."""
OF_THE_FORMER = ("interval_evidence", "price_year_evidence", "note")
"""What a record says of figures that are no longer there."""


@dataclass(frozen=True)
class Override:
    """What a parameter is set to, with source and grade.

    ``to`` is a number, at which the parameter is fixed, or keys of its record. ``place`` is the key of ``file`` under which it stands.
    """

    to: Any
    evidence: Evidence = "assumption"
    source: Mapping[str, Any] = field(default_factory=lambda: {"title": SET_IN_RUN})
    file: str = "this run"
    place: str = "overrides"
    line: int | None = None

    @property
    def is_choice(self) -> bool:
        """Whether its figures are chosen and not found, so that they need no interval."""
        return not isinstance(self.to, Mapping) or "evidence" not in self.to

    def problem(self) -> tuple[str, str] | None:
        """What keeps it from being an override at all, and the remedy."""
        if isinstance(self.to, Mapping):
            if len({"source", "evidence"} & set(self.to)) == 1:
                return "states one of source and evidence", "state both, or neither for those of the scenario"
            return None
        if isinstance(self.to, bool) or not isinstance(self.to, int | float):
            return "is neither a number nor keys of a record", "give a number, or keys such as distribution"
        return None

    def on(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """A record's keys after it: changed figures have the override's source and grade, and none of the former's remarks.

        Who states a price year states what moves it from there: the former's index is not taken over.
        """
        if not isinstance(self.to, Mapping):
            new: Mapping[str, Any] = {"distribution": {"family": "fixed", "value": self.to}}
        else:
            new = self.to
        if not FIGURES & set(new):
            return {**data, **new}
        gone = (*OF_THE_FORMER, "index") if "price_year" in new else OF_THE_FORMER
        kept = {key: value for key, value in data.items() if key not in gone}
        return {**kept, "evidence": self.evidence, "source": self.source, **new}
