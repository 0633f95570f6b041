"""State of every order: events, the working list, arrivals at the broker, ends.

The life cycle is ``model.lifecycle``; what happens on arrival is ``docs/execution_rules.md`` §3.
"""

from __future__ import annotations

from fillwright.kernel._codes import (
    CLOSING,
    ENGINE,
    HELD,
    LEG,
    NOTHING,
    PENDING_CANCEL,
    PENDING_REPLACE,
    REDUCE_ONLY,
    SIZED,
    SIZED_AT_FILL,
    TAKER,
    TRIGGERED,
    YES,
    AccountType,
    Bracket,
    ExitReason,
    Lots,
    OrderEvent,
    OrderStatus,
    OrderType,
    Reason,
    ShortCash,
    TimeInForce,
)
from fillwright.kernel._jit import jit
from fillwright.kernel.margin import (
    affordable,
    available,
    goes_short,
    is_checked,
    order_price,
    required_with_fee,
    reserve,
)
from fillwright.kernel.models import has_limit, has_stop, trailing_stop
from fillwright.kernel.state import (
    AFTER,
    FAULT_ILLEGAL_TRANSITION,
    FOLLOWS,
    book_at,
    expect_lot,
    expect_order,
    expect_order_event,
    instrument_at,
    order_at,
    order_event_at,
)
from fillwright.model.lifecycle import MATRIX


@jit
def is_live(order):  # type: ignore[no-untyped-def]
    """In flight, working or held."""
    status = order["status"]
    return status == OrderStatus.PENDING_NEW or status == OrderStatus.NEW or status == OrderStatus.PARTIALLY_FILLED


@jit
def is_market(order):  # type: ignore[no-untyped-def]
    """Trades at any price: a market order, or one without a limit that has triggered."""
    kind = order["type"]
    return kind == OrderType.MARKET or (kind % 2 == 1 and (not has_stop(kind) or order["flags"] & TRIGGERED != 0))


@jit
def counts_as_pending(order):  # type: ignore[no-untyped-def]
    """Whether targets count this order's leaves as good as filled: not once its cancel has been asked for, nor while it waits."""
    if order["type"] != OrderType.MARKET or order["flags"] & PENDING_CANCEL != 0:
        return False
    return order["waits"] != AFTER or order["flags"] & HELD == 0


@jit
def emit(s, o, event, time, reason):  # type: ignore[no-untyped-def]
    """Move order o by one event and write it down; returns the row, to which a caller may add details."""
    order = order_at(s, o)
    before = order["status"]
    after = MATRIX[before, event]
    if after < 0:
        s["fault"] = FAULT_ILLEGAL_TRANSITION
        s["fault_a"] = before
        s["fault_b"] = event
        after = before
    order["status"] = after
    if reason != 0:
        order["reason"] = reason
    row = s["n_order_events"]
    s["n_order_events"] = row + 1
    record = order_event_at(s, row)
    record["seq"] = row
    record["instant"] = s["now"]
    record["time"] = time
    record["order_id"] = o
    record["event"] = event
    record["status_before"] = before
    record["status"] = after
    record["flags"] = order["flags"]
    record["quantity"] = order["quantity"]
    record["limit_price"] = order["limit_price"]
    record["stop_price"] = order["stop_price"]
    record["cum_quantity"] = order["cum_quantity"]
    record["leaves_quantity"] = order["leaves_quantity"]
    record["fill_id"] = -1
    record["reason"] = reason
    record["required"] = 0
    record["available"] = 0
    record["late"] = 0
    record["reported_at"] = s["now"]
    expect_order_event(s["order_events"], row + 4)
    return row


@jit
def emit_numbers(s, o, event, time, reason, needed, had):  # type: ignore[no-untyped-def]
    """``emit`` with the two numbers that were compared."""
    record = order_event_at(s, emit(s, o, event, time, reason))
    record["required"] = needed
    record["available"] = had


@jit
def link_last(s, o):  # type: ignore[no-untyped-def]
    """Put order o at the end of the working list."""
    if s["cursor"] == -1:
        s["cursor"] = o
    tail = s["work_tail"]
    order_at(s, o)["prev"] = tail
    order_at(s, o)["next"] = -1
    if tail >= 0:
        order_at(s, tail)["next"] = o
    else:
        s["work_head"] = o
    s["work_tail"] = o
    s["n_working"] += 1


