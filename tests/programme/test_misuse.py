from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from pmbudget.inputs.programmes import Eligible
from pmbudget.patient import simulate
from pmbudget.patient.per_patient import laboratory_cost
from pmbudget.programme.misuse import loss, persons_beyond, reflexed, starts_outside
from pmbudget.programme.population import expected_eligible
from pmbudget.programme.reach import persons_reflexed, persons_served
from pmbudget.programme.reach import tests_made as persons_tested  # pytest would take its own name for a test
from pmbudget.road import evaluate_draws


def persons(*values):
    return xr.DataArray(
        np.array(values, float)[:, None, None, None], dims=("draw", "mix", "region", "year")
    ).assign_coords(region=["01"], mix=["new"], year=[2026])


def test_tests_outside_follow_tests_inside_by_region(scenario, table):
    draws, uptake = table.isel(draw=slice(2)), scenario.case.uptake
    regions = scenario.regions.loc[["01"]]
    found = starts_outside(draws, uptake, regions, persons(10, 20)).squeeze().to_numpy()
    share = draws[uptake.outside] * np.exp(draws[uptake.outside_deviation].sel(region="01"))
    assert found == pytest.approx(share.to_numpy() * [10, 20])


def test_a_case_without_over_use_has_none(scenario, table):
    nowhere = scenario.case.uptake.model_copy(update={"outside": None, "outside_deviation": None})
    assert float(starts_outside(table, nowhere, scenario.regions, persons(10)).max()) == 0


def test_losses_by_hand():
    draw = {"dims": "draw"}
    found = loss(
        persons(30, 40), persons(5, 0),
        test_cost=xr.DataArray([9000.0, 8000.0], **draw),
        qaly_gain=xr.DataArray([0.01, -0.01], **draw),
        gain=xr.DataArray([2000.0, -3000.0], **draw),
    ).squeeze()  # fmt: skip
    assert found["over_use"].to_numpy().tolist() == [45_000, 0]
    assert found["under_use_qaly"].to_numpy() == pytest.approx([0.3, -0.4])
    assert found["under_use"].to_numpy().tolist() == [60_000, -120_000]


def test_over_use_costs_its_tests_and_gains_no_health(scenario, table):
    draws = table.isel(draw=slice(20))
    none = draws.assign({scenario.case.uptake.outside: 0 * draws[scenario.case.uptake.outside]})
    with_it, without = evaluate_draws(scenario, draws), evaluate_draws(scenario, none)
    xr.testing.assert_identical(with_it.per_patient.qaly, without.per_patient.qaly)
    assert float(without.reach.outside.max()) == 0
    more = (with_it.spending.by_resource - without.spending.by_resource).sum(["mix", "year"])
    laboratory = (more["unit"] == "diagnostic_unit").to_numpy() & (more["kind"] != "transition").to_numpy()
    elsewhere = more["unit"].isin(["university", "manufacturer"]).to_numpy()
    assert float(more.isel(resource=laboratory).sum("resource").min()) > 0
    assert float(abs(more.isel(resource=~laboratory & ~elsewhere)).max()) < 1e-3


# Tests ordered with the diagnosis, for those who prove not fit for treatment


def test_the_unfit_tested_are_the_others_of_the_funnel(scenario, table):
    funnel, draws, years = scenario.case.eligible, table.isel(draw=slice(50)), [2026, 2027, 2030]
    each = reflexed(draws, funnel, scenario.regions, years, first=2027)
    # Counted by the funnel itself: everybody diagnosed, less those who are fit, times the share who are tested.
    whole = funnel.model_copy(
        update={"shares": tuple(one for one in funnel.shares if one != funnel.reflex.fit), "prevalent": None}
    )
    diagnosed = expected_eligible(draws, whole, scenario.regions, years)
    unfit = diagnosed * (1 - draws[funnel.reflex.fit]) * draws[funnel.reflex.tested]
    eligible = expected_eligible(draws, funnel, scenario.regions, years, 2027)
    xr.testing.assert_allclose(each * eligible, unfit.transpose(*each.dims))
    # Before the pool of those already ill opens, by hand.
    fit, tested = draws[funnel.reflex.fit], draws[funnel.reflex.tested]
    assert each.sel(year=2026, region="01").to_numpy() == pytest.approx(((1 - fit) / fit * tested).to_numpy())
    assert float((each.sel(year=2027) - each.sel(year=2026)).max()) < 0


