import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from pmbudget.patient import cohort_total, decision_tree, markov_trace, partitioned_survival, survival_curve


def test_two_states_are_a_geometric_series():
    trace = markov_trace([1, 0], [[0.8, 0.2], [0, 1]], 30)
    np.testing.assert_allclose(trace.sel(state=0), 0.8 ** np.arange(31), rtol=1e-12)
    alive = cohort_total(trace, [1, 0], discount_rate=0.25, counting="start")
    assert float(alive) == pytest.approx((1 - 0.64**30) / (1 - 0.64))


@pytest.mark.parametrize("counting", ["start", "end", "trapezoid", "simpson"])
def test_a_constant_reward_over_n_cycles_is_n(counting):
    trace = markov_trace([0.3, 0.7], [[0.8, 0.2], [0.1, 0.9]], 12)
    assert float(cohort_total(trace, [1, 1], discount_rate=0, counting=counting)) == pytest.approx(12)


def test_a_one_off_cost_on_a_move_is_never_weighted_within_the_cycle():
    moves = [[0, 1], [0, 1]]
    trace = markov_trace([1, 0], moves, 3)
    for counting in ("start", "end", "trapezoid"):
        total = cohort_total(
            trace, [0, 0], discount_rate=0, counting=counting, transition_values=[[0, 4], [0, 0]], transition=moves
        )
        assert float(total) == pytest.approx(4)


def test_a_move_is_discounted_at_the_cycle_it_leads_into():
    moves = np.stack([np.eye(2), [[0, 1], [0, 1]], np.eye(2)])
    trace = markov_trace([1, 0], moves, 3)
    total = cohort_total(trace, [0, 0], discount_rate=1.0, transition_values=[[0, 8], [0, 0]], transition=moves)
    assert float(total) == pytest.approx(8 / 4)


def test_values_and_moves_may_change_by_cycle():
    moves = np.stack([[[0.5, 0.5], [0, 1]], [[0, 1], [0, 1]]])
    trace = markov_trace([1, 0], moves, 2)
    assert trace.sel(state=0).to_numpy().tolist() == [1, 0.5, 0]
    values = [[0, 0], [10, 1], [100, 1]]
    assert float(cohort_total(trace, values, discount_rate=0, counting="end")) == pytest.approx(5 + 0.5 + 1)


def test_exponential_partitioned_survival_is_the_limit_of_a_markov_chain():
    per_year, leave, die = 400, 0.6, 0.25
    years = np.linspace(0, 5, 5 * per_year + 1)
    states = partitioned_survival(
        survival_curve("exponential", years, rate=leave + die), survival_curve("exponential", years, rate=die)
    )
    step = 1 / per_year
    moves = np.array([[1 - (leave + die) * step, leave * step, die * step], [0, 1 - die * step, die * step], [0, 0, 1]])
    chain = markov_trace([1, 0, 0], moves, 5 * per_year)
    np.testing.assert_allclose(chain.to_numpy(), states.to_numpy(), atol=2e-3)


def test_labelled_and_plain_arrays_may_be_mixed_and_states_are_matched_by_name():
    labels = {"from": ["well", "dead"], "to": ["well", "dead"]}
    moves = xr.DataArray([[[0.9, 0.1], [0, 1]], [[0.5, 0.5], [0, 1]]], labels, ("draw", "from", "to"))
    plain = markov_trace([1, 0], moves, 4)
    turned = markov_trace(xr.DataArray([0, 1], {"state": ["dead", "well"]}, ("state",)), moves, 4)
    np.testing.assert_allclose(plain, turned)
    assert plain.dims == ("draw", "cycle", "state")
    values = xr.DataArray([0.0, 1.0], {"state": ["dead", "well"]}, ("state",))
    total = cohort_total(plain, values, discount_rate=0, counting="start")
    np.testing.assert_allclose(total, [sum(0.9**k for k in range(4)), sum(0.5**k for k in range(4))])


