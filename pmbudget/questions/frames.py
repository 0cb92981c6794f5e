"""How a stated frame of money is divided between the regions by different models, and what each of them buys.

A field's frame is shared by many introductions, so that a scenario's test has a share of it. Models settle as agreements do, on the
programme as it was walked, and what regions do with the money is laid on it (:mod:`pmbudget.questions.frame_models`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.ranking import surely_best
from pmbudget.appraisal.scoring import by_draw, leaders, pareto, score_agreement
from pmbudget.appraisal.settled import Programme
from pmbudget.inputs.clauses import Clause, Milestone
from pmbudget.inputs.frames import Frame
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.costing import Draws
from pmbudget.questions.agreements import Negotiation, national_split
from pmbudget.questions.frame_models import divided, ground_of
from pmbudget.road import Results

WITHOUT = "without"
"""The programme without any money from the frame, which every model is held against."""
AIMS = (
    ("health", True),
    ("behind", True),
    ("worst", False),
    ("equality", False),
    ("after", True),
    ("administration", False),
)
"""Aim, and whether more is better."""


@dataclass(frozen=True)
class Division:
    """A frame's ``share`` divided by each of its models and, under ``without``, by none.

    ``found``: ``paid`` (model, draw, place, year), SEK of each year, "00" being what is national. With the regions' answer:
    ``coverage`` (model, draw, region) and ``national`` (model, draw), reached in the frame's last year; (model, draw) ``reached_qaly`` of
    the patients reached more, ``displaced_qaly`` of other care that their cost and administration are taken from, both present values,
    ``still_displaced_qaly`` where nobody answers, ``after``, persons tested more in the year after, and ``administration``, SEK of each
    year. ``per_head`` (model, draw, region): the region's net cost per inhabitant and year against the unplanned world, SEK of the price
    year. ``scores`` are of :func:`score_agreement`.

    Money that the state pays in a region's place is no health bought: what the region no longer takes from other care, the state does.
    """

    frame: Frame
    share: float
    negotiation: Negotiation
    designs: Mapping[str, Sequence[Clause]]
    scores: pd.DataFrame
    found: xr.Dataset

    @property
    def models(self) -> list[str]:
        """The models, in the frame's order."""
        return list(self.frame.models)

    @property
    def ceiling(self) -> float:
        """What there is in all the frame's years, SEK of each year."""
        return self.frame.amount * self.share * len(self.years) * 1e6

    @cached_property
    def paid(self) -> xr.DataArray:
        """What each model pays in all years (model,), SEK of each year, expected."""
        return self.found["paid"].sum(["place", "year"]).mean("draw")

    @property
    def real(self) -> float:
        """What there is of the whole frame in a year, SEK of the price year, expected."""
        terms = self.negotiation.programme.terms
        return float(terms.real(self.frame.amount)[..., np.isin(terms.years, self.years)].mean())

    @property
    def years(self) -> list[int]:
        """The frame's years."""
        return [int(year) for year in self.found["year"].to_numpy()]

    @cached_property
    def qaly(self) -> xr.DataArray:
        """QALYs that a model buys (model, draw): of the patients reached more, less what is lost in other care."""
        return self.found["reached_qaly"] - self.found["displaced_qaly"]

    @property
    def front(self) -> pd.Series:
        """Which models are Pareto-efficient in QALYs bought, the worst-placed region and inequality, as printed."""
        years = len(self.negotiation.years)
        printed = pd.DataFrame(
            {
                "qaly": self.qaly.mean("draw").to_series().round(1),
                "worst": (self.scores["worst"] / years).round(1),
                "inequality": (self.scores["inequality"] / years).round(1),
            }
        )
        return pareto(printed.loc[self.models], least=("worst", "inequality"), most=("qaly",))

    @cached_property
    def per_inhabitant(self) -> pd.DataFrame:
        """SEK of each year per inhabitant and year, were all of the frame divided as the test's part: regions by models, expected."""
        regions = self.negotiation.programme.regions
        own = self.found["paid"].sel(place=list(regions.index), model=self.models).sum("year").mean("draw")
        yearly = own.transpose("place", "model").to_pandas() / len(self.years) / self.share
        return yearly.div(regions["population"], axis=0)

    def paid_most(self, model: str, *, largest: bool = True) -> str | None:
        """The region that a model pays most, or least, per inhabitant; None where the draws do not tell it from all others."""
        regions = self.negotiation.programme.regions
        own = (
            self.found["paid"]
            .sel(model=model, place=list(regions.index))
            .sum("year")
            .transpose("place", "draw")
            .to_numpy()
        )
        place = surely_best(own / regions["population"].to_numpy()[:, None], largest=largest)
        return None if place is None else str(regions.index[place])

    def lowest(self, model: str) -> str:
        """The region with the lowest expected coverage in the frame's last year."""
        return str(self.found["coverage"].sel(model=model).mean("draw").idxmin("region").item())


