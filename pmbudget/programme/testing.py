"""What testing costs the laboratory and how many it keeps busy, beside the patients' own curves."""

import pandas as pd
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.patient.costing import Draws
from pmbudget.patient.outcomes import resource_coordinates
from pmbudget.programme.budget import budget_impact, full_time_posts
from pmbudget.programme.elsewhere import borne_elsewhere
from pmbudget.vocabulary import NATIONAL


def extra_posts(outcomes: xr.Dataset, draws: Draws, case: Case, strategy: str) -> xr.DataArray:
    """Full-time posts in the laboratory for one patient a year under a strategy, less those under the comparator (draw,)."""
    own = (outcomes["unit"] == "diagnostic_unit") & (outcomes["kind"] == "staff")
    minutes = outcomes["activity_once"].isel(resource=own.to_numpy()).sum("resource")
    more = minutes.sel(strategy=strategy, drop=True) - minutes.sel(strategy=case.comparator, drop=True)
    return full_time_posts(more, draws[case.productive_hours])


def testing_cost(
    draws: Draws,
    case: Case,
    regions: pd.DataFrame,
    *,
    laboratory: xr.DataArray,
    tested: xr.DataArray,
    held: xr.DataArray,
    beyond: xr.DataArray,
) -> tuple[xr.DataArray, xr.DataArray | None]:
    """Cost of tests of others than the eligible, and what others than the laboratory bear.

    Parameters
    ----------
    laboratory : DataArray
        (draw, strategy, …, resource): cash per person tested, at the year's prices.
    tested : DataArray
        (draw, mix, strategy, region, year), persons tested as the eligible are, by broad strategy.
    held : DataArray
        (draw, region, year): those of them who are at today's use, whatever they are tested with.
    beyond : DataArray
        (draw, mix, strategy, region, year): persons tested who are not eligible.

    Returns
    -------
    DataArray
        (draw, mix, region, year, resource), SEK: their tests.
    DataArray
        As that: moved from the laboratory to others, 0 in sum over resources; None where the laboratory bears all. It is another payer and
        no other use.
    """
    laboratory = laboratory.reset_coords(drop=True)
    order = [dim for dim in tested.dims if dim != "strategy"]
    cost = _described(case, _by_strategy(beyond, laboratory).transpose(*order, "resource"))
    if not case.borne_elsewhere:
        return cost, None
    # In a region and year all are tested with one strategy, so that each is held against today's use by itself.
    moved = [
        borne_elsewhere(
            draws,
            case.borne_elsewhere,
            regions,
            laboratory=laboratory.sel(strategy=name, drop=True),
            tested=tested.sel(strategy=name, drop=True),
            held=held,
        )
        for name in tested["strategy"].to_numpy()
    ]
    return cost, _described(case, sum(moved[1:], start=moved[0]))


def _by_strategy(persons: xr.DataArray, each: xr.DataArray) -> xr.DataArray:
    """Persons x what each comes to, summed over strategies one by one, since all at once are large."""
    names = persons["strategy"].to_numpy()
    parts = (persons.sel(strategy=name, drop=True) * each.sel(strategy=name, drop=True) for name in names)
    return sum(parts, start=xr.DataArray(0.0))


def _described(case: Case, cost: xr.DataArray) -> xr.DataArray:
    return cost.assign_coords(resource_coordinates(case, list(map(str, cost["resource"].to_numpy()))))


def staff_minutes(outcomes: xr.Dataset, starts: xr.DataArray, beyond: xr.DataArray, years: list[int]) -> xr.DataArray:
    """Minutes of each profession (draw, mix, year, resource) in the nation, for the patients and for the tests of others than these.

    Both are persons (draw, mix, strategy, region, year).
    """
    staff = (outcomes["kind"] == "staff").to_numpy()
    national = starts.sum("region").expand_dims(region=[NATIONAL])
    used = outcomes.drop_vars(["cost", "cost_once"]).rename(activity="cost", activity_once="cost_once")
    activity = used[[name for name in ("cost", "cost_once", "position") if name in used]].isel(resource=staff)
    minutes = budget_impact(activity, national).isel(region=0, drop=True).sel(year=years)
    once = outcomes["activity_once"].isel(resource=staff)
    laboratory = xr.DataArray((once["unit"] == "diagnostic_unit").to_numpy(), dims="resource")
    tests = beyond.sum("region").sel(year=years)
    return minutes + _by_strategy(tests, once * laboratory).transpose(*minutes.dims)
