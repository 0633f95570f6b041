"""What strategies see of quotes and prints, in Python and compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fillwright as fw
from fillwright.errors import UsageError
from scenarios.table import play
from scenarios.test_quotes import FALL_AND_RISE, prints, quote_bars, quotes

SEEN: list[Any] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    SEEN.clear()


class Watches(fw.Strategy):
    def on_start(self) -> None:
        self.mean = self.indicator(fw.sma, "close", 2)
        self.bids = self.indicator(fw.highest, "bid", 2)

    def on_quote(self, quote: Any) -> None:
        past = self.quotes(quote.symbol)
        SEEN.append(
            (quote.bid, quote.ask, quote.mid, quote.bid_size, self.mean.value, self.bids.value, past.ask[-1], len(past.bid))
        )


def test_a_quote_and_its_history() -> None:
    fw.run(Watches(), quotes("09:31 99 101 5 6\n09:32 98 101 7 8\n09:33 97 98 1 2"))
    assert SEEN == [(98.0, 101.0, 99.5, 7.0, 99.75, 99.0, 101.0, 2), (97.0, 98.0, 97.5, 1.0, 98.5, 98.0, 98.0, 3)]


class Prints(fw.Strategy):
    def on_print(self, trade: Any) -> None:
        SEEN.append((trade.price, trade.size, self.prints(trade.symbol).size[-1]))


def test_a_print() -> None:
    fw.run(Prints(), prints("09:31 100 5\n09:32 99 7"))
    assert SEEN == [(100.0, 5.0, 5.0), (99.0, 7.0, 7.0)]


class Bars(fw.Strategy):
    def on_bar(self, bar: Any) -> None:
        SEEN.append((bar.open, bar.high, bar.low, bar.close, bar.bid, bar.ask, bar.ask_size))


def test_a_quote_bar_is_a_bar_of_the_middle() -> None:
    fw.run(Bars(), quote_bars("09:31 99 104 98 103", 2, 3, 4))
    assert SEEN == [(100.0, 105.0, 99.0, 104.0, 103.0, 105.0, 4.0)]


def test_each_kind_of_data_has_its_callback() -> None:
    class Both(fw.Strategy):
        def on_quote(self, quote: Any) -> None:
            SEEN.append(("quote", quote.bid))

        def on_print(self, trade: Any) -> None:
            SEEN.append(("print", trade.price))

    market = quotes("09:31 99 101\n09:32 98 100") + prints("09:31 100\n09:31:30 100.50")
    fw.run(Both(), market)
    assert SEEN == [("print", 100.0), ("quote", 99.0), ("print", 100.5), ("quote", 98.0)]
    with pytest.raises(UsageError, match=r"on_bar would never be called: the market has prints, quotes"):
        fw.run(Bars(), market)


def test_on_bars_and_on_quote_are_both_called() -> None:
    class Both(fw.Strategy):
        def on_quote(self, quote: Any) -> None:
            SEEN.append(("quote", quote.ask))

        def on_bars(self, bars: Any) -> None:
            SEEN.append(("all", [bars[symbol].ask for symbol in bars]))

    fw.run(Both(), quotes("09:31 99 101\n09:32 98 100"))
    assert SEEN == [("quote", 101.0), ("all", [101.0]), ("quote", 100.0), ("all", [100.0])]


@fw.compiled
def on_bar(ctx, p, s):  # type: ignore[no-untyped-def]
    if ctx.row == 1:
        s.seen = ctx.bid + 10.0 * ctx.ask + 100.0 * ctx.close + 1000.0 * ctx.bid_size
        ctx.buy(2.0)


def test_a_compiled_strategy_sees_bid_and_ask() -> None:
    class Compiled(fw.Strategy):
        seen: float = fw.state(0.0)

        def on_stop(self) -> None:
            SEEN.append(self.seen)

    Compiled.on_bar = on_bar  # type: ignore[attr-defined]
    result = fw.run(Compiled(), quotes("09:31 99 101 5 6\n09:32 98 101 7 8\n09:33 97 98 1 2"))
    assert SEEN == [98.0 + 1010.0 + 9950.0 + 7000.0]
    assert result.fills["price"].tolist() == [101.0]


@pytest.mark.parametrize("section", [{"execution": {"trigger": "last"}}, {"account": {"mark": "last"}}])
def test_the_last_print_of_quotes_is_not_looked_at(section: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="trades on quotes"):
        play(quotes(FALL_AND_RISE), "09:31 buy 1", **section)


def test_quotes_while_nothing_is_alive_leave_what_the_general_loop_leaves() -> None:
    """A timer keeps a run out of the short loop of quiet stretches."""

    class Plain(fw.Strategy):
        def on_quote(self, quote: Any) -> None:
            if quote.index % 7 == 3:
                self.target(quote.symbol, (quote.index % 5) - 2)

    class Timed(Plain):
        def on_start(self) -> None:
            self.every("1d", lambda: None)

    draw = np.random.default_rng(3)
    bid = 10_000 + np.cumsum(draw.integers(-3, 4, 3000))
    times = np.cumsum(draw.integers(0, 30, 3000)) * 10**9 + 1_704_067_200 * 10**9
    columns = {"time": times.view("datetime64[ns]"), "bid": bid / 100, "ask": (bid + draw.integers(0, 3, 3000)) / 100}
    market = fw.read_quotes(columns, symbol="X", tz="UTC")
    for mark in ("mid", "exit_side"):
        config = fw.Config.from_dict({"version": 1, "account": {"mark": mark}})
        one, two = fw.run(Plain(), market, config), fw.run(Timed(), market, config)
        assert one.certificate.ok and two.certificate.ok
        assert one.record.info["journal_fingerprint"] == two.record.info["journal_fingerprint"]
        assert one.record.counters == two.record.counters
