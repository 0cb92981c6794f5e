import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from pmbudget.financing import net_budget_impact, settle, silo_gap
from pmbudget.financing.ledger import largest_imbalance, post, settled, terms_of
from pmbudget.inputs.clauses import Match, NationalSplit, Taper
from pmbudget.inputs.parameters import Text

LABEL = Text(sv="Prov", en="Trial")
REGIONS = pd.DataFrame({"population": [300, 100], "population_65plus": [60, 40]}, index=["01", "03"])
PLACES, YEARS, MIXES = ["00", "01", "03"], [2025, 2026, 2027, 2028], ["today", "unplanned", "new"]
RESOURCES = {
    "tests": ("diagnostic_unit", "care"),
    "drugs": ("region", "drug"),
    "platform": ("diagnostic_unit", "transition"),
}
SHAPE = (2, 3, 3, 4, 3)


def taper(name="state_share", covers="transition", share=0.5, years=5, payer="state"):
    return Taper(clause="taper", name=name, label=LABEL, covers=covers, share=share, years=years, payer=payer)


def split(name="split", by="population"):
    return NationalSplit(clause="national_split", name=name, label=LABEL, by=by)


def cost(values):
    units, kinds = zip(*RESOURCES.values(), strict=True)
    return xr.DataArray(
        values,
        dims=("draw", "mix", "region", "year", "resource"),
        coords={
            "mix": MIXES, "region": PLACES, "year": YEARS, "resource": list(RESOURCES),
            "unit": ("resource", list(units)), "kind": ("resource", list(kinds)),
        },
    )  # fmt: skip


def ledger_of(values, *clauses, start=2026):
    return settle(cost(values), clauses, regions=REGIONS, start=start)


@pytest.fixture
def by_hand():
    """In every mix and year: platform 1,000 nationally; tests 40 and drugs 100 in 01, tests 20 and platform 200 in 03."""
    values = np.zeros(SHAPE)
    values[:, :, 0, :, 2] = 1000
    values[:, :, 1, :, 0], values[:, :, 1, :, 1] = 40, 100
    values[:, :, 2, :, 0], values[:, :, 2, :, 2] = 20, 200
    return values


def paid(ledger, year, mix="new", **chosen):
    table = ledger.sel(year=year, mix=mix, **chosen).isel(draw=0).sum("entry").to_pandas()
    return {(region, payer): value for region, row in table.iterrows() for payer, value in row.items() if value}


def test_without_an_agreement_cost_stays_with_the_unit_that_performs(by_hand):
    ledger = ledger_of(by_hand)
    assert ledger["entry"].to_numpy().tolist() == ["resource_cost"]
    assert paid(ledger, 2026) == {
        ("00", "diagnostic_unit"): 1000,
        ("01", "diagnostic_unit"): 40,
        ("01", "region"): 100,
        ("03", "diagnostic_unit"): 220,
    }


def test_two_regions_by_hand_in_the_first_year(by_hand):
    # The state takes half of what is transition; the national rest goes 3 to 1 to the regions.
    assert paid(ledger_of(by_hand, taper(), split()), 2026) == {
        ("00", "state"): 500,
        ("01", "diagnostic_unit"): 40,
        ("01", "region"): 100 + 375,
        ("03", "diagnostic_unit"): 20 + 100,
        ("03", "region"): 125,
        ("03", "state"): 100,
    }


def test_two_regions_by_hand_in_the_second_year(by_hand):
    # Four fifths of the half.
    found = paid(ledger_of(by_hand, taper(), split()), 2027)
    assert found == pytest.approx({
        ("00", "state"): 400,
        ("01", "diagnostic_unit"): 40,
        ("01", "region"): 100 + 450,
        ("03", "diagnostic_unit"): 20 + 120,
        ("03", "region"): 150,
        ("03", "state"): 80,
    })  # fmt: skip


@pytest.mark.parametrize(("start", "shares"), [(2025, [0.6, 0.4, 0.2, 0]), (2026, [0, 0.6, 0.4, 0.2]), (2020, [0] * 4)])
def test_a_taper_falls_in_a_straight_line_from_its_start_to_nothing(by_hand, start, shares):
    ledger = ledger_of(by_hand, taper(share=0.6, years=3), start=start)
    state = ledger.sel(mix="new", region="00", payer="state", entry="state_share").isel(draw=0)
    assert state.to_numpy() == pytest.approx([1000 * share for share in shares])


def test_a_taper_of_everything_covers_care_too(by_hand):
    state = (
        ledger_of(by_hand, taper(covers="all"))
        .sel(mix="new", year=2026, payer="state", entry="state_share")
        .isel(draw=0)
    )
    assert state.to_series().to_dict() == {"00": 500, "01": 70, "03": 110}


