"""What do we know, and from where?"""

from pmbudget.inputs.distributions import Distribution, distribution
from pmbudget.inputs.parameters import Parameter, ParameterSet, load_parameters
from pmbudget.inputs.regions import load_regions
from pmbudget.inputs.scenarios import Scenario, expand, load_scenario

__all__ = [
    "Distribution",
    "Parameter",
    "ParameterSet",
    "Scenario",
    "distribution",
    "expand",
    "load_parameters",
    "load_regions",
    "load_scenario",
]
