"""The shipped agreements: that they load, and that the arithmetic of the precedents is what was published."""

from dataclasses import replace

import numpy as np
import pytest
from small_books import SHAPE, small_books

from pmbudget.financing.agreement import transfers
from pmbudget.financing.grants import corridor_marginal_share
from pmbudget.inputs.agreements import STANDING, load_agreements, read_agreement

PRECEDENTS = {
    "drug_benefit_corridor",
    "hepatitis_c_solidarity",
    "rebate_split",
    "orphan_solidarity_pool",
    "svf_two_instalments",
    "queue_performance_pot",
    "cancer_agreement_2026",
    "gms_matched_projects",
    "gms_assignment_grant",
    "childhood_cancer_seed",
    "ostergotland_orphan_split",
    "national_earmarked",
    "mixed_research",
    "general_grant",
}


@pytest.fixture(scope="module")
def agreements(shipped):
    return load_agreements(shipped)


@pytest.fixture(scope="module")
def books():
    return small_books()


def paid_by(agreement, books, payer="state"):
    """What a payer pays in each year, first draw, MSEK."""
    columns = [moved[payer] for moved in transfers(agreement.clauses, books).values() if payer in moved]
    return sum(np.broadcast_to(column, SHAPE)[0].sum(axis=0) for column in columns) / 1e6


def by_clause(agreement, books, payer="state"):
    moved = transfers(agreement.clauses, books)
    return {name: np.broadcast_to(one[payer], SHAPE)[0] / 1e6 for name, one in moved.items() if payer in one}


def test_every_precedent_is_there_with_source_and_note(agreements):
    assert set(agreements) >= PRECEDENTS
    for agreement in agreements.values():
        assert agreement.source.title
        assert agreement.note
        assert agreement.evidence == "assumption" or agreement.source.address


def test_the_corridor_is_the_one_of_2015_on_the_sum_of_2023(agreements):
    [clause, _] = agreements["drug_benefit_corridor"].clauses
    assert (clause.agreed, clause.tolerance, clause.above, clause.below) == (33_485, 0.03, 0.5, 0.5)
    assert corridor_marginal_share(clause) == pytest.approx(0.16, abs=0.005)


def test_the_pot_of_2019_is_1610(agreements, books):
    parts = by_clause(agreements["queue_performance_pot"], books)
    assert {name: one.sum(axis=0)[1] for name, one in parts.items()} == pytest.approx(
        {"performance": 1280, "per_inhabitant": 320, "association": 10}
    )
    assert paid_by(agreements["queue_performance_pot"], books)[1] == pytest.approx(1610)


def test_the_cancer_agreement_of_2026_is_1005(agreements, books):
    assert paid_by(agreements["cancer_agreement_2026"], books)[1:] == pytest.approx([1005] * 4)


def test_instalments_for_pathways_are_all_or_nothing(agreements, books):
    parts = by_clause(agreements["svf_two_instalments"], books)
    assert parts["on_plan"].sum(axis=0)[1:] == pytest.approx([203] * 4)
    # The second region reaches 60 % in the last year alone.
    assert parts["on_delivery"][1, 1:] == pytest.approx([0, *[0.75 * 203] * 3])
    assert parts["on_delivery"][2, 1:] == pytest.approx([0, 0, 0, 0.25 * 203])


def test_the_pool_between_regions_sums_to_zero_and_leaves_the_state_out(agreements, books):
    moved = transfers(agreements["orphan_solidarity_pool"].clauses, books)["pool"]
    assert set(moved) == {"region"}
    assert moved["region"].sum(axis=1) == pytest.approx(np.zeros((2, 5)), abs=1e-9)
    assert float(np.abs(moved["region"]).max()) > 1


def test_the_state_carries_seventy_per_cent_of_what_is_new(agreements, books):
    paid = paid_by(agreements["hepatitis_c_solidarity"], books)
    new = (books.cost("all") - books.cost("all", today=True))[0].sum(axis=0)
    assert paid[1:] * 1e6 == pytest.approx(0.7 * new[1:])


def test_regions_keep_seventy_per_cent_of_rebates_on_top_of_the_standing_rules(shipped, agreements, books):
    standing = read_agreement(shipped, STANDING, None, [])
    rebate = 0.25 * books.cost("benefit_drugs")[0].sum(axis=0)
    both = replace(books, terms=replace(books.terms, start=2025))
    state = -paid_by(standing, both) - paid_by(agreements["rebate_split"], both)
    assert state * 1e6 == pytest.approx(0.3 * rebate)
    fees = paid_by(standing, both, "patient")
    assert fees * 1e6 == pytest.approx(books.cost("benefit_drugs")[0].sum(axis=0)), (
        "drugs this cheap stay below the ceiling"
    )


def test_project_money_is_matched_96_to_124_and_ends_after_three_years(agreements, books):
    paid = paid_by(agreements["gms_matched_projects"], books, "research_funder") * 1e6
    assert paid == pytest.approx(np.array([0, 1, 1, 1, 0]) * 1400 * 96 / 220, rel=1e-3)


def test_government_assignments_are_as_they_were_decided(agreements):
    [clause, _] = agreements["gms_assignment_grant"].clauses
    assert sum(clause.amount[:3]) == pytest.approx(54.75)
    assert clause.amount[3:] == (49.5, 80)


def test_seed_money_goes_from_all_to_nothing(agreements, books):
    paid = paid_by(agreements["childhood_cancer_seed"], books) * 1e6
    assert paid == pytest.approx(1400 * np.array([0, 1, 0.75, 0.5, 0.25]))


def test_inside_one_region_the_board_takes_eighty_per_cent_of_the_clinic_s_drugs(agreements, books):
    procured = {**books.accounts, ("clinic", "procured"): np.ones(SHAPE) * 10}
    moved = transfers(agreements["ostergotland_orphan_split"].clauses, replace(books, accounts=procured))["board_share"]
    assert moved["clinic"][0, 1, 1] == pytest.approx(-8)
    assert moved["region"][0, 1, 1] == pytest.approx(8)
