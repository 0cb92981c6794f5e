"""Chapter 07, in sentences: what uncertainty costs, what to find out, whether to wait, and how that agrees with one patient's worth."""

import pandas as pd

from pmbudget.appraisal.ranking import ERRORS
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions import best_strategies, contenders, parameters_worth_knowing, proposals
from pmbudget.reporting.markup import Html, broadly_tested, lead
from pmbudget.reporting.words import Words
from pmbudget.road import Results

NAMED = 3
"""How many of those that cannot be told apart are named."""
NEVER = 0.005
"""A share below which an end is said not to come about: it prints as 0 %."""
WIDTH = 1.96
"""Standard errors on each side of a 95 % interval."""


def information_headline(
    scenario: Scenario,
    results: Results,
    losses: pd.DataFrame,
    ranked: pd.DataFrame,
    studies: pd.DataFrame,
    options: pd.DataFrame | None,
    states: pd.DataFrame,
    words: Words,
    *,
    wtp: float,
) -> Html:
    """The answers: cost a year, parameters, study, decision now, information against implementation; each with its condition.

    In a case that proposes no studies (``options`` None) that is said in their place.
    """
    best = best_strategies(scenario, results, wtp)
    names = strategy_names(scenario, words)
    if options is None:
        proposed = [words("info_no_studies"), patient_sentence(names, best, words)]
    else:
        study = words("quoted", text=words.label(proposals(scenario).studies[options.attrs["study"]].label))
        decision = f"{decision_sentence(options, names, study, words)} {patient_sentence(names, best, words)}"
        proposed = [study_sentence(scenario, studies, words), decision]
    return lead(
        loss_sentence(losses, names, best, words, wtp=wtp),
        f"{knowledge_sentence(scenario, ranked, words)} {unstudied_sentence(scenario, ranked, words)}".rstrip(),
        *proposed,
        states_sentence(states.loc["new"], names, best, words),
    )


def strategy_names(scenario: Scenario, words: Words) -> dict[str, str]:
    """What each strategy is called inside a sentence, by its own name, and the new one, the comparator and the one in use also by these.

    ``used`` is all that is used beside the comparator: the new one, and the one in use where that is another.
    """
    case = scenario.case
    labels = {name: words.inside(one.label) for name, one in case.strategies.items()}
    roles = {role: labels[getattr(case, role)] for role in ("new", "comparator", "in_use")}
    return {**labels, **roles, "used": broadly_tested(scenario, words)}


def use_key(names: dict[str, str], best: str) -> str:
    """What better use would be: ``introduce`` or ``withdraw`` the new strategy, or another one for all (``other``)."""
    return {names["new"]: "introduce", names["comparator"]: "withdraw"}.get(names[best], "other")


def loss_sentence(losses: pd.DataFrame, names: dict[str, str], best: list[str], words: Words, *, wtp: float) -> str:
    """What uncertainty costs a year, nothing where no draw would change the choice; and what use other than the best on average costs,
    nothing where it costs none: those who start at better prices than the mean may gain by another strategy than is best on average.

    ``best`` holds the strategy on top and those that are not told from it.
    """
    year = losses.mean()
    if nothing(year["information"], words):
        told = words("info_headline_certain", wtp=words.number(wtp))
    else:
        told = words(
            "info_headline",
            wtp=words.number(wtp),
            yearly=words.span_msek(around(year["information"], year["error"])),
            patient=words.number(year["information"] / year["patients"], -2),
        )
    if year["implementation"] <= 0 or nothing(year["implementation"], words):
        return told
    gaps = {name: names[name] for name in ("new", "comparator", "used")}
    gaps |= {"best": names[best[0]], "near": listed([names[one] for one in best], words)}
    key = use_key(names, best[0]) if len(best) == 1 else "unsure"
    return f"{told} {words(f'info_use.{key}', loss=words.msek(year['implementation']), **gaps)}"


def nothing(value: float, words: Words) -> bool:
    """Whether an amount prints as none."""
    return words.msek(value) == words.msek(0.0)


def knowledge_sentence(scenario: Scenario, ranked: pd.DataFrame, words: Words) -> str:
    """About what it is worth most to know more, those that cannot be told apart together; or that no parameter stands out."""
    known = parameters_worth_knowing(ranked)
    if known.empty:
        return words("info_headline_no_parameter")
    names = contenders(known["evppi"], known["se"])
    labels = [words("quoted", text=words.label(scenario.parameters[name].record.label)) for name in names]
    if len(labels) == 1:
        return words("info_headline_parameter", first=labels[0])
    return words("info_headline_parameters", names=listed(labels, words))


def unstudied_sentence(scenario: Scenario, ranked: pd.DataFrame, words: Words) -> str:
    """That no proposed study is of what it is worth most to know more about; nothing where one is, or where none is proposed."""
    known = parameters_worth_knowing(ranked)
    if known.empty or scenario.case.research is None:
        return ""
    measures = [measure for study in proposals(scenario).studies.values() for measure in study.measures]
    studied = {name for one in measures for name in (one.parameter, one.times, one.treatment)}
    return "" if studied & set(contenders(known["evppi"], known["se"])) else words("info_headline_unstudied")


def listed(labels: list[str], words: Words) -> str:
    """Labels as a list, the first few by name and the rest by number; between semicolons where a label has a comma of its own."""
    left = len(labels) - NAMED
    named = [*labels[:NAMED], words("info_more", number=left)] if left > 0 else labels
    between = "; " if any(", " in label for label in labels) else ", "
    return between.join(named[:-1]) + words("and") + named[-1] if len(named) > 1 else named[0]


