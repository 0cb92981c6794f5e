"""A whole evaluation beside the bare matrix product inside it, for each case; a scenario loaded, a kept result opened.

Each in a process of its own, so that peak memory is its own. The reference convolves starts with curves of the same size (3 mixes x 21
regions, 2 strategies, all cohorts, 10 years, 27 resources) and nothing else. Prints CPU seconds after imports, the ratio, peak memory.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
from rich.console import Console
from rich.table import Table

CASES = ("nsclc_panel", "rare_disease_wgs", "fh_cascade")
DRAWS = (1000, 4000)


def seconds(function):
    """What a function gives, and CPU seconds."""
    begun = time.process_time()
    found = function()
    return found, time.process_time() - begun


def bare(draws, cohorts=31, years=10, resources=27):
    """The convolution alone, in blocks of 500 draws."""
    rng = np.random.default_rng(1)
    persons, curves = rng.random((500, 63, 2 * cohorts)), rng.random((500, 2 * cohorts, years * resources))
    for _ in range(0, draws, 500):
        persons @ curves


def measured(case, draws):
    """CPU seconds of loading, drawing, walking, the bare product and opening what was kept; peak memory in GB."""
    from pmbudget.inputs import load_scenario
    from pmbudget.road import evaluate_draws, evaluated, scenario_draws

    scenario, loading = seconds(lambda: load_scenario("agreement_even", case=case))
    table, drawing = seconds(lambda: scenario_draws(scenario, draws=draws))
    _, walking = seconds(lambda: evaluate_draws(scenario, table))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    _, product = seconds(lambda: bare(draws))
    with tempfile.TemporaryDirectory() as folder:
        evaluated(scenario, draws=draws, folder=folder)
        _, opening = seconds(lambda: evaluated(scenario, draws=draws, folder=folder))
    return [loading, drawing, walking, product, opening, peak]


def main():
    """The table."""
    table = Table("case", "draws", "load", "draw", "walk", "bare product", "ratio", "open kept", "peak, GB")
    for case in CASES:
        for draws in DRAWS:
            said = subprocess.run(
                [sys.executable, __file__, case, str(draws)], capture_output=True, text=True, check=True
            )
            *times, peak = json.loads(said.stdout.splitlines()[-1])
            load, draw, walk, product, opening = times
            figures = [load, draw, walk, product, walk / product, opening, peak]
            table.add_row(case, f"{draws:,}", *(f"{figure:.2f}" for figure in figures))
    Console().print(table)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
    else:
        main()
