"""What to run: scenarios × cases × chapters, each under a hash of all that decides its result."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pmbudget.batch.manifest import NUMERIC, is_done, package_key, state_of_files, versions
from pmbudget.batch.notebooks import CHAPTERS, COMPARISON, EVERYTHING, Chapter, notebook_path
from pmbudget.errors import Fault, InputError
from pmbudget.evidence.fit import evidence_key
from pmbudget.inputs import Scenario, expand, load_scenario
from pmbudget.inputs.cases import ordinary_cases
from pmbudget.inputs.files import content_hash, find_folder, project_folder, unsafe
from pmbudget.inputs.scenarios import case_alone
from pmbudget.reporting.words import Words
from pmbudget.road import is_kept, posterior_hash, result_key


@dataclass(frozen=True)
class Settings:
    """What all runs of a batch share."""

    draws: int = 4000
    seed: int = 1
    language: str = "sv"
    quick: bool = False


@dataclass(frozen=True)
class Run:
    """One scenario and case, and the folder of its results."""

    scenario: Scenario
    folder: str

    @property
    def case(self) -> str:
        """The case's name."""
        return self.scenario.definition.case


@dataclass(frozen=True)
class Job:
    """One notebook to execute, and the run folders that its results go to: runs alike in what it reads share it.

    ``walk`` is the key of the result that it reads, None where it reads none. The page of an ``illustration`` says so, and that of a case
    without ``tests`` leaves out the prose on them.
    """

    chapter: Chapter
    key: str
    notebook: str
    parameters: Mapping[str, Any]
    folders: tuple[str, ...]
    title: str
    posterior: str | None
    settings: Settings
    walk: str | None = None
    illustration: bool = False
    tests: bool = True

    @property
    def name(self) -> str:
        """What is told of it while it runs."""
        return self.chapter.name

    @property
    def about(self) -> str:
        """What it is of."""
        return ", ".join(self.folders)

    def is_done(self, batch: Path) -> bool:
        """Whether every folder it goes to holds it."""
        return all(is_done(batch / folder, self.chapter.name, self.key) for folder in self.folders)


@dataclass(frozen=True)
class Walk:
    """One scenario to be walked, for all chapters that read it; ``key`` is that of its kept result."""

    key: str
    parameters: Mapping[str, Any]
    title: str

    @property
    def name(self) -> str:
        """What is told of it while it runs."""
        return "walk"

    @property
    def about(self) -> str:
        """What it is of."""
        return self.title

    def is_done(self, batch: Path) -> bool:
        """Whether its result is kept."""
        return is_kept(self.key)


@dataclass(frozen=True)
class Plan:
    """A batch: its folder, its runs, the walks and the chapters that make them, and the page that compares them.

    ``files`` are the state of all files that the plan was made from.
    """

    folder: Path
    runs: tuple[Run, ...]
    walks: tuple[Walk, ...]
    chapters: tuple[Job, ...]
    comparison: Job
    settings: Settings
    files: Mapping[str, Any]

    @property
    def turns(self) -> tuple[tuple[Walk | Job, ...], ...]:
        """What may run side by side, turn by turn."""
        return self.walks, self.chapters, (self.comparison,)

    def waiting(self, turn: Sequence[Walk | Job], *, force: bool) -> list[Walk | Job]:
        """The jobs of a turn that have to run; what is kept is not walked again, nor what no waiting chapter reads."""
        if turn == self.walks:
            read = {job.walk for job in self.waiting(self.chapters, force=force) if isinstance(job, Job)}
            return [walk for walk in self.walks if walk.key in read and not walk.is_done(self.folder)]
        return [job for job in turn if force or not job.is_done(self.folder)]


def plan_batch(
    names: Sequence[str],
    *,
    cases: Sequence[str] = (),
    name: str = "batch",
    settings: Settings = Settings(),
    overrides: Mapping[str, Any] | None = None,
) -> Plan:
    """The plan of a batch.

    Parameters
    ----------
    names : sequence of str
        Scenarios; none means all files in ``parameters/scenarios`` that are not ``on_request`` and, of the cases that run, those in the
        folder of the case's name there, no agreement first and then the slowest pace.
    cases : sequence of str
        Cases; none means each scenario's own, "all" every case but illustrations.

    Raises
    ------
    InputError
        A name that no folder can have, or anything wrong in the inputs.
    """
    if hindrance := unsafe(name):
        raise InputError([Fault("outputs", "name", hindrance, "give the bare name of a folder", name)])
    files = state_of_files()
    scenarios = chosen_scenarios(names, cases, overrides=overrides)
    jobs: dict[str, Job] = {}
    walks: dict[str, Walk] = {}
    runs = []
    for scenario in scenarios:
        resolved = scenario.resolved()
        posterior = posterior_hash(scenario)
        keys = {chapter: _key(chapter, resolved, posterior, settings) for chapter in CHAPTERS}
        folder = f"{scenario.name}-{scenario.definition.case}-{content_hash(sorted(keys.values()))[:8]}"
        runs.append(Run(scenario, folder))
        walk = _walk(scenario, settings)
        walks.setdefault(walk.key, walk)
        for chapter, key in keys.items():
            folders = (*jobs[key].folders, folder) if key in jobs else (folder,)
            jobs[key] = _job(chapter, key, scenario, folders, settings, walk.key)
    folder_path = project_folder("outputs") / name
    chapters = tuple(jobs.values())
    comparison = _comparison(folder_path, runs, chapters, settings)
    return Plan(folder_path, tuple(runs), tuple(walks.values()), chapters, comparison, settings, files)


