"""Blocks of evidence: the parameters that are learnt from the same studies by the same model, and so share one
posterior. Nothing is shared between blocks: each is a model of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from pmbudget.evidence.effects import heterogeneity
from pmbudget.inputs.parameters import Parameter, ParameterSet
from pmbudget.inputs.studies import FromStudies, Prior, Study

LINKS: Mapping[str, str] = {
    "proportion": "logit",
    "accuracy": "logit",
    "ratio": "log",
    "rate": "log",
    "cost": "log",
}
"""The scale on which the random effects of a model are normal."""
PRIORS: Mapping[str, tuple[float, float, float]] = {
    "proportion": (-2.5, 4.0, 0.3),
    "accuracy": (2.0, 1.5, 1.0),
    "ratio": (0.0, 2.0, 0.2),
    "rate": (-2.0, 3.0, 0.5),
    "cost": (8.0, 4.0, 0.5),
}
"""Mean and SD of the normal prior of the mean, scale of the half-normal prior of the spread, on the link scale.

A proportion's mean, a ratio's, a rate's (per unit of exposure) and a cost's (SEK) are next to free: no events of 1,000
give a share of 0.05 % (95 % below 0.25 %), as they do without a prior. A sensitivity's lies between 28 % and 99 %
(95 %). The spread of proportions, 0.3, has the 0.34 seen
between Dutch regions for lung cancer testing in its middle and the 0.59 seen between Swedish regions for glucose
sensors at its upper end. Ratios differ least between settings (0.2: 95 % below a factor 1.5 from the mean), accuracy
most, because thresholds differ between laboratories (1).

Where the studies contradict each other by more than chance and that spread allow (:class:`Heterogeneity`), nobody
knows what settings have to do with it: a usual spread gives way to the one that they show. A stated prior stays.
"""


@dataclass(frozen=True)
class Block:
    """Studies of one quantity, the model that learns from them, and the parameters that are its parts.

    ``studies`` holds every row, ``weights`` how much each row's likelihood counts (0: shown only). ``set_aside`` is how its other parts
    were learnt where a scenario sets them: what was believed of them before the data still bears on the rest.
    """

    parameters: tuple[Parameter, ...]
    studies: tuple[Study, ...]
    weights: tuple[float, ...]
    set_aside: tuple[FromStudies, ...] = ()

    @property
    def how(self) -> FromStudies:
        """The declaration that the parameters share."""
        return self.parameters[0].learning

    @property
    def model(self) -> str:
        """The kind of model."""
        return self.how.model

    @property
    def name(self) -> str:
        """The name under which the block stands in the posterior: its table and its quantity, whichever parameters are learnt."""
        return f"{self.how.studies}:{self.how.quantity}"

    @property
    def counted(self) -> list[tuple[Study, float]]:
        """The rows that enter the likelihood, with their weights."""
        return [(study, weight) for study, weight in zip(self.studies, self.weights, strict=True) if weight > 0]

    def column(self, name: str) -> np.ndarray:
        """A column of the rows that count; what a row leaves out is not a number."""
        values = [getattr(study, name) for study, _ in self.counted]
        return np.array([np.nan if value is None else value for value in values])

    def prior(self, part: str | None = None) -> tuple[float, float, float]:
        """Mean and SD of the mean and scale of the spread on the link scale: the part's own, those of the model, or the
        spread that studies show which contradict each other.
        """
        own, (mean, sd, _) = self._own_prior(part), PRIORS[self.model]
        spread = self.stated_spread(part)
        if own.spread is None:
            found = heterogeneity(self, part, spread)
            spread = found.between if found.contradicts else spread
        return mean if own.mean is None else own.mean, sd if own.sd is None else own.sd, spread

    def stated_spread(self, part: str | None = None) -> float:
        """Scale of the prior of the spread before the studies were looked at: the part's own, or that of the model."""
        own = self._own_prior(part).spread
        return PRIORS[self.model][2] if own is None else own

    def _own_prior(self, part: str | None) -> Prior:
        return self.stated_priors.get(part, Prior())

    @property
    def stated_priors(self) -> dict[str | None, Prior]:
        """The prior that the files state for each part."""
        return {how.part: how.prior for how in (*self.set_aside, *(one.learning for one in self.parameters))}


def learnt(parameters: ParameterSet) -> list[Parameter]:
    """The parameters that come from a posterior."""
    return [parameter for parameter in parameters.values() if parameter.is_learnt]


def blocks_of(parameters: Iterable[Parameter]) -> list[Block]:
    """The blocks of those parameters that are learnt, in the order of their first parameter."""
    groups: dict[tuple[str, str, str], list[Parameter]] = {}
    aside: dict[tuple[str, str, str], list[FromStudies]] = {}
    for parameter in parameters:
        if parameter.is_learnt:
            groups.setdefault(parameter.learning.block, []).append(parameter)
        elif parameter.was is not None and isinstance(former := parameter.was.distribution, FromStudies):
            aside.setdefault(former.block, []).append(former)
    return [
        Block(
            tuple(group),
            group[0].studies,
            tuple(group[0].learning.weight(study) for study in group[0].studies),
            tuple(aside.get(block, ())),
        )
        for block, group in groups.items()
    ]


def onto_link(link: str, values: np.ndarray) -> np.ndarray:
    """Shares to log odds, positive amounts to logarithms."""
    values = np.asarray(values, float)
    return np.log(values) if link == "log" else np.log(values) - np.log1p(-values)


def off_link(link: str, values: np.ndarray) -> np.ndarray:
    """Back from the link scale."""
    return np.exp(values) if link == "log" else 1 / (1 + np.exp(-np.asarray(values)))


def by_row(block: Block, fitted: xr.Dataset, variable: str) -> np.ndarray:
    """One variable of a block by row of the posterior: (row, …)."""
    return flat(fitted[f"{block.name}.{variable}"])


def flat(values: xr.DataArray) -> np.ndarray:
    """Chains one after the other as one axis of rows; further dims follow."""
    ordered = values.transpose("chain", "draw", ...).to_numpy()
    return ordered.reshape(-1, *ordered.shape[2:])
