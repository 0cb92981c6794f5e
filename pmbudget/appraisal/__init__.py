"""Is it worth it?"""

from pmbudget.appraisal.cea import ceac, icer_table, net_monetary_benefit
from pmbudget.appraisal.equity import gini, theil

__all__ = ["ceac", "gini", "icer_table", "net_monetary_benefit", "theil"]
