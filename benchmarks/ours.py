"""fillwright in the same protocol as the adapters: one strategy, three drivers, the portfolio as target weights, and quotes.

    minute            Python class, woken on every bar
    minute:compiled   the same, compiled
    minute:signals    crossings handed in as arrays
    portfolio         target weights as an array
    portfolio:python  Python class with on_bars
    quotes            Python class with on_quote, woken on every quote
    quotes:compiled   the same, compiled

The averages are handed in, as they are to the other tools. The clock covers the whole of fw.run: orders, ledger, journal, equity,
fingerprints, isolation check. A short run before it loads the kernel.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fillwright as fw

sys.path.insert(0, str(Path(__file__).resolve().parent / "adapters"))

from inputs import INSTRUMENTS, INVESTED, MINUTE_NS, REBALANCE_EVERY
from protocol import CASH, FEE, MOVE, QUANTITY, Arrays, clock, digest, main

WARM_ROWS = 1_000
BARS = ("open", "high", "low", "close", "volume")


def crossing(arrays: Arrays) -> fw.Strategy:
    """The common strategy as a user writes it, on these averages."""

    class Cross(fw.Strategy):
        def on_start(self) -> None:
            self.fast = self.indicator(arrays.fast)
            self.slow = self.indicator(arrays.slow)

        def on_bar(self, bar) -> None:  # type: ignore[no-untyped-def]
            if self.fast.crossed_above(self.slow):
                self.target(bar.symbol, QUANTITY)
            elif self.fast.crossed_below(self.slow):
                self.close(bar.symbol)

    return Cross()


def crossing_compiled(arrays: Arrays) -> fw.Strategy:
    """The same, compiled."""

    class Cross(fw.Strategy):
        def on_start(self) -> None:
            self.fast = self.indicator(arrays.fast)
            self.slow = self.indicator(arrays.slow)

        on_bar = COMPILED_CROSS

    return Cross()


@fw.compiled
def COMPILED_CROSS(ctx, p, s):  # type: ignore[no-untyped-def]
    """Buy on a crossing above, leave on a crossing below."""
    if ctx.crossed_above(p.fast, p.slow):
        ctx.target(QUANTITY)
    elif ctx.crossed_below(p.fast, p.slow):
        ctx.close_position()


class Rebalance(fw.Strategy):
    """Equal weights every 21st day."""

    days: int = fw.state(0)

    def on_start(self) -> None:
        self.weights = dict.fromkeys(self.symbols, INVESTED / INSTRUMENTS)

    def on_bars(self, bars) -> None:  # type: ignore[no-untyped-def]
        self.days += 1
        if self.days % REBALANCE_EVERY == 0:
            self.target_weights(self.weights)


SETTINGS = fw.Config.from_dict({
    "account": {"initial_cash": CASH},
    "costs": {"commission": {"model": "rate", "rate": FEE}},
    "execution": {"participation": None},
})  # fmt: skip
"""Of all scenarios; no cap on volume, as in the other tools. Made before the clock starts, as theirs are."""


def run(strategy: object, market: fw.Market) -> fw.Result:
    """One run with the settings of the scenario."""
    return fw.run(strategy, market, SETTINGS)


def minute_market(arrays: Arrays) -> fw.Market:
    """One instrument."""
    columns = {name: getattr(arrays, name) for name in BARS}
    return fw.read_bars({"time": arrays.time.astype("datetime64[ns]"), **columns}, symbol="AAA", timeframe="1min", tz="UTC")


def report(result: fw.Result, seconds: float, bars: int, decisions: np.ndarray) -> dict[str, object]:
    """The protocol's answer."""
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
    seconds = clock(lambda: found.__setitem__(slice(None), [run(subject, market)]))
    orders = found[0].record.tables["orders"]
    orders = orders[orders["cum_quantity"] > 0]
    rows = np.searchsorted(arrays.time + MINUTE_NS, orders["decided_at"])
    return report(found[0], seconds, arrays.rows, np.column_stack([rows, np.where(orders["side"] == fw.Side.BUY, 1, -1)]))


def minute(arrays: Arrays) -> dict[str, object]:
    """Python class."""
    return _minute(arrays, crossing)


def minute_compiled(arrays: Arrays) -> dict[str, object]:
    """The same class, compiled."""
    return _minute(arrays, crossing_compiled)


def minute_signals(arrays: Arrays) -> dict[str, object]:
    """Arrays."""
    return _minute(arrays, lambda cut: fw.Signals(cut.above, cut.below, size=QUANTITY))


