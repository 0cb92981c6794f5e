"""Chapter 02: one patient's pathway drawn, the course of the disease, cost by year and unit, staff by profession.

What: how many are found and get what the answer leads to, at what cost of staff. For whom: the case's patients, and relatives where it
traces them. How sure: intervals, and the simulation error once. Resting on what: the share of parameters that are assumed, and the
published models that the engine reproduces. What next: whether it is worth it.
"""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.appraisal.ranking import simulation_error
from pmbudget.inputs.cases import Case
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.outcomes import occupancy_by_strategy, simulate
from pmbudget.patient.per_patient import increment, present_values, staff_share
from pmbudget.patient.search import answer_times
from pmbudget.patient.tree import PATHS
from pmbudget.reporting.ch01_evidence.evidence import frame_sentences
from pmbudget.reporting.figures import COLOURS, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, lead, note, prose, table
from pmbudget.reporting.verdict import error_words, known_digits, known_span
from pmbudget.reporting.words import Words
from pmbudget.vocabulary import TAILS

FIRST_YEARS = 5
"""Years of the course that are shown, unless the disease takes longer."""
FEW_ALIVE = 0.1
NO_SHARE = 1e-9
"""A branch that no more than this share takes is not drawn."""


def has_later_lines(case: Case) -> bool:
    """Whether some of what a right answer leads to comes later in the disease."""
    return case.pathway.late is not None


def treated_share(outcomes: xr.Dataset, *, first_line: bool = False) -> xr.DataArray:
    """Share of all patients who some time get what a right answer leads to ([draw,] strategy), or of those who get it in the first line."""
    chosen = ["first_line"] if first_line else [name for name in PATHS if name != "never"]
    return outcomes["on_path"].sel(path=chosen).sum("path")


def staff_share_row(case: Case, cost_once: xr.DataArray) -> pd.Series:
    """Staff's share of the cost of diagnostics (draw): mean cost of staff over mean cost, with the 95 % interval of the draws' shares."""
    row = interval_frame(staff_share(cost_once, case)).iloc[0]
    row["mean"] = float(staff_share(cost_once.mean("draw"), case))
    return row


def pathway_headline(scenario: Scenario, outcomes: xr.Dataset, words: Words) -> Html:
    """How many are found and treated by each strategy, and what share of diagnostics is staff; without tests, what the therapy gains."""
    case = scenario.case
    if not case.has_tests:
        return lead(_gain_sentence(scenario, outcomes, words))
    names = (case.comparator, case.new)
    found = {name: outcomes["found"].sel(strategy=name) for name in names}
    staff = {name: staff_share_row(case, outcomes["cost_once"].sel(strategy=name)) for name in names}
    inside = {name: words.inside(case.strategies[name].label) for name in names}
    return lead(
        words(
            "headline_found",
            new=words.label(case.strategies[case.new].label),
            comparator=inside[case.comparator],
            finding=words.label(case.sought),
            found_new=_percent(interval_frame(found[case.new]).iloc[0], words),
            found_old=_percent(interval_frame(found[case.comparator]).iloc[0], words),
        )
        + " "
        + gained_sentence(case, outcomes, words),
        _relatives_sentence(scenario, outcomes, words),
        words(
            "headline_staff" if case.strategies[case.comparator].tests else "headline_staff_new",
            new=inside[case.new],
            comparator=inside[case.comparator],
            staff_new=_percent(staff[case.new], words),
            staff_old=_percent(staff[case.comparator], words),
        ),
    )


def _gain_sentence(scenario: Scenario, outcomes: xr.Dataset, words: Words) -> str:
    """Life years and QALYs that the new strategy adds to the comparator per patient, undiscounted."""
    case = scenario.case
    gained = {name: increment(outcomes[name].sum("year_since_start"), case) for name in ("life_years", "qaly")}
    return words(
        "headline_therapy",
        new=words.label(case.strategies[case.new].label),
        comparator=words.inside(case.strategies[case.comparator].label),
        horizon=words.number(case.horizon_years),
        **{name: known_span(values, words, 1) for name, values in gained.items()},
    )


