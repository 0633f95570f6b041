"""Situations as tables: what is on offer at each minute, what is asked, and what the order's events then say, one row each.

A situation plays at one price, 100.00. ``offers`` are the lots that each bar sells and buys, from 09:31 on; a row is
``event OrdStatus OrderQty CumQty LeavesQty``, with the reason where there is one. OrdStatus is FIX's, by its precedence: a
pending cancel or replace is named before the state beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fillwright.model.codes import OrderEvent, OrderFlag, OrderStatus, Reason
from scenarios.table import Play, lines, play


@dataclass(frozen=True)
class Situation:
    """What happens to order ``order``, given the offers of the bars and the orders of the script."""

    title: str
    offers: str
    script: str
    rows: str
    latency: str = "0s"
    order: int = 0
    bars: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    def play(self) -> Play:
        """The run; its books reconcile."""
        bars = self.bars or "\n".join(f"09:{31 + k} 100 100 100 100 {lots}" for k, lots in enumerate(self.offers.split()))
        settings = {"execution": {"participation": 1, "latency": self.latency}, **self.settings}
        return play(bars, self.script, **settings)


def ord_status(status: int, flags: int) -> str:
    """OrdStatus of an event, pending requests first."""
    if flags & OrderFlag.PENDING_CANCEL:
        return "PENDING_CANCEL"
    if flags & OrderFlag.PENDING_REPLACE:
        return "PENDING_REPLACE"
    return OrderStatus(status).name


def rows(found: Play, order: int) -> list[str]:
    """The events of an order as rows of such a table."""
    out = []
    for row in found.record.tables["order_events"]:
        if row["order_id"] != order:
            continue
        words = [OrderEvent(int(row["event"])).name, ord_status(int(row["status"]), int(row["flags"]))]
        words += [str(row[name]) for name in ("quantity", "cum_quantity", "leaves_quantity")]
        words += [Reason(int(row["reason"])).name] if row["reason"] else []
        out.append(" ".join(words))
    return out


def expected(situation: Situation) -> list[str]:
    """The rows of the situation, blanks made single."""
    return lines(situation.rows)
