"""The posteriors that travel with the project: which blocks of evidence the shipped scenarios need, and whether they are there."""

from collections.abc import Sequence
from pathlib import Path

from pmbudget.errors import Fault
from pmbudget.evidence import cache as kept
from pmbudget.evidence.blocks import Block, blocks_of
from pmbudget.evidence.fit import CACHE, Settings, fit_blocks
from pmbudget.inputs import cases as inputs_cases
from pmbudget.inputs import expand, load_parameters, load_scenario
from pmbudget.inputs.files import find_folder, project_folder, read_yaml, shown

SHIPPED = Settings()


def known_cases(folder: str | Path = "parameters") -> list[str]:
    """The cases of a folder of parameters, illustrations too."""
    return inputs_cases.known_cases(find_folder(folder))


def shipped_blocks(case: str, folder: str | Path = "parameters") -> dict[str, Block]:
    """By key, the blocks of a case as its files have them and as each scenario does that can be run with it."""
    root = find_folder(folder)
    scenarios = root / "scenarios"
    files = [*sorted(scenarios.glob("*.yaml")), *sorted((scenarios / case).glob("*.yaml"))]
    sets = [load_parameters(root, case)]
    changed = [load_scenario(file, root, case=case) for file in files if _sets_parameters(file)]
    sets += [one.parameters for scenario in changed for one in expand(scenario)]
    return {SHIPPED.key(block): block for parameters in sets for block in blocks_of(parameters.values())}


def _sets_parameters(file: Path, above: tuple[Path, ...] = ()) -> bool:
    """Whether a scenario, or one that it builds on, puts anything in place of parameters; loading the others would tell nothing new."""
    document = read_yaml(file, [])
    if document is None or file in above:
        return False
    bases = [folder / f"{document.data.get('base')}.yaml" for folder in (file.parent, file.parent.parent)]
    further = any(_sets_parameters(base, (*above, file)) for base in bases if base.is_file())
    return bool(document.data.get("overrides") or document.data.get("sweep")) or further


def refresh(case: str, folder: str | Path = "parameters") -> Path:
    """Fit every block of a case anew, whatever is kept, and make its shipped folder hold these posteriors and no others.

    Raises
    ------
    EvidenceError
        A fit is not to be trusted; what is shipped stays as it was.
    """
    blocks = shipped_blocks(case, folder)
    fitted = fit_blocks(((block, "asked for") for block in blocks.values()), SHIPPED, project_folder(CACHE))
    place = find_folder(folder) / "posterior" / case
    kept.replace_folder(place, fitted)
    return place


def parted(folder: str | Path = "parameters", cases: Sequence[str] = ()) -> list[Fault]:
    """Where evidence and shipped posteriors part: a block whose posterior is not there or damaged, and one that no block asks for.

    No faults: what is not there is fitted when it is needed, but each machine then has draws of its own.
    """
    return [fault for case in cases or known_cases(folder) for fault in _parted(case, find_folder(folder))]


def _parted(case: str, root: Path) -> list[Fault]:
    place, blocks = root / "posterior" / case, shipped_blocks(case, root)
    stated, file, remedy = kept.manifest(place), shown(place), f"pmbudget fit --refresh {case}"
    found = []
    for key, block in blocks.items():
        if kept.load(place, key, stated) is None:
            parameters = ", ".join(one.name for one in block.parameters)
            problem = (
                "its file is damaged" if key in stated else "no posterior of these data, priors and model is shipped"
            )
            found.append(Fault(file, f"{block.name} ({parameters})", problem, remedy))
    left = [str(entry["component"]) for key, entry in stated.items() if key not in blocks]
    return found + [Fault(file, name, "a posterior is shipped that no scenario asks for", remedy) for name in left]
