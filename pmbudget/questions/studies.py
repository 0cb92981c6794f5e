"""Which study pays, how large, and whether it is worth waiting for."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import isotonic_regression

from pmbudget.appraisal.cea import net_monetary_benefit
from pmbudget.appraisal.evsi import evsi, expected_after
from pmbudget.appraisal.research import adoption, best_size, enbs, population_affected
from pmbudget.appraisal.worth import programme_worth
from pmbudget.evidence.draws import generator
from pmbudget.evidence.proposed import designed
from pmbudget.evidence.studies import JointStudy, RegisterStudy, Study
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.national import (
    discount_rate,
    expected_value,
    increment_of_moved,
    national_use,
    present_weights,
    proposals,
    use_by_strategy,
)
from pmbudget.road import Results

QUALITIES = ("as_is", "known", "complete", "clean")
"""A register's data: as they are, with rates of error that are known, without gaps, without gaps and errors."""
STUDY_COLUMNS = ("study", "n", "participants", "years", "evsi", "se", "reached", "cost", "enbs", "best")
BATCHES = 20
"""Into how many parts the draws are split for the error of a difference between options."""


def studies_by_size(scenario: Scenario, draws: xr.Dataset, results: Results, *, wtp: float, seed: int) -> pd.DataFrame:
    """The proposed studies of a case by size, with what each is worth to Sweden less its price; the same random numbers serve all sizes.

    Returns
    -------
    DataFrame
        One row per study and size: study, n, participants, ``years`` to the result, ``evsi`` and ``se`` (SEK per patient),
        ``reached`` (discounted patients after the result), ``cost`` (SEK), ``enbs`` (SEK) and ``best`` (whether the size is the study's
        optimum and pays). No rows in a case that proposes no studies.
    """
    if scenario.case.research is None:
        return pd.DataFrame(columns=list(STUDY_COLUMNS))
    patients, _ = national_use(scenario, results)
    parts = []
    for name, study in proposals(scenario).studies.items():
        design = designed(study, draws)
        values = _values_studied(draws, design)
        by_size = [
            evsi(
                results.per_patient.cost,
                results.per_patient.qaly,
                values,
                design,
                wtp=wtp,
                n=[size],
                rng=generator(seed, name, 0),
            )
            for size in study.sizes
        ]
        worth = xr.concat(by_size, dim="n")
        # More participants never tell less: what falls between sizes is chance.
        worth = worth.copy(data=isotonic_regression(worth.to_numpy()).x)
        reached = population_affected(
            patients, discount_rate=discount_rate(scenario), delay=expected_value(draws, study.years)
        )
        fixed, each = expected_value(draws, study.fixed_cost), expected_value(draws, study.cost_per_participant)
        net = enbs(worth, population=reached, fixed_cost=fixed, cost_per_participant=each, arms=study.arms)
        participants = study.arms * np.array(study.sizes)
        frame = pd.DataFrame(
            {
                "study": name,
                "n": study.sizes,
                "participants": participants,
                "years": expected_value(draws, study.years),
                "evsi": worth.to_numpy(),
                "se": worth["se"].to_numpy(),
                "reached": reached,
                "cost": fixed + each * participants,
                "enbs": net.to_numpy(),
            }
        )
        parts.append(frame.assign(best=frame["n"] == int(best_size(net)["n"])))
    return pd.concat(parts, ignore_index=True)


