"""Prices over a product's life: the double sum by hand and by the published form, and each rule at dates that can be counted."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as some

from pmbudget.inputs.price_paths import BenefitPath, TenderPath
from pmbudget.programme import budget_impact
from pmbudget.programme.budget import cost_by_start
from pmbudget.programme.drug_prices import drug_prices

YEARS = list(range(2026, 2036))
STARTS = {"new": [20, 60, 120, 180, 220, 240, 250, 250, 250, 250], "old": [230, 190, 130, 70, 30, 10, 0, 0, 0, 0]}
COST = {
    ("new", "drug_new"): [300_000, 180_000, 90_000, 40_000],
    ("new", "other"): [60_000, 30_000, 20_000, 10_000],
    ("old", "drug_old"): [450_000, 200_000, 60_000, 10_000],
    ("old", "other"): [80_000, 40_000, 20_000, 5_000],
}
INDEX = {"drug_new": [1] * 8 + [0.5] * 2, "drug_old": [1] * 5 + [0.65] + [0.3] * 4}


def two_drugs():
    """A constructed case: two strategies, each with a drug whose price falls when exclusivity ends; all start on the first day."""
    resources = ["drug_new", "drug_old", "other"]
    cost = xr.DataArray(
        np.zeros((1, 2, 4, 3)),
        {"strategy": ["new", "old"], "year_since_start": range(4), "resource": resources},
        ("draw", "strategy", "year_since_start", "resource"),
    )
    for (strategy, resource), flows in COST.items():
        cost.loc[{"strategy": strategy, "resource": resource}] = flows
    starts = xr.DataArray(
        [[[[STARTS["new"]], [STARTS["old"]]]]],
        {"mix": ["both"], "strategy": ["new", "old"], "region": ["00"], "year": YEARS},
        ("draw", "mix", "strategy", "region", "year"),
    ).astype(float)
    index = xr.DataArray(list(INDEX.values()), {"resource": list(INDEX), "year": YEARS}, ("resource", "year"))
    return cost.to_dataset(name="cost"), starts, index


LEVELS = {
    ("new", "moving"): [720, 2580, 5800, 9760, 13_320, 15_840, 17_360, 17_990, 10_595, 10_625],
    ("new", "still"): [720, 2580, 5800, 9760, 13_320, 15_840, 17_360, 17_990, 18_200, 18_250],
    ("old", "moving"): [12_190, 15_590, 13_290, 8695, 4595, 1445, 270, 62, 8, 0],
    ("old", "still"): [12_190, 15_590, 13_290, 8695, 4595, 2005, 585, 125, 15, 0],
}
"""Ten thousands of SEK by year."""


@pytest.mark.parametrize(("strategy", "prices"), LEVELS)
def test_a_budget_when_drugs_lose_exclusivity(strategy, prices):
    outcomes, starts, index = two_drugs()
    index = index.reindex(resource=outcomes["resource"], fill_value=1.0)
    alone = starts * (starts["strategy"] == strategy)
    found = budget_impact(outcomes, alone, mid_year=0, price_factor=index if prices == "moving" else None)
    np.testing.assert_allclose(found.sum("resource").squeeze() / 1e4, LEVELS[strategy, prices], rtol=1e-12)


def test_a_cohort_meets_the_prices_of_its_own_calendar_years():
    outcomes, _, index = two_drugs()
    found = cost_by_start(outcomes, index, xr.DataArray(0.03), mid_year=0).squeeze()
    expected = {
        ("new", 2026): 702861.1189142411,
        ("new", 2030): 702861.1189142411,
        ("new", 2031): 684826.8015016706,
        ("new", 2035): 409136.1461299127,
        ("old", 2026): 839642.9313422452,
        ("old", 2030): 727358.5659839698,
        ("old", 2031): 505205.0789726076,
        ("old", 2035): 350015.7176617314,
    }
    for (strategy, year), cost in expected.items():
        assert float(found.sel(strategy=strategy, year=year)) == pytest.approx(cost, rel=1e-12)


def test_prices_that_stand_still_leave_the_present_value_of_the_course():
    outcomes, _, index = two_drugs()
    found = cost_by_start(outcomes, xr.ones_like(index), xr.DataArray(0.03), years=[2030])
    plain = (outcomes["cost"].sum("resource") * 1.03 ** -(outcomes["year_since_start"] + 0.5)).sum("year_since_start")
    np.testing.assert_allclose(found.squeeze(), plain.squeeze())
    with pytest.raises(ValueError, match="give each year of the start"):
        cost_by_start(outcomes, index, xr.DataArray(0.03), years=[2040])


@settings(deadline=None, max_examples=20)
@given(some.integers(0, 2**32 - 1))
def test_budget_and_cohorts_are_the_two_ways_to_sum_the_same_double_sum(seed):
    """Sum over starts j and years since start k of u_j p_k R_{j+k-1} v_{j+k-1}, by mix, each resource with an index of its own."""
    rng = np.random.default_rng(seed)
    draws, mixes, cohorts, long, resources = 2, 2, 5, 3, 3
    u, p = rng.random((draws, mixes, cohorts)), rng.random((draws, long, resources))
    price, rate = rng.random((draws, mixes, cohorts + long, resources)), 0.03
    years, names = list(range(2027, 2027 + cohorts + long)), [f"r{q}" for q in range(resources)]
    outcomes = xr.DataArray(
        p[:, None],
        {"strategy": ["one"], "year_since_start": range(long), "resource": names},
        ("draw", "strategy", "year_since_start", "resource"),
    ).to_dataset(name="cost")
    starts = xr.DataArray(
        np.concatenate([u, np.zeros((draws, mixes, long))], axis=2)[:, :, None, None],
        {"mix": ["a", "b"], "strategy": ["one"], "region": ["01"], "year": years},
        ("draw", "mix", "strategy", "region", "year"),
    )
    factor = xr.DataArray(
        price, {"mix": ["a", "b"], "year": years, "resource": names}, ("draw", "mix", "year", "resource")
    )
    by_hand = np.zeros((draws, mixes))
    for j in range(cohorts):
        for k in range(long):
            by_hand += u[:, :, j] * (p[:, None, k] * price[:, :, j + k]).sum(axis=-1) * (1 + rate) ** -(j + k)
    level = budget_impact(outcomes, starts, mid_year=0, price_factor=factor).sum(["region", "resource"])
    present = (1 + rate) ** -xr.DataArray(np.arange(len(years)), {"year": years}, ("year",))
    np.testing.assert_allclose((level * present).sum("year"), by_hand)
    cohort = cost_by_start(outcomes, factor, xr.DataArray(rate), mid_year=0, years=years[:cohorts])
    # A flow of year-since-start k stands at k + 0.5 in a cohort's present value.
    each = (cohort.squeeze("strategy").to_numpy() * u * (1 + rate) ** (0.5 - np.arange(cohorts))).sum(axis=-1)
    np.testing.assert_allclose(each, by_hand)


class Drug:
    """A case's resources, as far as prices read them."""

    def __init__(self, rebate=None):
        self.resources = {"drug": self}
        self.rebate = rebate


