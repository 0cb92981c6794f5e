"""Chapter 07: what to find out first."""
