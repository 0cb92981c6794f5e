"""Shares that sum to 1, counted together (Dirichlet)."""

import numpy as np
import pytest
from scipy import stats

from pmbudget.errors import InputError
from pmbudget.evidence import draw_parameters
from pmbudget.evidence.draws import redrawn
from pmbudget.inputs import load_scenario

NAMES = ("share_mild", "share_severe", "share_fatal")
RECORD = """\
{name}:
  label: {{sv: "{name}", en: "{name}"}}
  unit: share
  distribution: {stated}
  evidence: registry
  source: {{title: "Invented"}}
"""
FIRST = "&outcome {family: dirichlet, counts: {share_mild: 30, share_severe: 8, share_fatal: 0}}"


@pytest.fixture
def write(folder):
    def writing(*stated):
        text = "".join(RECORD.format(name=name, stated=how) for name, how in zip(NAMES, stated, strict=False))
        (folder / "outcome.yaml").write_text(text, "utf-8")
        return folder

    return writing


@pytest.fixture
def parameters(write):
    return load_scenario("unplanned", write(FIRST, "*outcome", "*outcome"), case="fh_cascade").parameters


@pytest.fixture
def draw(parameters):
    from pmbudget.evidence.crude import crude_posterior

    posterior = crude_posterior(parameters)
    return lambda **how: draw_parameters(parameters, posterior, **how)


def test_shares_are_drawn_together_and_sum_to_1(draw):
    drawn = np.stack([draw(n=3000)[name] for name in NAMES])
    assert np.abs(drawn.sum(axis=0) - 1).max() < 1e-12
    assert np.corrcoef(drawn[0], drawn[1])[0, 1] < -0.9


@pytest.mark.parametrize("number", range(3))
def test_each_share_by_itself_is_the_beta_that_the_parameter_states(parameters, draw, number):
    name, own = NAMES[number], (30.5, 8.5, 0.5)[number]
    assert parameters[name].distribution.parameters == (own, 39.5 - own)
    assert stats.kstest(draw(n=3000)[name], stats.beta(own, 39.5 - own).cdf).pvalue > 0.001


def test_shorter_tables_are_the_start_of_longer_ones_and_seeds_differ(draw):
    assert np.array_equal(draw(n=200)["share_mild"], draw(n=1200)["share_mild"][:200])
    assert not np.array_equal(draw(n=200)["share_mild"], draw(n=200, seed=2)["share_mild"])


@pytest.mark.parametrize("keep", [[], ["share_severe"], list(NAMES)])
def test_redrawn_shares_sum_to_1_whichever_are_kept(parameters, draw, keep):
    from pmbudget.evidence.crude import crude_posterior

    drawn = redrawn(parameters, crude_posterior(parameters), keep, n=200)
    assert np.abs(sum(drawn[name] for name in NAMES) - 1).max() < 1e-12
    assert np.array_equal(drawn["share_mild"], draw(n=200)["share_mild"]) == bool(keep)


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ((FIRST, "*outcome"), "share_mild.distribution.counts.*sums to 1 with share_fatal"),
        ((FIRST, "*outcome", "{family: beta, mean: 0.2, sd: 0.1}"), "sums to 1 with share_fatal"),
        ((FIRST, FIRST.replace("8", "9").replace("&outcome ", ""), "*outcome"), "the same counts in each"),
        (("{family: dirichlet, counts: {other: 3, another: 4}}",), "share_mild is not among the counts"),
        (("{family: dirichlet, counts: {share_mild: 3}}",), "at least 2"),
        (("{family: dirichlet, counts: {share_mild: 0, share_severe: 0}}",), "nothing was counted"),
        (("{family: dirichlet, counts: {share_mild: -1, share_severe: 2}}",), "greater than or equal to 0"),
        (("{family: dirichlet, mean: 0.3}",), "counts: the key is missing"),
    ],
)
def test_shares_that_cannot_sum_to_1_are_told(write, stated, said):
    with pytest.raises(InputError, match=said):
        load_scenario("unplanned", write(*stated), case="fh_cascade")


def test_a_number_for_one_share_alone_is_a_fault_and_new_counts_for_all_are_not(write):
    folder = write(FIRST, "*outcome", "*outcome")
    with pytest.raises(InputError, match="sums to 1 with share_fatal"):
        load_scenario("unplanned", folder, {"share_fatal": 0.1}, case="fh_cascade")
    other = {"distribution": {"family": "dirichlet", "counts": dict(zip(NAMES, (20, 20, 20), strict=True))}}
    found = load_scenario("unplanned", folder, dict.fromkeys(NAMES, other), case="fh_cascade").parameters
    assert found["share_fatal"].distribution.mean == pytest.approx(1 / 3)
