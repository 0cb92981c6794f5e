"""Chapter 06, a given frame: divided between the regions by one model after the other, and what each of them buys."""

from collections.abc import Sequence

import xarray as xr

from pmbudget.appraisal.ranking import surely_above, surely_best
from pmbudget.appraisal.worth import added_worth
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.frames import WITHOUT, Division, apart_in_health, best_models, introduction_cost
from pmbudget.reporting.ch06_agreement.agreement import FEW, NOTHING
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, lead, note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results
from pmbudget.vocabulary import NATIONAL

ASSUMED = ("fungibility", "paid_change_response", "persistence", "displacement")
"""What is assumed of how regions answer, in financing.yaml."""
LITTLE = 0.1
"""The share of what the programme itself gives below which a difference in health is said to be little."""


def frame_answer(scenario: Scenario, results: Results, found: Division | None, words: Words) -> Html:
    """How large the frame is beside one test, who gets it paid, which model serves which aim, and when their difference is noise."""
    if found is None:
        return NOTHING
    return lead(
        _size(results, found, words),
        _unused(found, words),
        _aims(found, words),
        *_health(scenario, results, found, words),
    )


def _size(results: Results, found: Division, words: Words) -> str:
    frame, cost = found.frame, introduction_cost(results, found.negotiation.years)
    surplus = cost > 0 and found.real * found.share > cost
    said = words(
        "given.size",
        amount=words.number(frame.amount),
        years=frame.years,
        beside=words(
            "given.beside.dearer" if cost > 0 else "given.beside.free",
            cost=words.msek(cost),
            times=words.number(found.real / cost, 0 if found.real > 10 * cost else 1) if cost > 0 else "",
        ),
        introductions=words.number(frame.introductions),
        part=words.number(frame.amount * found.share, 1),
    )
    return f"{said} {words('given.surplus')}" if surplus else said


def _unused(found: Division, words: Words) -> str:
    """Which models pay all there is, and which the least."""
    paid = found.paid.sel(model=found.models)
    whole = [name for name in found.models if words.msek(float(paid.sel(model=name))) == words.msek(found.ceiling)]
    least = str(paid.idxmin("model").item())
    amounts = {"paid": words.msek(float(paid.min())), "ceiling": words.msek(found.ceiling)}
    named = _together([model_label(found, name, words) for name in whole], words)
    return words(
        "given.unused" if whole else "given.none_whole", whole=named, least=model_label(found, least, words), **amounts
    )


def _together(labels: Sequence[str], words: Words) -> str:
    return words("and").join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)


def model_label(found: Division, name: str, words: Words) -> str:
    """A model's name inside a sentence."""
    return words("quoted", text=words.label(found.frame.models[name].label))


def row_name(found: Division, name: str, words: Words) -> str:
    """A model's name, or that there is no grant, as a row or column has it."""
    return words("given.without") if name == WITHOUT else words.label(found.frame.models[name].label)


def _aims(found: Division, words: Words) -> str:
    """Which model serves which aims, in one sentence; where more cannot be told apart than a sentence can name, that it is noise."""
    served: dict[tuple[str, ...], list[str]] = {}
    for aim, names in best_models(found).items():
        tied = tuple(name for name in found.models if name in names) if len(names) <= FEW else ()
        served.setdefault(tied, []).append(words(f"given.aims.{aim}"))
    parts = []
    for leading, aims in served.items():
        who = _together([model_label(found, name, words) for name in leading], words)
        key = "noise" if not leading else "alone" if len(leading) == 1 else "tied"
        parts.append((key, words(f"given.serves.{key}", who=who, aims=_together(aims, words))))
    # What is known comes first.
    ordered = [said for key in ("alone", "tied", "noise") for kind, said in parts if kind == key]
    sentence = "; ".join(ordered)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _health(scenario: Scenario, results: Results, found: Division, words: Words) -> list[str]:
    """What the regions' answer does to coverage and health, beside the programme itself and without it; whether the order is known."""
    reached, bought = (one.sel(model=found.models).mean("draw") for one in (found.found["national"], found.qaly))
    behind = {name: float(found.found["coverage"].sel(model=name).mean("draw").min()) for name in found.designs}
    with_money = [behind[name] for name in found.models]
    most, least, gap = apart_in_health(found)
    period, years = next(iter(scenario.periods.items()))
    programme = added_worth(scenario, results.worth)["unplanned", period]["qaly"]
    known = surely_above(found.qaly.sel(model=most), found.qaly.sel(model=least))
    little = LITTLE * float(programme.mean()) > abs(float(gap.mean()))
    return [
        words(
            "given.answer",
            still=words.percent(found.negotiation.programme.coverage, 1),
            year=found.years[-1],
            low=words.percent(float(reached.min()), 1),
            high=words.percent(float(reached.max()), 1),
            least=words.number(float(bought.min()), 1),
            most=words.number(float(bought.max()), 1),
            programme=words.span(interval_frame(programme).iloc[0], digits=1),
            years=len(years),
        ),
        words(
            "given.behind",
            still=words.percent(behind[WITHOUT], 1),
            low=words.percent(min(with_money), 1),
            high=words.percent(max(with_money), 1),
        ),
        words(
            "given.apart." + ("known" if known else "noise"),
            most=model_label(found, most, words),
            least=model_label(found, least, words),
            gap=words.span(interval_frame(gap).iloc[0], digits=1),
            share=words.probability(float((gap > 0).mean())),
            little=words("given.little") if little else "",
        ),
    ]


