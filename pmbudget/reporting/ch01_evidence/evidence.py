"""Chapter 01: what is known and from where, what the studies say, and every parameter with its source.

What: how many parameters are learnt, read and assumed. For whom: the case's patients. How sure: intervals, how far each estimate hangs on
one study, whether the fit holds. Resting on what: the studies one by one, and where they may mislead. What next: the value of finding out.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.evidence import sensitivity
from pmbudget.evidence.blocks import LINKS, Block, blocks_of
from pmbudget.evidence.checks import before_data, contradictions, predictive_check
from pmbudget.evidence.fit import Posterior
from pmbudget.evidence.generators import generator
from pmbudget.inputs import studies as rows
from pmbudget.inputs.files import Evidence, references
from pmbudget.inputs.parameters import Parameter, Record
from pmbudget.inputs.prices import Trend
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import English, Html, as_stored, collapsed, lead, note, table
from pmbudget.reporting.words import Words, decimals_stated

RATIOS = ("hazard ratio", "ratio")
LEAST_RATIO = 0.2
"""Units whose values have two decimals, and the least mean that does."""
FOR_ALL = ("norms", "financing")
"""Shared files whose parameters every case is counted with."""
APART = 0.05
"""Below this p-value the studies of a part are said to differ."""
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
"""Digits as an exponent has them."""
GRADES: tuple[Evidence, ...] = ("published", "registry", "derived", "expert", "assumption")


def case_blocks(scenario: Scenario) -> list[Block]:
    """The blocks of evidence of a case: those the calculation reads first, then its context."""
    found = blocks_of(scenario.parameters.values())
    return sorted(found, key=lambda block: all(one.record.context for one in block.parameters))


def label_of(block: Block, words: Words, part: str | None = None) -> str:
    """What a block is called: its first parameter's label, or that of its parameter of a part."""
    named = next((one for one in block.parameters if one.learning.part == part), block.parameters[0])
    return words.label(named.record.label)


def case_parameters(scenario: Scenario) -> dict[str, Parameter]:
    """The parameters of a case: those of its own files and of the norms, and of the other shared files those that it names."""
    named = {name for _, name in references(scenario.case)}
    own = {
        name: one
        for name, one in scenario.parameters.items()
        if name in named or Path(one.file).parent.name == scenario.definition.case or Path(one.file).stem in FOR_ALL
    }
    drawn = {other for one in own.values() for other in one.drawn_with}
    return {name: one for name, one in scenario.parameters.items() if name in own or name in drawn}


def counted_parameters(scenario: Scenario) -> list[Parameter]:
    """The parameters of the calculation: the case's but those that are shown as context."""
    return [one for one in case_parameters(scenario).values() if not one.record.context]


def counts_as(parameter: Parameter) -> Evidence:
    """The grade of a parameter, an amount whose price year was assumed being an assumption."""
    return "assumption" if parameter.is_assumed else parameter.record.evidence


def grade_counts(scenario: Scenario) -> Counter[str]:
    """How many of the calculation's parameters have each grade."""
    return Counter(counts_as(one) for one in counted_parameters(scenario))


def evidence_headline(scenario: Scenario, words: Words) -> Html:
    """How many parameters are learnt, read and assumed, from how many studies, and what hangs on one study alone."""
    parameters, grades = counted_parameters(scenario), grade_counts(scenario)
    assumed = grades["assumption"]
    learnt_ones = [one for one in parameters if one.is_learnt]
    fitted = sum(not one.is_assumed for one in learnt_ones)
    blocks = [block for block in case_blocks(scenario) if any(not one.record.context for one in block.parameters)]
    studies = sum(len(block.counted) for block in blocks)
    alone = [label_of(block, words) for block in blocks if len(block.counted) == 1]
    both = len(learnt_ones) - fitted
    return lead(
        words(
            "headline_evidence",
            learnt=fitted,
            published=len(parameters) - assumed - fitted,
            assumed=assumed,
            total=len(parameters),
            share=words.percent(assumed / len(parameters)),
        )
        + (f" {words('headline_both', number=both)}" if both else ""),
        words(_plural("headline_studies", len(blocks)), studies=studies, blocks=len(blocks))
        if blocks
        else words("headline_no_studies"),
        words(_plural("headline_alone", len(alone)), labels="; ".join(alone), number=len(alone)) if alone else "",
        words("headline_interval"),
    )


def _plural(key: str, number: int) -> str:
    return f"{key}.one" if number == 1 else f"{key}.many"