@jit
def unlink(s, o):  # type: ignore[no-untyped-def]
    """Take order o out of the working list; its own links stay, so that a loop standing on it can go on."""
    before = order_at(s, o)["prev"]
    after = order_at(s, o)["next"]
    if s["cursor"] == o:
        s["cursor"] = after
    if before >= 0:
        order_at(s, before)["next"] = after
    else:
        s["work_head"] = after
    if after >= 0:
        order_at(s, after)["prev"] = before
    else:
        s["work_tail"] = before
    s["n_working"] -= 1


@jit
def add_pending(s, order, change):  # type: ignore[no-untyped-def]
    """Keep the book's sum of signed leaves of live market orders."""
    if counts_as_pending(order):
        book = book_at(s, order["strategy"] * s["n_instruments"] + order["symbol"])
        book["pending"] += order["side"] * change


@jit
def close_order(s, o, time):  # type: ignore[no-untyped-def]
    """Everything that ends with an order, before its last event is written: flags, leaves, reservation, lists."""
    order = order_at(s, o)
    add_pending(s, order, -order["leaves_quantity"])
    order["leaves_quantity"] = 0
    order["flags"] &= ~(PENDING_CANCEL | PENDING_REPLACE)
    order["done_at"] = time
    reserve(s, order, 0)
    instrument_at(s, order["symbol"])["live"] -= 1
    s["live"] -= 1
    if order["flags"] & (REDUCE_ONLY | LEG) != 0:
        if order["flags"] & LEG != 0:
            s["legs"] -= 1
        else:
            s["reducing"] -= 1
    if order["exit_reason"] == ExitReason.LIQUIDATION:
        s["liquidating"] -= 1
    if order["accepted"] != 0:
        unlink(s, o)
        if order["type"] != OrderType.MARKET:
            s["priced"] -= 1


@jit
def end_order(s, o, event, time, reason, needed, had):  # type: ignore[no-untyped-def]
    """End a live order without a fill; what waits for it ends with it, and the other legs of its list."""
    close_order(s, o, time)
    emit_numbers(s, o, event, time, reason, needed, had)
    if order_at(s, o)["child"] >= 0:
        _end_children(s, o, time)
    if order_at(s, o)["flags"] & LEG != 0:
        _end_legs(s, o, time)


@jit
def refuse(s, o, time, reason, needed, had):  # type: ignore[no-untyped-def]
    """The broker's refusal: REJECT, or CANCEL where something is filled already."""
    event = OrderEvent.REJECT if order_at(s, o)["cum_quantity"] == 0 else OrderEvent.CANCEL
    end_order(s, o, event, time, reason, needed, had)


@jit
def deny(s, o, reason, needed, had):  # type: ignore[no-untyped-def]
    """Our own refusal of an order that was never sent."""
    order_at(s, o)["done_at"] = s["now"]
    emit_numbers(s, o, OrderEvent.DENY, s["now"], reason, needed, had)
    return False


@jit
def trigger(s, o, time):  # type: ignore[no-untyped-def]
    """The stop of order o has been reached."""
    order_at(s, o)["flags"] |= TRIGGERED
    emit(s, o, OrderEvent.TRIGGER, time, 0)


@jit
def trail(instrument, order, price):  # type: ignore[no-untyped-def]
    """The market is at a price: the stop of a trailing order follows, its limit with it, if that brings it nearer."""
    stop = trailing_stop(instrument, order, price)
    change = stop - order["stop_price"]
    if order["side"] * change < 0:
        order["stop_price"] = stop
        if has_limit(order["type"]):
            order["limit_price"] = max(order["limit_price"] + change, instrument["tick"], 1)


@jit
def add_fill(s, order, lots, notional, fee_raw, fee):  # type: ignore[no-untyped-def]
    """The order's own sums after a fill; ``fee_raw`` is its fee so far before minimum and maximum."""
    order["fee_raw"] = fee_raw
    order["cum_quantity"] += lots
    order["leaves_quantity"] -= lots
    order["cum_notional"] += notional
    order["fee"] += fee
    add_pending(s, order, -lots)


