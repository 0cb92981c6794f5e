"""Price paths as data: what a path cannot say is told with its place and remedy."""

import pytest

from pmbudget.errors import InputError
from pmbudget.inputs import load_scenario


def edited(folder, old, new):
    path = folder / "cases" / "nsclc_panel" / "case.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "exclusivity_ends: year_loe_osimertinib",
            "exclusivity_ends: fall_generic_price",
            "exclusivity_ends = .*counted in share; name|exclusivity_ends.*is counted in share",
        ),
        ("fall: fall_generic_price", "fall: years_generic_fall", "is counted in years"),
        (
            "resources: [sequencing_consumables]",
            "resources: [sequencing_consumables, drug_osimertinib]",
            "keep one of the two",
        ),
        ("price: [cost_osimertinib_30d], less: [rebate_benefit]", "price: [cost_osimertinib_30d]", "add it to less"),
    ],
)
def test_what_would_be_a_price_that_means_nothing_is_a_fault(folder, old, new, said):
    edited(folder, old, new)
    with pytest.raises(InputError, match=said):
        load_scenario("agreement_even", folder)
