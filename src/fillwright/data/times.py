"""Time stamps of a column as int64 ns, and what kind of time they are.

utc    moments: the text had a zone, the type had one, or it is a count since 1970
wall   local times without a zone
date   dates without a time of day, as wall midnights
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fillwright.data.arrow import null_mask, to_numpy
from fillwright.data.market import DAY_NS, Ints
from fillwright.data.units import widened
from fillwright.errors import DataError, UsageError

Kind = Literal["utc", "wall", "date"]
Mask = npt.NDArray[np.bool_]

UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_LOW, _HIGH = -2_208_988_800 * 10**9, 7_258_118_400 * 10**9  # 1900 to 2200

_DATE_LENGTH = len("2024-03-26")
_ISO = r"^\d{4}-\d\d-\d\d([ T]\d\d(:?\d\d(:?\d\d(\.\d{1,9})?)?)?)?"
_ZONE = r"(Z|[+-]\d\d(:?\d\d)?)$"
_NUMBER = r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|(?i:nan|inf|infinity))$"

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DIRECTIVES = {
    "Y": r"(?P<Y>\d{4})", "y": r"(?P<y>\d{2})", "m": r"(?P<m>\d{1,2})", "d": r"(?P<d>\d{1,2})", "b": r"(?P<b>[A-Za-z]{3})",
    "H": r"(?P<H>\d{1,2})", "I": r"(?P<I>\d{1,2})", "M": r"(?P<M>\d{1,2})", "S": r"(?P<S>\d{1,2})", "f": r"(?P<f>\d{1,9})",
    "p": r"(?P<p>[AaPp][Mm])", "z": r"(?P<z>Z|[+-]\d\d:?\d\d)", "%": "%",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stamps:
    """ns: int64[n]; kind; bad: rows that could not be read, with why in words."""

    ns: Ints
    kind: Kind
    bad: Mask
    why: str = ""


def read_stamps(column: pa.ChunkedArray, name: str, unit: str | None, pattern: str | None) -> Stamps:
    """Read a time column. ``unit`` counts numbers, ``pattern`` is a strptime format for text.

    DataError when the type can not be a time or numbers have no unit.
    """
    if unit is not None and unit not in UNITS:
        raise UsageError(f"unknown unit {unit!r} of the time column", remedy="write one of s, ms, us, ns")
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_null(kind):
        raise DataError(f"the time column {name!r} is empty", remedy="name another one with timestamp_column=")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _in_years(_read_text(column, name, unit, pattern))
    if pa.types.is_timestamp(kind):
        return _in_years(_typed(column, pa.timestamp("ns", kind.tz), "utc" if kind.tz else "wall"))
    if pa.types.is_date(kind):
        return _in_years(_typed(column, pa.timestamp("ns"), "date"))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        if unit is None:
            remedy = "say what they count: unit='s', 'ms', 'us' or 'ns'"
            raise DataError(f"the time column {name!r} holds plain numbers", remedy=remedy)
        return _in_years(_epoch(column, unit))
    raise DataError(f"the time column {name!r} is of type {kind}", remedy="name another one with timestamp_column=")


def read_numbers(column: pa.ChunkedArray, name: str) -> tuple[npt.NDArray[np.float64], Mask]:
    """(float64[n], rows that are not numbers). Empty cells are NaN; single precision is read by its shortest decimal.

    DataError when the type can not be a number.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        values, bad = cast_text(column, pa.float64(), _NUMBER, empty_is_null=True)
        return _floats(values), bad
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        numbers = _floats(column)
        if kind in (pa.float32(), pa.float16()):
            numbers = widened(numbers, np.float32 if kind == pa.float32() else np.float16)
        return numbers, np.zeros(len(column), np.bool_)
    raise DataError(f"column {name!r} is of type {kind}, not a number", remedy="name another one with columns=")


