"""A small made-up case of moves between states: what the long run must do whatever the disease."""

import numpy as np
import pytest
import xarray as xr

from pmbudget.inputs.cases import Case
from pmbudget.inputs.items import Span
from pmbudget.patient import markov_trace, simulate
from pmbudget.patient.course import course
from pmbudget.patient.outcomes import occupancy_by_strategy
from pmbudget.patient.tree import walk_pathway
from pmbudget.programme import budget_impact

NAME = {"sv": "x", "en": "x"}
VALUES = {
    "one": 1.0,
    "nothing": 0.0,
    "half": 0.5,
    "p_carrier": 0.2,
    "se": 0.8,
    "sp": 0.9,
    "share_uncertain": 0.25,
    "share_acted_on": 0.4,
    "share_incidental": 0.1,
    "qaly_incidental": 0.3,
    "rate_event": 0.1,
    "rate_late": 0.4,
    "rate_population": 0.01,
    "utility": 0.9,
    "utility_event": 0.6,
    "cost": 1000.0,
    "relatives": 2.0,
    "contacted": 0.7,
    "accepts": 0.6,
    "discount_rate_cost": 0.03,
}
YEARS = 10
GENERATION = {"relatives": "relatives", "contacted": "contacted", "accepts": "accepts", "carriers": "half"}


def small_case(**changed):
    """One test, two classes, two strategies, three states; relatives of carriers in two generations."""
    item = {"resource": "care", "price": ["cost"]}
    given = {
        "label": NAME,
        "question": NAME,
        "finding": NAME,
        "action": NAME,
        "evidence": "assumption",
        "source": {"title": "Made up"},
        "comparator": "untested",
        "new": "tested",
        "horizon_years": YEARS,
        "eligible": {
            "incident": "one",
            "incident_year": 2024,
            "shares": [],
            "spread_by": "population",
            "growth": "nothing",
        },
        "uptake": dict.fromkeys(
            ("today", "university_gap", "deviation", "slope", "slope_deviation", "ceiling", "agreement_effect"), "half"
        ),
        "classes": {
            "carrier": {"label": NAME, "prevalence": "p_carrier", "matched": "protected"},
            "other": {"label": NAME, "prevalence": "else"},
        },
        "tests": {
            "test": {
                "label": NAME,
                "targets": {"carrier": "se"},
                "specificity": "sp",
                "failure": "nothing",
                "uncertain": {
                    "share": "share_uncertain",
                    "acted_on": "share_acted_on",
                    "items": [{"resource": "workup"}],
                },
                "incidental": {
                    "share": "share_incidental",
                    "items": [{"resource": "follow_up"}],
                    "qaly": [["qaly_incidental"]],
                },
                "items": [{"resource": "test"}],
            },
            "second": {
                "label": NAME,
                "targets": {"carrier": "se"},
                "specificity": "sp",
                "failure": "nothing",
                "items": [{"resource": "test"}],
            },
        },
        "strategies": {
            "untested": {"label": NAME},
            "tested": {"label": NAME, "tests": [{"test": "test", "offered": "one"}]},
        },
        "pathway": {"after_result": {}},
        "relatives": {
            "of": ["carrier"],
            "generations": [GENERATION, GENERATION],
            "test_items": [{"resource": "test_relative"}],
        },
        "states": {
            "well": {"label": NAME, "utility": ["utility"]},
            "ill": {"label": NAME, "utility": ["utility_event"]},
            "dead": {"label": NAME},
        },
        "mortality": {"rate": "rate_population", "growth": "nothing"},
        "cycles_per_year": 1,
        "reference": "usual",
        "mismatched": "usual",
        "employer_add_on": "half",
        "productive_hours": "one",
        "managements": {
            "usual": {
                "label": NAME,
                "moves": [{"from": "well", "to": "ill", "rate": ["rate_event"]}],
                "items": [item | {"when": "ill", "every_days": 365.25}, item | {"resource": "event", "when": "on_ill"}],
            },
            "protected": {"label": NAME, "hazard_ratios": ["half"], "items": []},
        },
        "resources": {
            name: {"label": NAME, "unit": "clinic", "kind": "care", "measure": "times"}
            for name in ("care", "event", "test", "workup", "follow_up", "test_relative")
        },
        "transition": [],
    }
    return Case.model_validate({**given, **changed})


