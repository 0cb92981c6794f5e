import numpy as np
import pytest
import xarray as xr
from scipy import special

from pmbudget.inputs.courses import LastMonths, Window
from pmbudget.inputs.items import CareItem, Span
from pmbudget.patient import simulate
from pmbudget.patient.course import alike, course, occupancy
from pmbudget.patient.curves import baseline
from pmbudget.patient.outcomes import occupancy_by_strategy
from pmbudget.patient.tree import class_shares, walk_pathway

MEDIAN = 12.0
RATE = np.log(2) / MEDIAN


@pytest.fixture(scope="module")
def case(scenario):
    return scenario.case


@pytest.fixture(scope="module")
def outcomes(few, case):
    return simulate(few, case, horizon=20)


def hazard_ratios(case):
    by_management = [name for one in case.managements.values() for name in one.hazard_ratios]
    curves = [curve for one in case.managements.values() for curve in (one.progression_free, one.overall) if curve]
    by_curve = [name for curve in curves for name in curve.hazard_ratios]
    classes = case.classes.values()
    prognoses = [name for one in classes for name in (*one.prognosis_progression_free, *one.prognosis_overall)]
    return {case.real_world, *by_management, *by_curve, *prognoses}


@pytest.fixture(scope="module")
def constant(few, case, setting):
    """All curves exponential with one median: what a patient gets does not depend on what was found."""
    few = setting(few, hazard_ratios(case), 1.0)
    for one in case.managements.values():
        for curve in filter(None, (one.progression_free, one.overall)):
            few = setting(few, filter(None, curve.families.values()), 1.0)
            value = MEDIAN if curve.median else np.exp(-RATE * curve.at_month)
            few = setting(few, [curve.median or curve.alive], value)
    return few


def test_outcomes_have_the_dims_that_the_next_room_expects(outcomes):
    assert outcomes["cost"].dims == ("draw", "strategy", "year_since_start", "resource")
    assert outcomes["cost_once"].dims == ("draw", "strategy", "resource")
    assert outcomes["qaly"].dims == outcomes["life_years"].dims == ("draw", "strategy", "year_since_start")
    assert outcomes.sizes["year_since_start"] == 20


def test_nothing_is_negative_or_missing(outcomes):
    assert all(
        float(outcomes[name].min()) >= 0 for name in ("cost", "cost_once", "activity", "activity_once", "life_years")
    )
    assert not any(bool(outcomes[name].isnull().any()) for name in outcomes)


def test_nobody_lives_longer_than_the_horizon(outcomes):
    assert float(outcomes["life_years"].max()) <= 1
    assert float(outcomes["life_years"].sum("year_since_start").max()) < 20


def test_each_year_holds_fewer_alive_than_the_one_before(outcomes):
    assert float(outcomes["life_years"].diff("year_since_start").max()) <= 0


def test_qalys_are_fewer_than_life_years(outcomes):
    assert bool((outcomes["qaly"] < outcomes["life_years"]).all())


def test_managements_are_shared_out_between_all_patients(outcomes):
    assert outcomes["treated"].sum("management").to_numpy() == pytest.approx(1)
    assert float(outcomes["found"].min()) > 0
    assert float(outcomes["found"].max()) <= 1


def test_life_years_are_those_free_of_progression_and_those_after(few, case, setting):
    without_loss = setting(
        few, {name for one in case.managements.values() for loss in one.qaly_loss for name in loss}, 0.0
    )

    def years(free, progressed):
        utilities = setting(without_loss, case.states["progression_free"].utility, free)
        return simulate(setting(utilities, case.states["progressed"].utility, progressed), case, horizon=10)

    free, progressed, both = years(1.0, 0.0), years(0.0, 1.0), years(1.0, 1.0)
    parts = free["qaly"] + progressed["qaly"]
    assert parts.to_numpy() == pytest.approx(both["life_years"].to_numpy(), rel=1e-9)
    assert both["qaly"].to_numpy() == pytest.approx(both["life_years"].to_numpy(), rel=1e-9)
    assert float(progressed["qaly"].sum("year_since_start").min()) > 0


def test_a_constant_hazard_gives_its_mean_survival(constant, case):
    # Mean survival is median / ln 2.
    lived = simulate(constant, case, horizon=40)["life_years"].sum("year_since_start")
    assert lived.to_numpy() == pytest.approx(MEDIAN / np.log(2) / 12, rel=1e-3)


def test_a_constant_hazard_gives_each_year_its_share(constant, case):
    lived = simulate(constant, case, horizon=5)["life_years"].isel(draw=0, strategy=0).to_numpy()
    starts = np.exp(-RATE * 12 * np.arange(5))
    assert lived == pytest.approx(starts * (1 - np.exp(-RATE * 12)) / RATE / 12, rel=1e-3)


