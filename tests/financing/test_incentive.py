"""The marginal share is what one test more would show."""

import numpy as np
import pytest
from small_books import made, small_books

from pmbudget.financing.incentive import marginal_share, moved_by_tests
from pmbudget.inputs import clauses as kinds
from pmbudget.inputs.agreements import load_agreements


@pytest.fixture(scope="module")
def books():
    return small_books()


def share(books, *clauses, **chosen):
    return marginal_share(clauses, books, **chosen)


def test_without_an_agreement_a_region_bears_all_of_its_tests(books):
    assert share(books).to_numpy() == pytest.approx(np.zeros((2, 5)))
    assert share(books)["region"].to_numpy().tolist() == ["01", "03"]


def test_a_share_of_tests_is_the_marginal_share_while_it_lasts(books):
    found = share(books, made(kinds.Match, covers="tests", share=0.4, begins=2, ends=3))
    assert found.sel(region="01").to_numpy() == pytest.approx([0, 0, 0.4, 0.4, 0])


def test_a_share_of_what_is_new_is_its_whole_share_at_the_margin(books):
    found = share(books, made(kinds.Match, covers="tests", share=0.4, additional=True))
    assert found.sel(year=2026).to_numpy() == pytest.approx([0.4, 0.4])


def test_a_grant_per_inhabitant_moves_nothing_at_the_margin(books):
    assert float(abs(share(books, made(kinds.Grant, amount=1.0))).max()) < 1e-9


def test_above_its_cap_a_match_moves_nothing(books):
    found = share(books, made(kinds.Match, covers="tests", share=0.5, cap_per_inhabitant=0.01))
    assert found.sel(year=2026).to_numpy() == pytest.approx([0, 0])


def test_a_pool_leaves_a_region_its_weight_of_its_own_test(books):
    found = share(books, made(kinds.SolidarityPool, covers="tests"))
    assert found.sel(year=2026).to_numpy() == pytest.approx([0.25, 0.75])


def test_a_pot_rewards_tests_and_others_lose(books):
    found = share(books, made(kinds.PerformancePot, amount=100e-6))
    # d/dh of 100 s h / (s h + r) is 100 s r / (s + r)^2 per 40 kronor of tests.
    assert float(found.sel(region="01", year=2026)) == pytest.approx(100 * 0.3 * 0.05 / 0.35**2 / 40, rel=0.02)


def test_a_clinic_bears_of_a_test_what_its_internal_price_tells_it(books):
    assert share(books, payers=("clinic",)).sel(year=2026).to_numpy() == pytest.approx([1, 1])
    price = made(kinds.PerUnit, unit="tested", price=2.0, payer="clinic", to="diagnostic_unit")
    # Twelve tests cost 40: a price of 2 is 0.6 of what a test costs.
    assert float(share(books, price, payers=("clinic",)).sel(region="01", year=2026)) == pytest.approx(0.4)
    assert float(share(books, price).sel(region="01", year=2026)) == pytest.approx(0)


def test_what_is_said_to_move_nothing_at_the_margin_moves_nothing(books, shipped):
    still = [one.clauses for one in load_agreements(shipped).values() if not any(map(moved_by_tests, one.clauses))]
    assert len(still) > 5
    for clauses in still:
        assert float(abs(share(books, *clauses)).max()) < 1e-6  # a grant of millions beside kronor


def test_the_lot_of_an_appropriation_is_the_same_with_and_without_the_test(books):
    found = share(books, made(kinds.Match, covers="tests", share=0.4, renewal=0.5))
    assert bool(((found > -1e-9) & (found < 0.4 + 1e-9)).all())
