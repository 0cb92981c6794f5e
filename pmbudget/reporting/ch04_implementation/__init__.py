"""Chapter 04: who is reached, and what stands in the way."""
