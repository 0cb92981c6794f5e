"""Nobody disappears: whoever becomes eligible has a fate, and each fate a cost and health in every chapter."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from pmbudget.appraisal.worth import by_entry, care_benefit, programme_totals, programme_worth
from pmbudget.inputs import load_scenario
from pmbudget.patient import simulate
from pmbudget.programme.capacity import queue
from pmbudget.road import evaluate_draws

RATES = {"rate_cost": 0.03, "rate_qaly": 0.03}


def case_of(name, scenario="agreement_even_limited"):
    return load_scenario(scenario, case=name)


@pytest.fixture(scope="module", params=["nsclc_panel", "rare_disease_wgs"])
def limited(request, crude_draws):
    scenario = case_of(request.param)
    return scenario, evaluate_draws(scenario, crude_draws(scenario, 60)), crude_draws(scenario, 60)


def totals_of(scenario, results, years=None):
    strategies = {"broad": scenario.case.broad, "comparator": scenario.case.comparator}
    return programme_totals(
        results.per_patient, results.reach, results.spending, years=years or scenario.years, **strategies, **RATES
    )


def test_a_month_by_month_everybody_who_wants_the_test_is_served_lost_moved_or_waits():
    rng = np.random.default_rng(1)
    demand = xr.DataArray(rng.poisson(5, (3, 2, 24)), dims=("draw", "region", "month"), coords={"region": ["01", "03"]})
    found = queue(demand, {"a": xr.full_like(demand, 4.0, float)}, hazard=0.4, share_lost=0.1)
    before = found["waiting"].shift(month=1, fill_value=0.0)
    after = found["started"] + found["lost"] + found["moved"] + found["waiting"]
    np.testing.assert_allclose(after, (demand + before).transpose(*after.dims))


def test_a_year_by_year_the_fates_are_the_eligible_in_every_draw_mix_and_region(limited):
    scenario, results, _ = limited
    found = by_entry(results.reach, scenario.case.comparator).sum("fate")
    expected = results.reach.eligible.broadcast_like(found).transpose(*found.dims)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert float(results.reach.supply["lost"].sum()) > 0


def test_a_every_fate_has_a_cost_and_health_of_its_own(limited):
    scenario, results, _ = limited
    fates, treated = set(results.reach.patients["fate"].to_numpy()), {scenario.case.comparator, *scenario.case.broad}
    assert fates == {*treated, *scenario.case.losses, "waiting"}
    for values in (results.per_patient.fate_cost, results.per_patient.fate_qaly):
        assert set(values["fate"].to_numpy()) == fates
        assert np.isfinite(values).all()
    for name in treated:
        np.testing.assert_allclose(
            results.per_patient.fate_cost.sel(fate=name), results.per_patient.cost.sel(strategy=name)
        )
        np.testing.assert_allclose(
            results.per_patient.fate_qaly.sel(fate=name), results.per_patient.qaly.sel(strategy=name)
        )


def test_a_who_waits_at_the_end_has_the_comparators_course_in_every_mix(limited):
    scenario, results, _ = limited
    for values in (results.per_patient.fate_cost, results.per_patient.fate_qaly, results.spending.start_cost):
        np.testing.assert_allclose(values.sel(fate="waiting"), values.sel(fate=scenario.case.comparator))
    at_end = results.reach.patients.sel(fate="waiting")
    assert float(at_end.isel(year=slice(-1)).max()) == 0
    np.testing.assert_allclose(at_end.isel(year=-1), results.reach.supply["waiting"].isel(year=-1))


def test_a_too_ill_to_be_treated_is_a_palliative_course_until_death(scenario, crude_draws):
    draws = crude_draws(scenario, 40)
    case = scenario.case
    found = simulate(draws, case, horizon=20, beside=case.losses).sel(strategy="too_ill")
    years = float((draws["os_untreated"] / 12 / np.log(2)).mean())
    assert float(found["life_years"].sum("year_since_start").mean()) == pytest.approx(years, rel=0.02)
    utility = draws["utility_progressed"]
    lived = found["life_years"].sum("year_since_start")
    np.testing.assert_allclose(found["qaly"].sum("year_since_start"), lived * utility, rtol=1e-9)
    rate = np.log(2) / draws["os_untreated"]
    last = found["activity"].sel(resource="end_of_life_care").sum("year_since_start")
    np.testing.assert_allclose(last, (1 - np.exp(-6 * rate)) / rate, rtol=0.02)
    drugs = found["cost"].sel(resource=["drug_pembrolizumab", "drug_osimertinib", "imaging"])
    assert float(abs(drugs).max()) == 0


def test_a_a_family_that_leaves_lives_on_without_a_diagnosis(crude_draws):
    scenario = case_of("rare_disease_wgs")
    results = evaluate_draws(scenario, crude_draws(scenario, 40))
    lost = results.per_patient.fate_qaly.sel(fate=scenario.case.comparator) - results.per_patient.fate_qaly.sel(
        fate="left"
    )
    assert float(lost.max()) < 0.2
    assert float(lost.min()) >= 0


def test_a_deaths_in_the_queue_make_no_programme_better(limited):
    scenario, results, draws = limited
    [loss] = scenario.case.capacity.losses.values()
    more = evaluate_draws(scenario, draws.assign({loss.rate: 5 * draws[loss.rate]}))
    few, many = (totals_of(scenario, each).sel(mix="new").mean("draw") for each in (results, more))
    assert float(many["lost"]) > float(few["lost"])
    assert float(many["qaly"]) < float(few["qaly"])
    assert float(many["spared"]) > float(few["spared"]) >= 0


def test_a_a_wait_alone_is_no_loss_by_discounting(limited):
    scenario, _, draws = limited
    rates = {loss.rate: 0 * draws[loss.rate] for loss in scenario.case.capacity.losses.values()}
    alike = draws.assign(rates)
    held = evaluate_draws(scenario, alike)
    one = xr.ones_like(held.per_patient.fate_qaly)
    same = replace(held, per_patient=replace(held.per_patient, fate_qaly=one))
    found = totals_of(scenario, same)["qaly"]
    np.testing.assert_allclose(found.sel(mix="new"), found.sel(mix="today"), rtol=1e-9)


def test_a_limits_that_rest_on_a_guess_are_off_unless_a_scenario_states_them():
    assert case_of("nsclc_panel", "agreement_even").limits == []
    assert set(case_of("nsclc_panel").limits) == set(case_of("nsclc_panel").case.capacity.limits)


def test_a_limit_whose_room_was_read_somewhere_holds_by_itself(crude_draws):
    read = {
        "unit": "share",
        "distribution": {"family": "beta", "mean": 0.005, "interval": [0.001, 0.012]},
        "evidence": "registry",
        "source": {"title": "A count of posts", "read": "2026-11-25"},
    }
    found = load_scenario("agreement_even", overrides={"spare_bioinformaticians": read})
    assert found.limits == ["bioinformatics"]
    held = evaluate_draws(found, crude_draws(found, 20)).reach.supply["bound"]
    assert not bool(held.isnull().any())
    assert float(held.drop_sel(limit="bioinformatics").max()) == 0


def test_b_reached_is_persons_over_eligible_and_never_above_what_limits_let_through(limited):
    scenario, results, _ = limited
    served = results.reach.patients.sel(fate=scenario.case.new)
    np.testing.assert_allclose(
        results.reach.reached * results.reach.eligible, served.where(results.reach.eligible > 0, 0.0), atol=1e-9
    )
    national = {
        name: (getattr(results.reach, name) * results.reach.eligible).sum(["region", "year"])
        for name in ("aimed", "reached")
    }
    assert (national["reached"] <= national["aimed"] + 1e-6).all()
    assert float(national["reached"].sel(mix="new").mean()) < float(national["aimed"].sel(mix="new").mean())


def test_b_transition_follows_the_patients_moved(limited, crude_draws):
    scenario, results, draws = limited
    free = evaluate_draws(case_of(scenario.definition.case, "agreement_even"), draws)
    spent = {
        name: each.spending.transition.sel(mix="new").sum("year").mean()
        for name, each in (("all", free), ("few", results))
    }
    assert float(spent["few"]) < float(spent["all"])


def test_c_care_less_what_falls_beside_is_the_programme(limited):
    scenario, results, _ = limited
    wtp = 1e6
    worth = programme_worth(totals_of(scenario, results), reference="today", wtp=[wtp])
    care = care_benefit(
        results.per_patient,
        results.reach,
        results.spending,
        comparator=scenario.case.comparator,
        wtp=wtp,
        years=scenario.years,
        **RATES,
    )
    of_care = (care.sel(mix="new") - care.sel(mix="today")).sum("region")
    np.testing.assert_allclose(of_care - worth["beside"] + worth["residual"], worth["inmb"].sel(wtp=wtp), rtol=1e-6)


def test_c_against_the_unplanned_course_a_scenario_without_agreement_is_worth_nothing(crude_draws):
    scenario = load_scenario("unplanned")
    results = evaluate_draws(scenario, crude_draws(scenario, 20))
    worth = programme_worth(totals_of(scenario, results), reference="unplanned", wtp=[5e5, 1e6])
    assert all(float(abs(worth[name]).max()) == 0 for name in ("tests", "cost", "qaly", "inmb"))


def test_c_a_budget_is_cash_and_capacity_set_free_stands_apart(scenario, results):
    whole = results.settlement.budget.sum(["region", "payer"])
    np.testing.assert_allclose(whole, results.spending.by_resource.sum("resource"), rtol=1e-9)
    assert float(results.spending.freed.max()) <= 0
    assert float(abs(results.spending.freed.sel(mix="today")).max()) == 0
    assert float(results.spending.freed.sel(mix="new").sum()) < 0


def test_c_offices_run_as_long_as_the_ramp():
    years = {
        name: len(load_scenario(f"agreement_{name}").definition.pace.years)
        for name in ("fast", "even", "slow", "waves")
    }
    assert years == {"fast": 2, "even": 5, "slow": 8, "waves": 7}


def test_c_the_platform_is_nobodys_increment_and_a_scenario_may_lay_a_share_of_it_on_the_test(crude_draws):
    even, allocated = (load_scenario(f"agreement_even{ending}") for ending in ("", "_allocated"))
    draws = crude_draws(even, 20)
    plain, laid = (evaluate_draws(one, draws) for one in (even, allocated))
    more = (laid.spending.transition - plain.spending.transition).sel(mix="new")
    key = (draws["share_of_platform"] * draws["cost_national_platform"]).to_numpy()
    running = np.isin(even.years, list(even.definition.pace.years))
    np.testing.assert_allclose(more, key[:, None] * running, rtol=1e-9, atol=1e-3)
