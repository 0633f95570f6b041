"""Resting orders meet the path of a bar.

Rules: ``docs/execution_rules.md`` §4 to §6.
"""

from __future__ import annotations

from fillwright.kernel._codes import (
    APART,
    HELD,
    MAKER,
    NO,
    NOTHING,
    POST_ONLY,
    REDUCE_ONLY,
    SIZED_AT_FILL,
    TAKER,
    TRIGGERED,
    BarPath,
    DataKind,
    ExitReason,
    Liquidity,
    MarkBy,
    OrderEvent,
    OrderType,
    Reason,
    Stage,
    TimeInForce,
    Trigger,
)
from fillwright.kernel._jit import jit
from fillwright.kernel.fixed import exp_negative
from fillwright.kernel.ledger import book_fill
from fillwright.kernel.margin import mark_quoted, set_mark
from fillwright.kernel.models import (
    RATE_SCALE,
    charged,
    has_limit,
    has_stop,
    limit_step,
    middle,
    raw_fee,
    slippage,
    tick_step,
    trigger_side,
    value,
)
from fillwright.kernel.orders import (
    accept,
    add_fill,
    close_order,
    emit,
    end_order,
    fund,
    is_live,
    is_market,
    refuse,
    release_children,
    reserve_rest,
    settle_group,
    show_more,
    submit_order,
    trail,
    trigger,
)
from fillwright.kernel.orders import engine_order as new_engine_order
from fillwright.kernel.reducing import keep_exits, keep_to_position
from fillwright.kernel.rng import uniform
from fillwright.kernel.sides import closing_price, left_for, mid_of_fill, opening_price, range_for, segment_of, take
from fillwright.kernel.sizing import fix_size
from fillwright.kernel.state import (
    NO_WALK,
    book_at,
    expect_fill,
    feed_at,
    fill_at,
    instrument_at,
    load_int64,
    load_uint8,
    needs_range,
    order_at,
    order_event_at,
)

_FOUR_LN_2 = 2.772588722239781


@jit
def _high_first_by_direction(bar):  # type: ignore[no-untyped-def]
    return bar["close"] < bar["open"]


@jit
def _high_first_by_chance(s, i, bar):  # type: ignore[no-untyped-def]
    """Draw for which extreme came first, by the weights of a Brownian path through both."""
    spread = float(bar["high"] - bar["low"])
    change = float(bar["close"] - bar["open"])
    variance = spread * spread / _FOUR_LN_2
    high_first = (2.0 * spread + change) * (2.0 * spread + change) / variance
    low_first = (2.0 * spread - change) * (2.0 * spread - change) / variance
    a = (high_first - 1.0) * exp_negative(-0.5 * high_first)
    b = (low_first - 1.0) * exp_negative(-0.5 * low_first)
    return uniform(s["seed"], 1, i, bar["open_time"]) < a / (a + b)


@jit
def _exposure(s, i):  # type: ignore[no-untyped-def]
    """Side that the worst path hurts: of the position, else of the first working order; 0 = neither."""
    position = instrument_at(s, i)["position"]
    if position != 0:
        return 1 if position > 0 else -1
    o = s["work_head"]
    while o >= 0:
        if order_at(s, o)["symbol"] == i and order_at(s, o)["flags"] & HELD == 0:
            return -order_at(s, o)["side"]
        o = order_at(s, o)["next"]
    return 0


@jit
def high_first(s, i, bar):  # type: ignore[no-untyped-def]
    """Whether the path of this bar visits its high before its low."""
    path = s["path"]
    if path == BarPath.OPEN_HIGH_LOW_CLOSE:
        return True
    if path == BarPath.OPEN_LOW_HIGH_CLOSE:
        return False
    if path == BarPath.NEAREST:
        up = bar["high"] - bar["open"]
        down = bar["open"] - bar["low"]
        if up != down:
            return up < down
    elif path == BarPath.WORST or path == BarPath.BEST:
        exposure = _exposure(s, i)
        if exposure != 0:
            return (exposure < 0) == (path == BarPath.WORST)
    elif path == BarPath.PROBABILISTIC and bar["high"] != bar["low"]:
        return _high_first_by_chance(s, i, bar)
    return _high_first_by_direction(bar)


