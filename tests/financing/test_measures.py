"""What clauses count: coverage is what is reached, alike for a region and for the country."""

import numpy as np
import pytest
import xarray as xr
from small_books import LABEL

from pmbudget.financing.agreement import transfers
from pmbudget.financing.ledger import books_of, terms_of
from pmbudget.financing.measures import everybody, measures_of, served
from pmbudget.inputs.clauses import Grant, Needs
from pmbudget.road import agreement_start


def test_coverage_is_what_is_reached_and_not_what_was_aimed_at(scenario, results):
    regions = list(scenario.regions.index)
    found = measures_of(results.patients, results.facts, new=scenario.case.new, places=["00", *regions])["coverage"]
    tested, eligible = served(results.patients, scenario.case.new), everybody(results.patients)
    expected = tested.sel(mix="new", drop=True) / eligible.where(eligible > 0)
    mine = xr.DataArray(
        found[:, 1:], dims=("draw", "region", "year"), coords={"region": regions, "year": expected["year"]}
    )
    xr.testing.assert_allclose(mine.where(eligible > 0), expected)


def test_conditions_of_a_region_and_of_the_country_read_the_same_coverage(scenario, results):
    """In a country of one region the two are one condition."""
    one = list(scenario.regions.index[:1])
    accounts, patients = results.accounts.sel(region=one), results.patients.sel(region=one)
    terms = terms_of(
        accounts,
        regions=scenario.regions.loc[one],
        start=agreement_start(scenario),
        measures=measures_of(patients, results.facts, new=scenario.case.new, places=one),
    )
    paid = {}
    for of in ("region", "nation"):
        clause = Grant(clause="grant", name=of, label=LABEL, amount=1, needs=Needs(coverage=0.5, of=of))
        paid[of] = transfers([clause], books_of(accounts, "new", terms))[of]["state"]
    assert np.array_equal(paid["region"], paid["nation"])
    assert 0 < float((paid["region"] > 0).mean()) < 1


def test_a_region_with_nobody_eligible_counts_as_the_country():
    patients = xr.DataArray(
        np.array([[[[3.0, 0.0]], [[1.0, 0.0]]]]).transpose(0, 2, 1, 3)[:, :, :, :, None].repeat(2, axis=1),
        dims=("draw", "mix", "strategy", "region", "year"),
        coords={"mix": ["new", "today"], "strategy": ["panel", "single"], "region": ["01", "03"], "year": [2027]},
    )
    names = ("acted_on", "health_value", "benefit", "rebate_ratio", "years_per_krona")
    facts = xr.Dataset({name: ("draw", [1.0]) for name in names})
    found = measures_of(patients, facts, new="panel", places=["01", "03"])
    assert found["coverage"].ravel() == pytest.approx([0.75, 0.75])
