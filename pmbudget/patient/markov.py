"""A Markov cohort: occupancy of states over cycles, and what is earned in them and on the way between them.

Chapters use the trace alone: ``cohort_total`` is for published models that the package is held against, and for models of one's own.
"""

from typing import Any

import numpy as np
import xarray as xr

from pmbudget.patient.cohort import PRINTED, cycle_weights, discount_factors
from pmbudget.vocabulary import matched

ROUNDING = 1e-12
"""What double precision leaves of a sum, which is not worth a division."""


def markov_trace(start: Any, transition: Any, n_cycles: int) -> xr.DataArray:
    """Occupancy of each state: x(t + 1) = x(t) P(t).

    Parameters
    ----------
    start : array
        (…, state): share, or number, in each state at cycle 0.
    transition : array
        (…[, cycle][, time_in_state], from, to): probability of being in ``to`` a cycle later. Labelled arrays go by the names of their
        dims. A plain array has from and to as its last two axes; an axis before them of length ``n_cycles`` is the cycle. The two kinds
        may be mixed. With a dim ``time_in_state`` (tunnel states) its places are those who entered ``from`` 0, 1, … cycles ago, the last
        place all who have been there that long or longer.
    n_cycles : int

    Returns
    -------
    DataArray
        (…, cycle, state), cycles 0 … n; with tunnels (…, time_in_state, cycle, state), to be summed over ``time_in_state`` for occupancy.
        All start at time 0 in their state, unless ``start`` has the dim too.

    Raises
    ------
    ValueError
        Rows that do not sum to 1, probabilities outside 0-1, a number of states or cycles that does not fit: the place and the sum are
        named. What single precision or eight printed digits leave is made to sum to 1.

    Examples
    --------
    >>> markov_trace([1, 0], [[0.9, 0.1], [0, 1]], 2).sel(state=0).values.round(4).tolist()
    [1.0, 0.9, 0.81]
    """
    if n_cycles < 1:
        raise ValueError(f"n_cycles = {n_cycles} must be 1 or more")
    moves = _labelled_transition(transition, n_cycles)
    begin = _labelled(start, ("state",))
    if "state" not in begin.dims:
        raise ValueError(f"start has dims {begin.dims}; name one of them state")
    places = moves.sizes.get("time_in_state", 1)
    if begin.sizes.get("time_in_state", places) != places:
        raise ValueError(
            f"start has {begin.sizes['time_in_state']} times in state and transition {places}; they must be as many"
        )
    moves, begin = _same_states(transition=moves, start=begin)
    states = moves.sizes["from"]
    if moves.sizes["to"] != states or begin.sizes["state"] != states:
        raise ValueError(
            f"start has {begin.sizes['state']} states and transition goes from {states} to {moves.sizes['to']}; they must be as many"
        )
    moves = _checked_rows(moves)
    # States and cycles first, draws last: each step is a few long, contiguous products.
    leading = dict(begin.sizes) | {dim: size for dim, size in moves.sizes.items() if dim not in ("cycle", "from", "to")}
    leading.pop("state")
    matrix = moves.variable.set_dims({**leading, **moves.sizes}) if leading else moves.variable
    timed = "cycle" in moves.dims
    matrix = matrix.transpose(*(("cycle",) if timed else ()), "from", "to", *leading)
    values = np.ascontiguousarray(matrix.to_numpy())
    if "time_in_state" in leading:
        return _tunnelled(begin, matrix, leading, n_cycles, moves)
    trace = np.empty((n_cycles + 1, states, *leading.values()))
    trace[0] = begin.variable.set_dims({**leading, "state": states}).transpose("state", *leading).to_numpy()
    step = np.empty(tuple(leading.values()))
    for cycle in range(n_cycles):
        now = values[cycle] if timed else values
        for to in range(states):
            np.multiply(trace[cycle, 0], now[0, to], out=trace[cycle + 1, to, ...])
            for origin in range(1, states):
                np.multiply(trace[cycle, origin], now[origin, to], out=step)
                trace[cycle + 1, to] += step
    return _named(xr.DataArray(trace, dims=("cycle", "state", *leading)), begin, moves)


def _tunnelled(
    begin: xr.DataArray, matrix: xr.Variable, leading: dict, n_cycles: int, moves: xr.DataArray
) -> xr.DataArray:
    """The trace by time in state: who stays grows a cycle older in the state, who enters begins at 0."""
    places, states = leading.pop("time_in_state"), moves.sizes["from"]
    timed = "cycle" in moves.dims
    values = matrix.transpose(*(("cycle",) if timed else ()), "time_in_state", "from", "to", *leading).to_numpy()
    trace = np.zeros((n_cycles + 1, places, states, *leading.values()))
    if "time_in_state" in begin.dims:
        order = {"time_in_state": places, "state": states}
        trace[0] = begin.variable.set_dims({**leading, **order}).transpose(*order, *leading).to_numpy()
    else:
        trace[0, 0] = begin.variable.set_dims({**leading, "state": states}).transpose("state", *leading).to_numpy()
    for cycle in range(n_cycles):
        now = values[cycle] if timed else values
        for place in range(places):
            older = min(place + 1, places - 1)
            for origin in range(states):
                for to in range(states):
                    trace[cycle + 1, older if to == origin else 0, to] += (
                        trace[cycle, place, origin] * now[place, origin, to]
                    )
    return _named(xr.DataArray(trace, dims=("cycle", "time_in_state", "state", *leading)), begin, moves)


