"""Reading YAML so that every fault can name its file and line."""

import difflib
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.constructor import RoundTripConstructor

from pmbudget.errors import NOTHING, Fault, InputError
from pmbudget.inputs.marked import marked, plain_yaml


class ParameterName(str):
    """A string in a case or scenario that names a parameter."""


SAFE_NAME = re.compile(r"\w([\w .+=-]*[\w+=-])?")
LONGEST_NAME = 80
"""Folders of runs have the case and a hash after it, and Windows allows 260 characters of path."""
Ref = Annotated[str, AfterValidator(ParameterName)]
Evidence = Literal["published", "registry", "derived", "expert", "assumption"]


class Strict(BaseModel):
    """A frozen record that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Source(Strict):
    """Where a figure was read."""

    title: str
    address: str = ""
    read: date | None = None
    where: str = ""


@dataclass(frozen=True)
class Document:
    """A parsed file, and where in it each key stands."""

    file: str
    data: Any

    def line(self, loc: Sequence[Any] = ()) -> int:
        """Line of the innermost key of ``loc`` that the file holds."""
        node, line = self.data, 1
        for key in loc:
            lines = getattr(node, "lines", {})
            if key not in lines:
                break
            line, node = lines[key], node[key]
        return line

    def fault(self, loc: Sequence[Any], problem: str, remedy: str, value: Any = NOTHING) -> Fault:
        """What is wrong with the key at ``loc``."""
        return Fault(self.file, ".".join(map(str, loc)), problem, remedy, value, self.line(loc))


def unsafe(name: Any) -> str | None:
    """Why a name cannot be that of a file or folder on every machine and in every page; None if it can."""
    if isinstance(name, str) and len(name) <= LONGEST_NAME and SAFE_NAME.fullmatch(name):
        return None
    return f"is no name of letters, digits, spaces and _ - + = . that begins with one of the first two, {LONGEST_NAME} at most"


def find_folder(folder: str | Path = "parameters") -> Path:
    """``folder`` from the working directory, else beside the package.

    Raises
    ------
    InputError
        Neither place has it.
    """
    places = [Path(folder), Path(__file__).resolve().parents[2] / folder]
    for place in places:
        if place.is_dir():
            return place.resolve()
    looked = " and ".join(dict.fromkeys(str(place.absolute()) for place in places))
    raise InputError([Fault(str(folder), "folder", "not found", f"give a folder that exists; looked in {looked}")])


def shown(path: Path) -> str:
    """A path as people read it: from the project's folder down where it lies there."""
    for base in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return path.as_posix()


@cache
def _parsed(path: Path, stamp: tuple[int, int]) -> tuple[Document | None, tuple[Fault, ...]]:
    """A file once per state of the disk: four scenarios read the same parameters."""
    file, faults = shown(path), []
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        return None, (Fault(file, "file", f"not UTF-8 text (byte {error.start})", "save it as UTF-8"),)
    if (plain_keys := plain_yaml(text)) is not None:
        return Document(file, plain_keys), ()

    class Constructor(RoundTripConstructor):
        def check_mapping_key(self, node: Any, key_node: Any, mapping: Any, key: Any, value: Any) -> bool:
            if key in mapping:
                line = key_node.start_mark.line + 1
                faults.append(Fault(file, str(key), "the key stands twice", "keep one of them", value, line))
            return key not in mapping

    yaml = YAML(typ="rt")
    yaml.Constructor = Constructor
    try:
        data = marked(yaml.load(io.StringIO(text)))
    except (YAMLError, ValueError, RecursionError) as error:
        # A date such as 2026-13-01 and a number of ten thousand digits are ValueErrors, and nesting without end a RecursionError.
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        remedy = "indent with spaces, not tabs" if "\t" in text else "correct the YAML (indentation, quotes, colons)"
        return None, (*faults, Fault(file, "file", f"no YAML: {problem}", remedy, line=mark.line + 1 if mark else None))
    if not isinstance(data, Mapping):
        return None, (*faults, Fault(file, "file", "holds no keys", "write key: value lines"))
    return Document(file, data), tuple(faults)


