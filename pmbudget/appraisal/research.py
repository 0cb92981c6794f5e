"""Is a study worth its price, is it worth waiting for, and is knowing more worth more than doing what is known."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.cea import net_monetary_benefit
from pmbudget.vocabulary import matched


def population_affected(starts_per_year: Any, *, discount_rate: float, delay: float = 0) -> Any:
    """Patients whose treatment an answer can still change, sum over t >= delay of N_t (1 + i)^-t.

    Parameters
    ----------
    starts_per_year : DataArray or array_like
        Eligible patients by year from now (…, year). All of them: what use does with an answer is not to be in here and in the pace.
    discount_rate : float
        Per year.
    delay : float
        Years until the answer; of a year that it falls in the rest counts.

    Returns
    -------
    float or DataArray
        Discounted persons (…); the horizon is the last year given.

    Examples
    --------
    >>> population_affected([100, 100, 100], discount_rate=0.0, delay=1.5)
    150.0
    """
    if delay < 0 or discount_rate <= -1:
        raise ValueError(f"delay = {delay:g} must be 0 or more, and discount_rate = {discount_rate:g} above -1")
    starts = starts_per_year.transpose(..., "year") if isinstance(starts_per_year, xr.DataArray) else starts_per_year
    counts = np.asarray(starts, float)
    if counts.size and counts.min() < 0:
        raise ValueError(f"starts_per_year holds {counts.min():g}; persons are 0 or more")
    total = (counts * _present(counts.shape[-1], discount_rate, delay)).sum(axis=-1)
    if isinstance(starts, xr.DataArray):
        return starts.isel(year=0, drop=True).copy(data=total)
    return float(total) if total.ndim == 0 else total


def _present(years: int, discount_rate: float, delay: float) -> np.ndarray:
    time = np.arange(years)
    share: np.ndarray = np.clip(time + 1 - delay, 0, 1)
    return share * (1 + discount_rate) ** -time


def enbs(
    evsi: xr.DataArray,
    *,
    population: Any,
    fixed_cost: float,
    cost_per_participant: float,
    arms: int = 1,
    loss_per_participant: float = 0.0,
) -> xr.DataArray:
    """Expected net benefit of sampling, EVSI(n) x population - fixed cost - participants x (cost + loss), over ``n``. SEK.

    Parameters
    ----------
    evsi : DataArray
        (n[, …]), SEK per decision, from :func:`pmbudget.appraisal.evsi`.
    population : float or DataArray
        Persons that the answer reaches (:func:`population_affected`), discounted; over ``n`` where a larger study takes longer.
    fixed_cost, cost_per_participant : float
        SEK.
    arms : int
        Participants for each ``n``.
    loss_per_participant : float
        Expected net benefit that a participant forgoes by being in the study, SEK.
    """
    for name, value in (("fixed_cost", fixed_cost), ("cost_per_participant", cost_per_participant), ("arms", arms)):
        if value < 0:
            raise ValueError(f"{name} = {value:g} must be 0 or more")
    evsi, population = matched(evsi=evsi, population=population)
    participants = arms * evsi["n"]
    worth = evsi.reset_coords(drop=True) * population
    return worth - fixed_cost - participants * (cost_per_participant + loss_per_participant)


def best_size(net_benefit: xr.DataArray) -> xr.Dataset:
    """The size of the highest expected net benefit of sampling; n = 0, no study, where that is not above 0.

    Returns
    -------
    Dataset
        ``n`` and ``enbs`` over the dims of ``net_benefit`` but n.
    """
    highest = net_benefit.max("n")
    size = net_benefit["n"].isel(n=net_benefit.argmax("n")).reset_coords(drop=True)
    pays = highest > 0
    return xr.Dataset({"n": size.where(pays, 0), "enbs": highest.where(pays, 0.0)})


def value_of_implementation(cost: xr.DataArray, qaly: xr.DataArray, wtp: Any, current_use: Any) -> xr.Dataset:
    """Value of implementation beside value of information (Fenwick, Claxton and Sculpher 2008, Medical Decision Making 28:21).

    Parameters
    ----------
    cost, qaly : DataArray
        (draw, strategy), SEK and QALY.
    wtp : float or 1-D array
        SEK per QALY.
    current_use : DataArray or mapping
        Share of patients by strategy (strategy[, …]), summing to 1.

    Returns
    -------
    Dataset
        Expected net benefit in the four states, SEK per patient: ``current`` (what is known, as used now), ``implementation`` (what is best
        on average, for all), ``information`` (all known, used as now: use that does not answer to knowledge gains nothing by it, so that
        this equals ``current``) and ``perfect`` (the best of each draw, for all). ``evpim`` = implementation - current,
        ``evpi`` = perfect - implementation; they add up to perfect - current.
    """
    if isinstance(current_use, Mapping):
        names = [str(name) for name in cost["strategy"].to_numpy()]
        if set(current_use) != set(names):
            raise ValueError(f"current_use names {', '.join(map(str, current_use))}; give each of {', '.join(names)}")
        current_use = xr.DataArray([current_use[name] for name in names], {"strategy": names})
    cost, qaly, current_use = matched(cost=cost, qaly=qaly, current_use=current_use)
    shares = current_use.sum("strategy")
    if float(np.abs(shares - 1).max()) > 1e-9 or float(current_use.min()) < 0:
        raise ValueError(
            f"current_use sums to {float(shares.max()):.4g} and its least is {float(current_use.min()):.3g}; "
            "give each strategy's share of all patients"
        )
    parts = []
    for threshold in np.atleast_1d(np.asarray(wtp, float)):
        benefit = net_monetary_benefit(cost, qaly, float(threshold))
        mean = benefit.mean("draw")
        current = (current_use * mean).sum("strategy")
        parts.append(
            xr.Dataset(
                {
                    "current": current,
                    "implementation": mean.max("strategy"),
                    "information": current,
                    "perfect": benefit.max("strategy").mean("draw"),
                }
            )
        )
    found = xr.concat(parts, dim=xr.DataArray(np.atleast_1d(np.asarray(wtp, float)), dims="wtp", name="wtp"))
    found["evpim"] = found["implementation"] - found["current"]
    found["evpi"] = found["perfect"] - found["implementation"]
    return found.isel(wtp=0, drop=True) if np.ndim(wtp) == 0 else found


def adoption(
    expected: np.ndarray,
    *,
    starts_per_year: Any,
    use_per_year: Any,
    discount_rate: float,
    delay: float,
    research_cost: float,
    investment: float = 0.0,
    reversal_cost: float = 0.0,
    treated_in_research: float = 0.0,
    today_per_year: Any = 0.0,
    added_per_patient: float = 0.0,
    other_per_year: Any = 0.0,
    expected_other: Any = 0.0,
) -> pd.DataFrame:
    """What to do now: approve, approve with research, use only in research, or reject.

    Parameters
    ----------
    expected : ndarray
        Expected incremental net benefit per patient of the new strategy after the study, one value for each possible result (draw,);
        its mean is what is expected now (:func:`pmbudget.appraisal.evsi.expected_after`). SEK.
    starts_per_year : array_like
        Eligible patients by year from now.
    use_per_year : array_like
        Share of them that get the new strategy if it is approved now, by year from approval: the pace, for once.
    discount_rate : float
        Per year.
    delay : float
        Years until the result.
    research_cost : float
        Of the study, SEK.
    investment : float
        Spent on approval and not to be had back, SEK.
    reversal_cost : float
        Of withdrawing what has been approved, SEK when it is done.
    treated_in_research : float
        Patients who get the new strategy inside the study.
    today_per_year : float or array_like
        Share that get it by year as things are: what rejecting leaves as it is, and what a result can also end. With some, ``withdraw``
        is a fifth option, so that ending what is known to be too dear is not counted as the study's doing.
    added_per_patient : float
        What a patient moved beyond today's use is worth more than ``expected``, for what one patient does not show: prices that move,
        queues. SEK; nothing of it falls on today's use, so that what ending that is worth does not depend on the programme.
    other_per_year : float or array_like
        Share that by year as things are get yet another strategy, which approval replaces and a result can also end.
    expected_other : float or ndarray
        As ``expected``, of one of these patients as things are. ``expected`` is then against what those who get the new strategy would
        have had.

    Returns
    -------
    DataFrame
        Index option; ``value`` SEK present value against no use at all; ``extend``, ``keep`` and ``withdraw`` the probabilities that in the
        end the new strategy is introduced, left at today's use or withdrawn; ``best`` whether no other option is worth more. Approved
        only after the study, use takes its pace from then.
    """
    eligible, programme = np.asarray(starts_per_year, float), np.asarray(use_per_year, float)
    if eligible.shape != programme.shape or eligible.ndim != 1:
        raise ValueError(f"starts_per_year is {eligible.shape} and use_per_year {programme.shape}; give both by year")
    years = len(eligible)
    today, other = (np.broadcast_to(np.asarray(share, float), (years,)) for share in (today_per_year, other_per_year))
    late = min(int(np.ceil(delay)), years)
    delayed = np.maximum(np.concatenate([today[:late], programme[: years - late]]), today)

    def used(shares: np.ndarray, wait: float) -> float:
        return float((eligible * shares * _present(years, discount_rate, wait)).sum())

    def worth(of: Any, of_other: Any, shares: np.ndarray, wait: float) -> Any:
        moved = of * used(shares, wait) + added_per_patient * used(shares - today, wait)
        return moved + of_other * used(other, wait)

    results, at_result = (expected, expected_other), (1 + discount_rate) ** -delay
    means = (float(expected.mean()), float(np.mean(expected_other)))
    gone, some_today = -reversal_cost * at_result, bool(today.any() or other.any())
    kept = worth(*results, today, delay)
    # Going back, to today's use or to none, costs a reversal; beginning late costs the investment late.
    approved = np.stack([worth(*results, programme, delay), kept + gone, np.full_like(expected, gone)])
    waited = np.stack(
        [
            worth(*results, delayed, delay) - investment * at_result,
            kept,
            np.full_like(expected, gone if some_today else 0.0),
        ]
    )
    before = {
        name: worth(*means, use, 0) - worth(*means, use, delay) for name, use in (("new", programme), ("old", today))
    }
    rows = {
        "approve": (worth(*means, programme, 0) - investment, *_certain(0)),
        "approve_with_research": (
            before["new"] + float(approved.max(axis=0).mean()) - investment - research_cost,
            *_chosen(approved),
        ),
        "only_in_research": (
            before["old"] + treated_in_research * means[0] + float(waited.max(axis=0).mean()) - research_cost,
            *_chosen(waited),
        ),
        "reject": (worth(*means, today, 0), *_certain(1)),
    }
    if some_today:
        rows["withdraw"] = (-reversal_cost, *_certain(2))
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "extend", "keep", "withdraw"])
    return frame.rename_axis("option").assign(best=frame["value"] == frame["value"].max())


def _certain(choice: int) -> list[float]:
    return np.eye(3)[choice].tolist()


def _chosen(values: np.ndarray) -> list[float]:
    """How often each of three choices is best."""
    return (np.bincount(values.argmax(axis=0), minlength=3) / values.shape[1]).tolist()


def uncertainty_burden(benefit: xr.DataArray, population: Any, *, strategy: str) -> xr.DataArray:
    """What uncertainty costs whoever has committed to a strategy, population x E[max over strategies - this one]. SEK.

    Parameters
    ----------
    benefit : DataArray
        (draw, strategy, …) net benefit per patient, or in all with ``population`` 1, over payers and sharing designs: each payer's own
        share of cost and of what health is worth to it.
    population : float or DataArray
        Persons.
    strategy : str
        The one committed to.
    """
    names = [str(name) for name in benefit["strategy"].to_numpy()]
    if strategy not in names:
        raise ValueError(f"strategy = {strategy!r} is not one of {', '.join(names)}")
    benefit, population = matched(benefit=benefit, population=population)
    return population * (benefit.max("strategy") - benefit.sel(strategy=strategy, drop=True)).mean("draw")