def evidence_frame(scenario: Scenario, words: Words) -> Html:
    """What the evidence is for, and where it is worked out what to find out first."""
    question, patients, _, following = frame_sentences(scenario, words, "07_value_of_information")
    return note(question, patients, following)


def frame_sentences(scenario: Scenario, words: Words, *chapters: str) -> list[str]:
    """What a chapter is about, for whom, on how many assumptions it rests, and in which ``chapters`` the next question is answered."""
    case, grades = scenario.case, grade_counts(scenario)
    funnel = [case.eligible.incident, *case.eligible.shares]
    labels = (words.inside(scenario.parameters[name].record.label) for name in funnel)
    return [
        words.label(case.question),
        words("worth_population", funnel="; ".join(labels)),
        words("frame_rests", total=grades.total(), share=words.percent(grades["assumption"] / grades.total())),
        words("frame_next", chapters="; ".join(words(f"reports.{name}") for name in chapters)),
    ]


def grades_table(scenario: Scenario, words: Words) -> Html:
    """How many parameters have each grade, and how they come into the calculation."""
    parameters, figures = counted_parameters(scenario), grade_counts(scenario)
    spreads: Counter[str] = Counter(counts_as(one) for one in parameters if one.spread_is_assumed)
    pooled: Counter[str] = Counter(counts_as(one) for one in parameters if one.is_learnt)
    body = [
        [
            words(f"evidence.{grade}"),
            words.number(figures[grade]),
            words.percent(figures[grade] / len(parameters)),
            words.number(pooled[grade]),
            words.number(spreads[grade]),
        ]
        for grade in GRADES
        if figures[grade]
    ]
    keys = ("grade", "number", "share", "learnt", "spread")
    return table(words("grades_caption"), [words(f"grades_columns.{key}") for key in keys], body)


def findings_table(scenario: Scenario, words: Words) -> Html:
    """What in the evidence a reader would not expect."""
    body = [
        [
            words.label(scenario.parameters[one.about].record.label),
            str(getattr(one, f"finding_{words.language}")),
            words(f"evidence.{one.evidence}"),
            as_stored(one.source, words),
        ]
        for one in scenario.parameters.findings
        if one.about in scenario.parameters
    ]
    if not body:
        return note(words("findings_none"))
    keys = ("about", "finding", "grade", "source")
    return table(words("findings_caption"), [words(f"findings_columns.{key}") for key in keys], body, text_columns=4)


def reviewed_table(scenario: Scenario, words: Words) -> Html:
    """Each value that was held against what could be read, before and after, and why; behind a line, and nothing where none was."""
    found = [one for one in scenario.parameters.reviewed if one.parameter in scenario.parameters]
    if not found:
        return Html("")
    body = []
    for one in found:
        record = scenario.parameters[one.parameter].record
        old = _as_stated(one.old, one.old_lower, one.old_upper, words)
        new = _as_stated(one.new, one.new_lower, one.new_upper, words)
        body.append(
            [
                f"{words.label(record.label)} ({words.data(record.unit)})",
                old,
                new if one.decision != "kept" else old,
                words(f"reviewed.decision.{one.decision}"),
                str(getattr(one, f"why_{words.language}")),
                as_stored(one.source, words),
                words(f"reviewed.read_how.{one.read_how}"),
            ]
        )
    keys = ("parameter", "old", "new", "decision", "why", "source", "read_how")
    header = [words(f"reviewed.columns.{key}") for key in keys]
    changed = sum(one.decision != "kept" for one in found)
    summary = words("reviewed.summary", changed=words.number(changed), number=words.number(len(found)))
    return collapsed(summary, table(words("reviewed.caption"), header, body, words_from=3))


def _as_stated(mean: float | None, lower: float | None, upper: float | None, words: Words) -> str:
    """A figure, with its interval where it has one, with the decimals that it was stated with; a dash for none."""
    if mean is None:
        return words("not_applicable")
    if lower is None or upper is None:
        return words.number(mean, decimals_stated(mean))
    row = {"mean": mean, "lower": lower, "upper": upper}
    return words.span(row, digits=decimals_stated(*row.values()))