@jit
def offer(s, feed, row):  # type: ignore[no-untyped-def]
    """Lots that a bar or print offers, -1 without a cap."""
    if feed["volume"] == 0 or s["participation"] < 0:
        return -1
    volume = load_int64(feed["volume"], feed["n"], row)
    whole = volume // RATE_SCALE
    rest = volume - whole * RATE_SCALE
    return whole * s["participation"] + rest * s["participation"] // RATE_SCALE


@jit
def open_bar(s, f, marked):  # type: ignore[no-untyped-def]
    """Lay out the bar of execution feed f that closes now: path, volume on offer and, if asked, its first point as mark."""
    feed = feed_at(s, f)
    i = feed["instrument"]
    row = feed["row"]
    n = feed["n"]
    bar = instrument_at(s, i)
    bar["bar"] = row
    bar["open"] = load_int64(feed["open"], n, row)
    if needs_range(s):
        bar["high"] = load_int64(feed["high"], n, row)
        bar["low"] = load_int64(feed["low"], n, row)
    else:  # nobody asks for them: memory that is far away is not read
        bar["high"] = bar["open"]
        bar["low"] = bar["open"]
    bar["close"] = load_int64(feed["close"], n, row)
    bar["open_time"] = load_int64(feed["open_time"], n, row)
    bar["close_time"] = s["now"]
    bar["volume_left"] = offer(s, feed, row)
    if s["path"] == BarPath.CLOSE_ONLY:
        bar["path"] = BarPath.CLOSE_ONLY
    elif high_first(s, i, bar):
        bar["path"] = BarPath.OPEN_HIGH_LOW_CLOSE
        bar["first"] = bar["high"]
        bar["second"] = bar["low"]
    else:
        bar["path"] = BarPath.OPEN_LOW_HIGH_CLOSE
        bar["first"] = bar["low"]
        bar["second"] = bar["high"]
    if marked:
        set_mark(s, i, bar["close"] if s["path"] == BarPath.CLOSE_ONLY else bar["open"])


@jit
def _ambiguous(s, o, bar):  # type: ignore[no-untyped-def]
    """1 if another order of the instrument has its level inside this bar too."""
    i = order_at(s, o)["symbol"]
    k = s["work_head"]
    while k >= 0:
        other = order_at(s, k)
        if k != o and other["symbol"] == i and may_meet(other, bar) and not is_market(other) and not is_auction(other):
            level = other["limit_price"]
            if has_stop(other["type"]) and other["flags"] & TRIGGERED == 0:
                level = other["stop_price"]
            lowest, highest = range_for(bar, other["side"])
            if lowest <= level <= highest:
                return 1
        k = other["next"]
    return 0


@jit
def may_meet(order, bar):  # type: ignore[no-untyped-def]
    """Whether an order may trade on the bar that its instrument has now."""
    return bar["bar"] >= 0 and order["arrived_at"] <= bar["open_time"] and order["flags"] & APART == 0 and is_live(order)


@jit
def is_auction(order):  # type: ignore[no-untyped-def]
    """Whether an order trades at the open or close of a session only."""
    return order["type"] >= OrderType.MARKET_ON_OPEN


@jit
def is_called(s, order, bar, stage):  # type: ignore[no-untyped-def]
    """Whether a stage of the bar is the auction that the order waits for: the open of a session's first bar, the close of its last."""
    feed = feed_at(s, bar["feed"])
    if order["tif"] == TimeInForce.CLS:
        return stage == Stage.FLAT_AT and load_uint8(feed["day_last"], feed["n"], bar["bar"]) != 0
    first = Stage.CLOSE if bar["path"] == BarPath.CLOSE_ONLY else Stage.OPEN
    return stage == first and (bar["bar"] == 0 or load_uint8(feed["day_last"], feed["n"], bar["bar"] - 1) != 0)