def read_yaml(path: Path, faults: list[Fault]) -> Document | None:
    """A YAML 1.2 file; faults (not found, no YAML, duplicate keys) are added to ``faults``."""
    if not path.is_file():
        faults.append(
            Fault(shown(path), "file", "not found", near(path.stem, (p.stem for p in path.parent.glob("*.yaml"))))
        )
        return None
    state = path.stat()
    document, found = _parsed(path.resolve(), (state.st_mtime_ns, state.st_size))
    faults.extend(found)
    return document


def near(word: Any, known: Any) -> str:
    """A remedy for a name that is not known: the nearest ones, or all."""
    names = sorted(str(name) for name in known)
    close = difflib.get_close_matches(str(word), names, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else f"use one of {', '.join(names) or '(none exist)'}"


def validated[Model: Strict](
    model: type[Model],
    document: Document,
    data: Any,
    faults: list[Fault],
    at: Sequence[Any] = (),
    *,
    context: Mapping[str, Any] | None = None,
) -> Model | None:
    """``data``, found at ``at`` in ``document``, as a ``model``; every fault in it is added to ``faults``."""
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        for one in error.errors():
            faults.append(_fault(model, document, one, tuple(at)))
        return None


def _fault(model: type[BaseModel], document: Document, error: Any, at: tuple[Any, ...]) -> Fault:
    node, loc = document.data, []
    for key in (*at, *error["loc"]):
        step = _step(node, key)
        # Union tags and "[key]" stand in pydantic's location but not in the file.
        if key != "[key]" and (step is not NOTHING or key == error["loc"][-1]):
            loc.append(key)
            node = step
    value = NOTHING if error["type"] == "missing" else error["input"]
    problem, remedy = str(error["msg"]).removeprefix("Value error, "), "correct the value"
    if error["type"] == "missing":
        problem, remedy = "the key is missing", f"add {loc[-1] if loc else 'it'}"
    elif error["type"] == "extra_forbidden":
        problem, remedy = "unknown key", near(loc[-1], _known(model, error["loc"])) if loc else "remove it"
    elif error["type"] == "finite_number":
        problem, remedy = "not a finite number", "write the figure or leave the key out"
    elif "; " in problem:
        problem, remedy = problem.rsplit("; ", 1)
    return Fault(document.file, ".".join(map(str, loc)) or "file", problem, remedy, value, document.line(loc))


def _step(node: Any, key: Any) -> Any:
    try:
        return node[key]
    except (KeyError, IndexError, TypeError):
        return NOTHING


def _known(model: type[BaseModel], loc: Sequence[Any]) -> list[str]:
    """The keys that stand beside the last one of ``loc``, as far as the models can be followed by name."""
    here: Any = model
    for key in loc[:-1]:
        field = getattr(here, "model_fields", {}).get(key)
        inner = getattr(field, "annotation", None) if field else here
        candidates = [inner, *getattr(inner, "__args__", ())]
        found = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        here = found[0] if found else here
    return list(getattr(here, "model_fields", {}))


def plain(value: Any) -> Any:
    """A value as JSON has it, without what the YAML reader remembers of where it stood."""
    if isinstance(value, Mapping):
        return {plain(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    kind = next((kind for kind in (bool, int, float, str) if isinstance(value, kind)), None)
    return kind(value) if kind else value


def references(value: Any, loc: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], str]]:
    """Every parameter that a record names, as a value or as a key, with the place where it does."""
    if isinstance(value, ParameterName):
        return [(loc, str(value))]
    if isinstance(value, BaseModel):
        inner: Any = [(name, getattr(value, name)) for name in type(value).model_fields]
    elif isinstance(value, Mapping):
        inner = list(value.items())
    elif isinstance(value, (list, tuple)):
        inner = list(enumerate(value))
    else:
        return []
    keys = [((*loc, str(key)), str(key)) for key, _ in inner if isinstance(key, ParameterName)]
    return keys + [found for key, part in inner for found in references(part, (*loc, key))]


def content_hash(*parts: Any) -> str:
    """SHA-256 of plain data."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def project_folder(folder: str | Path) -> Path:
    """Where something is kept: ``folder`` if absolute, else in the project that the working directory or the package lies in."""
    path = Path(folder)
    if path.is_absolute():
        return path
    beside = Path(__file__).resolve().parents[2]
    home = Path.cwd() if (Path.cwd() / "parameters").is_dir() or not (beside / "parameters").is_dir() else beside
    return home / path
