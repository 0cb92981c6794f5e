"""Who pays for a programme: its cost posted to accounts, and the scenario's agreement settled on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from pmbudget.evidence.learning import Belief
from pmbudget.financing.books import Expected, Terms
from pmbudget.financing.incentive import marginal_share
from pmbudget.financing.ledger import (
    books_of,
    budget_of,
    largest_imbalance,
    mean_ledger,
    net_budget_impact,
    post,
    settled,
    terms_of,
)
from pmbudget.financing.measures import facts_of, learning_facts, measures_of
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.costing import Draws
from pmbudget.patient.per_patient import PerPatient
from pmbudget.programme.reach import Reach, persons_served
from pmbudget.programme.spending import Spending, cost_met
from pmbudget.vocabulary import BLOCK

RELIEF_DRAWS = 100
"""Draws behind the relief: within 0.02 of what 400 tell of any clause that pays by the test, and 0.07 on average of a grant that falls at
a threshold of coverage, which the response turns into a tenth of a percentage point of coverage."""


@dataclass(frozen=True)
class Settlement:
    """What each payer carries, SEK of the price year, undiscounted.

    ``budget`` (draw, mix, region, year, payer): all ledger entries together. ``accounts`` (account, draw, mix, region, year): cost as it
    fell, and ``facts`` (draw[, year]): on them any other agreement can be settled. ``expected`` is the forecast that clauses are settled
    on. ``ledger`` (mix, region, year, payer, entry): means over draws. ``checks``: the largest errors of the invariants.
    """

    budget: xr.DataArray
    accounts: xr.DataArray
    facts: xr.Dataset
    expected: Expected
    ledger: xr.DataArray
    checks: Mapping[str, float]

    def net_budget(self, reference: Literal["today", "unplanned"] | str) -> xr.DataArray:
        """New less ``reference`` (draw, region, year, payer), SEK."""
        return net_budget_impact(self.budget, reference=reference)  # type: ignore[arg-type]


def settlement(
    scenario: Scenario,
    draws: Draws,
    per_patient: PerPatient,
    courses: xr.Dataset,
    reach: Reach,
    cost: xr.DataArray,
    spending: Spending,
    *,
    expected: Expected | None,
    noise: np.ndarray,
) -> Settlement:
    """The scenario's agreement and the standing rules settled on what a programme costs.

    Parameters
    ----------
    courses : Dataset
        With draws, as from :func:`pmbudget.patient.per_patient.follow`.
    cost : DataArray
        (draw, mix, region, year, resource), SEK, as from :func:`pmbudget.programme.spending.spend`.
    spending : Spending
        Whose drug prices clauses read, and whose cost by year of the start what is worth knowing is reckoned at.
    expected : Expected, optional
        The forecast that clauses are settled on; without one, that of these draws.
    noise : ndarray
        (draw, year), what chance adds to each year's follow-up, standard normal, as from
        :func:`pmbudget.programme.reach.follow_up_noise`.
    """
    case, years = scenario.case, scenario.years
    price_year = scenario.parameters.price_year
    outcomes = courses.sel(strategy=[case.comparator, *case.broad])
    met = cost_met(
        spending.strategy_cost,
        _forecast_patients(reach, expected),
        rate=scenario.parameters.fixed("discount_rate_cost"),
    )
    facts = facts_of(
        draws, case, outcomes, met, per_patient.qaly, years=years, price_year=price_year, drugs=spending.drug_prices
    )
    if reach.known is not None:
        facts["known"] = reach.known.variable
    tested = persons_served(reach, case.broad).sel(mix="new", drop=True).sum("region")
    belief = None
    if expected is not None:
        belief = Belief(*(float(expected[name].item()) for name in ("expected_benefit", "benefit_sd")))
    facts = facts.assign(learning_facts(draws, case, facts, tested, belief=belief, noise=noise))
    accounts = post(cost, delegated=draws["share_drug_cost_delegated"].to_numpy())
    terms = _terms(scenario, reach, accounts, facts, expected)
    clauses = scenario.agreement.clauses if scenario.agreement else ()
    moved = settled(accounts, clauses, terms, standing=scenario.standing.clauses)
    budget = budget_of(accounts, moved)
    total = cost.sum(["region", "resource"])
    off = np.abs(budget.sum(["region", "payer"]) - total) / np.abs(total).clip(min=1.0)
    return Settlement(
        budget=budget,
        accounts=accounts,
        facts=facts,
        expected=terms.forecast,
        ledger=mean_ledger(accounts, moved),
        checks={"transfers": largest_imbalance(accounts, moved), "budget": float(off.max())},
    )


def _forecast_patients(reach: Reach, expected: Expected | None) -> xr.DataArray:
    """The eligible in the nation as they are forecast (year,): the same for blocks of any size."""
    if expected is None:
        return reach.eligible.isel(draw=slice(0, BLOCK)).mean("draw").sum("region")
    forecast = xr.DataArray(expected["eligible"].sum(axis=0), {"year": expected.years}, ("year",))
    return forecast.sel(year=reach.eligible["year"])


def _terms(
    scenario: Scenario, reach: Reach, accounts: xr.DataArray, facts: xr.Dataset, expected: Expected | None
) -> Terms:
    """What the scenario's clauses may refer to."""
    places, broad = [str(place) for place in accounts["region"].to_numpy()], scenario.case.broad
    return terms_of(
        accounts,
        regions=scenario.regions,
        start=scenario.agreement_start,
        index=facts["index"].to_numpy()[:, None, :],
        measures=measures_of(reach.reached, reach.eligible, reach.patients, facts, broad=broad, places=places),
        expected=expected,
    )


def relief_of(scenario: Scenario, reach: Reach, settled: Settlement) -> xr.DataArray:
    """The share of one test more that the scenario's clauses lift off the ordering unit (region, year), 0 to 1.

    The ordering unit is the region with its providers: its boards decide the pace, and a price inside the region lifts nothing off it.
    Nothing is lifted where nobody is tested; a clause that pays more than a test costs counts as all of it, since the response is stated
    for what goes from nothing to all.
    """
    assert scenario.agreement is not None
    terms = _terms(scenario, reach, settled.accounts, settled.facts, settled.expected)
    share = marginal_share(scenario.agreement.clauses, books_of(settled.accounts, "new", terms), draws=RELIEF_DRAWS)
    # A share told by settling twice is exact to rounding: what is nothing must move nothing.
    return share.fillna(0.0).clip(0.0, 1.0).round(9)


def nothing_lifted(scenario: Scenario) -> xr.DataArray:
    """The relief where no clause pays for a test (region, year): 0."""
    coords = {"region": list(scenario.regions.index), "year": scenario.years}
    return xr.DataArray(0.0, coords, ("region", "year"))
