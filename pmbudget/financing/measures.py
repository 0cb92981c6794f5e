"""What clauses count beside cost, as columns over (draw, region, year): coverage, persons, what is known, what health is worth."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.patient.costing import Draws
from pmbudget.patient.per_patient import increment


def measures_of(
    reached: xr.DataArray,
    eligible: xr.DataArray,
    patients: xr.DataArray,
    facts: xr.Dataset,
    *,
    new: str,
    places: Sequence[str],
) -> dict[str, np.ndarray]:
    """The measures of :class:`pmbudget.financing.books.Terms` for the mix ``new``.

    Parameters
    ----------
    reached, eligible : DataArray
        (draw, mix, region, year), share of the eligible who get the new strategy, and (draw, region, year), persons.
    patients : DataArray
        (draw, mix, fate, region, year), persons.
    facts : Dataset
        Per draw, and per year where it says so: ``acted_on``, the share of those tested whose result is acted on; ``rebate_ratio`` and
        ``years_per_krona`` of drugs in the benefit; ``health_value``, SEK per patient moved to the new strategy; ``benefit``, the
        net benefit per patient in SEK. ``known`` and ``expected_benefit`` (draw, year) are what follow-up tells before each year of the
        probability that it is positive and of its mean; without them nothing is learnt, and the forecast holds for good.
    new : str
        The new strategy.
    places : sequence of str
        Labels of the region axis of the accounts; what is national has none of anything.
    """

    def column(values: xr.DataArray) -> np.ndarray:
        padded = values.reindex(region=list(places), fill_value=0.0)
        return padded.transpose("draw", "region", "year").to_numpy()

    begun = patients.sel(fate=new, drop=True)
    tested, today = (column(begun.sel(mix=mix, drop=True)) for mix in ("new", "today"))
    each = {str(name): _per_draw(facts[name], reached["year"]) for name in facts.data_vars if name != "index"}
    return {
        **each,
        "coverage": column(reached.sel(mix="new", drop=True)),
        "coverage_today": column(reached.sel(mix="today", drop=True)),
        "eligible": column(eligible),
        "tested": tested,
        "acted_on": tested * each["acted_on"],
        "health_value": (tested - today).sum(axis=1, keepdims=True) * each["health_value"],
    }


def _per_draw(values: xr.DataArray, years: xr.DataArray) -> np.ndarray:
    """(draw, 1, year or 1)."""
    if "year" in values.dims:
        return values.sel(year=years).transpose("draw", "year").to_numpy()[:, None, :]
    return values.to_numpy()[:, None, None]


def facts_of(
    draws: Draws,
    case: Case,
    outcomes: xr.Dataset,
    cost: xr.DataArray,
    qaly: xr.DataArray,
    *,
    years: list[int],
    price_year: int,
) -> xr.Dataset:
    """What clauses count per draw beside cost and persons, as :func:`measures_of` reads it.

    Parameters
    ----------
    draws : Dataset
        With ``inflation``, a year, and ``wtp_very_high``, SEK per QALY.
    outcomes : Dataset
        As from :func:`pmbudget.patient.simulate`.
    cost, qaly : DataArray
        (draw, strategy): discounted, per patient.
    years : list of int
    price_year : int
        Of all money.

    Returns
    -------
    Dataset
        (draw,) ``acted_on``, ``health_value``, ``benefit``, ``rebate_ratio``, ``years_per_krona``, and ``index`` (draw, year).
    """
    unmatched = [name for name in case.managements if name in (case.reference, case.mismatched)]
    acted_on = 1 - outcomes["treated"].sel(strategy=case.new, management=unmatched, drop=True).sum("management")
    gained, dearer = increment(qaly, case), increment(cost, case)
    whole = xr.ones_like(gained)
    since = xr.DataArray(np.array(years) - price_year, dims="year", coords={"year": years})
    facts = {
        "acted_on": acted_on * whole,
        "health_value": draws["wtp_very_high"] * gained,
        "benefit": draws["wtp_very_high"] * gained - dearer,
        "index": ((1 + draws["inflation"] * whole) ** since).transpose("draw", "year"),
        **_benefit_drugs(draws, case, outcomes, whole),
    }
    return xr.Dataset({name: values.variable for name, values in facts.items()}, coords={"year": years})


def _benefit_drugs(draws: Draws, case: Case, outcomes: xr.Dataset, whole: xr.DataArray) -> dict[str, xr.DataArray]:
    """SEK of rebate, and years of treatment, per SEK of net cost of drugs in the pharmaceutical benefit; 0 where nothing is stated."""
    rebate = years = cost = 0.0 * whole
    for name, resource in case.resources.items():
        if resource.channel == "benefit":
            spent, used = (
                (outcomes[kind].sum("year_since_start") + outcomes[f"{kind}_once"]).sel(resource=name).sum("strategy")
                for kind in ("cost", "activity")
            )
            share = draws[resource.rebate] if resource.rebate else 0.0
            cost, rebate = cost + spent, rebate + spent * share / (1 - share)
            years = years + (used / resource.per_year if resource.per_year else 0.0)
    return {"rebate_ratio": (rebate / cost).fillna(0.0), "years_per_krona": (years / cost).fillna(0.0)}
