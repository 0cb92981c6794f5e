from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from pmbudget.errors import EvidenceError
from pmbudget.evidence import Posterior, draw_parameters
from pmbudget.evidence.blocks import learnt
from pmbudget.evidence.crude import crude_posterior
from pmbudget.evidence.draws import ReadDraws, redrawn

ROWS = 2000


@pytest.fixture(scope="module")
def parameters(scenario):
    return scenario.parameters


@pytest.fixture(scope="module")
def posterior(parameters):
    """Every learnt parameter holds the number of its row, so that rows can be followed."""
    rows = {parameter.name: ("draw", np.arange(ROWS, dtype=float)) for parameter in learnt(parameters)}
    return Posterior(xr.Dataset(rows), xr.Dataset(), None, "rows")


@pytest.fixture(scope="module")
def long(parameters, posterior):
    return draw_parameters(parameters, posterior, n=1200)


def test_a_shorter_table_is_the_start_of_a_longer_one(parameters, posterior, long):
    short = draw_parameters(parameters, posterior, n=200)
    for name in parameters:
        start = long[name].isel(draw=slice(200)) if "draw" in long[name].dims else long[name]
        xr.testing.assert_identical(short[name], start)


def test_the_same_seed_gives_the_same_table_and_another_another(parameters, posterior, long):
    xr.testing.assert_identical(draw_parameters(parameters, posterior, n=1200), long)
    other = draw_parameters(parameters, posterior, n=1200, seed=2)
    uncertain = [name for name in parameters if "draw" in long[name].dims]
    assert [name for name in uncertain if np.array_equal(other[name], long[name])] == []


def test_removing_parameters_does_not_move_the_others(parameters, posterior):
    needed = {other for one in parameters.values() for other in one.drawn_with} | {
        one.learning.over for one in learnt(parameters)
    }
    kept = {name: one for place, (name, one) in enumerate(parameters.items()) if place % 3 or name in needed}
    fewer = draw_parameters(replace(parameters, parameters=kept), posterior, n=100)
    whole = draw_parameters(parameters, posterior, n=100)
    for name in kept:
        xr.testing.assert_identical(fewer[name], whole[name])


def test_no_two_parameters_share_their_draws(parameters, long):
    drawn = [name for name, one in parameters.items() if long[name].dims == ("draw",) and not one.is_learnt]
    ranks = np.stack([long[name].to_numpy().argsort().argsort() for name in drawn if not parameters[name].drawn_with])
    off_diagonal = np.corrcoef(ranks)[~np.eye(len(ranks), dtype=bool)]
    assert np.abs(off_diagonal).max() < 0.2


def test_learnt_parameters_come_from_the_same_row(parameters, long):
    rows = [long[parameter.name].to_numpy() for parameter in learnt(parameters) if parameter.learning.over is None]
    assert len(rows) > 1
    assert all(np.array_equal(row, rows[0]) for row in rows)


def test_no_row_is_used_twice(parameters, long):
    rows = long[learnt(parameters)[0].name].to_numpy()
    assert len(np.unique(rows)) == len(rows) == 1200


def test_more_draws_than_the_posterior_holds_name_the_remedy(parameters, posterior):
    with pytest.raises(
        EvidenceError, match=r"2001 draws .* holds 2000; fit_evidence\(parameters, draws=2001, chains=1\)"
    ):
        draw_parameters(parameters, posterior, n=2001)


def test_learnt_parameters_need_a_posterior(parameters):
    with pytest.raises(EvidenceError, match=r"prevalence_egfr.*fit_evidence\(parameters\)"):
        draw_parameters(parameters, n=10)


def test_a_posterior_without_a_parameter_is_refused(parameters, posterior):
    lacking = replace(posterior, draws=posterior.draws.drop_vars("prevalence_egfr"))
    with pytest.raises(EvidenceError, match="no prevalence_egfr; fit_evidence"):
        draw_parameters(parameters, lacking, n=10)


def test_draws_have_the_mean_that_the_parameter_states(parameters, long):
    off = {
        name: abs(float(long[name].mean()) - one.distribution.mean * one.factor) / (one.distribution.sd * one.factor)
        for name, one in parameters.items()
        if not one.is_learnt and not one.drawn_with and one.distribution.sd > 0
    }
    assert {name: round(z, 3) for name, z in off.items() if z > 5 / np.sqrt(1200)} == {}


def test_what_differs_by_region_has_draw_and_region(parameters, long):
    by_region = [name for name, one in parameters.items() if one.record.by == "region"]
    assert by_region
    assert all(long[name].dims == ("draw", "region") for name in by_region)
    assert all(np.unique(long[name]).size == long[name].size for name in by_region)


def test_what_is_known_exactly_has_no_draw(parameters, long):
    exact = [
        name
        for name, one in parameters.items()
        if one.distribution and one.distribution.is_fixed and not one.drawn_with
    ]
    assert exact
    assert all(long[name].dims == () for name in exact)


def test_money_is_in_kronor_whatever_it_was_reported_in(parameters, long):
    units = {long[name].attrs["unit"] for name, one in parameters.items() if one.rate}
    assert units
    assert all(unit.startswith("SEK") for unit in units)


def test_redrawn_keeps_what_is_to_be_kept_and_moves_the_rest(parameters, posterior, long):
    drawn = [
        name
        for name, one in parameters.items()
        if "draw" in long[name].dims and not one.is_learnt and not one.drawn_with
    ]
    keep = drawn[::2]
    other = redrawn(parameters, posterior, keep, n=1200)
    assert [name for name in keep if not np.array_equal(other[name], long[name])] == []
    assert [name for name in drawn if name not in keep and np.array_equal(other[name], long[name])] == []
    assert not np.array_equal(other["prevalence_egfr"], long["prevalence_egfr"])


def test_redrawn_draws_independently(parameters, posterior, long):
    other = redrawn(parameters, posterior, [], n=1200)
    assert abs(np.corrcoef(other["effect_agreement"], long["effect_agreement"])[0, 1]) < 0.15


def test_redrawn_keeps_a_learnt_parameter_that_is_to_be_kept(parameters, posterior, long):
    other = redrawn(parameters, posterior, ["prevalence_egfr"], n=1200)
    assert np.array_equal(other["prevalence_egfr"], long["prevalence_egfr"])


def test_the_crude_proportion_counts_a_borrowed_study_by_its_weight(parameters):
    parameter = parameters["prevalence_alk"]
    weights = {"pool": 1.0, "borrow": parameter.record.distribution.borrow, "sensitivity": 0.0, "no": 0.0}
    events = sum(weights[study.use] * study.numerator for study in parameter.studies)
    total = sum(weights[study.use] * study.denominator for study in parameter.studies)
    assert float(crude_posterior(parameters).draws["prevalence_alk"][0]) == pytest.approx(events / total)


def test_a_ratio_over_another_parameter_is_divided_by_it_draw_by_draw(parameters, long):
    over = [parameter for parameter in learnt(parameters) if parameter.learning.over]
    assert over
    for parameter in over:
        whole = long[parameter.name] * long[parameter.learning.over]
        assert np.allclose(whole, np.round(whole))


def test_a_table_remembers_what_was_read_of_it(long):
    table = ReadDraws(long)
    part = table.isel(draw=slice(3))
    assert part["effect_agreement"].sizes["draw"] == 3
    assert table.read == {"effect_agreement"}
