"""The parameters that the code knows by name, so that every folder of parameters must hold them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pmbudget.errors import Fault
from pmbudget.inputs.files import shown
from pmbudget.inputs.overrides import Override
from pmbudget.inputs.parameters import Parameter, ParameterSet


@dataclass(frozen=True)
class Need:
    """A parameter known by name: its unit in the model, what it means, which room reads it and the file that it belongs in.

    An ``exact`` one has no spread, as results are told at its value. One that is ``shown`` is read where it is there, and not needed.
    """

    name: str
    unit: str
    meaning: str
    reader: str
    file: str = "norms.yaml"
    exact: bool = False
    shown: bool = False

    def problem(self, found: Parameter) -> tuple[str, str] | None:
        """What keeps a parameter from being used as what its name says, and the remedy."""
        if found.unit != self.unit:
            return (
                f"has the unit {found.record.unit}, and {self.reader} reads it in {self.unit}",
                f"state it in {self.unit}",
            )
        if self.exact and not (found.distribution and found.distribution.is_fixed):
            return (
                f"is uncertain, and {self.reader} tells results at its value",
                "give value alone; scenarios may set others",
            )
        return None


NEEDS = (
    Need("discount_rate_cost", "per year", "the discount rate of costs", "patient", exact=True),
    Need("discount_rate_qaly", "per year", "the discount rate of health", "patient", exact=True),
    Need("wtp_moderate", "SEK/QALY", "the threshold at moderate severity", "reporting", exact=True),
    Need("wtp_very_high", "SEK/QALY", "the threshold at very high severity", "financing", exact=True),
    Need("wtp_rare", "SEK/QALY", "the threshold for rare disease", "reporting", exact=True, shown=True),
    Need("wtp_observed_not_severe", "SEK/QALY", "what decisions showed", "reporting", exact=True, shown=True),
    Need("wtp_observed_severe", "SEK/QALY", "what decisions showed", "reporting", exact=True, shown=True),
    Need("inflation", "per year", "what turns constant prices into current ones", "financing"),
    Need("tax_base_per_inhabitant", "SEK/inhabitant", "what local tax is raised on", "reporting"),
    Need("share_drug_cost_delegated", "share", "the cost of benefit drugs on clinics", "financing", "financing.yaml"),
    Need("fungibility", "share", "how much of a grant replaces own money", "appraisal", "financing.yaml"),
    Need("persistence", "share", "how much stays when a grant ends", "appraisal", "financing.yaml"),
    Need("displacement", "share", "how much of a new cost other care bears", "appraisal", "financing.yaml"),
    Need("share_price_ceiling", "share", "the price ceiling", "programme", "drug_prices.yaml", exact=True),
    Need("fall_price_ceiling", "share", "the fall that brings it", "programme", "drug_prices.yaml", exact=True),
    Need("years_price_ceiling", "years", "the time before it", "programme", "drug_prices.yaml", exact=True),
    Need("cut_old_drugs", "share", "the cut of the fifteen-year rule", "programme", "drug_prices.yaml", exact=True),
    Need("fall_strong_competition", "share", "when competition is strong", "programme", "drug_prices.yaml"),
    Need("years_old_drugs", "years", "the age at which it falls", "programme", "drug_prices.yaml", exact=True),
    Need("share_outcome_missing", "share", "outcomes missing when paid by", "questions", "payments.yaml"),
    Need("share_false_response", "share", "those without response seen with it", "questions", "payments.yaml"),
    Need("share_false_non_response", "share", "those with response seen without it", "questions", "payments.yaml"),
    Need("cost_followed_patient", "SEK/year", "following a patient for a contract", "questions", "payments.yaml"),
    Need("cost_contract_year", "SEK/year", "running a contract", "questions", "payments.yaml"),
    Need("paid_change_response", "share", "what a change that is paid brings about", "programme", "financing.yaml"),
    Need("administration_by_key", "share", "administration of money by a key", "questions", "financing.yaml"),
    Need("administration_verified", "share", "administration of money for targets", "questions", "financing.yaml"),
    Need("administration_applied", "share", "administration of money applied for", "questions", "financing.yaml"),
    Need("participation_limit", "SEK/inhabitant", "what a region puts up with a year", "appraisal", "financing.yaml"),
    Need(
        "drg_point_clinic", "SEK/point", "what a point of clinic care costs", "reporting", "financing.yaml", exact=True
    ),
    Need(
        "drg_point_hospital",
        "SEK/point",
        "what a point of hospital care costs",
        "reporting",
        "financing.yaml",
        exact=True,
    ),
    Need("drg_point_price", "SEK/point", "what a region pays for a point", "reporting", "financing.yaml"),
)


def unmet_needs(
    root: Path, parameters: ParameterSet, overrides: Mapping[str, Override], told: Iterable[Fault]
) -> list[Fault]:
    """Parameters known by name that the folder has not, or that it or an override gives another unit, or a spread they may not have."""
    faults, unread = [], {fault.file for fault in told if fault.key == "file"}
    for need in NEEDS:
        # What cannot be read at all is told once and not for each parameter in it.
        if need.name not in parameters.raw and not need.shown and shown(root / need.file) not in unread:
            problem = f"no file of parameters has it, and {need.reader} reads it"
            remedy = f"add it: {need.meaning}, in {need.unit}"
            faults.append(Fault(shown(root / need.file), need.name, problem, remedy))
        if (found := parameters.parameters.get(need.name)) and (hindrance := need.problem(found)):
            given = overrides.get(need.name)
            file, line = (given.file, given.line) if given else (found.file, found.line)
            key = f"{given.place}.{need.name}" if given else need.name
            faults.append(Fault(file, key, *hindrance, line=line))
    return faults
