import pytest
from pydantic import ValidationError

from pmbudget.appraisal import BinomialStudy, JointStudy, NormalStudy, RegisterStudy, SurvivalStudy
from pmbudget.evidence.proposed import designed
from pmbudget.inputs.research import Measure, ProposedStudy


def measured(**keys):
    return Measure(**({"design": "binomial", "parameter": "p"} | keys))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"design": "normal"}, "needs sd"),
        ({"design": "survival"}, "needs follow_up"),
        ({"design": "two_arm_binomial"}, "needs treatment"),
        ({"sd": "s"}, "sd does not go with a binomial study"),
        ({"design": "register", "log": True}, "log does not go with a register study"),
    ],
)
def test_a_measure_has_the_keys_of_its_design(keys, said):
    with pytest.raises(ValidationError, match=said):
        measured(**keys)


def test_sizes_rise():
    record = {
        "label": {"sv": "a", "en": "a"},
        "measures": [{"design": "binomial", "parameter": "p"}],
        "fixed_cost": "c",
        "cost_per_participant": "c",
        "years": "y",
    }
    with pytest.raises(ValidationError, match=r"sizes \[50, 10\] do not rise"):
        ProposedStudy(**record, sizes=[50, 10])
    assert ProposedStudy(**record, sizes=[10]).arms == 1


def test_every_study_of_the_case_becomes_a_design(scenario, table):
    studies = {name: designed(one.measures, table) for name, one in scenario.case.research.studies.items()}
    kinds = {
        type(part) for study in studies.values() for part in (study.parts if isinstance(study, JointStudy) else [study])
    }
    assert kinds == {BinomialStudy, NormalStudy, RegisterStudy, SurvivalStudy}
    for study in studies.values():
        assert set(study.parameters) <= set(table)
    register = next(study for study in studies.values() if isinstance(study, RegisterStudy))
    assert len(register.parameters) == 4


def test_what_a_study_costs_is_an_assumption_with_an_interval(scenario):
    for study in scenario.case.research.studies.values():
        for name in (study.fixed_cost, study.cost_per_participant, study.years):
            record = scenario.parameters[name].record
            assert record.evidence == "assumption"
            assert record.distribution.interval
