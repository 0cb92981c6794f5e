"""Chapter 07: what uncertainty costs, where it lies, what to find out first, and whether to wait for it.

What: the cost of uncertainty a year, and of use other than the best on average. For whom: all patients of the years shown, each payer.
How sure: intervals of the simulation, and what cannot be told apart. Resting on what: the parameters worth knowing, by grade. What next:
the study that pays, and the decision now with costs of change counted.
"""

from itertools import cycle

import numpy as np
import pandas as pd

from pmbudget.appraisal.cea import net_monetary_benefit
from pmbudget.appraisal.ranking import ERRORS
from pmbudget.appraisal.voi import evpi
from pmbudget.inputs.norms import thresholds
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions import QUALITIES, best_strategies, contenders, parameters_worth_knowing, proposals
from pmbudget.reporting.ch01_evidence.evidence import frame_sentences
from pmbudget.reporting.ch07_information.information_headline import (
    WIDTH,
    around,
    best_sizes,
    better_use,
    knowledge_sentence,
    listed,
    nothing,
    participants,
    strategy_names,
    study_sentence,
    verdict,
)
from pmbudget.reporting.figures import COLOURS, LINES, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.markup import Html, note, prose, rate, table
from pmbudget.reporting.verdict import error_words, known_digits, leading_thresholds
from pmbudget.reporting.words import Words
from pmbudget.road import Results

RANKED = 12


def information_frame(scenario: Scenario, results: Results, words: Words, *, wtp: float) -> Html:
    """At which threshold and why, for whom, over which years and at which rate it is counted; the value of all information at the other
    thresholds where no severity singles one out.
    """
    years = scenario.years
    frame = words(
        "info_frame",
        wtp=words.number(wtp),
        first=years[0],
        last=years[-1],
        rate=rate(scenario, "discount_rate_cost", words),
        year=scenario.parameters.price_year,
    )
    if scenario.case.research is not None:
        frame = f"{frame} {words('info_frame_studies')}"
    others = [other for other in leading_thresholds(scenario).values() if other != wtp]
    told = [
        words(
            "info_other_threshold",
            other=words.number(other),
            value=words.number(float(evpi(results.per_patient.cost, results.per_patient.qaly, other)), -2),
        )
        for other in others
    ]
    number = len(scenario.case.strategies)
    choice = [words("info_strategies", number=words.number(number))] if number > 2 else []
    question, *rest = frame_sentences(scenario, words, "06_agreement")
    met = words("info_prices_met", first=years[0], last=years[-1])
    return note(question, frame, met, *choice, *told, simulation_sentence(results, wtp, words), *rest)


def simulation_sentence(results: Results, wtp: float, words: Words) -> str:
    """The Monte Carlo standard error of the value of all information per patient, and where the others stand."""
    benefit = net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, wtp)
    best = benefit.isel(strategy=int(benefit.mean("draw").argmax("strategy")))
    missed = benefit.max("strategy") - best
    return words("info_simulation", draws=words.number(missed.size), error=error_words(missed, words))


