"""Those contracted for: that they use what the model of one patient says, and respond as its curves do."""

import numpy as np
import pytest

from pmbudget.inputs import load_scenario
from pmbudget.patient.contracted import contracted, curves, drug_price, responding
from pmbudget.patient.outcomes import simulate
from pmbudget.vocabulary import FOLLOWED


@pytest.fixture(scope="module", params=["nsclc_panel", "fh_cascade"])
def case_draws(request, shipped, crude_draws):
    scenario = load_scenario("agreement_even", shipped, case=request.param)
    return scenario.case, crude_draws(scenario, 8)


def test_each_case_contracts_for_the_drugs_that_an_answer_leads_to(scenario, shipped):
    names = contracted(scenario.case)
    assert "osimertinib" in names
    assert "matched_without_target" in names
    assert not {"standard", "osimertinib_later", "sotorasib_later"} & set(names)
    assert contracted(load_scenario("agreement_even", shipped, case="fh_cascade").case) == [
        "confirmed",
        "misclassified",
    ]
    assert contracted(load_scenario("agreement_even", shipped, case="rare_disease_wgs").case) == []


def test_what_is_used_is_what_the_model_of_one_patient_counts(case_draws):
    case, draws = case_draws
    name = contracted(case)[0]
    # The patient alone: relatives whom nobody finds are in the model's sum too.
    whole, case = case, case.model_copy(update={"relatives": None})
    assert contracted(whole)[0] == name
    found = simulate(draws, case, horizon=FOLLOWED, beside={"alone": name}).sel(strategy="alone")
    benefit = (found["channel"] == "benefit").to_numpy()
    drugs = found["cost"].isel(resource=benefit).sum("resource").transpose("year_since_start", "draw").to_numpy()
    use = curves(draws, case, [name])[name].use(drug_price(draws, case, name))
    assert use == pytest.approx(drugs, rel=1e-9)


def test_list_prices_are_net_prices_before_rebates(scenario, crude_draws):
    draws = crude_draws(scenario, 4)
    net, listed = (drug_price(draws, scenario.case, "osimertinib", listed=kind) for kind in (False, True))
    assert net.yearly[0] == pytest.approx(listed.yearly[0] * (1 - draws["rebate_benefit"].to_numpy()))


def test_response_is_weighed_by_who_is_treated_and_what_it_costs(case_draws):
    case, draws = case_draws
    treated = simulate(draws, case, horizon=1)["treated"].sel(strategy=case.new).transpose("management", "draw")
    found = responding(draws, case, treated)
    assert found.shape == (8, FOLLOWED + 1)
    assert found[:, 0] == pytest.approx(1)
    assert (np.diff(found, axis=1) <= 1e-12).all()
    each = np.stack([one.responding[:: one.points] for one in curves(draws, case, contracted(case)).values()])
    assert (each.max(axis=0) + 1e-12 >= found.T).all()
    assert (each.min(axis=0) - 1e-12 <= found.T).all()