@jit
def shrinks(s, order):  # type: ignore[no-untyped-def]
    """Whether an order becomes smaller, rather than being refused, when funds are short."""
    if order["tif"] == TimeInForce.FOK:
        return False
    if s["on_short_cash"] == ShortCash.AUTO:
        return order["flags"] & SIZED != 0
    return s["on_short_cash"] == ShortCash.SHRINK


@jit
def resize(s, o, quantity):  # type: ignore[no-untyped-def]
    """Set the total quantity of a live order."""
    order = order_at(s, o)
    change = quantity - order["quantity"]
    add_pending(s, order, change)
    order["quantity"] = quantity
    order["leaves_quantity"] += change


@jit
def _end_quietly(s, o, time, reason):  # type: ignore[no-untyped-def]
    """Cancel a live order that another one has ended, on which nothing else hangs."""
    close_order(s, o, time)
    emit(s, o, OrderEvent.CANCEL, time, reason)


@jit
def _end_children(s, o, time):  # type: ignore[no-untyped-def]
    """Order o has ended without a last fill: all that waits for it ends with it, but not exits of what is filled."""
    if order_at(s, o)["cum_quantity"] > 0 and s["bracket"] == Bracket.ARM_ON_FULL:
        arm_exits(s, o, NOTHING, time)
    k = order_at(s, o)["child"]
    while k >= 0:
        order = order_at(s, k)
        free = order["flags"] & HELD == 0
        stays = free and (order["waits"] != FOLLOWS or order_at(s, order["parent_id"])["cum_quantity"] > 0)
        if is_live(order) and not stays:
            _end_quietly(s, k, time, Reason.PARENT_ENDED)
            if order["child"] >= 0:
                k = order["child"]
                continue
        while order_at(s, k)["sibling"] < 0:
            k = order_at(s, k)["parent_id"]
            if k == o:
                return
        k = order_at(s, k)["sibling"]


@jit
def is_leg_of(s, k, first):  # type: ignore[no-untyped-def]
    """Whether order k is one of the list whose first leg is given: they have consecutive numbers."""
    return k < s["n_orders"] and order_at(s, k)["list_id"] == first


@jit
def _end_legs(s, o, time):  # type: ignore[no-untyped-def]
    """Leg o has ended without a fill: so do the others, and what waits for them."""
    first = order_at(s, o)["list_id"]
    k = first
    while is_leg_of(s, k, first):
        if is_live(order_at(s, k)):
            _end_quietly(s, k, time, Reason.LEG_ENDED)
            if order_at(s, k)["child"] >= 0:
                _end_children(s, k, time)
        k += 1


@jit
def put_last(s, o):  # type: ignore[no-untyped-def]
    """A working order goes behind all others."""
    unlink(s, o)
    link_last(s, o)


@jit
def arm_exits(s, o, lots, time):  # type: ignore[no-untyped-def]
    """Order o has filled some lots, or ended (0): its exits are released for what is filled, or grow with it."""
    entry = order_at(s, o)
    waits = s["bracket"] == Bracket.ARM_ON_FULL and entry["leaves_quantity"] > 0
    k = entry["child"]
    while k >= 0:
        order = order_at(s, k)
        held = order["flags"] & HELD != 0
        filled = order["cum_quantity"] + lots if s["bracket"] == Bracket.PRO_RATA else entry["cum_quantity"]
        idle = held and (waits or filled <= order["cum_quantity"])  # the last fill has not come, or all of it is closed
        if order["waits"] == FOLLOWS and is_live(order) and not idle:
            before = order["quantity"]
            if held:
                if lots > 0:
                    order["from_price"] = instrument_at(s, order["symbol"])["mark"]
                    put_last(s, k)
                if before != filled:
                    resize(s, k, filled)
                    event = OrderEvent.SHRINK if filled < before else OrderEvent.REPLACE
                    emit_numbers(s, k, event, time, Reason.FOLLOWS_ENTRY, before, filled)
                order["flags"] &= ~HELD
                emit(s, k, OrderEvent.RELEASE, time, 0)
            elif lots > 0:
                resize(s, k, before + lots)
                emit(s, k, OrderEvent.REPLACE, time, Reason.FOLLOWS_ENTRY)
        k = order["sibling"]


