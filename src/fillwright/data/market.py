"""A market: bars, quotes and prints of one or many instruments on one time line, read-only.

Prices are int64 price units, volumes int64 lots, times int64 ns since 1970 UTC (see ``model.instrument``). Every array is
backed by an immutable buffer, so no run can change what another run reads.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from fillwright.data.kinds import ASK_COLUMNS, HELD, KINDS, LAYOUT, PRICE_COLUMNS, Kind, same_as
from fillwright.errors import DataError, UsageError
from fillwright.model.instrument import MAX_EXACT_INTEGER, Instrument

Ints: TypeAlias = npt.NDArray[np.int64]
Ints32: TypeAlias = npt.NDArray[np.int32]
Flags: TypeAlias = npt.NDArray[np.uint8]

DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the checks saw in the data and that the user should know.

    kind     short word: columns, decimals, gaps, repair, rounding, session, stamp, symbol, timeframe, volume
    message  what was found
    where    ``file`` or ``file:line`` or ``row n``
    count    how many rows it concerns
    remedy   what to do, "" when nothing needs doing
    """

    kind: str
    message: str
    where: str = ""
    count: int = 1
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text} ({self.remedy})" if self.remedy else text


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """Bars of one instrument in one timeframe, or its quotes or prints; n rows, read-only and contiguous.

    symbol, instrument  the instrument and its index in ``Market.instruments``
    timeframe_ns        nominal length of a bar in ns; daily bars have 86,400 s whatever the session; 0 of quotes and prints
    execution           True for the one feed of the instrument that orders trade on
    open_time, close_time   int64[n] ns UTC, strictly increasing, close_time[i] <= open_time[i + 1]; of quotes and prints the one
                        array of their times, which may stand still
    open, high, low, close  int64[n] price units; of quote bars those of the bid, of quotes the bid four times
    volume              int64[n] lots, None when the data have no volume; of prints the size
    day_last            uint8[n], 1 = last bar of its trading day
    marked              what the user said about ``execution``: True, False, or None (the finest feed is taken)
    kind                bars, quote_bars, quotes or prints
    ask_open ... ask_close  the same of the ask, None where there are no quotes
    bid_size, ask_size  int64[n] lots offered at bid and ask (of quote bars at their close), None when the data have none
    """

    symbol: str
    instrument: int
    timeframe_ns: int
    execution: bool
    open_time: Ints
    close_time: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints | None
    day_last: Flags
    marked: bool | None = None
    kind: Kind = "bars"
    ask_open: Ints | None = None
    ask_high: Ints | None = None
    ask_low: Ints | None = None
    ask_close: Ints | None = None
    bid_size: Ints | None = None
    ask_size: Ints | None = None

    @property
    def is_instant(self) -> bool:
        """Whether its rows are moments (quotes, prints) rather than bars."""
        return self.kind in ("quotes", "prints")

    @property
    def rows_word(self) -> str:
        """What its rows are, in words."""
        return self.kind.replace("_", " ")

    def middle(self, rows: Any = slice(None), column: str = "close") -> Ints:
        """int64[...] price units: the price of these rows, of quotes the mean of bid and ask, halves to even."""
        bid: Ints = getattr(self, column)[rows]
        if self.ask_close is None:
            return bid
        both = bid + getattr(self, f"ask_{column}")[rows]
        half = both >> 1
        return np.asarray(half + (both & half & 1), np.int64)

    def column(self, name: str) -> Ints | None:
        """A column by any of its names: bid, ask, price, size …; open, high, low, close of quotes, and mid, are their middle."""
        if name in PRICE_COLUMNS or (name == "mid" and self.ask_close is not None):
            return self.middle(column="close" if name == "mid" else name)
        known: Ints | None = getattr(self, LAYOUT[self.kind].get(name, "volume"))
        return known if name == "volume" or name in LAYOUT[self.kind] else None

    @property
    def highest(self) -> int:
        """Largest price, in price units."""
        return int((self.high if self.ask_high is None else self.ask_high).max())

    def cut(self, first: int, last: int) -> Feed:
        """The rows from first to before last; the arrays are shared, and ``day_last`` is as it was."""
        held = {name: getattr(self, name) for name in HELD}
        parts: dict[str, Any] = {name: None if array is None else array[first:last] for name, array in held.items()}
        return replace(self, **parts | {name: parts[twin] for name, twin in same_as(self.kind).items()})

    @property
    def known_at(self) -> Ints:
        """When each bar is known, int64[n] ns UTC: its close."""
        return self.close_time

    def __len__(self) -> int:
        return len(self.close_time)

    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(array.nbytes for array in self.arrays().values())

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The columns that it has, by name, in canonical order."""
        held = LAYOUT[self.kind].items()
        return {name: getattr(self, own) for name, own in held if getattr(self, own) is not None}


@dataclass(frozen=True, eq=False)
class Market:
    """Feeds of one or more instruments merged into one time line; make one with ``read_bars`` or :func:`build_market`.

    instruments  in configured order
    feeds        sorted by (timeframe_ns, prints before quotes, instrument)
    instants     int64[m] ns UTC, the sorted close times of all feeds; unique, but where a feed has several quotes or prints of one
                 time: the k-th of each feed then share the k-th instant of that time
    offsets, event_feed  int64[m + 1], int32[k]: the feeds with a bar that closes at instant j are
                 ``event_feed[offsets[j]:offsets[j + 1]]``, in feed order; the rows of a feed come in order
    findings     what the checks reported
    """

    instruments: tuple[Instrument, ...]
    feeds: tuple[Feed, ...]
    instants: Ints
    offsets: Ints
    event_feed: Ints32
    findings: tuple[Finding, ...] = ()

    def instrument_index(self, symbol: str) -> int:
        """Index of the instrument; UsageError naming the nearest symbol when there is none."""
        for index, instrument in enumerate(self.instruments):
            if instrument.symbol == symbol:
                return index
        symbols = [instrument.symbol for instrument in self.instruments]
        raise UsageError(f"no symbol {symbol!r} in the market", remedy=suggest(symbol, symbols, "symbols"))

    def execution_feed(self, instrument_index: int) -> Feed:
        """The feed that orders of the instrument trade on."""
        return self.feeds[self._execution[instrument_index]]

    @cached_property
    def _execution(self) -> dict[int, int]:
        return {feed.instrument: index for index, feed in enumerate(self.feeds) if feed.execution}

    @cached_property
    def addresses(self) -> Ints:
        """Addresses of the columns, int64[feeds, HELD], 0 where a feed has none: what a run points at."""
        table = np.zeros((len(self.feeds), len(HELD)), np.int64)
        for row, feed in zip(table, self.feeds, strict=True):
            for k, name in enumerate(HELD):
                array = getattr(feed, name)
                row[k] = 0 if array is None else array.__array_interface__["data"][0]
        return table

    @cached_property
    def highest(self) -> tuple[int, ...]:
        """Largest price of each instrument's execution feed, in price units."""
        return tuple(self.execution_feed(k).highest for k in range(len(self.instruments)))

    @cached_property
    def digest(self) -> str:
        """BLAKE2b-128 in hex over the instruments' properties and the feeds' canonical columns.

        It does not depend on where the data came from: CSV, Parquet and a frame with the same bars give the same digest.
        """
        state = hashlib.blake2b(digest_size=16)
        for instrument in self.instruments:
            state.update(_instrument_text(instrument).encode())
        for feed in self.feeds:
            names = ",".join(feed.arrays())
            head = f"feed|{feed.symbol}|{feed.timeframe_ns}|{int(feed.execution)}|{len(feed)}|{names}\n"
            state.update(head.encode())
            for array in feed.arrays().values():
                state.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
        return state.hexdigest()

    def nbytes(self) -> int:
        """Bytes of all arrays; an array shared by the time line and a feed counts once."""
        arrays = [array for feed in self.feeds for array in feed.arrays().values()]
        arrays += [self.instants, self.offsets, self.event_feed]
        return sum({array.__array_interface__["data"][0]: array.nbytes for array in arrays}.values())

    def __add__(self, other: Market) -> Market:
        """Both markets in one. DataError where a symbol has one timeframe twice or different properties."""
        if not isinstance(other, Market):
            return NotImplemented
        return combine((self, other))

    def __reduce__(self) -> tuple[Callable[..., Market], tuple[object, ...]]:
        parts = tuple(tuple(getattr(feed, field.name) for field in fields(Feed)) for feed in self.feeds)
        return _rebuild, (self.instruments, parts, self.findings)

    def __repr__(self) -> str:
        rows = sum(len(feed) for feed in self.feeds)
        word = self.feeds[0].rows_word if len({feed.kind for feed in self.feeds}) == 1 else "rows"
        return f"Market({len(self.instruments)} instruments, {len(self.feeds)} feeds, {rows} {word})"


