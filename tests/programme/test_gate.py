from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from pmbudget.evidence.learning import Belief
from pmbudget.inputs import load_scenario
from pmbudget.inputs.prices import currency_of
from pmbudget.programme.gate import planned
from pmbudget.road import evaluate_draws, walk


@pytest.fixture(scope="module")
def gated(shipped):
    return load_scenario("agreement_gated", shipped)


@pytest.fixture(scope="module")
def draws(gated, crude_draws):
    return crude_draws(gated, 60)


@pytest.fixture(scope="module")
def found(gated, draws):
    return evaluate_draws(gated, draws)


def with_gate(scenario, **changed):
    pace = scenario.definition.pace
    gate = pace.gate.model_copy(update=changed)
    return replace(
        scenario,
        definition=scenario.definition.model_copy(update={"pace": pace.model_copy(update={"gate": gate})}),
    )


def test_the_plan_starts_regions_by_their_waves(gated):
    plan = gated.definition.pace
    starts = planned(plan, gated.case.uptake, 2025, gated.regions).starts.to_series()
    assert {starts["01"], starts["04"], starts["09"]} == {2027, 2029, 2031}


def test_a_gate_that_is_always_open_is_the_waves_without_one(shipped, gated, draws):
    waves = load_scenario("agreement_waves", shipped)
    opened = evaluate_draws(with_gate(gated, probability=1e-12), draws)
    xr.testing.assert_allclose(opened.reach.aimed, evaluate_draws(waves, draws).reach.aimed)


def test_a_gate_that_never_opens_leaves_later_waves_to_themselves(gated, draws):
    closed = evaluate_draws(with_gate(gated, probability=1 - 1e-12), draws).reach.aimed
    later = [code for code in gated.regions.index if gated.definition.pace.wave_of(code)]
    seeds = [code for code in gated.regions.index if code not in later]
    new, own = (closed.sel(mix=mix, drop=True) for mix in ("new", "unplanned"))
    xr.testing.assert_allclose(new.sel(region=later), own.sel(region=later))
    assert float((new - own).sel(region=seeds).mean()) > 0


def test_what_is_known_lies_between_0_and_1_and_starts_from_the_draws(found):
    assert found.reach.known.dims == ("draw", "year")
    assert 0 <= float(found.reach.known.min()) <= float(found.reach.known.max()) <= 1
    assert float(found.reach.known.isel(year=0).std()) < 1e-12


def test_no_data_after_a_year_moves_a_decision_in_it(gated, draws):
    # Whether follow-up after 2029 may be used at all: nothing before 2029 + lag may notice.
    early = draws.assign(year_secondary_use=("draw", np.full(60, 2030.0)))
    late = draws.assign(year_secondary_use=("draw", np.full(60, 2050.0)))
    belief = Belief(0.0, 0.05)
    one, other = (walk(gated, each, belief=belief) for each in (early, late))
    until = slice(None, 2030)
    xr.testing.assert_identical(one.reach.known.sel(year=until), other.reach.known.sel(year=until))
    xr.testing.assert_identical(one.reach.aimed.sel(year=until), other.reach.aimed.sel(year=until))
    assert float(abs(one.reach.known - other.reach.known).max()) > 0


def test_a_case_without_follow_up_cannot_have_a_gate(gated, draws):
    bare = replace(gated, case=gated.case.model_copy(update={"follow_up": None}))
    with pytest.raises(ValueError, match="add follow_up"):
        evaluate_draws(bare, draws)


def test_a_gate_does_not_break_where_every_price_is_nothing(gated, draws):
    # As the share of cost that rests on assumptions is found.
    priced = [name for name, one in gated.parameters.items() if currency_of(one.unit)]
    free = draws.isel(draw=slice(5)).assign(
        {name: 0 * draws[name].isel(draw=slice(5)) for name in priced if "draw" in draws[name].dims}
    )
    assert bool(np.isfinite(evaluate_draws(gated, free).reach.known).all())
