"""What strategies ask of a run's records beyond one load: history by index, open lots, orders, and batches in one call.

Each is compiled once and called by address from compiled strategies; the views of Python strategies call those they share, so that
both read the same bits.
"""

from __future__ import annotations

import math

import numpy as np

from fillwright.kernel import intake
from fillwright.kernel._codes import YES, SizeMode, TrailUnit
from fillwright.kernel._jit import entry, jit, view_of
from fillwright.kernel.drivers import distance, lots_of, order_price
from fillwright.kernel.intake import NO_ROOM, submit_targets
from fillwright.kernel.models import RATE_SCALE
from fillwright.kernel.orders import is_live
from fillwright.kernel.reports import known_sums, seems_live, take_in
from fillwright.kernel.state import (
    FAULT_ROOM,
    book_at,
    feed_at,
    instrument_at,
    int64_at,
    load_int32,
    load_int64,
    lot_at,
    order_at,
    state_at,
    told_at,
)

COLUMNS = ("open", "high", "low", "close", "volume")
"""Columns of a bar, by the number that :func:`past` takes."""

ORDER_NUMBERS = ("quantity", "filled", "leaves", "average_price")
ORDER_CODES = ("side", "type", "status", "reason", "is_done")
"""What :func:`order_number` and :func:`order_code` tell, by number."""

_floats = view_of(np.dtype(np.float64))


@jit
def _from_start(index, rows):  # type: ignore[no-untyped-def]
    """A subscript as Python takes it: below 0 it counts from the end."""
    k = index + rows if index < 0 else index
    if k < 0 or k >= rows:
        raise IndexError("the history is not that long yet: compare len(...) first")
    return k


@entry("float64(int64, int64, int64)")
def element(values, rows, index):  # type: ignore[no-untyped-def]
    """``series[index]`` of the first ``rows`` floats at an address."""
    return _floats(values, rows)[_from_start(index, rows)]


@entry("float64(int64, int64, int64, int64, int64)")
def past(address, feed, rows, column, index):  # type: ignore[no-untyped-def]
    """``history.close[index]`` of the first ``rows`` bars of a feed; ``column`` counts as COLUMNS."""
    s = state_at(address)
    f = feed_at(s, feed)
    k = _from_start(index, rows)
    instrument = instrument_at(s, f["instrument"])
    if column == 4:
        if f["volume"] == 0:
            raise ValueError("there is no volume data")
        return load_int64(f["volume"], rows, k) / instrument["lot_scale"]
    values = f["open"]
    asks = f["ask_open"]
    if column == 1:
        values = f["high"]
        asks = f["ask_high"]
    elif column == 2:
        values = f["low"]
        asks = f["ask_low"]
    elif column == 3:
        values = f["close"]
        asks = f["ask_close"]
    if asks != 0:
        return (load_int64(values, rows, k) + load_int64(asks, rows, k)) / (2 * instrument["price_scale"])
    return load_int64(values, rows, k) / instrument["price_scale"]


@entry("int64(int64, int64)")
def open_cost(address, book):  # type: ignore[no-untyped-def]
    """Cost of the open lots of a book, in money units."""
    s = state_at(address)
    cost = 0
    k = book_at(s, book)["head"]
    while k >= 0:
        lot = lot_at(s, k)
        cost += lot["cost"]
        k = lot["next"]
    return cost


@entry("float64(int64, int64, int64)")
def average_price(address, book, i):  # type: ignore[no-untyped-def]
    """Average price of the open lots of a book of instrument i, NaN when flat."""
    s = state_at(address)
    lots = book_at(s, book)["position"]
    if lots == 0:
        return math.nan
    instrument = instrument_at(s, i)
    paid = float(open_cost(address, book)) * float(instrument["div"])
    return paid / (float(lots) * float(instrument["mul"])) / float(instrument["price_scale"])


@entry("int64(int64, int64, int64)")
def bars_held(address, book, i):  # type: ignore[no-untyped-def]
    """Bars of instrument i since the oldest open lot of a book, 0 when flat."""
    s = state_at(address)
    head = book_at(s, book)["head"]
    if head < 0:
        return 0
    feed = feed_at(s, instrument_at(s, i)["feed"])
    since = lot_at(s, head)["instant"]
    low = 0
    high = feed["n"]
    while low < high:
        middle = (low + high) // 2
        if load_int64(feed["close_time"], feed["n"], middle) < since:
            low = middle + 1
        else:
            high = middle
    return feed["row"] - 1 - low


@jit
def _known_order(s, o):  # type: ignore[no-untyped-def]
    if o < 0 or o >= s["n_orders"]:
        raise IndexError("there is no order of this number")
    return order_at(s, o)