def suggest(word: str, known: Iterable[str], noun: str) -> str:
    """A sentence that names the nearest known word, or the first few."""
    names = list(known)
    folded = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word.lower(), list(folded), n=1, cutoff=0.6)
    if near:
        return f"did you mean {folded[near[0]]!r}?"
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"known {noun}: {', '.join(names[:8])}{more}" if names else f"there are no {noun}"


def seal(array: npt.ArrayLike, dtype: npt.DTypeLike = np.int64) -> npt.NDArray[Any]:
    """The array in an immutable buffer: read-only for good. An array that is sealed already is returned as it is."""
    values = np.asarray(array, dtype)
    if values.ndim == 1 and is_sealed(values) and values.flags.c_contiguous:
        return values
    return np.frombuffer(values.tobytes(), values.dtype)


def is_sealed(array: npt.NDArray[Any]) -> bool:
    """True when the memory under the array can not be made writeable through numpy."""
    base: object = array
    while isinstance(base, np.ndarray):
        if base.flags.writeable:
            return False
        if base.base is None:
            return False
        base = base.base
    return not isinstance(base, bytearray) and memoryview(base).readonly  # type: ignore[arg-type]


def build_market(instruments: Sequence[Instrument], feeds: Iterable[Feed], findings: Iterable[Finding] = ()) -> Market:
    """Sort the feeds, choose each instrument's execution feed, merge the time line. Arrays are sealed, not copied again."""
    names = [instrument.symbol for instrument in instruments]
    if twice := {name for name in names if names.count(name) > 1}:
        raise DataError(f"there twice: symbols {', '.join(sorted(twice))}", remedy="give each instrument its own symbol")
    ordered = sorted(feeds, key=_place)
    for one, two in zip(ordered, ordered[1:], strict=False):
        if _place(one) == _place(two):
            what = f"of timeframe {one.timeframe_ns} ns" if one.timeframe_ns else f"of {one.kind}"
            raise DataError(f"{one.symbol} has two sources {what}", remedy="remove one of them")
    chosen = _choose_execution(names, ordered)
    sealed = tuple(_sealed(feed, index in chosen) for index, feed in enumerate(ordered))
    instants, offsets, event_feed = _timeline(sealed)
    return Market(tuple(instruments), sealed, instants, offsets, event_feed, tuple(findings))


