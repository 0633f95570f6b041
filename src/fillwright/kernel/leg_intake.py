"""Legs on their way out: a list is sent as a whole or denied as a whole.

Rules: ``docs/execution_rules.md`` §2, *legs*; how they fill is ``kernel.legs``.
"""

from __future__ import annotations

from fillwright.kernel._codes import LEG, NOTHING, Deduplicate, ExitReason, Reason
from fillwright.kernel._jit import entry, jit
from fillwright.kernel.arrivals import push_command
from fillwright.kernel.intake import NO_ROOM, acted_on, has_room_for
from fillwright.kernel.limits import bar_to, limit_check, limits_in_force, opening, start_position
from fillwright.kernel.orders import add_pending, blank_order, deny, submit_order
from fillwright.kernel.state import NEW_ORDER, instrument_at, int64_at, order_at, state_at


@jit
def _check(s, o):  # type: ignore[no-untyped-def]
    """(reason or 0, number compared, limit) of our own checks of one leg: what would make another order smaller refuses it."""
    order = order_at(s, o)
    start = start_position(s, order)
    barred = bar_to(s, order, start)
    if barred == 0 and order["quantity"] <= 0:
        barred = Reason.ZERO_QUANTITY
    if barred != 0:
        return barred, NOTHING, NOTHING
    if opening(start, order["side"], order["quantity"]) > 0:
        for which in range(limits_in_force(s)):
            reason, needed, had = limit_check(s, o, start, order["quantity"], which)
            if reason != 0:
                return reason, needed, had
    return 0, NOTHING, NOTHING


@jit
def _count(s, o, way):  # type: ignore[no-untyped-def]
    """Let the checks of the next legs see this one (1), or no longer (-1)."""
    order = order_at(s, o)
    instrument_at(s, order["symbol"])["live"] += way
    add_pending(s, order, way * order["quantity"])


@entry("int64(int64, int64, int64)")
def submit_legs(address, cells, count):  # type: ignore[no-untyped-def]
    """Legs of one list: int64 rows (instrument, side, lots), each instrument once; the other fields are the ticket's.

    Returns the number of the first, or NO_ROOM before anything has happened.
    """
    s = state_at(address)
    if not has_room_for(s, count):
        return NO_ROOM
    rows = int64_at(cells, 3 * count)
    intent = s["intents"]
    s["intents"] = intent + 1
    first = s["n_orders"]
    reason, needed, had = 0, NOTHING, NOTHING
    bad = 0
    if s["deduplicate"] != Deduplicate.NONE and s["t_rule"] >= 0 and acted_on(s):
        reason = Reason.DUPLICATE_RULE
    for k in range(count):
        order = order_at(s, blank_order(s, s["t_strategy"], rows[3 * k], rows[3 * k + 1], rows[3 * k + 2]))
        order["intent_id"] = intent
        order["list_id"] = first
        order["tif"] = s["t_tif"]
        order["rule_id"] = s["t_rule"]
        order["tag"] = s["t_tag"]
        order["exit_reason"] = ExitReason.SIGNAL
        order["flags"] = LEG
    seen = 0
    while reason == 0 and seen < count:
        bad = seen
        reason, needed, had = _check(s, first + seen)
        if reason == 0:
            _count(s, first + seen, 1)
            seen += 1
    for k in range(seen):
        _count(s, first + k, -1)
    for k in range(count):
        if reason == 0:
            submit_order(s, first + k)
            push_command(s, NEW_ORDER, first + k, 0, 0, 0)
        elif k == bad:
            deny(s, first + k, reason, needed, had)
        else:
            deny(s, first + k, Reason.LEG_ENDED, NOTHING, NOTHING)
    if reason == 0:
        s["legs"] += count
    return first
