"""The worked case of genome sequencing first: what its studies say must come out of it, and the comparator decides it."""

import pytest

from pmbudget.inputs import load_scenario
from pmbudget.patient import simulate
from pmbudget.road import evaluate_draws
from pmbudget.vocabulary import TAILS

CASE = "rare_disease_wgs"
VAN_DER_SANDEN = {"genome_first": 45 / 150, "array_first": 43 / 150}
"""Diagnoses of the same 150 Dutch children: genome first, and exome-based care (European Journal of Human Genetics 2023)."""
LINDSTRAND = {"genome_first": 35 / 100, "array_first": 46 / 421}
"""Genome first, and array alone, at Karolinska (Genetics in Medicine 2022)."""
RUNHEIM = {"genome_first": 22 / 89, "array_first": 84 / 418}
"""The same two after two years, with what routine did after the array (Scientific Reports 2023)."""
RUNHEIM_GENETICS = (834, 1295)
"""Genome less array pathway, cost of genetic investigations per child: 95 % interval, dollars of an unstated year."""


def walked(crude_draws, shipped, name):
    scenario = load_scenario(name, shipped, case=CASE)
    table = crude_draws(scenario)
    return evaluate_draws(scenario, table), table


@pytest.fixture(scope="module")
def base(crude_draws, shipped):
    return walked(crude_draws, shipped, "agreement_even")


@pytest.fixture(scope="module")
def against_exome(crude_draws, shipped):
    return walked(crude_draws, shipped, f"{CASE}/against_exome")


def diagnosed(walk):
    """Share diagnosed by strategy, over draws."""
    return walk[0].per_patient.outcomes["treated"].sel(management="diagnosed").to_series().to_dict()


def test_the_genomes_yield_is_the_arrays_and_what_sequencing_finds_after_it(base):
    _, table = base
    array, after = table["yield_array"], table["yield_after_array"]
    genome = float((array + (1 - array) * after).mean())
    assert RUNHEIM["genome_first"] < genome < LINDSTRAND["genome_first"]
    assert genome == pytest.approx(VAN_DER_SANDEN["genome_first"], abs=0.03)
    assert diagnosed(base)["genome_first"] == pytest.approx(genome, abs=0.01)


def test_the_array_pathway_finds_what_it_did_after_two_years(base):
    assert diagnosed(base)["array_first"] == pytest.approx(RUNHEIM["array_first"], abs=0.03)


def test_against_array_alone_the_genome_trebles_the_yield(crude_draws, shipped):
    found = diagnosed(walked(crude_draws, shipped, f"{CASE}/against_array_alone"))
    assert found["array_first"] == pytest.approx(LINDSTRAND["array_first"], abs=0.02)
    assert 2.5 < found["genome_first"] / found["array_first"] < 3.7


def test_against_exome_based_care_the_genome_adds_two_in_150(against_exome):
    found = diagnosed(against_exome)
    assert 150 * (found["genome_first"] - found["array_first"]) == pytest.approx(2, abs=0.6)


def extra_cost(walk):
    return walk[0].per_patient.cost.sel(strategy="genome_first") - walk[0].per_patient.cost.sel(strategy="array_first")


def test_the_comparator_and_the_reading_of_outpatient_care_decide_what_the_genome_costs(
    base, against_exome, crude_draws, shipped
):
    as_observed = walked(crude_draws, shipped, f"{CASE}/outpatient_as_observed")
    assert (
        float(extra_cost(as_observed).mean()) < float(extra_cost(base).mean()) < float(extra_cost(against_exome).mean())
    )
    assert float(extra_cost(as_observed).mean()) < 0 < float(extra_cost(against_exome).mean())
    low, high = extra_cost(base).quantile(TAILS).to_numpy()
    assert low < 0 < high


def test_the_laboratory_pays_and_the_clinic_saves(base, shipped):
    """The silo per patient, before any clause; the bottom-up costing of genetics meets the published difference."""
    case, table = load_scenario("agreement_even", shipped, case=CASE).case, base[1]
    once = simulate(table, case, horizon=1)["cost_once"]
    by_unit = (once.sel(strategy="genome_first") - once.sel(strategy="array_first")).groupby("unit").sum()
    laboratory, clinic = by_unit.sel(unit="diagnostic_unit"), by_unit.sel(unit="clinic")
    assert clinic.quantile(TAILS).to_numpy()[1] < 0
    assert float((laboratory > 0).mean()) > 0.95
    kronor = float(table["cost_search_outpatient"].mean()) / 2330
    assert RUNHEIM_GENETICS[0] * kronor < float(laboratory.mean()) < RUNHEIM_GENETICS[1] * kronor


def test_no_more_diagnoses_and_no_worth_of_one_give_no_gain(shipped, crude_draws):
    scenario = load_scenario("agreement_even", shipped, {"share_gap_closed": 0, "child_gain": 0}, case=CASE)
    qaly = evaluate_draws(scenario, crude_draws(scenario, n=20)).per_patient.qaly
    assert float(abs(qaly.sel(strategy="genome_first") - qaly.sel(strategy="array_first")).max()) < 1e-9
