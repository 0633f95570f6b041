"""Two runs side by side: the first event at which they part, then what was set differently and how the figures differ.

Tables are compared column by column, as whole numbers and texts; a folder's columns are read one at a time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fillwright.analytics.metrics import Metric
from fillwright.errors import CheckFailed
from fillwright.model.columns import SCHEMA_VERSION, Column, Table
from fillwright.result.folder import FORMAT, IMPORTED, metric_facts, read_json, run_facts
from fillwright.result.run_result import Result, SavedRun
from fillwright.result.tables import UNITS, decimal_units, table_of
from fillwright.result.trade_match import TRADE_COLUMNS, TradeComparison, match_trades

if TYPE_CHECKING:
    import pyarrow as pa

LABELS = ("strategy", "rule_id", "rule_id_entry", "rule_id_exit", "tag", "intent_id")
"""Columns that name things. Runs that differ in nothing else took the same decisions under other names."""

DECISION = (
    "order_id", "symbol", "side", "type", "tif", "size_mode", "size", "parent_id", "oco_id", "list_id", "decided_at", "sent_at",
    "expire_at", "decision_price", "lot_id",
)  # fmt: skip
"""What an order was from the start; the rest of its row is how it ended, which its events tell at their time."""

ORDER = ("orders", "order_events", "fills", "lot_closes", "postings", "positions", "trade_events", "marks", "equity", "trades")
"""Tables in the order in which one instant writes them."""

TIME = {"orders": "decided_at", "trades": "entry_time"}
SHOWN = 12


@dataclass(frozen=True, slots=True)
class Cell:
    """A column at which two rows differ; None = the run has no such row."""

    column: str
    one: str | None
    two: str | None
    unit: str


@dataclass(frozen=True, slots=True)
class Parting:
    """The first row of a table at which two runs differ; ``time`` ns UTC, ``orders`` its order in words, of each run."""

    table: str
    row: int
    time: int
    cells: tuple[Cell, ...]
    orders: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting, version or figure that two runs have different."""

    name: str
    one: str
    two: str