def gained_sentence(case: Case, outcomes: xr.Dataset, words: Words) -> str:
    """How many more or fewer of all patients get what an answer leads to, and how much of that in the first line where some is later."""
    shares = {name: treated_share(outcomes, first_line=name == "first") for name in ("all", "first")}
    gained = {name: increment(one, case) for name, one in shares.items()}
    row = interval_frame(gained["all"]).iloc[0]
    digits = known_digits(simulation_error(100 * gained["all"]), 1)
    mean = round(100 * row["mean"], digits)
    way = "more" if mean > 0 else "fewer" if mean < 0 else "same"
    if row["lower"] < 0 < row["upper"] and mean != 0:
        way = "unsure"
    told = words(
        f"headline_gained.{way}",
        action=words.label(case.action),
        gained=words.number(mean if way == "unsure" else abs(mean), digits),
        low=words.number(100 * row["lower"], digits),
        high=words.number(100 * row["upper"], digits),
    )
    if not has_later_lines(case):
        return told
    first, rest = (interval_frame(one).iloc[0] for one in (gained["first"], gained["all"] - gained["first"]))
    spans = {name: words.span(one, per=0.01, digits=digits) for name, one in (("gained", first), ("rest", rest))}
    key = "fewer_later" if round(100 * rest["mean"], digits) < 0 else "first_line"
    return f"{told} {words(f'headline_gained.{key}', action=words.label(case.action), **spans)}"


def _relatives_sentence(scenario: Scenario, outcomes: xr.Dataset, words: Words) -> str:
    """What the new strategy leads to among relatives, per 100 patients; nothing where the case traces none."""
    if scenario.case.relatives is None:
        return ""
    new = outcomes.sel(strategy=scenario.case.new)
    tested, found = (
        words.span(interval_frame(new[name]).iloc[0], per=0.01, digits=0)
        for name in ("relatives_tested", "relatives_found")
    )
    return words("headline_relatives", tested=tested, found=found)


def _per_patient_note(case: Case, words: Words) -> str:
    """Who is counted in a figure per patient, where that is not the patient alone."""
    return f" {words('relatives_note')}" if case.relatives and case.relatives.found else ""


def _percent(row: pd.Series, words: Words) -> str:
    return words.span(row, per=0.01, digits=0) + (" %" if row["mean"] == row["mean"] else "")


def _tenths(share: float, words: Words) -> str:
    return f"{words.number(100 * share, 1)} %"


def tree_chart(scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset, words: Words) -> Picture | Html:
    """The pathway of each strategy as a tree: the mean probability on each branch, the share of all patients at each end.

    In a case without tests there is none, which is said.
    """
    case = scenario.case
    if not case.has_tests:
        return prose(words("no_tests", action=words.label(case.action)))
    plt, _ = plot()
    figure, axes = plt.subplots(2, 1, figsize=(12, 10))
    for axis, name in zip(axes, (case.comparator, case.new), strict=True):
        tree = pathway_tree(case, draws, outcomes.sel(strategy=name), words)
        _draw_tree(axis, words.label(case.strategies[name].label), tree, words)
    title = tree_title(case, outcomes, words)
    figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("tree_alt"))


def tree_title(case: Case, outcomes: xr.Dataset, words: Words) -> str:
    """How many of all patients get what an answer leads to with each strategy, and how many of them in the first line."""
    old, new = (
        {name: float(treated_share(one, first_line=name == "first").mean()) for name in ("all", "first")}
        for one in (outcomes.sel(strategy=case.comparator), outcomes.sel(strategy=case.new))
    )
    gaps = {"old": words.percent(old["all"]), "new": words.percent(new["all"])}
    title = words("tree_title", action=words.label(case.action), **gaps)
    if not has_later_lines(case):
        return title
    return f"{title}. {words('tree_first', old=words.percent(old['first']), new=words.percent(new['first']))}"