@entry("float64(int64, int64, int64)")
def order_number(address, o, what):  # type: ignore[no-untyped-def]
    """A number of order o in ordinary units; ``what`` counts as ORDER_NUMBERS."""
    s = state_at(address)
    order = _known_order(s, o)
    instrument = instrument_at(s, order["symbol"])
    lots = order["cum_quantity"]
    notional = order["cum_notional"]
    whole = order["quantity"]
    leaves = order["leaves_quantity"]
    if s["faults"] != 0:
        whole, lots, leaves, notional = known_sums(s, o)
    if what == 0:
        lots = whole
    elif what == 2:
        lots = leaves
    elif what == 3:
        if lots == 0:
            return math.nan
        paid = float(notional) * float(instrument["div"])
        return paid / (float(lots) * float(instrument["mul"])) / float(instrument["price_scale"])
    return lots / instrument["lot_scale"]


@entry("int64(int64, int64, int64)")
def order_code(address, o, what):  # type: ignore[no-untyped-def]
    """A code of order o; ``what`` counts as ORDER_CODES."""
    s = state_at(address)
    order = _known_order(s, o)
    if what == 0:
        return int(order["side"])
    if what == 1:
        return int(order["type"])
    if s["faults"] != 0:
        take_in(s, YES)
        if what == 4:
            return 0 if seems_live(s, o) else 1
        return told_at(s, o)["status"] if what == 2 else told_at(s, o)["reason"]
    if what == 2:
        return int(order["status"])
    if what == 3:
        return int(order["reason"])
    return 0 if is_live(order) else 1


@jit
def _answered(s, answer):  # type: ignore[no-untyped-def]
    """Without room the run must end: nobody here can enlarge the tables."""
    if answer == NO_ROOM:
        s["fault"] = FAULT_ROOM
        return 0
    return answer


@jit
def _away(trail, unit, scale):  # type: ignore[no-untyped-def]
    """The new distance of a trail in its unit; NaN leaves it as it is."""
    if trail != trail:
        return 0
    if unit == TrailUnit.TICKS:
        return distance(trail, 1.0)
    return distance(trail, float(RATE_SCALE) if unit == TrailUnit.RATE else scale)


@entry("int64(int64, int64, float64, float64, float64, float64, int64)")
def replace(address, o, quantity, limit, stop, trail, unit):  # type: ignore[no-untyped-def]
    """Ask for a new total quantity, limit, stop and distance of a trail (in its unit) of order o; NaN leaves one as it is.

    1 = asked, 0 = refused or done.
    """
    s = state_at(address)
    instrument = instrument_at(s, _known_order(s, o)["symbol"])
    lots = 0
    if quantity == quantity:
        lots = lots_of(quantity, float(instrument["lot_scale"]))
        if lots <= 0:
            raise ValueError("a quantity must be positive")
    new_limit = 0 if limit != limit else order_price(s, instrument, limit)
    new_stop = 0 if stop != stop else order_price(s, instrument, stop)
    away = _away(trail, unit, float(instrument["price_scale"]))
    return _answered(s, intake.replace(address, o, lots, new_limit, new_stop, away, unit))


@entry("int64(int64, int64)")
def close_all(address, cells):  # type: ignore[no-untyped-def]
    """Bring every open position to zero as one batch; ``cells`` is room for int64[4 x instruments]."""
    s = state_at(address)
    rows = int64_at(cells, 4 * s["n_instruments"])
    count = 0
    for i in range(s["n_instruments"]):
        if instrument_at(s, i)["position"] != 0:
            rows[4 * count] = i
            rows[4 * count + 1] = SizeMode.CLOSE
            rows[4 * count + 2] = 0
            count += 1
    return 0 if count == 0 else _answered(s, submit_targets(address, cells, count))


@entry("int64(int64, int64)")
def bar_count(address, instant):  # type: ignore[no-untyped-def]
    """Feeds with a bar at an instant of the run."""
    s = state_at(address)
    length = s["n_instants"] + 1
    return load_int64(s["offsets"], length, instant + 1) - load_int64(s["offsets"], length, instant)


@entry("int64(int64, int64, int64)")
def bar_of(address, instant, k):  # type: ignore[no-untyped-def]
    """Instrument of the k-th of them, -1 where that feed only informs."""
    s = state_at(address)
    first = load_int64(s["offsets"], s["n_instants"] + 1, instant)
    number = load_int32(s["event_feed"], first + k + 1, first + k)
    feed = feed_at(s, number)
    return feed["instrument"] if instrument_at(s, feed["instrument"])["feed"] == number else -1