def with_moves(*moves, **changed):
    usual = {"label": NAME, "moves": moves, "items": []}
    managements = {"usual": usual, "protected": {"label": NAME, "hazard_ratios": ["half"], "items": []}}
    return small_case(managements=managements, **changed)


def table(draws=3, **values):
    return xr.Dataset({name: ("draw", np.full(draws, value)) for name, value in {**VALUES, **values}.items()})


def usual_course(case, draws, management="usual"):
    return course(draws, case, management, None, YEARS)


def first(variable):
    """The values of the first draw (and of carriers, where classes differ)."""
    values = variable.isel({dim: 0 for dim in ("draw", "true_class") if dim in variable.dims})
    return values.to_numpy()


def test_moves_equal_the_chain_of_their_probabilities():
    case, draws = small_case(), table(rate_population=0.0)
    p = 1 - np.exp(-0.1)
    well = (1 - p) ** np.arange(YEARS + 1)
    found = usual_course(case, draws)
    assert first(found[Span("well")]) == pytest.approx((well[1:] + well[:-1]) / 2)
    assert first(found["on_ill"]) == pytest.approx(well[:-1] * p)
    assert first(found["on_dead"]) == pytest.approx(np.zeros(YEARS))


def test_competing_rates_share_those_who_leave_in_their_proportion():
    found = usual_course(small_case(), table(rate_population=0.3))
    leaving = 1 - np.exp(-0.4)
    assert first(found["on_ill"])[0] == pytest.approx(leaving * 0.1 / 0.4)
    assert first(found["on_dead"])[0] == pytest.approx(leaving * 0.3 / 0.4)


def test_more_cycles_a_year_tend_to_the_exponential():
    draws = table(rate_population=0.0)
    exact = np.exp(-0.1 * np.arange(YEARS + 1))
    lived = (exact[:-1] - exact[1:]) / 0.1
    fine = usual_course(small_case(cycles_per_year=12), draws)[Span("well")]
    coarse = usual_course(small_case(), draws)[Span("well")]
    assert first(fine) == pytest.approx(lived, rel=1e-5)
    assert abs(first(coarse) - lived).max() > 10 * abs(first(fine) - lived).max()


def test_a_hazard_ratio_is_of_every_move_but_the_populations_deaths():
    found = usual_course(small_case(), table(rate_population=0.3), "protected")
    leaving = 1 - np.exp(-0.35)
    assert first(found["on_ill"])[0] == pytest.approx(leaving * 0.05 / 0.35)


def test_a_move_holds_between_its_years_and_grows():
    case = with_moves(
        {"from": "well", "to": "ill", "rate": ["rate_event"], "from_year": 2, "until_year": 4, "growth": "half"}
    )
    entered = first(usual_course(case, table(rate_population=0.0))["on_ill"])
    p = 1 - np.exp(-0.1 * np.exp(0.5 * np.array([2.5, 3.5])))
    assert entered == pytest.approx([0, 0, p[0], (1 - p[0]) * p[1], *[0] * 6])


def test_a_tunnel_depends_on_time_in_the_state_and_not_on_the_calendar():
    """All fall ill in year 4; the risk of death holds in the second year of illness alone."""
    case = with_moves(
        {"from": "well", "to": "ill", "rate": ["surely"], "from_year": 3, "until_year": 4},
        {"from": "ill", "to": "dead", "rate": ["rate_late"], "in_state_from_year": 1, "in_state_until_year": 2},
    )
    found = usual_course(case, table(rate_population=0.0, surely=50.0))
    assert first(found["on_ill"]) == pytest.approx(np.eye(YEARS)[3], abs=1e-9)
    assert first(found["on_dead"]) == pytest.approx((1 - np.exp(-0.4)) * np.eye(YEARS)[5], abs=1e-9)


def test_a_move_of_one_class_leaves_the_others_alone():
    case = with_moves({"from": "well", "to": "ill", "rate": ["rate_event"], "classes": ["carrier"]})
    entered = usual_course(case, table())["on_ill"]
    assert float(entered.isel(true_class=0).min()) > 0
    assert float(abs(entered.isel(true_class=1)).max()) == 0


