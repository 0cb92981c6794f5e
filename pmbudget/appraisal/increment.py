"""What one strategy adds to another, and how surely its signs and its ratio are known."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pmbudget.appraisal.cea import ratio
from pmbudget.appraisal.ranking import ERRORS, P_ORDER, simulation_error


@dataclass(frozen=True)
class Increment:
    """What one strategy adds to another in each draw: ``cost`` (draw,), SEK, and ``qaly`` (draw,)."""

    cost: np.ndarray
    qaly: np.ndarray

    @classmethod
    def of(cls, cost: Any, qaly: Any) -> "Increment":
        """An increment from what has draws."""
        return cls(np.asarray(cost, float).ravel(), np.asarray(qaly, float).ravel())

    @property
    def kind(self) -> str:
        """The verdict of :func:`pmbudget.appraisal.ratio` on the means."""
        return ratio(float(self.cost.mean()), float(self.qaly.mean()))[0]

    @property
    def ratio(self) -> float:
        """Mean cost over mean QALYs, SEK per QALY; missing where none is meant."""
        return ratio(float(self.cost.mean()), float(self.qaly.mean()))[1]

    @property
    def ratio_error(self) -> float:
        """Monte Carlo standard error of the ratio: that of the mean of cost - ratio x qaly, over the mean of qaly (delta method)."""
        return simulation_error(self.cost - self.ratio * self.qaly) / abs(float(self.qaly.mean()))

    @property
    def ratio_is_known(self) -> bool:
        """Whether the mean difference in health exceeds two simulation errors, so that a ratio to it means something."""
        return abs(float(self.qaly.mean())) > ERRORS * simulation_error(self.qaly)

    @property
    def is_sure(self) -> bool:
        """Whether both signs of the means are those of at least 70 draws of 100."""
        return all(
            max((values * np.sign(values.mean()) > 0).mean(), float(not values.any())) >= P_ORDER
            for values in (self.cost, self.qaly)
        )

    def benefit(self, wtp: float) -> np.ndarray:
        """Net monetary benefit (draw,), SEK."""
        return wtp * self.qaly - self.cost

    def p_worth_it(self, wtp: float) -> float:
        """Share of draws with a net benefit above 0: the probability of being cost-effective against what it is compared with."""
        return float((self.benefit(wtp) > 0).mean())
