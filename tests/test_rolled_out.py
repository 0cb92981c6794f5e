"""Which strategy a scenario rolls out: who gets it where and when, what stays as it is, and what it comes to."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from pmbudget import questions
from pmbudget.appraisal import net_monetary_benefit
from pmbudget.appraisal.rollout import Rollout
from pmbudget.appraisal.worth import added_worth, by_entry
from pmbudget.batch.plan import chosen_scenarios, plan_batch
from pmbudget.errors import InputError
from pmbudget.financing.measures import measures_of
from pmbudget.inputs import load_scenario
from pmbudget.inputs.cases import Case
from pmbudget.inputs.parameters import Text
from pmbudget.patient.per_patient import increment
from pmbudget.programme import reach
from pmbudget.programme.reach import persons_served, shares_of
from pmbudget.programme.supply import extra_use, persons_with
from pmbudget.questions import rollouts
from pmbudget.questions.national import increment_of_moved, present_weights
from pmbudget.questions.prices import neutral_price
from pmbudget.reporting import value
from pmbudget.reporting.ch04_implementation import access, implementation
from pmbudget.reporting.ch05_budget import budget, programme, risk
from pmbudget.reporting.ch08_comparison.comparison import strategies_sentences
from pmbudget.reporting.markup import broadly_tested, rolls_out
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate_draws, result_key
from pmbudget.road.recipe import walk

DRAWS = 40
WORDS = Words("en")


def changed(scenario, **changes):
    return replace(scenario, case=scenario.case.model_copy(update=changes))


def rolling(scenario, third, *, name="third"):
    """The scenario that rolls out a third strategy, where laboratories use the case's new one today."""
    return changed(scenario, strategies={**scenario.case.strategies, name: third}, new=name)


def narrower(case):
    """The new strategy without the last of its tests."""
    new = case.strategies[case.new]
    return new.model_copy(update={"label": Text(sv="Ett test", en="One test"), "tests": new.tests[:1]})


@pytest.fixture(scope="module")
def draws(scenario, crude_draws):
    return crude_draws(scenario, DRAWS)


