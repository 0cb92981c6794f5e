"""Purchaser and provider: what ways of paying leave to each unit, which levels close the gaps, and what no level closes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import xarray as xr

from pmbudget.appraisal.scoring import leaders
from pmbudget.financing.agreement import transfers
from pmbudget.financing.tariffs import Shortfall, closing_level, shortfall, shortfall_by_draw
from pmbudget.inputs.clauses import Clause, PerUnit
from pmbudget.inputs.scenarios import Scenario
from pmbudget.programme.reach import tests_made
from pmbudget.questions.agreements import Negotiation, own_books
from pmbudget.questions.phases import transition_alone
from pmbudget.road import Results

PROVIDERS = ("clinic", "diagnostic_unit")
HOSPITAL = "hospital"
FRAME, CHARGED = "frame", "charged"
TESTS = "tests"
BY_LEVEL = ("production", "bundle", "outcome")
"""Ways of paying the clinic more for what is new: by the patient (a DRG weight), by the pathway gone through, by the result acted on."""
STATED = {"internal_price": "diagnostic_unit", "tariff": "production", "results": "outcome"}
"""The presets' clauses by name, and which level each of them states."""


@dataclass(frozen=True)
class Providers:
    """What the units of care carry more than with today's use in an agreement's years, after all its clauses, and what is paid for.

    ``gap`` (draw, unit, region, year): SEK more than today; the units are the clinic, the diagnostic unit and the region that purchases.
    ``drugs`` (draw, region, year): what of the clinic's gap is drugs, which are billed beside any tariff. ``transition`` (as ``gap``): what
    of it the change itself costs, after what the agreement pays on that cost alone. ``units`` (draw, driver, region,
    year), what each way of paying counts: patients, by ``production``; how many more than today go the new way, by ``bundle``; how many
    more results of it are acted on, by ``outcome``; and ``tests``, how many more persons it is made on, eligible or not. ``stated`` is
    what presets of agreements state as the level of each.

    Today's budgets pay for today's care. A way of paying decides what follows what is new:

    * ``frame``: nothing does.
    * ``charged``: the clinic pays the diagnostic unit one price per test more than today, at which it is whole in the nation; the
      purchaser pays for the clinic's drugs as they fall. What a patient brings is as today.
    * ``production``, ``bundle``, ``outcome``: beside that, the purchaser pays the clinic a level per unit of that kind, at which it is
      whole.
    """

    gap: xr.DataArray
    drugs: xr.DataArray
    transition: xr.DataArray
    units: xr.DataArray
    stated: Mapping[str, float]

    @property
    def years(self) -> list[int]:
        """The agreement's years."""
        return [int(year) for year in self.gap["year"].to_numpy()]

    @cached_property
    def apart(self) -> "Providers":
        """The same with transition paid for by itself, as it falls: what is left for levels is running care."""
        return replace(self, gap=self.gap - self.transition, transition=0.0 * self.transition)

    @cached_property
    def levels(self) -> dict[str, float]:
        """The one level in the nation that closes a unit's gap over all years, SEK: per test for the diagnostic unit, and for the clinic
        per unit of each way of paying; missing where there is nothing to pay for.
        """
        more = self._units(TESTS)
        tests = closing_level(self._gap("diagnostic_unit"), more)
        clinic = self._gap("clinic") - self.drugs.to_numpy() + tests * more
        return {"diagnostic_unit": tests, **{one: closing_level(clinic, self._units(one)) for one in BY_LEVEL}}

    @property
    def systems(self) -> list[str]:
        """The ways of paying that can be made: those with something to pay for."""
        paid = [one for one in BY_LEVEL if np.isfinite(self.levels[one])]
        return [FRAME, CHARGED, *paid] if np.isfinite(self.levels["diagnostic_unit"]) else [FRAME]

    @cached_property
    def margins(self) -> xr.DataArray:
        """What each way of paying leaves to each unit (system, draw, unit, region, year), SEK against today: the sum over units is the same
        in all. The units are the clinic, the diagnostic unit, both as ``hospital``, and the ``region`` that purchases.
        """
        units = [*PROVIDERS, HOSPITAL, "region"]
        left = [np.stack(list(self._left(system)), axis=1) for system in self.systems]
        coords = {"system": self.systems, "unit": units, **{name: self.gap[name] for name in ("region", "year")}}
        return xr.DataArray(np.stack(left), dims=("system", "draw", "unit", "region", "year"), coords=coords)

    def shortfall(self, system: str) -> dict[str, Shortfall]:
        """What a way of paying leaves the two units together too little of, and each of them."""
        each = {unit: shortfall(self.margins.sel(system=system, unit=unit).to_numpy()) for unit in PROVIDERS}
        parts = [(one.all, one.years, one.regions) for one in each.values()]
        return {**each, HOSPITAL: Shortfall(*(float(sum(column)) for column in zip(*parts, strict=True)))}

    def least(self) -> list[str]:
        """The level-based ways that leave the units least too little, the best first: those that cannot be told from it follow."""
        by_draw = {}
        for system in (one for one in self.systems if one in BY_LEVEL):
            clinic, laboratory = (self.margins.sel(system=system, unit=unit).to_numpy() for unit in PROVIDERS)
            by_draw[system] = shortfall_by_draw(clinic) + shortfall_by_draw(laboratory)
        return leaders(by_draw, largest=False, step=0.1e6) if by_draw else []

    def _units(self, driver: str) -> np.ndarray:
        return self.units.sel(driver=driver).to_numpy()

    def _gap(self, unit: str) -> np.ndarray:
        return self.gap.sel(unit=unit).to_numpy()

    def _left(self, system: str) -> Iterator[np.ndarray]:
        clinic, laboratory, region = (-self._gap(unit) for unit in (*PROVIDERS, "region"))
        if system != FRAME:
            price, drugs = self.levels["diagnostic_unit"] * self._units(TESTS), self.drugs.to_numpy()
            clinic, laboratory, region = clinic - price + drugs, laboratory + price, region - drugs
        if system in BY_LEVEL:
            paid = self.levels[system] * self._units(system)
            clinic, region = clinic + paid, region - paid
        yield from (clinic, laboratory, clinic + laboratory, region)


