"""Which study pays, how large, and whether it is worth waiting for."""

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import isotonic_regression

from pmbudget.appraisal.evsi import evsi, expected_after
from pmbudget.appraisal.research import adoption, best_size, enbs, population_affected
from pmbudget.evidence.draws import generator
from pmbudget.evidence.proposed import designed
from pmbudget.evidence.studies import Study
from pmbudget.information.national import (
    discount_rate,
    expected,
    incremental_benefit,
    national_use,
    present_weights,
    proposed,
)
from pmbudget.inputs.scenarios import Scenario
from pmbudget.road import Results


def studies_valued(scenario: Scenario, results: Results, table: xr.Dataset, *, wtp: float, seed: int) -> pd.DataFrame:
    """The proposed studies of a case by size, with what each is worth to Sweden less its price.

    Returns
    -------
    DataFrame
        One row per study and size: study, n, participants, ``years`` to the result, ``evsi`` and ``se`` (SEK per patient),
        ``reached`` (discounted patients after
        the result), ``cost`` (SEK), ``enbs`` (SEK) and ``best`` (whether the size is the study's optimum and pays).
    """
    patients, _ = national_use(scenario, results)
    parts = []
    for name, study in proposed(scenario).studies.items():
        design = designed(study.measures, table)
        worth = evsi(
            results.cost,
            results.qaly,
            _studied(table, design),
            design,
            wtp=wtp,
            n=list(study.sizes),
            rng=generator(seed, name, 0),
        )
        # More participants never tell less: what falls between sizes is chance.
        worth = worth.copy(data=isotonic_regression(worth.to_numpy()).x)
        reached = population_affected(
            patients, discount_rate=discount_rate(scenario), delay=expected(table, study.years)
        )
        fixed, each = expected(table, study.fixed_cost), expected(table, study.cost_per_participant)
        net = enbs(worth, population=reached, fixed_cost=fixed, cost_per_participant=each, arms=study.arms)
        participants = study.arms * np.array(study.sizes)
        frame = pd.DataFrame(
            {
                "study": name,
                "n": study.sizes,
                "participants": participants,
                "years": expected(table, study.years),
                "evsi": worth.to_numpy(),
                "se": worth["se"].to_numpy(),
                "reached": reached,
                "cost": fixed + each * participants,
                "enbs": net.to_numpy(),
            }
        )
        parts.append(frame.assign(best=frame["n"] == int(best_size(net)["n"])))
    return pd.concat(parts, ignore_index=True)


def choices(
    scenario: Scenario, results: Results, table: xr.Dataset, studies: pd.DataFrame, *, wtp: float, seed: int
) -> pd.DataFrame:
    """Introduce now, introduce and study, study first, or stay at today's use; with the proposed study that is worth most.

    Returns
    -------
    DataFrame
        :func:`pmbudget.appraisal.adoption`, its values against today's use; ``attrs`` name the study, its size and the years it takes.
    """
    chosen = studies.loc[studies["enbs"].idxmax()]
    study = proposed(scenario).studies[chosen["study"]]
    design = designed(study.measures, table)
    known = _studied(table, design)
    values = {name: known.sel(parameter=name).to_numpy() for name in design.parameters}
    size = int(chosen["n"])
    summary = design.summary(design.simulate(values, size, generator(seed, str(chosen["study"]), 1)), size)
    patients, use = national_use(scenario, results)
    delay = expected(table, study.years)
    frame = adoption(
        expected_after(incremental_benefit(scenario, results, wtp), summary),
        starts_per_year=patients,
        use_per_year=use["new"],
        today_per_year=use["today"],
        discount_rate=discount_rate(scenario),
        delay=delay,
        research_cost=float(chosen["cost"]),
        investment=_transition(scenario, results),
        reversal_cost=expected(table, proposed(scenario).rollout.reversal_cost),
    )
    frame["value"] -= frame.loc["reject", "value"]
    frame.attrs = {"study": str(chosen["study"]), "n": size, "years": delay, "pays": bool(chosen["enbs"] > 0)}
    return frame


def _studied(table: xr.Dataset, study: Study) -> xr.DataArray:
    """What a study tells of as (draw, parameter), also what a scenario has fixed."""
    names = list(study.parameters)
    drawn = [table[name].broadcast_like(table["draw"]).to_numpy() for name in names]
    return xr.DataArray(np.column_stack(drawn), dims=("draw", "parameter"), coords={"parameter": names})


def _transition(scenario: Scenario, results: Results) -> float:
    """Expected present value of the costs of change beyond today's, of resources that patients do not use. SEK."""
    used = set(results.outcomes["resource"].to_numpy())
    change = sorted({item.resource for item in scenario.case.transition} - used)
    cost = results.resource_cost.sel(resource=change).sum(["resource", "region"])
    return float(((cost.sel(mix="new") - cost.sel(mix="today")).to_numpy() * present_weights(scenario)).sum())
