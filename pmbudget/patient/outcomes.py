"""Cost, activity and QALY per patient, per strategy, per year since start: one model, read by budget and cost-effectiveness alike."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.items import CareItem, Item
from pmbudget.patient.costing import Draws, item_use, product, stacked
from pmbudget.patient.course import course, occupancy
from pmbudget.patient.curves import baseline
from pmbudget.patient.tree import Pathway, class_shares, untested, walk_pathway

DAYS_IN_YEAR = 365.25


def simulate(
    draws: Draws,
    case: Case,
    *,
    horizon: int,
    by_class: bool = False,
    beside: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """What one patient costs and gains under each strategy: the test-treat pathway and the long run behind it, on one set of draws.

    Parameters
    ----------
    draws : Dataset
        Parameters over ``draw``.
    case : Case
    horizon : int
        Years followed, cycle by cycle, by the trapezoid rule.
    by_class : bool
        Per patient of each true class, on a dim ``subgroup``, instead of per patient of the mixture; shares of carriers are then missing
        for a class with nothing to find.
    beside : mapping of str to str, optional
        Further labels of ``strategy``: patients who reach the management named without any test, such as those lost while they wait.

    Returns
    -------
    Dataset
        ``cost`` and ``activity`` (draw, strategy, year_since_start, resource) and ``cost_once``, ``activity_once``
        (draw, strategy, resource): SEK and the resource's measure per patient, undiscounted; ``qaly`` and ``life_years``
        (draw, strategy, year_since_start). Carriers among relatives, where the case follows them, are in all of these, per patient, from
        the patient's own start.

        ``treated`` (draw, strategy, management): share of patients; ``carriers`` (draw): share with something to find; ``found`` and
        ``in_time`` (draw, strategy): share of carriers found, and found in time; ``mismatched`` and ``mismatched_carriers``
        (draw, strategy): share of patients treated on a wrong answer, and of patients who are carriers of something else and are so. Per
        patient (draw, strategy): ``uncertain``, variants of unknown significance; ``incidental``, findings outside the question;
        ``relatives_tested`` and ``relatives_found``, carriers who were not known before.

        Coordinates ``unit``, ``kind`` and ``in_budget`` stand on ``resource``; ``attrs["crossings"]`` is the share of curve points where
        progression-free survival was lowered to overall survival.

    Raises
    ------
    ValueError
        A probability of the pathway outside 0-1: strategy, node and draw are named.
    """
    mixture = class_shares(draws, case)
    shares = _each_class(case) if by_class else mixture
    paths = {name: walk_pathway(draws, case, name) for name in case.strategies}
    paths |= {name: untested(draws, case, management) for name, management in (beside or {}).items()}
    patients = stacked([path.managements for path in paths.values()], "strategy") * shares
    weights = _with_relatives(case, paths, patients, shares)
    flows: dict[str, list[xr.Variable]] = defaultdict(list)
    once: dict[str, list[xr.Variable]] = defaultdict(list)
    qaly, life_years = xr.Variable((), 0.0), xr.Variable((), 0.0)
    first_year = xr.Variable("year_since_start", (np.arange(horizon) == 0).astype(float))
    utilities = {name: product(draws, one.utility) for name, one in case.states.items() if one.utility is not None}
    shared, crossings = baseline(draws, case, mixture, horizon), []
    for place, (management, plan) in enumerate(case.managements.items()):
        treated = weights.isel(management=place)
        followed = course(draws, case, management, shared, horizon)
        crossings.append(followed.crossings)
        years = {key: _over_classes(value, treated) for key, value in followed.years.items()}
        entries = {name: _over_classes(value, treated) for name, value in followed.entries.items()}
        started = treated.sum("true_class")
        for state, utility in utilities.items():
            life_years = life_years + years[state, None]
            qaly = qaly + years[state, None] * utility
        for sign, once_qaly in ((1, plan.qaly_gain), (-1, plan.qaly_loss)):
            for names in once_qaly:
                qaly = qaly + sign * started * product(draws, names) * first_year
        for item in (*plan.items, *case.items_for_all):
            if item.when == "start":
                once[item.resource].append(_used(draws, case, item, started))
            elif item.runs:
                number = years[item.when, item.until_month] * _times_a_year(item)
                flows[item.resource].append(_used(draws, case, item, number))
            else:
                flows[item.resource].append(_used(draws, case, item, entries[item.when]))
    for each, number in _diagnostic_use(case, paths, shares):
        once[each.resource].append(_used(draws, case, each, number))
    for names, number in _incidental_qaly(case, paths, shares):
        qaly = qaly + number * product(draws, names) * first_year
    carriers = shares * xr.Variable("true_class", [float(one.matched is not None) for one in case.classes.values()])
    something = carriers.sum("true_class")
    found, in_time = (
        stacked([getattr(path, name) for path in paths.values()], "strategy") for name in ("found", "in_time")
    )
    running = _by_resource(case, flows, xr.Variable(("measure", "year_since_start"), np.zeros((2, horizon))))
    at_start = _by_resource(case, once, xr.Variable("measure", np.zeros(2)))
    variables = {
        "activity": running.isel(measure=0),
        "cost": running.isel(measure=1),
        "activity_once": at_start.isel(measure=0),
        "cost_once": at_start.isel(measure=1),
        "qaly": qaly,
        "life_years": life_years,
        "treated": patients.sum("true_class"),
        "found": (found * carriers).sum("true_class") / something.where(something > 0),
        "in_time": (in_time * carriers).sum("true_class") / something.where(something > 0),
        "carriers": something,
        "mismatched": _per_patient([path.mismatched for path in paths.values()], shares),
        "mismatched_carriers": _per_patient([path.mismatched for path in paths.values()], carriers),
        "uncertain": _per_patient([sum(path.uncertain.values(), start=_none(case)) for path in paths.values()], shares),
        "incidental": _per_patient(
            [sum(path.incidental.values(), start=_none(case)) for path in paths.values()], shares
        ),
        "relatives_tested": _per_patient([path.relatives_tested for path in paths.values()], shares),
        "relatives_found": _per_patient([path.relatives_found for path in paths.values()], shares),
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
    """Share in each state (draw, strategy, cycle, state) at cycles 0 … horizon x cycles a year.

    It is of patients, and of the carriers among relatives where the case follows them.
    """
    shares = class_shares(draws, case)
    paths = {name: walk_pathway(draws, case, name) for name in case.strategies}
    patients = stacked([path.managements for path in paths.values()], "strategy") * shares
    weights = _with_relatives(case, paths, patients, shares)
    weights = weights / weights.sum(["management", "true_class"])
    shared, total = baseline(draws, case, shares, horizon), xr.Variable((), 0.0)
    for place, management in enumerate(case.managements):
        total = total + _over_classes(
            occupancy(draws, case, management, shared, horizon), weights.isel(management=place)
        )
    coords = {"strategy": list(case.strategies), "state": list(case.states)}
    full = total.set_dims({"draw": draws.sizes["draw"], **total.sizes})
    return xr.DataArray(full.transpose("draw", "strategy", "cycle", "state"), coords=coords)


def _none(case: Case) -> xr.Variable:
    return xr.Variable("true_class", np.zeros(len(case.classes)))


def _per_patient(numbers: list[xr.Variable], shares: xr.Variable) -> xr.Variable:
    """Numbers by true class and strategy, over all patients (strategy, …)."""
    return (stacked(numbers, "strategy") * shares).sum("true_class")


def _with_relatives(case: Case, paths: dict[str, Pathway], patients: xr.Variable, shares: xr.Variable) -> xr.Variable:
    """Numbers under each management (strategy, management, true_class, …) with the carriers among relatives, acted on and not."""
    cascade = case.relatives
    if cascade is None or cascade.found is None:
        return patients
    found, unfound = (
        stacked([getattr(path, name) for path in paths.values()], "strategy") * shares
        for name in ("relatives_acted_on", "relatives_left")
    )
    places = xr.Variable("management", np.arange(len(case.managements)))
    names = list(case.managements)
    return (
        patients
        + found * (places == names.index(cascade.found))
        + unfound * (places == names.index(str(cascade.unfound)))
    )


def _over_classes(value: xr.Variable, treated: xr.Variable) -> xr.Variable:
    if "true_class" not in value.dims:
        return value * treated.sum("true_class")
    return xr.dot(xr.DataArray(value), xr.DataArray(treated), dim="true_class").variable


def _used(draws: Draws, case: Case, item: Item, number: xr.Variable) -> xr.Variable:
    """What an item used ``number`` times comes to: (measure, …), the resource's measure and SEK."""
    quantity, cost = item_use(draws, case, item)
    return stacked([number * quantity, number * cost], "measure")


