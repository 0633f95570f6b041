"""All that a run can change, and the parameters it runs with: one block of records, made fresh for each run.

The kernel receives one address, that of the ``SCALARS`` record; every other array hangs on an address inside it. Arrays are
enlarged by the owner (:class:`State`) between instants, never inside the kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fillwright.kernel._codes import BarPath, OrderType
from fillwright.kernel._jit import jit, next_row, prefetch, row_of, storing, view_of, word_of
from fillwright.kernel.blocks import block
from fillwright.model import columns


def _record(*names: str) -> np.dtype[np.void]:
    return np.dtype([(name, np.int64) for name in names])


BOUNDED = ("orders", "order_events", "fills", "entries", "lot_closes", "lots", "commands")
"""Tables that grow by what one instant may write, see :func:`needs`."""

OF_REPORTS = ("told", "heard", "mail", "reports", "marked")
"""Tables that only runs with faults write; they grow with orders and their events."""

GROWING = (*BOUNDED, *OF_REPORTS, "switches")
"""Tables that grow; each has an address, a capacity ``<name>_cap`` and a length ``n_<name>`` in SCALARS."""

TICKET = (
    "t_instrument", "t_side", "t_size_mode", "t_size", "t_type", "t_tif", "t_limit", "t_stop", "t_expire", "t_rule", "t_tag",
    "t_strategy", "t_action", "t_lot", "t_flags", "t_trail", "t_trail_unit",
    "t_take", "t_loss", "t_display", "t_after", "t_per",
)  # fmt: skip
"""The order form that a driver fills in before it calls ``submit``. ``t_lot`` is 1 + the lot that the order names, 0 = none; the
limit of a trailing stop-limit order is its distance from the stop, and its stop is 0 where it follows from the mark. ``t_after`` is
1 + the order whose fill releases it, 0 = none; ``t_per`` is the move of price that a size by volatility counts with."""

SCALARS = _record(
    *TICKET,
    *(f"{name}{suffix}" for name in GROWING for suffix in ("", "_cap")),
    *(f"n_{name}" for name in GROWING),
    # arrays of fixed size
    "instruments", "n_instruments", "currencies", "n_currencies", "feeds", "n_feeds", "books", "n_strategies",
    "instants", "n_instants", "offsets", "event_feed", "equity", "n_equity", "params", "state", "timers", "indicators", "driver", "fused",
    # the run
    "digests", "fold_at", "uniform", "self", "now", "instant", "stop_at", "first_callback",
    "mask", "event_read", "fault", "fault_a", "fault_b", "room", "calling",
    "seed", "latency_ns", "account_type", "lots_method", "fill_when", "path", "participation", "clamp_to_range", "reversal",
    "on_short_cash", "off_tick", "deduplicate", "bracket", "flat_day_end", "flat_run_end", "initial_margin", "maintenance_margin",
    "max_open_positions", "max_position_fraction",
    "size_at_fill", "default_limit",
    "policies", "trading_state", "refuse_scale_in", "max_orders", "max_orders_interval", "max_live_orders", "price_collar",
    "max_drawdown", "max_order_value", "max_gross_exposure", "max_net_exposure",
    "guarded", "max_daily_loss", "on_drawdown", "on_daily_loss", "asked_state", "drawdown_state", "day_state", "day_equity", "day_over",
    "day_row",
    "quoted", "moments", "trigger", "mark_by", "max_age", "equity_every", "equity_next",
    # working list, queue, totals
    "work_head", "work_tail", "cursor", "n_working", "priced", "live", "reducing", "legs", "liquidating",
    "open_lots", "intents", "no_change", "rules", "ambiguous",
    "peak", "trough", "drawdown", "drawdown_peak",
    # faults: whether there are any, chances in 10^-9, times in ns; events taken in, reports called with
    "faults", "f_reject", "f_reject_cancel", "f_reject_replace", "f_late_ack", "f_late_by", "f_lost_ack", "f_duplicate", "f_reorder",
    "f_outage", "f_outage_length", "outages", "n_outages", "ask_after", "taken", "report_read",
    "f_bust", "f_correct", "f_bust_after", "f_correct_by", "marked_read",
)  # fmt: skip

INSTRUMENT = _record(
    "feed", "currency", "mul", "div", "tick", "price_scale", "lot_scale",
    "slip_rate", "slip_ticks", "fee_order", "fee_unit", "fee_taker", "fee_maker", "fee_min", "fee_max", "through",
    "max_position", "max_order",
    "safe_lots", "mark", "value", "position", "bar", "volume_left", "live",
    "path", "open", "first", "second", "close", "high", "low", "open_time", "close_time",
    "kind", "quote_row", "bid", "ask", "bid_left", "ask_left", "ask_open", "ask_first", "ask_second", "ask_close",
)  # fmt: skip

CURRENCY = _record("factor", "pair", "inverse", "rate", "cash", "value", "reserved", "gross")

FEED = _record(
    "instrument", "execution", "timeframe", "n", "row", "kind", "silent",
    "open_time", "close_time", "open", "high", "low", "close", "volume", "day_last",
    "ask_open", "ask_high", "ask_low", "ask_close", "bid_size", "ask_size",
)  # fmt: skip

BOOK = _record("position", "head", "tail", "pending")
"""Per strategy and instrument: position, open lots oldest first, signed leaves of live market orders."""

COMMAND = _record("kind", "order", "arrived_at", "quantity", "limit", "stop", "trail", "trail_unit", "kept")
TOLD = _record(
    "event", "last", "status", "reason", "cum", "notional", "events", "commands", "sent", "fresh", "cancels", "replaces", "since",
    "asked_at",
)  # fmt: skip
"""What the order manager knows of an order: its last event known (-1 = none), state, reason and fills; whether the order itself is
unanswered, how many cancels and replaces are, since when, and when the broker was asked (0 = it was not). Beside that ``last``, the last
event that there is, and counts: its events, commands that have arrived, cancels on their way."""
HEARD = _record("times")
MARKED = _record("event", "due", "shift")
"""A fill that is to be undone, the one that the event has; its price then moves by ``shift`` ticks, 0 = it is undone for good."""
MAIL = _record("event", "order", "due", "answer")
"""A report on its way: ``due`` is NEVER for one that was lost; ``answer`` is 1 for the first report of an answer."""
NEVER = 1 << 62
CANCEL, NEW_ORDER, REPLACE = 0, 1, 2
FOLLOWS, AFTER = 1, 2
"""What an order with a parent waits for, beside the legs of a reversal; see the column ``waits``."""
SWITCHES_AT_ONCE = 4
"""Rows that the limits may write to ``switches`` at one instant."""
NO_WALK = -2
"""``cursor`` is the order that a walk through the working list comes to next, -1 = whatever is put at its end, NO_WALK = there is none."""

DIGEST = np.dtype([("words", np.int64), ("folded", np.int64), *((lane, np.uint64) for lane in "abcd")])
"""Fingerprint of a journal table so far: words of a row, words that are in it, and the lanes."""

JOURNAL = ("order_events", "fills", "entries", "lot_closes")
"""Tables that only ever grow and are folded into the fingerprint as they do, in the order of their digests."""

_TABLE_DTYPES: dict[str, np.dtype[np.void]] = {t.name: t.packed for t in columns.TABLES} | {
    "commands": COMMAND, "told": TOLD, "heard": HEARD, "mail": MAIL, "marked": MARKED,
}  # fmt: skip

# What advance returns, and faults that end a run.
DONE, GROW, PAUSE, STOPPED, FAULT = 0, 1, 2, 3, 4
FAULT_NONE, FAULT_ILLEGAL_TRANSITION, FAULT_NO_RATE, FAULT_ROOM = 0, 1, 2, 3

# What a callback is told: a feed number >= 0 is a bar of that feed, its second argument the row; else one of these.
ON_BARS, ON_ORDER_EVENT, ON_SESSION_OPEN, ON_SESSION_CLOSE, ON_TIMER, ON_REPORT = -1, -2, -3, -4, -5, -7
QUIET = -6
"""What a callback is told that has the loop over quiet instants in itself (``fused``): run it, and return what ``coast`` returns."""
WANTS_BAR, WANTS_BARS, WANTS_ORDER_EVENTS, WANTS_SESSIONS, WANTS_TIMERS = 1, 2, 4, 8, 16

_scalars_row = row_of(SCALARS)
_order_row = row_of(columns.ORDERS.packed)
_order_event_row = row_of(columns.ORDER_EVENTS.packed)
_fill_row = row_of(columns.FILLS.packed)
_entry_row = row_of(columns.ENTRIES.packed)
_lot_close_row = row_of(columns.LOT_CLOSES.packed)
_lot_row = row_of(columns.LOTS.packed)
_command_row = row_of(COMMAND)
_told_row = row_of(TOLD)
_heard_row = row_of(HEARD)
_mail_row = row_of(MAIL)
_marked_row = row_of(MARKED)
_report_row = row_of(columns.REPORTS.packed)
_switch_row = row_of(columns.SWITCHES.packed)
_instrument_row = row_of(INSTRUMENT)
_currency_row = row_of(CURRENCY)
_feed_row = row_of(FEED)
_book_row = row_of(BOOK)
_digest_row = row_of(DIGEST)
_int64_view = view_of(np.dtype(np.int64))
_int32_view = view_of(np.dtype(np.int32))
_uint8_view = view_of(np.dtype(np.uint8))

load_int64 = word_of(np.dtype(np.int64))
"""``load_int64(address, length, index)``: one element of an int64 array at an address."""

load_int32 = word_of(np.dtype(np.int32))
"""One element of an int32 array at an address."""

load_uint8 = word_of(np.dtype(np.uint8))
"""One element of a uint8 array at an address."""

expect_order = next_row(columns.ORDERS.packed)
expect_order_event = next_row(columns.ORDER_EVENTS.packed)
expect_fill = next_row(columns.FILLS.packed)
expect_entry = next_row(columns.ENTRIES.packed)
expect_lot_close = next_row(columns.LOT_CLOSES.packed)
expect_lot = next_row(columns.LOTS.packed)

store_int64 = storing(np.dtype(np.int64))
"""``store_int64(address, length, index, value)`` into an int64 array at an address."""


@jit
def state_at(address):  # type: ignore[no-untyped-def]
    """The SCALARS record at an address."""
    return _scalars_row(address, 1, 0)


@jit
def int64_at(address, length):  # type: ignore[no-untyped-def]
    """An int64 array at an address."""
    return _int64_view(address, length)


@jit
def int32_at(address, length):  # type: ignore[no-untyped-def]
    """An int32 array at an address."""
    return _int32_view(address, length)


@jit
def uint8_at(address, length):  # type: ignore[no-untyped-def]
    """A uint8 array at an address."""
    return _uint8_view(address, length)


@jit
def order_at(s, k):  # type: ignore[no-untyped-def]
    """Order k."""
    return _order_row(s["orders"], s["orders_cap"], k)


@jit
def order_event_at(s, k):  # type: ignore[no-untyped-def]
    """Order event k."""
    return _order_event_row(s["order_events"], s["order_events_cap"], k)


@jit
def fill_at(s, k):  # type: ignore[no-untyped-def]
    """Fill k."""
    return _fill_row(s["fills"], s["fills_cap"], k)


@jit
def entry_at(s, k):  # type: ignore[no-untyped-def]
    """Entry k of the books."""
    return _entry_row(s["entries"], s["entries_cap"], k)


@jit
def lot_close_at(s, k):  # type: ignore[no-untyped-def]
    """Lot close k."""
    return _lot_close_row(s["lot_closes"], s["lot_closes_cap"], k)


@jit
def lot_at(s, k):  # type: ignore[no-untyped-def]
    """Lot k."""
    return _lot_row(s["lots"], s["lots_cap"], k)


@jit
def command_at(s, k):  # type: ignore[no-untyped-def]
    """Command k on its way to the broker."""
    return _command_row(s["commands"], s["commands_cap"], k)


@jit
def told_at(s, k):  # type: ignore[no-untyped-def]
    """What the order manager knows of order k."""
    return _told_row(s["told"], s["told_cap"], k)


@jit
def heard_at(s, k):  # type: ignore[no-untyped-def]
    """Whether order event k has been heard of."""
    return _heard_row(s["heard"], s["heard_cap"], k)


@jit
def mail_at(s, k):  # type: ignore[no-untyped-def]
    """Report k on its way."""
    return _mail_row(s["mail"], s["mail_cap"], k)


@jit
def marked_at(s, k):  # type: ignore[no-untyped-def]
    """Fill k of those that are to be undone."""
    return _marked_row(s["marked"], s["marked_cap"], k)


@jit
def report_at(s, k):  # type: ignore[no-untyped-def]
    """Report k."""
    return _report_row(s["reports"], s["reports_cap"], k)


@jit
def switch_at(s, k):  # type: ignore[no-untyped-def]
    """Change k of the trading state."""
    return _switch_row(s["switches"], s["switches_cap"], k)


@jit
def instrument_at(s, k):  # type: ignore[no-untyped-def]
    """Instrument k."""
    return _instrument_row(s["instruments"], s["n_instruments"], k)


@jit
def currency_at(s, k):  # type: ignore[no-untyped-def]
    """Currency k; 0 is the account's."""
    return _currency_row(s["currencies"], s["n_currencies"], k)


