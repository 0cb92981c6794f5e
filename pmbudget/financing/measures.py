"""What clauses count beside cost, as columns over (draw, region, year): coverage, persons, what is known, what health is worth."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from pmbudget.evidence.learning import Belief, learnt
from pmbudget.inputs.cases import Case
from pmbudget.patient.contracted import responding
from pmbudget.patient.costing import Draws, by_draw
from pmbudget.patient.per_patient import increment
from pmbudget.programme.gate import belief_of
from pmbudget.vocabulary import BLOCK

LAG = 1
"""Years from a patient's start until the outcome is known."""


def measures_of(
    reached: xr.DataArray,
    eligible: xr.DataArray,
    patients: xr.DataArray,
    facts: xr.Dataset,
    *,
    broad: Sequence[str],
    places: Sequence[str],
) -> dict[str, np.ndarray]:
    """The measures of :class:`pmbudget.financing.books.Terms` for the mix ``new``.

    Parameters
    ----------
    reached, eligible : DataArray
        (draw, mix, region, year), share of the eligible who are broadly tested, and (draw, region, year), persons.
    patients : DataArray
        (draw, mix, fate, region, year), persons.
    facts : Dataset
        Per draw, and per year where it says so. By broad ``strategy``: ``acted_on``, the share of those tested whose result is acted on,
        and ``health_value``, SEK per patient moved to it from the comparator. ``rebate_ratio`` and ``years_per_krona`` of drugs in the
        benefit; ``benefit``, the net benefit per patient of the new strategy in SEK. ``known`` and ``expected_benefit`` (draw, year) are
        what follow-up tells before each year of the probability that it is positive and of its mean; without them nothing is learnt, and
        the forecast holds for good.
    broad : sequence of str
        The strategies of the broadly tested.
    places : sequence of str
        Labels of the region axis of the accounts; what is national has none of anything.
    """

    def column(values: xr.DataArray) -> np.ndarray:
        padded = values.reindex(region=list(places), fill_value=0.0)
        return padded.transpose("draw", "region", "year").to_numpy()

    tested, today = (
        {name: column(patients.sel(fate=name, mix=mix, drop=True)) for name in broad} for mix in ("new", "today")
    )
    plain = [name for name in facts.data_vars if name != "index" and "strategy" not in facts[name].dims]
    each = {str(name): _per_draw(facts[name], reached["year"]) for name in plain}

    def weighed(persons: Mapping[str, np.ndarray], name: str) -> np.ndarray:
        values = {one: _per_draw(facts[name].sel(strategy=one), reached["year"]) for one in persons}
        return _sum([those * values[one] for one, those in persons.items()])

    more = {name: (tested[name] - today[name]).sum(axis=1, keepdims=True) for name in broad}
    return {
        **each,
        "coverage": column(reached.sel(mix="new", drop=True)),
        "coverage_today": column(reached.sel(mix="today", drop=True)),
        "eligible": column(eligible),
        "tested": _sum(list(tested.values())),
        "acted_on": weighed(tested, "acted_on"),
        "health_value": weighed(more, "health_value"),
    }


def _sum(parts: Sequence[np.ndarray]) -> np.ndarray:
    return sum(parts[1:], start=parts[0])


def _per_draw(values: xr.DataArray, years: xr.DataArray) -> np.ndarray:
    """(draw, 1, year or 1); years since a patient's start stand in place of years."""
    if "year" in values.dims:
        return values.sel(year=years).transpose("draw", "year").to_numpy()[:, None, :]
    if "since" in values.dims:
        return values.transpose("draw", "since").to_numpy()[:, None, :]
    return values.to_numpy()[:, None, None]


def facts_of(
    draws: Draws,
    case: Case,
    outcomes: xr.Dataset,
    cost: xr.DataArray,
    qaly: xr.DataArray,
    *,
    years: list[int],
    price_year: int,
    drugs: xr.Dataset | None = None,
) -> xr.Dataset:
    """What clauses count per draw beside cost and persons, as :func:`measures_of` reads it.

    Parameters
    ----------
    draws : Dataset
        With ``inflation``, a year, and ``wtp_very_high``, SEK per QALY.
    outcomes : Dataset
        As from :func:`pmbudget.patient.simulate`, with the comparator and the broad strategies.
    cost, qaly : DataArray
        (draw, strategy): discounted, per patient; cost at the prices that patients meet.
    years : list of int
    price_year : int
        Of all money.
    drugs : Dataset, optional
        ``net`` and ``rebate`` (draw, year, resource), as from :func:`pmbudget.programme.drug_prices.drug_prices`; without it, and for
        drugs that it leaves out, prices and rebates are those of the price year.

    Returns
    -------
    Dataset
        (draw, strategy) ``acted_on`` and ``health_value``, of the broad strategies; (draw,) ``benefit``; ``index`` (draw, year);
        ``rebate_ratio`` and ``years_per_krona`` (draw,), by year too where drugs' prices move; ``response`` (draw,) and ``responding``
        (draw, since), as :func:`pmbudget.patient.contracted.responding` has them.
    """
    broad = list(case.broad)
    # Those on a path to what the finding leads to, as chapter 02 has them; who leaves before a later line is on none.
    acted_on = outcomes["on_path"].sel(strategy=broad).drop_sel(path="never").sum("path")
    each = qaly.sel(strategy=broad) - qaly.sel(strategy=case.comparator, drop=True)
    gained, dearer = increment(qaly, case), increment(cost, case)
    whole = xr.ones_like(gained)
    since = xr.DataArray(np.array(years) - price_year, dims="year", coords={"year": years})
    facts = {
        "acted_on": (acted_on * whole).transpose("draw", "strategy"),
        "health_value": (draws["wtp_very_high"] * each).transpose("draw", "strategy"),
        "benefit": draws["wtp_very_high"] * gained - dearer,
        "index": ((1 + draws["inflation"] * whole) ** since).transpose("draw", "year"),
        **_benefit_drugs(draws, case, outcomes, whole, xr.Dataset() if drugs is None else drugs.sel(year=years)),
        **_responses(draws, case, outcomes),
    }
    return xr.Dataset(
        {name: values.variable for name, values in facts.items()}, coords={"year": years, "strategy": broad}
    )


