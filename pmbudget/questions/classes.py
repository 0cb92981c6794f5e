"""What one patient's cost and QALYs are made of: by true class, by payer, with or without the tests."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from pmbudget.appraisal import net_monetary_benefit
from pmbudget.financing.books import Terms
from pmbudget.financing.ledger import post, settled
from pmbudget.financing.measures import facts_of
from pmbudget.inputs.cases import Case
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.costing import Draws, item_use, stacked
from pmbudget.patient.outcomes import simulate
from pmbudget.patient.per_patient import discounted, increment, present_values
from pmbudget.patient.survival import survival_curve
from pmbudget.patient.tree import class_shares, walk_pathway
from pmbudget.programme.levers import require
from pmbudget.vocabulary import BLOCK, PAYERS, PERSPECTIVES

ATTRIBUTIONS = ("full", "marginal", "none")
"""How much of the tests' cost is laid on the strategies: all; cash alone, without annuities and overhead already paid for; nothing, where
the tests are made anyway."""


LONGEST_LIFE = 60
"""Years from the start after which nobody of the general population is left."""


@dataclass(frozen=True)
class Breakdown:
    """One patient's discounted cost and QALYs in their parts, with draws.

    ``cost`` (draw, strategy, subgroup, resource; ``unit`` and ``in_budget`` coordinates), SEK, and ``qaly`` (draw, strategy, subgroup)
    per patient of each true class; ``share`` (draw, subgroup) of patients; ``treated`` (draw, strategy, subgroup), the share of a class
    who get what a right answer leads to; ``tests`` (draw, strategy, resource) what the tests cost per
    patient of the mixture, repeats and relatives included, new samples and conferences not; ``moved`` (draw, strategy, payer) what the
    standing rules move per patient, SEK, positive is paid: the state's part of rebates, patients' fees. Undiscounted: ``health``
    (draw, strategy) QALYs per patient, and ``population_health`` (draw), those of the general population from the same age, missing
    where the case does not say how well it lives.
    """

    cost: xr.DataArray
    qaly: xr.DataArray
    share: xr.DataArray
    treated: xr.DataArray
    tests: xr.DataArray
    moved: xr.DataArray
    health: xr.DataArray
    population_health: xr.DataArray

    def value(self, perspective: str = "societal", attribution: str = "full") -> tuple[xr.DataArray, xr.DataArray]:
        """Cost to the payers of a perspective, and QALYs, per patient (draw, strategy).

        What the payers' units use, and what the standing rules move to and from them, as in the budget: a region forgoes the state's part
        of rebates on benefit drugs, and what one payer of the perspective pays another cancels.

        Parameters
        ----------
        perspective : str
            A key of :data:`pmbudget.vocabulary.PERSPECTIVES`.
        attribution : str
            One of :data:`ATTRIBUTIONS`. The tests' cost is taken from both strategies alike, so that tests that are saved do not count
            either.

        Raises
        ------
        ValueError
            No such perspective or attribution.
        """
        for name, given, known in (
            ("perspective", perspective, list(PERSPECTIVES)),
            ("attribution", attribution, list(ATTRIBUTIONS)),
        ):
            if given not in known:
                raise ValueError(f"{name} = {given!r} is unknown; use one of {', '.join(known)}")
        seen = np.isin(self.cost["unit"].to_numpy(), PERSPECTIVES[perspective])
        cash = self.cost["in_budget"].to_numpy()
        left_out = {"full": np.zeros_like(cash), "marginal": ~cash, "none": np.ones_like(cash)}[attribution]
        cost = (self.cost.isel(resource=seen).sum("resource") * self.share).sum("subgroup")
        cost = cost - self.tests.isel(resource=seen & left_out).sum("resource")
        inside = np.isin(self.moved["payer"].to_numpy(), PERSPECTIVES[perspective])
        cost = cost + self.moved.isel(payer=inside).sum("payer")
        return cost, (self.qaly * self.share).sum("subgroup")

    def benefit(self, case: Case, wtp: float) -> xr.DataArray:
        """Incremental net monetary benefit per patient of each true class (draw, subgroup), SEK."""
        return increment(net_monetary_benefit(self.cost.sum("resource"), self.qaly, wtp), case)

    def benefit_untreated(self, case: Case, wtp: float) -> xr.DataArray:
        """Net benefit per patient if nobody of a class were treated for its answer (draw, subgroup), SEK: its tests are still paid for.

        What the class adds but for its tests is taken off: share x (wtp x QALYs gained - cost of care), with the same draws.
        """
        whole = (self.benefit(case, wtp) * self.share).sum("subgroup")
        return whole - self.share * (wtp * increment(self.qaly, case) - increment(self.care(case), case))

    def priced(self, case: Case) -> xr.DataArray:
        """What the question of the highest price is about, per patient with the new strategy (draw,), SEK: all its tests, or in a case
        without tests its drugs.
        """
        if case.has_tests:
            return self.tests.sum("resource").sel(strategy=case.new, drop=True)
        drugs = [case.resources[str(name)].kind == "drug" for name in self.cost["resource"].to_numpy()]
        own = self.cost.sel(strategy=case.new, drop=True).isel(resource=drugs).sum("resource")
        return (own * self.share).sum("subgroup")

    def care(self, case: Case) -> xr.DataArray:
        """Cost of all but the tests and what answers lead to before a management (draw, strategy, subgroup), SEK."""
        tests = {item.resource for item in case.diagnostic_items()}
        return self.cost.isel(resource=[name not in tests for name in self.cost["resource"].to_numpy()]).sum("resource")

    def shortfall(self, comparator: str) -> xr.Dataset:
        """What the disease takes under today's care: ``absolute`` (QALYs) and ``proportional`` (share of them), each (draw)."""
        lost = self.population_health - self.health.sel(strategy=comparator, drop=True)
        return xr.Dataset({"absolute": lost, "proportional": lost / self.population_health})

    def without_cost(self) -> list[str]:
        """Perspectives that hold a payer more than the one before and come to the same cost: no results of their own."""
        costs = {name: self.value(name)[0] for name in PERSPECTIVES}
        return [
            wide
            for narrow, wide in itertools.pairwise(PERSPECTIVES)
            if np.allclose(costs[narrow], costs[wide], rtol=1e-9, atol=1e-6)
        ]

    def perspectives(self) -> list[str]:
        """Perspectives with a result of their own, from the narrowest to the widest."""
        same = self.without_cost()
        return [name for name in PERSPECTIVES if name not in same]


