"""The one door for orders: a filled-in ticket becomes orders, a refusal on record, or a counted *no change*.

Rules: ``docs/execution_rules.md`` §2. Every driver (Python, compiled, arrays) comes through :func:`submit`.
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
    TRIGGERED,
    Action,
    Deduplicate,
    ExitReason,
    OrderEvent,
    OrderType,
    Reason,
    Reversal,
    SizeMode,
    TradingState,
)
from fillwright.kernel._jit import entry, jit
from fillwright.kernel.arrivals import move_trail, push_command
from fillwright.kernel.exits import add_child, attach_exits, fix_exits, wait_for
from fillwright.kernel.limits import (
    bar_to,
    is_priced,
    limit_check,
    limit_on_replace,
    limits_in_force,
    opening,
    projected,
    shrink_to_limits,
    start_position,
    within_limit,
)
from fillwright.kernel.models import (
    fix_tick,
    has_limit,
    has_stop,
    on_tick,
    slippage,
    taker_price,
    trailing_stop,
    trigger_side,
    whole_price,
)
from fillwright.kernel.orders import (
    add_pending,
    blank_order,
    deny,
    emit,
    emit_numbers,
    is_live,
    resize,
    submit_order,
)
from fillwright.kernel.quotes import load_standing
from fillwright.kernel.reports import seems_live, seems_unknown
from fillwright.kernel.sizing import is_sized, lots_for, money_of
from fillwright.kernel.state import (
    AFTER,
    CANCEL,
    FAULT_ROOM,
    NEW_ORDER,
    REPLACE,
    command_at,
    expect_bar,
    has_room_to_trade,
    instrument_at,
    int64_at,
    lot_at,
    order_at,
    state_at,
)

NO_CHANGE, NO_ROOM = -1, -2
"""What ``submit`` returns instead of an order number."""


@jit
def _sized_lots(s, i, mode, size):  # type: ignore[no-untyped-def]
    """Lots of instrument i that a value, a weight, a risk or a volatility means now, 0 where it has no price."""
    if not is_priced(s, i):
        return 0
    instrument = instrument_at(s, i)
    load_standing(s, i)
    price = taker_price(instrument)
    price += slippage(instrument, price)
    worth = price
    if mode >= SizeMode.RISK:
        if has_limit(s["t_type"]) and s["t_trail_unit"] == 0:
            price = abs(s["t_limit"])
        elif has_stop(s["t_type"]) and s["t_stop"] != 0:
            price = abs(s["t_stop"])
        elif s["t_side"] < 0:
            price = instrument["mark"] - slippage(instrument, instrument["mark"])
        worth = s["t_side"] * (price - abs(s["t_loss"])) if mode == SizeMode.RISK else s["t_per"]
    return lots_for(s, i, worth, price, money_of(s, mode, size))


@jit
def _can_close(s, order):  # type: ignore[no-untyped-def]
    """Whether the lot that an order names is open, the order's own strategy's and instrument's, and on the other side."""
    k = order["lot_id"]
    if k >= s["n_lots"]:
        return False
    lot = lot_at(s, k)
    own = lot["strategy"] == order["strategy"] and lot["symbol"] == order["symbol"]
    return own and lot["remaining"] > 0 and lot["side"] != order["side"]


@jit
def _place_trail(instrument, order):  # type: ignore[no-untyped-def]
    """The first stop of a trailing order, and the limit beyond it."""
    if order["stop_price"] == 0:
        order["stop_price"] = trailing_stop(instrument, order, instrument["mark"])
    if has_limit(order["type"]):
        order["limit_price"] = max(order["stop_price"] + order["side"] * order["limit_price"], instrument["tick"], 1)


