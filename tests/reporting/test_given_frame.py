"""A given frame divided between the regions: what is paid, what it buys, what is said of it, for all cases."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pmbudget.appraisal.worth import added_worth
from pmbudget.financing.agreement import transfers
from pmbudget.inputs import load_scenario
from pmbudget.inputs.frames import load_frame
from pmbudget.programme import reach
from pmbudget.programme.pace import Agreed
from pmbudget.questions import frame_models
from pmbudget.questions.agreements import negotiation, programme_at
from pmbudget.questions.effect import added
from pmbudget.questions.frames import WITHOUT, apart_in_health, best_models, clauses_of, division, introduction_cost
from pmbudget.reporting import store
from pmbudget.reporting.ch05_budget import budget
from pmbudget.reporting.ch06_agreement import frame_regions, frames
from pmbudget.reporting.figures import Picture
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate_draws

EN = Words("en")
DRAWS = 60
OTHERS = ("rare_disease_wgs", "fh_cascade")


@pytest.fixture(scope="module")
def frame(shipped):
    return load_frame("introduction_programme", shipped)


@pytest.fixture(scope="module")
def found(scenario, table, results, frame):
    return division(scenario, table, results, negotiation(scenario, results), frame, share=frame.share)


@pytest.fixture(scope="module")
def others(shipped, crude_draws, frame):
    """The other cases, each walked with few draws: scenario, results, and the frame divided."""
    walked = {}
    for name in OTHERS:
        scenario = load_scenario("agreement_even", shipped, case=name)
        draws = crude_draws(scenario, DRAWS)
        results = evaluate_draws(scenario, draws)
        laid = negotiation(scenario, results)
        walked[name] = (scenario, results, division(scenario, draws, results, laid, frame, share=frame.share))
    return walked


def pieces(scenario, results, found, words):
    return [
        frames.frame_answer(scenario, results, found, words),
        frames.models_money(scenario, found, words),
        frames.models_bought(scenario, found, words),
        frame_regions.frame_chart(scenario, found, words),
        frame_regions.frame_by_region(scenario, found, words),
        frames.whole_frame(found, results, words),
    ]


def rows(html):
    """The rows of all tables: first cell, and the figures after it."""
    lines = re.findall(r'<tr[^>]*><th scope="row">(.*?)</th>(.*?)</tr>', html)
    return [(name, re.findall(r"<td[^>]*>(.*?)</td>", rest)) for name, rest in lines]


def number(text):
    return float(text.replace("\u2212", "-").replace(",", ""))


def everyone(found, others):
    return [found, *(each for _, _, each in others.values())]


def test_a_key_pays_the_frame_in_every_draw_in_kronor_of_each_year(found, others):
    for each in everyone(found, others):
        yearly = each.found["paid"].sel(model=["per_head", "need", "performance"]).sum("place")
        assert yearly.values == pytest.approx(each.frame.amount * each.share * 1e6)
        assert each.years == list(range(2027, 2032))


def test_no_model_pays_more_than_the_frame_in_any_draw_and_year(found, others):
    for each in everyone(found, others):
        yearly = each.found["paid"].sum("place")
        assert float(yearly.max()) <= each.frame.amount * each.share * 1e6 * (1 + 1e-9)
        assert float(each.found["paid"].sel(model=WITHOUT).max()) == 0.0


def test_what_is_settled_is_the_frame_in_the_price_years_kronor(found):
    programme = found.negotiation.programme
    moved = transfers(found.designs["per_head"], programme.books)["per_head"]["state"]
    real = moved.sum(axis=1)[:, programme.shown]
    index = np.broadcast_to(programme.terms.index, (*moved.shape[:1], 1, len(programme.terms.years)))
    assert real == pytest.approx(10e6 / index[:, 0, programme.shown])
    assert real[:, -1].mean() < 0.95 * real[:, 0].mean(), "nominal money is eroded"
    assert found.real == pytest.approx(20 * real.mean())


def test_per_inhabitant_is_the_same_for_every_inhabitant_and_need_for_everyone_eligible(found, scenario):
    paid = found.found["paid"].sel(place=list(scenario.regions.index)).sum("year").mean("draw")
    per_head = paid.sel(model="per_head") / scenario.regions["population"].to_numpy()
    assert np.ptp(per_head.values) == pytest.approx(0.0, abs=1e-9)
    programme = found.negotiation.programme
    expected = (programme.terms.weight("eligible")[0, programme.places, :5] * 10e6).sum(axis=1)
    assert paid.sel(model="need").values == pytest.approx(expected)


def test_transfers_sum_to_zero(found, others):
    for each in everyone(found, others):
        books = each.negotiation.programme.books
        for clauses in each.designs.values():
            for moved in transfers(clauses, books).values():
                total = sum(np.broadcast_to(column, books.shape).sum(axis=1) for column in moved.values())
                assert np.abs(total).max() < 1e-3


def test_milestones_ask_for_a_share_of_the_coverage_that_is_expected(found, results):
    clauses = clauses_of(found.frame, "milestones", found.negotiation.programme, found.share)
    by_year = results.reach.reached.sel(mix="new") * results.reach.eligible
    expected = by_year.sum("region").mean("draw") / results.reach.eligible.sum("region").mean("draw")
    for step in clauses[0].steps:
        assert step.coverage == pytest.approx(0.95 * float(expected.sel(year=2026 + step.year)), rel=1e-6)


def test_without_an_answer_a_model_buys_nothing_and_costs_its_administration(scenario, table, results, frame, found):
    still = table.assign(fungibility=xr.ones_like(table["fungibility"]))
    unmoved = division(scenario, still, results, found.negotiation, frame, share=frame.share).found
    assert float(np.abs(unmoved["reached_qaly"]).max()) == 0.0
    assert float(np.abs(unmoved["after"]).max()) == 0.0
    coverage = unmoved["national"].mean("draw").values
    assert coverage == pytest.approx(found.negotiation.programme.coverage)
    assert unmoved["displaced_qaly"].values == pytest.approx(found.found["still_displaced_qaly"].values)
    assert unmoved["paid"].identical(found.found["paid"]), "money is settled on the programme as it was walked"


def lifted(monkeypatch, scenario, table, results, model, found):
    """The scenario walked again with a model's lift on what the agreement aims at, and that lift."""
    programme = found.negotiation.programme
    ground = frame_models.ground_of(scenario, table, results, programme, years=5)
    ground = replace(ground, within=xr.ones_like(ground.within))
    money = frame_models._from_the_state(programme, found.designs[model])
    lift = frame_models._lift(scenario, table, ground, found.designs[model], money)
    plain = reach.coverage

    def further(pace, regions, years, draws, incentive=None):
        aimed = plain(pace, regions, years, draws, incentive)
        return aimed + lift.reindex(year=years, fill_value=0.0) if isinstance(pace, Agreed) else aimed

    monkeypatch.setattr(reach, "coverage", further)
    return evaluate_draws(scenario, table)


