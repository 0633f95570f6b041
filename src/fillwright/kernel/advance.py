"""The loop: one instant after the other, each in the order of ``docs/execution_rules.md`` §1."""

from __future__ import annotations

from numba import types

from fillwright.kernel._codes import (
    NO,
    NOTHING,
    YES,
    AccountType,
    DataKind,
    ExitReason,
    FillWhen,
    OrderEvent,
    Reason,
    ReportKind,
    Stage,
)
from fillwright.kernel._jit import entry, jit, prefetch
from fillwright.kernel.arrivals import end_all, expire_day, expire_gtd, process_arrivals
from fillwright.kernel.busts import undo_due
from fillwright.kernel.digest import fold_journal
from fillwright.kernel.fixed import muldiv
from fillwright.kernel.guard import close_all, has_room_to_switch, watch_losses
from fillwright.kernel.legs import match_legs
from fillwright.kernel.margin import below_maintenance, margin_of
from fillwright.kernel.matching import flatten_at_close, match_lookahead, match_path, open_bar
from fillwright.kernel.models import FX_SCALE, equity_now
from fillwright.kernel.quiet import ASKED, ENDED, close_drawdown, coast, coasts, store_equity
from fillwright.kernel.quotes import mark_news, mark_row, match_moments, open_quote_bar
from fillwright.kernel.reports import hear_all, hear_reports, take_in
from fillwright.kernel.state import (
    DONE,
    FAULT,
    FAULT_NO_RATE,
    GROW,
    ON_BARS,
    ON_ORDER_EVENT,
    ON_REPORT,
    ON_SESSION_CLOSE,
    ON_SESSION_OPEN,
    ON_TIMER,
    PAUSE,
    QUIET,
    STOPPED,
    WANTS_BAR,
    WANTS_BARS,
    WANTS_ORDER_EVENTS,
    WANTS_SESSIONS,
    WANTS_TIMERS,
    currency_at,
    feed_at,
    feed_of,
    has_room,
    has_room_to_report,
    instrument_at,
    load_int64,
    load_uint8,
    report_at,
    state_at,
)

CALLBACK = types.FunctionType(types.int64(types.int64, types.int64, types.int64))
"""``callback(state address, kind or feed, row or index) -> 0`` to go on, anything else to stop."""


@jit
def _lay_out_bars(s, first, last):  # type: ignore[no-untyped-def]
    """Lay out the bars and quote bars of this instant that orders trade on; whether there are any."""
    working = s["n_working"] > 0
    found = False
    for k in range(first, last):
        f = feed_of(s, first, last, k)
        if feed_at(s, f)["execution"] != 0:
            kind = feed_at(s, f)["kind"]
            if kind == DataKind.BARS:
                open_bar(s, f, working)
            elif kind == DataKind.QUOTE_BARS:
                open_quote_bar(s, f, working)
            found = found or kind <= DataKind.QUOTE_BARS
    return found


@jit
def _match(s, first, last):  # type: ignore[no-untyped-def]
    """Steps 2 to 3: working orders meet the bars of this instant."""
    expire_gtd(s)
    flat = s["flat_run_end"] != 0 or s["flat_day_end"] != 0
    if s["n_working"] > 0 or s["fill_when"] == FillWhen.SAME_CLOSE_LOOKAHEAD or flat:
        laid_out = _lay_out_bars(s, first, last)
        if laid_out and s["n_working"] > 0:
            if s["legs"] > 0:
                match_legs(s, Stage.OPEN, s["now"])
            match_path(s)
        if s["moments"] != 0:
            match_moments(s, first, last)
            if s["legs"] > 0:
                match_legs(s, Stage.QUOTE, s["now"])
        if flat:
            flatten_at_close(s)


@jit
def _end_days(s, first, last):  # type: ignore[no-untyped-def]
    """DAY orders expire after the last bar of their instrument's day, instruments in market order."""
    if last - first == 1:
        _end_day(s, feed_of(s, first, last, first))
        return
    for i in range(s["n_instruments"]):
        f = instrument_at(s, i)["feed"]
        row = feed_at(s, f)["row"] - 1
        if row >= 0 and load_int64(feed_at(s, f)["close_time"], feed_at(s, f)["n"], row) == s["now"]:
            _end_day(s, f)


@jit
def _end_day(s, f):  # type: ignore[no-untyped-def]
    feed = feed_at(s, f)
    if feed["execution"] != 0 and load_uint8(feed["day_last"], feed["n"], feed["row"] - 1) != 0:
        expire_day(s, feed["instrument"], s["now"])


