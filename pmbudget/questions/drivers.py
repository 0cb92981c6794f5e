"""What moves the result: parameters one at a time, two at a time and all together.

Parameters are moved before levers are pulled, so that each question draws them itself.
"""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal import net_monetary_benefit, variance_share
from pmbudget.evidence.draws import ReadDraws
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.outcomes import simulate
from pmbudget.patient.per_patient import increment, present_values
from pmbudget.road import Results, answered, before, parameter_draws, pulled, scenario_draws, walk
from pmbudget.vocabulary import BLOCK, TAILS


def tornado(scenario: Scenario, results: Results, *, wtp: float, seed: int = 1) -> pd.DataFrame:
    """One-way sensitivity of the incremental net monetary benefit per patient.

    Each uncertain parameter of the patient's model in turn at the ends of its 95 % interval, the others at their means.

    Returns
    -------
    DataFrame
        Index parameter, columns low, high (INMB at the lower and upper end), base (all at their means, which is not the expected
        INMB) and is_assumed (whether its interval was assumed), widest first; SEK.
    """
    return answered(results, "tornado", lambda: _tornado(scenario, wtp, seed), wtp=wtp, seed=seed)


def _tornado(scenario: Scenario, wtp: float, seed: int) -> pd.DataFrame:
    names, table = _one_way(scenario, seed)
    rows = pulled(scenario, table)
    cost, qaly = present_values(simulate(rows, scenario.case, horizon=scenario.case.horizon_years), rows)
    return _bars(scenario, names, increment(net_monetary_benefit(cost, qaly, wtp), scenario.case).to_numpy())


def budget_tornado(
    scenario: Scenario, results: Results, *, reference: str, years: list[int], seed: int = 1
) -> pd.DataFrame:
    """One-way sensitivity of the net budget impact of all payers over ``years`` against ``reference``.

    As :func:`tornado`, for every parameter of the road and with expected instead of counted persons; SEK, undiscounted. A gate begins
    with the same belief as in :func:`pmbudget.road.evaluate`: what all draws say, not the rows of the tornado, and the agreement lifts the
    same share of a test. Where the scenario lays
    nothing that exists already on the test, the bar of the allocation key goes from that to what the key at its mean would lay on it.
    """
    about = {"reference": reference, "years": years, "seed": seed}
    return answered(results, "budget tornado", lambda: _budget_tornado(scenario, reference, years, seed), **about)


def _budget_tornado(scenario: Scenario, reference: str, years: list[int], seed: int) -> pd.DataFrame:
    names, rows = _one_way(scenario, seed)
    belief, relief = before(scenario, scenario_draws(scenario, draws=BLOCK, seed=seed), seed=seed)

    def totals(one: Scenario, table: xr.Dataset) -> np.ndarray:
        net = walk(one, pulled(one, table), belief=belief, relief=relief).settlement.net_budget(reference)
        return net.sel(year=years).sum(["region", "year", "payer"]).to_numpy()

    bars = _bars(scenario, names, totals(scenario, rows))
    key = scenario.idle_allocation
    if key is None:
        return bars
    allocated = totals(scenario.with_allocation(), rows.isel(draw=[-1, -1]))[0]
    base, assumed = bars["base"].iloc[0], scenario.parameters[key].spread_is_assumed
    bars.loc[key] = {"low": base, "high": allocated, "base": base, "is_assumed": assumed}
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
    benefit = increment(net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, wtp), scenario.case)
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
    about = {"names": names, "wtp": wtp, "steps": steps, "few": few, "seed": seed}

    def make() -> xr.Dataset:
        return _threshold_map(scenario, results, names, wtp, steps, few, seed).to_dataset(name="benefit")

    return answered(results, "threshold map", make, **about)["benefit"]


def _threshold_map(
    scenario: Scenario, results: Results, names: tuple[str, str], wtp: float, steps: int, few: int, seed: int
) -> xr.DataArray:
    benefit = increment(net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, wtp), scenario.case)
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
        gains.append(increment(net_monetary_benefit(cost, qaly, wtp), scenario.case).to_numpy())
    means = np.concatenate(gains).reshape(*sizes, few).mean(axis=-1)
    return xr.DataArray(means + float(benefit.mean() - benefit[:few].mean()), dims=names, coords=axes)
