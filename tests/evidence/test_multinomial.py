"""Shares that sum to 1 learnt from studies that sort persons into several categories."""

import logging

import numpy as np
import pytest
from study_builders import parameter, together

from pmbudget.evidence import fit_evidence
from pmbudget.evidence.blocks import blocks_of, learnt
from pmbudget.evidence.crude import crude_posterior
from pmbudget.evidence.draws import draw_parameters
from pmbudget.inputs.studies import ROWS, FromStudies

TRUE = {"mild": 0.6, "severe": 0.3, "fatal": 0.1}


def rows(*studies, **more):
    """A row for each category of each study."""
    return [
        {"study": f"S{number}", "category": category, "count": count, **more}
        for number, counts in enumerate(studies)
        for category, count in zip(TRUE, counts, strict=True)
    ]


def shares(table):
    how = {"model": "shares", "quantity": "outcome", "unit": "share"}
    return together(*(parameter(f"share_{part}", table, part=part, **how) for part in TRUE))


@pytest.fixture(scope="module")
def simulated():
    rng = np.random.default_rng(4)
    return rows(*(rng.multinomial(300, rng.dirichlet(60 * np.array(list(TRUE.values())))).tolist() for _ in range(10)))


@pytest.fixture(scope="module")
def posterior(simulated, tmp_path_factory):
    logging.getLogger("pymc").setLevel(logging.ERROR)
    return fit_evidence(shares(simulated), cache=tmp_path_factory.mktemp("fit"), draws=600, chains=2, progress=False)


def test_drawn_shares_sum_to_1_and_hold_the_truth(simulated, posterior):
    drawn = draw_parameters(shares(simulated), posterior, n=1000)
    assert np.abs(sum(drawn[f"share_{part}"] for part in TRUE) - 1).max() < 1e-12
    for part, truth in TRUE.items():
        low, high = np.quantile(drawn[f"share_{part}"], [0.025, 0.975])
        assert low < truth < high


def test_what_settings_share_is_recovered(posterior):
    found = posterior.fitted["outcome.csv:outcome.shares"].mean(("chain", "draw"))
    assert found.to_numpy() == pytest.approx(list(TRUE.values()), abs=0.05)
    low, high = np.quantile(posterior.fitted["outcome.csv:outcome.alike"], [0.005, 0.995])
    assert low < 60 < high


def test_the_crude_shares_are_those_of_all_counted():
    found = crude_posterior(shares(rows((6, 3, 1), (4, 5, 1)))).draws
    assert [float(found[f"share_{part}"][0]) for part in TRUE] == pytest.approx([0.5, 0.4, 0.1])


def test_the_categories_of_one_study_do_not_overlap_with_each_other():
    [block] = blocks_of(learnt(shares(rows((6, 3, 1), overlap="cohort"))))
    assert block.how.problem(block.studies) is None


@pytest.mark.parametrize(
    ("table", "part", "said"),
    [
        (rows((6, 3, 1)), "mlid", "no study counts mlid"),
        (rows((6, 3, 1), (4, 5, 1))[:-1], "mild", "S1 does not count each category once"),
        (rows((6, 3, 1)) + rows((6, 3, 1))[:1], "mild", "S0 does not count each category once"),
        (rows((0, 0, 0)), "mild", "S0 counts nobody"),
    ],
)
def test_a_table_that_is_no_shares_is_told(table, part, said):
    common = {"quantity": "x", "use": "pool", "evidence": "derived", "source": "Invented"}
    how = FromStudies(studies="x.csv", quantity="x", model="shares", part=part)
    assert said in how.problem([ROWS["shares"](**common, **row) for row in table])[0]


def test_a_share_needs_its_category():
    with pytest.raises(ValueError, match="which part"):
        FromStudies(studies="x.csv", quantity="x", model="shares")
