"""The market that a configuration describes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from fillwright.config.schema import Config
from fillwright.data import convert, make_bars
from fillwright.data.load import load_market
from fillwright.data.market import Market
from fillwright.errors import ConfigError, DataError
from fillwright.model.instrument import Instrument

from .frames import ROWS, write


def load(folder: Path, **sections: Any) -> Market:
    return load_market(Config.from_dict(sections), folder)


def test_sources_instruments_and_hours(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write(tmp_path / "data", *ROWS)
    write(tmp_path / "data", "2024-03-26,1,2,1,2,5", "2024-03-27,1,2,1,2,5", header="day,o,h,l,c,v", name="daily.csv")
    market = load(
        tmp_path,
        data={
            "folder": "data",
            "sources": [
                {"symbol": "SPY", "path": "bars.csv", "timezone": "America/New_York"},
                {
                    "symbol": "EUR", "path": "daily.csv", "timestamp_column": "day", "timestamp_format": "%Y-%m-%d",
                    "columns": {"open": "o", "high": "h", "low": "l", "close": "c"}, "execution": True,
                },
            ],
        },
        instruments={"EUR": {"quote": "JPY", "base": "EUR", "tick": "0.005", "fractional": True, "multiplier": 2.5}},
        hours={"session": "17:00-17:00"},
    )  # fmt: skip
    spy, eur = market.instruments
    assert spy == Instrument("SPY", timezone="America/New_York", session=(61_200, 61_200))
    assert eur == Instrument("EUR", "JPY", 3, 8, Fraction(5, 2), 5, "UTC", (61_200, 61_200), "EUR")
    daily = market.execution_feed(1)
    assert daily.volume is None and daily.marked is True and daily.close.tolist() == [2_000, 2_000]
    assert market.execution_feed(0).close[0] == 521_010_000


def test_two_timeframes_of_one_symbol(tmp_path: Path) -> None:
    write(tmp_path, *ROWS)
    days = ("2024-03-26,521.1234567,522,520,521,5", "2024-03-27,1,2,1,2,5")
    write(tmp_path, *days, header="date,open,high,low,close,volume", name="d.csv")
    sources = [{"symbol": "SPY", "path": "d.csv"}, {"symbol": "SPY", "path": "bars.csv", "timezone": "UTC"}]
    market = load(tmp_path, data={"sources": sources})
    assert market.instruments[0].price_decimals == 7
    assert [(feed.timeframe_ns // 60_000_000_000, feed.execution) for feed in market.feeds] == [(1, True), (1440, False)]


def test_range_and_repair(tmp_path: Path) -> None:
    write(tmp_path, *reversed(ROWS))
    sources = [{"symbol": "SPY", "path": "bars.csv", "timezone": "UTC"}]
    with pytest.raises(DataError, match="out of order"):
        load(tmp_path, data={"sources": sources})
    market = load(tmp_path, data={"sources": sources, "repair": ["sort"], "start": "2024-03-27"})
    assert len(market.feeds[0]) == 1 and any(finding.kind == "repair" for finding in market.findings)
    with pytest.raises(DataError, match="no bars between start 2025-01-01"):
        load(tmp_path, data={"sources": sources, "repair": "sort", "start": "2025-01-01"})


def test_errors_name_the_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no sources"):
        load(tmp_path)
    with pytest.raises(DataError, match=r"gone\.csv: cannot be opened"):
        load(tmp_path, data={"sources": [{"symbol": "SPY", "path": "gone.csv"}]})
    write(tmp_path, *ROWS)
    with pytest.raises(DataError, match=r"bars\.csv:2: times without a zone"):
        load(tmp_path, data={"sources": [{"symbol": "SPY", "path": "bars.csv"}]})


def test_a_market_file_is_a_source(tmp_path: Path) -> None:
    market = make_bars(50, instrument=Instrument("A")) + make_bars(50, timeframe="1h", instrument=Instrument("A"))
    convert(market + make_bars(9, instrument=Instrument("B")), tmp_path / "m.arrow")
    both = load(tmp_path, data={"sources": [{"symbol": "A", "path": "m.arrow"}]})
    assert both.digest == market.digest
    hourly = load(tmp_path, data={"sources": [{"symbol": "A", "path": "m.arrow", "timeframe": "1h"}], "end": "2020-01-01"})
    assert len(hourly.feeds) == 1 and len(hourly.feeds[0]) == 24
    with pytest.raises(DataError, match="has no bars of 5min"):
        load(tmp_path, data={"sources": [{"symbol": "A", "path": "m.arrow", "timeframe": "5min"}]})
    with pytest.raises(DataError, match="stored with other settings: quote"):
        load(tmp_path, data={"sources": [{"symbol": "A", "path": "m.arrow"}]}, instruments={"A": {"quote": "EUR"}})
