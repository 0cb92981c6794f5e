"""Reading CSV tables, as programs write them and as Swedish Excel does, so that every fault can name its file and line."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from pmbudget.errors import Fault
from pmbudget.inputs.files import Document, Strict, near, shown, validated

DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+")
THOUSANDS = re.compile(r"(?<=\d)[ \u00a0\u202f](?=\d{3})")
"""The space, broken or not, that Excel sets between thousands."""
SAVE_AS = "save it as CSV UTF-8: commas between columns and decimal points, or semicolons and decimal commas throughout"


class Unreadable(Exception):
    """What keeps a whole table from being read (place, problem, line): told once and not cell by cell."""


@dataclass(frozen=True)
class Table:
    """A CSV file taken apart: its columns, the line they stand on, what separates them, and each row with the line on which it begins."""

    columns: tuple[str, ...]
    line: int
    separator: str
    rows: Sequence[tuple[int, dict[str, str]]]


def read_rows[Model: Strict](path: Path, model: type[Model], faults: list[Fault]) -> list[Model]:
    """The rows of a CSV file as ``model`` records; an empty cell is a key left out.

    Columns are separated by commas or, where the header shows it, by semicolons; then numbers may have decimal commas and the text be
    Windows-1252, which is how Excel saves in Swedish. A table that is neither one nor the other is one fault.
    """
    file = shown(path)
    if not path.is_file():
        faults.append(Fault(file, "file", "not found", near(path.stem, (p.stem for p in path.parent.glob("*.csv")))))
        return []
    try:
        table = _table(path.read_bytes())
        given = list(_with_points(table, model))
    except Unreadable as error:
        place, problem, at = error.args
        faults.append(Fault(file, place, problem, SAVE_AS, line=at))
        return []
    if wrong := list(_wrong_columns(file, table, model)):
        faults.extend(wrong)
        return []
    rows = []
    for line, row in given:
        found: list[Fault] = []
        record = validated(model, Document(file, row), row, found)
        faults.extend(Fault(f.file, f.key, f.problem, f.remedy, f.value, line) for f in found)
        if record is not None:
            rows.append(record)
    return rows


def _wrong_columns(file: str, table: Table, model: type[Strict]) -> Iterator[Fault]:
    """Columns that the model does not know, and those that it needs and that are not there: once, and not for each row."""
    for name in table.columns:
        if name not in model.model_fields:
            yield Fault(file, name, "unknown key", near(name, model.model_fields), line=table.line)
    for name, field in model.model_fields.items():
        if field.is_required() and name not in table.columns:
            yield Fault(file, name, "the key is missing", f"add {name}", line=table.line)


def _table(content: bytes) -> Table:
    text = _text(content)
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = ";" if first.count(";") > first.count(",") else ","
    rows = _rows(text, separator)
    line, names = next(rows, (1, []))
    columns = tuple(name.strip() for name in names)
    if len(columns) < 2:
        problem = f"{first[:60]!r} is one column: what separates the columns is neither comma nor semicolon"
        raise Unreadable("header", problem, line)
    if odd := sorted({name or "(empty)" for name in columns if not name or columns.count(name) > 1}):
        raise Unreadable("header", f"columns without a name of their own: {', '.join(odd)}", line)
    return Table(columns, line, separator, [(at, _cells(at, row, columns)) for at, row in rows])


def _cells(line: int, row: list[str], columns: tuple[str, ...]) -> dict[str, str]:
    """The filled cells of a row by column; Excel leaves out the separators of empty cells at its end."""
    if len(row) > len(columns):
        problem = f"{len(row)} cells under {len(columns)} columns: a separator too many, or a decimal comma"
        raise Unreadable("row", problem, line)
    if len(row) < len(columns) and ",".join(row).count(";") == len(columns) - 1:
        raise Unreadable("row", "separated by semicolons under a header with commas", line)
    return {name: cell for name, cell in zip(columns, row, strict=False) if cell != ""}


def _text(content: bytes) -> str:
    if b"\0" in content:
        raise Unreadable("file", "UTF-16, or no text at all", None)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b";" not in content.split(b"\n", 1)[0]:
            raise Unreadable("file", f"not UTF-8 text (byte {error.start})", None) from None
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise Unreadable("file", f"neither UTF-8 nor Windows-1252 text (byte {error.start})", None) from None


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line on which it begins, without empty cells at its end; rows without any cell are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins = 1
    try:
        for row in reader:
            while row and not row[-1].strip():
                row.pop()
            if row:
                yield begins, row
            begins = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable("file", f"no CSV table: {error}", reader.line_num) from None


def _with_points(table: Table, model: type[Strict]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows with figures as the models read them; refused where decimal commas stand beside points or beside commas that separate."""
    kinds = {name: {field.annotation, *get_args(field.annotation)} for name, field in model.model_fields.items()}
    columns = [name for name in table.columns if {int, float} & kinds.get(name, set())]
    cells = [(line, name, THOUSANDS.sub("", row[name])) for line, row in table.rows for name in columns if name in row]
    commas = [cell for cell in cells if DECIMAL_COMMA.fullmatch(cell[2])]
    points = any(DECIMAL_POINT.fullmatch(value) for _, _, value in cells)
    if commas and (points or table.separator == ","):
        line, name, value = commas[0]
        beside = "decimal points" if points else "commas between columns"
        raise Unreadable(name, f"a decimal comma ({value}) beside {beside}", line)
    for line, row in table.rows:
        figures = {name: THOUSANDS.sub("", row[name]) for name in columns if name in row}
        swedish = {name: value.replace(",", ".") for name, value in figures.items()} if commas else figures
        yield line, {**row, **(swedish if table.separator == ";" else {})}
