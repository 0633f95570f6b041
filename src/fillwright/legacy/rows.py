"""Rows of the previous system's trade and equity files: cells by their standard names, each with the place it came from."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

from fillwright.errors import UsageError

T = TypeVar("T")

ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("id", "trade_id"),
    "symbol": ("symbol", "instrument"),
    "side": ("side", "direction"),
    "quantity": ("quantity", "size"),
    "closed_quantity": ("closed_quantity",),
    "entry_time": ("entry_time", "open_time"),
    "entry_price": ("entry_price", "open_price"),
    "exit_time": ("exit_time", "close_time"),
    "exit_price": ("exit_price", "close_price"),
    "time": ("timestamp", "time"),
    "price": ("price", "fill_price"),
    "fees": ("commission", "fees", "fee"),
    "pnl": ("pnl", "realized_pnl", "realised_pnl"),
    "closed": ("closed", "status"),
    "exit_reason": ("exit_reason",),
    "rule_id": ("rule_id",),
    "value": ("trade_value",),
}
"""Standard name -> the old names of the same thing."""

EQUITY_ALIASES: dict[str, tuple[str, ...]] = {
    "time": ("timestamp", "time", "date"),
    "equity": ("equity", "portfolio_value", "total"),
    "cash": ("cash",),
    "positions_value": ("positions_value",),
}
"""The same for equity files."""

NOT_USED = ("order_id", "transaction_id", "related_order_ids", "action_type", "trade_type")
ABSENT = ("", "none", "null", "nan", "nat", "n/a")
SIDES = {"buy": 1, "long": 1, "1": 1, "b": 1, "sell": -1, "short": -1, "-1": -1, "s": -1}
STATES = {"true": True, "1": True, "closed": True, "false": False, "0": False, "open": False}
MOST_SHOWN = 20
MOST_DIGITS = 30
REMEDY = "correct the file; nothing was imported"


class Problems:
    """Everything that is wrong with a file, told at once."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, place: str, text: str) -> None:
        """Remember one problem."""
        self.found.append(f"{place}: {text}")

    def settle(self, remedy: str) -> None:
        """UsageError with all of them, if there are any."""
        if self.found:
            more = f"\n  and {len(self.found) - MOST_SHOWN} more" if len(self.found) > MOST_SHOWN else ""
            raise UsageError("\n  ".join(self.found[:MOST_SHOWN]) + more, remedy=remedy)


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as it stands in the file, and where."""

    text: str
    column: str
    place: str


@dataclass(frozen=True)
class Row:
    """A record of the old file: its cells by standard name; absent ones are not there."""

    place: str
    cells: Mapping[str, Cell]
    problems: Problems

    def get(self, name: str, read: Callable[[str], T]) -> T | None:
        """The value of a cell; None where there is none or it cannot be read (which is then told)."""
        cell = self.cells.get(name)
        if cell is None:
            return None
        try:
            return read(cell.text)
        except ValueError as error:
            self.problems.add(cell.place, f"column {cell.column}: {cell.text!r} {error}")
            return None

    def wrong(self, text: str, name: str = "") -> None:
        """Tell a problem of this row, at a cell of it if it is about one."""
        cell = self.cells.get(name)
        self.problems.add(self.place if cell is None else cell.place, text if cell is None else f"column {cell.column}: {text}")


def number(text: str) -> Decimal:
    """A finite number; ValueError in words."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("is not a number") from None
    if not value.is_finite():
        raise ValueError("is not a finite number")
    if value and not -MOST_DIGITS < value.adjusted() < MOST_DIGITS:
        raise ValueError("is out of range")
    return value


def side(text: str) -> int:
    """1 for BUY, LONG and 1, -1 for SELL, SHORT and -1, in any case."""
    word = text.rpartition(".")[2].lower() if not re.fullmatch(r"[+-]?\d+\.0*", text) else text.partition(".")[0]
    if word.removeprefix("+") not in SIDES:
        raise ValueError("is no side; known are BUY, SELL, LONG, SHORT, 1 and -1")
    return SIDES[word.removeprefix("+")]


