"""The life of trades a second time, walked through event by event from the verifier's own books."""

from __future__ import annotations

from collections.abc import Sequence

from fillwright.verify.audit import Audit
from fillwright.verify.ledger import Ledger
from fillwright.verify.lifecycle import HELD, TELLS
from fillwright.verify.reading import Folder

PROTECTION = ("limit", "stop", "stop_limit")
NUMBERS = ("trade_id", "quantity", "change", "price", "limit_price", "stop_price", "realised", "fee", "order_id", "fill_id")
TEXTS = ("strategy", "symbol", "side", "event", "exit_reason")

Row = dict[str, int | str | None]


def check_trade_events(audit: Audit, ledger: Ledger) -> None:
    """Compare trade_events with what the order events must have done to trades."""
    folder = audit.folder
    rows = _Walk(folder, ledger).rows()
    events = folder["order_events"]
    cause = [int(row["order_event"] or 0) for row in rows]
    for name in ("instant", "time"):
        audit.column("trade_events", name, events[name][cause] if cause else [])
    audit.column("trade_events", "order_event", cause)
    for name in NUMBERS:
        audit.column("trade_events", name, [int(row.get(name) or 0) for row in rows])
    for name in TEXTS:
        texts: Sequence[str | None] = [None if (text := row[name]) is None else str(text) for row in rows]
        audit.column("trade_events", name, texts)


class _Walk:
    """Order events in order; of each strategy and instrument the number of its latest trade and its position."""

    def __init__(self, folder: Folder, ledger: Ledger) -> None:
        self.folder = folder
        self.ledger = ledger
        self.trades = 0
        self.latest: dict[tuple[str | None, int], int] = {}
        self.held: dict[tuple[str | None, int], int] = {}
        self.closes: dict[int, list[int]] = {}
        for number, close in enumerate(ledger.closes):
            self.closes.setdefault(close.fill, []).append(number)

    def rows(self) -> list[Row]:
        """Every event of every trade."""
        events = self.folder["order_events"]
        limits, stops = (self.folder.units("order_events", name) for name in ("limit_price", "stop_price"))
        found: list[Row] = []
        columns = (events[name].tolist() for name in ("event", "order_id", "fill_id", "flags", "reason"))
        for number, (event, order, fill, flags, reason) in enumerate(zip(*columns, strict=True)):
            news: list[Row] = []
            if event in TELLS:
                news = self._filled(fill)
            elif event == "replace" and not flags & HELD and reason != "sized_at_fill":
                news = self._moved(order)
                for row in news:
                    row |= {"limit_price": int(limits[number]), "stop_price": int(stops[number])}
            found += [row | {"order_id": order, "order_event": number} for row in news]
        return found

    def _filled(self, fill: int) -> list[Row]:
        ledger = self.ledger
        key = ledger.strategy[fill], ledger.symbol[fill]
        before, after = self.held.get(key, 0), ledger.position[fill]
        self.held[key] = after
        closes = [ledger.closes[number] for number in self.closes.get(fill, ())]
        paid = sum(close.fee_out for close in closes)
        same: Row = {"fill_id": fill, "price": ledger.price[fill]}
        out: list[Row] = []
        if closes:
            left = abs(after) if before * after > 0 else 0
            why = str(self.folder["fills"]["exit_reason"][fill])
            out.append(
                self._row(key, before, "reduced" if left else "closed", left) | same
                | {"change": sum(close.quantity for close in closes), "fee": paid, "exit_reason": why,
                   "realised": sum(close.proceeds - close.cost for close in closes)}
            )  # fmt: skip
        entered = ledger.quantity[fill] - ledger.closing[fill]
        if entered:
            if entered == abs(after):
                self.latest[key], self.trades = self.trades, self.trades + 1
            kind = "opened" if entered == abs(after) else "increased"
            out.append(self._row(key, after, kind, abs(after)) | same | {"change": entered, "fee": ledger.fee[fill] - paid})
        return out

    def _moved(self, order: int) -> list[Row]:
        orders = self.folder["orders"]
        key = orders["strategy"][order], int(self.folder.order_symbol[order])
        held = self.held.get(key, 0)
        against = held < 0 if orders["side"][order] == "buy" else held > 0
        if not against or orders["type"][order] not in PROTECTION:
            return []
        return [self._row(key, held, "protection_moved", abs(held)) | {"fill_id": -1}]

    def _row(self, key: tuple[str | None, int], position: int, event: str, left: int) -> Row:
        return {
            "trade_id": self.latest[key], "strategy": key[0], "symbol": self.folder.instruments[key[1]].symbol,
            "side": "buy" if position > 0 else "sell", "event": event, "quantity": left, "exit_reason": "none",
        }  # fmt: skip
