"""The loop: one instant after the other, each in the order of ``docs/execution_rules.md`` §1."""

from __future__ import annotations

import numpy as np
from numba import types

from fillwright.kernel._codes import AccountType, ExitReason, FillWhen, OrderEvent, Reason
from fillwright.kernel._jit import entry, jit
from fillwright.kernel.fixed import muldiv
from fillwright.kernel.margin import below_maintenance, margin_of, set_mark
from fillwright.kernel.matching import accept_engine_order, flatten_at_close, match_lookahead, match_path, open_bar
from fillwright.kernel.models import FX_SCALE, equity_now
from fillwright.kernel.orders import end_all, engine_order, expire_day, expire_gtd, process_arrivals
from fillwright.kernel.state import (
    DONE,
    FAULT,
    FAULT_NO_RATE,
    GROW,
    ON_BARS,
    ON_ORDER_EVENT,
    ON_SESSION_CLOSE,
    ON_SESSION_OPEN,
    ON_TIMER,
    PAUSE,
    STOPPED,
    WANTS_BAR,
    WANTS_BARS,
    WANTS_ORDER_EVENTS,
    WANTS_SESSIONS,
    WANTS_TIMERS,
    books_of,
    currencies_of,
    feeds_of,
    has_room,
    instruments_of,
    int32_at,
    int64_at,
    state_at,
    uint8_at,
)

CALLBACK = types.FunctionType(types.int64(types.int64, types.int64, types.int64))
"""``callback(state address, kind or feed, row or index) -> 0`` to go on, anything else to stop."""


@jit
def _lay_out_bars(s, first, last):  # type: ignore[no-untyped-def]
    feeds = feeds_of(s)
    events = int32_at(s["event_feed"], last)
    working = s["n_working"] > 0
    for k in range(first, last):
        if feeds[events[k]]["execution"] != 0:
            open_bar(s, events[k], working)


@jit
def _match(s, first, last):  # type: ignore[no-untyped-def]
    """Steps 2 to 3: working orders meet the bars of this instant."""
    expire_gtd(s)
    flat = s["flat_run_end"] != 0 or s["flat_day_end"] != 0
    if s["n_working"] > 0 or s["fill_when"] == FillWhen.SAME_CLOSE_LOOKAHEAD or flat:
        _lay_out_bars(s, first, last)
        if s["n_working"] > 0:
            match_path(s)
        if flat:
            flatten_at_close(s)


@jit
def _end_days(s, first, last):  # type: ignore[no-untyped-def]
    """DAY orders expire after the last bar of their instrument's day, instruments in market order."""
    instruments = instruments_of(s)
    feeds = feeds_of(s)
    if last - first == 1:
        _end_day(s, int32_at(s["event_feed"], last)[first])
        return
    for i in range(s["n_instruments"]):
        f = instruments[i]["feed"]
        row = feeds[f]["row"] - 1
        if row >= 0 and int64_at(feeds[f]["close_time"], feeds[f]["n"])[row] == s["now"]:
            _end_day(s, f)


@jit
def _end_day(s, f):  # type: ignore[no-untyped-def]
    feed = feeds_of(s)[f]
    if feed["execution"] != 0 and uint8_at(feed["day_last"], feed["n"])[feed["row"] - 1] != 0:
        expire_day(s, feed["instrument"], s["now"])


@jit
def _update_rates(s):  # type: ignore[no-untyped-def]
    """Exchange rates follow the marks of their pairs."""
    currencies = currencies_of(s)
    instruments = instruments_of(s)
    for k in range(1, s["n_currencies"]):
        c = currencies[k]
        if c["pair"] >= 0:
            pair = instruments[c["pair"]]
            if pair["mark"] != 0:
                if c["inverse"] != 0:
                    c["rate"] = muldiv(FX_SCALE, pair["price_scale"], pair["mark"])
                else:
                    c["rate"] = muldiv(pair["mark"], FX_SCALE, pair["price_scale"])
        if c["rate"] == 0 and c["cash"] + c["value"] != 0:
            s["fault"] = FAULT_NO_RATE
            s["fault_a"] = k


