"""Everything that decides: Python strategies, compiled ones, and ready-made arrays."""
