"""Prices over a product's life: what asks of them, and the pages that show them."""

import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from pmbudget import questions
from pmbudget.inputs import load_scenario
from pmbudget.patient.per_patient import increment
from pmbudget.questions.national import national_use, present_weights
from pmbudget.reporting.ch03_worth import worth_starts
from pmbudget.reporting.ch05_budget import drug_prices, programme
from pmbudget.reporting.verdict import known, leading_threshold
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate_draws

WTP = 1e6
FEW = 40


@pytest.fixture(scope="module")
def some(table):
    return table.isel(draw=slice(FEW))


@pytest.fixture(scope="module")
def dated(scenario, some):
    return evaluate_draws(scenario, some)


@pytest.fixture(scope="module")
def static(scenario, some):
    return evaluate_draws(scenario.with_prices("static"), some)


@pytest.fixture(scope="module")
def moved(scenario, dated, crude_fits):
    with crude_fits():
        return questions.moved_by_prices(scenario, dated, draws=FEW, seed=1)


def test_static_prices_are_a_case_that_states_no_path(scenario, some, dated, static):
    """Of the mechanism there is nothing left: budget, worth and every start are as where no price of a drug moves."""
    case = scenario.case
    without = case.model_copy(update={"prices": case.prices.model_copy(update={"paths": {}})})
    plain = evaluate_draws(replace(scenario, case=without), some)
    xr.testing.assert_identical(static.settlement.budget, plain.settlement.budget)
    xr.testing.assert_identical(static.worth.totals, plain.worth.totals)
    drugs = static.spending.by_resource["kind"] == "drug"
    change = (dated.spending.by_resource - static.spending.by_resource).isel(resource=drugs.to_numpy())
    assert float(change.sum()) < 0
    # One patient at unchanged prices is the same patient.
    xr.testing.assert_identical(static.per_patient.cost, dated.per_patient.cost)


def test_a_start_costs_the_same_in_the_programme_and_in_the_patient_s_worth(scenario, dated):
    for fate in (scenario.case.new, scenario.case.comparator):
        programme = dated.spending.start_cost.sel(mix="new", fate=fate, drop=True)
        np.testing.assert_allclose(dated.spending.strategy_cost.sel(strategy=fate), programme.transpose("draw", "year"))


def test_a_value_per_patient_times_patients_is_the_value_of_all_who_start(scenario, dated):
    patients, _ = national_use(scenario, dated)
    weights = patients * present_weights(scenario)
    each = questions.benefit_by_start(scenario, dated, wtp=WTP)
    met = questions.at_prices_met(scenario, dated).per_patient
    value = increment(WTP * met.qaly - met.cost, scenario.case)
    total = (each * xr.DataArray(weights, dims="year", coords={"year": each["year"]})).sum("year")
    np.testing.assert_allclose(value * weights.sum(), total)


def test_what_prices_move_is_dated_less_static_on_the_same_draws(dated, static, moved):
    difference = (dated.settlement.net_budget("today") - static.settlement.net_budget("today")).sum("region")
    np.testing.assert_allclose(moved, difference.transpose(*moved.dims), atol=1e-3)
    # Competition takes the rebate of which the state has a part.
    whole = moved.sum("year").mean("draw")
    assert float(whole.sel(payer="state")) > 0 > float(whole.sum("payer"))


def test_a_rebate_that_competition_takes_is_not_shared(scenario, dated):
    ratio = dated.settlement.facts["rebate_ratio"].mean("draw")
    assert (ratio.diff("year") < 0).all()
    years = dated.settlement.facts["years_per_krona"].mean("draw")
    assert float(years.isel(year=-1)) > float(years.isel(year=0))


def test_years_among_the_inputs_are_written_as_years(scenario):
    told = programme.inputs_table(scenario, Words("sv"))
    assert re.search(r">20\d\d</td>", told)
    assert not re.search(r">2\u00a00\d\d</td>", told)


def test_the_rules_are_those_in_force_and_the_dates_are_told_with_their_grade(scenario):
    assert scenario.parameters.fixed("share_price_ceiling") == 0.35
    assert scenario.parameters.fixed("fall_price_ceiling") == 0.7
    assert scenario.parameters.fixed("cut_old_drugs") == 0.075
    for path in scenario.price_paths.values():
        record = scenario.parameters[path.exclusivity_ends].record
        assert record.evidence == "assumption" or record.figure_source.address


