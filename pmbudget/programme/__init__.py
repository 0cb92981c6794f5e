"""What happens in 21 regions?"""

from pmbudget.programme.budget import budget_impact
from pmbudget.programme.forecast import score_forecast
from pmbudget.programme.pace import coverage
from pmbudget.programme.population import starts

__all__ = ["budget_impact", "coverage", "score_forecast", "starts"]