def _times_a_year(item: CareItem) -> float:
    assert item.every_days is not None
    return DAYS_IN_YEAR / item.every_days


def _diagnostic_use(case: Case, paths: dict[str, Pathway], shares: xr.Variable) -> Iterator[tuple[Item, xr.Variable]]:
    """Every item of the diagnostic pathway with the number of times it is used per patient (strategy, …)."""
    nothing = _none(case)
    groups: list[tuple[tuple[Item, ...], list[xr.Variable]]] = []
    for name, test in case.tests.items():
        groups.append((test.items, [path.performed.get(name, nothing) for path in paths.values()]))
        if test.uncertain:
            groups.append((test.uncertain.items, [path.uncertain.get(name, nothing) for path in paths.values()]))
        if test.incidental:
            groups.append((test.incidental.items, [path.incidental.get(name, nothing) for path in paths.values()]))
    if case.pathway.repeat:
        groups.append((case.pathway.repeat.items, [path.repeats for path in paths.values()]))
    groups.append((case.pathway.positive_items, [path.positives for path in paths.values()]))
    if case.relatives:
        groups.append((case.relatives.test_items, [path.relatives_tested for path in paths.values()]))
    for items, numbers in groups:
        number = _per_patient(numbers, shares)
        for item in items:
            yield item, number