def test_states_hold_all_patients_and_nobody_returns_from_death():
    draws = table(rate_population=0.05)
    found = occupancy_by_strategy(draws, small_case(cycles_per_year=4), horizon=YEARS)
    assert found.sizes["cycle"] == 4 * YEARS + 1
    assert found.sum("state").to_numpy() == pytest.approx(1)
    assert float(found.sel(state="dead").diff("cycle").min()) > 0


def test_the_pathway_and_the_long_run_are_one_model():
    """Life years, QALYs and cost by hand for who is tested and treated and who is not."""
    draws = table(rate_population=0.0, share_acted_on=0.0)
    case = small_case(relatives=None)
    found = simulate(draws, case, horizon=YEARS).isel(draw=0)
    matched = 0.2 * 0.8
    shares = {"untested": (1.0, 0.0), "tested": (1 - matched, matched)}
    for strategy, (usual, protected) in shares.items():
        qaly, ill, events = 0.0, 0.0, 0.0
        for share, rate in ((usual, 0.1), (protected, 0.05)):
            well = np.exp(-rate * np.arange(YEARS + 1))
            years = ((well[1:] + well[:-1]) / 2).sum()
            qaly += share * (0.9 * years + 0.6 * (YEARS - years))
            ill += (YEARS - years) * (share if rate == 0.1 else 0)
            events += (1 - well[-1]) * (share if rate == 0.1 else 0)
        one = found.sel(strategy=strategy)
        incidental = 0.1 * 0.3 if strategy == "tested" else 0.0
        assert float(one["qaly"].sum()) == pytest.approx(qaly + incidental)
        assert float(one["life_years"].sum()) == pytest.approx(YEARS)
        assert float(one["cost"].sel(resource="care").sum()) == pytest.approx(1000 * ill)
        assert float(one["activity"].sel(resource="event").sum()) == pytest.approx(events)


def test_uncertain_and_incidental_findings_are_counted_and_worked_up():
    found = simulate(table(), small_case(), horizon=2).isel(draw=0).sel(strategy="tested")
    # Answers without a finding: 0.2 x 0.2 carriers missed and 0.8 x 0.9 others.
    assert float(found["uncertain"]) == pytest.approx(0.25 * (0.04 + 0.72))
    assert float(found["activity_once"].sel(resource="workup")) == pytest.approx(float(found["uncertain"]))
    assert float(found["incidental"]) == pytest.approx(0.1)
    assert float(found["activity_once"].sel(resource="follow_up")) == pytest.approx(0.1)


def test_an_uncertain_variant_that_is_acted_on_is_treated_without_its_target():
    case = small_case(mismatched="protected")
    path = walk_pathway(table(), case, "tested")
    protected = first(path.managements.isel(management=1).isel(true_class=[1]))
    # Wrong positives 0.1, and 0.25 x 0.4 of the 0.9 who were rightly negative.
    assert protected == pytest.approx(0.1 + 0.9 * 0.25 * 0.4)
    assert path.managements.sum("management").to_numpy() == pytest.approx(1)


def test_a_reflex_test_takes_away_what_it_does_not_confirm():
    steps = [{"test": "test", "offered": "one"}, {"test": "second", "offered": "half", "confirms": "test"}]
    strategies = {"untested": {"label": NAME}, "tested": {"label": NAME, "tests": steps}}
    path = walk_pathway(table(share_uncertain=0.0), small_case(strategies=strategies), "tested")
    carrier, other = (
        {name: float(getattr(path, name).isel(true_class=place, draw=0)) for name in ("found", "positives")}
        for place in (0, 1)
    )
    assert carrier["found"] == pytest.approx(0.8 * (1 - 0.5 * 0.2))
    assert other["positives"] == pytest.approx(0.1 * (1 - 0.5 * 0.9))
    assert float(path.performed["second"].isel(true_class=0, draw=0)) == pytest.approx(0.8 * 0.5)