def qaly_of_new(scenario, results):
    period = next(iter(scenario.periods))
    return results.worth.totals["qaly"].sel(mix="new", period=period, drop=True)


def bought_and_walked(monkeypatch, scenario, crude_draws, frame):
    """QALYs of a model's patients reached more, as the page has them and by a walk with that coverage."""
    draws = crude_draws(scenario, DRAWS)
    results = evaluate_draws(scenario, draws)
    found = division(scenario, draws, results, negotiation(scenario, results), frame, share=frame.share)
    again = lifted(monkeypatch, scenario, draws, results, "performance", found)
    walked = qaly_of_new(scenario, again) - qaly_of_new(scenario, results)
    return float(found.found["reached_qaly"].sel(model="performance").mean()), float(walked.mean())


def test_the_health_bought_is_what_a_walk_with_that_coverage_gives(monkeypatch, unlimited, crude_draws, frame):
    bought, walked = bought_and_walked(monkeypatch, unlimited, crude_draws, frame)
    assert walked == pytest.approx(bought, rel=1e-6)
    assert abs(walked) > 0.01


def test_where_supply_is_short_the_health_bought_is_an_upper_bound(monkeypatch, limited, crude_draws, frame):
    bought, walked = bought_and_walked(monkeypatch, limited, crude_draws, frame)
    assert 0.4 * bought < walked < bought


def test_the_front_is_what_a_reader_finds_by_hand(found):
    names = found.models[:4]
    scores = pd.DataFrame({"worst": [5.0, 10.0, 5.0, 15.0], "inequality": [5.0, 2.5, 5.0, 20.0]}, index=names)
    bought = xr.DataArray([[1.0, 0.5, 0.9, 1.21]], dims=("draw", "model"), coords={"model": names})
    whole = xr.Dataset({"reached_qaly": bought, "displaced_qaly": 0 * bought})
    small = replace(
        found,
        frame=found.frame.model_copy(update={"models": {name: found.frame.models[name] for name in names}}),
        scores=scores,
        found=whole,
    )
    # The third is beaten by the first in health and equal else; the second is most equal, the fourth buys most.
    assert small.front.tolist() == [True, True, False, True]


def test_models_that_do_the_same_are_told_as_tied(found):
    twin = replace(
        found,
        frame=found.frame.model_copy(
            update={"models": {name: found.frame.models["need"] for name in ("per_head", "need")}}
        ),
        designs={name: found.designs["need"] for name in ("per_head", "need")},
        found=found.found.sel(model=["need", "need"]).assign_coords(model=["per_head", "need"]),
    )
    assert all(set(names) == {"per_head", "need"} for names in best_models(twin).values())
    assert "cannot be told apart" in frames._aims(twin, EN)


