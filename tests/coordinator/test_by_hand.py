"""A paused run hands out its order manager: what is ordered then is what a callback of that instant would have ordered."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import fillwright as fw

MARKET = fw.make_bars(40, seed=3, timeframe="1d")
PAUSE = "2020-01-11"


def paused() -> fw.Run:
    run = fw.Run(fw.Strategy(), MARKET)
    run.until(PAUSE)
    return run


class OnTheDay(fw.Strategy):
    """Orders at the instant of the pause what a hand orders there."""

    def on_bar(self, bar: fw.Bar) -> None:
        if bar.index == 10:  # the day of the pause
            self.buy("MADE", 10, take_profit=150, stop_loss=50, tag="a")
            self.sell("MADE", 4, limit=200)


def test_orders_by_hand_are_those_of_a_callback() -> None:
    run = paused()
    order = run.orders.buy("MADE", 10, take_profit=150, stop_loss=50, tag="a")
    run.orders.sell("MADE", 4, limit=200)
    assert order.status is fw.OrderStatus.PENDING_NEW
    by_hand, alone = run.execute(), fw.run(OnTheDay(), MARKET)
    assert order.status is fw.OrderStatus.FILLED
    for name in ("orders", "order_events", "fills", "lot_closes"):
        assert np.array_equal(by_hand.record.tables[name], alone.record.tables[name]), name
    assert by_hand.record.info["journal_fingerprint"] == alone.record.info["journal_fingerprint"]


def test_more_orders_than_there_was_room_for() -> None:
    run = paused()
    for _ in range(6000):
        run.orders.buy("MADE", 1, limit=1)
    result = run.execute()
    assert len(result.record.tables["orders"]) == 6000


def test_the_result_says_so() -> None:
    untouched, used = paused(), paused()
    assert used.orders is used.orders
    first, second = untouched.execute(), used.execute()
    assert [w for w in second.record.warnings if w not in first.record.warnings] == [
        "orders could be placed by hand while the run was paused"
    ]
    assert first.record.info["input_fingerprint"] != second.record.info["input_fingerprint"]


def test_only_while_it_is_paused() -> None:
    run = fw.Run(fw.Strategy(), MARKET)
    with pytest.raises(fw.UsageError, match="paused run of a Strategy"):
        _ = run.orders
    arrays = fw.Run(fw.Targets(units=np.zeros(len(MARKET.instants))), MARKET)
    arrays.until(PAUSE)
    with pytest.raises(fw.UsageError, match="paused run of a Strategy"):
        _ = arrays.orders


def test_no_checkpoint_of_what_cannot_be_repeated(tmp_path: Path) -> None:
    run = paused()
    run.checkpoint(tmp_path / "before")
    run.orders.buy("MADE", 1)
    with pytest.raises(fw.UsageError, match="placed by hand"):
        run.checkpoint(tmp_path / "after")
    assert not (tmp_path / "after").exists()


class Here(fw.Strategy):
    """Its module is this one, whose names are watched."""


def test_what_happens_during_a_pause_is_not_the_runs_doing(monkeypatch: pytest.MonkeyPatch) -> None:
    run = fw.Run(Here(), MARKET)
    run.until(PAUSE)
    monkeypatch.setattr(sys.modules[__name__], "PAUSE", "another day")
    assert not [warning for warning in run.execute().record.warnings if "isolation" in warning]


class Changes(fw.Strategy):
    """Changes a name of its module before and after a pause."""

    def on_bar(self, bar: fw.Bar) -> None:
        COUNTS.append(1)


COUNTS: list[int] = []


def test_what_the_run_does_before_a_pause_is_told_once() -> None:
    run = fw.Run(Changes(), MARKET)
    run.until(PAUSE)
    told = [warning for warning in run.execute().record.warnings if "isolation" in warning]
    assert len(told) == 1 and "COUNTS was changed during the run" in told[0]
