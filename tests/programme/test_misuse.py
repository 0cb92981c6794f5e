import numpy as np
import pytest
import xarray as xr

from pmbudget.programme.misuse import loss, starts_outside
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