def test_after_a_positive_that_is_not_confirmed_the_search_goes_on():
    steps = [
        {"test": "test", "offered": "one"},
        {"test": "second", "offered": "one", "confirms": "test"},
        {"test": "second", "offered": "one"},
    ]
    strategies = {"untested": {"label": NAME}, "tested": {"label": NAME, "tests": steps}}
    path = walk_pathway(table(share_uncertain=0.0), small_case(strategies=strategies), "tested")
    confirmed = 0.8 * 0.8
    assert float(path.found.isel(true_class=0, draw=0)) == pytest.approx(confirmed + (1 - confirmed) * 0.8)


def test_a_reflex_test_of_a_later_test_is_refused():
    steps = [{"test": "second", "offered": "one", "confirms": "test"}, {"test": "test", "offered": "one"}]
    with pytest.raises(ValueError, match="no earlier step makes"):
        small_case(strategies={"untested": {"label": NAME}, "tested": {"label": NAME, "tests": steps}})


def test_relatives_are_reached_from_each_carrier_found_generation_by_generation():
    draws = table()
    found = simulate(draws, small_case(), horizon=2).isel(draw=0)
    index = 0.2 * 0.8
    tested_1 = index * 2 * 0.7 * 0.6
    tested_2 = tested_1 * 0.5 * 2 * 0.7 * 0.6
    one = found.sel(strategy="tested")
    assert float(one["relatives_tested"]) == pytest.approx(tested_1 + tested_2)
    assert float(one["relatives_found"]) == pytest.approx((tested_1 + tested_2) / 2)
    assert float(one["activity_once"].sel(resource="test_relative")) == pytest.approx(tested_1 + tested_2)
    assert float(found.sel(strategy="untested")["relatives_tested"]) == 0


def test_carriers_among_relatives_live_the_course_of_being_found_or_not():
    draws = table(rate_population=0.0, share_incidental=0.0, p_carrier=1.0, se=1.0)
    generation = GENERATION | {"contacted": "one", "accepts": "one"}
    relatives = {
        "of": ["carrier"],
        "generations": [generation],
        "test_items": [],
        "found": "protected",
        "unfound": "usual",
    }
    found = simulate(draws, small_case(relatives=relatives), horizon=YEARS).isel(draw=0)
    qaly = found["qaly"].sum("year_since_start").to_series()
    # One relative in two is a carrier: each patient brings one more, who is found when the patient is.
    alone = (
        simulate(draws, small_case(relatives=None), horizon=YEARS)
        .isel(draw=0)["qaly"]
        .sum("year_since_start")
        .to_series()
    )
    assert qaly.to_dict() == pytest.approx({name: 2 * value for name, value in alone.items()})
    assert found["life_years"].sum("year_since_start").to_numpy() == pytest.approx(2 * YEARS)


def cascade_of(**changed):
    """Relatives of carriers, who are followed."""
    given = {"of": ["carrier"], "generations": [GENERATION, GENERATION], "test_items": []}
    return small_case(relatives=given | {"found": "protected", "unfound": "usual"} | changed)


def test_carriers_known_before_are_tested_and_lead_on_but_do_not_count():
    draws = table()
    new, known = (
        walk_pathway(draws, cascade_of(**more), "tested") for more in ({}, {"already_known": "share_uncertain"})
    )
    assert first(known.relatives_tested) == pytest.approx(first(new.relatives_tested))
    for name in ("relatives_found", "relatives_acted_on", "relatives_left"):
        assert first(getattr(known, name)) == pytest.approx(0.75 * first(getattr(new, name)))


def test_of_the_relatives_found_a_share_come_to_treatment():
    draws = table(rate_population=0.0)
    all_, some, none = (
        simulate(draws, cascade_of(**more), horizon=YEARS).isel(draw=0).sel(strategy="tested")["qaly"].sum()
        for more in ({}, {"acted_on": "contacted"}, {"acted_on": "nothing"})
    )
    assert float(some - none) == pytest.approx(0.7 * float(all_ - none))
    with pytest.raises(ValueError, match="acted_on leads to the management found"):
        cascade_of(found=None, unfound=None, acted_on="half")


