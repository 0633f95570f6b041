"""The way to the broker: the queue of commands, what has arrived, and orders whose time is over.

Rules: ``docs/execution_rules.md`` §1 and §3.
"""

from __future__ import annotations

from fillwright.kernel._codes import NOTHING, OrderEvent, Reason, TimeInForce
from fillwright.kernel._jit import jit
from fillwright.kernel.orders import accept_new, cancel_arrives, end_order, is_live, replace_arrives
from fillwright.kernel.state import (
    CANCEL,
    NEW_ORDER,
    command_at,
    feed_at,
    instrument_at,
    load_int64,
    order_at,
)


@jit
def _under_way(s, i, time):  # type: ignore[no-untyped-def]
    """Whether the next bar of instrument i began before this time."""
    feed = feed_at(s, instrument_at(s, i)["feed"])
    row = feed["row"]
    if row >= feed["n"]:
        return False
    if s["uniform"] != 0 and row > 0 and time <= load_int64(s["instants"], s["n_instants"], row - 1):
        return False  # bars do not overlap; the time of the last one is at hand, that of the next one is not yet
    return load_int64(feed["open_time"], feed["n"], row) < time


@jit
def move_command(s, start, end):  # type: ignore[no-untyped-def]
    """Copy a queued command to another place in the queue."""
    source = command_at(s, start)
    copy = command_at(s, end)
    copy["kind"] = source["kind"]
    copy["order"] = source["order"]
    copy["arrived_at"] = source["arrived_at"]
    copy["quantity"] = source["quantity"]
    copy["limit"] = source["limit"]
    copy["stop"] = source["stop"]


@jit
def _expire_before(s, o, time):  # type: ignore[no-untyped-def]
    """Order o expires if it is GTD, at the broker, and its last time lies before a time."""
    order = order_at(s, o)
    if order["tif"] == TimeInForce.GTD and order["expire_at"] < time and order["accepted"] != 0 and is_live(order):
        last = max(order["expire_at"], order["arrived_at"])
        end_order(s, o, OrderEvent.EXPIRE, last, Reason.GTD_REACHED, NOTHING, NOTHING)


@jit
def process_arrivals(s):  # type: ignore[no-untyped-def]
    """Commands that have arrived by now reach the broker, first in first out, unless their instrument's bar is under way."""
    now = s["now"]
    waiting = 0
    for k in range(s["n_commands"]):
        command = command_at(s, k)
        o = command["order"]
        time = command["arrived_at"]
        if time > now or _under_way(s, order_at(s, o)["symbol"], time):
            if waiting != k:
                move_command(s, k, waiting)
            waiting += 1
        elif command["kind"] == NEW_ORDER:
            accept_new(s, o, time)
        else:
            _expire_before(s, o, time)
            if command["kind"] == CANCEL:
                cancel_arrives(s, o, time)
            else:
                replace_arrives(s, o, time, command["quantity"], command["limit"], command["stop"])
    s["n_commands"] = waiting


@jit
def push_command(s, kind, o, quantity, limit, stop):  # type: ignore[no-untyped-def]
    """Send a command about order o to the broker; it arrives after the latency."""
    k = s["n_commands"]
    s["n_commands"] = k + 1
    command = command_at(s, k)
    command["kind"] = kind
    command["order"] = o
    command["arrived_at"] = s["now"] + s["latency_ns"]
    command["quantity"] = quantity
    command["limit"] = limit
    command["stop"] = stop


@jit
def expire_gtd(s):  # type: ignore[no-untyped-def]
    """GTD orders whose last time lies before now expire, in list order."""
    o = s["work_head"]
    while o >= 0:
        following = order_at(s, o)["next"]
        _expire_before(s, o, s["now"])
        o = following


@jit
def expire_day(s, i, close_time):  # type: ignore[no-untyped-def]
    """DAY orders of instrument i that arrived before the close expire with it."""
    o = s["work_head"]
    while o >= 0:
        following = order_at(s, o)["next"]
        order = order_at(s, o)
        if order["symbol"] == i and order["tif"] == TimeInForce.DAY and order["arrived_at"] < close_time and is_live(order):
            end_order(s, o, OrderEvent.EXPIRE, close_time, Reason.DAY_END, NOTHING, NOTHING)
        o = following


@jit
def end_all(s, event, reason):  # type: ignore[no-untyped-def]
    """End every live order now: working ones in list order, then those in flight in queue order; their commands are void."""
    for k in range(s["n_commands"]):
        command_at(s, k)["kept"] = 0 if is_live(order_at(s, command_at(s, k)["order"])) else 1
    o = s["work_head"]
    while o >= 0:
        following = order_at(s, o)["next"]
        if is_live(order_at(s, o)):
            end_order(s, o, event, s["now"], reason, NOTHING, NOTHING)
        o = following
    waiting = 0
    for k in range(s["n_commands"]):
        o = command_at(s, k)["order"]
        if command_at(s, k)["kind"] == NEW_ORDER and is_live(order_at(s, o)):
            end_order(s, o, event, s["now"], reason, NOTHING, NOTHING)
        if command_at(s, k)["kept"] != 0:
            move_command(s, k, waiting)
            waiting += 1
    s["n_commands"] = waiting
