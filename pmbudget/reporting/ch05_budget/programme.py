"""Chapter 05, what the budget stands on: the funnel, who gets what, unit costs, posts, over- and under-use, levers."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pmbudget.inputs.files import references
from pmbudget.inputs.norms import thresholds
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import increments
from pmbudget.programme.misuse import loss
from pmbudget.programme.offsets import offsets
from pmbudget.programme.reach import persons_never_served, persons_reflexed, persons_served, shares_of, tests_made
from pmbudget.questions.start_years import at_prices_met
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, broadly_tested, collapsed, note, prices_note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results

FEW_PERSONS = 10
"""Persons a year below which means are told with a decimal."""


def funnel_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """The funnel of the first year, step by step with source and grade; by region behind a line."""
    year = scenario.years[0]
    national = interval_frame(results.reach.funnel.sum("region")).set_index("step")
    rows = []
    for name in map(str, results.reach.funnel["step"].to_numpy()):
        if name in scenario.parameters:
            record = scenario.parameters[name].record
            label, figure = words.label(record.label), _figure(scenario, name, words)
            source = f"{words.data(record.figure_source.title)} ({words(f'evidence.{record.evidence}')})"
        else:
            pool = scenario.case.eligible.prevalent
            used = [pool.years, *pool.shares, pool.reach] if pool else []
            label, source = words("funnel_prevalent"), words("funnel_prevalent_source")
            figure = " × ".join(_figure(scenario, one, words) for one in used)
        rows.append([label, figure, words.span(national.loc[name], digits=0), source])
    header = [words(f"funnel_columns.{key}") for key in ("step", "figure", "persons", "source")]
    whole = table(words("funnel_caption", year=year), header, rows, words_from=3)
    steps = results.reach.funnel.mean("draw").transpose("region", "step")
    names = [row[0] for row in rows]
    by_region = [
        [scenario.regions.loc[code, "region"], *(words.number(value, 1) for value in steps.sel(region=code).to_numpy())]
        for code in scenario.regions.index
    ]
    below = table(words("funnel_region_caption", year=year), [words("region"), *names], by_region)
    return Html(whole + collapsed(words("by_region_summary"), below))


def population_note(scenario: Scenario, words: Words) -> Html:
    """Who the eligible are: the new cases, and those already ill where the case follows them."""
    return note(
        words("population_pool" if scenario.case.eligible.prevalent else "population_new"), words("population_counts")
    )


def prices_moves(scenario: Scenario, words: Words) -> Html:
    """What moves prices beside inflation, and who else bears tests today; as far as the case states them."""
    prices, elsewhere = scenario.case.prices, scenario.case.borne_elsewhere
    said = [words("prices_still_but_drugs" if scenario.price_paths else "prices_still")]
    if prices and prices.resources:
        names = ", ".join(words.inside(scenario.case.resources[name].label) for name in prices.resources)
        said = [words("prices_move", resources=names)]
        said += [words("prices_drugs")] if scenario.price_paths else []
    if any(part.until is not None for part in elsewhere):
        said.append(words("prices_elsewhere"))
    return note(*said)


def _figure(scenario: Scenario, name: str, words: Words) -> str:
    parameter = scenario.parameters[name]
    return (
        words("learnt")
        if parameter.distribution is None
        else words.in_unit(parameter.distribution.mean, parameter.unit)
    )


def mix_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """Patients and tests by year: who comes to the decision, who is broadly tested in each mix, tests of others and all tests.

    Where the scenario rolls out another strategy than the one in use, also how many get it, unless that is everybody tested.
    """
    eligible = interval_frame(results.reach.eligible.sum("region", skipna=False)).set_index("year")
    new = interval_frame(persons_served(results.reach, scenario.case.broad).sum("region", skipna=False)).set_index(
        ["mix", "year"]
    )
    case = scenario.case
    beside = {"outside": results.reach.outside} if case.has_tests else {}
    if case.eligible.reflex:
        everybody = tests_made(results.reach, case.broad).sum("fate")
        beside |= {"unfit": persons_reflexed(results.reach, case.broad), "all": everybody}
    tests = {name: interval_frame(one.sel(mix="new").sum("region")).set_index("year") for name, one in beside.items()}
    rolled_out = results.reach.patients.sel(mix="new", fate=case.new).sum("region", skipna=False)
    over = [interval_frame(rolled_out).set_index("year")]
    if np.allclose(over[0], new.loc["new"]):
        over = []
    digits = 0 if eligible["mean"].min() >= FEW_PERSONS else 1
    rows = [
        [
            str(year),
            words.span(eligible.loc[year], digits=digits),
            *(words.span(new.loc[mix, year], digits=digits) for mix in ("today", "unplanned", "new")),
            *(words.span(one.loc[year], digits=digits) for one in [*over, *tests.values()]),
        ]
        for year in scenario.years
    ]
    rolls = words.inside(case.strategies[case.new].label)
    header = [
        words("year"),
        words("mix_columns.eligible"),
        *(words(f"mix_columns.{mix}") for mix in ("today", "unplanned", "new")),
        *(words("mix_columns.over", new=rolls) for _ in over),
        *(words(f"mix_columns.{name}") for name in tests),
    ]
    return table(words("mix_caption", strategy=broadly_tested(scenario, words)), header, rows)


def reflex_note(scenario: Scenario, results: Results, words: Words) -> Html:
    """How many tests there are in the scenario's last year and on whom, where they are ordered with the diagnosis; else nothing."""
    if scenario.case.eligible.reflex is None:
        return Html("")
    reach, broad, last = results.reach, scenario.case.broad, {"mix": "new", "year": scenario.years[-1]}
    parts = {
        "all": tests_made(reach, broad).sum("fate"),
        "eligible": persons_served(reach, broad),
        "unfit": persons_reflexed(reach, broad),
        "outside": reach.outside,
    }
    told = {name: words.number(float(one.sel(last).sum("region").mean())) for name, one in parts.items()}
    return note(words("reflex_tests", year=last["year"], **told))


