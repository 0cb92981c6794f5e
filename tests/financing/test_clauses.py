"""Each clause by hand on small books, and what holds for all of them whatever they say."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import integrate, stats
from small_books import SHAPE, made, small_books

from pmbudget.financing.agreement import transfer, transfers
from pmbudget.financing.books import Books, lots, with_forecast
from pmbudget.financing.grants import corridor, corridor_marginal_share, expected_corridor, row_worth
from pmbudget.financing.pooling import instalments, shapley_shares
from pmbudget.inputs import clauses as kinds

M = 1e-6
"""A krona in MSEK."""


@pytest.fixture(scope="module")
def books():
    return small_books()


def received(moved, payer="region"):
    """What a payer receives, first draw (region, year)."""
    return -np.broadcast_to(moved[payer], SHAPE)[0]


def settled(books, kind, **fields):
    return transfer(made(kind, **fields), books)


@pytest.mark.parametrize(
    ("by", "shares"),
    [
        ("population", (0, 0.75, 0.25)),
        ("population_65plus", (0, 0.6, 0.4)),
        ("equal", (0, 0.5, 0.5)),
        ("national", (1, 0, 0)),
    ],
)
def test_a_grant_is_divided_by_its_weight(books, by, shares):
    moved = settled(books, kinds.Grant, amount=100 * M, by=by)
    assert received(moved)[:, 1] == pytest.approx(100 * np.array(shares))
    assert received(moved)[:, 0] == pytest.approx([0, 0, 0]), "nothing before the agreement"


def test_a_grant_by_need_follows_expected_patients(books):
    assert received(settled(books, kinds.Grant, amount=100 * M, by="eligible"))[:, 2] == pytest.approx([0, 75, 25])


def test_amounts_by_year_end_when_they_are_used_up(books):
    moved = settled(books, kinds.Grant, amount=(100 * M, 20 * M), by="population")
    assert received(moved).sum(axis=0) == pytest.approx([0, 100, 20, 0, 0])


def test_nominal_sums_are_eroded_and_indexed_ones_are_not(books):
    dearer = replace(books, terms=replace(books.terms, index=np.array([1.0, 2, 2, 4, 4])))
    for indexed, total in ((False, [0, 50, 50, 25, 25]), (True, [0, 100, 100, 100, 100])):
        moved = settled(dearer, kinds.Grant, amount=100 * M, indexed=indexed)
        assert received(moved).sum(axis=0) == pytest.approx(total)


def test_years_bound_a_clause(books):
    moved = settled(books, kinds.Match, covers="tests", share=0.5, begins=2, ends=3)
    assert received(moved, "diagnostic_unit").sum(axis=0) == pytest.approx([0, 0, 30, 30, 0])


def test_a_cap_scales_all_regions_alike(books):
    moved = settled(books, kinds.Match, covers="tests", share=0.5, cap=15 * M)
    assert received(moved, "diagnostic_unit")[:, 1] == pytest.approx([0, 10, 5])


def test_half_an_instalment_is_all_or_nothing_by_region(books):
    moved = settled(books, kinds.Grant, amount=100 * M, needs={"coverage": 0.6, "of": "region"})
    assert received(moved)[1] == pytest.approx([0, 0, 75, 75, 75])
    assert received(moved)[2] == pytest.approx([0, 0, 0, 0, 25])


def test_a_national_condition_opens_for_all_at_once(books):
    # Of 40 eligible 12 + 2 are tested in 2026 and 18 + 3 in 2027: coverage 0.35 and 0.525.
    moved = settled(books, kinds.Grant, amount=100 * M, needs={"coverage": 0.5, "of": "nation"})
    assert received(moved).sum(axis=0) == pytest.approx([0, 0, 100, 100, 100])


def test_a_condition_on_what_is_known_reads_that_year_alone(books):
    later = {**books.terms.measures, "known": books.terms.measures["known"].copy()}
    later["known"][..., 3:] = 0.0
    changed = replace(books, terms=replace(books.terms, measures=later))
    for one in (books, changed):
        moved = settled(one, kinds.Grant, amount=100 * M, needs={"known": 0.6})
        assert received(moved).sum(axis=0)[:3] == pytest.approx([0, 0, 100])


def test_renewal_lapses_for_good_in_the_stated_share_of_draws():
    lot = lots(500)[:, 0, 0]
    paid = lot[:, None] < 0.8 ** np.arange(4)
    assert paid.mean(axis=0) == pytest.approx([1, 0.8, 0.64, 0.512], abs=0.005)
    assert bool((np.diff(paid.astype(int), axis=1) <= 0).all())
    assert lots(1000)[500:] == pytest.approx(lots(500)), "unmoved by the size of the block"


def test_a_milestone_pays_upfront_and_when_reached(books):
    step = {"share": 0.5, "coverage": 0.5, "year": 2}
    moved = settled(
        books, kinds.Milestone, amount=100 * M, upfront=0.2, steps=(step, {**step, "share": 0.3, "year": 3})
    )
    assert received(moved)[1] == pytest.approx([0, 15, 37.5, 22.5, 0])
    assert received(moved)[2] == pytest.approx([0, 5, 0, 7.5, 0])


def test_a_smooth_milestone_pays_half_at_its_target(books):
    step = {"share": 1.0, "coverage": 0.6, "year": 2, "width": 0.1}
    moved = settled(books, kinds.Milestone, amount=100 * M, upfront=0.0, steps=(step,))
    assert received(moved)[1, 2] == pytest.approx(75 / 2)


def test_a_pot_is_paid_out_whole_by_improvement_or_level(books):
    moved = settled(books, kinds.PerformancePot, amount=100 * M)
    # Level 0.4 and 0.2 in 2026, both above the improvement: 0.75 x 0.4 against 0.25 x 0.2.
    assert received(moved)[:, 1] == pytest.approx([0, 100 * 0.3 / 0.35, 100 * 0.05 / 0.35])
    assert received(moved).sum(axis=0) == pytest.approx([0, 100, 100, 100, 100])


def test_the_corridor_of_the_drug_benefit_as_published():
    shares = {"tolerance": 0.03, "above": 0.5, "below": 0.5}
    assert corridor(36_000, 33_485, **shares) == pytest.approx(755.225)
    assert corridor(34_000, 33_485, **shares) == 0
    assert corridor(30_000, 33_485, **shares) == pytest.approx(-0.5 * (0.97 * 33_485 - 30_000))


def test_an_expected_corridor_is_the_integral_over_the_outturn():
    shares = {"tolerance": 0.03, "above": 0.5, "below": 0.4}
    outturn = stats.norm(1010, 40)
    by_hand, _ = integrate.quad(lambda x: corridor(x, 1000, **shares) * outturn.pdf(x), 700, 1300, points=[970, 1030])
    assert expected_corridor(1010.0, 1000.0, 40.0, **shares) == pytest.approx(by_hand, rel=1e-6)


def benefit_corridor(**fields):
    given = {"covers": "benefit_drugs", "agreed": 33_485, "tolerance": 0.03, "above": 0.5, "below": 0.5, "spread": 0.03}
    return made(kinds.Corridor, **{**given, **fields})


def test_a_small_case_gets_the_marginal_share_of_the_corridor(books):
    assert corridor_marginal_share(benefit_corridor()) == pytest.approx(0.5 * 2 * stats.norm.cdf(-1)), "0.16"
    moved = transfer(benefit_corridor(), books)
    more = 75.0
    assert received(moved).sum(axis=0)[1:] == pytest.approx([0.1587 * more] * 4, rel=1e-3)
    with pytest.raises(ValueError, match="no spread; use marginal_share"):
        corridor_marginal_share(benefit_corridor(spread=None))


def test_what_is_rebased_the_payer_pays_in_full_the_year_after(books):
    share = 0.1587
    moved = transfer(benefit_corridor(rebase=0.8), books)
    assert received(moved).sum(axis=0)[1:] == pytest.approx([75 * share, *[75 * (0.8 + 0.2 * share)] * 3], rel=1e-3)


def test_a_corridor_on_the_case_s_own_cost_is_another_design(books):
    clause = benefit_corridor(spread=None, agreed=100 * M)
    assert received(transfer(clause, books)).sum(axis=0) == pytest.approx([0, *[0.5 * (150 - 103)] * 4])


def test_an_expenditure_cap_is_a_corridor_paid_by_the_manufacturer(books):
    clause = benefit_corridor(spread=None, agreed=100 * M, tolerance=0, above=1, below=0, payer="manufacturer")
    moved = transfer(clause, books)
    assert received(moved, "manufacturer").sum(axis=0)[1:] == pytest.approx([-50] * 4)


def test_a_price_per_unit(books):
    moved = settled(books, kinds.PerUnit, unit="acted_on", price=100, complete=0.5, at_most=80)
    assert received(moved)[:, 1] == pytest.approx([0, 40 * 12 * 0.3, 40 * 2 * 0.3])


def test_an_internal_price_moves_money_from_the_clinic_to_the_laboratory(books):
    moved = settled(books, kinds.PerUnit, unit="tested", price=10, payer="clinic", to="diagnostic_unit")
    assert set(moved) == {"clinic", "diagnostic_unit"}
    assert received(moved, "diagnostic_unit")[1, 1] == pytest.approx(120)


def test_gains_are_shared_beyond_the_threshold(books):
    cheaper = Books(books.today, books.accounts, books.terms)
    moved = settled(cheaper, kinds.GainShare, covers="patient", share=0.5, threshold=0.1)
    assert received(moved, "state")[:, 1] == pytest.approx([0, 0.5 * (70 - 30), 0.5 * (35 - 10)])
    none = settled(books, kinds.GainShare, covers="patient", share=0.5)
    assert float(np.abs(none["state"]).max()) == 0


def test_a_match_is_capped_by_inhabitant_but_not_where_nobody_lives(books):
    moved = settled(books, kinds.Match, covers="transition", share=0.5, cap_per_inhabitant=0.25)
    assert received(moved, "diagnostic_unit")[:, 1] == pytest.approx([500, 75, 25])


def test_an_additional_match_pays_nothing_for_what_is_done_already(books):
    moved = settled(books, kinds.Match, covers="tests", share=0.5, additional=True)
    assert received(moved, "diagnostic_unit")[:, 1] == pytest.approx([0, 10, 5])


def test_a_share_to_somebody_else_than_the_bearer(books):
    moved = settled(books, kinds.Match, covers="tests", share=0.5, to="region")
    assert set(moved) == {"state", "region"}
    assert received(moved)[:, 1] == pytest.approx([0, 20, 10])


def test_a_geometric_taper(books):
    moved = settled(books, kinds.Taper, covers="tests", share=0.8, years=3, ratio=0.5)
    assert received(moved, "diagnostic_unit")[1] == pytest.approx([0, 32, 16, 8, 0])


def test_the_adaptive_share_falls_as_worth_becomes_known(books):
    moved = settled(books, kinds.Adaptive, covers="tests", share=1.0)
    assert received(moved, "diagnostic_unit")[1] == pytest.approx(40 * np.array([0, 0.5, 0.4, 0.2, 0.1]))


def test_a_share_by_benefit(books):
    # Health worth 30 a year; the case costs more than today, so there are no savings: half of all benefit is the state's.
    moved = settled(books, kinds.BenefitProportional, covers="tests", of_health=0.5)
    assert received(moved, "diagnostic_unit")[1, 1] == pytest.approx(20)
    cheaper = Books(books.today, books.accounts, books.terms)
    moved = settled(cheaper, kinds.BenefitProportional, covers="tests", of_health=0.5)
    assert received(moved, "diagnostic_unit")[1, 1] == pytest.approx(20 * 15 / (30 + 105))


def test_stop_loss_takes_layer_by_layer(books):
    layers = ({"above": 1.0, "share": 0.5}, {"above": 1.5, "share": 0.9})
    moved = settled(books, kinds.StopLoss, covers="transition", layers=layers)
    # 200/300 per inhabitant is under the first layer; 200/100 is 0.5 in the first and 0.5 in the second.
    assert received(moved, "diagnostic_unit")[:, 1] == pytest.approx([0, 0, 100 * (0.25 + 0.45)])


def test_units_beyond_a_volume_are_paid_for(books):
    moved = settled(books, kinds.VolumeCap, covers="tests", unit="tested", volume=7)
    assert received(moved, "diagnostic_unit")[:, 1] == pytest.approx([0, 20, 10]), "half of 14"


def test_money_back_for_those_who_do_not_respond(books):
    moved = settled(books, kinds.MoneyBack, covers="benefit_drugs", refund=0.5, response=0.6)
    assert received(moved)[:, 1] == pytest.approx([0, 20, 10]), "P (1 - phi (1 - Y)) is left"


def test_who_responds_is_computed_where_it_is_not_stated(books):
    moved = settled(books, kinds.MoneyBack, covers="benefit_drugs", refund=0.5)
    assert (-moved["region"])[:, 1, 1] == pytest.approx([20, 10]), "a response of 0.6 and 0.8 in the two draws"
    parts = settled(books, kinds.Instalments, covers="benefit_drugs", years=2, ends=1)
    assert parts["region"][:, 1] == pytest.approx(np.array([[0, -50, 30, 0, 0], [0, -50, 40, 0, 0]]))
    stated = settled(books, kinds.Instalments, covers="benefit_drugs", alive=(1.0, 0.6), ends=1)
    assert parts["region"][0] == pytest.approx(stated["region"][0])


@pytest.mark.parametrize("fields", [{}, {"alive": (1.0,), "years": 2}])
def test_instalments_are_stated_or_computed(fields):
    with pytest.raises(ValueError, match="alive, or years"):
        made(kinds.Instalments, covers="benefit_drugs", **fields)


def test_a_row_is_paid_at_most_its_worth_and_by_what_is_known_then(books):
    books = with_forecast(books)
    clause = made(kinds.PerUnit, unit="tested", price=100, complete=0.5, at_most="worth")
    average, last = row_worth(clause, books)
    # In 2026, rows 0.5 x 14; eligible afterwards 3 x 40; s = 40, w = 100.
    v = 40**2 / np.sqrt(40**2 + 100**2 / 7)
    loss = v * stats.norm.pdf(10 / v) - 10 * stats.norm.cdf(-10 / v)
    assert average[0, 0, 1] == pytest.approx(120 * loss / 7)
    assert average[0, 0, -1] == 0, "nobody is left to treat"
    assert average[1, 0, 0] < average[0, 0, 0], "the nearer to the limit the more it is worth"
    assert average[1, 0, 3] > average[0, 0, 3]
    moved = transfer(clause, books)
    paid = np.minimum(100, average) * 0.5 * books.terms.measure("tested")
    assert -np.broadcast_to(moved["region"], SHAPE)[..., 1:] == pytest.approx(paid[..., 1:])
    # What is learnt later moves no price before it.
    later = books.terms.measures["learnt_mean"].copy()
    later[..., 3:] += 50
    told = replace(books, terms=replace(books.terms, measures={**books.terms.measures, "learnt_mean": later}))
    assert row_worth(clause, told)[0][..., :3] == pytest.approx(average[..., :3])
    assert not np.allclose(row_worth(clause, told)[0][..., 3], average[..., 3])
    assert last.shape == average.shape


def test_a_row_of_patients_whom_nobody_follows_is_worth_nothing(books):
    measures = {**books.terms.measures, "row_sd": np.full((2, 1, 1), np.inf)}
    alone = replace(books, terms=replace(books.terms, measures=measures))
    moved = settled(alone, kinds.PerUnit, unit="tested", price=100, at_most="worth")
    assert float(np.abs(moved["state"]).max()) == 0


def test_instalments_while_alive():
    assert instalments(np.array([100.0, 0, 0, 0]), (1.0, 0.8, 0.6, 0.6)).tolist() == pytest.approx([25, 20, 15, 15])


def test_instalments_put_off_and_lower_what_is_paid(books):
    moved = settled(books, kinds.Instalments, covers="benefit_drugs", alive=(1.0, 0.5), ends=1)
    assert received(moved)[1] == pytest.approx([0, 50, -25, 0, 0])
    assert received(moved, "manufacturer")[1] == pytest.approx([0, -50, 25, 0, 0])


def test_an_adaptive_price_falls_to_where_nothing_is_lost(books):
    moved = settled(books, kinds.AdaptivePrice, covers="all", payer="manufacturer")
    paid = np.broadcast_to(moved["manufacturer"], SHAPE)[0]
    assert paid[:, 1] == pytest.approx([0, 120, 20]), "10 for each of those tested"
    worth = replace(
        books, terms=replace(books.terms, measures={**books.terms.measures, "expected_benefit": np.ones((1, 1, 1))})
    )
    assert float(np.abs(settled(worth, kinds.AdaptivePrice, covers="all")["manufacturer"]).max()) == 0


def dated(*values):
    return {"dated": [{"from": day, "value": value, "source": {"title": "Invented"}} for day, value in values]}


def test_patients_pay_to_the_ceiling_that_holds(books):
    ceiling = dated(("2020-01-01", 50), ("2022-07-01", 100))
    moved = settled(books, kinds.PatientFee, covers="benefit_drugs", ceiling=ceiling, begins=1)
    assert received(moved)[1] == pytest.approx([0, 10, 10, 10, 10])
    steep = settled(books, kinds.PatientFee, covers="benefit_drugs", ceiling=1e9)
    assert received(steep)[1, 1] == pytest.approx(100), "never more than the drug"


def test_the_state_gets_its_part_of_the_rebate(books):
    moved = settled(
        books, kinds.RebateSplit, covers="benefit_drugs", share=dated(("2017-01-01", 0.3), ("2024-01-01", 0.4))
    )
    assert received(moved, "state")[1] == pytest.approx([0, 10, 10, 10, 10]), "a rebate of 25 on a net cost of 100"


def test_a_pool_is_between_regions_alone(books):
    moved = settled(books, kinds.SolidarityPool, covers="all")
    assert set(moved) == {"region"}
    # 340 and 270 fell, 610 are carried three to one.
    assert received(moved)[:, 1] == pytest.approx([0, 340 - 457.5, 270 - 152.5])


def test_shapley_shares_of_a_common_cost():
    two = shapley_shares(np.array([3.0, 1.0]), 0.5)
    first = (np.sqrt(3) + np.sqrt(4) - 1) / 2
    assert two == pytest.approx([first / 2, 1 - first / 2])
    volume = np.array([5.0, 0.0, 2.0, 9.0])
    assert shapley_shares(volume, 1.0) == pytest.approx(volume / 16)
    assert shapley_shares(volume, 0.5)[1] == 0
    assert shapley_shares(volume, 0.5).sum() == pytest.approx(1)


def test_national_cost_by_shapley_favours_the_large_less_than_volume(books):
    shares = {}
    for by in ("patients", "shapley"):
        shares[by] = -received(settled(books, kinds.NationalSplit, by=by))[1, 1] / 1000
    assert 0.5 < shares["shapley"] < shares["patients"]


def test_a_clause_that_lacks_its_measure_says_which(books):
    bare = replace(books, terms=replace(books.terms, measures={}))
    with pytest.raises(ValueError, match="needs the measure known, and there are none"):
        settled(bare, kinds.Adaptive, covers="tests", share=1.0)


def test_national_money_needs_a_national_place(books):
    terms = replace(books.terms, places=("01", "03"))
    with pytest.raises(ValueError, match='no region "00"'):
        terms.weight("national")


def test_a_clause_twice_is_refused_by_name_and_counted_twice_by_another(books):
    half = made(kinds.Match, covers="tests", share=0.2)
    with pytest.raises(ValueError, match="must differ"):
        transfers([half, half], books)
    twice = transfers([half, half.model_copy(update={"name": "again"})], books)
    assert twice["match"]["state"] == pytest.approx(twice["again"]["state"])


share = some.floats(0, 1)
weights = some.sampled_from(["population", "population_65plus", "births", "equal", "eligible", "patients"])
covers = some.sampled_from(["all", "transition", "patient", "tests", "drugs", "benefit_drugs"])
payers = some.sampled_from(
    ["state", "region", "diagnostic_unit", "clinic", "manufacturer", "patient", "research_funder"]
)
paid = {
    "begins": some.integers(1, 3),
    "ends": some.none() | some.integers(3, 5),
    "cap": some.none() | some.floats(0, 1e-4),
    "renewal": some.floats(0.1, 1),
    "indexed": some.booleans(),
    "needs": some.none()
    | some.builds(
        kinds.Needs, coverage=some.none() | share, of=some.sampled_from(["region", "nation"]), known=some.none() | share
    ),
}
amount = some.floats(0, 1e-2) | some.lists(some.floats(0, 1e-2), min_size=1, max_size=4).map(tuple)
units = some.sampled_from(["eligible", "tested", "acted_on"])
at_most = some.none() | some.just("worth") | some.floats(0, 1e3)
granted = {**paid, "payer": payers, "to": payers}
shared = {**paid, "covers": covers, "payer": payers, "to": payers | some.just("bearer")}


STEPS = some.just(({"share": 0.5, "coverage": 0.5, "year": 2, "width": 0.1},))
spread = some.none() | some.floats(0.01, 0.5)
band = {"tolerance": share, "above": share, "below": share, "spread": spread, "rebase": share}


def any_of(kind, **fields):
    return some.fixed_dictionaries(fields).map(lambda given: made(kind, **given))


any_clause = some.one_of(
    any_of(kinds.Grant, amount=amount, by=weights, **granted),
    any_of(kinds.Milestone, amount=some.floats(0, 1e-2), upfront=share, steps=STEPS, by=weights, **granted),
    any_of(kinds.PerformancePot, amount=amount, by=weights, **granted),
    any_of(kinds.Corridor, covers=covers, agreed=amount, **band, **granted),
    any_of(kinds.PerUnit, unit=units, price=some.floats(0, 1e3), complete=share, at_most=at_most, **granted),
    any_of(kinds.GainShare, covers=covers, share=share, threshold=some.floats(0, 1), **granted),
    any_of(kinds.SolidarityPool, covers=covers, share=share, by=weights, additional=some.booleans()),
    any_of(kinds.NationalSplit, by=weights | some.just("shapley"), scale=share),
    any_of(kinds.Match, share=share, cap_per_inhabitant=some.none() | some.floats(0, 2), additional=some.booleans(), **shared),
    any_of(kinds.Taper, share=share, years=some.integers(1, 6), ratio=some.none() | share, **shared),
    any_of(kinds.Adaptive, share=share, **shared),
    any_of(kinds.BenefitProportional, of_health=share, **shared),
    any_of(kinds.StopLoss, layers=some.just(({"above": 0.2, "share": 0.4}, {"above": 1.0, "share": 0.9})), **shared),
    any_of(kinds.VolumeCap, unit=units, volume=some.floats(0, 30), **shared),
    any_of(kinds.MoneyBack, refund=share, response=some.none() | share, **shared),
    any_of(kinds.Instalments, alive=some.just((1.0, 0.7, 0.4)), **shared),
    any_of(kinds.Instalments, years=some.integers(1, 3), **shared),
    any_of(kinds.AdaptivePrice, **shared),
    any_of(kinds.PatientFee, ceiling=some.just(2300.0), **shared),
    any_of(kinds.RebateSplit, share=some.sampled_from([0.4, -0.1]), **shared),
)  # fmt: skip
agreements = some.lists(any_clause, min_size=1, max_size=4).map(
    lambda found: [one.model_copy(update={"name": f"{place} {one.clause}"}) for place, one in enumerate(found)]
)
costs = some.lists(some.floats(-1e3, 1e4), min_size=30, max_size=30).map(lambda x: np.array(x).reshape(2, 3, 5))


@settings(max_examples=150, deadline=None)
@given(agreement=agreements, cost=costs, index=some.floats(0.8, 1.5))
def test_every_transfer_of_any_agreement_sums_to_zero_in_every_draw_and_year(books, agreement, cost, index):
    accounts = {**books.accounts, ("diagnostic_unit", "tests"): cost}
    books = Books(accounts, books.today, replace(books.terms, index=index ** np.arange(5)))
    for columns in transfers(agreement, books).values():
        each = [np.broadcast_to(one, SHAPE) for one in columns.values()]
        size = max((float(np.abs(one).max()) for one in each), default=0.0)
        assert float(np.abs(sum(one.sum(axis=1) for one in each)).max() if each else 0.0) <= 1e-9 * max(size, 1.0) * 15
        assert all(np.isfinite(one).all() for one in each)


@settings(max_examples=60, deadline=None)
@given(agreement=agreements, order=some.randoms())
def test_order_matters_only_to_what_divides_what_is_left(books, agreement, order):
    fixed = [one for one in agreement if not isinstance(one, kinds.NationalSplit)]
    shuffled = order.sample(fixed, len(fixed))
    first, second = transfers(fixed, books), transfers(shuffled, books)
    for name, columns in first.items():
        assert set(columns) == set(second[name])
        for payer, one in columns.items():
            assert one == pytest.approx(second[name][payer])
