from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from scipy import special

from pmbudget.inputs.paces import AgreedPace
from pmbudget.programme import coverage
from pmbudget.programme.pace import IMITATION_RATIO, REACHED, Agreed, Held, OwnCourse, progress

TODAY, START = 2025, 2026
YEARS = list(range(2020, 2041))


def from_year(regions, start, **later):
    """Every region's first year, some of them another."""
    starts = [float(later.get(f"r{code}", start)) for code in regions.index]
    return xr.DataArray(starts, coords={"region": regions.index.to_numpy()})


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
def ceiling(draws, uptake, regions):
    """Of each region: the case's, or its own use where that is above it."""
    held = coverage(Held(uptake), regions, YEARS[:1], draws).isel(year=0, drop=True)
    return np.maximum(draws[uptake.ceiling], held)


@pytest.fixture(scope="module")
def own(uptake, regions, draws):
    return coverage(OwnCourse(uptake, TODAY), regions, YEARS, draws)


@pytest.fixture
def agreed(uptake, regions, draws):
    def at(effect=None, start=START, ramp=5, years=YEARS):
        changed = draws
        if effect is not None:
            changed = draws.assign({uptake.agreement_effect: xr.full_like(draws[uptake.agreement_effect], effect)})
        return coverage(Agreed(uptake, TODAY, from_year(regions, start), ramp), regions, years, changed)

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
    below = (own / ceiling).where(own < 0.99 * ceiling)
    rise = (special.logit(below)).diff("year").sel(year=slice(TODAY + 1, None))
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
    below = found.sel(year=TODAY) < 0.99 * ceiling
    assert float((found.sel(year=START + 2) - ceiling).where(below).max()) < 0


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
    found, at_once, after = (
        coverage(Agreed(uptake, TODAY, starts, 4), regions, YEARS, draws)
        for starts in (
            from_year(regions, START, r14=START + 3),
            from_year(regions, START),
            from_year(regions, START + 3),
        )
    )
    others = [code for code in regions.index if code != "14"]
    xr.testing.assert_identical(found.sel(region=others), at_once.sel(region=others))
    xr.testing.assert_identical(found.sel(region="14"), after.sel(region="14"))
    assert float(abs(found - at_once).max()) > 0


def test_a_year_does_not_depend_on_the_years_shown_after_it(agreed):
    xr.testing.assert_identical(agreed(years=YEARS[:10]), agreed().isel(year=slice(10)))


def test_regions_differ_by_their_deviation_and_by_their_hospital(uptake, regions, draws):
    held = coverage(Held(uptake), regions, [TODAY], draws).isel(year=0).to_numpy()
    lead = (
        special.logit(held)
        - special.logit(draws[uptake.today].to_numpy())[:, None]
        - draws[uptake.deviation].to_numpy()
    )
    university = regions["university_hospital"].to_numpy() != ""
    ahead, behind = (lead[:, chosen].mean(1) for chosen in (university, ~university))
    assert ahead - behind == pytest.approx(draws[uptake.university_gap].to_numpy(), abs=1e-9)


def test_the_lead_of_university_hospitals_leaves_the_national_level(uptake, regions, draws):
    alike = draws.assign({uptake.deviation: 0 * draws[uptake.deviation]})
    held = coverage(Held(uptake), regions, [TODAY], alike).isel(year=0)
    weight = xr.DataArray(regions["population"] / regions["population"].sum(), dims="region").to_numpy()
    level = special.logit(held.to_numpy()) @ weight
    assert level == pytest.approx(special.logit(draws[uptake.today].to_numpy()), abs=1e-9)


@pytest.fixture
def ahead(uptake, draws):
    """Draws in which today's use is above the ceiling in most regions."""
    return draws.assign({uptake.today: 0 * draws[uptake.today] + 0.9, uptake.ceiling: 0 * draws[uptake.ceiling] + 0.8})


@pytest.mark.parametrize("family", ["logistic", "gompertz", "bass"])
@pytest.mark.parametrize("incentive", [None, 0.6])
def test_a_region_above_the_ceiling_keeps_its_use_in_every_world(uptake, regions, ahead, family, incentive):
    bass = {"innovation": "slope_unplanned"} if family == "bass" else {}
    one = uptake.model_copy(update={"family": family, **bass})
    held = coverage(Held(one), regions, YEARS, ahead)
    above = held >= 0.8
    assert 0.5 < float(above.mean()) < 1
    for pace in (OwnCourse(one, TODAY), Agreed(one, TODAY, from_year(regions, START), 5)):
        found = coverage(pace, regions, YEARS, ahead, incentive)
        xr.testing.assert_allclose(found.where(above), held.where(above), rtol=1e-12)


def test_no_ceiling_lowers_use_below_today_s(uptake, regions, ahead):
    held = coverage(Held(uptake), regions, YEARS, ahead)
    for pace in (OwnCourse(uptake, TODAY), Agreed(uptake, TODAY, from_year(regions, START), 0)):
        assert float((coverage(pace, regions, YEARS, ahead) - held).min()) >= -1e-12


# Families


def elapsed(*years):
    return xr.DataArray(np.array(years, float), dims="year")


@pytest.mark.parametrize("curve", ["step", "linear", "logistic", "gompertz", "bass"])
def test_a_plan_has_gone_nowhere_before_it_starts_and_never_goes_back(curve):
    gone = progress(curve, elapsed(-np.inf, -3, 0, *np.arange(1, 30)), 6).to_numpy()
    assert gone[:3].tolist() == [0, 0, 0]
    assert (np.diff(gone) >= 0).all()
    assert 0.9 < gone[-1] <= 1