@jit
def _check_and_send(s, o):  # type: ignore[no-untyped-def]
    """Our own checks; then SUBMIT and off to the broker, or DENY. True if sent."""
    order = order_at(s, o)
    i = order["symbol"]
    side = order["side"]
    instrument = instrument_at(s, i)
    start = start_position(s, order)
    barred = bar_to(s, order, start)
    if barred != 0:
        return deny(s, o, barred, NOTHING, NOTHING)
    if order["lot_id"] >= 0 and not _can_close(s, order):
        return deny(s, o, Reason.LOT_NOT_OPEN, NOTHING, NOTHING)
    if order["trail_unit"] != 0:
        _place_trail(instrument, order)
    if has_limit(order["type"]):
        price = s["t_limit"] if s["t_limit"] < 0 else order["limit_price"]
        price = fix_tick(s, instrument, price, side > 0)
        if price == 0:
            return deny(s, o, Reason.OFF_TICK, NOTHING, NOTHING)
        order["limit_price"] = price
    if has_stop(order["type"]):
        price = s["t_stop"] if s["t_stop"] < 0 else order["stop_price"]
        price = fix_tick(s, instrument, price, trigger_side(order) < 0)
        if price == 0:
            return deny(s, o, Reason.OFF_TICK, NOTHING, NOTHING)
        order["stop_price"] = price
    if order["quantity"] <= 0:
        return deny(s, o, Reason.ZERO_QUANTITY, NOTHING, NOTHING)
    asked = order["quantity"]
    if order["flags"] & (REDUCE_ONLY | HELD) == REDUCE_ONLY:
        asked = min(asked, -side * projected(s, order["strategy"], i))
    lots = asked
    for which in range(limits_in_force(s)):
        if opening(start, side, lots) > 0:
            reason, needed, had = limit_check(s, o, start, lots, which)
            if reason != 0:
                lots = within_limit(s, o, start, lots, which)
                if lots == 0:
                    return deny(s, o, reason, needed, had)
    submit_order(s, o)
    whole = order["quantity"]
    if asked != whole:
        resize(s, o, asked)
        emit_numbers(s, o, OrderEvent.SHRINK, s["now"], Reason.SHRUNK_TO_POSITION, whole, asked)
    if lots != asked:
        shrink_to_limits(s, o, start, asked)
    push_command(s, NEW_ORDER, o, 0, 0, 0)
    return True


@jit
def _ticket_order(s, side, lots, intent):  # type: ignore[no-untyped-def]
    """A blank order with what the ticket says."""
    o = blank_order(s, s["t_strategy"], s["t_instrument"], side, lots)
    order = order_at(s, o)
    order["intent_id"] = intent
    order["size_mode"] = s["t_size_mode"]
    order["size"] = s["t_size"]
    order["rule_id"] = s["t_rule"]
    order["tag"] = s["t_tag"]
    order["exit_reason"] = ExitReason.SIGNAL
    if is_sized(s["t_size_mode"]):
        order["flags"] |= SIZED if s["t_size_mode"] == SizeMode.VOLATILITY else SIZED | s["size_at_fill"]
    if s["t_action"] == Action.REDUCE:
        order["flags"] |= REDUCE_ONLY
    return o


@jit
def _exit_of(kind):  # type: ignore[no-untyped-def]
    """Why an order that waits for a price closes what it closes."""
    if kind >= OrderType.MARKET_IF_TOUCHED:
        return ExitReason.TARGET
    return ExitReason.TRAILING if kind >= OrderType.TRAILING_STOP else ExitReason.STOP


@jit
def _limit_at_mark(s, instrument):  # type: ignore[no-untyped-def]
    """The ticket of a market order becomes that of a limit order at the last price, on the tick away from the market."""
    s["t_type"] = OrderType.LIMIT
    s["t_limit"] = on_tick(instrument["mark"], instrument["tick"], s["t_side"] < 0)


@jit
def _place(s, intent):  # type: ignore[no-untyped-def]
    """buy or sell: one order of the ticket's type."""
    i = s["t_instrument"]
    lots = s["t_size"]
    if s["default_limit"] != 0 and s["t_type"] == OrderType.MARKET and s["t_action"] != Action.REDUCE and is_priced(s, i):
        _limit_at_mark(s, instrument_at(s, i))
    if s["t_size_mode"] != SizeMode.UNITS:
        lots = _sized_lots(s, i, s["t_size_mode"], s["t_size"])
    o = _ticket_order(s, s["t_side"], lots, intent)
    order = order_at(s, o)
    order["type"] = s["t_type"]
    order["tif"] = s["t_tif"]
    order["expire_at"] = s["t_expire"]
    order["lot_id"] = s["t_lot"] - 1
    if has_limit(s["t_type"]):
        order["limit_price"] = whole_price(s["t_limit"], order["side"] < 0)
    if has_stop(s["t_type"]):
        order["stop_price"] = whole_price(s["t_stop"], order["side"] < 0)
        order["trail_offset"] = s["t_trail"]
        order["trail_unit"] = s["t_trail_unit"]
        order["exit_reason"] = _exit_of(s["t_type"])
    order["flags"] |= s["t_flags"]
    order["display_quantity"] = s["t_display"]
    order["shown"] = s["t_display"]
    if s["t_after"] != 0 and not wait_for(s, o, s["t_after"] - 1):
        deny(s, o, Reason.PARENT_ENDED, NOTHING, NOTHING)
        return o
    exits = s["t_take"] != 0 or s["t_loss"] != 0
    if exits and not fix_exits(s, i, order["side"]):
        deny(s, o, Reason.OFF_TICK, NOTHING, NOTHING)
    elif _check_and_send(s, o):
        if order["waits"] == AFTER:
            add_child(s, order["parent_id"], o)
        if exits:
            attach_exits(s, o)
    return o


