"""Cost, activity and QALY per patient, per strategy, per year since start: one model, read by budget and cost-effectiveness alike."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import CareItem, Case, Curve, Item
from pmbudget.patient.cohort import STATES, partitioned_survival
from pmbudget.patient.costing import Draws, item_use, product, stacked
from pmbudget.patient.survival import bounded_by_population, survival_curve, weibull_scale
from pmbudget.patient.tree import Pathway, class_shares, walk_pathway

MONTHS = 12
DAYS_IN_MONTH = 365.25 / 12


def simulate(draws: Draws, case: Case, *, horizon: int, by_class: bool = False) -> xr.Dataset:
    """What one patient costs and gains under each strategy.

    Parameters
    ----------
    draws : Dataset
        Parameters over ``draw``.
    case : Case
    horizon : int
        Years followed, month by month, by the trapezoid rule.
    by_class : bool
        Per patient of each true class, on a dim ``subgroup``, instead of per patient of the mixture; ``found`` is then missing for a
        class with nothing to find.

    Returns
    -------
    Dataset
        ``cost`` and ``activity`` (draw, strategy, year_since_start, resource) and ``cost_once``, ``activity_once``
        (draw, strategy, resource): SEK and the resource's measure per patient, undiscounted; ``qaly`` and ``life_years``
        (draw, strategy, year_since_start); ``treated`` (draw, strategy, management): share of patients; ``found`` (draw, strategy):
        share found of those with something to find; ``carriers`` (draw): their share of all, and ``mismatched_carriers``
        (draw, strategy): the share of all who are carriers and treated for another target than their own. Coordinates ``unit``,
        ``kind`` and ``in_budget`` stand on ``resource``;
        ``attrs["crossings"]`` is the share of curve points where progression-free survival was lowered to overall survival.
    """
    shares = _each_class(case) if by_class else class_shares(draws, case)
    paths = {name: walk_pathway(draws, case, name) for name in case.strategies}
    weights = stacked([path.managements for path in paths.values()], "strategy") * shares
    flows: dict[str, list[xr.Variable]] = defaultdict(list)
    once: dict[str, list[xr.Variable]] = defaultdict(list)
    qaly, life_years = xr.Variable((), 0.0), xr.Variable((), 0.0)
    first_year = xr.Variable("year_since_start", (np.arange(horizon) == 0).astype(float))
    crossings = []
    for place, (management, plan) in enumerate(case.managements.items()):
        treated = weights.isel(management=place)
        exposure, crossed = _exposures(draws, case, management, horizon)
        crossings.append(crossed)
        spent = {key: _over_classes(value, treated) for key, value in exposure.items()}
        started = treated.sum("true_class")
        free, progressed = spent["progression_free", None] / MONTHS, spent["progressed", None] / MONTHS
        life_years = life_years + free + progressed
        qaly = qaly + free * product(draws, [case.utility_progression_free])
        qaly = qaly + progressed * product(draws, [case.utility_progressed])
        for loss in plan.qaly_loss:
            qaly = qaly - started * product(draws, loss) * first_year
        for item in (*plan.items, *case.items_for_all):
            if item.when == "start":
                once[item.resource].append(_used(draws, case, item, started))
            else:
                number = spent[item.when, item.until_month] * _times_a_month(item)
                flows[item.resource].append(_used(draws, case, item, number))
    for each, number in _diagnostic_use(case, paths, shares):
        once[each.resource].append(_used(draws, case, each, number))
    carriers = shares * xr.Variable("true_class", [float(one.matched is not None) for one in case.classes.values()])
    something = carriers.sum("true_class")
    found = stacked([path.found for path in paths.values()], "strategy")
    running, at_start = _by_resource(case, flows), _by_resource(case, once)
    variables = {
        "activity": running.isel(measure=0),
        "cost": running.isel(measure=1),
        "activity_once": at_start.isel(measure=0),
        "cost_once": at_start.isel(measure=1),
        "qaly": qaly,
        "life_years": life_years,
        "treated": weights.sum("true_class"),
        "found": (found * carriers).sum("true_class") / something.where(something > 0),
        "carriers": something,
        "mismatched_carriers": _mismatched(case, paths, carriers),
    }
    order = ("draw", "strategy", "subgroup", "management", "year_since_start", "resource")
    full = {"draw": draws.sizes["draw"], "strategy": len(paths)}
    return xr.Dataset(
        {
            name: value.set_dims({**full, **value.sizes}).transpose(
                *(dim for dim in order if dim in {*full, *value.dims})
            )
            for name, value in variables.items()
        },
        coords={
            "strategy": list(paths),
            "management": list(case.managements),
            "year_since_start": np.arange(horizon),
            **resource_coordinates(case, _resources(case)),
            **({"subgroup": list(case.classes)} if by_class else {}),
        },
        attrs={"crossings": float(np.mean(crossings))},
    )


def _each_class(case: Case) -> xr.Variable:
    """Shares (subgroup, true_class) of as many groups as there are classes, each of one class alone."""
    return xr.Variable(("subgroup", "true_class"), np.eye(len(case.classes)))


def occupancy_by_strategy(draws: Draws, case: Case, *, horizon: int) -> xr.DataArray:
    """Share of patients in each state (draw, strategy, cycle, state), monthly cycles 0 … 12 x ``horizon``."""
    shares = class_shares(draws, case)
    weights = stacked([walk_pathway(draws, case, name).managements for name in case.strategies], "strategy") * shares
    total = xr.Variable((), 0.0)
    for place, management in enumerate(case.managements):
        curves = (_curve(draws, case, management, which, horizon) for which in ("progression_free", "overall"))
        total = total + _over_classes(partitioned_survival(*curves).variable, weights.isel(management=place))
    coords = {"strategy": list(case.strategies), "state": list(STATES)}
    full = total.set_dims({"draw": draws.sizes["draw"], **total.sizes})
    return xr.DataArray(full.transpose("draw", "strategy", "cycle", "state"), coords=coords)


def _mismatched(case: Case, paths: dict[str, Pathway], carriers: xr.Variable) -> xr.Variable:
    place = list(case.managements).index(case.mismatched)
    return (stacked([path.managements.isel(management=place) for path in paths.values()], "strategy") * carriers).sum(
        "true_class"
    )


def _over_classes(value: xr.Variable, treated: xr.Variable) -> xr.Variable:
    if "true_class" not in value.dims:
        return value * treated.sum("true_class")
    return xr.dot(xr.DataArray(value), xr.DataArray(treated), dim="true_class").variable


def _used(draws: Draws, case: Case, item: Item, number: xr.Variable) -> xr.Variable:
    """What an item used ``number`` times comes to: (measure, …), the resource's measure and SEK."""
    quantity, cost = item_use(draws, case, item)
    return stacked([number * quantity, number * cost], "measure")


