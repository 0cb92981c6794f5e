"""Chapter 03: is it worth it."""