type Tree = dict[str, tuple[float, Tree]]
"""Branches by label: the probability given the node before, and what follows."""


def pathway_tree(case: Case, draws: xr.Dataset, outcomes: xr.Dataset, words: Words) -> Tree:
    """The pathway of one strategy (``outcomes`` without the dim strategy) as branches with expected shares.

    A branch's probability is the expected share that takes it over the expected share that reaches the node, so that the product along a
    path is the expected share of all patients at its end.
    """
    carriers = outcomes["carriers"]
    found = outcomes["found"] * carriers
    wrong, wrong_carriers = float(outcomes["mismatched"].mean()), float(outcomes["mismatched_carriers"].mean())
    with_, without = float(carriers.mean()), 1 - float(carriers.mean())
    with_label, without_label = (words(key, finding=words.label(case.sought)) for key in ("tree_with", "tree_without"))
    if float(found.mean()) == wrong == 0:
        untested: Tree = {words("tree_steps.missed"): (1.0, {})}
        return {with_label: (with_, untested), without_label: (without, {words("tree_steps.usual"): (1.0, {})})}
    trunk = _acted_on(case, draws, outcomes, words)
    again = float(outcomes["on_path"].sel(path="retested").mean())
    missed = with_ - float(found.mean()) - wrong_carriers
    later: Tree = {}
    if again:
        shares = {"retested": again / missed, "never": 1 - again / missed}
        later = {words(f"paths.{name}"): (share, {}) for name, share in shares.items()}
    share_found = float(found.mean()) / with_
    branches: Tree = {
        words("tree_steps.found"): (share_found, trunk),
        words("tree_steps.missed"): (missed / with_, later),
        words("tree_steps.wrong"): (wrong_carriers / with_, {}),
    }
    others: Tree = {
        words("tree_steps.usual"): (1 - (wrong - wrong_carriers) / without, {}),
        words("tree_steps.wrong"): ((wrong - wrong_carriers) / without, {}),
    }
    return {with_label: (with_, branches), without_label: (without, others)}


def _acted_on(case: Case, draws: xr.Dataset, outcomes: xr.Dataset, words: Words) -> Tree:
    """What becomes of those in whom something is found: the steps until the answer is acted on, and when that is."""
    found = outcomes["found"] * outcomes["carriers"]
    reached = [found]
    for name in case.pathway.after_result.values():
        reached.append(reached[-1] * draws[name])
    acted_on = float(reached[-1].mean())
    on_path = outcomes["on_path"].mean("draw")
    shares = {name: float(on_path.sel(path=name)) / acted_on for name in ("first_line", "switched", "later_line")}
    shares["never"] = 1 - sum(shares.values())
    treated = words("tree_steps.treated", action=words.label(case.action))
    labels = {name: words(f"paths.{name}") for name in shares} if has_later_lines(case) else {"first_line": treated}
    late = words("tree_steps.late")
    trunk: Tree = {labels.get(name, late): (share, {}) for name, share in shares.items() if abs(share) > NO_SHARE}
    for place, step in reversed(list(enumerate(case.pathway.after_result))):
        share = float(reached[place + 1].mean() / reached[place].mean())
        trunk = {words(f"tree_steps.{step}"): (share, trunk), words(f"tree_steps.not_{step}"): (1 - share, {})}
    return trunk


