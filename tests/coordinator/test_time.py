"""When callbacks come: warm-up, timers, several timeframes, several instruments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import fillwright as fw
from coordinator.worlds import days, minutes
from scenarios.table import clock, market, moment

NEW_YORK = ZoneInfo("America/New_York")


class Seen(fw.Strategy):
    """Notes every bar."""

    length: int = fw.param(0)

    def on_start(self) -> None:
        NOTES.clear()
        if self.length:
            self.average = self.indicator(fw.sma, "close", self.length)

    def on_bar(self, bar: Any) -> None:
        NOTES.append((bar.symbol, bar.timeframe, bar.index, self.now_ns))


NOTES: list[Any] = []


@pytest.mark.parametrize(
    ("length", "warmup", "first"), [(0, "auto", 0), (7, "auto", 6), (7, 0, 0), (7, 20, 19), (0, 1, 0), (0, 5, 4), (7, 3, 2)]
)
def test_the_first_callback_after_warm_up(length: int, warmup: Any, first: int) -> None:
    """auto: the first bar at which every indicator has a value. N: the N-th bar."""
    fw.run(Seen(length=length), days(30), warmup=warmup)
    assert NOTES[0][2] == first
    assert len(NOTES) == 30 - first


def test_auto_waits_for_the_longest_indicator_and_the_slower_timeframe() -> None:
    class Two(Seen):
        def on_start(self) -> None:
            super().on_start()
            self.indicator(fw.sma, "close", 3)
            self.indicator(fw.sma, "close", 11)

    fw.run(Two(), days(30))
    assert NOTES[0][2] == 10
    both = minutes(300) + fw.make_bars(5, timeframe="1h", seed=4, instrument=fw.Instrument("X"))

    class Slow(Seen):
        def on_start(self) -> None:
            super().on_start()
            self.indicator(fw.sma, "close", 2, timeframe="1h")

    fw.run(Slow(), both)
    assert NOTES[0][3] == both.feeds[1].close_time[1]


def test_a_warm_up_longer_than_the_data_calls_nothing_and_trades_nothing() -> None:
    result = fw.run(Seen(), days(30), warmup=31)
    assert NOTES == []
    assert len(result.record.equity) == 30


def test_equity_is_stored_in_warm_up_too() -> None:
    assert len(fw.run(Seen(length=20), days(30)).record.equity) == 30


# -- timers ----------------------------------------------------------------------------------------------------------------------


class Timed(fw.Strategy):
    """Notes its timers."""

    time: str = fw.param("")
    zone: str = fw.param("")
    interval: str = fw.param("")
    trades: bool = fw.param(False)

    def on_start(self) -> None:
        NOTES.clear()
        if self.time:
            self.at(self.time, self.note, timezone=self.zone or None)
        if self.interval:
            self.every(self.interval, self.note)

    def note(self) -> None:
        NOTES.append(self.now_ns)
        if self.trades:
            self.buy("X", 1)


DAY_NS = 86_400 * 10**9


def test_every_comes_also_between_bars_and_an_order_trades_at_the_next_open() -> None:
    bars = market("09:31 100\n09:32 101\n09:33 102 102\n09:40 110\n09:41 111")
    result = fw.run(Timed(interval="3min", trades=True), bars)
    assert [clock(time) for time in NOTES] == ["09:33", "09:36", "09:39"]
    fills = result.record.tables["fills"]
    assert [clock(int(row["time"])) for row in fills] == ["09:39", "09:39", "09:39"]
    assert fills["price"].tolist() == [11000] * 3
    assert [clock(int(row["decided_at"])) for row in result.record.tables["orders"]] == ["09:33", "09:36", "09:39"]
    assert len(result.record.equity) == 5  # equity is sampled where a bar closes
    assert result.certificate.ok


def test_at_is_exchange_local_and_keeps_its_hour_across_a_change_of_clocks() -> None:
    instrument = fw.Instrument("X", timezone="America/New_York", session=(34_200, 57_600))
    bars = fw.make_bars(390 * 6, timeframe="1min", seed=1, start="2024-03-07", instrument=instrument)
    fw.run(Timed(time="15:45"), bars)
    local = [datetime.fromtimestamp(time / 1e9, NEW_YORK) for time in NOTES]
    assert [(f"{moment_:%m-%d %H:%M}") for moment_ in local] == [
        "03-07 15:45", "03-08 15:45", "03-09 15:45", "03-10 15:45", "03-11 15:45", "03-12 15:45", "03-13 15:45", "03-14 15:45",
    ]  # fmt: skip
    assert {f"{datetime.fromtimestamp(time / 1e9, UTC):%H}" for time in NOTES} == {"20", "19"}


def test_at_takes_a_zone_of_its_own() -> None:
    bars = fw.make_bars(1440 * 2, timeframe="1min", seed=1, start="2024-01-02", instrument=fw.Instrument("X"))
    fw.run(Timed(time="15:45", zone="America/New_York"), bars)
    assert [f"{datetime.fromtimestamp(time / 1e9, UTC):%d %H:%M}" for time in NOTES] == ["02 20:45", "03 20:45"]


def test_timers_come_after_the_bars_of_the_instant_and_not_in_warm_up() -> None:
    order: list[str] = []

    class Both(fw.Strategy):
        def on_start(self) -> None:
            order.clear()
            self.average = self.indicator(fw.sma, "close", 4)
            self.every("1min", lambda: order.append("timer"))

        def on_bar(self, bar: Any) -> None:
            order.append("bar")

    fw.run(Both(), minutes(6))
    assert order == ["bar", "timer"] * 3


def test_timers_without_bars_change_no_result() -> None:
    class Trades(fw.Strategy):
        timers: bool = fw.param(False)

        def on_start(self) -> None:
            if self.timers:
                self.every("20s", lambda: None)

        def on_bar(self, bar: Any) -> None:
            self.target(bar.symbol, bar.index % 3)

    plain, timed = (fw.run(Trades(timers=timers), minutes(100), latency="45s") for timers in (False, True))
    assert timed.record.info["journal_fingerprint"] != ""
    np.testing.assert_array_equal(plain.record.tables["fills"]["price"], timed.record.tables["fills"]["price"])
    np.testing.assert_array_equal(plain.record.tables["fills"]["time"], timed.record.tables["fills"]["time"])
    np.testing.assert_array_equal(plain.record.equity, timed.record.equity)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("at", "quarter to four"), "no time of day"),
        (("at", "25:00"), "no time of day"),
        (("every", "often"), "interval 'often'"),
        (("every", "0s"), "too short"),
        (("every", "1us"), "too short"),
        (("at", "10:00", "Mars"), "Mars"),
    ],
)
def test_wrong_timers(call: tuple[str, ...], message: str) -> None:
    class Wrong(fw.Strategy):
        def on_start(self) -> None:
            verb, when, *zone = call
            getattr(self, verb)(when, print, **({"timezone": zone[0]} if zone else {}))

    with pytest.raises(fw.UsageError, match=message):
        fw.run(Wrong(), minutes(100))


# -- several feeds ---------------------------------------------------------------------------------------------------------------


def test_a_slower_timeframe_informs_and_is_seen_only_when_it_has_closed() -> None:
    both = minutes(180) + fw.make_bars(3, timeframe="1h", seed=9, instrument=fw.Instrument("X"))
    seen: list[tuple[str, str, int, int]] = []

    class Two(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            hours = self.bars("X", "1h")
            assert len(hours) == len(hours.close[:]) == (self.now_ns - both.feeds[0].open_time[0]) // (3600 * 10**9)
            assert len(self.bars("X")) == (self.now_ns - both.feeds[0].open_time[0]) // (60 * 10**9)
            assert bar.time_ns == self.now_ns
            seen.append((bar.timeframe, clock(self.now_ns), bar.index, len(hours)))
            if bar.timeframe == "1h":
                self.buy("X", 1)

    result = fw.run(Two(), both)
    assert [entry[0] for entry in seen].count("1min") == 180
    assert [(entry[0], entry[2], entry[3]) for entry in seen if entry[0] == "1h"] == [("1h", 0, 1), ("1h", 1, 2), ("1h", 2, 3)]
    # at one instant the minute comes first
    at_the_hour = [entry for entry in seen if entry[1] == seen[60][1]]
    assert [entry[0] for entry in at_the_hour] == ["1min", "1h"]
    # orders trade on the minutes
    fills = result.record.tables["fills"]
    minute = both.feeds[0]
    assert fills["price"].tolist() == [int(minute.open[60]), int(minute.open[120])]
    assert fills["time"].tolist() == [int(minute.open_time[60]), int(minute.open_time[120])]


def test_an_indicator_of_a_slower_timeframe_steps_when_it_closes() -> None:
    both = minutes(180) + fw.make_bars(3, timeframe="1h", seed=9, instrument=fw.Instrument("X"))
    values: dict[str, float] = {}

    class Two(fw.Strategy):
        def on_start(self) -> None:
            self.hourly = self.indicator(fw.sma, "close", 1, timeframe="1h")

        def on_bar(self, bar: Any) -> None:
            if bar.timeframe == "1min":
                values[clock(self.now_ns)] = self.hourly.value

    fw.run(Two(), both, warmup=0)
    hours = both.feeds[1].close / both.instruments[0].price_scale
    found = list(values.values())
    assert np.isnan(found[58])
    assert found[59] == hours[0] == found[118]
    assert found[119] == hours[1]


def test_bars_come_in_the_order_of_instruments_and_missing_bars_are_no_event() -> None:
    b = market("09:31 10\n09:33 10", fw.Instrument("B", price_decimals=2))
    a = market("09:31 10\n09:32 10\n09:33 10", fw.Instrument("A", price_decimals=2))
    fw.run(Seen(), b + a)
    assert [(symbol, clock(time)) for symbol, _, _, time in NOTES] == [
        ("B", "09:31"), ("A", "09:31"), ("A", "09:32"), ("B", "09:33"), ("A", "09:33"),
    ]  # fmt: skip


def test_on_bars_comes_once_per_instant_with_what_closed() -> None:
    b = market("09:31 10\n09:33 12", fw.Instrument("B", price_decimals=2))
    a = market("09:31 20\n09:32 21\n09:33 22", fw.Instrument("A", price_decimals=2))
    seen: list[Any] = []

    class Once(fw.Strategy):
        def on_bars(self, bars: Any) -> None:
            seen.append((clock(self.now_ns), list(bars), bars["B"].close, bars["A"].close, len(bars)))

    fw.run(Once(), b + a)
    assert seen == [
        ("09:31", ["B", "A"], 10.0, 20.0, 2),
        ("09:32", ["A"], 10.0, 21.0, 1),  # the latest bar of B is the one before
        ("09:33", ["B", "A"], 12.0, 22.0, 2),
    ]


def test_moments_of_the_table_are_utc() -> None:
    assert datetime.fromtimestamp(moment("09:31") / 1e9, UTC) == datetime(2024, 1, 2, 9, 31, tzinfo=UTC)
