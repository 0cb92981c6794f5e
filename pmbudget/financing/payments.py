"""What a manufacturer is paid, patient by patient and year by year, under contracts of several kinds.

A contract is called on patients who have been followed and gives what is paid for each of them in each of their own years, SEK: what
the payer pays and the manufacturer receives. The cost of following and of running the contract comes on top and reaches neither drug
nor patient. ``price`` is the share of the list price that is paid.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy import special

LEAST = 1e-6
"""Variance of a payment, SEK squared, below which nothing varies."""


@dataclass(frozen=True)
class Followed:
    """Patients of one draw, each followed from the own start.

    ``entered`` (patient,): the contract's year in which they start, the first being 0. ``responding`` and ``alive`` (patient, point):
    at the beginning of each of their years, and at the end of the last. ``use`` (patient, year): the drug used, at list price, SEK.
    ``course`` (patient,): what a course like theirs was expected to use when the contract was made.
    """

    entered: np.ndarray
    responding: np.ndarray
    alive: np.ndarray
    use: np.ndarray
    course: np.ndarray

    @property
    def years(self) -> int:
        """Years for which each is followed."""
        return int(self.use.shape[1])

    @property
    def when(self) -> np.ndarray:
        """The contract's year in which each of their years falls (patient, year)."""
        found: np.ndarray = self.entered[:, None] + np.arange(self.years)
        return found

    def by_year(self, values: np.ndarray, last: int) -> np.ndarray:
        """Sums of ``values`` (patient, year) over patients in each of the contract's years, of which there are ``last`` (year,)."""
        return np.bincount(self.when.ravel(), weights=values.ravel(), minlength=last)

    @property
    def starts(self) -> np.ndarray:
        """How many start in each of the contract's years (year,)."""
        return np.bincount(self.entered, minlength=int(self.entered.max(initial=-1)) + 1)


class Contract(Protocol):
    """Terms on which a manufacturer is paid."""

    @property
    def price(self) -> float:
        """The share of the list price that is paid."""

    def __call__(self, followed: Followed) -> np.ndarray:
        """What is paid for each patient in each of their years (patient, year)."""

    def followed_years(self, followed: Followed) -> float:
        """Years for which patients must be followed one by one for the contract's sake."""


@dataclass(frozen=True)
class Rebate:
    """The list price less a rebate for all that is used.

    >>> patients = Followed(np.zeros(1, int), np.ones((1, 3)), np.ones((1, 3)), np.array([[100.0, 40.0]]), np.array([120.0]))
    >>> Rebate(0.7)(patients).tolist()
    [[70.0, 28.0]]
    """

    price: float

    def __call__(self, followed: Followed) -> np.ndarray:
        """Price x use."""
        return self.price * followed.use

    def followed_years(self, followed: Followed) -> float:
        """None: what is used is known from sales."""
        return 0.0


@dataclass(frozen=True)
class VolumeCap(Rebate):
    """Patients beyond ``most`` who start in a year are treated free of charge; all of a year's patients are paid for in proportion."""

    most: tuple[float, ...]

    def __call__(self, followed: Followed) -> np.ndarray:
        """Price x use x min(1, cap / starts of the year)."""
        count = followed.starts
        paid = np.minimum(1.0, np.array(self.most)[: len(count)] / np.maximum(count, 1))
        return self.price * followed.use * paid[followed.entered][:, None]


@dataclass(frozen=True)
class ExpenditureCap(Rebate):
    """The manufacturer pays back what all use of a year costs beyond ``most``, SEK at list price."""

    most: tuple[float, ...]

    def __call__(self, followed: Followed) -> np.ndarray:
        """Price x use x min(1, cap / use of the year)."""
        spent = followed.by_year(followed.use, len(self.most))
        paid = np.minimum(1.0, np.divide(self.most, spent, out=np.ones(len(spent)), where=spent > 0))
        return self.price * followed.use * paid[followed.when]


@dataclass(frozen=True)
class MoneyBack(Rebate):
    """Of a patient's first year ``refund`` comes back a year later, unless the patient is alive and responds at its end.

    >>> patients = Followed(np.zeros(2, int), np.array([[1, 1, 0], [1, 0, 0]]), np.ones((2, 3)), np.full((2, 2), 100.0), np.ones(2))
    >>> MoneyBack(1.0, refund=0.5)(patients).tolist()
    [[100.0, 100.0], [100.0, 50.0]]
    """

    refund: float

    def __call__(self, followed: Followed) -> np.ndarray:
        """P (1 - phi (1 - Y)) of the first year."""
        paid = self.price * followed.use
        paid[:, 1] -= self.refund * paid[:, 0] * (1 - followed.responding[:, 1])
        return paid

    def followed_years(self, followed: Followed) -> float:
        """The first year of each."""
        return float(len(followed.entered))


@dataclass(frozen=True)
class Instalments:
    """A price for the course as it was expected, in equal ``parts``, one a year for as long as the patient lives and responds.

    >>> patients = Followed(np.zeros(1, int), np.array([[1, 1, 0, 0]]), np.ones((1, 4)), np.zeros((1, 3)), np.array([90.0]))
    >>> Instalments(1.0, parts=3)(patients).tolist()
    [[30.0, 30.0, 0.0]]
    """

    price: float
    parts: int

    def __call__(self, followed: Followed) -> np.ndarray:
        """P / K in each year that begins with a response, for K years."""
        due = np.arange(followed.years) < self.parts
        return self.price / self.parts * followed.course[:, None] * followed.responding[:, :-1] * due

    def followed_years(self, followed: Followed) -> float:
        """Until the last part is due, or the patient no longer responds."""
        return float(followed.responding[:, : self.parts - 1].sum())


