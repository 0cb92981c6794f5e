"""At what effect further alterations would pay: what treating those who have one must gain for the new strategy to break even."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.ranking import simulation_error
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import increment
from pmbudget.questions.classes import Breakdown
from pmbudget.vocabulary import TAILS


@dataclass(frozen=True)
class Further:
    """What it takes for a further alteration to pay, and what those that it is like come to.

    Of those that it is like, expected values: ``reach``, the share of carriers who are treated on the new strategy's answer; and per
    patient treated who would not be with the comparator ``cost``, of care (SEK), ``qaly`` and ``benefit`` (SEK). ``needed`` has index
    prevalence and columns mean, lower, upper, error (net benefit per patient treated, and the Monte Carlo error of its mean, SEK) and
    qaly (at that mean and the same cost of care).
    """

    reach: float
    cost: float
    qaly: float
    benefit: float
    needed: pd.DataFrame

    @property
    def enough(self) -> float:
        """The prevalence at which net benefit is 0 where treating gains as much as of those it is like; missing where none is."""
        prevalence, needed = float(self.needed.index[0]), float(self.needed["mean"].iloc[0])
        found = prevalence * needed / self.benefit if self.benefit > 0 and needed > 0 else float("nan")
        return found if found <= 1 else float("nan")


def further_alterations(scenario: Scenario, parts: Breakdown, *, wtp: float) -> Further | None:
    """The net benefit per patient treated that brings the new strategy's to 0, by how common further alterations are.

    An alteration that only the new strategy looks for, of prevalence p, with a share r of carriers found and treated, adds p r B to the
    net benefit per patient where treating one gains B. So B* = -INMB / (p r), and the QALYs gained at the cost C of care are
    (B* + C) / wtp. The test, which is made anyway, costs no more; a positive answer's conference and confirmation are not counted.

    Returns
    -------
    Further
        None where the case asks for no further alterations.
    """
    case, asked = scenario.case, scenario.case.breadth
    if asked is None:
        return None
    alike = {"subgroup": list(asked.like)}
    share = parts.share.sel(alike)

    def expected(by_class: xr.DataArray | int) -> float:
        return float((by_class * share).sum("subgroup").mean("draw"))

    treated = parts.treated.sel(alike)
    reach = expected(treated.sel(strategy=case.new)) / expected(1)
    more = expected(increment(treated, case))
    cost = expected(increment(parts.care(case).sel(alike), case)) / more
    qaly = expected(increment(parts.qaly.sel(alike), case)) / more
    gain = (parts.benefit(case, wtp) * parts.share).sum("subgroup").to_numpy()
    needed = break_even(gain, np.array(asked.prevalences), reach)
    return Further(reach, cost, qaly, wtp * qaly - cost, needed.assign(qaly=(needed["mean"] + cost) / wtp))


def break_even(benefit: np.ndarray, prevalence: np.ndarray, reach: float) -> pd.DataFrame:
    """Net benefit per patient treated at which one more alteration makes up for ``benefit`` (draw,), SEK: -benefit / (prevalence x reach).

    Examples
    --------
    >>> break_even(np.array([-2000.0, -2000.0]), np.array([0.02]), 0.5)["mean"].tolist()
    [200000.0]
    """
    each = -benefit[:, np.newaxis] / (prevalence * reach)
    lower, upper = np.quantile(each, TAILS, axis=0)
    errors = [simulation_error(one) for one in each.T]
    columns = {"mean": each.mean(axis=0), "lower": lower, "upper": upper, "error": errors}
    return pd.DataFrame(columns, index=pd.Index(prevalence, name="prevalence"))
