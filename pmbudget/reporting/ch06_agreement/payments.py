"""Chapter 06, payment to manufacturers: contracts side by side on the same simulated patients, and the test paid by diagnosis."""

import numpy as np
import xarray as xr

from pmbudget.appraisal.ranking import ERRORS, simulation_error
from pmbudget.inputs.contracts import ContractTerms
from pmbudget.inputs.scenarios import Scenario
from pmbudget.patient.contracted import contracted
from pmbudget.questions.cohorts import contract_years, smallest_region
from pmbudget.questions.payments import (
    BY_OUTCOME,
    RULES,
    alike,
    best_contracts,
    paid_per_diagnosis,
    payment_risk,
)
from pmbudget.reporting.ch06_agreement.agreement import FEW, NOTHING
from pmbudget.reporting.markup import Html, lead, note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results
from pmbudget.vocabulary import FOLLOWED, TAILS, TERM


def _label(terms: ContractTerms, name: str, words: Words) -> str:
    return words.label(terms.contracts[name].label)  # type: ignore[index]


def _inside(terms: ContractTerms, names: list[str], among: list[str], words: Words) -> str:
    """Contracts inside a sentence, the last joined by and; where they are many, all but the others."""
    if len(names) > FEW:
        return words("contracts_all_but", others=_joined(terms, [one for one in among if one not in names], words))
    if len(names) == 1:
        return _joined(terms, names, words)
    return words("aim_tied", designs=_joined(terms, names, words))


def _joined(terms: ContractTerms, names: list[str], words: Words) -> str:
    labels = [words("quoted", text=_label(terms, name, words)) for name in names]
    return labels[0] if len(labels) == 1 else words("and").join([", ".join(labels[:-1]), labels[-1]])


def _small(scenario: Scenario) -> str:
    return str(scenario.regions.loc[smallest_region(scenario), "region"])


def _relatives_start(scenario: Scenario) -> bool:
    """Whether relatives who are found start what contracts are about."""
    relatives = scenario.case.relatives
    return relatives is not None and relatives.found in contracted(scenario.case)


def contracts_answer(scenario: Scenario, found: xr.Dataset | None, terms: ContractTerms, words: Words) -> Html:
    """What the contracts cost, how much of their spread is chance, and which of them serves which aim."""
    if scenario.agreement is None:
        return NOTHING
    if found is None:
        return lead(words("contracts_no_drug"))
    risk, served = payment_risk(found), best_contracts(found)
    flat = risk.loc["rebate"]
    years = contract_years(scenario)
    few = bool(np.isnan(flat["chance_small"]))
    said = [
        words(
            "contracts_answer_few" if few else "contracts_answer",
            patients=words.number(float(found["patients"].mean())),
            period=f"{years[0]}–{years[-1]}",
            cost=words.span_msek(flat),
            years=words.number(FOLLOWED),
            chance=_part(flat["chance"], words),
            chance_small=_part(flat["chance_small"], words),
            small=_small(scenario),
            small_patients=words.number(float(found["small_patients"].mean()), 1),
        )
    ]
    among = alike(found)
    told = "; ".join(
        words("aim", does=words(f"contract_aims.{aim}"), who=_inside(terms, names, among, words))
        for aim, names in served.items()
    )
    if told:
        said.append(words("contracts_aims", aims=told))
    without = risk["without"]
    said.append(
        words(
            "contracts_without",
            flat=words.percent(flat["without"], 1),
            back=words.percent(without["money_back"], 1),
            fixed=words.percent(without["per_diagnosis"], 1),
        )
    )
    cost = risk["transaction"]
    said.append(
        words("contracts_transaction", least=words.msek(cost.min()), most=words.msek(cost.max()))
        + (" " + words("contracts_dear") if cost.max() - cost["rebate"] > 0.1 * flat["mean"] else "")
    )
    error = ERRORS * simulation_error(found["paid"].sel(contract="rebate").to_numpy())
    said.append(words("contracts_method"))
    said.append(words("contracts_error", draws=words.number(found.sizes["draw"]), error=words.msek(error)))
    return lead(*said)


def _part(share: float, words: Words) -> str:
    """A share as per cent, or less than one."""
    return words("less_than_a_percent") if share < 0.005 else words.percent(share)


def risk_table(scenario: Scenario, found: xr.Dataset | None, terms: ContractTerms, words: Words) -> Html:
    """By contract: price, expected payment with interval, what is chance, who carries the variation, transaction cost."""
    if found is None:
        return NOTHING
    risk = payment_risk(found)
    rows = [
        [
            _label(terms, str(name), words),
            words.percent(one["price"]),
            words.span_msek(one),
            words.percent(one["chance_small"]),
            words.percent(one["variation_small"]),
            words.percent(one["payer"]),
            words.percent(one["manufacturer"]),
            words.percent(one["without"], 1),
            words.msek(one["transaction"]),
        ]
        for name, one in risk.iterrows()
    ]
    keys = ("contract", "price", "mean", "chance", "variation", "payer", "manufacturer", "without", "transaction")
    header = [words(f"contract_columns.{key}", small=_small(scenario)) for key in keys]
    started = contract_years(scenario)
    period = f"{started[0]}–{started[-1]}"
    caption = words("contract_caption", period=period, years=words.number(FOLLOWED), last=str(int(found["year"][-1])))
    shares = {key: words.percent(getattr(terms, key)) for key in ("patients", "expenditure", "refund")}
    notes = [
        words("contract_note_price", parts=words.number(terms.instalments), **shares),
        words("contract_note_risk"),
        words("contract_note_times"),
        *([words("contract_note_prices")] if scenario.price_paths else []),
    ]
    if risk["chance_small"].isna().any():
        notes.append(words("contract_note_few", small=_small(scenario)))
    if "adaptive_price" in risk.index:
        notes.append(words("contract_note_adaptive"))
    if scenario.case.follow_up is None:
        notes.append(words("contract_note_not_followed"))
    if _relatives_start(scenario):
        notes.append(words("contract_note_relatives"))
    return Html(table(f"{caption} {words('interval_note')}", header, rows) + note(*notes))


