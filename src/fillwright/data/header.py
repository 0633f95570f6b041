"""Which column of a source is which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fillwright.data.kinds import LAYOUT, OPTIONAL, Kind
from fillwright.data.market import suggest
from fillwright.errors import DataError, UsageError

_TIME_NAMES = ("timestamp", "datetime", "date", "time", "open_time", "index", "__index_level_0__", "unnamed: 0")
_SYMBOL_NAMES = ("symbol", "ticker")


@dataclass(frozen=True, slots=True)
class Header:
    """names: field (time, symbol, and those of the kind: open, bid_size …) -> column, where there is one; ignored: all others."""

    names: dict[str, str]
    ignored: tuple[str, ...]


def fields_of(kind: Kind) -> tuple[str, ...]:
    """Prices and sizes that data of a kind have."""
    return tuple(name for name in LAYOUT[kind] if name not in ("time", "open_time", "close_time", "day_last"))


def find_columns(
    names: Sequence[str],
    columns: Mapping[str, str] | None,
    time_column: str | None,
    symbol_column: str | None,
    kind: Kind = "bars",
) -> Header:
    """Match columns exactly, then without regard to case. DataError naming the columns that are there."""
    wanted = dict(columns or {})
    fields = fields_of(kind)
    for key in wanted:
        if key not in (*fields, "time"):
            raise UsageError(f"unknown field {key!r} in columns", remedy=suggest(key, (*fields, "time"), "fields"))
    found: dict[str, str] = {}
    time_column = time_column if time_column is not None else wanted.pop("time", None)
    found["time"] = _find(names, time_column, "the time") if time_column is not None else _find_time(names)
    for name in fields:
        if name in wanted:
            found[name] = _find(names, wanted[name], name)
        elif name not in OPTIONAL or _matches(names, name):
            found[name] = _find(names, name, name)
    if symbol_column is not None:
        found["symbol"] = _find(names, symbol_column, "the symbol")
    else:
        likely = [match for name in _SYMBOL_NAMES for match in _matches(names, name)]
        if len(likely) == 1:
            found["symbol"] = likely[0]
    used = set(found.values())
    if len(used) < len(found):
        raise DataError(f"one column is used for two fields: {found}", remedy="name another one in columns=")
    return Header(found, tuple(name for name in names if name not in used))


def _find_time(names: Sequence[str]) -> str:
    likely = [match for name in _TIME_NAMES for match in _matches(names, name)]
    if len(likely) > 1:
        both = " and ".join(repr(name) for name in likely)
        raise DataError(f"columns {both} could each be the time", remedy="say which with timestamp_column=")
    if likely:
        return likely[0]
    if "" in names:
        return ""
    raise DataError(f"no column for the time; there are {_list(names)}", remedy="name it with timestamp_column=")


def _find(names: Sequence[str], name: str, field: str) -> str:
    matches = _matches(names, name)
    if len(matches) == 1:
        return matches[0]
    key = {"the time": "timestamp_column=", "the symbol": "symbol_column="}.get(field, f"columns={{{field!r}: …}}")
    if matches:
        raise DataError(f"columns {' and '.join(map(repr, matches))} both match {name!r}", remedy=f"say which with {key}")
    near = suggest(name, names, "columns") if len(names) > 8 else f"there are {_list(names)}"
    raise DataError(f"no column {name!r} for {field}", remedy=f"{near}; name it with {key}")


def _matches(names: Sequence[str], name: str) -> list[str]:
    if name in names:
        return [name]
    return [other for other in names if other.lower() == name.lower()]


def _list(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
