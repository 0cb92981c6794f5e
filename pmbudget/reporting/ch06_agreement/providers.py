"""Chapter 06, purchaser and provider: what ways of paying leave to each unit, which levels close it, and what no level does."""

from collections.abc import Sequence

from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.agreements import LITTLE
from pmbudget.questions.providers import BY_LEVEL, FRAME, HOSPITAL, PROVIDERS, Providers
from pmbudget.reporting.ch06_agreement.agreement import NOTHING
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, collapsed, lead, note, prices_note, table
from pmbudget.reporting.words import Words

POINTS = {"production": "drg_point_clinic", "bundle": "drg_point_hospital"}
"""Which levels are told in points of NordDRG, and what a point of the kind costs."""


def providers_headline(scenario: Scenario, paid: Providers | None, words: Words) -> Html:
    """Whether new levels are enough or the system has to be another, in figures; nothing without an agreement."""
    if paid is None:
        return NOTHING
    period = f"{paid.years[0]}–{paid.years[-1]}"
    means = paid.margins.sum(["region", "year"]).mean("draw")
    left = {unit: _sign(float(means.sel(system=FRAME, unit=unit)), words) for unit in PROVIDERS}
    frame = words("providers_frame", period=period, **left)
    if len(paid.systems) == 1:
        return lead(frame, words("providers_nothing"))
    levels = words(
        "providers_levels",
        price=words.number(paid.levels["diagnostic_unit"], -1),
        level=words.number(paid.levels["production"], -1),
        points=words.number(_points(scenario, "production", paid.levels["production"]), 3),
        left=words.msek(paid.shortfall("production")[HOSPITAL].years),
    )
    best, *tied = paid.least()
    chosen = "production" if "production" in tied else best
    whole, apart = (_told(one, chosen) for one in (paid, paid.apart))
    told = {"left": whole, "transition": whole - apart, "rest": apart}
    rest = words("providers_rest", **{name: words.msek(one) for name, one in told.items()}) if apart < whole else ""
    return lead(_answer(paid, best, tied, period, words), frame, levels, rest, words("providers_risk"))


def _answer(paid: Providers, best: str, tied: Sequence[str], period: str, words: Words) -> str:
    """How much of what is short new levels take away, how much another system does, and what no price closes."""
    before, level, least = (_told(paid, one) for one in (FRAME, "production", best))
    figures = {"removed": before - level, "before": before, "more": level - least, "left": least}
    told = {name: words.msek(one) for name, one in figures.items()}
    if level >= before:
        return words("providers_answer_worse", period=period, level=words.msek(level), before=words.msek(before))
    if "production" in (best, *tied):
        told["left"] = words.msek(level)
        return words("providers_answer_levels", period=period, **told)
    systems = words("or").join(words(f"providers_inside.{one}") for one in (best, *tied))
    return words("providers_answer_rebuilt", period=period, systems=systems, **told)


def _told(paid: Providers, system: str) -> float:
    """What is too little as it is printed, so that parts add up."""
    return round(paid.shortfall(system)[HOSPITAL].all, -5)


def margins_table(scenario: Scenario, paid: Providers | None, words: Words) -> Html:
    """What each way of paying leaves to the clinic, the diagnostic unit, the hospital and the purchaser over the agreement's years."""
    if paid is None:
        return NOTHING
    sums = paid.margins.sum(["region", "year"])
    whole = interval_frame(sums.sel(unit=[HOSPITAL, "region"]).sum("unit")).set_index("system")
    each = interval_frame(sums).set_index(["system", "unit"])
    units = [*PROVIDERS, HOSPITAL, "region"]
    rows = [
        [
            words(f"providers_systems.{system}"),
            *(words.span_msek(each.loc[(system, unit)]) for unit in units),
            words.span_msek(whole.loc[system]),
        ]
        for system in paid.systems
    ]
    header = [words("providers_columns.system"), *(words(f"providers_columns.{unit}") for unit in (*units, "all"))]
    caption = words("providers_caption", period=f"{paid.years[0]}–{paid.years[-1]}")
    said = [words("providers_margin_note")]
    if abs(float(paid.drugs.sum(["region", "year"]).mean())) >= LITTLE:
        said.append(words("providers_drugs_note"))
    return Html(table(f"{caption} {prices_note(scenario, words)}", header, rows) + note(*said))


