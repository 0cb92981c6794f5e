"""Chapter 03, more biomarkers: at what effect further alterations that only the new strategy finds would pay."""

from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.breadth import Further
from pmbudget.reporting.markup import Html, heading, note, prose, table
from pmbudget.reporting.verdict import known_digits
from pmbudget.reporting.words import Words


def breadth_section(scenario: Scenario, found: Further | None, words: Words, *, wtp: float) -> Html:
    """What treating a carrier must gain by how common the alteration is, and what known ones give; that nothing is needed where net
    benefit is above zero as it is; nothing where the case does not ask.
    """
    if found is None or scenario.case.breadth is None:
        return Html("")
    if (found.needed["mean"] <= 0).all():
        return Html(heading(words("breadth_heading")) + prose(words("breadth_not_needed")))
    rows = [
        [
            words.percent(float(str(prevalence))),
            words.span(row, digits=known_digits(row["error"], -3)),
            words.number(row["qaly"], 2),
        ]
        for prevalence, row in found.needed.iterrows()
    ]
    comparator = words.inside(scenario.case.strategies[scenario.case.comparator].label)
    header = [words(f"breadth_columns.{key}") for key in ("prevalence", "needed", "qaly")]
    like = ", ".join(words.label(scenario.case.classes[name].label) for name in scenario.case.breadth.like)
    gaps = {"cost": words.number(found.cost, -3), "benefit": words.number(found.benefit, -3)}
    return Html(
        heading(words("breadth_heading"))
        + prose(words("breadth_question"))
        + table(words("breadth_caption", comparator=comparator, wtp=words.number(wtp)), header, rows)
        + note(
            words("breadth_method", reach=words.percent(found.reach), cost=gaps["cost"], like=like),
            words("breadth_compared", qaly=words.number(found.qaly, 2), benefit=gaps["benefit"])
            + _enough(found, words),
        )
    )


def _enough(found: Further, words: Words) -> str:
    """How common further alterations would have to be with the gain of those known; nothing where none is enough, or needed."""
    return "" if found.enough != found.enough else f" {words('breadth_enough', share=words.percent(found.enough, 1))}"
