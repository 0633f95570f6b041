"""Limits on entries: what each compares, how much of an order it lets pass.

Rules: ``docs/execution_rules.md`` §2. A limit sees the opening part of an order only, so none ever blocks an exit.
"""

from __future__ import annotations

from fillwright.kernel._codes import HELD, SIZED, OrderEvent, Reason
from fillwright.kernel._jit import jit
from fillwright.kernel.fixed import muldiv
from fillwright.kernel.models import RATE_SCALE, base, equity_now, value
from fillwright.kernel.orders import emit_numbers, resize
from fillwright.kernel.state import book_at, instrument_at, order_at

N_LIMITS = 4
COUNTS_POSITIONS = 3
"""The limit that has no smaller quantity."""


@jit
def projected(s, strategy, i):  # type: ignore[no-untyped-def]
    """Position as it will be when all live market orders have filled, except those whose cancel has been asked for."""
    book = book_at(s, strategy * s["n_instruments"] + i)
    return book["position"] + book["pending"]


@jit
def start_position(s, order):  # type: ignore[no-untyped-def]
    """The position an order adds to: a held leg will find none."""
    if order["flags"] & HELD != 0:
        return 0
    return instrument_at(s, order["symbol"])["position"]


@jit
def opening(start, side, lots):  # type: ignore[no-untyped-def]
    """The part of lots that opens or enlarges a position."""
    if start * side >= 0:
        return lots
    return max(0, lots - abs(start))


@jit
def _others_open(s, i):  # type: ignore[no-untyped-def]
    """Instruments other than i with a position or a live order."""
    count = 0
    for k in range(s["n_instruments"]):
        if k != i and (instrument_at(s, k)["position"] != 0 or instrument_at(s, k)["live"] != 0):
            count += 1
    return count


@jit
def _worth(s, i, lots):  # type: ignore[no-untyped-def]
    """Value of lots at the mark, in account money, signed as they are."""
    instrument = instrument_at(s, i)
    return base(s, instrument["currency"], value(instrument, instrument["mark"], lots))


@jit
def limit_check(s, i, start, side, lots, which):  # type: ignore[no-untyped-def]
    """(reason, number compared, limit) of the which-th limit for an opening order; reason 0 where it is not set or holds."""
    instrument = instrument_at(s, i)
    part = opening(start, side, lots)
    after = abs(start + side * lots)
    if which == 0 and instrument["max_order"] >= 0 and part > instrument["max_order"]:
        return Reason.MAX_ORDER_QUANTITY, part, instrument["max_order"]
    if which == 1 and instrument["max_position"] >= 0 and after > instrument["max_position"]:
        return Reason.MAX_POSITION_QUANTITY, after, instrument["max_position"]
    if which == 2 and s["max_position_fraction"] >= 0:
        worth = _worth(s, i, after)
        limit = muldiv(equity_now(s), s["max_position_fraction"], RATE_SCALE)
        if worth > limit:
            return Reason.MAX_POSITION_FRACTION, worth, limit
    if which == COUNTS_POSITIONS and s["max_open_positions"] >= 0 and start == 0:
        others = _others_open(s, i)
        if others >= s["max_open_positions"]:
            return Reason.MAX_OPEN_POSITIONS, others, s["max_open_positions"]
    return 0, 0, 0


@jit
def within_limit(s, o, start, lots, which):  # type: ignore[no-untyped-def]
    """Lots that a limit which binds leaves of order o: the part that closes, and of a sized order as much more as it allows."""
    order = order_at(s, o)
    side = order["side"]
    low = lots - opening(start, side, lots)
    if order["flags"] & SIZED == 0 or which == COUNTS_POSITIONS:
        return low
    high = lots
    while low < high:
        middle = low + (high - low + 1) // 2
        reason, _, _ = limit_check(s, order["symbol"], start, side, middle, which)
        if reason == 0:
            low = middle
        else:
            high = middle - 1
    return low


@jit
def shrink_to_limits(s, o, start, asked):  # type: ignore[no-untyped-def]
    """Write one SHRINK for each limit that binds."""
    order = order_at(s, o)
    lots = asked
    for which in range(N_LIMITS):
        if opening(start, order["side"], lots) > 0:
            reason, needed, had = limit_check(s, order["symbol"], start, order["side"], lots, which)
            if reason != 0:
                lots = within_limit(s, o, start, lots, which)
                resize(s, o, lots)
                emit_numbers(s, o, OrderEvent.SHRINK, s["now"], reason, needed, had)
