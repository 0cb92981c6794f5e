import numpy as np
import pytest
import xarray as xr
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


TEXT = {"sv": "a", "en": "a"}


def proposed(**keys):
    record = {
        "label": TEXT,
        "measures": [{"design": "binomial", "parameter": "p"}],
        "sizes": [10],
        "fixed_cost": "c",
        "cost_per_participant": "c",
        "years": "y",
    }
    return ProposedStudy(**(record | keys))


def test_sizes_rise():
    with pytest.raises(ValidationError, match=r"sizes \[50, 10\] do not rise"):
        proposed(sizes=[50, 10])
    assert proposed().arms == 1


CLUSTERS = {"label": TEXT, "members": TEXT, "sampled": 2, "of": 7}
CLUSTERED = {"design": "normal", "parameter": "p", "sd": "s", "cluster_sd": "between", "period_sd": "year"}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"measures": [CLUSTERED]}, "go together; give both or neither"),
        ({"clusters": CLUSTERS}, "go together; give both or neither"),
        ({"measures": [CLUSTERED], "clusters": CLUSTERS | {"sampled": 8}}, "sampled = 8 is more than the 7"),
        ({"measures": [CLUSTERED | {"design": "binomial"}]}, "does not go with a binomial study"),
    ],
)
def test_a_study_in_clusters_says_how_many_and_how_they_differ(keys, said):
    with pytest.raises(ValidationError, match=said):
        proposed(**keys)


def test_clusters_become_a_design_with_expected_spreads():
    spreads = xr.Dataset(
        {name: ("draw", [0.0, 2 * mean]) for name, mean in {"s": 1.0, "between": 0.8, "year": 0.3}.items()}
    )
    study = designed(proposed(measures=[CLUSTERED], clusters=CLUSTERS), spreads)
    assert study == NormalStudy("p", 1.0, cluster_sd=0.8, clusters=2, of=7, period_sd=0.3)


def test_records_at_one_laboratory_tell_less_than_at_all(scenario, table):
    one, all_of_them = (
        designed(scenario.case.research.studies[name], table).parts[0] for name in ("answer_times_one", "answer_times")
    )
    assert one.error(np.inf) > 2 * all_of_them.error(np.inf) > 0


def test_every_study_of_the_case_becomes_a_design(scenario, table):
    studies = {name: designed(one, table) for name, one in scenario.case.research.studies.items()}
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
