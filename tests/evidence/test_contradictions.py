"""Usual priors do not override the data: studies that contradict each other, and no events at all."""

import logging

import numpy as np
import pytest
from scipy import stats
from study_builders import counts, parameter, together

from pmbudget.evidence import fit_evidence, sensitivity
from pmbudget.evidence.blocks import PRIORS, blocks_of, learnt
from pmbudget.evidence.checks import contradictions
from pmbudget.evidence.effects import heterogeneity
from pmbudget.inputs import load_scenario

APART, NONE = ((5, 119), (116, 170)), ((0, 1000),)


def block(rows, model="proportion", **how):
    return blocks_of(learnt(together(parameter("x", rows, model, **how))))[0]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    logging.getLogger("pymc").setLevel(logging.ERROR)
    both = together(parameter("apart", counts(*APART)), parameter("none", counts(*NONE)))
    return fit_evidence(both, cache=tmp_path_factory.mktemp("fits"), draws=600, progress=False).draws


def interval(values):
    return np.quantile(values, [0.025, 0.975])


# Two series that contradict each other


def test_two_series_that_contradict_give_a_wide_interval(fitted):
    low, high = interval(fitted["apart"])
    assert low < 0.02
    assert high > 0.9
    grid = sensitivity.on_grid(block(counts(*APART)))
    assert (grid["lower"], grid["upper"]) == pytest.approx((low, high), abs=0.03)


def test_two_series_that_contradict_are_flagged():
    [row] = contradictions([block(counts(*APART))]).to_dict("records")
    assert row["contradicting"]
    assert row["p_value"] < 1e-10
    assert row["spread"] > 2


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        ("ratio", [{"estimate": 0.4, "se": 0.1}, {"estimate": 2.0, "se": 0.1}]),
        ("rate", [{"events": 3, "exposure": 100}, {"events": 150, "exposure": 100}]),
        ("cost", [{"mean": 1000, "sd": 500, "n": 50}, {"mean": 20000, "sd": 9000, "n": 50}]),
    ],
)
def test_so_it_is_with_ratios_rates_and_costs(model, rows):
    found = block(rows, model)
    assert contradictions([found])["contradicting"].all()
    assert found.prior()[2] > PRIORS[model][2]


def test_so_it_is_with_each_part_of_accuracy():
    rows = [{"tp": 99, "fn": 1, "tn": 80, "fp": 20}, {"tp": 5, "fn": 95, "tn": 85, "fp": 15}]
    found = block(rows, "accuracy", part="sensitivity")
    assert contradictions([found]).set_index("part")["contradicting"].to_dict() == {
        "sensitivity": True,
        "specificity": False,
    }
    assert found.prior("sensitivity")[2] > PRIORS["accuracy"][2] == found.prior("specificity")[2]


def test_a_stated_spread_stays_and_the_contradiction_is_flagged_all_the_same():
    found = block(counts(*APART), prior={"spread": 0.2})
    assert found.prior()[2] == 0.2
    assert contradictions([found])["contradicting"].all()


def test_series_that_differ_as_settings_do_are_not_flagged():
    found = block(counts((30, 200), (60, 250), (40, 300)))
    assert not contradictions([found])["contradicting"].any()
    assert found.prior() == PRIORS["proportion"]


def test_one_study_contradicts_nobody():
    assert contradictions([block(counts((3, 10)))]).empty


@pytest.mark.parametrize("case", ["nsclc_panel", "fh_cascade", "rare_disease_wgs"])
def test_no_shipped_block_has_another_spread_than_the_stated_or_the_usual(shipped, case):
    blocks = blocks_of(learnt(load_scenario("unplanned", shipped, case=case).parameters))
    frame = contradictions(blocks)
    assert frame.loc[frame["contradicting"], "block"].tolist() == []


def test_q_i_squared_and_the_spread_are_those_of_a_published_formula():
    rows = [{"estimate": e, "se": s} for e, s in ((0.6, 0.15), (0.75, 0.2), (0.5, 0.25), (1.2, 0.1))]
    found = heterogeneity(block(rows, "ratio"), None, 0.2)
    y, w = np.log([0.6, 0.75, 0.5, 1.2]), 1 / np.array([0.15, 0.2, 0.25, 0.1]) ** 2
    q = (w * y**2).sum() - (w * y).sum() ** 2 / w.sum()
    assert found.q == pytest.approx(q)
    assert found.p_value == pytest.approx(stats.chi2.sf(q, 3))
    assert found.i_squared == pytest.approx(1 - 3 / q)
    assert found.between**2 == pytest.approx((q - 3) / (w.sum() - (w**2).sum() / w.sum()))


# No events of a thousand


def test_no_events_of_a_thousand_is_about_half_a_thousandth(fitted):
    assert 0.0003 < fitted["none"].mean() < 0.0007
    assert 0.0018 < interval(fitted["none"])[1] < 0.0032
