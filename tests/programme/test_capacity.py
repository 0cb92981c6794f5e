import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from pmbudget.programme.capacity import NOTHING_BINDS, by_year, queue, shadow_prices, staff

REGIONS = ["01", "09", "14"]


def flow(values, *, months=12, regions=REGIONS):
    """Persons a month: one number per region, the same in every month."""
    values = np.broadcast_to(np.asarray(values, float), len(regions))
    data = np.repeat(values[:, None], months, axis=1)
    return xr.DataArray(
        data, dims=("region", "month"), coords={"region": np.array(regions), "month": np.arange(months)}
    )


def laboratory(*hosts):
    return xr.DataArray(list(hosts), dims="region", coords={"region": REGIONS})


def carried(found):
    return found["waiting"].shift(month=1, fill_value=0.0)


def assert_balance(demand, found):
    after = found["started"] + found["lost"] + found["moved"] + found["waiting"]
    xr.testing.assert_allclose(after, (demand + carried(found)).transpose(*after.dims), rtol=1e-12)


def test_without_a_limit_everyone_starts_at_once_and_nothing_else_happens():
    demand = flow([1 / 3, 0.0, 7.1])
    found = queue(
        demand,
        {"a": flow(np.inf), "b": flow(np.inf)},
        hazard=0.3,
        laboratory=laboratory("01", "01", "14"),
        shared=["b"],
    )
    xr.testing.assert_equal(found["started"], demand)
    assert not found[["lost", "moved", "waiting"]].to_dataarray().any()
    assert (found["bound"] == NOTHING_BINDS).all()


def test_nobody_leaves_where_the_hazard_is_nought():
    found = queue(flow(5.0), {"a": flow(3.0)}, hazard=0.0)
    assert found["waiting"].isel(month=-1).to_numpy().tolist() == pytest.approx([24.0] * 3)
    assert found["started"].to_numpy() == pytest.approx(3.0)


def test_the_backlog_tends_to_what_leaves_as_fast_as_it_comes():
    hazard = 0.4
    demand, room = 10.0, 6.0
    found = queue(flow(demand, months=200), {"a": flow(room, months=200)}, hazard=hazard, share_lost=0.25)
    last = found.isel(month=-1)
    delta = 1 - np.exp(-hazard)
    assert last["waiting"].to_numpy() == pytest.approx((1 - delta) * (demand - room) / delta)
    assert (last["lost"] + last["moved"]).to_numpy() == pytest.approx(demand - room)
    assert last["lost"].to_numpy() == pytest.approx(0.25 * (demand - room))


def test_three_months_by_hand():
    demand = flow(0.0, months=3).copy(data=[[10.0, 0.0, 0.0]] * 3)
    found = queue(demand, {"a": flow(4.0, months=3)}, hazard=np.log(2), share_lost=0.5).sel(region="01")
    assert found["started"].to_numpy().tolist() == [4.0, 3.0, 0.0]
    assert found["waiting"].to_numpy().tolist() == [3.0, 0.0, 0.0]
    assert found["lost"].to_numpy().tolist() == [1.5, 0.0, 0.0]


def test_the_tightest_limit_is_the_one_named():
    found = queue(flow(5.0), {"wide": flow(9.0), "tight": flow([2.0, 4.0, 9.0]), "middle": flow(3.0)}, hazard=1.0)
    assert found["started"].isel(month=0).to_numpy().tolist() == [2.0, 3.0, 3.0]
    assert found["bound"].isel(month=0).to_numpy().tolist() == [1, 2, 2]


def test_regions_that_share_a_laboratory_lend_each_other_room():
    demand, limit = flow([8.0, 2.0, 6.0]), {"seq": flow([5.0, 5.0, 3.0])}
    alone = queue(demand, limit, hazard=1.0, laboratory=laboratory(*REGIONS), shared=["seq"])
    together = queue(demand, limit, hazard=1.0, laboratory=laboratory("01", "01", "14"), shared=["seq"])
    assert alone["started"].isel(month=0).to_numpy().tolist() == [5.0, 2.0, 3.0]
    assert together["started"].isel(month=0).to_numpy().tolist() == [8.0, 2.0, 3.0]
    xr.testing.assert_allclose(alone["started"], queue(demand, limit, hazard=1.0)["started"], rtol=1e-12)


def test_a_shared_limit_is_rationed_in_proportion():
    found = queue(
        flow([9.0, 3.0, 1.0]), {"seq": flow(2.0)}, hazard=1.0, laboratory=laboratory("01", "01", "01"), shared=["seq"]
    )
    first = found["started"].isel(month=0)
    assert first.to_numpy() == pytest.approx(np.array([9.0, 3.0, 1.0]) * 6 / 13)
    assert found["bound"].isel(month=0).to_numpy().tolist() == [0, 0, 0]


