"""What a strategy sees of the market ends now: bars, history, indicators, in every callback."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import fillwright as fw
from coordinator.worlds import days, minutes


def closes(market: fw.Market) -> Any:
    """All closes, as floats."""
    return market.feeds[0].close / market.instruments[0].price_scale


def test_history_ends_with_the_bar_in_hand() -> None:
    market = days(30)
    known = closes(market)

    class Reads(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            history = self.bars("X")
            n = bar.index + 1
            assert len(history) == len(history.close) == n
            np.testing.assert_array_equal(history.close[-5:], known[max(n - 5, 0) : n])
            np.testing.assert_array_equal(np.asarray(history.close), known[:n])
            assert history.close[-1] == bar.close
            assert history.open[-1] == bar.open
            assert history.high[-1] == bar.high
            assert history.low[-1] == bar.low
            assert history.volume[-1] == bar.volume
            assert history.time[-1] == np.datetime64(bar.time_ns, "ns")

    fw.run(Reads(), market)


def test_who_looks_ahead_gets_nothing() -> None:
    tried: list[str] = []

    class Peeks(fw.Strategy):
        def on_start(self) -> None:
            assert len(self.bars("X")) == 0
            self.average = self.indicator(fw.sma, "close", 3)

        def on_bar(self, bar: Any) -> None:
            history = self.bars("X")
            n = bar.index + 1
            for peek in (lambda: history.close[n], lambda: self.average[n], lambda: history.time[n]):
                try:
                    peek()
                except IndexError:
                    tried.append("IndexError")
            assert len(history.close[: n + 10]) == n
            assert len(history.close[n:]) == 0
            assert len(self.average[-100:]) == n
            assert history.close[:][-1] == bar.close

    fw.run(Peeks(), days(10), warmup=0)
    assert tried == ["IndexError"] * 30


def test_history_cannot_be_written() -> None:
    class Writes(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            self.bars("X").close[-5:][0] = 1.0

    with pytest.raises(fw.StrategyError, match="read-only"):
        fw.run(Writes(), days(10))


def test_series_of_one_feed() -> None:
    market = days(30)
    expected = np.convolve(closes(market), np.full(3, 1 / 3), "valid")

    class Reads(fw.Strategy):
        def on_start(self) -> None:
            self.average = self.indicator(fw.sma, "close", 3)
            self.other = self.indicator(fw.sma, "close", 5)

        def on_bar(self, bar: Any) -> None:
            if bar.index < 2:
                assert math.isnan(self.average.value)
                assert not self.average > 0
                assert not self.average.crossed_above(0.0)
                return
            assert self.average.value == pytest.approx(expected[bar.index - 2], rel=1e-12)
            assert float(self.average) == self.average[-1] == self.average.value
            assert (self.average > self.other) == (self.average.value > self.other.value)
            assert (self.average <= 100) == (self.average.value <= 100)
            before, now = self.average[-2], self.average[-1]
            assert self.average.crossed_above(100.0) == (before <= 100 < now)
            assert self.average.crossed_below(100.0) == (before >= 100 > now)
            if bar.index > 5:
                assert self.average.crossed_above(self.other) == (before <= self.other[-2] and now > self.other[-1])
            assert repr(self.average).startswith("Series(sma, close, 3: ")

    fw.run(Reads(), market, warmup=0)


@pytest.mark.parametrize("callback", ["on_bars", "on_order", "timer", "on_session_close"])
def test_series_are_as_of_now_in_every_callback(callback: str) -> None:
    """Not only in ``on_bar``: with one feed the row is kept by the bar, which other callbacks must bring up to date."""
    market = minutes(60)
    known = closes(market)
    level = float(np.median(known))
    checked: list[int] = []

    class Looks(fw.Strategy):
        def on_start(self) -> None:
            self.price = self.indicator(fw.sma, "close", 1)
            if callback == "timer":
                self.every("1min", self.look)

        def look(self) -> None:
            row = int(np.searchsorted(market.instants, self.now_ns))
            assert self.price.value == known[row]
            assert self.price.crossed_above(level) == (row > 0 and known[row - 1] <= level < known[row])
            assert len(self.price[:]) == len(self.bars("X")) == row + 1
            checked.append(row)

    def order(self: Any, order: Any, event: Any) -> None:
        self.look()

    def bars(self: Any, bars: Any) -> None:
        if callback == "on_bars":
            self.look()
        self.buy("X", 1)

    written: dict[str, Any] = {"on_bars": bars}
    if callback == "on_order":
        written["on_order"] = order
    if callback == "on_session_close":
        written["on_session_close"] = lambda self, symbol: self.look()
    fw.run(type("Written", (Looks,), written)(), market)
    assert checked


def test_series_of_many_instruments_mean_the_bars_own() -> None:
    market = days(20) + days(20, "Y", 8)
    known = {feed.symbol: feed.close / 10**6 for feed in market.feeds}

    class Reads(fw.Strategy):
        def on_start(self) -> None:
            self.price = self.indicator(fw.sma, "close", 1)
            self.only = self.indicator(fw.sma, "close", 1, symbol="Y")

        def on_bar(self, bar: Any) -> None:
            other = "Y" if bar.symbol == "X" else "X"
            assert self.price.value == known[bar.symbol][bar.index]
            assert self.price[other].value == known[other][bar.index]
            assert self.only.value == known["Y"][bar.index]
            assert self.price[bar.symbol][-1] == bar.close

    fw.run(Reads(), market)


def test_an_unknown_symbol_of_a_series() -> None:
    class Reads(fw.Strategy):
        def on_start(self) -> None:
            self.price = self.indicator(fw.sma, "close", 1)

        def on_bar(self, bar: Any) -> None:
            self.price["Q"]

    with pytest.raises(fw.StrategyError, match="sma, close, 1 is not computed for 'Q'"):
        fw.run(Reads(), days(5))


# -- indicators -------------------------------------------------------------------------------------------------------------------


def rolling_range(high: Any, low: Any, length: int = 3) -> Any:
    """A user's own function of whole arrays, as those of talib are."""
    result = np.full(len(high), np.nan)
    for k in range(length - 1, len(high)):
        result[k] = high[k - length + 1 : k + 1].max() - low[k - length + 1 : k + 1].min()
    return result


