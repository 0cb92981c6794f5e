"""What a programme is worth: the same table and sentences in chapters 05 and 06, and the figures that 08 and the index compare."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.cea import net_monetary_benefit
from pmbudget.appraisal.ranking import ERRORS, P_ORDER, simulation_error
from pmbudget.appraisal.worth import Added, cost_per
from pmbudget.inputs.norms import discount_rates, thresholds
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import increment, increments
from pmbudget.programme.reach import share_reached
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, named_by_use, note, table
from pmbudget.reporting.verdict import known_span, leading_threshold
from pmbudget.reporting.words import Words
from pmbudget.road import Results


def value_figures(scenario: Scenario, worths: Added) -> pd.DataFrame:
    """Long form: measure, reference, period, threshold, unit, mean, lower, upper.

    ``tests``, ``lost`` and ``waiting`` (persons), ``programme_cost`` (SEK), ``programme_qaly``, ``programme_inmb`` (SEK) and
    ``p_programme_better`` by threshold, ``cost_per_extra_test`` (SEK, missing where none is to be had, or where those broadly tested
    already change strategy, which is cost without a test more).
    """
    rows: list[dict[str, Any]] = []
    for (reference, period), worth in worths.items():
        place = {"reference": reference, "period": period}
        for measure, name, unit in (
            ("tests", "tests", "persons"),
            ("lost", "lost", "persons"),
            ("waiting", "waiting", "persons"),
            ("programme_cost", "cost", "SEK"),
            ("programme_qaly", "qaly", "QALY"),
        ):
            rows.append({**place, "measure": measure, "unit": unit, **interval_frame(worth[name]).iloc[0]})
        for name, wtp in thresholds(scenario).items():
            inmb = worth["inmb"].sel(wtp=wtp, drop=True)
            at = {**place, "threshold": name}
            rows.append({**at, "measure": "programme_inmb", "unit": "SEK", **interval_frame(inmb).iloc[0]})
            better = {"measure": "p_programme_better", "unit": "probability", "mean": float((inmb > 0).mean())}
            rows.append({**at, **better})
        dear = {"measure": "cost_per_extra_test", "unit": "SEK/test", "mean": _per_test(scenario, worth)}
        rows.append({**place, **dear})
    return pd.DataFrame(rows)


def value_table(scenario: Scenario, results: Results, worths: Added, words: Words) -> Html:
    """What the programme buys and costs against each reference, ten years first and five beside; and how it is counted."""
    order = [(reference, period) for reference in scenario.references for period in list(scenario.periods)[::-1]]
    share = share_reached(results.reach, scenario.case.broad, ("region",))
    columns = [_column(scenario, worths[place], share, place, words) for place in order]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    saved = words("value_rows.saved_per_qaly")
    rows = [row for row in rows if row[0] != saved or set(row[1:]) != {words("not_applicable")}]
    header = [words("value_columns.what")]
    header += [f"{words(f'value_columns.{reference}')}, {period}" for reference, period in order]
    rate = words.percent(discount_rates(scenario)["rate_cost"])
    caption = words("value_caption", year=scenario.parameters.price_year)
    method = words("value_method", rate=rate, horizon=scenario.case.horizon_years)
    return Html(table(f"{caption}. {words('interval_note')}", header, rows) + note(method))


def _column(
    scenario: Scenario, worth: xr.Dataset, share: xr.DataArray, place: tuple[str, str], words: Words
) -> dict[str, str]:
    """One reference and period: figures as printed, by what they are called."""
    reference, period = place
    last = scenario.periods[period][-1]
    now = share.sel(year=last)
    more = interval_frame(100 * (now.sel(mix="new") - now.sel(mix=reference))).iloc[0]
    span = {
        name: interval_frame(worth[name]).iloc[0] for name in ("tests", "lost", "waiting", "cost", "beside", "qaly")
    }
    beside = "beside_unfit" if scenario.case.eligible.reflex else "beside"
    column = {
        words("value_rows.tests", test=named_by_use("the_test", scenario, words)): words.span(span["tests"], digits=0),
        words("value_rows.coverage"): words.span(more, digits=0),
        words("value_rows.lost"): words.span(span["lost"], digits=1),
        words("value_rows.waiting"): words.span(span["waiting"], digits=1),
        words("value_rows.qaly"): words.span(span["qaly"], digits=1),
        words("value_rows.cost"): words.span_msek(span["cost"]),
        words(f"value_rows.{beside}"): words.span_msek(span["beside"]),
    }
    for wtp in thresholds(scenario).values():
        inmb = worth["inmb"].sel(wtp=wtp, drop=True)
        column[words("value_rows.inmb", wtp=words.number(wtp))] = words.span_msek(interval_frame(inmb).iloc[0])
        better = words.probability(float((inmb > 0).mean()))
        column[words("value_rows.better", wtp=words.number(wtp))] = better
    column[words("value_rows.per_test")] = words.number(_per_test(scenario, worth), -3)
    column[words("value_rows.per_qaly")] = words.number(cost_per(worth["cost"], worth["qaly"]), -5)
    column[words("value_rows.saved_per_qaly")] = words.number(cost_per(-worth["cost"], -worth["qaly"]), -5)
    return column


def _per_test(scenario: Scenario, worth: xr.Dataset) -> float:
    case = scenario.case
    return cost_per(worth["cost"], worth["tests"]) if case.in_use == case.new else float("nan")


def value_sentences(scenario: Scenario, worths: Added, words: Words) -> list[str]:
    """What the scenario buys against each reference over all years shown, and whether it is worth it at the threshold that leads."""
    period, said = scenario.whole_period, []
    wtp = leading_threshold(scenario)
    for reference in scenario.references:
        worth = worths[reference, period]
        inmb = worth["inmb"].sel(wtp=wtp, drop=True)
        better = float((inmb > 0).mean())
        said.append(
            words(
                f"value_sentence_{reference}",
                period=period,
                tests=words.number(abs(float(worth["tests"].mean()))),
                tests_word=words(more_or_less("value_tests", float(worth["tests"].mean()))),
                test=named_by_use("the_test", scenario, words),
                gained=_gained(worth, words),
                verdict=words(_verdict(worth, inmb, better)),
                inmb=words.span_msek(interval_frame(inmb).iloc[0]),
                better=words.probability(better),
                wtp=words.number(wtp),
            )
        )
    lost, spared = (float(worths["today", period][name].mean()) for name in ("lost", "spared"))
    if lost >= 0.5:
        told = {"lost": words.number(lost), "spared": words.msek(spared), "reasons": _reasons(scenario, words)}
        said.append(words("value_lost", **told))
    return said


def _signs(worth: xr.Dataset) -> tuple[bool, bool]:
    """Whether health is lost and whether money is saved on average, as they are printed."""
    return round(float(worth["qaly"].mean())) < 0, round(float(worth["cost"].mean()) / 1e6, 1) < 0


def _gained(worth: xr.Dataset, words: Words) -> str:
    """Health gained or lost and money spent or saved, each with the word for its sign."""
    qaly, cost = (interval_frame(worth[name]).iloc[0] for name in ("qaly", "cost"))
    loses, saves = _signs(worth)
    return words(
        f"value_gained.{'loses' if loses else 'gains'}_{'saves' if saves else 'costs'}",
        qaly=words.span(turned(qaly) if loses else qaly, digits=0),
        cost=words.span_msek(turned(cost) if saves else cost),
    )


def _verdict(worth: xr.Dataset, inmb: xr.DataArray, better: float) -> str:
    """The key of the verdict: what loses health and saves money is not told to be worth its cost."""
    key = verdict_of(inmb, better)
    return key.replace("value_", "value_saves_", 1) if all(_signs(worth)) else key


def turned(row: Any) -> dict[str, float]:
    """An interval of the amount turned round, as of what is saved in place of what is spent."""
    return {"mean": -row["mean"], "lower": -row["upper"], "upper": -row["lower"]}


def signed(key: str, row: Any, words: Words, **filled: Any) -> str:
    """A sentence on an amount in SEK: ``<key>_more`` where its mean is 0 or more, else ``<key>_less`` of the amount turned round."""
    if row["mean"] >= 0:
        return words(f"{key}_more", amount=words.span_msek(row), **filled)
    return words(f"{key}_less", amount=words.span_msek(turned(row)), **filled)


def reflex_sentence(scenario: Scenario, results: Results, words: Words) -> str:
    """What tests ordered with the diagnosis add per eligible patient at unchanged prices, in a case that states them: for those who prove
    not fit.

    Net benefit with them is that of the main analysis less the persons tested x the difference in laboratory cost; that it speaks for the
    other strategy is said where the draws tell it and the main analysis does not say the same.
    """
    case, wtp = scenario.case, leading_threshold(scenario)
    persons = results.reach.eligible
    each = (results.reach.reflexed * persons).sum(["region", "year"]) / persons.sum(["region", "year"])
    more = each * increment(results.per_patient.test_cost, case)
    cost, qaly = increments(results.per_patient, case)
    without, with_them = (net_monetary_benefit(spent, qaly, wtp) for spent in (cost, cost + more))
    told = words(
        "reflex_each",
        each=words.span(interval_frame(each).iloc[0], digits=2),
        more=words.span(interval_frame(more).iloc[0], digits=-1),
        whole=words.span(interval_frame(cost + more).iloc[0], digits=-2),
        benefit=known_span(with_them, words, -2),
        wtp=words.number(wtp),
    )
    side = _side(with_them)
    if side in (0, _side(without)):
        return told
    best = words.inside(case.strategies[case.new if side > 0 else case.comparator].label)
    return f"{told} {words('reflex_turned', best=best)}"


def _side(benefit: xr.DataArray) -> int:
    """The sign of a mean net benefit; 0 where it lies within two simulation errors."""
    mean = float(benefit.mean())
    return int(np.sign(mean)) if abs(mean) > ERRORS * simulation_error(benefit) else 0


def more_or_less(stem: str, value: float) -> str:
    """The key of the words for more, or for fewer."""
    return f"{stem}_more" if value >= 0 else f"{stem}_less"


def verdict_of(inmb: xr.DataArray, better: float) -> str:
    """Whether a programme is worth it, as far as its draws allow: the sign must exceed two simulation errors and hold in 70 of 100."""
    side = _side(inmb)
    if side == 0:
        return "value_verdict_even"
    if side > 0:
        return "value_verdict_worth" if better >= P_ORDER else "value_verdict_perhaps"
    return "value_verdict_not" if better <= 1 - P_ORDER else "value_verdict_perhaps_not"


def _reasons(scenario: Scenario, words: Words) -> str:
    capacity = scenario.case.capacity
    return ", ".join(words.label(loss.label) for loss in capacity.losses.values()) if capacity else ""