def test_a_management_starts_in_its_own_state():
    managements = {
        "usual": {"label": NAME, "moves": [{"from": "well", "to": "ill", "rate": ["rate_event"]}], "items": []},
        "protected": {"label": NAME, "starts_in": "ill", "items": []},
    }
    case, draws = small_case(managements=managements, relatives=None), table(rate_population=0.0)
    assert first(usual_course(case, draws, "protected")[Span("ill")]) == pytest.approx(np.ones(YEARS))
    states = occupancy_by_strategy(draws, case, horizon=YEARS).isel(draw=0).sel(strategy="tested", cycle=0)
    treated = simulate(draws, case, horizon=1)["treated"].sel(strategy="tested", management="protected").isel(draw=0)
    assert float(states.sel(state="ill")) == pytest.approx(float(treated))
    for state, said in (("dead", "managements.protected.starts_in: 'dead'"), ("wel", "did you mean well")):
        wrong = {**managements, "protected": {"label": NAME, "starts_in": state, "items": []}}
        with pytest.raises(ValueError, match=said):
            small_case(managements=wrong)


def test_the_drawn_states_hold_relatives_where_they_are_followed():
    draws = table(rate_population=0.0, share_incidental=0.0)
    case = cascade_of()
    states = occupancy_by_strategy(draws, case, horizon=YEARS)
    np.testing.assert_allclose(states.sum("state"), 1)
    # Each patient brings so many persons along, whatever the strategy.
    persons = 1 + 0.2 * (2 * 0.5 + (2 * 0.5) ** 2)
    years = states.sel(state=["well", "ill"]).sum("state").integrate("cycle")
    lived = simulate(draws, case, horizon=YEARS)["life_years"].sum("year_since_start")
    np.testing.assert_allclose(persons * years, lived)


@pytest.mark.parametrize(
    ("parameter", "value", "node"),
    [
        ("se", 1.2, "test positive with carrier"),
        ("one", 1.3, "test offered"),
        ("share_uncertain", -0.1, "test uncertain"),
    ],
)
def test_a_probability_outside_0_1_names_strategy_node_and_draw(parameter, value, node):
    draws = table()
    draws[parameter] = ("draw", [VALUES[parameter], VALUES[parameter], value])
    with pytest.raises(ValueError, match=f"strategy 'tested', node '{node}': probability {value} in draw 2"):
        walk_pathway(draws, small_case(), "tested")


def test_a_gain_at_the_start_counts_once():
    managements = {
        "usual": {"label": NAME, "moves": [{"from": "well", "to": "ill", "rate": ["nothing"]}], "items": []},
        "protected": {"label": NAME, "items": [], "qaly_gain": [["half", "utility"]], "qaly_loss": [["p_carrier"]]},
    }
    draws = table(rate_population=0.0, share_incidental=0.0, share_acted_on=0.0)
    qaly = simulate(draws, small_case(managements=managements, relatives=None), horizon=YEARS).isel(draw=0)["qaly"]
    gained = (qaly.sel(strategy="tested") - qaly.sel(strategy="untested")).to_numpy()
    assert gained == pytest.approx([0.16 * (0.45 - 0.2), *[0] * (YEARS - 1)])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"states": {"well": {"label": NAME, "utility": []}, "ill": {"label": NAME, "utility": []}}}, "is death"),
        ({"real_world": "half"}, "real_world is of survival curves"),
        (
            {"states": {"on_well": {"label": NAME, "utility": []}, "dead": {"label": NAME}}},
            "'on_well' would read as a time",
        ),
        ({"items_for_all": [{"resource": "care", "when": "on_progression"}]}, "items fall when on_progression"),
        ({"relatives": {"of": ["nobody"], "generations": [GENERATION], "test_items": []}}, "relatives.of: 'nobody'"),
    ],
)
def test_a_case_that_does_not_hang_together_is_refused(changed, said):
    with pytest.raises(ValueError, match=said):
        small_case(**changed)


def test_a_case_whose_cost_all_falls_at_the_start_has_a_flow_of_nothing():
    managements = {name: {"label": NAME} for name in ("usual", "protected")}
    found = simulate(table(), small_case(managements=managements), horizon=3)
    assert found["cost"].sizes["year_since_start"] == 3
    assert float(abs(found["cost"]).max()) == 0
    assert float(found["activity_once"].sel(resource="test", strategy="tested").min()) > 0


