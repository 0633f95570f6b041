"""Small bars in every form that a source may have."""

from __future__ import annotations

from pathlib import Path

HEADER = "timestamp,open,high,low,close,volume"
ROWS = (
    "2024-03-26 13:30:00,521.23,521.26,520.92,521.01,342898",
    "2024-03-26 13:31:00,521.03,521.11,520.88,521.07,186082",
    "2024-03-26 13:32:00,521.07,521.15,521.00,521.10,100000",
    "2024-03-27 13:30:00,522.00,522.50,521.50,522.25,50",
)


def write(folder: Path, *rows: str, header: str = HEADER, name: str = "bars.csv") -> Path:
    """A CSV file of these rows."""
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path
