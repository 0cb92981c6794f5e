"""Internal billing: what a test truly costs at the volumes of the pace, who carries idle capacity, and which internal price would do."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from pmbudget.appraisal.scoring import leaders
from pmbudget.financing.tariffs import both_whole, full_cost_price, margin, unused
from pmbudget.inputs.norms import thresholds
from pmbudget.inputs.scenarios import Scenario
from pmbudget.programme.pace import shifted, top
from pmbudget.programme.reach import access, tests_made
from pmbudget.questions.agreements import Negotiation, shares_not_borne
from pmbudget.questions.providers import TESTS, Providers
from pmbudget.questions.start_years import benefit_by_start
from pmbudget.road import Results, scenario_draws

RULES = ("full", "yearly", "marginal", "subscription")
"""Rules of pricing: full cost at the planned volume; each year's full cost; what one more costs; that, and a sum for capacity beside."""
PRICES = tuple(np.linspace(0.0, 2.0, 9))
"""Internal prices that are tried, as multiples of what one test more costs."""


@dataclass(frozen=True)
class Billing:
    """What the tests of the strategy rolled out cost the laboratory, for one person tested, in an agreement's years; SEK.

    ``volume`` (draw, year): persons tested in the nation, eligible or not. ``variable`` (draw, year): cash for one of them at the year's
    prices; ``fixed`` (draw,): the equipment's annuity and overhead for one of them at the planned volume. ``planned``: the largest
    expected volume of a year, for which capacity is kept. ``price`` (draw, year): the internal price that a preset states, missing
    without one.
    """

    volume: xr.DataArray
    variable: xr.DataArray
    fixed: xr.DataArray
    planned: float
    price: xr.DataArray

    @property
    def years(self) -> list[int]:
        """The agreement's years."""
        return [int(year) for year in self.volume["year"].to_numpy()]

    @property
    def kept(self) -> xr.DataArray:
        """What the capacity for the planned volume costs a year, used or not (draw,)."""
        return self.fixed * self.planned

    def running_cost(self) -> xr.DataArray:
        """What a test costs in cash in each year (year,), expected: all that is spent over all that is made."""
        return (self.volume * self.variable).mean("draw") / self.volume.mean("draw")

    def true_cost(self) -> xr.DataArray:
        """What a test costs at each year's volume (year,), expected: all that is spent and kept over all that is made."""
        return full_cost_price(self.running_cost(), self.kept.mean("draw"), planned=self.volume.mean("draw"))

    def idle(self) -> xr.DataArray:
        """What idle capacity costs (draw, year)."""
        return unused(self.kept, self.volume, planned=self.planned)

    def left(self, price: xr.DataArray) -> xr.DataArray:
        """What a price leaves to the laboratory (draw, year), capacity included."""
        return margin(price, self.volume, variable=self.variable, fixed=self.kept)

    def by_rule(self) -> dict[str, dict[str, xr.DataArray]]:
        """By rule, what the ``laboratory`` is left with, and what the ``clinic`` and the ``region`` pay it, over all years (draw,)."""
        bought = {
            "full": self.volume * (self.variable + self.fixed),
            "yearly": self.volume * self.variable + self.kept,
            "marginal": self.volume * self.variable,
            "subscription": self.volume * self.variable,
        }
        found = {}
        for rule, clinic in bought.items():
            region = self.kept * len(self.years) if rule == "subscription" else 0.0 * self.kept
            spent = (self.volume * self.variable + self.kept).sum("year")
            paid = clinic.sum("year")
            found[rule] = {"laboratory": paid + region - spent, "clinic": paid, "region": region}
        return found


def billing(results: Results, scenario: Scenario, found: Negotiation | None, paid: Providers | None) -> Billing | None:
    """The tests of the strategy rolled out under the scenario's own agreement; None without one, or where nobody gets it."""
    if found is None or paid is None:
        return None
    new, years = scenario.case.new, found.years
    made = tests_made(results.reach, scenario.case.broad)
    volume = made.sel(mix="new", fate=new, year=years, drop=True).sum("region")
    volume = volume.transpose("draw", "year")
    index = results.settlement.facts["index"].sel(year=years)
    planned = float(volume.mean("draw").max())
    if planned <= 0:
        return None
    return Billing(
        volume=volume,
        variable=results.spending.test_cost.sel(fate=new, year=years, drop=True),
        fixed=results.per_patient.test_fixed.sel(strategy=new, drop=True),
        planned=planned,
        price=paid.stated.get("diagnostic_unit", float("nan")) / index,
    )


@dataclass(frozen=True)
class Whole:
    """Whether an internal price leaves both units whole: what one test more costs the laboratory, and what it saves the clinic; SEK.

    ``prices`` from the one to the other, None where no price does. ``probability``: in how many draws one would.
    """

    needed: float
    saved: float
    prices: tuple[float, float] | None
    probability: float


