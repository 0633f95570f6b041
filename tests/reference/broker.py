"""The broker of the reference engine: orders and their events, arrivals (§3), fills (§5, §6) and funds (§8).

Section numbers are those of ``docs/execution_rules.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as column
from typing import TYPE_CHECKING

from fillwright.model.codes import (
    AccountType,
    BarPath,
    Bracket,
    DataKind,
    ExitReason,
    FillWhen,
    LimitAction,
    Liquidity,
    MarkBy,
    OrderEvent,
    OrderFlag,
    OrderStatus,
    OrderType,
    Reason,
    ShortCash,
    Side,
    SizeMode,
    Stage,
    TimeInForce,
    TradingState,
    TrailUnit,
)
from fillwright.model.lifecycle import TERMINAL, TRANSITIONS
from reference.books import Books, muldiv
from reference.scenario import RATE, Bar, Journal, Scenario

if TYPE_CHECKING:
    from reference.manager import Manager

PENDING = OrderFlag.PENDING_CANCEL | OrderFlag.PENDING_REPLACE


@dataclass(eq=False)
class Live:
    """One order. Named like the columns of its table where there is one."""

    order_id: int
    intent_id: int
    symbol: int
    side: int
    type: int
    tif: int
    size_mode: int
    size: int
    quantity: int
    decided_at: int
    arrived_at: int
    decision_price: int
    limit_price: int = 0
    stop_price: int = 0
    trail_offset: int = 0
    trail_unit: int = 0
    expire_at: int = 0
    flags: OrderFlag = OrderFlag.NONE
    parent_id: int = -1
    lot_id: int = -1
    rule_id: int = -1
    exit_reason: int = ExitReason.SIGNAL
    status: OrderStatus = OrderStatus.INITIALIZED
    reason: int = Reason.NONE
    cum_quantity: int = 0
    cum_notional: int = 0
    fee: int = 0
    done_at: int = 0
    fee_raw: int = 0
    reserved: int = 0
    met: bool = False  # has met the market
    asked: int = 0  # replaces on their way
    since: int = 0  # price at which its entry released it on the segment under way
    display_quantity: int = 0  # shown part of an iceberg
    shown: int = 0  # what is left of it
    entry: Live | None = None  # of an exit
    parent: Live | None = None  # the order whose complete fill releases it: the first leg of a reversal, or any other
    waiting: list[Live] = column(default_factory=list)  # the orders whose parent it is
    leg: bool = False  # the second leg of a reversal
    exits: list[Live] = column(default_factory=list)  # of an entry
    list_id: int = -1
    legs: list[Live] = column(default_factory=list)  # of its list, itself included
    group: list[Live] = column(default_factory=list)  # of which one cancels the others, itself included

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.status in TERMINAL

    @property
    def leaves(self) -> int:
        """LeavesQty."""
        return 0 if self.done else self.quantity - self.cum_quantity

    @property
    def held(self) -> bool:
        """Waiting for its parent."""
        return OrderFlag.HELD in self.flags

    @property
    def apart(self) -> bool:
        """Whether no pass over single orders meets it: it waits for its parent, or for the other legs of its list."""
        return self.held or bool(self.legs)

    @property
    def triggered(self) -> bool:
        """Its stop has been reached."""
        return OrderFlag.TRIGGERED in self.flags

    def row(self) -> dict[str, int]:
        """Its row in the table of orders."""
        same = (
            "order_id intent_id symbol side type tif size_mode size parent_id lot_id decided_at arrived_at expire_at decision_price "
            "rule_id quantity limit_price stop_price trail_offset trail_unit status reason cum_quantity cum_notional fee "
            "done_at exit_reason flags display_quantity list_id"
        )
        out = {name: int(getattr(self, name)) for name in same.split()}
        out |= {"strategy": 0, "sent_at": self.decided_at, "leaves_quantity": self.leaves}
        out["oco_id"] = min(order.order_id for order in self.group) if self.group else -1
        return out | dict.fromkeys(("position_id", "tag", "queue_ahead"), -1)


@dataclass(eq=False)
class Queued:
    """A command on its way to the broker. ``quantity``, ``limit``, ``stop`` are what a replace asks for, 0 = nothing."""

    what: str  # new, cancel, replace
    order: Live
    arrived_at: int
    quantity: int = 0
    limit: int = 0
    stop: int = 0
    trail: int = 0
    trail_unit: int = 0


@dataclass(frozen=True)
class Moment:
    """A point or segment on the path of a bar: where fills happen and what is written about them."""

    bar: Bar
    stage: Stage
    path: int
    time: int
    can_be_ambiguous: bool

    @property
    def in_hand(self) -> bool:
        """Whether what is met is one quote, of whose sizes is taken: not a place on the path of a quote bar."""
        return self.bar.kind is DataKind.QUOTES or self.stage is Stage.STANDING

    @property
    def middle(self) -> int | None:
        """The middle of the quote that is met, None where there is none or, between the points of a quote bar, it is not known."""
        if not self.bar.is_quoted:
            return None
        if self.stage is Stage.OPEN:
            return half_even(self.bar.open + self.bar.ask[0])
        if self.in_hand or self.stage is Stage.FLAT_AT or self.path == BarPath.CLOSE_ONLY:
            return half_even(self.bar.close + self.bar.ask[3])
        return None


@dataclass
class Standing:
    """The last quote of an instrument, and what is left of its sizes by side; None = not known."""

    bar: Bar
    left: dict[int, int | None]


@dataclass
class Broker:
    """Everything that a run changes, and the rules that change it."""

    scenario: Scenario
    journal: Journal = column(default_factory=Journal)
    orders: list[Live] = column(default_factory=list)
    queue: list[Queued] = column(default_factory=list)
    working: list[Live] = column(default_factory=list)  # accepted orders in list order; ended ones stay and are passed over
    liquidation: list[Live] = column(default_factory=list)
    standing: dict[int, Standing] = column(default_factory=dict)
    offered: dict[int, int | None] = column(default_factory=dict)  # lots the bar still offers, None = no cap
    equity_so_far: list[int] = column(default_factory=list)  # at the end of every instant
    now: int = 0
    next: int = 0  # index in working of the order that a walk comes to next
    asked_state: TradingState = TradingState.ACTIVE  # by the strategy
    drawdown_state: TradingState = TradingState.ACTIVE  # brought by a limit on losses
    day_state: TradingState = TradingState.ACTIVE
    manager: Manager | None = None  # of a run with faults
    arrived: Counter[int] = column(default_factory=Counter)  # commands of each order that have reached the broker

    def __post_init__(self) -> None:
        self.settings = self.scenario.settings
        self.books = Books(self.scenario, self.journal)

    # ---------------------------------------------------------------- quotes

    def stands(self, instrument: int, quote: Bar) -> None:
        """A quote, or the close of a quote bar, stands from now on."""
        self.standing[instrument] = Standing(quote, {1: quote.ask_size, -1: quote.bid_size})

    def mark_of(self, instrument: int, bar: Bar, column: int) -> int:
        """What a bar, quote or print marks its instrument at: column 0 at its open, 3 at its close."""
        bid = (bar.open, bar.high, bar.low, bar.close)[column]
        if not bar.is_quoted:
            return bid
        position = self.books.position(instrument)
        if self.settings.mark_by is MarkBy.EXIT_SIDE and position:
            return bid if position > 0 else bar.ask[column]
        return half_even(bid + bar.ask[column])

    def left(self, order: Live, moment: Moment) -> int | None:
        """Lots that are still offered to an order, None = any."""
        return self.standing[order.symbol].left[order.side] if moment.in_hand else self.offered[order.symbol]

    # ---------------------------------------------------------------- the trading state

    @property
    def trading_state(self) -> TradingState:
        """The strictest of what the strategy asks for and what limits have brought."""
        return max(self.asked_state, self.drawdown_state, self.day_state)

    def switch(
        self,
        what: str,
        state: TradingState,
        reason: Reason = Reason.NONE,
        action: LimitAction = LimitAction.REFUSE,
        numbers: tuple[int, int] = (0, 0),
    ) -> None:
        """Change one of the three states, and write it down if a limit did, or if it made a difference."""
        before = self.trading_state
        setattr(self, what, state)
        if reason or self.trading_state is not before:
            row = {"seq": len(self.journal.switches), "instant": self.now, "before": before, "state": self.trading_state}
            row |= {"asked": self.asked_state, "reason": reason, "action": action}
            row |= {"required": numbers[0], "available": numbers[1]}
            self.journal.switches.append({name: int(value) for name, value in row.items()})

    # ---------------------------------------------------------------- events

    @property
    def live(self) -> list[Live]:
        """Orders in flight, working or held, by number."""
        return [order for order in self.orders if not order.done]

    @property
    def liquidating(self) -> bool:
        """Whether a liquidation is under way."""
        return any(not order.done for order in self.liquidation)

    def happen(
        self,
        order: Live,
        event: OrderEvent,
        time: int,
        reason: Reason = Reason.NONE,
        numbers: tuple[int, int] = (0, 0),
        *,
        fill_id: int = -1,
        shown: tuple[int, int, int] | None = None,
        late: bool = False,
    ) -> None:
        """Write an event and change the state. An order that ends unfilled takes its child with it."""
        before = order.status
        order.status = TRANSITIONS[before, event]
        if reason:
            order.reason = reason
        another = event is OrderEvent.CANCEL_REJECT and any(c.order is order and c.what == "cancel" for c in self.queue)
        if event in (OrderEvent.CANCEL, OrderEvent.CANCEL_REJECT) and not another:
            order.flags &= ~OrderFlag.PENDING_CANCEL
        ends = order.done and before not in TERMINAL
        if ends:
            order.flags &= ~PENDING
            order.done_at = time
            order.reserved = 0
        quantity, limit, stop = shown or (order.quantity, order.limit_price, order.stop_price)
        self.journal.order_events.append(
            {
                "seq": len(self.journal.order_events),
                "instant": self.now,
                "time": time,
                "order_id": order.order_id,
                "event": int(event),
                "status_before": int(before),
                "status": int(order.status),
                "flags": int(order.flags),
                "quantity": quantity,
                "limit_price": limit,
                "stop_price": stop,
                "cum_quantity": order.cum_quantity,
                "leaves_quantity": order.leaves,
                "fill_id": fill_id,
                "reason": int(reason),
                "required": numbers[0],
                "available": numbers[1],
                "late": int(late),
                "reported_at": self.now,
            }
        )
        if ends and order.status is not OrderStatus.FILLED:
            if order.cum_quantity and self.settings.bracket is Bracket.ARM_ON_FULL:
                self._arm(order, 0, time)
            exits = [leg for leg in order.exits if leg.held or not order.cum_quantity]
            waiting = [other for other in order.waiting if other.held]
            for other in [*exits, *waiting]:
                if not other.done:
                    self.happen(other, OrderEvent.CANCEL, time, Reason.PARENT_ENDED)
            for other in order.legs:
                if not other.done:
                    self.happen(other, OrderEvent.CANCEL, time, Reason.LEG_ENDED)

    def put_last(self, order: Live) -> None:
        """An order goes to the end of the working list; whoever walks through it goes on where they were."""
        if self.working.index(order) < self.next:
            self.next -= 1
        self.working.remove(order)
        self.working.append(order)

    # ---------------------------------------------------------------- funds, §8

    def fee(self, order: Live | None, instrument: int, lots: int, price: int, liquidity: Liquidity) -> tuple[int, int]:
        """(what the order pays more, its raw fees then) for lots at a price; None is a fresh order."""
        settings = self.settings
        rate = settings.rate_taker if liquidity is Liquidity.TAKER else settings.rate_maker
        raw = order.fee_raw if order else 0
        if order is None or order.cum_quantity == 0:
            raw += settings.per_order
        raw += muldiv(settings.per_unit, lots, self.scenario.instruments[instrument].quantity_scale)
        raw += muldiv(self.books.value(instrument, price, lots), rate, RATE)
        total = raw if settings.fee_max is None else min(settings.fee_max, raw)
        total = total if settings.fee_min is None else max(settings.fee_min, total)
        return total - (order.fee if order else 0), raw

    def required(self, order: Live, lots: int, price: int, liquidity: Liquidity) -> int | None:
        """Funds needed for lots more of the order; None where they are not checked."""
        instrument, books = order.symbol, self.books
        position = books.position(instrument)
        after = position + order.side * lots
        fee, _ = self.fee(order, instrument, lots, price, liquidity)
        if self.settings.account_type is AccountType.CASH:
            return books.value(instrument, price, lots) + fee if order.side == Side.BUY else None
        more = max(0, abs(after) - abs(position))
        if more == 0:
            return None
        quote = books.quote[instrument]
        return books.base(quote, muldiv(books.value(instrument, price, more), self.settings.im, RATE)) + books.base(quote, fee)

    def available(self, order: Live) -> int:
        """Funds there are for the order: those that it has reserved itself included."""
        books = self.books
        others = [other for other in self.live if other is not order]
        if self.settings.account_type is AccountType.CASH:
            currency = books.quote[order.symbol]
            same = [other for other in others if books.quote[other.symbol] == currency]
            return books.cash[currency] - sum(other.reserved for other in same)
        return books.equity() - books.margin(self.settings.im) - sum(other.reserved for other in others)

    def shortage(self, order: Live, lots: int, price: int, liquidity: Liquidity) -> tuple[Reason, int, int] | None:
        """Reason, required and available if the funds are short."""
        if self.settings.account_type is AccountType.CASH and order.side == Side.SELL:
            position = self.books.position(order.symbol)
            return (Reason.SHORT_IN_CASH_ACCOUNT, lots, max(position, 0)) if position < lots else None
        required = self.required(order, lots, price, liquidity)
        if required is None:
            return None
        available = self.available(order)
        cash = self.settings.account_type is AccountType.CASH
        short = Reason.INSUFFICIENT_CASH if cash else Reason.INSUFFICIENT_MARGIN
        return (short, required, available) if required > available else None

    def affordable(self, order: Live, lots: int, price: int, liquidity: Liquidity, time: int) -> int:
        """Lots that the funds allow: all, fewer after a SHRINK, or 0 after the order was ended."""
        short = self.shortage(order, lots, price, liquidity)
        if short is None:
            return lots
        reason, *numbers = short
        policy = self.settings.on_short_cash
        may_shrink = policy is ShortCash.SHRINK or (policy is ShortCash.AUTO and OrderFlag.SIZED in order.flags)
        if may_shrink and order.tif != TimeInForce.FOK:
            fits = largest(lots, lambda fewer: self.shortage(order, fewer, price, liquidity) is None)
            if fits:
                order.quantity = order.cum_quantity + fits
                margin = reason is Reason.INSUFFICIENT_MARGIN
                why = Reason.SHRUNK_TO_MARGIN if margin else Reason.SHRUNK_TO_CASH
                self.happen(order, OrderEvent.SHRINK, time, why, (numbers[0], numbers[1]))
                return fits
        event = OrderEvent.CANCEL if order.cum_quantity else OrderEvent.REJECT
        self.happen(order, event, time, reason, (numbers[0], numbers[1]))
        return 0

    def price_of(self, order: Live) -> int:
        """P of an order: its limit, else its stop, else the mark."""
        return order.limit_price or order.stop_price or self.mark(order.symbol)

    def reserve(self, order: Live) -> None:
        """Hold what its leaves need."""
        order.reserved = self.required(order, order.leaves, self.price_of(order), Liquidity.TAKER) or 0

    def mark(self, instrument: int) -> int:
        """The mark of an instrument that has one."""
        mark = self.books.marks[instrument]
        assert mark is not None
        return mark

    # ---------------------------------------------------------------- trailing stops, §4

    def trailed(self, order: Live, price: int) -> int:
        """Where a trailing stop belongs at a price."""
        tick = self.scenario.instruments[order.symbol].tick
        distance = {
            TrailUnit.PRICE: order.trail_offset,
            TrailUnit.TICKS: order.trail_offset * max(tick, 1),
            TrailUnit.RATE: muldiv(price, order.trail_offset, RATE),
        }[TrailUnit(order.trail_unit)]
        stop = price + order.side * distance
        if tick:
            stop = -(-stop // tick) * tick if order.side == Side.BUY else stop // tick * tick
        return max(stop, tick, 1)

    def trail(self, order: Live, price: int) -> None:
        """The market is at a price: the stop follows, and the limit with it, unless that moves it away."""
        stop = self.trailed(order, price)
        if order.side * stop < order.side * order.stop_price:
            if order.limit_price:
                tick = self.scenario.instruments[order.symbol].tick
                order.limit_price = max(order.limit_price + stop - order.stop_price, tick, 1)
            order.stop_price = stop

    # ---------------------------------------------------------------- arrivals, §3

    def arrive(self, command: Queued) -> None:
        """One command reaches the broker."""
        order, time = command.order, command.arrived_at
        if command.what != "new" and order in self.working and not order.done:
            self.expire(order, time)
        if self._turned_away(command):
            return
        if command.what == "new":
            if not order.done:
                self._arrive_new(order, time)
        elif command.what == "cancel":
            if order.done:
                self.happen(order, OrderEvent.CANCEL_REJECT, time, Reason.ORDER_IS_DONE)
            else:
                self.happen(order, OrderEvent.CANCEL, time, Reason.CANCELED_BY_USER)
        else:
            self._arrive_replace(order, command)

    def send(self, command: Queued) -> None:
        """A command sets out; one that would arrive in an outage arrives at its end."""
        if self.manager:
            command.arrived_at = self.manager.line.after(command.arrived_at)
            if command.what == "new":
                command.order.arrived_at = command.arrived_at
        self.queue.append(command)

    def _turned_away(self, command: Queued) -> bool:
        """Whether the broker refuses it, for no reason of ours (§10)."""
        order, manager = command.order, self.manager
        if manager is None:
            return False
        k, faults = self.arrived[order.order_id], manager.faults
        self.arrived[order.order_id] += 1
        a, chance, event = {
            "new": (16, faults.reject, OrderEvent.REJECT),
            "cancel": (17, faults.reject_cancel, OrderEvent.CANCEL_REJECT),
            "replace": (18, faults.reject_replace, OrderEvent.REPLACE_REJECT),
        }[command.what]
        if order.done or not manager.line.happens(a, order.order_id, k, chance):
            return False
        if command.what == "replace":
            order.asked -= 1
            if not order.asked:
                order.flags &= ~OrderFlag.PENDING_REPLACE
        self.happen(order, event, command.arrived_at, Reason.BROKER_REJECTED)
        return True

    def seems_done(self, order: Live) -> bool:
        """Whether an order is done as far as its manager knows."""
        if self.manager is None:
            return order.done
        return order.order_id in self.manager.known and self.manager.known[order.order_id].over

    def expire(self, order: Live, time: int) -> None:
        """End an order whose last time lies before a time."""
        if order.tif == TimeInForce.GTD and order.expire_at < time:
            self.happen(order, OrderEvent.EXPIRE, max(order.expire_at, order.arrived_at), Reason.GTD_REACHED)

    def reduces_only(self, order: Live, position: int) -> bool:
        """Whether the order does nothing but make the position smaller."""
        return order.side * position < 0 and 0 < order.quantity <= abs(position)

    def _arrive_new(self, order: Live, time: int) -> None:
        if self.liquidating and not self.reduces_only(order, self.books.position(order.symbol)):
            self.happen(order, OrderEvent.REJECT, time, Reason.UNDER_MAINTENANCE)
            return
        lots = order.quantity
        if OrderFlag.REDUCE_ONLY in order.flags:
            lots = min(lots, -order.side * self.projected(order.symbol, order))
        if not order.apart and lots > 0 and not self.affordable(order, lots, self.price_of(order), Liquidity.TAKER, time):
            return
        self.happen(order, OrderEvent.ACCEPT, time)
        self.working.append(order)
        if not order.apart and self.fit_to(order, self.projected(order.symbol, order), time):
            self.reserve(order)
        if order.held and order.parent and not order.leg and order.parent.status is OrderStatus.FILLED:
            self._release(order, time)

    def _arrive_replace(self, order: Live, command: Queued) -> None:
        time = command.arrived_at
        order.asked -= 1
        if not order.asked:
            order.flags &= ~OrderFlag.PENDING_REPLACE
        if order.done:
            self.happen(order, OrderEvent.REPLACE_REJECT, time, Reason.ORDER_IS_DONE)
            return
        quantity = command.quantity or order.quantity
        if quantity < order.cum_quantity:
            self.happen(order, OrderEvent.REPLACE_REJECT, time, Reason.QUANTITY_BELOW_FILLED)
            return
        if quantity == order.cum_quantity:
            self.happen(order, OrderEvent.CANCEL, time, Reason.REPLACED_TO_FILLED)
            return
        stop, limit = self.replaced(order, command)
        price = limit or stop or self.mark(order.symbol)
        if not order.held:
            short = self.shortage(order, quantity - order.cum_quantity, price, Liquidity.TAKER)
            if short:
                self.happen(order, OrderEvent.REPLACE_REJECT, time, short[0], (short[1], short[2]))
                return
        if quantity != order.quantity:
            order.flags &= ~OrderFlag.SIZED_AT_FILL
        loses = bool(order.trail_unit) or quantity > order.quantity or limit != order.limit_price or stop != order.stop_price
        order.quantity, order.limit_price, order.stop_price = quantity, limit, stop
        if command.trail:
            order.trail_offset, order.trail_unit = command.trail, command.trail_unit
        if not order.held:
            self.reserve(order)
        if loses:
            order.arrived_at = time
            order.met = False
            order.shown = order.display_quantity
            self.put_last(order)
        self.happen(order, OrderEvent.REPLACE, time)
        if not order.held:
            self.fit_to_position(order, time)

    def replaced(self, order: Live, command: Queued) -> tuple[int, int]:
        """(stop, limit) of an order after a replace, as the market is now."""
        stop, limit = order.stop_price, order.limit_price
        if command.trail and not command.stop and not order.triggered:
            was = order.trail_offset, order.trail_unit
            order.trail_offset, order.trail_unit = command.trail, command.trail_unit
            stop = self.trailed(order, self.mark(order.symbol))
            order.trail_offset, order.trail_unit = was
            if limit and not command.limit:
                limit = max(limit + stop - order.stop_price, self.scenario.instruments[order.symbol].tick, 1)
        if command.stop and not order.triggered:
            stop = command.stop
        return stop, command.limit or limit

    # ---------------------------------------------------------------- fills, §5 and §6

    def price_steps(self, order: Live, met: int, liquidity: Liquidity, moment: Moment) -> dict[str, int]:
        """The columns reference_price, spread, slippage, impact, limit, tick and price, of a price that was met."""
        bar = moment.bar
        reference = met if liquidity is Liquidity.MAKER or moment.middle is None else moment.middle
        settings, tick = self.settings, self.scenario.instruments[order.symbol].tick
        buy, limit = order.side == Side.BUY, order.limit_price
        slippage = 0
        if liquidity is Liquidity.TAKER:
            slippage = order.side * (muldiv(reference, settings.slippage_rate, RATE) + settings.slippage_ticks * tick)
        slipped = price = met + slippage
        if limit:
            price = min(price, limit) if buy else max(price, limit)
        if settings.clamp_to_range and not moment.in_hand and not bar.is_moment:
            price = min(max(price, bar.low), bar.ask[1] if bar.is_quoted else bar.high)
        limited = price = max(price, 1)
        if tick:
            price = max((-(-price // tick) if buy else price // tick) * tick, tick)
            if limit:
                price = min(price, limit) if buy else max(price, limit)
        steps = {"reference_price": reference, "spread": met - reference, "slippage": slippage, "impact": 0}
        return steps | {"limit": limited - slipped, "tick": price - limited, "price": price}

    def fill(self, order: Live, wanted: int, met: int, liquidity: Liquidity, moment: Moment) -> None:
        """Fill up to ``wanted`` lots at a price that was met, as far as the funds allow."""
        instrument, bar = order.symbol, moment.bar
        steps = self.price_steps(order, met, liquidity, moment)
        if not moment.in_hand:
            self.books.marks[instrument] = steps["reference_price"]
        ambiguous = moment.can_be_ambiguous and self._another_level_in(order, bar)
        lots = wanted if order.legs else self.affordable(order, wanted, steps["price"], liquidity, moment.time)
        if lots == 0:
            return
        fee, order.fee_raw = self.fee(order, instrument, lots, steps["price"], liquidity)
        offered = self.left(order, moment)
        notional = self.books.value(instrument, steps["price"], lots)
        order.cum_quantity += lots
        order.cum_notional += notional
        order.fee += fee
        number = len(self.journal.fills)
        event = OrderEvent.FILL_PART if order.cum_quantity < order.quantity else OrderEvent.FILL_ALL
        self.happen(order, event, moment.time, fill_id=number)
        fill = {"fill_id": number, "order_id": order.order_id, "strategy": 0, "symbol": instrument, "side": order.side}
        fill |= {"instant": self.now, "time": moment.time, "stage": int(moment.stage), "path": int(moment.path)}
        fill |= {"ambiguous": int(ambiguous), "event_time": bar.open_time, "quantity": lots, "exec_ref_id": -1} | steps
        fill |= {"liquidity": int(liquidity), "available": -1 if offered is None else offered}
        fill |= {"notional": notional, "fee": fee, "queue_ahead": -1, "reported_at": self.now}
        fill = {name: int(number) for name, number in fill.items()}
        self.journal.fills.append(fill)
        self.books.book_fill(fill, self.settings.lots, order.lot_id)
        fill["exit_reason"] = int(exit_reason(order, fill))
        if moment.in_hand:
            left = self.standing[instrument].left
            left[order.side] = None if offered is None else offered - lots
            self.books.marks[instrument] = self.mark_of(instrument, moment.bar, 3)
        elif offered is not None:
            self.offered[instrument] = offered - lots
        if not order.done:
            self.reserve(order)
        self._arm(order, lots, moment.time)
        if order.done:
            for other in order.waiting:
                if other.held and not other.done and other in self.working:
                    self._release(other, moment.time)
        self._settle(order, lots, moment.time)
        if fill["closing_quantity"]:
            for other in list(self.working):
                if other is not order and other.symbol == instrument and not other.held and not other.done:
                    self.fit_to_position(other, moment.time)
        if order.display_quantity and liquidity is Liquidity.MAKER and not order.done:
            order.shown -= lots
            if order.shown <= 0:
                order.shown = order.display_quantity
                self.put_last(order)

    def projected(self, instrument: int, without: Live | None = None) -> int:
        """The position when all live market orders but one have filled, except those whose cancel has been asked for."""
        orders = [live for live in self.live if live.symbol == instrument and live.type == OrderType.MARKET]
        waits = [live for live in orders if live.held and live.parent and not live.leg]
        counted = [o for o in orders if o is not without and o not in waits and OrderFlag.PENDING_CANCEL not in o.flags]
        return self.books.position(instrument) + sum(live.side * live.leaves for live in counted)

    def fit_to_position(self, order: Live, time: int) -> bool:
        """Cut a reduce-only order to the position; False if it must not trade."""
        return self.fit_to(order, self.books.position(order.symbol), time)

    def fit_to(self, order: Live, position: int, time: int) -> bool:
        """Cut a reduce-only order to what of a position it can reduce. With nothing it ends, or is held if its entry may fill again."""
        if OrderFlag.REDUCE_ONLY not in order.flags:
            return True
        left, leaves = -order.side * position, order.leaves
        if left <= 0 and order.entry and not order.entry.done:
            order.flags |= OrderFlag.HELD
            self.happen(order, OrderEvent.HOLD, time, Reason.NOTHING_TO_REDUCE, (leaves, 0))
        elif left <= 0:
            self.happen(order, OrderEvent.CANCEL, time, Reason.NOTHING_TO_REDUCE, (leaves, 0))
        elif left < leaves:
            order.quantity -= leaves - left
            self.happen(order, OrderEvent.SHRINK, time, Reason.SHRUNK_TO_POSITION, (leaves, left))
        return left > 0

    def _arm(self, entry: Live, lots: int, time: int) -> None:
        """The exits of an entry follow a fill of it, or (0 lots) its end."""
        waits = self.settings.bracket is Bracket.ARM_ON_FULL and not entry.done
        for order in entry.exits:
            all_closed = self.settings.bracket is Bracket.ARM_ON_FULL and order.cum_quantity >= entry.cum_quantity
            if order.done or (order.held and (waits or all_closed)):
                continue
            if not order.held:
                if lots:
                    order.quantity += lots
                    self.happen(order, OrderEvent.REPLACE, time, Reason.FOLLOWS_ENTRY)
                continue
            if lots:
                order.since = self.mark(order.symbol)
                self.put_last(order)
            whole, order.quantity = order.quantity, order.cum_quantity + lots
            if self.settings.bracket is Bracket.ARM_ON_FULL:
                order.quantity = entry.cum_quantity
            if whole != order.quantity:
                event = OrderEvent.SHRINK if order.quantity < whole else OrderEvent.REPLACE
                self.happen(order, event, time, Reason.FOLLOWS_ENTRY, (whole, order.quantity))
            order.flags &= ~OrderFlag.HELD
            self.happen(order, OrderEvent.RELEASE, time)

    def _settle(self, order: Live, lots: int, time: int) -> None:
        """The others of the group of an order make room for a fill of it."""
        at = order.group.index(order) if order.group else 0
        for other in order.group[at + 1 :] + order.group[:at]:
            if other.done:
                continue
            leaves = other.leaves
            if order.done or leaves <= lots:
                self.happen(other, OrderEvent.CANCEL, time, Reason.OCO_FILLED)
            else:
                other.quantity -= lots
                other.flags &= ~OrderFlag.SIZED_AT_FILL
                self.happen(other, OrderEvent.SHRINK, time, Reason.OCO_FILLED, (leaves, leaves - lots))
        if order.done and order.entry and not order.entry.done:
            self.happen(order.entry, OrderEvent.CANCEL, time, Reason.EXIT_FILLED)

    def _another_level_in(self, order: Live, bar: Bar) -> bool:
        for other in self.working:
            if other is order or other.symbol != order.symbol or other.done or other.held or other.arrived_at > bar.open_time:
                continue
            if other.tif in (TimeInForce.OPG, TimeInForce.CLS):
                continue
            if other.triggered and other.type in (OrderType.STOP, OrderType.TRAILING_STOP, OrderType.MARKET_IF_TOUCHED):
                continue
            level = other.stop_price if other.stop_price and not other.triggered else other.limit_price
            _, high, low, _ = bar.of_side(other.side)
            if level and low <= level <= high:
                return True
        return False

    def _release(self, child: Live, time: int) -> None:
        """A held order comes to the market, where its parent was filled or, elsewhere, after that time."""
        child.flags &= ~OrderFlag.HELD
        assert child.parent
        if child.symbol == child.parent.symbol:
            child.since = self.mark(child.symbol)
        else:
            child.arrived_at = max(child.arrived_at, time)
        self.put_last(child)
        self.happen(child, OrderEvent.RELEASE, time)
        if self.affordable(child, child.leaves, self.price_of(child), Liquidity.TAKER, time):
            self.reserve(child)

    # ---------------------------------------------------------------- orders of the engine itself

    def engine_order(
        self, instrument: int, kind: OrderType, tif: TimeInForce, why: ExitReason, at: int, price: int,
        flags: OrderFlag = OrderFlag.NONE,
    ) -> Live:  # fmt: skip
        """An order that closes the position, submitted and accepted at a time; ``price`` is its decision price."""
        position = self.books.position(instrument)
        order = Live(
            order_id=len(self.orders),
            intent_id=-1,
            symbol=instrument,
            side=-1 if position > 0 else 1,
            type=kind,
            tif=tif,
            size_mode=SizeMode.UNITS,
            size=abs(position),
            quantity=abs(position),
            decided_at=at,
            arrived_at=at,
            decision_price=price,
            flags=OrderFlag.CLOSING | OrderFlag.ENGINE | flags,
            exit_reason=why,
        )
        self.orders.append(order)
        self.happen(order, OrderEvent.SUBMIT, at)
        self.happen(order, OrderEvent.ACCEPT, at)
        return order

    def end_all(self, event: OrderEvent, reason: Reason) -> None:
        """End every live order: the working ones, then those in flight; their commands are void."""
        victims = [order for order in self.working if not order.done]
        victims += [command.order for command in self.queue if command.what == "new" and not command.order.done]
        self.queue = [command for command in self.queue if all(command.order is not order for order in victims)]
        for order in victims:
            if not order.done:
                self.happen(order, event, self.now, reason)

    def margin_call(self) -> bool:
        """Cancel everything and close every position, if equity is below the maintenance margin. True if so."""
        held = [i for i in range(len(self.scenario.instruments)) if self.books.position(i)]
        if self.settings.account_type is AccountType.CASH or not held or self.liquidating:
            return False
        if self.books.equity() >= self.books.margin(self.settings.mm):
            return False
        self.end_all(OrderEvent.CANCEL, Reason.LIQUIDATION)
        at = self.now
        self.liquidation = [
            self.engine_order(i, OrderType.MARKET, TimeInForce.GTC, ExitReason.LIQUIDATION, at, self.mark(i)) for i in held
        ]
        self.working += self.liquidation
        return True

    @property
    def looks_ahead(self) -> bool:
        """Whether new orders may meet the close of the bar just shown."""
        return self.settings.fill_when is FillWhen.SAME_CLOSE_LOOKAHEAD


def exit_reason(order: Live, fill: dict[str, int]) -> int:
    """Why a fill closes what it closes."""
    if fill["closing_quantity"] == 0:
        return ExitReason.NONE
    if fill["closing_quantity"] < fill["quantity"]:
        return ExitReason.REVERSAL
    return order.exit_reason


def half_even(both: int) -> int:
    """Half of a sum of two prices, halves to even."""
    return muldiv(both, 1, 2)


def rises(order: Live) -> int:
    """1 if a waiting order is triggered by a rising price, -1 if by a falling one."""
    touched = order.type in (OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED)
    return -order.side if touched else order.side


def largest(top: int, fits: Callable[[int], bool]) -> int:
    """Largest n in 0..top with fits(n), where everything below one that fits fits too; 0 is taken to fit."""
    low, high = 0, top
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
