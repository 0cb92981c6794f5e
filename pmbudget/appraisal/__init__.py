"""Is it worth it, and what should we find out first?"""

from pmbudget.appraisal.acceptability import ceac, ceaf, expected_loss
from pmbudget.appraisal.cea import (
    credible_ellipse,
    efficiency_frontier,
    icer_table,
    net_health_benefit,
    net_monetary_benefit,
    price_threshold,
    ratio,
    surely_dominated,
)
from pmbudget.appraisal.equity import gini, theil
from pmbudget.appraisal.evsi import evsi
from pmbudget.appraisal.importance import variance_share
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
    "ceaf",
    "credible_ellipse",
    "efficiency_frontier",
    "enbs",
    "evpi",
    "evppi",
    "evppi_by_group",
    "evppi_by_parameter",
    "evsi",
    "expected_loss",
    "fit_check",
    "gini",
    "icer_table",
    "net_health_benefit",
    "net_monetary_benefit",
    "parameter_table",
    "population_affected",
    "price_threshold",
    "ratio",
    "rollout_value",
    "surely_dominated",
    "theil",
    "uncertainty_burden",
    "value_of_implementation",
    "variance_share",
]
