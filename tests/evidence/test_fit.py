import logging

import numpy as np
import pytest
import xarray as xr
from scipy import special

from pmbudget.errors import EvidenceError
from pmbudget.evidence import fit, fit_evidence
from pmbudget.evidence.fit import evidence_key
from pmbudget.inputs.parameters import Parameter, ParameterSet, Record, Study
from pmbudget.inputs.prices import Prices

MU, TAU = -1.8, 0.3


def learnt(name, counts, use="pool", borrow=None):
    record = Record.model_validate(
        {
            "label": {"sv": name, "en": name},
            "unit": "share",
            "distribution": {"studies": "x.csv", "quantity": name, "borrow": borrow},
            "evidence": "derived",
            "source": {"title": "Simulated"},
        }
    )
    rows = [
        Study(
            quantity=name, study=f"S{n}", numerator=k, denominator=of, use=use, evidence="derived", source="Simulated"
        )
        for n, (k, of) in enumerate(counts)
    ]
    return Parameter(name, record, "x.yaml", 1, None, tuple(rows))


def together(*parameters):
    return ParameterSet({one.name: one for one in parameters}, 2024, {}, Prices({}, {}))


def simulated():
    rng = np.random.default_rng(7)
    shares = special.expit(MU + TAU * rng.standard_normal(12))
    return [(int(rng.binomial(600, share)), 600) for share in shares]


@pytest.fixture(scope="module")
def parameters():
    few = [(30, 100), (33, 100), (28, 100)]
    return together(
        learnt("many", simulated()),
        learnt("whole", few, "borrow", 1.0),
        learnt("discounted", few, "borrow", 0.1),
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("evidence")


@pytest.fixture(scope="module")
def posterior(parameters, cache):
    """The one fit of the suite."""
    logging.getLogger("pymc").setLevel(logging.ERROR)
    return fit_evidence(parameters, cache=cache, draws=600, progress=False)


def interval(values):
    return np.quantile(values, [0.025, 0.975])


def pooled(posterior, name):
    return posterior.fitted["pooled"].sel(parameter=name).to_numpy().ravel()


def test_the_pooled_share_is_recovered_from_twelve_simulated_studies(posterior):
    low, high = interval(pooled(posterior, "many"))
    assert low < special.expit(MU) < high
    assert high - low < 0.1


def test_the_spread_between_settings_is_recovered(posterior):
    low, high = interval(posterior.fitted["tau"].sel(parameter="many").to_numpy())
    assert low < TAU < high


def test_a_new_setting_is_less_certain_than_the_mean_of_those_studied(posterior):
    known, new = (np.diff(interval(values))[0] for values in (pooled(posterior, "many"), posterior.draws["many"]))
    assert new > 2 * known


def test_a_new_setting_varies_by_the_spread_between_settings(posterior):
    mu, tau = (posterior.fitted[name].sel(parameter="many").to_numpy().ravel() for name in ("mu", "tau"))
    found = np.var(special.logit(posterior.draws["many"].to_numpy()))
    assert found == pytest.approx(np.var(mu) + np.mean(tau**2), rel=0.2)


def test_a_borrowed_study_at_a_tenth_is_less_certain_than_a_whole_one(posterior):
    mu = posterior.fitted["mu"]
    assert float(mu.sel(parameter="discounted").std()) > 1.3 * float(mu.sel(parameter="whole").std())


def test_the_draws_are_all_chains_one_after_the_other(posterior):
    first = posterior.fitted["predicted"].sel(parameter="many").to_numpy()
    assert np.array_equal(posterior.draws["many"], first.ravel())
    assert posterior.draws.sizes["draw"] == 2400


def test_diagnostics_name_every_parameter(posterior, parameters):
    assert list(posterior.diagnostics.index) == list(parameters)
    assert (posterior.diagnostics["r_hat"] <= 1.01).all()
    assert (posterior.diagnostics[["ess_bulk", "ess_tail"]] >= 400).all(axis=None)


def never(*arguments):
    raise AssertionError("sampled although the posterior is cached")


def test_a_second_call_loads_and_does_not_sample(posterior, parameters, cache, monkeypatch):
    monkeypatch.setattr(fit, "_sample", never)
    again = fit_evidence(parameters, cache=cache, draws=600, progress=False)
    xr.testing.assert_equal(again.draws, posterior.draws)
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


def test_a_posterior_of_other_data_is_not_taken(posterior, parameters, cache, counter):
    more = together(learnt("many", [*simulated(), (1, 2)]), *[parameters[name] for name in ("whole", "discounted")])
    fit_evidence(more, cache=cache, draws=600, progress=False)
    assert len(counter) == 1


def test_a_bad_fit_is_not_cached(posterior, parameters, tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "_sample", lambda *arguments: (posterior.fitted, 3))
    with pytest.raises(EvidenceError, match="3 divergences"):
        fit_evidence(parameters, cache=tmp_path, draws=600, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_what_decides_the_fit_decides_the_key(parameters):
    keys = {
        evidence_key(parameters),
        evidence_key(parameters, draws=999),
        evidence_key(parameters, chains=3),
        evidence_key(parameters, seed=2),
        evidence_key(together(learnt("many", simulated()[:-1]))),
        evidence_key(together(learnt("many", simulated()))),
    }
    assert len(keys) == 6


def test_borrowing_nothing_leaves_the_study_out():
    without = together(learnt("x", [(3, 10)]))
    studies = (*without["x"].studies, *learnt("x", [(9, 10)], use="borrow").studies)
    parameter = learnt("x", [(3, 10)], borrow=0)
    borrowed = together(Parameter("x", parameter.record, "x.yaml", 1, None, studies))
    assert evidence_key(borrowed) == evidence_key(without)


@pytest.mark.parametrize("use", ["sensitivity", "no"])
def test_a_study_that_is_shown_only_does_not_count(use):
    without = together(learnt("x", [(3, 10)]))
    shown = (*without["x"].studies, *learnt("x", [(9, 10)], use=use).studies)
    assert evidence_key(together(Parameter("x", without["x"].record, "x.yaml", 1, None, shown))) == evidence_key(
        without
    )


def chains(**by_parameter):
    values = np.stack(list(by_parameter.values()), axis=-1)
    return xr.Dataset({"predicted": (("chain", "draw", "parameter"), values)}, {"parameter": list(by_parameter)})


def mixed():
    return np.random.default_rng(1).standard_normal((4, 1000))


def test_the_gate_lets_a_sound_fit_through():
    fit._gate(chains(sound=mixed()), 0)


def test_the_gate_names_the_parameter_whose_chains_disagree():
    apart = mixed() + np.arange(4)[:, None]
    with pytest.raises(EvidenceError, match="stuck: r_hat") as caught:
        fit._gate(chains(sound=mixed(), stuck=apart), 0)
    assert "sound" not in str(caught.value)
    assert "Remedy" in str(caught.value)


def test_the_gate_names_the_parameter_with_few_independent_draws():
    slow = np.repeat(mixed()[:, :50], 20, axis=1)
    with pytest.raises(EvidenceError, match="slow: .*bulk ESS"):
        fit._gate(chains(slow=slow), 0)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_the_gate_stops_a_chain_that_never_moved():
    with pytest.raises(EvidenceError, match="still"):
        fit._gate(chains(still=np.ones((4, 1000))), 0)


def test_the_gate_stops_divergences():
    with pytest.raises(EvidenceError, match="3 divergences"):
        fit._gate(chains(sound=mixed()), 3)


def test_without_studies_there_is_nothing_to_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "_sample", never)
    assert len(fit_evidence(together(), cache=tmp_path, progress=False).draws) == 0