def study_sentence(scenario: Scenario, studies: pd.DataFrame, words: Words) -> str:
    """Which proposed study has the highest expected net benefit, those that cannot be told apart together; or that none surely pays."""
    best = best_sizes(studies)
    first = best.loc[best["enbs"].idxmax()]
    verdicts = {verdict(row) for _, row in best.iterrows()}
    if verdicts == {"pays_not"}:
        return words("info_headline_no_study")
    labels = {str(name): words.label(proposals(scenario).studies[str(name)].label) for name in best.index}
    quoted = words("quoted", text=labels[str(first.name)])
    names = contenders(best["enbs"], best["enbs_se"])
    if "pays" not in verdicts or verdict(first) == "unsure":
        told = words("info_headline_unsure_study")
        return told if len(names) > 1 else f"{told} {words('info_headline_nearest_study', study=quoted)}"
    told = words(
        "info_headline_study",
        study=quoted,
        participants=participants(scenario, str(first.name), first, words),
        cost=words.msek(first["cost"]),
        enbs=words.msek(first["enbs"]),
    )
    others = [words("quoted", text=labels[name]) for name in names if name != first.name]
    return f"{told} {words('info_headline_study_tied', others=listed(others, words))}" if others else told


def participants(scenario: Scenario, study: str, row: pd.Series, words: Words) -> str:
    """How many take part in a study, and where they come from if not from everywhere: records at one of seven laboratories."""
    number, places = words.number(row["participants"]), proposals(scenario).studies[study].clusters
    if places is None:
        return words("info_participants", number=number)
    of = {"sampled": words.number(places.sampled), "of": words.number(places.of)}
    labels = {"label": words.label(places.label), "members": words.label(places.members)}
    return words("info_participants_clusters", number=number, **of, **labels)


def best_sizes(studies: pd.DataFrame) -> pd.DataFrame:
    """Each proposed study at the size of highest expected net benefit, with the standard error of that (``enbs_se``); index study."""
    best = studies.loc[studies.groupby("study", sort=False)["enbs"].idxmax()].set_index("study")
    return best.assign(enbs_se=best["se"] * best["reached"])


def verdict(study: pd.Series) -> str:
    """Whether a study ``pays``, does not (``pays_not``), or lies within two simulation errors of its price (``unsure``)."""
    if abs(study["enbs"]) <= ERRORS * study["enbs_se"]:
        return "unsure"
    return "pays" if study["enbs"] > 0 else "pays_not"


def decision_sentence(options: pd.DataFrame, names: dict[str, str], study: str, words: Words) -> str:
    """What to do now with costs of change counted, and what the worth of the ``study`` looked at then comes of; options not told apart
    together.
    """
    behind = options["value"].max() - options["value"]
    best = str(options["value"].idxmax())
    tied = [str(name) for name in options.index if name == best or behind[name] <= ERRORS * options.loc[name, "error"]]
    if len(tied) > 1:
        return words("info_decision.tied", options=listed([words(f"info_option_said.{name}") for name in tied], words))
    row = options.loc[best]
    gaps = {
        "value": words.msek(row["value"]),
        "new": names["new"],
        "in_use": names["in_use"],
        "study": study,
        **{name: words.percent(row[name]) for name in ("extend", "keep", "withdraw")},
    }
    return words(f"info_decision.{_ending(best, row)}", **gaps)


def _ending(option: str, row: pd.Series) -> str:
    """The text of an option: that of a study first by what its result can lead to."""
    if option != "only_in_research" or row["extend"] >= NEVER:
        return option
    return "only_withdraws" if row["withdraw"] >= NEVER else "only_keeps"


def patient_sentence(names: dict[str, str], best: list[str], words: Words) -> str:
    """Which strategy is best for one patient, or which are not told apart; where it is a third one, that the choice above is not of it."""
    told = listed([names[one] for one in best], words)
    if {names[one] for one in best} & {names["new"], names["comparator"], names["in_use"]}:
        return words("info_patient" if len(best) == 1 else "info_patient_tied", best=told)
    return words("info_patient_third", best=told, new=names["new"], comparator=names["comparator"])


def states_sentence(row: pd.Series, names: dict[str, str], best: list[str], words: Words) -> str:
    """Whether better evidence or better use is worth more, naming what better use is; not told apart, or neither worth anything."""
    information, use = row["evpi"], row["evpim"]
    if nothing(information, words) and (use <= 0 or nothing(use, words)):
        return words("info_states.neither")
    gaps = {"evpi": words.msek(information), "evpim": words.msek(use), "use": better_use(names, best, words)}
    if abs(information - use) <= ERRORS * row["error"]:
        return words("info_states.alike", **gaps)
    return words(f"info_states.{'information' if information > use else 'implementation'}", **gaps)


def better_use(names: dict[str, str], best: list[str], words: Words) -> str:
    """What is done where everybody gets what is best on average, and from which other strategies that is not told apart."""
    use = words(f"info_better_use.{use_key(names, best[0])}", new=names["new"], used=names["used"], best=names[best[0]])
    if len(best) == 1:
        return use
    return words("info_better_use.unsure", use=use, near=listed([names[one] for one in best], words))


def around(value: float, error: float) -> dict[str, float]:
    """A value that cannot be below 0 with its 95 % interval."""
    return {"mean": value, "lower": max(0.0, value - WIDTH * error), "upper": value + WIDTH * error}