def _named(trace: xr.DataArray, begin: xr.DataArray, moves: xr.DataArray) -> xr.DataArray:
    """A trace with cycles and states last, and the labels of what it was made from."""
    labels = moves.coords.get("to", moves.coords.get("from", begin.coords.get("state")))
    names = np.arange(trace.sizes["state"]) if labels is None else labels.to_numpy()
    leading = [dim for dim in trace.dims if dim not in ("time_in_state", "cycle", "state")]
    kept = {dim: source.coords[dim].to_numpy() for source in (begin, moves) for dim in leading if dim in source.coords}
    found = trace.transpose(*leading, "time_in_state", "cycle", "state", missing_dims="ignore")
    return found.assign_coords({"cycle": np.arange(trace.sizes["cycle"]), "state": names, **kept})


def cohort_total(
    occupancy: Any,
    state_values: Any,
    *,
    discount_rate: float,
    counting: str = "trapezoid",
    cycles_per_year: float = 1,
    transition_values: Any = None,
    transition: Any = None,
) -> xr.DataArray:
    """The discounted sum of what a cohort earns.

    sum over cycles t of w(t) d(t) x(t) · v(t), and over moves of d(t) x(t - 1) P(t) · m(t).

    Parameters
    ----------
    occupancy : array
        (…[, time_in_state], cycle, state), as from :func:`markov_trace` or ``partitioned_survival``.
    state_values : array
        (…, state) or (…, cycle, state), cycles 0 … n: what a cycle in the state is worth, by ``time_in_state`` too where the occupancy
        is. Leading axes of a plain array are those of
        ``occupancy``, counted from the right.
    discount_rate : float
        Per year.
    counting : str
        As in ``cycle_weights``.
    cycles_per_year : float
    transition_values : array, optional
        (…, from, to): earned once on the move into a cycle, at that cycle's discount and never weighted within it; needs ``transition``.
    transition : array, optional
        As given to :func:`markov_trace`.

    Returns
    -------
    DataArray
        (…).

    Raises
    ------
    ValueError
        Values for another number of cycles or states, or transition values without a transition.

    Examples
    --------
    >>> alive = markov_trace([1, 0], [[0.5, 0.5], [0, 1]], 2)
    >>> float(cohort_total(alive, [1, 0], discount_rate=0, counting="end"))
    0.75
    """
    occupancy = _labelled(occupancy, ("cycle", "state"))
    n_cycles = occupancy.sizes["cycle"] - 1
    values = _labelled_values(state_values, occupancy)
    weights = cycle_weights(n_cycles, counting) * discount_factors(
        n_cycles, discount_rate, cycles_per_year=cycles_per_year
    )
    bare = occupancy.drop_vars(["cycle", "state"], errors="ignore")
    values = values.drop_vars(["cycle", "state"], errors="ignore")
    if "cycle" in values.dims:
        total = xr.dot(bare, values, xr.DataArray(weights, dims="cycle"), dim=["cycle", "state"])
    else:
        # The order in which a trace lies in memory, so that the product copies nothing.
        by_cycle = bare.transpose("cycle", "state", ...)
        spent = by_cycle.isel(cycle=0, drop=True).copy(data=np.tensordot(weights, by_cycle.to_numpy(), axes=1))
        total = xr.dot(spent, values, dim="state")
    if "time_in_state" in total.dims:
        total = total.sum("time_in_state")
    if transition_values is None:
        return total
    if transition is None:
        raise ValueError("transition_values are earned on moves; give transition as well")
    _, moves, earned = (
        array.drop_vars(["from", "to"], errors="ignore")
        for array in _same_states(
            occupancy=occupancy,
            transition=_labelled_transition(transition, n_cycles),
            transition_values=_labelled(transition_values, ("from", "to")),
        )
    )
    _same_size(earned, occupancy.sizes["state"], "transition_values", "from", "to")
    before = bare.isel(cycle=slice(None, -1)).rename(state="from")
    discount = xr.DataArray(
        discount_factors(n_cycles, discount_rate, cycles_per_year=cycles_per_year)[1:], dims="cycle"
    )
    tunnels = [dim for dim in ("time_in_state",) if dim in before.dims]
    return total + xr.dot(before, moves, earned, discount, dim=["cycle", "from", "to", *tunnels])


def _labelled(values: Any, dims: tuple[str, ...]) -> xr.DataArray:
    """A plain array with names on its last axes; leading axes are axis_k, counted from the right."""
    if isinstance(values, xr.DataArray):
        return values
    array = np.asarray(values, float)
    extra = array.ndim - len(dims)
    if extra < 0:
        raise ValueError(f"an array over {', '.join(dims)} is needed, and this one has {array.ndim} axes")
    return xr.DataArray(array, dims=[*(f"axis_{extra - number}" for number in range(extra)), *dims])


