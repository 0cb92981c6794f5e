"""What moves the result: parameters one at a time, two at a time and all together, and how much rests on assumptions."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal import net_monetary_benefit, variance_share
from pmbudget.evidence.draws import ReadDraws, redrawn
from pmbudget.evidence.fit import fit_evidence
from pmbudget.inputs.prices import currency_of
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.outcomes import simulate
from pmbudget.patient.per_patient import present_values
from pmbudget.programme.capacity import shadow_prices
from pmbudget.programme.reach import belief_before
from pmbudget.programme.supply import courses, persons_a_month, queue_terms
from pmbudget.road import Results, evaluate_draws, parameter_draws, pulled, scenario_draws, walk
from pmbudget.vocabulary import BLOCK, REFERENCES, REGION_PAYERS, TAILS


def tornado(scenario: Scenario, *, wtp: float, seed: int = 1) -> pd.DataFrame:
    """One-way sensitivity of the incremental net monetary benefit per patient.

    Each uncertain parameter of the patient's model in turn at the ends of its 95 % interval, the others at their means.

    Returns
    -------
    DataFrame
        Index parameter, columns low, high (INMB at the lower and upper end), base (all at their means, which is not the expected
        INMB) and is_assumed (whether its interval was assumed), widest first; SEK.
    """
    names, table = _one_way(scenario, seed)
    rows = pulled(scenario, table)
    cost, qaly = present_values(simulate(rows, scenario.case, horizon=scenario.case.horizon_years), rows)
    return _bars(scenario, names, _increment(scenario, net_monetary_benefit(cost, qaly, wtp)).to_numpy())


def budget_tornado(scenario: Scenario, *, reference: str, years: list[int], seed: int = 1) -> pd.DataFrame:
    """One-way sensitivity of the net budget impact of all payers over ``years`` against ``reference``.

    As :func:`tornado`, for every parameter of the road and with expected instead of counted persons; SEK, undiscounted. A gate begins
    with the same belief as in :func:`pmbudget.road.evaluate`: what all draws say, not the rows of the tornado. Where the scenario lays
    nothing that exists already on the test, the bar of the allocation key goes from that to what the key at its mean would lay on it.
    """
    names, rows = _one_way(scenario, seed)
    belief = belief_before(scenario, scenario_draws(scenario, draws=BLOCK, seed=seed))

    def totals(one: Scenario, table: xr.Dataset) -> np.ndarray:
        net = walk(one, pulled(one, table), belief=belief).settlement.net_budget(reference)
        return net.sel(year=years).sum(["region", "year", "payer"]).to_numpy()

    bars = _bars(scenario, names, totals(scenario, rows))
    keys = [item.allocation for item in scenario.case.transition if item.allocation]
    if scenario.definition.allocated or not keys:
        return bars
    allocated = totals(scenario.with_allocation(), rows.isel(draw=[-1, -1]))[0]
    base, assumed = bars["base"].iloc[0], scenario.parameters[keys[0]].spread_is_assumed
    bars.loc[keys[0]] = {"low": base, "high": allocated, "base": base, "is_assumed": assumed}
    return bars.loc[(bars["high"] - bars["low"]).abs().sort_values(ascending=False).index]


def _one_way(scenario: Scenario, seed: int) -> tuple[list[str], xr.Dataset]:
    """The uncertain parameters, and a table with two rows for each (at its lower and upper end) and a last one at the means.

    An index has no mean: it stands at its commonest place.
    """
    table = parameter_draws(scenario, seed=seed)
    uncertain = [str(name) for name in table if table[name].dims == ("draw",)]
    rows = 2 * len(uncertain) + 1
    means = table.mean("draw")
    for name in uncertain:
        if scenario.parameters[name].is_index:
            means[name] = np.bincount(table[name].to_numpy().astype(int)).argmax().astype(float)
    flat = xr.Dataset({name: means[name].expand_dims(draw=rows) for name in uncertain})
    ends = table[uncertain].quantile(TAILS, dim="draw")
    for place, name in enumerate(uncertain):
        values = flat[name].to_numpy().copy()
        values[2 * place : 2 * place + 2] = ends[name].to_numpy()
        flat[name] = ("draw", values)
    return uncertain, flat.merge(means.drop_vars(uncertain))


def _bars(scenario: Scenario, names: list[str], result: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "low": result[0:-1:2],
            "high": result[1:-1:2],
            "base": result[-1],
            "is_assumed": [scenario.parameters[name].spread_is_assumed for name in names],
        },
        index=pd.Index(names, name="parameter"),
    )
    width = (frame["high"] - frame["low"]).abs()
    return frame.assign(width=width).query("width > 0").sort_values("width", ascending=False).drop(columns="width")


def importance(scenario: Scenario, results: Results, *, wtp: float, seed: int = 1) -> pd.DataFrame:
    """How much of the variance of the incremental net monetary benefit each parameter of the patient's model accounts for by itself.

    Parameters
    ----------
    scenario : Scenario
    results : Results
        Of the same ``seed``.
    wtp : float
        SEK per QALY.

    Returns
    -------
    DataFrame
        As :func:`pmbudget.appraisal.variance_share`, with is_assumed.
    """
    benefit = _increment(scenario, net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, wtp))
    table = parameter_draws(scenario, draws=benefit.sizes["draw"], seed=seed)
    names = patient_parameters(scenario, table)
    shares = variance_share(benefit, table[names].to_dataarray("parameter"))
    return shares.assign(is_assumed=[scenario.parameters[name].spread_is_assumed for name in shares.index])


def patient_parameters(scenario: Scenario, table: xr.Dataset) -> list[str]:
    """The uncertain parameters of ``table`` that the scenario's model of the patient reads, its levers' sizes among them."""
    watched = ReadDraws(table.isel(draw=slice(2)))
    simulate(pulled(scenario, watched), scenario.case, horizon=scenario.case.horizon_years)
    return [str(name) for name in table if name in watched.read and table[name].dims == ("draw",)]


def threshold_map(
    scenario: Scenario,
    results: Results,
    names: tuple[str, str],
    *,
    wtp: float,
    steps: int = 9,
    few: int = 40,
    seed: int = 1,
) -> xr.DataArray:
    """The expected incremental net monetary benefit over two parameters, each across its 95 % interval.

    At every point the two are held and the others drawn, the same ``few`` draws throughout, so that the map is smooth; what those
    draws' mean differs from the mean of ``results`` is added everywhere, so that the map stands on the whole expectation. What the two
    have in common with other parameters is not kept.

    Parameters
    ----------
    scenario : Scenario
    results : Results
        Of the same ``seed``.
    names : tuple
        Two uncertain parameters.
    wtp : float
        SEK per QALY.
    steps, few : int
        Points along each axis (all places of an index), draws at each point.

    Returns
    -------
    DataArray
        SEK per patient, dims named by the two parameters, whose values are the coordinates.

    Raises
    ------
    ValueError
        One of them is known exactly, one for each region, or there is no such parameter.
    """
    benefit = _increment(scenario, net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, wtp))
    table = parameter_draws(scenario, draws=benefit.sizes["draw"], seed=seed)
    for name in names:
        if name not in table or table[name].dims != ("draw",):
            raise ValueError(f"{name!r} is no parameter that one uncertain number stands for; choose two that are")
    few = min(few, benefit.sizes["draw"])
    ends = {name: table[name].quantile(TAILS).to_numpy() for name in names}
    axes = {
        name: np.unique(table[name]) if scenario.parameters[name].is_index else np.linspace(low, high, steps)
        for name, (low, high) in ends.items()
    }
    sizes = [len(axis) for axis in axes.values()]
    rows = table.isel(draw=np.tile(np.arange(few), np.prod(sizes)))
    held = np.meshgrid(*axes.values(), indexing="ij")
    rows = rows.assign({name: ("draw", np.repeat(grid.ravel(), few)) for name, grid in zip(names, held, strict=True)})
    gains = []
    for begin in range(0, rows.sizes["draw"], BLOCK):
        part = pulled(scenario, rows.isel(draw=slice(begin, begin + BLOCK)))
        cost, qaly = present_values(simulate(part, scenario.case, horizon=scenario.case.horizon_years), part)
        gains.append(_increment(scenario, net_monetary_benefit(cost, qaly, wtp)).to_numpy())
    means = np.concatenate(gains).reshape(*sizes, few).mean(axis=-1)
    return xr.DataArray(means + float(benefit.mean() - benefit[:few].mean()), dims=names, coords=axes)


def _increment(scenario: Scenario, by_strategy: xr.DataArray) -> xr.DataArray:
    case = scenario.case
    return by_strategy.sel(strategy=case.new, drop=True) - by_strategy.sel(strategy=case.comparator, drop=True)


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
    assumed = [name for name, parameter in scenario.parameters.items() if parameter.spread_is_assumed]
    posterior = fit_evidence(scenario.parameters)
    n = results.per_patient.cost.sizes["draw"]
    anew = redrawn(scenario.parameters, posterior, assumed, n=n, seed=seed)
    other = evaluate_draws(scenario, pulled(scenario, anew), seed=seed + 1_000_003)
    shares = {}
    for reference in REFERENCES:
        totals = [
            each.settlement.net_budget(reference).sum(["region", "year", "payer"]).to_numpy()
            for each in (results, other)
        ]
        shares[f"variance_{reference}"] = _explained(*totals)
    gains = [
        _increment(scenario, net_monetary_benefit(each.per_patient.cost, each.per_patient.qaly, wtp)).to_numpy()
        for each in (results, other)
    ]
    shares["variance_inmb"] = _explained(*gains)
    few = min(n, BLOCK)
    table = parameter_draws(scenario, draws=few, seed=seed)
    priced = [
        name for name, parameter in scenario.parameters.items() if parameter.is_assumed and currency_of(parameter.unit)
    ]
    unpriced = table.assign({name: table[name] * 0 for name in priced})
    priced_and_not = [evaluate_draws(scenario, pulled(scenario, each), seed=seed) for each in (table, unpriced)]
    shares["cost"] = _vanished(*(_change(each) for each in priced_and_not))
    shares["cost_patient"] = _vanished(*(_patient_change(scenario, each) for each in priced_and_not))
    return shares


def _vanished(whole: np.ndarray, left: np.ndarray) -> float:
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
    return _increment(scenario, cost).to_numpy()


def _explained(first: np.ndarray, second: np.ndarray) -> float:
    """Cov / Var of two evaluations that share some parameters, kept within 0-1; missing where nothing varies."""
    variance = (first.var() + second.var()) / 2
    if variance < 1e-12:
        return float("nan")
    return float(np.clip(np.cov(first, second)[0, 1] / variance, 0, 1))


def lever_effects(scenario: Scenario, *, draws: int = BLOCK, seed: int = 1) -> pd.DataFrame:
    """What each lever of the case moves, alone, against itself off and with the scenario's other levers as they are.

    Returns
    -------
    DataFrame
        Index (lever, figure), columns mean, lower, upper (95 %) of the change over the years shown, in the mix ``new``: ``net`` and
        ``net_regions`` (SEK: net budget against today's use, of all payers and of the regions' own), ``tested`` and ``outside`` (persons
        tested inside and outside the eligible population), ``qaly`` (all patients' QALYs), ``posts`` (full-time posts in the last year),
        ``spread`` (standard deviation of coverage between regions in the last year, percentage points) and, where evidence decides the
        pace, ``right`` (percentage points: how often what is known in the last year points the right way).
    """
    table = parameter_draws(scenario, draws=draws, seed=seed)
    known: dict[tuple[str, ...], dict[str, np.ndarray]] = {}

    def figures(names: tuple[str, ...]) -> dict[str, np.ndarray]:
        if names not in known:
            one = scenario.with_levers(*names)
            known[names] = _moved_figures(scenario, evaluate_draws(one, pulled(one, table), seed=seed))
        return known[names]

    parts = []
    for lever in scenario.case.levers:
        without = tuple(name for name in scenario.definition.levers if name != lever)
        off, on = figures(without), figures((*without, lever))
        for figure, values in on.items():
            change = values - off[figure]
            lower, upper = np.quantile(change, TAILS)
            parts.append((lever, figure, change.mean(), lower, upper))
    frame = pd.DataFrame(parts, columns=["lever", "figure", "mean", "lower", "upper"])
    return frame.set_index(["lever", "figure"])


def _moved_figures(scenario: Scenario, results: Results) -> dict[str, np.ndarray]:
    """The figures that levers are judged by, over draws."""
    new, net = {"mix": "new"}, results.settlement.net_budget("today").sum(["region", "year"])
    patients = results.reach.patients.sel(new).sum(["region", "year"])
    own = [payer for payer in net["payer"].to_numpy() if payer in REGION_PAYERS]
    figures = {
        "net": net.sum("payer"),
        "net_regions": net.sel(payer=own).sum("payer"),
        "tested": patients.sel(fate=scenario.case.new),
        "outside": results.reach.outside.sel(new).sum(["region", "year"]),
        "qaly": (patients * results.per_patient.fate_qaly).sum("fate"),
        "posts": results.spending.posts.sel(new).isel(year=-1).sum("resource"),
        "spread": 100 * results.reach.reached.sel(new).isel(year=-1).std("region"),
    }
    if results.reach.known is not None:
        last = results.reach.known.isel(year=-1)
        figures["right"] = 100 * xr.where(last > 0.5, last, 1 - last)
    return {name: values.to_numpy() for name, values in figures.items()}


def limit_values(scenario: Scenario, results: Results, *, wtp: float, seed: int = 1) -> xr.Dataset:
    """What each limit of supply costs in the scenario, over all years shown: lifted, and with a tenth of a post or instrument more.

    Parameters
    ----------
    scenario : Scenario
        One in which limits of supply hold.
    results : Results
        Of the scenario, with the same ``seed``; its first draws are used, at most 500.
    wtp : float
        SEK per QALY.

    Returns
    -------
    Dataset
        (draw, limit): ``lifted``, persons more who get the new strategy when that limit alone is gone; ``per_tenth``, with one tenth of a
        post or instrument more for this test from the first year; ``value``, what that tenth is worth in net monetary benefit, SEK.
    """
    case, regions, years = scenario.case, scenario.regions, scenario.years
    assert case.capacity is not None
    few = min(results.per_patient.cost.sizes["draw"], BLOCK)
    draws = scenario_draws(scenario, draws=few, seed=seed)
    first = {"draw": slice(few)}
    course = courses(draws, case.capacity, years, scenario.agreement_years)
    outcomes = simulate(draws, case, horizon=1)
    wanted = results.reach.eligible.isel(first) * results.reach.aimed.isel(first)
    place = scenario.definition.laboratories
    terms = queue_terms(draws, case, regions, outcomes, wanted, "new", course, place, scenario.limits)
    limits = {name: limit for name, limit in case.capacity.limits.items() if name in scenario.limits}
    tenth = {n: course[n] * persons_a_month(draws, case, regions, outcomes, each, 0.1) for n, each in limits.items()}
    everything = dict.fromkeys(limits, xr.DataArray(np.inf))
    gain = _increment(scenario, net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, wtp)).isel(
        first
    )
    per_tenth = shadow_prices(one_more=tenth, **terms)
    lifted = shadow_prices(one_more=everything, **terms)
    return xr.Dataset({"lifted": lifted, "per_tenth": per_tenth, "value": per_tenth * gain})
