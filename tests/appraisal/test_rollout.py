"""The roll-out as an experiment: its mixed model against the closed form, and what order and pace do to it."""

import numpy as np
import pytest

from pmbudget.appraisal import Rollout, Variation, rollout_value
from pmbudget.appraisal.rollout import exposure_of, starts_in_waves


def stepped(regions=8, periods=5, patients=200, waves=4):
    """Regions that go from nothing to everything, two at a time, after a first period with none."""
    starts = starts_in_waves(np.arange(regions), waves=waves) + 1
    exposure = exposure_of(starts, np.zeros(regions), 1.0, periods=periods, ramp=0)
    return Rollout(exposure, np.full((regions, periods), float(patients)))


def hussey_hughes(design, patient, region):
    """Variance of the effect by generalised least squares with known variances (Hussey and Hughes 2007, equation 8)."""
    x = design.exposure
    regions, periods = x.shape
    u, w, v = x.sum(), (x.sum(axis=0) ** 2).sum(), (x.sum(axis=1) ** 2).sum()
    s, t = patient**2 / design.patients[0, 0], region**2
    return (
        regions
        * s
        * (s + periods * t)
        / ((regions * u - w) * s + (u**2 + regions * periods * u - periods * w - regions * v) * t)
    )


@pytest.mark.parametrize("region", [0.0, 0.05, 0.3])
def test_the_error_is_that_of_a_stepped_wedge(region):
    design, variation = stepped(), Variation(patient=1.0, region=region, period=0.5, region_period=0.0)
    effect = np.zeros(3000)
    estimate = design.analyse(design.simulate(effect, variation, np.random.default_rng(1)))
    assert estimate.std() == pytest.approx(np.sqrt(hussey_hughes(design, 1.0, region)), rel=0.08)
    assert abs(estimate.mean()) < 4 * estimate.std() / np.sqrt(3000)


def test_the_effect_is_recovered_whatever_the_trend():
    design = stepped(patients=1e9)
    effect = np.linspace(-1, 1, 50)
    data = design.simulate(effect, Variation(1.0, 0.2, 5.0, 0.0), np.random.default_rng(1))
    np.testing.assert_allclose(design.analyse(data), effect, atol=1e-3)


def test_regions_that_all_begin_at_once_teach_nothing():
    exposure = exposure_of(np.ones(8, int), np.zeros(8), 1.0, periods=5, ramp=0)
    design = Rollout(exposure, np.full((8, 5), 100.0))
    data = design.simulate(np.zeros(10), Variation(1, 0.1, 0.1, 0.1), np.random.default_rng(1))
    assert design.analyse(data) is None


def test_a_region_without_patients_tells_nothing():
    design = stepped()
    emptied = Rollout(design.exposure, np.vstack([design.patients[:-2], np.zeros((2, 5))]))
    few = Rollout(design.exposure[:-2], design.patients[:-2])
    variation = Variation(1.0, 0.05, 0.2, 0.0)
    errors = [
        one.analyse(one.simulate(np.zeros(2000), variation, np.random.default_rng(2))).std() for one in (emptied, few)
    ]
    assert errors[0] == pytest.approx(errors[1], rel=0.05)


def test_coverage_steps_from_today_to_the_ceiling():
    found = exposure_of(np.array([0, 2]), np.array([0.2, 0.4]), 0.8, periods=4, ramp=2)
    np.testing.assert_allclose(found, [[0.5, 0.8, 0.8, 0.8], [0.4, 0.4, 0.6, 0.8]])


def test_waves_are_about_equal_and_keep_the_order():
    starts = starts_in_waves(np.array([4, 3, 2, 1, 0]), waves=2, every=3)
    assert starts.tolist() == [3, 3, 3, 0, 0] or starts.tolist() == [3, 3, 0, 0, 0]
    with pytest.raises(ValueError, match="waves = 9 must be 1 to 5"):
        starts_in_waves(np.arange(5), waves=9)


@pytest.fixture(scope="module")
def world():
    """Benefit follows the effect on the outcome; on average it is just below nothing."""
    rng = np.random.default_rng(1)
    effect = rng.normal(0.1, 0.05, 2000)
    return 10_000 * (effect - 0.11) + rng.normal(0, 200, 2000), effect, Variation(0.4, 0.05, 0.02, 0.02)


def valued(world, design, **change):
    benefit, effect, variation = world
    asked = {"analyses": [3], "discount_rate": 0.0, "rng": np.random.default_rng(3)} | change
    return rollout_value(design, benefit, effect, variation, **asked)


def design_of(waves, patients=100.0):
    exposure = exposure_of(starts_in_waves(np.arange(10), waves=waves), np.zeros(10), 0.9, periods=8, ramp=0)
    return Rollout(exposure, np.full((10, 8), patients))


def test_a_staggered_start_teaches_and_a_sudden_one_does_not(world):
    sudden, staggered = (valued(world, design_of(waves)).iloc[0] for waves in (1, 4))
    assert sudden["evsi"] == 0
    assert np.isnan(sudden["error"])
    assert staggered["evsi"] > 0


def test_more_patients_teach_more_and_never_more_than_everything(world):
    benefit = world[0]
    values = []
    for patients in (10.0, 100.0, 1e7):
        row = valued(world, design_of(4, patients)).iloc[0]
        values.append(row["evsi"] / patients)
    later = design_of(4).exposure[:, 3:].sum()
    assert values[0] < values[1] < values[2]
    assert values[2] <= later * (np.maximum(benefit, 0).mean() - max(0, benefit.mean())) * 1.001


def test_nothing_to_learn_is_worth_nothing(world):
    benefit, effect, variation = world
    unrelated = np.random.default_rng(9).permutation(effect)
    row = rollout_value(
        design_of(4), benefit, unrelated, variation, analyses=[3], discount_rate=0.0, rng=np.random.default_rng(3)
    ).iloc[0]
    told = valued(world, design_of(4)).iloc[0]["evsi"]
    assert abs(row["evsi"]) < 0.05 * told


def test_parts_add_up_and_data_are_paid_for(world):
    benefit = world[0]
    free, paid = (valued(world, design_of(4), study_cost=cost).iloc[0] for cost in (0.0, 1000.0))
    assert free["value"] - paid["value"] == pytest.approx(3000)
    exposure = design_of(4).exposure * 100
    assert free["meanwhile"] == pytest.approx(exposure[:, :3].sum() * benefit.mean())
    uninformed = max(exposure[:, 3:].sum() * benefit.mean(), 0)
    assert free["value"] == pytest.approx(free["meanwhile"] + uninformed + free["evsi"])


def test_a_dear_withdrawal_is_seldom_made(world):
    cheap, dear = (valued(world, design_of(4), reversal_cost=cost).iloc[0] for cost in (0.0, 1e6))
    assert dear["withdrawn"] < cheap["withdrawn"]


@pytest.mark.parametrize("analyses", [[0], [8]])
def test_an_analysis_outside_the_periods_is_refused(world, analyses):
    with pytest.raises(ValueError, match="must lie between 1 and 7"):
        valued(world, design_of(4), analyses=analyses)


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"exposure runs from 0 to 1\.5"):
        Rollout(np.array([[0.0, 1.5]]), np.ones((1, 2)))
    with pytest.raises(ValueError, match="give both by region and period"):
        Rollout(np.zeros((2, 2)), np.ones((1, 2)))
