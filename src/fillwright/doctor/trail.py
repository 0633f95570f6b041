"""What a run decided and what became of it, in order of time, and where two runs part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fillwright.journal import Names, RunRecord, Scales
from fillwright.model.codes import OrderEvent

Ints = npt.NDArray[np.int64]

_OF_EVENTS = ("instant", "time", "event", "order_id", "quantity", "limit_price", "stop_price", "cum_quantity", "reason")
_OF_ORDERS = ("symbol", "side", "type", "tif", "size_mode", "size", "expire_at", "rule_id", "tag")
COLUMNS = (*_OF_EVENTS, *_OF_ORDERS, "price", "fee")
_DECISIONS = tuple(int(event) for event in (OrderEvent.SUBMIT, OrderEvent.DENY))


@dataclass(frozen=True)
class Parting:
    """The first difference of two runs.

    at      instant of the earlier of both events, ns UTC; 0 when they differ in nothing that has a time
    column  what differs; "" where one run has an event that the other has not
    one, other   the events in words
    """

    at: int
    symbol: str
    column: str
    one: str
    other: str

    def __str__(self) -> str:
        return f"{time_text(self.at)}: {self.one}, the other run {self.other}"


class Trail:
    """Events of a run as whole numbers, ``rows`` int64[events, COLUMNS] in order of processing; can be pickled."""

    def __init__(self, record: RunRecord) -> None:
        events, orders, fills = (record.tables[name] for name in ("order_events", "orders", "fills"))
        own = orders[events["order_id"]]
        filled = events["fill_id"] >= 0
        paid = np.zeros((len(events), 2), np.int64)
        if filled.any():
            which = fills[events["fill_id"][filled]]
            paid[filled] = np.stack([which["price"], which["fee"]], axis=1)
        columns = [events[name] for name in _OF_EVENTS] + [own[name] for name in _OF_ORDERS]
        self.rows: Ints = np.concatenate([np.stack(columns, axis=1).astype(np.int64), paid], axis=1)
        self.names: Names = record.names
        self.scales: Scales = record.scales
        self.fingerprint = str(record.info["journal_fingerprint"])
        self.input = str(record.info["input_fingerprint"])
        self.error = record.error
        self.error_at = record.error_at

    @property
    def instants(self) -> Ints:
        """Instant of each event."""
        return self.rows[:, 0]

    @property
    def decided(self) -> Ints:
        """Instants at which an order was given, sorted, each once."""
        return np.unique(self.rows[np.isin(self.rows[:, 2], _DECISIONS), 0])

    @property
    def decisions(self) -> Ints:
        """(instant, symbol, side, size, limit, stop) of each order that was given."""
        given = np.isin(self.rows[:, 2], _DECISIONS)
        names = ("instant", "symbol", "side", "size", "limit_price", "stop_price")
        return self.rows[given][:, [COLUMNS.index(name) for name in names]]

    def parting(self, other: Trail, until: int | None = None) -> Parting | None:
        """The first event, up to and including the instant ``until``, in which two runs differ; None when there is none."""
        mine, theirs = self._until(until), other._until(until)
        common = min(len(mine), len(theirs))
        differs = np.flatnonzero((mine[:common] != theirs[:common]).any(axis=1))
        if not len(differs) and len(mine) == len(theirs):
            return None
        k = int(differs[0]) if len(differs) else common
        rows = [rows[k] if k < len(rows) else None for rows in (mine, theirs)]
        there = [row for row in rows if row is not None]
        first = min(there, key=lambda row: int(row[0]))
        column = ""
        if len(there) == 2:
            column = COLUMNS[int(np.flatnonzero(there[0] != there[1])[0])]
            if column in ("instant", "time", "event", "order_id"):
                column = ""
        symbol = self.names.symbols[int(first[COLUMNS.index("symbol")])]
        return Parting(int(first[0]), symbol, column, self._words(rows[0]), other._words(rows[1]))

    def _until(self, instant: int | None) -> Ints:
        return self.rows if instant is None else self.rows[: int(np.searchsorted(self.instants, instant, "right"))]

    def _words(self, row: Ints | None) -> str:
        """An event in words."""
        if row is None:
            return "does nothing more"
        cells = dict(zip(COLUMNS, row.tolist(), strict=True))
        symbol, decimals = cells["symbol"], self.scales
        event = OrderEvent(cells["event"]).name.lower().replace("_", " ")
        quantity = cells["quantity"] / 10 ** decimals.quantity[symbol]
        side = "buy" if cells["side"] > 0 else "sell"
        text = f"has {event} of order {cells['order_id']} ({side} {quantity:g} {self.names.symbols[symbol]}"
        for name in ("limit_price", "stop_price", "price"):
            if cells[name]:
                text += f", {name.partition('_')[0]} {cells[name] / 10 ** decimals.price[symbol]:g}"
        return f"{text}) at {time_text(cells['instant'])}"


def time_text(ns: int) -> str:
    """An instant as text, UTC."""
    text = str(np.datetime64(ns, "ns"))
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "Z"