def _incidental_qaly(
    case: Case, paths: dict[str, Pathway], shares: xr.Variable
) -> Iterator[tuple[tuple[str, ...], xr.Variable]]:
    """What a finding outside the question gains or costs, with the number of such findings per patient (strategy, …)."""
    for name, test in case.tests.items():
        if test.incidental:
            number = _per_patient([path.incidental.get(name, _none(case)) for path in paths.values()], shares)
            for names in test.incidental.qaly:
                yield names, number


def _resources(case: Case) -> list[str]:
    # What the change costs and what others bear of testing is no patient's use, but the programme's.
    programme = {part.resource for part in case.borne_elsewhere}
    return [
        name for name, resource in case.resources.items() if resource.kind != "transition" and name not in programme
    ]


def _by_resource(case: Case, parts: dict[str, list[xr.Variable]], nothing: xr.Variable) -> xr.Variable:
    return stacked([sum(parts[name], start=nothing) for name in _resources(case)], "resource")


def resource_coordinates(case: Case, names: list[str]) -> dict[str, tuple[str, list]]:
    """The coordinates of a resource dimension: its names, the unit that performs each, its kind and channel, whether in the budget."""
    chosen = [case.resources[name] for name in names]
    return {
        "resource": ("resource", names),
        "unit": ("resource", [resource.unit for resource in chosen]),
        "kind": ("resource", [resource.kind for resource in chosen]),
        "channel": ("resource", [resource.channel or "" for resource in chosen]),
        "in_budget": ("resource", [resource.in_budget for resource in chosen]),
    }
