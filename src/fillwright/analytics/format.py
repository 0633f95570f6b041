"""Numbers and times as people read them; the same everywhere, so that the terminal and the report agree."""

from __future__ import annotations

import numpy as np

from fillwright.analytics.frequency import DAY_NS
from fillwright.analytics.metrics import Metric

MINUS = "-"
NONE = "n/a"


def number(value: float, decimals: int = 2) -> str:
    """1234.5 -> 1,234.50; a rounded zero carries no sign."""
    text = f"{value:,.{decimals}f}"
    return text[1:] if text.startswith(MINUS) and not text.strip("-0.,") else text


def fraction(value: float, decimals: int = 2) -> str:
    """0.1234 -> 12.34 %."""
    return f"{number(100 * value, decimals)} %"


def count(value: float) -> str:
    """1234 -> 1,234."""
    return f"{value:,.0f}"


def duration(days: float) -> str:
    """Days as the largest sensible unit: 250 days, 3.2 days, 5.5 h, 12.0 min, 30.0 s."""
    if abs(days) >= 100:
        return f"{number(days, 0)} days"
    for size, unit in ((1.0, "days"), (1 / 24, "h"), (1 / 1440, "min")):
        if abs(days) >= size:
            return f"{number(days / size, 1)} {unit}"
    return f"{number(days * 86_400, 1)} s"


def figure(metric: Metric) -> str:
    """The value of a figure with its unit, ``n/a`` where it is not defined."""
    if metric.value is None:
        return NONE
    if metric.unit == "fraction":
        return fraction(metric.value)
    if metric.unit == "count":
        return count(metric.value)
    if metric.unit == "days":
        return duration(metric.value)
    return number(metric.value)


def date(time: int) -> str:
    """UTC date of a time in ns: 2024-01-31."""
    return moment(time)[:10]


def moment(time: int) -> str:
    """UTC date and time of a time in ns, as long as it needs to be: 2024-01-31, 2024-01-31 15:30, ... 15:30:00.250."""
    text = str(np.datetime64(time, "ns")).replace("T", " ")
    if time % DAY_NS == 0:
        return text[:10]
    if time % 60_000_000_000 == 0:
        return text[:16]
    if time % 1_000_000_000 == 0:
        return text[:19]
    return text.rstrip("0")


def plain(value: object) -> str:
    """A setting as text: true, false, null, or the value itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
