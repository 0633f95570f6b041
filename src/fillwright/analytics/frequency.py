"""How many returns a year has: given, or read off the data's own session closes and said in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DAY_NS = 86_400_000_000_000
YEAR_DAYS = 365.25
SHORT_SPAN_DAYS = 60
"""Below this many days the count of closes depends too much on where it starts; then weekends decide."""

KNOWN = ((365.0, "around the clock"), (260.0, "weekdays"), (252.0, "exchange days"), (52.0, "weeks"), (12.0, "months"))
TOLERANCE = 0.08
"""Largest relative distance from a known number of closes a year; beyond it the observed number is used."""


@dataclass(frozen=True, slots=True)
class Frequency:
    """Returns a year (None: cannot be known) and the words that say where the number comes from."""

    periods: float | None
    source: str


def day(time: int) -> str:
    """The UTC date of ``time`` in ns, as 2024-01-31."""
    return str(np.datetime64(time, "ns").astype("datetime64[D]"))


def infer(closes: npt.NDArray[np.int64], configured: float | None = None) -> Frequency:
    """Returns a year from ``closes``, int64 ns UTC of the session closes, unless ``configured``."""
    if configured is not None:
        return Frequency(float(configured), f"N = {configured:g}, configured")
    if len(closes) < 2:
        return Frequency(None, "fewer than 2 session closes")
    span = (int(closes[-1]) - int(closes[0])) / DAY_NS
    if span < SHORT_SPAN_DAYS and span / (len(closes) - 1) < 4:
        # A close at 00:00 belongs to the day before it. 1970-01-01 was a Thursday: weekday 3.
        weekday = ((closes - 1) // DAY_NS + 3) % 7
        periods, kind = (365.0, "around the clock") if np.any(weekday >= 5) else (252.0, "exchange days")
        return Frequency(periods, f"N = {periods:g}, {kind}: {span:.0f} days of data, weekends {_seen(periods)}")
    observed = (len(closes) - 1) / (span / YEAR_DAYS)
    return _nearest(observed, span / YEAR_DAYS)


def _nearest(observed: float, years: float) -> Frequency:
    # 252 and 260 differ by holidays alone; short of two years the count does not tell them apart.
    known = [item for item in KNOWN if years >= 2 or item[0] != 260.0]
    periods, kind = min(known, key=lambda item: abs(item[0] - observed))
    if abs(periods / observed - 1) > TOLERANCE:
        return Frequency(float(round(observed, 1)), f"N = {observed:.1f}, as observed")
    return Frequency(periods, f"N = {periods:g}, {kind}: {observed:.1f} session closes a year observed")


def _seen(periods: float) -> str:
    return "included" if periods == 365.0 else "left out"
