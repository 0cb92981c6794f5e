"""What manufacturers are paid by outcome: contracts side by side on patients who are simulated one by one, and what a register row is worth.

Patients start what a finding leads to in the agreement's years, at the scenario's pace, and are followed for ten years of their own; each
draw of the parameters has two sets of patients drawn apart, so that chance between patients is told from what is not known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.scoring import leaders
from pmbudget.appraisal.settled import Programme
from pmbudget.evidence.draws import generator
from pmbudget.evidence.learning import value_of_rows
from pmbudget.financing import payments as kinds
from pmbudget.financing.grants import row_price, row_worth
from pmbudget.inputs.clauses import PerUnit
from pmbudget.inputs.contracts import ContractTerms
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.contracted import Curves, contracted, curves, drug_price
from pmbudget.patient.costing import by_draw
from pmbudget.patient.per_patient import follow
from pmbudget.programme.population import expected_eligible
from pmbudget.programme.reach import persons_served, shares_of
from pmbudget.questions.agreements import Negotiation
from pmbudget.road import Results, answered
from pmbudget.vocabulary import BLOCK, FOLLOWED, TAILS

BY_OUTCOME = ("money_back", "instalments")
"""Contracts that are settled on what follow-up sees of each patient."""
RULES = ("missing_fails", "missing_responds")
"""Who is taken not to respond, or to respond, when the outcome is missing: a clause of the contract."""
AIMS = (
    ("steady", "off", False),
    ("effect", "without", False),
    ("later", "early", False),
    ("cheap", "transaction", False),
)
"""Aim, the measure of it by draw, and whether more is better."""


@dataclass(frozen=True)
class Cohort:
    """Those contracted for, on the first block of draws; arrays are (draw, …), money SEK at list price.

    ``starts`` (draw, place, year, management): expected patients, place 0 being the smallest region and 1 the others. ``course`` and
    ``net`` (draw, management): what a patient is expected to use, at list price and net. ``added`` is what a patient tested is expected to
    use more than with the comparator.
    """

    names: list[str]
    curves: Mapping[str, Curves]
    prices: Mapping[str, Any]
    starts: np.ndarray
    use: np.ndarray
    net: np.ndarray
    added: float

    @property
    def course(self) -> np.ndarray:
        """What a patient under each management was expected to use when the contract was made (management,)."""
        return np.asarray(self.use.sum(axis=2).mean(axis=0))

    @property
    def present(self) -> float:
        """The present net price as a share of the list price."""
        count = self.starts.sum(axis=(1, 2))
        return float((count * self.net).sum() / (count * self.use.sum(axis=2)).sum())

    @property
    def used_by_year(self) -> np.ndarray:
        """What all are expected to use in each of the contract's years (year,)."""
        starting = self.starts.sum(axis=1)
        years = starting.shape[1]
        found = np.zeros(years + FOLLOWED - 1)
        for since in range(FOLLOWED):
            found[since : since + years] += (starting * self.use[:, None, :, since]).sum(axis=2).mean(axis=0)
        return found


def smallest_region(scenario: Scenario) -> str:
    """The region of fewest inhabitants."""
    return str(scenario.regions["population"].idxmin())


def contracts_compared(
    scenario: Scenario, draws: xr.Dataset, results: Results, terms: ContractTerms, *, seed: int
) -> xr.Dataset | None:
    """Every contract on the same patients; None without an agreement or where the case has no drug to contract for.

    Prices are set so that all contracts are expected to cost what the present net price costs, but for the one that follows what is
    known. Nothing is discounted. At most the first 500 draws are used.

    Returns
    -------
    Dataset
        SEK. (contract, draw): ``paid`` and ``again``, for two sets of patients drawn apart; ``small`` and ``small_again``, of them in the
        smallest region; ``without``, what is paid for those who do not respond after a year; ``early``, what is paid in the agreement's
        first year; ``transaction``; ``off``, by how much the payment misses its expectation. (contract, year) ``by_year``, expected, of
        the contract's years. (contract, rule, draw): ``too_much`` and ``too_little``, what is paid or refunded wrongly by what follow-up
        does not see. (contract,) ``price``, the share of the list price. (draw,) ``patients`` and ``small_patients``.
    """
    if scenario.agreement is None or not contracted(scenario.case):
        return None
    part = draws.isel(draw=slice(0, BLOCK))
    return answered(
        results,
        "payments to manufacturers",
        lambda: _compared(scenario, part, results, terms, seed),
        terms=terms.model_dump(mode="json", exclude={"contracts": {"__all__": {"label"}}, "source": True, "note": True}),
        seed=seed,
        draws=part.sizes["draw"],
    )


