"""Is it worth it, and what should we find out first?"""

from pmbudget.appraisal.cea import ceac, icer_table, net_monetary_benefit
from pmbudget.appraisal.evsi import evsi
from pmbudget.appraisal.research import (
    adoption,
    best_size,
    enbs,
    population_affected,
    uncertainty_burden,
    value_of_implementation,
)
from pmbudget.appraisal.rollout import Rollout, Variation, rollout_value
from pmbudget.appraisal.voi import evpi, evppi, evppi_by_group, evppi_by_parameter, fit_check, parameter_table
from pmbudget.evidence.studies import (
    BinomialStudy,
    JointStudy,
    NormalStudy,
    RegisterStudy,
    SurvivalStudy,
    TwoArmBinomialStudy,
)

__all__ = [
    "BinomialStudy",
    "JointStudy",
    "NormalStudy",
    "RegisterStudy",
    "Rollout",
    "SurvivalStudy",
    "TwoArmBinomialStudy",
    "Variation",
    "adoption",
    "best_size",
    "ceac",
    "enbs",
    "evpi",
    "evppi",
    "evppi_by_group",
    "evppi_by_parameter",
    "evsi",
    "fit_check",
    "icer_table",
    "net_monetary_benefit",
    "parameter_table",
    "population_affected",
    "rollout_value",
    "uncertainty_burden",
    "value_of_implementation",
]
