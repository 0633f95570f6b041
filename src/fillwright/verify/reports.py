"""What the order manager knew of its orders, recomputed from what it did and was told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fillwright.verify.audit import Audit
from fillwright.verify.lifecycle import BUSTS, ENDED, LEGAL, REFUSALS
from fillwright.verify.reading import Folder
from fillwright.verify.roles import roles

REQUESTS = ("cancel_request", "replace_request", "replace_reject")
"""Events of the manager's own that leave open what becomes of an order."""


UNASKED = ("shrunk_to_cash", "shrunk_to_margin", "follows_entry", "oco_filled")
"""Reasons for which the broker makes an order smaller that it has not acknowledged yet."""


@dataclass
class _Known:
    """An order as it is known: its last event, its state, fills heard of; when the broker was asked, 0 = it was not, and answered."""

    event: int = -1
    status: str = "initialized"
    cum: int = 0
    asked: int = 0
    answered: int = 0


def check_reports(audit: Audit) -> None:
    """Go through the log: kinds, states and quantities; at the end everything is known, where a run came to its end."""
    folder = audit.folder
    reports, events = folder["reports"], folder["order_events"]
    rows = list(
        zip(
            reports["instant"].tolist(), folder.references("reports", "order_id", "orders").tolist(), reports["kind"].tolist(),
            reports["order_event"].tolist(), strict=True,
        )
    )  # fmt: skip
    known = [_Known() for _ in range(folder["orders"].rows)]
    kinds: list[str | None] = []
    before: list[str | None] = []
    after: list[str | None] = []
    cum: list[int] = []
    wrong: list[str] = []
    teller = _Teller(folder, known)
    for row, (instant, order, kind, event) in enumerate(rows):
        before.append(known[order].status)
        found, why = teller.take(instant, order, kind, event)
        kinds.append(found)
        after.append(known[order].status)
        cum.append(known[order].cum)
        wrong += [f"reports.parquet row {row} column kind: {kind}, but {why}"] if why else []
    for row in np.flatnonzero(np.diff(reports["instant"]) < 0).tolist():
        wrong.append(f"reports.parquet row {row + 1} column instant: before the row above")
    audit.column("reports", "kind", kinds)
    audit.column("reports", "status_before", before)
    audit.column("reports", "status", after)
    audit.column("reports", "cum_quantity", cum)
    audit.say("reports.told", reports.rows, wrong)
    if reports.rows and folder.state not in ("failed", "interrupted"):
        audit.say("reports.agree", len(known), [*_apart(folder, known), *teller.unheard()])
    reported = events["reported_at"]
    early = np.flatnonzero((reported != 0) & (reported < events["time"]))
    audit.say(
        "order_events.reported", events.rows, [f"order_events.parquet row {row}: reported before it happened" for row in early]
    )


def _apart(folder: Folder, known: list[_Known]) -> list[str]:
    """Orders of which the manager knows something else at the end than the broker."""
    orders = folder["orders"]
    status, cum = orders["status"].tolist(), folder.units("orders", "cum_quantity").tolist()
    return [
        f"orders.parquet row {row}: {status[row]} with {cum[row]} filled, its reports say {one.status} with {one.cum}"
        for row, one in enumerate(known)
        if (one.status, one.cum) != (status[row], cum[row])
    ]


def _own(folder: Folder) -> list[bool]:
    """Which events the manager brought about itself: requests, what its own checks refused or cut, and orders that were decided."""
    events = folder["order_events"]
    names, reasons, before = (events[column].astype(str) for column in ("event", "reason", "status_before"))
    decided = (folder["orders"]["intent_id"] >= 0)[folder.references("order_events", "order_id", "orders")]
    asked = np.isin(names, ("cancel_request", "replace_request"))
    refused = (names == "replace_reject") & ~np.isin(reasons, REFUSALS)
    cut = (names == "shrink") & (before == "pending_new") & ~np.isin(reasons, UNASKED)
    return list((asked | refused | cut | (np.isin(names, ("submit", "deny")) & decided)).tolist())


