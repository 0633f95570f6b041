"""Ready-made deciders: schedules of targets, signals and orders, and the calls that a compiled strategy makes.

The first three entries are callbacks of ``advance`` for ``WANTS_BARS``: they act on what a schedule holds for the instant. A
schedule hangs on ``driver``, the address of an int64 header (see HEADER); its arrays are shared between runs and only read.
"""

from __future__ import annotations

import math

from fillwright.kernel._codes import OffTick, OrderType, SizeMode, TrailUnit
from fillwright.kernel._jit import entry, jit
from fillwright.kernel.exits import link
from fillwright.kernel.intake import NO_ROOM, cancel, submit, submit_targets
from fillwright.kernel.models import RATE_SCALE, has_limit, has_stop
from fillwright.kernel.orders import is_live
from fillwright.kernel.reports import seems_live
from fillwright.kernel.state import (
    FAULT_ROOM,
    NEW_ORDER,
    ON_BARS,
    TICKET,
    book_at,
    command_at,
    instrument_at,
    int32_at,
    int64_at,
    order_at,
    state_at,
    uint8_at,
)
from fillwright.model.instrument import PRICE_TOLERANCE

HEADER = ("offsets", "instruments", "sizes", "actions", "mode", "scratch")
"""A schedule: addresses of int64[instants + 1], int32[cells], int64[cells] and uint8[cells], the size mode of all cells, and the
address of int64[4 x most cells of one instant] that belongs to the run. A schedule of orders has, beside its offsets and scratch, only
``sizes``: int64[cells, ROW], the fields of TICKET and 1 + the cell whose order it cancels and is cancelled by, 0 = none; ``t_after`` is
1 + a cell. Both are of the same instant."""

EXIT_LONG, EXIT_SHORT, ENTER_LONG, ENTER_SHORT = 0, 1, 2, 3
"""Actions of signals."""

TABLE = ("place", "cancel", "cancel_all", "funds", "equity", "n_series", "money_scale", "tif")
"""What hangs on ``driver`` for a compiled strategy: addresses of entries, then plain numbers."""

HANDLE = 1 << 40
"""Handle of the first indicator of a compiled strategy. Far from all parameters, so that a mix-up is noticed."""

_FIELDS = len(TICKET)
ROW = _FIELDS + 1
_AFTER = TICKET.index("t_after")
_OFFSETS, _INSTRUMENTS, _SIZES, _ACTIONS, _MODE, _SCRATCH = range(6)
_MONEY_SCALE, _TIF = TABLE.index("money_scale"), TABLE.index("tif")
_LARGEST = 4.0e18
_LOT_TOLERANCE = 1e-9


@jit
def _answered(s, answer):  # type: ignore[no-untyped-def]
    """Without room for an order the run must end: nobody here can enlarge the tables. Returns 0."""
    if answer == NO_ROOM:
        s["fault"] = FAULT_ROOM
    return 0


@entry("int64(int64, int64, int64)")
def targets_driver(address, kind, j):  # type: ignore[no-untyped-def]
    """Callback: the targets of an instant as one batch."""
    s = state_at(address)
    header = int64_at(s["driver"], _SCRATCH + 1)
    offsets = int64_at(header[_OFFSETS], s["n_instants"] + 1)
    first = offsets[j]
    last = offsets[j + 1]
    if kind != ON_BARS or first == last:
        return 0
    instruments = int32_at(header[_INSTRUMENTS], last)
    sizes = int64_at(header[_SIZES], last)
    cells = int64_at(header[_SCRATCH], 4 * (last - first))
    for k in range(first, last):
        row = 4 * (k - first)
        cells[row] = instruments[k]
        cells[row + 1] = header[_MODE]
        cells[row + 2] = sizes[k]
        cells[row + 3] = 0
    return _answered(s, submit_targets(address, header[_SCRATCH], last - first))


@entry("int64(int64, int64, int64)")
def signals_driver(address, kind, j):  # type: ignore[no-untyped-def]
    """Callback: exits and entries of an instant. What is reached already is an intent that changes nothing."""
    s = state_at(address)
    header = int64_at(s["driver"], _SCRATCH + 1)
    offsets = int64_at(header[_OFFSETS], s["n_instants"] + 1)
    last = offsets[j + 1]
    if kind != ON_BARS:
        return 0
    instruments = int32_at(header[_INSTRUMENTS], last)
    sizes = int64_at(header[_SIZES], last)
    actions = uint8_at(header[_ACTIONS], last)
    for k in range(offsets[j], last):
        i = instruments[k]
        action = actions[k]
        book = book_at(s, s["t_strategy"] * s["n_instruments"] + i)
        projected = book["position"] + book["pending"]
        s["t_instrument"] = i
        s["t_size_mode"] = SizeMode.TARGET_UNITS
        s["t_size"] = projected
        if (action == EXIT_LONG and projected > 0) or (action == EXIT_SHORT and projected < 0):
            s["t_size_mode"] = SizeMode.CLOSE
            s["t_size"] = 0
        elif (action == ENTER_LONG and projected <= 0) or (action == ENTER_SHORT and projected >= 0):
            s["t_size_mode"] = header[_MODE]
            s["t_size"] = sizes[k] if action == ENTER_LONG else -sizes[k]
        if submit(address) == NO_ROOM:
            return _answered(s, NO_ROOM)
    return 0


