"""What manufacturers are paid by outcome: contracts side by side on the same patients, simulated one by one.

Patients start what a finding leads to in the agreement's years, at the scenario's pace, and are followed for ten years of their own; each
draw has two sets of patients drawn apart, so that chance between patients is told from what is not known of the parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.scoring import leaders
from pmbudget.evidence.draws import generator
from pmbudget.financing import payments as kinds
from pmbudget.inputs.contracts import ContractTerms
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.contracted import contracted
from pmbudget.patient.costing import by_draw
from pmbudget.programme.reach import persons_served, tests_made
from pmbudget.questions.cohorts import Cohort, cohort, contract_years, simulated, smallest_region
from pmbudget.road import Results, answered
from pmbudget.vocabulary import BLOCK, TAILS

Patients = tuple[kinds.Followed, np.ndarray]
"""Patients of one draw, and which of them live in the smallest region."""
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
FEWEST = 100
"""As many patients of a place in all draws as its spread can be told from."""
"""Aim, the measure of it by draw, and whether more is better."""

SHOWN = {"without": 0.001, "early": 0.1e6, "transaction": 0.1e6}
"""The steps in which measures are printed: SEK, and of ``without`` shares of what is paid."""


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
        does not see. (contract,) ``price``, the share of the list price. (draw,) ``patients``, ``small_patients``, and what follow-up does
        not see, as from :func:`sight_of`.
    """
    if scenario.agreement is None or not contracted(scenario.case):
        return None
    part, terms = draws.isel(draw=slice(0, BLOCK)), terms.for_case(scenario.case)
    return answered(
        results,
        "payments to manufacturers",
        lambda: _compared(scenario, part, results, terms, seed),
        terms=terms.model_dump(
            mode="json", exclude={"contracts": {"__all__": {"label"}}, "source": True, "note": True}
        ),
        seed=seed,
        draws=part.sizes["draw"],
    )


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


@dataclass
class _Tally:
    """What is summed up draw by draw, at list price: by contract, (rule,) draw, and by contract and year."""

    names: list[str]
    by_draw: dict[str, np.ndarray]
    wrong: dict[str, np.ndarray]
    by_year: np.ndarray
    patients: np.ndarray

    @classmethod
    def of(cls, names: list[str], size: int, years: int) -> "_Tally":
        """One of nothing yet."""
        measures = ("paid", "again", "small", "small_again", "without", "early", "followed")
        return cls(
            names,
            {name: np.zeros((len(names), size)) for name in measures},
            {name: np.zeros((len(names), len(RULES), size)) for name in ("too_much", "too_little")},
            np.zeros((len(names), years)),
            np.zeros((2, size)),
        )

    def add(
        self,
        draw: int,
        place: int,
        contract: kinds.Contract,
        first: Patients,
        second: Patients,
        sight: Sequence[kinds.Followed],
    ) -> None:
        """What one contract pays in one draw, for two sets of patients, and for the first as follow-up sees them under each rule."""
        (followed, small), (others, small_again) = first, second
        paid, again = contract(followed), contract(others)
        cash = followed.by_year(paid, self.by_year.shape[1])
        self.by_year[place] += cash / self.patients.shape[1]
        found = {
            "paid": paid.sum(),
            "again": again.sum(),
            "small": paid[small].sum(),
            "small_again": again[small_again].sum(),
            "without": paid[followed.responding[:, 1] == 0].sum(),
            "early": cash[0],
            "followed": contract.followed_years(followed),
        }
        for measure, value in found.items():
            self.by_draw[measure][place, draw] = value
        if self.names[place] in BY_OUTCOME:
            for rule, seen in enumerate(sight):
                off = (contract(seen) - paid).sum(axis=1)
                self.wrong["too_much"][place, rule, draw] = off.clip(min=0).sum()
                self.wrong["too_little"][place, rule, draw] = -off.clip(max=0).sum()


def _compared(scenario: Scenario, draws: xr.Dataset, results: Results, terms: ContractTerms, seed: int) -> xr.Dataset:
    found, unseen = cohort(scenario, draws, results), sight_of(scenario, draws)
    levels = _levels(scenario, results, found, terms)
    tally = _tallied(found, terms, levels, unseen, seed)
    years, names = tally.by_year.shape[1], tally.names
    flat = found.present * tally.by_draw["paid"][names.index("rebate")].mean()
    # The price that follows what is known has a level of its own.
    own = np.array([name == "adaptive_price" for name in names])
    price = np.where(own, 1.0, flat / tally.by_draw["paid"].mean(axis=1))
    money = {name: values * price[:, None] for name, values in tally.by_draw.items() if name != "followed"}
    money["transaction"] = tally.by_draw["followed"] * by_draw(draws, ["cost_followed_patient"])
    # A contract is run in the years in which it pays anything.
    money["transaction"] += by_draw(draws, ["cost_contract_year"]) * (tally.by_year != 0).sum(axis=1, keepdims=True)
    money["off"] = np.abs(money["paid"] - money["paid"].mean(axis=1, keepdims=True))
    data: dict[str, Any] = {name: (("contract", "draw"), values) for name, values in money.items()}
    data |= {name: (("contract", "rule", "draw"), one * price[:, None, None]) for name, one in tally.wrong.items()}
    data |= {
        "by_year": (("contract", "year"), tally.by_year * price[:, None]),
        "price": ("contract", np.where(own, levels.mean(), price)),
        "patients": ("draw", tally.patients[0]),
        "small_patients": ("draw", tally.patients[1]),
        **{name: ("draw", one) for name, one in unseen.items()},
    }
    calendar = np.arange(scenario.agreement_start, scenario.agreement_start + years)
    return xr.Dataset(data, coords={"contract": names, "rule": list(RULES), "year": calendar})