BENEFIT = BenefitPath(
    rule="benefit", trend="trend", approved="approved", exclusivity_ends="end", fall="fall", years="years"
)
EXCHANGED = BENEFIT.model_copy(update={"exchanged": "exchanged"})
TENDER = TenderPath(
    rule="tender",
    trend="trend",
    exclusivity_ends="end",
    fall="fall",
    contract="contract",
    contract_left="left",
    first_tender="first",
)
KNOWN = {
    "trend": 0.0,
    "approved": 2020.0,
    "end": 2029.0,
    "fall": 0.8,
    "years": 1.0,
    "exchanged": 0.9,
    "discount": 0.25,
    "contract": 2.0,
    "left": 0.5,
    "first": 0.5,
    "share_price_ceiling": 0.35,
    "fall_price_ceiling": 0.7,
    "years_price_ceiling": 0.5,
    "cut_old_drugs": 0.075,
    "years_old_drugs": 15.0,
    "fall_strong_competition": 0.3,
}


def priced(path, rebate=None, shown=2033, price_year=2027, **values):
    draws = xr.Dataset({name: ("draw", np.full(2, value)) for name, value in {**KNOWN, **values}.items()})
    years = list(range(2027, 2034))
    return drug_prices(draws, Drug(rebate), {"drug": path}, years=years, shown=shown, price_year=price_year).squeeze()


