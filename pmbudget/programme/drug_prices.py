"""A drug's price over its life: exclusivity, competition under the rules of the benefit, tenders; month by month, in real terms."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.price_paths import BenefitPath, PricePath, TenderPath
from pmbudget.patient.costing import Draws, by_draw

MONTHS = 12
CUT_DAYS = (5 / 12, 11 / 12)
"""When in the year cuts under the fifteen-year rule fall: 1 June and 1 December (TLV, the source of ``cut_old_drugs``)."""


def drug_prices(
    draws: Draws, case: Case, paths: Mapping[str, PricePath], *, years: list[int], shown: int, price_year: int
) -> xr.Dataset:
    """Prices of drugs by calendar year, each the mean of its months, relative to the net price of the price year.

    With rebate share r, the list price L(t) is 1 in the price year, and

        net(t) = min(1 - r, L(t)) / (1 - r),    rebate(t) = L(t) / (1 - r) - net(t),

    so that competition takes the rebate first, and the net price only falls where the list price falls below it. Both follow the trend,
    (1 + trend)^(t - price year), until the year ``shown``; after it what is dated goes on and the trend does not.

    Parameters
    ----------
    draws : Dataset
        Parameters over ``draw``.
    case : Case
    paths : mapping of str to PricePath
        By resource. What happens before the price year is in today's price already.
    years : list of int
    shown : int
        The last year for which a trend is told.
    price_year : int

    Returns
    -------
    Dataset
        (draw, year, resource): ``net`` and ``rebate``, per SEK of net cost in the price year.
    """
    months = years[0] + (np.arange(len(years) * MONTHS) + 0.5) / MONTHS
    elapsed = np.clip(np.minimum(years, shown) - price_year, 0, None)
    net, rebate = [], []
    for name, path in paths.items():
        given = case.resources[name].rebate
        paid = 1 - (by_draw(draws, [given]) if given else np.zeros(draws.sizes["draw"]))[:, None]
        price = list_price(draws, path, months) / list_price(draws, path, np.array([float(price_year)]))
        after = np.minimum(paid, price)
        trend = (1 + by_draw(draws, [path.trend])[:, None]) ** elapsed
        net.append(_by_year(after / paid) * trend)
        rebate.append(_by_year((price - after) / paid) * trend)
    coords = {"year": years, "resource": list(paths)}
    columns = {"net": net, "rebate": rebate}
    shape = (draws.sizes["draw"], len(years), 0)
    return xr.Dataset(
        {
            name: (("draw", "year", "resource"), np.stack(parts, axis=-1) if parts else np.ones(shape))
            for name, parts in columns.items()
        },
        coords,
    )


def list_price(draws: Draws, path: PricePath, times: np.ndarray) -> np.ndarray:
    """A drug's list price (draw, time), relative to that under exclusivity, at ``times`` in calendar years."""
    return _in_benefit(draws, path, times) if isinstance(path, BenefitPath) else _tendered(draws, path, times)


def _in_benefit(draws: Draws, path: BenefitPath, times: np.ndarray) -> np.ndarray:
    """The mean of what is dispensed, (1 - cut) x (e x (1 - f x g) + (1 - e) x c).

    g goes from 0 when exclusivity ends to 1 some years later; e is exchanged at the cheapest price and the rest is paid by the original's,
    c, which is 1 until the ceiling holds: the cheapest has fallen by what the rule asks for, and its waiting time is over. The cut of the
    fifteen-year rule falls on the first of its days after the drug has reached the age, where competition is none or weak on that day: the
    cheapest has not yet fallen by ``fall_strong_competition``.
    """
    end, fall, years = (by_draw(draws, [name])[:, None] for name in (path.exclusivity_ends, path.fall, path.years))
    old = cut_day(by_draw(draws, [path.approved]) + by_draw(draws, ["years_old_drugs"]))[:, None]
    cheapest, then = (1 - fall * np.clip((time - end) / years, 0, 1) for time in (times, old))
    paid = cheapest
    if path.exchanged is not None:
        exchanged, ceiling, enough, wait = (
            by_draw(draws, [name])[:, None]
            for name in (path.exchanged, "share_price_ceiling", "fall_price_ceiling", "years_price_ceiling")
        )
        holds = (cheapest <= 1 - enough) & (times >= end + wait)
        paid = exchanged * cheapest + (1 - exchanged) * np.where(holds, ceiling, 1.0)
    weak = then > 1 - by_draw(draws, ["fall_strong_competition"])[:, None]
    cut = by_draw(draws, ["cut_old_drugs"])[:, None] * ((times >= old) & weak)
    return np.asarray(paid * (1 - cut))


def _tendered(draws: Draws, path: TenderPath, times: np.ndarray) -> np.ndarray:
    """1 - fall x (s from the first tender after exclusivity, 1 from the one after it)."""
    names = (path.exclusivity_ends, path.fall, path.contract, path.contract_left, path.first_tender)
    end, fall, contract, left, first = (by_draw(draws, [name])[:, None] for name in names)
    tender = end + left * contract
    return np.asarray(1 - fall * (first * (times >= tender) + (1 - first) * (times >= tender + contract)))


def cut_day(reached: np.ndarray) -> np.ndarray:
    """The first day of cuts on or after the time at which a drug has ``reached`` the age, in calendar years.

    Examples
    --------
    >>> [round(float(day), 3) for day in cut_day(np.array([2030.1, 2030.6, 2030.99]))]
    [2030.417, 2030.917, 2031.417]
    """
    year = np.floor(reached)
    first, last = (year + day for day in CUT_DAYS)
    return np.where(reached <= first, first, np.where(reached <= last, last, first + 1))


def _by_year(months: np.ndarray) -> np.ndarray:
    return months.reshape(len(months), -1, MONTHS).mean(axis=-1)