def test_what_runs_on_is_counted_by_its_interval(constant, case):
    outcomes = simulate(constant, case, horizon=20)
    [item] = [item for item in case.items_for_all if item.span == Span("progression_free")]
    times = outcomes["activity"].sel(resource=item.resource)
    assert times.to_numpy() == pytest.approx((outcomes["life_years"] * 365.25 / item.every_days).to_numpy(), rel=1e-9)


def test_everyone_dies_once(constant, case, setting):
    once = CareItem(resource="rebiopsy", when="on_death")
    nobody_again = setting(constant, [case.pathway.late.retest.offered], 0.0)
    outcomes = simulate(nobody_again, case.model_copy(update={"items_for_all": (once,)}), horizon=20)
    deaths = outcomes["activity"].sel(resource="rebiopsy").sum("year_since_start")
    assert deaths.to_numpy() == pytest.approx(1 - np.exp(-RATE * 240), rel=1e-9)


def test_the_last_months_are_as_many_for_all_who_live_so_long(constant, case):
    """Of one rate r: (1 - exp(-r w)) / r months of w, whichever state they are in; those who die after the horizon have theirs then."""
    [item, _] = [item for item in case.items_for_all if item.last_months]
    outcomes = simulate(constant, case, horizon=20)
    months = outcomes["activity"].sel(resource=item.resource).sum("year_since_start")
    exact = (1 - np.exp(-RATE * item.last_months)) / RATE * (1 - np.exp(-RATE * 240))
    assert months.to_numpy() == pytest.approx(exact, rel=1e-3)


def test_cost_is_activity_times_price_where_there_is_one_price(outcomes, case, few):
    [item] = [item for item in case.items_for_all if item.in_state_from_month]
    price = few[item.price[0]]
    months, cost = (outcomes[name].sel(resource=item.resource) for name in ("activity", "cost"))
    xr.testing.assert_allclose(cost, (months * price).transpose(*cost.dims))


def test_the_strategies_are_alike_but_for_their_tests_when_nothing_is_found(few, case, unlooked_for):
    outcomes = simulate(unlooked_for(few, case), case, horizon=10)
    for name in ("qaly", "cost", "cost_once"):
        one, *others = (outcomes[name].sel(strategy=strategy, drop=True) for strategy in case.strategies)
        for other in others:
            xr.testing.assert_allclose(one, other)
    assert float(outcomes["cost_once"].where(outcomes["unit"] == "diagnostic_unit").sum()) == 0


def test_a_draw_does_not_depend_on_the_other_draws(few, case, outcomes):
    alone = simulate(few.isel(draw=slice(11, 12)), case, horizon=20)
    for name in ("cost", "qaly", "cost_once"):
        xr.testing.assert_allclose(alone[name], outcomes[name].isel(draw=slice(11, 12)), rtol=1e-12)


@pytest.fixture(scope="module")
def unlooked_for(offered, setting):
    """Nobody is tested, so that all have the reference management."""

    def of(draws, case):
        retest = [case.pathway.late.retest.offered] if case.pathway.late else []
        return setting(draws, [*offered(case), *retest], 0.0)

    return of


def mean_life(draws, case):
    lived = simulate(draws, case, horizon=60)["life_years"].sum("year_since_start")
    return lived.isel(strategy=0).to_numpy()


def test_a_hazard_ratio_of_two_halves_mean_survival(constant, case, setting):
    twice = setting(constant, [case.real_world], 2.0)
    assert mean_life(twice, case) == pytest.approx(MEDIAN / np.log(2) / 12 / 2, rel=1e-2)


@pytest.fixture
def half_carriers(constant, case, setting):
    """Half of the patients have the first class, whose prognosis untreated is twice the hazard; the rest have none."""
    first, *others = [one for one in case.classes.values() if one.prevalence != "else"]
    draws = setting(setting(constant, [first.prevalence], 0.5), [one.prevalence for one in others], 0.0)
    return setting(draws, first.prognosis_overall[:1], 2.0)


def test_a_class_not_found_has_its_own_prognosis(half_carriers, case, unlooked_for):
    whole = MEDIAN / np.log(2) / 12
    assert mean_life(unlooked_for(half_carriers, case), case) == pytest.approx(0.75 * whole, rel=1e-2)


def test_a_class_found_and_treated_has_the_curve_of_its_treatment(half_carriers, case, setting, offered):
    pathway, first = case.pathway, next(iter(case.classes))
    tests = [case.tests[step.test] for plan in case.strategies.values() for step in plan.tests]
    sure = offered(case)
    sure |= {name for test in tests for name in (test.specificity, *test.targets.values())}
    sure |= {*pathway.after_result.values(), pathway.timing.waited_for}
    never = {test.failure for test in tests} | {plan.exhaustion for plan in case.strategies.values() if plan.exhaustion}
    found = setting(setting(half_carriers, sure, 1.0), never, 0.0)
    assert case.managements[case.classes[first].matched].overall
    assert mean_life(found, case) == pytest.approx(MEDIAN / np.log(2) / 12, rel=1e-2)


