"""Time columns and number columns in every type, with the rows that cannot be read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from fillwright.data.times import read_numbers, read_stamps
from fillwright.errors import DataError, UsageError


def column(values: list[object], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def iso(ns: np.ndarray) -> list[str]:
    return [str(np.datetime64(int(t), "ns")) for t in ns]


@pytest.mark.parametrize(
    "values, unit, pattern, kind, first",
    [
        (["2024-03-26"], None, None, "date", "2024-03-26T00:00:00.000000000"),
        (["2024-03-26 13:30"], None, None, "wall", "2024-03-26T13:30:00.000000000"),
        ([" 2024-03-26T13:30:00.5 "], None, None, "wall", "2024-03-26T13:30:00.500000000"),
        (["2024-03-26T13:30:00Z"], None, None, "utc", "2024-03-26T13:30:00.000000000"),
        (["2024-03-26 13:30:00-05:00"], None, None, "utc", "2024-03-26T18:30:00.000000000"),
        (["1711459800"], "s", None, "utc", "2024-03-26T13:30:00.000000000"),
        (["1711459800.5"], "s", None, "utc", "2024-03-26T13:30:00.500000000"),
        ([1711459800123], "ms", None, "utc", "2024-03-26T13:30:00.123000000"),
        ([1711459800.25], "s", None, "utc", "2024-03-26T13:30:00.250000000"),
        (["1/4/1999"], None, "%m/%d/%Y", "date", "1999-01-04T00:00:00.000000000"),
        (["20240326 133000123"], None, "%Y%m%d %H%M%S%f", "wall", "2024-03-26T13:30:00.123000000"),
        (["26 Mar 24 1:30 PM"], None, "%d %b %y %I:%M %p", "wall", "2024-03-26T13:30:00.000000000"),
        (["2024-03-26 13:30:00 -0500"], None, "%F %T %z", "utc", "2024-03-26T18:30:00.000000000"),
        (["20240326"], None, "%Y%m%d", "date", "2024-03-26T00:00:00.000000000"),
    ],
)
def test_forms_of_time(values: list[object], unit: str | None, pattern: str | None, kind: str, first: str) -> None:
    stamps = read_stamps(column(values), "t", unit, pattern)
    assert (stamps.kind, iso(stamps.ns), stamps.bad.tolist()) == (kind, [first], [False])


def test_typed_times() -> None:
    moment = np.datetime64("2024-03-26T13:30:00", "s")
    for kind, expected in ((pa.timestamp("s"), "wall"), (pa.timestamp("us", "America/New_York"), "utc")):
        stamps = read_stamps(column([moment.astype(object)], kind), "t", None, None)
        assert (stamps.kind, stamps.ns[0]) == (expected, 1_711_459_800 * 10**9)
    stamps = read_stamps(column([moment.astype(object).date(), None], pa.date32()), "t", None, None)
    assert stamps.kind == "date" and stamps.bad.tolist() == [False, True]


@pytest.mark.parametrize(
    "values, pattern, bad",
    [
        (["2024-02-29", "2023-02-29", "2024-13-01", "", "x"], None, [0, 1, 1, 1, 1]),
        (["2024-01-01 10:00", "2024-01-01 25:00", "2024-01-01 10:00+00:00"], None, [0, 1, 1]),
        (["2024-01-01T10:00Z", "2024-01-01T10:00"], None, [0, 1]),
        (["2/28/2023", "2/29/2023", "0/1/2023", "1/0/2023", "1/1/23", "2/2/2023 x"], "%m/%d/%Y", [0, 1, 1, 1, 1, 1]),
        (["2024-01-01 10:00", "2024-01-01 10:00:00"], "%Y-%m-%d %H:%M", [0, 1]),
        (["1000-01-01", "2024-01-01", "2500-01-01"], None, [1, 0, 1]),
    ],
)
def test_rows_that_are_no_times_are_found(values: list[object], pattern: str | None, bad: list[int]) -> None:
    stamps = read_stamps(column(values), "t", None, pattern)
    assert stamps.bad.astype(int).tolist() == bad and stamps.why


def test_counts_out_of_range_are_found() -> None:
    stamps = read_stamps(column([1_711_459_800, 1_711_459_800_000]), "t", "s", None)
    assert stamps.bad.tolist() == [False, True] and "check unit=" in stamps.why


@pytest.mark.parametrize(
    "values, unit, pattern, says",
    [
        ([1711459800], None, None, "unit='s'"),
        (["1711459800"], None, None, "timestamp_format='%Y%m%d'"),
        ([1711459800], "sec", None, "one of s, ms, us, ns"),
        ([True], None, None, "timestamp_column="),
        (["2024"], None, "%Y", "full date"),
        (["2024"], None, "%Y-%m-%d %Q", "%Q is not possible"),
        (["2024"], None, "%Y-%m-%d %", "is not possible"),
    ],
)
def test_wrong_times_say_what_to_write(values: list[object], unit: str | None, pattern: str | None, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_stamps(column(values), "t", unit, pattern)
    assert says in str(caught.value)


def test_numbers() -> None:
    values, bad = read_numbers(column(["1.5", " 2 ", "", "abc", "1,5", "nan", "-1e3", ".5"]), "open")
    np.testing.assert_array_equal(values, [1.5, 2, np.nan, np.nan, np.nan, np.nan, -1000, 0.5])
    assert bad.astype(int).tolist() == [0, 0, 0, 1, 1, 0, 0, 0]
    values, bad = read_numbers(column([521.01, None, 0.1], pa.float32()), "open")
    assert values[[0, 2]].tolist() == [521.01, 0.1] and np.isnan(values[1]) and not bad.any()
    assert read_numbers(column(["1.25"], pa.string()).cast(pa.dictionary(pa.int32(), pa.string())), "open")[0][0] == 1.25
    assert read_numbers(pa.chunked_array([pa.array(["12.34"]).cast(pa.decimal128(9, 2))]), "open")[0][0] == 12.34
    with pytest.raises(DataError, match="not a number"):
        read_numbers(column([True]), "open")
