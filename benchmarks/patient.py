"""One patient of the gene panel case beside bare NumPy curves of the same number and length, in the same process.

The agreement_even scenario over its horizon of 20 years, in one block of 500, 1,000 and 2,000 draws, from the evidence in the cache. The
reference has as many cohorts, each with two curves by month given as hazards: a hazard ratio, the population's hazard as a floor, time in
two states by year, and a contraction with as many strategies and resources. It knows no pathway, no family of curves and no reference
curve to solve for. Prints CPU seconds per 1,000 draws (the least of three), their ratio and the peak memory above what stood before.
"""

import time
import tracemalloc

import numpy as np
from rich.console import Console
from rich.table import Table

from pmbudget.inputs import load_scenario
from pmbudget.patient import simulate
from pmbudget.patient.course import alike
from pmbudget.road import scenario_draws

MONTHS = 12


def by_hand(rng, draws, cohorts, years, strategies, resources):
    """Cost by strategy, year and resource from random hazards, ratios, weights and prices."""
    hazards, population = rng.random((2, years * MONTHS, draws)) * 0.05, np.full((years * MONTHS, 1), 0.001)
    ratios, weights = rng.random((cohorts, 2, draws)), rng.random((cohorts, strategies, draws))
    prices = rng.random((2, resources, draws))
    lived = np.zeros((2, strategies, years, draws))
    for ratio, weight in zip(ratios, weights, strict=True):
        alive = np.exp(-np.cumsum(np.maximum(hazards[0] * ratio[0], population), axis=0))
        free = np.minimum(np.exp(-np.cumsum(hazards[1] * ratio[1], axis=0)), alive)
        for state, trace in enumerate((free, alive - free)):
            lived[state] += weight[:, np.newaxis] * trace.reshape(years, MONTHS, draws).sum(axis=1) / MONTHS
    return np.einsum("lsyd,lrd->rsyd", lived, prices)


def least(work, *arguments, **options):
    """CPU seconds of the fastest of three runs, and the peak memory of one more, MB."""
    seconds = []
    for _ in range(3):
        begin = time.process_time()
        work(*arguments, **options)
        seconds.append(time.process_time() - begin)
    tracemalloc.start()
    work(*arguments, **options)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return min(seconds), peak


def main():
    """Time three sizes of a block and print the table."""
    scenario = load_scenario("agreement_even", case="nsclc_panel")
    case, years = scenario.case, scenario.case.horizon_years
    distinct = {alike(case, name) for name in case.managements}
    inherit = sum(name == case.reference or case.managements[name].overall is None for name in distinct)
    cohorts = inherit * len(case.classes) + len(distinct) - inherit
    drawn = scenario_draws(scenario, draws=2000).load()
    table = Table(
        "draws",
        "pmbudget, CPU s / 1,000",
        "bare curves, CPU s / 1,000",
        "ratio",
        "peak, MB",
        title=f"{cohorts} cohorts × {years * MONTHS} months",
    )
    strategies = len(case.strategies) + len(case.losses)
    for draws in (500, 1000, 2000):
        block, rng = drawn.isel(draw=slice(draws)), np.random.default_rng(1)
        mine, peak = least(simulate, block, case, horizon=years, beside=case.losses)
        hand, _ = least(by_hand, rng, draws, cohorts, years, strategies, len(case.resources))
        table.add_row(
            f"{draws:,}",
            *(f"{seconds * 1000 / draws:.3f}" for seconds in (mine, hand)),
            f"{mine / hand:.2f}",
            f"{peak:.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
