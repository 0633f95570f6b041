"""Reading bars: every form gives the same market, nothing is assumed in silence, every problem is told with its line."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from fillwright.data import Market, Source, read_bars, read_source
from fillwright.errors import DataError, UsageError
from fillwright.model.instrument import Instrument

from .frames import HEADER, ROWS, write

START = int(np.datetime64("2024-03-26T13:30", "ns").astype(np.int64))
MINUTE = 60_000_000_000
DAILY = "date,open,high,low,close,volume"


def read(path: object, **more: object) -> Market:
    return read_bars(path, **{"symbol": "SPY", "tz": "UTC"} | more)  # type: ignore[arg-type]


def kinds(market: Market) -> dict[str, str]:
    return {finding.kind: finding.message for finding in market.findings}


def failure(path: object, **more: object) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **more)
    return str(caught.value)


def test_a_csv_file_becomes_units_lots_and_ns(tmp_path: Path) -> None:
    market = read(write(tmp_path, *ROWS))
    feed = market.feeds[0]
    assert market.instruments == (Instrument("SPY"),)
    assert feed.open_time.tolist()[:3] == [START, START + MINUTE, START + 2 * MINUTE]
    np.testing.assert_array_equal(feed.close_time - feed.open_time, MINUTE)
    assert feed.known_at is feed.close_time
    assert feed.close.tolist() == [521_010_000, 521_070_000, 521_100_000, 522_250_000]
    assert feed.volume is not None and feed.volume.tolist() == [342_898, 186_082, 100_000, 50]
    assert feed.day_last.tolist() == [0, 0, 1, 1] and feed.timeframe_ns == MINUTE and feed.execution
    assert "1min, inferred from the median step (66.7%" in kinds(market)["timeframe"]
    assert set(kinds(market)) == {"timeframe"}


def test_every_form_of_the_same_bars_has_one_digest(tmp_path: Path) -> None:
    path = write(tmp_path, *ROWS)
    frame = pd.read_csv(path, parse_dates=["timestamp"])
    indexed = frame.set_index("timestamp")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, tmp_path / "bars.parquet")
    feather.write_feather(table, tmp_path / "bars.arrow", compression="uncompressed")
    indexed.to_parquet(tmp_path / "indexed.parquet")
    packed = tmp_path / "bars.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    write(tmp_path, *[row.replace(",", ";") for row in ROWS], header=HEADER.replace(",", ";"), name="semicolon.csv")
    write(tmp_path, *[row.replace(" ", "T").replace("0,5", "0+00:00,5", 1) for row in ROWS], name="zoned.csv")
    write(tmp_path, "", *ROWS, "", name="blank.csv", header="\ufeff" + HEADER.upper())
    sources = [
        path, packed, tmp_path / "bars.parquet", tmp_path / "indexed.parquet", tmp_path / "bars.arrow", frame, indexed, table,
        table.to_batches()[0], pl.from_pandas(frame), {name: frame[name].to_numpy() for name in frame},
        {name: frame[name].tolist() for name in frame}, indexed.tz_localize("UTC"), frame.astype({"close": "float32"}),
        tmp_path / "semicolon.csv", tmp_path / "zoned.csv", tmp_path / "blank.csv", str(path),
        frame.assign(timestamp=frame["timestamp"].astype("category")),
    ]  # fmt: skip
    expected = read(path).digest
    for source in sources:
        assert read(source).digest == expected, type(source)
    seconds = frame.assign(timestamp=frame["timestamp"].astype("datetime64[s]").astype("int64"))
    assert read(seconds, unit="s").digest == expected
    decimals = table.set_column(1, "open", table["open"].cast(pa.decimal128(12, 2)))
    assert read(decimals).digest == expected


def test_neither_pandas_nor_polars_nor_numba_is_imported(tmp_path: Path) -> None:
    program = (
        "import sys; from fillwright.data import read_bars; from fillwright import indicators\n"
        f"read_bars({str(write(tmp_path, *ROWS))!r}, symbol='SPY', tz='UTC').digest\n"
        "print(sorted({'pandas', 'polars', 'numba', 'scipy', 'arch'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)})
    assert out.stdout.strip() == "[]", out.stderr


def test_times_without_zone_ask_for_one_and_dates_do_not(tmp_path: Path) -> None:
    path = write(tmp_path, *ROWS)
    message = failure(path, tz=None)
    assert "bars.csv:2: times without a zone, such as '2024-03-26 13:30:00'" in message and "tz='UTC'" in message
    zoned = read(path, tz="America/New_York")
    assert zoned.feeds[0].open_time[0] == START + 4 * 3600 * 10**9 and zoned.instruments[0].timezone == "America/New_York"
    daily = write(tmp_path, "2024-03-26,1,2,1,2,5", "2024-03-27,1,2,1,2,5", header=DAILY, name="d.csv")
    feed = read(daily, tz=None).feeds[0]
    assert feed.timeframe_ns == 24 * 60 * MINUTE and feed.close_time[0] == feed.open_time[1]


def test_daily_bars_last_from_session_open_to_session_close(tmp_path: Path) -> None:
    path = write(tmp_path, "2024-03-08,1,2,1,2,5", "2024-03-11,1,2,1,2,5", header=DAILY)
    stocks = Instrument("SPY", timezone="America/New_York", session=(34_200, 57_600))
    feed = read(path, instrument=stocks, tz=None, timeframe="1d").feeds[0]
    assert [str(np.datetime64(int(t), "ns"))[:16] for t in feed.open_time] == ["2024-03-08T14:30", "2024-03-11T13:30"]
    assert [str(np.datetime64(int(t), "ns"))[:16] for t in feed.close_time] == ["2024-03-08T21:00", "2024-03-11T20:00"]
    assert feed.day_last.tolist() == [1, 1]
    currencies = Instrument("EURUSD", timezone="America/New_York", session=(61_200, 61_200))
    feed = read(path, instrument=currencies, tz=None, timeframe="1d").feeds[0]
    assert str(np.datetime64(int(feed.open_time[0]), "ns"))[:16] == "2024-03-07T22:00"
    midnights = pd.DataFrame({"date": pd.to_datetime(["2024-03-08", "2024-03-11"]), "open": 1, "high": 2, "low": 1, "close": 2})
    assert (
        read(midnights, instrument=stocks, tz=None, timeframe="1d").feeds[0].close_time.tolist()
        == read(path, instrument=stocks, tz=None, timeframe="1d").feeds[0].close_time.tolist()
    )
    local = midnights.assign(date=midnights["date"].dt.tz_localize("America/New_York"))
    utc = midnights.assign(date=midnights["date"].dt.tz_localize("UTC"))
    for frame in (local, utc):
        feed = read(frame, instrument=stocks, tz=None, timeframe="1d").feeds[0]
        assert str(np.datetime64(int(feed.close_time[0]), "ns"))[:16] == "2024-03-08T21:00"


def test_stamp_says_which_end_of_the_bar_a_time_is(tmp_path: Path) -> None:
    path = write(tmp_path, *ROWS)
    opened, closed = read(path).feeds[0], read(path, stamp="close").feeds[0]
    np.testing.assert_array_equal(closed.close_time, opened.open_time)
    np.testing.assert_array_equal(closed.open_time, opened.open_time - MINUTE)
    with pytest.raises(UsageError, match="unknown stamp"):
        read(path, stamp="end")


def test_long_bars_must_say_what_their_date_is(tmp_path: Path) -> None:
    rows = [f"2024-{month:02d}-01,1,2,1,2,5" for month in range(1, 6)]
    path = write(tmp_path, *rows, header=DAILY)
    assert "first day or the last" in failure(path)
    feed = read(path, stamp="open").feeds[0]
    assert [str(np.datetime64(int(t), "ns"))[:10] for t in feed.close_time[:3]] == ["2024-02-01", "2024-03-01", "2024-04-01"]
    feed = read(path, stamp="close").feeds[0]
    assert [str(np.datetime64(int(t), "ns"))[:10] for t in feed.close_time[:3]] == ["2024-01-02", "2024-02-02", "2024-03-02"]
    np.testing.assert_array_equal(feed.open_time[1:], feed.close_time[:-1])
    assert len(read(path, timeframe="1d").feeds[0]) == 5
    clock = [f"2024-01-{day:02d} 16:00,1,2,1,2,5" for day in (1, 2, 3)]
    path = write(tmp_path, *clock)
    assert "is it when they open or when they close" in failure(path)
    feed = read(path, stamp="close").feeds[0]
    assert feed.close_time[0] - feed.open_time[0] == 1440 * MINUTE


def test_daily_bars_stamped_at_a_local_hour_survive_the_change_of_the_clock(tmp_path: Path) -> None:
    rows = [f"2024-03-{day:02d} 16:00,1,2,1,2,5" for day in (8, 9, 10, 11, 12)]
    feed = read(write(tmp_path, *rows), tz="America/New_York", stamp="open").feeds[0]
    assert (feed.close_time[:-1] <= feed.open_time[1:]).all()
    rows = [f"2024-03-{9 + h // 24:02d} {h % 24:02d}:00,1,2,1,2,5" for h in range(1, 48, 4)]
    feed = read(write(tmp_path, *rows), tz="America/New_York", timeframe="4h").feeds[0]
    assert (feed.close_time[:-1] <= feed.open_time[1:]).all() and (feed.close_time - feed.open_time).min() == 180 * MINUTE


def test_overlapping_bars_are_an_error(tmp_path: Path) -> None:
    message = failure(write(tmp_path, *ROWS), timeframe="5min")
    assert "bars.csv:2: timestamp '2024-03-26 13:30:00': the next bar comes before this one of 5min has ended" in message
    assert "the median step is 1min" in message and "2 overlapping bars" in message


def test_every_problem_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    rows = [
        "2024-03-26 13:30:00,1,2,1,2,5",
        "",
        "2024-03-26 13:29:00,1,2,1,2,5",
        "2024-03-26 13:29:00,1,2,1,2,5",
        "2024-03-26 13:33:00,1,abc,1,2,5",
        "2024-03-26 13:34:00,1,2,,2,5",
        "2024-03-26 13:35:00,1,2,0,2,5",
        "2024-03-26 13:36:00,1,2,1,2,-5",
        "2024-03-26 13:37:00,1,1.5,1,2,5",
        "2024-03-26 13:38:00,1,2,1.5,2,5",
        "2024-03-26 13:39:00,1,inf,1,nan,5",
    ]
    message = failure(write(tmp_path, *rows))
    assert "9 problems in the data" in message
    for line in (
        "bars.csv:4: timestamp '2024-03-26 13:29:00': is before the row above it",
        "bars.csv:6: high 'abc': is not a number",
        "bars.csv:7: low '': is empty, NaN or infinite",
        "bars.csv:8: low '0': is not positive",
        "bars.csv:9: volume '-5': is negative",
        "bars.csv:10: open '1', high '1.5', low '1', close '2': high is below another price",
        "bars.csv:11: open '1', high '2', low '1.5', close '2': low is above another price",
        "bars.csv:12: high 'inf': is empty, NaN or infinite",
        "bars.csv:12: close 'nan': is empty, NaN or infinite",
    ):
        assert line in message, line
    assert "repair=['sort']" in message and "repair=['clip_high_low']" in message


def test_at_most_twenty_places_are_shown_and_all_counted(tmp_path: Path) -> None:
    rows = [f"2024-03-26 {h:02d}:{m:02d}:00,1,2,1,x,5" for h in range(2) for m in range(60)]
    message = failure(write(tmp_path, *rows))
    assert "120 problems" in message and "... and 100 more" in message and len(re.findall(r"bars.csv:\d", message)) == 20
    assert "bars.csv:21:" in message and "bars.csv:22:" not in message


def test_repairs_are_done_when_asked_for_and_told(tmp_path: Path) -> None:
    rows = [
        "2024-03-26 13:31:00,1,2,1,2,5",
        "2024-03-26 13:30:00,1,2,1,2,5",
        "2024-03-26 13:30:00,1,3,1,2,5",
        "2024-03-26 13:32:00,1,1.5,1,2,5",
        "2024-03-26 13:33:00,1,2,,2,5",
        "not a time,1,2,1,2,5",
    ]
    path = write(tmp_path, *rows)
    market = read(path, repair=["sort", "drop_duplicates", "clip_high_low", "drop_bad_rows"])
    feed = market.feeds[0]
    assert feed.high.tolist() == [2_000_000, 2_000_000, 2_000_000] and (np.diff(feed.open_time) == MINUTE).all()
    told = [f"{finding.count} {finding}" for finding in market.findings if finding.kind == "repair"]
    assert [line.split(": ")[1].split(":")[0] for line in told] == [
        "drop_bad_rows", "sort", "drop_duplicates", "clip_high_low",
    ]  # fmt: skip
    assert told[0].startswith("2 ") and "bars.csv:6 (first)" in told[0] and "some differed" in told[2]
    dropped = read(path, repair=["sort", "drop_duplicates", "drop_bad_rows"]).feeds[0]
    assert len(dropped) == 2
    assert "no row is usable" in failure(write(tmp_path, "x,1,2,1,2,5", name="x.csv"), repair="drop_bad_rows")
    with pytest.raises(UsageError, match="did you mean 'drop_duplicates'"):
        read(path, repair=["drop_duplicate"])


def test_gaps_are_reported_not_refused(tmp_path: Path) -> None:
    rows = [f"2024-03-26 13:{m}:00,1,2,1,2,5" for m in (30, 31, 32, 35, 36, 37, 40, 41)]
    finding = next(one for one in read(write(tmp_path, *rows)).findings if one.kind == "gaps")
    assert finding.count == 4 and "the longest gap is 2 after 2024-03-26 13:32:00 UTC" in finding.message
    assert "gaps" not in kinds(read(write(tmp_path, *ROWS)))  # a night is none


def test_start_and_end_are_inclusive_and_a_date_is_the_whole_day(tmp_path: Path) -> None:
    path = write(tmp_path, *ROWS)
    assert len(read(path, end="2024-03-26").feeds[0]) == 3
    assert len(read(path, start=date(2024, 3, 27)).feeds[0]) == 1
    assert len(read(path, start="2024-03-26 13:31", end="2024-03-26 13:32").feeds[0]) == 2
    assert read(path, end="2024-03-26 13:31").feeds[0].day_last.tolist() == [0, 1]
    message = failure(path, start="2025-01-01")
    assert "no bars between start 2025-01-01 and end unset" in message
    assert "go from 2024-03-26 13:30:00 UTC to 2024-03-27 13:30:00 UTC" in message


def test_decimals_are_the_fewest_that_are_exact_at_least_six(tmp_path: Path) -> None:
    def decimals(price: str, **more: object) -> tuple[Market, int]:
        market = read(write(tmp_path, f"2024-03-26,{price},{price},{price},{price},5", header=DAILY), timeframe="1d", **more)
        return market, market.instruments[0].price_decimals

    assert decimals("1.5")[1] == 6
    assert decimals("0.12345678")[1] == 8
    market, count = decimals("0.12345678901")
    assert count == 9 and "the largest error is 1e-11" in kinds(market)["decimals"] and market.feeds[0].close[0] == 123_456_789
    market, _ = decimals("1.25", instrument=Instrument("SPY", price_decimals=1))
    assert market.feeds[0].close.tolist() == [12] and "allows no more" in str(market.findings[-1])
    assert decimals("9e9")[1] == 6
    large = write(tmp_path, "2024-03-26,1e10,1e10,1e10,1e10,5", header=DAILY)
    assert "does not fit at 6 decimals" in failure(large, timeframe="1d")
    small = write(tmp_path, "2024-03-26,0.01,1,0.01,1,5", header=DAILY)
    assert "a price is 0 at 1 decimals" in failure(small, timeframe="1d", instrument=Instrument("SPY", price_decimals=1))


def test_volume_is_counted_in_lots(tmp_path: Path) -> None:
    rows = ["2024-03-26,1,2,1,2,5038.0", "2024-03-27,1,2,1,2,0.12345678"]
    market = read(write(tmp_path, *rows, header=DAILY))
    volume = market.feeds[0].volume
    assert volume is not None and volume.tolist() == [5_038, 0] and "1 volumes are not whole units" in kinds(market)["rounding"]
    fine = read(tmp_path / "bars.csv", instrument=Instrument("SPY", quantity_decimals=8)).feeds[0].volume
    assert fine is not None and fine.tolist() == [503_800_000_000, 12_345_678]
    market = read(write(tmp_path, "2024-03-26,1,2,1,2,0", "2024-03-27,1,2,1,2,0", header=DAILY))
    assert market.feeds[0].volume is None and "taken as no volume" in kinds(market)["volume"]
    market = read(write(tmp_path, "2024-03-26,1,2,1,2", "2024-03-27,1,2,1,2", header="date,open,high,low,close"))
    assert market.feeds[0].volume is None and "volume" not in kinds(market)


def test_columns_are_found_by_name_whatever_their_case(tmp_path: Path) -> None:
    path = write(tmp_path, *ROWS, header="Timestamp,Open,HIGH,low,Last,vwap")
    assert "no column 'close' for close" in failure(path)
    market = read(path, columns={"close": "last", "volume": "VWAP"})
    assert market.feeds[0].close[0] == 521_010_000
    market = read(path, columns={"close": "last"})
    assert kinds(market)["columns"] == "not used: 'vwap'" and market.feeds[0].volume is None
    with pytest.raises(UsageError, match="did you mean 'close'"):
        read(path, columns={"clos": "last"})
    assert "both match" in failure(write(tmp_path, *ROWS, header="timestamp,open,High,HIGH,low,close"))
    assert "could each be the time" in failure(write(tmp_path, *ROWS, header="date,timestamp,open,high,low,close"))
    assert "no column for the time" in failure(write(tmp_path, *ROWS, header="when,open,high,low,close,volume"))
    assert read(tmp_path / "bars.csv", timestamp_column="When").digest == read(write(tmp_path, *ROWS)).digest
    assert "there are 'timestamp', 'open'" in failure(write(tmp_path, *ROWS), timestamp_column="date")
    assert "there twice: columns 'open'" in failure(write(tmp_path, *ROWS, header="timestamp,open,open,low,close,volume"))


def test_a_symbol_column_splits_or_selects(tmp_path: Path) -> None:
    rows = ["A,2024-03-26,1,2,1,2,5", "B,2024-03-26,3,4,3,4,5", "A,2024-03-27,1,2,1,2,5", "B,2024-03-27,3,4,3,x,5"]
    path = write(tmp_path, *rows, header="symbol,date,open,high,low,close,volume")
    assert "holds 2 symbols" in failure(path) and "symbol_column='symbol'" in failure(path)
    assert "bars.csv:5: close 'x'" in failure(path, symbol=None, symbol_column="symbol")
    one = read(path, symbol="A", symbol_column="symbol")
    assert [item.symbol for item in one.instruments] == ["A"] and len(one.feeds[0]) == 2
    path.write_text(path.read_text().replace("x", "4"))
    both = read(path, symbol=None, symbol_column="symbol")
    assert [item.symbol for item in both.instruments] == ["A", "B"] and both.offsets.tolist() == [0, 2, 4]
    assert "did you mean 'A'" in failure(path, symbol="a", symbol_column="symbol")
    single = write(tmp_path, *[row for row in rows if row[0] == "A"], header="symbol,date,open,high,low,close,volume")
    assert read_bars(single).instruments[0].symbol == "A"
    assert kinds(read(single, symbol="Z"))["symbol"] == "column 'symbol' says 'A', read as 'Z'"
    with pytest.raises(UsageError, match="symbol of the bars is not known"):
        read_bars(write(tmp_path, *ROWS), tz="UTC")


@pytest.mark.parametrize(
    "content, says",
    [
        ("", "the file is empty"),
        ("timestamp,open,high,low,close\n", "has a header but no rows"),
        ("2024-03-26 13:30,1,2,1,2,5\n2024-03-26 13:31,1,2,1,2,5\n", "has no header"),
        ("1711459800,1,2,1,2,5\n", "has no header"),
        ("one column\n1\n", "no columns in the first line"),
        ("timestamp,open,high,low,close\n2024-03-26 13:30,1,2,1\n2024-03-26 13:31,1,2,1,2,5\n", "2 lines do not fit"),
        ("PK\x03\x04", "packed with zip"),
        ("PAR1xxxxPAR1", "not a readable Parquet file"),
        ("ARROW1xxxxxxx", "not a readable Arrow file"),
        ("timestamp,open,high,low,close\n1711459800,1,2,1,2\n", "plain numbers such as '1711459800'"),
        ("timestamp,open,high,low,close\n2024-03-26 13:30,1,2,1,2\n", "cannot be inferred from one bar"),
        ("timestamp,open,high,low,close\n2024-03-26,1,2,1,2\n2024-03-26,1,2,1,2\n", "has the same time as the row above it"),
    ],
)
def test_files_that_are_no_bars(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(content)
    message = failure(path)
    assert says in message and "bars.csv" in message and "\n  " in message  # the place and a remedy


def test_ragged_lines_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("timestamp,open,high,low,close\n2024-03-26 13:30,1,2,1\n\n2024-03-26 13:31,1,2,1,2,5\n")
    message = failure(path)
    assert "bars.csv:2: has 4 fields, the header has 5" in message and "bars.csv:4: has 6 fields" in message


def test_sources_that_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path, *ROWS)
    assert "cannot be opened" in failure(tmp_path / "bras.csv") and "files there: bars.csv" in failure(tmp_path / "bras.csv")
    assert "is a folder" in failure(tmp_path)
    assert "cannot read bars from a int" in failure(3)
    frame = pd.DataFrame({"timestamp": pd.to_datetime(["2024-03-26"]), "open": [1.0], "high": 2, "low": 1, "close": 2})
    assert "write frame.collect()" in failure(pl.from_pandas(frame).lazy())
    wide = frame.set_index("timestamp")
    wide.columns = pd.MultiIndex.from_product([["SPY"], wide.columns])
    assert "columns of several levels" in failure(wide)
    assert "there are no rows" in failure(frame.iloc[:0])
    assert "different lengths" in failure({"timestamp": [1, 2], "open": [1]})
    assert "is of type bool" in failure(frame.assign(close=True), timeframe="1d")
    nan = frame.assign(close=np.nan)
    assert "row 0: close None: is empty, NaN or infinite" in failure(nan, timeframe="1d")
    (tmp_path / "broken.gz").write_bytes(gzip.compress(b"timestamp,open\n" * 1000)[:40])
    assert "broken.gz" in failure(tmp_path / "broken.gz")
    (tmp_path / "latin.csv").write_bytes(b"timestamp,open,high,low,close,\xe9\n")
    assert "is not readable text" in failure(tmp_path / "latin.csv")


def test_clock_changes_in_a_file(tmp_path: Path) -> None:
    skipped = write(tmp_path, "2024-03-10 01:30,1,2,1,2,5", "2024-03-10 02:30,1,2,1,2,5", "2024-03-10 03:30,1,2,1,2,5")
    message = failure(skipped, tz="America/New_York")
    assert "bars.csv:3: timestamp '2024-03-10 02:30': the clock in America/New_York skips this time" in message
    hours = ["00:30", "01:00", "01:30", "01:00", "01:30", "02:00"]
    twice = write(tmp_path, *[f"2024-11-03 {hour},1,2,1,2,5" for hour in hours])
    feed = read(twice, tz="America/New_York").feeds[0]
    assert (np.diff(feed.open_time) == 30 * MINUTE).all()
    once = write(tmp_path, *[f"2024-11-03 {hour},1,2,1,2,5" for hour in ("00:30", "01:00", "01:30", "02:00")])
    assert "bars.csv:3: timestamp '2024-11-03 01:00': is there twice" in failure(once, tz="America/New_York")


def test_a_misspelt_keyword_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'timeframe'"):
        read_bars(write(tmp_path, *ROWS), symbol="SPY", timefram="1d")  # type: ignore[call-arg]
    with pytest.raises(UsageError, match="is not a timeframe"):
        read(write(tmp_path, *ROWS), timeframe="1M")


def test_a_source_is_the_same_as_keywords(tmp_path: Path) -> None:
    path = write(tmp_path, *ROWS)
    assert read_source(Source(path, symbol="SPY", tz="UTC")).digest == read(path).digest
    tick = Instrument("SPY", price_decimals=2, tick=1)
    found = read_source(Source(path, instrument=tick, tz="UTC", infer_decimals=True, least_decimals=2))
    assert found.instruments[0] == tick and found.feeds[0].close[0] == 52_101
    path = write(tmp_path, *[row.replace("521.01", "521.0105") for row in ROWS])
    found = read_source(Source(path, instrument=tick, tz="UTC", infer_decimals=True, least_decimals=2))
    assert (found.instruments[0].price_decimals, found.instruments[0].tick) == (4, 100)
