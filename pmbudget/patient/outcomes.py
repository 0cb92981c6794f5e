"""Cost, activity and QALY per patient, per strategy, per year since start: one model, read by budget and cost-effectiveness alike."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.courses import Management
from pmbudget.inputs.items import CareItem, Item, Span
from pmbudget.patient.costing import Draws, Read, by_draw, full, item_use
from pmbudget.patient.course import Course, alike, course, occupancy
from pmbudget.patient.curves import Baseline, baseline
from pmbudget.patient.exposure import position
from pmbudget.patient.last_months import years_beyond
from pmbudget.patient.search import NOBODY
from pmbudget.patient.tree import PATHS, Pathway, class_shares, untested, walk_pathway

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
        (draw, strategy, resource): SEK and the resource's measure per patient, undiscounted; ``position`` (as ``cost``), where in its
        year a flow falls on average, from 0 to 1, weighted by cost; ``qaly`` and ``life_years``
        (draw, strategy, year_since_start). Carriers among relatives, where the case follows them, are in all of these, per patient, from
        the patient's own start.

        ``treated`` (draw, strategy, management): share of patients; ``on_path`` (draw, strategy, path): share of patients who are carriers
        of something to find, by what becomes of them (:data:`pmbudget.patient.tree.PATHS`); ``carriers`` (draw): their share; ``found`` and
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
    draws = Read(draws)
    mixture = class_shares(draws, case)
    patients = _patients(draws, case, xr.ones_like(mixture) if by_class else mixture, beside or {}, apart=by_class)
    care = _care(draws, case, patients, mixture, horizon)
    care.qaly[..., 0, :] += care.qaly_once + _incidental_qaly(draws, case, patients)
    once = [*care.once.items(), *_diagnostics(case, patients)]
    running = _by_resource(draws, case, care.flows.items(), (3, *care.qaly.shape))
    at_start = _by_resource(draws, case, once, (2, *care.qaly_once.shape))
    subgroup = {"subgroup": list(case.classes)} if by_class else {}
    dims = ("strategy", *subgroup, "draw")
    by_year = (*dims[:-1], "year_since_start", "draw")
    variables = {
        "activity": (("resource", *by_year), running[0]),
        "cost": (("resource", *by_year), running[1]),
        "position": (("resource", *by_year), position(running[1], running[2])),
        "activity_once": (("resource", *dims), at_start[0]),
        "cost_once": (("resource", *dims), at_start[1]),
        "qaly": (by_year, care.qaly),
        "life_years": (by_year, care.life_years),
        "treated": (("strategy", "management", *dims[1:]), patients.total(patients.treated())),
        "on_path": (("path", *dims), _paths(patients)),
        **{name: (dims, numbers) for name, numbers in _answers(case, patients).items()},
    }
    order = ("draw", "strategy", "subgroup", "management", "path", "year_since_start", "resource")
    return xr.Dataset(
        variables,
        coords={
            "strategy": list(patients.paths),
            "management": list(case.managements),
            "path": list(PATHS),
            "year_since_start": np.arange(horizon),
            **resource_coordinates(case, _resources(case)),
            **subgroup,
        },
        attrs={"crossings": care.crossings},
    ).transpose(*order, missing_dims="ignore")


def occupancy_by_strategy(draws: Draws, case: Case, *, horizon: int) -> xr.DataArray:
    """Share in each state (draw, strategy, cycle, state) at cycles 0 … horizon x cycles a year.

    It is of patients, and of the carriers among relatives where the case follows them.
    """
    shares = class_shares(draws, case)
    followed = _followed(case, _patients(draws, case, shares, {}, apart=False))
    followed = followed / followed.sum(axis=(1, 2), keepdims=True)
    shared = baseline(draws, case, shares, horizon)
    total = sum(
        _over_classes(occupancy(draws, case, management, shared, horizon), followed[:, place], apart=False)
        for place, management in enumerate(case.managements)
    )
    coords = {"strategy": list(case.strategies), "state": list(case.states)}
    found = xr.DataArray(total, dims=("state", "strategy", "cycle", "draw"), coords=coords)
    return found.transpose("draw", "strategy", "cycle", "state")


@dataclass(frozen=True)
class _Patients:
    """Whom the outcomes are of: all patients together, or those of each true class apart.

    ``shares`` (true_class, draw) of the patients meant, 1 where classes are apart.
    """

    paths: dict[str, Pathway]
    shares: np.ndarray
    apart: bool

    def total(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers (…, true_class, draw) over all patients, or of each class."""
        return numbers if self.apart else numbers.sum(axis=-2)

    def by_class(self, numbers: Iterable[xr.Variable]) -> np.ndarray:
        """What each pathway leads to, times the share of patients (strategy, true_class, draw)."""
        classes, draws = self.shares.shape
        return np.stack([full(number, true_class=classes, draw=draws) for number in numbers]) * self.shares

    def per_patient(self, numbers: Iterable[xr.Variable]) -> np.ndarray:
        """What each pathway leads to per patient (strategy[, true_class], draw)."""
        return self.total(self.by_class(numbers))

    def treated(self) -> np.ndarray:
        """Share of patients under each management (strategy, management, true_class, draw)."""
        classes, draws = self.shares.shape
        paths = [path.managements for path in self.paths.values()]
        sizes = {"management": paths[0].sizes["management"], "true_class": classes, "draw": draws}
        return np.stack([full(managements, **sizes) for managements in paths]) * self.shares


