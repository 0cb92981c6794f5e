"""Tables of a run beside its report, for anyone to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from ruamel.yaml import YAML

from pmbudget.appraisal.worth import Added
from pmbudget.inputs.files import project_folder
from pmbudget.inputs.parameters import Text
from pmbudget.inputs.scenarios import Scenario
from pmbudget.questions.agreements import Negotiation
from pmbudget.questions.frames import Division
from pmbudget.questions.structures import Structures
from pmbudget.reporting.frames import budget_frame, implementation_frame, ledger_frame, outcomes_frame
from pmbudget.reporting.summary import key_figures, known_use_figures, paired_draws, structure_figures
from pmbudget.road import Results

STRUCTURES = "structures.parquet"
"""The figures of chapter 03 that a comparison reads; those of chapter 05 are in the summary."""


def store_budget(
    output_dir: str,
    scenario: Scenario,
    results: Results,
    worths: Added,
    shares: Mapping[str, float],
    known: xr.Dataset | None,
) -> None:
    """Budget, ledger, key figures with the draws to rank them by, and the resolved scenario; nothing where ``output_dir`` is empty.

    ``known`` is what the scenario comes to were today's use known.
    """
    if not output_dir:
        return
    folder = Path(output_dir)
    budget_frame(results).to_parquet(folder / "budget.parquet")
    ledger_frame(results).to_parquet(folder / "ledger.parquet")
    paired_draws(scenario, results, worths).to_parquet(folder / "draws.parquet")
    figures = [key_figures(scenario, results, worths, shares), known_use_figures(known)]
    figures = pd.concat([part for part in figures if len(part)], ignore_index=True)
    figures.to_parquet(folder / "summary.parquet")
    _excel_csv(figures, folder / "summary.csv")
    yaml = YAML()
    yaml.width = 120
    with (folder / "scenario.resolved.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(scenario.resolved(), file)


def store_outcomes(output_dir: str, scenario: Scenario, results: Results, tried: Structures) -> None:
    """Cost and QALY per patient by strategy, and what the structures tried come to; nothing where ``output_dir`` is empty."""
    if output_dir:
        outcomes_frame(results).to_parquet(Path(output_dir) / "outcomes.parquet")
        structure_figures(scenario, tried).to_parquet(Path(output_dir) / STRUCTURES)


def store_agreement(output_dir: str, found: Negotiation | None) -> None:
    """The designs of an agreement chapter and their scores, SEK; nothing where ``output_dir`` is empty or there is no agreement."""
    if output_dir and found is not None:
        factors = pd.Series(found.factors, name="factor", dtype=float)
        found.scores.join(factors).reset_index().to_parquet(Path(output_dir) / "agreements.parquet")


def store_frame(output_dir: str, found: Division | None) -> None:
    """What each model pays of the test's part of a frame by place and year, SEK of each year, expected; nothing where there is nothing."""
    if output_dir and found is not None:
        found.found["paid"].mean("draw").to_dataframe().reset_index().to_parquet(Path(output_dir) / "frame.parquet")


def store_implementation(output_dir: str, scenario: Scenario, results: Results) -> None:
    """What was reached and what the limits held back, by mix, region and year; nothing where ``output_dir`` is empty."""
    if output_dir:
        implementation_frame(results).to_parquet(Path(output_dir) / "implementation.parquet")


def store_information(output_dir: str, ranked: pd.DataFrame, studies: pd.DataFrame) -> None:
    """Value of each parameter (``evppi.parquet``) and of each proposed study by size; nothing where ``output_dir`` is empty."""
    if output_dir:
        ranked.reset_index().to_parquet(Path(output_dir) / "evppi.parquet")
        studies.to_parquet(Path(output_dir) / "studies.parquet")


def _excel_csv(frame: pd.DataFrame, path: Path) -> None:
    """A CSV that Swedish Excel opens as a table: semicolons, decimal comma, UTF-8 with a byte order mark."""
    frame.to_csv(path, sep=";", decimal=",", index=False, encoding="utf-8-sig")


@dataclass(frozen=True)
class RunSummary:
    """What a comparison needs of one run, read from its folder; ``new``, ``in_use`` and ``comparator`` are strategies' labels."""

    folder: str
    scenario: Text
    case: Text
    case_name: str
    price_year: int
    has_agreement: bool
    new: Text
    in_use: Text
    comparator: Text
    figures: pd.DataFrame
    draws: pd.DataFrame
    has_tests: bool = True
    illustration: bool = False

    def paired(self, measure: str, reference: str, period: str) -> np.ndarray:
        """The draws of a measure in order."""
        asked = (self.draws["measure"] == measure) & (self.draws["reference"] == reference)
        values: np.ndarray = self.draws[asked & (self.draws["period"] == period)]["value"].to_numpy()
        return values


def load_runs(batch: str | Path, runs: Sequence[str] = ()) -> list[RunSummary]:
    """The runs of a batch, by their folders' names; none named means every run that is there.

    Raises
    ------
    ValueError
        There is no finished run.
    """
    folder = project_folder(batch)
    names = list(runs) or sorted(path.parent.name for path in folder.glob("*/summary.parquet"))
    if not names:
        raise ValueError(f"{folder} holds no finished run; give the folder of a batch that pmbudget run has made")
    return [_run(folder, name) for name in names]


def _run(batch: Path, name: str) -> RunSummary:
    resolved = YAML(typ="safe").load((batch / name / "scenario.resolved.yaml").read_text("utf-8"))
    figures = pd.read_parquet(batch / name / "summary.parquet")
    # A batch may have been asked for without chapter 03.
    if (tried := batch / name / STRUCTURES).is_file() and len(rows := pd.read_parquet(tried)):
        figures = pd.concat([figures, rows], ignore_index=True)
    case = resolved["case"]
    # A case that an earlier version wrote has in use what is new.
    chosen = (case["new"], case.get("in_use", case["new"]), case["comparator"])
    new, in_use, comparator = (Text(**case["strategies"][which]["label"]) for which in chosen)
    return RunSummary(
        name,
        Text(**resolved["scenario"]["label"]),
        Text(**case["label"]),
        resolved["scenario"]["case"],
        resolved["price_year"],
        resolved["agreement"] is not None,
        new,
        in_use,
        comparator,
        figures,
        pd.read_parquet(batch / name / "draws.parquet"),
        bool(case.get("tests", True)),
        case.get("illustration", False),
    )
