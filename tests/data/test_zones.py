"""Local time for whole columns: against zoneinfo, at changes of the clock, and the days of a session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fillwright.data import zones
from fillwright.errors import UsageError

ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Tokyo"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
seconds = st.integers(0, 2_500_000_000)


SESSIONS = [(0, 86_400), (34_200, 57_600), (61_200, 61_200)]


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


def array(*texts: str) -> np.ndarray:
    return np.array([ns(text) for text in texts], np.int64)


def text(times: np.ndarray) -> list[str]:
    return [str(np.datetime64(int(t), "ns").astype("datetime64[m]")) for t in times]


@given(st.lists(seconds, min_size=1, max_size=30), st.sampled_from(ZONES))
def test_wall_time_is_that_of_zoneinfo_and_back(moments: list[int], zone: str) -> None:
    utc = np.array(moments, np.int64) * 10**9
    wall = zones.to_wall(utc, zone)
    for moment, local in zip(moments, wall.tolist()):
        offset = (EPOCH + timedelta(seconds=moment)).astimezone(ZoneInfo(zone)).utcoffset()
        assert offset is not None and local == moment * 10**9 + int(offset.total_seconds()) * 10**9
    back, ambiguous, missing = zones.from_wall(wall, zone)
    assert not missing.any()
    np.testing.assert_array_equal(back[~ambiguous], utc[~ambiguous])
    assert (back <= utc).all()  # the first occurrence


def test_clock_forward_and_back_in_new_york() -> None:
    wall = array("2024-03-10T01:59", "2024-03-10T02:30", "2024-03-10T03:00", "2024-11-03T01:30", "2024-11-03T02:00")
    utc, ambiguous, missing = zones.from_wall(wall, "America/New_York")
    assert text(utc) == ["2024-03-10T06:59", "2024-03-10T07:00", "2024-03-10T07:00", "2024-11-03T05:30", "2024-11-03T07:00"]
    assert missing.tolist() == [False, True, False, False, False]
    assert ambiguous.tolist() == [False, False, False, True, False]


def test_repeated_hour_is_told_apart_by_order() -> None:
    wall = array(*[f"2024-11-03T{hour}" for hour in ("00:30", "01:00", "01:30", "01:00", "01:30", "02:00")])
    utc, unclear, _ = zones.settle(wall, "America/New_York")
    assert not unclear.any()
    assert text(utc)[1:] == ["2024-11-03T05:00", "2024-11-03T05:30", "2024-11-03T06:00", "2024-11-03T06:30", "2024-11-03T07:00"]
    _, unclear, _ = zones.settle(wall[[0, 1, 2, 5]], "America/New_York")
    assert unclear.tolist() == [False, True, True, False]


def test_trading_day_of_a_session_that_wraps_midnight() -> None:
    utc = array("2024-03-24T20:59", "2024-03-24T21:00", "2024-03-25T20:59", "2024-03-25T21:00")  # New York 16:59, 17:00 …
    days = zones.trading_days(utc, "America/New_York", (61_200, 61_200))
    assert (days - days[0]).tolist() == [0, 1, 1, 2]
    begin, end = zones.session_span(days[1:2], "America/New_York", (61_200, 61_200))
    assert text(begin) == ["2024-03-24T21:00"] and text(end) == ["2024-03-25T21:00"]


def test_last_bar_of_day_is_the_last_inside_the_session() -> None:
    utc = array(*[f"2024-03-{day}" for day in ("25T13:30", "25T19:59", "25T20:30", "26T13:30", "26T21:00", "27T22:00")])
    new_york = "America/New_York"
    assert zones.last_of_day(utc, new_york, (0, 86_400)).tolist() == [0, 0, 1, 0, 1, 1]
    assert zones.last_of_day(utc, new_york, (34_200, 57_600)).tolist() == [0, 1, 0, 1, 0, 1]  # a day outside it keeps its last


@given(st.lists(seconds, min_size=1, max_size=60, unique=True), st.sampled_from(ZONES), st.sampled_from(SESSIONS))
def test_each_trading_day_has_one_last_bar(moments: list[int], zone: str, session: tuple[int, int]) -> None:
    utc = np.sort(np.array(moments, np.int64)) * 10**9
    days = zones.trading_days(utc, zone, session)
    last = zones.last_of_day(utc, zone, session)
    np.testing.assert_array_equal(np.unique(days), days[last == 1])


def test_bounds_of_a_selection() -> None:
    assert zones.parse_when("2024-03-26", "America/New_York") == (19_808, True)
    assert zones.parse_when("2024-03-26T13:30:00", "America/New_York") == (ns("2024-03-26T17:30"), False)
    assert zones.parse_when("2024-03-26 13:30+00:00", "America/New_York") == (ns("2024-03-26T13:30"), False)
    assert zones.parse_when(np.datetime64("2024-03-26"), "UTC") == (19_808, True)
    assert zones.parse_when(np.datetime64("2024-03-26T01"), "UTC") == (ns("2024-03-26T01"), False)
    assert zones.parse_when(datetime(2024, 3, 26, 13, 30, tzinfo=UTC), "Asia/Tokyo") == (ns("2024-03-26T13:30"), False)
    with pytest.raises(UsageError, match="not a date"):
        zones.parse_when("26.3.2024", "UTC")


def test_unknown_zone_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="America/New_York"):
        zones.check_zone("America/NewYork")
    with pytest.raises(UsageError, match="unknown time zone"):
        zones.check_zone("../etc")
