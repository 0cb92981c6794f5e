import pytest
import xarray as xr


@pytest.fixture(scope="session")
def setting():
    """A table of draws with some parameters at one value in every draw."""

    def to(table, names, value):
        return table.assign({name: xr.full_like(table[name], value, dtype=float) for name in names})

    return to


@pytest.fixture(scope="session")
def few(table):
    return table.isel(draw=slice(40))
