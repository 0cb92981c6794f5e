"""Which design of an agreement serves which aim, and at which paces it could be made: designs side by side on the same draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.negotiation import programme_of, scaled_to
from pmbudget.appraisal.scoring import GRANT_BEHAVIOUR, PARTICIPATION, by_draw, leaders, pareto, score_agreement
from pmbudget.appraisal.settled import Outcome, Programme, outcome
from pmbudget.financing.books import Books
from pmbudget.financing.incentive import margin_of, share_not_borne
from pmbudget.financing.ledger import books_of
from pmbudget.inputs.agreements import Agreement, load_agreements
from pmbudget.inputs.clauses import Clause, Match, NationalSplit
from pmbudget.inputs.norms import TAX_BASE
from pmbudget.inputs.parameters import Text
from pmbudget.inputs.scenarios import Scenario, load_scenario
from pmbudget.road import Results, answered, evaluated
from pmbudget.vocabulary import REGION_PAYERS, TERM

AIMS = (
    ("participation", "p_all", True),
    ("worst", "worst", False),
    ("equality", "inequality", False),
    ("incentive", "marginal", True),
    ("after", "year_after", False),
)
"""Aim, the column of the scores that measures it, and whether more is better."""
MARGIN_DRAWS = 400
"""Draws behind the marginal share of a test: of a grant at a threshold of coverage, ten draws told 0.49 where 400 tell 0.21."""
SHOWN = {"p_all": 0.01, "worst": 0.1, "inequality": 0.1, "year_after": 0.1e6}
"""The steps in which scores are printed; of the regions' cost per inhabitant, a year."""
LITTLE = 0.05e6
"""SEK over the agreement's years that one decimal of a million does not show."""


@dataclass(frozen=True)
class Negotiation:
    """The designs laid on the table: clauses, where they come from, by how much they were scaled, and their scores.

    ``own`` is the scenario's; a design that only precedents' sums could pay for is scaled to the same expected outlay as it.
    ``tolerance`` is what a region is assumed to put up with, SEK per inhabitant and year.
    """

    own: str
    programme: Programme
    agreements: Mapping[str, Agreement]
    designs: Mapping[str, Sequence[Clause]]
    factors: Mapping[str, float]
    scores: pd.DataFrame
    tolerance: float

    @property
    def years(self) -> list[int]:
        """The agreement's years, which the parties count."""
        return [int(year) for year in self.programme.terms.years[self.programme.shown]]

    @property
    def period(self) -> str:
        """The agreement's years in words."""
        return f"{self.years[0]}–{self.years[-1]}"

    @property
    def epsilon(self) -> float:
        """What a region puts up with over the agreement's years, SEK per inhabitant."""
        return self.tolerance * len(self.years)

    @cached_property
    def outcomes(self) -> Mapping[str, Outcome]:
        """Every design settled, once for all tables and pictures."""
        return {name: outcome(self.programme, clauses) for name, clauses in self.designs.items()}

    @property
    def sharing(self) -> pd.Series:
        """Which designs share what this introduction costs between state and regions: nobody else pays, nothing moves for today's use, and
        they do something.
        """
        plain = (self.scores["others"].abs() <= LITTLE) & (self.scores["of_today"].abs() <= LITTLE)
        return plain & ~self.scores.index.isin(self.idle)

    @cached_property
    def idle(self) -> list[str]:
        """The designs, but the scenario's own, that leave every region, and so all others, where no clause but the national split does."""
        without = outcome(self.programme, [national_split()]).by_region.mean(axis=0)
        moved = {name: np.abs(one.by_region.mean(axis=0) - without).sum() for name, one in self.outcomes.items()}
        return [name for name, sum_moved in moved.items() if name != self.own and sum_moved <= LITTLE]

    @cached_property
    def front(self) -> pd.Series:
        """Which of these designs are Pareto-efficient: as printed, no other costs the state less without a region being worse off."""
        pool = self.scores.loc[self.sharing, ["state", "worst"]]
        printed = pd.DataFrame(
            {"state": (pool["state"] / 1e6).round(1), "worst": self.per_year(pool["worst"]).round(1)}
        )
        return pareto(printed, least=("state", "worst")).reindex(self.scores.index, fill_value=False)

    def per_year(self, values: pd.Series) -> pd.Series:
        """What is of all the agreement's years, a year."""
        return values / len(self.years)


