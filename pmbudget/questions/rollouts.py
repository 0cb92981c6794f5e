"""What the roll-out itself would teach: orders and paces of regions as experiments."""

from itertools import product

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.cea import net_monetary_benefit
from pmbudget.appraisal.rollout import Rollout, Variation, exposure_of, rollout_value, starts_in_waves
from pmbudget.evidence.draws import generator
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.outcomes import simulate
from pmbudget.programme.reach import persons_served
from pmbudget.questions.national import discount_rate, everybody, expected_value, increment_of_moved, proposals
from pmbudget.road import Results

WAVES = (1, 3, 5)
"""In how many yearly waves the regions of a stepped roll-out begin; 1 is all at once."""
ORDERS = ("largest", "smallest", "ahead", "behind")
"""Which regions of a stepped roll-out begin: those with most or fewest patients, with most or least use today."""
SPREADS = ("region", "period", "region_period")
"""How regions and years vary, by the case's parameters ``<name>_sd``."""


def rollout_designs(
    scenario: Scenario, draws: xr.Dataset, results: Results, *, wtp: float, seed: int
) -> pd.DataFrame | None:
    """Orders and paces of regions as experiments on the share of patients on matched treatment, and the scenario's own pace.

    Every design is analysed after each number of years and judged at the one that is worth most; the same random numbers serve all.

    Returns
    -------
    DataFrame
        Columns of :func:`pmbudget.appraisal.rollout_value` with ``order`` ("own" for the scenario's pace) and ``waves``; best first.
        SEK present value against no use of the new strategy: where another is in use today, against that for those who would have had it.
        None in a case that proposes nothing to find out.
    """
    if scenario.case.research is None:
        return None
    case, research = scenario.case, proposals(scenario).rollout
    codes = list(scenario.regions.index)
    people, served, on_new = (
        counted.sel(region=codes).mean("draw").transpose("mix", "region", "year")
        for counted in (everybody(results), *(persons_served(results.reach, of) for of in (case.broad, [case.new])))
    )
    new, ahead = people.sel(mix="new").to_numpy(), (served / people).sel(mix="today").isel(year=0).to_numpy()
    treated = _matched_treatment(scenario, draws)
    effect, level = increment_of_moved(scenario, results, treated), float(treated.sel(strategy=case.comparator).mean())
    spread = {name: expected_value(draws, getattr(research, f"{name}_sd")) for name in SPREADS}
    variation = Variation(patient=float(np.sqrt(level * (1 - level))), **spread)
    ceiling = expected_value(draws, case.uptake.ceiling)
    benefit = net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, wtp)
    parts = []
    gain = increment_of_moved(scenario, results, benefit).to_numpy()
    for (order, waves), exposure in _designs(new, on_new / people, ahead, ceiling).items():
        frame = rollout_value(
            Rollout(exposure, new),
            gain,
            effect.to_numpy(),
            variation,
            analyses=list(range(1, len(scenario.years))),
            discount_rate=discount_rate(scenario),
            reversal_cost=expected_value(draws, research.reversal_cost),
            study_cost=expected_value(draws, research.cost_per_year),
            rng=generator(seed, "rollout", 0),
        )
        parts.append(frame.loc[[frame["value"].idxmax()]].assign(order=order, waves=waves))
    return pd.concat(parts, ignore_index=True).sort_values("value", ascending=False, ignore_index=True)


def _designs(
    people: np.ndarray, share: xr.DataArray, ahead: np.ndarray, ceiling: float
) -> dict[tuple[str, int], np.ndarray]:
    """Exposure (region, year) of each order and number of waves, the scenario's own pace first.

    ``people`` (region, year) are persons of the mix ``new``, ``share`` (mix, region, year) of them on the new strategy, and ``ahead``
    (region,) the share broadly tested today.
    """
    today, first = share.sel(mix="today").isel(year=0).to_numpy(), people[:, 0]
    orders = dict(zip(ORDERS, (np.argsort(key) for key in (-first, first, -ahead, ahead)), strict=True))
    found = {("own", 0): share.sel(mix="new").to_numpy()}
    for order, waves in product(ORDERS, WAVES):
        if waves > 1 or order == ORDERS[0]:
            begun = starts_in_waves(orders[order], waves=waves)
            found[order, waves] = exposure_of(begun, today, ceiling, periods=people.shape[1], ramp=1)
    return found


def _matched_treatment(scenario: Scenario, draws: xr.Dataset) -> xr.DataArray:
    """The share of patients on matched treatment (draw, strategy)."""
    return simulate(draws, scenario.case, horizon=1)["on_path"].drop_sel(path="never").sum("path")