def test_the_order_of_regions_does_not_matter():
    demand, limits = flow([9.0, 3.0, 1.0]), {"seq": flow([1.0, 4.0, 2.0]), "mdt": flow([5.0, 2.0, 3.0])}
    shared = {"hazard": 0.2, "laboratory": laboratory("14", "14", "09"), "shared": ["seq"]}
    found = queue(demand, limits, **shared)
    turned = queue(demand.isel(region=[2, 0, 1]), limits, **shared)
    xr.testing.assert_allclose(turned.sel(region=REGIONS), found)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_started_lost_moved_and_waiting_balance_everywhere(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    draws, months = 4, 14

    def array(*dims, high):
        sizes = {"draw": draws, "mix": 2, "region": 3, "month": months}
        coords = {"region": np.array(REGIONS), "month": np.arange(months)}
        shape = [sizes[dim] for dim in dims]
        return xr.DataArray(
            rng.uniform(0, high, shape) * (rng.random(shape) > 0.1),
            dims=dims,
            coords={k: v for k, v in coords.items() if k in dims},
        )

    demand = array("draw", "mix", "region", "month", high=20)
    limits = {
        "seq": array("draw", "region", "month", high=20),
        "bio": array("mix", "region", "month", high=15),
        "mdt": array("draw", "mix", "region", "month", high=20),
    }
    found = queue(
        demand,
        limits,
        hazard=array("draw", high=2),
        share_lost=array("draw", high=1),
        laboratory=laboratory("01", "14", "14"),
        shared=["seq", "bio"],
    )
    assert_balance(demand, found)
    assert float(found.drop_vars("bound").to_dataarray().min()) >= 0
    assert bool((found["started"] <= limits["mdt"] + 1e-9).all())
    groups = laboratory("01", "14", "14")
    for name in ("seq", "bio"):
        used, room = (v.groupby(groups.rename("host")).sum() for v in (found["started"], limits[name]))
        assert bool((used <= room + 1e-9).all())
    more = queue(
        demand,
        {**limits, "mdt": limits["mdt"] + 5},
        hazard=0.0,
        laboratory=groups,
        shared=["seq", "bio"],
    )
    less = queue(demand, limits, hazard=0.0, laboratory=groups, shared=["seq", "bio"])
    served = [each["started"].sum(["region", "month"]) for each in (more, less)]
    assert bool((served[0] >= served[1] - 1e-9).all())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hazard": -0.1}, "hazard = -0.1"),
        ({"limits": {"mdt": flow(-1.0)}}, "mdt = -1"),
        ({"limits": {"mdt": flow(np.nan)}}, "mdt = nan"),
        ({"shared": ["mdt"]}, "mdt are shared and no laboratory is given"),
        ({"shared": ["sec"]}, r"shared limits \['sec'\] are not among \['mdt'\]"),
    ],
)
def test_what_makes_no_queue_is_refused(change, said):
    given_ = {"demand": flow(1.0), "limits": {"mdt": flow(1.0)}, "hazard": 1.0} | change
    with pytest.raises(ValueError, match=said):
        queue(given_.pop("demand"), given_.pop("limits"), **given_)


def test_years_add_up_their_months():
    monthly = queue(flow([5.0, 1.0, 4.0], months=24), {"a": flow(4.0, months=24)}, hazard=0.0)
    yearly = by_year(monthly, [2026, 2027], ["a"])
    assert yearly["started"].sel(region="01").to_numpy().tolist() == [48.0, 48.0]
    assert yearly["waiting"].sel(region="01").to_numpy().tolist() == [12.0, 24.0]
    assert yearly["months_waited"].sel(region="01", year=2026).item() == pytest.approx(sum(range(1, 13)))
    assert yearly["bound"].sel(limit="a").to_numpy().tolist() == [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(ValueError, match="24 months are not 1 years of 12"):
        by_year(monthly, [2026], ["a"])


def test_one_more_unit_of_what_does_not_bind_is_worth_nothing():
    demand, limits = flow(5.0), {"tight": flow(3.0), "wide": flow(9.0)}
    prices = shadow_prices(demand, limits, {name: flow(1.0) for name in limits}, value=100.0, hazard=1.0)
    assert prices.sel(limit="wide").item() == 0
    assert prices.sel(limit="tight").item() == pytest.approx(100.0 * 3 * 12, rel=0.2)
    assert prices.sel(limit="tight").item() <= 100.0 * 3 * 12


def ordered(months, number=0.0):
    return xr.DataArray(np.full(months, number), dims="month")


def test_staff_falls_by_its_attrition_and_no_more():
    found = staff(100.0, attrition=0.1, ordered=ordered(25))
    assert found.to_numpy()[[0, 12, 24]] == pytest.approx([100.0, 90.0, 81.0])


def test_hiring_what_leaves_keeps_the_number():
    leaves = 100 * (1 - 0.9 ** (1 / 12))
    found = staff(100.0, attrition=0.1, ordered=ordered(30, leaves), lag=7, ordered_before=leaves)
    assert found.to_numpy() == pytest.approx(100.0)


def test_who_is_ordered_now_works_after_the_lag():
    found = staff(10.0, attrition=0.0, ordered=ordered(12, 1.0), lag=xr.DataArray([0.0, 6.0], dims="draw"))
    assert found.isel(draw=0).to_numpy().tolist() == [10.0 + t for t in range(12)]
    assert found.isel(draw=1).to_numpy().tolist() == [10.0] * 7 + [11.0, 12.0, 13.0, 14.0, 15.0]


@pytest.mark.parametrize(("change", "said"), [({"attrition": 1.2}, "attrition"), ({"lag": -1.0}, "lag = -1")])
def test_impossible_staff_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        staff(1.0, **{"attrition": 0.1, "ordered": ordered(3), **change})