def _labelled_transition(transition: Any, n_cycles: int) -> xr.DataArray:
    if not isinstance(transition, xr.DataArray):
        array = np.asarray(transition, float)
        if array.ndim > 2 and array.shape[-3] != n_cycles:
            raise ValueError(
                f"the axis before from and to has {array.shape[-3]} places and there are {n_cycles} cycles; "
                "label the dims of an array over draws or strategies"
            )
        transition = _labelled(array, ("cycle", "from", "to") if array.ndim > 2 else ("from", "to"))
    if not {"from", "to"} <= set(transition.dims):
        raise ValueError(f"transition has dims {transition.dims}; name two of them from and to")
    if transition.sizes.get("cycle", n_cycles) != n_cycles:
        raise ValueError(
            f"transition has {transition.sizes['cycle']} cycles and n_cycles is {n_cycles}; give one matrix per cycle"
        )
    (transition,) = _same_states(transition=transition)
    return transition


def _same_states(**arrays: xr.DataArray) -> tuple[xr.DataArray, ...]:
    """The arrays with one order of states on ``state``, ``from`` and ``to``, and of labels on all else that they share.

    Cycles are counted and not matched: those of a trace are points, those of a transition the steps between them.
    """
    counted = {name: array.drop_vars("cycle", errors="ignore") for name, array in arrays.items()}
    states = {
        f"{name}, {dim}": xr.DataArray(array[dim].to_numpy(), {"state": array[dim].to_numpy()}, ("state",))
        for name, array in counted.items()
        for dim in ("state", "from", "to")
        if dim in array.coords
    }
    if states:
        order = matched(**states)[0].to_numpy()
        counted = {
            name: array.sel({dim: order for dim in ("state", "from", "to") if dim in array.coords})
            for name, array in counted.items()
        }
    shared = matched(
        **{
            name: array.rename(cycle=f"cycle_{name}") if "cycle" in array.dims else array
            for name, array in counted.items()
        }
    )
    return tuple(
        array.rename({f"cycle_{name}": "cycle"}) if f"cycle_{name}" in array.dims else array
        for name, array in zip(counted, shared, strict=True)
    )


def _labelled_values(state_values: Any, occupancy: xr.DataArray) -> xr.DataArray:
    if not isinstance(state_values, xr.DataArray):
        array = np.asarray(state_values, float)
        timed = array.ndim > 1 and array.shape[-2] == occupancy.sizes["cycle"]
        own = ("cycle", "state") if timed else ("state",)
        leading = [str(dim) for dim in occupancy.dims if dim not in ("cycle", "state")]
        extra = array.shape[: array.ndim - len(own)]
        names = leading[len(leading) - len(extra) :] if len(extra) <= len(leading) else []
        if [occupancy.sizes[dim] for dim in names] != list(extra):
            raise ValueError(
                f"state_values has shape {array.shape} and occupancy {dict(occupancy.sizes)}; give (…, state), or (…, cycle, state) "
                "with one value for each of the cycles 0 … n, or label the dims"
            )
        state_values = xr.DataArray(array, dims=[*names, *own])
    _, state_values = _same_states(occupancy=occupancy, state_values=state_values)
    _same_size(state_values, occupancy.sizes["state"], "state_values", "state")
    if state_values.sizes.get("cycle", occupancy.sizes["cycle"]) != occupancy.sizes["cycle"]:
        cycles = occupancy.sizes["cycle"]
        raise ValueError(
            f"state_values has {state_values.sizes['cycle']} cycles and occupancy {cycles} (0 … n); give one per point"
        )
    return state_values


def _same_size(values: xr.DataArray, states: int, name: str, *dims: str) -> None:
    for dim in dims:
        if values.sizes.get(dim) != states:
            raise ValueError(
                f"{name} has {values.sizes.get(dim, 'no')} places on {dim} and there are {states} states; give one each"
            )


def _checked_rows(moves: xr.DataArray) -> xr.DataArray:
    """The transition with every probability in 0-1 and every row summing to 1, or the first place where not."""
    values = moves.variable.transpose(..., "to").astype(float, copy=False)
    sums = values.sum("to", skipna=False)
    outside = (values < -PRINTED) | (values > 1 + PRINTED) | values.isnull()
    off = abs(sums - 1) > PRINTED
    for wrong, said in ((outside, "a probability outside 0-1"), (off, "a row that does not sum to 1")):
        if bool(wrong.any()):
            place = dict(zip(wrong.dims, np.argwhere(wrong.to_numpy())[0], strict=True))
            named = {dim: moves[dim].to_numpy()[at] if dim in moves.coords else int(at) for dim, at in place.items()}
            where = ", ".join(f"{dim} {at}" for dim, at in named.items())
            value = float((values if said.startswith("a probability") else sums).isel(place))
            raise ValueError(f"transition has {said} at {where}: {value:.10g}; correct it")
    if bool((values < 0).any()) or bool((abs(sums - 1) > ROUNDING).any()):
        kept = values.clip(min=0)
        moves = moves.transpose(*values.dims).copy(data=(kept / kept.sum("to")).to_numpy())
    return moves
