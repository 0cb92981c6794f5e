"""Chapter 02: what happens to one patient."""
