"""Chapter 03, in sentences: the verdict, its probability, who gains and loses by it, what turns it and what decides it."""

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal import ceac
from pmbudget.appraisal.increment import Increment
from pmbudget.appraisal.ranking import ERRORS, simulation_error, surely_above, surely_best
from pmbudget.inputs.cases import Case
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import increment, increments
from pmbudget.questions import best_strategies, contenders
from pmbudget.questions.classes import Breakdown
from pmbudget.questions.structures import Structures
from pmbudget.reporting.ch03_worth.worth_starts import starts_sentence
from pmbudget.reporting.ch03_worth.worth_structures import structure_sentences
from pmbudget.reporting.ch07_information.information_headline import listed
from pmbudget.reporting.markup import Html, lead, note
from pmbudget.reporting.value import reflex_sentence
from pmbudget.reporting.verdict import (
    error_words,
    known,
    known_digits,
    known_span,
    leading_threshold,
    leading_thresholds,
    ratio_words,
    two_digits,
    verdict_key,
)
from pmbudget.reporting.words import Words
from pmbudget.road import Results
from pmbudget.vocabulary import TAILS

CYCLES = {1: "year", 12: "month"}
"""What a cycle is called by how many a year has."""


def worth_headline(
    scenario: Scenario, results: Results, parts: Breakdown, influence: pd.DataFrame, tried: Structures, words: Words
) -> Html:
    """The answers: over which structures, cost and health, how sure, worth it or not, for whom, what turns it, what it hangs on; each with
    its condition.
    """
    case = scenario.case
    found = Increment.of(*increments(results.per_patient, scenario.case))
    new, comparator = (words.inside(case.strategies[name].label) for name in (case.new, case.comparator))
    wtp = leading_threshold(scenario)
    return lead(
        *structure_sentences(scenario, tried, words),
        verdict_sentence(found, new, comparator, words),
        risk_sentence(found, new, words),
        threshold_sentence(scenario, results, words),
        f"{words('headline_without_change')} {starts_sentence(scenario, results, words)}".rstrip(),
        " ".join(
            sentence
            for told in (classes_sentence, withheld_sentence, turning_sentence)
            if (sentence := told(scenario, parts, words, wtp=wtp))
        ),
        influence_sentence(scenario, influence, words),
    )


def verdict_sentence(found: Increment, new: str, comparator: str, words: Words) -> str:
    """Cost and health against the comparator, each told as what it is, and what the two amount to; dominance only where it is sure."""
    cost, qaly = (_told(name, getattr(found, name), most, words) for name, most in (("cost", -2), ("qaly", 3)))
    key = verdict_key(found)
    ratio = ratio_words(found.ratio, words, found.ratio_error) if key in ("icer", "southwest") else ""
    return words(
        "headline_cea",
        comparator=comparator,
        cost=cost.format(new=new),
        qaly=qaly,
        verdict=words(f"verdict_{key}", icer=ratio),
    )


def _told(name: str, values: np.ndarray, most: int, words: Words) -> str:
    """A difference as an amount more or less, its interval with the words for its ends; ``{new}`` is left to be filled in."""
    digits = known_digits(simulation_error(values), most)
    mean = round(float(values.mean()), digits)
    way = "more" if mean > 0 else "less" if mean < 0 else "same"
    low, high = (float(end) for end in np.quantile(values, TAILS))
    side = "more" if low >= 0 else "less" if high <= 0 else "both"
    ends = (high, low) if side == "less" else (low, high)
    interval = words(
        f"interval_{name}_{side}", **{key: words.number(abs(end), digits) for key, end in zip("ab", ends, strict=True)}
    )
    return words(f"headline_{name}_{way}", mean=words.number(abs(mean), digits), interval=interval, new="{new}")


def risk_sentence(found: Increment, new: str, words: Words) -> str:
    """The probabilities that the new strategy is dearer, and that it is worse for health."""
    gaps = {"dearer": found.cost > 0, "worse": found.qaly < 0}
    shares = {key: words.probability(float(values.mean())) for key, values in gaps.items()}
    return words("headline_risk", new=new, **shares)


def threshold_sentence(scenario: Scenario, results: Results, words: Words) -> str:
    """The probability of being worth it against the comparator at the thresholds that lead, what these are, and which strategy is best on
    average there; of more than two, how probably the new one is the best of all.
    """
    case = scenario.case
    limits = leading_thresholds(scenario)
    new = words.inside(case.strategies[case.new].label)
    gaps = {"new": new}
    found = Increment.of(*increments(results.per_patient, case))
    for name, wtp in limits.items():
        gaps |= {f"p_{name}": words.probability(found.p_worth_it(wtp)), name: words.number(wtp)}
    if len(limits) == 1:
        (name,) = limits
        told = _at_level(scenario, words, new=new, p=gaps[f"p_{name}"], wtp=gaps[name])
    else:
        told = f"{words('headline_probability', **gaps)} {words(_unassessed(scenario))}"
    return " ".join([told, *_best_of_all(scenario, results, words), best_sentence(scenario, results, words)])


