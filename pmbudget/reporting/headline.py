"""The headline of a case as a table in Markdown: what CHANGELOG holds, and what two machines must print alike."""

from collections.abc import Iterable

from pmbudget.appraisal.worth import added_worth
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.verdict import leading_threshold
from pmbudget.reporting.words import Words
from pmbudget.road import Results

COLUMNS = ("scenario", "costs {first}", "costs {all}", "the agreement adds {first}", "worth {all}", "better in")


def headline_table(walked: Iterable[tuple[Scenario, Results]]) -> str:
    """A row for each scenario of one case, in English.

    What introduction costs all payers over five years and over all, what the agreement adds over five (MSEK, undiscounted cash), and what
    the programme is worth against today's use over all years at the threshold that leads (MSEK, present value), each as a mean with its
    95 % interval; and in how many of 100 draws it is worth it.
    """
    rows: list[list[str]] = []
    for scenario, results in walked:
        first, whole = scenario.periods
        header = [column.format(first=first, all=whole) for column in COLUMNS]
        rows = rows or [header, ["---", *["---:"] * (len(header) - 1)]]
        rows.append(_row(scenario, results, Words("en")))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(scenario: Scenario, results: Results, words: Words) -> list[str]:
    def net(reference: str, period: str) -> str:
        over = results.settlement.net_budget(reference).sel(year=scenario.periods[period])
        return words.span_msek(interval_frame(over.sum(["region", "year", "payer"])).iloc[0])

    first, whole = scenario.periods
    worth = added_worth(scenario, results.worth)["today", whole]
    gain = worth["inmb"].sel(wtp=leading_threshold(scenario), drop=True)
    return [
        f"`{scenario.name}`",
        net("today", first),
        net("today", whole),
        net("unplanned", first) if scenario.agreement else "–",
        words.span_msek(interval_frame(gain).iloc[0]),
        words.probability(float((gain > 0).mean())),
    ]
