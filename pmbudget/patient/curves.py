"""The course of the disease between two survival curves, by month; arrays have draws last (month, draw)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.courses import Curve
from pmbudget.patient.costing import Draws, by_draw, full
from pmbudget.patient.exposure import MONTHS, Cohort
from pmbudget.patient.survival import hazards, share_alive, survivors, through_point, unmixed


@dataclass(frozen=True)
class Baseline:
    """What the survival curves of all managements share, as hazards in each month (month, draw): the general population's, and those of the
    reference's curves at hazard ratio 1.
    """

    population: np.ndarray
    progression_free: np.ndarray
    overall: np.ndarray


def baseline(draws: Draws, case: Case, shares: xr.Variable, years: int) -> Baseline | None:
    """The baseline of a case of survival curves, None for moves; ``shares`` (true_class, …) are those of patients in general."""
    if not case.has_curves:
        return None
    growth, rate = (by_draw(draws, [name]) for name in (case.mortality.growth, case.mortality.rate))
    time = np.arange(years * MONTHS + 1)[:, np.newaxis] / MONTHS
    population = hazards(share_alive("gompertz", time, shape=growth, rate=rate))
    progression_free, overall = (
        _reference(draws, case, which, shares, population) for which in ("progression_free", "overall")
    )
    return Baseline(population, progression_free, overall)


def between_curves(draws: Draws, case: Case, management: str, shared: Baseline) -> Iterator[Cohort]:
    """Those under a management between its two curves: each true class with its prognosis on the reference's, or all alike on its own.

    Nobody dies more slowly than the general population, and progression-free survival is held below overall survival. Those who die have
    progressed first.
    """
    plan, reference = case.managements[management], case.managements[case.reference]
    inherits = plan is reference or plan.overall is None
    source = reference if inherits else plan
    seen = {
        which: getattr(shared, which) if inherits else hazards(_seen(draws, getattr(source, which), shared.population))
        for which in ("overall", "progression_free")
        if which == "overall" or not plan.starts_in
    }
    for true_class in case.classes.values() if inherits else [None]:
        hazard = {}
        for which, before in seen.items():
            curve = getattr(source, which)
            everyday = [case.real_world] if case.real_world and not curve.everyday else []
            prognosis = getattr(true_class, f"prognosis_{which}") if true_class else ()
            ratios = (*curve.hazard_ratios, *plan.hazard_ratios, *everyday, *prognosis)
            hazard[which] = before * _ratio_by_month(draws, curve, ratios, len(before))
        alive = survivors(np.maximum(hazard["overall"], shared.population))
        free = survivors(hazard["progression_free"]) if "progression_free" in hazard else np.zeros_like(alive)
        yield _cohort(case, free, alive)


def _cohort(case: Case, free: np.ndarray, alive: np.ndarray) -> Cohort:
    first, second, _ = case.states
    crossings = np.count_nonzero(free > alive) / free.size
    np.minimum(free, alive, out=free)
    occupied = {first: free, second: alive - free}
    left = {first: free[:-1] - free[1:], second: alive[:-1] - alive[1:]}
    return Cohort(
        occupied=occupied,
        entered={"on_progression": left[first], "on_death": left[second]},
        died={second: left[second]},
        stayed={(state, months): _stayed(occupied[state], left[state], months) for state, months in case.stays},
        crossings=crossings,
    )


def _stayed(there: np.ndarray, left: np.ndarray, months: int) -> np.ndarray:
    """Of those in a state (point, draw) those who entered it at least so many months before.

    Two curves do not tell who leaves. In each month all in the state are taken to leave at one rate, whenever they entered it, and those
    who enter in that month are there for half of it: the share left / (there + entered / 2) leaves. Hence
    stayed(t) = there(t - months) x product of (1 - share) over the months between; exact where the rate varies with time since start
    only, and where nobody enters.
    """
    entered = there[1:] - there[:-1] + left
    at_risk = there[:-1] + entered / 2
    share = np.divide(left, at_risk, out=np.ones_like(left), where=at_risk > 0)
    stay = 1 - np.minimum(share, 1.0)
    found = np.zeros_like(there)
    still = there[: max(len(there) - months, 0)].copy()
    for month in range(months):
        still *= stay[month : month + len(still)]
    found[months:] = still
    return found


def _reference(draws: Draws, case: Case, which: str, shares: xr.Variable, population: np.ndarray) -> np.ndarray:
    """Hazards of the reference's curve at hazard ratio 1, solved for where the curve was seen in a mixture of classes."""
    curve: Curve = getattr(case.managements[case.reference], which)
    seen = _seen(draws, curve, population)
    if curve.describes:
        places = [list(case.classes).index(name) for name in curve.describes]
        share = full(shares, true_class=len(case.classes), draw=draws.sizes["draw"])[places]
        prognoses = [getattr(case.classes[name], f"prognosis_{which}") for name in curve.describes]
        ratio = np.stack([by_draw(draws, names) for names in prognoses])
        seen = unmixed(seen, share / share.sum(axis=0), ratio)
    return hazards(seen)


def _seen(draws: Draws, curve: Curve, population: np.ndarray) -> np.ndarray:
    """The curve as it was seen, before any hazard ratio (point, draw)."""
    seen = _through_its_point(draws, curve, np.arange(len(population) + 1))
    if curve.net:
        seen = seen * survivors(population)
    if curve.cured:
        cured = by_draw(draws, [curve.cured])
        seen = cured * survivors(population) + (1 - cured) * seen
    return seen


def _through_its_point(draws: Draws, curve: Curve, months: np.ndarray) -> np.ndarray:
    """The curve of the family that is true in each draw, through the reported point (point, draw)."""
    drawn = draws.sizes["draw"]
    alive = by_draw(draws, [curve.alive]) if curve.alive else np.full(drawn, 0.5)
    time = by_draw(draws, [curve.median]) if curve.median else np.full(drawn, curve.at_month)
    place = by_draw(draws, [curve.choice]) if curve.choice else np.zeros(drawn)
    if not np.isin(place, range(len(curve.families))).all():
        known = ", ".join(curve.families)
        raise ValueError(f"{curve.choice} must be a place from 0 to {len(curve.families) - 1} among {known}")
    found = np.empty((len(months), drawn))
    for number, (family, shape) in enumerate(curve.families.items()):
        own = np.flatnonzero(place == number)
        bend = by_draw(draws, [shape])[own] if shape else None
        parameters = through_point(family, alive[own], time[own], bend)
        found[:, own] = share_alive(family, months[:, np.newaxis], **parameters)
    return found


def _ratio_by_month(draws: Draws, curve: Curve, names: Sequence[str], months: int) -> np.ndarray:
    """The hazard ratio (draw,), or by month (month, draw) where it changes on the way."""
    ratio = by_draw(draws, names)
    if not curve.later:
        return ratio
    starts = [0, *(window.from_month for window in curve.later)]
    ratios = np.stack([ratio, *(ratio * by_draw(draws, window.hazard_ratios) for window in curve.later)])
    return ratios[np.searchsorted(starts, np.arange(months), side="right") - 1]
