"""Sizes of the reference engine: what an amount of money pays for (§2), and sizes that are fixed at the first fill (§6)."""

from __future__ import annotations

from fillwright.model.codes import Liquidity, OrderEvent, OrderFlag, OrderType, Reason, SizeMode
from reference.books import muldiv
from reference.broker import Broker, Live, largest
from reference.limits import SHRINKING, Limits
from reference.scenario import RATE

VALUES = (SizeMode.VALUE, SizeMode.TARGET_VALUE)
TARGETS = (SizeMode.TARGET_VALUE, SizeMode.TARGET_WEIGHT)


def money_of(broker: Broker, mode: int, size: int) -> int:
    """What a size means in account money now."""
    return abs(size) if mode in VALUES else muldiv(broker.books.equity(), abs(size), RATE)


def cost(broker: Broker, instrument: int, worth: int, price: int, lots: int) -> int:
    """So much per lot and the fee of a fresh taker at a price, in account money."""
    quote = broker.books.quote[instrument]
    fee, _ = broker.fee(None, instrument, lots, price, Liquidity.TAKER)
    return broker.books.base(quote, broker.books.value(instrument, worth, lots)) + broker.books.base(quote, fee)


def affordable(broker: Broker, instrument: int, worth: int, price: int, money: int) -> int:
    """Largest quantity whose cost is within money, and that is worth no more than 10^18; 0 where there is none of either."""
    if worth <= 0 or money <= 0:
        return 0

    def fits(lots: int) -> bool:
        within = broker.books.value(instrument, price, lots) <= 10**18
        return within and cost(broker, instrument, worth, price, lots) <= money

    top = 1
    while fits(top):
        top *= 2
    return largest(top, fits)


def fix_size(broker: Broker, order: Live, price: int, time: int) -> bool:
    """The order is about to trade for the first time at a price: its quantity becomes what its size means there. False if that is none."""
    order.flags &= ~OrderFlag.SIZED_AT_FILL
    money, worth = money_of(broker, order.size_mode, order.size), price
    if order.size_mode == SizeMode.RISK:
        worth = order.side * (price - next(leg.stop_price for leg in order.exits if leg.type == OrderType.STOP))
    lots = affordable(broker, order.symbol, worth, price, money)
    numbers = cost(broker, order.symbol, worth, price, lots), money
    if order.size_mode in TARGETS:
        goal = lots if order.size > 0 else -lots
        lots = max(0, order.side * (goal - broker.projected(order.symbol, order)))
    if lots == 0:
        event = OrderEvent.CANCEL if order.cum_quantity else OrderEvent.REJECT
        broker.happen(order, event, time, Reason.ZERO_QUANTITY, numbers)
        return False
    estimate, order.quantity = order.quantity, lots
    broker.happen(order, OrderEvent.REPLACE, time, Reason.SIZED_AT_FILL, numbers)
    _hold_growth(broker, order, estimate, time)
    return True


def _hold_growth(broker: Broker, order: Live, estimate: int, time: int) -> None:
    """Limits that fewer lots satisfy cut what is above the estimate."""
    limits = Limits(broker)
    start = limits.start(order)
    for reason in SHRINKING:
        if order.quantity <= estimate:
            return
        over = limits.over(reason, order, start, order.quantity)
        if over:
            fits = largest(order.quantity, lambda lots, why=reason: limits.over(why, order, start, lots) is None)
            order.quantity = max(fits, estimate)
            broker.happen(order, OrderEvent.SHRINK, time, reason, over)