def net(path, **values):
    return priced(path, **values)["net"].isel(draw=0).to_numpy()


def test_without_rebate_a_price_falls_in_a_line_and_the_year_pays_its_mean():
    np.testing.assert_allclose(net(BENEFIT), [1, 1, 1 - 0.8 / 2, 0.2, 0.2, 0.2, 0.2])


def test_competition_takes_the_rebate_before_the_net_price():
    # The list price must fall from 1 to the net 0.75 first: to 0.2 at the end, 0.2 / 0.75 of today's net.
    found = priced(BENEFIT, rebate="discount").isel(draw=0)
    np.testing.assert_allclose(found["net"].sel(year=[2027, 2030]), [1, 0.2 / 0.75])
    np.testing.assert_allclose(found["rebate"].sel(year=[2027, 2028, 2030]), [1 / 3, 1 / 3, 0], atol=1e-12)
    shallow = priced(BENEFIT, rebate="discount", fall=0.2).isel(draw=0)
    np.testing.assert_allclose(shallow["net"], 1)
    assert float(shallow["rebate"].sel(year=2030)) == pytest.approx(0.8 / 0.75 - 1)


def test_the_ceiling_binds_what_is_not_exchanged_once_the_price_has_fallen_enough():
    assert net(EXCHANGED)[-1] == pytest.approx(0.9 * 0.2 + 0.1 * 0.35)
    # A fall of 60 per cent brings no ceiling: the rest is paid at the original's price.
    assert net(EXCHANGED, fall=0.6)[-1] == pytest.approx(0.9 * 0.4 + 0.1)
    # Nor does any before its waiting time: with a fall at once, half of the first year.
    at_once = net(EXCHANGED, years=1e-9)
    assert at_once[2] == pytest.approx(0.9 * 0.2 + 0.1 * (0.5 * 1 + 0.5 * 0.35))


def test_the_cut_of_the_fifteen_year_rule_falls_on_its_day_and_spares_what_has_competition():
    # Approved in March 2015: fifteen in March 2030, cut on 1 June.
    assert net(BENEFIT, approved=2015.2, end=2050.0)[2:5] == pytest.approx([1, 1 - 0.075 * 7 / 12, 0.925])
    assert net(BENEFIT, approved=2015.2, end=2029.0)[-1] == pytest.approx(0.2)
    # Others sell since May 2030 and the price has fallen by less than three tenths on the day of cuts: weak competition spares nothing.
    assert net(BENEFIT, approved=2015.2, end=2030.35)[-1] == pytest.approx(0.2 * 0.925)
    # A rebate larger than the cut takes it all.
    np.testing.assert_allclose(net(BENEFIT, approved=2015.2, end=2050.0, rebate="discount"), 1)
    # What was cut before the price year is in today's price.
    np.testing.assert_allclose(net(BENEFIT, approved=2005.0, end=2050.0), 1)


def test_a_tender_falls_in_two_steps_when_contracts_run_out():
    # Exclusivity ends in 2029, half of a contract of two years is left: tenders in 2030 and 2032.
    np.testing.assert_allclose(net(TENDER), [1, 1, 1, 0.6, 0.6, 0.2, 0.2])


def test_a_trend_stops_after_the_last_year_shown_and_what_is_dated_goes_on():
    found = net(BENEFIT, trend=-0.1, end=2032.0, years=1e-9, shown=2029)
    np.testing.assert_allclose(found, 0.9 ** np.array([0, 1, 2, 2, 2, 2, 2]) * [1, 1, 1, 1, 1, 0.2, 0.2])


@given(some.floats(2027, 2040), some.floats(0, 1), some.floats(0.01, 5), some.floats(0, 0.9), some.sampled_from("bet"))
def test_no_path_leaves_a_price_below_nothing_or_above_today_s(end, fall, years, rebate, which):
    path = {"b": BENEFIT, "e": EXCHANGED, "t": TENDER}[which]
    found = priced(path, rebate="discount", end=end, fall=fall, years=years, discount=rebate)
    assert ((found["net"] >= -1e-12) & (found["net"] <= 1 + 1e-12)).all()
    assert (found["rebate"] >= -1e-12).all()
    assert (found["net"].diff("year") <= 1e-12).all()
