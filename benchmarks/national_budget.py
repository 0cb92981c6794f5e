"""National budget impact beside a bare NumPy contraction of the same size, in the same process.

10,000 draws × 3 mixes × 21 regions × 15 years × 12 resources, settled over six clauses, in blocks of draws. The reference does the same
convolution and the posting to payers as two matrix products and nothing else. Prints CPU seconds, their ratio and the peak memory.
"""

import resource
import time

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

from pmbudget.financing.ledger import budget_of, mean_ledger, net_budget_impact, post, settled, terms_of
from pmbudget.inputs import load_regions
from pmbudget.inputs.clauses import NationalSplit, Taper
from pmbudget.inputs.parameters import Text
from pmbudget.programme import budget_impact
from pmbudget.vocabulary import MIXES, NATIONAL

DRAWS, BLOCK, YEARS, COHORTS, AGES, RESOURCES = 10_000, 500, 15, 25, 10, 12
UNITS = np.array(["clinic", "diagnostic_unit", "region"])[np.arange(RESOURCES) % 3]
LABEL = Text(sv="klausul", en="clause")


def block(rng, regions):
    """Outcomes, starts and programme cost of one block of draws, with random numbers in them."""
    names = {"strategy": ["old", "new"], "resource": [f"r{number}" for number in range(RESOURCES)]}
    coords = {**names, "unit": ("resource", UNITS), "kind": ("resource", ["care"] * RESOURCES)}
    outcomes = xr.Dataset(
        {
            "cost": (("draw", "strategy", "year_since_start", "resource"), rng.random((BLOCK, 2, AGES, RESOURCES))),
            "cost_once": (("draw", "strategy", "resource"), rng.random((BLOCK, 2, RESOURCES))),
        },
        coords=coords,
    )
    cohorts = np.arange(2035 - COHORTS + YEARS - 14, 2026 + YEARS)
    starts = xr.DataArray(
        rng.random((BLOCK, 3, 2, 21, len(cohorts))),
        dims=("draw", "mix", "strategy", "region", "year"),
        coords={"mix": list(MIXES), "strategy": ["old", "new"], "region": list(regions.index), "year": cohorts},
    )
    programme = xr.DataArray(
        rng.random((BLOCK, 3, 22, YEARS, 1)),
        dims=("draw", "mix", "region", "year", "resource"),
        coords={
            "mix": list(MIXES),
            "region": [NATIONAL, *regions.index],
            "year": np.arange(2026, 2026 + YEARS),
            "resource": ["change"],
            "unit": ("resource", ["diagnostic_unit"]),
            "kind": ("resource", ["transition"]),
        },
    )
    return outcomes, starts, programme


def ours(parts, clauses, regions):
    """Convolution, accounts, clauses, net budget and mean ledger, as the road walks them."""
    outcomes, starts, programme = parts
    accounts = post(budget_impact(outcomes, starts, programme))
    moved = settled(accounts, clauses, terms_of(accounts, regions=regions, start=2026))
    mean_ledger(accounts, moved)
    return net_budget_impact(budget_of(accounts, moved), reference="today").to_numpy()


def bare(parts):
    """The same convolution and the posting to payers, as matrix products."""
    outcomes, starts, programme = parts
    cost, once = outcomes["cost"].to_numpy(), outcomes["cost_once"].to_numpy()
    curve = np.zeros((BLOCK, 2, AGES + 2, RESOURCES))
    curve[:, :, :AGES] += 0.5 * cost
    curve[:, :, 1 : AGES + 1] += 0.5 * cost
    curve[:, :, 0] += once
    elapsed = programme["year"].to_numpy()[None, :] - starts["year"].to_numpy()[:, None]
    place = np.where((elapsed >= 0) & (elapsed <= AGES), elapsed, AGES + 1)
    kernel = curve[:, :, place].reshape(BLOCK, 2 * len(starts["year"]), -1)
    begun = starts.transpose("draw", "mix", "region", "strategy", "year").to_numpy().reshape(BLOCK, 63, -1)
    level = (begun @ kernel).reshape(BLOCK, 3, 21, YEARS, RESOURCES)
    posting = (UNITS[:, None] == np.unique(UNITS)[None, :]).astype(float)
    posted = level @ posting
    return posted[:, 2] - posted[:, 0]


def main():
    """Time both over all blocks and print the table."""
    regions = load_regions()
    clauses = [
        clause
        for number in range(3)
        for clause in (
            Taper(clause="taper", name=f"taper {number}", label=LABEL, covers="transition", share=0.2, years=5),
            NationalSplit(clause="national_split", name=f"split {number}", label=LABEL, by="population"),
        )
    ]
    seconds, net = {"pmbudget": 0.0, "bare NumPy": 0.0}, []
    for number in range(DRAWS // BLOCK):
        parts = block(np.random.default_rng(number), regions)
        begin = time.process_time()
        net.append(ours(parts, clauses, regions))
        middle = time.process_time()
        bare(parts)
        seconds["pmbudget"] += middle - begin
        seconds["bare NumPy"] += time.process_time() - middle
    begin = time.process_time()
    np.quantile(np.concatenate(net), [0.025, 0.975], axis=0)
    quantiles = time.process_time() - begin
    table = Table("work", "CPU s", "ratio", title=f"{DRAWS:,} draws, six clauses")
    for name, spent in seconds.items():
        table.add_row(name, f"{spent:.2f}", f"{spent / seconds['bare NumPy']:.2f}")
    table.add_row("quantiles of the net budget (ours only)", f"{quantiles:.2f}", "")
    Console().print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    Console().print(f"peak memory {peak:.2f} GB")


if __name__ == "__main__":
    main()
