"""What carries a patient's net benefit to Sweden: patients, use, years, rates, and what the case proposes."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.cea import net_monetary_benefit
from pmbudget.appraisal.ranking import ERRORS, simulation_error
from pmbudget.inputs.research import Research
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import increment
from pmbudget.programme.reach import persons_served
from pmbudget.road import Results


def proposals(scenario: Scenario) -> Research:
    """What a case proposes to find out.

    Raises
    ------
    ValueError
        It proposes nothing.
    """
    if scenario.case.research is None:
        raise ValueError(f"the case {scenario.definition.case!r} proposes no studies; add research to its case.yaml")
    return scenario.case.research


def everybody(results: Results) -> xr.DataArray:
    """All whom the results follow (draw, mix, region, year), persons, whatever they get."""
    return results.reach.patients.sum("fate")


def national_use(scenario: Scenario, results: Results) -> tuple[pd.Series, pd.DataFrame]:
    """Expected patients by year, and the share of them on the new strategy by year (rows) and mix (columns)."""
    counts = (everybody(results), persons_served(results.reach, [scenario.case.new]))
    people, new = (counted.sum("region").mean("draw") for counted in counts)
    return people.sel(mix="new", drop=True).to_series(), (new / people).transpose("year", "mix").to_pandas()


def use_by_strategy(scenario: Scenario, results: Results) -> xr.DataArray:
    """Expected share of all whom the results follow on each of the case's strategies (strategy, mix, year); they sum to 1.

    Whoever gets none of them, being lost or waiting at the end, stands with the comparator.
    """
    patients = results.reach.patients.sum("region").mean("draw")
    shares = (patients / patients.sum("fate")).rename(fate="strategy")
    shares = shares.reindex(strategy=list(scenario.case.strategies), fill_value=0.0)
    without = (1 - shares.sum("strategy")) * (shares["strategy"] == scenario.case.comparator)
    return (shares + without).transpose("strategy", "mix", "year")


def increment_of_moved(scenario: Scenario, results: Results, each: xr.DataArray) -> xr.DataArray:
    """What the new strategy adds for one patient whom the scenario gives it (draw,), of ``each`` (draw, strategy).

    Against the comparator, or against what is in use today for the share of them, at the scenario's pace and in present value, who would
    have had that.
    """
    case, found = scenario.case, increment(each, scenario.case)
    if case.in_use == case.new:
        return found
    patients, _ = national_use(scenario, results)
    use = use_by_strategy(scenario, results)
    weights = xr.DataArray(patients * present_weights(scenario), dims="year", coords={"year": use["year"]})
    moved = ((use.sel(mix="new") - use.sel(mix="today")) * weights).sum("year")
    on_new = float(moved.sel(strategy=case.new))
    over = -float(moved.sel(strategy=case.in_use)) / on_new if on_new > 1.0 else 0.0
    return found - over * (each.sel(strategy=case.in_use, drop=True) - each.sel(strategy=case.comparator, drop=True))


def best_strategies(scenario: Scenario, results: Results, wtp: float) -> list[str]:
    """The strategy of highest expected net benefit, then those that two simulation errors of the paired difference do not tell from it."""
    benefit = net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, wtp)
    means = benefit.mean("draw").to_series().reindex(list(scenario.case.strategies))
    first, *others = means.sort_values(ascending=False, kind="stable").index
    leads = {name: benefit.sel(strategy=first) - benefit.sel(strategy=name) for name in others}
    near = [name for name, lead in leads.items() if float(lead.mean()) <= ERRORS * simulation_error(lead)]
    return [str(name) for name in (first, *near)]


def best_on_average(scenario: Scenario, results: Results, wtp: float) -> tuple[str, bool]:
    """The strategy of highest expected net benefit, and whether it stands above each other by more than two simulation errors."""
    best = best_strategies(scenario, results, wtp)
    return best[0], len(best) == 1


def present_weights(scenario: Scenario) -> np.ndarray:
    """Present value of a krona in each year shown, the first year's at 1."""
    weights: np.ndarray = (1 + discount_rate(scenario)) ** -np.arange(len(scenario.years), dtype=float)
    return weights


def discount_rate(scenario: Scenario) -> float:
    """The norms' rate for costs, per year."""
    return scenario.parameters.fixed("discount_rate_cost")


def expected_value(draws: xr.Dataset, name: str) -> float:
    """The expected value of a parameter."""
    return float(draws[name].mean())