def cohort(scenario: Scenario, draws: xr.Dataset, results: Results) -> Cohort:
    """Who starts, and what their courses are, by the scenario's own model."""
    case, names = scenario.case, contracted(scenario.case)
    courses = follow(scenario, draws)[1]
    known = curves(draws, case, names)
    prices = {name: drug_price(draws, case, name, listed=True) for name in names}
    use = np.stack([known[name].use(prices[name]).T for name in names], axis=1)
    net = np.stack([known[name].use(drug_price(draws, case, name)).sum(axis=0) for name in names], axis=1)
    to = _to_each(scenario, draws, courses)
    starts = _starting(scenario, draws, results, to)
    more = to[case.new] - to[case.comparator]
    return Cohort(names, known, prices, starts, use, net, float((more * use.sum(axis=2)).sum(axis=1).mean()))


def _to_each(scenario: Scenario, draws: xr.Dataset, courses: xr.Dataset) -> dict[str, np.ndarray]:
    """By strategy, how many of those contracted for follow from one patient (draw, management), relatives who are found among them."""
    case, names = scenario.case, contracted(scenario.case)
    found = {}
    for strategy in dict.fromkeys((case.comparator, *case.broad)):
        own = courses.sel(strategy=strategy)
        treated = np.array(own["treated"].sel(management=names).transpose("draw", "management").to_numpy())
        if case.relatives is not None and case.relatives.found in names:
            acted = by_draw(draws, [case.relatives.acted_on] if case.relatives.acted_on else [])
            treated[:, names.index(case.relatives.found)] += own["relatives_found"].to_numpy() * acted
        found[strategy] = treated
    return found