def _times_a_month(item: CareItem) -> float:
    return 1.0 if item.every_days is None else DAYS_IN_MONTH / item.every_days


def _diagnostic_use(case: Case, paths: dict[str, Pathway], shares: xr.Variable) -> Iterator[tuple[Item, xr.Variable]]:
    """Every item of the diagnostic pathway with the number of times it is used per patient (strategy, …)."""
    nothing = xr.zeros_like(shares)
    groups = [
        (test.items, [path.performed.get(name, nothing) for path in paths.values()])
        for name, test in case.tests.items()
    ]
    groups.append((case.pathway.rebiopsy_items, [path.rebiopsies for path in paths.values()]))
    groups.append((case.pathway.positive_items, [path.positives for path in paths.values()]))
    for items, numbers in groups:
        number = (stacked(numbers, "strategy") * shares).sum("true_class")
        for item in items:
            yield item, number


def _resources(case: Case) -> list[str]:
    return [name for name, resource in case.resources.items() if resource.kind != "transition"]


def _by_resource(case: Case, parts: dict[str, list[xr.Variable]]) -> xr.Variable:
    nothing = xr.Variable("measure", [0.0, 0.0])
    return stacked([sum(parts[name], start=nothing) for name in _resources(case)], "resource")


def resource_coordinates(case: Case, names: list[str]) -> dict[str, tuple[str, list]]:
    """The coordinates of a resource dimension: its names, the unit that performs each, its kind, whether the budget holds it."""
    chosen = [case.resources[name] for name in names]
    return {
        "resource": ("resource", names),
        "unit": ("resource", [resource.unit for resource in chosen]),
        "kind": ("resource", [resource.kind for resource in chosen]),
        "in_budget": ("resource", [resource.in_budget for resource in chosen]),
    }


