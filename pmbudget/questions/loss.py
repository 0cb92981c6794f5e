"""What uncertainty costs: by year, against implementation, and by payer."""

import pandas as pd
import xarray as xr

from pmbudget.appraisal.cea import net_monetary_benefit
from pmbudget.appraisal.ranking import simulation_error
from pmbudget.appraisal.research import uncertainty_burden, value_of_implementation
from pmbudget.appraisal.worth import by_entry
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.national import best_on_average, national_use, present_weights, use_by_strategy
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
        (EVPIM x patients); ``error`` the Monte Carlo standard error of ``information``; SEK of the year, undiscounted.
    """
    patients, use = national_use(scenario, results)
    shares = use_by_strategy(scenario, results).sel(mix="new", drop=True)
    found = value_of_implementation(results.per_patient.cost, results.per_patient.qaly, wtp, shares)
    frame = pd.DataFrame({"patients": patients, "use": use["new"]})
    frame["information"] = float(found["evpi"]) * patients
    frame["implementation"] = found["evpim"].to_series() * patients
    benefit = net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, wtp)
    missed = benefit.max("strategy") - benefit.isel(strategy=int(benefit.mean("draw").argmax("strategy")))
    frame["error"] = simulation_error(missed) * patients
    return frame


def four_states(scenario: Scenario, results: Results, *, wtp: float) -> pd.DataFrame:
    """The four states of information and implementation over the years shown, present value, at today's use and at the scenario's pace.

    Returns
    -------
    DataFrame
        Index ``today`` and ``new``; columns of :func:`pmbudget.appraisal.value_of_implementation`, SEK in all against the comparator for
        everyone, and ``error``, the Monte Carlo standard error of ``evpi`` less ``evpim``.
    """
    patients, _ = national_use(scenario, results)
    benefit = net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, wtp)
    comparator = float(benefit.sel(strategy=scenario.case.comparator).mean("draw"))
    best, _ = best_on_average(scenario, results, wtp)
    weights = xr.DataArray(patients * present_weights(scenario), dims="year", coords={"year": patients.index})
    rows = {}
    for mix in ("today", "new"):
        shares = use_by_strategy(scenario, results).sel(mix=mix, drop=True)
        found = value_of_implementation(results.per_patient.cost, results.per_patient.qaly, wtp, shares)
        levels = {"current", "implementation", "information", "perfect"}
        rows[mix] = {
            str(name): float(((values - (comparator if name in levels else 0.0)) * weights).sum())
            for name, values in found.items()
        }
        missed = benefit.max("strategy") - benefit.sel(strategy=best)
        unused = benefit.sel(strategy=best) - (benefit * (shares * weights).sum("year") / weights.sum()).sum("strategy")
        rows[mix]["error"] = simulation_error(missed - unused) * float(weights.sum())
    return pd.DataFrame.from_dict(rows, orient="index")


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
