"""Whatever stands in a file, reading it gives a sound market or one of our errors, never a traceback or a broken bar."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fillwright.data import read_bars
from fillwright.data.checks import REPAIRS
from fillwright.errors import FillwrightError

from .frames import HEADER, ROWS

cell = st.one_of(
    st.sampled_from(["", "nan", "-1", "0", "1e400", "1e18", "521.02", "x"]),
    st.sampled_from(["2024-03-26", "2024-03-10 02:30", "2024-03-26T13:30Z"]),
    st.text(alphabet="0123456789.,:-+ eTZ\"'", max_size=12),
    st.text(max_size=4),
)
edits = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), cell), max_size=4)
options = st.fixed_dictionaries(
    {},
    optional={
        "timeframe": st.sampled_from(["1min", "1h", "1d", "1w"]),
        "tz": st.sampled_from(["UTC", "America/New_York"]),
        "stamp": st.sampled_from(["open", "close"]),
        "repair": st.lists(st.sampled_from(REPAIRS), unique=True),
        "timestamp_format": st.sampled_from(["%Y-%m-%d", "%Y-%m-%d %H:%M:%S"]),
        "end": st.sampled_from(["2024-03-26", "2024-03-26 13:31"]),
    },
)


def _read(content: bytes, **more: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bars.csv"
        path.write_bytes(content)
        try:
            feed = read_bars(path, symbol="SPY", **more).feeds[0]  # type: ignore[arg-type]
        except FillwrightError as error:
            assert str(error)
            return
    assert (feed.low > 0).all() and (feed.high >= np.maximum(feed.open, feed.close)).all()
    assert (feed.low <= np.minimum(feed.open, feed.close)).all()
    assert (np.diff(feed.open_time) > 0).all() and (np.diff(feed.close_time) > 0).all()
    assert (feed.close_time > feed.open_time).all() and (feed.close_time[:-1] <= feed.open_time[1:]).all()
    assert feed.volume is None or (feed.volume >= 0).all()


@given(edits, options)
def test_edited_cells(changes: list[tuple[int, int, str]], more: dict[str, object]) -> None:
    lines = [line.split(",") for line in (HEADER, *ROWS)]
    for row, column, text in changes:
        lines[row][column] = text
    _read("\n".join(",".join(line) for line in lines).encode("utf-8", "replace"), **more)


@given(st.lists(st.integers(0, 250), max_size=6), st.binary(max_size=3))
def test_broken_bytes(places: list[int], junk: bytes) -> None:
    content = bytearray(("\n".join([HEADER, *ROWS]) + "\n").encode())
    for place in places:
        content[place : place + 1] = junk
    _read(bytes(content), tz="UTC")


@given(st.binary(max_size=60))
def test_junk(content: bytes) -> None:
    _read(content)
