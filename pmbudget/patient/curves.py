"""The course of the disease between two survival curves, by month."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.courses import Curve
from pmbudget.patient.cohort import partitioned_survival
from pmbudget.patient.costing import Draws, product, stacked
from pmbudget.patient.exposure import MONTHS, Course, in_years, middle
from pmbudget.patient.survival import (
    bounded_by_population,
    reference_curve,
    survival_curve,
    through_point,
    with_cure,
    with_hazard_ratios,
)


@dataclass(frozen=True)
class Baseline:
    """What the survival curves of all managements share, by month (…, cycle): the general population's survival and the reference's curves,
    those of hazard ratio 1.
    """

    population: xr.DataArray
    progression_free: xr.DataArray
    overall: xr.DataArray


def baseline(draws: Draws, case: Case, shares: xr.Variable, horizon: int) -> Baseline | None:
    """The baseline of a case of survival curves, None for moves; ``shares`` (true_class, …) are those of patients in general."""
    if not case.has_curves:
        return None
    years = np.arange(horizon * MONTHS + 1) / MONTHS
    rate, growth = (xr.DataArray(product(draws, [name])) for name in (case.mortality.rate, case.mortality.growth))
    population = survival_curve("gompertz", years, shape=growth, rate=rate)
    reference = {}
    for which in ("progression_free", "overall"):
        curve: Curve = getattr(case.managements[case.reference], which)
        seen = _seen(draws, curve, population)
        if curve.describes:
            places = [list(case.classes).index(name) for name in curve.describes]
            described = shares.isel(true_class=places)
            prognoses = [product(draws, getattr(case.classes[name], f"prognosis_{which}")) for name in curve.describes]
            seen = reference_curve(
                seen,
                xr.DataArray(described / described.sum("true_class")),
                xr.DataArray(stacked(prognoses, "true_class")),
            )
        reference[which] = seen
    return Baseline(population, **reference)


def between_curves(draws: Draws, case: Case, management: str, shared: Baseline) -> xr.DataArray:
    """Occupancy between a management's two curves (…[, true_class], cycle, state)."""
    overall = _curve(draws, case, management, "overall", shared)
    if case.managements[management].starts_in is not None:
        return partitioned_survival(xr.zeros_like(overall), overall)
    return partitioned_survival(_curve(draws, case, management, "progression_free", shared), overall)


def course_of_curves(draws: Draws, case: Case, management: str, shared: Baseline, ends: set[int | None]) -> Course:
    """The course between two curves; ``ends`` are the months until which something is counted."""
    states = between_curves(draws, case, management, shared)
    crossings = states.attrs["crossings"] / (states.size / states.sizes["state"])
    by_name = {str(name): states.sel(state=name).variable for name in states["state"].to_numpy()}
    years = {
        (name, end): in_years(middle(by_name[name]) / MONTHS, MONTHS, end)
        for name in list(case.states)[:-1]
        for end in {None, *ends}
    }
    free, _, dead = by_name.values()
    entries = {
        "on_progression": in_years(free.isel(cycle=slice(None, -1)) - free.isel(cycle=slice(1, None)), MONTHS),
        "on_death": in_years(dead.isel(cycle=slice(1, None)) - dead.isel(cycle=slice(None, -1)), MONTHS),
    }
    return Course(years, entries, crossings)


def _curve(draws: Draws, case: Case, management: str, which: str, shared: Baseline) -> xr.DataArray:
    """A management's curve (…[, true_class], cycle): the reference curve carries each true class's prognosis, one of its own none.

    Nobody dies more slowly than the general population; progression-free survival is held below overall survival elsewhere.
    """
    plan, is_reference = case.managements[management], management == case.reference
    own: Curve | None = None if is_reference else getattr(plan, which)
    curve: Curve = own or getattr(case.managements[case.reference], which)
    everyday = [case.real_world] if case.real_world and not curve.everyday else []
    ratio = product(draws, [*curve.hazard_ratios, *plan.hazard_ratios, *everyday])
    if own is None:
        prognoses = [product(draws, getattr(one, f"prognosis_{which}")) for one in case.classes.values()]
        ratio = stacked([ratio * prognosis for prognosis in prognoses], "true_class")
    seen = getattr(shared, which) if own is None else _seen(draws, own, shared.population)
    found = with_hazard_ratios(seen, _by_cycle(draws, curve, xr.DataArray(ratio), seen.sizes["cycle"] - 1))
    return found if which == "progression_free" else bounded_by_population(found, shared.population)


def _seen(draws: Draws, curve: Curve, population: xr.DataArray) -> xr.DataArray:
    """The curve as it was seen, before any hazard ratio."""
    seen = _through_its_point(draws, curve, np.arange(population.sizes["cycle"]))
    if curve.net:
        seen = seen * population
    return with_cure(seen, xr.DataArray(product(draws, [curve.cured])), population) if curve.cured else seen


def _through_its_point(draws: Draws, curve: Curve, months: np.ndarray) -> xr.DataArray:
    """The curve of the family that is true in each draw, through the reported point."""
    alive = xr.DataArray(product(draws, [curve.alive])) if curve.alive else 0.5
    time = curve.at_month or xr.DataArray(product(draws, [str(curve.median)]))
    drawn = [
        survival_curve(
            family,
            months,
            **{
                name: xr.DataArray(value)
                for name, value in through_point(
                    family, alive, time, xr.DataArray(product(draws, [shape])) if shape else None
                ).items()
            },
        )
        for family, shape in curve.families.items()
    ]
    if curve.choice is None:
        return drawn[0]
    place = xr.DataArray(product(draws, [curve.choice]))
    if not bool(place.isin(range(len(drawn))).all()):
        raise ValueError(f"{curve.choice} must be a place from 0 to {len(drawn) - 1} among {', '.join(curve.families)}")
    return sum((one.where(place == number, 0.0) for number, one in enumerate(drawn)), start=xr.DataArray(0.0))


def _by_cycle(draws: Draws, curve: Curve, ratio: xr.DataArray, cycles: int) -> xr.DataArray:
    """The hazard ratio, by cycle where it changes on the way."""
    if not curve.later:
        return ratio
    starts = [0, *(window.from_month for window in curve.later)]
    ratios = [xr.DataArray(1.0), *(xr.DataArray(product(draws, window.hazard_ratios)) for window in curve.later)]
    holds = np.searchsorted(starts, np.arange(cycles), side="right") - 1
    return ratio * xr.concat(xr.broadcast(*ratios), dim="cycle").isel(cycle=holds)
