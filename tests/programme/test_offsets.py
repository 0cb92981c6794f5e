import numpy as np
import pytest
import xarray as xr

from pmbudget.programme.forecast import score_forecast
from pmbudget.programme.offsets import offsets, set_free

RESOURCES = {"resource": ["kit", "staff", "drug"]}


def test_what_is_paid_more_or_less_and_what_is_only_set_free_stand_apart():
    change = xr.DataArray([100.0, -50.0, -50.0], dims="resource", coords=RESOURCES)
    freed = xr.DataArray([-150.0], dims="resource", coords={"resource": ["staff"]})
    found = offsets(change, freed)
    assert found["spent"].to_numpy().tolist() == [100, 0, 0]
    assert found["saved"].to_numpy().tolist() == [0, -50, -50]
    assert found["freed"].to_numpy().tolist() == [0, -150, 0]
    xr.testing.assert_allclose(found["spent"] + found["saved"], change)


def test_capacity_that_becomes_no_money_is_still_paid_for():
    """Today 100 hours of staff and 100 of drugs, in the new world 40 of each: a quarter of the staff can be saved in money."""
    dims = ("draw", "mix", "region", "year", "resource")
    coords = {"mix": ["today", "new"], "region": ["01"], "year": [2027], "resource": ["staff", "drug"]}
    cost = xr.DataArray(np.array([[100.0, 100.0], [40.0, 40.0]])[None, :, None, None], dims=dims, coords=coords)
    share = xr.DataArray([0.25, 1.0], dims="resource", coords={"resource": coords["resource"]})
    freed = set_free(cost, share)
    paid = cost - freed.reindex(resource=cost["resource"], fill_value=0.0)
    assert paid.sel(mix="new").squeeze().to_numpy().tolist() == [85, 40]
    assert paid.sel(mix="today").squeeze().to_numpy().tolist() == [100, 100]
    assert freed.sel(mix="new", resource="staff").item() == -45
    assert float(abs(freed.sel(mix="today")).max()) == 0


def test_what_is_used_more_is_paid_in_full():
    rng = np.random.default_rng(1)
    dims = ("draw", "mix", "region", "year", "resource")
    coords = {"mix": ["today", "unplanned", "new"], "region": ["01", "03"], "year": [2027], "resource": list("abc")}
    cost = xr.DataArray(rng.random((5, 3, 2, 1, 3)), dims=dims, coords=coords)
    share = xr.DataArray(rng.random((5, 3)), dims=("draw", "resource"), coords={"resource": list("abc")})
    freed = set_free(cost, share)
    paid = cost - freed
    more = cost >= cost.sel(mix="today")
    xr.testing.assert_allclose(paid.where(more), cost.where(more))
    assert float(freed.max()) <= 0


# Forecasts


@pytest.fixture
def forecast():
    rng = np.random.default_rng(2)
    values = np.exp(rng.normal([[4.0, 5.0]], [[0.2, 0.5]], (20_000, 2)))
    return xr.DataArray(values, dims=("draw", "year"), coords={"year": [2026, 2027]})


def actual(*values):
    return xr.DataArray(list(values), coords={"year": [2026, 2027][: len(values)]})


def test_the_score_is_the_log_density_of_the_log_normal(forecast):
    frame = score_forecast(forecast, actual(60.0, 100.0)).set_index("year")
    for year, value, centre, spread in ((2026, 60.0, 4.0, 0.2), (2027, 100.0, 5.0, 0.5)):
        density = np.exp(-0.5 * ((np.log(value) - centre) / spread) ** 2) / (value * spread * np.sqrt(2 * np.pi))
        assert frame.loc[year, "log_score"] == pytest.approx(np.log(density), abs=0.03)
        assert frame.loc[year, "ratio"] == pytest.approx(value / np.exp(centre + spread**2 / 2), rel=0.02)


def test_a_figure_far_off_is_not_covered_and_scores_worse(forecast):
    near, far = (score_forecast(forecast, actual(value)).iloc[0] for value in (55.0, 150.0))
    assert near["covered"]
    assert not far["covered"]
    assert near["log_score"] > far["log_score"] + 5


def test_regions_are_summed_where_only_years_are_known(forecast):
    halves = xr.concat([forecast / 2, forecast / 2], dim="region").assign_coords(region=["01", "03"])
    whole, summed = (score_forecast(one, actual(60.0)) for one in (forecast, halves.transpose("draw", ...)))
    assert summed["log_score"].to_numpy() == pytest.approx(whole["log_score"].to_numpy())


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (xr.DataArray([0.0], coords={"year": [2026]}), "above 0"),
        (xr.DataArray([5.0], coords={"year": [2040]}), "2040"),
        (xr.DataArray([5.0], coords={"month": [1]}), "no month"),
    ],
)
def test_what_cannot_be_scored_is_refused(forecast, figures, said):
    with pytest.raises(ValueError, match=said):
        score_forecast(forecast, figures)
