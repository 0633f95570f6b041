"""The trading state: switched by the strategy, by limits on losses, and back at the day after a loss; and closing everything.

Rules: ``docs/execution_rules.md`` §2, *Trading state*, and §8, *Margin call*.
"""

from __future__ import annotations

from fillwright.kernel._codes import NOTHING, REDUCE_ONLY, ExitReason, LimitAction, OrderEvent, Reason, TradingState
from fillwright.kernel._jit import entry, jit
from fillwright.kernel.arrivals import end_all
from fillwright.kernel.fixed import muldiv
from fillwright.kernel.intake import NO_ROOM
from fillwright.kernel.matching import accept_engine_order
from fillwright.kernel.models import RATE_SCALE, equity_now
from fillwright.kernel.orders import engine_order
from fillwright.kernel.quotes import meet_standing
from fillwright.kernel.state import (
    SWITCHES_AT_ONCE,
    book_at,
    feed_at,
    instrument_at,
    load_int64,
    load_uint8,
    state_at,
    switch_at,
)


@jit
def has_room_to_switch(s):  # type: ignore[no-untyped-def]
    """Whether what the limits may write at an instant fits."""
    return s["n_switches"] + SWITCHES_AT_ONCE <= s["switches_cap"]


@jit
def _settle(s, reason, action, needed, had):  # type: ignore[no-untyped-def]
    """The trading state is the strictest that is asked for; write down what changed it."""
    before = s["trading_state"]
    state = max(s["asked_state"], s["drawdown_state"], s["day_state"])
    s["trading_state"] = state
    if state == before and reason == 0:
        return
    k = s["n_switches"]
    s["n_switches"] = k + 1
    record = switch_at(s, k)
    record["seq"] = k
    record["instant"] = s["now"]
    record["before"] = before
    record["state"] = state
    record["asked"] = s["asked_state"]
    record["reason"] = reason
    record["action"] = action
    record["required"] = needed
    record["available"] = had


@entry("int64(int64, int64)")
def switch(address, state):  # type: ignore[no-untyped-def]
    """The strategy asks for a trading state. Returns 0, or NO_ROOM: enlarge and call again."""
    s = state_at(address)
    if not has_room_to_switch(s):
        return NO_ROOM
    s["asked_state"] = state
    _settle(s, NOTHING, NOTHING, NOTHING, NOTHING)
    return 0


@jit
def _state_of(action):  # type: ignore[no-untyped-def]
    """The trading state that an action brings."""
    return TradingState.REDUCE_ONLY if action == LimitAction.REDUCE_ONLY else TradingState.HALTED


@jit
def close_all(s, reason, exit_reason, flags):  # type: ignore[no-untyped-def]
    """Cancel everything and close every position by engine orders with these flags; where quotes stand they meet them at once."""
    end_all(s, OrderEvent.CANCEL, reason)
    for i in range(s["n_instruments"]):
        for strategy in range(s["n_strategies"]):
            position = book_at(s, strategy * s["n_instruments"] + i)["position"]
            if position != 0:
                if exit_reason == ExitReason.LIQUIDATION:
                    s["liquidating"] += 1
                accept_engine_order(s, engine_order(s, strategy, i, abs(position), -1 if position > 0 else 1, exit_reason, flags))
    if s["quoted"] != 0:
        meet_standing(s, s["now"])


@jit
def _begin_day(s, equity):  # type: ignore[no-untyped-def]
    """The day's loss counts from the equity at the end of the day before; the state that a loss had brought ends with its day."""
    if s["n_equity"] == 0:
        s["day_equity"] = equity
    elif s["day_over"] != 0:
        s["day_over"] = 0
        s["day_equity"] = load_int64(s["equity"], s["n_instants"], s["n_equity"] - 1)
        if s["day_state"] != TradingState.ACTIVE:
            s["day_state"] = TradingState.ACTIVE
            _settle(s, Reason.NEW_DAY, NOTHING, NOTHING, NOTHING)
    feed = feed_at(s, instrument_at(s, 0)["feed"])
    row = feed["row"] - 1
    if row >= 0 and row != s["day_row"] and load_uint8(feed["day_last"], feed["n"], row) != 0:
        s["day_over"] = 1
        s["day_row"] = row


@jit
def watch_losses(s):  # type: ignore[no-untyped-def]
    """At marks: the trading state follows the limits on drawdown and on the loss of the day."""
    equity = equity_now(s)
    _begin_day(s, equity)
    flatten = NOTHING
    acts = s["max_drawdown"] >= 0 and s["on_drawdown"] != LimitAction.REFUSE
    if acts and s["drawdown_state"] == TradingState.ACTIVE:
        peak = max(s["peak"], equity)
        most = muldiv(peak, s["max_drawdown"], RATE_SCALE)
        if peak - equity > most:
            s["drawdown_state"] = _state_of(s["on_drawdown"])
            _settle(s, Reason.MAX_DRAWDOWN, s["on_drawdown"], peak - equity, most)
            if s["on_drawdown"] == LimitAction.FLATTEN:
                flatten = Reason.MAX_DRAWDOWN
    if s["max_daily_loss"] >= 0 and s["day_state"] == TradingState.ACTIVE:
        loss = s["day_equity"] - equity
        most = muldiv(s["day_equity"], s["max_daily_loss"], RATE_SCALE)
        if loss > most:
            s["day_state"] = _state_of(s["on_daily_loss"])
            _settle(s, Reason.MAX_DAILY_LOSS, s["on_daily_loss"], loss, most)
            if s["on_daily_loss"] == LimitAction.FLATTEN and flatten == 0:
                flatten = Reason.MAX_DAILY_LOSS
    if flatten != 0 and s["liquidating"] == 0:
        close_all(s, flatten, ExitReason.RISK_LIMIT, REDUCE_ONLY)
