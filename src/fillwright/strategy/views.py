"""What a strategy sees of the market: bars, indicator series and history, each up to now and no further."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from fillwright.data.bars import timeframe_text
from fillwright.data.market import Feed
from fillwright.errors import UsageError
from fillwright.indicators import crossed_above, crossed_below
from fillwright.kernel.state import State
from fillwright.model.instrument import Instrument
from fillwright.order_manager import Number, Order, OrderManager
from fillwright.strategy import questions

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_datetime(time_ns: int) -> datetime:
    """UTC datetime of ns since 1970; what lies below a microsecond is cut off."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


def _memory(array: Any) -> memoryview[Any]:
    """Memory of an array: reading one element of it is faster than of the array."""
    return memoryview(array)


def _one_or_many(found: Any) -> Any:
    """One value as a plain float, which divides, raises and rounds as Python does; more as the array they are."""
    return float(found) if isinstance(found, np.floating) else found


class Bar:
    """The latest bar of one feed. The same object is handed out at every bar: read it, do not keep it.

    ``open high low close`` are floats in quote currency, ``volume`` in units (NaN without volume), ``time`` its close.
    """

    __slots__ = ("_close", "_close_time", "_high", "_lot_scale", "_low", "_open", "_open_time", "_row", "_scale", "_volume",
                 "symbol", "timeframe")  # fmt: skip

    def __init__(self, feed: Feed, instrument: Instrument) -> None:
        self.symbol = feed.symbol
        self.timeframe = timeframe_text(feed.timeframe_ns)
        self._row = -1
        self._scale = instrument.price_scale
        self._lot_scale = instrument.quantity_scale
        self._open, self._high = _memory(feed.open), _memory(feed.high)
        self._low, self._close = _memory(feed.low), _memory(feed.close)
        self._volume = None if feed.volume is None else _memory(feed.volume)
        self._open_time, self._close_time = _memory(feed.open_time), _memory(feed.close_time)

    @property
    def open(self) -> float:
        """First price."""
        return self._open[self._row] / self._scale  # type: ignore[no-any-return]

    @property
    def high(self) -> float:
        """Highest price."""
        return self._high[self._row] / self._scale  # type: ignore[no-any-return]

    @property
    def low(self) -> float:
        """Lowest price."""
        return self._low[self._row] / self._scale  # type: ignore[no-any-return]

    @property
    def close(self) -> float:
        """Last price."""
        return self._close[self._row] / self._scale  # type: ignore[no-any-return]

    @property
    def volume(self) -> float:
        """Traded quantity, NaN where the data have none."""
        return math.nan if self._volume is None else self._volume[self._row] / self._lot_scale

    @property
    def time(self) -> datetime:
        """When it closed (and became known), UTC."""
        return to_datetime(self._close_time[self._row])

    @property
    def open_time(self) -> datetime:
        """When it opened, UTC."""
        return to_datetime(self._open_time[self._row])

    @property
    def time_ns(self) -> int:
        """When it closed, ns UTC."""
        return self._close_time[self._row]  # type: ignore[no-any-return]

    @property
    def index(self) -> int:
        """Its number in the feed, from 0."""
        return self._row

    def __repr__(self) -> str:
        return f"Bar({self.symbol} {self.timeframe} {self.time}: {self.open:g} {self.high:g} {self.low:g} {self.close:g})"


class QuoteBar(Bar):
    """The latest bar of bid and ask of one feed, handed out like a :class:`Bar`, whose prices are the middle.

    ``bid`` and ``ask`` are the last ones, ``bid_size`` and ``ask_size`` what was offered there (NaN where the data have no sizes).
    """

    __slots__ = ("_ask_high", "_ask_low", "_ask_open", "_asks", "_sizes")

    def __init__(self, feed: Feed, instrument: Instrument) -> None:
        super().__init__(feed, instrument)
        self._asks = _memory(feed.ask_close)
        self._ask_open, self._ask_high, self._ask_low = map(_memory, (feed.ask_open, feed.ask_high, feed.ask_low))
        self._sizes = [None if sizes is None else _memory(sizes) for sizes in (feed.bid_size, feed.ask_size)]

    def _middle(self, bids: Any, asks: Any) -> float:
        return (bids[self._row] + asks[self._row]) / (2 * self._scale)  # type: ignore[no-any-return]

    @property
    def open(self) -> float:
        """First middle of bid and ask."""
        return self._middle(self._open, self._ask_open)

    @property
    def high(self) -> float:
        """Middle of the highest bid and the highest ask."""
        return self._middle(self._high, self._ask_high)

    @property
    def low(self) -> float:
        """Middle of the lowest bid and the lowest ask."""
        return self._middle(self._low, self._ask_low)

    @property
    def close(self) -> float:
        """Last middle of bid and ask."""
        return self._middle(self._close, self._asks)

    mid = close

    @property
    def bid(self) -> float:
        """Last bid."""
        return self._close[self._row] / self._scale  # type: ignore[no-any-return]

    @property
    def ask(self) -> float:
        """Last ask."""
        return self._asks[self._row] / self._scale  # type: ignore[no-any-return]

    @property
    def bid_size(self) -> float:
        """Quantity offered at the bid, NaN where the data have none."""
        return math.nan if self._sizes[0] is None else self._sizes[0][self._row] / self._lot_scale

    @property
    def ask_size(self) -> float:
        """Quantity offered at the ask, NaN where the data have none."""
        return math.nan if self._sizes[1] is None else self._sizes[1][self._row] / self._lot_scale

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.symbol} {self.time}: {self.bid:g} {self.ask:g})"


