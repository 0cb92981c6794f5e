"""Results kept under the content that made them: walked once, read by every page."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import pmbudget
from pmbudget.evidence.fit import fit_evidence
from pmbudget.inputs.files import content_hash
from pmbudget.inputs.scenarios import Scenario
from pmbudget.road.recipe import evaluate
from pmbudget.road.results import Results
from pmbudget.road.shelf import kept, place_of

ROOMS = ("vocabulary.py", "inputs", "evidence", "patient", "programme", "financing", "appraisal", "road", "questions")
"""Whose code decides a result."""
WORDS = ("label", "note", "source", "question", "was")
"""Keys of a resolved scenario that no number depends on."""
ASKED_APART = ("structures", "breadth", "validation")
"""Keys of a case that no walk reads: a question that does is kept under what they hold."""
LIBRARIES = ("numpy", "scipy", "xarray", "pandas")
DIGITS = 24
"""Of a key: folders are named by it, and Windows allows 260 characters of path."""


def evaluated(
    scenario: Scenario,
    *,
    draws: int = 4000,
    seed: int = 1,
    folder: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Results:
    """The results of :func:`pmbudget.road.evaluate`, walked the first time and read from then on.

    Pages read the stored result also the first time, so that no digit depends on who made it. Arrays are read when they are touched.

    Parameters
    ----------
    folder : str or Path
        Where results are kept, ``outputs/results`` of the project.
    """
    key = result_key(scenario, draws=draws, seed=seed)
    found = kept(key, lambda: evaluate(scenario, draws=draws, seed=seed, progress=progress), Results, folder=folder)
    return replace(found, kept_in=str(place_of(key, folder)))


def answered[Found: (xr.Dataset, pd.DataFrame)](
    results: Results, question: str, make: Callable[[], Found], **about: Any
) -> Found:
    """The answer to a question that needs walks of its own: made the first time and read from then on, where the results are kept.

    Parameters
    ----------
    question : str
        Its name.
    make : callable
        Gives the answer.
    **about
        What else the answer depends on, as plain data.
    """
    if not results.kept_in:
        return make()
    place = Path(results.kept_in)

    def stored() -> Answer:
        found = make()
        if isinstance(found, xr.Dataset):
            return Answer(found, None)
        columns = found.reset_index()
        return Answer(xr.Dataset({str(name): ("row", columns[name].to_numpy()) for name in columns}), found.index.names)

    answer = kept(content_hash(question, about, place.name)[:DIGITS], stored, Answer, folder=place.parent)
    if answer.index is None:
        return answer.found
    return answer.found.to_dataframe().set_index(list(answer.index))  # type: ignore[return-value]


@dataclass(frozen=True)
class Answer:
    """What a question found; of a frame its columns over ``row``, and which of them are its index."""

    found: xr.Dataset
    index: Sequence[str] | None


def result_key(scenario: Scenario, *, draws: int, seed: int) -> str:
    """What a result is kept under: all inputs that a number depends on, the posterior's draws, code and libraries, draws and seed."""
    resolved = scenario.resolved()
    definition = resolved["scenario"]
    asked = {name: definition[name] for name in ("years", "pace", "levers", "laboratories", "allocated", "prices")}
    read = {name: resolved[name] for name in ("agreement", "standing", "case", "price_year", "parameters", "regions")}
    read["case"] = {name: part for name, part in resolved["case"].items() if name not in ASKED_APART}
    made_by = {name: version(name) for name in LIBRARIES}
    key = content_hash(
        _without_words(read), asked, scenario.limits, posterior_hash(scenario), CODE, made_by, draws, seed
    )
    return key[:DIGITS]


def posterior_hash(scenario: Scenario) -> str:
    """SHA-256 of the draws of all that is learnt; evidence that is fitted nowhere yet is fitted."""
    draws = fit_evidence(scenario.parameters).draws
    found = hashlib.sha256()
    for name in sorted(map(str, draws.data_vars)):
        found.update(name.encode() + np.ascontiguousarray(draws[name].to_numpy()).tobytes())
    return found.hexdigest()


def _without_words(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_words(part) for name, part in value.items() if name not in WORDS}
    return [_without_words(part) for part in value] if isinstance(value, list | tuple) else value


def code_hash() -> str:
    """SHA-256 of the code of the rooms that decide a result, as it stands now."""
    root = Path(pmbudget.__file__).parent
    files = [file for room in ROOMS for file in sorted([root / room, *(root / room).rglob("*.py")]) if file.is_file()]
    return content_hash([(file.relative_to(root).as_posix(), file.read_text("utf-8")) for file in files])


CODE = code_hash()
"""The code that this process has loaded."""
