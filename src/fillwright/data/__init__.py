"""Market data: readers, checks, the market on its time line, its storage, exchange-rate sources."""

from __future__ import annotations

from fillwright.data.fx import FxSource, rate_sources
from fillwright.data.make import make_bars, write_csv
from fillwright.data.market import Feed, Finding, Market, build_market, combine
from fillwright.data.read import Source, read_bars, read_prints, read_quote_bars, read_quotes, read_source
from fillwright.data.select import select
from fillwright.data.store import convert, describe, open_market

__all__ = [
    "Feed",
    "Finding",
    "FxSource",
    "Market",
    "Source",
    "build_market",
    "combine",
    "convert",
    "describe",
    "make_bars",
    "open_market",
    "rate_sources",
    "read_bars",
    "read_prints",
    "read_quote_bars",
    "read_quotes",
    "read_source",
    "select",
    "write_csv",
]