def test_a_payer_does_not_take_over_what_it_pays_already(by_hand):
    ledger = ledger_of(by_hand, taper(covers="all", share=1, payer="region")).sel(mix="new", year=2026).isel(draw=0)
    assert paid(ledger_of(by_hand, taper(covers="all", share=1, payer="region")), 2026) == {
        ("00", "region"): 1000,
        ("01", "region"): 140,
        ("03", "region"): 220,
    }
    assert float(ledger.sel(region="01", payer="region", entry="state_share")) == 40


def test_a_split_divides_by_the_stated_column(by_hand):
    found = paid(ledger_of(by_hand, split(by="population_65plus")), 2026)
    assert found["01", "region"] == pytest.approx(100 + 600)
    assert found["03", "region"] == pytest.approx(400)


def test_a_split_leaves_nothing_national_but_the_state_s(by_hand):
    national = ledger_of(by_hand, taper(), split()).sel(mix="new", region="00").sum("entry")
    assert float(abs(national.drop_sel(payer="state").sel(year=slice(2026, None))).max()) == 0
    assert float(national.sel(payer="diagnostic_unit", year=2025).min()) == 1000, "no clause before the agreement"
    assert float(national.sel(payer="state", year=2026).min()) > 0


def test_a_split_before_the_taper_divides_all_and_the_taper_follows_the_cost(by_hand):
    # The taper is of the cost as it fell, so that the national unit is relieved of what the regions carry already.
    found = paid(ledger_of(by_hand, split(), taper()), 2026)
    assert found["01", "region"] == pytest.approx(100 + 750)
    assert found["03", "region"] == pytest.approx(250)
    assert found["00", "diagnostic_unit"] == pytest.approx(-500)
    assert found["00", "state"] == pytest.approx(500)


def test_clauses_concern_the_new_mix_alone(by_hand):
    ledger = ledger_of(by_hand, taper(covers="all"), split())
    others = ledger.sel(mix=["today", "unplanned"]).drop_sel(entry="resource_cost")
    assert float(abs(others).max()) == 0
    xr.testing.assert_identical(ledger.sel(entry="resource_cost"), ledger_of(by_hand).sel(entry="resource_cost"))


def test_two_clauses_of_one_name_are_refused(by_hand):
    with pytest.raises(ValueError, match="must differ"):
        ledger_of(by_hand, taper("same"), split("same"))


def test_a_unit_that_is_no_payer_is_refused(by_hand):
    stray = cost(by_hand).assign_coords(unit=("resource", ["diagnostic_unit", "bank", "region"]))
    with pytest.raises(ValueError, match=r"bank is no payer; use one of state"):
        settle(stray, (), regions=REGIONS, start=2026)


def test_what_the_agreement_adds_is_new_less_unplanned(by_hand):
    by_hand[:, 2] *= 1.5
    by_hand[:, 0] *= 0.5
    ledger = ledger_of(by_hand, taper(), split())
    for reference, factor in (("unplanned", 0.5), ("today", 1.0)):
        net = net_budget_impact(ledger, reference=reference)
        assert net.dims == ("draw", "region", "year", "payer")
        assert net.sel(year=2026).isel(draw=0).sum(["region", "payer"]) == pytest.approx(factor * 1360)
        xr.testing.assert_allclose(net, net_budget_impact(ledger.sum("entry"), reference=reference))


money = arrays(float, SHAPE, elements=some.floats(0, 1e9, allow_subnormal=False), fill=some.just(1e6))
tapers = some.builds(
    taper,
    name=some.just("taper"),
    covers=some.sampled_from(["transition", "all"]),
    share=some.floats(0, 1),
    years=some.integers(1, 10),
    payer=some.sampled_from(["state", "region", "diagnostic_unit", "municipality", "patient"]),
)
splits = some.builds(split, by=some.sampled_from(["population", "population_65plus"]))
agreements = some.lists(some.one_of(tapers, splits), max_size=2, unique_by=lambda clause: clause.name)


@settings(max_examples=60, deadline=None)
@given(values=money, clauses=agreements, start=some.integers(2020, 2030))
def test_every_transfer_sums_to_zero_and_the_total_never_changes(values, clauses, start):
    ledger = ledger_of(values, *clauses, start=start)
    total = cost(values).sum(["region", "resource"])
    transfers = ledger.drop_sel(entry="resource_cost").sum(["region", "payer"])
    assert float(abs(transfers / total.clip(min=1)).max() if transfers.size else 0) < 1e-9
    assert float(abs((ledger.sum(["region", "payer", "entry"]) - total) / total.clip(min=1)).max()) < 1e-9