@pytest.mark.parametrize(
    ("moves", "said"),
    [
        ([[0.9, 0.2], [0, 1]], "does not sum to 1 at from 0"),
        ([[1.2, -0.2], [0, 1]], "outside 0-1 at from 0, to 0"),
        ([[np.nan, 1], [0, 1]], "outside 0-1"),
        (np.ones((3, 2, 2)) / 2, "3 places and there are 4 cycles"),
        ([[1.0]], "they must be as many"),
    ],
)
def test_a_wrong_transition_is_refused_with_its_place(moves, said):
    with pytest.raises(ValueError, match=said):
        markov_trace([1, 0], moves, 4)


def test_the_draw_of_a_wrong_row_is_named():
    moves = np.tile([[0.9, 0.1], [0, 1]], (5, 1, 1)).astype(float)
    moves[3, 1] = [0.5, 0.6]
    with pytest.raises(ValueError, match="draw 3, from 1"):
        markov_trace([1, 0], xr.DataArray(moves, dims=("draw", "from", "to")), 4)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 5), st.integers(1, 12), st.integers(0, 2**32 - 1), st.booleans())
def test_any_chain_keeps_its_mass_within_bounds(states, cycles, seed, timed):
    rng = np.random.default_rng(seed)
    dims = ("draw", "cycle", "from", "to") if timed else ("draw", "from", "to")
    size = (3, cycles, states) if timed else (3, states)
    moves = xr.DataArray(rng.dirichlet(np.ones(states), size=size), dims=dims)
    trace = markov_trace(rng.dirichlet(np.ones(states)), moves, cycles)
    np.testing.assert_allclose(trace.sum("state"), 1, atol=1e-12)
    assert float(trace.min()) >= 0
    one = moves.isel(draw=1)
    by_hand = trace.isel(draw=1, cycle=0).to_numpy()
    for cycle in range(cycles):
        by_hand = by_hand @ (one.isel(cycle=cycle) if timed else one).to_numpy()
    np.testing.assert_allclose(trace.isel(draw=1, cycle=-1), by_hand, atol=1e-12)


nodes = st.recursive(
    st.fixed_dictionaries({"cost": st.floats(0, 100), "effect": st.floats(0, 1)}),
    lambda below: st.lists(below, min_size=1, max_size=3).flatmap(
        lambda parts: st.lists(st.floats(0.01, 1), min_size=len(parts), max_size=len(parts)).map(
            lambda weights: {
                "branches": {
                    str(k): (weight / sum(weights) if k else "else", part)
                    for k, (weight, part) in enumerate(zip(weights, parts, strict=True))
                }
            }
        )
    ),
    max_leaves=12,
)


def extremes(node, key):
    here = node.get(key, 0.0)
    below = [extremes(part, key) for _, part in node.get("branches", {}).values()]
    return here + min((low for low, _ in below), default=0.0), here + max((high for _, high in below), default=0.0)


@settings(max_examples=60, deadline=None)
@given(nodes)
def test_any_tree_lies_between_its_best_and_worst_path(node):
    found = decision_tree({"s": node})
    for key in ("cost", "effect"):
        low, high = extremes(node, key)
        assert low - 1e-9 <= float(found[key].sel(strategy="s")) <= high + 1e-9