def division(
    scenario: Scenario, draws: Draws, results: Results, negotiation: Negotiation | None, frame: Frame, *, share: float
) -> Division | None:
    """A frame's share divided by each of its models on the scenario's programme.

    None without an agreement, or where nothing is tested for.

    Parameters
    ----------
    draws : Dataset
        The scenario's, as from :func:`pmbudget.road.scenario_draws`: those that were walked.
    share : float
        Of the frame, the test's.
    """
    if negotiation is None or not scenario.case.has_tests:
        return None
    programme, frame = negotiation.programme, frame.for_case(scenario.case)
    designs: dict[str, list[Clause]] = {WITHOUT: [national_split()]}
    for name in frame.models:
        designs[name] = [*clauses_of(frame, name, programme, share), national_split()]
    ground = ground_of(scenario, draws, results, programme, years=frame.years)
    found = [
        divided(scenario, draws, ground, clauses, _administration(frame, name, draws))
        for name, clauses in designs.items()
    ]
    return Division(
        frame,
        share,
        negotiation,
        designs,
        score_agreement(programme, designs, epsilon=negotiation.epsilon),
        xr.concat(found, dim="model", join="exact").assign_coords(model=list(designs)),
    )


def clauses_of(frame: Frame, model: str, programme: Programme, share: float) -> list[Clause]:
    """A model's clauses in MSEK and for the frame's years, with milestones at shares of the expected national coverage.

    What falls due after the years shown is not shown.
    """
    forecast = programme.terms.forecast
    expected = forecast["tested"].sum(axis=0) / np.maximum(forecast["eligible"].sum(axis=0), 1e-9)
    yearly, first = frame.amount * share, list(forecast.years).index(programme.terms.start)

    def times(value: Any) -> Any:
        return tuple(map(times, value)) if isinstance(value, tuple) else value * yearly

    found: list[Clause] = []
    last = len(expected) - first
    for clause in frame.models[model].clauses:
        sums = {name: times(one) for name in ("amount", "cap") if (one := getattr(clause, name, None)) is not None}
        if isinstance(clause, Milestone):
            sums["steps"] = tuple(
                step.model_copy(update={"coverage": step.coverage * float(expected[first + step.year - 1])})
                for step in clause.steps
                if step.year <= last
            )
        found.append(clause.model_copy(update={**sums, "ends": min(clause.ends or frame.years, frame.years)}))
    return found


def _administration(frame: Frame, name: str, draws: Draws) -> xr.DataArray | float:
    """The share of a model's money that goes to administration (draw,); nothing where there is no money."""
    return draws[frame.models[name].administration] if name in frame.models else 0.0


def introduction_cost(results: Results, years: Sequence[int]) -> float:
    """What introduction costs all payers a year more than today's use, SEK of the price year, expected: chapter 05's budget."""
    net = results.settlement.net_budget("today").sel(year=list(years))
    return float(net.sum(["region", "year", "payer"]).mean()) / len(years)


def apart_in_health(found: Division) -> tuple[str, str, xr.DataArray]:
    """The models that buy most and least health, and the difference between them (draw,), QALYs."""
    means = found.qaly.sel(model=found.models).mean("draw")
    most, least = (str(place.item()) for place in (means.idxmax("model"), means.idxmin("model")))
    return most, least, found.qaly.sel(model=most, drop=True) - found.qaly.sel(model=least, drop=True)


def best_models(found: Division) -> dict[str, list[str]]:
    """By aim, the model that serves it best and those that neither the draws nor what is printed tell from it."""
    programme, epsilon = found.negotiation.programme, found.negotiation.epsilon
    values: dict[str, dict[str, np.ndarray]] = {aim: {} for aim, _ in AIMS}
    for model in found.models:
        own, money = found.found.sel(model=model), by_draw(programme, found.designs[model], epsilon)
        paid = own["paid"].sum(["place", "year"])
        values["health"][model] = found.qaly.sel(model=model).to_numpy()
        values["behind"][model] = own["coverage"].sel(region=found.lowest(model)).to_numpy()
        values["worst"][model], values["equality"][model] = money["worst"], money["inequality"]
        values["after"][model] = own["after"].to_numpy()
        values["administration"][model] = (own["administration"] / paid.where(paid > 0)).fillna(0.0).to_numpy()
    yearly = 0.1 * len(found.negotiation.years)
    step: dict[str, float] = {
        "health": 0.1,
        "behind": 0.001,
        "worst": yearly,
        "equality": yearly,
        "after": 0.1,
        "administration": 0.001,
    }
    return {aim: leaders(values[aim], largest=largest, step=step[aim]) for aim, largest in AIMS}
