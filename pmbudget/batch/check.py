"""Every input and notebook looked through: all faults at once."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from pmbudget.batch.notebooks import CHAPTERS, COMPARISON, notebook_faults
from pmbudget.errors import Fault, InputError
from pmbudget.evidence.crude import crude_posterior
from pmbudget.evidence.draws import ReadDraws, draw_parameters
from pmbudget.inputs import Scenario, expand
from pmbudget.inputs.agreements import STANDING, Agreement
from pmbudget.inputs.alternatives import alternatives
from pmbudget.inputs.cases import known_cases, read_case
from pmbudget.inputs.clauses import PatientFee, RebateSplit, dated_amounts
from pmbudget.inputs.contracts import read_contracts
from pmbudget.inputs.dated import Dated
from pmbudget.inputs.files import Document, find_folder, near, read_yaml, references, shown, validated
from pmbudget.inputs.frames import read_frame
from pmbudget.inputs.funding import read_funding
from pmbudget.inputs.needs import NEEDS
from pmbudget.inputs.parameters import PRICE_YEAR, read_parameters
from pmbudget.inputs.regions import read_regions
from pmbudget.inputs.scenarios import read_scenario
from pmbudget.road import evaluate_draws, pulled


def check(folder: str | Path = "parameters") -> list[Fault]:
    """All faults of the parameter files and the notebooks: what does not load, does not evaluate, or is read by nobody."""
    root = find_folder(folder)
    faults: list[Fault] = []
    read_regions(root, faults)
    for path in sorted((root / "agreements").glob("*.yaml")):
        document = read_yaml(path, faults)
        if document is not None:
            design = validated(Agreement, document, document.data, faults)
            faults += _strange_cases(root, design, document) if design else []
    read_funding(root, faults)
    read_contracts(root, faults)
    for path in sorted((root / "frames").glob("*.yaml")):
        read_frame(path, faults)
    for name in known_cases(root):
        read_case(root, name, read_parameters(root, name, PRICE_YEAR, {}, faults), faults)
    scenarios = [read_scenario(path, root, {}, None, faults) for path in sorted((root / "scenarios").rglob("*.yaml"))]
    whole: list[Scenario] = []
    for scenario in scenarios:
        try:
            whole += expand(scenario) if scenario else []
        except InputError as error:
            faults += error.faults
    if not faults:
        faults += _impossible_alternatives(whole) + _unread(root, whole)
    notebooks = root.parent / "notebooks"
    wanted = {f"{chapter.name}.ipynb" for chapter in (*CHAPTERS, COMPARISON)} if notebooks.is_dir() else set()
    for name in sorted(wanted - {path.name for path in notebooks.glob("*.ipynb")}):
        faults.append(Fault(f"notebooks/{name}", "file", "not found", "restore it"))
    for path in sorted(notebooks.glob("*.ipynb")):
        faults += notebook_faults(path)
    return list({str(fault): fault for fault in faults}.values())


def _strange_cases(root: Path, design: Agreement, document: Document) -> list[Fault]:
    """Cases that a design is said to be for and that are not there: it would stand beside none."""
    known, line = known_cases(root), document.line(["only_for"])
    return [
        Fault(document.file, "only_for", "no such case", near(name, known), name, line)
        for name in design.only_for
        if name not in known
    ]


def begun(folder: str | Path = "parameters", *, today: date) -> list[Fault]:
    """Scenarios whose first year has begun, each where its years stand: nobody can decide any longer on what they plan.

    No faults: a scenario may be kept to be compared with what happened.
    """
    found = []
    for path in sorted((find_folder(folder) / "scenarios").rglob("*.yaml")):
        document = read_yaml(path, [])
        years = document.data.get("years") if document else None
        first = years.get("first") if isinstance(years, Mapping) else None
        if document and isinstance(first, int) and first <= today.year:
            remedy = "move years on; what starts in the first year follows"
            line = document.line(["years", "first"])
            found.append(Fault(document.file, "years.first", "the first year has begun", remedy, first, line))
    return found


def outdated(folder: str | Path = "parameters") -> list[Fault]:
    """Fees and payer rules by which a scenario may calculate with what no longer holds, each where it stands.

    Either a later value begins within the scenario's years, where the one that holds on its first day is used throughout, or a rule of
    the standing ones states no date. No faults: what is decided for later years may be left out on purpose.
    """
    root, found = find_folder(folder), list[Fault]()
    for path in sorted((root / "scenarios").rglob("*.yaml")):
        if scenario := read_scenario(path, root, {}, None, []):
            found += _undated(scenario) + _overtaken(scenario)
    return list({str(fault): fault for fault in found}.values())


def _undated(scenario: Scenario) -> list[Fault]:
    """Standing fees and rebate shares that are one number without a date."""
    file, dated = _agreement_file(scenario, STANDING), dated_amounts(scenario.standing.clauses)
    known = [clause.name for clause, _, _ in dated]
    problem, remedy = "has no date from which it holds", "state it as dated: a list of from, value and source"
    return [
        Fault(file, clause.name, problem, remedy)
        for clause in scenario.standing.clauses
        if isinstance(clause, PatientFee | RebateSplit) and clause.name not in known
    ]


def _overtaken(scenario: Scenario) -> list[Fault]:
    """Dated values that begin within the scenario's years and are not used."""
    amounts: list[tuple[str, str, Dated[float], int | None]] = [
        (_agreement_file(scenario, name), f"{clause.name}.{key}", amount, None)
        for name, agreement in ((STANDING, scenario.standing), (scenario.definition.agreement, scenario.agreement))
        for clause, key, amount in dated_amounts(agreement.clauses if agreement else ())
    ]
    amounts += [
        (parameter.file, name, parameter.record.distribution, parameter.line)
        for name, parameter in scenario.parameters.items()
        if isinstance(parameter.record.distribution, Dated)
    ]
    return [
        Fault(
            file,
            key,
            f"another value holds from {later.since}; {scenario.name} uses that of {amount.in_force_since} to {scenario.years[-1]}",
            "know that it is left out, or move the scenario's years",
            later.value,
            line,
        )
        for file, key, amount, line in amounts
        for later in amount.not_used(scenario.years[-1])
    ]


