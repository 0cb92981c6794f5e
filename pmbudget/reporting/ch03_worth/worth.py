"""Chapter 03: is it worth it, for whom it is counted, and how sure that is.

What: cost, health and what they amount to. For whom: the case's patients, by true class and by payer. How sure: probabilities at the
threshold of the severity assessed, and of being dearer or worse; the simulation error once. Resting on what: the parameter that decides,
the class whose treatment turns it, the method. What next: the budget, and what to find out first.
"""

from typing import Any

import pandas as pd

from pmbudget.appraisal import ceac, expected_loss, net_monetary_benefit, surely_dominated
from pmbudget.appraisal.increment import Increment
from pmbudget.appraisal.ranking import simulation_error
from pmbudget.inputs.cases import Case
from pmbudget.inputs.norms import NORMS, thresholds
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import increments, staff_share
from pmbudget.questions import best_strategies
from pmbudget.questions.classes import Breakdown
from pmbudget.reporting.ch01_evidence.evidence import frame_sentences, grade_counts
from pmbudget.reporting.ch02_pathway.pathway import has_later_lines, treated_share
from pmbudget.reporting.frames import incremental_table, interval_frame
from pmbudget.reporting.markup import Html, note, rate, table
from pmbudget.reporting.verdict import (
    known,
    known_digits,
    known_span,
    leading_threshold,
    leading_thresholds,
    verdict_words,
)
from pmbudget.reporting.words import Words
from pmbudget.road import Results

WIDTH = 5.8
"""Inches: one panel that can be read on a telephone too."""


def strategy_labels(scenario: Scenario, words: Words) -> dict[str, str]:
    """The label of each strategy."""
    return {name: words.label(one.label) for name, one in scenario.case.strategies.items()}


def worth_frame(scenario: Scenario, words: Words) -> Html:
    """For whom, over how long, from whose side and in which prices the value is counted, on what it rests, what comes next."""
    counted = words(
        "worth_frame",
        horizon=scenario.case.horizon_years,
        year=scenario.parameters.price_year,
        cost=rate(scenario, "discount_rate_cost", words),
        qaly=rate(scenario, "discount_rate_qaly", words),
    )
    question, *rest = frame_sentences(scenario, words, "05_budget_impact", "07_value_of_information")
    case, labels = scenario.case, strategy_labels(scenario, words)
    of = {
        "number": words.number(len(labels)),
        "new": words.inside(case.strategies[case.new].label),
        "comparator": words.inside(case.strategies[case.comparator].label),
    }
    compared = [words("worth_strategies", **of)] if len(labels) > 2 else []
    return note(question, counted, *compared, *_today(scenario, words), *rest)


def _today(scenario: Scenario, words: Words) -> list[str]:
    """That today's care is a mixture, with the expected share on what is in use; nothing where that share is learnt in the run."""
    case = scenario.case
    known_share = scenario.parameters[case.uptake.today].distribution
    if known_share is None:
        return []
    label = {key: words.inside(case.strategies[getattr(case, key)].label) for key in ("comparator", "in_use")}
    return [words("worth_today", share=words.percent(known_share.mean), **label)]


def worth_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """The incremental analysis by strategy, least costly first, with the probability that each is the best of all.

    What is dominated is said to be unsurely so where the draws do not tell.
    """
    frame, limits = incremental_table(scenario, results), thresholds(scenario)
    sure = surely_dominated(results.per_patient.cost, results.per_patient.qaly)
    rows = [
        [
            words.label(scenario.case.strategies[str(name)].label),
            known(results.per_patient.cost.sel(strategy=name), words, -2),
            known(results.per_patient.qaly.sel(strategy=name), words, 3),
            *_added(results, frame, str(name), words),
            words(f"status.{row['status']}") + ("" if sure.get(str(name), True) else words("status_unsure")),
            *(words.probability(row[limit]) for limit in limits),
        ]
        for name, row in frame.iterrows()
    ]
    columns = ("cost", "qaly", "incremental_cost", "incremental_qaly", "icer", "status")
    header = [words("strategy"), *(words(f"cea_columns.{key}") for key in columns)]
    header += [words("cea_columns.best", wtp=words.number(wtp)) for wtp in limits.values()]
    caption = words(
        "cea_caption",
        cost=rate(scenario, "discount_rate_cost", words),
        qaly=rate(scenario, "discount_rate_qaly", words),
    )
    return table(caption, header, rows)


