"""What would be known by year t: for each draw taken as the truth, the follow-up that live regions yield, and what follows from it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special


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