def negotiation(scenario: Scenario, results: Results) -> Negotiation | None:
    """Every agreement of the folder that is for the case settled on the scenario's programme; None without an agreement."""
    if scenario.agreement is None or scenario.definition.agreement is None:
        return None
    programme = programme_at(scenario, results)
    own, case = scenario.definition.agreement, scenario.case
    agreements = {
        name: one
        for name, one in load_agreements(scenario.folder).items()
        if name == own or one.is_for(scenario.definition.case, case)
    }
    empty = float(outcome(programme, ()).by_state.mean())
    outlay = float(outcome(programme, scenario.agreement.clauses).by_state.mean()) - empty
    designs: dict[str, Sequence[Clause]] = {}
    factors = {}
    for name in (own, *(other for other in agreements if other != own)):
        designs[name] = agreements[name].clauses
        if agreements[name].precedent_sums and outlay > 0:
            designs[name], factors[name] = scaled_to(programme, designs[name], outlay)
    tolerance, fungibility, persistence, displacement = (
        scenario.parameters[name].distribution.mean  # type: ignore[union-attr]
        for name in (PARTICIPATION, *GRANT_BEHAVIOUR)
    )
    scores = score_agreement(
        programme,
        designs,
        epsilon=tolerance * (programme.shown.stop - programme.shown.start),
        fungibility=fungibility,
        persistence=persistence,
        displacement=displacement,
        wtp=scenario.parameters.fixed("wtp_very_high"),
    )
    return Negotiation(own, programme, agreements, designs, factors, scores, tolerance)


def programme_at(scenario: Scenario, results: Results) -> Programme:
    """A scenario's programme as something to negotiate on."""
    base = scenario.parameters[TAX_BASE].distribution
    assert base is not None
    return programme_of(
        results.reach,
        results.settlement,
        regions=scenario.regions.assign(tax_base=scenario.regions["tax_capacity"] * base.mean),
        start=scenario.agreement_start,
        broad=scenario.case.broad,
        standing=scenario.standing.clauses,
        margin_draws=MARGIN_DRAWS,
    )


def comparable_designs(found: Negotiation) -> list[str]:
    """The designs compared by aims: they cost the state no more than the scenario's own and only share what is new, as its own may not."""
    dearer = found.scores["state"] > found.scores["state"][found.own] + LITTLE
    return [str(name) for name in found.scores.index[found.sharing & ~dearer]]


def best_designs(found: Negotiation) -> dict[str, list[str]]:
    """By aim, the comparable design that serves it best and those that cannot be told apart from it; nothing where it is not known."""
    pool = comparable_designs(found)
    draws = {name: by_draw(found.programme, found.designs[name], found.epsilon) for name in pool}
    served = {}
    for aim, column, largest in AIMS:
        if column == "marginal":
            values = {name: np.array([round(found.scores.loc[name, column], 2)]) for name in pool}
        else:
            values = {name: draws[name][column] for name in pool}
        if not any(np.isnan(value).any() for value in values.values()):
            step = SHOWN.get(column, 0.0) * (len(found.years) if column in ("worst", "inequality") else 1)
            served[aim] = leaders(values, largest=largest, order=column != "p_all", step=step)
    return served


def region_outcomes(found: Negotiation) -> xr.Dataset:
    """What the scenario's own design leaves to each region, SEK per inhabitant and year of the agreement.

    Returns
    -------
    Dataset
        ``after`` (draw, region) under the design; (region,) ``before`` any transfer and ``received`` by the design, expected, ``tax_oere``
        (after, in hundredths of a krona of tax per 100 kronor of taxable income) and ``p_more`` (probability of more than a region puts up
        with).
    """
    programme, length = found.programme, len(found.years)
    own, before = found.outcomes[found.own].by_region, outcome(programme, ()).by_region
    after = own / programme.people / length
    tax_base = programme.regions["tax_base"].to_numpy()
    by_region = {
        "before": before.mean(axis=0) / programme.people / length,
        "received": (before - own).mean(axis=0) / programme.people / length,
        "tax_oere": own.mean(axis=0) / programme.people / tax_base * 1e4 / length,
        "p_more": (after > found.tolerance).mean(axis=0),
    }
    figures = {"after": (("draw", "region"), after), **{name: ("region", one) for name, one in by_region.items()}}
    return xr.Dataset(figures, coords={"region": list(programme.regions.index)})