def losses_chart(scenario: Scenario, results: Results, losses: pd.DataFrame, words: Words, *, wtp: float) -> Picture:
    """What is lost by year for want of knowledge and by use, and EVPI per patient over the threshold."""
    plt, _ = plot()
    figure, (years, curve) = plt.subplots(1, 2, figsize=(11, 5))
    information, use = (losses[name] / 1e6 for name in ("information", "implementation"))
    years.bar(losses.index, information, color=COLOURS["new"], label=words("info_loss_information"))
    # A loss stands on the other one, a gain hangs from none.
    below = information.where(use >= 0, 0.0)
    years.bar(losses.index, use, bottom=below, color=COLOURS["unplanned"], label=words("info_loss_implementation"))
    error = WIDTH * losses["error"] / 1e6
    years.errorbar(losses.index, information, error, fmt="none", ecolor="black", elinewidth=1, capsize=3)
    years.set_ylabel(words("msek"))
    years.set_ylim(min(0.0, 1.3 * float(use.min())), 1.3 * float((information + use.clip(lower=0.0)).max()) or 1)
    years.legend(loc="upper left")
    numbered(years.yaxis, words)
    years.set_xticks(losses.index[::3])
    first = losses["information"].iloc[0]
    title = (
        words("info_loss_title_none") if nothing(first, words) else words("info_loss_title", first=words.msek(first))
    )
    years.set_title(wrapped(title, 48), loc="left", fontweight="bold", fontsize=12)
    grid = np.linspace(0, 2 * max(thresholds(scenario).values()), 401)
    values = np.asarray(evpi(results.per_patient.cost, results.per_patient.qaly, grid))
    curve.plot(grid / 1e3, values / 1e3, color=COLOURS["new"], linewidth=2)
    curve.axvline(wtp / 1e3, color="black", linestyle="--", linewidth=1)
    curve.set_xlabel(words("info_evpi_x"))
    curve.set_ylabel(words("info_evpi_y"))
    curve.set_ylim(bottom=0)
    numbered(curve.xaxis, words)
    numbered(curve.yaxis, words)
    curve.set_xticks(np.linspace(0, grid[-1] / 1e3, 5))
    at = words.number(float(evpi(results.per_patient.cost, results.per_patient.qaly, wtp)), -2)
    title = words("info_evpi_title", wtp=words.number(wtp), value=at)
    curve.set_title(wrapped(title, 48), loc="left", fontweight="bold", fontsize=12)
    figure.tight_layout()
    return picture(figure, words("info_loss_alt"))


def losses_table(losses: pd.DataFrame, words: Words) -> Html:
    """What is lost by year."""
    rows = [
        [
            str(year),
            words.number(row["patients"]),
            words.percent(row["use"]),
            words.span_msek(around(row["information"], row["error"])),
            words.msek(row["implementation"]),
        ]
        for year, row in losses.iterrows()
    ]
    header = [
        words("year"),
        *(words(f"info_loss_columns.{key}") for key in ("patients", "use", "information", "use_loss")),
    ]
    return table(words("info_loss_caption"), header, rows)


def ranking_chart(scenario: Scenario, ranked: pd.DataFrame, words: Words) -> Picture | Html:
    """The most valuable parameters one by one, with intervals, assumptions marked; or that none is surely worth knowing."""
    known = parameters_worth_knowing(ranked)
    if known.empty:
        return note(words("info_headline_no_parameter"))
    plt, _ = plot()
    shown = known.head(RANKED).iloc[::-1]
    figure, axis = plt.subplots(figsize=(11, 0.45 * len(shown) + 1.8))
    labels = []
    for name in shown.index:
        label = _label(scenario, name, words)
        labels.append(wrapped(f"{label} *" if scenario.parameters[name].is_assumed else label, 52))
    places = np.arange(len(shown))
    axis.barh(places, shown["evppi"], color=COLOURS["new"], height=0.7)
    low = np.minimum(WIDTH * shown["se"], shown["evppi"])
    axis.errorbar(
        shown["evppi"], places, xerr=[low, WIDTH * shown["se"]], fmt="none", ecolor="black", elinewidth=1, capsize=3
    )
    axis.set_yticks(places, labels, fontsize=10)
    axis.set_xlabel(f"{words('info_ranking_x')}   (* {words('info_assumption')})")
    axis.set_xlim(left=0)
    numbered(axis.xaxis, words)
    title = knowledge_sentence(scenario, ranked, words)
    axis.set_title(wrapped(title, 90), loc="left", fontweight="bold", fontsize=12)
    figure.tight_layout()
    return picture(figure, words("info_ranking_alt"))


