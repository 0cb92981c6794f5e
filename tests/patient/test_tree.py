from statistics import NormalDist

import numpy as np
import pytest

from pmbudget.inputs import pathways
from pmbudget.patient.costing import product
from pmbudget.patient.tree import class_shares, walk_pathway


@pytest.fixture(scope="module")
def case(scenario):
    return scenario.case


def labelled(variable, case):
    """Values by true class, the first draw."""
    values = variable.transpose("true_class", ...).to_numpy().reshape(len(case.classes), -1)[:, 0]
    return dict(zip(case.classes, values, strict=True))


def carriers(case):
    return [name for name, one in case.classes.items() if one.matched]


def test_true_classes_sum_to_one(few, case):
    shares = class_shares(few, case)
    assert shares.sum("true_class").to_numpy() == pytest.approx(1)
    assert float(shares.min()) >= 0


def test_shares_above_one_name_the_draw(few, case, setting):
    too_many = setting(few, ["prevalence_egfr"], 0.2)
    too_many["prevalence_egfr"][7] = 1.1
    with pytest.raises(ValueError, match="more than 1 in draw 7"):
        class_shares(too_many, case)


def test_a_prevalence_of_the_rest_is_of_those_whom_the_classes_before_leave(few, case):
    first, second, *others = case.classes.values()
    names = {"first": first, "second": second.model_copy(update={"of_rest": True}), "none": others[-1]}
    shares = class_shares(few, case.model_copy(update={"classes": names}))
    before, among = (few[one.prevalence].to_numpy() for one in (first, second))
    np.testing.assert_allclose(shares.isel(true_class=1), (1 - before) * among)
    np.testing.assert_allclose(shares.isel(true_class=2), (1 - before) * (1 - among))


def test_managements_sum_to_one_in_every_draw_and_class(table, case):
    for strategy in case.strategies:
        managements = walk_pathway(table, case, strategy).managements
        assert managements.sizes == {"management": len(case.managements), "true_class": len(case.classes), "draw": 500}
        assert managements.sum("management").to_numpy() == pytest.approx(1)
        assert float(managements.min()) >= 0
        assert float(managements.max()) <= 1


def perfect(table, case, setting, strategy):
    """Every test finds its targets and nothing else, never fails, and is offered to all while tissue lasts."""
    plan = case.strategies[strategy]
    tests = [case.tests[step.test] for step in plan.tests]
    sure = [step.offered for step in plan.tests]
    sure += [name for test in tests for name in (test.specificity, *test.targets.values())]
    never = [test.failure for test in tests] + [plan.exhaustion] * (plan.exhaustion is not None)
    return setting(setting(table, sure, 1.0), never, 0.0)


@pytest.mark.parametrize("strategy", ["sequential", "panel"])
def test_a_perfect_test_finds_every_carrier_and_no_one_else(few, case, setting, strategy):
    path = walk_pathway(perfect(few, case, setting, strategy), case, strategy)
    expected = {name: float(name in carriers(case)) for name in case.classes}
    assert labelled(path.found, case) == pytest.approx(expected)
    assert labelled(path.positives, case) == pytest.approx(expected)
    assert float(path.repeats.sum()) == 0


@pytest.mark.parametrize("strategy", ["sequential", "panel"])
def test_all_found_in_time_and_acted_on_are_matched(few, case, setting, strategy):
    pathway = case.pathway
    certain = setting(
        perfect(few, case, setting, strategy), [*pathway.after_result.values(), pathway.timing.late_but_matched], 1.0
    )
    managements = (
        walk_pathway(certain, case, strategy).managements.transpose("management", "true_class", ...).to_numpy()
    )
    for place, one in enumerate(case.classes.values()):
        chosen = list(case.managements).index(one.matched or case.reference)
        assert managements[chosen, place] == pytest.approx(1)


def test_a_test_made_is_not_repeated_on_those_who_are_positive(few, case, setting):
    path = walk_pathway(perfect(few, case, setting, "sequential"), case, "sequential")
    first, second = (step.test for step in case.strategies["sequential"].tests[:2])
    target = next(iter(case.tests[first].targets))
    assert labelled(path.performed[first], case) == pytest.approx(dict.fromkeys(case.classes, 1.0))
    assert labelled(path.performed[second], case)[target] == pytest.approx(0)


def one_test(case, *steps, exhaustion=None):
    offered = tuple(pathways.TestOffered(test=test, offered="offered_panel") for test in steps)
    label, turnaround = case.strategies["panel"].label, case.strategies["panel"].turnaround
    plan = pathways.Strategy(label=label, tests=offered, turnaround=turnaround, exhaustion=exhaustion)
    return case.model_copy(update={"strategies": {"one": plan}})


@pytest.fixture
def by_hand(few, case, setting):
    """Offered 0.8; fails 0.2; half of those again, failing 0.4; sensitivity 0.9; specificity 0.95."""
    values = {
        "offered_panel": 0.8,
        case.tests["dna_panel"].failure: 0.2,
        case.pathway.repeat.offered: 0.5,
        case.pathway.repeat.failure: 0.4,
        case.tests["dna_panel"].specificity: 0.95,
    } | dict.fromkeys(case.tests["dna_panel"].targets.values(), 0.9)
    for name, value in values.items():
        few = setting(few, [name], value)
    return few


