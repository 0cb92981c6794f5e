"""Where the test is made: in every region, in one per healthcare region or in one for all; what it costs and how long it takes."""

from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

Organisation = Literal["own", "healthcare_region", "national"]
DAYS = 365.25


def laboratories(organisation: Organisation, regions: pd.DataFrame) -> xr.DataArray:
    """Which region's laboratory serves each region.

    Parameters
    ----------
    organisation : str
        ``own``: each its own; ``healthcare_region``: the most populous one with a university hospital in each of the six; ``national``: the
        most populous one with a university hospital in the country.
    regions : DataFrame
        Index region code; columns healthcare_region, population, university_hospital.

    Returns
    -------
    DataArray
        (region,): code of the host.

    Raises
    ------
    ValueError
        Another organisation.
    """
    codes = regions.index.to_numpy()
    if organisation == "own":
        host = codes
    elif organisation in ("healthcare_region", "national"):
        area = regions["healthcare_region"] if organisation == "healthcare_region" else pd.Series("", regions.index)
        ranked = regions.assign(area=area, ready=regions["university_hospital"] != "")
        first = ranked.sort_values(["ready", "population"], ascending=False).groupby("area").head(1)
        host = area.map(dict(zip(first["area"], first.index, strict=True))).to_numpy()
    else:
        raise ValueError(f"organisation = {organisation!r} is unknown; use own, healthcare_region or national")
    return xr.DataArray(host.astype(str), dims="region", coords={"region": codes})


def laboratory_service(
    samples: xr.DataArray,
    laboratory: xr.DataArray,
    *,
    other_samples: Any,
    fixed_cost: Any,
    cost_run: Any,
    batch: Any,
    longest_wait: Any,
    transport_cost: Any,
    transport_days: Any,
) -> xr.Dataset:
    """Cost and days of an organisation.

    A laboratory starts a run when it is full or when its first sample has waited ``longest_wait``: a run holds
    n = min(batch, max(1, volume x longest wait / 365.25)) samples, a sample costs (cost of a run) / n, and waits on average half the time
    it takes to fill the run. The fixed cost of a unit is shared by all its samples, other tests' included. Who does not host the
    laboratory pays transport and waits for it.

    Parameters
    ----------
    samples : DataArray
        (…, region, year): of this test.
    laboratory : DataArray
        (region,): the host of each region's samples.
    other_samples : DataArray
        (…, region): samples a year of other tests that share the runs.
    fixed_cost : float or DataArray
        SEK per laboratory and year.
    cost_run : float or DataArray
        SEK per run.
    batch : float or DataArray
        Samples that a run holds, 1 or more.
    longest_wait : float or DataArray
        Days.
    transport_cost, transport_days
        SEK and days per sample sent.

    Returns
    -------
    Dataset
        ``cost`` (SEK a year for this test) and ``cost_per_sample``, ``days`` (filling and transport), all (…, region, year).
    """
    total = (samples + other_samples).rename(region="place")
    at = xr.DataArray(
        (laboratory.to_numpy()[:, None] == laboratory.to_numpy()[None, :]).astype(float),
        dims=("region", "place"),
        coords={"region": laboratory["region"].to_numpy(), "place": laboratory["region"].to_numpy()},
    )
    volume = xr.dot(total, at, dim="place").clip(min=1e-9)
    per_run = np.minimum(batch, (volume * longest_wait / DAYS).clip(min=1.0))
    filling = np.minimum((per_run - 1) / volume * DAYS, longest_wait) / 2
    sent = (laboratory != laboratory["region"]).astype(float)
    per_sample = fixed_cost / volume + cost_run / per_run + transport_cost * sent
    found = {"cost": per_sample * samples, "cost_per_sample": per_sample, "days": filling + transport_days * sent}
    return xr.Dataset({name: value.transpose(..., "region", "year") for name, value in found.items()})


def break_even_volume(
    *, hub_cost_per_sample: Any, fixed_cost: Any, cost_run: Any, batch: Any, longest_wait: Any, largest: float = 1e5
) -> xr.DataArray:
    """Samples a year, all tests together, from which a unit of one's own costs no more per sample than sending it away.

    Parameters
    ----------
    hub_cost_per_sample : float or DataArray
        SEK at the hub, transport included.
    fixed_cost, cost_run, batch, longest_wait
        As :func:`laboratory_service`.
    largest : float
        Volumes looked at; beyond it the answer is infinite: a unit of one's own never pays.

    Returns
    -------
    DataArray
        Samples a year, with the dims of what was given.
    """
    volume = xr.DataArray(np.geomspace(1, largest, 2000), dims="volume")
    per_run = np.minimum(batch, (volume * longest_wait / DAYS).clip(min=1.0))
    own = fixed_cost / volume + cost_run / per_run
    # Cost falls in the volume, so that the first one that is low enough is the answer.
    enough = own <= hub_cost_per_sample
    first = volume.isel(volume=enough.argmax("volume"))
    return first.where(enough.any("volume"), np.inf)
