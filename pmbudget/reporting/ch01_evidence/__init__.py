"""Chapter 01: what the evidence is, and how sure."""
