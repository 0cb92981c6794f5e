"""Chapter 08: scenarios side by side."""