def test_draws_stay_apart():
    draws = table()
    draws["rate_event"] = ("draw", [0.1, 0.2, 0.3])
    together = simulate(draws, small_case(), horizon=3)
    alone = simulate(draws.isel(draw=[1]), small_case(), horizon=3)
    xr.testing.assert_allclose(together.isel(draw=[1]), alone)


def test_a_course_equals_the_public_trace():
    draws = table(rate_population=0.0)
    p = 1 - np.exp(-0.1)
    trace = markov_trace([1, 0, 0], [[1 - p, p, 0], [0, 1, 0], [0, 0, 1]], YEARS)
    found = occupancy_by_strategy(draws, small_case(), horizon=YEARS).sel(strategy="untested").isel(draw=0)
    np.testing.assert_allclose(found, trace, rtol=1e-12)


def timed_case(cycles_per_year, **item):
    """All are untreated; one item, on a resource of its own."""
    usual = {
        "label": NAME,
        "moves": [{"from": "well", "to": "ill", "rate": ["rate_event"]}],
        "items": [{"resource": "care", "price": ["cost"], **item}],
    }
    managements = {"usual": usual, "protected": {"label": NAME, "hazard_ratios": ["half"], "items": []}}
    return small_case(managements=managements, cycles_per_year=cycles_per_year)


def position_of(case, **values):
    found = simulate(table(**values), case, horizon=YEARS)["position"]
    return found.sel(strategy="untested", resource="care").isel(draw=0).to_numpy()


def test_what_runs_stands_where_those_who_have_it_are():
    cycles = 12
    found = position_of(timed_case(cycles, when="well", every_days=365.25), rate_event=3.0, rate_population=0.0)
    alive = np.exp(-3 * np.arange(cycles + 1) / cycles)
    within = (alive[:-1] + alive[1:]) / 2
    assert found[0] == pytest.approx(np.average((np.arange(cycles) + 0.5) / cycles, weights=within))
    assert found[0] < 0.35


def test_what_ends_within_a_cycle_stands_in_the_middle_of_what_is_counted():
    found = position_of(timed_case(1, when="well", until_month=6, every_days=365.25))
    assert found[0] == pytest.approx(0.25)


def test_what_is_used_on_entering_a_state_has_a_place_of_its_own():
    cycles = 4
    found = position_of(timed_case(cycles, when="on_ill"), rate_event=2.0, rate_population=0.0)
    left = -np.diff(np.exp(-2 * np.arange(cycles + 1) / cycles))
    assert found[0] == pytest.approx(np.average((np.arange(cycles) + 0.5) / cycles, weights=left))


def test_what_nobody_uses_stands_in_the_middle():
    assert position_of(timed_case(1, when="on_ill"), rate_event=0.0) == pytest.approx(0.5)


def test_half_of_the_flows_late_in_the_year_are_the_next_year_s_cash():
    case = timed_case(12, when="on_ill")
    outcomes = simulate(table(), case, horizon=3)
    persons = xr.DataArray(
        np.ones((3, 1, 2, 1, 1)),
        {"mix": ["new"], "strategy": ["untested", "tested"], "region": ["01"], "year": [2027]},
        ("draw", "mix", "strategy", "region", "year"),
    )
    shown = xr.concat([persons, 0 * persons.assign_coords(year=[2028])], dim="year")
    found = budget_impact(outcomes, shown).isel(draw=0, mix=0, region=0).sel(resource="care").to_numpy()
    flow, at = (outcomes[name].isel(draw=0).sel(resource="care") for name in ("cost", "position"))
    first, second = (float((flow * (1 - at)).sum("strategy")[year]) for year in (0, 1))
    assert found == pytest.approx([first, second + float((flow * at).sum("strategy")[0])])


def qalys(case, **values):
    found = simulate(table(**values), case, horizon=YEARS)
    return found["qaly"].sel(strategy="untested").isel(draw=0).to_numpy()


def trapezoid(points):
    return (points[1:] + points[:-1]) / 2