@jit
def show_more(s, o, lots):  # type: ignore[no-untyped-def]
    """Lots of what an iceberg shows have filled: with nothing left of it the next part is shown, behind all other orders."""
    order = order_at(s, o)
    order["shown"] -= lots
    if order["shown"] <= 0 and order["leaves_quantity"] > 0:
        order["shown"] = order["display_quantity"]
        put_last(s, o)


@jit
def settle_group(s, o, lots, time):  # type: ignore[no-untyped-def]
    """Order o of a group has filled some lots: the others become smaller by them, or end; a finished exit ends its entry."""
    order = order_at(s, o)
    done = order["leaves_quantity"] == 0
    k = order["oco_next"]
    while k >= 0 and k != o:
        other = order_at(s, k)
        if is_live(other):
            if done or other["leaves_quantity"] <= lots:
                end_order(s, k, OrderEvent.CANCEL, time, Reason.OCO_FILLED, NOTHING, NOTHING)
            else:
                before = other["leaves_quantity"]
                other["flags"] &= ~SIZED_AT_FILL
                resize(s, k, other["quantity"] - lots)
                emit_numbers(s, k, OrderEvent.SHRINK, time, Reason.OCO_FILLED, before, before - lots)
        k = other["oco_next"]
    entry = order["parent_id"]
    if done and order["waits"] == FOLLOWS and is_live(order_at(s, entry)):
        end_order(s, entry, OrderEvent.CANCEL, time, Reason.EXIT_FILLED, NOTHING, NOTHING)


@jit
def reserve_rest(s, order):  # type: ignore[no-untyped-def]
    """Reserve what the order's leaves need, 0 where nothing is checked."""
    lots = order["leaves_quantity"]
    if lots > 0 and is_checked(s, order, lots) and not goes_short(s, order, lots):
        reserve(s, order, required_with_fee(s, order, lots, order_price(s, order), TAKER))
    else:
        reserve(s, order, 0)


@jit
def fund(s, o, time, lots, price, maker, hold):  # type: ignore[no-untyped-def]
    """Check funds for lots of order o; shrink or refuse it if they are short. Returns the lots that are funded, 0 if refused.

    The order's own reservation counts as free. With ``hold``, for all of an order that has none yet, what it needs is reserved.
    Legs are funded as a list, by ``kernel.legs``.
    """
    order = order_at(s, o)
    if order["flags"] & LEG != 0 or not is_checked(s, order, lots):
        return lots
    short = goes_short(s, order, lots)
    if short:
        needed = lots
        funds = max(instrument_at(s, order["symbol"])["position"], 0)
        allowed = funds
    else:
        needed = required_with_fee(s, order, lots, price, maker)
        funds = available(s, order)
        if needed <= funds:
            if hold:
                reserve(s, order, needed)
            return lots
        allowed = -1
    if shrinks(s, order):
        if allowed < 0:
            allowed = affordable(s, order, lots, price, maker, funds)
        if allowed > 0:
            cash = s["account_type"] == AccountType.CASH
            resize(s, o, order["cum_quantity"] + allowed)
            emit_numbers(s, o, OrderEvent.SHRINK, time, Reason.SHRUNK_TO_CASH if cash else Reason.SHRUNK_TO_MARGIN, needed, funds)
            if hold:
                reserve_rest(s, order)
            return allowed
    reason = Reason.INSUFFICIENT_MARGIN
    if short:
        reason = Reason.SHORT_IN_CASH_ACCOUNT
    elif s["account_type"] == AccountType.CASH:
        reason = Reason.INSUFFICIENT_CASH
    refuse(s, o, time, reason, needed, funds)
    return 0


@jit
def release(s, o, time):  # type: ignore[no-untyped-def]
    """A held order becomes free because its parent is filled: it comes to the market now, behind what is there."""
    order = order_at(s, o)
    order["flags"] &= ~HELD
    if order["waits"] == AFTER:
        add_pending(s, order, order["leaves_quantity"])
    if order["symbol"] == order_at(s, order["parent_id"])["symbol"]:
        order["from_price"] = instrument_at(s, order["symbol"])["mark"]
    else:
        order["arrived_at"] = max(order["arrived_at"], time)
    put_last(s, o)
    emit(s, o, OrderEvent.RELEASE, time, 0)
    fund(s, o, time, order["leaves_quantity"], order_price(s, order), TAKER, YES)


