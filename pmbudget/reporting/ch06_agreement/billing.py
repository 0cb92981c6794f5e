"""Chapter 06, internal billing: what a test truly costs, who carries idle capacity, which internal price would do, what it does to use."""

import numpy as np
import xarray as xr

from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.per_patient import staff_share
from pmbudget.questions.agreements import Negotiation, incentives
from pmbudget.questions.billing import PRICES, RULES, Billing, Response, Whole, equipment
from pmbudget.reporting.ch06_agreement.agreement import NOTHING, design_label
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, lead, note, prices_note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results

TOLD = 0.005
"""A share that is not 0 as per cent."""


def billing_headline(
    scenario: Scenario,
    results: Results,
    bill: Billing | None,
    both: Whole | None,
    answer: Response | None,
    words: Words,
) -> Html:
    """What a test costs, who carries idle capacity, whether an internal price leaves both whole, and which serves the patients best."""
    if bill is None:
        return NOTHING
    cash, fixed = float(_cash(scenario, results).mean()), float(bill.fixed.mean())
    parts = {"cash": round(cash, -1), "fixed": round(fixed, -1)}
    figures = {"full": sum(parts.values()), **parts}
    test = words.inside(scenario.case.strategies[scenario.case.new].label)
    said = [words("billing_cost", test=test, **{name: words.number(one, -1) for name, one in figures.items()})]
    said.append(words("billing_idle", period=_period(bill), idle=words.msek(float(bill.idle().sum("year").mean()))))
    if both is not None:
        told = {"needed": words.number(both.needed, -1), "p": words.probability(both.probability)}
        if both.prices is None:
            key = "billing_none" if both.saved > 0 else "billing_none_dearer"
            gap = words.number(round(both.needed, -1) - round(both.saved, -1), -1)
            said.append(words(key, **told, saved=words.number(abs(both.saved), -1), gap=gap))
        else:
            said.append(words("billing_both", **told, saved=words.number(both.saved, -1)))
    said.append(_best_price(answer, words))
    return lead(*said)


def _best_price(answer: Response | None, words: Words) -> str:
    if answer is None:
        return words("billing_no_response")
    prices, means = answer.prices[answer.best], answer.benefit.mean("draw").to_numpy()
    if len(answer.best) > 1:
        spread = words.number(float(np.ptp(means[answer.best])) / 1e6, 2)
        low, high = (words.number(one, -1) for one in (prices.min(), prices.max()))
        return words("billing_price_any", low=low, high=high, spread=spread)
    return words("billing_price_best", price=words.number(prices[0], -1))


def activity_table(scenario: Scenario, results: Results, bill: Billing | None, words: Words) -> Html:
    """What a test uses and costs in the laboratory, activity by activity, as chapter 05 has it: cash, what is no cash, and all."""
    if bill is None:
        return NOTHING
    outcomes, resources = results.per_patient.outcomes.sel(strategy=scenario.case.new), scenario.case.resources
    own = outcomes.isel(resource=(outcomes["unit"] == "diagnostic_unit").to_numpy())
    whole = float(own["cost_once"].sum())
    rows = []
    for name in map(str, own["resource"].to_numpy()):
        amount, cost = (float(own[kind].sel(resource=name)) for kind in ("activity_once", "cost_once"))
        if cost > 0:
            resource = resources[name]
            label = words.label(resource.label) + ("" if resource.in_budget else f" ({words('not_cash')})")
            minutes = words.number(amount) if resource.kind == "staff" else words("not_applicable")
            rows.append([label, minutes, words.number(cost), words.percent(cost / whole)])
    cash, fixed = _cash(scenario, results), bill.fixed
    for key, one in (("test_cash", cash), ("billing_fixed", fixed), ("billing_full", cash + fixed)):
        share = words.percent(round(float(one.mean()) / whole, 6))
        rows.append([words(key), "", words.span(interval_frame(one).iloc[0], digits=0), share])
    staff = float(staff_share(results.per_patient.outcomes["cost_once"], scenario.case).sel(strategy=scenario.case.new))
    header = [words("resource"), *(words(f"billing_activity_columns.{key}") for key in ("minutes", "cost", "share"))]
    test = words.inside(scenario.case.strategies[scenario.case.new].label)
    caption = f"{words('billing_activity_caption', test=test)} {prices_note(scenario, words)}"
    strong = range(len(rows) - 3, len(rows))
    return Html(table(caption, header, rows, strong=strong) + note(words("billing_staff", share=words.percent(staff))))


