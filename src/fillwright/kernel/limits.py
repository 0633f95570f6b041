"""Limits on entries: what each compares, how much of an order it lets pass.

Rules: ``docs/execution_rules.md`` §2. A limit sees the opening part of an order only, so none ever blocks an exit.
"""

from __future__ import annotations

from fillwright.kernel._codes import ENGINE, HELD, NO, REDUCE_ONLY, SIZED, YES, OrderEvent, OrderStatus, Reason, TradingState
from fillwright.kernel._jit import jit
from fillwright.kernel.fixed import muldiv
from fillwright.kernel.models import RATE_SCALE, base, equity_now, value
from fillwright.kernel.orders import counts_as_pending, emit_numbers, is_live, resize
from fillwright.kernel.state import AFTER, book_at, currency_at, instrument_at, order_at

PLAIN_LIMITS = 4
"""Limits 0 to 3 are about quantities and positions."""
LIMITS = 13
ANY_QUANTITY = 10
"""From this limit on, as below PLAIN_LIMITS - 1, there may be a smaller quantity that passes."""
OPEN_POSITIONS, ORDERS_SENT, LIVE_ORDERS, COLLAR = 3, 6, 7, 8


@jit
def limits_in_force(s):  # type: ignore[no-untyped-def]
    """How many of the limits need to be looked at: none where none is set and trading is active."""
    return LIMITS if s["policies"] != 0 or s["trading_state"] != TradingState.ACTIVE else 0


@jit
def is_priced(s, i):  # type: ignore[no-untyped-def]
    """Whether the instrument has a mark and its currency a rate."""
    instrument = instrument_at(s, i)
    return instrument["mark"] != 0 and currency_at(s, instrument["currency"])["rate"] != 0


@jit
def bar_to(s, order, start):  # type: ignore[no-untyped-def]
    """Why an order that adds to a position cannot be sent now, whatever its terms; 0 if it can."""
    if s["trading_state"] == TradingState.HALTED:
        return Reason.TRADING_HALTED
    if not is_priced(s, order["symbol"]):
        return Reason.NO_PRICE_YET
    if s["liquidating"] != 0 and not (start * order["side"] < 0 and 0 < order["quantity"] <= abs(start)):
        return Reason.UNDER_MAINTENANCE
    return 0


@jit
def projected(s, strategy, i):  # type: ignore[no-untyped-def]
    """Position as it will be when all live market orders have filled, except those whose cancel has been asked for."""
    book = book_at(s, strategy * s["n_instruments"] + i)
    return book["position"] + book["pending"]


@jit
def _before(s, order):  # type: ignore[no-untyped-def]
    """Projected position of the order's instrument without the order itself."""
    held = 0
    for strategy in range(s["n_strategies"]):
        held += projected(s, strategy, order["symbol"])
    return held - order["side"] * order["leaves_quantity"] if counts_as_pending(order) else held


@jit
def _found_after(s, order, position):  # type: ignore[no-untyped-def]
    """The position that an order finds once all that it waits for has filled; a reduce-only order is taken to find enough."""
    if order["flags"] & REDUCE_ONLY != 0:
        return -order["side"] * order["quantity"]
    found = position
    k = order["parent_id"]
    while k >= 0:
        parent = order_at(s, k)
        if parent["symbol"] == order["symbol"]:
            found += parent["side"] * parent["leaves_quantity"]
        k = parent["parent_id"] if parent["flags"] & HELD != 0 else -1
    return found


@jit
def start_position(s, order):  # type: ignore[no-untyped-def]
    """The position an order adds to: the one there is or the projected one, whichever leaves it less to close. A held leg finds none,
    an order that waits for another what that one leaves."""
    position = instrument_at(s, order["symbol"])["position"]
    if order["flags"] & HELD != 0:
        return _found_after(s, order, position) if order["waits"] == AFTER else 0
    coming = _before(s, order)
    return max(position, coming) if order["side"] > 0 else min(position, coming)


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
def _exposure(s, order, lots, net):  # type: ignore[no-untyped-def]
    """Sum of the values of all projected positions, absolute or signed, with lots of the order in place of the order."""
    total = 0
    for i in range(s["n_instruments"]):
        held = 0
        if i == order["symbol"]:
            held = _before(s, order) + order["side"] * lots
        else:
            for strategy in range(s["n_strategies"]):
                held += projected(s, strategy, i)
        if held != 0:
            worth = _worth(s, i, held)
            total += worth if net else abs(worth)
    return abs(total)


