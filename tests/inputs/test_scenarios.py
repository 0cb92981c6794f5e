import itertools

import pytest

from pmbudget.errors import InputError
from pmbudget.inputs import expand, load_scenario
from pmbudget.inputs.paces import AgreedPace

HEAD = 'label: {sv: "Prov", en: "Trial"}\nbase: agreement_even\nevidence: assumption\nsource: {title: "Invented"}\n'
SWEEP = "sweep:\n  discount_rate_cost: [0, 0.05]\n  discount_rate_qaly: [0, 0.03, 0.05]\n"


@pytest.fixture
def write(folder):
    def writing(text, name="trial"):
        (folder / "scenarios" / f"{name}.yaml").write_text(text, "utf-8")
        return folder

    return writing


def test_what_a_scenario_leaves_out_it_has_from_its_base(scenario, unplanned):
    assert scenario.definition.years == unplanned.definition.years
    assert scenario.case == unplanned.case


def test_what_a_scenario_states_goes_before_its_base(scenario, unplanned):
    assert scenario.definition.label.en != unplanned.definition.label.en
    assert (scenario.definition.pace.ramp, unplanned.definition.pace) == (5, None)


def test_a_scenario_in_a_cases_folder_builds_on_the_general_ones(folder):
    own = folder / "scenarios" / "nsclc_panel"
    own.mkdir(exist_ok=True)
    (own / "agreement_even.yaml").write_text(HEAD, "utf-8")
    found = load_scenario("nsclc_panel/agreement_even", folder)
    assert found.definition.label.en == "Trial"
    assert found.definition.pace.ramp == 5


def test_base_is_followed_through_two_steps(write):
    found = load_scenario("trial", write(HEAD))
    assert (found.definition.pace.ramp, found.years[-1]) == (5, 2036)


def test_overrides_are_merged_by_parameter(write):
    write(HEAD + "overrides: {discount_rate_cost: 0.01, discount_rate_qaly: 0.02}\n", "middle")
    text = HEAD.replace("agreement_even", "middle") + "overrides: {discount_rate_qaly: 0.05}\n"
    parameters = load_scenario("trial", write(text)).parameters
    assert (parameters.fixed("discount_rate_cost"), parameters.fixed("discount_rate_qaly")) == (0.01, 0.05)


def test_an_override_by_number_fixes_an_uncertain_parameter(shipped):
    parameters = load_scenario("unplanned", shipped, {"effect_agreement": 0.25}).parameters
    assert parameters.fixed("effect_agreement") == 0.25


def test_an_override_by_number_fixes_a_learnt_parameter(shipped):
    parameter = load_scenario("unplanned", shipped, {"prevalence_egfr": 0.1}).parameters["prevalence_egfr"]
    assert (parameter.is_learnt, parameter.distribution.mean) == (False, 0.1)


def test_an_override_by_mapping_replaces_keys_and_keeps_the_rest(shipped):
    figures = {"family": "gamma", "mean": 700, "interval": [500, 950]}
    before = load_scenario("unplanned", shipped).parameters["cost_panel"]
    after = load_scenario("unplanned", shipped, {"cost_panel": {"distribution": figures}}).parameters["cost_panel"]
    assert after.distribution.mean == pytest.approx(700)
    assert (after.record.unit, after.factor, after.rate) == (before.record.unit, before.factor, before.rate)


def test_an_override_given_in_the_call_goes_before_the_file(write):
    folder = write(HEAD + "overrides: {discount_rate_cost: 0.01}\n")
    assert load_scenario("trial", folder, {"discount_rate_cost": 0.02}).parameters.fixed("discount_rate_cost") == 0.02


def test_an_override_outside_0_1_of_a_share_is_refused(shipped):
    with pytest.raises(InputError, match="between 0 and 1"):
        load_scenario("unplanned", shipped, {"effect_agreement": 1.25})


def test_an_override_that_names_no_parameter_is_refused(shipped):
    with pytest.raises(InputError, match=r"overrides.effect_agreemnt.*effect_agreement"):
        load_scenario("unplanned", shipped, {"effect_agreemnt": 0})


def test_an_override_reaches_the_resolved_record(shipped):
    resolved = load_scenario("unplanned", shipped, {"effect_agreement": 0.25}).resolved()
    assert resolved["parameters"]["effect_agreement"]["distribution"]["value"] == 0.25
    assert resolved["scenario"]["overrides"] == {"effect_agreement": 0.25}


def test_an_override_never_reaches_the_files_or_another_scenario(folder):
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    before = load_scenario("unplanned", folder).resolved()
    load_scenario("agreement_even", folder, {"effect_agreement": 0.25, "cost_panel": {"note": "changed"}})
    assert load_scenario("unplanned", folder).resolved() == before
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files