def ranking_table(scenario: Scenario, losses: pd.DataFrame, ranked: pd.DataFrame, words: Words) -> Html:
    """The parameters worth knowing, beyond two standard errors: per patient, per year, share of everything, grade of evidence."""
    patients, everything = losses["patients"].mean(), losses["information"].mean()
    rows = []
    known = parameters_worth_knowing(ranked)
    for name, row in known.head(RANKED).iterrows():
        yearly = row["evppi"] * patients
        rows.append(
            [
                _label(scenario, str(name), words),
                words(f"evidence.{scenario.parameters[str(name)].record.evidence}"),
                words.span(around(row["evppi"], row["se"]), digits=0),
                words.msek(yearly),
                words.percent(yearly / everything) if everything else words("not_applicable"),
            ]
        )
    header = [words(f"info_ranking_columns.{key}") for key in ("parameter", "evidence", "patient", "year", "share")]
    left = words("info_ranking_left", number=words.number(len(ranked) - len(known)))
    if not rows:
        return note(left)
    caption = f"{words('info_ranking_caption')} {left}"
    return table(caption, header, rows, text_columns=2)


def sets_table(losses: pd.DataFrame, sets: pd.DataFrame, words: Words) -> Html:
    """Sets of parameters, those with too few draws without a figure."""
    everything = losses["information"].mean() / losses["patients"].mean()
    rows = []
    for name, row in sets.iterrows():
        label = words("info_set_top", number=name) if isinstance(name, int) else words(f"info_set_grade.{name}")
        known = row["evppi"] == row["evppi"]
        rows.append(
            [
                label,
                words.number(row["parameters"]),
                words.span(around(row["evppi"], row["se"]), digits=0) if known else words("info_too_few"),
                words.percent(min(1.0, row["evppi"] / everything)) if known and everything else words("not_applicable"),
            ]
        )
    header = [words(f"info_set_columns.{key}") for key in ("set", "number", "patient", "share")]
    return table(words("info_set_caption"), header, rows)


def fit_note(check: pd.DataFrame, words: Words) -> Html:
    """Whether the regression behind the sets holds, in a sentence."""
    worst = check.loc[check["p_lack_of_fit"].idxmin()]
    holds = worst["p_lack_of_fit"] > 0.01 or worst["left"] < 0.01
    return note(
        words(
            "info_fit_holds" if holds else "info_fit_fails",
            explained=words.percent(worst["explained"]),
            left=words.percent(worst["left"], 1),
        )
    )


def studies_chart(scenario: Scenario, studies: pd.DataFrame, words: Words) -> Picture | Html:
    """Expected net benefit of each proposed study over its size, the best size marked; nothing where none is proposed."""
    if studies.empty:
        return Html("")
    plt, _ = plot()
    figure, axis = plt.subplots(figsize=(11, 5))
    for (colour, style), (name, frame) in zip(cycle(LINES), studies.groupby("study", sort=False), strict=False):
        label = words.label(proposals(scenario).studies[str(name)].label)
        line = {"color": colour, "linestyle": style, "linewidth": 2, "marker": "o", "markersize": 4}
        axis.plot(frame["participants"], frame["enbs"] / 1e6, label=label, **line)
        best = frame[frame["best"]]
        axis.plot(best["participants"], best["enbs"] / 1e6, "o", color=colour, markersize=11, markerfacecolor="none")
    axis.axhline(0, color="black", linewidth=0.9)
    axis.set_xscale("log")
    axis.set_xlabel(words("info_study_x"))
    axis.set_ylabel(words("info_study_y"))
    numbered(axis.xaxis, words)
    numbered(axis.yaxis, words)
    axis.legend(fontsize=9, loc="upper left", bbox_to_anchor=(0, -0.16), ncol=2, frameon=False, handlelength=4)
    axis.set_title(wrapped(study_sentence(scenario, studies, words), 90), loc="left", fontweight="bold", fontsize=12)
    figure.tight_layout()
    return picture(figure, words("info_study_alt"))