def test_least_administration_is_a_key_and_most_is_what_is_applied_for(found):
    assert set(best_models(found)["administration"]) == {"per_head", "need"}
    share = (found.found["administration"].mean("draw") / found.paid).sel(model=found.models).to_series()
    assert share["per_head"] < share["performance"] < share["matched"]


@pytest.mark.parametrize("language", ["sv", "en"])
def test_the_section_is_written_in_both_languages_for_every_case(scenario, results, found, others, language):
    for case, walked, each in [(scenario, results, found), *others.values()]:
        for text in pieces(case, walked, each, Words(language)):
            said = text.alt if isinstance(text, Picture) else str(text)
            assert said
            assert not re.search(r"\bnan\b|\{", said)


def test_without_an_agreement_nothing_stands_there(unplanned, table, results, frame):
    assert division(unplanned, table, results, negotiation(unplanned, results), frame, share=1.0) is None
    assert set(map(str, pieces(unplanned, results, None, EN))) == {""}


def test_a_shorter_frame_pays_in_its_own_years_alone(scenario, table, results, frame, found):
    short = frame.model_copy(update={"years": 3})
    cut = division(scenario, table, results, found.negotiation, short, share=frame.share)
    assert (cut.years, cut.ceiling) == ([2027, 2028, 2029], pytest.approx(30e6))
    for name, clauses in cut.designs.items():
        later = frame_models._from_the_state(found.negotiation.programme, clauses)[..., 3:]
        assert np.abs(later).max() == 0.0, name


def test_what_is_kept_beside_a_run_is_what_was_paid(found, tmp_path):
    store.store_frame("", found)
    store.store_frame(str(tmp_path), None)
    assert not list(tmp_path.iterdir())
    store.store_frame(str(tmp_path), found)
    kept = pd.read_parquet(tmp_path / "frame.parquet").groupby("model")["paid"].sum()
    assert kept[found.models].to_numpy() == pytest.approx(found.paid.sel(model=found.models).values)


def test_what_is_paid_and_unused_is_the_tests_part(scenario, found):
    for name, cells in rows(frames.models_money(scenario, found, EN))[1:]:
        assert number(cells[0]) + number(cells[1]) == pytest.approx(50.0, abs=1e-9), name


def test_the_frame_by_region_sums_to_the_frame(scenario, found):
    told = rows(frame_regions.frame_by_region(scenario, found, EN))
    place = [name for name, _ in told].index(EN("given.nation")) + 1
    in_msek = told[place : place + 23]
    assert [name for name, _ in in_msek[-2:]] == [EN("given.national"), EN("given.left")]
    sums = np.array([[number(cell) for cell in cells] for _, cells in in_msek]).sum(axis=0)
    assert sums == pytest.approx(200.0, abs=0.7), "as far as one decimal in each row goes"


def test_the_page_says_first_how_large_the_frame_is_beside_the_test(scenario, results, found):
    text = str(frames.frame_answer(scenario, results, found, EN))
    cost = introduction_cost(results, found.negotiation.years)
    assert f"{found.real / cost:.0f} times" in text.split("</p>")[0]
    shares = dict.fromkeys(("cost", "cost_patient", "variance_today", "variance_unplanned", "variance_inmb"), 0.5)
    worths = added_worth(scenario, results.worth)
    still = xr.zeros_like(results.settlement.net_budget("today").sum("region"))
    headline = budget.budget_headline(scenario, results, added(results), still, worths, shares, EN)
    assert EN.msek(5 * cost) in headline, "the same figure as chapter 05's"


def test_coverage_without_an_answer_is_the_programmes_own(scenario, results, found):
    own = EN.percent(programme_at(scenario, results).coverage, 1)
    bought = rows(frames.models_bought(scenario, found, EN))
    assert {cells[0] for _, cells in bought} == {own}
    assert bought[0][1][1] == own


def test_a_difference_in_health_is_called_noise_where_the_draws_do_not_tell_it(scenario, results, found):
    most, least, _ = apart_in_health(found)
    level = found.found.copy()
    chance = np.where(np.arange(level.sizes["draw"]) % 2, 1.0, -0.99)
    for name in found.models:
        level["reached_qaly"].loc[{"model": name}] = chance if name == most else 0.0
        level["displaced_qaly"].loc[{"model": name}] = 0.0
    text = str(frames.frame_answer(scenario, results, replace(found, found=level), EN))
    assert "the difference is noise" in text
    assert least in found.models


def test_a_frame_that_outlasts_what_is_shown_pays_what_falls_due_in_it(folder, frame, crude_draws):
    path = folder / "scenarios" / "unplanned.yaml"
    path.write_text(path.read_text("utf-8").replace("last: 2036", "last: 2029"), "utf-8")
    short = load_scenario("agreement_even", folder)
    draws = crude_draws(short, 20)
    results = evaluate_draws(short, draws)
    found = division(short, draws, results, negotiation(short, results), frame, share=frame.share)
    assert found.years == [2027, 2028, 2029]
    assert frames.models_money(short, found, EN)