def _place(feed: Feed) -> tuple[int, bool, int]:
    """Feeds of one instant come in this order: the shorter first, prints before quotes, then as the instruments do."""
    return feed.timeframe_ns, feed.kind == "quotes", feed.instrument


def combine(markets: Sequence[Market]) -> Market:
    """All markets in one; instruments in order of first appearance, each brought to the finest of its price units."""
    merged: dict[str, Instrument] = {}
    for market in markets:
        for instrument in market.instruments:
            before = merged.setdefault(instrument.symbol, instrument)
            if before.price_decimals < instrument.price_decimals:
                before, instrument = instrument, before
            if rescaled(instrument, before.price_decimals) != before:
                _refuse_mixture(before, instrument)
            merged[instrument.symbol] = before
    order = {symbol: index for index, symbol in enumerate(merged)}
    feeds = []
    for market in markets:
        for feed in market.feeds:
            was, now = market.instruments[feed.instrument], merged[feed.symbol]
            prices = _rescale_prices(feed, now.price_decimals - was.price_decimals)
            feeds.append(replace(feed, instrument=order[feed.symbol], **prices))
    findings = [finding for market in markets for finding in market.findings]
    return build_market(tuple(merged.values()), feeds, findings)


def rescaled(instrument: Instrument, price_decimals: int) -> Instrument:
    """The instrument counted in finer price units; its tick keeps its size."""
    factor = 10 ** (price_decimals - instrument.price_decimals)
    return replace(instrument, price_decimals=price_decimals, tick=instrument.tick * factor)


def _rescale_prices(feed: Feed, decimals: int) -> dict[str, Any]:
    if decimals == 0:
        return {}
    largest = feed.highest * 10**decimals
    if largest > MAX_EXACT_INTEGER:
        raise DataError(f"{feed.symbol}: a price of {largest} units does not fit", remedy="set price_decimals of the instrument")
    twins = same_as(feed.kind)
    own = [name for name in (*PRICE_COLUMNS, *ASK_COLUMNS) if name not in twins and getattr(feed, name) is not None]
    scaled = {name: seal(getattr(feed, name) * 10**decimals) for name in own}
    return scaled | {name: scaled[twin] for name, twin in twins.items() if twin in scaled}


def _refuse_mixture(one: Instrument, two: Instrument) -> None:
    differing = [field.name for field in fields(Instrument) if getattr(one, field.name) != getattr(two, field.name)]
    what = "; ".join(f"{name} {getattr(one, name)} and {getattr(two, name)}" for name in differing)
    raise DataError(f"{one.symbol} has two descriptions: {what}", remedy="give all its sources the same instrument")


