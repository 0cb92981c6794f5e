"""Is it worth it?"""

from pmbudget.appraisal.acceptability import ceac, ceaf, expected_loss
from pmbudget.appraisal.cea import (
    credible_ellipse,
    efficiency_frontier,
    icer_table,
    net_health_benefit,
    net_monetary_benefit,
    price_threshold,
)
from pmbudget.appraisal.importance import variance_share

__all__ = [
    "ceac",
    "ceaf",
    "credible_ellipse",
    "efficiency_frontier",
    "expected_loss",
    "icer_table",
    "net_health_benefit",
    "net_monetary_benefit",
    "price_threshold",
    "variance_share",
]
