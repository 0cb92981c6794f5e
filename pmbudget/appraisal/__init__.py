"""Is it worth it?"""

from pmbudget.appraisal.cea import ceac, icer_table, net_monetary_benefit

__all__ = ["ceac", "icer_table", "net_monetary_benefit"]