def chosen_scenarios(
    names: Sequence[str], cases: Sequence[str], *, overrides: Mapping[str, Any] | None = None
) -> list[Scenario]:
    """The scenarios that a batch is asked for, sweeps written out; see :func:`plan_batch`."""
    root = find_folder("parameters")
    asked = ordinary_cases(root) if "all" in cases else list(cases)
    own: list[str | None] = [None]
    wanted = [(each, case) for each in names or _files(root / "scenarios") for case in asked or own]
    if not names:
        # What rolls out a strategy of one case says nothing of another.
        wanted = [(each, case) for each, case in wanted if case is None or case_alone(each, root) in (None, case)]
    scenarios = [one for each, case in wanted for one in expand(load_scenario(each, overrides=overrides, case=case))]
    if not names:
        run = dict.fromkeys(one.definition.case for one in scenarios)
        further = [(f"{case}/{each}", case) for case in run for each in _files(root / "scenarios" / case)]
        scenarios += [
            one for each, case in further for one in expand(load_scenario(each, overrides=overrides, case=case))
        ]
        # Stated limits of a case that states none are the scenario without them once more.
        scenarios = [
            one
            for one in scenarios
            if not one.definition.on_request and (one.definition.limits == "read" or one.case.capacity)
        ]
        scenarios.sort(key=lambda each: (each.definition.pace is not None, -_ramp(each)))
    return scenarios


def _files(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _ramp(scenario: Scenario) -> int:
    return scenario.definition.pace.ramp if scenario.definition.pace else 0


def _source(chapter: Chapter) -> list[Any]:
    cells = json.loads(notebook_path(chapter).read_text("utf-8"))["cells"]
    return [(cell["cell_type"], cell["source"], cell.get("metadata", {}).get("tags")) for cell in cells]


def _key(chapter: Chapter, resolved: Mapping[str, Any], posterior: str, settings: Settings) -> str:
    numeric = {name: versions()[name] for name in NUMERIC}
    read = {part: resolved[part] for part in chapter.reads}
    root = find_folder("parameters")
    beside = [path.read_text("utf-8") for pattern in chapter.files for path in sorted(root.glob(pattern))]
    return content_hash(chapter.name, read, posterior, beside, vars(settings), _source(chapter), package_key(), numeric)


def _walk(scenario: Scenario, settings: Settings) -> Walk:
    words = Words(settings.language)
    title = f"{words.label(scenario.definition.label)}: {words.label(scenario.case.label)}"
    key = result_key(scenario, draws=settings.draws, seed=settings.seed)
    return Walk(key, _given(scenario, settings), title)


def _given(scenario: Scenario, settings: Settings) -> dict[str, Any]:
    """What a notebook or a walk is given to load the scenario and to draw."""
    return {
        "scenario": scenario.file,
        "case": scenario.definition.case,
        "overrides": dict(scenario.given),
        "draws": settings.draws,
        "seed": settings.seed,
    }


def is_current(job: Job) -> bool:
    """Whether the files still say what the job was planned on."""
    if job.chapter == COMPARISON:
        return True
    given = job.parameters
    scenario = load_scenario(given["scenario"], overrides=given["overrides"], case=given["case"])
    return _key(job.chapter, scenario.resolved(), posterior_hash(scenario), job.settings) == job.key


def _job(
    chapter: Chapter, key: str, scenario: Scenario, folders: tuple[str, ...], settings: Settings, walk: str
) -> Job:
    given = {**_given(scenario, settings), "language": settings.language}
    words = Words(settings.language)
    label = words.label(scenario.case.label)
    if chapter.reads == EVERYTHING:
        label = f"{words.label(scenario.definition.label)}: {label}"
    elif scenario.case.in_use != scenario.case.new:
        # The chapters that scenarios share are made once for each strategy rolled out.
        label = f"{label}: {words.label(scenario.case.strategies[scenario.case.new].label)}"
    posterior = evidence_key(scenario.parameters)
    reads = None if chapter in CHAPTERS[:2] else walk
    source, case = str(notebook_path(chapter)), scenario.case
    return Job(
        chapter,
        key,
        source,
        given,
        folders,
        label,
        posterior,
        settings,
        reads,
        illustration=case.illustration,
        tests=case.has_tests,
    )


def _comparison(folder: Path, runs: Sequence[Run], chapters: Sequence[Job], settings: Settings) -> Job:
    key = content_hash(sorted(job.key for job in chapters), _source(COMPARISON), package_key())
    given = {"batch": str(folder), "runs": [run.folder for run in runs], "language": settings.language}
    cases = [run.scenario.case for run in runs]
    label = Words(settings.language).label(cases[0].label)
    source = str(notebook_path(COMPARISON))
    return Job(
        COMPARISON,
        key,
        source,
        given,
        (".",),
        label,
        None,
        settings,
        illustration=any(case.illustration for case in cases),
        tests=any(case.has_tests for case in cases),
    )
