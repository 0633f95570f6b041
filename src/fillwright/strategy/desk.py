"""The desk of one run of a :class:`Strategy`: what its methods reach, and the callback that the kernel calls.

This is the driver for Python strategies and for compiled ones (their ``on_start`` is Python all the same).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from fillwright.config.rates import DURATION_UNITS, duration
from fillwright.config.schema import Config
from fillwright.data.bars import parse_timeframe
from fillwright.data.header import fields_of
from fillwright.data.kinds import Kind
from fillwright.data.market import DAY_NS, Market, suggest
from fillwright.data.zones import check_zone, from_wall, to_wall
from fillwright.errors import StrategyError, UsageError
from fillwright.indicators import Indicator
from fillwright.journal import TRADE_KINDS, Names, Scales, View
from fillwright.kernel import rng
from fillwright.kernel.python_call import python_callback
from fillwright.kernel.state import (
    ON_BARS,
    ON_ORDER_EVENT,
    ON_REPORT,
    ON_SESSION_CLOSE,
    ON_SESSION_OPEN,
    ON_TIMER,
    WANTS_BAR,
    WANTS_BARS,
    WANTS_ORDER_EVENTS,
    WANTS_SESSIONS,
    WANTS_TIMERS,
    State,
)
from fillwright.model.codes import OrderEvent, OrderStatus, ReportKind
from fillwright.model.columns import FILLS, ORDER_EVENTS, TRADE_EVENTS
from fillwright.model.instrument import Currency
from fillwright.order_manager import Order, OrderManager
from fillwright.strategy.base import AFTER_THE_RUN, BEFORE_THE_RUN, CALLBACKS, Strategy
from fillwright.strategy.class_form import class_form, facts_of
from fillwright.strategy.compiled import Compiled, Units, attach_compiled, names_of, states_of
from fillwright.strategy.driver import Preparation, Recall
from fillwright.strategy.recall import NotPlain, Packed, unpack
from fillwright.strategy.source import source_digest
from fillwright.strategy.views import Bars, Clock, History, Position, Series, view_of
from fillwright.strategy.watch import Watch
from fillwright.trades.events import TradeWatch

COLUMNS = ("open", "high", "low", "close", "volume")
DATA_CALLBACKS: dict[Kind, str] = {"bars": "on_bar", "quote_bars": "on_bar", "quotes": "on_quote", "prints": "on_print"}
_TRADE_CALLBACKS = tuple(dict.fromkeys(f"on_{kind}" for kind in TRADE_KINDS.values()))
_NO_FILE = "the strategy asked for a checkpoint and none was taken: run.checkpoint.file names no file"
ANSWERED = {
    OrderStatus.NEW: OrderEvent.ACCEPT,
    OrderStatus.PARTIALLY_FILLED: OrderEvent.RESUME_PART,
    OrderStatus.FILLED: OrderEvent.FILL_ALL,
    OrderStatus.CANCELED: OrderEvent.CANCEL,
    OrderStatus.REJECTED: OrderEvent.REJECT,
    OrderStatus.EXPIRED: OrderEvent.EXPIRE,
}
"""What the broker's answer says has become of an UNKNOWN order."""
_FILL_EVENTS = (int(OrderEvent.FILL_PART), int(OrderEvent.FILL_ALL))


def _in_lots(column: str) -> bool:
    return column == "volume" or column.endswith("size")


def _first_known(values: np.ndarray[Any, Any]) -> int:
    """Index of the first value that is a number; their count where there is none."""
    start, size = 0, 1024
    while start < len(values):
        known = ~np.isnan(values[start : start + size])
        first = int(known.argmax())
        if known[first]:
            return start + first
        start, size = start + size, 2 * size
    return len(values)