@jit
def _write_fill(s, o, lots, reference, spread, slip, limited, rounded, maker, left):  # type: ignore[no-untyped-def]
    """The fill record of order o with the steps of its price, and the order's own sums. Returns the fill's number."""
    order = order_at(s, o)
    bar = instrument_at(s, order["symbol"])
    f = s["n_fills"]
    s["n_fills"] = f + 1
    fill = fill_at(s, f)
    price = reference + spread + slip + limited + rounded
    notional = value(bar, price, lots)
    total = order["fee_raw"] + raw_fee(bar, lots, notional, maker, order["cum_quantity"] == 0)
    fee = charged(bar, total, order["fee"])
    fill["fill_id"] = f
    fill["order_id"] = o
    fill["exec_ref_id"] = -1
    fill["strategy"] = order["strategy"]
    fill["symbol"] = order["symbol"]
    fill["side"] = order["side"]
    fill["instant"] = s["now"]
    fill["event_time"] = bar["open_time"]
    fill["quantity"] = lots
    fill["reference_price"] = reference
    fill["spread"] = spread
    fill["slippage"] = slip
    fill["impact"] = 0
    fill["limit"] = limited
    fill["tick"] = rounded
    fill["price"] = price
    fill["liquidity"] = Liquidity.MAKER if maker else Liquidity.TAKER
    fill["available"] = left
    fill["notional"] = notional
    fill["fee"] = fee
    fill["queue_ahead"] = -1
    fill["reported_at"] = s["now"]
    expect_fill(s["fills"], f + 1)
    add_fill(s, order, lots, notional, total, fee)
    return f


@jit
def mark_fill(s, i, stage, reference):  # type: ignore[no-untyped-def]
    """Mark instrument i at what is about to be traded at, unless the quote that is met has marked it."""
    if instrument_at(s, i)["kind"] != DataKind.QUOTES and stage != Stage.STANDING:
        set_mark(s, i, reference)


@jit
def _may_trade(s, o, maker, stage, reference, price, time):  # type: ignore[no-untyped-def]
    """What reduce-only and post-only orders ask before they trade, and those whose size follows; those that must not have ended."""
    order = order_at(s, o)
    if order["flags"] & POST_ONLY != 0 and not maker:
        refuse(s, o, time, Reason.WOULD_TAKE, NOTHING, NOTHING)
        return False
    if order["flags"] & SIZED_AT_FILL != 0 and left_for(instrument_at(s, order["symbol"]), order["side"], stage) != 0:
        mark_fill(s, order["symbol"], stage, reference)
        if not fix_size(s, o, price, time):
            return False
    return order["flags"] & REDUCE_ONLY == 0 or keep_to_position(s, o, time)