def _draw_tree(axis: Any, title: str, tree: Tree, words: Words) -> None:
    """A tree from left to right; a node stands level with its first branch, so that the trunk is one straight line."""
    deep = _depth(tree)
    line = {"color": "#9aa5b1", "zorder": 0, "solid_capstyle": "round"}
    places = iter(range(10**6))

    def draw(branches: Tree, depth: int, share: float) -> float:
        first = None
        for label, (probability, below) in branches.items():
            level = draw(below, depth + 1, share * probability) if below else float(next(places))
            first = level if first is None else first
            end = depth + 1.0 if below else depth + 0.75
            axis.plot(
                [depth, depth + 0.35, end], [first, level, level], linewidth=0.8 + 5 * share * probability, **line
            )
            given = {"ha": "center", "va": "bottom", "fontsize": 9, "color": COLOURS["new"]}
            axis.text(depth + 0.62 if below else depth + 0.56, level - 0.1, _tenths(probability, words), **given)
            if below:
                axis.text(depth + 0.62, level + 0.12, wrapped(label, 15), ha="center", va="top", fontsize=8.5)
            else:
                said = f"{label}: {_tenths(share * probability, words)}"
                axis.text(end + 0.05, level, said, ha="left", va="center", fontsize=9.5)
        return float(first or 0.0)

    root = draw(tree, 0, 1.0)
    axis.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axis.plot([-0.25, 0], [root, root], linewidth=5.8, **line)
    axis.set_xlim(-0.3, deep + 1.3)
    axis.set_ylim(next(places) - 0.4, -0.7)
    axis.axis("off")


def _depth(tree: Tree) -> int:
    return 1 + max((_depth(below) for _, below in tree.values() if below), default=0)


def course_chart(scenario: Scenario, draws: xr.Dataset, words: Words) -> Picture:
    """Share of patients, and of carriers among relatives, in each state by strategy; mean, with the 95 % interval of survival.

    The first five years, or as many as it takes until one in ten is alive.
    """
    plt, sns = plot()
    case = scenario.case
    occupancy = occupancy_by_strategy(draws, case, horizon=case.horizon_years) * 100
    *living_states, dead = case.states
    mean = occupancy.mean("draw")
    lived = (100 - mean.sel(state=dead)).max("strategy").isel(cycle=slice(None, None, case.cycles_per_year))
    long = int((lived > 100 * FEW_ALIVE).sum())
    shown = min(case.horizon_years, max(FIRST_YEARS, long if case.cycles_per_year == 1 else FIRST_YEARS))
    cycles = slice(0, shown * case.cycles_per_year + 1)
    years = np.arange(shown * case.cycles_per_year + 1) / case.cycles_per_year
    colours = [*sns.color_palette("colorblind", len(living_states)), "#c9ced4"]
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), sharey=True)
    alive = {}
    check = 2 if shown <= 2 * FIRST_YEARS else shown // 2
    for axis, name in zip(axes, (case.comparator, case.new), strict=True):
        axis.stackplot(
            years,
            *(mean.sel(strategy=name, state=state).isel(cycle=cycles) for state in case.states),
            labels=[words.label(one.label) for one in case.states.values()],
            colors=colours,
        )
        living = 100 - occupancy.sel(strategy=name, state=dead).isel(cycle=cycles)
        for end in living.quantile(TAILS, dim="draw", skipna=False).to_numpy():
            axis.plot(years, end, color="black", linewidth=0.8, linestyle=":")
        alive[name] = float(living.isel(cycle=check * case.cycles_per_year).mean()) / 100
        axis.set_title(words.label(case.strategies[name].label), fontsize=12)
        axis.set_xlabel(words("course_x"))
        axis.set_ylim(0, 100)
        axis.set_xlim(0, shown)
    axes[0].set_ylabel(words("course_y_relatives" if case.relatives and case.relatives.found else "course_y"))
    axes[1].legend(loc="upper right", fontsize=10)
    new, old = (_tenths(alive[name], words) for name in (case.new, case.comparator))
    title = words("course_same" if new == old else "course_title", years=words.number(check), new=new, old=old)
    figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("course_alt"))


