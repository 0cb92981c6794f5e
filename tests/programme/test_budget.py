import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pmbudget.patient import yearly
from pmbudget.programme import budget_impact, starts

YEARS = [2026, 2027, 2028, 2029, 2030]


def per_patient(once, flows, strategies, **on_resource):
    """``once`` by strategy and ``flows`` by strategy and year since start, of one resource."""
    flows = np.asarray(flows, float)
    return xr.Dataset(
        {
            "cost": (("draw", "strategy", "year_since_start", "resource"), flows[None, :, :, None]),
            "cost_once": (("draw", "strategy", "resource"), np.asarray(once, float)[None, :, None]),
        },
        coords={
            "strategy": strategies,
            "year_since_start": np.arange(flows.shape[1]),
            "resource": ["care"],
            **{name: ("resource", [value]) for name, value in on_resource.items()},
        },
    )


def begun(persons, years=YEARS):
    """Starts of one strategy, in one mix and region, padded with years in which nobody starts."""
    padded = [*persons, *[0] * (len(years) - len(persons))]
    return xr.DataArray(
        np.asarray(padded, float)[None, None, None, None, :],
        dims=("draw", "mix", "strategy", "region", "year"),
        coords={"mix": ["new"], "strategy": ["only"], "region": ["01"], "year": years},
    )


def level(impact):
    return impact.squeeze(drop=True).to_numpy()


def test_the_closed_form_of_test_and_treat_is_met():
    prevalence, sensitivity, specificity = 0.2, 0.95, 0.97
    true_positive, false_negative = prevalence * sensitivity, prevalence * (1 - sensitivity)
    false_positive, true_negative = (1 - prevalence) * (1 - specificity), (1 - prevalence) * specificity
    tested = 6000 + true_positive * 45_000 + false_negative * (20_000 + 80_000)
    tested += false_positive * (45_000 + 5000) + true_negative * 20_000
    untested = 20_000 + prevalence * 80_000
    expected = [-1_119_000.0, -2_825_475.0, -4_565_967.6, -5_764_534.095, -6_986_615.32314]

    coverage = xr.DataArray(
        [[[[0, 0, 0, 0, 0]], [[0.1, 0.25, 0.4, 0.5, 0.6]]]],
        dims=("draw", "mix", "region", "year"),
        coords={"mix": ["without", "with"], "region": ["01"], "year": YEARS},
    )
    eligible = xr.DataArray(
        10_000 * 0.3 * 1.01 ** np.arange(5)[None, None, :],
        dims=("draw", "region", "year"),
        coords={"region": ["01"], "year": YEARS},
    )
    persons = starts(eligible, coverage, comparator="untested", broad={"tested": 1.0})
    cost = budget_impact(per_patient([untested, tested], [[0], [0]], ["untested", "tested"]), persons, mid_year=0)
    impact = level(cost.sel(mix="with", drop=True) - cost.sel(mix="without", drop=True))
    assert impact == pytest.approx(expected, rel=1e-12)
    assert float(cost.sel(mix="without", year=2026).sum()) == pytest.approx(108e6, rel=1e-12)


def test_two_years_of_flow_convolved_by_hand():
    # Half of each year's flow falls in the year after: 3 x (5, 7, 2) and, a year later, 5 x (5, 7, 2).
    impact = budget_impact(per_patient([0], [[10, 4]], ["only"]), begun([3, 5]), mid_year=0.5)
    assert level(impact) == pytest.approx([15, 21 + 25, 6 + 35, 10, 0])


def test_without_mid_year_a_flow_falls_in_its_own_year():
    assert level(budget_impact(per_patient([0], [[10, 4]], ["only"]), begun([3, 5]), mid_year=0)) == pytest.approx(
        [30, 12 + 50, 20, 0, 0]
    )


def test_cost_once_falls_in_the_year_of_the_start_alone():
    assert level(budget_impact(per_patient([7], [[0, 0]], ["only"]), begun([3, 5]))).tolist() == [21, 35, 0, 0, 0]