def centred(close: Any) -> Any:
    """Looks ahead: the average of the neighbours."""
    return np.convolve(close, np.full(3, 1 / 3), "same")


def normalised(close: Any) -> Any:
    """Looks ahead: the mean of all data is in every value."""
    return close - close.mean()


def shifted(close: Any) -> Any:
    """Looks ahead plainly."""
    return np.append(close[1:], np.nan)


def indicate(*arguments: Any, market: fw.Market | None = None, warmup: Any = "auto") -> list[float]:
    """Values of an indicator at each bar."""
    values: list[float] = []

    class Uses(fw.Strategy):
        def on_start(self) -> None:
            self.one = self.indicator(*arguments)

        def on_bar(self, bar: Any) -> None:
            values.append(self.one.value)

    fw.run(Uses(), market or days(40), warmup=warmup)
    return values


def test_a_plain_function_of_arrays() -> None:
    market = days(40)
    feed = market.feeds[0]
    expected = rolling_range(feed.high / 10**6, feed.low / 10**6, 5)
    assert indicate(rolling_range, "high", "low", 5, market=market) == expected[4:].tolist()


@pytest.mark.parametrize("function", [centred, normalised, shifted])
def test_an_indicator_that_looks_ahead_fails_the_run(function: Any) -> None:
    with pytest.raises(fw.StrategyError) as caught:
        indicate(function, "close", market=days(400))
    assert f"indicator {function.__name__} looks ahead: with" in caught.value.message
    assert caught.value.remedy == "compute it from earlier bars only"


def test_an_indicator_of_an_indicator() -> None:
    values: list[tuple[float, float]] = []

    class Smooth(fw.Strategy):
        def on_start(self) -> None:
            self.range = self.indicator(rolling_range, "high", "low")
            self.smooth = self.indicator(fw.sma, self.range, 4)

        def on_bar(self, bar: Any) -> None:
            values.append((self.smooth.value, float(np.mean(self.range[-4:]))))

    fw.run(Smooth(), days(40))
    assert len(values) == 40 - 5
    np.testing.assert_allclose(*zip(*values, strict=True), rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((lambda close: close[:-1], "close"), "gave shape (39,) for 40 bars"),
        ((lambda close: close.sum(), "close"), "gave shape (1,) for 40 bars"),
        ((lambda: np.zeros(40),), "for no bars"),
        ((fw.sma, "clsoe", 3), "no column 'clsoe'"),
    ],
)
def test_what_is_no_indicator(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(fw.UsageError) as caught:
        indicate(*arguments)
    assert message in caught.value.message
    assert caught.value.remedy


def test_an_array_that_was_computed_beforehand_is_told() -> None:
    market = days(40)

    class Uses(fw.Strategy):
        def on_start(self) -> None:
            self.own = self.indicator(np.arange(40.0))

        def on_bar(self, bar: Any) -> None:
            assert self.own.value == bar.index

    result = fw.run(Uses(), market)
    assert any("cannot be checked" in warning for warning in result.warnings)
