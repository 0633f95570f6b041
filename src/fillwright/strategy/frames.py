"""Arrays and frames of a user, brought to the instants and instruments of a market.

A plain array has one row for each instant at which an execution feed closes a bar. The rows of a frame are placed by their times:
closes of bars, opens of bars (a decision made from a bar belongs to its close), or dates (the close of that trading day).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fillwright.data.market import DAY_NS, Feed, Ints, Market
from fillwright.data.times import Stamps, read_stamps
from fillwright.data.zones import time_text, trading_days
from fillwright.errors import UsageError

Floats: TypeAlias = npt.NDArray[np.float64]
Stamp = Literal["open", "close"]
_Way = Literal["open", "close", "date"]

TIME_NAMES = ("time", "timestamp", "datetime", "date")
"""Columns that hold the times of a frame without an index."""

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of cells on a market, rows in order of time.

    values       [rows, columns]
    instruments  int32[columns], ascending
    instants     number of the market's instant of each row [rows], or of each cell [rows, columns]; -1 in rows without cells
    """

    values: npt.NDArray[Any]
    instruments: npt.NDArray[np.int32]
    instants: Ints

    def cells(self, chosen: npt.NDArray[np.bool_]) -> tuple[Ints, npt.NDArray[np.int32], npt.NDArray[Any]]:
        """(instants, instruments, values) of the chosen cells, row by row."""
        instants = self.instants if self.instants.ndim == 2 else self.instants[:, None]
        instruments = np.broadcast_to(self.instruments, chosen.shape)[chosen]
        return np.broadcast_to(instants, chosen.shape)[chosen], instruments, self.values[chosen]

    @property
    def is_plain(self) -> bool:
        """Whether each row has an instant of its own, in order."""
        return self.instants.ndim == 1 and bool((self.instants[:1] >= 0).all() and (np.diff(self.instants) > 0).all())


