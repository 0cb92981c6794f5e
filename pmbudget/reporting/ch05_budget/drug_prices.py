"""Chapter 05, prices over a product's life: the path of tests and drugs, and the budget beside one where drugs' prices stand still."""

import xarray as xr

from pmbudget.appraisal.ranking import ERRORS, simulation_error
from pmbudget.inputs.parameters import Parameter
from pmbudget.inputs.price_paths import PricePath
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.frames import interval_frame, with_groups
from pmbudget.reporting.markup import TOTALS, Html, note, prices_note, table
from pmbudget.reporting.value import signed
from pmbudget.reporting.words import Words, decimals_stated
from pmbudget.road import Results

PAYERS = ("state", "regions_together", "others", "all")
RULES = ("share_price_ceiling", "cut_old_drugs")
"""The dated rules whose sources are cited, one of each regulation."""


def prices_sentence(scenario: Scenario, results: Results, moved: xr.DataArray, words: Words) -> str:
    """Which prices of drugs the headline counts with, and what that moves where the paired draws tell it; nothing where no drug has a
    path.
    """
    if scenario.case.prices is None or not scenario.case.prices.paths:
        return ""
    if not scenario.price_paths:
        return words("drug_prices_headline.static")
    difference = _nets(scenario, results, moved)[next(iter(scenario.periods))]["moved"].sel(payer="all")
    error = ERRORS * simulation_error(difference)
    if abs(float(difference.mean())) <= error or words.msek(float(difference.mean())) == words.msek(0.0):
        return words("drug_prices_headline.dated")
    row = interval_frame(difference).iloc[0]
    return signed("drug_prices_headline.dated", row, words, error=words.msek(error))


def paths_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """What tests use up and each drug that has a path: how it is bought, end of exclusivity with interval, price in three years as share
    of today's, source with grade; and by which rules.
    """
    case, paths, parameters = scenario.case, scenario.price_paths, scenario.parameters
    tests = case.prices.resources if case.prices else ()
    rows = [
        [
            words.label(case.resources[name].label),
            words("drug_prices_rules.test"),
            words("not_applicable"),
            *_in_years(scenario, results.spending.test_prices.sel(resource=name), words),
            _source(parameters[str(case.prices and case.prices.trend)], words),
        ]
        for name in tests
    ]
    rows += [
        [
            words.label(case.resources[name].label),
            words(f"drug_prices_rules.{_rule(path)}"),
            _ends(parameters[path.exclusivity_ends], words),
            *_in_years(scenario, results.spending.drug_prices["net"].sel(resource=name), words),
            _source(parameters[path.exclusivity_ends], words),
        ]
        for name, path in paths.items()
    ]
    said = _notes(scenario, words)
    if not rows:
        return note(*said)
    price_year = parameters.price_year
    header = [words(f"drug_prices_columns.{key}") for key in ("product", "rule", "ends")]
    header += [words("drug_prices_columns.price", year=year, price_year=price_year) for year in _shown(scenario)]
    caption, source = words("drug_prices_caption", price_year=price_year), words("drug_prices_columns.source")
    whole = table(caption, [*header, source], rows, text_columns=2, words_from=len(header))
    return Html(whole + note(*said))


def _shown(scenario: Scenario) -> list[int]:
    return [scenario.years[0], scenario.first_years[-1], scenario.years[-1]]


def _in_years(scenario: Scenario, prices: xr.DataArray, words: Words) -> list[str]:
    """A price (draw, year) in the years shown, per cent of today's."""
    frame = interval_frame(100 * prices.reset_coords(drop=True)).set_index("year")
    return [words.span(frame.loc[year], digits=0) for year in _shown(scenario)]


def _source(parameter: Parameter, words: Words) -> str:
    return f"{words.data(parameter.record.figure_source.title)} ({words(f'evidence.{parameter.record.evidence}')})"


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
    said = [words("drug_prices_static_note"), *([words("drug_prices_rebates.budget")] if _rebates(scenario) else [])]
    caption = words("drug_prices_static_caption", draws=words.number(moved.sizes["draw"]))
    return Html(
        table(f"{caption} {prices_note(scenario, words)}", header, rows, strong=strong, text_columns=2) + note(*said)
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


def _rebates(scenario: Scenario) -> bool:
    """Whether a drug that has a path has a rebate."""
    return any(scenario.case.resources[name].rebate for name in scenario.price_paths)


def _rule(path: PricePath) -> str:
    if path.rule == "tender":
        return "tender"
    return "exchanged" if path.exchanged else "benefit"


def _ends(parameter: Parameter, words: Words) -> str:
    known = parameter.distribution
    assert known is not None
    low, high = known.interval
    return words.year_span({"mean": known.mean, "lower": low, "upper": high})


def _per_year(parameter: Parameter, words: Words) -> str:
    """A trend's expected size, as per cent a year."""
    known = parameter.distribution
    assert known is not None
    return words.percent(known.mean, decimals_stated(100 * known.mean))


def _notes(scenario: Scenario, words: Words) -> list[str]:
    """The rules and their sources, what is assumed of all drugs alike, and which drugs have no path; or that there are none."""
    case, paths, parameters = scenario.case, scenario.price_paths, scenario.parameters
    drugs = [name for name, one in case.resources.items() if one.kind == "drug"]
    if not drugs:
        return [words("drug_prices_none")]
    if not paths:
        return [words("drug_prices_static")]
    rules = {name: parameters.fixed(name) for name in ("share_price_ceiling", "fall_price_ceiling", "cut_old_drugs")}
    shares = {name: words.percent(value, decimals_stated(100 * value)) for name, value in rules.items()}
    sources = "; ".join(words.data(parameters[name].record.figure_source.title) for name in RULES)
    age = words.number(parameters.fixed("years_old_drugs"))
    trends = [_per_year(parameters[name], words) for name in dict.fromkeys(path.trend for path in paths.values())]
    said = [
        words("drug_prices_method", trend=words("and").join(trends)),
        *([words("drug_prices_rebates.paths")] if _rebates(scenario) else []),
    ]
    said.append(words("drug_prices_law", age=age, sources=sources, **shares))
    still = [words.inside(case.resources[name].label) for name in drugs if name not in paths]
    said += [words("drug_prices_without", drugs=words("and").join(still))] if still else []
    return [*said, words("drug_prices_after", year=scenario.years[-1])]
