"""Runs of every kind to pause anywhere: what decides, the market, the settings. Imported in other processes too."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

import fillwright as fw
from fillwright.config.shorthand import apply_shorthand
from fillwright.data.make import make_bars
from fillwright.data.market import Market, build_market, combine
from fillwright.kernel import rng

COSTS: dict[str, Any] = {"commission": {"model": "rate", "rate": "0.1%", "minimum": 1}, "slippage": "2bp"}
NEW_YORK = fw.Instrument("X", timezone="America/New_York", session=(34_200, 57_600), tick=10_000)


def chance(*key: int) -> float:
    """A number in [0, 1) that depends on nothing else."""
    return float(rng.uniform(7, *key))


class Busy(fw.Strategy):
    """Orders of all kinds, replaced and cancelled; everything that it keeps is declared."""

    length: int = fw.param(5, ge=2)
    count: int = fw.state(0)
    window: Any = fw.state(deque(maxlen=7))
    last: Any = fw.state(None)
    sums: Any = fw.state(np.zeros(3))
    trades: list[Any] = fw.state([])
    notes: dict[str, Any] = fw.state({"best": float("nan"), "seen": [1, (2.5, "x", True)], 7: None})

    def on_start(self) -> None:
        self.average = self.indicator(fw.sma, "close", self.length)
        self.every("3d", self.tick)
        self.at("10:30", self.tick)

    def tick(self) -> None:
        self.sums[self.count % 3] += 1
        self.sums[2] += 5 * (self.average > 99.5)  # in a timer that is the instrument of the bar before
        if self.sums[0] % 4 == 3:
            self.cancel_all()

    def on_bar(self, bar: Any) -> None:
        self.count += 1
        self.window.append(bar.close)
        draw = chance(1, self.count, len(self.window))
        self.notes["best"] = np.float64(max(self.window))
        symbol, price = bar.symbol, sum(self.window) / len(self.window)
        if draw < 0.15:
            self.last = self.buy(symbol, 5 + int(self.sums[1]) % 4, limit=round(price * 0.995, 2), tag=f"t{self.count % 5}")
        elif draw < 0.25:
            stop = round(bar.close * 0.98, 2)
            self.last = self.sell(symbol, 3, stop=stop, tif="GTD", expire=bar.time + timedelta(days=3), rule_id="fall")
        elif draw < 0.3:
            self.buy(symbol, 2, stop=round(bar.close * 1.01, 2), limit=round(bar.close * 1.02, 2), tif="DAY")
        elif draw < 0.4 and self.last is not None and not self.last.is_done:
            self.last.replace(quantity=self.last.quantity + 1)
        elif draw < 0.45:
            self.target_weight(symbol, 0.3 if self.average > price else -0.2)
        elif draw < 0.47 + self.sums[2] % 7 / 1000:
            self.buy(symbol, 1)
        elif draw < 0.5:
            self.close(symbol, tag="out")

    def on_fill(self, fill: Any) -> None:
        self.notes["seen"].append(fill.fill_id)
        self.notes["seen"] = self.notes["seen"][-3:]

    def on_trade_closed(self, news: Any) -> None:
        self.trades.append((news.seq, news.trade_id))
        if news.trade_id % 3 == 1:
            self.buy(news.symbol, 1 + news.trade_id % 4, tag=f"n{news.seq}")


@fw.compiled
class Machine(fw.Strategy):
    """A compiled class whose tags come into use one after the other."""

    count: int = fw.state(0)
    closes: Any = fw.state(np.zeros(4))

    def on_bar(self, bar: Any) -> None:
        self.count += 1
        self.closes[self.count % 4] = bar.close
        if self.count % 50 == 30:
            self.close_all()
        elif self.count % 7 == 3:
            self.buy(bar.symbol, 3, limit=bar.close * 0.998, tag="dip", rule_id="r1")
        elif self.count > 40 and self.count % 5 == 1 and self.closes[0] < bar.close:
            self.sell(bar.symbol, 2, tag="late")
        elif self.count > 90 and self.count % 11 == 0:
            self.target(bar.symbol, 4, tag="later", rule_id="r2")


class Undeclared(Busy):
    """The same, and keeps more than it declares."""

    def on_start(self) -> None:
        super().on_start()
        self.history: list[float] = []

    def on_bar(self, bar: Any) -> None:
        self.history.append(bar.close)
        if len(self.history) % 13 == 0:
            self.extra = self.buy(bar.symbol, 1)
        super().on_bar(bar)


class Portfolio(fw.Strategy):
    """Once an instant: targets as a batch, and a timer that reads series."""

    turn: int = fw.state(0)

    def on_start(self) -> None:
        self.fast = self.indicator(fw.ema, "close", 3)
        self.every("5d", self.check)

    def check(self) -> None:
        if self.fast[self.symbols[0]] > 100:
            self.close_all()

    def on_bars(self, bars: Any) -> None:
        self.turn += 1
        if chance(2, self.turn, 0) < 0.3:
            self.target_weights({symbol: round(chance(2, self.turn, k) - 0.4, 2) / 2 for k, symbol in enumerate(bars)})

    def on_session_close(self, symbol: str) -> None:
        if chance(3, self.turn, 0) < 0.1:
            self.target(symbol, -5)


class Frames(fw.Strategy):
    """Bars of two lengths, and a series read where no bar is in hand."""

    def on_start(self) -> None:
        self.slow = self.indicator(fw.sma, "close", 4, timeframe="5min")
        self.at("12:00", self.noon)

    def noon(self) -> None:
        if self.slow.value > 99:
            self.buy("X", 1)

    def on_bar(self, bar: Any) -> None:
        if bar.timeframe == "5min" and bar.index % 3 == 0:
            self.target("X", bar.index % 7 - 3)
        elif bar.timeframe == "1min" and bar.index % 11 == 0:
            self.sell("X", 2, limit=round(bar.close * 1.001, 2), tif="DAY")


@fw.compiled
def crossing(ctx: Any, p: Any, s: Any) -> None:
    s.count += 1
    s.seen[s.count % 4] = ctx.close
    if ctx.crossed_above(p.fast, p.slow):
        s.order = ctx.buy(p.size)
    elif ctx.crossed_below(p.fast, p.slow) and s.seen[0] > 0.0:
        ctx.target(-3.0 + s.count % 2)
    elif s.count % 17 == 0:
        ctx.buy(1.0, limit=ctx.close * 0.99)


def compiled() -> fw.Strategy:
    """A compiled strategy with state."""
    return fw.compiled_strategy(
        crossing,
        params={"size": 7},
        states={"count": 0, "order": -1, "seen": np.zeros(4)},
        indicators={"fast": (fw.sma, "close", 3), "slow": (fw.sma, "close", 9)},
    )


def targets(market: Market) -> Any:
    """Weights, most of them left alone."""
    shape = (len(market.instants), len(market.instruments))
    cells = np.array([[chance(4, j, k) for k in range(shape[1])] for j in range(shape[0])])
    return fw.Targets(weights=np.where(cells < 0.2, cells * 3 - 0.3, np.nan))


def signals(market: Market) -> Any:
    """Entries and exits of both sides."""
    shape = (len(market.instants), len(market.instruments))
    cells = np.array([[chance(5, j, k) for k in range(shape[1])] for j in range(shape[0])])
    return fw.Signals(cells < 0.1, cells > 0.85, short_entries=(cells > 0.1) & (cells < 0.15), size=4)


def order_list(market: Market) -> Any:
    """Orders of all types with tags."""
    feed = market.feeds[0]
    rows = np.arange(5, len(feed) - 5, 3)
    close = feed.close[rows] / market.instruments[0].price_scale
    kind = np.array([int(chance(6, int(row), 0) * 4) for row in rows])
    when = feed.close_time[rows].view("datetime64[ns]")
    until = kind == 2
    return fw.OrderList(
        {
            "time": when,
            "side": np.where(kind == 3, "sell", "buy"),
            "quantity": 2.0 + kind,
            "limit": np.where(kind == 1, np.round(close * 0.99, 2), np.nan),
            "stop": np.where(until, np.round(close * 1.02, 2), np.nan),
            "tif": np.where(until, "GTD", "GTC"),
            "expire": np.where(until, when + np.timedelta64(9, "D"), np.datetime64("NaT")),
            "tag": [f"n{k}" for k in kind],
        },
        stamp="close",
    )


@dataclass(frozen=True)
class World:
    """One kind of run."""

    market: Callable[[], Market]
    subject: Callable[[Market], Any]
    options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


def one() -> Market:
    return make_bars(160, seed=3, instrument=NEW_YORK)


def utc() -> Market:
    return make_bars(160, seed=3, instrument=fw.Instrument("X"))


def three() -> Market:
    """Three instruments, which begin and end at different days."""
    later = make_bars(90, seed=5, start="2020-02-10", instrument=fw.Instrument("Z", quantity_decimals=2))
    return combine(
        [make_bars(120, seed=3, instrument=fw.Instrument("X")), make_bars(100, seed=4, instrument=fw.Instrument("Y")), later]
    )


def currencies() -> Market:
    """A share in euros, its exchange rate, and one in dollars."""
    rate = make_bars(120, seed=8, price=1.1, volatility=0.1, instrument=fw.Instrument("EURUSD", base="EUR", price_decimals=6))
    shares = [make_bars(120, seed=k, instrument=fw.Instrument(s, quote=q)) for k, s, q in ((1, "S", "EUR"), (2, "T", "USD"))]
    return combine([*shares, rate])


def frames() -> Market:
    instrument = fw.Instrument("X")
    fine = make_bars(1500, seed=3, timeframe="1min", instrument=instrument)
    coarse = make_bars(300, seed=3, timeframe="5min", instrument=instrument)
    informs = build_market(coarse.instruments, [replace(coarse.feeds[0], execution=False)])
    return combine([fine, informs])


TIGHT: dict[str, Any] = {**COSTS, "participation": "0.02%", "latency": "1h", "flat_at": "run_end"}
CHANCES = ("reject", "reject_cancel", "reject_replace", "late_ack", "lost_ack", "duplicate_report", "reorder_reports", "outage")
FAULTS: dict[str, Any] = {
    "execution": {"faults": {**dict.fromkeys(CHANCES, 0.2), "late_by": "30h", "outage_length": "36h"}},
    "orders": {"status_request_after": "40h"},
}
WORLDS = {
    "declared": World(one, lambda market: Busy(), COSTS),
    "declared, tight": World(three, lambda market: Busy(length=9), TIGHT),
    "kept": World(one, lambda market: Undeclared(), {**COSTS, "latency": "30h"}),
    "kept, several": World(three, lambda market: Undeclared(), {**TIGHT, "lots": "average"}),
    "portfolio": World(three, lambda market: Portfolio(), {**COSTS, "reversal": "one_order", "leverage": 2}),
    "currencies": World(currencies, lambda market: Busy(), {**TIGHT, "cash": {"USD": 20_000, "EUR": 5_000}, "leverage": 3}),
    "frames": World(frames, lambda market: Frames(), {**COSTS, "flat_at": ["day_end"], "participation": "0.1%"}),
    "lookahead": World(one, lambda market: Busy(), {**COSTS, "fill": "same_close_lookahead", "account_type": "cash"}),
    "compiled": World(three, lambda market: compiled(), TIGHT),
    "compiled class": World(three, lambda market: Machine(), TIGHT),
    "targets": World(three, targets, COSTS),
    "signals": World(three, signals, {**TIGHT, "path": "probabilistic"}),
    "faults": World(three, lambda market: Busy(), TIGHT, FAULTS),
    "kept, faults": World(one, lambda market: Undeclared(), COSTS, FAULTS),
    "orders": World(utc, order_list, {**COSTS, "participation": "0.05%"}),
}


def bytes_of(result: fw.Result) -> dict[str, Any]:
    """All that must be the same: records, equity, fingerprints, counters, names, warnings."""
    record = result.record
    found: dict[str, Any] = {name: rows.tobytes() for name, rows in record.tables.items()}
    found |= {"equity": record.equity.tobytes(), "instants": record.instants.tobytes(), "names": record.names}
    found |= {"counters": record.counters, "warnings": record.warnings, "state": record.state}
    return found | {name: value for name, value in record.info.items() if not name.endswith("_seconds")}


def made(name: str) -> tuple[Market, Any, fw.Config]:
    """Market, a fresh subject and settings of a world."""
    world = WORLDS[name]
    market = world.market()
    return market, world.subject(market), apply_shorthand(fw.Config.from_dict(world.settings), world.options)


def resume_elsewhere(name: str, file: str) -> None:
    """Go on in this process and print the fingerprints."""
    market, subject, _ = made(name)
    info = fw.resume(Path(file), subject, market).record.info
    print(info["input_fingerprint"], info["journal_fingerprint"])