def breakdown(scenario: Scenario, draws: xr.Dataset) -> Breakdown:
    """The parts of what :func:`pmbudget.road.evaluate` sums up per patient, from draws as of :func:`pmbudget.road.scenario_draws`."""
    require(draws, scenario.definition.levers)
    parts = [
        _block(scenario, draws.isel(draw=slice(begin, begin + BLOCK))) for begin in range(0, draws.sizes["draw"], BLOCK)
    ]
    return Breakdown(**{name: xr.concat([part[name] for part in parts], dim="draw") for name in parts[0]})


def _block(scenario: Scenario, draws: xr.Dataset) -> Mapping[str, xr.DataArray]:
    case = scenario.case
    outcomes = simulate(draws, case, horizon=case.horizon_years, by_class=True)
    share = _with_labels(class_shares(draws, case), draws, "true_class", list(case.classes))
    share = share.rename(true_class="subgroup")
    whole = (outcomes["qaly"].sum("year_since_start") * share).sum("subgroup")
    return {
        "cost": discounted(outcomes["cost"], draws["discount_rate_cost"]) + outcomes["cost_once"],
        "qaly": discounted(outcomes["qaly"], draws["discount_rate_qaly"]),
        "share": share,
        "treated": outcomes["treated"].sel(management=case.matched).sum("management"),
        "moved": _transfers_by_rules(scenario, draws, outcomes, share),
        "tests": _cost_of_tests(case, draws, list(outcomes["resource"].to_numpy())),
        "health": whole.transpose("draw", "strategy"),
        "population_health": _population_health(case, draws),
    }