@jit
def execute(s, o, price, maker, stage, path, time):  # type: ignore[no-untyped-def]
    """Fill as much of order o at a market price as volume and funds allow, and book it."""
    order = order_at(s, o)
    i = order["symbol"]
    bar = instrument_at(s, i)
    reference = price if maker else mid_of_fill(bar, price, stage, path)
    slip = 0 if maker else slippage(bar, reference) * order["side"]
    limited = limit_step(s, bar, order, price + slip)
    rounded = tick_step(bar, order, price + slip + limited)
    paid = price + slip + limited + rounded
    special = order["flags"] & (REDUCE_ONLY | POST_ONLY | SIZED_AT_FILL) != 0
    if special and not _may_trade(s, o, maker, stage, reference, paid, time):
        return
    lots = order["leaves_quantity"]
    hidden = maker and order["display_quantity"] != 0
    if hidden:
        lots = min(lots, order["shown"])
    left = left_for(bar, order["side"], stage)
    if left >= 0:
        lots = min(lots, left)
        if order["tif"] == TimeInForce.FOK and lots < order["leaves_quantity"]:
            return
        if lots == 0:
            return
    mark_fill(s, i, stage, reference)
    lots = fund(s, o, time, lots, paid, maker, NO)
    if lots == 0:
        return
    ambiguous = 0
    if stage != Stage.OPEN and stage != Stage.FLAT_AT and path != BarPath.CLOSE_ONLY:
        ambiguous = _ambiguous(s, o, bar)
        s["ambiguous"] += ambiguous
    f = _write_fill(s, o, lots, reference, price - reference, slip, limited, rounded, maker, left)
    if left >= 0:
        take(bar, order["side"], stage, lots)
    done = order["leaves_quantity"] == 0
    if done:
        close_order(s, o, time)
    row = emit(s, o, OrderEvent.FILL_ALL if done else OrderEvent.FILL_PART, time, 0)
    order_event_at(s, row)["fill_id"] = f
    book_fill(s, f)
    fill = fill_at(s, f)
    fill["time"] = time
    fill["stage"] = stage
    fill["path"] = path
    fill["ambiguous"] = ambiguous
    reason = order["exit_reason"]
    if fill["closing_quantity"] == 0:
        reason = ExitReason.NONE
    elif fill["closing_quantity"] < lots:
        reason = ExitReason.REVERSAL
    fill["exit_reason"] = reason
    if s["mark_by"] == MarkBy.EXIT_SIDE and (bar["kind"] == DataKind.QUOTES or stage == Stage.STANDING):
        mark_quoted(s, i, bar["bid"], bar["ask"])
    if not done:
        reserve_rest(s, order)
    if order["child"] >= 0 or order["oco_next"] >= 0 or order["parent_id"] >= 0:
        _settle(s, o, lots, time)
    if s["reducing"] > 0 and fill["closing_quantity"] > 0:
        keep_exits(s, o, time)
    if hidden and is_live(order):
        show_more(s, o, lots)


@jit
def _settle(s, o, lots, time):  # type: ignore[no-untyped-def]
    """What a fill of order o means for the orders that hang together with it."""
    if order_at(s, o)["child"] >= 0:
        release_children(s, o, lots, time)
    settle_group(s, o, lots, time)


@jit
def meet_point(s, o, price, stage, path, time):  # type: ignore[no-untyped-def]
    """Order o meets one price; a FOK order that cannot fill there as a whole ends."""
    _try_point(s, o, price, stage, path, time)
    order = order_at(s, o)
    if order["tif"] == TimeInForce.FOK and is_live(order):
        end_order(s, o, OrderEvent.CANCEL, time, Reason.FOK_NOT_FILLABLE, NOTHING, NOTHING)


@jit
def _try_point(s, o, price, stage, path, time):  # type: ignore[no-untyped-def]
    order = order_at(s, o)
    bar = instrument_at(s, order["symbol"])
    side = order["side"]
    first = order["tried"] == 0
    order["tried"] = 1
    order["from_price"] = 0
    if is_market(order):
        execute(s, o, price, TAKER, stage, path, time)
        return
    maker = TAKER
    if has_stop(order["type"]) and order["flags"] & TRIGGERED == 0:
        at = price
        if s["trigger"] == Trigger.MID:
            at = mid_of_fill(bar, price, stage, path)
        if trigger_side(order) * (at - order["stop_price"]) < 0:
            if order["trail_unit"] != 0:
                trail(bar, order, at)
            return
        trigger(s, o, time)
        if not has_limit(order["type"]):
            execute(s, o, price, TAKER, stage, path, time)
            return
    elif not first:
        maker = MAKER
    beyond = bar["through"] if maker else 0
    if side * (order["limit_price"] - price) >= beyond:
        if maker and bar["kind"] >= DataKind.QUOTES:  # a resting order is itself the quote that others come to
            price = order["limit_price"]
        execute(s, o, price, maker, stage, path, time)