def health_table(scenario: Scenario, outcomes: xr.Dataset, draws: xr.Dataset, words: Words) -> Html:
    """QALYs and life years per patient by strategy and their difference, undiscounted and discounted, with 95 % intervals."""
    case = scenario.case
    _, discounted = present_values(outcomes, draws)
    lines = {
        "life_years": outcomes["life_years"].sum("year_since_start"),
        "qaly": outcomes["qaly"].sum("year_since_start"),
        "qaly_discounted": discounted,
    }
    rows = []
    for name, values in lines.items():
        old, new = (values.sel(strategy=strategy, drop=True) for strategy in (case.comparator, case.new))
        spans = [known_span(one, words, 3) for one in (old, new, new - old)]
        rows.append([words(f"health_rows.{name}", rate=words.percent(float(draws["discount_rate_qaly"]))), *spans])
    label = [words.label(case.strategies[name].label) for name in (case.comparator, case.new)]
    caption = f"{words('health_caption', horizon=words.number(case.horizon_years))}. {words('interval_note')}"
    caption += _per_patient_note(case, words)
    return table(caption, ["", *label, words("resources_difference")], rows)


def answers_table(scenario: Scenario, outcomes: xr.Dataset, words: Words) -> Html:
    """What the tests answer, per 100 patients by strategy, with 95 % intervals; what no strategy has is left out. Nothing without tests."""
    case = scenario.case
    if not case.has_tests:
        return Html("")
    matched = treated_share(outcomes)
    found = outcomes["found"] * outcomes["carriers"]
    later = {"first_line": treated_share(outcomes, first_line=True)} if has_later_lines(case) else {}
    lines = {
        "found": found,
        "late": found - outcomes["in_time"] * outcomes["carriers"],
        "matched": matched,
        **later,
        "wrong": outcomes["mismatched"],
        "uncertain": outcomes["uncertain"],
        "incidental": outcomes["incidental"],
        "relatives_tested": outcomes["relatives_tested"],
        "relatives_found": outcomes["relatives_found"],
    }
    names = [case.comparator, case.new]
    rows = [
        [
            words(f"answers_rows.{name}", finding=words.label(case.sought), action=words.label(case.action)),
            *(words.span(interval_frame(values.sel(strategy=one)).iloc[0], per=0.01, digits=1) for one in names),
        ]
        for name, values in lines.items()
        if float(values.max()) > 1e-12
    ]
    header = ["", *(words.label(case.strategies[name].label) for name in names)]
    return table(f"{words('answers_caption')}. {words('interval_note')}", header, rows)


def times_table(scenario: Scenario, draws: xr.Dataset, words: Words) -> Html:
    """How long each test's answer takes with the comparator and with the new strategy, how often it fails, how often it is in time; with
    95 % intervals. Nothing in a case that states no timing.
    """
    case = scenario.case
    if case.pathway.timing is None:
        return Html("")
    rows = []
    for name in (case.comparator, case.new):
        times = answer_times(draws, case, name)
        for test in map(str, times["test"].to_numpy()):
            one = {key: interval_frame(values).iloc[0] for key, values in times.sel(test=test, drop=True).items()}
            label = words.label(case.tests[test].label), words.label(case.strategies[name].label)
            spans = [words.span(one["ordered"], digits=0), words.span(one["days"], digits=0)]
            rows.append([*label, *spans, *(_percent(one[key], words) for key in ("fails", "before_treatment"))])
    header = [words(f"times_columns.{key}") for key in ("test", "strategy", "ordered", "days", "fails", "in_time")]
    window = interval_frame(draws[case.pathway.timing.window]).iloc[0]
    caption = f"{words('times_caption')}. {words('interval_note')}"
    said = words("times_note", window=words.span(window, digits=0))
    return Html(table(caption, header, rows, text_columns=2) + note(said))


def paths_table(scenario: Scenario, outcomes: xr.Dataset, words: Words) -> Html:
    """What becomes of 100 patients with something to find, by strategy: each on one path, so that a row sums to 100; means.

    Nothing where nothing is looked for.
    """
    case = scenario.case
    if not case.has_tests:
        return Html("")
    shares = 100 * outcomes["on_path"].mean("draw") / outcomes["carriers"].isel(strategy=0).mean("draw")
    rows = [
        [
            words.label(plan.label),
            *(words.number(float(shares.sel(strategy=name, path=path)), 1) for path in PATHS),
            words.number(float(shares.sel(strategy=name).drop_sel(path="never").sum()), 1),
        ]
        for name, plan in case.strategies.items()
    ]
    caption = f"{words('paths_caption', finding=words.label(case.sought))}. {words('paths_note')}"
    header = [words("strategy"), *(words(f"paths.{path}") for path in PATHS), words("paths.ever")]
    chosen = list(case.strategies).index(case.new)
    return table(caption, header, rows, strong=[chosen])