def models_money(scenario: Scenario, found: Division | None, words: Words) -> Html:
    """By model: what is paid and left, administration, who pays the next test, the worst-placed region, spread, what ends."""
    if found is None:
        return NOTHING
    money, years = found.found, len(found.negotiation.years)
    rows = []
    for name in found.designs:
        own, score = money.sel(model=name), found.scores.loc[name]
        paid = float(found.paid.sel(model=name)) / 1e6
        worst = words.number(score["worst"] / years, 1)
        place = str(scenario.regions.loc[score["worst_region"], "region"])
        none = words("not_applicable")
        rows.append(
            [
                row_name(found, name, words),
                words.number(paid, 1),
                none if name == WITHOUT else words.number(round(found.ceiling / 1e6, 1) - round(paid, 1), 1),
                words.msek(_expected(own["paid"].sel(place=[NATIONAL]))) if NATIONAL in own["place"] else none,
                words.msek(_expected(own["administration"])),
                words.percent(score["marginal"]),
                f"{worst} ({place})" if score["worst_sure"] else worst,
                words.number(score["inequality"] / years, 1),
                words.msek(_expected(own["paid"].isel(year=[-1]))),
            ]
        )
    keys = ("model", "paid", "unused", "national", "administration", "marginal", "worst", "inequality", "ends")
    header = [words(f"given.money.{key}", year=found.years[-1]) for key in keys]
    caption = words("given.money.caption", period=frame_period(found), ceiling=words.msek(found.ceiling))
    return Html(table(caption, header, rows) + note(words("given.money.note")))


def frame_period(found: Division) -> str:
    """The frame's years in words."""
    return f"{found.years[0]}–{found.years[-1]}"


def _expected(values: xr.DataArray) -> float:
    """The sum over all dims but draws, expected."""
    return float(values.sum([dim for dim in values.dims if dim != "draw"]).mean())


def models_bought(scenario: Scenario, found: Division | None, words: Words) -> Html:
    """By model: coverage and health with the regions' answer and without, who is behind, what stays the year after, the Pareto front."""
    if found is None:
        return NOTHING
    rows, front = [], found.front
    still = words.percent(found.negotiation.programme.coverage, 1)
    for name in found.designs:
        own = found.found.sel(model=name)
        behind = own["coverage"].sel(region=found.lowest(name))
        lowest = words.percent(float(behind.mean()), 1)
        sure = surely_best(own["coverage"].transpose("region", "draw").to_numpy(), largest=False)
        place = "" if sure is None else f" ({scenario.regions['region'].iloc[sure]})"
        rows.append(
            [
                row_name(found, name, words),
                still,
                words.percent(float(own["national"].mean()), 1),
                lowest + place,
                words.span(
                    interval_frame(own["national"] - found.found["national"].sel(model=WITHOUT)).iloc[0],
                    per=0.01,
                    digits=2,
                ),
                words.span(interval_frame(found.qaly.sel(model=name)).iloc[0], digits=1),
                words.number(-float(own["still_displaced_qaly"].mean()), 1),
                words.number(float(own["after"].mean()), 1),
                words("on_front") if name != WITHOUT and front[name] else words("not_applicable"),
            ]
        )
    keys = ("model", "still", "reached", "lowest", "more", "qaly", "qaly_still", "after", "front")
    header = [words(f"given.bought.{key}", year=found.years[-1], next=found.years[-1] + 1) for key in keys]
    return Html(
        table(words("given.bought.caption", period=frame_period(found)), header, rows)
        + note(*_assumed(scenario, words))
    )


def _assumed(scenario: Scenario, words: Words) -> list[str]:
    """What the regions' answer rests on, by the parameters' means."""
    means = {name: scenario.parameters[name].distribution.mean for name in ASSUMED}  # type: ignore[union-attr]
    response = scenario.case.uptake.incentive_response
    said = [words("given.assumed", **{name: words.percent(mean) for name, mean in means.items()})]
    said += [words("given.limited")] if scenario.limits else []
    if response is None:
        return [*said, words("given.no_response")]
    spread = scenario.parameters[response].distribution
    assert spread is not None
    low, high = (words.number(end, 1) for end in spread.interval)
    return [*said, words("given.response", mean=words.number(spread.mean, 1), low=low, high=high)]


def whole_frame(found: Division | None, results: Results, words: Words) -> Html:
    """What each model would pay and buy were the whole frame laid on this one test: what it could use at all."""
    if found is None:
        return NOTHING
    cost = introduction_cost(results, found.negotiation.years)
    rows = []
    for name in found.models:
        yearly = float(found.paid.sel(model=name)) / len(found.years)
        own = found.found.sel(model=name)
        rows.append(
            [
                row_name(found, name, words),
                words.msek(yearly),
                words.number(round(found.frame.amount, 1) - round(yearly / 1e6, 1), 1),
                words.percent(float(own["national"].mean()), 1),
                words.span(interval_frame(found.qaly.sel(model=name)).iloc[0], digits=1),
            ]
        )
    keys = ("model", "paid", "unused", "reached", "qaly")
    header = [words(f"given.whole.{key}", year=found.years[-1]) for key in keys]
    caption = words("given.whole.caption", amount=words.number(found.frame.amount), cost=words.msek(cost))
    return Html(table(caption, header, rows) + note(words("given.whole.note")))