def test_a_file_that_changed_is_read_anew(folder):
    load_scenario("agreement_even", folder)
    path = folder / "scenarios" / "agreement_even.yaml"
    path.write_text(path.read_text("utf-8").replace("ramp: 5", "ramp: 12"), "utf-8")
    assert load_scenario("agreement_even", folder).definition.pace.ramp == 12


def test_a_scenario_without_sweep_expands_to_itself(scenario):
    assert expand(scenario) == [scenario]


def test_a_sweep_expands_to_the_product(write):
    expanded = expand(load_scenario("trial", write(HEAD + SWEEP)))
    rates = [
        (one.parameters.fixed("discount_rate_cost"), one.parameters.fixed("discount_rate_qaly")) for one in expanded
    ]
    assert rates == list(itertools.product([0, 0.05], [0, 0.03, 0.05]))
    assert len({one.name for one in expanded}) == 6
    assert all(one.definition.sweep == {} for one in expanded)


def test_swept_scenarios_have_labels_that_tell_them_apart(write):
    expanded = expand(load_scenario("trial", write(HEAD + SWEEP)))
    assert len({one.definition.label.sv for one in expanded}) == len({one.definition.label.en for one in expanded}) == 6


def test_a_sweep_keeps_the_scenario_s_own_overrides(write):
    folder = write(HEAD + SWEEP + "overrides: {effect_agreement: 0.25}\n")
    expanded = expand(load_scenario("trial", folder))
    assert [one.parameters.fixed("effect_agreement") for one in expanded] == [0.25] * 6


def test_a_sweep_keeps_the_overrides_given_in_the_call(write):
    expanded = expand(load_scenario("trial", write(HEAD + SWEEP), {"effect_agreement": 0.25}))
    assert [one.parameters["effect_agreement"].distribution.mean for one in expanded] == [0.25] * 6


def test_a_sweep_in_a_file_outside_the_folder_expands(write, tmp_path, folder):
    write("")
    inside = folder / "scenarios" / "trial.yaml"
    inside.unlink()
    apart = tmp_path / "apart"
    apart.mkdir()
    for path in (folder / "scenarios").glob("*.yaml"):
        (apart / path.name).write_bytes(path.read_bytes())
    (apart / "trial.yaml").write_text(HEAD + SWEEP, "utf-8")
    assert len(expand(load_scenario(apart / "trial.yaml", folder))) == 6


def test_a_swept_parameter_that_does_not_exist_is_refused(write):
    with pytest.raises(InputError, match="discount_rate_cots.*no such parameter"):
        expand(load_scenario("trial", write(HEAD + SWEEP.replace("rate_cost", "rate_cots"))))


def test_a_sweep_that_is_too_large_says_how_many_runs_before_it_makes_one(write):
    values = ", ".join(str(n / 1000) for n in range(60))
    text = f"sweep:\n  discount_rate_cost: [{values}]\n  discount_rate_qaly: [{values}]\n"
    with pytest.raises(InputError, match=r"sweep: makes 3,600 runs.*100 runs at most"):
        expand(load_scenario("trial", write(HEAD + text)))


def test_a_run_swept_to_a_distribution_is_labelled_by_its_figures(write):
    text = "sweep:\n  cost_panel: [{distribution: {family: gamma, mean: 700, interval: [500, 950]}}]\n"
    [one] = expand(load_scenario("trial", write(HEAD + text)))
    assert "700 (" in one.definition.label.en
    assert "{" not in one.definition.label.en + one.name


@pytest.mark.parametrize("name", ['tri"al', "tri<al", "tri:al", "tri\nal", "t" * 81, "trial.", "[/b]"])
def test_a_scenario_file_whose_name_no_folder_can_have_is_refused(write, folder, name):
    try:
        (folder / "scenarios" / f"{name}.yaml").write_text(HEAD, "utf-8")
    except OSError:
        pytest.skip("the file system does not take such a name")
    with pytest.raises(InputError, match="rename the file"):
        load_scenario(folder / "scenarios" / f"{name}.yaml", folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base: ../scenarios/unplanned", "base = .*is no name of"),
        ("base: /etc/unplanned", "base = .*is no name of"),
        ("agreement: ../agreements/state_share_tapered", "agreement = .*no such agreement"),
    ],
)
def test_what_lies_outside_the_folders_is_not_read(write, text, said):
    key = text.split(":")[0]
    head = HEAD if key != "base" else HEAD.replace("base: agreement_even\n", "")
    with pytest.raises(InputError, match=said):
        load_scenario("trial", write(head + text + "\n"))


