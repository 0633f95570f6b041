"""The way to the broker: the queue of commands, what has arrived, and orders whose time is over.

Rules: ``docs/execution_rules.md`` §1 and §3.
"""

from __future__ import annotations

from fillwright.kernel._codes import (
    HELD,
    NOTHING,
    PENDING_REPLACE,
    REDUCE_ONLY,
    SIZED_AT_FILL,
    TAKER,
    TRIGGERED,
    YES,
    AccountType,
    DataKind,
    OrderEvent,
    OrderStatus,
    Reason,
    Stage,
    TimeInForce,
)
from fillwright.kernel._jit import jit
from fillwright.kernel.faults import turns_away
from fillwright.kernel.legs import match_legs
from fillwright.kernel.margin import available, goes_short, is_checked, order_price, required_with_fee
from fillwright.kernel.models import has_limit, trailing_stop
from fillwright.kernel.orders import (
    accept,
    emit,
    emit_numbers,
    end_order,
    fund,
    is_live,
    put_last,
    release,
    reserve_rest,
    resize,
)
from fillwright.kernel.quotes import meet_standing
from fillwright.kernel.reducing import cut_to, keep_to_position, reducible
from fillwright.kernel.state import (
    AFTER,
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
    """Whether the next bar of instrument i began before this time; of quotes and prints, whether the next one is known by then."""
    feed = feed_at(s, instrument_at(s, i)["feed"])
    row = feed["row"]
    if row >= feed["n"]:
        return False
    if feed["kind"] != DataKind.BARS:  # a quote that is known when the command arrives is there before it
        return load_int64(feed["close_time"], feed["n"], row) <= time
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
    copy["trail"] = source["trail"]
    copy["trail_unit"] = source["trail_unit"]


@jit
def _reduces_only(s, order):  # type: ignore[no-untyped-def]
    """Whether the whole order only reduces the position."""
    position = instrument_at(s, order["symbol"])["position"]
    return position * order["side"] < 0 and order["quantity"] <= abs(position)


@jit
def _accept_new(s, o, time):  # type: ignore[no-untyped-def]
    """A new order reaches the broker."""
    order = order_at(s, o)
    if order["status"] != OrderStatus.PENDING_NEW:
        return
    if s["liquidating"] != 0 and not _reduces_only(s, order):
        end_order(s, o, OrderEvent.REJECT, time, Reason.UNDER_MAINTENANCE, NOTHING, NOTHING)
        return
    lots = order["leaves_quantity"]
    reduces = order["flags"] & (REDUCE_ONLY | HELD) == REDUCE_ONLY
    if reduces:
        lots = min(lots, reducible(s, order))
    if order["flags"] & HELD == 0 and lots > 0 and fund(s, o, time, lots, order_price(s, order), TAKER, YES) == 0:
        return
    accept(s, o, time)
    if reduces:
        cut_to(s, o, reducible(s, order), time)
    if order["waits"] == AFTER and order_at(s, order["parent_id"])["status"] == OrderStatus.FILLED:
        release(s, o, time)


@jit
def _cancel_arrives(s, o, time):  # type: ignore[no-untyped-def]
    """A cancel reaches the broker."""
    order = order_at(s, o)
    if not is_live(order):
        emit(s, o, OrderEvent.CANCEL_REJECT, time, Reason.ORDER_IS_DONE)
        return
    end_order(s, o, OrderEvent.CANCEL, time, Reason.CANCELED_BY_USER, NOTHING, NOTHING)


@jit
def move_trail(s, order, offset, unit, limit, stop):  # type: ignore[no-untyped-def]
    """A trailing order takes a new distance: its stop begins anew where it belongs at the mark, its limit goes along; prices given stay."""
    order["trail_offset"] = offset
    order["trail_unit"] = unit
    instrument = instrument_at(s, order["symbol"])
    if stop == 0 and order["flags"] & TRIGGERED == 0:
        anew = trailing_stop(instrument, order, instrument["mark"])
        if limit == 0 and has_limit(order["type"]):
            order["limit_price"] = max(order["limit_price"] + anew - order["stop_price"], instrument["tick"], 1)
        order["stop_price"] = anew


@jit
def _replace_arrives(s, o, command):  # type: ignore[no-untyped-def]
    """A replace reaches the broker: new total quantity, limit and stop, or a trail's distance; 0 = as the order has it by then."""
    time = command["arrived_at"]
    quantity = command["quantity"]
    limit = command["limit"]
    stop = command["stop"]
    order = order_at(s, o)
    order["asked"] -= 1
    if order["asked"] == 0:
        order["flags"] &= ~PENDING_REPLACE
    if not is_live(order):
        emit(s, o, OrderEvent.REPLACE_REJECT, time, Reason.ORDER_IS_DONE)
        return
    if quantity == 0:
        quantity = order["quantity"]
    if quantity < order["cum_quantity"]:
        emit(s, o, OrderEvent.REPLACE_REJECT, time, Reason.QUANTITY_BELOW_FILLED)
        return
    if quantity == order["cum_quantity"]:
        end_order(s, o, OrderEvent.CANCEL, time, Reason.REPLACED_TO_FILLED, NOTHING, NOTHING)
        return
    old_limit = order["limit_price"]
    old_stop = order["stop_price"]
    old_quantity = order["quantity"]
    old_offset = order["trail_offset"]
    old_unit = order["trail_unit"]
    if command["trail"] != 0:
        move_trail(s, order, command["trail"], command["trail_unit"], limit, stop)
    if limit != 0:
        order["limit_price"] = limit
    if stop != 0 and order["flags"] & TRIGGERED == 0:
        order["stop_price"] = stop
    lots = quantity - order["cum_quantity"]
    if order["flags"] & HELD == 0 and is_checked(s, order, lots):
        short = goes_short(s, order, lots)
        needed = lots if short else required_with_fee(s, order, lots, order_price(s, order), TAKER)
        funds = max(instrument_at(s, order["symbol"])["position"], 0) if short else available(s, order)
        if short or needed > funds:
            order["limit_price"] = old_limit
            order["stop_price"] = old_stop
            order["trail_offset"] = old_offset
            order["trail_unit"] = old_unit
            reason = Reason.INSUFFICIENT_CASH if s["account_type"] == AccountType.CASH else Reason.INSUFFICIENT_MARGIN
            reason = Reason.SHORT_IN_CASH_ACCOUNT if short else reason
            emit_numbers(s, o, OrderEvent.REPLACE_REJECT, time, reason, needed, funds)
            return
    if quantity != old_quantity:
        order["flags"] &= ~SIZED_AT_FILL
    resize(s, o, quantity)
    if order["flags"] & HELD == 0:
        reserve_rest(s, order)
    moved = order["limit_price"] != old_limit or order["stop_price"] != old_stop or order["trail_unit"] != 0
    if quantity > old_quantity or moved:
        order["arrived_at"] = time
        order["tried"] = 0
        order["shown"] = order["display_quantity"]
        put_last(s, o)
    emit(s, o, OrderEvent.REPLACE, time, 0)
    if order["flags"] & (REDUCE_ONLY | HELD) == REDUCE_ONLY:
        keep_to_position(s, o, time)


@jit
def _expire_before(s, o, time):  # type: ignore[no-untyped-def]
    """Order o expires if it is GTD, at the broker, and its last time lies before a time."""
    order = order_at(s, o)
    if order["tif"] == TimeInForce.GTD and order["expire_at"] < time and order["accepted"] != 0 and is_live(order):
        last = max(order["expire_at"], order["arrived_at"])
        end_order(s, o, OrderEvent.EXPIRE, last, Reason.GTD_REACHED, NOTHING, NOTHING)


@jit
def meet_quotes(s, time):  # type: ignore[no-untyped-def]
    """What has arrived meets the quotes that stand: single orders, then legs."""
    meet_standing(s, time)
    if s["legs"] > 0:
        match_legs(s, Stage.STANDING, time)


@jit
def process_arrivals(s):  # type: ignore[no-untyped-def]
    """Commands that have arrived by now reach the broker, first in first out, unless their instrument's bar is under way.

    New and replaced orders of one time in a row are all there before they meet the quote that stands.
    """
    now = s["now"]
    quoted = s["quoted"] != 0
    faulty = s["faults"] != 0
    fresh = False
    since = 0
    waiting = 0
    for k in range(s["n_commands"]):
        command = command_at(s, k)
        o = command["order"]
        time = command["arrived_at"]
        if time > now or _under_way(s, order_at(s, o)["symbol"], time):
            if waiting != k:
                move_command(s, k, waiting)
            waiting += 1
            continue
        if fresh and (time != since or command["kind"] != NEW_ORDER):
            meet_quotes(s, since)
            fresh = False
        if quoted and command["kind"] != CANCEL:
            fresh = True
            since = time
        if command["kind"] != NEW_ORDER:
            _expire_before(s, o, time)
        if not faulty or not turns_away(s, command):
            if command["kind"] == NEW_ORDER:
                _accept_new(s, o, time)
            elif command["kind"] == CANCEL:
                _cancel_arrives(s, o, time)
            else:
                _replace_arrives(s, o, command)
    s["n_commands"] = waiting
    if fresh:
        meet_quotes(s, since)


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
    command["trail"] = 0
    command["trail_unit"] = 0


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
