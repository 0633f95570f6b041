"""Figures, summary and report of a finished run: everything that a person reads, computed from records."""
