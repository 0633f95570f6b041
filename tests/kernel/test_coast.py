"""Stretches without orders run in a loop of their own: they leave what the general loop leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fillwright as fw
from fillwright.kernel.blocks import SPARE_BYTES, _spare, block


class Rare(fw.Strategy):
    """Changes its position at given bars: long, short or flat, and nothing in between."""

    targets: dict = fw.param(None)  # type: ignore[type-arg]

    def on_bar(self, bar: Any) -> None:
        if bar.index in self.targets:
            self.target(bar.symbol, self.targets[bar.index])


class RareInTheGeneralLoop(Rare):
    """The same; wanting sessions keeps it out of the short loop."""

    def on_session_open(self, symbol: str) -> None:
        """Nothing: being asked is the point."""


def wild_market(seed: int, bars: int = 400) -> fw.Market:
    """One instrument whose price moves by several percent a bar."""
    draw = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(draw.normal(0, 0.05, bars))), 2) + 1
    opened = np.append(100.0, close[:-1])
    time = np.datetime64("2024-01-01", "ns") + np.arange(bars) * np.timedelta64(3_600_000_000_000, "ns")
    columns = {"open": opened, "high": np.maximum(opened, close) + 0.5, "low": np.minimum(opened, close) - 0.5, "close": close}
    return fw.read_bars({"time": time, **columns, "volume": np.full(bars, 1e6)}, symbol="AAA", timeframe="1h", tz="UTC")


@pytest.mark.kernel
def test_the_short_loop_leaves_what_the_general_loop_leaves() -> None:
    liquidated = drawdowns = 0
    for seed in range(40):
        market, draw = wild_market(seed), np.random.default_rng([seed, 1])
        targets = {int(bar): int(draw.choice([-1500, 0, 1500])) for bar in draw.choice(400, 12, replace=False)}
        config = fw.Config.from_dict({"account": {"initial_cash": 100_000, "leverage": 4, "maintenance_margin": "10%"}})
        quick, general = (fw.run(kind(targets=targets), market, config).record for kind in (Rare, RareInTheGeneralLoop))
        assert quick.info["journal_fingerprint"] == general.info["journal_fingerprint"]
        assert np.array_equal(quick.equity, general.equity)
        assert quick.counters == general.counters
        liquidated += int((quick.tables["orders"]["exit_reason"] == fw.ExitReason.LIQUIDATION).any())
        drawdowns += quick.counters["drawdown"] > 0
    assert liquidated >= 10, "the account must have been called in many of them"
    assert drawdowns >= 30


@pytest.mark.kernel
def test_memory_is_lent_again_and_bounded() -> None:
    _spare.clear()
    dtype = np.dtype([("a", np.int64), ("b", np.int64)])
    first = block(200_000, dtype)
    address = first.ctypes.data
    part = first[5:10]
    del first
    second = block(200_000, dtype)
    assert second.ctypes.data != address, "a slice still needs the memory"
    del part
    assert block(190_000, dtype).ctypes.data == address, "of the spare ones the last that came back fits"
    many = [block(2_000_000, dtype) for _ in range(12)]
    del many, second
    assert sum(memory.nbytes for memory in _spare) <= SPARE_BYTES
    small = block(10, dtype)
    assert small.shape == (10,) and small.flags.writeable


@pytest.mark.kernel
def test_what_memory_held_before_changes_nothing() -> None:
    market = fw.make_bars(40_000, timeframe="1min", seed=3)
    targets = {int(bar): int(100 * (k % 3 - 1)) for k, bar in enumerate(range(10, 39_000, 7))}
    clean = fw.run(Rare(targets=targets), market, cash=10_000_000).record
    fingerprint, equity = clean.info["journal_fingerprint"], clean.equity.copy()
    del clean
    for memory in _spare:
        memory.buffer[:] = 0xA5
    again = fw.run(Rare(targets=targets), market, cash=10_000_000).record
    assert again.info["journal_fingerprint"] == fingerprint
    assert np.array_equal(again.equity, equity)
