"""What every figure is made with: a PNG with alternative text, the project's colours, numbers in the reader's language."""

import base64
import io
from dataclasses import dataclass
from typing import Any

from pmbudget.reporting.words import Words

INNER = (0.25, 0.75)


COLOURS = {"today": "#7f7f7f", "unplanned": "#d08700", "new": "#00659b"}


PAYER_ORDER = ("all", "state", "regions_together", "region", "clinic", "diagnostic_unit")


@dataclass(frozen=True)
class Picture:
    """A figure as PNG with its alternative text, shown by Jupyter."""

    png: bytes
    alt: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        return {"image/png": base64.b64encode(self.png).decode(), "text/plain": self.alt}, {
            "image/png": {"alt": self.alt}
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
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    return Picture(buffer.getvalue(), alt)


def numbered(axis: Any, words: Words, digits: int = 0) -> None:
    """Tick labels in the language's number format."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: words.number(value, digits)))


def digits_for(width: float) -> int:
    """Decimals that the ticks of an axis of this width need, so that none is rounded to another's number."""
    from math import ceil, log10

    return max(0, ceil(1 - log10(width))) + 1 if width < 8 else 0


def wrapped(text: str, width: int) -> str:
    """Text in lines of at most ``width`` characters."""
    import textwrap

    return "\n".join(textwrap.wrap(text, width))
