"""The fit: loaded where it is kept, made anew where it is not, and stopped where it is not to be trusted."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from study_builders import counts, many, parameter, together

from pmbudget.errors import EvidenceError
from pmbudget.evidence import fit, fit_evidence
from pmbudget.evidence.blocks import blocks_of, learnt
from pmbudget.evidence.fit import evidence_key


def test_diagnostics_name_every_parameter(posterior, parameters):
    assert sorted(posterior.diagnostics.index) == sorted(parameters)
    assert (posterior.diagnostics["r_hat"] <= 1.01).all()
    assert (posterior.diagnostics[["ess_bulk", "ess_tail"]] >= 400).all(axis=None)


def never(*arguments):
    raise AssertionError("sampled although the posterior is cached")


def test_a_second_call_loads_and_does_not_sample(posterior, parameters, cache, monkeypatch):
    monkeypatch.setattr(fit, "_sample", never)
    again = fit_evidence(parameters, cache=cache, draws=600, progress=False)
    xr.testing.assert_equal(again.draws, posterior.draws)
    pd.testing.assert_frame_equal(again.diagnostics, posterior.diagnostics)
    assert again.key == posterior.key


@pytest.fixture
def counter(posterior, monkeypatch):
    """Stands in for the sampler, gives the posterior that is there, and counts."""
    calls = []

    def sample(*arguments):
        calls.append(arguments)
        return posterior.fitted.drop_attrs(), 0

    monkeypatch.setattr(fit, "_sample", sample)
    return calls


@pytest.mark.parametrize("ending", [".nc", ".json"])
def test_a_damaged_cache_is_fitted_anew_and_mended(posterior, parameters, cache, counter, ending):
    path = cache / f"{posterior.key}{ending}"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    again = fit_evidence(parameters, cache=cache, draws=600, progress=False)
    assert len(counter) == 1
    assert np.array_equal(again.draws["many"], posterior.draws["many"])
    fit_evidence(parameters, cache=cache, draws=600, progress=False)
    assert len(counter) == 1


def test_a_posterior_of_other_data_is_not_taken(parameters, cache, counter):
    more = together(parameter("many", counts(*many(), (1, 2))), *[parameters[name] for name in ("whole", "discounted")])
    fit_evidence(more, cache=cache, draws=600, progress=False)
    assert len(counter) == 1


def test_a_bad_fit_is_not_cached(posterior, parameters, tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "_sample", lambda *arguments: (posterior.fitted, 3))
    with pytest.raises(EvidenceError, match="3 divergences"):
        fit_evidence(parameters, cache=tmp_path, draws=600, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_what_decides_the_fit_decides_the_key(parameters):
    pooled = counts((3, 10))
    keys = [
        evidence_key(parameters),
        evidence_key(parameters, draws=999),
        evidence_key(parameters, chains=3),
        evidence_key(parameters, seed=2),
        evidence_key(together(parameter("x", pooled))),
        evidence_key(together(parameter("x", counts((3, 11))))),
        evidence_key(together(parameter("x", pooled, prior={"spread": 0.5}))),
        evidence_key(together(parameter("x", pooled, borrow=0.5))),
        evidence_key(together(parameter("x", pooled, by="region"))),
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(("use", "borrow"), [("sensitivity", None), ("no", None), ("borrow", 0)])
def test_a_study_that_is_shown_only_does_not_count(use, borrow):
    how = {} if borrow is None else {"borrow": borrow}
    shown = counts((3, 10)) + counts((9, 10), use=use)
    with_it, without = together(parameter("x", shown, **how)), together(parameter("x", counts((3, 10)), **how))
    assert evidence_key(with_it) == evidence_key(without)


@pytest.fixture
def one():
    return blocks_of(learnt(together(parameter("quantity", counts((3, 10))))))


def chains(values):
    fitted = {
        f"proportion_{name}": (("chain", "draw", "proportion_block"), values[..., None]) for name in ("mu", "tau")
    }
    return xr.Dataset(fitted, {"proportion_block": ["quantity"]})


def mixed():
    return np.random.default_rng(1).standard_normal((4, 1000))


def test_the_gate_lets_a_sound_fit_through(one):
    fit._gate(fit.diagnosed(one, chains(mixed())), 0)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize(
    ("values", "said"),
    [
        (mixed() + np.arange(4)[:, None], "mean, spread.*r_hat 1.5"),
        (np.repeat(mixed()[:, :50], 20, axis=1), "bulk ESS"),
        (np.ones((4, 1000)), "r_hat nan"),
    ],
    ids=["chains disagree", "few independent draws", "never moved"],
)
def test_the_gate_names_the_parameter(one, values, said):
    with pytest.raises(EvidenceError, match=rf"quantity \(.*{said}") as caught:
        fit._gate(fit.diagnosed(one, chains(values)), 0)
    assert "Remedy" in str(caught.value)


def test_the_gate_stops_divergences(one):
    with pytest.raises(EvidenceError, match="3 divergences in quantity"):
        fit._gate(fit.diagnosed(one, chains(mixed())), 3)


def test_without_studies_there_is_nothing_to_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "_sample", never)
    assert len(fit_evidence(together(), cache=tmp_path, progress=False).draws) == 0