def test_utility_before_death_of_a_cohort_that_dies_at_one_rate():
    # A twelfth of a year is a cycle: within three months of death are those who die in the next three cycles.
    last = {"before_death": [{"within_months": 3, "utility": ["half"]}], "cycles_per_year": 12}
    rates = {"rate_event": 0.0, "rate_population": 0.4}
    alive = np.exp(-0.4 * np.arange(12 * YEARS + 4) / 12)
    near = alive[:-3] - alive[3:]
    lived = trapezoid(alive[: 12 * YEARS + 1]).reshape(YEARS, 12).sum(axis=1) / 12
    close = trapezoid(near).reshape(YEARS, 12).sum(axis=1) / 12
    assert qalys(small_case(cycles_per_year=12), **rates) == pytest.approx(0.9 * lived)
    assert qalys(small_case(**last), **rates) == pytest.approx(0.9 * lived - (0.9 - 0.5) * close)


def test_who_is_near_death_is_in_the_state_died_from():
    states = {
        "well": {"label": NAME, "utility": ["utility"], "mortality_ratios": ["nothing"]},
        "ill": {"label": NAME, "utility": ["utility_event"]},
        "dead": {"label": NAME},
    }
    last = {"before_death": [{"within_months": 12, "utility": ["nothing"]}], "states": states}
    rates = {"rate_event": 0.1, "rate_population": 0.3}
    case = small_case(states=states)
    trace = occupancy_by_strategy(table(**rates), case, horizon=YEARS + 1).sel(strategy="untested").isel(draw=0)
    deaths = np.diff(trace.sel(state="dead"))
    near = np.minimum(deaths, trace.sel(state="ill").to_numpy()[:-1])
    # Those who fall ill and die within the same year are still well when it begins.
    from_well = deaths - near
    lost = 0.6 * trapezoid(near) + 0.9 * trapezoid(from_well)
    assert qalys(small_case(**last), **rates) == pytest.approx(qalys(case, **rates) - lost)


def test_of_several_times_before_death_the_shortest_holds():
    rates = {"rate_event": 0.0, "rate_population": 0.4}
    one, three = ({"within_months": months, "utility": [name]} for months, name in ((12, "nothing"), (36, "half")))
    alive = np.exp(-0.4 * np.arange(YEARS + 4))
    within = [alive[:-3] - np.roll(alive, -k)[:-3] for k in (1, 3)]
    expected = 0.9 * trapezoid(alive[:-3]) - 0.9 * trapezoid(within[0]) - 0.4 * trapezoid(within[1] - within[0])
    assert qalys(small_case(before_death=[one, three]), **rates) == pytest.approx(expected)
    with pytest.raises(ValueError, match="put the shortest time first"):
        small_case(before_death=[three, one])


def test_with_a_cycle_of_a_year_three_months_are_a_quarter_of_the_year_s_deaths():
    rates = {"rate_event": 0.0, "rate_population": 0.4}
    last = small_case(before_death=[{"within_months": 3, "utility": ["nothing"]}])
    alive = np.exp(-0.4 * np.arange(YEARS + 2))
    expected = 0.9 * trapezoid(alive[:-1]) - 0.9 * trapezoid(0.25 * (alive[:-1] - alive[1:]))
    assert qalys(last, **rates) == pytest.approx(expected)


def test_life_years_and_costs_are_as_without_a_utility_before_death():
    with_it = small_case(before_death=[{"within_months": 6, "utility": ["nothing"]}])
    plain, other = (simulate(table(rate_population=0.2), case, horizon=YEARS) for case in (small_case(), with_it))
    for name in ("life_years", "cost", "activity", "position"):
        xr.testing.assert_identical(plain[name], other[name])
    assert (other["qaly"] < plain["qaly"]).all()


def test_each_class_has_its_own_cost_where_no_care_is_counted():
    managements = {name: {"label": NAME, "items": []} for name in ("usual", "protected")}
    managements["usual"]["moves"] = [{"from": "well", "to": "ill", "rate": ["rate_event"]}]
    found = simulate(table(), small_case(managements=managements), horizon=2, by_class=True)
    assert (
        found["cost"].dims == found["position"].dims == ("draw", "strategy", "subgroup", "year_since_start", "resource")
    )


