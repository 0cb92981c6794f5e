import numpy as np
import pytest

from pmbudget.patient import simulate
from pmbudget.patient.outcomes import occupancy_by_strategy
from pmbudget.reporting import pathway
from pmbudget.reporting.words import Words


@pytest.fixture(scope="module")
def few(table):
    return table.isel(draw=slice(0, 20))


@pytest.fixture(scope="module")
def outcomes(few, scenario):
    return simulate(few, scenario.case, horizon=5)


def test_the_drawn_tree_adds_up(outcomes, scenario):
    for name in scenario.case.strategies:
        branches = pathway._branches(scenario.case, outcomes.sel(strategy=name))
        assert sum(share for _, share, _ in branches) == pytest.approx(1)
        for _, _, ends in branches:
            assert sum(part for _, part in ends) == pytest.approx(1)
            assert all(0 <= part <= 1 for _, part in ends)


def test_months_in_the_drawn_states_are_the_life_years_of_the_model(few, outcomes, scenario):
    occupancy = occupancy_by_strategy(few, scenario.case, horizon=5)
    np.testing.assert_allclose(occupancy.sum("state"), 1, atol=1e-12)
    alive = 1 - occupancy.sel(state="dead")
    years = (alive.isel(cycle=slice(1, None)).to_numpy() + alive.isel(cycle=slice(None, -1)).to_numpy()).sum(
        axis=-1
    ) / 24
    np.testing.assert_allclose(years, outcomes["life_years"].sum("year_since_start"), rtol=1e-12)


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_part_of_the_chapter_can_be_made(few, outcomes, scenario, language):
    words = Words(language)
    texts = [pathway.pathway_headline(scenario, outcomes, words), pathway.staff_table(scenario, few, outcomes, words)]
    assert not [text for text in texts if "nan" in text.split()]
    pictures = [
        pathway.tree_chart(scenario, outcomes, words),
        pathway.course_chart(scenario, few, words),
        pathway.cost_chart(scenario, outcomes, words),
    ]
    assert all(one.png.startswith(b"\x89PNG") and one.alt for one in pictures)
