"""Chapter 06, a therapy given once: who pays when, what chance does to a small region, what a fund must hold, who loses where it fails.

Nothing in a case that has none.
"""

import pandas as pd

from pmbudget.questions.one_off import AT_ONCE, OneOff, fund, region_risk, where_it_fails, without_patient
from pmbudget.reporting.ch06_agreement.agreement import NOTHING
from pmbudget.reporting.ch07_information.information_headline import listed
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, lead, note, table
from pmbudget.reporting.words import Words

FAR = (1, 5)
"""Years after the treatment at which the share still in response is told."""


def design_name(found: OneOff, design: str, words: Words) -> str:
    """What a design is called."""
    return words("one_off.at_once") if design == AT_ONCE else words.label(found.labels[design])


def _quoted(found: OneOff, designs: list[str], words: Words) -> str:
    return listed([words("quoted", text=design_name(found, design, words)) for design in designs], words)


def one_off_answer(found: OneOff | None, words: Words) -> Html:
    """The answers: what it costs, that a region's risk is chance, which design evens it out, what the fund must hold, who bears failure."""
    if found is None:
        return NOTHING
    return lead(
        _cost_sentence(found, words),
        _chance_sentence(found, words),
        *(_fund_sentence(found, design, words) for design in found.funds),
        _failure_sentence(found, words),
    )


def _cost_sentence(found: OneOff, words: Words) -> str:
    yearly = found.paid.sel(design=AT_ONCE, year=list(found.years)).sum(["payer", "region"]).mean("year")
    patients = found.patients.sum("region").mean("year")
    return words(
        "one_off.answer_cost",
        period=f"{found.years[0]}–{found.years[-1]}",
        patients=words.span(interval_frame(patients).iloc[0], digits=1),
        price=words.span(interval_frame(found.price).iloc[0], per=1e6, digits=1),
        yearly=words.span_msek(interval_frame(yearly).iloc[0]),
    )


def _chance_sentence(found: OneOff, words: Words) -> str:
    """How seldom the smallest region has a patient, what one then costs, and which design evens that out."""
    risk = region_risk(found)
    small, large = found.smallest_and_largest
    smoothest = str(risk["cv"].xs(small, level="region").idxmin())
    none = float(without_patient(found.rate.sel(region=small).to_numpy()).mean())
    return words(
        "one_off.answer_chance",
        small=found.names[small],
        large=found.names[large],
        none=words.percent(none),
        each=words.number(float(found.price.mean()) / found.people[small], 0),
        chance=words.percent(float(risk.loc[(AT_ONCE, small), "chance"])),
        chance_large=words.percent(float(risk.loc[(AT_ONCE, large), "chance"])),
        design=words("quoted", text=design_name(found, smoothest, words)),
        cv=words.number(float(risk.loc[(AT_ONCE, small), "cv"]), 1),
        cv_least=words.number(float(risk.loc[(smoothest, small), "cv"]), 1),
    )


def _fund_sentence(found: OneOff, design: str, words: Words) -> str:
    held = fund(found, design)
    return words(
        "one_off.answer_fund",
        design=words("quoted", text=design_name(found, design, words)),
        per_inhabitant=words.number(held["per_inhabitant"], 1),
        **{name: words.msek(held[name]) for name in ("yearly", "reserve", "reserve_chance")},
    )


def _failure_sentence(found: OneOff, words: Words) -> str:
    """With which designs the manufacturer loses where the therapy fails, and with which the payers do."""
    share = where_it_fails(found)["manufacturer"]
    theirs = [str(name) for name in share.index[share > 0]]
    ours = [str(name) for name in share.index[share <= 0]]
    if not theirs:
        return words("one_off.answer_failure_none")
    low, high = (words.percent(float(end)) for end in (share[theirs].min(), share[theirs].max()))
    lost = low if low == high else words("range", low=low, high=high)
    gaps = {"theirs": _quoted(found, theirs, words), "ours": _quoted(found, ours, words), "share": lost}
    return words("one_off.answer_failure", **gaps)


