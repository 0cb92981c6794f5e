"""What one scenario comes to: a record of each room, and how blocks of draws become one."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.appraisal.worth import Worth
from pmbudget.financing.books import Expected
from pmbudget.financing.settlement import Settlement
from pmbudget.patient.per_patient import PerPatient
from pmbudget.programme.reach import Reach
from pmbudget.programme.spending import Spending


@dataclass(frozen=True)
class Results:
    """What one scenario comes to, room by room; money in SEK of the model's price year.

    ``kept_in`` is the folder that it was read from; empty where it was walked and not kept.
    """

    per_patient: PerPatient
    reach: Reach
    spending: Spending
    settlement: Settlement
    worth: Worth
    kept_in: str = ""


class Gathering:
    """Records of blocks of draws put together as they come, so that no draw stands in memory twice.

    What has draws stands one after the other; what has none is a mean over them, of a check the largest; the forecast is the first's.
    """

    def __init__(self, draws: int):
        self.draws, self.begin = draws, 0
        self.whole: Any = None

    def add(self, part: Any, size: int) -> None:
        """Take in the record of the next ``size`` draws."""
        self.whole = part if size == self.draws else self._joined(self.whole, part, size)
        self.begin += size

    def _joined(self, whole: Any, part: Any, size: int) -> Any:
        if part is None or isinstance(part, Expected | str):
            return part if whole is None else whole
        if is_dataclass(part):
            parts = {each.name: getattr(part, each.name) for each in fields(part)}
            return replace(part, **{n: self._joined(getattr(whole, n, None), one, size) for n, one in parts.items()})  # type: ignore[type-var]
        if isinstance(part, Mapping) and not isinstance(part, xr.Dataset):
            return {name: max(one, (whole or part)[name]) for name, one in part.items()}
        if isinstance(part, xr.Dataset):
            columns = {n: (one.dims, self._array(whole and whole[n], one, size)) for n, one in part.data_vars.items()}
            return xr.Dataset(columns, part.coords)
        if isinstance(part, xr.DataArray):
            return xr.DataArray(self._array(whole, part, size), part.coords, part.dims)
        return (whole or 0.0) + part * size / self.draws

    def _array(self, whole: xr.DataArray | None, part: xr.DataArray, size: int) -> np.ndarray:
        if "draw" not in part.dims:
            return (0.0 if whole is None else whole.to_numpy()) + part.to_numpy() * (size / self.draws)
        axis = part.get_axis_num("draw")
        if whole is None:
            shape = [self.draws if dim == "draw" else length for dim, length in part.sizes.items()]
            filled = np.empty(shape, part.dtype)
        else:
            filled = whole.to_numpy()
        filled[(slice(None),) * int(axis) + (slice(self.begin, self.begin + size),)] = part.to_numpy()
        return filled
