"""Bars, quotes and prints from files and frames: ``read_bars`` and the like for one source, :class:`Source` as a value.

What a source does not say is asked for, not assumed: the zone of local times, the unit of plain numbers, whether a long bar is
labelled by its first or its last day. What is inferred (timeframe, decimals) is told in the market's findings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fillwright.data.arrow import to_arrow, to_numpy
from fillwright.data.bars import (
    Span,
    Stamp,
    are_midnights,
    count_gaps,
    infer_timeframe,
    parse_timeframe,
    span_dates,
    span_times,
    timeframe_text,
)
from fillwright.data.checks import Checker, Problems, Repair, Rows, check_repairs
from fillwright.data.header import Header, fields_of, find_columns
from fillwright.data.kinds import LAYOUT, OPTIONAL, Kind, same_as
from fillwright.data.market import DAY_NS, Feed, Finding, Ints, Market, build_market, seal, suggest
from fillwright.data.tables import RawTable, open_table
from fillwright.data.times import Mask, Stamps, read_numbers, read_stamps
from fillwright.data.units import USUAL_DECIMALS, find_decimals, is_exact, largest_error, to_units
from fillwright.data.zones import When, check_zone, last_of_day, parse_when, settle, time_text, to_wall, trading_days
from fillwright.errors import DataError, UsageError
from fillwright.model.instrument import Instrument

if TYPE_CHECKING:
    import pandas
    import polars

    Frame: TypeAlias = "pandas.DataFrame | polars.DataFrame | pa.Table | Mapping[str, object]"

_FIRST_COLUMN = "(first column)"


@dataclass(frozen=True, slots=True)
class Source:
    """Where bars come from and what they mean; the fields are the arguments of :func:`read_bars`.

    ``infer_decimals``: False takes the price decimals of ``instrument`` as given; True finds them from the data, at least
    ``least_decimals``. ``execution``: True marks the feed that orders trade on, False one that only informs.
    """

    data: str | Path | Frame
    symbol: str | None = None
    timeframe: str | None = None
    tz: str | None = None
    stamp: Stamp | None = None
    columns: Mapping[str, str] | None = None
    timestamp_column: str | None = None
    timestamp_format: str | None = None
    unit: Literal["s", "ms", "us", "ns"] | None = None
    symbol_column: str | None = None
    instrument: Instrument | None = None
    infer_decimals: bool = False
    least_decimals: int = USUAL_DECIMALS
    repair: Sequence[Repair] | Repair = ()
    start: When | None = None
    end: When | None = None
    execution: bool | None = None
    kind: Kind = "bars"


class Layout(TypedDict, total=False):
    """The less usual arguments of :func:`read_bars`, told there."""

    columns: Mapping[str, str] | None
    timestamp_column: str | None
    timestamp_format: str | None
    unit: Literal["s", "ms", "us", "ns"] | None
    symbol_column: str | None
    instrument: Instrument | None
    repair: Sequence[Repair] | Repair
    execution: bool | None


def read_bars(
    source: str | Path | Frame,
    *,
    symbol: str | None = None,
    timeframe: str | None = None,
    tz: str | None = None,
    stamp: Stamp | None = None,
    start: When | None = None,
    end: When | None = None,
    **layout: Unpack[Layout],
) -> Market:
    """Bars of one source as a :class:`Market`; add markets to put more instruments or timeframes together.

    source      path of a CSV (also gzipped), Parquet or Arrow IPC file, pandas or polars DataFrame, pyarrow Table, dict of arrays
    symbol      name of the instrument; needed unless ``symbol_column``, ``instrument`` or a column named symbol tells it
    timeframe   ``1min``, ``5min``, ``1h``, ``1d`` …; inferred from the median step where not given, and told
    tz          IANA zone of times that carry none, and zone of the instrument's days unless ``instrument`` says it
    stamp       what a time means, ``open`` or ``close`` of the bar; ``open`` where not given; needed above one day
    start, end  first and last open time taken, both inclusive; a date without time means the whole trading day

    Further keywords:

    columns     which column is which, e.g. ``{"close": "Last"}``; others are matched by name, without regard to case
    timestamp_column, timestamp_format, unit   the time column, its strptime form, what it counts when it holds numbers
    symbol_column   column that names the instrument of each row; every symbol is read unless ``symbol`` takes one
    instrument  an Instrument that wins over everything inferred
    repair      any of sort, drop_duplicates, clip_high_low, drop_bad_rows; each change is told
    execution   True: orders trade on this feed; False: it only informs; None: the finest feed of the instrument is taken

    Raises DataError (data that cannot be used: every problem with its line, all at once) and UsageError (a wrong argument).
    """
    _check_keywords(read_bars, layout)
    return read_source(Source(source, symbol=symbol, timeframe=timeframe, tz=tz, stamp=stamp, start=start, end=end, **layout))


def read_quote_bars(
    source: str | Path | Frame,
    *,
    symbol: str | None = None,
    timeframe: str | None = None,
    tz: str | None = None,
    stamp: Stamp | None = None,
    start: When | None = None,
    end: When | None = None,
    **layout: Unpack[Layout],
) -> Market:
    """Bars of bid and of ask: columns ``bid_open bid_high bid_low bid_close``, the same of ``ask_``, and ``bid_size``, ``ask_size`` at
    the close where there are any. Arguments and errors are those of :func:`read_bars`; a bid above its ask is an error too.
    """
    _check_keywords(read_quote_bars, layout)
    about = Source(source, symbol=symbol, timeframe=timeframe, tz=tz, stamp=stamp, start=start, end=end, **layout)
    return read_source(replace(about, kind="quote_bars"))


def read_quotes(
    source: str | Path | Frame,
    *,
    symbol: str | None = None,
    tz: str | None = None,
    start: When | None = None,
    end: When | None = None,
    **layout: Unpack[Layout],
) -> Market:
    """Best quotes: a time, ``bid`` and ``ask``, and ``bid_size``, ``ask_size`` where there are any. Several quotes of one time are kept
    in the order of the rows. Arguments and errors are those of :func:`read_bars`; a bid above its ask is an error too.
    """
    _check_keywords(read_quotes, layout)
    return read_source(replace(Source(source, symbol=symbol, tz=tz, start=start, end=end, **layout), kind="quotes"))


def read_prints(
    source: str | Path | Frame,
    *,
    symbol: str | None = None,
    tz: str | None = None,
    start: When | None = None,
    end: When | None = None,
    **layout: Unpack[Layout],
) -> Market:
    """Prints (trades of the market): a time, ``price``, and ``size`` where there is one. Several prints of one time are kept in the
    order of the rows. Arguments and errors are those of :func:`read_bars`.
    """
    _check_keywords(read_prints, layout)
    return read_source(replace(Source(source, symbol=symbol, tz=tz, start=start, end=end, **layout), kind="prints"))


def _check_keywords(function: Callable[..., Market], layout: Mapping[str, object]) -> None:
    for name in layout:
        if name not in Layout.__annotations__:
            known = [*function.__annotations__, *Layout.__annotations__]
            raise UsageError(f"{function.__name__} has no keyword {name!r}", remedy=suggest(name, known, "keywords"))


def read_source(source: Source) -> Market:
    """What :func:`read_bars` does, from a :class:`Source`."""
    repair = check_repairs(source.repair)
    if source.stamp not in (None, "open", "close"):
        raise UsageError(f"unknown stamp {source.stamp!r}", remedy="write 'open' or 'close'")
    if source.tz is not None:
        check_zone(source.tz)
    if source.instrument is not None:
        check_zone(source.instrument.timezone)
    raw = open_table(source.data)
    try:
        header = find_columns(raw.names, source.columns, source.timestamp_column, source.symbol_column, source.kind)
        table = raw.fetch(list(header.names.values()))
        groups, findings = _symbols(source, raw, header, table)
        parts = [_Reading(source, repair, raw, header, table, symbol, number).feed() for symbol, number in groups]
    except DataError as error:
        if error.where is not None:
            raise
        raise DataError(error.message, where=raw.origin, remedy=error.remedy) from None
    feeds = [replace(feed, instrument=index) for index, (feed, _, _) in enumerate(parts)]
    findings += [Finding("columns", note, where=raw.origin) for note in raw.notes]
    if header.ignored:
        listed = ", ".join(repr(name) for name in header.ignored)
        findings.append(Finding("columns", f"not used: {listed}", where=raw.origin, count=len(header.ignored)))
    findings += [finding for _, _, notes in parts for finding in notes]
    return build_market([instrument for _, instrument, _ in parts], feeds, findings)


def _symbols(
    source: Source, raw: RawTable, header: Header, table: Mapping[str, pa.ChunkedArray]
) -> tuple[list[tuple[str, Ints]], list[Finding]]:
    """The symbols to read with the row numbers of each, in order of first appearance."""
    wanted = source.symbol or (source.instrument.symbol if source.instrument else None)
    rows = np.arange(len(table[header.names["time"]]), dtype=np.int64)
    if len(rows) == 0:
        raise DataError("there are no rows", remedy="at least one row is needed")
    if "symbol" not in header.names:
        if wanted is None:
            remedy = "write symbol='SPY' (or symbol_column=)"
            raise UsageError("the symbol of the bars is not known", where=raw.origin, remedy=remedy)
        return [(wanted, rows)], []
    column = header.names["symbol"]
    encoded = pc.dictionary_encode(pc.cast(table[column], pa.string()), null_encoding="encode").combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    known = [name or "" for name in encoded.dictionary.to_pylist()]
    codes = to_numpy(encoded.indices, np.int32)
    if source.symbol_column is None:
        if len(known) > 1:
            remedy = f"write symbol_column={column!r} (and symbol= for one of them)"
            raise DataError(f"column {column!r} holds {len(known)} symbols", remedy=remedy)
        name = wanted or known[0]
        note = f"column {column!r} says {known[0]!r}, read as {name!r}"
        return [(name, rows)], [] if name == known[0] else [Finding("symbol", note, where=raw.origin)]
    if wanted is not None:
        if wanted not in known:
            raise DataError(f"no rows with symbol {wanted!r} in column {column!r}", remedy=suggest(wanted, known, "symbols"))
        return [(wanted, rows[codes == known.index(wanted)])], []
    if "" in known:
        places = raw.places(rows[codes == known.index("")][:1].tolist())
        raise DataError("a row has no symbol", where=places[0], remedy="fill the column, or take one symbol with symbol=")
    return [(name, rows[codes == code]) for code, name in enumerate(known)], []


class _Reading:
    """One symbol of one source on its way from text to a feed."""

    def __init__(
        self, source: Source, repair: frozenset[str], raw: RawTable, header: Header,
        table: Mapping[str, pa.ChunkedArray], symbol: str, number: Ints,
    ) -> None:  # fmt: skip
        self.source = source
        self.raw = raw
        self.names = header.names
        self.shown = {field: name or _FIRST_COLUMN for field, name in header.names.items()}
        self.table = table
        self.symbol = symbol
        instrument = source.instrument or Instrument(symbol, timezone=source.tz or "UTC")
        self.instrument = replace(instrument, symbol=symbol)
        self.whole = len(number) == len(table[header.names["time"]])
        self.number = number
        self.kind = source.kind
        self.moments = self.kind in ("quotes", "prints")
        self.repair = repair
        self.findings: list[Finding] = []

    def feed(self) -> tuple[Feed, Instrument, list[Finding]]:
        """Read, check, repair, cut to the range, count in units."""
        rows, stamps = self._checked()
        timeframe, span = self._moments(rows, stamps) if self.moments else self._bars(rows, stamps)
        chosen = self._chosen(span)
        rows.take(chosen)
        span = Span(span.open_time[chosen], span.close_time[chosen], span.overlap[chosen])
        held = self._held(self._prices(rows) | self._lots(rows))
        days = trading_days(span.open_time, self.instrument.timezone, self.instrument.session)
        if 0 < timeframe < DAY_NS:
            self._report_gaps(span.open_time, days, timeframe)
        feed = Feed(
            symbol=self.symbol, instrument=0, timeframe_ns=timeframe, execution=True,
            close_time=(closes := seal(span.close_time)), open_time=closes if self.moments else seal(span.open_time), **held,
            day_last=seal(last_of_day(span.open_time, self.instrument.timezone, self.instrument.session), np.uint8),
            marked=self.source.execution, kind=self.kind,
        )  # fmt: skip
        return feed, self.instrument, self.findings

    def _held(self, columns: dict[str, Ints]) -> dict[str, Any]:
        """What the feed holds of prices and sizes, from the columns of its kind."""
        held: dict[str, Any] = {own: columns.get(name) for name, own in LAYOUT[self.kind].items() if name in fields_of(self.kind)}
        twins = {name: held[twin] for name, twin in same_as(self.kind).items() if twin in held}
        return {"volume": None} | held | twins

    def _column(self, field: str) -> pa.ChunkedArray:
        column = self.table[self.names[field]]
        return column if self.whole else column.take(to_arrow(self.number))

    def _checked(self) -> tuple[Rows, Stamps]:
        source = self.source
        stamps = read_stamps(self._column("time"), self.names["time"], source.unit, source.timestamp_format)
        fields = [name for name in fields_of(self.kind) if name in self.names]
        numbers = {name: read_numbers(self._column(name), self.names[name]) for name in fields}
        unreadable = {name: bad for name, (_, bad) in numbers.items()}
        rows = Rows(self.number, stamps.ns, {name: numbers[name][0] for name in fields if name not in OPTIONAL}, {})
        for name in fields:
            if name in OPTIONAL:
                if unreadable[name].any() or not np.isnan(numbers[name][0]).all():
                    rows.sizes[name] = numbers[name][0]
                else:
                    self._note("volume", f"the {name} column is empty: taken as no {name}")
        problems = Problems(self.raw.origin, self.raw.places, self._value)
        checker = Checker(rows, self.repair, problems, self.shown, self.kind)
        checker.values(unreadable, stamps.bad, stamps.why)
        if not problems.counts.get("unreadable times"):
            if len(rows.stamp) == 0:
                raise DataError("no row is usable", remedy="look at the file; repair drop_bad_rows would drop every row")
            stamps = self._localised(rows, stamps, problems)
            if not problems.counts.keys() & {"times that do not exist", "ambiguous times"}:
                checker.order()
        checker.ranges()
        problems.raise_if_any()
        self.findings += checker.findings
        return rows, stamps

    def _value(self, name: str, row: int) -> str:
        column = self.table["" if name == _FIRST_COLUMN else name]
        value = column[row].as_py()
        return repr(value) if isinstance(value, str) else str(value)

    def _localised(self, rows: Rows, stamps: Stamps, problems: Problems) -> Stamps:
        """Stamps as UTC moments, or as wall midnights where they are dates."""
        if stamps.kind == "date":
            return stamps
        long = not self.moments and self._timeframe_hint(rows.stamp) >= DAY_NS
        if stamps.kind == "utc":
            return self._labels(rows, stamps) if long else stamps
        if long and are_midnights(rows.stamp):
            return replace(stamps, kind="date")
        zone = self.source.tz
        if zone is None:
            first = self._value(self.names["time"], int(rows.number[0]))
            raise DataError(
                f"times without a zone, such as {first}",
                where=self.raw.places(rows.number[:1].tolist())[0],
                remedy="write tz='UTC', tz='America/New_York' …: the zone that these times are in",
            )
        rows.stamp, unclear, missing = settle(rows.stamp, zone)
        time = [self.shown["time"]]
        problems.add(rows.number[missing], "times that do not exist", f"the clock in {zone} skips this time", time, "check tz=")
        message = f"is there twice in {zone} (the clock goes back), and the order of rows does not say which"
        problems.add(rows.number[unclear], "ambiguous times", message, time, "write the times in UTC or with their offset")
        return replace(stamps, kind="utc")

    def _timeframe_hint(self, stamp: Ints) -> int:
        if self.source.timeframe is not None:
            return parse_timeframe(self.source.timeframe)
        return infer_timeframe(stamp)[0] if (stamp != stamp[0]).any() else 0

    def _labels(self, rows: Rows, stamps: Stamps) -> Stamps:
        """Daily bars stamped with midnights are labelled by dates."""
        zone = self.instrument.timezone
        wall = to_wall(rows.stamp, zone)
        if are_midnights(wall):
            rows.stamp = wall
            return replace(stamps, kind="date")
        if are_midnights(rows.stamp):
            self._note("stamp", f"times are midnights in UTC, not in {zone}: taken as dates")
            return replace(stamps, kind="date")
        return stamps

    def _moments(self, rows: Rows, stamps: Stamps) -> tuple[int, Span]:
        if stamps.kind == "date":
            raise DataError(f"{self.kind} need a time of day, not only a date", remedy="give the column of their times")
        return 0, Span(rows.stamp, rows.stamp, np.zeros(len(rows.stamp), np.bool_))

    def _bars(self, rows: Rows, stamps: Stamps) -> tuple[int, Span]:
        source = self.source
        if source.timeframe is not None:
            timeframe = parse_timeframe(source.timeframe)
        else:
            timeframe, share = infer_timeframe(rows.stamp)
            text = timeframe_text(timeframe)
            self._note("timeframe", f"timeframe {text}, inferred from the median step ({share:.1%} of the steps are equal to it)")
        if stamps.kind == "date":
            if timeframe < DAY_NS:
                message = f"dates without a time of day can not be bars of {source.timeframe}"
                raise DataError(message, remedy="write timeframe='1d'")
            return timeframe, span_dates(rows.stamp // DAY_NS, timeframe, source.stamp, self.instrument)
        span = span_times(rows.stamp, timeframe, source.stamp, self.instrument.timezone)
        if span.overlap.any():
            problems = Problems(self.raw.origin, self.raw.places, self._value)
            step = timeframe_text(infer_timeframe(rows.stamp)[0])
            message = f"the next bar comes before this one of {timeframe_text(timeframe)} has ended"
            remedy = f"give the right timeframe (the median step is {step}), or remove the bars between"
            problems.add(rows.number[span.overlap], "overlapping bars", message, [self.shown["time"]], remedy)
            problems.raise_if_any()
        return timeframe, span

    def _chosen(self, span: Span) -> Mask:
        """Bars whose open time lies in [start, end]."""
        opens, instrument = span.open_time, self.instrument
        chosen = np.ones(len(opens), np.bool_)
        days = trading_days(opens, instrument.timezone, instrument.session)
        for when, is_end in ((self.source.start, False), (self.source.end, True)):
            if when is None:
                continue
            value, is_day = parse_when(when, instrument.timezone)
            have = days if is_day else opens
            chosen &= (have <= value) if is_end else (have >= value)
        if not chosen.any():
            first, last = (time_text(int(t), instrument.timezone) for t in (opens[0], opens[-1]))
            raise DataError(
                f"no {self.kind.replace('_', ' ')} between start {self.source.start or 'unset'} and end {self.source.end or 'unset'}",
                remedy=f"the data of {self.symbol} go from {first} to {last}",
            )
        return chosen

    def _prices(self, rows: Rows) -> dict[str, Ints]:
        columns = list(rows.prices.values())
        given = self.source.instrument is not None and not self.source.infer_decimals
        if given:
            decimals = self.instrument.price_decimals
        else:
            decimals = find_decimals(columns, self.source.least_decimals)
            factor = 10 ** max(decimals - self.instrument.price_decimals, 0)
            self.instrument = replace(self.instrument, price_decimals=decimals, tick=self.instrument.tick * factor)
        units = {name: to_units(values, decimals, "price") for name, values in rows.prices.items()}
        if not all(is_exact(column, decimals) for column in columns):
            error = max(largest_error(column, decimals) for column in columns)
            what = f"prices have more than {decimals} decimals: rounded, the largest error is {error:.3g}"
            self._note("decimals", what, remedy="the instrument allows no more" if given else "")
        if min(int(column.min()) for column in units.values()) <= 0:
            raise DataError(f"a price is 0 at {decimals} decimals", remedy="give the instrument more price_decimals")
        return {name: seal(column) for name, column in units.items()}

    def _lots(self, rows: Rows) -> dict[str, Ints]:
        found = {}
        decimals = self.instrument.quantity_decimals
        for name, values in rows.sizes.items():
            if not values.any():
                self._note("volume", f"{name} is 0 in every row: taken as no {name}", count=len(values))
                continue
            lots = to_units(values, decimals, name)
            rounded = int((lots / 10**decimals != values).sum())
            if rounded:
                error = largest_error(values, decimals)
                unit = "whole units" if decimals == 0 else f"lots of 10^-{decimals}"
                what = f"{rounded} {name}s are not {unit}: rounded, the largest error is {error:.3g}"
                self._note("rounding", what, count=rounded, remedy="quantity_decimals of the instrument says how fine a lot is")
            found[name] = seal(lots)
        return found

    def _report_gaps(self, open_time: Ints, days: Ints, timeframe: int) -> None:
        missing, longest, row = count_gaps(open_time, days, timeframe)
        if missing:
            after = time_text(int(open_time[row]), self.instrument.timezone)
            text = timeframe_text(timeframe)
            what = f"{missing} bars of {text} are missing inside days; the longest gap is {longest} after {after}"
            self._note("gaps", what, count=missing)

    def _note(self, kind: str, message: str, count: int = 1, remedy: str = "") -> None:
        self.findings.append(Finding(kind, f"{self.symbol}: {message}", where=self.raw.origin, count=count, remedy=remedy))
