"""The whole way walked once: the only place that knows the order of the rooms."""

from pmbudget.road.kept import answered, evaluated, posterior_hash, result_key
from pmbudget.road.recipe import (
    before,
    evaluate,
    evaluate_draws,
    parameter_draws,
    pulled,
    scenario_draws,
    walk,
    walk_blocks,
)
from pmbudget.road.results import Results
from pmbudget.road.shelf import is_kept, needed

__all__ = [
    "Results",
    "answered",
    "before",
    "evaluate",
    "evaluate_draws",
    "evaluated",
    "is_kept",
    "needed",
    "parameter_draws",
    "posterior_hash",
    "pulled",
    "result_key",
    "scenario_draws",
    "walk",
    "walk_blocks",
]