def data_quality(
    scenario: Scenario, draws: xr.Dataset, results: Results, studies: pd.DataFrame, *, wtp: float, seed: int
) -> pd.DataFrame:
    """What clean data are worth: each proposed study of a register, at its best size, with its data as they are and better.

    Returns
    -------
    DataFrame
        Index study, empty where none uses a register; ``n``, and EVSI in SEK per patient with data ``as_is``, with rates of error that are
        ``known`` (at their expected values), with rows that are ``complete``, and ``clean`` (complete and right); ``error`` is the
        largest of their standard errors. ``worth`` is what clean data add to the data as they are for Sweden, SEK, and ``worth_error`` its
        standard error, at most: as if the two were drawn apart. The same random numbers serve all.
    """
    rows = {}
    for name, study in proposals(scenario).studies.items() if len(studies) else ():
        as_is = designed(study, draws)
        if _with_quality(as_is, draws, "clean") == as_is:
            continue
        chosen = studies[studies["study"] == name]
        best = chosen.loc[chosen["enbs"].idxmax()]
        found, errors = {}, {}
        for quality in QUALITIES:
            design = _with_quality(as_is, draws, quality)
            values, rng = _values_studied(draws, design), generator(seed, name, 2)
            worth = evsi(
                results.per_patient.cost, results.per_patient.qaly, values, design, wtp=wtp, n=int(best["n"]), rng=rng
            )
            found[quality], errors[quality] = float(worth[0]), float(worth["se"][0])
        rows[name] = {
            "n": int(best["n"]),
            **found,
            "error": max(errors.values()),
            "worth": (found["clean"] - found["as_is"]) * best["reached"],
            "worth_error": np.hypot(errors["clean"], errors["as_is"]) * best["reached"],
        }
    columns = ["n", *QUALITIES, "error", "worth", "worth_error"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("study")


def _with_quality(study: Study, draws: xr.Dataset, quality: str) -> Study:
    """A study with better data, where it uses a register."""
    if isinstance(study, JointStudy):
        return replace(study, parts=tuple(_with_quality(part, draws, quality) for part in study.parts))
    if not isinstance(study, RegisterStudy) or quality == "as_is":
        return study
    if quality == "known":
        rates = {name: getattr(study, name) for name in ("missing", "false_negative", "false_positive")}
        fixed: dict[str, Any] = {
            name: expected_value(draws, rate) if isinstance(rate, str) else rate for name, rate in rates.items()
        }
        return replace(study, **fixed)
    right: dict[str, Any] = {"false_negative": 0.0, "false_positive": 0.0} if quality == "clean" else {}
    return replace(study, missing=0.0, **right)


def choices(
    scenario: Scenario, draws: xr.Dataset, results: Results, studies: pd.DataFrame, *, wtp: float, seed: int
) -> pd.DataFrame | None:
    """Introduce now, introduce and study, study first, stay at today's use or withdraw; with the proposed study that is worth most.

    Introducing now is the programme of :func:`pmbudget.appraisal.worth.programme_worth` against today's use over all years shown, to the
    krona: a patient's net benefit is that of each draw, and what the programme's mean differs by, for prices that move and queues, falls
    on the patients whom it moves. Ending today's use is worth what one patient is worth with the strategy in use, whatever the programme.
    All options are of the scenario's new strategy, the one in use today and the comparator, also where another is better on average.

    Returns
    -------
    DataFrame
        :func:`pmbudget.appraisal.adoption`, its values against today's use, and ``error``: the Monte Carlo standard error of how far each
        option lies behind the best, by batch means in which everything that moves a draw counts.
        ``attrs`` hold the study, n, participants and years of the study that is worth most. None where no study is proposed.
    """
    if studies.empty:
        return None
    chosen = studies.loc[studies["enbs"].idxmax()]
    study = proposals(scenario).studies[chosen["study"]]
    design = designed(study, draws)
    known = _values_studied(draws, design)
    values = {name: known.sel(parameter=name).to_numpy() for name in design.parameters}
    size = int(chosen["n"])
    summary = design.summary(design.simulate(values, size, generator(seed, str(chosen["study"]), 1)), size)
    patients, use = national_use(scenario, results)
    delay = expected_value(draws, study.years)
    each = net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, wtp)
    benefit = increment_of_moved(scenario, results, each).to_numpy()
    added, investment = _programme(
        scenario, results, wtp, patients * (use["new"] - use["today"]), float(benefit.mean())
    )
    other, in_use = _in_use(scenario, results, each)
    known_after = [expected_after(one, summary) for one in (benefit, in_use)]
    columns = (*known_after, benefit, in_use)
    batches = zip(*(np.array_split(one, min(BATCHES, len(benefit))) for one in columns), strict=True)
    frame, *parts = (
        adoption(
            told + one.mean() - told.mean(),
            starts_per_year=patients,
            use_per_year=use["new"],
            today_per_year=use["today"],
            discount_rate=discount_rate(scenario),
            delay=delay,
            research_cost=float(chosen["cost"]),
            investment=investment,
            added_per_patient=added,
            reversal_cost=expected_value(draws, proposals(scenario).rollout.reversal_cost),
            other_per_year=other,
            expected_other=told_other + one_other.mean() - told_other.mean(),
        )
        for told, told_other, one, one_other in [columns, *batches]
    )
    frame["value"] -= frame.loc["reject", "value"]
    apart = pd.concat([part["value"][frame["best"].idxmax()] - part["value"] for part in parts], axis=1)
    frame["error"] = apart.std(axis=1) / np.sqrt(len(parts))
    frame.attrs = {name: chosen[name] for name in ("study", "n", "participants", "years")}
    return frame


def _values_studied(draws: xr.Dataset, study: Study) -> xr.DataArray:
    """What a study tells of as (draw, parameter), also what a scenario has fixed."""
    names = list(study.parameters)
    drawn = [draws[name].broadcast_like(draws["draw"]).to_numpy() for name in names]
    return xr.DataArray(np.column_stack(drawn), dims=("draw", "parameter"), coords={"parameter": names})


def _in_use(scenario: Scenario, results: Results, each: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """The share of patients who today get another broad strategy than the new one (year,), and what that is worth for one of them
    against the comparator (draw,), SEK, by net benefit ``each`` (draw, strategy); nobody and nothing where the new one is in use.
    """
    case = scenario.case
    if case.in_use == case.new:
        return np.zeros(len(scenario.years)), np.zeros(each.sizes["draw"])
    share = use_by_strategy(scenario, results).sel(mix="today", strategy=case.in_use)
    worth = each.sel(strategy=case.in_use) - each.sel(strategy=case.comparator)
    return share.to_numpy(), worth.to_numpy()


def _programme(scenario: Scenario, results: Results, wtp: float, moved: pd.Series, each: float) -> tuple[float, float]:
    """What a patient moved is worth more than ``each``, and what falls beside the patients' courses less what equipment is worth; SEK.

    ``moved`` are the expected patients who get the new strategy beyond today's use, by year; ``each`` is one patient's expected net
    benefit. Patients moved times the two together is the programme's net benefit before what falls beside: volume and prices move with
    the draws too, and queues lose some.
    """
    totals = results.worth.totals.isel(period=-1, drop=True)
    worth = programme_worth(totals, reference="today", wtp=[wtp]).mean("draw")
    beside = float(worth["beside"] - worth["residual"])
    volume = float((moved * present_weights(scenario)).sum())
    added = (float(worth["inmb"].item()) + beside) / volume - each if abs(volume) > 1.0 else 0.0
    return added, beside