def _starting(
    scenario: Scenario, draws: xr.Dataset, results: Results, to: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Expected patients who start in the agreement's years (draw, place, year, management)."""
    case, years, size = scenario.case, list(scenario.agreement_years), draws.sizes["draw"]
    eligible = expected_eligible(draws, case.eligible, scenario.regions, years, scenario.years[0])
    chosen = {"draw": slice(0, size), "year": [scenario.years.index(year) for year in years]}
    reach = replace(results.reach, patients=results.reach.patients.isel(chosen))
    reached = results.reach.reached.isel(chosen).sel(mix="new", drop=True).transpose("draw", "region", "year")
    shares = shares_of(reach, case.broad).sel(mix="new", drop=True).transpose("fate", "draw", "region", "year")
    persons = eligible.sel(region=reached["region"]).transpose("draw", "region", "year", missing_dims="ignore")
    people = np.broadcast_to(persons.to_numpy(), reached.shape)
    served = reached.to_numpy()
    each = {name: served * shares.sel(fate=name).to_numpy() for name in case.broad}
    each[case.comparator] = each.get(case.comparator, 0.0) + 1 - served
    started = sum(
        (people * share)[..., None] * to[name][:, None, None, :] for name, share in each.items()
    ) + np.zeros((*people.shape, len(contracted(case))))
    small = list(map(str, reached["region"].to_numpy())).index(smallest_region(scenario))
    whole = started.sum(axis=1)
    return np.stack([started[:, small], whole - started[:, small]], axis=1)


def simulated(found: Cohort, *, seed: int, which: str) -> Iterator[tuple[kinds.Followed, np.ndarray]]:
    """For each draw its patients, drawn from their own curves, and which of them live in the smallest region.

    A patient's two times, until response is lost and until death, are read off the two curves at one and the same chance: who loses
    response early dies early.
    """
    rng = generator(seed, f"contracted patients, {which}", 0)
    points = np.arange(FOLLOWED + 1)
    # Every draw has a stream of its own, so that fewer draws are the start of more.
    for draw, own in enumerate(rng.spawn(len(found.starts))):
        counts = own.poisson(found.starts[draw])
        place, entered, managed = (
            np.repeat(axis.ravel(), counts.ravel()) for axis in np.indices(counts.shape)
        )
        chance = own.random(len(managed))
        lost, died = np.zeros(len(managed)), np.zeros(len(managed))
        yearly, later, start = np.zeros(len(managed)), np.zeros(len(managed)), np.zeros(len(managed))
        for number, name in enumerate(found.names):
            mine, course, price = managed == number, found.curves[name], found.prices[name]
            lost[mine] = _time(course.responding[:, draw], chance[mine], course.points)
            died[mine] = _time(course.alive[:, draw], chance[mine], course.points)
            yearly[mine], start[mine] = price.yearly[0, draw], price.start[draw]
            later[mine] = (course.after[:, draw] * price.yearly[1:, draw]).sum()
        free, alive = (np.clip(time[:, None] - points[:-1], 0, 1) for time in (lost, died))
        use = free * yearly[:, None] + (alive - free) * later[:, None]
        use[:, 0] += start
        responding, living = ((time[:, None] > points).astype(float) for time in (lost, died))
        yield kinds.Followed(entered, responding, living, use, found.course[managed]), place == 0


def _time(curve: np.ndarray, chance: np.ndarray, points: int) -> np.ndarray:
    """Years until a curve (point,) has fallen to each chance; infinite where it never does within what is followed."""
    falling = np.minimum.accumulate(curve)
    found = np.interp(chance, falling[::-1], np.arange(len(curve))[::-1] / points)
    return np.where(chance < falling[-1], np.inf, found)


def _contracts(found: Cohort, terms: ContractTerms, level: np.ndarray) -> dict[str, kinds.Contract]:
    """The contracts at list price; ``level`` (year,) is that of the price that follows what is known."""
    patients = tuple(terms.patients * found.starts.sum(axis=(1, 3)).mean(axis=0))
    spending = tuple(terms.expenditure * found.used_by_year)
    made: dict[str, kinds.Contract] = {
        "rebate": kinds.Rebate(1.0),
        "volume_cap": kinds.VolumeCap(1.0, most=patients),
        "expenditure_cap": kinds.ExpenditureCap(1.0, most=spending),
        "money_back": kinds.MoneyBack(1.0, refund=terms.refund),
        "instalments": kinds.Instalments(1.0, parts=terms.instalments),
        "per_diagnosis": kinds.PerDiagnosis(1.0),
        "adaptive_price": kinds.AdaptivePrice(1.0, level=tuple(level)),
    }
    return {name: made[name] for name in terms.contracts}


def _levels(scenario: Scenario, results: Results, found: Cohort, terms: ContractTerms) -> np.ndarray:
    """The price that follows what is known, as a share of the list price, in the contract's years (draw, year)."""
    facts = results.settlement.facts.isel(draw=slice(0, len(found.starts)))
    facts = facts.sel(year=slice(scenario.agreement_start, None)).transpose("draw", ...)
    if found.added < 1.0:
        return np.full((len(found.starts), 1), found.present)
    return kinds.price_known(
        facts["learnt_mean"].to_numpy(),
        facts["learnt_sd"].to_numpy(),
        present=found.present,
        use=found.added,
        quantile=terms.quantile,
    )


def _compared(
    scenario: Scenario, draws: xr.Dataset, results: Results, terms: ContractTerms, seed: int
) -> xr.Dataset:
    found = cohort(scenario, draws, results)
    levels, names, size = _levels(scenario, results, found, terms), list(terms.contracts), draws.sizes["draw"]
    years = found.starts.shape[2] + FOLLOWED - 1
    measures = ("paid", "again", "small", "small_again", "without", "early", "followed")
    by_draw_ = {name: np.zeros((len(names), size)) for name in measures}
    wrong = {name: np.zeros((len(names), len(RULES), size)) for name in ("too_much", "too_little")}
    by_year, patients = np.zeros((len(names), years)), np.zeros((2, size))
    rates = [
        by_draw(draws, [name]) for name in ("share_outcome_missing", "share_false_response", "share_false_non_response")
    ]
    sight = generator(seed, "what follow-up sees", 0).spawn(size)
    pairs = zip(simulated(found, seed=seed, which="first"), simulated(found, seed=seed, which="again"), strict=True)
    for draw, ((first, in_small), (second, in_small_again)) in enumerate(pairs):
        patients[:, draw] = len(in_small), in_small.sum()
        failed = first.responding[:, 1] == 0
        chance = sight[draw].random(first.responding.shape)
        for place, (name, contract) in enumerate(_contracts(found, terms, levels[draw]).items()):
            paid, again = contract(first), contract(second)
            cash = first.by_year(paid, years)
            by_year[place] += cash / size
            each = (
                paid.sum(),
                again.sum(),
                paid[in_small].sum(),
                again[in_small_again].sum(),
                paid[failed].sum(),
                cash[0],
                contract.followed_years(first),
            )
            for measure, value in zip(measures, each, strict=True):
                by_draw_[measure][place, draw] = value
            if name in BY_OUTCOME:
                for rule in range(len(RULES)):
                    quality = kinds.Quality(*(float(rate[draw]) for rate in rates), missing_responds=rule == 1)
                    off = (contract(kinds.seen(first, quality, chance)) - paid).sum(axis=1)
                    wrong["too_much"][place, rule, draw] = off.clip(min=0).sum()
                    wrong["too_little"][place, rule, draw] = -off.clip(max=0).sum()
    whole = found.present * by_draw_["paid"][names.index("rebate")].mean()
    price = np.array(
        [1.0 if name == "adaptive_price" else whole / row.mean() for name, row in zip(names, by_draw_["paid"], strict=True)]
    )
    scaled = {name: values * price[:, None] for name, values in by_draw_.items() if name != "followed"}
    running = by_draw(draws, ["cost_contract_year"]) * years
    scaled["transaction"] = by_draw_["followed"] * by_draw(draws, ["cost_followed_patient"]) + running
    scaled["off"] = np.abs(scaled["paid"] - scaled["paid"].mean(axis=1, keepdims=True))
    mean_level = np.where([name == "adaptive_price" for name in names], levels.mean(), price)
    data: dict[str, Any] = {name: (("contract", "draw"), values) for name, values in scaled.items()}
    data |= {name: (("contract", "rule", "draw"), values * price[:, None, None]) for name, values in wrong.items()}
    data |= {
        "by_year": (("contract", "year"), by_year * price[:, None]),
        "price": ("contract", mean_level),
        "patients": ("draw", patients[0]),
        "small_patients": ("draw", patients[1]),
        "starts": ("year", np.pad(found.starts.sum(axis=(1, 3)).mean(axis=0), (0, FOLLOWED - 1))),
    }
    start = scenario.agreement_start
    return xr.Dataset(data, coords={"contract": names, "rule": list(RULES), "year": np.arange(start, start + years)})


def payment_risk(found: xr.Dataset) -> pd.DataFrame:
    """By contract, SEK: ``mean``, ``lower`` and ``upper`` of the payment; the share of its variance that is ``chance`` between patients in
    the nation and ``chance_small`` in the smallest region, whose coefficient of variation is ``variation_small``; the ``payer`` and the
    ``manufacturer`` share of the variation of use (:func:`pmbudget.financing.payments.carried_shares`); the share ``without`` response of
    what is paid; ``transaction`` cost; and ``price``, the share of the list price.
    """
    flat = found["paid"].sel(contract="rebate").to_numpy()
    rows = {}
    for name in map(str, found["contract"].to_numpy()):
        one = found.sel(contract=name)
        paid, small = one["paid"].to_numpy(), one["small"].to_numpy()
        lower, upper = np.quantile(paid, TAILS)
        rows[name] = {
            "mean": paid.mean(),
            "lower": lower,
            "upper": upper,
            "chance": kinds.chance_share(paid, one["again"].to_numpy()),
            "chance_small": kinds.chance_share(small, one["small_again"].to_numpy()),
            "variation_small": small.std() / small.mean() if small.mean() > 0 else np.nan,
            **kinds.carried_shares(flat, paid),
            "without": float(one["without"].sum()) / paid.sum(),
            "transaction": float(one["transaction"].mean()),
            "price": float(one["price"]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("contract")


def best_contracts(found: xr.Dataset) -> dict[str, list[str]]:
    """By aim, the contract that serves it best and those that cannot be told apart from it; nothing where none can be told from another.

    Contracts are compared at the same expected payment, so that the price that follows what is known is not among them.
    """
    alike = found.sel(contract=[name for name in found["contract"].to_numpy() if name != "adaptive_price"])
    served = {}
    for aim, measure, largest in AIMS:
        values = {str(name): alike[measure].sel(contract=name).to_numpy() for name in alike["contract"].to_numpy()}
        # How far a payment is from its expectation is a mean over draws: no order draw by draw is asked of it.
        served[aim] = leaders(values, largest=largest, order=measure != "off")
    return {aim: names for aim, names in served.items() if len(names) < alike.sizes["contract"]}


def paid_per_diagnosis(scenario: Scenario, results: Results) -> pd.DataFrame:
    """The test paid for per test made and per result acted on, in the agreement's years, in the nation and in the smallest region; SEK.

    The price per result is set so that both are expected to cost the same in the nation. Counts are Poisson given the parameters, so that
    the variance of a payment is price^2 x (variance of the expected count + expected count), in closed form.

    Returns
    -------
    DataFrame
        Index place (``nation``, ``small``): ``price``, ``count`` of results, ``mean``, and the standard deviations ``sd_tests`` and
        ``sd_results`` of the two payments, ``chance`` the share of the latter's variance that is chance, and ``manufacturer`` the share of
        the variation of the payment per test that the supplier carries when paid per result.
    """
    case, years = scenario.case, list(scenario.agreement_years)
    served = persons_served(results.reach, [case.new]).sel(mix="new", year=years, drop=True).sum("year")
    cost = results.per_patient.test_cost.sel(strategy=case.new, drop=True)
    acted = results.settlement.facts["acted_on"].sel(strategy=case.new, drop=True)
    small = smallest_region(scenario)
    persons = {"nation": served.sum("region"), "small": served.sel(region=small, drop=True)}
    price = float((persons["nation"] * cost).mean() / (persons["nation"] * acted).mean())
    rows = {}
    for place, tested in persons.items():
        expected, made = (tested * acted).to_numpy(), (tested * cost).to_numpy()
        # The persons are counted, so that part of the spread of what is expected of them is chance already.
        counted = float((tested * acted**2).mean())
        parameters = max(float(np.var(expected)) - counted, 0.0)
        variance = parameters + float(expected.mean())
        rows[place] = {
            "price": price,
            "count": expected.mean(),
            "mean": price * expected.mean(),
            "sd_tests": made.std(),
            "sd_results": price * np.sqrt(variance),
            "chance": expected.mean() / variance,
            "manufacturer": kinds.carried_shares(made, price * expected)["manufacturer"],
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("place")


def row_prices(scenario: Scenario, found: Negotiation) -> xr.Dataset | None:
    """What a complete register row costs and is worth in each of the agreement's years; None where no design has a ceiling at its worth.

    Returns
    -------
    Dataset
        SEK of the price year. (draw, year): ``average`` and ``last``, what rows of the year are worth each and what the last one is worth;
        ``price``, what is paid. (year,): ``rows`` expected, ``stated``, the price without a ceiling.
    """
    rules = [
        one for design in found.designs.values() for one in design if isinstance(one, PerUnit) and one.at_most == "worth"
    ]
    if not rules:
        return None
    clause, books, shown = rules[0], found.programme.books, found.programme.shown
    shape = (books.shape[0], 1, books.shape[2])
    average, last = row_worth(clause, books)
    free = clause.model_copy(update={"at_most": None})

    def by_year(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values, shape)[:, 0, shown]

    now = np.isin(books.terms.forecast.years, found.years)
    rows = clause.complete * books.terms.forecast[clause.unit].sum(axis=0)[now]
    return xr.Dataset(
        {
            "average": (("draw", "year"), by_year(average)),
            "last": (("draw", "year"), by_year(last)),
            "price": (("draw", "year"), by_year(row_price(clause, books))),
            "stated": ("year", by_year(row_price(free, books)).mean(axis=0)),
            "rows": ("year", rows),
        },
        coords={"year": found.years},
    )


def normal_loss(programme: Programme) -> tuple[float, float]:
    """What perfect knowledge of the net benefit would be worth to one patient, SEK: by a normal belief, and on the draws themselves."""
    benefit = programme.terms.measure("benefit")[:, 0, 0]
    mean, sd = float(benefit.mean()), float(benefit.std())
    return float(value_of_rows(mean, sd, 1.0, 0.0)[0]), float(np.maximum(benefit, 0).mean() - max(mean, 0.0))
