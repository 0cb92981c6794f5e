"""Chapter 05, how wrong it may be: caps, worst outcomes, forecasts as they usually fare, prices; and money by region and year."""

import pandas as pd

from pmbudget.appraisal.scoring import WORST, cvar
from pmbudget.inputs.norms import INFLATION, TAX_BASE
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.prices import neutral_price
from pmbudget.reporting.figures import COLOURS, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.frames import interval_frame, with_groups
from pmbudget.reporting.markup import PAYER_ROWS, TOTALS, Html, collapsed, note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results
from pmbudget.vocabulary import REGION_PAYERS

SHOWN = 15
"""Bars of the tornado, widest first."""

CURRENT = ("state", "regions_together", "all")
"""Whose amounts are told in current prices; what the state votes comes first."""


def risk_table(scenario: Scenario, results: Results, words: Words, *, cap_msek: float) -> Html:
    """By payer against today's use, first five years: probability of paying more and of more than the cap, mean of the worst twentieth."""
    period, years = next(iter(scenario.periods.items()))
    total = with_groups(results.settlement.net_budget("today")).sum("region", skipna=False).sel(year=years).sum("year")
    payers = [payer for payer in PAYER_ROWS if payer in total["payer"].to_numpy()]
    rows = []
    for payer in payers:
        values = total.sel(payer=payer)
        rows.append(
            [
                words(f"payers.{payer}"),
                words.span_msek(interval_frame(values).iloc[0]),
                words.probability(float((values > 0).mean())),
                words.probability(float((values > cap_msek * 1e6).mean())),
                words.msek(cvar(values.to_numpy())),
            ]
        )
    cap = words.number(cap_msek)
    header = [words("payer"), *(words(f"risk_columns.{key}", cap=cap) for key in ("net", "more", "cap", "worst"))]
    caption = words("risk_caption", period=period, worst=words.percent(WORST))
    return table(caption, header, rows, strong=[payers.index(payer) for payer in TOTALS])


def neutral_note(scenario: Scenario, results: Results, words: Words) -> Html:
    """The price of a test at which introduction costs nothing net over the first five years, all payers together.

    Nothing where another strategy is in use today: what those who go over cost and save is not by the tests that are more; nor where
    nothing is tested for.
    """
    if scenario.case.in_use != scenario.case.new or not scenario.case.has_tests:
        return Html("")
    found = neutral_price(scenario, results)
    if found.tests <= 0:
        return note(words("neutral_no_tests"))
    given = {
        "period": next(iter(scenario.periods)),
        "price": words.number(found.price, -2),
        "tests": words.number(found.tests),
    }
    if found.net <= 0:
        return note(words("neutral_saves", neutral=words.number(found.neutral, -2), **given))
    if found.neutral < 0:
        return note(words("neutral_never", short=words.number(-found.neutral, -2), **given))
    return note(words("neutral_at", neutral=words.number(found.neutral, -2), **given))


def forecast_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """The net budget of all payers as modelled, and if volume missed as forecasts in the reference class did."""
    name = scenario.case.eligible.volume_error
    if name is None:
        return Html("")
    change = results.spending.by_resource.sel(mix="new", drop=True) - results.spending.by_resource.sel(
        mix="today", drop=True
    )
    transition = (change["kind"] == "transition").to_numpy()
    care, fixed = (change.isel(resource=chosen).sum("resource") for chosen in (~transition, transition))
    rows = []
    for period, years in scenario.periods.items():
        usual, cost = care.sel(year=years).sum("year"), fixed.sel(year=years).sum("year")
        missed = usual * results.reach.volume_error + cost
        rows.append([period, *(words.span_msek(interval_frame(each).iloc[0]) for each in (usual + cost, missed))])
    record = scenario.parameters[name].record
    header = [words("period_word"), words("forecast_columns.model"), words("forecast_columns.missed")]
    return Html(
        table(words("forecast_caption"), header, rows)
        + note(words("forecast_note", source=words.data(record.figure_source.title)))
    )


def nominal_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """Net budget by year in current prices, the state's first, with the regions' and all payers', and all payers' in constant prices."""
    inflation = _mean(scenario, INFLATION)
    net = with_groups(results.settlement.net_budget("today")).sum("region", skipna=False)
    frame = interval_frame(net).set_index(["payer", "year"])
    rows = []
    for year in scenario.years:
        index = (1 + inflation) ** (year - scenario.parameters.price_year)
        current = [words.span_msek(frame.loc[(payer, year)] * index) for payer in CURRENT]
        rows.append([str(year), *current, words.span_msek(frame.loc[("all", year)])])
    header = [words("year")]
    header += [f"{words(f'payers.{payer}')}, {words('nominal_columns.nominal')}" for payer in CURRENT]
    header.append(f"{words('payers.all')}, {words('nominal_columns.real')}")
    index_name = words.label(scenario.parameters[INFLATION].record.label)
    told = {"index": index_name[:1].lower() + index_name[1:], "inflation": words.percent(inflation, 1)}
    return table(words("nominal_caption", year=scenario.parameters.price_year, **told), header, rows)