def uptake_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """Share of the eligible reached in the scenario, by region and year."""
    covered = results.reach.reached.sel(mix="new").mean("draw")
    rows = [
        [scenario.regions.loc[code, "region"], *(words.percent(value) for value in covered.sel(region=code).to_numpy())]
        for code in scenario.regions.index
    ]
    return table(words("uptake_caption"), [words("region"), *map(str, scenario.years)], rows)


def known_note(scenario: Scenario, results: Results, words: Words) -> Html:
    """What a gate waits for, how often it has opened by the end, and how often it was right; nothing where there is none."""
    plan = scenario.definition.pace
    if results.reach.known is None or plan is None or plan.gate is None:
        return Html("")
    cost, qaly = increments(results.per_patient, scenario.case)
    worth = scenario.parameters.fixed(plan.gate.wtp) * qaly - cost > 0
    opened = (results.reach.known >= plan.gate.probability).any("year")
    return note(
        words(
            "gate_note",
            probability=words.percent(plan.gate.probability),
            lag=plan.gate.lag,
            first=scenario.years[0],
            before=words.percent(float(results.reach.known.isel(year=0).mean())),
            year=scenario.years[-1],
            opened=words.percent(float(opened.mean())),
            rightly=words.percent(_share(opened, worth)),
            wrongly=words.percent(_share(opened, ~worth)),
        )
    )


def _share(of: xr.DataArray, among: xr.DataArray) -> float:
    return float(of.where(among).mean()) if bool(among.any()) else float("nan")


def unit_cost_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """What testing one patient costs, cash and in all, by strategy and resource; SEK of the price year. Nothing without tests."""
    if not scenario.case.has_tests:
        return Html("")
    once = results.per_patient.outcomes["cost_once"]
    own = once.isel(resource=(once["unit"] == "diagnostic_unit").to_numpy())
    names = [name for name in map(str, own["resource"].to_numpy()) if float(own.sel(resource=name).max()) > 0]
    resources, strategies = scenario.case.resources, list(scenario.case.strategies)
    rows = [
        [
            words.label(resources[name].label) + ("" if resources[name].in_budget else f" ({words('not_cash')})"),
            *(words.number(float(own.sel(resource=name, strategy=strategy))) for strategy in strategies),
        ]
        for name in names
    ]
    cash = interval_frame(results.per_patient.test_cost).set_index("strategy")
    rows.append([words("test_cash"), *(words.span(cash.loc[strategy], digits=0) for strategy in strategies)])
    header = [words("resource"), *(words.label(scenario.case.strategies[name].label) for name in strategies)]
    caption = f"{words('unit_cost_caption')}. {prices_note(scenario, words)}"
    return table(caption, header, rows, strong=[len(rows) - 1])