def test_a_tree_over_draws_is_the_tree_of_each_draw():
    tree = {"a": {"branches": {"x": ("p", {"cost": "c"}), "y": ("else", {"cost": 1, "effect": 2})}}, "b": {"cost": "c"}}
    draws = {"p": np.array([0.1, 0.9]), "c": np.array([10.0, 20.0])}
    whole = decision_tree(tree, draws)
    for k in range(2):
        one = decision_tree(tree, {name: values[k] for name, values in draws.items()})
        np.testing.assert_allclose(whole["cost"].isel(draw=k), one["cost"])
    assert whole["effect"].dims == ("strategy", "draw")


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"branches": {"x": (0.5, {}), "y": (0.4, {})}}, "strategy 's', node root: the branches do not sum to 1"),
        (
            {"branches": {"x": (0.5, {"branches": {"z": (1.2, {})}}), "y": ("else", {})}},
            "node x: the probability of 'z' is outside 0-1",
        ),
        ({"branches": {"x": ("else", {}), "y": ("else", {})}}, "all else"),
        ({"branches": {"x": ("p", {}), "y": (0.5, {})}}, "do not sum to 1 .* in draw 1"),
        ({"branches": {"x": ("p", {}), "y": (0.6, {}), "z": ("else", {})}}, "more than 1 in draw 0"),
        ({"cost": "nowhere"}, "no parameter 'nowhere'"),
        ({"costs": 1}, "unknown costs"),
    ],
)
def test_a_wrong_tree_is_refused_with_strategy_node_and_draw(node, said):
    with pytest.raises(ValueError, match=said):
        decision_tree({"s": node}, {"p": np.array([0.5, 0.45])})


def test_plain_values_lie_on_the_leading_axes_of_the_occupancy():
    moves = xr.DataArray([[[0.9, 0.1], [0, 1]], [[0.5, 0.5], [0, 1]]], dims=("strategy", "from", "to"))
    trace = markov_trace([1, 0], moves, 3)
    labelled = xr.DataArray([[1.0, 0.0], [10.0, 0.0]], dims=("strategy", "state"))
    expected = cohort_total(trace, labelled, discount_rate=0.1)
    np.testing.assert_allclose(cohort_total(trace, labelled.to_numpy(), discount_rate=0.1), expected)
    np.testing.assert_allclose(cohort_total(trace.to_numpy(), labelled.to_numpy(), discount_rate=0.1), expected)
    with pytest.raises(ValueError, match="state_values has shape"):
        cohort_total(trace, np.ones((3, 2)), discount_rate=0.1)


def tunnelled(times):
    """Well people fall ill at 0.2 a cycle; the ill die at 0.5 in their first cycle of illness, 0.1 in the second, 0.05 after."""
    matrices = np.array([[[0.8, 0.2, 0], [0, 1 - p, p], [0, 0, 1]] for p in times])
    return xr.DataArray(matrices, {"from": list("wid"), "to": list("wid")}, ("time_in_state", "from", "to"))


def test_tunnel_states_equal_the_chain_written_out_by_hand():
    trace = markov_trace([1, 0, 0], tunnelled([0.5, 0.1, 0.05]), 12)
    # Well, ill for the first, the second, a later cycle, dead.
    chain = np.array(
        [[0.8, 0.2, 0, 0, 0], [0, 0, 0.5, 0, 0.5], [0, 0, 0, 0.9, 0.1], [0, 0, 0, 0.95, 0.05], [0, 0, 0, 0, 1]]
    )
    by_hand = markov_trace([1, 0, 0, 0, 0], chain, 12).to_numpy()
    assert trace.dims == ("time_in_state", "cycle", "state")
    ill = trace.sel(state="i").transpose("cycle", "time_in_state")
    np.testing.assert_allclose(ill, by_hand[:, 1:4], atol=1e-15)
    summed = trace.sum("time_in_state")
    np.testing.assert_allclose(
        summed, np.column_stack([by_hand[:, 0], by_hand[:, 1:4].sum(1), by_hand[:, 4]]), rtol=1e-12
    )


def test_a_tunnel_of_one_risk_is_the_plain_chain():
    plain = markov_trace([1, 0, 0], tunnelled([0.1]).isel(time_in_state=0), 20)
    alike = markov_trace([1, 0, 0], tunnelled([0.1, 0.1, 0.1]), 20).sum("time_in_state")
    np.testing.assert_allclose(alike, plain, rtol=1e-12)


