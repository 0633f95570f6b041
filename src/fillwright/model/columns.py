"""The column table: every column of every record, once.

Record dtypes, Parquet schemas, documentation and the verifier's list of columns are made from :data:`TABLES`.
Whoever reads a table gets every column as an int64; the kernel writes a narrower record of it (:attr:`Table.packed`), because
writing records is what an order costs. ``kind`` says what a column counts:

    id        number of a row in its own table            ref       number of a row in another table, -1 = none
    time      ns since 1970 UTC, 0 = never                code      a code of ``model.codes``
    price     price units of the row's instrument         quantity  lots of the row's instrument
    money     money units of the row's currency           base      money units of the account's currency
    fx        10^-12 account currency per unit            number    a plain count
    name      index into a list of names                  bits      flag bits

``role``: *input* columns are facts that nothing else in the folder implies; *derived* columns follow from others and are
recomputed by the verifier; *handle* columns are the kernel's own links and never leave memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

import numpy as np

from fillwright.model import codes

SCHEMA_VERSION = 1

Kind = Literal["id", "ref", "time", "code", "price", "quantity", "money", "base", "fx", "number", "name", "bits"]
Role = Literal["input", "derived", "handle"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, what it counts, its meaning, and whether the verifier can recompute it."""

    name: str
    kind: Kind
    role: Role
    meaning: str
    codes: type[IntEnum] | None = None
    since: int = 1