def inputs_table(scenario: Scenario, words: Words) -> Html:
    """Every parameter of the programme: figure, interval, grade and source."""
    case = scenario.case
    parts: list[Any] = [case.eligible, case.uptake, case.transition, case.prices, case.borne_elsewhere, case.follow_up]
    names = dict.fromkeys(name for part in parts for _, name in references(part))
    rows = []
    for name in names:
        parameter = scenario.parameters[name]
        known, record = parameter.distribution, parameter.record
        figures = [words("learnt"), ""]
        if known is not None:
            mean, low, high = (words.in_unit(figure, record.unit) for figure in (known.mean, *known.interval))
            figures = [mean, words("range", low=low, high=high)]
        rows.append(
            [
                words.label(record.label),
                *figures,
                words.data(record.unit),
                words(f"evidence.{record.evidence}"),
                words.data(record.figure_source.title),
            ]
        )
    header = [words(f"inputs_columns.{key}") for key in ("parameter", "mean", "interval", "unit", "grade", "source")]
    return collapsed(
        words("inputs_summary", number=len(rows)), table(words("inputs_caption"), header, rows, words_from=3)
    )


def posts_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """Full-time posts by profession: in the scenario in the first, fifth and last year, with today's use in the last, and the change.

    Nothing in a case without tests, whose staff is inside the price of care.
    """
    if not scenario.case.has_tests:
        return Html("")
    years = list(dict.fromkeys([scenario.years[0], *(chosen[-1] for chosen in scenario.periods.values())]))
    posts = results.spending.posts
    change = posts.sel(mix="new") - posts.sel(mix="today")
    frames = {
        **{str(year): interval_frame(posts.sel(mix="new", year=year)).set_index("resource") for year in years},
        "today": interval_frame(posts.sel(mix="today", year=years[-1])).set_index("resource"),
        "change": interval_frame(change.sel(year=years[-1])).set_index("resource"),
    }
    rows = [
        [
            words.label(scenario.case.resources[name].label),
            *(words.span(one.loc[name], digits=1) for one in frames.values()),
        ]
        for name in map(str, posts["resource"].to_numpy())
    ]
    ends = (words(key, year=years[-1]) for key in ("posts_today", "posts_change"))
    header = [words("profession"), *map(str, years), *ends]
    return table(words("posts_caption"), header, rows)


def offset_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """The change against today's use as money spent, money saved and capacity set free; first five years, MSEK."""
    period, years = next(iter(scenario.periods.items()))
    change = results.spending.by_resource.sel(mix="new", drop=True) - results.spending.by_resource.sel(
        mix="today", drop=True
    )
    freed = results.spending.freed.sel(mix="new", drop=True)
    parts = offsets(change.sel(year=years), freed.sel(year=years)).sum("year")
    groups = {kind: parts.isel(resource=(change["kind"] == kind).to_numpy()).sum("resource") for kind in _kinds(change)}
    groups["total"] = parts.sum("resource")
    rows = []
    for kind, part in groups.items():
        figures = (part["spent"], part["saved"], part["spent"] + part["saved"], part["freed"])
        rows.append([words(f"kinds.{kind}"), *(words.span_msek(interval_frame(one).iloc[0]) for one in figures)])
    header = [words("kind"), *(words(f"offset_columns.{key}") for key in ("spent", "saved", "cash", "freed"))]
    return table(words("offset_caption", period=period), header, rows, strong=[len(rows) - 1])


def _kinds(change: xr.DataArray) -> list[str]:
    return [str(kind) for kind in dict.fromkeys(change["kind"].to_numpy())]