@pytest.mark.parametrize("name", ["agreement_even", "fh_cascade/cohort_effect"])
def test_a_scenario_may_be_named_with_its_ending(shipped, name):
    assert load_scenario(f"{name}.yaml", shipped).resolved() == load_scenario(name, shipped).resolved()


def test_a_scenario_that_is_not_there_is_answered_with_the_nearest_with_or_without_ending(shipped):
    for name in ("agreement_evn", "agreement_evn.yaml"):
        with pytest.raises(InputError, match="did you mean agreement_even"):
            load_scenario(name, shipped)


def test_no_stays_a_word(write):
    found = load_scenario("trial", write(HEAD.replace('sv: "Prov"', "sv: no")))
    assert found.definition.label.sv == "no"


@pytest.mark.parametrize(("written", "value"), [("1e6", 1e6), ("1.5e3", 1500.0), ("0.07", 0.07)])
def test_a_number_with_an_exponent_is_a_number(write, written, value):
    found = load_scenario("trial", write(HEAD + f"overrides: {{cost_single_gene: {written}}}\n"))
    assert found.parameters["cost_single_gene"].distribution.mean == value


def test_the_years_are_all_from_first_to_last(scenario):
    assert scenario.years == list(range(2027, 2037))


def test_resolved_is_plain_data_and_the_same_each_time(shipped, scenario):
    assert load_scenario("agreement_even", shipped).resolved() == scenario.resolved()
    assert scenario.resolved() != load_scenario("agreement_even", shipped, {"effect_agreement": 0.25}).resolved()


def test_a_run_of_a_sweep_loads_again_as_itself(write):
    folder = write(HEAD + SWEEP)
    for one in expand(load_scenario("trial", folder)):
        again = load_scenario(one.file, folder, one.given)
        assert again.name == one.name
        assert again.resolved() == one.resolved()


def test_a_lever_that_the_case_does_not_have_is_told(write):
    with pytest.raises(InputError, match=r"trial\.yaml.*levers.*no such lever.*shared_it"):
        load_scenario("trial", write(HEAD + "levers: [shared_its]\n"))


def test_levers_that_are_on_are_part_of_what_is_resolved(scenario):
    assert scenario.with_levers("shared_it").resolved()["levers"] == ["shared_it"]
    assert scenario.resolved()["levers"] == []


GATED = """pace:
  ramp: 3
  waves: [["14"]]
  gate: {probability: 0.5, wtp: wtp_very_hihg, lag: 1}
"""


def test_a_gate_at_a_threshold_that_does_not_exist_is_told(write):
    with pytest.raises(InputError, match="pace.gate.wtp.*names no parameter.*wtp_very_high"):
        load_scenario("trial", write(HEAD + GATED))


def test_the_years_are_stated_once_and_the_pace_starts_in_the_first(folder):
    path = folder / "scenarios" / "unplanned.yaml"
    path.write_text(path.read_text("utf-8").replace("2027", "2031").replace("2036", "2040"), "utf-8")
    for name in ("agreement_even", "agreement_waves", "fh_cascade/cohort_effect", "rare_disease_wgs/against_exome"):
        found = load_scenario(name, folder)
        assert (found.years[0], found.years[-1], found.definition.pace.start) == (2031, 2040, 2031)
        assert found.resolved()["scenario"]["pace"]["start"] == 2031


def test_a_pace_may_start_later_than_the_first_year(write):
    found = load_scenario("trial", write(HEAD + "pace: {ramp: 2, start: 2029}\n"))
    assert list(found.definition.pace.years) == [2029, 2030]


def test_years_that_are_none_are_told_once(write):
    with pytest.raises(InputError, match="1 fault\\n.*years"):
        load_scenario("trial", write(HEAD + "years: {first: 2040, last: 2030}\n"))


@pytest.mark.parametrize(
    ("given", "years"),
    [
        ({"ramp": 5}, range(2027, 2032)),
        ({"ramp": 0}, range(2027, 2028)),
        ({"ramp": 3, "programme_years": 5}, range(2027, 2032)),
        ({"ramp": 3, "waves": [["14"], ["09"]], "wave_years": 2}, range(2027, 2034)),
        ({"ramp": 2, "region_starts": {"25": 2030}}, range(2027, 2032)),
    ],
)
def test_offices_run_until_the_last_ramp_is_over_unless_it_is_said_how_long(given, years):
    assert AgreedPace(start=2027, **given).years == years


def test_a_wave_after_the_last_year_shown_is_told(write):
    late = GATED.replace("  ramp: 3", "  ramp: 3\n  wave_years: 15").replace("hihg", "high")
    with pytest.raises(InputError, match="outside the years shown"):
        load_scenario("trial", write(HEAD + late))