@jit
def _update_rates(s):  # type: ignore[no-untyped-def]
    """Exchange rates follow the marks of their pairs."""
    for k in range(1, s["n_currencies"]):
        c = currency_at(s, k)
        if c["pair"] >= 0:
            pair = instrument_at(s, c["pair"])
            if pair["mark"] != 0:
                if c["inverse"] != 0:
                    c["rate"] = muldiv(FX_SCALE, pair["price_scale"], pair["mark"])
                else:
                    c["rate"] = muldiv(pair["mark"], FX_SCALE, pair["price_scale"])
        if c["rate"] == 0 and c["cash"] + c["value"] != 0:
            s["fault"] = FAULT_NO_RATE
            s["fault_a"] = k


@jit
def _check_margin(s):  # type: ignore[no-untyped-def]
    if s["liquidating"] == 0 and below_maintenance(s):
        close_all(s, Reason.LIQUIDATION, ExitReason.LIQUIDATION, NOTHING)


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
def _call_reports(s, callback):  # type: ignore[no-untyped-def]
    """What the manager has learned since the last callbacks; what was heard before is no news."""
    last = s["n_reports"]
    first = s["report_read"]
    s["report_read"] = last
    s["event_read"] = s["n_order_events"]
    if s["mask"] & WANTS_ORDER_EVENTS != 0:
        for k in range(first, last):
            kind = report_at(s, k)["kind"]
            if kind != ReportKind.REPEATED and kind != ReportKind.ASKED and callback(s["self"], ON_REPORT, k) != 0:
                return 1
    return 0


@jit
def _call_sessions(s, first, last, callback):  # type: ignore[no-untyped-def]
    for k in range(first, last):
        feed = feed_at(s, feed_of(s, first, last, k))
        if feed["execution"] != 0:
            row = feed["row"] - 1
            ends, n = feed["day_last"], feed["n"]
            if row == 0 or load_uint8(ends, n, row - 1) != 0:
                if callback(s["self"], ON_SESSION_OPEN, feed["instrument"]) != 0:
                    return 1
            if load_uint8(ends, n, row) != 0 and callback(s["self"], ON_SESSION_CLOSE, feed["instrument"]) != 0:
                return 1
    return 0


@jit
def _call_data(s, mask, first, last, callback):  # type: ignore[no-untyped-def]
    """Bars in feed order, or one call for the instant; then timers."""
    if mask & WANTS_BAR != 0:
        for k in range(first, last):
            f = feed_of(s, first, last, k)
            if feed_at(s, f)["silent"] == 0 and callback(s["self"], f, feed_at(s, f)["row"] - 1) != 0:
                return 1
    if mask & WANTS_BARS != 0 and last > first:
        if callback(s["self"], ON_BARS, s["instant"]) != 0:
            return 1
    if mask & WANTS_TIMERS != 0 and load_uint8(s["timers"], s["n_instants"], s["instant"]) != 0:
        if callback(s["self"], ON_TIMER, s["instant"]) != 0:
            return 1
    return 0


@jit
def _mark_closes(s, first, last):  # type: ignore[no-untyped-def]
    """The instant's bars are over: rows move on and, of execution feeds, marks become closes. Returns how many of those."""
    executed = 0
    for k in range(first, last):
        feed = feed_at(s, feed_of(s, first, last, k))
        row = feed["row"]
        feed["row"] = row + 1
        if feed["execution"] != 0:
            executed += 1
            prefetch(feed["close"] + 8 * row + 64)
            mark_row(s, feed, row)
    return executed


@jit
def _trade(s, first, last, always):  # type: ignore[no-untyped-def]
    """Steps 1 to 5 of an instant with commands or orders; returns how many execution bars it had."""
    if s["n_commands"] > 0:
        process_arrivals(s)
    if s["n_working"] > 0 or always:
        _match(s, first, last)
    for k in range(first, last):
        feed_at(s, feed_of(s, first, last, k))["row"] += 1
    if s["n_commands"] > 0:
        if s["quoted"] != 0 or s["moments"] != 0:
            mark_news(s, first, last)
        process_arrivals(s)
    if s["n_working"] > 0:
        _end_days(s, first, last)
    for k in range(first, last):
        feed_at(s, feed_of(s, first, last, k))["row"] -= 1
    return _mark_closes(s, first, last)