def _best_of_all(scenario: Scenario, results: Results, words: Words) -> list[str]:
    """How probably the new strategy is the best at the threshold that leads, where there are others than the comparator."""
    case, wtp = scenario.case, leading_threshold(scenario)
    if len(case.strategies) < 3:
        return []
    share = float(ceac(results.per_patient.cost, results.per_patient.qaly, wtp).sel(strategy=case.new))
    of = {"number": words.number(len(case.strategies)), "wtp": words.number(wtp), "p": words.probability(share)}
    return [words("headline_probability_best", **of)]


def _at_level(scenario: Scenario, words: Words, **gaps: str) -> str:
    """The probability at the threshold of the severity judged, and whether that was judged for these patients or is taken to hold."""
    severity = scenario.case.severity
    if severity is None:
        raise ValueError("one threshold leads where a severity was judged; the case states none")
    level = words(f"severity_levels.{severity.level}")
    if severity.held_for is None:
        return words("headline_probability_level", level=level, **gaps)
    patients = {"of": words.label(severity.of), "held": words.label(severity.held_for.patients)}
    return words("headline_probability_held", level=level, **patients, **gaps)


def _unassessed(scenario: Scenario) -> str:
    return "severity_no_threshold" if scenario.case.severity else "severity_unread"


def best_sentence(scenario: Scenario, results: Results, words: Words) -> str:
    """Which strategy is best on average at each threshold that leads, or which the draws do not tell apart as the best."""
    found = {wtp: best_strategies(scenario, results, wtp) for wtp in leading_thresholds(scenario).values()}
    if len(found) == 2 and all(len(near) == 1 for near in found.values()):
        first, second = (words.inside(scenario.case.strategies[near[0]].label) for near in found.values())
        if first == second:
            return words("headline_same_best", best=first)
        return words("headline_other_best", first=first, second=second)
    told = []
    for wtp, near in found.items():
        names = listed([words.inside(scenario.case.strategies[name].label) for name in near], words)
        told.append(
            words("headline_best" if len(near) == 1 else "headline_best_unsure", best=names, wtp=words.number(wtp))
        )
    return " ".join(told)


def classes_sentence(scenario: Scenario, parts: Breakdown, words: Words, *, wtp: float) -> str:
    """From which true class most net benefit comes, and which loses most; only those that surely stand above the others are said to.

    Nothing where all are of one class.
    """
    if len(scenario.case.classes) == 1:
        return ""
    adds = (parts.benefit(scenario.case, wtp) * parts.share).transpose("subgroup", "draw")
    means = adds.mean("draw").to_numpy()
    told = []
    for end, largest in (("most", True), ("least", False)):
        place = int(means.argmax() if largest else means.argmin())
        name = str(adds["subgroup"].to_numpy()[place])
        some = means[place] > 0 if largest else means[place] < 0
        sure = surely_best(adds.to_numpy(), largest=largest) is not None
        key = ("sure" if sure else "unsure") if some else "none"
        amount = words.number(means[place], known_digits(simulation_error(adds.isel(subgroup=place)), -2))
        gaps = {"label": class_name(scenario.case, name, words), "amount": amount}
        why = _drug_withheld(scenario.case, parts, name, words)
        told.append(words(f"headline_{end}.{key}", wtp=words.number(wtp), why=why, **gaps))
    return " ".join(told)


def class_name(case: Case, name: str, words: Words) -> str:
    """Patients of a true class inside a sentence; those left over by what they lack, since their label says only that."""
    one = case.classes[name]
    if one.prevalence == "else" and not one.is_sought:
        return words("class_without", finding=words.label(case.sought))
    return words.inside(one.label)


def withheld(case: Case) -> list[str]:
    """True classes that the comparator's answers lead to treatment of, and the new strategy's do not."""
    kept = case.strategies[case.comparator].not_acted_on
    return [name for name in case.strategies[case.new].not_acted_on if name not in kept]


def _drug_withheld(case: Case, parts: Breakdown, name: str, words: Words) -> str:
    """That what a class adds comes of its drug not being given, and what that does to health; nothing of other classes."""
    if name not in withheld(case):
        return ""
    gained = increment(parts.qaly, case).sel(subgroup=name)
    digits = known_digits(simulation_error(gained), 3)
    if not sign(gained) or round(float(gained.mean()), digits) == 0:
        return words("headline_withheld.same")
    return words("headline_withheld.changed", qaly=words.number(float(gained.mean()), digits))


