import pytest
import xarray as xr

from pmbudget.inputs.pathways import AmongRest


@pytest.fixture(scope="session")
def setting():
    """A table of draws with some parameters at one value in every draw."""

    def to(table, names, value):
        return table.assign({name: xr.full_like(table[name], value, dtype=float) for name in names})

    return to


@pytest.fixture(scope="session")
def few(table):
    return table.isel(draw=slice(40))


@pytest.fixture(scope="session")
def offered():
    """The parameters that decide who is offered a test of the strategies named, all of them if none is: at 1 everybody, at 0 nobody."""

    def of(case, *names):
        steps = [step for name in names or case.strategies for step in case.strategies[name].tests]
        mixed = [step.offered for step in steps if isinstance(step.offered, AmongRest)]
        plain = [step.offered for step in steps if not isinstance(step.offered, AmongRest)]
        return {*plain, *(name for one in mixed for name in (one.overall, one.inside))}

    return of
