"""A frame as data: what it may hold, and that no model of it can pay more than there is."""

import re

import pytest
from pydantic import ValidationError

from pmbudget.batch.check import check
from pmbudget.errors import InputError
from pmbudget.inputs.frames import DistributionModel, load_frame

LABEL = {"sv": "Prov", "en": "Trial"}


def model(*clauses):
    return DistributionModel(
        label=LABEL,
        administration="administration_by_key",
        clauses=[{"name": f"clause_{place}", "label": LABEL, **one} for place, one in enumerate(clauses)],
    )


GRANT = {"clause": "grant", "amount": 0.6}
STEPS = [{"share": 0.5, "coverage": 0.9, "year": 2}, {"share": 0.3, "coverage": 0.8, "year": 2}]


def test_the_shipped_frame_has_seven_models_and_says_that_its_amount_is_assumed(shipped):
    frame = load_frame("introduction_programme", shipped)
    assert list(frame.models) == [
        *("per_head", "need", "performance", "milestones", "matched", "infrastructure", "evidence"),
    ]
    assert (frame.amount, frame.years, frame.evidence) == (200, 5, "assumption")
    assert frame.share * frame.introductions == 1


@pytest.mark.parametrize(
    ("clauses", "said"),
    [
        ([GRANT, GRANT], "1.2 yearly frames"),
        ([{**GRANT, "amount": [0.2, 1.3]}], "1.3 yearly frames"),
        ([{"clause": "match", "covers": "all", "share": 0.5}], "inf yearly frames"),
        ([{"clause": "per_unit", "unit": "tested", "price": 1, "cap": 1}, GRANT], "1.6 yearly frames"),
        ([{"clause": "milestone", "amount": 2, "upfront": 0.1, "steps": STEPS}], "1.6 yearly frames"),
        ([{**GRANT, "payer": "region", "to": "state"}], "not nominal money from the state"),
        ([{**GRANT, "indexed": True}], "not nominal money from the state"),
        ([{"clause": "national_split", "by": "population"}], "not nominal money from the state"),
    ],
)
def test_a_model_that_may_pay_more_than_the_frame_is_refused(clauses, said):
    with pytest.raises(ValidationError, match=re.escape(said)):
        model(*clauses)


def test_all_of_a_frame_may_be_paid_in_parts():
    assert len(model(GRANT, {"clause": "match", "covers": "all", "share": 1, "cap": 0.4}).clauses) == 2


@pytest.mark.parametrize("name", ["introduction_programe", "../norms"])
def test_a_frame_that_is_not_there_is_told_with_the_nearest_name(shipped, name):
    with pytest.raises(InputError, match="no such frame.*introduction_programme"):
        load_frame(name, shipped)


def test_a_faulty_frame_is_found_by_the_check(folder):
    path = folder / "frames" / "introduction_programme.yaml"
    path.write_text(path.read_text("utf-8").replace("years: 5", "years: 4"), "utf-8")
    with pytest.raises(InputError, match=r"introduction_programme\.yaml.*a milestone in year 5 of 4"):
        load_frame("introduction_programme", folder)
    assert any("introduction_programme" in fault.file for fault in check(folder))
