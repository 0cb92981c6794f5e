"""Chapter 06, a given frame by region: what each receives per inhabitant and in money, and what it risks paying."""

import numpy as np

from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.frames import Division
from pmbudget.reporting.ch06_agreement.agreement import NOTHING
from pmbudget.reporting.ch06_agreement.frames import frame_period, model_label, row_name
from pmbudget.reporting.figures import COLOURS, Picture, numbered, picture, plot, wrapped
from pmbudget.reporting.markup import Html, collapsed, note, table
from pmbudget.reporting.words import Words
from pmbudget.vocabulary import TAILS


def frame_by_region(scenario: Scenario, found: Division | None, words: Words) -> Html:
    """SEK per inhabitant and year by region and model, were all of the frame divided as this test's part; in MSEK and exposure below."""
    if found is None:
        return NOTHING
    own, people = found.per_inhabitant, scenario.regions["population"]
    nation = (own.mul(people, axis=0)).sum() / people.sum()
    heads = table(
        words("given.region.caption", amount=words.number(found.frame.amount)),
        [words("region"), *(row_name(found, name, words) for name in found.models)],
        [
            *_region_rows(scenario, own.to_numpy(), words),
            [words("given.nation"), *(words.number(one, 1) for one in nation)],
        ],
        strong=[len(own)],
    )
    apart = str((own.max() - own.min()).idxmax())
    said = words(
        "given.region.apart",
        model=model_label(found, apart, words),
        most=words.number(own[apart].max(), 1),
        where=_named(scenario, found.paid_most(apart), words),
        least=words.number(own[apart].min(), 1),
        there=_named(scenario, found.paid_most(apart, largest=False), words),
    )
    return Html(
        heads
        + note(said, words("given.region.note"))
        + _in_msek(scenario, found, words)
        + _exposure(scenario, found, words)
    )


def _named(scenario: Scenario, region: str | None, words: Words) -> str:
    """A region in brackets, nothing where none can be named."""
    return words("given.region.named", region=scenario.regions.loc[region, "region"]) if region else ""


def frame_chart(scenario: Scenario, found: Division | None, words: Words) -> Picture | Html:
    """SEK per inhabitant and year, a point for each region, by model."""
    if found is None:
        return NOTHING
    plt, _ = plot()
    own = found.per_inhabitant
    figure, axis = plt.subplots(figsize=(11, 4.6))
    for height, name in enumerate(reversed(found.models)):
        values = own[name]
        axis.plot([values.min(), values.max()], [height, height], color="#c7c7c7", linewidth=1, zorder=1)
        axis.scatter(values, [height] * len(values), s=40, color=COLOURS["new"], alpha=0.55, zorder=2, linewidths=0)
        region = found.paid_most(name)
        if region:
            label = str(scenario.regions.loc[region, "region"])
            axis.annotate(label, (values[region], height), xytext=(8, -3), textcoords="offset points", fontsize=9)
    axis.set_yticks(range(len(found.models)), [row_name(found, name, words) for name in reversed(found.models)])
    axis.set_xlim(0, own.to_numpy().max() * 1.2)
    numbered(axis.xaxis, words)
    axis.set_xlabel(words("given.chart.x"))
    figure.suptitle(wrapped(words("given.chart.title"), 90), x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return picture(figure, words("given.chart.alt"))


def _region_rows(scenario: Scenario, values: np.ndarray, words: Words) -> list[list[str]]:
    names = scenario.regions["region"]
    return [[str(name), *(words.number(one, 1) for one in row)] for name, row in zip(names, values, strict=True)]


def _in_msek(scenario: Scenario, found: Division, words: Words) -> Html:
    own = (found.per_inhabitant.mul(scenario.regions["population"], axis=0)).to_numpy() / 1e6
    whole = found.paid.sel(model=found.models).to_numpy() / len(found.years) / found.share / 1e6
    below = {"national": whole - own.sum(axis=0), "left": found.frame.amount - whole}
    rows = _region_rows(scenario, own, words)
    rows += [[words(f"given.{key}"), *(words.number(one, 1) for one in row)] for key, row in below.items()]
    header = [words("region"), *(row_name(found, name, words) for name in found.models)]
    caption = words("given.region.msek", amount=words.number(found.frame.amount))
    return collapsed(words("given.region.msek_summary"), table(caption, header, rows))


def _exposure(scenario: Scenario, found: Division, words: Words) -> Html:
    bad = found.found["per_head"].quantile(TAILS[1], dim="draw").transpose("region", "model").to_numpy()
    header = [words("region"), *(row_name(found, name, words) for name in found.designs)]
    shown = table(
        words("given.exposure.caption", period=frame_period(found)), header, _region_rows(scenario, bad, words)
    )
    return collapsed(words("given.exposure.summary"), shown)