@jit
def _meet_segment(s, o, start, end, stage, path, time):  # type: ignore[no-untyped-def]
    """Order o meets the prices from start to end."""
    order = order_at(s, o)
    bar = instrument_at(s, order["symbol"])
    side = order["side"]
    adverse = side * (end - start) > 0
    if has_stop(order["type"]) and order["flags"] & TRIGGERED == 0:
        way = trigger_side(order)
        if way * (end - start) < 0 or way * (end - order["stop_price"]) < 0:
            if order["trail_unit"] != 0 and not adverse:
                trail(bar, order, end)
            return
        price = max(order["stop_price"], start) if way > 0 else min(order["stop_price"], start)
        trigger(s, o, time)
        if not has_limit(order["type"]) or side * (order["limit_price"] - price) >= 0:
            execute(s, o, price, TAKER, stage, path, time)
        elif way != side and side * (order["limit_price"] - end) >= bar["through"]:
            execute(s, o, order["limit_price"], MAKER, stage, path, time)
    elif has_limit(order["type"]) and not adverse and side * (order["limit_price"] - end) >= bar["through"]:
        price = min(order["limit_price"], start) if side > 0 else max(order["limit_price"], start)
        execute(s, o, price, MAKER, stage, path, time)


@jit
def drop_unfilled(s, lookahead):  # type: ignore[no-untyped-def]
    """After the pass of their first point IOC orders end, and those that wait for an auction after that."""
    o = s["work_head"]
    while o >= 0:
        order = order_at(s, o)
        following = order["next"]
        brief = order["tif"] == TimeInForce.IOC or (is_auction(order) and not lookahead)
        if brief and order["tried"] != 0 and is_live(order):
            bar = instrument_at(s, order["symbol"])
            if bar["bar"] >= 0:
                time = bar["open_time"]
                if lookahead or bar["path"] == BarPath.CLOSE_ONLY or order["tif"] == TimeInForce.CLS:
                    time = bar["close_time"]
                if order["tif"] == TimeInForce.IOC:
                    end_order(s, o, OrderEvent.CANCEL, time, Reason.IOC_REMAINDER, NOTHING, NOTHING)
                else:
                    end_order(s, o, OrderEvent.EXPIRE, time, Reason.AUCTION_OVER, NOTHING, NOTHING)
        o = following


@jit
def _pass(s, stage):  # type: ignore[no-untyped-def]
    """One stage over the working list; returns whether an order waits for an auction."""
    brief = False
    auction = False
    o = s["work_head"]
    while o >= 0:
        order = order_at(s, o)
        s["cursor"] = order["next"]
        bar = instrument_at(s, order["symbol"])
        if bar["kind"] >= DataKind.QUOTES:
            pass
        elif is_auction(order):
            auction = True
            if may_meet(order, bar) and is_called(s, order, bar, stage):
                brief = True
                _meet_auction(s, o, stage)
        elif may_meet(order, bar):
            brief = brief or order["tif"] == TimeInForce.IOC
            path = bar["path"]
            if path == BarPath.CLOSE_ONLY:
                if stage == Stage.CLOSE:
                    meet_point(s, o, closing_price(bar, order["side"]), stage, path, bar["close_time"])
            elif stage == Stage.OPEN:
                price = opening_price(bar, order["side"])
                meet_point(s, o, price, stage, path, bar["open_time"])
            else:
                start, end = segment_of(bar, order["side"], stage)
                if order["from_price"] != 0:
                    start = order["from_price"]
                    order["from_price"] = 0
                    if order["tif"] == TimeInForce.IOC or order["tif"] == TimeInForce.FOK:
                        start = end
                if start != end:
                    _meet_segment(s, o, start, end, stage, path, bar["close_time"])
        o = s["cursor"]
    s["cursor"] = NO_WALK
    if brief:
        drop_unfilled(s, False)
    return auction


@jit
def _meet_auction(s, o, stage):  # type: ignore[no-untyped-def]
    """An order on open or on close meets its price."""
    order = order_at(s, o)
    bar = instrument_at(s, order["symbol"])
    if stage == Stage.OPEN:
        meet_point(s, o, opening_price(bar, order["side"]), stage, bar["path"], bar["open_time"])
    else:
        meet_point(s, o, closing_price(bar, order["side"]), stage, bar["path"], bar["close_time"])


