"""What happens to one patient?"""

from pmbudget.patient.cohort import cycle_weights, discount_factors, partitioned_survival
from pmbudget.patient.outcomes import simulate
from pmbudget.patient.survival import survival_curve

__all__ = ["cycle_weights", "discount_factors", "partitioned_survival", "simulate", "survival_curve"]