def _patients(draws: Draws, case: Case, shares: xr.Variable, beside: Mapping[str, str], *, apart: bool) -> _Patients:
    """Those whose ``shares`` (true_class, …) these are, along the pathway of each strategy and of those beside."""
    paths = {name: walk_pathway(draws, case, name) for name in case.strategies}
    paths |= {name: untested(draws, case, management) for name, management in beside.items()}
    return _Patients(paths, full(shares, true_class=len(case.classes), draw=draws.sizes["draw"]), apart)


def _followed(case: Case, patients: _Patients) -> np.ndarray:
    """Numbers under each management (strategy, management, true_class, draw), with the carriers among relatives, acted on and not."""
    cascade, names, paths = case.relatives, list(case.managements), patients.paths.values()
    followed = patients.treated()
    if cascade is not None and cascade.found is not None:
        followed[:, names.index(cascade.found)] += patients.by_class(path.relatives_acted_on for path in paths)
        followed[:, names.index(str(cascade.unfound))] += patients.by_class(path.relatives_left for path in paths)
    return followed


@dataclass(frozen=True)
class _Care:
    """What all managements come to, per patient.

    ``flows`` (measure, strategy[, true_class], year, draw): for each item how much there is of what it goes with, and that times its
    position within the year. At the start: ``once`` (1, strategy[, true_class], draw), how often an item is used, and ``qaly_once``
    (strategy[, true_class], draw). ``qaly`` and ``life_years`` (strategy[, true_class], year, draw).
    """

    flows: dict[Item, np.ndarray]
    once: dict[CareItem, np.ndarray]
    qaly: np.ndarray
    qaly_once: np.ndarray
    life_years: np.ndarray
    crossings: float


def _care(draws: Draws, case: Case, patients: _Patients, mixture: xr.Variable, horizon: int) -> _Care:
    """Items used and years lived under all managements, the same item of several of them together."""
    flows: dict[Item, np.ndarray] = {}
    once: dict[CareItem, np.ndarray] = {}
    worth, crossings = _worth(draws, case), []
    shared = baseline(draws, case, mixture, horizon + years_beyond(case))
    qaly, life_years, qaly_once = np.zeros(1), np.zeros(1), np.zeros(1)
    for plan, started, met, lowered in _managements(draws, case, patients, shared, horizon):
        for item in (*plan.items, *case.items_for_all):
            if item.when == "start":
                once[item] = once.get(item, 0.0) + started[np.newaxis]
            else:
                event = item.span if item.runs else item.when
                flows[item] = flows.get(item, 0.0) + met[event]
        for event, value in worth.items():
            qaly = qaly + met[event][0] * value
        life_years = life_years + sum(met[Span(state)][0] for state in list(case.states)[:-1])
        qaly_once = qaly_once + started * (_sum_of(draws, plan.qaly_gain) - _sum_of(draws, plan.qaly_loss))
        crossings.append(lowered)
    if case.pathway.late and case.pathway.late.retest:
        for each, number in _retests(draws, case, patients, shared, horizon):
            flows[each] = flows.get(each, 0.0) + number
    return _Care(flows, once, qaly, qaly_once, life_years, float(np.mean(crossings)))


