"""Chapter 06: who pays, by which agreement."""
