"""A case of six strategies of which neither the comparator nor the new one is best: what is computed, and what the pages say of it."""

import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from pmbudget import questions
from pmbudget.appraisal import ceac, evpi, evppi, net_monetary_benefit
from pmbudget.questions.classes import breakdown
from pmbudget.reporting.ch03_worth import worth, worth_certainty, worth_headline
from pmbudget.reporting.ch07_information import information as pages
from pmbudget.reporting.ch07_information import information_headline as answers
from pmbudget.reporting.figures import LINES
from pmbudget.reporting.verdict import leading_threshold
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate_draws

WTP = 1_000_000.0
LANGUAGES = pytest.mark.parametrize("language", ["sv", "en"])


@pytest.fixture(scope="module")
def six(scenario):
    assert len(scenario.case.strategies) == 6
    return scenario


@pytest.fixture(scope="module")
def third(six):
    """A strategy that is neither rolled out nor in use, nor what these are compared with."""
    case = six.case
    return next(name for name in case.strategies if name not in (case.comparator, case.new, case.in_use))


@pytest.fixture(scope="module")
def found(six, results, third):
    """Results in which that strategy is planted as the best on average."""
    cost, by_start = results.per_patient.cost, results.spending.strategy_cost
    cheaper, in_years = (values - 30_000.0 * (values["strategy"] == third) for values in (cost, by_start))
    return replace(
        results,
        per_patient=replace(results.per_patient, cost=cheaper),
        spending=replace(results.spending, strategy_cost=in_years),
    )


def benefit_of(results):
    return net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, WTP)


def test_a_third_strategy_is_best_here(six, found, third):
    assert questions.best_on_average(six, found, WTP) == (third, True)


def test_two_strategies_of_six_come_to_what_they_come_to_by_themselves(six, results, table):
    names = [six.case.comparator, six.case.new]
    few = {name: six.case.strategies[name] for name in names}
    alone = evaluate_draws(replace(six, case=six.case.model_copy(update={"strategies": few})), table)
    xr.testing.assert_allclose(results.per_patient.cost.sel(strategy=names), alone.per_patient.cost)
    xr.testing.assert_allclose(results.settlement.budget, alone.settlement.budget)


def test_everybody_has_a_strategy(six, found, third):
    shares = questions.use_by_strategy(six, found)
    np.testing.assert_allclose(shares.sum("strategy"), 1)
    assert shares["strategy"].to_numpy().tolist() == list(six.case.strategies)
    _, use = questions.national_use(six, found)
    np.testing.assert_allclose(shares.sel(strategy=six.case.new, mix="new"), use["new"])
    assert float(shares.sel(strategy=third).max()) == 0


def test_a_third_fate_is_a_strategy_in_use(six, found, third):
    # Half of those on the comparator are given another of the case's strategies.
    people = found.reach.patients
    moved = people.sel(fate=[six.case.comparator]) / 2
    split = xr.concat(
        [people - moved.reindex(fate=people["fate"], fill_value=0.0), moved.assign_coords(fate=[third])], "fate"
    )
    shares = questions.use_by_strategy(six, replace(found, reach=replace(found.reach, patients=split)))
    np.testing.assert_allclose(shares.sum("strategy"), 1)
    np.testing.assert_allclose(shares.sel(strategy=third), shares.sel(strategy=six.case.comparator))


def test_information_and_use_are_valued_against_the_best_of_all(six, found):
    benefit = benefit_of(found)
    losses = questions.yearly_loss(six, found, wtp=WTP)
    everything = float(benefit.max("strategy").mean() - benefit.mean("draw").max())
    np.testing.assert_allclose(losses["information"], everything * losses["patients"])
    assert (losses["implementation"] > 0).all()
    states = questions.four_states(six, found, wtp=WTP)
    np.testing.assert_allclose(states["evpi"] + states["evpim"], states["perfect"] - states["current"])
    assert (states["evpim"] > 0).all()


@pytest.mark.parametrize("wtp", [0.0, 500_000.0, 1_000_000.0])
def test_a_copy_of_a_strategy_and_one_that_never_wins_teach_nothing(results, table, wtp):
    per = results.per_patient
    name = "turnaround_panel"
    known = table[[name]].to_dataarray("parameter").transpose("draw", "parameter")

    def with_others(values, extra):
        others = values.isel(strategy=[1, 0]).assign_coords(strategy=["copy", "never"])
        return xr.concat([values, others + xr.DataArray([0.0, extra], dims="strategy")], "strategy")

    cost, qaly = with_others(per.cost, 1e7), with_others(per.qaly, 0.0)
    assert evpi(cost, qaly, wtp) == pytest.approx(evpi(per.cost, per.qaly, wtp), abs=1e-6)
    one, more = (evppi(c, q, known, wtp=wtp).iloc[0] for c, q in ((per.cost, per.qaly), (cost, qaly)))
    assert more["evppi"] == pytest.approx(one["evppi"], abs=0.05 * one["se"] + 1e-6)


