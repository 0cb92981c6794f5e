"""An agreement's plan with its starts: as written, or as the evidence lets them be."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.evidence.learning import Belief, gated_starts
from pmbudget.inputs.cases import Case
from pmbudget.inputs.paces import AgreedPace
from pmbudget.inputs.programmes import FollowUp, Uptake
from pmbudget.patient.costing import Draws
from pmbudget.programme.pace import Agreed, Held, OwnCourse, Pace


def paces_by_mix(
    plan: AgreedPace | None,
    case: Case,
    regions: pd.DataFrame,
    years: list[int],
    draws: Draws,
    *,
    eligible: xr.DataArray,
    worth: xr.DataArray | None,
    belief: Belief | None,
    noise: np.ndarray,
) -> tuple[dict[str, Pace], xr.DataArray | None]:
    """The pace of each mix, and P(worth it | known by then) (draw, year) where a gate decides; arguments as of :func:`gated`.

    Without ``belief``, what the draws themselves say of ``worth``.
    """
    today = years[0] - 1
    own = OwnCourse(case.uptake, today)
    paces: dict[str, Pace] = {"today": Held(case.uptake), "unplanned": own, "new": own}
    if plan is None:
        return paces, None
    written = planned(plan, case.uptake, today, regions)
    if plan.gate is None or worth is None:
        return {**paces, "new": written}, None
    if case.follow_up is None:
        raise ValueError("the pace has a gate and the case no follow_up; add follow_up to the case or remove the gate")
    opened, known = gated(
        plan,
        written,
        regions,
        years,
        draws,
        eligible=eligible,
        worth=worth,
        belief=belief or belief_of(worth),
        follow_up=case.follow_up,
        noise=noise,
    )
    return {**paces, "new": opened}, known


def belief_of(worth: xr.DataArray) -> Belief:
    """What draws of the worth (draw,) say before any follow-up; of one that does not vary, that it is as good as known."""
    return Belief(float(worth.mean()), max(float(worth.std()), 1e-6))


def planned(plan: AgreedPace, uptake: Uptake, today: int, regions: pd.DataFrame) -> Agreed:
    """The plan as it is written."""
    starts = xr.DataArray(
        [float(plan.start_of(code)) for code in regions.index], coords={"region": regions.index.to_numpy()}
    )
    return Agreed(uptake, today, starts, plan.ramp, plan.curve)


def gated(
    plan: AgreedPace,
    written: Agreed,
    regions: pd.DataFrame,
    years: list[int],
    draws: Draws,
    *,
    eligible: xr.DataArray,
    worth: xr.DataArray,
    belief: Belief | None,
    follow_up: FollowUp,
    noise: np.ndarray,
) -> tuple[Agreed, xr.DataArray]:
    """The plan with its waves held back until the follow-up of live regions speaks for the new strategy.

    Parameters
    ----------
    eligible : DataArray
        (draw, region, year), expected persons.
    worth : DataArray
        (draw,): incremental net health benefit per patient at the gate's threshold, QALY: each draw in turn is taken as the truth.
    belief : Belief
        What was known of ``worth`` before.
    noise : ndarray
        (draw, year), standard normal.

    Returns
    -------
    Agreed
        With starts (draw, region).
    DataArray
        (draw, year): P(net benefit > 0) as known at the beginning of each year.
    """
    assert plan.gate is not None
    assert belief is not None
    codes = list(regions.index)
    persons = eligible.sel(region=codes).transpose("draw", "region", "year")
    size = persons.sizes["draw"]

    def followed(starts: np.ndarray, year: int) -> np.ndarray:
        live = xr.DataArray(starts, dims=("draw", "region"), coords={"region": codes})
        at = Agreed(written.uptake, written.today, live, plan.ramp, plan.curve)
        covered = at(draws, xr.DataArray([year], dims="year", coords={"year": [year]}), regions)
        tested = (covered * persons.sel(year=[year])).where(live <= year, 0.0).sum(["region", "year"])
        usable = xr.where(draws[follow_up.lawful] <= year, 1.0, draws[follow_up.before_lawful])
        return _by_draw(tested * draws[follow_up.followed] * usable, size)

    starts, known = gated_starts(
        worth.to_numpy(),
        belief,
        waves=np.array([plan.wave_of(code) for code in codes]),
        planned=written.starts.sel(region=codes).to_numpy(),
        years=years,
        followed=followed,
        patient_sd=_by_draw(draws[follow_up.patient_sd], size),
        noise=noise,
        probability=plan.gate.probability,
        lag=plan.gate.lag,
    )
    opened = Agreed(
        written.uptake,
        written.today,
        xr.DataArray(starts, dims=("draw", "region"), coords={"region": codes}),
        plan.ramp,
        plan.curve,
    )
    return opened, xr.DataArray(known, dims=("draw", "year"), coords={"year": years})


def _by_draw(values: xr.DataArray, size: int) -> np.ndarray:
    return np.broadcast_to(values.to_numpy(), size).astype(float)
