"""Value, money conversion, slippage and fees: pure functions of an instrument's parameters.

Formulae: ``docs/execution_rules.md`` §5 and §8.
"""

from __future__ import annotations

from fillwright.kernel._codes import TAKER, YES, OffTick, OrderType, TrailUnit
from fillwright.kernel._jit import jit
from fillwright.kernel.fixed import muldiv
from fillwright.kernel.state import (
    currency_at,
)

RATE_SCALE = 1_000_000_000
FX_SCALE = 1_000_000_000_000


@jit
def value(instrument, price, lots):  # type: ignore[no-untyped-def]
    """Money units of the quote currency: price x lots x multiplier, signed as lots."""
    if instrument["div"] == 1 and abs(float(price) * float(lots)) * float(instrument["mul"]) < 9.0e18:
        return price * lots * instrument["mul"]
    if instrument["mul"] == 1:
        return muldiv(price, lots, instrument["div"])
    # price x mul is at most 2^53 x mul; a multiplier too large for it overflows loudly in muldiv
    return muldiv(muldiv(price, instrument["mul"], 1), lots, instrument["div"])


@jit
def base(s, currency, amount):  # type: ignore[no-untyped-def]
    """Money units of the account currency for an amount of another, at the rate known now."""
    if currency == 0:
        return amount
    c = currency_at(s, currency)
    return muldiv(amount, c["rate"], c["factor"])


@jit
def equity_now(s):  # type: ignore[no-untyped-def]
    """Cash and positions at their marks, in account currency."""
    total = currency_at(s, 0)["cash"] + currency_at(s, 0)["value"]
    for k in range(1, s["n_currencies"]):
        balance = currency_at(s, k)["cash"] + currency_at(s, k)["value"]
        if balance != 0:
            total += base(s, k, balance)
    return total


@jit
def middle(bid, ask):  # type: ignore[no-untyped-def]
    """The mean of bid and ask in price units, halves to even."""
    both = bid + ask
    half = both >> 1
    return half + (both & half & 1)


@jit
def taker_price(instrument):  # type: ignore[no-untyped-def]
    """What a buy would cost a unit before slippage: the ask where there are quotes, else the mark."""
    return max(instrument["ask"], instrument["mark"])


@jit
def slippage(instrument, price):  # type: ignore[no-untyped-def]
    """Price units that a taker loses at this price, not negative."""
    amount = instrument["slip_ticks"] * instrument["tick"]
    if instrument["slip_rate"] != 0:
        amount += muldiv(price, instrument["slip_rate"], RATE_SCALE)
    return amount


@jit
def raw_fee(instrument, lots, notional, maker, first):  # type: ignore[no-untyped-def]
    """Fee of one fill before the order's minimum and maximum."""
    fee = instrument["fee_order"] if first else 0
    if instrument["fee_unit"] != 0:
        fee += muldiv(instrument["fee_unit"], lots, instrument["lot_scale"])
    rate = instrument["fee_maker"] if maker else instrument["fee_taker"]
    if rate != 0:
        fee += muldiv(notional, rate, RATE_SCALE)
    return fee


@jit
def charged(instrument, raw_total, paid):  # type: ignore[no-untyped-def]
    """What an order whose raw fees now sum to raw_total still has to pay."""
    total = raw_total
    if instrument["fee_max"] >= 0 and total > instrument["fee_max"]:
        total = instrument["fee_max"]
    if total < instrument["fee_min"]:
        total = instrument["fee_min"]
    return total - paid


@jit
def fee_of(instrument, order, price, lots, maker):  # type: ignore[no-untyped-def]
    """Fee of lots more of this order, given what it has paid."""
    raw = raw_fee(instrument, lots, value(instrument, price, lots), maker, order["cum_quantity"] == 0)
    return charged(instrument, order["fee_raw"] + raw, order["fee"])


@jit
def fee_fresh(instrument, price, lots):  # type: ignore[no-untyped-def]
    """Fee of a new taker order of lots."""
    return charged(instrument, raw_fee(instrument, lots, value(instrument, price, lots), TAKER, YES), 0)


@jit
def has_limit(order_type):  # type: ignore[no-untyped-def]
    """Whether orders of this type have a limit price."""
    return order_type % 2 == 0


@jit
def has_stop(order_type):  # type: ignore[no-untyped-def]
    """Whether orders of this type wait for a price, their stop or touch price."""
    return OrderType.STOP <= order_type <= OrderType.LIMIT_IF_TOUCHED


@jit
def trigger_side(order):  # type: ignore[no-untyped-def]
    """1 where a waiting order is triggered by rising prices, -1 by falling ones."""
    return -order["side"] if order["type"] >= OrderType.MARKET_IF_TOUCHED else order["side"]


@jit
def trailing_stop(instrument, order, price):  # type: ignore[no-untyped-def]
    """Where the stop of a trailing order belongs when the market is at a price: on the tick, not nearer, at least one unit."""
    offset = order["trail_offset"]
    if order["trail_unit"] == TrailUnit.TICKS:
        offset *= max(instrument["tick"], 1)
    elif order["trail_unit"] == TrailUnit.RATE:
        offset = muldiv(price, offset, RATE_SCALE)
    return on_tick(price + order["side"] * offset, instrument["tick"], order["side"] > 0)


@jit
def on_tick(price, tick, up):  # type: ignore[no-untyped-def]
    """Price rounded up or down to the tick, at least one tick; unchanged without a tick."""
    if tick <= 1:
        return max(price, 1)
    below = price // tick * tick
    if up and below != price:
        below += tick
    return max(below, tick)


@jit
def whole_price(price, up):  # type: ignore[no-untyped-def]
    """Price units of a ticket's price. One that lies between two units is there as minus the upper one: that, or the one below."""
    if price >= 0:
        return price
    return -price if up else max(-price - 1, 1)


@jit
def fix_tick(s, instrument, price, down):  # type: ignore[no-untyped-def]
    """A ticket's price brought to the tick by ``orders.off_tick``; 0 = refused."""
    tick = instrument["tick"]
    if price >= 0 and (tick <= 1 or price % tick == 0):
        return price
    if s["off_tick"] == OffTick.REJECT:
        return 0
    if s["off_tick"] == OffTick.NEAREST:
        return max((price + tick // 2) // tick * tick, tick)
    return on_tick(whole_price(price, not down), tick, not down)


@jit
def limit_step(s, instrument, order, price):  # type: ignore[no-untyped-def]
    """Price units added to bring a price back within the order's limit and, if clamped, the bar's range."""
    bounded = price
    if s["clamp_to_range"] != 0:
        bounded = min(max(bounded, instrument["low"]), instrument["high"])
    bounded = max(bounded, 1)
    if has_limit(order["type"]):
        if order["side"] > 0:
            bounded = min(bounded, order["limit_price"])
        else:
            bounded = max(bounded, order["limit_price"])
    return bounded - price


@jit
def tick_step(instrument, order, price):  # type: ignore[no-untyped-def]
    """Price units added to reach the tick against the trader, not beyond the order's limit."""
    rounded = on_tick(price, instrument["tick"], order["side"] > 0)
    if has_limit(order["type"]):
        if order["side"] > 0:
            rounded = min(rounded, order["limit_price"])
        else:
            rounded = max(rounded, order["limit_price"])
    return rounded - price