@settings(max_examples=30, deadline=None)
@given(values=money, clauses=agreements)
def test_switching_the_agreement_on_leaves_the_net_total(values, clauses):
    on, off = (
        net_budget_impact(ledger_of(values, *chosen), reference="unplanned").sum(["region", "payer"])
        for chosen in (clauses, ())
    )
    scale = float(cost(values).sum(["region", "resource"]).max()) or 1.0
    assert float(abs(on - off).max()) <= 1e-9 * scale


def test_the_shipped_agreement_sums_to_zero(results):
    transfers = results.settlement.ledger.drop_sel(entry="resource_cost").sum(["region", "payer"])
    assert float(abs(results.settlement.ledger.drop_sel(entry="resource_cost")).max()) > 0
    assert float(abs(transfers).max()) < 1e-9 * float(results.spending.by_resource.sum("resource").max())


def test_an_imbalance_is_measured_against_the_cost_of_its_own_draw(by_hand):
    by_hand[1] *= 1e9
    accounts = post(cost(by_hand))
    moved = settled(accounts, [taper()], terms_of(accounts, regions=REGIONS, start=2026))
    assert largest_imbalance(accounts, moved) < 1e-12
    # The place of 01 in 2026, for the state, in the first draw alone.
    moved["new"]["state_share"]["state"][0, 1, 1] += 680.0
    assert largest_imbalance(accounts, moved) == pytest.approx(0.5)


def test_drugs_are_posted_by_channel_and_delegated_as_far_as_stated():
    drugs = xr.DataArray(
        np.ones((2, 1, 1, 1, 3)) * [100.0, 40.0, 7.0],
        dims=("draw", "mix", "region", "year", "resource"),
        coords={
            "mix": ["new"], "region": ["01"], "year": [2026], "resource": ["tablets", "infusions", "care"],
            "unit": ("resource", ["region", "clinic", "clinic"]), "kind": ("resource", ["drug", "drug", "care"]),
            "channel": ("resource", ["benefit", "procured", ""]),
        },
    )  # fmt: skip
    accounts = post(drugs, delegated=np.array([0.0, 0.3]))
    found = {
        (str(payer), str(part)): accounts.isel(account=place).to_numpy().ravel().tolist()
        for place, (payer, part) in enumerate(
            zip(accounts["payer"].to_numpy(), accounts["part"].to_numpy(), strict=True)
        )
    }
    assert found == {
        ("region", "benefit"): [100, 70],
        ("clinic", "benefit"): [0, 30],
        ("clinic", "procured"): [40, 40],
        ("clinic", "care"): [7, 7],
    }


def test_production_loss_is_a_cost_of_its_own_payer_and_sick_pay_a_transfer(by_hand):
    lost = cost(by_hand).assign_coords(unit=("resource", ["employer"] * 3), kind=("resource", ["production"] * 3))
    pay = Match(
        clause="match",
        name="sick_pay",
        label=LABEL,
        covers="production",
        share=0.6,
        payer="social_insurance",
        to="patient",
    )
    ledger = settle(lost, [pay], regions=REGIONS, start=2026).sel(mix="new", region="01", year=2026).isel(draw=0)
    assert ledger.sum("entry").to_series().loc[["employer", "social_insurance", "patient"]].tolist() == [140, 84, -84]


def test_standing_rules_settle_in_every_mix_and_before_the_agreement_starts(by_hand):
    rule = Match(clause="match", name="fee", label=LABEL, covers="drugs", share=0.1, payer="patient")
    ledger = settle(cost(by_hand), [taper()], regions=REGIONS, start=2027, standing=[rule])
    assert ledger.sel(entry="fee", payer="patient", region="01").to_numpy() == pytest.approx(10)
    with pytest.raises(ValueError, match="must differ"):
        settle(cost(by_hand), [rule], regions=REGIONS, start=2027, standing=[rule])


def test_the_silo_gap_is_what_losers_lose_and_gainers_gain():
    change = xr.DataArray(
        [[-2330.0, 1065.0], [100.0, 50.0]],
        dims=("region", "payer"),
        coords={"region": ["01", "03"], "payer": ["clinic", "diagnostic_unit"]},
    )
    gap = silo_gap(change)
    assert gap["losers"].to_numpy().tolist() == [1065, 150]
    assert gap["gainers"].to_numpy().tolist() == [2330, 0]
    assert gap["compensation"].sel(region="01").to_numpy().tolist() == [0, 1065]