@pytest.mark.parametrize("curve", ["linear", "logistic", "gompertz", "bass"])
def test_a_plan_without_a_ramp_is_there_at_once(curve):
    assert progress(curve, elapsed(0, 1, 2), 0).to_numpy().tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("curve", "reached"), [("linear", 1), ("logistic", REACHED), ("gompertz", REACHED), ("bass", REACHED)]
)
@pytest.mark.parametrize("ramp", [1, 4, 9])
def test_a_plan_has_gone_its_way_when_the_ramp_is_over(curve, reached, ramp):
    assert float(progress(curve, elapsed(ramp), ramp)[0]) == pytest.approx(reached, rel=1e-12)


def test_each_planned_curve_is_its_closed_form():
    t, ramp = np.arange(1.0, 7), 6
    logistic = 1 / (1 + np.exp(-2 * np.log(REACHED / (1 - REACHED)) / ramp * (t - ramp / 2)))
    assert progress("logistic", elapsed(*t), ramp).to_numpy() == pytest.approx(logistic, rel=1e-12)
    # Gompertz: the log of the share shrinks by the same factor each year.
    logs = np.log(progress("gompertz", elapsed(*t), ramp).to_numpy())
    assert logs[1:] / logs[:-1] == pytest.approx(np.full(5, (np.log(REACHED) / np.log(1 - REACHED)) ** (1 / ramp)))


def test_a_planned_bass_curve_solves_bass_s_equation():
    # dF/dt = (p + q F) (1 - F), checked by a central difference.
    step, t, ramp = 1e-5, np.array([0.5, 2.0, 5.0]), 6
    ahead, at, behind = (progress("bass", elapsed(*(t + shift)), ramp).to_numpy() for shift in (step, 0, -step))
    ratio = ((ahead - behind) / (2 * step)) / (1 - at)
    slope = (ratio[2] - ratio[0]) / (at[2] - at[0])
    innovation = ratio[0] - slope * at[0]
    assert ratio[1] == pytest.approx(innovation + slope * at[1], rel=1e-6)
    assert slope / innovation == pytest.approx(IMITATION_RATIO, rel=1e-5)


@pytest.mark.parametrize("family", ["gompertz", "bass"])
def test_an_own_course_of_another_family_starts_from_today_and_meets_its_equation(
    family, uptake, regions, draws, ceiling
):
    names = {"family": family, "innovation": "innovation" if family == "bass" else None}
    other = uptake.model_copy(update=names)
    innovation = 0.01
    known = draws.assign(innovation=xr.full_like(draws[uptake.slope], innovation))
    found = coverage(OwnCourse(other, TODAY), regions, YEARS, known) / ceiling
    held = coverage(Held(uptake), regions, YEARS, draws) / ceiling
    xr.testing.assert_allclose(found.sel(year=TODAY), held.sel(year=TODAY), rtol=1e-9)
    slope = draws[uptake.slope] * np.exp(draws[uptake.slope_deviation])
    later = found.sel(year=slice(TODAY, TODAY + 6))
    if family == "gompertz":
        ratio = np.log(later).shift(year=-1) / np.log(later)
        assert float(abs(ratio.isel(year=slice(-1)) - np.exp(-slope)).max()) < 1e-9
    else:
        # log((p + qF) / (1 - F)) rises by p + q each year.
        rise = np.log((innovation + slope * later) / (1 - later)).diff("year")
        assert float(abs(rise - (innovation + slope)).max()) < 1e-9


# Waves and the ordering unit's incentive


def test_waves_start_their_years_apart():
    plan = AgreedPace(
        start=2026, ramp=3, waves=(("14",), ("09", "23")), wave_years=2, region_starts={"25": 2033}, programme_years=5
    )
    assert [plan.start_of(code) for code in ("01", "14", "09", "23", "25")] == [2026, 2028, 2030, 2030, 2033]


def test_a_region_in_two_waves_is_refused():
    with pytest.raises(ValueError, match="14 would start twice"):
        AgreedPace(start=2026, ramp=3, waves=(("14",), ("14", "09")), programme_years=5)


def test_a_gate_without_waves_is_refused():
    with pytest.raises(ValueError, match="there are none"):
        AgreedPace(start=2026, ramp=3, gate={"probability": 0.5, "wtp": "wtp_moderate", "lag": 1}, programme_years=5)


@pytest.fixture
def responding(uptake, draws):
    return uptake.model_copy(update={"incentive_response": "response"}), draws.assign(
        response=0 * draws["coverage_today"] + 0.5
    )


def test_the_incentive_moves_coverage_on_the_logit_scale(responding, regions, ceiling):
    uptake, draws = responding
    free, borne = (coverage(OwnCourse(uptake, TODAY), regions, YEARS, draws, incentive) for incentive in (0.6, None))
    below = borne < 0.99 * ceiling
    moved = special.logit((free / ceiling).where(below)) - special.logit((borne / ceiling).where(below))
    assert float(abs(moved - 0.5 * 0.6).max()) < 1e-6
    assert float((free - ceiling).max()) <= 1e-12


def test_no_incentive_is_no_change(responding, regions):
    uptake, draws = responding
    pace = OwnCourse(uptake, TODAY)
    xr.testing.assert_allclose(coverage(pace, regions, YEARS, draws, 0.0), coverage(pace, regions, YEARS, draws))


def test_an_incentive_beyond_the_whole_cost_is_refused(responding, regions):
    uptake, draws = responding
    with pytest.raises(ValueError, match="incentive"):
        coverage(OwnCourse(uptake, TODAY), regions, YEARS, draws, 1.2)
