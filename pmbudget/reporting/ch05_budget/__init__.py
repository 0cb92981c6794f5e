"""Chapter 05: what it costs, and whom."""