def _retests(
    draws: Draws, case: Case, patients: _Patients, shared: Baseline | None, horizon: int
) -> Iterator[tuple[Item, np.ndarray]]:
    """Every item of tests at progression and of what their answers lead to, with how much of it falls in each year
    (measure, strategy[, true_class], year, draw): when the disease progresses under the reference management.
    """
    late, paths = case.pathway.late, patients.paths.values()
    assert late is not None
    assert late.retest is not None
    standard = course(draws, case, case.reference, shared, horizon)
    place = standard.events.index("on_progression")
    for items, numbers in (
        (late.retest.items, [path.retests for path in paths]),
        (case.pathway.positive_items, [path.found_again for path in paths]),
    ):
        progress = [values[place] for values in standard.values]
        number = _over_classes(progress, patients.by_class(numbers), apart=patients.apart)
        yield from ((item, number) for item in items)


def _sum_of(draws: Draws, products: Iterable[tuple[str, ...]]) -> np.ndarray:
    """The sum of products of parameters (draw,)."""
    return sum((by_draw(draws, names) for names in products), start=np.zeros(draws.sizes["draw"]))


def _managements(
    draws: Draws, case: Case, patients: _Patients, shared: Baseline | None, horizon: int
) -> Iterator[tuple[Management, np.ndarray, dict[Any, np.ndarray], float]]:
    """Each management with how many start under it (strategy[, true_class], draw), what they meet by event
    (measure, strategy[, true_class], year, draw), and the share of curve points lowered.
    """
    courses: dict[str, Course] = {}
    followed = _followed(case, patients)
    for place, (name, plan) in enumerate(case.managements.items()):
        first, weights = alike(case, name), followed[:, place]
        if first not in courses:
            courses[first] = course(draws, case, first, shared, horizon)
        met = _over_classes(courses[first].values, weights, apart=patients.apart)
        by_event = dict(zip(courses[first].events, met, strict=True))
        yield plan, patients.total(weights), by_event, courses[first].crossings


def _over_classes(values: Sequence[np.ndarray], weights: np.ndarray, *, apart: bool) -> np.ndarray:
    """Values of each true class, or one for all, (…, year, draw) times those in each class (strategy, true_class, draw).

    Returns (…, strategy[, true_class], year, draw), summed over classes unless these are kept apart.
    """
    if len(values) == 1:
        values = [*values] * weights.shape[1] if apart else values
        weights = weights if apart else weights.sum(axis=1, keepdims=True)
    parts = (one[..., np.newaxis, :, :] * weights[:, place, np.newaxis] for place, one in enumerate(values))
    if apart:
        return np.stack(list(parts), axis=-3)
    found = next(parts)
    for part in parts:
        found += part
    return found


def _worth(draws: Draws, case: Case) -> dict[Any, np.ndarray]:
    """What a year is worth (draw,): in each state, and in each time before death beside the state's."""
    found: dict[Any, np.ndarray] = {}
    for state, one in case.states.items():
        if one.utility is not None:
            found[Span(state)] = by_draw(draws, one.utility)
            for window in case.before_death:
                found[state, window] = by_draw(draws, window.utility) - found[Span(state)]
    return found