def result_of(study: rows.Study, words: Words) -> str:
    """What a study reports, as it reports it."""
    match study:
        case rows.CountStudy():
            share = words.percent(study.numerator / study.denominator, 1)
            return f"{words.number(study.numerator)}/{words.number(study.denominator)} ({share})"
        case rows.AccuracyStudy():
            sick, well = study.tp + study.fn, study.tn + study.fp
            return words("two_by_two", tp=study.tp, sick=sick, tn=study.tn, well=well)
        case rows.RatioStudy():
            if study.low is None or study.high is None:
                return words.figure(study.estimate)
            return words(
                "with_interval",
                mean=words.number(study.estimate, 2),
                low=words.number(study.low, 2),
                high=words.number(study.high, 2),
            )
        case rows.RateStudy():
            return words("per_exposure", events=words.number(study.events), exposure=words.figure(study.exposure))
        case rows.CostStudy():
            return words("mean_sd", mean=words.figure(study.mean), sd=words.figure(study.sd), n=words.number(study.n))
        case rows.SurvivalStudy(kind="patient"):
            return words("one_patient" if study.event else "one_alive", month=words.figure(study.month or 0))
        case rows.SurvivalStudy():
            digits = 1 if study.kind == "median" else 3
            known = [words.number(end, digits) for end in (study.value, study.low, study.high) if end is not None]
            what = words(f"survival_{study.kind}", month=words.figure(study.at_month or 0))
            span = words("with_interval", mean=known[0], low=known[1], high=known[2]) if len(known) == 3 else known[0]
            return f"{what} {span}"
        case rows.UptakeStudy():
            share = words.percent(study.numerator / study.denominator)
            return words("users", unit=study.unit, when=f"{study.when:g}", share=share)
        case rows.SharesStudy():
            return f"{study.category}: {words.number(study.count)}"
    return words("not_applicable")


def studies_table(scenario: Scenario, words: Words) -> Html:
    """Every study behind what is learnt, used or not, with why; nothing where nothing is."""
    if not case_blocks(scenario):
        return Html("")
    body = []
    for block in case_blocks(scenario):
        for study, weight in zip(block.studies, block.weights, strict=True):
            part = 0 < weight < 1
            use = (
                words("use.part", weight=words.percent(weight)) if part else words("use.all" if weight else "use.none")
            )
            body.append(
                [
                    label_of(block, words),
                    f"{study.study} {study.year}".strip(),
                    study.country or words("not_applicable"),
                    use,
                    words(f"evidence.{study.evidence}"),
                    as_stored(study.source, words),
                    as_stored(study.note, words),
                    result_of(study, words),
                ]
            )
    keys = ("study", "country", "use", "evidence", "source", "note", "result")
    header = [words("evidence_columns.label"), *(words(f"studies_columns.{key}") for key in keys)]
    return table(words("studies_caption"), header, body, text_columns=7)


def influence_table(scenario: Scenario, posterior: Posterior, words: Words) -> Html:
    """How far each pooled quantity moves when a study is left out, under other priors and at other weights of
    borrowed studies. Nothing where nothing is learnt from studies.
    """
    if not case_blocks(scenario):
        return Html("")
    body = []
    for block in case_blocks(scenario):
        if block.model not in LINKS or (block.model == "accuracy" and len(block.counted) == 1):
            continue
        if block.model == "accuracy":
            frame = sensitivity.accuracy_left_out(block, posterior.fitted)
            for part in ("sensitivity", "specificity"):
                named = frame.rename(columns={part: "mean", f"{part}_lower": "lower", f"{part}_upper": "upper"})
                label = f"{label_of(block, words, part)} ({words('forest_pooled').lower()})"
                nothing = words("not_applicable")
                body.append([label, words.span(named.iloc[0]), *_most_influential(named, words), nothing, nothing])
            continue
        frame = sensitivity.left_out(block)
        borrowed = sensitivity.by_borrowing(block)
        body.append(
            [
                label_of(block, words),
                words.span(frame.iloc[0]),
                *_most_influential(frame, words),
                _range(sensitivity.by_prior(block), words),
                _range(borrowed, words) if len(borrowed) else words("not_applicable"),
            ]
        )
    keys = ("label", "base", "study", "without", "priors", "borrow")
    return table(words("influence_caption"), [words(f"influence_columns.{key}") for key in keys], body)


def _most_influential(frame: pd.DataFrame, words: Words) -> list[str]:
    if len(frame) == 1:
        return [words("only_study"), words("not_applicable")]
    without = frame.iloc[1:]
    place = int(np.argmax(np.abs(np.log(without["mean"].to_numpy() / float(frame["mean"].iloc[0])))))
    return [str(without["left_out"].iloc[place]), words.span(without.iloc[place])]


