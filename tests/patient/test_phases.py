"""Care by time since progression and by time before death, between survival curves."""

import numpy as np
import pytest

from pmbudget.inputs.items import CareItem, Span
from pmbudget.patient import simulate
from pmbudget.patient.course import course
from pmbudget.patient.curves import _stayed, baseline
from pmbudget.patient.tree import class_shares

SINCE = (
    {"in_state_until_month": 12},
    {"in_state_from_month": 12, "in_state_until_month": 30},
    {"in_state_from_month": 30},
)
BEFORE = ({"last_months": 4}, {"until_last_months": 4})
STATES = ("progression_free", "progressed")


def an_item(**when):
    return CareItem.model_validate({"resource": "rebiopsy", "every_days": 365.25, **when})


def with_items(case, items):
    return case.model_copy(update={"items_for_all": (*case.items_for_all, *items)})


def years(draws, case, spans, management=None, horizon=5):
    """Years in each span under a management (span, true_class, year_since_start, draw)."""
    split = with_items(case, [an_item(when=one.state, **bounds(one)) for one in spans])
    longer = baseline(draws, split, class_shares(draws, split), horizon + 1)
    found = course(draws, split, management or case.reference, longer, horizon)
    return [found[one].to_numpy() for one in spans]


def bounds(span):
    return {name: value for name, value in span._asdict().items() if value and name != "state"}


@pytest.fixture(scope="module")
def case(scenario):
    return scenario.case


@pytest.mark.parametrize("management", ["reference", "palliative", "osimertinib"])
def test_the_parts_of_a_state_sum_to_the_state(few, case, management):
    management = case.reference if management == "reference" else management
    for state in STATES:
        parts = [Span(state, **since, **before) for since in SINCE for before in BEFORE]
        whole, *found = years(few, case, [Span(state), *parts], management)
        np.testing.assert_allclose(sum(found), whole, rtol=1e-12, atol=1e-15)
        assert min(part.min() for part in found) >= -1e-15
        assert sum(part.sum() > 0 for part in found) == (0 if whole.sum() == 0 else len(parts))


def test_who_stayed_where_all_die_at_one_rate_after_progression():
    # Progression at a month, death at b after it: S = F + P, P = a (exp(-b t) - exp(-a t)) / (a - b).
    a, b, month = 0.08, 0.05, np.arange(121)[:, np.newaxis]
    free = np.exp(-a * month)
    later = a * (np.exp(-b * month) - free) / (a - b)
    died = -np.diff(free + later, axis=0)
    found = _stayed(later, died, 12)
    assert np.abs(found[:12]).max() == 0
    assert found[12:] == pytest.approx(later[:-12] * np.exp(-12 * b), rel=2e-3)


def test_who_stayed_between_two_exponential_curves():
    # At t those progressed die at b exp(-b t) / P(t), which integrates to b t + b / (a - b) log(1 - exp(-(a - b) t)).
    a, b, month = 0.1, 0.04, np.arange(241)[:, np.newaxis]
    free, alive = np.exp(-a * month), np.exp(-b * month)
    found = _stayed(alive - free, -np.diff(alive, axis=0), 12)
    open_ = 1 - np.exp(-(a - b) * month)
    kept = np.exp(-12 * b) * (open_[:-12] / open_[12:]) ** (b / (a - b))
    expected = (alive - free)[:-12] * kept
    assert found[13:] == pytest.approx(expected[1:], rel=0.02, abs=1e-4)
    assert found[36:] == pytest.approx(expected[24:], rel=2e-3)


def test_who_stayed_where_nobody_enters_are_all_and_where_all_leave_are_none():
    there = np.array([[1.0], [0.7], [0.2], [0.1], [0.0], [0.0]])
    found = _stayed(there, -np.diff(there, axis=0), 2)
    assert found == pytest.approx(np.array([[0], [0], [0.2], [0.1], [0.0], [0.0]]))
    passing = np.array([[0.0], [0.0], [0.3], [0.2]])
    assert _stayed(passing, np.array([[0.1], [0.0], [0.3]]), 1) == pytest.approx(
        # Nobody is there to stay; of 0.3 and half of the 0.2 who enter three quarters leave.
        np.array([[0], [0], [0], [0.3 * 0.25]])
    )
    assert np.abs(_stayed(there, -np.diff(there, axis=0), 9)).max() == 0


def test_palliative_care_counts_from_the_start(few, case, setting):
    """All die at one rate r: in the last six months lives 1 - exp(-6 r), and before these in the first twelve months the rest."""
    draws = setting(few, [case.mortality.rate], 1e-9)
    first, later = {"in_state_until_month": 12}, {"in_state_from_month": 12}
    spans = [
        Span("progressed", last_months=6),
        *(Span("progressed", until_last_months=6, **one) for one in (first, later)),
    ]
    found = [part.sum(axis=(0, 1)) * 12 for part in years(draws, case, spans, "palliative", horizon=20)]
    rate = np.log(2) / draws[case.managements["palliative"].overall.median].to_numpy()
    before = np.exp(-6 * rate)
    expected = (1 - before) / rate, before * (1 - np.exp(-12 * rate)) / rate, before * np.exp(-12 * rate) / rate
    for months, exact in zip(found, expected, strict=True):
        assert months == pytest.approx(exact, rel=0.02)


def test_before_progression_time_in_the_state_is_time_since_the_start(few, case):
    spans = [Span("progression_free", until_month=18), Span("progression_free", in_state_until_month=18)]
    since_start, since_entry = years(few, case, spans)
    np.testing.assert_allclose(since_entry, since_start, atol=1e-12)


def test_the_phases_of_care_make_up_the_time_that_is_lived_after_progression(few, case):
    """Nothing is counted twice: the shipped prices by phase are each of time of its own."""
    phases = [item.span for item in case.items_for_all if item.when == "progressed"]
    whole, *found = years(few, case, [Span("progressed"), *phases], horizon=10)
    assert len(found) == 3
    np.testing.assert_allclose(sum(found), whole, rtol=1e-12)


def test_items_of_other_times_move_nothing_else(few, case):
    plain = simulate(few, case, horizon=5)
    more = with_items(case, [an_item(when="progressed", in_state_from_month=24, last_months=18)])
    other = simulate(few, more, horizon=5)
    for name in ("qaly", "life_years"):
        np.testing.assert_array_equal(plain[name], other[name])
    apart = plain["resource"] != "rebiopsy"
    np.testing.assert_array_equal(plain["cost"].isel(resource=apart), other["cost"].isel(resource=apart))
    assert float(other["activity"].sel(resource="rebiopsy").sum()) > float(
        plain["activity"].sel(resource="rebiopsy").sum()
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"when": "progressed", "in_state_from_month": 12, "in_state_until_month": 12},
            "is not after in_state_from_month",
        ),
        ({"when": "progressed", "last_months": 3, "until_last_months": 6}, "leave no time; remove one"),
        ({"when": "on_death", "every_days": None, "last_months": 3}, "last_months goes with what runs on"),
        ({"when": "start", "every_days": None, "in_state_from_month": 3}, "in_state_from_month goes with what runs on"),
    ],
)
def test_times_that_cannot_be_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        an_item(**wrong)
