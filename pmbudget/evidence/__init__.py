"""What do the data say?"""

from pmbudget.evidence.draws import draw_parameters
from pmbudget.evidence.fit import Posterior, fit_evidence

__all__ = ["Posterior", "draw_parameters", "fit_evidence"]
