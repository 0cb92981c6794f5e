"""Chapter 04: the figures that each limit moves, and the pieces of the page."""

import re

import pytest

from pmbudget import sensitivity
from pmbudget.evidence.crude import crude_posterior
from pmbudget.patient import simulate
from pmbudget.reporting import access, implementation, store, supply
from pmbudget.reporting.reach import aimed, implementation_frame, reached
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate_draws
from pmbudget.sensitivity import limit_values

WTP = 1_000_000
LIMITS = ["sequencing", "bioinformatics", "interpretation", "pathology", "conference"]


@pytest.fixture(scope="module")
def few(table):
    return table.isel(draw=slice(60))


@pytest.fixture(scope="module")
def walked(scenario, few):
    return evaluate_draws(scenario, few)


@pytest.fixture(scope="module")
def values(scenario, walked):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sensitivity, "fit_evidence", crude_posterior)
        return limit_values(scenario, walked, wtp=WTP)


def test_reached_is_less_than_aimed_where_supply_is_short_and_equal_where_nothing_limits(
    scenario, unlimited, few, walked
):
    short = aimed(walked) - reached(scenario, walked, ("region",))
    assert float(short.sel(mix="new").mean()) > 0
    assert float(abs(short.sel(mix="today")).max()) < 1e-12
    free = evaluate_draws(unlimited, few)
    assert float(abs(aimed(free) - reached(unlimited, free, ("region",))).max()) < 1e-12
    assert float(abs(free.eligible - walked.eligible).max()) < 1e-9


@pytest.mark.parametrize("name", LIMITS)
def test_each_limit_raises_the_posts_that_are_open_and_lowers_those_moved(scenario, few, walked, name):
    limit = scenario.case.capacity.limits[name]
    tighter = few.assign({limit.spare: few[limit.spare] / 10})
    after = evaluate_draws(scenario, tighter).supply
    before = walked.supply
    assert bool((after["open"].sel(limit=name) < before["open"].sel(limit=name)).all())
    moved = (after["moved"] - before["moved"]).sel(mix="new").sum(["region", "year"])
    assert float(moved.min()) >= -1e-9
    assert float(moved.mean()) > 0


@pytest.mark.parametrize("name", LIMITS)
def test_lifting_a_limit_serves_more_and_a_tenth_of_a_post_no_more_than_that(values, name):
    one = values.sel(limit=name)
    assert float(one["lifted"].min()) >= -1e-9
    assert float((one["lifted"] - one["per_tenth"]).min()) >= -1e-9
    assert float(one["lifted"].max()) > 0


def test_a_tenth_is_worth_the_persons_it_serves_at_their_benefit(scenario, walked, values):
    benefit = walked.qaly * WTP - walked.cost
    case = scenario.case
    gain = benefit.sel(strategy=case.new, drop=True) - benefit.sel(strategy=case.comparator, drop=True)
    assert (values["value"] - values["per_tenth"] * gain).to_numpy() == pytest.approx(0, abs=1e-3)


@pytest.fixture(scope="module", params=["scenario", "unplanned", "unlimited"])
def any_world(request, few):
    chosen = request.getfixturevalue(request.param)
    return chosen, evaluate_draws(chosen, few.isel(draw=slice(20)))


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_table_of_the_chapter_can_be_made(any_world, few, values, language):
    (chosen, results), words = any_world, Words(language)
    outcomes = simulate(few, chosen.case, horizon=1)
    made = [
        implementation.implementation_headline(chosen, results, words),
        supply.posts_table(chosen, results, words),
        supply.waiting_table(chosen, results, words),
        supply.limit_values_table(chosen, values if chosen.case.capacity else None, words, wtp=WTP),
        access.laboratories_table(chosen, results, few, outcomes, words),
        access.misuse_table(chosen, results, words),
        access.equity_table(chosen, results, words, wtp=WTP, aversion=1.0),
    ]
    assert not [text for text in made if re.search(r"\bnan\b|\binf\b", text)]


def test_every_figure_of_the_chapter_can_be_made(scenario, walked):
    charts = (implementation.coverage_map, implementation.pace_chart, supply.limits_chart, supply.posts_chart)
    pictures = [make(scenario, walked, Words("en")) for make in charts]
    assert all(picture.png.startswith(b"\x89PNG") and picture.alt for picture in pictures)


def test_what_was_reached_is_kept_beside_a_run(tmp_path, scenario, walked):
    store.store_implementation(str(tmp_path), scenario, walked)
    frame = implementation_frame(scenario, walked)
    assert set(frame["measure"]) == {"reached", "moved", "lost", "waiting", "months_waited"}
    assert len(frame) == 5 * 3 * 21 * len(scenario.years)
    assert [path.name for path in tmp_path.iterdir()] == ["implementation.parquet"]
