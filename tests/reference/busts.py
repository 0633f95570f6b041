"""Fills that the broker of the reference engine undoes, or whose price it corrects (§10, *Busts and corrections*)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from fillwright.model.codes import (
    AccountType,
    ExitReason,
    Liquidity,
    OrderEvent,
    OrderFlag,
    OrderStatus,
    Reason,
    Side,
    Stage,
    TimeInForce,
)
from reference.books import muldiv
from reference.broker import Live
from reference.matching import AUCTIONS, Matching, uniform
from reference.scenario import RATE

Row = dict[str, int]
BUSTS = (OrderEvent.BUST, OrderEvent.BUST_ALL)


@dataclass
class Busts:
    """Which fills are marked, and what becomes of them. ``over``: bars of each instrument that are over."""

    matching: Matching
    over: list[int]
    marked: list[tuple[Row, int, int]] = field(default_factory=list)  # the fill, when it is due, ticks to move it by: 0 = undone
    seen: int = 0  # events that were looked at

    def __post_init__(self) -> None:
        self.broker = self.matching.broker
        self.books, self.settings = self.broker.books, self.broker.settings
        manager = self.broker.manager
        assert manager
        self.line, self.faults = manager.line, manager.faults

    # ---------------------------------------------------------------- which

    def mark(self) -> None:
        """The fills whose reports have just been sent."""
        events = self.broker.journal.order_events
        for event in events[self.seen :]:
            order = self.broker.orders[event["order_id"]]
            if event["fill_id"] < 0 or event["event"] in BUSTS or order.legs or OrderFlag.ENGINE in order.flags:
                continue
            fill = self.broker.journal.fills[event["fill_id"]]
            o, k = order.order_id, sum(other["order_id"] == order.order_id for other in events[: event["seq"]])
            due = event["instant"] + self.faults.bust_after
            if self.line.happens(24, o, k, self.faults.bust):
                self.marked.append((fill, due, 0))
            elif fill["exec_ref_id"] < 0 and self.line.happens(25, o, k, self.faults.correct):
                most = self.faults.correct_by
                n = math.floor(2 * most * uniform(self.settings.seed, 26, o, k))
                self.marked.append((fill, due, -(n + 1) if n < most else n - most + 1))
        self.seen = len(events)

    def next(self) -> None:
        """What was marked first is undone or corrected, if it is due."""
        if self.marked and self.marked[0][1] <= self.broker.now:
            fill, _, ticks = self.marked.pop(0)
            order = self.broker.orders[fill["order_id"]]
            if ticks:
                self._correct(order, fill, ticks)
            else:
                self._undo(order, fill)

    # ---------------------------------------------------------------- a fill that undoes another

    def _paid_without(self, order: Live, fill: Row) -> tuple[int, int]:
        """(what the order has paid, its raw fees) when a fill of it is undone."""
        if order.cum_quantity == fill["quantity"]:
            return 0, 0
        raw = order.fee_raw - self._raw(fill)
        return self._within(raw), raw

    def _raw(self, fill: Row) -> int:
        """Raw fee of a fill, without that per order."""
        settings = self.settings
        scale = self.broker.scenario.instruments[fill["symbol"]].quantity_scale
        rate = settings.rate_taker if fill["liquidity"] == Liquidity.TAKER else settings.rate_maker
        return muldiv(settings.per_unit, fill["quantity"], scale) + muldiv(fill["notional"], rate, RATE)

    def _within(self, raw: int) -> int:
        """Raw fees between minimum and maximum."""
        paid = raw if self.settings.fee_max is None else min(raw, self.settings.fee_max)
        return paid if self.settings.fee_min is None else max(paid, self.settings.fee_min)

    def _like(self, fill: Row, **changes: int) -> Row:
        """A new fill like one that was, at no place of the market."""
        now = self.broker.now
        new = fill | {"fill_id": len(self.broker.journal.fills), "exec_ref_id": fill["fill_id"], "instant": now, "time": now}
        new |= {"stage": int(Stage.BOOKS), "ambiguous": 0, "available": -1, "reported_at": now}
        return new | {name: int(value) for name, value in changes.items()}

    def _book(self, fill: Row, named: int, why: int) -> None:
        """A fill that is written gets its place in the books; its exit reason is ``why`` where it only closes."""
        self.broker.journal.fills.append(fill)
        self.books.book_fill(fill, self.settings.lots, named, undone=self._lot_undone(fill))
        if fill["closing_quantity"] == 0:
            why = ExitReason.NONE
        elif fill["closing_quantity"] < fill["quantity"]:
            why = ExitReason.REVERSAL
        fill["exit_reason"] = int(why)
        quote = self.broker.standing.get(fill["symbol"])
        if quote:
            self.books.marks[fill["symbol"]] = self.broker.mark_of(fill["symbol"], quote.bar, 3)

    def _lot_undone(self, fill: Row) -> int:
        """The lot that the fill which this one undoes has opened; -1 for none."""
        other = self.broker.journal.fills[fill["exec_ref_id"]]
        return other["lot_id"] if other["side"] != fill["side"] else -1

    def _take_back(self, order: Live, fill: Row) -> Row:
        """Write the fill that undoes another; the order has less."""
        broker, was_filled = self.broker, order.status is OrderStatus.FILLED
        paid, order.fee_raw = self._paid_without(order, fill)
        undoing = self._like(fill, side=-fill["side"], fee=paid - order.fee)
        order.fee = paid
        order.cum_quantity -= fill["quantity"]
        order.cum_notional -= fill["notional"]
        if was_filled:
            order.done_at = 0
            if any(command.order is order and command.what == "cancel" for command in broker.queue):
                order.flags |= OrderFlag.PENDING_CANCEL
            if order.asked:
                order.flags |= OrderFlag.PENDING_REPLACE
        event = OrderEvent.BUST if order.cum_quantity else OrderEvent.BUST_ALL
        broker.happen(order, event, broker.now, fill_id=undoing["fill_id"])
        self._book(undoing, order.lot_id, ExitReason.BUST)
        return undoing

    def _overdraws(self, order: Live, cash: int, lots: int) -> bool:
        """Whether changes of cash and position would leave less than nothing in a cash account."""
        if self.settings.account_type is not AccountType.CASH:
            return False
        books = self.books
        return books.cash[books.quote[order.symbol]] + cash < 0 or books.position(order.symbol) + lots < 0

    # ---------------------------------------------------------------- undone for good

    def _undo(self, order: Live, fill: Row) -> None:
        broker, now = self.broker, self.broker.now
        fee_back = order.fee - self._paid_without(order, fill)[0]
        if self._overdraws(order, fill["side"] * fill["notional"] + fee_back, -fill["side"] * fill["quantity"]):
            return
        was_filled = order.status is OrderStatus.FILLED
        undoing = self._take_back(order, fill)
        if was_filled:
            order.arrived_at, order.met, order.since, order.shown = now, False, 0, order.display_quantity
            broker.put_last(order)
            self._end(order, fill)
        if not order.done:
            self._go_on(order)
        if undoing["closing_quantity"]:
            for other in list(broker.working):
                if other is not order and other.symbol == order.symbol and not other.held and not other.done:
                    broker.fit_to_position(other, now)
        if any(feed[0].is_quoted for feed in broker.scenario.bars):
            self.matching.meet_standing(now)

    def _end(self, order: Live, fill: Row) -> None:
        """An order that was filled ends if it cannot go on."""
        broker, now = self.broker, self.broker.now
        if order.tif == TimeInForce.IOC:
            broker.happen(order, OrderEvent.CANCEL, now, Reason.IOC_REMAINDER)
        elif order.tif == TimeInForce.FOK:
            broker.happen(order, OrderEvent.CANCEL, now, Reason.FOK_NOT_FILLABLE)
        elif order.tif in AUCTIONS:
            broker.happen(order, OrderEvent.EXPIRE, now, Reason.AUCTION_OVER)
        elif order.tif == TimeInForce.DAY and self._day_is_over(fill):
            broker.happen(order, OrderEvent.EXPIRE, now, Reason.DAY_END)
        elif order.tif == TimeInForce.GTD and order.expire_at < now:
            broker.happen(order, OrderEvent.EXPIRE, now, Reason.GTD_REACHED)
        elif broker.liquidating and not 0 < order.leaves <= -order.side * self.books.position(order.symbol):
            event = OrderEvent.CANCEL if order.cum_quantity else OrderEvent.REJECT
            broker.happen(order, event, now, Reason.UNDER_MAINTENANCE)

    def _day_is_over(self, fill: Row) -> bool:
        """Whether the last bar of a day has closed since a fill, or since the one that it corrects."""
        while fill["exec_ref_id"] >= 0:
            fill = self.broker.journal.fills[fill["exec_ref_id"]]
        seen = self.broker.scenario.bars[fill["symbol"]][: self.over[fill["symbol"]]]
        return any(bar.day_last and bar.close_time >= fill["instant"] for bar in seen)

    def _go_on(self, order: Live) -> None:
        """A live order has more to fill."""
        broker, now = self.broker, self.broker.now
        if order.held:
            if order.side * self.books.position(order.symbol) >= 0:
                return
            order.flags &= ~OrderFlag.HELD
            broker.put_last(order)
            broker.happen(order, OrderEvent.RELEASE, now)
        if OrderFlag.REDUCE_ONLY in order.flags:
            broker.fit_to_position(order, now)
        elif broker.affordable(order, order.leaves, broker.price_of(order), Liquidity.TAKER, now):
            broker.reserve(order)

    # ---------------------------------------------------------------- at another price

    def _correct(self, order: Live, fill: Row, ticks: int) -> None:
        broker = self.broker
        tick = broker.scenario.instruments[fill["symbol"]].tick or 1
        price = fill["price"] + ticks * tick
        beyond = price > order.limit_price if order.side == Side.BUY else price < order.limit_price
        if price < 1 or (order.limit_price and beyond):
            return
        notional = self.books.value(fill["symbol"], price, fill["quantity"])
        new = {"reference_price": fill["reference_price"] + ticks * tick, "price": price, "notional": notional}
        _, raw = self._paid_without(order, fill)
        first = order.cum_quantity == fill["quantity"]
        raw += self._raw(fill | new) + (self.settings.per_order if first else 0)
        fee = self._within(raw) - order.fee
        if self._overdraws(order, order.side * (fill["notional"] - notional) - fee, 0):
            return
        lived, late = not order.done, order.done and order.status is not OrderStatus.FILLED
        self._take_back(order, fill)
        corrected = self._like(fill, **new, fee=self._within(raw) - order.fee)
        order.fee, order.fee_raw = self._within(raw), raw
        order.cum_quantity += fill["quantity"]
        order.cum_notional += notional
        event = OrderEvent.FILL_PART if lived or late else OrderEvent.FILL_ALL
        broker.happen(order, event, broker.now, fill_id=corrected["fill_id"], late=late)
        self._book(corrected, order.lot_id, order.exit_reason)
        if lived and not order.held:
            broker.reserve(order)
