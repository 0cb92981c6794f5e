"""Results as tidy frames: what is kept beside a run for anyone to read, and what tables and figures are made from."""

import pandas as pd
import xarray as xr

from pmbudget.appraisal import ceac, icer_table
from pmbudget.inputs.norms import thresholds
from pmbudget.inputs.scenarios import Scenario
from pmbudget.road import Results
from pmbudget.vocabulary import REFERENCES, REGION_PAYERS, TAILS


def interval_frame(values: xr.DataArray) -> pd.DataFrame:
    """Mean, lower and upper end of the 95 % interval over ``draw``, long form: the other dims and three columns."""
    lower, upper = values.quantile(TAILS, dim="draw", skipna=False)
    parts = {"mean": values.mean("draw"), "lower": lower.drop_vars("quantile"), "upper": upper.drop_vars("quantile")}
    if values.ndim == 1:
        return pd.DataFrame({name: [float(part)] for name, part in parts.items()})
    return pd.concat([part.rename(name).to_series() for name, part in parts.items()], axis=1).reset_index()


def with_groups(budget: xr.DataArray) -> xr.DataArray:
    """Payers, then ``regions_together`` (purchaser, clinic, diagnostic unit), ``others`` than those and the state, and ``all``."""
    together = budget.sel(payer=[p for p in budget["payer"].to_numpy() if p in REGION_PAYERS]).sum(
        "payer", skipna=False
    )
    everyone = budget.sum("payer", skipna=False)
    others = everyone - together - budget.sel(payer="state", drop=True)
    groups = xr.concat([together, others, everyone], dim="payer")
    groups = groups.assign_coords(payer=["regions_together", "others", "all"])
    return xr.concat([budget, groups], dim="payer")


def budget_frame(results: Results) -> pd.DataFrame:
    """Yearly budget of each mix and difference by region and payer, SEK: mix, region, year, payer, mean, lower, upper."""
    parts = [interval_frame(results.settlement.budget)]
    for reference in REFERENCES:
        parts.append(interval_frame(results.settlement.net_budget(reference)).assign(mix=f"new_minus_{reference}"))
    return pd.concat(parts)[["mix", "region", "year", "payer", "mean", "lower", "upper"]].reset_index(drop=True)


def ledger_frame(results: Results) -> pd.DataFrame:
    """Mean of each ledger entry, SEK: mix, region, year, payer, entry, mean."""
    return (
        results.settlement.ledger.transpose("mix", "region", "year", "payer", "entry")
        .rename("mean")
        .to_series()
        .reset_index()
    )


def outcomes_frame(results: Results) -> pd.DataFrame:
    """Per patient: strategy, discounted cost (SEK) and QALYs with intervals, life years and share found."""
    cost, qaly = (
        interval_frame(values).set_index("strategy") for values in (results.per_patient.cost, results.per_patient.qaly)
    )
    frame = pd.DataFrame(
        {
            "cost": cost["mean"],
            "cost_lower": cost["lower"],
            "cost_upper": cost["upper"],
            "qaly": qaly["mean"],
            "qaly_lower": qaly["lower"],
            "qaly_upper": qaly["upper"],
            "life_years": results.per_patient.outcomes["life_years"].sum("year_since_start").to_series(),
            "found": results.per_patient.outcomes["found"].to_series(),
        }
    )
    return frame.reset_index()


def region_frame(scenario: Scenario, results: Results) -> pd.DataFrame:
    """By region over the whole period: coverage, net budget per inhabitant with intervals, probability of paying more. SEK."""
    own = [payer for payer in results.settlement.budget["payer"].to_numpy() if payer in REGION_PAYERS]
    regions = scenario.regions
    inhabitants = xr.DataArray(regions["population"], dims="region", coords={"region": regions.index.to_numpy()})
    frame = pd.DataFrame({"region": regions["region"], "population": regions["population"]})
    frame["coverage_today"] = results.reach.reached.sel(mix="today").isel(year=0).mean("draw").to_series()
    frame["coverage_new"] = results.reach.reached.sel(mix="new").isel(year=-1).mean("draw").to_series()
    for reference in REFERENCES:
        net = (
            results.settlement.net_budget(reference)
            .sel(payer=own, region=list(regions.index))
            .sum(["payer", "year"], skipna=False)
        )
        part = interval_frame(net / inhabitants).set_index("region")
        frame[[f"{reference}_mean", f"{reference}_lower", f"{reference}_upper"]] = part[["mean", "lower", "upper"]]
        frame[f"p_loses_{reference}"] = (net > 0).mean("draw").to_series()
    return frame


def incremental_table(scenario: Scenario, results: Results) -> pd.DataFrame:
    """:func:`pmbudget.appraisal.icer_table` with the probability of being cost-effective at each threshold of the norms."""
    table = icer_table(results.per_patient.cost, results.per_patient.qaly)
    for name, wtp in thresholds(scenario).items():
        table[name] = ceac(results.per_patient.cost, results.per_patient.qaly, wtp).to_series()
    return table


def implementation_frame(results: Results) -> pd.DataFrame:
    """Long form: measure, mix, region, year, mean, lower, upper. ``reached`` is a share; ``moved``, ``lost``, ``waiting`` are persons."""
    parts = {"reached": results.reach.reached, "aimed": results.reach.aimed}
    if results.reach.supply is not None:
        parts |= {name: results.reach.supply[name] for name in ("moved", "lost", "waiting", "months_waited")}
    frames = [interval_frame(values).assign(measure=name) for name, values in parts.items()]
    return pd.concat(frames)[["measure", "mix", "region", "year", "mean", "lower", "upper"]].reset_index(drop=True)