@entry("int64(int64, int64, int64)")
def orders_driver(address, kind, j):  # type: ignore[no-untyped-def]
    """Callback: the orders of an instant, ticket by ticket."""
    s = state_at(address)
    header = int64_at(s["driver"], _SCRATCH + 1)
    offsets = int64_at(header[_OFFSETS], s["n_instants"] + 1)
    first = offsets[j]
    last = offsets[j + 1]
    if kind != ON_BARS:
        return 0
    rows = int64_at(header[_SIZES], ROW * last)
    made = int64_at(header[_SCRATCH], 4 * (last - first))
    ticket = int64_at(address, _FIELDS)
    for k in range(first, last):
        for field in range(_FIELDS):
            ticket[field] = rows[ROW * k + field]
        if ticket[_AFTER] != 0:
            ticket[_AFTER] = made[ticket[_AFTER] - 1 - first] + 1
        o = submit(address)
        if o == NO_ROOM:
            return _answered(s, NO_ROOM)
        made[k - first] = o
        mate = rows[ROW * k + _FIELDS]
        if mate != 0:
            link(address, made[mate - 1 - first], o)
    return 0


@jit
def lots_of(quantity, scale):  # type: ignore[no-untyped-def]
    """Whole lots of a quantity, toward zero; what is within a relative 1e-9 of a whole lot counts as that."""
    exact = quantity * scale
    if not abs(exact) < _LARGEST:
        raise ValueError("the quantity of an order is not a number, or too large")
    nearest = math.floor(exact + 0.5)
    if abs(exact - nearest) <= abs(exact) * _LOT_TOLERANCE:
        return nearest
    return int(exact)


@jit
def _nearest(value, scale):  # type: ignore[no-untyped-def]
    """Whole units nearest to a value, halves up."""
    exact = value * scale
    if not abs(exact) < _LARGEST:
        raise ValueError("a price, value or weight of an order is not a number, or too large")
    return math.floor(exact + 0.5)


@jit
def distance(price, scale):  # type: ignore[no-untyped-def]
    """Whole units nearest to the distance of a trail."""
    units = _nearest(price, scale)
    if units <= 0:
        raise ValueError("the distance of a trail must be positive")
    return units


@jit
def order_price(s, instrument, price):  # type: ignore[no-untyped-def]
    """Price units of an order price. One between two units (by more than a relative 1e-12) of an instrument with a tick is minus the upper
    one, for ``orders.off_tick`` to decide; the nearest one where it says ``nearest`` or there is no tick."""
    scale = float(instrument["price_scale"])
    units = _nearest(price, scale)
    exact = price * scale
    strict = instrument["tick"] > 0 and s["off_tick"] != OffTick.NEAREST
    if strict and exact > 0.0 and abs(exact - units) > exact * PRICE_TOLERANCE:
        return -math.ceil(exact)
    if units <= 0:
        raise ValueError("a limit or stop must be positive")
    return units


@entry("int64(int64, int64, int64, int64, int64, float64, float64, float64)")
def place(address, i, side, mode, kind, size, limit, stop):  # type: ignore[no-untyped-def]
    """One intent of a compiled strategy, in floats: fills in the ticket and submits it. Returns what ``submit`` does.

    side 1 or -1 for UNITS, VALUE and WEIGHT (size must be positive), else 0; ``limit`` and ``stop`` count where the order type
    ``kind`` has them (of a trailing stop the distance of the limit, and NaN for a stop that follows from the mark). ValueError for a size
    or price that is none.
    """
    s = state_at(address)
    table = int64_at(s["driver"], _TIF + 1)
    instrument = instrument_at(s, i)
    if side != 0 and not size > 0.0:
        raise ValueError("the size of an order must be positive")
    if mode == SizeMode.UNITS or mode == SizeMode.TARGET_UNITS:
        whole = lots_of(size, float(instrument["lot_scale"]))
    elif mode == SizeMode.CLOSE:
        whole = 0
    elif mode == SizeMode.VALUE or mode == SizeMode.TARGET_VALUE:
        whole = _nearest(size, float(table[_MONEY_SCALE]))
    else:
        whole = _nearest(size, float(RATE_SCALE))
        if mode >= SizeMode.RISK and not 0 < whole < RATE_SCALE:
            raise ValueError("a risk must be a part of equity, such as 0.005")
    s["t_limit"] = 0
    s["t_stop"] = 0
    if kind == OrderType.TRAILING_STOP_LIMIT:
        s["t_limit"] = distance(limit, float(instrument["price_scale"]))
    elif has_limit(kind):
        s["t_limit"] = order_price(s, instrument, limit)
    trails = kind == OrderType.TRAILING_STOP or kind == OrderType.TRAILING_STOP_LIMIT
    if has_stop(kind) and not (trails and stop != stop):
        s["t_stop"] = order_price(s, instrument, stop)
    s["t_instrument"] = i
    s["t_side"] = side
    s["t_size_mode"] = mode
    s["t_size"] = whole
    s["t_type"] = kind
    s["t_tif"] = table[_TIF]
    o = submit(address)
    _answered(s, o)
    return o


