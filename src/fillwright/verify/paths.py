"""Which way a bar went: the path that the rules demand for it, worked out a second time.

Rules: ``docs/execution_rules.md`` §4 and §9.
"""

from __future__ import annotations

import math

from fillwright.verify.bars import Bars
from fillwright.verify.draws import draw
from fillwright.verify.terms import Terms

HIGH_FIRST, LOW_FIRST, CLOSE_ONLY = "open_high_low_close", "open_low_high_close", "close_only"
STAGES = ("open", "first", "second", "close")

_CLOSE_CALL = 1e-9
"""A draw this near to its probability may go either way: the last bit of an exponential is no evidence."""


def points(bars: Bars, row: int, path: str) -> tuple[int, int, int, int]:
    """The four points of a bar on a path: open, first and second extreme, close."""
    high, low = int(bars.high[row]), int(bars.low[row])
    first, second = (high, low) if path == HIGH_FIRST else (low, high)
    return int(bars.open[row]), first, second, int(bars.close[row])


def allowed(terms: Terms, instrument: int, bars: Bars, row: int, exposure: int | None) -> tuple[str, ...]:
    """The paths that a bar may have taken: one, but for a draw too close to call.

    ``exposure`` is the side that a fall hurts as +1: of the position, else against the first working order; 0 = neither,
    None = one of them, it is not known which.
    """
    setting = terms.path
    if setting in (HIGH_FIRST, LOW_FIRST, CLOSE_ONLY):
        return (setting,)
    first, high, low, last = (int(values[row]) for values in (bars.open, bars.high, bars.low, bars.close))
    by_direction = HIGH_FIRST if last < first else LOW_FIRST
    if setting == "nearest" and high - first != first - low:
        return (HIGH_FIRST,) if high - first < first - low else (LOW_FIRST,)
    if setting in ("worst", "best") and exposure is None:
        return HIGH_FIRST, LOW_FIRST
    if setting in ("worst", "best") and exposure:
        return (HIGH_FIRST,) if (exposure < 0) == (setting == "worst") else (LOW_FIRST,)
    if setting == "probabilistic" and high != low:
        apart = draw(terms.seed, 1, instrument, int(bars.open_time[row])) - _high_first(high - low, last - first)
        if abs(apart) < _CLOSE_CALL:
            return HIGH_FIRST, LOW_FIRST
        return (HIGH_FIRST,) if apart < 0 else (LOW_FIRST,)
    return (by_direction,)


def _high_first(spread: int, change: int) -> float:
    """Probability that a Brownian path through both extremes visited the high first."""
    variance = spread * spread / (4 * math.log(2))
    a, b = ((2 * spread + sign * change) ** 2 / variance for sign in (1, -1))
    weights = [(d - 1) * math.exp(-d / 2) for d in (a, b)]
    return weights[0] / sum(weights)
