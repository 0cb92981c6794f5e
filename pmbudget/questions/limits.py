"""What limits of supply hold back, and what each of them costs."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from pmbudget.appraisal import net_monetary_benefit
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.outcomes import simulate
from pmbudget.patient.per_patient import increment
from pmbudget.programme.capacity import shadow_prices
from pmbudget.programme.reach import shares_of
from pmbudget.programme.supply import courses, each_month, in_mix, persons_with, queue_terms
from pmbudget.questions.start_years import at_prices_met
from pmbudget.road import Results, evaluated
from pmbudget.vocabulary import BLOCK


@dataclass(frozen=True)
class Limited:
    """A scenario with every limit of supply that its case states, and what it comes to on the same draws."""

    scenario: Scenario
    results: Results


def stated_limits(scenario: Scenario, results: Results, *, draws: int, seed: int) -> Limited | None:
    """The scenario with all stated limits, which may be what ``results`` hold already; None for a case without limits."""
    if scenario.case.capacity is None:
        return None
    stated = scenario.with_stated_limits()
    same = stated.limits == scenario.limits
    return Limited(stated, results if same else evaluated(stated, draws=draws, seed=seed))


def limit_values(scenario: Scenario, draws: xr.Dataset, results: Results, *, wtp: float) -> xr.Dataset:
    """What each limit of supply costs in the scenario, over all years shown: lifted, and with a tenth of a post or instrument more.

    Parameters
    ----------
    scenario : Scenario
        One in which limits of supply hold.
    draws : Dataset
        As from :func:`pmbudget.road.scenario_draws`; the first are used, at most 500.
    results : Results
        Of the scenario, from these draws.
    wtp : float
        SEK per QALY.

    Returns
    -------
    Dataset
        (draw, limit): ``lifted``, persons more who are broadly tested when that limit alone is gone; ``per_tenth``, with one tenth of a
        post or instrument more for this test from the first year; ``value``, what that tenth is worth in net monetary benefit, SEK,
        at the prices that those who start in the years shown meet.
    """
    case, regions, years = scenario.case, scenario.regions, scenario.years
    assert case.capacity is not None
    first = {"draw": slice(min(draws.sizes["draw"], BLOCK))}
    draws = draws.isel(first)
    course = courses(draws, case.capacity, years, scenario.agreement_years)
    outcomes = simulate(draws, case, horizon=1)
    wanted = results.reach.eligible.isel(first) * results.reach.aimed.isel(first)
    place = scenario.definition.laboratories
    shares = shares_of(results.reach, case.broad).isel(first)
    broad = {name: shares.sel(fate=name, drop=True) for name in case.broad} if len(case.broad) > 1 else {case.new: 1.0}
    unfit = results.reach.reflexed.isel(first)
    terms = queue_terms(draws, case, regions, outcomes, wanted, unfit, broad, "new", course, place, scenario.limits)
    limits = {name: limit for name, limit in case.capacity.limits.items() if name in scenario.limits}
    given, beside = in_mix(broad, "new"), each_month(unfit)
    tenth = {
        name: course[name] * persons_with(draws, case, regions, outcomes, limit, 0.1, given, unfit=beside)
        for name, limit in limits.items()
    }
    everything = dict.fromkeys(limits, xr.DataArray(np.inf))
    met = at_prices_met(scenario, results).per_patient
    benefit = net_monetary_benefit(met.cost, met.qaly, wtp)
    gain = increment(benefit, case).isel(first)
    per_tenth = shadow_prices(one_more=tenth, **terms)
    lifted = shadow_prices(one_more=everything, **terms)
    return xr.Dataset({"lifted": lifted, "per_tenth": per_tenth, "value": per_tenth * gain})