def cast_text(
    column: pa.ChunkedArray, to: pa.DataType, pattern: str, empty_is_null: bool = False
) -> tuple[pa.ChunkedArray, Mask]:
    """Cast text; a second, slower way finds the rows that cannot be cast. Returns (values with null there, those rows)."""
    try:
        return pc.cast(column, to), np.zeros(len(column), np.bool_) if empty_is_null else null_mask(column)
    except pa.ArrowInvalid:
        pass
    text = pc.utf8_trim_whitespace(column)
    missing = null_mask(text)
    good = pc.fill_null(pc.match_substring_regex(text, pattern), False)
    empty = to_numpy(pc.fill_null(pc.equal(text, ""), False), np.bool_)
    text = pc.if_else(good, text, pa.scalar(None, text.type))
    bad = ~to_numpy(good, np.bool_)
    for start, stop in _failures(text, to):
        bad[start:stop] = True
        mask = np.ones(len(text), np.bool_)
        mask[start:stop] = False
        text = pc.if_else(pa.array(mask), text, pa.scalar(None, text.type))
    if empty_is_null:
        bad &= ~(empty | missing)
    return pc.cast(text, to), bad


def _failures(text: pa.ChunkedArray, to: pa.DataType) -> list[tuple[int, int]]:
    """Single rows that match the pattern and still do not cast (the 30th of February), found by halving; at most 200."""
    found: list[tuple[int, int]] = []
    todo = [(0, len(text))]
    while todo:
        start, stop = todo.pop()
        try:
            pc.cast(text.slice(start, stop - start), to)
        except pa.ArrowInvalid:
            if stop - start == 1 or len(found) >= 200:
                found.append((start, stop))
            else:
                middle = (start + stop) // 2
                todo += [(middle, stop), (start, middle)]
    return found


def _read_text(column: pa.ChunkedArray, name: str, unit: str | None, pattern: str | None) -> Stamps:
    if pattern is not None:
        return _by_format(column, pattern)
    sample = next((text for text in column.slice(0, 50).to_pylist() if text and text.strip()), "").strip()
    if re.fullmatch(r"[+-]?\d+(\.\d*)?", sample):
        if unit is None:
            raise DataError(
                f"the time column {name!r} holds plain numbers such as {sample!r}",
                remedy="say what they count, unit='s', 'ms', 'us' or 'ns', or how they are written, timestamp_format='%Y%m%d'",
            )
        whole = "." not in sample
        values, bad = cast_text(column, pa.int64() if whole else pa.float64(), r"^[+-]?\d+(\.\d*)?$")
        stamps = _epoch(values, unit)
        return Stamps(stamps.ns, "utc", stamps.bad | bad, f"is not a count of {unit}")
    zoned = bool(re.search(_ISO + _ZONE, sample))
    kind = pa.timestamp("ns", "UTC") if zoned else pa.timestamp("ns")
    values, bad = cast_text(column, kind, _ISO + (_ZONE if zoned else "$"))
    ns = _nanoseconds(values)
    if zoned:
        return Stamps(ns, "utc", bad, "is not a time with zone like 2024-03-26T13:30:00+00:00, as the first row is")
    dates = pc.max(pc.utf8_length(pc.utf8_trim_whitespace(column))).as_py() <= _DATE_LENGTH
    why = "is not a time like 2024-03-26 13:30:00 or 2024-03-26; timestamp_format= names another form"
    return Stamps(ns, "date" if dates else "wall", bad, why)


def _typed(column: pa.ChunkedArray, to: pa.DataType, kind: Kind) -> Stamps:
    missing = null_mask(column)
    try:
        return Stamps(_nanoseconds(pc.cast(column, to, safe=False)), kind, missing, "is empty")
    except pa.ArrowInvalid as error:
        raise DataError(f"a time does not fit: {error}", remedy="times must lie between the years 1900 and 2200") from None


