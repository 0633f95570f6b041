"""Local time and UTC for whole columns, and the trading days of an instrument.

The rules of a zone come from ``zoneinfo``; its changes of offset within the range of the data are found once and searched by
numpy. Times are int64 ns; *wall* times are the same count on the local clock.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np
import numpy.typing as npt

from fillwright.data.market import DAY_NS, Ints, suggest
from fillwright.errors import UsageError

Mask = npt.NDArray[np.bool_]
When = str | date | datetime | np.datetime64

SECOND_NS = 1_000_000_000
_FIRST, _LAST = -2_208_988_800, 7_258_118_400  # 1900 and 2200: the years that zoneinfo describes well


def check_zone(name: str) -> str:
    """The name itself; UsageError naming the nearest zone when there is none of that name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"unknown time zone {name!r}", remedy=suggest(name, sorted(available_timezones()), "zones")) from None
    return name


def to_wall(utc: Ints, zone: str) -> Ints:
    """UTC ns -> wall ns of the zone, elementwise."""
    if len(utc) == 0 or zone == "UTC":
        return utc
    starts, offsets = _changes(zone, utc)
    place = np.searchsorted(starts, utc, side="right")
    return utc + offsets[place]


def from_wall(wall: Ints, zone: str) -> tuple[Ints, Mask, Mask]:
    """Wall ns -> (UTC ns, ambiguous, missing).

    An ambiguous time (the clock went back) is given its first occurrence, a missing one (it went forward) the moment of the
    change; the caller decides what to do about them.
    """
    nowhere = np.zeros(len(wall), np.bool_)
    if len(wall) == 0 or zone == "UTC":
        return wall, nowhere, nowhere
    starts, offsets = _changes(zone, wall)
    if len(starts) == 0:
        return wall - offsets[0], nowhere, nowhere
    before, after = offsets[:-1], offsets[1:]
    place = np.searchsorted(starts + np.minimum(before, after), wall, side="right")
    near = np.maximum(place - 1, 0)
    inside = (place > 0) & (wall < starts[near] + np.maximum(before, after)[near])
    ambiguous = inside & (after[near] < before[near])
    missing = inside & (after[near] > before[near])
    utc = wall - offsets[place]
    utc = np.where(ambiguous, wall - before[near], utc)
    return np.where(missing, starts[near], utc), ambiguous, missing


def settle(wall: Ints, zone: str) -> tuple[Ints, Mask, Mask]:
    """Wall ns in the order of the source -> (UTC ns, still ambiguous, missing).

    Where the clock goes back the rows of a repeated hour are told apart by their order: the rows up to the one step back in
    time are the first occurrence, the rest the second. Without exactly one such step they stay ambiguous.
    """
    utc, ambiguous, missing = from_wall(wall, zone)
    if not ambiguous.any():
        return utc, ambiguous, missing
    starts, offsets = _changes(zone, wall)
    place = np.searchsorted(starts + np.minimum(offsets[:-1], offsets[1:]), wall, side="right")
    later = wall - offsets[place]
    unclear = np.zeros(len(wall), np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], ambiguous, [False])).astype(np.int8)))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        back = np.flatnonzero(wall[start + 1 : stop] <= wall[start : stop - 1])
        if len(back) == 1:
            split = start + 1 + int(back[0])
            utc[split:stop] = later[split:stop]
        else:
            unclear[start:stop] = True
    return utc, unclear, missing


def session_span(days: Ints, zone: str, session: tuple[int, int]) -> tuple[Ints, Ints]:
    """(open, close) in UTC ns of the trading days, int64 days since 1970.

    A session whose open is not before its close wraps midnight: it opens on the day before.
    """
    opens, closes = session
    first = days - 1 if opens >= closes else days
    begin = from_wall(first * DAY_NS + opens * SECOND_NS, zone)[0]
    end = from_wall(days * DAY_NS + closes * SECOND_NS, zone)[0]
    return begin, end


