"""Who is reached: the measures that chapter 04 is made of."""

import pandas as pd
import xarray as xr

from pmbudget.appraisal.equity import access
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.frames import interval_frame
from pmbudget.road import Results

COURSES = ("unplanned", "new")
"""The mixes that supply can hold back."""


def eligible(results: Results) -> xr.DataArray:
    """All patients (draw, region, year); nobody waits at today's use, so that its patients are all there are."""
    return results.patients.sel(mix="today", drop=True).sum("strategy")


def reached(scenario: Scenario, results: Results, over: tuple[str, ...] = ()) -> xr.DataArray:
    """Share of patients who get the new strategy (draw, mix, region, year), less the dims summed ``over``."""
    served = results.patients.sel(strategy=scenario.case.new, drop=True)
    return access(served.sum(over), eligible(results).sum(over))


def aimed(results: Results) -> xr.DataArray:
    """Share of the nation's patients who would get the new strategy were nothing short (draw, mix, year)."""
    people = eligible(results)
    return access((results.coverage * people).sum("region"), people.sum("region"))


def courses(scenario: Scenario) -> tuple[str, ...]:
    """The mixes worth a row: without an agreement the scenario is the unplanned course itself."""
    return COURSES if scenario.agreement else COURSES[1:]


def implementation_frame(scenario: Scenario, results: Results) -> pd.DataFrame:
    """Long form: measure, mix, region, year, mean, lower, upper. ``reached`` is a share; ``moved``, ``lost``, ``waiting`` are persons."""
    parts = {"reached": reached(scenario, results)}
    if results.supply is not None:
        parts |= {name: results.supply[name] for name in ("moved", "lost", "waiting", "months_waited")}
    frames = [interval_frame(values).assign(measure=name) for name, values in parts.items()]
    return pd.concat(frames)[["measure", "mix", "region", "year", "mean", "lower", "upper"]].reset_index(drop=True)
