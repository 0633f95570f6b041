"""How bars meet orders in the reference engine: paths, points, segments (§4), positions closed at the end of day or run (§7)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from fillwright.model.codes import (
    BarPath,
    ExitReason,
    Liquidity,
    OrderEvent,
    OrderFlag,
    OrderType,
    Reason,
    Side,
    Stage,
    TimeInForce,
    Trigger,
)
from reference.broker import Broker, Live, Moment, half_even, rises
from reference.legs import Legs
from reference.scenario import RATE, Bar
from reference.sizing import fix_size

MASK = 2**64 - 1
LIMITS = (
    OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED, OrderType.LIMIT_ON_OPEN,
    OrderType.LIMIT_ON_CLOSE,
)  # fmt: skip
WAITING = (
    OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT, OrderType.MARKET_IF_TOUCHED,
    OrderType.LIMIT_IF_TOUCHED,
)  # fmt: skip
AUCTIONS = (TimeInForce.OPG, TimeInForce.CLS)


def mix(x: int) -> int:
    """SplitMix64."""
    z = (x + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def uniform(seed: int, *keys: int) -> float:
    """A number in [0, 1) that depends on the seed and the keys only."""
    h = mix(seed & MASK)
    for key in keys:
        h = mix(h ^ (key & MASK))
    return (h >> 11) / 2**53


def chance_of_high_first(bar: Bar) -> float:
    """Probability that a Brownian path visited the high before the low."""
    size, change = bar.high - bar.low, bar.close - bar.open
    variance = size**2 / (4 * math.log(2))

    def weight(distance: int) -> float:
        return (distance**2 / variance - 1) * math.exp(-(distance**2) / (2 * variance))

    a, b = weight(2 * size + change), weight(2 * size - change)
    return a / (a + b)


def middles(bar: Bar) -> Bar:
    """The bar whose direction and reach decide the path: of a quote bar the sum of bid and ask."""
    if not bar.is_quoted:
        return bar
    prices = zip((bar.open, bar.high, bar.low, bar.close), bar.ask, strict=True)
    return Bar(bar.open_time, bar.close_time, *(bid + ask for bid, ask in prices))


@dataclass
class Matching:
    """Matches the orders of the broker with the bars of one instant."""

    broker: Broker
    bars: dict[int, Bar] = field(default_factory=dict)  # instrument -> bar that closes now
    moments: dict[int, Bar] = field(default_factory=dict)  # instrument -> quote or print of now
    taken: dict[int, BarPath] = field(default_factory=dict)  # path of each of them

    def __post_init__(self) -> None:
        self.legs = Legs(self)

    def begin(self, bars: dict[int, Bar]) -> None:
        """Take up the bars of an instant: what they offer, and the way they went."""
        self.bars = {instrument: bar for instrument, bar in bars.items() if not bar.is_moment}
        self.moments = {instrument: bar for instrument, bar in bars.items() if bar.is_moment}
        participation = self.broker.settings.participation
        for instrument, bar in bars.items():
            capped = bar.volume is not None and participation is not None
            self.broker.offered[instrument] = bar.volume * participation // RATE if capped else None
        self.taken = {instrument: self.path(instrument, middles(bar)) for instrument, bar in self.bars.items()}

    # ---------------------------------------------------------------- paths

    def path(self, instrument: int, bar: Bar) -> BarPath:
        """The path that a bar takes: high first, low first or none."""
        kind = self.broker.settings.path
        if kind is BarPath.CLOSE_ONLY:
            return kind
        return BarPath.OPEN_HIGH_LOW_CLOSE if self._high_first(kind, instrument, bar) else BarPath.OPEN_LOW_HIGH_CLOSE

    def _high_first(self, kind: BarPath, instrument: int, bar: Bar) -> bool:
        direction = bar.close < bar.open
        if kind is BarPath.NEAREST:
            up, down = bar.high - bar.open, bar.open - bar.low
            return direction if up == down else up < down
        if kind is BarPath.OPEN_HIGH_LOW_CLOSE:
            return True
        if kind is BarPath.OPEN_LOW_HIGH_CLOSE:
            return False
        if kind in (BarPath.WORST, BarPath.BEST):
            worst = self._worst(instrument)
            return direction if worst is None else worst if kind is BarPath.WORST else not worst
        if kind is BarPath.PROBABILISTIC and bar.high > bar.low:
            return uniform(self.broker.settings.seed, 1, instrument, bar.open_time) < chance_of_high_first(bar)
        return direction

    def _worst(self, instrument: int) -> bool | None:
        """Whether the high first is worse; None if there is neither position nor order."""
        position = self.broker.books.position(instrument)
        if position:
            return position < 0
        for order in self.broker.working:
            if order.symbol == instrument and not order.done and not order.held:
                return order.side == Side.BUY
        return None

    # ---------------------------------------------------------------- passes

    def match(self) -> None:
        """All stages over all bars of the instant."""
        if not any(not order.done for order in self.broker.working):
            return
        close_only = self.broker.settings.path is BarPath.CLOSE_ONLY
        for instrument, bar in self.bars.items():
            self.broker.books.marks[instrument] = self.broker.mark_of(instrument, bar, 3 if close_only else 0)
        self.legs.match(Stage.OPEN, self.broker.now)
        if close_only:
            self._pass_point(Stage.CLOSE, 3, self._may_meet_first)
            self._auction_at_close()
            return
        self._pass_point(Stage.OPEN, 0, self._may_meet_first)
        for stage in (Stage.FIRST, Stage.SECOND, Stage.CLOSE):
            for order in self.walk():
                if self._may_meet(order) and order.tif not in AUCTIONS:
                    bar = self.bars[order.symbol]
                    points = self._points(order, bar)
                    if order.since and order.tif in (TimeInForce.IOC, TimeInForce.FOK):  # these wait for a point
                        order.since = 0
                        continue
                    start, order.since = order.since or points[stage - 1], 0
                    self._on_segment(order, start, points[stage], self.moment(order, stage))
        self._auction_at_close()

    def _auction_at_close(self) -> None:
        """Orders on close meet the close of the last bar of their day."""
        closes = {i for i, bar in self.bars.items() if bar.day_last}
        self._pass_point(
            Stage.FLAT_AT, 3, lambda order: order.symbol in closes and self._may_meet(order) and order.tif == TimeInForce.CLS
        )

    # ---------------------------------------------------------------- quotes and prints

    def match_moments(self) -> None:
        """Orders meet the quotes and prints that come now."""
        for instrument, quote in self.moments.items():
            if quote.is_quoted:
                self.broker.stands(instrument, quote)
            self.broker.books.marks[instrument] = self.broker.mark_of(instrument, quote, 3)
        self._pass_point(Stage.QUOTE, 3, self._may_meet_moment, bars=self.moments)
        self.legs.match(Stage.QUOTE, self.broker.now)

    def _may_meet_moment(self, order: Live) -> bool:
        quote = self.moments.get(order.symbol)
        if quote is None or order.done or order.apart or order.arrived_at > quote.close_time:
            return False
        feed = self.broker.scenario.bars[order.symbol]
        number = next(n for n, row in enumerate(feed) if row is quote)
        if order.tif == TimeInForce.CLS:
            return quote.day_last
        return order.tif != TimeInForce.OPG or number == 0 or feed[number - 1].day_last

    def meet_standing(self, time: int) -> None:
        """Orders that have met nothing yet meet the quote that stands, if it is young enough."""
        standing, oldest = self.broker.standing, self.broker.settings.max_age

        def may_meet(order: Live) -> bool:
            quote = standing.get(order.symbol)
            age = -1 if quote is None else time - quote.bar.close_time  # one that came later stands for later commands only
            fresh = age >= 0 and (oldest is None or age <= oldest)
            return fresh and not order.met and not order.done and not order.apart and order.tif not in AUCTIONS

        quotes = {instrument: quote.bar for instrument, quote in standing.items()}
        self._pass_point(Stage.STANDING, 3, may_meet, bars=quotes, time=time)
        self.legs.match(Stage.STANDING, time)

    def _may_meet_first(self, order: Live) -> bool:
        """Whether an order meets the first point of its bar: one on open that of the first bar of a day only."""
        if not self._may_meet(order) or order.tif == TimeInForce.CLS:
            return False
        feed = self.broker.scenario.bars[order.symbol]
        number = next(n for n, row in enumerate(feed) if row is self.bars[order.symbol])
        return order.tif != TimeInForce.OPG or number == 0 or feed[number - 1].day_last

    def look_ahead(self) -> None:
        """Orders that arrived at this instant meet the close of the bar that was just shown."""
        self._pass_point(Stage.CLOSE, 3, self._just_arrived, ahead=True)

    def _may_meet(self, order: Live) -> bool:
        bar = self.bars.get(order.symbol)
        return bar is not None and not order.done and not order.apart and order.arrived_at <= bar.open_time

    def _just_arrived(self, order: Live) -> bool:
        here = order.symbol in self.bars and order.arrived_at == self.broker.now and not self.bars[order.symbol].is_quoted
        return here and not order.done and not order.apart and not order.met and order.tif not in AUCTIONS

    def _points(self, order: Live, bar: Bar) -> list[int]:
        high_first = self.taken[order.symbol] is BarPath.OPEN_HIGH_LOW_CLOSE
        opens, high, low, close = bar.of_side(order.side)
        return [opens, high, low, close] if high_first else [opens, low, high, close]

    def moment(self, order: Live, stage: Stage, ahead: bool = False) -> Moment:
        if stage is Stage.QUOTE:
            quote = self.moments[order.symbol]
            return Moment(quote, Stage.QUOTE if quote.is_quoted else Stage.PRINT, BarPath.CLOSE_ONLY, quote.close_time, False)
        bar = self.bars[order.symbol]
        path = BarPath.CLOSE_ONLY if ahead else self.taken[order.symbol]
        on_segment = stage in (Stage.FIRST, Stage.SECOND, Stage.CLOSE) and path is not BarPath.CLOSE_ONLY
        time = bar.open_time if stage is Stage.OPEN else bar.close_time
        return Moment(bar, stage, path, time, on_segment)

    def _pass_point(
        self, stage: Stage, column: int, may_meet: Callable[[Live], bool], ahead: bool = False,
        bars: dict[int, Bar] | None = None, time: int = 0,
    ) -> None:  # fmt: skip
        """All orders that may meet one price of each bar: column 0 its open, 3 its close."""
        remainders: list[tuple[Live, int]] = []
        for order in self.walk():
            if not may_meet(order):
                continue
            if stage is Stage.STANDING:
                quote = self.broker.standing[order.symbol].bar
                moment = Moment(replace(quote, open_time=quote.close_time), stage, BarPath.CLOSE_ONLY, time, False)
            else:
                moment = self.moment(order, stage, ahead)
            first = not order.met
            self._at_point(order, (bars or self.bars)[order.symbol].of_side(order.side)[column], moment)
            order.met, order.since = True, 0
            if first and order.tif == TimeInForce.FOK and not order.done:
                self.broker.happen(order, OrderEvent.CANCEL, moment.time, Reason.FOK_NOT_FILLABLE)
            if (first and order.tif == TimeInForce.IOC) or order.tif in AUCTIONS:
                remainders.append((order, moment.time))
        for order, time in remainders:
            if order.done:
                continue
            if order.tif in AUCTIONS:
                self.broker.happen(order, OrderEvent.EXPIRE, time, Reason.AUCTION_OVER)
            else:
                self.broker.happen(order, OrderEvent.CANCEL, time, Reason.IOC_REMAINDER)

    def walk(self) -> Iterator[Live]:
        """The working list from its beginning; what is put at its end meanwhile is reached, once more if it has been before."""
        broker = self.broker
        broker.next = 0
        while broker.next < len(broker.working):
            broker.next += 1
            yield broker.working[broker.next - 1]

    # ---------------------------------------------------------------- points and segments

    def _at_point(self, order: Live, price: int, moment: Moment) -> None:
        side = order.side  # for a sell every comparison is mirrored: both sides are multiplied by -1
        waits = order.type in WAITING and not order.triggered
        if waits:
            seen = moment.middle if self.broker.settings.trigger is Trigger.MID and moment.middle else price
            if rises(order) * seen < rises(order) * order.stop_price:
                if order.trail_unit:
                    self.broker.trail(order, seen)
                return
            self._trigger(order, moment)
        if order.type not in LIMITS:
            self._trade(order, price, Liquidity.TAKER, moment)
        elif waits or not order.met:
            if side * price <= side * order.limit_price:
                self._trade(order, price, Liquidity.TAKER, moment)
        elif side * price <= side * order.limit_price - self._through(order):
            self._trade(order, order.limit_price if moment.bar.is_moment else price, Liquidity.MAKER, moment)

    def _on_segment(self, order: Live, start: int, end: int, moment: Moment) -> None:
        side = order.side
        towards = side * (end - start)  # > 0: up for a buy, down for a sell
        if order.type in WAITING and not order.triggered:
            way = rises(order)
            if way * (end - start) > 0 and way * end >= way * order.stop_price:
                self._trigger(order, moment)
                price = way * max(way * order.stop_price, way * start)
                if order.type not in LIMITS or side * price <= side * order.limit_price:
                    self._trade(order, price, Liquidity.TAKER, moment)
                elif order.type == OrderType.LIMIT_IF_TOUCHED:  # the rest of the segment goes on toward its limit
                    self._on_segment(order, price, end, moment)
            elif order.trail_unit and towards < 0:
                self.broker.trail(order, end)
        elif order.type in LIMITS and towards < 0 and side * end <= side * order.limit_price - self._through(order):
            price = side * min(side * order.limit_price, side * start)
            self._trade(order, price, Liquidity.MAKER, moment)

    def _through(self, order: Live) -> int:
        through = self.broker.settings.limit_through
        return through[order.symbol] if through else 0

    def _trigger(self, order: Live, moment: Moment) -> None:
        order.flags |= OrderFlag.TRIGGERED
        self.broker.happen(order, OrderEvent.TRIGGER, moment.time)

    def _trade(self, order: Live, price: int, liquidity: Liquidity, moment: Moment) -> None:
        if OrderFlag.POST_ONLY in order.flags and liquidity is Liquidity.TAKER:
            event = OrderEvent.CANCEL if order.cum_quantity else OrderEvent.REJECT
            self.broker.happen(order, event, moment.time, Reason.WOULD_TAKE)
            return
        left = self.broker.left(order, moment)
        if OrderFlag.SIZED_AT_FILL in order.flags and left != 0:
            steps = self.broker.price_steps(order, price, liquidity, moment)
            if not moment.in_hand:
                self.broker.books.marks[order.symbol] = steps["reference_price"]
            if not fix_size(self.broker, order, steps["price"], moment.time):
                return
        if not self.broker.fit_to_position(order, moment.time):
            return
        wanted = min(order.leaves, order.shown) if order.display_quantity and liquidity is Liquidity.MAKER else order.leaves
        lots = wanted if left is None else min(wanted, left)
        if lots == 0 or (order.tif == TimeInForce.FOK and lots < order.leaves):
            return
        self.broker.fill(order, lots, price, liquidity, moment)

    # ---------------------------------------------------------------- flat_at, §7

    def flat_at(self, last_of_feed: dict[int, bool]) -> None:
        """Close positions at the last close of the run or of the day."""
        settings, broker = self.broker.settings, self.broker
        for instrument, bar in sorted((self.bars | self.moments).items()):
            run_end = settings.flat_run_end and last_of_feed[instrument]
            if not run_end and not (settings.flat_day_end and bar.day_last):
                continue
            if broker.books.position(instrument) == 0:
                continue
            why = ExitReason.END_OF_RUN if run_end else ExitReason.END_OF_DAY
            decision = bar.open if not bar.is_quoted else half_even(bar.open + bar.ask[0])
            order = broker.engine_order(instrument, OrderType.MARKET_ON_CLOSE, TimeInForce.CLS, why, bar.open_time, decision)
            moment = Moment(bar, Stage.FLAT_AT, self.taken.get(instrument, BarPath.CLOSE_ONLY), bar.close_time, False)
            self._trade(order, bar.of_side(order.side)[3], Liquidity.TAKER, moment)
            if not order.done:
                broker.happen(order, OrderEvent.CANCEL, bar.close_time, Reason.FLAT_AT)
