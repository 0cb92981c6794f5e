"""Chapter 06, the money: who carries what before and after, region by region and year by year, and who pays for the next test."""

import numpy as np

from pmbudget.financing import silo_gap
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.agreements import LITTLE, Negotiation, best_designs, incentives, region_outcomes
from pmbudget.questions.phases import change_by_payer
from pmbudget.reporting.ch05_budget import budget
from pmbudget.reporting.ch06_agreement.agreement import NOTHING, design_label, limit_words
from pmbudget.reporting.figures import COLOURS, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, note, prices_note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results
from pmbudget.vocabulary import TAILS


def silo_table(scenario: Scenario, results: Results, found: Negotiation | None, words: Words) -> Html:
    """Before any transfer: who carries more and who less in care, what would compensate the losers, and transition beside.

    Transition is no silo: nobody saves by it, and it is what agreements are made for. What is national is in the sums.
    """
    if found is None:
        return NOTHING
    years = found.years
    change = change_by_payer(results, years)
    care, beside = change["care"], change["transition"]
    payers = [str(payer) for payer in change["payer"].to_numpy()]
    own = list(scenario.regions.index)
    gap = silo_gap(care)
    rows = [
        [
            words(f"payers.{payer}"),
            words.msek(float(care.sel(payer=payer).sum())),
            words.msek(float(gap["compensation"].sel(payer=payer).sum())),
            words.number(int((care.sel(payer=payer, region=own) > 0).sum())),
            words.msek(float(beside.sel(payer=payer).sum())),
            words.msek(float((care + beside).sel(payer=payer).sum())),
        ]
        for payer in payers
        if float(np.abs(care.sel(payer=payer)).max() + np.abs(beside.sel(payer=payer)).max()) > 1
    ]
    sums = [float(one.sum()) for one in (care, gap["compensation"], beside, care + beside)]
    rows.append([words("total"), *(words.msek(one) for one in sums[:2]), "", *(words.msek(one) for one in sums[2:])])
    keys = ("change", "compensation", "regions", "transition", "all")
    header = [words("payer"), *(words(f"silo_columns.{key}") for key in keys)]
    losers, gainers = (float(gap[who].sum()) for who in ("losers", "gainers"))
    key = "silo_caption" if losers >= LITTLE and gainers >= LITTLE else "silo_caption_one_way"
    caption = words(key, period=f"{years[0]}–{years[-1]}", losers=words.msek(losers), gainers=words.msek(gainers))
    return table(caption, header, rows, strong=[len(rows) - 1])


def transfers(scenario: Scenario, results: Results, found: Negotiation | None, words: Words) -> Html:
    """Each clause's transfers, as in chapter 05; nothing without an agreement."""
    return budget.transfers_table(scenario, results, words) if found else NOTHING


def by_year(scenario: Scenario, results: Results, found: Negotiation | None, words: Words) -> Html:
    """Net budget by year against the unplanned course, as in chapter 05; nothing without an agreement."""
    return budget.yearly_table(scenario, results, words, reference="unplanned") if found else NOTHING


def region_money(scenario: Scenario, results: Results, found: Negotiation | None, words: Words) -> Html:
    """By region under the scenario's own agreement: before, received, after, with intervals; tax, probability of losing, use today."""
    if found is None:
        return NOTHING
    figures = region_outcomes(found)
    after = interval_frame(figures["after"]).set_index("region")
    rows = [
        [
            str(region["region"]),
            words.percent(found.programme.use_today[place]),
            *(words.number(float(figures[name][place]), 1) for name in ("before", "received")),
            words.span(after.loc[code], digits=1),
            words.number(float(figures["tax_oere"][place]), 2),
            words.probability(float(figures["p_more"][place])),
        ]
        for place, (code, region) in enumerate(scenario.regions.iterrows())
    ]
    header = [
        words("region"),
        *(words(f"region_money_columns.{key}") for key in ("today", "before", "received", "after", "oere", "loses")),
    ]
    caption = words(
        "region_money_caption",
        design=design_label(found, found.own, words),
        period=found.period,
        tolerance=limit_words(found, words),
    )
    return table(f"{caption} {words('interval_note')} {prices_note(scenario, words)}", header, rows)


def incentive_table(found: Negotiation | None, results: Results, scenario: Scenario, words: Words) -> Html:
    """The share of one test more that the region and its clinic do not bear, first year, by design; nothing without tests."""
    if found is None or not scenario.case.has_tests:
        return NOTHING
    shares = incentives(results, found)
    rows = [
        [design_label(found, name, words), *(words.percent(share) for share in shares[name])]
        for name in sorted(shares, key=lambda name: shares[name], reverse=True)
    ]
    header = [words("money_columns.design"), *(words(f"incentive_columns.{key}") for key in ("region", "clinic"))]
    shown = table(words("incentive_caption", year=found.years[0]), header, rows)
    said = [] if abs(shares[found.own][0]) >= 0.005 else [words("incentive_none")]
    if any(share <= -0.005 for both in shares.values() for share in both):
        said.append(words("incentive_negative"))
    return Html(shown + note(*said)) if said else shown


def _more_or_less(amount: float, words: Words) -> str:
    """An amount in SEK as so much more or less."""
    return words(f"headline_pays_{'more' if amount >= 0 else 'less'}", amount=words.msek(abs(amount)))


def state_by_year(found: Negotiation | None, words: Words) -> Picture | Html:
    """What the state pays by year under a few designs of different kinds: mean and 95 % interval, and the year after the end."""
    if found is None:
        return NOTHING
    plt, _ = plot()
    chosen = list(dict.fromkeys([found.own, *(names[0] for names in best_designs(found).values())]))
    years = found.programme.terms.years
    figure, axes = plt.subplots(2, -(-len(chosen) // 2), figsize=(11, 6.2), sharex=True, sharey=True, squeeze=False)
    for axis, name in zip(axes.flat, chosen, strict=False):
        settled = found.outcomes[name]
        for values, colour, label in (
            (settled.state, COLOURS["new"], words("payers.state")),
            (settled.regions.sum(axis=1), COLOURS["unplanned"], words("payers.regions_together")),
        ):
            lower, upper = np.quantile(values / 1e6, TAILS, axis=0)
            axis.fill_between(years, lower, upper, color=colour, alpha=0.18, linewidth=0)
            axis.plot(years, values.mean(axis=0) / 1e6, color=colour, linewidth=2, label=label)
        axis.axvline(found.years[-1] + 0.5, color="#7f7f7f", linestyle=":", linewidth=1)
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set_title(wrapped(design_label(found, name, words), 38), fontsize=10)
        axis.set_xticks(years[::2])
        numbered(axis.yaxis, words)
    for axis in list(axes.flat)[len(chosen) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(words("by_year_y"))
    axes.flat[0].legend(loc="upper right", fontsize=9)
    own = found.outcomes[found.own].regions.sum(axis=1).mean(axis=0)
    last = found.programme.shown.stop
    title = words(
        "by_year_title",
        end=found.years[-1],
        last=_more_or_less(own[last - 1], words),
        after=_more_or_less(own[min(last, len(own) - 1)], words),
    )
    figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("by_year_alt"))