def _tallied(
    found: Cohort, terms: ContractTerms, levels: np.ndarray, unseen: Mapping[str, np.ndarray], seed: int
) -> _Tally:
    """Every contract called on the two sets of patients of each draw."""
    size = len(found.starts)
    tally = _Tally.of([str(name) for name in terms.contracts], size, len(found.used_by_year))
    chances = generator(seed, "what follow-up sees", 0).spawn(size)
    pairs = zip(simulated(found, seed=seed, which="first"), simulated(found, seed=seed, which="again"), strict=True)
    for draw, (first, second) in enumerate(pairs):
        tally.patients[:, draw] = len(first[1]), first[1].sum()
        chance = chances[draw].random(first[0].responding.shape)
        rates = {name: float(one[draw]) for name, one in unseen.items()}
        qualities = [kinds.Quality(**rates, missing_responds=rule == RULES[1]) for rule in RULES]
        sight = [kinds.seen(first[0], quality, chance) for quality in qualities]
        for place, contract in enumerate(_contracts(found, terms, levels[draw]).values()):
            tally.add(draw, place, contract, first, second, sight)
    return tally


def sight_of(scenario: Scenario, draws: xr.Dataset) -> dict[str, np.ndarray]:
    """What follow-up does not see (draw,): ``missing``, by the case's own follow-up where it states one, ``false_response`` and
    ``false_non_response``.
    """
    own = scenario.case.follow_up
    missing = by_draw(draws, ["share_outcome_missing"]) if own is None else 1 - by_draw(draws, [own.followed])
    return {
        "missing": missing,
        "false_response": by_draw(draws, ["share_false_response"]),
        "false_non_response": by_draw(draws, ["share_false_non_response"]),
    }


def payment_risk(found: xr.Dataset) -> pd.DataFrame:
    """By contract, SEK: ``mean``, ``lower`` and ``upper`` of the payment; the share of its variance that is ``chance`` between patients in
    the nation and ``chance_small`` in the smallest region, whose coefficient of variation is ``variation_small``, both missing where fewer
    than :data:`FEWEST` patients of it are drawn; the ``payer`` and the
    ``manufacturer`` share of the variation of use (:func:`pmbudget.financing.payments.carried_shares`); the share ``without`` response of
    what is paid; ``transaction`` cost; and ``price``, the share of the list price.
    """
    flat = found["paid"].sel(contract="rebate").to_numpy()
    enough = float(found["small_patients"].sum()) >= FEWEST
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
            "chance_small": kinds.chance_share(small, one["small_again"].to_numpy()) if enough else np.nan,
            "variation_small": small.std() / small.mean() if enough else np.nan,
            **kinds.carried_shares(flat, paid),
            "without": float(one["without"].sum()) / paid.sum(),
            "transaction": float(one["transaction"].mean()),
            "price": float(one["price"]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("contract")


def alike(found: xr.Dataset) -> list[str]:
    """The contracts that are expected to cost the same."""
    return [str(name) for name in found["contract"].to_numpy() if name != "adaptive_price"]


def best_contracts(found: xr.Dataset) -> dict[str, list[str]]:
    """By aim, the contract that serves it best and those that cannot be told apart from it; nothing where none can be told from another.

    Contracts are compared at the same expected payment, so that the price that follows what is known is not among them.
    """
    served, among = {}, alike(found)
    for aim, measure, largest in AIMS:
        values = {name: found[measure].sel(contract=name).to_numpy() for name in among}
        step = SHOWN.get(measure, 0.0) * (
            float(found["paid"].sel(contract="rebate").mean()) if measure == "without" else 1
        )
        # How far a payment is from its expectation is a mean over draws: no order draw by draw is asked of it.
        served[aim] = leaders(values, largest=largest, order=measure != "off", step=step)
    return {aim: names for aim, names in served.items() if len(names) < len(among)}


def paid_per_diagnosis(scenario: Scenario, results: Results) -> pd.DataFrame:
    """The test paid for per test made and per result acted on, in the agreement's years, in the nation and in the smallest region; SEK.

    What tests cost is chapter 05's: all that are made, of the eligible and others, in cash at the year's prices.

    The price per result is set so that both are expected to cost the same in the nation. Counts are Poisson given the parameters, so that
    the variance of a payment is price^2 x (variance of the expected count + expected count), in closed form.

    Returns
    -------
    DataFrame
        Index place (``nation``, ``small``): ``price``, ``count`` of results, ``mean``, and the standard deviations ``sd_tests`` and
        ``sd_results`` of the two payments, ``chance`` the share of the latter's variance that is chance, and ``manufacturer`` the share of
        the variation of the payment per test that the supplier carries when paid per result.
    """
    case, years = scenario.case, contract_years(scenario)
    served = persons_served(results.reach, [case.new]).sel(mix="new", year=years, drop=True).sum("year")
    tests = tests_made(results.reach, case.broad).sel(mix="new", fate=case.new, year=years, drop=True)
    cost = (tests * results.spending.test_cost.sel(fate=case.new, year=years, drop=True)).sum("year")
    acted = results.settlement.facts["acted_on"].sel(strategy=case.new, drop=True)
    small = smallest_region(scenario)
    by_place = {
        "nation": (served.sum("region"), cost.sum("region")),
        "small": (served.sel(region=small, drop=True), cost.sel(region=small, drop=True)),
    }
    nation, whole = by_place["nation"]
    price = float(whole.mean() / (nation * acted).mean())
    rows = {}
    for place, (tested, spent) in by_place.items():
        expected, made = (tested * acted).to_numpy(), spent.to_numpy()
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
