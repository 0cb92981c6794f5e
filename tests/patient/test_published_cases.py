"""Published models, reproduced through the public interface; each test says which paper."""

import numpy as np
import pytest
import xarray as xr

from pmbudget.appraisal import icer_table
from pmbudget.patient import cohort_total, decision_tree, markov_trace


def hiv():
    """Zidovudine alone or with two years of lamivudine: transition matrices from counts."""
    counts = np.array([[1251, 350, 116, 17], [0, 731, 512, 15], [0, 0, 1312, 437], [0, 0, 0, 1]], float)
    alone = counts / counts.sum(axis=1, keepdims=True)
    slowed = alone * (1 - np.eye(4)) * 0.509
    slowed[3, 3] = 0
    slowed += np.diag(1 - slowed.sum(axis=1))
    return alone, np.stack([slowed, slowed, *[alone] * 18])


def test_hiv_combination_therapy_chancellor_1997_as_in_briggs_2006():
    alone, combined = hiv()
    monthly = np.array([1701 + 1055 + 2278, 1774 + 1278 + 2278, 6948 + 2059 + 2278, 0.0])
    lamivudine = np.zeros((21, 4))
    lamivudine[1:3, :3] = 2086.5
    traces = [markov_trace([1, 0, 0, 0], moves, 20) for moves in (alone, combined)]
    costs = [
        float(cohort_total(trace, values, discount_rate=0.06, counting="end"))
        for trace, values in zip(traces, (monthly, monthly + lamivudine), strict=True)
    ]
    years = [float(cohort_total(trace, [1, 1, 1, 0], discount_rate=0, counting="end")) for trace in traces]
    assert costs == pytest.approx([44663.4535637, 50601.6513312], abs=1e-6)
    assert years == pytest.approx([7.9912066, 8.9373889], abs=1e-7)
    assert (costs[1] - costs[0]) / (years[1] - years[0]) == pytest.approx(6275.9556, abs=1e-4)


STRATEGIES = ["Standard of care", "Strategy A", "Strategy B", "Strategy AB"]
STATES = ["H", "S1", "S2", "D"]


def sick_sicker():
    p_hd, p_hs1, p_s1h = (1 - np.exp(-rate) for rate in (0.002, 0.15, 0.5))
    p_s1d, p_s2d = 1 - np.exp(-0.002 * 3), 1 - np.exp(-0.002 * 10)
    moves = np.zeros((4, 4, 4))
    for number, slowed in enumerate((1, 1, 0.6, 0.6)):
        p_s1s2 = 1 - np.exp(-0.105 * slowed)
        moves[number] = [
            [(1 - p_hd) * (1 - p_hs1), (1 - p_hd) * p_hs1, 0, p_hd],
            [(1 - p_s1d) * p_s1h, (1 - p_s1d) * (1 - p_s1h - p_s1s2), (1 - p_s1d) * p_s1s2, p_s1d],
            [0, 0, 1 - p_s2d, p_s2d],
            [0, 0, 0, 1],
        ]
    labels = {"strategy": STRATEGIES, "from": STATES, "to": STATES}
    cost = [[2000, 4000 + drug, 15000 + drug, 0] for drug in (0, 12000, 13000, 25000)]
    utility = [[1, 0.95 if treated else 0.75, 0.5, 0] for treated in (0, 1, 0, 1)]
    by_state = {"strategy": STRATEGIES, "state": STATES}
    arrays = (xr.DataArray(values, by_state, ("strategy", "state")) for values in (cost, utility))
    return xr.DataArray(moves, labels, ("strategy", "from", "to")), *arrays


def test_sick_sicker_alarid_escudero_2023_with_the_weights_they_used():
    moves, cost, utility = sick_sicker()
    trace = markov_trace([1, 0, 0, 0], moves, 75)
    costs, qalys = (
        cohort_total(trace, values, discount_rate=0.03, counting="simpson_as_published") for values in (cost, utility)
    )
    assert costs.to_series().tolist() == pytest.approx([151580, 284805, 259100, 378875], abs=0.5)
    assert qalys.to_series().tolist() == pytest.approx([20.711, 21.499, 22.184, 23.137], abs=0.0005)
    first_rows = trace.sel(strategy="Standard of care").isel(cycle=slice(0, 3)).to_numpy()
    np.testing.assert_allclose(
        first_rows, [[1, 0, 0, 0], [0.859, 0.139, 0, 0.002], [0.792, 0.189, 0.014, 0.005]], atol=5e-4
    )
    table = icer_table(costs, qalys)
    assert table.loc["Strategy A", "status"] == "dominated"
    assert table.loc[["Strategy B", "Strategy AB"], "icer"].tolist() == pytest.approx([72988, 125764], abs=0.5)


def dressing(name, infections_per_1000):
    """Chlorhexidine dressing against standard, mean inputs; events are independent and their costs add."""
    ratio, price, dermatitis_ratio = {"Tegaderm": (0.402, 6.26, 1.0), "Standard": (1.0, 1.54, 1.0)}[name]
    tree = {"cost": 3 * price}
    for cost, p in (
        (6, dermatitis_ratio / 476),
        (100, ratio * 0.14 * 10 / 1000),
        (9900, ratio * infections_per_1000 * 10 / 1000),
    ):
        tree = {"branches": {"event": (p, {**tree, "cost": tree.get("cost", 0) + cost}), "none": ("else", tree)}}
    return tree


@pytest.mark.parametrize(
    ("rate", "standard", "tegaderm"), [(1.48, 151.29260504, 77.74992504), (0.30, 34.47260504, 30.78828504)]
)
def test_tegaderm_chg_dressing_jenks_2016(rate, standard, tegaderm):
    found = decision_tree({name: dressing(name, rate) for name in ("Standard", "Tegaderm")})
    assert found["cost"].to_series().tolist() == pytest.approx([standard, tegaderm], abs=1e-6)


