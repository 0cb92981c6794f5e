"""Who pays?"""

from pmbudget.financing.ledger import net_budget_impact, settle, silo_gap

__all__ = ["net_budget_impact", "settle", "silo_gap"]
