"""What testing costs the laboratory and how many it keeps busy, beside the patients' own curves."""

import pandas as pd
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.patient.costing import Draws
from pmbudget.patient.outcomes import resource_coordinates
from pmbudget.patient.per_patient import increment
from pmbudget.programme.budget import budget_impact, full_time_posts
from pmbudget.programme.elsewhere import borne_elsewhere
from pmbudget.vocabulary import NATIONAL


def extra_posts(outcomes: xr.Dataset, draws: Draws, case: Case) -> xr.DataArray:
    """Full-time posts in the laboratory for one patient a year under the new strategy, less those under the comparator (draw,)."""
    own = (outcomes["unit"] == "diagnostic_unit") & (outcomes["kind"] == "staff")
    minutes = outcomes["activity_once"].isel(resource=own.to_numpy()).sum("resource")
    return full_time_posts(increment(minutes, case), draws[case.productive_hours])


def testing_cost(
    draws: Draws,
    case: Case,
    regions: pd.DataFrame,
    *,
    laboratory: xr.DataArray,
    tested: xr.DataArray,
    held: xr.DataArray,
    outside: xr.DataArray,
) -> tuple[xr.DataArray, xr.DataArray | None]:
    """Cost of tests outside the eligible population, and what others bear of all tests.

    Parameters
    ----------
    laboratory : DataArray
        (draw, …, resource): cash per test of the new strategy, at the year's prices.
    tested, outside : DataArray
        (draw, mix, region, year), persons inside and outside the eligible population.
    held : DataArray
        (draw, region, year): persons tested at today's use.

    Returns
    -------
    DataArray
        (draw, mix, region, year, resource), SEK: tests outside.
    DataArray
        As that: moved from the laboratory to others, 0 in sum over resources; None where the laboratory bears all. It is another payer and
        no other use.
    """
    cost = (outside * laboratory.reset_coords(drop=True)).transpose(*outside.dims, "resource")
    cost = _described(case, cost)
    if not case.borne_elsewhere:
        return cost, None
    moved = borne_elsewhere(draws, case.borne_elsewhere, regions, laboratory=laboratory, tested=tested, held=held)
    return cost, _described(case, moved)


def _described(case: Case, cost: xr.DataArray) -> xr.DataArray:
    return cost.assign_coords(resource_coordinates(case, list(map(str, cost["resource"].to_numpy()))))


def staff_minutes(
    outcomes: xr.Dataset, starts: xr.DataArray, outside: xr.DataArray, case: Case, years: list[int]
) -> xr.DataArray:
    """Minutes of each profession (draw, mix, year, resource) in the nation, for the patients and for tests outside them."""
    staff = (outcomes["kind"] == "staff").to_numpy()
    national = starts.sum("region").expand_dims(region=[NATIONAL])
    used = outcomes.drop_vars(["cost", "cost_once"]).rename(activity="cost", activity_once="cost_once")
    activity = used[[name for name in ("cost", "cost_once", "position") if name in used]].isel(resource=staff)
    minutes = budget_impact(activity, national).isel(region=0, drop=True).sel(year=years)
    beyond = outcomes["activity_once"].sel(strategy=case.new, drop=True).isel(resource=staff)
    laboratory = xr.DataArray((beyond["unit"] == "diagnostic_unit").to_numpy(), dims="resource")
    tests = outside.sum("region").sel(year=years)
    return minutes + (tests * beyond * laboratory).transpose(*minutes.dims)
