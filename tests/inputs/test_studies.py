"""Study tables and how a parameter says that it is learnt from them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pmbudget.errors import InputError
from pmbudget.inputs import distribution, load_parameters
from pmbudget.inputs.distributions import Pool
from pmbudget.inputs.studies import ROWS, FromStudies

COMMON = {"quantity": "x", "study": "S", "use": "pool", "evidence": "derived", "source": "Invented"}


def declared(**how):
    return FromStudies(**{"studies": "x.csv", "quantity": "x", **how})


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"model": "accuracy"}, "which part; use one of sensitivity, specificity"),
        ({"part": "sensitivity"}, "one part; remove part"),
        ({"spectrum": 0.1}, "spectrum does not go with model proportion"),
        ({"model": "ratio", "family": "gamma"}, "family does not go with model ratio"),
        ({"model": "survival", "part": "alive"}, "at_month goes with part: alive"),
        ({"model": "survival", "part": "median", "families": ["weibull", "gamma"]}, "several families need weights"),
        ({"model": "survival", "part": "median", "families": ["weibul"]}, "use some of exponential, weibull"),
        ({"model": "survival", "part": "gamma.shape"}, "weibull.shape"),
        ({"model": "uptake", "part": "level"}, "at_year goes with part: level"),
        ({"model": "uptake", "part": "slope", "curve": "bass"}, "use one of innovation, imitation, ceiling"),
        ({"model": "expert"}, "no family None; use one of beta"),
        ({"borrow": 2}, "less than or equal to 1"),
        (
            {
                "model": "survival",
                "part": "family",
                "families": ["weibull", "gamma"],
                "weights": {"weibull": 0.9, "gamma": 0.9},
            },
            "sum to 1",
        ),
    ],
)
def test_a_declaration_that_makes_no_sense_is_told_why(how, said):
    with pytest.raises(ValidationError, match=said):
        declared(**how)


@pytest.mark.parametrize(
    ("model", "row", "said"),
    [
        ("proportion", {"numerator": 3, "denominator": 2}, "numerator is larger"),
        (
            "proportion",
            {"numerator": 1, "denominator": 2, "false_negative": 0.6, "false_positive": 0.5},
            "nothing of the truth",
        ),
        ("accuracy", {"tp": 0, "fp": 0, "fn": 0, "tn": 0}, "empty two-by-two"),
        ("ratio", {"estimate": 2, "low": 0.5, "high": 1.5}, "does not hold the estimate"),
        ("ratio", {"estimate": 2}, "cannot be pooled"),
        ("survival", {"kind": "median", "value": 12}, "lacks low, high"),
        ("survival", {"kind": "patient", "month": 3}, "lacks event"),
        ("uptake", {"unit": "a", "when": 1, "numerator": 3, "denominator": 2}, "numerator is larger"),
        ("expert", {"q50": 2}, "two or more rising"),
        ("expert", {"q05": 3, "q95": 2}, "two or more rising"),
    ],
)
def test_a_row_that_cannot_be_is_told_why(model, row, said):
    with pytest.raises(ValidationError, match=said):
        ROWS[model](**COMMON, **row)


def test_rows_that_share_persons_are_not_both_counted():
    one, other = (
        ROWS["proportion"](**{**COMMON, "study": name, "overlap": "cohort"}, numerator=1, denominator=2)
        for name in ("A", "B")
    )
    problem, remedy = declared().problem([one, other])
    assert "A, B share persons (overlap cohort)" in problem
    assert "sensitivity" in remedy
    shown = other.model_copy(update={"use": "sensitivity"})
    assert declared().problem([one, shown]) is None


def test_stacking_needs_patients():
    row = ROWS["survival"](**COMMON, kind="median", value=10, low=8, high=12)
    how = declared(model="survival", part="median", families=["weibull", "gamma"], weights="stacking")
    assert "rows of kind patient" in how.problem([row])[0]


def test_a_borrowed_row_counts_by_its_weight():
    pooled, borrowed, shown = (
        ROWS["proportion"](**{**COMMON, "use": use}, numerator=1, denominator=2) for use in ("pool", "borrow", "no")
    )
    assert [declared(borrow=0.3).weight(row) for row in (pooled, borrowed, shown)] == [1, 0.3, 0]
    assert declared().weight(borrowed) == 1


# Experts


def pool():
    return Pool((distribution("normal", mean=0, sd=1), distribution("normal", mean=4, sd=1)), (0.75, 0.25))


def test_a_pool_of_experts_has_the_mixture_s_moments_and_quantiles():
    found = pool()
    assert found.mean == pytest.approx(1)
    assert found.sd == pytest.approx(np.sqrt(1 + 0.75 * 0.25 * 16))
    for p in (0.025, 0.5, 0.9):
        assert found.cdf(found.quantile(p)) == pytest.approx(p)
    drawn = found.draw(20_000, np.random.default_rng(1))
    assert drawn.mean() == pytest.approx(found.mean, abs=0.06)
    assert np.mean(drawn > 2) == pytest.approx(1 - found.cdf(2), abs=0.01)


def test_a_pool_keeps_disagreeing_experts_apart():
    drawn = pool().draw((5000, 3), np.random.default_rng(2))
    assert drawn.shape == (5000, 3)
    # Nobody believes in the middle between them.
    assert np.mean(np.abs(drawn - 2) < 0.2) < 0.3 * np.mean(np.abs(drawn) < 0.2)


def test_experts_are_pooled_from_their_quantiles_by_weight():
    experts = [
        ROWS["expert"](**COMMON, weight=3, q05=0.1, q50=0.2, q95=0.35),
        ROWS["expert"](**COMMON, weight=1, q05=0.4, q50=0.5, q95=0.6),
    ]
    found = declared(model="expert", family="beta").pool(experts)
    assert found.weights == (0.75, 0.25)
    assert [one.quantile(0.5) for one in found.members] == pytest.approx([0.2, 0.5], abs=0.02)


EXPERTS = """\
share_asked:
  label: {sv: "Extra", en: "Extra"}
  unit: share
  distribution: {studies: asked.csv, quantity: asked, model: expert, family: beta}
  evidence: expert
  source: {title: "Invented"}