class Print(Bar):
    """The latest trade of the market, handed out like a :class:`Bar`: ``price`` and ``size``."""

    __slots__ = ()

    @property
    def price(self) -> float:
        """Price of the trade."""
        return self._close[self._row] / self._scale  # type: ignore[no-any-return]

    @property
    def size(self) -> float:
        """Quantity traded, NaN where the data have none."""
        return math.nan if self._volume is None else self._volume[self._row] / self._lot_scale

    def __repr__(self) -> str:
        return f"Print({self.symbol} {self.time}: {self.price:g})"


def view_of(feed: Feed, instrument: Instrument) -> Bar:
    """The view that a strategy is handed for the rows of a feed."""
    if feed.ask_close is not None:
        return QuoteBar(feed, instrument)
    return Print(feed, instrument) if feed.kind == "prints" else Bar(feed, instrument)


class _NoBar(Bar):
    """Before the first bar of a feed: all prices are NaN, its index is -1 and its time 1970."""

    __slots__ = ()

    def __init__(self, later: Bar) -> None:
        self.symbol, self.timeframe = later.symbol, later.timeframe
        self._row, self._scale, self._lot_scale = -1, 1, 1
        self._open = self._high = self._low = self._close = self._volume = _memory(np.array([math.nan]))
        self._open_time = self._close_time = _memory(np.zeros(1, np.int64))


class Clock:
    """Where the run stands: the bar in hand, and the latest row of every feed."""

    __slots__ = ("bar", "bars", "feed", "state")

    def __init__(self, bars: Sequence[Bar]) -> None:
        self.bars = tuple(bars)
        self.bar = self.bars[0]
        self.feed = 0
        self.state: State | None = None

    def row(self, feed: int) -> int:
        """Latest row of a feed that is known now, -1 before the first."""
        if self.state is None:
            return -1
        row: int = self.state.feeds[feed]["row"] - 1
        self.bars[feed]._row = row
        return row


