"""Instants at which no order lives, the loop that a strategy spends most of its time in, and the equity curve.

A compiled strategy has this loop compiled together with itself (``strategy.compiled``), so nothing here may need the rules of orders.
"""

from __future__ import annotations

import numpy as np

from fillwright.kernel._codes import AccountType, MarkBy
from fillwright.kernel._jit import jit, prefetch
from fillwright.kernel.models import middle
from fillwright.kernel.state import (
    ON_BARS,
    WANTS_BAR,
    WANTS_BARS,
    WANTS_ORDER_EVENTS,
    currency_at,
    feed_at,
    instrument_at,
    load_int64,
    store_int64,
)

GONE_ON, ENDED, ASKED = 0, 1, 2
"""What ``coast`` returns: go on from ``instant``; the callback stops the run; an order of this instant is to meet its quote."""

_AHEAD = 128


@jit
def close_drawdown(s):  # type: ignore[no-untyped-def]
    """Keep the drawdown from the last peak if it is the deepest so far, as a fraction."""
    depth = s["peak"] - s["trough"]
    if s["peak"] > 0 and float(depth) * float(s["drawdown_peak"]) >= float(s["drawdown"]) * float(s["peak"]):
        s["drawdown"] = depth
        s["drawdown_peak"] = s["peak"]


@jit
def _set_extreme(s, equity):  # type: ignore[no-untyped-def]
    """The equity is above the last peak, or below the deepest since; before the first both are 0."""
    if equity > s["peak"] or s["n_equity"] == 0:
        close_drawdown(s)
        s["peak"] = equity
    s["trough"] = equity


@jit
def store_equity(s, equity):  # type: ignore[no-untyped-def]
    """The equity of this instant: into the curve, where it is thinned over the last of its interval, and the running peak and trough."""
    n = s["n_equity"]
    place = n
    if s["equity_every"] != 0:
        if n > 0 and s["now"] < s["equity_next"]:
            place -= 1
        else:
            s["equity_next"] = (s["now"] // s["equity_every"] + 1) * s["equity_every"]
    store_int64(s["equity"], s["n_instants"], place, equity)
    if equity > s["peak"] or equity < s["trough"]:
        _set_extreme(s, equity)
    s["n_equity"] = place + 1


@jit
def coasts(s):  # type: ignore[no-untyped-def]
    """Whether the run is one trading feed in one currency with callbacks on bars at most, and values need no wide arithmetic."""
    if s["n_feeds"] != 1 or s["uniform"] == 0 or s["n_currencies"] != 1 or feed_at(s, 0)["execution"] == 0:
        return False
    both = WANTS_BAR | WANTS_BARS
    return s["mask"] & ~(both | WANTS_ORDER_EVENTS) == 0 and s["mask"] & both != both


@jit
def coast(s, callback):  # type: ignore[no-untyped-def]
    """Instants at which no order lives, of a run that ``coasts``: a mark, a callback and the equity, until something happens.

    Leaves exactly what the general loop would. Returns GONE_ON, ENDED or, before the end of an instant, ASKED.
    """
    feed = feed_at(s, 0)
    i = feed["instrument"]
    instrument = instrument_at(s, i)
    c = currency_at(s, 0)
    position = instrument["position"]
    if abs(position) > instrument["safe_lots"] and position != 0:
        return GONE_ON
    unit = position * instrument["mul"]
    others = c["value"] - instrument["value"]
    cash = c["cash"] + others
    margin = s["account_type"] == AccountType.MARGIN
    instants, closes, asks, n, curve = s["instants"], feed["close"], feed["ask_close"], feed["n"], s["equity"]
    if asks != 0 and s["mark_by"] == MarkBy.EXIT_SIDE and position != 0:
        closes, asks = closes if position > 0 else asks, np.int64(0)
    quoted, thinned = s["quoted"] != 0, s["equity_every"] != 0
    called = s["mask"] & WANTS_BARS != 0 or (s["mask"] & WANTS_BAR != 0 and feed["silent"] == 0)
    events = s["n_order_events"]
    me, count = s["self"], s["n_instants"]
    kind = 0 if s["mask"] & WANTS_BAR != 0 else ON_BARS
    first_callback = s["first_callback"] if called else count
    peak, trough = s["peak"], s["trough"]
    opens, times = feed["open"], feed["open_time"]
    j = s["instant"]
    while j < s["stop_at"]:
        if j & 7 == 0:  # nothing here reads them, but an order would have to wait for them: one cache line in eight steps
            prefetch(opens + 8 * j + _AHEAD)
            prefetch(times + 8 * j + _AHEAD)
        price = load_int64(closes, n, j)
        if asks != 0:
            price = middle(price, load_int64(asks, n, j))
        worth = price * unit
        equity = cash + worth
        if equity < abs(worth) and margin:
            return GONE_ON
        s["now"] = load_int64(instants, count, j)
        feed["row"] = j + 1
        instrument["mark"] = price
        if unit != 0:
            instrument["value"] = worth
            c["value"] = others + worth
            c["gross"] = abs(worth)
        if j >= first_callback and callback(me, kind, j) != 0:
            return ENDED
        acted = s["n_order_events"] != events
        if acted and quoted:
            return ASKED
        if thinned:
            store_equity(s, equity)
        else:
            store_int64(curve, count, j, equity)
            if equity > peak or equity < trough:
                _set_extreme(s, equity)
                peak, trough = s["peak"], s["trough"]
            s["n_equity"] = j + 1
        j += 1
        s["instant"] = j
        if acted:
            return GONE_ON
    return GONE_ON
