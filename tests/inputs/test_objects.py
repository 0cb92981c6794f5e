"""Designs, models and contracts are for the cases that have what they are about."""

import pytest

from pmbudget.inputs import load_scenario
from pmbudget.inputs.agreements import load_agreements
from pmbudget.inputs.contracts import load_contracts
from pmbudget.inputs.frames import load_frame

BY_FOLLOW_UP = {"paid_per_register_row", "register_row_at_worth", "adaptive_share"}
ON_BENEFIT_DRUGS = {
    "instalments_drugs",
    "money_back_drugs",
    "drug_benefit_corridor",
    "ostergotland_orphan_split",
    "rebate_split",
}


@pytest.mark.parametrize(
    ("case", "lacking", "learns"),
    [("nsclc_panel", set(), True), ("rare_disease_wgs", ON_BENEFIT_DRUGS, True), ("fh_cascade", BY_FOLLOW_UP, False)],
)
def test_what_is_about_something_that_a_case_lacks_is_left_out(shipped, case, lacking, learns):
    own = load_scenario("agreement_even", shipped, case=case).case
    designs = {name: one for name, one in load_agreements(shipped).items() if not one.only_for}
    assert {name for name, one in designs.items() if not one.is_for(case, own)} == lacking
    frame = load_frame("introduction_programme", shipped)
    assert set(frame.models) - set(frame.for_case(own).models) == (set() if learns else {"evidence"})
    terms = load_contracts(shipped)
    assert set(terms.contracts) - set(terms.for_case(own).contracts) == (set() if learns else {"adaptive_price"})
