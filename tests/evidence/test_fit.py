"""The fit: loaded where it is kept, made anew where it is not, block by block, and stopped where it is not to be trusted."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from study_builders import counts, parameter, together

from pmbudget.errors import EvidenceError
from pmbudget.evidence import cache as kept
from pmbudget.evidence import fit, fit_evidence, models
from pmbudget.evidence.blocks import blocks_of, learnt
from pmbudget.evidence.fit import Settings, evidence_key

STATED = "08f1da714f8cdd1c"
"""The key of three of ten, spread 0.30000000000000004, as it is on every machine."""


def block_of(name, rows, model="proportion", **how):
    [block] = blocks_of(learnt(together(parameter(name, rows, model, **how))))
    return block


def mixed(seed=1, draws=1000):
    return np.random.default_rng(seed).standard_normal((4, draws))


def sample_of(values):
    return xr.Dataset({name: (("chain", "draw"), values) for name in ("mean", "spread")})


@pytest.fixture
def sampler(monkeypatch):
    """Stands in for the sampler: each block's own numbers at once, and which blocks were asked for."""
    calls = []

    def sample(compiled, block, settings):
        calls.append(block.name)
        return sample_of(mixed(len(block.name), settings.draws)), 0

    monkeypatch.setattr(fit, "_sample", sample)
    return calls


@pytest.fixture
def two():
    return together(parameter("first", counts((3, 10), (4, 12))), parameter("second", counts((5, 10), (6, 12))))


def test_diagnostics_name_every_parameter(posterior, parameters):
    assert sorted(posterior.diagnostics.index) == sorted(parameters)
    assert (posterior.diagnostics["r_hat"] <= 1.01).all()
    assert (posterior.diagnostics[["ess_bulk", "ess_tail"]] >= 400).all(axis=None)


def test_a_second_call_loads_and_does_not_sample(posterior, parameters, cache, sampler):
    again = fit_evidence(parameters, cache=cache, draws=600, progress=False)
    assert sampler == []
    # Who fitted has the numbers of who loads: rounded to 32 bits and read back.
    xr.testing.assert_identical(again.draws, posterior.draws)
    xr.testing.assert_identical(again.fitted, posterior.fitted)
    pd.testing.assert_frame_equal(again.diagnostics, posterior.diagnostics)
    assert again.key == posterior.key


# One block and the others


def test_only_the_block_that_changed_is_fitted_and_the_others_keep_their_draws(two, sampler, tmp_path):
    before = fit_evidence(two, cache=tmp_path, progress=False)
    changed = together(two["first"], parameter("second", counts((5, 10), (7, 12))))
    after = fit_evidence(changed, cache=tmp_path, progress=False)
    assert sampler == ["first.csv:first", "second.csv:second", "second.csv:second"]
    assert np.array_equal(after.draws["first"], before.draws["first"])
    assert after.key == evidence_key(changed) != before.key


def test_a_block_that_shares_a_compiled_model_is_sampled_as_if_it_were_alone():
    rows = {"one": counts((30, 100), (20, 90)), "other": counts((3, 100), (60, 900))}
    settings, blocks = Settings(draws=30, chains=2), [block_of(name, table) for name, table in rows.items()]
    together_, alone = models.Compiled(), models.Compiled()
    shared = [fit._sample(together_, block, settings)[0] for block in blocks]
    assert len(together_.known) == 1
    xr.testing.assert_identical(fit._sample(alone, blocks[1], settings)[0], shared[1])
    assert not np.array_equal(shared[0]["mean"], shared[1]["mean"])


def test_a_block_is_the_same_whichever_of_its_parameters_are_learnt():
    rows, parts = [{"tp": 9, "fn": 1, "tn": 8, "fp": 2}], ("sensitivity", "specificity")
    both = [parameter(part, rows, "accuracy", quantity="test", part=part) for part in parts]
    assert Settings().key(blocks_of(both)[0]) == Settings().key(blocks_of(both[1:])[0])


# Files that are not trusted


@pytest.mark.parametrize("ending", [".nc.gz", ".json"])
def test_a_damaged_file_is_fitted_anew_and_mended(two, sampler, tmp_path, ending):
    whole = fit_evidence(two, cache=tmp_path, progress=False)
    path = tmp_path / f"{Settings().key(blocks_of(learnt(two))[0])}{ending}"
    path.write_bytes(path.read_bytes()[:-100])
    again = fit_evidence(two, cache=tmp_path, progress=False)
    assert sampler[2:] == ["first.csv:first"]
    xr.testing.assert_identical(again.draws, whole.draws)
    fit_evidence(two, cache=tmp_path, progress=False)
    assert len(sampler) == 3


def test_the_file_of_another_block_under_this_ones_name_is_not_taken(two, sampler, tmp_path):
    fit_evidence(two, cache=tmp_path, progress=False)
    first, second = (Settings().key(block) for block in blocks_of(learnt(two)))
    for ending in (".nc.gz", ".json"):
        content = (tmp_path / f"{second}{ending}").read_bytes().replace(second.encode(), first.encode())
        (tmp_path / f"{first}{ending}").write_bytes(content)
    fit_evidence(two, cache=tmp_path, progress=False)
    assert sampler[2:] == ["first.csv:first"]


