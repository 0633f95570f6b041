"""What the broker takes back afterwards: fills that are undone (busts), or whose price is corrected.

Which are is drawn as their reports are sent. Rules: ``docs/execution_rules.md`` §10.
"""

from __future__ import annotations

from fillwright.kernel._codes import (
    HELD,
    LEG,
    MAKER,
    NO,
    NOTHING,
    PENDING_CANCEL,
    PENDING_REPLACE,
    REDUCE_ONLY,
    TAKER,
    AccountType,
    ExitReason,
    Liquidity,
    MarkBy,
    OrderEvent,
    OrderStatus,
    OrderType,
    Reason,
    Stage,
    TimeInForce,
)
from fillwright.kernel._jit import jit
from fillwright.kernel.arrivals import meet_quotes
from fillwright.kernel.faults import happens
from fillwright.kernel.ledger import book_fill
from fillwright.kernel.margin import order_price
from fillwright.kernel.matching import is_auction
from fillwright.kernel.models import charged, has_limit, raw_fee, value
from fillwright.kernel.orders import add_pending, emit, end_order, fund, is_live, link_last, put_last, refuse, reserve_rest
from fillwright.kernel.quotes import mark_row
from fillwright.kernel.reducing import keep_exits, keep_to_position
from fillwright.kernel.rng import uniform
from fillwright.kernel.state import (
    currency_at,
    feed_at,
    fill_at,
    instrument_at,
    load_int64,
    load_uint8,
    marked_at,
    order_at,
    order_event_at,
    store_int64,
    told_at,
)
from fillwright.model.columns import FILLS

BUST, CORRECT, CORRECT_BY = 24, 25, 26
"""First numbers of draws."""
_WORDS = FILLS.packed_words


@jit
def is_bust(event):  # type: ignore[no-untyped-def]
    """Whether an event undoes a fill."""
    return event == OrderEvent.BUST or event == OrderEvent.BUST_ALL


@jit
def mark_fill(s, event, row, step):  # type: ignore[no-untyped-def]
    """Draw whether the fill of event number ``row``, the order's ``step``-th, is to be undone or corrected; if so it is queued."""
    o = event["order_id"]
    if is_bust(event["event"]) or order_at(s, o)["flags"] & LEG != 0:
        return
    shift = 0
    if not happens(s, BUST, o, step, s["f_bust"]):
        if fill_at(s, event["fill_id"])["exec_ref_id"] >= 0 or not happens(s, CORRECT, o, step, s["f_correct"]):
            return
        most = s["f_correct_by"]
        drawn = int(uniform(s["seed"], CORRECT_BY, o, step) * (2 * most))
        shift = -1 - drawn if drawn < most else drawn - most + 1
    k = s["n_marked"]
    s["n_marked"] = k + 1
    marked = marked_at(s, k)
    marked["event"] = row
    marked["due"] = s["now"] + s["f_bust_after"]
    marked["shift"] = shift


@jit
def undo_due(s):  # type: ignore[no-untyped-def]
    """Undo or correct the fill that was marked first, if it is due."""
    k = s["marked_read"]
    if k == s["n_marked"] or marked_at(s, k)["due"] > s["now"]:
        return
    s["marked_read"] = k + 1
    event = order_event_at(s, marked_at(s, k)["event"])
    if marked_at(s, k)["shift"] == 0:
        _undo(s, event["order_id"], event["fill_id"])
    else:
        _correct(s, event["order_id"], event["fill_id"], marked_at(s, k)["shift"])


@jit
def _copy_fill(s, f):  # type: ignore[no-untyped-def]
    """A new fill like fill f, at no place of the market; returns its number."""
    k = s["n_fills"]
    s["n_fills"] = k + 1
    length = s["fills_cap"] * _WORDS
    for word in range(_WORDS):
        store_int64(s["fills"], length, k * _WORDS + word, load_int64(s["fills"], length, f * _WORDS + word))
    fill = fill_at(s, k)
    fill["fill_id"] = k
    fill["exec_ref_id"] = f
    fill["instant"] = s["now"]
    fill["time"] = s["now"]
    fill["stage"] = Stage.BOOKS
    fill["ambiguous"] = 0
    fill["available"] = -1
    fill["reported_at"] = s["now"]
    return k


@jit
def _liquidity(fill):  # type: ignore[no-untyped-def]
    return MAKER if fill["liquidity"] == Liquidity.MAKER else TAKER