@jit
def _target_lots(s, i, mode, size):  # type: ignore[no-untyped-def]
    """Signed lots that a target means now."""
    if mode == SizeMode.CLOSE:
        return 0
    if mode == SizeMode.TARGET_UNITS:
        return size
    lots = _sized_lots(s, i, mode, abs(size))
    return -lots if size < 0 else lots


@jit
def _move_to(s, target, intent):  # type: ignore[no-untyped-def]
    """Market orders that bring the ticket's instrument from its projected position to a target."""
    i = s["t_instrument"]
    if is_sized(s["t_size_mode"]) and s["t_size"] != 0 and not is_priced(s, i):
        o = _ticket_order(s, -1 if s["t_size"] < 0 else 1, 0, intent)
        _check_and_send(s, o)
        return o
    before = projected(s, s["t_strategy"], i)
    change = target - before
    if change == 0:
        s["no_change"] += 1
        return NO_CHANGE
    side = 1 if change > 0 else -1
    crosses = (before > 0 and target < 0) or (before < 0 and target > 0)
    if not crosses or s["reversal"] == Reversal.ONE_ORDER:
        o = _ticket_order(s, side, abs(change), intent)
        if target == 0:
            order_at(s, o)["flags"] = (order_at(s, o)["flags"] | CLOSING) & ~SIZED_AT_FILL
        order_at(s, o)["tif"] = s["t_tif"]
        _check_and_send(s, o)
        return o
    o = _ticket_order(s, side, abs(before), intent)
    order = order_at(s, o)
    order["flags"] = (order["flags"] | CLOSING) & ~SIZED_AT_FILL
    order["tif"] = s["t_tif"]
    order["exit_reason"] = ExitReason.REVERSAL
    if _check_and_send(s, o):
        child = _ticket_order(s, side, abs(target), intent)
        leg = order_at(s, child)
        leg["flags"] |= HELD
        leg["tif"] = s["t_tif"]
        leg["parent_id"] = o
        if _check_and_send(s, child):
            add_child(s, o, child)
    return o


@jit
def has_room_for(s, orders):  # type: ignore[no-untyped-def]
    """Whether so many orders fit; a driver that cannot enlarge the tables has a fault."""
    if (
        s["n_orders"] + orders <= s["orders_cap"]
        and s["n_order_events"] + 6 * orders <= s["order_events_cap"]
        and s["n_commands"] + orders <= s["commands_cap"]
        and has_room_to_trade(s, orders)
    ):
        return True
    if s["calling"] == 0:
        s["fault"] = FAULT_ROOM
    return False


@jit
def acted_on(s):  # type: ignore[no-untyped-def]
    """Whether the ticket's rule has an order already: at this instant, or in this run."""
    rule = s["t_rule"]
    if rule >= s["rules"]:  # rules are numbered as they are first named: this one is
        s["rules"] = rule + 1
        return False
    o = s["n_orders"] - 1
    while o >= 0:
        order = order_at(s, o)
        if s["deduplicate"] == Deduplicate.PER_INSTANT and order["decided_at"] < s["now"]:
            return False
        if order["rule_id"] == rule:
            return True
        o -= 1
    return False


@jit
def _settle_action(s):  # type: ignore[no-untyped-def]
    """Give the ticket of open, add, reduce or reverse its side and size from the position; returns why it cannot be, 0 if it can."""
    held = projected(s, s["t_strategy"], s["t_instrument"])
    toward = 1 if held > 0 else -1
    action = s["t_action"]
    if action == Action.OPEN:
        return Reason.POSITION_EXISTS if held != 0 else 0
    if action == Action.REDUCE:
        if s["t_after"] != 0 and is_live(order_at(s, s["t_after"] - 1)):
            return 0
        if s["t_side"] == 0:
            s["t_side"] = -toward
        return Reason.NO_POSITION if held * s["t_side"] >= 0 else 0
    if action == Action.ADD:
        s["t_side"] = toward
    elif s["t_size"] == 0:
        s["t_size"] = -held
    else:
        s["t_size"] = -toward * s["t_size"]
    return Reason.NO_POSITION if held == 0 else 0