def test_a_line_says_which_block_is_fitted_and_why(two, sampler, tmp_path, caplog):
    fit_evidence(two, cache=tmp_path)
    assert [record.getMessage() for record in caplog.records] == [
        f"{name}.csv:{name} ({name}) is fitted: no posterior is kept of these data, priors, model and settings"
        for name in ("first", "second")
    ]
    caplog.clear()
    key = Settings().key(blocks_of(learnt(two))[0])
    (tmp_path / f"{key}.nc.gz").write_bytes(b"")
    fit_evidence(two, cache=tmp_path)
    assert f"first.csv:first (first) is fitted: the file {key}" in caplog.text
    assert "is damaged" in caplog.text
    assert "second" not in caplog.text


def test_a_file_holds_32_bits_and_is_the_same_from_the_same_numbers():
    sampled = sample_of(mixed())
    read = kept.unpacked(kept.packed(sampled))
    assert np.array_equal(read["mean"], mixed().astype(np.float32).astype(float))
    assert read["mean"].dtype == np.float64
    assert kept.packed(read) == kept.packed(sampled)


# Keys


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
        evidence_key(together(parameter("x", counts((3, 10), use="borrow"), borrow=0.5))),
        evidence_key(together(parameter("x", pooled, by="region"))),
    ]
    assert len(set(keys)) == len(keys)


def test_a_key_is_the_same_everywhere_and_under_another_library(monkeypatch):
    block = block_of("x", counts((3, 10)), prior={"spread": 0.1 + 0.2})
    assert Settings().key(block) == STATED
    monkeypatch.setattr(kept, "version", lambda name: "99.0")
    assert Settings().key(block) == STATED


def test_a_raised_version_of_a_model_makes_its_posteriors_others_and_leaves_the_rest(monkeypatch):
    share = block_of("x", counts((3, 10)))
    time = block_of("t", [{"kind": "patient", "month": 1, "event": 1}], "survival", part="median")
    before = [Settings().key(one) for one in (share, time)]
    kind = models.KINDS["proportion"]
    monkeypatch.setattr(kept, "KINDS", {**models.KINDS, "proportion": models.Kind(kind.add, kind.version + 1)})
    assert Settings().key(share) != before[0]
    assert Settings().key(time) == before[1]


def test_what_is_said_of_a_study_does_not_count():
    said = counts((3, 10), note="Read again", address="https://example.org", country="SE")
    assert Settings().key(block_of("x", said)) == Settings().key(block_of("x", counts((3, 10))))


@pytest.mark.parametrize(("use", "borrow"), [("sensitivity", None), ("no", None), ("borrow", 0)])
def test_a_study_that_is_shown_only_does_not_count(use, borrow):
    how = {} if borrow is None else {"borrow": borrow}
    shown = counts((3, 10)) + counts((9, 10), use=use)
    with_it, without = together(parameter("x", shown, **how)), together(parameter("x", counts((3, 10)), **how))
    assert evidence_key(with_it) == evidence_key(without)


# The gate


def test_all_blocks_that_did_not_converge_are_named_and_what_did_is_filed(two, tmp_path, monkeypatch):
    three = together(*two.values(), parameter("third", counts((1, 9))))
    apart = mixed() + np.arange(4)[:, None]
    told = {"first": (mixed(), 0), "second": (apart, 0), "third": (mixed(), 3)}

    def sample(compiled, block, settings):
        values, divergences = told[block.how.quantity]
        return sample_of(values), divergences

    monkeypatch.setattr(fit, "_sample", sample)
    with pytest.raises(EvidenceError, match=r"(?s)second \(mean, spread\): r_hat 1\.5.*3 divergences in third.*Remedy"):
        fit_evidence(three, cache=tmp_path, progress=False)
    first = Settings().key(blocks_of(learnt(two))[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{first}.json", f"{first}.nc.gz"]


@pytest.fixture
def one():
    return block_of("quantity", counts((3, 10)))


def test_the_gate_lets_a_sound_fit_through(one):
    assert fit._faults(one, fit.diagnosed(sample_of(mixed())), 0) == []


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize(
    ("values", "said"),
    [
        (mixed() + np.arange(4)[:, None], "r_hat 1.5"),
        (np.repeat(mixed()[:, :50], 20, axis=1), "bulk ESS"),
        (np.ones((4, 1000)), "r_hat nan"),
    ],
    ids=["chains disagree", "few independent draws", "never moved"],
)
def test_the_gate_names_the_parameter(one, values, said):
    [fault] = fit._faults(one, fit.diagnosed(sample_of(values)), 0)
    assert fault.startswith("quantity (mean, spread): ")
    assert said in fault


def test_without_studies_there_is_nothing_to_fit(tmp_path, sampler):
    assert len(fit_evidence(together(), cache=tmp_path, progress=False).draws) == 0
    assert sampler == []