@pytest.fixture(scope="module", params=["scenario", "limited"])
def base(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def before(base, draws):
    return evaluate_draws(base, draws)


@pytest.fixture(scope="module")
def other(base):
    return rolling(base, narrower(base.case))


@pytest.fixture(scope="module")
def after(other, draws):
    return evaluate_draws(other, draws)


def test_nobody_disappears_and_all_broadly_tested_go_over_where_the_pace_has_begun(other, after):
    people = by_entry(after.reach, other.case.comparator)
    xr.testing.assert_allclose(people.sum("fate"), after.reach.eligible.broadcast_like(people.isel(fate=0, drop=True)))
    assert float(after.reach.patients.min()) >= 0
    held = after.reach.patients.sel(mix=["today", "unplanned"])
    assert float(held.sel(fate="third").max()) == 0 < float(held.sel(fate=other.case.in_use).min("draw").max())
    new = after.reach.patients.sel(mix="new")
    assert float(new.sel(fate=other.case.in_use).max()) == 0 < float(new.sel(fate="third").max())


def test_before_a_region_begins_it_tests_with_what_is_in_use(scenario, draws):
    waves = load_scenario("agreement_waves", scenario.folder)
    found = evaluate_draws(rolling(waves, narrower(waves.case)), draws)
    pace = waves.definition.pace
    starts = [pace.start_of(code) for code in found.reach.patients["region"].to_numpy()]
    assert len(set(starts)) > 1
    begun = found.reach.patients["year"] >= xr.DataArray(starts, dims="region")
    new = found.reach.patients.sel(mix="new")
    assert float(new.sel(fate="third").where(~begun, 0.0).max()) == 0
    assert float(new.sel(fate=waves.case.new).where(begun, 0.0).max()) == 0
    assert float(new.sel(fate=waves.case.new).where(~begun, 0.0).max()) > 0


def test_a_gate_that_never_opens_leaves_later_waves_with_what_is_in_use(scenario, draws):
    gated = load_scenario("agreement_gated", scenario.folder)
    found = evaluate_draws(rolling(gated, narrower(gated.case)), draws)
    parts = persons_served(found.reach, ["third"]), persons_served(found.reach, [gated.case.new])
    both = np.minimum(*(part.sel(mix="new") for part in parts))
    assert float(both.max()) == 0
    closed = found.reach.known.max("year") < gated.definition.pace.gate.probability
    later = [code for wave in gated.definition.pace.waves for code in wave]
    assert float(parts[0].sel(mix="new", region=later).where(closed, 0.0).max()) == 0


def test_today_and_the_unplanned_course_do_not_depend_on_what_is_rolled_out(before, after):
    held = {"mix": ["today", "unplanned"]}
    fates = {"fate": before.reach.patients["fate"].to_numpy()}
    xr.testing.assert_allclose(after.reach.patients.sel(held).sel(fates), before.reach.patients.sel(held), rtol=1e-12)
    for room, name in (
        ("reach", "outside"),
        ("spending", "by_resource"),
        ("spending", "posts"),
        ("settlement", "budget"),
    ):
        one, two = (getattr(getattr(found, room), name).sel(held) for found in (after, before))
        xr.testing.assert_allclose(one, two, rtol=1e-9)
    xr.testing.assert_allclose(after.worth.totals.sel(held), before.worth.totals.sel(held), rtol=1e-9)


def test_a_third_strategy_that_does_the_same_comes_to_the_same(base, draws, before):
    twin = evaluate_draws(rolling(base, base.case.strategies[base.case.new]), draws)
    xr.testing.assert_allclose(twin.settlement.budget, before.settlement.budget, rtol=1e-9)
    xr.testing.assert_allclose(twin.worth.totals, before.worth.totals, rtol=1e-9)
    xr.testing.assert_allclose(twin.spending.posts, before.spending.posts, rtol=1e-9)
    xr.testing.assert_allclose(twin.reach.reached, before.reach.reached, rtol=1e-12)
    if before.reach.supply is not None:
        xr.testing.assert_allclose(twin.reach.supply, before.reach.supply, rtol=1e-9)


def test_what_is_rolled_out_is_cheaper_where_it_tests_less(other, after, before):
    own = (after.spending.by_resource["kind"] == "consumables").to_numpy()
    spent = [found.spending.by_resource.sel(mix="new").isel(resource=own).sum() for found in (after, before)]
    assert float(spent[0]) < float(spent[1])
    assert after.settlement.checks["transfers"] < 1e-9
    assert after.settlement.checks["budget"] < 1e-9


def test_c_going_over_costs_the_difference_of_the_two_in_a_region_and_year(scenario, draws):
    """With use held, no price that moves and nobody tested again, new less today is eligible x use x difference, where the work is done."""
    case, again = scenario.case, scenario.case.pathway.late.retest.offered
    plain = {
        "eligible": case.eligible.model_copy(update={"reflex": None}),
        "uptake": case.uptake.model_copy(update={"outside": None, "incentive_response": None}),
        "prices": None,
        "borne_elsewhere": (),
        "transition": (),
        "capacity": None,
        "strategies": {**case.strategies, "narrow": narrower(case)},
        "in_use": "narrow",
    }
    case = case.model_copy(update=plain)
    held = draws.assign(
        {
            case.uptake.slope: 0.0 * draws[case.uptake.slope],
            case.uptake.agreement_effect: xr.DataArray(0.0),
            again: 0.0 * draws[again],
        }
    )
    found = walk(replace(scenario, case=case), held)
    first, region = scenario.years[0], scenario.regions.index[3]
    change = found.spending.resource_cost.sel(region=region, year=first)
    change = change.sel(mix="new", drop=True) - change.sel(mix="today", drop=True)
    each = found.per_patient.outcomes["cost_once"].sel(strategy=case.new) - found.per_patient.outcomes["cost_once"].sel(
        strategy="narrow"
    )
    consumables = (change["kind"] == "consumables").to_numpy()
    names = list(change["resource"].to_numpy()[consumables])
    spent = xr.DataArray(
        [_mean_cost(scenario, case, held, found, name, region, first) for name in names],
        {"resource": names},
        "resource",
    )
    dearer = [name for name in names if float(each.sel(resource=name)) > 0]
    assert dearer
    np.testing.assert_allclose(change.sel(resource=dearer), spent.sel(resource=dearer), rtol=1e-9)
    health = found.worth.totals["qaly"].sel(mix="new") - found.worth.totals["qaly"].sel(mix="today")
    gain = found.per_patient.qaly.sel(strategy=case.new) - found.per_patient.qaly.sel(strategy="narrow")
    for period, years in scenario.periods.items():
        since = xr.DataArray(np.arange(len(years)), coords={"year": years})
        persons = (found.reach.reached.sel(mix="today") * found.reach.eligible).sum("region").sel(year=years)
        expected = (persons * 1.03**-since).sum("year") * gain
        np.testing.assert_allclose(health.sel(period=period), expected, rtol=1e-9)


def _mean_cost(scenario, case, draws, found, name, region, year):
    """Mean over draws of eligible x use x what the tests of one patient cost more of a resource, SEK."""
    from pmbudget.patient import simulate

    once = simulate(draws, case, horizon=1)["cost_once"].sel(resource=name)
    more = once.sel(strategy=case.new) - once.sel(strategy=case.in_use)
    persons = (found.reach.reached.sel(mix="today") * found.reach.eligible).sel(region=region, year=year)
    return float((persons * more).mean("draw"))


def test_clauses_count_everybody_broadly_tested_with_the_health_of_what_each_gets(other, after):
    case, places = other.case, list(other.regions.index)
    people, facts = after.reach, after.settlement.facts
    found = measures_of(people.reached, people.eligible, people.patients, facts, broad=case.broad, places=places)
    served = persons_served(people, case.broad)
    np.testing.assert_allclose(found["tested"], served.sel(mix="new").transpose("draw", "region", "year"))
    qaly = after.per_patient.qaly - after.per_patient.qaly.sel(strategy=case.comparator)
    worth = (people.patients.sel(fate=list(case.broad)).rename(fate="strategy") * qaly).sum(["region", "strategy"])
    value = facts["health_value"] / qaly
    each = float(value.isel(draw=0, strategy=0))
    more = (worth.sel(mix="new") - worth.sel(mix="today")).transpose("draw", "year") * each
    np.testing.assert_allclose(found["health_value"][:, 0], more, rtol=1e-9)


def test_a_limit_has_room_for_fewer_of_those_who_need_more_of_it(limited, draws):
    from pmbudget.patient import simulate

    case = rolling(limited, narrower(limited.case)).case.model_copy(update={"in_use": "third", "new": limited.case.new})
    outcomes = simulate(draws, case, horizon=1)
    for limit in case.capacity.limits.values():
        needs = {name: extra_use(draws, case, outcomes, limit, name) for name in case.broad}
        if not all(bool((need > 0).all()) for need in needs.values()):
            continue
        held, units = xr.DataArray(7.0), draws[limit.supply] * draws[limit.spare]
        rooms = {
            name: persons_with(draws, case, limited.regions, outcomes, limit, units, {name: 1.0}, held)
            for name in case.broad
        }
        # What there is to work with is the same.
        xr.testing.assert_allclose(rooms["third"] * needs["third"], rooms[case.new] * needs[case.new], rtol=1e-9)
        return
    pytest.fail("every limit is set free by what the comparator uses")


def test_shares_of_those_served_choose_one_strategy(other, after):
    shares = shares_of(after.reach, other.case.broad)
    np.testing.assert_allclose(shares.sum("fate"), 1.0)
    assert set(np.unique(shares)) <= {0.0, 1.0}
    whole = persons_served(after.reach, other.case.broad) * (1 + after.reach.reflexed) + after.reach.outside
    xr.testing.assert_allclose(reach.tests_made(after.reach, other.case.broad).sum("fate"), whole, rtol=1e-12)


def test_what_the_country_loses_is_told_of_what_each_patient_gets(other, after):
    use = questions.use_by_strategy(other, after)
    np.testing.assert_allclose(use.sum("strategy"), 1.0)
    assert float(use.sel(mix="new", strategy="third").min()) > 0 == float(use.sel(mix="today", strategy="third").max())
    _, on_new = questions.national_use(other, after)
    np.testing.assert_allclose(on_new["new"], use.sel(mix="new", strategy="third"))
    assert neutral_price(other, after).tests > 0


def test_introducing_now_is_the_programme_also_where_another_strategy_is_in_use(scenario, crude_draws):
    draws = crude_draws(scenario, 200)
    other = rolling(scenario, narrower(scenario.case))
    results = evaluate_draws(other, draws)
    studies = questions.studies_by_size(other, draws, results, wtp=1e6, seed=1)
    options = questions.choices(other, draws, results, studies, wtp=1e6, seed=1)
    worth = added_worth(other, results.worth)["today", other.whole_period]
    gained = 1e6 * worth["qaly"] - worth["cost"]
    assert options.loc["approve", "value"] == pytest.approx(float(gained.mean()), rel=1e-6)


@pytest.fixture(scope="module")
def twin_and_base(scenario, crude_draws):
    """The same strategy in use under another name, and the scenario itself."""
    draws, found = crude_draws(scenario, 200), {}
    for name, one in {"base": scenario, "twin": rolling(scenario, scenario.case.strategies[scenario.case.new])}.items():
        found[name] = (one, draws, evaluate_draws(one, draws))
    return found


def test_ending_today_s_use_is_a_choice_also_where_another_strategy_is_rolled_out(twin_and_base):
    options = {}
    for name, asked in twin_and_base.items():
        studies = questions.studies_by_size(*asked, wtp=1e6, seed=1)
        options[name] = questions.choices(*asked, studies, wtp=1e6, seed=1)["value"]
    now = ["approve", "reject", "withdraw"]
    np.testing.assert_allclose(options["twin"][now], options["base"][now], rtol=1e-6, atol=1.0)
    assert abs(options["base"]["withdraw"]) > 1e6


def test_one_moved_gains_the_difference_for_the_share_who_had_what_is_in_use(twin_and_base):
    other, _, results = twin_and_base["twin"]
    each = net_monetary_benefit(results.per_patient.cost, results.per_patient.qaly, 1e6)
    patients, use = questions.national_use(*twin_and_base["base"][::2])
    present = [(patients * use[mix] * present_weights(other)).sum() for mix in ("today", "new")]
    moved = increment_of_moved(other, results, each)
    np.testing.assert_allclose(moved, increment(each, other.case) * (1 - present[0] / present[1]), rtol=1e-9)


def test_an_experiment_on_what_is_rolled_out_exposes_nobody_to_it_before_a_region_begins(twin_and_base, monkeypatch):
    seen = {}
    for name, asked in twin_and_base.items():
        exposed = seen.setdefault(name, [])
        monkeypatch.setattr(rollouts, "Rollout", lambda e, people, kept=exposed: kept.append(e) or Rollout(e, people))
        found = questions.rollout_designs(*asked, wtp=1e6, seed=1)
        assert np.isfinite(found["value"]).all()
    starts = [np.array(one) for one in zip(*seen.values(), strict=True)]
    for base, twin in starts:
        # Nobody or as many as are broadly tested once a region has begun, today's users too.
        assert ((np.abs(twin) < 1e-9) | (np.abs(twin - base) < 1e-9)).all()
    assert any((twin == 0).any() for _, twin in starts)


# What the files say.


@pytest.fixture
def written(folder):
    """The shipped files with a third strategy in one case, and a scenario that rolls it out."""
    path = folder / "cases" / "rare_disease_wgs" / "case.yaml"
    text = path.read_text("utf-8")
    third = (
        "strategies:\n  exome_first:\n    label: {sv: 'Exom först', en: 'Exome first'}\n"
        "    tests:\n      - {test: exome, offered: offered_all}\n"
    )
    path.write_text(text.replace("strategies:\n", third, 1), "utf-8")
    scenario = (
        "label: {sv: 'Exom', en: 'Exome'}\nbase: agreement_even\ncase: rare_disease_wgs\nstrategy: exome_first\n"
        "evidence: assumption\nsource: {title: 'A test'}\n"
    )
    (folder / "scenarios" / "exome.yaml").write_text(scenario, "utf-8")
    return folder


def faults(folder, text, name="exome"):
    path = folder / "scenarios" / f"{name}.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as caught:
        load_scenario(name, folder)
    return [str(fault) for fault in caught.value.faults]


def test_a_scenario_rolls_out_its_strategy_and_what_is_in_use_stays(written):
    found = load_scenario("exome", written)
    base = load_scenario("agreement_even", written, case="rare_disease_wgs")
    assert (found.case.new, found.case.in_use, found.case.comparator) == ("exome_first", "genome_first", "array_first")
    assert found.fates[:3] == ["array_first", "genome_first", "exome_first"]
    assert base.fates[:2] == ["array_first", "genome_first"]
    assert base.case.broad == ("genome_first",)
    assert found.resolved()["case"]["new"] != base.resolved()["case"]["new"]
    assert result_key(found, draws=10, seed=1) != result_key(base, draws=10, seed=1)
    assert json.dumps(found.resolved(), default=str)


def test_the_strategy_in_use_rolled_out_is_the_scenario_without_one(written):
    path = written / "scenarios" / "exome.yaml"
    path.write_text(path.read_text("utf-8").replace("exome_first", "genome_first"), "utf-8")
    found = load_scenario("exome", written)
    base = load_scenario("agreement_even", written, case="rare_disease_wgs")
    assert found.case == base.case
    assert result_key(found, draws=10, seed=1) == result_key(base, draws=10, seed=1)


def test_a_strategy_is_inherited_and_kept_at_the_pace_of_another(written):
    text = "label: {sv: 'Exom, fort', en: 'Exome, fast'}\nbase: exome\npace: {ramp: 1}\n"
    (written / "scenarios" / "exome_fast.yaml").write_text(text, "utf-8")
    fast, slow = load_scenario("exome_fast", written), load_scenario("agreement_slow", written, case="rare_disease_wgs")
    assert fast.case.new == "exome_first"
    assert fast.at_pace(slow).case == fast.case
    assert slow.at_pace(fast).case == slow.case


def test_a_strategy_that_cannot_be_rolled_out_is_one_fault_that_says_how(written):
    text = (written / "scenarios" / "exome.yaml").read_text("utf-8")
    [unknown] = faults(written, text.replace("exome_first", "exom_first"))
    assert "strategy = 'exom_first': the case has no such strategy. Remedy: did you mean exome_first" in unknown
    [same] = faults(written, text.replace("exome_first", "array_first"))
    assert "is the case's comparator" in same
    alone = faults(written, text.replace("base: agreement_even", "base: unplanned"))
    assert any("rolled out at no pace" in fault for fault in alone)


def test_what_is_in_use_is_a_strategy_of_the_case_and_not_its_comparator(scenario):
    data = {**scenario.case.model_dump(mode="json"), "research": None}
    own = scenario.case.model_copy(update={"research": None})
    assert Case.model_validate({name: value for name, value in data.items() if name != "in_use"}) == own
    for wrong, told in (("panels", "in_use: 'panels'"), (scenario.case.comparator, "which is the comparator")):
        with pytest.raises(ValueError, match=told):
            Case.model_validate({**data, "in_use": wrong})


def test_chapters_are_shared_only_by_scenarios_that_roll_out_the_same(written, monkeypatch):
    monkeypatch.chdir(written.parent)
    plan = plan_batch(["agreement_even", "agreement_slow", "exome"], cases=["rare_disease_wgs"])
    folders = [run.folder for run in plan.runs]
    by_chapter = {}
    for job in plan.chapters:
        by_chapter.setdefault(job.chapter.name, []).append(job)
    for name in ("01_evidence", "02_patient_pathway", "03_cost_effectiveness"):
        shared, own = by_chapter[name]
        assert (shared.folders, own.folders) == (tuple(folders[:2]), tuple(folders[2:]))
        assert own.title == f"{shared.title}: Exom först"
    assert len(by_chapter["05_budget_impact"]) == 3


def test_a_scenario_of_a_strategy_is_of_its_case_alone(written, monkeypatch):
    monkeypatch.chdir(written.parent)
    found = chosen_scenarios([], ["all"])
    assert [one.definition.case for one in found if one.name == "exome"] == ["rare_disease_wgs"]
    assert {one.definition.case for one in found if one.name == "agreement_even"} > {"rare_disease_wgs"}


def test_pages_say_what_is_rolled_out_and_what_is_in_use(other, after, base, before):
    labels = {name: WORDS.inside(one.label) for name, one in other.case.strategies.items()}
    assert rolls_out(base, WORDS) == ""
    said = rolls_out(other, WORDS)
    assert said == f"Rolls out: {labels['third']}; in use today: {labels[base.case.new]}."
    assert broadly_tested(base, WORDS) == labels[base.case.new]
    assert "Of whom" not in programme.mix_table(base, before, WORDS)
    assert "Of whom" not in programme.mix_table(other, after, WORDS), "all tested get it in every year"
    assert risk.neutral_note(other, after, WORDS) == ""
    assert "more tests are made" in risk.neutral_note(base, before, WORDS)


def test_who_gets_what_is_rolled_out_is_told_where_some_still_get_what_is_in_use(scenario, draws):
    waves = load_scenario("agreement_waves", scenario.folder)
    other = rolling(waves, narrower(waves.case))
    assert "Of whom one test" in programme.mix_table(other, evaluate_draws(other, draws), WORDS)


def test_pages_say_who_goes_over_and_that_a_share_counts_both(other, after, base, before):
    new, in_use = (WORDS.inside(other.case.strategies[one].label) for one in ("third", base.case.new))
    first = {"year": other.years[0], "mix": "today", "fate": base.case.new}
    persons = WORDS.number(float(after.reach.patients.sel(first).sum("region").mean()))
    said = budget.pace_line(other, after, WORDS)
    assert f"All who get {in_use} today go over to {new}" in said
    assert f"begins: {persons} (" in said
    assert "go over" not in budget.pace_line(base, before, WORDS)
    both = f"broad testing of any kind ({new} or {in_use})"
    for shown, once in (
        (said, budget.pace_line(base, before, WORDS)),
        (
            implementation.implementation_headline(other, after, None, WORDS),
            implementation.implementation_headline(base, before, None, WORDS),
        ),
    ):
        assert both in shown
        assert "of any kind" not in once
    assert "who do not get broad testing of any kind" in access.misuse_table(other, after, WORDS)
    assert "who do not get the new diagnostic" in access.misuse_table(base, before, WORDS)
    worths = {at: added_worth(one, found.worth) for at, one, found in ((0, base, before), (1, other, after))}
    assert "patients get broad testing of any kind" in value.value_sentences(other, worths[1], WORDS)[0]
    assert "patients get the test" in value.value_sentences(base, worths[0], WORDS)[0]


def test_the_index_names_each_strategy_rolled_out_once_with_its_scenarios(other, base):
    def run_of(scenario, has_agreement=True):
        new, in_use = (scenario.case.strategies[one].label for one in (scenario.case.new, scenario.case.in_use))
        return SimpleNamespace(scenario=scenario.definition.label, has_agreement=has_agreement, new=new, in_use=in_use)

    assert strategies_sentences([run_of(base), run_of(base)], WORDS) == []
    [said] = strategies_sentences([run_of(base), run_of(other), run_of(other), run_of(other, False)], WORDS)
    name = WORDS("quoted", text=WORDS.label(other.definition.label))
    assert said == f"{rolls_out(other, WORDS)[:-1]} ({name}, {name})."