@jit
def _refuse_ticket(s, intent, reason):  # type: ignore[no-untyped-def]
    """An order on record that says why the ticket was not acted on."""
    lots = s["t_size"] if s["t_size_mode"] == SizeMode.UNITS else 0
    side = s["t_side"]
    if side == 0:
        side = -1 if s["t_size"] < 0 else 1
    o = _ticket_order(s, side, lots, intent)
    deny(s, o, reason, NOTHING, NOTHING)
    return o


@entry("int64(int64)")
def submit(address):  # type: ignore[no-untyped-def]
    """Act on the ticket: one intent. Returns the (first) order's number, NO_CHANGE, or NO_ROOM: enlarge and call again."""
    s = state_at(address)
    if not has_room_for(s, 3):
        return NO_ROOM
    expect_bar(s, s["t_instrument"])
    intent = s["intents"]
    s["intents"] = intent + 1
    if s["deduplicate"] != Deduplicate.NONE and s["t_rule"] >= 0 and acted_on(s):
        return _refuse_ticket(s, intent, Reason.DUPLICATE_RULE)
    if s["t_action"] != Action.ANY:
        reason = _settle_action(s)
        if reason != 0:
            return _refuse_ticket(s, intent, reason)
    mode = s["t_size_mode"]
    if mode <= SizeMode.WEIGHT or mode >= SizeMode.RISK:
        return _place(s, intent)
    return _move_to(s, _target_lots(s, s["t_instrument"], mode, s["t_size"]), intent)


@entry("int64(int64, int64, int64)")
def submit_targets(address, cells, count):  # type: ignore[no-untyped-def]
    """Targets of one instant as one batch: int64 rows (instrument, size mode, size, scratch). Sells go before buys.

    The other fields are the ticket's. Returns 0, or NO_ROOM before anything has happened.
    """
    s = state_at(address)
    if not has_room_for(s, 2 * count):
        return NO_ROOM
    rows = int64_at(cells, 4 * count)
    first = s["intents"]
    s["intents"] = first + count
    for k in range(count):
        expect_bar(s, rows[4 * k])
        rows[4 * k + 3] = _target_lots(s, rows[4 * k], rows[4 * k + 1], rows[4 * k + 2])
    for buys in range(2):
        for k in range(count):
            i = rows[4 * k]
            change = rows[4 * k + 3] - projected(s, s["t_strategy"], i)
            if is_sized(rows[4 * k + 1]) and not is_priced(s, i):
                change = rows[4 * k + 2]  # it will be denied, on the side it was meant for
            if (change > 0) == (buys == 1):
                s["t_instrument"] = i
                s["t_size_mode"] = rows[4 * k + 1]
                s["t_size"] = rows[4 * k + 2]
                _move_to(s, rows[4 * k + 3], first + k)
    return 0


@entry("int64(int64, int64)")
def cancel(address, o):  # type: ignore[no-untyped-def]
    """Ask for the cancel of order o. 1 = asked, 0 = it is done or the engine's own, NO_ROOM."""
    s = state_at(address)
    if not has_room_for(s, 1):
        return NO_ROOM
    order = order_at(s, o)
    live = is_live(order)
    if not (live if s["faults"] == 0 else seems_live(s, o)) or order["flags"] & ENGINE != 0:
        return 0
    if live:
        add_pending(s, order, -order["leaves_quantity"])
        order["flags"] |= PENDING_CANCEL
    emit(s, o, OrderEvent.CANCEL_REQUEST, s["now"], 0)
    push_command(s, CANCEL, o, 0, 0, 0)
    return 1