def cash_table(scenario: Scenario, found: xr.Dataset | None, terms: ContractTerms, words: Words) -> Html:
    """What is expected to be paid in each year of the agreement, after it and in all."""
    if found is None:
        return NOTHING
    cash = found["by_year"].transpose("contract", "year").to_pandas() / 1e6
    shown = cash.iloc[:, :TERM].assign(later=cash.iloc[:, TERM:].sum(axis=1)).round(1)
    total = cash.sum(axis=1).round(1)
    # What rounding leaves over is told with the largest figure, so that a row adds up.
    for name, largest in shown.idxmax(axis=1).items():
        shown.loc[name, largest] += total[name] - shown.loc[name].sum()
    rows = [
        [
            _label(terms, str(name), words),
            *(words.number(float(value), 1) for value in shown.loc[name]),
            words.number(float(total.loc[name]), 1),
        ]
        for name in cash.index
    ]
    after = words("contract_cash_later", year=int(cash.columns[TERM]))
    header = [words("contract_columns.contract"), *map(str, cash.columns[:TERM]), after, words("total")]
    return Html(table(words("contract_cash_caption"), header, rows) + note(words("contract_cash_note")))


def wrong_table(scenario: Scenario, found: xr.Dataset | None, terms: ContractTerms, words: Words) -> Html:
    """What is paid and refunded wrongly where outcomes are missing or seen wrongly, by what the contract says of those who are missing."""
    if found is None:
        return NOTHING
    names = [name for name in BY_OUTCOME if name in found["contract"]]
    rows = []
    for name in names:
        whole = float(found["paid"].sel(contract=name).mean())
        for rule in RULES:
            one = found.sel(contract=name, rule=rule)
            much, little = (float(one[part].mean()) for part in ("too_much", "too_little"))
            off = (one["too_much"] - one["too_little"]).to_numpy()
            lower, upper = np.quantile(off, TAILS)
            frame = {"mean": float(off.mean()), "lower": lower, "upper": upper}
            rows.append(
                [
                    f"{_label(terms, name, words)}: {words(f'contract_rules.{rule}')}",
                    words.msek(much),
                    words.msek(little),
                    words.span_msek(frame),
                    words.percent((much + little) / whole, 1),
                ]
            )
    header = [words(f"contract_wrong_columns.{key}") for key in ("rule", "much", "little", "net", "share")]
    unseen = {
        key: words.percent(float(found[key].mean())) for key in ("missing", "false_response", "false_non_response")
    }
    swing = {name: _swing(found, name) for name in names}
    widest = max(swing, key=lambda name: swing[name])
    moved = {"contract": words("quoted", text=_label(terms, widest, words)), "swing": words.msek(swing[widest])}
    shown = table(words("contract_wrong_caption"), header, rows)
    return Html(shown + note(words("contract_wrong_note", **unseen), words("contract_wrong_rule", **moved)))


def _swing(found: xr.Dataset, name: str) -> float:
    """By how much the rule for those who are missing moves what is expected to be paid."""
    net = (found["too_much"] - found["too_little"]).sel(contract=name).mean("draw").to_numpy()
    return float(np.ptp(net))


def diagnosis_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """The test paid for by result acted on instead of by test made: price, spread and who carries it."""
    if scenario.agreement is None or not scenario.case.has_tests:
        return NOTHING
    frame = paid_per_diagnosis(scenario, results)
    places = {"nation": words("diagnosis_nation"), "small": _small(scenario)}
    rows = [
        [
            places[str(place)],
            words.number(one["count"], 1 if one["count"] < 100 else 0),
            words.msek(one["mean"]),
            words.percent(one["sd_tests"] / one["mean"]),
            words.percent(one["sd_results"] / one["mean"]),
            _part(one["chance"], words),
            words.percent(one["manufacturer"]),
        ]
        for place, one in frame.iterrows()
    ]
    keys = ("place", "count", "mean", "tests", "results", "chance", "supplier")
    header = [words(f"diagnosis_columns.{key}") for key in keys]
    years = contract_years(scenario)
    test = words.inside(scenario.case.strategies[scenario.case.new].label)
    caption = words(
        "diagnosis_caption",
        test=test,
        period=f"{years[0]}–{years[-1]}",
        price=words.number(round(frame["price"].iloc[0], -2)),
    )
    told = {"small": _small(scenario), "chance": words.percent(frame["chance"].loc["small"])}
    said = words("diagnosis_note", action=words.label(scenario.case.action), **told)
    beside = [words("diagnosis_relatives")] if _relatives_start(scenario) else []
    return Html(table(caption, header, rows) + note(said, *beside, words("diagnosis_beside")))
