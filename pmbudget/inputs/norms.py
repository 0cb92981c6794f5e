"""What the norms say: thresholds, discount rates, and what turns SEK into tax and constant prices into current ones."""

from pmbudget.inputs.scenarios import Scenario

THRESHOLDS = ("wtp_moderate", "wtp_very_high")
"""The thresholds that results are told at, in norms.yaml."""
NORMS = (*THRESHOLDS, "wtp_rare", "wtp_observed_not_severe", "wtp_observed_severe")
"""Every threshold that norms.yaml holds: what the authority is said to accept, and what its decisions have shown."""
TAX_BASE, INFLATION = "tax_base_per_inhabitant", "inflation"
"""What turns SEK into öre of local tax and constant prices into current ones."""


def thresholds(scenario: Scenario) -> dict[str, float]:
    """The thresholds that results are told at, SEK per QALY."""
    return {name: scenario.parameters.fixed(name) for name in THRESHOLDS}


def discount_rates(scenario: Scenario) -> dict[str, float]:
    """``rate_cost`` and ``rate_qaly``, per year."""
    return {name: scenario.parameters.fixed(f"discount_{name}") for name in ("rate_cost", "rate_qaly")}
