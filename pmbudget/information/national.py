"""What carries a patient's net benefit to Sweden: patients, use, years, rates, and what the case proposes."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.cea import net_monetary_benefit
from pmbudget.inputs.research import Research
from pmbudget.inputs.scenarios import Scenario
from pmbudget.road import Results


def proposed(scenario: Scenario) -> Research:
    """What a case proposes to find out.

    Raises
    ------
    ValueError
        It proposes nothing.
    """
    if scenario.case.research is None:
        raise ValueError(f"the case {scenario.definition.case!r} proposes no studies; add research to its case.yaml")
    return scenario.case.research


def national_use(scenario: Scenario, results: Results) -> tuple[pd.Series, pd.DataFrame]:
    """Expected eligible patients by year, and the share of them on the new strategy by year (rows) and mix (columns)."""
    starts = results.patients.sum("region").mean("draw")
    eligible = starts.sum("strategy")
    use = (starts.sel(strategy=scenario.case.new, drop=True) / eligible).transpose("year", "mix").to_pandas()
    return eligible.sel(mix="new", drop=True).to_series(), use


def incremental_benefit(scenario: Scenario, results: Results, wtp: float) -> np.ndarray:
    """Net benefit of the new strategy over the comparator per patient (draw), SEK."""
    benefit = net_monetary_benefit(results.cost, results.qaly, wtp)
    new, old = (benefit.sel(strategy=name).to_numpy() for name in (scenario.case.new, scenario.case.comparator))
    gain: np.ndarray = new - old
    return gain


def present_weights(scenario: Scenario) -> np.ndarray:
    """Present value of a krona in each year shown, the first year's at 1."""
    weights: np.ndarray = (1 + discount_rate(scenario)) ** -np.arange(len(scenario.years), dtype=float)
    return weights


def discount_rate(scenario: Scenario) -> float:
    """The norms' rate for costs, per year."""
    return scenario.parameters.fixed("discount_rate_cost")


def expected(table: xr.Dataset, name: str) -> float:
    """The expected value of a parameter."""
    return float(table[name].mean())