@dataclass(frozen=True)
class Comparison:
    """What two runs have different. ``rows`` is (table, rows of one, rows of two, first row that differs or None)."""

    names: tuple[str, str]
    parting: Parting | None
    rows: tuple[tuple[str, int, int, int | None], ...]
    labels: tuple[Difference, ...]
    settings: tuple[Difference, ...]
    metrics: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether records and figures are equal; settings that made no difference may differ."""
        return self.parting is None and not self.labels and not self.metrics and all(row[3] is None for row in self.rows)

    def text(self) -> str:
        """What a person reads."""
        return "\n".join(_text(self))

    def to_json(self) -> str:
        """The same for machines."""
        return json.dumps({"equal": self.equal, **asdict(self)}, indent=1, ensure_ascii=False)


Run = Result | SavedRun | str | os.PathLike[str]


def compare(one: Run, two: Run) -> Comparison | TradeComparison:
    """Compare two results, or the folders of two. CheckFailed or UsageError where a folder is none of a run.

    Where one of them was imported from another system, their trades are matched instead: it has no events.
    """
    sides = _side(one), _side(two)
    if IMPORTED in (sides[0].run.get("state"), sides[1].run.get("state")):
        tables = [side.read("trades", list(TRADE_COLUMNS)) for side in sides]
        return match_trades((sides[0].name, sides[1].name), (tables[0], tables[1]))
    return _compare(*sides)


class _Side:
    """One of two runs: its facts, and columns of its tables."""

    name: str
    run: Mapping[str, Any]
    metrics: Mapping[str, Any]

    def read(self, table: str, columns: list[str]) -> pa.Table:
        """Some columns of a table."""
        raise NotImplementedError

    def rows(self, table: str) -> int:
        """Rows of a table."""
        raise NotImplementedError


class _Memory(_Side):
    def __init__(self, result: Result) -> None:
        self.name = result.config.run.name
        self.run = json.loads(json.dumps(run_facts(result.record, result.certificate.ok)))
        self.metrics = metric_facts(result.metrics)
        self._result = result
        self._known: dict[str, pa.Table] = {}

    def read(self, table: str, columns: list[str]) -> pa.Table:
        if table not in self._known:
            self._known = {table: self._result.tables(table)}
        return self._known[table].select(columns)

    def rows(self, table: str) -> int:
        return int(self.read(table, []).num_rows)


class _Files(_Side):
    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self.run = read_json(folder / "run.json")
        if self.run.get("format") != FORMAT or self.run.get("schema_version") != SCHEMA_VERSION:
            raise CheckFailed(
                f"not a result of schema version {SCHEMA_VERSION}", where=str(folder / "run.json"),
                remedy="compare folders that this version of fillwright wrote",
            )  # fmt: skip
        self.metrics = read_json(folder / "summary.json").get("metrics") or {}
        self._folder = folder

    def read(self, table: str, columns: list[str]) -> pa.Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self._folder / f"{table}.parquet") as file:
                found = file.read(columns=columns)
        except (OSError, pa.ArrowException) as error:
            raise CheckFailed(
                f"cannot be read: {error}", where=str(self._folder / f"{table}.parquet"), remedy="verify the folder"
            ) from error
        missing = [name for name in columns if name not in found.column_names]
        if missing:
            raise CheckFailed(
                f"has no column {', '.join(missing)}", where=str(self._folder / f"{table}.parquet"), remedy="verify the folder"
            )
        return found.select(columns)

    def rows(self, table: str) -> int:
        return int(self.read(table, [self._first(table)]).num_rows)

    @staticmethod
    def _first(table: str) -> str:
        return table_of(table).columns[0].name


def _side(run: Result | SavedRun | str | os.PathLike[str]) -> _Side:
    if isinstance(run, Result):
        return _Memory(run)
    return _Files(run.saved.folder if isinstance(run, SavedRun) else Path(run))


@dataclass(frozen=True)
class _Pair:
    """One table of both runs."""

    table: Table
    one: _Side
    two: _Side

    @cached_property
    def lengths(self) -> tuple[int, int]:
        return self.one.rows(self.table.name), self.two.rows(self.table.name)

    def first(self, columns: list[Column]) -> int | None:
        """First row at which one of the columns differs, or one run has no row; None where all are equal."""
        here, there = self.lengths
        first = min(here, there)
        for column in columns:
            a, b = self._values(column)
            apart = np.flatnonzero(a[:first] != b[:first])
            first = int(apart[0]) if len(apart) else first
        return None if first == here == there else first

    def _values(self, column: Column) -> tuple[Any, Any]:
        a, b = (side.read(self.table.name, [column.name]).column(0).combine_chunks() for side in (self.one, self.two))
        return _alike(a, b)

    def cells(self, row: int, columns: list[Column]) -> tuple[Cell, ...]:
        """The columns that differ in a row; of a row that only one run has, all that say something."""
        return tuple(self._cells(row, columns))

    def _cells(self, row: int, columns: list[Column]) -> Iterator[Cell]:
        lone = row >= min(self.lengths)
        for column in columns:
            a, b = (self.shown(side, column, row) for side in (self.one, self.two))
            if a != b and (not lone or (a or b) not in ("none", "0", "-1", "never")):
                yield Cell(column.name, a, b, "" if column.kind in ("code", "name", "ref", "id", "time") else UNITS[column.kind])

    def shown(self, side: _Side, column: Column, row: int) -> str | None:
        """A value in words, None where there is no such row."""
        values = side.read(self.table.name, [column.name]).column(0)
        return _word(values[row].as_py(), column, values[row]) if row < len(values) else None

    def time(self, row: int) -> int:
        """When the row was written, ns UTC; of a row that both have, the earlier."""
        name = TIME.get(self.table.name, "instant")
        found = [side.read(self.table.name, [name]).column(0) for side in (self.one, self.two)]
        return min(int(values.cast("int64")[row].as_py() or 0) for values in found if row < len(values))


def _alike(a: pa.Array, b: pa.Array) -> tuple[Any, Any]:
    """Two columns as arrays that may be compared cell by cell, whatever scale or dictionary each has."""
    import pyarrow as pa

    if pa.types.is_decimal(a.type):
        scale = max(a.type.scale, b.type.scale)
        x, y = decimal_units(a), decimal_units(b)
        if a.type != b.type:
            x, y = x.astype(object) * 10 ** (scale - a.type.scale), y.astype(object) * 10 ** (scale - b.type.scale)
        return x, y
    if pa.types.is_dictionary(a.type):
        texts: dict[str | None, int] = {None: -1}
        return _places(a, texts), _places(b, texts)
    x, y = (array.cast("int64").fill_null(0).to_numpy() for array in (a, b))
    return x, y


def _places(array: pa.Array, texts: dict[str | None, int]) -> Any:
    known = [texts.setdefault(text, len(texts)) for text in array.dictionary.to_pylist()]
    return np.array([*known, -1], np.int64)[array.indices.cast("int64").fill_null(len(known)).to_numpy()]


def _word(value: Any, column: Column, scalar: pa.Scalar) -> str:
    if value is None:
        return "never" if column.kind == "time" else "none"
    if column.kind == "time":
        return _moment(scalar.value)
    if hasattr(value, "normalize"):
        return f"{value.normalize():f}" if value else "0"
    return str(value)


def _moment(time: int) -> str:
    return f"{np.datetime64(time, 'ns')}".rstrip("0").rstrip(".") + "Z"


def _compare(one: _Side, two: _Side) -> Comparison:
    rows: list[tuple[str, int, int, int | None]] = []
    partings: list[tuple[int, int, _Pair, int, list[Column]]] = []
    labels: list[Difference] = []
    for name in ORDER:
        pair = _Pair(table_of(name), one, two)
        columns = [column for column in pair.table.canonical if column.name not in LABELS]
        first = pair.first(columns)
        rows.append((name, *pair.lengths, first))
        if name == "orders" and first is not None:
            columns = [column for column in columns if column.name in DECISION]
            first = pair.first(columns)
        if first is not None:
            partings.append((pair.time(first), len(partings), pair, first, columns))
        labels += _labels(pair)
    parting = None
    if partings:
        # A trade is written when it ends but known by its entry, so its row says nothing about when runs part.
        time, _, pair, first, columns = min(partings, key=lambda found: (found[2].table.name == "trades", *found[:2]))
        cells = pair.cells(first, columns)
        parting = Parting(pair.table.name, first, time, cells, (_order(one, pair, first), _order(two, pair, first)))
    return Comparison(
        (one.name, two.name), parting, tuple(rows), tuple(labels), tuple(_settings(one.run, two.run)), tuple(_metrics(one, two))
    )


def _labels(pair: _Pair) -> Iterator[Difference]:
    """Names that differ where both tables have the same number of rows."""
    if pair.lengths[0] != pair.lengths[1]:
        return
    for column in pair.table.canonical:
        row = pair.first([column]) if column.name in LABELS else None
        if row is not None:
            a, b = pair.shown(pair.one, column, row), pair.shown(pair.two, column, row)
            yield Difference(f"{pair.table.name} row {row} {column.name}", str(a), str(b))


def _order(side: _Side, pair: _Pair, row: int) -> str:
    """The order behind a row, in words."""
    number = _reference(side, pair.table.name, row)
    if number is None or number >= side.rows("orders"):
        return "no order"
    table = table_of("orders")
    orders = _Pair(table, side, side)
    facts = {name: orders.shown(side, table.column(name), number) for name in (
        "side", "quantity", "symbol", "type", "tif", "limit_price", "stop_price", "decided_at", "arrived_at", "status", "reason",
    )}  # fmt: skip
    prices = "".join(f" {name} {facts[f'{name}_price']}" for name in ("limit", "stop") if facts[f"{name}_price"] != "0")
    why = f" ({facts['reason']})" if facts["reason"] != "none" else ""
    return (
        f"order {number}: {facts['side']} {facts['quantity']} {facts['symbol']} {facts['type']}{prices} {facts['tif']}, "
        f"decided {facts['decided_at']}, arrived {facts['arrived_at']}, ended {facts['status']}{why}"
    )


def _reference(side: _Side, table: str, row: int) -> int | None:
    if row >= side.rows(table):
        return None
    names = [column.name for column in table_of(table).canonical]
    for name in ("order_id", "entry_order", "fill_id"):
        if name in names:
            number = int(side.read(table, [name]).column(0)[row].as_py())
            if name == "fill_id" and number >= 0:
                return int(side.read("fills", ["order_id"]).column(0)[number].as_py())
            return number if number >= 0 and name != "fill_id" else None
    return None


def _settings(one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[Difference]:
    """Configuration, instruments, data, versions, strategy's source, state."""
    parts = ("config", "instruments", "currencies", "fx", "data", "info", "state", "error", "counters", "warnings")
    flat = [dict(_flat({part: run.get(part) for part in parts})) for run in (one, two)]
    for name in dict.fromkeys([*flat[0], *flat[1]]):
        a, b = (values.get(name, "absent") for values in flat)
        if a != b:
            yield Difference(name, a, b)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{number}]")
    else:
        yield path, json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value


