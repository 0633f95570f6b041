"""From stamps to bars: the timeframe, when each bar opens and closes, and what is missing between them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from fillwright.data.market import DAY_NS, Ints
from fillwright.data.zones import session_span, to_wall
from fillwright.errors import DataError, UsageError
from fillwright.model.instrument import Instrument

Stamp = Literal["open", "close"]
Mask = npt.NDArray[np.bool_]

_MINUTE = 60_000_000_000
_UNITS = {
    "ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "sec": 1_000_000_000,
    "m": _MINUTE, "t": _MINUTE, "min": _MINUTE, "minute": _MINUTE,
    "h": 60 * _MINUTE, "hour": 60 * _MINUTE, "d": DAY_NS, "day": DAY_NS, "w": 7 * DAY_NS, "week": 7 * DAY_NS,
}  # fmt: skip


def parse_timeframe(text: str) -> int:
    """``1min``, ``5min``, ``1h``, ``1d`` … -> ns. UsageError when it is none of these."""
    found = re.fullmatch(r"\s*(\d+)\s*([A-Za-z]+?)s?\s*", text)
    unit = found.group(2) if found else ""
    if found is None or int(found.group(1)) == 0 or unit.lower() not in _UNITS or unit == "M":
        raise UsageError(f"{text!r} is not a timeframe", remedy="write a number and ms, s, min, h, d or w: '1min', '4h', '1d'")
    return int(found.group(1)) * _UNITS[unit.lower()]


def timeframe_text(timeframe_ns: int) -> str:
    """The shortest way to write a timeframe."""
    for unit in ("d", "h", "min", "s", "ms", "us"):
        if timeframe_ns % _UNITS[unit] == 0:
            return f"{timeframe_ns // _UNITS[unit]}{unit}"
    return f"{timeframe_ns}ns"


def infer_timeframe(stamps: Ints) -> tuple[int, float]:
    """(median step in ns, share of the steps that are equal to it). DataError when there are no two different stamps."""
    steps = np.diff(stamps)
    if (steps < 0).any():
        steps = np.diff(np.sort(stamps))
    steps = steps[steps > 0]
    if len(steps) == 0:
        raise DataError("the timeframe cannot be inferred from one bar", remedy="write timeframe='1min', '1h', '1d' …")
    middle = (len(steps) - 1) // 2
    median = int(np.partition(steps, middle)[middle])
    return median, float(np.mean(steps == median))


@dataclass(frozen=True, slots=True)
class Span:
    """open_time and close_time, int64[n] ns UTC, and the rows that run into the next one."""

    open_time: Ints
    close_time: Ints
    overlap: Mask


def span_dates(days: Ints, timeframe_ns: int, stamp: Stamp | None, instrument: Instrument) -> Span:
    """Bars labelled by dates (int64 days, increasing): from session open to session close.

    A date of a longer bar may be its first day or its last, so ``stamp`` must say which: read as the last it would be known
    days too early.
    """
    first, last = days, days
    if timeframe_ns > DAY_NS:
        length = -(-timeframe_ns // DAY_NS)
        if stamp is None:
            raise DataError(
                f"the bars are {length} days long: is their date the first day or the last?",
                remedy="write stamp='open' (first day) or stamp='close' (last day), or timeframe='1d' for days with gaps",
            )
        if stamp == "open":
            last = np.append(days[1:] - 1, days[-1] + length - 1)
        else:
            first = np.append(days[0] - length + 1, days[:-1] + 1)
    opens, _ = session_span(first, instrument.timezone, instrument.session)
    _, closes = session_span(last, instrument.timezone, instrument.session)
    return Span(opens, closes, np.zeros(len(days), np.bool_))


def span_times(stamps: Ints, timeframe_ns: int, stamp: Stamp | None, zone: str) -> Span:
    """Bars stamped by moments (UTC ns, increasing). Bars may end early where the local clock jumps, never overlap."""
    if stamp is None and timeframe_ns >= DAY_NS:
        raise DataError(
            "bars of a day or more carry a time of day: is it when they open or when they close?",
            remedy="write stamp='open' or stamp='close'",
        )
    steps = np.diff(stamps)
    short = steps < timeframe_ns
    if short.any():
        wall_steps = np.diff(to_wall(stamps, zone))
        longest_shift = 2 * 60 * _MINUTE if timeframe_ns >= DAY_NS else 0
        short &= np.maximum(wall_steps, steps) < timeframe_ns - longest_shift
    overlap = np.append(short, False)
    if stamp == "close":
        opens = stamps - timeframe_ns
        opens[1:] = np.maximum(opens[1:], stamps[:-1])
        return Span(opens, stamps, overlap)
    closes = stamps + timeframe_ns
    closes[:-1] = np.minimum(closes[:-1], stamps[1:])
    return Span(stamps, closes, overlap)


def are_midnights(wall: Ints) -> bool:
    """True when no stamp has a time of day."""
    return bool((wall % DAY_NS == 0).all())


def count_gaps(open_time: Ints, days: Ints, timeframe_ns: int) -> tuple[int, int, int]:
    """(missing bars inside trading days, length of the longest gap in bars, row before it) of an intraday feed."""
    missing = np.diff(open_time) // timeframe_ns - 1
    missing[days[1:] != days[:-1]] = 0
    np.maximum(missing, 0, out=missing)
    if not missing.any():
        return 0, 0, -1
    row = int(missing.argmax())
    return int(missing.sum()), int(missing[row]), row