def _epoch(column: pa.ChunkedArray, unit: str) -> Stamps:
    factor = UNITS[unit]
    missing = null_mask(column)
    if pa.types.is_integer(column.type):
        counts = np.where(missing, 0, to_numpy(pc.cast(column, pa.int64(), safe=False), np.int64))
        wild = (counts.astype(np.float64) * factor < _LOW) | (counts.astype(np.float64) * factor > _HIGH)
        ns = np.where(wild, 0, counts).astype(np.int64) * factor
    else:
        values = _floats(column)
        wild = ~((values * factor >= _LOW) & (values * factor <= _HIGH))
        values = np.where(wild, 0.0, values)
        whole = np.floor(values)
        # a float64 count of seconds since 1970 is good to a quarter of a microsecond, so its fraction is rounded to one
        step = min(factor, 1_000)
        part = np.rint((values - whole) * (factor // step)).astype(np.int64) * step
        ns = whole.astype(np.int64) * factor + part
    return Stamps(ns, "utc", missing | wild, f"is not a count of {unit} between the years 1900 and 2200: check unit=")


def _in_years(stamps: Stamps) -> Stamps:
    wild = ((stamps.ns < _LOW) | (stamps.ns >= _HIGH)) & ~stamps.bad
    if not wild.any():
        return stamps
    return Stamps(stamps.ns, stamps.kind, stamps.bad | wild, stamps.why or "is not between the years 1900 and 2200")


def _by_format(column: pa.ChunkedArray, pattern: str) -> Stamps:
    text = pc.utf8_trim_whitespace(column)
    fields, expression = _expression(pattern)
    found = pc.extract_regex(text, expression)
    matched = pc.is_valid(found)
    bad = ~to_numpy(matched, np.bool_)

    def number(field: str, default: int) -> Ints:
        if field not in fields:
            return np.full(len(text), default, np.int64)
        values = pc.cast(pc.struct_field(found, field), pa.int64())
        return np.where(null_mask(values), default, to_numpy(values, np.int64))

    def word(field: str) -> list[str]:
        return [(item or "").lower() for item in pc.struct_field(found, field).to_pylist()]

    years = number("Y", 1970)
    if "y" in fields:
        short = number("y", 70)
        years = np.where(short < 69, 2000 + short, 1900 + short)
    months = number("m", 1)
    if "b" in fields:
        months = np.array([_MONTHS.index(item) + 1 if item in _MONTHS else 0 for item in word("b")], np.int64)
    days, hours, minutes, seconds = number("d", 1), number("H", 0), number("M", 0), number("S", 0)
    if "I" in fields:
        half = number("I", 12)
        bad |= (half < 1) | (half > 12)
        hours = half % 12 + 12 * np.array([item == "pm" for item in word("p")], np.int64) if "p" in fields else half
    bad |= (months < 1) | (months > 12) | (hours > 23) | (minutes > 59) | (seconds > 59) | (years < 1900) | (years >= 2200)
    first = ((np.where(bad, 1970, years) - 1970) * 12 + np.where(bad, 1, months) - 1).astype("datetime64[M]")
    dates = first.astype("datetime64[D]") + (days - 1)
    bad |= (days < 1) | (dates.astype("datetime64[M]") != first)
    ns = dates.astype(np.int64) * DAY_NS + ((hours * 60 + minutes) * 60 + seconds) * 10**9
    if "f" in fields:
        ns += np.array([int((item or "0").ljust(9, "0")) for item in pc.struct_field(found, "f").to_pylist()], np.int64)
    if "z" in fields:
        ns -= np.array([_zone_offset(item) for item in word("z")], np.int64)
    timed = any(field in fields for field in "HIMSf")
    kind: Kind = "utc" if "z" in fields else "wall" if timed else "date"
    return Stamps(ns, kind, bad, f"does not have the form {pattern!r}")


def _expression(pattern: str) -> tuple[set[str], str]:
    full = pattern.replace("%T", "%H:%M:%S").replace("%F", "%Y-%m-%d")
    fields: set[str] = set()
    parts = []
    for literal, directive in re.findall(r"([^%]+)|%(.?)", full):
        if literal:
            parts.append(re.escape(literal))
        elif directive not in _DIRECTIVES or directive in fields:
            known = " ".join(f"%{key}" for key in _DIRECTIVES)
            remedy = f"use each of {known} at most once"
            raise UsageError(f"timestamp_format {pattern!r}: %{directive} is not possible there", remedy=remedy)
        else:
            parts.append(_DIRECTIVES[directive])
            fields |= {directive} - {"%"}
    if not fields & {"Y", "y"} or not fields & {"m", "b"} or "d" not in fields:
        remedy = "use year, month and day, e.g. '%Y-%m-%d %H:%M:%S'"
        raise UsageError(f"timestamp_format {pattern!r} has no full date", remedy=remedy)
    return fields, "^" + "".join(parts) + "$"


def _zone_offset(text: str) -> int:
    if text in ("", "z"):
        return 0
    digits = text[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return (-seconds if text[0] == "-" else seconds) * 10**9


def _nanoseconds(values: pa.ChunkedArray) -> Ints:
    return np.where(null_mask(values), 0, to_numpy(values, np.int64))


def _floats(values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    numbers = to_numpy(values.cast(pa.float64(), safe=False), np.float64)
    return np.where(null_mask(values), np.nan, numbers) if values.null_count else numbers
