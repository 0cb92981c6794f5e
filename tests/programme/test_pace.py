from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from scipy import special

from pmbudget.programme import coverage
from pmbudget.programme.pace import Agreed, Held, OwnCourse

TODAY, START = 2025, 2026
YEARS = list(range(2020, 2041))


@pytest.fixture(scope="module")
def uptake(scenario):
    return scenario.case.uptake


@pytest.fixture(scope="module")
def regions(scenario):
    return scenario.regions


@pytest.fixture(scope="module")
def draws(table):
    return table.isel(draw=slice(200))


@pytest.fixture(scope="module")
def ceiling(draws, uptake):
    return draws[uptake.ceiling]


@pytest.fixture(scope="module")
def own(uptake, regions, draws):
    return coverage(OwnCourse(uptake, TODAY), regions, YEARS, draws)


@pytest.fixture
def agreed(uptake, regions, draws):
    def at(effect=None, start=START, ramp=5, years=YEARS):
        changed = draws
        if effect is not None:
            changed = draws.assign({uptake.agreement_effect: xr.full_like(draws[uptake.agreement_effect], effect)})
        return coverage(Agreed(uptake, TODAY, start, ramp), regions, years, changed)

    return at


def test_coverage_has_draw_region_and_year(own, regions):
    assert own.dims == ("draw", "region", "year")
    assert own["region"].to_numpy().tolist() == list(regions.index)


def test_coverage_lies_between_0_and_the_ceiling(own, agreed, uptake, regions, draws, ceiling):
    for found in (own, agreed(), agreed(1.0, ramp=0), coverage(Held(uptake), regions, YEARS, draws)):
        assert float(found.min()) >= 0
        assert float((found - ceiling).max()) <= 1e-12


def test_today_is_the_same_in_all_years(uptake, regions, draws):
    held = coverage(Held(uptake), regions, YEARS, draws)
    assert held.sizes["year"] == len(YEARS)
    assert float(held.std("year").max()) < 1e-12


def test_all_paces_are_at_today_s_level_until_today(own, agreed, uptake, regions, draws):
    held = coverage(Held(uptake), regions, YEARS, draws).sel(year=slice(None, TODAY))
    xr.testing.assert_allclose(own.sel(year=slice(None, TODAY)), held, rtol=1e-9)
    xr.testing.assert_allclose(agreed().sel(year=slice(None, TODAY)), held, rtol=1e-9)


def test_a_region_by_itself_never_goes_back(own):
    assert float(own.diff("year").min()) >= -1e-12


def test_a_region_by_itself_follows_a_logistic_curve(own, draws, uptake, ceiling):
    # logit(coverage / ceiling) rises by the region's slope each year.
    rise = (special.logit(own / ceiling)).diff("year").sel(year=slice(TODAY + 1, None))
    slope = draws[uptake.slope] * np.exp(draws[uptake.slope_deviation])
    assert float(abs(rise - slope).max()) < 1e-6


def test_an_agreement_without_effect_is_the_own_course(own, agreed):
    xr.testing.assert_allclose(agreed(0.0), own, rtol=1e-12)


@pytest.mark.parametrize("ramp", [0, 1])
def test_a_full_effect_at_once_reaches_the_ceiling_in_the_first_year(agreed, ceiling, ramp):
    found = agreed(1.0, ramp=ramp).sel(year=slice(START, None))
    assert float(abs(found - ceiling).max()) < 1e-12


def test_a_full_effect_reaches_the_ceiling_in_the_ramp_s_last_year(agreed, ceiling):
    found = agreed(1.0, ramp=4)
    assert float(abs(found.sel(year=START + 3) - ceiling).max()) < 1e-12
    assert float((found.sel(year=START + 2) - ceiling).max()) < 0


def test_a_full_effect_is_the_straight_line_where_the_own_course_is_slower(
    agreed, own, uptake, regions, draws, ceiling
):
    held = coverage(Held(uptake), regions, YEARS, draws).sel(year=START + 1)
    line = held + (ceiling - held) * 2 / 4
    assert float(abs(agreed(1.0, ramp=4).sel(year=START + 1) - np.maximum(line, own.sel(year=START + 1))).max()) < 1e-12


def test_more_effect_never_means_less_coverage(agreed):
    steps = [agreed(effect) for effect in (0.0, 0.25, 0.5, 1.0)]
    assert all(float((more - less).min()) >= -1e-12 for less, more in pairwise(steps))
    assert float((steps[-1] - steps[0]).max()) > 0.05


def test_a_faster_ramp_never_means_less_coverage(agreed):
    assert float((agreed(ramp=2) - agreed(ramp=8)).min()) >= -1e-12


def test_a_region_ahead_of_the_plan_keeps_its_own_course(agreed, own):
    found = agreed(ramp=40)
    assert float((found - own).min()) >= 0
    assert bool((found == own).sel(year=slice(START, None)).any())


def test_an_agreement_moves_nothing_before_it_starts(agreed, own):
    before = slice(None, 2029)
    xr.testing.assert_allclose(agreed(start=2030).sel(year=before), own.sel(year=before), rtol=1e-12)


def test_a_region_that_starts_another_year_goes_the_same_way_later(uptake, regions, draws):
    late = Agreed(uptake, TODAY, START, 4, {"14": START + 3})
    found, at_once, after = (
        coverage(pace, regions, YEARS, draws)
        for pace in (late, Agreed(uptake, TODAY, START, 4), Agreed(uptake, TODAY, START + 3, 4))
    )
    others = [code for code in regions.index if code != "14"]
    xr.testing.assert_identical(found.sel(region=others), at_once.sel(region=others))
    xr.testing.assert_identical(found.sel(region="14"), after.sel(region="14"))
    assert float(abs(found - at_once).max()) > 0


def test_a_year_does_not_depend_on_the_years_shown_after_it(agreed):
    xr.testing.assert_identical(agreed(years=YEARS[:10]), agreed().isel(year=slice(10)))


def test_regions_differ_by_their_deviation_and_by_their_hospital(uptake, regions, draws, ceiling):
    held = coverage(Held(uptake), regions, [TODAY], draws).isel(year=0).to_numpy()
    lead = (
        special.logit(held)
        - special.logit(draws[uptake.today].to_numpy())[:, None]
        - draws[uptake.deviation].to_numpy()
    )
    free = held < 0.98 * ceiling.to_numpy()[:, None]
    university = regions["university_hospital"].to_numpy() != ""
    ahead, behind = (
        np.where(free & chosen, lead, 0).sum(1) / (free & chosen).sum(1) for chosen in (university, ~university)
    )
    assert ahead - behind == pytest.approx(draws[uptake.university_gap].to_numpy(), abs=1e-9)


def test_the_lead_of_university_hospitals_leaves_the_national_level(uptake, regions, draws):
    alike = draws.assign({uptake.deviation: 0 * draws[uptake.deviation]})
    held = coverage(Held(uptake), regions, [TODAY], alike).isel(year=0)
    weight = xr.DataArray(regions["population"] / regions["population"].sum(), dims="region").to_numpy()
    level = special.logit(held.to_numpy()) @ weight
    free = (held < 0.98 * draws[uptake.ceiling]).all("region").to_numpy()
    assert level[free] == pytest.approx(special.logit(draws[uptake.today].to_numpy())[free], abs=1e-9)
