"""At which price of a test an introduction costs nothing net."""

from dataclasses import dataclass

from pmbudget.inputs.scenarios import Scenario
from pmbudget.programme.reach import tests_made
from pmbudget.road import Results


@dataclass(frozen=True)
class NeutralPrice:
    """``price`` of a test of the new strategy now and ``net`` budget of all payers (SEK), ``tests`` of it more than today.

    Expected values.
    """

    price: float
    net: float
    tests: float

    @property
    def neutral(self) -> float:
        """The price at which the net budget is nothing, SEK: it is linear in the cash price, so p - E[net] / E[tests], a ratio of means."""
        return self.price - self.net / self.tests


def neutral_price(scenario: Scenario, results: Results) -> NeutralPrice:
    """The price of a test at which introduction costs nothing net over the first years, all payers together, against today's use."""
    period, new = {"year": scenario.first_years}, scenario.case.new
    net = results.settlement.net_budget("today").sel(period).sum(["region", "year", "payer"])
    tests = tests_made(results.reach, scenario.case.broad).sel(fate=new, drop=True)
    more = tests.sel(period).sum(["region", "year"]).mean("draw")
    return NeutralPrice(
        price=float(results.per_patient.test_cost.sel(strategy=new).mean()),
        net=float(net.mean()),
        tests=float(more.sel(mix="new") - more.sel(mix="today")),
    )