def _choose_execution(names: Sequence[str], ordered: Sequence[Feed]) -> set[int]:
    feeds_of: dict[int, list[int]] = {number: [] for number in range(len(names))}
    for index, feed in enumerate(ordered):
        feeds_of[feed.instrument].append(index)
    chosen = set()
    for name, own in zip(names, feeds_of.values(), strict=True):
        marked = [index for index in own if ordered[index].marked]
        allowed = marked or [index for index in own if ordered[index].marked is None]
        if not own:
            raise DataError(f"{name} has no bars", remedy="add a source for it")
        if len(marked) > 1:
            raise DataError(f"{name} has {len(marked)} execution feeds", remedy="mark one source with execution: true")
        if not allowed:
            raise DataError(f"{name} has no execution feed", remedy="take execution: false from one of its sources")
        # of moments, quotes are what orders trade on; prints beside them are only seen
        quotes = [index for index in allowed if ordered[index].kind == "quotes"]
        chosen.add((marked or quotes or allowed)[0])
    return chosen


def _sealed(feed: Feed, execution: bool) -> Feed:
    if feed.kind not in KINDS:
        raise UsageError(f"{feed.symbol}: no kind of data {feed.kind!r}", remedy=suggest(str(feed.kind), KINDS, "kinds"))
    own = {held: getattr(feed, held) for held in LAYOUT[feed.kind].values() if getattr(feed, held) is not None}
    dtypes = {"day_last": np.uint8}
    arrays: dict[str, Any] = {name: seal(array, dtypes.get(name, np.int64)) for name, array in own.items()}
    lengths = {len(array) for array in arrays.values()}
    arrays |= {name: arrays[twin] for name, twin in same_as(feed.kind).items()}
    if lengths != {len(feed.close_time)} or not len(feed):
        raise DataError(f"{feed.symbol}: columns must have the same length, at least 1", remedy=f"lengths: {sorted(lengths)}")
    return replace(feed, execution=execution, **arrays)


def _timeline(feeds: Sequence[Feed]) -> tuple[Ints, Ints, Ints32]:
    """Merged close times. Where all feeds close together, one of their arrays is the time line itself."""
    first = feeds[0].close_time
    if all(feed.close_time is first or np.array_equal(feed.close_time, first) for feed in feeds):
        offsets = np.arange(len(first) + 1, dtype=np.int64) * len(feeds)
        events = np.tile(np.arange(len(feeds), dtype=np.int32), len(first))
        return first, seal(offsets), seal(events, np.int32)
    times = np.concatenate([feed.close_time for feed in feeds])
    owner = np.repeat(np.arange(len(feeds), dtype=np.int32), [len(feed) for feed in feeds])
    again = np.concatenate([_repetition(feed) for feed in feeds])
    if again.any():
        order = np.lexsort((owner, again, times))
        times, again = times[order], again[order]
        starts = np.flatnonzero(np.concatenate(([True], (times[1:] != times[:-1]) | (again[1:] != again[:-1]))))
        return seal(times[starts]), seal(np.append(starts, len(times))), seal(owner[order], np.int32)
    times, events = _sorted_events(times, owner, len(feeds))
    starts = np.flatnonzero(np.concatenate(([True], times[1:] != times[:-1])))
    return seal(times[starts]), seal(np.append(starts, len(times))), seal(events, np.int32)


def _repetition(feed: Feed) -> Ints:
    """int64[n]: how many rows of the same time stand before each row."""
    if not feed.is_instant:
        return np.zeros(len(feed), np.int64)
    row = np.arange(len(feed), dtype=np.int64)
    fresh = np.concatenate(([True], feed.close_time[1:] != feed.close_time[:-1]))
    return np.asarray(row - np.maximum.accumulate(np.where(fresh, row, 0)), np.int64)


def _sorted_events(times: Ints, owner: Ints32, count: int) -> tuple[Ints, Ints32]:
    """Times and their feeds by (time, feed): one sort of packed words where they fit into 63 bits, else a stable sort."""
    start = times.min()
    since = times - start
    for step in (60_000_000_000, 1_000_000_000, 1_000_000, 1):
        if int(since.max()) // step * count >= 2**62 or (step > 1 and (since % step).any()):
            continue
        words = since // step
        words *= count
        words += owner
        words.sort(kind="stable")  # the columns are sorted already: merging runs is faster than sorting anew
        whole = words // count
        events = (words - whole * count).astype(np.int32)
        return whole * step + start, events
    order = np.argsort(times, kind="stable")
    return times[order], owner[order]


def _rebuild(instruments: tuple[Instrument, ...], parts: tuple[tuple[Any, ...], ...], findings: tuple[Finding, ...]) -> Market:
    return build_market(instruments, [Feed(*part) for part in parts], findings)


def _instrument_text(instrument: Instrument) -> str:
    values = (f"{field.name}={getattr(instrument, field.name)}" for field in fields(Instrument))
    return "instrument|" + "|".join(values) + "\n"