@entry("int64(int64, int64, int64, float64, int64, float64, float64, float64, int64, float64)")
def extend(address, i, side, trail, unit, take, loss, display, after, per):  # type: ignore[no-untyped-def]
    """Fill in the rarer terms of the ticket that ``place`` is about to submit; NaN, and -1 for an order, is none. Returns 0.

    ``trail`` counts in ``unit``, as ``TrailUnit``: prices, ticks or fractions of the price.
    """
    s = state_at(address)
    instrument = instrument_at(s, i)
    s["t_trail_unit"] = unit
    s["t_trail"] = 0
    if unit == TrailUnit.PRICE:
        s["t_trail"] = distance(trail, float(instrument["price_scale"]))
    elif unit == TrailUnit.TICKS:
        s["t_trail"] = distance(trail, 1.0)
    elif unit == TrailUnit.RATE:
        s["t_trail"] = distance(trail, float(RATE_SCALE))
    s["t_take"] = 0 if take != take else order_price(s, instrument, take)
    s["t_loss"] = 0 if loss != loss else order_price(s, instrument, loss)
    if s["t_take"] != 0 and s["t_loss"] != 0 and side * (abs(s["t_take"]) - abs(s["t_loss"])) <= 0:
        raise ValueError("a buy takes its profit above, a sell below its stop_loss")
    s["t_display"] = 0
    if display == display:
        s["t_display"] = lots_of(display, float(instrument["lot_scale"]))
        if s["t_display"] <= 0:
            raise ValueError("display must be positive")
    if after >= s["n_orders"]:
        raise IndexError("there is no order of this number")
    s["t_after"] = max(after, -1) + 1
    s["t_per"] = 0 if per != per else distance(per, float(instrument["price_scale"]))
    return 0


@jit
def _is_meant(order, i, side, tag):  # type: ignore[no-untyped-def]
    """Whether an order is of instrument i (-1: any), of a side (0: any) and with a tag (-1: any)."""
    return (i < 0 or order["symbol"] == i) and (side == 0 or order["side"] == side) and (tag < 0 or order["tag"] == tag)


@jit
def _next_known(s, i, side, tag, after):  # type: ignore[no-untyped-def]
    """The same where the manager may know less than there is: of the orders that live as far as it knows."""
    for o in range(after + 1, s["n_orders"]):
        if _is_meant(order_at(s, o), i, side, tag) and seems_live(s, o):
            return o
    return after - after - 1


@jit
def _next_live(s, i, side, tag, after):  # type: ignore[no-untyped-def]
    """Smallest number above ``after`` of an order that is meant, -1 where there is none."""
    found = -1
    if s["faults"] != 0:
        return _next_known(s, i, side, tag, after)
    o = s["work_head"]
    while o >= 0:
        if o > after and (found < 0 or o < found) and is_live(order_at(s, o)) and _is_meant(order_at(s, o), i, side, tag):
            found = o
        o = order_at(s, o)["next"]
    for k in range(s["n_commands"]):
        o = command_at(s, k)["order"]
        fresh = command_at(s, k)["kind"] == NEW_ORDER and o > after and (found < 0 or o < found)
        if fresh and is_live(order_at(s, o)) and _is_meant(order_at(s, o), i, side, tag):
            found = o
    return found


@entry("int64(int64, int64, int64, int64)")
def cancel_all(address, i, side, tag):  # type: ignore[no-untyped-def]
    """Ask for the cancel of every live order of instrument i (-1: of all), of a side (0: both) and with a tag (-1: any), by number.

    Returns how many were asked for.
    """
    s = state_at(address)
    asked = 0
    o = _next_live(s, i, side, tag, -1)
    while o >= 0:
        answer = cancel(address, o)
        if answer == NO_ROOM:
            _answered(s, NO_ROOM)
            return asked
        asked += answer
        o = _next_live(s, i, side, tag, o)
    return asked