@pytest.mark.parametrize("mid_year", [0.0, 0.3, 0.5, 1.0])
def test_nothing_is_lost_when_all_years_are_shown(mid_year):
    years = list(range(2026, 2036))
    impact = budget_impact(per_patient([7], [[10, 4, 1]], ["only"]), begun([3, 5], years), mid_year=mid_year)
    assert float(impact.sum()) == pytest.approx(8 * (7 + 15))


def programme(amount, region="00"):
    return xr.DataArray(
        np.full((1, 1, 2, 2, 1), 0.0) + np.where(np.array(["00", "01"]) == region, amount, 0.0)[:, None, None],
        dims=("draw", "mix", "region", "year", "resource"),
        coords={
            "mix": ["new"], "region": ["00", "01"], "year": [2027, 2028], "resource": ["office"],
            "unit": ("resource", ["state"]), "kind": ("resource", ["transition"]),
        },
    )  # fmt: skip


def test_those_under_treatment_already_cost_in_the_years_shown():
    known = per_patient([100], [[10, 4]], ["only"], unit="clinic", kind="care")
    impact = budget_impact(known, begun([3]), programme(0.0), mid_year=0.5)
    assert impact["year"].to_numpy().tolist() == [2027, 2028]
    assert impact.sel(region="01", resource="care").squeeze().to_numpy() == pytest.approx([21, 6])


def test_transition_cost_is_added_where_it_falls():
    known = per_patient([0], [[10, 4]], ["only"], unit="clinic", kind="care")
    impact = budget_impact(known, begun([3]), programme(50.0))
    assert impact.sel(region="00").sum(["draw", "mix", "year"]).to_series().to_dict() == {"care": 0.0, "office": 100.0}
    assert impact["unit"].to_series().to_dict() == {"care": "clinic", "office": "state"}


def test_what_is_not_in_the_budget_is_left_out():
    assert budget_impact(per_patient([7], [[1]], ["only"], in_budget=False), begun([3])).sizes["resource"] == 0
    assert float(budget_impact(per_patient([7], [[0]], ["only"], in_budget=True), begun([3])).sum()) == 21


def test_prices_relative_to_the_outcomes_multiply_the_level():
    factor = xr.DataArray([1, 0.9, 0.8, 0.7, 0.6], coords={"year": YEARS})
    known, persons = per_patient([7], [[10, 4]], ["only"]), begun([3, 5])
    xr.testing.assert_allclose(
        budget_impact(known, persons, price_factor=factor), budget_impact(known, persons) * factor
    )


def test_strategies_are_matched_by_name_and_not_by_place():
    known = per_patient([1, 100], [[0], [0]], ["cheap", "dear"])
    persons = xr.concat([begun([2]), begun([3])], dim="strategy").assign_coords(strategy=["dear", "cheap"])
    assert level(budget_impact(known, persons))[0] == 2 * 100 + 3 * 1


def test_equal_coverage_in_two_mixes_has_no_impact():
    rng = np.random.default_rng(1)
    eligible = xr.DataArray(rng.random((4, 3, 5)) * 100, dims=("draw", "region", "year"), coords={"year": YEARS})
    eligible = eligible.assign_coords(region=["01", "03", "04"])
    share = xr.DataArray(rng.random((4, 3, 5)), coords=eligible.coords, dims=eligible.dims)
    coverage = xr.concat([share, share], dim=pd.Index(["new", "unplanned"], name="mix")).transpose("draw", "mix", ...)
    known = per_patient([5, 9], [[3, 2], [4, 4]], ["old", "new"]).isel(draw=[0] * 4)
    cost = budget_impact(known, starts(eligible, coverage, comparator="old", broad={"new": 1.0}))
    assert float(abs(cost.sel(mix="new", drop=True) - cost.sel(mix="unplanned", drop=True)).max()) == 0


