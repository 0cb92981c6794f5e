"""What a case's limits let through: from posts and hours to persons a month, and from those who wait to who starts what."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.inputs.capacity import WAITING, Capacity, Limit, Organisation
from pmbudget.inputs.cases import Case
from pmbudget.patient.costing import Draws, product
from pmbudget.patient.outcomes import DAYS_IN_YEAR, resource_coordinates
from pmbudget.programme.capacity import MONTHS, by_year, queue, staff
from pmbudget.programme.hubs import laboratories, laboratory_service
from pmbudget.programme.population import Broad

MINUTES = 60
HELD = "today"
"""The mix whose use is held, and by that staffed."""


def extra_use(draws: Draws, case: Case, outcomes: xr.Dataset, limit: Limit, strategy: str) -> xr.DataArray:
    """What a patient uses of a limit more than what the comparator sets free (draw,), in the measure of its resources."""
    use = outcomes["activity_once"].sel(resource=list(limit.resources)).sum("resource")
    more = use.sel(strategy=strategy, drop=True)
    return more - draws[limit.released] * use.sel(strategy=case.comparator, drop=True) if limit.released else more


def extra_use_of_unfit(draws: Draws, case: Case, outcomes: xr.Dataset, limit: Limit, strategy: str) -> xr.DataArray:
    """As :func:`extra_use`, for one tested with the diagnosis who proves not fit: the laboratory's work, and no conference (draw,)."""
    own = tuple(name for name in limit.resources if case.resources[name].unit == "diagnostic_unit")
    return extra_use(draws, case, outcomes, limit.model_copy(update={"resources": own}), strategy)


def output(draws: Draws, case: Case, limit: Limit) -> xr.DataArray:
    """What one post or instrument yields a year, in the measure of the limit's resources."""
    in_minutes = case.resources[limit.resources[0]].measure == "minutes"
    return xr.DataArray(product(draws, limit.output)) * (MINUTES if in_minutes else 1)


def share_of_region(draws: Draws, limit: Limit, regions: pd.DataFrame) -> xr.DataArray:
    """Each region's share of the supply (…, region): by population, varied by the limit's deviation."""
    codes = regions.index.to_numpy()
    size = xr.DataArray(regions["population"].astype(float), dims="region", coords={"region": codes})
    if limit.deviation is not None:
        size = size * np.exp(draws[limit.deviation].sel(region=codes))
    return size / size.sum("region")


def persons_a_month(
    draws: Draws,
    case: Case,
    regions: pd.DataFrame,
    limit: Limit,
    units: xr.DataArray | float,
    extra: xr.DataArray,
) -> xr.DataArray:
    """Persons a month whom that many whole posts or instruments, spread over the regions as all are, can serve (…, region).

    Infinite where a patient uses no more than the comparator sets free: ``extra``, of :func:`extra_use`, is 0 or less.
    """
    capable = units * output(draws, case, limit) / MONTHS * share_of_region(draws, limit, regions)
    return (capable / extra.where(extra > 0, 1.0)).where(extra > 0, np.inf)


def persons_with(
    draws: Draws,
    case: Case,
    regions: pd.DataFrame,
    outcomes: xr.Dataset,
    limit: Limit,
    units: xr.DataArray | float,
    broad: Broad,
    held: xr.DataArray | float = 0.0,
    unfit: xr.DataArray | float = 0.0,
) -> xr.DataArray:
    """As :func:`persons_a_month` with the work that today's use is staffed for besides, for the strategy that the broadly tested get.

    That work, of ``held`` persons a month, is enough for as many of them with the strategy in use, and for held x extra in use / extra with
    another. Each brings the tests of the ``unfit``, persons tested with the diagnosis for each of the eligible.
    """

    def used(strategy: str) -> xr.DataArray:
        return extra_use(draws, case, outcomes, limit, strategy) + unfit * extra_use_of_unfit(
            draws, case, outcomes, limit, strategy
        )

    found, today = None, used(case.in_use)
    for name, share in broad.items():
        extra = used(name)
        own = held if name == case.in_use else held * (today / extra.where(extra > 0, 1.0))
        room = (own + persons_a_month(draws, case, regions, limit, units, extra)).clip(min=0.0)
        # Room may be without end, so that shares of 0 and 1 choose and do not weigh.
        found = room if found is None else room.where(xr.DataArray(share) > 0, found)
    assert found is not None
    return found


def in_mix(broad: Broad, mix: str) -> Broad:
    """What the broadly tested get in one mix, month by month."""
    return {
        name: each_month(share.sel(mix=mix, drop=True)) if isinstance(share, xr.DataArray) else share
        for name, share in broad.items()
    }