def test_nobody_eligible_brings_nobody(scenario, table):
    funnel = scenario.case.eligible
    nobody = table.isel(draw=slice(2)).assign({funnel.reflex.fit: 0 * table[funnel.reflex.fit][:2]})
    assert float(reflexed(nobody, funnel, scenario.regions, [2026], 2026).max()) == 0
    apart = funnel.model_copy(update={"reflex": None})
    assert float(reflexed(table, apart, scenario.regions, [2026], 2026).max()) == 0


def test_a_reflex_names_a_step_of_its_funnel(scenario):
    stated = scenario.case.eligible.model_dump(exclude_none=True)
    with pytest.raises(ValueError, match="the funnel has no such step"):
        Eligible(**{**stated, "reflex": {"fit": "share_nowhere", "tested": "share_reflex_unfit"}})


def test_with_the_diagnosis_the_unfit_are_tested_as_the_eligible_are():
    begun = xr.concat([persons(30), persons(10)], dim="fate").assign_coords(fate=["old", "new"])
    begun = begun.transpose("draw", "mix", "fate", "region", "year")
    each = xr.full_like(persons(0).isel(mix=0, drop=True), 0.5)
    over_use = persons(2).expand_dims(fate=["new"])
    found = persons_beyond(begun, each, over_use).squeeze()
    assert found.sel(fate="old") == 15
    assert found.sel(fate="new") == 5 + 2


def test_the_tests_of_the_unfit_cost_what_the_strategy_of_their_region_costs(scenario, table):
    draws, case, never = table.isel(draw=slice(20)), scenario.case, scenario.case.eligible.reflex.tested
    # At prices that stay, and with nobody else who pays.
    still = case.model_copy(update={"prices": None, "borne_elsewhere": (), "transition": ()})
    scenario = replace(scenario, case=still)
    with_it = evaluate_draws(scenario, draws)
    without = evaluate_draws(scenario, draws.assign({never: 0 * draws[never]}))
    xr.testing.assert_identical(with_it.per_patient.cost, without.per_patient.cost)
    xr.testing.assert_identical(with_it.per_patient.qaly, without.per_patient.qaly)
    xr.testing.assert_identical(with_it.reach.patients, without.reach.patients)
    paid, freed = (
        getattr(with_it.spending, name).sum(["resource", "year"])
        - getattr(without.spending, name).sum(["resource", "year"])
        for name in ("by_resource", "freed")
    )
    test = laboratory_cost(simulate(draws, still, horizon=1)).sum("resource").rename(strategy="fate")
    expected = (with_it.reach.patients * with_it.reach.reflexed).sum(["region", "year"]) * test
    # What is paid, and what is set free and no money, are together the laboratory's cost.
    np.testing.assert_allclose((paid + freed).to_numpy(), expected.sum("fate").transpose(*paid.dims).to_numpy())


def test_as_many_unfit_are_tested_in_every_mix(results):
    persons = (results.reach.patients * results.reach.reflexed).sum(["fate", "region", "year"])
    np.testing.assert_allclose(persons.sel(mix="new"), persons.sel(mix="today"))
    assert float(persons.min()) > 0


def test_all_tests_are_those_of_the_eligible_the_unfit_and_outside(scenario, results):
    broad, reach = scenario.case.broad, results.reach
    parts = persons_served(reach, broad) + persons_reflexed(reach, broad) + reach.outside
    found = persons_tested(reach, broad)
    assert found["fate"].to_numpy().tolist() == list(broad)
    xr.testing.assert_allclose(found.sum("fate"), parts)
    assert float(persons_reflexed(reach, broad).max()) > 0
    assert float(reach.outside.max()) > 0
