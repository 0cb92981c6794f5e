"""Chapter 04: the figures that each limit moves, and the pieces of the page."""

import re

import pytest

from pmbudget.patient import simulate
from pmbudget.programme.reach import national_aim, share_reached
from pmbudget.questions import at_prices_met, limit_values
from pmbudget.questions.limits import Limited
from pmbudget.reporting import store
from pmbudget.reporting.ch04_implementation import access, implementation, supply
from pmbudget.reporting.frames import implementation_frame
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate_draws

WTP = 1_000_000
LIMITS = ["sequencing", "bioinformatics", "interpretation", "pathology", "conference"]


@pytest.fixture(scope="module")
def few(table):
    return table.isel(draw=slice(60))


@pytest.fixture(scope="module")
def walked(limited, few):
    return evaluate_draws(limited, few)


@pytest.fixture(scope="module")
def values(limited, few, walked):
    return limit_values(limited, few, walked, wtp=WTP)


def test_reached_is_less_than_aimed_where_supply_is_short_and_equal_where_nothing_limits(
    limited, unlimited, few, walked
):
    short = national_aim(walked.reach) - share_reached(walked.reach, limited.case.broad, ("region",))
    assert float(short.sel(mix="new").mean()) > 0
    assert float(abs(short.sel(mix="today")).max()) < 1e-12
    free = evaluate_draws(unlimited, few)
    assert (
        float(abs(national_aim(free.reach) - share_reached(free.reach, unlimited.case.broad, ("region",))).max())
        < 1e-12
    )
    assert float(abs(free.reach.eligible - walked.reach.eligible).max()) < 1e-9


@pytest.mark.parametrize("name", LIMITS)
def test_each_limit_raises_the_posts_that_are_open_and_lowers_those_moved(limited, few, walked, name):
    limit = limited.case.capacity.limits[name]
    tighter = few.assign({limit.spare: few[limit.spare] / 10})
    after = evaluate_draws(limited, tighter).reach.supply
    before = walked.reach.supply
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


def test_a_tenth_is_worth_the_persons_it_serves_at_their_benefit(limited, walked, values):
    met = at_prices_met(limited, walked).per_patient
    benefit = met.qaly * WTP - met.cost
    case = limited.case
    gain = benefit.sel(strategy=case.new, drop=True) - benefit.sel(strategy=case.comparator, drop=True)
    assert (values["value"] - values["per_tenth"] * gain).to_numpy() == pytest.approx(0, abs=1e-3)


@pytest.fixture(scope="module", params=["scenario", "limited", "unplanned", "unlimited"])
def any_world(request, few):
    chosen = request.getfixturevalue(request.param)
    return chosen, evaluate_draws(chosen, few.isel(draw=slice(20)))


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_table_of_the_chapter_can_be_made(any_world, few, values, language):
    (chosen, results), words = any_world, Words(language)
    outcomes = simulate(few, chosen.case, horizon=1)
    stated = chosen.with_stated_limits()
    held = Limited(stated, evaluate_draws(stated, few.isel(draw=slice(20)))) if chosen.case.capacity else None
    made = [
        implementation.implementation_headline(chosen, results, held, words),
        supply.limits_table(chosen, results, held, words),
        supply.posts_table(chosen, results, words),
        supply.waiting_table(held, words),
        supply.limit_values_table(chosen, values if chosen.case.capacity else None, words, wtp=WTP),
        access.laboratories_table(chosen, results, few, outcomes, words),
        access.misuse_table(chosen, results, words),
        access.equity_table(chosen, results, words, wtp=WTP, aversion=1.0),
    ]
    assert not [text for text in made if re.search(r"\bnan\b|\binf\b", text)]


def test_every_figure_of_the_chapter_can_be_made(limited, walked):
    charts = (implementation.coverage_map, implementation.pace_chart, supply.posts_chart)
    pictures = [make(limited, walked, Words("en")) for make in charts]
    pictures.append(supply.limits_chart(Limited(limited, walked), Words("en")))
    assert all(picture.png.startswith(b"\x89PNG") and picture.alt for picture in pictures)


def test_what_was_reached_is_kept_beside_a_run(tmp_path, limited, walked):
    store.store_implementation(str(tmp_path), limited, walked)
    frame = implementation_frame(walked)
    assert set(frame["measure"]) == {"reached", "aimed", "moved", "lost", "waiting", "months_waited"}
    assert len(frame) == 6 * 3 * 21 * len(limited.years)
    assert [path.name for path in tmp_path.iterdir()] == ["implementation.parquet"]


def test_e_a_queue_is_told_only_where_limits_hold(scenario, limited, unlimited, few, walked):
    words, some = Words("sv"), few.isel(draw=slice(20))
    held = Limited(limited, walked)
    off = implementation.implementation_headline(scenario, evaluate_draws(scenario, some), held, words)
    on = implementation.implementation_headline(limited, walked, held, words)
    none = implementation.implementation_headline(unlimited, evaluate_draws(unlimited, some), None, words)
    assert "Inga kapacitetsgränser hålls" in off
    assert "årsarbetskrafter" not in off
    assert "blir för sjuka" in on
    assert "blir för sjuka" not in off + none
    assert words("no_limits") in none


def test_e_no_region_is_named_where_regions_are_alike_by_assumption(scenario, few):
    text = implementation.implementation_headline(scenario, evaluate_draws(scenario, few), None, Words("sv"))
    names = scenario.regions["region"].str.replace("Region ", "")
    assert not [name for name in names if name in text]