@jit
def _pass_auction(s):  # type: ignore[no-untyped-def]
    """Orders on close meet the close of their session, after everything else on the path."""
    o = s["work_head"]
    while o >= 0:
        order = order_at(s, o)
        s["cursor"] = order["next"]
        bar = instrument_at(s, order["symbol"])
        auction = is_auction(order) and bar["kind"] < DataKind.QUOTES
        if auction and may_meet(order, bar) and is_called(s, order, bar, Stage.FLAT_AT):
            _meet_auction(s, o, Stage.FLAT_AT)
        o = s["cursor"]
    s["cursor"] = NO_WALK
    drop_unfilled(s, False)


@jit
def match_path(s):  # type: ignore[no-untyped-def]
    """All working orders meet the bars that are laid out, stage by stage."""
    if s["path"] != BarPath.CLOSE_ONLY:
        for stage in range(Stage.OPEN, Stage.CLOSE):
            if s["n_working"] > 0:
                _pass(s, stage)
    if s["n_working"] > 0 and _pass(s, Stage.CLOSE):
        _pass_auction(s)


@jit
def match_lookahead(s):  # type: ignore[no-untyped-def]
    """Orders that arrived this instant meet the close of the bar just shown."""
    o = s["work_head"]
    while o >= 0:
        order = order_at(s, o)
        s["cursor"] = order["next"]
        bar = instrument_at(s, order["symbol"])
        alone = bar["kind"] == DataKind.BARS  # where there are quotes, they stand
        if alone and bar["bar"] >= 0 and order["arrived_at"] == s["now"] and order["tried"] == 0 and order["flags"] & APART == 0:
            if is_live(order) and not is_auction(order):
                meet_point(s, o, bar["close"], Stage.CLOSE, BarPath.CLOSE_ONLY, s["now"])
        o = s["cursor"]
    s["cursor"] = NO_WALK
    drop_unfilled(s, True)


@jit
def accept_engine_order(s, o):  # type: ignore[no-untyped-def]
    """Submit an engine order and have it accepted at once."""
    submit_order(s, o)
    accept(s, o, order_at(s, o)["arrived_at"])


@jit
def flatten_at_close(s):  # type: ignore[no-untyped-def]
    """Market-on-close orders of ``orders.flat_at`` for the bars that are laid out."""
    for i in range(s["n_instruments"]):
        bar = instrument_at(s, i)
        if bar["bar"] < 0 or bar["position"] == 0:
            continue
        feed = feed_at(s, bar["feed"])
        reason = ExitReason.NONE
        if s["flat_run_end"] != 0 and bar["bar"] == feed["n"] - 1:
            reason = ExitReason.END_OF_RUN
        elif s["flat_day_end"] != 0 and load_uint8(feed["day_last"], feed["n"], bar["bar"]) != 0:
            reason = ExitReason.END_OF_DAY
        if reason == ExitReason.NONE:
            continue
        for strategy in range(s["n_strategies"]):
            position = book_at(s, strategy * s["n_instruments"] + i)["position"]
            if position == 0:
                continue
            o = new_engine_order(s, strategy, i, abs(position), -1 if position > 0 else 1, reason, NOTHING)
            order = order_at(s, o)
            order["type"] = OrderType.MARKET_ON_CLOSE
            order["tif"] = TimeInForce.CLS
            order["decision_price"] = bar["open"]
            if bar["kind"] == DataKind.QUOTES or bar["kind"] == DataKind.QUOTE_BARS:
                order["decision_price"] = middle(bar["open"], bar["ask_open"])
            order["decided_at"] = bar["open_time"]
            order["sent_at"] = bar["open_time"]
            order["arrived_at"] = bar["open_time"]
            accept_engine_order(s, o)
            order["tried"] = 1
            execute(s, o, closing_price(bar, order["side"]), TAKER, Stage.FLAT_AT, bar["path"], bar["close_time"])
            if is_live(order):
                end_order(s, o, OrderEvent.CANCEL, bar["close_time"], Reason.FLAT_AT, NOTHING, NOTHING)
