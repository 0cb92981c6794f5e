"""What an agreement costs where it moves nobody: its effect on the pace is an assumption."""

import xarray as xr

from pmbudget.inputs.scenarios import Scenario
from pmbudget.road import Results, answered, scenario_draws, walk_blocks


def added_without_effect(scenario: Scenario, results: Results, *, draws: int, seed: int) -> xr.DataArray:
    """What the agreement would add to the nation's budget if it did not move the pace (draw, year, payer), SEK.

    New less unplanned, as :meth:`pmbudget.financing.settlement.Settlement.net_budget`, with the parameter ``agreement_effect`` of the
    case's uptake at 0 and all else as it was.
    """

    def walk() -> xr.Dataset:
        unmoved = scenario.with_value(scenario.case.uptake.agreement_effect, 0.0)
        blocks = walk_blocks(unmoved, scenario_draws(unmoved, draws=draws, seed=seed), seed=seed)
        return xr.concat([added(block) for block in blocks], dim="draw").to_dataset(name="added")

    if scenario.agreement is None:
        return added(results)
    return answered(results, "no effect", walk, draws=draws, seed=seed)["added"]


def added(results: Results) -> xr.DataArray:
    """What the agreement adds to the nation's budget (draw, year, payer), SEK."""
    return results.settlement.net_budget("unplanned").sum("region", skipna=False)
