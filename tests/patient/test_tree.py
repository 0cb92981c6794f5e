from statistics import NormalDist

import numpy as np
import pytest
import xarray as xr

from pmbudget.inputs import pathways
from pmbudget.patient import search
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
    return [name for name, one in case.classes.items() if one.is_sought]


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


def perfect(table, case, setting, offered, strategy):
    """Every test finds its targets and nothing else, never fails, and is offered to all while tissue lasts."""
    plan = case.strategies[strategy]
    tests = [case.tests[step.test] for step in plan.tests]
    sure = [*offered(case, strategy)]
    sure += [name for test in tests for name in (test.specificity, *test.targets.values())]
    never = [test.failure for test in tests] + [plan.exhaustion] * (plan.exhaustion is not None)
    return setting(setting(table, sure, 1.0), never, 0.0)


@pytest.mark.parametrize("strategy", ["sequential", "panel"])
def test_a_perfect_test_finds_every_carrier_and_no_one_else(few, case, setting, offered, strategy):
    path = walk_pathway(perfect(few, case, setting, offered, strategy), case, strategy)
    expected = {name: float(name in carriers(case)) for name in case.classes}
    assert labelled(path.found, case) == pytest.approx(expected)
    assert labelled(path.positives, case) == pytest.approx(expected)
    assert float(path.repeats.sum()) == 0


@pytest.mark.parametrize("strategy", ["sequential", "panel"])
def test_all_found_in_time_and_acted_on_are_matched(few, case, setting, offered, strategy):
    pathway = case.pathway
    certain = setting(
        perfect(few, case, setting, offered, strategy),
        [*pathway.after_result.values(), pathway.timing.waited_for, pathway.late.reach],
        1.0,
    )
    managements = (
        walk_pathway(certain, case, strategy).managements.transpose("management", "true_class", ...).to_numpy()
    )
    for place, one in enumerate(case.classes.values()):
        chosen = list(case.managements).index(one.matched or one.later or case.reference)
        assert managements[chosen, place] == pytest.approx(1)


def test_a_test_made_is_not_repeated_on_those_who_are_positive(few, case, setting, offered):
    path = walk_pathway(perfect(few, case, setting, offered, "sequential"), case, "sequential")
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


def test_the_paths_of_a_carrier_sum_to_one_and_are_the_managements(table, case):
    names = list(case.managements)
    for strategy in case.strategies:
        path = walk_pathway(table, case, strategy)
        total = sum(path.paths.values())
        assert all(float(one.min()) > -1e-12 for one in path.paths.values())
        for place, (name, one) in enumerate(case.classes.items()):
            assert total.isel(true_class=place).to_numpy() == pytest.approx(float(one.is_sought)), name
            for leads, parts in ((one.matched, ("first_line", "switched")), (one.later, ("later_line", "retested"))):
                if leads is None:
                    continue
                under = path.managements.isel(true_class=place, management=names.index(leads))
                share = sum(path.paths[part].isel(true_class=place) for part in parts)
                wrong = path.mismatched.isel(true_class=place) * (leads == case.mismatched)
                np.testing.assert_allclose(under, share + wrong, atol=1e-12)


def test_the_paths_by_hand(by_hand, case, setting):
    timing, late = case.pathway.timing, case.pathway.late
    values = {
        case.strategies["panel"].turnaround: 14.0,
        timing.window: 14.0,
        timing.waited_for: 0.2,
        late.switched: 0.4,
        late.reach: 0.5,
        late.retest.offered: 0.3,
        late.retest.found[0]: 0.9,
    }
    for name, value in values.items():
        by_hand = setting(by_hand, [name], value)
    by_hand = setting(by_hand, case.pathway.after_result.values(), 1.0)
    path = walk_pathway(by_hand, one_test(case, "dna_panel"), "one")
    found, in_time = 0.8 * 0.86 * 0.9, 0.5 + 0.5 * 0.2
    expected = {
        "first_line": found * in_time,
        "switched": found * (1 - in_time) * 0.4,
        "later_line": found * (1 - in_time) * 0.6 * 0.5,
        "retested": (1 - found) * 0.5 * 0.3 * 0.9,
    }
    assert {name: labelled(path.paths[name], case)["egfr"] for name in expected} == pytest.approx(expected)
    assert labelled(path.paths["later_line"], case)["kras_g12c"] == pytest.approx(found * 0.5)
    assert labelled(path.retests, case)["egfr"] == pytest.approx((1 - found) * 0.5 * 0.3)
    assert labelled(path.paths["never"], case)["negative"] == 0