def class_paths_table(scenario: Scenario, draws: xr.Dataset, words: Words) -> Html:
    """What becomes of 100 patients of each class with something to find, with the new strategy and the comparator; means.

    Nothing where nothing is looked for.
    """
    case = scenario.case
    if not case.has_tests:
        return Html("")
    shares = 100 * simulate(draws, case, horizon=1, by_class=True)["on_path"].mean("draw")
    names = (case.comparator, case.new)
    rows = [
        [
            words.label(one.label),
            words.label(case.strategies[name].label),
            *(words.number(float(shares.sel(subgroup=group, strategy=name, path=path)), 0) for path in PATHS),
        ]
        for group, one in case.classes.items()
        if one.is_sought
        for name in names
    ]
    header = [words("class"), words("strategy"), *(words(f"paths.{path}") for path in PATHS)]
    return table(words("class_paths_caption"), header, rows, text_columns=2)


def resource_table(scenario: Scenario, outcomes: xr.Dataset, words: Words) -> Html:
    """Difference in mean cost per patient by resource, unit and year since start, SEK, with the 95 % interval of the total."""
    case = scenario.case
    running, once = (increment(outcomes[name], case) for name in ("cost", "cost_once"))
    by_year = running + once * (running["year_since_start"] == 0)
    last = by_year.sizes["year_since_start"]
    periods = [(0, 1), (1, 2), (2, 5), (5, last)]
    units = list(dict.fromkeys(by_year["unit"].to_numpy()))
    rows, sums = [], []
    for unit in units:
        own = by_year.isel(resource=by_year["unit"].to_numpy() == unit)
        for name in own["resource"].to_numpy():
            if float(np.abs(own.sel(resource=name)).max()) > 0:
                rows.append(
                    _cost_row(words.label(case.resources[str(name)].label), own.sel(resource=name), periods, words)
                )
        sums.append(len(rows))
        rows.append(
            _cost_row(words("sum_of", unit=words(f"payers.{unit}").lower()), own.sum("resource"), periods, words)
        )
    sums.append(len(rows))
    rows.append(_cost_row(words("total"), by_year.sum("resource"), periods, words))
    header = [words("resource")]
    header += [words("year_since", years=str(a + 1) if b == a + 1 else f"{a + 1}–{b}") for a, b in periods]
    phases = f" {words('phases_note')}" if case.has_curves and case.stays else ""
    caption = f"{words('resource_caption')}. {words('interval_note')}{_per_patient_note(case, words)}{phases}"
    return table(caption, [*header, words("total")], rows, strong=sums)


def _cost_row(label: str, difference: xr.DataArray, periods: list[tuple[int, int]], words: Words) -> list[str]:
    means = difference.mean("draw")
    cells = [words.number(float(means.isel(year_since_start=slice(*period)).sum()), 0) for period in periods]
    return [label, *cells, words.span(interval_frame(difference.sum("year_since_start")).iloc[0], digits=0)]


