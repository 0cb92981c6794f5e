"""How a therapy that is given once may be paid for: cash by year and payer, chance in small regions, what a fund must hold, who loses
where it fails.

The drug alone is settled, by every design that is for this case alone. What is paid is paid for the budget's own patients, so that a
design's sums are those of chapter 05. The budget treats a share of those who fall ill; what chance does is asked of whole patients,
Poisson by region and year. A small region meets one patient in many years, which an average does not show.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.scoring import PARTICIPATION
from pmbudget.evidence.generators import generator
from pmbudget.financing.agreement import transfers
from pmbudget.financing.books import Books, Terms
from pmbudget.inputs.agreements import load_agreements
from pmbudget.inputs.clauses import Clause, Instalments, MoneyBack
from pmbudget.inputs.parameters import Text
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.outcomes import occupancy_by_strategy, simulate
from pmbudget.patient.per_patient import increment
from pmbudget.programme.population import expected_eligible
from pmbudget.programme.reach import persons_served
from pmbudget.road import Results
from pmbudget.vocabulary import BLOCK, REGION_PAYERS

AT_ONCE = "paid_at_once"
"""The design that the others are held against: the region where the patient lives pays the price when the therapy is given."""
PAYERS = ("region", "state")
"""Who pays the manufacturer: the regions, and the state."""
BY_OUTCOME = (Instalments, MoneyBack)
"""Clauses by which the manufacturer is paid by what becomes of the patient."""
SOLVENT = 0.95
"""How probably a fund is to be able to pay all that falls due."""
PURCHASE = ("clinic", "procured")
"""The account on which the drug falls."""


@dataclass(frozen=True)
class OneOff:
    """A one-off therapy under several designs, on the same patients; SEK of the price year, undiscounted.

    ``clauses`` and ``labels`` by design, :data:`AT_ONCE` first and without either. ``patients`` and ``rate`` (draw, region, year): persons
    treated, those of the budget and expected. ``paid`` (design, payer, draw, region, year) is what the manufacturer receives for the
    budget's, by payer of :data:`PAYERS`; ``expected`` the same for the expected, ``whole`` for whole patients, Poisson around the expected,
    and ``noise`` for (expected)^0.5 of either sign, whose square is in expectation the variance that chance adds. Years go on past those
    shown (``years``) for as long as anything falls due; nobody is treated in them. ``responding`` (draw, year) is the share of those
    treated who are alive and in response so many years later, ``price`` (draw,) what a treatment costs, ``people`` the regions'
    inhabitants and ``names`` what they are called. ``limit`` is what a region is assumed to put up with, SEK per inhabitant and year.
    """

    clauses: Mapping[str, Sequence[Clause]]
    labels: Mapping[str, Text]
    patients: xr.DataArray
    rate: xr.DataArray
    paid: xr.DataArray
    expected: xr.DataArray
    whole: xr.DataArray
    noise: xr.DataArray
    responding: xr.DataArray
    price: xr.DataArray
    people: pd.Series
    names: pd.Series
    years: Sequence[int]
    limit: float

    @property
    def smallest_and_largest(self) -> tuple[str, str]:
        """The regions with fewest and with most inhabitants, by their codes."""
        return str(self.people.idxmin()), str(self.people.idxmax())

    @property
    def funds(self) -> list[str]:
        """The designs by which the state pays."""
        state = self.paid.sel(payer="state").sum(["draw", "region", "year"])
        return [str(name) for name in state["design"].to_numpy() if float(state.sel(design=name)) > 0]


def one_off(scenario: Scenario, results: Results, draws: xr.Dataset, *, seed: int) -> OneOff | None:
    """A case's one-off therapy by every design that is for the case alone; None where there is none, or nothing is agreed.

    Parameters
    ----------
    scenario, results
        As evaluated: the pace is the scenario's, whatever the design.
    draws : Dataset
        Those of the results, as from :func:`pmbudget.road.scenario_draws`.
    seed : int
        Of the numbers of whole patients.
    """
    name, agreements = scenario.definition.case, load_agreements(scenario.folder)
    own = {key: one for key, one in agreements.items() if name in one.only_for}
    if not own or scenario.agreement is None:
        return None
    # Those that pay by outcome first: they move money between the payers and the manufacturer, the others between payers.
    own = dict(sorted(own.items(), key=lambda item: not any(isinstance(each, BY_OUTCOME) for each in item[1].clauses)))
    clauses: dict[str, Sequence[Clause]] = {AT_ONCE: (), **{key: one.clauses for key, one in own.items()}}
    price, rate = _price(scenario, draws), _rate(scenario, results, draws)
    patients = persons_served(results.reach, [scenario.case.new]).sel(mix="new", drop=True)
    whole, signs = (rate.copy(data=one) for one in (counted(rate.to_numpy(), seed=seed), signed(rate.shape, seed=seed)))
    facts = results.settlement.facts
    paid, expected, counts, noise = (
        settled_on(scenario, clauses, persons * price, facts) for persons in (patients, rate, whole, signs * rate**0.5)
    )
    tolerance = scenario.parameters[PARTICIPATION].distribution
    assert tolerance is not None
    return OneOff(
        clauses=clauses,
        labels={key: one.label for key, one in own.items()},
        patients=patients,
        rate=rate,
        paid=paid,
        expected=expected,
        whole=counts,
        noise=noise,
        responding=_responding(scenario, draws),
        price=price,
        people=scenario.regions["population"],
        names=scenario.regions["region"],
        years=scenario.years,
        limit=tolerance.mean,
    )


def _price(scenario: Scenario, draws: xr.Dataset) -> xr.DataArray:
    """What the procured drugs of the new strategy cost at the start more than the comparator's, per patient (draw,)."""
    once = increment(simulate(draws, scenario.case, horizon=1)["cost_once"], scenario.case)
    return once.isel(resource=(once["channel"] == "procured").to_numpy()).sum("resource")


