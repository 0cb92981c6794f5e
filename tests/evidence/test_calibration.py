"""A small share of ``make calibrate``: truths from the priors, data from the truths, and the 90 % intervals that hold them."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "calibration.py"


@pytest.fixture(scope="module")
def calibration():
    spec = importlib.util.spec_from_file_location("calibration", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.whole
@pytest.mark.parametrize(("block", "replications"), [("proportion", 30), ("accuracy", 20)])
def test_ninety_per_cent_intervals_hold_the_truth_about_as_often(calibration, block, replications):
    """Over 60 and 100 truths a share outside 0.8 to 0.98 happens by chance about once in a hundred times."""
    found = calibration.coverage(block, replications)
    assert 0.8 < found["coverage"].mean() < 0.98
    assert found["divergences"].sum() == 0