@entry(types.int64(types.int64, CALLBACK))
def advance(address, callback):  # type: ignore[no-untyped-def]
    """Run until instant number ``stop_at``. Returns DONE, PAUSE, GROW, STOPPED (callback) or FAULT; PAUSE and GROW can go on.

    ``callback`` is the strategy: a compiled function, or the entry that calls Python, through the same address type.
    """
    s = state_at(address)
    count = s["n_instants"]
    lookahead = s["fill_when"] == FillWhen.SAME_CLOSE_LOOKAHEAD
    always = s["flat_run_end"] != 0 or s["flat_day_end"] != 0 or lookahead
    margin = s["account_type"] == AccountType.MARGIN
    mask = s["mask"]
    uniform = s["uniform"] != 0
    n_feeds = s["n_feeds"]
    several = s["n_currencies"] > 1
    quoted = s["quoted"] != 0
    first_callback = s["first_callback"]
    guarded = s["guarded"] != 0
    fused = s["fused"] != 0
    faulty = s["faults"] != 0
    coasting = not always and not faulty and not guarded and coasts(s)
    if faulty:
        take_in(s, YES)  # what was done by hand while the run stood still
    roomy = -1
    j = s["instant"]
    while j < s["stop_at"]:
        if guarded and not has_room_to_switch(s):
            return GROW
        # room is used up by order events only: without new ones the last check still holds
        if roomy != s["n_order_events"]:
            if not has_room(s):
                return GROW
            if s["n_order_events"] >= s["fold_at"]:
                fold_journal(s)
            roomy = s["n_order_events"]
        if faulty and not has_room_to_report(s):
            return GROW
        busy = always or s["n_working"] > 0 or s["n_commands"] > 0
        if coasting and not busy and s["event_read"] == roomy:
            outcome = callback(s["self"], QUIET, 0) if fused else coast(s, callback)
            if outcome == ENDED:
                return STOPPED
            if outcome == ASKED:
                process_arrivals(s)
                store_equity(s, equity_now(s))
                s["instant"] += 1
            if s["instant"] != j:
                j = s["instant"]
                continue
        s["now"] = load_int64(s["instants"], count, j)
        if uniform:
            first = j * n_feeds
            last = first + n_feeds
        else:
            first = load_int64(s["offsets"], count + 1, j)
            last = load_int64(s["offsets"], count + 1, j + 1)
        executed = _trade(s, first, last, always) if busy else _mark_closes(s, first, last)
        if several:
            _update_rates(s)
        if faulty:
            undo_due(s)
        if margin and (several or currency_at(s, 0)["gross"] != 0):
            _check_margin(s)
        if guarded and executed > 0:
            watch_losses(s)
        if faulty:
            hear_reports(s)
        if j >= first_callback:
            if faulty:
                if _call_reports(s, callback) != 0:
                    return STOPPED
            elif s["event_read"] != s["n_order_events"] and _call_events(s, callback) != 0:
                return STOPPED
            if mask & WANTS_SESSIONS != 0 and _call_sessions(s, first, last, callback) != 0:
                return STOPPED
            if _call_data(s, mask, first, last, callback) != 0:
                return STOPPED
        else:
            s["event_read"] = s["n_order_events"]
        if faulty:
            take_in(s, YES)
        if lookahead:
            if s["n_commands"] > 0 or s["n_working"] > 0:
                process_arrivals(s)
                match_lookahead(s)
        elif quoted:
            if s["n_commands"] > 0:
                process_arrivals(s)
            if several:
                _update_rates(s)
        if faulty:
            take_in(s, NO)
        if executed > 0:
            store_equity(s, equity_now(s))
        if busy:
            for k in range(first, last):
                instrument_at(s, feed_at(s, feed_of(s, first, last, k))["instrument"])["bar"] = -1
        j += 1
        s["instant"] = j
        if s["fault"] != 0:
            return FAULT
    fold_journal(s)
    return DONE if j == count else PAUSE


@entry("void(int64)")
def finish(address):  # type: ignore[no-untyped-def]
    """End of data: whatever still lives expires; the last drawdown is counted."""
    s = state_at(address)
    end_all(s, OrderEvent.EXPIRE, Reason.END_OF_DATA)
    if s["faults"] != 0:
        hear_all(s)
    close_drawdown(s)


@entry("int64(int64)")
def equity_of(address):  # type: ignore[no-untyped-def]
    """Equity now, in money units of the account currency."""
    return equity_now(state_at(address))


@entry("int64(int64)")
def free_funds(address):  # type: ignore[no-untyped-def]
    """Account money free for new orders: equity less margin and reservations, or free cash of a cash account."""
    s = state_at(address)
    c = currency_at(s, 0)
    if s["account_type"] == AccountType.CASH:
        return c["cash"] - c["reserved"]
    return equity_now(s) - margin_of(s, s["initial_margin"]) - c["reserved"]