Exposure = dict[tuple[str, int | None], xr.Variable]


def _exposures(draws: Draws, case: Case, management: str, horizon: int) -> tuple[Exposure, float]:
    """Months in each state, progressions and deaths by year since start (…[, true_class], year_since_start), and crossings."""
    occupancy = partitioned_survival(
        _curve(draws, case, management, "progression_free", horizon),
        _curve(draws, case, management, "overall", horizon),
    )
    crossed = occupancy.attrs["crossings"] / (occupancy.size / occupancy.sizes["state"])
    free, progressed, dead = (occupancy.sel(state=name).variable for name in ("progression_free", "progressed", "dead"))
    in_state = (free.isel(cycle=slice(1, None)) + free.isel(cycle=slice(None, -1))) / 2
    ends = {item.until_month for item in case.managements[management].items if item.when == "progression_free"}
    exposure: Exposure = {("progression_free", end): _in_years(in_state, end) for end in {None, *ends}}
    exposure["progressed", None] = _in_years(
        (progressed.isel(cycle=slice(1, None)) + progressed.isel(cycle=slice(None, -1))) / 2
    )
    exposure["on_progression", None] = _in_years(free.isel(cycle=slice(None, -1)) - free.isel(cycle=slice(1, None)))
    exposure["on_death", None] = _in_years(dead.isel(cycle=slice(1, None)) - dead.isel(cycle=slice(None, -1)))
    return exposure, crossed


def _in_years(monthly: xr.Variable, until: int | None = None) -> xr.Variable:
    values = monthly.to_numpy()
    if until is not None:
        values = np.where(np.arange(values.shape[-1]) < until, values, 0.0)
    yearly = values.reshape(*values.shape[:-1], -1, MONTHS).sum(axis=-1)
    return xr.Variable((*monthly.dims[:-1], "year_since_start"), yearly)


def _curve(draws: Draws, case: Case, management: str, which: str, horizon: int) -> xr.DataArray:
    """A management's curve (…[, true_class], cycle): the reference curve carries each true class's prognosis, one of its own none.

    Nobody dies more slowly than the general population; progression-free survival is held below overall survival elsewhere.
    """
    plan = case.managements[management]
    own: Curve | None = getattr(plan, which)
    curve: Curve = own or getattr(case.managements[case.reference], which)
    shape = product(draws, [curve.shape])
    if curve.alive is not None:
        scale = weibull_scale(product(draws, [curve.alive]), curve.at_month, shape)
    else:
        scale = weibull_scale(0.5, product(draws, [str(curve.median)]), shape)
    months = np.arange(horizon * MONTHS + 1)
    baseline = survival_curve(curve.family, months, shape=xr.DataArray(shape), scale=xr.DataArray(scale)).variable
    ratio = product(draws, [case.real_world, *curve.hazard_ratios, *plan.hazard_ratios])
    if own is None or management == case.reference:
        prognoses = [getattr(one, f"prognosis_{which}") for one in case.classes.values()]
        ratio = stacked([ratio * product(draws, prognosis) for prognosis in prognoses], "true_class")
    found = xr.DataArray((baseline**ratio).transpose(..., "cycle"))
    if which == "progression_free":
        return found
    rate, growth = (
        xr.DataArray(product(draws, [name])) for name in (case.population_mortality, case.population_mortality_growth)
    )
    return bounded_by_population(found, survival_curve("gompertz", months / MONTHS, shape=growth, rate=rate))
