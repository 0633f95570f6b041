"""Made-up bars for examples and tests: a random walk that any machine draws alike from its seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fillwright.data.arrow import to_arrow
from fillwright.data.bars import parse_timeframe
from fillwright.data.kinds import PRICE_COLUMNS
from fillwright.data.market import DAY_NS, Feed, Ints, Market, build_market, seal
from fillwright.data.zones import SECOND_NS, When, from_wall, last_of_day, parse_when, session_span, to_wall
from fillwright.errors import UsageError
from fillwright.model.instrument import Instrument

Floats = npt.NDArray[np.float64]
_LOWEST = 1.0


def make_bars(
    n: int,
    *,
    seed: int = 0,
    timeframe: str = "1d",
    start: When = "2020-01-01",
    instrument: Instrument | None = None,
    price: float = 100.0,
    volatility: float = 0.2,
) -> Market:
    """A market of one instrument (MADE unless given) with n bars: a geometric random walk in prices of two decimals.

    volatility  standard deviation of a year's return, as a fraction; 252 days a year
    instrument  its zone and session are honoured: with a session there are bars on weekdays inside it, else around the clock

    The numbers come from a counter-based generator in integers, so the same call gives the same bars on every machine.
    """
    instrument = instrument or Instrument("MADE")
    if n < 1:
        raise UsageError(f"cannot make {n} bars", remedy="n must be at least 1")
    if not 0 < volatility < 4 or not price >= _LOWEST:
        raise UsageError("volatility must lie between 0 and 4 and price must be at least 1")
    length = parse_timeframe(timeframe)
    opens, closes = _times(n, length, start, instrument)
    step = volatility * float(np.sqrt(min(length / DAY_NS, 30.0) / 252.0))
    gap, move, up, down = (_normal(n, seed, stream) * step for stream in range(4))
    ratio = (1.0 + 0.2 * gap) * (1.0 + move)
    closing = np.maximum(price * np.cumprod(ratio), _LOWEST)
    opening = np.maximum(np.concatenate(([price], closing[:-1])) * (1.0 + 0.2 * gap), _LOWEST)
    high = np.maximum(opening, closing) * (1.0 + 0.5 * np.abs(up))
    low = np.maximum(np.minimum(opening, closing) * (1.0 - 0.5 * np.abs(down)), 0.5 * _LOWEST)
    scale = instrument.price_scale
    cent = max(scale // 100, 1)
    per_unit = min(scale, 100)
    columns = dict(zip(PRICE_COLUMNS, (opening, high, low, closing), strict=True))
    prices: dict[str, Any] = {name: seal(np.rint(values * per_unit).astype(np.int64) * cent) for name, values in columns.items()}
    volume = (1_000 + _bits(n, seed, 99) % np.uint64(9_000)).astype(np.int64) * instrument.quantity_scale
    feed = Feed(
        symbol=instrument.symbol, instrument=0, timeframe_ns=length, execution=True, open_time=seal(opens),
        close_time=seal(closes), volume=seal(volume), **prices,
        day_last=seal(last_of_day(opens, instrument.timezone, instrument.session), np.uint8),
    )  # fmt: skip
    return build_market((instrument,), (feed,))


def write_csv(market: Market, path: str | Path) -> Path:
    """Write a market of one feed as CSV: open times in UTC (dates where bars are days), prices as plain decimals."""
    from pyarrow import csv as arrow_csv

    if len(market.feeds) != 1:
        raise UsageError("a CSV file holds one feed", remedy="select() one symbol, or use convert() for a market file")
    feed, instrument = market.feeds[0], market.instruments[0]
    columns: dict[str, Any]
    if feed.timeframe_ns >= DAY_NS:
        days = to_wall(feed.close_time - 1, instrument.timezone) // DAY_NS
        columns = {"date": to_arrow(days.astype(np.int32), pa.date32())}
    else:
        times = to_arrow(feed.open_time, pa.timestamp("ns", "UTC"))
        columns = {"timestamp": times if (feed.open_time % SECOND_NS).any() else times.cast(pa.timestamp("s", "UTC"))}
    for name in PRICE_COLUMNS:
        columns[name] = to_arrow(getattr(feed, name) / instrument.price_scale)
    if feed.volume is not None:
        whole = instrument.quantity_decimals == 0
        columns["volume"] = to_arrow(feed.volume if whole else feed.volume / instrument.quantity_scale)
    try:
        arrow_csv.write_csv(pa.table(columns), str(path), arrow_csv.WriteOptions(quoting_style="none"))
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror or error}", where=str(path), remedy="check the folder") from None
    return Path(path)


def _times(n: int, length: int, start: When, instrument: Instrument) -> tuple[Ints, Ints]:
    zone, session = instrument.timezone, instrument.session
    value, is_day = parse_when(start, zone)
    day = value if is_day else int(to_wall(np.array([value], np.int64), zone)[0] // DAY_NS)
    always = session == (0, 86_400)
    if length >= DAY_NS:
        days = _days(n, day, 1 if always else 0, length // DAY_NS)
        last = days + length // DAY_NS - 1
        return session_span(days, zone, session)[0], session_span(last, zone, session)[1]
    if always:
        first = value if not is_day else int(from_wall(np.array([day * DAY_NS], np.int64), zone)[0][0])
        opens = first + np.arange(n, dtype=np.int64) * length
        return opens, opens + length
    begin, end = session
    seconds = end - begin + (86_400 if begin >= end else 0)
    per_day = max(seconds * SECOND_NS // length, 1)
    days = _days(-(-n // per_day), day, 0, 1)
    opens = (session_span(days, zone, session)[0][:, None] + np.arange(per_day) * length).reshape(-1)[:n]
    return opens, opens + length


def _days(count: int, first: int, weekends: int, step: int) -> Ints:
    """``count`` days from ``first`` on, ``step`` apart; weekdays only unless ``weekends`` or the step is longer than a day."""
    if weekends or step > 1:
        return first + np.arange(count, dtype=np.int64) * step
    days = first + np.arange(count * 7 // 5 + 7, dtype=np.int64)
    return days[(days + 3) % 7 < 5][:count]  # 1970-01-01 was a Thursday


def _normal(n: int, seed: int, stream: int) -> Floats:
    """n numbers with mean 0 and variance 1, close to normal: sums of twelve 16-bit uniforms."""
    total = np.zeros(n, np.int64)
    for part in range(3):
        bits = _bits(n, seed, stream * 4 + part)
        for shift in (0, 16, 32, 48):
            total += ((bits >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)
    return (total - 6 * 65_535) / 65_536.0


def _bits(n: int, seed: int, stream: int) -> npt.NDArray[np.uint64]:
    """n 64-bit words of (seed, stream, counter) by the splitmix64 finaliser."""
    key = (seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03 + 0x8CB92BA72F3D8DD7) & 0xFFFFFFFFFFFFFFFF
    word = np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
