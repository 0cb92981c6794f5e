"""What one model for dividing a frame pays, and what regions make of the money, on a programme that was walked without it.

What regions do (:mod:`pmbudget.programme.response`) is laid on who was reached: patients more are the eligible times the lift in coverage,
and each gains and costs what those broadly tested in that region and year do. Where supply is free that is what another walk gives; where
regions share a laboratory that is full it is an upper bound. Money is settled on the programme as it was walked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from pmbudget.appraisal.settled import Programme, outcome
from pmbudget.financing.agreement import transfers
from pmbudget.financing.incentive import share_not_borne
from pmbudget.inputs.clauses import Clause
from pmbudget.inputs.norms import discount_rates
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.costing import Draws
from pmbudget.programme.reach import Reach, access, per_draw, persons_served, shares_of
from pmbudget.programme.response import answer_to_money, not_carried_out, share_paid
from pmbudget.road import Results
from pmbudget.vocabulary import REGION_PAYERS

LEAST = 1e-9
"""Coverage below which what is reached is what is aimed at."""


@dataclass(frozen=True)
class Ground:
    """What all models of a frame are laid on, in its years: (draw, region, year) unless said.

    ``aimed`` at by the programme and what of its plan is ``left``; the ``eligible`` and the ``served`` among them; ``within``, 1 where
    those aimed at more are reached, 0 where supply holds back; what a patient more gains (``gain``, QALYs) and ``costs`` (SEK), present
    values by ``present`` (year,). ``change`` (SEK) is what the change costs in all the programme's years; ``next_eligible`` (draw,
    region) are of the year after.
    """

    programme: Programme
    years: list[int]
    aimed: xr.DataArray
    left: xr.DataArray
    eligible: xr.DataArray
    served: xr.DataArray
    within: xr.DataArray
    gain: xr.DataArray
    costs: xr.DataArray
    present: xr.DataArray
    change: np.ndarray
    next_eligible: xr.DataArray

    @property
    def chosen(self) -> np.ndarray:
        """Where the frame's years stand among the programme's."""
        return np.isin(self.programme.terms.years, self.years)

    def labelled(self, values: np.ndarray) -> xr.DataArray:
        """Over (draw,) region and year."""
        return xr.DataArray(
            values, {"region": self.aimed["region"], "year": self.years}, ("draw", "region", "year")[-values.ndim :]
        )


def ground_of(scenario: Scenario, draws: Draws, results: Results, programme: Programme, *, years: int) -> Ground:
    """The ground of a frame of so many years, the agreement's first, as far as the parties count them."""
    case, reach = scenario.case, results.reach
    shown = [int(year) for year in programme.terms.years[programme.shown][:years]]
    here = {"year": shown}
    aimed, own = (reach.aimed.sel(mix=mix, drop=True).sel(here) for mix in ("new", "unplanned"))
    reached = reach.reached.sel(mix="new", drop=True).sel(here)
    shares = shares_of(reach, case.broad).sel(mix="new", drop=True).sel(here)
    since = xr.DataArray(np.arange(len(shown)), dims="year", coords=here)
    present = {name: (1 + rate) ** -since for name, rate in discount_rates(scenario).items()}

    def each(values: xr.DataArray) -> xr.DataArray:
        more = values.sel(fate=list(case.broad)) - values.sel(fate=case.comparator, drop=True)
        return (shares * more).sum("fate")

    return Ground(
        programme=programme,
        years=shown,
        aimed=aimed,
        left=not_carried_out(aimed, own, draws[case.uptake.agreement_effect]),
        eligible=reach.eligible.sel(here),
        served=persons_served(reach, case.broad).sel(mix="new", drop=True).sel(here),
        # Where supply holds back already, those aimed at more wait too.
        within=(reached >= aimed - LEAST).astype(float),
        gain=each(results.per_patient.fate_qaly) * present["rate_qaly"],
        costs=each(results.spending.start_cost.sel(mix="new", drop=True).sel(here)) * present["rate_cost"],
        present=present["rate_cost"],
        change=_to_regions(programme, programme.books.cost("transition")),
        next_eligible=_year_after(reach, shown[-1] + 1),
    )


