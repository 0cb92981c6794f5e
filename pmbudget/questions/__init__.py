"""What people ask of a scenario that has been evaluated: one question a module.

``drivers`` what moves the result, ``assumptions`` how much rests on them, ``levers`` and
``limits`` what each of them moves, ``effect`` what an agreement costs where it moves nobody, ``today`` what is left to introduce
at each value of today's use, ``start_years`` what a patient is worth by the year of the start, ``classes`` what one patient's worth is
made of, ``structures`` whether it survives being built otherwise, ``breadth`` at what effect further alterations would pay,
``validation`` how the model agrees with what was read. What should be found out first: ``national`` carries a patient's net benefit to
Sweden by the patients and the pace of the scenario, ``loss`` is what uncertainty costs, ``parameters`` where it lies, ``studies`` which
study pays, ``rollouts`` what the introduction itself would teach; they are asked of results at the prices that patients meet
(:func:`at_prices_met`). Costs of studies and times to a result enter by their expected values.

A question takes the scenario, its draws (as from :func:`pmbudget.road.scenario_draws`) and its results. One that moves parameters before
levers are pulled, or walks the scenario again, draws by itself with the same seed.
"""

from pmbudget.questions.assumptions import assumption_shares
from pmbudget.questions.breadth import Further, further_alterations
from pmbudget.questions.classes import Breakdown, breakdown
from pmbudget.questions.drivers import budget_tornado, importance, patient_parameters, threshold_map, tornado
from pmbudget.questions.effect import added_without_effect
from pmbudget.questions.levers import lever_effects
from pmbudget.questions.limits import limit_values, stated_limits
from pmbudget.questions.loss import burden_by_payer, four_states, present_benefit, yearly_loss
from pmbudget.questions.national import best_on_average, best_strategies, national_use, proposals, use_by_strategy
from pmbudget.questions.parameters import (
    contenders,
    learnable_parameters,
    most_valuable,
    parameters_worth_knowing,
    rank_parameters,
    rank_sets,
)
from pmbudget.questions.rollouts import rollout_designs
from pmbudget.questions.start_years import at_prices_met, benefit_by_start, moved_by_prices
from pmbudget.questions.structures import Structures, tried_structures
from pmbudget.questions.studies import QUALITIES, choices, data_quality, studies_by_size
from pmbudget.questions.today import at_known_use
from pmbudget.questions.validation import Compared, compared

__all__ = [
    "QUALITIES",
    "Breakdown",
    "Compared",
    "Further",
    "Structures",
    "added_without_effect",
    "assumption_shares",
    "at_known_use",
    "at_prices_met",
    "benefit_by_start",
    "best_on_average",
    "best_strategies",
    "breakdown",
    "budget_tornado",
    "burden_by_payer",
    "choices",
    "compared",
    "contenders",
    "data_quality",
    "four_states",
    "further_alterations",
    "importance",
    "learnable_parameters",
    "lever_effects",
    "limit_values",
    "most_valuable",
    "moved_by_prices",
    "national_use",
    "parameters_worth_knowing",
    "patient_parameters",
    "present_benefit",
    "proposals",
    "rank_parameters",
    "rank_sets",
    "rollout_designs",
    "stated_limits",
    "studies_by_size",
    "threshold_map",
    "tornado",
    "tried_structures",
    "use_by_strategy",
    "yearly_loss",
]