def levels_table(scenario: Scenario, paid: Providers | None, words: Words) -> Html:
    """The level that closes each gap in the nation, what the presets state, the change, and points of NordDRG."""
    if paid is None or len(paid.systems) == 1:
        return NOTHING
    rows = []
    for level in ("diagnostic_unit", *(system for system in BY_LEVEL if system in paid.systems)):
        needed, lasting = (one.levels[level] for one in (paid, paid.apart))
        stated = paid.stated.get(level, float("nan"))
        points = _points(scenario, level, needed) if level in POINTS else float("nan")
        figures = (words.number(one, -1) for one in (stated, needed, needed - stated, lasting))
        rows.append([words(f"providers_levels_rows.{level}"), *figures, words.number(points, 3)])
    header = [
        words(f"providers_levels_columns.{key}") for key in ("level", "stated", "needed", "change", "lasting", "points")
    ]
    costs = {name: scenario.parameters.fixed(f"drg_point_{name}") for name in ("clinic", "hospital")}
    known = scenario.parameters["drg_point_price"]
    assert known.distribution is not None
    paid_point = known.distribution.mean * known.factor
    told = {**{name: words.number(cost) for name, cost in costs.items()}, "paid": words.number(paid_point)}
    more = words.percent(paid_point / costs["hospital"] - 1, 1)
    caption = words("providers_levels_caption", period=f"{paid.years[0]}–{paid.years[-1]}")
    return Html(table(caption, header, rows) + note(words("providers_points_note", **told, more=more)))


def left_table(paid: Providers | None, words: Words) -> Html:
    """What is too little in some regions and years under each way of paying, and what of it sharing over years or regions would close."""
    if paid is None:
        return NOTHING
    rows = []
    for system in paid.systems:
        short = paid.shortfall(system)
        both = short[HOSPITAL]
        apart = paid.apart.shortfall(system)[HOSPITAL]
        parts = [*(short[unit].all for unit in PROVIDERS), both.all, both.regions, both.years, apart.all]
        rows.append([words(f"providers_systems.{system}"), *(words.msek(one) for one in parts)])
    keys = ("system", *PROVIDERS, "all", "regions", "years", "apart")
    header = [words(f"providers_left_columns.{key}") for key in keys]
    return Html(table(words("providers_left_caption"), header, rows) + note(words("providers_left_note")))


def providers_by_year(paid: Providers | None, words: Words) -> Html:
    """The hospital's margin year by year under each way of paying; region by region and unit by unit behind a line."""
    if paid is None:
        return NOTHING
    header = [words("providers_columns.system"), *map(str, paid.years)]
    tables = {}
    for unit in (HOSPITAL, *PROVIDERS):
        by_year = interval_frame(paid.margins.sel(unit=unit).sum("region")).set_index(["system", "year"])
        rows = [
            [
                words(f"providers_systems.{system}"),
                *(words.span_msek(by_year.loc[(system, year)]) for year in paid.years),
            ]
            for system in paid.systems
        ]
        caption = words("providers_year_caption", unit=words(f"providers_units.{unit}"))
        tables[unit] = table(caption, header, rows)
    return Html(tables[HOSPITAL] + collapsed(words("providers_units_summary"), *(tables[unit] for unit in PROVIDERS)))


def providers_by_region(scenario: Scenario, paid: Providers | None, words: Words) -> Html:
    """The hospital's margin by region over the agreement's years under each way of paying, behind a line."""
    if paid is None:
        return NOTHING
    own = list(scenario.regions.index)
    by_region = interval_frame(paid.margins.sel(unit=HOSPITAL, region=own).sum("year")).set_index(["system", "region"])
    rows = [
        [scenario.regions.loc[code, "region"], *(words.span_msek(by_region.loc[(one, code)]) for one in paid.systems)]
        for code in own
    ]
    header = [words("region"), *(words(f"providers_systems.{system}") for system in paid.systems)]
    caption = words("providers_region_caption", period=f"{paid.years[0]}–{paid.years[-1]}")
    return collapsed(words("by_region_summary"), table(caption, header, rows))


def _points(scenario: Scenario, level: str, amount: float) -> float:
    """An amount as a weight: over what a point costs."""
    return amount / scenario.parameters.fixed(POINTS[level])


def _sign(amount: float, words: Words) -> str:
    """An amount over or lacking, in words."""
    if abs(amount) < LITTLE:
        return words("providers_even")
    return words(f"providers_{'over' if amount > 0 else 'short'}", amount=words.msek(abs(amount)))
