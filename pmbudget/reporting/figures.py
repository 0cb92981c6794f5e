"""What every figure is made with: a PNG with alternative text, the project's colours, numbers in the reader's language."""

import base64
import io
from dataclasses import dataclass
from typing import Any

from pmbudget.reporting.words import Words

INNER = (0.25, 0.75)


COLOURS = {"today": "#7f7f7f", "unplanned": "#d08700", "new": "#00659b"}


LINES = (
    (COLOURS["new"], "-"),
    (COLOURS["today"], "--"),
    ("#a85f00", "-."),
    ("#7b3294", ":"),
    ("#1b7837", (0, (6, 1.5, 1, 1.5, 1, 1.5))),
    ("#b00020", (0, (3, 1))),
)
"""Colour and style of lines that stand in one figure, each apart from the others without its colour and at least 3:1 against white."""


PAYER_ORDER = ("all", "state", "regions_together", "region", "clinic", "diagnostic_unit")


NARROW = 6.0
"""Inches up to which a figure can be read whole on a telephone; a wider one is scrolled there."""


@dataclass(frozen=True)
class Picture:
    """A figure as PNG with its alternative text, shown by Jupyter; one with a ``width`` in pixels shrinks with the page."""

    png: bytes
    alt: str
    width: int | None = None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        return {"image/png": base64.b64encode(self.png).decode(), "text/plain": self.alt}, {
            "image/png": {"alt": self.alt} | ({"width": self.width} if self.width else {})
        }


def plot() -> Any:
    """Matplotlib and seaborn, loaded where a figure is made."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(style="whitegrid", context="notebook", rc={"axes.spines.top": False, "axes.spines.right": False})
    return plt, sns


def picture(figure: Any, alt: str) -> Picture:
    """A figure as PNG, closed."""
    plt, _ = plot()
    width = round(figure.get_figwidth() * 110) if figure.get_figwidth() <= NARROW else None
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    return Picture(buffer.getvalue(), alt, width)


def numbered(axis: Any, words: Words) -> None:
    """Tick labels in the language's number format, with the decimals that tell them apart."""
    from matplotlib.ticker import FuncFormatter

    def written(value: float, _: int) -> str:
        return words.number(value, _decimals(axis.get_majorticklocs()))

    axis.set_major_formatter(FuncFormatter(written))


def _decimals(ticks: Any) -> int:
    """The fewest decimals, of at most six, that leave every tick what it is."""
    size = max((abs(tick) for tick in ticks), default=0.0)
    return next((d for d in range(6) if all(abs(round(tick, d) - tick) <= 1e-9 * size for tick in ticks)), 6)


def wrapped(text: str, width: int) -> str:
    """Text in lines of at most ``width`` characters."""
    import textwrap

    return "\n".join(textwrap.wrap(text, width))


def headed(figure: Any, text: str) -> None:
    """The finding of a narrow figure, above it from its left edge."""
    figure.suptitle(wrapped(text, 50), x=0.01, ha="left", fontweight="bold", fontsize=12)