def providers(scenario: Scenario, results: Results, found: Negotiation | None) -> Providers | None:
    """The units of care under the scenario's own agreement; None without one, or where nothing is tested for."""
    if found is None or not scenario.case.has_tests:
        return None
    case, years = scenario.case, found.years
    net = results.settlement.net_budget("today").sel(year=years, payer=[*PROVIDERS, "region"])
    accounts = results.settlement.accounts.sel(year=years)
    own = (accounts["payer"] == "clinic") & accounts["part"].isin(["benefit", "procured"])
    drugs = accounts.isel(account=own.to_numpy()).sum("account")
    patients, facts = results.reach.patients.sel(fate=case.new, year=years, drop=True), results.settlement.facts
    more = patients.sel(mix="new", drop=True) - patients.sel(mix="today", drop=True)
    made = tests_made(results.reach, case.broad).sel(fate=case.new, year=years, drop=True)
    drivers = {
        "production": results.reach.eligible.sel(year=years),
        "bundle": more,
        "outcome": more * facts["acted_on"].sel(strategy=case.new, drop=True),
        TESTS: made.sel(mix="new", drop=True) - made.sel(mix="today", drop=True),
    }
    units = xr.concat(list(drivers.values()), dim="driver").assign_coords(driver=list(drivers))
    places = list(accounts["region"].to_numpy())
    order = ("region", "year")
    gap = net.rename(payer="unit").transpose("draw", "unit", *order)
    return Providers(
        gap=gap,
        drugs=(drugs.sel(mix="new", drop=True) - drugs.sel(mix="today", drop=True)).transpose("draw", *order),
        transition=gap.copy(data=_transition(results, found, gap)),
        units=units.reindex(region=places, fill_value=0.0).transpose("draw", "driver", *order),
        stated=stated_levels(agreement.clauses for agreement in found.agreements.values()),
    )


def _transition(results: Results, found: Negotiation, gap: xr.DataArray) -> np.ndarray:
    """What of each unit's gap is transition, after what the agreement pays on that cost alone (draw, unit, region, year)."""
    alone = transition_alone(own_books(results, found))
    moved = transfers(found.designs[found.own], alone)
    whole = []
    for unit in gap["unit"].to_numpy():
        more = np.zeros(alone.shape) + alone.borne("all").get(unit, 0.0) - alone.borne("all", today=True).get(unit, 0.0)
        whole.append(sum((one[unit] for one in moved.values() if unit in one), start=more))
    shown = np.isin(alone.terms.years, gap["year"].to_numpy())
    return np.stack(whole, axis=1)[..., shown]


def stated_levels(agreements: Iterable[Sequence[Clause]]) -> dict[str, float]:
    """What the presets state as the level of each way of paying, SEK per unit."""
    clauses = (clause for agreement in agreements for clause in agreement)
    return {STATED[one.name]: one.price for one in clauses if isinstance(one, PerUnit) and one.name in STATED}
