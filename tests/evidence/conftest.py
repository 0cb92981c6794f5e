"""The one fit of the suite, which holds every block: compiling costs more than sampling."""

import logging

import pytest
from study_builders import the_parameters, together

from pmbudget.evidence import fit_evidence


@pytest.fixture(scope="session")
def parameters():
    return together(*the_parameters())


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("evidence")


@pytest.fixture(scope="session")
def posterior(parameters, cache):
    """The one fit of the suite."""
    logging.getLogger("pymc").setLevel(logging.ERROR)
    return fit_evidence(parameters, cache=cache, draws=600, progress=False)