def _range(frame: pd.DataFrame, words: Words) -> str:
    ends = frame["mean"].min(), frame["mean"].max()
    digits = 3 if ends[1] < 0.2 else 2
    return words("from_to", low=words.number(ends[0], digits), high=words.number(ends[1], digits))


def check_table(scenario: Scenario, posterior: Posterior, words: Words) -> Html:
    """Posterior predictive check: of the counted studies, how many report what the model expects of such a study, and
    which do not. Nothing where nothing is learnt from studies.
    """
    blocks = case_blocks(scenario)
    if not blocks:
        return Html("")
    found = predictive_check(blocks, posterior.fitted, generator(1, "predictive check", 0))
    apart = contradictions(blocks).set_index(["block", "part"])
    body = []
    for block in blocks:
        for part, frame in found[found["block"] == block.name].groupby("part"):
            outside = frame.loc[~frame["inside"], "study"]
            body.append(
                [
                    label_of(block, words, str(part) or None),
                    ", ".join(outside) or words("none"),
                    words.number(len(frame)),
                    words.number(int(frame["inside"].sum())),
                    _contradiction(apart, (block.name, str(part)), words),
                ]
            )
    keys = ("label", "outside", "studies", "inside", "apart")
    return table(words("check_caption"), [words(f"check_columns.{key}") for key in keys], body, text_columns=2)


def _contradiction(apart: pd.DataFrame, place: tuple[str, str], words: Words) -> str:
    """Whether the studies of a part differ, by more than the model counts with or not, with the p-value that they show the same; a dash for
    one study alone.
    """
    if place not in apart.index:
        return words("not_applicable")
    row = apart.loc[place]
    key = "more" if row["contradicting"] else "counted" if row["p_value"] < APART else "chance"
    return words(f"check_apart.{key}", p=words.probability(row["p_value"]))


def diagnostics_table(scenario: Scenario, posterior: Posterior, words: Words) -> Html:
    """The worst r-hat and effective sample sizes of what each parameter is drawn from; nothing where nothing is learnt from studies."""
    if not case_blocks(scenario):
        return Html("")
    body = [
        [
            words.label(scenario.parameters[str(name)].record.label),
            words.number(row["r_hat"], 3),
            words.number(row["ess_bulk"]),
            words.number(row["ess_tail"]),
        ]
        for name, row in posterior.diagnostics.iterrows()
    ]
    keys = ("r_hat", "ess_bulk", "ess_tail")
    header = [words("evidence_columns.label"), *(words(f"diagnostics_columns.{key}") for key in keys)]
    return table(words("diagnostics_caption"), header, body)


def parameters_table(scenario: Scenario, draws: xr.Dataset, words: Words) -> Html:
    """All parameters: value before data and after with 95 % intervals in the model's unit, conversion of money, grade
    and source.
    """
    blocks = {one.name: block for block in case_blocks(scenario) for one in block.parameters}
    body = []
    for name, parameter in case_parameters(scenario).items():
        record, values = parameter.record, draws[name]
        body.append(
            [
                _label(scenario, parameter, words),
                words.data(parameter.unit),
                _grade(parameter, words),
                _source(parameter, words),
                str(record.price_year or words("not_applicable")),
                _index(scenario, record, words),
                _conversion(scenario, parameter, words),
                _before(blocks.get(name), parameter, draws, words),
                value_words(parameter, values, words),
            ]
        )
    keys = ("label", "unit", "grade", "source", "price_year", "index", "factor", "prior", "value")
    conversions = words("conversion_note", year=scenario.parameters.price_year)
    header = [words(f"evidence_columns.{key}") for key in keys]
    return table(f"{words('evidence_caption')}. {conversions}", header, body, text_columns=6)


def _index(scenario: Scenario, record: Record, words: Words) -> str:
    """What moves a price from its own year; a dash of what is no money, and where nothing says it because the year is the model's."""
    if record.index is None:
        return words("not_applicable")
    if isinstance(record.index, Trend):
        return words("price_index.trend", trend=words.label(scenario.parameters[record.index.trend].record.label))
    return words(f"price_index.{record.index}")


def _conversion(scenario: Scenario, parameter: Parameter, words: Words) -> str:
    """By what a price is multiplied; a dash of what is no money."""
    if parameter.record.price_year is None:
        return words("not_applicable")
    conversion = words.figure(parameter.factor)
    if parameter.rate:
        conversion += f" × {words.label(scenario.parameters[parameter.rate].record.label)}"
    if parameter.trend:
        conversion += f" × {words('conversion_trend', years=str(parameter.trend_years).translate(RAISED))}"
    return conversion


