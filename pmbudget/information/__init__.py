"""What to find out first about a scenario.

Everything is counted per patient of the draws behind the budget, at one threshold, and carried to Sweden by the patients and the
pace of the scenario. Costs of studies and times to a result enter by their expected values.
"""

from pmbudget.information.loss import burden_by_payer, four_states, present_benefit, yearly_loss
from pmbudget.information.national import best_on_average, national_use, proposed
from pmbudget.information.parameters import (
    learnable,
    most_valuable,
    parameters_ranked,
    sets_ranked,
    told_apart,
    worth_knowing,
)
from pmbudget.information.rollouts import rollouts_valued
from pmbudget.information.studies import choices, data_quality, studies_valued

__all__ = [
    "best_on_average",
    "burden_by_payer",
    "choices",
    "data_quality",
    "four_states",
    "learnable",
    "most_valuable",
    "national_use",
    "parameters_ranked",
    "present_benefit",
    "proposed",
    "rollouts_valued",
    "sets_ranked",
    "studies_valued",
    "told_apart",
    "worth_knowing",
    "yearly_loss",
]