@jit
def _liquidate(s):  # type: ignore[no-untyped-def]
    """Cancel everything and close every position with engine orders."""
    end_all(s, OrderEvent.CANCEL, Reason.LIQUIDATION)
    books = books_of(s)
    for i in range(s["n_instruments"]):
        for strategy in range(s["n_strategies"]):
            position = books[strategy * s["n_instruments"] + i]["position"]
            if position != 0:
                side = -1 if position > 0 else 1
                s["liquidating"] += 1
                accept_engine_order(s, engine_order(s, strategy, i, abs(position), side, ExitReason.LIQUIDATION))


@jit
def _check_margin(s):  # type: ignore[no-untyped-def]
    if s["liquidating"] == 0 and below_maintenance(s):
        _liquidate(s)


@jit
def _call_events(s, callback):  # type: ignore[no-untyped-def]
    """Order events since the last callbacks; those that the callbacks themselves cause come next time."""
    last = s["n_order_events"]
    first = s["event_read"]
    s["event_read"] = last
    if s["mask"] & WANTS_ORDER_EVENTS != 0:
        for k in range(first, last):
            if callback(s["self"], ON_ORDER_EVENT, k) != 0:
                return 1
    return 0


@jit
def _call_sessions(s, first, last, callback):  # type: ignore[no-untyped-def]
    feeds = feeds_of(s)
    events = int32_at(s["event_feed"], last)
    for k in range(first, last):
        feed = feeds[events[k]]
        if feed["execution"] != 0:
            ends = uint8_at(feed["day_last"], feed["n"])
            row = feed["row"] - 1
            if (row == 0 or ends[row - 1] != 0) and callback(s["self"], ON_SESSION_OPEN, feed["instrument"]) != 0:
                return 1
            if ends[row] != 0 and callback(s["self"], ON_SESSION_CLOSE, feed["instrument"]) != 0:
                return 1
    return 0


@jit
def _call_data(s, first, last, callback):  # type: ignore[no-untyped-def]
    """Bars in feed order, or one call for the instant; then timers."""
    mask = s["mask"]
    if mask & WANTS_BAR != 0:
        feeds = feeds_of(s)
        events = int32_at(s["event_feed"], last)
        for k in range(first, last):
            if callback(s["self"], events[k], feeds[events[k]]["row"] - 1) != 0:
                return 1
    if mask & WANTS_BARS != 0 and last > first:
        if callback(s["self"], ON_BARS, s["instant"]) != 0:
            return 1
    if mask & WANTS_TIMERS != 0 and uint8_at(s["timers"], s["n_instants"])[s["instant"]] != 0:
        if callback(s["self"], ON_TIMER, s["instant"]) != 0:
            return 1
    return 0


@jit
def _sample_equity(s):  # type: ignore[no-untyped-def]
    """Store equity; keep the peak, the trough since, and the deepest drawdown as a fraction of its peak."""
    equity = equity_now(s)
    n = s["n_equity"]
    int64_at(s["equity"], n + 1)[n] = equity
    s["n_equity"] = n + 1
    if equity > s["peak"] or n == 0:
        _close_drawdown(s)
        s["peak"] = equity
        s["trough"] = equity
    elif equity < s["trough"]:
        s["trough"] = equity


@jit
def _close_drawdown(s):  # type: ignore[no-untyped-def]
    """Keep the drawdown from the last peak if it is the deepest so far."""
    depth = s["peak"] - s["trough"]
    if s["peak"] > 0 and float(depth) * float(s["drawdown_peak"]) > float(s["drawdown"]) * float(s["peak"]):
        s["drawdown"] = depth
        s["drawdown_peak"] = s["peak"]


