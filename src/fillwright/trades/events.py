"""The life of trades: opened, changed (increased, reduced, protection moved), closed.

A trade here is a stretch in which strategy and instrument were not flat. Trades are numbered from 0 in the order of the fills
that open them, which is their number under ``report.trades: flat_to_flat`` too. A fill that crosses zero closes one and opens
the next. Protection moves when the broker replaces a working order with a limit or stop that would reduce the trade.

:func:`trade_events` reads a finished record as a whole; :class:`TradeWatch` says the same while a run is going on, one order
event after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fillwright.journal import Ints, Records, RunRecord
from fillwright.model.codes import OrderEvent, OrderFlag, OrderType, Reason, TradeEvent
from fillwright.model.columns import TRADE_EVENTS
from fillwright.portfolio import Portfolio

_PROTECTION = (int(OrderType.LIMIT), int(OrderType.STOP), int(OrderType.STOP_LIMIT))
_OPENED, _INCREASED, _REDUCED, _MOVED, _CLOSED = (int(event) for event in TradeEvent)
_HELD, _REPLACE, _SIZED = int(OrderFlag.HELD), int(OrderEvent.REPLACE), int(Reason.SIZED_AT_FILL)


def first_fills(record: RunRecord, view: Portfolio) -> tuple[Ints, Ints]:
    """int64[fills] each: the first fill of the trade that is open after a fill (or that it ended), and of the one before it.

    -1 where there was none before.
    """
    fills = record.tables["fills"]
    opened = fills["quantity"] > fills["closing_quantity"]
    flat = view.quantity == fills["side"] * fills["quantity"]
    after = np.where(opened & (flat | (fills["closing_quantity"] > 0)), fills["fill_id"], -1)
    before = np.full(len(fills), -1, np.int64)
    for _, _, part in view.groups:
        rows = view.fill_order[part]
        after[rows] = np.maximum.accumulate(after[rows])
        before[rows[1:]] = after[rows[:-1]]
    return after, before


def trade_events(record: RunRecord, portfolio: Portfolio | None = None) -> Records:
    """Rows of TRADE_EVENTS of a whole record, in the order in which they happened."""
    view = portfolio or Portfolio(record)
    events, fills = record.tables["order_events"], record.tables["fills"]
    after, before = first_fills(record, view)
    event_of_fill = np.zeros(len(fills), np.int64)
    filled = np.flatnonzero(events["fill_id"] >= 0)
    event_of_fill[events["fill_id"][filled]] = filled
    parts = [*_of_fills(record, after, before), _moved(record, view, after, event_of_fill)]
    for out, which in zip(parts[:2], (fills["closing_quantity"] > 0, fills["quantity"] > fills["closing_quantity"]), strict=True):
        out["order_event"] = event_of_fill[which]
    whole = np.concatenate(parts)
    cause = events[whole["order_event"]]
    for name in ("instant", "time", "order_id"):
        whole[name] = cause[name]
    # A fill that closes and opens has two, the closing first: the sort is stable and the parts stand in that order.
    whole = whole[np.argsort(whole["order_event"], kind="stable")]
    whole["seq"] = np.arange(len(whole))
    # Until here a trade is known by its first fill.
    whole["trade_id"] = np.searchsorted(np.unique(whole["trade_id"]), whole["trade_id"])
    return whole


def _of_fills(record: RunRecord, after: Ints, before: Ints) -> tuple[Records, Records]:
    """(what fills closed, what they opened), fields that come from fills and lot closes."""
    fills, closes = record.tables["fills"], record.tables["lot_closes"]
    closing, opened = fills["closing_quantity"], fills["quantity"] - fills["closing_quantity"]
    realised, fee = np.zeros(len(fills), np.int64), np.zeros(len(fills), np.int64)
    np.add.at(realised, closes["fill_id"], closes["realised"])
    np.add.at(fee, closes["fill_id"], closes["fee_out"])
    left = np.abs(fills["position"])
    ended, began = np.flatnonzero(closing > 0), np.flatnonzero(opened > 0)
    out = np.zeros(len(ended), TRADE_EVENTS.dtype), np.zeros(len(began), TRADE_EVENTS.dtype)
    for rows, which in zip(out, (ended, began), strict=True):
        for name in ("strategy", "symbol", "price", "fill_id"):
            rows[name] = fills[name][which]
    shut, grown = out
    shut["trade_id"], shut["side"], shut["change"] = before[ended], -fills["side"][ended], closing[ended]
    shut["quantity"] = np.where(opened[ended] > 0, 0, left[ended])
    shut["event"] = np.where(shut["quantity"] == 0, _CLOSED, _REDUCED)
    shut["realised"], shut["fee"], shut["exit_reason"] = realised[ended], fee[ended], fills["exit_reason"][ended]
    grown["trade_id"], grown["side"], grown["change"] = after[began], fills["side"][began], opened[began]
    grown["quantity"] = left[began]
    grown["event"] = np.where(after[began] == began, _OPENED, _INCREASED)
    grown["fee"] = (fills["fee"] - fee)[began]
    return out


def _moved(record: RunRecord, view: Portfolio, after: Ints, event_of_fill: Ints) -> Records:
    """Replaced limits and stops on the other side of an open trade."""
    events, orders, fills = (record.tables[name] for name in ("order_events", "orders", "fills"))
    moved = (events["event"] == _REPLACE) & (events["flags"] & _HELD == 0) & (events["reason"] != _SIZED)
    which = np.flatnonzero(moved)
    order = orders[events["order_id"][which]]
    # The last fill of the order's strategy and instrument before the event: one search over (group, number of the event).
    symbols, span = len(record.market.instruments), len(events) + 1
    by_group = (fills["strategy"] * symbols + fills["symbol"]) * span + event_of_fill
    sequence = np.argsort(by_group, kind="stable")
    place = np.searchsorted(by_group[sequence], (order["strategy"] * symbols + order["symbol"]) * span + which) - 1
    known = place >= 0
    which, order, fill = which[known], order[known], sequence[place[known]]
    own = (fills["strategy"][fill] == order["strategy"]) & (fills["symbol"][fill] == order["symbol"])
    own &= (np.sign(fills["position"][fill]) == -order["side"]) & np.isin(order["type"], _PROTECTION)
    which, order, fill = which[own], order[own], fill[own]
    out = np.zeros(len(which), TRADE_EVENTS.dtype)
    for name in ("strategy", "symbol"):
        out[name] = order[name]
    out["trade_id"], out["side"], out["quantity"] = after[fill], -order["side"], np.abs(fills["position"][fill])
    out["event"], out["fill_id"], out["order_event"] = _MOVED, -1, which
    for name in ("limit_price", "stop_price"):
        out[name] = events[name][which]
    return out


@dataclass(slots=True)
class _Open:
    """The latest trade of strategy and instrument; signed position."""

    number: int
    position: int


class TradeWatch:
    """Tells what happened to trades while a run is going on. Hand it order events once, in order.

    Those that are left out, of a run that goes on from a checkpoint, it catches up on by itself.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._trades: dict[tuple[int, int], _Open] = {}
        self._count = 0
        self._told = 0
        self._closes = 0

    @property
    def seen(self) -> int:
        """Number of the first event that it has not seen."""
        return self._seen

    def see(self, tables: Mapping[str, Records], start: int, stop: int) -> Records:
        """Rows of TRADE_EVENTS that follow from the order events ``start:stop``."""
        if start > self._seen:
            self.see(tables, self._seen, start)
        self._seen = stop
        events = tables["order_events"][start:stop]
        found: list[dict[str, int]] = []
        for row in np.flatnonzero((events["fill_id"] >= 0) | (events["event"] == _REPLACE)).tolist():
            event = events[row]
            facts = {
                "instant": event["instant"],
                "time": event["time"],
                "order_id": event["order_id"],
                "order_event": start + row,
            }
            news = self._filled(tables, int(event["fill_id"])) if event["fill_id"] >= 0 else self._replaced(tables, event)
            found += [facts | item for item in news]
        out = np.zeros(len(found), TRADE_EVENTS.dtype)
        for number, item in enumerate(found):
            out["seq"][number] = self._told + number
            for name, value in item.items():
                out[name][number] = value
        self._told += len(found)
        return out

    def _filled(self, tables: Mapping[str, Records], number: int) -> list[dict[str, int]]:
        fill, closes = tables["fills"][number], tables["lot_closes"]
        names = ("strategy", "symbol", "side", "quantity", "closing_quantity", "price", "fee", "position", "exit_reason")
        strategy, symbol, side, quantity, closing, price, fee, position, reason = (int(fill[name]) for name in names)
        common = {"strategy": strategy, "symbol": symbol, "price": price, "fill_id": number}
        trade = self._trades.setdefault((strategy, symbol), _Open(-1, 0))
        opened, news = quantity - closing, []
        if closing:
            realised = paid = matched = 0
            while matched < closing:
                close = closes[self._closes]
                matched, realised = matched + int(close["quantity"]), realised + int(close["realised"])
                paid, self._closes = paid + int(close["fee_out"]), self._closes + 1
            left = 0 if opened else abs(position)
            news.append(
                {"trade_id": trade.number, "side": -side, "event": _REDUCED if left else _CLOSED, "quantity": left,
                 "change": closing, "realised": realised, "fee": paid, "exit_reason": reason}
            )  # fmt: skip
            fee -= paid
        if opened:
            first = closing > 0 or trade.position == 0
            if first:
                trade.number, self._count = self._count, self._count + 1
            news.append(
                {"trade_id": trade.number, "side": side, "event": _OPENED if first else _INCREASED, "quantity": abs(position),
                 "change": opened, "fee": fee}
            )  # fmt: skip
        trade.position = position
        return [common | item for item in news]

    def _replaced(self, tables: Mapping[str, Records], event: np.void) -> list[dict[str, int]]:
        order = tables["orders"][int(event["order_id"])]
        key = int(order["strategy"]), int(order["symbol"])
        trade, side = self._trades.get(key), int(order["side"])
        held = int(event["flags"]) & _HELD or int(event["reason"]) == _SIZED
        if trade is None or trade.position * side >= 0 or held or int(order["type"]) not in _PROTECTION:
            return []
        return [
            {"strategy": key[0], "symbol": key[1], "trade_id": trade.number, "side": -side, "event": _MOVED,
             "quantity": abs(trade.position), "fill_id": -1, "limit_price": int(event["limit_price"]),
             "stop_price": int(event["stop_price"])}
        ]  # fmt: skip