def _diagnostics(case: Case, patients: _Patients) -> Iterator[tuple[Item, np.ndarray]]:
    """Every item of the diagnostic pathway with the number of times it is used per patient (1, strategy[, true_class], draw)."""
    paths = list(patients.paths.values())
    groups: list[tuple[tuple[Item, ...], list[xr.Variable]]] = []
    for name, test in case.tests.items():
        groups.append((test.items, [path.performed.get(name, NOBODY) for path in paths]))
        if test.uncertain:
            groups.append((test.uncertain.items, [path.uncertain.get(name, NOBODY) for path in paths]))
        if test.incidental:
            groups.append((test.incidental.items, [path.incidental.get(name, NOBODY) for path in paths]))
    if case.pathway.repeat:
        groups.append((case.pathway.repeat.items, [path.repeats for path in paths]))
    if late := case.pathway.late:
        groups.append((late.switched_items, [path.paths["switched"] for path in paths]))
    groups.append((case.pathway.positive_items, [path.positives for path in paths]))
    if case.relatives:
        groups.append((case.relatives.test_items, [path.relatives_tested for path in paths]))
    for items, numbers in groups:
        number = patients.per_patient(numbers)[np.newaxis]
        yield from ((item, number) for item in items)


def _incidental_qaly(draws: Draws, case: Case, patients: _Patients) -> np.ndarray:
    """What findings outside the question gain or cost per patient (strategy[, true_class], draw)."""
    found = np.zeros(1)
    for name, test in case.tests.items():
        if test.incidental:
            number = patients.per_patient(path.incidental.get(name, NOBODY) for path in patients.paths.values())
            found = found + number * _sum_of(draws, test.incidental.qaly)
    return found


def _paths(patients: _Patients) -> np.ndarray:
    """Share of patients on each path (path, strategy[, true_class], draw)."""
    return np.stack([patients.per_patient(path.paths[name] for path in patients.paths.values()) for name in PATHS])


def _answers(case: Case, patients: _Patients) -> dict[str, np.ndarray]:
    """What the pathway finds, rightly and wrongly (strategy[, true_class], draw)."""
    paths = list(patients.paths.values())
    sought = np.array([one.is_sought for one in case.classes.values()])[:, np.newaxis]
    carriers = patients.total(patients.shares * sought)
    found, in_time, mismatched = (
        patients.total(patients.by_class(numbers) * sought)
        for numbers in zip(*((path.found, path.in_time, path.mismatched) for path in paths), strict=True)
    )
    with np.errstate(invalid="ignore"):
        found, in_time = found / carriers, in_time / carriers
    return {
        "found": found,
        "in_time": in_time,
        "carriers": np.broadcast_to(carriers, found.shape),
        "mismatched": patients.per_patient(path.mismatched for path in paths),
        "mismatched_carriers": mismatched,
        "uncertain": patients.per_patient(sum(path.uncertain.values(), start=NOBODY) for path in paths),
        "incidental": patients.per_patient(sum(path.incidental.values(), start=NOBODY) for path in paths),
        "relatives_tested": patients.per_patient(path.relatives_tested for path in paths),
        "relatives_found": patients.per_patient(path.relatives_found for path in paths),
    }


def _by_resource(
    draws: Draws, case: Case, uses: Iterable[tuple[Item, np.ndarray]], shape: tuple[int, ...]
) -> np.ndarray:
    """What items come to (measure, resource, …, draw): the resource's measure, SEK and, of flows, SEK times position."""
    names = _resources(case)
    found = np.zeros((shape[0], len(names), *shape[1:]))
    for item, number in uses:
        if item.resource not in names:
            continue
        quantity, cost = (value.to_numpy() * _times_a_year(item) for value in item_use(draws, case, item))
        place = names.index(item.resource)
        found[0, place] += number[0] * quantity
        for measure, much in enumerate(number, start=1):
            found[measure, place] += much * cost
    return found


def _times_a_year(item: Item) -> float:
    return DAYS_IN_YEAR / item.every_days if isinstance(item, CareItem) and item.every_days else 1.0


def _resources(case: Case) -> list[str]:
    # What the change costs and what others bear of testing is no patient's use, but the programme's.
    programme = {part.resource for part in case.borne_elsewhere}
    return [
        name for name, resource in case.resources.items() if resource.kind != "transition" and name not in programme
    ]


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
