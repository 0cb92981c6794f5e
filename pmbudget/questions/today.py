"""What a scenario comes to where today's use is known: as long as it is assumed, it decides what there is left to introduce."""

import xarray as xr

from pmbudget.appraisal.worth import added_worth
from pmbudget.inputs.scenarios import Scenario
from pmbudget.programme.reach import share_reached
from pmbudget.questions.effect import added
from pmbudget.road import Results, answered, scenario_draws, walk_blocks
from pmbudget.vocabulary import BLOCK, REGION_PAYERS

FEW = 2 * BLOCK
"""Draws that each value of today's use is walked with, the first of the scenario's own: the values differ by more than their error."""


def at_known_use(scenario: Scenario, results: Results, *, draws: int, seed: int) -> xr.Dataset | None:
    """What the scenario comes to were today's use known to be each of the values that its case shows.

    The scenario is walked again with the parameter ``today`` of the case's uptake at the value and all else as it was drawn: the first
    ``FEW`` of the draws, so that values pair by draw.

    Returns
    -------
    Dataset
        Of :func:`figures_of`, with the dim ``value``; None for a case that shows none.
    """
    uptake = scenario.case.uptake
    if not uptake.shown_today:
        return None
    some = min(draws, FEW)

    def walk() -> xr.Dataset:
        known = [scenario.with_value(uptake.today, value) for value in uptake.shown_today]
        return xr.concat([_walked(one, some, seed) for one in known], dim="value").assign_coords(
            value=list(uptake.shown_today)
        )

    return answered(results, "known use today", walk, draws=some, seed=seed)


def _walked(scenario: Scenario, draws: int, seed: int) -> xr.Dataset:
    blocks = walk_blocks(scenario, scenario_draws(scenario, draws=draws, seed=seed), seed=seed)
    return xr.concat([figures_of(scenario, block) for block in blocks], dim="draw")


def figures_of(scenario: Scenario, results: Results) -> xr.Dataset:
    """What introduction costs, reaches and gains against today's use, by period.

    Returns
    -------
    Dataset
        (draw, period): ``net`` budget of all payers, ``state`` and ``regions`` (SEK, cash), ``added`` by the agreement to ``net``,
        ``reached``, the nation's share in the period's last year, ``qaly``; and ``inmb`` (draw, period, wtp), SEK.
    """
    net = results.settlement.net_budget("today").sum("region", skipna=False)
    budgets = {
        "net": net.sum("payer", skipna=False),
        "state": net.sel(payer="state", drop=True),
        "regions": net.sel(payer=[one for one in net["payer"].to_numpy() if one in REGION_PAYERS]).sum("payer"),
        "added": added(results).sum("payer", skipna=False),
    }
    share = share_reached(results.reach, scenario.case.broad, ("region",)).sel(mix="new", drop=True)
    worths, parts = added_worth(scenario, results.worth), []
    for period, years in scenario.periods.items():
        sums = {name: one.sel(year=years).sum("year", skipna=False) for name, one in budgets.items()}
        gained = worths["today", period]
        found = {
            **sums,
            "reached": share.sel(year=years[-1], drop=True),
            "qaly": gained["qaly"],
            "inmb": gained["inmb"],
        }
        parts.append(xr.Dataset({name: one.reset_coords(drop=True) for name, one in found.items()}))
    return xr.concat(parts, dim="period").assign_coords(period=list(scenario.periods))