"""


def test_an_expert_whose_quantiles_are_none_of_the_family_s_is_named(folder):
    (folder / "asked.csv").write_text(
        "quantity,study,q05,q50,q95,use,evidence,source\nasked,Berg,0.01,0.5,0.6,pool,expert,Invented\n", "utf-8"
    )
    (folder / "asked.yaml").write_text(EXPERTS, "utf-8")
    with pytest.raises(InputError, match=r"asked.yaml:4: share_asked.distribution.family.*Berg: no beta comes near"):
        load_parameters(folder)


# Files


@pytest.fixture(scope="module")
def copied(shipped, tmp_path_factory):
    return Path(shutil.copytree(shipped, tmp_path_factory.mktemp("studies") / "parameters"))


PARAMETERS = """\
se_extra:
  label: {sv: "Extra", en: "Extra"}
  unit: probability
  distribution: {studies: extra.csv, quantity: extra, model: accuracy, part: sensitivity, borrow: 0.5}
  evidence: derived
  source: {title: "Invented"}
sp_extra:
  label: {sv: "Extra", en: "Extra"}
  unit: probability
  distribution: {studies: extra.csv, quantity: extra, model: accuracy, part: specificity, borrow: 0.5}
  evidence: derived
  source: {title: "Invented"}
"""
TABLE = "quantity,study,tp,fp,fn,tn,use,evidence,source\nextra,A,9,1,1,9,pool,published,Invented\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "part: specificity, borrow: 0.5",
            "part: specificity, borrow: 0.4",
            "sp_extra.distribution.borrow.*not as in se_extra",
        ),
        ("part: specificity", "part: specifity", "sp_extra.*use one of sensitivity, specificity"),
        ("model: accuracy, part: sensitivity", "model: ratio", "estimate: the key is missing"),
    ],
)
def test_a_fault_in_a_block_names_file_and_parameter(copied, old, new, said):
    (copied / "extra.csv").write_text(TABLE, "utf-8")
    (copied / "extra.yaml").write_text(PARAMETERS, "utf-8")
    found = load_parameters(copied)
    assert found["se_extra"].learning.block == found["sp_extra"].learning.block
    (copied / "extra.yaml").write_text(PARAMETERS.replace(old, new), "utf-8")
    with pytest.raises(InputError, match=said):
        load_parameters(copied)