def studies_table(scenario: Scenario, studies: pd.DataFrame, words: Words) -> Html:
    """Each proposed study at its best size: participants, price, years, value per patient, patients reached, net benefit.

    Nothing where none is proposed.
    """
    if studies.empty:
        return Html("")
    rows = [
        [
            words.label(proposals(scenario).studies[str(name)].label),
            participants(scenario, str(name), row, words),
            words.msek(row["cost"]),
            words.number(row["years"], 1),
            words.span(around(row["evsi"], row["se"]), digits=0),
            words.number(row["reached"], -1),
            words.msek(row["enbs"]),
            words(f"info_verdict.{verdict(row)}"),
        ]
        for name, row in best_sizes(studies).iterrows()
    ]
    keys = ("study", "participants", "cost", "years", "evsi", "reached", "enbs", "verdict")
    return table(words("info_study_caption"), [words(f"info_study_columns.{key}") for key in keys], rows)


def clusters_note(scenario: Scenario, studies: pd.DataFrame, words: Words) -> Html:
    """Of each study that reads in some places or one year only, and is surely worth something: what its smallest size is worth, and its
    largest.
    """
    told = []
    for name, study in proposals(scenario).studies.items() if len(studies) else ():
        own = studies[studies["study"] == name]
        if study.clusters is None or own["evsi"].iloc[-1] <= ERRORS * own["se"].iloc[-1]:
            continue
        gaps = {
            "study": words("quoted", text=words.label(study.label)),
            "members": words.label(study.clusters.members),
            "label": words.label(study.clusters.label),
            "few": words.number(own["participants"].iloc[0]),
            "many": words.number(own["participants"].iloc[-1]),
            "low": words.number(own["evsi"].iloc[0], -1),
            "high": words.number(own["evsi"].iloc[-1], -1),
        }
        told.append(words("info_clusters", **gaps))
    return note(*told) if told else Html("")


def options_table(scenario: Scenario, options: pd.DataFrame | None, words: Words) -> Html:
    """Introduce now, with a study, after a study, or not: present value against today's use and what the result leads to.

    Nothing where no study is proposed.
    """
    if options is None:
        return Html("")
    rows = [
        [
            words(f"info_option.{name}"),
            words.msek(row["value"]),
            *(words.percent(row[end]) for end in ("extend", "keep", "withdraw")),
        ]
        for name, row in options.iterrows()
    ]
    caption = words(
        "info_option_caption",
        new=strategy_names(scenario, words)["new"],
        study=words("quoted", text=words.label(proposals(scenario).studies[options.attrs["study"]].label)),
        participants=participants(scenario, options.attrs["study"], pd.Series(options.attrs), words),
        years=words.number(options.attrs["years"], 1),
    )
    header = [words(f"info_option_columns.{key}") for key in ("option", "value", "extend", "keep", "withdraw")]
    return table(caption, header, rows, strong=list(np.flatnonzero(options["best"])))


def states_table(scenario: Scenario, results: Results, states: pd.DataFrame, words: Words, *, wtp: float) -> Html:
    """The four states of information and implementation, and what is done where everybody gets what is best on average."""
    names = strategy_names(scenario, words)
    use = better_use(names, best_strategies(scenario, results, wtp), words)
    keys = ("current", "implementation", "information", "perfect", "evpim", "evpi")
    rows = [
        [words(f"info_state.{key}", use=use), *(words.msek(states.loc[mix, key]) for mix in states.index)]
        for key in keys
    ]
    header = [words("info_state_header"), *(words(f"info_state_mix.{mix}") for mix in states.index)]
    return table(words("info_state_caption", comparator=names["comparator"]), header, rows, strong=[4, 5])


def rollouts_intro(scenario: Scenario, words: Words) -> Html:
    """What is simulated for each order and pace; nothing in a case that proposes nothing to find out."""
    if scenario.case.research is None:
        return Html("")
    return prose(words("info_rollout_intro", action=words.label(scenario.case.action)))