@jit
def _request_replace(s, o, quantity, limit, stop, trail, unit):  # type: ignore[no-untyped-def]
    """REPLACE_REQUEST carries the result as it would be now; the command, what was asked for; the order itself is as it was."""
    order = order_at(s, o)
    was_quantity = order["quantity"]
    was_limit = order["limit_price"]
    was_stop = order["stop_price"]
    if is_live(order):
        order["flags"] |= PENDING_REPLACE
    order["asked"] += 1
    if quantity != 0:
        order["quantity"] = quantity
    if limit != 0:
        order["limit_price"] = limit
    if stop != 0:
        order["stop_price"] = stop
    emit(s, o, OrderEvent.REPLACE_REQUEST, s["now"], 0)
    push_command(s, REPLACE, o, quantity, limit, stop)
    command = command_at(s, s["n_commands"] - 1)
    command["trail"] = trail
    command["trail_unit"] = unit
    order["quantity"] = was_quantity
    order["limit_price"] = was_limit
    order["stop_price"] = was_stop


@jit
def _stop_to_be(s, order, limit, stop, trail, unit):  # type: ignore[no-untyped-def]
    """(limit, stop) that order would have after a replace that arrives at once; the order stays as it is."""
    was_limit = order["limit_price"]
    was_stop = order["stop_price"]
    if trail != 0:
        was_offset = order["trail_offset"]
        was_unit = order["trail_unit"]
        move_trail(s, order, trail, unit, limit, stop)
        order["trail_offset"] = was_offset
        order["trail_unit"] = was_unit
    new_limit = limit if limit != 0 else order["limit_price"]
    new_stop = stop if stop != 0 and order["flags"] & TRIGGERED == 0 else order["stop_price"]
    order["limit_price"] = was_limit
    order["stop_price"] = was_stop
    return new_limit, new_stop


@entry("int64(int64, int64, int64, int64, int64, int64, int64)")
def replace(address, o, quantity, limit, stop, trail, unit):  # type: ignore[no-untyped-def]
    """Ask for new total quantity, limit, stop and distance of a trail (in its unit) of order o; 0 = unchanged.

    1 = asked, 0 = refused or done, NO_ROOM.
    """
    s = state_at(address)
    if not has_room_for(s, 1):
        return NO_ROOM
    order = order_at(s, o)
    live = is_live(order)
    if not (live if s["faults"] == 0 else seems_live(s, o)) or order["flags"] & (ENGINE | LEG) != 0:
        return 0
    if s["trading_state"] == TradingState.HALTED:
        emit(s, o, OrderEvent.REPLACE_REJECT, s["now"], Reason.TRADING_HALTED)
        return 0
    if s["faults"] != 0 and seems_unknown(s, o):
        emit(s, o, OrderEvent.REPLACE_REJECT, s["now"], Reason.ORDER_UNKNOWN)
        return 0
    instrument = instrument_at(s, order["symbol"])
    new_limit = 0
    new_stop = 0
    if limit != 0:
        new_limit = fix_tick(s, instrument, limit, order["side"] > 0)
    if stop != 0:
        new_stop = fix_tick(s, instrument, stop, trigger_side(order) < 0)
    if (limit != 0 and new_limit == 0) or (stop != 0 and new_stop == 0):
        emit(s, o, OrderEvent.REPLACE_REJECT, s["now"], Reason.OFF_TICK)
        return 0
    if not has_limit(order["type"]):
        new_limit = 0
    if not has_stop(order["type"]):
        new_stop = 0
    if order["trail_unit"] == 0:
        trail = 0
    same_quantity = quantity == 0 or quantity == order["quantity"]
    same_limit = new_limit == 0 or new_limit == order["limit_price"]
    same_stop = new_stop == 0 or new_stop == order["stop_price"]
    same_trail = trail == 0 or (trail == order["trail_offset"] and unit == order["trail_unit"])
    nothing = quantity == 0 and new_limit == 0 and new_stop == 0 and trail == 0
    if nothing or (same_quantity and same_limit and same_stop and same_trail and order["asked"] == 0):
        emit(s, o, OrderEvent.REPLACE_REJECT, s["now"], Reason.NOTHING_TO_CHANGE)
        return 0
    if not live:  # the manager has not heard of its end
        _request_replace(s, o, quantity, new_limit, new_stop, trail, unit)
        return 1
    total = quantity if quantity != 0 else order["quantity"]
    later_limit, later_stop = _stop_to_be(s, order, new_limit, new_stop, trail, unit)
    reason, needed, had = limit_on_replace(s, o, total - order["cum_quantity"], later_limit, later_stop)
    if reason != 0:
        emit_numbers(s, o, OrderEvent.REPLACE_REJECT, s["now"], reason, needed, had)
        return 0
    _request_replace(s, o, quantity, new_limit, new_stop, trail, unit)
    return 1