def test_a_tunnel_over_draws_and_cycles_goes_on_where_it_stopped():
    rng = np.random.default_rng(3)
    moves = xr.DataArray(rng.dirichlet(np.ones(3), (5, 8, 4, 3)), dims=("draw", "cycle", "time_in_state", "from", "to"))
    whole = markov_trace([1, 0, 0], moves, 8)
    half = markov_trace([1, 0, 0], moves.isel(cycle=slice(0, 4)), 4)
    rest = markov_trace(half.isel(cycle=-1, drop=True), moves.isel(cycle=slice(4, 8)), 4)
    assert whole.dims == ("draw", "time_in_state", "cycle", "state")
    np.testing.assert_allclose(rest, whole.isel(cycle=slice(4, None)), rtol=1e-12)
    assert whole.sum(["time_in_state", "state"]).to_numpy() == pytest.approx(1)


def test_rewards_by_time_in_state_and_on_moves_out_of_a_tunnel():
    moves = tunnelled([0.5, 0.1, 0.05])
    trace = markov_trace([1, 0, 0], moves, 6)
    first_cycle = xr.DataArray([[0, 1, 0], [0, 0, 0], [0, 0, 0]], {"state": list("wid")}, ("time_in_state", "state"))
    fell_ill = cohort_total(trace, first_cycle, discount_rate=0, counting="end")
    well = trace.sum("time_in_state").sel(state="w")
    assert float(fell_ill) == pytest.approx(0.2 * float(well.isel(cycle=slice(0, 6)).sum()))
    deaths = cohort_total(
        trace, [0, 0, 0], discount_rate=0, transition=moves, transition_values=[[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    )
    assert float(deaths) == pytest.approx(float(trace.sum("time_in_state").sel(state="d").isel(cycle=-1)))


def test_a_start_with_other_times_in_state_is_refused():
    start = xr.DataArray(np.ones((2, 3)) / 6, {"state": list("wid")}, ("time_in_state", "state"))
    with pytest.raises(ValueError, match="2 times in state and transition 3"):
        markov_trace(start, tunnelled([0.5, 0.1, 0.05]), 6)


def test_a_matrix_printed_to_eight_digits_is_made_to_sum_to_one():
    printed = np.array([[0.91234568, 0.08765434], [0, 1]])
    assert printed[0].sum() == pytest.approx(1.00000002, abs=1e-12)
    trace = markov_trace([1, 0], printed, 500)
    np.testing.assert_allclose(trace.sum("state"), 1, rtol=1e-12)
    assert float(trace.sel(cycle=1, state=0)) == pytest.approx(0.91234568 / 1.00000002, rel=1e-12)
    single = np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4], [0, 0, 1]], np.float32)
    np.testing.assert_allclose(markov_trace([1, 0, 0], single, 200).sum("state"), 1, rtol=1e-12)


def test_a_refused_row_and_probability_say_what_they_are():
    with pytest.raises(ValueError, match=r"sum to 1 at from 0: 1\.00002"):
        markov_trace([1, 0], [[0.9, 0.10002], [0, 1]], 2)
    with pytest.raises(ValueError, match=r"outside 0-1 at from 0, to 1: -0\.2"):
        markov_trace([1, 0], [[1.2 - 0.2, -0.2], [0, 1]], 2)


def test_branches_in_single_precision_are_made_to_sum_to_one():
    shares = np.random.default_rng(2).dirichlet([5.0, 3.0, 2.0], 1000).astype(np.float32)
    assert abs(shares.astype(float).sum(axis=1) - 1).max() > 1e-9
    labels = dict(zip("abc", shares.T, strict=True))
    tree = {"s": {"branches": {name: (name, {"cost": 100}) for name in labels}}}
    np.testing.assert_allclose(decision_tree(tree, labels)["cost"], 100, rtol=1e-12)
    beyond = {"s": {"branches": {"x": (0.6, {"cost": 1}), "y": (0.4000001, {"cost": 1}), "z": ("else", {"cost": 9})}}}
    assert float(decision_tree(beyond)["cost"].squeeze()) == pytest.approx(1, rel=1e-12)


def test_refused_branches_say_their_sum():
    with pytest.raises(ValueError, match=r"do not sum to 1 .*: 1\.00001"):
        decision_tree({"s": {"branches": {"x": (0.6, {}), "y": (0.40001, {})}}})