def _portfolio(arrays: Arrays, subject: Callable[[np.ndarray], object]) -> dict[str, object]:
    days, count = arrays.close.shape
    names = [f"S{k:03d}" for k in range(count)]
    columns = {name: getattr(arrays, name).ravel() for name in BARS}
    time = np.repeat(arrays.time, count).astype("datetime64[ns]")
    market = fw.read_bars(
        {"time": time, "symbol": np.tile(names, days), **columns}, symbol_column="symbol", timeframe="1d", tz="UTC"
    )
    closes = np.unique(market.feeds[0].close_time)
    strategy = subject(arrays.weights)
    found = [run(strategy, market)]
    seconds = clock(lambda: found.__setitem__(slice(None), [run(strategy, market)]))
    return report(found[-1], seconds, days * count, _changes(found[-1], closes))


def portfolio(arrays: Arrays) -> dict[str, object]:
    """Target weights: one row per day, NaN = leave alone."""
    return _portfolio(arrays, lambda weights: fw.Targets(weights=weights))


def portfolio_python(arrays: Arrays) -> dict[str, object]:
    """A Python strategy woken once a day."""
    return _portfolio(arrays, lambda _: Rebalance())


def _changes(result: fw.Result, closes: np.ndarray) -> np.ndarray:
    """(day of the decision, instrument) wherever a position was opened or closed."""
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


class Turns(fw.Strategy):
    """Buy what has fallen, sell what has risen, by MOVE from the last extreme."""

    held: bool = fw.state(False)
    high: float = fw.state(0.0)
    low: float = fw.state(1e9)

    def on_quote(self, quote) -> None:  # type: ignore[no-untyped-def]
        bid, ask = quote.bid, quote.ask
        if ask > self.high:
            self.high = ask
        if bid < self.low:
            self.low = bid
        if bid > self.low + MOVE if self.held else ask < self.high - MOVE:
            if self.held:
                self.sell(quote.symbol, QUANTITY)
            else:
                self.buy(quote.symbol, QUANTITY)
            self.held, self.high, self.low = not self.held, ask, bid


@fw.compiled
def COMPILED_TURNS(ctx, p, s):  # type: ignore[no-untyped-def]
    """The same."""
    bid, ask = ctx.bid, ctx.ask
    s.high, s.low = max(s.high, ask), min(s.low, bid)
    if bid > s.low + MOVE if s.held else ask < s.high - MOVE:
        if s.held:
            ctx.sell(QUANTITY)
        else:
            ctx.buy(QUANTITY)
        s.held, s.high, s.low = not s.held, ask, bid


class CompiledTurns(fw.Strategy):
    """The same, compiled."""

    held: bool = fw.state(False)
    high: float = fw.state(0.0)
    low: float = fw.state(1e9)
    on_bar = COMPILED_TURNS


def quotes_market(arrays: Arrays) -> fw.Market:
    """Best bid and ask of one instrument."""
    columns = {name: getattr(arrays, name) for name in ("bid", "ask", "bid_size", "ask_size")}
    return fw.read_quotes({"time": arrays.time.astype("datetime64[ns]"), **columns}, symbol="AAA", tz="UTC")


def _quotes(arrays: Arrays, strategy: fw.Strategy) -> dict[str, object]:
    market = quotes_market(arrays)
    run(strategy, quotes_market(Arrays(arrays.folder, WARM_ROWS)))
    found: list[fw.Result] = []
    seconds = clock(lambda: found.__setitem__(slice(None), [run(strategy, market)]))
    orders, fills = (found[0].record.tables[name] for name in ("orders", "fills"))
    rows = np.searchsorted(arrays.time, orders["decided_at"])
    answer = report(found[0], seconds, arrays.rows, np.column_stack([rows, np.where(orders["side"] == fw.Side.BUY, 1, -1)]))
    instrument = market.instruments[0]
    cents, units = fills["price"] // (instrument.price_scale // 100), fills["quantity"] // instrument.quantity_scale
    return answer | {"fills": digest(np.column_stack([cents, units])), "filled_at": "same_quote"}


def quotes(arrays: Arrays) -> dict[str, object]:
    """Python class."""
    return _quotes(arrays, Turns())


def quotes_compiled(arrays: Arrays) -> dict[str, object]:
    """The same class, compiled."""
    return _quotes(arrays, CompiledTurns())


if __name__ == "__main__":
    main(
        {
            "minute": minute,
            "minute:compiled": minute_compiled,
            "minute:signals": minute_signals,
            "portfolio": portfolio,
            "portfolio:python": portfolio_python,
            "quotes": quotes,
            "quotes:compiled": quotes_compiled,
        }
    )
