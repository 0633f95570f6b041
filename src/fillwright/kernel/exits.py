"""Orders that hang together: the exits of an entry, and groups of which one cancels the others.

Rules: ``docs/execution_rules.md`` §6.
"""

from __future__ import annotations

from fillwright.kernel._codes import HELD, REDUCE_ONLY, ExitReason, OrderStatus, OrderType
from fillwright.kernel._jit import entry, jit
from fillwright.kernel.arrivals import push_command
from fillwright.kernel.models import fix_tick
from fillwright.kernel.orders import blank_order, submit_order
from fillwright.kernel.state import NEW_ORDER, instrument_at, order_at, state_at


@jit
def fix_exits(s, i, side):  # type: ignore[no-untyped-def]
    """Bring the ticket's exit prices to the tick; False if one is refused."""
    instrument = instrument_at(s, i)
    for_take = s["t_take"]
    for_loss = s["t_loss"]
    if for_take != 0:
        s["t_take"] = fix_tick(s, instrument, for_take, side < 0)
    if for_loss != 0:
        s["t_loss"] = fix_tick(s, instrument, for_loss, side > 0)
    return (for_take == 0 or s["t_take"] != 0) and (for_loss == 0 or s["t_loss"] != 0)


@jit
def _attach(s, o, kind, price):  # type: ignore[no-untyped-def]
    """One exit of order o, held until the first fill."""
    parent = order_at(s, o)
    k = blank_order(s, parent["strategy"], parent["symbol"], -parent["side"], parent["quantity"])
    order = order_at(s, k)
    order["intent_id"] = parent["intent_id"]
    order["rule_id"] = parent["rule_id"]
    order["tag"] = parent["tag"]
    order["parent_id"] = o
    order["type"] = kind
    order["flags"] = HELD | REDUCE_ONLY
    if kind == OrderType.LIMIT:
        order["limit_price"] = price
        order["exit_reason"] = ExitReason.TARGET
    else:
        order["stop_price"] = price
        order["exit_reason"] = ExitReason.STOP
    if parent["child"] < 0:
        parent["child"] = k
    else:
        _join(s, parent["child"], k)
    submit_order(s, k)
    push_command(s, NEW_ORDER, k, 0, 0, 0)


@jit
def attach_exits(s, o):  # type: ignore[no-untyped-def]
    """The exits that the ticket asks for: the limit that takes the profit, then the stop that ends the loss."""
    if s["t_take"] != 0:
        _attach(s, o, OrderType.LIMIT, s["t_take"])
    if s["t_loss"] != 0:
        _attach(s, o, OrderType.STOP, s["t_loss"])


@jit
def _join(s, a, b):  # type: ignore[no-untyped-def]
    """Put order b, which is in no group, into the group of order a."""
    order = order_at(s, a)
    other = order_at(s, b)
    if order["oco_next"] < 0:
        order["oco_next"] = a
        order["oco_id"] = a
    other["oco_next"] = order["oco_next"]
    other["oco_id"] = order["oco_id"]
    order["oco_next"] = b


@entry("int64(int64, int64, int64)")
def link(address, a, b):  # type: ignore[no-untyped-def]
    """One of orders a and b cancels the other; b may be joined by more. 1 = done, 0 = they cannot be linked (any more).

    Both are on their way since this instant, in one instrument, unheld, and b is in no group and not before a.
    """
    s = state_at(address)
    order = order_at(s, a)
    other = order_at(s, b)
    fresh = order["status"] == OrderStatus.PENDING_NEW and other["status"] == OrderStatus.PENDING_NEW
    fresh = fresh and order["decided_at"] == s["now"] and other["decided_at"] == s["now"]
    alike = order["symbol"] == other["symbol"] and order["strategy"] == other["strategy"]
    free = other["oco_next"] < 0 and (order["flags"] | other["flags"]) & HELD == 0
    if not (fresh and alike and free and a < b):
        return 0
    _join(s, a, b)
    return 1