def test_an_answer_not_acted_on_changes_no_treatment_and_no_other_class(table, case):
    with_, without = (walk_pathway(table, case, name) for name in ("panel", "panel_without_kras"))
    ignored = case.strategies["panel_without_kras"].not_acted_on
    for place, name in enumerate(case.classes):
        same = np.allclose(with_.managements.isel(true_class=place), without.managements.isel(true_class=place))
        assert same == (name not in ignored)
    reference = list(case.managements).index(case.reference)
    place = list(case.classes).index(ignored[0])
    share = without.managements.isel(true_class=place, management=reference) + without.mismatched.isel(true_class=place)
    np.testing.assert_allclose(share, 1)
    np.testing.assert_allclose(with_.found, without.found)


def test_what_is_tested_one_gene_at_a_time_gives_back_the_overall_rate(table, case):
    """With the panels of the sources' own year the mix of the two has the rates that were read."""
    sequential, panel = case.strategies["sequential"], case.strategies["panel"].tests[0]
    rests = {step.offered.overall: step for step in sequential.tests if isinstance(step.offered, pathways.AmongRest)}
    assert set(rests) == {"tested_egfr_alk_ros1", "tested_braf_ret_met_kras", "tested_ntrk"}
    for name, step in rests.items():
        single = search._offered(table, "sequential", step)
        assert 0 <= float(single.min()) <= float(single.max()) <= 1
        group = product(table, step.offered.group)
        inside = ((single > 0) & (single < 1)).to_numpy()
        assert inside.mean() > 0.99
        mix = (group * table[panel.offered].variable + (1 - group) * single).to_numpy()
        np.testing.assert_allclose(mix[inside], table[name].to_numpy()[inside], rtol=1e-12)
        moved = table.assign(coverage_today=0.9 + 0 * table["coverage_today"])
        np.testing.assert_array_equal(single, search._offered(moved, "sequential", step))


@pytest.fixture
def net(few, case, setting):
    """A panel of EGFR that fails in 0.2, with a quick test that never fails, finds all and is ordered after 7 days."""
    first = pathways.TestOffered(test="dna_panel", offered="offered_panel")
    quick = pathways.TestOffered(
        test="egfr_rapid",
        offered="offered_quick",
        instead_of="dna_panel",
        after="days_before_net",
        turnaround=("quick",),
    )
    plan = case.strategies["panel"].model_copy(update={"tests": (first, quick)})
    timing, panel, rapid = case.pathway.timing, case.tests["dna_panel"], case.tests["egfr_rapid"]
    values = {
        "offered_panel": 1.0,
        panel.failure: 0.2,
        case.pathway.repeat.offered: 0.0,
        panel.targets["egfr"]: 0.9,
        panel.specificity: 1.0,
        rapid.failure: 0.0,
        rapid.targets["egfr"]: 1.0,
        rapid.specificity: 1.0,
        timing.window: 14.0,
        timing.waited_for: 0.0,
        timing.spread: 0.5,
        timing.laboratory: 0.0,
        "turnaround_panel": 14.0,
        "days_before_net": 7.0,
    }
    draws = few.assign(quick=7.0, offered_quick=0.5)
    for name, value in values.items():
        draws = setting(draws, [name], value)
    return draws, case.model_copy(update={"strategies": {"one": plan, "panel": case.strategies["panel"]}})


def test_a_safety_net_catches_those_who_fail_and_those_who_are_late(net):
    draws, case = net
    path = walk_pathway(draws, case, "one")
    overdue = 1 - NormalDist().cdf(np.log(7 / 14) / 0.5)
    made, found, in_time = (
        labelled(one, case)["egfr"] for one in (path.performed["egfr_rapid"], path.found, path.in_time)
    )
    assert made == pytest.approx(0.5 * (0.2 + 0.8 * overdue))
    assert found == pytest.approx(0.8 * 0.9 + 0.2 * 0.5)
    # Half of the panel's answers are in time; of the late ones the net is made on half, in time in half: 7 of 14 days are left.
    assert in_time == pytest.approx(0.8 * 0.9 * (0.5 + 0.5 * 0.5 * 0.5) + 0.2 * 0.5 * 0.5)


