"""Limits of the reference engine: the two numbers that each compares (§2)."""

from __future__ import annotations

from dataclasses import dataclass

from fillwright.model.codes import OrderFlag, OrderStatus, Reason, TradingState
from reference.books import muldiv
from reference.broker import Broker, Live
from reference.scenario import RATE

SHRINKING = (
    Reason.MAX_ORDER_QUANTITY,
    Reason.MAX_POSITION_QUANTITY,
    Reason.MAX_POSITION_FRACTION,
    Reason.MAX_ORDER_VALUE,
    Reason.MAX_GROSS_EXPOSURE,
    Reason.MAX_NET_EXPOSURE,
)
"""Limits that a smaller quantity may satisfy."""

LIMITS = (
    *SHRINKING[:3],
    Reason.MAX_OPEN_POSITIONS,
    Reason.TRADING_REDUCE_ONLY,
    Reason.SCALE_IN_NOT_ALLOWED,
    Reason.MAX_ORDERS,
    Reason.MAX_LIVE_ORDERS,
    Reason.PRICE_COLLAR,
    Reason.MAX_DRAWDOWN,
    *SHRINKING[3:],
)
"""All of them, in the order of the page."""

COUNTS = (Reason.MAX_OPEN_POSITIONS, Reason.MAX_ORDERS, Reason.MAX_LIVE_ORDERS)
"""Those that count orders and positions, which a replace makes none of."""

Numbers = tuple[int, int]


def opening(order: Live, position: int, lots: int) -> int:
    """The part of so many lots that opens or enlarges a position."""
    return lots if order.side * position >= 0 else max(0, lots - abs(position))


def above(number: int, limit: int | None) -> Numbers | None:
    """Both numbers where there is a limit and the number is beyond it."""
    return (number, limit) if limit is not None and number > limit else None


