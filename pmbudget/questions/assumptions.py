"""How much of the result rests on assumptions."""

import numpy as np
import xarray as xr

from pmbudget.appraisal import net_monetary_benefit
from pmbudget.evidence.draws import redrawn
from pmbudget.evidence.fit import fit_evidence
from pmbudget.inputs.prices import currency_of
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import increment
from pmbudget.road import Results, answered, evaluate_draws, parameter_draws, pulled, walk_blocks
from pmbudget.vocabulary import BLOCK, REFERENCES


def assumption_shares(scenario: Scenario, results: Results, *, wtp: float, seed: int = 1) -> dict[str, float]:
    """How much of the result rests on assumptions.

    The share of variance is Var(E[result | assumptions]) / Var(result), by evaluating once more with the parameters whose spread was
    assumed as they were drawn and everything else drawn anew: the covariance of the two is the numerator. The share of cost is what
    disappears from the expected change in resource cost against today's use, resource by resource and whatever its sign, when every
    assumed price is set to 0.

    Returns
    -------
    dict
        ``variance_<reference>`` for the whole period's net budget impact against each reference, ``variance_inmb`` for the incremental
        net monetary benefit at ``wtp``; ``cost``, of the expected change in the budget, and ``cost_patient``, of a patient's expected added
        cost; each 0-1.
    """
    found = answered(
        results, "assumption shares", lambda: xr.Dataset(_shares(scenario, results, wtp, seed)), wtp=wtp, seed=seed
    )
    return {str(name): float(share) for name, share in found.data_vars.items()}


def _shares(scenario: Scenario, results: Results, wtp: float, seed: int) -> dict[str, float]:
    assumed = [name for name, parameter in scenario.parameters.items() if parameter.spread_is_assumed]
    posterior = fit_evidence(scenario.parameters)
    n = results.per_patient.cost.sizes["draw"]
    anew = redrawn(scenario.parameters, posterior, assumed, n=n, seed=seed)
    blocks = walk_blocks(scenario, pulled(scenario, anew), seed=seed + 1_000_003)
    own, other = (
        _varying(scenario, results, wtp),
        xr.concat([_varying(scenario, one, wtp) for one in blocks], dim="draw"),
    )
    shares = {f"variance_{name}": _share_explained(own[name].to_numpy(), other[name].to_numpy()) for name in own}
    few = min(n, BLOCK)
    table = parameter_draws(scenario, draws=few, seed=seed)
    priced = [
        name for name, parameter in scenario.parameters.items() if parameter.is_assumed and currency_of(parameter.unit)
    ]
    unpriced = table.assign({name: table[name] * 0 for name in priced})
    priced_and_not = [evaluate_draws(scenario, pulled(scenario, each), seed=seed) for each in (table, unpriced)]
    shares["cost"] = _share_gone(*(_change(each) for each in priced_and_not))
    shares["cost_patient"] = _share_gone(*(_patient_change(scenario, each) for each in priced_and_not))
    return shares


def _varying(scenario: Scenario, results: Results, wtp: float) -> xr.Dataset:
    """The whole period's net budget against each reference, by its name, and ``inmb`` per patient (draw,); SEK."""
    nets = {one: results.settlement.net_budget(one).sum(["region", "year", "payer"]) for one in REFERENCES}
    benefit = net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, wtp)
    return xr.Dataset({**nets, "inmb": increment(benefit, scenario.case)})


def _share_gone(whole: np.ndarray, left: np.ndarray) -> float:
    """The share of amounts, whatever their signs, that is gone in ``left``; missing where there is nothing."""
    size = float(np.abs(whole).sum())
    return min(1.0, float(np.abs(whole - left).sum()) / size) if size else float("nan")


def _change(results: Results) -> np.ndarray:
    """Expected change in cost against today's use by resource, SEK."""
    cost = results.spending.resource_cost.sum(["region", "year"], skipna=False)
    return (cost.sel(mix="new") - cost.sel(mix="today")).to_numpy()


def _patient_change(scenario: Scenario, results: Results) -> np.ndarray:
    """Expected added cost of a patient by resource, undiscounted, SEK."""
    cost = results.per_patient.outcomes["cost"].sum("year_since_start") + results.per_patient.outcomes["cost_once"]
    return increment(cost, scenario.case).to_numpy()


def _share_explained(first: np.ndarray, second: np.ndarray) -> float:
    """Cov / Var of two evaluations that share some parameters, kept within 0-1; missing where nothing varies."""
    variance = (first.var() + second.var()) / 2
    if variance < 1e-12:
        return float("nan")
    return float(np.clip(np.cov(first, second)[0, 1] / variance, 0, 1))