def state(text: str) -> bool:
    """Whether a trade is closed."""
    if text.lower() not in STATES:
        raise ValueError("is neither open nor closed")
    return STATES[text.lower()]


def moment(text: str) -> int:
    """ns since 1970 UTC of an ISO time; a time without a zone is taken as UTC."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d)?", text)
    if match is None:
        raise ValueError("is not a time like 2024-03-26 09:30:00")
    zone = (match[4] or "+00:00").replace("Z", "+00:00")
    try:
        whole = datetime.fromisoformat(f"{match[1]}T{match[2] or '00:00'}{zone}").astimezone(UTC)
    except ValueError:
        raise ValueError("is no date of the calendar") from None
    seconds = int((whole - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return seconds * 10**9 + int((match[3] or "").ljust(9, "0"))


def has_zone(text: str) -> bool:
    """Whether a time says its zone."""
    return re.search(r"(Z|[+-]\d\d:?\d\d)$", text[10:]) is not None


def read_rows(path: Path, problems: Problems, aliases: Mapping[str, tuple[str, ...]] = ALIASES) -> tuple[list[Row], list[str]]:
    """(rows of a CSV or JSON file, columns that nothing is made of). UsageError when it cannot be read at all."""
    records = list(_json_records(path) if path.suffix.lower() == ".json" else _csv_records(path, problems))
    if not records:
        problems.settle(REMEDY)
        raise UsageError("holds no rows", where=str(path), remedy="give a file with at least one row")
    known = {alias: name for name, same in aliases.items() for alias in same}
    unused: dict[str, None] = {}
    rows = []
    for place, cells in records:
        found: dict[str, list[Cell]] = {}
        for column, text in cells.items():
            name = known.get(column.strip().lower())
            if name is None:
                unused.setdefault(column)
            elif text.strip().lower() not in ABSENT:
                found.setdefault(name, []).append(Cell(text.strip(), column, place))
        row = Row(place, {name: same[0] for name, same in found.items()}, problems)
        _agree(row, found)
        rows.append(row)
    return rows, list(unused)


def _agree(row: Row, found: Mapping[str, Sequence[Cell]]) -> None:
    """Two names of one thing must say the same."""
    for name, (first, *others) in found.items():
        for other in others:
            if _meaning(name, first.text) != _meaning(name, other.text):
                text = f"column {other.column}: {other.text!r}, but column {first.column} says {first.text!r}"
                row.problems.add(row.place, f"{text}; both mean {name}")


def _meaning(name: str, text: str) -> object:
    readers: dict[str, Callable[[str], object]] = {
        "side": side,
        "closed": state,
        "entry_time": moment,
        "exit_time": moment,
        "time": moment,
    }
    plain = ("id", "symbol", "exit_reason", "rule_id")
    try:
        return text if name in plain else readers.get(name, number)(text)
    except ValueError:
        return text


def _csv_records(path: Path, problems: Problems) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            header = [name.strip() for name in next(rows, [])]
            if twice := sorted({name for name in header if header.count(name) > 1}):
                raise UsageError(f"has column {twice[0]!r} twice", where=f"{path}:1", remedy="rename one of them")
            for cells in rows:
                place = f"{path}:{rows.line_num}"
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(header):
                    problems.add(place, f"{len(cells)} cells, the header has {len(header)}")
                    continue
                yield place, dict(zip(header, cells, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"cannot be read: {error}", where=str(path), remedy="give a CSV or JSON file of trades") from None


def _json_records(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_float=str, parse_int=str)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(path), remedy="give a CSV or JSON file of trades") from None
    name = ""
    if isinstance(content, dict):
        name = next((key for key in ("trades", "equity_curve") if isinstance(content.get(key), list)), "")
        content = content.get(name)
    if not isinstance(content, list):
        raise UsageError(
            "is neither a list of trades nor an object with `trades`", where=str(path), remedy="give the list itself"
        )
    for index, record in enumerate(content):
        place = f"{path}: {name}[{index}]"
        if not isinstance(record, dict):
            raise UsageError("is no record", where=place, remedy="every trade must be an object with named values")
        yield place, {str(key): _plain(value) for key, value in record.items()}


def _plain(value: Any) -> str:
    return "" if value is None else str(value)