def test_a_quick_test_beside_an_overdue_panel_takes_no_new_sample(net, setting):
    draws, case = net
    again = setting(setting(draws, [case.tests["egfr_rapid"].failure], 0.3), [case.pathway.repeat.offered], 1.0)
    again = setting(again, [case.pathway.repeat.failure], 1.0)
    path = walk_pathway(again, case, "one")
    # A fifth of the panels fail and are made again; of the net's tests only those in place of them are.
    assert labelled(path.repeats, case)["egfr"] == pytest.approx(0.2 + 0.2 * 0.5 * 0.3)


def test_a_wrong_answer_of_the_net_is_acted_on_where_the_panel_comes_too_late(net, setting):
    draws, case = net
    alarm = setting(draws, [case.tests["egfr_rapid"].specificity], 0.9)
    path = walk_pathway(alarm, case, "one")
    followed = float(np.prod([alarm[name].to_numpy()[0] for name in case.pathway.after_result.values()]))
    late_switched = float(alarm[case.pathway.late.switched][0])
    # In time on half of those whose panel is late, half of all; and on half of those whose panel fails, later on some of the rest.
    early = 0.8 * 0.5 * (0.5 * 0.1 * 0.5)
    failed = 0.2 * 0.5 * 0.1 * (0.5 + 0.5 * late_switched)
    assert labelled(path.mismatched, case)["negative"] == pytest.approx((early + failed) * followed)
    assert float(path.managements.min()) >= 0


def test_a_confirmation_of_the_net_waits_as_the_net_does(net):
    draws, case = net
    confirm = pathways.TestOffered(
        test="egfr_pcr", confirms="egfr_rapid", offered="offered_quick", turnaround=("quick",)
    )
    plan = case.strategies["one"]
    both = case.model_copy(update={"strategies": {"one": plan.model_copy(update={"tests": (*plan.tests, confirm)})}})
    for name, value in {
        "offered_quick": 1.0,
        **dict.fromkeys(("se_egfr_pcr", "sp_single"), 1.0),
        "fail_single": 0.0,
    }.items():
        draws = draws.assign({name: xr.full_like(draws["quick"] + 0 * draws["draw"], value, dtype=float)})
    path = walk_pathway(draws, both, "one")
    # 7 of the 14 days are left for an answer after 7: in half of those whose panel has failed, confirmed or not.
    assert labelled(path.in_time, both)["egfr"] == pytest.approx(0.8 * 0.9 * 0.75 + 0.2 * 0.5)


def test_nobody_is_searched_for_twice_after_a_net_was_confirmed(net, setting):
    draws, case = net
    confirm = pathways.TestOffered(test="alk_ihc", confirms="egfr_rapid", offered="offered_quick")
    last = pathways.TestOffered(test="plasma_panel", offered="offered_panel")
    plan = case.strategies["one"]
    longer = plan.model_copy(update={"tests": (*plan.tests, confirm, last)})
    alarm = setting(draws.assign(offered_quick=1.0), [case.tests["egfr_rapid"].specificity], 0.5)
    alarm = setting(alarm, [case.pathway.repeat.offered, case.tests["plasma_panel"].failure], 0.0)
    path = walk_pathway(alarm, case.model_copy(update={"strategies": {"one": longer}}), "one")
    # All are searched for but those positive in place of a failed panel who are not refused.
    assert float(path.performed["plasma_panel"].max()) <= 1 + 1e-12


def test_a_blood_sample_that_fails_takes_no_new_tissue(table, case):
    assert float(walk_pathway(table, one_test(case, "plasma_panel"), "one").repeats.max()) == 0


def test_those_who_reach_no_later_line_have_no_later_drugs(table, case):
    """For each on a later line (1 - r) / r have the course without one, and nobody else has."""
    late, names = case.pathway.late, list(case.managements)
    path = walk_pathway(table, case, case.new)
    reach = product(table, [late.reach])
    beside = path.managements.isel(management=names.index(late.unreached))
    on_later = path.paths["later_line"] + path.paths["retested"]
    np.testing.assert_allclose(beside, (on_later * (1 - reach) / reach).transpose(*beside.dims), atol=1e-12)
    assert not [item for item in case.managements[late.unreached].items if item.when == "on_progression"]


def test_a_safety_net_offered_to_nobody_changes_nothing(net):
    draws, case = net
    dna = case.strategies["one"].tests[:1]
    alone = case.model_copy(update={"strategies": {"one": case.strategies["one"].model_copy(update={"tests": dna})}})
    with_, without = (walk_pathway(draws.assign(offered_quick=0.0), one, "one") for one in (case, alone))
    np.testing.assert_allclose(with_.managements, without.managements, atol=1e-12)
    assert float(with_.performed["egfr_rapid"].max()) == 0