def rollouts_table(rollouts: pd.DataFrame | None, words: Words) -> Html:
    """Orders and paces of regions: how well each would tell the effect, and the parts that its value is the sum of; a sentence where none
    surely teaches anything. Nothing without any.
    """
    if rollouts is None:
        return Html("")
    if _teach_nothing(rollouts):
        return note(words("info_rollout_none"))
    rows = [
        [
            _order(row, words),
            words.number(row["waves"]) if row["waves"] else words("not_applicable"),
            words.number(row["periods"]),
            words("info_rollout_unknown") if row["error"] != row["error"] else words.number(100 * row["error"], 1),
            *(words.msek(row[part]) for part in ("meanwhile", "afterwards", "evsi", "follow_up", "value")),
            words.percent(row["withdrawn"]),
        ]
        for _, row in rollouts.iterrows()
    ]
    keys = ("order", "waves", "periods", "error", "meanwhile", "afterwards", "evsi", "follow_up", "value", "withdrawn")
    return table(words("info_rollout_caption"), [words(f"info_rollout_columns.{key}") for key in keys], rows)


def rollouts_note(rollouts: pd.DataFrame | None, words: Words) -> Html:
    """Which orders and paces give most, those within the error together, against the scenario's own; and that all end in withdrawal.

    Nothing where none surely teaches anything.
    """
    if rollouts is None or _teach_nothing(rollouts):
        return Html("")
    own = rollouts[rollouts["order"] == "own"].iloc[0]
    values = rollouts["value"].set_axis(rollouts.index.map(str))
    tied = contenders(values, rollouts["se"].set_axis(values.index))
    rows = [rollouts.loc[int(place)] for place in tied]
    names = listed([words("quoted", text=_order(row, words)) + _waves(row, words) for row in rows], words)
    gaps = {"orders": names, "more": words.msek(values.max() - own["value"])}
    key = "own_alone" if len(rows) == 1 else "own"
    told = words(f"info_rollout_note.{key if any(row['order'] == 'own' for row in rows) else 'other'}", **gaps)
    ending = words("info_rollout_note.withdrawn") if (rollouts["withdrawn"] > 0.5).all() else ""
    return note(*(sentence for sentence in (told, ending) if sentence))


def _teach_nothing(rollouts: pd.DataFrame) -> bool:
    return bool((rollouts["evsi"] <= ERRORS * rollouts["se"]).all())


def _order(row: pd.Series, words: Words) -> str:
    return words(f"info_rollout_order.{row['order'] if row['waves'] != 1 else 'together'}")


def _waves(row: pd.Series, words: Words) -> str:
    return words("info_rollout_waves", waves=words.number(row["waves"])) if row["waves"] > 1 else ""


def quality_table(scenario: Scenario, quality: pd.DataFrame, words: Words) -> Html:
    """What clean register data are worth, as finely as the errors allow; or that no proposed study uses a register, or none of them is
    surely worth anything, however clean its data. Nothing where no study is proposed.
    """
    if scenario.case.research is None:
        return Html("")
    if quality.empty:
        return note(words("info_quality_none"))
    sure = quality[quality[list(QUALITIES)].max(axis=1) > ERRORS * quality["error"]]
    if sure.empty:
        return note(words("info_quality_nothing"))
    rows = [
        [
            words.label(proposals(scenario).studies[str(name)].label),
            words.number(row["n"]),
            *(words.number(row[key], known_digits(row["error"], 0)) for key in QUALITIES),
            words.number(row["worth"] / 1e6, known_digits(row["worth_error"] / 1e6, 1)),
        ]
        for name, row in sure.iterrows()
    ]
    keys = ("study", "n", *QUALITIES, "worth")
    return table(words("info_quality_caption"), [words(f"info_quality_columns.{key}") for key in keys], rows)


def burden_table(burden: pd.DataFrame, words: Words) -> Html:
    """What each payer loses where today's use had been better, with the agreement and without sharing; and why the parties may lose more
    together with it.
    """
    rows = [
        [words(f"payers.{payer}"), *(words.msek(row[design]) for design in ("shared", "alone"))]
        for payer, row in burden.iterrows()
    ]
    header = [words("payer"), *(words(f"info_burden.{design}") for design in ("shared", "alone"))]
    shown = table(words("info_burden_caption"), header, rows)
    apart = burden["shared"].sum() > burden["alone"].sum()
    return Html(shown + note(words("info_burden_apart"))) if apart else shown


def _label(scenario: Scenario, name: str, words: Words) -> str:
    return words.label(scenario.parameters[name].record.label)