_NARROW: dict[str, int] = {"id": 4, "ref": 4, "name": 4, "bits": 4, "code": 1}
"""Bytes of a column in the kernel's memory by kind, 8 where none are named. Memory ends long before 2^31 records."""
_BYTES = {"side": 8, "late": 1, "ambiguous": 1, "accepted": 1, "tried": 1, "waits": 1, "asked": 4}
"""Bytes of columns by name: what is 0 or 1; and the side, which takes part in arithmetic."""


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of record. ``append_only`` records are never changed once written."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    append_only: bool = True

    @property
    def canonical(self) -> tuple[Column, ...]:
        """The columns that leave memory; they stand before the handles."""
        return tuple(column for column in self.columns if column.role != "handle")

    @property
    def dtype(self) -> np.dtype[np.void]:
        """Record dtype for whoever reads: int64 throughout, in the order of the table."""
        return np.dtype([(column.name, np.int64) for column in self.columns])

    @property
    def packed(self) -> np.dtype[np.void]:
        """Record dtype in the kernel's memory: wide columns first, the canonical ones before the handles, both without padding."""
        handles = tuple(column for column in self.columns if column.role == "handle")
        return np.dtype([*_packed(self.canonical), *_packed(handles)])

    @property
    def packed_words(self) -> int:
        """64-bit words of a packed record that its canonical columns take up."""
        return np.dtype(_packed(self.canonical)).itemsize // 8

    def unpacked(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A copy of packed rows in :attr:`dtype`."""
        out = np.empty(len(rows), self.dtype)
        for column in self.columns:
            out[column.name] = rows[column.name]
        return out

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name}")


def _packed(columns: tuple[Column, ...]) -> list[tuple[str, str]]:
    """Fields by falling width; narrow ones are widened until they fill whole words, so that a record has no undefined bytes."""
    sizes = {column.name: _BYTES.get(column.name, _NARROW.get(column.kind, 8)) for column in columns}
    missing = -sum(sizes.values()) % 8
    while missing:
        name = max((name for name in sizes if sizes[name] <= missing), key=sizes.__getitem__)
        missing -= sizes[name]
        sizes[name] *= 2
    return [(name, f"<i{sizes[name]}") for name in sorted(sizes, key=sizes.__getitem__, reverse=True)]


def _c(name: str, kind: Kind, role: Role, meaning: str, of: type[IntEnum] | None = None) -> Column:
    return Column(name, kind, role, meaning, of)


_FLAGS: Any = codes.OrderFlag

ORDERS = Table(
    "orders",
    "one row per order, as it stood at the end",
    (
        _c("order_id", "id", "derived", "number of the order, from 0 in order of decision"),
        _c("intent_id", "number", "input", "the call or array cell that asked for it, from 0"),
        _c("strategy", "name", "input", "strategy that owns the resulting lots"),
        _c("symbol", "name", "input", "instrument"),
        _c("side", "code", "input", "buy or sell", codes.Side),
        _c("type", "code", "input", "order type", codes.OrderType),
        _c("tif", "code", "input", "time in force", codes.TimeInForce),
        _c("size_mode", "code", "input", "what the given size means", codes.SizeMode),
        _c("size", "number", "input", "the given size: lots, money units or 10^-9 of equity, by size_mode"),
        _c("parent_id", "ref", "input", "order whose fill releases this one"),
        _c("oco_id", "ref", "input", "lowest order number of the one-cancels-other group"),
        _c("list_id", "ref", "input", "lowest order number of the list of legs, which fill together or not at all, -1 = none"),
        _c("position_id", "ref", "input", "position of a hedging account"),
        _c("rule_id", "name", "input", "the user's rule, for duplicates and attribution"),
        _c("tag", "name", "input", "the user's note"),
        _c("decided_at", "time", "input", "instant of the decision"),
        _c("sent_at", "time", "input", "left the strategy"),
        _c(
            "arrived_at",
            "time",
            "input",
            "reached the broker; later that of a replace that lost priority, of a fill elsewhere that released it, or of a bust",
        ),
        _c("expire_at", "time", "input", "last time of a GTD order"),
        _c("decision_price", "price", "input", "last known price at the decision"),
        _c("quantity", "quantity", "derived", "OrderQty: total quantity"),
        _c("limit_price", "price", "derived", "limit, 0 = none"),
        _c("stop_price", "price", "derived", "stop trigger, 0 = none"),
        _c("display_quantity", "quantity", "input", "shown part of an iceberg, 0 = all"),
        _c("trail_offset", "number", "input", "distance of a trailing stop, as last replaced, 0 = none"),
        _c("trail_unit", "number", "input", "unit of the distance: 0 none, 1 price units, 2 ticks, 3 10^-9 of price"),
        _c("status", "code", "derived", "state after its last event", codes.OrderStatus),
        _c("flags", "bits", "derived", "flag bits after its last event", _FLAGS),
        _c("reason", "code", "derived", "reason of its last event that has one", codes.Reason),
        _c("cum_quantity", "quantity", "derived", "CumQty: filled so far"),
        _c("leaves_quantity", "quantity", "derived", "LeavesQty: still working, 0 when done"),
        _c("cum_notional", "money", "derived", "sum of the fills' notionals"),
        _c("fee", "money", "derived", "sum of the fills' fees"),
        _c("done_at", "time", "derived", "time of the event that ended it, 0 = working"),
        _c("exit_reason", "code", "input", "why it closes what it closes", codes.ExitReason),
        _c("queue_ahead", "quantity", "input", "quantity ahead in the book's queue, -1 = not modelled"),
        _c("lot_id", "ref", "input", "lot that it names to be closed first, -1 = none"),
        _c("reserved", "base", "handle", "funds held for it"),
        _c("fee_raw", "money", "handle", "fee before minimum and maximum"),
        _c("next", "ref", "handle", "next order of the working list, in order of acceptance or lost priority"),
        _c("prev", "ref", "handle", "previous working order"),
        _c("child", "ref", "handle", "order released when this one is filled; of several the first"),
        _c("from_price", "price", "handle", "where on the segment under way its entry released it, 0 = it meets the whole of it"),
        _c("sibling", "ref", "handle", "next order that waits for the same parent"),
        _c("waits", "number", "handle", "1 = follows the fills of its entry, 2 = for its parent to be filled, 0 = neither"),
        _c("oco_next", "ref", "handle", "next order of its one-cancels-other group, in a ring"),
        _c("shown", "quantity", "handle", "lots of an iceberg that are still shown"),
        _c("asked", "number", "handle", "replaces on their way to the broker"),
        _c("accepted", "number", "handle", "1 once the broker has it"),
        _c("tried", "number", "handle", "1 once it has met market data"),
    ),
    append_only=False,
)

ORDER_EVENTS = Table(
    "order_events",
    "everything that happened to orders",
    (
        _c("seq", "id", "derived", "number of the event"),
        _c("instant", "time", "input", "instant of the run in which it was processed"),
        _c("time", "time", "input", "when it happened"),
        _c("order_id", "ref", "input", "order"),
        _c("event", "code", "input", "what happened", codes.OrderEvent),
        _c("status_before", "code", "derived", "state before", codes.OrderStatus),
        _c("status", "code", "derived", "state after", codes.OrderStatus),
        _c("flags", "bits", "derived", "flag bits after", _FLAGS),
        _c("quantity", "quantity", "input", "OrderQty after"),
        _c("limit_price", "price", "input", "limit after"),
        _c("stop_price", "price", "input", "stop after"),
        _c("cum_quantity", "quantity", "derived", "CumQty after"),
        _c("leaves_quantity", "quantity", "derived", "LeavesQty after"),
        _c("fill_id", "ref", "derived", "the fill, of a fill event; of a bust the one that undoes"),
        _c("reason", "code", "input", "reason", codes.Reason),
        _c("required", "base", "input", "funds or limit that was needed, of a refusal or shrinking"),
        _c("available", "base", "input", "what there was"),
        _c("late", "number", "derived", "1 = a fill after the order had ended"),
        _c("reported_at", "time", "input", "when its report was due at the strategy, 0 = it was lost"),
    ),
)

REPORTS = Table(
    "reports",
    "what the order manager did and was told, in that order; empty where the configuration has no faults",
    (
        _c("seq", "id", "derived", "number of the entry"),
        _c("instant", "time", "input", "instant of the run in which it heard of it"),
        _c("order_id", "ref", "input", "order"),
        _c("kind", "code", "derived", "what it is", codes.ReportKind),
        _c("order_event", "ref", "input", "the event that it is about, -1 = it heard nothing"),
        _c("status_before", "code", "derived", "state of the order as it was known before", codes.OrderStatus),
        _c("status", "code", "derived", "state as it is known after", codes.OrderStatus),
        _c("cum_quantity", "quantity", "derived", "sum of the fills heard of"),
    ),
)

FILLS = Table(
    "fills",
    "executions, with the steps of their price",
    (
        _c("fill_id", "id", "derived", "number of the fill"),
        _c("order_id", "ref", "derived", "order"),
        _c("exec_ref_id", "ref", "input", "the fill that this one undoes, or whose price it corrects (ExecRefID), -1 = none"),
        _c("strategy", "name", "derived", "strategy of the order"),
        _c("symbol", "name", "derived", "instrument of the order"),
        _c("side", "code", "derived", "side of the order; the other one of a fill that undoes one", codes.Side),
        _c("instant", "time", "derived", "instant of the run in which it was processed"),
        _c("time", "time", "derived", "market time: the bar's open time at its open, else its close time"),
        _c("stage", "code", "input", "place on the bar's path, books = none: the broker undoes or corrects a fill", codes.Stage),
        _c("path", "code", "input", "path that the bar took: high or low first", codes.BarPath),
        _c("ambiguous", "number", "input", "1 = another path through the same bar would have filled differently"),
        _c("event_time", "time", "input", "open time of the bar, or time of the quote or print, that it met"),
        _c("quantity", "quantity", "input", "filled quantity, positive"),
        _c("reference_price", "price", "input", "market price that it met"),
        _c("spread", "price", "input", "added for half the spread, signed"),
        _c("slippage", "price", "input", "added for slippage, signed"),
        _c("impact", "price", "input", "added for market impact, signed"),
        _c("limit", "price", "input", "taken back by limit, collar or range, signed"),
        _c("tick", "price", "input", "added by rounding to the tick, signed"),
        _c("price", "price", "derived", "reference_price plus the five steps"),
        _c("liquidity", "code", "input", "maker or taker", codes.Liquidity),
        _c("available", "quantity", "input", "quantity the participation cap still offered, -1 = no cap"),
        _c("notional", "money", "derived", "price x quantity x multiplier, positive"),
        _c("fee", "money", "input", "fee charged by this fill, negative where it comes back"),
        _c("closing_quantity", "quantity", "derived", "part that closed lots"),
        _c("lot_id", "ref", "derived", "lot that the rest opened or added to, -1 = none"),
        _c("position", "quantity", "derived", "position of strategy and instrument after the fill, signed"),
        _c("exit_reason", "code", "derived", "why, as far as it closed", codes.ExitReason),
        _c("queue_ahead", "quantity", "input", "quantity ahead in the queue before, -1 = not modelled"),
        _c("reported_at", "time", "derived", "when the strategy could know it"),
    ),
)

POSTINGS = Table(
    "postings",
    "the double-entry books: per entry, money sums to zero in each currency and quantity in each instrument",
    (
        _c("seq", "id", "derived", "number of the posting"),
        _c("entry", "number", "derived", "number of the entry that it belongs to"),
        _c("instant", "time", "derived", "instant of the run"),
        _c("account", "code", "derived", "account", codes.Account),
        _c("strategy", "name", "derived", "strategy, -1 = the account's own"),
        _c("symbol", "name", "derived", "instrument, -1 = none"),
        _c("currency", "name", "derived", "currency of the money"),
        _c("money", "money", "derived", "amount in money units, signed"),
        _c("quantity", "quantity", "derived", "amount in lots, signed"),
        _c("fill_id", "ref", "derived", "the fill, -1 = none"),
    ),
)

ENTRIES = Table(
    "entries",
    "what the kernel writes of the books: one row per entry, which ``model.books`` spells out as postings",
    (
        _c("entry", "id", "derived", "number of the entry"),
        _c("instant", "time", "derived", "instant of the run"),
        _c("kind", "code", "derived", "what it stands for", codes.Entry),
        _c("strategy", "name", "derived", "strategy, -1 = the account's own"),
        _c("symbol", "name", "derived", "instrument, -1 = none"),
        _c("currency", "name", "derived", "currency of the money"),
        _c("money", "money", "derived", "of a fill what it pays or, negative, brings in; of a transfer what comes in"),
        _c("quantity", "quantity", "derived", "amount in lots, signed"),
        _c("fee", "money", "derived", "fee paid with it"),
        _c("fill_id", "ref", "derived", "the fill, -1 = none"),
    ),
)

LOT_CLOSES = Table(
    "lot_closes",
    "which lot each closing fill took, and what came of it",
    (
        _c("seq", "id", "derived", "number of the record"),
        _c("instant", "time", "derived", "instant of the closing fill"),
        _c("lot_id", "ref", "derived", "lot"),
        _c("open_fill", "ref", "derived", "fill that opened the lot"),
        _c("fill_id", "ref", "derived", "closing fill"),
        _c("strategy", "name", "derived", "strategy"),
        _c("symbol", "name", "derived", "instrument"),
        _c("side", "code", "derived", "side of the lot: buy = long", codes.Side),
        _c("quantity", "quantity", "derived", "quantity closed, positive"),
        _c("cost", "money", "derived", "cost taken out of the lot, signed: what was paid"),
        _c("proceeds", "money", "derived", "share of the closing fill, signed: what came in"),
        _c("realised", "money", "derived", "proceeds minus cost, before fees"),
        _c("fee_in", "money", "derived", "share of the fees paid at opening"),
        _c("fee_out", "money", "derived", "share of the closing fill's fee"),
    ),
)

LOTS = Table(
    "lots",
    "open and closed lots (state of the ledger)",
    (
        _c("lot_id", "id", "derived", "number of the lot"),
        _c("strategy", "name", "input", "strategy"),
        _c("symbol", "name", "input", "instrument"),
        _c("side", "code", "input", "buy = long", codes.Side),
        _c("open_fill", "ref", "input", "fill that opened it"),
        _c("instant", "time", "input", "instant of that fill"),
        _c("quantity", "quantity", "input", "quantity ever put in"),
        _c("remaining", "quantity", "derived", "quantity still open"),
        _c("cost", "money", "derived", "cost of what is open, signed"),
        _c("fee_in", "money", "derived", "opening fees of what is open"),
        _c("next", "ref", "handle", "next open lot of strategy and instrument"),
        _c("prev", "ref", "handle", "previous open lot"),
    ),
    append_only=False,
)

SWITCHES = Table(
    "switches",
    "changes of the trading state: by the strategy, by limits on losses, and at the day after one",
    (
        _c("seq", "id", "derived", "number of the record"),
        _c("instant", "time", "input", "instant of the run from which it holds"),
        _c("before", "code", "derived", "trading state before", codes.TradingState),
        _c("state", "code", "derived", "trading state from then on", codes.TradingState),
        _c("asked", "code", "input", "what the strategy asks for by then", codes.TradingState),
        _c("reason", "code", "input", "the limit that was passed, new_day after its day, none = by the strategy", codes.Reason),
        _c("action", "code", "derived", "what the limit is to do", codes.LimitAction),
        _c("required", "base", "input", "loss, of a limit"),
        _c("available", "base", "input", "most that it may be"),
    ),
)

TRADES = Table(
    "trades",
    "round trips and open trades, grouped from lot closes",
    (
        _c("trade_id", "id", "derived", "number of the trade, by entry"),
        _c("strategy", "name", "derived", "strategy"),
        _c("symbol", "name", "derived", "instrument"),
        _c("side", "code", "derived", "buy = long, sell = short", codes.Side),
        _c("quantity", "quantity", "derived", "quantity, positive"),
        _c("entry_time", "time", "derived", "market time of the first entry fill"),
        _c("entry_price", "price", "derived", "average entry price"),
        _c("exit_time", "time", "derived", "market time of the last exit fill, 0 = open"),
        _c("exit_price", "price", "derived", "average exit price; of an open trade the last mark"),
        _c("gross_pnl", "money", "derived", "realised, of an open trade unrealised too, before fees"),
        _c("fees", "money", "derived", "entry and exit fees"),
        _c("slippage_cost", "money", "derived", "spread, slippage, impact and rounding paid on entry and exit"),
        _c("financing", "money", "derived", "interest, borrow and funding"),
        _c("net_pnl", "money", "derived", "gross_pnl - fees + financing"),
        _c("bars_held", "number", "input", "bars of the execution feed from entry to exit"),
        _c("mae", "price", "input", "largest adverse move of price against the entry, per unit, not positive"),
        _c("mfe", "price", "input", "largest favourable move of price, per unit, not negative"),
        _c("status", "code", "derived", "open or closed", codes.TradeStatus),
        _c("exit_reason", "code", "derived", "reason of the last exit", codes.ExitReason),
        _c("rule_id_entry", "name", "derived", "rule of the entry order"),
        _c("rule_id_exit", "name", "derived", "rule of the last exit order"),
        _c("tag", "name", "derived", "tag of the entry order"),
        _c("entry_order", "ref", "derived", "first entry order"),
        _c("exit_order", "ref", "derived", "last exit order, -1 = open"),
        _c("entry_fill", "ref", "derived", "first entry fill"),
        _c("exit_fill", "ref", "derived", "last exit fill, -1 = open"),
    ),
)

TRADE_EVENTS = Table(
    "trade_events",
    "the life of trades, grouped flat to flat: opened, increased, reduced, protection moved, closed",
    (
        _c("seq", "id", "derived", "number of the event"),
        _c("instant", "time", "derived", "instant of the run"),
        _c("time", "time", "derived", "when it happened"),
        _c("trade_id", "number", "derived", "number of the trade, by entry: that of flat_to_flat trades"),
        _c("strategy", "name", "derived", "strategy"),
        _c("symbol", "name", "derived", "instrument"),
        _c("side", "code", "derived", "side of the trade: buy = long, sell = short", codes.Side),
        _c("event", "code", "derived", "what happened", codes.TradeEvent),
        _c("quantity", "quantity", "derived", "open quantity of the trade after it, positive"),
        _c("change", "quantity", "derived", "by how much, positive; 0 where protection moved"),
        _c("price", "price", "derived", "price of the fill, 0 where protection moved"),
        _c("limit_price", "price", "derived", "limit of the exit order that moved, 0 = none"),
        _c("stop_price", "price", "derived", "stop of the exit order that moved, 0 = none"),
        _c("realised", "money", "derived", "realised by what was closed, before fees"),
        _c("fee", "money", "derived", "the part of the fill's fee that belongs to it"),
        _c("exit_reason", "code", "derived", "why, as far as it closed", codes.ExitReason),
        _c("order_id", "ref", "derived", "order of the fill, or exit order that moved"),
        _c("fill_id", "ref", "derived", "fill, -1 where protection moved"),
        _c("order_event", "ref", "derived", "order event that brought it about"),
    ),
)

POSITIONS = Table(
    "positions",
    "the position of strategy and instrument after each fill",
    (
        _c("fill_id", "ref", "derived", "fill"),
        _c("instant", "time", "derived", "instant of the run"),
        _c("strategy", "name", "derived", "strategy"),
        _c("symbol", "name", "derived", "instrument"),
        _c("quantity", "quantity", "derived", "position, signed"),
        _c("cost", "money", "derived", "cost of the open lots, signed"),
        _c("average_price", "price", "derived", "cost per unit, half to even"),
        _c("realised", "money", "derived", "realised so far, before fees"),
        _c("fees", "money", "derived", "fees so far"),
    ),
)

EQUITY = Table(
    "equity",
    "the account at every instant of the execution feeds",
    (
        _c("instant", "time", "input", "instant"),
        _c("equity", "base", "derived", "cash and positions at their marks"),
        _c("cash", "base", "derived", "all cash balances"),
        _c("positions_value", "base", "derived", "equity minus cash"),
        _c("drawdown", "base", "derived", "highest equity so far minus equity"),
    ),
)

MARKS = Table(
    "marks",
    "marks of held instruments and rates of held currencies, where one changed",
    (
        _c("instant", "time", "input", "instant from which it holds"),
        _c("symbol", "name", "input", "instrument, -1 for a currency's rate"),
        _c("price", "price", "input", "mark, 0 for a currency's rate"),
        _c("currency", "name", "input", "currency of the rate, -1 for a mark"),
        _c("rate", "fx", "input", "account currency per unit, 0 for a mark"),
    ),
)

TABLES: tuple[Table, ...] = (
    ORDERS, ORDER_EVENTS, REPORTS, FILLS, ENTRIES, POSTINGS, LOT_CLOSES, LOTS, SWITCHES, TRADES, TRADE_EVENTS, POSITIONS, EQUITY, MARKS,
)  # fmt: skip
FILES: tuple[Table, ...] = tuple(table for table in TABLES if table.name not in ("entries", "lots"))
"""The tables that a result folder has, one Parquet file each."""
