"""The desk of the reference engine: what a strategy asks for becomes orders (§2), and requests to change them (§3)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fillwright.model.codes import (
    Deduplicate,
    ExitReason,
    OffTick,
    OrderEvent,
    OrderFlag,
    OrderStatus,
    OrderType,
    Reason,
    Reversal,
    Side,
    SizeMode,
    TimeInForce,
    TradingState,
)
from reference.books import muldiv
from reference.broker import Broker, Live, Queued, largest, rises
from reference.limits import LIMITS, SHRINKING, Limits, opening
from reference.scenario import RATE, Cancel, CancelAll, Close, Command, Legs, Order, Replace, Switch, Target, TargetBatch
from reference.sizing import affordable, money_of

SIZED = (SizeMode.VALUE, SizeMode.WEIGHT, SizeMode.TARGET_VALUE, SizeMode.TARGET_WEIGHT, SizeMode.RISK, SizeMode.VOLATILITY)
EXITS = {
    OrderType.STOP: ExitReason.STOP, OrderType.STOP_LIMIT: ExitReason.STOP, OrderType.TRAILING_STOP: ExitReason.TRAILING,
    OrderType.TRAILING_STOP_LIMIT: ExitReason.TRAILING, OrderType.MARKET_IF_TOUCHED: ExitReason.TARGET,
    OrderType.LIMIT_IF_TOUCHED: ExitReason.TARGET,
}  # fmt: skip
Refusal = tuple[Reason, int, int]


@dataclass
class Plan:
    """One target, worked out: ``change`` lots from ``projected`` towards ``goal``. Unpriced: ``change`` is its sign only."""

    target: Target
    intent_id: int
    projected: int
    goal: int
    change: int
    priced: bool = True


@dataclass
class Desk:
    """Carries out commands at the instant of the broker."""

    broker: Broker
    intents: int = 0
    no_change: int = 0

    def __post_init__(self) -> None:
        self.settings = self.broker.settings
        self.books = self.broker.books
        self.limits = Limits(self.broker)

    def carry_out(self, command: Command) -> None:
        """One command of a callback."""
        match command:
            case Order() | Target() if self._acted_on(command.rule):
                self._refuse(command)
            case Switch():
                self.broker.switch("asked_state", command.state)
            case Order() if self._has_nothing_to_reduce(command):
                self._refuse(command, Reason.NO_POSITION)
            case Order():
                self._order(command)
            case Target():
                self._give(self._plan(command))
            case TargetBatch():
                plans = [self._plan(Target(*target)) for target in command.targets]
                for plan in [p for p in plans if p.change < 0] + [p for p in plans if p.change >= 0]:
                    self._give(plan)
            case Close():
                self._give(self._plan(Target(command.instrument, SizeMode.CLOSE, 0)))
            case Cancel():
                self._cancel(command.order_id)
            case CancelAll():
                for order in [order for order in self.broker.orders if not self.broker.seems_done(order)]:
                    if command.instrument in (None, order.symbol) and command.side in (0, order.side):
                        self._cancel(order.order_id)
            case Replace():
                self._replace(command)
            case Legs():
                self._legs(command)

    # ---------------------------------------------------------------- rules

    def _acted_on(self, rule: int) -> bool:
        """Whether the rule has an order of this instant, or of this run."""
        same = [order for order in self.broker.orders if rule >= 0 and order.rule_id == rule]
        if self.settings.deduplicate is Deduplicate.PER_INSTANT:
            return any(order.decided_at == self.broker.now for order in same)
        return bool(same) and self.settings.deduplicate is Deduplicate.PER_RUN

    def _has_nothing_to_reduce(self, command: Order) -> bool:
        """Whether a reduce-only order that waits for no other finds no position on the other side."""
        waits = 0 <= command.after < len(self.broker.orders) and not self.broker.orders[command.after].done
        reduces = OrderFlag.REDUCE_ONLY in command.flags and not waits
        return reduces and self.broker.projected(command.instrument) * command.side >= 0

    def _refuse(self, command: Order | Target, reason: Reason = Reason.DUPLICATE_RULE) -> None:
        """An order on record that was not acted on."""
        self.intents += 1
        side = command.side if isinstance(command, Order) else Side.SELL if command.size < 0 else Side.BUY
        lots = command.size if command.size_mode is SizeMode.UNITS else 0
        order = self._make(command.instrument, side, lots, command.size_mode, command.size, self.intents - 1)
        order.rule_id = command.rule
        if isinstance(command, Order):
            order.flags |= command.flags & OrderFlag.REDUCE_ONLY
        self.broker.orders.append(order)
        self.broker.happen(order, OrderEvent.DENY, self.broker.now, reason)

    # ---------------------------------------------------------------- sizes

    def _priced(self, instrument: int) -> bool:
        quote = self.books.quote[instrument]
        return self.books.marks[instrument] is not None and self.books.rates[quote] is not None

    def _lots_for(self, instrument: int, money: int) -> int:
        """Largest quantity whose value with slippage and fee is within money of the account's currency."""
        price = self._taken(instrument, Side.BUY)
        return affordable(self.broker, instrument, price, price, money)

    def _taken(self, instrument: int, side: int) -> int:
        """What a taker is taken to pay now, or to get: the mark, for buys the ask that stands if that is higher, with slippage."""
        mark, tick = self.broker.mark(instrument), self.broker.scenario.instruments[instrument].tick
        if instrument in self.broker.standing and side > 0:
            mark = max(mark, self.broker.standing[instrument].bar.ask[3])
        return mark + side * (muldiv(mark, self.settings.slippage_rate, RATE) + self.settings.slippage_ticks * tick)

    def _at_risk(self, command: Order) -> int:
        """Largest quantity that loses no more than a part of equity from the entry to the stop, the fee of the entry included."""
        price = self._taken(command.instrument, command.side)
        if command.limit and not command.trail_unit:
            price = command.limit
        elif command.stop:
            price = command.stop
        worth = command.per if command.size_mode is SizeMode.VOLATILITY else command.side * (price - command.stop_loss)
        return affordable(self.broker, command.instrument, worth, price, money_of(self.broker, command.size_mode, command.size))

    # ---------------------------------------------------------------- buy, sell

    def _order(self, command: Order) -> None:
        self.intents += 1
        instrument = command.instrument
        plain = command.type is OrderType.MARKET and OrderFlag.REDUCE_ONLY not in command.flags
        if self.settings.default_limit and plain and self._priced(instrument):
            tick, mark = self.broker.scenario.instruments[instrument].tick or 1, self.broker.mark(instrument)
            ticks = mark // tick if command.side == Side.BUY else -(-mark // tick)
            command = replace(command, type=OrderType.LIMIT, limit=max(ticks, 1) * tick)
        lots = command.size
        if command.size_mode in (SizeMode.RISK, SizeMode.VOLATILITY):
            lots = self._at_risk(command) if self._priced(instrument) else 0
        elif command.size_mode in SIZED:
            lots = (
                self._lots_for(instrument, money_of(self.broker, command.size_mode, command.size))
                if self._priced(instrument)
                else 0
            )
        order = self._make(instrument, command.side, lots, command.size_mode, command.size, self.intents - 1)
        order.type, order.tif, order.expire_at = command.type, command.tif, command.expire_at
        order.limit_price, order.stop_price = command.limit, command.stop
        order.lot_id = command.lot
        order.rule_id = command.rule
        order.trail_offset, order.trail_unit = command.trail, command.trail_unit
        order.flags |= command.flags
        order.exit_reason = EXITS.get(command.type, ExitReason.SIGNAL)
        order.display_quantity = order.shown = command.display
        if not self._wait(order, command.after):
            self.broker.orders.append(order)
            self.broker.happen(order, OrderEvent.DENY, self.broker.now, Reason.PARENT_ENDED)
            return
        exits = self._exits(order, command)
        if exits is None:
            self.broker.orders.append(order)
            self.broker.happen(order, OrderEvent.DENY, self.broker.now, Reason.OFF_TICK)
        elif self._submit(order):
            for leg in exits:
                leg.order_id, leg.quantity, leg.size = len(self.broker.orders), order.quantity, order.quantity
                self.broker.orders.append(leg)
                self.broker.happen(leg, OrderEvent.SUBMIT, self.broker.now)
                self.broker.send(Queued("new", leg, leg.arrived_at))
            order.exits = exits
            if order.parent:
                order.parent.waiting.append(order)
            if 0 <= command.oco < order.order_id:
                self._join(order, self.broker.orders[command.oco])

    def _wait(self, order: Live, number: int) -> bool:
        """Hold an order until another is filled; False if that one has ended otherwise."""
        if not 0 <= number < len(self.broker.orders):
            return True
        parent = self.broker.orders[number]
        if not parent.done:
            order.parent, order.parent_id = parent, number
            order.flags |= OrderFlag.HELD
        return not parent.done or parent.status is OrderStatus.FILLED

    def _join(self, order: Live, other: Live) -> None:
        """One of two orders cancels the other, where they can."""
        for one in (order, other):
            held = one.held and (one.leg or not one.parent)
            if one.done or held or one.entry or one.legs or OrderFlag.ENGINE in one.flags:
                return
        if order is other or order.symbol != other.symbol or order.group:
            return
        other.group = other.group or [other]
        other.group.insert(other.group.index(other) + 1, order)
        order.group = other.group

    def _exits(self, order: Live, command: Order) -> list[Live] | None:
        """Take profit and stop loss of an entry, None if a price is off the tick."""
        take = self._on_tick(order.symbol, command.take_profit, -order.side)
        loss = self._on_tick(order.symbol, command.stop_loss, order.side)
        tick = self.broker.scenario.instruments[order.symbol].tick
        if tick and (take % tick or loss % tick):
            return None
        exits = []
        for price, kind, why in ((take, OrderType.LIMIT, ExitReason.TARGET), (loss, OrderType.STOP, ExitReason.STOP)):
            if price:
                leg = self._make(order.symbol, -order.side, order.quantity, SizeMode.UNITS, order.quantity, order.intent_id)
                leg.type, leg.exit_reason, leg.entry, leg.parent_id = kind, why, order, order.order_id
                leg.limit_price, leg.stop_price = (price, 0) if kind is OrderType.LIMIT else (0, price)
                leg.flags = OrderFlag.HELD | OrderFlag.REDUCE_ONLY
                exits.append(leg)
        if len(exits) == 2:
            for leg in exits:
                leg.group = exits
        return exits

    def _on_tick(self, instrument: int, price: int, side: int) -> int:
        """A price moved to the tick by the policy; ``side`` BUY moves down where passive."""
        tick = self.broker.scenario.instruments[instrument].tick
        if not price or not tick or self.settings.off_tick is OffTick.REJECT:
            return price
        if self.settings.off_tick is OffTick.NEAREST:
            ticks = (2 * price + tick) // (2 * tick)
        else:
            ticks = price // tick if side == Side.BUY else -(-price // tick)
        return max(ticks, 1) * tick

    def _make(self, instrument: int, side: int, lots: int, mode: SizeMode, size: int, intent: int) -> Live:
        now = self.broker.now
        order = Live(
            order_id=len(self.broker.orders),
            intent_id=intent,
            symbol=instrument,
            side=side,
            type=OrderType.MARKET,
            tif=TimeInForce.GTC,
            size_mode=mode,
            size=size,
            quantity=lots,
            decided_at=now,
            arrived_at=now + self.settings.latency_ns,
            decision_price=self.books.marks[instrument] or 0,
        )
        if mode in SIZED:
            order.flags |= OrderFlag.SIZED
            if self.settings.size_at_fill and mode is not SizeMode.VOLATILITY:
                order.flags |= OrderFlag.SIZED_AT_FILL
        return order

    def _submit(self, order: Live) -> bool:
        """Check the order against the position and send it; False if it was denied."""
        broker, now = self.broker, self.broker.now
        position = self.limits.start(order)
        broker.orders.append(order)
        asked = order.quantity
        shrinks: list[tuple[int, Refusal]] = []
        refusal = self._check(order, position, shrinks)
        order.quantity = asked
        if refusal:
            broker.happen(order, OrderEvent.DENY, now, refusal[0], refusal[1:])
            return False
        broker.happen(order, OrderEvent.SUBMIT, now)
        for lots, (reason, *numbers) in shrinks:
            order.quantity = lots
            broker.happen(order, OrderEvent.SHRINK, now, reason, (numbers[0], numbers[1]))
        broker.send(Queued("new", order, order.arrived_at))
        return True

    def _legs(self, command: Legs) -> None:
        """A list of legs: each is checked as if those before it had been sent; one that would be refused or made smaller refuses all."""
        broker, legs, refusal = self.broker, list[Live](), None
        self.intents += 1
        for instrument, side, lots in command.legs:
            leg = self._make(instrument, side, lots, SizeMode.UNITS, lots, self.intents - 1)
            leg.tif, leg.flags, leg.list_id = command.tif, OrderFlag.LEG, legs[0].order_id if legs else leg.order_id
            position, shrinks = self.limits.start(leg), list[tuple[int, Refusal]]()
            broker.orders.append(leg)
            legs.append(leg)
            if refusal is None:
                found = self._check(leg, position, shrinks) or (shrinks[0][1] if shrinks else None)
                leg.quantity = lots
                refusal = found and (leg, found)
        for leg in legs:
            if refusal is None:
                leg.legs = legs
                broker.happen(leg, OrderEvent.SUBMIT, broker.now)
                broker.send(Queued("new", leg, leg.arrived_at))
            elif leg is refusal[0]:
                reason, *numbers = refusal[1]
                broker.happen(leg, OrderEvent.DENY, broker.now, reason, (numbers[0], numbers[1]))
            else:
                broker.happen(leg, OrderEvent.DENY, broker.now, Reason.LEG_ENDED)

    def _check(self, order: Live, position: int, shrinks: list[tuple[int, Refusal]]) -> Refusal | None:
        """The checks of §2 in their order. Shrinks the quantity of a sized order, noting each limit that binds."""
        if self.broker.trading_state is TradingState.HALTED:
            return Reason.TRADING_HALTED, 0, 0
        if not self._priced(order.symbol):
            return Reason.NO_PRICE_YET, 0, 0
        if self.broker.liquidating and not self.broker.reduces_only(order, position):
            return Reason.UNDER_MAINTENANCE, 0, 0
        if order.lot_id >= 0 and not self.books.can_close(order.lot_id, order.symbol, order.side):
            return Reason.LOT_NOT_OPEN, 0, 0
        if order.trail_unit:
            self._place_trail(order)
        order.limit_price = self._on_tick(order.symbol, order.limit_price, order.side)
        order.stop_price = self._on_tick(order.symbol, order.stop_price, -rises(order))
        tick = self.broker.scenario.instruments[order.symbol].tick
        if tick and (order.limit_price % tick or order.stop_price % tick):
            return Reason.OFF_TICK, 0, 0
        if order.quantity == 0:
            return Reason.ZERO_QUANTITY, 0, 0
        whole, left = order.quantity, -order.side * self.broker.projected(order.symbol, order)
        if OrderFlag.REDUCE_ONLY in order.flags and not order.held and left < whole:
            order.quantity = left
            shrinks.append((left, (Reason.SHRUNK_TO_POSITION, whole, left)))
        for reason in LIMITS:
            numbers = self.limits.over(reason, order, position, order.quantity)
            if numbers is None:
                continue
            fits = order.quantity - opening(order, position, order.quantity)
            if OrderFlag.SIZED in order.flags and reason in SHRINKING:
                fits = largest(order.quantity, lambda lots, why=reason: self.limits.over(why, order, position, lots) is None)
            if fits == 0:
                return reason, *numbers
            order.quantity = fits
            shrinks.append((fits, (reason, *numbers)))
        return None

    def _place_trail(self, order: Live) -> None:
        """The first stop of a trailing order, unless one is given, and its limit, given as a distance, beyond it."""
        if order.stop_price == 0:
            order.stop_price = self.broker.trailed(order, self.broker.mark(order.symbol))
        if order.type == OrderType.TRAILING_STOP_LIMIT:
            tick = self.broker.scenario.instruments[order.symbol].tick
            order.limit_price = max(order.stop_price + order.side * order.limit_price, tick, 1)

    # ---------------------------------------------------------------- targets

    def _plan(self, target: Target) -> Plan:
        self.intents += 1
        intent, instrument = self.intents - 1, target.instrument
        projected = self.broker.projected(instrument)
        sign = (target.size > 0) - (target.size < 0)
        if target.size_mode not in SIZED:
            goal = target.size
        elif sign == 0:
            goal = 0
        elif self._priced(instrument):
            goal = sign * self._lots_for(instrument, money_of(self.broker, target.size_mode, target.size))
        else:
            return Plan(target, intent, projected, 0, sign, priced=False)
        return Plan(target, intent, projected, goal, goal - projected)

    def _give(self, plan: Plan) -> None:
        if plan.change == 0:
            self.no_change += 1
            return
        target = plan.target
        side = 1 if plan.change > 0 else -1

        def make(lots: int) -> Live:
            order = self._make(target.instrument, side, lots, target.size_mode, target.size, plan.intent_id)
            order.rule_id = target.rule
            return order

        if plan.projected * plan.goal < 0 and self.settings.reversal is Reversal.TWO_ORDERS:
            first = make(abs(plan.projected))
            first.flags = (first.flags | OrderFlag.CLOSING) & ~OrderFlag.SIZED_AT_FILL
            first.exit_reason = ExitReason.REVERSAL
            if not self._submit(first):
                return
            second = make(abs(plan.goal))
            second.flags |= OrderFlag.HELD
            second.parent, second.parent_id, second.leg = first, first.order_id, True
            if self._submit(second):
                first.waiting.append(second)
            return
        order = make(abs(plan.change) if plan.priced else 0)
        if plan.goal == 0 and plan.priced:
            order.flags = (order.flags | OrderFlag.CLOSING) & ~OrderFlag.SIZED_AT_FILL
        self._submit(order)

    # ---------------------------------------------------------------- cancel, replace

    def _find(self, number: int) -> Live | None:
        """The strategy's own order of that number, unless it is done."""
        known = 0 <= number < len(self.broker.orders)
        order = self.broker.orders[number] if known else None
        return None if order is None or self.broker.seems_done(order) or OrderFlag.ENGINE in order.flags else order

    def _cancel(self, number: int) -> None:
        order = self._find(number)
        if order is None:
            return
        if not order.done:
            order.flags |= OrderFlag.PENDING_CANCEL
        self.broker.happen(order, OrderEvent.CANCEL_REQUEST, self.broker.now)
        self.broker.send(Queued("cancel", order, self.broker.now + self.settings.latency_ns))

    def _replace(self, command: Replace) -> None:
        broker, now = self.broker, self.broker.now
        order = self._find(command.order_id)
        if order is None or order.legs:
            return
        if broker.trading_state is TradingState.HALTED:
            broker.happen(order, OrderEvent.REPLACE_REJECT, now, Reason.TRADING_HALTED)
            return
        if broker.manager and broker.manager.is_unknown(order.order_id):
            broker.happen(order, OrderEvent.REPLACE_REJECT, now, Reason.ORDER_UNKNOWN)
            return
        limit = self._on_tick(order.symbol, command.limit, order.side)
        stop = self._on_tick(order.symbol, command.stop, -rises(order))
        tick = broker.scenario.instruments[order.symbol].tick
        if tick and (limit % tick or stop % tick):
            broker.happen(order, OrderEvent.REPLACE_REJECT, now, Reason.OFF_TICK)
            return
        wanted = (
            command.quantity or order.quantity,
            limit if limit and order.limit_price else order.limit_price,
            stop if stop and order.stop_price else order.stop_price,
        )
        trail = (command.trail, command.trail_unit) if order.trail_unit else (0, 0)
        same = wanted == (order.quantity, order.limit_price, order.stop_price)
        same = same and (not trail[0] or trail == (order.trail_offset, order.trail_unit))
        stated = command.quantity, limit if order.limit_price else 0, stop if order.stop_price else 0
        if not any((*stated, trail[0])) or (same and not order.asked):
            broker.happen(order, OrderEvent.REPLACE_REJECT, now, Reason.NOTHING_TO_CHANGE)
            return
        asked = Queued(
            "replace", order, now, wanted[0], limit if order.limit_price else 0, stop if order.stop_price else 0, *trail
        )
        later_stop, later_limit = self.broker.replaced(order, asked)
        over = None if order.done else self.limits.over_on_replace(order, wanted[0] - order.cum_quantity, later_limit, later_stop)
        if over:
            broker.happen(order, OrderEvent.REPLACE_REJECT, now, over[0], over[1:])
            return
        if not order.done:
            order.flags |= OrderFlag.PENDING_REPLACE
        order.asked += 1
        broker.happen(order, OrderEvent.REPLACE_REQUEST, now, shown=wanted)
        broker.send(Queued("replace", order, now + self.settings.latency_ns, *stated, *trail))
