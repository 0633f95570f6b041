"""Decisions that know what comes later, each in a way that happens in practice, and decisions that do not.

Each is a function of a market. The market has two instruments, bars of an hour, and for X bars of four hours as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

import fillwright as fw
from fillwright.data.market import DAY_NS, Feed, build_market, seal

HOUR = 3_600_000_000_000
FAR = 60
"""As many instants ahead as a leak from the whole series shows at least."""


def market_of_hours(n: int = 240, seed: int = 4) -> fw.Market:
    """X and Y by the hour, X by four hours too."""
    both = fw.make_bars(n, timeframe="1h", seed=seed, instrument=fw.Instrument("X"), volatility=0.9) + fw.make_bars(
        n, timeframe="1h", seed=seed + 1, instrument=fw.Instrument("Y"), volatility=0.9
    )
    hours = both.feeds[0]
    blocks = {name: getattr(hours, name).reshape(-1, 4) for name in ("open_time", "close_time", "open", "high", "low", "close")}
    assert hours.volume is not None
    day_last = np.append(np.diff(blocks["close_time"][:, 3] // DAY_NS) > 0, True)
    four = Feed(
        symbol="X", instrument=0, timeframe_ns=4 * HOUR, execution=False, marked=False,
        open_time=seal(blocks["open_time"][:, 0]), close_time=seal(blocks["close_time"][:, 3]),
        open=seal(blocks["open"][:, 0]), high=seal(blocks["high"].max(1)), low=seal(blocks["low"].min(1)),
        close=seal(blocks["close"][:, 3]), volume=seal(hours.volume.reshape(-1, 4).sum(1)), day_last=seal(day_last, np.uint8),
    )  # fmt: skip
    feeds = [replace(feed, marked=True) for feed in both.feeds]
    return build_market(both.instruments, [*feeds, four])


def frame(market: fw.Market, number: int = 0) -> pd.DataFrame:
    """A feed as a frame by closing time, as users have it."""
    feed = market.feeds[number]
    scale = market.instruments[feed.instrument].price_scale
    columns = {name: getattr(feed, name) / scale for name in ("open", "high", "low", "close")}
    return pd.DataFrame(columns | {"volume": feed.volume}, index=pd.to_datetime(feed.close_time, utc=True))


def long_where(market: fw.Market, condition: Any) -> fw.Targets:
    """10 of X where it holds, else none."""
    wanted = np.zeros((240, 2))
    wanted[:, 0] = np.where(np.asarray(condition, bool), 10.0, 0.0)
    return fw.Targets(units=wanted)


FOUR = 2  # number of the feed of four hours


def next_close(market: fw.Market) -> Any:
    c = frame(market).close
    return long_where(market, c.shift(-1) > c)


def future_return_label(market: fw.Market) -> Any:
    return long_where(market, frame(market).close.pct_change(5).shift(-5) > 0.004)


def next_volume(market: fw.Market) -> Any:
    v = frame(market).volume
    return long_where(market, v.shift(-1) > v)


def stamped_at_open(market: fw.Market) -> Any:
    """Made from each bar's close, but placed at the bar's open."""
    feed = market.feeds[0]
    up = feed.close > feed.open
    wanted = pd.DataFrame({"X": np.where(up, 10.0, 0.0)}, index=pd.to_datetime(feed.open_time, utc=True))
    return fw.Targets(units=wanted.iloc[1:], stamp="close")


def unfinished_higher_bar(market: fw.Market) -> Any:
    hours, four = frame(market), market.feeds[FOUR]
    known = pd.DataFrame({"four": four.close / 1e6}, index=pd.to_datetime(four.open_time, utc=True))  # stamped at its open
    return long_where(market, pd.merge_asof(hours, known, left_index=True, right_index=True).four > hours.close)


def whole_normalisation(market: fw.Market) -> Any:
    c = frame(market).close
    return long_where(market, (c - c.mean()) / c.std() < 0)


def full_deviation(market: fw.Market) -> Any:
    c = frame(market).close
    return long_where(market, (c - c.expanding().mean()) / c.std() < -0.4)


def global_maximum(market: fw.Market) -> Any:
    bars = frame(market)
    return long_where(market, bars.close < 0.9 * bars.high.max())


def percentile_of_all(market: fw.Market) -> Any:
    return long_where(market, frame(market).volume.rank(pct=True) > 0.7)


def centred_convolution(market: fw.Market) -> Any:
    c = frame(market).close.to_numpy()
    return long_where(market, c < np.convolve(c, np.ones(5) / 5, mode="same"))


def centred_rolling(market: fw.Market) -> Any:
    bars = frame(market)
    return long_where(market, bars.low <= bars.low.rolling(7, center=True).min())


def gradient(market: fw.Market) -> Any:
    return long_where(market, np.gradient(frame(market).close.to_numpy()) > 0)


def backfill(market: fw.Market) -> Any:
    v = frame(market).volume
    return long_where(market, v.where(v > 9_000).bfill() > 9_500)


def forward_then_back(market: fw.Market) -> Any:
    """A gap at the start is filled from the first value, which comes later."""
    c = frame(market).close
    weekly = c.resample("12h").last().shift(2).reindex(c.index, method="ffill").bfill()
    return long_where(market, c > weekly)


def resampled_back(market: fw.Market) -> Any:
    c = frame(market).close
    block = c.resample("4h", closed="right", label="right").last()
    return long_where(market, block.reindex(c.index).bfill() > c)


def tuned_on_everything(market: fw.Market) -> Any:
    c = frame(market).close

    def gain(window: int) -> float:
        return float((c.pct_change().shift(-1) * (c > c.rolling(window).mean())).sum())

    best = max((3, 5, 8, 13, 21, 34), key=gain)
    return long_where(market, c > c.rolling(best).mean())


def open_of_the_next_block(market: fw.Market) -> Any:
    bars = frame(market)
    first = bars.open.to_numpy()[::4]
    return long_where(market, np.repeat(np.append(first[1:], first[-1]), 4) > bars.close)


def range_of_the_day(market: fw.Market) -> Any:
    bars = frame(market)
    day = (bars.index - pd.Timedelta(1)).floor("D")
    return long_where(market, bars.close < bars.groupby(day).low.transform("min") * 1.01)


def fourier_smoothing(market: fw.Market) -> Any:
    c = frame(market).close.to_numpy()
    waves = np.fft.rfft(c)
    waves[8:] = 0
    return long_where(market, c < np.fft.irfft(waves, len(c)))


def detrended(market: fw.Market) -> Any:
    c = frame(market).close.to_numpy()
    x = np.arange(len(c))
    return long_where(market, c < np.polyval(np.polyfit(x, c, 3), x))


def limit_at_the_next_low(market: fw.Market) -> Any:
    feed = market.feeds[0]
    rows = np.arange(5, 235, 6)
    low = feed.low[rows + 1] / 1e6
    times = pd.to_datetime(feed.close_time[rows], utc=True)
    return fw.OrderList({"time": times, "symbol": ["X"] * len(rows), "side": ["buy", "sell"] * 19 + ["buy"], "quantity": [1.0] * 39,
                         "limit": low, "tif": ["DAY"] * 39}, stamp="close")  # fmt: skip


def next_breakout(market: fw.Market) -> Any:
    h = frame(market).high
    entries, exits = np.zeros((240, 2), bool), np.zeros((240, 2), bool)
    entries[:, 0] = h.shift(-1) > h.rolling(5, min_periods=1).max()
    exits[:, 0] = ~entries[:, 0]
    return fw.Signals(entries, exits, size=5)


def other_instrument(market: fw.Market) -> Any:
    y = frame(market, 1).close
    return long_where(market, y.shift(-2) > y)


class ShiftedIndicator(fw.Strategy):
    """An indicator that is one bar early: the check on prefixes says so too."""

    def on_start(self) -> None:
        self.lead = self.indicator(lambda close: np.append(close[1:], close[-1]) - close, "close", symbol="X")

    def on_bar(self, bar: Any) -> None:
        if bar.symbol == "X":
            self.target("X", 10 if self.lead.value > 0 else 0)


def shifted_indicator(market: fw.Market) -> Any:
    return ShiftedIndicator()


def reads_the_market(market: fw.Market) -> Any:
    """A strategy that keeps the market and looks one bar further."""
    ahead = np.append(market.feeds[0].close, 0)

    class Peeks(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.symbol == "X":
                self.target("X", 10 if ahead[bar.index + 1] > ahead[bar.index] else 0)

    return Peeks()


@fw.compiled
def follows_the_lead(ctx, p, s):  # type: ignore[no-untyped-def]
    if ctx.feed == 0:
        if ctx.value(p.ahead) > 0:
            ctx.target(10)
        else:
            ctx.target(0)


@fw.compiled
def breaks_out(ctx, p, s):  # type: ignore[no-untyped-def]
    if ctx.close > ctx.value(p.top, 2):
        ctx.target(10)
    elif ctx.close < ctx.open:
        ctx.target(0)


def handed_in(market: fw.Market) -> Any:
    """An array made from the market, given to a compiled strategy."""
    c = frame(market).close
    ahead = (c.shift(-3) - c).fillna(0).to_numpy()

    class Given(fw.Strategy):
        def on_start(self) -> None:
            self.ahead = self.indicator(ahead, symbol="X")

        on_bar = follows_the_lead

    return Given()


@dataclass(frozen=True)
class Leak:
    """What must be said of a plant.

    columns  (symbol, timeframe, column) that must be named, and no others
    ahead    instants ahead, at least and at most
    first    number of the latest instant that may be named as that of the first offending decision
    """

    make: Callable[[fw.Market], Any]
    columns: tuple[tuple[str, str, str], ...]
    ahead: tuple[int, int]
    first: int = 8


def x(*names: str) -> tuple[tuple[str, str, str], ...]:
    return tuple(("X", "1h", name) for name in names)


LEAKS = (
    Leak(next_close, x("close"), (1, 1)),
    Leak(future_return_label, x("close"), (5, 5)),
    Leak(next_volume, x("volume"), (1, 1)),
    Leak(stamped_at_open, x("open", "close"), (1, 1)),
    Leak(unfinished_higher_bar, (("X", "4h", "close"),), (1, 3)),
    Leak(whole_normalisation, x("close"), (FAR, 239)),
    Leak(full_deviation, x("close"), (FAR, 239), first=60),
    Leak(global_maximum, x("high"), (FAR, 239)),
    Leak(percentile_of_all, x("volume"), (FAR, 239)),
    Leak(centred_convolution, x("close"), (1, 2)),
    Leak(centred_rolling, x("low"), (1, 3)),
    Leak(gradient, x("close"), (1, 1)),
    Leak(backfill, x("volume"), (1, FAR)),
    Leak(forward_then_back, x("close"), (1, 40)),
    Leak(resampled_back, x("close"), (1, 3)),
    Leak(tuned_on_everything, x("close"), (5, 239), first=60),
    Leak(open_of_the_next_block, x("open"), (1, 4)),
    Leak(range_of_the_day, x("low"), (1, 23)),
    Leak(fourier_smoothing, x("close"), (FAR, 239)),
    Leak(detrended, x("close"), (FAR, 239)),
    Leak(limit_at_the_next_low, x("low"), (1, 1)),
    Leak(next_breakout, x("high"), (1, 1)),
    Leak(other_instrument, (("Y", "1h", "close"),), (2, 2)),
    Leak(shifted_indicator, x("close"), (1, 1)),
    Leak(reads_the_market, x("close"), (1, 1)),
    Leak(handed_in, x("close"), (1, 3)),
)


# -- that know nothing -------------------------------------------------------------------------------------------------------


class Averages(fw.Strategy):
    """Crossover on X."""

    def on_start(self) -> None:
        self.fast = self.indicator(fw.sma, "close", 4, symbol="X")
        self.slow = self.indicator(fw.ema, "close", 11, symbol="X")

    def on_bar(self, bar: Any) -> None:
        if bar.symbol == "X" and bar.timeframe == "1h":
            if self.fast.crossed_above(self.slow):
                self.target("X", 10)
            elif self.fast.crossed_below(self.slow):
                self.target("X", -10)


class HigherFrame(fw.Strategy):
    """Waits for four hours to close."""

    def on_bars(self, bars: Any) -> None:
        four = self.bars("X", "4h").close
        if len(four) > 2:
            self.target("X", 10 if four[-1] > four[-2] else 0)


class Resting(fw.Strategy):
    """Limits below the market, cancelled and replaced."""

    def on_bar(self, bar: Any) -> None:
        if bar.timeframe != "1h":
            return
        if bar.index % 9 == 3:
            self.cancel_all(bar.symbol)
            self.buy(bar.symbol, 3, limit=bar.low * 0.995)
        for order in self.orders(bar.symbol):
            if bar.index % 9 == 6:
                order.replace(limit=bar.low)
        if bar.index % 20 == 0:
            self.close(bar.symbol)


class Timed(fw.Strategy):
    """Acts on a timer, by weights."""

    def on_start(self) -> None:
        self.every("6h", self.rebalance)

    def rebalance(self) -> None:
        weights = {}
        for symbol in self.symbols:
            close = self.bars(symbol).close
            weights[symbol] = 0.4 if len(close) > 5 and close[-1] > close[-5] else 0.1
        self.target_weights(weights)

    def on_bar(self, bar: Any) -> None:
        """Nothing."""


class Momentum(fw.Strategy):
    """The better of two, by value, with stops."""

    def on_bars(self, bars: Any) -> None:
        changes = {symbol: self.bars(symbol).close for symbol in bars}
        if len(changes) == 2 and all(len(close) > 8 for close in changes.values()):
            best = max(changes, key=lambda symbol: changes[symbol][-1] / changes[symbol][-8])
            for symbol in changes:
                self.target_value(symbol, 5_000 if symbol == best else 0)


def rolling_zscore(market: fw.Market) -> Any:
    c = frame(market).close
    return long_where(market, (c - c.rolling(20).mean()) / c.rolling(20).std() < -1)


def expanding_rank(market: fw.Market) -> Any:
    return long_where(market, frame(market).volume.expanding().rank(pct=True) > 0.6)


def finished_higher_bar(market: fw.Market) -> Any:
    hours, four = frame(market), frame(market, FOUR)[["close"]].rename(columns={"close": "four"})
    return long_where(market, pd.merge_asof(hours, four, left_index=True, right_index=True).four > hours.close)


def shifted_breakout(market: fw.Market) -> Any:
    bars = frame(market)
    entries, exits = np.zeros((240, 2), bool), np.zeros((240, 2), bool)
    entries[:, 1] = frame(market, 1).close > frame(market, 1).high.rolling(10).max().shift(1)
    exits[:, 1] = bars.close < bars.close.rolling(10).mean()
    exits &= ~entries
    return fw.Signals(entries, exits, weight=0.3)


def tuned_walking(market: fw.Market) -> Any:
    """The better of two windows by what was known then."""
    c = frame(market).close
    returns = c.pct_change()
    scores = {w: (returns * (c > c.rolling(w).mean()).shift(1, fill_value=False)).cumsum() for w in (5, 13)}
    return long_where(market, np.where(scores[5] > scores[13], c > c.rolling(5).mean(), c > c.rolling(13).mean()))


def limits_at_the_last_low(market: fw.Market) -> Any:
    feed = market.feeds[0]
    rows = np.arange(5, 235, 6)
    times = pd.to_datetime(feed.close_time[rows], utc=True)
    return fw.OrderList({"time": times, "symbol": ["X"] * 39, "side": ["buy", "sell"] * 19 + ["buy"], "quantity": [1.0] * 39,
                         "limit": feed.low[rows] / 1e6, "tif": ["DAY"] * 39}, stamp="close")  # fmt: skip


def past_only_indicator(market: fw.Market) -> Any:
    class Own(fw.Strategy):
        def on_start(self) -> None:
            self.own = self.indicator(
                lambda high, low: np.cumsum(high - low) / np.arange(1, len(high) + 1), "high", "low", symbol="Y"
            )

        def on_bar(self, bar: Any) -> None:
            if bar.symbol == "Y":
                self.target("Y", 10 if bar.high - bar.low > self.own.value else -10)

    return Own()


def compiled_breakout(market: fw.Market) -> Any:
    return fw.compiled_strategy(breaks_out, indicators={"top": (fw.highest, "high", 12)})


def weights_by_volatility(market: fw.Market) -> Any:
    calm = np.stack([frame(market, k).close.pct_change().ewm(span=15).std().to_numpy() for k in (0, 1)], axis=1)
    return fw.Targets(weights=np.round(np.clip(0.004 / calm, 0, 0.5), 1))


CLEAN = (
    lambda market: Averages(), lambda market: HigherFrame(), lambda market: Resting(), lambda market: Timed(),
    lambda market: Momentum(), rolling_zscore, expanding_rank, finished_higher_bar, shifted_breakout, tuned_walking,
    limits_at_the_last_low, past_only_indicator, compiled_breakout, weights_by_volatility,
)  # fmt: skip
