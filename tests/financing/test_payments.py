"""Contracts with manufacturers: closed forms beside simulation, perfect follow-up, and what never holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats

from pmbudget.financing.payments import (
    AdaptivePrice,
    ExpenditureCap,
    Followed,
    Instalments,
    MoneyBack,
    PerDiagnosis,
    Quality,
    Rebate,
    VolumeCap,
    carried_shares,
    chance_share,
    price_known,
    seen,
)

YEARS, MANY = 5, 40_000
CONTRACTS = (
    Rebate(0.7),
    VolumeCap(0.7, most=(20.0, 20.0)),
    ExpenditureCap(0.7, most=(1500.0,) * (YEARS + 1)),
    MoneyBack(0.7, refund=0.5),
    Instalments(0.7, parts=4),
    PerDiagnosis(0.7),
    AdaptivePrice(1.0, level=(0.7, 0.6)),
)


def exponential(rng, count, rate, *, entered=None, price=100.0):
    """Patients who lose response at a constant rate, and live on."""
    lost = rng.exponential(1 / rate, count)
    points = np.arange(YEARS + 1)
    responding = (lost[:, None] > points).astype(float)
    use = price * np.clip(lost[:, None] - points[:-1], 0, 1)
    course = np.full(count, price * -np.expm1(-rate * YEARS) / rate)
    entered = np.zeros(count, int) if entered is None else entered
    return Followed(entered, responding, np.ones_like(responding), use, course)


@pytest.fixture(scope="module")
def patients():
    return exponential(np.random.default_rng(1), MANY, 0.4)


def per_patient(contract, patients):
    return contract(patients).sum() / len(patients.entered)


def test_instalments_are_the_sum_of_the_curve_where_they_fall_due(patients):
    expected = 0.9 * patients.course[0] / 4 * np.exp(-0.4 * np.arange(4)).sum()
    assert per_patient(Instalments(0.9, parts=4), patients) == pytest.approx(expected, rel=0.01)


def test_money_back_leaves_the_price_less_the_refund_of_those_without_response(patients):
    # P (1 - phi (1 - Y)): of the first year, used for (1 - exp(-rate)) / rate of it; those who lose response within it used less.
    first = 100 * -np.expm1(-0.4) / 0.4
    kept = 100 * np.exp(-0.4)
    contract = MoneyBack(1.0, refund=0.5)
    refunded = patients.use.sum() / MANY - per_patient(contract, patients)
    assert refunded == pytest.approx(0.5 * (first - kept), rel=0.02)
    fixed = Followed(
        patients.entered, patients.responding, patients.alive, np.eye(YEARS)[[0] * MANY] * 100, patients.course
    )
    assert per_patient(contract, fixed) == pytest.approx(100 * (1 - 0.5 * -np.expm1(-0.4)), rel=0.01)


def test_pay_per_diagnosis_is_price_times_count(patients):
    assert PerDiagnosis(0.5)(patients).sum() == pytest.approx(0.5 * patients.course[0] * MANY)


def test_a_volume_cap_pays_for_the_smaller_of_count_and_cap():
    rng, mean, most, paid = np.random.default_rng(2), 12.0, 10, []
    contract = VolumeCap(1.0, most=(most,))
    for count in rng.poisson(mean, 4000):
        ones = np.ones((count, 3))
        paid.append(contract(Followed(np.zeros(count, int), ones, ones, ones[:, :2], np.full(count, 2.0))).sum() / 2)
    # E min(N, cap) = m F(cap - 1) + cap (1 - F(cap)), as n p(n) = m p(n - 1).
    expected = mean * stats.poisson.cdf(most - 1, mean) + most * stats.poisson.sf(most, mean)
    assert np.mean(paid) == pytest.approx(expected, rel=0.01)


def test_an_expenditure_cap_pays_the_smaller_of_cost_and_cap():
    rng, mean, sd, most, paid = np.random.default_rng(3), 100.0, 10.0, 95.0, []
    contract = ExpenditureCap(1.0, most=(most, most))
    for cost in rng.normal(mean, sd, 20_000):
        use, ones = np.full((4, 2), [cost / 4, 0.0]), np.ones((4, 3))
        paid.append(contract(Followed(np.zeros(4, int), ones, ones, use, np.ones(4))).sum())
    # E min(X, cap) = m - (m - cap) Phi(z) - s phi(z).
    z = (mean - most) / sd
    assert np.mean(paid) == pytest.approx(mean - (mean - most) * stats.norm.cdf(z) - sd * stats.norm.pdf(z), rel=0.002)


def test_no_year_costs_more_than_its_cap():
    rng = np.random.default_rng(4)
    patients = exponential(rng, 300, 0.3, entered=rng.integers(0, 3, 300))
    caps = (4000.0, 6000.0, 5000.0, 4000.0, 3000.0, 2000.0, 1000.0)
    paid = patients.by_year(ExpenditureCap(1.0, most=caps)(patients), len(caps))
    assert (paid <= np.array(caps) + 1e-6).all()
    assert paid.max() > 1000


def test_the_price_follows_what_is_known_and_stops_at_the_list_price():
    mean, sd = np.array([-30.0, 10.0, 80.0]), np.full(3, 20.0)
    surer = price_known(mean, sd, present=0.7, use=100.0, quantile=0.25)
    assert (surer <= price_known(mean, sd, present=0.7, use=100.0, quantile=0.5)).all()
    # At that price the expectation is nothing: what was missing per patient over what a patient uses.
    assert 0.7 - price_known(mean, sd, present=0.7, use=100.0, quantile=0.5)[0] == pytest.approx(0.3)


shares = some.floats(0, 1)


@settings(max_examples=40, deadline=None)
@given(missing=shares, false=shares, fails=shares, rule=some.booleans(), place=some.integers(0, len(CONTRACTS) - 1))
def test_no_fault_of_follow_up_pays_more_than_all_respond_or_less_than_none(missing, false, fails, rule, place):
    rng = np.random.default_rng(5)
    patients = exponential(rng, 50, 0.6, entered=rng.integers(0, 2, 50))
    contract = CONTRACTS[place]
    observed = contract(seen(patients, Quality(missing, false, fails, rule), rng.random(patients.responding.shape)))
    ends = [
        contract(Followed(patients.entered, some_, patients.alive, patients.use, patients.course)).sum()
        for some_ in (np.eye(YEARS + 1)[[0] * 50], np.ones((50, YEARS + 1)))
    ]
    assert ends[0] - 1e-9 <= observed.sum() <= ends[1] + 1e-9


@pytest.mark.parametrize("rule", [True, False])
@pytest.mark.parametrize("contract", CONTRACTS)
def test_follow_up_without_faults_pays_as_perfect_data(patients, contract, rule):
    observed = seen(patients, Quality(0.0, 0.0, 0.0, rule), np.random.default_rng(6).random(patients.responding.shape))
    assert np.array_equal(contract(observed), contract(patients))


def test_who_is_missing_is_refunded_as_the_contract_says(patients):
    chance, back = np.random.default_rng(7).random(patients.responding.shape), MoneyBack(1.0, refund=0.5)
    off = {
        rule: back(seen(patients, Quality(0.2, 0.0, 0.0, rule), chance)).sum() - back(patients).sum()
        for rule in (False, True)
    }
    fails = 0.5 * 0.2 * (patients.use[:, 0] * patients.responding[:, 1]).sum()
    pays = 0.5 * 0.2 * (patients.use[:, 0] * (1 - patients.responding[:, 1])).sum()
    assert off[False] == pytest.approx(-fails, rel=0.03)
    assert off[True] == pytest.approx(pays, rel=0.05)


def test_the_dead_are_never_taken_to_respond():
    died = Followed(np.zeros(3, int), np.eye(4)[[0, 0, 0]], np.eye(4)[[0, 0, 0]], np.ones((3, 3)), np.ones(3))
    observed = seen(died, Quality(1.0, 1.0, 0.0, missing_responds=True), np.zeros((3, 4)))
    assert np.array_equal(observed.responding, died.responding)


@settings(max_examples=30, deadline=None)
@given(some.lists(some.tuples(some.floats(0, 1e6), some.floats(0, 1e6)), min_size=2, max_size=20))
def test_payer_and_manufacturer_carry_all_of_the_variation(pairs):
    flat, paid = np.array(pairs).T
    assert sum(carried_shares(flat, paid).values()) == pytest.approx(1)
    assert carried_shares(flat, flat)["payer"] == pytest.approx(1)


def test_chance_is_told_from_what_is_not_known():
    rng = np.random.default_rng(8)
    known = rng.normal(0, 3, MANY)
    first, again = (known + rng.normal(0, 4, MANY) for _ in range(2))
    assert chance_share(first, again) == pytest.approx(16 / 25, abs=0.02)
    assert chance_share(known, known) == 0
