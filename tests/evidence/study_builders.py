"""Blocks of studies to fit: simulated ones with known truths, and published tables with published answers."""

import numpy as np
from scipy import special

from pmbudget.inputs.parameters import Parameter, ParameterSet, Record
from pmbudget.inputs.prices import Prices
from pmbudget.inputs.studies import ROWS

UNITS = {"proportion": "share", "accuracy": "probability", "cost": "SEK/patient", "survival": "months"}


def parameter(name, rows, model="proportion", *, quantity=None, by=None, unit=None, **how):
    """A parameter learnt from ``rows`` (their own columns; the rest is filled in)."""
    record = {
        "label": {"sv": name, "en": name},
        "unit": unit or UNITS.get(model, "ratio"),
        "distribution": {"studies": f"{quantity or name}.csv", "quantity": quantity or name, "model": model, **how},
        "evidence": "derived",
        "source": {"title": "Simulated"},
    }
    record |= {"price_year": 2024} if model == "cost" else {}
    record |= {"by": by} if by else {}
    common = {"quantity": quantity or name, "use": "pool", "evidence": "derived", "source": "Simulated"}
    studies = tuple(ROWS[model](**{**common, "study": f"S{number}", **row}) for number, row in enumerate(rows))
    return Parameter(name, Record.model_validate(record), "x.yaml", 1, None, studies)


def together(*parameters):
    return ParameterSet({one.name: one for one in parameters}, 2024, {}, Prices({}, {}))


def counts(*pairs, **more):
    return [{"numerator": k, "denominator": n, **more} for k, n in pairs]


# Niel-Weise et al 2007, standard and anti-infective catheters, as tabulated for metafor's dat.nielweise2007.
STANDARD = [3, 3, 9, 7, 6, 4, 3, 2, 19, 2, 7, 1, 5, 11, 0, 1, 3, 1]
STANDARD_OF = [117, 35, 195, 136, 157, 139, 177, 39, 103, 122, 64, 58, 175, 180, 105, 262, 362, 69]
COATED = [0, 1, 2, 0, 5, 1, 1, 1, 1, 1, 0, 0, 3, 6, 0, 0, 1, 4]
COATED_OF = [116, 44, 208, 130, 151, 98, 174, 74, 97, 113, 66, 70, 188, 187, 118, 252, 345, 64]
# Niel-Weise et al 2008, standard catheters: infections over catheter-days.
INFECTIONS = [11, 8, 14, 10, 1, 8, 15, 7, 3]
DAYS = [1988, 1461, 10962, 1503, 483, 913, 6840, 1015, 440]
# Kriston et al 2008, AUDIT-C, 14 studies, as in R's mada.
AUDIT_C = {
    "tp": [47, 126, 19, 36, 130, 84, 68, 752, 59, 142, 137, 57, 34, 152],
    "fn": [9, 51, 10, 3, 19, 2, 0, 0, 5, 50, 24, 3, 1, 51],
    "fp": [101, 272, 12, 78, 211, 68, 112, 3226, 55, 571, 107, 103, 21, 88],
    "tn": [738, 1543, 192, 276, 959, 89, 423, 2977, 136, 2788, 358, 437, 56, 264],
}
FEW = ((30, 100), (33, 100), (28, 100))
MANY_MU, MANY_TAU = -1.8, 0.3
LOST = {"mean": -1, "sd": 1.5, "spread": 0.3}


def many():
    rng = np.random.default_rng(7)
    shares = special.expit(MANY_MU + MANY_TAU * rng.standard_normal(12))
    return [(int(rng.binomial(600, share)), 600) for share in shares]


def simulated_times(size=150, median=14.0, shape=1.5, end=36.0):
    rng = np.random.default_rng(3)
    time = median / np.log(2) ** (1 / shape) * rng.weibull(shape, size)
    return [{"kind": "patient", "month": min(t, end), "event": int(t < end)} for t in time]


def simulated_uptake():
    """Six regions over eight years: slope 0.4 a year, level 0 in 2020, ceiling 0.9."""
    rng = np.random.default_rng(5)
    rows = []
    for unit in ("01", "03", "04", "05", "06"):
        level, slope = 0.6 * rng.standard_normal(), 0.4 * np.exp(0.3 * rng.standard_normal())
        for year in range(2016, 2024):
            share = 0.9 * special.expit(level + slope * (year - 2019.5))
            rows.append({"unit": unit, "when": year, "denominator": 200, "numerator": int(rng.binomial(200, share))})
    return rows


def costs(rng, mean=5000.0, cv=0.8, n=80):
    means = mean * np.exp(0.2 * rng.standard_normal(5))
    samples = [rng.gamma(1 / cv**2, one * cv**2, n) for one in means]
    return [{"mean": float(s.mean()), "sd": float(s.std(ddof=1)), "n": n} for s in samples]


def the_parameters():
    wide = {"prior": {"mean": -3, "sd": 2, "spread": 1.5}}
    audit = [dict(zip(AUDIT_C, row, strict=True)) for row in zip(*AUDIT_C.values(), strict=True)]
    rates = [{"events": k, "exposure": t / 1000} for k, t in zip(INFECTIONS, DAYS, strict=True)]
    ratios = [{"estimate": e, "se": s} for e, s in ((0.6, 0.15), (0.75, 0.2), (0.5, 0.25), (0.66, 0.1))]
    times = {"model": "survival", "quantity": "times", "families": ["weibull", "exponential"], "weights": "stacking"}
    followed = {"false_negative": 0.0, "false_positive": 0.0}
    return (
        parameter("many", counts(*many())),
        parameter("by_region", counts(*many()), by="region"),
        parameter("whole", counts(*FEW, use="borrow"), borrow=1.0),
        parameter("discounted", counts(*FEW, use="borrow"), borrow=0.1),
        parameter("standard", counts(*zip(STANDARD, STANDARD_OF, strict=True)), **wide),
        parameter("coated", counts(*zip(COATED, COATED_OF, strict=True)), **wide),
        parameter("plain", counts(*FEW), prior=LOST),
        parameter("flawless", counts(*FEW, **followed), prior=LOST),
        parameter("misclassified", counts(*FEW, false_negative=0.2, false_positive=0.2), prior=LOST),
        parameter("lost", counts(*FEW, missing=0.4), prior=LOST),
        parameter("infections", rates, "rate", prior={"mean": 1, "sd": 2, "spread": 1}),
        parameter("hazard", ratios, "ratio"),
        parameter("cost", costs(np.random.default_rng(2)), "cost"),
        parameter("se", audit, "accuracy", quantity="audit", part="sensitivity"),
        parameter("sp", audit, "accuracy", quantity="audit", part="specificity"),
        parameter("median", simulated_times(), part="median", **times),
        parameter("family", simulated_times(), part="family", **times),
        parameter("shape", simulated_times(), part="weibull.shape", **times),
        parameter("at_two_years", simulated_times(), part="alive", at_month=24, **times),
    )


def the_uptake():
    uptake = {"model": "uptake", "quantity": "regions"}
    return (
        parameter("slope", simulated_uptake(), part="slope", **uptake),
        parameter("level", simulated_uptake(), part="level", at_year=2020, **uptake),
        parameter("deviation", simulated_uptake(), part="deviation", by="region", **uptake),
    )
