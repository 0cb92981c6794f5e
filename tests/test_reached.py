"""What is aimed at and what is reached are two things, and all that is printed, paid on and staffed is what is reached."""

import re

import numpy as np
import pytest
import xarray as xr

from pmbudget.financing.measures import measures_of
from pmbudget.inputs import load_scenario
from pmbudget.patient.costing import product
from pmbudget.reporting.ch04_implementation import implementation
from pmbudget.reporting.ch05_budget.programme import uptake_table
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate_draws
from pmbudget.vocabulary import MIXES

DRAWS = 30


@pytest.fixture(scope="module")
def few(table, scenario):
    """A hundredth of the room, so that the stated limits hold many back."""
    limits = scenario.case.capacity.limits.values()
    draws = table.isel(draw=slice(DRAWS))
    return draws.assign({limit.spare: draws[limit.spare] / 100 for limit in limits})


@pytest.fixture(scope="module")
def free(scenario, few):
    return evaluate_draws(scenario, few)


@pytest.fixture(scope="module")
def limited(scenario, few):
    return evaluate_draws(scenario.with_stated_limits(), few)


@pytest.mark.parametrize("name", ["nsclc_panel", "fh_cascade", "rare_disease_wgs"])
def test_b_reached_is_those_who_get_the_new_strategy_over_those_eligible(shipped, crude_draws, name):
    scenario = load_scenario("agreement_even_limited", shipped, case=name)
    found = evaluate_draws(scenario, crude_draws(scenario, DRAWS))
    tested, eligible = found.reach.patients.sel(fate=scenario.case.new), found.reach.eligible
    share = (tested / eligible).where(eligible > 0, found.reach.aimed)
    assert float(abs(share - found.reach.reached).max()) < 1e-12
    assert float(abs(found.reach.reached - found.reach.reached).max()) == 0


def test_b_the_aim_is_the_same_with_and_without_limits_and_less_is_reached(free, limited):
    xr.testing.assert_allclose(free.reach.aimed, limited.reach.aimed)
    assert float(abs(free.reach.reached - free.reach.aimed).max()) < 1e-12
    gap = (limited.reach.aimed - limited.reach.reached).sel(mix="new")
    assert float(gap.mean()) > 0.05
    assert float(abs((limited.reach.aimed - limited.reach.reached).sel(mix="today")).max()) < 1e-12


def moved(results):
    """Persons moved to the new strategy, by the furthest that each region has come so far, with the unfit tested as they are (draw,)."""
    at = {
        mix: results.reach.reached.sel(mix=mix).transpose("draw", "region", "year").to_numpy()
        for mix in ("today", "new")
    }
    furthest = np.maximum.accumulate(np.concatenate([at["today"][..., :1], at["new"]], axis=-1), axis=-1)
    tests = 1 + results.reach.reflexed.transpose("draw", "region", "year").to_numpy()
    return (np.diff(furthest) * results.reach.eligible.to_numpy() * tests).sum(axis=(1, 2))


def test_b_double_running_follows_patients_moved_and_not_the_aim(free, limited, scenario, few):
    [item] = [item for item in scenario.case.transition if item.when == "switched"]
    price = (
        free.per_patient.test_cost.sel(strategy=scenario.case.comparator).to_numpy()
        * product(few, item.price).to_numpy()
    )
    spent = [
        one.spending.by_resource.sel(mix="new", resource=item.resource).sum("year").to_numpy()
        for one in (free, limited)
    ]
    # The same SEK per person moved with and without limits: the comparator's tests for the time of double running.
    for cost, results in zip(spent, (free, limited), strict=True):
        assert cost == pytest.approx(price * moved(results))
    assert (spent[1] < spent[0]).all()


def test_b_transition_is_cheaper_where_fewer_are_moved(free, limited):
    assert bool(
        (
            limited.spending.transition.sel(mix="new").sum("year") < free.spending.transition.sel(mix="new").sum("year")
        ).all()
    )
    xr.testing.assert_allclose(limited.spending.transition.sel(mix="today"), free.spending.transition.sel(mix="today"))


def test_b_clauses_count_as_coverage_what_is_reached(limited, scenario):
    places = ["00", *scenario.regions.index]
    found = measures_of(
        limited.reach.reached,
        limited.reach.eligible,
        limited.reach.patients,
        limited.settlement.facts,
        broad=scenario.case.broad,
        places=places,
    )
    assert found["coverage"][:, 1:] == pytest.approx(limited.reach.reached.sel(mix="new").to_numpy())
    assert found["coverage_today"][:, 1:] == pytest.approx(limited.reach.reached.sel(mix="today").to_numpy())
    assert float(found["coverage"][:, 0].max()) == 0
    assert found["coverage"][:, 1:].mean() < limited.reach.aimed.sel(mix="new").to_numpy().mean() - 0.05


def test_b_chapters_04_and_05_print_the_same_share_of_a_region_and_year_to_the_digit(limited, scenario, monkeypatch):
    monkeypatch.setattr(implementation, "picture", lambda figure, alt: figure)
    chart = implementation.coverage_map(scenario, limited, Words("en")).axes[MIXES.index("new")]
    drawn = [cell.get_text() for cell in chart.texts]
    rows = re.findall(r"<tr>(.*?)</tr>", str(uptake_table(scenario, limited, Words("en"))), re.S)
    cells = [re.findall(r"<td[^>]*>([\d,]+)\s*%?</td>", row) for row in rows]
    assert [cell for row in cells for cell in row] == drawn
    assert len(drawn) == len(scenario.regions) * len(scenario.years)
