"""What one scenario comes to: a record of each room, and how those of several blocks of draws become one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import xarray as xr

from pmbudget.appraisal.worth import Worth
from pmbudget.financing.books import Expected
from pmbudget.financing.settlement import Settlement
from pmbudget.patient.per_patient import PerPatient
from pmbudget.programme.reach import Reach
from pmbudget.programme.spending import Spending


@dataclass(frozen=True)
class Results:
    """What one scenario comes to, room by room; money in SEK of the model's price year."""

    per_patient: PerPatient
    reach: Reach
    spending: Spending
    settlement: Settlement
    worth: Worth


def joined(parts: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Records of blocks of draws as one, blocks having ``sizes`` draws.

    What has draws is put one after the other; what has none is a mean over them, of a check the largest; the forecast is the first's.
    """
    first = parts[0]
    if len(parts) == 1 or first is None or isinstance(first, Expected):
        return first
    if is_dataclass(first):
        whole = {each.name: joined([getattr(part, each.name) for part in parts], sizes) for each in fields(first)}
        return replace(first, **whole)  # type: ignore[type-var]
    if isinstance(first, Mapping) and not isinstance(first, xr.Dataset):
        return {name: max(part[name] for part in parts) for name in first}
    if isinstance(first, xr.Dataset | xr.DataArray) and "draw" in first.dims:
        return xr.concat(parts, dim="draw")
    return sum(part * (size / sum(sizes)) for part, size in zip(parts, sizes, strict=True))