def _mean(scenario: Scenario, name: str) -> float:
    parameter = scenario.parameters[name]
    assert parameter.distribution is not None
    return parameter.distribution.mean * parameter.factor


def region_money(scenario: Scenario, results: Results) -> pd.DataFrame:
    """What each region's own payers pay more than today, by year: region, year, mean, lower, upper (SEK), per_inhabitant and tax_ore.

    One öre of local tax is a ten-thousandth of the region's tax base; national cost not yet divided stands in no region.
    """
    own = [payer for payer in results.settlement.budget["payer"].to_numpy() if payer in REGION_PAYERS]
    net = (
        results.settlement.net_budget("today")
        .sel(payer=own, region=list(scenario.regions.index))
        .sum("payer", skipna=False)
    )
    frame = interval_frame(net)
    population = frame["region"].map(scenario.regions["population"])
    base = population * frame["region"].map(scenario.regions["tax_capacity"]) * _mean(scenario, TAX_BASE)
    return frame.assign(per_inhabitant=frame["mean"] / population, tax_ore=frame["mean"] / (base / 10_000))


def region_money_tables(scenario: Scenario, results: Results, words: Words) -> Html:
    """Expected net budget against today's use by region and year: MSEK, SEK per inhabitant, öre of local tax."""
    frame = region_money(scenario, results)
    pieces = []
    for column, per, digits in (("mean", 1e6, 2), ("per_inhabitant", 1.0, 2), ("tax_ore", 1.0, 3)):
        wide = frame.pivot(index="region", columns="year", values=column) / per
        rows = [
            [scenario.regions.loc[code, "region"], *(words.number(value, digits) for value in row)]
            for code, row in wide.iterrows()
        ]
        caption = words(f"money_captions.{column}", base=words.number(_mean(scenario, TAX_BASE)))
        pieces.append(table(caption, [words("region"), *map(str, wide.columns)], rows))
    return collapsed(words("money_summary"), *pieces)


def budget_tornado_chart(scenario: Scenario, frame: pd.DataFrame, words: Words) -> Picture:
    """One-way sensitivity of the net budget of all payers around the means, widest first; assumptions are marked."""
    plt, _ = plot()
    shown = frame.head(SHOWN).iloc[::-1]
    figure, axis = plt.subplots(figsize=(11, 0.42 * len(shown) + 1.8))
    labels = []
    for place, (name, row) in enumerate(shown.iterrows()):
        base = row["base"] / 1e6
        for end, colour in (("low", "#8fb8d0"), ("high", COLOURS["new"])):
            axis.barh(place, row[end] / 1e6 - base, left=base, color=colour, height=0.7)
        label = words.label(scenario.parameters[str(name)].record.label)
        labels.append(f"{label} *" if row["is_assumed"] else label)
    axis.axvline(shown["base"].iloc[0] / 1e6, color="black", linewidth=0.9)
    axis.set_yticks(range(len(shown)), [wrapped(label, 52) for label in labels], fontsize=10)
    period = next(iter(scenario.periods))
    axis.set_xlabel(words("budget_tornado_x", period=period) + f"   (* {words('tornado_assumption')})")
    numbered(axis.xaxis, words)
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in ("#8fb8d0", COLOURS["new"])]
    axis.legend(handles, [words("tornado_low"), words("tornado_high")], loc="lower right")
    first = words.label(scenario.parameters[str(frame.index[0])].record.label)
    axis.set_title(wrapped(words("budget_tornado_title", first=first), 90), loc="left", fontweight="bold", fontsize=12)
    figure.tight_layout()
    return picture(figure, words("budget_tornado_alt", period=period))


def tornado_note(scenario: Scenario, results: Results, frame: pd.DataFrame, words: Words) -> Html:
    """Why the bars stand around another figure than the headline, and which bar is of another kind.

    All parameters at their means is not the mean over the draws; the bar of an allocation key that is not used goes from none to the key.
    """
    net = results.settlement.net_budget("today").sel(year=scenario.first_years).sum(["region", "year", "payer"])
    said = [words("tornado_base", base=words.msek(float(frame["base"].iloc[0])), mean=words.msek(float(net.mean())))]
    if (key := scenario.idle_allocation) in frame.index[:SHOWN]:
        said.append(words("tornado_key", bar=words.label(scenario.parameters[str(key)].record.label)))
    return note(*said)
