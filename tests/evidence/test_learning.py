import numpy as np
import pytest
from scipy import stats

from pmbudget.evidence.learning import Belief, gated_starts, learnt, observed, posterior, value_of_rows

YEARS = [2026, 2027, 2028, 2029, 2030]
BELIEF = Belief(100.0, 900.0)


def gate(truth, noise=None, planned=(2026, 2027, 2029), followed=None, probability=0.6, lag=1, sd=5000.0):
    truth = np.asarray(truth, float)
    noise = np.zeros((len(truth), len(YEARS))) if noise is None else noise
    return gated_starts(
        truth, BELIEF, waves=np.array([0, 1, 2]), planned=np.array(planned), years=YEARS,
        followed=followed or (lambda starts, year: 100.0 * (starts <= year).sum(1)),
        patient_sd=np.full(len(truth), sd), noise=noise, probability=probability, lag=lag,
    )  # fmt: skip


def test_the_posterior_is_the_conjugate_one():
    mean, sd = posterior(BELIEF, np.array([50 * 400.0]), np.array([50.0]), np.array([5000.0]))
    weight = 900**2 / (900**2 + 5000**2 / 50)
    assert mean[0] == pytest.approx(weight * 400 + (1 - weight) * 100)
    assert sd[0] == pytest.approx(900 * np.sqrt(1 - weight))


def test_without_patients_nothing_is_learnt():
    mean, sd = posterior(BELIEF, np.zeros(1), np.zeros(1), np.array([5000.0]))
    assert (mean[0], sd[0]) == (pytest.approx(100), pytest.approx(900))


def test_follow_up_has_the_truth_s_mean_and_its_spread():
    noise = np.random.default_rng(1).standard_normal(100_000)
    total = observed(np.full(100_000, 30.0), np.full(100_000, 25.0), np.array(200.0), noise)
    assert total.mean() == pytest.approx(750, abs=5 * 1000 / np.sqrt(100_000))
    assert total.std() == pytest.approx(np.sqrt(25) * 200, rel=0.02)


def test_what_is_known_is_right_as_often_as_it_says():
    # Calibration: of the draws in which the follow-up says about p, a share p is worth it.
    rng = np.random.default_rng(2)
    truth = rng.normal(BELIEF.mean, BELIEF.sd, 40_000)
    _, known = gate(truth, rng.standard_normal((40_000, len(YEARS))))
    for low in (0.2, 0.5, 0.8):
        among = (known[:, -1] > low) & (known[:, -1] < low + 0.1)
        assert (truth[among] > 0).mean() == pytest.approx(known[among, -1].mean(), abs=0.03)


def test_before_any_follow_up_only_the_prior_is_known():
    _, known = gate([900.0], lag=2)
    prior = stats.norm.cdf(BELIEF.mean / BELIEF.sd)
    assert known[0, :2] == pytest.approx([prior, prior])
    assert known[0, 2] > prior


def test_waves_open_where_it_is_worth_it_and_not_where_it_is_not():
    starts, _ = gate([3000.0, -3000.0])
    assert starts[0].tolist() == [2026, 2027, 2029]
    assert starts[1, 0] == 2026
    assert np.isinf(starts[1, 1:]).all()


def test_no_wave_opens_before_its_planned_year():
    starts, _ = gate([50_000.0], planned=(2026, 2029, 2030))
    assert starts[0].tolist() == [2026, 2029, 2030]


def test_what_happens_after_a_year_moves_no_decision_in_it():
    rng = np.random.default_rng(3)
    truth, noise = rng.normal(100, 900, 300), rng.standard_normal((300, len(YEARS)))
    later = noise.copy()
    later[:, 2:] = rng.standard_normal((300, len(YEARS) - 2))
    (starts, known), (other, other_known) = gate(truth, noise), gate(truth, later)
    assert (known[:, :3] == other_known[:, :3]).all()
    assert ((starts <= 2028) == (other <= 2028)).all()
    assert (known[:, 3:] != other_known[:, 3:]).any()


def test_regions_that_opened_add_to_what_is_known():
    opened, alone = gate([800.0])[1], gate([800.0], planned=(2026, 2040, 2040))[1]
    assert opened[0, :2] == pytest.approx(alone[0, :2])
    assert opened[0, -1] > alone[0, -1]


def test_what_is_learnt_where_nobody_waits_is_what_a_gate_knows():
    rng = np.random.default_rng(3)
    truth, noise = rng.normal(BELIEF.mean, BELIEF.sd, 50), rng.standard_normal((50, len(YEARS)))
    _, known = gate(truth, noise, probability=0.0)
    starts = np.array([2026, 2027, 2029])
    came = np.tile([100.0 * (starts <= year).sum() for year in YEARS], (50, 1))
    mean, sd = learnt(truth, BELIEF, patients=came, patient_sd=np.full(50, 5000.0), noise=noise, lag=1)
    assert stats.norm.cdf(mean / sd) == pytest.approx(known)
    assert (mean[:, 0], sd[:, 0]) == (pytest.approx(100), pytest.approx(900))


def test_nothing_is_learnt_of_patients_who_are_not_followed():
    mean, sd = learnt(
        np.array([50.0]),
        BELIEF,
        patients=np.full((1, 3), 9.0),
        patient_sd=np.array([np.inf]),
        noise=np.ones((1, 3)),
        lag=1,
    )
    assert mean == pytest.approx(np.full((1, 3), 100.0))
    assert sd == pytest.approx(np.full((1, 3), 900.0))


def test_rows_are_worth_what_deciding_after_them_gains():
    # Simulated: the posterior mean of each data set, and the better of the two options by it.
    rng, count = np.random.default_rng(4), 400_000
    truth = rng.normal(-200.0, BELIEF.sd, count)
    total = observed(truth, np.full(count, 40.0), np.array(5000.0), rng.standard_normal(count))
    mean, _ = posterior(Belief(-200.0, BELIEF.sd), total, np.full(count, 40.0), np.array(5000.0))
    worth, last = value_of_rows(-200.0, BELIEF.sd, 40.0, 5000.0)
    assert float(worth) == pytest.approx(np.maximum(mean, 0).mean(), rel=0.02)
    more, less = (float(value_of_rows(-200.0, BELIEF.sd, n, 5000.0)[0]) for n in (40.01, 39.99))
    assert float(last) == pytest.approx((more - less) / 0.02, rel=1e-4)
    assert float(value_of_rows(-200.0, BELIEF.sd, 0.0, 5000.0)[0]) == 0