@pytest.mark.parametrize("mid_year", [-0.1, 1.1])
def test_a_mid_year_outside_0_1_is_refused(mid_year):
    with pytest.raises(ValueError, match=f"mid_year = {mid_year}"):
        budget_impact(per_patient([7], [[0]], ["only"]), begun([3]), mid_year=mid_year)


def test_strategies_that_differ_are_refused():
    with pytest.raises(ValueError, match="other"):
        budget_impact(per_patient([7], [[0]], ["other"]), begun([3]))


def weekly(per_week, every, after, stopping, weeks=156):
    """Cost per patient and week of a drug given every so many weeks while treatment lasts."""
    week = np.arange(weeks)
    return xr.DataArray(per_week * (1 - stopping) ** week * (week % every == after), dims="cycle")


def three_years(new_share):
    """100, 110 and 120 patients a year, of whom a share gets the new drug."""
    persons = np.array([100.0, 110, 120])
    split = np.stack([persons * (1 - np.asarray(new_share)), persons * new_share])[None, None, :, None]
    return xr.DataArray(
        split,
        {"mix": ["new"], "strategy": ["old", "new"], "region": ["01"], "year": [2027, 2028, 2029]},
        ("draw", "mix", "strategy", "region", "year"),
    )


@pytest.fixture
def from_weeks():
    drugs = {"old": weekly(200.0, 3, 1, 0.0228), "new": weekly(100.0, 2, 1, 0.0099)}
    flows = xr.concat(list(drugs.values()), dim="strategy").assign_coords(strategy=list(drugs))
    return yearly(flows, cycles_per_year=52).expand_dims(draw=1, resource=["drug"])


def test_patients_who_enter_all_year_cost_what_a_weekly_cohort_costs(from_weeks):
    change = [budget_impact(from_weeks, three_years(share)) for share in ([0.2, 0.5, 0.7], [0.0, 0.0, 0.0])]
    found = level(change[0] - change[1])
    assert found == pytest.approx([-2745, 604, 22_698], abs=0.6)
    assert found.sum() == pytest.approx(20_557, abs=0.6)
    # The same by brute force: every week's patients week by week.
    drugs = weekly(100.0, 2, 1, 0.0099).to_numpy() - weekly(200.0, 3, 1, 0.0228).to_numpy()
    by_week = np.repeat(np.array([20.0, 55, 84]) / 52, 52)
    expected = np.convolve(by_week, drugs)[:156].reshape(3, 52).sum(axis=1)
    assert found == pytest.approx(expected)
    # One number for all flows, as before, is far off.
    flat = [budget_impact(from_weeks, three_years(share), mid_year=0.5) for share in ([0.2, 0.5, 0.7], [0.0] * 3)]
    assert level(flat[0] - flat[1]).sum() == pytest.approx(33_327, abs=0.6)


def test_a_short_last_year_and_costs_spread_over_their_cycle():
    found = yearly(xr.DataArray([1.0] * 18, dims="cycle"), cycles_per_year=12, within=0.5)
    assert found["cost"].to_numpy() == pytest.approx([12, 6])
    assert found["position"].to_numpy() == pytest.approx([0.5, 0.25])
    nothing = yearly(xr.DataArray([0.0, 0.0], dims="cycle"), cycles_per_year=2)
    assert nothing["position"].to_numpy() == pytest.approx([0.5])


@pytest.mark.parametrize(
    ("given", "said"), [({"within": 1.5}, "within = 1.5"), ({"dim": "week"}, "name one of them cycle")]
)
def test_a_grid_that_cannot_be_read_is_refused(given, said):
    flows = xr.DataArray([1.0], dims=given.pop("dim", "cycle"))
    with pytest.raises(ValueError, match=said):
        yearly(flows, cycles_per_year=1, **given)


def test_a_number_for_the_middle_of_the_year_overrides_the_position(from_weeks):
    placed = budget_impact(from_weeks, three_years([0.2] * 3), mid_year=0)
    bare = budget_impact(from_weeks.drop_vars("position"), three_years([0.2] * 3), mid_year=0)
    xr.testing.assert_identical(placed, bare)