@dataclass(frozen=True)
class PerDiagnosis:
    """A price for each patient who starts, whatever is used and however it goes."""

    price: float

    def __call__(self, followed: Followed) -> np.ndarray:
        """The course as it was expected, in the first year."""
        paid = np.zeros_like(followed.use)
        paid[:, 0] = self.price * followed.course
        return paid

    def followed_years(self, followed: Followed) -> float:
        """None."""
        return 0.0


@dataclass(frozen=True)
class AdaptivePrice(Rebate):
    """A price that follows what is known: in each of the contract's years ``level`` of the list price, as from :func:`price_known`."""

    level: tuple[float, ...]

    def __call__(self, followed: Followed) -> np.ndarray:
        """Level of the year x use."""
        level = np.array(self.level)
        return self.price * followed.use * level[np.minimum(followed.when, len(level) - 1)]

    def followed_years(self, followed: Followed) -> float:
        """The first year of each, from which the price is learnt."""
        return float(len(followed.entered))


def price_known(
    mean: np.ndarray, sd: np.ndarray, *, present: float, use: np.ndarray | float, quantile: float
) -> np.ndarray:
    """The share of the list price at which a quantile of the net benefit is 0, given what is known; never above the list price or below 0.

    Net benefit falls by what the drug costs more: P = present + (mean + z sd) / use, z being the quantile's; at 0.5 it is the expectation.

    Parameters
    ----------
    mean, sd : ndarray
        Belief in the net benefit per patient at the present price, SEK.
    present : float
        Share of the list price that it was reckoned at.
    use : ndarray or float
        What a patient uses more of the drug, at list price, SEK.

    Examples
    --------
    >>> price_known(np.array([-20.0, 0.0, 50.0]), np.zeros(3), present=0.7, use=100.0, quantile=0.5).round(9).tolist()
    [0.5, 0.7, 1.0]
    """
    room = mean + special.ndtri(quantile) * sd
    found: np.ndarray = np.clip(present + room / np.maximum(use, 1e-9), 0.0, 1.0)
    return found


@dataclass(frozen=True)
class Quality:
    """What follow-up sees: the share of outcomes that are missing, and of the others that it sees wrongly among the living.

    Who is missing is taken to respond, or not to, as the contract says (``missing_responds``). Death is never seen wrongly and never
    missing: it is in the population register.
    """

    missing: float
    false_response: float
    false_non_response: float
    missing_responds: bool


def seen(followed: Followed, quality: Quality, chance: np.ndarray) -> Followed:
    """The patients as follow-up of this quality sees them; without faults, as they are.

    ``chance`` (patient, point), even between 0 and 1: a patient's first says whether the outcome is missing, at every point, and the
    others whether it is seen wrongly there. The start is always known, and a patient once seen without response stays without.
    """
    true = followed.responding.astype(bool)
    wrong = np.where(true, chance < quality.false_non_response, chance < quality.false_response)
    observed = np.where(chance[:, :1] < quality.missing, quality.missing_responds, true ^ wrong)
    observed &= followed.alive.astype(bool)
    observed[:, 0] = true[:, 0]
    return replace(followed, responding=np.minimum.accumulate(observed, axis=1).astype(float))


def carried_shares(flat: np.ndarray, paid: np.ndarray) -> Mapping[str, float]:
    """Who carries the variation of what is used: ``payer`` and ``manufacturer``, which sum to 1.

    At a flat price the payer carries all of it. With a contract the manufacturer carries the difference: Var(flat) = Cov(flat, paid) +
    Cov(flat, flat - paid). A share below 0 means that the payer pays the less the more is used.

    Parameters
    ----------
    flat, paid : ndarray
        (draw,): what all patients cost at the flat price and by the contract.

    Examples
    --------
    >>> {who: round(share, 9) for who, share in carried_shares(np.array([1.0, 2, 3]), np.array([1.5, 2, 2.5])).items()}
    {'payer': 0.5, 'manufacturer': 0.5}
    """
    spread = float(np.var(flat))
    # A contract that pays the flat price carries all to the last digit.
    payer = round(float(np.cov(flat, paid, bias=True)[0, 1]) / spread, 9) if spread > LEAST else 1.0
    return {"payer": payer, "manufacturer": 1 - payer}


def chance_share(first: np.ndarray, again: np.ndarray) -> float:
    """The share of the variance of a payment that is chance between patients, the rest being what is not known of the parameters.

    ``first`` and ``again`` (draw,) are paid for two sets of patients drawn apart in each draw of the parameters, so that their covariance
    is the variance of what the parameters make expected.
    """
    spread = float(np.var(np.concatenate([first, again])))
    shared = float(np.cov(first, again, bias=True)[0, 1])
    return float(np.clip(1 - shared / spread, 0.0, 1.0)) if spread > LEAST else 0.0
