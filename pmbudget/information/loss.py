"""What uncertainty costs: by year, against implementation, and by payer."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.cea import net_monetary_benefit
from pmbudget.appraisal.research import uncertainty_burden, value_of_implementation
from pmbudget.information.national import national_use, present_weights
from pmbudget.inputs.scenarios import Scenario
from pmbudget.road import Results


def yearly_loss(scenario: Scenario, results: Results, *, wtp: float) -> pd.DataFrame:
    """What is lost each year for want of knowledge and for use other than what is best on average.

    Returns
    -------
    DataFrame
        Index year; ``patients`` eligible and ``use`` the share on the new strategy (expected values); ``information`` the expected loss of
        the best choice on present knowledge (EVPI x patients) and ``implementation`` that of the scenario's use against that choice
        (EVPIM x patients); ``error`` the Monte Carlo standard error of ``information``; SEK of the year, undiscounted.
    """
    patients, use = national_use(scenario, results)
    shares = xr.DataArray(
        [1 - use["new"], use["new"]],
        dims=("strategy", "year"),
        coords={"strategy": [scenario.case.comparator, scenario.case.new], "year": use.index},
    )
    found = value_of_implementation(results.cost, results.qaly, wtp, shares)
    frame = pd.DataFrame({"patients": patients, "use": use["new"]})
    frame["information"] = float(found["evpi"]) * patients
    frame["implementation"] = found["evpim"].to_series() * patients
    benefit = net_monetary_benefit(results.cost, results.qaly, wtp)
    missed = benefit.max("strategy") - benefit.isel(strategy=int(benefit.mean("draw").argmax("strategy")))
    frame["error"] = float(missed.std("draw")) / np.sqrt(missed.size) * patients
    return frame


def four_states(scenario: Scenario, results: Results, *, wtp: float) -> pd.DataFrame:
    """The four states of information and implementation over the years shown, present value, at today's use and at the scenario's pace.

    Returns
    -------
    DataFrame
        Index ``today`` and ``new``; columns of :func:`pmbudget.appraisal.value_of_implementation`, SEK in all against the comparator for
        everyone.
    """
    patients, use = national_use(scenario, results)
    comparator = (
        net_monetary_benefit(results.cost, results.qaly, wtp).sel(strategy=scenario.case.comparator).mean("draw")
    )
    rows = {}
    for mix in ("today", "new"):
        shares = xr.DataArray(
            [1 - use[mix], use[mix]],
            dims=("strategy", "year"),
            coords={"strategy": [scenario.case.comparator, scenario.case.new], "year": use.index},
        )
        found = value_of_implementation(results.cost, results.qaly, wtp, shares)
        weights = xr.DataArray(patients * present_weights(scenario), dims="year", coords={"year": use.index})
        levels = {"current", "implementation", "information", "perfect"}
        rows[mix] = {
            str(name): float(((values - (float(comparator) if name in levels else 0.0)) * weights).sum())
            for name, values in found.items()
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def burden_by_payer(scenario: Scenario, results: Results, *, wtp: float) -> pd.DataFrame:
    """What uncertainty costs the state and the regions once the scenario is committed to, with its agreement and without sharing.

    Health is counted where responsibility for care lies, with the regions; the cost of patients over their whole course falls on the
    regions less what the agreement moves to the state. Against today's use, costs of change left out.

    Returns
    -------
    DataFrame
        Index payer (state, regions_together), columns shared and alone; SEK present value.
    """
    present = xr.DataArray(present_weights(scenario), dims="year", coords={"year": scenario.years})
    wealth = net_monetary_benefit(results.cost, results.qaly, wtp)
    total = (results.patients * present * wealth).sum(["strategy", "region", "year"])
    state = -(results.budget.sel(payer="state") * present).sum(["region", "year"])
    state, total = (values.drop_vars("payer", errors="ignore") for values in (state, total))
    shared = xr.concat([state, total - state], dim="payer")
    alone = xr.concat([0 * state, total], dim="payer")
    benefit = xr.concat([shared, alone], dim="design").assign_coords(
        payer=["state", "regions_together"], design=["shared", "alone"]
    )
    benefit = benefit.sel(mix=["today", "new"]).rename(mix="strategy")
    return uncertainty_burden(benefit, 1, strategy="new").transpose("payer", "design").to_pandas()
