"""Who is reached: the measures that chapters 04 and 05 both print."""

import pandas as pd
import xarray as xr

from pmbudget.appraisal.equity import access
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.frames import interval_frame
from pmbudget.road import Results

COURSES = ("unplanned", "new")
"""The mixes that may move."""


def served(scenario: Scenario, results: Results) -> xr.DataArray:
    """Persons of the eligible who get the new strategy (draw, mix, region, year)."""
    return results.reach.patients.sel(fate=scenario.case.new, drop=True)


def without(scenario: Scenario, results: Results) -> xr.DataArray:
    """Persons who became eligible in the years shown and never got the new strategy (draw, mix, region)."""
    return results.reach.eligible.sum("year") - served(scenario, results).sum("year")


def reached(scenario: Scenario, results: Results, over: tuple[str, ...] = ()) -> xr.DataArray:
    """Share of the eligible who get the new strategy (draw, mix, region, year), less the dims summed ``over``."""
    if not over:
        return results.reach.reached
    return access(served(scenario, results).sum(over), results.reach.eligible.sum(over))


def aimed(results: Results) -> xr.DataArray:
    """Share of the nation's eligible who would get the new strategy were nothing short (draw, mix, year)."""
    return access((results.reach.aimed * results.reach.eligible).sum("region"), results.reach.eligible.sum("region"))


def courses(scenario: Scenario) -> tuple[str, ...]:
    """The mixes worth a row: without an agreement the scenario is the unplanned course itself."""
    return COURSES if scenario.agreement else COURSES[1:]


def implementation_frame(scenario: Scenario, results: Results) -> pd.DataFrame:
    """Long form: measure, mix, region, year, mean, lower, upper. ``reached`` is a share; ``moved``, ``lost``, ``waiting`` are persons."""
    parts = {"reached": reached(scenario, results), "aimed": results.reach.aimed}
    if results.reach.supply is not None:
        parts |= {name: results.reach.supply[name] for name in ("moved", "lost", "waiting", "months_waited")}
    frames = [interval_frame(values).assign(measure=name) for name, values in parts.items()]
    return pd.concat(frames)[["measure", "mix", "region", "year", "mean", "lower", "upper"]].reset_index(drop=True)