class TimeAxis:
    """Where times lie in a market."""

    def __init__(self, market: Market, what: str) -> None:
        self.market = market
        self.what = what
        self._feeds = [market.execution_feed(k) for k in range(len(market.instruments))]
        self._same: dict[int, int] = {}

    def executions(self) -> Ints:
        """Numbers of the instants at which an execution feed closes a bar."""
        market = self.market
        execution = np.array([feed.execution for feed in market.feeds])
        if execution.all():
            return np.arange(len(market.instants), dtype=np.int64)
        count = np.add.reduceat(execution[market.event_feed].astype(np.int64), market.offsets[:-1])
        return np.flatnonzero(count).astype(np.int64)

    def way(self, stamps: Stamps, stamp: Stamp | None) -> _Way:
        """What the times are: closes, opens or dates. UsageError where it can not be told, or where they have no zone."""
        if stamps.bad.any():
            row = int(np.flatnonzero(stamps.bad)[0])
            raise UsageError(f"{self.what}: the time of row {row} {stamps.why or 'is missing'}", remedy="give each row a time")
        if stamps.kind == "date" or (stamps.kind == "wall" and not (stamps.ns % DAY_NS).any()):
            return "date"
        if stamps.kind == "wall":
            zones = dict.fromkeys(instrument.timezone for instrument in self.market.instruments)
            if set(zones) != {"UTC"}:
                zone = next(zone for zone in zones if zone != "UTC")
                raise UsageError(
                    f"{self.what}: its times have no zone",
                    remedy=f'say where the clock stands: frame.index = frame.index.tz_localize("{zone}") (or "UTC")',
                )
        if stamp is not None:
            return stamp
        closes = int(_found(stamps.ns, self.market.instants).sum())
        opens = int(np.isin(stamps.ns, self._opens()).sum())
        if closes == opens == len(stamps.ns) and len(stamps.ns):
            raise UsageError(
                f"{self.what}: its times are opens of bars and closes of bars too",
                remedy='say which: stamp="open" (as most data are stamped; decided when that bar closes) or stamp="close"',
            )
        return "open" if opens > closes else "close"

    def _opens(self) -> Ints:
        return np.unique(np.concatenate([self._feeds[k].open_time for k in {self.twin(k) for k in range(len(self._feeds))}]))

    def twin(self, instrument: int) -> int:
        """The first instrument with the same bars in time, so that its rows need to be placed only once."""
        known = self._same.get(instrument)
        if known is None:
            known = next((k for k in sorted(set(self._same.values())) if self._alike(k, instrument)), instrument)
            self._same[instrument] = known
        return known

    def _alike(self, one: int, two: int) -> bool:
        a, b = self.market.instruments[one], self.market.instruments[two]
        first, second = self._feeds[one], self._feeds[two]
        pairs = [(getattr(first, name), getattr(second, name)) for name in ("open_time", "close_time", "day_last")]
        return (a.timezone, a.session) == (b.timezone, b.session) and all(x is y or np.array_equal(x, y) for x, y in pairs)

    def place(self, ns: Ints, way: _Way, instrument: int) -> Ints:
        """Numbers of the instants that times mean for an instrument, -1 where it has no such bar. Any order."""
        if way == "close":
            return _lookup(ns, self.market.instants)
        feed = self._feeds[instrument]
        if way == "open":
            return self._instants(feed, _lookup(ns, feed.open_time))
        owner = self.market.instruments[instrument]
        ends = np.flatnonzero(feed.day_last)
        days = trading_days(feed.close_time[ends] - 1, owner.timezone, owner.session)
        found = _lookup(ns // DAY_NS, days)
        return self._instants(feed, np.where(found >= 0, ends[np.maximum(found, 0)], -1) if len(ends) else found)

    def _instants(self, feed: Feed, rows: Ints) -> Ints:
        numbers = np.searchsorted(self.market.instants, feed.close_time[np.maximum(rows, 0)])
        return np.where(rows >= 0, numbers, -1)

    def place_grid(self, ns: Ints, way: _Way, instruments: Sequence[int]) -> Ints:
        """Instants of rows, int64[rows] where all columns agree, else int64[rows, columns].

        A column without a bar takes the latest instant that the row has in others; -1 where no column has one.
        """
        twins = [0] if way == "close" else [self.twin(k) for k in instruments]
        placed = {k: self.place(ns, way, k) for k in dict.fromkeys(twins)}
        if len(placed) == 1:
            return next(iter(placed.values()))
        latest = np.max(np.stack(list(placed.values())), axis=0)
        filled = {k: np.where(values >= 0, values, latest) for k, values in placed.items()}
        return np.stack([filled[k] for k in twins], axis=1)

    def refuse(self, ns: Ints, way: _Way, rows: Ints) -> UsageError:
        """The error for rows that match no bar."""
        shown = [
            str(np.datetime64(int(ns[row]) // DAY_NS, "D")) if way == "date" else time_text(int(ns[row]), "UTC")
            for row in rows[:_SHOWN].tolist()
        ]
        more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
        kinds = {
            "date": "a trading day of the market",
            "open": "the open of a bar",
            "close": "the close, or all of them the open, of a bar",
        }
        first, last = (time_text(int(self.market.instants[k]), "UTC") for k in (0, -1))
        return UsageError(
            f"{self.what}: {len(rows)} rows match no bar: {', '.join(shown)}{more}",
            remedy=f"each row must be {kinds[way]}; bars close from {first} to {last}",
        )


def _lookup(values: Ints, known: Ints) -> Ints:
    """Index of each value in the sorted ``known``, -1 where it is not there."""
    at = np.searchsorted(known, values)
    at[at == len(known)] = 0
    return np.where(known[at] == values, at, -1)


def _found(values: Ints, known: Ints) -> npt.NDArray[np.bool_]:
    return _lookup(values, known) >= 0


# -- from what the user has ------------------------------------------------------------------------------------------------------


def read_grid(table: Any, market: Market, what: str, stamp: Stamp | None = None, flags: bool = False) -> Grid:
    """A numpy array, pandas or polars frame (or pandas series) as cells on a market.

    ``flags``: cells are True or False (anything but 0, 1, True, False and missing is an error) and ``values`` is bool; else
    they are float64, NaN where there is none. UsageError for shapes, symbols or times that do not fit.
    """
    axis = TimeAxis(market, what)
    kind = type(table).__module__.split(".")[0]
    if kind == "pandas" and hasattr(table, "index"):
        times, symbols, values = _of_pandas(table, what, flags)
    elif kind == "polars":
        times, symbols, values = _of_polars(table, what, flags)
    else:
        times, symbols, values = None, None, _plain(table, what)
    values = _flags(values, what) if flags else np.asarray(values, np.float64)
    if values.ndim == 1:
        values = values[:, None]
    if symbols is None:
        order = np.arange(len(market.instruments))
        if values.ndim != 2 or values.shape[1] != len(order):
            raise UsageError(
                f"{what}: an array of shape {values.shape} for {len(order)} instruments",
                remedy=f"one column per instrument, in the market's order: {', '.join(i.symbol for i in market.instruments[:8])}",
            )
    else:
        order, values = _ordered(symbols, values, market, what)
    if times is None:
        return Grid(values, order.astype(np.int32), _positions(axis, len(values), what))
    return _timed(axis, times, values, order, stamp)


def _positions(axis: TimeAxis, rows: int, what: str) -> Ints:
    executions = axis.executions()
    if rows != len(executions):
        raise UsageError(
            f"{what}: {rows} rows, and the market has {len(executions)} instants at which bars close",
            remedy="give one row per instant, or a pandas or polars frame with times",
        )
    return executions


def _ordered(symbols: list[str], values: npt.NDArray[Any], market: Market, what: str) -> tuple[Ints, npt.NDArray[Any]]:
    """Columns in the order of the market's instruments."""
    twice = sorted({name for name in symbols if symbols.count(name) > 1}) if len(set(symbols)) < len(symbols) else []
    if twice:
        raise UsageError(f"{what}: there twice: columns {', '.join(twice)}", remedy="give each symbol one column")
    if not symbols:
        raise UsageError(f"{what}: the frame has no columns", remedy="one column per symbol is needed")
    known = {instrument.symbol: k for k, instrument in enumerate(market.instruments)}
    numbers = np.array([known[name] if name in known else market.instrument_index(name) for name in symbols], np.int64)
    order = np.argsort(numbers)
    if (order == np.arange(len(order))).all():
        return numbers, values
    return numbers[order], values[:, order]


def _timed(axis: TimeAxis, stamps: Stamps, values: npt.NDArray[Any], order: Ints, stamp: Stamp | None) -> Grid:
    way = axis.way(stamps, stamp)
    ns = stamps.ns
    if (np.diff(ns) < 0).any():
        rows = np.argsort(ns, kind="stable")
        ns, values = ns[rows], values[rows]
    twice = np.flatnonzero(np.diff(ns) == 0)
    if len(twice):
        raise UsageError(
            f"{axis.what}: {len(twice)} times are there twice, the first is {np.datetime64(int(ns[twice[0]]), 'ns')}",
            remedy="keep one row per time",
        )
    instants = axis.place_grid(ns, way, order.tolist())
    lost = np.flatnonzero((instants if instants.ndim == 1 else instants.max(axis=1)) < 0)
    if len(lost):
        said = values[lost].any(axis=1) if values.dtype == np.bool_ else ~np.isnan(values[lost]).all(axis=1)
        if said.any():
            raise axis.refuse(ns, way, lost[said])
    return Grid(values, order.astype(np.int32), instants)


def _of_pandas(table: Any, what: str, flags: bool) -> tuple[Stamps | None, list[str] | None, npt.NDArray[Any]]:
    frame = table if hasattr(table, "columns") else table.to_frame()
    symbols: list[str] | None = [str(name) for name in frame.columns]
    if table is not frame:
        symbols = None  # a series of one instrument, whatever its name
    if getattr(frame.columns, "nlevels", 1) > 1 or getattr(frame.index, "nlevels", 1) > 1:
        remedy = "give one row per time and one column per symbol"
        raise UsageError(f"{what}: the frame has labels of several levels", remedy=remedy)
    index: Any = frame.index
    name = next((name for name in TIME_NAMES if symbols and name in symbols), None)
    if type(index).__name__ == "RangeIndex":
        if name is None:
            return None, symbols, _pandas_values(frame, what, flags)
        index = frame[name]
        frame = frame.drop(columns=name)
        symbols = [str(column) for column in frame.columns]
    stamps = _stamps(pa.chunked_array([pa.array(index)]), what)
    return stamps, symbols, _pandas_values(frame, what, flags)


def _pandas_values(frame: Any, what: str, flags: bool) -> npt.NDArray[Any]:
    if flags and all(str(kind) == "bool" for kind in frame.dtypes):
        return np.asarray(frame.to_numpy())
    try:
        return np.asarray(frame.to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what}: a column does not hold numbers: {error}", remedy="one column of numbers per symbol") from None


def _of_polars(table: Any, what: str, flags: bool) -> tuple[Stamps, list[str], npt.NDArray[Any]]:
    import polars

    if isinstance(table, polars.LazyFrame):
        raise UsageError(f"{what}: a polars LazyFrame has no rows yet", remedy="write frame.collect()")
    if isinstance(table, polars.Series) or not table.width:
        raise UsageError(f"{what}: a polars series has no times", remedy="give a frame with a time column, or a numpy array")
    time = next((name for name in TIME_NAMES if name in table.columns), table.columns[0])
    frame = table.drop(time)
    stamps = _stamps(table.get_column(time).to_arrow(), what)
    if flags and all(kind == polars.Boolean for kind in frame.dtypes) and not any(column.null_count() for column in frame):
        return stamps, list(frame.columns), frame.to_numpy()
    try:
        values = frame.cast(polars.Float64).to_numpy()
    except polars.exceptions.PolarsError as error:
        raise UsageError(f"{what}: a column does not hold numbers: {error}", remedy="one column of numbers per symbol") from None
    return stamps, list(frame.columns), values


def _stamps(column: Any, what: str) -> Stamps:
    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        remedy = "give datetimes or dates, or an array with a row per instant"
        raise UsageError(f"{what}: its times are plain numbers", remedy=remedy)
    return read_stamps(column, "time", None, None)


def _plain(table: Any, what: str) -> npt.NDArray[Any]:
    values = np.asarray(table)
    if values.dtype.kind not in "biuf" or values.ndim not in (1, 2):
        raise UsageError(
            f"{what}: expected an array of numbers or a frame, got {type(table).__name__} of {values.dtype}",
            remedy="give a numpy array [instants, instruments], or a pandas or polars frame",
        )
    return values


def _flags(values: npt.NDArray[Any], what: str) -> npt.NDArray[np.bool_]:
    if values.dtype == np.bool_:
        return values
    chosen = values == 1
    if not (chosen | (values == 0) | (values != values)).all():
        raise UsageError(f"{what}: signals are True or False", remedy="write frame > 0, or use Targets for sizes")
    return np.asarray(chosen, np.bool_)
