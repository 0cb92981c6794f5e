"""What the structural alternatives of a case do to a patient's worth: one at a time, on the same draws as the main analysis."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.increment import Increment
from pmbudget.appraisal.ranking import ERRORS, simulation_error
from pmbudget.inputs.alternatives import alternatives
from pmbudget.inputs.scenarios import Scenario
from pmbudget.inputs.structures import Structure
from pmbudget.patient.outcomes import simulate
from pmbudget.patient.per_patient import increment, increments, present_values
from pmbudget.road import Results, answered, scenario_draws
from pmbudget.vocabulary import BLOCK, TAILS

FEW = 1000
"""Draws on which an alternative is walked: the first of the main analysis."""
BASE = ""
"""What the main analysis is called among the structures."""
WORDS = {"label", "note"}


@dataclass(frozen=True)
class Structures:
    """What the new strategy adds to its comparator in the main analysis, and under each alternative; and what each other strategy adds.

    ``base`` has all draws, an alternative the first of them, so that the two pair. ``moved`` is the same with its level moved by what the
    main analysis differs between these draws and all of them: its mean is then the main analysis plus the paired difference. Another
    strategy is another decision: whether the one at hand survives is asked of the ``alternatives`` alone.
    """

    base: Increment
    alternatives: Mapping[str, Increment]
    strategies: Mapping[str, Increment] = field(default_factory=dict)

    @property
    def rows(self) -> dict[str, Increment]:
        """The other strategies, then the alternatives."""
        return {**self.strategies, **self.alternatives}

    def moved(self, name: str) -> Increment:
        """A row's cost and QALYs (draw,), on the level of all draws."""
        own, first = self.rows[name], self._first(name)
        cost, qaly = self.base.cost.mean() - first.cost.mean(), self.base.qaly.mean() - first.qaly.mean()
        return Increment(own.cost + cost, own.qaly + qaly)

    def difference(self, name: str, wtp: float) -> np.ndarray:
        """How much more net benefit a row gives than the main analysis, draw by draw (draw,), SEK."""
        return self.rows[name].benefit(wtp) - self._first(name).benefit(wtp)

    def is_same(self, name: str, wtp: float) -> bool:
        """Whether the paired draws do not tell a row's mean net benefit from the main analysis."""
        difference = self.difference(name, wtp)
        return bool(abs(difference.mean()) <= ERRORS * simulation_error(difference))

    def error(self, name: str, wtp: float) -> float:
        """Monte Carlo standard error of the mean net benefit of :meth:`moved`, SEK.

        With the difference D on n draws and the main analysis B on m, the n among them:
        sqrt(var(D) / n + (2 cov(D, B) + var(B)) / m).
        """
        difference, first, whole = self.difference(name, wtp), self._first(name).benefit(wtp), self.base.benefit(wtp)
        together = 2 * np.cov(difference, first)[0, 1] + whole.var(ddof=1)
        return float(np.sqrt(max(0.0, difference.var(ddof=1) / difference.size + together / whole.size)))

    def frame(self, wtp: float) -> pd.DataFrame:
        """Net benefit per patient (SEK) of the main analysis, under :data:`BASE`, and of each alternative; as :meth:`whole_frame`."""
        return self.whole_frame(wtp).drop(list(self.strategies))

    def whole_frame(self, wtp: float) -> pd.DataFrame:
        """Net benefit per patient (SEK) of the main analysis, of each other strategy and of each alternative.

        Index structure; columns mean, lower, upper (95 %), error (Monte Carlo standard error of the mean), p (probability of being above
        0) and decision: 1 where the strategy compared is best on average, -1 where its comparator is, 0 where the draws do not tell.
        """
        rows = {}
        for name in (BASE, *self.rows):
            benefit = (self.moved(name) if name else self.base).benefit(wtp)
            lower, upper = np.quantile(benefit, TAILS)
            error = self.error(name, wtp) if name else simulation_error(benefit)
            mean, p = float(benefit.mean()), float((benefit > 0).mean())
            decision = int(np.sign(mean)) if abs(mean) > ERRORS * error else 0
            rows[name] = {"mean": mean, "lower": lower, "upper": upper, "error": error, "p": p, "decision": decision}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("structure")

    def _first(self, name: str) -> Increment:
        few = self.rows[name].cost.size
        return Increment(self.base.cost[:few], self.base.qaly[:few])


def tried_structures(scenario: Scenario, results: Results, *, seed: int = 1) -> Structures:
    """The case's other strategies and its structural alternatives, these walked for one patient on the first 1,000 draws or all of fewer.

    Where only other strategies are compared, all draws are there already and nobody is walked. Parameters that an alternative does not
    name are drawn as in the main analysis, and one that it gives a distribution with the same generator, as in a scenario that builds on
    this one.

    Parameters
    ----------
    scenario : Scenario
    results : Results
        Of the same ``seed``.
    """
    base = Increment.of(*increments(results.per_patient, scenario.case))
    structures, few = scenario.case.tried, min(FEW, base.cost.size)
    asked = {name: one.model_dump(mode="json", exclude=WORDS) for name, one in structures.items() if one.is_walked}

    def make() -> xr.Dataset:
        tried = alternatives(scenario)
        return xr.Dataset({name: _added(tried[name], few, seed) for name in asked})

    walked = answered(results, "structures", make, structures=asked, few=few, seed=seed) if asked else xr.Dataset()
    found = {
        name: Increment.of(*walked[name].sel(of=["cost", "qaly"]))
        if name in asked
        else _compared(scenario, results, one)
        for name, one in structures.items()
    }
    others = {name: found.pop(name) for name, one in structures.items() if one.group == "strategy"}
    return Structures(base, found, others)


def _compared(scenario: Scenario, results: Results, structure: Structure) -> Increment:
    """What another strategy adds, to another comparator perhaps, in the main analysis."""
    case = scenario.case.model_copy(
        update={
            "new": structure.strategy or scenario.case.new,
            "comparator": structure.comparator or scenario.case.comparator,
        }
    )
    return Increment.of(*increments(results.per_patient, case))


def _added(scenario: Scenario, few: int, seed: int) -> xr.DataArray:
    """What the new strategy adds to its comparator (of, draw): SEK and QALYs, in blocks of draws."""
    table, parts = scenario_draws(scenario, draws=few, seed=seed), []
    for begin in range(0, few, BLOCK):
        rows = table.isel(draw=slice(begin, begin + BLOCK))
        values = present_values(simulate(rows, scenario.case, horizon=scenario.case.horizon_years), rows)
        parts.append(np.stack([increment(each, scenario.case).to_numpy() for each in values]))
    return xr.DataArray(np.concatenate(parts, axis=1), {"of": ["cost", "qaly"]}, ("of", "draw"))
