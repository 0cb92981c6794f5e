"""The words that every room shares: payers, mixes, grades of evidence, the interval that is reported."""

PAYERS = (
    "state",
    "region",
    "clinic",
    "diagnostic_unit",
    "municipality",
    "social_insurance",
    "employer",
    "university",
    "patient",
    "manufacturer",
    "research_funder",
)
REGION_PAYERS = ("region", "clinic", "diagnostic_unit")
"""What stands in a region's own accounts: the purchaser and its two kinds of provider."""

PERSPECTIVES = {
    "region": REGION_PAYERS,
    "region_and_state": (*REGION_PAYERS, "state"),
    "health_care": (*REGION_PAYERS, "state", "municipality", "patient"),
    "societal": PAYERS,
}
"""Whose costs are counted, from the narrowest to the widest; patients count in health care by the fees they pay."""

NATIONAL = "00"
"""The 22nd label on the region dimension: what is national and not yet divided between regions."""

MIXES = ("today", "unplanned", "new")
"""Today's use held as it is; each region on its own course; the scenario."""

REFERENCES = ("today", "unplanned")
"""What the scenario is compared with: new - today is what introduction costs, new - unplanned what the agreement adds."""

LANGUAGES = ("sv", "en")

CREDIBLE_INTERVAL = 0.95
TAILS = ((1 - CREDIBLE_INTERVAL) / 2, (1 + CREDIBLE_INTERVAL) / 2)

POSTERIOR_DRAWS = (1000, 4)
"""Draws and chains of a posterior: together the most joint draws that an evaluation can ask for."""

BLOCK = 500
"""Draws that share one seeded generator; every block is drawn whole, so a shorter table is the start of a longer one."""
