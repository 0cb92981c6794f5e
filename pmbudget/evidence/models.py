"""One PyMC model per case, so that everything that is learnt shares one posterior.

Proportions (yield, prevalence, failure) are pooled with a random effect per study: y_i ~ Bin(n_i, p_i),
logit p_i = mu + tau z_i. What the case uses is the prediction for a new setting, logit⁻¹(mu + tau z_new), not the mean of the settings
already studied: Sweden is one more setting. A borrowed study counts with its likelihood to the power ``borrow`` (power prior).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pmbudget.inputs.parameters import Parameter, Study

PRIOR_MU = (-2.5, 1.5)
"""Mean and SD of the prior of mu on the logit scale: 95 % between 0.4 % and 61 %."""
PRIOR_TAU = 0.3
"""Scale of the half-normal prior of the spread between settings on the logit scale, 95 % below 0.59: the spread that was seen between
Swedish regions for glucose sensors (0.59) is its upper end, that between Dutch regions for lung cancer testing (0.34) its middle."""


def pooled_studies(parameter: Parameter) -> list[tuple[Study, float]]:
    """The studies that inform a parameter, each with the weight of its likelihood."""
    borrow = parameter.record.distribution.borrow
    weights = {"pool": 1.0, "borrow": 1.0 if borrow is None else borrow}
    return [(study, weights[study.use]) for study in parameter.studies if weights.get(study.use, 0) > 0]


def proportion_model(parameters: Sequence[Parameter]) -> Any:
    """The ``pm.Model`` of every parameter that is learnt from counts; the deterministic ``predicted`` is what the case uses."""
    import pymc as pm

    names = [parameter.name for parameter in parameters]
    rows = [
        (number, study, weight)
        for number, parameter in enumerate(parameters)
        for study, weight in pooled_studies(parameter)
    ]
    quantity = np.array([number for number, _, _ in rows])
    events = np.array([study.numerator for _, study, _ in rows])
    total = np.array([study.denominator for _, study, _ in rows])
    weight = np.array([weight for _, _, weight in rows])
    labels = [f"{names[number]}: {study.study}" for number, study, _ in rows]
    with pm.Model(coords={"parameter": names, "study": labels}) as model:
        mu = pm.Normal("mu", *PRIOR_MU, dims="parameter")
        tau = pm.HalfNormal("tau", PRIOR_TAU, dims="parameter")
        setting = pm.Normal("setting", 0, 1, dims="study")
        new_setting = pm.Normal("new_setting", 0, 1, dims="parameter")
        share = pm.Deterministic("share", pm.math.sigmoid(mu[quantity] + tau[quantity] * setting), dims="study")
        pm.Potential("counts", (weight * pm.logp(pm.Binomial.dist(n=total, p=share), events)).sum())
        pm.Deterministic("pooled", pm.math.sigmoid(mu), dims="parameter")
        pm.Deterministic("predicted", pm.math.sigmoid(mu + tau * new_setting), dims="parameter")
    return model