def _metrics(one: _Side, two: _Side) -> Iterator[Difference]:
    for name in dict.fromkeys([*one.metrics, *two.metrics]):
        a, b = (_figure(side.metrics.get(name)) for side in (one, two))
        if a != b:
            yield Difference(name, a, b)


def _figure(facts: Mapping[str, Any] | Metric | None) -> str:
    if facts is None:
        return "absent"
    values = facts if isinstance(facts, Mapping) else asdict(facts)
    return f"none: {values['reason']}" if values["value"] is None else f"{values['value']!r} {values['unit']}"


def _text(it: Comparison) -> Iterator[str]:
    yield f"{'equal' if it.equal else 'DIFFERENT'}: {it.names[0]} and {it.names[1]}"
    if it.parting is None and not it.equal and not it.labels:
        yield "  the records are equal, the figures are not"
    if it.parting is not None:
        yield f"  they part at {_moment(it.parting.time)}, in row {it.parting.row} of {it.parting.table}:"
        for cell in it.parting.cells[:SHOWN]:
            values = " | ".join("no such row" if value is None else value for value in (cell.one, cell.two))
            yield f"    {cell.column:<18} {values}" + (f"  ({cell.unit})" if cell.unit else "")
        if len(it.parting.cells) > SHOWN:
            yield f"    and {len(it.parting.cells) - SHOWN} more columns"
        for name, order in zip(it.names, it.parting.orders, strict=True):
            yield f"    {name}: {order}"
    elif it.labels:
        yield "  the same decisions, fills and money; only names differ"
    if not it.equal:
        yield "  rows (first that differs):"
        for table, here, there, first in it.rows:
            yield f"    {table:<18} {here:>10,} | {there:>10,}  {'equal' if first is None else f'row {first}'}"
    for title, found in (
        ("names", it.labels),
        ("settings, data and versions" if not it.equal else "settings, data and versions that made no difference", it.settings),
        ("figures", it.metrics),
    ):
        if found:
            yield f"  {title}:"
            yield from (f"    {item.name}: {item.one} | {item.two}" for item in found)
