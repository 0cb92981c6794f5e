"""The course of the disease under a management, by survival curves or by moves, whichever the case has."""

import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.patient.costing import Draws
from pmbudget.patient.curves import Baseline, between_curves, course_of_curves
from pmbudget.patient.exposure import Course
from pmbudget.patient.moves import course_of_moves, traces


def course(draws: Draws, case: Case, management: str, shared: Baseline | None, horizon: int) -> Course:
    """The course under a management.

    Parameters
    ----------
    draws : Dataset
        Parameters over ``draw``.
    case : Case
    management : str
    shared : Baseline, optional
        As from :func:`baseline`; none for a case of moves.
    horizon : int
        Years followed; in each cycle what accrues evenly is counted by the trapezoid rule.
    """
    ends = {item.until_month for item in (*case.managements[management].items, *case.items_for_all) if item.runs}
    if shared is not None:
        return course_of_curves(draws, case, management, shared, ends)
    return course_of_moves(draws, case, management, horizon, ends)


def occupancy(draws: Draws, case: Case, management: str, shared: Baseline | None, horizon: int) -> xr.Variable:
    """Share of patients in each state (…[, true_class], cycle, state) at cycles 0 … horizon x cycles a year."""
    if shared is not None:
        return between_curves(draws, case, management, shared).variable
    stretches = [
        trace.sum("time_in_state").isel(cycle=slice(int(first > 0), None))
        for first, trace, _ in traces(draws, case, management, horizon)
    ]
    return xr.concat(stretches, dim="cycle").variable