def _agreement_file(scenario: Scenario, name: str | None) -> str:
    return shown(scenario.folder / "agreements" / f"{name}.yaml")


def _impossible_alternatives(scenarios: list[Scenario]) -> list[Fault]:
    """What the structural alternatives of each case put in place of parameters and cannot stand there."""
    faults: list[Fault] = []
    for scenario in {one.definition.case: one for one in scenarios}.values():
        try:
            alternatives(scenario)
        except InputError as error:
            faults += error.faults
    return faults


def _unread(root: Path, scenarios: list[Scenario]) -> list[Fault]:
    """Parameters that no evaluation reads: of the scenarios, and with all levers on of those that have one left.

    Those of the context are not there to be read.
    """
    known = {name: parameter for one in scenarios for name, parameter in one.parameters.items()}
    left = {name for name, parameter in known.items() if not parameter.record.context}
    left -= {need.name for need in NEEDS}
    try:
        for scenario in scenarios:
            left -= _read_by(scenario)
        for scenario in scenarios:
            if left & set(scenario.parameters):
                left -= _read_by(scenario.with_levers(*scenario.case.levers))
    except ValueError as error:
        file = shown(root / "scenarios" / f"{scenario.name}.yaml")
        return [Fault(file, "file", str(error), "correct the inputs")]
    problem, remedy = "no evaluation reads it", "use it in case.yaml, or remove it"
    return [Fault(one.file, name, problem, remedy, line=one.line) for name, one in known.items() if name in left]


def _read_by(scenario: Scenario) -> set[str]:
    """The parameters that an evaluation on two draws reads, and those that what could be found out is about."""
    table = draw_parameters(scenario.parameters, crude_posterior(scenario.parameters), n=2)
    watched = ReadDraws(table)
    evaluate_draws(scenario, pulled(scenario, watched))
    read = watched.read | {name for _, name in references(scenario.case.research)}
    read |= {name for name in [scenario.case.utility_population] if name}
    return read | {
        other for name, one in scenario.parameters.items() if name in watched.read for other in one.drawn_with
    }
