"""A scenario under each structural alternative of its case: one thing built otherwise, all else as it is."""

from dataclasses import replace

from pmbudget.errors import Fault, InputError
from pmbudget.inputs.files import read_yaml
from pmbudget.inputs.needs import unmet_needs
from pmbudget.inputs.overrides import Override
from pmbudget.inputs.parameters import read_parameters
from pmbudget.inputs.scenarios import Scenario


def alternatives(scenario: Scenario) -> dict[str, Scenario]:
    """The scenario under each structural alternative for which a patient is followed anew, with the two strategies that are compared.

    Overrides take the place of the scenario's own, as in a scenario that builds on it; all other parameters are the scenario's.

    Raises
    ------
    InputError
        A figure that a parameter cannot have.
    """
    faults: list[Fault] = []
    found = {name: _alternative(scenario, name, faults) for name, one in scenario.case.tried.items() if one.is_walked}
    if faults:
        raise InputError(faults)
    return found


def _alternative(scenario: Scenario, name: str, faults: list[Fault]) -> Scenario:
    case, definition = scenario.case, scenario.definition
    asked = case.tried[name]
    new, comparator = asked.strategy or case.new, asked.comparator or case.comparator
    update = {
        "new": new,
        "in_use": new,
        "comparator": comparator,
        "strategies": {one: case.strategies[one] for one in (comparator, new)},
        "horizon_years": asked.horizon_years or case.horizon_years,
    }
    changed = replace(scenario, case=case.model_copy(update=update))
    if not asked.overrides:
        return changed
    root, first_year = scenario.folder, definition.years.first
    document = read_yaml(root / "cases" / definition.case / "case.yaml", faults)
    place, source = ["structures", name, "overrides"], case.source.model_dump(mode="json")
    own = {one: Override(to) for one, to in definition.overrides.items()}
    for one, to in asked.overrides.items():
        file, line = (document.file, document.line([*place, one])) if document else ("", None)
        own[one] = Override(to, case.evidence, source, file, ".".join(place), line)
    read = read_parameters(root, definition.case, definition.price_year, own, faults, first_year=first_year)
    faults += unmet_needs(root, read, own, faults)
    # What an override brings with it, a rate of exchange, stands in no other place.
    brought = {one: to for one, to in read.items() if one in asked.overrides or one not in scenario.parameters}
    kept = scenario.parameters
    return replace(changed, parameters=replace(kept, parameters={**kept.parameters, **brought}, raw=read.raw))
