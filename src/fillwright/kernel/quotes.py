"""Orders meet quotes: the one that stands when they arrive, and each that comes; and prints.

Rules: ``docs/execution_rules.md`` §4.
"""

from __future__ import annotations

from fillwright.kernel._codes import (
    APART,
    NO,
    NOTHING,
    BarPath,
    DataKind,
    OrderEvent,
    Reason,
    Stage,
    TimeInForce,
)
from fillwright.kernel._jit import jit
from fillwright.kernel.margin import mark_quoted, set_mark
from fillwright.kernel.matching import drop_unfilled, high_first, is_auction, is_called, may_meet, meet_point, offer
from fillwright.kernel.orders import end_order, is_live
from fillwright.kernel.state import NO_WALK, feed_at, feed_of, instrument_at, load_int64, order_at

_ANY_PRICE = 2**62


@jit
def _load_quote(s, i, row):  # type: ignore[no-untyped-def]
    """Quote number ``row`` of instrument i, for quote bars the closing one, becomes the one in hand; what orders took of it stays taken."""
    instrument = instrument_at(s, i)
    feed = feed_at(s, instrument["feed"])
    n = feed["n"]
    instrument["open_time"] = load_int64(feed["close_time"], n, row)
    instrument["close_time"] = instrument["open_time"]
    instrument["low"] = 1
    instrument["high"] = _ANY_PRICE
    if instrument["quote_row"] == row:
        return
    instrument["quote_row"] = row
    instrument["bid"] = load_int64(feed["close"], n, row)
    instrument["ask"] = load_int64(feed["ask_close"], n, row)
    instrument["bid_left"] = -1
    instrument["ask_left"] = -1
    if feed["bid_size"] != 0:
        instrument["bid_left"] = load_int64(feed["bid_size"], n, row)
    if feed["ask_size"] != 0:
        instrument["ask_left"] = load_int64(feed["ask_size"], n, row)


@jit
def is_quoted(instrument):  # type: ignore[no-untyped-def]
    """Whether orders of the instrument trade on quotes or quote bars."""
    return instrument["kind"] == DataKind.QUOTES or instrument["kind"] == DataKind.QUOTE_BARS


@jit
def load_standing(s, i):  # type: ignore[no-untyped-def]
    """Have the last quote of instrument i in hand; False where there is none yet, or it has no quotes."""
    instrument = instrument_at(s, i)
    row = feed_at(s, instrument["feed"])["row"] - 1
    if row < 0 or not is_quoted(instrument):
        return False
    _load_quote(s, i, row)
    return True


@jit
def meet_standing(s, time):  # type: ignore[no-untyped-def]
    """Orders that have met nothing yet meet the quote that stands, unless it is too old, in list order."""
    brief = False
    o = s["work_head"]
    while o >= 0:
        order = order_at(s, o)
        s["cursor"] = order["next"]
        if order["tried"] == 0 and order["flags"] & APART == 0 and is_live(order) and not is_auction(order):
            i = order["symbol"]
            if load_standing(s, i):
                instrument = instrument_at(s, i)
                age = time - instrument["close_time"]  # negative: an order that waits here longer, and a quote that came later
                if age >= 0 and (s["max_age"] < 0 or age <= s["max_age"]):
                    brief = brief or order["tif"] == TimeInForce.IOC
                    price = instrument["ask"] if order["side"] > 0 else instrument["bid"]
                    meet_point(s, o, price, Stage.STANDING, BarPath.CLOSE_ONLY, time)
        o = s["cursor"]
    s["cursor"] = NO_WALK
    if brief:
        _drop_brief(s, time)


@jit
def _drop_brief(s, time):  # type: ignore[no-untyped-def]
    """What is left of IOC orders that have met the quote that stands ends."""
    o = s["work_head"]
    while o >= 0:
        order = order_at(s, o)
        following = order["next"]
        if order["tif"] == TimeInForce.IOC and order["tried"] != 0 and is_live(order):
            end_order(s, o, OrderEvent.CANCEL, time, Reason.IOC_REMAINDER, NOTHING, NOTHING)
        o = following


@jit
def mark_row(s, feed, row):  # type: ignore[no-untyped-def]
    """Mark the instrument of an execution feed by a row that is over."""
    n = feed["n"]
    close = load_int64(feed["close"], n, row)
    if feed["ask_close"] == 0:
        set_mark(s, feed["instrument"], close)
    else:
        mark_quoted(s, feed["instrument"], close, load_int64(feed["ask_close"], n, row))


@jit
def mark_news(s, first, last):  # type: ignore[no-untyped-def]
    """Mark instruments by the quotes and prints of this instant, whose rows are over: orders that arrive with them are judged by them."""
    for k in range(first, last):
        feed = feed_at(s, feed_of(s, first, last, k))
        if feed["execution"] != 0 and feed["kind"] != DataKind.BARS:
            mark_row(s, feed, feed["row"] - 1)