def strategies_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """Every strategy at the threshold that leads, best on average first, those that the draws do not tell from it marked.

    Nothing where a case has two strategies: :func:`worth_table` says it all.
    """
    case, labels, wtp = scenario.case, strategy_labels(scenario, words), leading_threshold(scenario)
    if len(labels) < 3:
        return Html("")
    cost, qaly = results.per_patient.cost, results.per_patient.qaly
    benefit = net_monetary_benefit(cost, qaly, wtp)
    dearer, healthier, gain = (
        values - values.sel(strategy=case.comparator, drop=True) for values in (cost, qaly, benefit)
    )
    chance, loss = ceac(cost, qaly, wtp), expected_loss(cost, qaly, wtp)
    order = [str(name) for name in gain["strategy"].to_numpy()[(-gain.mean("draw")).argsort().to_numpy()]]
    rows = []
    for name in order:
        own = gain.sel(strategy=name)
        against = [words("not_applicable")] * 4
        if name != case.comparator:
            added = [known(dearer.sel(strategy=name), words, -2), known(healthier.sel(strategy=name), words, 3)]
            against = [*added, known_span(own, words, -2), words.probability(float((own > 0).mean()))]
        best = words.probability(float(chance.sel(strategy=name)))
        rows.append([labels[name], *against, best, words.number(float(loss.sel(strategy=name)), -2)])
    header = [words("strategy"), words("cea_columns.incremental_cost"), words("cea_columns.incremental_qaly")]
    header += [words(f"strategies_columns.{key}") for key in ("gain", "p", "best", "loss")]
    caption = words(
        "strategies_caption", wtp=words.number(wtp), comparator=words.inside(case.strategies[case.comparator].label)
    )
    near = best_strategies(scenario, results, wtp)
    return table(caption, header, rows, strong=[order.index(name) for name in near])


def _added(results: Results, frame: pd.DataFrame, name: str, words: Words) -> list[str]:
    """What a strategy adds to the one before it that is not dominated: cost, QALYs and their ratio; dashes where there is none."""
    before = frame.loc[:name].index[:-1]
    before = before[frame.loc[before, "status"].isin(["reference", "undominated"]).to_numpy()]
    if frame.loc[name, "status"] != "undominated" or not len(before):
        return [words("not_applicable")] * 3
    found = Increment.of(
        *(
            values.sel(strategy=name) - values.sel(strategy=before[-1])
            for values in (results.per_patient.cost, results.per_patient.qaly)
        )
    )
    return [
        known(found.cost, words, -2),
        known(found.qaly, words, 3),
        verdict_words(found.cost, found.qaly, words),
    ]


def thresholds_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """At each threshold, those that lead first: which strategy is best on average, or which are not told apart; how probably the new one is
    worth its price against the comparator, what it gains, what each choice may lose.
    """
    case, labels, leads = scenario.case, strategy_labels(scenario, words), leading_thresholds(scenario)
    known_norms = ((name, scenario.parameters.fixed(name)) for name in NORMS if name in scenario.parameters)
    norms = sorted(known_norms, key=lambda norm: (norm[0] not in leads, norm[1]))
    cost, qaly = increments(results.per_patient, scenario.case)
    gains = {name: net_monetary_benefit(cost, qaly, wtp) / 1e3 for name, wtp in norms}
    digits = min(known_digits(simulation_error(gain), 1) for gain in gains.values())
    # Of two strategies one of the two losses is the best's.
    others = int(len(labels) > 2)
    rows = []
    for name, wtp in norms:
        near = best_strategies(scenario, results, wtp)
        loss = expected_loss(results.per_patient.cost, results.per_patient.qaly, wtp)
        record = scenario.parameters[name].record
        rows.append(
            [
                words.label(record.label),
                words(f"evidence.{record.evidence}"),
                words("not_told_apart").join(
                    [labels[near[0]], *(words.inside(case.strategies[one].label) for one in near[1:])]
                ),
                words.number(wtp),
                words.probability(float((gains[name] > 0).mean())),
                words.span(interval_frame(gains[name]).iloc[0], digits=digits),
                *(
                    words.number(float(loss.sel(strategy=one)), -2)
                    for one in (case.new, case.comparator, *near[:others])
                ),
            ]
        )
    header = [words(f"norm_columns.{key}") for key in ("norm", "grade", "best", "wtp")]
    new, comparator = (words.inside(case.strategies[name].label) for name in (case.new, case.comparator))
    header += [words("norm_columns.probability", new=new), words("norm_columns.gain")]
    header += [words("norm_columns.loss", strategy=one) for one in (new, comparator)]
    header += [words("norm_columns.best_loss")] * others
    return table(words("norm_caption", new=new, comparator=comparator), header, rows, text_columns=3)


def severity_note(scenario: Scenario, parts: Breakdown, words: Words) -> Html:
    """How severe the disease was judged to be, the shortfall of QALYs under today's care, and what that can be used for."""
    case = scenario.case
    if case.severity is None:
        judged_as = words("severity_unread")
    else:
        source = words.data(case.severity.source.title)
        level = words(f"severity_levels.{case.severity.level}")
        source = f"{source}; {words(f'evidence.{case.severity.evidence}')}"
        judged_as = words("severity_judged", level=level, patients=words.label(case.severity.of), source=source)
        if held := case.severity.held_for:
            grade = words(f"evidence.{held.evidence}")
            judged_as = f"{judged_as} {words('severity_held', patients=words.label(held.patients), grade=grade)}"
    sources = words("severity_thresholds")
    if case.utility_population is None:
        return note(judged_as, words("severity_unknown"), sources)
    lost = parts.shortfall(case.comparator)
    absolute, share = (interval_frame(lost[name]).iloc[0] for name in ("absolute", "proportional"))
    return note(
        judged_as,
        words(
            "severity",
            absolute=words.span(absolute, digits=1),
            expected=words.span(interval_frame(parts.population_health).iloc[0], digits=1),
            share=words.percent(share["mean"]),
            low=words.percent(share["lower"]),
            high=words.percent(share["upper"]),
            comparator=words.inside(case.strategies[case.comparator].label),
        ),
        _population_grades(scenario, case.utility_population, words),
        sources,
    )


