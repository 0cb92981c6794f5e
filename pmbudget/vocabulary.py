"""The words that every room shares: payers, mixes, grades of evidence, the interval that is reported; and how labels are matched."""

from collections.abc import Iterable
from typing import Any

PAYERS = (
    "state",
    "region",
    "clinic",
    "diagnostic_unit",
    "municipality",
    "social_insurance",
    "employer",
    "university",
    "patient",
    "manufacturer",
    "research_funder",
)
REGION_PAYERS = ("region", "clinic", "diagnostic_unit")
"""What stands in a region's own accounts: the purchaser and its two kinds of provider."""

PERSPECTIVES = {
    "region": REGION_PAYERS,
    "region_and_state": (*REGION_PAYERS, "state"),
    "health_care": (*REGION_PAYERS, "state", "municipality", "patient"),
    "societal": PAYERS,
}
"""Whose costs are counted, from the narrowest to the widest; patients count in health care by the fees they pay."""

NATIONAL = "00"
"""The 22nd label on the region dimension: what is national and not yet divided between regions."""

MIXES = ("today", "unplanned", "new")
"""Today's use held as it is; each region on its own course; the scenario."""

REFERENCES = ("today", "unplanned")
"""What the scenario is compared with: new - today is what introduction costs, new - unplanned what the agreement adds."""

TERM = 5
"""Years of an agreement that its parties count, and of the shorter of the periods over which sums are shown."""

FOLLOWED = 10
"""Years from their own start for which patients are followed where somebody is paid by outcome."""

LANGUAGES = ("sv", "en")

CREDIBLE_INTERVAL = 0.95
TAILS = ((1 - CREDIBLE_INTERVAL) / 2, (1 + CREDIBLE_INTERVAL) / 2)

POSTERIOR_DRAWS = (1000, 4)
"""Draws and chains of a posterior: together the most joint draws that an evaluation can ask for."""

BLOCK = 500
"""Draws that share one seeded generator; every block is drawn whole, so a shorter table is the start of a longer one."""


def matched(**arrays: Any) -> tuple[Any, ...]:
    """Labelled arrays, by name, with the labels of each dim they share in the order of the first that has them: an exact join.

    A dim without labels must only be as long as in the others. Plain numbers and arrays pass as they are.

    Raises
    ------
    ValueError
        A label that one has and another lacks, a label twice, or a dim of another length; the message says which and what there is.
    """
    known: dict[Any, tuple[str, int, Any]] = {}
    found = []
    for name, array in arrays.items():
        for dim in getattr(array, "dims", ()):
            other, size, labels = known.get(dim, (name, array.sizes[dim], None))
            own = array.indexes.get(dim)
            if own is not None and own.has_duplicates:
                twice = _told(own[own.duplicated()].unique())
                raise ValueError(f"{name} has {dim} {twice} more than once; give each label once")
            if own is not None and labels is not None and not own.equals(labels):
                array = array.isel({dim: _places(name, own, other, labels, dim)})
            elif array.sizes[dim] != size:
                raise ValueError(f"{name} has {array.sizes[dim]} {dim}s and {other} {size}; give both the same {dim}s")
            if labels is None:
                known[dim] = (name, array.sizes[dim], own)
        found.append(array)
    return tuple(found)


def _places(name: str, own: Any, other: str, labels: Any, dim: Any) -> Any:
    """Where the wanted labels stand among one's own."""
    lacking, strange = labels.difference(own, sort=False), own.difference(labels, sort=False)
    if len(lacking) or len(strange):
        told = [f"{name} lacks {dim} {_told(lacking)}"] * (len(lacking) > 0)
        told += [f"{name} has {dim} {_told(strange)}, which {other} lacks"] * (len(strange) > 0)
        raise ValueError(f"{'; '.join(told)}; {other} has {_told(labels)}: give both the same labels, in any order")
    return own.get_indexer(labels)


def _told(labels: Iterable[Any]) -> str:
    """Labels in a message: all of a few, the first of many."""
    shown = [str(label) for label in labels]
    return ", ".join(shown) if len(shown) <= 8 else f"{', '.join(shown[:6])}, … ({len(shown)} in all)"
