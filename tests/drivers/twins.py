"""Strategies written once as Python classes, to be run as they are and compiled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import fillwright as fw

LEVEL = 1.5
"""A number of the module."""


class SmaCross(fw.Strategy):
    """The one of the first page."""

    fast: int = fw.param(3, ge=2, le=200)
    slow: int = fw.param(9, gt="fast", le=400)
    entries: int = fw.state(0)

    def on_start(self) -> None:
        self.fast_ma = self.indicator(fw.sma, "close", self.fast)
        self.slow_ma = self.indicator(fw.sma, "close", self.slow)

    def on_bar(self, bar: Any) -> None:
        if self.fast_ma.crossed_above(self.slow_ma):
            self.target_weight(bar.symbol, 0.95)
            self.entries += 1
        elif self.fast_ma.crossed_below(self.slow_ma):
            self.close(bar.symbol)


class Literals(fw.Strategy):
    """Symbols, tags, rules and times in force as text; the tags are first used in another order than they are written."""

    def on_bar(self, bar: Any) -> None:
        if bar.symbol == "BBB" and bar.index % 5 == 4:
            self.sell("AAA", 3, stop=bar.close * 0.98, limit=bar.close * 0.95, tag="late", rule_id="two")
        elif bar.symbol in ("AAA", "CCC") and bar.index % 7 == 1:
            self.buy(bar.symbol, 10, limit=bar.close * 0.999, tif="DAY", tag="early", rule_id="one")
            self.buy(symbol="CCC", value=2_000, tag="late")
        if bar.symbol != "AAA" and bar.index % 11 == 3:
            self.sell("CCC", weight=0.05, limit=bar.high, tif="IOC", rule_id="three")
            self.buy("BBB", 2, stop=bar.high * 1.01, tif="GTD", expire=bar.time_ns + 3 * 86_400_000_000_000)
        if bar.index % 20 == 19:
            self.close("AAA", tag="flat")
            self.target("BBB", -4, rule_id="turn")
            self.sell("CCC", 500, reduce_only=True)
            self.target_value(bar.symbol, 1_500.5)


class Held(fw.Strategy):
    """Decides by what it holds."""

    stop_loss: float = fw.param(0.02)
    worst: float = fw.state(0.0)
    longest: int = fw.state(0)

    def on_bar(self, bar: Any) -> None:
        position = self.position(bar.symbol)
        if position.is_flat:
            if bar.close > bar.open:
                self.buy(bar.symbol, weight=0.2)
            else:
                self.sell(bar.symbol, value=self.equity * 0.1)
            return
        self.worst = min(self.worst, position.unrealised)
        self.longest = max(self.longest, position.bars_held)
        side = 1 if position.quantity > 0 else -1
        lost = side * (position.average_price - bar.close) / position.average_price
        if lost > self.stop_loss or position.bars_held >= 7:
            self.close(bar.symbol)
        elif abs(position.value) < 0.15 * self.cash_total and self.cash > 1_000:
            self.target(bar.symbol, position.quantity + side * 2)


class Breakout(fw.Strategy):
    """Reads history by index."""

    window: int = fw.param(6)
    seen: int = fw.state(0)
    recent: Any = fw.state(np.zeros(4))

    def on_bar(self, bar: Any) -> None:
        history = self.bars(bar.symbol)
        if len(history) <= self.window:
            return
        highest = history.high[-2]
        lows = history.low
        lowest = lows[-2]
        for k in range(3, self.window + 2):
            highest = max(highest, history.high[-k])
            lowest = min(lowest, lows[-k])
        self.recent[self.seen % 4] = bar.close - history.close[0]
        self.seen += 1
        total = 0.0
        for x in self.recent:
            total += x
        if bar.close > highest:
            self.target_weight(bar.symbol, 0.3 if total > 0 else 0.1)
        elif bar.close < lowest and self.position(bar.symbol).quantity > 0:
            self.target(bar.symbol, 0)


class Helped(fw.Strategy):
    """Own methods, branches on parameters of every kind, a number of the module."""

    mode: str = fw.param("both", choices=("long", "short", "both"))
    limit: Any = fw.param(None)
    trace: Any = fw.param("AAA")
    risk: float = fw.param(0.01)
    calls: int = fw.state(0)
    armed: bool = fw.state(True)

    def on_start(self) -> None:
        self.average = self.indicator(fw.ema, "close", 5)

    def on_bar(self, bar: Any) -> None:
        if self.limit is not None and bar.close > self.limit:
            self.close(bar.symbol)
        wanted = self._side(bar)
        if wanted != 0 and self._is_new(bar.symbol, wanted):
            self._enter(bar.symbol, wanted, self._size(bar.close - self.average[-1]))

    def _side(self, bar: Any) -> int:
        if bar.close > self.average and self.mode in ("long", "both"):
            return 1
        if self.average > bar.close * LEVEL / 1.5 and self.mode != "long":
            return -1
        return 0

    def _is_new(self, symbol: str, wanted: int) -> bool:
        held = self.position(symbol)
        return held.quantity * wanted <= 0

    def _size(self, distance: float, least: int = 1) -> float:
        self.calls += 1
        if not abs(distance) > 0.01:
            return least
        return max(float(least), math.floor(self.risk * self.equity / abs(distance) / 40))

    def _enter(self, symbol: str, wanted: int, size: float) -> None:
        self.armed = not self.armed
        if symbol == self.trace and self.armed:
            self.target(symbol, wanted * size, tag="traced")
        else:
            self.target(symbol, wanted * size)


class Rotation(fw.Strategy):
    """A portfolio: once per instant, the strongest instrument is held."""

    turns: int = fw.state(0)

    def on_start(self) -> None:
        self.strength = self.indicator(fw.roc, "close", 4)

    def on_bars(self, bars: Any) -> None:
        best, chosen = -1e9, -1
        k = 0
        for symbol in bars:
            if self.strength[symbol].value > best and bars[symbol].close > 1:
                best = self.strength[symbol].value
                chosen = k
            k = k + 1
        k = -1
        for symbol in bars:
            k = k + 1
            if k == chosen:
                if self.position(symbol).is_flat:
                    self.turns += 1
                    self.target_weight(symbol, 0.8)
            elif not self.position(symbol).is_flat:
                self.close(symbol, tag="weak")
        if self.strength["AAA"].crossed_above(0):
            self.buy("AAA", 1, limit=bars["BBB"].close * 0.9, tag="far")
        if self.turns % 6 == 5:
            self.cancel_all("AAA")
        for symbol in self.symbols:
            if self.position(symbol).bars_held > 12:
                self.close_all()


class Handles(fw.Strategy):
    """Keeps orders by number within a bar, replaces and cancels them."""

    last: int = fw.state(-1)
    filled: float = fw.state(0.0)
    done: int = fw.state(0)

    def on_bar(self, bar: Any) -> None:
        entry = self.buy(bar.symbol, 5, limit=bar.low * 0.995)
        if bar.index % 3 == 0:
            entry.replace(limit=bar.low, quantity=6)
        elif bar.index % 3 == 1 and entry.cancel():
            self.done += 1
        if entry.status == fw.OrderStatus.PENDING_NEW and not entry.is_done and entry.leaves > 4:
            self.last = entry.id
        self.filled += entry.filled + entry.quantity
        order = self.target(bar.symbol, bar.index % 4)
        if order is not None and order.side == fw.Side.SELL:
            self.done += 100
        if bar.index % 10 == 9:
            self.done += self.cancel_all()


class Frames(fw.Strategy):
    """Two timeframes."""

    def on_start(self) -> None:
        self.slow = self.indicator(fw.sma, "close", 2, timeframe="10min")

    def on_bar(self, bar: Any) -> None:
        if bar.timeframe == "10min":
            if self.slow[-1] > bar.close:
                self.sell(bar.symbol, 3)
            return
        slow = self.bars("AAA", "10min")
        if len(slow) > 1 and bar.close > slow.close[-1] and slow.close[-1] > slow.open[0]:
            self.target("AAA", 5 + len(slow))
        elif len(self.bars("AAA").close) % 9 == 0:
            self.target("AAA", -2)


class Numbers(fw.Strategy):
    """Arithmetic of every kind, put into what it orders."""

    x: float = fw.state(0.37)
    n: int = fw.state(3)
    flags: Any = fw.state(np.zeros(3, np.bool_))
    grid: Any = fw.state(np.zeros((2, 3), np.int64))

    def on_bar(self, bar: Any) -> None:
        n = self.n
        x = (self.x * 3.9) * (1 - self.x)
        y = x**3 + x**0.5 - math.sqrt(x) / (1 + math.exp(-x)) + math.log(1 + x)
        for k in range(5):
            if k == n % 5:
                continue
            y += (-(n + k) // 3) * 0.25 + (n * 7 - k) % 4 - ((n - k) ^ k) / 8
        while n > 100:
            n -= 97
        n = n * 3 + 1 if n % 2 else n // 2 + 5**2
        self.flags[n % 3] = not self.flags[(n + 1) % 3]
        self.grid[n % 2, n % 3] += 1
        low, high = min(x, y), max(x, y)
        size = round(abs(y) * 2.5) + int(high - low) + (4 if self.flags[0] else 0) + self.grid[0, 1] % 3
        self.x, self.n = x, n
        if 0 < size < 200 and 0.1 < x <= 0.9:
            self.target(bar.symbol, size if math.floor(y) & 1 else -size)


class EveryTerm(fw.Strategy):
    """Orders with all their terms, groups, orders after others, new distances, cancels by side and tag."""

    def on_bar(self, bar: Any) -> None:
        symbol, price, step = bar.symbol, bar.close, bar.index % 12
        if step == 0:
            entry = self.buy(symbol, 9, limit=price, take_profit=price * 1.03, stop_loss=price * 0.97, display=4, tag="in")
            self.sell(symbol, 5, limit=price * 1.02, after=entry, reduce_only=True, rule_id="out")
        elif step == 1:
            self.buy(symbol, value=2_000, touch=price * 0.99, limit=price * 0.985)
            self.sell(symbol, 3, trail="1.5%", tag="trail")
            self.sell(symbol, 2, trail="20 ticks", trail_limit=0.25)
        elif step == 2:
            a = self.buy(symbol, 4, limit=price * 0.99, post_only=True)
            b = self.buy(symbol, 4, stop=price * 1.01)
            self.oco(a, b)
        elif step == 3:
            self.sell(symbol, weight=0.05, trail=price * 0.02, stop=price * 0.97)
            self.buy(symbol, 1, tif="OPG")
            self.sell(symbol, 1, limit=price, tif="CLS")
        elif step == 4:
            trailing = self.sell(symbol, 6, trail=price * 0.04)
            trailing.replace(trail="1%")
            trailing.replace(trail=price * 0.01, quantity=5)
        elif step == 9:
            self.cancel_all(symbol, side="sell", tag="trail")
            self.cancel_all(side="buy")
        elif step == 11:
            self.cancel_all(symbol)
            self.close(symbol)


class Sized(fw.Strategy):
    """Leaves the size to the configuration."""

    def on_bar(self, bar: Any) -> None:
        if bar.index % 8 == 2:
            self.buy(bar.symbol)
        elif bar.index % 8 == 5:
            self.target_default(bar.symbol, -1, tag="turn")
        elif bar.index % 8 == 7:
            self.sell(bar.symbol, limit=bar.close * 1.01, tif="FOK")


class Risky(fw.Strategy):
    """Sizes by risk: to a stop, by a move of the price, or both."""

    risk: float = fw.param(0.01)

    def on_bar(self, bar: Any) -> None:
        reach = bar.high - bar.low + 0.05
        if bar.index % 9 == 2:
            self.buy(bar.symbol, risk="0.5%", stop_loss=bar.close - 3 * reach, tag="to the stop")
        elif bar.index % 9 == 4:
            self.sell(bar.symbol, risk=self.risk, per=reach)
        elif bar.index % 9 == 5:
            self.sell(bar.symbol, risk="50bp", per=reach, stop_loss=bar.close + reach, limit=bar.close * 1.001, tif="DAY")
        elif bar.index % 9 == 7:
            self.close(bar.symbol)


ALL = (SmaCross, Literals, Held, Breakout, Helped, Rotation, Handles, Numbers, EveryTerm, Risky)
