import pytest
import xarray as xr

from pmbudget.inputs.items import Item
from pmbudget.patient.costing import annuity_factor, item_use, minute_price


@pytest.fixture
def case(scenario):
    return scenario.case


@pytest.fixture
def draws(case):
    figures = {"wage": 40_000.0, case.employer_add_on: 0.5, case.productive_hours: 1600.0, "minutes": 30.0, "half": 0.5}
    figures |= {"price": 200.0, "rebate": 0.25, "second_rebate": 0.1}
    wages = {resource.wage: 40_000.0 for resource in case.resources.values() if resource.wage}
    return xr.Dataset({**figures, **wages})


def resource(case, kind):
    return next(name for name, one in case.resources.items() if one.kind == kind)


def test_a_minute_of_staff_by_hand(draws, case):
    # 40 000 x 12 x 1.5 a year over 1 600 x 60 minutes.
    assert float(minute_price(draws, case, "wage")) == pytest.approx(7.5)


def test_staff_time_is_minutes_at_the_price_of_a_minute(draws, case):
    used, cost = item_use(draws, case, Item(resource=resource(case, "staff"), quantity=("minutes", "half")))
    assert (float(used), float(cost)) == pytest.approx((15, 15 * 7.5))


def test_an_item_is_quantity_times_price(draws, case):
    used, cost = item_use(
        draws, case, Item(resource=resource(case, "care"), quantity=("half",), price=("price", "half"))
    )
    assert (float(used), float(cost)) == pytest.approx((0.5, 0.5 * 100))


def test_rebates_come_off_the_price_and_not_the_quantity(draws, case):
    item = Item(resource=resource(case, "drug"), price=("price",), less=("rebate", "second_rebate"))
    used, cost = item_use(draws, case, item)
    assert (float(used), float(cost)) == pytest.approx((1, 200 * 0.75 * 0.9))


def test_an_annuity_pays_back_the_purchase_with_interest():
    paid = annuity_factor(5, 0.03)
    assert sum(paid / 1.03**year for year in range(1, 6)) == pytest.approx(1)
    assert float(annuity_factor(4, 0.0)) == pytest.approx(0.25)


def test_equipment_by_the_sample_from_its_parts(draws, case):
    given = {"dear": 1000.0, "life": 5.0, "service": 50.0, "samples": 40.0, "load": 0.5, "discount_rate_cost": 0.03}
    item = Item(
        resource=resource(case, "equipment"),
        per=("samples", "load"),
        price=("dear",),
        annuity={"years": "life", "maintenance": ("service",)},
    )
    used, cost = item_use(draws.assign(given), case, item)
    assert float(used) == pytest.approx(1 / 20)
    assert float(cost) == pytest.approx((1000 * annuity_factor(5, 0.03) + 50) / 20)
