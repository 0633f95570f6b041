"""Quotes, quote bars and prints: what is read, what is refused, how several of one time are kept."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import fillwright as fw
from data.frames import write
from fillwright.data.kinds import same_as
from fillwright.data.market import Feed, is_sealed
from fillwright.errors import DataError, UsageError

QUOTES = "time,bid,ask,bid_size,ask_size"
ROWS = (
    "2024-03-26T13:30:00Z,1.08010,1.08020,5,7",
    "2024-03-26T13:30:00Z,1.08011,1.08020,6,7",
    "2024-03-26T13:30:00.5Z,1.08012,1.08021,1,2",
)


def quotes(folder: Path, *rows: str, header: str = QUOTES, **words: Any) -> fw.Market:
    return fw.read_quotes(write(folder, *rows, header=header), symbol="EURUSD", **words)


def only(market: fw.Market) -> Feed:
    (feed,) = market.feeds
    return feed


def test_quotes_of_one_time_are_kept_in_the_order_of_the_rows(tmp_path: Path) -> None:
    feed = only(quotes(tmp_path, *ROWS))
    assert feed.kind == "quotes" and feed.execution and feed.timeframe_ns == 0
    assert feed.column("bid").tolist() == [1080100, 1080110, 1080120]  # type: ignore[union-attr]
    assert feed.column("ask_size").tolist() == [7, 7, 2]  # type: ignore[union-attr]
    assert feed.middle().tolist() == [1080150, 1080155, 1080165]
    assert (np.diff(feed.close_time) == [0, 500_000_000]).all()
    assert feed.day_last.tolist() == [0, 0, 1]
    assert all(getattr(feed, name) is getattr(feed, twin) for name, twin in same_as("quotes").items())


def test_the_time_line_has_an_instant_for_each_of_them(tmp_path: Path) -> None:
    one = quotes(tmp_path, *ROWS)
    other = fw.read_quotes(write(tmp_path, *ROWS[1:], header=QUOTES, name="b.csv"), symbol="GBPUSD")
    both = one + other
    assert len(both.instants) == 3
    feeds = [[both.feeds[f].symbol for f in both.event_feed[a:b]] for a, b in zip(both.offsets, both.offsets[1:], strict=False)]
    assert feeds == [["EURUSD", "GBPUSD"], ["EURUSD"], ["EURUSD", "GBPUSD"]]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("2024-03-26T13:31:00Z,1.08030,1.08020,5,7", "the bid is above the ask"),
        ("2024-03-26T13:31:00Z,-1,1.08020,5,7", "is not positive"),
        ("2024-03-26T13:31:00Z,,1.08020,5,7", "is empty"),
        ("2024-03-26T13:31:00Z,1.08,x,5,7", "is not a number"),
        ("2024-03-26T13:31:00Z,1.08,1.09,-5,7", "is negative"),
        ("2024-03-26T13:29:00Z,1.08,1.09,5,7", "is before the row above it"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(tmp_path: Path, row: str, text: str) -> None:
    with pytest.raises(DataError, match=text) as error:
        quotes(tmp_path, *ROWS, row)
    assert "bars.csv:5" in str(error.value)
    repair = "sort" if "before" in text else "drop_bad_rows"
    assert len(only(quotes(tmp_path, *ROWS, row, repair=[repair]))) == (4 if repair == "sort" else 3)


def test_a_quote_bar_has_a_range_on_each_side(tmp_path: Path) -> None:
    names = [f"{side}_{name}" for side in ("bid", "ask") for name in ("open", "high", "low", "close")]
    header = ",".join(["time", *names])
    good = "2024-03-26T13:30:00Z,10,12,9,11,10.5,12.5,9.5,11.5"
    feed = only(fw.read_quote_bars(write(tmp_path, good, header=header), symbol="X", timeframe="1min"))
    assert feed.kind == "quote_bars" and feed.highest == 12_500_000
    assert feed.middle().tolist() == [11_250_000]
    for bad, text in (
        (good.replace("12.5", "11.4"), "high is below"),
        (good.replace(",9,", ",10.5,"), "low is above"),
        (good.replace(",9.5,", ",8.5,"), "the bid is above the ask"),
    ):
        with pytest.raises(DataError, match=text):
            fw.read_quote_bars(write(tmp_path, bad, header=header), symbol="X", timeframe="1min")


def test_sizes_may_be_missing_or_nothing(tmp_path: Path) -> None:
    plain = quotes(tmp_path, "2024-03-26T13:30:00Z,1,2", header="time,bid,ask")
    assert only(plain).bid_size is None
    market = quotes(tmp_path, "2024-03-26T13:30:00Z,1,2,0,0")
    assert only(market).ask_size is None
    assert [finding.kind for finding in market.findings] == ["volume", "volume"]
    feed = only(fw.read_prints(write(tmp_path, "2024-03-26T13:30:00Z,1,3", header="time,price,size"), symbol="X"))
    assert feed.kind == "prints" and feed.column("size").tolist() == [3]  # type: ignore[union-attr]


def test_a_date_is_no_time_of_a_quote(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="need a time of day"):
        quotes(tmp_path, "2024-03-26,1,2", header="date,bid,ask")
    with pytest.raises(UsageError, match="no keyword 'timeframe'"):
        quotes(tmp_path, *ROWS, timeframe="1min")


def test_the_digest_does_not_depend_on_the_source(tmp_path: Path) -> None:
    market = quotes(tmp_path, *ROWS)
    feed = only(market)
    columns = {"time": feed.close_time.view("datetime64[ns]"), "bid": feed.close / 1e6, "ask": feed.ask_close / 1e6}  # type: ignore[operator]
    columns |= {"bid_size": feed.bid_size, "ask_size": feed.ask_size}  # type: ignore[dict-item]
    parquet.write_table(pa.table(columns), tmp_path / "q.parquet")
    for source in (columns, tmp_path / "q.parquet"):
        assert fw.read_quotes(source, symbol="EURUSD", tz="UTC").digest == market.digest
    stored = fw.open_market(fw.convert(market, tmp_path / "q.market"))
    assert stored.digest == market.digest
    assert pickle.loads(pickle.dumps(market)).digest == market.digest
    for array in only(stored).arrays().values():
        assert is_sealed(array)
    changed = [row.replace("1.08021", "1.08022") for row in ROWS]
    assert quotes(tmp_path, *changed).digest != market.digest


def test_every_kind_in_one_file(tmp_path: Path) -> None:
    market = quotes(tmp_path, *ROWS)
    market += fw.read_prints(write(tmp_path, "2024-03-26T13:30:00Z,1.0801,3", header="time,price,size"), symbol="EURUSD")
    market += market_of_bars(tmp_path)
    assert [(feed.kind, feed.execution) for feed in market.feeds] == [("prints", False), ("quotes", True), ("bars", True)]
    stored = fw.open_market(fw.convert(market, tmp_path / "all.market"))
    assert stored.digest == market.digest
    assert [feed.kind for feed in stored.feeds] == ["prints", "quotes", "bars"]


def market_of_bars(folder: Path) -> fw.Market:
    row = "2024-03-26T13:30:00Z,1.08,1.09,1.07,1.08"
    return fw.read_bars(write(folder, row, header="time,open,high,low,close"), symbol="GBPUSD", timeframe="1min")


def test_real_quotes(shared: Path) -> None:
    market = fw.read_quotes(shared / "data/nautilus/usdjpy-ticks.csv", symbol="USDJPY", tz="UTC")
    feed = only(market)
    assert len(feed) == 1000
    assert feed.bid_size is None
    assert (feed.close <= feed.ask_close).all()


def test_a_configuration_names_the_kind(tmp_path: Path) -> None:
    write(tmp_path, *ROWS, header=QUOTES, name="q.csv")
    (tmp_path / "s.py").write_text(
        "import fillwright as fw\n\nclass S(fw.Strategy):\n    def on_quote(self, quote):\n"
        "        if quote.index == 0:\n            self.buy(quote.symbol, 3)\n"
    )
    (tmp_path / "run.yaml").write_text(
        "version: 1\ndata: {sources: [{symbol: EURUSD, path: q.csv, kind: quotes}]}\nstrategy: {name: 's.py:S'}\n"
        "instruments: {EURUSD: {quote: USD}}\n"
    )
    result = fw.run_config(tmp_path / "run.yaml")
    assert result.fills["price"].tolist() == [1.0802]