class _Teller:
    """Takes the entries one after the other."""

    def __init__(self, folder: Folder, known: list[_Known]) -> None:
        events = folder["order_events"]
        self.known = known
        self.orders, self.names = events["order_id"].tolist(), events["event"].tolist()
        self.states, self.fills = events["status"].tolist(), events["fill_id"].tolist()
        self.instants, self.due = events["instant"].tolist(), events["reported_at"].tolist()
        self.quantities = folder.units("fills", "quantity").tolist()
        told = folder["reports"]["instant"].tolist()
        self.last = told[-1] if told else 0
        self.heard = [False] * len(self.orders)
        self.own = _own(folder)
        self.told = roles(folder)
        self.rows: list[list[int]] = [[] for _ in known]
        for row, order in enumerate(self.orders):
            self.rows[order].append(row)

    def unheard(self) -> list[str]:
        """Events that were never heard of."""
        return [f"order_events.parquet row {row}: was never heard of" for row, heard in enumerate(self.heard) if not heard]

    def take(self, instant: int, order: int, kind: str, event: int) -> tuple[str, str]:
        """(what kind the entry must be, what is wrong with it or "")."""
        known = self.known[order]
        if kind in ("lost", "asked") or not 0 <= event < len(self.orders):
            return self._ask(known, instant, event)
        if self.orders[event] != order:
            return kind, f"event {event} is of order {self.orders[event]}"
        if self.instants[event] > instant:
            return kind, f"event {event} had not happened"
        if kind == "answer":
            must = "" if known.asked and self._is_last(order, event, instant) else f"event {event} does not answer the question"
            known.event, known.status, known.asked, known.answered = event, self.states[event], 0, instant
            return "answer", must
        if self.heard[event]:
            return "repeated", ""
        # All that is on its way comes with an answer, and at the end.
        if not (self.own[event] or 0 < self.due[event] <= instant or instant in (known.answered, self.last)):
            return "answer", f"event {event} was not reported by then"
        self.heard[event] = True
        unheard = self._not_heard_before(event)
        if self.own[event]:
            if self.names[event] not in REQUESTS:
                known.event, known.status = event, self.states[event]
            return "own", "" if self.instants[event] == instant else f"event {event} of its own was not known at once"
        if 0 <= self.fills[event] < len(self.quantities):
            known.cum += (-1 if self.names[event] in BUSTS else 1) * int(self.quantities[self.fills[event]])
        if event <= known.event:
            return "overtaken", unheard
        known.event, known.status, known.asked = event, self.states[event], 0
        return "news", unheard

    def _not_heard_before(self, event: int) -> str:
        """What is wrong where a fill is taken back, or corrected, that nobody has heard of; "" if nothing is."""
        fill = self.fills[event]
        if not 0 <= fill < len(self.told.of) or not 0 <= self.told.of[fill] < fill:
            return ""
        before = self.told.event[self.told.of[fill] if self.told.undoes[fill] else fill - 1]
        return "" if before < 0 or self.heard[before] else f"event {event} is heard of before event {before}"

    def _ask(self, known: _Known, instant: int, event: int) -> tuple[str, str]:
        """The manager misses an answer."""
        again, known.asked = known.asked, instant
        if again:
            return "asked", "" if again < instant else "asked twice at one instant"
        legal = LEGAL.get((known.status, "lose"))
        known.status = "unknown"
        ended = known.status in ENDED
        return "lost", "" if legal and not ended and event == -1 else "nothing could be lost"

    def _is_last(self, order: int, event: int, instant: int) -> bool:
        """Whether nothing but requests happened to an order after an event and before an instant."""
        for row in reversed(self.rows[order]):
            if row <= event:
                return row == event
            if self.instants[row] < instant and not (self.own[row] and self.names[row] in REQUESTS):
                return False
        return False