def whole(results: Results, bill: Billing | None, paid: Providers | None) -> Whole | None:
    """The internal prices that leave clinic and laboratory whole when transition is over; None where nobody more is tested.

    What one more costs the laboratory is its cash beyond today's use, the tests that are no longer made taken off as far as they can be
    saved, and the capacity kept for it; what it saves the clinic is care and drugs in the same years.
    """
    if bill is None or paid is None:
        return None
    accounts = results.settlement.accounts.sel(year=paid.years)
    change = (accounts.sel(mix="new", drop=True) - accounts.sel(mix="today", drop=True)).sum(["region", "year"])
    more = paid.units.sel(driver=TESTS, drop=True).sum(["region", "year"])
    if float(more.mean()) <= 0:
        return None

    def of(payer: str) -> xr.DataArray:
        own = ((change["payer"] == payer) & (change["part"] != "transition")).to_numpy()
        return change.isel(account=np.flatnonzero(own)).sum("account")

    costs, saves = of("diagnostic_unit") + bill.fixed * more, -of("clinic")
    needed, saved = (float(one.mean() / more.mean()) for one in (costs, saves))
    return Whole(needed, saved, both_whole(needed, saved), float((saves >= costs).mean()))


def equipment(scenario: Scenario, results: Results, bill: Billing) -> tuple[float, float]:
    """How many instruments the planned volume keeps busy, and the load that the case plans for; 0 and missing where it states none."""
    case, once = scenario.case, results.per_patient.outcomes["activity_once"].sel(strategy=scenario.case.new)
    own = (once["unit"] == "diagnostic_unit") & (once["kind"] == "equipment")
    steps = case.strategies[case.new].tests
    stated = [name for step in steps for item in case.tests[step.test].items if item.annuity for name in item.per]
    loads = {name: scenario.parameters[name] for name in stated if scenario.parameters[name].unit == "share"}
    known = [one.distribution.mean for one in loads.values() if one.distribution is not None]
    load = float(np.prod(known)) if known else float("nan")
    return float(once.isel(resource=own.to_numpy()).sum()) * bill.planned, load


@dataclass(frozen=True)
class Response:
    """What who orders does when somebody else bears the test, in the agreement's last year, against the scenario as it is.

    ``coverage`` (design, draw): change in the nation's coverage under each design, by what it lifts off the region; ``persons`` as that.
    ``benefit`` (price, draw): net benefit of the persons that an internal price adds, SEK; ``prices`` (price,): SEK per test. ``best``:
    the price with the largest benefit and those that cannot be told from it, at the threshold ``wtp``.
    """

    year: int
    coverage: xr.DataArray
    persons: xr.DataArray
    benefit: xr.DataArray
    prices: np.ndarray
    best: Sequence[int]
    wtp: float


def response(
    scenario: Scenario, results: Results, found: Negotiation | None, bill: Billing | None, *, seed: int
) -> Response | None:
    """The response of who orders; None where the case states none.

    At a price of what one test more costs, who orders bears all of it: there coverage is as in the scenario. A price p bears
    p / cost of it, and coverage moves by response x (1 - p / cost) on the logit scale, past 0 and 1 at the same rate.
    """
    uptake = scenario.case.uptake
    if found is None or bill is None or uptake.incentive_response is None:
        return None
    year, wtp = found.years[-1], thresholds(scenario)["wtp_very_high"]
    table = scenario_draws(scenario, draws=bill.volume.sizes["draw"], seed=seed)
    held = results.reach.aimed.sel(mix="new", year=year, drop=True)
    eligible = results.reach.eligible.sel(year=year, drop=True)

    def persons(by: xr.DataArray) -> xr.DataArray:
        moved = shifted(held, top(table[uptake.ceiling], held), by)
        return ((moved - held) * eligible).sum("region")

    gamma = table[uptake.incentive_response]
    lifted = shares_not_borne(results, found)["regions"].sel(year=year, drop=True).fillna(0.0).clip(0.0, 1.0)
    # What replaces a region's own money steers nothing; a price inside the region is no grant.
    steered = gamma * (1 - table["fungibility"]) * (lifted - lifted.sel(design=found.own, drop=True))
    more = persons(steered).transpose("design", "draw")
    cost = bill.variable.sel(year=year, drop=True)
    multiples = xr.DataArray(np.array(PRICES), dims="price")
    each = benefit_by_start(scenario, results, wtp=wtp).sel(year=year, drop=True)
    benefit = (persons(gamma * (1 - multiples)) * each).transpose("price", "draw")
    ranked = leaders({str(place): one for place, one in enumerate(benefit.to_numpy())}, largest=True, step=0.01e6)
    return Response(
        year=year,
        coverage=access(more, eligible.sum("region")),
        persons=more,
        benefit=benefit,
        prices=np.array(PRICES) * float(cost.mean()),
        best=[int(place) for place in ranked],
        wtp=wtp,
    )
