"""What the roll-out itself would teach: orders and paces of regions as experiments."""

from itertools import product

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.rollout import Rollout, Variation, exposure_of, rollout_value, starts_in_waves
from pmbudget.evidence.draws import generator
from pmbudget.information.national import (
    discount_rate,
    everybody,
    expected,
    incremental_benefit,
    on_new,
    proposed,
)
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.outcomes import simulate
from pmbudget.road import Results

WAVES = (1, 3, 5)
"""In how many yearly waves the regions of a stepped roll-out begin; 1 is all at once."""
ORDERS = ("largest", "smallest", "ahead", "behind")
"""Which regions of a stepped roll-out begin: those with most or fewest patients, with most or least use today."""


def rollouts_valued(scenario: Scenario, results: Results, table: xr.Dataset, *, wtp: float, seed: int) -> pd.DataFrame:
    """Orders and paces of regions as experiments on the share of patients on matched treatment, and the scenario's own pace.

    Every design is analysed after each number of years and judged at the one that is worth most; the same random numbers serve all.

    Returns
    -------
    DataFrame
        Columns of :func:`pmbudget.appraisal.rollout_value` with ``order`` ("own" for the scenario's pace) and ``waves``; best first.
        SEK present value against no use of the new strategy.
    """
    case, research = scenario.case, proposed(scenario).rollout
    codes = list(scenario.regions.index)
    people, treated = (
        counted.sel(region=codes).mean("draw").transpose("mix", "region", "year")
        for counted in (everybody(results), on_new(scenario, results))
    )
    share = treated / people
    new, today = people.sel(mix="new").to_numpy(), share.sel(mix="today").isel(year=0).to_numpy()
    effect, level = _matched(scenario, table)
    spread = {name: expected(table, getattr(research, f"{name}_sd")) for name in ("region", "period", "region_period")}
    variation = Variation(patient=float(np.sqrt(level * (1 - level))), **spread)
    ceiling, periods = expected(table, case.uptake.ceiling), len(scenario.years)
    orders = dict(zip(ORDERS, (np.argsort(key) for key in (-new[:, 0], new[:, 0], -today, today)), strict=True))
    designs = {
        (order, waves): exposure_of(
            starts_in_waves(orders[order], waves=waves), today, ceiling, periods=periods, ramp=1
        )
        for order, waves in product(ORDERS, WAVES)
        if waves > 1 or order == ORDERS[0]
    }
    designs = {("own", 0): share.sel(mix="new").to_numpy(), **designs}
    parts = []
    for (order, waves), exposure in designs.items():
        frame = rollout_value(
            Rollout(exposure, new),
            incremental_benefit(scenario, results, wtp),
            effect,
            variation,
            analyses=list(range(1, periods)),
            discount_rate=discount_rate(scenario),
            reversal_cost=expected(table, research.reversal_cost),
            study_cost=expected(table, research.cost_per_year),
            rng=generator(seed, "rollout", 0),
        )
        parts.append(frame.loc[[frame["value"].idxmax()]].assign(order=order, waves=waves))
    return pd.concat(parts, ignore_index=True).sort_values("value", ascending=False, ignore_index=True)


def _matched(scenario: Scenario, table: xr.Dataset) -> tuple[np.ndarray, float]:
    """What the new strategy adds to the share of patients on matched treatment (draw), and that share with the comparator."""
    case = scenario.case
    matched = sorted({one.matched for one in case.classes.values() if one.matched})
    treated = simulate(table, case, horizon=1)["treated"].sel(management=matched).sum("management")
    by = [treated.sel(strategy=name).to_numpy() for name in (case.comparator, case.new)]
    return by[1] - by[0], float(by[0].mean())
