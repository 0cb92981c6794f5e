"""What would be known by year t: for each draw taken as the truth, the follow-up that live regions yield, and what follows from it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

LEAST_SD = 1e-6
"""Spread of one row below which rows are taken to have this one: a row without any would tell all there is to know."""
FEWEST = 1e-6
"""Expected rows below which there is nothing to learn from, and nothing to divide by."""


@dataclass(frozen=True)
class Belief:
    """What is known of the incremental net health benefit per patient before any follow-up: normal, QALY."""

    mean: float
    sd: float


def posterior(
    belief: Belief, total: np.ndarray, patients: np.ndarray, patient_sd: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation after follow-up, normal prior and normal data with known spread (conjugate).

    Parameters
    ----------
    total, patients : ndarray
        (…): sum of the observed net benefits, QALY, and how many patients it is of.
    patient_sd : ndarray
        (…): standard deviation of one patient's observed net benefit, QALY.
    """
    precision = 1 / belief.sd**2 + patients / patient_sd**2
    return (belief.mean / belief.sd**2 + total / patient_sd**2) / precision, precision**-0.5


def observed(truth: np.ndarray, patients: np.ndarray, patient_sd: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Sum of the net benefits of ``patients`` whose mean is ``truth``: n x truth + sqrt(n) x sd x noise, noise standard normal."""
    return patients * truth + np.sqrt(patients) * patient_sd * noise


def learnt(
    truth: np.ndarray,
    belief: Belief,
    *,
    patients: np.ndarray,
    patient_sd: np.ndarray,
    noise: np.ndarray,
    lag: int,
) -> tuple[np.ndarray, np.ndarray]:
    """What is known at the beginning of each year where nobody waits for it: mean and standard deviation (draw, year), as ``truth`` is.

    Parameters
    ----------
    truth : ndarray
        (draw,): incremental net benefit per patient, each draw in turn taken as the truth.
    patients : ndarray
        (draw, year): who start in each year and whose outcome becomes known ``lag`` years later.
    patient_sd : ndarray
        (draw,): of one patient's observed net benefit; infinite where outcomes are not followed.
    noise : ndarray
        (draw, year), standard normal.
    """
    told = np.isfinite(patient_sd)[:, None]
    sd = np.where(told, np.maximum(patient_sd[:, None], LEAST_SD), 1.0)
    came = np.where(told, patients, 0.0)
    sums = np.cumsum(observed(truth[:, None], came, sd, noise), axis=1)
    known, total = (np.zeros_like(came), np.zeros_like(came))
    known[:, lag:] = np.cumsum(came, axis=1)[:, : came.shape[1] - lag]
    total[:, lag:] = sums[:, : came.shape[1] - lag]
    return posterior(belief, total, known, sd)


def value_of_rows(mean: Any, sd: Any, rows: Any, row_sd: Any) -> tuple[np.ndarray, np.ndarray]:
    """What further rows are worth to a choice between two options, per patient whom it concerns: all of them, and the last one.

    For a normal belief in the incremental net benefit and normal rows, EVSI(n) = v phi(m / v) - |m| Phi(-|m| / v) with
    v = s^2 / sqrt(s^2 + w^2 / n): the standard deviation of the mean to come (Raiffa and Schlaifer 1961). The last row is worth
    d EVSI / dn = phi(m / v) dv / dn, dv / dn = s^2 w^2 / (2 n^2 (s^2 + w^2 / n)^1.5).

    Parameters
    ----------
    mean, sd : array_like
        Of the belief.
    rows : array_like
        How many there will be; of none all are worth 0, and of patients who are never followed (``row_sd`` infinite) as well.
    row_sd : array_like
        Standard deviation of the net benefit that one row shows.

    Examples
    --------
    A belief that is as likely to be wrong as right, and rows without number: all that there is to know, sd / sqrt(2 pi).

    >>> total, last = value_of_rows(0.0, 100.0, 1e9, 500.0)
    >>> round(float(total), 2)
    39.89
    >>> [round(float(part), 3) for part in value_of_rows(50.0, 100.0, 25.0, 500.0)]
    [9.982, 0.22]
    """
    mean, sd, rows, row_sd = np.broadcast_arrays(*(np.asarray(one, float) for one in (mean, sd, rows, row_sd)))
    told = (rows > FEWEST) & np.isfinite(row_sd) & (sd > 0)
    n, spread = np.where(told, rows, 1.0), np.where(told, row_sd, 1.0)
    both = sd**2 + spread**2 / n
    v = np.where(told, sd**2 / np.sqrt(both), 1.0)
    z = mean / v
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    total = v * density - np.abs(mean) * special.ndtr(-np.abs(z))
    last = density * sd**2 * spread**2 / (2 * n**2 * both**1.5)
    return np.where(told, total, 0.0), np.where(told, last, 0.0)


def gated_starts(
    truth: np.ndarray,
    belief: Belief,
    *,
    waves: np.ndarray,
    planned: np.ndarray,
    years: list[int],
    followed: Callable[[np.ndarray, int], np.ndarray],
    patient_sd: np.ndarray,
    noise: np.ndarray,
    probability: float,
    lag: int,
) -> tuple[np.ndarray, np.ndarray]:
    """When each region starts if its wave waits for the evidence, and what is known each year.

    Year by year: what is known in t rests on patients who started in live regions up to t - ``lag``; a wave starts in its planned year
    or the first later one in which P(net benefit > 0 | known) reaches ``probability``, and stays started.

    Parameters
    ----------
    truth : ndarray
        (draw,): incremental net health benefit per patient, QALY, each draw in turn taken as the truth.
    waves, planned : ndarray
        (region,): number of the wave (0: those that start in any case) and planned first year.
    followed : callable
        Starts (draw, region) and a year to the patients (draw,) of live regions who start that year and whose outcome becomes known.
    patient_sd : ndarray
        (draw,) or scalar: of one patient's observed net benefit against a comparator, QALY.
    noise : ndarray
        (draw, year), standard normal: one for each year's patients.

    Returns
    -------
    starts : ndarray
        (draw, region), infinite where a region does not start within ``years``.
    known : ndarray
        (draw, year): P(net benefit > 0) as known at the beginning of each year.
    """
    draws = len(truth)
    starts = np.where(waves == 0, planned.astype(float), np.inf) * np.ones((draws, 1))
    known = np.empty((draws, len(years)))
    total, patients = np.zeros(draws), np.zeros(draws)
    for place, year in enumerate(years):
        if place >= lag:
            came = followed(starts, years[place - lag])
            total = total + observed(truth, came, patient_sd, noise[:, place - lag])
            patients = patients + came
        mean, sd = posterior(belief, total, patients, patient_sd)
        known[:, place] = special.ndtr(mean / sd)
        opens = (known[:, place] >= probability)[:, None] & (planned <= year) & np.isinf(starts)
        starts = np.where(opens, float(year), starts)
    return starts, known