def staffing(draws: Draws, limit: Limit, added: xr.DataArray) -> xr.DataArray:
    """Supply in each month relative to the first (…, month); ``added`` (…, month) is hired on top of the usual, as a share of it."""
    if limit.attrition is None or limit.hires is None:
        return xr.ones_like(added)
    usual = draws[limit.hires] / MONTHS
    lag = draws[limit.lag] * MONTHS if limit.lag else 0.0
    return staff(1.0, attrition=draws[limit.attrition], ordered=usual * (1 + added), lag=lag, ordered_before=usual)


def monthly(yearly: xr.DataArray) -> xr.DataArray:
    """A year's persons spread evenly over its months: (…, year) to (month, region, …), as the queue walks them."""
    return each_month(yearly) / MONTHS


def each_month(yearly: xr.DataArray) -> xr.DataArray:
    """What holds in a year in each of its months: (…, year) to (month, region, …)."""
    rows = yearly.transpose("year", "region", ..., missing_dims="ignore")
    spread = rows.isel(year=np.repeat(np.arange(yearly.sizes["year"]), MONTHS))
    return spread.rename(year="month").drop_vars("month")


def courses(draws: Draws, capacity: Capacity, years: list[int], agreement_years: range) -> dict[str, xr.DataArray]:
    """By limit, its supply in each month relative to the first (…, month), with what an agreement adds while it runs."""
    running = xr.DataArray(np.repeat(np.isin(years, list(agreement_years)).astype(float), MONTHS), dims="month")
    added = running * draws[capacity.added_hires] if len(agreement_years) else running
    return {name: staffing(draws, limit, added) for name, limit in capacity.limits.items()}


def queue_terms(
    draws: Draws,
    case: Case,
    regions: pd.DataFrame,
    outcomes: xr.Dataset,
    wanted: xr.DataArray,
    unfit: xr.DataArray,
    broad: Broad,
    mix: str,
    course: Mapping[str, xr.DataArray],
    organisation: Organisation | None,
    limits: Collection[str],
) -> dict[str, Any]:
    """What :func:`pmbudget.programme.capacity.queue` needs for one mix.

    A limit lets through K(t) = S(t) / S(0) x (today's use + persons that the spare share of the supply can serve), persons a month; both
    with the strategy that the broadly tested get then and there, see :func:`persons_with`.

    Parameters
    ----------
    wanted : DataArray
        (draw, mix, region, year): persons who would be broadly tested.
    unfit : DataArray
        (draw, region, year): persons tested with the diagnosis who prove not fit, for each of the eligible.
    broad : mapping of str to DataArray or float
        What they get, over any of (draw, mix, region, year).
    course : mapping of str to DataArray
        Of :func:`courses`.
    limits : collection of str
        Those that hold.
    """
    capacity = case.capacity
    assert capacity is not None
    chosen = {name: limit for name, limit in capacity.limits.items() if name in limits}
    held = monthly(wanted.sel(mix=HELD, drop=True))
    rates = loss_rates(draws, capacity)
    hazard = DAYS_IN_YEAR / MONTHS / draws[capacity.patience] + sum(rates.values())
    spare = {name: draws[limit.supply] * draws[limit.spare] for name, limit in chosen.items()}
    given, beside = in_mix(broad, mix), each_month(unfit)
    return {
        "demand": monthly(wanted.sel(mix=mix, drop=True)),
        "limits": {
            name: persons_with(draws, case, regions, outcomes, limit, spare[name], given, held, beside) * course[name]
            for name, limit in chosen.items()
        },
        "hazard": hazard,
        "share_lost": sum(rates.values()) / hazard,
        "laboratory": laboratories(organisation or capacity.laboratories.today, regions),
        "shared": [name for name, limit in chosen.items() if limit.shared],
    }


def loss_rates(draws: Draws, capacity: Capacity) -> dict[str, xr.DataArray]:
    """By reason, the rate per month of waiting at which patients leave the queue without either strategy."""
    return {name: draws[loss.rate] for name, loss in capacity.losses.items()}