class Series:
    """An indicator: one value per bar, seen up to now.

    In ``on_bar`` it means the bar's own instrument; ``series["SPY"]`` means that one. ``series[-1]`` is the value now, ``series[-2]``
    the one before, ``series[-20:]`` an array; comparisons use the value now. NaN until there is enough history; a comparison or
    crossing with NaN is false.
    """

    __slots__ = ("_above", "_above_bits", "_above_of", "_arrays", "_below", "_below_bits", "_below_of", "_clock", "_feeds",
                 "_only", "name")  # fmt: skip

    def __init__(self, name: str, clock: Clock, arrays: Mapping[int, np.ndarray[Any, Any]], feeds: Mapping[str, int]) -> None:
        self.name = name
        self._clock = clock
        self._arrays = dict(arrays)
        self._feeds = dict(feeds)
        self._only: Bar | None = clock.bars[next(iter(arrays))] if len(arrays) == 1 and len(clock.bars) == 1 else None
        self._above: dict[Any, Any] = {}
        self._below: dict[Any, Any] = {}
        self._above_of: Any = None  # against what it was asked last, of one feed only
        self._below_of: Any = None
        self._above_bits: Any = b""
        self._below_bits: Any = b""

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            try:
                feed = self._feeds[key]
            except KeyError:
                raise UsageError(
                    f"{self.name} is not computed for {key!r}", remedy=f"there is: {', '.join(self._feeds)}"
                ) from None
            return Series(self.name, self._clock, {feed: self._arrays[feed]}, {key: feed})
        feed, row = self._here()
        return _one_or_many(self._arrays[feed][: row + 1][key])

    def _here(self) -> tuple[int, int]:
        if self._only is not None:
            return 0, self._only._row
        feed = self._clock.feed if len(self._arrays) > 1 else next(iter(self._arrays))
        if feed not in self._arrays:
            feed = self._feeds[self._clock.bar.symbol]
        return feed, self._clock.row(feed)

    @property
    def value(self) -> float:
        """The value now."""
        feed, row = self._here()
        return float(self._arrays[feed][row]) if row >= 0 else math.nan

    def __float__(self) -> float:
        return self.value

    def __lt__(self, other: Series | float) -> bool:
        return self.value < float(other)

    def __le__(self, other: Series | float) -> bool:
        return self.value <= float(other)

    def __gt__(self, other: Series | float) -> bool:
        return self.value > float(other)

    def __ge__(self, other: Series | float) -> bool:
        return self.value >= float(other)

    def crossed_above(self, other: Series | float) -> bool:
        """Whether it was at or below the other one bar ago and is above now."""
        if other is self._above_of:  # asked before, and there is one feed only: by far the most frequent call of a run
            return self._above_bits[self._only._row]  # type: ignore
        only = self._only
        if only is not None:
            if other not in self._above:
                self._above[other] = self._crossings(other, 0, crossed_above)
            self._above_of, self._above_bits = other, self._above[other]
            return self._above_bits[only._row]  # type: ignore[no-any-return]
        return self._crossed(self._above, other, crossed_above)

    def crossed_below(self, other: Series | float) -> bool:
        """Whether it was at or above the other one bar ago and is below now."""
        if other is self._below_of:  # asked before, and there is one feed only: by far the most frequent call of a run
            return self._below_bits[self._only._row]  # type: ignore
        only = self._only
        if only is not None:
            if other not in self._below:
                self._below[other] = self._crossings(other, 0, crossed_below)
            self._below_of, self._below_bits = other, self._below[other]
            return self._below_bits[only._row]  # type: ignore[no-any-return]
        return self._crossed(self._below, other, crossed_below)

    def _crossed(self, known: dict[Any, Any], other: Series | float, function: Any) -> bool:
        feed, row = self._here()
        key = (other, feed)
        if key not in known:
            known[key] = self._crossings(other, feed, function)
        return bool(row >= 0 and known[key][row])

    def _crossings(self, other: Series | float, feed: int, function: Any) -> Any:
        """Crossings at every bar of a feed, as a view of bools: whole-series work done once."""
        own = self._arrays[feed]
        if isinstance(other, Series):
            if feed not in other._arrays:
                raise UsageError(f"{self.name} and {other.name} are on different feeds", remedy="compare series of one timeframe")
            against: Any = other._arrays[feed]
        else:
            against = np.full(len(own), float(other))
        return _memory(np.ascontiguousarray(function(own, against)))

    def __repr__(self) -> str:
        return f"Series({self.name}: {self.value:g})"


class History:
    """Bars of one feed up to now: ``.close[-20:]`` is a read-only float array that ends with the latest bar."""

    __slots__ = ("_clock", "_feed", "_floats", "_instrument", "_number")

    def __init__(self, feed: Feed, number: int, instrument: Instrument, clock: Clock) -> None:
        self._feed = feed
        self._number = number
        self._instrument = instrument
        self._clock = clock
        self._floats: dict[str, np.ndarray[Any, Any]] = {}

    def __len__(self) -> int:
        return self._clock.row(self._number) + 1

    def _column(self, name: str) -> Past:
        known = self._floats.get(name)
        if known is None:
            values = self._feed.column(name)
            if values is None:
                raise UsageError(f"{self._feed.symbol} has no {name} data")
            in_lots = name == "volume" or name.endswith("size")
            scale = self._instrument.quantity_scale if in_lots else self._instrument.price_scale
            known = self._floats[name] = values / scale
            known.setflags(write=False)
        return Past(known, self._clock, self._number)

    @property
    def open(self) -> Past:
        """First prices."""
        return self._column("open")

    @property
    def high(self) -> Past:
        """Highest prices."""
        return self._column("high")

    @property
    def low(self) -> Past:
        """Lowest prices."""
        return self._column("low")

    @property
    def close(self) -> Past:
        """Last prices."""
        return self._column("close")

    @property
    def volume(self) -> Past:
        """Traded quantities."""
        return self._column("volume")

    @property
    def bid(self) -> Past:
        """Bids, of quotes."""
        return self._column("bid")

    @property
    def ask(self) -> Past:
        """Asks, of quotes."""
        return self._column("ask")

    @property
    def price(self) -> Past:
        """Prices, of prints."""
        return self._column("price")

    @property
    def size(self) -> Past:
        """Sizes, of prints."""
        return self._column("size")

    @property
    def time(self) -> np.ndarray[Any, Any]:
        """Close times up to now, datetime64[ns] UTC."""
        return self._feed.close_time[: len(self)].view("datetime64[ns]")