def _rate(scenario: Scenario, results: Results, draws: xr.Dataset) -> xr.DataArray:
    """Expected persons treated in the scenario (draw, region, year)."""
    years = scenario.years
    eligible = expected_eligible(draws, scenario.case.eligible, scenario.regions, years, years[0])
    return (eligible * results.reach.aimed.sel(mix="new", drop=True)).transpose("draw", "region", "year")


def counted(rate: np.ndarray, *, seed: int) -> np.ndarray:
    """Whole persons around the expected number (draw, …), Poisson; a longer table begins as a shorter one does."""
    starts = range(0, len(rate), BLOCK)
    parts = [generator(seed, "one-off", begin // BLOCK).poisson(rate[begin : begin + BLOCK]) for begin in starts]
    return np.concatenate(parts).astype(float)


def signed(shape: tuple[int, ...], *, seed: int) -> np.ndarray:
    """1 or -1, as often (draw, …); a longer table begins as a shorter one does."""
    blocks = range(-(-shape[0] // BLOCK))
    parts = [generator(seed, "one-off signs", block).choice((-1.0, 1.0), (BLOCK, *shape[1:])) for block in blocks]
    return np.concatenate(parts)[: shape[0]]


def settled_on(
    scenario: Scenario, clauses: Mapping[str, Sequence[Clause]], cost: xr.DataArray, facts: xr.Dataset
) -> xr.DataArray:
    """What is paid to the manufacturer of a drug that costs so much where it is given (draw, region, year), by each design.

    ``facts`` hold who responds, as :func:`pmbudget.financing.measures.facts_of` has it: what designs that pay by outcome go by.

    Returns
    -------
    DataArray
        (design, payer, draw, region, year), SEK; the years go on for as long as an instalment falls due.
    """
    longest = max((one.parts for each in clauses.values() for one in each if isinstance(one, Instalments)), default=1)
    years = [*scenario.years, *range(scenario.years[-1] + 1, scenario.years[-1] + longest)]
    bought = cost.reindex(year=years, fill_value=0.0).transpose("draw", "region", "year")
    accounts = {PURCHASE: bought.to_numpy()}
    places = tuple(str(code) for code in bought["region"].to_numpy())
    who = {name: facts[name].transpose("draw", ...).to_numpy() for name in ("response", "responding")}
    measures = {"response": who["response"][:, None, None], "responding": who["responding"][:, None, :]}
    terms = Terms(scenario.agreement_start, np.array(years), places, scenario.regions, measures=measures)
    books = Books(accounts, accounts, terms)
    parts = [np.stack([_borne(one, books, payer) for payer in PAYERS]) for one in clauses.values()]
    coords = {"design": list(clauses), "payer": list(PAYERS), "region": list(places), "year": years}
    return xr.DataArray(np.stack(parts), coords, ("design", "payer", "draw", "region", "year"))


def _borne(clauses: Sequence[Clause], books: Books, payer: str) -> np.ndarray:
    """What a payer has paid of the cost in the books in the end (draw, region, year); a region and its providers are one."""
    mine = REGION_PAYERS if payer == "region" else (payer,)
    total = np.zeros(books.shape)
    for (who, _), cost in books.accounts.items():
        total += cost * (who in mine)
    for columns in transfers(clauses, books).values():
        for who, column in columns.items():
            total += column * (who in mine)
    return total


def _responding(scenario: Scenario, draws: xr.Dataset) -> xr.DataArray:
    """Share of those treated who are still in the state in which the treatment leaves them (draw, year), at whole years."""
    case = scenario.case
    management = case.strategies[case.new].management
    state = (case.managements[management].starts_in if management else None) or next(iter(case.states))
    found = occupancy_by_strategy(draws, case, horizon=case.horizon_years).sel(
        strategy=case.new, state=state, drop=True
    )
    whole = found.isel(cycle=slice(None, None, case.cycles_per_year))
    return whole.rename(cycle="year").assign_coords(year=np.arange(whole.sizes["cycle"]))


def region_risk(found: OneOff) -> pd.DataFrame:
    """How a region's yearly payment per inhabitant spreads, by design (rows), for the smallest region and the largest.

    What is paid is linear in patients, so that its mean is what is paid for the expected, and its variance Var(that) + E[sum of
    c^2 x rate], c being what the region pays in the year for one patient treated in each region and year: no patient need be drawn, of
    whom a small region would have too few. Years are those shown, and those after them in which anything falls due; each year of each
    draw is a case.

    Returns
    -------
    DataFrame
        Index design and region: ``mean``, SEK per inhabitant and year; ``cv``, the standard deviation over the mean; ``more``, the
        probability of a year above what a region puts up with; ``chance``, the part of the variance that is chance in who falls ill where.
    """
    rows = {}
    for design in found.clauses:
        due = (found.expected.sel(design=design) > 0).any(["payer", "draw", "region"])
        for code in found.smallest_and_largest:
            at = {"design": design, "payer": "region", "region": code, "year": due.indexes["year"][due.to_numpy()]}
            pieces = (found.expected, found.noise, found.whole)
            known, noise, whole = (one.sel(at).to_numpy() / found.people[code] for one in pieces)
            chance = float((noise**2).mean())
            variance = float(known.var()) + chance
            rows[design, code] = {
                "mean": float(known.mean()),
                "cv": np.sqrt(variance) / float(known.mean()),
                "more": float((whole > found.limit).mean()),
                "chance": chance / variance,
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["design", "region"])


def without_patient(rate: np.ndarray) -> np.ndarray:
    """The probability that nobody is treated where so many are expected, Poisson.

    >>> without_patient(np.array([0.0, 0.1])).round(3).tolist()
    [1.0, 0.905]
    """
    return np.exp(-rate)


def reserve(outlay: np.ndarray, income: np.ndarray, *, solvent: float = SOLVENT) -> float:
    """What a fund must hold at the start to pay all outlay (draw, year) so probably, income (year,) coming in evenly before it is paid.

    The ``solvent`` quantile of the deepest shortfall max_t sum over s <= t of (outlay_s - income_s), never below 0.

    >>> reserve(np.array([[0.0, 30.0], [10.0, 10.0]]), np.array([10.0, 10.0]), solvent=1.0)
    10.0
    """
    deepest = np.cumsum(outlay - income, axis=1).max(axis=1).clip(min=0)
    return float(np.quantile(deepest, solvent))


def fund(found: OneOff, design: str) -> dict[str, float]:
    """What the state's fund pays and must hold by a design, SEK.

    Returns
    -------
    dict
        ``yearly``, the outlay a year for the budget's patients; ``per_inhabitant`` of it; and of whole patients, what is expected of
        them being paid in, each year's in the year: ``high_year``, what no more than one year in twenty exceeds; ``reserve``,
        :func:`reserve` beside what is paid in; and ``reserve_chance``, of it what chance in who falls ill would need were price and
        expected numbers known.
    """
    pieces = (found.paid, found.expected, found.whole)
    paid, known, whole = (
        one.sel(design=design, payer="state").sum("region").transpose("draw", "year").to_numpy() for one in pieces
    )
    yearly = paid.mean(axis=0)
    income = known.mean(axis=0)
    # The same spread around the expected outlay, without what is not known of price and expected numbers.
    by_chance = whole - known + income
    shown = [int(year) in found.years for year in found.paid["year"].to_numpy()]
    return {
        "yearly": float(yearly[shown].mean()),
        "per_inhabitant": float(yearly[shown].mean() / found.people.sum()),
        "high_year": float(np.quantile(whole[:, shown], SOLVENT)),
        "reserve": reserve(whole, income),
        "reserve_chance": reserve(by_chance, income),
    }


def where_it_fails(found: OneOff) -> pd.DataFrame:
    """Who has paid for one patient in whom the therapy works throughout, and for one in whom it fails before the first year is over.

    By each design's own clauses with the outcome of that one patient in the place of what is expected of many.

    Returns
    -------
    DataFrame
        Index design: ``region_works``, ``state_works``, ``region_fails``, ``state_fails``, SEK; ``manufacturer``, the share of the price
        that the manufacturer does not get where it fails.
    """
    price, rows = float(found.price.mean()), {}
    for design, clauses in found.clauses.items():
        row: dict[str, float] = {}
        for outcome in ("works", "fails"):
            known = [_with_outcome(one, works=outcome == "works") for one in clauses]
            row |= {f"{payer}_{outcome}": paid for payer, paid in zip(PAYERS, _one_patient(known, price), strict=True)}
        rows[design] = row | {"manufacturer": 1 - (row["region_fails"] + row["state_fails"]) / price}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("design")


def _with_outcome(clause: Clause, *, works: bool) -> Clause:
    """A clause that pays by outcome with that of one patient; others as they are."""
    if isinstance(clause, Instalments):
        return clause.model_copy(update={"alive": (1.0, *[float(works)] * (clause.parts - 1)), "years": None})
    if isinstance(clause, MoneyBack):
        return clause.model_copy(update={"response": float(works)})
    return clause


def _one_patient(clauses: Sequence[Clause], price: float) -> list[float]:
    """What all regions together, and the state, have paid in the end for one patient treated in the agreement's first year."""
    years = np.arange(1, 1 + max((one.parts for one in clauses if isinstance(one, Instalments)), default=1))
    bought = np.zeros((1, 1, len(years)))
    bought[0, 0, 0] = price
    terms = Terms(1, years, ("one",), pd.DataFrame({"population": [1.0]}, index=["one"]))
    books = Books({PURCHASE: bought}, {PURCHASE: bought}, terms)
    return [float(_borne(clauses, books, payer).sum()) for payer in PAYERS]