def supplied(
    draws: Draws,
    case: Case,
    regions: pd.DataFrame,
    years: list[int],
    *,
    outcomes: xr.Dataset,
    starts: xr.DataArray,
    unfit: xr.DataArray,
    broad: Broad,
    organisation: Organisation | None,
    agreement_years: range,
    limits: Collection[str],
) -> tuple[xr.DataArray, xr.Dataset, xr.DataArray | None]:
    """What becomes of everybody under the limits of supply, and what another organisation of the laboratories costs.

    Today's use is held, so that the staff for it are there; in the other mixes what comes on top has to find room. Nobody disappears:
    who does not get through gets the comparator, or is lost for a stated reason, or waits. Who still waits when the last year ends is
    given the comparator's course, which in the other mixes would have begun before the year was over.

    Parameters
    ----------
    outcomes : Dataset
        ``activity_once`` (draw, strategy, resource): what a patient uses.
    starts : DataArray
        (draw, mix, strategy, region, year), persons who would start were there no limit; only ``years`` are limited.
    unfit : DataArray
        (draw, region, year): persons tested with the diagnosis who prove not fit, for each of the eligible: work for the laboratory.
    broad : mapping of str to DataArray or float
        What the broadly tested get, over any of (draw, mix, region, year): also who began to wait before that changed.
    organisation : str, optional
        Of the laboratories in the mix ``new``; today's if left out.
    agreement_years : range
        Years in which an agreement adds to hiring, in the mix ``new``.
    limits : collection of str
        The case's limits that hold; without any, nobody waits.

    Returns
    -------
    DataArray
        (draw, mix, fate, region, year), persons, in the year in which it is settled what they get. Fates are the strategies, and where
        limits hold the case's reasons of loss and ``waiting``. In every draw, mix, region and year: sum over fates + waiting at the
        year's end (but the last's) = starts + waiting at the end of the year before.
    Dataset
        (draw, mix, region, year): ``lost``, ``moved`` (to the comparator), ``waiting`` (at the year's end), persons, and
        ``months_waited``, person-months; (draw, mix, limit, region, year): ``bound``, share of the year's months in which a limit held
        back, 0 for one that does not hold; (draw, mix, limit, year), for all limits: posts or instruments that demand ``needed`` beyond
        today's use, ``open`` to it, and ``supply``, all.
    DataArray
        (draw, mix, region, year, resource), SEK against today's organisation; None where nothing changes.
    """
    assert case.capacity is not None
    broad = {n: share.sel(year=years) if isinstance(share, xr.DataArray) else share for n, share in broad.items()}
    tested, unfit = starts.sel(strategy=list(broad), year=years), unfit.sel(year=years)
    wanted = tested.sum("strategy", skipna=False)
    late, cost = _reorganised(draws, case, regions, outcomes, tested, unfit, organisation)
    through, load = {}, {}
    for mix in map(str, wanted["mix"].to_numpy()):
        course = courses(draws, case.capacity, years, agreement_years if mix == "new" else range(0))
        load[mix] = _load(draws, case, outcomes, tested, unfit, mix, course)
        if mix != HELD and limits:
            place = organisation if mix == "new" else None
            terms = queue_terms(draws, case, regions, outcomes, wanted - late, unfit, broad, mix, course, place, limits)
            through[mix] = by_year(queue(**terms), years, list(terms["limits"]))
    yearly = _by_mix(through, wanted, list(case.capacity.limits))
    yearly["moved"] = yearly["moved"] + late
    after = _fates(draws, case, starts, broad, yearly, waits=bool(limits))
    yearly = yearly.merge(xr.concat(list(load.values()), dim="mix").assign_coords(mix=list(load)))
    return after, yearly.transpose("draw", "mix", "limit", "region", "year", missing_dims="ignore"), cost


def _by_mix(through: Mapping[str, xr.Dataset], wanted: xr.DataArray, limits: list[str]) -> xr.Dataset:
    """The queues of the mixes side by side; nobody waits where there is none, and a limit that does not hold never binds."""
    if not through:
        nobody = xr.zeros_like(wanted)
        return xr.Dataset(dict.fromkeys(("lost", "moved", "waiting", "months_waited"), nobody))
    yearly = xr.concat(list(through.values()), dim="mix").assign_coords(mix=list(through))
    return yearly.drop_vars("started").reindex(mix=wanted["mix"].to_numpy(), limit=limits, fill_value=0.0)


def _fates(
    draws: Draws, case: Case, starts: xr.DataArray, broad: Broad, yearly: xr.Dataset, *, waits: bool
) -> xr.DataArray:
    """What becomes of those who would start (draw, mix, fate, region, year), persons."""
    assert case.capacity is not None
    gone = yearly["moved"] + yearly["lost"] + yearly["waiting"] - yearly["waiting"].shift(year=1, fill_value=0.0)
    change = {case.comparator: yearly["moved"], **{name: -gone * share for name, share in broad.items()}}
    if waits:
        rates = loss_rates(draws, case.capacity)
        all_rates = xr.DataArray(sum(rates.values()))
        # Where nobody can be lost no reason has a share of the lost.
        change |= {name: yearly["lost"] * (rate / all_rates.where(all_rates > 0, 1.0)) for name, rate in rates.items()}
        ends = yearly["year"] == yearly["year"][-1]
        change[WAITING] = yearly["waiting"] * ends
    moved = xr.concat(list(change.values()), dim="fate").assign_coords(fate=list(change))
    moved = moved.reindex(year=starts["year"].to_numpy(), fill_value=0.0)
    begun = starts.rename(strategy="fate").reindex(fate=list(change), fill_value=0.0)
    return (begun + moved).transpose("draw", "mix", "fate", "region", "year")


