"""Chapter 01: what the studies say, and every parameter with its source."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from pmbudget.evidence.fit import Posterior, learnt
from pmbudget.evidence.models import pooled_studies
from pmbudget.inputs.distributions import distribution
from pmbudget.inputs.parameters import Parameter
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.figures import COLOURS, Picture, numbered, picture, plot
from pmbudget.reporting.frames import (
    interval_frame,
)
from pmbudget.reporting.markup import Html, lead, table
from pmbudget.reporting.words import Words


def evidence_headline(scenario: Scenario, words: Words) -> Html:
    """How many parameters are learnt, read and assumed."""
    parameters = scenario.parameters
    assumed = sum(p.is_assumed for p in parameters.values())
    fitted = len(learnt(parameters))
    return lead(
        words("headline_evidence", learnt=fitted, published=len(parameters) - assumed - fitted, assumed=assumed)
    )


def studies_table(scenario: Scenario, words: Words) -> Html:
    """Every study behind the learnt shares, used or not."""
    rows = []
    for parameter in learnt(scenario.parameters):
        weights = {study: weight for study, weight in pooled_studies(parameter)}
        for study in parameter.studies:
            weight = weights.get(study, 0.0)
            rows.append(
                [
                    words.label(parameter.record.label),
                    f"{study.study} {study.year}".strip(),
                    study.country,
                    words("use.part", weight=words.percent(weight))
                    if 0 < weight < 1
                    else words("use.all" if weight else "use.none"),
                    words(f"evidence.{study.evidence}"),
                    study.source,
                    f"{words.number(study.numerator)}/{words.number(study.denominator)}",
                    f"{words.number(100 * study.numerator / study.denominator, 1)} %",
                ]
            )
    keys = ("study", "country", "use", "evidence", "source", "count", "share")
    header = [words("evidence_columns.label"), *(words(f"studies_columns.{key}") for key in keys)]
    return table(words("studies_caption"), header, rows, text_columns=6)


def diagnostics_table(scenario: Scenario, posterior: Posterior, words: Words) -> Html:
    """r-hat and effective sample sizes of what was fitted."""
    rows = [
        [
            words.label(scenario.parameters[str(name)].record.label),
            words.number(row["r_hat"], 3),
            words.number(row["ess_bulk"]),
            words.number(row["ess_tail"]),
        ]
        for name, row in posterior.diagnostics.iterrows()
    ]
    header = [
        words("evidence_columns.label"),
        *(words(f"diagnostics_columns.{key}") for key in ("r_hat", "ess_bulk", "ess_tail")),
    ]
    return table(words("diagnostics_caption"), header, rows)


def parameters_table(scenario: Scenario, draws: xr.Dataset, words: Words) -> Html:
    """All parameters: mean and 95 % interval in the model's unit, conversion of money, grade and source."""
    rows = []
    for name, parameter in scenario.parameters.items():
        record, values = parameter.record, draws[name]
        if "draw" in values.dims:
            one = interval_frame(xr.DataArray(values.to_numpy().ravel(), dims="draw")).iloc[0]
            shown = words.span(one)
        else:
            shown = words.figure(float(values))
        conversion = words("not_applicable")
        if record.price_year is not None:
            rate = words.label(scenario.parameters[parameter.rate].record.label) if parameter.rate else ""
            conversion = words.figure(parameter.factor) + (f" × {rate}" if rate else "")
        grade = words(f"evidence.{record.evidence}")
        if record.interval_evidence:
            grade = f"{grade} ({words('evidence_columns.interval')}: {words('evidence.assumption')})"
        if record.price_year_evidence and record.evidence != "assumption":
            grade = f"{grade} ({words('evidence_columns.price_year').lower()}: {words('evidence.assumption')})"
        rows.append(
            [
                words.label(record.label),
                words.data(parameter.unit),
                grade,
                " ".join(words.data(part) for part in (record.source.title, record.source.where) if part),
                str(record.price_year or words("not_applicable")),
                conversion,
                shown,
            ]
        )
    keys = ("label", "unit", "grade", "source", "price_year", "factor", "value")
    note = words("conversion_note", rates=words("conversion_rates"), year=scenario.parameters.price_year)
    return table(
        f"{words('evidence_caption')}. {note}", [words(f"evidence_columns.{key}") for key in keys], rows, text_columns=4
    )


def forest_plots(parameters: Sequence[Parameter], posterior: Posterior, words: Words) -> list[Picture]:
    """For each learnt parameter its studies with 95 % intervals, the pooled share and the one expected in a new setting."""
    return [_forest(parameter, posterior, words) for parameter in parameters]


def _forest(parameter: Parameter, posterior: Posterior, words: Words) -> Picture:
    plt, _ = plot()
    used = {study.study: weight for study, weight in pooled_studies(parameter)}
    rows = []
    for study in parameter.studies:
        share = distribution("beta", counts=(study.numerator, study.denominator))
        weight = used.get(study.study, 0.0)
        whence = ", ".join(part for part in (f"{study.study} {study.year}".strip(), study.country) if part)
        label = f"{whence} ({words.number(study.numerator)}/{words.number(study.denominator)})"
        rows.append((label, study.numerator / study.denominator, *share.interval, weight))
    fitted = posterior.fitted.sel(parameter=parameter.name).stack(row=("chain", "draw"))
    summary = [
        (words("forest_pooled"), *_three(fitted["pooled"].to_numpy())),
        (words("forest_predicted"), *_three(fitted["predicted"].to_numpy())),
    ]
    figure, axis = plt.subplots(figsize=(10, 0.36 * (len(rows) + 2) + 1.4))
    for place, (_, mean, low, high, weight) in enumerate(reversed(rows), start=2):
        colour = COLOURS["new"] if weight else "#b0b0b0"
        axis.plot([100 * low, 100 * high], [place, place], color=colour, linewidth=1.5)
        axis.plot(100 * mean, place, "s", color=colour, markersize=4 + 4 * weight)
    for place, (_, mean, low, high) in enumerate(reversed(summary)):
        axis.plot([100 * low, 100 * high], [place, place], color="black", linewidth=2.5)
        axis.plot(100 * mean, place, "D", color="black", markersize=7)
    axis.set_yticks(
        range(len(rows) + 2), [*(row[0] for row in reversed(summary)), *(row[0] for row in reversed(rows))], fontsize=9
    )
    axis.set_xlabel(words("forest_x"))
    axis.set_xlim(left=0)
    axis.set_ylim(-0.7, len(rows) + 1.7)
    numbered(axis.xaxis, words, 1 if summary[1][3] < 0.05 else 0)
    _, mean, low, high = summary[1]
    label = words.label(parameter.record.label)
    digits = 1 if high < 0.1 else 0
    title = [f"{words.number(100 * value, digits)} %" for value in (mean, low, high)]
    axis.set_title(
        words("forest_title", label=label, predicted=title[0], low=title[1], high=title[2]),
        loc="left",
        fontsize=11,
        fontweight="bold",
    )
    figure.tight_layout()
    return picture(figure, f"{label}. {words('forest_alt')}")


def _three(values: np.ndarray) -> tuple[float, float, float]:
    row = interval_frame(xr.DataArray(values, dims="draw")).iloc[0]
    return float(row["mean"]), float(row["lower"]), float(row["upper"])
