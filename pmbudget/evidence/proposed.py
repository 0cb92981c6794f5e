"""The studies that a case proposes, as designs that simulate data."""

import xarray as xr

from pmbudget.evidence.studies import (
    BinomialStudy,
    JointStudy,
    NormalStudy,
    RegisterStudy,
    Study,
    SurvivalStudy,
    TwoArmBinomialStudy,
)
from pmbudget.inputs.research import Measure, ProposedStudy


def designed(study: ProposedStudy, draws: xr.Dataset) -> Study:
    """The study that a case describes, with the expected values of what its design takes as known.

    A share of rows that are missing or wrong stays as uncertain as its parameter.
    """
    parts = tuple(_designed(study, measure, draws) for measure in study.measures)
    return parts[0] if len(parts) == 1 else JointStudy(parts)


def _designed(study: ProposedStudy, measure: Measure, draws: xr.Dataset) -> Study:
    def known(name: str | None, otherwise: float) -> float:
        return otherwise if name is None else float(draws[name].mean())

    match measure.design:
        case "normal":
            places = study.clusters
            return NormalStudy(
                measure.parameter,
                known(measure.sd, 1.0),
                measure.log,
                measure.times,
                cluster_sd=known(measure.cluster_sd, 0.0),
                clusters=places.sampled if places else 1,
                of=places.of if places else 1,
                period_sd=known(measure.period_sd, 0.0),
            )
        case "binomial":
            return BinomialStudy(measure.parameter)
        case "two_arm_binomial":
            return TwoArmBinomialStudy(measure.parameter, str(measure.treatment))
        case "survival":
            follow_up, accrual = float(measure.follow_up or 0), float(measure.accrual)
            return SurvivalStudy(measure.parameter, follow_up, accrual, known(measure.shape, 1.0))
        case _:
            rates = {name: getattr(measure, name) for name in ("missing", "false_negative", "false_positive")}
            return RegisterStudy(measure.parameter, **{name: rate for name, rate in rates.items() if rate is not None})