def test_the_dressing_over_draws_saves_as_much_as_published():
    rng = np.random.default_rng(1)
    n = 20_000

    def gamma(mean, sd):
        return rng.gamma((mean / sd) ** 2, sd**2 / mean, n)

    def lognormal(mean, sd):
        spread = np.sqrt(np.log1p((sd / mean) ** 2))
        return rng.lognormal(np.log(mean) - spread**2 / 2, spread, n)

    spread_of_ratio = (0.868 - 0.186) / (2 * 1.96)
    days, dressings = gamma(10, 5), gamma(3, 2)
    infections, cost = gamma(1.48, 0.12) * days / 1000, gamma(9900, 3000)
    draws = {
        "p_standard": infections,
        "p_tegaderm": infections * lognormal(0.402, spread_of_ratio),
        "infection": cost,
        "dear": 6.26 * dressings,
        "cheap": 1.54 * dressings,
    }
    tree = {
        name: {"cost": price, "branches": {"infection": (p, {"cost": "infection"}), "none": ("else", {})}}
        for name, price, p in (("Standard", "cheap", "p_standard"), ("Tegaderm", "dear", "p_tegaderm"))
    }
    cost_of = decision_tree(tree, draws)["cost"]
    saving = cost_of.sel(strategy="Standard") - cost_of.sel(strategy="Tegaderm")
    assert float(saving.mean()) == pytest.approx(72.9, abs=4)


def test_thresholds_for_testing_pauker_kassirer_1980():
    """At each threshold the two choices beside it are worth the same."""
    benefit, harm, sensitivity, specificity, burden = 10, 2, 0.9, 0.95, 0.05

    def worth(p):
        treated = {"branches": {"diseased": (p, {"effect": benefit}), "healthy": ("else", {"effect": -harm})}}
        tested = {
            "effect": -burden,
            "branches": {
                "diseased": (p, {"branches": {"found": (sensitivity, {"effect": benefit}), "missed": ("else", {})}}),
                "healthy": (
                    "else",
                    {"branches": {"alarm": (1 - specificity, {"effect": -harm}), "clear": ("else", {})}},
                ),
            },
        }
        found = decision_tree({"none": {}, "test": tested, "treat": treated})["effect"].to_series()
        return found

    assert worth(1 / 6)["treat"] == pytest.approx(0, abs=1e-12)
    assert worth(0.016483516483516494)["test"] == pytest.approx(0, abs=1e-12)
    both = worth(0.6379310344827587)
    assert both["test"] == pytest.approx(both["treat"], abs=1e-12)


HIP_STATES = ["primary", "success", "revision", "success after revision", "dead"]


def hip_replacement(effect, by_time_in_state):
    """A woman of 60 given a hip prosthesis: revision by a Weibull hazard since the operation, death by age."""
    scale, shape = np.exp(-5.490935 - 0.0367022 * 60), np.exp(0.3740968)
    cycle = np.arange(1, 62)
    by_age = dict(zip((35, 45, 55, 65, 75, 85), (0.99, 2.6, 6.7, 19.3, 53.5, 154.8), strict=True))
    mortality = np.array([by_age[max(low for low in by_age if low <= 60 + year)] for year in cycle]) / 1000
    revised = 1 - np.exp(effect * scale * ((cycle - 1) ** shape - cycle**shape))
    moves = np.zeros((61, 61, 5, 5))
    for place in range(61):
        # Who has been well for so many cycles was operated on one cycle before that.
        revision = revised[min(place + 1, 60)] if by_time_in_state else revised
        moves[:, place, 1, 2] = revision
        moves[:, place, 1, 4] = mortality
    moves[..., 0, 4] = 0.02
    moves[..., 2, 4] = 0.02 + mortality[:, None]
    moves[..., 3, 2], moves[..., 3, 4] = 0.04, mortality[:, None]
    stays = {0: 1, 1: 1, 2: 3, 3: 3, 4: 4}
    for origin, to in stays.items():
        moves[..., origin, to] += 1 - moves[..., origin, :].sum(-1)
    labels = {"from": HIP_STATES, "to": HIP_STATES}
    whole = xr.DataArray(moves, labels, ("cycle", "time_in_state", "from", "to"))
    return whole if by_time_in_state else whole.isel(time_in_state=0, drop=True)


@pytest.mark.parametrize("by_time_in_state", [False, True])
@pytest.mark.parametrize(
    ("effect", "price", "cost", "qaly"),
    [(1.0, 394, 512.434658, 14.6531896), (np.exp(-1.344474), 579, 610.311818, 14.69770986)],
)
def test_hip_replacement_briggs_2006_example_3_5(by_time_in_state, effect, price, cost, qaly):
    """Time since the operation as a cycle of the cohort, and as a tunnel through the state in which the prosthesis holds."""
    trace = markov_trace([1, 0, 0, 0, 0], hip_replacement(effect, by_time_in_state), 61)
    if by_time_in_state:
        trace = trace.sum("time_in_state")
    costs = cohort_total(trace, [0, 0, 5294, 0, 0], discount_rate=0.06, counting="start")
    qalys = cohort_total(trace, [0, 0.85, 0.3, 0.75, 0], discount_rate=0.015, counting="start")
    assert price + float(costs) == pytest.approx(cost, abs=5e-7)
    assert float(qalys) == pytest.approx(qaly, abs=5e-8)
    if effect == 1.0:
        assert trace.isel(cycle=8).to_numpy()[1:] == pytest.approx(
            [0.88040225, 0.00168398, 0.00618146, 0.11173231], abs=5e-9
        )