def test_adverse_events_cost_their_quality_of_life_in_the_first_year(few, case, setting, unlooked_for):
    untested = unlooked_for(few, case)
    [loss] = case.managements[case.reference].qaly_loss
    with_loss, without = (
        simulate(draws, case, horizon=3)["qaly"] for draws in (untested, setting(untested, loss[:1], 0.0))
    )
    lost = (without - with_loss).isel(strategy=0).to_numpy()
    assert lost[:, 0] == pytest.approx(np.prod([few[name].to_numpy() for name in loss], axis=0))
    assert np.abs(lost[:, 1:]).max() < 1e-12


def test_a_regimen_ends_at_its_month(constant, case, setting, unlooked_for):
    [item] = [
        one for one in case.managements[case.reference].items if one.until_month and one.resource == "infusion_visits"
    ]
    second_line = {
        name for one in case.managements[case.reference].items if one.when == "on_progression" for name in one.quantity
    }
    draws = setting(unlooked_for(constant, case), second_line, 0.0)
    visits = simulate(draws, case, horizon=5)["activity"].sel(resource=item.resource).isel(strategy=0).to_numpy()
    months = (1 - np.exp(-RATE * item.until_month)) / RATE
    assert visits.sum(1) == pytest.approx(months * 365.25 / 12 / item.every_days, rel=1e-3)
    assert np.abs(visits[:, 2:]).max() == 0


def with_reference_curves(case, **changed):
    """The case with its reference curves changed, and nothing else."""
    reference = case.managements[case.reference]
    curves = {which: getattr(reference, which).model_copy(update=changed) for which in ("progression_free", "overall")}
    managements = {**case.managements, case.reference: reference.model_copy(update=curves)}
    return case.model_copy(update={"managements": managements})


@pytest.fixture(scope="module")
def alive_untested(unlooked_for):
    """Share alive, nobody tested, at a month."""

    def of(draws, case, at):
        occupancy = occupancy_by_strategy(unlooked_for(draws, case), case, horizon=20)
        return 1 - occupancy.sel(state="dead").isel(strategy=0, cycle=at).to_numpy()

    return of


def test_each_draw_has_the_family_that_is_true_in_it(constant, case, alive_untested):
    draws = constant.assign({name: ("draw", np.full(40, value)) for name, value in {"one": 1.0, "sdlog": 0.8}.items()})
    draws["place"] = ("draw", np.arange(40) % 2)
    several = with_reference_curves(case, families={"weibull": "one", "lognormal": "sdlog"}, choice="place")
    alive = alive_untested(draws, several, 36)
    assert alive[0::2] == pytest.approx(np.exp(-RATE * 36))
    assert alive[1::2] == pytest.approx(special.ndtr(np.log(MEDIAN / 36) / 0.8), rel=2e-3)


def test_a_family_that_is_not_there_is_refused(constant, case, setting):
    draws = constant.assign(place=("draw", np.full(40, 2.0)), one=("draw", np.ones(40)))
    several = with_reference_curves(case, families={"weibull": "one", "exponential": None}, choice="place")
    with pytest.raises(ValueError, match="place must be a place from 0 to 1 among weibull, exponential"):
        simulate(draws, several, horizon=2)


def test_a_hazard_ratio_that_wanes_holds_until_its_month(constant, case, alive_untested):
    draws = constant.assign(twice=("draw", np.full(40, 2.0)))
    waning = with_reference_curves(case, later=(Window(from_month=12, hazard_ratios=("twice",)),))
    assert alive_untested(draws, waning, 12) == pytest.approx(np.exp(-RATE * 12))
    assert alive_untested(draws, waning, 36) == pytest.approx(np.exp(-RATE * (12 + 2 * 24)))


def test_the_cured_of_a_curve_die_with_the_population(constant, case, setting, alive_untested):
    draws = setting(constant.assign(cured=("draw", np.full(40, 0.25))), [case.mortality.growth], 0.0)
    draws = setting(draws, [case.mortality.rate], 0.02)
    alive = alive_untested(draws, with_reference_curves(case, cured="cured"), 120)
    assert alive == pytest.approx(0.25 * np.exp(-0.2) + 0.75 * np.exp(-RATE * 120))


