"""What several rooms need: the shipped files, one scenario, crude draws without PyMC, one walk."""

import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pmbudget.evidence.crude import crude_posterior
from pmbudget.evidence.draws import draw_parameters
from pmbudget.inputs import load_scenario
from pmbudget.questions import assumptions
from pmbudget.questions.classes import breakdown
from pmbudget.road import evaluate_draws, recipe, shelf

PARAMETERS = Path(__file__).resolve().parents[1] / "parameters"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """What stays in one process where tests run in several: a file, all of tests/evidence, which shares its fits, and a run's chapters.

    The groups of pytest-xdist itself are of no effect with pytest 9.2, whose node ids it cannot extend.
    """
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid):
            if nodeid.startswith("tests/evidence/"):
                return "tests/evidence"
            if nodeid.startswith("tests/batch/test_chapters.py"):
                return nodeid.rsplit("-", 1)[0]
            return super()._split_scope(nodeid)

    return Together(config, log)


def _crude_draws(scenario, n=500, seed=1):
    return draw_parameters(scenario.parameters, crude_posterior(scenario.parameters), n=n, seed=seed)


@pytest.fixture(scope="session")
def crude_draws():
    return _crude_draws


@contextmanager
def _crude_fits():
    with pytest.MonkeyPatch.context() as patch:
        for module in (recipe, assumptions):
            patch.setattr(module, "fit_evidence", crude_posterior)
        yield


@pytest.fixture(scope="session")
def crude_fits():
    """A context in which evidence is learnt crudely and without PyMC."""
    return _crude_fits


@pytest.fixture
def without_pymc():
    with _crude_fits():
        yield


@pytest.fixture(scope="session")
def shipped():
    return PARAMETERS


@pytest.fixture
def folder(tmp_path):
    """A copy of the shipped files to break or to add to."""
    return Path(shutil.copytree(PARAMETERS, tmp_path / "parameters"))


@pytest.fixture(scope="session")
def scenario():
    return load_scenario("agreement_even", PARAMETERS)


@pytest.fixture(scope="session")
def limited():
    """The scenario with every limit of supply that its case states, those that rest on a guess too."""
    return load_scenario("agreement_even_limited", PARAMETERS)


@pytest.fixture(scope="session")
def unlimited(scenario):
    """The scenario without any limit of supply."""
    return replace(scenario, case=scenario.case.model_copy(update={"capacity": None}))


@pytest.fixture(scope="session")
def unplanned():
    return load_scenario("unplanned", PARAMETERS)


@pytest.fixture(scope="session")
def table(scenario):
    return _crude_draws(scenario)


@pytest.fixture(scope="session")
def results(scenario, table):
    return evaluate_draws(scenario, table)


@pytest.fixture(scope="session")
def parts(scenario, table):
    return breakdown(scenario, table)


@pytest.fixture(scope="session", autouse=True)
def kept_apart(tmp_path_factory):
    """What tests keep of results goes to a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelf, "FOLDER", str(tmp_path_factory.mktemp("results")))
        yield
