"""What clauses count: coverage is what is reached, alike for a region and for the country."""

import numpy as np
from small_books import LABEL

from pmbudget.appraisal.cea import net_monetary_benefit
from pmbudget.financing.agreement import transfers
from pmbudget.financing.ledger import books_of, terms_of
from pmbudget.financing.measures import measures_of
from pmbudget.inputs.clauses import Grant, Needs
from pmbudget.patient.per_patient import increment
from pmbudget.questions import at_prices_met


def test_coverage_is_of_those_who_were_tested_among_the_eligible(scenario, results):
    places = list(scenario.regions.index)
    found = measures_of(
        results.reach.reached,
        results.reach.eligible,
        results.reach.patients,
        results.settlement.facts,
        broad=scenario.case.broad,
        places=places,
    )
    there = found["eligible"] > 0
    np.testing.assert_allclose(found["coverage"][there], (found["tested"] / found["eligible"].clip(1))[there])


def test_what_is_worth_knowing_is_at_the_prices_that_patients_meet(scenario, results):
    """The clauses' net benefit is chapter 07's, not that of prices that stand still."""
    wtp = scenario.parameters.fixed("wtp_very_high")

    def benefit(per_patient):
        return increment(net_monetary_benefit(per_patient.cost, per_patient.qaly, wtp), scenario.case).to_numpy()

    own = results.settlement.facts["benefit"].to_numpy()
    met, still = benefit(at_prices_met(scenario, results).per_patient), benefit(results.per_patient)
    np.testing.assert_allclose(own, met, rtol=1e-3, atol=50)
    assert abs(still.mean() - met.mean()) > 100 * abs(own.mean() - met.mean())


def test_conditions_of_a_region_and_of_the_country_read_the_same_coverage(scenario, results):
    """In a country of one region the two are one condition."""
    one = list(scenario.regions.index[:1])
    accounts = results.settlement.accounts.sel(region=one)
    reached, eligible, patients = (
        array.sel(region=one) for array in (results.reach.reached, results.reach.eligible, results.reach.patients)
    )
    terms = terms_of(
        accounts,
        regions=scenario.regions.loc[one],
        start=scenario.agreement_start,
        measures=measures_of(
            reached, eligible, patients, results.settlement.facts, broad=scenario.case.broad, places=one
        ),
    )
    paid = {}
    for of in ("region", "nation"):
        clause = Grant(clause="grant", name=of, label=LABEL, amount=1, needs=Needs(coverage=0.5, of=of))
        paid[of] = transfers([clause], books_of(accounts, "new", terms))[of]["state"]
    assert np.array_equal(paid["region"], paid["nation"])
    assert 0 < float((paid["region"] > 0).mean()) < 1
