"""Chapter 06, the money: who carries what before and after, region by region and year by year, and who pays for the next test."""

import numpy as np
import xarray as xr

from pmbudget.appraisal.settled import outcome
from pmbudget.financing import silo_gap
from pmbudget.financing.incentive import margin_of, share_not_borne
from pmbudget.financing.ledger import books_of
from pmbudget.inputs.scenarios import Scenario
from pmbudget.reporting.agreement import Negotiation, best_for, design_label, missing
from pmbudget.reporting.figures import COLOURS, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.frames import interval_frame
from pmbudget.reporting.markup import Html, prices_note, table
from pmbudget.reporting.words import Words
from pmbudget.road import Results
from pmbudget.vocabulary import REGION_PAYERS, TAILS


def silo_table(scenario: Scenario, results: Results, words: Words) -> Html:
    """Before any transfer: who carries more and who less, over the regions, and what would compensate the losers."""
    years = scenario.years[:5]
    cost = results.ledger.sel(entry="resource_cost", year=years, region=list(scenario.regions.index)).sum("year")
    change = cost.sel(mix="new", drop=True) - cost.sel(mix="today", drop=True)
    gap = silo_gap(change)
    rows = [
        [
            words(f"payers.{payer}"),
            words.msek(float(change.sel(payer=payer).sum())),
            words.msek(float(gap["compensation"].sel(payer=payer).sum())),
            words.number(int((change.sel(payer=payer) > 0).sum())),
        ]
        for payer in map(str, change["payer"].to_numpy())
        if float(np.abs(change.sel(payer=payer)).max()) > 1
    ]
    rows.append([words("total"), words.msek(float(change.sum())), words.msek(float(gap["compensation"].sum())), ""])
    header = [words("payer"), *(words(f"silo_columns.{key}") for key in ("change", "compensation", "regions"))]
    caption = words(
        "silo_caption",
        period=f"{years[0]}–{years[-1]}",
        losers=words.msek(float(gap["losers"].sum())),
        gainers=words.msek(float(gap["gainers"].sum())),
    )
    return table(caption, header, rows, strong=[len(rows) - 1])


def region_money(scenario: Scenario, results: Results, found: Negotiation | None, words: Words) -> Html:
    """By region under the scenario's own agreement: before, received, after, with intervals; tax, probability of losing, use today."""
    if found is None:
        return missing(words)
    programme, clauses = found.programme, found.designs[found.own]
    own, before = outcome(programme, clauses), outcome(programme, ())
    per_head = own.by_region / programme.people
    frame = interval_frame(
        xr.DataArray(per_head, dims=("draw", "region"), coords={"region": list(scenario.regions.index)})
    )
    frame = frame.set_index("region")
    tax = (
        own.by_region.mean(axis=0)
        / programme.people
        / programme.regions["tax_base"].to_numpy()
        * 1e4
        / len(found.years)
    )
    rows = [
        [
            str(region["region"]),
            words.percent(programme.use_today[place]),
            words.number(before.by_region.mean(axis=0)[place] / programme.people[place], 1),
            words.number((before.by_region - own.by_region).mean(axis=0)[place] / programme.people[place], 1),
            words.span(frame.loc[code], digits=1),
            words.number(tax[place], 3),
            words.probability(float((per_head[:, place] > found.tolerance).mean())),
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
        period=f"{found.years[0]}–{found.years[-1]}",
    )
    return table(f"{caption} {words('interval_note')} {prices_note(scenario, words)}", header, rows)


def incentive_table(found: Negotiation | None, results: Results, scenario: Scenario, words: Words) -> Html:
    """The share of one test more that the region and its clinic do not bear, first year, by design."""
    if found is None:
        return missing(words)
    books = books_of(results.accounts.sel(year=slice(None, found.years[-1] + 1)), "new", found.programme.terms)
    margin = margin_of(books, draws=10)
    weight = found.programme.people / found.programme.people.sum()
    shares = {
        name: [
            float(
                np.nansum(
                    share_not_borne(margin, clauses, payers)[found.programme.places, found.programme.shown.start]
                    * weight
                )
            )
            for payers in (REGION_PAYERS, ("clinic",))
        ]
        for name, clauses in found.designs.items()
    }
    rows = [
        [design_label(found, name, words), *(words.percent(share) for share in shares[name])]
        for name in sorted(shares, key=lambda name: shares[name], reverse=True)
    ]
    header = [words("money_columns.design"), *(words(f"incentive_columns.{key}") for key in ("region", "clinic"))]
    return table(words("incentive_caption", year=found.years[0]), header, rows)


def state_by_year(found: Negotiation | None, words: Words) -> Picture | Html:
    """What the state pays by year under a few designs of different kinds: mean and 95 % interval, and the year after the end."""
    if found is None:
        return missing(words)
    plt, _ = plot()
    chosen = list(dict.fromkeys([found.own, *best_for(found).values()]))
    years = found.programme.terms.years
    figure, axes = plt.subplots(2, -(-len(chosen) // 2), figsize=(11, 6.2), sharex=True, sharey=True, squeeze=False)
    for axis, name in zip(axes.flat, chosen, strict=False):
        settled = outcome(found.programme, found.designs[name])
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
    own = outcome(found.programme, found.designs[found.own]).regions.sum(axis=1).mean(axis=0)
    last = found.programme.shown.stop
    title = words(
        "by_year_title",
        end=found.years[-1],
        last=words.msek(own[last - 1]),
        after=words.msek(own[min(last, len(own) - 1)]),
    )
    figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("by_year_alt"))
