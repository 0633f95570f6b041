"""Strategies that leave nothing behind: rules, parameters and indicators from a table, in every way a strategy can be written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

import fillwright as fw
from fillwright.config.schema import Config
from fillwright.doctor.subject import Subject
from fillwright.strategies import BUILT_IN

INDICATORS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "sma": (fw.sma, ("close", 7)),
    "ema": (fw.ema, ("close", 9)),
    "wma": (fw.wma, ("close", 5)),
    "highest": (fw.highest, ("high", 6)),
    "lowest": (fw.lowest, ("low", 6)),
}
RULES = ("above", "cross", "reverse", "rest", "weight")


class Table(fw.Strategy):
    """One indicator, one rule."""

    indicator_name: str = fw.param("sma", choices=tuple(INDICATORS))
    rule: str = fw.param("above", choices=RULES)
    size: int = fw.param(10, ge=1)
    entries: int = fw.state(0)

    def on_start(self) -> None:
        function, arguments = INDICATORS[self.indicator_name]
        self.line = self.indicator(function, *arguments)
        self.price = self.indicator(fw.sma, "close", 1)
        self.rng = np.random.default_rng(self.size)
        self.past: list[float] = []

    def on_bar(self, bar: Any) -> None:
        self.past.append(bar.close)
        symbol, line = bar.symbol, float(self.line)
        if self.rule == "above":
            self.target(symbol, self.size if bar.close > line else 0)
        elif self.rule == "cross":
            if self.price.crossed_above(self.line):
                self.entries += 1
                self.target(symbol, self.size)
            elif self.price.crossed_below(self.line):
                self.close(symbol)
        elif self.rule == "reverse":
            self.target(symbol, self.size if self.past[-1] > np.mean(self.past[-8:]) else -self.size)
        elif self.rule == "rest":
            if self.rng.random() < 0.3:
                self.cancel_all(symbol)
                self.buy(symbol, self.size, limit=bar.low)
            if bar.index % 13 == 0:
                self.close(symbol)
        elif bar.index % 5 == 0:
            self.target_weight(symbol, 0.3 if bar.close > line else 0.0)


class Listener(fw.Strategy):
    """Has the other callbacks."""

    fills: int = fw.state(0)

    def on_start(self) -> None:
        self.every("7d", self.check)
        self.seen: dict[str, int] = {}

    def check(self) -> None:
        self.close_all()

    def on_bar(self, bar: Any) -> None:
        self.seen[bar.symbol] = self.seen.get(bar.symbol, 0) + 1
        if self.seen[bar.symbol] % 4 == 1:
            self.buy(bar.symbol, 2, tag="again")

    def on_fill(self, fill: Any) -> None:
        self.fills += 1

    def on_order(self, order: Any, event: Any) -> None:
        self.seen["events"] = self.seen.get("events", 0) + 1

    def on_stop(self) -> None:
        self.seen.clear()


class Portfolio(fw.Strategy):
    """All instruments at once."""

    best: int = fw.param(1, ge=1, le=3)

    def on_bars(self, bars: Any) -> None:
        closes = {symbol: self.bars(symbol).close for symbol in bars}
        ready = [symbol for symbol in closes if len(closes[symbol]) > 5]
        ranked = sorted(ready, key=lambda symbol: (-closes[symbol][-1] / closes[symbol][-5], symbol))
        self.target_weights({symbol: 0.5 / self.best if symbol in ranked[: self.best] else 0.0 for symbol in self.symbols})


class Compiled(fw.Strategy):
    """Compiled."""

    size: int = fw.param(3, ge=1)
    count: int = fw.state(0)

    def on_start(self) -> None:
        self.line = self.indicator(fw.sma, "close", 5)

    @fw.compiled
    def on_bar(ctx, p, s):  # type: ignore[no-untyped-def]
        if ctx.close > ctx.value(p.line):
            s.count += 1
            ctx.target(p.size)
        else:
            ctx.target(0)


def targets(market: fw.Market, step: int = 5) -> Any:
    close = np.stack([feed.close for feed in market.feeds], axis=1)
    before = np.vstack([close[:step], close[:-step]])
    return fw.Targets(weights=np.where(close > before, 0.3, 0.0))


def signals(market: fw.Market, step: int = 4) -> Any:
    close = np.stack([feed.close for feed in market.feeds], axis=1)
    before = np.vstack([close[:step], close[:-step]])
    return fw.Signals(close > before, close < before, size=4)


def clean_subjects() -> list[Subject]:
    """More than fifty of them, on one instrument and on three."""
    one = fw.make_bars(90, seed=11, instrument=fw.Instrument("X"))
    three = (
        one + fw.make_bars(90, seed=12, instrument=fw.Instrument("Y")) + fw.make_bars(80, seed=13, instrument=fw.Instrument("Z"))
    )
    costs = Config.from_dict({"costs": {"commission": {"model": "rate", "rate": "0.1%"}}, "execution": {"participation": "5%"}})
    found = [
        Subject.of(
            Table(indicator_name=name, rule=rule, size=3 + k), three if (j + k) % 3 == 0 else one, costs if j % 2 else None
        )
        for j, name in enumerate(INDICATORS)
        for k, rule in enumerate(RULES)
    ]
    found += [Subject.of(Table(rule=rule, size=size), one, None) for rule in RULES for size in (1, 40)]
    found += [Subject.of(Listener(), market, None) for market in (one, three)]
    found += [Subject.of(Portfolio(best=best), three, costs) for best in (1, 2, 3)]
    found += [Subject.of(Compiled(size=size), one, None) for size in (2, 5)]
    even = fw.make_bars(90, seed=14, instrument=fw.Instrument("U")) + one
    found += [Subject.of(make, market, None) for make in (targets, signals) for market in (one, even)]
    found += [Subject.of(made(one), one, costs) for made in (targets, signals)]
    sized = Config.from_dict({"sizing": {"method": "fixed", "quantity": Decimal(2)}})
    found += [Subject.of(BUILT_IN["sma_cross"](fast=fast, slow=12), one, sized) for fast in (2, 5)]
    return found