@jit
def _fee_without(s, order, fill):  # type: ignore[no-untyped-def]
    """(raw fees of the order without a fill, what the order then has to pay more, not positive)."""
    if order["cum_quantity"] == fill["quantity"]:
        return NOTHING, -order["fee"]
    instrument = instrument_at(s, order["symbol"])
    raw = order["fee_raw"] - raw_fee(instrument, fill["quantity"], fill["notional"], _liquidity(fill), NO)
    return raw, charged(instrument, raw, order["fee"])


@jit
def _why(fill, reason):  # type: ignore[no-untyped-def]
    """Exit reason of a booked fill, with that of one which only closes."""
    if fill["closing_quantity"] == 0:
        return NOTHING + ExitReason.NONE
    return reason if fill["closing_quantity"] == fill["quantity"] else NOTHING + ExitReason.REVERSAL


@jit
def _book(s, i, f):  # type: ignore[no-untyped-def]
    """Book fill f; a quoted instrument whose mark depends on its position is marked anew."""
    book_fill(s, f)
    feed = feed_at(s, instrument_at(s, i)["feed"])
    if s["mark_by"] == MarkBy.EXIT_SIDE and feed["ask_close"] != 0:
        mark_row(s, feed, feed["row"] - 1)


@jit
def _take_back(s, o, f):  # type: ignore[no-untyped-def]
    """The fill that undoes fill f of order o, its event and its entry in the books. Returns its number."""
    order = order_at(s, o)
    k = _copy_fill(s, f)
    fill = fill_at(s, k)
    lots = fill["quantity"]
    raw, fee = _fee_without(s, order, fill)
    fill["side"] = -fill["side"]
    fill["fee"] = fee
    order["fee_raw"] = raw
    order["fee"] += fee
    order["cum_quantity"] -= lots
    order["cum_notional"] -= fill["notional"]
    filled = order["status"] == OrderStatus.FILLED
    if filled:
        if told_at(s, o)["sent"] > 0:
            order["flags"] |= PENDING_CANCEL
        if order["asked"] > 0:
            order["flags"] |= PENDING_REPLACE
        order["done_at"] = 0
    if filled or is_live(order):
        order["leaves_quantity"] += lots
        add_pending(s, order, lots)
    row = emit(s, o, OrderEvent.BUST_ALL if order["cum_quantity"] == 0 else OrderEvent.BUST, s["now"], NOTHING)
    order_event_at(s, row)["fill_id"] = k
    _book(s, order["symbol"], k)
    fill["exit_reason"] = _why(fill, ExitReason.BUST)
    return k


@jit
def _overdraws(s, order, money, lots):  # type: ignore[no-untyped-def]
    """Whether paying money and giving up lots would leave less than nothing in a cash account."""
    if s["account_type"] != AccountType.CASH:
        return False
    instrument = instrument_at(s, order["symbol"])
    return currency_at(s, instrument["currency"])["cash"] < money or instrument["position"] < lots


@jit
def _undo(s, o, f):  # type: ignore[no-untyped-def]
    order = order_at(s, o)
    fill = fill_at(s, f)
    money = _fee_without(s, order, fill)[1] - fill["side"] * fill["notional"]
    if _overdraws(s, order, money, fill["side"] * fill["quantity"]):
        return
    filled = order["status"] == OrderStatus.FILLED
    k = _take_back(s, o, f)
    if filled:
        _reopen(s, o, f)
    if is_live(order):
        _work(s, o)
    if s["reducing"] > 0 and fill_at(s, k)["closing_quantity"] > 0:
        keep_exits(s, o, s["now"])
    if s["quoted"] != 0:
        meet_quotes(s, s["now"])


