"""fillwright in the same protocol as the adapters: one strategy, three drivers, and the portfolio as target weights.

    minute            Python class; averages by fw.sma, which must give the crossings of the other tools exactly
    minute:compiled   the same, compiled
    minute:signals    crossings handed in as arrays
    portfolio         fw.Targets

The clock covers the whole of fw.run: orders, ledger, journal, equity, reconciliation. A short run before it loads the kernel.

Written before the engine ran; what it takes for granted is marked "assumed".
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fillwright as fw

sys.path.insert(0, str(Path(__file__).resolve().parent / "adapters"))

from inputs import FAST, MINUTE_NS, SLOW
from protocol import CASH, FEE, QUANTITY, Arrays, clock, digest, main

WARM_ROWS = 1_000
BARS = ("open", "high", "low", "close", "volume")


class Cross(fw.Strategy):
    """The common strategy as a user writes it."""

    def on_start(self) -> None:
        self.fast = self.indicator(fw.sma, "close", FAST)
        self.slow = self.indicator(fw.sma, "close", SLOW)

    def on_bar(self, bar) -> None:  # type: ignore[no-untyped-def]
        if self.fast.crossed_above(self.slow):
            if self.position(bar.symbol).quantity == 0:
                self.buy(bar.symbol, QUANTITY)
        elif self.fast.crossed_below(self.slow):
            self.close(bar.symbol)


def run(strategy: object, market: fw.Market) -> fw.Result:
    """One run with the settings of the scenario. Assumed: participation=None lifts the volume cap."""
    return fw.run(strategy, market, cash=CASH, commission=FEE, participation=None)


def minute_market(arrays: Arrays) -> fw.Market:
    """One instrument."""
    columns = {name: getattr(arrays, name) for name in BARS}
    return fw.read_bars({"time": arrays.time.astype("datetime64[ns]"), **columns}, symbol="AAA", timeframe="1min", tz="UTC")


def report(result: fw.Result, seconds: float, bars: int, decisions: np.ndarray) -> dict[str, object]:
    """The protocol's answer. Assumed: `result.record` is the RunRecord, its equity in 10^-6 of the account currency."""
    return {
        "seconds": seconds,
        "bars": bars,
        "orders": int((result.record.tables["orders"]["cum_quantity"] > 0).sum()),
        "decisions": digest(decisions),
        "filled_at": "next_open",
        "equity": int(result.record.equity[-1]) / 10**6,
    }


def _minute(arrays: Arrays, strategy: Callable[[Arrays], object]) -> dict[str, object]:
    market, small = minute_market(arrays), Arrays(arrays.folder, WARM_ROWS)
    run(strategy(small), minute_market(small))
    subject, found = strategy(arrays), []
    seconds = clock(lambda: found.append(run(subject, market)))
    orders = found[0].record.tables["orders"]
    orders = orders[orders["cum_quantity"] > 0]
    rows = np.searchsorted(arrays.time + MINUTE_NS, orders["decided_at"])
    return report(found[0], seconds, arrays.rows, np.column_stack([rows, np.where(orders["side"] == fw.Side.BUY, 1, -1)]))


def minute(arrays: Arrays) -> dict[str, object]:
    """Python class."""
    return _minute(arrays, lambda _: Cross())


def minute_compiled(arrays: Arrays) -> dict[str, object]:
    """The same class, compiled. Assumed: fw.compiled(Class) is called as the class is."""
    compiled = fw.compiled(Cross)
    return _minute(arrays, lambda _: compiled())


def minute_signals(arrays: Arrays) -> dict[str, object]:
    """Arrays. Assumed: entries and exits have one cell per bar, size is in units."""
    return _minute(arrays, lambda cut: fw.Signals(cut.above, cut.below, size=QUANTITY))


def portfolio(arrays: Arrays) -> dict[str, object]:
    """Target weights. Assumed: fw.Targets takes a frame time x symbol at the close of the bar, NaN = leave alone."""
    import pandas as pd

    days, count = arrays.close.shape
    names = [f"S{k:03d}" for k in range(count)]
    columns = {name: getattr(arrays, name).ravel() for name in BARS}
    time = np.repeat(arrays.time, count).astype("datetime64[ns]")
    market = fw.read_bars(
        {"time": time, "symbol": np.tile(names, days), **columns}, symbol_column="symbol", timeframe="1d", tz="UTC"
    )
    closes = pd.DatetimeIndex(np.unique(market.feeds[0].close_time).astype("datetime64[ns]"), tz="UTC")
    targets = fw.Targets(weights=pd.DataFrame(arrays.weights, closes, names))
    found = [run(targets, market)]
    seconds = clock(lambda: found.append(run(targets, market)))
    return report(found[1], seconds, days * count, _changes(found[1], closes.asi8))


def _changes(result: fw.Result, closes: np.ndarray) -> np.ndarray:
    """(day of the decision, instrument) wherever a position was opened or closed. Assumed: symbols in alphabetical order."""
    orders = result.record.tables["orders"]
    orders = orders[orders["cum_quantity"] > 0]
    held: dict[int, int] = {}
    changed = []
    for order in orders:
        symbol, was = int(order["symbol"]), held.get(int(order["symbol"]), 0)
        held[symbol] = was + int(order["cum_quantity"]) * (1 if order["side"] == fw.Side.BUY else -1)
        if was == 0 or held[symbol] == 0:
            changed.append((int(np.searchsorted(closes, order["decided_at"])), symbol))
    return np.array(sorted(changed))


if __name__ == "__main__":
    main({"minute": minute, "minute:compiled": minute_compiled, "minute:signals": minute_signals, "portfolio": portfolio})
