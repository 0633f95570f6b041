"""The naive reference engine, written from ``docs/execution_rules.md`` alone: slow, obvious, whole numbers only.

``run(scenario)`` gives the journal. Nothing is cached: positions are summed over lots, equity over everything, whenever needed.

Where the page leaves something open, this engine reads it so:

 1. The working list is in order of acceptance. Across instruments that is not always the order of arrival, because a command
    waits for a bar of its instrument that is under way.
 2. Rates change in step 5 only; marks also at the open and at fills.
 3. The held order of a reversal is checked (§2) as if the position were 0.
 4. A pure reduction goes against the position and is not larger than it; an order of 0 lots is none. Prices are moved to
    the tick at the check for it, so orders denied before keep theirs.
 5. Quantities that are not checked for funds count as affordable when an order is shrunk.
 6. Each target of a batch is an intent; they are numbered in the order of the batch.
 7. A REPLACE_REJECT at the request leaves flags alone.
 8. Strategies cannot cancel or replace engine orders. CancelAll asks by order number.
 9. Engine orders are sized in units. decision_price is the bar's open for flat_at, the mark for a liquidation.
10. Target orders are GTC. A target by value or weight without a price is denied with quantity 0 on the side of its sign.
11. ``reported_at`` is the instant.
12. Deposits are one entry per currency at the first instant, without strategy; CASH rows have no symbol, FEES rows have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fillwright.model.codes import DataKind, OrderEvent, OrderFlag, Reason, TimeInForce
from reference.broker import Broker, Queued
from reference.busts import Busts
from reference.desk import Desk
from reference.guard import Guard
from reference.manager import Manager
from reference.matching import Matching
from reference.scenario import Bar, Command, Journal, Scenario


class Reference:
    """One run, instant by instant, in the order of §1."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.broker = Broker(scenario)
        if scenario.settings.faults:
            self.broker.manager = Manager(scenario, self.broker.journal)
        self.desk = Desk(self.broker)
        self.matching = Matching(self.broker)
        self.guard = Guard(self.broker, self.matching)
        self.called = -1
        moments = any(bar.is_moment for feed in scenario.bars for bar in feed)
        assert not moments or scenario.settings.equity_every, "with quotes and prints equity is stored once per interval"
        self.over = [0] * len(scenario.bars)  # bars of each instrument that are over
        self.busts = Busts(self.matching, self.over) if scenario.settings.faults else None
        self.commands: Callable[[int], Iterable[Command]] = lambda now: scenario.flow.get(now, ())

    def run(self) -> Journal:
        """The journal of the whole run."""
        instants = self.scenario.instants
        for currency, money in sorted(self.scenario.settings.initial_cash.items()):
            if money:
                self.broker.books.deposit(currency, money, instants[0])
        for number, instant in enumerate(instants):
            repetition = number - instants.index(instant)
            self.instant(instant, repetition, number >= self.scenario.settings.warmup_instants)
        self.end_of_data()
        return self.journal()

    def instant(self, now: int, repetition: int, callbacks: bool) -> None:
        """Steps 1 to 8."""
        broker, books = self.broker, self.broker.books
        broker.now = now
        bars = self.bars_at(now, repetition)
        self.arrivals()
        self.expire_gtd()
        self.matching.begin(bars)
        self.matching.match()
        self.matching.match_moments()
        self.matching.flat_at({i: bar is self.scenario.bars[i][-1] for i, bar in bars.items()})
        for instrument, bar in bars.items():
            self.over[instrument] += 1
            if bar.kind is DataKind.QUOTE_BARS:
                broker.stands(instrument, bar)
            if bar.kind is not DataKind.BARS:
                books.marks[instrument] = broker.mark_of(instrument, bar, 3)
        self.arrivals()
        self.day_end(bars)
        for instrument, bar in bars.items():
            books.marks[instrument] = broker.mark_of(instrument, bar, 3)
        books.update_rates()
        if self.busts:
            self.busts.next()
        if broker.margin_call():
            self.matching.meet_standing(now)
        self.guard.watch(bars)
        if self.broker.manager:
            self.broker.manager.reports(now, [(c.order.order_id, c.arrived_at) for c in broker.queue], self.engine_orders())
        if self.busts:
            self.busts.mark()
        if callbacks and now != self.called:  # of several instants of one time the first
            self.called = now
            for command in self.commands(now):
                self.desk.carry_out(command)
                if self.broker.manager:
                    self.broker.manager.note(now)
        if broker.looks_ahead:
            self.arrivals()
            self.matching.look_ahead()
        elif any(feed[0].is_quoted for feed in self.scenario.bars):
            self.arrivals()
            books.update_rates()
        if self.broker.manager:
            self.broker.manager.send(now, self.engine_orders())
        if self.busts:
            self.busts.mark()
        self.store(now, books.equity())

    def engine_orders(self) -> set[int]:
        """Numbers of the engine's own orders."""
        return {order.order_id for order in self.broker.orders if OrderFlag.ENGINE in order.flags}

    def store(self, now: int, equity: int) -> None:
        """Keep the equity of the instant, in place of an earlier one of the same interval."""
        self.broker.equity_so_far.append(equity)
        curve, every = self.broker.journal.equity, self.scenario.settings.equity_every
        if every and curve and curve[-1][0] // every == now // every:
            curve.pop()
        curve.append((now, equity))

    def bars_at(self, now: int, repetition: int) -> dict[int, Bar]:
        """The bars that close now, by instrument in market order; of quotes and prints those that come at this repetition."""
        closing = {i: [bar for bar in feed if bar.close_time == now] for i, feed in enumerate(self.scenario.bars)}
        return {i: bars[repetition] for i, bars in closing.items() if repetition < len(bars)}

    # ---------------------------------------------------------------- steps

    def arrivals(self) -> None:
        """Commands that are there and whose instrument has no bar under way; new and changed orders meet the quote that stands."""
        waiting: int | None = None  # time of arrival of orders that have not met it yet
        for command in list(self.broker.queue):
            if command.arrived_at <= self.broker.now and not self.under_way(command):
                if waiting is not None and (command.what != "new" or command.arrived_at != waiting):
                    self.matching.meet_standing(waiting)
                    waiting = None
                self.broker.queue.remove(command)
                self.broker.arrive(command)
                if command.what != "cancel":
                    waiting = command.arrived_at
        if waiting is not None:
            self.matching.meet_standing(waiting)

    def under_way(self, command: Queued) -> bool:
        """Whether the next bar of its instrument opened before the command arrived; or the next quote or print was known by then."""
        feed, over = self.scenario.bars[command.order.symbol], self.over[command.order.symbol]
        if over == len(feed):
            return False
        if feed[over].kind is DataKind.BARS:
            return feed[over].open_time < command.arrived_at
        return feed[over].close_time <= command.arrived_at

    def expire_gtd(self) -> None:
        """GTD orders whose time has passed."""
        for order in list(self.broker.working):
            if not order.done:
                self.broker.expire(order, self.broker.now)

    def day_end(self, bars: dict[int, Bar]) -> None:
        """DAY orders of the instruments whose trading day is over."""
        for instrument, bar in bars.items():
            if not bar.day_last:
                continue
            for order in list(self.broker.working):
                mine = order.symbol == instrument and order.tif == TimeInForce.DAY and not order.done
                if mine and order.arrived_at < bar.close_time:
                    self.broker.happen(order, OrderEvent.EXPIRE, bar.close_time, Reason.DAY_END)

    def end_of_data(self) -> None:
        """Orders that are left at the end: the working ones, then those in flight."""
        left = [*self.broker.working, *(command.order for command in self.broker.queue if command.what == "new")]
        for order in left:
            if not order.done:
                self.broker.happen(order, OrderEvent.EXPIRE, self.broker.now, Reason.END_OF_DATA)
        if self.broker.manager:
            self.broker.manager.finish(self.broker.now, self.engine_orders())

    def journal(self) -> Journal:
        """Everything that happened."""
        journal, books = self.broker.journal, self.broker.books
        journal.orders = [order.row() for order in self.broker.orders]
        journal.positions = {i: books.position(i) for i in books.marks}
        journal.cash = dict(books.cash)
        journal.counters = {"intents": self.desk.intents, "no_change": self.desk.no_change}
        return journal


def run(scenario: Scenario) -> Journal:
    """Run the scenario through the reference engine."""
    return Reference(scenario).run()