def withheld_sentence(scenario: Scenario, parts: Breakdown, words: Words, *, wtp: float) -> str:
    """Net benefit without what the classes add whose drug is not given, draw by draw; nothing where there are none."""
    case, names = scenario.case, withheld(scenario.case)
    if not names:
        return ""
    adds = parts.benefit(case, wtp) * parts.share
    left = adds.sum("subgroup") - adds.sel(subgroup=names).sum("subgroup")
    return words(
        "headline_without_withheld",
        labels=listed([class_name(case, name, words) for name in names], words),
        wtp=words.number(wtp),
        benefit=known_span(left, words, -2),
        p=words.probability(float((left > 0).mean())),
    )


def turning_sentence(scenario: Scenario, parts: Breakdown, words: Words, *, wtp: float) -> str:
    """The classes without whose treatment the expected net benefit has the other sign, with both figures, and whether that sign is sure;
    nothing where no paired difference surely turns it, nor of a class that the new strategy does not treat, nor where one alone is treated.
    """
    case = scenario.case
    whole = (parts.benefit(case, wtp) * parts.share).sum("subgroup")
    without = parts.benefit_untreated(scenario.case, wtp)
    untreated = case.strategies[case.new].not_acted_on
    treated = {
        name: str(one.matched or one.later)
        for name, one in case.classes.items()
        if one.is_sought and name not in untreated
    }
    told = []
    for name, management in treated.items() if len(treated) > 1 else ():
        other = without.sel(subgroup=name)
        apart = surely_above(other, whole) or surely_above(whole, other)
        if not apart or sign(whole) == 0 or float(other.mean()) * float(whole.mean()) >= 0:
            continue
        told.append(
            words(
                f"headline_turned.{'sign' if sign(other) else 'none'}",
                label=words.inside(case.classes[name].label),
                treatment=words.inside(case.managements[management].label),
                wtp=words.number(wtp),
                new=words.inside(case.strategies[case.new].label),
                with_=known(whole, words, -2),
                without=known(other, words, -2),
                p_with=words.probability(float((whole > 0).mean())),
                p_without=words.probability(float((other > 0).mean())),
            )
        )
    return " ".join(told)


def sign(values: xr.DataArray) -> int:
    """The sign of a mean over draws, 0 where two simulation errors do not tell it from none."""
    mean = float(values.mean())
    return int(np.sign(mean)) if abs(mean) > ERRORS * simulation_error(values) else 0


def stands_out(influence: pd.DataFrame) -> pd.Series:
    """Which shares of variance chance does not explain: more than three standard errors, since there are many to choose from."""
    return influence["share"] > 3 * influence["se"]


def influence_sentence(scenario: Scenario, influence: pd.DataFrame, words: Words) -> str:
    """The parameter that the uncertainty hangs most on, those that cannot be told apart together, or that none stands out."""
    clear = influence[stands_out(influence)]
    if clear.empty:
        return words("headline_no_parameter")
    names = contenders(clear["share"], clear["se"])
    labels = [
        words("quoted", text=words.label(scenario.parameters[name].record.label))
        + f" ({words.percent(float(clear.loc[name, 'share']))}, "
        + f"{words(f'evidence.{scenario.parameters[name].record.evidence}')})"
        for name in names
    ]
    key = "headline_parameter" if len(names) == 1 else "headline_parameters"
    return words(key, parameters=listed(labels, words))


def simulation_note(scenario: Scenario, results: Results, words: Words) -> Html:
    """The Monte Carlo standard errors of the chapter's headline figures."""
    found, wtp = Increment.of(*increments(results.per_patient, scenario.case)), leading_threshold(scenario)
    benefit = found.benefit(wtp)
    ratio = words("simulation_ratio", error=two_digits(found.ratio_error, words)) if found.ratio_is_known else ""
    return note(
        words(
            "simulation_note",
            draws=words.number(found.cost.size),
            cost=error_words(found.cost, words),
            qaly=error_words(found.qaly, words),
            benefit=error_words(benefit, words),
            wtp=words.number(wtp),
            share=error_words(100 * (benefit > 0), words),
            ratio=ratio,
        )
    )


def method_note(scenario: Scenario, results: Results, words: Words) -> Html:
    """Cycle length, half-cycle, discounting, horizon, drugs at still prices, curves kept from crossing, and tests of the unfit."""
    case = scenario.case
    sentences = [
        words(
            "method_note",
            cycle=words(f"method_cycle.{CYCLES.get(case.cycles_per_year, 'part')}", number=case.cycles_per_year),
            horizon=case.horizon_years,
            cost=words.percent(scenario.parameters.fixed("discount_rate_cost")),
            qaly=words.percent(scenario.parameters.fixed("discount_rate_qaly")),
            year=scenario.parameters.price_year,
            first=scenario.years[0],
        )
    ]
    if any(one.kind == "drug" for one in case.resources.values()):
        sentences.append(words("method_drug_prices" if scenario.price_paths else "method_drug_prices_still"))
    if case.has_curves:
        sentences.append(words("method_crossings", share=words.percent(results.per_patient.crossings, 1)))
    if case.eligible.reflex:
        sentences.append(reflex_sentence(scenario, results, words))
    return note(*sentences)
