"""Numbers with units as people write them: ``0.1%``, ``10bp``, ``5ms``, ``09:30-16:00``, ``2024-01-31``.

Everything here is exact: decimals stay decimals, durations are whole nanoseconds. A float counts as its shortest decimal.
Functions raise ``ValueError`` with a plain sentence; the place is added by whoever knows it.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Context, Decimal, InvalidOperation
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

RATE_DECIMALS = 9
"""Most decimals of a rate, price, money amount or quantity."""

EXACT = Context(prec=40)
"""Arithmetic of settings happens in this context, whatever the program around it has done to its own."""

NUMBER_LIMIT = Decimal(10) ** 15
"""No number in a configuration is this large."""

DURATION_UNITS: dict[str, int] = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
"""Nanoseconds per unit."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
_SESSION = re.compile(r"(\d\d):(\d\d)(?::(\d\d))?\s*-\s*(\d\d):(\d\d)(?::(\d\d))?")
_TICKS = re.compile(r"(\d{1,9})\s*ticks?")
_RATE = re.compile(r"(.*?)\s*(%|bps?)", re.IGNORECASE)
_RATE_SHIFT = {"%": -2, "bp": -4, "bps": -4}


def decimal(value: object) -> Decimal:
    """Exact decimal of an int, float (by its shortest text), Decimal or number text."""
    if isinstance(value, bool) or value is None:
        raise ValueError("must be a number")
    if isinstance(value, float):
        value = float.__repr__(value)
    if isinstance(value, str):
        text = value.strip()
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise ValueError("must be a number") from None
    elif isinstance(value, Decimal):
        number = value
    elif hasattr(value, "__index__"):
        number = Decimal(value.__index__())
    else:
        raise ValueError("must be a number")
    if not number.is_finite():
        raise ValueError("must be a finite number")
    return number


def plain(number: Decimal) -> str:
    """The shortest text of a decimal without an exponent: ``1``, ``0.001``."""
    if number == 0:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def decimals_of(number: Decimal) -> int:
    """How many decimals the number needs."""
    text = plain(number)
    return len(text) - text.index(".") - 1 if "." in text else 0


def _bounded(number: Decimal) -> Decimal:
    if abs(number) >= NUMBER_LIMIT:
        raise ValueError(f"must be smaller than {NUMBER_LIMIT:.0e}")
    places = decimals_of(number) if number.adjusted() > -100 else 100
    if places > RATE_DECIMALS:
        raise ValueError(f"has {places} decimals; at most {RATE_DECIMALS} are counted. Round it")
    return Decimal(plain(number))


def number(value: object) -> Decimal:
    """A price, money amount or quantity: a decimal with at most 9 decimals."""
    return _bounded(decimal(value))


def rate(value: object) -> Decimal:
    """A fraction from a number (0.001), ``0.1%`` or ``10bp``; at most 9 decimals."""
    if isinstance(value, str):
        match = _RATE.fullmatch(value.strip())
        if match:
            try:
                amount = decimal(match[1])
            except ValueError:
                raise ValueError("must be a fraction such as 0.001, 0.1% or 10bp") from None
            return _bounded(amount.scaleb(_RATE_SHIFT[match[2].lower()]))
        try:
            return _bounded(decimal(value))
        except ValueError as error:
            if "decimals" in str(error):
                raise
            raise ValueError("must be a fraction such as 0.001, 0.1% or 10bp") from None
    return _bounded(decimal(value))


def percent(number: Decimal) -> str:
    """A fraction as percent text: 0.001 -> ``0.1%``."""
    return plain(number.scaleb(2)) + "%"


def duration(value: object) -> int:
    """Nanoseconds of ``5ms``, ``250us``, ``1s``, ``1min``, ``1h``, ``1d``; a bare 0 is allowed."""
    if not isinstance(value, str):
        if isinstance(value, int) and not isinstance(value, bool) and value == 0:
            return 0
        raise ValueError(f"must be a duration with a unit ({', '.join(DURATION_UNITS)}), for example 5ms")
    text = value.strip()
    match = _DURATION.fullmatch(text)
    if text == "0":
        return 0
    if not match or match[2] not in DURATION_UNITS:
        raise ValueError(f"must be a duration with a unit ({', '.join(DURATION_UNITS)}), for example 5ms")
    exact = Decimal(match[1]) * DURATION_UNITS[match[2]]
    if exact != int(exact):
        raise ValueError("is not a whole number of nanoseconds")
    if exact >= Decimal(2) ** 62:
        raise ValueError("is longer than 146 years")
    return int(exact)


def duration_text(nanoseconds: int) -> str:
    """The shortest text of a duration: 5000000 -> ``5ms``."""
    if nanoseconds == 0:
        return "0ms"
    for unit, size in reversed(DURATION_UNITS.items()):
        if nanoseconds % size == 0:
            return f"{nanoseconds // size}{unit}"
    raise AssertionError("ns divides every duration")


def session_seconds(text: str) -> tuple[int, int]:
    """(open, close) in seconds after local midnight of ``09:30-16:00``.

    ``00:00-24:00`` is (0, 86400). Where the close is not after the open the session ends on the next local day
    (``17:00-17:00`` is (61200, 61200)); the caller reads it so.
    """
    match = _SESSION.fullmatch(text.strip())
    if not match:
        raise ValueError("must be a session such as 09:30-16:00")
    ends = []
    for first in (1, 4):
        hour, minute, second = (int(part or 0) for part in match.group(first, first + 1, first + 2))
        if minute > 59 or second > 59 or hour * 3600 + minute * 60 + second > 86_400:
            raise ValueError("must be a session such as 09:30-16:00, with times from 00:00 to 24:00")
        ends.append(hour * 3600 + minute * 60 + second)
    if ends[0] == 86_400 or ends[1] == 0:
        raise ValueError("must open before 24:00 and close after 00:00; around the clock is 00:00-24:00")
    return ends[0], ends[1]


def price_distance(value: object) -> Decimal | str:
    """A distance of price: an exact number, or the text ``2 ticks``."""
    match = _TICKS.fullmatch(value.strip()) if isinstance(value, str) else None
    if match:
        count = int(match[1])
        return f"{count} tick{'' if count == 1 else 's'}"
    distance = number(value)
    if distance < 0:
        raise ValueError("must be at least 0")
    return distance


def session(value: object) -> str:
    """A checked session text."""
    if not isinstance(value, str):
        raise ValueError("must be a session such as 09:30-16:00")
    session_seconds(value)
    return re.sub(r"\s", "", value)


def when(value: object) -> str:
    """ISO text of a date (``2024-01-31``) or date and time (``2024-01-31T09:30:00``, with or without zone)."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str):
        text = value.strip()
        for kind in (date, datetime):
            try:
                return kind.fromisoformat(text).isoformat()
            except ValueError:
                continue
    raise ValueError("must be a date such as 2024-01-31 or a date and time such as 2024-01-31T09:30:00")


def is_date(text: str) -> bool:
    """Whether text made by :func:`when` is a date without a time."""
    return len(text) == len("2024-01-31")


def timezone(value: object) -> str:
    """An IANA zone name that exists."""
    if not isinstance(value, str):
        raise ValueError("must be the name of a time zone such as America/New_York")
    if not _zone_exists(value):
        near = get_close_matches(value, available_timezones(), 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else "names look like America/New_York"
        raise ValueError(f"is not a known time zone ({hint})")
    return value


@cache
def _zone_exists(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return False
    return True
