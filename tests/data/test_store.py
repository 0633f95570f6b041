"""Market files are mapped, not copied, and hold the same market; CSV written from bars reads back equal."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fillwright.data import Source, convert, describe, make_bars, open_market, read_bars, write_csv
from fillwright.data.market import is_sealed
from fillwright.data.store import is_market_file
from fillwright.errors import DataError, UsageError
from fillwright.model.instrument import Instrument

from .frames import ROWS, write

NEW_YORK = Instrument(
    "ABC", quote="EUR", price_decimals=4, quantity_decimals=2, multiplier=Fraction(1, 3), tick=5,
    timezone="America/New_York", session=(34_200, 57_600),
)  # fmt: skip


def test_a_market_comes_back_mapped_and_equal(tmp_path: Path) -> None:
    market = make_bars(500, timeframe="5min", instrument=NEW_YORK) + make_bars(40, instrument=Instrument("B"))
    path = convert(market, tmp_path / "new" / "market.arrow")
    back = open_market(path)
    assert back.digest == market.digest and back.instruments == market.instruments and back.findings == market.findings
    for one, two in zip(market.feeds, back.feeds, strict=True):
        assert (one.symbol, one.timeframe_ns, one.execution) == (two.symbol, two.timeframe_ns, two.execution)
        for array in two.arrays().values():
            assert is_sealed(array) and not isinstance(array.base, bytes)
            with pytest.raises(ValueError):
                array.setflags(write=True)
    assert back.feeds[1].close_time.base is not None
    assert not list(tmp_path.glob("**/*.part"))


def test_a_source_is_converted_with_its_findings(tmp_path: Path) -> None:
    path = write(tmp_path, *[row.rsplit(",", 1)[0] for row in ROWS], header="timestamp,open,high,low,close")
    source = Source(path, symbol="SPY", tz="UTC", execution=True)
    back = open_market(convert(source, tmp_path / "spy.arrow"))
    assert back.feeds[0].volume is None and back.feeds[0].marked is True
    assert back.digest == read_bars(path, symbol="SPY", tz="UTC").digest
    assert back.findings[0].kind == "timeframe"


def test_other_files_are_neither_opened_nor_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path, *ROWS)
    market = make_bars(3)
    with pytest.raises(UsageError, match="is there already and is not a market file"):
        convert(market, path)
    target = convert(market, tmp_path / "m.arrow")
    assert is_market_file(target) and not is_market_file(path) and not is_market_file(tmp_path / "none")
    convert(make_bars(4), target)
    assert len(open_market(target).feeds[0]) == 4
    with pytest.raises(DataError, match="not a readable market file"):
        open_market(path)
    with pytest.raises(DataError, match="cannot be opened"):
        open_market(tmp_path / "none.arrow")
    other = tmp_path / "other.arrow"
    with pa.OSFile(str(other), "wb") as file, pa.ipc.new_file(file, pa.schema([("a", pa.int64())])):
        pass
    with pytest.raises(DataError, match="not a stored market"):
        open_market(other)
    target.write_bytes(target.read_bytes()[:-200])
    with pytest.raises(DataError):
        open_market(target)


@pytest.mark.parametrize("timeframe", ["1min", "1h", "1d"])
@pytest.mark.parametrize("session", [(0, 86_400), (34_200, 57_600), (61_200, 61_200)])
def test_csv_reads_back_equal(tmp_path: Path, timeframe: str, session: tuple[int, int]) -> None:
    instrument = Instrument("ABC", quantity_decimals=2, timezone="America/New_York", session=session)
    market = make_bars(200, timeframe=timeframe, instrument=instrument)
    path = write_csv(market, tmp_path / "bars.csv")
    assert read_bars(path, instrument=instrument, timeframe=timeframe).digest == market.digest
    with pytest.raises(UsageError, match="one feed"):
        write_csv(market + make_bars(2, instrument=Instrument("B")), path)
    with pytest.raises(UsageError, match="cannot be written"):
        write_csv(market, tmp_path / "none" / "bars.csv")


def test_a_market_in_words(tmp_path: Path) -> None:
    market = read_bars(write(tmp_path, *ROWS), symbol="SPY", tz="UTC") + make_bars(400, instrument=NEW_YORK)
    text = describe(market)
    for part in (
        "2 instruments, 2 feeds, 404 bars",
        market.digest,
        "ABC, in EUR, America/New_York, 09:30-16:00",
        "prices to 4 decimals, tick 0.0005, quantities to 2, multiplier 1/3",
        "1min: 4 bars on 2 days, orders trade on it",
        "2024-03-26 13:30:00 UTC to 2024-03-27 13:31:00 UTC",
        "prices 520.88 to 522.5, volume 629,030",
        "timeframe: ",
    ):
        assert part in text, part
    assert np.all([len(line) < 200 for line in text.splitlines()])