def _population_grades(scenario: Scenario, utility: str, words: Words) -> str:
    """On what the population's QALYs rest: grades of its mortality and of its quality of life."""
    names = {"mortality": scenario.case.mortality.rate, "utility": utility}
    grades = {key: words(f"evidence.{scenario.parameters[name].record.evidence}") for key, name in names.items()}
    return words("severity_grades", **grades)


def pathway_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """What testing leads to by strategy, with staff's share of the cost of diagnostics; nothing without tests."""
    case, outcomes = scenario.case, results.per_patient.outcomes
    if not case.has_tests:
        return Html("")
    measures = {
        "found_row": (outcomes["found"], 0),
        "matched_row": (treated_share(outcomes), 1),
        "first_line_row": (treated_share(outcomes, first_line=True), 1),
        "mismatched_row": (outcomes["mismatched"], 1),
        "staff_row": (staff_share(outcomes["cost_once"], case), 0),
    }
    if not has_later_lines(case):
        del measures["first_line_row"]
    rows = [
        [label, *(words.percent(float(values.sel(strategy=name)), digits) for values, digits in measures.values())]
        for name, label in strategy_labels(scenario, words).items()
    ]
    return table(words("pathway_caption"), [words("strategy"), *(words(key) for key in measures)], rows)


def resources_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """Mean cost per patient by resource and strategy, SEK, undiscounted over the horizon."""
    case, outcomes = scenario.case, results.per_patient.outcomes
    cost = (outcomes["cost"].sum("year_since_start") + outcomes["cost_once"]).to_pandas()
    names = [case.comparator, case.new]
    parts = [
        (
            words.label(case.resources[str(name)].label),
            words(f"payers.{case.resources[str(name)].unit}"),
            *(cost.loc[s, name] for s in names),
        )
        for name in cost.columns
    ]
    parts.append((words("total"), "", *(cost.loc[s].sum() for s in names)))
    rows = [
        [label, unit, words.number(old), words.number(new), words.number(new - old)] for label, unit, old, new in parts
    ]
    header = [
        words("resource"),
        words("unit"),
        *(words.label(case.strategies[s].label) for s in names),
        words("resources_difference"),
    ]
    return table(words("resources_caption"), header, rows, strong=[len(rows) - 1], text_columns=2)


def checklist_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """What CHEERS 2022 and the Swedish guidelines ask for that a reader needs to judge the analysis."""
    case, parameters = scenario.case, scenario.parameters
    labels = strategy_labels(scenario, words)
    grades = grade_counts(scenario)
    funnel = [case.eligible.incident, *case.eligible.shares]
    filled: dict[str, dict[str, Any]] = {
        "population": {"funnel": "; ".join(words.inside(parameters[name].record.label) for name in funnel)},
        "setting": {},
        "comparators": {
            "comparator": labels[case.comparator],
            "new": "; ".join(label for name, label in labels.items() if name != case.comparator),
        },
        "perspective": {},
        "horizon": {"years": case.horizon_years},
        "discount": {
            "cost": rate(scenario, "discount_rate_cost", words),
            "qaly": rate(scenario, "discount_rate_qaly", words),
        },
        "outcomes": {},
        "costs": {"drugs": words(f"checklist_drugs.{_drugs(case)}")},
        "prices": {"year": parameters.price_year},
        "model": {"course": words(f"checklist_course.{_course(case)}")},
        "subgroups": {"number": len(case.classes)},
        "equity": {},
        "uncertainty": {"draws": words.number(results.per_patient.cost.sizes["draw"])},
        "engagement": {},
        "parameters": {
            "number": grades.total(),
            "grades": ", ".join(f"{number} {words(f'evidence.{grade}')}" for grade, number in grades.most_common()),
        },
        "funding": {},
    }
    rows = [
        [words(f"checklist.{key}.item"), words(f"checklist.{key}.number"), words(f"checklist.{key}.text", **gaps)]
        for key, gaps in filled.items()
    ]
    header = [words(f"checklist_columns.{key}") for key in ("item", "number", "text")]
    return table(words("checklist_caption"), header, rows, text_columns=3)


def _drugs(case: Case) -> str:
    """How drugs are priced: none in the case, at list prices, or at list prices less rebates."""
    drugs = {name for name, one in case.resources.items() if one.kind == "drug"}
    items = [item for item in case.care_items() if item.resource in drugs]
    return "rebates" if any(item.less for item in items) else "list" if items else "none"


def _course(case: Case) -> str:
    """How the course is followed: survival curves, moves between states, or the population's mortality alone."""
    if case.has_curves:
        return "curves"
    return "moves" if any(one.moves for one in case.managements.values()) else "population"
