"""The two fits of the suite, which hold every block between them: compiling costs more than sampling."""

import logging

import pytest
from study_builders import the_parameters, the_uptake, together

from pmbudget.evidence import fit_evidence


@pytest.fixture(scope="session")
def parameters():
    return together(*the_parameters())


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("evidence")


@pytest.fixture(scope="session")
def posterior(parameters, cache):
    """Everything but uptake."""
    logging.getLogger("pymc").setLevel(logging.ERROR)
    return fit_evidence(parameters, cache=cache, draws=600, progress=False)


@pytest.fixture(scope="session")
def spread(cache):
    """Uptake over regions."""
    return fit_evidence(together(*the_uptake()), cache=cache, draws=800, progress=False)
