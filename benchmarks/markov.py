"""A Markov cohort over draws beside a hand-vectorised NumPy loop, in the same process.

10,000 draws × 3 strategies × 50 cycles × 4 states, cost and QALY discounted; transitions constant or changing by cycle. Prints CPU seconds
(the least of five), their ratio and the peak memory.
"""

import resource
import time

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

from pmbudget.patient import cohort_total, markov_trace

DRAWS, STRATEGIES, CYCLES, STATES, RATE = 10_000, 3, 50, 4, 0.03


def ours(moves, cost, utility):
    """Trace and the two totals by this package."""
    trace = markov_trace([1, 0, 0, 0], moves, CYCLES)
    return [cohort_total(trace, values, discount_rate=RATE) for values in (cost, utility)]


def by_hand(moves, cost, utility):
    """The same, written for this one problem: states first, draws last, no trace kept, nothing checked."""
    timed = "cycle" in moves.dims
    order = (*(("cycle",) if timed else ()), "from", "to", "draw", "strategy")
    matrix = np.ascontiguousarray(moves.transpose(*order).to_numpy())
    now, after = np.zeros((STATES, DRAWS, STRATEGIES)), np.empty((STATES, DRAWS, STRATEGIES))
    now[0] = 1
    spent, part = 0.5 * now, np.empty((DRAWS, STRATEGIES))
    for cycle in range(1, CYCLES + 1):
        step = matrix[cycle - 1] if timed else matrix
        for to in range(STATES):
            np.multiply(now[0], step[0, to], out=after[to])
            for origin in range(1, STATES):
                np.multiply(now[origin], step[origin, to], out=part)
                after[to] += part
        now, after = after, now
        spent += (0.5 if cycle == CYCLES else 1.0) / (1 + RATE) ** cycle * now
    return [
        (spent * values.transpose("state", "draw", "strategy").to_numpy()).sum(axis=0) for values in (cost, utility)
    ]


def least(work, *arguments):
    """CPU seconds of the fastest of five runs, and its result."""
    seconds = []
    for _ in range(5):
        begin = time.process_time()
        found = work(*arguments)
        seconds.append(time.process_time() - begin)
    return min(seconds), found


def main():
    """Time both kinds of transition and print the table."""
    rng = np.random.default_rng(1)
    labels = ("draw", "strategy")
    cost, utility = (xr.DataArray(rng.random((DRAWS, STRATEGIES, STATES)), dims=(*labels, "state")) for _ in range(2))
    table = Table(
        "transitions",
        "pmbudget, CPU s",
        "by hand, CPU s",
        "ratio",
        title=f"{DRAWS:,} × {STRATEGIES} × {CYCLES} × {STATES}",
    )
    for name, dims, size in (
        ("constant", (*labels, "from", "to"), (DRAWS, STRATEGIES, STATES)),
        ("by cycle", (*labels, "cycle", "from", "to"), (DRAWS, STRATEGIES, CYCLES, STATES)),
    ):
        moves = xr.DataArray(rng.dirichlet(np.ones(STATES), size=size), dims=dims)
        (mine, found), (hand, expected) = least(ours, moves, cost, utility), least(by_hand, moves, cost, utility)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one.transpose(*labels), other, rtol=1e-9)
        table.add_row(name, f"{mine:.3f}", f"{hand:.3f}", f"{mine / hand:.2f}")
    Console().print(table)
    Console().print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