def cost_chart(scenario: Scenario, outcomes: xr.Dataset, words: Words) -> Picture:
    """Difference in mean cost per patient by year since start and performing unit, thousand SEK."""
    plt, sns = plot()
    case = scenario.case
    flows, once = (increment(outcomes[name], case).mean("draw").groupby("unit").sum() for name in ("cost", "cost_once"))
    by_unit = flows.isel(year_since_start=slice(0, 8)).transpose("unit", "year_since_start") / 1e3
    by_unit = by_unit + (once / 1e3) * (by_unit["year_since_start"] == 0)
    figure, axis = plt.subplots(figsize=(11, 4.4))
    units = [str(unit) for unit in by_unit["unit"].to_numpy()]
    years = by_unit["year_since_start"].to_numpy()
    for number, (unit, colour) in enumerate(zip(units, sns.color_palette("colorblind", len(units)), strict=True)):
        place = years + (number - (len(units) - 1) / 2) * 0.25
        axis.bar(place, by_unit.sel(unit=unit), width=0.25, color=colour, label=words(f"payers.{unit}"))
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set_xticks(years, [str(year + 1) for year in years])
    axis.set_xlabel(words("cost_chart_x"))
    axis.set_ylabel(words("cost_chart_y"))
    numbered(axis.yaxis, words)
    axis.legend()
    total = by_unit.sum("year_since_start").to_series() * 1e3
    title = cost_title(total, len(years), words)
    axis.set_title(title, loc="left", fontweight="bold", fontsize=12)
    figure.tight_layout()
    return picture(figure, words("cost_chart_alt"))


def cost_title(total: pd.Series, years: int, words: Words) -> str:
    """Which unit's cost rises most over the years shown, or falls least where all fall; index unit, SEK per patient."""
    unit = str(total.idxmax())
    cost = round(float(total.max()), -2)
    way = "more" if cost > 0 else "less" if cost < 0 else "same"
    return words(f"cost_chart_title.{way}", unit=words(f"payers.{unit}"), cost=words.number(abs(cost)), years=years)


def pathway_frame(scenario: Scenario, outcomes: xr.Dataset, draws: xr.Dataset, words: Words) -> Html:
    """For whom, on what it rests, the Monte Carlo standard errors of the headline figures, and what comes next."""
    case = scenario.case
    question, patients, rests, following = frame_sentences(scenario, words, "03_cost_effectiveness")
    cost, qaly = (increment(values, case) for values in present_values(outcomes, draws))
    found = {"gained": error_words(100 * increment(treated_share(outcomes), case), words)} if case.has_tests else {}
    simulation = words(
        "simulation_pathway",
        draws=words.number(outcomes.sizes["draw"]),
        **found,
        qaly=error_words(qaly, words),
        cost=error_words(cost, words),
    )
    return note(question, patients, rests, simulation, following)


def staff_table(scenario: Scenario, draws: xr.Dataset, outcomes: xr.Dataset, words: Words) -> Html:
    """Minutes per patient and full-time posts per 1,000 patients by profession and strategy, with 95 % intervals.

    Nothing in a case without tests, whose staff is inside the price of care.
    """
    case = scenario.case
    if not case.has_tests:
        return Html("")
    names = [case.comparator, case.new]
    posts_per_minute = 1000 / (draws[case.productive_hours] * 60)
    rows = []
    for name in map(str, outcomes["resource"].to_numpy()[outcomes["kind"].to_numpy() == "staff"]):
        minutes = outcomes["activity_once"].sel(resource=name)
        row = [words.label(case.resources[name].label), words(f"payers.{case.resources[name].unit}")]
        row += [words.span(interval_frame(minutes.sel(strategy=s)).iloc[0], digits=0) for s in names]
        row += [words.span(interval_frame(minutes.sel(strategy=s) * posts_per_minute).iloc[0], digits=2) for s in names]
        rows.append(row)
    share = [words("staff_row"), ""]
    share += [_percent(staff_share_row(case, outcomes["cost_once"].sel(strategy=s)), words) for s in names]
    rows.append([*share, "", ""])
    label = [words.label(case.strategies[s].label) for s in names]
    header = [words("staff_columns.profession"), words("unit")]
    header += [f"{words('staff_columns.minutes')}: {each}" for each in label]
    header += [f"{words('staff_columns.posts')}: {each}" for each in label]
    return table(
        f"{words('staff_caption')}. {words('interval_note')}", header, rows, strong=[len(rows) - 1], text_columns=2
    )
