"""Cost, activity and QALY per patient, per strategy, per year since start: one model, read by budget and cost-effectiveness alike."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.courses import Management
from pmbudget.inputs.items import CareItem, Item
from pmbudget.patient.costing import Draws, by_draw, item_use
from pmbudget.patient.course import Course, alike, course, occupancy
from pmbudget.patient.curves import baseline
from pmbudget.patient.exposure import position
from pmbudget.patient.last_months import years_beyond
from pmbudget.patient.tree import NOBODY, Pathway, class_shares, untested, walk_pathway

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
    paths = {name: walk_pathway(draws, case, name) for name in case.strategies}
    paths |= {name: untested(draws, case, management) for name, management in (beside or {}).items()}
    patients = _patients(draws, case, paths, xr.ones_like(mixture) if by_class else mixture, apart=by_class)
    care = _care(draws, case, patients, mixture, horizon)
    care.qaly[..., 0, :] += care.qaly_once + _incidental_qaly(draws, case, patients)
    once = [*care.once.items(), *_diagnostics(case, patients)]
    running = _by_resource(draws, case, care.flows.items(), (3, *care.qaly.shape))
    at_start = _by_resource(draws, case, once, (2, *care.qaly_once.shape))
    dims = ("strategy", *(["subgroup"] if by_class else []))
    by_year, by_resource = (*dims, "year_since_start", "draw"), ("resource", *dims, "draw")
    variables = {
        "activity": (("resource", *by_year), running[0]),
        "cost": (("resource", *by_year), running[1]),
        "position": (("resource", *by_year), position(running[1], running[2])),
        "activity_once": (by_resource, at_start[0]),
        "cost_once": (by_resource, at_start[1]),
        "qaly": (by_year, care.qaly),
        "life_years": (by_year, care.life_years),
        "treated": (("strategy", "management", *dims[1:], "draw"), patients.total(patients.treated)),
        **{name: ((*dims, "draw"), numbers) for name, numbers in _answers(case, patients).items()},
    }
    order = ("draw", "strategy", "subgroup", "management", "year_since_start", "resource")
    return xr.Dataset(
        variables,
        coords={
            "strategy": list(paths),
            "management": list(case.managements),
            "year_since_start": np.arange(horizon),
            **resource_coordinates(case, _resources(case)),
            **({"subgroup": list(case.classes)} if by_class else {}),
        },
        attrs={"crossings": care.crossings},
    ).transpose(*order, missing_dims="ignore")


def occupancy_by_strategy(draws: Draws, case: Case, *, horizon: int) -> xr.DataArray:
    """Share in each state (draw, strategy, cycle, state) at cycles 0 … horizon x cycles a year.

    It is of patients, and of the carriers among relatives where the case follows them.
    """
    shares = class_shares(draws, case)
    paths = {name: walk_pathway(draws, case, name) for name in case.strategies}
    followed = _followed(case, _patients(draws, case, paths, shares, apart=False))
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

    ``shares`` (true_class, draw) of the patients meant, 1 where classes are apart; ``treated`` (strategy, management, true_class, draw)
    is the share of them under each management.
    """

    paths: dict[str, Pathway]
    shares: np.ndarray
    apart: bool
    treated: np.ndarray

    def total(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers (…, true_class, draw) over all patients, or of each class."""
        return numbers if self.apart else numbers.sum(axis=-2)

    def by_class(self, number: Callable[[Pathway], xr.Variable]) -> np.ndarray:
        """A number that the pathway leads to, times the share of patients (strategy, true_class, draw)."""
        return np.stack([_values(number(path), self.shares.shape) for path in self.paths.values()]) * self.shares

    def per_patient(self, number: Callable[[Pathway], xr.Variable]) -> np.ndarray:
        """A number that the pathway leads to, per patient (strategy[, true_class], draw)."""
        return self.total(self.by_class(number))


def _patients(draws: Draws, case: Case, paths: dict[str, Pathway], shares: xr.Variable, *, apart: bool) -> _Patients:
    size = (len(case.classes), draws.sizes["draw"])
    full = _values(shares, size)
    under = np.stack([_values(path.managements, (len(case.managements), *size)) for path in paths.values()])
    return _Patients(paths, full, apart, under * full)


def _values(number: xr.Variable, shape: tuple[int, ...]) -> np.ndarray:
    """A quantity of the pathway as an array ([management, ]true_class, draw)."""
    sizes = dict(zip(("management", "true_class", "draw")[-len(shape) :], shape, strict=True))
    return number.set_dims(sizes).transpose(*sizes).to_numpy()


def _followed(case: Case, patients: _Patients) -> np.ndarray:
    """Numbers under each management (strategy, management, true_class, draw), the carriers among relatives, acted on and not, included."""
    cascade, names = case.relatives, list(case.managements)
    if cascade is None or cascade.found is None:
        return patients.treated
    followed = patients.treated.copy()
    followed[:, names.index(cascade.found)] += patients.by_class(lambda path: path.relatives_acted_on)
    followed[:, names.index(str(cascade.unfound))] += patients.by_class(lambda path: path.relatives_left)
    return followed


@dataclass(frozen=True)
class _Care:
    """What all managements come to, per patient.

    ``flows`` (measure, strategy[, true_class], year, draw): for each item how much there is of what it goes with, and that times its
    position within the year. At the start: ``once`` (1, strategy[, true_class], draw), how often an item is used, and ``qaly_once``
    (strategy[, true_class], draw). ``qaly`` and ``life_years`` (strategy[, true_class], year, draw).
    """

    flows: dict[CareItem, np.ndarray]
    once: dict[CareItem, np.ndarray]
    qaly: np.ndarray
    qaly_once: np.ndarray
    life_years: np.ndarray
    crossings: float


def _care(draws: Draws, case: Case, patients: _Patients, mixture: xr.Variable, horizon: int) -> _Care:
    """Items used and years lived under all managements, the same item of several of them together."""
    flows: dict[CareItem, np.ndarray] = {}
    once: dict[CareItem, np.ndarray] = {}
    worth = _worth(draws, case)
    qaly, life_years, qaly_once, crossings = 0.0, 0.0, 0.0, []
    for plan, started, met, lowered in _managements(draws, case, patients, mixture, horizon):
        for item in (*plan.items, *case.items_for_all):
            if item.when == "start":
                once[item] = once.get(item, 0.0) + started[np.newaxis]
            else:
                event = (item.when, item.until_month) if item.runs else item.when
                flows[item] = flows.get(item, 0.0) + met[event]
        for (state, counted), value in worth.items():
            lived = met[state, counted][0]
            qaly = qaly + lived * value
            life_years = life_years + (lived if counted is None else 0.0)
        gained = sum(by_draw(draws, names) for names in plan.qaly_gain)
        qaly_once = qaly_once + started * (gained - sum(by_draw(draws, names) for names in plan.qaly_loss))
        crossings.append(lowered)
    return _Care(flows, once, qaly, qaly_once, life_years, float(np.mean(crossings)))


def _managements(
    draws: Draws, case: Case, patients: _Patients, mixture: xr.Variable, horizon: int
) -> Iterator[tuple[Management, np.ndarray, dict[Any, np.ndarray], float]]:
    """Each management with how many start under it (strategy[, true_class], draw), what they meet by event
    (measure, strategy[, true_class], year, draw), and the share of curve points lowered.
    """
    shared = baseline(draws, case, mixture, horizon + years_beyond(case))
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
    if len(values) == 1 and not apart:
        weights = weights.sum(axis=1, keepdims=True)
    kind, by_year = values[0].shape[:-2], values[0].shape[-2:]
    found = np.zeros((*kind, *(weights.shape[:2] if apart else weights.shape[:1]), *by_year))
    for place in range(weights.shape[1]):
        of_class = values[place if len(values) > 1 else 0][..., np.newaxis, :, :] * weights[:, place, np.newaxis]
        if apart:
            found[..., place, :, :] = of_class
        else:
            found += of_class
    return found


def _worth(draws: Draws, case: Case) -> dict[Any, np.ndarray]:
    """What a year is worth (draw,): in each state, and in each time before death more than in the state alone."""
    found: dict[Any, np.ndarray] = {}
    for state, one in case.states.items():
        if one.utility is not None:
            found[state, None] = by_draw(draws, one.utility)
            for window in case.before_death:
                found[state, window] = by_draw(draws, window.utility) - found[state, None]
    return found


def _diagnostics(case: Case, patients: _Patients) -> Iterator[tuple[Item, np.ndarray]]:
    """Every item of the diagnostic pathway with the number of times it is used per patient (strategy[, true_class], draw)."""
    groups: list[tuple[tuple[Item, ...], Callable[[Pathway], xr.Variable]]] = []
    for name, test in case.tests.items():
        groups.append((test.items, lambda path, name=name: path.performed.get(name, NOBODY)))
        if test.uncertain:
            groups.append((test.uncertain.items, lambda path, name=name: path.uncertain.get(name, NOBODY)))
        if test.incidental:
            groups.append((test.incidental.items, lambda path, name=name: path.incidental.get(name, NOBODY)))
    if case.pathway.repeat:
        groups.append((case.pathway.repeat.items, lambda path: path.repeats))
    groups.append((case.pathway.positive_items, lambda path: path.positives))
    if case.relatives:
        groups.append((case.relatives.test_items, lambda path: path.relatives_tested))
    for items, number in groups:
        if items:
            made = patients.per_patient(number)
            yield from ((item, made[np.newaxis]) for item in items)


def _incidental_qaly(draws: Draws, case: Case, patients: _Patients) -> np.ndarray | float:
    """What findings outside the question gain or cost per patient (strategy[, true_class], draw)."""
    found: np.ndarray | float = 0.0
    for name, test in case.tests.items():
        if test.incidental and test.incidental.qaly:
            number = patients.per_patient(lambda path, name=name: path.incidental.get(name, NOBODY))
            found = found + number * sum(by_draw(draws, names) for names in test.incidental.qaly)
    return found


def _answers(case: Case, patients: _Patients) -> dict[str, np.ndarray]:
    """What the pathway finds, right and wrong (strategy[, true_class], draw)."""
    sought = np.array([one.matched is not None for one in case.classes.values()])[:, np.newaxis]
    carriers = patients.total(patients.shares * sought)

    def of_carriers(number: Callable[[Pathway], xr.Variable]) -> np.ndarray:
        seen = patients.total(patients.by_class(number) * sought)
        return np.divide(seen, carriers, out=np.full_like(seen, np.nan), where=carriers > 0)

    return {
        "found": of_carriers(lambda path: path.found),
        "in_time": of_carriers(lambda path: path.in_time),
        "carriers": np.broadcast_to(carriers, (len(patients.paths), *carriers.shape)),
        "mismatched": patients.per_patient(lambda path: path.mismatched),
        "mismatched_carriers": patients.total(patients.by_class(lambda path: path.mismatched) * sought),
        "uncertain": patients.per_patient(lambda path: sum(path.uncertain.values(), start=NOBODY)),
        "incidental": patients.per_patient(lambda path: sum(path.incidental.values(), start=NOBODY)),
        "relatives_tested": patients.per_patient(lambda path: path.relatives_tested),
        "relatives_found": patients.per_patient(lambda path: path.relatives_found),
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