@jit
def feed_at(s, k):  # type: ignore[no-untyped-def]
    """Feed k."""
    return _feed_row(s["feeds"], s["n_feeds"], k)


@jit
def feed_of(s, first, last, k):  # type: ignore[no-untyped-def]
    """Feed of event k, of an instant whose events are first to last: where all feeds close together it need not be looked up."""
    if s["uniform"] != 0:
        return k - first
    return np.int64(load_int32(s["event_feed"], last, k))


@jit
def book_at(s, k):  # type: ignore[no-untyped-def]
    """Book k: strategy x n_instruments + instrument."""
    return _book_row(s["books"], s["n_strategies"] * s["n_instruments"], k)


@jit
def digest_at(s, k):  # type: ignore[no-untyped-def]
    """Digest k, of table k of JOURNAL; the last is that of the equity curve."""
    return _digest_row(s["digests"], 5, k)


@jit
def needs_range(s):  # type: ignore[no-untyped-def]
    """Whether highs and lows matter: a working order waits for a price, prices are kept within the range, or the path needs them."""
    return s["priced"] != 0 or s["clamp_to_range"] != 0 or s["path"] != BarPath.DIRECTION


@jit
def expect_bar(s, i):  # type: ignore[no-untyped-def]
    """Ask for the next bar of instrument i, which an order is about to meet: quiet instants read closes only."""
    feed = feed_at(s, instrument_at(s, i)["feed"])
    offset = 8 * feed["row"]
    prefetch(feed["open_time"] + offset)
    prefetch(feed["open"] + offset)
    if s["t_type"] != OrderType.MARKET or needs_range(s):
        prefetch(feed["high"] + offset)
        prefetch(feed["low"] + offset)
    if s["participation"] >= 0:
        prefetch(feed["volume"] + offset)


