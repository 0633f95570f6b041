"""Orders that only reduce: never larger than the position that they reduce.

Rules: ``docs/execution_rules.md`` §2, *reduce-only*, and §3.
"""

from __future__ import annotations

from fillwright.kernel._codes import HELD, REDUCE_ONLY, OrderEvent, Reason
from fillwright.kernel._jit import jit
from fillwright.kernel.orders import counts_as_pending, emit_numbers, end_order, is_live, resize
from fillwright.kernel.state import FOLLOWS, book_at, order_at


@jit
def _awaits_entry(s, order):  # type: ignore[no-untyped-def]
    """Whether an exit belongs to an entry that may fill again."""
    return order["waits"] == FOLLOWS and is_live(order_at(s, order["parent_id"]))


@jit
def cut_to(s, o, held, time):  # type: ignore[no-untyped-def]
    """An order that only reduces becomes no larger than held lots. With none it ends; an exit whose entry lives is held again."""
    order = order_at(s, o)
    lots = order["leaves_quantity"]
    if held <= 0:
        if _awaits_entry(s, order):
            order["flags"] |= HELD
            emit_numbers(s, o, OrderEvent.HOLD, time, Reason.NOTHING_TO_REDUCE, lots, 0)
        else:
            end_order(s, o, OrderEvent.CANCEL, time, Reason.NOTHING_TO_REDUCE, lots, 0)
        return False
    if held < lots:
        resize(s, o, order["cum_quantity"] + held)
        emit_numbers(s, o, OrderEvent.SHRINK, time, Reason.SHRUNK_TO_POSITION, lots, held)
    return True


@jit
def keep_to_position(s, o, time):  # type: ignore[no-untyped-def]
    """A reduce-only order becomes no larger than the position that it can reduce. True if it may trade."""
    order = order_at(s, o)
    return cut_to(s, o, -order["side"] * book_at(s, order["strategy"] * s["n_instruments"] + order["symbol"])["position"], time)


@jit
def reducible(s, order):  # type: ignore[no-untyped-def]
    """Lots of the position that live market orders other than this one leave for it to reduce; not positive where there are none."""
    book = book_at(s, order["strategy"] * s["n_instruments"] + order["symbol"])
    held = book["position"] + book["pending"]
    if counts_as_pending(order):
        held -= order["side"] * order["leaves_quantity"]
    return -order["side"] * held


@jit
def keep_exits(s, o, time):  # type: ignore[no-untyped-def]
    """A fill of order o has closed something: resting reduce-only orders of its book become no larger than what is left."""
    order = order_at(s, o)
    k = s["work_head"]
    while k >= 0:
        other = order_at(s, k)
        following = other["next"]
        same = other["symbol"] == order["symbol"] and other["strategy"] == order["strategy"]
        if same and k != o and other["flags"] & (REDUCE_ONLY | HELD) == REDUCE_ONLY and is_live(other):
            keep_to_position(s, k, time)
        k = following
