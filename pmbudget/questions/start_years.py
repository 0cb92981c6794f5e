"""What a patient is worth by the year of the start, at the prices then met, and what the budget would be if drugs' prices stood still."""

from dataclasses import replace

import xarray as xr

from pmbudget.appraisal.cea import net_monetary_benefit
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import increment
from pmbudget.programme.spending import cost_met
from pmbudget.questions.national import discount_rate, national_use
from pmbudget.road import Results, answered, scenario_draws, walk_blocks
from pmbudget.vocabulary import BLOCK

FEW = 2 * BLOCK
"""The most draws that the budget at still prices is walked with: the difference is paired, and its error small."""


def benefit_by_start(scenario: Scenario, results: Results, *, wtp: float) -> xr.DataArray:
    """What the new strategy adds for a patient who starts in a year (draw, year), SEK: wtp x QALYs - cost at the prices of that course."""
    benefit = net_monetary_benefit(results.spending.strategy_cost, results.per_patient.qaly, wtp)
    return increment(benefit, scenario.case).transpose("draw", "year")


def at_prices_met(scenario: Scenario, results: Results) -> Results:
    """The same results with one patient's cost that of those who start in the years shown, at the prices that each of them meets.

    A strategy's cost is the mean over the years of the start, weighted by expected patients and present value, so that a value per patient
    times discounted patients is the value of all who start. What is carried to the country is carried from here.
    """
    patients, _ = national_use(scenario, results)
    cost = cost_met(results.spending.strategy_cost, patients.to_xarray(), rate=discount_rate(scenario))
    return replace(results, per_patient=replace(results.per_patient, cost=cost))


def moved_by_prices(scenario: Scenario, results: Results, *, draws: int, seed: int) -> xr.DataArray:
    """What the drugs' dated prices add to the nation's net budget against today's use (draw, year, payer), SEK: dated less static.

    Of the first ``FEW`` draws, paired; the scenario is walked once more with prices that stand still. 0 where no price has a path.
    """
    some = min(draws, FEW)
    dated = _net(results).isel(draw=slice(some))

    def walk() -> xr.Dataset:
        still = scenario.with_prices("static")
        blocks = walk_blocks(still, scenario_draws(still, draws=some, seed=seed), seed=seed)
        return xr.concat([_net(block) for block in blocks], dim="draw").to_dataset(name="net")

    if not scenario.price_paths:
        return xr.zeros_like(dated)
    return dated - answered(results, "static prices", walk, draws=some, seed=seed)["net"]


def _net(results: Results) -> xr.DataArray:
    return results.settlement.net_budget("today").sum("region", skipna=False).transpose("draw", "year", "payer")