class Desk:
    """Driver of one run: a fresh copy of the strategy at a desk of its own."""

    state: State = cast(State, BEFORE_THE_RUN)

    def __init__(self, strategy: Strategy) -> None:
        cls = type(strategy)
        try:
            self.strategy = cls(**strategy.params)
        except TypeError as error:
            raise UsageError(
                f"{cls.__name__} cannot be made afresh from its parameters: {error}",
                remedy="declare parameters with fw.param(...) instead of an own __init__",
            ) from error
        self.name = cls.__name__
        self.error: BaseException | None = None
        self.notes: list[str] = []
        self.wants_checkpoint = False
        self._recalled: Recall | None = None
        self._watch: Watch | None = None
        self._trades: TradeWatch | None = None
        self._timers: list[tuple[np.ndarray[Any, Any], Callable[[], object]]] = []
        self._started = False
        self._lookbacks: list[tuple[int, int]] = []

    def describe(self) -> dict[str, Any]:
        """Kind, name, parameters, and a digest of the strategy's source and local imports."""
        subject: Any = type(self.strategy)
        functions = [getattr(subject, name, None) for name in ("on_bar", "on_bars")]
        compiled = any(isinstance(function, Compiled) for function in functions) or class_form(subject) is not None
        return {
            "kind": "strategy",
            "name": self.name,
            "compiled": compiled,
            "params": {name: str(value) for name, value in sorted(self.strategy.params.items())},
            "source": source_digest(subject),
        }

    @property
    def tags(self) -> list[str]:
        """Tags of its orders, by their codes."""
        return self._names_used()[0]

    @property
    def rules(self) -> list[str]:
        """Rule ids of its orders, by their codes."""
        return self._names_used()[1]

    def _names_used(self) -> tuple[list[str], list[str]]:
        if "_manager" not in vars(self):
            return [], []
        return names_of(self.state) or (self._manager.tags, self._manager.rules)

    # -- before the run --------------------------------------------------------------------------------------------------

    def prepare(self, market: Market, config: Config) -> Preparation:
        """Call ``on_start`` and gather its indicators, look-backs and timers."""
        self.market = market
        self.config = config
        self.symbols = tuple(instrument.symbol for instrument in market.instruments)
        self.money_scale = 10**config.account.money_decimals
        self._clock = Clock([view_of(feed, market.instruments[feed.instrument]) for feed in market.feeds])
        self._execution = {feed.symbol: number for number, feed in enumerate(market.feeds) if feed.execution}
        self._bars = Bars(self._clock, self._execution)
        self._histories: dict[tuple[str, str | None], History] = {}
        self._positions: dict[str, Position] = {}
        self.strategy._desk = self
        if hasattr(self.strategy, "on_start"):
            self.strategy.on_start()
        self._started = True
        timers = [times for times, _ in self._timers]
        return Preparation(self._lookbacks, np.unique(np.concatenate(timers)) if timers else None)

    def indicator(self, function: Any, arguments: Sequence[Any], symbol: str | None, timeframe: str | None) -> Series:
        """Compute an indicator on the feeds that are meant; see ``Strategy.indicator``."""
        if self._started:
            raise UsageError("indicators are declared in on_start", remedy="move self.indicator(...) to on_start")
        feeds = [self.feed(symbol, timeframe)] if symbol else [self.feed(name, timeframe) for name in self.symbols]
        if not callable(function):
            return self._handed_in(function, feeds)
        name = getattr(function, "name", getattr(function, "__name__", type(function).__name__))
        arrays = {}
        for feed in feeds:
            arrays[feed] = values = self._compute(function, arguments, feed, name)
            known = _first_known(values)
            if known < len(values):
                self._lookbacks.append((feed, known + 1))
        shown = ", ".join([name, *(str(a.name if isinstance(a, Series) else a) for a in arguments)])
        return Series(shown, self._clock, arrays, {self.market.feeds[feed].symbol: feed for feed in feeds})

    def _handed_in(self, values: Any, feeds: list[int]) -> Series:
        """An array that was computed beforehand: one value per bar of one feed. It cannot be checked, and the report says so."""
        if len(feeds) > 1:
            raise UsageError("an array belongs to one instrument", remedy="name it: self.indicator(values, symbol=...)")
        array = np.ascontiguousarray(values, np.float64)
        bars = len(self.market.feeds[feeds[0]])
        if array.shape != (bars,):
            raise UsageError(f"the array has shape {array.shape}, the feed has {bars} bars", remedy="give one value per bar")
        symbol = self.market.feeds[feeds[0]].symbol
        self.notes.append(f"an array was handed in as an indicator of {symbol}: whether it looks ahead cannot be checked")
        known = _first_known(array)
        if known < bars:
            self._lookbacks.append((feeds[0], known + 1))
        return Series("array", self._clock, {feeds[0]: array}, {symbol: feeds[0]})

    def _compute(self, function: Callable[..., Any], arguments: Sequence[Any], feed: int, name: str) -> np.ndarray[Any, Any]:
        data = self.market.feeds[feed]
        instrument = self.market.instruments[data.instrument]
        plain = all(not isinstance(argument, Series) for argument in arguments)
        if isinstance(function, Indicator) and plain:
            texts = [argument for argument in arguments if isinstance(argument, str)]
            numbers = [argument for argument in arguments if not isinstance(argument, str)]
            wanted = dict(zip(function.inputs, texts, strict=False)) if texts else {key: key for key in function.inputs}
            columns = {key: self._column(feed, column) for key, column in wanted.items()}
            scale = instrument.quantity_scale if any(map(_in_lots, wanted.values())) else instrument.price_scale
            return function.compute(columns, scale, *numbers)
        inputs = [self._float_argument(argument, feed) for argument in arguments]
        values = self._call(function, inputs, name)
        if not isinstance(function, Indicator):
            self.check_prefixes(function, inputs, values, name)
        return values

    def _column(self, feed: int, column: str) -> np.ndarray[Any, Any]:
        data = self.market.feeds[feed]
        known = (*COLUMNS, *fields_of(data.kind)) if data.kind != "bars" else COLUMNS
        if column not in known:
            raise UsageError(f"no column {column!r}", remedy=suggest(column, known, "columns"))
        values = data.column(column)
        if values is None:
            raise UsageError(f"{data.symbol} has no {column} data")
        return values

    def _float_argument(self, argument: Any, feed: int) -> Any:
        if isinstance(argument, Series):
            return argument._arrays[feed]
        if isinstance(argument, str):
            instrument = self.market.instruments[self.market.feeds[feed].instrument]
            scale = instrument.quantity_scale if _in_lots(argument) else instrument.price_scale
            return self._column(feed, argument) / scale
        return argument

    @staticmethod
    def _call(function: Callable[..., Any], inputs: list[Any], name: str) -> np.ndarray[Any, Any]:
        lengths = [len(value) for value in inputs if isinstance(value, np.ndarray)]
        try:
            values = np.ascontiguousarray(function(*inputs), np.float64)
        except Exception as error:
            raise StrategyError(f"indicator {name} raised {type(error).__name__}: {error}", where="on_start") from error
        if not lengths or values.shape != (lengths[0],):
            raise UsageError(
                f"indicator {name} gave shape {values.shape} for {lengths[0] if lengths else 'no'} bars",
                remedy="an indicator is a function of whole arrays that returns one value per bar",
            )
        return values

    def check_prefixes(self, function: Callable[..., Any], inputs: list[Any], values: np.ndarray[Any, Any], name: str) -> None:
        """A value may depend on earlier bars only: three prefixes computed anew must agree bit for bit."""
        n = len(values)
        for draw in range(3):
            length = 1 + int(rng.uniform(self.config.run.seed, 2, draw, n) * (n - 1))
            shorter = [value[:length] if isinstance(value, np.ndarray) else value for value in inputs]
            again = self._call(function, shorter, name)
            differs = np.flatnonzero(again.view(np.int64) != values[:length].view(np.int64))
            differs = differs[~(np.isnan(again[differs]) & np.isnan(values[:length][differs]))]
            if len(differs):
                at = int(differs[0])
                raise StrategyError(
                    f"indicator {name} looks ahead: with {length} of {n} bars its value at bar {at} is {again[at]:g}, "
                    f"with all of them {values[at]:g}",
                    where="on_start",
                    remedy="compute it from earlier bars only",
                )

    def at(self, time: str, function: Callable[[], object], timezone: str | None) -> None:
        """See ``Strategy.at``."""
        self._must_be_starting("at")
        parts = time.split(":")
        limits = (24, 60, 60)
        if len(parts) not in (2, 3) or not all(part.isdecimal() and int(part) < limit for part, limit in zip(parts, limits)):
            raise UsageError(f"no time of day: {time!r}", remedy='write it as "15:45"')
        seconds = sum(int(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
        zone = check_zone(timezone or self.market.instruments[0].timezone)
        walls = to_wall(self.market.instants[[0, -1]], zone)
        days = np.arange(walls[0] // DAY_NS, walls[1] // DAY_NS + 1)
        times, *_ = from_wall(days * DAY_NS + seconds * DURATION_UNITS["s"], zone)
        self._timers.append((times, function))

    def every(self, interval: str, function: Callable[[], object]) -> None:
        """See ``Strategy.every``."""
        self._must_be_starting("every")
        try:
            step = duration(interval)
        except ValueError as error:
            raise UsageError(f"interval {interval!r} {error}", remedy='write it as "5min"') from None
        first, last = int(self.market.instants[0]), int(self.market.instants[-1])
        if step <= 0 or (last - first) // step > 50_000_000:
            raise UsageError(f"interval {interval!r} is too short for this data")
        self._timers.append((np.arange(-(-first // step) * step, last + 1, step, dtype=np.int64), function))

    def _must_be_starting(self, name: str) -> None:
        if self._started:
            raise UsageError(f"timers are declared in on_start, not later: self.{name}", remedy="move it to on_start")

    # -- checkpoints -----------------------------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """See ``Strategy.checkpoint``."""
        if self.config.run.checkpoint.file is None:
            if _NO_FILE not in self.notes:
                self.notes.append(_NO_FILE)
            return
        self.wants_checkpoint = True
        self.state.scalars["stop_at"] = 0  # the kernel returns after this instant

    def watch(self) -> None:
        """Note what ``on_start`` left behind."""
        self._watch = Watch(self.strategy, [function for _, function in self._timers])

    def recall(self) -> Recall:
        """Declared state as plain values, and the names of what is kept beside it."""
        assert self._watch is not None, "recall without watch"
        found = Recall(list(self.tags), list(self.rules), list(self.notes), feed=self._clock.feed, kept=self._watch.kept())
        values = {name: getattr(self.strategy, name) for name in type(self.strategy)._states} | states_of(self.state)
        packed = Packed(found.arrays)
        for name, value in values.items():
            try:
                found.states[name] = packed.pack(value)
            except NotPlain as what:
                found.kept.append(f"{name} ({what})")
        return found

    def restore(self, recall: Recall) -> None:
        """Begin with what a checkpoint holds once the order manager is there."""
        self._recalled = recall

    def _begin_with(self, recall: Recall) -> None:
        self._manager.know(recall.tags, recall.rules)
        self.notes += [note for note in recall.notes if note not in self.notes]
        self._clock.feed = recall.feed
        self._clock.bar = self._clock.bars[recall.feed]
        for name, plain in recall.states.items():
            if name in type(self.strategy)._states:
                setattr(self.strategy, name, unpack(plain, recall.arrays, lambda number: Order(self._manager, number)))

    @property
    def orders(self) -> OrderManager:
        """The order manager of the run."""
        return self._manager

    # -- in the run ------------------------------------------------------------------------------------------------------

    def attach(self, state: State) -> Callable[..., Any]:
        """Open the order manager, wake the strategy up for what it wants, and hand the kernel its callback."""
        self.state = state
        self._clock.state = state
        manager = OrderManager(state, self.market.instruments, self.config)
        self._manager = self.strategy._orders = manager
        if self._recalled is not None:
            self._begin_with(self._recalled)
        cls = type(self.strategy)
        on_bar = getattr(cls, "on_bar", None)
        on_bars = getattr(cls, "on_bars", None)
        written = {name for name in CALLBACKS if hasattr(cls, name)}
        form = class_form(cls)
        if isinstance(on_bar, Compiled) or isinstance(on_bars, Compiled) or form is not None:
            others = sorted(written - {"on_start", "on_bar", "on_bars", "on_stop"}) + ["timers"] * bool(self._timers)
            if others:
                raise UsageError(
                    f"{cls.__name__} is compiled and has {', '.join(others)}, which would never be called",
                    remedy="leave @fw.compiled out, or do without them",
                )
            function = on_bar or on_bars if form is None else form.given(facts_of(self.strategy, form, self.market, self.config))
            return self._attach_compiled(state, function, on_bars is not None)
        handlers = self._handlers()
        state.feeds["silent"][: len(handlers)] = [handler is None for handler in handlers]
        mask = WANTS_BAR if written & set(DATA_CALLBACKS.values()) else 0
        mask |= WANTS_BARS if "on_bars" in written else 0
        mask |= WANTS_ORDER_EVENTS if written & {"on_order", "on_fill", *_TRADE_CALLBACKS} else 0
        self._trades = TradeWatch() if written & set(_TRADE_CALLBACKS) else None
        mask |= WANTS_SESSIONS if written & {"on_session_open", "on_session_close"} else 0
        mask |= WANTS_TIMERS if self._timers else 0
        state.scalars["mask"] = mask
        return python_callback(state, self._callback(mask, handlers))

    def _handlers(self) -> list[Callable[[Any], object] | None]:
        """What each feed is handed to; UsageError where data callbacks are written and none of them would ever be called."""
        handlers = [getattr(self.strategy, DATA_CALLBACKS[feed.kind], None) for feed in self.market.feeds]
        written = sorted({name for name in DATA_CALLBACKS.values() if hasattr(self.strategy, name)})
        if written and not any(handlers):
            kinds = ", ".join(sorted({feed.rows_word for feed in self.market.feeds}))
            raise UsageError(
                f"{self.name}.{written[0]} would never be called: the market has {kinds}",
                remedy=f"write {DATA_CALLBACKS[self.market.feeds[0].kind]}",
            )
        return handlers

    def _attach_compiled(self, state: State, function: Any, on_bars: bool) -> Callable[..., Any]:
        indicators: dict[str, list[Any]] = {}
        for name, value in vars(self.strategy).items():
            if isinstance(value, Series):
                indicators[name] = [value._arrays.get(feed) for feed in range(len(self.market.feeds))]
        states = {name: getattr(self.strategy, name) for name in type(self.strategy)._states}
        state.scalars["t_tif"] = self._manager._tif
        units = Units(self.symbols, self.config.account.money_decimals, tuple(self._manager.tags), tuple(self._manager.rules))
        return attach_compiled(state, function, self.strategy.params, states, indicators, on_bars, units)

    def _callback(self, mask: int, handlers: Sequence[Callable[[Any], object] | None]) -> Callable[[int, int], int]:
        """The function that the kernel calls: an exception is kept and stops the run at this instant."""
        bars, clock = self._clock.bars, self._clock
        if mask == WANTS_BAR and len(bars) == 1 and handlers[0] is not None:
            only, on_bar = bars[0], handlers[0]

            def one_feed(feed: int, row: int) -> int:
                try:
                    only._row = row
                    on_bar(only)
                except BaseException as error:
                    self.error = error
                    return 1
                return 0

            return one_feed

        def any_kind(kind: int, index: int) -> int:
            try:
                if kind >= 0:
                    bar = bars[kind]
                    bar._row = index
                    clock.bar = bar
                    clock.feed = kind
                    handlers[kind](bar)  # type: ignore[misc]
                else:
                    self._other(kind, index)
            except BaseException as error:
                self.error = error
                return 1
            return 0

        return any_kind

    def _other(self, kind: int, index: int) -> None:
        """Everything that is not one bar."""
        strategy: Any = self.strategy
        self._clock.row(0)  # series of a market with one feed read their row from its bar
        if kind == ON_BARS:
            self._bars._now = self._events_at(index)
            strategy.on_bars(self._bars)
        elif kind == ON_ORDER_EVENT:
            self._order_event(self.state.tables["order_events"][index], index, index + 1)
        elif kind == ON_REPORT:
            self._report(index)
        elif kind == ON_TIMER:
            now = int(self.state.scalars["now"])
            for times, function in self._timers:
                at = int(np.searchsorted(times, now))
                if at < len(times) and times[at] == now:
                    function()
        elif kind == ON_SESSION_OPEN and hasattr(strategy, "on_session_open"):
            strategy.on_session_open(self.symbols[index])
        elif kind == ON_SESSION_CLOSE and hasattr(strategy, "on_session_close"):
            strategy.on_session_close(self.symbols[index])

    def _events_at(self, instant: int) -> Sequence[int]:
        """Feeds with a bar at an instant of the run."""
        offsets = self.state.kept[1]
        return self.market.event_feed[offsets[instant] : offsets[instant + 1]]  # type: ignore[return-value]

    def _report(self, index: int) -> None:
        """An entry of the order manager's log, as the event that it is for the strategy: with the states that were known.

        Of trades it tells once it has heard of their fill, or of something later.
        """
        report = self.state.tables["reports"][index]
        kind, row = int(report["kind"]), int(report["order_event"])
        known = int(self.state.tables["told"][int(report["order_id"])]["event"]) if row < 0 else row
        record = self.state.tables["order_events"][known].copy()
        for name in ("instant", "status_before", "status"):
            record[name] = report[name]
        if kind in (ReportKind.LOST, ReportKind.ANSWER):
            record["event"] = OrderEvent.LOSE if row < 0 else ANSWERED[OrderStatus(int(report["status"]))]
            record["fill_id"] = -1
        first = 0
        if self._trades is not None:  # a run that goes on has told of what was heard before
            first = self._trades.seen or int(self.state.tables["reports"]["order_event"][:index].max(initial=-1)) + 1
        self._order_event(record, first, max(row + 1, first))

    def _order_event(self, record: Any, first: int, last: int) -> None:
        """Call the strategy with an event, and with what the events from ``first`` up to ``last`` mean for trades."""
        strategy: Any = self.strategy
        number = int(record["order_id"])
        symbol = int(self.state.tables["orders"][number]["symbol"])
        names = Names((self.name,), self.symbols, tuple(self.tags), tuple(self.rules))
        scales = self._scales()
        if hasattr(strategy, "on_order"):
            strategy.on_order(Order(self._manager, number), View(ORDER_EVENTS, record, names, scales, symbol))
        fill_id = int(record["fill_id"])  # the broker's answer to a question may be FILLED, and names no fill
        if int(record["event"]) in _FILL_EVENTS and fill_id >= 0 and hasattr(strategy, "on_fill"):
            strategy.on_fill(View(FILLS, self.state.tables["fills"][fill_id], names, scales, symbol))
        if self._trades is not None:
            for news in self._trades.see(self.state.tables, first, last):
                callback = getattr(strategy, f"on_{TRADE_KINDS[int(news['event'])]}", None)
                if callback is not None:
                    callback(View(TRADE_EVENTS, news, names, scales))

    def _scales(self) -> Scales:
        instruments = self.market.instruments
        decimals = self.config.account.money_decimals
        codes = dict.fromkeys([self.config.account.currency, *(instrument.quote for instrument in instruments)])
        return Scales.of(instruments, [Currency(code, decimals) for code in codes])

    def stop(self) -> None:
        """Call ``on_stop``."""
        self.strategy._orders = cast(OrderManager, AFTER_THE_RUN)
        for position in self._positions.values():
            position._orders = self.strategy._orders
        if hasattr(self.strategy, "on_stop"):
            for name, value in states_of(self.state).items():  # of a compiled strategy, whose state lived in the run's memory
                setattr(self.strategy, name, value)
            self.strategy.on_stop()
            if self.wants_checkpoint:
                self.notes.append("the strategy asked for a checkpoint in on_stop and none was taken: the run was over")

    def release(self) -> None:
        """Let go of the run's memory and of the strategy's hold on this desk: a result is freed when its user drops it."""
        if hasattr(self, "_clock"):
            self._clock.state = None
        self._timers.clear()
        self._watch = self._recalled = None
        for name in ("_desk", "_orders"):
            vars(self.strategy).pop(name, None)
        for name in ("state", "_manager", "_positions"):
            vars(self).pop(name, None)

    # -- what the strategy's methods reach -------------------------------------------------------------------------------

    def feed(self, symbol: str, timeframe: str | None) -> int:
        """Number of a feed; UsageError naming what there is."""
        index = self.market.instrument_index(symbol)
        if timeframe is None:
            return self._execution[symbol]
        wanted = parse_timeframe(timeframe)
        for number, feed in enumerate(self.market.feeds):
            if feed.instrument == index and feed.timeframe_ns == wanted:
                return number
        there = ", ".join(bar.timeframe for bar in self._clock.bars if bar.symbol == symbol)
        raise UsageError(f"{symbol} has no bars of {timeframe}", remedy=f"it has: {there}")

    def feed_of(self, symbol: str, kind: Kind) -> int:
        """Number of the feed of a kind; UsageError where there is none."""
        index = self.market.instrument_index(symbol)
        for number, feed in enumerate(self.market.feeds):
            if feed.instrument == index and feed.kind == kind:
                return number
        raise UsageError(f"{symbol} has no {kind}", remedy=f"it has: {self.market.execution_feed(index).rows_word}")

    def history(self, symbol: str, timeframe: str | None, kind: Kind | None = None) -> History:
        """History of a feed, made once."""
        key = (symbol, kind or timeframe)
        if key not in self._histories:
            number = self.feed_of(symbol, kind) if kind else self.feed(symbol, timeframe)
            feed = self.market.feeds[number]
            self._histories[key] = History(feed, number, self.market.instruments[feed.instrument], self._clock)
        return self._histories[key]

    def position(self, symbol: str) -> Position:
        """Position in an instrument, one view per run."""
        known = self._positions.get(symbol)
        if known is None:
            index = self.market.instrument_index(symbol)
            decimals = self.config.account.money_decimals
            known = Position(self.strategy._orders, self.state, index, self.market.instruments[index], decimals)
            self._positions[symbol] = known
        return known
