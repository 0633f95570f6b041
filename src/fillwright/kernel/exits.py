"""Orders that hang together: the exits of an entry, and groups of which one cancels the others.

Rules: ``docs/execution_rules.md`` §6.
"""

from __future__ import annotations

from fillwright.kernel._codes import ENGINE, HELD, LEG, REDUCE_ONLY, ExitReason, OrderStatus, OrderType
from fillwright.kernel._jit import entry, jit
from fillwright.kernel.arrivals import push_command
from fillwright.kernel.models import fix_tick
from fillwright.kernel.orders import blank_order, is_live, submit_order
from fillwright.kernel.state import AFTER, FOLLOWS, NEW_ORDER, instrument_at, order_at, state_at


@jit
def add_child(s, o, k):  # type: ignore[no-untyped-def]
    """Order k waits for order o."""
    last = order_at(s, o)["child"]
    if last < 0:
        order_at(s, o)["child"] = k
        return
    while order_at(s, last)["sibling"] >= 0:
        last = order_at(s, last)["sibling"]
    order_at(s, last)["sibling"] = k


@jit
def wait_for(s, o, parent):  # type: ignore[no-untyped-def]
    """Order o is to be released by the fill of another. False if that one has ended without; one that is filled holds nothing."""
    other = order_at(s, parent)
    if is_live(other):
        order = order_at(s, o)
        order["parent_id"] = parent
        order["waits"] = AFTER
        order["flags"] |= HELD
        return True
    return other["status"] == OrderStatus.FILLED


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
    order["waits"] = FOLLOWS
    if kind == OrderType.LIMIT:
        order["limit_price"] = price
        order["exit_reason"] = ExitReason.TARGET
    else:
        order["stop_price"] = price
        order["exit_reason"] = ExitReason.STOP
    if parent["child"] >= 0:
        _join(s, parent["child"], k)
    add_child(s, o, k)
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


@jit
def _is_linkable(order):  # type: ignore[no-untyped-def]
    """Whether an order may be one of a group: the strategy's own, free or waiting for another; no leg of a reversal or list."""
    return order["flags"] & (ENGINE | LEG) == 0 and (order["flags"] & HELD == 0 or order["waits"] == AFTER)


@entry("int64(int64, int64, int64)")
def link(address, a, b):  # type: ignore[no-untyped-def]
    """One of orders a and b cancels the other; the group of either takes in the other. ``oco_id`` is the lowest number of the group.

    Returns 1, or 0 where one of them is over or was no order, or -1 for what never can be linked: orders of two instruments, exits of
    an entry, members of two groups, an order with itself.
    """
    s = state_at(address)
    if min(a, b) < 0 or max(a, b) >= s["n_orders"]:
        return 0
    order = order_at(s, a)
    other = order_at(s, b)
    alike = order["symbol"] == other["symbol"] and order["strategy"] == other["strategy"]
    exits = order["waits"] == FOLLOWS or other["waits"] == FOLLOWS
    if a == b or exits or not alike or not _is_linkable(order) or not _is_linkable(other):
        return -1
    if not is_live(order) or not is_live(other):
        return 0
    if order["oco_next"] >= 0 and other["oco_next"] >= 0:
        return 1 if order["oco_id"] == other["oco_id"] else -1
    if other["oco_next"] >= 0:
        _join(s, b, a)
    else:
        _join(s, a, b)
    if other["oco_id"] > min(a, b):
        k = a
        while order_at(s, k)["oco_id"] != min(a, b):
            order_at(s, k)["oco_id"] = min(a, b)
            k = order_at(s, k)["oco_next"]
    return 1