def _responses(draws: Draws, case: Case, outcomes: xr.Dataset) -> dict[str, xr.DataArray]:
    """The share of those contracted for who respond, weighed by what they cost a year; all of them where the case has none."""
    treated = outcomes["treated"].sel(strategy=case.new, drop=True).transpose("management", "draw")
    found = xr.DataArray(responding(draws, case, treated), dims=("draw", "since"))
    return {"response": found.isel(since=1), "responding": found}


def learning_facts(
    draws: Draws, case: Case, facts: xr.Dataset, tested: xr.DataArray, *, belief: Belief | None, noise: np.ndarray
) -> dict[str, xr.Variable]:
    """What follow-up of those tested teaches of the net benefit per patient, and what a row shows; SEK.

    The follow-up is the case's own, whatever an agreement pays for; what is known in a year rests on patients who started in years before
    the last, as with a gate.

    Parameters
    ----------
    facts : Dataset
        With ``benefit`` (draw,), each draw of which is taken as the truth in turn.
    tested : DataArray
        (draw, year), persons broadly tested in the nation.
    belief : Belief, optional
        What was known of ``benefit`` before; without one, what these draws say.
    noise : ndarray
        (draw, year), standard normal.

    Returns
    -------
    dict
        ``learnt_mean`` and ``learnt_sd`` (draw, year), the belief at the beginning of each year; ``row_sd`` (draw,), the standard
        deviation of what one row shows, infinite for a case that follows nobody; ``usable`` (draw, year), the share of rows that may be
        used; ``discount_rate`` (draw,).
    """
    truth = facts["benefit"].to_numpy()
    size = len(truth)
    years = tested["year"].to_numpy()
    followed, row_sd, usable = np.zeros((size, len(years))), np.full(size, np.inf), np.ones((size, len(years)))
    if case.follow_up is not None:
        plan = case.follow_up
        row_sd = by_draw(draws, [plan.patient_sd, "wtp_very_high"])
        lawful, before, share = (by_draw(draws, [name]) for name in (plan.lawful, plan.before_lawful, plan.followed))
        usable = np.where(lawful[:, None] <= years, 1.0, before[:, None])
        followed = tested.transpose("draw", "year").to_numpy() * share[:, None] * usable
    prior = belief or belief_of(facts["benefit"].isel(draw=slice(0, BLOCK)))
    mean, sd = learnt(truth, prior, patients=followed, patient_sd=row_sd, noise=noise, lag=LAG)
    return {
        "learnt_mean": xr.Variable(("draw", "year"), mean),
        "learnt_sd": xr.Variable(("draw", "year"), sd),
        "row_sd": xr.Variable("draw", row_sd),
        "usable": xr.Variable(("draw", "year"), usable),
        "discount_rate": xr.Variable("draw", np.array(by_draw(draws, ["discount_rate_cost"]))),
    }


def _benefit_drugs(
    draws: Draws, case: Case, outcomes: xr.Dataset, whole: xr.DataArray, drugs: xr.Dataset
) -> dict[str, xr.DataArray]:
    """SEK of rebate, and years of treatment, per SEK of net cost of drugs in the pharmaceutical benefit; 0 where nothing is stated.

    Of the comparator and the strategy in use, so that no mix of today depends on what a scenario rolls out.
    """
    rebate = years = cost = 0.0 * whole
    outcomes = outcomes.sel(strategy=[case.comparator, case.in_use])
    for name, resource in case.resources.items():
        if resource.channel == "benefit":
            spent, used = (
                (outcomes[kind].sum("year_since_start") + outcomes[f"{kind}_once"]).sel(resource=name).sum("strategy")
                for kind in ("cost", "activity")
            )
            share = draws[resource.rebate] if resource.rebate else 0.0
            net, left = whole, share / (1 - share) * whole
            if name in drugs.coords.get("resource", ()):
                net, left = (drugs[kind].sel(resource=name, drop=True) for kind in ("net", "rebate"))
            cost, rebate = cost + spent * net, rebate + spent * left
            years = years + (used / resource.per_year if resource.per_year else 0.0)
    return {"rebate_ratio": (rebate / cost).fillna(0.0), "years_per_krona": (years / cost).fillna(0.0)}