@jit
def open_quote_bar(s, f, marked):  # type: ignore[no-untyped-def]
    """Lay out the quote bar of feed f that closes now: bid and ask go the same way, which that of their sum decides."""
    feed = feed_at(s, f)
    i = feed["instrument"]
    row = feed["row"]
    n = feed["n"]
    bar = instrument_at(s, i)
    opens, highest = load_int64(feed["open"], n, row), load_int64(feed["high"], n, row)
    lowest, closes = load_int64(feed["low"], n, row), load_int64(feed["close"], n, row)
    ask_open, ask_high = load_int64(feed["ask_open"], n, row), load_int64(feed["ask_high"], n, row)
    ask_low, ask_close = load_int64(feed["ask_low"], n, row), load_int64(feed["ask_close"], n, row)
    bar["bar"] = row
    bar["open_time"] = load_int64(feed["open_time"], n, row)
    bar["close_time"] = load_int64(feed["close_time"], n, row)
    bar["volume_left"] = -1
    bar["open"] = opens + ask_open
    bar["high"] = highest + ask_high
    bar["low"] = lowest + ask_low
    bar["close"] = closes + ask_close
    upward = high_first(s, i, bar)
    bar["path"] = BarPath.OPEN_HIGH_LOW_CLOSE if upward else BarPath.OPEN_LOW_HIGH_CLOSE
    if s["path"] == BarPath.CLOSE_ONLY:
        bar["path"] = BarPath.CLOSE_ONLY
    bar["open"] = opens
    bar["close"] = closes
    bar["low"] = lowest
    bar["high"] = ask_high
    bar["first"] = highest if upward else lowest
    bar["second"] = lowest if upward else highest
    bar["ask_open"] = ask_open
    bar["ask_first"] = ask_high if upward else ask_low
    bar["ask_second"] = ask_low if upward else ask_high
    bar["ask_close"] = ask_close
    if marked:
        if s["path"] == BarPath.CLOSE_ONLY:
            mark_quoted(s, i, closes, ask_close)
        else:
            mark_quoted(s, i, opens, ask_open)


@jit
def _lay_out_moment(s, f):  # type: ignore[no-untyped-def]
    """The quote or print of execution feed f that comes now is what orders of its instrument meet."""
    feed = feed_at(s, f)
    i = feed["instrument"]
    row = feed["row"]
    bar = instrument_at(s, i)
    bar["path"] = BarPath.CLOSE_ONLY
    bar["bar"] = row
    if feed["kind"] == DataKind.QUOTES:
        _load_quote(s, i, row)
        bar["open"] = bar["bid"]
        bar["close"] = bar["bid"]
        bar["ask_open"] = bar["ask"]
        bar["ask_close"] = bar["ask"]
    else:
        bar["open_time"] = load_int64(feed["close_time"], feed["n"], row)
        bar["close_time"] = bar["open_time"]
        bar["open"] = load_int64(feed["close"], feed["n"], row)
        bar["close"] = bar["open"]
        bar["low"] = 1
        bar["high"] = _ANY_PRICE
        bar["volume_left"] = offer(s, feed, row)
    mark_row(s, feed, row)


@jit
def match_moments(s, first, last):  # type: ignore[no-untyped-def]
    """Working orders meet the quotes and prints of this instant, in list order."""
    found = False
    for k in range(first, last):
        f = feed_of(s, first, last, k)
        feed = feed_at(s, f)
        if feed["execution"] != 0 and feed["kind"] >= DataKind.QUOTES:
            _lay_out_moment(s, f)
            found = True
    if not found:
        return
    brief = False
    o = s["work_head"]
    while o >= 0:
        order = order_at(s, o)
        s["cursor"] = order["next"]
        bar = instrument_at(s, order["symbol"])
        if bar["kind"] >= DataKind.QUOTES and may_meet(order, bar):
            auction = is_auction(order)
            called = order["tif"] == TimeInForce.CLS
            if not auction or is_called(s, order, bar, Stage.FLAT_AT if called else Stage.CLOSE):
                brief = brief or auction or order["tif"] == TimeInForce.IOC
                price = bar["close"]
                stage = Stage.PRINT
                if bar["kind"] == DataKind.QUOTES:
                    stage = Stage.QUOTE
                    if order["side"] > 0:
                        price = bar["ask_close"]
                meet_point(s, o, price, stage, BarPath.CLOSE_ONLY, bar["close_time"])
        o = s["cursor"]
    s["cursor"] = NO_WALK
    if brief:
        drop_unfilled(s, NO)
