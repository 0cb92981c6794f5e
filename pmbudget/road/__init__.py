"""The whole way walked once: the only place that knows the order of the rooms."""

from pmbudget.road.results import Results
from pmbudget.road.walk import evaluate, evaluate_draws, parameter_draws, pulled, scenario_draws, walk

__all__ = ["Results", "evaluate", "evaluate_draws", "parameter_draws", "pulled", "scenario_draws", "walk"]
