"""Trades of two records side by side, matched by symbol, side and time of entry: an old run and its run anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

COMPARED = ("quantity", "entry_price", "exit_time", "exit_price", "fees", "gross_pnl", "net_pnl", "status")
TRADE_COLUMNS = ("symbol", "side", "entry_time", *COMPARED)
SUMS = ("fees", "gross_pnl", "net_pnl")
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Pair:
    """A trade that both have: rows, key in words, and (column, value of one, value of two) where they differ."""

    one: int
    two: int
    trade: str
    cells: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class TradeComparison:
    """Matched trades, trades that only one has, and sums. Values are text, exact."""

    names: tuple[str, str]
    trades: tuple[int, int]
    pairs: tuple[Pair, ...]
    only_one: tuple[str, ...]
    only_two: tuple[str, ...]
    sums: tuple[tuple[str, str, str, str], ...]

    @property
    def equal(self) -> bool:
        """Whether both have the same trades with the same numbers."""
        return not self.only_one and not self.only_two and not any(pair.cells for pair in self.pairs)

    def text(self) -> str:
        """What a person reads."""
        return "\n".join(_text(self))

    def to_json(self) -> str:
        """The same for machines."""
        return json.dumps({"equal": self.equal, **asdict(self)}, indent=1, ensure_ascii=False)


def match_trades(names: tuple[str, str], tables: tuple[pa.Table, pa.Table]) -> TradeComparison:
    """Match trades with equal symbol, side and entry time, in order where several have the same."""
    one, two = ([_trade(row) for row in _rows(table)] for table in tables)
    waiting: dict[tuple[str, ...], list[int]] = {}
    for number, trade in enumerate(two):
        waiting.setdefault(_key(trade), []).append(number)
    pairs, only_one = [], []
    for number, trade in enumerate(one):
        same = waiting.get(_key(trade))
        if not same:
            only_one.append(_words(trade))
            continue
        other = same.pop(0)
        cells = tuple((name, trade[name], two[other][name]) for name in COMPARED if trade[name] != two[other][name])
        pairs.append(Pair(number, other, _words(trade), cells))
    left = sorted(number for numbers in waiting.values() for number in numbers)
    sums = []
    for name in SUMS:
        a, b = (sum((Decimal(trade[name]) for trade in side), Decimal(0)) for side in (one, two))
        sums.append((name, _plain(a), _plain(b), _plain(b - a)))
    return TradeComparison(
        names, (len(one), len(two)), tuple(pairs), tuple(only_one), tuple(_words(two[number]) for number in left), tuple(sums)
    )


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    columns = {
        name: (table.column(name).cast("int64") if name.endswith("_time") else table.column(name)).to_pylist()
        for name in TRADE_COLUMNS
    }
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(TRADE_COLUMNS, values, strict=True))


def _trade(row: dict[str, Any]) -> dict[str, str]:
    return {name: _value(name, value) for name, value in row.items()}


def _value(name: str, value: Any) -> str:
    if name.endswith("_time"):
        return "never" if not value else f"{np.datetime64(value, 'ns')}".rstrip("0").rstrip(".") + "Z"
    return _plain(value) if isinstance(value, Decimal) else str(value)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}" if value else "0"


def _key(trade: dict[str, str]) -> tuple[str, ...]:
    return trade["symbol"], trade["side"], trade["entry_time"]


def _words(trade: dict[str, str]) -> str:
    return f"{trade['side']} {trade['quantity']} {trade['symbol']} at {trade['entry_price']} on {trade['entry_time']}"


def _text(it: TradeComparison) -> Iterator[str]:
    different = [pair for pair in it.pairs if pair.cells]
    yield f"{'equal' if it.equal else 'DIFFERENT'}: trades of {it.names[0]} and {it.names[1]}"
    yield f"  {it.trades[0]:,} | {it.trades[1]:,} trades; {len(it.pairs):,} have symbol, side and time of entry in common"
    for name, a, b, apart in it.sums:
        yield f"  {name:<12} {a:>18} | {b:>18}  {apart:>18}"
    if different:
        counts = {name: sum(name == cell[0] for pair in different for cell in pair.cells) for name in COMPARED}
        yield "  differ in: " + ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    for pair in different[:SHOWN]:
        yield f"  {pair.trade}: " + "; ".join(f"{name} {a} | {b}" for name, a, b in pair.cells)
    if len(different) > SHOWN:
        yield f"  and {len(different) - SHOWN} more that differ"
    for name, only in zip(it.names, (it.only_one, it.only_two), strict=True):
        if only:
            yield f"  only in {name}:"
            yield from (f"    {trade}" for trade in only[:SHOWN])
            if len(only) > SHOWN:
                yield f"    and {len(only) - SHOWN} more"
