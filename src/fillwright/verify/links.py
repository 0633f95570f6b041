"""Fills and the events that tell of them name each other: one event per fill, in the same order, with the same facts."""

from __future__ import annotations

import numpy as np

from fillwright.verify.audit import Audit
from fillwright.verify.lifecycle import TELLS

SHARED = ("order_id", "instant", "time", "reported_at")
"""Columns that a fill has in common with its event."""

TERMS = ("quantity", "limit_price", "stop_price")
REPLACES = ("replace_request", "replace")
"""Events that may change an order's terms; its quantity may shrink besides."""


def check_links(audit: Audit) -> None:
    """Compare fills with their events, and what an order asks for with what its last event says."""
    folder = audit.folder
    events = folder["order_events"]
    tells = np.isin(events["event"].astype(str), TELLS)
    audit.column("order_events", "fill_id", np.where(tells, np.cumsum(tells) - 1, -1))
    for column in SHARED:
        audit.column("fills", column, events[column][tells])
    _terms(audit)


def _terms(audit: Audit) -> None:
    """Total quantity, limit and stop change by a replace only, the quantity by shrinking too; an order ends with those of its last event.

    The prices of a trailing order move with the market, without an event.
    """
    folder = audit.folder
    events = folder["order_events"]
    names = events["event"].tolist()
    orders = folder.references("order_events", "order_id", "orders").tolist()
    trails = set(np.flatnonzero(folder["orders"]["trail_unit"] != 0).tolist())
    wrong = []
    for column in TERMS:
        free, changes = (set(), (*REPLACES, "shrink")) if column == "quantity" else (trails, REPLACES)
        now: dict[int, int] = {}
        values = folder.units("order_events", column).tolist()
        for row, (order, name) in enumerate(zip(orders, names, strict=True)):
            if order not in free and name not in changes and now.get(order, values[row]) != values[row]:
                wrong.append(f"order_events.parquet row {row} column {column}: {name} does not change it")
            if name != "replace_request":
                now[order] = values[row]
        last = folder.units("orders", column).copy()
        settled = [order for order in now if order not in free]
        last[settled] = [now[order] for order in settled]
        audit.column("orders", column, last)
    audit.say("order_events.terms", events.rows, wrong)