def test_a_net_curve_has_the_populations_deaths_on_top(constant, case, setting, alive_untested):
    draws = setting(setting(constant, [case.mortality.growth], 0.0), [case.mortality.rate], 0.02)
    alive = alive_untested(draws, with_reference_curves(case, net=True), 60)
    assert alive == pytest.approx(np.exp(-RATE * 60 - 0.1))


def test_the_untested_of_the_trials_classes_die_as_in_the_trial(few, case, setting, unlooked_for):
    """The reference curve is solved so that the classes in the trial, each with its prognosis, make up the trial's curve."""
    described = case.managements[case.reference].overall.describes
    draws = setting(setting(few, [case.real_world], 1.0), [case.mortality.rate], 1e-9)
    others = [one.prevalence for name, one in case.classes.items() if name not in described]
    alone = setting(unlooked_for(draws, case), others, 0.0)
    occupancy = occupancy_by_strategy(alone, case, horizon=3)
    median = alone[case.managements[case.reference].overall.median].to_numpy()
    alive = 1 - occupancy.sel(state="dead").isel(strategy=0)
    for draw in range(0, 40, 7):
        assert np.interp(median[draw], np.arange(37), alive[draw]) == pytest.approx(0.5, abs=0.003)


def test_utility_before_death_between_curves_is_of_the_progressed_first(few, case):
    ends = LastMonths(within_months=3, utility=(case.states["progressed"].utility[0],))
    draws = few.assign({ends.utility[0]: few[ends.utility[0]] * 0 + 0.3})
    low = case.model_copy(update={"before_death": (ends,)})
    horizon, reference = 2, case.reference
    longer = baseline(draws, case, class_shares(draws, case), horizon + 1)
    found = course(draws, low, reference, longer, horizon)
    _, later, dead = np.stack(occupancy(draws, case, reference, longer, horizon + 1), axis=1)
    points = 12 * horizon + 1
    dying = dead[:, 3 : points + 3] - dead[:, :points]
    within = {"progressed": np.minimum(dying, later[:, :points])}
    within["progression_free"] = dying - within["progressed"]
    for name, near in within.items():
        months = (near[:, 1:] + near[:, :-1]) / 2
        expected = months.reshape(len(near), horizon, 12, -1).sum(axis=2) / 12
        np.testing.assert_allclose(found[name, ends], expected, atol=1e-12)
    assert within["progressed"].sum() > within["progression_free"].sum()


def test_the_mixture_is_the_sum_of_its_classes_by_their_shares(few, case, outcomes):
    """A class of its own has no shares of found carriers to add up, and a position is weighted by cost."""
    shares = xr.DataArray(class_shares(few, case)).rename(true_class="subgroup")
    by_class = simulate(few, case, horizon=20, by_class=True)
    flow = by_class["cost"] * by_class["position"]
    for name in (
        "cost",
        "cost_once",
        "activity",
        "activity_once",
        "qaly",
        "life_years",
        "treated",
        "mismatched",
        "uncertain",
    ):
        added = (by_class[name] * shares).sum("subgroup").transpose(*outcomes[name].dims)
        xr.testing.assert_allclose(added, outcomes[name], rtol=1e-12)
    late = (flow * shares).sum("subgroup").transpose(*outcomes["cost"].dims)
    xr.testing.assert_allclose(late, outcomes["cost"] * outcomes["position"], rtol=1e-12)


def test_managements_without_curves_or_hazard_ratios_of_their_own_have_one_course(case):
    inherited = [
        name
        for name, plan in case.managements.items()
        if plan.overall is None and not plan.hazard_ratios and not plan.starts_in
    ]
    assert len(inherited) > 0
    assert {alike(case, name) for name in inherited} == {case.reference}
    others = [name for name in case.managements if name not in inherited]
    assert [alike(case, name) for name in others] == others


def test_a_retest_falls_on_progression_and_is_no_cost_of_the_first_search(few, case, setting):
    retested = setting(few, [case.pathway.late.retest.offered], 1.0)
    nobody = setting(few, [case.pathway.late.retest.offered], 0.0)
    with_, without = (simulate(draws, case, horizon=case.horizon_years) for draws in (retested, nobody))
    xr.testing.assert_allclose(with_["cost_once"], without["cost_once"])
    name = "sequencing_consumables"
    more = (with_["activity"] - without["activity"]).sel(resource=name)
    shares = class_shares(few, case)
    for strategy in (case.comparator, case.new):
        expected = (walk_pathway(retested, case, strategy).retests * shares).sum("true_class")
        per_test = sum(item.resource == name for item in case.pathway.late.retest.items)
        made = more.sel(strategy=strategy).sum("year_since_start")
        # All but those still free from progression after the horizon.
        np.testing.assert_allclose(made, per_test * expected, rtol=2e-2)
        assert float(more.sel(strategy=strategy, year_since_start=1).mean()) > 0