def phased_case(cycles_per_year, *bounds, **changed):
    """All are untreated; one running item for each of the bounds."""
    items = [{"resource": "care", "when": "ill", "every_days": 365.25, **one} for one in bounds]
    usual = {"label": NAME, "moves": changed.pop("moves", []), "items": items, **changed}
    managements = {"usual": usual, "protected": {"label": NAME, "hazard_ratios": ["half"], "items": []}}
    return small_case(managements=managements, cycles_per_year=cycles_per_year)


def test_years_in_a_tunnel_are_told_by_the_time_since_it_was_entered():
    """In the first year after falling ill the risk of death is high, then low: those who enter each year are followed one by one."""
    in_tunnel = {"from": "ill", "to": "dead", "rate": ["rate_late"], "in_state_until_year": 1}
    moves = [{"from": "well", "to": "ill", "rate": ["rate_event"]}, in_tunnel]
    found = usual_course(
        phased_case(1, {"in_state_until_month": 24}, {"in_state_from_month": 24}, moves=moves),
        table(rate_population=0.0),
    )
    entered = np.exp(-0.1 * np.arange(YEARS)) * (1 - np.exp(-0.1))
    # Nobody dies but in the first cycle after entry; those who entered in cycle i are ill from point i + 1.
    alive = np.zeros((YEARS, YEARS + 1))
    for cycle, many in enumerate(entered):
        alive[cycle, cycle + 1] = many
        alive[cycle, cycle + 2 :] = many * np.exp(-0.4)
    longer = np.array([sum(alive[cycle, point] for cycle in range(point - 2)) for point in range(YEARS + 1)])
    whole = trapezoid(alive.sum(axis=0))
    assert first(found[Span("ill", in_state_from_month=24)]) == pytest.approx(trapezoid(longer))
    assert first(found[Span("ill", in_state_until_month=24)]) == pytest.approx(whole - trapezoid(longer))


def test_who_starts_in_a_state_has_entered_it_at_the_start():
    bounds = {"in_state_until_month": 24}, {"in_state_from_month": 24}
    found = usual_course(phased_case(12, *bounds, starts_in="ill"), table(rate_population=0.2))
    whole, early, late = (first(found[Span("ill", **one)]) for one in ({}, *bounds))
    assert early == pytest.approx(np.where(np.arange(YEARS) < 2, whole, 0))
    assert late == pytest.approx(np.where(np.arange(YEARS) < 2, 0, whole))


def test_the_parts_of_a_state_of_moves_sum_to_the_state():
    bounds = [
        {**since, **before}
        for since in ({"in_state_until_month": 12}, {"in_state_from_month": 12})
        for before in ({"last_months": 6}, {"until_last_months": 6})
    ]
    moves = [
        {"from": "well", "to": "ill", "rate": ["rate_event"]},
        {"from": "ill", "to": "well", "rate": ["rate_late"]},
    ]
    found = usual_course(phased_case(12, *bounds, moves=moves), table(rate_population=0.3))
    parts = [first(found[Span("ill", **one)]) for one in bounds]
    assert min(part.min() for part in parts) > -1e-15
    assert all(part[1:].min() > 0 for part in parts)
    np.testing.assert_allclose(sum(parts), first(found[Span("ill")]), rtol=1e-12)


def test_care_and_utility_before_death_are_of_the_same_time():
    ends = [{"within_months": 6, "utility": ["nothing"]}]
    usual = {
        "label": NAME,
        "moves": [],
        "items": [{"resource": "care", "when": "well", "every_days": 365.25, "last_months": 6}],
    }
    managements = {"usual": usual, "protected": {"label": NAME, "hazard_ratios": ["half"], "items": []}}
    plain, low = (
        simulate(table(rate_population=0.3), small_case(managements=managements, before_death=one), horizon=YEARS)
        for one in ([], ends)
    )
    near = low["activity"].sel(strategy="untested", resource="care")
    np.testing.assert_array_equal(plain["activity"], low["activity"])
    np.testing.assert_allclose((plain["qaly"] - low["qaly"]).sel(strategy="untested"), VALUES["utility"] * near)


def test_months_in_a_state_end_with_a_cycle():
    with pytest.raises(ValueError, match="18 in ill do not end with a cycle of 12 months; use a multiple"):
        phased_case(1, {"in_state_until_month": 18})
