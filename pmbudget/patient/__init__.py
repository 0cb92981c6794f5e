"""What happens to one patient?"""

from pmbudget.patient.cohort import cycle_weights, discount_factors, partitioned_survival
from pmbudget.patient.decision import decision_tree
from pmbudget.patient.exposure import yearly
from pmbudget.patient.markov import cohort_total, markov_trace
from pmbudget.patient.outcomes import simulate
from pmbudget.patient.survival import (
    bounded_by_population,
    reference_curve,
    survival_curve,
    through_point,
    with_cure,
    with_hazard_ratios,
)

__all__ = [
    "bounded_by_population",
    "cohort_total",
    "cycle_weights",
    "decision_tree",
    "discount_factors",
    "markov_trace",
    "partitioned_survival",
    "reference_curve",
    "simulate",
    "survival_curve",
    "through_point",
    "with_cure",
    "with_hazard_ratios",
    "yearly",
]
