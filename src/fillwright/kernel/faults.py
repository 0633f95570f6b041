"""What a broker does wrong where the configuration asks for it: refusals without a reason, and outages of the line to it.

Every draw is keyed by (seed, what, order, step), so that no fault depends on what else happens. Rules: ``docs/execution_rules.md`` §10.
"""

from __future__ import annotations

from fillwright.kernel._codes import NOTHING, PENDING_CANCEL, PENDING_REPLACE, OrderEvent, Reason
from fillwright.kernel._jit import jit
from fillwright.kernel.models import RATE_SCALE
from fillwright.kernel.orders import add_pending, emit, end_order, is_live
from fillwright.kernel.rng import uniform
from fillwright.kernel.state import CANCEL, NEW_ORDER, load_int64, order_at, told_at

REJECT, REJECT_CANCEL, REJECT_REPLACE, LATE, LOST, DUPLICATE, REORDER, OUTAGE = 16, 17, 18, 19, 20, 21, 22, 23
"""First numbers of draws."""


@jit
def happens(s, what, o, step, chance):  # type: ignore[no-untyped-def]
    """Whether a fault happens at step number ``step`` of order o, by its chance in 10^-9."""
    return chance != 0 and uniform(s["seed"], what, o, step) * RATE_SCALE < chance


@jit
def after_outages(s, time):  # type: ignore[no-untyped-def]
    """The first moment from a time on at which the line to the broker works."""
    length = s["f_outage_length"]
    zero = time - time
    again = True
    while again:
        again = False
        for k in range(s["n_outages"]):
            end = load_int64(s["outages"], 2 * s["n_outages"], 2 * k + 1)
            if load_int64(s["outages"], 2 * s["n_outages"], 2 * k) <= time < end:
                time = end
                again = True
        if s["f_outage"] != 0 and happens(s, OUTAGE, zero, time // length, s["f_outage"]):
            time = (time // length + 1) * length
            again = True
    return time


@jit
def delay(s, command):  # type: ignore[no-untyped-def]
    """A command that would arrive in an outage arrives at its end."""
    command["arrived_at"] = after_outages(s, command["arrived_at"])
    if command["kind"] == NEW_ORDER:
        order_at(s, command["order"])["arrived_at"] = command["arrived_at"]


@jit
def turns_away(s, command):  # type: ignore[no-untyped-def]
    """Whether the broker refuses a command that has just arrived, for no reason of ours; if so that is on record."""
    o = command["order"]
    time = command["arrived_at"]
    order = order_at(s, o)
    told = told_at(s, o)
    step = told["commands"]
    told["commands"] = step + 1
    if command["kind"] == CANCEL:
        told["sent"] -= 1
    if not is_live(order):
        return False
    if command["kind"] == NEW_ORDER:
        if not happens(s, REJECT, o, step, s["f_reject"]):
            return False
        end_order(s, o, OrderEvent.REJECT, time, Reason.BROKER_REJECTED, NOTHING, NOTHING)
    elif command["kind"] == CANCEL:
        if not happens(s, REJECT_CANCEL, o, step, s["f_reject_cancel"]):
            return False
        if told["sent"] == 0:
            order["flags"] &= ~PENDING_CANCEL
            add_pending(s, order, order["leaves_quantity"])
        emit(s, o, OrderEvent.CANCEL_REJECT, time, Reason.BROKER_REJECTED)
    else:
        if not happens(s, REJECT_REPLACE, o, step, s["f_reject_replace"]):
            return False
        order["asked"] -= 1
        if order["asked"] == 0:
            order["flags"] &= ~PENDING_REPLACE
        emit(s, o, OrderEvent.REPLACE_REJECT, time, Reason.BROKER_REJECTED)
    return True