@jit
def _over_exposure(s, order, lots, fraction, net):  # type: ignore[no-untyped-def]
    """(whether an order leaves more exposure than a fraction of equity, and more than there is without it; exposure; limit)."""
    limit = muldiv(equity_now(s), fraction, RATE_SCALE)
    after = _exposure(s, order, lots, net)
    return after > limit and after > _exposure(s, order, 0, net), after, limit


@jit
def _recent(s, o):  # type: ignore[no-untyped-def]
    """Orders sent in the interval before now, order o itself, denied ones and the engine's not counted; no more than the limit."""
    count = 0
    k = o - 1
    while k >= 0 and count < s["max_orders"]:
        order = order_at(s, k)
        if order["flags"] & ENGINE == 0:
            if order["sent_at"] <= s["now"] - s["max_orders_interval"]:
                break
            if order["status"] != OrderStatus.DENIED:
                count += 1
        k -= 1
    return count


@jit
def _live_beside(s, order):  # type: ignore[no-untyped-def]
    """Live orders of the instrument, the order itself and the one it waits for not counted."""
    count = instrument_at(s, order["symbol"])["live"]
    if is_live(order):
        count -= 1
    if order["parent_id"] >= 0:
        parent = order_at(s, order["parent_id"])
        if parent["symbol"] == order["symbol"] and is_live(parent):
            count -= 1
    return count


@jit
def over_collar(s, i, limit, stop):  # type: ignore[no-untyped-def]
    """(reason or 0, price units between the mark and the farther of a limit and a stop, most of them); a price of 0 is none."""
    mark = instrument_at(s, i)["mark"]
    far = abs(limit - mark) if limit != 0 else 0
    if stop != 0:
        far = max(far, abs(stop - mark))
    most = muldiv(mark, s["price_collar"], RATE_SCALE) if s["price_collar"] >= 0 else far
    return Reason.PRICE_COLLAR if far > most else 0, far, most


@jit
def _plain_check(s, o, start, lots, which):  # type: ignore[no-untyped-def]
    """``limit_check`` of the first limits."""
    order = order_at(s, o)
    i = order["symbol"]
    instrument = instrument_at(s, i)
    part = opening(start, order["side"], lots)
    after = abs(start + order["side"] * lots)
    if which == 0 and instrument["max_order"] >= 0 and part > instrument["max_order"]:
        return Reason.MAX_ORDER_QUANTITY, part, instrument["max_order"]
    if which == 1 and instrument["max_position"] >= 0 and after > instrument["max_position"]:
        return Reason.MAX_POSITION_QUANTITY, after, instrument["max_position"]
    if which == 2 and s["max_position_fraction"] >= 0:
        worth = _worth(s, i, after)
        limit = muldiv(equity_now(s), s["max_position_fraction"], RATE_SCALE)
        if worth > limit:
            return Reason.MAX_POSITION_FRACTION, worth, limit
    if which == OPEN_POSITIONS and s["max_open_positions"] >= 0 and start == 0:
        others = _others_open(s, i)
        if others >= s["max_open_positions"]:
            return Reason.MAX_OPEN_POSITIONS, others, s["max_open_positions"]
    return 0, 0, 0


@jit
def _order_check(s, o, start, which):  # type: ignore[no-untyped-def]
    """``limit_check`` of the limits that no smaller quantity satisfies."""
    order = order_at(s, o)
    if which == 4 and s["trading_state"] == TradingState.REDUCE_ONLY:
        return Reason.TRADING_REDUCE_ONLY, 0, 0
    if which == 5 and s["refuse_scale_in"] != 0:
        if start * order["side"] > 0:
            return Reason.SCALE_IN_NOT_ALLOWED, abs(start), 0
    if which == ORDERS_SENT and s["max_orders"] >= 0:
        count = _recent(s, o)
        if count >= s["max_orders"]:
            return Reason.MAX_ORDERS, count, s["max_orders"]
    if which == LIVE_ORDERS and s["max_live_orders"] >= 0:
        count = _live_beside(s, order)
        if count >= s["max_live_orders"]:
            return Reason.MAX_LIVE_ORDERS, count, s["max_live_orders"]
    if which == COLLAR:
        return over_collar(s, order["symbol"], order["limit_price"], order["stop_price"])
    if which == 9 and s["max_drawdown"] >= 0:
        equity = equity_now(s)
        peak = max(s["peak"], equity)
        limit = muldiv(peak, s["max_drawdown"], RATE_SCALE)
        if peak - equity > limit:
            return Reason.MAX_DRAWDOWN, peak - equity, limit
    return 0, 0, 0