def test_no_study_is_worth_more_than_everything_of_six(six, found, table):
    everything = evpi(found.per_patient.cost, found.per_patient.qaly, WTP)
    studies = questions.studies_by_size(six, table, found, wtp=WTP, seed=1)
    assert (studies["evsi"] <= everything + 2 * studies["se"]).all()


def cost_is(found, name):
    return (found.per_patient.cost["strategy"] == name).astype(float)


def test_strategies_within_two_errors_of_the_best_stand_with_it(six, found, third):
    rng, n = np.random.default_rng(1), found.per_patient.cost.sizes["draw"]
    cost = found.per_patient.cost * 0.0 + 300.0 - 300.0 * cost_is(found, six.case.new) - 299.0 * cost_is(found, third)
    cost = cost + xr.DataArray(rng.normal(0, 100, n), dims="draw") * cost_is(found, third)
    near = replace(found, per_patient=replace(found.per_patient, cost=cost, qaly=found.per_patient.qaly * 0.0))
    assert set(questions.best_strategies(six, near, WTP)) == {six.case.new, third}
    assert not questions.best_on_average(six, near, WTP)[1]


@LANGUAGES
def test_the_pages_say_that_a_third_strategy_is_best(six, found, table, third, language):
    words = Words(language)
    best = words.inside(six.case.strategies[third].label)
    parts = breakdown(six, table)
    ranked = questions.rank_parameters(six, table, found, wtp=WTP)
    studies = questions.studies_by_size(six, table, found, wtp=WTP, seed=1)
    options = questions.choices(six, table, found, studies, wtp=WTP, seed=1)
    losses = questions.yearly_loss(six, found, wtp=WTP)
    states = questions.four_states(six, found, wtp=WTP)
    headline = answers.information_headline(six, found, losses, ranked, studies, options, states, words, wtp=WTP)
    names = answers.strategy_names(six, words)
    assert answers.patient_sentence(names, [third], words) in headline
    assert words("info_better_use.other", best=best) in headline
    made = [
        headline,
        pages.information_frame(six, found, words, wtp=WTP),
        pages.states_table(six, found, states, words, wtp=WTP),
        pages.studies_table(six, studies, words),
        pages.clusters_note(six, studies, words),
        pages.options_table(six, options, words),
        worth_headline.threshold_sentence(six, found, words),
        worth.worth_frame(six, words),
        worth.worth_table(six, found, words),
        worth.strategies_table(six, found, words),
        worth.thresholds_table(six, found, words),
        worth.pathway_table(six, found, words),
        worth.resources_table(six, found, words),
        worth_certainty.price_table(six, parts, words),
    ]
    assert not [text for text in made if re.search(r"\bnan\b|[{}]", text)]
    assert best in worth_headline.threshold_sentence(six, found, words)
    for page in (worth.worth_table(six, found, words), worth.strategies_table(six, found, words)):
        assert page.count('<th scope="row">') == 6
    strong = re.search(r'<tr class=sum><th scope="row">(.*?)</th>', worth.strategies_table(six, found, words))
    assert strong.group(1).lower() == best.lower()


def test_the_probability_of_being_worth_it_is_against_the_comparator_and_that_of_being_best_is_of_all(six, found):
    words = Words("en")
    benefit = benefit_of(found)
    new, comparator = (benefit.sel(strategy=name) for name in (six.case.new, six.case.comparator))
    pair = float((new > comparator).mean())
    best = float(ceac(found.per_patient.cost, found.per_patient.qaly, WTP).sel(strategy=six.case.new))
    assert best < pair - 0.1
    told = worth_headline.threshold_sentence(six, found, words)
    assert leading_threshold(six) == WTP
    assert words.probability(pair) in told
    assert words("headline_probability_best", number="6", wtp=words.number(WTP), p=words.probability(best)) in told


def test_every_strategy_has_a_curve_of_its_own(six, found, monkeypatch):
    drawn = []

    def kept(figure, alt):
        drawn.append([(line.get_color(), line.get_linestyle(), line.get_label()) for line in figure.axes[0].lines])
        return "picture"

    monkeypatch.setattr(worth_certainty, "picture", kept)
    worth_certainty.acceptability_chart(six, found, Words("en"))
    labels = {one.label.en for one in six.case.strategies.values()}
    curves = [line for line in drawn[0] if line[2] in labels]
    assert len(curves) == len({(colour, style) for colour, style, _ in curves}) == 6


def test_lines_can_be_seen_against_white():
    def light(colour):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    assert all(1.05 / (light(colour) + 0.05) >= 3 for colour, _ in LINES)
    assert len({str(style) for _, style in LINES}) == len(LINES)