def _load(
    draws: Draws,
    case: Case,
    outcomes: xr.Dataset,
    tested: xr.DataArray,
    unfit: xr.DataArray,
    mix: str,
    course: Mapping[str, xr.DataArray],
) -> xr.Dataset:
    """Posts or instruments by limit and year in one mix: needed beyond today's use, open to it, and all there are.

    ``tested`` (draw, mix, strategy, region, year) are the persons who would be broadly tested; with each come the ``unfit``.
    """
    assert case.capacity is not None
    by_region = tested.sel(mix=mix, drop=True) - tested.sel(mix=HELD, drop=True)
    more, beside = by_region.sum("region"), (by_region * unfit).sum("region")
    parts = []
    for name, limit in case.capacity.limits.items():
        yearly = course[name].coarsen(month=MONTHS).mean().rename(month="year").assign_coords(year=more["year"])
        supply = draws[limit.supply] * yearly
        needed = [
            more.sel(strategy=name, drop=True) * extra_use(draws, case, outcomes, limit, str(name))
            + beside.sel(strategy=name, drop=True) * extra_use_of_unfit(draws, case, outcomes, limit, str(name))
            for name in more["strategy"].to_numpy()
        ]
        used = sum(needed[1:], start=needed[0]) / output(draws, case, limit)
        part = xr.Dataset({"needed": used, "open": supply * draws[limit.spare], "supply": supply})
        parts.append(part.broadcast_like(more.isel(strategy=0, drop=True)))
    return xr.concat(parts, dim="limit").assign_coords(limit=list(case.capacity.limits))


def _reorganised(
    draws: Draws,
    case: Case,
    regions: pd.DataFrame,
    outcomes: xr.Dataset,
    tested: xr.DataArray,
    unfit: xr.DataArray,
    organisation: Organisation | None,
) -> tuple[xr.DataArray, xr.DataArray | None]:
    """Persons whom another organisation's extra days lose to the comparator (draw, mix, region, year), and its cost against today's.

    ``tested`` (draw, mix, strategy, region, year) are who would be broadly tested. Who can wait ``patience`` days on average does not
    wait d more with probability 1 - exp(-d / patience). Days saved win nobody: the turnaround of the pathway is today's.
    """
    capacity = case.capacity
    assert capacity is not None
    wanted = tested.sum("strategy", skipna=False)
    here = (wanted["mix"] == "new").astype(float)
    if organisation is None or organisation == capacity.laboratories.today:
        return xr.zeros_like(wanted), None
    other, today = (
        service(draws, case, regions, outcomes, tested.sel(mix="new", drop=True) * (1 + unfit), which)
        for which in (organisation, capacity.laboratories.today)
    )
    days = (other["days"] - today["days"]).clip(min=0.0)
    late = wanted * here * -np.expm1(-days / draws[capacity.patience])
    name = capacity.laboratories.resource
    cost = ((other["cost"] - today["cost"]) * here).expand_dims(resource=1)
    cost = cost.assign_coords(resource_coordinates(case, [name]))
    return late.transpose(*wanted.dims), cost.transpose("draw", "mix", "region", "year", "resource")


def service(
    draws: Draws,
    case: Case,
    regions: pd.DataFrame,
    outcomes: xr.Dataset,
    patients: xr.DataArray,
    organisation: Organisation,
) -> xr.Dataset:
    """Cost and days (draw, region, year) of an organisation of the laboratories.

    ``patients`` (draw, strategy, region, year) are all whose samples are tested, also those who prove not fit for treatment.
    """
    assert case.capacity is not None
    plan = case.capacity.laboratories
    per_patient = outcomes["activity_once"].sel(strategy=patients["strategy"], resource=plan.samples, drop=True)
    population = xr.DataArray(regions["population"], dims="region", coords={"region": regions.index.to_numpy()})
    return laboratory_service(
        (patients * per_patient).sum("strategy", skipna=False),
        laboratories(organisation, regions),
        other_samples=draws[plan.other_samples] * population / population.sum(),
        fixed_cost=draws[plan.fixed_cost],
        cost_run=draws[plan.cost_run],
        batch=draws[plan.batch],
        longest_wait=draws[plan.longest_wait],
        transport_cost=draws[plan.transport_cost],
        transport_days=draws[plan.transport_days],
    )
