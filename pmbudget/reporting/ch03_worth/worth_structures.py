"""Chapter 03, the scenario table: what each structural alternative does to the result, and whether the decision survives them."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from pmbudget.inputs.parameters import Parameter, Text
from pmbudget.inputs.scenarios import Scenario
from pmbudget.inputs.structures import Structure
from pmbudget.questions.structures import BASE, FEW, Structures
from pmbudget.reporting.ch03_worth.worth import WIDTH
from pmbudget.reporting.ch07_information.information_headline import listed
from pmbudget.reporting.figures import COLOURS, Picture, headed, numbered, picture, plot, wrapped
from pmbudget.reporting.markup import Html, as_stored, collapsed, note, table
from pmbudget.reporting.verdict import known, known_digits, leading_threshold, leading_thresholds, verdict_words
from pmbudget.reporting.words import Words, decimals_stated

SIDES = {1: "new", 0: "none", -1: "comparator"}


def structure_sentences(scenario: Scenario, tried: Structures, words: Words) -> list[str]:
    """The range of net benefit over the structures tried, the interval inside the main analysis, and at each threshold that leads whether
    the decision holds; nothing where the case has no alternatives.
    """
    if not tried.alternatives:
        return []
    return [
        range_sentence(scenario, tried, words),
        *(decision_sentence(scenario, tried, words, wtp=wtp) for wtp in leading_thresholds(scenario).values()),
    ]


def range_sentence(scenario: Scenario, tried: Structures, words: Words) -> str:
    """The lowest and highest mean net benefit over the structures, and mean and interval of the main analysis."""
    wtp = leading_threshold(scenario)
    frame = tried.frame(wtp)
    ends = {"low": frame["mean"].idxmin(), "high": frame["mean"].idxmax()}
    base, digits = frame.loc[BASE], {name: known_digits(error, -2) for name, error in frame["error"].items()}
    return words(
        "structure_range",
        count=len(tried.alternatives),
        wtp=words.number(wtp),
        **_pair(scenario, words),
        **{end: words.number(frame.loc[name, "mean"], digits[name]) for end, name in ends.items()},
        **{f"{end}_label": words("quoted", text=_label(scenario, str(name), words)) for end, name in ends.items()},
        **{end: words.number(base[end], digits[BASE]) for end in ("mean", "lower", "upper")},
    )


def decision_sentence(scenario: Scenario, tried: Structures, words: Words, *, wtp: float) -> str:
    """In how many structures the decision of the main analysis holds, which turn it and which leave it open."""
    decisions = tried.frame(wtp)["decision"]
    base, others = int(decisions[BASE]), decisions.drop(BASE)
    gaps = {"wtp": words.number(wtp), "count": len(others), **_pair(scenario, words)}
    if base == 0:
        for_new, for_comparator = ((others == side).sum() for side in (1, -1))
        return words("structure_decision.undecided", **gaps, for_new=for_new, for_comparator=for_comparator)
    named = {"turned": others[others == -base].index, "open": others[others == 0].index}
    told = {
        key: listed([words("quoted", text=_label(scenario, str(one), words)) for one in names], words)
        for key, names in named.items()
        if len(names)
    }
    best = gaps[SIDES[base]]
    return words(
        f"structure_decision.{'_'.join(told) or 'holds'}", **gaps, **told, best=best, kept=(others == base).sum()
    )


def structure_table(scenario: Scenario, tried: Structures, words: Words) -> Html:
    """The main analysis, each other strategy and each alternative: cost, QALYs, ratio, net benefit, probability, paired difference, what
    is best.
    """
    if not tried.rows:
        return Html("")
    wtp = leading_threshold(scenario)
    frame = tried.whole_frame(wtp)
    rows = [_row(scenario, tried, str(name), frame, words, wtp=wtp) for name in frame.index]
    keys = ("label", "decision", "cost", "qaly", "icer", "benefit", "p", "difference")
    caption = words("structure_caption", wtp=words.number(wtp))
    header = [words(f"structure_columns.{key}") for key in keys]
    return table(caption, header, rows, text_columns=2)


def _row(
    scenario: Scenario, tried: Structures, name: str, frame: pd.DataFrame, words: Words, *, wtp: float
) -> list[str]:
    found = tried.moved(name) if name else tried.base
    row = frame.loc[name]
    return [
        _label(scenario, name, words),
        _best(scenario, name, frame, words),
        known(found.cost, words, -2),
        known(found.qaly, words, 3),
        verdict_words(found.cost, found.qaly, words),
        words.span(row, digits=known_digits(row["error"], -2)),
        words.probability(row["p"]),
        _against_base(tried, name, words, wtp=wtp),
    ]


def _against_base(tried: Structures, name: str, words: Words, *, wtp: float) -> str:
    if not name:
        return ""
    return words("structure_same") if tried.is_same(name, wtp) else known(tried.difference(name, wtp), words, -2)


def _best(scenario: Scenario, name: str, frame: pd.DataFrame, words: Words) -> str:
    """The strategy that is best on average, said to be turned where the main analysis has the other and decides between the same two."""
    side, base = int(frame.loc[name, "decision"]), int(frame.loc[BASE, "decision"])
    if side == 0:
        return words("structure_open")
    best = words.label(scenario.case.strategies[_compared(scenario, name)[SIDES[side]]].label)
    return words("structure_turned", best=best) if side == -base and not _is_strategy(scenario, name) else best


def structure_chart(scenario: Scenario, tried: Structures, words: Words) -> Picture | Html:
    """Net benefit of each row of the table, mean and interval, coloured by what is best on average."""
    if not tried.rows:
        return Html("")
    plt, _ = plot()
    wtp = leading_threshold(scenario)
    frame = tried.whole_frame(wtp).iloc[::-1]
    figure, axis = plt.subplots(figsize=(WIDTH, 0.43 * len(frame) + 2.1), layout="constrained")
    colours = {1: COLOURS["new"], 0: COLOURS["today"], -1: COLOURS["unplanned"]}
    places = np.arange(len(frame))
    for side, colour in colours.items():
        chosen = (frame["decision"] == side).to_numpy()
        if chosen.any():
            own = frame[chosen] / 1e3
            axis.hlines(places[chosen], own["lower"], own["upper"], color=colour, linewidth=1.6)
            key = "new_or_row" if side == 1 and tried.strategies else SIDES[side]
            label = words(f"structure_sides.{key}", **_pair(scenario, words, words.label))
            axis.plot(own["mean"], places[chosen], "o", color=colour, markersize=6, label=label)
    axis.axvline(frame.loc[BASE, "mean"] / 1e3, color="black", linewidth=1.2, linestyle=":")
    axis.axvline(0, color="black", linewidth=0.9)
    axis.set_yticks(places, [wrapped(_label(scenario, str(name), words), 34) for name in frame.index], fontsize=9)
    axis.set_ylim(-0.7, len(frame) - 0.3)
    axis.set_xlabel(wrapped(words("structure_x", wtp=words.number(wtp)), 46))
    numbered(axis.xaxis, words)
    figure.legend(loc="outside lower center", ncol=2, frameon=False)
    headed(figure, _title(scenario, tried, words, wtp=wtp))
    return picture(figure, words("structure_alt"))


def _title(scenario: Scenario, tried: Structures, words: Words, *, wtp: float) -> str:
    if not tried.alternatives:
        return words("structure_title_strategies", **_pair(scenario, words))
    frame = tried.frame(wtp)
    base, others = frame.loc[BASE, "decision"], frame["decision"].drop(BASE)
    low, high = (words.number(end / 1e3) for end in (frame["mean"].min(), frame["mean"].max()))
    gaps = {"low": low, "high": high, "count": len(others), "kept": (others == base).sum()}
    return words("structure_title" if base else "structure_title_undecided", **gaps)


def structure_notes(scenario: Scenario, tried: Structures, words: Words) -> Html:
    """How the rows were computed, which are not counted, why today's use is none of them, and what exactly each of them changes."""
    if not tried.rows:
        return Html("")
    draws = tried.base.cost.size
    few = words.number(min(FEW, draws))
    beside = [words("structure_strategies")] if tried.strategies else []
    told = note(words("structure_note", few=few, draws=words.number(draws)), *beside, words("structure_use"))
    rows = [
        [
            _label(scenario, name, words),
            words(f"structure_groups.{one.group}"),
            "; ".join(_changes(scenario, one, words)),
            as_stored(one.note, words),
        ]
        for name, one in scenario.case.tried.items()
    ]
    header = [words(f"structure_change_columns.{key}") for key in ("label", "group", "changes", "note")]
    return Html(
        told + collapsed(words("structure_changes"), table(words("structure_changes"), header, rows, text_columns=4))
    )