@jit
def limit_check(s, o, start, lots, which):  # type: ignore[no-untyped-def]
    """(reason, number compared, limit) of the which-th limit for order o with so many lots; reason 0 where it is not set or holds."""
    if which < PLAIN_LIMITS:
        return _plain_check(s, o, start, lots, which)
    if which < ANY_QUANTITY:
        return _order_check(s, o, start, which)
    order = order_at(s, o)
    if which == 10 and s["max_order_value"] >= 0:
        worth = _worth(s, order["symbol"], opening(start, order["side"], lots))
        if worth > s["max_order_value"]:
            return Reason.MAX_ORDER_VALUE, worth, s["max_order_value"]
    if which == 11 and s["max_gross_exposure"] >= 0:
        over, after, limit = _over_exposure(s, order, lots, s["max_gross_exposure"], NO)
        if over:
            return Reason.MAX_GROSS_EXPOSURE, after, limit
    if which == 12 and s["max_net_exposure"] >= 0:
        over, after, limit = _over_exposure(s, order, lots, s["max_net_exposure"], YES)
        if over:
            return Reason.MAX_NET_EXPOSURE, after, limit
    return 0, 0, 0


@jit
def within_limit(s, o, start, lots, which):  # type: ignore[no-untyped-def]
    """Lots that a limit which binds leaves of order o: the part that closes, and of a sized order as much more as it allows."""
    order = order_at(s, o)
    low = lots - opening(start, order["side"], lots)
    if order["flags"] & SIZED == 0 or PLAIN_LIMITS - 1 <= which < ANY_QUANTITY:
        return low
    high = lots
    while low < high:
        middle = low + (high - low + 1) // 2
        reason, _, _ = limit_check(s, o, start, middle, which)
        if reason == 0:
            low = middle
        else:
            high = middle - 1
    return low


@jit
def limit_on_replace(s, o, lots, limit, stop):  # type: ignore[no-untyped-def]
    """``limit_check`` of a replace that leaves lots of order o at a limit and stop: reason 0 where it opens no more than before.

    Limits that count orders and positions do not look at it; the collar looks at new prices of whatever opens.
    """
    order = order_at(s, o)
    if order["flags"] & REDUCE_ONLY != 0:
        return 0, 0, 0
    start = start_position(s, order)
    part = opening(start, order["side"], lots)
    more = part > opening(start, order["side"], order["leaves_quantity"])
    moved = limit != order["limit_price"] or stop != order["stop_price"]
    if part == 0 or not (more or moved):
        return 0, 0, 0
    for which in range(limits_in_force(s)):
        if which == COLLAR:
            reason, needed, had = over_collar(s, order["symbol"], limit, stop)
            if reason != 0:
                return reason, needed, had
        elif more and which != OPEN_POSITIONS and which != ORDERS_SENT and which != LIVE_ORDERS:
            reason, needed, had = limit_check(s, o, start, lots, which)
            if reason != 0:
                return reason, needed, had
    return 0, 0, 0


@jit
def hold_growth(s, o, least, time):  # type: ignore[no-untyped-def]
    """An order is larger than was estimated: limits that fewer lots satisfy cut it, by one SHRINK each, not below the estimate."""
    order = order_at(s, o)
    start = start_position(s, order)
    for which in range(limits_in_force(s)):
        lots = order["leaves_quantity"]
        quantities = which < OPEN_POSITIONS or which >= ANY_QUANTITY
        if quantities and lots > least and opening(start, order["side"], lots) > 0:
            reason, needed, had = limit_check(s, o, start, lots, which)
            if reason != 0:
                resize(s, o, max(within_limit(s, o, start, lots, which), least))
                emit_numbers(s, o, OrderEvent.SHRINK, time, reason, needed, had)


@jit
def shrink_to_limits(s, o, start, asked):  # type: ignore[no-untyped-def]
    """Write one SHRINK for each limit that binds."""
    side = order_at(s, o)["side"]
    lots = asked
    for which in range(limits_in_force(s)):
        if opening(start, side, lots) > 0:
            reason, needed, had = limit_check(s, o, start, lots, which)
            if reason != 0:
                lots = within_limit(s, o, start, lots, which)
                resize(s, o, lots)
                emit_numbers(s, o, OrderEvent.SHRINK, s["now"], reason, needed, had)
