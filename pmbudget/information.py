"""What to find out first about a scenario: what uncertainty costs, where it lies, which study pays, and how to learn by doing.

Everything is counted per patient of the draws behind the budget, at one threshold, and carried to Sweden by the patients and the
pace of the scenario. Costs of studies and times to a result enter by their expected values.
"""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import isotonic_regression

from pmbudget.appraisal.cea import net_monetary_benefit
from pmbudget.appraisal.evsi import evsi, expected_after
from pmbudget.appraisal.research import (
    adoption,
    best_size,
    enbs,
    population_affected,
    uncertainty_burden,
    value_of_implementation,
)
from pmbudget.appraisal.rollout import Rollout, Variation, exposure_of, rollout_value, starts_in_waves
from pmbudget.appraisal.voi import draws_needed, evppi_by_group, evppi_by_parameter, parameter_table
from pmbudget.evidence.draws import generator
from pmbudget.evidence.studies import designed
from pmbudget.inputs.research import ProposedStudy, Research
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.outcomes import simulate
from pmbudget.road import Results

TOGETHER = (2, 3, 5, 10)
"""How many of the most valuable parameters are also looked at together."""
WAVES = (1, 3, 5)
"""In how many yearly waves the regions of a stepped roll-out begin; 1 is all at once."""
ORDERS = ("largest", "smallest", "ahead", "behind")
"""Which regions of a stepped roll-out begin: those with most or fewest patients, with most or least use today."""


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
        weights = xr.DataArray(patients * _present(scenario), dims="year", coords={"year": use.index})
        levels = {"current", "implementation", "information", "perfect"}
        rows[mix] = {
            str(name): float(((values - (float(comparator) if name in levels else 0.0)) * weights).sum())
            for name, values in found.items()
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def parameters_ranked(scenario: Scenario, results: Results, table: xr.Dataset, *, wtp: float) -> pd.DataFrame:
    """:func:`pmbudget.appraisal.evppi_by_parameter` of all that the patient's model holds, most valuable first; SEK per patient."""
    return evppi_by_parameter(results.cost, results.qaly, learnable(scenario, table), wtp=wtp)


def sets_ranked(
    scenario: Scenario, results: Results, table: xr.Dataset, ranked: pd.DataFrame, *, wtp: float
) -> pd.DataFrame:
    """Sets of parameters: the most valuable ones together, and all of each grade of evidence.

    Returns
    -------
    DataFrame
        Index set (a number of parameters, or a grade); columns parameters (how many), evppi and se, SEK per patient, missing where there
        are too few draws for so many.
    """
    known = learnable(scenario, table)
    names = [str(name) for name in ranked.index]
    groups: dict[Any, list[str]] = {number: names[:number] for number in TOGETHER if number < len(names)}
    for name in names:
        groups.setdefault(scenario.parameters[name].record.evidence, []).append(name)
    enough = {name: group for name, group in groups.items() if draws_needed(len(group)) <= known.sizes["draw"]}
    frame = evppi_by_group(results.cost, results.qaly, known, enough, wtp=wtp).reindex(list(groups))
    frame.insert(0, "parameters", [len(group) for group in groups.values()])
    return frame


def most_valuable(scenario: Scenario, table: xr.Dataset, ranked: pd.DataFrame, *, number: int = 5) -> xr.DataArray:
    """The most valuable parameters as one set (draw, parameter), no more than there are draws for."""
    few = max(1, min(number, table.sizes["draw"] // draws_needed(0) - 1))
    return learnable(scenario, table).sel(parameter=[str(name) for name in ranked.index[:few]])


def studies_valued(scenario: Scenario, results: Results, table: xr.Dataset, *, wtp: float, seed: int) -> pd.DataFrame:
    """The proposed studies of a case by size, with what each is worth to Sweden less its price.

    Returns
    -------
    DataFrame
        One row per study and size: study, n, participants, ``years`` to the result, ``evsi`` and ``se`` (SEK per patient), ``reached`` (discounted patients after
        the result), ``cost`` (SEK), ``enbs`` (SEK) and ``best`` (whether the size is the study's optimum and pays).
    """
    known = learnable(scenario, table, studied=True)
    patients, _ = national_use(scenario, results)
    parts = []
    for name, study in proposed(scenario).studies.items():
        worth = evsi(
            results.cost,
            results.qaly,
            known,
            designed(study.measures, table),
            wtp=wtp,
            n=list(study.sizes),
            rng=generator(seed, name, 0),
        )
        # More participants never tell less: what falls between sizes is chance.
        worth = worth.copy(data=isotonic_regression(worth.to_numpy()).x)
        reached = population_affected(patients, discount_rate=_rate(scenario), delay=_mean(table, study.years))
        fixed, each = _mean(table, study.fixed_cost), _mean(table, study.cost_per_participant)
        net = enbs(worth, population=reached, fixed_cost=fixed, cost_per_participant=each, arms=study.arms)
        participants = study.arms * np.array(study.sizes)
        frame = pd.DataFrame(
            {
                "study": name,
                "n": study.sizes,
                "participants": participants,
                "years": _mean(table, study.years),
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
    study: ProposedStudy = proposed(scenario).studies[chosen["study"]]
    design = designed(study.measures, table)
    known = learnable(scenario, table, studied=True)
    values = {name: known.sel(parameter=name).to_numpy() for name in design.parameters}
    size = int(chosen["n"])
    summary = design.summary(design.simulate(values, size, generator(seed, str(chosen["study"]), 1)), size)
    patients, use = national_use(scenario, results)
    delay = _mean(table, study.years)
    frame = adoption(
        expected_after(_gain(scenario, results, wtp), summary),
        starts_per_year=patients,
        use_per_year=use["new"],
        today_per_year=use["today"],
        discount_rate=_rate(scenario),
        delay=delay,
        research_cost=float(chosen["cost"]),
        investment=_transition(scenario, results),
        reversal_cost=_mean(table, proposed(scenario).rollout.reversal_cost),
    )
    frame["value"] -= frame.loc["reject", "value"]
    frame.attrs = {"study": str(chosen["study"]), "n": size, "years": delay, "pays": bool(chosen["enbs"] > 0)}
    return frame


def rollouts_valued(scenario: Scenario, results: Results, table: xr.Dataset, *, wtp: float, seed: int) -> pd.DataFrame:
    """Orders and paces of regions as experiments on the share of patients on matched treatment, and the scenario's own pace.

    Every design is analysed after each number of years and judged at the one that is worth most; the same random numbers serve all.

    Returns
    -------
    DataFrame
        Columns of :func:`pmbudget.appraisal.rollout_value` with ``order`` ("own" for the scenario's pace) and ``waves``; best first.
        SEK present value against no use of the new strategy.
    """
    case, research = scenario.case, proposed(scenario).rollout
    codes = list(scenario.regions.index)
    new = (
        results.patients.sel(mix="new", region=codes)
        .sum("strategy")
        .mean("draw")
        .transpose("region", "year")
        .to_numpy()
    )
    today = results.coverage.sel(mix="today", region=codes).isel(year=0).mean("draw").to_numpy()
    effect, level = _matched(scenario, table)
    spread = {name: _mean(table, getattr(research, f"{name}_sd")) for name in ("region", "period", "region_period")}
    variation = Variation(patient=float(np.sqrt(level * (1 - level))), **spread)
    ceiling, periods = _mean(table, case.uptake.ceiling), len(scenario.years)
    orders = dict(zip(ORDERS, (np.argsort(key) for key in (-new[:, 0], new[:, 0], -today, today)), strict=True))
    designs = {
        (order, waves): exposure_of(
            starts_in_waves(orders[order], waves=waves), today, ceiling, periods=periods, ramp=1
        )
        for order, waves in product(ORDERS, WAVES)
        if waves > 1 or order == ORDERS[0]
    }
    own = results.coverage.sel(mix="new", region=codes).mean("draw").transpose("region", "year").to_numpy()
    designs = {("own", 0): own, **designs}
    parts = []
    for (order, waves), exposure in designs.items():
        frame = rollout_value(
            Rollout(exposure, new),
            _gain(scenario, results, wtp),
            effect,
            variation,
            analyses=list(range(1, periods)),
            discount_rate=_rate(scenario),
            reversal_cost=_mean(table, research.reversal_cost),
            study_cost=_mean(table, research.cost_per_year),
            rng=generator(seed, "rollout", 0),
        )
        parts.append(frame.loc[[frame["value"].idxmax()]].assign(order=order, waves=waves))
    return pd.concat(parts, ignore_index=True).sort_values("value", ascending=False, ignore_index=True)


def burden_by_payer(scenario: Scenario, results: Results, *, wtp: float) -> pd.DataFrame:
    """What uncertainty costs the state and the regions once the scenario is committed to, with its agreement and without sharing.

    Health is counted where responsibility for care lies, with the regions; the cost of patients over their whole course falls on the
    regions less what the agreement moves to the state. Against today's use, costs of change left out.

    Returns
    -------
    DataFrame
        Index payer (state, regions_together), columns shared and alone; SEK present value.
    """
    present = xr.DataArray(_present(scenario), dims="year", coords={"year": scenario.years})
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


def proposed(scenario: Scenario) -> Research:
    """What a case proposes to find out.

    Raises
    ------
    ValueError
        It proposes nothing.
    """
    if scenario.case.research is None:
        raise ValueError(f"the case {scenario.definition.case!r} proposes no studies; add research to its case.yaml")
    return scenario.case.research


def learnable(scenario: Scenario, table: xr.Dataset, *, studied: bool = False) -> xr.DataArray:
    """The parameters of the patient's model as (draw, parameter); with ``studied`` the error rates of registers too."""
    research, own = scenario.case.research, set[str]()
    if research is not None:
        rollout = [getattr(research.rollout, name) for name in type(research.rollout).model_fields]
        prices = [
            name for one in research.studies.values() for name in (one.fixed_cost, one.cost_per_participant, one.years)
        ]
        errors = [
            rate
            for one in research.studies.values()
            for measure in one.measures
            for rate in (measure.missing, measure.false_negative, measure.false_positive)
            if rate is not None
        ]
        own = {str(name) for name in [*rollout, *prices, *([] if studied else errors)]}
    return parameter_table(table, sorted(own))


def national_use(scenario: Scenario, results: Results) -> tuple[pd.Series, pd.DataFrame]:
    """Expected eligible patients by year, and the share of them on the new strategy by year (rows) and mix (columns)."""
    starts = results.patients.sum("region").mean("draw")
    eligible = starts.sum("strategy")
    use = (starts.sel(strategy=scenario.case.new, drop=True) / eligible).transpose("year", "mix").to_pandas()
    return eligible.sel(mix="new", drop=True).to_series(), use


def _matched(scenario: Scenario, table: xr.Dataset) -> tuple[np.ndarray, float]:
    """What the new strategy adds to the share of patients on matched treatment (draw), and that share with the comparator."""
    case = scenario.case
    matched = sorted({one.matched for one in case.classes.values() if one.matched})
    treated = simulate(table, case, horizon=1)["treated"].sel(management=matched).sum("management")
    by = [treated.sel(strategy=name).to_numpy() for name in (case.comparator, case.new)]
    return by[1] - by[0], float(by[0].mean())


def _gain(scenario: Scenario, results: Results, wtp: float) -> np.ndarray:
    benefit = net_monetary_benefit(results.cost, results.qaly, wtp)
    gain: np.ndarray = (
        benefit.sel(strategy=scenario.case.new) - benefit.sel(strategy=scenario.case.comparator)
    ).to_numpy()
    return gain


def _transition(scenario: Scenario, results: Results) -> float:
    """Expected present value of the costs of change beyond today's, of resources that patients do not use. SEK."""
    patients = results.outcomes["cost_once"].sum("strategy") + results.outcomes["cost"].sum(
        ["strategy", "year_since_start"]
    )
    used = set(patients["resource"].to_numpy()[patients.to_numpy() != 0])
    change = sorted({item.resource for item in scenario.case.transition} - used)
    cost = results.resource_cost.sel(resource=change).sum(["resource", "region"])
    return float(((cost.sel(mix="new") - cost.sel(mix="today")).to_numpy() * _present(scenario)).sum())


def _present(scenario: Scenario) -> np.ndarray:
    weights: np.ndarray = (1 + _rate(scenario)) ** -np.arange(len(scenario.years), dtype=float)
    return weights


def _rate(scenario: Scenario) -> float:
    return scenario.parameters.fixed("discount_rate_cost")


def _mean(table: xr.Dataset, name: str) -> float:
    return float(table[name].mean())
