"""Orders and their events, recomputed: every state from the event before, every total from the fills."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fillwright.verify.audit import Audit
from fillwright.verify.lifecycle import (
    BUSTS,
    ENDED,
    FILLS,
    LEGAL,
    MADE_WITH,
    MOVING,
    SIZED_AT_FILL,
    TELLS,
    UNASKED,
    asked_after,
    cancels_after,
    fixes_size,
    flags_after,
)
from fillwright.verify.reading import Array, Folder


@dataclass
class _Life:
    """An order on its way through its events."""

    status: str = "initialized"
    flags: int = 0
    fixed: int | None = None
    quantity: int = 0
    cum: int = 0
    reason: str = "none"
    done_at: int = 0
    notional: int = 0
    fee: int = 0
    replaced: bool = False
    accepted_at: int = 0
    asked: int = 0
    cancels: int = 0


@dataclass
class _Events:
    """What every event must say."""

    before: list[str | None] = field(default_factory=list)
    after: list[str | None] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    cum: list[int] = field(default_factory=list)
    leaves: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    illegal: list[str] = field(default_factory=list)
    crossed: list[str] = field(default_factory=list)


def check_orders(audit: Audit, notional: list[int], price: Array) -> None:
    """Check events and orders; ``notional`` and ``price`` per fill as recomputed, own units."""
    folder = audit.folder
    lives, said = _replay(folder, notional, price)
    rows = folder["order_events"].rows
    audit.say("order_events.legal", rows, said.illegal)
    audit.say("order_events.fill_id", folder["fills"].rows, said.crossed)
    for column, expected in (
        ("status_before", said.before),
        ("status", said.after),
        ("flags", said.flags),
        ("cum_quantity", said.cum),
        ("leaves_quantity", said.leaves),
        ("late", said.late),
    ):
        audit.column("order_events", column, expected)
    # An order without events (the run stopped before the first) has only the flags that it was made with.
    flags = folder["orders"]["flags"].tolist()
    fixed = [flag & ~MOVING if life.fixed is None else life.fixed for life, flag in zip(lives, flags, strict=True)]
    totals = folder.units("orders", "quantity")
    for column, values in (
        ("status", [life.status for life in lives]),
        ("flags", [life.flags | kept for life, kept in zip(lives, fixed, strict=True)]),
        ("reason", [life.reason for life in lives]),
        ("cum_quantity", [life.cum for life in lives]),
        ("leaves_quantity", [0 if life.status in ENDED else int(q) - life.cum for life, q in zip(lives, totals, strict=True)]),
        ("cum_notional", [life.notional for life in lives]),
        ("fee", [life.fee for life in lives]),
        ("done_at", [life.done_at for life in lives]),
    ):
        audit.column("orders", column, values)
    _order_of_times(audit, lives)
    _limits(audit, price)


def _replay(folder: Folder, notional: list[int], price: Array) -> tuple[list[_Life], _Events]:
    """Run every order through its events."""
    events, fills = folder["order_events"], folder["fills"]
    lives = [_Life() for _ in range(folder["orders"].rows)]
    said = _Events()
    fill_order, fill_quantity, fill_fee = fills["order_id"], folder.units("fills", "quantity"), folder.units("fills", "fee")
    met = [0] * fills.rows
    columns = zip(
        folder.references("order_events", "order_id", "orders").tolist(), events["event"].tolist(), events["flags"].tolist(),
        folder.units("order_events", "quantity").tolist(), events["fill_id"].tolist(), events["reason"].tolist(),
        events["time"].tolist(), strict=True,
    )  # fmt: skip
    for row, (order, event, flags, quantity, fill, reason, time) in enumerate(columns):
        life = lives[order]
        before = life.status
        after = LEGAL.get((before, event))
        if after is None:
            said.illegal.append(f"order_events.parquet row {row} column event: {event} of order {order} when {before}")
            after = before
        if life.fixed is None:
            # Bits that no event moves, being held and the size being open are facts of a new order.
            life.fixed, life.flags = int(flags) & ~MOVING, int(flags) & MADE_WITH
        sign = -1 if event in BUSTS else 1
        if event in TELLS:
            if 0 <= fill < fills.rows and int(fill_order[fill]) == order and not met[fill]:
                met[fill] = 1
                life.cum += sign * int(fill_quantity[fill])
                life.notional += sign * notional[fill]
                life.fee += int(fill_fee[fill])
            else:
                said.crossed.append(f"order_events.parquet row {row} column fill_id: {fill} is no new fill of order {order}")
        elif fill != -1:
            said.crossed.append(f"order_events.parquet row {row} column fill_id: {fill}, but {event} has no fill")
        if event in BUSTS and (event == "bust_all") != (life.cum == 0):
            said.illegal.append(
                f"order_events.parquet row {row} column event: {event}, but {life.cum} of order {order} is filled"
            )
        # An order that works again arrives a second time, after fills that came before.
        life.replaced |= event in BUSTS and before == "filled"
        if fixes_size(event, reason, int(quantity) != life.quantity):
            life.flags &= ~SIZED_AT_FILL
        if event != "replace_request":
            life.quantity = int(quantity)
        life.replaced |= event == "replace" and reason not in UNASKED
        life.accepted_at = time if event == "accept" else life.accepted_at
        ends = after in ENDED
        life.asked = asked_after(life.asked, event, reason)
        life.cancels = cancels_after(life.cancels, event)
        life.flags = flags_after(life.flags, event, ends, life.asked, life.cancels)
        life.reason = reason if reason not in (None, "none") else life.reason
        if ends and before not in ENDED:
            life.done_at = time
        elif not ends:
            life.done_at = 0
        life.status = after
        said.before.append(before)
        said.after.append(after)
        said.flags.append(life.flags | life.fixed)
        said.cum.append(life.cum)
        said.leaves.append(0 if ends else life.quantity - life.cum)
        said.late.append(int(event in FILLS and before in ENDED))
    said.crossed += [f"fills.parquet row {fill}: no event of its order names it" for fill, seen in enumerate(met) if not seen]
    return lives, said


def _order_of_times(audit: Audit, lives: list[_Life]) -> None:
    """decided <= sent <= arrived <= fill <= the instant in which it was processed."""
    folder = audit.folder
    orders, fills, events = folder["orders"], folder["fills"], folder["order_events"]
    wrong = []
    for first, second in (("decided_at", "sent_at"), ("sent_at", "arrived_at")):
        for row in np.flatnonzero(orders[first] > orders[second]).tolist():
            wrong.append(f"orders.parquet row {row}: {first} is after {second}")
    order = folder.references("fills", "order_id", "orders")
    replaced = np.array([life.replaced for life in lives], np.bool_)[order]
    accepted = np.array([life.accepted_at for life in lives], np.int64)[order]
    # A replace that loses priority moves arrived_at past fills that came before it; the first arrival is when it was accepted.
    since = np.where(replaced, np.maximum(orders["sent_at"][order], accepted), orders["arrived_at"][order])
    for row in np.flatnonzero(fills["time"] < since).tolist():
        wrong.append(f"fills.parquet row {row} column time: before its order arrived")
    for name, sheet in (("fills", fills), ("order_events", events)):
        for row in np.flatnonzero(sheet["time"] > sheet["instant"]).tolist():
            wrong.append(f"{name}.parquet row {row} column time: after the instant in which it was processed")
        for row in np.flatnonzero(np.diff(sheet["instant"]) < 0).tolist():
            wrong.append(f"{name}.parquet row {row + 1} column instant: before the row above")
    audit.say("times.order", orders.rows + fills.rows + events.rows, wrong)


def _limits(audit: Audit, price: Array) -> None:
    """No fill is worse than its order's limit at that moment."""
    folder = audit.folder
    events, fills, orders = folder["order_events"], folder["fills"], folder["orders"]
    rows = np.flatnonzero((events["fill_id"] >= 0) & (events["fill_id"] < fills.rows))
    fill = events["fill_id"][rows]
    limit = folder.units("order_events", "limit_price")[rows]
    buys = orders["side"][folder.references("fills", "order_id", "orders")[fill]] == "buy"
    # A limit may have moved since the fill that one undoes.
    undoes = np.isin(events["event"].astype(str)[rows], BUSTS)
    beyond = ~undoes & (limit != 0) & np.where(buys, price[fill] > limit, price[fill] < limit)
    rows = fill[np.flatnonzero(beyond)]
    wrong = [f"fills.parquet row {row} column price: beyond the limit of its order" for row in rows.tolist()]
    audit.say("fills.limit", int((limit != 0).sum()), wrong)
    quantity, available = folder.units("fills", "quantity"), folder.units("fills", "available")
    # -1 lot = no cap; it is written with the decimals of the column, so it stays -1 lot in own units.
    greedy = np.flatnonzero((available >= 0) & (quantity > available)).tolist()
    audit.say("fills.volume", fills.rows, [f"fills.parquet row {row} column quantity: more than was available" for row in greedy])