@jit
def release_children(s, o, lots, time):  # type: ignore[no-untyped-def]
    """A fill of order o arms its exits, and once it is full releases what waits for that and has arrived."""
    k = order_at(s, o)["child"]
    if order_at(s, k)["waits"] == FOLLOWS:
        arm_exits(s, o, lots, time)
    if order_at(s, o)["leaves_quantity"] > 0:
        return
    while k >= 0:
        order = order_at(s, k)
        held = order["flags"] & HELD != 0  # one that was released once stays so, also if its parent is filled a second time
        if order["waits"] != FOLLOWS and order["accepted"] != 0 and held and is_live(order):
            release(s, k, time)
        k = order["sibling"]


@jit
def accept(s, o, time):  # type: ignore[no-untyped-def]
    """The broker has the order: it works from now on."""
    order_at(s, o)["accepted"] = 1
    if order_at(s, o)["type"] != OrderType.MARKET:
        s["priced"] += 1
    emit(s, o, OrderEvent.ACCEPT, time, 0)
    link_last(s, o)


@jit
def blank_order(s, strategy, i, side, quantity):  # type: ignore[no-untyped-def]
    """A new market order record of this instant, INITIALIZED, not yet counted as live. Returns its number."""
    o = s["n_orders"]
    s["n_orders"] = o + 1
    order = order_at(s, o)
    order["order_id"] = o
    order["intent_id"] = -1
    order["strategy"] = strategy
    order["symbol"] = i
    order["side"] = side
    order["type"] = OrderType.MARKET
    order["tif"] = TimeInForce.GTC
    order["size_mode"] = 1
    order["size"] = quantity
    order["parent_id"] = -1
    order["oco_id"] = -1
    order["list_id"] = -1
    order["position_id"] = -1
    order["rule_id"] = -1
    order["tag"] = -1
    order["decided_at"] = s["now"]
    order["sent_at"] = s["now"]
    order["arrived_at"] = s["now"] + s["latency_ns"]
    order["expire_at"] = 0
    order["decision_price"] = instrument_at(s, i)["mark"]
    order["quantity"] = quantity
    order["limit_price"] = 0
    order["stop_price"] = 0
    order["display_quantity"] = 0
    order["trail_offset"] = 0
    order["trail_unit"] = 0
    order["status"] = OrderStatus.INITIALIZED
    order["flags"] = 0
    order["reason"] = 0
    order["cum_quantity"] = 0
    order["leaves_quantity"] = 0
    order["cum_notional"] = 0
    order["fee"] = 0
    order["done_at"] = 0
    order["exit_reason"] = 1
    order["queue_ahead"] = -1
    order["lot_id"] = -1
    order["reserved"] = 0
    order["fee_raw"] = 0
    order["next"] = -1
    order["prev"] = -1
    order["child"] = -1
    order["sibling"] = -1
    order["waits"] = 0
    order["oco_next"] = -1
    order["shown"] = 0
    order["from_price"] = 0
    order["asked"] = 0
    order["accepted"] = 0
    order["tried"] = 0
    expect_order(s["orders"], o + 1)
    return o


@jit
def submit_order(s, o):  # type: ignore[no-untyped-def]
    """Count order o as live and write SUBMIT at its sending time."""
    order = order_at(s, o)
    order["leaves_quantity"] = order["quantity"]
    instrument_at(s, order["symbol"])["live"] += 1
    s["live"] += 1
    if order["flags"] & REDUCE_ONLY != 0:
        s["reducing"] += 1
    add_pending(s, order, order["quantity"])
    book = book_at(s, order["strategy"] * s["n_instruments"] + order["symbol"])
    if book["head"] >= 0:
        expect_lot(s["lots"], book["tail"] if s["lots_method"] == Lots.LIFO else book["head"])
    emit(s, o, OrderEvent.SUBMIT, order["sent_at"], 0)


@jit
def engine_order(s, strategy, i, quantity, side, exit_reason, flags):  # type: ignore[no-untyped-def]
    """An order of the engine itself that closes a position; it arrives as it is sent. Returns its number; ``flags`` come on top."""
    o = blank_order(s, strategy, i, side, quantity)
    order = order_at(s, o)
    order["flags"] = CLOSING | ENGINE | flags
    order["exit_reason"] = exit_reason
    order["arrived_at"] = s["now"]
    return o
