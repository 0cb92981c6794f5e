"""Words and numbers as people read them, in Swedish and English."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from babel.numbers import format_decimal
from ruamel.yaml import YAML

from pmbudget.inputs.parameters import Text
from pmbudget.vocabulary import LANGUAGES


@cache
def _phrases(language: str, *, tests: bool = True) -> Mapping[str, Any]:
    """All texts of a language, from its folder of one file per chapter; of a case without tests with those that are said otherwise."""
    texts = files("pmbudget.reporting") / "texts"
    phrases = _of_folder(texts / language)
    return phrases if tests else _said_otherwise(phrases, _of_folder(texts / "without_tests" / language))


def _of_folder(folder: Traversable) -> dict[str, Any]:
    phrases: dict[str, Any] = {}
    for file in folder.iterdir():
        own = YAML(typ="safe").load(file.read_text("utf-8"))
        if twice := set(own) & set(phrases):
            raise ValueError(
                f"{', '.join(sorted(twice))} stands in {file.name} and in another file of texts/{folder.name}"
            )
        phrases |= own
    return phrases


def _said_otherwise(phrases: Mapping[str, Any], instead: Mapping[str, Any]) -> dict[str, Any]:
    """Texts with some of them replaced, key by key; one that replaces nothing is a fault."""
    if unknown := sorted(set(instead) - set(phrases)):
        raise ValueError(f"{', '.join(unknown)} stands in texts/without_tests and in no file of texts; correct the key")
    changed = {
        key: _said_otherwise(phrases[key], text) if isinstance(text, Mapping) else text for key, text in instead.items()
    }
    return {**phrases, **changed}


ENDS = {"mean": "mean", "low": "lower", "high": "upper"}


@dataclass(frozen=True)
class Words:
    """The texts of one language, and numbers in its format; for a case without ``tests`` in words that speak of none."""

    language: str
    tests: bool = True

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise ValueError(f"language = {self.language!r} is unknown; use one of {', '.join(LANGUAGES)}")

    def __call__(self, key: str, **filled: Any) -> str:
        """The text under ``key`` ("a.b" for one inside another), its braces filled in."""
        found: Any = _phrases(self.language, tests=self.tests)
        for step in key.split("."):
            found = found[step]
        return str(found).format(**filled) if filled else str(found)

    def label(self, text: Text) -> str:
        """A bilingual label in this language."""
        return str(getattr(text, self.language))

    def inside(self, text: Text) -> str:
        """A bilingual label as it stands inside a sentence: its first letter small, unless it begins an abbreviation."""
        label = self.label(text)
        return label[:1].lower() + label[1:] if label[1:2].islower() or label[1:2] == " " else label

    def number(self, value: float, digits: int = 0) -> str:
        """A number with thousands apart and the language's decimal sign; -0 is 0, and what is missing is a dash."""
        if value != value:
            return self("not_applicable")
        rounded = round(float(value), digits) + 0.0
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        written = format_decimal(rounded, format=pattern, locale="sv_SE" if self.language == "sv" else "en_GB")
        return written.replace("-", "\u2212")

    def figure(self, value: float) -> str:
        """A number with about three digits that matter."""
        size = abs(float(value))
        digits = 0 if size >= 100 or size == 0 else 1 if size >= 10 else 2 if size >= 1 else 3
        while digits < 6 and size and size < 10.0 ** (1 - digits):
            digits += 1
        return self.number(value, digits)

    def in_unit(self, value: float, unit: str) -> str:
        """A parameter's figure as its unit is read: a year as years are written, others with about three digits that matter."""
        return str(round(float(value))) if unit == "year" else self.figure(value)

    def msek(self, value: float) -> str:
        """SEK as millions with one decimal."""
        return self.number(float(value) / 1e6, 1)

    def percent(self, share: float, digits: int = 0) -> str:
        """A share as per cent; what is missing is a dash."""
        if share != share:
            return self("not_applicable")
        sign = "\u00a0%" if self.language == "sv" else "%"
        return f"{self.number(100 * share, digits)}{sign}"

    def probability(self, share: float) -> str:
        """A share of draws as per cent: a finite number of them never shows what is certain or impossible; none at all is missing."""
        if share != share:
            return self("missing")
        if share <= 0.005:
            return f"<\u00a0{self.percent(0.01)}"
        return f">\u00a0{self.percent(0.99)}" if share >= 0.995 else self.percent(share)

    def data(self, text: str) -> str:
        """A unit or a standing phrase of the parameter files in this language, or the text itself."""
        return str(_phrases(self.language)["data_words"].get(text, text))

    def span(self, row: Any, *, per: float = 1.0, digits: int | None = None) -> str:
        """``mean`` (``lower`` to ``upper``) of a row over ``per``, with as many decimals each; 0 where all are 0, a dash for none.

        An interval that rounding makes one point beside its mean gets more decimals; one that is a point all the same, since nearly all
        draws agree, is told as about that.
        """
        mean, low, high = (float(row[end]) / per for end in ("mean", "lower", "upper"))
        if mean != mean:
            return self("not_applicable")
        if max(abs(mean), abs(low), abs(high)) < 1e-9:
            return self.number(0)
        if digits is None:
            digits = _decimals_of(mean, low, high)
        mean_, low_, high_ = (self.number(value, digits) for value in (mean, low, high))
        if low_ == high_ != mean_:
            digits = next((more for more in range(digits + 1, digits + 4) if _apart(low, high, more)), digits)
            mean_, low_, high_ = (self.number(value, digits) for value in (mean, low, high))
        if low_ == high_ != mean_:
            return self("about", value=low_)
        return self("with_interval", mean=mean_, low=low_, high=high_)

    def year_span(self, row: Any) -> str:
        """A year with its interval, as years are written."""
        return self("with_interval", **{name: str(round(float(row[end]))) for name, end in ENDS.items()})

    def span_msek(self, row: Any) -> str:
        """A row in SEK as millions with its interval, one decimal throughout so that columns can be added up."""
        return self.span(row, per=1e6, digits=1)


def _decimals_of(mean: float, low: float, high: float) -> int:
    """Decimals by the size of the mean where the interval lies on one side of 0, else by the largest of the three."""
    one_side = low >= 0 or high <= 0
    size = abs(mean) if one_side else max(abs(mean), abs(low), abs(high))
    return 0 if size >= 20 else 1 if size >= 2 else 2 if size >= 0.2 else 3


def decimals_stated(*figures: float) -> int:
    """As many decimals as the figures were stated with, four at most.

    Examples
    --------
    >>> decimals_stated(22.0, 17.8), decimals_stated(1711), decimals_stated(0.75, 0.8)
    (1, 0, 2)
    """
    return next(many for many in range(5) if many == 4 or all(abs(round(one, many) - one) < 1e-9 for one in figures))


def _apart(low: float, high: float, digits: int) -> bool:
    return round(low, digits) + 0.0 != round(high, digits) + 0.0
