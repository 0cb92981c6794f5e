"""Value of information beside plain references, in the same process.

10,000 draws × 3 strategies. Prints CPU seconds (the least of five) of this package and of a reference written for the one task, their
ratio, the peak memory of each, and the CPU seconds of the fastest R package for the same task, measured once in November 2026 on two
shared cores (voi, dampack and BCEA on R 4.2 with reference BLAS). The references of M3-M6 fit without a penalty: they are quicker to
write and find value where there is none, as the last line shows.
"""

import time
import tracemalloc

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

from pmbudget.appraisal import TwoArmBinomialStudy, evpi, evppi, evppi_by_parameter, evsi

DRAWS, SINGLES = 10_000, 150
WTP, THRESHOLDS = 20_000.0, np.linspace(0, 50_000, 501)


def least(work):
    """CPU seconds of the fastest of five runs, the peak memory of one more (MB), and the result."""
    seconds = []
    for _ in range(5):
        begin = time.process_time()
        found = work()
        seconds.append(time.process_time() - begin)
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return min(seconds), peak, found


def envelope_by_loop(cost, qaly):
    """EVPI threshold by threshold."""
    found = []
    for wtp in THRESHOLDS:
        benefit = wtp * qaly - cost
        found.append(benefit.max(axis=1).mean() - benefit.mean(axis=0).max())
    return np.array(found)


def plain(columns, cost, qaly, thresholds):
    """EVPPI by least squares on given columns without a penalty, threshold by threshold."""
    orthonormal = np.linalg.qr(columns)[0]
    found = []
    for wtp in np.atleast_1d(thresholds):
        fitted = orthonormal @ (orthonormal.T @ (wtp * qaly - cost))
        found.append(fitted.max(axis=1).mean() - fitted.mean(axis=0).max())
    return np.array(found)


def powers(values, degree):
    """A polynomial of one parameter."""
    return np.vander((values - values.mean()) / values.std(), degree + 1, increasing=True)


def tensor(values, degree):
    """Products of the polynomials of all parameters."""
    columns = powers(values[:, 0], degree)
    for place in range(1, values.shape[1]):
        columns = (columns[:, :, None] * powers(values[:, place], degree)[:, None, :]).reshape(len(values), -1)
    return columns


def main():
    """Time M2-M6 and the ranking of all parameters, and print the table."""
    rng = np.random.default_rng(1)
    p = rng.normal(size=(DRAWS, 3))
    ones = np.ones(DRAWS)
    qaly = np.column_stack([ones, 1.05 + 0.2 * p[:, 0] + rng.normal(0, 0.1, DRAWS), 1.1 + 0.2 * p[:, 1]])
    cost = np.column_stack([0 * ones, 1000 + 100 * p[:, 2], 2500 + 200 * p[:, 0] * p[:, 2]])
    control, treated = rng.beta(20, 80, DRAWS), rng.beta(24, 76, DRAWS)
    trial = xr.DataArray(
        np.column_stack([control, treated]),
        dims=("draw", "parameter"),
        coords={"parameter": ["control", "treated"]},
    )
    trial_cost = np.column_stack([0 * ones, 1000 * ones])
    trial_qaly = 0.2 * trial.to_numpy()
    study = TwoArmBinomialStudy("control", "treated")
    many = xr.DataArray(rng.normal(size=(4000, SINGLES)), dims=("draw", "parameter"))
    many = many.assign_coords(parameter=[f"p{place}" for place in range(SINGLES)])
    observed = rng.binomial(100, trial.to_numpy()) / 100
    tasks = (
        ("M2 EVPI, 501 thresholds", lambda: evpi(cost, qaly, THRESHOLDS), lambda: envelope_by_loop(cost, qaly), 2.05),
        (
            "M3 EVPPI, one parameter",
            lambda: evppi(cost, qaly, p[:, 0], wtp=WTP),
            lambda: plain(powers(p[:, 0], 10), cost, qaly, WTP),
            0.063,
        ),
        (
            "M4 EVPPI, three parameters",
            lambda: evppi(cost, qaly, p, wtp=WTP),
            lambda: plain(tensor(p, 3), cost, qaly, WTP),
            0.197,
        ),
        (
            "M5 EVPPI, one parameter, 501 thresholds",
            lambda: evppi(cost, qaly, p[:, 0], wtp=THRESHOLDS),
            lambda: plain(powers(p[:, 0], 10), cost, qaly, THRESHOLDS),
            7.0,
        ),
        (
            "M6 EVSI, two arms, n = 100",
            lambda: evsi(trial_cost, trial_qaly, trial, study, wtp=1e5, n=100, rng=rng),
            lambda: plain(tensor(observed, 5), trial_cost, trial_qaly, 1e5),
            0.098,
        ),
        (
            f"EVPPI of {SINGLES} parameters, 4,000 draws",
            lambda: evppi_by_parameter(cost[:4000], qaly[:4000], many, wtp=WTP),
            lambda: [plain(powers(many.to_numpy()[:, j], 10), cost[:4000], qaly[:4000], WTP) for j in range(SINGLES)],
            None,
        ),
    )
    table = Table("task", "pmbudget, s", "plain, s", "ratio", "R package, s", "times as fast", "MB", "plain, MB")
    for name, ours, reference, package in tasks:
        (mine, held, _), (hand, by_hand, _) = least(ours), least(reference)
        other = ("-", "-") if package is None else (f"{package:.3f}", f"{package / mine:.0f}")
        table.add_row(name, f"{mine:.4f}", f"{hand:.4f}", f"{mine / hand:.2f}", *other, f"{held:.0f}", f"{by_hand:.0f}")
    np.testing.assert_allclose(evpi(cost, qaly, THRESHOLDS), envelope_by_loop(cost, qaly), atol=1e-6)
    Console(width=140).print(table)
    gain = np.column_stack([0 * ones, rng.normal(0, 1, DRAWS)])
    nothing = evppi(0 * gain, gain, p, wtp=1).iloc[0]
    Console().print(
        f"three irrelevant parameters: {nothing['evppi']:.4f} (se {nothing['se']:.4f}); "
        f"without a penalty {plain(tensor(p, 3), 0 * gain, gain, 1.0)[0]:.4f}"
    )


if __name__ == "__main__":
    main()