def cash_table(found: OneOff | None, words: Words) -> Html:
    """What is paid to the manufacturer by design, payer and year, MSEK, means; what falls due after the years shown, and the sum."""
    if found is None:
        return NOTHING
    means = (found.paid.mean("draw").sum("region") / 1e6).to_series().unstack("year")
    after = means[[year for year in means.columns if year not in found.years]].sum(axis=1)
    columns = means[list(found.years)].assign(after=after)
    rows, sums = [], []
    for design in found.clauses:
        # What is printed adds up: the manufacturer's cell and all payers' but one are rounded, and that one is what is left.
        received, own = columns.loc[design].sum().round(1), columns.loc[design].round(1)
        own.loc["region"] = received - own.drop("region").sum()
        payers = own.index[(own != 0).any(axis=1)]
        for payer in payers if len(payers) > 1 else ():
            rows.append(
                _cash_row(design_name(found, design, words), words(f"one_off.payers.{payer}"), own.loc[payer], words)
            )
        who = words("one_off.payers.manufacturer" if len(payers) > 1 else f"one_off.payers.{payers[0]}")
        sums.append(len(rows))
        rows.append(_cash_row(design_name(found, design, words), who, received, words))
    header = [words("money_columns.design"), words("payer"), *map(str, found.years)]
    header += [words("one_off.after", year=found.years[-1]), words("total")]
    shown = table(words("one_off.cash_caption"), header, rows, strong=sums, text_columns=2)
    owed = after.groupby("design").sum()
    debts = [
        words(
            "one_off.debt", year=found.years[-1], left=words.number(left, 1), design=_quoted(found, [str(one)], words)
        )
        for one, left in owed[owed.round(1) > 0].items()
    ]
    return Html(shown + note(words("one_off.cash_note"), *debts))


def _cash_row(design: str, payer: str, row: pd.Series, words: Words) -> list[str]:
    return [design, payer, *(words.number(value, 1) for value in row), words.number(row.sum(), 1)]


def risk_table(found: OneOff | None, words: Words) -> Html:
    """How a year's payment spreads in the smallest region and in the largest, by design, per inhabitant."""
    if found is None:
        return NOTHING
    rows = [
        [
            design_name(found, str(design), words),
            found.names[code],
            words.number(row["mean"], 1),
            words.number(row["cv"], 1),
            words.probability(row["more"]),
            words.percent(row["chance"]),
        ]
        for (design, code), row in region_risk(found).iterrows()
    ]
    header = [words("money_columns.design"), words("region")]
    header += [
        words(f"one_off.risk_columns.{key}", limit=words.number(found.limit))
        for key in ("mean", "cv", "more", "chance")
    ]
    years = words("one_off.risk_years", last=found.years[-1], end=int(found.paid["year"][-1]))
    return Html(
        table(words("one_off.risk_caption"), header, rows, text_columns=2) + note(words("one_off.risk_note"), years)
    )


def fund_table(found: OneOff | None, words: Words) -> Html:
    """What a state fund pays a year and must hold at the start; nothing where the state pays by no design."""
    if found is None or not found.funds:
        return NOTHING
    held = {design: fund(found, design) for design in found.funds}
    rows = [
        [
            design_name(found, design, words),
            words.msek(one["yearly"]),
            words.number(one["per_inhabitant"], 1),
            *(words.msek(one[key]) for key in ("high_year", "reserve", "reserve_chance")),
        ]
        for design, one in held.items()
    ]
    keys = ("yearly", "per_inhabitant", "high_year", "reserve", "reserve_chance")
    header = [words("money_columns.design"), *(words(f"one_off.fund_columns.{key}") for key in keys)]
    return Html(table(words("one_off.fund_caption"), header, rows) + note(words("one_off.fund_note")))


def failure_table(found: OneOff | None, words: Words) -> Html:
    """What has been paid in the end for one patient in whom the therapy works and one in whom it fails, by design."""
    if found is None:
        return NOTHING
    keys = ("region_works", "state_works", "region_fails", "state_fails")
    rows = [
        [
            design_name(found, str(design), words),
            *(words.msek(row[key]) for key in keys),
            words.percent(row["manufacturer"]),
        ]
        for design, row in where_it_fails(found).iterrows()
    ]
    header = [
        words("money_columns.design"),
        *(words(f"one_off.failure_columns.{key}") for key in (*keys, "manufacturer")),
    ]
    left = {f"after_{year}": _per_hundred(found, year, words) for year in FAR}
    told = words("one_off.failure_note", first=FAR[0], later=FAR[1], **left)
    return Html(table(words("one_off.failure_caption"), header, rows) + note(told, words("one_off.failure_method")))


def _per_hundred(found: OneOff, year: int, words: Words) -> str:
    return words.span(interval_frame(found.responding.sel(year=year, drop=True)).iloc[0], per=0.01, digits=0)