def _transfers_by_rules(
    scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset, share: xr.DataArray
) -> xr.DataArray:
    """What the standing rules of the first year shown move per patient (draw, strategy, payer), SEK discounted, positive is paid.

    The ledger of a programme of one patient: strategies stand where the ledger has regions.
    """
    first, strategies = scenario.years[0], list(scenario.case.strategies)
    used = ("cost", "cost_once", "activity", "activity_once", "qaly", "treated", "on_path")
    whole = (outcomes[list(used)] * share).sum("subgroup")
    cost, qaly = present_values(whole, draws)
    facts = facts_of(draws, scenario.case, whole, cost, qaly, years=[first], price_year=scenario.parameters.price_year)
    spent = discounted(whole["cost"], draws["discount_rate_cost"]) + whole["cost_once"]
    programme = spent.rename(strategy="region").expand_dims(mix=["today"], year=[first])
    accounts = post(programme, delegated=draws["share_drug_cost_delegated"].to_numpy())
    measures = {name: facts[name].to_numpy()[:, None, None] for name in ("rebate_ratio", "years_per_krona")}
    terms = Terms(
        first, np.array([first]), tuple(strategies), scenario.regions, facts["index"].to_numpy()[:, None, :], measures
    )
    moved = settled(accounts, (), terms, standing=scenario.standing.clauses)["today"]
    columns = {payer: np.zeros((draws.sizes["draw"], len(strategies))) for payer in PAYERS}
    for transfer in moved.values():
        for payer, column in transfer.items():
            columns[payer] = columns[payer] + np.asarray(column)[..., 0]
    return xr.DataArray(
        np.stack(list(columns.values()), axis=-1),
        {"strategy": strategies, "payer": list(columns)},
        ("draw", "strategy", "payer"),
    )


def _population_health(case: Case, draws: xr.Dataset) -> xr.DataArray:
    """QALYs left to the general population of the patients' age (draw): Gompertz mortality, one utility."""
    if case.utility_population is None:
        return xr.DataArray(np.full(draws.sizes["draw"], np.nan), dims="draw")
    times = np.linspace(0, LONGEST_LIFE, 12 * LONGEST_LIFE + 1)
    rate, growth = draws[case.mortality.rate], draws[case.mortality.growth]
    alive = survival_curve("gompertz", times, shape=growth, rate=rate).transpose(..., "cycle")
    years = xr.Variable(alive.dims[:-1], np.trapezoid(alive.to_numpy(), times))
    health = years * draws[case.utility_population].variable
    return xr.DataArray(health.set_dims({"draw": draws.sizes["draw"]}))


def _cost_of_tests(case: Case, draws: xr.Dataset, resources: list[str]) -> xr.DataArray:
    """What each strategy's tests cost per patient (draw, strategy, resource), SEK."""
    shares = class_shares(draws, case)
    rows = []
    for strategy in case.strategies:
        cost = dict.fromkeys(resources, xr.Variable((), 0.0))
        path = walk_pathway(draws, case, strategy)
        uses = [(case.tests[name].items, number) for name, number in path.performed.items()]
        if case.relatives:
            uses.append((case.relatives.test_items, path.relatives_tested))
        for items, number in uses:
            made = (number * shares).sum("true_class")
            for item in items:
                if case.resources[item.resource].kind == "care":
                    continue  # Care that goes with a test is no part of its price.
                cost[item.resource] = cost[item.resource] + made * item_use(draws, case, item)[1]
        rows.append(_with_labels(stacked(list(cost.values()), "resource"), draws, "resource", resources))
    found = xr.concat(rows, dim="strategy").assign_coords(strategy=list(case.strategies))
    return found.transpose("draw", "strategy", "resource")


def _with_labels(value: xr.Variable, draws: Draws, dim: str, names: list[str]) -> xr.DataArray:
    """A quantity of the patient's room with a draw dim and the labels of another."""
    full = value.set_dims({"draw": draws.sizes["draw"], **value.sizes})
    return xr.DataArray(full.transpose("draw", ...), coords={dim: names})