def _to_regions(programme: Programme, amounts: np.ndarray) -> np.ndarray:
    """An amount by place as the regions have it (draw, region, year): what is national per inhabitant."""
    weight = programme.people / programme.people.sum()
    whole = np.broadcast_to(amounts, programme.books.shape)
    national = (whole * programme.books.national).sum(axis=1, keepdims=True)
    return np.asarray(whole[:, programme.places] + national * weight[None, :, None])


def _year_after(reach: Reach, year: int) -> xr.DataArray:
    """The eligible of a year (draw, region), nobody beyond the years that were walked."""
    if year in reach.eligible["year"]:
        return reach.eligible.sel(year=year, drop=True)
    return 0.0 * reach.eligible.isel(year=-1, drop=True)


def _lift(
    scenario: Scenario, draws: Draws, ground: Ground, clauses: Sequence[Clause], money: np.ndarray
) -> xr.DataArray:
    """How much further than the programme's own a region reaches by a model's money (draw, region, year), share of the eligible."""
    programme, chosen = ground.programme, ground.chosen
    margin = share_not_borne(programme.margin, clauses, REGION_PAYERS)[programme.places][:, chosen]
    paid = share_paid(_to_regions(programme, money)[..., chosen], ground.change[..., chosen])
    return ground.within * answer_to_money(
        draws,
        scenario.case.uptake,
        ground.aimed,
        ground.left,
        paid=ground.labelled(paid),
        # A share told by settling twice is exact to rounding: what is nothing must move nothing.
        not_borne=ground.labelled(np.nan_to_num(margin).round(9).clip(0.0, 1.0)),
    )


def divided(
    scenario: Scenario, draws: Draws, ground: Ground, clauses: Sequence[Clause], administration: xr.DataArray | float
) -> xr.Dataset:
    """One model on the ground of all: what it pays, and what regions make of it; see :class:`pmbudget.questions.frames.Division`."""
    programme, last = ground.programme, {"year": ground.years[-1]}
    money = _from_the_state(programme, clauses)
    paid = xr.DataArray(
        (money * programme.terms.index)[..., ground.chosen],
        {"place": list(programme.terms.places), "year": ground.years},
        ("draw", "place", "year"),
    )
    lift = _lift(scenario, draws, ground, clauses, money)
    more = lift * ground.eligible
    reached = (ground.served + more).sel(last, drop=True)
    people = ground.eligible.sel(last, drop=True)
    real = xr.DataArray(money[..., ground.chosen].sum(axis=1), {"year": ground.years}, ("draw", "year"))
    worth = draws["displacement"] / scenario.parameters.fixed("wtp_very_high")
    handled = worth * administration * (real * ground.present).sum("year")
    found = {
        "paid": paid,
        "coverage": access(reached, people).where(people > 0, ground.aimed.sel(last, drop=True)),
        "national": access(reached.sum("region"), people.sum("region")),
        "reached_qaly": (more * ground.gain).sum(["region", "year"]),
        "displaced_qaly": handled + worth * (more * ground.costs).sum(["region", "year"]),
        "still_displaced_qaly": handled,
        "after": (lift.sel(last, drop=True) * ground.next_eligible).sum("region") * draws["persistence"],
        "administration": administration * paid.sum(["place", "year"]),
        "per_head": _per_head(programme, clauses),
    }
    return xr.Dataset({name: per_draw(one, paid.sizes["draw"]).transpose("draw", ...) for name, one in found.items()})


def _from_the_state(programme: Programme, clauses: Sequence[Clause]) -> np.ndarray:
    """What the state pays by the clauses (draw, place, year), SEK of the price year."""
    found = np.zeros(programme.books.shape)
    for moved in transfers(clauses, programme.books).values():
        found = found + moved.get("state", 0.0)
    return found


def _per_head(programme: Programme, clauses: Sequence[Clause]) -> xr.DataArray:
    """A region's net cost per inhabitant and year (draw, region)."""
    values = outcome(programme, clauses).by_region / programme.people / (programme.shown.stop - programme.shown.start)
    return xr.DataArray(values, {"region": list(programme.regions.index)}, ("draw", "region"))