def trading_days(utc: Ints, zone: str, session: tuple[int, int]) -> Ints:
    """Trading day of each time, int64 days since 1970: the local date, from its open on where the session wraps midnight."""
    wall = to_wall(utc, zone)
    opens, closes = session
    if opens >= closes:
        return np.asarray((wall - opens * SECOND_NS) // DAY_NS + 1)
    return np.asarray(wall // DAY_NS)


def last_of_day(open_time: Ints, zone: str, session: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """uint8[n], 1 for the last bar of each trading day.

    Where some bars of a day open inside the session and later ones after it, it is the last bar that opens inside.
    """
    opens, closes = session
    days = trading_days(open_time, zone, session)
    last = np.empty(len(days), np.uint8)
    last[:-1] = days[1:] != days[:-1]
    last[-1:] = 1
    if session == (0, 86_400) or opens >= closes:
        return last
    clock = to_wall(open_time, zone) % DAY_NS
    inside = (clock >= opens * SECOND_NS) & (clock < closes * SECOND_NS)
    if inside.all():
        return last
    ends = np.flatnonzero(last)
    latest = np.maximum.accumulate(np.where(inside, np.arange(len(days)), -1))[ends]
    begins = np.concatenate(([0], ends[:-1] + 1))
    last[:] = 0
    last[np.where(latest >= begins, latest, ends)] = 1
    return last


def parse_when(when: When, zone: str) -> tuple[int, bool]:
    """A bound of a selection as (ns UTC, False), or as (days since 1970, True) when it has no time of day."""
    if isinstance(when, np.datetime64):
        if np.datetime_data(when)[0] in ("D", "W", "M", "Y"):
            return int(when.astype("datetime64[D]").astype(np.int64)), True
        wall = int(when.astype("datetime64[ns]").astype(np.int64))
        return int(from_wall(np.array([wall], np.int64), zone)[0][0]), False
    if isinstance(when, str):
        text = when.strip()
        try:
            when = date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
        except ValueError:
            remedy = "write 2024-03-26 or 2024-03-26 13:30 (with +00:00 for UTC)"
            raise UsageError(f"{text!r} is not a date", remedy=remedy) from None
    if not isinstance(when, datetime):
        return (when - date(1970, 1, 1)).days, True
    if when.tzinfo is not None:
        return _since_epoch(when.astimezone(UTC).replace(tzinfo=None)), False
    return int(from_wall(np.array([_since_epoch(when)], np.int64), zone)[0][0]), False


def time_text(utc_ns: int, zone: str) -> str:
    """A moment on the clock of the zone, to the second, with the name of the zone."""
    wall = int(to_wall(np.array([utc_ns], np.int64), zone)[0])
    clock = str(np.datetime64(wall, "ns").astype("datetime64[s]")).replace("T", " ")
    return f"{clock} {zone}"


def _since_epoch(when: datetime) -> int:
    step = when - datetime(1970, 1, 1)
    return (step.days * 86_400 + step.seconds) * 1_000_000_000 + step.microseconds * 1000


def _changes(zone: str, times: Ints) -> tuple[Ints, Ints]:
    """(starts, offsets): moments in UTC ns at which the offset changes, and the len(starts) + 1 offsets in ns."""
    low = int(times.min()) // SECOND_NS - 2 * 86_400
    high = int(times.max()) // SECOND_NS + 2 * 86_400
    years = 86_400 * 365
    return _table(zone, max(low // years * years, _FIRST), min(-(-high // years) * years, _LAST))


@lru_cache(maxsize=256)
def _table(zone: str, low: int, high: int) -> tuple[Ints, Ints]:
    rules = ZoneInfo(zone)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)

    def offset(second: int) -> int:
        local = (epoch + timedelta(seconds=second)).astimezone(rules).utcoffset()
        return int(local.total_seconds()) if local is not None else 0

    starts: list[int] = []
    offsets = [offset(low)]
    for left in range(low, high, 86_400):
        right = left + 86_400
        after = offset(right)
        if after == offsets[-1]:
            continue
        while right - left > 1:
            middle = (left + right) // 2
            if offset(middle) == offsets[-1]:
                left = middle
            else:
                right = middle
        starts.append(right)
        offsets.append(after)
    return _frozen(starts), _frozen(offsets)


def _frozen(seconds: list[int]) -> Ints:
    array = np.array(seconds, np.int64) * SECOND_NS
    array.setflags(write=False)
    return array
