"""Who pays?"""

from pmbudget.financing.ledger import net_budget_impact, settle

__all__ = ["net_budget_impact", "settle"]