def _label(scenario: Scenario, parameter: Parameter, words: Words) -> str:
    """A parameter's label; since when its value holds, where it is dated; by which other it is divided, where studies tell it so."""
    label = words.label(parameter.record.label)
    if since := parameter.record.in_force_since:
        return words("dated", label=label, since=since)
    over = parameter.learning.over if parameter.is_learnt else None
    return words("divided", label=label, by=words.label(scenario.parameters[over].record.label)) if over else label


def _source(parameter: Parameter, words: Words) -> str:
    source = parameter.record.figure_source
    parts = [as_stored(part, words) for part in (source.title, source.where) if part]
    said = " ".join(parts)
    return English(said) if any(isinstance(part, English) for part in parts) else said


def value_words(parameter: Parameter, values: xr.DataArray, words: Words) -> str:
    """A parameter's value as its unit is read: years as years, a place in a list by how often each is drawn, others with interval."""
    if "draw" not in values.dims:
        return words.in_unit(float(values), parameter.unit)
    if parameter.is_index:
        shares = pd.Series(values.to_numpy()).value_counts(normalize=True).sort_index()
        return "; ".join(f"{place + 1:.0f}: {words.percent(share)}" for place, share in shares.items())
    if parameter.unit == "year":
        return words.year_span(interval_frame(values).iloc[0])
    return _span(values.to_numpy(), words, parameter.unit)


def _grade(parameter: Parameter, words: Words) -> str:
    record = parameter.record
    grade = words(f"evidence.{record.evidence}")
    if record.interval_evidence:
        grade = f"{grade} ({words('evidence_columns.interval')}: {words('evidence.assumption')})"
    if record.price_year_evidence and record.evidence != "assumption":
        grade = f"{grade} ({words('evidence_columns.price_year').lower()}: {words('evidence.assumption')})"
    return f"{grade}. {words('context')}" if record.context else grade


def _before(block: Block | None, parameter: Parameter, draws: xr.Dataset, words: Words) -> str:
    if block is None:
        return words("not_applicable")
    how = parameter.learning
    before = before_data(block, how.part, generator(1, f"prior of {parameter.name}", 0))
    if before is None:
        return words("not_applicable")
    divisor = float(draws[how.over].mean()) if how.over else 1.0
    return _span(before * parameter.factor / divisor, words, parameter.unit)


def _span(values: np.ndarray, words: Words, unit: str) -> str:
    row = interval_frame(xr.DataArray(np.ravel(values), dims="draw")).iloc[0]
    return words.span(row, digits=2 if unit in RATIOS and row["mean"] >= LEAST_RATIO else None)


def three(values: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    """Mean and ends of the 95 % interval."""
    row = interval_frame(xr.DataArray(np.asarray(values), dims="draw")).iloc[0]
    return float(row["mean"]), float(row["lower"]), float(row["upper"])


def set_by_scenario_table(scenario: Scenario, words: Words) -> Html:
    """What the scenario or the run set: each parameter's figure, grade and source, and those that it replaced.

    Figures are in the unit in which they were stated, with 95 % intervals where they are uncertain.
    """
    body = [
        [
            words.label(one.record.label),
            words.data(one.record.unit),
            *_stated(one.record, words),
            *_stated(one.was, words),
        ]
        for one in scenario.parameters.values()
        if one.was
    ]
    if not body:
        return note(words("set_by_scenario_nothing"))
    keys = ("label", "unit", "set_to", "grade", "source", "was", "was_grade", "was_source")
    header = [words(f"set_by_scenario_columns.{key}") for key in keys]
    return table(words("set_by_scenario_caption"), header, body, text_columns=len(keys))


def _stated(record: Record, words: Words) -> list[str]:
    """A record's figure as it was stated, its grade and its source."""
    figure = words("set_by_scenario_learnt")
    if not isinstance(record.distribution, rows.FromStudies):
        known = record.distribution.distribution()
        figures = (words.in_unit(figure, record.unit) for figure in (known.mean, *known.interval))
        ends = dict(zip(("mean", "low", "high"), figures, strict=True))
        figure = ends["mean"] if known.is_fixed else words("with_interval", **ends)
    return [figure, words(f"evidence.{record.evidence}"), words.data(record.figure_source.title)]
