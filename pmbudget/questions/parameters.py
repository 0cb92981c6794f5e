"""In which parameters uncertainty lies."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.ranking import ERRORS
from pmbudget.appraisal.voi import draws_needed, evppi_by_group, evppi_by_parameter, parameter_table
from pmbudget.inputs.files import references
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.drivers import patient_parameters
from pmbudget.road import Results

TOGETHER = (2, 3, 5, 10)
"""How many of the most valuable parameters are also looked at together."""


def rank_parameters(scenario: Scenario, draws: xr.Dataset, results: Results, *, wtp: float) -> pd.DataFrame:
    """:func:`pmbudget.appraisal.evppi_by_parameter` of all that the patient's model holds, most valuable first; SEK per patient."""
    return evppi_by_parameter(
        results.per_patient.cost, results.per_patient.qaly, learnable_parameters(scenario, draws), wtp=wtp
    )


def rank_sets(
    scenario: Scenario, draws: xr.Dataset, results: Results, ranked: pd.DataFrame, *, wtp: float
) -> pd.DataFrame:
    """Sets of parameters: the most valuable ones together, and all of each grade of evidence.

    Returns
    -------
    DataFrame
        Index set (a number of parameters, or a grade); columns parameters (how many), evppi and se, SEK per patient, missing where there
        are too few draws for so many.
    """
    known = learnable_parameters(scenario, draws)
    names = [str(name) for name in ranked.index]
    groups: dict[Any, list[str]] = {number: names[:number] for number in TOGETHER if number < len(names)}
    for name in names:
        groups.setdefault(scenario.parameters[name].record.evidence, []).append(name)
    enough = {name: group for name, group in groups.items() if draws_needed(len(group)) <= known.sizes["draw"]}
    frame = evppi_by_group(results.per_patient.cost, results.per_patient.qaly, known, enough, wtp=wtp).reindex(
        list(groups)
    )
    frame.insert(0, "parameters", [len(group) for group in groups.values()])
    return frame


def most_valuable(scenario: Scenario, draws: xr.Dataset, ranked: pd.DataFrame, *, number: int = 5) -> xr.DataArray:
    """The most valuable parameters as one set (draw, parameter), no more than there are draws for."""
    few = max(1, min(number, draws.sizes["draw"] // draws_needed(0) - 1))
    return learnable_parameters(scenario, draws).sel(parameter=[str(name) for name in ranked.index[:few]])


def learnable_parameters(scenario: Scenario, draws: xr.Dataset) -> xr.DataArray:
    """The parameters that the patient's model reads, and those that decide the prices met by those who start later (draw, parameter)."""
    varying = parameter_table(draws)
    if not varying["parameter"].size:
        return varying
    read, prices = set(patient_parameters(scenario, draws)), scenario.case.prices
    if prices is not None:
        followed = prices.model_copy(update={"paths": scenario.price_paths})
        read |= {name for _, name in references(followed)}
    return varying.sel(parameter=[name for name in varying["parameter"].to_numpy() if name in read])


def parameters_worth_knowing(ranked: pd.DataFrame) -> pd.DataFrame:
    """Of parameters ranked by ``evppi``, those of more value than two standard errors."""
    return ranked[ranked["evppi"] > ERRORS * ranked["se"]]


def contenders(values: pd.Series, errors: pd.Series) -> list[str]:
    """The labels of the highest value and of those that two standard errors of the difference do not tell from it, highest first.

    The errors are taken as independent: values from the same draws differ by less, so that too few are told apart rather than too many.
    """
    order = values.sort_values(ascending=False)
    first = order.index[0]
    apart = order[first] - order > ERRORS * np.hypot(errors[first], errors[order.index])
    return [str(name) for name in order.index[~apart.to_numpy()]]
