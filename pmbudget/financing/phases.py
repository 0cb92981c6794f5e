"""Funding by phase: what eligible money covers each year, what is missing, and what is lost to administration."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from scipy.optimize import linprog

from pmbudget.inputs.funding import Funding


def covered_by_phase(
    cost: xr.DataArray,
    funds: xr.DataArray,
    eligible: Mapping[str, Sequence[str]],
    *,
    priority: Sequence[str] | None = None,
) -> xr.Dataset:
    """The most that eligible money can cover in each year; what can be used for several phases goes by ``priority``.

    Parameters
    ----------
    cost : DataArray
        (phase, year), phases in their order.
    funds : DataArray
        (fund, year): what there is of each, of no use in another year.
    eligible : mapping
        Fund to the phases it may pay for.
    priority : sequence of str, optional
        Phases, the most urgent first; by default in their order. Covering more always comes before covering what is urgent.

    Returns
    -------
    Dataset
        ``covered`` (phase, fund, year), ``gap`` (phase, year): what no eligible money is left for, and ``unused`` (fund, year).

    Raises
    ------
    ValueError
        A fund eligible for a phase that does not exist, or a negative cost or fund.

    Examples
    --------
    Money that only research may use is used there, so that more of the rest reaches care.

    >>> year = {"year": [2026]}
    >>> cost = xr.DataArray([[10.0], [10.0]], dims=("phase", "year"), coords={"phase": ["research", "care"], **year})
    >>> funds = xr.DataArray([[10.0], [8.0]], dims=("fund", "year"), coords={"fund": ["any", "research only"], **year})
    >>> found = covered_by_phase(cost, funds, {"any": ["research", "care"], "research only": ["research"]})
    >>> found["gap"].sel(year=2026).values.round(6).tolist(), float(found["unused"].sum().round(6))
    ([0.0, 2.0], 0.0)
    """
    phases, names = [str(one) for one in cost["phase"].to_numpy()], [str(one) for one in funds["fund"].to_numpy()]
    unknown = sorted({phase for allowed in eligible.values() for phase in allowed} - set(phases))
    if unknown:
        raise ValueError(f"eligible names the phase {', '.join(unknown)}; use one of {', '.join(phases)}")
    if float(cost.min()) < 0 or float(funds.min()) < 0:
        raise ValueError("a cost or a fund is below 0; give what is spent and what there is")
    allowed = np.array([[phase in eligible.get(name, ()) for name in names] for phase in phases], float)
    order = list(priority or phases)
    worth = -(1 - 1e-3 * np.array([order.index(phase) for phase in phases]))[:, None] * np.ones_like(allowed)
    by_phase = np.kron(np.eye(len(phases)), np.ones(len(names)))
    by_fund = np.kron(np.ones(len(phases)), np.eye(len(names)))
    covered = np.zeros((len(phases), len(names), cost.sizes["year"]))
    for place, year in enumerate(cost["year"].to_numpy()):
        needed, there = cost.sel(year=year).to_numpy(), funds.sel(year=year).to_numpy()
        bounds = [(0.0, float(most)) for most in (allowed * np.minimum(needed[:, None], there)).ravel()]
        found = linprog(worth.ravel(), np.vstack([by_phase, by_fund]), np.concatenate([needed, there]), bounds=bounds)
        covered[..., place] = found.x.reshape(allowed.shape)
    coords = {"phase": phases, "fund": names, "year": cost["year"].to_numpy()}
    used = xr.DataArray(covered, dims=("phase", "fund", "year"), coords=coords)
    return xr.Dataset({"covered": used, "gap": cost - used.sum("fund"), "unused": funds - used.sum("phase")})


def project_cover(left: np.ndarray, funding: Funding, years: list[int], *, provider_may_receive: bool) -> xr.Dataset:
    """What project money covers of the field's early phases, and of what is left to the regions in care development.

    Parameters
    ----------
    left : ndarray
        (year,): what care development leaves to the regions, MSEK; below 0 counts as nothing.
    funding : Funding
    years : list of int
        Years of the programme.
    provider_may_receive : bool
        Whether a care provider may receive project money.

    Returns
    -------
    Dataset
        As from :func:`covered_by_phase`, MSEK, phases ``early`` and ``care_development``.
    """
    rows = []
    for fund in funding.funds.values():
        lost = funding.administration_project if fund.project else funding.administration_grant
        amounts = np.zeros(len(years))
        amounts[: len(fund.amounts)] = fund.amounts[: len(years)]
        rows.append(amounts * (1 - lost))
    funds = xr.DataArray(np.array(rows), dims=("fund", "year"), coords={"fund": list(funding.funds), "year": years})
    early = np.resize(list(funding.early), len(years))
    cost = xr.DataArray(
        np.array([early, left.clip(min=0)]),
        dims=("phase", "year"),
        coords={"phase": ["early", "care_development"], "year": years},
    )
    allowed = {
        name: [one for one in fund.phases if provider_may_receive or not (fund.project and one == "care_development")]
        for name, fund in funding.funds.items()
    }
    first = ("care_development", "early") if provider_may_receive else ("early", "care_development")
    return covered_by_phase(cost, funds, allowed, priority=first)


def lost_to_administration(money: float, *, project: float, grant: float) -> tuple[float, float, float]:
    """What of ``money`` goes to administration as project money and as a long-term grant, and the difference.

    >>> [round(one, 2) for one in lost_to_administration(80.0, project=0.15, grant=0.01)]
    [12.0, 0.8, 11.2]
    """
    return money * project, money * grant, money * (project - grant)
