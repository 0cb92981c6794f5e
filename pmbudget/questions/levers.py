"""What each lever of a case moves."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.inputs.scenarios import Scenario
from pmbudget.programme.reach import together
from pmbudget.road import Results, answered, evaluate_draws, parameter_draws, pulled
from pmbudget.vocabulary import BLOCK, REGION_PAYERS, TAILS


def lever_effects(scenario: Scenario, results: Results, *, draws: int = BLOCK, seed: int = 1) -> pd.DataFrame:
    """What each lever of the case moves, alone, against itself off and with the scenario's other levers as they are.

    Returns
    -------
    DataFrame
        Index (lever, figure), columns mean, lower, upper (95 %) of the change over the years shown, in the mix ``new``: ``net`` and
        ``net_regions`` (SEK: the budget of all payers and of the regions' own), ``tested`` and ``outside`` (persons
        tested inside and outside the eligible population), ``qaly`` (all patients' QALYs), ``posts`` (full-time posts in the last year),
        ``spread`` (standard deviation of coverage between regions in the last year, percentage points) and, where evidence decides the
        pace, ``right`` (percentage points: how often what is known in the last year points the right way).
    """
    return answered(results, "lever effects", lambda: _effects(scenario, draws, seed), draws=draws, seed=seed)


def _effects(scenario: Scenario, draws: int, seed: int) -> pd.DataFrame:
    table = parameter_draws(scenario, draws=draws, seed=seed)
    known: dict[tuple[str, ...], dict[str, np.ndarray]] = {}

    def figures(names: tuple[str, ...]) -> dict[str, np.ndarray]:
        if names not in known:
            one = scenario.with_levers(*names)
            known[names] = _figures(scenario, evaluate_draws(one, pulled(one, table), seed=seed))
        return known[names]

    parts = []
    for lever in scenario.case.levers:
        without = tuple(name for name in scenario.definition.levers if name != lever)
        off, on = figures(without), figures((*without, lever))
        for figure, values in on.items():
            change = values - off[figure]
            lower, upper = np.quantile(change, TAILS)
            parts.append((lever, figure, change.mean(), lower, upper))
    frame = pd.DataFrame(parts, columns=["lever", "figure", "mean", "lower", "upper"])
    return frame.set_index(["lever", "figure"])


def _figures(scenario: Scenario, results: Results) -> dict[str, np.ndarray]:
    """The figures that levers are judged by, over draws."""
    new = {"mix": "new"}
    # What the scenario itself costs: a lever may move today's use as well, and that is no part of what it moves in the scenario.
    cost = results.settlement.budget.sel(new).sum(["region", "year"])
    patients = results.reach.patients.sel(new).sum(["region", "year"])
    own = [payer for payer in cost["payer"].to_numpy() if payer in REGION_PAYERS]
    figures = {
        "net": cost.sum("payer"),
        "net_regions": cost.sel(payer=own).sum("payer"),
        "tested": together(patients, scenario.case.broad),
        "outside": results.reach.outside.sel(new).sum(["region", "year"]),
        "qaly": (patients * results.per_patient.fate_qaly).sum("fate"),
        "posts": results.spending.posts.sel(new).isel(year=-1).sum("resource"),
        "spread": 100 * results.reach.reached.sel(new).isel(year=-1).std("region"),
    }
    if results.reach.known is not None:
        last = results.reach.known.isel(year=-1)
        figures["right"] = 100 * xr.where(last > 0.5, last, 1 - last)
    return {name: values.to_numpy() for name, values in figures.items()}