@pytest.mark.parametrize("language", ["sv", "en"])
def test_the_budget_shows_both_prices_and_says_which_it_uses(scenario, dated, moved, language):
    words = Words(language)
    text = drug_prices.static_table(scenario, dated, moved, words)
    net = dated.settlement.net_budget("today").sum(["region", "payer"])
    for years in scenario.periods.values():
        mean = float(net.sel(year=years).sum("year").mean())
        change = float(moved.sel(year=years).sum(["year", "payer"]).mean())
        assert words.msek(mean) in text
        assert words.msek(mean - change) in text
    told = drug_prices.paths_table(scenario, dated, words)
    for name in scenario.price_paths:
        assert words.label(scenario.case.resources[name].label) in told
    assert not re.search(r"\bnan\b|[{}]", text + told)
    assert words("drug_prices_headline.static") == drug_prices.prices_sentence(
        scenario.with_prices("static"), dated, moved, words
    )


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize(
    ("mean", "spread", "key"), [(-2e6, 1e6, "less"), (2e6, 1e6, "more"), (1e6, 2e7, None), (1e4, 1.0, None)]
)
def test_the_headline_tells_what_prices_move_only_where_the_paired_draws_do(
    scenario, dated, moved, language, mean, spread, key
):
    words, first = Words(language), moved["year"] == scenario.first_years[0]
    noise = xr.DataArray(np.resize([-1.0, 1.0], moved.sizes["draw"]), dims="draw")
    planted = 0.0 * moved + (mean + spread * noise) * first * (moved["payer"] == "clinic")
    told = drug_prices.prices_sentence(scenario, dated, planted, words)
    gaps = {"amount": "|", "error": "|"} if key else {}
    ending = f"_{key}" if key else ""
    assert all(piece in told for piece in words(f"drug_prices_headline.dated{ending}", **gaps).split("|"))
    assert (words.msek(abs(mean)) in told) == bool(key)


@pytest.fixture(scope="module", params=["nsclc_panel", "rare_disease_wgs", "fh_cascade"])
def each(request, shipped, crude_draws, scenario, dated):
    if request.param == scenario.definition.case:
        return scenario, dated
    chosen = load_scenario("agreement_even", shipped, case=request.param)
    return chosen, evaluate_draws(chosen, crude_draws(chosen, FEW))


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_case_shows_worth_by_start_beside_unchanged_prices(each, language):
    (chosen, results), words = each, Words(language)
    text = worth_starts.starts_table(chosen, results, words)
    assert text.count('<th scope="row">') == len(chosen.years) + 1
    assert words("starts_still") in text
    # The headline tells the first and the last start as the table has them.
    by_start = questions.benefit_by_start(chosen, results, wtp=leading_threshold(chosen))
    told = worth_starts.starts_sentence(chosen, results, words)
    for year in (chosen.years[0], chosen.years[-1]):
        benefit = by_start.sel(year=year)
        shown = known(benefit, words, -2), words.probability(float((benefit > 0).mean()))
        assert all(figure in told and figure in text for figure in (str(year), *shown))
    still = chosen.with_prices("static")
    assert bool(worth_starts.starts_sentence(still, results, words)) == bool(chosen.case.prices.resources)
    assert not re.search(r"\bnan\b|[{}]", text + drug_prices.paths_table(chosen, results, words))


@pytest.mark.parametrize(("change", "key"), [(20.0, "alike"), (3000.0, "more"), (-3000.0, "less")])
def test_who_starts_later_gains_more_or_less_only_where_it_is_printed(scenario, dated, change, key):
    words, years = Words("sv"), scenario.years
    by_year = xr.DataArray(np.linspace(0.0, change, len(years)), dims="year", coords={"year": years})
    cost = dated.spending.strategy_cost.isel(year=0, drop=True) - by_year * (
        dated.spending.strategy_cost["strategy"] == scenario.case.new
    )
    planted = replace(dated, spending=replace(dated.spending, strategy_cost=cost))
    text = worth_starts.starts_table(scenario, planted, words)
    assert words(f"starts_lead.{key}", first=years[0], last=years[-1]) in text
    assert words("starts_same") not in text