def misuse_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """By region over the whole period: tests outside and what they cost, eligible without the new strategy and what that loses.

    Where tests are ordered with the diagnosis also those not fit for treatment, and what the new strategy costs more for them. What a
    patient gains is at the prices that those who start in these years meet. Without tests there is under-use alone.
    """
    cost, qaly = increments(at_prices_met(scenario, results).per_patient, scenario.case)
    wtp = thresholds(scenario)["wtp_very_high"]
    untested = persons_never_served(results.reach, scenario.case.broad).sel(mix="new", drop=True)
    outside = results.reach.outside.sel(mix="new", drop=True).sum("year")
    test_cost = _cost_outside(scenario, results)
    lost = loss(untested, outside, test_cost=test_cost, qaly_gain=qaly, gain=wtp * qaly - cost)
    figures = {
        "outside": (outside, 1.0),
        "over_use": (lost["over_use"], 1e6),
        "untested": (untested, 1.0),
        "under_use_qaly": (lost["under_use_qaly"], 1.0),
        "under_use": (lost["under_use"], 1e6),
    }
    if not scenario.case.has_tests:
        figures = {key: one for key, one in figures.items() if key not in ("outside", "over_use")}
    if scenario.case.eligible.reflex:
        unfit, dearer = _unfit(scenario, results)
        figures |= {"unfit": (unfit, 1.0), "unfit_cost": (dearer, 1e6)}
    frames = {key: interval_frame(value / scale).set_index("region") for key, (value, scale) in figures.items()}
    digits = {
        "outside": 0,
        "untested": 0,
        "over_use": 2,
        "under_use_qaly": 1,
        "under_use": 2,
        "unfit": 0,
        "unfit_cost": 2,
    }
    rows = [
        [
            scenario.regions.loc[code, "region"],
            *(words.span(frames[key].loc[code], digits=digits[key]) for key in frames),
        ]
        for code in scenario.regions.index
    ]
    sums = {key: interval_frame(value.sum("region") / scale).iloc[0] for key, (value, scale) in figures.items()}
    whole = [words("total"), *(words.span(sums[key], digits=digits[key]) for key in sums)]
    header = [words("region"), *(words(f"misuse_columns.{key}", wtp=words.number(wtp)) for key in figures)]
    caption = words("misuse_caption", first=scenario.years[0], last=scenario.years[-1])
    nation = table(caption, [words("nation"), *header[1:]], [[words("nation_whole"), *whole[1:]]])
    return Html(nation + collapsed(words("by_region_summary"), table(caption, header, rows)))


def _unfit(scenario: Scenario, results: Results) -> tuple[xr.DataArray, xr.DataArray]:
    """Persons broadly tested at diagnosis and not fit, and what their tests cost more than the comparator's (draw, region), SEK."""
    case, reach, each = scenario.case, results.reach, results.per_patient.test_cost
    by = (reach.patients.sel(mix="new", fate=list(case.broad)) * reach.reflexed).sum("year")
    dearer = each.sel(strategy=list(case.broad)) - each.sel(strategy=case.comparator, drop=True)
    return by.sum("fate"), (by * dearer.rename(strategy="fate")).sum("fate")


def _cost_outside(scenario: Scenario, results: Results) -> xr.DataArray:
    """What a test outside the eligible costs on average over the years (draw, region), SEK, by the strategies that they are made with."""
    broad = scenario.case.broad
    outside = results.reach.outside.sel(mix="new", drop=True)
    shares = shares_of(results.reach, broad).sel(mix="new", drop=True)
    each = results.per_patient.test_cost.sel(strategy=list(broad)).rename(strategy="fate")
    whole = outside.sum("year")
    by = (outside * shares).sum("year") / whole.where(whole > 0, 1.0)
    return (each * by).sum("fate")


LEVER_DIGITS = {"net": 2, "net_regions": 2, "tested": 0, "outside": 0, "qaly": 2, "posts": 2, "spread": 2, "right": 1}
"""Figures of :func:`pmbudget.questions.lever_effects` and their decimals."""


def lever_table(scenario: Scenario, effects: pd.DataFrame, words: Words) -> Html:
    """Each lever alone against itself off: every figure that it moves in the scenario, expected change with interval.

    Nothing in a case that has none.
    """
    if not scenario.case.levers:
        return Html("")
    rows = []
    for name, lever in scenario.case.levers.items():
        grade, moved = words(f"evidence.{lever.evidence}"), effects.loc[name]
        moved = moved[moved.abs().max(axis=1) > 1e-9]
        for place, (figure, row) in enumerate(moved.iterrows()):
            first = [words.label(lever.label), grade] if place == 0 else ["", ""]
            per = 1e6 if str(figure).startswith("net") else 1.0
            change = words.span(row, per=per, digits=LEVER_DIGITS[str(figure)])
            rows.append([*first, words(f"lever_figures.{figure}"), change])
        if moved.empty:
            rows.append([words.label(lever.label), grade, words("lever_figures.nothing"), words("not_applicable")])
    header = [words("lever"), words("inputs_columns.grade"), words("lever_moves"), words("lever_change")]
    caption = words("lever_caption", first=scenario.years[0], last=scenario.years[-1])
    return table(caption, header, rows, text_columns=3)