def billing_by_year(scenario: Scenario, results: Results, bill: Billing | None, words: Words) -> Html:
    """Volume, load and true cost of a test year by year, against the internal price that the presets state."""
    if bill is None:
        return NOTHING
    instruments, load = equipment(scenario, results, bill)
    left = interval_frame(bill.left(bill.price)).set_index("year")
    idle, true, volume = bill.idle().mean("draw"), bill.true_cost(), bill.volume.mean("draw")
    running = bill.running_cost()
    rows = []
    for year in bill.years:
        used = float(volume.sel(year=year)) / bill.planned
        loads = [words.percent(load * used)] if load == load else []
        stated = float(bill.price.sel(year=year).mean())
        figures = [float(one.sel(year=year)) for one in (running, true)]
        rows.append(
            [
                str(year),
                words.number(float(volume.sel(year=year))),
                words.percent(used),
                *loads,
                *(words.number(one, -1) for one in (*figures, stated)),
                words.span_msek(left.loc[year]),
                words.msek(float(idle.sel(year=year))),
            ]
        )
    keys = ("volume", "used", *(["load"] if load == load else []), "running", "true", "price", "left", "idle")
    header = [words("year"), *(words(f"billing_year_columns.{key}") for key in keys)]
    said = [words("billing_year_note", planned=words.number(bill.planned))]
    if load == load:
        said.append(words("billing_equipment", instruments=words.number(instruments, 1), load=words.percent(load)))
    caption = f"{words('billing_year_caption')} {prices_note(scenario, words)}"
    return Html(table(caption, header, rows) + note(*said))


def rules_table(bill: Billing | None, words: Words) -> Html:
    """Who carries idle capacity: what each rule of pricing leaves to the laboratory and takes from clinic and region."""
    if bill is None:
        return NOTHING
    by_rule = bill.by_rule()
    rows = [
        [
            words(f"billing_rules.{rule}"),
            *(
                words.span_msek(interval_frame(by_rule[rule][who]).iloc[0])
                for who in ("laboratory", "clinic", "region")
            ),
            words(f"billing_carries.{rule}"),
        ]
        for rule in RULES
    ]
    header = [words(f"billing_rules_columns.{key}") for key in ("rule", "laboratory", "clinic", "region", "carries")]
    caption = words(
        "billing_rules_caption", period=_period(bill), idle=words.msek(float(bill.idle().sum("year").mean()))
    )
    return table(caption, header, rows, words_from=4)


def use_table(results: Results, found: Negotiation | None, answer: Response | None, words: Words) -> Html:
    """What each design lifts off who orders the next test, and what that does to use in the agreement's last year."""
    if found is None or answer is None:
        return NOTHING
    shares = incentives(results, found)
    lifting = [name for name, (region, clinic) in shares.items() if region >= TOLD or clinic <= 1 - TOLD]
    coverage = interval_frame(100 * answer.coverage).set_index("design")
    persons = interval_frame(answer.persons).set_index("design")
    rows = [
        [
            design_label(found, name, words),
            *(words.percent(round(1 - share, 6)) for share in shares[name]),
            words.span(coverage.loc[name], digits=1),
            words.span(persons.loc[name], digits=0),
        ]
        for name in sorted(lifting, key=lambda name: shares[name], reverse=True)
    ]
    if not rows:
        return note(words("billing_use_none"))
    header = [words(f"billing_use_columns.{key}") for key in ("design", "region", "clinic", "coverage", "persons")]
    caption = words("billing_use_caption", first=found.years[0], year=answer.year)
    return Html(table(caption, header, rows) + note(words("billing_use_note", year=answer.year)))


def prices_table(answer: Response | None, words: Words) -> Html:
    """Net benefit by internal price: how who orders answers to bearing more or less of the next test."""
    if answer is None:
        return NOTHING
    frame = interval_frame(answer.benefit.assign_coords(price=answer.prices)).set_index("price")
    rows = [
        [words.number(price, -1), words.percent(multiple), words.span(frame.loc[price], per=1e6, digits=2)]
        for price, multiple in zip(answer.prices, PRICES, strict=True)
    ]
    header = [words(f"billing_prices_columns.{key}") for key in ("price", "borne", "benefit")]
    caption = words("billing_prices_caption", year=answer.year, wtp=words.number(answer.wtp))
    return Html(table(caption, header, rows) + note(words("billing_prices_note")))


def _cash(scenario: Scenario, results: Results) -> xr.DataArray:
    return results.per_patient.test_cost.sel(strategy=scenario.case.new, drop=True)


def _period(bill: Billing) -> str:
    return f"{bill.years[0]}–{bill.years[-1]}"