class State:
    """Owner of a run's memory. ``scalars`` is the SCALARS record; ``address`` is what the kernel is called with."""

    def __init__(self, *, instruments: int, currencies: int, feeds: int, strategies: int, instants: int, bars: int) -> None:
        self._scalars = np.zeros(1, SCALARS)
        self.scalars: Any = self._scalars[0]
        self.address = int(self._scalars.ctypes.data)
        self.instruments = np.zeros(max(instruments, 1), INSTRUMENT)
        self.currencies = np.zeros(currencies, CURRENCY)
        self.feeds = np.zeros(max(feeds, 1), FEED)
        self.books = np.zeros(max(strategies * instruments, 1), BOOK)
        self.books["head"] = self.books["tail"] = -1
        self.digests = np.zeros(len(JOURNAL) + 1, DIGEST)
        self.digests["words"] = [*(_TABLE_DTYPES[name].itemsize // 8 for name in JOURNAL), 1]
        self.equity = block(instants, np.dtype(np.int64))
        self.kept: list[Any] = []
        """Arrays that the records point into; they live as long as the state."""
        self.tables: dict[str, np.ndarray[Any, Any]] = {}
        s = self.scalars
        s["n_instruments"], s["n_currencies"], s["n_feeds"], s["n_strategies"] = instruments, currencies, feeds, strategies
        for name, array in (("instruments", self.instruments), ("currencies", self.currencies), ("feeds", self.feeds),
                            ("books", self.books), ("digests", self.digests), ("equity", self.equity)):  # fmt: skip
            s[name] = array.ctypes.data
        s["room"] = 4 * instruments + 1024
        s["self"] = self.address
        s["work_head"] = s["work_tail"] = -1
        s["cursor"] = NO_WALK
        # An order every 16 bars fits at first: memory that nothing is written to costs nothing, a copy does.
        expected = bars // 16
        for name, per_order in zip(GROWING, (1, 4, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0), strict=True):
            self._allocate(name, 64 + per_order * expected)
        self.grow()

    def _allocate(self, name: str, rows: int) -> None:
        fresh = block(rows, _TABLE_DTYPES[name])
        used = int(self.scalars[f"n_{name}"])
        if used:
            fresh[:used] = self.tables[name][:used]
        self.tables[name] = fresh
        self.scalars[name] = fresh.ctypes.data
        self.scalars[f"{name}_cap"] = rows

    def fill(self, name: str, rows: np.ndarray[Any, Any], capacity: int) -> None:
        """Begin a growing table with rows that a checkpoint holds, at the capacity it had."""
        self.scalars[f"n_{name}"] = 0
        self._allocate(name, capacity)
        self.tables[name][: len(rows)] = rows
        self.scalars[f"n_{name}"] = len(rows)

    def grow(self) -> None:
        """Give every table head-room for the next instants: at least what :func:`has_room` asks for, and as much again."""
        s = self.scalars
        need = needs(s, s["live"] + s["room"])
        for name, extra in zip(BOUNDED, need, strict=True):
            wanted = int(s[f"n_{name}"]) + int(extra)
            if wanted > int(s[f"{name}_cap"]):
                self._allocate(name, 2 * wanted)
        if int(s["n_switches"]) + SWITCHES_AT_ONCE > int(s["switches_cap"]):
            self._allocate("switches", 2 * int(s["switches_cap"]))
        if s["faults"]:
            for name, wanted in zip(OF_REPORTS, report_needs(s), strict=True):
                if wanted > int(s[f"{name}_cap"]):
                    self._allocate(name, 2 * int(wanted))

    def pin(self, array: np.ndarray[Any, Any]) -> int:
        """Address of an array that must live as long as the run."""
        self.kept.append(array)
        return int(array.ctypes.data)

    def table(self, name: str) -> np.ndarray[Any, Any]:
        """The filled part of a growing table: a view, not a copy."""
        return self.tables[name][: int(self.scalars[f"n_{name}"])]


def needs(s: Any, live: Any) -> Any:
    """Rows that one instant with so many live orders may write to each table of BOUNDED, at most.

    An order may meet the quote that stands, a print and the quote that comes, all at one instant.
    """
    fills = (3 if s["quoted"] != 0 else 1) * live + 2 * s["n_instruments"]
    return (live, 10 * fills, fills, fills, s["open_lots"] + 2 * fills, fills, 2 * live)


_needs = jit(needs)


@jit
def has_room(s):  # type: ignore[no-untyped-def]
    """Whether one more instant fits into every table."""
    return _fits(s, _needs(s, s["live"] + s["room"]))


def report_needs(s: Any) -> Any:
    """Rows that each table of OF_REPORTS must have for one more instant.

    An event is one entry of the log, or a report that comes and perhaps comes again; each report or command that is on its way may
    have the broker asked and answer.
    """
    fresh = s["order_events_cap"] - s["taken"]
    mail = s["n_mail"] + 2 * fresh
    reports = s["n_reports"] + fresh + 3 * mail + 2 * s["commands_cap"]
    return s["orders_cap"], s["order_events_cap"], mail, reports, s["fills_cap"]


_report_needs = jit(report_needs)


@jit
def has_room_to_report(s):  # type: ignore[no-untyped-def]
    """Whether the reports of one more instant fit into their tables."""
    told, heard, mail, reports, marked = _report_needs(s)
    fits = told <= s["told_cap"] and heard <= s["heard_cap"] and mail <= s["mail_cap"]
    return fits and reports <= s["reports_cap"] and marked <= s["marked_cap"]


@jit
def has_room_to_trade(s, orders):  # type: ignore[no-untyped-def]
    """Whether what so many orders more may do at this instant, where they meet quotes at once, fits into every table."""
    return s["quoted"] == 0 or _fits(s, _needs(s, s["live"] + orders))


@jit
def _fits(s, n):  # type: ignore[no-untyped-def]
    return (
        s["n_orders"] + n[0] <= s["orders_cap"]
        and s["n_order_events"] + n[1] <= s["order_events_cap"]
        and s["n_fills"] + n[2] <= s["fills_cap"]
        and s["n_entries"] + n[3] <= s["entries_cap"]
        and s["n_lot_closes"] + n[4] <= s["lot_closes_cap"]
        and s["n_lots"] + n[5] <= s["lots_cap"]
        and s["n_commands"] + n[6] <= s["commands_cap"]
    )