def _changes(scenario: Scenario, asked: Structure, words: Words) -> list[str]:
    """What an alternative sets, one after the other."""
    strategies, told = scenario.case.strategies, []
    for key, name in (("strategy", asked.strategy), ("comparator", asked.comparator)):
        if name:
            told.append(words(f"structure_change.{key}", label=words.inside(strategies[name].label)))
    if asked.horizon_years:
        told.append(words("structure_change.horizon", years=asked.horizon_years))
    for name, to in asked.overrides.items():
        parameter, record = scenario.parameters[name], scenario.parameters[name].record
        if isinstance(to, Mapping):
            source = to.get("source", {}).get("title", scenario.case.source.title)
            told.append(words("structure_change.read", label=words.label(record.label), source=words.data(source)))
        else:
            told.append(f"{words.label(record.label)}: {_set_to(parameter, to, words)}")
    return told


def _set_to(parameter: Parameter, to: float, words: Words) -> str:
    """What an alternative sets a parameter to, as its unit is read: the place in a list, per cent, a year, others with their unit."""
    if parameter.is_index:
        return words("structure_change.place", place=words.number(to + 1))
    unit = parameter.record.unit
    if unit == "share":
        return words.percent(to, decimals_stated(100 * to))
    if unit == "year":
        return words.in_unit(to, unit)
    return f"{words.number(to, len(f'{to:g}'.partition('.')[2]))} {words.data(unit)}"


def _pair(scenario: Scenario, words: Words, told: Callable[[Text], str] | None = None) -> dict[str, str]:
    """The labels of the main analysis's two strategies, as they stand in a sentence unless ``told`` otherwise."""
    pair = _compared(scenario, BASE)
    return {key: (told or words.inside)(scenario.case.strategies[name].label) for key, name in pair.items()}


def _label(scenario: Scenario, name: str, words: Words) -> str:
    if not name:
        return words("structure_base")
    label = scenario.case.tried[name].label
    return (
        words("structure_strategy", label=words.inside(label)) if _is_strategy(scenario, name) else words.label(label)
    )


def _is_strategy(scenario: Scenario, name: str) -> bool:
    return bool(name) and scenario.case.tried[name].group == "strategy"


def _compared(scenario: Scenario, name: str) -> dict[str, str]:
    """The strategies compared in the main analysis or an alternative, by ``new`` and ``comparator``."""
    case = scenario.case
    asked = case.tried.get(name)
    return {
        "new": (asked.strategy if asked else None) or case.new,
        "comparator": (asked.comparator if asked else None) or case.comparator,
    }
