"""Parts of a market: fewer instruments, or a range of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fillwright.data.market import Feed, Market, build_market, seal
from fillwright.data.zones import When, last_of_day, parse_when, time_text, trading_days
from fillwright.errors import DataError
from fillwright.model.instrument import Instrument


def select(market: Market, symbols: Sequence[str] | None = None, start: When | None = None, end: When | None = None) -> Market:
    """The instruments named, in that order, and the rows whose open time lies in [start, end]; arrays are shared, not copied.

    ``start`` and ``end`` are read as by ``read_bars``. UsageError for an unknown symbol, DataError when a feed has no bar left.
    """
    names = list(symbols) if symbols is not None else [instrument.symbol for instrument in market.instruments]
    numbers = {market.instrument_index(name): place for place, name in enumerate(names)}
    instruments = [market.instruments[number] for number in numbers]
    feeds = []
    for feed in market.feeds:
        if feed.instrument in numbers:
            cut = _cut(feed, market.instruments[feed.instrument], start, end)
            feeds.append(replace(cut, instrument=numbers[feed.instrument]))
    return build_market(instruments, feeds, market.findings)


def _cut(feed: Feed, instrument: Instrument, start: When | None, end: When | None) -> Feed:
    if start is None and end is None:
        return feed
    zone, session = instrument.timezone, instrument.session
    days = trading_days(feed.open_time, zone, session)
    first, last = 0, len(feed)
    if start is not None:
        value, is_day = parse_when(start, zone)
        first = int(np.searchsorted(days if is_day else feed.open_time, value, side="left"))
    if end is not None:
        value, is_day = parse_when(end, zone)
        last = int(np.searchsorted(days if is_day else feed.open_time, value, side="right"))
    if last <= first:
        span = " to ".join(time_text(int(feed.open_time[row]), zone) for row in (0, -1))
        remedy = f"the data of {feed.symbol} go from {span}"
        raise DataError(f"no {feed.rows_word} between start {start or 'unset'} and end {end or 'unset'}", remedy=remedy)
    part = feed.cut(first, last)
    return replace(part, day_last=seal(last_of_day(part.open_time, zone, session), np.uint8))
