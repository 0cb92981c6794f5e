"""Budget impact and cost-effectiveness of precision diagnostics under state-region agreements."""

__version__ = "0.6.0"
