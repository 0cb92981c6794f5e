"""What uncertainty costs: by year, against implementation, and by payer."""

import pandas as pd
import xarray as xr

from pmbudget.appraisal.cea import net_monetary_benefit
from pmbudget.appraisal.ranking import simulation_error
from pmbudget.appraisal.research import uncertainty_burden
from pmbudget.appraisal.worth import by_entry, care_benefit
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.national import best_on_average, national_use, present_weights
from pmbudget.road import Results

SAME_PERSONS = 1e-6
"""Share of all persons by which two mixes may differ and still be said to follow the same."""


def yearly_loss(scenario: Scenario, results: Results, *, wtp: float) -> pd.DataFrame:
    """What is lost each year for want of knowledge and for use other than what is best on average, of all strategies.

    Returns
    -------
    DataFrame
        Index year; ``patients`` eligible and ``use`` the share on the new strategy (expected values); ``information`` the expected loss of
        the best choice on present knowledge (EVPI x patients) and ``implementation`` that of the scenario's use against that choice
        (EVPIM x patients), below 0 where use is better than it at the prices of that year; ``error`` the Monte Carlo standard error of
        ``information``; SEK of the year, undiscounted.
    """
    patients, use = national_use(scenario, results)
    missed, best = _missed(scenario, results, wtp)
    used, everybody = _gains(scenario, results, best, wtp)
    frame = pd.DataFrame({"patients": patients, "use": use["new"]})
    frame["information"] = float(missed.mean()) * patients
    frame["implementation"] = (everybody - used.sel(mix="new", drop=True)).mean("draw").to_series()
    frame["error"] = simulation_error(missed) * patients
    return frame


def four_states(scenario: Scenario, results: Results, *, wtp: float) -> pd.DataFrame:
    """The four states of information and implementation over the years shown, present value, at today's use and at the scenario's pace
    (Fenwick, Claxton and Sculpher 2008, Medical Decision Making 28:21).

    Returns
    -------
    DataFrame
        Index ``today`` and ``new``; SEK in all against the comparator for everyone: ``current`` (what is known, as used now; the two
        differ by the care's net benefit of :func:`pmbudget.appraisal.worth.care_benefit`), ``implementation`` (what is best on average,
        for all), ``information`` (all known, used as now: use that does not answer to knowledge gains nothing by it) and ``perfect``
        (the best of each draw, for all). ``evpim`` = implementation - current, ``evpi`` = perfect - implementation, and ``error``, the
        Monte Carlo standard error of ``evpi`` less ``evpim``.
    """
    patients, _ = national_use(scenario, results)
    present = xr.DataArray(present_weights(scenario), dims="year", coords={"year": patients.index})
    missed, best = _missed(scenario, results, wtp)
    missed = missed * float((patients * present_weights(scenario)).sum())
    used, everybody = ((gain * present).sum("year") for gain in _gains(scenario, results, best, wtp))
    rows = {}
    for mix in ("today", "new"):
        unused = everybody - used.sel(mix=mix, drop=True)
        current, evpim, evpi = (float(values.mean()) for values in (used.sel(mix=mix), unused, missed))
        rows[mix] = {
            "current": current,
            "implementation": current + evpim,
            "information": current,
            "perfect": current + evpim + evpi,
            "evpim": evpim,
            "evpi": evpi,
            "error": simulation_error(missed - unused),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _missed(scenario: Scenario, results: Results, wtp: float) -> tuple[xr.DataArray, str]:
    """What the strategy that is best on average falls short of the best of each draw by (draw,), SEK per patient, and that strategy."""
    benefit = net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, wtp)
    best, _ = best_on_average(scenario, results, wtp)
    return benefit.max("strategy") - benefit.sel(strategy=best, drop=True), best


def _gains(scenario: Scenario, results: Results, best: str, wtp: float) -> tuple[xr.DataArray, xr.DataArray]:
    """Net benefit against the comparator for everyone of all who become eligible in a year, at the prices that they meet: of the use of
    each mix (draw, mix, year), and of ``best`` for all (draw, year); SEK of the year.
    """
    comparator = scenario.case.comparator
    course = (results.per_patient, results.reach, results.spending)
    used = xr.concat(
        [
            care_benefit(*course, comparator=comparator, wtp=wtp, years=[year], rate_cost=0.0, rate_qaly=0.0).sum(
                "region"
            )
            for year in scenario.years
        ],
        dim=pd.Index(scenario.years, name="year"),
    )
    people = by_entry(results.reach, comparator).sel(mix="new", drop=True).sum(["fate", "region"])
    each = net_monetary_benefit(results.spending.strategy_cost, results.per_patient.qaly, wtp)
    without = each.sel(strategy=comparator, drop=True)
    return used - people * without, people * (each.sel(strategy=best, drop=True) - without)


def present_benefit(
    patients: xr.DataArray, cost: xr.DataArray, qaly: xr.DataArray, *, wtp: float, weights: xr.DataArray
) -> xr.DataArray:
    """Net benefit of all who are followed, sum over fates, regions and years of patients x weight x (wtp x qaly - cost), SEK.

    Parameters
    ----------
    patients : DataArray
        (draw, mix, fate, region, year), persons; whoever is followed in one mix is followed in all.
    cost, qaly : DataArray
        (draw, fate), and by mix and year of the start where they differ: what follows for one person of each fate, SEK and QALY.
    wtp : float
        SEK per QALY.
    weights : DataArray
        (year,): present value of a krona of each year.

    Returns
    -------
    DataArray
        (draw, mix).

    Raises
    ------
    ValueError
        The mixes differ in how many persons they follow: some are lost without cost or health.
    """
    people = patients.sum(["fate", "region", "year"])
    if float((people.max("mix") - people.min("mix")).max()) > SAME_PERSONS * float(people.max()):
        raise ValueError("the mixes follow different numbers of persons; give everybody a fate in each of them")
    weighed: xr.DataArray = (patients * weights).sum("region")
    return (weighed * (wtp * qaly - cost)).sum(["fate", "year"])


def burden_by_payer(scenario: Scenario, results: Results, *, wtp: float) -> pd.DataFrame:
    """What the state and the regions lose where today's use had been better, once the scenario is committed to.

    With its agreement and without sharing. Health is counted where responsibility for care lies, with the regions; the cost of patients
    over their whole course falls on the regions less what the agreement moves to the state. Everybody is counted with what becomes of
    them, those who are lost while they wait too. Costs of change are left out.

    Returns
    -------
    DataFrame
        Index payer (state, regions_together), columns shared and alone; SEK present value.
    """
    present = xr.DataArray(present_weights(scenario), dims="year", coords={"year": scenario.years})
    patients = by_entry(results.reach, scenario.case.comparator)
    total = present_benefit(
        patients, results.spending.start_cost, results.per_patient.fate_qaly, wtp=wtp, weights=present
    )
    state = -(results.settlement.budget.sel(payer="state", drop=True) * present).sum(["region", "year"])
    shared = xr.concat([state, total - state], dim="payer")
    alone = xr.concat([0 * state, total], dim="payer")
    benefit = xr.concat([shared, alone], dim="design").assign_coords(
        payer=["state", "regions_together"], design=["shared", "alone"]
    )
    benefit = benefit.sel(mix=["today", "new"]).rename(mix="strategy")
    return uncertainty_burden(benefit, 1, strategy="new").transpose("payer", "design").to_pandas()
