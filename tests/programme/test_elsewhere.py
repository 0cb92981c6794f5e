import numpy as np
import pytest
import xarray as xr

from pmbudget.inputs.programmes import BorneElsewhere
from pmbudget.programme.elsewhere import borne_elsewhere
from pmbudget.road import evaluate_draws

YEARS = [2026, 2027, 2028]


@pytest.fixture
def moved(scenario):
    def by(*parts, **values):
        draws = xr.Dataset({name: ("draw", [value]) for name, value in values.items()})
        codes = ["01", "04"]
        shape = {"region": codes, "year": YEARS}
        held = xr.DataArray(np.full((1, 2, 3), 10.0), dims=("draw", "region", "year"), coords=shape)
        tested = (
            xr.concat([held, 2 * held], dim="mix").assign_coords(mix=["today", "new"]).transpose("draw", "mix", ...)
        )
        laboratory = xr.DataArray([[100.0, 300.0]], dims=("draw", "resource"), coords={"resource": ["kits", "hands"]})
        return borne_elsewhere(
            draws, parts, scenario.regions.loc[codes], laboratory=laboratory, tested=tested, held=held
        ).isel(draw=0)  # fmt: skip

    return by


UNIVERSITY = BorneElsewhere(resource="university", share="share", of="today", where="university_hospital", until="ends")


def test_what_another_bears_is_moved_and_not_saved(moved):
    found = moved(UNIVERSITY, share=0.2, ends=2028)
    assert float(abs(found.sum("resource")).max()) < 1e-12


def test_the_university_bears_its_share_of_today_s_tests_until_it_ends(moved):
    found = moved(UNIVERSITY, share=0.2, ends=2028)
    borne = found.sel(resource="university")
    assert borne.sel(mix="new", region="01").to_numpy().tolist() == [800, 800, 0]
    assert borne.sel(mix="today", region="01").to_numpy().tolist() == [800, 800, 800]
    assert float(abs(borne.sel(region="04")).max()) == 0
    assert found.sel(mix="new", region="01", resource="hands").to_numpy().tolist() == [-600, -600, 0]


def test_a_share_of_all_tests_follows_use(moved):
    found = moved(BorneElsewhere(resource="maker", share="share", of="all"), share=0.1).sel(resource="maker")
    assert found.sel(mix="today").to_numpy() == pytest.approx(np.full((2, 3), 400))
    assert found.sel(mix="new").to_numpy() == pytest.approx(np.full((2, 3), 800))


def test_more_than_all_is_refused(moved):
    parts = [BorneElsewhere(resource=name, share="share", of="all") for name in ("one", "other")]
    with pytest.raises(ValueError, match="lower the shares"):
        moved(*parts, share=0.6)


def test_the_end_of_research_money_loads_the_regions(scenario, table):
    # Against today's use, where the university goes on paying: what it no longer bears the laboratories do.
    draws = table.isel(draw=slice(20))
    late, early = (
        evaluate_draws(scenario, draws.assign(year_university_ends=("draw", np.full(20, float(year)))))
        for year in (2050, 2026)
    )
    cost = {
        name: one.settlement.net_budget("today").sum(["region", "year"])
        for name, one in (("late", late), ("early", early))
    }
    change = cost["early"] - cost["late"]
    assert float(change.sel(payer="diagnostic_unit").min()) > 0 > float(change.sel(payer="university").max())
    assert float(abs(change.sum("payer")).max()) < 1
