"""Chapter 05, prices over a product's life: each drug's path and its source, and the budget beside one where drugs' prices stand still."""

import xarray as xr

from pmbudget.inputs.parameters import Parameter
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.frames import interval_frame, with_groups
from pmbudget.reporting.markup import TOTALS, Html, note, prices_note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results

PAYERS = ("state", "regions_together", "others", "all")
RULES = ("share_price_ceiling", "cut_old_drugs")
"""The dated rules that are cited, one of each regulation."""


def prices_sentence(scenario: Scenario, results: Results, moved: xr.DataArray, words: Words) -> str:
    """Which prices of drugs the headline counts with, and what it would be with the others; nothing where no drug has a path."""
    if scenario.case.prices is None or not scenario.case.prices.paths:
        return ""
    if not scenario.price_paths:
        return words("drug_prices_headline.static")
    static = _nets(scenario, results, moved)[next(iter(scenario.periods))]["static"]
    return words("drug_prices_headline.dated", static=words.msek(float(static.sel(payer="all"))))


def paths_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """Each drug's rule, end of exclusivity with interval, price in three years as share of today's, and source with grade."""
    paths, case = scenario.price_paths, scenario.case
    drugs = [name for name, one in case.resources.items() if one.kind == "drug"]
    if not drugs:
        return note(words("drug_prices_none"))
    if not paths:
        return note(words("drug_prices_static"))
    years = [scenario.years[0], scenario.first_years[-1], scenario.years[-1]]
    frame = interval_frame(100 * results.spending.drug_prices["net"]).set_index(["resource", "year"])
    rows = []
    for name, path in paths.items():
        parameter = scenario.parameters[path.exclusivity_ends]
        record = parameter.record
        rows.append(
            [
                words.label(case.resources[name].label),
                words(f"drug_prices_rules.{_rule(path)}"),
                _years(parameter, words),
                *(words.span(frame.loc[(name, year)], digits=0) for year in years),
                f"{words.data(record.figure_source.title)} ({words(f'evidence.{record.evidence}')})",
            ]
        )
    price_year = scenario.parameters.price_year
    header = [words(f"drug_prices_columns.{key}") for key in ("drug", "rule", "ends")]
    header += [words("drug_prices_columns.price", year=year, price_year=price_year) for year in years]
    whole = table(
        words("drug_prices_caption", price_year=price_year),
        [*header, words("drug_prices_columns.source")],
        rows,
        text_columns=2,
        words_from=len(header),
    )
    return Html(whole + note(*_notes(scenario, [name for name in drugs if name not in paths], words)))


def static_table(scenario: Scenario, results: Results, moved: xr.DataArray, words: Words) -> Html:
    """Net budget against today's use by period and payer: drugs' prices still, along their paths, and the difference."""
    if not scenario.price_paths:
        return Html("")
    rows: list[list[str]] = []
    strong: list[int] = []
    for period, nets in _nets(scenario, results, moved).items():
        for payer in PAYERS:
            strong += [len(rows)] if payer in TOTALS else []
            dated, difference = (interval_frame(nets[key].sel(payer=payer)).iloc[0] for key in ("dated", "moved"))
            static = words.msek(float(nets["static"].sel(payer=payer)))
            rows.append([period, words(f"payers.{payer}"), static, words.span_msek(dated), words.span_msek(difference)])
    header = [words("period_word"), words("payer")]
    header += [words(f"drug_prices_static_columns.{key}") for key in ("static", "dated", "moved")]
    caption = words("drug_prices_static_caption", draws=words.number(moved.sizes["draw"]))
    return Html(
        table(f"{caption} {prices_note(scenario, words)}", header, rows, strong=strong, text_columns=2)
        + note(words("drug_prices_static_note"))
    )


def _nets(scenario: Scenario, results: Results, moved: xr.DataArray) -> dict[str, dict[str, xr.DataArray]]:
    """By period: ``dated`` (draw, payer), what prices ``moved`` of it (draw, payer), and ``static``, the mean without that."""
    net = with_groups(results.settlement.net_budget("today").sum("region", skipna=False)).sel(payer=list(PAYERS))
    paired = with_groups(moved).sel(payer=list(PAYERS))
    found = {}
    for period, years in scenario.periods.items():
        dated, difference = (each.sel(year=years).sum("year", skipna=False) for each in (net, paired))
        static = dated.mean("draw") - difference.mean("draw")
        found[period] = {"dated": dated, "moved": difference, "static": static}
    return found


def _rule(path: object) -> str:
    if getattr(path, "rule", "") == "tender":
        return "tender"
    return "exchanged" if getattr(path, "exchanged", None) else "benefit"


def _years(parameter: Parameter, words: Words) -> str:
    known = parameter.distribution
    assert known is not None
    low, high = known.interval
    return words.year_span({"mean": known.mean, "lower": low, "upper": high})


def _notes(scenario: Scenario, without: list[str], words: Words) -> list[str]:
    """The rules and their sources, what is assumed of all drugs alike, and which drugs have no path."""
    rules = {name: scenario.parameters[name] for name in ("share_price_ceiling", "fall_price_ceiling", "cut_old_drugs")}
    shares = {name: words.percent(_fixed(one), 1 if name == "cut_old_drugs" else 0) for name, one in rules.items()}
    sources = "; ".join(dict.fromkeys(words.data(rules[name].record.figure_source.title) for name in RULES))
    age = words.number(_fixed(scenario.parameters["years_old_drugs"]))
    said = [words("drug_prices_method"), words("drug_prices_law", age=age, sources=sources, **shares)]
    labels = [words.inside(scenario.case.resources[name].label) for name in without]
    said += [words("drug_prices_without", drugs=words("and").join(labels))] if labels else []
    return [*said, words("drug_prices_after", year=scenario.years[-1])]


def _fixed(parameter: Parameter) -> float:
    assert parameter.distribution is not None
    return parameter.distribution.mean