def test_a_net_says_how_long_the_other_test_is_waited_for():
    with pytest.raises(ValueError, match="instead_of and after go together"):
        pathways.TestOffered(test="b", offered="share", instead_of="a")
    with pytest.raises(ValueError, match="confirms a test or stands in for one"):
        pathways.TestOffered(test="b", offered="share", instead_of="a", after="days", confirms="a")


def test_laboratories_that_differ_spread_the_answers_as_patients_do(by_hand, case, setting):
    timing, plan = case.pathway.timing, one_test(case, "dna_panel")
    draws = setting(setting(by_hand, [case.strategies["panel"].turnaround], 28.0), [timing.window], 14.0)
    draws = setting(draws, [timing.waited_for], 0.0)
    shares = []
    for between, within in ((0.3, 0.4), (0.4, 0.3), (0.0, 0.5)):
        spread = setting(setting(draws, [timing.laboratory], between), [timing.spread], within)
        shares.append(labelled(walk_pathway(spread, plan, "one").in_time, case)["egfr"])
    assert shares == pytest.approx([shares[0]] * 3)


def test_a_false_answer_ends_the_search_too(by_hand, case):
    path = walk_pathway(by_hand, one_test(case, "dna_panel", "dna_panel"), "one")
    wrong = 0.8 * 0.86 * 0.05
    assert labelled(path.performed["dna_panel"], case)["alk"] == pytest.approx((0.8 + (1 - wrong) * 0.8) * 1.1)


def test_half_of_the_answers_are_in_time_when_turnaround_is_the_window(by_hand, case, setting):
    turnaround = case.strategies["panel"].turnaround
    timed = setting(by_hand, [turnaround, case.pathway.timing.window], 14.0)
    timed = setting(timed, [case.pathway.timing.waited_for], 0.3)
    timed = setting(timed, [case.pathway.late.switched], 0.0)
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
    untested = setting(few, ["offered_panel", case.pathway.late.retest.offered], 0.0)
    path = walk_pathway(untested, case, "panel")
    reference = path.managements.isel(management=list(case.managements).index(case.reference))
    assert reference.to_numpy() == pytest.approx(1)


def test_a_product_of_nothing_is_one(few):
    assert float(product(few, [])) == 1
    assert np.array_equal(product(few, ["offered_panel"]).to_numpy(), few["offered_panel"].to_numpy())


def test_an_early_answer_is_in_time_more_often_and_what_waits_is_never_late(by_hand, case, setting):
    timed = setting(by_hand, [case.strategies["panel"].turnaround], 28.0)
    timed = setting(timed, [case.pathway.timing.window], 14.0)
    timed = setting(timed, [case.pathway.timing.waited_for], 0.0)
    timed = setting(timed, case.pathway.after_result.values(), 1.0)
    plan = one_test(case, "dna_panel")
    step = plan.strategies["one"].tests[0].model_copy(update={"turnaround": ("early", "early")})
    early = plan.model_copy(
        update={"strategies": {"one": plan.strategies["one"].model_copy(update={"tests": (step,)})}}
    )
    halved = setting(timed.assign(early=7.0), [case.pathway.late.reach], 1.0)
    halved = setting(halved, [case.pathway.late.switched, case.pathway.late.retest.offered], 0.0)

    def matched(of, name):
        one = case.classes[name]
        place = {"management": list(case.managements).index(one.matched or one.later)}
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
    first = pathways.TestOffered(test="ros1_ihc", offered="offered_panel", turnaround=("half_way",))
    reflex = pathways.TestOffered(test="ros1_fish", confirms="ros1_ihc", offered=offered)
    plan = case.strategies["panel"].model_copy(update={"tests": (first, reflex, first), "exhaustion": exhaustion})
    return case.model_copy(update={"strategies": {"one": plan}})


@pytest.fixture
def reflex(few, case, setting):
    """Both tests find every target and nothing else and never fail; offered 0.8; a quarter runs out of tissue at each test."""
    tests = [case.tests[name] for name in ("ros1_ihc", "ros1_fish")]
    draws = setting(few.assign(half_way=14.0), [name for test in tests for name in test.targets.values()], 1.0)
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
    for names, value in (
        ([timing.window], 14.0),
        ([timing.waited_for], 0.0),
        ([timing.spread], 0.5),
        ([timing.laboratory], 0.0),
    ):
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
