"""The figures of a run that a comparison reads: means with intervals, and the paired draws that an order needs."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import xarray as xr

from pmbudget.appraisal import net_monetary_benefit
from pmbudget.appraisal.increment import Increment
from pmbudget.appraisal.worth import Added
from pmbudget.inputs.norms import thresholds
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import increments
from pmbudget.programme.reach import share_reached
from pmbudget.questions.structures import BASE, Structures
from pmbudget.reporting.frames import interval_frame, with_groups
from pmbudget.reporting.value import value_figures
from pmbudget.reporting.verdict import known_digits, leading_threshold, leading_thresholds, verdict_key
from pmbudget.road import Results
from pmbudget.vocabulary import REFERENCES

COLUMNS = ["measure", "reference", "period", "payer", "threshold", "unit", "mean", "lower", "upper"]


def key_figures(scenario: Scenario, results: Results, worths: Added, shares: Mapping[str, float]) -> pd.DataFrame:
    """The figures that a comparison shows: measure, reference, period, payer, threshold, unit, mean, lower, upper.

    ``net_budget`` (SEK, cash) and ``net_budget_per_inhabitant`` by reference, period and payer; ``freed`` (SEK), capacity set free
    beside it; ``coverage``, the share reached in a period's last year, by mix and period; :func:`pmbudget.reporting.value.value_figures`;
    :func:`worth_figures`; ``assumption_share`` by what it is a share of.
    """
    inhabitants = float(scenario.regions["population"].sum())
    parts: list[pd.DataFrame] = []
    for reference in REFERENCES:
        national = with_groups(results.settlement.net_budget(reference)).sum("region", skipna=False)
        freed = (
            results.spending.freed.sel(mix="new", drop=True) - results.spending.freed.sel(mix=reference, drop=True)
        ).sum("resource")
        for period, years in scenario.periods.items():
            total = national.sel(year=years).sum("year", skipna=False)
            place = {"reference": reference, "period": period}
            parts.append(interval_frame(total).assign(measure="net_budget", unit="SEK", **place))
            each = interval_frame(total / inhabitants)
            parts.append(each.assign(measure="net_budget_per_inhabitant", unit="SEK/inhabitant", **place))
            set_free = interval_frame(freed.sel(year=years).sum("year"))
            parts.append(set_free.assign(measure="freed", unit="SEK", **place))
    share = share_reached(results.reach, scenario.case.broad, ("region",))
    for period, years in scenario.periods.items():
        at_end = interval_frame(share.sel(year=years[-1], drop=True)).rename(columns={"mix": "reference"})
        parts.append(at_end.assign(measure="coverage", unit="share", period=period))
    parts.append(value_figures(scenario, worths))
    parts.append(worth_figures(scenario, results))
    parts.append(
        pd.DataFrame(
            {"measure": "assumption_share", "reference": list(shares), "mean": list(shares.values()), "unit": "share"}
        )
    )
    return pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS)


KNOWN_USE = "net_budget_at_known_use"


def known_use_figures(known: xr.Dataset | None) -> pd.DataFrame:
    """What introduction would cost all payers were today's use known (SEK, cash), by the value (``reference``) and period.

    ``known`` is of :func:`pmbudget.questions.at_known_use`; no rows without one.
    """
    if known is None:
        return pd.DataFrame(columns=COLUMNS)
    found = interval_frame(known["net"]).rename(columns={"value": "reference"})
    found = found.assign(measure=KNOWN_USE, payer="all", unit="SEK", reference=found["reference"].map("{:g}".format))
    return found.reindex(columns=COLUMNS)


def paired_draws(scenario: Scenario, results: Results, worths: Added) -> pd.DataFrame:
    """What scenarios are ranked by, draw by draw: measure, reference, period, draw, value (SEK).

    ``net_budget`` of all payers, and ``programme_inmb`` at the threshold that leads. Runs of the same seed and number of
    draws pair by ``draw``.
    """
    wtp = leading_threshold(scenario)
    parts = []
    for (reference, period), worth in worths.items():
        net = (
            results.settlement.net_budget(reference).sel(year=scenario.periods[period]).sum(["region", "year", "payer"])
        )
        for measure, values in (("net_budget", net), ("programme_inmb", worth["inmb"].sel(wtp=wtp, drop=True))):
            frame = pd.DataFrame({"draw": range(values.sizes["draw"]), "value": values.to_numpy()})
            parts.append(frame.assign(measure=measure, reference=reference, period=period))
    return pd.concat(parts, ignore_index=True)[["measure", "reference", "period", "draw", "value"]]


def worth_figures(scenario: Scenario, results: Results) -> pd.DataFrame:
    """Incremental cost and QALY with intervals, the verdict on them, and probabilities at the norms' thresholds.

    The verdict (``reference`` of measure ``icer``) is ``icer``, ``dominant``, ``dominated`` or ``southwest`` (cheaper and less health);
    its mean is a ratio of means, or missing.
    """
    cost, qaly = increments(results.per_patient, scenario.case)
    rows: list[dict[str, Any]] = [
        {"measure": "incremental_cost", "unit": "SEK", **interval_frame(cost).iloc[0].to_dict()},
        {"measure": "incremental_qaly", "unit": "QALY", **interval_frame(qaly).iloc[0].to_dict()},
    ]
    found = Increment.of(cost, qaly)
    rows.append({"measure": "icer", "reference": found.kind, "unit": "SEK/QALY", "mean": found.ratio})
    rows.append({"measure": "icer_error", "unit": "SEK/QALY", "mean": found.ratio_error})
    rows.append({"measure": "verdict", "reference": verdict_key(found)})
    for name, wtp in thresholds(scenario).items():
        rows.append({"measure": "threshold", "reference": name, "unit": "SEK/QALY", "mean": wtp})
        if name in leading_thresholds(scenario):
            rows.append({"measure": "leading_threshold", "reference": name, "unit": "SEK/QALY", "mean": wtp})
        probability = found.p_worth_it(wtp)
        rows.append({"measure": "p_cost_effective", "reference": name, "unit": "probability", "mean": probability})
        gain = interval_frame(net_monetary_benefit(cost, qaly, wtp)).iloc[0].to_dict()
        rows.append({"measure": "inmb", "reference": name, "unit": "SEK", **gain})
    return pd.DataFrame(rows)


def structure_figures(scenario: Scenario, tried: Structures) -> pd.DataFrame:
    """What the index says of the structures tried, at each threshold that leads: measure, threshold, unit, mean, lower, upper.

    ``structures``, how many alternatives; ``structures_kept``, in how many of them the decision of the main analysis holds, missing
    where the draws do not decide there; ``structures_inmb``, the main analysis and the lowest and highest mean, SEK, with the digits
    that chapter 03 gives them. No rows without alternatives.
    """
    rows: list[dict[str, Any]] = []
    for limit, wtp in leading_thresholds(scenario).items() if tried.alternatives else ():
        frame = tried.frame(wtp)
        base, others = int(frame.loc[BASE, "decision"]), frame["decision"].drop(BASE)
        mean = pd.Series({name: round(row["mean"], known_digits(row["error"], -2)) for name, row in frame.iterrows()})
        kept = float((others == base).sum()) if base else float("nan")
        ends = {"mean": mean[BASE], "lower": mean.min(), "upper": mean.max()}
        rows += [
            {"measure": "structures", "threshold": limit, "unit": "structures", "mean": len(others)},
            {"measure": "structures_kept", "threshold": limit, "unit": "structures", "mean": kept},
            {"measure": "structures_inmb", "threshold": limit, "unit": "SEK", **ends},
        ]
    return pd.DataFrame(rows)
