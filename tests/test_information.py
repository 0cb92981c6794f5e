"""What to find out first about a scenario: parts that add up, limits that hold, refusals."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pmbudget import questions
from pmbudget.appraisal import evpi, fit_check, net_monetary_benefit
from pmbudget.appraisal.ranking import simulation_error
from pmbudget.appraisal.worth import care_benefit, programme_totals, programme_worth
from pmbudget.inputs import load_scenario
from pmbudget.patient import simulate
from pmbudget.patient.per_patient import increment
from pmbudget.questions.rollouts import _matched_treatment
from pmbudget.reporting import store
from pmbudget.reporting.ch07_information import information as pages
from pmbudget.reporting.ch07_information import information_headline as answers
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate_draws, pulled

WTP = 1_000_000.0


@pytest.fixture(scope="module")
def ranked(scenario, results, table):
    return questions.rank_parameters(scenario, table, results, wtp=WTP)


@pytest.fixture(scope="module")
def studies(scenario, results, table):
    return questions.studies_by_size(scenario, table, results, wtp=WTP, seed=1)


@pytest.fixture(scope="module")
def even(scenario, results):
    """Results of the new strategy and the comparator alone, planted equally good on average: what is learnt can decide."""
    names = [scenario.case.comparator, scenario.case.new]
    cost, qaly = (values.sel(strategy=names) for values in (results.per_patient.cost, results.per_patient.qaly))
    gain = increment(net_monetary_benefit(cost, qaly, WTP), scenario.case).mean("draw")
    cost = cost + gain * (cost["strategy"] == scenario.case.new)
    return replace(results, per_patient=replace(results.per_patient, cost=cost, qaly=qaly))


@pytest.fixture(scope="module")
def rollouts(scenario, even, table):
    return questions.rollout_designs(scenario, table, even, wtp=WTP, seed=1)


def test_the_yearly_loss_is_information_for_all_and_implementation_by_pace(scenario, results):
    frame = questions.yearly_loss(scenario, results, wtp=WTP)
    assert frame.index.tolist() == scenario.years
    patients = results.reach.patients.sel(mix="new").sum(["fate", "region"]).mean("draw")
    np.testing.assert_allclose(frame["patients"], patients)
    np.testing.assert_allclose(
        frame["information"], evpi(results.per_patient.cost, results.per_patient.qaly, WTP) * patients
    )
    # Whoever does not get what is best on average loses the difference at the prices of the year in which he starts.
    case, people = scenario.case, results.reach.patients.sel(mix="new").sum("region")
    best, _ = questions.best_on_average(scenario, results, WTP)
    each = net_monetary_benefit(results.spending.strategy_cost, results.per_patient.qaly, WTP)
    each = each.rename(strategy="fate")
    lost = (people.sel(fate=[case.new, case.comparator]) * (each.sel(fate=best, drop=True) - each)).sum("fate")
    np.testing.assert_allclose(frame["implementation"], lost.mean("draw"), rtol=1e-6)


def test_four_states_add_up(scenario, results):
    frame = questions.four_states(scenario, results, wtp=WTP)
    np.testing.assert_allclose(frame["evpi"] + frame["evpim"], frame["perfect"] - frame["current"])
    np.testing.assert_allclose(frame.loc["today", "evpi"], frame.loc["new", "evpi"])


def test_the_scenario_s_pace_less_today_s_use_is_the_care_s_net_benefit_of_the_roll_out(scenario, results):
    met = questions.at_prices_met(scenario, results)
    states = questions.four_states(scenario, met, wtp=WTP)["current"]
    case, rates = scenario.case, {"rate_cost": 0.03, "rate_qaly": 0.03}
    course = (results.per_patient, results.reach, results.spending)
    care = care_benefit(*course, comparator=case.comparator, wtp=WTP, years=scenario.years, **rates)
    whole = care.sum("region").mean("draw")
    assert states["new"] - states["today"] == pytest.approx(float(whole.sel(mix="new") - whole.sel(mix="today")))
    yearly = questions.yearly_loss(scenario, met, wtp=WTP)["implementation"]
    present = (yearly * 1.03 ** -np.arange(len(yearly))).sum()
    assert present == pytest.approx(questions.four_states(scenario, met, wtp=WTP).loc["new", "evpim"])


def test_what_a_study_costs_and_what_regions_hold_is_no_parameter_to_learn(scenario, table, ranked):
    research = scenario.case.research
    study = next(iter(research.studies.values()))
    assert not {study.fixed_cost, study.years, research.rollout.region_sd, "share_register_missed"} & set(ranked.index)
    assert not {str(name) for name in table if "region" in table[name].dims} & set(ranked.index)
    assert len(ranked) > 100


@pytest.mark.parametrize("case", ["nsclc_panel", "rare_disease_wgs", "fh_cascade"])
def test_a14_only_what_the_patients_model_reads_is_worth_learning(shipped, crude_draws, case):
    chosen = load_scenario("agreement_even", shipped, case=case)
    names = set(questions.learnable_parameters(chosen, crude_draws(chosen, n=20))["parameter"].to_numpy())
    assert names
    # Posts, instruments and pace exist in every case's files, and one patient's worth does not depend on them.
    foreign = ("n_conference", "n_instruments", "n_pathologists", "spare_", "hires_", "coverage_", "slope_")
    assert not {name for name in names if name.startswith(foreign)}


def test_no_parameter_is_worth_more_than_everything(scenario, results, table, ranked):
    everything = evpi(results.per_patient.cost, results.per_patient.qaly, WTP)
    assert (ranked["evppi"] <= everything + 2 * ranked["se"]).all()
    sets = questions.rank_sets(scenario, table, results, ranked, wtp=WTP)
    found = sets.dropna()
    assert (found["evppi"] <= everything + 2 * found["se"]).all()
    # 500 draws are too few for all the assumptions together, and that is not a number.
    assert np.isnan(sets.loc["assumption", "evppi"])


def test_the_check_looks_at_no_more_than_there_are_draws_for(scenario, results, table, ranked):
    few = questions.most_valuable(scenario, table.isel(draw=slice(0, 60)), ranked)
    assert few.sizes["parameter"] == 2
    five = questions.most_valuable(scenario, table, ranked)
    assert fit_check(results.per_patient.cost, results.per_patient.qaly, five, wtp=WTP)["explained"].between(0, 1).all()


def test_larger_studies_tell_no_less_and_the_best_is_the_highest(scenario, studies):
    assert set(studies["study"]) == set(scenario.case.research.studies)
    for _, frame in studies.groupby("study"):
        assert (frame["evsi"].diff().dropna() >= -1e-9).all()
        np.testing.assert_allclose(frame["enbs"], frame["evsi"] * frame["reached"] - frame["cost"])
        best = frame[frame["best"]]
        assert len(best) == (frame["enbs"].max() > 0)
        assert (best["enbs"] == frame["enbs"].max()).all()


def test_cleaner_register_data_are_worth_more(scenario, results, table):
    # All that is uncertain is the share that the register is asked for, so that 500 draws tell the qualities of data apart.
    share = table["tested_egfr_alk_ros1"]
    cost = results.per_patient.cost
    cost = 0 * cost + 10_000 * (share - share.mean()) * (cost["strategy"] == scenario.case.new)
    known = replace(results, per_patient=replace(results.per_patient, cost=cost, qaly=0 * results.per_patient.qaly))
    studies = questions.studies_by_size(scenario, table, known, wtp=WTP, seed=1)
    frame = questions.data_quality(scenario, table, known, studies, wtp=WTP, seed=1)
    assert len(frame) == 1
    row = frame.iloc[0]
    # Rows that are missing are made up for by others; rates of error that nobody knows are not.
    assert max(row["as_is"], row["complete"]) < row["known"] < row["clean"] < evpi(cost, 0 * cost, WTP)
    reached = studies[studies["study"] == frame.index[0]]["reached"].iloc[0]
    assert row["worth"] == pytest.approx((row["clean"] - row["as_is"]) * reached)
    assert 0 < row["worth_error"] <= 2**0.5 * row["error"] * reached


def test_staying_is_the_measure_of_the_choices(scenario, results, table, studies):
    options = questions.choices(scenario, table, results, studies, wtp=WTP, seed=1)
    assert options.loc["reject", "value"] == 0
    np.testing.assert_allclose(options[["extend", "keep", "withdraw"]].sum(axis=1), 1)
    assert options.attrs["study"] == studies.loc[studies["enbs"].idxmax(), "study"]
    assert options["best"].sum() == 1


def test_options_are_as_uncertain_as_the_programme_that_they_start(scenario, table, studies):
    """Also where the study tells little: else chapters 05 and 07 would contradict each other on a sign."""
    # Few get it today, so that what is decided is whether to introduce it and not whether to withdraw it.
    use = scenario.case.uptake.today
    results = evaluate_draws(scenario, table.assign({use: 0 * table[use] + 0.2}))
    little = studies[studies["study"] == "failures"].head(1)
    options = questions.choices(scenario, table, results, little, wtp=WTP, seed=1)
    totals = programme_totals(
        results.per_patient,
        results.reach,
        results.spending,
        broad=scenario.case.broad,
        comparator=scenario.case.comparator,
        years=scenario.years,
        rate_cost=0.03,
        rate_qaly=0.03,
    )
    benefit = programme_worth(totals, reference="today", wtp=[WTP]).inmb.sel(wtp=WTP)
    if options["best"].idxmax() == "withdraw":
        # Against no use at all the worth of today's is at stake too.
        patients, use = questions.national_use(scenario, results)
        each = net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, WTP)
        today = (patients * use["today"] * 1.03 ** -np.arange(len(patients))).sum()
        benefit = benefit + today * increment(each, scenario.case)
    apart = options.loc[["approve", "reject"], "error"].max()
    assert 0.5 < apart / simulation_error(benefit) < 2


def test_introducing_now_is_the_programme_of_the_budget_chapter(scenario, results, table, studies):
    options = questions.choices(scenario, table, results, studies, wtp=WTP, seed=1)
    totals = programme_totals(
        results.per_patient,
        results.reach,
        results.spending,
        broad=scenario.case.broad,
        comparator=scenario.case.comparator,
        years=scenario.years,
        rate_cost=0.03,
        rate_qaly=0.03,
    )
    worth = programme_worth(totals, reference="today", wtp=[WTP])
    assert options.loc["approve", "value"] == pytest.approx(float(worth["inmb"].mean()), rel=1e-6)


def test_ending_today_s_use_is_worth_the_same_whatever_limits_the_scenario_meets(
    scenario, limited, results, table, studies, crude_draws
):
    held = crude_draws(limited)
    other = evaluate_draws(limited, held)
    values = [
        questions.choices(one, drawn, found, studies, wtp=WTP, seed=1)["value"]
        for one, drawn, found in ((scenario, table, results), (limited, held, other))
    ]
    assert values[0]["withdraw"] == pytest.approx(values[1]["withdraw"], rel=1e-3)
    assert abs(values[0]["approve"] - values[1]["approve"]) > 1e6


def test_a_staggered_roll_out_teaches_more_than_all_at_once(rollouts):
    by = rollouts.set_index(["order", "waves"])
    together = by.loc[("largest", 1), "evsi"]
    assert together == 0
    assert np.isnan(by.loc[("largest", 1), "error"])
    staggered = by.query("waves > 1")["evsi"]
    assert (staggered >= 0).all()
    assert staggered.max() > 0
    assert rollouts["value"].is_monotonic_decreasing
    assert len(rollouts) == 10


def test_a12_the_shown_columns_of_the_roll_out_add_up_to_its_sum(rollouts):
    parts = rollouts[["meanwhile", "afterwards", "evsi", "follow_up"]].sum(axis=1)
    np.testing.assert_allclose(parts, rollouts["value"])
    shown = re.findall(r"<tr>.*?</tr>", pages.rollouts_table(rollouts, Words("en")))[1:]
    for row in shown:
        cells = [
            float(cell.replace("\u2212", "-").replace(",", "")) for cell in re.findall(r">([\u2212\d.,]+)<", row)[-5:]
        ]
        assert sum(cells[:4]) == pytest.approx(cells[4], abs=0.21)


def test_a4_everybody_has_a_fate_and_each_fate_its_cost_and_health():
    dims = ("draw", "mix", "fate", "region", "year")
    people = xr.DataArray(np.zeros((2, 2, 3, 1, 1)), dims=dims, coords={"mix": ["today", "new"]})
    people.loc[{"mix": "today"}] = np.array([10, 0, 0])[None, :, None, None]
    people.loc[{"mix": "new"}] = np.array([4, 5, 1])[None, :, None, None]
    cost = xr.DataArray([[100.0, 200.0, 50.0]] * 2, dims=("draw", "fate"))
    qaly = xr.DataArray([[1.0, 1.5, 0.2]] * 2, dims=("draw", "fate"))
    weights = xr.DataArray([0.5], dims="year")
    found = questions.present_benefit(people, cost, qaly, wtp=1000.0, weights=weights)
    np.testing.assert_allclose(found.sel(mix="today"), 0.5 * 10 * 900)
    np.testing.assert_allclose(found.sel(mix="new"), 0.5 * (4 * 900 + 5 * 1300 + 1 * 150))
    with pytest.raises(ValueError, match="give everybody a fate"):
        questions.present_benefit(people.isel(fate=slice(2)), cost, qaly, wtp=1000.0, weights=weights)


def test_burden_moves_between_payers_with_the_agreement(scenario, results):
    burden = questions.burden_by_payer(scenario, results, wtp=WTP)
    assert burden.loc["state", "alone"] == 0
    assert burden.loc["state", "shared"] > 0
    assert burden.loc["regions_together", "shared"] < burden.loc["regions_together", "alone"]


def test_the_same_seed_gives_the_same_studies(scenario, results, table, studies):
    again = questions.studies_by_size(scenario, table, results, wtp=WTP, seed=1)
    np.testing.assert_array_equal(again["evsi"], studies["evsi"])


def test_a_case_that_proposes_nothing_is_told_what_to_add(scenario):
    silent = replace(scenario, case=scenario.case.model_copy(update={"research": None}))
    with pytest.raises(ValueError, match="proposes no studies; add research to its case.yaml"):
        questions.proposals(silent)


def test_without_an_agreement_the_chapter_still_counts(unplanned, crude_draws):
    table = crude_draws(unplanned, n=200)
    results = evaluate_draws(unplanned, table)
    assert (questions.yearly_loss(unplanned, results, wtp=WTP)["information"] >= 0).all()
    studies = questions.studies_by_size(unplanned, table, results, wtp=WTP, seed=1)
    assert questions.choices(unplanned, table, results, studies, wtp=WTP, seed=1)["best"].any()
    assert questions.burden_by_payer(unplanned, results, wtp=WTP).notna().all().all()


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_table_and_figure_of_the_chapter_can_be_made(
    scenario, results, table, ranked, studies, rollouts, language
):
    words = Words(language)
    losses = questions.yearly_loss(scenario, results, wtp=WTP)
    options = questions.choices(scenario, table, results, studies, wtp=WTP, seed=1)
    states = questions.four_states(scenario, results, wtp=WTP)
    sets = questions.rank_sets(scenario, table, results, ranked, wtp=WTP)
    check = fit_check(
        results.per_patient.cost, results.per_patient.qaly, questions.most_valuable(scenario, table, ranked), wtp=WTP
    )
    made = [
        answers.information_headline(scenario, results, losses, ranked, studies, options, states, words, wtp=WTP),
        pages.information_frame(scenario, results, words, wtp=WTP),
        pages.losses_table(losses, words),
        pages.ranking_table(scenario, losses, ranked, words),
        pages.sets_table(losses, sets, words),
        pages.fit_note(check, words),
        pages.studies_table(scenario, studies, words),
        pages.options_table(scenario, options, words),
        pages.states_table(scenario, results, states, words, wtp=WTP),
        pages.rollouts_intro(scenario, words),
        pages.rollouts_table(rollouts, words),
        pages.rollouts_note(rollouts, words),
        pages.quality_table(
            scenario, questions.data_quality(scenario, table, results, studies, wtp=WTP, seed=1), words
        ),
        pages.burden_table(questions.burden_by_payer(scenario, results, wtp=WTP), words),
    ]
    assert not [text for text in made if re.search(r"\bnan\b|[{}]", text)]
    assert words("info_too_few") in made[4]
    pictures = [
        pages.losses_chart(scenario, results, losses, words, wtp=WTP),
        pages.ranking_chart(scenario, ranked.assign(se=0.0), words),
        pages.studies_chart(scenario, studies, words),
    ]
    assert all(picture.png.startswith(b"\x89PNG") and picture.alt for picture in pictures)


def test_a_chapter_without_a_study_that_pays_says_so(scenario, results, table, ranked, studies):
    words, dear = Words("en"), studies.assign(enbs=-1e9, best=False)
    options = questions.choices(scenario, table, results, dear, wtp=WTP, seed=1)
    losses = questions.yearly_loss(scenario, results, wtp=WTP)
    states = questions.four_states(scenario, results, wtp=WTP)
    text = answers.information_headline(scenario, results, losses, ranked, dear, options, states, words, wtp=WTP)
    assert "None of the proposed studies is worth its cost" in text
    assert words("info_verdict.pays_not") in pages.studies_table(scenario, dear, words)


def test_the_tables_are_kept_beside_the_run(tmp_path, ranked, studies):
    store.store_information(str(tmp_path), ranked, studies)
    kept = pd.read_parquet(tmp_path / "evppi.parquet")
    assert kept.columns.tolist() == ["parameter", "evppi", "se"]
    assert len(pd.read_parquet(tmp_path / "studies.parquet")) == len(studies)


def test_what_a_roll_out_would_observe_is_with_the_scenario_s_levers_on(scenario, table):
    shared, few = scenario.with_levers("shared_it"), table.isel(draw=slice(50))
    case, moved = shared.case, pulled(shared, few)
    treated = simulate(moved, case, horizon=1)["treated"]
    matched = treated.sel(management=sorted(case.matched)).sum("management")
    expected = matched.sel(strategy=case.new) - matched.sel(strategy=case.comparator)
    effect = increment(_matched_treatment(shared, moved), shared.case)
    np.testing.assert_allclose(effect, expected, rtol=1e-12)
    assert abs(effect - increment(_matched_treatment(scenario, few), scenario.case)).max() > 1e-6