@entry(types.int64(types.int64, CALLBACK))
def advance(address, callback):  # type: ignore[no-untyped-def]
    """Run until instant number ``stop_at``. Returns DONE, PAUSE, GROW, STOPPED (callback) or FAULT; all but FAULT can go on.

    ``callback`` is the strategy: a compiled function or a ctypes callback, through the same address type.
    """
    s = state_at(address)
    instants = int64_at(s["instants"], s["n_instants"])
    offsets = int64_at(s["offsets"], s["n_instants"] + 1)
    feeds = feeds_of(s)
    single = s["n_currencies"] == 1
    margin = s["account_type"] == AccountType.MARGIN
    always = s["flat_run_end"] != 0 or s["flat_day_end"] != 0 or s["fill_when"] == FillWhen.SAME_CLOSE_LOOKAHEAD
    lookahead = s["fill_when"] == FillWhen.SAME_CLOSE_LOOKAHEAD
    while s["instant"] < s["stop_at"]:
        if not has_room(s):
            return GROW
        j = s["instant"]
        now = instants[j]
        s["now"] = now
        first = offsets[j]
        last = offsets[j + 1]
        if s["n_commands"] > 0:
            process_arrivals(s)
        busy = s["n_working"] > 0 or always
        if busy:
            _match(s, first, last)
        events = int32_at(s["event_feed"], last)
        for k in range(first, last):
            feeds[events[k]]["row"] += 1
        if s["n_commands"] > 0:
            process_arrivals(s)
        if s["n_working"] > 0:
            _end_days(s, first, last)
        executed = 0
        for k in range(first, last):
            feed = feeds[events[k]]
            if feed["execution"] != 0:
                executed += 1
                set_mark(s, feed["instrument"], int64_at(feed["close"], feed["n"])[feed["row"] - 1])
        s["bars"] += executed
        if not single:
            _update_rates(s)
        if margin:
            _check_margin(s)
        if j >= s["first_callback"]:
            if _call_events(s, callback) != 0:
                return STOPPED
            if s["mask"] & WANTS_SESSIONS != 0 and _call_sessions(s, first, last, callback) != 0:
                return STOPPED
            if _call_data(s, first, last, callback) != 0:
                return STOPPED
        else:
            s["event_read"] = s["n_order_events"]
        if lookahead and (s["n_commands"] > 0 or s["n_working"] > 0):
            process_arrivals(s)
            match_lookahead(s)
        if executed > 0:
            _sample_equity(s)
        if busy:
            instruments = instruments_of(s)
            for k in range(first, last):
                instruments[feeds[events[k]]["instrument"]]["bar"] = -1
        s["instant"] = j + 1
        if s["fault"] != 0:
            return FAULT
    return DONE if s["instant"] == s["n_instants"] else PAUSE


@entry("void(int64)")
def finish(address):  # type: ignore[no-untyped-def]
    """End of data: whatever still lives expires; the last drawdown is counted."""
    s = state_at(address)
    end_all(s, OrderEvent.EXPIRE, Reason.END_OF_DATA)
    _close_drawdown(s)


@entry("int64(int64)")
def equity_of(address):  # type: ignore[no-untyped-def]
    """Equity now, in money units of the account currency."""
    return equity_now(state_at(address))


@entry("int64(int64)")
def free_funds(address):  # type: ignore[no-untyped-def]
    """Account money free for new orders: equity less margin and reservations, or free cash of a cash account."""
    s = state_at(address)
    c = currencies_of(s)[0]
    if s["account_type"] == AccountType.CASH:
        return c["cash"] - c["reserved"]
    return equity_now(s) - margin_of(s, s["initial_margin"]) - c["reserved"]


_U = np.uint64


@entry("uint64(int64, int64, int64, int64, uint64)")
def fold(rows, n_rows, width, used, h):  # type: ignore[no-untyped-def]
    """Fold the first ``used`` words of each of ``n_rows`` records of ``width`` words into h: two lanes of multiply and mix."""
    words = int64_at(rows, n_rows * width)
    a = h ^ _U(0x9E3779B97F4A7C15)
    b = h + _U(0xD1B54A32D192ED03)
    for k in range(n_rows):
        start = k * width
        for w in range(0, used - 1, 2):
            a = (a ^ _U(words[start + w])) * _U(0xBF58476D1CE4E5B9)
            b = (b ^ _U(words[start + w + 1])) * _U(0x94D049BB133111EB)
            a ^= a >> _U(29)
            b ^= b >> _U(31)
        if used & 1 == 1:
            a = (a ^ _U(words[start + used - 1])) * _U(0xBF58476D1CE4E5B9)
            a ^= a >> _U(29)
    h = (a ^ (b >> _U(32)) ^ (b << _U(32)) ^ _U(n_rows)) * _U(0xFF51AFD7ED558CCD)
    return h ^ (h >> _U(33))
