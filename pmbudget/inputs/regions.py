"""The 21 regions."""

from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import BeforeValidator, Field

from pmbudget.errors import Fault, InputError
from pmbudget.inputs.files import Evidence, Strict, find_folder, shown
from pmbudget.inputs.tables import read_rows

CODES = (
    *("01", "03", "04", "05", "06", "07", "08", "09", "10", "12", "13"),
    *("14", "17", "18", "19", "20", "21", "22", "23", "24", "25"),
)


def _code(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f'a region code is text, and {value!r} is a number; write it in quotes, as "01"')
    if value not in CODES:
        raise ValueError(f"{value!r} is no region code; use one of {', '.join(CODES)}")
    return value


RegionCode = Annotated[str, BeforeValidator(_code)]


class Region(Strict):
    """One region, with the grade of each figure."""

    code: RegionCode
    region: str
    healthcare_region: str
    population: int = Field(gt=0)
    population_evidence: Evidence
    share_65plus: float = Field(gt=0, lt=1)
    share_65plus_evidence: Evidence
    births: int = Field(gt=0)
    births_evidence: Evidence
    tax_capacity: float = Field(gt=0, lt=3)
    tax_capacity_evidence: Evidence
    university_hospital: str = ""
    source: str
    note: str = ""


def read_regions(folder: Path, faults: list[Fault]) -> pd.DataFrame:
    """The table of :func:`load_regions`; faults are added to ``faults``."""
    path = folder / "regions.csv"
    rows = read_rows(path, Region, faults)
    codes = [row.code for row in rows]
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        faults.append(
            Fault(shown(path), "code", f"more than one row for {', '.join(twice)}", "keep one row per region")
        )
    missing = set(CODES) - set(codes)
    if rows and missing:
        faults.append(Fault(shown(path), "code", f"no row for {', '.join(sorted(missing))}", "add one row per region"))
    frame = pd.DataFrame([row.model_dump() for row in rows], columns=list(Region.model_fields))
    frame = frame.set_index("code").sort_index()
    frame["population_65plus"] = frame["population"] * frame["share_65plus"]
    return frame


def load_regions(folder: str | Path = "parameters") -> pd.DataFrame:
    """The 21 regions, index ``code`` ("01" … "25", text).

    Columns: region, healthcare_region, population (31 December 2023), share_65plus, population_65plus, births, tax_capacity
    (taxable earned income per inhabitant over the nation's, 2024; read from swestat.se, which cites Statistics Sweden, in whole per cent),
    university_hospital (empty where there is none), and the evidence grade of each figure.

    Raises
    ------
    InputError
        A missing or malformed row; all of them at once.
    """
    faults: list[Fault] = []
    frame = read_regions(find_folder(folder), faults)
    if faults:
        raise InputError(faults)
    return frame