def test_failure_and_rebiopsy_by_hand(by_hand, case):
    # f* = 0.2 x 0.5 + 0.2 x 0.5 x 0.4 = 0.14.
    path = walk_pathway(by_hand, one_test(case, "dna_panel"), "one")
    targets = case.tests["dna_panel"].targets
    assert labelled(path.found, case) == pytest.approx(
        {name: 0.8 * 0.86 * 0.9 if name in targets else 0.0 for name in case.classes}
    )
    assert labelled(path.positives, case) == pytest.approx(
        {name: 0.8 * 0.86 * (0.9 if name in targets else 0.05) for name in case.classes}
    )


def test_tests_made_count_those_made_again(by_hand, case):
    path = walk_pathway(by_hand, one_test(case, "dna_panel"), "one")
    assert labelled(path.repeats, case) == pytest.approx(dict.fromkeys(case.classes, 0.8 * 0.2 * 0.5))
    assert labelled(path.performed["dna_panel"], case) == pytest.approx(dict.fromkeys(case.classes, 0.8 * 1.1))


def test_the_second_test_is_made_on_those_without_answer_whose_tissue_lasts(by_hand, case, setting):
    twice = one_test(case, "dna_panel", "dna_panel", exhaustion="exhaustion_step")
    path = walk_pathway(setting(by_hand, ["exhaustion_step"], 0.25), twice, "one")
    found = 0.8 * 0.86 * 0.9
    again = (1 - found) * 0.8 * (1 - 0.25 * 0.8)
    assert labelled(path.found, case)["egfr"] == pytest.approx(found + again * 0.86 * 0.9)
    assert labelled(path.performed["dna_panel"], case)["egfr"] == pytest.approx((0.8 + again) * 1.1)


def test_a_false_answer_ends_the_search_too(by_hand, case):
    path = walk_pathway(by_hand, one_test(case, "dna_panel", "dna_panel"), "one")
    wrong = 0.8 * 0.86 * 0.05
    assert labelled(path.performed["dna_panel"], case)["alk"] == pytest.approx((0.8 + (1 - wrong) * 0.8) * 1.1)


def test_half_of_the_answers_are_in_time_when_turnaround_is_the_window(by_hand, case, setting):
    turnaround = case.strategies["panel"].turnaround
    timed = setting(by_hand, [turnaround, case.pathway.timing.window], 14.0)
    timed = setting(timed, [case.pathway.timing.late_but_matched], 0.3)
    timed = setting(timed, case.pathway.after_result.values(), 0.9)
    managements = walk_pathway(timed, one_test(case, "dna_panel"), "one").managements
    acted = (0.5 + 0.5 * 0.3) * 0.9 ** len(case.pathway.after_result)
    chosen = {"management": list(case.managements).index(case.classes["egfr"].matched)}
    matched = labelled(managements.isel(chosen), case)
    assert matched["egfr"] == pytest.approx(0.8 * 0.86 * 0.9 * acted)
    assert matched["alk"] == pytest.approx(0)


def test_false_positives_have_the_wrong_drug(by_hand, case):
    path = walk_pathway(by_hand, one_test(case, "dna_panel"), "one")
    wrong = labelled(path.managements.isel(management=list(case.managements).index(case.mismatched)), case)
    assert all(wrong[name] == 0 for name in case.tests["dna_panel"].targets)
    assert all(wrong[name] > 0 for name in case.classes if name not in case.tests["dna_panel"].targets)


def test_nothing_offered_leaves_all_with_the_reference(few, case, setting):
    path = walk_pathway(setting(few, ["offered_panel"], 0.0), case, "panel")
    reference = path.managements.isel(management=list(case.managements).index(case.reference))
    assert reference.to_numpy() == pytest.approx(1)


def test_a_product_of_nothing_is_one(few):
    assert float(product(few, [])) == 1
    assert np.array_equal(product(few, ["offered_panel"]).to_numpy(), few["offered_panel"].to_numpy())


def test_an_early_answer_is_in_time_more_often_and_what_waits_is_never_late(by_hand, case, setting):
    timed = setting(by_hand, [case.strategies["panel"].turnaround], 28.0)
    timed = setting(timed, [case.pathway.timing.window], 14.0)
    timed = setting(timed, [case.pathway.timing.late_but_matched], 0.0)
    timed = setting(timed, case.pathway.after_result.values(), 1.0)
    plan = one_test(case, "dna_panel")
    step = plan.strategies["one"].tests[0].model_copy(update={"turnaround_share": "share_turnaround_first_tests"})
    early = plan.model_copy(
        update={"strategies": {"one": plan.strategies["one"].model_copy(update={"tests": (step,)})}}
    )
    halved = setting(timed, ["share_turnaround_first_tests"], 0.5)

    def matched(of, name):
        place = {"management": list(case.managements).index(case.classes[name].matched)}
        return labelled(walk_pathway(halved, of, "one").managements.isel(place), case)[name]

    assert matched(early, "egfr") == pytest.approx(0.5 * 0.8 * 0.86 * 0.9)
    assert matched(plan, "egfr") < 0.5 * matched(early, "egfr")
    assert matched(plan, "kras_g12c") == pytest.approx(0.8 * 0.86 * 0.9)