@jit
def _reopen(s, o, f):  # type: ignore[no-untyped-def]
    """An order that was filled works again as though it had just arrived, if its time in force lets it."""
    order = order_at(s, o)
    time = s["now"]
    instrument_at(s, order["symbol"])["live"] += 1
    s["live"] += 1
    if order["flags"] & REDUCE_ONLY != 0:
        s["reducing"] += 1
    if order["type"] != OrderType.MARKET:
        s["priced"] += 1
    link_last(s, o)
    order["arrived_at"] = time
    order["tried"] = 0
    order["shown"] = order["display_quantity"]
    tif = order["tif"]
    if tif == TimeInForce.IOC:
        end_order(s, o, OrderEvent.CANCEL, time, Reason.IOC_REMAINDER, NOTHING, NOTHING)
    elif tif == TimeInForce.FOK:
        end_order(s, o, OrderEvent.CANCEL, time, Reason.FOK_NOT_FILLABLE, NOTHING, NOTHING)
    elif is_auction(order):
        end_order(s, o, OrderEvent.EXPIRE, time, Reason.AUCTION_OVER, NOTHING, NOTHING)
    elif tif == TimeInForce.DAY and _day_is_over(s, order["symbol"], f):
        end_order(s, o, OrderEvent.EXPIRE, time, Reason.DAY_END, NOTHING, NOTHING)
    elif tif == TimeInForce.GTD and order["expire_at"] < time:
        end_order(s, o, OrderEvent.EXPIRE, time, Reason.GTD_REACHED, NOTHING, NOTHING)
    elif s["liquidating"] != 0:
        left = -order["side"] * instrument_at(s, order["symbol"])["position"]
        if left < order["leaves_quantity"]:
            refuse(s, o, time, Reason.UNDER_MAINTENANCE, NOTHING, NOTHING)


@jit
def _day_is_over(s, i, f):  # type: ignore[no-untyped-def]
    """Whether a day of instrument i has ended since fill f, or since the one that it corrects."""
    while fill_at(s, f)["exec_ref_id"] >= 0:
        f = fill_at(s, f)["exec_ref_id"]
    feed = feed_at(s, instrument_at(s, i)["feed"])
    row = feed["row"] - 1
    while row >= 0 and load_int64(feed["close_time"], feed["n"], row) >= fill_at(s, f)["instant"]:
        if load_uint8(feed["day_last"], feed["n"], row) != 0:
            return True
        row -= 1
    return False


@jit
def _work(s, o):  # type: ignore[no-untyped-def]
    """A live order has more to fill: what only reduces fits the position, anything else has its funds."""
    order = order_at(s, o)
    if order["flags"] & HELD != 0:
        if order["side"] * instrument_at(s, order["symbol"])["position"] >= 0:
            return
        order["flags"] &= ~HELD
        put_last(s, o)
        emit(s, o, OrderEvent.RELEASE, s["now"], NOTHING)
    if order["flags"] & REDUCE_ONLY != 0:
        keep_to_position(s, o, s["now"])
    elif fund(s, o, s["now"], order["leaves_quantity"], order_price(s, order), TAKER, NO) > 0:
        reserve_rest(s, order)


@jit
def _correct(s, o, f, shift):  # type: ignore[no-untyped-def]
    """Fill f of order o was at another price, ``shift`` ticks away."""
    order = order_at(s, o)
    fill = fill_at(s, f)
    instrument = instrument_at(s, order["symbol"])
    change = shift * max(instrument["tick"], 1)
    price = fill["price"] + change
    lots = fill["quantity"]
    if price < 1 or (has_limit(order["type"]) and order["side"] * (price - order["limit_price"]) > 0):
        return
    notional = value(instrument, price, lots)
    raw, back = _fee_without(s, order, fill)
    raw += raw_fee(instrument, lots, notional, _liquidity(fill), order["cum_quantity"] == lots)
    fee = charged(instrument, raw, order["fee"] + back)
    if _overdraws(s, order, order["side"] * (notional - fill["notional"]) + back + fee, NOTHING):
        return
    filled = order["status"] == OrderStatus.FILLED
    live = is_live(order)
    _take_back(s, o, f)
    k = _copy_fill(s, f)
    fill = fill_at(s, k)
    fill["reference_price"] += change
    fill["price"] = price
    fill["notional"] = notional
    fill["fee"] = fee
    order["fee_raw"] = raw
    order["fee"] += fee
    order["cum_quantity"] += lots
    order["cum_notional"] += notional
    if filled or live:
        order["leaves_quantity"] -= lots
        add_pending(s, order, -lots)
    if filled:
        order["flags"] &= ~(PENDING_CANCEL | PENDING_REPLACE)
        order["done_at"] = s["now"]
    row = emit(s, o, OrderEvent.FILL_ALL if filled else OrderEvent.FILL_PART, s["now"], NOTHING)
    order_event_at(s, row)["fill_id"] = k
    order_event_at(s, row)["late"] = 0 if filled or live else 1
    _book(s, order["symbol"], k)
    fill["exit_reason"] = _why(fill, order["exit_reason"])
    if live and order["flags"] & HELD == 0:
        reserve_rest(s, order)