@dataclass
class Limits:
    """What stands against an order at this moment."""

    broker: Broker

    def __post_init__(self) -> None:
        self.settings = self.broker.settings
        self.books = self.broker.books

    def over(self, reason: Reason, order: Live, position: int, lots: int) -> Numbers | None:
        """The two numbers compared, if that limit forbids so many lots where a position is."""
        part, after, settings = opening(order, position, lots), abs(position + order.side * lots), self.settings
        if part == 0:
            return None
        match reason:
            case Reason.MAX_ORDER_QUANTITY:
                return above(part, settings.max_order_quantity)
            case Reason.MAX_POSITION_QUANTITY:
                return above(after, settings.max_position_quantity)
            case Reason.MAX_POSITION_FRACTION:
                return above(self.worth(order.symbol, after), self._of_equity(settings.max_position_fraction))
            case Reason.MAX_OPEN_POSITIONS:
                return self._reached(self._others_open(order), settings.max_open_positions) if position == 0 else None
            case Reason.TRADING_REDUCE_ONLY:
                return (0, 0) if self.broker.trading_state is TradingState.REDUCE_ONLY else None
            case Reason.SCALE_IN_NOT_ALLOWED:
                return (abs(position), 0) if settings.refuse_scale_in and position * order.side > 0 else None
            case Reason.MAX_ORDERS:
                return self._reached(self._recent(order), settings.max_orders)
            case Reason.MAX_LIVE_ORDERS:
                beside = [live for live in self.broker.live if live is not order and live.symbol == order.symbol]
                return self._reached(sum(live.order_id != order.parent_id for live in beside), settings.max_live_orders)
            case Reason.PRICE_COLLAR:
                mark = self.broker.mark(order.symbol)
                far = max((abs(price - mark) for price in (order.limit_price, order.stop_price) if price), default=0)
                return above(far, None if settings.price_collar is None else muldiv(mark, settings.price_collar, RATE))
            case Reason.MAX_DRAWDOWN:
                equity = self.books.equity()
                peak = max([equity, *self.broker.equity_so_far])
                return above(peak - equity, None if settings.max_drawdown is None else muldiv(peak, settings.max_drawdown, RATE))
            case Reason.MAX_ORDER_VALUE:
                return above(self.worth(order.symbol, part), settings.max_order_value)
            case Reason.MAX_GROSS_EXPOSURE:
                return self._exposure(order, lots, settings.max_gross_exposure, net=False)
            case _:
                return self._exposure(order, lots, settings.max_net_exposure, net=True)

    def start(self, order: Live) -> int:
        """The position that an order is seen to meet: what there is or what is projected, whichever leaves less to close."""
        if order.held and order.parent and not order.leg:
            return self._after(order)
        both = (self.books.position(order.symbol), self.broker.projected(order.symbol, order))
        return 0 if order.held else max(both) if order.side > 0 else min(both)

    def _after(self, order: Live) -> int:
        """The position that an order finds when all it waits for is filled."""
        if OrderFlag.REDUCE_ONLY in order.flags:
            return -order.side * order.quantity
        found, parent = self.books.position(order.symbol), order.parent
        while parent:
            if parent.symbol == order.symbol:
                found += parent.side * parent.leaves
            parent = (parent.parent or parent.entry) if parent.held else None
        return found

    def over_on_replace(self, order: Live, lots: int, limit: int, stop: int) -> tuple[Reason, int, int] | None:
        """Why a replace to so many leaves at these prices is refused."""
        start = self.start(order)
        part, old = opening(order, start, lots), opening(order, start, order.leaves)
        moved = (limit, stop) != (order.limit_price, order.stop_price)
        if part == 0 or OrderFlag.REDUCE_ONLY in order.flags:
            return None
        was = order.limit_price, order.stop_price
        order.limit_price, order.stop_price = limit, stop
        collar = [Reason.PRICE_COLLAR] if moved else []
        looks = [reason for reason in LIMITS if reason not in COUNTS] if part > old else collar
        found = [(reason, numbers) for reason in looks if (numbers := self.over(reason, order, start, lots))]
        order.limit_price, order.stop_price = was
        return (found[0][0], *found[0][1]) if found else None

    def worth(self, instrument: int, lots: int) -> int:
        """Value of lots at the mark in the account's currency."""
        return self.books.base(self.books.quote[instrument], self.books.value(instrument, self.broker.mark(instrument), lots))

    def _of_equity(self, fraction: int | None) -> int | None:
        return None if fraction is None else muldiv(self.books.equity(), fraction, RATE)

    def _reached(self, count: int, most: int | None) -> Numbers | None:
        return (count, most) if most is not None and count >= most else None

    def _others_open(self, order: Live) -> int:
        """Other instruments with a position or a live order."""
        busy = {live.symbol for live in self.broker.live if live is not order}
        busy |= {i for i in range(len(self.broker.scenario.instruments)) if self.books.position(i)}
        return len(busy - {order.symbol})

    def _recent(self, order: Live) -> int:
        """Orders sent in the interval before now, no more than there may be."""
        since = self.broker.now - self.settings.max_orders_interval
        sent = [o for o in self.broker.orders if o is not order and OrderFlag.ENGINE not in o.flags and o.decided_at > since]
        count = sum(o.status is not OrderStatus.DENIED for o in sent)
        return min(count, self.settings.max_orders or 0)

    def _exposure(self, order: Live, lots: int, fraction: int | None, *, net: bool) -> Numbers | None:
        """Exposure after so many lots and the limit, where it is beyond it and larger than without the order."""
        if fraction is None:
            return None

        def total(more: int) -> int:
            worths = []
            for instrument in range(len(self.broker.scenario.instruments)):
                held = self.broker.projected(instrument, order)
                held += order.side * more if instrument == order.symbol else 0
                worths.append(self.worth(instrument, held) if held else 0)
            return abs(sum(worths)) if net else sum(abs(worth) for worth in worths)

        after = total(lots)
        return above(after, self._of_equity(fraction)) if after > total(0) else None