def dearer_in_most_draws(found: Negotiation) -> int:
    """How many regions pay less on average by the scenario's own design than with no agreement, and yet more in most draws."""
    own = found.outcomes[found.own].by_region
    return int(((own.mean(axis=0) < 0) & ((own > 0).mean(axis=0) > 0.5)).sum())


def own_books(results: Results, found: Negotiation) -> Books:
    """The books of the scenario's mix before any transfer, each region's purchaser and providers apart, up to the year after the
    agreement's last.
    """
    accounts = results.settlement.accounts.sel(year=slice(None, found.years[-1] + 1))
    return books_of(accounts, "new", found.programme.terms)


def shares_not_borne(results: Results, found: Negotiation) -> xr.Dataset:
    """The share of one test more that is not borne under each design (design, region, year): by the ``regions`` and by their ``clinic``."""
    about = {name: [clause.model_dump(mode="json") for clause in clauses] for name, clauses in found.designs.items()}
    return answered(results, "shares of a test not borne", lambda: _not_borne(results, found), designs=about)


def _not_borne(results: Results, found: Negotiation) -> xr.Dataset:
    programme = found.programme
    margin = margin_of(own_books(results, found), draws=MARGIN_DRAWS)

    def shares(payers: Sequence[str]) -> np.ndarray:
        designs = found.designs.values()
        return np.stack([share_not_borne(margin, one, payers)[programme.places, programme.shown] for one in designs])

    dims = ("design", "region", "year")
    coords = {"design": list(found.designs), "region": list(programme.regions.index), "year": found.years}
    return xr.Dataset({"regions": (dims, shares(REGION_PAYERS)), "clinic": (dims, shares(("clinic",)))}, coords)


def incentives(results: Results, found: Negotiation) -> dict[str, tuple[float, float]]:
    """By design, the share of one test more in the first year that an inhabitant's region does not bear, and that its clinic does not."""
    weight = xr.DataArray(found.programme.people / found.programme.people.sum(), dims="region")
    first = (shares_not_borne(results, found).isel(year=0) * weight).sum("region")
    return {name: tuple(float(first[who].sel(design=name)) for who in ("regions", "clinic")) for name in found.designs}  # type: ignore[misc]


@dataclass(frozen=True)
class Paces:
    """The scenario at several paces on the same draws: programmes and what the paces are called, by the scenarios' names."""

    programmes: Mapping[str, Programme]
    labels: Mapping[str, Text]


def programmes_at(
    scenario: Scenario, found: Negotiation | None, paces: Sequence[str], *, draws: int, seed: int
) -> Paces | None:
    """The scenario, with all that was set in it, at its own pace and at those of other scenarios; None without an agreement."""
    if found is None:
        return None
    programmes, labels = {scenario.name: found.programme}, {scenario.name: scenario.definition.label}
    for name in paces:
        if name != scenario.name:
            other = scenario.at_pace(load_scenario(name, scenario.folder, case=scenario.definition.case))
            programmes[name] = programme_at(other, evaluated(other, draws=draws, seed=seed))
            labels[name] = other.definition.label
    return Paces(programmes, labels)


def share_of_what_is_new(share: float) -> list[Clause]:
    """The family in which agreements are solved for: the state takes a share of all cost above today's use, for an agreement's term."""
    label = Text(sv="Statens andel av det nya", en="The state's share of what is new")
    return [
        Match(
            clause="match",
            name="state_share",
            label=label,
            covers="all",
            share=share,
            additional=True,
            to="region",
            ends=TERM,
        ),
        national_split(),
    ]


def national_split() -> NationalSplit:
    """What is national and stays with the regions is carried by them per inhabitant."""
    label = Text(sv="Nationell kostnad fördelad per invånare", en="National cost split per inhabitant")
    return NationalSplit(clause="national_split", name="national_split", label=label, by="population")