def test_a_rare_draw_with_more_carriers_than_patients_is_scaled_to_all_of_them(table, case):
    crowded = table.copy(deep=True)
    crowded["prevalence_egfr"] = crowded["prevalence_egfr"].copy()
    crowded["prevalence_egfr"][3] = 0.95
    shares = class_shares(crowded, case)
    np.testing.assert_allclose(shares.sum("true_class"), 1, rtol=1e-12)
    assert float(shares.isel(draw=3).min()) >= 0
    assert labelled(shares.isel(draw=3), case)["negative"] == pytest.approx(0)
    np.testing.assert_array_equal(shares.isel(draw=4), class_shares(table, case).isel(draw=4))


def with_reflex(case, offered="offered_confirmation", exhaustion=None):
    """Immunohistochemistry, answered half-way; FISH on its positives, answered last; immunohistochemistry again."""
    first = pathways.TestOffered(test="ros1_ihc", offered="offered_panel", turnaround_share="half_way")
    reflex = pathways.TestOffered(test="ros1_fish", confirms="ros1_ihc", offered=offered)
    plan = case.strategies["panel"].model_copy(update={"tests": (first, reflex, first), "exhaustion": exhaustion})
    return case.model_copy(update={"strategies": {"one": plan}})


@pytest.fixture
def reflex(few, case, setting):
    """Both tests find every target and nothing else and never fail; offered 0.8; a quarter runs out of tissue at each test."""
    tests = [case.tests[name] for name in ("ros1_ihc", "ros1_fish")]
    draws = setting(few.assign(half_way=0.5), [name for test in tests for name in test.targets.values()], 1.0)
    draws = setting(setting(draws, [test.specificity for test in tests], 1.0), [test.failure for test in tests], 0.0)
    draws = setting(setting(draws, ["offered_confirmation"], 1.0), ["offered_panel"], 0.8)
    return setting(draws, ["exhaustion_step"], 0.25)


def test_a_reflex_test_uses_up_no_tissue_of_those_it_is_not_made_on(reflex, case):
    path = walk_pathway(reflex, with_reflex(case, exhaustion="exhaustion_step"), "one")
    # All of ROS1 who are tested are confirmed, none of the others is positive: FISH costs nobody who still searches any tissue.
    again = 0.8 * (1 - 0.25 * 0.8)
    assert labelled(path.found, case)["ros1"] == pytest.approx(0.8 + 0.2 * again)
    made = labelled(path.performed["ros1_ihc"], case)
    assert made["ros1"] == pytest.approx(0.8 + 0.2 * again)
    assert made["egfr"] == pytest.approx(0.8 + again)


def test_a_reflex_test_uses_up_the_tissue_of_those_it_sends_back(reflex, case, setting):
    draws = setting(reflex, case.tests["ros1_fish"].targets.values(), 0.5)
    path = walk_pathway(draws, with_reflex(case, exhaustion="exhaustion_step"), "one")
    tissue = 1 - 0.25 * 0.8
    back = 0.8 * tissue * 0.5
    searching = 0.2 + back
    again = searching * 0.8 * tissue * (1 - 0.25 * back / searching)
    assert labelled(path.performed["ros1_ihc"], case)["ros1"] == pytest.approx(0.8 + again)


@pytest.mark.parametrize("offered", [0.0, 0.4, 1.0])
def test_only_those_it_is_made_on_wait_for_a_confirmation(reflex, case, setting, offered):
    timing, turnaround = case.pathway.timing, case.strategies["panel"].turnaround
    draws = setting(reflex, [turnaround], 28.0)
    for names, value in (([timing.window], 14.0), ([timing.late_but_matched], 0.0), ([timing.spread], 0.5)):
        draws = setting(draws, names, value)
    path = walk_pathway(setting(draws, ["offered_confirmation"], offered), with_reflex(case), "one")
    late = NormalDist().cdf(np.log(14 / 28) / 0.5)
    # Half of the first answers are in time; those who are tested again wait for the second.
    expected = 0.8 * ((1 - offered) * 0.5 + offered * late) + 0.2 * 0.8 * 0.5
    assert labelled(path.in_time, case)["ros1"] == pytest.approx(expected)


def test_a_probability_within_single_precision_of_one_is_one(few, case, setting):
    sure = setting(few, [case.strategies["panel"].tests[0].offered], 1.0 + 6e-8)
    path = walk_pathway(sure, case, "panel")
    assert float(path.managements.min()) >= 0
    assert path.managements.sum("management").to_numpy() == pytest.approx(1)
    with pytest.raises(ValueError, match="probability 1.00001 in draw 0"):
        walk_pathway(setting(few, [case.strategies["panel"].tests[0].offered], 1.00001), case, "panel")
