"""Sizes by value, weight and risk: how many lots an amount of money pays for, at the decision or (``sizing.price: fill``) at the fill.

Rules: ``docs/execution_rules.md`` §2.
"""

from __future__ import annotations

from fillwright.kernel._codes import SIZED_AT_FILL, OrderEvent, OrderType, Reason, SizeMode
from fillwright.kernel._jit import jit
from fillwright.kernel.fixed import muldiv
from fillwright.kernel.limits import hold_growth, projected
from fillwright.kernel.models import RATE_SCALE, base, equity_now, fee_fresh, value
from fillwright.kernel.orders import counts_as_pending, emit_numbers, refuse, resize
from fillwright.kernel.state import FOLLOWS, currency_at, instrument_at, order_at

MOST_VALUE = 10**18
"""Money units of the quote currency that what is bought by value, weight or risk may be worth."""


@jit
def cost_of(s, instrument, worth, price, lots):  # type: ignore[no-untyped-def]
    """Account money of so much per lot, and of the fee of a fresh order of lots at a price."""
    currency = instrument["currency"]
    return base(s, currency, value(instrument, worth, lots)) + base(s, currency, fee_fresh(instrument, price, lots))


@jit
def _affords(s, instrument, worth, price, lots, money):  # type: ignore[no-untyped-def]
    """Whether so much per lot, and the fee of a fresh order of lots at a price, are within account money; nor may lots be worth
    more than MOST_VALUE, however little of it is at risk."""
    if float(price) * float(lots) * float(instrument["mul"]) / float(instrument["div"]) > 2.0 * MOST_VALUE:
        return False  # perhaps more than 64 bits hold
    return cost_of(s, instrument, worth, price, lots) <= money and value(instrument, price, lots) <= MOST_VALUE


@jit
def lots_for(s, i, worth, price, money):  # type: ignore[no-untyped-def]
    """Largest quantity that money affords, see :func:`_affords`.

    A float estimate is corrected exactly; where it is far off (fees with minimum), bisection takes over.
    """
    if money <= 0 or worth <= 0:
        return 0
    instrument = instrument_at(s, i)
    unit = (float(worth) + float(price) * float(instrument["fee_taker"]) / RATE_SCALE) * instrument["mul"] / instrument["div"]
    unit += float(instrument["fee_unit"]) / float(instrument["lot_scale"])
    if instrument["currency"] != 0:
        c = currency_at(s, instrument["currency"])
        unit *= float(c["rate"]) / float(c["factor"])
    guess = int(min(float(money) / unit, 4.0e18))
    for _ in range(3):
        if not _affords(s, instrument, worth, price, guess, money):
            guess -= 1
        elif _affords(s, instrument, worth, price, guess + 1, money):
            guess += 1
        else:
            return guess
        if guess <= 0:
            return 0
    low = 0
    high = guess + 4
    while _affords(s, instrument, worth, price, high, money):
        high *= 2
    while low < high:
        middle = low + (high - low + 1) // 2
        if _affords(s, instrument, worth, price, middle, money):
            low = middle
        else:
            high = middle - 1
    return low


@jit
def money_of(s, mode, size):  # type: ignore[no-untyped-def]
    """Account money that a size of that mode, not negative, means now."""
    if mode == SizeMode.WEIGHT or mode == SizeMode.TARGET_WEIGHT or mode >= SizeMode.RISK:
        return muldiv(equity_now(s), size, RATE_SCALE)
    return size


@jit
def is_sized(mode):  # type: ignore[no-untyped-def]
    """Whether a size of that mode is no number of units."""
    return mode != SizeMode.UNITS and mode != SizeMode.TARGET_UNITS and mode != SizeMode.CLOSE


@jit
def _stop_of(s, order):  # type: ignore[no-untyped-def]
    """Stop price of the order's stop_loss."""
    k = order["child"]
    while k >= 0:
        exit_order = order_at(s, k)
        if exit_order["waits"] == FOLLOWS and exit_order["type"] == OrderType.STOP:
            return exit_order["stop_price"]
        k = exit_order["sibling"]
    return 0


@jit
def _wanted(s, order, lots):  # type: ignore[no-untyped-def]
    """Lots that an order should have where its size means so many: of a target those on the way to it."""
    if order["size_mode"] < SizeMode.TARGET_VALUE or order["size_mode"] > SizeMode.TARGET_WEIGHT:
        return lots
    before = projected(s, order["strategy"], order["symbol"])
    if counts_as_pending(order):
        before -= order["side"] * order["leaves_quantity"]
    goal = -lots if order["size"] < 0 else lots
    return max(0, order["side"] * (goal - before))


@jit
def fix_size(s, o, price, time):  # type: ignore[no-untyped-def]
    """Order o is about to trade first, at a price: its size is what its value, weight or risk means there. False if it ended."""
    order = order_at(s, o)
    order["flags"] &= ~SIZED_AT_FILL
    i = order["symbol"]
    money = money_of(s, order["size_mode"], abs(order["size"]))
    worth = price
    if order["size_mode"] == SizeMode.RISK:
        worth = order["side"] * (price - _stop_of(s, order))
    means = lots_for(s, i, worth, price, money)
    cost = cost_of(s, instrument_at(s, i), worth, price, means)
    lots = _wanted(s, order, means)
    if lots == 0:
        refuse(s, o, time, Reason.ZERO_QUANTITY, cost, money)
        return False
    before = order["quantity"]
    resize(s, o, lots)
    emit_numbers(s, o, OrderEvent.REPLACE, time, Reason.SIZED_AT_FILL, cost, money)
    if lots > before:
        hold_growth(s, o, before, time)
    return True
