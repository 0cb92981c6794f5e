"""The queue beside the same recursion in bare NumPy, in the same process: 500 draws × 2 mixes × 21 regions × 120 months × 5 limits.

Three limits belong to a laboratory that serves seven regions each, two to the region. The reference holds plain arrays, rations in the
same way, and keeps nothing but what started. Prints CPU seconds and their ratio.
"""

import time

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

from pmbudget.inputs.regions import CODES
from pmbudget.programme.capacity import queue

DRAWS, MIXES, MONTHS, HAZARD, REPEATS = 500, 2, 120, 0.5, 5
HOST = np.repeat(np.arange(3), 7)
SHARED, LOCAL = ("a", "b", "c"), ("d", "e")


def plain(demand, limits):
    """Persons who start (month, region, draws), from arrays of that shape."""
    groups = [np.flatnonzero(host == HOST) for host in range(3)]
    rooms = {name: np.stack([limits[name][:, rows].sum(1) for rows in groups], 1) for name in SHARED}
    backlog, started, delta = 0.0, np.empty(demand.shape), 1 - np.exp(-HAZARD)
    for t in range(len(demand)):
        want = backlog + demand[t]
        served = np.minimum(np.minimum(want, limits["d"][t]), limits["e"][t])
        for name in SHARED:
            total = np.stack([served[rows].sum(0) for rows in groups])
            served = served * np.minimum(1.0, rooms[name][t] / np.maximum(total, 1e-300))[HOST]
        backlog = (1 - delta) * (want - served)
        started[t] = served
    return started


def main():
    """Time both on the same numbers, and check that they agree."""
    rng = np.random.default_rng(1)
    dims = ("month", "region", "draw", "mix")
    shape = (MONTHS, len(CODES), DRAWS, MIXES)
    demand = xr.DataArray(rng.uniform(0, 10, shape), dims=dims, coords={"region": list(CODES)})
    limits = {name: demand.copy(data=rng.uniform(2, 12, shape)) for name in (*LOCAL, *SHARED)}
    laboratory = xr.DataArray(HOST.astype(str), dims="region", coords={"region": list(CODES)})
    flat = {name: limit.to_numpy().reshape(MONTHS, len(CODES), -1) for name, limit in limits.items()}
    ways = {
        "queue": lambda: queue(demand, limits, hazard=HAZARD, laboratory=laboratory, shared=SHARED)["started"],
        "bare NumPy": lambda: plain(demand.to_numpy().reshape(MONTHS, len(CODES), -1), flat),
    }
    seconds, results = {}, {}
    for name, way in ways.items():
        taken = []
        for _ in range(REPEATS):
            begin = time.process_time()
            results[name] = way()
            taken.append(time.process_time() - begin)
        seconds[name] = float(np.median(taken))
    ours = results["queue"].transpose(*dims).to_numpy().reshape(results["bare NumPy"].shape)
    np.testing.assert_allclose(ours, results["bare NumPy"], rtol=1e-9)
    table = Table("way", "CPU s", "ratio", title="A queue of 500 draws over ten years")
    for name, value in seconds.items():
        table.add_row(name, f"{value:.3f}", f"{value / seconds['bare NumPy']:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
