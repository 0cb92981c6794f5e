"""Chapter 03, beside the headline's still prices: what a patient is worth by the year of the start."""

import xarray as xr

from pmbudget.appraisal.cea import net_monetary_benefit
from pmbudget.appraisal.ranking import surely_above
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import increments
from pmbudget.questions.start_years import benefit_by_start
from pmbudget.reporting.markup import Html, note, table
from pmbudget.reporting.verdict import known, known_span, leading_threshold, leading_thresholds
from pmbudget.reporting.words import Words
from pmbudget.road import Results


def starts_sentence(scenario: Scenario, results: Results, words: Words) -> str:
    """What a patient is worth who starts in the first year shown, and in the last, at the prices then met, as the table has it, at the
    threshold that leads; nothing where no price moves.
    """
    if _moving(scenario) == "static_alone":
        return ""
    wtp = leading_threshold(scenario)
    by_start = benefit_by_start(scenario, results, wtp=wtp)
    gaps = {"first": scenario.years[0], "last": scenario.years[-1], "wtp": words.number(wtp)}
    for end in ("first", "last"):
        benefit = by_start.sel(year=gaps[end])
        gaps |= {
            f"{end}_benefit": known(benefit, words, -2),
            f"{end}_p": words.probability(float((benefit > 0).mean())),
        }
    return words("headline_starts", **gaps)


def starts_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """Incremental net benefit and its probability of being positive: at still prices, then by the year in which a patient starts.

    A sentence where no price moves.
    """
    case, limits = scenario.case, leading_thresholds(scenario)
    cost, qaly = increments(results.per_patient, case)
    by_start = {wtp: benefit_by_start(scenario, results, wtp=wtp) for wtp in limits.values()}
    if all(float(abs(benefit - benefit.isel(year=0)).max()) < 1 for benefit in by_start.values()):
        return note(words("starts_same"))
    rows = [_row(words("starts_still"), [net_monetary_benefit(cost, qaly, wtp) for wtp in limits.values()], words)]
    rows += [
        _row(str(year), [benefit.sel(year=year) for benefit in by_start.values()], words) for year in scenario.years
    ]
    header = [words("starts_columns.year")]
    for wtp in limits.values():
        told = words.number(wtp)
        header += [words("starts_columns.benefit", wtp=told), words("starts_columns.p", wtp=told)]
    new, comparator = (words.inside(case.strategies[name].label) for name in (case.new, case.comparator))
    whole = table(words("starts_caption", new=new, comparator=comparator), header, rows, strong=[0])
    highest = by_start[max(limits.values())]
    said = words(f"starts_lead.{_direction(highest, words)}", first=scenario.years[0], last=scenario.years[-1])
    moves = words(f"starts_moves.{_moving(scenario)}")
    if scenario.price_paths:
        moves = f"{moves} {words('starts_first', first=scenario.years[0], year=scenario.parameters.price_year)}"
    trend = words("starts_trend.dated" if scenario.price_paths else "starts_trend.still", year=scenario.years[-1])
    return Html(note(said) + whole + note(f"{moves} {words('starts_note')} {trend}"))


def _row(label: str, benefits: list[xr.DataArray], words: Words) -> list[str]:
    row = [label]
    for benefit in benefits:
        row += [known_span(benefit, words, -2), words.probability(float((benefit > 0).mean()))]
    return row


def _direction(benefit: xr.DataArray, words: Words) -> str:
    """Whether who starts in the last year shown gains surely more or less than who starts in the first, and is printed so."""
    first, last = benefit.isel(year=0), benefit.isel(year=-1)
    if known(first, words, -2) == known(last, words, -2):
        return "alike"
    return "more" if surely_above(last, first) else "less" if surely_above(first, last) else "alike"


def _moving(scenario: Scenario) -> str:
    """Which prices move: those of drugs along their paths or none of them, and those of tests where the case states it."""
    case = scenario.case
    if not any(one.kind == "drug" for one in case.resources.values()):
        return "none"
    tests = case.prices is not None and case.prices.resources
    return ("paths" if scenario.price_paths else "static") + ("" if tests else "_alone")