class Past:
    """A float column that ends now: index and slice it like an array."""

    __slots__ = ("_clock", "_feed", "_values")

    def __init__(self, values: np.ndarray[Any, Any], clock: Clock, feed: int) -> None:
        self._values = values
        self._clock = clock
        self._feed = feed

    def __len__(self) -> int:
        return self._clock.row(self._feed) + 1

    def __getitem__(self, key: Any) -> Any:
        return _one_or_many(self._values[: len(self)][key])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.asarray(self[:], dtype)

    def __repr__(self) -> str:
        return repr(self[:])


class Bars(Mapping[str, Bar]):
    """All instruments at one instant: ``bars["SPY"].close``; iterating gives the symbols that have a bar now."""

    __slots__ = ("_clock", "_feeds", "_now")

    def __init__(self, clock: Clock, feeds: Mapping[str, int]) -> None:
        self._clock = clock
        self._feeds = dict(feeds)
        self._now: Sequence[int] = ()

    def __getitem__(self, symbol: str) -> Bar:
        try:
            feed = self._feeds[symbol]
        except KeyError:
            raise UsageError(
                f"no symbol {symbol!r} in the market", remedy=f"there is: {', '.join(list(self._feeds)[:8])}"
            ) from None
        if self._clock.row(feed) < 0:
            return _NoBar(self._clock.bars[feed])
        return self._clock.bars[feed]

    def __iter__(self) -> Iterator[str]:
        traded = set(self._feeds.values())
        return (self._clock.bars[feed].symbol for feed in self._now if int(feed) in traded)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Position:
    """The position in one instrument, as it is now, and what can be done with it."""

    __slots__ = ("_index", "_instrument", "_money", "_orders", "_state")

    def __init__(self, orders: OrderManager, state: State, index: int, instrument: Instrument, money: int) -> None:
        self._orders = orders
        self._state = state
        self._index = index
        self._instrument = instrument
        self._money = money

    @property
    def quantity(self) -> float:
        """Units, negative when short."""
        return int(self._state.books[self._index]["position"]) / self._instrument.quantity_scale

    @property
    def is_flat(self) -> bool:
        """Whether there is none."""
        return bool(self._state.books[self._index]["position"] == 0)

    @property
    def average_price(self) -> float:
        """Average price of the open lots, NaN when flat."""
        return float(questions.average_price(self._state.address, self._index, self._index))

    @property
    def value(self) -> float:
        """Value at the mark, in quote currency; negative when short."""
        return float(int(self._state.instruments[self._index]["value"]) / 10**self._money)

    @property
    def unrealised(self) -> float:
        """Value minus cost, in quote currency, before fees."""
        cost = int(questions.open_cost(self._state.address, self._index))
        return float((int(self._state.instruments[self._index]["value"]) - cost) / 10**self._money)

    @property
    def bars_held(self) -> int:
        """Bars since its oldest open lot, 0 when flat."""
        return int(questions.bars_held(self._state.address, self._index, self._index))

    def open(
        self, quantity: Number | None = None, *, value: Number | None = None, weight: Number | None = None,
        limit: Number | None = None, tag: str | None = None, rule_id: str | None = None,
    ) -> Order:  # fmt: skip
        """Open it, long or (negative) short, where there is none: see :meth:`OrderManager.open`."""
        symbol = self._instrument.symbol
        return self._orders.open(symbol, quantity, value=value, weight=weight, limit=limit, tag=tag, rule_id=rule_id)

    def add(
        self, quantity: Number | None = None, *, value: Number | None = None, weight: Number | None = None,
        limit: Number | None = None, tag: str | None = None, rule_id: str | None = None,
    ) -> Order:  # fmt: skip
        """Make it larger on the side it has: see :meth:`OrderManager.add`."""
        symbol = self._instrument.symbol
        return self._orders.add(symbol, quantity, value=value, weight=weight, limit=limit, tag=tag, rule_id=rule_id)

    def reduce(
        self, quantity: Number, *, limit: Number | None = None, stop: Number | None = None, tag: str | None = None,
        rule_id: str | None = None,
    ) -> Order:  # fmt: skip
        """Make it smaller, to zero at most: see :meth:`OrderManager.reduce`."""
        return self._orders.reduce(self._instrument.symbol, quantity, limit=limit, stop=stop, tag=tag, rule_id=rule_id)

    def close(self, *, tag: str | None = None, rule_id: str | None = None) -> Order | None:
        """Bring it to zero. None if it is flat."""
        return self._orders.close(self._instrument.symbol, tag=tag, rule_id=rule_id)

    def reverse(self, quantity: Number | None = None, *, tag: str | None = None, rule_id: str | None = None) -> Order:
        """Bring it to the other side: see :meth:`OrderManager.reverse`."""
        return self._orders.reverse(self._instrument.symbol, quantity, tag=tag, rule_id=rule_id)

    def __repr__(self) -> str:
        return f"Position({self._instrument.symbol}: {self.quantity:g} at {self.average_price:g})"
