"""Cascade testing in familial hypercholesterolaemia: what was published of it comes out of the shipped case and the engine."""

import numpy as np
import pytest
import xarray as xr

from pmbudget.inputs import expand, load_scenario
from pmbudget.patient import simulate
from pmbudget.patient.course import course
from pmbudget.patient.per_patient import present_values
from pmbudget.patient.tree import walk_pathway

BRITISH = {
    "share_index_carriers": 0.23,
    "offered_panel": 1.0,
    "fail_panel": 0.0,
    "p_contacted": 1.0,
    "p_tested": 1.0,
    "n_next_degree": 0.0,
    "share_already_known": 0.0,
    "share_treated_once_found": 1.0,
    "rate_found_later": 0.0,
    "ratio_untreated": 1 / 0.24,
    "discount_rate_cost": 0.035,
    "discount_rate_qaly": 0.035,
}
"""Index patients, relatives and discounting as Kerr et al. 2017 describe them; everyone found is treated and nobody otherwise."""
COST_INDEX, COST_RELATIVE = 579.7, 911.0
"""GBP per index patient tested and net per relative over life: the two that give 2,781 and 1,092 per relative at 0.31 and 3.2 relatives."""


@pytest.fixture(scope="module")
def cascade(shipped):
    return load_scenario("agreement_even", shipped, case="fh_cascade")


@pytest.fixture(scope="module")
def drawn(cascade, crude_draws):
    return crude_draws(cascade, n=300)


@pytest.fixture(scope="module")
def expected(drawn):
    """Every parameter at its mean, twice."""
    return drawn.mean("draw").expand_dims(draw=2)


def with_values(draws, **values):
    return draws.assign({name: xr.full_like(draws[name], value) for name, value in values.items()})


def incremental(case, draws):
    """Relatives tested, cost and QALYs gained per index patient, discounted, means over draws."""
    outcomes = simulate(draws, case, horizon=case.horizon_years)
    cost, qaly = (
        float((values.sel(strategy=case.new) - values.sel(strategy=case.comparator)).mean())
        for values in present_values(outcomes, draws)
    )
    return float(outcomes["relatives_tested"].sel(strategy=case.new).mean()), cost, qaly


def british(case, draws, relatives):
    """Kerr's setting with so many relatives tested per index patient."""
    priced = [name for name in draws if str(name).startswith(("cost_", "minutes_")) and name != "cost_known_variant"]
    free = with_values(draws, **dict.fromkeys(priced, 0.0))
    carriers = BRITISH["share_index_carriers"]
    test = {"cost_panel": COST_INDEX, "share_consumables_panel": 1.0, "share_overhead_panel": 0.0}
    return with_values(free, **BRITISH, **test, cost_known_variant=COST_RELATIVE, n_first_degree=relatives / carriers)


def test_kerr_2017_more_relatives_per_index_patient_make_the_cascade_cheap(cascade, expected):
    """GBP 5,806 per QALY at 0.31 relatives tested per index patient and 2,280 at 3.2; 0.479 QALYs per relative at both."""
    found = {}
    for relatives in (0.31, 3.2):
        tested, cost, qaly = incremental(cascade.case, british(cascade.case, expected, relatives))
        assert tested == pytest.approx(relatives)
        found[relatives] = cost / tested, qaly / tested, cost / qaly
    assert [cost for cost, _, _ in found.values()] == pytest.approx([2781, 1092], rel=1e-3)
    gains = [gain for _, gain, _ in found.values()]
    assert gains[0] == pytest.approx(gains[1]), "what a relative gains does not hang on how many there are"
    assert gains == pytest.approx([0.479, 0.479], rel=0.1)
    dear, cheap = (icer for _, _, icer in found.values())
    assert [dear, cheap] == pytest.approx([5806, 2280], rel=0.1)
    assert dear / cheap == pytest.approx(5806 / 2280, rel=1e-3)


def test_relatives_tested_per_index_patient_move_the_swedish_ratio_the_same_way(cascade, drawn):
    icers = []
    for times in (0.5, 1, 2, 4):
        _, cost, qaly = incremental(cascade.case, drawn.assign(n_first_degree=drawn["n_first_degree"] * times))
        icers.append(cost / qaly)
    assert np.all(np.diff(icers) < 0)
    assert icers[0] > 1.5 * icers[-1]


def test_the_cascade_reaches_as_many_as_were_counted(cascade, expected):
    """1.33 relatives tested per index patient with a variant in the United Kingdom (Kerr 2017)."""
    path = walk_pathway(with_values(expected, offered_panel=1.0, fail_panel=0.0), cascade.case, "cascade")
    assert float(path.relatives_tested.isel(true_class=0, draw=0)) == pytest.approx(1.33, rel=0.2)


def test_the_two_effects_of_treatment_hold_the_natural_history_between_them(cascade, expected):
    """Half of untreated men have coronary disease by 50 and women ten years later, and 26 % of both had an event by 39:
    some three in ten of those who are well at 36 have one by 50.
    """
    by_50 = {}
    for source, ratio in (("trials", 0.78**-2.5), ("cohort", 1 / 0.24)):
        draws = with_values(expected, ratio_untreated=ratio, rate_found_later=0.0)
        followed = course(draws, cascade.case, "untreated", None, 14)
        by_50[source] = float(followed["on_after_event"].isel(draw=0).sum())
    assert by_50["trials"] < 0.29 < by_50["cohort"]


def test_only_relatives_gain_and_those_known_before_gain_nothing(cascade, expected):
    case = cascade.case
    nobody = with_values(expected, n_first_degree=0.0)
    assert incremental(case, nobody)[2] == pytest.approx(0, abs=1e-12)
    known = with_values(expected, share_already_known=1.0)
    tested, _, gained = incremental(case, known)
    assert tested > 0
    assert gained == pytest.approx(0, abs=1e-12)
    half = with_values(expected, share_already_known=0.5)
    none = with_values(expected, share_already_known=0.0)
    assert incremental(case, half)[2] == pytest.approx(incremental(case, none)[2] / 2)


def test_its_own_scenarios_move_the_ratio_as_their_sources_say(shipped, crude_draws):
    def icer(scenario):
        _, cost, qaly = incremental(scenario.case, crude_draws(scenario, n=200))
        return cost / qaly

    trials = icer(load_scenario("agreement_even", shipped, case="fh_cascade"))
    assert icer(load_scenario("fh_cascade/cohort_effect", shipped)) < 0.5 * trials
    few, some, many = (icer(one) for one in expand(load_scenario("fh_cascade/relatives_tested", shipped)))
    assert few > some > many
