"""Real files of other tools, of the previous system and of the arch package."""

from __future__ import annotations

from importlib.metadata import files
from pathlib import Path

import numpy as np
import pytest

from fillwright.data import read_bars
from fillwright.errors import DataError

DAY = 86_400_000_000_000

LEGACY = {
    "HEAD_1min.csv": (1_000, 60_000_000_000, 3),
    "MINI_1min.csv": (48, 60_000_000_000, 1),
    "SYNTH_1min.csv": (120, 60_000_000_000, 1),
    "SPY_1min.csv": (1_774, 60_000_000_000, 2),
    "AAPL_1d.csv": (240, DAY, 240),
    "MSFT_1d.csv": (240, DAY, 240),
    "GOOGL_1d.csv": (240, DAY, 240),
    "GOOG_1d.csv": (260, DAY, 260),
    "test_eod/test_data.csv": (21, 3_600_000_000_000, 3),
}


@pytest.mark.parametrize("name", LEGACY)
def test_files_of_the_previous_system(shared: Path, name: str) -> None:
    rows, timeframe, days = LEGACY[name]
    path = shared / "legacy" / "data" / name
    market = read_bars(path, symbol="SPY", tz="UTC")
    feed = market.feeds[0]
    assert (len(feed), feed.timeframe_ns, int(feed.day_last.sum())) == (rows, timeframe, days)
    first = [float(cell) for cell in _cells(path, "open", "high", "low", "close")]
    scale = market.instruments[0].price_scale
    assert [int(getattr(feed, name)[0]) for name in ("open", "high", "low", "close")] == [round(x * scale) for x in first]
    if timeframe < DAY and name != "SPY_1min.csv":
        with pytest.raises(DataError, match="times without a zone"):
            read_bars(path, symbol="SPY")


def test_zoned_times_that_do_not_match_the_stated_format_do_not_vanish(shared: Path) -> None:
    path = shared / "legacy" / "data" / "SPY_1min.csv"
    with pytest.raises(DataError, match="1774 unreadable times"):
        read_bars(path, symbol="SPY", timestamp_format="%Y-%m-%d %H:%M:%S", tz="UTC")
    with pytest.raises(DataError, match="go from 2025-04-24"):
        read_bars(path, symbol="SPY", start="2024-01-01", end="2024-12-31")


def test_files_of_other_tools(shared: Path) -> None:
    goog = read_bars(shared / "data" / "backtesting_py" / "GOOG.csv", symbol="GOOG").feeds[0]
    assert len(goog) == 2_148 and goog.open[0] == 100_000_000 and goog.volume is not None and goog.volume[0] == 22_351_900
    hourly = read_bars(shared / "data" / "backtesting_py" / "EURUSD.csv", symbol="EURUSD", tz="UTC").feeds[0]
    assert len(hourly) == 5_000 and hourly.timeframe_ns == 3_600_000_000_000 and hourly.high[0] == 1_072_200
    monthly = shared / "data" / "backtesting_py" / "BTCUSD.csv"
    with pytest.raises(DataError, match="first day or the last"):
        read_bars(monthly, symbol="BTCUSD")
    feed = read_bars(monthly, symbol="BTCUSD", stamp="close").feeds[0]
    assert str(np.datetime64(int(feed.close_time[0]), "ns"))[:10] == "2012-02-01"
    index = read_bars(shared / "data" / "backtrader" / "2006-day-001.txt", symbol="IDX").feeds[0]
    assert len(index) == 255 and index.volume is None and index.close[0] == 3_604_330_000


def test_bundled_daily_series_of_arch() -> None:
    names = [file for file in files("arch") or [] if file.match("arch/data/sp500/*.csv.gz")]
    assert names
    path = Path(str(names[0].locate()))
    market = read_bars(path, symbol="SPX", timestamp_format="%m/%d/%Y")
    feed = market.feeds[0]
    assert len(feed) == 5_031 and feed.open[0] == 1_229_229_980 and feed.timeframe_ns == DAY
    assert any("'Adj Close'" in finding.message for finding in market.findings)


def _cells(path: Path, *names: str) -> list[str]:
    header, row = (line.split(",") for line in path.read_text().splitlines()[:2])
    folded = [name.lower() for name in header]
    return [row[folded.index(name)] for name in names]
